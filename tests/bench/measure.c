/* SPDX-License-Identifier: MIT
 *
 * measure.c: see measure.h.
 */
#include "measure.h"

#include <math.h>
#include <stdlib.h>

#include "plays.h"
#include "sides.h"

/* ---- from reports to figures -------------------------------------------------------------- */

static int moves_bytes(enum mode mode)
{
    return mode != MODE_RTT && mode != MODE_IDLE && mode != MODE_HANDSHAKES && mode != MODE_RESUME;
}

static double measured(double a, double b)
{
    return a > 0 ? a : b > 0 ? b : NAN;
}

static void share_cpu(const struct job *job, const struct side *tx, const struct side *rx,
                      int together, struct figures *out)
{
    double gb = (double)rx->bytes / 1e9, cpu_s = tx->cpu_s + rx->cpu_s;
    if (together) { /* each side saw the whole process */
        cpu_s = tx->cpu_s > rx->cpu_s ? tx->cpu_s : rx->cpu_s;
    }
    out->cpu_us_per_message = cpu_s * 1e6 / (double)rx->delivered;
    out->cpu_s_per_gb_tx = together || !moves_bytes(job->mode) ? NAN : tx->cpu_s / gb;
    out->cpu_s_per_gb_rx = together || !moves_bytes(job->mode) ? NAN : rx->cpu_s / gb;
}

static struct figures figures_of(const struct job *job, const struct side sides[2], int together)
{
    const struct side *tx = &sides[job->dialler_sends ? DIALS : LISTENS];
    const struct side *rx = &sides[job->dialler_sends ? LISTENS : DIALS];
    struct figures out;
    double seconds;
    seconds = (double)((rx->end_ns > 0 ? rx->end_ns : tx->end_ns) - tx->begin_ns) / 1e9;
    share_cpu(job, tx, rx, together, &out);
    out.messages_s = (double)rx->delivered / seconds;
    out.gbit_s = moves_bytes(job->mode) ? (double)rx->bytes * 8 / seconds / 1e9 : NAN;
    out.p50_us = measured(tx->p50_us, rx->p50_us);
    out.p99_us = measured(tx->p99_us, rx->p99_us);
    out.p999_us = measured(tx->p999_us, rx->p999_us);
    out.rss_bytes_per_peer = job->mode == MODE_IDLE ? sides[LISTENS].rss_bytes / job->peers : NAN;
    out.delivered = rx->delivered;
    out.lost = tx->sent - rx->delivered;
    return out;
}

/* ---- rounds ------------------------------------------------------------------------------- */

const char *ratio_of(enum mode mode, int *less_is_better)
{
    *less_is_better = mode == MODE_RTT || mode == MODE_IDLE || mode == MODE_RESUME;
    switch (mode) {
    case MODE_BULK:
    case MODE_MIXED:
        return "gbit_s";
    case MODE_RTT:
    case MODE_RESUME:
        return "p50_us";
    case MODE_IDLE:
        return "rss_bytes_per_peer";
    default:
        return "messages_s";
    }
}

static double ratio(enum mode mode, const struct figures *kith, const struct figures *floor)
{
    switch (mode) {
    case MODE_BULK:
    case MODE_MIXED:
        return kith->gbit_s / floor->gbit_s;
    case MODE_RTT:
        return kith->p50_us / floor->p50_us;
    case MODE_IDLE:
        return kith->rss_bytes_per_peer / floor->rss_bytes_per_peer;
    default:
        return kith->messages_s / floor->messages_s;
    }
}

int has_directions(const struct job *job)
{
    return job->transport != TRANSPORT_MEM && moves_bytes(job->mode) && job->mode != MODE_FANOUT;
}

static struct figures run_kith(const struct job *job)
{
    struct side sides[2];
    int together = job->transport == TRANSPORT_MEM;
    if (together) {
        sides_run(job, kith_both_sides, NULL, sides);
    } else {
        sides_run(job, kith_listen_side, kith_dial_side, sides);
    }
    return figures_of(job, sides, together);
}

static struct figures run_floor(const struct job *job, const struct floor *floor)
{
    struct job alone = *job;
    struct side sides[2];
    alone.urgent = 0;
    alone.in_clear = floor->in_clear;
    alone.peers = job->mode == MODE_RTT && !job->vs_plain ? 1 : job->peers;
    alone.plain = job->vs_plain;
    sides_run(&alone, floor->listen, floor->dial, sides);
    return figures_of(job, sides, floor->dial == NULL);
}

/* By ratio; without a floor by rate. */
static int by_ratio(const void *a, const void *b)
{
    const struct round *left = a, *right = b;
    double difference = isnan(left->ratios[0]) ? left->kith.messages_s - right->kith.messages_s
                                               : left->ratios[0] - right->ratios[0];
    return difference < 0 ? -1 : difference > 0;
}

/* Kith goes first in every other round. */
static void run_round(const struct job *job, unsigned number, struct result *result,
                      struct round *out)
{
    if (number % 2 == 1) {
        out->kith = run_kith(job);
    }
    for (unsigned i = 0; i < result->floor_count; i++) {
        out->floors[i] = run_floor(job, &result->floors[i]);
    }
    if (number % 2 == 0) {
        out->kith = run_kith(job);
    }
    for (unsigned i = 0; i < FLOORS_MAX; i++) {
        int is_there = i < result->floor_count;
        out->ratios[i] = is_there ? ratio(job->mode, &out->kith, &out->floors[i]) : (double)NAN;
        result->lowest[i] = fmin(result->lowest[i], out->ratios[i]);
        result->highest[i] = fmax(result->highest[i], out->ratios[i]);
    }
}

void measure(const struct job *job, unsigned runs, int with_floors, struct result *out)
{
    struct round rounds[RUNS_MAX];
    out->job = *job;
    out->floor_count = with_floors ? floors_of(job, out->floors) : 0;
    for (unsigned i = 0; i < FLOORS_MAX; i++) {
        out->lowest[i] = out->highest[i] = NAN;
    }
    for (unsigned i = 0; i < runs; i++) {
        run_round(job, i, out, &rounds[i]);
    }
    qsort(rounds, runs, sizeof *rounds, by_ratio);
    out->median = rounds[runs / 2];
}

int is_worse(const struct result *a, const struct result *b)
{
    double left = a->median.ratios[0], right = b->median.ratios[0];
    int less_is_better;
    (void)ratio_of(a->job.mode, &less_is_better);
    if (isnan(left)) {
        return a->median.kith.messages_s < b->median.kith.messages_s;
    }
    return less_is_better ? left > right : left < right;
}
