/* SPDX-License-Identifier: MIT
 *
 * trust.h: what is to become of certificates: decides at once what was decided before or leaves no
 * doubt, asks the person about the rest (asks.h), and keeps the answers. Reads no certificate and
 * no file itself, and never waits.
 */
#ifndef CHAT_TRUST_H
#define CHAT_TRUST_H

#include <kith/kith.h>

#include "asks.h"
#include "known.h"

struct trust {
    struct known known;
};

struct chat;

/* Reads --known, and gives the session what it shows and trusts. Gives 0, or -1 when all was said
 * and the exit status is set. */
int trust_open(struct chat *chat);

/* Says what our own certificate is, where we have one. */
void trust_introduce(struct chat *chat);
void trust_free(struct trust *trust);

/* on_trust. */
void trust_asked(struct chat *chat, const kith_trust_question *question);

/* The person has answered a question about a certificate. */
void trust_answer(struct chat *chat, struct ask *ask, int is_accepted);

/* /distrust: who refuses the certificate of somebody who is connected, from now on. */
void trust_revoke(struct chat *chat, const char *who);

#endif
