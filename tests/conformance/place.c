/* SPDX-License-Identifier: MIT
 *
 * place.c: see place.h.
 */
#include "place.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "runtime/runtime.h"

#if defined __GLIBC__ && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
#include <malloc.h>
#define HAS_MALLINFO2
#endif

enum { PATIENCE_US = 60 * 1000 * 1000, STEP_MS = 20 };

uint64_t place_random(struct place *place)
{
    /* splitmix64 */
    uint64_t z = place->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t place_below(struct place *place, size_t bound)
{
    return (size_t)(place_random(place) % bound);
}

/* ---- memory ------------------------------------------------------------------------------ */

/* Every block is preceded by its size; the union keeps what follows aligned. */
union head {
    size_t bytes;
    max_align_t alignment;
};

void place_poison(void *block, size_t bytes)
{
    static void *(*const volatile overwrite)(void *, int, size_t) = memset;
    (void)overwrite(block, 0xdd, bytes);
}

/* Fresh memory is never zero and freed memory is overwritten, so that nothing passes by luck. */
static void *counted_realloc(void *user, void *block, size_t bytes)
{
    struct place *place = user;
    union head *old = block != NULL ? (union head *)block - 1 : NULL;
    union head *made = NULL;
    if (bytes > 0) {
        if (!place->spared && ++place->requests == place->fail_at) {
            return NULL;
        }
        made = malloc(sizeof *made + bytes);
        CHECK(made != NULL, "out of memory");
        made->bytes = bytes;
        memset(made + 1, 0xa5, bytes);
        if (old != NULL) {
            memcpy(made + 1, old + 1, old->bytes < bytes ? old->bytes : bytes);
        }
        place->blocks++;
        place->bytes += bytes;
        place->peak_bytes = place->bytes > place->peak_bytes ? place->bytes : place->peak_bytes;
    }
    if (old != NULL) {
        place->blocks--;
        place->bytes -= old->bytes;
        place_poison(old, sizeof *old + old->bytes);
        free(old);
    }
    return made != NULL ? made + 1 : NULL;
}

size_t heap_bytes(void)
{
#ifdef HAS_MALLINFO2
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

static size_t count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;
    if (folder == NULL) {
        return 0;
    }
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

/* ---- opening and closing ----------------------------------------------------------------- */

static void drop_log(void *user, kith_log_level level, const char *text)
{
    (void)user;
    (void)level;
    (void)text;
}

static void open_hub(struct place *place)
{
    struct kith_env *env = &place->own_env;
    kith_env_init(env);
    env->now_us = 1000000; /* not 0: code that takes 0 for "never" must not pass */
    env->crypto = kith_default_crypto;
    env->realloc = counted_realloc;
    env->realloc_user = place;
    place->env = env;
    kith_memory_hub_init(&place->hub, env);
    place->hub.seed = place_random(place);
    place->hub.driver.capabilities = place->transport->capabilities;
    place->driver = &place->hub.driver;
}

static void open_loop(struct place *place)
{
    kith_loop_config config = KITH_LOOP_CONFIG_INIT;
    config.log = drop_log;
    config.log_level = KITH_LOG_DEBUG;
    config.realloc = counted_realloc;
    config.realloc_user = place;
    CHECK(kith_loop_new(&config, &place->loop) == KITH_OK, "%s", kith_detail());
    place->env = kith_loop_env(place->loop);
    place->driver = place->transport->driver;
    place->has_sockets = 1;
}

/* libuv opens some descriptors once per process. */
static void warm_up(void)
{
    kith_loop_config config = KITH_LOOP_CONFIG_INIT;
    kith_loop *loop;
    CHECK(kith_loop_new(&config, &loop) == KITH_OK, "%s", kith_detail());
    kith_loop_free(&loop);
}

void place_open(struct place *place, const struct transport *transport, uint64_t seed)
{
    memset(place, 0, sizeof *place);
    place->transport = transport;
    place->random = seed;
    warm_up();
    place->fds = count_fds();
    if (transport->driver == NULL) {
        open_hub(place);
    } else {
        open_loop(place);
    }
    place_patience(place);
}

void place_close(struct place *place)
{
    CHECK(kith_list_empty(&place->env->deferred), "deferred work is left");
    CHECK(place->env->timers.count == 0, "%zu timers are left", place->env->timers.count);
    if (place->has_sockets) {
        kith_loop_free(&place->loop);
    } else {
        CHECK(kith_list_empty(&place->hub.links), "links are left in the hub");
        CHECK(kith_list_empty(&place->hub.ports), "ports are left in the hub");
        kith_env_fini(&place->own_env);
    }
    CHECK(place->blocks == 0, "%zu blocks, %zu bytes are left", place->blocks, place->bytes);
    CHECK(count_fds() == place->fds, "%zu descriptors, %zu were there before", count_fds(),
          place->fds);
}

/* ---- time -------------------------------------------------------------------------------- */

void place_patience(struct place *place)
{
    place->deadline_us = place->env->now_us + PATIENCE_US;
}

/* Deferred work of one turn; what never ends is a driver that spins. */
static void settle(struct place *place)
{
    for (int rounds = 0; kith_deferred_run(place->env); rounds++) {
        CHECK(rounds < 100000, "deferred work that never ends");
    }
}

void place_step(struct place *place, const char *what)
{
    struct kith_env *env = place->env;
    uint64_t next_us;
    CHECK(env->now_us < place->deadline_us, "waiting for: %s", what);
    if (place->has_sockets) {
        CHECK(kith_loop_step(place->loop, STEP_MS) == KITH_OK, "%s", kith_detail());
        return;
    }
    if (!kith_list_empty(&env->deferred)) {
        settle(place);
        return;
    }
    next_us = kith_timers_next_us(&env->timers);
    CHECK(next_us != KITH_TIME_NEVER, "nothing will ever happen, waiting for: %s", what);
    env->now_us = next_us > env->now_us ? next_us : env->now_us;
    kith_timers_run(env);
}

void place_turn(struct place *place)
{
    place_patience(place);
    if (place->has_sockets) {
        CHECK(kith_loop_step(place->loop, 1) == KITH_OK, "%s", kith_detail());
        return;
    }
    settle(place);
    if (place->env->timers.count > 0) {
        place_step(place, "a turn");
        settle(place);
    }
}

void place_idle(struct place *place)
{
    for (int i = 0; i < 20; i++) {
        place_turn(place);
    }
}
