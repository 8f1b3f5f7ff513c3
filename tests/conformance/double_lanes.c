/* SPDX-License-Identifier: MIT
 *
 * double_lanes.c: the double's lanes and datagrams. What it lends lies in blocks of their own that
 * are freed the moment the driver may not read them any more; and which lane a peek gives changes
 * from peek to peek.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "double.h"
#include "inside.h"

enum { CHUNK_BYTES_MAX = 6000, LEND_BYTES_MAX = 16 * 1024 };

static struct lane *find_lane(struct conn *conn, uint64_t number)
{
    for (size_t i = 0; i < conn->lane_count; i++) {
        if (conn->lanes[i].number == number) {
            return &conn->lanes[i];
        }
    }
    return NULL;
}

struct lane *conn_lane(struct conn *conn, uint64_t number, uint64_t first)
{
    struct lane *lane = find_lane(conn, number);
    if (lane == NULL) {
        CHECK(conn->lane_count < DOUBLE_LANES_MAX, "too many lanes");
        lane = &conn->lanes[conn->lane_count++];
        lane->number = number;
        lane->first = lane->offered = lane->made = lane->sent = lane->done = first;
        kith_list_init(&lane->chunks);
    }
    return lane;
}

void lane_offer(struct conn *conn, uint64_t number, uint64_t count)
{
    conn_lane(conn, number, 0)->offered += count;
    conn_offer(conn, 0);
}

void conn_lanes_end(struct conn *conn)
{
    down_enter();
    conn->core->place->driver->lanes_end(conn->link);
    down_leave();
    lanes_take_back(conn);
    for (size_t i = 0; i < conn->lane_count; i++) {
        struct lane *lane = &conn->lanes[i];
        lane->blocked = lane->begun = 0;
        lane->first = lane->done = lane->sent;
    }
}

/* ---- what is lent ------------------------------------------------------------------------ */

static void drop_chunk(struct chunk *chunk)
{
    kith_list_remove(&chunk->node);
    place_poison(chunk->bytes, chunk->count);
    free(chunk);
}

void lanes_take_back(struct conn *conn)
{
    for (size_t i = 0; i < conn->lane_count; i++) {
        struct lane *lane = &conn->lanes[i];
        while (!kith_list_empty(&lane->chunks)) {
            drop_chunk(KITH_CONTAINER(lane->chunks.next, struct chunk, node));
        }
        lane->offered = lane->made = lane->sent; /* nothing more goes */
    }
    conn->peeked = NULL;
}

static void make_chunk(struct conn *conn, struct lane *lane)
{
    uint64_t left = lane->offered - lane->made;
    size_t count = 1 + place_below(conn->core->place, CHUNK_BYTES_MAX);
    struct chunk *chunk;
    count = left < count ? (size_t)left : count;
    chunk = malloc(sizeof *chunk + count);
    CHECK(chunk != NULL, "out of memory");
    chunk->offset = lane->made;
    chunk->count = count;
    pattern_write(lane_pattern(conn->dialled, lane->number, lane->made), chunk->bytes, count);
    lane->made += count;
    kith_list_append(&lane->chunks, &chunk->node);
}

/* What was not yet sent of the chunks that there are, and new ones, while there are pieces left. */
static void lend(struct conn *conn, struct lane *lane, struct kith_lane_bytes *out)
{
    struct kith_node *at = lane->chunks.next;
    out->lane = lane->number;
    out->offset = lane->sent;
    out->count = out->slice_count = 0;
    while (out->slice_count < KITH_LANE_SLICES_MAX && out->count < LEND_BYTES_MAX) {
        struct chunk *chunk;
        size_t skip;
        if (at == &lane->chunks) {
            if (lane->made == lane->offered) {
                return;
            }
            make_chunk(conn, lane);
            at = lane->chunks.prev;
        }
        chunk = KITH_CONTAINER(at, struct chunk, node);
        at = at->next;
        if (chunk->offset + chunk->count > lane->sent) {
            struct kith_slice *slice = &out->slices[out->slice_count++];
            skip = chunk->offset < lane->sent ? (size_t)(lane->sent - chunk->offset) : 0;
            slice->bytes = chunk->bytes + skip;
            slice->count = chunk->count - skip;
            if (slice->count > LEND_BYTES_MAX - out->count) {
                slice->count = LEND_BYTES_MAX - out->count;
            }
            out->count += slice->count;
        }
    }
}

