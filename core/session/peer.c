/* SPDX-License-Identifier: MIT
 *
 * peer.c: who is there: a peer's birth, its lanes and messages, and its departure with a reason and
 * a fate for every ticket. It does not decide which links are used (association.c). Pure.
 */
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"
#include "bounds.h"
#include "session/session.h"

/* ---- finding ----------------------------------------------------------------------------------
 */

/* Keys are as good as random. Whoever makes theirs fall into one ring makes look-ups there as slow
 * as a list's. */
static size_t ring_of(const uint8_t *key)
{
    return key[0] % KITH_PEER_RINGS;
}

struct kith_peer *kith_peer_by_key(const struct kith_session *session, const uint8_t *key)
{
    const struct kith_node *ring = &session->peers_by_key[ring_of(key)];
    for (struct kith_node *at = ring->next; at != ring; at = at->next) {
        struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, key_node);
        if (memcmp(peer->key, key, sizeof peer->key) == 0) {
            return peer;
        }
    }
    return NULL;
}

void kith_peer_close_links(struct kith_session *session, const uint8_t *key,
                           const struct kith_conn *but, kith_reason reason, kith_reason code,
                           const char *text)
{
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn == but || (conn->gates & KITH_GATE_PROBE) != 0 || !conn->authenticated ||
            memcmp(conn->hello.key, key, sizeof conn->hello.key) != 0) {
            continue;
        }
        if (conn->state == KITH_CONN_CLOSING && conn->reason == KITH_REASON_DUPLICATE) {
            conn->reason = reason;
        }
        kith_conn_close(conn, reason, code, text);
    }
}

/* ---- birth and death --------------------------------------------------------------------------
 */

static void run_leave(struct kith_deferred *deferred);

struct kith_peer *kith_peer_new(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    struct kith_peer *peer = kith_alloc(session->env, sizeof *peer);
    if (peer == NULL) {
        return NULL;
    }
    peer->env = session->env;
    peer->session = session;
    peer->realloc = session->env->realloc;
    peer->realloc_user = session->env->realloc_user;
    atomic_init(&peer->references, 1);
    peer->owner = session->owner;
    peer->reserved_max = (size_t)(session->config.budget_bytes / 2 / 8);
    peer->state = KITH_PEER_CONNECTING;
    peer->id = conn->id;
    memcpy(peer->key, conn->hello.key, sizeof peer->key);
    memcpy(peer->incarnation, conn->hello.incarnation, sizeof peer->incarnation);
    peer->max_message_bytes = conn->auth.max_message_bytes;
    peer->leave.run = run_leave;
    kith_send_share_init(&peer->send_share, session->config.budget_bytes / 2);
    kith_receive_share_init(&peer->receive_share, session->config.budget_bytes / 2,
                            &session->window_pool);
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        kith_lane_tx_init(&peer->tx[i], peer->env, &peer->send_share);
        kith_lane_rx_init(&peer->rx[i], peer->env, &peer->receive_share,
                          session->config.max_message_bytes, session->config.channel_priority[i]);
        peer->rx[i].announced.lane = i;
    }
    /* What our own half of the budget can hold at once bounds what we can send at once. */
    if (peer->max_message_bytes > peer->send_share.common_max) {
        peer->max_message_bytes = (uint32_t)peer->send_share.common_max;
    }
    kith_restart_init(peer);
    kith_list_append(&session->peers, &peer->node);
    kith_list_append(&session->peers_by_key[ring_of(peer->key)], &peer->key_node);
    session->peer_count++;
    kith_association_init(peer, conn);
    return peer;
}

void kith_peer_unref(struct kith_peer *peer)
{
    if (atomic_fetch_sub(&peer->references, 1) == 1) {
        (void)peer->realloc(peer->realloc_user, peer, 0);
    }
}

static void settle_fates(struct kith_session *session, struct kith_peer *peer)
{
    for (size_t i = 0; i < KITH_CHANNEL_COUNT && !kith_mutant(NO_FATE); i++) {
        uint64_t ticket;
        int unsent;
        while (kith_lane_tx_next_ticket(&peer->tx[i], &ticket, &unsent)) {
            if (session->callbacks.on_fate != NULL) {
                session->callbacks.on_fate(session, peer, ticket,
                                           unsent ? KITH_FATE_UNSENT : KITH_FATE_UNKNOWN,
                                           session->user);
            }
        }
    }
}

