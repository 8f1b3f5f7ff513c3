/* SPDX-License-Identifier: MIT
 *
 * samples.c: see samples.h.
 */
#include "samples.h"

#include <math.h>
#include <stdlib.h>

#include "meter.h"

void samples_add(struct samples *samples, uint64_t ns)
{
    if (samples->count == samples->room) {
        samples->room = samples->room == 0 ? 65536 : 2 * samples->room;
        samples->ns = realloc(samples->ns, samples->room * sizeof *samples->ns);
        if (samples->ns == NULL) {
            die("out of memory");
        }
    }
    samples->ns[samples->count++] = ns;
}

static int by_size(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* The value that so many thousandths do not exceed. */
static double percentile_us(const struct samples *samples, unsigned thousandths)
{
    size_t rank = (samples->count * thousandths + 999) / 1000;
    return samples->count == 0 ? NAN : (double)samples->ns[rank > 0 ? rank - 1 : 0] / 1e3;
}

void samples_close(struct samples *samples, struct side *side)
{
    if (samples->count > 0) {
        qsort(samples->ns, samples->count, sizeof *samples->ns, by_size);
    }
    side->p50_us = percentile_us(samples, 500);
    side->p99_us = percentile_us(samples, 990);
    side->p999_us = percentile_us(samples, 999);
    free(samples->ns);
    *samples = (struct samples){NULL, 0, 0};
}
