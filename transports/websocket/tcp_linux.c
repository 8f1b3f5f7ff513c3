/* SPDX-License-Identifier: MIT
 *
 * tcp_linux.c: see ws.h. Linux bounds what it takes ahead of the network.
 */
#define _GNU_SOURCE /* TCP_NOTSENT_LOWAT */
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "transports/websocket/ws.h"

/* What is in the kernel cannot be overtaken by what is more urgent. So it takes no more than is
 * worth a wake-up beyond what is on the network; a buffer of fixed size would also bound that. */
void kith__ws_tcp_connected(int fd)
{
    int on = 1, unsent = KITH__WS_UNSENT_BYTES;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

size_t kith__ws_tcp_room(int fd, size_t most)
{
    int unsent = 0; /* set here because valgrind does not know this call */
    if (ioctl(fd, SIOCOUTQNSD, &unsent) != 0) {
        return KITH__WS_UNSENT_BYTES; /* writing finds out */
    }
    if (unsent == 0) {
        return most; /* the network takes it as fast as we write */
    }
    return unsent < KITH__WS_UNSENT_BYTES ? (size_t)(KITH__WS_UNSENT_BYTES - unsent) : 0;
}
