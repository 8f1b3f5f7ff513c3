/* SPDX-License-Identifier: MIT
 *
 * plan.c: the scenarios. To add one: a function that draws a plan, and a line in the table.
 */
#include "plan.h"

#include "bounds.h"
#include "transport.h"

enum { KIB = 1024 };

/* What most begin with: two peers that talk, over a network that is merely slow. */
static void talk(struct sim_plan *plan, struct sim_random *random)
{
    plan->actors = 2;
    plan->secure = sim_chance(random, 300);
    plan->both_permille = 100;
    plan->budget_min = KITH_BUDGET_BYTES_MIN;
    plan->budget_max = 4 * KITH_MIB;
    plan->max_message_permille = 300;
    plan->ping_ms = (uint32_t)sim_scale(random, 3000, 20000);
    plan->ping_count = 3;
    plan->climate =
        (struct sim_climate){.delay_us = 100000, .jitter_us = 50000, .done_delay_us = 100000};
    plan->capabilities = KITH_DRIVER_ONE_LANE;
    plan->ops = 20;
    plan->gap_us = 20000;
    plan->burst = 4;
    plan->weights[SIM_OP_SEND] = 60;
    plan->weights[SIM_OP_LEND] = 20;
    plan->weights[SIM_OP_RELEASE] = 30;
    plan->weights[SIM_OP_STATS] = 4;
    plan->weights[SIM_OP_STRAY] = 2;
    plan->sizes[SIM_TINY] = 50;
    plan->sizes[SIM_SMALL] = 40;
    plan->sizes[SIM_WINDOW] = 10;
    plan->channels = (unsigned)sim_between(random, 1, KITH_CHANNEL_COUNT);
    plan->inside_permille = 30;
    plan->ticket_permille = 500;
    plan->reply_permille = 100;
    plan->hold_permille = 100;
    plan->queue_bytes_max = UINT64_MAX;
    plan->steady = 1;
}

static void draw_small(struct sim_plan *plan, struct sim_random *random)
{
    talk(plan, random);
    plan->ops = sim_between(random, 1, 16);
    plan->weights[SIM_OP_BROADCAST] = 4;
    plan->weights[SIM_OP_MANY] = 4;
    plan->weights[SIM_OP_THREAD] = 10;
    plan->weights[SIM_OP_DATAGRAM] = 10;
    plan->weights[SIM_OP_KEY] = 2;
    plan->lifetime_ms = 100;
    plan->sizes[SIM_WINDOW] = 1;
}

const struct sim_scenario sim_scenarios[] = {
    {"small", "two peers, a few messages of every kind", draw_small, 20},
    {NULL, NULL, NULL, 0},
};
