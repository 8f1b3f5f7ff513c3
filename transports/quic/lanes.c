/* SPDX-License-Identifier: MIT
 *
 * lanes.c: lanes on streams. Each direction of a lane is a unidirectional stream: lane and offset
 * as varints, then its bytes. What is sent stays the core's: ngtcp2 reads it again where a packet
 * is lost, until it is confirmed, or the stream is reset. Of several streams with one lane the
 * newest counts.
 */
#include "base/wire.h"
#include "transports/quic/inside.h"

/* ---- sending ----------------------------------------------------------------------------- */

static struct kith__quic_lane *find_lane(struct kith__quic_link *link, uint64_t number)
{
    for (struct kith_node *at = link->lanes.next; at != &link->lanes; at = at->next) {
        struct kith__quic_lane *lane = KITH_CONTAINER(at, struct kith__quic_lane, node);
        if (lane->number == number) {
            return lane;
        }
    }
    return NULL;
}

/* NULL without memory: tried again with the next packet. */
static struct kith__quic_lane *add_lane(struct kith__quic_link *link, uint64_t number,
                                        uint64_t first)
{
    struct kith__quic_lane *lane = kith_alloc(link->base.endpoint->env, sizeof *lane);
    struct kith_writer out;
    if (lane == NULL) {
        return NULL;
    }
    lane->number = number;
    lane->first = lane->sent = first;
    lane->stream = -1;
    out = kith_writer_of(lane->preamble, sizeof lane->preamble);
    kith_write_varint(&out, number);
    kith_write_varint(&out, first);
    lane->preamble_bytes = (uint8_t)kith_written(&out);
    kith_list_append(&link->lanes, &lane->node);
    return lane;
}

static int open_stream(struct kith__quic_link *link, struct kith__quic_lane *lane)
{
    if (lane->stream >= 0) {
        return 1;
    }
    if (ngtcp2_conn_open_uni_stream(link->conn, &lane->stream, lane) != 0) {
        lane->stream = -1;
        link->streams_are_out = 1; /* until the other side allows more */
        return 0;
    }
    return 1;
}

int kith__quic_lane_next(struct kith__quic_link *link)
{
    struct kith__quic_chunk *chunk = &link->chunk;
    struct kith__quic_lane *lane;
    if (link->streams_are_out || link->lanes_ended || kith__quic_is_ending(link) ||
        !kith_up_lane_peek(&link->base, &chunk->lent) || link->lanes_ended ||
        kith__quic_is_ending(link)) {
        return 0;
    }
    lane = find_lane(link, chunk->lent.lane);
    lane = lane != NULL ? lane : add_lane(link, chunk->lent.lane, chunk->lent.offset);
    if (lane == NULL || !open_stream(link, lane)) {
        return 0;
    }
    chunk->lane = lane;
    chunk->used = 0;
    return 1;
}

/* The bytes of the packet after the next one: long not looked at, where much waits. While that one
 * is sealed they come. */
static void fetch_ahead(const ngtcp2_vec *vector, size_t packet_bytes)
{
    size_t until = vector->len < 2 * packet_bytes ? vector->len : 2 * packet_bytes;
    for (size_t at = packet_bytes; at < until; at += KITH__QUIC_LINE_BYTES) {
        __builtin_prefetch(vector->base + at);
    }
}

size_t kith__quic_lane_vectors(struct kith__quic_link *link, ngtcp2_vec *out, size_t packet_bytes)
{
    struct kith__quic_chunk *chunk = &link->chunk;
    struct kith__quic_lane *lane = chunk->lane;
    size_t count = 0, skip = chunk->used;
    if (lane->preamble_sent < lane->preamble_bytes) {
        out[count].base = lane->preamble + lane->preamble_sent;
        out[count++].len = (size_t)lane->preamble_bytes - lane->preamble_sent;
    }
    for (size_t i = 0; i < chunk->lent.slice_count; i++) {
        const struct kith_slice *slice = &chunk->lent.slices[i];
        if (slice->count <= skip) {
            skip -= slice->count;
            continue;
        }
        out[count].base = (uint8_t *)(uintptr_t)slice->bytes + skip;
        out[count++].len = slice->count - skip;
        skip = 0;
    }
    if (count > 0) {
        fetch_ahead(&out[0], packet_bytes);
    }
    return count;
}

