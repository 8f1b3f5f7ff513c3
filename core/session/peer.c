/* SPDX-License-Identifier: MIT
 *
 * peer.c: who is there. Which authenticated link a peer uses (decided by one side, the arbiter,
 * with numbered ADOPTs), its lanes and messages, and its departure with a reason and a fate for
 * every ticket. Pure.
 *
 * An association, the conversation between two incarnations, lives and dies with its one link in
 * this version. A further link to the same peer waits until the first is confirmed and is then
 * closed as DUPLICATE; when the association ends, all links to that key end with it, and whoever
 * dialled begins anew.
 */
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"
#include "bounds.h"
#include "session/session.h"

/* ---- finding ----------------------------------------------------------------------------------
 */

struct kith_peer *kith_peer_by_key(const struct kith_session *session, const uint8_t *key)
{
    for (struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
        struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
        if (memcmp(peer->key, key, sizeof peer->key) == 0) {
            return peer;
        }
    }
    return NULL;
}

int kith_peer_we_arbitrate(const struct kith_session *session, const struct kith_conn *conn)
{
    int order;
    if (session->config.role != KITH_ROLE_STAR) {
        return session->config.role == KITH_ROLE_SERVER;
    }
    order = memcmp(session->id.bytes, conn->id.bytes, sizeof session->id.bytes);
    return order != 0 ? order > 0 : memcmp(session->key, conn->hello.key, sizeof session->key) > 0;
}

static size_t links_to(const struct kith_session *session, const uint8_t *key)
{
    size_t count = 0;
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        const struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        count += conn->state == KITH_CONN_AUTHENTICATED &&
                 memcmp(conn->hello.key, key, sizeof conn->hello.key) == 0;
    }
    return count;
}

/* Closes every link that has proved a key, but one. One that is closing already as a duplicate
 * shares the fate. */
static void close_links_to(struct kith_session *session, const uint8_t *key,
                           const struct kith_conn *but, kith_reason reason, kith_reason code,
                           const char *text)
{
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn == but || !conn->authenticated ||
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

static struct kith_peer *new_peer(struct kith_conn *conn)
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
    peer->conn = conn;
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
    kith_list_append(&session->peers, &peer->node);
    session->peer_count++;
    conn->peer = peer;
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
}

/* but: a link to the same key that stays. */
static void depart(struct kith_peer *peer, kith_reason reason, const char *text, kith_reason code,
                   const struct kith_conn *but)
{
    struct kith_session *session = peer->session;
    int was_connected = peer->state == KITH_PEER_CONNECTED;
    if (peer->state == KITH_PEER_DEPARTED) {
        return;
    }
    if (session->shut != NULL && was_connected) {
        session->shut(peer);
    }
    peer->state = KITH_PEER_DEPARTED;
    kith_undefer(&peer->leave);
    if (peer->conn != NULL) {
        peer->conn->peer = NULL;
        peer->conn = NULL;
    }
    kith_list_remove(&peer->node);
    session->peer_count--;
    close_links_to(session, peer->key, but, reason, code, peer->leave_text);
    /* An association that was never confirmed ends without a word to the application. */
    if (was_connected) {
        session->stats.peers_connected--;
        kith_log(session->env, KITH_LOG_INFO, "%s departed: %s", peer->name,
                 kith_reason_text(reason));
        settle_fates(session, peer);
        if (session->callbacks.on_peer != NULL) {
            session->callbacks.on_peer(session, peer, KITH_PEER_DEPARTED, reason, text,
                                       session->user);
        }
        kith_dials_peer_departed(session, peer, reason);
    }
    peer->session = NULL;
    free_lanes(peer);
    kith_peer_unref(peer);
    kith_session_poke(session);
}

void kith_peer_depart(struct kith_peer *peer, kith_reason reason, const char *text,
                      kith_reason code)
{
    depart(peer, reason, text, code, NULL);
}

static void run_leave(struct kith_deferred *deferred)
{
    kith_peer_depart(KITH_CONTAINER(deferred, struct kith_peer, leave), KITH_REASON_LOCAL, "",
                     KITH_REASON_KICKED);
}

void kith_peer_kick(struct kith_peer *peer, const char *text)
{
    kith_text_copy(peer->leave_text, sizeof peer->leave_text, text);
    kith_defer(peer->env, &peer->leave);
}

/* ---- adoption ---------------------------------------------------------------------------------
 */

static void table_of(const struct kith_peer *peer, struct kith_adopt *out)
{
    out->generation = peer->generation;
    out->since = peer->since;
    out->next_lane = KITH_CHANNEL_COUNT;
    out->lane_count = KITH_CHANNEL_COUNT;
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        const struct kith_lane_rx *lane = &peer->rx[i];
        out->lanes[i] = (struct kith_credit){i, lane->received, lane->consumed, lane->limit};
    }
}

static void send_adopt(struct kith_peer *peer, uint64_t type)
{
    struct kith_adopt adopt = {0};
    uint8_t body[KITH_ADOPT_BYTES_MAX];
    table_of(peer, &adopt);
    adopt.fresh = 1;
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        peer->rx[i].announced = adopt.lanes[i];
    }
    kith_conn_send(peer->conn, type, body,
                   kith_adopt_encode(&adopt, type == KITH_FRAME_ADOPT, body));
}

