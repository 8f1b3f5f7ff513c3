/* SPDX-License-Identifier: MIT
 *
 * kith-bench: how fast Kith is, beside what the machine could do without it. The parts: options;
 * measure (pairs of runs) on sides (processes); on each side a party that runs Kith and plays its
 * mode (play_*.c), or a floor (floor_*.c) on bare wires; report.
 */
#include <stdio.h>
#include <sys/resource.h>

#include "measure.h"
#include "meter.h"
#include "options.h"
#include "report.h"

/* A thousand peers take some thousand descriptors. */
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int is_good(const struct result *result)
{
    return result->median.kith.delivered > 0 &&
           (result->median.kith.lost == 0 || result->job.mode == MODE_DATAGRAMS);
}

int main(int argc, char **argv)
{
    struct options options;
    struct result results[2];
    const struct result *worse = &results[0], *other = NULL;
    int count = 0;
    options_read(&options, argc, argv);
    raise_limits();
    for (int dialler = 1; dialler >= 0; dialler--) {
        struct job job = options.job;
        if (has_directions(&job)) {
            job.dialler_sends = dialler;
        } else if (!dialler) {
            break;
        }
        if (!has_directions(&job) || (options.directions & (dialler ? 1 : 2)) != 0) {
            measure(&job, options.runs, options.with_floor, &results[count++]);
        }
    }
    if (count == 2) {
        int second = is_worse(&results[1], &results[0]);
        worse = &results[second];
        other = &results[!second];
    }
    (options.json ? report_json : report_table)(worse, other, options.runs);
    if (!is_good(worse) || (other != NULL && !is_good(other))) {
        die("messages were lost");
    }
    if (fflush(stdout) != 0) {
        die("the report cannot be written");
    }
    return EXIT_OK;
}
