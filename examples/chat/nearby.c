/* SPDX-License-Identifier: MIT
 *
 * nearby.c: finding others on the local network, and being found; --browse, which only looks.
 */
#include "chat.h"

#include <stdio.h>

#include "report_lines.h"

enum { LINE_BYTES = 900 };

/* Discovery is a help, and no condition: what does not work is said once. */
static int cannot(struct chat *chat, kith_err err)
{
    if (err == KITH_ERR_UNSUPPORTED && chat->options->connect_count > 0) {
        return 0;
    }
    if (chat->options->browse || err == KITH_ERR_INVALID) {
        report_kith_error(&chat->report, err, "looking for others");
        chat->exit_status = err == KITH_ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
        return -1;
    }
    report_note(&chat->report, kith_detail()[0] != '\0' ? kith_detail() : kith_err_text(err));
    return 0;
}

int nearby_open(struct chat *chat)
{
    const struct options *const options = chat->options;
    kith_advertise_options ad = KITH_ADVERTISE_OPTIONS_INIT;
    kith_browse_options look = KITH_BROWSE_OPTIONS_INIT;
    kith_err err = KITH_OK;
    if (options->no_discovery) {
        return 0;
    }
    ad.service = look.service = options->service;
    ad.interfaces = look.interfaces = options->interfaces;
    ad.stack = look.stack = options->system_discovery ? KITH_STACK_SYSTEM : KITH_STACK_OWN;
    look.all_sessions = options->browse != 0;
    look.auto_connect = options->browse ? KITH_AUTO_CONNECT_OFF : KITH_AUTO_CONNECT_ON;
    if (options->listen_count > 0) {
        err = kith_advertise(chat->session, &ad, NULL);
    }
    if (err == KITH_OK && options->topology != KITH_ROLE_SERVER) { /* which dials nobody */
        err = kith_browse(chat->session, &look, NULL);
    }
    return err == KITH_OK ? 0 : cannot(chat, err);
}

/* ---- reporting --------------------------------------------------------------------------------
 */

static const char *const states[] = {"",     "advertised", "found", "updated",
                                     "lost", "down",       "up",    "closed"};

static void put_found(struct report *report, const kith_discovery_event *event)
{
    const kith_found *const found = event->found;
    struct json json;
    report_begin(report, &json, "found");
    json_text(&json, "state", states[event->kind]);
    json_text(&json, "name", found->instance);
    json_open(&json, "urls", '[');
    for (size_t i = 0; i < found->url_count; i++) {
        json_text(&json, NULL, found->urls[i]);
    }
    json_close(&json, ']');
    json_open(&json, "info", '{');
    for (size_t i = 0; i < found->info_count; i++) {
        json_bytes(&json, found->info[i].key, found->info[i].value, found->info[i].value_bytes);
    }
    json_close(&json, '}');
    report_end(report, &json);
}

/* Its name, where it is and what it says, as one line; out has LINE_BYTES. */
static void write_found(const kith_found *found, char *line)
{
    size_t used = (size_t)snprintf(line, LINE_BYTES, "%s", found->instance);
    for (size_t i = 0; i < found->url_count && used < LINE_BYTES; i++) {
        used += (size_t)snprintf(line + used, LINE_BYTES - used, " %s", found->urls[i]);
    }
    for (size_t i = 0; i < found->info_count && used < LINE_BYTES; i++) {
        used +=
            (size_t)snprintf(line + used, LINE_BYTES - used, " %s=%.*s", found->info[i].key,
                             (int)found->info[i].value_bytes, (const char *)found->info[i].value);
    }
}

static void show_found(struct chat *chat, const kith_discovery_event *event)
{
    char line[LINE_BYTES];
    write_found(event->found, line);
    if (!chat->board.is_on) {
        report_line(&chat->report, "%s %s", states[event->kind], line);
    } else if (event->kind == KITH_DISCOVERY_LOST) {
        board_remove(&chat->board, event->found->number);
    } else {
        board_put(&chat->board, event->found->number, line);
    }
}

void nearby_show(struct chat *chat)
{
    if (chat->options->browse && !chat->options->json && chat->options->verbose == 0) {
        board_open(&chat->board, chat->report.is_coloured);
    }
}

void nearby_happened(struct chat *chat, const kith_discovery_event *event)
{
    struct report *const report = &chat->report;
    struct json json;
    if (event->kind == KITH_DISCOVERY_CLOSED) {
        return;
    }
    if (event->found != NULL) {
        if (report->json) {
            put_found(report, event);
        } else if (chat->options->browse || chat->options->verbose > 0) {
            show_found(chat, event);
        }
        return;
    }
    if (report->json) {
        report_begin(report, &json, "discovery");
        json_text(&json, "state", states[event->kind]);
        json_text(&json, "name", event->instance);
        json_text(&json, "detail", event->detail);
        report_end(report, &json);
    } else if (chat->board.is_on) {
        board_set_trouble(&chat->board, event->detail);
    } else if (event->kind == KITH_DISCOVERY_DOWN && !chat->is_blind) {
        report_line(report, "nobody is found by itself now: %s", event->detail);
    }
    if (event->kind != KITH_DISCOVERY_ADVERTISED) {
        chat->is_blind = event->kind == KITH_DISCOVERY_DOWN;
    }
}
