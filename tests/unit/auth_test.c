/* SPDX-License-Identifier: MIT
 *
 * auth_test.c: AUTH bodies of every shape and length, signed with random keys over random
 * transcripts. Fixed bytes, and flips of every bit, stand in vectors_test.c.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "bench.h"
#include "protocol/auth.h"
#include "protocol/hello.h"
#include "transport.h"

static const struct kith_crypto *crypto = &kith_default_crypto;
static struct bench_random source = {1};
static uint8_t seeds[2][32], keys[2][32], hellos[2][KITH_HELLO_BYTES], binding[32];
static struct kith_transcript transcript;

static void setup(void)
{
    for (int i = 0; i < 2; i++) {
        bench_fill(&source, seeds[i], 32);
        cr_assert_eq(crypto->ed25519_public(seeds[i], keys[i]), KITH_OK);
        bench_fill(&source, hellos[i], KITH_HELLO_BYTES);
    }
    bench_fill(&source, binding, sizeof binding);
    transcript = (struct kith_transcript){hellos[0], hellos[1], 1,   KITH_BINDING_EXPORTER,
                                          binding,   32,        {0}, {0}};
}

TestSuite(auth, .init = setup);

static struct kith_auth some_auth(void)
{
    struct kith_auth auth = {0};
    auth.generation = bench_next(&source) >> 2;
    auth.since = auth.generation / 2;
    auth.alive = (uint8_t)bench_below(&source, 2);
    auth.version = 1;
    auth.binding_type = KITH_BINDING_EXPORTER;
    auth.resume_window_ms = (uint32_t)bench_next(&source);
    auth.max_message_bytes = (uint32_t)bench_next(&source) | 1;
    auth.receive_budget_bytes = bench_next(&source);
    auth.lanes_allowed = (uint16_t)(8 + bench_below(&source, 60000));
    auth.features = (uint32_t)bench_next(&source);
    return auth;
}

static size_t sign(const struct kith_auth *auth, int dialer, uint8_t *out)
{
    size_t length;
    cr_assert_eq(kith_auth_sign(auth, &transcript, dialer, crypto, seeds[!dialer], keys[!dialer],
                                out, &length),
                 KITH_OK);
    return length;
}

static kith_reason verify(const uint8_t *body, size_t length, int dialer, struct kith_auth *out)
{
    return kith_auth_verify(body, length, &transcript, dialer, crypto, keys[!dialer], out);
}

/* Signs whatever stands in body; gives the whole length. */
static size_t sign_raw(uint8_t *body, size_t length)
{
    static const char label[] = "Kith link AUTH v1 dialer";
    uint8_t text[64 + sizeof label + 32];
    const uint8_t hello_length[2] = {0, KITH_HELLO_BYTES}, chosen[2] = {1, 1},
                  binding_length[2] = {0, 32}, zeros[64] = {0},
                  body_length[2] = {(uint8_t)(length >> 8), (uint8_t)length};
    const struct kith_slice pieces[] = {{hello_length, 2}, {hellos[0], KITH_HELLO_BYTES},
                                        {hello_length, 2}, {hellos[1], KITH_HELLO_BYTES},
                                        {chosen, 2},       {binding_length, 2},
                                        {binding, 32},     {zeros, 64},
                                        {body_length, 2},  {body, length}};
    memset(text, ' ', 64);
    memcpy(text + 64, label, sizeof label);
    cr_assert_eq(crypto->sha256(pieces, 10, text + 64 + sizeof label), KITH_OK);
    cr_assert_eq(crypto->ed25519_sign(seeds[0], keys[0], text, sizeof text, body + length),
                 KITH_OK);
    return length + 64;
}

Test(auth, random_ones_survive_the_way_there_and_back)
{
    for (int i = 0; i < 200; i++) {
        uint8_t body[KITH_AUTH_BYTES_MAX];
        struct kith_auth auth = some_auth(), came;
        int dialer = i % 2;
        size_t length = sign(&auth, dialer, body);
        cr_assert_eq(length, 105);
        cr_assert_eq(verify(body, length, dialer, &came), KITH_REASON_NONE);
        cr_assert_eq(came.since, auth.since);
        cr_assert_eq(came.generation, auth.generation);
        cr_assert_eq(came.alive, auth.alive);
        cr_assert_eq(came.resume_window_ms, auth.resume_window_ms);
        cr_assert_eq(came.max_message_bytes, auth.max_message_bytes);
        cr_assert_eq(came.receive_budget_bytes, auth.receive_budget_bytes);
        cr_assert_eq(came.lanes_allowed, auth.lanes_allowed);
        cr_assert_eq(came.features, auth.features);
        /* Not as the other side's, nor by the other side. */
        cr_assert_eq(verify(body, length, !dialer, &came), KITH_REASON_AUTH);
        cr_assert_eq(
            kith_auth_verify(body, length, &transcript, !dialer, crypto, keys[!dialer], &came),
            KITH_REASON_AUTH);
    }
}