static void free_lanes(struct kith_peer *peer)
{
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        kith_lane_tx_fini(&peer->tx[i]);
        kith_lane_rx_fini(&peer->rx[i]);
    }
    kith_receive_share_fini(&peer->receive_share);
    kith_free(peer->env, peer->places);
    peer->places = NULL;
    peer->place_count = 0;
}

/* What an arbiter sent on a link that is still in its handshake here may begin what ended. LOST
 * ends that link alone: another association may have begun before it is read. */
static void close_handshakes(struct kith_session *session, const struct kith_peer *peer,
                             kith_reason reason)
{
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn->state == KITH_CONN_AUTH && !kith_peer_we_arbitrate(session, conn) &&
            memcmp(conn->hello.key, peer->key, sizeof peer->key) == 0 &&
            memcmp(conn->hello.incarnation, peer->incarnation, sizeof peer->incarnation) == 0 &&
            !kith_mutant(LATE_LINK)) {
            kith_conn_close(conn, reason, KITH_REASON_LOST, "");
        }
    }
}

void kith_peer_depart_but(struct kith_peer *peer, kith_reason reason, const char *text,
                          kith_reason code, const struct kith_conn *but)
{
    struct kith_session *session = peer->session;
    int was_connected = peer->state != KITH_PEER_CONNECTING; /* the application knows it */
    struct kith_conn *newcomer;
    if (peer->state == KITH_PEER_DEPARTED) {
        return;
    }
    newcomer = kith_restart_end(peer);
    if (session->shut != NULL && was_connected) {
        session->shut(peer);
    }
    session->stats.peers_connected -= peer->state == KITH_PEER_CONNECTED;
    peer->state = KITH_PEER_DEPARTED;
    kith_undefer(&peer->leave);
    kith_association_fini(peer);
    kith_list_remove(&peer->node);
    kith_list_remove(&peer->key_node);
    session->peer_count--;
    kith_peer_close_links(session, peer->key, but, reason, code, peer->leave_text);
    close_handshakes(session, peer, reason);
    /* An association that was never confirmed ends without a word to the application. */
    if (was_connected) {
        kith_log(session->env, KITH_LOG_INFO, "%s departed: %s", peer->name,
                 kith_reason_text(reason));
        settle_fates(session, peer);
        if (session->callbacks.on_peer != NULL) {
            session->callbacks.on_peer(session, peer, KITH_PEER_DEPARTED, reason, text,
                                       session->user);
        }
        kith_dials_peer_departed(session, peer, reason);
        kith_meet_peer_departed(session, peer, reason);
    }
    peer->session = NULL;
    free_lanes(peer);
    kith_peer_unref(peer);
    if (newcomer != NULL) {
        kith_association_open_gate(newcomer, KITH_GATE_PROBE);
    }
    kith_session_poke(session);
}

void kith_peer_depart(struct kith_peer *peer, kith_reason reason, const char *text,
                      kith_reason code)
{
    kith_peer_depart_but(peer, reason, text, code, NULL);
}

static void run_leave(struct kith_deferred *deferred)
{
    struct kith_peer *peer = KITH_CONTAINER(deferred, struct kith_peer, leave);
    kith_peer_depart(peer, KITH_REASON_LOCAL, "", peer->leave_code);
}

void kith_peer_turn_out(struct kith_peer *peer, kith_reason code, const char *text)
{
    if (!peer->leave.waiting) {
        peer->leave_code = code;
        kith_text_copy(peer->leave_text, sizeof peer->leave_text, text);
        kith_defer(peer->env, &peer->leave);
    }
}

/* ---- messages ---------------------------------------------------------------------------------
 */

struct delivery {
    struct kith_peer *peer;
    unsigned channel;
};

static int deliver(void *user, const uint8_t *bytes, size_t count)
{
    struct delivery *to = user;
    struct kith_session *session = to->peer->session;
    kith_message message = {sizeof message, to->channel, count > 0 ? (const void *)bytes : "",
                            count};
    to->peer->stats.messages_received += kith_mutant(MISCOUNT) ? 0 : 1;
    to->peer->stats.message_bytes_received += count;
    if (session->callbacks.on_message != NULL) {
        to->peer->handing_out = &message;
        session->callbacks.on_message(session, to->peer, &message, session->user);
        to->peer->handing_out = NULL;
    }
    return to->peer->leave.waiting; /* after kith_peer_disconnect() nothing more is delivered */
}

/* Bytes behind a gap: of a stream from an earlier use of this link, which was cut off. What is
 * missing is sent again on the new one. Where there is one stream for everything there are none. */
