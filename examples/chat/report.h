/* SPDX-License-Identifier: MIT
 *
 * report.h: everything the program says. Two ways: lines for people, or, with --json, one event
 * per line for programs, as examples/EVENTS.md describes them. Events go to standard output and
 * are flushed one by one; errors go to standard error, in JSON mode to both.
 */
#ifndef CHAT_REPORT_H
#define CHAT_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include <kith/kith.h>

#include "options.h"
#include "people.h"

struct report {
    const struct options *options;
    uint64_t start_ms;
    int json;
    int is_coloured;
    int broken; /* an errno: standard output takes nothing more; EPIPE: nobody reads it */
};

void report_init(struct report *report, const struct options *options);

/* The session is open: who we are. */
void report_open(struct report *report, const kith_session *session);

/* A listener is ready at url; asked is what --listen said. */
void report_listening(struct report *report, const char *url, const char *asked);

/* Any event of a dial. In plain mode only what a person has to know, once. */
void report_dial(struct report *report, const kith_dial_event *event, int is_first_wait);

void report_joined(struct report *report, const struct person *person);
/* Without a connection for now; and with one again. */
void report_interrupted(struct report *report, const struct person *person, kith_reason reason);
void report_resumed(struct report *report, const struct person *person);
void report_departed(struct report *report, const struct person *person, kith_reason reason,
                     const char *text);
void report_message(struct report *report, const struct person *person,
                    const kith_message *message);

/* What became of the line of that number; person NULL: there was nobody to send it to. */
void report_fate(struct report *report, const struct person *person, uint64_t line, kith_fate fate);

/* The answer to /peers, and to /help. */
void report_peers(struct report *report, const struct people *people);
void report_help(struct report *report);

/* Something for a person to know that is no event; nothing in JSON mode. */
void report_note(struct report *report, const char *text);

/* Something does not work. code: a short name in capitals; hint: what to do, "" for nothing. */
__attribute__((format(printf, 4, 5))) void report_error(struct report *report, const char *code,
                                                        const char *hint, const char *format, ...);

/* An error of Kith's: what was tried, and Kith's own words about it. */
void report_kith_error(struct report *report, kith_err err, const char *what);

/* The last event. */
void report_closed(struct report *report, int exit_status);

#endif
