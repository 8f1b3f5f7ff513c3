/* SPDX-License-Identifier: MIT
 *
 * control.c: bytes of the control stream, from the core's pull until the other side has confirmed
 * them. They are copied, since the core keeps none; there are few of them.
 */
#include "transports/quic/inside.h"

static struct kith__quic_block *take_block(struct kith__quic_link *link)
{
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    struct kith__quic_block *block = endpoint->spare;
    if (block != NULL) {
        endpoint->spare = block->next;
        endpoint->spare_count--;
    } else {
        block = kith_resize(endpoint->base.env, NULL, sizeof *block); /* no need of zeros */
    }
    if (block != NULL) {
        block->next = NULL;
        block->used = 0;
    }
    return block;
}

static void give_block(struct kith__quic_link *link, struct kith__quic_block *block)
{
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    if (endpoint->spare_count >= KITH__QUIC_SPARE_BLOCKS) {
        kith_free(endpoint->base.env, block);
        return;
    }
    block->next = endpoint->spare;
    endpoint->spare = block;
    endpoint->spare_count++;
}

/* Asks the core for more. 0: it has none, or there is no room. */
static int pull(struct kith__quic_link *link)
{
    struct kith__quic_control *control = &link->control;
    struct kith__quic_block *block = control->last;
    size_t room = block != NULL ? sizeof block->bytes - block->used : 0, count;
    if (!kith__quic_control_has_room(control)) {
        return 0;
    }
    if (room < KITH__QUIC_PULL_BYTES_MIN) {
        block = take_block(link);
        if (block == NULL) {
            return 0;
        }
        room = sizeof block->bytes;
    }
    count = kith_up_pull(&link->base, block->bytes + block->used, room);
    if (count == 0) {
        control->is_dry = 1;
        if (block != control->last) {
            give_block(link, block);
        }
        return 0;
    }
    if (block != control->last) {
        if (control->last != NULL) {
            control->last->next = block;
        } else {
            control->first = block;
            control->first_offset = control->pulled;
        }
        control->last = block;
    }
    block->used += count;
    control->pulled += count;
    return 1;
}

size_t kith__quic_control_next(struct kith__quic_link *link, ngtcp2_vec *out, size_t room)
{
    struct kith__quic_control *control = &link->control;
    uint64_t offset;
    size_t count = 0;
    while (!control->is_dry && !kith__quic_is_over(link) && pull(link)) {
        /* all that there is */
    }
    offset = control->first_offset;
    for (struct kith__quic_block *block = control->first; block != NULL && count < room;
         block = block->next) {
        if (offset + block->used > control->sent) {
            size_t skip = control->sent > offset ? (size_t)(control->sent - offset) : 0;
            out[count].base = block->bytes + skip;
            out[count].len = block->used - skip;
            count++;
        }
        offset += block->used;
    }
    return count;
}

void kith__quic_control_acked(struct kith__quic_link *link, uint64_t upto)
{
    struct kith__quic_control *control = &link->control;
    control->acked = upto > control->acked ? upto : control->acked;
    while (control->first != NULL &&
           control->first_offset + control->first->used <= control->acked) {
        struct kith__quic_block *block = control->first;
        control->first_offset += block->used;
        control->first = block->next;
        control->last = control->first != NULL ? control->last : NULL;
        give_block(link, block);
    }
}

void kith__quic_control_free(struct kith__quic_link *link)
{
    while (link->control.first != NULL) {
        struct kith__quic_block *block = link->control.first;
        link->control.first = block->next;
        give_block(link, block);
    }
    link->control.last = NULL;
}
