/* SPDX-License-Identifier: MIT
 *
 * report_guests.c: the part of report.h about who may come in and who has to go. Names and what is
 * sent along come from whoever wants in and prove nothing; the id does.
 */
#include <stdio.h>
#include <string.h>

#include "names.h"
#include "report_lines.h"

void report_invite(struct report *report, const char *text)
{
    if (report->json) {
        struct json json;
        report_begin(report, &json, "invite");
        json_text(&json, "text", text);
        report_end(report, &json);
        return;
    }
    report_line(report, "an invitation for --connect, in quotes; it holds no key:");
    report_make_room(report);
    fprintf(stdout, "%s\n", text); /* alone and whole in its line, to be copied */
    report_flush(report);
}

void report_invitation(struct report *report, const struct ask *ask)
{
    char id[37];
    kith_id_format(&ask->id, id);
    if (report->json) {
        struct json json;
        report_begin(report, &json, "invitation");
        json_number(&json, "number", ask->number);
        json_text(&json, "id", id);
        json_text(&json, "name", ask->name);
        json_text(&json, "level", people_level_name(ask->level));
        json_text(&json, "address", ask->address);
        json_bytes(&json, "context", ask->context, ask->context_bytes);
        json_number(&json, "timeout_ms", ask->timeout_ms);
        report_end(report, &json);
        return;
    }
    char name[NAMES_QUOTED_BYTES_MAX + 1];
    names_quote(ask->name, name);
    report_line(report, "question %u: %s, who dials you from %s, wants to come in", ask->number,
                name, ask->address);
    report_line(report, "  its id is %s, %s", id,
                ask->level == KITH_LEVEL_IDENTITY ? "which is proved" : "which proves NOTHING");
    if (ask->context_bytes > 0) {
        report_line(report, "  it says: %.*s", (int)ask->context_bytes, ask->context);
    }
    report_line(report, "  say /accept %u or /reject %u, within %u s", ask->number, ask->number,
                (unsigned)(ask->timeout_ms / 1000));
}

void report_turned_away(struct report *report, const struct ask *ask, const char *why)
{
    if (report->json) {
        report_put_answer(report, ask, "REFUSED", why);
        return;
    }
    char name[NAMES_QUOTED_BYTES_MAX + 1];
    names_quote(ask->name, name);
    report_line(report, "did not let in %s from %s: %s", name, ask->address, why);
}

void report_guest_answer(struct report *report, const struct ask *ask)
{
    char name[NAMES_QUOTED_BYTES_MAX + 1];
    names_quote(ask->name, name);
    report_line(report, "question %u: %s %s", ask->number,
                ask->is_accepted ? "let in" : "did not let in", name);
}

void report_put_out(struct report *report, const struct person *person, int is_banned)
{
    if (!report->json) { /* there the events `peer` and `bans` follow */
        report_line(report, "%s is %s", report_label(report, person),
                    is_banned ? "put out, and may not come back" : "put out");
    }
}

void report_bans(struct report *report, const struct people *banned)
{
    if (report->json) {
        struct json json;
        report_begin(report, &json, "bans");
        json_open(&json, "bans", '[');
        for (const struct person *person = banned->first; person != NULL; person = person->next) {
            json_open(&json, NULL, '{');
            json_text(&json, "id", person->id);
            json_text(&json, "name", person->name);
            json_close(&json, '}');
        }
        json_close(&json, ']');
        report_end(report, &json);
        return;
    }
    for (const struct person *person = banned->first; person != NULL; person = person->next) {
        report_line(report, "banned: %s  %.8s", report_label(report, person), person->id);
    }
    if (banned->count == 0) {
        report_line(report, "nobody is banned");
    }
}
