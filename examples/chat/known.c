/* SPDX-License-Identifier: MIT
 *
 * known.c: see known.h.
 */
#include "known.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doubts.h"
#include "files.h"

enum {
    LINE_BYTES_MAX = 6 + 1 + SHA256_HEX_BYTES + 1 + DOUBTS_BYTES_MAX + 1 + KNOWN_HOST_BYTES_MAX + 1,
    FILE_BYTES_MAX = 2 * 1024 * 1024
};

/* Notes what is wrong; always -1, so that it can be returned. */
__attribute__((format(printf, 3, 4))) static int wrong(struct known_problem *problem,
                                                       const char *hint, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    snprintf(problem->hint, sizeof problem->hint, "%s", hint);
    return -1;
}

/* ---- entries ---- */

static int is_about(const struct known_entry *entry, const uint8_t *sha256)
{
    return memcmp(entry->sha256, sha256, SHA256_BYTES) == 0;
}

/* A verdict replaces those that it contradicts or repeats. */
static int is_replaced(const struct known_entry *old, const struct known_entry *by)
{
    return is_about(old, by->sha256) &&
           (old->verdict == KNOWN_REFUSED || by->verdict == KNOWN_REFUSED ||
            strcmp(old->host, by->host) == 0);
}

/* Gives 0, or an errno when there is no room for it. */
static int put(struct known *known, const struct known_entry *entry)
{
    size_t left = 0;
    for (size_t i = 0; i < known->count; i++) {
        if (!is_replaced(&known->entries[i], entry)) {
            known->entries[left++] = known->entries[i];
        }
    }
    known->count = left;
    if (known->count == KNOWN_MAX) {
        return ENOSPC;
    }
    void *const grown = realloc(known->entries, (known->count + 1) * sizeof *entry);
    if (grown == NULL) {
        return ENOMEM;
    }
    known->entries = grown;
    known->entries[known->count++] = *entry;
    return 0;
}

enum known_verdict known_judge(const struct known *known, const uint8_t sha256[SHA256_BYTES],
                               const char *host, unsigned doubts)
{
    for (size_t i = 0; i < known->count; i++) {
        const struct known_entry *const entry = &known->entries[i];
        if (!is_about(entry, sha256)) {
            continue;
        }
        if (entry->verdict == KNOWN_REFUSED ||
            (strcmp(entry->host, host) == 0 && (doubts & ~entry->doubts) == 0)) {
            return entry->verdict;
        }
    }
    return KNOWN_NOTHING;
}

/* ---- the file ---- */

/* Gives 0, or -1 when the line says nothing known. */
static int read_line(const char *line, struct known_entry *entry)
{
    char hex[SHA256_HEX_BYTES + 1], doubts[DOUBTS_BYTES_MAX + 1], host[KNOWN_HOST_BYTES_MAX + 1];
    char more[2];
    const int count = sscanf(line, "accept %64s %80s %255s %1s", hex, doubts, host, more);
    memset(entry, 0, sizeof *entry);
    entry->is_kept = 1;
    if (count == 3) {
        entry->verdict = KNOWN_ACCEPTED;
        snprintf(entry->host, sizeof entry->host, "%s", strcmp(host, "*") == 0 ? "" : host);
        return doubts_read(doubts, &entry->doubts) == 0 ? sha256_parse(hex, entry->sha256) : -1;
    }
    if (count <= 0 && sscanf(line, "refuse %64s %1s", hex, more) == 1) {
        entry->verdict = KNOWN_REFUSED;
        return sha256_parse(hex, entry->sha256);
    }
    return -1;
}

/* A refusal that holds for this run is not undone by what the file said before. */
static int is_refused_now(const struct known *known, const uint8_t *sha256)
{
    for (size_t i = 0; i < known->count; i++) {
        const struct known_entry *const entry = &known->entries[i];
        if (is_about(entry, sha256) && entry->verdict == KNOWN_REFUSED && !entry->is_kept) {
            return 1;
        }
    }
    return 0;
}

