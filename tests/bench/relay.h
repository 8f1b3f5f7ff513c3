/* SPDX-License-Identifier: MIT
 *
 * relay.h: stands between the two sides and breaks the way on demand, on a thread of its own. It
 * must not look at what it carries.
 *
 * TCP: both connections are reset, and what was under way is gone. UDP: what was under way is gone,
 * and packets come from another port from then on, as from a router that has forgotten; nothing can
 * end a QUIC connection from outside.
 */
#ifndef BENCH_RELAY_H
#define BENCH_RELAY_H

#include <stdint.h>

struct relay;

/* From a port of its own to target_port, both on the loopback. */
struct relay *relay_open(int is_udp, uint16_t target_port, uint16_t *port);
/* Breaks the way: before this returns, or in the midst of what comes next from who dialled. */
void relay_cut(struct relay *relay, int at_next);
/* When it last broke, now_ns(); 0: it has not since it was asked to. */
uint64_t relay_was_cut_ns(const struct relay *relay);
void relay_close(struct relay *relay);

#endif
