/* SPDX-License-Identifier: MIT
 *
 * console.c: the person at the terminal: reads keys, hands finished lines on, keeps the two rows of
 * the screen up to date, and gives the terminal back while the program is stopped.
 */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "chat.h"
#include "terminal.h"
#include "text.h"

enum {
    READ_BYTES = 4096,
    STATUS_MS = 1000, /* how old the round trip times in the status may be */
    AWAY_MS = 500     /* in the background: how often to see whether that is over */
};

/* Takes the terminal, or finds that it is somebody else's now. */
static void arrive(struct console *console)
{
    console->is_away = terminal_enter() != 0;
    console->screen.is_on = !console->is_away;
    screen_resize(&console->screen);
}

static void depart(struct console *console)
{
    screen_hide(&console->screen);
    console->screen.is_on = 0;
    terminal_leave();
}

int console_is_wanted(const struct options *options)
{
    return !options->json && !options->browse && terminal_is_there();
}

void console_open(struct chat *chat)
{
    struct console *const console = &chat->console;
    if (!console_is_wanted(chat->options)) {
        return;
    }
    /* The widths of letters are in the locale; what is written is UTF-8 in any case. */
    if (setlocale(LC_CTYPE, "") == NULL || MB_CUR_MAX == 1) {
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    }
    console->is_used = 1;
    screen_init(&console->screen, &console->editor, chat->report.is_coloured);
    chat->report.screen = &console->screen;
    arrive(console);
}

void console_close(struct chat *chat)
{
    struct console *const console = &chat->console;
    if (console->is_used) {
        depart(console);
        chat->report.screen = NULL;
        console->is_used = 0;
        editor_free(&console->editor);
    }
}

int console_fd(const struct chat *chat)
{
    return chat->console.is_away || chat->input.is_ended ? -1 : STDIN_FILENO;
}

static void suspend(struct console *console, int whole_group)
{
    depart(console);
    signals_suspend(whole_group);
    arrive(console);
}

/* The return key: the line goes the way of every line. */
static void finish_line(struct chat *chat)
{
    struct editor *const editor = &chat->console.editor;
    if (!chat_has_room(chat)) {
        report_note(&chat->report, "nobody takes anything at the moment: try again");
        return;
    }
    if (editor->bytes > 0) {
        chat->input.line_number++;
        chat_take_line(chat, editor->text, editor->bytes);
    }
    editor_clear(editor, 1);
}

/* Gives 1 when the person wants to leave. */
static int take_key(struct chat *chat, struct key key)
{
    struct console *const console = &chat->console;
    if (chat->is_quitting && key.name != KEY_INTERRUPT) {
        return 0; /* that was the last line; what is on its way can be cut short */
    }
    switch (editor_take(&console->editor, key)) {
    case EDITOR_NOTHING:
        return 0;
    case EDITOR_CHANGED:
        break;
    case EDITOR_REFUSED:
        console->is_refused = 1;
        break;
    case EDITOR_FULL:
        console->is_refused = 1;
        console->is_full = 1;
        break;
    case EDITOR_LINE:
        finish_line(chat);
        break;
    case EDITOR_COMPLETE:
        if (complete_line(&console->editor, &chat->people, &chat->banned) != 0) {
            console->is_refused = 1;
        }
        break;
    case EDITOR_END:
        chat->is_quitting = 1;
        break;
    case EDITOR_INTERRUPT:
        return 1;
    case EDITOR_REDRAW:
        screen_clear(&console->screen);
        break;
    case EDITOR_SUSPEND:
        suspend(console, 1);
        break;
    }
    console->screen.is_stale = 1;
    return 0;
}

/* Says once what may have been refused key by key. */
static void tell_refused(struct chat *chat)
{
    struct console *const console = &chat->console;
    if (console->is_full) {
        report_note(&chat->report, "a line has at most 65536 bytes: the rest was not taken");
    }
    if (console->is_refused) {
        screen_bell();
    }
    console->is_refused = 0;
    console->is_full = 0;
}

int console_read(struct chat *chat)
{
    char bytes[READ_BYTES];
    int ends = 0;
    const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
        chat->input.is_ended = 1; /* the terminal is gone */
        chat->is_quitting = 1;
        return 0;
    }
    for (ssize_t i = 0; i < got; i++) {
        struct key keys[2];
        const size_t count = keys_take(&chat->console.keys, (unsigned char)bytes[i], keys);
        for (size_t j = 0; j < count; j++) {
            ends += take_key(chat, keys[j]);
        }
    }
    text_wipe(bytes, sizeof bytes);
    tell_refused(chat);
    return ends;
}

void console_take_signals(struct chat *chat, const struct signals *seen)
{
    struct console *const console = &chat->console;
    if (!console->is_used) {
        return;
    }
    if (seen->is_suspended) {
        suspend(console, 0);
    }
    if (seen->is_continued) { /* also after SIGSTOP, of which nobody was told */
        terminal_leave();
        arrive(console);
    }
    if (seen->is_resized) {
        screen_resize(&console->screen);
    }
}

int console_show(struct chat *chat, int timeout_ms)
{
    struct console *const console = &chat->console;
    char status[SCREEN_STATUS_BYTES_MAX];
    int limit_ms = -1;
    if (!console->is_used) {
        return timeout_ms;
    }
    if (console->is_away && terminal_is_ours()) {
        arrive(console);
    }
    if (console->is_away) {
        limit_ms = AWAY_MS;
    } else if (chat->session != NULL) {
        status_write(chat, status, sizeof status);
        screen_set_status(&console->screen, status);
        screen_show(&console->screen);
        limit_ms = chat->people.count > 0 ? STATUS_MS : -1;
    }
    return limit_ms >= 0 && (timeout_ms < 0 || timeout_ms > limit_ms) ? limit_ms : timeout_ms;
}
