/* SPDX-License-Identifier: MIT
 *
 * kith-test-udp-relay TARGETPORT [SEED]: a bad network between two programs that talk over UDP.
 *
 * Packets to its port on 127.0.0.1, which it tells as "listening PORT", go to 127.0.0.1:TARGETPORT
 * from a port of the relay's for each sender, as behind a router, and answers go back. It is told
 * on standard input, a line each, what it does to them from then on, and answers each line:
 *
 *   lose PERCENT            so many are lost                      "ok"
 *   gap AFTER COUNT         after so many more so many are lost   "ok"
 *   double PERCENT          so many arrive twice                  "ok"
 *   late PERCENT MS         so many arrive up to so much later    "ok"
 *   delay MS                all of them do                        "ok"
 *   spoil PERCENT           so many are followed by one that is   "ok"
 *                           cut short, or changed, or an old one
 *   astray PERCENT          so many reach the target from an      "ok"
 *                           address where nobody is, and then
 *                           from their own
 *   dead, alive             nothing passes; it does again         "ok"
 *   rebind                  senders come from other ports now     "ok"
 *   count                                 "count PASSED LOST DOUBLED LATE SPOILT"
 *
 * What happens to the Nth packet follows from the seed and N. It ends with its standard input.
 * For tests only; knows nothing of what it carries.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PACKET_BYTES_MAX = 65536,
    SENDERS_MAX = 64,
    WAITING_MAX = 8192, /* packets that are late; more are lost */
    OLD_MAX = 256,      /* packets that may come again */
    OLD_BYTES_MAX = 1500,
    AT_ONCE_MAX = 64, /* packets of one socket before the others have their turn */
    SOCKET_BYTES = 4 * 1024 * 1024
};

struct sender {
    struct sockaddr_in address;
    int fd; /* what its packets leave from */
};

struct waiting {
    uint64_t due_us, number; /* number: of those due at the same time the first goes first */
    size_t count;
    uint8_t *bytes;
    unsigned sender;
    int is_answer;
};

static struct sender senders[SENDERS_MAX];
static unsigned sender_count;
static struct waiting waiting[WAITING_MAX]; /* a heap, the first due on top */
static unsigned waiting_count;
static int door; /* the socket that senders know */
static struct sockaddr_in target;
static uint64_t chance;
static struct {
    size_t count;
    uint8_t bytes[OLD_BYTES_MAX];
} old[2][OLD_MAX]; /* what passed to each side, the newest instead of any */
static unsigned lose_percent, double_percent, late_percent, late_ms, delay_ms, spoil_percent,
    astray_percent;
static int nowhere; /* a socket that nobody reads */
static unsigned gap_after, gap_packets;
static int is_dead;
static uint64_t passed, lost, doubled, late, spoilt, numbers;

