/* SPDX-License-Identifier: MIT
 *
 * lane_rx_test.c: the receiving half of a lane: messages cut anywhere, windows and grants, what is
 * a violation; and both halves together, several lanes with the largest messages at once, which
 * must never wait for each other for ever.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "bench.h"
#include "protocol/lane.h"

enum { BUDGET = 1 << 19, LARGEST = BUDGET / 2 };

static struct bench bench;
static struct kith_receive_share share;
static struct kith_window_pool pool = {UINT64_MAX / 2};
static struct kith_lane_rx lanes[KITH_CHANNEL_COUNT];
static size_t sizes[10000];
static unsigned came[KITH_CHANNEL_COUNT];
static int stop_at; /* the message that the application stops at */

static void open_lanes(uint64_t budget, uint32_t largest)
{
    bench_open(&bench, 1);
    memset(came, 0, sizeof came);
    stop_at = 0;
    kith_receive_share_init(&share, budget, &pool);
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        kith_lane_rx_init(&lanes[i], &bench.env, &share, largest, 0);
        lanes[i].announced.lane = i;
        lanes[i].announced.limit = lanes[i].limit;
    }
}

static void close_lanes(void)
{
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        kith_lane_rx_fini(&lanes[i]);
    }
    bench_close(&bench);
}

static uint8_t byte_of(size_t size, size_t at)
{
    return (uint8_t)(size * 3 + at * 7 + (at >> 8));
}

static int hold_next; /* of lane 0 */
static struct kith_held *last_held;

static int take(void *user, const uint8_t *bytes, size_t count)
{
    unsigned *number = user;
    if (hold_next) {
        hold_next = 0;
        last_held = kith_lane_rx_hold(&lanes[0]);
    }
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(bytes[i], byte_of(count, i), "byte %zu of %zu", i, count);
    }
    sizes[(*number)++ % 10000] = count;
    return stop_at != 0 && *number == (unsigned)stop_at;
}

static enum kith_lane_verdict give_there(size_t lane, uint64_t offset, const uint8_t *bytes,
                                         size_t count)
{
    enum kith_lane_verdict verdict =
        kith_lane_rx_data(&lanes[lane], offset, bytes, count, take, &came[lane]);
    cr_assert_leq(share.promised, share.budget);
    return verdict;
}

static enum kith_lane_verdict give(size_t lane, uint64_t offset, const void *bytes, size_t count)
{
    enum kith_lane_verdict verdict;
    uint8_t *copy = malloc(count);
    if (count > 0) {
        memcpy(copy, bytes, count);
    }
    verdict = give_there(lane, offset, copy, count);
    free(copy);
    return verdict;
}

/* A record as it stands on the wire. */
static size_t record(uint8_t *out, size_t room, size_t size)
{
    struct kith_writer to = kith_writer_of(out, room);
    kith_write_varint(&to, size);
    cr_assert_leq(size, to.left);
    for (size_t i = 0; i < size; i++) {
        to.at[i] = byte_of(size, i);
    }
    return kith_written(&to) + size;
}

static size_t head(uint8_t out[8], uint64_t size)
{
    struct kith_writer to = kith_writer_of(out, 8);
    kith_write_varint(&to, size);
    return kith_written(&to);
}

/* ---- messages ---------------------------------------------------------------------------------
 */

Test(lane_rx, cut_anywhere)
{
    static uint8_t bytes[200000];
    open_lanes(BUDGET, LARGEST);
    for (int round = 0; round < 100; round++) {
        size_t total = 0, at = 0, messages = 0, first = came[0];
        uint64_t base = lanes[0].received;
        static size_t expected[100];
        while (messages < 30) {
            expected[messages] = bench_below(&bench.random, 4) == 0
                                     ? 0
                                     : bench_below(&bench.random, 1u << (1 + round % 10));
            total += record(bytes + total, sizeof bytes - total, expected[messages++]);
        }
        while (at < total) {
            size_t part = 1 + bench_below(&bench.random, round % 3 == 0 ? 3 : 3000);
            size_t back = bench_below(&bench.random, 2) ? bench_below(&bench.random, at + 1) : 0;
            part = part < total - at ? part : total - at;
            /* Sometimes some of what came before comes again. */
            cr_assert_eq(give(0, base + at - back, bytes + at - back, part + back), KITH_LANE_OK);
            at += part;
            cr_assert_eq(lanes[0].received, base + at);
        }
        cr_assert_eq(came[0] - first, messages);
        for (size_t i = 0; i < messages; i++) {
            cr_assert_eq(sizes[(first + i) % 10000], expected[i]);
        }
        cr_assert_eq(lanes[0].consumed, lanes[0].received);
    }
    cr_assert_eq(share.promised, 8 * share.window);
    close_lanes();
}

