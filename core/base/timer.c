/* SPDX-License-Identifier: MIT
 *
 * timer.c: a binary min-heap of timers that know their own slot, so that stopping one is O(log n).
 * Pure.
 */
#include "base/timer.h"

#include "base/env.h"

static int earlier(const struct kith_timer *a, const struct kith_timer *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void place(struct kith_timers *timers, size_t index, struct kith_timer *timer)
{
    timers->heap[index] = timer;
    timer->slot = index + 1;
}

static void sift_up(struct kith_timers *timers, size_t index)
{
    struct kith_timer *timer = timers->heap[index];
    while (index > 0 && earlier(timer, timers->heap[(index - 1) / 2])) {
        place(timers, index, timers->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    place(timers, index, timer);
}

static void sift_down(struct kith_timers *timers, size_t index)
{
    struct kith_timer *timer = timers->heap[index];
    for (size_t child = 2 * index + 1; child < timers->count; child = 2 * index + 1) {
        if (child + 1 < timers->count && earlier(timers->heap[child + 1], timers->heap[child])) {
            child++;
        }
        if (!earlier(timers->heap[child], timer)) {
            break;
        }
        place(timers, index, timers->heap[child]);
        index = child;
    }
    place(timers, index, timer);
}

kith_err kith_timer_set(struct kith_env *env, struct kith_timer *timer, uint64_t at_us)
{
    struct kith_timers *timers = &env->timers;
    kith_timer_stop(env, timer);
    if (timers->count == timers->room) {
        size_t room = timers->room == 0 ? 64 : timers->room * 2;
        struct kith_timer **heap = kith_resize(env, timers->heap, room * sizeof *heap);
        if (heap == NULL) {
            return KITH_ERR_NOMEM;
        }
        timers->heap = heap;
        timers->room = room;
    }
    timer->at_us = at_us;
    timer->order = timers->order++;
    timers->heap[timers->count] = timer;
    sift_up(timers, timers->count++);
    return KITH_OK;
}

void kith_timer_stop(struct kith_env *env, struct kith_timer *timer)
{
    struct kith_timers *timers = &env->timers;
    size_t index = timer->slot - 1;
    struct kith_timer *last;
    if (timer->slot == 0) {
        return;
    }
    timer->slot = 0;
    last = timers->heap[--timers->count];
    if (last != timer) {
        place(timers, index, last);
        sift_up(timers, index);
        sift_down(timers, last->slot - 1);
    }
}

uint64_t kith_timers_next_us(const struct kith_timers *timers)
{
    return timers->count == 0 ? KITH_TIME_NEVER : timers->heap[0]->at_us;
}

void kith_timers_run(struct kith_env *env)
{
    /* Timers set by a callback get a higher order and wait for the next call, even when due. */
    uint64_t order = env->timers.order;
    while (env->timers.count > 0) {
        struct kith_timer *timer = env->timers.heap[0];
        if (timer->at_us > env->now_us || timer->order >= order) {
            break;
        }
        kith_timer_stop(env, timer);
        timer->fire(timer);
    }
}

void kith_timers_fini(struct kith_env *env)
{
    kith_free(env, env->timers.heap);
    env->timers.heap = NULL;
    env->timers.count = env->timers.room = 0;
}