static void no_ticket(void *user, uint64_t ticket)
{
    (void)user;
    (void)ticket;
}

/* Takes the other side's table at the beginning of an association: nothing was sent, so all but the
 * limits must be zero. */
static int take_table(struct kith_peer *peer, const struct kith_adopt *adopt)
{
    for (size_t i = 0; i < adopt->lane_count; i++) {
        if (!kith_lane_tx_credit(&peer->tx[adopt->lanes[i].lane], &adopt->lanes[i], no_ticket,
                                 NULL)) {
            return 0;
        }
    }
    return 1;
}

/* The link is in use at both ends: tells the application, and closes what waited. */
static void connected(struct kith_peer *peer)
{
    struct kith_session *session = peer->session;
    struct kith_conn *conn = peer->conn;
    struct kith_dial *dial = conn->dial;
    kith_conn_watch(conn);
    if (conn->peer != peer) {
        return; /* its first PING did not fit: it has departed */
    }
    peer->state = KITH_PEER_CONNECTED;
    peer->is_open = 1; /* no other thread knows it yet */
    session->stats.peers_connected++;
    strcpy(peer->name, conn->info.name);
    kith_log(session->env, KITH_LOG_INFO, "%s connected over %s (%s)", peer->name,
             conn->link_info.transport, conn->remote_address);
    if (session->callbacks.on_peer != NULL) {
        session->callbacks.on_peer(session, peer, KITH_PEER_CONNECTED, KITH_REASON_NONE, "",
                                   session->user);
    }
    if (conn->dial != NULL && conn->dial == dial && peer->state == KITH_PEER_CONNECTED) {
        conn->dial = NULL;
        kith_dial_ready(dial, peer);
    }
    kith_lanes_begin(conn);
}

/* The session takes no more peers than it was told to. */
static int is_full(const struct kith_session *session)
{
    return session->peer_count >= session->config.max_peers;
}

/* A link has authenticated: the arbiter decides at once, the follower waits for ADOPT. */
void kith_peer_authenticated(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    struct kith_peer *peer = kith_peer_by_key(session, conn->hello.key);
    if (session->state != KITH_SESSION_OPEN) {
        kith_conn_close(conn, KITH_REASON_LEFT, KITH_REASON_LEFT, "");
    } else if (peer != NULL &&
               memcmp(peer->incarnation, conn->hello.incarnation, KITH_INCARNATION_BYTES) != 0) {
        kith_conn_fail(conn, KITH_REASON_ID_IN_USE, "");
    } else if (peer == NULL && is_full(session)) {
        kith_conn_fail(conn, KITH_REASON_FULL, "max_peers are connected");
    } else if (links_to(session, conn->hello.key) > KITH_LINKS_PER_KEY_MAX) {
        kith_conn_close(conn, KITH_REASON_DUPLICATE, KITH_REASON_DUPLICATE, "");
    } else if (kith_peer_we_arbitrate(session, conn)) {
        if (peer == NULL) {
            peer = new_peer(conn);
            if (peer == NULL) {
                kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
                return;
            }
            peer->since = peer->generation = ++session->generation;
            send_adopt(peer, KITH_FRAME_ADOPT);
        } else if (peer->state == KITH_PEER_CONNECTED) {
            kith_conn_close(conn, KITH_REASON_DUPLICATE, KITH_REASON_DUPLICATE, "");
        }
        /* else: held without a word until the first link is confirmed */
    }
}

void kith_peer_adopt(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    struct kith_session *session = conn->session;
    struct kith_peer *peer = kith_peer_by_key(session, conn->hello.key);
    struct kith_adopt adopt;
    if (!kith_adopt_decode(body, length, 1, &adopt) || conn->info.name[0] == '\0' ||
        kith_peer_we_arbitrate(session, conn)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "ADOPT that has no place here");
        return;
    }
    if (session->state != KITH_SESSION_OPEN) {
        kith_conn_close(conn, KITH_REASON_LEFT, KITH_REASON_LEFT, "");
        return;
    }
    if (peer != NULL && adopt.generation <= peer->generation) {
        (void)kith_conn_count_idle(conn); /* late news from an older decision */
        return;
    }
    if (!adopt.fresh || (peer != NULL && (adopt.since == peer->since || peer->conn == conn))) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "ADOPT resumes, which was not offered");
        return;
    }
    if (peer != NULL) {
        /* The arbiter gave our old conversation up before we noticed: this one begins at zero. */
        depart(peer, KITH_REASON_TIMEOUT, "", KITH_REASON_TIMEOUT, conn);
        if (conn->state != KITH_CONN_AUTHENTICATED || kith_peer_by_key(session, conn->hello.key)) {
            return;
        }
    }
    if (is_full(session)) {
        kith_conn_fail(conn, KITH_REASON_FULL, "max_peers are connected");
        return;
    }
    peer = new_peer(conn);
    if (peer == NULL) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
        return;
    }
    peer->since = adopt.since;
    peer->generation = adopt.generation;
    if (!take_table(peer, &adopt)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "ADOPT claims bytes that were never sent");
        return;
    }
    if (!kith_mutant(NO_ADOPTED)) {
        send_adopt(peer, KITH_FRAME_ADOPTED);
    }
    if (conn->peer == peer) { /* else the answer did not fit, and it has departed */
        connected(peer);
    }
}

