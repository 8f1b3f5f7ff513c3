/* SPDX-License-Identifier: MIT
 *
 * history.h: lines that were typed before, in memory alone: nothing that was said is left on a
 * disk.
 */
#ifndef CHAT_HISTORY_H
#define CHAT_HISTORY_H

#include <stddef.h>

enum {
    HISTORY_LINES_MAX = 500,
    HISTORY_BYTES_MAX = 1024 * 1024 /* together; the oldest go first */
};

struct history_line {
    size_t bytes;
    char *text; /* no NUL at its end */
};

struct history {
    struct history_line lines[HISTORY_LINES_MAX]; /* oldest first */
    size_t count;
    size_t bytes;
};

/* Appends a copy, unless it repeats the last line. Out of memory, the line is not kept. */
void history_add(struct history *history, const char *text, size_t bytes);

/* The line that is back steps away, 1 being the newest; NULL where there is none. */
const struct history_line *history_get(const struct history *history, size_t back);

/* Overwrites and frees all of it. */
void history_free(struct history *history);

#endif
