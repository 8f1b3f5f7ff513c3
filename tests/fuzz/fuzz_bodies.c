/* SPDX-License-Identifier: MIT
 *
 * fuzz_bodies.c: fuzzes everything that reads bytes or text into a value: the bodies of frames,
 * addresses, keys, ids, text. What was read, written and read again is the same; what is said to be
 * text is text.
 *
 * Input: which reader (1), what it reads.
 */
#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "base/url.h"
#include "base/wire.h"
#include "protocol/adopt.h"
#include "protocol/info.h"
#include "protocol/auth.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "transport.h"

enum { KEY_LINE_BYTES = KITH_KEY_IDENTITY_BYTES_MAX + 2 * KITH_KEY_BYTES_MAX + 2 };

static void hello(const uint8_t *body, size_t length)
{
    struct kith_hello read;
    uint8_t again[KITH_HELLO_BYTES];
    if (kith_hello_decode(body, length, &read) == KITH_REASON_NONE) {
        kith_hello_encode(&read, again);
        MUST(length == sizeof again && memcmp(again, body, length) == 0);
        MUST(kith_public_key_ok(read.key));
    }
}

static kith_err sign(const uint8_t *seed, const uint8_t *key, const uint8_t *text, size_t count,
                     uint8_t *out)
{
    (void)seed;
    (void)key;
    MUST(count > 64 && text[0] == 0x20);
    memset(out, 0x5a, KITH_ED25519_SIGNATURE_BYTES);
    return KITH_OK;
}

static kith_err verify(const uint8_t *key, const uint8_t *text, size_t count,
                       const uint8_t *signature)
{
    (void)key;
    (void)text;
    (void)count;
    return signature[0] == 0x5a ? KITH_OK : KITH_ERR_CRYPTO;
}

/* Signatures count as good when they begin with 'Z': what stands before them is what is fuzzed. */
static void auth(const uint8_t *body, size_t length)
{
    static const uint8_t zeros[KITH_HELLO_BYTES];
    struct kith_crypto crypto = kith_default_crypto;
    struct kith_transcript transcript = {zeros, zeros, 1,   KITH_BINDING_EXPORTER,
                                         zeros, 32,    {0}, {0}};
    struct kith_auth read, second;
    uint8_t again[KITH_AUTH_BYTES_MAX];
    size_t again_length;
    kith_reason reason;
    crypto.ed25519_sign = sign;
    crypto.ed25519_verify = verify;
    memset(&read, 0, sizeof read);
    memset(&second, 0, sizeof second);
    if (length > 18) {
        transcript.binding_type = body[18] & 1;
        transcript.binding_bytes = transcript.binding_type == KITH_BINDING_NONE ? 0 : 32;
    }
    reason = kith_auth_verify(body, length, &transcript, 1, &crypto, zeros, &read);
    if (reason == KITH_REASON_NONE) {
        MUST(kith_auth_sign(&read, &transcript, 1, &crypto, zeros, zeros, again, &again_length) ==
             KITH_OK);
        MUST(again_length == KITH_AUTH_FIXED_BYTES + KITH_ED25519_SIGNATURE_BYTES);
        MUST(memcmp(again, body, KITH_AUTH_FIXED_BYTES) == 0);
        MUST(kith_auth_verify(again, again_length, &transcript, 1, &crypto, zeros, &second) ==
             KITH_REASON_NONE);
        MUST(memcmp(&read, &second, sizeof read) == 0);
        MUST(read.max_message_bytes >= 1 && read.lanes_allowed >= KITH_CHANNEL_COUNT);
    } else {
        MUST(reason == KITH_REASON_PROTOCOL || reason == KITH_REASON_AUTH);
    }
}

