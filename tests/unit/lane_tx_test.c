/* SPDX-License-Identifier: MIT
 *
 * lane_tx_test.c: the sending half of a lane: what may be sent, what is kept and for how long, back
 * pressure, receipts.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "bench.h"
#include "bounds.h"
#include "protocol/lane.h"

static struct bench bench;
static struct kith_send_share share;
static struct kith_lane_tx lanes[KITH_CHANNEL_COUNT];
static uint8_t message[1 << 20], out[1 << 20];
static uint64_t settled[1000];
static size_t settled_count;

static void open_lanes(uint64_t budget)
{
    bench_open(&bench, 1);
    settled_count = 0;
    kith_send_share_init(&share, budget);
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        kith_lane_tx_init(&lanes[i], &bench.env, &share);
    }
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (uint8_t)(i * 7 + (i >> 8));
    }
}

static void close_lanes(void)
{
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        kith_lane_tx_fini(&lanes[i]);
        cr_assert_eq(lanes[i].held_bytes, 0);
    }
    cr_assert_eq(share.common, 0, "%zu bytes are counted and not held", share.common);
    bench_close(&bench);
}

static void settle(void *user, uint64_t ticket)
{
    cr_assert_eq(user, &bench);
    settled[settled_count++] = ticket;
}

static int credit(size_t lane, uint64_t received, uint64_t consumed, uint64_t limit)
{
    const struct kith_credit news = {lane, received, consumed, limit};
    return kith_lane_tx_credit(&lanes[lane], &news, settle, &bench);
}

static kith_err put(size_t lane, size_t count, uint64_t ticket)
{
    return kith_lane_tx_put(&lanes[lane], message, count, ticket);
}

/* ---- sending ----------------------------------------------------------------------------------
 */

Test(lane_tx, nothing_goes_without_a_limit)
{
    open_lanes(1 << 20);
    cr_assert_eq(put(0, 5, 0), KITH_OK);
    cr_assert_eq(kith_lane_tx_ready(&lanes[0]), 0);
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, sizeof out), 0);
    cr_assert(credit(0, 0, 0, 4));
    cr_assert_eq(kith_lane_tx_ready(&lanes[0]), 4);
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, sizeof out), 4);
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, sizeof out), 0);
    cr_assert(credit(0, 0, 0, 100));
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out + 4, sizeof out - 4), 2);
    cr_assert_eq(out[0], 5);
    cr_assert_arr_eq(out + 1, message, 5);
    close_lanes();
}

/* The bytes of many messages, taken in pieces of random size, are the records one after another. */
Test(lane_tx, taken_in_any_pieces)
{
    open_lanes(16 << 20);
    for (int round = 0; round < 20; round++) {
        size_t total = 0, at = 0;
        uint64_t base = lanes[0].end;
        static uint8_t expected[1 << 19];
        for (int i = 0; i < 20; i++) {
            size_t count = bench_below(&bench.random, 1u << bench_below(&bench.random, 14));
            struct kith_writer to = kith_writer_of(expected + total, sizeof expected - total);
            cr_assert_eq(put(0, count, 0), KITH_OK);
            kith_write_varint(&to, count);
            kith_write_bytes(&to, message, count);
            cr_assert(!to.broken);
            total += kith_written(&to);
        }
        cr_assert_eq(lanes[0].end - base, total);
        while (at < total) {
            size_t part;
            cr_assert(credit(0, 0, 0, base + at + bench_below(&bench.random, 5000)));
            part = kith_lane_tx_take(&lanes[0], out, bench_below(&bench.random, 3000) + 1);
            cr_assert_arr_eq(out, expected + at, part);
            at += part;
            cr_assert_leq(lanes[0].sent, lanes[0].limit);
        }
        cr_assert_eq(kith_lane_tx_ready(&lanes[0]), 0);
        cr_assert(credit(0, base + total, base + total, base + total));
        cr_assert_eq(lanes[0].held_bytes, 0);
    }
    close_lanes();
}

/* ---- credit -----------------------------------------------------------------------------------
 */

Test(lane_tx, credit_beyond_what_was_sent)
{
    open_lanes(1 << 20);
    cr_assert_eq(put(0, 9, 1), KITH_OK);
    cr_assert(!credit(0, 1, 0, 100));
    cr_assert(credit(0, 0, 0, 100));
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, 6), 6);
    cr_assert(!credit(0, 7, 0, 100));
    cr_assert(credit(0, 6, 0, 100));
    cr_assert_eq(settled_count, 0);
    close_lanes();
}

