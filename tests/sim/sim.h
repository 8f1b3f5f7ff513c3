/* SPDX-License-Identifier: MIT
 *
 * sim.h: one run of the simulator: its world, its time, its record of what happened, and the way
 * out when something that must hold does not. Knows nothing of the core's insides: inspect.h does.
 *
 *   main.c      options, many seeds, processes, the summary
 *   run.c       one seed: three phases, from turn to turn
 *   plan.c      scenarios: what a seed decides beforehand
 *   loop.c      stands in for core/runtime/loop.c: virtual time, counted memory
 *   watch.c     between the hub and the core: the driver contract
 *   actor.c     an application: its callbacks, and calls made in its name
 *   crash.c     processes that die and come back, and two that are the same one
 *   ops.c       what applications do at random
 *   network.c   what the network does: weather, faults, partitions, a cut behind a certain byte
 *   model.c     what was sent, came, and was told of it: exactly once, in order, honestly
 *   inspect.c   the core's own accounts: budgets, promises, shares
 */
#ifndef KITH_SIM_SIM_H
#define KITH_SIM_SIM_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/memory/memory.h"
#include "kith/kith.h"
#include "loop.h"
#include "plan.h"
#include "random.h"
#include "transports/memory/memory.h"

enum {
    SIM_ACTORS_MAX = 1024,
    SIM_LOOPS_MAX = SIM_ACTORS_MAX + 1,
    SIM_TRANSPORTS_MAX = 2,
    SIM_VIOLATION_BYTES = 1000
};

/* What is written down: each goes into the digest with who, when and up to three numbers, and is a
 * line of --trace. */
#define SIM_NOTES(X)                                                                               \
    X(SCENARIO, "begin")                                                                           \
    X(PHASE, "phase")                                                                              \
    X(TURN, "turn")                                                                                \
    X(PULL, "pull")                                                                                \
    X(RX, "rx")                                                                                    \
    X(LINK_UP, "link up")                                                                          \
    X(LINK_ACCEPTED, "link accepted")                                                              \
    X(LINK_DIALLED, "link dialled")                                                                \
    X(LINK_CLOSE, "link close")                                                                    \
    X(LINK_DOWN, "link down")                                                                      \
    X(LANE_TOOK, "lane took")                                                                      \
    X(LANE_DONE, "lane done")                                                                      \
    X(LANE_RX, "lane rx")                                                                          \
    X(LANE_BLOCKED, "lane blocked")                                                                \
    X(LANE_WRITABLE, "lane writable")                                                              \
    X(DATAGRAM_OUT, "datagram out")                                                                \
    X(DATAGRAM_RX, "datagram rx")                                                                  \
    X(CONNECTED, "connected")                                                                      \
    X(INTERRUPTED, "interrupted")                                                                  \
    X(RESUMED, "resumed")                                                                          \
    X(DEPARTED, "departed")                                                                        \
    X(MESSAGE, "message")                                                                          \
    X(FATE, "fate")                                                                                \
    X(WRITABLE, "writable")                                                                        \
    X(LISTENER, "listener")                                                                        \
    X(DIAL, "dial")                                                                                \
    X(CLOSED, "closed")                                                                            \
    X(DATAGRAM, "datagram")                                                                        \
    X(DATAGRAM_WRITABLE, "datagram writable")                                                      \
    X(FREED, "lent bytes back")                                                                    \
    X(SEND, "send")                                                                                \
    X(THREAD_SEND, "send from a thread")                                                           \
    X(SEND_MANY, "send to many")                                                                   \
    X(SEND_DATAGRAM, "send datagram")                                                              \
    X(HOLD, "hold")                                                                                \
    X(RELEASE, "release")                                                                          \
    X(DISCONNECT, "disconnect")                                                                    \
    X(OPEN, "open")                                                                                \
    X(CLOSE, "close")                                                                              \
    X(LISTEN, "listen")                                                                            \
    X(UNLISTEN, "close listener")                                                                  \
    X(DIAL_OPEN, "open dial")                                                                      \
    X(CANCEL, "cancel dial")                                                                       \
    X(KEY, "key")                                                                                  \
    X(STATS, "statistics")                                                                         \
    X(CUT, "cut")                                                                                  \
    X(FAULT, "fault")                                                                              \
    X(SEVERED, "cut behind this byte")                                                             \
    X(PARTITION, "partition")                                                                      \
    X(WEATHER, "weather")                                                                          \
    X(JUMP, "clock jumps")                                                                         \
    X(FAMINE, "no memory")                                                                         \
    X(RETRY, "retry")                                                                              \
    X(SUSPEND, "suspend")                                                                          \
    X(CHANGE, "network changes")                                                                   \
    X(OFFLINE, "offline")                                                                          \
    X(NETWORK, "network event")                                                                    \
    X(AIR, "the air")                                                                              \
    X(STRANGER, "a stranger's record")                                                             \
    X(DISCOVERY, "discovery")                                                                      \
    X(CRASH, "its process dies")                                                                   \
    X(CLONE, "begins as a copy")

