/* SPDX-License-Identifier: MIT
 *
 * receive.c: packets that have arrived become what the core is told, and make room for others.
 */
#include <string.h>

#include "base/err.h"
#include "transports/memory/inside.h"

/* The other end may send again what waited for room. */
static void has_read(struct kith__mem_link *sender, const struct kith__mem_packet *packet)
{
    struct kith__mem_lane *lane;
    switch (packet->kind) {
    case KITH__MEM_CONTROL:
        sender->control_in_flight -= packet->count;
        break;
    case KITH__MEM_DATAGRAM:
        sender->datagrams_in_flight -= packet->count;
        break;
    case KITH__MEM_LANE:
        sender->lanes_in_flight -= packet->count;
        if (packet->epoch == sender->lanes_epoch) {
            lane = kith__mem_lane_find(sender, packet->lane);
            lane->in_flight -= packet->count;
            sender->is_unblocked |= lane->is_blocked != 0;
        }
        break;
    default:
        return;
    }
    if (sender->is_full || sender->is_unblocked) {
        kith__mem_wake(sender);
    }
}

/* To where they belong, where the core says that, or as they lie: packets of odd lengths the one
 * way, the others the other. */
static void hand_up_control(struct kith__mem_link *link, const uint8_t *bytes, size_t count,
                            int is_placed)
{
    while (count > 0 && !link->is_closing && !link->is_cut) {
        uint8_t *place;
        size_t part = is_placed ? kith_up_rx_place(&link->base, &place) : 0;
        if (part > 0) {
            part = part < count ? part : count;
            memcpy(place, bytes, part);
            kith_up_rx(&link->base, place, part);
        } else {
            part = count;
            kith_up_rx(&link->base, bytes, part);
        }
        bytes += part;
        count -= part;
    }
}

/* In pieces, which end where they like. */
static void hand_up(struct kith__mem_link *link, struct kith__mem_packet *packet)
{
    struct kith_memory_hub *hub = link->hub;
    const uint8_t *bytes = kith__mem_bytes(packet);
    size_t piece;
    for (size_t at = 0; at < packet->count && !link->is_closing && !link->is_cut; at += piece) {
        piece = packet->count - at;
        if (hub->piece_bytes != 0) {
            piece = 1 + (size_t)kith__mem_below(hub, piece < hub->piece_bytes ? piece
                                                                              : hub->piece_bytes);
        }
        if (packet->kind == KITH__MEM_CONTROL) {
            hand_up_control(link, bytes + at, piece, packet->count % 2 == 1);
        } else {
            kith_up_lane_rx(&link->base, packet->lane, packet->offset + at, bytes + at, piece);
        }
    }
}

/* Lent bytes are read a last time, then the core may have them. */
static void confirm(struct kith__mem_link *link, struct kith__mem_packet *packet)
{
    struct kith__mem_lane *lane = kith__mem_lane_find(link, packet->lane);
    uint64_t upto = packet->offset + packet->count;
    if (link->is_closing || lane == NULL || packet->epoch != link->lanes_epoch) {
        return;
    }
    kith__mem_verify(link, packet);
    packet->is_lent = 0;
    lane->done = upto;
    kith_up_lane_done(&link->base, packet->lane, upto);
}

static void take_one(struct kith__mem_link *link, struct kith__mem_packet *packet)
{
    if (packet->kind == KITH__MEM_DONE) {
        confirm(link, packet);
        kith_free(link->hub->env, packet);
        return;
    }
    if (link->other != NULL) {
        if (packet->kind == KITH__MEM_LANE) {
            kith__mem_verify(link->other, packet);
        }
        has_read(link->other, packet);
    }
    link->in_hand = packet;
    if (packet->kind == KITH__MEM_DATAGRAM) {
        if (!link->is_closing) {
            kith_up_datagram_rx(&link->base, kith__mem_bytes(packet), packet->count);
        }
    } else {
        hand_up(link, packet);
    }
    link->in_hand = NULL;
    if (packet->kind == KITH__MEM_LANE) {
        kith__mem_post_done(link, packet);
    } else {
        kith_free(link->hub->env, packet);
    }
}

static void note_end(struct kith__mem_link *link, unsigned code)
{
    link->reason = KITH_REASON_LOST;
    link->detail = "the other side closed the connection";
    if (link->is_closing) {
        link->reason = KITH_REASON_LOCAL;
        link->detail = "closed by this side";
    } else if (link->hub->close_codes && code != 0) {
        link->reason = kith_reason_from_wire(code);
    }
}

int kith__mem_take(struct kith__mem_link *link)
{
    uint64_t now_us = link->hub->env->now_us;
    while (!link->is_cut && !link->is_stalled && !kith_list_empty(&link->queue)) {
        struct kith__mem_packet *packet =
            KITH_CONTAINER(link->queue.next, struct kith__mem_packet, node);
        if (packet->at_us > now_us) {
            break;
        }
        kith_list_remove(&packet->node);
        if (packet->kind == KITH__MEM_END) {
            note_end(link, packet->code);
            kith_free(link->hub->env, packet);
            return 1;
        }
        take_one(link, packet);
    }
    return 0;
}
