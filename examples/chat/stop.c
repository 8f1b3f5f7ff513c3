/* SPDX-License-Identifier: MIT
 *
 * stop.c: see stop.h. A handler may do next to nothing, so it writes a byte to a pipe.
 */
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static int write_end = -1;

static void on_signal(int number)
{
    const int kept = errno;
    const char byte = 1;
    (void)number;
    if (write(write_end, &byte, 1) != 1) { /* full: enough of them are on their way */
        errno = kept;
        return;
    }
    errno = kept;
}

int stop_open(void)
{
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
    int ends[2];
    if (pipe(ends) != 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    write_end = ends[1];
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = on_signal;
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++) {
        struct sigaction before;
        /* nohup, and a shell that starts us in the background, want some ignored. */
        if (sigaction(caught[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(caught[i], &action, NULL);
        }
    }
    return ends[0];
}

int stop_take(int fd)
{
    char bytes[16];
    const ssize_t got = read(fd, bytes, sizeof bytes);
    return got > 0 ? (int)got : 0;
}
