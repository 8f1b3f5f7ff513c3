/* SPDX-License-Identifier: MIT
 *
 * measure.h: runs Kith and its floor in turn, so that a machine with other things to do disturbs
 * both alike, and makes figures of what the sides report.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "floor.h"
#include "job.h"

enum { RUNS_MAX = 99 };

/* One run of Kith and of each floor. */
struct round {
    struct figures kith, floors[FLOORS_MAX];
    double ratios[FLOORS_MAX]; /* of what the mode is about; NAN without that floor */
};

struct result {
    struct job job; /* with the direction it was measured in */
    unsigned floor_count;
    struct floor floors[FLOORS_MAX];
    struct round median;                            /* by the ratio to the first floor */
    double lowest[FLOORS_MAX], highest[FLOORS_MAX]; /* ratios */
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
