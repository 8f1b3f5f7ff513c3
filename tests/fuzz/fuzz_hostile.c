/* SPDX-License-Identifier: MIT
 *
 * fuzz_hostile.c: fuzzes the halves of a lane against a liar by a script: a sender that is credited
 * with anything, and a receiver that is sent anything. Tickets are settled once and in order; what
 * the receiver gives is what stands in the bytes it took; no promise beyond the budget, no memory
 * beyond what came.
 *
 * Input: steps: what and which lane (1), numbers (2 each), bytes.
 */
#include "tests/fuzz/fuzz.h"

#include "base/wire.h"
#include "protocol/lane.h"
#include "tests/unit/bench.h"

enum {
    LANES = 2,
    BUDGET = 16 * 1024,
    STREAM_BYTES_MAX = 1 << 18,
    CHUNK_MIN = 4096,
    LARGEST = 8192
};

static struct victim {
    struct kith_lane_tx tx;
    uint64_t last_ticket, last_settled;
    struct kith_lane_rx rx;
    uint8_t stream[STREAM_BYTES_MAX]; /* what rx took */
    size_t read;                      /* of that, as records */
    struct kith_credit told;
} victims[LANES];

static struct bench bench;
static struct kith_send_share send_share;
static struct kith_receive_share receive_share;
static struct kith_window_pool pool = {UINT64_MAX / 2};
static struct kith_reader script;
static int is_over; /* a session would end the link now */

static size_t number(void)
{
    return (size_t)kith_read_uint(&script, 2);
}

static void check(void)
{
    uint64_t promised = 0;
    size_t held = 0;
    for (size_t i = 0; i < LANES; i++) {
        const struct kith_lane_tx *tx = &victims[i].tx;
        const struct kith_lane_rx *rx = &victims[i].rx;
        MUST(tx->consumed <= tx->received && tx->received <= tx->highest);
        MUST(tx->sent == tx->highest && tx->sent <= tx->end && tx->sent <= tx->limit);
        MUST(rx->consumed <= rx->received && rx->received <= rx->limit);
        MUST(rx->body_room <= CHUNK_MIN || rx->body_room <= 2 * rx->body_count);
        promised += rx->limit - rx->consumed;
        held += tx->held_bytes + (rx->body == NULL ? 0 : rx->body_room);
    }
    MUST(promised == receive_share.promised && promised <= BUDGET);
    MUST(receive_share.records_free <= BUDGET / 2 && send_share.common <= send_share.common_max);
    MUST(held >= bench.bytes && held <= 3 * BUDGET + LANES * CHUNK_MIN);
}

/* ---- credited with anything --------------------------------------------------------------------
 */

static void settled(void *user, uint64_t ticket)
{
    struct victim *victim = user;
    MUST(ticket == victim->last_settled + 1 && ticket <= victim->last_ticket);
    victim->last_settled = ticket;
}

static void put(struct victim *victim, size_t size)
{
    uint8_t *bytes = calloc(size + 1, 1);
    kith_err err;
    MUST(bytes != NULL);
    err = kith_lane_tx_put(&victim->tx, bytes, size, victim->last_ticket + 1);
    MUST(err == KITH_OK || err == KITH_ERR_AGAIN);
    victim->last_ticket += err == KITH_OK;
    free(bytes);
}

static void take(struct victim *victim, size_t count)
{
    uint64_t ready = kith_lane_tx_ready(&victim->tx);
    uint8_t *out = malloc(count);
    MUST(out != NULL || count == 0);
    MUST(kith_lane_tx_take(&victim->tx, out, count) == (count < ready ? count : ready));
    free(out);
}

/* A number near one that means something, or a large one. */
static uint64_t near(uint64_t what)
{
    size_t n = number();
    if (n >= 0xff00) {
        return KITH_VARINT_MAX - (n & 0xff);
    }
    return n & 1 || n > what ? what + n / 2 : what - n;
}

static void credit(struct victim *victim)
{
    struct kith_lane_tx before = victim->tx;
    uint64_t received = near(victim->tx.highest), consumed = near(received),
             limit = near(victim->tx.end);
    struct kith_credit news = {0, received, consumed < received ? consumed : received,
                               limit > received ? limit : received};
    int ok = kith_lane_tx_credit(&victim->tx, &news, settled, victim);
    MUST(ok == (news.received <= before.highest));
    MUST(ok || memcmp(&before, &victim->tx, sizeof before) == 0);
    MUST(victim->tx.limit >= before.limit && victim->tx.received >= before.received);
    MUST(victim->tx.consumed >= before.consumed);
}

/* ---- sent anything -----------------------------------------------------------------------------
 */

static int message(void *user, const uint8_t *bytes, size_t count)
{
    struct victim *victim = user;
    struct kith_reader from =
        kith_reader_of(victim->stream + victim->read, STREAM_BYTES_MAX - victim->read);
    MUST(kith_read_varint(&from) == count && count <= LARGEST);
    MUST(count == 0 || memcmp(bytes, from.at, count) == 0);
    victim->read = (size_t)(from.at - victim->stream) + count;
    return 0;
}

