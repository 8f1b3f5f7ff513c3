/* SPDX-License-Identifier: MIT
 *
 * steps.c: what can happen next, and what makes it happen. Fair steps are those that happen by
 * themselves sooner or later; the others are choices of users, faults, and timers that need not
 * run out. It must not judge.
 */
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "explore.h"

enum step_kind {
    /* Fair. */
    DELIVER,      /* the first frame that `who` sent on `link` */
    DELIVER_LANE, /* likewise of a lane with a stream of its own */
    NOTICE,       /* `who` sees that `link` is broken */
    DOWN,         /* the end of `who` is gone, which it closed */
    SEND,
    IMPATIENT,  /* no ADOPTED: another link is tried */
    INTERRUPT,  /* it was not a hiccup */
    UNANSWERED, /* one that is gone has not answered whether it is there */
    /* Not fair. */
    DIAL,
    RETRY,   /* `link`: the number of the dial */
    BREAK,   /* `who`: whose bytes vanish, 2: both sides' */
    TIMEOUT, /* the deadline of a link that is not in use */
    GIVE_UP, /* a window runs out; `link`: the number of the peer */
    KICK,
    CRASH,
    AGE
};

struct list {
    struct step *steps;
    size_t count;
};

static void add(struct list *list, enum step_kind kind, int who, int link)
{
    if (list->count < STEPS_MAX) {
        list->steps[list->count] = (struct step){(uint8_t)kind, (uint8_t)who, (uint8_t)link};
    }
    list->count++;
}

static struct kith_conn *conn_of(const struct end *end)
{
    return end->base.conn;
}

static int is_open(const struct end *end)
{
    return end != NULL && end->is_closing == 0;
}

/* ---- fair -------------------------------------------------------------------------------------
 */

static void add_wire(struct list *list, int slot)
{
    const struct wire *wire = &world.wires[slot];
    for (int side = 0; side < SIDES; side++) {
        const struct end *there = wire->ends[1 - side];
        if (is_open(there) && wire->of[side].count > 0) {
            add(list, DELIVER, side, slot);
        }
        if (is_open(there) && wire->lane[side].count > 0) {
            add(list, DELIVER_LANE, side, slot);
        }
        if (is_open(wire->ends[side]) && (wire->is_cut[0] || wire->is_cut[1])) {
            add(list, NOTICE, side, slot);
        }
        if (wire->ends[side] != NULL && wire->ends[side]->is_closing == 2) {
            add(list, DOWN, side, slot);
        }
    }
}

/* Whether a peer's arbiter has another link to turn to. */
static int has_other(const struct kith_peer *peer)
{
    const struct kith_session *session = peer->session;
    for (const struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        const struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn != peer->conn && conn->state == KITH_CONN_AUTHENTICATED &&
            memcmp(conn->hello.key, peer->key, sizeof peer->key) == 0) {
            return 1;
        }
    }
    return 0;
}

static struct wire *wire_of(const struct kith_conn *conn)
{
    return &world.wires[((const struct end *)conn->link)->slot];
}

static struct kith_peer *nth_peer(int side, int n)
{
    struct kith_session *session = world.sides[side].session;
    struct kith_node *at = session->peers.next;
    for (; at != &session->peers && n > 0; n--) {
        at = at->next;
    }
    return at == &session->peers ? NULL : KITH_CONTAINER(at, struct kith_peer, node);
}

static void add_fair_timers(struct list *list, int side)
{
    const struct kith_peer *peer;
    for (int n = 0; (peer = nth_peer(side, n)) != NULL; n++) {
        if (kith_timer_is_set(&peer->adopt_timer) && peer->conn != NULL && has_other(peer) &&
            wire_of(peer->conn)->impatient < config.impatience) {
            add(list, IMPATIENT, side, n);
        }
        if (kith_timer_is_set(&peer->interrupt_timer)) {
            add(list, INTERRUPT, side, n);
        }
        if (kith_timer_is_set(&peer->probe.timer)) {
            add(list, UNANSWERED, side, n); /* whoever is asked here is gone */
        }
    }
}

