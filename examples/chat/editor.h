/* SPDX-License-Identifier: MIT
 *
 * editor.h: the line that a person types: its text, its cursor, and what each key does to them.
 * Pure: keys.h makes the keys, screen.h shows the line.
 *
 * Why this is not a library: messages arrive while somebody types, so the line has to go and come
 * back at any time, a paste of several lines has to stay one message, and the program has to build
 * on a machine without anything. libedit cannot take its line off the screen and knows no bracketed
 * paste; readline can do both and is under the GPL, which nobody should get from an example.
 */
#ifndef CHAT_EDITOR_H
#define CHAT_EDITOR_H

#include <stddef.h>

#include "history.h"
#include "input.h"
#include "keys.h"

struct editor {
    char text[INPUT_LINE_BYTES_MAX + 1]; /* UTF-8; ends with a NUL */
    size_t bytes;
    size_t cursor; /* an offset into text, between two letters */
    struct history history;
    size_t back; /* which line of the history is shown; 0: none, what is typed */
    char *draft; /* what was typed before a line of the history was shown, else NULL */
    size_t draft_bytes;
    char *killed; /* what was deleted last by more than a letter, else NULL */
    size_t killed_bytes;
};

enum editor_result {
    EDITOR_NOTHING,
    EDITOR_CHANGED,   /* text or cursor: show it */
    EDITOR_REFUSED,   /* there is nothing in that direction */
    EDITOR_FULL,      /* that does not fit any more */
    EDITOR_LINE,      /* it is finished: take it, then editor_clear() */
    EDITOR_COMPLETE,  /* the word before the cursor: editor_insert() the rest of it */
    EDITOR_END,       /* no more lines will come */
    EDITOR_INTERRUPT, /* the person wants to leave */
    EDITOR_REDRAW,    /* clear the screen */
    EDITOR_SUSPEND
};

enum editor_result editor_take(struct editor *editor, struct key key);

/* Inserts text at the cursor. Gives 0, or -1 when there is no room for it. */
int editor_insert(struct editor *editor, const char *text, size_t bytes);

/* Remembers the line in the history where it is worth it, and begins an empty one. */
void editor_clear(struct editor *editor, int is_remembered);

/* Overwrites what was typed, and frees. */
void editor_free(struct editor *editor);

#endif
