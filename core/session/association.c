/* SPDX-License-Identifier: MIT
 *
 * association.c: which of a peer's links is used. One side, the arbiter, decides, with numbered
 * ADOPTs; the other obeys the highest number. An association outlives its links: when one is lost
 * or replaced, both sides say per lane how far they are, the sender goes back to that, and nothing
 * is lost or doubled. It knows no message; peer.c has those. Pure.
 *
 * conn     the link of the last ADOPT
 * active   the link that carries lanes. A follower uses conn at once; an arbiter stays with the one
 *          before until ADOPTED has come, because only that says where the other side goes on
 * held     every other authenticated link to the same incarnation: open and silent until conn is
 *          confirmed, because conn may die before that
 */
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"
#include "bounds.h"
#include "session/session.h"

/* ---- which side decides, and among what -------------------------------------------------------
 */

int kith_peer_we_arbitrate(const struct kith_session *session, const struct kith_conn *conn)
{
    int order;
    if (session->config.role != KITH_ROLE_STAR) {
        return session->config.role == KITH_ROLE_SERVER;
    }
    order = memcmp(session->id.bytes, conn->id.bytes, sizeof session->id.bytes);
    return order != 0 ? order > 0 : memcmp(session->key, conn->hello.key, sizeof session->key) > 0;
}

int kith_peer_is_link_of(const struct kith_peer *peer, const struct kith_conn *conn)
{
    return memcmp(conn->hello.key, peer->key, sizeof peer->key) == 0 &&
           memcmp(conn->hello.incarnation, peer->incarnation, sizeof peer->incarnation) == 0;
}

static int is_link_of(const struct kith_peer *peer, const struct kith_conn *conn)
{
    return conn->state == KITH_CONN_AUTHENTICATED && conn->gates == 0 &&
           kith_peer_is_link_of(peer, conn);
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

/* A transport whose link died soon after it was chosen must stand as long as that first. */
static unsigned rank_of(const struct kith_peer *peer, const struct kith_conn *conn)
{
    int is_shaky = conn->driver == peer->shaky && peer->env->now_us < peer->shaky_until_us;
    return is_shaky ? 0 : conn->driver->rank + 1;
}

/* The best link there is besides peer->conn; untried: only those that were not adopted in this
 * round. NULL: none. */
static struct kith_conn *best_link(const struct kith_peer *peer, int untried)
{
    const struct kith_session *session = peer->session;
    struct kith_conn *best = NULL;
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn != peer->conn && is_link_of(peer, conn) &&
            !(untried && conn->tried_round == peer->round) &&
            (best == NULL || rank_of(peer, conn) > rank_of(peer, best))) {
            best = conn;
        }
    }
    return best;
}

/* ---- tables -----------------------------------------------------------------------------------
 */

static void send_adopt(struct kith_peer *peer, uint64_t type)
{
    struct kith_adopt adopt = {0};
    uint8_t body[KITH_ADOPT_BYTES_MAX];
    adopt.generation = peer->generation;
    adopt.since = peer->since;
    adopt.fresh = !peer->was_confirmed;
    adopt.next_lane = adopt.lane_count = KITH_CHANNEL_COUNT;
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        const struct kith_lane_rx *lane = &peer->rx[i];
        adopt.lanes[i] = (struct kith_credit){i, lane->received, lane->consumed, lane->limit};
        peer->conn->told[i] = adopt.lanes[i];
    }
    kith_conn_send(peer->conn, type, body,
                   kith_adopt_encode(&adopt, type == KITH_FRAME_ADOPT, body));
}

/* Takes the other side's table: the sender goes back, or forward, to what the receiver has. Before
 * that the transport that carried the lanes must let go of what it borrowed. */
