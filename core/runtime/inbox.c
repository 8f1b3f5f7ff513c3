/* SPDX-License-Identifier: MIT
 *
 * inbox.c: kith_send() from other threads. The room is reserved atomically, so AGAIN is known at
 * once; the message then waits in the loop's inbox until the loop thread puts it into its lane.
 * Touches nothing of a peer but what session.h says other threads may look at.
 */
#include "base/err.h"
#include "runtime/runtime.h"
#include "session/session.h"

struct entry {
    struct kith_node node;
    struct kith_peer *peer; /* retained */
    struct kith_payload *payload;
    unsigned channel;
    uint64_t ticket;
};

/* Takes room for one message off what other threads may have under way to this peer. When there is
 * none, something is under way that will be freed, and whoever frees it finds the channel marked:
 * no on_writable is lost. */
static int reserve(struct kith_peer *peer, unsigned channel, size_t bytes)
{
    size_t now = atomic_load(&peer->reserved);
    for (;;) {
        if (now + bytes <= peer->reserved_max) {
            if (atomic_compare_exchange_weak(&peer->reserved, &now, now + bytes)) {
                return 1;
            }
            continue;
        }
        atomic_fetch_or(&peer->refused_channels, 1u << channel);
        now = atomic_load(&peer->reserved); /* it may have been freed before the mark */
        if (now + bytes > peer->reserved_max) {
            return 0;
        }
    }
}

static struct entry *make_entry(struct kith_peer *peer, unsigned channel, const void *data,
                                size_t data_bytes, const kith_send_options *options)
{
    struct kith_env *env = kith_loop_env(peer->owner);
    struct entry *entry = kith_alloc(env, sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    entry->payload = kith_payload_new(env, data, data_bytes, options->free_fn, options->free_user);
    if (entry->payload == NULL) {
        kith_free(env, entry);
        return NULL;
    }
    entry->peer = peer;
    entry->channel = channel;
    entry->ticket = options->ticket;
    return entry;
}

/* 1 when the loop takes it; 0 when the peer has departed meanwhile. */
static int hand_over(struct entry *entry)
{
    kith_loop *loop = entry->peer->owner;
    int open;
    kith_loop_lock(loop);
    open = entry->peer->is_open;
    if (open) {
        atomic_fetch_add(&entry->peer->references, 1);
        kith_list_append(kith_loop_inbox(loop), &entry->node);
    }
    kith_loop_unlock(loop);
    if (open) {
        kith_loop_wake(loop);
    }
    return open;
}

kith_err kith_inbox_send(kith_peer *peer, unsigned channel, const void *data, size_t data_bytes,
                         const kith_send_options *options)
{
    size_t cost = sizeof(struct entry) + sizeof(struct kith_payload) + data_bytes;
    struct entry *entry;
    if (data_bytes > peer->max_message_bytes || data_bytes > peer->reserved_max / 2) {
        return kith_fail(
            KITH_ERR_TOO_BIG,
            "data_bytes: is %zu; other threads than the loop's can send at most %zu", data_bytes,
            peer->max_message_bytes < peer->reserved_max / 2 ? (size_t)peer->max_message_bytes
                                                             : peer->reserved_max / 2);
    }
    if (!reserve(peer, channel, cost)) {
        return KITH_ERR_AGAIN;
    }
    entry = make_entry(peer, channel, data, data_bytes, options);
    if (entry == NULL) {
        atomic_fetch_sub(&peer->reserved, cost);
        return KITH_ERR_NOMEM;
    }
    entry->payload->reservation = &peer->reserved;
    entry->payload->reserved = cost;
    if (!hand_over(entry)) {
        struct kith_env *env = kith_loop_env(peer->owner);
        atomic_fetch_sub(&peer->reserved, cost);
        kith_payload_disown(entry->payload);
        kith_free(env, entry);
        return kith_fail(KITH_ERR_NOT_CONNECTED, "the peer has departed");
    }
    return KITH_OK;
}

/* The message was taken with KITH_OK: whatever happens now, its fate is told. */
static void deliver(struct entry *entry)
{
    struct kith_peer *peer = entry->peer;
    struct kith_session *session = peer->session;
    kith_err err = kith_peer_share(peer, entry->channel, entry->payload, entry->ticket, 1);
    if (err != KITH_OK && entry->ticket != 0 && session->callbacks.on_fate != NULL) {
        session->callbacks.on_fate(session, peer, entry->ticket, KITH_FATE_UNSENT, session->user);
    }
    kith_payload_unref(entry->payload);
    kith_free(peer->env, entry);
    kith_peer_unref(peer);
}

void kith_inbox_drain(kith_loop *loop)
{
    struct kith_node batch;
    kith_loop_lock(loop);
    kith_list_move(kith_loop_inbox(loop), &batch);
    kith_loop_unlock(loop);
    while (!kith_list_empty(&batch)) {
        struct entry *entry = KITH_CONTAINER(batch.next, struct entry, node);
        kith_list_remove(&entry->node);
        deliver(entry);
    }
}

void kith_inbox_shut(struct kith_peer *peer)
{
    kith_loop *loop = peer->owner;
    kith_loop_lock(loop);
    peer->is_open = 0;
    kith_loop_unlock(loop);
    kith_inbox_drain(loop);
}
