/* SPDX-License-Identifier: MIT
 *
 * lane_tx.c: the sending half of a lane: records kept until the other side has them, receipts until
 * its application has. Pure.
 */
#include <assert.h>
#include <string.h>

#include "base/mutant.h"
#include "base/wire.h"
#include "bounds.h"
#include "protocol/lane.h"

struct kith_record {
    struct kith_node node;
    uint64_t start;               /* offset of its first byte */
    size_t count;                 /* head and message; of a block all of them */
    size_t room;                  /* of a block: what fits into bytes; else 0 */
    size_t head_count;            /* the message's length, as on the wire; first in bytes */
    struct kith_payload *payload; /* the message, or NULL: it stands in bytes behind the head */
    uint8_t bytes[];
};

struct kith_receipt {
    struct kith_node node;
    uint64_t start, end, ticket;
};

void kith_send_share_init(struct kith_send_share *share, uint64_t budget_bytes)
{
    share->own_max = (size_t)(budget_bytes / 2 / KITH_CHANNEL_COUNT);
    share->common_max = (size_t)(budget_bytes / 2);
    share->common = 0;
}

void kith_lane_tx_init(struct kith_lane_tx *lane, struct kith_env *env,
                       struct kith_send_share *share)
{
    memset(lane, 0, sizeof *lane);
    lane->env = env;
    lane->share = share;
    kith_list_init(&lane->records);
    kith_list_init(&lane->receipts);
}

static size_t beyond_own(const struct kith_lane_tx *lane, size_t held_bytes)
{
    return held_bytes > lane->share->own_max ? held_bytes - lane->share->own_max : 0;
}

static void hold(struct kith_lane_tx *lane, size_t held_bytes)
{
    lane->share->common -= beyond_own(lane, lane->held_bytes);
    lane->held_bytes = held_bytes;
    lane->share->common += beyond_own(lane, held_bytes);
}

/* A message alone in its lane always fits, or it could never be sent. */
static int has_room(const struct kith_lane_tx *lane, size_t bytes)
{
    size_t common = lane->share->common - beyond_own(lane, lane->held_bytes);
    return common + beyond_own(lane, lane->held_bytes + bytes) <= lane->share->common_max;
}

/* What the lane is charged for it: a block is paid for when it is made. */
static size_t cost_of_record(const struct kith_record *record)
{
    return sizeof *record + (record->room != 0 ? record->room : record->count);
}

static void free_record(struct kith_lane_tx *lane, struct kith_record *record)
{
    struct kith_payload *payload = record->payload;
    kith_list_remove(&record->node);
    hold(lane, lane->held_bytes - cost_of_record(record));
    kith_free(lane->env, record);
    if (payload != NULL) {
        kith_payload_unref(payload);
    }
}

void kith_lane_tx_fini(struct kith_lane_tx *lane)
{
    uint64_t ticket;
    int unsent;
    while (!kith_list_empty(&lane->records)) {
        free_record(lane, KITH_CONTAINER(lane->records.next, struct kith_record, node));
    }
    while (kith_lane_tx_next_ticket(lane, &ticket, &unsent)) {
    }
    lane->next = NULL;
}

/* Takes the first receipt out and gives its ticket. */
static uint64_t settle_first(struct kith_lane_tx *lane)
{
    struct kith_receipt *receipt = KITH_CONTAINER(lane->receipts.next, struct kith_receipt, node);
    uint64_t ticket = receipt->ticket;
    kith_list_remove(&receipt->node);
    hold(lane, lane->held_bytes - (kith_mutant(LEAK_SHARE) ? 0 : sizeof *receipt));
    kith_free(lane->env, receipt);
    return ticket;
}

/* ---- putting messages in ----------------------------------------------------------------------
 */

static size_t cost_of(size_t count, uint64_t ticket)
{
    return sizeof(struct kith_record) + kith_varint_bytes(count) + count +
           (ticket != 0 ? sizeof(struct kith_receipt) : 0);
}

/* AGAIN where the lane has no room for it; remembers that. */
static kith_err want_room(struct kith_lane_tx *lane, size_t cost)
{
    if (has_room(lane, cost)) {
        return KITH_OK;
    }
    lane->refused_bytes = cost;
    return KITH_ERR_AGAIN;
}