static void info(const uint8_t *body, size_t length)
{
    struct kith_info read, second;
    uint8_t again[KITH_INFO_OWN_BYTES_MAX];
    if (kith_info_decode(body, length, &read)) {
        size_t again_length = kith_info_encode(&read, again);
        MUST(kith_text_ok(read.name, strlen(read.name), 1, KITH_NAME_BYTES_MAX));
        MUST(kith_frame_length_ok(KITH_FRAME_INFO, again_length));
        MUST(read.claim.since != 0 ||
             (again_length <= length && memcmp(again, body, again_length) == 0));
        MUST(kith_info_decode(again, again_length, &second));
        MUST(strcmp(read.name, second.name) == 0);
        MUST(read.claim.since <= read.claim.generation);
        MUST(read.claim.since == second.claim.since && read.claim.alive == second.claim.alive &&
             read.claim.generation == second.claim.generation);
    }
}

static void credit_is_sane(const struct kith_credit *credit)
{
    MUST(credit->consumed <= credit->received && credit->received <= credit->limit);
    MUST(credit->limit <= KITH_VARINT_MAX && credit->lane <= KITH_VARINT_MAX);
}

static void adopt(const uint8_t *body, size_t length, int with_fresh)
{
    struct kith_adopt read, second;
    uint8_t again[KITH_ADOPT_BYTES_MAX];
    memset(&read, 0, sizeof read);
    memset(&second, 0, sizeof second);
    if (kith_adopt_decode(body, length, with_fresh, &read)) {
        size_t again_length = kith_adopt_encode(&read, with_fresh, again);
        MUST(again_length <= length && read.since >= 1 && read.since <= read.generation);
        MUST(
            kith_frame_length_ok(with_fresh ? KITH_FRAME_ADOPT : KITH_FRAME_ADOPTED, again_length));
        MUST(kith_adopt_decode(again, again_length, with_fresh, &second));
        MUST(memcmp(&read, &second, sizeof read) == 0);
        for (size_t i = 0; i < read.lane_count; i++) {
            credit_is_sane(&read.lanes[i]);
            MUST(read.lanes[i].lane < KITH_CHANNEL_COUNT);
            MUST(i == 0 || read.lanes[i].lane > read.lanes[i - 1].lane);
        }
    }
}

static void credit(const uint8_t *body, size_t length)
{
    struct kith_credit read, second;
    uint8_t again[KITH_CREDIT_BYTES_MAX];
    if (kith_credit_decode(body, length, &read)) {
        size_t again_length = kith_credit_encode(&read, again);
        credit_is_sane(&read);
        MUST(kith_frame_length_ok(KITH_FRAME_CREDIT, again_length));
        MUST(kith_credit_decode(again, again_length, &second));
        MUST(memcmp(&read, &second, sizeof read) == 0);
    }
}

static void close_body(const uint8_t *body, size_t length)
{
    struct kith_close read, second;
    uint8_t again[KITH_CLOSE_BODY_BYTES_MAX];
    if (kith_close_decode(body, length, &read)) {
        kith_reason reason = kith_reason_from_wire(read.code);
        kith_reason code = kith_reason_to_wire(reason);
        size_t again_length = kith_close_encode((unsigned)code, read.text, again);
        MUST(kith_text_ok(read.text, strlen(read.text), 0, KITH_REASON_TEXT_BYTES_MAX));
        MUST(reason < KITH_REASON_COUNT && (reason == code || reason == KITH_REASON_LOST));
        MUST(kith_reason_to_wire(code) == code && kith_reason_from_wire(code) == code);
        MUST(kith_reason_text(reason)[0] != '?' && kith_reason_name(reason)[0] != '?');
        MUST(kith_frame_length_ok(KITH_FRAME_CLOSE, again_length));
        MUST(kith_close_decode(again, again_length, &second));
        MUST(second.code == (uint64_t)code && strcmp(read.text, second.text) == 0);
    }
}

static void url(const char *text)
{
    struct kith_url read, second;
    char again[2 * KITH_URL_BYTES_MAX];
    if (kith_url_parse(text, &read) == KITH_OK) {
        int bracket = strpbrk(read.host, ":%") != NULL;
        snprintf(again, sizeof again, "%s://%s%s%s:%u", read.scheme, bracket ? "[" : "", read.host,
                 bracket ? "]" : "", read.port);
        MUST(kith_url_parse(again, &second) == KITH_OK);
        MUST(memcmp(&read, &second, sizeof read) == 0);
        MUST(read.host[0] != '\0' && read.scheme[0] != '\0');
    } else {
        MUST(kith_text_ok(kith_detail(), strlen(kith_detail()), 1, 511));
    }
}

