/* SPDX-License-Identifier: MIT
 *
 * env.h: the world as everything below the runtime sees it: the time of this turn, timers, work put
 * off to the end of the turn, memory, log, cryptography, sockets. The runtime fills it from libuv,
 * a simulator from a seed.
 *
 * Only the owner (runtime or simulator) writes now_us, and it never runs backwards.
 */
#ifndef KITH_BASE_ENV_H
#define KITH_BASE_ENV_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/format.h"
#include "base/list.h"
#include "base/timer.h"
#include "crypto.h"
#include "kith/kith.h"

struct kith_env;

/* Work for the end of this turn: fill in run, then kith_defer(). Zero is "not waiting". The memory
 * is the caller's: kith_undefer() before freeing it. */
struct kith_deferred {
    struct kith_node node;
    int waiting;
    void (*run)(struct kith_deferred *deferred);
};

enum { KITH_READABLE = 1, KITH_WRITABLE = 2 };

/* A socket watched for readiness (level triggered). Of one with an error both are said, whatever is
 * watched for. Fill in on_ready; impl belongs to the runtime. */
struct kith_watch {
    void (*on_ready)(struct kith_watch *watch, unsigned events);
    void *impl;
};

/* A host name being looked up. Fill in done; impl belongs to the runtime. done runs once, later,
 * with up to KITH_ADDRESSES_PER_NAME_MAX numeric addresses, none when the name is not known, or
 * cannot be looked up now: not_now says which. */
enum { KITH_IP_TEXT_BYTES = 64 };
struct kith_lookup {
    void (*done)(struct kith_lookup *lookup, const char (*ips)[KITH_IP_TEXT_BYTES], size_t count);
    void *impl;
    int not_now; /* nobody who knows names could be asked */
};

/* Sockets, where there are any: drivers with real ones use this, the core never does. NULL in a
 * simulator. */
struct kith_io {
    /* Watches fd for events (0 = keep, but watch for nothing). Call again to change. The fd must be
     * stopped before it is closed. */
    kith_err (*watch)(struct kith_env *env, struct kith_watch *watch, int fd, unsigned events);
    /* Legal for a watch that was never started. on_ready is not called after. */
    void (*unwatch)(struct kith_env *env, struct kith_watch *watch);
    /* Looks a name or numeric address up without blocking. */
    kith_err (*lookup)(struct kith_env *env, struct kith_lookup *lookup, const char *host);
    /* Legal for one that is not under way. done is not called after. */
    void (*lookup_cancel)(struct kith_env *env, struct kith_lookup *lookup);
};

struct kith_env {
    uint64_t now_us; /* monotonic; constant for a turn */
    struct kith_timers timers;
    struct kith_node deferred;
    struct kith_crypto crypto;
    const struct kith_io *io;

    void *(*realloc)(void *user, void *block, size_t bytes);
    void *realloc_user;

    void (*log)(void *user, kith_log_level level, const char *text);
    void *log_user;
    kith_log_level log_level;
};

/* Sets defaults: empty heap and list, C library memory, log to nowhere. The caller fills in crypto,
 * now_us, io. */
void kith_env_init(struct kith_env *env);
void kith_env_fini(struct kith_env *env);

/* Zeroed memory, or NULL. kith_free takes NULL. */
void *kith_alloc(struct kith_env *env, size_t bytes);
void *kith_resize(struct kith_env *env, void *block, size_t bytes);
void kith_free(struct kith_env *env, void *block);

/* Puts work off to the end of the turn; once however often it is asked for. */
void kith_defer(struct kith_env *env, struct kith_deferred *deferred);
void kith_undefer(struct kith_deferred *deferred);
/* Runs what waits, and what that puts off in turn, for at most KITH_DEFERRED_ROUNDS_MAX rounds. 1
 * when some is left. */
int kith_deferred_run(struct kith_env *env);

/* One line of log, printf-like. Never hand it key material; text from the network goes through
 * kith_printable(). */
void kith_log(struct kith_env *env, kith_log_level level, const char *format, ...)
    KITH_PRINTF(3, 4);

/* A uniform random number below `bound` (1 or more), for jitter; falls back to 0 without
 * randomness. */
uint32_t kith_random_below(struct kith_env *env, uint32_t bound);

#endif
