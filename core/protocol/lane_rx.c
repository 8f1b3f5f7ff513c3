/* SPDX-License-Identifier: MIT
 *
 * lane_rx.c: the receiving half of a lane: cuts the byte sequence into messages and decides how far
 * the sender may go. Pure.
 */
#include <assert.h>
#include <string.h>

#include "base/mutant.h"
#include "base/wire.h"
#include "bounds.h"
#include "protocol/lane.h"

static void free_bytes(struct kith_held *held)
{
    if (held->bytes != NULL) {
        (void)held->realloc(held->realloc_user, held->bytes, 0);
        held->bytes = NULL;
    }
}

static void free_held(struct kith_held *held)
{
    free_bytes(held);
    (void)held->realloc(held->realloc_user, held, 0);
}

void kith_receive_share_init(struct kith_receive_share *share, uint64_t budget_bytes,
                             struct kith_window_pool *pool)
{
    uint64_t even = budget_bytes / 4 / KITH_CHANNEL_COUNT;
    share->budget = budget_bytes;
    share->promised = 0;
    share->window = even < KITH_WINDOW_BYTES_FIRST ? even : KITH_WINDOW_BYTES_FIRST;
    share->wider_free = budget_bytes / 4;
    share->wider_max = budget_bytes / 8;
    share->pool = pool;
    share->records_free = budget_bytes / 2;
    kith_list_init(&share->waiting);
}

void kith_receive_share_fini(struct kith_receive_share *share)
{
    share->pool->free += kith_mutant(LEAK_POOL) ? 0 : share->budget / 4 - share->wider_free;
    share->wider_free = share->budget / 4;
}

/* The only place where a promise is made: it is never larger than can be honoured. */
static void set_limit(struct kith_lane_rx *lane, uint64_t limit)
{
    if (limit > lane->limit) {
        lane->share->promised += limit - lane->limit;
        lane->limit = limit;
        assert(lane->share->promised <= lane->share->budget);
    }
}

void kith_lane_rx_init(struct kith_lane_rx *lane, struct kith_env *env,
                       struct kith_receive_share *share, uint32_t max_message_bytes,
                       unsigned priority)
{
    memset(lane, 0, sizeof *lane);
    lane->env = env;
    lane->share = share;
    lane->max_message_bytes = max_message_bytes;
    lane->priority = priority;
    lane->window = share->window;
    kith_list_init(&lane->wait_node);
    kith_list_init(&lane->held);
    set_limit(lane, lane->window);
    lane->gauge_limit = lane->limit;
    lane->gauge_us = env->now_us;
}

void kith_lane_rx_fini(struct kith_lane_rx *lane)
{
    kith_list_remove(&lane->wait_node);
    kith_free(lane->env, lane->body);
    lane->body = NULL;
    while (!kith_list_empty(&lane->held)) {
        struct kith_held *held = KITH_CONTAINER(lane->held.next, struct kith_held, node);
        kith_list_remove(&held->node);
        held->lane = NULL;
        if (held->released) {
            free_held(held);
        } /* else it is the application's until it gives it back */
    }
}

/* Puts a lane behind those that are as urgent. */
static void wait_for_grant(struct kith_lane_rx *lane)
{
    struct kith_node *before = lane->share->waiting.prev;
    while (before != &lane->share->waiting &&
           KITH_CONTAINER(before, struct kith_lane_rx, wait_node)->priority < lane->priority) {
        before = before->prev;
    }
    kith_list_append(before->next, &lane->wait_node);
}

/* Grants what waits, in order: the first that does not fit keeps the others waiting, or a large one
 * would starve. */
static void grant_waiting(struct kith_receive_share *share)
{
    while (!kith_list_empty(&share->waiting)) {
        struct kith_lane_rx *lane =
            KITH_CONTAINER(share->waiting.next, struct kith_lane_rx, wait_node);
        uint64_t need = lane->record_end > lane->limit ? lane->record_end - lane->limit : 0;
        if (need > share->records_free && !kith_mutant(OVERPROMISE)) {
            return;
        }
        kith_list_remove(&lane->wait_node);
        share->records_free -= need;
        lane->granted += need;
        set_limit(lane, lane->record_end);
    }
}

