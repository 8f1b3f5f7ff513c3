/* SPDX-License-Identifier: MIT
 *
 * network.c: what the network does: weather, faults of single links, partitions, a cut behind a
 * certain byte. It must not know what is sent, nor touch a session.
 */
#include <string.h>

#include "actor.h"
#include "inspect.h"
#include "protocol/service.h"
#include "transports/memory/inside.h"

/* ---- opening ----------------------------------------------------------------------------------
 */

static const struct kith_scheme better[] = {{"mex", 0}, {"mexs", 1}, {NULL, 0}};

void sim_network_open(struct sim *sim, struct sim_random *seed)
{
    for (unsigned i = 0; i < SIM_TRANSPORTS_MAX; i++) {
        struct kith_memory_hub *hub = &sim->hubs[i];
        kith_memory_hub_init(hub, &sim->loops[0].env);
        hub->driver.capabilities = sim->plan.capabilities;
        hub->has_addresses = sim->plan.is_introduced;
        if (i > 0) {
            hub->driver.schemes = better;
            hub->driver.rank = i;
        }
        if (i < sim->plan.transports) {
            hub->seed = sim_next(seed);
        }
    }
    kith_memory_air_init(&sim->air, &sim->loops[0].env);
    sim->air.delay_us = sim->plan.discovery ? 1000 : 0;
    sim_watch_init(sim);
    if (sim->plan.cut_within_bytes != 0 && sim->cut_at_byte == 0) {
        sim->cut_at_byte = 1 + sim->seed % sim->plan.cut_within_bytes;
    }
}

/* ---- weather ----------------------------------------------------------------------------------
 */

static void draw_weather(struct sim *sim, struct kith_memory_hub *hub, int calm)
{
    const struct sim_climate *climate = &sim->plan.climate;
    struct sim_random *random = &sim->ops;
    hub->delay_us = sim_chance(random, 250) ? 0 : sim_below(random, climate->delay_us + 1);
    hub->jitter_us = sim_chance(random, 500) ? 0 : sim_below(random, climate->jitter_us + 1);
    hub->bytes_per_s = climate->bytes_per_s == 0 || sim_chance(random, 500)
                           ? 0
                           : sim_scale(random, climate->bytes_per_s, 1u << 30);
    hub->in_flight_bytes = sim_scale(random, climate->in_flight_bytes, 1u << 20);
    hub->lane_in_flight_bytes = calm || sim_chance(random, 500)
                                    ? 0
                                    : sim_scale(random, climate->in_flight_bytes / 4, 1u << 18);
    hub->handshake_us = sim_chance(random, 500) ? 0 : sim_below(random, climate->delay_us + 1);
    hub->loss_ppm = calm ? 0 : (uint32_t)sim_below(random, climate->loss_ppm + 1);
    hub->loss_delay_us = sim_below(random, climate->loss_delay_us + 1);
    hub->reorder_ppm = (uint32_t)sim_below(random, climate->reorder_ppm + 1);
    hub->done_delay_us = sim_below(random, climate->done_delay_us + 1);
    hub->piece_bytes = sim_chance(random, 600) ? 0 : sim_scale(random, climate->piece_bytes, 20000);
}

void sim_weather(struct sim *sim, int calm)
{
    const struct kith_memory_hub *hub = &sim->hubs[0];
    for (unsigned i = 0; i < sim->plan.transports; i++) {
        draw_weather(sim, &sim->hubs[i], calm);
    }
    for (size_t i = 0; i < sim->actor_count; i++) {
        if (sim->actors[i].session != NULL) {
            sim_inspect_wake(sim->actors[i].session);
        }
    }
    sim_note(sim, SIM_WEATHER, SIM_WORLD, hub->delay_us, hub->bytes_per_s, hub->loss_ppm);
}

/* ---- faults -----------------------------------------------------------------------------------
 */

static struct kith_memory_hub *any_hub(struct sim *sim)
{
    return &sim->hubs[sim->plan.transports > 1 ? sim_below(&sim->ops, sim->plan.transports) : 0];
}

static void fault(struct sim *sim, enum kith_memory_fault kind)
{
    struct kith_memory_hub *hub = any_hub(sim);
    uint64_t number = 1 + sim_below(&sim->ops, hub->link_count);
    int at_dialer = sim_chance(&sim->ops, 500);
    sim_note(sim, SIM_FAULT, SIM_WORLD, number, kind, (uint64_t)at_dialer);
    if (hub->link_count > 0 && kith_memory_hub_fault(hub, number, kind, at_dialer)) {
        sim->links_broken = 1;
    }
}

