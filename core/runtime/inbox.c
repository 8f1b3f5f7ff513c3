/* SPDX-License-Identifier: MIT
 *
 * inbox.c: kith_send(), kith_send_many() and kith_send_datagram() from other threads. The room is
 * reserved atomically, so AGAIN is known at once; the message then waits in the loop's inbox until
 * the loop thread puts it into its lane. Touches nothing of a peer but what session.h says other
 * threads may look at.
 */
#include "base/err.h"
#include "bounds.h"
#include "runtime/runtime.h"
#include "session/session.h"

struct entry {
    struct kith_node node;
    struct kith_peer *peer; /* retained; NULL: the payload is only to be given back */
    struct kith_payload *payload;
    kith_send_result *result;      /* kith_send_many(): the receiver's line */
    struct kith_outgoing outgoing; /* a message: made here, where it can still be refused */
    unsigned channel;
};

/* Takes room off what other threads may have under way to this peer. When there is none, something
 * is under way that will be freed, and whoever frees it finds the channel marked: no on_writable is
 * lost. */
static int reserve(struct kith_peer *peer, atomic_size_t *reserved, size_t most, unsigned channel,
                   size_t bytes)
{
    size_t now = atomic_load(reserved);
    for (;;) {
        if (now + bytes <= most) {
            if (atomic_compare_exchange_weak(reserved, &now, now + bytes)) {
                return 1;
            }
            continue;
        }
        atomic_fetch_or(&peer->refused_channels, 1u << channel);
        now = atomic_load(reserved); /* it may have been freed before the mark */
        if (now + bytes > most) {
            return 0;
        }
    }
}

