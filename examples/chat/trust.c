/* SPDX-License-Identifier: MIT
 *
 * trust.c: see trust.h.
 */
#include "trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat.h"
#include "files.h"

/* ---- before the session begins ---- */

static int give_up(struct chat *chat, kith_err err)
{
    const struct options *const options = chat->options;
    chat->exit_status = err == KITH_ERR_NOMEM || err == KITH_ERR_CRYPTO ? EXIT_FAILED : EXIT_USAGE;
    report_kith_error(&chat->report, err,
                      options->cert_file != NULL ? "--cert, --cert-key, --ca"
                      : options->ca_file != NULL ? "--ca"
                                                 : "--system-ca");
    return -1;
}

int trust_open(struct chat *chat)
{
    const struct options *const options = chat->options;
    kith_certificates certificates = KITH_CERTIFICATES_INIT;
    struct known_problem problem;
    if (known_open(&chat->trust.known, options->known_file, &problem) != 0) {
        chat->exit_status = EXIT_USAGE;
        report_error(&chat->report, "KNOWN", problem.hint, "%s", problem.text);
        return -1;
    }
    certificates.chain_file = options->cert_file;
    certificates.key_file = options->cert_key_file;
    certificates.trusted_file = options->ca_file;
    certificates.trust_system = options->system_ca != 0;
    certificates.client_certificates = options->client_certs;
    const kith_err err = kith_session_set_certificates(chat->session, &certificates);
    if (err != KITH_OK) {
        return give_up(chat, err);
    }
    return 0;
}

void trust_introduce(struct chat *chat)
{
    struct certificate own;
    const char *const file = chat->options->cert_file;
    if (file != NULL && certificate_load(file, &own) == 0) {
        report_own_certificate(&chat->report, &own);
    }
}

void trust_free(struct trust *trust)
{
    while (trust->first != NULL) {
        struct ask *const ask = trust->first;
        trust->first = ask->next;
        free(ask);
    }
    trust->count = 0;
    known_free(&trust->known);
}

/* ---- questions ---- */

static void note(struct chat *chat, int result, const struct known_problem *problem)
{
    if (result != 0) {
        report_error(&chat->report, "KNOWN", problem->hint, "%s", problem->text);
        chat->exit_status = EXIT_FAILED;
    }
}

/* What to do without asking. A client that shows none where one is only wanted is welcome. */
static enum known_verdict judge(const struct chat *chat, const struct ask *ask)
{
    if (ask->doubts == KITH_DOUBT_MISSING) {
        return KNOWN_ACCEPTED;
    }
    const enum known_verdict known =
        known_judge(&chat->trust.known, ask->certificate.sha256, ask->host, ask->doubts);
    return known != KNOWN_NOTHING ? known : ask->doubts == 0 ? KNOWN_ACCEPTED : KNOWN_NOTHING;
}

/* Why nobody is asked; NULL where somebody is. */
static const char *why_not_ask(const struct chat *chat, const struct ask *ask)
{
    if (chat->options->trust == OPTIONS_TRUST_NEVER) {
        return "it is not trusted";
    }
    if (chat->is_quitting || chat->is_leaving) {
        return "nobody is there to be asked";
    }
    if (ask->host[0] == '\0' && chat->trust.lapsed >= TRUST_LAPSED_MAX) {
        return "too many questions have ended without an answer; /reject: to be asked again";
    }
    return chat->trust.count >= TRUST_ASKS_MAX ? "too many questions are open" : NULL;
}

static void fill(struct ask *ask, const kith_trust_question *question)
{
    memset(ask, 0, sizeof *ask);
    ask->handle = question->ask;
    ask->doubts = question->doubts;
    ask->timeout_ms = question->timeout_ms;
    snprintf(ask->host, sizeof ask->host, "%s", question->name);
    snprintf(ask->address, sizeof ask->address, "%s", question->remote_address);
    if (question->chain_count > 0) {
        certificate_read(question->chain[0].der, question->chain[0].der_bytes, &ask->certificate);
    }
}

static void refuse(struct chat *chat, const struct ask *ask, const char *why)
{
    report_refused(&chat->report, ask, why);
    (void)kith_ask_answer(ask->handle, 0, "the certificate is not trusted");
}

void trust_asked(struct chat *chat, const kith_trust_question *question)
{
    struct trust *const trust = &chat->trust;
    struct ask now;
    fill(&now, question);
    const enum known_verdict verdict = judge(chat, &now);
    if (verdict == KNOWN_ACCEPTED) {
        (void)kith_ask_answer(question->ask, 1, NULL);
        return;
    }
    const char *const why =
        verdict == KNOWN_REFUSED ? "it was refused before" : why_not_ask(chat, &now);
    struct ask *const ask = why == NULL ? malloc(sizeof *ask) : NULL;
    if (ask == NULL) {
        refuse(chat, &now, why != NULL ? why : "out of memory");
        return;
    }
    now.number = ++trust->last_number;
    *ask = now;
    struct ask **end = &trust->first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = ask;
    trust->count++;
    report_question(&chat->report, ask);
}

