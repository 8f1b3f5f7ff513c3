/* SPDX-License-Identifier: MIT
 *
 * trust.h: what is to become of certificates: decides at once what was decided before or leaves no
 * doubt, asks the person about the rest, and takes the answers. Reads no certificate and no file
 * itself, and never waits.
 */
#ifndef CHAT_TRUST_H
#define CHAT_TRUST_H

#include <kith/kith.h>

#include "certificate.h"
#include "known.h"

/* Open at a time; a link with another one is refused. Each is shown in some lines, and who dials us
 * can make as many certificates as he likes. */
#define TRUST_ASKS_MAX 16

/* So many questions of those who dial us may end by themselves before the person is left in peace,
 * until an answer shows that somebody is there. */
#define TRUST_LAPSED_MAX 16

/* A question that the person has not answered yet, or whose link does not know the answer yet. */
struct ask {
    struct ask *next;
    kith_ask *handle;
    unsigned number; /* from 1; never used twice */
    unsigned doubts;
    struct certificate certificate;
    char host[KNOWN_HOST_BYTES_MAX + 1]; /* "" where the other side dialled */
    char address[80];
    uint32_t timeout_ms;
    int is_answered, is_accepted;
};

struct trust {
    struct known known;
    struct ask *first; /* in the order in which they came */
    size_t count;
    unsigned last_number;
    unsigned lapsed;
    int is_unsure; /* one ended by itself: "the" question may not be the one that was meant */
};

struct chat;

/* Reads --known, and gives the session what it shows and trusts. Gives 0, or -1 when all was said
 * and the exit status is set. */
int trust_open(struct chat *chat);

/* Says what our own certificate is, where we have one. */
void trust_introduce(struct chat *chat);
void trust_free(struct trust *trust);

/* What Kith tells: on_trust and on_ask_over. */
void trust_asked(struct chat *chat, const kith_trust_question *question);
void trust_over(struct chat *chat, const kith_ask *handle, kith_reason reason);

/* /accept and /reject: which is a number, a common name, or "" where only one question is open. */
void trust_answer(struct chat *chat, const char *which, int is_accepted);

/* /distrust: who refuses the certificate of somebody who is connected, from now on. */
void trust_revoke(struct chat *chat, const char *who);

/* Nobody will answer any more: refuses what is open. */
void trust_give_up(struct chat *chat);

#endif
