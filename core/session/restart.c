/* SPDX-License-Identifier: MIT
 *
 * restart.c: the key of a peer that is here comes back with another incarnation. Either the peer
 * has restarted and its old links only look alive, or two programs run with one identity. Its old
 * links are asked; the newcomer waits for the outcome. Adopts nothing itself. Pure.
 *
 * A restarted peer is never refused by its own dead past, and one that answers is never displaced:
 * only a PONG with the probe's own nonce, on a link of the old incarnation, counts as an answer.
 */
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"
#include "bounds.h"
#include "session/session.h"

static int is_old_link(const struct kith_peer *peer, const struct kith_conn *conn)
{
    return conn->state == KITH_CONN_AUTHENTICATED && kith_peer_is_link_of(peer, conn);
}

static int has_live_link(const struct kith_peer *peer)
{
    const struct kith_session *session = peer->session;
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        if (is_old_link(peer, KITH_CONTAINER(at, struct kith_conn, node))) {
            return 1;
        }
    }
    return 0;
}

static uint32_t wait_ms(const struct kith_peer *peer)
{
    uint32_t rtt_us = peer->active != NULL ? peer->active->rtt_us : 0;
    uint32_t ms = rtt_us < KITH_PROBE_MS_MAX * 250 ? rtt_us / 250 : KITH_PROBE_MS_MAX;
    return ms < KITH_PROBE_MS_MIN ? KITH_PROBE_MS_MIN : ms;
}

/* No answer in time: the old incarnation is gone, and the newcomer takes its place. */
static void no_answer(struct kith_timer *timer)
{
    struct kith_peer *peer = KITH_CONTAINER(timer, struct kith_peer, probe.timer);
    kith_peer_depart(peer, KITH_REASON_RESTARTED, "", KITH_REASON_RESTARTED);
}

static void ping(struct kith_peer *peer, struct kith_conn *conn)
{
    kith_conn_send(conn, KITH_FRAME_PING, peer->probe.nonce, KITH_PING_BYTES);
}

/* 0 when the peer is gone by then. */
static int start_probe(struct kith_peer *peer)
{
    struct kith_session *session = peer->session;
    struct kith_env *env = peer->env;
    uint32_t ms = wait_ms(peer);
    int is_here;
    if (env->crypto.random(env->crypto.user, peer->probe.nonce, KITH_PING_BYTES) != KITH_OK ||
        kith_timer_set(env, &peer->probe.timer, env->now_us + (uint64_t)ms * 1000) != KITH_OK) {
        kith_conn_fail(peer->probe.newcomer, KITH_REASON_INTERNAL, "no memory or randomness");
        return 1;
    }
    peer->probe.newcomer->wait_until_us = env->now_us + (uint64_t)ms * 1000;
    kith_conn_set_deadline(peer->probe.newcomer);
    kith_conn_tell_wait(peer->probe.newcomer, ms);
    atomic_fetch_add(&peer->references, 1); /* a link that takes no PING ends it */
    for (struct kith_node *at = session->conns.next;
         at != &session->conns && peer->state != KITH_PEER_DEPARTED; at = at->next) {
        struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (is_old_link(peer, conn)) {
            ping(peer, conn);
        }
    }
    is_here = peer->state != KITH_PEER_DEPARTED;
    kith_peer_unref(peer);
    return is_here;
}

/* The peer has answered. Where this side has dialled the newcomer, that may have been the last
 * words of a process that is gone: the dial goes on, and will find the one that is here. */
static void refuse(struct kith_conn *newcomer, const char *why)
{
    if (newcomer->dial == NULL) {
        kith_conn_fail(newcomer, KITH_REASON_ID_IN_USE, why);
        return;
    }
    kith_text_copy(newcomer->detail, sizeof newcomer->detail,
                   "another participant with that identity is here already");
    kith_conn_close(newcomer, KITH_REASON_LOST, KITH_REASON_ID_IN_USE, "");
}

void kith_restart_begin(struct kith_peer *peer, struct kith_conn *newcomer)
{
    struct kith_conn *before = peer->probe.newcomer;
    newcomer->gates |= KITH_GATE_PROBE;
    if (before != NULL) { /* one waits for each key; the one before is most likely dead */
        peer->probe.newcomer = newcomer;
        kith_conn_close(before, KITH_REASON_DUPLICATE, KITH_REASON_DUPLICATE, "");
        return;
    }
    if (!has_live_link(peer) || kith_mutant(NO_PROBE)) {
        peer->probe.newcomer = newcomer;
        kith_peer_depart(peer, KITH_REASON_RESTARTED, "", KITH_REASON_RESTARTED);
        return;
    }
    if (kith_mutant(DEAD_PAST) ||
        (peer->probe.answered_us != 0 &&
         peer->env->now_us - peer->probe.answered_us < (uint64_t)KITH_PROBE_PAUSE_MS * 1000)) {
        refuse(newcomer, "it has just answered");
        return;
    }
    peer->probe.newcomer = newcomer;
    (void)start_probe(peer);
}

void kith_restart_also(struct kith_peer *peer, struct kith_conn *conn)
{
    if (kith_timer_is_set(&peer->probe.timer)) {
        ping(peer, conn);
    }
}

int kith_restart_answered(struct kith_conn *conn, const uint8_t *nonce)
{
    struct kith_peer *peer = kith_peer_by_key(conn->session, conn->hello.key);
    struct kith_conn *newcomer;
    if (peer == NULL || !kith_timer_is_set(&peer->probe.timer) || !is_old_link(peer, conn) ||
        (memcmp(nonce, peer->probe.nonce, KITH_PING_BYTES) != 0 && !kith_mutant(ANY_PONG)) ||
        kith_mutant(DEAF_PROBE)) {
        return 0;
    }
    newcomer = peer->probe.newcomer;
    peer->probe.newcomer = NULL;
    peer->probe.answered_us = peer->env->now_us;
    kith_timer_stop(peer->env, &peer->probe.timer);
    if (newcomer != NULL) {
        refuse(newcomer, "the other one has answered");
    }
    return 1;
}

void kith_restart_lost(struct kith_conn *conn)
{
    struct kith_peer *peer =
        conn->authenticated ? kith_peer_by_key(conn->session, conn->hello.key) : NULL;
    if (peer == NULL) {
        return;
    }
    if (peer->probe.newcomer == conn) {
        peer->probe.answered_us =
            kith_mutant(FALSE_ANSWER) ? peer->env->now_us : peer->probe.answered_us;
        peer->probe.newcomer = NULL;
        kith_timer_stop(peer->env, &peer->probe.timer);
    } else if (kith_timer_is_set(&peer->probe.timer) && !has_live_link(peer) &&
               kith_timer_set(peer->env, &peer->probe.timer, peer->env->now_us) != KITH_OK) {
        return; /* nobody is left to answer; this may be inside a call of the application. Without
                   memory the time runs out, as it would have */
    }
}

void kith_restart_init(struct kith_peer *peer)
{
    peer->probe.timer.fire = no_answer;
}

struct kith_conn *kith_restart_end(struct kith_peer *peer)
{
    struct kith_conn *newcomer = peer->probe.newcomer;
    kith_timer_stop(peer->env, &peer->probe.timer);
    peer->probe.newcomer = NULL;
    return newcomer;
}
