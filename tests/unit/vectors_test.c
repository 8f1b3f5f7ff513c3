/* SPDX-License-Identifier: MIT
 *
 * vectors_test.c: our encoders and decoders against the bytes that a second implementation made
 * from PROTOCOL.md (make_vectors.py), both ways; every truncation and, for AUTH, every flipped bit
 * of them.
 */
#include "vectors.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/wire.h"
#include "bench.h"
#include "protocol/adopt.h"
#include "protocol/auth.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "protocol/info.h"
#include "transport.h"

#define SAME(ours, count, vector)                                                                  \
    do {                                                                                           \
        cr_assert_eq(count, sizeof(vector), "%zu bytes, not %zu", (size_t)(count),                 \
                     sizeof(vector));                                                              \
        cr_assert_arr_eq(ours, vector, sizeof(vector));                                            \
    } while (0)

static const struct kith_crypto *crypto = &kith_default_crypto;

/* ---- integers ---------------------------------------------------------------------------------
 */

Test(vectors, varints)
{
    for (size_t i = 0; i < sizeof vector_varints / sizeof vector_varints[0]; i++) {
        uint8_t out[8];
        struct kith_writer to = kith_writer_of(out, sizeof out);
        struct kith_reader from = kith_reader_of(vector_varints[i].bytes, vector_varints[i].count);
        kith_write_varint(&to, vector_varints[i].value);
        cr_assert(!to.broken);
        cr_assert_eq(kith_written(&to), vector_varints[i].count);
        cr_assert_eq(kith_varint_bytes(vector_varints[i].value), vector_varints[i].count);
        cr_assert_arr_eq(out, vector_varints[i].bytes, vector_varints[i].count);
        cr_assert_eq(kith_read_varint(&from), vector_varints[i].value);
        cr_assert(kith_read_all(&from));
        from = kith_reader_of(vector_varints[i].longer, 8);
        cr_assert_eq(kith_read_varint(&from), vector_varints[i].value);
        cr_assert(kith_read_all(&from));
    }
}

/* ---- HELLO ------------------------------------------------------------------------------------
 */

static struct kith_hello hello_of(int dialer, int secure)
{
    struct kith_hello hello = {0};
    kith_id id;
    hello.version_min = hello.version_max = 1;
    hello.role = secure ? (dialer ? KITH_ROLE_CLIENT : KITH_ROLE_SERVER) : KITH_ROLE_STAR;
    hello.channel = hello.channel_best = secure ? KITH_CHANNEL_TLS13_PSK : KITH_CHANNEL_PLAIN;
    hello.bindings = secure ? KITH_BINDING_EXPORTER_BIT : 0;
    hello.level_min = secure ? KITH_LEVEL_IDENTITY : KITH_LEVEL_NONE;
    hello.tls_version = secure ? 0x0304 : 0;
    hello.cipher_suite = secure ? 0x1301 : 0;
    memcpy(hello.key, dialer ? vector_dialer_key : vector_acceptor_key, sizeof hello.key);
    memcpy(hello.incarnation, dialer ? vector_dialer_incarnation : vector_acceptor_incarnation,
           sizeof hello.incarnation);
    memcpy(hello.nonce, dialer ? vector_dialer_nonce : vector_acceptor_nonce, sizeof hello.nonce);
    cr_assert_eq(kith_hello_session_tag(crypto, hello.nonce, (const char *)vector_session_name,
                                        hello.session_tag),
                 KITH_OK);
    if (secure && dialer) {
        memcpy(id.bytes, vector_acceptor_id, sizeof id.bytes);
        cr_assert_eq(kith_hello_want_tag(crypto, hello.nonce, &id, hello.want_tag), KITH_OK);
    }
    return hello;
}

Test(vectors, tags_and_ids)
{
    const struct kith_hello hello = hello_of(1, 1);
    uint8_t key[32];
    kith_id id;
    cr_assert_arr_eq(hello.session_tag, vector_session_tag, 16);
    cr_assert_arr_eq(hello.want_tag, vector_want_tag, 16);
    cr_assert_eq(crypto->ed25519_public(vector_dialer_seed, key), KITH_OK);
    cr_assert_arr_eq(key, vector_dialer_key, 32);
    cr_assert_eq(crypto->ed25519_public(vector_acceptor_seed, key), KITH_OK);
    cr_assert_arr_eq(key, vector_acceptor_key, 32);
    cr_assert_eq(kith_id_of_key(crypto, vector_dialer_key, &id), KITH_OK);
    cr_assert_arr_eq(id.bytes, vector_dialer_id, 16);
    cr_assert_eq(kith_id_of_key(crypto, vector_acceptor_key, &id), KITH_OK);
    cr_assert_arr_eq(id.bytes, vector_acceptor_id, 16);
}

