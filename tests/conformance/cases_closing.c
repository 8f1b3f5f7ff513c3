/* SPDX-License-Identifier: MIT
 *
 * cases_closing.c: links that are ended by the core, at every moment that the contract allows.
 */
#include "cases.h"
#include "check.h"
#include "double.h"

static struct core ada, bob;
static struct conn *at_ada, *at_bob;

static void open_pair(struct place *place)
{
    core_open(&ada, place);
    core_open(&bob, place);
    core_pair(&ada, &bob, &at_ada, &at_bob);
}

static void close_pair(void)
{
    core_close(&bob);
    core_close(&ada);
}

static int both_down(void)
{
    return conn_is_down(at_ada) && conn_is_down(at_bob);
}

static void with_flush_all_arrives(struct place *place)
{
    for (uint64_t count = 0; count < 1000000; count = count * 7 + 1) {
        open_pair(place);
        place->hub.delay_us = 2000;
        place->hub.jitter_us = 50000; /* the end must not overtake */
        conn_offer(at_bob, count);
        conn_close(at_bob, KITH_REASON_LEFT, 1);
        CHECK(at_bob->downs == 0, "down inside close()");
        UNTIL(place, both_down());
        CHECK(at_bob->reason == KITH_REASON_LOCAL, "%s", at_bob->detail);
        CHECK(at_ada->came == count, "%llu of %llu bytes came", (unsigned long long)at_ada->came,
              (unsigned long long)count);
        CHECK(at_ada->reason == KITH_REASON_LOST || at_ada->reason == KITH_REASON_LEFT, "%s",
              at_ada->detail);
        close_pair();
    }
}

static void a_code_goes_along(struct place *place)
{
    place->hub.close_codes = 1;
    open_pair(place);
    conn_close(at_ada, KITH_REASON_KICKED, 1);
    UNTIL(place, both_down());
    /* A transport that has no codes, or one with which bytes say so, tells of a loss. */
    CHECK(at_bob->reason == KITH_REASON_KICKED ||
              (place->has_sockets && at_bob->reason == KITH_REASON_LOST),
          "%s: %s", kith_reason_name(at_bob->reason), at_bob->detail);
    close_pair();
}

static void without_flush_at_once(struct place *place)
{
    place->hub.delay_us = 1000;
    open_pair(place);
    conn_offer(at_bob, 10000000);
    place_turn(place);
    conn_close(at_bob, KITH_REASON_LEFT, 0);
    conn_close(at_bob, KITH_REASON_LEFT, 1); /* does not go back to flushing */
    UNTIL(place, both_down());
    CHECK(at_bob->reason == KITH_REASON_LOCAL, "%s", at_bob->detail);
    CHECK(at_ada->came < 10000000, "all of it came");
    close_pair();
}

static void both_at_the_same_moment(struct place *place)
{
    for (int flush = 0; flush < 4; flush++) {
        open_pair(place);
        place->hub.delay_us = 1000;
        conn_offer(at_ada, 50000);
        conn_offer(at_bob, 50000);
        conn_close(at_ada, KITH_REASON_LEFT, flush & 1);
        conn_close(at_bob, KITH_REASON_LEFT, flush >> 1);
        UNTIL(place, both_down());
        CHECK(at_ada->reason == KITH_REASON_LOCAL && at_bob->reason == KITH_REASON_LOCAL, "%s; %s",
              at_ada->detail, at_bob->detail);
        close_pair();
    }
}

static void twice_with_flush(struct place *place)
{
    open_pair(place);
    conn_offer(at_bob, 100000);
    conn_close(at_bob, KITH_REASON_LEFT, 1);
    place_turn(place);
    if (!conn_is_down(at_bob)) {
        conn_close(at_bob, KITH_REASON_KICKED, 1);
    }
    UNTIL(place, both_down());
    CHECK(at_ada->came == 100000, "%llu came", (unsigned long long)at_ada->came);
    close_pair();
}

/* ---- inside up-calls --------------------------------------------------------------------- */

static enum moment when;
static unsigned how_often;

static void close_then(struct conn *conn, enum moment moment)
{
    if (moment == when && conn->state != CONN_DOWN) {
        conn_close(conn, KITH_REASON_LEFT, (int)how_often % 2);
        how_often++;
    }
}

