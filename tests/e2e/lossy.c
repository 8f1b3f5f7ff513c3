/* SPDX-License-Identifier: MIT
 *
 * lossy.c: loaded before the C library (LD_PRELOAD), it loses some of what a program receives by
 * multicast DNS: KITH_LOSSY_PERCENT of the packets at port 5353, at random. For kernels that cannot
 * do that themselves. With KITH_LOSSY_FORBID set that port may not be used at all, as in a sandbox.
 * Everything else passes untouched.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned lost_count;

__attribute__((destructor)) static void tell(void)
{
    if (lost_count > 0) {
        fprintf(stderr, "lossy: lost %u packets\n", lost_count);
    }
}

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

static int is_forbidden(const struct sockaddr *at)
{
    struct sockaddr_in four;
    memcpy(&four, at, sizeof four);
    return getenv("KITH_LOSSY_FORBID") != NULL &&
           (at->sa_family == AF_INET || at->sa_family == AF_INET6) && four.sin_port == htons(5353);
}

int bind(int fd, const struct sockaddr *at, socklen_t bytes)
{
    static int (*real)(int, const struct sockaddr *, socklen_t);
    if (real == NULL) {
        void *found = dlsym(RTLD_NEXT, "bind");
        memcpy(&real, &found, sizeof real);
    }
    if (bytes >= sizeof(struct sockaddr_in) && is_forbidden(at)) {
        errno = EACCES;
        return -1;
    }
    return real(fd, at, bytes);
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
        lost_count++;
        errno = EAGAIN; /* the next packet may need more room, so it is asked for anew */
        return -1;
    }
    return count;
}
