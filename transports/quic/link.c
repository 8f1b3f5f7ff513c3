/* SPDX-License-Identifier: MIT
 *
 * link.c: the life of a link, from the core's call or a stranger's first packet to kith_up_down().
 *
 *   NEW ── dial ──> SHAKING ──> UP ──> OVER
 *    └──── accept ─────^
 *
 * From every stage it can go to OVER, and it does so in its turn alone: once it is cut, or closed
 * and all that was to be flushed is confirmed. Nothing stays behind then; what the other side still
 * sends is answered with a stateless reset. Why it ends is written down by whoever knows first.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "transports/quic/inside.h"

static void take_turn(struct kith_deferred *deferred);
static void alarm_rings(struct kith_timer *timer);
static void too_late(struct kith_timer *timer);

kith_err kith__quic_link_init(struct kith__quic_link *link)
{
    struct kith_env *env = link->base.endpoint->env;
    link->turn.run = take_turn;
    link->alarm.fire = alarm_rings;
    link->deadline.fire = too_late;
    link->control.stream = -1;
    kith_list_init(&link->node);
    kith_list_init(&link->ids);
    kith_list_init(&link->lanes);
    kith_list_init(&link->old_lanes);
    kith_list_init(&link->arrivals);
    ngtcp2_ccerr_default(&link->error);
    return kith_timer_set(env, &link->deadline,
                          env->now_us + (uint64_t)link->base.endpoint->handshake_ms * 1000);
}

void kith__quic_link_place(struct kith__quic_link *link, struct kith__quic_socket *socket)
{
    struct kith__quic_socket *before = link->socket;
    link->socket = socket;
    if (socket != NULL) {
        kith_list_append(&socket->links, &link->node);
    } else if (before != NULL) {
        kith_list_remove(&link->node);
        kith__quic_socket_release(before);
    }
}

/* ---- the end ----------------------------------------------------------------------------- */

void kith__quic_link_fail(struct kith__quic_link *link, kith_reason reason, const char *format, ...)
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

void kith__quic_link_wake(struct kith__quic_link *link)
{
    if (link->stage != KITH__QUIC_OVER) {
        kith_defer(link->base.endpoint->env, &link->turn);
    }
}

void kith__quic_link_cut(struct kith__quic_link *link)
{
    link->cut = 1;
    kith__quic_link_wake(link);
}

static void end_shaking(struct kith__quic_link *link)
{
    kith_timer_stop(link->base.endpoint->env, &link->deadline);
    if (link->is_shaking) {
        link->is_shaking = 0;
        kith__quic_endpoint_of(link)->shaking--;
    }
}

/* The one way out. */
static void finish(struct kith__quic_link *link)
{
    struct kith_env *env = link->base.endpoint->env;
    if (link->conn != NULL && !link->mute) {
        kith__quic_write_close(link);
    }
    kith__quic_link_fail(link, KITH_REASON_LOST, "%s went away without a goodbye",
                         kith__quic_who(link));
    end_shaking(link);
    kith__udp_feel_no_more(&link->feeler);
    kith_timer_stop(env, &link->alarm);
    kith_undefer(&link->turn);
    kith__quic_conn_free(link);
    kith__quic_lanes_free(link);
    kith__quic_control_free(link);
    kith__quic_link_place(link, NULL);
    link->stage = KITH__QUIC_OVER;
    kith_up_down(&link->base, link->reason, link->detail);
    kith__tls_forget(&link->tls);
}

static void too_late(struct kith_timer *timer)
{
    struct kith__quic_link *link = KITH_CONTAINER(timer, struct kith__quic_link, deadline);
    const char *what =
        link->heard || !link->dialled ? "did not finish the handshake" : "did not answer";
    kith__quic_link_fail(link, KITH_REASON_TIMEOUT, "%s %s within %u ms", kith__quic_who(link),
                         what, (unsigned)link->base.endpoint->handshake_ms);
    kith__quic_link_cut(link);
}

