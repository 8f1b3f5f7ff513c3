/* SPDX-License-Identifier: MIT
 *
 * scheduler.c: which bytes a link sends next. Decided as late as possible, when the driver can
 * write: control frames first, then CREDIT, datagrams, and data of the lanes by urgency and in
 * turn, in chunks that no one has to wait long behind. Pure.
 */
#include <string.h>

#include "bounds.h"
#include "session/session.h"

/* Where bytes go. */
struct sheet {
    struct kith_writer to;
    struct kith_pulled *pulled; /* NULL: all are written; else large ones are lent */
    uint8_t *piece;             /* written and not yet among the slices */
    size_t most;                /* bytes in all; to has no room for more than are left of it */
};

static size_t take_control(struct kith_conn *conn, uint8_t *out, size_t room)
{
    size_t count = conn->control_count - conn->control_start;
    count = count < room ? count : room;
    if (count > 0) {
        memcpy(out, conn->control + conn->control_start, count);
        conn->control_start += count;
    }
    return count;
}

static void write_credits(struct kith_peer *peer, struct kith_writer *to)
{
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        struct kith_credit credit;
        if (to->left >= KITH_CREDIT_BYTES_MAX + 2 && kith_lane_rx_news(&peer->rx[i], &credit)) {
            uint8_t body[KITH_CREDIT_BYTES_MAX];
            kith_write_frame(to, KITH_FRAME_CREDIT, body, kith_credit_encode(&credit, body));
        }
    }
}

static void write_data(struct kith_lane_tx *lane, unsigned channel, size_t chunk,
                       struct kith_writer *to)
{
    uint64_t ready = kith_lane_tx_ready(lane);
    size_t most = to->left - KITH_FRAME_HEAD_BYTES_MAX - KITH_DATA_HEAD_BYTES_MAX;
    size_t count = ready < chunk ? (size_t)ready : chunk;
    count = count < most ? count : most;
    kith_write_data_head(to, channel, lane->sent, 0, count);
    count = kith_lane_tx_take(lane, to->at, count);
    to->at += count;
    to->left -= count;
}

/* What has been written since the last piece is one. */
static void end_piece(struct sheet *sheet)
{
    struct kith_pulled *pulled = sheet->pulled;
    size_t count = (size_t)(sheet->to.at - sheet->piece);
    if (count > 0) {
        pulled->slices[pulled->slice_count++] = (struct kith_slice){sheet->piece, count};
        pulled->count += count;
        sheet->piece = sheet->to.at;
    }
}

static size_t left_in_all(const struct sheet *sheet)
{
    return sheet->most - sheet->pulled->count - (size_t)(sheet->to.at - sheet->piece);
}

/* 0: not worth it, or too many pieces; the bytes are to be copied. */
static int lend_data(struct kith_lane_tx *lane, unsigned channel, size_t chunk, struct sheet *sheet)
{
    struct kith_pulled *pulled = sheet->pulled;
    struct kith_slice slices[KITH_LEND_SLICES_MAX];
    size_t slice_count, count;
    size_t most = left_in_all(sheet) - KITH_FRAME_HEAD_BYTES_MAX - KITH_DATA_HEAD_BYTES_MAX;
    most = most < chunk ? most : chunk;
    count = kith_lane_tx_peek(lane, slices, KITH_LEND_SLICES_MAX, most, &slice_count);
    if (count < slice_count * KITH_LEND_BYTES_MIN ||
        pulled->slice_count + slice_count + 2 > KITH_PULL_SLICES_MAX) {
        return 0;
    }
    kith_write_data_head(&sheet->to, channel, lane->sent, 0, count);
    end_piece(sheet);
    memcpy(pulled->slices + pulled->slice_count, slices, slice_count * sizeof *slices);
    pulled->slice_count += slice_count;
    pulled->count += count;
    if (sheet->to.left > left_in_all(sheet)) {
        sheet->to.left = left_in_all(sheet);
    }
    kith_lane_tx_took(lane, count);
    return 1;
}

/* The lanes whose sender should say that it is blocked. */
static void write_blocked(struct kith_peer *peer, struct kith_writer *to)
{
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        uint8_t body[KITH_BLOCKED_BYTES_MAX];
        uint64_t limit;
        if (to->left >= KITH_BLOCKED_BYTES_MAX + 2 && kith_lane_tx_blocked(&peer->tx[i], &limit)) {
            kith_write_frame(to, KITH_FRAME_BLOCKED, body, kith_blocked_encode(i, limit, body));
            peer->stats.times_blocked++;
        }
    }
}

