/* SPDX-License-Identifier: MIT
 *
 * trust.c: see trust.h.
 */
#include "trust.h"

#include <stdio.h>
#include <string.h>

#include "chat.h"
#include "files.h"

static const char NOT_TRUSTED[] = "the certificate is not trusted";

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
    return chat->options->trust == OPTIONS_TRUST_NEVER ? "it is not trusted"
                                                       : asks_why_not(chat, ask);
}

static void fill(struct ask *ask, const kith_trust_question *question)
{
    memset(ask, 0, sizeof *ask);
    ask->handle = question->ask;
    ask->kind = ASK_CERTIFICATE;
    ask->is_ours = question->dial != NULL;
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
    (void)kith_ask_answer(ask->handle, 0, NOT_TRUSTED);
}

void trust_asked(struct chat *chat, const kith_trust_question *question)
{
    struct ask now;
    fill(&now, question);
    const enum known_verdict verdict = judge(chat, &now);
    if (verdict == KNOWN_ACCEPTED) {
        (void)kith_ask_answer(question->ask, 1, NULL);
        return;
    }
    const char *const why =
        verdict == KNOWN_REFUSED ? "it was refused before" : why_not_ask(chat, &now);
    const struct ask *const ask = why == NULL ? asks_add(&chat->asks, &now) : NULL;
    if (ask == NULL) {
        refuse(chat, &now, why != NULL ? why : "out of memory");
        return;
    }
    report_question(&chat->report, ask);
}

/* ---- answers ---- */

/* What is decided now may decide other questions as well. */
static void answer_alike(struct chat *chat)
{
    for (struct ask *ask = chat->asks.first; ask != NULL; ask = ask->next) {
        const int is_open = ask->kind == ASK_CERTIFICATE && !ask->is_answered;
        const enum known_verdict verdict = is_open ? judge(chat, ask) : KNOWN_NOTHING;
        if (verdict != KNOWN_NOTHING) {
            asks_answer(ask, verdict == KNOWN_ACCEPTED, NOT_TRUSTED);
        }
    }
}

void trust_answer(struct chat *chat, struct ask *ask, int is_accepted)
{
    struct known *const known = &chat->trust.known;
    struct known_problem problem;
    note(chat,
         is_accepted
             ? known_accept(known, ask->certificate.sha256, ask->host, ask->doubts, &problem)
             : known_refuse(known, ask->certificate.sha256, 0, &problem),
         &problem);
    asks_answer(ask, is_accepted, NOT_TRUSTED);
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
