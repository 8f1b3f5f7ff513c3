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
    plan->transports = 1;
    plan->secure = sim_chance(random, 300);
    plan->both_permille = 100;
    plan->resume_permille = sim_chance(random, 500) ? 1000 : 0;
    plan->resume_ms = 300;
    plan->resume_ms_max = 30000;
    plan->budget_min = KITH_BUDGET_BYTES_MIN;
    plan->budget_max = 4 * KITH_MIB;
    plan->max_message_permille = 300;
    plan->ping_ms = (uint32_t)sim_scale(random, 3000, 20000);
    plan->ping_count = 3;
    plan->climate = (struct sim_climate){.delay_us = 100000,
                                         .jitter_us = 50000,
                                         .done_delay_us = 100000,
                                         .piece_bytes = 1,
                                         .in_flight_bytes = 4096};
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

/* Large messages near the limits, and no more memory than it takes. */
static void draw_bulk(struct sim_plan *plan, struct sim_random *random)
{
    talk(plan, random);
    plan->budget_max = sim_chance(random, 500) ? KITH_BUDGET_BYTES_MIN : 4 * KITH_MIB;
    plan->max_message_permille = 600;
    plan->capabilities |= sim_chance(random, 300) ? KITH_DRIVER_DATAGRAMS : 0;
    plan->climate.bytes_per_s = 2000000;
    plan->climate.piece_bytes = 1000;
    plan->climate.in_flight_bytes = 64 * KIB;
    plan->ops = sim_between(random, 10, 60);
    plan->gap_us = 30000;
    plan->burst = 10;
    plan->weights[SIM_OP_THREAD] = 15;
    plan->weights[SIM_OP_MANY] = 10;
    plan->sizes[SIM_TINY] = 10;
    plan->sizes[SIM_SMALL] = 10;
    plan->sizes[SIM_WINDOW] = 40;
    plan->sizes[SIM_LARGE] = 40;
    plan->sizes[SIM_LARGEST] = 20;
    plan->reply_permille = 30;
    plan->full = sim_chance(random, 500);
}

/* Everything at once: the largest message on each of eight channels, both ways, with the smallest
 * budget and readers that keep what they get. It must never come to a standstill. */
static void draw_channels(struct sim_plan *plan, struct sim_random *random)
{
    draw_bulk(plan, random);
    plan->budget_max = KITH_BUDGET_BYTES_MIN;
    plan->max_message_permille = 1000;
    if (sim_chance(random, 500)) {
        plan->capabilities = KITH_DRIVER_MANY_LANES;
    }
    plan->channels = KITH_CHANNEL_COUNT;
    plan->ops = sim_between(random, 8, 40);
    plan->gap_us = 5000;
    plan->burst = 16;
    plan->sizes[SIM_LARGEST] = 80;
    plan->hold_permille = (unsigned)sim_below(random, 1000);
    plan->keep_permille = 500;
    plan->weights[SIM_OP_RELEASE] = 10;
    plan->full = 1;
}

/* Readers that hold what they get, and give it back late and in any order, or not at all while the
 * run is busy. */
static void draw_slow_reader(struct sim_plan *plan, struct sim_random *random)
{
    talk(plan, random);
    plan->capabilities = sim_chance(random, 300) ? KITH_DRIVER_MANY_LANES : KITH_DRIVER_ONE_LANE;
    plan->budget_max = 2 * KITH_MIB;
    plan->climate.piece_bytes = 100;
    plan->climate.in_flight_bytes = 16 * KIB;
    plan->ops = sim_between(random, 50, 300);
    plan->gap_us = 3000;
    plan->burst = 12;
    plan->sizes[SIM_SMALL] = 80;
    plan->sizes[SIM_WINDOW] = 20;
    plan->sizes[SIM_LARGE] = 15;
    plan->hold_permille = (unsigned)sim_between(random, 500, 1000);
    plan->keep_permille = 400;
    plan->weights[SIM_OP_RELEASE] = (unsigned)sim_between(random, 1, 100);
    plan->weights[SIM_OP_THREAD] = 20;
    plan->full = sim_chance(random, 200);
}

