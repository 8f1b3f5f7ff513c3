/* SPDX-License-Identifier: MIT
 *
 * cases_faults.c: what a network does to links that stand.
 */
#include "cases.h"
#include "check.h"
#include "double.h"
#include "path.h"

static struct core ada, bob;
static struct conn *at_ada, *at_bob;
static struct path path;

static void open_path(struct place *place)
{
    core_open(&ada, place);
    core_open(&bob, place);
    path_pair(&path, &ada, &bob, &at_ada, &at_bob);
}

static void close_path(void)
{
    core_close(&bob);
    core_close(&ada);
    path_close(&path);
}

static int both_down(void)
{
    return conn_is_down(at_ada) && conn_is_down(at_bob);
}

static void cut(struct place *place)
{
    for (int busy = 0; busy < 2; busy++) {
        open_path(place);
        conn_offer(at_ada, busy ? 10000000 : 0);
        conn_offer(at_bob, busy ? 10000000 : 0);
        place_turn(place);
        path_cut(&path);
        path_await_end(&path, at_ada, at_bob, KITH_REASON_LOST);
        close_path();
    }
}

/* The one that is left cannot know; it can still be closed. */
static void one_end_dies(struct place *place)
{
    for (int end = 0; end < 2; end++) {
        struct conn *dies, *stays;
        open_path(place);
        dies = end == AT_DIALLER ? at_bob : at_ada;
        stays = end == AT_DIALLER ? at_ada : at_bob;
        conn_offer(stays, 1000);
        path_half_open(&path, end);
        UNTIL(place, conn_is_down(dies));
        CHECK(dies->reason == KITH_REASON_LOST, "%s", dies->detail);
        place_idle(place);
        CHECK(!conn_is_down(stays), "%s", stays->detail);
        conn_close(stays, KITH_REASON_TIMEOUT, 1);
        place_idle(place);
        if (!conn_is_down(stays)) {
            conn_close(stays, KITH_REASON_TIMEOUT, 0);
        }
        UNTIL(place, conn_is_down(stays));
        CHECK(stays->reason == KITH_REASON_LOCAL, "%s", stays->detail);
        close_path();
    }
}

static void what_is_sent_vanishes(struct place *place)
{
    open_path(place);
    path_swallow(&path, AT_DIALLER);
    conn_offer(at_bob, 5000);
    conn_offer(at_ada, 5000);
    UNTIL(place, at_bob->came == 5000 && at_bob->pulled == 5000);
    place_idle(place);
    CHECK(at_ada->came == 0 && !both_down(), "%llu bytes came", (unsigned long long)at_ada->came);
    conn_close(at_bob, KITH_REASON_TIMEOUT, 0);
    UNTIL(place, conn_is_down(at_bob));
    close_path();
}

/* TCP's half-close: neither WebSocket nor TLS knows one, so the link is over. */
static void one_direction_is_finished(struct place *place)
{
    for (int end = 0; end < 2; end++) {
        open_path(place);
        path_half_close(&path, end);
        UNTIL(place, both_down());
        CHECK(at_ada->reason == KITH_REASON_LOST && at_bob->reason == KITH_REASON_LOST, "%s; %s",
              at_ada->detail, at_bob->detail);
        close_path();
    }
}

/* ---- somebody does not read -------------------------------------------------------------- */

enum {
    PLENTY = 100 * 1000 * 1000,
    /* The system's buffers of four sockets, and the driver's. */
    UNREAD_BYTES_MAX = 40 * 1000 * 1000,
    HELD_BYTES_MAX = 1024 * 1024
};

/* Sends until nothing more is taken. A driver may wait for its next share of the loop and still be
 * writable; then it is asked again. */
static void fill(struct place *place, struct conn *conn)
{
    uint64_t pulled = 0;
    conn_offer(conn, PLENTY);
    UNTIL(place, conn->pulled > 0);
    while (pulled != conn->pulled || conn_can_write(conn)) {
        pulled = conn->pulled;
        conn_offer(conn, 0);
        place_idle(place);
        CHECK(pulled < UNREAD_BYTES_MAX, "%llu bytes go where nobody reads",
              (unsigned long long)pulled);
    }
}

