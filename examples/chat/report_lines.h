/* SPDX-License-Identifier: MIT
 *
 * report_lines.h: what the parts of the report share: how a line and an event are put
 * together. Nobody else includes it.
 */
#ifndef CHAT_REPORT_LINES_H
#define CHAT_REPORT_LINES_H

#include "json.h"
#include "report.h"

/* Begins an event with the two members that each has, and ends and flushes it. */
void report_begin(struct report *report, struct json *json, const char *event);
void report_end(struct report *report, struct json *json);

/* Writes what stdout holds; notes when nobody reads it any more. */
void report_flush(struct report *report);

/* The members that say who a person is and how the connection to it is made. */
void report_put_person(struct json *json, const struct person *person);

/* The event about what became of a question. */
void report_put_answer(struct report *report, const struct ask *ask, const char *answer,
                       const char *why);

/* The line about what a question about somebody who wants to come in was answered. */
void report_guest_answer(struct report *report, const struct ask *ask);

/* Before anything is written: makes room on the screen where there is one; for a line of the chat
 * also the time. */
void report_make_room(struct report *report);
void report_begin_line(struct report *report);

/* One line about what happened, after "* ". */
__attribute__((format(printf, 2, 3))) void report_line(struct report *report, const char *format,
                                                       ...);

#endif