Test(lane_tx, received_frees_consumed_settles)
{
    open_lanes(1 << 20);
    for (uint64_t ticket = 1; ticket <= 3; ticket++) {
        cr_assert_eq(put(0, 99, ticket), KITH_OK); /* records of 101 bytes */
    }
    cr_assert(credit(0, 0, 0, 1000));
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, 303), 303);
    cr_assert(credit(0, 100, 100, 1000));
    cr_assert_eq(settled_count, 0);
    cr_assert(credit(0, 250, 101, 1000));
    cr_assert_eq(settled_count, 1);
    cr_assert_eq(settled[0], 1);
    cr_assert(credit(0, 303, 202, 1000));
    cr_assert_eq(settled_count, 2);
    cr_assert(credit(0, 303, 303, 1000));
    cr_assert_eq(settled_count, 3);
    cr_assert_eq(settled[2], 3);
    cr_assert_eq(lanes[0].held_bytes, 0);
    close_lanes();
}

/* Another link is used from now on, and what the other side got over the old one is told late: it
 * is sent once more, and nothing will confirm it a second time. */
Test(lane_tx, sent_once_more_after_it_was_confirmed)
{
    const struct kith_credit table = {0, 0, 0, 1000};
    open_lanes(1 << 20);
    cr_assert_eq(put(0, 100, 0), KITH_OK);
    cr_assert(credit(0, 0, 0, 1000));
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, sizeof out), 102);
    cr_assert(kith_lane_tx_resume(&lanes[0], &table, settle, &bench));
    cr_assert(credit(0, 102, 102, 1000));
    cr_assert_gt(lanes[0].held_bytes, 0); /* the cursor stands in it */
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, sizeof out), 102);
    cr_assert_eq(lanes[0].held_bytes, 0);
    close_lanes();
}

Test(lane_tx, older_news_changes_nothing)
{
    open_lanes(1 << 20);
    cr_assert_eq(put(0, 99, 1), KITH_OK);
    cr_assert(credit(0, 0, 0, 1000));
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, 101), 101);
    cr_assert(credit(0, 101, 50, 2000));
    cr_assert(credit(0, 7, 7, 70));
    cr_assert_eq(lanes[0].limit, 2000);
    cr_assert_eq(lanes[0].received, 101);
    cr_assert_eq(lanes[0].consumed, 50);
    close_lanes();
}

/* ---- room -------------------------------------------------------------------------------------
 */

Test(lane_tx, a_full_lane_leaves_the_others_their_own)
{
    open_lanes(1 << 20);
    while (put(0, 1000, 0) == KITH_OK) {
    }
    cr_assert_leq(bench.bytes, 5 << 17, "%zu", bench.bytes); /* half, and its own eighth */
    for (size_t i = 1; i < KITH_CHANNEL_COUNT; i++) {
        size_t own = 0;
        while (put(i, 1000, 0) == KITH_OK) {
            own += 1000;
        }
        cr_assert_geq(own, 60000, "channel %zu has %zu", i, own);
    }
    cr_assert_leq(bench.bytes, 1 << 20, "%zu bytes", bench.bytes);
    close_lanes();
}

Test(lane_tx, refused_then_writable_once)
{
    open_lanes(1 << 20);
    while (put(0, 50000, 0) == KITH_OK) {
    }
    cr_assert(!kith_lane_tx_writable(&lanes[0]));
    cr_assert(!kith_lane_tx_writable(&lanes[1]), "never refused");
    cr_assert(credit(0, 0, 0, 1 << 20));
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, 50004), 50004);
    cr_assert(!kith_lane_tx_writable(&lanes[0]), "sent is not received");
    cr_assert(credit(0, 50004, 0, 1 << 20));
    cr_assert(kith_lane_tx_writable(&lanes[0]));
    cr_assert(!kith_lane_tx_writable(&lanes[0]), "told once");
    cr_assert_eq(put(0, 50000, 0), KITH_OK);
    close_lanes();
}

/* What one lane gives back may be what another waits for. */
Test(lane_tx, room_comes_from_another_lane)
{
    open_lanes(1 << 20);
    while (put(0, 10000, 0) == KITH_OK) {
    }
    while (put(1, 10000, 0) == KITH_OK) {
    }
    cr_assert(!kith_lane_tx_writable(&lanes[1]));
    cr_assert(credit(0, 0, 0, 1 << 20));
    (void)kith_lane_tx_take(&lanes[0], out, 200000);
    cr_assert(credit(0, 200000, 0, 1 << 20));
    cr_assert(kith_lane_tx_writable(&lanes[1]));
    close_lanes();
}

