/* SPDX-License-Identifier: MIT
 *
 * meter.h: reads clocks, CPU time and memory of this process, and complains.
 */
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <stddef.h>
#include <stdint.h>

#include "job.h"

/* The same clock in every process of the machine. */
uint64_t now_ns(void);
/* Memory of this process that is in use, with what the allocator keeps. */
double rss_now(void);

/* From meter_start() to meter_stop() is what a side is charged for. */
void meter_start(struct side *side);
void meter_stop(struct side *side);

/* One line on standard error, and the process ends with 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Never NULL, zeroed. */
void *need(size_t bytes);

#endif
