/* SPDX-License-Identifier: MIT
 *
 * udp.h: one UDP socket on the loop, for drivers that speak over datagrams and tell their
 * connections apart by what is in them. Many packets go and come with one call where the system has
 * such a call. Must not look into a packet.
 */
#ifndef KITH_TRANSPORTS_UDP_H
#define KITH_TRANSPORTS_UDP_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/env.h"
#include "transport.h"

enum {
    /* What one call receives: two of the largest datagrams there are. One more than one, since a
       call that fills less has left nothing behind, and needs no other to find that out. */
    KITH__UDP_MESSAGE_BYTES = 64 * 1024,
    KITH__UDP_MESSAGES = 2,
    KITH__UDP_BUFFER_BYTES = KITH__UDP_MESSAGES * KITH__UDP_MESSAGE_BYTES,
    /* As much as 64 segments can be in one call, a system's limit for all of them together. */
    KITH__UDP_BATCH_BYTES = 64 * 1024 - 512,
    KITH__UDP_SEGMENTS_MAX = 64,
    KITH__UDP_PACKETS_PER_TURN = 256, /* of one socket, before others have their turn */
    /* A burst of a fast sender while the loop is busy. The system may give less. */
    KITH__UDP_SOCKET_BYTES = 4 * 1024 * 1024
};

struct kith__udp_address {
    socklen_t bytes;
    struct sockaddr_storage storage;
};

/* The two ends of a packet. local is the socket's own where that is all that is known. */
struct kith__udp_path {
    struct kith__udp_address local, remote;
};

/* Fill in the callbacks and the buffer, then kith__udp_open(). The memory outlives the turn in
 * which it is closed. */
struct kith__udp {
    struct kith_env *env;
    uint8_t *buffer; /* KITH__UDP_BUFFER_BYTES to receive into; may be shared by several sockets */
    uint8_t tells_local; /* bound to all addresses: each packet's path says to which one it came */
    /* A packet came; borrowed for the call. May close the socket. */
    void (*on_packet)(struct kith__udp *udp, const struct kith__udp_path *path,
                      const uint8_t *bytes, size_t count);
    /* It takes packets again, after it took none. */
    void (*on_writable)(struct kith__udp *udp);
    /* The system heard that packets to there do not arrive; errno. Anybody on the way can say so.
     */
    void (*on_unreachable)(struct kith__udp *udp, const struct kith__udp_address *remote,
                           int error);

    struct kith_watch watch;
    struct kith__udp_address bound;
    int fd;                       /* -1: closed */
    uint8_t segments, is_blocked; /* the system cuts; the socket took no more */
    uint8_t is_whole;             /* a packet that is too large for the path does not arrive */
};

/* Takes over a bound socket and watches it. On an error it is closed. */
KITH_MUST_USE kith_err kith__udp_open(struct kith__udp *udp, int fd);
/* Idempotent. */
void kith__udp_close(struct kith__udp *udp);

/* Sends count bytes as packets of `segment` bytes, the last one of what is left. Gives how many
 * bytes went, all or some packets; what the path does not take counts as gone, as if lost on the
 * way. Less than all of them: the socket is full and on_writable() will tell, or *error is an errno
 * and nothing more can be sent there. */
size_t kith__udp_send(struct kith__udp *udp, const struct kith__udp_path *path,
                      const uint8_t *bytes, size_t count, size_t segment, int *error);

/* 1 when both are the same address and port. */
int kith__udp_same(const struct kith__udp_address *a, const struct kith__udp_address *b);
/* The port of an address, in the network's byte order. */
in_port_t kith__udp_port(const struct kith__udp_address *address);
void kith__udp_set_port(struct kith__udp_address *address, in_port_t port);

/* Fill in the callback. Feels whether somebody listens where packets are about to go, for systems
 * on which a socket that speaks with many hears of no packet that did not arrive; nothing
 * elsewhere. */
struct kith__udp_feeler {
    struct kith_env *env;
    /* The system heard that packets to there do not arrive; errno. It feels no more. */
    void (*on_unreachable)(struct kith__udp_feeler *feeler, int error);
    struct kith_watch watch;
    int fd, is_open;
};

/* ---- udp_linux.c or udp_posix.c */

void kith__udp_feel(struct kith__udp_feeler *feeler, const struct kith__udp_address *remote);
/* Idempotent. */
void kith__udp_feel_no_more(struct kith__udp_feeler *feeler);

/* Sets the options that a system has. */
void kith__udp_prepare(struct kith__udp *udp);
/* Reads what is there, within KITH__UDP_PACKETS_PER_TURN. */
void kith__udp_receive(struct kith__udp *udp);
/* Reads what the system heard of packets that did not arrive. */
void kith__udp_hear(struct kith__udp *udp);
/* One call's worth: bytes sent, or -1 and errno. */
ssize_t kith__udp_push(struct kith__udp *udp, const struct kith__udp_path *path,
                       const uint8_t *bytes, size_t count, size_t segment);

#endif
