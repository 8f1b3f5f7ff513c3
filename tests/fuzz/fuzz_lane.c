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
#include "protocol/lane.h"
#include "tests/unit/bench.h"

enum { LANES = 3, PUTS_MAX = 400, LATE_MAX = 8, STREAM_BYTES_MAX = 1 << 17, CHUNK_MIN = 4096 };

static struct pair {
    struct kith_lane_tx tx;
    struct kith_lane_rx rx;
    size_t sizes[PUTS_MAX]; /* of the messages put */
    int ticketed[PUTS_MAX];
    size_t put, came, settled;
    uint8_t stream[STREAM_BYTES_MAX]; /* what was taken from tx */
    size_t taken;
    struct kith_credit late[LATE_MAX];
    size_t late_count;
} pairs[LANES];

static struct bench sender, receiver;
static struct kith_send_share send_share;
static struct kith_receive_share receive_share;
static size_t budget, largest;
static int stops_next;
static struct kith_reader script;

static size_t number(void)
{
    return (size_t)kith_read_uint(&script, 2);
}

static void check(void)
{
    uint64_t promised = 0;
    size_t held = 0, bodies = 0;
    for (size_t i = 0; i < LANES; i++) {
        const struct kith_lane_tx *tx = &pairs[i].tx;
        const struct kith_lane_rx *rx = &pairs[i].rx;
        MUST(tx->consumed <= tx->received && tx->received <= tx->highest);
        MUST(tx->sent == tx->highest && tx->sent <= tx->end && tx->sent <= tx->limit);
        MUST(rx->consumed <= rx->received && rx->received <= rx->limit);
        MUST(rx->body_room <= CHUNK_MIN || rx->body_room <= 2 * rx->body_count);
        MUST(tx->received <= rx->received && tx->consumed <= rx->consumed);
        MUST(tx->limit <= rx->limit && tx->sent == pairs[i].taken);
        promised += rx->limit - rx->consumed;
        held += tx->held_bytes;
        bodies += rx->body == NULL ? 0 : rx->body_room;
    }
    MUST(promised == receive_share.promised && promised <= budget);
    MUST(receive_share.records_free <= budget / 2);
    MUST(held == sender.bytes && held <= budget && send_share.common <= send_share.common_max);
    MUST(bodies == receiver.bytes && bodies <= 2 * budget + LANES * CHUNK_MIN);
}

static uint8_t byte_of(size_t lane, size_t index, size_t at)
{
    return (uint8_t)(lane * 31 + index * 7 + at * 13 + (at >> 8));
}

static int arrived(void *user, const uint8_t *bytes, size_t count)
{
    struct pair *pair = user;
    MUST(pair->came < pair->put && count == pair->sizes[pair->came]);
    for (size_t i = 0; i < count; i++) {
        MUST(bytes[i] == byte_of((size_t)(pair - pairs), pair->came, i));
    }
    pair->came++;
    return stops_next;
}

static void settled(void *user, uint64_t ticket)
{
    struct pair *pair = user;
    while (!pair->ticketed[pair->settled]) {
        pair->settled++;
    }
    MUST(ticket == ++pair->settled && pair->settled <= pair->came);
}

static void put(struct pair *pair, size_t size, int ticketed, int fails)
{
    uint8_t *bytes = malloc(size);
    uint64_t end = pair->tx.end;
    kith_err err;
    MUST(bytes != NULL || size == 0);
    if (pair->put == PUTS_MAX || end + size + 8 > STREAM_BYTES_MAX) {
        free(bytes);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] = byte_of((size_t)(pair - pairs), pair->put, i);
    }
    sender.fail_from = fails ? sender.requests + (unsigned)fails : 0;
    err = kith_lane_tx_put(&pair->tx, bytes, size, ticketed ? pair->put + 1 : 0);
    sender.fail_from = 0;
    free(bytes);
    if (err == KITH_OK) {
        pair->sizes[pair->put] = size;
        pair->ticketed[pair->put++] = ticketed;
        MUST(pair->tx.end == end + size + kith_varint_bytes(size));
    } else {
        MUST((err == KITH_ERR_AGAIN || (err == KITH_ERR_NOMEM && fails)) && pair->tx.end == end);
        MUST(err == KITH_ERR_NOMEM || pair->tx.held_bytes > 0 || send_share.common > 0);
    }
}

static size_t take(struct pair *pair, size_t count)
{
    uint64_t ready = kith_lane_tx_ready(&pair->tx);
    uint8_t *out = malloc(count);
    size_t got;
    MUST(out != NULL || count == 0);
    got = kith_lane_tx_take(&pair->tx, out, count);
    MUST(got == (count < ready ? count : ready));
    MUST(pair->taken + got <= STREAM_BYTES_MAX);
    if (got > 0) {
        memcpy(pair->stream + pair->taken, out, got);
    }
    pair->taken += got;
    free(out);
    return got;
}

/* Bytes of the stream that begin `back` before what is known. */
static void deliver(struct pair *pair, size_t back, size_t count, int fails, int stops)
{
    size_t known = (size_t)pair->rx.received;
    size_t offset = known - (back < known ? back : known), came = pair->came;
    enum kith_lane_verdict verdict;
    uint8_t *piece;
    count = count < pair->taken - offset ? count : pair->taken - offset;
    piece = fuzz_copy(pair->stream + offset, count);
    receiver.fail_from = fails ? receiver.requests + 1 : 0;
    stops_next = stops;
    verdict = kith_lane_rx_data(&pair->rx, offset, piece, count, arrived, pair);
    stops_next = 0;
    receiver.fail_from = 0;
    free(piece);
    MUST(verdict == KITH_LANE_OK || (verdict == KITH_LANE_NOMEM && fails) ||
         (verdict == KITH_LANE_STOPPED && stops && pair->came == came + 1));
    MUST(verdict != KITH_LANE_OK ||
         pair->rx.received == (offset + count > known ? offset + count : known));
}

