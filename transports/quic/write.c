/* SPDX-License-Identifier: MIT
 *
 * write.c: a link's packets: control until there is none, then datagrams, then lanes, and control
 * again after each chunk. As many as may go are made behind each other in one buffer, and sent with
 * one call. Must not run inside a callback of ngtcp2.
 */
#include <string.h>

#include "transports/quic/inside.h"

enum {
    /* A short header, its packet number and tag (RFC 9001 §5.3), and the frame's type and length.
     */
    DATAGRAM_OVERHEAD_BYTES = 1 + 4 + 16 + 3,
    CLOSE_BYTES = 1280,
    /* The loop's clock for timers has this step. */
    STEP_US = 1000
};

/* One packet being made. */
struct packet {
    struct kith__quic_link *link;
    ngtcp2_path *path;
    ngtcp2_pkt_info *info;
    uint8_t *out;
    size_t room, usual; /* usual: what the path carries */
    ngtcp2_tstamp now;
    int lanes_are_out; /* for this packet: none has anything, or the connection takes no more */
};

/* What a source could do: the packet is done, as ngtcp2 gave it, unless MORE fits; or NOTHING. */
enum { MORE = 1, NOTHING = 2 };
static int step(ngtcp2_ssize rv, ngtcp2_ssize *out)
{
    if (rv == NGTCP2_ERR_WRITE_MORE) {
        return MORE;
    }
    *out = rv;
    return 0;
}

static int is_no_stream(ngtcp2_ssize rv)
{
    return rv == NGTCP2_ERR_STREAM_SHUT_WR || rv == NGTCP2_ERR_STREAM_NOT_FOUND;
}

/* ---- control ----------------------------------------------------------------------------- */

/* The dialler opens the stream, if need be without a byte. */
static int control_is_open(struct kith__quic_link *link)
{
    struct kith__quic_control *control = &link->control;
    return control->stream >= 0 ||
           (link->dialled && ngtcp2_conn_open_bidi_stream(link->conn, &control->stream, NULL) == 0);
}

static int write_control(struct packet *packet, ngtcp2_ssize *out)
{
    struct kith__quic_link *link = packet->link;
    struct kith__quic_control *control = &link->control;
    ngtcp2_vec vectors[KITH__QUIC_VECTORS_MAX];
    ngtcp2_ssize went, rv;
    size_t count;
    if (control->is_blocked || !control_is_open(link)) {
        return NOTHING;
    }
    count = kith__quic_control_next(link, vectors, KITH__QUIC_VECTORS_MAX);
    if (kith__quic_is_over(link) || (count == 0 && control->is_announced)) {
        return NOTHING;
    }
    rv = ngtcp2_conn_writev_stream(link->conn, packet->path, packet->info, packet->out,
                                   packet->room, &went, NGTCP2_WRITE_STREAM_FLAG_MORE,
                                   control->stream, vectors, count, packet->now);
    if (went >= 0) {
        control->sent += (size_t)went;
        control->is_announced = 1;
    }
    if (rv == NGTCP2_ERR_STREAM_DATA_BLOCKED) {
        /* By the connection's window: the next packet that comes may widen it. */
        control->is_blocked =
            ngtcp2_conn_get_max_stream_data_left2(link->conn, control->stream) == 0;
        return NOTHING;
    }
    return is_no_stream(rv) ? NOTHING : step(rv, out);
}

/* ---- datagrams --------------------------------------------------------------------------- */

size_t kith__quic_datagram_max(struct kith_link *base)
{
    struct kith__quic_link *link = (struct kith__quic_link *)(void *)base;
    const ngtcp2_transport_params *theirs;
    size_t path, most;
    if (link->stage != KITH__QUIC_UP || kith__quic_is_ending(link)) {
        return 0;
    }
    theirs = ngtcp2_conn_get_remote_transport_params2(link->conn);
    if (theirs == NULL || theirs->max_datagram_frame_size <= 3) {
        return 0;
    }
    path = ngtcp2_conn_get_path_max_tx_udp_payload_size2(link->conn) - DATAGRAM_OVERHEAD_BYTES -
           NGTCP2_MAX_CIDLEN;
    most = theirs->max_datagram_frame_size - 3 < path ? (size_t)theirs->max_datagram_frame_size - 3
                                                      : path;
    return most < KITH_DATAGRAM_BYTES_MAX ? most : KITH_DATAGRAM_BYTES_MAX;
}