/* Best effort, of the transport's own and as frames of a stream. */
static void draw_datagrams(struct sim_plan *plan, struct sim_random *random)
{
    talk(plan, random);
    plan->actors = (unsigned)sim_between(random, 2, 4);
    plan->capabilities = sim_chance(random, 700) ? KITH_DRIVER_DATAGRAMS : 0;
    plan->capabilities |= sim_chance(random, 500) ? KITH_DRIVER_MANY_LANES : KITH_DRIVER_ONE_LANE;
    plan->climate.bytes_per_s = 100000;
    plan->climate.loss_ppm = 100000;
    plan->climate.loss_delay_us = 200000;
    plan->climate.reorder_ppm = 300000;
    plan->ops = sim_between(random, 20, 200);
    plan->gap_us = 4000;
    plan->burst = 20;
    plan->weights[SIM_OP_DATAGRAM] = 300;
    plan->weights[SIM_OP_WEATHER] = 4;
    plan->lifetime_ms = (uint32_t)sim_scale(random, 1, 2000);
}

/* Packets are lost and come late, streams wait for each other or do not. */
static void draw_lossy(struct sim_plan *plan, struct sim_random *random)
{
    talk(plan, random);
    plan->actors = (unsigned)sim_between(random, 2, 3);
    plan->capabilities = sim_chance(random, 600) ? KITH_DRIVER_MANY_LANES : KITH_DRIVER_ONE_LANE;
    plan->capabilities |= sim_chance(random, 500) ? KITH_DRIVER_DATAGRAMS : 0;
    plan->climate.loss_ppm = 300000;
    plan->climate.loss_delay_us = 300000;
    plan->climate.piece_bytes = 30;
    plan->climate.in_flight_bytes = 8 * KIB;
    plan->climate.reorder_ppm = 300000;
    plan->climate.bytes_per_s = 1000000;
    plan->ops = sim_between(random, 20, 120);
    plan->burst = 8;
    plan->weights[SIM_OP_DATAGRAM] = 20;
    plan->weights[SIM_OP_WEATHER] = 4;
    plan->weights[SIM_OP_THREAD] = 10;
    plan->sizes[SIM_WINDOW] = 20;
    plan->sizes[SIM_LARGE] = 5;
    plan->lifetime_ms = 300;
}

/* Each channel a stream of its own, whose bytes are lent and given back late. */
static void draw_many_lanes(struct sim_plan *plan, struct sim_random *random)
{
    draw_lossy(plan, random);
    plan->actors = 2;
    plan->capabilities =
        KITH_DRIVER_MANY_LANES | (sim_chance(random, 500) ? KITH_DRIVER_DATAGRAMS : 0);
    plan->climate.loss_ppm = 50000;
    plan->climate.done_delay_us = 500000;
    plan->climate.piece_bytes = 300;
    plan->climate.in_flight_bytes = 64 * KIB;
    plan->channels = KITH_CHANNEL_COUNT;
    plan->weights[SIM_OP_LEND] = 60;
    plan->weights[SIM_OP_BROADCAST] = 10;
    plan->sizes[SIM_WINDOW] = 40;
    plan->sizes[SIM_LARGE] = 20;
    plan->full = sim_chance(random, 200);
}

/* Links break in every way there is, and applications dial again. */
static void draw_broken_links(struct sim_plan *plan, struct sim_random *random)
{
    draw_lossy(plan, random);
    plan->actors = (unsigned)sim_between(random, 2, 4);
    plan->both_permille = 300;
    plan->climate.loss_ppm = 50000;
    plan->ping_ms = (uint32_t)sim_scale(random, 200, 5000);
    plan->ping_count = (uint32_t)sim_between(random, 1, 4);
    plan->ops = sim_between(random, 50, 250);
    plan->gap_us = sim_scale(random, 5000, 400000);
    plan->weights[SIM_OP_LEND] = 40;
    plan->weights[SIM_OP_BROADCAST] = 10;
    plan->weights[SIM_OP_CUT] = 2;
    plan->weights[SIM_OP_FAULT] = 10;
    plan->weights[SIM_OP_HEAL] = 10;
    plan->weights[SIM_OP_JUMP] = 2;
    plan->weights[SIM_OP_CANCEL] = 2;
    plan->weights[SIM_OP_TWIN] = 3;
    plan->steady = 0;
    plan->faults = 1;
}

