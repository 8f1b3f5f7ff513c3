/* SPDX-License-Identifier: MIT
 *
 * conn.c: one link from its first byte to its last: up-calls of the driver, frames to their
 * handlers, control frames out, closing, liveness. It does not decide which links are used (peer.c)
 * nor what to send next (scheduler.c). Pure.
 *
 * Legal frames by state (anything else known ends the link with PROTOCOL):
 *   HELLO           HELLO, WAIT, CLOSE
 *   AUTH            AUTH, CLOSE
 *   AUTHENTICATED   all but HELLO and AUTH
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"
#include "base/wire.h"
#include "bounds.h"
#include "session/session.h"

enum { HANDSHAKE_SLACK_MS = 50 };

static const struct kith_frame_sink sink;

/* ---- birth and death --------------------------------------------------------------------------
 */

static void release(struct kith_deferred *deferred)
{
    kith_conn_destroy(KITH_CONTAINER(deferred, struct kith_conn, release));
}

/* The handshake took too long, or closing did. */
static void out_of_time(struct kith_timer *timer)
{
    struct kith_conn *conn = KITH_CONTAINER(timer, struct kith_conn, timer);
    if (conn->state == KITH_CONN_CLOSING) {
        conn->driver->close(conn->link, (unsigned)kith_reason_to_wire(conn->reason), 0);
    } else {
        kith_conn_fail(conn, KITH_REASON_TIMEOUT, "the handshake was not finished in time");
    }
}

static void check_alive(struct kith_timer *timer);

void kith_conn_set_deadline(struct kith_conn *conn)
{
    struct kith_env *env = conn->session->env;
    uint64_t from_us = env->now_us > conn->wait_until_us ? env->now_us : conn->wait_until_us;
    if (kith_timer_set(env, &conn->timer,
                       from_us + (uint64_t)conn->session->config.handshake_ms * 1000) != KITH_OK) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
    }
}

static struct kith_conn *new_conn(struct kith_session *session, struct kith_endpoint *endpoint)
{
    struct kith_env *env = session->env;
    struct kith_conn *conn = kith_alloc(env, sizeof *conn);
    struct kith_link *link = kith_alloc(env, endpoint->driver->link_bytes);
    if (conn == NULL || link == NULL) {
        kith_free(env, conn);
        kith_free(env, link);
        return NULL;
    }
    link->endpoint = endpoint;
    link->conn = conn;
    conn->session = session;
    conn->number = ++session->last_conn_number;
    conn->link = link;
    conn->driver = endpoint->driver;
    conn->timer.fire = out_of_time;
    conn->ping_timer.fire = check_alive;
    conn->release.run = release;
    /* The driver bounds its own handshake by the same time and knows better what it waited for: it
     * comes first. */
    if (kith_timer_set(env, &conn->timer,
                       env->now_us + ((uint64_t)session->config.handshake_ms + HANDSHAKE_SLACK_MS) *
                                         1000) != KITH_OK) {
        kith_free(env, conn);
        kith_free(env, link);
        return NULL;
    }
    kith_list_init(&conn->datagrams);
    kith_list_append(&session->conns, &conn->node);
    return conn;
}

void kith_conn_destroy(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    struct kith_env *env = session->env;
    if (conn->dial != NULL) {
        conn->dial->conn = NULL;
    }
    kith_timer_stop(env, &conn->timer);
    kith_timer_stop(env, &conn->ping_timer);
    kith_undefer(&conn->release);
    kith_decoder_fini(&conn->decoder, env);
    kith_list_remove(&conn->node);
    kith_datagrams_drop(conn, NULL);
    kith_lanes_drop(conn);
    kith_free(env, conn->adopt_waits);
    kith_free(env, conn->context);
    kith_free(env, conn->places);
    if (!kith_mutant(LEAK_BLOCK)) {
        kith_free(env, conn->control);
    }
    kith_free(env, conn->link);
    kith_free(env, conn);
    kith_session_poke(session);
}