static void data(struct victim *victim, uint64_t offset, const uint8_t *bytes, size_t count)
{
    struct kith_lane_rx *rx = &victim->rx;
    uint64_t known = rx->received;
    int fits = offset <= known && offset <= rx->limit && count <= rx->limit - offset;
    enum kith_lane_verdict verdict;
    if (known + count > STREAM_BYTES_MAX) {
        is_over = 1;
        return;
    }
    if (fits && offset + count > known) {
        size_t skip = (size_t)(known - offset);
        memcpy(victim->stream + known, bytes + skip, count - skip);
    }
    verdict = kith_lane_rx_data(rx, offset, bytes, count, message, victim);
    MUST(verdict == KITH_LANE_OK || verdict == KITH_LANE_VIOLATION ||
         (verdict == KITH_LANE_NOMEM && bench.fail_from != 0));
    MUST(fits || verdict == KITH_LANE_VIOLATION);
    MUST(verdict != KITH_LANE_OK || rx->consumed == victim->read);
    MUST(verdict != KITH_LANE_OK ||
         rx->received == (offset + count > known ? offset + count : known));
    MUST(fits || known == rx->received);
    is_over = fits && verdict != KITH_LANE_OK;
}

/* The beginning of a record and some of it, at the right place. */
static void record(struct victim *victim, size_t length, size_t count)
{
    uint8_t *bytes = calloc(count + 8, 1);
    struct kith_writer to = kith_writer_of(bytes, count + 8);
    MUST(bytes != NULL);
    kith_write_varint(&to, length);
    data(victim, victim->rx.received, bytes, kith_written(&to) + count);
    free(bytes);
}

static void news(struct victim *victim)
{
    struct kith_credit credit;
    if (kith_lane_rx_news(&victim->rx, &credit)) {
        MUST(credit.consumed <= credit.received && credit.received <= credit.limit);
        MUST(credit.received >= victim->told.received && credit.limit >= victim->told.limit);
        MUST(credit.consumed >= victim->told.consumed);
        victim->told = credit;
        MUST(!kith_lane_rx_news(&victim->rx, &credit));
    }
}

static void step(void)
{
    unsigned what = (unsigned)kith_read_uint(&script, 1);
    struct victim *victim = &victims[what / 128];
    size_t n = number();
    uint8_t *copy;
    switch (what % 10) {
    case 0:
        put(victim, n % (LARGEST + 100));
        break;
    case 1:
        take(victim, n);
        break;
    case 2:
    case 3:
        credit(victim);
        break;
    case 4:
        (void)kith_lane_tx_writable(&victim->tx);
        news(victim);
        break;
    case 5: /* bytes of the script, at the right place or nearly */
    case 6:
        n = n % 64 < script.left ? n % 64 : script.left;
        copy = fuzz_copy(kith_read_bytes(&script, n), n);
        data(victim, what & 64 ? near(victim->rx.received) : victim->rx.received, copy, n);
        free(copy);
        break;
    case 7:
        record(victim, n, number() % 20000);
        break;
    case 8: /* zeros: empty messages, or what the last record lacks */
        copy = calloc(n + 1, 1);
        MUST(copy != NULL);
        data(victim, victim->rx.received, copy,
             n % (size_t)(victim->rx.limit - victim->rx.received + 1));
        free(copy);
        break;
    default:
        bench.fail_from = bench.requests + 1 + n % 4;
        data(victim, victim->rx.received, (const uint8_t *)"\x43\x21", 2);
        bench.fail_from = 0;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count > 4096) {
        return 0;
    }
    script = kith_reader_of(bytes, count);
    is_over = 0;
    bench_open(&bench, 1);
    kith_send_share_init(&send_share, BUDGET);
    kith_receive_share_init(&receive_share, BUDGET, &pool);
    for (size_t i = 0; i < LANES; i++) {
        struct victim *victim = &victims[i];
        victim->last_ticket = victim->last_settled = victim->read = 0;
        memset(&victim->told, 0, sizeof victim->told);
        kith_lane_tx_init(&victim->tx, &bench.env, &send_share);
        kith_lane_rx_init(&victim->rx, &bench.env, &receive_share, LARGEST, 0);
    }
    while (script.left > 0 && !is_over) {
        step();
        check();
    }
    for (size_t i = 0; i < LANES; i++) {
        struct victim *victim = &victims[i];
        uint64_t ticket;
        int unsent, was_unsent = 0;
        while (kith_lane_tx_next_ticket(&victim->tx, &ticket, &unsent)) {
            settled(victim, ticket);
            MUST(unsent || !was_unsent); /* none was sent behind one that was not */
            was_unsent = unsent;
        }
        MUST(victim->last_settled == victim->last_ticket);
        kith_lane_tx_fini(&victim->tx);
        kith_lane_rx_fini(&victim->rx);
    }
    bench_close(&bench);
    return 0;
}