/* One that would only wait is better left with the core, which may yet drop it. */
static int write_datagram(struct packet *packet, ngtcp2_ssize *out)
{
    struct kith__quic_link *link = packet->link;
    struct kith_slice next;
    ngtcp2_vec vector;
    ngtcp2_ssize rv;
    int went = 0;
    if (link->datagrams_are_out || link->datagram_max == 0 ||
        ngtcp2_conn_get_cwnd_left2(link->conn) == 0) {
        return NOTHING;
    }
    if (kith__quic_is_ending(link) ||
        !kith_up_datagram_peek(&link->base, link->datagram_max, &next) ||
        kith__quic_is_ending(link)) {
        link->datagrams_are_out = 1;
        return NOTHING;
    }
    vector.base = (uint8_t *)(uintptr_t)next.bytes;
    vector.len = next.count;
    rv = ngtcp2_conn_writev_datagram(link->conn, packet->path, packet->info, packet->out,
                                     packet->room, &went, NGTCP2_WRITE_DATAGRAM_FLAG_MORE, 0,
                                     &vector, 1, packet->now);
    if (rv == NGTCP2_ERR_INVALID_ARGUMENT || rv == NGTCP2_ERR_INVALID_STATE) {
        kith_up_datagram_took(&link->base); /* larger than the path takes by now: it is lost */
        return MORE;
    }
    if (went) {
        link->datagram_run += next.count;
        kith_up_datagram_took(&link->base);
    }
    return step(rv, out);
}

/* ---- lanes ------------------------------------------------------------------------------- */

/* One lane's stream is full; or all of them are, because the connection is. */
static int lane_is_full(struct packet *packet)
{
    struct kith__quic_link *link = packet->link;
    if (ngtcp2_conn_get_max_stream_data_left2(link->conn, link->chunk.lane->stream) > 0) {
        kith__quic_lane_settle(link);
        packet->lanes_are_out = 1;
        return NOTHING;
    }
    kith__quic_lane_block(link);
    return MORE;
}

static int write_lane(struct packet *packet, ngtcp2_ssize *out)
{
    struct kith__quic_link *link = packet->link;
    ngtcp2_vec vectors[KITH__QUIC_VECTORS_MAX];
    ngtcp2_ssize went, rv;
    size_t count;
    if (packet->lanes_are_out || (link->chunk.lane == NULL && !kith__quic_lane_next(link))) {
        return NOTHING;
    }
    count = kith__quic_lane_vectors(link, vectors, packet->usual);
    rv = ngtcp2_conn_writev_stream(link->conn, packet->path, packet->info, packet->out,
                                   packet->room, &went, NGTCP2_WRITE_STREAM_FLAG_MORE,
                                   link->chunk.lane->stream, vectors, count, packet->now);
    if (went > 0) {
        link->datagram_run = 0;
        kith__quic_lane_went(link, (size_t)went);
    }
    if (rv == NGTCP2_ERR_STREAM_DATA_BLOCKED) {
        return lane_is_full(packet);
    }
    if (is_no_stream(rv)) {
        packet->lanes_are_out = 1; /* the other side broke it off, and hears of that */
        return NOTHING;
    }
    if (link->chunk.used == link->chunk.lent.count) {
        kith__quic_lane_settle(link);
    }
    return step(rv, out);
}

/* The datagrams do not end, and lanes have had nothing for long. */
static int is_lanes_turn(const struct kith__quic_link *link)
{
    return link->datagram_run >= KITH_DATAGRAM_RUN_BYTES;
}

/* ---- packets ----------------------------------------------------------------------------- */

/* The length of the packet; 0: there is none to send now. */
static ngtcp2_ssize write_packet(struct packet *packet)
{
    struct kith__quic_link *link = packet->link;
    ngtcp2_ssize bytes = 0;
    int did = MORE;
    if (link->chunk.lane != NULL && kith__quic_lane_left(link) < packet->usual) {
        /* What is left of it begins the next chunk: ngtcp2 puts nothing into the last 256 bytes of
         * a packet, and a short one ends the batch. */
        kith__quic_lane_settle(link);
    }
    link->is_woken_meanwhile = 0;
    while (did == MORE && link->stage == KITH__QUIC_UP && !kith__quic_is_over(link)) {
        did = NOTHING;
        if (link->chunk.lane == NULL) {
            did = write_control(packet, &bytes);
        }
        if (did == NOTHING && link->chunk.lane == NULL && !is_lanes_turn(link)) {
            did = write_datagram(packet, &bytes);
        }
        if (did == NOTHING) {
            did = write_lane(packet, &bytes);
        }
        if (did == NOTHING && is_lanes_turn(link)) {
            link->datagram_run = 0; /* they have nothing, or may not */
            did = MORE;
        }
    }
    if (did == 0) {
        return bytes;
    }
    /* What ngtcp2 itself has to say, and the end of a packet that was begun. */
    return ngtcp2_conn_writev_stream(link->conn, packet->path, packet->info, packet->out,
                                     packet->room, NULL, NGTCP2_WRITE_STREAM_FLAG_NONE, -1, NULL, 0,
                                     packet->now);
}

/* ---- batches ----------------------------------------------------------------------------- */

static struct kith__udp_path destination(const ngtcp2_path *path)
{
    struct kith__udp_path to;
    memcpy(&to.local.storage, path->local.addr, path->local.addrlen);
    memcpy(&to.remote.storage, path->remote.addr, path->remote.addrlen);
    to.local.bytes = path->local.addrlen;
    to.remote.bytes = path->remote.addrlen;
    return to;
}

