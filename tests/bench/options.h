/* SPDX-License-Identifier: MIT
 *
 * options.h: the command line of kith-bench.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "job.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
    struct job job;
    unsigned runs;
    int directions; /* 1 the dialler's, 2 the listener's, 3 both */
    int json, with_floor;
};

/* Fills options, or says what is wrong (or what was asked for: --help) and ends the process. */
void options_read(struct options *options, int argc, char **argv);

#endif
