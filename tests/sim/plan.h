/* SPDX-License-Identifier: MIT
 *
 * plan.h: what a seed decides before the first turn: who takes part, with which limits, over which
 * network, and how often what is done. A scenario is a function that draws a plan.
 */
#ifndef KITH_SIM_PLAN_H
#define KITH_SIM_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "random.h"

/* What is done at random. A plan gives each a weight. */
#define SIM_OPS(X)                                                                                 \
    X(SEND)       /* a message, copied */                                                          \
    X(LEND)       /* a message, lent */                                                            \
    X(THREAD)     /* a message sent by another thread */                                           \
    X(MANY)       /* kith_send_many() */                                                           \
    X(BROADCAST)  /* kith_broadcast() */                                                           \
    X(DATAGRAM)   /* kith_send_datagram() */                                                       \
    X(RELEASE)    /* gives one held message back, in any order */                                  \
    X(DISCONNECT) /* kith_peer_disconnect() */                                                     \
    X(CANCEL)     /* kith_dial_cancel(); the edge is dialled anew later */                         \
    X(TWIN)       /* a second dial to where there is one already */                                \
    X(SELF)       /* dials its own address */                                                      \
    X(UNLISTEN)   /* closes a listener; another is opened later */                                 \
    X(KEY)        /* adds or removes a key */                                                      \
    X(CLOSE)      /* closes a session, with or without flush; another is opened later */           \
    X(STATS)      /* looks at the statistics */                                                    \
    X(STRAY)      /* calls that must be refused: after departure, out of range */                  \
    X(CUT)        /* every link breaks */                                                          \
    X(FAULT)      /* something happens to one link */                                              \
    X(HEAL)       /* one link is mended */                                                         \
    X(FLAP)       /* every link of the better transport breaks */                                  \
    X(PARTITION)  /* some actors cannot reach the others, or can again */                          \
    X(WEATHER)    /* the network becomes another one */                                            \
    X(JUMP)       /* one session's clock jumps */                                                  \
    X(FAMINE)     /* memory becomes scarce for one session, or plenty */                           \
    X(RETRY)      /* kith_retry() */                                                               \
    X(SUSPEND)    /* kith_session_suspend(), or kith_session_wake() */                             \
    X(CHANGE)     /* one session is told that its network changed, or that it slept */             \
    X(OFFLINE)    /* the machines lose their addresses or routes, or get them back */              \
    X(AIR)        /* discovery hears less, or all; drivers fail; records stay */                   \
    X(STRANGER)   /* a record on the air that is nobody's, or lies */                              \
    X(CRASH)      /* a process dies; it comes back as the one it was */                            \
    X(CLONE)      /* a second program begins with somebody's identity, or ends */

enum sim_op {
#define SIM_OP_ENUM(name) SIM_OP_##name,
    SIM_OPS(SIM_OP_ENUM)
#undef SIM_OP_ENUM
        SIM_OP_COUNT
};

/* Ranges to draw the network from. */
struct sim_climate {
    uint64_t delay_us, jitter_us;          /* at most */
    uint64_t bytes_per_s;                  /* at least; 0 = no limit */
    uint32_t loss_ppm, reorder_ppm;        /* at most */
    uint64_t loss_delay_us, done_delay_us; /* at most */
    /* At least: what comes is cut in pieces, and only so much is under way at once. With less,
     * large messages take their time. */
    uint64_t piece_bytes, in_flight_bytes;
};

/* Sizes of messages, as weights. */
enum sim_size { SIM_TINY, SIM_SMALL, SIM_WINDOW, SIM_LARGE, SIM_LARGEST, SIM_SIZE_COUNT };

struct sim_plan {
    unsigned actors;
    int has_identities;                   /* who comes back is the one it was, and where it was */
    unsigned clones;                      /* the last so many actors are copies of the first */
    int is_introduced;                    /* each dials one that was there before it, and is told
                                             of the others */
    unsigned resume_permille;             /* actors that wait for peers without a connection */
    uint32_t resume_ms, resume_ms_max;    /* and how long */
    enum { SIM_STAR, SIM_SERVERS } shape; /* all with all; or clients with servers */
    unsigned servers;
    int secure;
    int discovery;           /* nobody is dialled: all find each other */
    unsigned named_permille; /* go by one name on the air */
    unsigned transports;     /* 1 or 2; every edge is dialled over each */
    unsigned both_permille;  /* pairs in which each dials the other */

    uint64_t budget_min, budget_max;
    unsigned max_message_permille; /* actors that take the largest there can be */
    uint32_t ping_ms, ping_count;

    struct sim_climate climate;
    unsigned capabilities;

    uint64_t ops, gap_us;
    unsigned burst;                 /* at most so many at one moment */
    unsigned weights[SIM_OP_COUNT]; /* of what is done */
    unsigned sizes[SIM_SIZE_COUNT]; /* of messages */
    unsigned channels;              /* used: the first so many */
    unsigned inside_permille;       /* callbacks in which something is done */
    unsigned ticket_permille, reply_permille, hold_permille;
    unsigned keep_permille;   /* actors that give nothing back while the run is busy */
    uint32_t lifetime_ms;     /* of datagrams, at most */
    uint64_t queue_bytes_max; /* nothing more is sent to a peer that has so much to come; keeps runs
                                 short */

    int steady;  /* nothing but messages: every dial must succeed, nobody may depart */
    int lasting; /* no outage is long enough to end an association */
    int faults;  /* links break, or are given up: too impatient for this network */
    int smooth;  /* nobody may even hear of an interruption */
    /* The network breaks behind a certain byte: the first time within so many bytes, by the seed;
     * and so often. */
    uint64_t cut_within_bytes;
    unsigned cuts;
    int full; /* at the end a message of the largest size on every channel, both ways, at once */
};

struct sim_scenario {
    const char *name, *about;
    void (*draw)(struct sim_plan *plan, struct sim_random *random);
    int is_large; /* seconds for a seed: only where it is asked for by name */
};

extern const struct sim_scenario sim_scenarios[]; /* ends with name NULL */

#endif
