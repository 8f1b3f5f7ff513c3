/* SPDX-License-Identifier: MIT
 *
 * path.h: what lies between a dialler and an acceptor, and can go wrong: faults of the memory hub;
 * for sockets a relay of ours in between, which reads from one and writes to the other.
 */
#ifndef KITH_CONFORMANCE_PATH_H
#define KITH_CONFORMANCE_PATH_H

#include <sys/socket.h>

#include "double.h"

/* One direction, or one end, by whether it is the dialler's. */
enum { AT_ACCEPTOR = 0, AT_DIALLER = 1 };

enum { PATH_BUFFER_BYTES = 16 * 1024, PATH_RECORD_BYTES = 8 * 1024, PATH_PACKETS = 16 };

/* A socket of ours on the loop. */
struct wire {
    struct kith_watch watch;
    struct path *path;
    int fd;         /* -1: none */
    unsigned wants; /* what it is watched for */
    /* What came from it and waits to be written to the other one. */
    uint8_t buffer[PATH_BUFFER_BYTES];
    size_t start, count;
    int stalled, swallows;             /* what came from it */
    int ended;                         /* no more will */
    uint8_t record[PATH_RECORD_BYTES]; /* the first bytes that came */
    size_t recorded;
    /* Where packets are relayed: who is there, and how many bytes each of those recorded has. */
    struct sockaddr_storage peer;
    socklen_t peer_bytes; /* 0: nobody yet */
    size_t packets[PATH_PACKETS], packet_count;
    unsigned loses; /* one of so many, 0 = none; and the order of the others changes */
    uint8_t late[PATH_BUFFER_BYTES];
    size_t late_count;
};

struct path {
    struct place *place;
    struct core *acceptor;
    struct port *port;
    uint64_t number; /* of the hub's link */
    int listener;    /* sockets */
    struct kith_watch watch;
    uint16_t number_here; /* the relay's port */
    struct wire ends[2];  /* by AT_... */
};

/* The acceptor listens, and the path leads there. */
void path_open(struct path *path, struct core *acceptor);
void path_close(struct path *path);
/* Dials through it; one link in the life of a path. */
struct conn *path_dial(struct path *path, struct core *dialler);
/* The same until both ends are up. */
void path_pair(struct path *path, struct core *a, struct core *b, struct conn **at_a,
               struct conn **at_b);

/* Both ends see the end. Where packets are relayed nobody sees anything, for ever. */
void path_cut(struct path *path);
/* What the core does then: waits for both, or gives up on each. */
void path_await_end(struct path *path, struct conn *a, struct conn *b, kith_reason reason);
/* One end sees the end; the other hears nothing for ever. Not with packets. */
void path_half_open(struct path *path, int end);
/* What one end sends waits; or is gone. */
void path_stall(struct path *path, int end);
void path_swallow(struct path *path, int end);
void path_heal(struct path *path, int end);

/* Only with packets. Of what one end sends some packets are lost and some come late. */
void path_spoil(struct path *path, int end, unsigned loses);
/* The dialler's packets come from another port from now on, as after a router forgot it. */
void path_rebind(struct path *path);

/* Only with TCP. The direction from one end is finished in good order, TCP's half-close. */
void path_half_close(struct path *path, int end);
/* Bytes, or a packet, that the other end did not send. */
void path_inject(struct path *path, int to_end, const void *bytes, size_t count);

/* ---- what the files of the relay share */

/* path_packets.c */
void packets_open(struct path *path);
void packets_close(struct path *path);
void packets_look(struct wire *wire);

/* ---- strangers: plain sockets, without waiting */

/* A socket for packets on 127.0.0.1. */
int stranger_packets(uint16_t *port);
void stranger_send(int fd, uint16_t port, const void *bytes, size_t count);
/* What came, or -1. */
int stranger_receive(int fd, uint8_t *bytes, size_t room);

/* A connection to 127.0.0.1, complete. */
int stranger_connect(uint16_t port);
/* A listening socket on 127.0.0.1. */
int stranger_listen(uint16_t *port);
/* What a listening socket has, or -1. */
int stranger_accept(int listener);
/* Writes what the socket takes. */
void stranger_say(int fd, const void *bytes, size_t count);
/* Reads what there is. 1 when the other side has closed. */
int stranger_has_ended(int fd);

#endif
