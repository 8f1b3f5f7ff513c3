/* SPDX-License-Identifier: MIT
 *
 * memory.h: an air inside one process, for tests and simulation, and the reference of the driver
 * contract: no socket, no clock. Not in the list of drivers that applications get.
 *
 * Sessions whose driver is &air->driver find each other. All of them share one env, and listen at
 * the memory transport's hub.
 */
#ifndef KITH_DISCOVERY_MEMORY_H
#define KITH_DISCOVERY_MEMORY_H

#include "discovery.h"

struct kith_memory_air {
    struct kith_discovery_driver driver;
    struct kith_env *env;
    struct kith_node finders, services, queries;
    uint64_t last_number;
    int has_lost;
    unsigned refresh_count; /* of all finders */
    struct kith_timer timer;

    /* ---- knobs: set at any time; kith_memory_air_init() gives a perfect one ---- */
    uint64_t delay_us; /* from a change until all hear of it */
    int is_down;       /* opening fails with PERMISSION */
    int is_silent;     /* what is withdrawn stays on the air, as after a crash */
    uint32_t loss_ppm; /* of what one query would hear; said again a second later */
};

void kith_memory_air_init(struct kith_memory_air *air, struct kith_env *env);

/* The driver of every session fails: they hear of it, and try again. */
void kith_memory_air_fail(struct kith_memory_air *air);

/* Somebody else's record: every query hears of it, whatever it looks for; gone: hears that it is
 * not there any more. Numbers are the caller's, from 2^32 on. */
void kith_memory_air_say(struct kith_memory_air *air, const struct kith_sighting *sighting);
void kith_memory_air_unsay(struct kith_memory_air *air, uint64_t number);

/* Services on the air. */
size_t kith_memory_air_count(const struct kith_memory_air *air);

/* Takes what is_silent left, and the timer. */
void kith_memory_air_fini(struct kith_memory_air *air);

#endif
