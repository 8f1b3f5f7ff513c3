/* SPDX-License-Identifier: MIT
 *
 * report_people.c: the half of report.h about people: who came and went, what they said, and what
 * became of what was said to them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cells.h"
#include "names.h"
#include "report_lines.h"
#include "text.h"

void report_put_person(struct json *json, const struct person *person)
{
    char sha256[SHA256_HEX_BYTES + 1] = "";
    json_text(json, "id", person->id);
    json_text(json, "name", person->name);
    json_text(json, "transport", person->transport);
    json_text(json, "cipher", person->cipher);
    json_text(json, "level", people_level_name(person->level));
    json_text(json, "address", person->address);
    if (person->has_certificate) {
        sha256_hex(person->sha256, sha256);
    }
    json_text(json, "sha256", sha256);
}

static void put_peer_event(struct report *report, const struct person *person, const char *state,
                           kith_reason reason, const char *text)
{
    struct json json;
    report_begin(report, &json, "peer");
    report_put_person(&json, person);
    json_text(&json, "state", state);
    json_text(&json, "reason", kith_reason_name(reason));
    json_text(&json, "text", text);
    report_end(report, &json);
}

void report_joined(struct report *report, const struct person *person)
{
    if (report->json) {
        put_peer_event(report, person, "connected", KITH_REASON_NONE, "");
        return;
    }
    report_line(report, "%s joined (%s, %s)", report_label(report, person), person->transport,
                person->cipher[0] != '\0' ? person->cipher : "not encrypted");
}

void report_interrupted(struct report *report, const struct person *person, kith_reason reason)
{
    if (report->json) {
        put_peer_event(report, person, "interrupted", reason, "");
    } else {
        report_line(report, "%s is out of reach (%s); lines to it wait",
                    report_label(report, person), kith_reason_text(reason));
    }
}

void report_resumed(struct report *report, const struct person *person)
{
    if (report->json) {
        put_peer_event(report, person, "resumed", KITH_REASON_NONE, "");
    } else {
        report_line(report, "%s is back", report_label(report, person));
    }
}

void report_departed(struct report *report, const struct person *person, kith_reason reason,
                     const char *text)
{
    if (report->json) {
        put_peer_event(report, person, "departed", reason, text);
    } else if (reason == KITH_REASON_LEFT) {
        report_line(report, "%s left%s%s", report_label(report, person), *text != '\0' ? ": " : "",
                    text);
    } else if (reason != KITH_REASON_LOCAL) {
        report_line(report, "%s left: %s%s%s", report_label(report, person),
                    kith_reason_text(reason), *text != '\0' ? ": " : "", text);
    }
}

/* Colours of a screen: bold, and for other people one of six that goes with the id. */
static const char OWN[] = "\033[1m";
static const char PRIVATE[] = "\033[1;35m";

static const char *colour_of(const struct person *person)
{
    static const char *const colours[] = {"\033[1;36m", "\033[1;33m", "\033[1;32m",
                                          "\033[1;34m", "\033[1;96m", "\033[1;92m"};
    unsigned sum = 0;
    for (size_t i = 0; i < 8; i++) {
        sum = sum * 31 + (unsigned char)person->digits[i];
    }
    return colours[sum % (sizeof colours / sizeof colours[0])];
}

/* Who says what follows, on a screen. */
static void put_speaker(struct report *report, const char *colour, const char *before,
                        const char *name, const char *after)
{
    report_begin_line(report);
    fputs(report->is_coloured ? colour : "", stdout);
    fputs(before, stdout);
    text_put_safe(stdout, name, strlen(name));
    fputs(after, stdout);
    fputs(report->is_coloured ? "\033[0m" : "", stdout);
}

const char *report_label(const struct report *report, const struct person *person)
{
    return report->screen != NULL ? person->shown : person->label;
}

void report_message(struct report *report, const struct person *person, const kith_message *message)
{
    if (report->json) {
        struct json json;
        report_begin(report, &json, "message");
        json_text(&json, "from", person->id);
        json_text(&json, "name", person->name);
        json_number(&json, "channel", message->channel);
        json_bytes(&json, "text", message->data, message->data_bytes);
        report_end(report, &json);
        return;
    }
    if (report->screen == NULL) {
        fputs(report->is_coloured ? "\033[1;36m<" : "<", stdout);
        text_put_safe(stdout, person->label, strlen(person->label));
        fputs(report->is_coloured ? ">\033[0m " : "> ", stdout);
    } else if (message->channel == CHANNEL_ONE) {
        put_speaker(report, PRIVATE, "[", person->shown, " -> you] ");
    } else {
        put_speaker(report, colour_of(person), "<", person->shown, "> ");
    }
    text_put_safe(stdout, message->data, message->data_bytes);
    putc('\n', stdout);
    report_flush(report);
}

