/* SPDX-License-Identifier: MIT
 *
 * timer_test.c: the heap of timers: order, stopping, setting inside a callback, no memory.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bench.h"

enum { TIMERS = 500 };

struct noted {
    struct kith_timer timer;
    unsigned fired;
    uint64_t fired_us;
};

static struct bench bench;
static struct noted timers[TIMERS];
static struct noted *fired[TIMERS];
static size_t fired_count;

static void note(struct kith_timer *timer)
{
    struct noted *noted = KITH_CONTAINER(timer, struct noted, timer);
    cr_assert(!kith_timer_is_set(timer), "a timer is unset before it fires");
    noted->fired++;
    noted->fired_us = bench.env.now_us;
    fired[fired_count++ % TIMERS] = noted;
}

static void open_bench(void)
{
    bench_open(&bench, 1);
    fired_count = 0;
    for (size_t i = 0; i < TIMERS; i++) {
        timers[i] = (struct noted){{0, 0, 0, note}, 0, 0};
    }
}

static void set(size_t index, uint64_t at_us)
{
    cr_assert_eq(kith_timer_set(&bench.env, &timers[index].timer, at_us), KITH_OK);
}

static void run_at(uint64_t us)
{
    bench.env.now_us = us;
    kith_timers_run(&bench.env);
}

Test(timer, fires_when_due)
{
    open_bench();
    cr_assert_eq(kith_timers_next_us(&bench.env.timers), KITH_TIME_NEVER);
    set(0, 2000000);
    cr_assert_eq(kith_timers_next_us(&bench.env.timers), 2000000);
    run_at(1999999);
    cr_assert_eq(timers[0].fired, 0);
    run_at(2000000);
    cr_assert_eq(timers[0].fired, 1);
    run_at(9000000);
    cr_assert_eq(timers[0].fired, 1);
    cr_assert_eq(kith_timers_next_us(&bench.env.timers), KITH_TIME_NEVER);
    bench_close(&bench);
}

Test(timer, same_moment_in_the_order_they_were_set)
{
    open_bench();
    for (size_t i = 0; i < 100; i++) {
        set((i * 37) % 100, 5000000);
    }
    set(50, 5000000); /* set anew: it is the last now */
    run_at(5000000);
    cr_assert_eq(fired_count, 100);
    for (size_t i = 0, at = 0; i < 100; i++) {
        size_t index = (i * 37) % 100;
        if (index != 50) {
            cr_assert_eq(fired[at++], &timers[index]);
        }
    }
    cr_assert_eq(fired[99], &timers[50]);
    bench_close(&bench);
}

Test(timer, random_sets_and_stops)
{
    open_bench();
    for (int round = 0; round < 20000; round++) {
        size_t i = bench_below(&bench.random, TIMERS);
        switch (bench_below(&bench.random, 4)) {
        case 0:
            kith_timer_stop(&bench.env, &timers[i].timer);
            cr_assert(!kith_timer_is_set(&timers[i].timer));
            break;
        case 1: {
            uint64_t last_us = 0;
            size_t expected = 0;
            fired_count = 0;
            bench.env.now_us += bench_below(&bench.random, 200);
            for (size_t k = 0; k < TIMERS; k++) {
                expected += kith_timer_is_set(&timers[k].timer) &&
                            timers[k].timer.at_us <= bench.env.now_us;
            }
            kith_timers_run(&bench.env);
            cr_assert_eq(fired_count, expected);
            for (size_t k = 0; k < fired_count; k++) {
                cr_assert_leq(last_us, fired[k]->timer.at_us);
                last_us = fired[k]->timer.at_us;
            }
            break;
        }
        default:
            set(i, bench.env.now_us + bench_below(&bench.random, 1000));
            break;
        }
        if (round % 100 == 0) {
            uint64_t next_us = KITH_TIME_NEVER;
            for (size_t k = 0; k < TIMERS; k++) {
                if (kith_timer_is_set(&timers[k].timer) && timers[k].timer.at_us < next_us) {
                    next_us = timers[k].timer.at_us;
                }
            }
            cr_assert_eq(kith_timers_next_us(&bench.env.timers), next_us);
        }
    }
    for (size_t i = 0; i < TIMERS; i++) {
        kith_timer_stop(&bench.env, &timers[i].timer);
    }
    bench_close(&bench);
}

static void set_again(struct kith_timer *timer)
{
    note(timer);
    cr_assert_eq(kith_timer_set(&bench.env, timer, bench.env.now_us), KITH_OK);
}

Test(timer, set_for_now_inside_waits_for_the_next_run)
{
    open_bench();
    timers[0].timer.fire = set_again;
    set(0, 1000000);
    set(1, 1000000);
    run_at(1000000);
    cr_assert_eq(timers[0].fired, 1);
    cr_assert_eq(timers[1].fired, 1);
    cr_assert(kith_timer_is_set(&timers[0].timer));
    run_at(1000000);
    cr_assert_eq(timers[0].fired, 2);
    kith_timer_stop(&bench.env, &timers[0].timer);
    bench_close(&bench);
}

static void set_an_earlier_one(struct kith_timer *timer)
{
    note(timer);
    set(7, 1); /* long past: it stands first in the heap now */
}

Test(timer, set_for_the_past_inside_waits_for_the_next_run)
{
    open_bench();
    timers[0].timer.fire = set_an_earlier_one;
    set(0, 1000000);
    set(1, 1000001);
    run_at(2000000);
    cr_assert_eq(timers[0].fired, 1);
    cr_assert_eq(timers[7].fired, 0);
    run_at(2000000);
    cr_assert_eq(timers[7].fired, 1);
    cr_assert_eq(timers[1].fired, 1, "and keeps no other from firing for good");
    bench_close(&bench);
}

static void stop_the_next(struct kith_timer *timer)
{
    note(timer);
    kith_timer_stop(&bench.env, &timers[1].timer);
    kith_timer_stop(&bench.env, timer); /* legal: it is not set */
}

Test(timer, stopped_by_another_of_the_same_moment)
{
    open_bench();
    timers[0].timer.fire = stop_the_next;
    set(0, 1000000);
    set(1, 1000000);
    set(2, 1000000);
    run_at(1000000);
    cr_assert_eq(timers[1].fired, 0);
    cr_assert_eq(timers[2].fired, 1);
    bench_close(&bench);
}

Test(timer, without_memory)
{
    open_bench();
    bench.fail_from = 1;
    cr_assert_eq(kith_timer_set(&bench.env, &timers[0].timer, 1), KITH_ERR_NOMEM);
    cr_assert(!kith_timer_is_set(&timers[0].timer));
    bench.fail_from = 0;
    for (size_t i = 0; i < 64; i++) {
        set(i, 1 + i);
    }
    bench.fail_from = bench.requests + 1;
    cr_assert_eq(kith_timer_set(&bench.env, &timers[64].timer, 0), KITH_ERR_NOMEM);
    set(0, 99); /* one that is set needs no more memory */
    cr_assert_eq(kith_timers_next_us(&bench.env.timers), 2);
    kith_timer_stop(&bench.env, &timers[64].timer);
    run_at(1000000);
    cr_assert_eq(fired_count, 64);
    bench_close(&bench);
}
