/* SPDX-License-Identifier: MIT
 *
 * names.c: see names.h.
 */
#include "names.h"

#include <string.h>

/* "you" is what the program itself calls its user. */
static int needs_quotes(const char *name)
{
    return strpbrk(name, " \"\\#<>[]*") != NULL || strstr(name, "->") != NULL ||
           strcmp(name, "you") == 0;
}

void names_quote(const char *name, char out[NAMES_QUOTED_BYTES_MAX + 1])
{
    const int is_quoted = needs_quotes(name);
    size_t used = 0;
    if (is_quoted) {
        out[used++] = '"';
    }
    for (const char *c = name; *c != '\0' && used < NAMES_QUOTED_BYTES_MAX - 2; c++) {
        if (is_quoted && (*c == '"' || *c == '\\')) {
            out[used++] = '\\';
        }
        out[used++] = *c;
    }
    if (is_quoted) {
        out[used++] = '"';
    }
    out[used] = '\0';
}

size_t names_unquote(const char *text, char *out, size_t room)
{
    size_t used = 0;
    if (text[0] != '"') {
        return 0;
    }
    for (size_t at = 1; text[at] != '\0'; at++) {
        if (text[at] == '"') {
            out[used] = '\0';
            return at + 1;
        }
        if (used == room - 1) {
            return 0;
        }
        at += text[at] == '\\' && text[at + 1] != '\0';
        out[used++] = text[at];
    }
    return 0;
}