int kith_up_lane_peek(struct kith_link *link, struct kith_lane_bytes *out)
{
    struct conn *conn = up_enter(link, "kith_up_lane_peek()");
    CHECK(place_can(conn->core->place, KITH_DRIVER_MANY_LANES), "the driver has no lanes");
    conn->peeked = NULL;
    for (size_t i = 0; i < conn->lane_count && conn->peeked == NULL; i++) {
        struct lane *lane = &conn->lanes[(conn->next_lane + i) % conn->lane_count];
        if (!lane->blocked && lane->sent < lane->offered && conn->state == CONN_UP) {
            conn->peeked = lane;
        }
    }
    conn->next_lane++;
    if (conn->peeked != NULL) {
        lend(conn, conn->peeked, out);
        conn->peeked_count = out->count;
    }
    up_leave(conn, AT_LANE_PEEK);
    return conn->peeked != NULL;
}

void kith_up_lane_took(struct kith_link *link, uint64_t number, size_t count)
{
    struct conn *conn = up_enter(link, "kith_up_lane_took()");
    struct lane *lane = find_lane(conn, number);
    CHECK(lane != NULL && lane == conn->peeked, "taken is not what the last peek gave");
    CHECK(count > 0 && count <= conn->peeked_count, "%zu of %zu bytes are taken", count,
          conn->peeked_count);
    lane->sent += count;
    lane->begun = 1;
    conn->peeked = NULL;
    up_leave(conn, AT_LANE_TOOK);
}

/* ---- what the transport says of lanes ---------------------------------------------------- */

void kith_up_lane_blocked(struct kith_link *link, uint64_t number)
{
    struct conn *conn = up_enter(link, "kith_up_lane_blocked()");
    struct lane *lane = find_lane(conn, number);
    CHECK(lane != NULL && lane->begun, "a lane is blocked that has not begun");
    CHECK(!lane->blocked, "a lane is blocked that is so already");
    lane->blocked = 1;
    lane->times_blocked++;
    up_leave(conn, AT_LANE_BLOCKED);
}

void kith_up_lane_writable(struct kith_link *link, uint64_t number)
{
    struct conn *conn = up_enter(link, "kith_up_lane_writable()");
    struct lane *lane = find_lane(conn, number);
    CHECK(lane != NULL && lane->blocked, "a lane is writable that was not blocked");
    lane->blocked = 0;
    if (lane->sent < lane->offered) {
        conn_offer(conn, 0); /* peeks do not come by themselves */
    }
    up_leave(conn, AT_LANE_WRITABLE);
}

void kith_up_lane_done(struct kith_link *link, uint64_t number, uint64_t upto)
{
    struct conn *conn = up_enter(link, "kith_up_lane_done()");
    struct lane *lane = find_lane(conn, number);
    CHECK(lane != NULL && lane->begun, "done with a lane that has not begun");
    CHECK(!conn->closing, "done after close(), which took everything back");
    CHECK(upto >= lane->done && upto <= lane->sent, "done goes to %llu, sent are %llu",
          (unsigned long long)upto, (unsigned long long)lane->sent);
    lane->done = upto;
    lane->dones++;
    while (!kith_list_empty(&lane->chunks)) {
        struct chunk *chunk = KITH_CONTAINER(lane->chunks.next, struct chunk, node);
        if (chunk->offset + chunk->count > upto) {
            if (chunk->offset < upto) {
                memset(chunk->bytes, 0xdd, (size_t)(upto - chunk->offset));
            }
            break;
        }
        drop_chunk(chunk);
    }
    up_leave(conn, AT_LANE_DONE);
}