Test(auth, hellos_exchanged)
{
    uint8_t body[KITH_AUTH_BYTES_MAX];
    struct kith_auth auth = some_auth();
    size_t length = sign(&auth, 1, body);
    transcript.hello_dialer = hellos[1];
    transcript.hello_acceptor = hellos[0];
    cr_assert_eq(verify(body, length, 1, &auth), KITH_REASON_AUTH);
}

/* Every length that could be, with garbage in it: never taken, never read beyond. */
Test(auth, every_length)
{
    for (size_t length = 0; length < KITH_AUTH_BYTES_MAX + 20; length++) {
        uint8_t *body = malloc(length + 1);
        struct kith_auth auth;
        bench_fill(&source, body, length);
        cr_assert_eq(verify(body, length, 1, &auth), length < 105 || length > KITH_AUTH_BYTES_MAX
                                                         ? KITH_REASON_PROTOCOL
                                                         : KITH_REASON_AUTH);
        free(body);
    }
}

/* Extensions up to the last byte that fits, rightly signed. */
Test(auth, extensions_up_to_the_limit)
{
    uint8_t body[KITH_AUTH_BYTES_MAX + 64] = {0};
    struct kith_auth auth = some_auth(), came;
    (void)sign(&auth, 1, body);
    for (size_t extra = 3; extra <= KITH_AUTH_BYTES_MAX - 105; extra += 61) {
        struct kith_writer to = kith_writer_of(body + 41, extra);
        kith_write_uint(&to, 200, 1);
        kith_write_uint(&to, extra - 3, 2);
        cr_assert_eq(verify(body, sign_raw(body, 41 + extra), 1, &came), KITH_REASON_NONE);
        cr_assert_eq(came.features, auth.features);
        kith_write_uint(&to, 0, 0);
        body[43]++; /* longer than there is */
        cr_assert_eq(verify(body, sign_raw(body, 41 + extra), 1, &came), KITH_REASON_PROTOCOL);
        body[43]--;
    }
}

/* Rightly signed, one field out of its range. */
Test(auth, fields_out_of_range)
{
    static const struct {
        size_t at;
        const char *bytes;
        size_t count;
        kith_reason reason;
    } cases[] = {
        {0, "\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1", 16, KITH_REASON_PROTOCOL},   /* since above it */
        {0, "\0\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0", 16, KITH_REASON_PROTOCOL}, /* 2^62 */
        {0, "\0\0\0\0\0\0\0\0\x3f\xff\xff\xff\xff\xff\xff\xff", 16, KITH_REASON_NONE},
        {16, "\2", 1, KITH_REASON_PROTOCOL},
        {16, "\xff", 1, KITH_REASON_PROTOCOL},
        {17, "\0", 1, KITH_REASON_AUTH},
        {17, "\2", 1, KITH_REASON_AUTH},
        {18, "\0", 1, KITH_REASON_AUTH},
        {18, "\2", 1, KITH_REASON_AUTH},
        {23, "\0\0\0\0", 4, KITH_REASON_PROTOCOL}, /* takes no message at all */
        {23, "\xff\xff\xff\xff", 4, KITH_REASON_NONE},
        {27, "\0\0\0\0\0\0\0\0", 8, KITH_REASON_NONE},
        {35, "\0\7", 2, KITH_REASON_PROTOCOL},
        {35, "\0\x8", 2, KITH_REASON_NONE},
        {37, "\xff\xff\xff\xff", 4, KITH_REASON_NONE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t body[KITH_AUTH_BYTES_MAX];
        struct kith_auth auth = some_auth();
        (void)sign(&auth, 1, body);
        memcpy(body + cases[i].at, cases[i].bytes, cases[i].count);
        cr_assert_eq(verify(body, sign_raw(body, 41), 1, &auth), cases[i].reason, "case %zu", i);
    }
}

/* Without a binding there must be none; one that is empty is another than one of zeros. */
Test(auth, no_binding_is_not_a_binding_of_zeros)
{
    uint8_t body[KITH_AUTH_BYTES_MAX];
    struct kith_auth auth = some_auth();
    size_t length;
    memset(binding, 0, sizeof binding);
    transcript.binding_bytes = 0;
    length = sign(&auth, 1, body);
    transcript.binding_bytes = 32;
    cr_assert_eq(verify(body, length, 1, &auth), KITH_REASON_AUTH);
}

static kith_err no_signature(const uint8_t *seed, const uint8_t *key, const uint8_t *text,
                             size_t count, uint8_t *out)
{
    (void)seed;
    (void)key;
    (void)text;
    (void)count;
    memset(out, 0, 64);
    return KITH_ERR_CRYPTO;
}

Test(auth, errors_of_the_library_are_passed_on)
{
    struct kith_crypto broken = *crypto;
    uint8_t body[KITH_AUTH_BYTES_MAX];
    struct kith_auth auth = some_auth();
    size_t length;
    broken.ed25519_sign = no_signature;
    cr_assert_eq(kith_auth_sign(&auth, &transcript, 1, &broken, seeds[0], keys[0], body, &length),
                 KITH_ERR_CRYPTO);
}
