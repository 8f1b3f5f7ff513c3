/* SPDX-License-Identifier: MIT
 *
 * payload.c: blocks of message bytes that several lanes send, counted. Pure.
 */
#include <string.h>

#include "protocol/lane.h"

struct kith_payload *kith_payload_new(struct kith_env *env, const void *bytes, size_t count,
                                      void (*free_fn)(void *user, const void *bytes), void *user)
{
    struct kith_payload *payload =
        kith_resize(env, NULL, sizeof *payload + (free_fn == NULL ? count : 0));
    if (payload == NULL) {
        return NULL;
    }
    memset(payload, 0, sizeof *payload);
    payload->env = env;
    payload->references = 1;
    payload->count = count;
    payload->free_fn = free_fn;
    payload->user = user;
    payload->bytes = free_fn == NULL ? payload->copy : bytes;
    if (free_fn == NULL && count > 0) {
        memcpy(payload->copy, bytes, count);
    }
    return payload;
}

void kith_payload_unref(struct kith_payload *payload)
{
    if (--payload->references > 0) {
        return;
    }
    if (payload->free_fn != NULL) {
        payload->free_fn(payload->user, payload->bytes);
    }
    if (payload->reservation != NULL) {
        atomic_fetch_sub(payload->reservation, payload->reserved);
    }
    kith_free(payload->env, payload);
}

static void release(struct kith_deferred *deferred)
{
    kith_payload_unref(KITH_CONTAINER(deferred, struct kith_payload, release));
}

void kith_payload_unref_later(struct kith_payload *payload)
{
    payload->release.run = release;
    kith_defer(payload->env, &payload->release);
}

void kith_payload_disown(struct kith_payload *payload)
{
    kith_free(payload->env, payload);
}
