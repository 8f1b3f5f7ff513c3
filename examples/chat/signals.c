/* SPDX-License-Identifier: MIT
 *
 * signals.c: see signals.h. A handler may do next to nothing, so it writes the number to a pipe.
 */
#define _GNU_SOURCE /* SIGWINCH */

#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int write_end = -1;

static void on_signal(int number)
{
    const int kept = errno;
    const unsigned char byte = (unsigned char)number;
    if (write(write_end, &byte, 1) != 1) { /* full: enough of them are on their way */
        errno = kept;
        return;
    }
    errno = kept;
}

static void catch_all(const int *numbers, size_t count, int flags)
{
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    for (size_t i = 0; i < count; i++) {
        struct sigaction before;
        /* nohup, and a shell that starts us in the background, want some ignored. */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &action, NULL);
        }
    }
}

int signals_open(int with_terminal)
{
    static const int ends_it[] = {SIGINT, SIGTERM, SIGHUP};
    static const int of_terminal[] = {SIGWINCH, SIGTSTP, SIGCONT};
    int ends[2];
    if (pipe(ends) != 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    write_end = ends[1];
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    /* Those that end it also end a write that nobody takes; the others must not. */
    catch_all(ends_it, sizeof ends_it / sizeof ends_it[0], 0);
    if (with_terminal) {
        catch_all(of_terminal, sizeof of_terminal / sizeof of_terminal[0], SA_RESTART);
    }
    return ends[0];
}

struct signals signals_take(int fd)
{
    struct signals seen = {0, 0, 0, 0};
    unsigned char bytes[64];
    ssize_t got;
    while ((got = read(fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            seen.is_resized |= bytes[i] == SIGWINCH;
            seen.is_suspended |= bytes[i] == SIGTSTP;
            seen.is_continued |= bytes[i] == SIGCONT;
            seen.ends += bytes[i] == SIGINT || bytes[i] == SIGTERM || bytes[i] == SIGHUP;
        }
    }
    return seen;
}

void signals_suspend(int whole_group)
{
    struct sigaction before;
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigaction(SIGTSTP, &action, &before);
    if (whole_group) {
        kill(0, SIGTSTP); /* the others; for us the next one counts, which this thread waits for */
    }
    action.sa_handler = SIG_DFL;
    sigaction(SIGTSTP, &action, NULL);
    raise(SIGTSTP);
    sigaction(SIGTSTP, &before, NULL);
}
