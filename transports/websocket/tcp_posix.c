/* SPDX-License-Identifier: MIT
 *
 * tcp_posix.c: see ws.h. What POSIX has of that.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "transports/websocket/ws.h"

/* POSIX has nothing that bounds what the system takes ahead of the network but the size of the
 * buffer, which would bound the rest too. */
void kith__ws_tcp_connected(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

size_t kith__ws_tcp_room(int fd, size_t most)
{
    (void)fd;
    return most; /* writing finds out */
}
