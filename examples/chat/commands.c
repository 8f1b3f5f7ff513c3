/* SPDX-License-Identifier: MIT
 *
 * commands.c: what a typed line means. What is to be sent goes to the outbox, in order; the rest
 * is answered at once.
 */
#include <string.h>

#include "chat.h"

/* Is the line this command? *rest is what follows it. */
static int is_command(const char *line, const char *command, const char **rest)
{
    const size_t bytes = strlen(command);
    if (strncmp(line, command, bytes) != 0 || strchr(" \t\r", line[bytes]) == NULL) {
        return 0;
    }
    *rest = line + bytes + strspn(line + bytes, " \t\r");
    return 1;
}

static void keep(struct chat *chat, int is_to_one, const char *text, size_t bytes)
{
    const uint64_t number = chat->input.line_number;
    report_remember(&chat->report, number, text, bytes);
    if (!is_to_one) {
        report_said(&chat->report, NULL, text, bytes);
    }
    if (outbox_add(&chat->outbox, number, is_to_one, text, bytes) != 0) {
        report_error(&chat->report, "NOMEM", "", "out of memory");
        chat_settle(chat, NULL, number, KITH_FATE_UNSENT);
    } else if (chat->is_interactive && chat->people.count == 0 && chat_expects_company(chat)) {
        report_note(&chat->report, "nobody is connected yet: kept for the first who joins");
    }
}

static void take_command(struct chat *chat, const char *line, size_t bytes)
{
    const char *rest;
    /* What is said to one is shown when it is decided who that is. */
    if (!is_command(line, "/to", &rest) || chat->people.count == 0) {
        report_typed(&chat->report, line, bytes);
    }
    if (is_command(line, "/to", &rest) && rest[strcspn(rest, " \t\r")] != '\0') {
        keep(chat, 1, rest, bytes - (size_t)(rest - line));
    } else if (is_command(line, "/to", &rest)) {
        report_error(&chat->report, "USAGE", "/to NAME TEXT", "/to needs a name and a text");
        chat->exit_status = EXIT_FAILED;
    } else if (is_command(line, "/peers", &rest)) {
        report_peers(&chat->report, &chat->people);
    } else if (is_command(line, "/stats", &rest)) {
        report_stats(&chat->report, chat->session, &chat->people);
    } else if (is_command(line, "/accept", &rest)) {
        asks_command(chat, rest, 1);
    } else if (is_command(line, "/reject", &rest)) {
        asks_command(chat, rest, 0);
    } else if (is_command(line, "/invite", &rest)) {
        guests_invite(chat);
    } else if (is_command(line, "/kick", &rest)) {
        guests_kick(chat, rest);
    } else if (is_command(line, "/ban", &rest)) {
        guests_ban(chat, rest);
    } else if (is_command(line, "/unban", &rest)) {
        guests_unban(chat, rest);
    } else if (is_command(line, "/distrust", &rest)) {
        trust_revoke(chat, rest);
    } else if (is_command(line, "/key", &rest)) {
        ring_command(chat, rest);
    } else if (is_command(line, "/help", &rest)) {
        report_help(&chat->report);
    } else if (is_command(line, "/quit", &rest)) {
        chat->is_quitting = 1;
    } else {
        report_error(&chat->report, "UNKNOWN_COMMAND",
                     "/help tells which there are; //TEXT says a text that starts with a slash",
                     "there is no command %.40s", line);
        chat->exit_status = EXIT_FAILED; /* a script has to learn that its line went nowhere */
    }
}

void chat_take_line(struct chat *chat, const char *line, size_t bytes)
{
    if (line[0] == '/' && line[1] == '/') {
        keep(chat, 0, line + 1, bytes - 1);
    } else if (line[0] == '/') {
        take_command(chat, line, bytes);
    } else if (bytes > 0 || !chat->is_interactive) { /* the return key alone says nothing */
        keep(chat, 0, line, bytes);
    }
}

void chat_read_lines(struct chat *chat)
{
    while (!chat->is_quitting) {
        const char *line;
        size_t bytes;
        const enum input_result result = input_next(&chat->input, &line, &bytes);
        if (result == INPUT_NONE) {
            break;
        }
        if (result == INPUT_LINE) {
            chat_take_line(chat, line, bytes);
        } else {
            report_error(&chat->report, "TOO_BIG", "split it: a line has at most 65536 bytes",
                         "the line is too long and was not sent");
            chat_settle(chat, NULL, chat->input.line_number, KITH_FATE_UNSENT);
        }
    }
    if (chat->input.is_ended) {
        chat->is_quitting = 1;
    }
}