static void closed_inside(struct place *place, enum moment moment)
{
    for (int flush = 0; flush < 2; flush++) {
        when = moment;
        how_often = (unsigned)flush;
        core_open(&ada, place);
        core_open(&bob, place);
        if (moment != AT_LINK) {
            core_pair(&ada, &bob, &at_ada, &at_bob);
            ada.hook = close_then;
        } else {
            ada.hook = close_then;
            at_bob = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
            UNTIL(place, ada.newest != NULL);
            at_ada = ada.newest;
        }
        if (moment != AT_LINK) {
            conn_offer(at_ada, 200000);
            conn_offer(at_bob, 200000);
            if (place_can(place, KITH_DRIVER_MANY_LANES)) {
                lane_offer(at_ada, 1, 100000);
                lane_offer(at_bob, 1, 100000);
            }
            if (place_can(place, KITH_DRIVER_DATAGRAMS)) {
                conn_datagram(at_ada, 100);
                conn_datagram(at_bob, 100);
            }
        }
        UNTIL(place, both_down());
        CHECK(at_ada->reason == KITH_REASON_LOCAL, "%s", at_ada->detail);
        CHECK(how_often > (unsigned)flush, "it never came to that");
        close_pair();
    }
}

static void inside_link(struct place *place)
{
    closed_inside(place, AT_LINK);
}

static void inside_pull(struct place *place)
{
    closed_inside(place, AT_PULL);
}

static void inside_rx(struct place *place)
{
    closed_inside(place, AT_RX);
}

static void inside_lane_calls(struct place *place)
{
    place->hub.lane_in_flight_bytes = 20000;
    for (enum moment moment = AT_LANE_PEEK; moment <= AT_LANE_RX; moment++) {
        /* With sockets nobody can say when a lane's stream is full. */
        if (!place->has_sockets || (moment != AT_LANE_BLOCKED && moment != AT_LANE_WRITABLE)) {
            closed_inside(place, moment);
        }
    }
}

static void inside_datagram_calls(struct place *place)
{
    closed_inside(place, AT_DATAGRAM_PEEK);
    closed_inside(place, AT_DATAGRAM_TOOK);
    closed_inside(place, AT_DATAGRAM_RX);
}

/* The memory lives until the turn ends, and every call that is legal in every state is so then. */
static void ask_everything(struct conn *conn, enum moment moment)
{
    if (moment == AT_DOWN) {
        CHECK(!conn_can_write(conn), "a link that is gone can write");
        CHECK(!place_can(conn->core->place, KITH_DRIVER_DATAGRAMS) || conn_datagram_max(conn) == 0,
              "a link that is gone takes datagrams");
        conn_offer(conn, 1);
        conn_close(conn, KITH_REASON_LEFT, 0);
        conn_close(conn, KITH_REASON_LEFT, 1);
        conn_offer(conn, 1);
    }
}

static void called_inside_down(struct place *place)
{
    open_pair(place);
    ada.hook = bob.hook = ask_everything;
    conn_close(at_ada, KITH_REASON_LEFT, 1);
    UNTIL(place, both_down());
    place_idle(place);
    close_pair();
}

static void called_in_every_state(struct place *place)
{
    struct conn *conn;
    core_open(&ada, place);
    core_open(&bob, place);
    place->hub.handshake_us = 1000;
    conn = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
    for (place_patience(place); conn->ups == 0 || ada.ups == 0;) {
        CHECK(conn->ups == 1 || !conn_can_write(conn), "writable before it is up");
        CHECK(!place_can(place, KITH_DRIVER_DATAGRAMS) || conn->ups == 1 ||
                  conn_datagram_max(conn) == 0,
              "datagrams before it is up");
        conn_offer(conn, 1);
        place_turn(place);
    }
    UNTIL(place, ada.newest->came == conn->offered);
    conn_close(conn, KITH_REASON_LEFT, 1);
    close_pair();
}

const struct test_case closing_cases[] = {
    {"with_flush_all_arrives", 0, with_flush_all_arrives},
    {"a_code_goes_along", 0, a_code_goes_along},
    {"without_flush_at_once", 0, without_flush_at_once},
    {"both_at_the_same_moment", 0, both_at_the_same_moment},
    {"twice_with_flush", 0, twice_with_flush},
    {"closed_inside_link", 0, inside_link},
    {"closed_inside_pull", 0, inside_pull},
    {"closed_inside_rx", 0, inside_rx},
    {"closed_inside_lane_calls", NEEDS_MANY_LANES, inside_lane_calls},
    {"closed_inside_datagram_calls", NEEDS_DATAGRAMS, inside_datagram_calls},
    {"called_inside_down", 0, called_inside_down},
    {"called_in_every_state", 0, called_in_every_state},
    {NULL, 0, NULL},
};