enum sim_note {
#define SIM_NOTE_ENUM(name, text) SIM_##name,
    SIM_NOTES(SIM_NOTE_ENUM)
#undef SIM_NOTE_ENUM
        SIM_NOTE_COUNT
};

/* Nobody: the world itself. */
#define SIM_WORLD (-1)

struct sim_actor;
struct sim_assoc;

/* Memory of the simulator's own, given back all at once at the end of a run. */
struct sim_arena {
    struct sim_chunk *chunks, *now;
    size_t used;
};

struct sim {
    uint64_t seed;
    const struct sim_scenario *scenario;
    struct sim_plan plan;
    struct sim_random schedule; /* whose turn it is */
    struct sim_random ops;      /* what is done, and when */
    uint64_t now_us;
    enum { SIM_BUSY, SIM_HEALED, SIM_LEAVING } phase;

    struct kith_memory_hub hubs[SIM_TRANSPORTS_MAX]; /* one for each transport; best last */
    struct kith_memory_air air;                      /* where they find each other */
    kith_loop loops[SIM_LOOPS_MAX];                  /* 0: the hub's; then one for each actor */
    size_t loop_count;
    struct sim_actor *actors; /* actor i runs on loop i + 1 */
    size_t actor_count;
    struct sim_assoc *assocs; /* newest first */
    uint32_t assoc_count;
    uint32_t session_count; /* opened so far */

    /* Healthy until one of these: then links may end, and peers with them. */
    int links_broken, memory_failed, clock_jumped, was_offline, air_failed;
    uint64_t carried_bytes,
        cut_at_byte; /* handed up in all; where the network breaks next, 0: not */
    uint32_t cuts;   /* of that kind, or of one transport, so far */
    int cut_is_due;
    uint64_t island;  /* bits of actors that the others cannot reach; 0: no partition */
    int other_thread; /* the call under way is made by another thread than the loop's */
    int in_call;      /* inside a call into the core: no callback may run */
    int depth;        /* inside a callback */

    uint64_t next_op_us, ops_left;
    uint64_t turns, digest, events;
    int trace;
    struct sim_arena arena;
    jmp_buf escape;
    char violation[SIM_VIOLATION_BYTES];
};

/* There is one, because the list of drivers is static. */
extern struct sim sim_only;

/* ---- sim.c ---- */

/* Something that must hold does not: ends the run. */
_Noreturn void sim_fail(struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define SIM_CHECK(sim, condition, ...) ((condition) ? (void)0 : sim_fail(sim, __VA_ARGS__))

void sim_note(struct sim *sim, enum sim_note note, int who, uint64_t a, uint64_t b, uint64_t c);

/* Zeroed; lives to the end of the run. */
void *sim_alloc(struct sim *sim, size_t bytes);
/* Room for one more in an array of count items; grows by doubling. */
void *sim_grow(struct sim *sim, void *items, size_t count, size_t *room, size_t item_bytes);
void sim_arena_reset(struct sim_arena *arena);

/* Content of messages: determined by a key, checked without keeping it. */
void sim_content_fill(uint8_t *out, size_t count, uint32_t key);
/* Where the first wrong byte is; count when all are right. */
size_t sim_content_wrong(const uint8_t *bytes, size_t count, uint32_t key);

/* ---- network.c ---- */

/* Opens the hubs of the plan's transports. */
void sim_network_open(struct sim *sim, struct sim_random *seed);
/* Draws the network anew; calm: nothing is lost and nothing is very slow. */
void sim_weather(struct sim *sim, int calm);
/* What happens to the world and not to an actor. */
void sim_happen(struct sim *sim, int op);
/* Ends every fault. */
void sim_heal(struct sim *sim);
/* How many of count bytes that are about to be handed up come before the network breaks. */
size_t sim_carry(struct sim *sim, size_t count);
/* Ends what hubs and air have of their own. */
void sim_network_close(struct sim *sim);
/* At the end of a turn: breaks it, where that is due. */
void sim_network_turn(struct sim *sim);
/* A link came up: across a partition nothing passes. */
void sim_network_came_up(struct sim *sim, struct kith_link *link);
/* The links of an actor end at its side, now; what the others notice of it is chance. */
void sim_network_crash(struct sim *sim, int actor);

/* ---- run.c ---- */

/* 1 when every check held. cut_at_byte: where the network breaks first, 0: as planned. */
int sim_run(struct sim *sim, const struct sim_scenario *scenario, uint64_t seed,
            uint64_t cut_at_byte, int trace);

/* ---- watch.c ---- */

/* Puts itself between the hub's driver and the core. */
void sim_watch_init(struct sim *sim);
/* At the end: every link went down exactly once. */
void sim_watch_done(struct sim *sim);

#endif