/* A length is known: a message that a window cannot hold asks for the rest at once. */
static enum kith_lane_verdict begin_record(struct kith_lane_rx *lane, uint64_t length)
{
    if (length > lane->max_message_bytes) {
        return KITH_LANE_VIOLATION;
    }
    lane->in_record = 1;
    lane->record_bytes = (size_t)length;
    lane->record_end = lane->received + length;
    if (lane->record_end > lane->limit) {
        wait_for_grant(lane);
        grant_waiting(lane->share);
    }
    return KITH_LANE_OK;
}

/* Moves consumed up to the first message that is still held, and promises anew what that frees. */
static void advance(struct kith_lane_rx *lane)
{
    uint64_t consumed = lane->delivered;
    while (!kith_list_empty(&lane->held)) {
        struct kith_held *first = KITH_CONTAINER(lane->held.next, struct kith_held, node);
        if (!first->released) {
            consumed = kith_mutant(EARLY_CONSUMED) ? consumed : first->start;
            break;
        }
        kith_list_remove(&first->node);
        lane->share->records_free += first->granted;
        lane->held_count--;
        free_held(first);
    }
    lane->share->promised -= consumed - lane->consumed;
    lane->consumed = consumed;
    set_limit(lane, lane->consumed + lane->window);
    grant_waiting(lane->share);
}

/* What was granted for this message is free again when it is consumed: with the last one held, or
 * now. */
static void return_grant(struct kith_lane_rx *lane)
{
    if (kith_list_empty(&lane->held)) {
        lane->share->records_free += kith_mutant(LEAK_CREDIT) ? 0 : lane->granted;
    } else {
        KITH_CONTAINER(lane->held.prev, struct kith_held, node)->granted += lane->granted;
    }
    lane->granted = 0;
}

static enum kith_lane_verdict finish_record(struct kith_lane_rx *lane, const uint8_t *bytes,
                                            int (*message)(void *, const uint8_t *, size_t),
                                            void *user)
{
    int stop;
    lane->current = bytes;
    lane->now = NULL;
    stop = kith_mutant(DROP_ONE) && lane->record_end % 8 == 0
               ? 0
               : message(user, bytes, lane->record_bytes);
    if (kith_mutant(DELIVER_TWICE) && lane->record_end % 8 == 0) {
        stop = message(user, bytes, lane->record_bytes);
    }
    lane->current = NULL;
    kith_free(lane->env, lane->body);
    lane->body = NULL;
    lane->body_count = lane->body_room = 0;
    lane->in_record = 0;
    kith_list_remove(&lane->wait_node); /* its window may have widened enough without a grant */
    lane->delivered = lane->record_end;
    if (lane->now != NULL) {
        kith_list_append(&lane->held, &lane->now->node);
        if (lane->now->released) {
            free_bytes(lane->now);
        }
        lane->now = NULL;
    }
    return_grant(lane);
    advance(lane);
    return stop ? KITH_LANE_STOPPED : KITH_LANE_OK;
}

struct kith_held *kith_lane_rx_hold(struct kith_lane_rx *lane)
{
    struct kith_held *held;
    if (lane->current == NULL || lane->now != NULL ||
        lane->held_count >= KITH_HELD_PER_CHANNEL_MAX) {
        return NULL;
    }
    held = kith_alloc(lane->env, sizeof *held);
    if (held == NULL) {
        return NULL;
    }
    if (lane->body != NULL) {
        held->bytes = lane->body; /* it came in pieces and has a block of its own already */
        lane->body = NULL;
    } else {
        held->bytes = kith_resize(lane->env, NULL, lane->record_bytes + 1);
        if (held->bytes == NULL) {
            kith_free(lane->env, held);
            return NULL;
        }
        memcpy(held->bytes, lane->current, lane->record_bytes);
    }
    kith_list_init(&held->node);
    held->lane = lane;
    held->start = lane->delivered;
    held->count = lane->record_bytes;
    held->realloc = lane->env->realloc;
    held->realloc_user = lane->env->realloc_user;
    lane->now = held;
    lane->held_count++;
    return held;
}

