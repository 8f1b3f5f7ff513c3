/* SPDX-License-Identifier: MIT
 *
 * terminal.c: see terminal.h. There is one terminal, and signal handlers need it: hence statics.
 */
#define _GNU_SOURCE /* TIOCGWINSZ */

#include "terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Bracketed paste off, lines wrap again; after a crash, which may come anywhere, no colour either.
 */
#define BACK_TO_NORMAL "\033[?2004l\033[?7h"
#define AFTER_CRASH    "\033[0m\r\n"

enum { CRASHES = 6, ENDS = 4 };
static const int crash_signals[CRASHES] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT};
static const int end_signals[ENDS] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static struct termios before;                  /* what terminal_leave() goes back to */
static volatile sig_atomic_t is_changed;       /* the settings are ours */
static volatile sig_atomic_t is_drawn_on;      /* and sequences were sent */
static struct sigaction crash_before[CRASHES]; /* a sanitizer has handlers of its own */

int terminal_is_there(void)
{
    const char *const kind = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind != NULL && *kind != '\0' &&
           strcmp(kind, "dumb") != 0;
}

int terminal_is_ours(void)
{
    const pid_t group = tcgetpgrp(STDIN_FILENO);
    return group < 0 || group == getpgrp(); /* no control over jobs: nobody else's */
}

/* Only what a signal handler may call. */
static void restore(void)
{
    if (!is_changed) {
        return;
    }
    is_changed = 0;
    if (is_drawn_on) {
        is_drawn_on = 0;
        if (write(STDOUT_FILENO, BACK_TO_NORMAL, sizeof BACK_TO_NORMAL - 1) < 0) {
            return; /* the terminal is gone, and its settings with it */
        }
    }
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* Restores the terminal and lets happen what would have happened without us. */
static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (is_drawn_on && write(STDOUT_FILENO, AFTER_CRASH, sizeof AFTER_CRASH - 1) < 0) {
        is_drawn_on = 0;
    }
    restore();
    for (size_t i = 0; i < CRASHES; i++) {
        if (crash_signals[i] == number) {
            sigaction(number, &crash_before[i], NULL);
        }
    }
    if (info->si_code <= 0) { /* somebody sent it; what the processor found happens again */
        raise(number);
    }
}

static void on_end(int number)
{
    restore();
    signal(number, SIG_DFL);
    raise(number);
}

/* Once: from now on nothing that ends the process leaves the terminal as it is. */
static void guard(void)
{
    static int is_done;
    if (is_done) {
        return;
    }
    is_done = 1;
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO};
    for (size_t i = 0; i < CRASHES; i++) {
        sigaction(crash_signals[i], &action, &crash_before[i]);
    }
    (void)atexit(restore);
}

static int change(const struct termios *wanted)
{
    guard();
    is_changed = 1; /* first: a signal in between restores what is there anyway */
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, wanted) != 0) {
        is_changed = 0;
        return -1;
    }
    return 0;
}

int terminal_enter(void)
{
    if (is_changed) {
        return 0;
    }
    if (!terminal_is_ours() || tcgetattr(STDIN_FILENO, &before) != 0) {
        return -1;
    }
    struct termios raw = before;
    raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | IGNCR | INLCR | INPCK | ISTRIP | IXON);
    raw.c_oflag |= OPOST | ONLCR;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
    raw.c_cflag |= CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (change(&raw) != 0) {
        return -1;
    }
    is_drawn_on = 1;
    fputs("\033[?2004h", stdout);
    return 0;
}

void terminal_leave(void)
{
    fflush(stdout);
    if (is_changed && !terminal_is_ours()) {
        is_changed = 0; /* a shell has long given it to somebody else */
    }
    restore();
}

void terminal_size(int *columns, int *rows)
{
    struct winsize size;
    const int is_told = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *columns = is_told && size.ws_col > 0 ? size.ws_col : 80;
    *rows = is_told && size.ws_row > 0 ? size.ws_row : 24;
}

int terminal_hide_typing(void)
{
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        return -1;
    }
    struct termios unseen = before;
    unseen.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    struct sigaction action = {.sa_handler = on_end};
    for (size_t i = 0; i < ENDS; i++) {
        sigaction(end_signals[i], &action, NULL);
    }
    signal(SIGTSTP, SIG_IGN); /* whoever stopped us here would type on a terminal that hides it */
    return change(&unseen);
}