/* ---- not fair ---------------------------------------------------------------------------------
 */

static struct kith_dial *nth_dial(int side, int n)
{
    struct kith_session *session = world.sides[side].session;
    struct kith_node *at = session->dials.next;
    for (; at != &session->dials && n > 0; n--) {
        at = at->next;
    }
    return at == &session->dials ? NULL : KITH_CONTAINER(at, struct kith_dial, node);
}

static void add_dials(struct list *list, int side)
{
    const struct kith_dial *dial;
    if (world.wire_count >= config.links) {
        return;
    }
    if ((config.dialler == 2 || config.dialler == side) &&
        world.sides[side].dial_count < DIALS_MAX) {
        add(list, DIAL, side, 0);
    }
    for (int n = 0; (dial = nth_dial(side, n)) != NULL; n++) {
        if (kith_timer_is_set(&dial->retry_timer)) {
            add(list, RETRY, side, n);
        }
    }
}

static void add_breaks(struct list *list, int slot)
{
    const struct wire *wire = &world.wires[slot];
    if (world.breaks >= config.breaks) {
        return;
    }
    for (int who = 0; who < 3 && is_open(wire->ends[0]) && is_open(wire->ends[1]); who++) {
        if (who == 2 ? !wire->is_cut[0] || !wire->is_cut[1] : !wire->is_cut[who]) {
            add(list, BREAK, who, slot);
        }
    }
    for (int side = 0; side < SIDES; side++) {
        if (is_open(wire->ends[side]) && kith_timer_is_set(&conn_of(wire->ends[side])->timer)) {
            add(list, TIMEOUT, side, slot);
        }
    }
}

static void add_ends(struct list *list, int side)
{
    const struct kith_peer *peer;
    for (int n = 0; (peer = nth_peer(side, n)) != NULL && world.forgets < config.forgets; n++) {
        if (kith_timer_is_set(&peer->window_timer)) {
            add(list, GIVE_UP, side, n);
        }
    }
    if (world.kicks < config.kicks && book_speaker(side) != NULL) {
        add(list, KICK, side, 0);
    }
    if (world.crashes < config.crashes) {
        add(list, CRASH, side, 0);
    }
    peer = nth_peer(side, 0);
    if (world.ages < config.ages && peer != NULL && peer->shaky != NULL &&
        world.sides[side].env.now_us < peer->shaky_until_us) {
        add(list, AGE, side, 0);
    }
}

size_t steps_of(struct step *out, size_t *fair)
{
    struct list list = {out, 0};
    for (int slot = 0; slot < world.wire_count; slot++) {
        add_wire(&list, slot);
    }
    for (int side = 0; side < SIDES; side++) {
        add_fair_timers(&list, side);
        if (world.sides[side].sent < config.messages[side] && book_speaker(side) != NULL) {
            add(&list, SEND, side, 0);
        }
    }
    *fair = list.count;
    for (int side = 0; side < SIDES; side++) {
        add_dials(&list, side);
        add_ends(&list, side);
    }
    for (int slot = 0; slot < world.wire_count; slot++) {
        add_breaks(&list, slot);
    }
    CHECK(list.count <= STEPS_MAX, "STEPS_MAX is too small");
    return list.count;
}

/* ---- taking them ------------------------------------------------------------------------------
 */

static void fire(int side, struct kith_timer *timer)
{
    kith_timer_stop(&world.sides[side].env, timer);
    timer->fire(timer);
    wire_turn(side);
}

static void dial(int which)
{
    struct side *side = &world.sides[which];
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    struct kith_dial *out;
    char url[16];
    options.give_up_ms = UINT32_MAX;
    snprintf(url, sizeof url, "w%d://other:1", config.rank[world.wire_count]);
    side->dial_count++;
    CHECK(kith_dial_begin(side->session, url, &options, &out) == KITH_OK, "no dial: %s",
          kith_detail());
    wire_turn(which);
}

static void break_wire(struct wire *wire, int who)
{
    world.breaks++;
    wire->is_cut[0] |= who != 1;
    wire->is_cut[1] |= who != 0;
}

