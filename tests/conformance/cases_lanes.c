/* SPDX-License-Identifier: MIT
 *
 * cases_lanes.c: lanes of their own, and the bytes lent for them.
 */
#include "cases.h"
#include "check.h"
#include "double.h"
#include "path.h"

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

/* All that was offered came, and nothing of it is lent any more. */
static int lanes_came(struct conn *from, struct conn *to)
{
    for (size_t i = 0; i < from->lane_count; i++) {
        struct lane *out = &from->lanes[i];
        struct lane *in = conn_lane(to, out->number, 0);
        if (out->offered > out->first && (in->came != out->offered || out->done != out->offered)) {
            return 0;
        }
    }
    return 1;
}

static void lanes_both_ways(struct place *place)
{
    open_pair(place);
    for (uint64_t number = 0; number < 8; number++) {
        lane_offer(at_ada, number, 1 + place_below(place, 200000));
        lane_offer(at_bob, number, 1 + place_below(place, 2000));
    }
    conn_offer(at_ada, 50000);
    UNTIL(place, lanes_came(at_ada, at_bob) && lanes_came(at_bob, at_ada) && at_bob->came == 50000);
    close_pair();
}

static void lanes_of_large_numbers(struct place *place)
{
    open_pair(place);
    for (uint64_t i = 0; i < DOUBLE_LANES_MAX - 1; i++) {
        lane_offer(at_ada, i * i * 1000003, 100 + i);
    }
    UNTIL(place, lanes_came(at_ada, at_bob));
    close_pair();
}

static void a_lane_that_does_not_begin_at_zero(struct place *place)
{
    const uint64_t first = UINT64_C(123456789012345);
    open_pair(place);
    (void)conn_lane(at_ada, 3, first);
    lane_offer(at_ada, 3, 100000);
    lane_offer(at_ada, 4, 10);
    UNTIL(place, lanes_came(at_ada, at_bob));
    CHECK(conn_lane(at_bob, 3, 0)->came == first + 100000, "it came elsewhere");
    close_pair();
}

static void a_byte_at_a_time(struct place *place)
{
    open_pair(place);
    for (int i = 0; i < 500; i++) {
        lane_offer(at_bob, (uint64_t)i % 3, 1);
        place_turn(place);
    }
    UNTIL(place, lanes_came(at_bob, at_ada));
    close_pair();
}

enum { HUGE_BYTES = 64 * 1024 * 1024, HELD_BYTES_MAX = 1024 * 1024 };

static void huge_lanes(struct place *place)
{
    size_t before;
    open_pair(place);
    before = place->peak_bytes = place->bytes;
    lane_offer(at_bob, 0, HUGE_BYTES / 2);
    lane_offer(at_bob, 5, HUGE_BYTES / 2);
    UNTIL(place, lanes_came(at_bob, at_ada));
    CHECK(place->peak_bytes - before < HELD_BYTES_MAX, "%zu bytes were held",
          place->peak_bytes - before);
    close_pair();
}

/* ---- what goes first --------------------------------------------------------------------- */

static unsigned chunks, chunks_since_pull;
static enum moment when;

/* Control and datagrams that are there are asked for before a lane is, and control again after each
 * chunk. */
static void check_order(struct conn *conn, enum moment moment)
{
    if (conn != at_ada) {
        return;
    }
    if (moment == AT_LANE_TOOK) {
        CHECK(conn->pulled == conn->offered, "a lane goes before control");
        CHECK(conn->datagram_first == conn->datagram_last, "a lane goes before a datagram");
        CHECK(++chunks_since_pull == 1, "control is not asked for between two chunks");
        if (++chunks == 2) {
            conn->offered += 100; /* something urgent turns up */
        }
    } else if (moment == AT_PULL) {
        chunks_since_pull = 0;
    }
}

static void control_before_datagrams_before_lanes(struct place *place)
{
    open_pair(place);
    chunks = chunks_since_pull = 0;
    ada.hook = check_order;
    at_ada->offered = 3000;
    if (place_can(place, KITH_DRIVER_DATAGRAMS)) {
        conn_datagram(at_ada, 100);
        conn_datagram(at_ada, 100);
    }
    lane_offer(at_ada, 1, 100000);
    lane_offer(at_ada, 2, 100000);
    UNTIL(place, lanes_came(at_ada, at_bob) && at_bob->came == 3100);
    CHECK(chunks > 10, "%u chunks", chunks);
    close_pair();
}

/* ---- streams that do not wait for each other --------------------------------------------- */

static unsigned overtakings;
static uint64_t latest_lane;

static void note_order(struct conn *conn, enum moment moment)
{
    if (moment == AT_LANE_RX) {
        for (size_t i = 0; i < conn->lane_count; i++) {
            overtakings += conn->lanes[i].number < latest_lane && conn->lanes[i].came == 1;
        }
        latest_lane = conn->lanes[conn->lane_count - 1].number;
    }
}

