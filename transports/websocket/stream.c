/* SPDX-License-Identifier: MIT
 *
 * stream.c: the bytes of a link, and the callback through which lws tells everything. The payloads
 * of binary messages, one behind the other, are the stream; where a message ends means nothing, and
 * nothing is put together, so a frame that claims 2^62 bytes costs nothing. Sending pulls: there is
 * one queue, the core's.
 */
#include <string.h>

#include "transports/websocket/ws.h"

/* ---- sending ---------------------------------------------------------------------------- */

/* The close frame is the last thing we write (RFC 6455 §5.5.1); then lws waits for the other
 * side's, so that everything before it has been read. */
static int goodbye(struct kith__ws_link *link, unsigned code)
{
    link->mute = link->goodbye = 1;
    lws_close_reason(link->wsi, (enum lws_close_status)code, NULL, 0);
    return 1;
}

/* How much to pull, 0: nothing now. What has been pulled cannot be overtaken, and lws copies what
 * the socket does not take: so no more than that, once it was too much. */
static size_t room_of(struct kith__ws_link *link)
{
    size_t most = kith__ws_frame_room(link);
    size_t room = link->pressed ? kith__ws_tcp_room(link->socket.fd, most) : most;
    link->choked = room < KITH__WS_PULL_BYTES_MIN;
    if (link->choked) {
        return 0;
    }
    return room < most ? room : most;
}

/* Until lws had to buffer or nothing is left. */
int kith__ws_pump(struct kith__ws_link *link)
{
    size_t room;
    if (link->mute || lws_partial_buffered(link->wsi)) {
        return 0;
    }
    for (int i = 0; i < KITH__WS_PULLS_PER_TURN && (room = room_of(link)) > 0; i++) {
        ssize_t count = kith__ws_write_frame(link, room);
        if (link->cut) {
            return 0;
        }
        link->pressed = count > 0;
        if (count == 0) {
            return link->closing ? goodbye(link, link->close_code) : 0;
        }
        if (count < 0) {
            /* What came in is still to be read; then lws finds the end itself. */
            link->mute = 1;
            (void)shutdown(lws_get_socket_fd(link->wsi), SHUT_RDWR);
            return 0;
        }
        if (lws_partial_buffered(link->wsi)) {
            return 0; /* lws asks for writability itself */
        }
    }
    (void)lws_callback_on_writable(link->wsi);
    return 0;
}

static int writable(struct kith__ws_link *link)
{
    return link->stage == KITH__WS_UP && !link->cut && kith__ws_pump(link) ? -1 : 0;
}

/* ---- receiving -------------------------------------------------------------------------- */

/* The other side has a moment to take part in closing. */
static void hurry(struct kith__ws_link *link)
{
    struct kith_env *env = kith__ws_endpoint_of(link)->base.env;
    uint64_t at_us = env->now_us + KITH_LINK_CLOSE_MS * UINT64_C(1000);
    if (kith_timer_set(env, &link->deadline, at_us) != KITH_OK) {
        kith__ws_link_cut(link);
    }
}

static int refuse(struct kith__ws_link *link, enum lws_close_status code)
{
    hurry(link);
    return goodbye(link, code) ? -1 : 0;
}

/* A frame that moves nothing: an empty one, a ping or a pong. We send none; a few cost nothing. */
static int receive_idle(struct kith__ws_link *link)
{
    uint64_t second = kith__ws_endpoint_of(link)->base.env->now_us / 1000000;
    if (link->stage != KITH__WS_UP || link->goodbye || link->cut) {
        return 0;
    }
    if (second != link->idle_second) {
        link->idle_second = second;
        link->idle_frames = 0;
    }
    if (++link->idle_frames <= KITH_IDLE_FRAMES_PER_S_MAX) {
        return 0;
    }
    kith__ws_link_fail(link, KITH_REASON_PROTOCOL, "%s sends too many frames that move nothing",
                       kith__ws_who(link));
    return refuse(link, LWS_CLOSE_STATUS_POLICY_VIOLATION);
}