static struct entry *make_entry(struct kith_peer *peer, const void *data, size_t data_bytes,
                                void (*free_fn)(void *user, const void *data), void *free_user)
{
    struct kith_env *env = kith_loop_env(peer->owner);
    struct entry *entry = kith_alloc(env, sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    entry->payload = kith_payload_new(env, data, data_bytes, free_fn, free_user);
    if (entry->payload == NULL) {
        kith_free(env, entry);
        return NULL;
    }
    entry->peer = peer;
    return entry;
}

/* Ends an entry that the loop did not take; lent bytes stay the caller's. */
static void drop_entry(struct entry *entry)
{
    struct kith_env *env = kith_loop_env(entry->peer->owner);
    if (entry->payload->reservation != NULL) {
        atomic_fetch_sub(entry->payload->reservation, entry->payload->reserved);
    }
    kith_outgoing_free(env, &entry->outgoing);
    kith_payload_disown(entry->payload);
    kith_free(env, entry);
}

/* 1 when the loop takes it; 0 when the peer has departed meanwhile. The loop is locked. */
static int hand_over(struct entry *entry)
{
    struct kith_peer *peer = entry->peer;
    if (!peer->is_open) {
        return 0;
    }
    atomic_fetch_add(&peer->references, 1);
    kith_list_append(&kith_loop_inbox(peer->owner)->messages, &entry->node);
    return 1;
}

/* An entry is there: gives it to the loop, or ends it. */
static kith_err submit(struct entry *entry)
{
    kith_loop *loop = entry->peer->owner;
    int taken;
    kith_loop_lock(loop);
    taken = hand_over(entry);
    kith_loop_unlock(loop);
    if (!taken) {
        drop_entry(entry);
        return kith_fail(KITH_ERR_NOT_CONNECTED, "the peer has departed");
    }
    kith_loop_wake(loop);
    return KITH_OK;
}

/* ---- messages ---------------------------------------------------------------------------------
 */

/* Makes the entry of one message, its room reserved. */
static kith_err make_message(struct kith_peer *peer, unsigned channel, uint64_t ticket,
                             const void *data, size_t data_bytes,
                             void (*free_fn)(void *user, const void *data), void *free_user,
                             struct entry **out)
{
    size_t cost = sizeof(struct entry) + sizeof(struct kith_payload) + data_bytes;
    size_t most = peer->reserved_max / 2;
    struct entry *entry;
    most = peer->max_message_bytes < most ? peer->max_message_bytes : most;
    if (data_bytes > most) {
        return kith_fail(KITH_ERR_TOO_BIG,
                         "data_bytes: is %zu; other threads than the loop's can send at most %zu",
                         data_bytes, most);
    }
    if (!reserve(peer, &peer->reserved, peer->reserved_max, channel, cost)) {
        return KITH_ERR_AGAIN;
    }
    entry = make_entry(peer, data, data_bytes, free_fn, free_user);
    if (entry == NULL) {
        atomic_fetch_sub(&peer->reserved, cost);
        return KITH_ERR_NOMEM;
    }
    entry->channel = channel;
    entry->payload->reservation = &peer->reserved;
    entry->payload->reserved = cost;
    if (kith_outgoing_make(kith_loop_env(peer->owner), entry->payload, ticket, &entry->outgoing) !=
        KITH_OK) {
        drop_entry(entry);
        return KITH_ERR_NOMEM;
    }
    *out = entry;
    return KITH_OK;
}

kith_err kith_inbox_send(kith_peer *peer, unsigned channel, const void *data, size_t data_bytes,
                         const kith_send_options *options)
{
    struct entry *entry;
    kith_err err = make_message(peer, channel, options->ticket, data, data_bytes, options->free_fn,
                                options->free_user, &entry);
    return err != KITH_OK ? err : submit(entry);
}

/* One receiver's part of bytes that several share. Runs on the loop thread, like every use of their
 * count after the entries were handed over. */
static void unshare(void *user, const void *bytes)
{
    (void)bytes;
    kith_payload_unref(user);
}

/* Hands over all that were made, and gives up the caller's own reference to what they share. Not a
 * step of that may be seen by the loop before the last one is done. */
static void submit_all(kith_loop *loop, struct kith_node *made, struct kith_payload *shared,
                       struct entry *spare, struct kith_node *refused)
{
    struct kith_node taken;
    kith_list_init(&taken);
    kith_loop_lock(loop);
    while (!kith_list_empty(made)) {
        struct entry *entry = KITH_CONTAINER(made->next, struct entry, node);
        kith_list_remove(&entry->node);
        if (!hand_over(entry)) {
            entry->result->err = KITH_ERR_NOT_CONNECTED;
            shared->references--;
            kith_list_append(refused, &entry->node);
        }
    }
    if (--shared->references == 0) { /* nobody has it: the loop thread gives it back */
        shared->references = 1;
        spare->payload = shared;
        kith_list_append(&kith_loop_inbox(loop)->messages, &spare->node);
    } else {
        kith_list_append(refused, &spare->node);
    }
    kith_loop_unlock(loop);
    kith_loop_wake(loop);
}

/* What there is to know of a receiver without touching its session. */
static kith_err make_shared(kith_loop *loop, kith_send_result *to, unsigned channel,
                            uint64_t ticket, struct kith_payload *shared, struct entry **out)
{
    kith_err err;
    if (to->peer == NULL) {
        return kith_fail(KITH_ERR_INVALID, "peer: must not be NULL");
    }
    if (to->peer->owner != loop) {
        return kith_fail(KITH_ERR_INVALID, "peer: is of another loop");
    }
    err =
        make_message(to->peer, channel, ticket, shared->bytes, shared->count, unshare, shared, out);
    if (err == KITH_OK) {
        (*out)->result = to;
        shared->references++;
    }
    return err;
}

kith_err kith_inbox_send_many(kith_send_result *to, size_t count, unsigned channel,
                              const void *data, size_t data_bytes, const kith_send_options *options)
{
    kith_loop *loop = to[0].peer->owner;
    struct kith_env *env = kith_loop_env(loop);
    struct entry *spare = kith_alloc(env, sizeof *spare);
    struct kith_payload *shared =
        kith_payload_new(env, data, data_bytes, options->free_fn, options->free_user);
    struct kith_node made, refused;
    kith_err outcome = KITH_OK;
    kith_list_init(&made);
    kith_list_init(&refused);
    if (spare == NULL || shared == NULL) {
        kith_free(env, spare);
        kith_free(env, shared);
        return KITH_ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = NULL;
        to[i].err = make_shared(loop, &to[i], channel, options->ticket, shared, &entry);
        if (to[i].err == KITH_OK) {
            kith_list_append(&made, &entry->node);
        }
    }
    submit_all(loop, &made, shared, spare, &refused);
    while (!kith_list_empty(&refused)) {
        struct entry *entry = KITH_CONTAINER(refused.next, struct entry, node);
        kith_list_remove(&entry->node);
        if (entry == spare) {
            kith_free(env, spare);
        } else {
            drop_entry(entry);
        }
    }
    for (size_t i = 0; i < count; i++) {
        outcome = to[i].err == KITH_OK ? outcome : KITH_ERR_PARTIAL;
    }
    return outcome;
}

/* ---- datagrams --------------------------------------------------------------------------------
 */

/* Whether the loop would have to drop it; then whoever finds the link again sees the mark. */
static int is_barred(struct kith_peer *peer)
{
    if (!atomic_load(&peer->datagrams_barred)) {
        return 0;
    }
    atomic_fetch_or(&peer->refused_channels, 1u << KITH_DATAGRAMS_BIT);
    return atomic_load(&peer->datagrams_barred);
}

kith_err kith_inbox_datagram(kith_peer *peer, const void *data, size_t data_bytes,
                             uint32_t lifetime_ms)
{
    kith_loop *loop = peer->owner;
    size_t cost = kith_datagram_cost(data_bytes);
    struct kith_datagram *datagram;
    int is_open;
    if (data_bytes > KITH_DATAGRAM_BYTES_MAX) {
        return kith_fail(KITH_ERR_TOO_BIG, "data_bytes: is %zu, a datagram has at most %d",
                         data_bytes, KITH_DATAGRAM_BYTES_MAX);
    }
    if (is_barred(peer) || !reserve(peer, &peer->datagrams_reserved, KITH_DATAGRAM_QUEUE_BYTES_MAX,
                                    KITH_DATAGRAMS_BIT, cost)) {
        atomic_fetch_add(&peer->datagrams_refused, 1);
        return kith_fail(KITH_ERR_AGAIN, "too many datagrams wait already: it is dropped");
    }
    datagram = kith_datagram_new(kith_loop_env(loop), data, data_bytes, lifetime_ms);
    if (datagram == NULL) {
        atomic_fetch_sub(&peer->datagrams_reserved, cost);
        return KITH_ERR_NOMEM;
    }
    datagram->peer = peer;
    kith_loop_lock(loop);
    is_open = peer->is_open;
    if (is_open) {
        atomic_fetch_add(&peer->references, 1);
        kith_list_append(&kith_loop_inbox(loop)->datagrams, &datagram->node);
    }
    kith_loop_unlock(loop);
    if (!is_open) {
        atomic_fetch_sub(&peer->datagrams_reserved, cost);
        kith_free(kith_loop_env(loop), datagram);
        return kith_fail(KITH_ERR_NOT_CONNECTED, "the peer has departed");
    }
    kith_loop_wake(loop);
    return KITH_OK;
}

/* ---- the loop's side --------------------------------------------------------------------------
 */

/* Runs inside calls of the application too, at a peer's end: calls nothing of it back, and a
 * message that was taken with KITH_OK cannot fail any more. */
static void deliver(struct kith_env *env, struct entry *entry)
{
    struct kith_peer *peer = entry->peer;
    struct kith_payload *payload = entry->payload;
    if (peer == NULL) {
        kith_payload_unref_later(payload);
    } else {
        kith_peer_append(peer, entry->channel, payload->count, &entry->outgoing);
    }
    kith_free(env, entry);
    if (peer != NULL) {
        kith_peer_unref(peer);
    }
}

void kith_inbox_drain(kith_loop *loop)
{
    struct kith_inbox *inbox = kith_loop_inbox(loop), batch;
    kith_loop_lock(loop);
    kith_list_move(&inbox->messages, &batch.messages);
    kith_list_move(&inbox->datagrams, &batch.datagrams);
    kith_loop_unlock(loop);
    while (!kith_list_empty(&batch.datagrams)) {
        struct kith_datagram *datagram =
            KITH_CONTAINER(batch.datagrams.next, struct kith_datagram, node);
        kith_list_remove(&datagram->node);
        kith_datagram_take(datagram);
    }
    while (!kith_list_empty(&batch.messages)) {
        struct entry *entry = KITH_CONTAINER(batch.messages.next, struct entry, node);
        kith_list_remove(&entry->node);
        deliver(kith_loop_env(loop), entry);
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
