/* SPDX-License-Identifier: MIT
 *
 * link.c: the life of a link, from the core's call or a stranger's connection to kith_up_down().
 *
 *   NEW ── dial ──> CONNECT ──> HANDSHAKE ──> UP ──> OVER ──> REPORTED
 *    └──── accept ─────────────────^
 *
 * From every stage it can go to OVER. A link ends in one of three ways: lws closes it and says so
 * (OVER), or it is cut (lws is told to close it when the turn ends), or it is drained first
 * (stream.c). Why it ends is written down by whoever knows first. Must not write or read payload.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "transports/websocket/ws.h"

static void take_turn(struct kith_deferred *deferred);
static void too_late(struct kith_timer *timer);
static void socket_ready(struct kith_watch *watch, unsigned events);

kith_err kith__ws_link_init(struct kith__ws_link *link)
{
    struct kith__ws_endpoint *endpoint = kith__ws_endpoint_of(link);
    struct kith_env *env = endpoint->base.env;
    link->turn.run = take_turn;
    link->deadline.fire = too_late;
    kith__ws_socket_init(&link->socket, endpoint, socket_ready);
    return kith_timer_set(env, &link->deadline,
                          env->now_us + (uint64_t)endpoint->base.handshake_ms * 1000);
}

/* ---- the end ---------------------------------------------------------------------------- */

void kith__ws_link_fail(struct kith__ws_link *link, kith_reason reason, const char *format, ...)
{
    va_list arguments;
    if (link->reason != KITH_REASON_NONE) {
        return;
    }
    link->reason = reason;
    va_start(arguments, format);
    vsnprintf(link->detail, sizeof link->detail, format, arguments);
    va_end(arguments);
}

void kith__ws_link_cut(struct kith__ws_link *link)
{
    link->cut = 1;
    kith_defer(kith__ws_endpoint_of(link)->base.env, &link->turn);
}

void kith__ws_link_over(struct kith__ws_link *link)
{
    struct kith_env *env = kith__ws_endpoint_of(link)->base.env;
    if (link->stage >= KITH__WS_OVER) {
        return;
    }
    kith__ws_link_fail(link, KITH_REASON_LOST, "%s went away without a goodbye",
                       kith__ws_who(link));
    link->stage = KITH__WS_OVER;
    kith_timer_stop(env, &link->deadline);
    kith_defer(env, &link->turn);
}

/* Closes the connection without a further word. */
static void drop(struct kith__ws_link *link)
{
    struct lws *wsi = link->wsi;
    if (wsi != NULL) {
        /* Any milder reason waits up to 5 s for what lws has buffered. */
        lws_close_free_wsi(wsi, LWS_CLOSE_STATUS_NOSTATUS_CONTEXT_DESTROY, "kith");
    }
    if (link->wsi != NULL) { /* lws never keeps one, but the link must not be called after this */
        WOLFSSL *ssl = lws_get_ssl(link->wsi);
        if (ssl != NULL) {
            kith__ws_records_start(NULL, ssl);
        }
        lws_set_opaque_user_data(link->wsi, NULL);
        kith__ws_socket_stop(&link->socket);
        link->wsi = NULL;
    }
    kith__ws_link_over(link);
}

static void report(struct kith__ws_link *link)
{
    kith_undefer(&link->turn);
    link->stage = KITH__WS_REPORTED;
    kith_up_down(&link->base, link->reason, link->detail);
    kith__tls_forget(&link->tls);
}

/* The end of a turn: all that the core asked for and lws reported in it. */
static void take_turn(struct kith_deferred *deferred)
{
    struct kith__ws_link *link = KITH_CONTAINER(deferred, struct kith__ws_link, turn);
    struct kith__ws_endpoint *endpoint = kith__ws_endpoint_of(link);
    kith__ws_enter(endpoint);
    if (link->cut) {
        drop(link);
    }
    if (link->stage == KITH__WS_OVER) {
        report(link);
        return;
    }
    if (link->stage == KITH__WS_NEW) {
        kith__ws_dial_begin(link);
    } else if (link->stage == KITH__WS_UP && kith__ws_pump(link)) {
        lws_close_free_wsi(link->wsi, LWS_CLOSE_STATUS_NOSTATUS, "kith");
    }
    kith_defer(endpoint->base.env, &endpoint->chores);
}