static int receive(struct kith__ws_link *link, const uint8_t *bytes, size_t count)
{
    if (link->stage != KITH__WS_UP || link->goodbye || link->cut) {
        return 0;
    }
    if (!lws_frame_is_binary(link->wsi)) {
        kith__ws_link_fail(link, KITH_REASON_PROTOCOL, "%s sent a text message",
                           kith__ws_who(link));
        return refuse(link, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE);
    }
    if (count == 0) {
        return receive_idle(link);
    }
    link->more |= count >= KITH__WS_RX_MORE_BYTES || link->heads_left > 0;
    link->heads_left -= link->heads_left > 0;
    kith_up_rx(&link->base, bytes, count);
    return 0;
}

/* Of what comes next, so much belongs to where *at is. */
static size_t place_of(struct kith__ws_link *link, size_t left, uint8_t **at)
{
    size_t count;
    if (left < KITH__WS_HEADS_BYTES || link->stage != KITH__WS_UP || link->goodbye || link->cut ||
        !lws_frame_is_binary(link->wsi)) {
        return 0;
    }
    count = kith_up_rx_place(&link->base, at);
    count = count < left ? count : left;
    return count < KITH__WS_RX_BYTES ? count : KITH__WS_RX_BYTES; /* handed over as one */
}

/* lws is about to read: where to, and how much. left: of the payload that comes next, 0 for a head.
 * Large messages go straight to where they belong; then what is left of a frame and the next one's
 * head are read on their own, or what follows would have to be copied. */
static void place(struct kith__ws_link *link, struct lws_tokens *to, size_t left)
{
    uint8_t *at;
    size_t count = place_of(link, left, &at);
    if (count > 0) {
        to->token = at;
        to->len = (int)count;
        link->heads_left = KITH__WS_HEADS_MAX;
    } else if (link->heads_left > 0) {
        to->len = to->len < KITH__WS_HEADS_BYTES ? to->len : KITH__WS_HEADS_BYTES;
    }
}

/* A close frame came: lws answers it when this returns, so nothing may be written any more. */
static void closed_by_peer(struct kith__ws_link *link, const uint8_t *bytes, size_t count)
{
    unsigned code = count >= 2 ? (unsigned)bytes[0] << 8 | bytes[1] : 1005;
    kith__ws_link_fail(link, KITH_REASON_LOST, "%s closed the connection (WebSocket code %u)",
                       kith__ws_who(link), code);
    link->mute = 1;
    hurry(link);
}

static void gone(struct kith__ws_link *link)
{
    link->wsi = NULL;
    kith__ws_link_over(link);
}

/* ---- what lws tells --------------------------------------------------------------------- */

static int callback_of_link(struct kith__ws_link *link, struct lws *wsi,
                            enum lws_callback_reasons reason, void *in, size_t count)
{
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return kith__ws_take_request(link, wsi, in);
    case LWS_CALLBACK_HTTP:
    case LWS_CALLBACK_HTTP_BODY:
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
    case LWS_CALLBACK_RAW_ADOPT:
    case LWS_CALLBACK_RAW_RX:
        return kith__ws_take_request(link, wsi, "");
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
        return kith__ws_take_response(link, wsi);
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        return kith__ws_link_up(link, wsi);
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return receive(link, in, count);
    case LWS_CALLBACK_USER: /* of our patch: a ping or a pong */
        return receive_idle(link);
    case LWS_CALLBACK_USER + 1: /* of another one */
        place(link, in, count);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return writable(link);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        closed_by_peer(link, in, count);
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        kith__ws_link_explain(link, wsi); /* later the HTTP headers are gone */
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        gone(link);
        return 0;
    default:
        return 0;
    }
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t count)
{
    struct kith__ws_link *link;
    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
        return kith__ws_server_tls(lws_vhost_user(in), user);
    }
    if (reason == LWS_CALLBACK_PROTOCOL_INIT || reason == LWS_CALLBACK_PROTOCOL_DESTROY) {
        return 0; /* of the vhost, there is no connection to ask */
    }
    link = wsi != NULL ? lws_get_opaque_user_data(wsi) : NULL;
    return link != NULL ? callback_of_link(link, wsi, reason, in, count) : 0;
}

const struct lws_protocols kith__ws_protocols[] = {
    {
        .name = KITH__WS_SUBPROTOCOL,
        .callback = callback,
        .rx_buffer_size = KITH__WS_RX_BYTES,
        .tx_packet_size =
            (size_t)2 * KITH__WS_PULL_BYTES, /* a whole message with its header at once */
    },
    LWS_PROTOCOL_LIST_TERM,
};
