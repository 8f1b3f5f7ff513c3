/* SPDX-License-Identifier: MIT
 *
 * asks.c: see asks.h.
 */
#include "asks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat.h"

/* ---- the list ---- */

const char *asks_why_not(const struct chat *chat, const struct ask *ask)
{
    if (chat->is_quitting || chat->is_leaving) {
        return "nobody is there to be asked";
    }
    if (!ask->is_ours && chat->asks.lapsed >= ASKS_LAPSED_MAX) {
        return "too many questions have ended without an answer; /reject: to be asked again";
    }
    return chat->asks.count >= ASKS_MAX ? "too many questions are open" : NULL;
}

struct ask *asks_add(struct asks *asks, const struct ask *ask)
{
    struct ask *const kept = malloc(sizeof *kept);
    if (kept == NULL) {
        return NULL;
    }
    *kept = *ask;
    kept->next = NULL;
    kept->number = ++asks->last_number;
    struct ask **end = &asks->first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = kept;
    asks->count++;
    return kept;
}

void asks_over(struct chat *chat, const kith_ask *handle, kith_reason reason)
{
    struct asks *const asks = &chat->asks;
    struct ask **at = &asks->first;
    while (*at != NULL && (*at)->handle != handle) {
        at = &(*at)->next;
    }
    struct ask *const ask = *at;
    if (ask == NULL) {
        return; /* nobody was asked */
    }
    *at = ask->next;
    asks->count--;
    asks->is_unsure = asks->is_unsure || !ask->is_answered;
    asks->lapsed += !ask->is_answered && !ask->is_ours;
    report_answer(&chat->report, ask, reason);
    free(ask);
}

void asks_free(struct asks *asks)
{
    while (asks->first != NULL) {
        struct ask *const ask = asks->first;
        asks->first = ask->next;
        free(ask);
    }
    asks->count = 0;
}

/* ---- answers ---- */

static size_t open_count(const struct asks *asks)
{
    size_t count = 0;
    for (const struct ask *ask = asks->first; ask != NULL; ask = ask->next) {
        count += !ask->is_answered;
    }
    return count;
}

/* A whole number from 1; 0 for anything else. */
static unsigned number_of(const char *text)
{
    unsigned number = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || number > 100000000) {
            return 0;
        }
        number = number * 10 + (unsigned)(*c - '0');
    }
    return number;
}

static const char *name_of(const struct ask *ask)
{
    return ask->kind == ASK_CERTIFICATE ? ask->certificate.common_name : ask->name;
}

/* Whoever is asked about has chosen the name: one that looks like a number is none. */
static int is_meant(const struct ask *ask, const char *which)
{
    const int is_digits = *which != '\0' && which[strspn(which, "0123456789")] == '\0';
    return !ask->is_answered &&
           (*which == '\0' ||
            (is_digits ? ask->number == number_of(which)
                       : *name_of(ask) != '\0' && strcmp(name_of(ask), which) == 0));
}

/* The one question that is meant, or NULL, which is said. */
static struct ask *find(struct chat *chat, const char *which, const char *command)
{
    struct asks *const asks = &chat->asks;
    struct ask *found = NULL;
    size_t count = 0;
    for (struct ask *ask = asks->first; ask != NULL; ask = ask->next) {
        if (is_meant(ask, which)) {
            found = ask;
            count++;
        }
    }
    const int is_unsure = *which == '\0' && asks->is_unsure;
    asks->is_unsure = 0;
    asks->lapsed = 0;
    if (count == 1 && !is_unsure) {
        return found;
    }
    char hint[256] = "no question is open";
    size_t used = open_count(asks) > 0 ? (size_t)snprintf(hint, sizeof hint, "say") : 0;
    for (const struct ask *ask = asks->first; ask != NULL && used < sizeof hint; ask = ask->next) {
        used += ask->is_answered ? 0
                                 : (size_t)snprintf(hint + used, sizeof hint - used, " %s %u",
                                                    command, ask->number);
    }
    report_error(&chat->report, count > 1 ? "AMBIGUOUS" : "NOT_FOUND", hint, "%s%s%.80s: %s",
                 command, *which != '\0' ? " " : "", which,
                 count > 1    ? "more than one question is meant"
                 : count == 1 ? "another question has ended meanwhile"
                              : "there is no such question");
    chat->exit_status = EXIT_FAILED;
    return NULL;
}

void asks_answer(struct ask *ask, int is_accepted, const char *text)
{
    ask->is_answered = 1;
    ask->is_accepted = is_accepted;
    (void)kith_ask_answer(ask->handle, is_accepted, is_accepted ? NULL : text);
}

void asks_command(struct chat *chat, const char *which, int is_accepted)
{
    struct ask *const ask = find(chat, which, is_accepted ? "/accept" : "/reject");
    if (ask == NULL) {
        return;
    }
    if (ask->kind == ASK_CERTIFICATE) {
        trust_answer(chat, ask, is_accepted);
    } else {
        guests_answer(ask, is_accepted);
    }
}

void asks_give_up(struct chat *chat)
{
    for (struct ask *ask = chat->asks.first; ask != NULL; ask = ask->next) {
        if (!ask->is_answered) {
            asks_answer(ask, 0, "nobody is there to be asked");
        }
    }
}
