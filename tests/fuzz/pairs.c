/* SPDX-License-Identifier: MIT
 *
 * pairs.c: see pairs.h.
 */
#include "tests/fuzz/pairs.h"

#include "base/wire.h"
#include "tests/fuzz/fuzz.h"

struct pair pairs[LANES];
struct bench sender, receiver;
struct kith_send_share send_share;
struct kith_receive_share receive_share;
static struct kith_window_pool pool = {UINT64_MAX / 2};
struct hold holds[HELD_MAX];
int stops_next;
unsigned holds_next;
size_t shares_made, holds_made;

void pairs_open(size_t budget)
{
    shares_made = holds_made = 0;
    bench_open(&sender, 1);
    bench_open(&receiver, 2);
    kith_send_share_init(&send_share, budget);
    kith_receive_share_init(&receive_share, budget, &pool);
    for (size_t i = 0; i < LANES; i++) {
        struct pair *pair = &pairs[i];
        pair->put = pair->came = pair->settled = pair->taken = pair->late_count = 0;
        pair->lends = i == LANES - 1;
        pair->lent_count = 0;
        kith_lane_tx_init(&pair->tx, &sender.env, &send_share);
        kith_lane_rx_init(&pair->rx, &receiver.env, &receive_share, (uint32_t)(budget / 2), 0);
    }
}

void pairs_close(void)
{
    for (size_t i = 0; i < LANES; i++) {
        kith_lane_tx_fini(&pairs[i].tx);
        kith_lane_rx_fini(&pairs[i].rx);
    }
    MUST(send_share.common == 0);
    bench_close(&sender);
    bench_close(&receiver);
}

/* What a message is made of: its lane and number say where it begins. */
static const uint8_t *bytes_of(const struct pair *pair, size_t index)
{
    static uint8_t pattern[STREAM_BYTES_MAX + 1024];
    if (pattern[1] == 0) {
        struct bench_random random = {1};
        bench_fill(&random, pattern, sizeof pattern);
        pattern[1] = 1;
    }
    return pattern + ((size_t)(pair - pairs) * 331 + index * 7) % 1024;
}

static void is_whole(const struct pair *pair, size_t index, const uint8_t *bytes, size_t count)
{
    MUST(index < pair->put && count == pair->sizes[index]);
    MUST(memcmp(bytes, bytes_of(pair, index), count) == 0);
}

void pair_give_back(size_t which)
{
    struct kith_held *held = holds[which].held;
    if (held != NULL) {
        is_whole(holds[which].pair, holds[which].index, held->bytes, held->count);
        holds[which].held = NULL;
        (void)kith_held_free(held);
    }
}

static int arrived(void *user, const uint8_t *bytes, size_t count)
{
    struct pair *pair = user;
    size_t free = 0;
    while (free < HELD_MAX && holds[free].held != NULL) {
        free++;
    }
    if (holds_next != 0 && free < HELD_MAX) {
        struct kith_held *held = kith_lane_rx_hold(&pair->rx);
        MUST(held != NULL || receiver.fail_from != 0);
        MUST(held == NULL || kith_lane_rx_hold(&pair->rx) == NULL);
        holds[free].held = held;
        holds[free].pair = pair;
        holds[free].index = pair->came;
        holds_made++;
        if (holds_next == 2) {
            pair_give_back(free);
        }
    }
    is_whole(pair, pair->came, bytes, count);
    pair->came++;
    return stops_next;
}

static void no_longer_lent(void *user, const void *bytes)
{
    (void)user;
    free((void *)(uintptr_t)bytes);
}

static void settled(void *user, uint64_t ticket)
{
    struct pair *pair = user;
    while (!pair->ticketed[pair->settled]) {
        pair->settled++;
    }
    MUST(ticket == ++pair->settled && pair->settled <= pair->came);
}

