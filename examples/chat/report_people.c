/* SPDX-License-Identifier: MIT
 *
 * report_people.c: the half of report.h about people: who came and went, what they said, and what
 * became of what was said to them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report_lines.h"
#include "text.h"

/* The members that say who a person is and how the connection to it is made. */
static void put_person(struct json *json, const struct person *person)
{
    json_text(json, "id", person->id);
    json_text(json, "name", person->name);
    json_text(json, "transport", person->transport);
    json_text(json, "cipher", person->cipher);
    json_text(json, "level", people_level_name(person->level));
    json_text(json, "address", person->address);
}

static void put_peer_event(struct report *report, const struct person *person, const char *state,
                           kith_reason reason, const char *text)
{
    struct json json;
    report_begin(report, &json, "peer");
    put_person(&json, person);
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
    report_line(report, "%s joined (%s, %s)", person->label, person->transport,
                person->cipher[0] != '\0' ? person->cipher : "not encrypted");
}

void report_interrupted(struct report *report, const struct person *person, kith_reason reason)
{
    if (report->json) {
        put_peer_event(report, person, "interrupted", reason, "");
    } else {
        report_line(report, "%s is out of reach (%s); lines to it wait", person->label,
                    kith_reason_text(reason));
    }
}

void report_resumed(struct report *report, const struct person *person)
{
    if (report->json) {
        put_peer_event(report, person, "resumed", KITH_REASON_NONE, "");
    } else {
        report_line(report, "%s is back", person->label);
    }
}

void report_departed(struct report *report, const struct person *person, kith_reason reason,
                     const char *text)
{
    if (report->json) {
        put_peer_event(report, person, "departed", reason, text);
    } else if (reason == KITH_REASON_LEFT) {
        report_line(report, "%s left%s%s", person->label, *text != '\0' ? ": " : "", text);
    } else if (reason != KITH_REASON_LOCAL) {
        report_line(report, "%s left: %s%s%s", person->label, kith_reason_text(reason),
                    *text != '\0' ? ": " : "", text);
    }
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
    fputs(report->is_coloured ? "\033[1;36m<" : "<", stdout);
    text_put_safe(stdout, person->label, strlen(person->label));
    fputs(report->is_coloured ? ">\033[0m " : "> ", stdout);
    text_put_safe(stdout, message->data, message->data_bytes);
    putc('\n', stdout);
    report_flush(report);
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
    const char *const to = person != NULL ? person->label : "anyone";
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
    } else if (fate == KITH_FATE_UNSENT) {
        report_line(report, "line %" PRIu64 " was not sent to %s", line, to);
    } else if (fate == KITH_FATE_UNKNOWN) {
        report_line(report, "line %" PRIu64 " was sent to %s, but it may not have arrived", line,
                    to);
    }
}

/* What changes while a peer is connected is asked for anew. */
static kith_peer_info ask(const struct person *person)
{
    kith_peer_info info = {.size = sizeof info};
    (void)kith_peer_get_info(person->peer, &info);
    return info;
}

void report_peers(struct report *report, const struct people *people)
{
    if (report->json) {
        struct json json;
        report_begin(report, &json, "peers");
        json_open(&json, "peers", '[');
        for (const struct person *person = people->first; person != NULL; person = person->next) {
            json_open(&json, NULL, '{');
            put_person(&json, person);
            json_number(&json, "rtt_us", ask(person).rtt_us);
            json_close(&json, '}');
        }
        json_close(&json, ']');
        report_end(report, &json);
        return;
    }
    for (const struct person *person = people->first; person != NULL; person = person->next) {
        const uint32_t rtt_us = ask(person).rtt_us;
        char rtt[32] = "not measured yet";
        if (rtt_us > 0) {
            snprintf(rtt, sizeof rtt, "%.3f ms", rtt_us / 1000.0);
        }
        report_line(report, "%s  %.8s  %s %s  %s  %s  %s", person->label, person->id,
                    person->transport, person->cipher[0] != '\0' ? person->cipher : "not encrypted",
                    people_level_name(person->level), person->address, rtt);
    }
    if (people->count == 0) {
        report_line(report, "nobody is connected");
    }
}

void report_help(struct report *report)
{
    static const char *const lines[] = {
        "TEXT           say it to everyone (//TEXT says a text that starts with a slash)",
        "/to NAME TEXT  say it to one; NAME#1a2b tells people of the same name apart",
        "/peers         who is connected, and how",
        "/help          this",
        "/quit          leave",
    };
    if (report->json) {
        struct json json;
        report_begin(report, &json, "help");
        json_open(&json, "lines", '[');
        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
            json_text(&json, NULL, lines[i]);
        }
        json_close(&json, ']');
        report_end(report, &json);
        return;
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        report_line(report, "%s", lines[i]);
    }
}
