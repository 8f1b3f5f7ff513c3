/* SPDX-License-Identifier: MIT
 *
 * actor.h: an application with one session at a time, and the edges, who dials whom. Everything it
 * does with Kith goes through kith.h.
 */
#ifndef KITH_SIM_ACTOR_H
#define KITH_SIM_ACTOR_H

#include "sim.h"

struct sim_half;
struct sim_actor;

struct sim_held {
    struct sim_held *next, **link;
    struct sim_half *half;
    unsigned channel;
    size_t number; /* of the message in its channel */
    kith_held *held;
};

struct sim_pending {
    struct sim_pending *next;
    struct sim_half *half;
    unsigned channel;
    uint64_t ticket;
    size_t bytes;
    uint32_t key;
    struct sim_lent *lent;
};

/* A dial or a listener: one final event. */
struct sim_handle {
    struct sim_actor *actor;
    struct sim_edge *edge; /* of a dial; NULL for a twin */
    struct sim_half *half; /* of a dial that is ready */
    struct sim_handle *next;
    uint32_t session;
    void *handle;
    int is_over, is_ready, is_cancelled;
    int is_self; /* a dial of its own address */
};

/* One dials the other whenever they are not connected. */
struct sim_edge {
    struct sim_actor *from, *to;
    struct sim_handle *dial;
    unsigned transport;
    uint64_t not_before_us;
};

struct sim_actor {
    struct sim *sim;
    int index;
    kith_loop *loop;
    kith_session *session; /* NULL when there is none */
    uint32_t number;       /* of the session */
    kith_id id;
    kith_session_config config;
    char name[32];
    char urls[SIM_TRANSPORTS_MAX][64]; /* "" when nobody can dial it */
    struct sim_handle *handles, *listener;
    struct sim_half *halves; /* connected peers */
    struct sim_held *held;
    size_t held_count;
    struct sim_pending *pending, **pending_end;
    kith_identity identity;     /* where the plan has them */
    struct sim_actor *original; /* of a copy; NULL: it is none */
    int is_out;                 /* a copy that has not been begun */
    unsigned ghosts;            /* sessions of processes that died; see crash.c */
    int is_suspended;
    int listens, keeps; /* keeps: gives back nothing while the run is busy */
    int closing;
    uint64_t flush_until_us, open_at_us;
    int keys, has_kicked;
    uint64_t *found; /* numbers of those found, and not lost */
    size_t found_count, found_room;
};

/* Sessions there were: one may turn up after its end, and several have one id. */
struct sim_was {
    struct sim_was *next;
    kith_id id;
    uint64_t incarnation;
    uint32_t number;
    struct sim_actor *actor;
};

struct sim_actors {
    struct sim_was *was;
    struct sim_edge *edges;
    size_t edge_count;
    uint32_t key_count, ticket_count;
};

/* Makes the actors of sim->plan, and opens their sessions. */
void sim_actors_init(struct sim *sim);
struct sim_actors *sim_actors_of(struct sim *sim);

kith_err sim_actor_open(struct sim_actor *actor);
void sim_actor_close(struct sim_actor *actor, uint32_t flush_ms);
void sim_actor_listen(struct sim_actor *actor);
void sim_actor_unlisten(struct sim_actor *actor);
/* Where it is reached over a transport; "" when it is not. */
const char *sim_actor_url(const struct sim_actor *actor, unsigned transport);
/* edge is NULL for a twin. */
void sim_actor_dial(struct sim_actor *from, struct sim_actor *to, struct sim_edge *edge);
void sim_actor_cancel(struct sim_handle *dial);
void sim_actor_release(struct sim_held *held);
void sim_actor_forget_urls(struct sim_actor *actor);

/* Dials, listens and opens what should be there and is not. */
void sim_actors_tend(struct sim *sim);
/* 1 when both ends see the connection, and it is to a session that is still there. */
int sim_half_connected(const struct sim_half *half);
/* 1 when from and to are connected with each other, as both see it. */
int sim_actors_connected(const struct sim_actor *from, const struct sim_actor *to);

/* Calls into the core go between these: no callback may run inside. */
#define SIM_CALL(sim, expression)                                                                  \
    do {                                                                                           \
        (sim)->in_call++;                                                                          \
        expression;                                                                                \
        (sim)->in_call--;                                                                          \
    } while (0)

/* ---- crash.c ---- */

/* Its process dies, and with it all it knew. It is there again some time later. */
void sim_crash(struct sim_actor *actor);
/* One that is a copy begins, or ends. */
void sim_clone(struct sim *sim);
/* Every copy ends. */
void sim_clones_end(struct sim *sim);

/* ---- ops.c ---- */

/* Sends one message of a size the plan likes; how: SEND, LEND, THREAD. */
kith_err sim_send(struct sim_half *half, unsigned channel, size_t bytes, enum sim_op how);
/* One thing at random; actor NULL: by anyone. */
void sim_op(struct sim *sim, struct sim_actor *actor);
/* Nobody rests any more. */
void sim_wake_all(struct sim *sim);

#endif