/* Makes a record of count bytes of message, with place for so many behind its head. */
static kith_err make(struct kith_env *env, size_t count, size_t place, uint64_t ticket,
                     struct kith_outgoing *out)
{
    size_t head_count = kith_varint_bytes(count);
    struct kith_record *record = kith_resize(env, NULL, sizeof *record + head_count + place);
    struct kith_receipt *receipt = ticket != 0 ? kith_alloc(env, sizeof *receipt) : NULL;
    struct kith_writer to;
    if (record == NULL || (ticket != 0 && receipt == NULL)) {
        kith_free(env, record);
        kith_free(env, receipt);
        return KITH_ERR_NOMEM;
    }
    if (receipt != NULL) {
        receipt->ticket = ticket;
    }
    to = kith_writer_of(record->bytes, head_count);
    kith_write_varint(&to, count);
    record->head_count = head_count;
    record->count = head_count + count;
    record->room = 0;
    record->payload = NULL;
    *out = (struct kith_outgoing){record, receipt};
    return KITH_OK;
}

kith_err kith_outgoing_make(struct kith_env *env, struct kith_payload *payload, uint64_t ticket,
                            struct kith_outgoing *out)
{
    kith_err err = make(env, payload->count, 0, ticket, out);
    if (err == KITH_OK) {
        out->record->payload = payload;
    }
    return err;
}

void kith_outgoing_free(struct kith_env *env, struct kith_outgoing *outgoing)
{
    kith_free(env, outgoing->record);
    kith_free(env, outgoing->receipt);
    *outgoing = (struct kith_outgoing){NULL, NULL};
}

/* For the message that begins at start and ends where the lane does. */
static void append_receipt(struct kith_lane_tx *lane, struct kith_receipt *receipt, uint64_t start)
{
    receipt->start = start;
    receipt->end = lane->end;
    kith_list_append(&lane->receipts, &receipt->node);
    hold(lane, lane->held_bytes + sizeof *receipt);
}

void kith_lane_tx_append(struct kith_lane_tx *lane, struct kith_outgoing *outgoing)
{
    struct kith_record *record = outgoing->record;
    struct kith_receipt *receipt = outgoing->receipt;
    record->start = lane->end;
    lane->end += record->count;
    kith_list_append(&lane->records, &record->node);
    hold(lane, lane->held_bytes + cost_of_record(record));
    if (receipt != NULL) {
        append_receipt(lane, receipt, record->start);
    }
    if (lane->next == NULL) {
        lane->next = record;
    }
    *outgoing = (struct kith_outgoing){NULL, NULL};
}

/* The block at the end that has room for so much more, or NULL. */
static struct kith_record *block_with_room(const struct kith_lane_tx *lane, size_t count)
{
    struct kith_record *last = KITH_CONTAINER(lane->records.prev, struct kith_record, node);
    return !kith_list_empty(&lane->records) && last->room >= last->count + count ? last : NULL;
}

static kith_err put_into_block(struct kith_lane_tx *lane, struct kith_record *block,
                               const void *bytes, size_t count, uint64_t ticket)
{
    struct kith_receipt *receipt = NULL;
    size_t head_count = kith_varint_bytes(count);
    struct kith_writer to = kith_writer_of(block->bytes + block->count, head_count);
    uint64_t start = lane->end;
    if (ticket != 0) {
        kith_err err = want_room(lane, sizeof *receipt);
        receipt = err == KITH_OK ? kith_alloc(lane->env, sizeof *receipt) : NULL;
        if (receipt == NULL) {
            return err != KITH_OK ? err : KITH_ERR_NOMEM;
        }
        receipt->ticket = ticket;
    }
    kith_write_varint(&to, count);
    if (count > 0) {
        memcpy(block->bytes + block->count + head_count, bytes, count);
    }
    block->count += head_count + count;
    lane->end += head_count + count;
    if (receipt != NULL) {
        append_receipt(lane, receipt, start);
    }
    if (lane->next == NULL) {
        lane->next = block;
    }
    return KITH_OK;
}

/* Where something waits already, more is likely to come. */
static int begins_block(const struct kith_lane_tx *lane, size_t count)
{
    return lane->next != NULL && count <= KITH_SEND_BLOCK_BYTES / 4 &&
           has_room(lane, cost_of(KITH_SEND_BLOCK_BYTES, 1));
}