static int take_table(struct kith_peer *peer, const struct kith_adopt *adopt)
{
    struct kith_conn *old = peer->active;
    if (old != NULL && (old->driver->capabilities & KITH_DRIVER_MANY_LANES) != 0) {
        old->driver->lanes_end(old->link);
        old->lanes_blocked = 0;
    }
    for (size_t i = 0; i < adopt->lane_count; i++) {
        if (!kith_lane_tx_resume(&peer->tx[adopt->lanes[i].lane], &adopt->lanes[i],
                                 kith_peer_settle, peer)) {
            return 0;
        }
    }
    return adopt->lane_count == KITH_CHANNEL_COUNT || !peer->was_confirmed;
}

/* ---- use --------------------------------------------------------------------------------------
 */

static void set_conn(struct kith_peer *peer, struct kith_conn *conn)
{
    struct kith_conn *old = peer->conn;
    peer->conn = conn;
    if (old != NULL && old != conn && old != peer->active) {
        old->peer = NULL;
    }
    if (conn != NULL) {
        conn->peer = peer;
        conn->was_chosen = 1;
        /* More is never granted at a time. DATA frames are counted instead: they are never that
         * small, and their parts do not count. */
        if ((conn->driver->capabilities & KITH_DRIVER_MANY_LANES) != 0) {
            conn->repeats_left_bytes = peer->session->config.budget_bytes;
        }
    }
}

/* The link that carried lanes until now carries none any more. A follower waits for the arbiter to
 * close it, for a while. */
static void retire(struct kith_peer *peer, struct kith_conn *old)
{
    struct kith_env *env = peer->env;
    old->peer = NULL;
    kith_timer_stop(env, &old->ping_timer);
    kith_datagrams_drop(old, peer);
    if (kith_timer_set(env, &old->timer,
                       env->now_us + (uint64_t)peer->session->config.handshake_ms * 1000) !=
        KITH_OK) {
        kith_conn_close(old, KITH_REASON_DUPLICATE, KITH_REASON_LOST, "");
    }
}

/* Lanes go over peer->conn from now on. */
static void use(struct kith_peer *peer)
{
    struct kith_conn *old = peer->active;
    peer->active = peer->conn;
    peer->adopted_us = peer->env->now_us;
    kith_places_use(peer, peer->conn);
    kith_timer_stop(peer->env, &peer->adopt_timer);
    kith_timer_stop(peer->env, &peer->interrupt_timer);
    kith_timer_stop(peer->env, &peer->window_timer);
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        if (!kith_mutant(TELL_ONCE)) {
            peer->rx[i].announced = peer->active->told[i]; /* what has changed since follows */
        }
    }
    if (old != NULL && old != peer->conn) {
        retire(peer, old);
    }
}

static void tell_connected(struct kith_peer *peer)
{
    struct kith_session *session = peer->session;
    peer->state = KITH_PEER_CONNECTED;
    session->stats.peers_connected++;
    if (session->callbacks.on_peer != NULL) {
        session->callbacks.on_peer(session, peer, KITH_PEER_CONNECTED, KITH_REASON_NONE, "",
                                   session->user);
    }
}

/* The link is in use: the application hears of a peer that it did not have. */
static void connected(struct kith_peer *peer)
{
    struct kith_session *session = peer->session;
    struct kith_conn *conn = peer->conn;
    struct kith_dial *dial = conn->dial;
    int is_new = peer->state == KITH_PEER_CONNECTING;
    kith_conn_watch(conn);
    if (conn->peer != peer) {
        return; /* its first PING did not fit: it has departed */
    }
    if (peer->state == KITH_PEER_CONNECTING) {
        peer->is_open = 1; /* no other thread knows it yet */
        strcpy(peer->name, conn->info.name);
    }
    kith_log(session->env, KITH_LOG_INFO, "%s %s over %s (%s)", peer->name,
             peer->state == KITH_PEER_CONNECTING ? "connected" : "goes on",
             conn->link_info.transport, conn->remote_address);
    if (peer->state != KITH_PEER_CONNECTED) {
        kith_network_path_told(conn);
        tell_connected(peer);
    } else {
        kith_network_tell_path(conn);
    }
    if (conn->dial != NULL && conn->dial == dial && peer->active == conn) {
        conn->dial = NULL;
        kith_dial_ready(dial, peer);
    }
    kith_datagrams_begin(peer);
    kith_peer_wake(peer);
    kith_lanes_begin(conn);
    if (conn->peer == peer) {
        kith_peer_tell_writable(peer); /* the table may have made room */
    }
    if (is_new && conn->peer == peer) {
        kith_introduce_connected(peer);
    }
}

