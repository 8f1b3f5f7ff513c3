/* SPDX-License-Identifier: MIT
 *
 * udp.c: a UDP socket on the loop, as far as it is the same on all systems.
 */
#include "transports/udp/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static void ready(struct kith_watch *watch, unsigned events);

/* The wildcard address says nothing about where a packet came to. */
static int is_any(const struct kith__udp_address *address)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    if (address->storage.ss_family == AF_INET) {
        memcpy(&four, &address->storage, sizeof four);
        return four.sin_addr.s_addr == htonl(INADDR_ANY);
    }
    memcpy(&six, &address->storage, sizeof six);
    return IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr);
}

kith_err kith__udp_open(struct kith__udp *udp, int fd)
{
    int bytes = KITH__UDP_SOCKET_BYTES;
    kith_err err;
    udp->fd = fd;
    udp->bound.bytes = sizeof udp->bound.storage;
    if (getsockname(fd, (struct sockaddr *)(void *)&udp->bound.storage, &udp->bound.bytes) != 0) {
        (void)close(fd);
        udp->fd = -1;
        return KITH_ERR_IO;
    }
    udp->tells_local = udp->tells_local && is_any(&udp->bound);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    kith__udp_prepare(udp);
    udp->watch.on_ready = ready;
    err = udp->env->io->watch(udp->env, &udp->watch, fd, KITH_READABLE);
    if (err != KITH_OK) {
        kith__udp_close(udp);
    }
    return err;
}

void kith__udp_close(struct kith__udp *udp)
{
    if (udp->fd >= 0) {
        udp->env->io->unwatch(udp->env, &udp->watch);
        (void)close(udp->fd);
        udp->fd = -1;
    }
}

int kith__udp_same(const struct kith__udp_address *a, const struct kith__udp_address *b)
{
    struct sockaddr_in6 six[2];
    struct sockaddr_in four[2];
    if (a->storage.ss_family != b->storage.ss_family) {
        return 0;
    }
    if (a->storage.ss_family == AF_INET) {
        memcpy(&four[0], &a->storage, sizeof four[0]);
        memcpy(&four[1], &b->storage, sizeof four[1]);
        return four[0].sin_port == four[1].sin_port &&
               four[0].sin_addr.s_addr == four[1].sin_addr.s_addr;
    }
    memcpy(&six[0], &a->storage, sizeof six[0]);
    memcpy(&six[1], &b->storage, sizeof six[1]);
    return six[0].sin6_port == six[1].sin6_port &&
           memcmp(&six[0].sin6_addr, &six[1].sin6_addr, sizeof six[0].sin6_addr) == 0;
}

in_port_t kith__udp_port(const struct kith__udp_address *address)
{
    struct sockaddr_in6 six;
    struct sockaddr_in four;
    if (address->storage.ss_family == AF_INET) {
        memcpy(&four, &address->storage, sizeof four);
        return four.sin_port;
    }
    memcpy(&six, &address->storage, sizeof six);
    return six.sin6_port;
}

void kith__udp_set_port(struct kith__udp_address *address, in_port_t port)
{
    struct sockaddr_in6 six;
    struct sockaddr_in four;
    if (address->storage.ss_family == AF_INET) {
        memcpy(&four, &address->storage, sizeof four);
        four.sin_port = port;
        memcpy(&address->storage, &four, sizeof four);
    } else {
        memcpy(&six, &address->storage, sizeof six);
        six.sin6_port = port;
        memcpy(&address->storage, &six, sizeof six);
    }
}

/* ---- sending ----------------------------------------------------------------------------- */

static void wait_until_writable(struct kith__udp *udp)
{
    udp->is_blocked = 1;
    if (udp->env->io->watch(udp->env, &udp->watch, udp->fd, KITH_READABLE | KITH_WRITABLE) !=
        KITH_OK) {
        udp->is_blocked = 0; /* what is not sent now is lost */
    }
}

/* Errors that say something of the packets sent before, or of the network for now: what is sent is
 * lost, as it may be anywhere on its way. */
static int is_like_loss(int error)
{
    return error == EMSGSIZE || error == ECONNREFUSED || error == ENOBUFS || error == ENOMEM ||
           error == EHOSTUNREACH || error == EHOSTDOWN || error == ENETDOWN;
}

size_t kith__udp_send(struct kith__udp *udp, const struct kith__udp_path *path,
                      const uint8_t *bytes, size_t count, size_t segment, int *error)
{
    size_t sent = 0;
    *error = 0;
    while (sent < count && udp->fd >= 0) {
        ssize_t went = kith__udp_push(udp, path, bytes + sent, count - sent, segment);
        if (went > 0) {
            sent += (size_t)went;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            wait_until_writable(udp);
            return udp->is_blocked ? sent : count;
        } else if (is_like_loss(errno)) {
            sent += segment < count - sent ? segment : count - sent;
        } else if (errno != EINTR) {
            *error = errno;
            return sent;
        }
    }
    return sent;
}

/* ---- the loop ---------------------------------------------------------------------------- */

static void ready(struct kith_watch *watch, unsigned events)
{
    struct kith__udp *udp = KITH_CONTAINER(watch, struct kith__udp, watch);
    if ((events & KITH_WRITABLE) != 0) { /* which the loop says of every socket with an error */
        kith__udp_hear(udp);
    }
    if (udp->fd >= 0 && (events & KITH_READABLE) != 0) {
        kith__udp_receive(udp);
    }
    if (udp->fd >= 0 && (events & KITH_WRITABLE) != 0 && udp->is_blocked) {
        udp->is_blocked = 0;
        (void)udp->env->io->watch(udp->env, &udp->watch, udp->fd, KITH_READABLE);
        udp->on_writable(udp);
    }
}