struct kith_conn *kith_conn_dial(struct kith_dial *dial, const struct kith_address *address,
                                 kith_err *err)
{
    struct kith_session *session = dial->session;
    struct kith_endpoint *endpoint;
    struct kith_conn *conn;
    *err = kith_session_endpoint(session, dial->driver_index, &endpoint);
    if (*err != KITH_OK) {
        return NULL;
    }
    conn = new_conn(session, endpoint);
    if (conn == NULL) {
        *err = KITH_ERR_NOMEM;
        return NULL;
    }
    conn->dial = dial;
    conn->dialled = 1;
    conn->only_tls12 = dial->tls12 == KITH_TLS12_PSK_ONLY;
    kith_text_copy(conn->remote_address, sizeof conn->remote_address, dial->text);
    session->stats.links_dialled++;
    *err = conn->driver->dial(conn->link, address);
    if (*err != KITH_OK) {
        conn->state = KITH_CONN_DOWN;
        conn->dial = NULL;
        kith_conn_destroy(conn);
        return NULL;
    }
    return conn;
}

struct kith_link *kith_up_accepted(struct kith_port *port, const char *remote_address)
{
    struct kith_session *session = port->endpoint->session;
    struct kith_conn *conn;
    session->stats.links_accepted++;
    if (session->state != KITH_SESSION_OPEN) {
        return NULL;
    }
    if (!kith_gate_open(session, remote_address)) {
        return NULL;
    }
    conn = new_conn(session, port->endpoint);
    if (conn == NULL) {
        return NULL;
    }
    kith_text_copy(conn->remote_address, sizeof conn->remote_address, remote_address);
    kith_gate_entered(conn);
    return conn->link;
}

/* ---- up-calls ---------------------------------------------------------------------------------
 */

void kith_up_link(struct kith_link *link)
{
    struct kith_conn *conn = link->conn;
    if (conn->state != KITH_CONN_TRANSPORT) {
        return;
    }
    conn->up = 1;
    conn->driver->info(link, &conn->link_info);
    if (conn->link_info.remote_address != NULL && conn->link_info.remote_address[0] != '\0') {
        kith_text_copy(conn->remote_address, sizeof conn->remote_address,
                       conn->link_info.remote_address);
    }
    conn->state = KITH_CONN_HELLO;
    kith_handshake_start(conn);
}

void kith_up_moved(struct kith_link *link, const char *remote_address)
{
    struct kith_conn *conn = link->conn;
    if (conn->state == KITH_CONN_DOWN) {
        return;
    }
    kith_log(conn->session->env, KITH_LOG_INFO, "%s is at %s now", conn->remote_address,
             remote_address);
    kith_text_copy(conn->remote_address, sizeof conn->remote_address, remote_address);
    kith_network_moved(conn);
}

size_t kith_up_pull(struct kith_link *link, uint8_t *out, size_t room)
{
    return kith_schedule(link->conn, out, room);
}

void kith_up_pull_slices(struct kith_link *link, uint8_t *out, size_t room, size_t most,
                         struct kith_pulled *pulled)
{
    kith_schedule_slices(link->conn, out, room, most, pulled);
}

void kith_up_pulled(struct kith_link *link)
{
    kith_schedule_done(link->conn);
}

void kith_up_down(struct kith_link *link, kith_reason reason, const char *detail)
{
    struct kith_conn *conn = link->conn;
    struct kith_session *session = conn->session;
    struct kith_dial *dial = conn->dial;
    int was_closing = conn->state == KITH_CONN_CLOSING;
    if (conn->state == KITH_CONN_DOWN) {
        return;
    }
    if (!was_closing && reason == KITH_REASON_LOCAL && session->state == KITH_SESSION_OPEN) {
        reason = KITH_REASON_INTERNAL; /* nobody asked for it: a frame found no memory */
        detail = "out of memory";
    }
    kith_gate_passed(conn, 0);
    kith_timer_stop(session->env, &conn->timer);
    kith_timer_stop(session->env, &conn->ping_timer);
    if (!was_closing) {
        conn->reason = reason;
        kith_text_copy(conn->detail, sizeof conn->detail, detail);
        if (conn->state < KITH_CONN_AUTHENTICATED && dial == NULL) {
            kith_session_refused(session, conn->remote_address, reason, detail);
        } else {
            kith_log(session->env, KITH_LOG_INFO, "%s down: %s%s%s", conn->remote_address,
                     kith_reason_text(reason), detail[0] != '\0' ? ": " : "", detail);
        }
    }
    conn->state = KITH_CONN_DOWN;
    kith_defer(session->env, &conn->release);
    kith_ask_withdraw(conn, 1);
    kith_association_lost(conn, reason);
    if (conn->dial != NULL) {
        conn->dial = NULL;
        kith_dial_conn_down(dial, conn, conn->reason, conn->detail);
    }
}

