/* SPDX-License-Identifier: MIT
 *
 * report.h: everything the program says. Two ways: lines for people, or, with --json, one event
 * per line for programs, as examples/EVENTS.md describes them. Events go to standard output and
 * are flushed one by one; errors go to standard error, in JSON mode to both. Where there is a
 * screen (screen.h), lines have the time, everyone's words have the colour of who said them, and
 * one's own are shown like all others.
 */
#ifndef CHAT_REPORT_H
#define CHAT_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include <kith/kith.h>

#include "asks.h"
#include "options.h"
#include "people.h"
#include "ring.h"
#include "screen.h"
#include "trust.h"

/* The channels of messages, also as the key "channel" of the event. Another one is like the first.
 */
enum { CHANNEL_ALL = 0, CHANNEL_ONE = 1 };

enum { REPORT_SAID_MAX = 64, REPORT_SAID_BYTES = 48 };

/* The begin of a line that was said on a screen, to name it when it did not arrive. */
struct report_said {
    uint64_t number;
    char text[REPORT_SAID_BYTES + 1];
};

struct report {
    const struct options *options;
    struct screen *screen; /* NULL: plain lines, or events */
    uint64_t start_ms;
    int json;
    int is_coloured;
    struct report_said said[REPORT_SAID_MAX];
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

/* What was typed here: a command; a message to everyone, or to one person. Shown on a screen, where
 * the terminal itself does not. */
void report_typed(struct report *report, const char *text, size_t bytes);
void report_said(struct report *report, const struct person *person, const char *text,
                 size_t bytes);

/* Remembers the line of that number for report_fate(). */
void report_remember(struct report *report, uint64_t line, const char *text, size_t bytes);

/* What became of the line of that number; person NULL: there was nobody to send it to. */
void report_fate(struct report *report, const struct person *person, uint64_t line, kith_fate fate);

/* The answers to /peers, /stats, /key and /help. */
void report_peers(struct report *report, const struct people *people);
void report_stats(struct report *report, const kith_session *session, const struct people *people);
void report_keys(struct report *report, const struct ring *ring);
void report_help(struct report *report);

/* ---- report_trust.c ---- */

/* Our certificate, for the other side to compare. */
void report_own_certificate(struct report *report, const struct certificate *own);
/* A question about a certificate; what became of a question of either kind: answered, or over by
 * itself. */
void report_question(struct report *report, const struct ask *ask);
void report_answer(struct report *report, const struct ask *ask, kith_reason reason);
/* A certificate was refused without a question. */
void report_refused(struct report *report, const struct ask *ask, const char *why);
/* Somebody's certificate is refused from now on. */
void report_distrusted(struct report *report, const struct person *person);

/* ---- report_guests.c ---- */

/* An invitation, to be sent to somebody. */
void report_invite(struct report *report, const char *text);
/* A question about somebody who wants to come in; or the answer was no without one. */
void report_invitation(struct report *report, const struct ask *ask);
void report_turned_away(struct report *report, const struct ask *ask, const char *why);
/* Somebody has to go, for now or for good; and who may not come back. */
void report_put_out(struct report *report, const struct person *person, int is_banned);
void report_bans(struct report *report, const struct people *banned);

/* How a person is called: by its label, on a screen as people.h says. */
const char *report_label(const struct report *report, const struct person *person);

/* What Kith logs, for standard error. */
void report_log(struct report *report, kith_log_level level, const char *text);

/* A connection was lost, and another to the same URL is tried. */
void report_redial(struct report *report, const char *url);

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
