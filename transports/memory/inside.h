/* SPDX-License-Identifier: MIT
 *
 * inside.h: what the files of this module share. Nothing outside the module includes it.
 *
 *   memory.c   the hub: ports, the driver's table, faults
 *   link.c     the life of a link, and the turns it takes
 *   packet.c   packets: made, put on their way, taken off it; time, loss, order
 *   send.c     what the core has becomes packets
 *   receive.c  packets become what the core is told
 */
#ifndef KITH_TRANSPORTS_MEMORY_INSIDE_H
#define KITH_TRANSPORTS_MEMORY_INSIDE_H

#include "base/env.h"
#include "transports/memory/memory.h"

enum kith__mem_kind {
    KITH__MEM_CONTROL,
    KITH__MEM_DATAGRAM,
    KITH__MEM_LANE,
    KITH__MEM_DONE, /* a LANE that has arrived, on its way back as the confirmation */
    KITH__MEM_END   /* the sender closed */
};

/* Behind the slices stand the bytes. */
struct kith__mem_packet {
    struct kith_node node;
    uint64_t at_us; /* when it arrives */
    uint64_t lane, offset;
    uint32_t count;
    uint16_t slice_count;
    uint8_t kind;
    uint8_t is_lent; /* the slices may be read */
    unsigned code;   /* of END */
    uint32_t epoch;  /* of LANE: the sender's then */
    struct kith_slice slices[];
};

/* A lane as its sender knows it, from the first byte that it took. */
struct kith__mem_lane {
    uint64_t number, sent, done;
    uint64_t arrival_us, done_us; /* of the last packet and the last confirmation */
    size_t in_flight;
    int is_blocked;
};

struct kith__mem_port {
    struct kith_port base;
    struct kith_node node;
    uint16_t number;
    const char *scheme; /* the driver's own text */
    int secure;
};

/* In this order; only forwards. */
enum kith__mem_stage {
    KITH__MEM_NEW = 0, /* inside kith_up_accepted() */
    KITH__MEM_DIALLING,
    KITH__MEM_SHAKING, /* both ends are there, not yet up */
    KITH__MEM_UP,
    KITH__MEM_OVER /* the core has been told */
};

struct kith__mem_link {
    struct kith_link base;
    struct kith_node node;
    struct kith_memory_hub *hub;
    struct kith__mem_link *other; /* NULL: nobody (any more); what is sent piles up unread */
    enum kith__mem_stage stage;
    uint64_t number;
    uint64_t ready_us, deadline_us; /* of the handshake */
    uint16_t port;                  /* dialled */
    uint8_t is_dialled, is_secure, is_spliced;
    uint8_t is_closing, is_flushing, is_cut;
    uint8_t is_starved; /* something failed for want of memory: try again soon */
    unsigned code;      /* of close() */
    kith_reason reason; /* of the end, when cut */
    const char *detail;
    char identity[KITH_KEY_IDENTITY_BYTES_MAX + 1];
    char remote[16];

    /* What this end sends. */
    uint64_t line_free_us;       /* when bytes_per_s lets the next packet go */
    uint64_t control_arrival_us; /* of the last packet */
    size_t control_in_flight, lanes_in_flight, datagrams_in_flight;
    struct kith__mem_lane *lanes;
    size_t lane_count, lane_room;
    uint32_t lanes_epoch; /* how often the core has ended them */
    uint8_t is_full;      /* something waits until packets have been read */
    uint8_t is_unblocked; /* a blocked lane may go on */
    uint8_t swallows, has_swallowed;
    uint8_t pulls_slices; /* it did the last time */

    /* What comes to this end, by arrival. */
    struct kith_node queue;
    struct kith__mem_packet *in_hand; /* being handed up */
    uint8_t is_stalled;

    struct kith_timer timer;
    struct kith_deferred work;
};

static inline struct kith_memory_hub *kith__mem_hub_of(const struct kith_endpoint *endpoint)
{
    return KITH_CONTAINER(endpoint->driver, struct kith_memory_hub, driver);
}

