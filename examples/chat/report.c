/* SPDX-License-Identifier: MIT
 *
 * report.c: see report.h. Here: the session, its addresses, errors. People and what they say are
 * in report_people.c, what they are asked for in report_answers.c.
 */
#define _GNU_SOURCE /* clock_gettime, isatty, localtime_r */

#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addresses.h"
#include "report_lines.h"
#include "text.h"

static uint64_t now_ms(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int wants_colour(const struct options *options)
{
    const char *const no_colour = getenv("NO_COLOR"); /* https://no-color.org: set and not empty */
    const char *const terminal = getenv("TERM");
    if (options->json || options->colour == OPTIONS_COLOUR_NEVER) {
        return 0;
    }
    return options->colour == OPTIONS_COLOUR_ALWAYS ||
           (isatty(STDOUT_FILENO) && (no_colour == NULL || *no_colour == '\0') &&
            (terminal == NULL || strcmp(terminal, "dumb") != 0));
}

void report_init(struct report *report, const struct options *options)
{
    memset(report, 0, sizeof *report);
    report->options = options;
    report->start_ms = now_ms();
    report->json = options->json;
    report->is_coloured = wants_colour(options);
}

void report_make_room(struct report *report)
{
    if (report->screen != NULL) {
        screen_hide(report->screen);
    }
}

void report_begin_line(struct report *report)
{
    report_make_room(report);
    if (report->screen == NULL) {
        return;
    }
    char text[16] = "";
    const time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local) != NULL) {
        (void)strftime(text, sizeof text, "%H:%M", &local);
    }
    fprintf(stdout, report->is_coloured ? "\033[2m%s\033[0m " : "%s ", text);
}

void report_begin(struct report *report, struct json *json, const char *event)
{
    json_begin(json, stdout);
    json_text(json, "event", event);
    json_number(json, "t_ms", now_ms() - report->start_ms);
}

void report_end(struct report *report, struct json *json)
{
    json_end(json);
    report_flush(report);
}

void report_flush(struct report *report)
{
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && report->broken == 0) {
        report->broken = errno != 0 ? errno : EIO;
    }
}

void report_line(struct report *report, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    report_begin_line(report);
    fputs(report->is_coloured ? "\033[2m* " : "* ", stdout);
    text_put_safe(stdout, line, strlen(line));
    fputs(report->is_coloured ? "\033[0m\n" : "\n", stdout);
    report_flush(report);
}

void report_open(struct report *report, const kith_session *session)
{
    const struct options *const options = report->options;
    const char *const security = options->security == KITH_SECURITY_NONE  ? "NONE"
                                 : options->security == KITH_SECURITY_PSK ? "PSK"
                                                                          : "PKI";
    if (report->json) {
        struct json json;
        char id[37];
        const kith_id own = kith_session_id(session);
        kith_id_format(&own, id);
        report_begin(report, &json, "open");
        json_text(&json, "id", id);
        json_text(&json, "name", options->name);
        json_text(&json, "session", options->session);
        json_text(&json, "security", security);
        json_text(&json, "topology",
                  options->topology == KITH_ROLE_STAR     ? "star"
                  : options->topology == KITH_ROLE_SERVER ? "server"
                                                          : "client");
        json_text(&json, "version", kith_version());
        report_end(report, &json);
        return;
    }
    if (options->browse) {
        report_line(report, "looking around; Ctrl-C ends it");
        return;
    }
    report_line(report, "you are %s in %s%s; /help tells the commands", options->name,
                options->session,
                options->insecure ? ", WITHOUT encryption: anyone on the way can read and change "
                                    "everything"
                                  : "");
}

/* Says how others connect, as a line to copy. */
static void say_reachable(struct report *report, const char *url)
{
    const struct options *const options = report->options;
    const char *const how = options->security == KITH_SECURITY_NONE  ? "--insecure"
                            : options->security == KITH_SECURITY_PSK ? "--key FILE"
                            : options->client_certs == KITH_CLIENT_CERTIFICATES_REQUIRED
                                ? "--cert FILE --cert-key FILE"
                                : "--trust ask";
    const int is_default = strcmp(options->session, "kith-chat") == 0;
    report_line(report, "listening: others connect with kith-chat %s%s%s%s --connect %s", how,
                is_default ? "" : " --session ", is_default ? "" : options->session,
                options->topology == KITH_ROLE_STAR     ? ""
                : options->topology == KITH_ROLE_SERVER ? " --topology client"
                                                        : " --topology server",
                url);
}

void report_listening(struct report *report, const char *url, const char *asked)
{
    struct addresses reachable;
    addresses_of(&reachable, url, asked);
    if (report->json) {
        struct json json;
        report_begin(report, &json, "listening");
        json_text(&json, "url", url);
        json_open(&json, "reach", '[');
        for (size_t i = 0; i < reachable.count; i++) {
            json_text(&json, NULL, reachable.urls[i]);
        }
        json_close(&json, ']');
        report_end(report, &json);
        return;
    }
    for (size_t i = 0; i < reachable.count; i++) {
        if (i == 0) {
            say_reachable(report, reachable.urls[i]);
        } else {
            report_line(report, "       or with --connect %s", reachable.urls[i]);
        }
    }
}

