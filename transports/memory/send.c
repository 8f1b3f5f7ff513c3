/* SPDX-License-Identifier: MIT
 *
 * send.c: what the core has becomes packets: control until there is none, then datagrams, then
 * lanes, and control again after each chunk. Reads lent bytes as a transport with retransmission
 * would: when they are sent, when they arrive, and when they are confirmed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transports/memory/inside.h"

enum {
    PULL_BYTES_MIN = 2048, /* what the contract promises the core */
    LANE_CHUNK_BYTES_MAX = 64 * 1024
};

_Noreturn void kith__mem_blame(const struct kith__mem_link *link, const char *what)
{
    fprintf(stderr, "kith: memory transport: link %llu, %s: %s\n", (unsigned long long)link->number,
            link->is_dialled ? "dialler" : "acceptor", what);
    abort();
}

/* ---- control and datagrams --------------------------------------------------------------- */

int kith__mem_can_write(struct kith_link *base)
{
    const struct kith__mem_link *link = (const struct kith__mem_link *)base;
    size_t limit = link->stage == KITH__MEM_UP ? link->hub->in_flight_bytes : 0;
    return !link->is_closing && !link->is_cut && link->control_in_flight < limit &&
           link->datagrams_in_flight < limit;
}

static size_t pull_room(struct kith__mem_link *link)
{
    size_t room = link->hub->in_flight_bytes - link->control_in_flight;
    if (room > KITH_MEMORY_PACKET_BYTES) {
        room = KITH_MEMORY_PACKET_BYTES;
    }
    if (room < PULL_BYTES_MIN) {
        room = PULL_BYTES_MIN;
    }
    if (link->hub->piece_bytes != 0) {
        room -= kith__mem_below(link->hub, room - PULL_BYTES_MIN + 1);
    }
    return room;
}

/* Both ways to ask, in turn. */
static size_t pull(struct kith__mem_link *link, uint8_t *out, size_t room)
{
    struct kith_pulled pulled;
    uint8_t own[PULL_BYTES_MIN], *to = out;
    link->pulls_slices = !link->pulls_slices;
    if (!link->pulls_slices) {
        return kith_up_pull(&link->base, out, room);
    }
    kith_up_pull_slices(&link->base, own, sizeof own, room, &pulled);
    for (size_t i = 0; i < pulled.slice_count && pulled.count <= room; i++) {
        memcpy(to, pulled.slices[i].bytes, pulled.slices[i].count);
        to += pulled.slices[i].count;
    }
    kith_up_pulled(&link->base);
    return pulled.count;
}

/* 1 when a packet went. */
static int send_control(struct kith__mem_link *link, int *has_more)
{
    struct kith_memory_hub *hub = link->hub;
    struct kith__mem_packet *packet;
    size_t count, room;
    uint8_t *bytes;
    *has_more = 1;
    if (link->control_in_flight >= hub->in_flight_bytes) {
        link->is_full = 1;
        return 0;
    }
    bytes = kith__mem_fill_begin(hub);
    if (bytes == NULL) {
        link->is_starved = 1;
        return 0;
    }
    room = pull_room(link);
    count = pull(link, bytes, room);
    if (count == 0) {
        *has_more = 0;
        return 0;
    }
    if (count > room) {
        kith__mem_blame(link, "kith_up_pull() gave more than there is room for");
    }
    packet = kith__mem_fill_finish(hub, KITH__MEM_CONTROL, count);
    if (hub->tap != NULL) {
        hub->tap(hub->tap_user, link->is_dialled, kith__mem_bytes(packet), count);
    }
    link->control_in_flight += count;
    kith__mem_post(link, packet, NULL);
    return 1;
}

size_t kith__mem_datagram_max(struct kith_link *base)
{
    const struct kith__mem_link *link = (const struct kith__mem_link *)base;
    if (link->stage != KITH__MEM_UP || link->is_closing || link->is_cut) {
        return 0;
    }
    return link->hub->datagram_bytes < KITH_MEMORY_PACKET_BYTES ? link->hub->datagram_bytes
                                                                : KITH_MEMORY_PACKET_BYTES;
}

static int send_datagram(struct kith__mem_link *link)
{
    struct kith_memory_hub *hub = link->hub;
    size_t room = kith__mem_datagram_max(&link->base);
    struct kith_slice next;
    uint8_t *bytes;
    if (!kith__mem_can(link, KITH_DRIVER_DATAGRAMS) || room == 0) {
        return 0;
    }
    if (link->datagrams_in_flight >= hub->in_flight_bytes) {
        link->is_full = 1;
        return 0;
    }
    bytes = kith__mem_fill_begin(hub);
    if (bytes == NULL) {
        link->is_starved = 1;
        return 0;
    }
    if (!kith_up_datagram_peek(&link->base, room, &next) || link->is_closing || link->is_cut) {
        return 0;
    }
    if (next.count > room) {
        kith__mem_blame(link, "kith_up_datagram_peek() gave more than there is room for");
    }
    memcpy(bytes, next.bytes, next.count);
    kith_up_datagram_took(&link->base);
    link->datagrams_in_flight += next.count;
    kith__mem_post(link, kith__mem_fill_finish(hub, KITH__MEM_DATAGRAM, next.count), NULL);
    return 1;
}

