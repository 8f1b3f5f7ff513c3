/* SPDX-License-Identifier: MIT
 *
 * gcm_test.c: AES-GCM as it was built (cmake/patches/wolfssl), against the definition (NIST SP
 * 800-38D) written out bit by bit, for all lengths around what the fast code takes at a time.
 */
#include <wolfssl/options.h>

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include <wolfssl/wolfcrypt/aes.h>

enum { BLOCK = 16, ROOM = 17000, AAD_ROOM = 320, NONCE = 12 };

/* A message, and all that belongs to it. */
struct message {
    uint8_t key[32], nonce[NONCE], aad[AAD_ROOM], plain[ROOM];
    size_t key_bytes, aad_bytes, bytes;
};

static uint8_t next_byte(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(state >> 56);
}

static void fill(uint8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = next_byte();
    }
}

/* ---- the definition ---------------------------------------------------------------------- */

/* x times h: the first bit of a block is the lowest power, and x^128 is x^7 + x^2 + x + 1. */
static void multiply(uint64_t x[2], const uint64_t h[2])
{
    uint64_t out[2] = {0, 0}, v[2] = {h[0], h[1]};
    for (int i = 0; i < 128; i++) {
        uint64_t bit = x[i / 64] >> (63 - i % 64) & 1, carry = v[1] & 1;
        out[0] ^= v[0] & (0 - bit);
        out[1] ^= v[1] & (0 - bit);
        v[1] = v[1] >> 1 | v[0] << 63;
        v[0] = v[0] >> 1 ^ (0xe100000000000000u & (0 - carry));
    }
    x[0] = out[0];
    x[1] = out[1];
}

static uint64_t read64(const uint8_t *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | from[i];
    }
    return value;
}

static void hash(uint64_t x[2], const uint64_t h[2], const uint8_t *bytes, size_t count)
{
    for (size_t at = 0; at < count; at += BLOCK) {
        uint8_t block[BLOCK] = {0};
        memcpy(block, bytes + at, count - at < BLOCK ? count - at : BLOCK);
        x[0] ^= read64(block);
        x[1] ^= read64(block + 8);
        multiply(x, h);
    }
}

static void define(const struct message *message, uint8_t *sealed, uint8_t *tag)
{
    Aes aes;
    uint8_t counter[BLOCK] = {0}, stream[BLOCK], zero[BLOCK] = {0};
    uint64_t h[2], x[2] = {0, 0};
    cr_assert_eq(wc_AesInit(&aes, NULL, INVALID_DEVID), 0);
    cr_assert_eq(wc_AesSetKey(&aes, message->key, (word32)message->key_bytes, NULL, AES_ENCRYPTION),
                 0);
    cr_assert_eq(wc_AesEcbEncrypt(&aes, stream, zero, BLOCK), 0);
    h[0] = read64(stream);
    h[1] = read64(stream + 8);
    memcpy(counter, message->nonce, NONCE);
    for (size_t at = 0; at < message->bytes; at += BLOCK) {
        size_t number = at / BLOCK + 2; /* 1 is the tag's */
        counter[13] = (uint8_t)(number >> 16);
        counter[14] = (uint8_t)(number >> 8);
        counter[15] = (uint8_t)number;
        cr_assert_eq(wc_AesEcbEncrypt(&aes, stream, counter, BLOCK), 0);
        for (size_t i = 0; i < BLOCK && at + i < message->bytes; i++) {
            sealed[at + i] = message->plain[at + i] ^ stream[i];
        }
    }
    hash(x, h, message->aad, message->aad_bytes);
    hash(x, h, sealed, message->bytes);
    x[0] ^= (uint64_t)message->aad_bytes * 8;
    x[1] ^= (uint64_t)message->bytes * 8;
    multiply(x, h);
    counter[13] = counter[14] = 0;
    counter[15] = 1;
    cr_assert_eq(wc_AesEcbEncrypt(&aes, stream, counter, BLOCK), 0);
    for (int i = 0; i < BLOCK; i++) {
        tag[i] = stream[i] ^ (uint8_t)(x[i / 8] >> (56 - i % 8 * 8));
    }
    wc_AesFree(&aes);
}

