/* SPDX-License-Identifier: MIT
 *
 * place.h: where a case happens: an env with counted memory, and time that goes on. The memory hub
 * has virtual time; drivers with sockets have the runtime's loop. Nothing waits for a clock but
 * where a deadline of the driver's own is what is looked at.
 */
#ifndef KITH_CONFORMANCE_PLACE_H
#define KITH_CONFORMANCE_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "transport.h"
#include "transports/memory/memory.h"

/* What is under test; the table is in main.c. */
struct transport {
    const char *name;
    const struct kith_driver *driver; /* NULL: a memory hub */
    unsigned capabilities;            /* of the hub */
    const char *scheme;
    int secure;
    /* The scheme that speaks the same in clear, or encrypted where this one is in clear; NULL:
     * there is none. */
    const char *other_scheme;
    int packets; /* its sockets carry datagrams: links share them, and nobody is told of an end */
};

struct place {
    const struct transport *transport;
    const struct kith_driver *driver;
    struct kith_env *env;
    uint64_t random; /* state */
    size_t blocks, bytes, peak_bytes;
    uint64_t requests,
        fail_at; /* for memory; the one that fails, 0 = none. Not those in between: */
    int spared;  /* the double asks for itself */
    size_t fds;  /* open when the place was made */
    uint64_t deadline_us;
    int has_sockets;

    struct kith_memory_hub hub; /* without sockets */
    struct kith_env own_env;
    kith_loop *loop; /* with sockets */
};

void place_open(struct place *place, const struct transport *transport, uint64_t seed);
/* Fails when memory, timers, deferred work or descriptors are left. */
void place_close(struct place *place);

/* One turn; with virtual time, on to the next timer. what is for the sentence when there can be no
 * further turn, or a minute has gone by. */
void place_step(struct place *place, const char *what);
/* One turn and, with virtual time, the next timer; legal when nothing will happen. */
void place_turn(struct place *place);
/* A few of them: for what must not happen. */
void place_idle(struct place *place);

/* Turns until the expression holds. */
#define UNTIL(place, expression)                                                                   \
    do {                                                                                           \
        place_patience(place);                                                                     \
        while (!(expression)) {                                                                    \
            place_step(place, #expression);                                                        \
        }                                                                                          \
    } while (0)
void place_patience(struct place *place);

uint64_t place_random(struct place *place);
/* Below bound, which is 1 or more. */
size_t place_below(struct place *place, size_t bound);

/* Overwrites memory that is to be freed, which a compiler would leave out of a plain memset(). */
void place_poison(void *block, size_t bytes);

/* Bytes of the C library's heap in use, where it says so; else 0. Libraries below a driver do not
 * use the env. */
size_t heap_bytes(void);

static inline int place_can(const struct place *place, unsigned capability)
{
    return (place->driver->capabilities & capability) != 0;
}

#endif