static kith_err put_alone(struct kith_lane_tx *lane, const void *bytes, size_t count,
                          uint64_t ticket)
{
    struct kith_outgoing outgoing;
    int block = begins_block(lane, count);
    size_t place = block ? KITH_SEND_BLOCK_BYTES - kith_varint_bytes(count) : count;
    kith_err err = want_room(lane, cost_of(count, ticket));
    if (err == KITH_OK) {
        err = make(lane->env, count, place, ticket, &outgoing);
    }
    if (err != KITH_OK) {
        return err;
    }
    outgoing.record->room = block ? KITH_SEND_BLOCK_BYTES : 0;
    if (count > 0) {
        memcpy(outgoing.record->bytes + outgoing.record->head_count, bytes, count);
    }
    kith_lane_tx_append(lane, &outgoing);
    return KITH_OK;
}

kith_err kith_lane_tx_put(struct kith_lane_tx *lane, const void *bytes, size_t count,
                          uint64_t ticket)
{
    struct kith_record *block = block_with_room(lane, kith_varint_bytes(count) + count);
    return block != NULL ? put_into_block(lane, block, bytes, count, ticket)
                         : put_alone(lane, bytes, count, ticket);
}

kith_err kith_lane_tx_share(struct kith_lane_tx *lane, struct kith_payload *payload,
                            uint64_t ticket)
{
    struct kith_outgoing outgoing;
    kith_err err = want_room(lane, cost_of(payload->count, ticket));
    if (err == KITH_OK) {
        err = kith_outgoing_make(lane->env, payload, ticket, &outgoing);
    }
    if (err != KITH_OK) {
        return err;
    }
    payload->references++;
    kith_lane_tx_append(lane, &outgoing);
    return KITH_OK;
}

/* ---- sending ----------------------------------------------------------------------------------
 */

uint64_t kith_lane_tx_ready(const struct kith_lane_tx *lane)
{
    uint64_t until = lane->end < lane->limit || kith_mutant(IGNORE_LIMIT) ? lane->end : lane->limit;
    return until > lane->sent ? until - lane->sent : 0;
}

/* A record's bytes from skip on that lie together, at most room. */
static struct kith_slice part_of(const struct kith_record *record, size_t skip, size_t room)
{
    struct kith_slice part;
    if (record->payload == NULL) {
        part = (struct kith_slice){record->bytes + skip, record->count - skip};
    } else if (skip < record->head_count) {
        part = (struct kith_slice){record->bytes + skip, record->head_count - skip};
    } else {
        part = (struct kith_slice){record->payload->bytes + (skip - record->head_count),
                                   record->count - skip};
    }
    part.count = part.count < room ? part.count : room;
    return part;
}

static struct kith_record *record_after(const struct kith_lane_tx *lane,
                                        const struct kith_record *record)
{
    return record->node.next == &lane->records
               ? NULL
               : KITH_CONTAINER(record->node.next, struct kith_record, node);
}

size_t kith_lane_tx_peek(const struct kith_lane_tx *lane, struct kith_slice *slices,
                         size_t slice_max, size_t room, size_t *slice_count)
{
    uint64_t ready = kith_lane_tx_ready(lane), at = lane->sent;
    size_t want = room < ready ? room : (size_t)ready, count = 0;
    const struct kith_record *record = lane->next;
    *slice_count = 0;
    while (count < want && *slice_count < slice_max) {
        struct kith_slice part = part_of(record, (size_t)(at - record->start), want - count);
        slices[*slice_count] = part;
        *slice_count += part.count > 0;
        count += part.count;
        at += part.count;
        if (at == record->start + record->count) {
            record = record_after(lane, record);
        }
    }
    return count;
}

void kith_lane_tx_took(struct kith_lane_tx *lane, size_t count)
{
    assert(count <= kith_lane_tx_ready(lane));
    if (kith_mutant(TAKE_WHOLE) && kith_lane_tx_ready(lane) <= KITH_CHUNK_BYTES_MAX) {
        count = (size_t)kith_lane_tx_ready(lane);
    }
    lane->sent += count;
    while (lane->next != NULL && lane->next->start + lane->next->count <= lane->sent) {
        lane->next = record_after(lane, lane->next);
    }
    if (lane->sent > lane->highest) {
        lane->highest = lane->sent;
    }
}

/* Frees what the other side has and the transport does not read any more. */
static void free_finished(struct kith_lane_tx *lane)
{
    uint64_t finished = lane->received < lane->released ? lane->received : lane->released;
    finished = kith_mutant(FREE_EARLY) ? lane->sent : finished;
    finished = kith_mutant(FREE_LENT) ? lane->received : finished;
    while (!kith_list_empty(&lane->records)) {
        struct kith_record *record = KITH_CONTAINER(lane->records.next, struct kith_record, node);
        if (record->start + record->count > finished || record == lane->next) {
            break;
        }
        free_record(lane, record);
    }
}