static void too_late(struct kith_timer *timer)
{
    struct kith__ws_link *link = KITH_CONTAINER(timer, struct kith__ws_link, deadline);
    const char *what = link->heard || !link->dialled     ? "did not finish the handshake"
                       : link->stage == KITH__WS_CONNECT ? "did not answer"
                                                         : "took the connection and said nothing";
    kith__ws_link_fail(link, KITH_REASON_TIMEOUT, "%s %s within %u ms", kith__ws_who(link), what,
                       (unsigned)kith__ws_endpoint_of(link)->base.handshake_ms);
    kith__ws_link_cut(link);
}

/* ---- the handshake ---------------------------------------------------------------------- */

/* Asked after each step, because lws resets the TLS object before it says that it closes it. */
static void note_tls(struct kith__ws_link *link)
{
    WOLFSSL *ssl =
        link->stage == KITH__WS_HANDSHAKE && link->wsi != NULL ? lws_get_ssl(link->wsi) : NULL;
    if (ssl != NULL && wolfSSL_is_init_finished(ssl)) {
        link->tls_done = 1;
    }
}

/* lws's callbacks read straight into the core, so a wake-up may read more than one record. It must
 * while there are bytes that were read ahead, since the socket says nothing of them; only where lws
 * asks for none, because it closes, they stay. */
static void read_more(struct kith__ws_link *link)
{
    for (int i = 1; link->stage == KITH__WS_UP && !link->cut; i++) {
        unsigned asked = link->asked, ahead = link->ahead_count;
        link->no_ahead = i >= KITH__WS_READS_PER_TURN;
        if (ahead == 0 && (link->no_ahead || !link->more)) {
            break;
        }
        link->more = 0;
        kith__ws_service(&link->socket, KITH_READABLE);
        if (ahead > 0 && link->asked == asked) {
            break;
        }
    }
    link->more = link->no_ahead = 0;
}

static void socket_ready(struct kith_watch *watch, unsigned events)
{
    struct kith__ws_link *link = KITH_CONTAINER(watch, struct kith__ws_link, socket.watch);
    kith__ws_enter(link->socket.endpoint);
    if (link->stage == KITH__WS_CONNECT && !kith__ws_dial_connected(link)) {
        return;
    }
    if ((events & KITH_READABLE) != 0 && !kith__ws_link_hear(link, link->socket.fd)) {
        kith__ws_link_cut(link);
        return;
    }
    kith__ws_service(&link->socket, events);
    note_tls(link);
    read_more(link);
}

/* Answers a stranger in the one language that every such client understands, so that the other side
 * can say what it ran into. */