/* Links break in every way, and associations outlive them all: nothing is lost or doubled. */
static void draw_resume(struct sim_plan *plan, struct sim_random *random)
{
    draw_broken_links(plan, random);
    plan->resume_permille = 1000;
    plan->resume_ms = 1000000;
    plan->resume_ms_max = 3600000;
    plan->ping_ms = (uint32_t)sim_scale(random, 200, 3000);
    plan->ops = sim_between(random, 30, 200);
    plan->gap_us = sim_scale(random, 5000, 200000);
    plan->weights[SIM_OP_CUT] = 4;
    plan->weights[SIM_OP_FAULT] = 20;
    plan->weights[SIM_OP_JUMP] = 0;
    plan->sizes[SIM_WINDOW] = 40;
    plan->sizes[SIM_LARGE] = 10;
    plan->climate.piece_bytes = 100;
    plan->climate.in_flight_bytes = 16 * KIB;
    plan->full = sim_chance(random, 200);
    plan->lasting = 1;
}

/* Machines that move and sleep, and applications that rest: what waits must go on when it can. */
static void draw_roaming(struct sim_plan *plan, struct sim_random *random)
{
    draw_broken_links(plan, random);
    plan->resume_permille = sim_chance(random, 700) ? 1000 : 500;
    plan->resume_ms = 30000;
    plan->resume_ms_max = 300000;
    plan->ops = sim_between(random, 40, 200);
    plan->weights[SIM_OP_UNLISTEN] = 3;
    plan->weights[SIM_OP_RETRY] = 10;
    plan->weights[SIM_OP_SUSPEND] = 15;
    plan->weights[SIM_OP_CHANGE] = 20;
    plan->weights[SIM_OP_OFFLINE] = 10;
    plan->weights[SIM_OP_FAMINE] = sim_chance(random, 150) ? 10 : 0;
}

/* Both dial each other, twice, over two transports, and themselves; what dies is half open or loses
 * what is on its way. One link is left, and the applications notice nothing of the others. */
static void draw_duplicates(struct sim_plan *plan, struct sim_random *random)
{
    draw_resume(plan, random);
    plan->actors = (unsigned)sim_between(random, 2, 3);
    plan->both_permille = 900;
    plan->transports = (unsigned)sim_between(random, 1, 2);
    plan->ops = sim_between(random, 10, 80);
    plan->weights[SIM_OP_TWIN] = 40;
    plan->weights[SIM_OP_SELF] = 5;
    plan->weights[SIM_OP_FLAP] = plan->transports > 1 ? 3 : 0;
    plan->full = 0;
}

/* The better of two transports keeps dying. The other one carries on, and is left alone for a
 * while: nobody hears of it. */
static void draw_flapping(struct sim_plan *plan, struct sim_random *random)
{
    talk(plan, random);
    plan->transports = 2;
    plan->resume_permille = 1000;
    plan->both_permille = 300;
    plan->capabilities = sim_chance(random, 300) ? KITH_DRIVER_MANY_LANES : KITH_DRIVER_ONE_LANE;
    /* A change of links must be over before it counts as an interruption: 50 ms to dial again, and
     * four times there and back. */
    plan->climate =
        (struct sim_climate){.delay_us = 10000, .piece_bytes = 2000, .in_flight_bytes = 64 * KIB};
    plan->ops = sim_between(random, 20, 120);
    plan->gap_us = sim_scale(random, 5000, 3000000);
    plan->weights[SIM_OP_FLAP] = (unsigned)sim_between(random, 5, 40);
    plan->weights[SIM_OP_TWIN] = 2;
    plan->sizes[SIM_WINDOW] = 30;
    plan->steady = 0;
    plan->smooth = plan->lasting = 1;
}

/* The network breaks behind a certain byte, which the seed counts up: so many seeds, so many bytes
 * of a run. */
