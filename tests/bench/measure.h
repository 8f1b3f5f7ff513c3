/* SPDX-License-Identifier: MIT
 *
 * measure.h: runs Kith and its floor in turn, so that a machine with other things to do disturbs
 * both alike, and makes figures of what the sides report.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "job.h"

enum { RUNS_MAX = 99 };

struct pair {
    struct figures kith, floor;
    double ratio; /* of what the mode is about; NAN without a floor */
};

struct result {
    struct job job; /* with the direction it was measured in */
    const char *floor_name;
    struct pair median;
    double lowest, highest; /* ratio */
};

/* What a mode's ratio compares; 1 when less is better. */
const char *ratio_of(enum mode mode, int *less_is_better);
/* Which modes have two directions. */
int has_directions(const struct job *job);

/* Measures job, runs times. The process ends when that does not work out. */
void measure(const struct job *job, unsigned runs, int with_floor, struct result *out);
/* 1 when a is the worse of the two. */
int is_worse(const struct result *a, const struct result *b);

#endif
