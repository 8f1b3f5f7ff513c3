/* SPDX-License-Identifier: MIT
 *
 * board.c: see board.h.
 */
#include "board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "terminal.h"
#include "text.h"

/* As much as fits into that many columns. */
static void put_row(const char *text, int columns)
{
    size_t count = strlen(text);
    for (size_t at = 0; at < count;) {
        uint32_t code;
        char safe[4];
        size_t took = text_decode(text + at, count - at, &code);
        if (text_is_unsafe(code) || code < 0x20) {
            code = TEXT_REPLACEMENT;
        }
        columns -= cells_of(code);
        if (columns < 0) {
            return;
        }
        (void)fwrite(safe, 1, text_encode(code, safe), stdout);
        at += took;
    }
}

static void begin_row(struct board *board, int is_faint)
{
    fputs(board->rows > 0 ? "\r\n" : "\r", stdout);
    fputs(is_faint && board->is_coloured ? "\033[2m" : "", stdout);
    board->rows++;
}

static void end_row(const struct board *board, int is_faint)
{
    fputs(is_faint && board->is_coloured ? "\033[0m" : "", stdout);
}

static void draw(struct board *board)
{
    int columns, rows;
    char last[sizeof board->trouble + 64];
    size_t fits;
    if (!board->is_on) {
        return;
    }
    terminal_size(&columns, &rows);
    fits = rows > 3 ? (size_t)rows - 3 : 1;
    fits = board->count <= fits ? board->count : fits;
    fputs("\r\033[J\033[?7l", stdout);
    board->rows = 0;
    for (size_t i = 0; i < fits; i++) {
        begin_row(board, 0);
        put_row(board->entries[i].line, columns - 1);
    }
    snprintf(last, sizeof last, "%zu around%s%s%s", board->count,
             fits < board->count ? ", more than fit here" : "",
             board->trouble[0] != '\0' ? "; nobody else is found now: " : "", board->trouble);
    begin_row(board, 1);
    put_row(last, columns - 1);
    end_row(board, 1);
    for (size_t i = 1; i < board->rows; i++) {
        fputs("\033[A", stdout);
    }
    fputs("\r\033[?7h", stdout);
    fflush(stdout);
}

void board_open(struct board *board, int is_coloured)
{
    memset(board, 0, sizeof *board);
    board->is_on = terminal_is_there();
    board->is_coloured = is_coloured;
    if (board->is_on) { /* a drawing goes out in one piece: nobody sees half of one */
        static char drawing[16 * 1024];
        (void)setvbuf(stdout, drawing, _IOFBF, sizeof drawing);
    }
    draw(board);
}

void board_close(struct board *board)
{
    for (size_t i = 0; board->is_on && i < board->rows; i++) {
        putc('\n', stdout);
    }
    fflush(stdout);
    free(board->entries);
    memset(board, 0, sizeof *board);
}

static struct board_entry *entry_of(struct board *board, uint64_t number)
{
    for (size_t i = 0; i < board->count; i++) {
        if (board->entries[i].number == number) {
            return &board->entries[i];
        }
    }
    return NULL;
}

void board_put(struct board *board, uint64_t number, const char *line)
{
    struct board_entry *entry = entry_of(board, number);
    if (entry == NULL && board->count == board->room) {
        size_t room = board->room > 0 ? board->room * 2 : 16;
        struct board_entry *more = realloc(board->entries, room * sizeof *more);
        if (more == NULL) {
            return; /* it is not shown */
        }
        board->entries = more;
        board->room = room;
    }
    if (entry == NULL) {
        entry = &board->entries[board->count++];
        entry->number = number;
    }
    snprintf(entry->line, sizeof entry->line, "%s", line);
    draw(board);
}

void board_remove(struct board *board, uint64_t number)
{
    struct board_entry *entry = entry_of(board, number);
    if (entry != NULL) {
        size_t after = (size_t)(board->entries + board->count - entry) - 1;
        memmove(entry, entry + 1, after * sizeof *entry);
        board->count--;
        draw(board);
    }
}

void board_set_trouble(struct board *board, const char *text)
{
    snprintf(board->trouble, sizeof board->trouble, "%s", text);
    draw(board);
}