/* ---- a turn ------------------------------------------------------------------------------ */

static void alarm_rings(struct kith_timer *timer)
{
    kith__quic_link_wake(KITH_CONTAINER(timer, struct kith__quic_link, alarm));
}

/* Sets the timer for what ngtcp2 wants to do next, if that is another time than before. */
static void set_alarm(struct kith__quic_link *link)
{
    struct kith_env *env = link->base.endpoint->env;
    ngtcp2_tstamp expiry = ngtcp2_conn_get_expiry2(link->conn);
    uint64_t at_us = expiry == UINT64_MAX ? KITH_TIME_NEVER : (expiry + 999) / 1000;
    if (at_us == KITH_TIME_NEVER) {
        kith_timer_stop(env, &link->alarm);
    } else if ((!kith_timer_is_set(&link->alarm) || link->alarm.at_us != at_us) &&
               kith_timer_set(env, &link->alarm, at_us) != KITH_OK) {
        kith__quic_link_fail(link, KITH_REASON_INTERNAL, "out of memory");
        kith__quic_link_cut(link);
    }
}

static void look_at_clock(struct kith__quic_link *link)
{
    ngtcp2_tstamp now = kith__quic_now(link->base.endpoint->env);
    if (ngtcp2_conn_get_expiry2(link->conn) <= now) {
        int rv = ngtcp2_conn_handle_expiry(link->conn, now);
        if (rv != 0) {
            kith__quic_explain(link, rv);
        }
    }
}

/* All that the core had to say has been confirmed. */
static int is_flushed(const struct kith__quic_link *link)
{
    return link->control.is_dry && link->control.acked == link->control.pulled;
}

/* Whether the core's close() ends it now. */
static int is_closed(const struct kith__quic_link *link)
{
    return link->closing && (!link->flushing || link->stage != KITH__QUIC_UP || is_flushed(link));
}

static void take_turn(struct kith_deferred *deferred)
{
    struct kith__quic_link *link = KITH_CONTAINER(deferred, struct kith__quic_link, turn);
    if (link->stage == KITH__QUIC_UP && link->ssl != NULL) {
        kith__quic_conn_settle(link);
    }
    kith__quic_lanes_confirm(link);
    kith_undefer(&link->turn); /* what that brought goes now */
    if (link->stage == KITH__QUIC_NEW && !link->cut && !link->closing) {
        kith__quic_dial_begin(link);
    }
    if (link->lanes_ended) {
        kith__quic_lanes_reset(link);
    }
    if (link->conn != NULL && !kith__quic_is_over(link)) {
        look_at_clock(link);
        if (!kith__quic_is_over(link)) {
            kith__quic_write(link);
        }
    }
    if (link->cut || is_closed(link)) {
        finish(link);
        return;
    }
    set_alarm(link);
}

/* ---- packets that come ------------------------------------------------------------------- */

void kith__quic_link_read(struct kith__quic_link *link, const struct kith__udp_path *path,
                          const uint8_t *bytes, size_t count)
{
    ngtcp2_pkt_info info = {0};
    ngtcp2_path both = kith__quic_path(path);
    int rv;
    if (link->conn == NULL || kith__quic_is_over(link)) {
        return;
    }
    if (!link->heard) {
        link->heard = 1;
        kith__udp_feel_no_more(&link->feeler);
    }
    if (link->dialled) {
        /* The socket's: whatever address the system uses now. */
        both.local = kith__quic_path(&link->path).local;
    }
    link->has_wandered |= !kith__udp_same(&path->remote, &link->path.remote);
    rv = ngtcp2_conn_read_pkt(link->conn, &both, &info, bytes, count,
                              kith__quic_now(link->base.endpoint->env));
    if (rv != 0) {
        kith__quic_explain(link, rv);
        return;
    }
    if (link->has_wandered) {
        kith__quic_path_wandered(link);
    }
    kith__quic_link_wake(link);
}