void kith__quic_lane_went(struct kith__quic_link *link, size_t count)
{
    struct kith__quic_lane *lane = link->chunk.lane;
    size_t preamble = (size_t)lane->preamble_bytes - lane->preamble_sent;
    preamble = preamble < count ? preamble : count;
    lane->preamble_sent = (uint8_t)(lane->preamble_sent + preamble);
    link->chunk.used += count - preamble;
    lane->sent += count - preamble;
}

void kith__quic_lane_settle(struct kith__quic_link *link)
{
    struct kith__quic_lane *lane = link->chunk.lane;
    size_t used = link->chunk.used;
    link->chunk.lane = NULL;
    if (lane != NULL && used > 0) {
        /* Something more urgent may have come meanwhile. */
        link->control.is_dry = link->datagrams_are_out = 0;
        kith_up_lane_took(&link->base, lane->number, used);
    }
}

void kith__quic_lane_block(struct kith__quic_link *link)
{
    struct kith__quic_lane *lane = link->chunk.lane;
    lane->is_blocked = 1;
    kith__quic_lane_settle(link);
    if (!link->lanes_ended && !kith__quic_is_ending(link) && lane->sent > lane->first) {
        lane->is_told_blocked = 1;
        kith_up_lane_blocked(&link->base, lane->number);
    }
}

void kith__quic_lane_unblock(struct kith__quic_link *link, struct kith__quic_lane *lane)
{
    int is_told = lane->is_told_blocked;
    lane->is_blocked = lane->is_told_blocked = 0;
    if (is_told && !link->lanes_ended && !kith__quic_is_ending(link)) {
        kith_up_lane_writable(&link->base, lane->number);
    }
}

void kith__quic_lane_acked(struct kith__quic_link *link, struct kith__quic_lane *lane,
                           uint64_t upto)
{
    if (upto > lane->preamble_bytes) {
        lane->acked = upto;
        lane->is_acked = link->lanes_acked = 1;
    }
}

void kith__quic_lanes_confirm(struct kith__quic_link *link)
{
    /* From the first anew each time: the core may end the lanes meanwhile. */
    while (link->lanes_acked && !link->lanes_ended && !kith__quic_is_ending(link)) {
        struct kith__quic_lane *lane = NULL;
        for (struct kith_node *at = link->lanes.next; at != &link->lanes && lane == NULL;
             at = at->next) {
            struct kith__quic_lane *one = KITH_CONTAINER(at, struct kith__quic_lane, node);
            lane = one->is_acked ? one : NULL;
        }
        if (lane == NULL) {
            link->lanes_acked = 0;
            return;
        }
        lane->is_acked = 0;
        kith_up_lane_done(&link->base, lane->number,
                          lane->first + lane->acked - lane->preamble_bytes);
    }
}

void kith__quic_lanes_reset(struct kith__quic_link *link)
{
    link->lanes_ended = 0;
    while (!kith_list_empty(&link->old_lanes)) {
        struct kith__quic_lane *lane =
            KITH_CONTAINER(link->old_lanes.next, struct kith__quic_lane, node);
        if (link->conn != NULL && lane->stream >= 0) {
            (void)ngtcp2_conn_set_stream_user_data(link->conn, lane->stream, NULL);
            /* From here on it reads nothing of the stream any more. */
            (void)ngtcp2_conn_shutdown_stream_write(link->conn, 0, lane->stream, 0);
        }
        kith_list_remove(&lane->node);
        kith_free(link->base.endpoint->env, lane);
    }
}

/* Nothing is written, and nothing lent looked at, before they are reset. */
void kith__quic_lanes_end(struct kith_link *base)
{
    struct kith__quic_link *link = (struct kith__quic_link *)(void *)base;
    if (link->stage != KITH__QUIC_SHAKING && link->stage != KITH__QUIC_UP) {
        return;
    }
    link->chunk.lane = NULL;
    link->lanes_ended = 1;
    while (!kith_list_empty(&link->lanes)) {
        struct kith_node *node = link->lanes.next;
        kith_list_remove(node);
        kith_list_append(&link->old_lanes, node);
    }
    kith__quic_link_wake(link);
}

