/* SPDX-License-Identifier: MIT
 *
 * udp_posix.c: see udp.h. One packet for each call; the system finds no path's limits and tells of
 * no packet that did not arrive.
 */
#include <errno.h>
#include <string.h>

#include "transports/udp/udp.h"

void kith__udp_prepare(struct kith__udp *udp)
{
    (void)udp;
}

void kith__udp_hear(struct kith__udp *udp)
{
    (void)udp;
}

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
