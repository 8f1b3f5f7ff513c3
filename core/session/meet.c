/* SPDX-License-Identifier: MIT
 *
 * meet.c: found peers that are dialled of the session's own accord. A record is hearsay: its
 * addresses are tried a quarter of a second after each other (RFC 8305), few dials at a time, three
 * rounds, and then not for a while. Who it is, is known when it is connected; nobody is dialled who
 * is here. Merges nothing and tells nothing. Pure.
 *
 * Both sides find each other. The one with the greater tag dials at once, the other when nothing
 * has come of that: two connections would do no harm, but cost two handshakes.
 */
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"
#include "session/discover.h"

static int is_on(const struct kith_discovery *discovery)
{
    return discovery->auto_connect && !discovery->closing &&
           discovery->session->state == KITH_SESSION_OPEN && !discovery->session->is_suspended;
}

static void meet_at(struct kith_found_peer *found, uint64_t at_us)
{
    struct kith_discovery *discovery = found->discovery;
    struct kith_timer *timer = &discovery->meet_timer;
    found->meet_us = at_us;
    if (at_us != KITH_TIME_NEVER && (!kith_timer_is_set(timer) || timer->at_us > at_us)) {
        /* Without memory: with the next one. */
        (void)!kith_timer_set(discovery->session->env, timer, at_us);
    }
}

static struct kith_peer *peer_of_id(const struct kith_session *session, const kith_id *id)
{
    for (struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
        struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
        if (kith_id_equal(&peer->id, id)) {
            return peer;
        }
    }
    return NULL;
}

