/* SPDX-License-Identifier: MIT
 *
 * crash.c: processes that die and come back as the one they were, and two programs with one
 * identity. Decides nothing about what must follow from that: model.c does.
 *
 * A process cannot be ended inside this one. So its application forgets all, the network its links,
 * and what is left of it, its ghost, closes out of everyone's sight.
 */
#include "actor.h"
#include "inspect.h"
#include "model.h"

enum { DOWN_US_MIN = 1000, DOWN_US_MAX = 5000000 };

static void ghost_closed(kith_session *session, void *user)
{
    struct sim_actor *actor = user;
    (void)session;
    SIM_CHECK(actor->sim, actor->ghosts > 0, "%s: a session closed twice", actor->name);
    actor->ghosts--;
}

/* What the dead one had received stays received: its peers may hear of it yet. */
static void forget_half(struct sim_half *half)
{
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        half->received[i] = sim_inspect_received(half->peer, i);
    }
    half->state = SIM_HALF_DEPARTED;
    half->is_interrupted = 0;
    half->reason = KITH_REASON_NONE;
    half->peer = NULL;
    if (half->kept != NULL) {
        kith_peer_release(half->kept);
        half->kept = NULL;
    }
}

static void forget(struct sim_actor *actor)
{
    struct sim_actors *all = sim_actors_of(actor->sim);
    for (struct sim_half *at = actor->halves; at != NULL; at = at->next) {
        forget_half(at);
    }
    actor->halves = NULL;
    for (size_t i = 0; i < all->edge_count; i++) {
        if (all->edges[i].from == actor) {
            all->edges[i].dial = NULL;
        }
    }
    actor->handles = actor->listener = NULL;
    sim_actor_forget_urls(actor);
    while (actor->held != NULL) {
        sim_actor_release(actor->held);
    }
}

void sim_crash(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    kith_session *session = actor->session;
    kith_err err;
    if (session == NULL) {
        return;
    }
    sim_note(sim, SIM_CRASH, actor->index, actor->number, 0, 0);
    sim_network_crash(sim, actor->index);
    forget(actor);
    actor->session = NULL;
    actor->number = 0;
    actor->closing = actor->is_suspended = 0;
    actor->open_at_us = sim->now_us + sim_scale(&sim->ops, DOWN_US_MIN, DOWN_US_MAX);
    actor->ghosts++;
    sim_inspect_forsake(session, ghost_closed);
    SIM_CALL(sim, err = kith_session_close(session, 0));
    SIM_CHECK(sim, err == KITH_OK, "kith_session_close() gives %s", kith_err_name(err));
}

static void end_copy(struct sim_actor *copy)
{
    copy->is_out = 1;
    if (copy->session == NULL) {
        return;
    }
    if (sim_chance(&copy->sim->ops, 500)) {
        sim_crash(copy);
    } else {
        sim_actor_close(copy, 0);
    }
}

void sim_clone(struct sim *sim)
{
    size_t first = sim->actor_count - sim->plan.clones;
    struct sim_actor *copy = &sim->actors[first + sim_below(&sim->ops, sim->plan.clones)];
    if (!copy->is_out) {
        end_copy(copy);
    } else {
        sim_note(sim, SIM_CLONE, copy->index, (uint64_t)copy->original->index, 0, 0);
        copy->is_out = 0;
    }
}

void sim_clones_end(struct sim *sim)
{
    for (size_t i = sim->actor_count - sim->plan.clones; i < sim->actor_count; i++) {
        if (!sim->actors[i].is_out) {
            end_copy(&sim->actors[i]);
        }
    }
}
