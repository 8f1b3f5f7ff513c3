/* SPDX-License-Identifier: MIT
 *
 * side.c: one side of the world: memory out of its part of the world, randomness that is the same
 * each time, cryptography that proves nothing and costs nothing, and its session. It must not keep
 * anything outside the world.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

/* ---- memory -----------------------------------------------------------------------------------
 */

enum { GRAIN = 16, CLASS_COUNT = 64, HEAD_BYTES = 16, FREED = 0xdd };

/* Blocks come in 1, 2, 3, 4, 6, 8, 12, 16 ... grains. */
static size_t class_of(size_t bytes, size_t *rounded)
{
    size_t class = 0, room = GRAIN;
    while (room < bytes) {
        class ++;
        room = (class & 1) != 0 ? (size_t)GRAIN << ((class + 1) / 2)
                                : (size_t)(GRAIN + GRAIN / 2) << (class / 2);
    }
    *rounded = room;
    return class;
}

struct block {
    uint32_t bytes, next; /* next: of the free ones */
};

static void *take_block(struct side *side, uint8_t *heap, size_t bytes)
{
    size_t rounded, class = class_of(bytes, &rounded);
    uint32_t at = side->heap_free[class];
    struct block *block;
    if (at != 0) {
        block = (struct block *)(void *)(heap + at - 1);
        side->heap_free[class] = block->next;
    } else {
        at = side->heap_used + 1;
        side->heap_used += (uint32_t)(HEAD_BYTES + rounded);
        if (side->heap_used > HEAP_BYTES) {
            fprintf(stderr, "explore: HEAP_BYTES is too small\n");
            abort();
        }
        block = (struct block *)(void *)(heap + at - 1);
    }
    block->bytes = (uint32_t)bytes;
    side->heap_blocks++;
    return (uint8_t *)block + HEAD_BYTES;
}

static void give_block(struct side *side, uint8_t *heap, void *memory)
{
    struct block *block = (struct block *)(void *)((uint8_t *)memory - HEAD_BYTES);
    size_t rounded, class = class_of(block->bytes, &rounded);
    memset(memory, FREED, rounded);
    block->next = side->heap_free[class];
    side->heap_free[class] = (uint32_t)((uint8_t *)block - heap) + 1;
    side->heap_blocks--;
}

static void *world_realloc(void *user, void *memory, size_t bytes)
{
    struct side *side = user;
    uint8_t *heap = world.heap[side - world.sides];
    void *out = bytes > 0 ? take_block(side, heap, bytes) : NULL;
    if (memory != NULL) {
        const struct block *old = (const struct block *)(void *)((uint8_t *)memory - HEAD_BYTES);
        if (out != NULL) {
            memcpy(out, memory, old->bytes < bytes ? old->bytes : bytes);
        }
        give_block(side, heap, memory);
    }
    return out;
}

/* ---- cryptography that costs nothing ----------------------------------------------------------
 */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void spread(uint64_t sum, uint8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint8_t)(mix(sum + i / 8) >> (i % 8 * 8));
    }
}

/* The same for the same session, however it came there: states that are alike must look alike. */
static kith_err toy_random(void *user, uint8_t *out, size_t count)
{
    const struct side *side = user;
    spread(mix((uint64_t)(side - world.sides) * 1000 + side->incarnation + 1) + count, out, count);
    return KITH_OK;
}

static uint64_t sum_of(uint64_t sum, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return mix(sum + count);
}

static kith_err toy_sha256(const struct kith_slice *pieces, size_t piece_count,
                           uint8_t out[KITH_SHA256_BYTES])
{
    uint64_t sum = 1;
    for (size_t i = 0; i < piece_count; i++) {
        sum = sum_of(sum, pieces[i].bytes, pieces[i].count);
    }
    spread(sum, out, KITH_SHA256_BYTES);
    return KITH_OK;
}

static kith_err toy_hmac(const uint8_t *key, size_t key_count, const struct kith_slice *pieces,
                         size_t piece_count, uint8_t out[KITH_SHA256_BYTES])
{
    uint64_t sum = sum_of(2, key, key_count);
    for (size_t i = 0; i < piece_count; i++) {
        sum = sum_of(sum, pieces[i].bytes, pieces[i].count);
    }
    spread(sum, out, KITH_SHA256_BYTES);
    return KITH_OK;
}

