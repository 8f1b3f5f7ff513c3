/* SPDX-License-Identifier: MIT
 *
 * network.c: what a session does when the ground under it moves: the network of this machine
 * changes, the machine or the program sleeps, the application rests. What waits tries again at
 * once, and links in use are asked for a sign of life. It watches nothing itself: the runtime tells
 * it. Pure.
 *
 * Everything happens at the end of a turn, because a link that is asked may have to be ended.
 */
#include <assert.h>

#include "base/err.h"
#include "base/mutant.h"
#include "bounds.h"
#include "session/session.h"

/* ---- what waits -------------------------------------------------------------------------------
 */

static void hasten(struct kith_dial *dial)
{
    struct kith_env *env = dial->session->env;
    int is_held = dial->is_held && !kith_mutant(STAYS_ASLEEP);
    if (!dial->cancelled && (is_held || kith_timer_is_set(&dial->retry_timer))) {
        dial->is_held = 0;
        dial->pause_ms = KITH_DIAL_RETRY_MS_MIN;
        if (kith_timer_set(env, &dial->retry_timer, env->now_us) != KITH_OK) {
            kith_defer(env, &dial->start); /* no memory for a timer: without one, then */
        }
    }
}

static void retry_all(struct kith_session *session, unsigned due)
{
    for (struct kith_node *at = session->listeners.next; at != &session->listeners; at = at->next) {
        struct kith_listener *listener = KITH_CONTAINER(at, struct kith_listener, node);
        if ((due & KITH_NETWORK_DUE_RETRY) != 0) {
            kith_listener_retry(listener);
        }
        if ((due & (KITH_NETWORK_DUE_LOOK | KITH_NETWORK_DUE_WAKE)) != 0) {
            kith_listener_look(listener);
        }
    }
    for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        hasten(KITH_CONTAINER(at, struct kith_dial, node));
    }
    if ((due & ~(unsigned)(KITH_NETWORK_DUE_TELL | KITH_NETWORK_DUE_TELL_WOKE)) != 0) {
        kith_discover_refresh(session);
    }
}

static void probe_all(struct kith_session *session, unsigned due)
{
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn->driver->look != NULL) {
            conn->driver->look(conn->link);
        }
        if (kith_conn_is_in_use(conn)) {
            kith_conn_probe(conn, (due & KITH_NETWORK_DUE_WAKE) != 0);
        }
    }
}

/* ---- events -----------------------------------------------------------------------------------
 */

static void tell(struct kith_session *session, kith_network_event_kind kind, kith_peer *peer)
{
    kith_network_event event = {sizeof event, kind, peer};
    if (session->callbacks.on_network != NULL) {
        session->callbacks.on_network(session, &event, session->user);
    }
}

void kith_network_path_told(struct kith_conn *conn)
{
    conn->peer->told_link = conn->number;
}

void kith_network_tell_path(struct kith_conn *conn)
{
    if (conn->peer->told_link != conn->number) {
        kith_network_path_told(conn);
        tell(conn->session, KITH_NETWORK_PATH, conn->peer);
    }
}

/* Who is not told yet that its peer is connected over it, is told where then. */
void kith_network_moved(struct kith_conn *conn)
{
    if (kith_conn_is_in_use(conn) && conn->peer->told_link == conn->number) {
        kith_places_move(conn);
        tell(conn->session, KITH_NETWORK_PATH, conn->peer);
    }
}

/* Whoever rests or leaves is spared; a callback may have begun that. */
static int hears(const struct kith_session *session)
{
    return session->state == KITH_SESSION_OPEN && !session->is_suspended;
}

static void take_turn(struct kith_deferred *deferred)
{
    struct kith_session *session = KITH_CONTAINER(deferred, struct kith_session, network_turn);
    unsigned due = session->network_due;
    session->network_due = 0;
    if (session->is_suspended) {
        return; /* waking looks at everything anyway */
    }
    if (session->state == KITH_SESSION_OPEN) {
        retry_all(session, due);
    }
    if ((due & (KITH_NETWORK_DUE_LOOK | KITH_NETWORK_DUE_WAKE)) != 0) {
        probe_all(session, due);
    }
    if ((due & KITH_NETWORK_DUE_TELL_WOKE) != 0 && hears(session)) {
        tell(session, KITH_NETWORK_WOKE, NULL);
    }
    if ((due & KITH_NETWORK_DUE_TELL) != 0 && hears(session)) {
        tell(session, KITH_NETWORK_CHANGED, NULL);
    }
}

void kith_session_network_init(struct kith_session *session)
{
    session->network_turn.run = take_turn;
}

void kith_session_network(struct kith_session *session, unsigned due)
{
    if (session->state < KITH_SESSION_ENDED) {
        session->network_due |= due;
        kith_defer(session->env, &session->network_turn);
    }
}

/* ---- resting ----------------------------------------------------------------------------------
 */

void kith_session_suspend_now(struct kith_session *session)
{
    struct kith_env *env = session->env;
    if (session->is_suspended) {
        return;
    }
    session->is_suspended = 1;
    session->suspended_us = env->now_us;
    for (struct kith_node *at = session->listeners.next; at != &session->listeners; at = at->next) {
        kith_timer_stop(env, &KITH_CONTAINER(at, struct kith_listener, node)->retry_timer);
    }
    for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        struct kith_dial *dial = KITH_CONTAINER(at, struct kith_dial, node);
        dial->is_held |= kith_timer_is_set(&dial->retry_timer);
        kith_timer_stop(env, &dial->retry_timer);
    }
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        kith_timer_stop(env, &KITH_CONTAINER(at, struct kith_conn, node)->ping_timer);
    }
    kith_discover_rest(session);
}

/* A timer that is set already, so that this takes no memory. */
static void move(struct kith_env *env, struct kith_timer *timer, uint64_t at_us)
{
    if (kith_timer_is_set(timer)) {
        kith_err err = kith_timer_set(env, timer, at_us);
        assert(err == KITH_OK);
    }
}

void kith_session_wake_now(struct kith_session *session)
{
    struct kith_env *env = session->env;
    if (!session->is_suspended) {
        return;
    }
    session->is_suspended = 0;
    /* While nothing was done, no time to do it in has run out. */
    for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        struct kith_dial *dial = KITH_CONTAINER(at, struct kith_dial, node);
        if (dial->give_up_us != KITH_TIME_NEVER) {
            dial->give_up_us += env->now_us - session->suspended_us;
            move(env, &dial->give_up_timer, dial->give_up_us);
        }
    }
    for (struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
        struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
        move(env, &peer->window_timer, env->now_us + (uint64_t)peer->resume_window_ms * 1000);
    }
    kith_discover_wake(session);
    kith_session_network(session, KITH_NETWORK_DUE_WAKE);
}
