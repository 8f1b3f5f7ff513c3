/* SPDX-License-Identifier: MIT
 *
 * sides.c: see sides.h. A line is a pair of sockets with whole packets: text, then the report.
 */
#include "sides.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "meter.h"

/* Beside the time of the measurement itself: connecting, draining; and for each peer. */
enum { PATIENCE_MS = 60000, PATIENCE_PER_PEER_MS = 50 };

struct child {
    pid_t pid;
    int fd;
};

void line_tell(struct line *line, const char *text)
{
    if (send(line->fd, text, strlen(text), MSG_NOSIGNAL) < 0) {
        die("the line home is cut");
    }
}

void line_hear(struct line *line, char text[LINE_TEXT_BYTES])
{
    ssize_t count = recv(line->fd, text, LINE_TEXT_BYTES - 1, 0);
    if (count <= 0) {
        _exit(1); /* the other side has said why */
    }
    text[count] = '\0';
}

static struct child start(const struct job *job, side_fn *fn, int closes)
{
    struct child child;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) != 0 || (child.pid = fork()) < 0) {
        die("no second process");
    }
    if (child.pid == 0) {
        struct line line = {fds[1]};
        struct side sides[2];
        memset(sides, 0, sizeof sides);
        (void)close(fds[0]);
        if (closes >= 0) {
            (void)close(closes);
        }
        fn(job, &line, sides);
        _exit(send(line.fd, sides, sizeof sides, MSG_NOSIGNAL) == (ssize_t)sizeof sides ? 0 : 1);
    }
    (void)close(fds[1]);
    child.fd = fds[0];
    return child;
}

static _Noreturn void give_up(const struct child *children, size_t count, const char *why)
{
    for (size_t i = 0; i < count; i++) {
        (void)kill(children[i].pid, SIGKILL);
        (void)waitpid(children[i].pid, NULL, 0);
    }
    die("%s", why);
}

/* One packet from the child at index; its length. */
static size_t hear(const struct child *children, size_t count, size_t index, void *out, size_t room,
                   uint64_t until_ns)
{
    struct pollfd ready = {children[index].fd, POLLIN, 0};
    uint64_t now = now_ns();
    int wait_ms = now < until_ns ? (int)((until_ns - now) / 1000000) : 0;
    ssize_t got;
    if (poll(&ready, 1, wait_ms) != 1) {
        give_up(children, count, "a side does not come to an end");
    }
    got = recv(children[index].fd, out, room, 0);
    if (got <= 0) {
        give_up(children, count, "a side failed");
    }
    return (size_t)got;
}

void sides_run(const struct job *job, side_fn *listen, side_fn *dial, struct side sides[2])
{
    struct child children[2];
    size_t count = dial != NULL ? 2 : 1;
    uint64_t patience_ms = PATIENCE_MS + (uint64_t)job->peers * PATIENCE_PER_PEER_MS;
    uint64_t until_ns = now_ns() + job->span_ns + patience_ms * 1000000;
    struct side got[2];
    (void)fflush(NULL);
    children[LISTENS] = start(job, listen, -1);
    if (dial != NULL) {
        char text[LINE_TEXT_BYTES];
        size_t bytes;
        children[DIALS] = start(job, dial, children[LISTENS].fd);
        bytes = hear(children, count, LISTENS, text, sizeof text, until_ns);
        (void)send(children[DIALS].fd, text, bytes, MSG_NOSIGNAL);
    }
    for (size_t i = count; i-- > 0;) {
        if (hear(children, count, i, got, sizeof got, until_ns) != sizeof got) {
            give_up(children, count, "a side reports something else");
        }
        sides[i] = got[i];
        if (dial == NULL) {
            sides[DIALS] = got[DIALS];
        }
    }
    for (size_t i = 0; i < count; i++) {
        (void)waitpid(children[i].pid, NULL, 0);
        (void)close(children[i].fd);
    }
}