void trust_over(struct chat *chat, const kith_ask *handle, kith_reason reason)
{
    struct trust *const trust = &chat->trust;
    struct ask **at = &trust->first;
    while (*at != NULL && (*at)->handle != handle) {
        at = &(*at)->next;
    }
    struct ask *const ask = *at;
    if (ask == NULL) {
        return; /* nobody was asked */
    }
    *at = ask->next;
    trust->count--;
    trust->is_unsure = trust->is_unsure || !ask->is_answered;
    trust->lapsed += !ask->is_answered && ask->host[0] == '\0';
    report_answer(&chat->report, ask, reason);
    free(ask);
}

/* ---- answers ---- */

static void answer(struct ask *ask, int is_accepted)
{
    ask->is_answered = 1;
    ask->is_accepted = is_accepted;
    (void)kith_ask_answer(ask->handle, is_accepted,
                          is_accepted ? NULL : "the certificate is not trusted");
}

/* What is decided now may decide other questions as well. */
static void answer_alike(struct chat *chat)
{
    for (struct ask *ask = chat->trust.first; ask != NULL; ask = ask->next) {
        const enum known_verdict verdict = ask->is_answered ? KNOWN_NOTHING : judge(chat, ask);
        if (verdict != KNOWN_NOTHING) {
            answer(ask, verdict == KNOWN_ACCEPTED);
        }
    }
}

static size_t open_count(const struct trust *trust)
{
    size_t count = 0;
    for (const struct ask *ask = trust->first; ask != NULL; ask = ask->next) {
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

/* Whoever owns a certificate chooses the name in it: one that looks like a number is none. */
static int is_meant(const struct ask *ask, const char *which)
{
    const int is_digits = *which != '\0' && which[strspn(which, "0123456789")] == '\0';
    return !ask->is_answered &&
           (*which == '\0' || (is_digits ? ask->number == number_of(which)
                                         : ask->certificate.common_name[0] != '\0' &&
                                               strcmp(ask->certificate.common_name, which) == 0));
}

/* The one question that is meant, or NULL, which is said. */
static struct ask *find(struct chat *chat, const char *which, const char *command)
{
    struct trust *const trust = &chat->trust;
    struct ask *found = NULL;
    size_t count = 0;
    for (struct ask *ask = trust->first; ask != NULL; ask = ask->next) {
        if (is_meant(ask, which)) {
            found = ask;
            count++;
        }
    }
    const int is_unsure = *which == '\0' && trust->is_unsure;
    trust->is_unsure = 0;
    trust->lapsed = 0;
    if (count == 1 && !is_unsure) {
        return found;
    }
    char hint[256] = "no question is open";
    size_t used = open_count(trust) > 0 ? (size_t)snprintf(hint, sizeof hint, "say") : 0;
    for (const struct ask *ask = trust->first; ask != NULL && used < sizeof hint; ask = ask->next) {
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

void trust_answer(struct chat *chat, const char *which, int is_accepted)
{
    struct known *const known = &chat->trust.known;
    struct known_problem problem;
    struct ask *const ask = find(chat, which, is_accepted ? "/accept" : "/reject");
    if (ask == NULL) {
        return;
    }
    note(chat,
         is_accepted
             ? known_accept(known, ask->certificate.sha256, ask->host, ask->doubts, &problem)
             : known_refuse(known, ask->certificate.sha256, 0, &problem),
         &problem);
    answer(ask, is_accepted);
    answer_alike(chat);
}

void trust_revoke(struct chat *chat, const char *who)
{
    struct known_problem problem;
    const char *rest = "";
    int is_ambiguous = 0;
    struct person *const person = people_find(&chat->people, who, &rest, &is_ambiguous);
    if (person == NULL || *rest != '\0' || !person->has_certificate) {
        report_error(&chat->report, is_ambiguous ? "AMBIGUOUS" : "NOT_FOUND",
                     "/peers tells who is connected", "/distrust %.80s: %s", who,
                     is_ambiguous                      ? "more than one has this name"
                     : person == NULL || *rest != '\0' ? "nobody has this name"
                                                       : "has shown no certificate");
        chat->exit_status = EXIT_FAILED;
        return;
    }
    note(chat, known_refuse(&chat->trust.known, person->sha256, 1, &problem), &problem);
    report_distrusted(&chat->report, person);
    answer_alike(chat);
    /* Whoever else is here with it goes as well. */
    uint8_t refused[SHA256_BYTES];
    memcpy(refused, person->sha256, sizeof refused);
    for (struct person *other = chat->people.first; other != NULL; other = other->next) {
        if (other->has_certificate && memcmp(other->sha256, refused, sizeof refused) == 0) {
            (void)kith_peer_disconnect(other->peer, "the certificate is not trusted any more");
        }
    }
}

void trust_give_up(struct chat *chat)
{
    for (struct ask *ask = chat->trust.first; ask != NULL; ask = ask->next) {
        if (!ask->is_answered) {
            answer(ask, 0);
        }
    }
}