int kith_lane_tx_release(struct kith_lane_tx *lane, uint64_t upto)
{
    if (upto > lane->highest) {
        return 0;
    }
    if (upto > lane->released) {
        lane->released = upto;
        free_finished(lane);
    }
    return 1;
}

void kith_lane_tx_take_back(struct kith_lane_tx *lane)
{
    (void)kith_lane_tx_release(lane, lane->highest);
}

size_t kith_lane_tx_take(struct kith_lane_tx *lane, uint8_t *out, size_t room)
{
    struct kith_slice slices[8];
    size_t slice_count, part, done = 0;
    do {
        uint8_t *to = out + done;
        part = kith_lane_tx_peek(lane, slices, 8, room - done, &slice_count);
        for (size_t i = 0; i < slice_count; i++) {
            memcpy(to, slices[i].bytes, slices[i].count);
            to += slices[i].count;
        }
        kith_lane_tx_took(lane, part);
        done += part;
    } while (part > 0);
    lane->released = lane->sent > lane->released ? lane->sent : lane->released;
    free_finished(lane); /* what was sent once more, the other side has: nothing will confirm it */
    return done;
}

int kith_lane_tx_blocked(struct kith_lane_tx *lane, uint64_t *limit)
{
    if (lane->sent < lane->limit || lane->end <= lane->limit ||
        (lane->blocked_step != 0 && lane->limit < lane->blocked + lane->blocked_step)) {
        return 0;
    }
    lane->blocked_step =
        lane->blocked_step == 0 ? KITH_BLOCKED_STEP_BYTES_MIN : lane->blocked_step * 2;
    if (lane->blocked_step > KITH_BLOCKED_STEP_BYTES_MAX) {
        lane->blocked_step = KITH_BLOCKED_STEP_BYTES_MAX;
    }
    *limit = lane->blocked = lane->limit;
    return 1;
}

int kith_lane_tx_credit(struct kith_lane_tx *lane, const struct kith_credit *credit,
                        void (*settled)(void *user, uint64_t ticket), void *user)
{
    if (credit->received > lane->highest) {
        return 0;
    }
    lane->received = credit->received > lane->received ? credit->received : lane->received;
    lane->consumed = credit->consumed > lane->consumed ? credit->consumed : lane->consumed;
    lane->limit = credit->limit > lane->limit ? credit->limit : lane->limit;
    free_finished(lane);
    while (!kith_list_empty(&lane->receipts)) {
        struct kith_receipt *receipt =
            KITH_CONTAINER(lane->receipts.next, struct kith_receipt, node);
        if (receipt->end > lane->consumed) {
            break;
        }
        settled(user, settle_first(lane));
    }
    return 1;
}

int kith_lane_tx_resume(struct kith_lane_tx *lane, const struct kith_credit *credit,
                        void (*settled)(void *user, uint64_t ticket), void *user)
{
    struct kith_node *at;
    if (credit->received > lane->highest) {
        return 0;
    }
    /* What the old link's CREDIT told may be newer than the table: never below what is freed. */
    if (!kith_mutant(SKIP_REWIND)) {
        lane->sent = credit->received > lane->received || kith_mutant(BACK_TO_TOLD)
                         ? credit->received
                         : lane->received;
    }
    lane->released = lane->sent;
    lane->blocked_step = 0;
    lane->next = NULL;
    for (at = lane->records.next; at != &lane->records && lane->next == NULL; at = at->next) {
        struct kith_record *record = KITH_CONTAINER(at, struct kith_record, node);
        if (record->start + record->count > lane->sent) {
            lane->next = record;
        }
    }
    return kith_lane_tx_credit(lane, credit, settled, user);
}

int kith_lane_tx_writable(struct kith_lane_tx *lane)
{
    if (lane->refused_bytes == 0 || !has_room(lane, lane->refused_bytes) ||
        kith_mutant(NO_WRITABLE)) {
        return 0;
    }
    lane->refused_bytes = 0;
    return 1;
}

int kith_lane_tx_next_ticket(struct kith_lane_tx *lane, uint64_t *ticket, int *unsent)
{
    struct kith_receipt *receipt;
    if (kith_list_empty(&lane->receipts)) {
        return 0;
    }
    receipt = KITH_CONTAINER(lane->receipts.next, struct kith_receipt, node);
    *unsent = receipt->start >= lane->highest || kith_mutant(ALL_UNSENT);
    *ticket = settle_first(lane);
    return 1;
}