/* ---- closing ----------------------------------------------------------------------------------
 */

static void append_control(struct kith_conn *conn, const uint8_t *bytes, size_t count)
{
    struct kith_env *env = conn->session->env;
    if (conn->control_start > 0 && conn->control_count + count > conn->control_room) {
        conn->control_count -= conn->control_start;
        memmove(conn->control, conn->control + conn->control_start, conn->control_count);
        conn->control_start = 0;
    }
    if (conn->control_count + count > conn->control_room) {
        size_t room = conn->control_room == 0 ? 512 : conn->control_room * 2;
        uint8_t *control;
        while (room < conn->control_count + count) {
            room *= 2;
        }
        control = kith_resize(env, conn->control, room);
        if (control == NULL) {
            conn->driver->close(conn->link, KITH_REASON_INTERNAL, 0);
            return;
        }
        conn->control = control;
        conn->control_room = room;
    }
    memcpy(conn->control + conn->control_count, bytes, count);
    conn->control_count += count;
}

static void queue_frame(struct kith_conn *conn, uint64_t type, const void *body, size_t length)
{
    uint8_t head[KITH_FRAME_HEAD_BYTES_MAX];
    struct kith_writer to = kith_writer_of(head, sizeof head);
    kith_write_varint(&to, type);
    kith_write_varint(&to, length);
    append_control(conn, head, kith_written(&to));
    append_control(conn, body, length);
}

void kith_conn_send(struct kith_conn *conn, uint64_t type, const void *body, size_t length)
{
    if (conn->state >= KITH_CONN_CLOSING) {
        return;
    }
    if (conn->control_count - conn->control_start + length > KITH_CONTROL_BYTES_MAX) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "asks without reading the answers");
        return;
    }
    queue_frame(conn, type, body, length);
    conn->driver->tx_ready(conn->link);
}

/* Has the driver end the link; it bounds that itself when there is no memory for a timer. */
static void end_link(struct kith_conn *conn, kith_reason code)
{
    struct kith_env *env = conn->session->env;
    int flush =
        conn->up && kith_timer_set(env, &conn->timer,
                                   env->now_us + (uint64_t)KITH_LINK_CLOSE_MS * 1000) == KITH_OK;
    conn->driver->close(conn->link, (unsigned)kith_reason_to_wire(code), flush);
}

/* quiet: the other side has said CLOSE itself, so nothing is sent. */
static void close_link(struct kith_conn *conn, kith_reason reason, kith_reason code,
                       const char *text, int quiet)
{
    uint8_t body[KITH_CLOSE_BODY_BYTES_MAX];
    if (conn->state >= KITH_CONN_CLOSING) {
        return;
    }
    conn->state = KITH_CONN_CLOSING;
    conn->reason = reason;
    kith_timer_stop(conn->session->env, &conn->ping_timer);
    kith_ask_withdraw(conn, 0);
    if (quiet) {
        conn->control_start = conn->control_count = 0; /* nothing follows the other side's CLOSE */
    } else if (conn->up) {
        queue_frame(conn, KITH_FRAME_CLOSE, body,
                    kith_close_encode((unsigned)kith_reason_to_wire(code), text, body));
    }
    end_link(conn, code);
    kith_association_lost(conn, reason);
}

void kith_conn_close(struct kith_conn *conn, kith_reason reason, kith_reason code, const char *text)
{
    close_link(conn, reason, code, text, 0);
}

