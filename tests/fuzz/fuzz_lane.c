/* SPDX-License-Identifier: MIT
 *
 * fuzz_lane.c: fuzzes lanes by a script. Three pairs of sender and receiver share budgets; bytes
 * come cut, repeated, or while there is no memory, and credit comes late, twice or never. Every
 * message arrives exactly once, in order, whole, and every ticket is settled. What was promised is
 * never more than the budget; what is held is what is accounted for.
 *
 * Input: size of the budgets (1), then steps: what and where (1), numbers (2 each).
 */
#include "tests/fuzz/fuzz.h"

#include "base/wire.h"
#include "tests/fuzz/pairs.h"

enum { CHUNK_MIN = 4096 };

static size_t budget, largest;
static struct kith_reader script;

static size_t number(void)
{
    return (size_t)kith_read_uint(&script, 2);
}

static void check(void)
{
    uint64_t promised = 0;
    size_t held = 0, bodies = 0, kept = holds_made * (sizeof(struct kith_held) + 1);
    for (size_t i = 0; i < LANES; i++) {
        const struct kith_lane_tx *tx = &pairs[i].tx;
        const struct kith_lane_rx *rx = &pairs[i].rx;
        MUST(tx->consumed <= tx->received && tx->received <= tx->highest);
        MUST(tx->sent == tx->highest && tx->sent <= tx->end && tx->sent <= tx->limit);
        MUST(rx->consumed <= rx->delivered && rx->delivered <= rx->received);
        MUST(rx->received <= rx->limit);
        MUST(rx->body_room <= CHUNK_MIN || rx->body_room <= 2 * rx->body_count);
        MUST(tx->received <= rx->received && tx->consumed <= rx->consumed);
        MUST(tx->limit <= rx->limit && tx->sent == pairs[i].taken);
        promised += rx->limit - rx->consumed;
        held += tx->held_bytes;
        bodies += rx->body == NULL ? 0 : rx->body_room;
        pair_check_lent(&pairs[i]);
    }
    MUST(promised == receive_share.promised && promised <= budget);
    MUST(receive_share.records_free <= budget / 2);
    for (size_t i = 0; i < HELD_MAX; i++) {
        kept += holds[i].held == NULL ? 0 : holds[i].held->count;
        MUST(holds[i].held == NULL || holds[i].pair->settled <= holds[i].index);
    }
    MUST(held <= budget && send_share.common <= send_share.common_max);
    MUST(sender.bytes <= held + shares_made * sizeof(struct kith_payload));
    MUST(bodies <= 2 * budget + LANES * CHUNK_MIN);
    MUST(bodies <= receiver.bytes && receiver.bytes <= bodies + kept);
}

static void step(void)
{
    unsigned what = (unsigned)kith_read_uint(&script, 1);
    struct pair *pair = &pairs[what / 64 % LANES];
    size_t n = number();
    switch (what % 11) {
    case 0:
    case 1:
        pair_put(pair, n % (largest + 1), (int)(what & 32), 0, what % 11 == 1);
        break;
    case 2:
        pair_put(pair, n % (largest + 1), 1, (int)(1 + n % 2), (int)(what & 32));
        break;
    case 3:
        (void)pair_take(pair, n % 20000);
        break;
    case 4:
        pair_deliver(pair, 0, n, 0, 0);
        break;
    case 5:
        holds_next = 1 + (what >> 5 & 1);
        pair_deliver(pair, number(), n, 0, 0);
        holds_next = 0;
        break;
    case 6:
        holds_next = n >> 10 & 1;
        pair_deliver(pair, n % 100, number(), n & 256, n & 512);
        holds_next = 0;
        break;
    case 7: /* news that may be late */
        if (pair->late_count < LATE_MAX &&
            kith_lane_rx_news(&pair->rx, &pair->late[pair->late_count])) {
            pair->late_count++;
        }
        break;
    case 8: /* old news or new, again and again, or lost */
        if (pair->late_count > 0) {
            pair_credit(pair, &pair->late[n % pair->late_count]);
            pair->late_count -= n & 128 ? 1 : 0;
        }
        break;
    case 9:
        pair_credit_all(pair);
        (void)kith_lane_tx_writable(&pair->tx);
        if (n & 1) {
            pair_let_go(pair, n % (pair->tx.highest + 1));
        }
        if (n & 2) {
            pair_say_blocked(pair);
        }
        break;
    default:
        pair_give_back(n % HELD_MAX);
        break;
    }
}

/* From any state, everything arrives. */
static void drain(void)
{
    size_t moved = 1;
    uint64_t wider = 0;
    for (size_t i = 0; i < HELD_MAX; i++) {
        pair_give_back(i);
    }
    while (moved > 0) {
        moved = 0;
        for (size_t i = 0; i < LANES; i++) {
            pair_credit_all(&pairs[i]);
            moved += pair_take(&pairs[i], 1000);
            pair_let_go(&pairs[i], pairs[i].tx.highest);
            moved += pairs[i].taken - (size_t)pairs[i].rx.received;
            pair_deliver(&pairs[i], 0, STREAM_BYTES_MAX, 0, 0);
            check();
        }
    }
    for (size_t i = 0; i < LANES; i++) {
        struct pair *pair = &pairs[i];
        uint64_t ticket;
        int unsent;
        MUST(pair->came == pair->put && pair->tx.sent == pair->tx.end);
        MUST(pair->tx.consumed == pair->tx.end && pair->rx.consumed == pair->tx.end);
        MUST(!kith_lane_tx_next_ticket(&pair->tx, &ticket, &unsent));
        MUST(pair->rx.limit - pair->rx.consumed == pair->rx.window);
        wider += pair->rx.window - receive_share.window;
        (void)kith_lane_tx_writable(&pair->tx);
        pair_put(pair, largest, 1, 0, 0);
    }
    MUST(receive_share.records_free == budget / 2 && kith_list_empty(&receive_share.waiting));
    MUST(wider == budget / 4 - receive_share.wider_free);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0 || count > 4096) {
        return 0;
    }
    script = kith_reader_of(bytes + 1, count - 1);
    budget = bytes[0] % 2 ? 64 * 1024 : 8 * 1024;
    largest = budget / 2; /* as a session has it */
    pairs_open(budget);
    while (script.left > 0) {
        step();
        check();
    }
    drain();
    pairs_close();
    return 0;
}