/* The last gate: whatever was configured, this is what the link really is. */
int kith__quic_link_up(struct kith__quic_link *link)
{
    const ngtcp2_transport_params *theirs = ngtcp2_conn_get_remote_transport_params2(link->conn);
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    const char *wrong = kith__tls_objection(link->ssl, &endpoint->keys, &link->tls, link->dialled);
    if (wrong != NULL) {
        kith_log(endpoint->base.env, KITH_LOG_ERROR, "%s: closed: %s", link->remote, wrong);
        kith__quic_link_fail(link, KITH_REASON_AUTH, "%s", wrong);
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    if (theirs == NULL || theirs->initial_max_streams_uni < KITH_QUIC_STREAMS_MIN) {
        kith__quic_link_fail(link, KITH_REASON_PROTOCOL, "%s allows too few streams",
                             kith__quic_who(link));
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    if (link->closing || link->cut) {
        return 0;
    }
    end_shaking(link);
    if (link->first_id != NULL) {
        kith__quic_id_drop(endpoint, link->first_id);
        link->first_id = NULL;
    }
    link->stage = KITH__QUIC_UP;
    kith_up_link(&link->base);
    return 0;
}

/* ---- calls of the core ------------------------------------------------------------------- */

void kith__quic_close(struct kith_link *base, unsigned code, int flush)
{
    struct kith__quic_link *link = (struct kith__quic_link *)(void *)base;
    if (link->stage == KITH__QUIC_OVER) {
        return;
    }
    kith__quic_link_fail(link, KITH_REASON_LOCAL, "closed by this side");
    link->flushing = flush && (!link->closing || link->flushing);
    if (!link->closing) {
        link->closing = 1;
        ngtcp2_ccerr_set_application_error(&link->error, code, NULL, 0);
        if (link->turn.run != NULL) {
            kith__quic_lanes_end(base);
        }
    }
    if (link->turn.run != NULL) { /* NULL: inside kith_up_accepted(), which looks at closing */
        kith__quic_link_wake(link);
    }
}

void kith__quic_tx_ready(struct kith_link *base)
{
    struct kith__quic_link *link = (struct kith__quic_link *)(void *)base;
    if (link->stage != KITH__QUIC_UP) {
        return;
    }
    if (link->is_writing) {
        /* Inside a question to the core: it is asked again, and no turn of its own begins, which
         * would let the link go on and on before anything is read. */
        link->control.is_dry = link->datagrams_are_out = 0;
        link->is_woken_meanwhile = 1;
    } else {
        kith__quic_link_wake(link);
    }
}

void kith__quic_info(struct kith_link *base, struct kith_link_info *info)
{
    struct kith__quic_link *link = (struct kith__quic_link *)(void *)base;
    *info = link->settled;
    info->transport = "quic";
    info->cipher = info->cipher != NULL ? info->cipher : "";
    info->psk_identity = info->psk_identity != NULL ? info->psk_identity : "";
    info->remote_address = link->remote;
    kith__quic_path_note(link);
    info->local_address = link->local[0] != '\0' ? link->local : NULL;
    if (link->ssl != NULL) {
        kith__tls_info(link->ssl, &kith__quic_endpoint_of(link)->keys, &link->tls, info);
    }
}

kith_err kith__quic_exporter(struct kith_link *base, const char *label, uint8_t *out,
                             size_t out_bytes)
{
    struct kith__quic_link *link = (struct kith__quic_link *)(void *)base;
    return link->ssl != NULL ? kith__tls_export(link->ssl, label, out, out_bytes) : KITH_ERR_CRYPTO;
}

int kith__quic_can_write(struct kith_link *base)
{
    struct kith__quic_link *link = (struct kith__quic_link *)(void *)base;
    return link->stage == KITH__QUIC_UP && !kith__quic_is_ending(link) &&
           !kith__quic_socket_is_full(link->socket) && !link->control.is_blocked &&
           kith__quic_control_has_room(&link->control) &&
           ngtcp2_conn_get_cwnd_left2(link->conn) > 0;
}