static void draw_transport_switch(struct sim_plan *plan, struct sim_random *random)
{
    talk(plan, random);
    plan->transports = (unsigned)sim_between(random, 1, 2);
    plan->resume_permille = 1000;
    plan->resume_ms = 1000000;
    plan->resume_ms_max = 3600000;
    plan->both_permille = 300;
    plan->capabilities = sim_chance(random, 500) ? KITH_DRIVER_MANY_LANES : KITH_DRIVER_ONE_LANE;
    plan->climate.delay_us = plan->climate.jitter_us = 20000;
    plan->climate.piece_bytes = 100;
    plan->ops = sim_between(random, 5, 30);
    plan->sizes[SIM_TINY] = 80;
    plan->sizes[SIM_SMALL] = 15;
    plan->cut_within_bytes = 4000;
    plan->cuts = (unsigned)sim_between(random, 1, 3);
    plan->steady = 0;
    plan->lasting = 1;
}

/* Some cannot reach the others for a while. Nothing is lost, and nobody departs. */
static void draw_partition_heal(struct sim_plan *plan, struct sim_random *random)
{
    draw_resume(plan, random);
    plan->actors = (unsigned)sim_between(random, 2, 6);
    plan->transports = (unsigned)sim_between(random, 1, 2);
    plan->ops = sim_between(random, 30, 150);
    plan->gap_us = sim_scale(random, 20000, 2000000);
    plan->weights[SIM_OP_FAULT] = plan->weights[SIM_OP_HEAL] = plan->weights[SIM_OP_CUT] = 0;
    plan->weights[SIM_OP_PARTITION] = 6;
    plan->sizes[SIM_WINDOW] = 5;
    plan->sizes[SIM_LARGE] = 0;
    plan->full = 0;
}

/* Nobody knows an address: all find each other, on an air that loses, lies and fails. Everybody
 * meets everybody, and who is lost from the air is not lost. */
static void draw_discovery(struct sim_plan *plan, struct sim_random *random)
{
    talk(plan, random);
    plan->discovery = 1;
    plan->named_permille = sim_chance(random, 500) ? 0 : 500;
    plan->actors = (unsigned)sim_between(random, 3, 8);
    plan->transports = sim_chance(random, 300) ? 2 : 1;
    plan->resume_permille = 1000;
    plan->resume_ms = plan->resume_ms_max = 30000;
    plan->both_permille = 0;
    plan->climate.piece_bytes = 500;
    plan->climate.in_flight_bytes = 16 * KIB;
    plan->ops = sim_between(random, 10, 100);
    plan->gap_us = sim_scale(random, 20000, 3000000);
    plan->weights[SIM_OP_AIR] = 20;
    plan->weights[SIM_OP_STRANGER] = 15;
    plan->weights[SIM_OP_UNLISTEN] = 6;
    plan->weights[SIM_OP_CHANGE] = 4;
    plan->weights[SIM_OP_RETRY] = 6;
    plan->weights[SIM_OP_KEY] = 2;
    plan->lasting = 1;
    if (sim_chance(random, 500)) {
        plan->steady = plan->lasting = 0;
        plan->faults = 1;
        plan->weights[SIM_OP_CLOSE] = 6;
        plan->weights[SIM_OP_OFFLINE] = 6;
        plan->weights[SIM_OP_SUSPEND] = 10;
        plan->weights[SIM_OP_CUT] = 2;
    }
}

/* A star of many: each with each, many receivers at once. */
static void draw_many_peers(struct sim_plan *plan, struct sim_random *random)
{
    talk(plan, random);
    plan->actors = (unsigned)sim_between(random, 3, 20);
    plan->both_permille = 200;
    plan->capabilities = sim_chance(random, 300) ? KITH_DRIVER_MANY_LANES : KITH_DRIVER_ONE_LANE;
    plan->ops = 10 * plan->actors;
    plan->burst = 20;
    plan->weights[SIM_OP_BROADCAST] = 40;
    plan->weights[SIM_OP_MANY] = 40;
    plan->weights[SIM_OP_THREAD] = 10;
    plan->weights[SIM_OP_DATAGRAM] = 20;
    plan->lifetime_ms = 100;
    plan->inside_permille = 5;
    plan->reply_permille = 20;
}

