/* SPDX-License-Identifier: MIT
 *
 * run.c: one seed, from the first turn to the last block of memory. Three phases: BUSY, in which
 * anything happens; HEALED, in which nothing new does and all that was sent must arrive; LEAVING,
 * in which everyone goes and nothing may be left.
 */
#include <string.h>

#include "actor.h"
#include "inspect.h"
#include "model.h"
#include "sim.h"

enum {
    TURNS_MAX = 4000000,
    /* A healed world has so long: dead links are noticed, dials have paused, large messages are on
       their way. */
    HEAL_US_MAX = 300 * 1000000,
    LEAVE_US_MAX = 30 * 1000000
};

/* ---- turns ------------------------------------------------------------------------------------
 */

/* What an application holds after its peers departed. */
static size_t held_beyond(const struct sim_actor *actor)
{
    size_t bytes = 0;
    for (const struct sim_held *at = actor->held; at != NULL; at = at->next) {
        if (at->half->state != SIM_HALF_CONNECTED) {
            bytes += sim_model_message(at->half, at->channel, at->number)->bytes + 256;
        }
    }
    return bytes;
}

static void check_loop(struct sim *sim, const kith_loop *loop)
{
    const struct sim_actor *actor = loop->index > 0 ? &sim->actors[loop->index - 1] : NULL;
    /* What is left of a process that died is on the same loop, and another session only when it has
     * ended. */
    if (actor != NULL && actor->session != NULL && actor->ghosts == 0) {
        sim_inspect_session(sim, actor->session, loop,
                            held_beyond(actor) + sim->assoc_count * 1024);
    }
}

static void check_idle(struct sim *sim)
{
    for (size_t i = 0; i < sim->actor_count; i++) {
        if (sim->actors[i].session != NULL && sim->actors[i].loop->was_busy) {
            sim_inspect_idle(sim, sim->actors[i].session);
        }
        sim->actors[i].loop->was_busy = 0;
    }
}

/* Runs one turn of a loop that has something to do, as soon as one has; 0 when until_us comes
 * first. */
static int turn(struct sim *sim, uint64_t until_us)
{
    uint64_t due_us = KITH_TIME_NEVER;
    kith_loop *ready[SIM_LOOPS_MAX], *loop;
    size_t count = 0;
    for (size_t i = 0; i < sim->loop_count; i++) {
        uint64_t at_us = sim_loop_due_us(&sim->loops[i]);
        if (at_us < due_us) {
            due_us = at_us;
            count = 0;
        }
        if (at_us == due_us && at_us != KITH_TIME_NEVER) {
            ready[count++] = &sim->loops[i];
        }
    }
    if (due_us > until_us) {
        return 0;
    }
    SIM_CHECK(sim, ++sim->turns < TURNS_MAX, "%d turns, and no end", TURNS_MAX);
    if (due_us > sim->now_us) {
        check_idle(sim);
        sim->now_us = due_us;
        for (size_t i = 0; i < sim->loop_count; i++) {
            sim_loop_set_time(&sim->loops[i]);
        }
    }
    loop = ready[count == 1 ? 0 : sim_below(&sim->schedule, count)];
    sim_note(sim, SIM_TURN, loop->index - 1, 0, 0, 0);
    loop->was_busy = 1;
    sim_loop_turn(loop);
    sim_network_turn(sim);
    check_loop(sim, loop);
    return 1;
}

static void run_until(struct sim *sim, uint64_t until_us)
{
    while (turn(sim, until_us)) {
    }
    if (until_us > sim->now_us) {
        sim->now_us = until_us;
        for (size_t i = 0; i < sim->loop_count; i++) {
            sim_loop_set_time(&sim->loops[i]);
        }
    }
}

/* ---- phases -----------------------------------------------------------------------------------
 */

static void begin_phase(struct sim *sim, int phase)
{
    sim->phase = phase;
    sim_note(sim, SIM_PHASE, SIM_WORLD, (uint64_t)phase, 0, 0);
}

/* Each with each, whoever told them of each other. */
static int is_full(struct sim *sim)
{
    for (size_t i = 0; i < sim->actor_count; i++) {
        size_t count = 0;
        for (const struct sim_half *at = sim->actors[i].halves; at != NULL; at = at->next) {
            count += (size_t)sim_half_connected(at);
        }
        if (count != sim->actor_count - 1) {
            return 0;
        }
    }
    return 1;
}