Test(lane_rx, lengths_in_longer_forms)
{
    static const uint8_t forms[] = {0x40, 0x01, 3, 0x80, 0, 0, 1, 3, 0xc0, 0, 0, 0,    0, 0,
                                    0,    1,    3, 0xc0, 0, 0, 0, 0, 0,    0, 0, 0x40, 0};
    open_lanes(BUDGET, LARGEST);
    for (size_t i = 0; i < sizeof forms; i++) {
        uint8_t byte = forms[i] == 3 ? byte_of(1, 0) : forms[i];
        cr_assert_eq(give(0, i, &byte, 1), KITH_LANE_OK);
    }
    cr_assert_eq(came[0], 5);
    close_lanes();
}

Test(lane_rx, stopped_by_the_application)
{
    uint8_t bytes[100];
    size_t total = 0;
    open_lanes(BUDGET, LARGEST);
    for (int i = 0; i < 5; i++) {
        total += record(bytes + total, sizeof bytes - total, 10);
    }
    stop_at = 2;
    cr_assert_eq(give(0, 0, bytes, total), KITH_LANE_STOPPED);
    cr_assert_eq(came[0], 2);
    close_lanes();
}

/* ---- violations -------------------------------------------------------------------------------
 */

Test(lane_rx, a_gap)
{
    open_lanes(BUDGET, LARGEST);
    cr_assert_eq(give(0, 1, "x", 1), KITH_LANE_VIOLATION);
    cr_assert_eq(give(0, 1, "", 0), KITH_LANE_VIOLATION);
    cr_assert_eq(give(0, KITH_VARINT_MAX, "x", 1), KITH_LANE_VIOLATION);
    cr_assert_eq(lanes[0].received, 0);
    close_lanes();
}

Test(lane_rx, beyond_the_limit)
{
    static uint8_t bytes[BUDGET];
    size_t count;
    open_lanes(BUDGET, LARGEST);
    count = head(bytes, LARGEST);
    cr_assert_eq(give(0, 0, bytes, (size_t)share.window + 1), KITH_LANE_VIOLATION);
    cr_assert_eq(lanes[0].received, 0, "not a byte of it is taken");
    cr_assert_eq(give(0, 0, bytes, count), KITH_LANE_OK);
    cr_assert_eq(lanes[0].limit, count + LARGEST, "granted");
    cr_assert_eq(give(0, count, bytes, LARGEST + 1), KITH_LANE_VIOLATION);
    close_lanes();
}

Test(lane_rx, too_large)
{
    uint8_t bytes[8];
    open_lanes(BUDGET, 1000);
    cr_assert_eq(give(0, 0, bytes, head(bytes, 1001)), KITH_LANE_VIOLATION);
    cr_assert_eq(give(1, 0, bytes, head(bytes, KITH_VARINT_MAX)), KITH_LANE_VIOLATION);
    cr_assert_eq(give(2, 0, bytes, head(bytes, 1000)), KITH_LANE_OK);
    close_lanes();
}

/* ---- windows and grants ------------------------------------------------------------------------
 */

Test(lane_rx, a_large_message_is_granted_whole_or_not_at_all)
{
    uint8_t bytes[8];
    size_t count = head(bytes, LARGEST);
    uint64_t before;
    open_lanes(BUDGET, LARGEST);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(give(i, 0, bytes, count), KITH_LANE_OK);
    }
    cr_assert_eq(lanes[0].limit, count + LARGEST);
    cr_assert_eq(lanes[1].limit, share.window, "nothing of it as long as there is not all of it");
    /* One that would fit in what is left waits behind: or it would go on like that for ever. */
    before = share.records_free;
    count = head(bytes, share.window + 100);
    cr_assert_eq(give(3, 0, bytes, count), KITH_LANE_OK);
    cr_assert_eq(share.records_free, before);
    cr_assert_eq(lanes[3].limit, share.window);
    close_lanes();
}