/* Clients of a few servers. */
static void draw_server(struct sim_plan *plan, struct sim_random *random)
{
    draw_many_peers(plan, random);
    plan->shape = SIM_SERVERS;
    plan->actors = (unsigned)sim_between(random, 2, 16);
    plan->servers = (unsigned)sim_between(random, 1, plan->actors > 4 ? 3 : 1);
    plan->weights[SIM_OP_DISCONNECT] = 3;
    plan->weights[SIM_OP_TWIN] = 3;
    plan->steady = 0;
}

/* Many, each with each: at times everyone dials everyone, as they would who know each other's
 * addresses, else each knows one that was there before it and is told of the others. */
static void draw_mesh(struct sim_plan *plan, struct sim_random *random, unsigned actors)
{
    draw_many_peers(plan, random);
    plan->actors = actors;
    plan->secure = 0; /* what a handshake costs is no matter here */
    plan->resume_permille = 1000;
    plan->both_permille = 500;
    plan->is_introduced = sim_chance(random, 700);
    plan->ops = 3 * actors;
    plan->weights[SIM_OP_BROADCAST] = plan->weights[SIM_OP_MANY] = 4;
    plan->sizes[SIM_WINDOW] = 0;
    plan->climate.piece_bytes = 500;
    plan->climate.in_flight_bytes = 16 * KIB;
    plan->budget_max = KITH_BUDGET_BYTES_MIN;
}

static void draw_mesh_20(struct sim_plan *plan, struct sim_random *random)
{
    draw_mesh(plan, random, 20);
}

static void draw_mesh_100(struct sim_plan *plan, struct sim_random *random)
{
    draw_mesh(plan, random, 100);
}

/* One server, and so many clients that they do not all fit its handshakes at once. */
static void draw_server_1000(struct sim_plan *plan, struct sim_random *random)
{
    draw_mesh(plan, random, 1001);
    plan->is_introduced = 0;
    plan->shape = SIM_SERVERS;
    plan->servers = 1;
    plan->ops = 2000;
    plan->gap_us = 2000;
    plan->weights[SIM_OP_BROADCAST] = plan->weights[SIM_OP_MANY] = 0;
    plan->steady = 0;
    plan->faults = 1; /* a server that is full of handshakes ends the oldest */
}

/* Processes die at any moment and come back as who they were, while their old links still look
 * alive to others. Whoever is gone is given up for the one that is there, and for nothing else. */
static void draw_restart(struct sim_plan *plan, struct sim_random *random)
{
    draw_resume(plan, random);
    plan->has_identities = 1;
    plan->actors = (unsigned)sim_between(random, 2, 4);
    plan->transports = (unsigned)sim_between(random, 1, 2);
    plan->both_permille = 500;
    plan->ops = sim_between(random, 20, 120);
    plan->gap_us = sim_scale(random, 5000, 800000);
    plan->weights[SIM_OP_CRASH] = (unsigned)sim_between(random, 2, 15);
    plan->weights[SIM_OP_FAULT] = (unsigned)sim_below(random, 10);
    plan->weights[SIM_OP_CHANGE] = (unsigned)sim_below(random, 30); /* all are asked at once */
    plan->weights[SIM_OP_JUMP] = 0;
    plan->sizes[SIM_WINDOW] = 10;
    plan->sizes[SIM_LARGE] = 0;
    plan->full = 0;
}

/* For a while two programs run with one identity. Where nothing else happens the one that a peer
 * has is never displaced; and when one of them is gone, all is as before. */
static void draw_clone(struct sim_plan *plan, struct sim_random *random)
{
    int is_calm = sim_chance(random, 500);
    draw_restart(plan, random);
    plan->clones = 1;
    plan->actors = (unsigned)sim_between(random, 3, 5);
    plan->weights[SIM_OP_CLONE] = (unsigned)sim_between(random, 5, 30);
    plan->weights[SIM_OP_CRASH] = is_calm ? 0 : 2;
    plan->lasting = is_calm;
    if (is_calm) {
        plan->weights[SIM_OP_CHANGE] = 0;
        plan->weights[SIM_OP_FAULT] = plan->weights[SIM_OP_HEAL] = plan->weights[SIM_OP_CUT] = 0;
        plan->weights[SIM_OP_WEATHER] = plan->weights[SIM_OP_CANCEL] = 0;
        plan->faults = 0;
        plan->ping_ms = (uint32_t)sim_between(random, 5000, 20000);
        plan->ping_count = 3;
        plan->climate.loss_ppm = 0;
        plan->climate.bytes_per_s = 0; /* an answer must come in time */
    }
}

