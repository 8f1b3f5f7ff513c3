/* SPDX-License-Identifier: MIT
 *
 * runtime.h: what the public entry points need of the loop. The loop itself (loop.c) is the only
 * file of the core that knows libuv, threads and clocks.
 */
#ifndef KITH_RUNTIME_RUNTIME_H
#define KITH_RUNTIME_RUNTIME_H

#include "base/env.h"
#include "kith/kith.h"

struct kith_env *kith_loop_env(kith_loop *loop);

/* 1 on the loop's thread; else 0, with a detail text. Almost every call begins here, so this is
 * also where the loop's time is taken: its last turn may be long ago, or a callback may take long.
 */
int kith_loop_is_mine(const kith_loop *loop);

/* Likewise, without looking at the clock: for calls that only queue a message. */
int kith_loop_is_this_thread(const kith_loop *loop);

/* kith_loop_free() is under way: nothing new may begin. */
int kith_loop_is_freeing(const kith_loop *loop);

/* The loop runs until its last session is gone from its list (session->owner_node). */
void kith_loop_session_opened(kith_loop *loop, kith_session *session);

/* What other threads have sent, guarded by the lock; kith_loop_wake() has it drained soon. */
struct kith_inbox {
    struct kith_node messages, datagrams;
};
struct kith_inbox *kith_loop_inbox(kith_loop *loop);
void kith_loop_lock(kith_loop *loop);
void kith_loop_unlock(kith_loop *loop);
void kith_loop_wake(kith_loop *loop);

/* ---- inbox.c ---- */

/* kith_send() from another thread than the loop's. */
kith_err kith_inbox_send(kith_peer *peer, unsigned channel, const void *data, size_t data_bytes,
                         const kith_send_options *options);
/* On the loop thread: puts what came into its peers' lanes. */
/* The first receiver is not NULL. */
kith_err kith_inbox_send_many(kith_send_result *to, size_t count, unsigned channel,
                              const void *data, size_t data_bytes,
                              const kith_send_options *options);
kith_err kith_inbox_datagram(kith_peer *peer, const void *data, size_t data_bytes,
                             uint32_t lifetime_ms);
void kith_inbox_drain(kith_loop *loop);
/* The peer departs: nothing more is taken for it, and what was is in its lanes when this returns.
 */
void kith_inbox_shut(struct kith_peer *peer);

/* A text for the other side: NULL becomes "". INVALID. */
kith_err kith_check_text(const char **text);

/* Copies a struct that starts with `size` from the caller: what it does not know stays zero.
 * INVALID, UNSUPPORTED with a detail naming it. */
kith_err kith_take_sized(const char *name, void *out, size_t known, const void *given);

/* Copies as much of a filled struct as the caller has room for; keeps the caller's size. INVALID.
 */
kith_err kith_give_sized(const char *name, const void *filled, size_t known, void *out);

#endif