/* ---- the arbiter ------------------------------------------------------------------------------
 */

/* Another link is tried when conn does not answer in time. */
static void watch_adoption(struct kith_peer *peer)
{
    uint64_t wait_us = 4 * (uint64_t)peer->conn->rtt_us,
             least_us = (uint64_t)KITH_ADOPT_MS_MIN * 1000;
    wait_us = wait_us < least_us ? least_us : wait_us;
    if (kith_timer_set(peer->env, &peer->adopt_timer, peer->env->now_us + wait_us) != KITH_OK) {
        kith_conn_fail(peer->conn, KITH_REASON_INTERNAL, "out of memory");
    }
}

/* The link that carries lanes is chosen once more, after another one that the follower may have
 * gone to: what it gets on this one in between it has dropped. Nothing more goes there before it
 * says where it is. */
static void be_silent(struct kith_peer *peer)
{
    struct kith_conn *conn = peer->active;
    if ((conn->driver->capabilities & KITH_DRIVER_MANY_LANES) != 0) {
        conn->driver->lanes_end(conn->link);
        conn->lanes_blocked = 0;
    }
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        kith_lane_tx_take_back(&peer->tx[i]);
    }
    kith_datagrams_drop(conn, peer);
    peer->active = NULL;
}

static void adopt(struct kith_peer *peer, struct kith_conn *conn)
{
    peer->generation = kith_mutant(OWN_COUNT) ? peer->generation + 1 : ++peer->session->generation;
    peer->is_confirmed = 0;
    conn->tried_round = peer->round;
    if (peer->active == conn && !kith_mutant(NO_SILENCE)) {
        be_silent(peer);
    }
    if (kith_mutant(CLOSE_EARLY) && peer->conn != NULL && peer->conn != conn) {
        kith_peer_close_links(peer->session, peer->key, conn, KITH_REASON_DUPLICATE,
                              KITH_REASON_DUPLICATE, "");
    }
    set_conn(peer, conn);
    send_adopt(peer, KITH_FRAME_ADOPT);
    if (conn->peer == peer) { /* else it did not fit */
        watch_adoption(peer);
    }
}

/* No ADOPTED yet: another link, where there is one, may answer. */
static void adopt_another(struct kith_timer *timer)
{
    struct kith_peer *peer = KITH_CONTAINER(timer, struct kith_peer, adopt_timer);
    struct kith_conn *other = best_link(peer, 1);
    if (other == NULL) {
        peer->round++; /* all were tried: they may be tried again */
        other = best_link(peer, 1);
    }
    if (other != NULL) {
        adopt(peer, other);
    } else {
        peer->conn->tried_round = peer->round;
        watch_adoption(peer);
    }
}

static int is_full(const struct kith_session *session)
{
    return session->peer_count >= session->config.max_peers;
}

/* A new association over this link. */
static void begin(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    struct kith_peer *peer;
    if (is_full(session)) {
        kith_conn_fail(conn, KITH_REASON_FULL, "max_peers are connected");
        return;
    }
    peer = kith_peer_new(conn);
    if (peer == NULL) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
        return;
    }
    peer->since = kith_mutant(OWN_COUNT) ? 1 : session->generation + 1;
    kith_admission_settled(conn);
    adopt(peer, conn);
}

