/* SPDX-License-Identifier: MIT
 *
 * floor.h: the same work without Kith: what its figures are compared with.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "sides.h"

enum { FLOORS_MAX = 3 };

struct floor {
    const char *name; /* what it is, for the reader */
    side_fn *listen, *dial;
    int in_clear;
};

/* The floors of a job and their number. The first is the one that Kith is judged by. */
unsigned floors_of(const struct job *job, struct floor out[FLOORS_MAX]);

/* ---- one file each */

void floor_stream_listen(const struct job *job, struct line *line, struct side sides[2]);
void floor_stream_dial(const struct job *job, struct line *line, struct side sides[2]);
void floor_rtt_listen(const struct job *job, struct line *line, struct side sides[2]);
void floor_rtt_dial(const struct job *job, struct line *line, struct side sides[2]);
void floor_fanout_listen(const struct job *job, struct line *line, struct side sides[2]);
void floor_fanout_dial(const struct job *job, struct line *line, struct side sides[2]);
void floor_handshakes_listen(const struct job *job, struct line *line, struct side sides[2]);
void floor_handshakes_dial(const struct job *job, struct line *line, struct side sides[2]);
void floor_udp_listen(const struct job *job, struct line *line, struct side sides[2]);
void floor_udp_dial(const struct job *job, struct line *line, struct side sides[2]);
void floor_quic_listen(const struct job *job, struct line *line, struct side sides[2]);
void floor_quic_dial(const struct job *job, struct line *line, struct side sides[2]);
void floor_copy(const struct job *job, struct line *line, struct side sides[2]);

#endif
