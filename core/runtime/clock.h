/* SPDX-License-Identifier: MIT
 *
 * clock.h: the time of a loop, in which sleep does not count: neither that of the machine nor that
 * of a program which was stopped or not run. Else all that was to be done in time would be found
 * too late at once: every peer lost, every dial given up. Reads no clock itself.
 */
#ifndef KITH_RUNTIME_CLOCK_H
#define KITH_RUNTIME_CLOCK_H

#include <stdint.h>

struct kith_clock {
    uint64_t lost_us; /* of the system's monotonic time, slept */
    uint64_t gap_us;  /* from the monotonic clock to the wall clock; 0 = not known yet */
    int has_slept;    /* since this was last set to 0 */
};

/* The loop's time, from the system's monotonic clock. due_us: when the loop had to do something,
 * by the loop's time; KITH_TIME_NEVER: it had nothing to do. */
uint64_t kith_clock_now_us(struct kith_clock *clock, uint64_t monotonic_us, uint64_t due_us);

/* Both clocks, read at the same moment: a monotonic clock may stand still while the machine sleeps,
 * the wall clock does not. */
void kith_clock_compare(struct kith_clock *clock, uint64_t monotonic_us, uint64_t wall_us);

#endif
