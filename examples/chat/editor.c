/* SPDX-License-Identifier: MIT
 *
 * editor.c: see editor.h.
 */
#include "editor.h"

#include <stdlib.h>
#include <string.h>

#include "cells.h"
#include "text.h"

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* A letter of a word, for the keys that go word by word: any that is no ASCII punctuation. */
static int is_of_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (unsigned char)c >= 0x80;
}

static size_t word_left(const struct editor *editor, int (*is_inside)(char))
{
    size_t at = editor->cursor;
    while (at > 0 && !is_inside(editor->text[at - 1])) {
        at--;
    }
    while (at > 0 && is_inside(editor->text[at - 1])) {
        at--;
    }
    return at;
}

static size_t word_right(const struct editor *editor)
{
    size_t at = editor->cursor;
    while (at < editor->bytes && !is_of_word(editor->text[at])) {
        at++;
    }
    while (at < editor->bytes && is_of_word(editor->text[at])) {
        at++;
    }
    return at;
}

static int is_not_blank(char c)
{
    return !is_blank(c);
}

static enum editor_result move(struct editor *editor, size_t to)
{
    const int is_moved = editor->cursor != to;
    editor->cursor = to;
    return is_moved ? EDITOR_CHANGED : EDITOR_NOTHING;
}

/* Takes away what lies between two offsets, to keep for KEY_YANK where it is more than a letter. */
static enum editor_result cut(struct editor *editor, size_t from, size_t to, int is_kept)
{
    if (from == to) {
        return EDITOR_NOTHING;
    }
    char *const copy = is_kept ? malloc(to - from) : NULL;
    if (copy != NULL) {
        memcpy(copy, editor->text + from, to - from);
        text_wipe(editor->killed, editor->killed_bytes);
        free(editor->killed);
        editor->killed = copy;
        editor->killed_bytes = to - from;
    }
    memmove(editor->text + from, editor->text + to, editor->bytes - to + 1); /* with the NUL */
    editor->bytes -= to - from;
    editor->cursor = from;
    return EDITOR_CHANGED;
}

int editor_insert(struct editor *editor, const char *text, size_t bytes)
{
    if (bytes > INPUT_LINE_BYTES_MAX - editor->bytes) {
        return -1;
    }
    memmove(editor->text + editor->cursor + bytes, editor->text + editor->cursor,
            editor->bytes - editor->cursor + 1);
    memcpy(editor->text + editor->cursor, text, bytes);
    editor->bytes += bytes;
    editor->cursor += bytes;
    return 0;
}

static enum editor_result insert_or_refuse(struct editor *editor, const char *text, size_t bytes)
{
    return editor_insert(editor, text, bytes) == 0 ? EDITOR_CHANGED : EDITOR_FULL;
}

/* The two letters before the cursor change places. */
static enum editor_result swap(struct editor *editor)
{
    char kept[64];
    const size_t right = editor->cursor < editor->bytes
                             ? editor->cursor
                             : cells_previous(editor->text, editor->bytes, editor->bytes);
    const size_t end = cells_next(editor->text, editor->bytes, right);
    const size_t left = cells_previous(editor->text, editor->bytes, right);
    if (right == 0 || end == right || right - left > sizeof kept) {
        return EDITOR_REFUSED;
    }
    memcpy(kept, editor->text + left, right - left);
    memmove(editor->text + left, editor->text + right, end - right);
    memcpy(editor->text + left + (end - right), kept, right - left);
    editor->cursor = end;
    return EDITOR_CHANGED;
}

static void set_text(struct editor *editor, const char *text, size_t bytes)
{
    if (bytes > 0) {
        memcpy(editor->text, text, bytes);
    }
    editor->text[bytes] = '\0';
    editor->bytes = bytes;
    editor->cursor = bytes;
}

static void forget_draft(struct editor *editor)
{
    if (editor->draft != NULL) {
        text_wipe(editor->draft, editor->draft_bytes);
        free(editor->draft);
        editor->draft = NULL;
        editor->draft_bytes = 0;
    }
}

/* Shows the line of the history that is back steps away; 0 steps away is what was typed. */
static enum editor_result recall(struct editor *editor, size_t back)
{
    const struct history_line *const line = history_get(&editor->history, back);
    if (back > 0 && line == NULL) {
        return EDITOR_REFUSED;
    }
    if (editor->back == 0 && editor->bytes > 0) {
        editor->draft = malloc(editor->bytes);
        if (editor->draft == NULL) {
            return EDITOR_REFUSED;
        }
        memcpy(editor->draft, editor->text, editor->bytes);
        editor->draft_bytes = editor->bytes;
    }
    editor->back = back;
    if (line != NULL) {
        set_text(editor, line->text, line->bytes);
    } else {
        set_text(editor, editor->draft, editor->draft_bytes);
        forget_draft(editor);
    }
    return EDITOR_CHANGED;
}

