/* SPDX-License-Identifier: MIT
 *
 * dgram.h: UDP between the two sides, as fast as the system's own means make it: one call sends
 * many packets of one size (UDP_SEGMENT), and receives many (UDP_GRO). Blocking, no retransmission:
 * loopback loses nothing as long as no more is on its way than the socket holds. Every failure ends
 * the process. Knows nothing of what is in the packets.
 */
#ifndef BENCH_DGRAM_H
#define BENCH_DGRAM_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "sides.h"

enum {
    DGRAM_BATCH_BYTES = 65024, /* of one call */
    DGRAM_ROOM_BYTES = 65536,  /* what one call may receive */
    DGRAM_JUMBO_BYTES = 8952  /* of a packet, where the path has room: as Kith does */
};

struct dgram {
    int fd;
    size_t packet; /* bytes that fit one */
    struct sockaddr_in local, remote;
};

/* Both return when each has heard of the other. */
void dgram_listen(struct dgram *dgram, struct line *line);
void dgram_dial(struct dgram *dgram, struct line *line);
void dgram_close(struct dgram *dgram);

/* count bytes as packets of `segment` bytes, the last one of what is left; at most
 * DGRAM_BATCH_BYTES and 64 packets. Larger than the path takes: gone. */
void dgram_send(struct dgram *dgram, const void *bytes, size_t count, size_t segment);
/* What came, DGRAM_ROOM_BYTES at most: packets of *segment bytes behind each other. 0: nothing came
 * until then, of now_ns(). */
size_t dgram_receive(struct dgram *dgram, void *out, size_t *segment, uint64_t until_ns);

#endif
