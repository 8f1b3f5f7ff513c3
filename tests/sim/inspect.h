/* SPDX-License-Identifier: MIT
 *
 * inspect.h: the one place that looks into the core's structs. When they change, inspect.c does and
 * nothing else here.
 */
#ifndef KITH_SIM_INSPECT_H
#define KITH_SIM_INSPECT_H

#include "sim.h"
#include "transport.h"

/* Which association a connected peer belongs to: its `since`, and whether this side began it. */
uint64_t sim_inspect_since(const kith_peer *peer);
int sim_inspect_is_arbiter(const kith_peer *peer);

/* How far the lane that peer sends us has come in order; how far ours to it ever was on its way. */
uint64_t sim_inspect_received(const kith_peer *peer, unsigned channel);
uint64_t sim_inspect_highest(const kith_peer *peer, unsigned channel);

/* What must hold at every step: of one link's peer, of one session with all its peers and its
 * memory. extra_bytes: held by the application after their peers departed. */
void sim_inspect_link(struct sim *sim, const struct kith_link *link);
void sim_inspect_session(struct sim *sim, const kith_session *session, const kith_loop *loop,
                         size_t extra_bytes);

/* What keeps a peer's lanes from being done, in words; for the report of a run that is stuck. */
void sim_inspect_stuck(const kith_peer *sender, const kith_peer *receiver, char *out,
                       size_t out_bytes);

#endif