static void send_off(struct kith__quic_link *link, const ngtcp2_path *path, const uint8_t *bytes,
                     size_t count, size_t segment)
{
    struct kith__udp_path to = destination(path);
    char reason[80];
    int error = kith__quic_socket_send(link->socket, &to, bytes, count, segment);
    /* Later the network may be gone for a while; then packets are lost, and that is all. */
    if (error != 0 && link->dialled && !link->heard) {
        kith__quic_link_fail(link, kith__net_reason_of(error), "%s cannot be reached: %s%s",
                             link->remote, kith__net_errno_text(error, reason, sizeof reason),
                             kith__net_advice(error));
        link->mute = 1;
        kith__quic_link_cut(link);
    }
}

/* Packets behind each other: all of one size, but the last one, which may be shorter. */
struct batch {
    struct kith__quic_link *link;
    ngtcp2_path_storage path;
    uint8_t *bytes;
    size_t count, segment;
    size_t usual; /* the path carries packets up to that; a larger one is to find out */
};

static void send_batch(struct batch *batch)
{
    if (batch->count > 0) {
        send_off(batch->link, &batch->path.path, batch->bytes, batch->count, batch->segment);
    }
    batch->bytes += batch->count;
    batch->count = 0;
}

/* Nothing can be behind the last packet. */
static int is_closed(const struct batch *batch)
{
    return batch->count % batch->segment != 0 || batch->segment > batch->usual ||
           batch->count == KITH__UDP_SEGMENTS_MAX * batch->segment;
}

/* A packet was made behind the others. */
static void add_packet(struct batch *batch, const ngtcp2_path *path, size_t count)
{
    if (batch->count > 0 && (count > batch->segment || !ngtcp2_path_eq(&batch->path.path, path))) {
        send_batch(batch);
    }
    if (batch->count == 0) {
        ngtcp2_path_copy(&batch->path.path, path);
        batch->segment = count;
    }
    batch->count += count;
    if (is_closed(batch)) {
        send_batch(batch);
        batch->bytes = kith__quic_endpoint_of(batch->link)->sending;
    }
}

/* Bytes that pacing allows before the loop's timer can fire again. */
static size_t allowance_of(const struct kith__quic_link *link)
{
    ngtcp2_conn_info info;
    uint64_t bytes;
    ngtcp2_conn_get_conn_info2(link->conn, &info);
    if (info.smoothed_rtt == 0) {
        return KITH__UDP_BATCH_BYTES;
    }
    bytes = KITH__UDP_BATCH_BYTES +
            info.cwnd * 5 / 4 * (STEP_US * NGTCP2_MICROSECONDS) / info.smoothed_rtt;
    return bytes < KITH__QUIC_BYTES_PER_TURN ? (size_t)bytes : KITH__QUIC_BYTES_PER_TURN;
}

void kith__quic_write(struct kith__quic_link *link)
{
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    const uint8_t *end = endpoint->sending + KITH__UDP_BATCH_BYTES;
    ngtcp2_tstamp now = kith__quic_now(endpoint->base.env);
    size_t allowed = allowance_of(link);
    struct batch batch = {.link = link, .bytes = endpoint->sending};
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    ngtcp2_ssize bytes = 1;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_path_storage_zero(&batch.path);
    batch.usual = ngtcp2_conn_get_path_max_tx_udp_payload_size2(link->conn);
    link->control.is_dry = link->datagrams_are_out = 0;
    link->datagram_max = kith__quic_datagram_max(&link->base);
    link->is_writing = 1;
    while (allowed > 0 && !kith__quic_is_over(link) && !kith__quic_socket_is_full(link->socket)) {
        uint8_t *out = batch.bytes + batch.count;
        struct packet packet = {.link = link,
                                .path = &path.path,
                                .info = &info,
                                .out = out,
                                .room = (size_t)(end - out),
                                .usual = batch.usual,
                                .now = now};
        if (packet.room < batch.usual) {
            send_batch(&batch);
            batch.bytes = endpoint->sending;
            continue;
        }
        bytes = write_packet(&packet);
        if (bytes <= 0) {
            break;
        }
        add_packet(&batch, &path.path, (size_t)bytes);
        allowed -= allowed < (size_t)bytes ? allowed : (size_t)bytes;
    }
    kith__quic_lane_settle(link);
    send_batch(&batch);
    link->is_writing = 0;
    if (link->is_woken_meanwhile && allowed > 0) {
        kith__quic_link_wake(link);
    }
    ngtcp2_conn_update_pkt_tx_time(link->conn, now);
    if (bytes < 0) {
        kith__quic_explain(link, (int)bytes);
    }
}

void kith__quic_write_close(struct kith__quic_link *link)
{
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    ngtcp2_ssize bytes;
    ngtcp2_path_storage_zero(&path);
    bytes = ngtcp2_conn_write_connection_close(link->conn, &path.path, &info, endpoint->sending,
                                               CLOSE_BYTES, &link->error,
                                               kith__quic_now(endpoint->base.env));
    if (bytes > 0) {
        struct kith__udp_path to = destination(&path.path);
        (void)kith__quic_socket_send(link->socket, &to, endpoint->sending, (size_t)bytes,
                                     (size_t)bytes);
        kith__quic_bury(link, &to, endpoint->sending, (size_t)bytes);
    }
}