static int all_connected(struct sim *sim)
{
    const struct sim_actors *all = sim_actors_of(sim);
    if (sim->plan.is_introduced) {
        return is_full(sim);
    }
    for (size_t i = 0; i < all->edge_count; i++) {
        if (!all->edges[i].from->is_out &&
            !sim_actors_connected(all->edges[i].from, all->edges[i].to)) {
            return 0;
        }
    }
    return 1;
}

/* Most runs are about what peers do when they have met; some begin before. */
static void meet(struct sim *sim)
{
    uint64_t until_us = sim->now_us + 10000000;
    while (!all_connected(sim) && sim->now_us < until_us) {
        run_until(sim, sim->now_us + 10000);
        sim_actors_tend(sim);
    }
}

static void be_busy(struct sim *sim)
{
    const struct sim_plan *plan = &sim->plan;
    uint64_t left = plan->ops;
    if (!sim_chance(&sim->ops, 150)) {
        meet(sim);
    }
    while (left > 0) {
        uint64_t burst = sim_between(&sim->ops, 1, plan->burst);
        uint64_t gap_us = sim_chance(&sim->ops, 300) ? 0 : sim_below(&sim->ops, 2 * plan->gap_us);
        run_until(sim, sim->now_us + gap_us);
        sim_actors_tend(sim);
        for (; burst > 0 && left > 0; burst--, left--) {
            sim_op(sim, NULL);
        }
    }
}

/* NULL when everyone who should be is connected, and nothing is missing. */
static const char *unfinished(struct sim *sim)
{
    for (size_t i = 0; i < sim->actor_count; i++) {
        const struct sim_actor *actor = &sim->actors[i];
        if (actor->is_out ? actor->session != NULL || actor->ghosts > 0
                          : actor->session == NULL || actor->closing) {
            return "a session has not closed";
        }
        if (actor->held != NULL) {
            return "a message is still held";
        }
    }
    return all_connected(sim) ? sim_model_missing(sim)
                              : "two that dial each other are not connected";
}

static void release_some(struct sim *sim)
{
    for (size_t i = 0; i < sim->actor_count; i++) {
        struct sim_actor *actor = &sim->actors[i];
        for (size_t n = 1 + actor->held_count / 4; n > 0 && actor->held != NULL; n--) {
            struct sim_held *held = actor->held;
            for (size_t skip = sim_below(&sim->ops, actor->held_count); skip > 0; skip--) {
                held = held->next;
            }
            sim_actor_release(held);
        }
    }
}

/* Everything that was sent must arrive now. */
static void settle(struct sim *sim)
{
    uint64_t until_us = sim->now_us + HEAL_US_MAX, gap_us = 500;
    const char *missing = unfinished(sim);
    while (missing != NULL) {
        SIM_CHECK(sim, sim->now_us < until_us, "stuck: %s", missing);
        run_until(sim, sim->now_us + gap_us);
        gap_us = gap_us < 100000 ? gap_us * 3 / 2 : gap_us;
        release_some(sim);
        sim_actors_tend(sim);
        missing = unfinished(sim);
    }
}

/* A full house: the largest message on every channel, both ways, at once. Nothing may block, and
 * what was given must have come back to make room for it. */
static void fill_all(struct sim *sim)
{
    for (struct sim_assoc *at = sim->assocs; at != NULL; at = at->next) {
        for (size_t i = 0; i < 2 && at->halves[i].state == SIM_HALF_CONNECTED; i++) {
            struct sim_half *half = &at->halves[i];
            kith_peer_info info = {.size = sizeof info};
            if (kith_peer_get_info(half->peer, &info) != KITH_OK) {
                continue;
            }
            for (unsigned channel = 0; channel < KITH_CHANNEL_COUNT; channel++) {
                (void)sim_send(half, channel, info.max_message_bytes, SIM_OP_SEND);
            }
        }
    }
    settle(sim);
}