/* The largest message that a peer may be told of always finds room in lanes that are empty. */
Test(lane_tx, the_largest_message_fits)
{
    open_lanes(1 << 20);
    cr_assert_eq(put(3, share.common_max, 1), KITH_OK);
    close_lanes();
}

Test(lane_tx, receipts_without_records_count)
{
    size_t puts = 0;
    open_lanes(1 << 20);
    cr_assert(credit(0, 0, 0, KITH_VARINT_MAX));
    while (put(0, 0, 9) == KITH_OK) {
        cr_assert_lt(++puts, 200000, "no end of receipts");
        cr_assert_eq(kith_lane_tx_take(&lanes[0], out, 10), 1);
        cr_assert(credit(0, puts, 0, KITH_VARINT_MAX));
    }
    cr_assert_leq(bench.bytes, 1 << 20);
    cr_assert(credit(0, puts, 0, KITH_VARINT_MAX));
    cr_assert(!kith_lane_tx_writable(&lanes[0]));
    close_lanes();
}

Test(lane_tx, without_memory)
{
    open_lanes(1 << 20);
    for (uint64_t n = 1; n <= 2; n++) {
        bench.fail_from = bench.requests + n;
        cr_assert_eq(put(0, 100, 7), KITH_ERR_NOMEM);
        cr_assert_eq(lanes[0].end, 0);
        cr_assert_eq(lanes[0].held_bytes, 0);
        cr_assert_eq(bench.blocks, 0);
    }
    cr_assert_eq(put(0, 100, 7), KITH_OK);
    close_lanes();
}

/* ---- small messages that wait -----------------------------------------------------------------
 */

/* The first has nobody before it; 40 records of 101 bytes fit into a block. */
Test(lane_tx, what_waits_shares_a_block)
{
    open_lanes(1 << 20);
    for (uint64_t i = 0; i < 41; i++) {
        cr_assert_eq(put(0, 99, 0), KITH_OK);
    }
    cr_assert_eq(bench.blocks, 2);
    cr_assert_eq(put(0, 99, 0), KITH_OK);
    cr_assert_eq(bench.blocks, 3);
    cr_assert_eq(put(0, KITH_SEND_BLOCK_BYTES, 0), KITH_OK);
    cr_assert_eq(bench.blocks, 4);
    cr_assert(credit(0, 0, 0, 1 << 20));
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, sizeof out), 42 * 101 + 4098);
    cr_assert(credit(0, 41 * 101 - 1, 0, 1 << 20));
    cr_assert_eq(bench.blocks, 3, "a block goes when the other side has all of it");
    cr_assert(credit(0, 41 * 101, 0, 1 << 20));
    cr_assert_eq(bench.blocks, 2);
    cr_assert(credit(0, 42 * 101 + 4098, 0, 1 << 20));
    cr_assert_eq(bench.blocks, 0);
    close_lanes();
}

/* All of a block is sent and not yet confirmed; then a message comes that fits into it. */
Test(lane_tx, a_block_that_was_sent_goes_on)
{
    open_lanes(1 << 20);
    cr_assert_eq(put(0, 9, 0), KITH_OK);
    cr_assert_eq(put(0, 19, 1), KITH_OK);
    cr_assert(credit(0, 0, 0, 1 << 20));
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, 100), 30);
    cr_assert(credit(0, 29, 0, 1 << 20));
    cr_assert_eq(put(0, 29, 2), KITH_OK);
    cr_assert_eq(kith_lane_tx_ready(&lanes[0]), 30);
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, 100), 30);
    cr_assert_eq(out[0], 29);
    cr_assert_arr_eq(out + 1, message, 29);
    cr_assert(credit(0, 60, 59, 1 << 20));
    cr_assert(settled_count == 1 && settled[0] == 1);
    cr_assert(credit(0, 60, 60, 1 << 20));
    cr_assert(settled_count == 2 && settled[1] == 2);
    cr_assert_eq(bench.blocks, 0);
    close_lanes();
}