static int is_leftover(const struct kith_conn *conn, const struct kith_lane_rx *lane,
                       uint64_t offset, size_t count)
{
    return (conn->driver->capabilities & KITH_DRIVER_MANY_LANES) != 0 && offset > lane->received &&
           offset <= lane->limit && count <= lane->limit - offset;
}

/* A frame that counts only on the link in use came on another one. On a link that was chosen once
 * that is what was under way, or what a side sends that has not heard of the change; credit bounds
 * it, and the link will be closed. On any other it is an idle frame. */
static void off_link(struct kith_conn *conn)
{
    if (!conn->was_chosen) {
        (void)kith_conn_count_idle(conn);
    }
}

void kith_peer_data(struct kith_conn *conn, uint64_t lane, uint64_t offset, const uint8_t *bytes,
                    size_t count, int fin)
{
    struct kith_peer *peer = conn->peer;
    struct delivery to = {peer, (unsigned)lane};
    enum kith_lane_verdict verdict;
    if (peer != NULL && peer->leave.waiting) {
        return; /* about to be put out: what it sends until then is not its fault */
    }
    if (!kith_conn_is_in_use(conn)) {
        off_link(conn);
        return;
    }
    if (lane < KITH_CHANNEL_COUNT && is_leftover(conn, &peer->rx[lane], offset, count)) {
        (void)kith_conn_count_repeat(conn, count);
        return;
    }
    if (lane >= KITH_CHANNEL_COUNT || fin) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "DATA on a lane that was not opened");
        return;
    }
    if (count > 0 && offset + count <= peer->rx[lane].received &&
        kith_conn_count_repeat(conn, count) != 0) {
        return;
    }
    verdict = kith_lane_rx_data(&peer->rx[lane], offset, bytes, count, deliver, &to);
    switch (verdict) {
    case KITH_LANE_OK:
        conn->driver->tx_ready(conn->link); /* there may be CREDIT to send */
        break;
    case KITH_LANE_VIOLATION:
        kith_conn_fail(conn, KITH_REASON_PROTOCOL,
                       "DATA with a gap, beyond the limit, or too large");
        break;
    case KITH_LANE_NOMEM:
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
        break;
    case KITH_LANE_STOPPED:
        break;
    }
}

size_t kith_peer_place(struct kith_conn *conn, uint64_t lane, uint64_t offset, uint64_t count,
                       uint8_t **place)
{
    if (!kith_conn_is_in_use(conn) || lane >= KITH_CHANNEL_COUNT) {
        return 0;
    }
    return kith_lane_rx_place(&conn->peer->rx[lane], offset, count, place);
}

void kith_peer_settle(void *user, uint64_t ticket)
{
    struct kith_peer *peer = user;
    struct kith_session *session = peer->session;
    if (session->callbacks.on_fate != NULL) {
        session->callbacks.on_fate(session, peer, ticket, KITH_FATE_DELIVERED, session->user);
    }
}

/* Each channel that refused something, here or to another thread, and would take it now. */
void kith_peer_tell_writable(struct kith_peer *peer)
{
    struct kith_session *session = peer->session;
    unsigned elsewhere = 0;
    if (atomic_load(&peer->reserved) <= peer->reserved_max / 2) {
        elsewhere = atomic_fetch_and(&peer->refused_channels, 1u << KITH_DATAGRAMS_BIT);
    }
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        int here = kith_lane_tx_writable(&peer->tx[i]);
        if ((here || (elsewhere >> i & 1) != 0) && session->callbacks.on_writable != NULL) {
            session->callbacks.on_writable(session, peer, i, session->user);
        }
    }
}

static int moves(const struct kith_lane_tx *lane, const struct kith_credit *credit)
{
    return credit->received > lane->received || credit->consumed > lane->consumed ||
           credit->limit > lane->limit;
}

void kith_peer_credit(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    struct kith_peer *peer = conn->peer;
    struct kith_session *session = conn->session;
    struct kith_credit credit;
    if (!kith_credit_decode(body, length, &credit) || credit.lane >= KITH_CHANNEL_COUNT) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "bad CREDIT");
        return;
    }
    if (!kith_conn_is_in_use(conn)) {
        off_link(conn);
        return;
    }
    if (!moves(&peer->tx[credit.lane], &credit) && kith_conn_count_idle(conn) != 0) {
        return;
    }
    if (!kith_lane_tx_credit(&peer->tx[credit.lane], &credit, kith_peer_settle, peer)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "CREDIT for bytes that were never sent");
        return;
    }
    kith_peer_tell_writable(peer);
    conn->driver->tx_ready(conn->link);
    kith_session_poke(session);
}