static kith_err toy_public(const uint8_t seed[KITH_ED25519_SEED_BYTES],
                           uint8_t out[KITH_ED25519_KEY_BYTES])
{
    spread(sum_of(3, seed, KITH_ED25519_SEED_BYTES), out, KITH_ED25519_KEY_BYTES);
    out[KITH_ED25519_KEY_BYTES - 1] &= 0x3f; /* canonical */
    return KITH_OK;
}

static kith_err toy_sign(const uint8_t seed[KITH_ED25519_SEED_BYTES],
                         const uint8_t key[KITH_ED25519_KEY_BYTES], const uint8_t *text,
                         size_t count, uint8_t out[KITH_ED25519_SIGNATURE_BYTES])
{
    (void)seed;
    spread(sum_of(sum_of(4, key, KITH_ED25519_KEY_BYTES), text, count), out,
           KITH_ED25519_SIGNATURE_BYTES);
    return KITH_OK;
}

static kith_err toy_verify(const uint8_t key[KITH_ED25519_KEY_BYTES], const uint8_t *text,
                           size_t count, const uint8_t signature[KITH_ED25519_SIGNATURE_BYTES])
{
    uint8_t right[KITH_ED25519_SIGNATURE_BYTES];
    (void)toy_sign(NULL, key, text, count, right);
    return memcmp(right, signature, sizeof right) == 0 ? KITH_OK : KITH_ERR_CRYPTO;
}

static void toy_wipe(void *bytes, size_t count)
{
    memset(bytes, 0, count);
}

/* ---- the session ------------------------------------------------------------------------------
 */

static void ended(struct kith_session *session)
{
    struct side *side = session->user;
    side->is_over = 1;
    side->session = NULL;
    kith_session_destroy(session);
}

static void open_env(struct side *side)
{
    kith_env_init(&side->env);
    side->env.now_us = 1000000000;
    side->env.realloc = world_realloc;
    side->env.realloc_user = side;
    side->env.crypto = (struct kith_crypto){toy_random, side,     toy_sha256, toy_hmac,
                                            toy_public, toy_sign, toy_verify, toy_wipe};
}

void side_open(int which)
{
    struct side *side = &world.sides[which];
    kith_session_config session = KITH_SESSION_CONFIG_INIT;
    const kith_listen_options listen = KITH_LISTEN_OPTIONS_INIT;
    struct kith_listener *listener;
    kith_identity identity;
    static const char *const urls[] = {"w0://*:1", "w1://*:1"};
    open_env(side);
    session.display_name = which == 0 ? "A" : "B";
    session.session_name = "explore";
    session.security = KITH_SECURITY_NONE;
    session.budget_bytes = 1024 * 1024;
    session.idle_ping_ms = 600000;
    memset(identity.bytes, 1 + which, sizeof identity.bytes);
    session.identity = config.identities ? &identity : NULL;
    CHECK(kith_session_create(&side->env, wire_drivers, &session, &book_callbacks, side,
                              &side->session) == KITH_OK,
          "no session: %s", kith_detail());
    side->session->ended = ended;
    for (size_t i = 0; i < 2; i++) {
        CHECK(kith_listener_open(side->session, urls[i], &listen, &listener) == KITH_OK,
              "no listener: %s", kith_detail());
        side->ports[i] = listener->at[i].port;
    }
    wire_turn(which);
}

void side_crash(int which)
{
    struct side *side = &world.sides[which], before = *side;
    for (int slot = 0; slot < world.wire_count; slot++) {
        struct wire *wire = &world.wires[slot];
        if (wire->ends[which] != NULL) {
            wire->ends[which] = NULL;
            wire->is_cut[0] = wire->is_cut[1] = 1;
            memset(&wire->of[1 - which], 0, sizeof wire->of[0]);
            memset(&wire->lane[1 - which], 0, sizeof wire->lane[0]);
        }
    }
    memset(side, 0, sizeof *side);
    memset(world.heap[which], 0, before.heap_used);
    side->incarnation = (uint8_t)(before.incarnation + 1);
    side->sent = before.sent;
    side->speaker_count = before.speaker_count;
    memcpy(side->speakers, before.speakers, sizeof side->speakers);
    for (size_t i = 0; i < side->speaker_count; i++) {
        side->speakers[i].peer = NULL;
        side->speakers[i].state = KITH_PEER_DEPARTED;
    }
    side_open(which);
}

struct kith_peer *side_peer(int which)
{
    const struct kith_session *other = world.sides[1 - which].session;
    struct kith_peer *peer = kith_peer_by_key(world.sides[which].session, other->key);
    return peer != NULL &&
                   memcmp(peer->incarnation, other->incarnation, sizeof peer->incarnation) == 0
               ? peer
               : NULL;
}