static void key(const char *text)
{
    kith_key read, second;
    char again[KEY_LINE_BYTES];
    kith_err err = kith_key_parse(text, &read);
    if (err == KITH_OK) {
        MUST(read.bytes_count >= KITH_KEY_BYTES_MIN && read.bytes_count <= KITH_KEY_BYTES_MAX);
        MUST(kith_text_ok(read.identity, strlen(read.identity), 1, KITH_KEY_IDENTITY_BYTES_MAX));
        MUST(kith_key_format(&read, again, sizeof again) == KITH_OK);
        MUST(kith_key_format(&read, again, strlen(again) + 1) == KITH_OK);
        MUST(kith_key_format(&read, again, strlen(again)) == KITH_ERR_TOO_BIG);
        MUST(kith_key_parse(again, &second) == KITH_OK);
        MUST(memcmp(&read, &second, sizeof read) == 0);
    } else {
        static const kith_key wiped;
        MUST(err == KITH_ERR_KEY && memcmp(&read, &wiped, sizeof read) == 0);
        MUST(kith_text_ok(kith_detail(), strlen(kith_detail()), 1, 511));
    }
}

static void id(const char *text)
{
    kith_id read, second;
    char again[37];
    if (kith_id_parse(text, &read) == KITH_OK) {
        kith_id_format(&read, again);
        MUST(strlen(text) == 36);
        for (size_t i = 0; i < 36; i++) {
            MUST(again[i] == text[i] || again[i] == (text[i] | 0x20));
        }
        MUST(kith_id_parse(again, &second) == KITH_OK && kith_id_equal(&read, &second));
    }
}

/* Printable text is text, and text is what making it printable does not change. */
static void text_of(const uint8_t *text, size_t count)
{
    size_t room = count > 0 ? 1 + text[0] : 1;
    char *whole = malloc(count + 1), *cut = malloc(room), *copy = malloc(room);
    int ok = kith_text_ok((const char *)text, count, 0, count);
    MUST(whole != NULL && cut != NULL && copy != NULL);
    kith_printable(text, count, whole, count + 1);
    kith_printable(text, count, cut, room);
    MUST(strlen(whole) <= count && strlen(cut) < room);
    MUST(ok == (strlen(whole) == count && memcmp(whole, text, count) == 0));
    MUST(kith_text_ok(whole, strlen(whole), 0, count));
    MUST(kith_text_ok(cut, strlen(cut), 0, count));
    MUST(strncmp(whole, cut, strlen(cut)) == 0);
    MUST(!kith_text_ok((const char *)text, count, count + 1, count + 2));
    MUST(count == 0 || !kith_text_ok((const char *)text, count, 0, count - 1));
    kith_text_copy(copy, room, whole);
    MUST(strlen(copy) < room && strncmp(copy, whole, strlen(copy)) == 0);
    MUST(kith_text_ok(copy, strlen(copy), 0, count));
    MUST(strlen(copy) == strlen(whole) || strlen(copy) + 4 >= room);
    free(whole);
    free(cut);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    uint8_t *body;
    char *line;
    if (count == 0) {
        return 0;
    }
    body = fuzz_copy(bytes + 1, count - 1);
    line = malloc(count);
    MUST(line != NULL);
    memcpy(line, bytes + 1, count - 1);
    line[count - 1] = '\0';
    switch (bytes[0] % 12) {
    case 0:
        hello(body, count - 1);
        break;
    case 1:
        auth(body, count - 1);
        break;
    case 2:
        info(body, count - 1);
        break;
    case 3:
    case 4:
        adopt(body, count - 1, bytes[0] % 12 == 3);
        break;
    case 5:
        credit(body, count - 1);
        break;
    case 6:
        close_body(body, count - 1);
        break;
    case 7:
        url(line);
        break;
    case 8:
        key(line);
        break;
    case 9:
        id(line);
        break;
    default:
        text_of(body, count - 1);
        break;
    }
    free(body);
    free(line);
    return 0;
}