void pair_put(struct pair *pair, size_t size, int ticketed, int fails, int lends)
{
    uint64_t end = pair->tx.end, ticket = ticketed ? pair->put + 1 : 0;
    struct kith_payload *payload = NULL;
    uint8_t *bytes;
    kith_err err;
    if (pair->put == PUTS_MAX || end + size + 8 > STREAM_BYTES_MAX) {
        return;
    }
    bytes = malloc(size + 1);
    MUST(bytes != NULL);
    memcpy(bytes, bytes_of(pair, pair->put), size);
    if (lends) {
        payload = kith_payload_new(&sender.env, bytes, size, no_longer_lent, NULL);
        MUST(payload != NULL);
        shares_made++;
    }
    sender.fail_from = fails ? sender.requests + (unsigned)fails : 0;
    err = lends ? kith_lane_tx_share(&pair->tx, payload, ticket)
                : kith_lane_tx_put(&pair->tx, bytes, size, ticket);
    sender.fail_from = 0;
    if (err == KITH_OK) {
        pair->sizes[pair->put] = size;
        pair->ticketed[pair->put++] = ticketed;
        MUST(pair->tx.end == end + size + kith_varint_bytes(size));
    } else {
        MUST((err == KITH_ERR_AGAIN || (err == KITH_ERR_NOMEM && fails)) && pair->tx.end == end);
        MUST(err == KITH_ERR_NOMEM || pair->tx.held_bytes > 0 || send_share.common > 0);
    }
    if (lends) {
        kith_payload_unref(payload); /* gives bytes back when nobody took it */
    } else {
        free(bytes);
    }
}

/* Borrows instead of copying, and writes down what. */
static size_t lend(struct pair *pair, size_t count)
{
    struct kith_slice slices[LENT_MAX];
    size_t room = LENT_MAX - pair->lent_count, slice_count = 0;
    size_t got = kith_lane_tx_peek(&pair->tx, slices, room, count, &slice_count);
    MUST(pair->taken + got <= STREAM_BYTES_MAX && slice_count <= room);
    kith_lane_tx_took(&pair->tx, got);
    for (size_t i = 0; i < slice_count; i++) {
        MUST(slices[i].count > 0);
        memcpy(pair->stream + pair->taken, slices[i].bytes, slices[i].count);
        pair->lent[pair->lent_count++] = (struct lent){slices[i], pair->taken};
        pair->taken += slices[i].count;
    }
    return got;
}

void pair_check_lent(const struct pair *pair)
{
    for (size_t i = 0; i < pair->lent_count; i++) {
        const struct lent *lent = &pair->lent[i];
        MUST(memcmp(lent->slice.bytes, pair->stream + lent->offset, lent->slice.count) == 0);
    }
}

void pair_let_go(struct pair *pair, uint64_t upto)
{
    size_t kept = 0;
    if (pair->lends) {
        for (size_t i = 0; i < pair->lent_count; i++) {
            if (pair->lent[i].offset + pair->lent[i].slice.count > upto) {
                pair->lent[kept++] = pair->lent[i];
            }
        }
        pair->lent_count = kept;
        MUST(kith_lane_tx_release(&pair->tx, upto));
    }
}

void pair_say_blocked(struct pair *pair)
{
    uint64_t limit;
    if (kith_lane_tx_blocked(&pair->tx, &limit)) {
        MUST(limit == pair->tx.limit && !kith_lane_tx_blocked(&pair->tx, &limit));
        MUST(kith_lane_rx_blocked(&pair->rx, limit, 0));
        MUST(!kith_lane_rx_blocked(&pair->rx, pair->rx.limit + 1, 0));
    }
}

size_t pair_take(struct pair *pair, size_t count)
{
    uint64_t ready = kith_lane_tx_ready(&pair->tx);
    uint8_t *out;
    size_t got;
    if (pair->lends) {
        return lend(pair, count);
    }
    out = malloc(count);
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

void pair_deliver(struct pair *pair, size_t back, size_t count, int fails, int stops)
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

void pair_credit(struct pair *pair, const struct kith_credit *news)
{
    MUST(news->consumed <= news->received && news->received <= news->limit);
    MUST(kith_lane_tx_credit(&pair->tx, news, settled, pair));
}

void pair_credit_all(struct pair *pair)
{
    const struct kith_lane_rx *rx = &pair->rx;
    const struct kith_credit table = {0, rx->received, rx->consumed, rx->limit};
    pair_credit(pair, &table);
}