void kith_peer_blocked(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    struct kith_peer *peer = conn->peer;
    uint64_t lane, limit, window;
    if (!kith_blocked_decode(body, length, &lane, &limit)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "bad BLOCKED");
        return;
    }
    if (!kith_conn_is_in_use(conn)) {
        off_link(conn);
        return;
    }
    window = peer->rx[lane].window;
    if (!kith_lane_rx_blocked(&peer->rx[lane], limit, conn->rtt_us)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "BLOCKED at a limit that was never granted");
    } else if (peer->rx[lane].window != window) {
        conn->driver->tx_ready(conn->link);
    } else {
        (void)kith_conn_count_idle(conn);
    }
}

void kith_peer_wake(struct kith_peer *peer)
{
    if (peer->active != NULL) {
        peer->active->driver->tx_ready(peer->active->link);
    }
}

static void queued(struct kith_peer *peer, size_t count)
{
    peer->stats.messages_sent++;
    peer->stats.message_bytes_sent += count;
    kith_peer_wake(peer);
}

kith_err kith_peer_put(struct kith_peer *peer, unsigned channel, const void *data, size_t count,
                       uint64_t ticket)
{
    kith_err err = kith_lane_tx_put(&peer->tx[channel], data, count, ticket);
    if (err == KITH_OK) {
        queued(peer, count);
    }
    return err;
}

kith_err kith_peer_share(struct kith_peer *peer, unsigned channel, struct kith_payload *payload,
                         uint64_t ticket)
{
    kith_err err = kith_lane_tx_share(&peer->tx[channel], payload, ticket);
    if (err == KITH_OK) {
        queued(peer, payload->count);
    }
    return err;
}

void kith_peer_append(struct kith_peer *peer, unsigned channel, size_t count,
                      struct kith_outgoing *outgoing)
{
    kith_lane_tx_append(&peer->tx[channel], outgoing);
    queued(peer, count);
}

void kith_peer_datagram(struct kith_conn *conn, const uint8_t *bytes, size_t count)
{
    struct kith_peer *peer = conn->peer;
    struct kith_session *session = conn->session;
    if (peer != NULL && peer->leave.waiting) {
        return;
    }
    if (!kith_conn_is_in_use(conn)) {
        off_link(conn);
        return;
    }
    peer->stats.datagrams_received++;
    if (session->callbacks.on_datagram != NULL) {
        session->callbacks.on_datagram(session, peer, count > 0 ? (const void *)bytes : "", count,
                                       session->user);
        if (kith_mutant(DATAGRAM_TWICE) && count % 8 == 7) {
            session->callbacks.on_datagram(session, peer, bytes, count, session->user);
        }
    }
}

kith_err kith_peer_hold(struct kith_peer *peer, const kith_message *message, kith_held **out)
{
    struct kith_lane_rx *lane = &peer->rx[message->channel];
    if (lane->now != NULL) {
        return kith_fail(KITH_ERR_STATE, "message: is held already");
    }
    if (lane->held_count >= KITH_HELD_PER_CHANNEL_MAX) {
        return kith_fail(KITH_ERR_LIMIT, "%d messages of channel %u are held",
                         KITH_HELD_PER_CHANNEL_MAX, message->channel);
    }
    *out = kith_lane_rx_hold(lane);
    if (*out == NULL) {
        return KITH_ERR_NOMEM;
    }
    (*out)->owner = peer;
    atomic_fetch_add(&peer->references, 1);
    return KITH_OK;
}

void kith_peer_unhold(kith_held *held)
{
    struct kith_peer *peer = held->owner;
    if (kith_held_free(held) && !kith_mutant(FORGET_CREDIT)) {
        kith_peer_wake(peer); /* there may be CREDIT to send */
    }
    kith_peer_unref(peer);
}

void kith_peer_fill_stats(const struct kith_peer *peer, kith_peer_stats *out)
{
    *out = peer->stats;
    out->datagrams_dropped += atomic_load(&peer->datagrams_refused);
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        out->unsent_bytes += peer->tx[i].end - peer->tx[i].highest;
        out->retained_bytes += peer->tx[i].highest - peer->tx[i].received;
        out->held_bytes += peer->rx[i].delivered - peer->rx[i].consumed;
        out->window_bytes += peer->rx[i].window;
    }
}

int kith_peer_is_flushed(const struct kith_peer *peer)
{
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        if (peer->state != KITH_PEER_CONNECTING && peer->tx[i].consumed != peer->tx[i].end &&
            !kith_mutant(SKIP_FLUSH)) {
            return 0;
        }
    }
    return 1;
}
