/* SPDX-License-Identifier: MIT
 *
 * asks.h: the questions that the person has still to answer, about certificates (trust.h) and about
 * who may come in (guests.h), in one list and under one row of numbers. Keeps and finds them; what
 * an answer means is for those two to say.
 */
#ifndef CHAT_ASKS_H
#define CHAT_ASKS_H

#include <kith/kith.h>

#include "certificate.h"
#include "known.h"

/* Open at a time; a link with another one is refused. Each is shown in some lines, and who dials us
 * can make as many certificates and identities as he likes. */
#define ASKS_MAX 16

/* So many questions of those who dial us may end by themselves before the person is left in peace,
 * until an answer shows that somebody is there. */
#define ASKS_LAPSED_MAX 16

enum ask_kind { ASK_CERTIFICATE, ASK_INVITATION };

/* A question that is not answered yet, or whose link does not know the answer yet. */
struct ask {
    struct ask *next;
    kith_ask *handle;
    enum ask_kind kind;
    unsigned number; /* from 1; never used twice */
    char address[80];
    uint32_t timeout_ms;
    int is_ours; /* we dialled */
    int is_answered, is_accepted;

    /* ASK_CERTIFICATE */
    unsigned doubts;
    struct certificate certificate;
    char host[KNOWN_HOST_BYTES_MAX + 1]; /* "" where the other side dialled */

    /* ASK_INVITATION: who wants to come in, and the words it sent along */
    kith_id id;
    kith_level level;
    char name[KITH_NAME_BYTES_MAX + 1];
    char context[KITH_CONTEXT_BYTES_MAX];
    size_t context_bytes;
};

struct asks {
    struct ask *first; /* in the order in which they came */
    size_t count;
    unsigned last_number;
    unsigned lapsed;
    int is_unsure; /* one ended by itself: "the" question may not be the one that was meant */
};

struct chat;

/* Why nobody can be asked now; NULL where somebody can. */
const char *asks_why_not(const struct chat *chat, const struct ask *ask);

/* Keeps a copy of the question and gives it a number. NULL: out of memory. */
struct ask *asks_add(struct asks *asks, const struct ask *ask);

/* on_ask_over. */
void asks_over(struct chat *chat, const kith_ask *handle, kith_reason reason);

/* /accept and /reject: which is a number, a name, or "" where only one question is open. */
void asks_command(struct chat *chat, const char *which, int is_accepted);

/* Gives the answer to Kith; text as in kith_ask_answer(). */
void asks_answer(struct ask *ask, int is_accepted, const char *text);

/* Nobody will answer any more: refuses what is open. */
void asks_give_up(struct chat *chat);
void asks_free(struct asks *asks);

#endif