Test(lane_rx, urgent_ones_are_granted_first)
{
    static const unsigned priorities[] = {0, 3, 1, 3, 7};
    static const size_t order[] = {0, 4, 1, 3, 2}; /* lane 0 was granted at once */
    static uint8_t bytes[LARGEST + 8];
    size_t count;
    open_lanes(BUDGET, LARGEST);
    count = record(bytes, sizeof bytes, LARGEST);
    for (size_t i = 0; i < 5; i++) {
        lanes[i].priority = priorities[i];
        cr_assert_eq(give(i, 0, bytes, 4), KITH_LANE_OK);
    }
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 5; k++) {
            cr_assert_eq(lanes[order[k]].limit >= count, k <= i, "lane %zu, round %zu", order[k],
                         i);
        }
        cr_assert_eq(give(order[i], 4, bytes + 4, count - 4), KITH_LANE_OK);
    }
    close_lanes();
}

Test(lane_rx, first_windows_by_budget)
{
    static const struct {
        uint64_t budget, window;
    } rules[] = {{512 << 10, 16 << 10},
                 {1 << 20, 32 << 10},
                 {2 << 20, 64 << 10},
                 {16 << 20, 64 << 10},
                 {512 << 20, 64 << 10}};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        open_lanes(rules[i].budget, 1000);
        cr_assert_eq(lanes[7].limit, rules[i].window);
        cr_assert_eq(share.promised, 8 * rules[i].window);
        close_lanes();
    }
}

/* Each doubles, up to an eighth of the budget beyond its first; together they have a quarter. */
Test(lane_rx, windows_widen_where_their_sender_is_blocked)
{
    const uint64_t budget = 16 << 20;
    uint64_t sum = 0;
    open_lanes(budget, 1000);
    cr_assert(kith_lane_rx_blocked(&lanes[0], lanes[0].limit, 0));
    cr_assert_eq(lanes[0].window, 128 << 10);
    cr_assert_eq(lanes[0].limit, 128 << 10);
    cr_assert(kith_lane_rx_blocked(&lanes[0], 64 << 10, 0), "old news");
    cr_assert_eq(lanes[0].window, 128 << 10);
    cr_assert(!kith_lane_rx_blocked(&lanes[0], lanes[0].limit + 1, 0), "never granted");
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        for (int k = 0; k < 30; k++) {
            cr_assert(kith_lane_rx_blocked(&lanes[i], lanes[i].limit, 0));
        }
        cr_assert_leq(lanes[i].window, (64 << 10) + budget / 8);
        cr_assert_geq(lanes[i].window, 64 << 10);
        sum += lanes[i].window - (64 << 10);
    }
    cr_assert_eq(lanes[0].window, (64 << 10) + budget / 8);
    cr_assert_eq(sum, budget / 4);
    cr_assert_eq(share.wider_free, 0);
    cr_assert_eq(share.promised, 8 * (64 << 10) + budget / 4);
    cr_assert_eq(share.records_free, budget / 2, "that part is for large messages only");
    kith_receive_share_fini(&share);
    close_lanes();
}

/* A lane that waits for a grant gets on by a wider window: it must leave the line, and those behind
 * it move up. */
Test(lane_rx, a_wider_window_ends_the_wait_for_a_grant)
{
    static uint8_t bytes[LARGEST + 8], small[70000];
    size_t count, small_count;
    open_lanes(BUDGET, LARGEST);
    count = record(bytes, sizeof bytes, LARGEST);
    small_count = record(small, sizeof small, 20000);
    cr_assert_eq(give(0, 0, bytes, 4), KITH_LANE_OK);
    cr_assert_eq(lanes[0].limit, count);
    for (size_t i = 3; i > 0; i--) {
        cr_assert_eq(give(i, 0, i == 3 ? bytes : small, 4), KITH_LANE_OK);
    }
    cr_assert_eq(lanes[1].limit, share.window, "it waits behind lanes 3 and 2");
    cr_assert(kith_lane_rx_blocked(&lanes[1], lanes[1].limit, 0));
    cr_assert_geq(lanes[1].limit, small_count);
    cr_assert_eq(give(1, 4, small + 4, small_count - 4), KITH_LANE_OK);
    cr_assert_eq(came[1], 1);
    cr_assert_eq(give(1, small_count, bytes, 4), KITH_LANE_OK); /* it waits again, behind lane 2 */
    cr_assert_eq(give(0, 4, bytes + 4, count - 4), KITH_LANE_OK);
    cr_assert_geq(lanes[3].limit, count, "its turn");
    cr_assert_geq(lanes[2].limit, small_count, "and it is small enough to go along");
    cr_assert_eq(give(2, 4, small + 4, small_count - 4), KITH_LANE_OK);
    cr_assert_eq(give(3, 4, bytes + 4, count - 4), KITH_LANE_OK);
    cr_assert_geq(lanes[1].limit, small_count + count);
    kith_receive_share_fini(&share);
    close_lanes();
}

