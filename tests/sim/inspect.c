/* SPDX-License-Identifier: MIT
 *
 * inspect.c: see inspect.h. Reads the core's structs and changes nothing, but for the one list that
 * a loop keeps of its sessions.
 */
#include "inspect.h"

#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "runtime/runtime.h"
#include "session/session.h"
#include "transports/memory/inside.h"

void kith_loop_session_opened(kith_loop *loop, kith_session *session)
{
    kith_list_append(&loop->sessions, &session->owner_node);
}

uint64_t sim_inspect_since(const kith_peer *peer)
{
    return peer->since;
}

int sim_inspect_is_arbiter(const kith_peer *peer)
{
    return kith_peer_we_arbitrate(peer->session, peer->conn);
}

static uint64_t number_of(const uint8_t *incarnation)
{
    uint64_t number;
    memcpy(&number, incarnation, sizeof number);
    return number;
}

uint64_t sim_inspect_incarnation(const kith_session *session)
{
    return number_of(session->incarnation);
}

uint64_t sim_inspect_peer_incarnation(const kith_peer *peer)
{
    return number_of(peer->incarnation);
}

void sim_inspect_forsake(kith_session *session,
                         void (*on_closed)(kith_session *session, void *user))
{
    memset(&session->callbacks, 0, sizeof session->callbacks);
    session->callbacks.on_closed = on_closed;
}

kith_peer *sim_inspect_peer(const struct kith_link *link)
{
    return ((const struct kith_conn *)link->conn)->peer;
}

uint64_t sim_inspect_received(const kith_peer *peer, unsigned channel)
{
    return peer->rx[channel].received;
}

uint64_t sim_inspect_highest(const kith_peer *peer, unsigned channel)
{
    return peer->tx[channel].highest;
}

/* ---- lanes ------------------------------------------------------------------------------------
 */

/* What we promised: never more than the budget, and the sum says what each lane says. */
static void check_receiving(struct sim *sim, const kith_peer *peer)
{
    const struct kith_receive_share *share = &peer->receive_share;
    uint64_t promised = 0, granted = 0, wider = 0;
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        const struct kith_lane_rx *lane = &peer->rx[i];
        promised += lane->limit - lane->consumed;
        granted += lane->granted;
        wider += lane->window - share->window;
        for (const struct kith_node *at = lane->held.next; at != &lane->held; at = at->next) {
            granted += KITH_CONTAINER(at, struct kith_held, node)->granted;
        }
        SIM_CHECK(sim,
                  lane->consumed <= lane->delivered && lane->delivered <= lane->received &&
                      lane->received <= lane->limit,
                  "%s: receiving channel %u: consumed %llu, delivered %llu, received %llu, limit "
                  "%llu are out of order",
                  peer->name, i, (unsigned long long)lane->consumed,
                  (unsigned long long)lane->delivered, (unsigned long long)lane->received,
                  (unsigned long long)lane->limit);
    }
    SIM_CHECK(sim, promised == share->promised && promised <= share->budget,
              "%s: %llu bytes are promised, %llu by its own account, of a budget of %llu",
              peer->name, (unsigned long long)promised, (unsigned long long)share->promised,
              (unsigned long long)share->budget);
    SIM_CHECK(sim, granted + share->records_free == share->budget / 2,
              "%s: %llu bytes are granted and %llu free, of %llu for large messages", peer->name,
              (unsigned long long)granted, (unsigned long long)share->records_free,
              (unsigned long long)share->budget / 2);
    SIM_CHECK(sim, wider + share->wider_free == share->budget / 4,
              "%s: windows are wider by %llu bytes, and %llu are free, of %llu", peer->name,
              (unsigned long long)wider, (unsigned long long)share->wider_free,
              (unsigned long long)share->budget / 4);
}

/* What we keep to send: within the shares, and the sum says what each lane says. */
static void check_sending(struct sim *sim, const kith_peer *peer)
{
    const struct kith_send_share *share = &peer->send_share;
    size_t common = 0;
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        const struct kith_lane_tx *lane = &peer->tx[i];
        common += lane->held_bytes > share->own_max ? lane->held_bytes - share->own_max : 0;
        SIM_CHECK(sim,
                  lane->consumed <= lane->received && lane->received <= lane->highest &&
                      lane->sent <= lane->highest && lane->highest <= lane->end &&
                      lane->sent <= lane->limit,
                  "%s: sending channel %u: consumed %llu, received %llu, sent %llu, highest %llu, "
                  "end %llu, limit %llu are out of order",
                  peer->name, i, (unsigned long long)lane->consumed,
                  (unsigned long long)lane->received, (unsigned long long)lane->sent,
                  (unsigned long long)lane->highest, (unsigned long long)lane->end,
                  (unsigned long long)lane->limit);
    }
    /* What other threads sent has room of its own, reserved when it was taken. */
    SIM_CHECK(sim, common == share->common && common <= share->common_max + peer->reserved_max * 2,
              "%s: lanes keep %zu bytes beyond their own, %zu by the common account, of %zu",
              peer->name, common, share->common, share->common_max);
    SIM_CHECK(sim, atomic_load(&peer->reserved) <= peer->reserved_max,
              "%s: other threads have reserved more than they may", peer->name);
}