int kith_held_free(struct kith_held *held)
{
    struct kith_lane_rx *lane = held->lane;
    held->released = 1;
    if (lane == NULL) {
        free_held(held);
        return 0;
    }
    if (lane->now != held) { /* else the application still reads it: finish_record() sees to it */
        free_bytes(held);
        advance(lane);
    }
    return 1;
}

/* Memory grows with what has come, or is under way in the frame that is being read: a message's
 * length alone costs nothing. */
static int reserve(struct kith_lane_rx *lane, size_t count)
{
    size_t need = lane->body_count + count, room = lane->body_room;
    uint8_t *body;
    if (need <= room) {
        return 1;
    }
    room = room == 0 ? 4096 : room;
    while (room < need) {
        room *= 2;
    }
    room = room > lane->record_bytes ? lane->record_bytes : room;
    body = kith_resize(lane->env, lane->body, room);
    if (body == NULL) {
        return 0;
    }
    lane->body = body;
    lane->body_room = room;
    return 1;
}

static int put_into_body(struct kith_lane_rx *lane, const uint8_t *bytes, size_t count)
{
    if (lane->body == NULL || bytes != lane->body + lane->body_count) { /* not placed there */
        if (!reserve(lane, count)) {
            return 0;
        }
        memcpy(lane->body + lane->body_count, bytes, count);
    }
    assert(lane->body_count + count <= lane->body_room);
    lane->body_count += count;
    return 1;
}

size_t kith_lane_rx_place(struct kith_lane_rx *lane, uint64_t offset, uint64_t count,
                          uint8_t **place)
{
    uint64_t left = lane->in_record ? lane->record_bytes - lane->body_count : 0;
    if (offset != lane->received || lane->limit - offset < count ||
        lane->record_bytes < KITH_PLACE_MESSAGE_BYTES_MIN) {
        return 0;
    }
    count = count < left ? count : left;
    if (count < KITH_PLACE_BYTES_MIN || !reserve(lane, (size_t)count)) {
        return 0;
    }
    *place = lane->body + lane->body_count;
    return (size_t)count;
}

/* Takes one byte of a record's length; most lengths are 1 or 2. */
static enum kith_lane_verdict take_head(struct kith_lane_rx *lane, uint8_t byte)
{
    struct kith_reader from;
    uint64_t length;
    lane->head[lane->head_count++] = byte;
    lane->received++;
    from = kith_reader_of(lane->head, lane->head_count);
    length = kith_read_varint(&from);
    if (from.broken) {
        return KITH_LANE_OK;
    }
    lane->head_count = 0;
    return begin_record(lane, length);
}

static enum kith_lane_verdict take(struct kith_lane_rx *lane, const uint8_t *bytes, size_t count,
                                   int (*message)(void *, const uint8_t *, size_t), void *user)
{
    enum kith_lane_verdict verdict = KITH_LANE_OK;
    while (verdict == KITH_LANE_OK && (count > 0 || (lane->in_record && lane->record_bytes == 0))) {
        size_t part;
        if (!lane->in_record) {
            verdict = take_head(lane, *bytes);
            bytes++;
            count--;
            continue;
        }
        part = lane->record_bytes - lane->body_count;
        part = part < count ? part : count;
        if (lane->body == NULL && part == lane->record_bytes) {
            /* All of it is here: no copy. */
            lane->received += part;
            verdict = finish_record(lane, bytes, message, user);
        } else {
            if (!put_into_body(lane, bytes, part)) {
                return KITH_LANE_NOMEM;
            }
            lane->received += part;
            if (lane->body_count == lane->record_bytes) {
                verdict = finish_record(lane, lane->body, message, user);
            }
        }
        bytes += part;
        count -= part;
    }
    return verdict;
}