void kith_peer_adopted(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    struct kith_peer *peer = conn->peer;
    struct kith_adopt adopt;
    if (!kith_adopt_decode(body, length, 0, &adopt) || conn->info.name[0] == '\0' ||
        !kith_peer_we_arbitrate(conn->session, conn)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "ADOPTED that has no place here");
        return;
    }
    if (peer == NULL || peer->state != KITH_PEER_CONNECTING ||
        adopt.generation != peer->generation || adopt.since != peer->since) {
        (void)kith_conn_count_idle(conn); /* an answer to an older decision */
        return;
    }
    if (conn->session->state != KITH_SESSION_OPEN) {
        kith_peer_depart(peer, KITH_REASON_LOCAL, "", KITH_REASON_LEFT);
        return;
    }
    if (!take_table(peer, &adopt)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "ADOPTED claims bytes that were never sent");
        return;
    }
    close_links_to(conn->session, peer->key, conn, KITH_REASON_DUPLICATE, KITH_REASON_DUPLICATE,
                   "");
    connected(peer);
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
        (void)kith_conn_count_idle(conn); /* lane frames count only on the link in use */
        return;
    }
    if (lane >= KITH_CHANNEL_COUNT || fin) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "DATA on a lane that was not opened");
        return;
    }
    if (count > 0 && offset + count <= peer->rx[lane].received && kith_conn_count_idle(conn) != 0) {
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

static void settle(void *user, uint64_t ticket)
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
        elsewhere = atomic_exchange(&peer->refused_channels, 0);
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
    if (peer == NULL || peer->state != KITH_PEER_CONNECTED) {
        (void)kith_conn_count_idle(conn); /* lane frames count only on the link in use */
        return;
    }
    if (!moves(&peer->tx[credit.lane], &credit) && kith_conn_count_idle(conn) != 0) {
        return;
    }
    if (!kith_lane_tx_credit(&peer->tx[credit.lane], &credit, settle, peer)) {
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
        (void)kith_conn_count_idle(conn); /* lane frames count only on the link in use */
        return;
    }
    window = peer->rx[lane].window;
    if (!kith_lane_rx_blocked(&peer->rx[lane], limit)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "BLOCKED at a limit that was never granted");
    } else if (peer->rx[lane].window != window) {
        conn->driver->tx_ready(conn->link);
    } else {
        (void)kith_conn_count_idle(conn);
    }
}

static kith_err queued(struct kith_peer *peer, size_t count, kith_err err)
{
    if (err == KITH_OK) {
        peer->stats.messages_sent++;
        peer->stats.message_bytes_sent += count;
        peer->conn->driver->tx_ready(peer->conn->link);
    }
    return err;
}

kith_err kith_peer_put(struct kith_peer *peer, unsigned channel, const void *data, size_t count,
                       uint64_t ticket)
{
    return queued(peer, count, kith_lane_tx_put(&peer->tx[channel], data, count, ticket));
}

kith_err kith_peer_share(struct kith_peer *peer, unsigned channel, struct kith_payload *payload,
                         uint64_t ticket, int reserved)
{
    return queued(peer, payload->count,
                  kith_lane_tx_share(&peer->tx[channel], payload, ticket, reserved));
}

void kith_peer_datagram(struct kith_conn *conn, const uint8_t *bytes, size_t count)
{
    struct kith_peer *peer = conn->peer;
    struct kith_session *session = conn->session;
    if (peer != NULL && peer->leave.waiting) {
        return;
    }
    if (!kith_conn_is_in_use(conn)) {
        (void)kith_conn_count_idle(conn); /* they count only on the link in use */
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
    if (kith_held_free(held) && peer->conn != NULL && !kith_mutant(FORGET_CREDIT)) {
        peer->conn->driver->tx_ready(peer->conn->link); /* there may be CREDIT to send */
    }
    kith_peer_unref(peer);
}

void kith_peer_fill_stats(const struct kith_peer *peer, kith_peer_stats *out)
{
    *out = peer->stats;
    out->datagrams_dropped += atomic_load(&peer->datagrams_refused);
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        out->unsent_bytes += peer->tx[i].end - peer->tx[i].sent;
        out->retained_bytes += peer->tx[i].sent - peer->tx[i].received;
        out->held_bytes += peer->rx[i].delivered - peer->rx[i].consumed;
        out->window_bytes += peer->rx[i].window;
    }
}

int kith_peer_is_flushed(const struct kith_peer *peer)
{
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        if (peer->state == KITH_PEER_CONNECTED && peer->tx[i].consumed != peer->tx[i].end &&
            !kith_mutant(SKIP_FLUSH)) {
            return 0;
        }
    }
    return 1;
}
