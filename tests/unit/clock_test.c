/* SPDX-License-Identifier: MIT
 *
 * clock_test.c: time in which sleep does not count.
 */
#include <criterion/criterion.h>

#include "base/timer.h"
#include "bounds.h"
#include "runtime/clock.h"

static const uint64_t s = 1000000, slept_us = (uint64_t)KITH_SLEPT_MS * 1000;

Test(clock, goes_with_the_system)
{
    struct kith_clock clock = {0};
    for (uint64_t at = 5 * s; at < 500 * s; at += 7 * s) {
        cr_assert_eq(kith_clock_now_us(&clock, at, KITH_TIME_NEVER), at, "nothing was due");
        cr_assert_eq(kith_clock_now_us(&clock, at, at + s), at);
        cr_assert_eq(kith_clock_now_us(&clock, at, at - slept_us), at, "late, but not that late");
    }
    cr_assert(!clock.has_slept);
}

/* A program that was stopped finds the clock where it stood: at what was due next. */
Test(clock, a_program_that_was_stopped)
{
    struct kith_clock clock = {0};
    cr_assert_eq(kith_clock_now_us(&clock, 100 * s, 103 * s), 100 * s);
    cr_assert_eq(kith_clock_now_us(&clock, 3600 * s, 103 * s), 103 * s);
    cr_assert(clock.has_slept);
    clock.has_slept = 0;
    cr_assert_eq(kith_clock_now_us(&clock, 3601 * s, 110 * s), 104 * s, "and goes on from there");
    cr_assert_eq(kith_clock_now_us(&clock, 7200 * s, 110 * s), 110 * s, "and again");
    cr_assert(clock.has_slept);
    cr_assert_eq(clock.lost_us, 7090 * s);
}

Test(clock, a_machine_that_slept)
{
    struct kith_clock clock = {0};
    kith_clock_compare(&clock, 100 * s, 1700000000 * s);
    kith_clock_compare(&clock, 101 * s, 1700000001 * s + slept_us);
    cr_assert(!clock.has_slept, "clocks are corrected now and then");
    kith_clock_compare(&clock, 102 * s, 1700000002 * s + 2 * slept_us + 1);
    cr_assert(clock.has_slept);
    clock.has_slept = 0;
    kith_clock_compare(&clock, 103 * s, 1700000003 * s + 2 * slept_us + 1);
    cr_assert(!clock.has_slept, "once");
    kith_clock_compare(&clock, 104 * s, 1600000000 * s);
    cr_assert(!clock.has_slept, "set back");
    kith_clock_compare(&clock, 105 * s, 1600000001 * s);
    cr_assert(!clock.has_slept);
}