static inline int kith__mem_can(const struct kith__mem_link *link, unsigned capability)
{
    return (link->hub->driver.capabilities & capability) != 0;
}

/* The core broke the contract: says how and ends the process. */
_Noreturn void kith__mem_blame(const struct kith__mem_link *link, const char *what);

/* ---- memory.c */

int kith__mem_is_secure(const struct kith_memory_hub *hub, const char *scheme);
struct kith__mem_port *kith__mem_port_find(struct kith_memory_hub *hub, uint16_t number);

/* ---- link.c */

kith_err kith__mem_dial(struct kith_link *base, const struct kith_address *address);
void kith__mem_close(struct kith_link *base, unsigned code, int flush);
void kith__mem_tx_ready(struct kith_link *base);
void kith__mem_info(struct kith_link *base, struct kith_link_info *out);
kith_err kith__mem_exporter(struct kith_link *base, const char *label, uint8_t *out,
                            size_t out_bytes);
/* Has the link take a turn when this one ends. */
void kith__mem_wake(struct kith__mem_link *link);
/* Ends it when this turn ends, without a word to the other end. Only the first reason counts. */
void kith__mem_cut(struct kith__mem_link *link, kith_reason reason, const char *detail);
/* Each end is alone from now on, and nothing comes any more. */
void kith__mem_part(struct kith__mem_link *link);
/* Takes another turn when the next packet arrives. */
void kith__mem_schedule(struct kith__mem_link *link);

/* ---- packet.c */

uint64_t kith__mem_random(uint64_t *state);
/* A number below bound, which is 1 or more, from the hub's seed. */
uint64_t kith__mem_below(struct kith_memory_hub *hub, uint64_t bound);

static inline uint8_t *kith__mem_bytes(struct kith__mem_packet *packet)
{
    return (uint8_t *)(packet->slices + packet->slice_count);
}

/* NULL without memory. The bytes are not cleared. */
struct kith__mem_packet *kith__mem_packet_new(struct kith_memory_hub *hub, enum kith__mem_kind kind,
                                              size_t slice_count, size_t count);
/* For bytes whose number is not known before they are there: up to KITH_MEMORY_PACKET_BYTES go to
 * where begin says, NULL without memory; finish makes a packet of them, and cannot fail. */
uint8_t *kith__mem_fill_begin(struct kith_memory_hub *hub);
struct kith__mem_packet *kith__mem_fill_finish(struct kith_memory_hub *hub,
                                               enum kith__mem_kind kind, size_t count);
/* Puts a packet on its way to the other end, or loses it. */
void kith__mem_post(struct kith__mem_link *from, struct kith__mem_packet *packet,
                    struct kith__mem_lane *lane);
/* A lane's packet that was read goes back as the confirmation. */
void kith__mem_post_done(struct kith__mem_link *from, struct kith__mem_packet *packet);
void kith__mem_drop_queue(struct kith__mem_link *link);
/* Tells the other end that this one is gone, behind everything sent before or, when at_once, not
 * waiting for it. */
void kith__mem_post_end(struct kith__mem_link *link, int at_once);

/* ---- send.c */

/* Sends what the core has and the network takes. 0 when the core has no control bytes left. */
int kith__mem_pump(struct kith__mem_link *link);
/* Tells the core of lanes that may go on. */
void kith__mem_unblock(struct kith__mem_link *link);
struct kith__mem_lane *kith__mem_lane_find(struct kith__mem_link *link, uint64_t number);
/* Blames the core when lent bytes are not what they were. */
void kith__mem_verify(struct kith__mem_link *sender, struct kith__mem_packet *packet);
/* The core takes back what it lent: nothing of it is read after this. */
void kith__mem_unlend(struct kith__mem_link *link);
void kith__mem_lanes_end(struct kith_link *base);
size_t kith__mem_datagram_max(struct kith_link *base);
int kith__mem_can_write(struct kith_link *base);

/* ---- receive.c */

/* Hands up what has arrived. 1 when the end was among it: link->reason says what the core is told.
 */
int kith__mem_take(struct kith__mem_link *link);

#endif
