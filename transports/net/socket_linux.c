/* SPDX-License-Identifier: MIT
 *
 * socket_linux.c: see net.h. Linux makes sockets as they should be in one call: no fork() of
 * another thread comes in between.
 */
#define _GNU_SOURCE /* accept4 */
#include <sys/socket.h>

#include "transports/net/net.h"

int kith__net_socket(int family, int type)
{
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int kith__net_accept(int fd, struct sockaddr_storage *peer, socklen_t *peer_bytes)
{
    return accept4(fd, (struct sockaddr *)(void *)peer, peer_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
