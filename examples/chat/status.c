/* SPDX-License-Identifier: MIT
 *
 * status.c: what the lower row of the screen says: who is connected and how, and what is being
 * dialled.
 */
#include <stdarg.h>
#include <stdio.h>

#include "chat.h"

struct line {
    char *out;
    size_t room, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    if (line->used >= line->room) {
        return;
    }
    va_start(arguments, format);
    const int wanted =
        vsnprintf(line->out + line->used, line->room - line->used, format, arguments);
    va_end(arguments);
    line->used += wanted > 0 ? (size_t)wanted : 0;
}

static const char *level_text(kith_level level)
{
    switch ((int)level) {
    case KITH_LEVEL_IDENTITY:
        return "identity";
    case KITH_LEVEL_GROUP:
        return "group";
    default:
        return "NOT ENCRYPTED";
    }
}

static void add_person(struct line *line, const struct person *person)
{
    kith_peer_info info = {.size = sizeof info};
    (void)kith_peer_get_info(person->peer, &info);
    if (kith_peer_get_state(person->peer) == KITH_PEER_INTERRUPTED) {
        add(line, "%s out of reach", person->shown);
        return;
    }
    add(line, "%s %s %s", person->shown, person->transport, level_text(person->level));
    if (info.rtt_us >= 10000) {
        add(line, " %u ms", (unsigned)(info.rtt_us / 1000));
    } else if (info.rtt_us > 0) {
        add(line, " %.1f ms", info.rtt_us / 1000.0);
    }
}

void status_write(const struct chat *chat, char *out, size_t room)
{
    struct line line = {out, room, 0};
    out[0] = '\0';
    if (chat->is_leaving || chat->is_quitting) {
        add(&line, "leaving; Ctrl-C: at once");
        return;
    }
    if (chat->people.count == 0) {
        add(&line, "nobody is connected");
    } else {
        add(&line, "%zu connected", chat->people.count);
    }
    for (const struct person *person = chat->people.first; person != NULL; person = person->next) {
        add(&line, " | ");
        add_person(&line, person);
    }
    if (chat->asks.count > 0) {
        add(&line, " | %zu %s: /accept or /reject", chat->asks.count,
            chat->asks.count == 1 ? "question" : "questions");
    }
    for (size_t i = 0; i < chat->options->connect_count; i++) {
        if (chat->dials[i].is_trying) {
            add(&line, " | trying %s", chat->dials[i].shown);
        }
    }
}
