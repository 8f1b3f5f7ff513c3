/* SPDX-License-Identifier: MIT
 *
 * report.c: see report.h. What was not measured is null, or a dash.
 */
#include "report.h"

#include <inttypes.h>
#include <kith/kith.h>
#include <math.h>
#include <stdio.h>

static const char *direction(const struct job *job)
{
    return !has_directions(job) ? "one" : job->dialler_sends ? "dialler sends" : "listener sends";
}

/* What messages_s counts. */
static const char *unit(enum mode mode)
{
    return mode == MODE_RTT || mode == MODE_IDLE || mode == MODE_RESUME ? "round trip"
           : mode == MODE_HANDSHAKES                                    ? "handshake"
           : mode == MODE_DATAGRAMS                                     ? "datagram"
                                                                        : "message";
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void json_number(const char *key, double value)
{
    if (isfinite(value)) {
        printf(",\"%s\":%.6g", key, value);
    } else {
        printf(",\"%s\":null", key);
    }
}

static void json_figures(const struct figures *figures)
{
    json_number("gbit_s", figures->gbit_s);
    json_number("messages_s", figures->messages_s);
    json_number("p50_us", figures->p50_us);
    json_number("p99_us", figures->p99_us);
    json_number("p999_us", figures->p999_us);
    json_number("cpu_s_per_gb_tx", figures->cpu_s_per_gb_tx);
    json_number("cpu_s_per_gb_rx", figures->cpu_s_per_gb_rx);
    json_number("cpu_us_per_message", figures->cpu_us_per_message);
    json_number("rss_bytes_per_peer", figures->rss_bytes_per_peer);
    printf(",\"delivered\":%" PRIu64 ",\"lost\":%" PRIu64, figures->delivered, figures->lost);
}

static void json_floor(const struct result *result, unsigned i)
{
    printf("{\"name\":\"%s\"", result->floors[i].name);
    json_figures(&result->median.floors[i]);
    json_number("ratio", result->median.ratios[i]);
    json_number("ratio_lowest", result->lowest[i]);
    json_number("ratio_highest", result->highest[i]);
    printf("}");
}

static void json_result(const struct result *result)
{
    printf("\"direction\":\"%s\"", direction(&result->job));
    json_figures(&result->median.kith);
    printf(",\"floors\":[");
    for (unsigned i = 0; i < result->floor_count; i++) {
        printf("%s", i > 0 ? "," : "");
        json_floor(result, i);
    }
    printf("]");
    json_number("ratio", result->median.ratios[0]);
}

void report_json(const struct result *result, const struct result *other, unsigned runs)
{
    const struct job *job = &result->job;
    int less_is_better;
    printf("{\"kith\":\"%s\",\"transport\":\"%s\",\"mode\":\"%s\",\"size\":%zu,", kith_version(),
           transport_name(job->transport), mode_name(job->mode), job->size);
    printf("\"unit\":\"%s\",\"seconds\":%.6g,\"runs\":%u,\"peers\":%u,\"lent\":%s,",
           unit(job->mode), (double)job->span_ns / 1e9, runs, job->peers,
           job->lend ? "true" : "false");
    printf("\"ratio_of\":\"%s\",", ratio_of(job->mode, &less_is_better));
    json_result(result);
    if (other != NULL) {
        printf(",\"other_direction\":{");
        json_result(other);
        printf("}");
    }
    printf("}\n");
}

/* ---- the table ---------------------------------------------------------------------------- */

static void cell(double value)
{
    if (!isfinite(value)) {
        printf(" %9s", "-");
    } else if (value >= 1e6) {
        printf(" %9.0f", value);
    } else {
        printf(" %9.4g", value >= 1000 ? round(value) : value);
    }
}

static void line(const char *name, const struct figures *figures)
{
    printf("  %-18s", name);
    cell(figures->gbit_s);
    cell(figures->messages_s);
    cell(figures->p50_us);
    cell(figures->p99_us);
    cell(figures->p999_us);
    cell(figures->cpu_s_per_gb_tx);
    cell(figures->cpu_s_per_gb_rx);
    cell(figures->cpu_us_per_message);
    cell(figures->rss_bytes_per_peer / 1024);
    printf("\n");
}

static void all_lines(const struct result *result)
{
    int less_is_better;
    const char *what = ratio_of(result->job.mode, &less_is_better);
    line("kith", &result->median.kith);
    for (unsigned i = 0; i < result->floor_count; i++) {
        line(result->floors[i].name, &result->median.floors[i]);
        printf("  ratio of %s %.3f (%.3f to %.3f%s)\n", what, result->median.ratios[i],
               result->lowest[i], result->highest[i], less_is_better ? "; less is better" : "");
    }
    printf("  delivered %" PRIu64 ", lost %" PRIu64 "\n", result->median.kith.delivered,
           result->median.kith.lost);
}

void report_table(const struct result *result, const struct result *other, unsigned runs)
{
    const struct job *job = &result->job;
    printf("%s %s, %zu bytes%s, peers %u, median of %u x %.3g s", transport_name(job->transport),
           mode_name(job->mode), job->size, job->lend ? " lent" : "", job->peers, runs,
           (double)job->span_ns / 1e9);
    if (other != NULL) {
        printf("; %s, the worse direction", direction(job));
    }
    printf("\n  %-18s %9s %9s %9s %9s %9s %9s %9s %9s %9s\n", "", "Gbit/s", "1/s", "p50 us",
           "p99 us", "p99.9 us", "tx s/GB", "rx s/GB", "CPU us", "KiB/peer");
    all_lines(result);
    if (other != NULL) {
        printf(" %s:\n", direction(&other->job));
        all_lines(other);
    }
}