/* Credit that is free goes to whoever waits for it: the first in the list does not fit, and
 * everyone who needs some is in the list. */
static void check_waiting(struct sim *sim, const kith_peer *peer)
{
    const struct kith_receive_share *share = &peer->receive_share;
    size_t waiting = 0, listed = 0;
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        const struct kith_lane_rx *lane = &peer->rx[i];
        waiting += lane->in_record && lane->record_end > lane->limit;
    }
    for (const struct kith_node *at = share->waiting.next; at != &share->waiting; at = at->next) {
        const struct kith_lane_rx *lane = KITH_CONTAINER(at, struct kith_lane_rx, wait_node);
        SIM_CHECK(sim, ++listed <= KITH_CHANNEL_COUNT, "%s: the list of waiting lanes is a ring",
                  peer->name);
        waiting -= lane->in_record && lane->record_end > lane->limit;
        SIM_CHECK(sim, listed > 1 || lane->record_end > lane->limit + share->records_free,
                  "%s: a lane waits for %llu bytes of credit, and %llu are free", peer->name,
                  (unsigned long long)(lane->record_end - lane->limit),
                  (unsigned long long)share->records_free);
    }
    SIM_CHECK(sim, waiting == 0, "%s: a lane that needs credit does not wait for it", peer->name);
}

static void check_peer(struct sim *sim, const kith_peer *peer)
{
    check_receiving(sim, peer);
    check_waiting(sim, peer);
    check_sending(sim, peer);
}

void sim_inspect_link(struct sim *sim, const struct kith_link *link)
{
    const struct kith_conn *conn = link->conn;
    if (conn->peer != NULL) {
        check_peer(sim, conn->peer);
    }
}

/* ---- sessions ---------------------------------------------------------------------------------
 */

enum {
    /* What a session holds beside its peers' budgets: itself, handles, the timers' heap. */
    SESSION_BYTES_MAX = 16 * 1024 * 4,
    /* A link: the structs of both layers, control frames, a frame under way, datagrams. */
    LINK_BYTES_MAX = 64 * 1024 * 2,
    /* Beside what the budget counts: the struct of a peer; what a small held message costs more
       than its bytes. */
    PEER_BYTES_MAX = 16 * 1024,
    /* What is advertised or browsed for: who was found, the timers' heap. */
    DISCOVERY_BYTES_MAX = 64 * 1024
};

static size_t held_count(const kith_peer *peer)
{
    size_t count = 0;
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        count += peer->rx[i].held_count;
    }
    return count;
}

void sim_inspect_session(struct sim *sim, const kith_session *session, const kith_loop *loop,
                         size_t extra_bytes)
{
    size_t allowed = SESSION_BYTES_MAX + extra_bytes, peers = 0, connected = 0;
    uint64_t wider = 0;
    for (const struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
        const kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
        check_peer(sim, peer);
        peers++;
        wider += peer->receive_share.budget / 4 - peer->receive_share.wider_free;
        connected += peer->state == KITH_PEER_CONNECTED;
        allowed += session->config.budget_bytes + PEER_BYTES_MAX +
                   held_count(peer) * (sizeof(struct kith_held) + 16);
    }
    SIM_CHECK(sim, wider + session->window_pool.free == session->config.window_pool_bytes,
              "%s: the pool of windows has %llu bytes, %llu given away, of %llu",
              session->display_name, (unsigned long long)session->window_pool.free,
              (unsigned long long)wider, (unsigned long long)session->config.window_pool_bytes);
    for (const struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        allowed += LINK_BYTES_MAX;
    }
    SIM_CHECK(sim,
              peers == session->peer_count && connected == session->stats.peers_connected &&
                  peers <= session->config.max_peers,
              "%s: %zu peers, %zu connected, but it counts %zu and %llu", session->display_name,
              peers, connected, session->peer_count,
              (unsigned long long)session->stats.peers_connected);
    allowed += session->dial_count * sizeof(struct kith_dial) +
               session->listener_count * sizeof(struct kith_listener) +
               session->key_count * sizeof(struct kith_key_entry);
    allowed += session->discovery_count * DISCOVERY_BYTES_MAX;
    SIM_CHECK(sim, loop->memory.bytes <= allowed, "%s: holds %zu bytes of memory, of %zu allowed",
              session->display_name, loop->memory.bytes, allowed);
}

