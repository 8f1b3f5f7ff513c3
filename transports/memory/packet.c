/* SPDX-License-Identifier: MIT
 *
 * packet.c: packets of the memory hub: how they are made, and when they arrive. Never calls up.
 */
#include <stddef.h>
#include <string.h>

#include "transports/memory/inside.h"

/* ---- chance ------------------------------------------------------------------------------ */

/* splitmix64 (Steele, Lea, Flood 2014) */
uint64_t kith__mem_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t kith__mem_below(struct kith_memory_hub *hub, uint64_t bound)
{
    return kith__mem_random(&hub->seed) % bound;
}

/* Never asks for a number in a perfect network, so that switching one knob on changes no other. */
static int happens(struct kith_memory_hub *hub, uint32_t ppm)
{
    return ppm != 0 && kith__mem_below(hub, 1000000) < ppm;
}

/* ---- making them ------------------------------------------------------------------------- */

static size_t packet_bytes(size_t slice_count, size_t count)
{
    return sizeof(struct kith__mem_packet) + slice_count * sizeof(struct kith_slice) + count;
}

static void stamp(struct kith__mem_packet *packet, enum kith__mem_kind kind, size_t slice_count,
                  size_t count)
{
    /* Not sizeof, which may reach into the slices, or the bytes where there are none. */
    memset(packet, 0, offsetof(struct kith__mem_packet, slices));
    kith_list_init(&packet->node);
    packet->kind = (uint8_t)kind;
    packet->slice_count = (uint16_t)slice_count;
    packet->count = (uint32_t)count;
}

struct kith__mem_packet *kith__mem_packet_new(struct kith_memory_hub *hub, enum kith__mem_kind kind,
                                              size_t slice_count, size_t count)
{
    /* Not kith_alloc(): most packets are small, and clearing is what would cost. */
    struct kith__mem_packet *packet = kith_resize(hub->env, NULL, packet_bytes(slice_count, count));
    if (packet != NULL) {
        stamp(packet, kind, slice_count, count);
    }
    return packet;
}

uint8_t *kith__mem_fill_begin(struct kith_memory_hub *hub)
{
    if (hub->spare == NULL) {
        hub->spare = kith__mem_packet_new(hub, KITH__MEM_CONTROL, 0, KITH_MEMORY_PACKET_BYTES);
    }
    return hub->spare != NULL ? kith__mem_bytes(hub->spare) : NULL;
}

struct kith__mem_packet *kith__mem_fill_finish(struct kith_memory_hub *hub,
                                               enum kith__mem_kind kind, size_t count)
{
    struct kith__mem_packet *spare = hub->spare, *packet = NULL;
    if (count <= KITH_MEMORY_PACKET_BYTES / 2) {
        packet = kith__mem_packet_new(hub, kind, 0, count);
    }
    if (packet != NULL) {
        memcpy(kith__mem_bytes(packet), kith__mem_bytes(spare), count);
        return packet;
    }
    /* Cut to size, so that reading past the end is caught where somebody looks for that. */
    hub->spare = NULL;
    packet = kith_resize(hub->env, spare, packet_bytes(0, count));
    packet = packet != NULL ? packet : spare;
    stamp(packet, kind, 0, count);
    return packet;
}

void kith__mem_drop_queue(struct kith__mem_link *link)
{
    while (!kith_list_empty(&link->queue)) {
        struct kith__mem_packet *packet =
            KITH_CONTAINER(link->queue.next, struct kith__mem_packet, node);
        kith_list_remove(&packet->node);
        kith_free(link->hub->env, packet);
    }
}

/* ---- putting them on their way ----------------------------------------------------------- */

/* Behind everything that arrives at the same time or before. */
static void enqueue(struct kith__mem_link *to, struct kith__mem_packet *packet)
{
    struct kith_node *at = to->queue.prev;
    while (at != &to->queue &&
           KITH_CONTAINER(at, struct kith__mem_packet, node)->at_us > packet->at_us) {
        at = at->prev;
    }
    kith_list_append(at->next, &packet->node);
    kith__mem_schedule(to);
}

