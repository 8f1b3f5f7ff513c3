/* SPDX-License-Identifier: MIT
 *
 * loop.c: see loop.h. Everything that core/runtime's other files ask of a loop is answered here.
 */
#include "loop.h"

#include <stdio.h>
#include <stdlib.h>

#include "discovery.h"
#include "model.h"
#include "runtime/runtime.h"
#include "sim.h"
#include "transport.h"

/* ---- memory -----------------------------------------------------------------------------------
 */

/* Every block is preceded by its size; the union keeps what follows aligned. */
union block_head {
    size_t bytes;
    max_align_t alignment;
};

/* Freed memory is overwritten as far as is cheap. */
enum { POISON_BYTES_MAX = 4096 };

static void free_block(struct sim_memory *memory, union block_head *head)
{
    size_t bytes = head->bytes;
    memory->blocks--;
    memory->bytes -= bytes;
    memset(head + 1, 0xdd, bytes < POISON_BYTES_MAX ? bytes : POISON_BYTES_MAX);
    free(head);
}

static void *counted_realloc(void *user, void *block, size_t bytes)
{
    struct sim_memory *memory = user;
    union block_head *head = block == NULL ? NULL : (union block_head *)block - 1;
    union block_head *made = NULL;
    if (bytes > 0) {
        memory->requests++;
        if (memory->fail_permille != 0 && sim_chance(&memory->random, memory->fail_permille)) {
            memory->failed++;
            return NULL;
        }
        made = malloc(sizeof *made + bytes);
        if (made == NULL) {
            abort();
        }
        made->bytes = bytes;
        /* Fresh memory is never zero, and always the same. */
        memset(made + 1, 0xa5, bytes);
        if (head != NULL) {
            memcpy(made + 1, head + 1, head->bytes < bytes ? head->bytes : bytes);
        }
        memory->blocks++;
        memory->bytes += bytes;
    }
    if (head != NULL) {
        free_block(memory, head);
    }
    if (memory->bytes > memory->peak_bytes) {
        memory->peak_bytes = memory->bytes;
    }
    return made == NULL ? NULL : made + 1;
}

/* ---- the simulator's side ---------------------------------------------------------------------
 */

static kith_err random_bytes(void *user, uint8_t *out, size_t count)
{
    sim_fill_random(user, out, count);
    return KITH_OK;
}

static void print_log(void *user, kith_log_level level, const char *text)
{
    const kith_loop *loop = user;
    (void)level;
    printf("%12.6f  actor %d   log                %s\n", (double)loop->sim->now_us / 1e6,
           loop->index - 1, text);
}

void sim_loop_open(kith_loop *loop, struct sim *sim, int index, struct sim_random *seed)
{
    memset(loop, 0, sizeof *loop);
    kith_env_init(&loop->env);
    loop->sim = sim;
    loop->index = index;
    loop->random = sim_split(seed, (uint64_t)index);
    loop->memory.random = sim_split(seed, (uint64_t)index + 1000);
    kith_list_init(&loop->inbox.messages);
    kith_list_init(&loop->inbox.datagrams);
    kith_list_init(&loop->sessions);
    loop->env.crypto = kith_default_crypto;
    loop->env.crypto.random = random_bytes;
    loop->env.crypto.user = &loop->random;
    loop->env.realloc = counted_realloc;
    loop->env.realloc_user = &loop->memory;
    if (sim->trace) {
        loop->env.log = print_log;
        loop->env.log_user = loop;
        loop->env.log_level = KITH_LOG_DEBUG;
    }
    sim_loop_set_time(loop);
}

void sim_loop_close(kith_loop *loop)
{
    struct sim *sim = loop->sim;
    SIM_CHECK(sim, kith_list_empty(&loop->env.deferred), "loop %d: deferred work is left",
              loop->index);
    SIM_CHECK(sim,
              kith_list_empty(&loop->inbox.messages) && kith_list_empty(&loop->inbox.datagrams),
              "loop %d: an inbox is not empty", loop->index);
    SIM_CHECK(sim, loop->env.timers.count == 0, "loop %d: %zu timers are left", loop->index,
              loop->env.timers.count);
    kith_env_fini(&loop->env);
    SIM_CHECK(sim, loop->memory.blocks == 0, "loop %d: %zu blocks, %zu bytes were not given back",
              loop->index, loop->memory.blocks, loop->memory.bytes);
}

void sim_loop_set_time(kith_loop *loop)
{
    loop->env.now_us = loop->sim->now_us + loop->skew_us;
}

uint64_t sim_loop_due_us(const kith_loop *loop)
{
    uint64_t at_us = kith_timers_next_us(&loop->env.timers);
    if (loop->woken || !kith_list_empty(&loop->env.deferred)) {
        return loop->sim->now_us;
    }
    if (at_us == KITH_TIME_NEVER) {
        return KITH_TIME_NEVER;
    }
    return at_us <= loop->sim->now_us + loop->skew_us ? loop->sim->now_us : at_us - loop->skew_us;
}

void sim_loop_turn(kith_loop *loop)
{
    if (loop->woken) {
        loop->woken = 0;
        kith_inbox_drain(loop);
    }
    kith_timers_run(&loop->env);
    (void)kith_deferred_run(&loop->env);
}

/* ---- what core/runtime asks -------------------------------------------------------------------
 */

/* What sessions can connect through. */
struct sim sim_only;
const struct kith_driver *const kith_drivers[] = {&sim_only.hubs[0].driver,
                                                  &sim_only.hubs[1].driver, NULL};
const struct kith_discovery_driver *const kith_discovery_drivers[] = {&sim_only.air.driver, NULL};

struct kith_env *kith_loop_env(kith_loop *loop)
{
    return &loop->env;
}

int kith_loop_is_mine(const kith_loop *loop)
{
    return !loop->sim->other_thread;
}

int kith_loop_is_this_thread(const kith_loop *loop)
{
    return !loop->sim->other_thread;
}

int kith_loop_is_freeing(const kith_loop *loop)
{
    (void)loop;
    return 0;
}

/* Asked for by a sender on another thread, and by the loop when it puts all that waits into its
 * lanes: the model does the same. */
struct kith_inbox *kith_loop_inbox(kith_loop *loop)
{
    if (!loop->sim->other_thread) {
        sim_model_drained(loop->sim, loop->index - 1);
    }
    return &loop->inbox;
}

void kith_loop_lock(kith_loop *loop)
{
    (void)loop;
}

void kith_loop_unlock(kith_loop *loop)
{
    (void)loop;
}

void kith_loop_wake(kith_loop *loop)
{
    loop->woken = 1;
}
