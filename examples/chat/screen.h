/* SPDX-License-Identifier: MIT
 *
 * screen.h: the two rows that stand below the chat while a person types: the line being typed, and
 * below it who is connected. They are taken off the screen before anything else is written and put
 * back when all is said, so that what was said scrolls up and stays in the terminal's own memory,
 * and no message ever comes between the letters of a line.
 *
 * The line takes one row and scrolls sideways in it. The cursor stands in the upper row, so that
 * everything from there to the end of the screen is ours, also after a terminal that changed its
 * width has broken rows in two.
 */
#ifndef CHAT_SCREEN_H
#define CHAT_SCREEN_H

#include <stddef.h>

#include "editor.h"

#define SCREEN_STATUS_BYTES_MAX 2048

struct screen {
    const struct editor *editor;
    int is_coloured;
    int is_on;    /* there is a terminal, and it is ours: rows may be drawn */
    int is_shown; /* they stand on the screen, and the cursor in the line */
    int is_stale; /* they do not show what is so */
    int columns, rows;
    size_t first; /* offset of the letter with which the visible part of the line begins */
    char status[SCREEN_STATUS_BYTES_MAX];
};

void screen_init(struct screen *screen, const struct editor *editor, int is_coloured);

/* Takes the two rows away: whatever is written next stands where they were. */
void screen_hide(struct screen *screen);

/* Puts them back, or anew where something has changed. */
void screen_show(struct screen *screen);

/* What the lower row says; text of others in it need not be safe. */
void screen_set_status(struct screen *screen, const char *text);

/* The window has another size: asks for it. */
void screen_resize(struct screen *screen);

/* An empty screen. What stood there moves up and can be scrolled back to. */
void screen_clear(struct screen *screen);

/* That does not work: a sound. */
void screen_bell(void);

#endif