static void heal(struct sim *sim)
{
    begin_phase(sim, SIM_HEALED);
    sim_heal(sim);
    sim_clones_end(sim);
    sim_wake_all(sim);
    for (size_t i = 0; sim->plan.discovery && i < sim->actor_count; i++) {
        if (sim->actors[i].session !=
            NULL) { /* as the system tells: dials were given up for long */
            sim_inspect_change(sim->actors[i].session, 0);
        }
    }
    settle(sim);
    if (sim->plan.full) {
        fill_all(sim);
    }
    for (struct sim_assoc *at = sim->assocs; at != NULL; at = at->next) {
        for (size_t i = 0; i < 2; i++) {
            sim_model_check_stats(sim, &at->halves[i]);
        }
    }
}

static int anyone_here(const struct sim *sim)
{
    for (size_t i = 0; i < sim->actor_count; i++) {
        if (sim->actors[i].session != NULL || sim->actors[i].ghosts > 0) {
            return 1;
        }
    }
    return 0;
}

static void leave(struct sim *sim)
{
    uint64_t until_us;
    begin_phase(sim, SIM_LEAVING);
    for (size_t i = 0; i < sim->actor_count; i++) {
        if (sim->actors[i].session != NULL) {
            sim_actor_close(&sim->actors[i], (uint32_t)sim_below(&sim->ops, 3) * 500);
        }
        run_until(sim, sim->now_us + sim_below(&sim->ops, 2) * sim_below(&sim->ops, 20000));
    }
    until_us = sim->now_us + LEAVE_US_MAX;
    while (anyone_here(sim)) {
        SIM_CHECK(sim, sim->now_us < until_us, "stuck: a session does not close");
        run_until(sim, sim->now_us + 100000);
    }
}

/* What the application still has is the last to go. */
static void give_back(struct sim *sim)
{
    for (size_t i = 0; i < sim->actor_count; i++) {
        while (sim->actors[i].held != NULL) {
            sim_actor_release(sim->actors[i].held);
        }
    }
    for (struct sim_assoc *at = sim->assocs; at != NULL; at = at->next) {
        for (size_t i = 0; i < 2; i++) {
            if (at->halves[i].kept != NULL) {
                kith_peer_release(at->halves[i].kept);
                at->halves[i].kept = NULL;
            }
        }
    }
}

/* ---- a run ------------------------------------------------------------------------------------
 */

static void open_world(struct sim *sim)
{
    struct sim_random seed = {sim_mix(sim->seed) ^ sim_mix((uint64_t)sim->scenario->name[0] * 257 +
                                                           (uint64_t)sim->scenario->name[1])};
    struct sim_random draw = sim_split(&seed, 1);
    sim->schedule = sim_split(&seed, 2);
    sim->ops = sim_split(&seed, 3);
    sim->now_us = 1000000; /* not 0: code that takes 0 for "never" must not pass */
    memset(&sim->plan, 0, sizeof sim->plan);
    sim->scenario->draw(&sim->plan, &draw);
    sim->loop_count = sim->plan.actors + 1;
    for (size_t i = 0; i < sim->loop_count; i++) {
        sim_loop_open(&sim->loops[i], sim, (int)i, &seed);
    }
    sim_network_open(sim, &seed);
    sim_weather(sim, 0);
    sim_actors_init(sim);
}

static void close_world(struct sim *sim)
{
    run_until(sim, sim->now_us + 20000000);
    give_back(sim);
    sim_network_close(sim);
    sim_watch_done(sim);
    sim_model_done(sim);
    for (size_t i = 0; i < sim->loop_count; i++) {
        sim_loop_close(&sim->loops[i]);
    }
}

int sim_run(struct sim *sim, const struct sim_scenario *scenario, uint64_t seed,
            uint64_t cut_at_byte, int trace)
{
    struct sim_arena arena = sim->arena;
    sim_arena_reset(&arena);
    memset(sim, 0, sizeof *sim);
    sim->arena = arena;
    sim->seed = seed;
    sim->scenario = scenario;
    sim->cut_at_byte = cut_at_byte;
    sim->trace = trace;
    if (setjmp(sim->escape) != 0) {
        return 0;
    }
    sim_note(sim, SIM_SCENARIO, SIM_WORLD, seed, 0, 0);
    open_world(sim);
    be_busy(sim);
    heal(sim);
    leave(sim);
    close_world(sim);
    return 1;
}