void kith_up_lane_rx(struct kith_link *link, uint64_t number, uint64_t offset, const uint8_t *bytes,
                     size_t count)
{
    struct conn *conn = up_enter(link, "kith_up_lane_rx()");
    CHECK(conn->state == CONN_UP, "kith_up_lane_rx() before kith_up_link()");
    CHECK(count > 0, "kith_up_lane_rx() of nothing");
    if (!conn->closing) {
        struct lane *lane = conn_lane(conn, number, 0);
        CHECK(!lane->has_come || offset == lane->came || conn->core->lanes_jump,
              "lane %llu goes from %llu to %llu", (unsigned long long)number,
              (unsigned long long)lane->came, (unsigned long long)offset);
        CHECK(pattern_is(lane_pattern(!conn->dialled, number, offset), bytes, count),
              "%zu bytes of lane %llu from %llu on are not what was sent", count,
              (unsigned long long)number, (unsigned long long)offset);
        /* Those of before the end may still come, late; they are no news. */
        if (!lane->has_come || (offset <= lane->came && offset + count > lane->came)) {
            lane->came = offset + count;
        }
        lane->has_come = 1;
    }
    up_leave(conn, AT_LANE_RX);
}

/* ---- datagrams --------------------------------------------------------------------------- */

size_t conn_datagram_max(struct conn *conn)
{
    size_t count;
    down_enter();
    count = conn->core->place->driver->datagram_max(conn->link);
    down_leave();
    return count;
}

void conn_datagram(struct conn *conn, size_t count)
{
    const size_t room = sizeof conn->datagram_sizes / sizeof *conn->datagram_sizes;
    CHECK(conn->datagram_last - conn->datagram_first < room, "too many datagrams wait");
    conn->datagram_sizes[conn->datagram_last++ % room] = count;
    conn_offer(conn, 0);
}

static void check_datagrams(const struct conn *conn)
{
    CHECK(place_can(conn->core->place, KITH_DRIVER_DATAGRAMS), "the driver has no datagrams");
    CHECK(conn->state == CONN_UP, "a datagram is asked for before kith_up_link()");
    CHECK(!conn->closing, "a datagram is asked for after close()");
}

/* A datagram is the pattern from the place that its length says. */
int kith_up_datagram_peek(struct kith_link *link, size_t room, struct kith_slice *out)
{
    static uint8_t bytes[KITH_DATAGRAM_BYTES_MAX];
    struct conn *conn = up_enter(link, "kith_up_datagram_peek()");
    const size_t ring = sizeof conn->datagram_sizes / sizeof *conn->datagram_sizes;
    int given = 0;
    check_datagrams(conn);
    conn->asked_writable += conn_can_write(conn);
    while (!given && conn->datagram_first < conn->datagram_last) {
        size_t next = conn->datagram_sizes[conn->datagram_first % ring];
        if (next > room) {
            conn->datagrams_dropped++;
            conn->datagram_first++;
            continue;
        }
        memset(bytes, 0xdd, sizeof bytes); /* what was lent before must not be read any more */
        pattern_write(next, bytes, next);
        *out = (struct kith_slice){bytes, next};
        given = 1;
    }
    conn->datagram_is_lent = given;
    up_leave(conn, AT_DATAGRAM_PEEK);
    return given;
}

void kith_up_datagram_took(struct kith_link *link)
{
    struct conn *conn = up_enter(link, "kith_up_datagram_took()");
    check_datagrams(conn);
    CHECK(conn->datagram_is_lent, "kith_up_datagram_took() without a datagram");
    conn->datagram_is_lent = 0;
    conn->datagram_first++;
    conn->datagrams_sent++;
    up_leave(conn, AT_DATAGRAM_TOOK);
}

void kith_up_datagram_rx(struct kith_link *link, const uint8_t *bytes, size_t count)
{
    struct conn *conn = up_enter(link, "kith_up_datagram_rx()");
    CHECK(conn->state == CONN_UP, "kith_up_datagram_rx() before kith_up_link()");
    if (!conn->closing) {
        CHECK(pattern_is(count, bytes, count), "a datagram of %zu bytes is not what was sent",
              count);
        conn->datagrams_came++;
        conn->datagram_bytes_came += count;
        conn->datagram_largest = count > conn->datagram_largest ? count : conn->datagram_largest;
    }
    up_leave(conn, AT_DATAGRAM_RX);
}
