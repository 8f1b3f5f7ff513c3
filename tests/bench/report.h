/* SPDX-License-Identifier: MIT
 *
 * report.h: results as a table for people or as one line of JSON.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "measure.h"

/* other: the better direction, or NULL. */
void report_table(const struct result *result, const struct result *other, unsigned runs);
void report_json(const struct result *result, const struct result *other, unsigned runs);

#endif