/* A lost packet holds up its own stream only: control here, and one lane there. */
static void streams_overtake(struct place *place)
{
    place->hub.delay_us = 10000;
    place->hub.jitter_us = 40000;
    place->hub.loss_ppm = 100000;
    place->hub.loss_delay_us = 200000;
    place->hub.piece_bytes = 1000;
    open_pair(place);
    latest_lane = overtakings = 0;
    bob.hook = note_order;
    for (uint64_t number = 0; number < 30; number++) {
        lane_offer(at_ada, number, 1);
    }
    UNTIL(place, lanes_came(at_ada, at_bob));
    CHECK(overtakings > 0, "lanes come as they were sent");
    bob.hook = NULL;
    for (uint64_t number = 0; number < 8; number++) {
        lane_offer(at_ada, number, place_below(place, 100000));
        conn_offer(at_ada, 10000);
    }
    UNTIL(place, lanes_came(at_ada, at_bob) && at_bob->came == at_ada->offered);
    close_pair();
}

static void a_lane_is_blocked(struct place *place)
{
    struct lane *slow, *quick;
    place->hub.delay_us = 20000;
    place->hub.lane_in_flight_bytes = 10000;
    place->hub.in_flight_bytes = 1000000;
    open_pair(place);
    lane_offer(at_ada, 1, 100000);
    slow = conn_lane(at_ada, 1, 0);
    UNTIL(place, slow->blocked);
    CHECK(slow->sent == 10000, "%llu bytes are in flight", (unsigned long long)slow->sent);
    /* Neither another lane nor control waits for it. */
    lane_offer(at_ada, 2, 5000);
    conn_offer(at_ada, 5000);
    quick = conn_lane(at_ada, 2, 0);
    place_turn(place);
    CHECK(quick->sent == 5000 && at_ada->pulled == 5000, "others wait for a blocked lane");
    UNTIL(place, lanes_came(at_ada, at_bob) && at_bob->came == 5000);
    CHECK(slow->times_blocked >= 9 && !slow->blocked, "%u times blocked", slow->times_blocked);
    close_pair();
}

/* ---- bytes that are lent ----------------------------------------------------------------- */

/* The transport is done long after the bytes were used, or at once. */
static void done_late_and_early(struct place *place)
{
    for (uint64_t done_us = 0; done_us < 2000000; done_us = done_us * 5 + 1000) {
        place->hub.done_delay_us = done_us;
        place->hub.jitter_us = done_us / 2;
        open_pair(place);
        for (uint64_t number = 0; number < 5; number++) {
            lane_offer(at_bob, number, place_below(place, 100000));
        }
        UNTIL(place, lanes_came(at_bob, at_ada));
        close_pair();
    }
}

/* The double frees what was lent as soon as close() has returned; whoever reads it is caught. */
static void closed_while_bytes_are_lent(struct place *place)
{
    for (int i = 0; i < 8; i++) {
        place->hub.delay_us = 1000;
        place->hub.done_delay_us = 5000;
        place->hub.piece_bytes = 500;
        open_pair(place);
        lane_offer(at_ada, 1, 1000000);
        lane_offer(at_ada, 2, 1000000);
        for (int turns = 0; turns < i * 10; turns++) {
            place_turn(place);
        }
        conn_close(i % 2 ? at_ada : at_bob, KITH_REASON_LEFT, i / 2 % 2);
        UNTIL(place, conn_is_down(at_ada) && conn_is_down(at_bob));
        place_idle(place);
        close_pair();
    }
}

static void cut_while_bytes_are_lent(struct place *place)
{
    struct path path;
    for (int i = 0; i < 5; i++) {
        place->hub.delay_us = 1000;
        place->hub.done_delay_us = 5000;
        core_open(&ada, place);
        core_open(&bob, place);
        path_pair(&path, &ada, &bob, &at_ada, &at_bob);
        lane_offer(at_ada, 1, 1000000);
        for (int turns = 0; turns < i * 10; turns++) {
            place_turn(place);
        }
        path_cut(&path);
        path_await_end(&path, at_ada, at_bob, KITH_REASON_LOST);
        close_pair();
        path_close(&path);
    }
}

static void lanes_where_nobody_reads(struct place *place)
{
    struct path path;
    struct lane *lane;
    core_open(&ada, place);
    core_open(&bob, place);
    path_pair(&path, &ada, &bob, &at_ada, &at_bob);
    path_stall(&path, AT_DIALLER);
    lane_offer(at_bob, 6, 100000000);
    place_idle(place);
    lane = conn_lane(at_bob, 6, 0);
    CHECK(lane->sent < 20000000 && lane->done == 0, "%llu bytes go where nobody reads",
          (unsigned long long)lane->sent);
    lane->offered = lane->made;
    path_heal(&path, AT_DIALLER);
    UNTIL(place, lanes_came(at_bob, at_ada));
    close_pair();
    path_close(&path);
}

/* ---- lanes that leave the link, and come back -------------------------------------------- */

