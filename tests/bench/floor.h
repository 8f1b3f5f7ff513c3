/* SPDX-License-Identifier: MIT
 *
 * floor.h: the same work without Kith: what its figures are compared with.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "sides.h"

struct floor {
    const char *name; /* what it is, for the reader */
    side_fn *listen, *dial;
};

/* The floor of a job; name NULL where there is none. */
struct floor floor_of(const struct job *job);

/* ---- one file each */

void floor_stream_listen(const struct job *job, struct line *line, struct side sides[2]);
void floor_stream_dial(const struct job *job, struct line *line, struct side sides[2]);
void floor_rtt_listen(const struct job *job, struct line *line, struct side sides[2]);
void floor_rtt_dial(const struct job *job, struct line *line, struct side sides[2]);
void floor_fanout_listen(const struct job *job, struct line *line, struct side sides[2]);
void floor_fanout_dial(const struct job *job, struct line *line, struct side sides[2]);
void floor_handshakes_listen(const struct job *job, struct line *line, struct side sides[2]);
void floor_handshakes_dial(const struct job *job, struct line *line, struct side sides[2]);
void floor_copy(const struct job *job, struct line *line, struct side sides[2]);

#endif
