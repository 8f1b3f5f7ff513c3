/* SPDX-License-Identifier: MIT
 *
 * quiet.c: what must hold after each step, when nothing more happens by itself, and at the end,
 * when every timer has run out. It must not change anything before that end.
 */
#include <string.h>

#include "explore.h"

static int works(const struct wire *wire)
{
    return wire->ends[0] != NULL && wire->ends[1] != NULL && !wire->is_cut[0] && !wire->is_cut[1];
}

/* ---- always -----------------------------------------------------------------------------------
 */

static void check_peer(int side, const struct kith_peer *peer)
{
    const struct kith_lane_tx *tx = &peer->tx[0];
    char name = (char)('A' + side);
    CHECK(peer->generation <= GENERATION_MAX, "%c: adopts without end", name);
    CHECK(peer->active == NULL || peer->active->peer == peer, "%c: its link is not its own", name);
    CHECK(peer->conn == NULL || peer->conn->peer == peer, "%c: its link is not its own", name);
    CHECK(peer->conn == NULL || peer->conn->state == KITH_CONN_AUTHENTICATED,
          "%c: uses a link that is closing", name);
    CHECK(peer->active == NULL || peer->active->state == KITH_CONN_AUTHENTICATED,
          "%c: uses a link that is closing", name);
    CHECK(!peer->is_confirmed || peer->conn == NULL || peer->active == peer->conn,
          "%c: a link is confirmed and not in use", name);
    CHECK(peer->state != KITH_PEER_INTERRUPTED || peer->active == NULL,
          "%c: INTERRUPTED, and there is a link", name);
    CHECK(tx->consumed <= tx->received && tx->received <= tx->highest && tx->sent <= tx->highest,
          "%c: a lane's numbers cannot be", name);
}

/* What one side says the other has, it has. */
static void check_pair(const struct kith_peer *from, const struct kith_peer *to, int side)
{
    const struct kith_session *here = world.sides[side].session;
    if (from == NULL || to == NULL || from->since != to->since ||
        memcmp(to->incarnation, here->incarnation, sizeof to->incarnation) != 0) {
        return;
    }
    CHECK(from->tx[0].received <= to->rx[0].received && from->tx[0].consumed <= to->rx[0].consumed,
          "%c: a message is freed that the other side does not have", 'A' + side);
}

void check_always(void)
{
    for (int side = 0; side < SIDES; side++) {
        const struct kith_session *session = world.sides[side].session;
        if (session == NULL) {
            continue;
        }
        CHECK(kith_list_empty(&world.sides[side].env.deferred), "a turn leaves something undone");
        for (const struct kith_node *at = session->peers.next; at != &session->peers;
             at = at->next) {
            check_peer(side, KITH_CONTAINER(at, struct kith_peer, node));
        }
    }
    if (world.sides[0].session != NULL && world.sides[1].session != NULL) {
        check_pair(side_peer(0), side_peer(1), 0);
        check_pair(side_peer(1), side_peer(0), 1);
    }
}

/* ---- quiet ------------------------------------------------------------------------------------
 */

/* Nobody has a link: then nobody thinks so. */
static void check_none(void)
{
    for (int side = 0; side < SIDES; side++) {
        const struct kith_session *session = world.sides[side].session;
        for (const struct kith_node *at = session->peers.next; at != &session->peers;
             at = at->next) {
            const struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
            CHECK(peer->conn == NULL && peer->active == NULL,
                  "%c: no link works, and it has one in use", 'A' + side);
            CHECK(kith_timer_is_set(&peer->window_timer),
                  "%c: no link, and no window that ends the wait", 'A' + side);
        }
    }
}

/* Nothing but dialling happened, over one transport: then one decision is enough. */
static int is_calm(void)
{
    for (int slot = 1; slot < LINKS_MAX; slot++) {
        if (config.rank[slot] != config.rank[0]) {
            return 0;
        }
    }
    return world.breaks + world.forgets + world.kicks + world.crashes + config.impatience == 0;
}

static struct speaker *speaker_of(const struct kith_peer *peer)
{
    return peer->user;
}

