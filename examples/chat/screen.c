/* SPDX-License-Identifier: MIT
 *
 * screen.c: see screen.h. Sequences of ECMA-48 and DEC's save and restore of the cursor, which
 * every terminal of today knows. The cursor's place is never computed but saved while writing, and
 * rows do not wrap while they are drawn: a terminal that finds a letter wider or narrower than we
 * do shows a little more or less of the line, nothing worse.
 */
#include "screen.h"

#include <stdio.h>
#include <string.h>

#include "cells.h"
#include "terminal.h"
#include "text.h"

enum { PROMPT_CELLS = 2, ROWS_FOR_STATUS = 3 };

void screen_init(struct screen *screen, const struct editor *editor, int is_coloured)
{
    memset(screen, 0, sizeof *screen);
    screen->editor = editor;
    screen->is_coloured = is_coloured;
    terminal_size(&screen->columns, &screen->rows);
}

void screen_hide(struct screen *screen)
{
    if (screen->is_shown) {
        screen->is_shown = 0;
        fputs("\r\033[J", stdout);
    }
}

/* Columns of one character of the line as put_character() shows it. */
static int cells_shown(uint32_t code)
{
    return code < 0x20 || text_is_unsafe(code) ? 1 : cells_of(code);
}

static void put_character(const char *bytes, size_t count, uint32_t code)
{
    if (code == '\n') {
        fputs("\xE2\x86\xB5", stdout); /* ↵ */
    } else if (code == '\t') {
        putc(' ', stdout);
    } else if (code == TEXT_REPLACEMENT || text_is_unsafe(code)) {
        fputs("\xEF\xBF\xBD", stdout);
    } else {
        fwrite(bytes, 1, count, stdout);
    }
}

static int cells_between(const char *text, size_t from, size_t to)
{
    int cells = 0;
    while (from < to) {
        uint32_t code;
        from += text_decode(text + from, to - from, &code);
        cells += cells_shown(code);
    }
    return cells;
}

/* Writes text up to an offset or as far as the row goes; gives the cells that are left of it. */
static int put_between(const char *text, size_t from, size_t to, int room)
{
    while (from < to) {
        uint32_t code;
        const size_t taken = text_decode(text + from, to - from, &code);
        room -= cells_shown(code);
        if (room < 0) {
            return 0;
        }
        put_character(text + from, taken, code);
        from += taken;
    }
    return room;
}

/* Chooses which part of the line is seen: the cursor in the first three quarters of the row, so
 * that one sees what comes and a window that gets a little narrower still has the cursor in it. */
static void scroll(struct screen *screen, int room)
{
    const struct editor *const editor = screen->editor;
    const int limit = room * 3 / 4;
    if (screen->first > editor->cursor || cells_between(editor->text, 0, editor->bytes) < limit) {
        screen->first = 0;
    }
    if (cells_between(editor->text, screen->first, editor->cursor) <= limit) {
        return;
    }
    size_t first = editor->cursor;
    for (int cells = 0; first > 0 && cells <= room / 2;) {
        const size_t before = cells_previous(editor->text, editor->bytes, first);
        cells += cells_between(editor->text, before, first);
        first = before;
    }
    screen->first = first;
}

static void put_line(struct screen *screen)
{
    const struct editor *const editor = screen->editor;
    int room = screen->columns - PROMPT_CELLS - 1;
    room = room < 4 ? 4 : room;
    scroll(screen, room);
    fputs(screen->is_coloured ? "\033[1m>\033[0m" : ">", stdout);
    fputs(screen->first > 0 ? "\xE2\x80\xA6" : " ", stdout); /* … */
    room = put_between(editor->text, screen->first, editor->cursor, room);
    fputs("\0337", stdout); /* the cursor comes back here */
    (void)put_between(editor->text, editor->cursor, editor->bytes, room);
}

void screen_show(struct screen *screen)
{
    if (!screen->is_on || (screen->is_shown && !screen->is_stale)) {
        return;
    }
    const int has_status = screen->rows >= ROWS_FOR_STATUS;
    screen_hide(screen);
    fputs("\033[?7l", stdout);
    if (has_status) { /* makes room first, so that the saved place stays where it is */
        fputs("\n\033[A\r", stdout);
    }
    put_line(screen);
    if (has_status) {
        fputs(screen->is_coloured ? "\r\n\033[2m" : "\r\n", stdout);
        (void)put_between(screen->status, 0, strlen(screen->status), screen->columns - 1);
        fputs(screen->is_coloured ? "\033[0m" : "", stdout);
    }
    fputs("\0338\033[?7h", stdout);
    fflush(stdout);
    screen->is_shown = 1;
    screen->is_stale = 0;
}

void screen_set_status(struct screen *screen, const char *text)
{
    if (strcmp(screen->status, text) != 0) {
        snprintf(screen->status, sizeof screen->status, "%s", text);
        screen->is_stale = 1;
    }
}

void screen_resize(struct screen *screen)
{
    terminal_size(&screen->columns, &screen->rows);
    screen->is_stale = 1;
}

void screen_clear(struct screen *screen)
{
    screen_hide(screen);
    for (int i = 0; i < screen->rows; i++) {
        putc('\n', stdout);
    }
    fputs("\033[H\033[J", stdout);
}

void screen_bell(void)
{
    putc('\a', stdout);
}