static void keep(struct kith_peer *peer, struct kith_conn *conn)
{
    if (peer->is_confirmed || kith_mutant(CLOSE_HELD)) {
        kith_conn_close(conn, KITH_REASON_DUPLICATE, KITH_REASON_DUPLICATE, "");
    } else if (peer->conn->wait_until_us > peer->env->now_us && conn->tried_round != peer->round) {
        adopt(peer, conn); /* the other side thinks about that link; perhaps not about this one */
    }                      /* else it is held: conn may die before it is confirmed */
}

/* A link to a peer that has one in use, and what the follower says of that. */
static void weigh(struct kith_peer *peer, struct kith_conn *conn)
{
    const struct kith_claim *claim = &conn->info.claim;
    int is_mine = claim->since == peer->since && claim->generation == peer->generation;
    if (kith_mutant(TEXTBOOK)) {
        kith_conn_close(conn->dialled ? conn : peer->conn, KITH_REASON_DUPLICATE,
                        KITH_REASON_DUPLICATE, "");
    } else if (rank_of(peer, conn) > rank_of(peer, peer->conn)) {
        adopt(peer, conn);
    } else if (conn->info.name[0] == '\0') {
        return; /* its claim comes with INFO */
    } else if ((is_mine || kith_mutant(ANY_DEAD)) && !claim->alive) {
        adopt(peer, conn); /* it knows that the link is dead, which we do not see */
    } else if (!is_mine && peer->is_confirmed && conn->confirmed_then == peer->generation) {
        adopt(peer, conn); /* it had this association, and speaks of another: it forgot */
    } else {
        keep(peer, conn);
    }
}

static void decide(struct kith_conn *conn)
{
    struct kith_peer *peer = kith_peer_by_key(conn->session, conn->hello.key);
    if (peer == NULL) {
        begin(conn);
    } else if (!kith_peer_is_link_of(peer, conn)) {
        kith_restart_begin(peer, conn); /* another incarnation came in meanwhile */
    } else if (peer->conn == conn) {
        return;
    } else if (peer->conn == NULL) {
        adopt(peer, conn);
    } else {
        weigh(peer, conn);
    }
}

static void take_adopt(struct kith_conn *conn, const struct kith_adopt *adopt);
static void put_off(struct kith_conn *conn, const struct kith_adopt *adopt);

/* A link has proved who is there. What the application has to say it says once INFO has told whom
 * it is asked about. */
static void came_in(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    const struct kith_peer *peer = kith_peer_by_key(session, conn->hello.key);
    if (peer == NULL && is_full(session)) {
        kith_conn_fail(conn, KITH_REASON_FULL, "max_peers are connected");
    } else if (kith_admission_asks(conn)) {
        conn->gates |= KITH_GATE_ASK;
        if (conn->info.name[0] != '\0') {
            kith_admission_ask(conn);
        }
    } else if (kith_peer_we_arbitrate(session, conn)) {
        decide(conn);
    }
}

/* Unless somebody else is here with that key. */
static void check_in(struct kith_conn *conn)
{
    struct kith_peer *peer = kith_peer_by_key(conn->session, conn->hello.key);
    if (peer != NULL && !kith_peer_is_link_of(peer, conn)) {
        kith_restart_begin(peer, conn);
        return;
    }
    if (peer != NULL) {
        kith_restart_also(peer, conn);
    }
    if (conn->state == KITH_CONN_AUTHENTICATED) {
        came_in(conn);
    }
}

void kith_association_open_gate(struct kith_conn *conn, unsigned gate)
{
    struct kith_adopt adopt;
    conn->gates &= ~gate;
    if (conn->gates != 0 || conn->state != KITH_CONN_AUTHENTICATED) {
        return;
    }
    if (conn->session->state != KITH_SESSION_OPEN) {
        kith_conn_close(conn, KITH_REASON_LEFT, KITH_REASON_LEFT, "");
        return;
    }
    if (gate == KITH_GATE_PROBE) {
        check_in(conn);
    } else if (kith_peer_we_arbitrate(conn->session, conn)) {
        decide(conn);
    }
    if (conn->gates == 0 && conn->adopt_waits != NULL && conn->state == KITH_CONN_AUTHENTICATED) {
        adopt = *conn->adopt_waits;
        kith_free(conn->session->env, conn->adopt_waits);
        conn->adopt_waits = NULL;
        take_adopt(conn, &adopt);
    }
}