/* Just before the last datagram that is on its way. 0 when there is none. */
static int overtake(struct kith__mem_link *to, struct kith__mem_packet *packet)
{
    for (struct kith_node *at = to->queue.prev; at != &to->queue; at = at->prev) {
        struct kith__mem_packet *one = KITH_CONTAINER(at, struct kith__mem_packet, node);
        if (one->kind == KITH__MEM_DATAGRAM) {
            packet->at_us = one->at_us;
            kith_list_append(at, &packet->node);
            kith__mem_schedule(to);
            return 1;
        }
    }
    return 0;
}

/* One line for everything that goes in a direction: a packet leaves when those before have left. */
static uint64_t leaves_us(struct kith__mem_link *from, size_t count)
{
    uint64_t now_us = from->hub->env->now_us, rate = from->hub->bytes_per_s;
    if (rate == 0) {
        return now_us;
    }
    if (from->line_free_us < now_us) {
        from->line_free_us = now_us;
    }
    from->line_free_us += ((uint64_t)count * 1000000 + rate - 1) / rate;
    return from->line_free_us;
}

static uint64_t travel_us(struct kith_memory_hub *hub)
{
    return hub->delay_us + (hub->jitter_us != 0 ? kith__mem_below(hub, hub->jitter_us + 1) : 0);
}

/* 1 when the packet's way ends here. What went into nothing and is not confirmed stays in flight.
 */
static int vanishes(struct kith__mem_link *from, const struct kith__mem_packet *packet)
{
    if (from->other == NULL) {
        return 1;
    }
    if (!from->swallows) {
        return 0;
    }
    from->has_swallowed |= packet->kind != KITH__MEM_DATAGRAM;
    if (packet->kind == KITH__MEM_CONTROL) {
        from->control_in_flight -= packet->count;
    } else if (packet->kind == KITH__MEM_DATAGRAM) {
        from->datagrams_in_flight -= packet->count;
    }
    return 1;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void kith__mem_post(struct kith__mem_link *from, struct kith__mem_packet *packet,
                    struct kith__mem_lane *lane)
{
    struct kith_memory_hub *hub = from->hub;
    int is_datagram = packet->kind == KITH__MEM_DATAGRAM;
    uint64_t *arrival_us = lane != NULL ? &lane->arrival_us : &from->control_arrival_us;
    packet->at_us = leaves_us(from, packet->count) + travel_us(hub);
    if (vanishes(from, packet)) {
        kith_free(hub->env, packet);
        return;
    }
    if (is_datagram) {
        if (happens(hub, hub->loss_ppm)) {
            from->datagrams_in_flight -= packet->count;
            kith_free(hub->env, packet);
        } else if (!happens(hub, hub->reorder_ppm) || !overtake(from->other, packet)) {
            enqueue(from->other, packet);
        }
        return;
    }
    packet->at_us += happens(hub, hub->loss_ppm) ? hub->loss_delay_us : 0;
    packet->at_us = *arrival_us = later(packet->at_us, *arrival_us);
    enqueue(from->other, packet);
}

void kith__mem_post_done(struct kith__mem_link *from, struct kith__mem_packet *packet)
{
    struct kith__mem_link *to = from->other;
    struct kith__mem_lane *lane = to != NULL ? kith__mem_lane_find(to, packet->lane) : NULL;
    if (lane == NULL || from->swallows) {
        from->has_swallowed |= from->swallows;
        kith_free(from->hub->env, packet);
        return;
    }
    packet->kind = KITH__MEM_DONE;
    packet->at_us = lane->done_us =
        later(from->hub->env->now_us + from->hub->done_delay_us, lane->done_us);
    enqueue(to, packet);
}

void kith__mem_post_end(struct kith__mem_link *link, int at_once)
{
    struct kith__mem_link *other = link->other;
    struct kith__mem_packet *packet;
    if (other == NULL) {
        return;
    }
    link->other = other->other = NULL;
    if (link->swallows) {
        return;
    }
    packet = kith__mem_packet_new(link->hub, KITH__MEM_END, 0, 0);
    /* Where the handshake is not over there is nothing to be read first. */
    if (packet == NULL || link->stage < KITH__MEM_UP) {
        kith_free(link->hub->env, packet);
        kith__mem_cut(other, KITH_REASON_LOST, "the other side went away");
        return;
    }
    packet->code = link->code;
    packet->at_us = link->hub->env->now_us + travel_us(link->hub);
    if (!at_once) {
        packet->at_us = later(packet->at_us, link->control_arrival_us);
    }
    enqueue(other, packet);
}
