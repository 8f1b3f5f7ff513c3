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

/* 1 on the loop's thread; else 0, with a detail text. */
int kith_loop_is_mine(const kith_loop *loop);

/* kith_loop_free() is under way: nothing new may begin. */
int kith_loop_is_freeing(const kith_loop *loop);

/* The loop runs until its last session is gone from its list (session->owner_node). */
void kith_loop_session_opened(kith_loop *loop, kith_session *session);

/* Copies a struct that starts with `size` from the caller: what it does not know stays zero.
 * INVALID, UNSUPPORTED with a detail naming it. */
kith_err kith_take_sized(const char *name, void *out, size_t known, const void *given);

/* Copies as much of a filled struct as the caller has room for; keeps the caller's size. INVALID.
 */
kith_err kith_give_sized(const char *name, const void *filled, size_t known, void *out);

#endif