/* ---- against it -------------------------------------------------------------------------- */

static int open_it(Aes *aes, const struct message *message, uint8_t *out, const uint8_t *sealed,
                   const uint8_t *tag)
{
    return wc_AesGcmDecrypt(aes, out, sealed, (word32)message->bytes, message->nonce, NONCE, tag,
                            BLOCK, message->aad, (word32)message->aad_bytes);
}

/* What was changed anywhere is refused. */
static void check_refused(Aes *aes, struct message *message, const uint8_t *sealed,
                          const uint8_t *tag)
{
    static uint8_t out[ROOM], other[ROOM];
    uint8_t wrong[BLOCK];
    size_t place =
        message->bytes > 0 ? ((size_t)next_byte() << 8 | next_byte()) % message->bytes : 0;
    memcpy(wrong, tag, BLOCK);
    wrong[next_byte() % BLOCK] ^= (uint8_t)(1 << next_byte() % 8);
    cr_assert_neq(open_it(aes, message, out, sealed, wrong), 0);
    if (message->bytes > 0) {
        memcpy(other, sealed, message->bytes);
        other[place] ^= 1;
        cr_assert_neq(open_it(aes, message, out, other, tag), 0);
    }
    if (message->aad_bytes > 0) {
        message->aad[message->aad_bytes - 1] ^= 0x80;
        cr_assert_neq(open_it(aes, message, out, sealed, tag), 0);
        message->aad[message->aad_bytes - 1] ^= 0x80;
    }
}

static void check(size_t key_bytes, size_t aad_bytes, size_t bytes)
{
    static struct message message;
    static uint8_t wanted[ROOM], got[ROOM + 1];
    uint8_t wanted_tag[BLOCK], tag[BLOCK];
    Aes aes;
    message.key_bytes = key_bytes;
    message.aad_bytes = aad_bytes;
    message.bytes = bytes;
    fill(message.key, key_bytes);
    fill(message.nonce, NONCE);
    fill(message.aad, aad_bytes);
    fill(message.plain, bytes);
    define(&message, wanted, wanted_tag);
    cr_assert_eq(wc_AesInit(&aes, NULL, INVALID_DEVID), 0);
    cr_assert_eq(wc_AesGcmSetKey(&aes, message.key, (word32)key_bytes), 0);
    memcpy(got, message.plain, bytes); /* in place, as QUIC does */
    got[bytes] = 0xa5;
    cr_assert_eq(wc_AesGcmEncrypt(&aes, got, got, (word32)bytes, message.nonce, NONCE, tag, BLOCK,
                                  message.aad, (word32)aad_bytes),
                 0);
    cr_assert_arr_eq(got, wanted, bytes, "%zu bytes, key of %zu", bytes, key_bytes);
    cr_assert_arr_eq(tag, wanted_tag, BLOCK, "tag of %zu and %zu bytes", bytes, aad_bytes);
    cr_assert_eq(open_it(&aes, &message, got, wanted, tag), 0);
    cr_assert_arr_eq(got, message.plain, bytes);
    memcpy(got, wanted, bytes);
    cr_assert_eq(open_it(&aes, &message, got, got, tag), 0);
    cr_assert_arr_eq(got, message.plain, bytes);
    cr_assert_eq(got[bytes], 0xa5, "beyond the end");
    check_refused(&aes, &message, wanted, tag);
    wc_AesFree(&aes);
}

/* Around one, two and three turns of eight blocks, and every rest. */
Test(gcm, every_length)
{
    for (size_t bytes = 0; bytes <= 420; bytes++) {
        check(16, bytes % 41, bytes);
        check(32, bytes * 7 % 41, bytes);
    }
}

Test(gcm, every_length_of_what_is_only_signed)
{
    for (size_t bytes = 0; bytes <= 300; bytes++) {
        check(16, bytes, bytes % 3 * 100);
    }
}

/* A packet, a jumbo frame's, a TLS record; and the key length that no suite has. */
Test(gcm, as_used)
{
    static const size_t sizes[] = {1199, 1415, 1430, 8911, 8930, 16384, 16401};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check(16, 21, sizes[i]);
        check(24, 13, sizes[i]);
        check(32, 5, sizes[i]);
    }
}