void kith_association_authenticated(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    if (session->state != KITH_SESSION_OPEN) {
        kith_conn_close(conn, KITH_REASON_LEFT, KITH_REASON_LEFT, "");
    } else if (kith_admission_is_banned(conn)) {
        kith_conn_fail(conn, KITH_REASON_BANNED, "");
    } else if (links_to(session, conn->hello.key) > KITH_LINKS_PER_KEY_MAX) {
        kith_conn_close(conn, KITH_REASON_DUPLICATE, KITH_REASON_DUPLICATE, "");
    } else {
        check_in(conn);
    }
}

void kith_association_info(struct kith_conn *conn)
{
    if (conn->state != KITH_CONN_AUTHENTICATED || conn->session->state != KITH_SESSION_OPEN) {
        return;
    }
    if ((conn->gates & KITH_GATE_ASK) != 0) {
        kith_admission_ask(conn);
    } else if (conn->gates == 0 && kith_peer_we_arbitrate(conn->session, conn)) {
        decide(conn);
    }
}

void kith_association_wait(struct kith_conn *conn)
{
    struct kith_peer *peer = conn->peer;
    if (peer != NULL && peer->conn == conn && !peer->is_confirmed &&
        kith_timer_is_set(&peer->adopt_timer) &&
        kith_timer_set(peer->env, &peer->adopt_timer, conn->wait_until_us) != KITH_OK) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
    }
}

void kith_association_adopted(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    struct kith_peer *peer = conn->peer;
    struct kith_adopt adopted;
    if (!kith_adopt_decode(body, length, 0, &adopted) || conn->info.name[0] == '\0' ||
        !kith_peer_we_arbitrate(conn->session, conn)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "ADOPTED that has no place here");
        return;
    }
    if (peer == NULL || peer->conn != conn || peer->is_confirmed ||
        adopted.generation != peer->generation || adopted.since != peer->since) {
        (void)kith_conn_count_idle(conn); /* an answer to an older decision */
        return;
    }
    if (conn->session->state != KITH_SESSION_OPEN && peer->state == KITH_PEER_CONNECTING) {
        kith_peer_depart(peer, KITH_REASON_LOCAL, "", KITH_REASON_LEFT);
        return;
    }
    if (!take_table(peer, &adopted)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "ADOPTED claims bytes that were never sent");
        return;
    }
    if (conn->peer != peer || peer->conn != conn) {
        return; /* a callback of a fate has ended it */
    }
    peer->is_confirmed = peer->was_confirmed = 1;
    peer->round++;
    use(peer);
    kith_peer_close_links(conn->session, peer->key, conn, KITH_REASON_DUPLICATE,
                          KITH_REASON_DUPLICATE, "");
    connected(peer);
}

void kith_association_forgotten(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    struct kith_peer *peer = conn->peer;
    uint64_t since;
    if (!kith_forgotten_decode(body, length, &since) ||
        !kith_peer_we_arbitrate(conn->session, conn)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "FORGOTTEN that has no place here");
        return;
    }
    if (peer == NULL || peer->conn != conn || peer->is_confirmed || since != peer->since) {
        (void)kith_conn_count_idle(conn);
        return;
    }
    kith_peer_depart_but(peer, KITH_REASON_TIMEOUT, "", KITH_REASON_TIMEOUT, conn);
    if (conn->state == KITH_CONN_AUTHENTICATED && conn->session->state == KITH_SESSION_OPEN &&
        kith_peer_by_key(conn->session, conn->hello.key) == NULL) {
        begin(conn);
    }
}