/* A fast reader has granted more before it hears that the sender stood still. */
Test(lane_rx, news_that_is_late_still_widens)
{
    static uint8_t bytes[40000];
    uint64_t first;
    size_t count;
    open_lanes(16 << 20, 40000);
    first = lanes[0].limit;
    count = record(bytes, sizeof bytes, 30000);
    cr_assert_eq(give(0, 0, bytes, count), KITH_LANE_OK);
    cr_assert_gt(lanes[0].limit, first);
    cr_assert(kith_lane_rx_blocked(&lanes[0], first, 0));
    cr_assert_eq(lanes[0].window, 128 << 10);
    cr_assert(kith_lane_rx_blocked(&lanes[0], first + 1, 0));
    cr_assert_eq(lanes[0].window, 128 << 10, "that was before");
    cr_assert(kith_lane_rx_blocked(&lanes[0], lanes[0].limit, 0));
    cr_assert_eq(lanes[0].window, 256 << 10);
    kith_receive_share_fini(&share);
    close_lanes();
}

/* Near by, where a round trip is mostly time in queues, a wide window must be worth it. */
Test(lane_rx, a_window_near_by_is_wide_only_where_that_is_faster)
{
    static uint8_t bytes[60000];
    for (int is_faster = 0; is_faster <= 1; is_faster++) {
        size_t count;
        uint64_t at = 0;
        open_lanes(16 << 20, 60000);
        count = record(bytes, sizeof bytes, 50000);
        for (uint64_t i = 0; i < 400; i++) { /* 500 MB/s, or as much as the window allows */
            cr_assert_eq(give(0, at, bytes, count), KITH_LANE_OK);
            at += count;
            bench.env.now_us += is_faster ? 50000 * 1000 / lanes[0].window : 100;
            cr_assert(kith_lane_rx_blocked(&lanes[0], lanes[0].limit, KITH_WINDOW_NEAR_US - 1));
        }
        cr_assert_eq(lanes[0].window,
                     is_faster ? (64 << 10) + (16 << 20) / 8 : (uint64_t)KITH_WINDOW_BYTES_AMPLE);
        kith_receive_share_fini(&share);
        close_lanes();
    }
}

/* What comes in two round trips is enough. */
Test(lane_rx, a_window_is_as_wide_as_the_path_needs)
{
    static uint8_t bytes[60000];
    size_t count;
    uint64_t at = 0;
    open_lanes(16 << 20, 60000);
    count = record(bytes, sizeof bytes, 50000);
    for (int i = 0; i < 200; i++) { /* 10 MB/s; 2 * 20 ms of it are 400 KB */
        cr_assert_eq(give(0, at, bytes, count), KITH_LANE_OK);
        at += count;
        bench.env.now_us += 5000;
        cr_assert(kith_lane_rx_blocked(&lanes[0], lanes[0].limit, 20000));
    }
    cr_assert_eq(lanes[0].window, 512 << 10);
    kith_receive_share_fini(&share);
    close_lanes();
}