void report_typed(struct report *report, const char *text, size_t bytes)
{
    if (report->screen != NULL) {
        report_begin_line(report);
        fputs(report->is_coloured ? "\033[2m> " : "> ", stdout);
        text_put_safe(stdout, text, bytes);
        fputs(report->is_coloured ? "\033[0m\n" : "\n", stdout);
    }
}

void report_said(struct report *report, const struct person *person, const char *text, size_t bytes)
{
    if (report->screen == NULL) {
        return; /* the terminal has shown it, or nobody wants to see it */
    }
    if (person != NULL) {
        put_speaker(report, PRIVATE, "[you -> ", person->shown, "] ");
    } else {
        char own[NAMES_QUOTED_BYTES_MAX + 1];
        names_quote(report->options->name, own);
        put_speaker(report, OWN, "<", own, "> ");
    }
    text_put_safe(stdout, text, bytes);
    putc('\n', stdout);
    report_flush(report);
}

void report_remember(struct report *report, uint64_t line, const char *text, size_t bytes)
{
    struct report_said *const said = &report->said[line % REPORT_SAID_MAX];
    size_t kept = 0;
    said->number = line;
    while (kept < bytes && kept < REPORT_SAID_BYTES) { /* whole letters of it */
        const size_t next = cells_next(text, bytes, kept);
        if (next > REPORT_SAID_BYTES) {
            break;
        }
        kept = next;
    }
    memcpy(said->text, text, kept);
    said->text[kept] = '\0';
}

static const char *fate_name(kith_fate fate)
{
    switch (fate) {
    case KITH_FATE_DELIVERED:
        return "DELIVERED";
    case KITH_FATE_UNSENT:
        return "UNSENT";
    case KITH_FATE_UNKNOWN:
        return "UNKNOWN";
    }
    return "?";
}

void report_fate(struct report *report, const struct person *person, uint64_t line, kith_fate fate)
{
    const char *const to = person != NULL ? report_label(report, person) : "anyone";
    if (report->json) {
        struct json json;
        report_begin(report, &json, fate == KITH_FATE_DELIVERED ? "delivered" : "undelivered");
        json_text(&json, "to", person != NULL ? person->id : "");
        json_text(&json, "name", person != NULL ? person->name : "");
        json_number(&json, "ticket", line);
        if (fate != KITH_FATE_DELIVERED) {
            json_text(&json, "fate", fate_name(fate));
        }
        report_end(report, &json);
    } else if (report->screen != NULL && fate != KITH_FATE_DELIVERED) {
        const struct report_said *const said = &report->said[line % REPORT_SAID_MAX];
        report_line(report, "%s %s: %s",
                    fate == KITH_FATE_UNSENT ? "not sent to" : "sent, but it may not have reached",
                    to, said->number == line ? said->text : "an earlier line");
    } else if (fate == KITH_FATE_UNSENT) {
        report_line(report, "line %" PRIu64 " was not sent to %s", line, to);
    } else if (fate == KITH_FATE_UNKNOWN) {
        report_line(report, "line %" PRIu64 " was sent to %s, but it may not have arrived", line,
                    to);
    }
}

static const char *network_name(kith_network_event_kind kind)
{
    switch (kind) {
    case KITH_NETWORK_CHANGED:
        return "changed";
    case KITH_NETWORK_WOKE:
        return "woke";
    case KITH_NETWORK_PATH:
        return "path";
    }
    return "?";
}

void report_network(struct report *report, kith_network_event_kind kind,
                    const struct person *person)
{
    if (report->json) {
        struct json json;
        report_begin(report, &json, "network");
        json_text(&json, "what", network_name(kind));
        json_text(&json, "id", person != NULL ? person->id : "");
        json_text(&json, "name", person != NULL ? person->name : "");
        json_text(&json, "transport", person != NULL ? person->transport : "");
        json_text(&json, "address", person != NULL ? person->address : "");
        report_end(report, &json);
    } else if (person != NULL) {
        report_line(report, "%s goes on another way: %s, %s",
                    report_label(report, person), person->transport, person->address);
    }
}