void kith_conn_fail(struct kith_conn *conn, kith_reason reason, const char *detail)
{
    if (conn->state >= KITH_CONN_CLOSING) {
        return;
    }
    kith_text_copy(conn->detail, sizeof conn->detail, detail);
    if (conn->peer != NULL && conn->peer->state == KITH_PEER_CONNECTED) {
        kith_log(conn->session->env, KITH_LOG_WARN, "%s (%s) dropped: %s: %s", conn->peer->name,
                 conn->remote_address, kith_reason_text(reason), detail);
        conn->session->stats.refused_protocol += reason == KITH_REASON_PROTOCOL;
    } else {
        kith_session_refused(conn->session, conn->remote_address, reason, detail);
    }
    /* Silence is the link's end, and may not be the peer's. */
    if (conn->peer != NULL && reason != KITH_REASON_TIMEOUT) {
        kith_peer_depart(conn->peer, reason, "", reason);
    } else {
        kith_conn_close(conn, reason, reason, "");
    }
}

/* ---- bytes to frames --------------------------------------------------------------------------
 */

void kith_conn_heard(struct kith_conn *conn)
{
    conn->heard_us = conn->session->env->now_us;
    conn->pings_unanswered = 0;
}

size_t kith_up_rx_place(struct kith_link *link, uint8_t **place)
{
    struct kith_conn *conn = link->conn;
    const struct kith_decoder *decoder = &conn->decoder;
    if (conn->state != KITH_CONN_AUTHENTICATED || decoder->state != KITH_DECODE_DATA) {
        return 0;
    }
    return kith_peer_place(conn, decoder->lane, decoder->offset, decoder->left, place);
}

void kith_up_rx(struct kith_link *link, const uint8_t *bytes, size_t count)
{
    struct kith_conn *conn = link->conn;
    int stop;
    if (conn->state < KITH_CONN_HELLO || conn->state >= KITH_CONN_CLOSING) {
        return;
    }
    kith_conn_heard(conn);
    stop = kith_decoder_feed(&conn->decoder, conn->session->env, bytes, count, &sink, conn);
    if (stop == KITH_DECODER_BROKEN) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "a frame that cannot be read");
    } else if (stop == KITH_DECODER_NOMEM) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
    }
}

int kith_conn_count_idle(struct kith_conn *conn)
{
    uint64_t second = conn->session->env->now_us / 1000000;
    if (second != conn->rate_second) {
        conn->rate_second = second;
        conn->rate_idle = conn->rate_pings = 0;
    }
    if (++conn->rate_idle > KITH_IDLE_FRAMES_PER_S_MAX) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "too many frames that move nothing");
        return 1;
    }
    return 0;
}

int kith_conn_count_repeat(struct kith_conn *conn, size_t count)
{
    if (count > 0 && count <= conn->repeats_left_bytes) {
        conn->repeats_left_bytes -= count;
        return 0;
    }
    if (conn->decoder.is_begun) {
        return 0; /* it is the frame that counts, in however many parts it comes */
    }
    return kith_conn_count_idle(conn);
}

static int is_legal(const struct kith_conn *conn, uint64_t type)
{
    if (type == KITH_FRAME_CLOSE) {
        return 1;
    }
    if (type == KITH_FRAME_DATA && (conn->driver->capabilities & KITH_DRIVER_MANY_LANES) != 0) {
        return 0; /* lanes have streams of their own here */
    }
    switch (conn->state) {
    case KITH_CONN_HELLO:
        return type == KITH_FRAME_HELLO || type == KITH_FRAME_WAIT;
    case KITH_CONN_AUTH:
        return type == KITH_FRAME_AUTH;
    case KITH_CONN_AUTHENTICATED:
        return type != KITH_FRAME_HELLO && type != KITH_FRAME_AUTH;
    case KITH_CONN_TRANSPORT:
    case KITH_CONN_CLOSING:
    case KITH_CONN_DOWN:
        break;
    }
    return 0;
}

