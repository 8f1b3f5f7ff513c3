/* SPDX-License-Identifier: MIT
 *
 * introduce.c: how a star fills itself: members tell each newcomer who else is there, and it dials
 * them. What they say is hearsay: it is dialled with the told id as the only one accepted, few at a
 * time for each teller and in all, three times, and then not for a while. Pure.
 *
 * The newcomer dials, because it is told of everyone who was there before; of two that come at the
 * same time each member tells the later one. A member that does not listen cannot be dialled: it is
 * told of the newcomer instead.
 */
#include <string.h>

#include "base/err.h"
#include "bounds.h"
#include "session/session.h"

/* Somebody who is said to be there. */
struct kith_candidate {
    struct kith_node node;
    kith_id id, teller;
    struct kith_place places[KITH_ENDPOINTS_MAX];
    size_t place_count;
    unsigned tries;
    uint64_t at_us;         /* not before */
    struct kith_dial *dial; /* under way */
};

static int is_on(const struct kith_session *session)
{
    return session->config.role == KITH_ROLE_STAR &&
           session->config.introductions == KITH_INTRODUCTIONS_ON &&
           session->state == KITH_SESSION_OPEN;
}

/* ---- telling ----------------------------------------------------------------------------------
 */

struct letter {
    struct kith_conn *to;
    uint8_t body[KITH_PEERS_BODY_BYTES_MAX];
    size_t count;
};

static void post(struct letter *letter)
{
    if (letter->count > 0) {
        kith_conn_send(letter->to, KITH_FRAME_PEERS, letter->body, letter->count);
        letter->count = 0;
    }
}

static void write_about(struct letter *letter, const struct kith_peer *subject)
{
    char urls[KITH_ENDPOINTS_MAX][KITH_PLACE_BYTES];
    struct kith_introduction introduction = {.id = subject->id};
    introduction.endpoint_count = kith_places_pass_on(subject, letter->to, urls);
    if (introduction.endpoint_count == 0) {
        return;
    }
    for (size_t i = 0; i < introduction.endpoint_count; i++) {
        introduction.endpoints[i] = (struct kith_slice){urls[i], strlen(urls[i])};
    }
    if (letter->count + KITH_INTRODUCTION_BYTES_MAX > sizeof letter->body) {
        post(letter);
    }
    letter->count += kith_introduction_encode(&introduction, letter->body + letter->count);
}

static int is_member(const struct kith_peer *peer)
{
    return peer->active != NULL && peer->state == KITH_PEER_CONNECTED && !peer->leave.waiting;
}

/* Everyone else, from a random one on where there are too many for one newcomer: the other members
 * tell it of others. */
static void tell_newcomer(struct kith_peer *newcomer)
{
    struct kith_session *session = newcomer->session;
    struct letter letter = {.to = newcomer->active};
    size_t skip = session->peer_count > KITH_INTRODUCED_MAX
                      ? kith_random_below(session->env, (uint32_t)session->peer_count)
                      : 0;
    size_t told = 0;
    for (size_t round = 0; round < 2; round++) {
        size_t index = 0;
        for (struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
            struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
            if ((index++ < skip) == (round == 1) && peer != newcomer && is_member(peer) &&
                told < KITH_INTRODUCED_MAX) {
                write_about(&letter, peer);
                told++;
            }
        }
    }
    post(&letter);
}

void kith_introduce_connected(struct kith_peer *newcomer)
{
    struct kith_session *session = newcomer->session;
    if (!is_on(session) || !is_member(newcomer)) {
        return;
    }
    for (struct kith_node *at = session->peers.next, *next; at != &session->peers; at = next) {
        struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
        struct letter letter = {.to = peer->active};
        next = at->next; /* a link that takes no more ends its peer */
        if (peer != newcomer && is_member(peer) && peer->place_count == 0) {
            write_about(&letter, newcomer);
            post(&letter);
        }
        if (newcomer->state != KITH_PEER_CONNECTED) {
            return;
        }
    }
    tell_newcomer(newcomer);
}

/* ---- believing --------------------------------------------------------------------------------
 */

static void remove_candidate(struct kith_session *session, struct kith_candidate *candidate)
{
    if (candidate->dial != NULL) {
        candidate->dial->candidate = NULL;
        session->introduced_dials--;
    }
    kith_list_remove(&candidate->node);
    session->candidate_count--;
    kith_free(session->env, candidate);
}

static int is_here(const struct kith_session *session, const kith_id *id)
{
    if (kith_id_equal(id, &session->id)) {
        return 1;
    }
    for (struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
        const struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
        if (kith_id_equal(&peer->id, id)) {
            return 1;
        }
    }
    return 0;
}

static struct kith_candidate *find(const struct kith_session *session, const kith_id *id)
{
    for (struct kith_node *at = session->candidates.next; at != &session->candidates;
         at = at->next) {
        struct kith_candidate *candidate = KITH_CONTAINER(at, struct kith_candidate, node);
        if (kith_id_equal(&candidate->id, id)) {
            return candidate;
        }
    }
    return NULL;
}

static void look_again(struct kith_session *session, uint64_t at_us)
{
    struct kith_timer *timer = &session->introduce_timer;
    if ((!kith_timer_is_set(timer) || timer->at_us > at_us) &&
        kith_timer_set(session->env, timer, at_us) != KITH_OK) {
        return; /* without memory: with the next one */
    }
}