Test(lane_rx, the_pool_of_the_session_bounds_wider_windows)
{
    struct kith_receive_share other;
    struct kith_lane_rx elsewhere;
    open_lanes(16 << 20, 1000);
    pool.free = 100000;
    kith_receive_share_init(&other, 16 << 20, &pool);
    kith_lane_rx_init(&elsewhere, &bench.env, &other, 1000, 0);
    cr_assert(kith_lane_rx_blocked(&lanes[3], lanes[3].limit, 0));
    cr_assert(kith_lane_rx_blocked(&elsewhere, elsewhere.limit, 0));
    cr_assert_eq(elsewhere.window, (64 << 10) + 100000 - (64 << 10));
    cr_assert_eq(pool.free, 0);
    cr_assert(kith_lane_rx_blocked(&lanes[3], lanes[3].limit, 0));
    cr_assert_eq(lanes[3].window, 128 << 10);
    kith_lane_rx_fini(&elsewhere);
    kith_receive_share_fini(&other);
    cr_assert_eq(pool.free, 100000 - (64 << 10));
    cr_assert(kith_lane_rx_blocked(&lanes[3], lanes[3].limit, 0));
    kith_receive_share_fini(&share);
    kith_receive_share_fini(&share);
    cr_assert_eq(pool.free, 100000);
    close_lanes();
}

/* Where the application keeps what it got, a wider window would only be filled as well. */
Test(lane_rx, held_messages_keep_a_window_from_widening)
{
    uint8_t bytes[8];
    struct kith_held *held;
    open_lanes(16 << 20, 1000);
    hold_next = 1;
    cr_assert_eq(give(0, 0, bytes, record(bytes, sizeof bytes, 3)), KITH_LANE_OK);
    held = last_held;
    cr_assert_not_null(held);
    cr_assert(kith_lane_rx_blocked(&lanes[0], lanes[0].limit, 0));
    cr_assert_eq(lanes[0].window, 64 << 10);
    cr_assert(kith_held_free(held));
    cr_assert(kith_lane_rx_blocked(&lanes[0], lanes[0].limit, 0));
    cr_assert_eq(lanes[0].window, 128 << 10);
    kith_receive_share_fini(&share);
    close_lanes();
}

Test(lane_rx, grants_are_first_come_first_served)
{
    static uint8_t bytes[LARGEST + 8];
    size_t count;
    open_lanes(BUDGET, LARGEST);
    count = record(bytes, sizeof bytes, LARGEST);
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        cr_assert_eq(give(7 - i, 0, bytes, 4), KITH_LANE_OK);
    }
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        for (size_t k = 0; k < KITH_CHANNEL_COUNT; k++) {
            cr_assert_eq(lanes[7 - k].limit >= count, k <= i, "lane %zu, round %zu", 7 - k, i);
        }
        cr_assert_eq(give(7 - i, 4, bytes + 4, count - 4), KITH_LANE_OK);
        cr_assert_eq(came[7 - i], 1);
    }
    cr_assert_eq(share.records_free, BUDGET / 2);
    cr_assert_eq(share.promised, 8 * share.window);
    close_lanes();
}

Test(lane_rx, a_lane_that_waits_can_be_freed)
{
    uint8_t bytes[8];
    size_t count = head(bytes, LARGEST);
    open_lanes(BUDGET, LARGEST);
    cr_assert_eq(give(0, 0, bytes, count), KITH_LANE_OK);
    cr_assert_eq(give(1, 0, bytes, count), KITH_LANE_OK);
    kith_lane_rx_fini(&lanes[1]);
    cr_assert(kith_list_empty(&share.waiting));
    close_lanes();
}

Test(lane_rx, memory_grows_with_what_came)
{
    static uint8_t bytes[LARGEST + 8];
    size_t count, at = 4;
    open_lanes(BUDGET, LARGEST);
    count = record(bytes, sizeof bytes, LARGEST);
    cr_assert_eq(give(0, 0, bytes, 4), KITH_LANE_OK);
    cr_assert_eq(bench.bytes, 0, "a length alone costs nothing");
    while (at < count) {
        size_t part = count - at < 700 ? count - at : 700;
        cr_assert_eq(give(0, at, bytes + at, part), KITH_LANE_OK);
        at += part;
        cr_assert_leq(bench.bytes, 2 * at + 8192);
    }
    cr_assert_eq(came[0], 1);
    cr_assert_eq(bench.bytes, 0);
    close_lanes();
}

/* ---- places ------------------------------------------------------------------------------------
 */

static uint8_t *place_of(unsigned lane, uint64_t offset, uint64_t count, size_t expected)
{
    uint8_t *place = NULL;
    size_t room = kith_lane_rx_place(&lanes[lane], offset, count, &place);
    cr_assert_eq(room, expected, "a place for %zu bytes", room);
    return place;
}

