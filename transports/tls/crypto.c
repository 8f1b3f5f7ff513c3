/* SPDX-License-Identifier: MIT
 *
 * crypto.c: kith_default_crypto, the core's table of cryptographic functions, on wolfSSL's crypto
 * library. Every function is safe on any thread. Must not know of TLS, sockets or keys' meaning.
 */
#include "crypto.h"

#include <wolfssl/options.h>

#include <pthread.h>
#include <string.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/memory.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/sha256.h>

#include "transport.h"
#include "transports/tls/tls.h"

/* The library's lengths are 32 bits and its generator gives at most 64 KiB at a time. */
#define PIECE_BYTES_MAX  (1u << 30)
#define RANDOM_BYTES_MAX 4096u

_Static_assert(KITH_SHA256_BYTES == WC_SHA256_DIGEST_SIZE, "SHA-256");
_Static_assert(KITH_ED25519_SEED_BYTES == ED25519_KEY_SIZE, "Ed25519 seed");
_Static_assert(KITH_ED25519_KEY_BYTES == ED25519_PUB_KEY_SIZE, "Ed25519 key");
_Static_assert(KITH_ED25519_SIGNATURE_BYTES == ED25519_SIG_SIZE, "Ed25519 signature");

/* One generator for the process: seeding one takes longer than waiting for it. It seeds itself anew
 * in a forked child. */
static WC_RNG generator;
static int generator_ready;
static pthread_once_t generator_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t generator_lock = PTHREAD_MUTEX_INITIALIZER;

static void wipe(void *bytes, size_t count)
{
    wc_ForceZero(bytes, count);
}

/* What every function ends with: the output of a failure is zeros, so that nobody takes it for a
 * result. */
static kith_err finish(int failed, uint8_t *out, size_t count)
{
    if (failed) {
        wipe(out, count);
        return KITH_ERR_CRYPTO;
    }
    return KITH_OK;
}

static void generator_start(void)
{
    generator_ready = kith__tls_start() == KITH_OK && wc_InitRng(&generator) == 0;
}

static int generate(uint8_t *out, size_t count)
{
    int failed = 0;
    while (count > 0 && !failed) {
        word32 piece = count < RANDOM_BYTES_MAX ? (word32)count : RANDOM_BYTES_MAX;
        failed = wc_RNG_GenerateBlock(&generator, out, piece) != 0;
        out += piece;
        count -= piece;
    }
    return failed;
}

static kith_err random_bytes(void *user, uint8_t *out, size_t count)
{
    int failed = 1;
    (void)user;
    if (pthread_once(&generator_once, generator_start) == 0 && generator_ready &&
        pthread_mutex_lock(&generator_lock) == 0) {
        failed = generate(out, count);
        (void)pthread_mutex_unlock(&generator_lock);
    }
    return finish(failed, out, count);
}

static int piece_ok(const struct kith_slice *piece)
{
    return piece->count <= PIECE_BYTES_MAX;
}

static kith_err sha256(const struct kith_slice *pieces, size_t piece_count,
                       uint8_t out[KITH_SHA256_BYTES])
{
    wc_Sha256 hash;
    int failed;
    if (wc_InitSha256(&hash) != 0) {
        return finish(1, out, KITH_SHA256_BYTES);
    }
    failed = 0;
    for (size_t i = 0; i < piece_count && !failed; i++) {
        failed = !piece_ok(&pieces[i]) ||
                 (pieces[i].count > 0 &&
                  wc_Sha256Update(&hash, pieces[i].bytes, (word32)pieces[i].count) != 0);
    }
    failed = failed || wc_Sha256Final(&hash, out) != 0;
    wc_Sha256Free(&hash);
    return finish(failed, out, KITH_SHA256_BYTES);
}

static kith_err hmac_sha256(const uint8_t *key, size_t key_count, const struct kith_slice *pieces,
                            size_t piece_count, uint8_t out[KITH_SHA256_BYTES])
{
    Hmac hmac;
    int failed;
    if (key_count > PIECE_BYTES_MAX || wc_HmacInit(&hmac, NULL, INVALID_DEVID) != 0) {
        return finish(1, out, KITH_SHA256_BYTES);
    }
    failed = wc_HmacSetKey(&hmac, WC_SHA256, key, (word32)key_count) != 0;
    for (size_t i = 0; i < piece_count && !failed; i++) {
        failed = !piece_ok(&pieces[i]) ||
                 (pieces[i].count > 0 &&
                  wc_HmacUpdate(&hmac, pieces[i].bytes, (word32)pieces[i].count) != 0);
    }
    failed = failed || wc_HmacFinal(&hmac, out) != 0;
    wc_HmacFree(&hmac);
    return finish(failed, out, KITH_SHA256_BYTES);
}

