/* SPDX-License-Identifier: MIT
 *
 * lanes.c: a link whose transport carries each lane apart (KITH_DRIVER_MANY_LANES): lends their
 * bytes, takes those that come, and keeps what overtook the frame that puts the link in use. It
 * does not decide whose turn it is (scheduler.c) nor what bytes mean (peer.c). Pure.
 */
#include <assert.h>
#include <string.h>

#include "base/mutant.h"
#include "bounds.h"
#include "session/session.h"

int kith_conn_is_in_use(const struct kith_conn *conn)
{
    return conn->state == KITH_CONN_AUTHENTICATED && conn->peer != NULL &&
           (conn->peer->active == conn || kith_mutant(NO_WAIT)) &&
           conn->peer->state != KITH_PEER_CONNECTING;
}

/* ---- sending ----------------------------------------------------------------------------------
 */

int kith_up_lane_peek(struct kith_link *link, struct kith_lane_bytes *out)
{
    struct kith_conn *conn = link->conn;
    const struct kith_lane_tx *lane;
    int channel;
    if (!kith_conn_is_in_use(conn)) {
        return 0;
    }
    channel = kith_schedule_channel(conn);
    if (channel < 0) {
        return 0;
    }
    lane = &conn->peer->tx[channel];
    out->lane = (uint64_t)channel;
    out->offset = lane->sent;
    out->count = kith_lane_tx_peek(lane, out->slices, KITH_LANE_SLICES_MAX,
                                   kith_schedule_chunk(conn, (unsigned)channel), &out->slice_count);
    return 1;
}

void kith_up_lane_took(struct kith_link *link, uint64_t lane, size_t count)
{
    struct kith_conn *conn = link->conn;
    assert(lane < KITH_CHANNEL_COUNT);
    if (kith_conn_is_in_use(conn)) {
        conn->peer->next_channel = ((unsigned)lane + 1) % KITH_CHANNEL_COUNT;
        kith_lane_tx_took(&conn->peer->tx[lane], count);
    }
}

void kith_up_lane_blocked(struct kith_link *link, uint64_t lane)
{
    struct kith_conn *conn = link->conn;
    assert(lane < KITH_CHANNEL_COUNT);
    conn->lanes_blocked |= 1u << lane;
}

void kith_up_lane_writable(struct kith_link *link, uint64_t lane)
{
    struct kith_conn *conn = link->conn;
    assert(lane < KITH_CHANNEL_COUNT);
    conn->lanes_blocked &= ~(1u << lane);
    if (kith_conn_is_in_use(conn)) {
        conn->driver->tx_ready(link);
    }
}

void kith_up_lane_done(struct kith_link *link, uint64_t lane, uint64_t upto)
{
    struct kith_conn *conn = link->conn;
    assert(lane < KITH_CHANNEL_COUNT);
    if (kith_conn_is_in_use(conn)) {
        int was_sent = kith_lane_tx_release(&conn->peer->tx[lane], upto);
        assert(was_sent);
        (void)was_sent;
        kith_peer_tell_writable(conn->peer);
    }
}

/* ---- receiving --------------------------------------------------------------------------------
 */

static int reserve(struct kith_env *env, struct kith_early *early, size_t count)
{
    size_t room = early->room == 0 ? 1024 : early->room;
    uint8_t *bytes;
    while (room < early->count + count) {
        room *= 2;
    }
    bytes = room == early->room ? early->bytes : kith_resize(env, early->bytes, room);
    if (bytes == NULL) {
        return 0;
    }
    early->bytes = bytes;
    early->room = room;
    return 1;
}

/* The other side uses the link already; its word for that is still on its way. It can send no more
 * than the first windows allow.
 *
 * Where the arbiter chose this link, another, and this one again, the other side has begun its
 * lanes here twice, and bytes of the first time may come among those of the second. Every beginning
 * is at most at what has been received, because that is what the table told. So bytes that go on
 * where the kept ones end, or the received ones, are good whichever time they are of, and any
 * behind a gap are of a time that was cut off. */
static void keep(struct kith_conn *conn, uint64_t lane, uint64_t offset, const uint8_t *bytes,
                 size_t count)
{
    const struct kith_lane_rx *rx = lane < KITH_CHANNEL_COUNT ? &conn->peer->rx[lane] : NULL;
    struct kith_early *early;
    uint64_t known, skip;
    if (rx == NULL || offset > rx->limit || count > rx->limit - offset) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "lane bytes before the link is in use");
        return;
    }
    early = &conn->early[lane];
    if (early->offset + early->count <= rx->received) {
        early->offset = rx->received;
        early->count = 0;
    }
    known = early->offset + early->count;
    if (offset > known || offset + count <= known) {
        (void)kith_conn_count_repeat(conn, count);
        return;
    }
    skip = known - offset;
    if (!reserve(conn->session->env, early, count - (size_t)skip)) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
        return;
    }
    memcpy(early->bytes + early->count, bytes + skip, count - (size_t)skip);
    early->count += count - (size_t)skip;
}

void kith_up_lane_rx(struct kith_link *link, uint64_t lane, uint64_t offset, const uint8_t *bytes,
                     size_t count)
{
    struct kith_conn *conn = link->conn;
    if (conn->state < KITH_CONN_HELLO || conn->state >= KITH_CONN_CLOSING) {
        return;
    }
    kith_conn_heard(conn);
    if (conn->state != KITH_CONN_AUTHENTICATED) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "lane bytes have no place here");
    } else if (count == 0) {
        (void)kith_conn_count_idle(conn);
    } else if (conn->peer != NULL && conn->peer->conn == conn && conn->peer->active != conn) {
        keep(conn, lane, offset, bytes, count);
    } else {
        kith_peer_data(conn, lane, offset, bytes, count, 0);
    }
}

void kith_lanes_begin(struct kith_conn *conn)
{
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        struct kith_early early = conn->early[i];
        conn->early[i] = (struct kith_early){NULL, 0, 0, 0};
        if (early.count > 0 && kith_conn_is_in_use(conn) && !kith_mutant(FORGET_EARLY)) {
            kith_peer_data(conn, i, early.offset, early.bytes, early.count, 0);
        }
        kith_free(conn->session->env, early.bytes);
    }
}

void kith_lanes_drop(struct kith_conn *conn)
{
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        kith_free(conn->session->env, conn->early[i].bytes);
        conn->early[i].bytes = NULL;
    }
}
