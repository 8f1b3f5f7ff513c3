/* SPDX-License-Identifier: MIT
 *
 * hello.c: the 136 bytes of HELLO, tags, ids, and which public keys are acceptable. Pure.
 */
#include "protocol/hello.h"

#include <string.h>

#include "base/wire.h"
#include "transport.h"

static const uint8_t magic[4] = {'K', 'I', 'T', 'H'};
static const uint8_t zeros[16];

void kith_hello_encode(const struct kith_hello *hello, uint8_t out[KITH_HELLO_BYTES])
{
    struct kith_writer to = kith_writer_of(out, KITH_HELLO_BYTES);
    kith_write_bytes(&to, magic, sizeof magic);
    kith_write_uint(&to, hello->version_min, 1);
    kith_write_uint(&to, hello->version_max, 1);
    kith_write_uint(&to, hello->role, 1);
    kith_write_uint(&to, hello->channel, 1);
    kith_write_uint(&to, hello->channel_best, 1);
    kith_write_uint(&to, hello->bindings, 1);
    kith_write_uint(&to, hello->level_min, 1);
    kith_write_uint(&to, 0, 1);
    kith_write_uint(&to, hello->tls_version, 2);
    kith_write_uint(&to, hello->cipher_suite, 2);
    kith_write_bytes(&to, hello->key, sizeof hello->key);
    kith_write_bytes(&to, hello->incarnation, sizeof hello->incarnation);
    kith_write_bytes(&to, hello->nonce, sizeof hello->nonce);
    kith_write_bytes(&to, hello->session_tag, sizeof hello->session_tag);
    kith_write_bytes(&to, hello->want_tag, sizeof hello->want_tag);
    kith_write_bytes(&to, zeros, 16);
}

/* The fields whose values are few. */
static int values_ok(const struct kith_hello *hello, unsigned flags, const uint8_t *reserved)
{
    return flags == 0 && memcmp(reserved, zeros, 16) == 0 && hello->role <= KITH_ROLE_CLIENT &&
           hello->channel <= KITH_CHANNEL_NOT_VISIBLE &&
           hello->channel_best <= KITH_CHANNEL_TLS12_CERT && hello->level_min >= KITH_LEVEL_NONE &&
           hello->level_min <= KITH_LEVEL_IDENTITY && kith_public_key_ok(hello->key);
}

kith_reason kith_hello_decode(const uint8_t *body, size_t length, struct kith_hello *out)
{
    struct kith_reader from = kith_reader_of(body, length);
    const uint8_t *start = kith_read_bytes(&from, sizeof magic);
    const uint8_t *reserved;
    unsigned flags;
    if (length != KITH_HELLO_BYTES || start == NULL || memcmp(start, magic, sizeof magic) != 0) {
        return KITH_REASON_PROTOCOL;
    }
    out->version_min = (uint8_t)kith_read_uint(&from, 1);
    out->version_max = (uint8_t)kith_read_uint(&from, 1);
    out->role = (uint8_t)kith_read_uint(&from, 1);
    out->channel = (uint8_t)kith_read_uint(&from, 1);
    out->channel_best = (uint8_t)kith_read_uint(&from, 1);
    out->bindings = (uint8_t)kith_read_uint(&from, 1);
    out->level_min = (uint8_t)kith_read_uint(&from, 1);
    flags = (unsigned)kith_read_uint(&from, 1);
    out->tls_version = (uint16_t)kith_read_uint(&from, 2);
    out->cipher_suite = (uint16_t)kith_read_uint(&from, 2);
    kith_read_copy(&from, out->key, sizeof out->key);
    kith_read_copy(&from, out->incarnation, sizeof out->incarnation);
    kith_read_copy(&from, out->nonce, sizeof out->nonce);
    kith_read_copy(&from, out->session_tag, sizeof out->session_tag);
    kith_read_copy(&from, out->want_tag, sizeof out->want_tag);
    reserved = kith_read_bytes(&from, 16);
    if (!kith_read_all(&from) || out->version_min == 0 || out->version_min > out->version_max) {
        return KITH_REASON_VERSION;
    }
    /* Another version may use the other fields in another way: judge them only in one we speak. */
    if (out->version_min > KITH_PROTOCOL_VERSION_MAX ||
        out->version_max < KITH_PROTOCOL_VERSION_MIN) {
        return KITH_REASON_VERSION;
    }
    return values_ok(out, flags, reserved) ? KITH_REASON_NONE : KITH_REASON_PROTOCOL;
}

static kith_err tag(const struct kith_crypto *crypto, const struct kith_slice *pieces, size_t count,
                    uint8_t out[KITH_TAG_BYTES])
{
    uint8_t digest[KITH_SHA256_BYTES];
    kith_err err = crypto->sha256(pieces, count, digest);
    memcpy(out, digest, KITH_TAG_BYTES);
    return err;
}

kith_err kith_hello_session_tag(const struct kith_crypto *crypto, const uint8_t *nonce,
                                const char *session_name, uint8_t out[KITH_TAG_BYTES])
{
    const struct kith_slice pieces[] = {{"kith session", 13}, /* with its NUL */
                                        {nonce, KITH_NONCE_BYTES},
                                        {session_name, strlen(session_name)}};
    return tag(crypto, pieces, 3, out);
}

kith_err kith_hello_want_tag(const struct kith_crypto *crypto, const uint8_t *nonce,
                             const kith_id *id, uint8_t out[KITH_TAG_BYTES])
{
    const struct kith_slice pieces[] = {{"kith want", 10}, /* with its NUL */
                                        {nonce, KITH_NONCE_BYTES},
                                        {id->bytes, sizeof id->bytes}};
    return tag(crypto, pieces, 3, out);
}

kith_err kith_id_of_key(const struct kith_crypto *crypto, const uint8_t key[KITH_ED25519_KEY_BYTES],
                        kith_id *out)
{
    const struct kith_slice piece = {key, KITH_ED25519_KEY_BYTES};
    kith_err err = tag(crypto, &piece, 1, out->bytes);
    /* RFC 9562 §5.8: version 8, variant 10. */
    out->bytes[6] = (uint8_t)((out->bytes[6] & 0x0f) | 0x80);
    out->bytes[8] = (uint8_t)((out->bytes[8] & 0x3f) | 0x80);
    return err;
}

int kith_roles_fit(unsigned ours, unsigned theirs)
{
    return (ours == KITH_ROLE_STAR && theirs == KITH_ROLE_STAR) ||
           (ours == KITH_ROLE_SERVER && theirs == KITH_ROLE_CLIENT) ||
           (ours == KITH_ROLE_CLIENT && theirs == KITH_ROLE_SERVER);
}

/* y < 2^255 - 19, little-endian, sign bit ignored. */
static int is_canonical(const uint8_t *key)
{
    if ((key[31] & 0x7f) != 0x7f) {
        return 1;
    }
    for (size_t i = 30; i > 0; i--) {
        if (key[i] != 0xff) {
            return 1;
        }
    }
    return key[0] < 0xed;
}

int kith_public_key_ok(const uint8_t key[KITH_ED25519_KEY_BYTES])
{
    /* The y coordinates of the eight points whose order divides 8 (0, 1, -1 and the two of order
     * 8): with either sign. */
    static const uint8_t small[5][32] = {
        {0},
        {1},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    };
    uint8_t plain[32];
    memcpy(plain, key, 32);
    plain[31] &= 0x7f;
    for (size_t i = 0; i < 5; i++) {
        if (memcmp(plain, small[i], 32) == 0) {
            return 0;
        }
    }
    return is_canonical(key);
}
