/* SPDX-License-Identifier: MIT
 *
 * socket_posix.c: see net.h. POSIX.1-2008 has no call that makes a socket as it should be, so it is
 * told afterwards. A fork() of another thread in between inherits it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transports/net/net.h"

/* fd, or -1 and errno; then it is closed. */
static int prepared(int fd)
{
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL), error;
    if (fd < 0 || (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
                   fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)) {
        return fd;
    }
    error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

int kith__net_socket(int family, int type)
{
    return prepared(socket(family, type, 0));
}

int kith__net_accept(int fd, struct sockaddr_storage *peer, socklen_t *peer_bytes)
{
    return prepared(accept(fd, (struct sockaddr *)(void *)peer, peer_bytes));
}
