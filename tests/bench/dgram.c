/* SPDX-License-Identifier: MIT
 *
 * dgram.c: see dgram.h.
 */
#define _GNU_SOURCE /* ppoll */
#include "dgram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "meter.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { SOCKET_BYTES = 4 * 1024 * 1024, HEADERS_BYTES = 48, PATIENCE_S = 60 };
#define FOREVER UINT64_MAX

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

/* ---- both meet ----------------------------------------------------------------------------- */

static void make(struct dgram *dgram)
{
    int bytes = SOCKET_BYTES, on = 1, whole = IP_PMTUDISC_PROBE;
    socklen_t room = sizeof dgram->local;
    memset(dgram, 0, sizeof *dgram);
    dgram->local.sin_family = dgram->remote.sin_family = AF_INET;
    dgram->local.sin_addr.s_addr = dgram->remote.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    dgram->fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (dgram->fd < 0 ||
        bind(dgram->fd, (struct sockaddr *)(void *)&dgram->local, sizeof dgram->local) != 0 ||
        getsockname(dgram->fd, (struct sockaddr *)(void *)&dgram->local, &room) != 0) {
        die("floor: no UDP socket: %s", strerror(errno));
    }
    (void)setsockopt(dgram->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)setsockopt(dgram->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    (void)setsockopt(dgram->fd, IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof whole);
    (void)setsockopt(dgram->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
}

static void join(struct dgram *dgram)
{
    int mtu = 0;
    socklen_t room = sizeof mtu;
    if (connect(dgram->fd, (struct sockaddr *)(void *)&dgram->remote, sizeof dgram->remote) != 0 ||
        getsockopt(dgram->fd, IPPROTO_IP, IP_MTU, &mtu, &room) != 0) {
        die("floor: cannot connect: %s", strerror(errno));
    }
    dgram->packet = (size_t)mtu > DGRAM_JUMBO_BYTES + HEADERS_BYTES ? DGRAM_JUMBO_BYTES
                                                                    : (size_t)mtu - HEADERS_BYTES;
}

void dgram_listen(struct dgram *dgram, struct line *line)
{
    struct pollfd came;
    socklen_t room = sizeof dgram->remote;
    char port[8], hello;
    make(dgram);
    snprintf(port, sizeof port, "%d", ntohs(dgram->local.sin_port));
    line_tell(line, port);
    came = (struct pollfd){dgram->fd, POLLIN, 0};
    if (poll(&came, 1, PATIENCE_S * 1000) != 1 ||
        recvfrom(dgram->fd, &hello, 1, 0, (struct sockaddr *)(void *)&dgram->remote, &room) != 1) {
        die("floor: nobody came");
    }
    join(dgram);
    dgram_send(dgram, "!", 1, 1);
}

void dgram_dial(struct dgram *dgram, struct line *line)
{
    char port[LINE_TEXT_BYTES];
    uint8_t *answer = need(DGRAM_ROOM_BYTES);
    size_t segment;
    make(dgram);
    line_hear(line, port);
    dgram->remote.sin_port = htons((uint16_t)strtol(port, NULL, 10));
    join(dgram);
    dgram_send(dgram, "?", 1, 1);
    (void)dgram_receive(dgram, answer, &segment, FOREVER);
    free(answer);
}

void dgram_close(struct dgram *dgram)
{
    (void)close(dgram->fd);
}

/* ---- packets ------------------------------------------------------------------------------- */

void dgram_send(struct dgram *dgram, const void *bytes, size_t count, size_t segment)
{
    struct iovec piece = {(void *)(uintptr_t)bytes, count};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    uint16_t cut = (uint16_t)segment;
    union control control;
    if (count > segment) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof cut);
        memset(&control, 0, sizeof control);
        control.align.cmsg_level = IPPROTO_UDP;
        control.align.cmsg_type = UDP_SEGMENT;
        control.align.cmsg_len = CMSG_LEN(sizeof cut);
        memcpy(CMSG_DATA(&control.align), &cut, sizeof cut);
    }
    while (sendmsg(dgram->fd, &message, 0) < 0) {
        if (errno == EMSGSIZE) {
            return;
        }
        if (errno != EINTR) {
            die("floor: sending over UDP: %s", strerror(errno));
        }
    }
}

static int comes(struct dgram *dgram, uint64_t until_ns)
{
    struct pollfd came = {dgram->fd, POLLIN, 0};
    uint64_t now = now_ns(), left = until_ns > now ? until_ns - now : 0;
    struct timespec wait = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    if (wait.tv_sec >= PATIENCE_S) {
        wait = (struct timespec){PATIENCE_S, 0};
    }
    if (ppoll(&came, 1, &wait, NULL) > 0) {
        return 1;
    }
    if (until_ns == FOREVER) {
        die("floor: the other side says nothing any more");
    }
    return 0;
}

size_t dgram_receive(struct dgram *dgram, void *out, size_t *segment, uint64_t until_ns)
{
    struct iovec piece = {out, DGRAM_ROOM_BYTES};
    union control control;
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *item;
    ssize_t count;
    int cut = 0;
    while ((count = recvmsg(dgram->fd, &message, MSG_DONTWAIT)) < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            die("floor: receiving over UDP: %s", strerror(errno));
        }
        if (!comes(dgram, until_ns)) {
            return 0;
        }
    }
    item = CMSG_FIRSTHDR(&message);
    if (item != NULL && item->cmsg_level == IPPROTO_UDP && item->cmsg_type == UDP_GRO) {
        memcpy(&cut, CMSG_DATA(item), sizeof cut);
    }
    *segment = cut > 0 ? (size_t)cut : (size_t)count;
    return (size_t)count;
}
