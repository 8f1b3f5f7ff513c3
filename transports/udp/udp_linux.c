/* SPDX-License-Identifier: MIT
 *
 * udp_linux.c: see udp.h. Linux cuts one large buffer into packets and joins those that come
 * (UDP_SEGMENT since 4.18, UDP_GRO since 5.0), takes several packets in one call where it does not,
 * says to which address a packet came, and keeps what routers and hosts answered.
 */
#define _GNU_SOURCE /* sendmmsg, recvmmsg, in6_pktinfo */
#include <time.h>   /* first: errqueue.h takes struct timespec for given */

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "transports/udp/udp.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* All that can stand beside a packet, and is aligned for it. */
union control {
    char bytes[256];
    struct cmsghdr align;
};

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* The options of IPv4 count on an IPv6 socket for the IPv4 that it speaks as well. */
void kith__udp_prepare(struct kith__udp *udp)
{
    int probe = 1200;
    (void)set(udp->fd, IPPROTO_UDP, UDP_GRO, 1);
    /* Tried without sending anything: the option itself is switched off again. */
    udp->segments = setsockopt(udp->fd, IPPROTO_UDP, UDP_SEGMENT, &probe, sizeof probe) == 0;
    (void)set(udp->fd, IPPROTO_UDP, UDP_SEGMENT, 0);
    /* Packets are never cut on their way: their sender looks for the largest that arrives whole. */
    udp->is_whole = set(udp->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE) != 0;
    (void)set(udp->fd, IPPROTO_IP, IP_RECVERR, 1);
    if (udp->bound.storage.ss_family == AF_INET6) {
        udp->is_whole = set(udp->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE) != 0;
        (void)set(udp->fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
    }
    if (udp->tells_local) {
        if (udp->bound.storage.ss_family == AF_INET6) {
            (void)set(udp->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        } else {
            (void)set(udp->fd, IPPROTO_IP, IP_PKTINFO, 1);
        }
    }
}

/* ---- receiving --------------------------------------------------------------------------- */

/* Which of our addresses it came to. */
static void note_local(struct kith__udp *udp, const struct cmsghdr *item,
                       struct kith__udp_address *local)
{
    struct in_pktinfo four;
    struct in6_pktinfo six;
    struct sockaddr_in address4;
    struct sockaddr_in6 address6;
    if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
        memcpy(&four, CMSG_DATA(item), sizeof four);
        memcpy(&address4, &udp->bound.storage, sizeof address4);
        address4.sin_addr = four.ipi_addr;
        memcpy(&local->storage, &address4, sizeof address4);
    } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
        memcpy(&six, CMSG_DATA(item), sizeof six);
        memcpy(&address6, &udp->bound.storage, sizeof address6);
        address6.sin6_addr = six.ipi6_addr;
        memcpy(&local->storage, &address6, sizeof address6);
    }
}

/* How many bytes each packet of what came has; 0: it is one. */
static size_t segment_bytes(struct kith__udp *udp, struct msghdr *message,
                            struct kith__udp_address *local)
{
    int segment = 0;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item != NULL;
         item = CMSG_NXTHDR(message, item)) {
        if (item->cmsg_level == IPPROTO_UDP && item->cmsg_type == UDP_GRO) {
            memcpy(&segment, CMSG_DATA(item), sizeof segment);
        } else {
            note_local(udp, item, local);
        }
    }
    return segment > 0 ? (size_t)segment : 0;
}

static size_t deliver(struct kith__udp *udp, const struct kith__udp_path *path,
                      const uint8_t *bytes, size_t count, size_t segment)
{
    size_t packets = 0;
    segment = segment > 0 ? segment : count;
    for (size_t at = 0; at < count && udp->fd >= 0; at += segment) {
        size_t some = count - at < segment ? count - at : segment;
        udp->on_packet(udp, path, bytes + at, some);
        packets++;
    }
    return packets;
}