static void both_ends(struct kith_memory_hub *hub, uint64_t number, enum kith_memory_fault kind)
{
    (void)kith_memory_hub_fault(hub, number, kind, 0);
    (void)kith_memory_hub_fault(hub, number, kind, 1);
}

static void cut(struct sim *sim, unsigned first)
{
    sim->links_broken = 1;
    sim_note(sim, SIM_CUT, SIM_WORLD, first, 0, 0);
    for (unsigned i = first; i < sim->plan.transports; i++) {
        kith_memory_hub_cut(&sim->hubs[i]);
    }
}

static void heal_all(struct sim *sim)
{
    for (unsigned i = 0; i < sim->plan.transports; i++) {
        struct kith_memory_hub *hub = &sim->hubs[i];
        for (uint64_t number = 1; sim->links_broken && number <= hub->link_count; number++) {
            both_ends(hub, number, KITH_MEMORY_HEAL);
        }
    }
}

/* The network goes, in part or altogether, and comes back; who is told of it is another matter. */
static void go_offline(struct sim *sim)
{
    const struct kith_memory_hub *first = &sim->hubs[0];
    int no_address = first->no_address, unreachable = first->unreachable;
    if (sim_chance(&sim->ops, 500)) {
        no_address = !no_address;
    } else {
        unreachable = !unreachable;
    }
    sim->was_offline = 1;
    for (unsigned i = 0; i < sim->plan.transports; i++) {
        sim->hubs[i].no_address = no_address;
        sim->hubs[i].unreachable = unreachable;
    }
    sim_note(sim, SIM_OFFLINE, SIM_WORLD, (uint64_t)no_address, (uint64_t)unreachable, 0);
}

void sim_heal(struct sim *sim)
{
    sim->island = 0;
    for (unsigned i = 0; i < sim->plan.transports; i++) {
        sim->hubs[i].no_address = sim->hubs[i].unreachable = 0;
    }
    sim->air.is_down = sim->air.is_silent = 0;
    sim->air.loss_ppm = 0;
    heal_all(sim);
    for (size_t i = 0; i < sim->loop_count; i++) {
        sim->loops[i].memory.fail_permille = 0;
    }
    sim_weather(sim, 1);
}

/* ---- partitions -------------------------------------------------------------------------------
 */

static const kith_loop *loop_of(const struct kith__mem_link *link)
{
    return KITH_CONTAINER(link->base.endpoint->env, struct kith_loop, env);
}

static int is_on_island(const struct sim *sim, const struct kith__mem_link *link)
{
    return (int)(sim->island >> ((unsigned)(loop_of(link)->index - 1) % 64) & 1);
}

/* Nothing passes, and nobody is told. */
static void sever(struct sim *sim, struct kith__mem_link *link)
{
    if (link->other != NULL && is_on_island(sim, link) != is_on_island(sim, link->other)) {
        link->is_stalled = link->other->is_stalled = 1;
    }
}

static void partition(struct sim *sim)
{
    sim->links_broken = 1;
    if (sim->island != 0) {
        sim->island = 0;
        heal_all(sim);
    } else {
        sim->island = sim_next(&sim->ops);
    }
    sim_note(sim, SIM_PARTITION, SIM_WORLD, sim->island, 0, 0);
    for (unsigned i = 0; i < sim->plan.transports && sim->island != 0; i++) {
        struct kith_node *links = &sim->hubs[i].links;
        for (struct kith_node *at = links->next; at != links; at = at->next) {
            sever(sim, KITH_CONTAINER(at, struct kith__mem_link, node));
        }
    }
}

void sim_network_came_up(struct sim *sim, struct kith_link *link)
{
    if (sim->island != 0) {
        sever(sim, (struct kith__mem_link *)link);
    }
}

/* ---- processes that die -----------------------------------------------------------------------
 */

/* The far end is told by the kernel, or hears what was under way and no more, perhaps long after,
 * or nothing at all. */
static void kill_end(struct sim *sim, struct kith__mem_link *end)
{
    struct kith__mem_link *far = end->other;
    unsigned how = (unsigned)sim_below(&sim->ops, 3);
    if (far == NULL) {
        how = 2;
    } else if (how < 2) {
        kith__mem_unlend(far);
        kith__mem_unlend(end);
        kith__mem_drop_queue(end);
    }
    if (how == 0) {
        kith__mem_post_end(end, 1);
    } else if (how == 1) {
        end->other = far->other = NULL;
        far->is_stalled = (uint8_t)sim_chance(&sim->ops, 500); /* until it is healed */
    } else {
        kith__mem_part(end);
    }
    kith__mem_cut(end, KITH_REASON_LOST, "its process died");
}

