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

/* Which of the sessions with one id it is. */
uint64_t sim_inspect_incarnation(const kith_session *session);
uint64_t sim_inspect_peer_incarnation(const kith_peer *peer);

/* A session goes on without its application: of all that happens to it only its end is told. */
void sim_inspect_forsake(kith_session *session,
                         void (*on_closed)(kith_session *session, void *user));

/* The peer that uses a link, or NULL. */
kith_peer *sim_inspect_peer(const struct kith_link *link);

/* How far the lane that peer sends us has come in order; how far ours to it ever was on its way. */
uint64_t sim_inspect_received(const kith_peer *peer, unsigned channel);
uint64_t sim_inspect_highest(const kith_peer *peer, unsigned channel);

/* What must hold at every step: of one link's peer, of one session with all its peers and its
 * memory. extra_bytes: held by the application after their peers departed. */
void sim_inspect_link(struct sim *sim, const struct kith_link *link);
void sim_inspect_session(struct sim *sim, const kith_session *session, const kith_loop *loop,
                         size_t extra_bytes);

/* When nothing more happens at this moment: what a link that takes bytes could send, it has sent.
 */
void sim_inspect_idle(struct sim *sim, const kith_session *session);

/* The network takes more than it did: has the links of a session look again. */
void sim_inspect_wake(const kith_session *session);

/* What the runtime tells a session: its network has changed, or it slept. */
void sim_inspect_change(kith_session *session, int has_slept);

/* Whether two peers that are connected have one link, the same, and know it; else what is wrong. */
const char *sim_inspect_links(const kith_peer *a, const kith_peer *b);

/* How many ADOPTs the session of a peer's arbiter has issued, over all its peers. */
uint64_t sim_inspect_generation(const kith_peer *peer);

/* Memory that is kept to send to a peer; 0 when it has received all. */
size_t sim_inspect_kept(const kith_peer *peer);

/* What keeps a peer's lanes from being done, in words; for the report of a run that is stuck. */
void sim_inspect_stuck(const kith_peer *sender, const kith_peer *receiver, char *out,
                       size_t out_bytes);

#endif
