/* SPDX-License-Identifier: MIT
 *
 * scheduler.c: which bytes a link sends next. Decided as late as possible, when the driver can
 * write: control frames first, then CREDIT, datagrams, and data of the lanes by urgency and in
 * turn, in chunks that no one has to wait long behind. Pure.
 */
#include <string.h>

#include "session/session.h"

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

/* One chunk of one lane. */
static void write_data(struct kith_peer *peer, unsigned channel, struct kith_writer *to)
{
    struct kith_lane_tx *lane = &peer->tx[channel];
    uint64_t offset = lane->sent, ready = kith_lane_tx_ready(lane);
    size_t most = to->left - KITH_FRAME_HEAD_BYTES_MAX - KITH_DATA_HEAD_BYTES_MAX;
    size_t count = ready < KITH_CHUNK_BYTES_MAX ? (size_t)ready : KITH_CHUNK_BYTES_MAX;
    count = count < most ? count : most;
    kith_write_data_head(to, channel, offset, 0, count);
    count = kith_lane_tx_take(lane, to->at, count);
    to->at += count;
    to->left -= count;
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

/* A chunk at a time, while there is room worth a frame. */
static void write_lanes(struct kith_conn *conn, struct kith_writer *to)
{
    struct kith_peer *peer = conn->peer;
    int channel;
    while (to->left >= 2 * (KITH_FRAME_HEAD_BYTES_MAX + KITH_DATA_HEAD_BYTES_MAX) &&
           (channel = kith_schedule_channel(conn)) >= 0) {
        peer->next_channel = ((unsigned)channel + 1) % KITH_CHANNEL_COUNT;
        write_data(peer, (unsigned)channel, to);
    }
}

size_t kith_schedule(struct kith_conn *conn, uint8_t *out, size_t room)
{
    size_t count = conn->up ? take_control(conn, out, room) : 0;
    struct kith_writer to = kith_writer_of(out + count, room - count);
    if (kith_conn_is_in_use(conn) && conn->control_start == conn->control_count) {
        unsigned capabilities = conn->driver->capabilities;
        write_credits(conn->peer, &to);
        if ((capabilities & KITH_DRIVER_DATAGRAMS) == 0) {
            kith_datagrams_write(conn, &to);
        }
        if ((capabilities & KITH_DRIVER_MANY_LANES) == 0) {
            write_lanes(conn, &to);
        }
        write_blocked(conn->peer, &to);
    }
    count += kith_written(&to);
    if (kith_conn_is_in_use(conn)) {
        kith_peer_tell_writable(conn->peer); /* what was sent once more is not kept any longer */
    }
    return count;
}
