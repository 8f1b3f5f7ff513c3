/* SPDX-License-Identifier: MIT
 *
 * guests.h: who is invited, who may come in and who has to go: with --ask the person is asked about
 * everyone who comes by itself; /kick and /ban put somebody out, /unban lets in again. Knows
 * nothing of certificates, which are trust.h's.
 */
#ifndef CHAT_GUESTS_H
#define CHAT_GUESTS_H

#include <kith/kith.h>

#include "asks.h"
#include "people.h"

struct chat;

/* on_invitation, which is there with --ask only. */
void guests_asked(struct chat *chat, const kith_invitation *invitation);

/* The person has answered a question about somebody who wants to come in. */
void guests_answer(struct ask *ask, int is_accepted);

/* /invite: tells what others can follow to get here. */
void guests_invite(struct chat *chat);

/* /kick NAME [TEXT]: who may come back. */
void guests_kick(struct chat *chat, const char *who);

/* /ban NAME [TEXT]: who may not, nor whoever shows the same certificate, until this program ends or
 * /unban. Without a name: tells who is banned, as the others do after. */
void guests_ban(struct chat *chat, const char *who);
void guests_unban(struct chat *chat, const char *who);

#endif
