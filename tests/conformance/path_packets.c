/* SPDX-License-Identifier: MIT
 *
 * path_packets.c: the relay of path.h for packets: what comes at one socket goes out at the other.
 * A stalled direction is not read, so the system holds what it holds and loses the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "path.h"

enum { PACKETS_AT_ONCE = 64 };

static struct sockaddr_in here(uint16_t port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* ---- strangers --------------------------------------------------------------------------- */

int stranger_packets(uint16_t *port)
{
    struct sockaddr_in address = here(0);
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
              bind(fd, (struct sockaddr *)(void *)&address, bytes) == 0 &&
              getsockname(fd, (struct sockaddr *)(void *)&address, &bytes) == 0,
          "%s", strerror(errno));
    *port = ntohs(address.sin_port);
    return fd;
}

void stranger_send(int fd, uint16_t port, const void *bytes, size_t count)
{
    struct sockaddr_in address = here(port);
    (void)!sendto(fd, bytes, count, MSG_DONTWAIT, (struct sockaddr *)(void *)&address,
                  sizeof address);
}

int stranger_receive(int fd, uint8_t *bytes, size_t room)
{
    return (int)recv(fd, bytes, room, MSG_DONTWAIT);
}

/* ---- the relay --------------------------------------------------------------------------- */

static struct wire *far_of(struct wire *wire)
{
    return &wire->path->ends[wire == &wire->path->ends[AT_ACCEPTOR] ? AT_DIALLER : AT_ACCEPTOR];
}

static void record(struct wire *wire, const uint8_t *bytes, size_t count)
{
    if (wire->packet_count < PATH_PACKETS && count <= sizeof wire->record - wire->recorded) {
        memcpy(wire->record + wire->recorded, bytes, count);
        wire->recorded += count;
        wire->packets[wire->packet_count++] = count;
    }
}

static void hand_on(struct wire *to, const uint8_t *bytes, size_t count)
{
    if (to->peer_bytes > 0) {
        (void)!sendto(to->fd, bytes, count, MSG_DONTWAIT, (struct sockaddr *)(void *)&to->peer,
                      to->peer_bytes);
    }
}

/* One is lost, one waits until the next has gone. */
static void spoil(struct wire *wire, const uint8_t *bytes, size_t count)
{
    size_t fate = place_below(wire->path->place, wire->loses);
    if (fate == 0) {
        return;
    }
    if (fate == 1 && wire->late_count == 0) {
        memcpy(wire->late, bytes, count);
        wire->late_count = count;
        return;
    }
    hand_on(far_of(wire), bytes, count);
    if (wire->late_count > 0) {
        hand_on(far_of(wire), wire->late, wire->late_count);
        wire->late_count = 0;
    }
}

static void take(struct wire *wire, const uint8_t *bytes, size_t count)
{
    record(wire, bytes, count);
    if (wire->swallows) {
        return;
    }
    if (wire->loses != 0) {
        spoil(wire, bytes, count);
    } else {
        hand_on(far_of(wire), bytes, count);
    }
}

static void ready(struct kith_watch *watch, unsigned events)
{
    struct wire *wire = KITH_CONTAINER(watch, struct wire, watch);
    (void)events;
    for (int i = 0; i < PACKETS_AT_ONCE && !wire->stalled; i++) {
        struct sockaddr_storage from;
        socklen_t bytes = sizeof from;
        ssize_t count = recvfrom(wire->fd, wire->buffer, sizeof wire->buffer, MSG_DONTWAIT,
                                 (struct sockaddr *)(void *)&from, &bytes);
        if (count < 0) {
            return;
        }
        if (count == 0) {
            continue; /* from another socket, which feels whether somebody is there */
        }
        if (wire == &wire->path->ends[AT_DIALLER]) {
            wire->peer = from;
            wire->peer_bytes = bytes;
        }
        take(wire, wire->buffer, (size_t)count);
    }
}

void packets_look(struct wire *wire)
{
    struct kith_env *env = wire->path->place->env;
    if (wire->fd >= 0) {
        CHECK(env->io->watch(env, &wire->watch, wire->fd, wire->stalled ? 0 : KITH_READABLE) ==
                  KITH_OK,
              "no watch");
    }
}

static void open_wire(struct path *path, int end, uint16_t *port)
{
    struct wire *wire = &path->ends[end];
    int room = 4 * 1024 * 1024;
    wire->fd = stranger_packets(port);
    (void)setsockopt(wire->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    wire->watch.on_ready = ready;
    packets_look(wire);
}

void packets_open(struct path *path)
{
    struct sockaddr_in acceptor = here(path->port->number);
    uint16_t unused;
    open_wire(path, AT_DIALLER, &path->number_here);
    open_wire(path, AT_ACCEPTOR, &unused);
    memcpy(&path->ends[AT_ACCEPTOR].peer, &acceptor, sizeof acceptor);
    path->ends[AT_ACCEPTOR].peer_bytes = sizeof acceptor;
}

static void drop_wire(struct wire *wire)
{
    wire->path->place->env->io->unwatch(wire->path->place->env, &wire->watch);
    (void)close(wire->fd);
    wire->fd = -1;
}

void packets_close(struct path *path)
{
    drop_wire(&path->ends[AT_DIALLER]);
    drop_wire(&path->ends[AT_ACCEPTOR]);
}

void path_spoil(struct path *path, int end, unsigned loses)
{
    path->ends[end].loses = loses;
}

void path_rebind(struct path *path)
{
    uint16_t unused;
    drop_wire(&path->ends[AT_ACCEPTOR]);
    open_wire(path, AT_ACCEPTOR, &unused);
}
