/* SPDX-License-Identifier: MIT
 *
 * lossy.c: loaded before the C library (LD_PRELOAD), it loses some of what a program receives by
 * multicast DNS: KITH_LOSSY_PERCENT of the packets at port 5353, at random. For kernels that cannot
 * do that themselves. Everything else passes untouched.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int is_lost(int fd)
{
    static unsigned seed;
    const char *percent = getenv("KITH_LOSSY_PERCENT");
    struct sockaddr_storage at;
    struct sockaddr_in six;
    socklen_t bytes = sizeof at;
    if (percent == NULL || getsockname(fd, (struct sockaddr *)&at, &bytes) != 0 ||
        (at.ss_family != AF_INET && at.ss_family != AF_INET6)) {
        return 0;
    }
    memcpy(&six, &at, sizeof six); /* the port stands at the same place in both */
    if (seed == 0) {
        seed = (unsigned)getpid();
    }
    return six.sin_port == htons(5353) && rand_r(&seed) % 100 < atoi(percent);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    static ssize_t (*real)(int, struct msghdr *, int);
    ssize_t count;
    if (real == NULL) {
        void *found = dlsym(RTLD_NEXT, "recvmsg");
        memcpy(&real, &found, sizeof real);
    }
    count = real(fd, message, flags);
    if (count >= 0 && (flags & MSG_PEEK) == 0 && is_lost(fd)) {
        errno = EAGAIN; /* the next packet may need more room, so it is asked for anew */
        return -1;
    }
    return count;
}