void report_waiting(struct report *report, const char *url, const char *why)
{
    if (report->json) {
        struct json json;
        report_begin(report, &json, "waiting");
        json_text(&json, "url", url);
        json_text(&json, "detail", why);
        report_end(report, &json);
    } else {
        report_line(report, "not listening on %s now: %s", url, why);
    }
}

static const char *dial_state(kith_dial_event_kind kind)
{
    switch (kind) {
    case KITH_DIAL_WAITING:
        return "waiting";
    case KITH_DIAL_READY:
        return "ready";
    case KITH_DIAL_FAILED:
        return "failed";
    case KITH_DIAL_CLOSED:
        return "closed";
    }
    return "?";
}

/* What the user of this program can do about a dial that failed; Kith's own words know nothing of
 * its options. */
static const char *dial_hint(kith_reason reason, kith_security security)
{
    switch ((int)reason) {
    case KITH_REASON_AUTH:
        return security == KITH_SECURITY_PKI ? "do both sides use certificates?"
                                             : "do both sides use the same key file?";
    case KITH_REASON_UNTRUSTED:
        return "each side has to trust what the other one shows: see --cert, --ca and /accept";
    case KITH_REASON_SESSION:
        return "both sides need the same --session";
    case KITH_REASON_REJECTED:
        return "whoever is there was asked, and said no; --context tells them who you are";
    case KITH_REASON_BANNED:
        return "whoever is there has to say /unban";
    case KITH_REASON_KICKED:
        return "whoever is there has sent you away";
    case KITH_REASON_FULL:
        return "whoever is there says how many with --max-peers";
    case KITH_REASON_ROLE:
        return "all say --topology star, or one says server and the others client";
    case KITH_REASON_ID_IN_USE:
        return "another program with the file of --identity is running: give each its own";
    case KITH_REASON_SELF:
        return "give the URL of another chat";
    case KITH_REASON_NOT_KITH:
        return "check the port, and that both sides say --key, both --cert, or both --insecure";
    case KITH_REASON_REFUSED:
    case KITH_REASON_TIMEOUT:
    case KITH_REASON_UNREACHABLE:
        return "is it running there, and does no firewall stand between?";
    case KITH_REASON_NAME:
        return "check the spelling of the host's name";
    default:
        return "";
    }
}

/* What goes to standard error may stand on the same terminal. */
static void make_room_for_error(struct report *report)
{
    report_make_room(report);
    fflush(stdout);
}

static int is_coloured_error(const struct report *report)
{
    return report->screen != NULL && report->is_coloured && isatty(STDERR_FILENO);
}

/* One line for people on standard error. */
static void put_error(struct report *report, const char *text, const char *hint)
{
    make_room_for_error(report);
    fputs(is_coloured_error(report) ? "\033[31mkith-chat:\033[0m " : "kith-chat: ", stderr);
    text_put_safe(stderr, text, strlen(text));
    if (*hint != '\0') {
        fputs(": ", stderr);
        text_put_safe(stderr, hint, strlen(hint));
    }
    putc('\n', stderr);
}

void report_dial(struct report *report, const kith_dial_event *event, int is_first_wait)
{
    if (report->json) {
        struct json json;
        report_begin(report, &json, "dial");
        json_text(&json, "url", event->url);
        json_text(&json, "state", dial_state(event->kind));
        json_text(&json, "reason", kith_reason_name(event->reason));
        json_text(&json, "detail", event->detail);
        json_number(&json, "retry_in_ms", event->retry_in_ms);
        report_end(report, &json);
    } else if (event->kind == KITH_DIAL_WAITING && is_first_wait) {
        report_line(report, "no connection to %s yet: %s (%s); trying again", event->url,
                    kith_reason_text(event->reason), event->detail);
    }
    if (event->kind == KITH_DIAL_FAILED && event->reason != KITH_REASON_DUPLICATE) {
        char text[1024];
        snprintf(text, sizeof text, "no connection to %s: %s (%s)", event->url,
                 kith_reason_text(event->reason), event->detail);
        put_error(report, text, dial_hint(event->reason, report->options->security));
    }
}

void report_log(struct report *report, kith_log_level level, const char *text)
{
    make_room_for_error(report);
    fputs(level <= KITH_LOG_WARN ? "kith-chat: warning: " : "kith-chat: ", stderr);
    text_put_safe(stderr, text, strlen(text));
    putc('\n', stderr);
}

void report_redial(struct report *report, const char *url)
{
    if (!report->json) {
        report_line(report, "the connection was lost: trying %s again", url);
    }
}

void report_note(struct report *report, const char *text)
{
    if (!report->json) {
        report_line(report, "%s", text);
    }
}

void report_error(struct report *report, const char *code, const char *hint, const char *format,
                  ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (report->json) {
        struct json json;
        report_begin(report, &json, "error");
        json_text(&json, "code", code);
        json_text(&json, "text", text);
        json_text(&json, "hint", hint);
        report_end(report, &json);
    }
    put_error(report, text, hint);
}

void report_kith_error(struct report *report, kith_err err, const char *what)
{
    char hint[512]; /* the next call into Kith replaces it */
    snprintf(hint, sizeof hint, "%s", kith_detail());
    report_error(report, kith_err_name(err), hint, "%s: %s", what, kith_err_text(err));
}

void report_closed(struct report *report, int exit_status)
{
    if (report->json) {
        struct json json;
        report_begin(report, &json, "closed");
        json_number(&json, "exit", (uint64_t)exit_status);
        report_end(report, &json);
    }
}