enum kith_lane_verdict
kith_lane_rx_data(struct kith_lane_rx *lane, uint64_t offset, const uint8_t *bytes, size_t count,
                  int (*message)(void *user, const uint8_t *bytes, size_t count), void *user)
{
    uint64_t known;
    if (offset > lane->received || offset > lane->limit || count > lane->limit - offset) {
        return KITH_LANE_VIOLATION;
    }
    known = kith_mutant(NO_TRIM) ? 0 : lane->received - offset;
    if (known >= count) {
        return KITH_LANE_OK;
    }
    return take(lane, bytes + known, count - (size_t)known, message, user);
}

/* Does the window hold the sender up? Measured since it was last looked at. */
static int is_narrow(const struct kith_lane_rx *lane, uint32_t rtt_us)
{
    uint64_t took_us = lane->env->now_us - lane->gauge_us;
    uint64_t came = lane->received - lane->gauge_received;
    return rtt_us == 0 || took_us == 0 || came > UINT64_MAX / 2 / rtt_us ||
           came * 2 * rtt_us / took_us >= lane->window;
}

static uint64_t rate_of(const struct kith_lane_rx *lane)
{
    uint64_t came = lane->received - lane->gauge_received;
    return came > UINT64_MAX / 1000 ? UINT64_MAX / 1000
                                    : came * 1000 / (lane->env->now_us - lane->gauge_us + 1);
}

/* Under load the round trip is mostly time in queues, which a wider window makes longer: then it
 * looks narrow however wide it is. */
static int is_worth_it(const struct kith_lane_rx *lane, uint32_t rtt_us)
{
    return lane->window < KITH_WINDOW_BYTES_AMPLE || rtt_us == 0 || rtt_us >= KITH_WINDOW_NEAR_US ||
           rate_of(lane) >= lane->rate + lane->rate / 4;
}

static void widen(struct kith_lane_rx *lane)
{
    struct kith_receive_share *share = lane->share;
    uint64_t more = lane->window, most = share->window + share->wider_max;
    more = more > most - lane->window ? most - lane->window : more;
    more = more > share->wider_free ? share->wider_free : more;
    more = more > share->pool->free ? share->pool->free : more;
    share->wider_free -= more;
    share->pool->free -= more;
    lane->window += more;
    set_limit(lane, lane->consumed + lane->window);
    grant_waiting(share); /* it may need less of what is free now, or nothing */
}

int kith_lane_rx_blocked(struct kith_lane_rx *lane, uint64_t limit, uint32_t rtt_us)
{
    if (limit > lane->limit) {
        return 0;
    }
    if (limit < lane->gauge_limit || !kith_list_empty(&lane->held)) {
        return 1; /* it speaks of the window before, or the application does not keep up */
    }
    if (is_narrow(lane, rtt_us) && is_worth_it(lane, rtt_us)) {
        lane->rate = rate_of(lane);
        widen(lane);
    }
    lane->gauge_limit = lane->limit;
    lane->gauge_received = lane->received;
    lane->gauge_us = lane->env->now_us;
    return 1;
}

int kith_lane_rx_news(struct kith_lane_rx *lane, struct kith_credit *credit)
{
    uint64_t quiet = lane->window / 4;
    /* "received" alone only frees the sender's memory: that can wait for a quarter of a window. */
    if (lane->consumed == lane->announced.consumed && lane->limit == lane->announced.limit &&
        lane->received - lane->announced.received < quiet) {
        return 0;
    }
    lane->announced.received = lane->received;
    lane->announced.consumed = lane->consumed;
    lane->announced.limit = lane->limit;
    *credit = lane->announced;
    return 1;
}