static void check_hello(const struct kith_hello *ours, const uint8_t *vector)
{
    uint8_t out[KITH_HELLO_BYTES];
    struct kith_hello came;
    memset(&came, 0xff, sizeof came);
    kith_hello_encode(ours, out);
    cr_assert_arr_eq(out, vector, KITH_HELLO_BYTES);
    cr_assert_eq(kith_hello_decode(vector, KITH_HELLO_BYTES, &came), KITH_REASON_NONE);
    kith_hello_encode(&came, out);
    cr_assert_arr_eq(out, vector, KITH_HELLO_BYTES);
    cr_assert_eq(came.role, ours->role);
    cr_assert_eq(came.cipher_suite, ours->cipher_suite);
    for (size_t count = 0; count < KITH_HELLO_BYTES; count++) {
        cr_assert_eq(kith_hello_decode(vector, count, &came), KITH_REASON_PROTOCOL);
    }
}

Test(vectors, hello)
{
    const struct kith_hello plain_dialer = hello_of(1, 0), plain_acceptor = hello_of(0, 0);
    const struct kith_hello dialer = hello_of(1, 1), acceptor = hello_of(0, 1);
    check_hello(&plain_dialer, vector_hello_plain_dialer);
    check_hello(&plain_acceptor, vector_hello_plain_acceptor);
    check_hello(&dialer, vector_hello_secure_dialer);
    check_hello(&acceptor, vector_hello_secure_acceptor);
}

Test(vectors, refused_keys)
{
    struct kith_hello hello = hello_of(1, 0);
    uint8_t out[KITH_HELLO_BYTES];
    for (size_t i = 0; i < sizeof vector_refused_keys / sizeof vector_refused_keys[0]; i++) {
        cr_assert(!kith_public_key_ok(vector_refused_keys[i]), "key %zu is taken", i);
        memcpy(hello.key, vector_refused_keys[i], sizeof hello.key);
        kith_hello_encode(&hello, out);
        cr_assert_eq(kith_hello_decode(out, sizeof out, &hello), KITH_REASON_PROTOCOL);
    }
    cr_assert(kith_public_key_ok(vector_dialer_key));
    cr_assert(kith_public_key_ok(vector_acceptor_key));
}

/* ---- AUTH -------------------------------------------------------------------------------------
 */

static struct kith_transcript transcript_of(int secure)
{
    struct kith_transcript transcript = {0};
    transcript.hello_dialer = secure ? vector_hello_secure_dialer : vector_hello_plain_dialer;
    transcript.hello_acceptor = secure ? vector_hello_secure_acceptor : vector_hello_plain_acceptor;
    transcript.version = 1;
    transcript.binding_type = secure ? KITH_BINDING_EXPORTER : KITH_BINDING_NONE;
    transcript.binding = vector_binding;
    transcript.binding_bytes = secure ? sizeof vector_binding : 0;
    return transcript;
}

static struct kith_auth auth_of(int secure)
{
    struct kith_auth auth = {0};
    auth.version = 1;
    auth.binding_type = secure ? KITH_BINDING_EXPORTER : KITH_BINDING_NONE;
    auth.max_message_bytes = 0x00400000;
    auth.receive_budget_bytes = 0x01000000;
    auth.lanes_allowed = 8;
    return auth;
}

static kith_reason verify(const uint8_t *body, size_t count, int secure, int dialer)
{
    const struct kith_transcript transcript = transcript_of(secure);
    struct kith_auth auth;
    memset(&auth, 0xff, sizeof auth);
    return kith_auth_verify(body, count, &transcript, dialer, crypto,
                            dialer ? vector_dialer_key : vector_acceptor_key, &auth);
}

static void check_auth(const struct kith_auth *ours, const uint8_t *vector, size_t count,
                       int secure, int dialer)
{
    const struct kith_transcript transcript = transcript_of(secure);
    uint8_t out[KITH_AUTH_BYTES_MAX];
    size_t length;
    cr_assert_eq(kith_auth_sign(ours, &transcript, dialer, crypto,
                                dialer ? vector_dialer_seed : vector_acceptor_seed,
                                dialer ? vector_dialer_key : vector_acceptor_key, out, &length),
                 KITH_OK);
    cr_assert_eq(length, count);
    cr_assert_arr_eq(out, vector, count);
    cr_assert_eq(verify(vector, count, secure, dialer), KITH_REASON_NONE);
}

