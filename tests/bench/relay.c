/* SPDX-License-Identifier: MIT
 *
 * relay.c: see relay.h.
 */
#include "relay.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "meter.h"

enum { PAIRS_MAX = 8, BUFFER_BYTES = 65536 };

/* near: who dialled; far: who listens. -1: not there. */
struct pair {
    int near, far;
};

struct relay {
    int is_udp, front;
    uint16_t target_port;
    struct pair pairs[PAIRS_MAX]; /* UDP: the first alone, and its near is front */
    struct sockaddr_in client;
    int orders[2]; /* a pipe: 'c' now, 'n' at the next bytes, 'q' the end */
    int is_armed;
    atomic_uint_least64_t cut_ns;
    sem_t is_done; /* what was asked for at once */
    pthread_t thread;
    uint8_t buffer[BUFFER_BYTES];
};

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in at;
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

static int new_socket(const struct relay *relay)
{
    int fd = socket(AF_INET, relay->is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (fd < 0) {
        die("no socket for the relay");
    }
    return fd;
}

static int connect_far(const struct relay *relay)
{
    struct sockaddr_in at = loopback(relay->target_port);
    int fd = new_socket(relay);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        die("the relay cannot connect");
    }
    return fd;
}

/* ---- breaking ----------------------------------------------------------------------------- */

