/* SPDX-License-Identifier: MIT
 *
 * editor_test.c: the line and its cursor, at its ends and limits; tests/e2e types the rest. A
 * random walk over all keys shows that text and cursor stay whole.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "examples/chat/editor.h"
#include "examples/chat/text.h"

static struct editor editor; /* too large for a stack */

static void type(const char *text)
{
    for (size_t at = 0, bytes = strlen(text); at < bytes;) {
        struct key key = {KEY_TEXT, 0};
        at += text_decode(text + at, bytes - at, &key.code);
        cr_assert_eq(editor_take(&editor, key), EDITOR_CHANGED);
    }
}

static enum editor_result press(enum key_name name)
{
    return editor_take(&editor, (struct key){name, 0});
}

Test(editor, ends)
{
    cr_assert_eq(press(KEY_LEFT), EDITOR_NOTHING);
    cr_assert_eq(press(KEY_BACKSPACE), EDITOR_NOTHING);
    cr_assert_eq(press(KEY_UP), EDITOR_REFUSED);
    cr_assert_eq(press(KEY_YANK), EDITOR_REFUSED);
    cr_assert_eq(press(KEY_SWAP), EDITOR_REFUSED);
    cr_assert_eq(press(KEY_END_INPUT), EDITOR_END);
    cr_assert_eq(press(KEY_INTERRUPT), EDITOR_INTERRUPT);
    type("a");
    cr_assert_eq(press(KEY_SWAP), EDITOR_REFUSED);
    cr_assert_eq(press(KEY_END_INPUT), EDITOR_NOTHING, "at the end of a line");
    cr_assert_eq(press(KEY_INTERRUPT), EDITOR_CHANGED);
    cr_assert_eq(editor.bytes, 0);
    editor_free(&editor);
}

Test(editor, limit)
{
    static char filler[INPUT_LINE_BYTES_MAX];
    memset(filler, 'x', sizeof filler);
    cr_assert_eq(editor_insert(&editor, filler, sizeof filler - 1), 0);
    cr_assert_eq(editor_take(&editor, (struct key){KEY_TEXT, 0xE9}), EDITOR_FULL, "two bytes");
    type("y");
    cr_assert_eq(editor_take(&editor, (struct key){KEY_TEXT, 'z'}), EDITOR_FULL);
    cr_assert_eq(editor.bytes, INPUT_LINE_BYTES_MAX);
    cr_assert_eq(press(KEY_DELETE_TO_START), EDITOR_CHANGED);
    cr_assert_eq(press(KEY_YANK), EDITOR_CHANGED);
    cr_assert_eq(press(KEY_YANK), EDITOR_FULL);
    editor_free(&editor);
}

Test(editor, history_is_bounded)
{
    static char line[INPUT_LINE_BYTES_MAX];
    for (int i = 0; i < 3 * HISTORY_LINES_MAX; i++) {
        const size_t bytes = (size_t)(rand() % 20000 + 1);
        memset(line, 'a' + i % 26, bytes);
        history_add(&editor.history, line, bytes);
        cr_assert_leq(editor.history.bytes, HISTORY_BYTES_MAX);
        cr_assert_eq(history_get(&editor.history, 1)->bytes, bytes);
    }
    editor_free(&editor);
}

Test(editor, random_walk)
{
    static const uint32_t letters[] = {'a', ' ', '\n',   0xE9,    0x301,   0x6F22,
                                       '"', '/', 0x200D, 0x1F469, 0x1F1E9, 0x1F3FD};
    srand(4711);
    for (int i = 0; i < 200000; i++) {
        struct key key = {(enum key_name)(rand() % (KEY_SUSPEND + 1)), 0};
        if (key.name == KEY_INTERRUPT || rand() % 2 == 0) {
            key.name = KEY_TEXT;
        }
        if (key.name == KEY_TEXT) {
            key.code = letters[rand() % (int)(sizeof letters / sizeof letters[0])];
        }
        if (editor_take(&editor, key) == EDITOR_LINE) {
            editor_clear(&editor, 1);
        }
        if (editor.bytes > 200) {
            editor_clear(&editor, 0);
        }
        cr_assert_leq(editor.cursor, editor.bytes);
        cr_assert_eq(editor.text[editor.bytes], '\0');
        cr_assert(text_decode(editor.text, editor.bytes + 1, &key.code) > 0);
        /* A letter that was joined by what came behind it may hold the cursor: never half a
         * character. */
        cr_assert_neq((unsigned char)editor.text[editor.cursor] & 0xC0, 0x80);
    }
    editor_free(&editor);
}