static int on_head(void *user, uint64_t type, uint64_t length, int *skip)
{
    struct kith_conn *conn = user;
    char detail[80];
    if (!kith_frame_known(type) && type % 2 == 1 && conn->state == KITH_CONN_AUTHENTICATED) {
        conn->session->stats.frames_ignored++;
        *skip = 1;
        return kith_conn_count_idle(conn);
    }
    if (!kith_frame_length_ok(type, length) || !is_legal(conn, type)) {
        snprintf(detail, sizeof detail, "frame %s (0x%llx) of %llu bytes has no place here",
                 kith_frame_name(type), (unsigned long long)type, (unsigned long long)length);
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, detail);
        return 1;
    }
    return 0;
}

/* What to do about a refusal that came without a text. */
static const char *hint(const struct kith_conn *conn, kith_reason reason)
{
    if (reason == KITH_REASON_AUTH && conn->dial != NULL && conn->dial->has_want &&
        conn->state == KITH_CONN_HELLO) {
        return "another peer than the wanted one answers there";
    }
    switch ((int)reason) {
    case KITH_REASON_SESSION:
        return "both sides must name the same session";
    case KITH_REASON_ROLE:
        return "connect a client to a server, or a star to a star";
    case KITH_REASON_VERSION:
        return "update the older side";
    case KITH_REASON_SELF:
        return "the address is one of its own";
    case KITH_REASON_FULL:
        return "the other side has reached its max_peers";
    case KITH_REASON_AUTH:
        return "the other side does not trust this connection: something in between may have "
               "spliced it";
    case KITH_REASON_UNTRUSTED:
        return "the other side does not trust this side's certificate";
    case KITH_REASON_ID_IN_USE:
        return "two programs use the same identity; give each its own";
    default:
        return "";
    }
}

/* Does the other side's word concern the peer, or this link alone? */
static int ends_association(kith_reason reason)
{
    return reason != KITH_REASON_LOST && reason != KITH_REASON_TIMEOUT &&
           reason != KITH_REASON_DUPLICATE;
}

/* Beside the link in use, what a chosen one says may be of an association before this one: who ends
 * one says so on every link it has, and some are slower than others. */
static int is_end_of(const struct kith_peer *peer, const struct kith_conn *conn, kith_reason reason)
{
    return ends_association(reason) ? peer->active == NULL || peer->active == conn
                                    : peer->active == conn && peer->resume_window_ms == 0;
}

static void on_close(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    char text[KITH_REASON_TEXT_BYTES_MAX + 1];
    struct kith_close close;
    struct kith_peer *peer;
    kith_reason reason;
    if (!kith_close_decode(body, length, &close)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "bad CLOSE");
        return;
    }
    reason = kith_reason_from_wire(close.code);
    kith_text_copy(conn->detail, sizeof conn->detail,
                   close.text[0] != '\0' ? close.text : hint(conn, reason));
    if (conn->state < KITH_CONN_AUTHENTICATED && !conn->dialled) {
        kith_session_refused(conn->session, conn->remote_address, reason, "said by the other side");
    }
    peer = conn->peer;
    if (peer != NULL && is_end_of(peer, conn, reason)) {
        struct kith_conn *newcomer = kith_restart_end(peer);
        kith_text_copy(text, sizeof text, close.text);
        conn->peer = NULL; /* not only this link is lost, and not to a newcomer */
        close_link(conn, reason, reason, "", 1);
        conn->peer = peer;
        peer->probe.newcomer = newcomer;
        kith_peer_depart(peer, reason, text, KITH_REASON_LEFT);
        return;
    }
    if (peer != NULL && peer->active != NULL && peer->active != conn && ends_association(reason)) {
        kith_conn_probe(peer->active, 1); /* if it was meant, nobody answers there */
    }
    close_link(conn, reason, reason, "", 1);
}

void kith_conn_tell_wait(struct kith_conn *conn, uint32_t wait_ms)
{
    uint8_t body[KITH_WAIT_BYTES];
    struct kith_writer to = kith_writer_of(body, sizeof body);
    kith_write_uint(&to, wait_ms, KITH_WAIT_BYTES);
    kith_conn_send(conn, KITH_FRAME_WAIT, body, sizeof body);
}