Test(lane_rx, bytes_in_their_place_are_not_copied)
{
    static uint8_t bytes[LARGEST + 8];
    size_t count, half = LARGEST / 2, head_count = 4;
    uint8_t *place;
    open_lanes(BUDGET, LARGEST);
    count = record(bytes, sizeof bytes, LARGEST);
    (void)place_of(0, 0, LARGEST, 0); /* no message is begun */
    cr_assert_eq(give(0, 0, bytes, head_count), KITH_LANE_OK);
    place = place_of(0, head_count, half, half);
    memcpy(place, bytes + head_count, half);
    cr_assert_eq(give_there(0, head_count, place, half - 100), KITH_LANE_OK);
    cr_assert_eq(give_there(0, head_count + half - 100, place + half - 100, 100), KITH_LANE_OK);
    place = place_of(0, head_count + half, LARGEST - half, LARGEST - half);
    memcpy(place, bytes + head_count + half, LARGEST - half);
    cr_assert_eq(give_there(0, head_count + half, place, LARGEST - half), KITH_LANE_OK);
    cr_assert_eq(lanes[0].received, count);
    cr_assert_eq(came[0], 1); /* and take() looks at its bytes */
    cr_assert_eq(bench.bytes, 0);
    close_lanes();
}

Test(lane_rx, a_place_binds_nobody)
{
    static uint8_t bytes[LARGEST + 8];
    size_t count, head_count = 4;
    open_lanes(BUDGET, LARGEST);
    count = record(bytes, sizeof bytes, LARGEST);
    cr_assert_eq(give(0, 0, bytes, head_count), KITH_LANE_OK);
    memset(place_of(0, head_count, LARGEST, LARGEST), 0x5a, LARGEST);
    cr_assert_eq(give(0, head_count, bytes + head_count, count - head_count), KITH_LANE_OK);
    cr_assert_eq(came[0], 1);
    cr_assert_eq(bench.bytes, 0);
    close_lanes();
}

Test(lane_rx, no_place_for_what_is_not_to_come)
{
    static uint8_t bytes[LARGEST + 8];
    size_t head_count = 4;
    open_lanes(BUDGET, LARGEST);
    (void)record(bytes, sizeof bytes, LARGEST);
    cr_assert_eq(give(0, 0, bytes, head_count), KITH_LANE_OK);
    (void)place_of(0, head_count + 1, LARGEST, 0);                     /* a gap */
    (void)place_of(0, head_count - 1, LARGEST, 0);                     /* known */
    (void)place_of(0, head_count, lanes[0].limit - head_count + 1, 0); /* beyond the limit */
    (void)place_of(0, head_count, KITH_PLACE_BYTES_MIN - 1, 0);        /* not worth it */
    bench.fail_from = 1;
    bench.fail_count = UINT64_MAX;
    (void)place_of(0, head_count, LARGEST, 0);
    close_lanes();
}

Test(lane_rx, without_memory)
{
    static uint8_t bytes[LARGEST + 8];
    open_lanes(BUDGET, LARGEST);
    bench.fail_from = 1;
    bench.fail_count = UINT64_MAX;
    /* A message in one piece needs none. */
    cr_assert_eq(give(0, 0, bytes, record(bytes, sizeof bytes, 1000)), KITH_LANE_OK);
    cr_assert_eq(give(0, lanes[0].received, bytes, 500), KITH_LANE_NOMEM);
    close_lanes();
}

/* ---- news --------------------------------------------------------------------------------------
 */

