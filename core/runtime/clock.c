/* SPDX-License-Identifier: MIT
 *
 * clock.c: see clock.h.
 */
#include "runtime/clock.h"

#include "base/timer.h"
#include "bounds.h"

uint64_t kith_clock_now_us(struct kith_clock *clock, uint64_t monotonic_us, uint64_t due_us)
{
    uint64_t now_us = monotonic_us - clock->lost_us;
    if (due_us < now_us && now_us - due_us > (uint64_t)KITH_SLEPT_MS * 1000) {
        clock->lost_us += now_us - due_us;
        clock->has_slept = 1;
        return due_us;
    }
    return now_us;
}

void kith_clock_compare(struct kith_clock *clock, uint64_t monotonic_us, uint64_t wall_us)
{
    uint64_t gap_us = wall_us - monotonic_us;
    /* Somebody may have set the wall clock: then links are asked once for nothing. One that was set
     * back is no sleep. */
    if (clock->gap_us != 0 && gap_us > clock->gap_us &&
        gap_us - clock->gap_us > (uint64_t)KITH_SLEPT_MS * 1000) {
        clock->has_slept = 1;
    }
    clock->gap_us = gap_us;
}