/* ---- receiving --------------------------------------------------------------------------- */

int kith__quic_arrival_open(struct kith__quic_link *link, int64_t stream)
{
    struct kith__quic_arrival *arrival = kith_alloc(link->base.endpoint->env, sizeof *arrival);
    if (arrival == NULL) {
        kith__quic_link_fail(link, KITH_REASON_INTERNAL, "out of memory");
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    arrival->stream = stream;
    kith_list_append(&link->arrivals, &arrival->node);
    return ngtcp2_conn_set_stream_user_data(link->conn, stream, arrival);
}

void kith__quic_arrival_over(struct kith__quic_link *link, struct kith__quic_arrival *arrival)
{
    kith_list_remove(&arrival->node);
    kith_free(link->base.endpoint->env, arrival);
}

static void make_stale(struct kith__quic_link *link, struct kith__quic_arrival *arrival)
{
    arrival->is_stale = 1;
    (void)ngtcp2_conn_shutdown_stream_read(link->conn, 0, arrival->stream, 0);
}

/* Of the streams with this lane only the one that was opened last is left. */
static void choose_newest(struct kith__quic_link *link, struct kith__quic_arrival *arrival)
{
    for (struct kith_node *at = link->arrivals.next; at != &link->arrivals; at = at->next) {
        struct kith__quic_arrival *other = KITH_CONTAINER(at, struct kith__quic_arrival, node);
        if (other == arrival || !other->is_known || other->is_stale ||
            other->number != arrival->number) {
            continue;
        }
        make_stale(link, other->stream < arrival->stream ? other : arrival);
    }
}

/* How many bytes the preamble has, as far as those that came say. */
static size_t preamble_needs(const struct kith__quic_arrival *arrival)
{
    size_t lane;
    if (arrival->preamble_bytes == 0) {
        return 1;
    }
    lane = (size_t)1 << (arrival->preamble[0] >> 6);
    return arrival->preamble_bytes <= lane ? lane + 1
                                           : lane + ((size_t)1 << (arrival->preamble[lane] >> 6));
}

static size_t read_preamble(struct kith__quic_link *link, struct kith__quic_arrival *arrival,
                            const uint8_t *bytes, size_t count)
{
    size_t used = 0;
    struct kith_reader from;
    while (used < count && arrival->preamble_bytes < preamble_needs(arrival)) {
        arrival->preamble[arrival->preamble_bytes++] = bytes[used++];
    }
    if (arrival->preamble_bytes < preamble_needs(arrival)) {
        return used;
    }
    from = kith_reader_of(arrival->preamble, arrival->preamble_bytes);
    arrival->number = kith_read_varint(&from);
    arrival->next = kith_read_varint(&from);
    arrival->is_known = 1;
    choose_newest(link, arrival);
    return used;
}

int kith__quic_arrival_take(struct kith__quic_link *link, struct kith__quic_arrival *arrival,
                            const uint8_t *bytes, size_t count)
{
    uint64_t offset;
    if (!arrival->is_known) {
        size_t used = read_preamble(link, arrival, bytes, count);
        bytes += used;
        count -= used;
    }
    if (count == 0 || arrival->is_stale) {
        return 0;
    }
    offset = arrival->next;
    arrival->next += count;
    kith_up_lane_rx(&link->base, arrival->number, offset, bytes, count);
    return 0;
}

/* ---- the end ----------------------------------------------------------------------------- */

static void free_all(struct kith_env *env, struct kith_node *lanes)
{
    while (!kith_list_empty(lanes)) {
        struct kith_node *node = lanes->next;
        kith_list_remove(node);
        kith_free(env, KITH_CONTAINER(node, struct kith__quic_lane, node));
    }
}

void kith__quic_lanes_free(struct kith__quic_link *link)
{
    free_all(link->base.endpoint->env, &link->lanes);
    free_all(link->base.endpoint->env, &link->old_lanes);
    while (!kith_list_empty(&link->arrivals)) {
        kith__quic_arrival_over(
            link, KITH_CONTAINER(link->arrivals.next, struct kith__quic_arrival, node));
    }
}