/* ---- the follower -----------------------------------------------------------------------------
 */

static void obey(struct kith_peer *peer, struct kith_conn *conn, const struct kith_adopt *adopt)
{
    peer->generation = adopt->generation;
    if (kith_mutant(STAY) && peer->active != NULL) {
        struct kith_conn *before = peer->conn;
        peer->conn = conn;
        send_adopt(peer, KITH_FRAME_ADOPTED);
        peer->conn = before;
        return;
    }
    set_conn(peer, conn);
    if (!take_table(peer, adopt)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "ADOPT claims bytes that were never sent");
        return;
    }
    if (conn->peer != peer || peer->conn != conn) {
        return; /* a callback of a fate has ended it */
    }
    peer->is_confirmed = peer->was_confirmed = 1;
    if (!kith_mutant(NO_ADOPTED)) {
        send_adopt(peer, KITH_FRAME_ADOPTED);
    }
    if (conn->peer == peer) { /* else the answer did not fit, and it has departed */
        use(peer);
        connected(peer);
    }
}

static void obey_fresh(struct kith_conn *conn, const struct kith_adopt *adopt)
{
    struct kith_session *session = conn->session;
    struct kith_peer *peer = kith_peer_by_key(session, conn->hello.key);
    if (peer != NULL) {
        /* The arbiter gave our old conversation up before we noticed: this one begins at zero. */
        kith_peer_depart_but(peer, KITH_REASON_TIMEOUT, "", KITH_REASON_TIMEOUT, conn);
        if (conn->state != KITH_CONN_AUTHENTICATED || kith_peer_by_key(session, conn->hello.key)) {
            return;
        }
    }
    if (is_full(session)) {
        kith_conn_fail(conn, KITH_REASON_FULL, "max_peers are connected");
        return;
    }
    peer = kith_peer_new(conn);
    if (peer == NULL) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
        return;
    }
    peer->since = adopt->since;
    kith_admission_settled(conn);
    obey(peer, conn, adopt);
}

static void take_adopt(struct kith_conn *conn, const struct kith_adopt *adopt)
{
    struct kith_session *session = conn->session;
    struct kith_peer *peer = kith_peer_by_key(session, conn->hello.key);
    uint8_t forgotten[KITH_FORGOTTEN_BYTES_MAX];
    if (peer != NULL && !kith_peer_is_link_of(peer, conn) && !kith_mutant(ONE_KEY)) {
        put_off(conn, adopt); /* another incarnation came in since this link has proved itself */
        if (conn->state == KITH_CONN_AUTHENTICATED) {
            kith_restart_begin(peer, conn);
        }
        return;
    }
    if (session->state != KITH_SESSION_OPEN && (peer == NULL || peer->since != adopt->since)) {
        kith_conn_close(conn, KITH_REASON_LEFT, KITH_REASON_LEFT, "");
        return;
    }
    if (peer != NULL && adopt->generation <= peer->generation && !kith_mutant(ANY_ADOPT)) {
        (void)kith_conn_count_idle(conn); /* late news from an older decision */
        return;
    }
    if (peer != NULL &&
        (!is_link_of(peer, conn) || (adopt->since != peer->since && peer->conn == conn))) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "ADOPT that has no place here");
    } else if (peer != NULL && (adopt->since == peer->since || kith_mutant(NO_SINCE))) {
        obey(peer, conn, adopt);
    } else if (adopt->fresh) {
        obey_fresh(conn, adopt);
    } else if (kith_conn_count_idle(conn) == 0 && !kith_mutant(NO_FORGOTTEN)) {
        kith_conn_send(conn, KITH_FRAME_FORGOTTEN, forgotten,
                       kith_forgotten_encode(adopt->since, forgotten));
    }
}