static void die(const char *what)
{
    fprintf(stderr, "kith-test-udp-relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* splitmix64 */
static uint64_t draw(void)
{
    uint64_t z = chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int happens(unsigned percent)
{
    return draw() % 100 < percent;
}

static int new_socket(struct sockaddr_in *bound)
{
    static const int bytes = SOCKET_BYTES;
    socklen_t length = sizeof *bound;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    memset(bound, 0, sizeof *bound);
    bound->sin_family = AF_INET;
    bound->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (const struct sockaddr *)bound, sizeof *bound) != 0 ||
        getsockname(fd, (struct sockaddr *)bound, &length) != 0) {
        die("no socket");
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return fd;
}

/* ---- packets that are late --------------------------------------------------------------- */

static int is_before(const struct waiting *a, const struct waiting *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->number < b->number;
}

static void swap(unsigned a, unsigned b)
{
    struct waiting other = waiting[a];
    waiting[a] = waiting[b];
    waiting[b] = other;
}

static void keep(struct waiting one)
{
    unsigned at = waiting_count++;
    for (waiting[at] = one; at > 0 && is_before(&waiting[at], &waiting[(at - 1) / 2]);
         at = (at - 1) / 2) {
        swap(at, (at - 1) / 2);
    }
}

static struct waiting take_first(void)
{
    struct waiting first = waiting[0];
    unsigned at = 0, next;
    waiting[0] = waiting[--waiting_count];
    while ((next = 2 * at + 1) < waiting_count) {
        next += next + 1 < waiting_count && is_before(&waiting[next + 1], &waiting[next]);
        if (!is_before(&waiting[next], &waiting[at])) {
            break;
        }
        swap(at, next);
        at = next;
    }
    return first;
}

/* ---- passing on -------------------------------------------------------------------------- */

/* What the system does not take is lost, as on any way. */
static void pass(unsigned sender, int is_answer, const uint8_t *bytes, size_t count)
{
    const struct sockaddr_in *to = is_answer ? &senders[sender].address : &target;
    if (sendto(is_answer ? door : senders[sender].fd, bytes, count, 0, (const struct sockaddr *)to,
               sizeof *to) >= 0) {
        passed++;
    }
}

static void pass_in(uint64_t wait_us, unsigned sender, int is_answer, const uint8_t *bytes,
                    size_t count)
{
    struct waiting one = {now_us() + wait_us, numbers++, count, NULL, sender, is_answer};
    if (wait_us == 0) {
        pass(sender, is_answer, bytes, count);
        return;
    }
    if (waiting_count == WAITING_MAX || (one.bytes = malloc(count + 1)) == NULL) {
        lost++;
        return;
    }
    memcpy(one.bytes, bytes, count);
    keep(one);
}

/* Keeps a packet, and now and then sends another one behind it that is no good any more. */
static void spoil(unsigned sender, int is_answer, const uint8_t *bytes, size_t count)
{
    unsigned which = (unsigned)(draw() % OLD_MAX);
    uint8_t copy[OLD_BYTES_MAX];
    if (count > OLD_BYTES_MAX || count == 0) {
        return;
    }
    if (happens(spoil_percent)) {
        spoilt++;
        memcpy(copy, bytes, count);
        switch (draw() % 3) {
        case 0:
            copy[draw() % count] ^= (uint8_t)(1u << draw() % 8);
            pass(sender, is_answer, copy, count);
            break;
        case 1:
            pass(sender, is_answer, copy, draw() % count);
            break;
        default:
            pass(sender, is_answer, old[is_answer][which].bytes, old[is_answer][which].count);
            break;
        }
    }
    memcpy(old[is_answer][which].bytes, bytes, count);
    old[is_answer][which].count = count;
}

static int is_in_gap(void)
{
    if (gap_after > 0) {
        gap_after--;
        return 0;
    }
    if (gap_packets > 0) {
        gap_packets--;
        return 1;
    }
    return 0;
}

static void decide(unsigned sender, int is_answer, const uint8_t *bytes, size_t count)
{
    unsigned copies = 1;
    if (is_dead || is_in_gap() || happens(lose_percent)) {
        lost++;
        return;
    }
    if (happens(double_percent)) {
        copies = 2;
        doubled++;
    }
    if (!is_answer && happens(astray_percent)) {
        (void)!sendto(nowhere, bytes, count, 0, (const struct sockaddr *)&target, sizeof target);
    }
    while (copies-- > 0) {
        uint64_t wait_us = delay_ms * UINT64_C(1000);
        if (happens(late_percent)) {
            wait_us += draw() % (late_ms * UINT64_C(1000) + 1);
            late++;
        }
        pass_in(wait_us, sender, is_answer, bytes, count);
    }
    spoil(sender, is_answer, bytes, count);
}

static unsigned sender_of(const struct sockaddr_in *address)
{
    struct sockaddr_in bound;
    unsigned i = 0;
    while (i < sender_count && (senders[i].address.sin_port != address->sin_port ||
                                senders[i].address.sin_addr.s_addr != address->sin_addr.s_addr)) {
        i++;
    }
    if (i == sender_count && sender_count < SENDERS_MAX) {
        senders[i].address = *address;
        senders[i].fd = new_socket(&bound);
        sender_count++;
    }
    return i;
}

static void read_from(int fd, int sender)
{
    static uint8_t bytes[PACKET_BYTES_MAX];
    for (int i = 0; i < AT_ONCE_MAX; i++) {
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        ssize_t count = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);
        unsigned index = sender >= 0 ? (unsigned)sender : count >= 0 ? sender_of(&from) : 0;
        if (count < 0) {
            return; /* nothing more, or nobody listens there */
        }
        if (index < sender_count) {
            decide(index, sender >= 0, bytes, (size_t)count);
        }
    }
}

/* ---- what it is told --------------------------------------------------------------------- */

static void rebind(void)
{
    struct sockaddr_in bound;
    for (unsigned i = 0; i < sender_count; i++) {
        int fd = new_socket(&bound); /* before the old one is closed: it is another port */
        close(senders[i].fd);
        senders[i].fd = fd;
    }
}

static void obey(const char *line)
{
    const char *answer = "ok";
    if (sscanf(line, "late %u %u", &late_percent, &late_ms) == 2 ||
        sscanf(line, "gap %u %u", &gap_after, &gap_packets) == 2 ||
        sscanf(line, "lose %u", &lose_percent) == 1 ||
        sscanf(line, "double %u", &double_percent) == 1 ||
        sscanf(line, "spoil %u", &spoil_percent) == 1 ||
        sscanf(line, "astray %u", &astray_percent) == 1 ||
        sscanf(line, "delay %u", &delay_ms) == 1) {
        /* from the next packet on */
    } else if (strcmp(line, "dead") == 0) {
        is_dead = 1;
    } else if (strcmp(line, "alive") == 0) {
        is_dead = 0;
    } else if (strcmp(line, "rebind") == 0) {
        rebind();
    } else if (strcmp(line, "count") == 0) {
        printf("count %llu %llu %llu %llu %llu\n", (unsigned long long)passed,
               (unsigned long long)lost, (unsigned long long)doubled, (unsigned long long)late,
               (unsigned long long)spoilt);
        answer = NULL;
    } else {
        answer = "what?";
    }
    if (answer != NULL) {
        puts(answer);
    }
    fflush(stdout);
}

/* 0 at its end. */
static int read_orders(void)
{
    static char line[256];
    static size_t used;
    ssize_t count = read(STDIN_FILENO, line + used, sizeof line - 1 - used);
    char *end;
    if (count <= 0) {
        return 0;
    }
    used += (size_t)count;
    line[used] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
        *end++ = '\0';
        obey(line);
        used -= (size_t)(end - line);
        memmove(line, end, used + 1);
    }
    return used < sizeof line - 1;
}