/* A message that came, and all that can stand beside it. */
struct arrival {
    struct kith__udp_path path;
    union control control;
    struct iovec piece;
};

static int receive_some(struct kith__udp *udp, struct mmsghdr *messages, struct arrival *arrivals)
{
    for (int i = 0; i < KITH__UDP_MESSAGES; i++) {
        struct arrival *arrival = &arrivals[i];
        arrival->piece.iov_base = udp->buffer + i * KITH__UDP_MESSAGE_BYTES;
        arrival->piece.iov_len = KITH__UDP_MESSAGE_BYTES;
        messages[i].msg_hdr = (struct msghdr){.msg_name = &arrival->path.remote.storage,
                                              .msg_namelen = sizeof arrival->path.remote.storage,
                                              .msg_iov = &arrival->piece,
                                              .msg_iovlen = 1,
                                              .msg_control = &arrival->control,
                                              .msg_controllen = sizeof arrival->control};
    }
    return recvmmsg(udp->fd, messages, KITH__UDP_MESSAGES, MSG_DONTWAIT, NULL);
}

static size_t take(struct kith__udp *udp, struct mmsghdr *message, struct arrival *arrival)
{
    size_t segment;
    arrival->path.local = udp->bound;
    arrival->path.remote.bytes = message->msg_hdr.msg_namelen;
    segment = segment_bytes(udp, &message->msg_hdr, &arrival->path.local);
    return 1 + deliver(udp, &arrival->path, arrival->piece.iov_base, message->msg_len, segment);
}

void kith__udp_receive(struct kith__udp *udp)
{
    struct mmsghdr messages[KITH__UDP_MESSAGES];
    struct arrival arrivals[KITH__UDP_MESSAGES];
    size_t packets = 0;
    int errors = 0, count;
    while (packets < KITH__UDP_PACKETS_PER_TURN && udp->fd >= 0) {
        count = receive_some(udp, messages, arrivals);
        if (count < 0) {
            /* What was heard of other packets is told here once more. */
            if (errno == EAGAIN || ++errors > KITH__UDP_SEGMENTS_MAX) {
                return;
            }
            continue;
        }
        for (int i = 0; i < count && udp->fd >= 0; i++) {
            packets += take(udp, &messages[i], &arrivals[i]);
        }
        if (count < KITH__UDP_MESSAGES) {
            return; /* there is no more */
        }
    }
}

/* ---- what the system heard --------------------------------------------------------------- */

static void take_error(struct kith__udp *udp, struct msghdr *message,
                       const struct kith__udp_address *remote)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item != NULL;
         item = CMSG_NXTHDR(message, item)) {
        struct sock_extended_err told;
        int is_ours = (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR) ||
                      (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_RECVERR);
        if (!is_ours) {
            continue;
        }
        memcpy(&told, CMSG_DATA(item), sizeof told);
        if (told.ee_origin == SO_EE_ORIGIN_ICMP || told.ee_origin == SO_EE_ORIGIN_ICMP6) {
            udp->on_unreachable(udp, remote, (int)told.ee_errno);
        }
    }
}

void kith__udp_hear(struct kith__udp *udp)
{
    for (int i = 0; i < KITH__UDP_PACKETS_PER_TURN && udp->fd >= 0; i++) {
        struct kith__udp_address remote;
        union control control;
        char begin[64]; /* of the packet that did not arrive */
        struct iovec piece = {begin, sizeof begin};
        struct msghdr message = {.msg_name = &remote.storage,
                                 .msg_namelen = sizeof remote.storage,
                                 .msg_iov = &piece,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof control};
        if (recvmsg(udp->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
            return;
        }
        remote.bytes = message.msg_namelen;
        take_error(udp, &message, &remote);
    }
}

/* The socket itself hears it. */
void kith__udp_feel(struct kith__udp_feeler *feeler, const struct kith__udp_address *remote)
{
    (void)feeler;
    (void)remote;
}

void kith__udp_feel_no_more(struct kith__udp_feeler *feeler)
{
    (void)feeler;
}

/* ---- sending ----------------------------------------------------------------------------- */

static void add(struct msghdr *message, union control *control, int level, int type,
                const void *value, size_t bytes)
{
    struct cmsghdr *item;
    size_t used = message->msg_controllen;
    message->msg_control = control;
    message->msg_controllen = used + CMSG_SPACE(bytes);
    item = (struct cmsghdr *)(void *)(control->bytes + used);
    item->cmsg_level = level;
    item->cmsg_type = type;
    item->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(item), value, bytes);
}

