/* SPDX-License-Identifier: MIT
 *
 * guests.c: see guests.h.
 */
#include "guests.h"

#include <stdio.h>
#include <string.h>

#include "chat.h"

static void failed(struct chat *chat, kith_err err, const char *command)
{
    report_kith_error(&chat->report, err, command);
    chat->exit_status = EXIT_FAILED;
}

/* ---- who comes ---- */

static void fill(struct ask *ask, const kith_invitation *invitation)
{
    memset(ask, 0, sizeof *ask);
    ask->handle = invitation->ask;
    ask->kind = ASK_INVITATION;
    ask->timeout_ms = invitation->timeout_ms;
    ask->id = invitation->id;
    ask->level = invitation->level;
    snprintf(ask->address, sizeof ask->address, "%s", invitation->remote_address);
    snprintf(ask->name, sizeof ask->name, "%s", invitation->name);
    ask->context_bytes = invitation->context_bytes;
    if (ask->context_bytes > 0) {
        memcpy(ask->context, invitation->context, ask->context_bytes);
    }
}

void guests_asked(struct chat *chat, const kith_invitation *invitation)
{
    struct ask now;
    fill(&now, invitation);
    const char *why = asks_why_not(chat, &now);
    const struct ask *const ask = why == NULL ? asks_add(&chat->asks, &now) : NULL;
    if (ask != NULL) {
        report_invitation(&chat->report, ask);
        return;
    }
    why = why != NULL ? why : "out of memory";
    report_turned_away(&chat->report, &now, why);
    (void)kith_ask_answer(invitation->ask, 0, "nobody is there to be asked");
}

void guests_answer(struct ask *ask, int is_accepted)
{
    asks_answer(ask, is_accepted, "");
}

/* ---- who is invited ---- */

void guests_invite(struct chat *chat)
{
    char text[KITH_INVITATION_BYTES];
    const kith_err err = kith_session_invite(chat->session, text);
    if (err != KITH_OK) {
        failed(chat, err, "/invite");
        return;
    }
    report_invite(&chat->report, text);
}

/* ---- who has to go ---- */

/* The one among people that a command names, or NULL, which is said. *rest: what stands behind the
 * name. */
static struct person *find(struct chat *chat, const struct people *people, const char *command,
                           const char *who, const char **rest)
{
    int is_ambiguous = 0;
    struct person *const person = people_find(people, who, rest, &is_ambiguous);
    if (person == NULL) {
        const int is_here = people == &chat->people;
        report_error(&chat->report, is_ambiguous ? "AMBIGUOUS" : "NOT_FOUND",
                     is_here ? "/peers tells who is connected" : "/ban tells who is banned",
                     "%s %.80s: %s", command, who,
                     is_ambiguous ? "more than one has this name"
                     : is_here    ? "nobody has this name"
                                  : "nobody of this name is banned");
        chat->exit_status = EXIT_FAILED;
    }
    return person;
}

void guests_kick(struct chat *chat, const char *who)
{
    const char *text = "";
    const struct person *const person = find(chat, &chat->people, "/kick", who, &text);
    if (person == NULL) {
        return;
    }
    const kith_err err = kith_peer_disconnect(person->peer, text);
    if (err != KITH_OK) {
        failed(chat, err, "/kick");
        return;
    }
    report_put_out(&chat->report, person, 0);
}

static kith_ban ban_of_id(const struct person *person)
{
    kith_ban ban = KITH_BAN_INIT;
    ban.id = person->kith_id;
    return ban;
}

static kith_ban ban_of_certificate(const struct person *person)
{
    kith_ban ban = KITH_BAN_INIT;
    ban.kind = KITH_BAN_CERTIFICATE;
    ban.sha256 = person->sha256;
    return ban;
}

/* Another one who is banned has shown the same certificate. */
static int is_certificate_shared(const struct people *banned, const struct person *person)
{
    for (const struct person *other = banned->first; other != NULL; other = other->next) {
        if (other != person && other->has_certificate &&
            memcmp(other->sha256, person->sha256, sizeof person->sha256) == 0) {
            return 1;
        }
    }
    return 0;
}

void guests_ban(struct chat *chat, const char *who)
{
    const char *text = "";
    if (*who == '\0') {
        report_bans(&chat->report, &chat->banned);
        return;
    }
    const struct person *const person = find(chat, &chat->people, "/ban", who, &text);
    if (person == NULL) {
        return;
    }
    const kith_ban by_id = ban_of_id(person), by_certificate = ban_of_certificate(person);
    kith_err err = kith_session_ban(chat->session, &by_id, text);
    if (err != KITH_OK) {
        failed(chat, err, "/ban");
        return;
    }
    if (people_remember(&chat->banned, person) == NULL) {
        failed(chat, KITH_ERR_NOMEM, "/ban: /unban will not know");
    }
    if (person->has_certificate) {
        err = kith_session_ban(chat->session, &by_certificate, text);
        if (err != KITH_OK && err != KITH_ERR_EXISTS) {
            failed(chat, err, "/ban: the certificate");
        }
    }
    report_put_out(&chat->report, person, 1);
    report_bans(&chat->report, &chat->banned);
}

void guests_unban(struct chat *chat, const char *who)
{
    const char *rest = "";
    struct person *const person = find(chat, &chat->banned, "/unban", who, &rest);
    if (person == NULL) {
        return;
    }
    const kith_ban by_id = ban_of_id(person), by_certificate = ban_of_certificate(person);
    kith_err err = kith_session_unban(chat->session, &by_id);
    if (person->has_certificate && !is_certificate_shared(&chat->banned, person)) {
        const kith_err other = kith_session_unban(chat->session, &by_certificate);
        err = err == KITH_OK ? other : err;
    }
    if (err != KITH_OK) {
        failed(chat, err, "/unban");
    }
    people_remove(&chat->banned, person);
    report_bans(&chat->report, &chat->banned);
}
