/* SPDX-License-Identifier: MIT
 *
 * samples.h: times of many events, kept whole, and their percentiles.
 */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "job.h"

struct samples {
    uint64_t *ns;
    size_t count, room;
};

void samples_add(struct samples *samples, uint64_t ns);
/* Writes the percentiles to side and frees the samples. */
void samples_close(struct samples *samples, struct side *side);

#endif