Test(lane_tx, a_block_without_memory_for_a_ticket)
{
    size_t held;
    open_lanes(1 << 20);
    cr_assert_eq(put(0, 9, 0), KITH_OK);
    cr_assert_eq(put(0, 9, 0), KITH_OK);
    held = lanes[0].held_bytes;
    bench.fail_from = bench.requests + 1;
    cr_assert_eq(put(0, 9, 1), KITH_ERR_NOMEM);
    bench.fail_from = 0;
    cr_assert(lanes[0].end == 20 && lanes[0].held_bytes == held);
    cr_assert_eq(put(0, 9, 1), KITH_OK);
    cr_assert_eq(lanes[0].end, 30);
    close_lanes();
}

/* Where a block does not fit any more, a message alone still may. */
Test(lane_tx, blocks_leave_no_room_unused)
{
    size_t count = 0;
    open_lanes(32 * 1024);
    while (put(0, 49, 0) == KITH_OK) {
        count++;
    }
    cr_assert_leq(lanes[0].held_bytes, 32 * 1024 / 2 + 32 * 1024 / 2 / KITH_CHANNEL_COUNT);
    cr_assert_gt(lanes[0].held_bytes + 200, 32 * 1024 / 2 + 32 * 1024 / 2 / KITH_CHANNEL_COUNT);
    cr_assert_gt(count, 3 * 80);
    close_lanes();
}

/* ---- the end ----------------------------------------------------------------------------------
 */

Test(lane_tx, tickets_that_are_left)
{
    uint64_t ticket;
    int unsent;
    open_lanes(1 << 20);
    cr_assert_eq(put(0, 9, 1), KITH_OK); /* confirmed */
    cr_assert_eq(put(0, 9, 2), KITH_OK); /* sent */
    cr_assert_eq(put(0, 9, 0), KITH_OK); /* nobody asked */
    cr_assert_eq(put(0, 9, 3), KITH_OK); /* a byte of it */
    cr_assert_eq(put(0, 9, 4), KITH_OK); /* not a byte */
    cr_assert(credit(0, 0, 0, 1000));
    cr_assert_eq(kith_lane_tx_take(&lanes[0], out, 31), 31);
    cr_assert(credit(0, 20, 10, 1000));
    cr_assert_eq(settled_count, 1);
    cr_assert(kith_lane_tx_next_ticket(&lanes[0], &ticket, &unsent));
    cr_assert(ticket == 2 && !unsent);
    cr_assert(kith_lane_tx_next_ticket(&lanes[0], &ticket, &unsent));
    cr_assert(ticket == 3 && !unsent);
    cr_assert(kith_lane_tx_next_ticket(&lanes[0], &ticket, &unsent));
    cr_assert(ticket == 4 && unsent);
    cr_assert(!kith_lane_tx_next_ticket(&lanes[0], &ticket, &unsent));
    close_lanes();
}

/* ---- lending ----------------------------------------------------------------------------------
 */

static struct kith_slice slices[16];
static size_t slice_count;

/* What is lent, put together. */
static size_t peek(size_t lane, size_t slice_max, size_t room)
{
    size_t count = kith_lane_tx_peek(&lanes[lane], slices, slice_max, room, &slice_count), sum = 0;
    for (size_t i = 0; i < slice_count; i++) {
        cr_assert_gt(slices[i].count, 0);
        memcpy(out + sum, slices[i].bytes, slices[i].count);
        sum += slices[i].count;
    }
    cr_assert_eq(sum, count);
    return count;
}

Test(lane_tx, lends_what_take_would_copy)
{
    static uint8_t want[1 << 16];
    struct kith_payload *payload;
    size_t want_count, at = 0;
    for (int lending = 0; lending < 2; lending++) {
        open_lanes(1 << 20);
        payload = kith_payload_new(&bench.env, message, 5000, NULL, NULL);
        cr_assert(credit(0, 0, 0, 1 << 20));
        cr_assert_eq(put(0, 0, 0), KITH_OK);
        cr_assert_eq(put(0, 100, 0), KITH_OK);
        cr_assert_eq(kith_lane_tx_share(&lanes[0], payload, 0), KITH_OK);
        cr_assert_eq(put(0, 3, 0), KITH_OK);
        kith_payload_unref(payload);
        if (!lending) {
            want_count = kith_lane_tx_take(&lanes[0], want, sizeof want);
            cr_assert_eq(want_count, 1 + 102 + 5002 + 4);
        }
        while (lending && kith_lane_tx_ready(&lanes[0]) > 0) {
            size_t count = peek(0, 1 + at % 3, 1 + at % 700), part = 1 + at % count;
            cr_assert_arr_eq(out, want + at, count);
            kith_lane_tx_took(&lanes[0], part); /* less than was lent is fine */
            at += part;
        }
        cr_assert_eq(lanes[0].sent, want_count);
        close_lanes();
    }
    cr_assert_eq(at, want_count);
}