/* An empty text may come as NULL; the library refuses that. */
static const uint8_t *not_null(const uint8_t *text)
{
    static const uint8_t nothing[1];
    return text != NULL ? text : nothing;
}

static kith_err ed25519_public(const uint8_t seed[KITH_ED25519_SEED_BYTES],
                               uint8_t out[KITH_ED25519_KEY_BYTES])
{
    ed25519_key pair;
    int failed;
    if (wc_ed25519_init(&pair) != 0) {
        return finish(1, out, KITH_ED25519_KEY_BYTES);
    }
    failed = wc_ed25519_import_private_only(seed, KITH_ED25519_SEED_BYTES, &pair) != 0 ||
             wc_ed25519_make_public(&pair, out, KITH_ED25519_KEY_BYTES) != 0;
    wc_ed25519_free(&pair);
    return finish(failed, out, KITH_ED25519_KEY_BYTES);
}

/* Importing both halves derives the key from the seed again and compares: signing under a key that
 * is not the seed's would give the seed away. */
static kith_err ed25519_sign(const uint8_t seed[KITH_ED25519_SEED_BYTES],
                             const uint8_t key[KITH_ED25519_KEY_BYTES], const uint8_t *text,
                             size_t count, uint8_t out[KITH_ED25519_SIGNATURE_BYTES])
{
    word32 written = KITH_ED25519_SIGNATURE_BYTES;
    ed25519_key pair;
    int failed;
    if (count > PIECE_BYTES_MAX || wc_ed25519_init(&pair) != 0) {
        return finish(1, out, KITH_ED25519_SIGNATURE_BYTES);
    }
    failed = wc_ed25519_import_private_key(seed, KITH_ED25519_SEED_BYTES, key,
                                           KITH_ED25519_KEY_BYTES, &pair) != 0 ||
             wc_ed25519_sign_msg(not_null(text), (word32)count, out, &written, &pair) != 0 ||
             written != KITH_ED25519_SIGNATURE_BYTES;
    wc_ed25519_free(&pair);
    return finish(failed, out, KITH_ED25519_SIGNATURE_BYTES);
}

/* RFC 8032 §5.1.7: the group order, little-endian. wolfSSL 5.9 refuses S at or above it; older ones
 * did not always, and two signatures for one text must never both hold. */
static int scalar_ok(const uint8_t s[32])
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    for (size_t i = sizeof order; i-- > 0;) {
        if (s[i] != order[i]) {
            return s[i] < order[i];
        }
    }
    return 0;
}

static kith_err ed25519_verify(const uint8_t key[KITH_ED25519_KEY_BYTES], const uint8_t *text,
                               size_t count, const uint8_t signature[KITH_ED25519_SIGNATURE_BYTES])
{
    ed25519_key peer;
    int holds = 0, failed;
    if (count > PIECE_BYTES_MAX || !scalar_ok(signature + 32) || wc_ed25519_init(&peer) != 0) {
        return KITH_ERR_CRYPTO;
    }
    failed = wc_ed25519_import_public(key, KITH_ED25519_KEY_BYTES, &peer) != 0 ||
             wc_ed25519_verify_msg(signature, KITH_ED25519_SIGNATURE_BYTES, not_null(text),
                                   (word32)count, &holds, &peer) != 0;
    wc_ed25519_free(&peer);
    return !failed && holds == 1 ? KITH_OK : KITH_ERR_CRYPTO;
}

const struct kith_crypto kith_default_crypto = {
    .random = random_bytes,
    .user = NULL,
    .sha256 = sha256,
    .hmac_sha256 = hmac_sha256,
    .ed25519_public = ed25519_public,
    .ed25519_sign = ed25519_sign,
    .ed25519_verify = ed25519_verify,
    .wipe = wipe,
};