/* ---- lanes ------------------------------------------------------------------------------- */

struct kith__mem_lane *kith__mem_lane_find(struct kith__mem_link *link, uint64_t number)
{
    for (size_t i = 0; i < link->lane_count; i++) {
        if (link->lanes[i].number == number) {
            return &link->lanes[i];
        }
    }
    return NULL;
}

/* NULL without memory. */
static struct kith__mem_lane *lane_add(struct kith__mem_link *link, uint64_t number, uint64_t first)
{
    struct kith__mem_lane *lane;
    if (link->lane_count == link->lane_room) {
        size_t room = link->lane_room == 0 ? 8 : 2 * link->lane_room;
        struct kith__mem_lane *lanes =
            kith_resize(link->hub->env, link->lanes, room * sizeof *lanes);
        if (lanes == NULL) {
            return NULL;
        }
        link->lanes = lanes;
        link->lane_room = room;
    }
    lane = &link->lanes[link->lane_count++];
    memset(lane, 0, sizeof *lane);
    lane->number = number;
    lane->sent = lane->done = first;
    return lane;
}

static void check_peek(struct kith__mem_link *link, const struct kith_lane_bytes *lent,
                       const struct kith__mem_lane *lane)
{
    size_t count = 0;
    if (lent->slice_count > KITH_LANE_SLICES_MAX) {
        kith__mem_blame(link, "kith_up_lane_peek() lends too many pieces");
    }
    for (size_t i = 0; i < lent->slice_count; i++) {
        count += lent->slices[i].count;
    }
    if (count != lent->count || count == 0 || count > LANE_CHUNK_BYTES_MAX) {
        kith__mem_blame(link, "kith_up_lane_peek() lends bytes that do not add up");
    }
    if (lane != NULL && lane->sent != lent->offset) {
        kith__mem_blame(link, "a lane jumps: kith_up_lane_peek() does not go on where it was");
    }
    if (lane != NULL && lane->is_blocked) {
        kith__mem_blame(link, "kith_up_lane_peek() lends bytes of a blocked lane");
    }
}

/* How many of the bytes lent go now: as the limits say, and any number where pieces are random. */
static size_t how_many(struct kith__mem_link *link, const struct kith__mem_lane *lane, size_t count)
{
    struct kith_memory_hub *hub = link->hub;
    size_t room = hub->in_flight_bytes - link->lanes_in_flight, least;
    if (hub->lane_in_flight_bytes != 0 && hub->lane_in_flight_bytes - lane->in_flight < room) {
        room = hub->lane_in_flight_bytes - lane->in_flight;
    }
    count = count < room ? count : room;
    if (hub->piece_bytes == 0) {
        return count;
    }
    /* Not ever smaller ones: what a small packet leaves free would again hold but a small one. */
    least = hub->piece_bytes / 2 < count ? hub->piece_bytes / 2 : count;
    least = least > 0 ? least : 1;
    return least + (size_t)kith__mem_below(hub, count - least + 1);
}

static size_t slices_for(const struct kith_lane_bytes *lent, size_t count)
{
    size_t slices = 0;
    for (size_t at = 0; at < count; slices++) {
        at += lent->slices[slices].count;
    }
    return slices;
}

/* The first count bytes lent: where they stand, and a copy. */
static struct kith__mem_packet *borrow(struct kith_memory_hub *hub,
                                       const struct kith_lane_bytes *lent, size_t count,
                                       uint32_t epoch)
{
    size_t slice_count = slices_for(lent, count), at = 0;
    struct kith__mem_packet *packet = kith__mem_packet_new(hub, KITH__MEM_LANE, slice_count, count);
    if (packet == NULL) {
        return NULL;
    }
    packet->lane = lent->lane;
    packet->offset = lent->offset;
    packet->is_lent = 1;
    packet->epoch = epoch;
    for (size_t i = 0; i < slice_count; i++) {
        size_t left = count - at;
        packet->slices[i] = lent->slices[i];
        packet->slices[i].count = left < lent->slices[i].count ? left : lent->slices[i].count;
        if (packet->slices[i].count > 0) { /* a slice of none may point nowhere */
            memcpy(kith__mem_bytes(packet) + at, packet->slices[i].bytes, packet->slices[i].count);
        }
        at += packet->slices[i].count;
    }
    return packet;
}

