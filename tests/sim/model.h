/* SPDX-License-Identifier: MIT
 *
 * model.h: what has been sent, what came of it, and what was told: the simulator's own books, kept
 * from the outside. They know both ends at once, so they can tell a lie from a loss. Kept by the
 * public interface alone, but for the two questions asked of inspect.h: which association a peer
 * belongs to, and how far a lane has been received.
 */
#ifndef KITH_SIM_MODEL_H
#define KITH_SIM_MODEL_H

#include "actor.h"
#include "sim.h"

struct sim_lent;

struct sim_message {
    uint64_t ticket;     /* 0: nobody asked */
    uint64_t start, end; /* of its record in the lane */
    uint32_t bytes, key;
    struct sim_lent *lent; /* NULL: copied */
    uint8_t fate;          /* 0: not told */
    uint8_t is_back;       /* the receiver's application is done with it */
};

/* One channel in one direction. */
struct sim_stream {
    struct sim_message *messages;
    size_t count, room;
    size_t came;     /* handed to the receiver, from the first on */
    size_t consumed; /* all before this one are back */
    size_t owed;     /* all before this one have their fate, or need none */
    /* AGAIN was said here, and to another thread, and on_writable has not come: each is told of. */
    enum { SIM_TOLD = 0, SIM_MAYBE_TOLD, SIM_REFUSED } refused[2];
};

struct sim_datagram {
    uint64_t sent_us;
    uint32_t bytes, lifetime_ms;
    uint8_t refused, came;
};

/* One end of an association. */
struct sim_half {
    struct sim_assoc *assoc;
    struct sim_half *other;
    struct sim_actor *actor;
    uint32_t session;              /* its number */
    struct sim_half *next, **link; /* of the actor's connected ones */
    kith_peer *peer;               /* NULL before and after */
    kith_peer *kept;               /* retained beyond departure */
    enum { SIM_HALF_UNKNOWN, SIM_HALF_CONNECTED, SIM_HALF_DEPARTED } state;
    kith_reason reason;
    int kicked; /* disconnected by the application here */
    int is_interrupted;
    struct sim_stream out[KITH_CHANNEL_COUNT];
    uint64_t messages_sent, bytes_sent, messages_came, bytes_came;
    uint64_t received[KITH_CHANNEL_COUNT]; /* at departure */
    struct sim_datagram *datagrams;
    size_t datagram_count, datagram_room;
    uint64_t datagrams_came, datagrams_refused;
    int datagrams_wait; /* AGAIN was said, and on_datagram_writable has not come */
};

struct sim_assoc {
    struct sim_assoc *next;
    uint32_t number;
    uint32_t arbiter; /* number of the session that began it */
    uint64_t since;
    struct sim_half halves[2];
};

/* Bytes given away until they come back. */
struct sim_lent {
    struct sim *sim;
    uint8_t *bytes;
    size_t count;
    uint32_t key;
    int is_back;
    struct sim_lent_to {
        struct sim_half *half;
        unsigned channel;
        size_t index;
    } * to;
    size_t to_count, to_room;
};

/* ---- who is there ---- */

struct sim_half *sim_model_connected(struct sim *sim, struct sim_actor *actor, kith_peer *peer);
void sim_model_interrupted(struct sim *sim, struct sim_half *half, kith_reason reason);
void sim_model_resumed(struct sim *sim, struct sim_half *half);
void sim_model_departed(struct sim *sim, struct sim_half *half, kith_reason reason);

/* The peer has not departed, as the core sees it: it can be sent to. */
int sim_model_is_there(const struct sim_half *half);

/* ---- messages ---- */

/* A call has taken a message. */
void sim_model_sent(struct sim *sim, struct sim_half *half, unsigned channel, size_t bytes,
                    uint32_t key, uint64_t ticket, struct sim_lent *lent);
/* Likewise, from another thread: it comes into the lane when the loop drains its inbox. */
void sim_model_thread_sent(struct sim *sim, struct sim_half *half, unsigned channel, size_t bytes,
                           uint32_t key, uint64_t ticket, struct sim_lent *lent);
void sim_model_drained(struct sim *sim, int actor);
/* The receiving half was handed a message: the next one of its channel, or the run fails. Gives its
 * number. */
size_t sim_model_came(struct sim *sim, struct sim_half *half, unsigned channel, const void *data,
                      size_t bytes);
/* The receiving half's application is done with it. */
void sim_model_back(struct sim_half *half, unsigned channel, size_t number);
/* A message that half was handed. */
const struct sim_message *sim_model_message(const struct sim_half *half, unsigned channel,
                                            size_t number);
void sim_model_fate(struct sim *sim, struct sim_half *half, uint64_t ticket, kith_fate fate);
void sim_model_refused(struct sim *sim, struct sim_half *half, unsigned channel, size_t bytes,
                       int by_thread);
void sim_model_writable(struct sim *sim, struct sim_half *half, unsigned channel);

struct sim_lent *sim_model_lend(struct sim *sim, size_t count, uint32_t key);
void sim_model_lent_back(void *user, const void *bytes); /* the free_fn */
void sim_model_not_lent(struct sim_lent *lent);          /* the call refused it */

/* Bytes sent by half that the other has not been handed. */
uint64_t sim_model_to_come(const struct sim_half *half);

/* ---- datagrams ---- */

/* The number the next one sent by half carries. */
uint32_t sim_model_datagram_number(const struct sim_half *half);
void sim_model_datagram_sent(struct sim *sim, struct sim_half *half, size_t bytes,
                             uint32_t lifetime_ms, kith_err err);
void sim_model_datagram_fill(const struct sim_half *half, uint32_t number, uint8_t *out,
                             size_t bytes);
/* The application hears that there is room. */
void sim_model_datagram_writable(struct sim *sim, struct sim_half *half);
/* It is handed to the transport. */
void sim_model_datagram_goes(struct sim *sim, struct sim_half *half, const uint8_t *bytes,
                             size_t count);
void sim_model_datagram_came(struct sim *sim, struct sim_half *half, const uint8_t *bytes,
                             size_t count);

/* ---- the whole ---- */

/* What kith_peer_get_stats() says must be what happened. Outside callbacks. */
void sim_model_check_stats(struct sim *sim, struct sim_half *half);
/* NULL when nothing is on its way and nobody waits; else what is still missing, in words. */
const char *sim_model_missing(struct sim *sim);
/* At the end: every message that owed a fate has one, lent bytes are back. */
void sim_model_done(struct sim *sim);

#endif