/* Answers leave from the address that was spoken to. */
static void add_local(struct kith__udp *udp, const struct kith__udp_address *local,
                      struct msghdr *message, union control *control)
{
    struct in_pktinfo four;
    struct in6_pktinfo six;
    struct sockaddr_in address4;
    struct sockaddr_in6 address6;
    if (!udp->tells_local || kith__udp_same(local, &udp->bound)) {
        return;
    }
    if (local->storage.ss_family == AF_INET) {
        memset(&four, 0, sizeof four);
        memcpy(&address4, &local->storage, sizeof address4);
        four.ipi_spec_dst = address4.sin_addr;
        add(message, control, IPPROTO_IP, IP_PKTINFO, &four, sizeof four);
    } else {
        memset(&six, 0, sizeof six);
        memcpy(&address6, &local->storage, sizeof address6);
        six.ipi6_addr = address6.sin6_addr;
        add(message, control, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof six);
    }
}

static ssize_t push_several(struct kith__udp *udp, const struct msghdr *like, const uint8_t *bytes,
                            size_t count, size_t segment)
{
    struct mmsghdr messages[KITH__UDP_SEGMENTS_MAX];
    struct iovec pieces[KITH__UDP_SEGMENTS_MAX];
    unsigned packets = 0;
    size_t sent = 0;
    int went;
    for (size_t at = 0; at < count && packets < KITH__UDP_SEGMENTS_MAX; at += segment, packets++) {
        pieces[packets].iov_base = (void *)(uintptr_t)(bytes + at);
        pieces[packets].iov_len = count - at < segment ? count - at : segment;
        messages[packets].msg_hdr = *like;
        messages[packets].msg_hdr.msg_iov = &pieces[packets];
        messages[packets].msg_hdr.msg_iovlen = 1;
    }
    went = sendmmsg(udp->fd, messages, packets, MSG_DONTWAIT);
    if (went < 0) {
        return -1;
    }
    for (int i = 0; i < went; i++) {
        sent += pieces[i].iov_len;
    }
    return (ssize_t)sent;
}

ssize_t kith__udp_push(struct kith__udp *udp, const struct kith__udp_path *path,
                       const uint8_t *bytes, size_t count, size_t segment)
{
    union control control;
    struct iovec piece = {(void *)(uintptr_t)bytes, count};
    struct msghdr message = {.msg_name = (void *)(uintptr_t)&path->remote.storage,
                             .msg_namelen = path->remote.bytes,
                             .msg_iov = &piece,
                             .msg_iovlen = 1};
    uint16_t cut = (uint16_t)segment;
    ssize_t went;
    memset(&control, 0, sizeof control);
    add_local(udp, &path->local, &message, &control);
    if (count <= segment) {
        return sendmsg(udp->fd, &message, MSG_DONTWAIT);
    }
    if (udp->segments) {
        struct msghdr cutting = message;
        add(&cutting, &control, IPPROTO_UDP, UDP_SEGMENT, &cut, sizeof cut);
        went = sendmsg(udp->fd, &cutting, MSG_DONTWAIT);
        if (went >= 0 || (errno != EIO && errno != EINVAL && errno != EOPNOTSUPP)) {
            return went;
        }
        /* An interface that cannot: from now on without. */
        udp->segments = 0;
    }
    return push_several(udp, &message, bytes, count, segment);
}
