/* SPDX-License-Identifier: MIT
 *
 * inside.h: what the files of the double share.
 */
#ifndef KITH_CONFORMANCE_INSIDE_H
#define KITH_CONFORMANCE_INSIDE_H

#include "double.h"

/* Every up-call that is about a link begins and ends with these: none comes inside a call down, or
 * inside another one, or after the link is down. */
struct conn *up_enter(struct kith_link *link, const char *what);
void up_leave(struct conn *conn, enum moment moment);
/* Likewise for calls down. */
void down_enter(void);
void down_leave(void);

/* Writes, and checks, the pattern from that place on. */
void pattern_write(uint64_t from, uint8_t *out, size_t count);
int pattern_is(uint64_t from, const uint8_t *bytes, size_t count);
uint64_t lane_pattern(int from_dialler, uint64_t lane, uint64_t offset);

/* Takes back what is lent; whoever reads it after this is caught. */
void lanes_take_back(struct conn *conn);

#endif