/* Many small pieces of the driver's come at once, and then nothing that would wake it again. */
static void a_burst_and_silence(struct place *place)
{
    open_path(place);
    at_ada->bite = at_bob->bite = 1;
    for (int i = 0; i < 2; i++) {
        path_stall(&path, AT_DIALLER);
        path_stall(&path, AT_ACCEPTOR);
        conn_offer(at_ada, 250);
        conn_offer(at_bob, 250);
        UNTIL(place, at_ada->pulled == at_ada->offered && at_bob->pulled == at_bob->offered);
        path_heal(&path, AT_DIALLER);
        path_heal(&path, AT_ACCEPTOR);
        UNTIL(place, at_ada->came == at_bob->offered && at_bob->came == at_ada->offered);
    }
    close_path();
}

static void a_reader_that_stops(struct place *place)
{
    size_t before, heap;
    uint64_t pulled;
    open_path(place);
    before = place->peak_bytes = place->bytes;
    heap = heap_bytes();
    path_stall(&path, AT_DIALLER);
    fill(place, at_bob);
    CHECK(place->peak_bytes - before < HELD_BYTES_MAX, "%zu bytes are held",
          place->peak_bytes - before);
    CHECK(heap_bytes() < heap + HELD_BYTES_MAX, "%zu bytes are held", heap_bytes() - heap);
    if (place->transport->packets) { /* confirmations are packets, too */
        close_path();
        return;
    }
    /* The other direction goes on, and nothing of it comes through the back door. */
    conn_offer(at_ada, 100000);
    pulled = at_bob->pulled;
    UNTIL(place, at_bob->came == 100000);
    CHECK(at_bob->pulled == pulled, "%llu bytes more",
          (unsigned long long)(at_bob->pulled - pulled));
    close_path();
}

static void a_reader_that_stops_and_goes_on(struct place *place)
{
    open_path(place);
    for (int i = 0; i < 2; i++) {
        path_stall(&path, AT_ACCEPTOR);
        fill(place, at_ada);
        at_ada->offered = at_ada->pulled + 10000;
        path_heal(&path, AT_ACCEPTOR);
        UNTIL(place, at_bob->came == at_ada->offered);
    }
    close_path();
}

/* Who was told that nothing goes at once, and has nothing that waits, is asked when it would. */
static void asked_when_it_can_write_again(struct place *place)
{
    for (int end = 0; end < 2; end++) {
        struct conn *conn;
        int asked;
        open_path(place);
        conn = end == AT_DIALLER ? at_bob : at_ada;
        path_stall(&path, end);
        fill(place, conn);
        conn->offered = conn->pulled;
        conn_offer(conn, 0);
        place_idle(place);
        CHECK(!conn_can_write(conn), "it can write where nobody reads");
        asked = conn->asked_writable;
        path_heal(&path, end);
        UNTIL(place, conn->asked_writable > asked);
        close_path();
    }
}

/* Flushing does not end then; a second close without it does, at once. */
static void closing_where_nobody_reads(struct place *place)
{
    for (int end = 0; end < 2; end++) {
        struct conn *conn;
        open_path(place);
        conn = end == AT_DIALLER ? at_bob : at_ada;
        path_stall(&path, end);
        fill(place, conn);
        conn_close(conn, KITH_REASON_LEFT, 1);
        place_idle(place);
        CHECK(!conn_is_down(conn), "what is unsent was dropped");
        conn_close(conn, KITH_REASON_LEFT, 0);
        place_idle(place);
        CHECK(conn_is_down(conn), "closing without flush waits");
        CHECK(conn->reason == KITH_REASON_LOCAL, "%s", conn->detail);
        close_path();
    }
}

static void cut_where_nobody_reads(struct place *place)
{
    open_path(place);
    path_stall(&path, AT_DIALLER);
    fill(place, at_bob);
    path_cut(&path);
    path_await_end(&path, at_ada, at_bob, KITH_REASON_LOST);
    close_path();
}

const struct test_case fault_cases[] = {
    {"cut", 0, cut},
    {"one_end_dies", NEEDS_NEWS, one_end_dies},
    {"what_is_sent_vanishes", 0, what_is_sent_vanishes},
    {"one_direction_is_finished", NEEDS_TCP, one_direction_is_finished},
    {"a_burst_and_silence", 0, a_burst_and_silence},
    {"a_reader_that_stops", 0, a_reader_that_stops},
    {"a_reader_that_stops_and_goes_on", 0, a_reader_that_stops_and_goes_on},
    {"asked_when_it_can_write_again", 0, asked_when_it_can_write_again},
    {"closing_where_nobody_reads", 0, closing_where_nobody_reads},
    {"cut_where_nobody_reads", 0, cut_where_nobody_reads},
    {NULL, 0, NULL},
};
