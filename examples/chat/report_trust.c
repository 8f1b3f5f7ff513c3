/* SPDX-License-Identifier: MIT
 *
 * report_trust.c: the part of report.h about certificates: questions, what became of them, whose
 * certificate is whose. All that stands in one comes from its owner and proves nothing but itself.
 */
#include <stdio.h>
#include <string.h>

#include "doubts.h"
#include "report_lines.h"

/* "2026-01-01T12:00:00Z" as people write it. */
static void put_time(const char *time, char out[24])
{
    if (*time == '\0') {
        snprintf(out, 24, "?");
    } else {
        snprintf(out, 24, "%.10s %.5s UTC", time, time + 11);
    }
}

static const char *or_nobody(const char *name)
{
    return *name != '\0' ? name : "nobody named";
}

static void put_fingerprint(struct report *report, const uint8_t *sha256)
{
    for (int half = 0; half < 2; half++) {
        char groups[SHA256_HALF_CHARACTERS + 1];
        sha256_groups(sha256, half, groups);
        report_line(report, "  %-8s %s", half == 0 ? "SHA-256" : "", groups);
    }
}

void report_own_certificate(struct report *report, const struct certificate *own)
{
    if (report->json) {
        struct json json;
        char hex[SHA256_HEX_BYTES + 1];
        sha256_hex(own->sha256, hex);
        report_begin(report, &json, "certificate");
        json_text(&json, "subject", own->subject);
        json_text(&json, "issuer", own->issuer);
        json_text(&json, "names", own->names);
        json_text(&json, "not_before", own->not_before);
        json_text(&json, "not_after", own->not_after);
        json_text(&json, "sha256", hex);
        report_end(report, &json);
        return;
    }
    report_line(report, "your certificate is that of %s; read this to whoever asks for it:",
                or_nobody(own->subject));
    put_fingerprint(report, own->sha256);
}

static void put_question_event(struct report *report, const struct ask *ask)
{
    struct json json;
    char hex[SHA256_HEX_BYTES + 1];
    sha256_hex(ask->certificate.sha256, hex);
    report_begin(report, &json, "question");
    json_number(&json, "number", ask->number);
    json_text(&json, "address", ask->address);
    json_text(&json, "host", ask->host);
    json_open(&json, "doubts", '[');
    for (unsigned i = 0; i < DOUBTS_COUNT; i++) {
        if ((ask->doubts & 1u << i) != 0) {
            json_text(&json, NULL, doubts_name(i));
        }
    }
    json_close(&json, ']');
    json_text(&json, "subject", ask->certificate.subject);
    json_text(&json, "issuer", ask->certificate.issuer);
    json_text(&json, "names", ask->certificate.names);
    json_text(&json, "not_before", ask->certificate.not_before);
    json_text(&json, "not_after", ask->certificate.not_after);
    json_text(&json, "sha256", hex);
    json_number(&json, "timeout_ms", ask->timeout_ms);
    report_end(report, &json);
}

void report_question(struct report *report, const struct ask *ask)
{
    const struct certificate *const shown = &ask->certificate;
    char from[24], until[24];
    if (report->json) {
        put_question_event(report, ask);
        return;
    }
    put_time(shown->not_before, from);
    put_time(shown->not_after, until);
    if (ask->host[0] != '\0') {
        report_line(report, "question %u: %s, dialled as %s, shows the certificate of", ask->number,
                    ask->address, ask->host);
    } else {
        report_line(report, "question %u: %s, %s, shows the certificate of", ask->number,
                    ask->address, ask->is_ours ? "dialled" : "who dials you");
    }
    report_line(report, "  %s", or_nobody(shown->subject));
    report_line(report, "  issued by %s", or_nobody(shown->issuer));
    if (shown->names[0] != '\0') {
        report_line(report, "  for %s", shown->names);
    }
    report_line(report, "  good from %s to %s", from, until);
    put_fingerprint(report, shown->sha256);
    for (unsigned i = 0; i < DOUBTS_COUNT; i++) {
        if ((ask->doubts & 1u << i) != 0) {
            report_line(report, "  doubt: %s", doubts_words(i));
        }
    }
    report_line(report,
                "  have its owner read the SHA-256 to you; if it is this one, say /accept %u, else "
                "/reject %u, within %u s",
                ask->number, ask->number, (unsigned)(ask->timeout_ms / 1000));
}

void report_put_answer(struct report *report, const struct ask *ask, const char *answer,
                       const char *why)
{
    struct json json;
    char hex[SHA256_HEX_BYTES + 1] = "", id[37] = "";
    if (ask->kind == ASK_CERTIFICATE) {
        sha256_hex(ask->certificate.sha256, hex);
    } else {
        kith_id_format(&ask->id, id);
    }
    report_begin(report, &json, "answer");
    json_number(&json, "number", ask->number);
    json_text(&json, "answer", answer);
    json_text(&json, "why", why);
    json_text(&json, "address", ask->address);
    json_text(&json, "sha256", hex);
    json_text(&json, "id", id);
    json_text(&json, "name", ask->name);
    report_end(report, &json);
}

void report_answer(struct report *report, const struct ask *ask, kith_reason reason)
{
    if (report->json) {
        report_put_answer(report, ask,
                          !ask->is_answered  ? "LAPSED"
                          : ask->is_accepted ? "ACCEPTED"
                                             : "REFUSED",
                          reason != KITH_REASON_NONE ? kith_reason_text(reason) : "");
    } else if (!ask->is_answered) {
        report_line(report, "question %u is over: %s", ask->number,
                    reason == KITH_REASON_TIMEOUT ? "not answered in time, so refused"
                                                  : "the connection has ended");
    } else if (ask->kind == ASK_INVITATION) {
        report_guest_answer(report, ask);
    } else {
        report_line(report, "question %u: %s the certificate of %s", ask->number,
                    ask->is_accepted ? "accepted" : "refused", or_nobody(ask->certificate.subject));
    }
}

void report_refused(struct report *report, const struct ask *ask, const char *why)
{
    if (report->json) {
        report_put_answer(report, ask, "REFUSED", why);
        return;
    }
    char groups[SHA256_HALF_CHARACTERS + 1];
    sha256_groups(ask->certificate.sha256, 0, groups);
    report_line(report, "refused the certificate of %s from %s (SHA-256 %.9s ...): %s",
                or_nobody(ask->certificate.subject), ask->address, groups, why);
    for (unsigned i = 0; i < DOUBTS_COUNT; i++) {
        if ((ask->doubts & 1u << i) != 0) {
            report_line(report, "  doubt: %s", doubts_words(i));
        }
    }
}

void report_distrusted(struct report *report, const struct person *person)
{
    if (!report->json) {
        report_line(report, "the certificate of %s is refused from now on",
                    report_label(report, person));
    }
}
