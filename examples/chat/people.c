/* SPDX-License-Identifier: MIT
 *
 * people.c: see people.h.
 */
#include "people.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"

enum { DIGITS_MIN = 4 };

const char *people_level_name(kith_level level)
{
    switch (level) {
    case KITH_LEVEL_DEFAULT:
        break;
    case KITH_LEVEL_NONE:
        return "NONE";
    case KITH_LEVEL_GROUP:
        return "GROUP";
    case KITH_LEVEL_IDENTITY:
        return "IDENTITY";
    }
    return "?";
}

/* How many digits tell this person from all others of the same name; 0 when the name alone does.
 * A name with '#' in it always gets them, so that "bob#1a2b" cannot be somebody's mere name. */
static size_t digits_needed(const struct people *people, const struct person *person)
{
    size_t needed = strchr(person->name, '#') != NULL ? DIGITS_MIN : 0;
    for (const struct person *other = people->first; other != NULL; other = other->next) {
        if (other == person || strcmp(other->name, person->name) != 0) {
            continue;
        }
        size_t same = 0;
        while (same < 32 && other->digits[same] == person->digits[same]) {
            same++;
        }
        const size_t wanted = same < DIGITS_MIN ? DIGITS_MIN : same + 1;
        needed = wanted > needed ? wanted : needed;
    }
    return needed > 32 ? 32 : needed;
}

/* Whoever comes or goes may make another's name unclear or clear. */
static void relabel(struct people *people)
{
    for (struct person *person = people->first; person != NULL; person = person->next) {
        char quoted[NAMES_QUOTED_BYTES_MAX + 1];
        size_t digits = digits_needed(people, person);
        snprintf(person->label, sizeof person->label, "%s%s%.*s", person->name,
                 digits > 0 ? "#" : "", (int)digits, person->digits);
        if (digits == 0 && people->own_name != NULL &&
            strcmp(person->name, people->own_name) == 0) {
            digits = DIGITS_MIN;
        }
        names_quote(person->name, quoted);
        snprintf(person->shown, sizeof person->shown, "%s%s%.*s", quoted, digits > 0 ? "#" : "",
                 (int)digits, person->digits);
    }
}

void people_refresh(struct person *person)
{
    kith_peer_info info = {.size = sizeof info};
    if (kith_peer_get_info(person->peer, &info) != KITH_OK) {
        return;
    }
    person->level = info.level;
    person->has_certificate = info.chain_count > 0;
    if (person->has_certificate) {
        sha256(info.chain[0].der, info.chain[0].der_bytes, person->sha256);
    }
    snprintf(person->transport, sizeof person->transport, "%s", info.transport);
    snprintf(person->cipher, sizeof person->cipher, "%s", info.cipher);
    snprintf(person->address, sizeof person->address, "%s", info.remote_address);
}

static void append(struct people *people, struct person *person)
{
    struct person **end = &people->first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = person;
    people->count++;
    relabel(people);
}

struct person *people_add(struct people *people, kith_peer *peer)
{
    struct person *const person = calloc(1, sizeof *person);
    if (person == NULL) {
        return NULL;
    }
    person->peer = peer;
    person->level = KITH_LEVEL_NONE;
    snprintf(person->name, sizeof person->name, "%s", kith_peer_name(peer));
    person->kith_id = kith_peer_id(peer);
    kith_id_format(&person->kith_id, person->id);
    size_t digits = 0;
    for (const char *c = person->id; *c != '\0'; c++) {
        if (*c != '-') {
            person->digits[digits++] = *c;
        }
    }
    people_refresh(person);
    kith_peer_set_user(peer, person);
    append(people, person);
    return person;
}

struct person *people_remember(struct people *people, const struct person *person)
{
    struct person *const copy = malloc(sizeof *copy);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *person;
    copy->peer = NULL;
    copy->next = NULL;
    copy->is_owed = copy->is_waiting = 0;
    append(people, copy);
    return copy;
}

void people_remove(struct people *people, struct person *person)
{
    struct person **at = &people->first;
    while (*at != person) {
        at = &(*at)->next;
    }
    *at = person->next;
    people->count--;
    free(person);
    relabel(people);
}

/* How many digits of this person's id stand at the start of text, after '#'; 0: too few. */
static size_t digits_at(const struct person *person, const char *text)
{
    size_t digits = 0;
    if (text[0] != '#') {
        return 0;
    }
    while (digits < 32 &&
           tolower((unsigned char)text[1 + digits]) == (unsigned char)person->digits[digits]) {
        digits++;
    }
    return digits >= DIGITS_MIN ? 1 + digits : 0;
}

static int is_end(char c)
{
    return c == ' ' || c == '\t' || c == '\0';
}

/* How many bytes of text name this person, '#' and digits included; 0 for none. */
static size_t matches(const struct person *person, const char *text)
{
    const size_t name = strlen(person->name);
    if (strncmp(text, person->name, name) != 0) {
        return 0;
    }
    const size_t end = name + digits_at(person, text + name);
    return is_end(text[end]) ? end : 0;
}

/* The same for a name in quotes; the digits may stand in them or behind. */
static size_t matches_quoted(const struct person *person, const char *text)
{
    char name[PEOPLE_LABEL_BYTES_MAX + 1];
    const size_t quoted = names_unquote(text, name, sizeof name);
    if (quoted == 0) {
        return 0;
    }
    const size_t inside = matches(person, name);
    const size_t end = quoted + digits_at(person, text + quoted);
    return inside == strlen(name) && inside > 0 && is_end(text[end]) ? end : 0;
}

int people_could_be(const struct person *person, const char *text)
{
    return matches(person, text) > 0 || matches_quoted(person, text) > 0;
}

struct person *people_find(const struct people *people, const char *text, const char **rest,
                           int *is_ambiguous)
{
    struct person *found = NULL;
    size_t longest = 0; /* names have blanks in them: the longest that fits is meant */
    *is_ambiguous = 0;
    for (struct person *person = people->first; person != NULL; person = person->next) {
        size_t bytes = matches(person, text);
        if (bytes == 0) {
            bytes = matches_quoted(person, text);
        }
        if (bytes > longest) {
            found = person;
            longest = bytes;
            *is_ambiguous = 0;
        } else if (bytes > 0 && bytes == longest) {
            *is_ambiguous = 1;
        }
    }
    if (found == NULL || *is_ambiguous) {
        return NULL;
    }
    *rest = text + longest + strspn(text + longest, " \t");
    return found;
}