/* ---- the loop ---------------------------------------------------------------------------- */

static int until_next_ms(void)
{
    uint64_t now = now_us();
    if (waiting_count == 0) {
        return -1;
    }
    return waiting[0].due_us > now ? (int)((waiting[0].due_us - now + 999) / 1000) : 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in bound;
    if (argc != 2 && argc != 3) {
        fputs("usage: kith-test-udp-relay TARGETPORT [SEED]\n", stderr);
        return 2;
    }
    nowhere = new_socket(&bound);
    door = new_socket(&bound);
    target = bound;
    target.sin_port = htons((uint16_t)atoi(argv[1]));
    chance = argc == 3 ? strtoull(argv[2], NULL, 10) : 1;
    printf("listening %u\n", ntohs(bound.sin_port));
    fflush(stdout);
    for (;;) {
        struct pollfd fds[SENDERS_MAX + 2] = {{STDIN_FILENO, POLLIN, 0}, {door, POLLIN, 0}};
        unsigned count = sender_count;
        for (unsigned i = 0; i < count; i++) {
            fds[i + 2] = (struct pollfd){senders[i].fd, POLLIN, 0};
        }
        if (poll(fds, count + 2, until_next_ms()) < 0 && errno != EINTR) {
            die("poll");
        }
        while (waiting_count > 0 && waiting[0].due_us <= now_us()) {
            struct waiting one = take_first();
            pass(one.sender, one.is_answer, one.bytes, one.count);
            free(one.bytes);
        }
        if (fds[1].revents != 0) {
            read_from(door, -1);
        }
        for (unsigned i = 0; i < count; i++) {
            if (fds[i + 2].revents != 0) {
                read_from(senders[i].fd, (int)i);
            }
        }
        if (fds[0].revents != 0 && !read_orders()) { /* last: it may change the sockets */
            return 0;
        }
    }
}