/* It proved who it is, and that it is at the place it connected from: the port is its own word. */
static int listens_there(const struct kith_peer *peer, const struct kith_found_peer *found)
{
    const char *urls[KITH_SIGHTINGS_PER_PEER_MAX];
    size_t count = kith_found_urls(found, urls);
    for (size_t i = 0; i < peer->place_count; i++) {
        for (size_t j = 0; j < count && peer->places[i].is_any; j++) {
            if (strcmp(peer->places[i].url, urls[j]) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

static int is_here(struct kith_found_peer *found)
{
    const struct kith_session *session = found->discovery->session;
    if (found->has_peer) {
        return peer_of_id(session, &found->peer) != NULL;
    }
    for (struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
        const struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
        if (listens_there(peer, found)) {
            found->has_peer = 1;
            found->peer = peer->id;
            return 1;
        }
    }
    return 0;
}

void kith_meet_consider(struct kith_found_peer *found)
{
    struct kith_session *session = found->discovery->session;
    uint64_t soon_us = session->env->now_us + KITH_MEET_RETRY_MS * 1000;
    if (!is_on(found->discovery) || found->is_done || found->dial_count > 0 ||
        found->seen_count == 0) {
        return;
    }
    if (found->meet_us != KITH_TIME_NEVER) {
        if (found->rounds > 0 && found->meet_us > soon_us + KITH_MEET_RETRY_MS * 1000) {
            meet_at(found, soon_us); /* it was given up, and there is something new */
        }
        return;
    }
    /* Its other addresses may be better. */
    meet_at(found, session->env->now_us + KITH_FOUND_MS * 1000);
}

/* ---- dialling ---------------------------------------------------------------------------------
 */

/* All addresses were tried: once more after a pause, or not for long. */
static void round_over(struct kith_found_peer *found)
{
    struct kith_env *env = found->discovery->session->env;
    uint64_t pause_ms = KITH_MEET_RETRY_MS + kith_random_below(env, KITH_MEET_RETRY_MS);
    found->next_url = 0;
    found->rounds++;
    if (kith_mutant(MEET_ONCE)) {
        return;
    }
    if (found->rounds % KITH_MEET_TRIES_MAX == 0) {
        pause_ms = KITH_MEET_PAUSE_MS;
    }
    meet_at(found, env->now_us + pause_ms * 1000);
}

/* Once, where the other side sees us as well: it dials. */
static int lets_it_dial(struct kith_found_peer *found)
{
    struct kith_session *session = found->discovery->session;
    if (found->has_yielded || !kith_discovery_yields(session, found->tag)) {
        return 0;
    }
    found->has_yielded = 1;
    meet_at(found, session->env->now_us +
                       (KITH_MEET_YIELD_MS + kith_random_below(session->env, KITH_MEET_YIELD_MS)) *
                           (uint64_t)1000);
    return 1;
}

static void dial_next(struct kith_found_peer *found)
{
    struct kith_session *session = found->discovery->session;
    const char *urls[KITH_SIGHTINGS_PER_PEER_MAX];
    size_t count = kith_found_urls(found, urls);
    struct kith_dial *dial = NULL;
    while (dial == NULL && found->next_url < count) {
        dial = kith_dial_hidden(session, urls[found->next_url++], NULL);
    }
    if (dial != NULL) {
        dial->found = found;
        dial->is_once = 1;
        dial->is_near = 1; /* it was heard of on this very network */
        found->dial_count++;
        session->met_dials++;
    }
    if (found->next_url < count) {
        meet_at(found, session->env->now_us + KITH_RACE_MS * 1000);
    } else if (found->dial_count == 0) {
        round_over(found); /* no transport of ours fits, or there is no memory */
    }
}

static void run(struct kith_timer *timer)
{
    struct kith_discovery *discovery = KITH_CONTAINER(timer, struct kith_discovery, meet_timer);
    struct kith_session *session = discovery->session;
    uint64_t now_us = session->env->now_us, next_us = KITH_TIME_NEVER;
    if (!is_on(discovery)) {
        return;
    }
    for (struct kith_node *at = discovery->found.next; at != &discovery->found; at = at->next) {
        struct kith_found_peer *found = KITH_CONTAINER(at, struct kith_found_peer, node);
        if (found->meet_us <= now_us && session->met_dials < KITH_MEET_DIALS_MAX) {
            found->meet_us = KITH_TIME_NEVER;
            if (!found->is_done && found->seen_count > 0 && !is_here(found) &&
                !lets_it_dial(found)) {
                dial_next(found);
            }
        } /* else when one of those under way is over */
        if (found->meet_us > now_us && found->meet_us < next_us) {
            next_us = found->meet_us;
        }
    }
    if (next_us != KITH_TIME_NEVER && (!kith_timer_is_set(timer) || timer->at_us > next_us)) {
        (void)!kith_timer_set(session->env, timer, next_us);
    }
}

/* One address has led to the peer: the others need not be tried. */
static void end_others(struct kith_found_peer *found)
{
    struct kith_session *session = found->discovery->session;
    for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        struct kith_dial *dial = KITH_CONTAINER(at, struct kith_dial, node);
        if (dial->found == found) {
            dial->found = NULL;
            found->dial_count--;
            session->met_dials--;
            kith_dial_end(dial);
        }
    }
}

/* One of the two does not want to. Only who is authenticated says that: everything else, a wrong
 * key too, may be some other program at an address that a forged record added. */
static int is_final(kith_reason reason)
{
    return reason == KITH_REASON_KICKED || reason == KITH_REASON_BANNED ||
           reason == KITH_REASON_REJECTED || reason == KITH_REASON_ID_IN_USE ||
           reason == KITH_REASON_LEFT || reason == KITH_REASON_LOCAL;
}

/* Room for those who waited for one of the dials under way to be over. */
static void look_again(struct kith_session *session)
{
    for (struct kith_node *at = session->discoveries.next; at != &session->discoveries;
         at = at->next) {
        struct kith_discovery *discovery = KITH_CONTAINER(at, struct kith_discovery, node);
        if (is_on(discovery) && !kith_list_empty(&discovery->found)) {
            (void)!kith_timer_set(session->env, &discovery->meet_timer, session->env->now_us);
        }
    }
}

void kith_meet_dial_over(struct kith_dial *dial, struct kith_peer *peer, kith_reason reason)
{
    struct kith_found_peer *found = dial->found;
    struct kith_session *session = dial->session;
    if (found == NULL) {
        return;
    }
    dial->found = NULL;
    found->dial_count--;
    session->met_dials--;
    if (peer != NULL) {
        found->has_peer = 1;
        found->peer = peer->id;
        found->rounds = 0;
        found->next_url = 0;
        found->meet_us = KITH_TIME_NEVER;
        end_others(found);
    } else if (is_final(reason)) {
        found->is_done = 1;
        end_others(found);
    } else if (found->dial_count == 0 && found->meet_us == KITH_TIME_NEVER) {
        round_over(found);
    }
    look_again(session);
}

void kith_meet_peer_departed(struct kith_session *session, const struct kith_peer *peer,
                             kith_reason reason)
{
    for (struct kith_node *at = session->discoveries.next; at != &session->discoveries;
         at = at->next) {
        struct kith_discovery *discovery = KITH_CONTAINER(at, struct kith_discovery, node);
        struct kith_node *one = discovery->found.next;
        for (; discovery->is_browser && one != &discovery->found; one = one->next) {
            struct kith_found_peer *found = KITH_CONTAINER(one, struct kith_found_peer, node);
            /* Whose address is known by the peer's own word is left alone for its sake, too. */
            if (!found->has_peer && listens_there(peer, found)) {
                found->has_peer = 1;
                found->peer = peer->id;
            }
            if (!found->has_peer || !kith_id_equal(&found->peer, &peer->id)) {
                continue;
            }
            if (is_final(reason)) {
                found->is_done = 1;
            } else if (is_on(discovery) && found->dial_count == 0) {
                round_over(found);
            }
        }
    }
}

void kith_meet_forget(struct kith_found_peer *found)
{
    struct kith_session *session = found->discovery->session;
    if (found->dial_count == 0) {
        return;
    }
    for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        struct kith_dial *dial = KITH_CONTAINER(at, struct kith_dial, node);
        if (dial->found == found) { /* what is under way may come to its end */
            dial->found = NULL;
            session->met_dials--;
        }
    }
}

void kith_meet_again(struct kith_discovery *discovery)
{
    uint64_t now_us = discovery->session->env->now_us;
    for (struct kith_node *at = discovery->found.next; at != &discovery->found; at = at->next) {
        struct kith_found_peer *found = KITH_CONTAINER(at, struct kith_found_peer, node);
        if (found->rounds > 0) {
            found->rounds = 0;
            found->meet_us = found->meet_us != KITH_TIME_NEVER ? now_us : KITH_TIME_NEVER;
        }
    }
    if (is_on(discovery) && !kith_list_empty(&discovery->found)) {
        (void)!kith_timer_set(discovery->session->env, &discovery->meet_timer, now_us);
    }
}

void kith_meet_init(struct kith_discovery *discovery)
{
    discovery->meet_timer.fire = run;
}

void kith_meet_fini(struct kith_discovery *discovery)
{
    kith_timer_stop(discovery->session->env, &discovery->meet_timer);
}
