/* SPDX-License-Identifier: MIT
 *
 * cases_datagrams.c: datagrams of the transport's own.
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

static void sizes_of_datagrams(struct place *place)
{
    size_t most;
    open_pair(place);
    most = conn_datagram_max(at_ada);
    CHECK(most >= 1000, "%zu bytes", most);
    conn_datagram(at_ada, 0);
    conn_datagram(at_ada, 1);
    conn_datagram(at_ada, most);
    conn_datagram(at_ada, most + 1);
    conn_datagram(at_ada, 2);
    UNTIL(place, at_bob->datagrams_came == 4);
    CHECK(at_bob->datagram_largest == most && at_bob->datagram_bytes_came == most + 3, "%zu",
          at_bob->datagram_largest);
    CHECK(at_ada->datagrams_dropped == 1 && at_ada->datagrams_sent == 4, "%u dropped",
          at_ada->datagrams_dropped);
    close_pair();
}

static void datagrams_both_ways(struct place *place)
{
    open_pair(place);
    for (int i = 0; i < 300; i++) {
        conn_datagram(at_ada, place_below(place, 1000));
        conn_datagram(at_bob, place_below(place, 1000));
        place_turn(place);
    }
    UNTIL(place, at_ada->datagrams_sent == 300 && at_bob->datagrams_sent == 300);
    place_idle(place);
    CHECK(at_ada->datagrams_came > 0 && at_ada->datagrams_came <= 300, "%u",
          at_ada->datagrams_came);
    CHECK(at_bob->datagrams_came > 0 && at_bob->datagrams_came <= 300, "%u",
          at_bob->datagrams_came);
    close_pair();
}

/* Lost and out of order, but never twice and never another. */
static void datagrams_on_a_bad_network(struct place *place)
{
    place->hub.delay_us = 1000;
    place->hub.jitter_us = 3000;
    place->hub.loss_ppm = 200000;
    place->hub.reorder_ppm = 200000;
    open_pair(place);
    for (int i = 0; i < 1000; i++) {
        conn_datagram(at_ada, place_below(place, 1000));
        place_turn(place);
    }
    UNTIL(place, at_ada->datagrams_sent == 1000);
    place_idle(place);
    CHECK(at_bob->datagrams_came > 700 && at_bob->datagrams_came < 900, "%u",
          at_bob->datagrams_came);
    close_pair();
}

/* What waits is the stream, not the datagram. */
static void datagrams_while_lanes_are_blocked(struct place *place)
{
    place->hub.delay_us = 20000;
    place->hub.lane_in_flight_bytes = 5000;
    open_pair(place);
    lane_offer(at_ada, 1, 1000000);
    UNTIL(place, conn_lane(at_ada, 1, 0)->blocked);
    conn_datagram(at_ada, 500);
    UNTIL(place, at_bob->datagrams_came == 1);
    CHECK(conn_lane(at_bob, 1, 0)->came <= 10000, "the datagram waited");
    close_pair();
}

static void datagrams_beside_control(struct place *place)
{
    open_pair(place);
    conn_offer(at_ada, 1000000);
    for (int i = 0; i < 20; i++) {
        conn_datagram(at_ada, 100);
    }
    UNTIL(place, at_ada->datagrams_sent == 20 && at_bob->came == 1000000);
    UNTIL(place, at_bob->datagrams_came > 0);
    close_pair();
}

static void refill(struct conn *conn, enum moment moment)
{
    if (moment == AT_DATAGRAM_TOOK) {
        conn_datagram(conn, 1000);
    }
}

/* They go first, and still leave a part. */
static void lanes_beside_endless_datagrams(struct place *place)
{
    const uint64_t lane_bytes = 1000000;
    place->hub.delay_us = 1000;
    open_pair(place);
    ada.hook = refill;
    for (int i = 0; i < 30; i++) {
        conn_datagram(at_ada, 1000);
    }
    lane_offer(at_ada, 1, lane_bytes);
    UNTIL(place, conn_lane(at_bob, 1, 0)->came == lane_bytes);
    CHECK(at_ada->datagrams_sent > 300, "%u datagrams", at_ada->datagrams_sent);
    ada.hook = NULL;
    close_pair();
}

static void datagrams_where_nobody_reads(struct place *place)
{
    struct path path;
    size_t before;
    core_open(&ada, place);
    core_open(&bob, place);
    path_pair(&path, &ada, &bob, &at_ada, &at_bob);
    path_stall(&path, AT_DIALLER);
    before = place->peak_bytes = place->bytes;
    for (int i = 0; i < (place->has_sockets ? 200 : 5000); i++) {
        if (at_bob->datagram_last - at_bob->datagram_first < 60) {
            conn_datagram(at_bob, 1000);
        }
        place_idle(place);
    }
    CHECK(place->peak_bytes - before < 1000000, "%zu bytes are held", place->peak_bytes - before);
    path_heal(&path, AT_DIALLER);
    UNTIL(place, at_ada->datagrams_came > 0);
    close_pair();
    path_close(&path);
}

const struct test_case datagram_cases[] = {
    {"sizes_of_datagrams", NEEDS_DATAGRAMS, sizes_of_datagrams},
    {"datagrams_both_ways", NEEDS_DATAGRAMS, datagrams_both_ways},
    {"datagrams_on_a_bad_network", NEEDS_DATAGRAMS | NEEDS_HUB, datagrams_on_a_bad_network},
    {"datagrams_while_lanes_are_blocked", NEEDS_DATAGRAMS | NEEDS_MANY_LANES | NEEDS_HUB,
     datagrams_while_lanes_are_blocked},
    {"datagrams_beside_control", NEEDS_DATAGRAMS, datagrams_beside_control},
    {"lanes_beside_endless_datagrams", NEEDS_DATAGRAMS | NEEDS_MANY_LANES,
     lanes_beside_endless_datagrams},
    {"datagrams_where_nobody_reads", NEEDS_DATAGRAMS, datagrams_where_nobody_reads},
    {NULL, 0, NULL},
};
