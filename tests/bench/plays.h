/* SPDX-License-Identifier: MIT
 *
 * plays.h: what the two sides of each mode do.
 */
#ifndef BENCH_PLAYS_H
#define BENCH_PLAYS_H

#include "party.h"

/* One side's play for a job. */
const struct play *play_of(const struct job *job, int listens);

/* The sides as processes, and both in one. */
void kith_listen_side(const struct job *job, struct line *line, struct side sides[2]);
void kith_dial_side(const struct job *job, struct line *line, struct side sides[2]);
void kith_both_sides(const struct job *job, struct line *line, struct side sides[2]);

/* ---- one file each; sender and receiver, or hub and guest */

extern const struct play play_stream_sender, play_stream_receiver;
extern const struct play play_rtt_pinger, play_rtt_echo;
extern const struct play play_fanout_hub, play_fanout_guest;
extern const struct play play_mixed_sender, play_mixed_receiver;
extern const struct play play_handshakes_hub, play_handshakes_guest;
extern const struct play play_datagrams_sender, play_datagrams_receiver;
extern const struct play play_resume_pinger, play_resume_echo;

#endif