static int take_lines(struct known *known, char *text, struct known_problem *problem)
{
    unsigned number = 1;
    for (char *line = text; *line != '\0'; number++) {
        struct known_entry entry;
        char *const end = line + strcspn(line, "\n");
        const int is_last = *end == '\0';
        *end = '\0';
        if (line[0] != '#' && line[strspn(line, " \t\r")] != '\0') {
            if (read_line(line, &entry) != 0) {
                return wrong(problem, "remove the line, or see --known in the manual",
                             "line %u of %.200s is no verdict about a certificate", number,
                             known->path);
            }
            const int error = is_refused_now(known, entry.sha256) ? 0 : put(known, &entry);
            if (error != 0) {
                return wrong(problem, "remove some lines", "%.200s: %s", known->path,
                             strerror(error));
            }
        }
        line = is_last ? end : end + 1;
    }
    return 0;
}

/* Takes what the file says in place of what it said before. */
static int read_file(struct known *known, struct known_problem *problem)
{
    size_t bytes;
    char *const text = malloc(FILE_BYTES_MAX + 1);
    if (text == NULL) {
        return wrong(problem, "", "out of memory");
    }
    const int error = files_read(known->path, text, FILE_BYTES_MAX, &bytes);
    int result = 0;
    if (error != 0 && error != ENOENT) {
        result = wrong(problem, "name a file of --known, or one that is to be made",
                       "cannot read %.200s: %s", known->path, strerror(error));
    } else if (error == 0 && memchr(text, '\0', bytes) != NULL) {
        result = wrong(problem, "name a file of --known, or one that is to be made",
                       "%.200s is not a text file", known->path);
    } else {
        text[error == 0 ? bytes : 0] = '\0';
        result = take_lines(known, text, problem);
    }
    free(text);
    return result;
}

static int write_file(const struct known *known, struct known_problem *problem)
{
    static const char head[] = "# Certificates that kith-chat --known accepts or refuses.\n";
    const size_t room = sizeof head + known->count * LINE_BYTES_MAX;
    char *const text = malloc(room);
    if (text == NULL) {
        return wrong(problem, "", "out of memory");
    }
    size_t used = (size_t)snprintf(text, room, "%s", head);
    for (size_t i = 0; i < known->count; i++) {
        const struct known_entry *const entry = &known->entries[i];
        char hex[SHA256_HEX_BYTES + 1], doubts[DOUBTS_BYTES_MAX + 1];
        sha256_hex(entry->sha256, hex);
        doubts_write(entry->doubts, doubts);
        if (entry->is_kept && entry->verdict == KNOWN_ACCEPTED) {
            used += (size_t)snprintf(text + used, room - used, "accept %s %s %s\n", hex, doubts,
                                     entry->host[0] != '\0' ? entry->host : "*");
        } else if (entry->is_kept) {
            used += (size_t)snprintf(text + used, room - used, "refuse %s\n", hex);
        }
    }
    const int error = files_replace(known->path, text, used);
    free(text);
    return error == 0 ? 0
                      : wrong(problem, "check the name and who may write there",
                              "cannot write %.200s: %s", known->path, strerror(error));
}

int known_open(struct known *known, const char *path, struct known_problem *problem)
{
    memset(known, 0, sizeof *known);
    known->path = path;
    return path == NULL ? 0 : read_file(known, problem);
}

void known_free(struct known *known)
{
    free(known->entries);
    memset(known, 0, sizeof *known);
}

static int note(struct known *known, const struct known_entry *entry, struct known_problem *problem)
{
    const int is_written = known->path != NULL && entry->is_kept;
    /* What another program wrote there is not to be lost; what cannot be read is left alone. */
    const int is_read = is_written ? read_file(known, problem) : 0;
    const int error = put(known, entry);
    if (error != 0) {
        return wrong(problem, "", "the verdict cannot be remembered: %s", strerror(error));
    }
    return is_read != 0 ? -1 : is_written ? write_file(known, problem) : 0;
}

int known_accept(struct known *known, const uint8_t sha256[SHA256_BYTES], const char *host,
                 unsigned doubts, struct known_problem *problem)
{
    struct known_entry entry = {.verdict = KNOWN_ACCEPTED, .is_kept = 1, .doubts = doubts};
    memcpy(entry.sha256, sha256, SHA256_BYTES);
    snprintf(entry.host, sizeof entry.host, "%s", host);
    return note(known, &entry, problem);
}

int known_refuse(struct known *known, const uint8_t sha256[SHA256_BYTES], int is_kept,
                 struct known_problem *problem)
{
    struct known_entry entry = {.verdict = KNOWN_REFUSED, .is_kept = is_kept};
    memcpy(entry.sha256, sha256, SHA256_BYTES);
    return note(known, &entry, problem);
}