Test(vectors, auth_is_signed_and_verified)
{
    struct kith_auth auth = auth_of(0);
    check_auth(&auth, vector_auth_plain_dialer, sizeof vector_auth_plain_dialer, 0, 1);
    check_auth(&auth, vector_auth_plain_acceptor, sizeof vector_auth_plain_acceptor, 0, 0);
    auth = auth_of(1);
    check_auth(&auth, vector_auth_secure_acceptor, sizeof vector_auth_secure_acceptor, 1, 0);
    auth.since = 5;
    auth.generation = 7;
    auth.alive = 1;
    check_auth(&auth, vector_auth_secure_dialer, sizeof vector_auth_secure_dialer, 1, 1);
}

Test(vectors, auth_fields)
{
    const struct kith_transcript transcript = transcript_of(1);
    struct kith_auth auth;
    memset(&auth, 0xff, sizeof auth);
    cr_assert_eq(kith_auth_verify(vector_auth_secure_dialer, sizeof vector_auth_secure_dialer,
                                  &transcript, 1, crypto, vector_dialer_key, &auth),
                 KITH_REASON_NONE);
    cr_assert_eq(auth.since, 5);
    cr_assert_eq(auth.generation, 7);
    cr_assert_eq(auth.alive, 1);
    cr_assert_eq(auth.version, 1);
    cr_assert_eq(auth.binding_type, KITH_BINDING_EXPORTER);
    cr_assert_eq(auth.resume_window_ms, 0);
    cr_assert_eq(auth.max_message_bytes, 0x400000);
    cr_assert_eq(auth.receive_budget_bytes, 0x1000000);
    cr_assert_eq(auth.lanes_allowed, 8);
    cr_assert_eq(auth.features, 0);
}

Test(vectors, auth_with_extensions)
{
    cr_assert_eq(verify(vector_auth_extended, sizeof vector_auth_extended, 1, 1), KITH_REASON_NONE);
    cr_assert_eq(verify(vector_auth_unknown_extension, sizeof vector_auth_unknown_extension, 1, 1),
                 KITH_REASON_PROTOCOL);
    cr_assert_eq(verify(vector_auth_cut_extension, sizeof vector_auth_cut_extension, 1, 1),
                 KITH_REASON_PROTOCOL);
}

Test(vectors, auth_rightly_signed_and_yet_refused)
{
    cr_assert_eq(verify(vector_auth_wrong_version, sizeof vector_auth_wrong_version, 1, 1),
                 KITH_REASON_AUTH);
    cr_assert_eq(verify(vector_auth_bad_claim, sizeof vector_auth_bad_claim, 1, 1),
                 KITH_REASON_PROTOCOL);
    cr_assert_eq(verify(vector_auth_bad_alive, sizeof vector_auth_bad_alive, 1, 1),
                 KITH_REASON_PROTOCOL);
    /* S is not below the group order: the same signature in another form (RFC 8032 §5.1.7). */
    cr_assert_eq(verify(vector_auth_large_s, sizeof vector_auth_large_s, 1, 1), KITH_REASON_AUTH);
}

Test(vectors, auth_truncated)
{
    for (size_t count = 0; count < sizeof vector_auth_secure_dialer; count++) {
        cr_assert_neq(verify(vector_auth_secure_dialer, count, 1, 1), KITH_REASON_NONE);
    }
    for (size_t count = 0; count < sizeof vector_auth_extended; count++) {
        cr_assert_neq(verify(vector_auth_extended, count, 1, 1), KITH_REASON_NONE);
    }
}

