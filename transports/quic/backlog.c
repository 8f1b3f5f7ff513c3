/* SPDX-License-Identifier: MIT
 *
 * backlog.c: strangers who wait for a place in the handshake, as connections do in TCP's backlog:
 * the first packet of each, in the order in which they came. Without it they would come again by
 * themselves (RFC 9002 §6.2.2.1), each time after twice as long, and as many as have a place would
 * get in each time. Must keep nothing of whom that has not shown to be where it says.
 */
#include <string.h>

#include "transports/quic/inside.h"

static void take_out(struct kith__quic_endpoint *endpoint, struct kith__quic_waiting *waiting)
{
    kith_list_remove(&waiting->node);
    endpoint->waiting_count--;
}

static void drop(struct kith__quic_endpoint *endpoint, struct kith__quic_waiting *waiting)
{
    take_out(endpoint, waiting);
    kith_free(endpoint->base.env, waiting);
}

static struct kith__quic_waiting *first_of(struct kith__quic_endpoint *endpoint)
{
    return kith_list_empty(&endpoint->waiting)
               ? NULL
               : KITH_CONTAINER(endpoint->waiting.next, struct kith__quic_waiting, node);
}

static int is_late(const struct kith__quic_endpoint *endpoint,
                   const struct kith__quic_waiting *waiting)
{
    return endpoint->base.env->now_us - waiting->since_us > KITH_QUIC_BACKLOG_MS * UINT64_C(1000);
}

static void let_in(struct kith__quic_endpoint *endpoint, struct kith__quic_waiting *waiting)
{
    struct kith__quic_first first = {.original = waiting->original};
    take_out(endpoint, waiting); /* first: the core may clear the others meanwhile */
    if (ngtcp2_accept(&first.head, waiting->bytes, waiting->count) == 0) {
        kith__quic_admit(waiting->socket, &waiting->path, &first, waiting->bytes, waiting->count);
    }
    kith_free(endpoint->base.env, waiting);
}

/* As many as there are places for. Where there is no timer to come back with they come again by
 * themselves. */
static void let_in_some(struct kith_timer *timer)
{
    struct kith__quic_endpoint *endpoint =
        KITH_CONTAINER(timer, struct kith__quic_endpoint, backlog_timer);
    struct kith_env *env = endpoint->base.env;
    struct kith__quic_waiting *waiting;
    while ((waiting = first_of(endpoint)) != NULL) {
        uint32_t after_ms;
        if (is_late(endpoint, waiting)) {
            drop(endpoint, waiting);
            continue;
        }
        after_ms = kith_up_accept_after_ms(&waiting->socket->port->base);
        if (after_ms == 0) {
            let_in(endpoint, waiting);
        } else if (kith_timer_set(env, timer, env->now_us + after_ms * UINT64_C(1000)) == KITH_OK) {
            return;
        } else {
            kith__quic_backlog_clear(endpoint, NULL);
        }
    }
}

void kith__quic_backlog_start(struct kith__quic_endpoint *endpoint)
{
    kith_list_init(&endpoint->waiting);
    endpoint->backlog_timer.fire = let_in_some;
}

void kith__quic_backlog_clear(struct kith__quic_endpoint *endpoint,
                              const struct kith__quic_socket *socket)
{
    struct kith_node *at = endpoint->waiting.next;
    while (at != &endpoint->waiting) {
        struct kith__quic_waiting *waiting = KITH_CONTAINER(at, struct kith__quic_waiting, node);
        at = at->next;
        if (socket == NULL || waiting->socket == socket) {
            drop(endpoint, waiting);
        }
    }
    if (kith_list_empty(&endpoint->waiting)) {
        kith_timer_stop(endpoint->base.env, &endpoint->backlog_timer);
    }
}

/* Who waits may well ask again meanwhile. */
static int waits_already(const struct kith__quic_endpoint *endpoint,
                         const struct kith__udp_path *path, const ngtcp2_cid *original)
{
    for (const struct kith_node *at = endpoint->waiting.next; at != &endpoint->waiting;
         at = at->next) {
        const struct kith__quic_waiting *waiting =
            KITH_CONTAINER(at, struct kith__quic_waiting, node);
        if (ngtcp2_cid_eq(&waiting->original, original) &&
            kith__udp_same(&waiting->path.remote, &path->remote)) {
            return 1;
        }
    }
    return 0;
}

void kith__quic_backlog_put(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                            const struct kith__quic_first *first, const uint8_t *bytes,
                            size_t count)
{
    struct kith__quic_endpoint *endpoint = socket->endpoint;
    struct kith_env *env = endpoint->base.env;
    struct kith__quic_waiting *waiting;
    if (endpoint->waiting_count >= KITH_QUIC_BACKLOG_MAX || count > KITH_QUIC_BACKLOG_BYTES_MAX ||
        waits_already(endpoint, path, &first->original)) {
        return;
    }
    waiting = kith_alloc(env, sizeof *waiting + count);
    if (waiting == NULL) {
        return;
    }
    waiting->socket = socket;
    waiting->path = *path;
    waiting->original = first->original;
    waiting->since_us = env->now_us;
    waiting->count = count;
    memcpy(waiting->bytes, bytes, count);
    kith_list_append(&endpoint->waiting, &waiting->node);
    endpoint->waiting_count++;
    if (!kith_timer_is_set(&endpoint->backlog_timer) &&
        kith_timer_set(env, &endpoint->backlog_timer, env->now_us) != KITH_OK) {
        drop(endpoint, waiting);
    }
}