/* What kith_up_pull() would give. */
static const char *waits_for_pull(const struct kith_conn *conn)
{
    int one_lane = (conn->driver->capabilities & KITH_DRIVER_MANY_LANES) == 0;
    if (conn->control_start < conn->control_count) {
        return "a control frame";
    }
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT && kith_conn_is_in_use(conn); i++) {
        const struct kith_lane_rx *rx = &conn->peer->rx[i];
        if (rx->consumed != rx->announced.consumed || rx->limit != rx->announced.limit) {
            return "a CREDIT";
        }
        if (one_lane && kith_lane_tx_ready(&conn->peer->tx[i]) > 0) {
            return "data";
        }
    }
    return NULL;
}

void sim_inspect_idle(struct sim *sim, const kith_session *session)
{
    for (const struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        const struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn->up && conn->state < KITH_CONN_CLOSING && conn->driver->can_write(conn->link)) {
            const char *what = waits_for_pull(conn);
            SIM_CHECK(sim, what == NULL, "%s: %s waits, and the link would take it",
                      session->display_name, what);
        }
    }
}

void sim_inspect_wake(const kith_session *session)
{
    for (const struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        const struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn->state != KITH_CONN_DOWN) {
            conn->driver->tx_ready(conn->link);
        }
    }
}

void sim_inspect_change(kith_session *session, int has_slept)
{
    kith_session_network(session, has_slept ? KITH_NETWORK_DUE_WAKE | KITH_NETWORK_DUE_TELL_WOKE
                                            : KITH_NETWORK_DUE_LOOK | KITH_NETWORK_DUE_TELL);
}

static const char *links_of(const kith_peer *peer)
{
    const struct kith_session *session = peer->session;
    size_t count = 0;
    for (const struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        const struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        count += conn->state == KITH_CONN_AUTHENTICATED &&
                 memcmp(conn->hello.key, peer->key, sizeof peer->key) == 0;
    }
    return peer->conn == NULL || peer->conn != peer->active || !peer->is_confirmed
               ? "connected, and the link in use is not the one that was chosen"
           : count != 1 ? "connected over more than one link"
                        : NULL;
}

const char *sim_inspect_links(const kith_peer *a, const kith_peer *b)
{
    const char *wrong = links_of(a);
    wrong = wrong != NULL ? wrong : links_of(b);
    if (wrong == NULL && ((const struct kith__mem_link *)a->active->link)->other !=
                             (const struct kith__mem_link *)b->active->link) {
        wrong = "the two ends are connected over different links";
    }
    return wrong;
}

uint64_t sim_inspect_generation(const kith_peer *peer)
{
    return peer->generation;
}

size_t sim_inspect_kept(const kith_peer *peer)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        bytes += peer->tx[i].held_bytes;
    }
    return bytes;
}

void sim_inspect_stuck(const kith_peer *sender, const kith_peer *receiver, char *out,
                       size_t out_bytes)
{
    const struct kith_receive_share *share = &receiver->receive_share;
    int done = snprintf(out, out_bytes, "%llu free for large messages",
                        (unsigned long long)share->records_free);
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT && done > 0 && (size_t)done < out_bytes; i++) {
        const struct kith_lane_tx *tx = &sender->tx[i];
        const struct kith_lane_rx *rx = &receiver->rx[i];
        if (tx->consumed == tx->end) {
            continue;
        }
        done += snprintf(out + done, out_bytes - (size_t)done,
                         "; lane %u sender: consumed %llu received %llu sent %llu limit %llu end "
                         "%llu, receiver: consumed %llu received %llu limit %llu%s ends %llu%s",
                         i, (unsigned long long)tx->consumed, (unsigned long long)tx->received,
                         (unsigned long long)tx->sent, (unsigned long long)tx->limit,
                         (unsigned long long)tx->end, (unsigned long long)rx->consumed,
                         (unsigned long long)rx->received, (unsigned long long)rx->limit,
                         rx->in_record ? " in a record that" : ", the last record",
                         (unsigned long long)rx->record_end,
                         kith_list_empty(&rx->wait_node) ? "" : ", waits for a grant");
    }
}