/* Everyone comes and goes: sessions close with and without flush, peers are disconnected, dials are
 * cancelled, listeners close. */
static void draw_leaving(struct sim_plan *plan, struct sim_random *random)
{
    draw_lossy(plan, random);
    plan->actors = (unsigned)sim_between(random, 2, 5);
    plan->both_permille = 300;
    plan->climate.loss_ppm = sim_chance(random, 500) ? 0 : 50000;
    plan->ops = sim_between(random, 30, 200);
    plan->gap_us = sim_scale(random, 5000, 300000);
    plan->weights[SIM_OP_BROADCAST] = 10;
    plan->weights[SIM_OP_DISCONNECT] = 6;
    plan->weights[SIM_OP_CANCEL] = 6;
    plan->weights[SIM_OP_TWIN] = 6;
    plan->weights[SIM_OP_UNLISTEN] = 4;
    plan->weights[SIM_OP_KEY] = 4;
    plan->weights[SIM_OP_CLOSE] = 8;
    plan->keep_permille = 100;
    plan->inside_permille = 60;
    plan->steady = 0;
}

/* Memory runs out, anywhere. What was taken must still get its fate, and everything come back. */
static void draw_no_memory(struct sim_plan *plan, struct sim_random *random)
{
    draw_leaving(plan, random);
    plan->actors = (unsigned)sim_between(random, 2, 3);
    plan->weights[SIM_OP_CLOSE] = 2;
    plan->weights[SIM_OP_FAMINE] = 20;
    plan->weights[SIM_OP_MANY] = 10;
    plan->weights[SIM_OP_DATAGRAM] = 20;
    plan->weights[SIM_OP_THREAD] = 20;
}

const struct sim_scenario sim_scenarios[] = {
    {"small", "two peers, a few messages of every kind", draw_small, 0},
    {"bulk", "large messages near the limits, tight budgets", draw_bulk, 0},
    {"channels", "the largest messages on all channels at once, readers that keep them",
     draw_channels, 0},
    {"slow-reader", "messages held, given back late and in any order", draw_slow_reader, 0},
    {"datagrams", "best effort, with lifetimes, lost and overtaken", draw_datagrams, 0},
    {"lossy", "packets lost and late", draw_lossy, 0},
    {"many-lanes", "each channel a stream of its own, bytes lent and given back late",
     draw_many_lanes, 0},
    {"broken-links", "links cut, half open, swallowing, stalled; dialled again", draw_broken_links,
     0},
    {"resume", "links that break, and associations that outlive them", draw_resume, 0},
    {"roaming", "networks that go and come back, sessions that rest", draw_roaming, 0},
    {"duplicates", "dialled twice, from both sides, over two transports, and oneself",
     draw_duplicates, 0},
    {"flapping", "a better transport that keeps dying", draw_flapping, 0},
    {"transport-switch", "the network breaks behind each byte in turn", draw_transport_switch, 0},
    {"partition-heal", "some cannot reach the others for a while", draw_partition_heal, 0},
    {"discovery", "peers that find each other, on an air that loses, lies and fails",
     draw_discovery, 0},
    {"many-peers", "a star of up to 20, many receivers at once", draw_many_peers, 0},
    {"server", "clients of a few servers", draw_server, 0},
    {"restart", "processes that die and come back as who they were", draw_restart, 0},
    {"clone", "two programs with one identity", draw_clone, 0},
    {"mesh-20", "twenty, each with each", draw_mesh_20, 0},
    {"mesh-100", "a hundred, each with each", draw_mesh_100, 1},
    {"server-1000", "a server with a thousand clients", draw_server_1000, 1},
    {"leaving", "sessions, peers, dials and listeners that end at any moment", draw_leaving, 0},
    {"no-memory", "allocations that fail", draw_no_memory, 0},
    {NULL, NULL, NULL, 0},
};
