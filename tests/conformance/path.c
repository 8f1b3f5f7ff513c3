/* SPDX-License-Identifier: MIT
 *
 * path.c: see path.h. The relay holds one buffer in each direction and reads no further while that
 * is full, so it is as slow as whoever it writes to.
 */
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

/* ---- strangers --------------------------------------------------------------------------- */

static struct sockaddr_in here(uint16_t port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int stranger_connect(uint16_t port)
{
    struct sockaddr_in address = here(port);
    int small = 4096;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0, "%s", strerror(errno));
    /* Little room, so that who does not read is noticed soon. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    CHECK(connect(fd, (struct sockaddr *)(void *)&address, sizeof address) == 0, "%s",
          strerror(errno));
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "%s", strerror(errno));
    return fd;
}

int stranger_listen(uint16_t *port)
{
    struct sockaddr_in address = here(0);
    socklen_t bytes = sizeof address;
    int small = 4096;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0, "%s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
              bind(fd, (struct sockaddr *)(void *)&address, bytes) == 0 && listen(fd, 16) == 0 &&
              getsockname(fd, (struct sockaddr *)(void *)&address, &bytes) == 0,
          "%s", strerror(errno));
    *port = ntohs(address.sin_port);
    return fd;
}

int stranger_accept(int listener)
{
    int fd = accept(listener, NULL, NULL);
    CHECK(fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "%s", strerror(errno));
    return fd;
}

void stranger_say(int fd, const void *bytes, size_t count)
{
    (void)!send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int stranger_has_ended(int fd)
{
    uint8_t bytes[4096];
    ssize_t count;
    do {
        count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    } while (count > 0);
    return count == 0 || (errno != EAGAIN && errno != EINTR);
}

/* ---- the relay --------------------------------------------------------------------------- */

static struct wire *far_of(struct wire *wire)
{
    return &wire->path->ends[wire == &wire->path->ends[AT_ACCEPTOR] ? AT_DIALLER : AT_ACCEPTOR];
}

static void wire_drop(struct wire *wire)
{
    struct kith_env *env = wire->path->place->env;
    if (wire->fd >= 0) {
        env->io->unwatch(env, &wire->watch);
        (void)close(wire->fd);
        wire->fd = -1;
        wire->wants = 0;
    }
}

static void look(struct wire *wire)
{
    struct kith_env *env = wire->path->place->env;
    struct wire *far = far_of(wire);
    unsigned wants = 0;
    if (wire->path->place->transport->packets) {
        packets_look(wire);
        return;
    }
    if (wire->fd < 0) {
        return;
    }
    wants |= wire->count == 0 && !wire->stalled && !wire->ended ? KITH_READABLE : 0u;
    wants |= far->count > 0 ? KITH_WRITABLE : 0u;
    if (wants != wire->wants) {
        wire->wants = wants;
        CHECK(env->io->watch(env, &wire->watch, wire->fd, wants) == KITH_OK, "no watch");
    }
}

static void record(struct wire *wire, const uint8_t *bytes, size_t count)
{
    size_t room = sizeof wire->record - wire->recorded;
    count = count < room ? count : room;
    memcpy(wire->record + wire->recorded, bytes, count);
    wire->recorded += count;
}

static void read_from(struct wire *wire)
{
    ssize_t count = recv(wire->fd, wire->buffer, sizeof wire->buffer, 0);
    if (count > 0) {
        record(wire, wire->buffer, (size_t)count);
        wire->start = 0;
        wire->count = wire->swallows ? 0 : (size_t)count;
    } else if (count == 0 || errno != EAGAIN) {
        wire->ended = 1;
    }
}

/* What came from the far one. */
static void write_to(struct wire *wire)
{
    struct wire *far = far_of(wire);
    ssize_t count = send(wire->fd, far->buffer + far->start, far->count, MSG_NOSIGNAL);
    if (count > 0) {
        far->start += (size_t)count;
        far->count -= (size_t)count;
    } else if (count < 0 && errno != EAGAIN) {
        far->count = 0; /* nobody reads it any more */
    }
}

/* Both ways are finished, or one is and all of it was handed on. */
static void settle(struct path *path)
{
    for (int end = 0; end < 2; end++) {
        struct wire *wire = &path->ends[end], *far = far_of(wire);
        if (wire->ended && wire->count == 0 && far->fd >= 0 && !wire->swallows) {
            (void)shutdown(far->fd, SHUT_WR);
        }
        if (wire->ended && far->ended && wire->count == 0) {
            wire_drop(far);
        }
        look(wire);
    }
}

static void wire_ready(struct kith_watch *watch, unsigned events)
{
    struct wire *wire = KITH_CONTAINER(watch, struct wire, watch);
    if ((events & KITH_WRITABLE) != 0 && far_of(wire)->count > 0) {
        write_to(wire);
    }
    if ((events & KITH_READABLE) != 0 && wire->count == 0 && !wire->stalled && !wire->ended) {
        read_from(wire);
        if (wire->count > 0 && far_of(wire)->fd >= 0) {
            write_to(far_of(wire));
        }
    }
    settle(wire->path);
}

static void wire_start(struct path *path, int end, int fd)
{
    struct wire *wire = &path->ends[end];
    wire->fd = fd;
    wire->watch.on_ready = wire_ready;
}

static void connected(struct kith_watch *watch, unsigned events)
{
    struct path *path = KITH_CONTAINER(watch, struct path, watch);
    int fd = stranger_accept(path->listener);
    (void)events;
    if (fd >= 0) {
        wire_start(path, AT_DIALLER, fd);
        wire_start(path, AT_ACCEPTOR, stranger_connect(path->port->number));
        settle(path);
    }
}

/* ---- the path ---------------------------------------------------------------------------- */

void path_open(struct path *path, struct core *acceptor)
{
    struct kith_env *env = acceptor->place->env;
    memset(path, 0, sizeof *path);
    path->place = acceptor->place;
    path->acceptor = acceptor;
    path->port = core_listen(acceptor, "127.0.0.1", 0, NULL);
    path->ends[0].path = path->ends[1].path = path;
    path->ends[0].fd = path->ends[1].fd = path->listener = -1;
    if (path->place->transport->packets) {
        packets_open(path);
    } else if (path->place->has_sockets) {
        path->listener = stranger_listen(&path->number_here);
        path->watch.on_ready = connected;
        CHECK(env->io->watch(env, &path->watch, path->listener, KITH_READABLE) == KITH_OK,
              "no watch");
    }
}

void path_close(struct path *path)
{
    if (path->place->transport->packets) {
        packets_close(path);
        return;
    }
    if (path->listener >= 0) {
        path->place->env->io->unwatch(path->place->env, &path->watch);
        (void)close(path->listener);
    }
    wire_drop(&path->ends[0]);
    wire_drop(&path->ends[1]);
}

struct conn *path_dial(struct path *path, struct core *dialler)
{
    struct conn *conn;
    if (path->place->has_sockets) {
        return core_dial_address(dialler, path->place->transport->scheme, "127.0.0.1",
                                 path->number_here, NULL);
    }
    conn = core_dial(dialler, path->port);
    path->number = path->place->hub.link_count;
    return conn;
}

void path_pair(struct path *path, struct core *a, struct core *b, struct conn **at_a,
               struct conn **at_b)
{
    path_open(path, a);
    *at_b = path_dial(path, b);
    UNTIL(path->place, a->ups == 1 && b->ups == 1);
    *at_a = a->newest;
}

static void hub_fault(struct path *path, enum kith_memory_fault fault, int end)
{
    CHECK(kith_memory_hub_fault(&path->place->hub, path->number, fault, end), "no such link");
}

void path_cut(struct path *path)
{
    if (!path->place->has_sockets) {
        hub_fault(path, KITH_MEMORY_CUT, AT_DIALLER);
        return;
    }
    if (path->place->transport->packets) {
        path->ends[0].swallows = path->ends[1].swallows = 1;
        return;
    }
    wire_drop(&path->ends[0]);
    wire_drop(&path->ends[1]);
}

void path_await_end(struct path *path, struct conn *a, struct conn *b, kith_reason reason)
{
    struct conn *ends[] = {a, b};
    for (int i = 0; i < 2; i++) {
        if (path->place->transport->packets && !conn_is_down(ends[i])) {
            conn_close(ends[i], KITH_REASON_TIMEOUT, 0);
            reason = KITH_REASON_LOCAL;
        }
    }
    for (int i = 0; i < 2; i++) {
        UNTIL(path->place, conn_is_down(ends[i]));
        CHECK(ends[i]->reason == reason, "%s: %s", kith_reason_name(ends[i]->reason),
              ends[i]->detail);
    }
}

void path_half_open(struct path *path, int end)
{
    if (!path->place->has_sockets) {
        hub_fault(path, KITH_MEMORY_HALF_OPEN, end);
        return;
    }
    wire_drop(&path->ends[end]);
    path->ends[!end].stalled = 1;
    look(&path->ends[!end]);
}

void path_stall(struct path *path, int end)
{
    if (!path->place->has_sockets) {
        hub_fault(path, KITH_MEMORY_STALL, end);
        return;
    }
    path->ends[end].stalled = 1;
    look(&path->ends[end]);
}

void path_swallow(struct path *path, int end)
{
    if (!path->place->has_sockets) {
        hub_fault(path, KITH_MEMORY_SWALLOW, end);
        return;
    }
    path->ends[end].swallows = 1;
}

void path_heal(struct path *path, int end)
{
    if (!path->place->has_sockets) {
        hub_fault(path, KITH_MEMORY_HEAL, end);
        return;
    }
    path->ends[end].stalled = path->ends[end].swallows = 0;
    look(&path->ends[end]);
}

void path_half_close(struct path *path, int end)
{
    path->ends[end].ended = 1;
    settle(path);
}

void path_inject(struct path *path, int to_end, const void *bytes, size_t count)
{
    struct wire *wire = &path->ends[to_end];
    if (path->place->transport->packets) {
        (void)!sendto(wire->fd, bytes, count, MSG_DONTWAIT, (struct sockaddr *)(void *)&wire->peer,
                      wire->peer_bytes);
        return;
    }
    stranger_say(wire->fd, bytes, count);
}