/* A gap, or more than was granted: refused, and nothing is different. */
static void violate(struct pair *pair, size_t by)
{
    const struct kith_lane_rx before = pair->rx;
    size_t room = (size_t)(pair->rx.limit - pair->rx.received) + 1;
    uint8_t *bytes = calloc(room, 1);
    MUST(bytes != NULL);
    MUST(kith_lane_rx_data(&pair->rx, pair->rx.received + 1 + by, bytes, 1, arrived, pair) ==
         KITH_LANE_VIOLATION);
    MUST(kith_lane_rx_data(&pair->rx, pair->rx.received, bytes, room, arrived, pair) ==
         KITH_LANE_VIOLATION);
    MUST(memcmp(&before, &pair->rx, sizeof before) == 0);
    free(bytes);
}

static void credit(struct pair *pair, const struct kith_credit *news)
{
    MUST(news->consumed <= news->received && news->received <= news->limit);
    MUST(kith_lane_tx_credit(&pair->tx, news, settled, pair));
}

static void credit_all(struct pair *pair)
{
    const struct kith_lane_rx *rx = &pair->rx;
    const struct kith_credit table = {0, rx->received, rx->consumed, rx->limit};
    credit(pair, &table);
}

static void overclaim(struct pair *pair, size_t by)
{
    const struct kith_lane_tx before = pair->tx;
    const struct kith_credit lie = {0, pair->tx.highest + 1 + by, pair->tx.highest,
                                    KITH_VARINT_MAX};
    MUST(!kith_lane_tx_credit(&pair->tx, &lie, settled, pair));
    MUST(memcmp(&before, &pair->tx, sizeof before) == 0);
}

static void step(void)
{
    unsigned what = (unsigned)kith_read_uint(&script, 1);
    struct pair *pair = &pairs[what / 64 % LANES];
    size_t n = number();
    switch (what % 11) {
    case 0:
    case 1:
        put(pair, n % (largest + 1), (int)(what & 32), 0);
        break;
    case 2:
        put(pair, n % (largest + 1), 1, (int)(1 + n % 2));
        break;
    case 3:
        (void)take(pair, n % 20000);
        break;
    case 4:
        deliver(pair, 0, n, 0, 0);
        break;
    case 5:
        deliver(pair, number(), n, 0, 0);
        break;
    case 6:
        deliver(pair, n % 100, number(), n & 256, n & 512);
        break;
    case 7: /* news that may be late */
        if (pair->late_count < LATE_MAX &&
            kith_lane_rx_news(&pair->rx, &pair->late[pair->late_count])) {
            pair->late_count++;
        }
        break;
    case 8: /* old news or new, again and again, or lost */
        if (pair->late_count > 0) {
            credit(pair, &pair->late[n % pair->late_count]);
            pair->late_count -= n & 128 ? 1 : 0;
        }
        break;
    case 9:
        credit_all(pair);
        (void)kith_lane_tx_writable(&pair->tx);
        break;
    default:
        violate(pair, n);
        overclaim(pair, n);
        break;
    }
}

/* From any state, everything arrives. */
static void drain(void)
{
    size_t moved = 1;
    while (moved > 0) {
        moved = 0;
        for (size_t i = 0; i < LANES; i++) {
            credit_all(&pairs[i]);
            moved += take(&pairs[i], 1000);
            moved += pairs[i].taken - (size_t)pairs[i].rx.received;
            deliver(&pairs[i], 0, STREAM_BYTES_MAX, 0, 0);
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
        MUST(pair->rx.limit - pair->rx.consumed == receive_share.window);
        (void)kith_lane_tx_writable(&pair->tx);
        put(pair, largest, 1, 0);
    }
    MUST(receive_share.records_free == budget / 2 && kith_list_empty(&receive_share.waiting));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0 || count > 4096) {
        return 0;
    }
    script = kith_reader_of(bytes + 1, count - 1);
    budget = bytes[0] % 2 ? 64 * 1024 : 8 * 1024;
    largest = budget / 2; /* as a session has it */
    bench_open(&sender, 1);
    bench_open(&receiver, 2);
    kith_send_share_init(&send_share, budget);
    kith_receive_share_init(&receive_share, budget);
    for (size_t i = 0; i < LANES; i++) {
        struct pair *pair = &pairs[i];
        pair->put = pair->came = pair->settled = pair->taken = pair->late_count = 0;
        kith_lane_tx_init(&pair->tx, &sender.env, &send_share);
        kith_lane_rx_init(&pair->rx, &receiver.env, &receive_share, (uint32_t)largest);
    }
    while (script.left > 0) {
        step();
        check();
    }
    drain();
    for (size_t i = 0; i < LANES; i++) {
        kith_lane_tx_fini(&pairs[i].tx);
        kith_lane_rx_fini(&pairs[i].rx);
    }
    MUST(send_share.common == 0);
    bench_close(&sender);
    bench_close(&receiver);
    return 0;
}
