/* SPDX-License-Identifier: MIT
 *
 * signals.h: the signals that concern the program, as a descriptor to poll: those that end it, and,
 * where a person types, those about the terminal. SIGPIPE is ignored, so that a reader of standard
 * output who has gone shows as a failed write.
 */
#ifndef CHAT_SIGNALS_H
#define CHAT_SIGNALS_H

/* What came since the last look. */
struct signals {
    int ends;         /* how many of SIGINT, SIGTERM and SIGHUP */
    int is_resized;   /* SIGWINCH: the terminal has another size */
    int is_suspended; /* SIGTSTP: somebody else wants us to stop */
    int is_continued; /* SIGCONT */
};

/* Catches SIGINT, SIGTERM and SIGHUP, and those about the terminal where it is ours to draw on.
 * Gives the descriptor, readable when one came, or -1. */
int signals_open(int with_terminal);

struct signals signals_take(int fd);

/* Stops this process, and with whole_group whatever shares its job, as Ctrl-Z at a terminal does.
 * Returns when it is continued; at once when there is no shell that could do that. */
void signals_suspend(int whole_group);

#endif
