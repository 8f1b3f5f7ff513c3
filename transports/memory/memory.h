/* SPDX-License-Identifier: MIT
 *
 * memory.h: a transport inside one process, for tests and simulation, and the reference of the
 * driver contract: no socket, no thread, no clock. Deterministic: the same knobs and seed give the
 * same run to the byte. Not in the list of drivers that applications get.
 *
 * A hub is the network: sessions whose driver is &hub->driver reach each other by port number. All
 * of them share one env. It is strict with the core: bytes of a lane that change while they are
 * lent, and lanes that jump, end the process with a sentence.
 */
#ifndef KITH_TRANSPORTS_MEMORY_H
#define KITH_TRANSPORTS_MEMORY_H

#include "transport.h"

struct kith_memory_hub {
    /* Schemes: mem (plain), mems (claims TLS 1.3 PSK with an exporter, and checks keys as that
     * would). capabilities may be changed before the first endpoint is opened; KITH_DRIVER_ONE_LANE
     * at first. So may rank and, where there are several hubs, schemes: a plain one, then
     * perhaps a secure one. */
    struct kith_driver driver;
    struct kith_env *env;
    struct kith_node ports;
    struct kith_node links; /* every link that is not down */
    uint16_t last_port;
    uint64_t link_count; /* made so far; the number of the newest, first is 1 */
    void *spare;         /* a packet being filled; gone with the last link */

    /* ---- knobs: set at any time, for what is sent from then on; kith_memory_hub_init() gives a
     * perfect network ---- */
    uint64_t seed; /* state of the hub's own random numbers; any value */
    /* From one end to the other, 0 = within the turn; each packet takes up to jitter_us longer.
     * Order within a stream stays; with MANY_LANES streams overtake each other. */
    uint64_t delay_us, jitter_us;
    uint64_t handshake_us;  /* from the dial to each end's kith_up_link(), and up to as much more */
    uint64_t bytes_per_s;   /* of each direction of each link; 0 = no limit */
    size_t in_flight_bytes; /* what a direction takes before the other end has read it, of control,
                               of datagrams and of all lanes each; 64 KiB at first */
    size_t lane_in_flight_bytes; /* MANY_LANES: likewise of one lane, which is then blocked; 0 = no
                                    limit of its own */
    uint32_t loss_ppm; /* packets lost: datagrams are gone, streams wait loss_delay_us longer */
    uint64_t loss_delay_us;
    uint32_t reorder_ppm;   /* datagrams that overtake the one before */
    uint64_t done_delay_us; /* MANY_LANES: from arrival of bytes to kith_up_lane_done() */
    size_t piece_bytes;     /* not 0: what comes is handed up in random pieces of at most so many,
                               and what goes is asked for in random ones, 2048 bytes and more */
    size_t datagram_bytes;  /* the largest one; 1200 at first, KITH_MEMORY_PACKET_BYTES at most */
    int close_codes;        /* close() tells its code to the other end's kith_up_down() */
    int unreachable;        /* dials end in UNREACHABLE */
    int has_addresses;      /* both ends of links made now know each other's address: "hub" */
    int spliced; /* links made now give each end another exporter, as a relay in between would */
    /* Sees, and may change, bytes of the control stream on their way. */
    void (*tap)(void *tap_user, int from_dialer, uint8_t *bytes, size_t count);
    void *tap_user;
};

enum { KITH_MEMORY_PACKET_BYTES = 16 * 1024 };

void kith_memory_hub_init(struct kith_memory_hub *hub, struct kith_env *env);

/* Breaks every link without a word: both ends see LOST. */
void kith_memory_hub_cut(struct kith_memory_hub *hub);

/* What can happen to one link, by its number (hub->link_count right after it was dialled). */
enum kith_memory_fault {
    KITH_MEMORY_CUT,       /* both ends see LOST; what was under way is gone */
    KITH_MEMORY_HALF_OPEN, /* one end sees LOST, the other hears nothing for ever; what it sends
                              piles up as unread */
    KITH_MEMORY_SWALLOW,   /* what one end sends from now on seems read and vanishes, but lent bytes
                              are not done */
    KITH_MEMORY_STALL,     /* nothing arrives of what one end has sent and sends */
    /* Ends STALL: what waited arrives. Ends SWALLOW: where bytes of a stream are missing that is
     * CUT, because no transport hands on a stream with a hole. */
    KITH_MEMORY_HEAL
};

/* at_dialer: the end that sees LOST, or that sends. 0 when there is no such link any more. */
int kith_memory_hub_fault(struct kith_memory_hub *hub, uint64_t number,
                          enum kith_memory_fault fault, int at_dialer);

#endif