static void check_one(const struct wire *wire)
{
    const struct kith_peer *peers[SIDES] = {side_peer(0), side_peer(1)};
    const struct kith_conn *conns[SIDES] = {wire->ends[0]->base.conn, wire->ends[1]->base.conn};
    int uses[SIDES];
    for (int side = 0; side < SIDES; side++) {
        const struct kith_peer *peer = peers[side];
        uses[side] = peer != NULL && peer->conn == conns[side];
    }
    CHECK(uses[0] || uses[1], "a link works, and neither side uses it");
    CHECK(uses[0] && uses[1], "a link works, and only one side uses it");
    for (int side = 0; side < SIDES; side++) {
        CHECK(peers[side]->is_confirmed && peers[side]->active == conns[side],
              "%c: waits for ADOPTED for ever", 'A' + side);
        CHECK(peers[side]->state == KITH_PEER_CONNECTED, "%c: a link works, and it is not told",
              'A' + side);
    }
    CHECK(peers[0]->since == peers[1]->since, "the two are in different associations");
    CHECK(peers[0]->generation == 1 || !is_calm(), "adopted again, and nothing happened");
    for (int side = 0; side < SIDES; side++) {
        const struct speaker *from = speaker_of(peers[side]), *to = speaker_of(peers[1 - side]);
        CHECK(to->heard == from->sent, "%c: a message never came", 'A' + 1 - side);
        CHECK(to->partner == 0 || to->partner == from - world.sides[side].speakers + 1,
              "%c: hears another conversation", 'A' + 1 - side);
        CHECK(from->settled == from->sent, "%c: a message came, and its fate is not told",
              'A' + side);
        CHECK(peers[side]->tx[0].received == peers[side]->tx[0].end,
              "%c: a message came, and is kept", 'A' + side);
    }
}

/* A dial that brings nobody, and will not. */
static void check_dials(int side)
{
    const struct kith_session *session = world.sides[side].session;
    for (const struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        const struct kith_dial *dial = KITH_CONTAINER(at, struct kith_dial, node);
        CHECK(dial->conn != NULL || kith_timer_is_set(&dial->retry_timer) ||
                  (dial->peer != NULL && dial->peer->active != NULL),
              "%c: a dial waits for nothing", 'A' + side);
        CHECK(dial->conn == NULL || dial->peer == NULL || dial->peer->active != NULL ||
                  dial->conn->state < KITH_CONN_CLOSING,
              "%c: a dial hangs on a link that is closing", 'A' + side);
    }
}

void check_quiet(void)
{
    const struct wire *found = NULL;
    for (int slot = 0; slot < world.wire_count; slot++) {
        if (works(&world.wires[slot])) {
            CHECK(found == NULL, "several links that work remain");
            found = &world.wires[slot];
        }
    }
    if (found == NULL) {
        check_none();
    } else {
        check_one(found);
    }
    for (int side = 0; side < SIDES; side++) {
        check_dials(side);
    }
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static int run_out(int which)
{
    struct side *side = &world.sides[which];
    const struct kith_session *session = side->session;
    for (const struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
        struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
        if (kith_timer_is_set(&peer->window_timer)) {
            kith_timer_stop(&side->env, &peer->window_timer);
            peer->window_timer.fire(&peer->window_timer);
            wire_turn(which);
            return 1;
        }
    }
    return 0;
}

void check_end(void)
{
    world.is_ending = 1;
    for (int which = 0; which < SIDES; which++) {
        struct side *side = &world.sides[which];
        while (run_out(which)) {
        }
        for (size_t i = 0; i < side->speaker_count; i++) {
            const struct speaker *speaker = &side->speakers[i];
            CHECK(speaker->state == KITH_PEER_DEPARTED || speaker->peer->active != NULL,
                  "%c: the window is over, and the peer has not departed", 'A' + which);
        }
        kith_session_leave(side->session, 0);
        kith_session_abort(side->session);
        wire_turn(which);
        CHECK(side->is_over, "%c: its session does not close", 'A' + which);
        CHECK(side->env.timers.count == 0, "%c: a timer is left", 'A' + which);
        for (size_t i = 0; i < side->speaker_count; i++) {
            CHECK(side->speakers[i].state == KITH_PEER_DEPARTED,
                  "%c: the session is closed, and a peer has not departed", 'A' + which);
        }
        kith_env_fini(&side->env);
        CHECK(side->heap_blocks == 0, "%c: %u blocks of memory are left", 'A' + which,
              side->heap_blocks);
    }
}
