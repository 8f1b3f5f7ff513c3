/* SPDX-License-Identifier: MIT
 *
 * sides.h: the two sides of a measurement in processes of their own, and the line from each to the
 * process that started them. Knows nothing of what they do.
 */
#ifndef BENCH_SIDES_H
#define BENCH_SIDES_H

#include "job.h"

enum { LINE_TEXT_BYTES = 128 };

/* A side's line home. */
struct line {
    int fd;
};

/* The listening side tells where it listens; the dialling side waits for that. */
void line_tell(struct line *line, const char *text);
void line_hear(struct line *line, char text[LINE_TEXT_BYTES]);

enum { LISTENS = 0, DIALS = 1 };

/* Does one side's work, or with dial NULL both, and fills sides[LISTENS] or sides[DIALS], or both.
 */
typedef void side_fn(const struct job *job, struct line *line, struct side sides[2]);

/* Runs both and gives what they report. The process ends when one fails or takes too long. */
void sides_run(const struct job *job, side_fn *listen, side_fn *dial, struct side sides[2]);

#endif
