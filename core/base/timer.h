/* SPDX-License-Identifier: MIT
 *
 * timer.h: timers in a binary heap, under a time that is handed in. Knows no clock and no loop.
 *
 * Timers of the same moment fire in the order they were set. The timer is the caller's memory: stop
 * it before freeing it.
 */
#ifndef KITH_BASE_TIMER_H
#define KITH_BASE_TIMER_H

#include <stddef.h>
#include <stdint.h>

#include "kith/kith.h"

struct kith_timer {
    uint64_t at_us, order;
    size_t slot; /* place in the heap + 1; 0 = not set */
    void (*fire)(struct kith_timer *timer);
};

struct kith_timers {
    struct kith_timer **heap;
    size_t count, room;
    uint64_t order;
};

#define KITH_TIME_NEVER UINT64_MAX

struct kith_env;

/* Sets (or sets anew) a timer whose `fire` is already filled in. NOMEM only where the heap must
 * grow. */
KITH_MUST_USE kith_err kith_timer_set(struct kith_env *env, struct kith_timer *timer,
                                      uint64_t at_us);

/* Legal for a timer that is not set. */
void kith_timer_stop(struct kith_env *env, struct kith_timer *timer);

static inline int kith_timer_is_set(const struct kith_timer *timer)
{
    return timer->slot != 0;
}

/* When the next timer is due, or KITH_TIME_NEVER. */
uint64_t kith_timers_next_us(const struct kith_timers *timers);

/* Fires what is due at env->now_us. A timer is unset before it fires and may set itself again; one
 * set for now or the past inside waits for the next call. */
void kith_timers_run(struct kith_env *env);

void kith_timers_fini(struct kith_env *env);

#endif