static void consider(struct kith_conn *conn, const struct kith_introduction *introduction)
{
    struct kith_session *session = conn->session;
    struct kith_candidate *candidate;
    if (session->candidate_count >= KITH_CANDIDATES_MAX || is_here(session, &introduction->id) ||
        find(session, &introduction->id) != NULL) {
        return;
    }
    candidate = kith_alloc(session->env, sizeof *candidate);
    if (candidate == NULL) {
        return; /* hearsay is nothing to fail for */
    }
    candidate->place_count = kith_places_read(conn, introduction->endpoints,
                                              introduction->endpoint_count, candidate->places);
    if (candidate->place_count == 0) {
        kith_free(session->env, candidate);
        return;
    }
    candidate->id = introduction->id;
    candidate->teller = conn->id;
    candidate->at_us = session->env->now_us;
    kith_list_append(&session->candidates, &candidate->node);
    session->candidate_count++;
    look_again(session, candidate->at_us);
}

void kith_introduce_came(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    struct kith_reader from = kith_reader_of(body, length);
    struct kith_introduction introduction;
    int more;
    if (kith_conn_count_idle(conn) != 0 || !kith_conn_is_in_use(conn) || !is_on(conn->session)) {
        return;
    }
    do {
        more = kith_introduction_next(&from, &introduction);
        if (more > 0) {
            consider(conn, &introduction);
        }
    } while (more > 0);
    if (more < 0) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "bad PEERS");
    }
}

/* ---- dialling ---------------------------------------------------------------------------------
 */

static size_t under_way_from(const struct kith_session *session, const kith_id *teller)
{
    size_t count = 0;
    for (struct kith_node *at = session->candidates.next; at != &session->candidates;
         at = at->next) {
        const struct kith_candidate *candidate = KITH_CONTAINER(at, struct kith_candidate, node);
        count += candidate->dial != NULL && kith_id_equal(&candidate->teller, teller);
    }
    return count;
}

/* Not now: after a pause, or, when it was tried often enough, not for long. */
static void put_off(struct kith_session *session, struct kith_candidate *candidate)
{
    uint64_t pause_ms =
        candidate->tries >= KITH_INTRODUCED_TRIES_MAX * candidate->place_count
            ? KITH_INTRODUCED_PAUSE_MS
            : KITH_DIAL_RETRY_MS_MIN + kith_random_below(session->env, KITH_DIAL_RETRY_MS_MIN);
    candidate->at_us = session->env->now_us + pause_ms * 1000;
    if (pause_ms == KITH_INTRODUCED_PAUSE_MS) {
        candidate->tries = 0;
    }
    look_again(session, candidate->at_us);
}

static void dial(struct kith_session *session, struct kith_candidate *candidate)
{
    const char *url = candidate->places[candidate->tries % candidate->place_count].url;
    candidate->tries++;
    candidate->dial = kith_dial_hidden(session, url, &candidate->id);
    if (candidate->dial == NULL) {
        put_off(session, candidate);
        return;
    }
    candidate->dial->candidate = candidate;
    session->introduced_dials++;
}

static void run(struct kith_timer *timer)
{
    struct kith_session *session = KITH_CONTAINER(timer, struct kith_session, introduce_timer);
    struct kith_node *at = session->candidates.next, *next;
    uint64_t now_us = session->env->now_us, next_us = KITH_TIME_NEVER;
    if (!is_on(session)) {
        return;
    }
    for (; at != &session->candidates; at = next) {
        struct kith_candidate *candidate = KITH_CONTAINER(at, struct kith_candidate, node);
        next = at->next;
        if (candidate->dial != NULL) {
            continue;
        }
        if (is_here(session, &candidate->id)) {
            remove_candidate(session, candidate);
        } else if (candidate->at_us > now_us) {
            next_us = candidate->at_us < next_us ? candidate->at_us : next_us;
        } else if (session->introduced_dials < KITH_INTRODUCED_DIALS_MAX &&
                   under_way_from(session, &candidate->teller) < KITH_INTRODUCED_BY_ONE_MAX) {
            dial(session, candidate);
        } /* else when one of those under way is over */
    }
    if (next_us != KITH_TIME_NEVER) {
        look_again(session, next_us);
    }
}

void kith_introduce_dial_over(struct kith_dial *over, int is_ready)
{
    struct kith_session *session = over->session;
    struct kith_candidate *candidate = over->candidate;
    if (candidate == NULL) {
        return;
    }
    over->candidate = NULL;
    candidate->dial = NULL;
    session->introduced_dials--;
    if (is_ready) {
        remove_candidate(session, candidate);
    } else {
        put_off(session, candidate);
    }
    look_again(session, session->env->now_us);
}

void kith_introduce_init(struct kith_session *session)
{
    kith_list_init(&session->candidates);
    session->introduce_timer.fire = run;
}

void kith_introduce_fini(struct kith_session *session)
{
    kith_timer_stop(session->env, &session->introduce_timer);
    while (!kith_list_empty(&session->candidates)) {
        remove_candidate(session,
                         KITH_CONTAINER(session->candidates.next, struct kith_candidate, node));
    }
}