Test(lane_rx, news_when_there_are_some)
{
    static uint8_t bytes[BUDGET];
    struct kith_credit credit;
    size_t count;
    open_lanes(BUDGET, LARGEST);
    cr_assert(!kith_lane_rx_news(&lanes[2], &credit));
    count = record(bytes, sizeof bytes, 100);
    cr_assert_eq(give(2, 0, bytes, count), KITH_LANE_OK);
    cr_assert(kith_lane_rx_news(&lanes[2], &credit));
    cr_assert_eq(credit.lane, 2);
    cr_assert_eq(credit.received, count);
    cr_assert_eq(credit.consumed, count);
    cr_assert_eq(credit.limit, count + share.window);
    cr_assert(!kith_lane_rx_news(&lanes[2], &credit), "told once");
    /* A part of a message is no news before it is worth a frame. */
    (void)record(bytes, sizeof bytes, (size_t)share.window - 200);
    cr_assert_eq(give(2, 102, bytes, 50), KITH_LANE_OK);
    cr_assert(!kith_lane_rx_news(&lanes[2], &credit));
    cr_assert_eq(give(2, 152, bytes + 50, (size_t)share.window / 4), KITH_LANE_OK);
    cr_assert(kith_lane_rx_news(&lanes[2], &credit));
    cr_assert_eq(credit.consumed, count);
    cr_assert_gt(credit.received, credit.consumed);
    close_lanes();
}

/* ---- both halves -------------------------------------------------------------------------------
 */

static struct kith_lane_tx senders[KITH_CHANNEL_COUNT];
static unsigned settled;

static void settle(void *user, uint64_t ticket)
{
    (void)user;
    (void)ticket;
    settled++;
}

/* Some bytes of one lane, over to the other side. */
static void move_data(size_t lane)
{
    static uint8_t bytes[16384];
    uint64_t offset = senders[lane].sent;
    size_t count =
        kith_lane_tx_take(&senders[lane], bytes, bench_below(&bench.random, sizeof bytes) + 1);
    if (count > 0) {
        cr_assert_eq(give(lane, offset, bytes, count), KITH_LANE_OK);
    }
}

static int move_credit(size_t lane)
{
    struct kith_credit credit;
    if (!kith_lane_rx_news(&lanes[lane], &credit)) {
        return 0;
    }
    cr_assert(kith_lane_tx_credit(&senders[lane], &credit, settle, NULL));
    return 1;
}

/* Every lane has a small message, one of the largest size, and another small one; data and credit
 * move in random order until nothing moves. Then everything must be there. */
static void exchange(uint64_t seed, uint64_t budget, size_t largest)
{
    static uint8_t message[1 << 20];
    struct kith_send_share send_share;
    unsigned messages = 0;
    open_lanes(budget, (uint32_t)largest);
    bench.random.state = seed;
    settled = 0;
    kith_send_share_init(&send_share, 64 << 20);
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        const struct kith_credit first = {i, 0, 0, lanes[i].limit};
        const size_t parts[] = {bench_below(&bench.random, 500), largest,
                                bench_below(&bench.random, 3000), largest - i};
        kith_lane_tx_init(&senders[i], &bench.env, &send_share);
        cr_assert(kith_lane_tx_credit(&senders[i], &first, settle, NULL));
        for (size_t k = 0; k < 4; k++) {
            for (size_t at = 0; at < parts[k]; at++) {
                message[at] = byte_of(parts[k], at);
            }
            cr_assert_eq(kith_lane_tx_put(&senders[i], message, parts[k], ++messages), KITH_OK);
        }
    }
    for (int idle = 0; idle < 200;) {
        size_t lane = bench_below(&bench.random, KITH_CHANNEL_COUNT);
        int moved = kith_lane_tx_ready(&senders[lane]) > 0;
        uint64_t limit;
        if (bench_below(&bench.random, 3) > 0) {
            move_data(lane);
        } else {
            moved = move_credit(lane);
        }
        if (seed % 2 == 0 && kith_lane_tx_blocked(&senders[lane], &limit)) {
            cr_assert(kith_lane_rx_blocked(&lanes[lane], limit, 0));
        }
        idle = moved ? 0 : idle + 1;
    }
    cr_assert_eq(settled, messages, "%u of %u delivered: the lanes wait for each other", settled,
                 messages);
    cr_assert_eq(share.promised, 8 * share.window + budget / 4 - share.wider_free);
    cr_assert_eq(share.records_free, budget / 2);
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        cr_assert_eq(came[i], 4);
        kith_lane_tx_fini(&senders[i]);
    }
    close_lanes();
}

Test(lane_rx, lanes_never_wait_for_each_other_for_ever)
{
    for (uint64_t seed = 1; seed <= bench_rounds(60); seed++) {
        uint64_t budget = UINT64_C(1) << (17 + seed % 3);
        exchange(seed, budget, (size_t)(seed % 2 ? budget / 2 : budget / 16 + seed));
    }
}
