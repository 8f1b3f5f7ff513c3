/* SPDX-License-Identifier: MIT
 *
 * crypto.h: the few cryptographic functions that the core needs, as a table that is handed in. The
 * core links no TLS library; transports/tls implements the table, and a simulator may replace
 * `random` by a seeded generator.
 */
#ifndef KITH_CORE_CRYPTO_H
#define KITH_CORE_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "kith/kith.h"

#define KITH_SHA256_BYTES            32
#define KITH_ED25519_SEED_BYTES      32
#define KITH_ED25519_KEY_BYTES       32
#define KITH_ED25519_SIGNATURE_BYTES 64

/* One piece of several that count as if they stood behind each other; lent. */
struct kith_slice {
    const void *bytes;
    size_t count;
};

/* Every function is pure but random, safe on any thread, keeps no pointer, and gives KITH_OK or
 * KITH_ERR_CRYPTO. After an error the output is all zeros. */
struct kith_crypto {
    /* Fills out with unpredictable bytes. */
    kith_err (*random)(void *user, uint8_t *out, size_t count);
    void *user; /* handed to random */

    /* FIPS 180-4 SHA-256 over the pieces. */
    kith_err (*sha256)(const struct kith_slice *pieces, size_t piece_count,
                       uint8_t out[KITH_SHA256_BYTES]);

    /* RFC 2104 HMAC-SHA-256 over the pieces. */
    kith_err (*hmac_sha256)(const uint8_t *key, size_t key_count, const struct kith_slice *pieces,
                            size_t piece_count, uint8_t out[KITH_SHA256_BYTES]);

    /* RFC 8032 Ed25519: public key of a seed, signature, verification. verify gives KITH_ERR_CRYPTO
     * for every signature that is not valid, those with S not below the group order included; keys
     * of small order are the caller's to refuse. */
    kith_err (*ed25519_public)(const uint8_t seed[KITH_ED25519_SEED_BYTES],
                               uint8_t out[KITH_ED25519_KEY_BYTES]);
    kith_err (*ed25519_sign)(const uint8_t seed[KITH_ED25519_SEED_BYTES],
                             const uint8_t key[KITH_ED25519_KEY_BYTES], const uint8_t *text,
                             size_t count, uint8_t out[KITH_ED25519_SIGNATURE_BYTES]);
    kith_err (*ed25519_verify)(const uint8_t key[KITH_ED25519_KEY_BYTES], const uint8_t *text,
                               size_t count, const uint8_t signature[KITH_ED25519_SIGNATURE_BYTES]);

    /* Overwrites memory in a way the compiler keeps. */
    void (*wipe)(void *bytes, size_t count);
};

#endif