static void send_off(int fd)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    char unread[1024];
    /* Closing a socket with something unread would take the answer back. */
    (void)recv(fd, unread, sizeof unread, MSG_DONTWAIT);
    (void)send(fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static const char STATUS_LINE[] = "HTTP/";

/* What the first bytes of a stranger say against it. TLS records start with their type, 20 to 23,
 * that of a client with a handshake, 22 (RFC 8446 §5.1); HTTP with a method or with "HTTP". */
static const char *first_impression(const struct kith__ws_link *link, const char *bytes,
                                    size_t count)
{
    const unsigned first = (unsigned char)bytes[0];
    if (kith__ws_endpoint_of(link)->secure) {
        /* Any TLS record: what was first may have gone straight to the TLS library, when it came
         * between our look and its own. */
        return first >= 20 && first <= 23 ? NULL : "does not speak TLS";
    }
    if (first == 22) {
        return "speaks TLS, where a plain connection was asked for";
    }
    if (link->dialled) {
        return memcmp(bytes, STATUS_LINE, count) == 0 ? NULL : "does not speak WebSocket";
    }
    return first >= 'A' && first <= 'Z' ? NULL : "does not speak WebSocket";
}

int kith__ws_link_hear(struct kith__ws_link *link, int fd)
{
    char bytes[sizeof STATUS_LINE - 1];
    const char *wrong;
    ssize_t count = link->heard ? 0 : recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (count <= 0) {
        return 1;
    }
    link->heard = 1;
    wrong = first_impression(link, bytes, (size_t)count);
    if (wrong == NULL) {
        return 1;
    }
    kith__ws_link_fail(link, KITH_REASON_NOT_KITH, "%s %s", kith__ws_who(link), wrong);
    if (!link->dialled) {
        send_off(fd);
    }
    return 0;
}

/* The handshake failed before HTTP: what does TLS say? */
static void explain_tls(struct kith__ws_link *link, WOLFSSL *ssl)
{
    char text[KITH__TLS_DETAIL_BYTES];
    kith_reason reason =
        kith__tls_explain(ssl, &link->way->keys, &link->tls, link->dialled, link->heard, text);
    if (link->dialled) {
        kith__ws_link_fail(link, reason, "%s: %s", link->remote, text);
    } else {
        kith__ws_link_fail(link, reason, "%s", text);
    }
}

/* Nothing more will come: what came before may be half of an answer. */
static int is_ended(struct lws *wsi)
{
    char byte;
    ssize_t count = recv(lws_get_socket_fd(wsi), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

static void explain_http(struct kith__ws_link *link, struct lws *wsi)
{
    unsigned status = link->dialled ? lws_http_client_http_response(wsi) : 0;
    WOLFSSL *ssl = lws_get_ssl(wsi);
    char text[KITH__TLS_DETAIL_BYTES];
    if (ssl != NULL && kith__tls_was_refused(ssl, text)) {
        kith__ws_link_fail(link, KITH_REASON_UNTRUSTED, "%s%s%s", link->dialled ? link->remote : "",
                           link->dialled ? ": " : "", text);
    } else if (status != 0 && status != 101) {
        kith__ws_link_fail(link, KITH_REASON_NOT_KITH,
                           "%s is a web server, not a Kith peer (HTTP status %u)", link->remote,
                           status);
    } else if (!link->heard || kith__ws_endpoint_of(link)->secure ||
               (link->dialled && is_ended(wsi))) {
        kith__ws_link_fail(link, KITH_REASON_LOST,
                           "%s closed the connection before the WebSocket handshake was finished",
                           kith__ws_who(link));
    } else {
        kith__ws_link_fail(link, KITH_REASON_NOT_KITH, "%s does not speak WebSocket",
                           kith__ws_who(link));
    }
}

/* A close code that is not ours is lws's, and it only ever has one against the other side. */
static void explain_close(struct kith__ws_link *link, struct lws *wsi)
{
    if (lws_get_close_length(wsi) > 0 && !link->goodbye) {
        kith__ws_link_fail(link, KITH_REASON_PROTOCOL, "%s broke the WebSocket protocol",
                           kith__ws_who(link));
    }
}

void kith__ws_link_explain(struct kith__ws_link *link, struct lws *wsi)
{
    WOLFSSL *ssl = lws_get_ssl(wsi);
    if (link->reason != KITH_REASON_NONE) {
        return;
    }
    if (link->stage == KITH__WS_UP) {
        explain_close(link, wsi);
    } else if (link->stage == KITH__WS_CONNECT) {
        kith__ws_dial_explain(link);
    } else if (ssl != NULL && !link->tls_done) {
        explain_tls(link, ssl);
    } else {
        explain_http(link, wsi);
    }
}

/* The last gate: whatever was configured, this is what the link really is. */
static const char *objection(struct kith__ws_link *link, struct lws *wsi)
{
    WOLFSSL *ssl = lws_get_ssl(wsi);
    if (kith__ws_endpoint_of(link)->secure) {
        return ssl != NULL ? kith__tls_objection(ssl, &link->way->keys, &link->tls, link->dialled)
                           : "the channel is not encrypted";
    }
    return ssl == NULL ? NULL : "the channel is encrypted where none was asked for";
}

int kith__ws_link_up(struct kith__ws_link *link, struct lws *wsi)
{
    struct kith_env *env = kith__ws_endpoint_of(link)->base.env;
    const char *wrong = objection(link, wsi);
    WOLFSSL *ssl = lws_get_ssl(wsi);
    if (wrong != NULL) {
        kith_log(env, KITH_LOG_ERROR, "%s: closed: %s", link->remote, wrong);
        kith__ws_link_fail(link, KITH_REASON_AUTH, "%s", wrong);
        return -1;
    }
    if (link->closing || link->cut) {
        return -1;
    }
    link->stage = KITH__WS_UP;
    kith_timer_stop(env, &link->deadline);
    kith_up_link(&link->base);
    kith_defer(env, &link->turn); /* for what the core had to send before */
    if (ssl != NULL) {
        kith__tls_settle(ssl);
        kith__ws_records_start(link, ssl);
    }
    return 0;
}

/* ---- calls of the core ------------------------------------------------------------------ */

/* RFC 6455 §7.4: 1000 is a normal end, 4000 to 4999 are ours. */
static uint16_t close_code(unsigned code)
{
    return code == 0 || code > 999 ? 1000 : (uint16_t)(4000 + code);
}

void kith__ws_close(struct kith_link *base, unsigned code, int flush)
{
    struct kith__ws_link *link = (struct kith__ws_link *)(void *)base;
    if (link->stage >= KITH__WS_OVER) {
        return;
    }
    kith__ws_link_fail(link, KITH_REASON_LOCAL, "closed by this side");
    if (!link->closing) {
        link->closing = 1;
        link->close_code = close_code(code);
    }
    if (!flush || link->stage != KITH__WS_UP || (link->mute && !link->goodbye)) {
        link->cut = 1;
    }
    if (link->turn.run != NULL) { /* NULL: inside kith_up_accepted(), which looks at closing */
        kith_defer(base->endpoint->env, &link->turn);
    }
}

void kith__ws_tx_ready(struct kith_link *base)
{
    struct kith__ws_link *link = (struct kith__ws_link *)(void *)base;
    if (link->stage == KITH__WS_UP && !link->mute) {
        kith_defer(base->endpoint->env, &link->turn);
    }
}

/* This end's own address, "" when there is none. */
static const char *local_of(struct kith__ws_link *link)
{
    struct sockaddr_storage own;
    socklen_t bytes = sizeof own;
    if (link->local[0] == '\0' && link->wsi != NULL &&
        getsockname(lws_get_socket_fd(link->wsi), (struct sockaddr *)(void *)&own, &bytes) == 0) {
        kith__net_address_format((const struct sockaddr *)(const void *)&own, bytes, link->local);
    }
    return link->local;
}

void kith__ws_info(struct kith_link *base, struct kith_link_info *info)
{
    struct kith__ws_link *link = (struct kith__ws_link *)(void *)base;
    struct kith__ws_endpoint *endpoint = kith__ws_endpoint_of(link);
    memset(info, 0, sizeof *info);
    info->channel = KITH_CHANNEL_PLAIN;
    info->transport = kith__ws_scheme(endpoint);
    info->cipher = "";
    info->psk_identity = "";
    info->remote_address = link->remote;
    info->local_address = local_of(link);
    if (endpoint->secure && link->wsi != NULL) {
        kith__tls_info(lws_get_ssl(link->wsi), &link->way->keys, &link->tls, info);
    }
}

kith_err kith__ws_exporter(struct kith_link *base, const char *label, uint8_t *out,
                           size_t out_bytes)
{
    struct kith__ws_link *link = (struct kith__ws_link *)(void *)base;
    if (!kith__ws_endpoint_of(link)->secure) {
        return KITH_ERR_UNSUPPORTED;
    }
    if (link->wsi == NULL || lws_get_ssl(link->wsi) == NULL) {
        return KITH_ERR_CRYPTO;
    }
    return kith__tls_export(lws_get_ssl(link->wsi), label, out, out_bytes);
}

int kith__ws_can_write(struct kith_link *base)
{
    struct kith__ws_link *link = (struct kith__ws_link *)(void *)base;
    return link->stage == KITH__WS_UP && !link->mute && !link->choked &&
           !lws_partial_buffered(link->wsi);
}