/* Not yet: the last one is obeyed when the gates open. */
static void put_off(struct kith_conn *conn, const struct kith_adopt *adopt)
{
    if (conn->adopt_waits == NULL) {
        conn->adopt_waits = kith_alloc(conn->session->env, sizeof *conn->adopt_waits);
    } else if (kith_conn_count_idle(conn) != 0) {
        return;
    }
    if (conn->adopt_waits == NULL) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
        return;
    }
    *conn->adopt_waits = *adopt;
}

void kith_association_adopt(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    struct kith_adopt adopt;
    if (!kith_adopt_decode(body, length, 1, &adopt) || conn->info.name[0] == '\0' ||
        kith_peer_we_arbitrate(conn->session, conn)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "ADOPT that has no place here");
    } else if (conn->gates != 0) {
        put_off(conn, &adopt);
    } else {
        take_adopt(conn, &adopt);
    }
}

void kith_association_claim(const struct kith_conn *conn, struct kith_claim *out)
{
    const struct kith_peer *peer = kith_peer_by_key(conn->session, conn->hello.key);
    memset(out, 0, sizeof *out);
    if (peer != NULL && is_link_of(peer, conn) && !kith_peer_we_arbitrate(conn->session, conn)) {
        out->since = peer->since;
        out->generation = peer->generation;
        out->alive = peer->active != NULL;
    }
}

/* ---- without a link ---------------------------------------------------------------------------
 */

static void give_up(struct kith_timer *timer)
{
    struct kith_peer *peer = KITH_CONTAINER(timer, struct kith_peer, window_timer);
    if (peer->session->is_suspended &&
        kith_timer_set(peer->env, timer,
                       peer->env->now_us + (uint64_t)peer->resume_window_ms * 1000) == KITH_OK) {
        return; /* nothing was done to get it back */
    }
    kith_peer_depart(peer, peer->lost_reason, "", KITH_REASON_TIMEOUT);
}

/* It was not a hiccup: the application hears of it. */
static void tell_interrupted(struct kith_timer *timer)
{
    struct kith_peer *peer = KITH_CONTAINER(timer, struct kith_peer, interrupt_timer);
    struct kith_session *session = peer->session;
    peer->state = KITH_PEER_INTERRUPTED;
    session->stats.peers_connected--;
    kith_log(session->env, KITH_LOG_INFO, "%s interrupted: %s", peer->name,
             kith_reason_text(peer->lost_reason));
    if (session->callbacks.on_peer != NULL) {
        session->callbacks.on_peer(session, peer, KITH_PEER_INTERRUPTED, peer->lost_reason, "",
                                   session->user);
    }
}

static void wait_for_link(struct kith_peer *peer)
{
    struct kith_env *env = peer->env;
    if (kith_timer_set(env, &peer->window_timer,
                       env->now_us + (uint64_t)peer->resume_window_ms * 1000) != KITH_OK ||
        (peer->state == KITH_PEER_CONNECTED &&
         kith_timer_set(env, &peer->interrupt_timer,
                        env->now_us + (uint64_t)KITH_INTERRUPT_MS * 1000) != KITH_OK)) {
        kith_peer_depart(peer, peer->lost_reason, "", KITH_REASON_LOST);
        return;
    }
    kith_dials_peer_lost(peer->session, peer);
}

/* The active link is gone: nothing of the lanes is lent any more. */
static void deactivate(struct kith_peer *peer, struct kith_conn *conn)
{
    uint64_t stood_us = peer->env->now_us - peer->adopted_us;
    peer->active = NULL;
    kith_datagrams_drop(conn, peer);
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        kith_lane_tx_take_back(&peer->tx[i]);
    }
    if (stood_us < (uint64_t)KITH_SHAKY_MS * 1000) {
        peer->shaky = conn->driver;
        peer->shaky_until_us = peer->env->now_us + (uint64_t)KITH_SHAKY_MS * 1000;
    }
}

