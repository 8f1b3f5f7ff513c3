/* SPDX-License-Identifier: MIT
 *
 * complete.c: what the tabulator does: the rest of a command, or of the name behind one, as far as
 * only one thing can be meant.
 */
#include <string.h>

#include "chat.h"

/* What all candidates so far have in common behind what is typed. */
struct candidates {
    const char *typed;
    size_t typed_bytes;
    char rest[PEOPLE_SHOWN_BYTES_MAX + 1];
    size_t count;
};

static void consider(struct candidates *found, const char *candidate)
{
    if (strncmp(candidate, found->typed, found->typed_bytes) != 0) {
        return;
    }
    const char *const rest = candidate + found->typed_bytes;
    if (found->count++ == 0) {
        strncpy(found->rest, rest, sizeof found->rest - 1);
        return;
    }
    size_t same = 0;
    while (found->rest[same] != '\0' && found->rest[same] == rest[same]) {
        same++;
    }
    while (same > 0 && ((unsigned char)found->rest[same] & 0xC0) == 0x80) {
        same--; /* whole characters */
    }
    found->rest[same] = '\0';
}

/* Whom the command at the start of text may name, or NULL. */
static const struct people *meant_by(const char *text, size_t bytes, const struct people *people,
                                     const struct people *banned)
{
    static const char *const with_names[] = {"/to ", "/kick ", "/ban ", "/distrust "};
    for (size_t i = 0; i < sizeof with_names / sizeof with_names[0]; i++) {
        if (strncmp(text, with_names[i], bytes) == 0) {
            return people;
        }
    }
    return strncmp(text, "/unban ", bytes) == 0 ? banned : NULL;
}

int complete_line(struct editor *editor, const struct people *people, const struct people *banned)
{
    static const char *const commands[] = {"/to",     "/peers", "/stats", "/accept", "/reject",
                                           "/kick",   "/ban",   "/unban", "/key",    "/distrust",
                                           "/invite", "/help",  "/quit"};
    struct candidates found = {editor->text, editor->cursor, "", 0};
    if (editor->cursor != editor->bytes || editor->text[0] != '/') {
        return -1;
    }
    const size_t command = strcspn(editor->text, " ") + 1;
    const struct people *const meant = meant_by(editor->text, command, people, banned);
    if (meant != NULL) {
        found.typed += command;
        found.typed_bytes -= command;
        for (const struct person *person = meant->first; person != NULL; person = person->next) {
            consider(&found, person->shown);
        }
    } else {
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
            consider(&found, commands[i]);
        }
    }
    if (found.count == 0 || editor_insert(editor, found.rest, strlen(found.rest)) != 0) {
        return -1;
    }
    return found.count == 1 ? editor_insert(editor, " ", 1) : *found.rest != '\0' ? 0 : -1;
}
