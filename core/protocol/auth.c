/* SPDX-License-Identifier: MIT
 *
 * auth.c: the bytes of AUTH and of what it signs. Pure.
 */
#include "protocol/auth.h"

#include <string.h>

#include "base/wire.h"
#include "protocol/hello.h"

enum {
    SIGNED_PAD = 64,
    LABEL_BYTES_MAX = 32,
    SIGNED_BYTES_MAX = SIGNED_PAD + LABEL_BYTES_MAX + KITH_SHA256_BYTES
};

static void put16(uint8_t out[2], size_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

/* The text that is signed: 64 spaces, a label with its NUL (so that a signature can mean nothing
 * else), and the hash of the transcript. */
static kith_err signed_text(const struct kith_transcript *t, int dialer, const uint8_t *body,
                            size_t length, const struct kith_crypto *crypto,
                            uint8_t out[SIGNED_BYTES_MAX], size_t *count)
{
    const char *label = dialer ? "Kith link AUTH v1 dialer" : "Kith link AUTH v1 acceptor";
    size_t label_bytes = strlen(label) + 1;
    uint8_t hello_length[2], binding_length[2], auth_length[2];
    const uint8_t chosen[2] = {t->version, t->binding_type};
    const struct kith_slice pieces[] = {{hello_length, 2},
                                        {t->hello_dialer, KITH_HELLO_BYTES},
                                        {hello_length, 2},
                                        {t->hello_acceptor, KITH_HELLO_BYTES},
                                        {chosen, 2},
                                        {binding_length, 2},
                                        {t->binding, t->binding_bytes},
                                        {t->certificate_dialer, KITH_SHA256_BYTES},
                                        {t->certificate_acceptor, KITH_SHA256_BYTES},
                                        {auth_length, 2},
                                        {body, length}};
    put16(hello_length, KITH_HELLO_BYTES);
    put16(binding_length, t->binding_bytes);
    put16(auth_length, length);
    memset(out, 0x20, SIGNED_PAD);
    memcpy(out + SIGNED_PAD, label, label_bytes);
    *count = SIGNED_PAD + label_bytes + KITH_SHA256_BYTES;
    return crypto->sha256(pieces, sizeof pieces / sizeof pieces[0], out + SIGNED_PAD + label_bytes);
}

kith_err kith_auth_sign(const struct kith_auth *auth, const struct kith_transcript *transcript,
                        int dialer, const struct kith_crypto *crypto, const uint8_t *seed,
                        const uint8_t *key, uint8_t out[KITH_AUTH_BYTES_MAX], size_t *length)
{
    uint8_t text[SIGNED_BYTES_MAX];
    size_t text_bytes;
    kith_err err;
    struct kith_writer to = kith_writer_of(out, KITH_AUTH_BYTES_MAX);
    kith_write_uint(&to, auth->since, 8);
    kith_write_uint(&to, auth->generation, 8);
    kith_write_uint(&to, auth->alive, 1);
    kith_write_uint(&to, auth->version, 1);
    kith_write_uint(&to, auth->binding_type, 1);
    kith_write_uint(&to, auth->resume_window_ms, 4);
    kith_write_uint(&to, auth->max_message_bytes, 4);
    kith_write_uint(&to, auth->receive_budget_bytes, 8);
    kith_write_uint(&to, auth->lanes_allowed, 2);
    kith_write_uint(&to, auth->features, 4);
    err = signed_text(transcript, dialer, out, kith_written(&to), crypto, text, &text_bytes);
    if (err != KITH_OK) {
        return err;
    }
    *length = kith_written(&to) + KITH_ED25519_SIGNATURE_BYTES;
    return crypto->ed25519_sign(seed, key, text, text_bytes, to.at);
}

int kith_extensions_ok(const uint8_t *bytes, size_t count)
{
    struct kith_reader from = kith_reader_of(bytes, count);
    while (from.left > 0 && !from.broken) {
        uint64_t type = kith_read_uint(&from, 1);
        size_t length = (size_t)kith_read_uint(&from, 2);
        if (kith_read_bytes(&from, length) == NULL || type < 128) {
            return 0;
        }
    }
    return !from.broken;
}

static int decode(const uint8_t *body, size_t length, struct kith_auth *out)
{
    struct kith_reader from = kith_reader_of(body, length);
    out->since = kith_read_uint(&from, 8);
    out->generation = kith_read_uint(&from, 8);
    out->alive = (uint8_t)kith_read_uint(&from, 1);
    out->version = (uint8_t)kith_read_uint(&from, 1);
    out->binding_type = (uint8_t)kith_read_uint(&from, 1);
    out->resume_window_ms = (uint32_t)kith_read_uint(&from, 4);
    out->max_message_bytes = (uint32_t)kith_read_uint(&from, 4);
    out->receive_budget_bytes = kith_read_uint(&from, 8);
    out->lanes_allowed = (uint16_t)kith_read_uint(&from, 2);
    out->features = (uint32_t)kith_read_uint(&from, 4);
    return !from.broken && out->alive <= 1 && out->since <= out->generation &&
           out->generation <= KITH_VARINT_MAX && out->lanes_allowed >= KITH_CHANNEL_COUNT &&
           out->max_message_bytes >= 1 && kith_extensions_ok(from.at, from.left);
}

kith_reason kith_auth_verify(const uint8_t *body, size_t length,
                             const struct kith_transcript *transcript, int signer_dialled,
                             const struct kith_crypto *crypto, const uint8_t *key,
                             struct kith_auth *out)
{
    uint8_t text[SIGNED_BYTES_MAX];
    size_t text_bytes, unsigned_bytes = length - KITH_ED25519_SIGNATURE_BYTES;
    if (length < KITH_AUTH_FIXED_BYTES + KITH_ED25519_SIGNATURE_BYTES ||
        length > KITH_AUTH_BYTES_MAX) {
        return KITH_REASON_PROTOCOL;
    }
    if (signed_text(transcript, signer_dialled, body, unsigned_bytes, crypto, text, &text_bytes) !=
        KITH_OK) {
        return KITH_REASON_INTERNAL;
    }
    if (crypto->ed25519_verify(key, text, text_bytes, body + unsigned_bytes) != KITH_OK) {
        return KITH_REASON_AUTH;
    }
    if (!decode(body, unsigned_bytes, out)) {
        return KITH_REASON_PROTOCOL;
    }
    return out->version == transcript->version && out->binding_type == transcript->binding_type
               ? KITH_REASON_NONE
               : KITH_REASON_AUTH;
}