/* The arbiter takes what is left. */
static void adopt_best(struct kith_peer *peer)
{
    struct kith_conn *other = best_link(peer, 0);
    if (other != NULL && !kith_mutant(NO_SECOND)) {
        adopt(peer, other);
    }
}

/* Also one that was never confirmed: the other side may have obeyed, and its application talk. */
static int is_waited_for(const struct kith_peer *peer)
{
    return peer->resume_window_ms != 0 && peer->session->state == KITH_SESSION_OPEN;
}

static void lost(struct kith_peer *peer, struct kith_conn *conn, kith_reason reason)
{
    if (peer->active == conn || peer->state == KITH_PEER_CONNECTING) {
        /* Not that of a candidate: it says nothing about the link that was in use. */
        peer->lost_reason = reason == KITH_REASON_LOCAL ? KITH_REASON_LOST : reason;
    }
    if (peer->active == conn) {
        deactivate(peer, conn);
    }
    if (peer->conn == conn) {
        peer->conn = NULL;
        peer->is_confirmed = 0;
        kith_timer_stop(peer->env, &peer->adopt_timer);
    }
    if (peer->state != KITH_PEER_CONNECTING && !is_waited_for(peer) && peer->active == NULL) {
        kith_peer_depart(peer, peer->lost_reason, "", KITH_REASON_LOST);
        return;
    }
    if (peer->conn == NULL && kith_peer_we_arbitrate(peer->session, conn)) {
        adopt_best(peer);
    }
    if (peer->state == KITH_PEER_DEPARTED) {
        return;
    }
    if (peer->conn == NULL && peer->state == KITH_PEER_CONNECTING && !is_waited_for(peer)) {
        kith_peer_depart(peer, peer->lost_reason, "", KITH_REASON_LOST);
    } else if (peer->active == NULL &&
               (peer->state != KITH_PEER_CONNECTING || peer->conn == NULL) &&
               !kith_timer_is_set(&peer->window_timer)) {
        wait_for_link(peer);
    }
}

void kith_association_lost(struct kith_conn *conn, kith_reason reason)
{
    struct kith_peer *peer = conn->peer;
    if (peer != NULL) {
        conn->peer = NULL;
        atomic_fetch_add(&peer->references, 1); /* it may depart meanwhile */
        lost(peer, conn, reason);
        kith_peer_unref(peer);
    }
    kith_restart_lost(conn);
}

/* ---- birth and death --------------------------------------------------------------------------
 */

/* The longer of the two sides' windows, unless one of them does not resume. */
static uint32_t window_of(const struct kith_session *session, const struct kith_conn *conn)
{
    uint32_t ours = session->config.resume_window_ms, theirs = conn->auth.resume_window_ms;
    if (ours == KITH_RESUME_OFF || theirs == 0) {
        return 0;
    }
    theirs = theirs > KITH_RESUME_WINDOW_MS_MAX ? KITH_RESUME_WINDOW_MS_MAX : theirs;
    return ours > theirs ? ours : theirs;
}

void kith_association_init(struct kith_peer *peer, struct kith_conn *conn)
{
    peer->round = 1;
    peer->adopt_timer.fire = adopt_another;
    peer->interrupt_timer.fire = tell_interrupted;
    peer->window_timer.fire = give_up;
    peer->resume_window_ms = window_of(peer->session, conn);
    peer->lost_reason = KITH_REASON_LOST;
    set_conn(peer, conn);
}

void kith_association_fini(struct kith_peer *peer)
{
    kith_timer_stop(peer->env, &peer->adopt_timer);
    kith_timer_stop(peer->env, &peer->interrupt_timer);
    kith_timer_stop(peer->env, &peer->window_timer);
    if (peer->conn != NULL) {
        peer->conn->peer = NULL;
        peer->conn = NULL;
    }
    if (peer->active != NULL) {
        peer->active->peer = NULL;
        peer->active = NULL;
    }
}
