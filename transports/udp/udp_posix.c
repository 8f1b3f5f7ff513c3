/* SPDX-License-Identifier: MIT
 *
 * udp_posix.c: see udp.h. One packet for each call; the system finds no path's limits, and tells of
 * packets that did not arrive only a socket that is connected.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "transports/net/net.h"
#include "transports/udp/udp.h"

void kith__udp_prepare(struct kith__udp *udp)
{
    (void)udp;
}

void kith__udp_hear(struct kith__udp *udp)
{
    (void)udp;
}

/* ---- feeling ----------------------------------------------------------------------------- */

static void felt(struct kith_watch *watch, unsigned events)
{
    struct kith__udp_feeler *feeler = KITH_CONTAINER(watch, struct kith__udp_feeler, watch);
    char nothing[1];
    int error;
    (void)events;
    if (recv(feeler->fd, nothing, sizeof nothing, 0) >= 0 || errno == EAGAIN ||
        errno == EWOULDBLOCK || errno == EINTR) {
        return;
    }
    error = errno;
    kith__udp_feel_no_more(feeler);
    feeler->on_unreachable(feeler, error);
}

/* With an empty packet, which no protocol on UDP looks at. */
void kith__udp_feel(struct kith__udp_feeler *feeler, const struct kith__udp_address *remote)
{
    feeler->fd = kith__net_socket(remote->storage.ss_family, SOCK_DGRAM);
    if (feeler->fd < 0) {
        return;
    }
    feeler->is_open = 1;
    feeler->watch.on_ready = felt;
    if (connect(feeler->fd, (const struct sockaddr *)(const void *)&remote->storage,
                remote->bytes) != 0 ||
        send(feeler->fd, "", 0, 0) != 0 ||
        feeler->env->io->watch(feeler->env, &feeler->watch, feeler->fd, KITH_READABLE) != KITH_OK) {
        kith__udp_feel_no_more(feeler);
    }
}

void kith__udp_feel_no_more(struct kith__udp_feeler *feeler)
{
    if (feeler->is_open) {
        feeler->is_open = 0;
        feeler->env->io->unwatch(feeler->env, &feeler->watch);
        (void)close(feeler->fd);
    }
}

/* ---- packets ----------------------------------------------------------------------------- */

void kith__udp_receive(struct kith__udp *udp)
{
    struct kith__udp_path path;
    path.local = udp->bound;
    for (int i = 0; i < KITH__UDP_PACKETS_PER_TURN && udp->fd >= 0; i++) {
        ssize_t count;
        path.remote.bytes = sizeof path.remote.storage;
        count = recvfrom(udp->fd, udp->buffer, KITH__UDP_MESSAGE_BYTES, 0,
                         (struct sockaddr *)(void *)&path.remote.storage, &path.remote.bytes);
        if (count < 0 && errno != EINTR) {
            return;
        }
        if (count > 0) {
            udp->on_packet(udp, &path, udp->buffer, (size_t)count);
        }
    }
}

ssize_t kith__udp_push(struct kith__udp *udp, const struct kith__udp_path *path,
                       const uint8_t *bytes, size_t count, size_t segment)
{
    return sendto(udp->fd, bytes, count < segment ? count : segment, 0,
                  (const struct sockaddr *)(const void *)&path->remote.storage, path->remote.bytes);
}
