/* SPDX-License-Identifier: MIT
 *
 * loop.h: the loop of the simulator: what core/runtime/loop.c is to a program, without libuv,
 * threads and clocks. Each session runs on one of its own, as if in another process; the hub has
 * one too. Their memory is counted apart, and their clocks can differ.
 */
#ifndef KITH_SIM_LOOP_H
#define KITH_SIM_LOOP_H

#include "base/env.h"
#include "kith/kith.h"
#include "random.h"
#include "runtime/runtime.h"

struct sim;

struct sim_memory {
    size_t blocks, bytes, peak_bytes;
    uint64_t requests;
    struct sim_random random;
    unsigned fail_permille; /* of requests, for now */
    uint64_t failed;
};

struct kith_loop {
    struct kith_env env;
    struct sim *sim;
    int index;
    struct sim_memory memory;
    struct sim_random random; /* behind env.crypto.random */
    struct kith_inbox inbox;
    struct kith_node sessions;
    int was_busy;     /* since it was last found idle */
    int woken;        /* another thread has sent something */
    uint64_t skew_us; /* how far this clock is ahead of the world's */
};

void sim_loop_open(kith_loop *loop, struct sim *sim, int index, struct sim_random *seed);
/* Nothing may be left of anything; what is fails the run. */
void sim_loop_close(kith_loop *loop);

/* When the loop has something to do, in the world's time; KITH_TIME_NEVER. */
uint64_t sim_loop_due_us(const kith_loop *loop);
/* Sets the loop's clock by the world's. */
void sim_loop_set_time(kith_loop *loop);
/* One turn. */
void sim_loop_turn(kith_loop *loop);

#endif
