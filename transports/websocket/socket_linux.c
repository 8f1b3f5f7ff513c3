/* SPDX-License-Identifier: MIT
 *
 * socket_linux.c: see ws.h. Linux makes sockets as they should be in one call: no fork() of another
 * thread comes in between.
 */
#define _GNU_SOURCE /* accept4 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "transports/websocket/ws.h"

int kith__ws_socket(int family, int type)
{
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int kith__ws_accept(int fd, struct sockaddr_storage *peer, socklen_t *peer_bytes)
{
    return accept4(fd, (struct sockaddr *)(void *)peer, peer_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* What is in the kernel cannot be overtaken by what is more urgent. So it takes no more than is
 * worth a wake-up beyond what is on the network; a buffer of fixed size would also bound that. */
void kith__ws_socket_connected(int fd)
{
    int on = 1, unsent = KITH__WS_UNSENT_BYTES;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}
