/* SPDX-License-Identifier: MIT
 *
 * ids.c: which link a connection id (RFC 9000 §5.1) or a stateless reset token (§10.3) belongs to.
 * The first id of a stranger is of its own choice, so the hash is salted; all others are random.
 */
#include <string.h>

#include "transports/quic/inside.h"

enum { BUCKETS_FIRST = 64 };

/* Mixes the first eight bytes, which all have (§7.2), as splitmix64 does. */
static size_t bucket_of(const struct kith__quic_ids *ids, int is_token, const uint8_t *bytes)
{
    uint64_t z;
    memcpy(&z, bytes, sizeof z);
    z = (z ^ ids->salt) + (is_token ? UINT64_C(0x9e3779b97f4a7c15) : 0);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (size_t)(z ^ (z >> 31)) & (ids->bucket_count - 1);
}

/* A table that cannot grow only gets slower. 0: there is none. */
static int make_room(struct kith_env *env, struct kith__quic_ids *ids)
{
    size_t count = ids->bucket_count == 0 ? BUCKETS_FIRST : 2 * ids->bucket_count;
    struct kith__quic_id **buckets, **old = ids->buckets;
    size_t old_count = ids->bucket_count;
    if (ids->count < ids->bucket_count) {
        return 1;
    }
    buckets = kith_alloc(env, count * sizeof(struct kith__quic_id *));
    if (buckets == NULL) {
        return old != NULL;
    }
    ids->buckets = buckets;
    ids->bucket_count = count;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct kith__quic_id *id = old[i];
            size_t bucket = bucket_of(ids, id->is_token, id->bytes);
            old[i] = id->next;
            id->next = buckets[bucket];
            buckets[bucket] = id;
        }
    }
    kith_free(env, old);
    return 1;
}

void kith__quic_ids_free(struct kith_env *env, struct kith__quic_ids *ids)
{
    kith_free(env, ids->buckets);
    ids->buckets = NULL;
    ids->bucket_count = 0;
}

struct kith__quic_id *kith__quic_id_find(struct kith__quic_endpoint *endpoint, int is_token,
                                         const uint8_t *bytes, size_t count)
{
    struct kith__quic_ids *ids = &endpoint->ids;
    struct kith__quic_id *id;
    if (ids->bucket_count == 0 || count < sizeof(uint64_t)) {
        return NULL;
    }
    id = ids->buckets[bucket_of(ids, is_token, bytes)];
    while (id != NULL && (id->is_token != is_token || id->count != count ||
                          memcmp(id->bytes, bytes, count) != 0)) {
        id = id->next;
    }
    return id;
}

struct kith__quic_id *kith__quic_id_add(struct kith__quic_link *link, int is_token,
                                        const uint8_t *bytes, size_t count)
{
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    struct kith__quic_ids *ids = &endpoint->ids;
    struct kith__quic_id *id;
    size_t bucket;
    if (count < sizeof(uint64_t) || count > sizeof id->bytes ||
        !make_room(endpoint->base.env, ids) ||
        kith__quic_id_find(endpoint, is_token, bytes, count) != NULL) {
        return NULL;
    }
    id = kith_alloc(endpoint->base.env, sizeof *id);
    if (id == NULL) {
        return NULL;
    }
    id->link = link;
    id->is_token = (uint8_t)is_token;
    id->count = (uint8_t)count;
    memcpy(id->bytes, bytes, count);
    bucket = bucket_of(ids, is_token, bytes);
    id->next = ids->buckets[bucket];
    ids->buckets[bucket] = id;
    ids->count++;
    kith_list_append(&link->ids, &id->node);
    return id;
}

void kith__quic_id_drop(struct kith__quic_endpoint *endpoint, struct kith__quic_id *id)
{
    struct kith__quic_ids *ids = &endpoint->ids;
    struct kith__quic_id **at = &ids->buckets[bucket_of(ids, id->is_token, id->bytes)];
    while (*at != id) {
        at = &(*at)->next;
    }
    *at = id->next;
    ids->count--;
    endpoint->last = endpoint->last == id ? NULL : endpoint->last;
    kith_list_remove(&id->node);
    kith_free(endpoint->base.env, id);
}
