/* SPDX-License-Identifier: MIT
 *
 * world.h: sessions that meet over the memory hub under virtual time. Each session is an actor that
 * writes down what it was told and checks on the way what must always hold: messages come in order
 * and whole, every event fits what went before. Calls go through the public functions.
 */
#ifndef KITH_TESTS_WORLD_H
#define KITH_TESTS_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "bench.h"
#include "kith/kith.h"
#include "session/session.h"
#include "transports/memory/memory.h"

enum { WORLD_ACTORS_MAX = 8, WORLD_FRIENDS_MAX = 32, WORLD_TICKETS_MAX = 4096 };

enum actor_event {
    ACTOR_CONNECTED = 1,
    ACTOR_DEPARTED,
    ACTOR_MESSAGE,
    ACTOR_FATE,
    ACTOR_WRITABLE,
    ACTOR_DATAGRAM_WRITABLE,
    ACTOR_LISTENING,
    ACTOR_LISTENER_FAILED,
    ACTOR_LISTENER_CLOSED,
    ACTOR_LISTENER_WAITING,
    ACTOR_DIAL_WAITING,
    ACTOR_DIAL_READY,
    ACTOR_DIAL_FAILED,
    ACTOR_DIAL_CLOSED,
    ACTOR_CLOSED,
    ACTOR_INTERRUPTED,
    ACTOR_RESUMED,
    ACTOR_NETWORK_CHANGED,
    ACTOR_NETWORK_WOKE,
    ACTOR_NETWORK_PATH,
    ACTOR_EVENTS
};

/* One association with another peer. */
struct actor_friend {
    kith_peer *peer; /* NULL once departed */
    kith_id id;
    int is_interrupted;
    unsigned sent[KITH_CHANNEL_COUNT], came[KITH_CHANNEL_COUNT];
    kith_reason reason; /* of the departure */
    char text[KITH_REASON_TEXT_BYTES_MAX + 1];
};

struct actor {
    struct world *world;
    kith_session *session; /* NULL once closed */
    char scheme[8];
    char url[64]; /* where it listens */
    kith_listener *listener;
    char listener_detail[256]; /* of the last WAITING or FAILED */
    kith_dial *dial;           /* the last one opened; NULL after its final event */

    unsigned count[ACTOR_EVENTS];
    struct actor_friend friends[WORLD_FRIENDS_MAX];
    size_t friend_count;
    struct actor_friend *last; /* the last one that connected */
    uint64_t bytes_came;
    size_t largest_came;
    uint64_t tickets;                     /* handed out: 1 to this */
    uint8_t fates[WORLD_TICKETS_MAX + 1]; /* of each, 0 = none yet */
    unsigned fate_count[4];
    kith_reason dial_reason;
    char dial_detail[256];
    kith_peer *dial_peer;
    uint32_t retry_in_ms;
    uint64_t event_us; /* when the last event came */

    /* Runs at the end of every callback. */
    void (*hook)(struct actor *actor, enum actor_event event);
    void *hook_user;
};

struct world {
    struct bench bench;
    struct kith_memory_hub hub;
    const struct kith_driver *drivers[4];
    struct actor actors[WORLD_ACTORS_MAX];
    size_t actor_count;
    int is_tampered; /* contents of messages are not checked */
    unsigned depth;  /* inside a callback */
};

/* The world must not move. */
void world_open(struct world *world, uint64_t seed);
/* Closes every session without flushing, and checks that nothing is left of anything. What actors
 * wrote down can still be read. */
void world_close(struct world *world);

/* Deferred work until there is none. */
void world_settle(struct world *world);
/* Time goes on by so much, from timer to timer. */
void world_run_us(struct world *world, uint64_t us);
void world_run(struct world *world, uint64_t ms);

/* A plain star of default limits. The text is borrowed until world_join(). */
kith_session_config world_config(const char *name);
/* The same with KITH_SECURITY_PSK, over links that claim TLS 1.3. */
kith_session_config world_secure_config(const char *name);

/* Opens a session; NULL when that failed, which only a world without memory allows. */
struct actor *world_join(struct world *world, const kith_session_config *config);

/* Listens on port 0, and settles: actor->url. */
void actor_listen(struct actor *actor);
/* Dials where the other listens; options may be NULL. Does not settle. */
kith_err actor_dial(struct actor *actor, const struct actor *to, const kith_dial_options *options);
kith_err actor_dial_url(struct actor *actor, const char *url, const kith_dial_options *options);
/* Two actors that are connected: a listens, b dials. */
void world_pair(struct world *world, struct actor **a, struct actor **b);

/* Sends the friend's next message on a channel, with a ticket of its own or without. */
kith_err actor_say(struct actor *actor, struct actor_friend *to, unsigned channel, size_t bytes,
                   int with_ticket);

/* Sessions look as they should: `links` links, `peers` of them in use. */
void actor_expect(const struct actor *actor, size_t links, size_t peers);

#endif
