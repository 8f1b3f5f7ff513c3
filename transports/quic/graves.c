/* SPDX-License-Identifier: MIT
 *
 * graves.c: what is left of links that have ended: a packet that says so, for those who have not
 * heard it. Must keep nothing for long, and no address that somebody else may want to listen at.
 */
#include <string.h>

#include "transports/quic/inside.h"

static void drop(struct kith__quic_endpoint *endpoint, struct kith__quic_grave *grave)
{
    while (!kith_list_empty(&grave->ids)) {
        kith__quic_id_drop(endpoint, KITH_CONTAINER(grave->ids.next, struct kith__quic_id, node));
    }
    kith_list_remove(&grave->node);
    endpoint->grave_count--;
    grave->socket->grave_count--;
    kith__quic_socket_release(grave->socket);
    kith_free(endpoint->base.env, grave);
}

static struct kith__quic_grave *oldest(struct kith__quic_endpoint *endpoint)
{
    return kith_list_empty(&endpoint->graves)
               ? NULL
               : KITH_CONTAINER(endpoint->graves.next, struct kith__quic_grave, node);
}

/* Those whose time is over; all of them where there is no timer to come back with. */
static void expire(struct kith_timer *timer)
{
    struct kith__quic_endpoint *endpoint =
        KITH_CONTAINER(timer, struct kith__quic_endpoint, grave_timer);
    struct kith_env *env = endpoint->base.env;
    struct kith__quic_grave *grave;
    while ((grave = oldest(endpoint)) != NULL && grave->until_us <= env->now_us) {
        drop(endpoint, grave);
    }
    if (grave != NULL && kith_timer_set(env, timer, grave->until_us) != KITH_OK) {
        kith__quic_graves_clear(endpoint, NULL);
    }
}

void kith__quic_graves_start(struct kith__quic_endpoint *endpoint)
{
    kith_list_init(&endpoint->graves);
    endpoint->grave_timer.fire = expire;
}

void kith__quic_graves_clear(struct kith__quic_endpoint *endpoint,
                             const struct kith__quic_socket *socket)
{
    struct kith_node *at = endpoint->graves.next;
    while (at != &endpoint->graves) {
        struct kith__quic_grave *grave = KITH_CONTAINER(at, struct kith__quic_grave, node);
        at = at->next;
        if (socket == NULL || grave->socket == socket) {
            drop(endpoint, grave);
        }
    }
    if (kith_list_empty(&endpoint->graves)) {
        kith_timer_stop(endpoint->base.env, &endpoint->grave_timer);
    }
}

/* The tokens tell of the other side's ids, which are of no interest any more. */
static void move_ids(struct kith__quic_link *link, struct kith__quic_grave *grave)
{
    struct kith_node *at = link->ids.next;
    while (at != &link->ids) {
        struct kith__quic_id *id = KITH_CONTAINER(at, struct kith__quic_id, node);
        at = at->next;
        if (!id->is_token) {
            id->link = NULL;
            id->grave = grave;
            kith_list_remove(&id->node);
            kith_list_append(&grave->ids, &id->node);
        }
    }
    link->first_id = NULL;
}

void kith__quic_bury(struct kith__quic_link *link, const struct kith__udp_path *path,
                     const uint8_t *bytes, size_t count)
{
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    struct kith_env *env = endpoint->base.env;
    struct kith__quic_grave *grave;
    if (endpoint->grave_count >= KITH_QUIC_GRAVES_MAX) {
        drop(endpoint, oldest(endpoint));
    }
    grave = kith_alloc(env, sizeof *grave + count);
    if (grave == NULL) {
        return;
    }
    grave->socket = link->socket;
    grave->path = *path;
    grave->until_us = env->now_us + KITH_QUIC_GRAVE_MS * UINT64_C(1000);
    grave->count = count;
    memcpy(grave->bytes, bytes, count);
    kith_list_init(&grave->ids);
    kith_list_append(&endpoint->graves, &grave->node);
    endpoint->grave_count++;
    grave->socket->grave_count++;
    if (!kith_timer_is_set(&endpoint->grave_timer) &&
        kith_timer_set(env, &endpoint->grave_timer, grave->until_us) != KITH_OK) {
        drop(endpoint, grave);
        return;
    }
    move_ids(link, grave);
}

/* Ever more seldom, or two of them would go on (RFC 9000 §10.2.1); and only to where it was sent.
 */
void kith__quic_grave_heard(struct kith__quic_grave *grave, const struct kith__udp_path *path)
{
    grave->heard++;
    if ((grave->heard & (grave->heard - 1)) == 0 &&
        kith__udp_same(&path->remote, &grave->path.remote)) {
        (void)kith__quic_socket_send(grave->socket, &grave->path, grave->bytes, grave->count,
                                     grave->count);
    }
}