Test(lane_tx, one_slice_for_a_copied_message_two_for_a_shared_one)
{
    struct kith_payload *payload;
    open_lanes(1 << 20);
    payload = kith_payload_new(&bench.env, message, 10, NULL, NULL);
    cr_assert(credit(0, 0, 0, 1 << 20));
    cr_assert_eq(put(0, 10, 0), KITH_OK);
    cr_assert_eq(kith_lane_tx_share(&lanes[0], payload, 0), KITH_OK);
    kith_payload_unref(payload);
    cr_assert_eq(peek(0, 16, 1000), 22);
    cr_assert_eq(slice_count, 3);
    cr_assert_eq(peek(0, 2, 1000), 12);
    close_lanes();
}

/* Freed when the other side has it and the transport has let go, in whichever order. */
Test(lane_tx, lent_bytes_stay_until_both_are_done_with_them)
{
    for (int received_first = 0; received_first < 2; received_first++) {
        open_lanes(1 << 20);
        cr_assert(credit(0, 0, 0, 1 << 20));
        cr_assert_eq(put(0, 100, 0), KITH_OK);
        cr_assert_eq(put(0, 100, 0), KITH_OK);
        cr_assert_eq(peek(0, 16, 1000), 204);
        kith_lane_tx_took(&lanes[0], 204);
        cr_assert(!kith_lane_tx_release(&lanes[0], 205), "that was never sent");
        for (uint64_t upto = 102; upto <= 204; upto += 102) {
            size_t held = lanes[0].held_bytes;
            if (received_first) {
                cr_assert(credit(0, upto, 0, 1 << 20));
                cr_assert_eq(lanes[0].held_bytes, held);
                cr_assert(kith_lane_tx_release(&lanes[0], upto));
            } else {
                cr_assert(kith_lane_tx_release(&lanes[0], upto));
                cr_assert_eq(lanes[0].held_bytes, held);
                cr_assert(credit(0, upto, 0, 1 << 20));
            }
            cr_assert_lt(lanes[0].held_bytes, held);
        }
        cr_assert_eq(lanes[0].held_bytes, 0);
        close_lanes();
    }
}

Test(lane_tx, a_transport_that_ends_gives_everything_back)
{
    open_lanes(1 << 20);
    cr_assert(credit(0, 0, 0, 1 << 20));
    cr_assert_eq(put(0, 100, 0), KITH_OK);
    kith_lane_tx_took(&lanes[0], peek(0, 16, 1000));
    cr_assert(credit(0, 102, 102, 1 << 20));
    cr_assert_gt(lanes[0].held_bytes, 0);
    kith_lane_tx_take_back(&lanes[0]);
    cr_assert_eq(lanes[0].held_bytes, 0);
    close_lanes();
}

Test(lane_tx, says_that_it_is_blocked_once_for_a_limit_and_ever_more_seldom)
{
    uint64_t limit = 0, told = 0, previous = 0;
    unsigned times = 0;
    open_lanes(8 << 20);
    cr_assert(!kith_lane_tx_blocked(&lanes[0], &limit), "it has nothing to send");
    cr_assert_eq(put(0, 1 << 20, 0), KITH_OK);
    cr_assert(credit(0, 0, 0, 1000));
    cr_assert(!kith_lane_tx_blocked(&lanes[0], &limit), "it may still send");
    for (uint64_t now = 1000; now < 1 << 20; now += 1000) {
        cr_assert(credit(0, 0, 0, now));
        (void)kith_lane_tx_take(&lanes[0], out, sizeof out);
        if (kith_lane_tx_blocked(&lanes[0], &limit)) {
            cr_assert_eq(limit, now);
            cr_assert(times < 2 || now - told >= 2 * (told - previous) - 2000);
            previous = told;
            told = now;
            times++;
        }
        cr_assert(!kith_lane_tx_blocked(&lanes[0], &limit));
    }
    cr_assert(times >= 5 && times <= 8, "%u", times);
    cr_assert(credit(0, 0, 0, 2 << 20));
    (void)kith_lane_tx_take(&lanes[0], out, sizeof out);
    cr_assert(!kith_lane_tx_blocked(&lanes[0], &limit), "it has nothing more");
    close_lanes();
}