void sim_network_crash(struct sim *sim, int actor)
{
    for (unsigned i = 0; i < sim->plan.transports; i++) {
        struct kith_node *links = &sim->hubs[i].links;
        for (struct kith_node *at = links->next; at != links; at = at->next) {
            struct kith__mem_link *end = KITH_CONTAINER(at, struct kith__mem_link, node);
            if (loop_of(end)->index - 1 == actor) {
                kill_end(sim, end);
            }
        }
    }
}

/* ---- a cut behind a certain byte --------------------------------------------------------------
 */

size_t sim_carry(struct sim *sim, size_t count)
{
    uint64_t before = sim->carried_bytes;
    if (sim->cut_at_byte == 0 || sim->phase != SIM_BUSY) {
        return count;
    }
    if (sim->cut_is_due) {
        return 0;
    }
    sim->carried_bytes += count;
    if (sim->carried_bytes < sim->cut_at_byte) {
        return count;
    }
    sim_note(sim, SIM_SEVERED, SIM_WORLD, sim->cut_at_byte, 0, 0);
    sim->cut_is_due = 1;
    return (size_t)(sim->cut_at_byte - before);
}

void sim_network_turn(struct sim *sim)
{
    if (!sim->cut_is_due) {
        return;
    }
    sim->cut_is_due = 0;
    cut(sim, 0);
    sim->carried_bytes = 0;
    sim->cut_at_byte = ++sim->cuts < sim->plan.cuts ? sim_between(&sim->ops, 300, 5000) : 0;
}

/* ---- the air ----------------------------------------------------------------------------------
 */

static void change_air(struct sim *sim)
{
    struct kith_memory_air *air = &sim->air;
    uint64_t what = sim_below(&sim->ops, 5);
    sim->air_failed = 1;
    if (what == 0) {
        air->loss_ppm = (uint32_t)sim_below(&sim->ops, 700001);
    } else if (what == 1) {
        air->is_silent = !air->is_silent;
    } else if (what == 2) {
        air->is_down = !air->is_down;
    } else if (what == 3) {
        kith_memory_air_fail(air);
    } else {
        air->delay_us = sim_scale(&sim->ops, 1, 3000000);
    }
    sim_note(sim, SIM_AIR, SIM_WORLD, what, air->loss_ppm, (uint64_t)air->is_down);
}

/* Somebody who is not there, or who says that he is where another one is; or he is gone again. */
static void be_strange(struct sim *sim)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint64_t number = (UINT64_C(1) << 32) + sim_below(&sim->ops, 16);
    uint8_t txt[KITH_TXT_BYTES_MAX];
    char tag[KITH_LABEL_BYTES] = "";
    struct kith_sighting said = {.number = number,
                                 .protocol = "tcp",
                                 .instance = "desk",
                                 .instance_bytes = 4,
                                 .host = "hub",
                                 .is_near = 1,
                                 .txt = txt};
    sim_note(sim, SIM_STRANGER, SIM_WORLD, number, 0, 0);
    if (sim_chance(&sim->ops, 300)) {
        kith_memory_air_unsay(&sim->air, number);
        return;
    }
    for (size_t i = 0; i + 1 < sizeof tag; i++) {
        tag[i] = letters[sim_below(&sim->ops, 32)];
    }
    said.port = (uint16_t)sim_between(&sim->ops, 1, 40);
    said.txt_bytes = kith_txt_write(tag, sim->plan.secure ? "mems" : "mem", NULL, 0, txt);
    kith_memory_air_say(&sim->air, &said);
}

void sim_network_close(struct sim *sim)
{
    kith_memory_air_fini(&sim->air);
}

/* ---- at random --------------------------------------------------------------------------------
 */

void sim_happen(struct sim *sim, int op)
{
    switch (op) {
    case SIM_OP_CUT:
        cut(sim, 0);
        break;
    case SIM_OP_FAULT:
        fault(sim, (enum kith_memory_fault)sim_below(&sim->ops, KITH_MEMORY_HEAL));
        break;
    case SIM_OP_HEAL:
        fault(sim, KITH_MEMORY_HEAL);
        break;
    case SIM_OP_FLAP:
        sim->cuts++;
        cut(sim, 1);
        break;
    case SIM_OP_PARTITION:
        partition(sim);
        break;
    case SIM_OP_AIR:
        change_air(sim);
        break;
    case SIM_OP_STRANGER:
        be_strange(sim);
        break;
    case SIM_OP_OFFLINE:
        go_offline(sim);
        break;
    default:
        sim_weather(sim, 0);
        break;
    }
}