static enum editor_result take_text(struct editor *editor, uint32_t code)
{
    char bytes[4];
    return insert_or_refuse(editor, bytes, text_encode(code, bytes));
}

/* Line ends that a paste brought along at the end of the line say nothing. */
static enum editor_result finish(struct editor *editor)
{
    while (editor->bytes > 0 && editor->text[editor->bytes - 1] == '\n') {
        editor->text[--editor->bytes] = '\0';
    }
    editor->cursor = editor->bytes;
    return EDITOR_LINE;
}

static enum editor_result take_deletion(struct editor *editor, enum key_name name)
{
    const size_t at = editor->cursor;
    switch ((int)name) {
    case KEY_BACKSPACE:
        return cut(editor, cells_previous(editor->text, editor->bytes, at), at, 0);
    case KEY_DELETE_WORD_LEFT:
        return cut(editor, word_left(editor, is_not_blank), at, 1);
    case KEY_DELETE_WORD_RIGHT:
        return cut(editor, at, word_right(editor), 1);
    case KEY_DELETE_TO_START:
        return cut(editor, 0, at, 1);
    case KEY_DELETE_TO_END:
        return cut(editor, at, editor->bytes, 1);
    default:
        return cut(editor, at, cells_next(editor->text, editor->bytes, at), 0);
    }
}

static enum editor_result take_motion(struct editor *editor, enum key_name name)
{
    switch ((int)name) {
    case KEY_LEFT:
        return move(editor, cells_previous(editor->text, editor->bytes, editor->cursor));
    case KEY_RIGHT:
        return move(editor, cells_next(editor->text, editor->bytes, editor->cursor));
    case KEY_WORD_LEFT:
        return move(editor, word_left(editor, is_of_word));
    case KEY_WORD_RIGHT:
        return move(editor, word_right(editor));
    case KEY_HOME:
        return move(editor, 0);
    default:
        return move(editor, editor->bytes);
    }
}

enum editor_result editor_take(struct editor *editor, struct key key)
{
    switch (key.name) {
    case KEY_TEXT:
        return take_text(editor, key.code);
    case KEY_ENTER:
        return finish(editor);
    case KEY_TAB:
        return EDITOR_COMPLETE;
    case KEY_UP:
        return recall(editor, editor->back + 1);
    case KEY_DOWN:
        return editor->back > 0 ? recall(editor, editor->back - 1) : EDITOR_REFUSED;
    case KEY_YANK:
        return editor->killed == NULL
                   ? EDITOR_REFUSED
                   : insert_or_refuse(editor, editor->killed, editor->killed_bytes);
    case KEY_SWAP:
        return swap(editor);
    case KEY_CLEAR:
        return EDITOR_REDRAW;
    case KEY_SUSPEND:
        return EDITOR_SUSPEND;
    case KEY_INTERRUPT: /* first it discards what was typed */
        if (editor->bytes == 0) {
            return EDITOR_INTERRUPT;
        }
        editor_clear(editor, 0);
        return EDITOR_CHANGED;
    case KEY_END_INPUT:
        return editor->bytes == 0 ? EDITOR_END : take_deletion(editor, KEY_DELETE);
    case KEY_BACKSPACE:
    case KEY_DELETE:
    case KEY_DELETE_WORD_LEFT:
    case KEY_DELETE_WORD_RIGHT:
    case KEY_DELETE_TO_START:
    case KEY_DELETE_TO_END:
        return take_deletion(editor, key.name);
    default:
        return take_motion(editor, key.name);
    }
}

void editor_clear(struct editor *editor, int is_remembered)
{
    if (is_remembered) {
        history_add(&editor->history, editor->text, editor->bytes);
    }
    forget_draft(editor);
    editor->back = 0;
    set_text(editor, NULL, 0);
}

void editor_free(struct editor *editor)
{
    history_free(&editor->history);
    forget_draft(editor);
    if (editor->killed != NULL) {
        text_wipe(editor->killed, editor->killed_bytes);
        free(editor->killed);
    }
    text_wipe(editor, sizeof *editor);
}