/* As the core does: what has not come is sent again, from where the other side is. */
static void resume(struct conn *from, struct conn *to, uint64_t number, uint64_t total)
{
    struct lane *out = conn_lane(from, number, 0);
    out->first = out->made = out->sent = out->done = conn_lane(to, number, 0)->came;
    out->offered = total;
    conn_offer(from, 0);
}

static void lanes_end_and_go_on(struct place *place)
{
    const uint64_t total = 300000;
    for (int i = 0; i < 10; i++) {
        place->hub.delay_us = 3000;
        place->hub.jitter_us = i % 2 ? 5000 : 0;
        place->hub.done_delay_us = 5000;
        place->hub.lane_in_flight_bytes = i % 3 == 0 ? 10000 : 0;
        open_pair(place);
        bob.lanes_jump = 1;
        lane_offer(at_ada, 1, total);
        lane_offer(at_ada, 2, total);
        for (int turns = 0; turns < i; turns++) {
            place_turn(place);
        }
        conn_lanes_end(at_ada);
        conn_lanes_end(at_ada);
        place_turn(place); /* what is lent is freed by now, and nobody looks at it */
        resume(at_ada, at_bob, 1, total);
        resume(at_ada, at_bob, 2, total);
        conn_offer(at_ada, 1000);
        UNTIL(place, lanes_came(at_ada, at_bob) && at_bob->came == 1000);
        CHECK(conn_lane(at_bob, 2, 0)->came == total, "it ended early");
        close_pair();
    }
}

static void end_lanes(struct conn *conn, enum moment moment)
{
    if (conn == at_ada && moment == when && !conn->closing) {
        ada.hook = NULL;
        conn_lanes_end(conn);
    }
}

static void lanes_end_inside_calls(struct place *place)
{
    static const enum moment moments[] = {AT_PULL,          AT_LANE_TOOK, AT_LANE_BLOCKED,
                                          AT_LANE_WRITABLE, AT_LANE_DONE, AT_LANE_RX,
                                          AT_DOWN};
    place->hub.delay_us = 1000;
    place->hub.lane_in_flight_bytes = 10000;
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        open_pair(place);
        ada.lanes_jump = bob.lanes_jump = 1;
        when = moments[i];
        ada.hook = end_lanes;
        lane_offer(at_ada, 1, 50000);
        lane_offer(at_ada, 2, 50000);
        lane_offer(at_bob, 1, 1000);
        if (when == AT_DOWN) {
            place_turn(place);
            conn_close(at_bob, KITH_REASON_LEFT, 1);
        }
        for (int turns = 0; turns < 100; turns++) {
            place_turn(place);
        }
        if (when != AT_DOWN) {
            resume(at_ada, at_bob, 1, 60000);
            resume(at_ada, at_bob, 2, 60000);
            UNTIL(place, lanes_came(at_ada, at_bob));
        }
        close_pair();
    }
}

static void lanes_end_in_every_state(struct place *place)
{
    struct conn *conn;
    core_open(&ada, place);
    core_open(&bob, place);
    place->hub.handshake_us = 1000;
    conn = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
    conn_lanes_end(conn);
    while (conn->ups == 0) {
        conn_lanes_end(conn);
        place_turn(place);
    }
    lane_offer(conn, 1, 1000);
    UNTIL(place, ada.newest != NULL && lanes_came(conn, ada.newest));
    conn_close(conn, KITH_REASON_LEFT, 1);
    conn_lanes_end(conn);
    close_pair();
}

const struct test_case lane_cases[] = {
    {"lanes_both_ways", NEEDS_MANY_LANES, lanes_both_ways},
    {"lanes_of_large_numbers", NEEDS_MANY_LANES, lanes_of_large_numbers},
    {"a_lane_that_does_not_begin_at_zero", NEEDS_MANY_LANES, a_lane_that_does_not_begin_at_zero},
    {"a_byte_of_a_lane_at_a_time", NEEDS_MANY_LANES, a_byte_at_a_time},
    {"huge_lanes", NEEDS_MANY_LANES, huge_lanes},
    {"control_before_datagrams_before_lanes", NEEDS_MANY_LANES,
     control_before_datagrams_before_lanes},
    {"streams_overtake", NEEDS_MANY_LANES | NEEDS_HUB, streams_overtake},
    {"a_lane_is_blocked", NEEDS_MANY_LANES | NEEDS_HUB, a_lane_is_blocked},
    {"done_late_and_early", NEEDS_MANY_LANES, done_late_and_early},
    {"closed_while_bytes_are_lent", NEEDS_MANY_LANES, closed_while_bytes_are_lent},
    {"cut_while_bytes_are_lent", NEEDS_MANY_LANES, cut_while_bytes_are_lent},
    {"lanes_where_nobody_reads", NEEDS_MANY_LANES, lanes_where_nobody_reads},
    {"lanes_end_and_go_on", NEEDS_MANY_LANES, lanes_end_and_go_on},
    {"lanes_end_inside_calls", NEEDS_MANY_LANES, lanes_end_inside_calls},
    {"lanes_end_in_every_state", NEEDS_MANY_LANES, lanes_end_in_every_state},
    {NULL, 0, NULL},
};
