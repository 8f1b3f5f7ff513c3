/* SPDX-License-Identifier: MIT
 *
 * hello_test.c: which HELLOs are judged how; roles; tags that depend on everything they should. The
 * bytes themselves stand in vectors_test.c.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "protocol/hello.h"
#include "transport.h"
#include "vectors.h"

static const struct kith_crypto *crypto = &kith_default_crypto;

/* The verdict on the vector with one byte changed. */
static kith_reason with(size_t at, unsigned value)
{
    uint8_t *body = malloc(KITH_HELLO_BYTES);
    struct kith_hello hello;
    kith_reason reason;
    memcpy(body, vector_hello_plain_dialer, KITH_HELLO_BYTES);
    body[at] = (uint8_t)value;
    reason = kith_hello_decode(body, KITH_HELLO_BYTES, &hello);
    free(body);
    return reason;
}

Test(hello, every_value_of_every_small_field)
{
    for (unsigned value = 0; value < 256; value++) {
        cr_assert_eq(with(4, value), value == 1 ? KITH_REASON_NONE : KITH_REASON_VERSION);
        cr_assert_eq(with(5, value), value >= 1 ? KITH_REASON_NONE : KITH_REASON_VERSION);
        cr_assert_eq(with(6, value), value <= 2 ? KITH_REASON_NONE : KITH_REASON_PROTOCOL);
        cr_assert_eq(with(7, value), value <= 5 ? KITH_REASON_NONE : KITH_REASON_PROTOCOL);
        cr_assert_eq(with(8, value), value <= 4 ? KITH_REASON_NONE : KITH_REASON_PROTOCOL);
        cr_assert_eq(with(10, value),
                     value >= 1 && value <= 3 ? KITH_REASON_NONE : KITH_REASON_PROTOCOL);
        cr_assert_eq(with(11, value), value == 0 ? KITH_REASON_NONE : KITH_REASON_PROTOCOL);
        for (size_t at = 0; at < 4; at++) {
            cr_assert_eq(with(at, value), value == vector_hello_plain_dialer[at]
                                              ? KITH_REASON_NONE
                                              : KITH_REASON_PROTOCOL);
        }
        for (size_t at = 120; at < 136; at++) {
            cr_assert_eq(with(at, value), value == 0 ? KITH_REASON_NONE : KITH_REASON_PROTOCOL);
        }
    }
}

Test(hello, longer_than_it_should_be)
{
    uint8_t body[KITH_HELLO_BYTES + 8] = {0};
    struct kith_hello hello;
    memcpy(body, vector_hello_plain_dialer, KITH_HELLO_BYTES);
    for (size_t length = KITH_HELLO_BYTES + 1; length <= sizeof body; length++) {
        cr_assert_eq(kith_hello_decode(body, length, &hello), KITH_REASON_PROTOCOL);
    }
}

Test(hello, random_ones_survive_the_way_there_and_back)
{
    struct bench_random random = {1};
    for (int i = 0; i < 2000; i++) {
        struct kith_hello hello, came;
        uint8_t first[KITH_HELLO_BYTES], second[KITH_HELLO_BYTES];
        bench_fill(&random, &hello, sizeof hello);
        hello.version_min = 1;
        hello.version_max |= 1;
        hello.role %= 3;
        hello.channel %= 6;
        hello.channel_best %= 5;
        hello.level_min = (uint8_t)(1 + hello.level_min % 3);
        hello.bindings &= 1;
        kith_hello_encode(&hello, first);
        cr_assert_eq(kith_hello_decode(first, sizeof first, &came), KITH_REASON_NONE);
        kith_hello_encode(&came, second);
        cr_assert_arr_eq(first, second, sizeof first);
    }
}

Test(hello, roles)
{
    for (unsigned a = 0; a < 5; a++) {
        for (unsigned b = 0; b < 5; b++) {
            int fit = (a == 0 && b == 0) || (a == 1 && b == 2) || (a == 2 && b == 1);
            cr_assert_eq(kith_roles_fit(a, b), fit, "%u and %u", a, b);
        }
    }
}

Test(hello, keys_at_the_edge_of_what_is_canonical)
{
    uint8_t key[32];
    memset(key, 0xff, sizeof key);
    for (unsigned last = 0x7f; last <= 0xff; last += 0x80) {
        key[31] = (uint8_t)last;
        for (unsigned first = 0; first < 256; first++) {
            key[0] = (uint8_t)first;
            /* p - 1 = 0xec is canonical, and of small order; from p = 0xed on nothing is. */
            cr_assert_eq(kith_public_key_ok(key), first < 0xec, "%02x", first);
        }
    }
    key[0] = 0xff;
    key[15] = 0xfe;
    cr_assert(kith_public_key_ok(key));
}

Test(hello, keys_of_sessions_are_taken)
{
    struct bench_random random = {3};
    for (int i = 0; i < 500; i++) {
        uint8_t seed[32], key[32];
        bench_fill(&random, seed, sizeof seed);
        cr_assert_eq(crypto->ed25519_public(seed, key), KITH_OK);
        cr_assert(kith_public_key_ok(key));
    }
}

Test(hello, tags_depend_on_nonce_name_and_kind)
{
    uint8_t nonce[32] = {1}, tags[6][16];
    kith_id id = {{0}};
    cr_assert_eq(kith_hello_session_tag(crypto, nonce, "world", tags[0]), KITH_OK);
    cr_assert_eq(kith_hello_session_tag(crypto, nonce, "worlds", tags[1]), KITH_OK);
    cr_assert_eq(kith_hello_want_tag(crypto, nonce, &id, tags[2]), KITH_OK);
    id.bytes[15] = 1;
    cr_assert_eq(kith_hello_want_tag(crypto, nonce, &id, tags[3]), KITH_OK);
    nonce[31] = 1;
    cr_assert_eq(kith_hello_session_tag(crypto, nonce, "world", tags[4]), KITH_OK);
    cr_assert_eq(kith_hello_want_tag(crypto, nonce, &id, tags[5]), KITH_OK);
    for (int a = 0; a < 6; a++) {
        for (int b = a + 1; b < 6; b++) {
            cr_assert_neq(memcmp(tags[a], tags[b], 16), 0, "%d and %d", a, b);
        }
    }
}

static kith_err no_hash(const struct kith_slice *pieces, size_t count, uint8_t out[32])
{
    (void)pieces;
    (void)count;
    memset(out, 0, 32);
    return KITH_ERR_CRYPTO;
}

Test(hello, errors_of_the_hash_are_passed_on)
{
    struct kith_crypto broken = *crypto;
    uint8_t nonce[32] = {0}, tag[16];
    kith_id id = {{0}};
    broken.sha256 = no_hash;
    cr_assert_eq(kith_hello_session_tag(&broken, nonce, "x", tag), KITH_ERR_CRYPTO);
    cr_assert_eq(kith_hello_want_tag(&broken, nonce, &id, tag), KITH_ERR_CRYPTO);
    cr_assert_eq(kith_id_of_key(&broken, nonce, &id), KITH_ERR_CRYPTO);
}