/* The other side needs time before it goes on with this link. Before HELLO its application looks at
 * a certificate; later it looks for an earlier incarnation of ours, or asks its application. */
static void on_wait(struct kith_conn *conn, const uint8_t *body)
{
    struct kith_reader from = kith_reader_of(body, KITH_WAIT_BYTES);
    uint64_t ms = kith_read_uint(&from, KITH_WAIT_BYTES);
    int is_early = conn->state == KITH_CONN_HELLO;
    if (conn->waits_told >= (is_early ? 1 : KITH_WAITS_MAX) ||
        (is_early && (conn->session->config.security != KITH_SECURITY_PKI || conn->hello_waits)) ||
        kith_conn_is_in_use(conn)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "a WAIT out of turn");
        return;
    }
    ms = ms < KITH_ASK_MS_MAX ? ms : KITH_ASK_MS_MAX;
    conn->waits_told++;
    conn->wait_until_us = conn->session->env->now_us + ms * 1000;
    if (conn->ask == NULL) {
        kith_conn_set_deadline(conn);
    }
    kith_association_wait(conn);
}

static void on_ping(struct kith_conn *conn, const uint8_t *body)
{
    if (kith_conn_count_idle(conn) != 0) {
        return;
    }
    if (++conn->rate_pings > KITH_PING_PER_S_MAX) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "too many PINGs");
        return;
    }
    kith_conn_send(conn, KITH_FRAME_PONG, body, KITH_PING_BYTES);
}

static void on_pong(struct kith_conn *conn, const uint8_t *body)
{
    if (conn->ping_sent_us != 0 && memcmp(body, conn->ping_nonce, KITH_PING_BYTES) == 0) {
        uint64_t rtt_us = conn->session->env->now_us - conn->ping_sent_us;
        conn->rtt_us = rtt_us == 0 ? 1 : rtt_us > UINT32_MAX ? UINT32_MAX : (uint32_t)rtt_us;
        conn->ping_sent_us = 0;
        conn->is_doubted = 0;
    } else if (!kith_restart_answered(conn, body)) {
        (void)kith_conn_count_idle(conn);
    }
}

static int on_frame(void *user, uint64_t type, const uint8_t *body, size_t length)
{
    struct kith_conn *conn = user;
    switch ((enum kith_frame_type)type) {
    case KITH_FRAME_HELLO:
        kith_handshake_hello(conn, body, length);
        break;
    case KITH_FRAME_AUTH:
        kith_handshake_auth(conn, body, length);
        break;
    case KITH_FRAME_INFO:
        kith_handshake_info(conn, body, length);
        break;
    case KITH_FRAME_ADOPT:
        kith_association_adopt(conn, body, length);
        break;
    case KITH_FRAME_ADOPTED:
        kith_association_adopted(conn, body, length);
        break;
    case KITH_FRAME_FORGOTTEN:
        kith_association_forgotten(conn, body, length);
        break;
    case KITH_FRAME_CREDIT:
        kith_peer_credit(conn, body, length);
        break;
    case KITH_FRAME_CLOSE:
        on_close(conn, body, length);
        break;
    case KITH_FRAME_PING:
        on_ping(conn, body);
        break;
    case KITH_FRAME_PONG:
        on_pong(conn, body);
        break;
    case KITH_FRAME_DATAGRAM:
        kith_peer_datagram(conn, body, length);
        break;
    case KITH_FRAME_BLOCKED:
        kith_peer_blocked(conn, body, length);
        break;
    case KITH_FRAME_WAIT:
        on_wait(conn, body);
        break;
    case KITH_FRAME_PEERS:
        kith_introduce_came(conn, body, length);
        break;
    case KITH_FRAME_DATA: /* comes as on_data */
    case KITH_FRAME_RESET:
    case KITH_FRAME_STOP:
        break;
    }
    return conn->state >= KITH_CONN_CLOSING;
}