static void take_timer(struct step step)
{
    switch ((enum step_kind)step.kind) {
    case IMPATIENT: {
        struct kith_peer *peer = nth_peer(step.who, step.link);
        wire_of(peer->conn)->impatient++;
        fire(step.who, &peer->adopt_timer);
        break;
    }
    case INTERRUPT:
        fire(step.who, &nth_peer(step.who, step.link)->interrupt_timer);
        break;
    case UNANSWERED:
        fire(step.who, &nth_peer(step.who, step.link)->probe.timer);
        break;
    case RETRY:
        fire(step.who, &nth_dial(step.who, step.link)->retry_timer);
        break;
    case TIMEOUT:
        world.breaks++;
        fire(step.who, &conn_of(world.wires[step.link].ends[step.who])->timer);
        break;
    case GIVE_UP:
        world.forgets++;
        fire(step.who, &nth_peer(step.who, step.link)->window_timer);
        break;
    default:
        world.ages++;
        world.sides[step.who].env.now_us += (uint64_t)(KITH_SHAKY_MS + 1) * 1000;
        break;
    }
}

void step_take(struct step step)
{
    switch ((enum step_kind)step.kind) {
    case DELIVER:
        wire_deliver(step.link, step.who);
        break;
    case DELIVER_LANE:
        wire_deliver_lane(step.link, step.who);
        break;
    case NOTICE:
        wire_notice(step.link, step.who);
        break;
    case DOWN:
        wire_down(step.link, step.who);
        break;
    case SEND:
        book_send(step.who);
        break;
    case DIAL:
        dial(step.who);
        break;
    case BREAK:
        break_wire(&world.wires[step.link], step.who);
        break;
    case KICK:
        world.kicks++;
        kith_peer_turn_out(book_speaker(step.who)->peer, KITH_REASON_KICKED, "enough");
        wire_turn(step.who);
        break;
    case CRASH:
        world.crashes++;
        side_crash(step.who);
        break;
    default:
        take_timer(step);
        break;
    }
}

void step_name(struct step step, char *out, size_t room)
{
    static const char *const breaks[] = {"what A sends", "what B sends", "both ways"};
    char who = (char)('A' + step.who), other = (char)('A' + 1 - step.who);
    const struct wire *wire = step.link < LINKS_MAX ? &world.wires[step.link] : NULL;
    switch ((enum step_kind)step.kind) {
    case DELIVER:
        snprintf(out, room, "%c gets on L%u: %s", other, step.link,
                 wire_frame_name(&wire->of[step.who]));
        break;
    case DELIVER_LANE:
        snprintf(out, room, "%c gets on L%u: bytes of a lane", other, step.link);
        break;
    case NOTICE:
        snprintf(out, room, "%c notices that L%u is broken", who, step.link);
        break;
    case DOWN:
        snprintf(out, room, "%c: L%u, which it closed, is gone", who, step.link);
        break;
    case SEND:
        snprintf(out, room, "%c sends a message", who);
        break;
    case IMPATIENT:
        snprintf(out, room, "%c does not wait any longer for ADOPTED", who);
        break;
    case INTERRUPT:
        snprintf(out, room, "%c: interrupted", who);
        break;
    case UNANSWERED:
        snprintf(out, room, "%c does not wait any longer for the one that was there", who);
        break;
    case DIAL:
        snprintf(out, room, "%c dials: L%u", who, world.wire_count);
        break;
    case RETRY:
        snprintf(out, room, "%c dials again: L%u", who, world.wire_count);
        break;
    case BREAK:
        snprintf(out, room, "L%u breaks, %s", step.link, breaks[step.who % 3]);
        break;
    case TIMEOUT:
        snprintf(out, room, "%c: the deadline of L%u", who, step.link);
        break;
    case GIVE_UP:
        snprintf(out, room, "%c: the resume window is over", who);
        break;
    case KICK:
        snprintf(out, room, "%c disconnects the other", who);
        break;
    case CRASH:
        snprintf(out, room, "%c crashes and begins anew", who);
        break;
    case AGE:
        snprintf(out, room, "%c: a minute passes", who);
        break;
    }
}