Test(vectors, auth_with_any_bit_flipped)
{
    uint8_t body[sizeof vector_auth_secure_dialer];
    for (size_t bit = 0; bit < 8 * sizeof body; bit++) {
        memcpy(body, vector_auth_secure_dialer, sizeof body);
        body[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_eq(verify(body, sizeof body, 1, 1), KITH_REASON_AUTH, "bit %zu", bit);
    }
}

/* Whatever of the transcript the two sides see differently: no bit of it is left unsigned. */
Test(vectors, auth_over_another_transcript)
{
    uint8_t hellos[2][KITH_HELLO_BYTES], binding[KITH_BINDING_BYTES];
    struct kith_transcript transcript = transcript_of(1);
    struct kith_auth auth;
    uint8_t *const parts[] = {hellos[0], hellos[1], binding, transcript.certificate_dialer,
                              transcript.certificate_acceptor};
    const size_t sizes[] = {KITH_HELLO_BYTES, KITH_HELLO_BYTES, KITH_BINDING_BYTES,
                            KITH_SHA256_BYTES, KITH_SHA256_BYTES};
    memcpy(hellos[0], vector_hello_secure_dialer, KITH_HELLO_BYTES);
    memcpy(hellos[1], vector_hello_secure_acceptor, KITH_HELLO_BYTES);
    memcpy(binding, vector_binding, sizeof binding);
    transcript.hello_dialer = hellos[0];
    transcript.hello_acceptor = hellos[1];
    transcript.binding = binding;
    for (size_t part = 0; part < 5; part++) {
        for (size_t bit = 0; bit < 8 * sizes[part]; bit += bench_step()) {
            parts[part][bit / 8] ^= (uint8_t)(1u << bit % 8);
            cr_assert_eq(kith_auth_verify(vector_auth_secure_dialer,
                                          sizeof vector_auth_secure_dialer, &transcript, 1, crypto,
                                          vector_dialer_key, &auth),
                         KITH_REASON_AUTH, "part %zu, bit %zu", part, bit);
            parts[part][bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    cr_assert_eq(kith_auth_verify(vector_auth_secure_dialer, sizeof vector_auth_secure_dialer,
                                  &transcript, 1, crypto, vector_dialer_key, &auth),
                 KITH_REASON_NONE);
}

/* ---- INFO, ADOPT, ADOPTED, CREDIT, CLOSE -------------------------------------------------------
 */

Test(vectors, info)
{
    const struct kith_info plain = {.name = "Ünal"},
                           claiming = {.name = "Ünal", .claim = {5, 7, 1}};
    uint8_t out[KITH_INFO_OWN_BYTES_MAX];
    struct kith_info came;
    SAME(out, kith_info_encode(&plain, out), vector_info);
    SAME(out, kith_info_encode(&claiming, out), vector_info_claim);
    cr_assert(kith_info_decode(vector_info_claim, sizeof vector_info_claim, &came));
    cr_assert_eq(came.claim.since, 5);
    cr_assert_eq(came.claim.generation, 7);
    cr_assert_eq(came.claim.alive, 1);
    cr_assert(!kith_info_decode(vector_info_bad_claim, sizeof vector_info_bad_claim, &came));
    cr_assert(kith_info_decode(vector_info, sizeof vector_info, &came));
    cr_assert_str_eq(came.name, "Ünal");
    cr_assert(kith_info_decode(vector_info_extended, sizeof vector_info_extended, &came));
    cr_assert_eq(strlen(came.name), 63);
    for (size_t count = 0; count < sizeof vector_info; count++) {
        cr_assert(!kith_info_decode(vector_info, count, &came));
    }
    for (size_t count = 0; count < sizeof vector_info_extended; count++) {
        /* Without one or both of its extensions it is whole again: after 64, and 69 bytes. */
        cr_assert_eq(kith_info_decode(vector_info_extended, count, &came),
                     count == 64 || count == 69);
    }
}

static struct kith_adopt fresh_adopt(void)
{
    struct kith_adopt adopt = {9, 9, 1, 8, 8, {{0, 0, 0, 0}}};
    for (uint64_t lane = 0; lane < 8; lane++) {
        adopt.lanes[lane].lane = lane;
        adopt.lanes[lane].limit = 1u << 20;
    }
    return adopt;
}

static struct kith_adopt moved_adopt(void)
{
    const struct kith_adopt adopt = {
        KITH_VARINT_MAX,
        16384,
        0,
        8,
        3,
        {{0, 63, 63, 64}, {1, 16384, 16383, 1 << 30}, {7, KITH_VARINT_MAX, 0, KITH_VARINT_MAX}}};
    return adopt;
}

/* Truncations are copied to the end of a block, where a sanitizer sees a read beyond. */
static void check_adopt(const struct kith_adopt *ours, int with_fresh, const uint8_t *vector,
                        size_t count)
{
    uint8_t out[KITH_ADOPT_BYTES_MAX];
    struct kith_adopt came;
    memset(&came, 0xff, sizeof came);
    cr_assert_eq(kith_adopt_encode(ours, with_fresh, out), count);
    cr_assert_arr_eq(out, vector, count);
    cr_assert(kith_adopt_decode(vector, count, with_fresh, &came));
    cr_assert_eq(came.generation, ours->generation);
    cr_assert_eq(came.since, ours->since);
    cr_assert_eq(came.fresh, with_fresh ? ours->fresh : 0);
    cr_assert_eq(came.next_lane, ours->next_lane);
    cr_assert_eq(came.lane_count, ours->lane_count);
    for (size_t i = 0; i < came.lane_count; i++) {
        cr_assert_eq(came.lanes[i].lane, ours->lanes[i].lane);
        cr_assert_eq(came.lanes[i].received, ours->lanes[i].received);
        cr_assert_eq(came.lanes[i].consumed, ours->lanes[i].consumed);
        cr_assert_eq(came.lanes[i].limit, ours->lanes[i].limit);
    }
    for (size_t part = 0; part < count; part++) {
        uint8_t *copy = malloc(part + 1);
        memcpy(copy + 1, vector, part);
        cr_assert(!kith_adopt_decode(copy + 1, part, with_fresh, &came), "%zu bytes taken", part);
        free(copy);
    }
}

Test(vectors, adopt)
{
    const struct kith_adopt fresh = fresh_adopt(), moved = moved_adopt();
    const struct kith_adopt empty = {64, 1, 0, 8, 0, {{0, 0, 0, 0}}};
    check_adopt(&fresh, 1, vector_adopt, sizeof vector_adopt);
    check_adopt(&fresh, 0, vector_adopted, sizeof vector_adopted);
    check_adopt(&moved, 1, vector_adopt_moved, sizeof vector_adopt_moved);
    check_adopt(&empty, 0, vector_adopted_empty, sizeof vector_adopted_empty);
}

Test(vectors, forgotten)
{
    uint8_t out[KITH_FORGOTTEN_BYTES_MAX];
    uint64_t since;
    SAME(out, kith_forgotten_encode(16384, out), vector_forgotten);
    cr_assert(kith_forgotten_decode(vector_forgotten, sizeof vector_forgotten, &since));
    cr_assert_eq(since, 16384);
    cr_assert(!kith_forgotten_decode(vector_forgotten, sizeof vector_forgotten - 1, &since));
    cr_assert(!kith_forgotten_decode((const uint8_t *)"", 1, &since), "none began with 0");
}

Test(vectors, blocked)
{
    uint8_t out[KITH_BLOCKED_BYTES_MAX];
    uint64_t lane, limit;
    SAME(out, kith_blocked_encode(7, 65536, out), vector_blocked);
    cr_assert(kith_blocked_decode(vector_blocked, sizeof vector_blocked, &lane, &limit));
    cr_assert_eq(lane, 7);
    cr_assert_eq(limit, 65536);
    SAME(out, kith_blocked_encode(0, 0, out), vector_blocked_zero);
    for (size_t count = 0; count < sizeof vector_blocked; count++) {
        cr_assert(!kith_blocked_decode(vector_blocked, count, &lane, &limit));
    }
    cr_assert(!kith_blocked_decode((const uint8_t *)"\x08\x01", 2, &lane, &limit), "no such lane");
    cr_assert(!kith_blocked_decode((const uint8_t *)"\x00\x01\x00", 3, &lane, &limit), "a rest");
}

Test(vectors, credit)
{
    const struct kith_credit credit = {3, 70000, 69000, 1100000}, zero = {0, 0, 0, 0};
    struct kith_credit came;
    uint8_t out[KITH_CREDIT_BYTES_MAX];
    SAME(out, kith_credit_encode(&credit, out), vector_credit);
    cr_assert(kith_credit_decode(vector_credit, sizeof vector_credit, &came));
    cr_assert_eq(came.lane, 3);
    cr_assert_eq(came.received, 70000);
    cr_assert_eq(came.consumed, 69000);
    cr_assert_eq(came.limit, 1100000);
    SAME(out, kith_credit_encode(&zero, out), vector_credit_zero);
    cr_assert(kith_credit_decode(vector_credit_zero, sizeof vector_credit_zero, &came));
    for (size_t count = 0; count < sizeof vector_credit; count++) {
        cr_assert(!kith_credit_decode(vector_credit, count, &came));
    }
}

Test(vectors, close)
{
    uint8_t out[KITH_CLOSE_BODY_BYTES_MAX];
    struct kith_close came;
    SAME(out, kith_close_encode(KITH_REASON_KICKED, "geh weg — 走開", out), vector_close);
    cr_assert(kith_close_decode(vector_close, sizeof vector_close, &came));
    cr_assert_eq(came.code, KITH_REASON_KICKED);
    cr_assert_str_eq(came.text, "geh weg — 走開");
    SAME(out, kith_close_encode(KITH_REASON_LEFT, "", out), vector_close_bare);
    cr_assert(kith_close_decode(vector_close_bare, sizeof vector_close_bare, &came));
    cr_assert_eq(came.code, KITH_REASON_LEFT);
    cr_assert_str_empty(came.text);
    cr_assert(!kith_close_decode(vector_close, 0, &came));
}