static int on_data(void *user, uint64_t lane, uint64_t offset, const uint8_t *bytes, size_t count,
                   int fin)
{
    struct kith_conn *conn = user;
    if (count == 0 && kith_conn_count_idle(conn) != 0) {
        return 1;
    }
    kith_peer_data(conn, lane, offset, bytes, count, fin);
    return conn->state >= KITH_CONN_CLOSING;
}

static const struct kith_frame_sink sink = {on_head, on_frame, on_data};

/* ---- liveness ---------------------------------------------------------------------------------
 */

static void send_ping(struct kith_conn *conn)
{
    struct kith_env *env = conn->session->env;
    if (conn->is_doubted && conn->ping_sent_us != 0) {
        /* Any answer will do, also one that takes longer than we take to ask again. */
        kith_conn_send(conn, KITH_FRAME_PING, conn->ping_nonce, KITH_PING_BYTES);
    } else if (env->crypto.random(env->crypto.user, conn->ping_nonce, KITH_PING_BYTES) == KITH_OK) {
        conn->ping_sent_us = env->now_us;
        kith_conn_send(conn, KITH_FRAME_PING, conn->ping_nonce, KITH_PING_BYTES);
    }
}

static void check_again(struct kith_conn *conn, uint64_t at_us)
{
    if (conn->state == KITH_CONN_AUTHENTICATED &&
        kith_timer_set(conn->session->env, &conn->ping_timer, at_us) != KITH_OK) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
    }
}

/* How often a silent link is asked, and how often in vain. One that is doubted is asked at shorter
 * intervals, as far as its round trip allows, and only where that gives it up earlier. */
static uint64_t ping_interval_us(const struct kith_conn *conn, uint32_t *count_max)
{
    const kith_session_config *config = &conn->session->config;
    uint64_t idle_us = (uint64_t)config->idle_ping_ms * 1000;
    uint64_t probe_us = (uint64_t)KITH_PROBE_MS * 1000, patient_us = 4 * (uint64_t)conn->rtt_us;
    probe_us = probe_us < patient_us ? patient_us : probe_us;
    if (conn->is_doubted &&
        probe_us * (KITH_PROBE_COUNT + 1) < idle_us * (config->idle_ping_count + UINT64_C(1))) {
        *count_max = KITH_PROBE_COUNT;
        return probe_us;
    }
    *count_max = config->idle_ping_count;
    return idle_us;
}

static void check_alive(struct kith_timer *timer)
{
    struct kith_conn *conn = KITH_CONTAINER(timer, struct kith_conn, ping_timer);
    uint32_t count_max;
    uint64_t idle_us = ping_interval_us(conn, &count_max);
    uint64_t now_us = conn->session->env->now_us;
    if (conn->session->is_suspended) {
        return;
    }
    if (now_us < conn->heard_us + idle_us) {
        check_again(conn, conn->heard_us + idle_us);
        return;
    }
    if (conn->pings_unanswered >= count_max) {
        kith_conn_fail(conn, KITH_REASON_TIMEOUT, "no sign of life");
        return;
    }
    conn->pings_unanswered++;
    send_ping(conn);
    check_again(conn, now_us + idle_us);
}

void kith_conn_watch(struct kith_conn *conn)
{
    uint64_t now_us = conn->session->env->now_us;
    kith_timer_stop(conn->session->env, &conn->timer);
    kith_gate_passed(conn, 1);
    conn->heard_us = now_us;
    send_ping(conn); /* the first round trip is worth knowing */
    check_again(conn, now_us + (uint64_t)conn->session->config.idle_ping_ms * 1000);
}

void kith_conn_probe(struct kith_conn *conn, int anew)
{
    uint32_t count_max;
    if (conn->is_doubted && !anew) {
        return; /* asked already */
    }
    conn->is_doubted = 1;
    conn->ping_sent_us = 0; /* an answer that is under way says nothing of what is now */
    conn->pings_unanswered = 1;
    send_ping(conn);
    check_again(conn, conn->session->env->now_us + ping_interval_us(conn, &count_max));
}
