/* SPDX-License-Identifier: MIT
 *
 * netwatch_linux.c: see netwatch.h. Linux tells over a netlink socket (rtnetlink(7)). Where that is
 * not permitted (a sandbox, Android), netwatch.c asks instead.
 */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/netwatch.h"

enum {
    NEWS_BYTES =
        16 * 1024,     /* one message; the kernel makes none that is larger than a page or two */
    NEWS_PER_TURN = 64 /* then others have their turn */
};

int kith_netwatch_open(void)
{
    struct sockaddr_nl own;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    memset(&own, 0, sizeof own);
    own.nl_family = AF_NETLINK;
    own.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                    RTMGRP_IPV6_ROUTE;
    if (fd >= 0 && bind(fd, (const struct sockaddr *)(const void *)&own, sizeof own) != 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* Routes to the machine itself and its neighbours come and go with its addresses, and those that
 * are made for one destination tell of traffic, not of change. */
static int is_way_out(const struct nlmsghdr *news)
{
    struct rtmsg route;
    if (news->nlmsg_len < NLMSG_LENGTH(sizeof route)) {
        return 0;
    }
    memcpy(&route, NLMSG_DATA(news), sizeof route);
    return (route.rtm_flags & RTM_F_CLONED) == 0 && route.rtm_type != RTN_LOCAL &&
           route.rtm_type != RTN_BROADCAST && route.rtm_type != RTN_ANYCAST &&
           route.rtm_type != RTN_MULTICAST;
}

static unsigned about(const struct nlmsghdr *news)
{
    switch (news->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
    case RTM_NEWADDR:
    case RTM_DELADDR:
        return KITH_NEWS_ADDRESSES;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        return is_way_out(news) ? KITH_NEWS_ROUTES : 0;
    default:
        return 0;
    }
}

static unsigned read_all(const struct nlmsghdr *news, size_t count)
{
    unsigned all = 0;
    for (; NLMSG_OK(news, count); news = NLMSG_NEXT(news, count)) {
        all |= about(news);
    }
    return all;
}

unsigned kith_netwatch_read(int fd)
{
    union {
        struct nlmsghdr first; /* for its alignment */
        char bytes[NEWS_BYTES];
    } buffer;
    unsigned all = 0;
    for (int i = 0; i < NEWS_PER_TURN; i++) {
        struct sockaddr_nl from;
        socklen_t from_bytes = sizeof from;
        ssize_t count =
            recvfrom(fd, &buffer, sizeof buffer, 0, (struct sockaddr *)(void *)&from, &from_bytes);
        if (count < 0 && errno == ENOBUFS) {
            all |= KITH_NEWS_ADDRESSES | KITH_NEWS_ROUTES; /* some are lost */
        } else if (count <= 0) {
            break;
        } else if (from.nl_pid == 0) { /* from the kernel */
            all |= read_all(&buffer.first, (size_t)count);
        }
    }
    return all;
}