static void send_of(struct kith__mem_link *link, struct kith__mem_lane *lane,
                    struct kith__mem_packet *packet)
{
    uint64_t number = lane->number;
    size_t count = packet->count, limit = link->hub->lane_in_flight_bytes;
    uint32_t epoch = link->lanes_epoch; /* the core may end the lanes when it hears of this */
    int is_blocked;
    lane->sent += count;
    lane->in_flight += count;
    link->lanes_in_flight += count;
    lane->is_blocked = is_blocked = limit != 0 && lane->in_flight >= limit;
    kith__mem_post(link, packet, lane);
    kith_up_lane_took(&link->base, number, count);
    if (is_blocked && !link->is_closing && epoch == link->lanes_epoch) {
        kith_up_lane_blocked(&link->base, number);
    }
}

static int send_lane(struct kith__mem_link *link)
{
    struct kith_memory_hub *hub = link->hub;
    struct kith_lane_bytes lent;
    struct kith__mem_lane *lane;
    struct kith__mem_packet *packet;
    if (!kith__mem_can(link, KITH_DRIVER_MANY_LANES)) {
        return 0;
    }
    if (link->lanes_in_flight >= hub->in_flight_bytes) {
        link->is_full = 1;
        return 0;
    }
    if (!kith_up_lane_peek(&link->base, &lent) || link->is_closing || link->is_cut) {
        return 0;
    }
    lane = kith__mem_lane_find(link, lent.lane);
    check_peek(link, &lent, lane);
    lane = lane != NULL ? lane : lane_add(link, lent.lane, lent.offset);
    packet = lane != NULL ? borrow(hub, &lent, how_many(link, lane, lent.count), link->lanes_epoch)
                          : NULL;
    if (packet == NULL) {
        link->is_starved = 1;
        return 0;
    }
    send_of(link, lane, packet);
    return 1;
}

void kith__mem_unblock(struct kith__mem_link *link)
{
    size_t limit = link->hub->lane_in_flight_bytes;
    link->is_unblocked = 0;
    for (size_t i = 0; i < link->lane_count && !link->is_closing && !link->is_cut; i++) {
        struct kith__mem_lane *lane = &link->lanes[i];
        if (lane->is_blocked && (limit == 0 || lane->in_flight < limit)) {
            lane->is_blocked = 0;
            kith_up_lane_writable(&link->base, lane->number);
        }
    }
}

/* ---- lent bytes -------------------------------------------------------------------------- */

void kith__mem_verify(struct kith__mem_link *sender, struct kith__mem_packet *packet)
{
    const uint8_t *copy = kith__mem_bytes(packet);
    for (size_t i = 0; i < packet->slice_count && packet->is_lent; i++) {
        if (packet->slices[i].count > 0 &&
            memcmp(packet->slices[i].bytes, copy, packet->slices[i].count) != 0) {
            kith__mem_blame(sender, "bytes of a lane changed while they were lent");
        }
        copy += packet->slices[i].count;
    }
}

static void unlend(struct kith__mem_link *sender, struct kith__mem_packet *packet)
{
    kith__mem_verify(sender, packet);
    packet->is_lent = 0;
}

static void unlend_all(struct kith__mem_link *sender, struct kith_node *queue, unsigned kind)
{
    for (struct kith_node *at = queue->next; at != queue; at = at->next) {
        struct kith__mem_packet *packet = KITH_CONTAINER(at, struct kith__mem_packet, node);
        if (packet->kind == kind) {
            unlend(sender, packet);
        }
    }
}

void kith__mem_unlend(struct kith__mem_link *link)
{
    if (!kith__mem_can(link, KITH_DRIVER_MANY_LANES)) {
        return;
    }
    unlend_all(link, &link->queue, KITH__MEM_DONE);
    if (link->other != NULL) {
        unlend_all(link, &link->other->queue, KITH__MEM_LANE);
        if (link->other->in_hand != NULL) {
            unlend(link, link->other->in_hand);
        }
    }
}

/* What is on its way still arrives, as bytes in the network would; nobody asks for it any more. */
void kith__mem_lanes_end(struct kith_link *base)
{
    struct kith__mem_link *link = (struct kith__mem_link *)base;
    if (!link->is_closing && link->stage == KITH__MEM_UP) {
        kith__mem_unlend(link);
    }
    link->lane_count = 0;
    link->lanes_epoch++;
}

/* ---- all of it --------------------------------------------------------------------------- */

int kith__mem_pump(struct kith__mem_link *link)
{
    int has_more = 0, went;
    link->is_full = link->is_starved = 0;
    do {
        if (link->is_cut || (link->is_closing && !link->is_flushing)) {
            return has_more;
        }
        went = send_control(link, &has_more);
        if (!went && !link->is_closing && !link->is_cut) {
            went = send_datagram(link) || (!link->is_closing && send_lane(link));
        }
    } while (went);
    return has_more;
}