static void end_pair(struct pair *pair, int resets)
{
    const struct linger at_once = {1, 0};
    int *fds[] = {&pair->near, &pair->far};
    for (int i = 0; i < 2; i++) {
        if (*fds[i] >= 0) {
            if (resets) {
                (void)setsockopt(*fds[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            }
            (void)close(*fds[i]);
            *fds[i] = -1;
        }
    }
}

static void cut(struct relay *relay)
{
    relay->is_armed = 0;
    if (relay->is_udp) {
        while (recv(relay->front, relay->buffer, sizeof relay->buffer, MSG_DONTWAIT) > 0) {
        }
        (void)close(relay->pairs[0].far);
        relay->pairs[0].far = connect_far(relay);
    }
    for (int i = 0; i < PAIRS_MAX && !relay->is_udp; i++) {
        end_pair(&relay->pairs[i], 1);
    }
    atomic_store(&relay->cut_ns, now_ns());
}

/* 0 at the end. */
static int obey(struct relay *relay)
{
    char order;
    if (read(relay->orders[0], &order, 1) != 1 || order == 'q') {
        return 0;
    }
    if (order == 'c') {
        cut(relay);
        (void)sem_post(&relay->is_done);
    } else {
        relay->is_armed = 1;
    }
    return 1;
}

/* ---- carrying ----------------------------------------------------------------------------- */

static void accept_one(struct relay *relay)
{
    int fd = accept(relay->front, NULL, NULL);
    for (int i = 0; i < PAIRS_MAX && fd >= 0; i++) {
        if (relay->pairs[i].near < 0) {
            relay->pairs[i].near = fd;
            relay->pairs[i].far = connect_far(relay);
            return;
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static int send_all(int fd, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0) {
            return 0;
        }
        bytes += sent;
        count -= (size_t)sent;
    }
    return 1;
}

/* 1 when the way broke. */
static int carry_stream(struct relay *relay, struct pair *pair, int from_near)
{
    int from = from_near ? pair->near : pair->far, to = from_near ? pair->far : pair->near;
    ssize_t got = recv(from, relay->buffer, sizeof relay->buffer, 0);
    if (got > 0 && from_near && relay->is_armed) {
        cut(relay);
        return 1;
    }
    if (got <= 0 || !send_all(to, relay->buffer, (size_t)got)) {
        end_pair(pair, 0);
        return 1;
    }
    return 0;
}

static void carry_packet(struct relay *relay, int from_near)
{
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    int fd = from_near ? relay->front : relay->pairs[0].far;
    ssize_t got = recvfrom(fd, relay->buffer, sizeof relay->buffer, MSG_DONTWAIT,
                           (struct sockaddr *)&from, &length);
    if (got < 0) {
        return; /* nothing any more, or what ICMP says, which is none of ours */
    }
    if (!from_near) {
        (void)sendto(relay->front, relay->buffer, (size_t)got, 0, (struct sockaddr *)&relay->client,
                     sizeof relay->client);
        return;
    }
    relay->client = from;
    if (relay->is_armed) {
        cut(relay);
    } else {
        (void)send(relay->pairs[0].far, relay->buffer, (size_t)got, 0);
    }
}

static void carry(struct relay *relay, const struct pollfd *ready)
{
    for (int i = 0; i < (relay->is_udp ? 1 : PAIRS_MAX); i++) {
        for (int near = 1; near >= 0; near--) {
            if (ready[2 * i + !near].revents == 0) {
                continue;
            }
            if (relay->is_udp) {
                carry_packet(relay, near);
            } else if (carry_stream(relay, &relay->pairs[i], near)) {
                break;
            }
        }
    }
}

static void *run(void *user)
{
    struct relay *relay = user;
    struct pollfd ready[2 + 2 * PAIRS_MAX];
    for (;;) {
        ready[0] = (struct pollfd){relay->orders[0], POLLIN, 0};
        ready[1] = (struct pollfd){relay->is_udp ? -1 : relay->front, POLLIN, 0};
        for (int i = 0; i < PAIRS_MAX; i++) {
            ready[2 + 2 * i] = (struct pollfd){relay->pairs[i].near, POLLIN, 0};
            ready[3 + 2 * i] = (struct pollfd){relay->pairs[i].far, POLLIN, 0};
        }
        if (poll(ready, sizeof ready / sizeof ready[0], -1) < 0) {
            continue;
        }
        if (ready[0].revents != 0) {
            if (!obey(relay)) {
                return NULL;
            }
            continue; /* there may be other sockets now */
        }
        carry(relay, ready + 2);
        if (ready[1].revents != 0) {
            accept_one(relay);
        }
    }
}

/* ---- from outside ------------------------------------------------------------------------- */

struct relay *relay_open(int is_udp, uint16_t target_port, uint16_t *port)
{
    struct relay *relay = need(sizeof *relay);
    struct sockaddr_in at = loopback(0);
    socklen_t length = sizeof at;
    relay->is_udp = is_udp;
    relay->target_port = target_port;
    memset(relay->pairs, 0xff, sizeof relay->pairs); /* -1 */
    relay->front = new_socket(relay);
    if (bind(relay->front, (struct sockaddr *)&at, sizeof at) != 0 ||
        (!is_udp && listen(relay->front, PAIRS_MAX) != 0) ||
        getsockname(relay->front, (struct sockaddr *)&at, &length) != 0 ||
        pipe(relay->orders) != 0 || sem_init(&relay->is_done, 0, 0) != 0) {
        die("no port for the relay");
    }
    if (is_udp) {
        relay->pairs[0] = (struct pair){relay->front, connect_far(relay)};
    }
    if (pthread_create(&relay->thread, NULL, run, relay) != 0) {
        die("no thread for the relay");
    }
    *port = ntohs(at.sin_port);
    return relay;
}

static void tell(struct relay *relay, char order)
{
    if (write(relay->orders[1], &order, 1) != 1) {
        die("the relay does not listen");
    }
}

void relay_cut(struct relay *relay, int at_next)
{
    atomic_store(&relay->cut_ns, 0);
    tell(relay, at_next ? 'n' : 'c');
    while (!at_next && sem_wait(&relay->is_done) != 0) {
    }
}

uint64_t relay_was_cut_ns(const struct relay *relay)
{
    return atomic_load(&((struct relay *)(uintptr_t)relay)->cut_ns);
}

void relay_close(struct relay *relay)
{
    if (relay == NULL) {
        return;
    }
    tell(relay, 'q');
    (void)pthread_join(relay->thread, NULL);
    if (relay->is_udp) {
        relay->pairs[0].near = -1;
    }
    for (int i = 0; i < PAIRS_MAX; i++) {
        end_pair(&relay->pairs[i], 0);
    }
    (void)close(relay->front);
    (void)close(relay->orders[0]);
    (void)close(relay->orders[1]);
    (void)sem_destroy(&relay->is_done);
    free(relay);
}