/* Of the most urgent channels that have something, the one whose turn it is. */
int kith_schedule_channel(const struct kith_conn *conn)
{
    const struct kith_peer *peer = conn->peer;
    const uint8_t *priority = conn->session->config.channel_priority;
    int best = -1;
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        unsigned channel = (peer->next_channel + i) % KITH_CHANNEL_COUNT;
        if ((conn->lanes_blocked >> channel & 1) == 0 &&
            kith_lane_tx_ready(&peer->tx[channel]) > 0 &&
            (best < 0 || priority[channel] > priority[best])) {
            best = (int)channel;
        }
    }
    return best;
}

/* What that channel may send before another one has its turn. */
size_t kith_schedule_chunk(const struct kith_conn *conn, unsigned channel)
{
    const struct kith_peer *peer = conn->peer;
    const uint8_t *priority = conn->session->config.channel_priority;
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        if (i != channel && priority[i] == priority[channel] &&
            (conn->lanes_blocked >> i & 1) == 0 && kith_lane_tx_ready(&peer->tx[i]) > 0) {
            return KITH_CHUNK_BYTES_MAX;
        }
    }
    return KITH_CHUNK_ALONE_BYTES_MAX;
}

/* A chunk at a time, while there is room worth a frame. */
static void write_lanes(struct kith_conn *conn, struct sheet *sheet)
{
    struct kith_peer *peer = conn->peer;
    int channel;
    while (sheet->to.left >= 2 * (KITH_FRAME_HEAD_BYTES_MAX + KITH_DATA_HEAD_BYTES_MAX) &&
           (channel = kith_schedule_channel(conn)) >= 0) {
        struct kith_lane_tx *lane = &peer->tx[channel];
        size_t chunk = kith_schedule_chunk(conn, (unsigned)channel);
        peer->next_channel = ((unsigned)channel + 1) % KITH_CHANNEL_COUNT;
        if (sheet->pulled == NULL || !lend_data(lane, (unsigned)channel, chunk, sheet)) {
            write_data(lane, (unsigned)channel, chunk, &sheet->to);
        }
    }
}

/* Where messages wait as well they have a part of each sheet. */
static void write_datagrams(struct kith_conn *conn, struct kith_writer *to)
{
    int alone = (conn->driver->capabilities & KITH_DRIVER_MANY_LANES) != 0 ||
                kith_schedule_channel(conn) < 0;
    size_t kept = alone ? 0 : to->left / 5;
    to->left -= kept;
    kith_datagrams_write(conn, to);
    to->left += kept;
}

static void fill(struct kith_conn *conn, struct sheet *sheet)
{
    struct kith_writer *to = &sheet->to;
    size_t count = conn->up ? take_control(conn, to->at, to->left) : 0;
    to->at += count;
    to->left -= count;
    if (kith_conn_is_in_use(conn) && conn->control_start == conn->control_count) {
        unsigned capabilities = conn->driver->capabilities;
        write_credits(conn->peer, to);
        if ((capabilities & KITH_DRIVER_DATAGRAMS) == 0) {
            write_datagrams(conn, to);
        }
        if ((capabilities & KITH_DRIVER_MANY_LANES) == 0) {
            write_lanes(conn, sheet);
        }
        write_blocked(conn->peer, to);
    }
}

/* Where datagrams are frames of a stream, there is room for them when it is asked for bytes. */
static void tell_of_datagrams(struct kith_conn *conn)
{
    if ((conn->driver->capabilities & KITH_DRIVER_DATAGRAMS) == 0) {
        kith_datagrams_tell(conn, KITH_DATAGRAM_BYTES_MAX);
    }
}

size_t kith_schedule(struct kith_conn *conn, uint8_t *out, size_t room)
{
    struct sheet sheet = {.to = kith_writer_of(out, room)};
    tell_of_datagrams(conn);
    fill(conn, &sheet);
    if (kith_conn_is_in_use(conn)) {
        kith_peer_tell_writable(conn->peer); /* what was sent once more is not kept any longer */
    }
    return kith_written(&sheet.to);
}

void kith_schedule_slices(struct kith_conn *conn, uint8_t *out, size_t room, size_t most,
                          struct kith_pulled *pulled)
{
    struct sheet sheet = {kith_writer_of(out, room), pulled, out, most};
    pulled->count = pulled->slice_count = 0;
    fill(conn, &sheet);
    end_piece(&sheet);
}

void kith_schedule_done(struct kith_conn *conn)
{
    int one_lane = (conn->driver->capabilities & KITH_DRIVER_MANY_LANES) == 0;
    if (kith_conn_is_in_use(conn)) {
        for (size_t i = 0; i < KITH_CHANNEL_COUNT && one_lane; i++) {
            struct kith_lane_tx *lane = &conn->peer->tx[i];
            (void)kith_lane_tx_release(lane, lane->sent);
        }
        kith_peer_tell_writable(conn->peer);
    }
    tell_of_datagrams(conn);
}
