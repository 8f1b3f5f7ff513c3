/* SPDX-License-Identifier: MIT
 *
 * hello.h: HELLO, the first frame each way: who speaks, over what, and two keyed tags that let an
 * acceptor stay silent towards strangers. Pure. Writes and judges bytes; sends nothing.
 */
#ifndef KITH_PROTOCOL_HELLO_H
#define KITH_PROTOCOL_HELLO_H

#include <stdint.h>

#include "crypto.h"
#include "kith/kith.h"

enum {
    KITH_PROTOCOL_VERSION_MIN = 1,
    KITH_PROTOCOL_VERSION_MAX = 1,
    KITH_HELLO_BYTES = 136,
    KITH_INCARNATION_BYTES = 8,
    KITH_NONCE_BYTES = 32,
    KITH_TAG_BYTES = 16,
    KITH_BINDING_NONE = 0,
    KITH_BINDING_EXPORTER = 1,
    KITH_BINDING_EXPORTER_BIT = 1
};

struct kith_hello {
    uint8_t version_min, version_max;
    uint8_t role;         /* enum kith_role */
    uint8_t channel;      /* enum kith_channel as this side sees it */
    uint8_t channel_best; /* best one it supports; 0 none */
    uint8_t bindings;     /* bits */
    uint8_t level_min;    /* enum kith_level it accepts */
    uint16_t tls_version, cipher_suite;
    uint8_t key[KITH_ED25519_KEY_BYTES];
    uint8_t incarnation[KITH_INCARNATION_BYTES];
    uint8_t nonce[KITH_NONCE_BYTES];
    uint8_t session_tag[KITH_TAG_BYTES];
    uint8_t want_tag[KITH_TAG_BYTES]; /* zero: whoever is there */
};

void kith_hello_encode(const struct kith_hello *hello, uint8_t out[KITH_HELLO_BYTES]);

/* NONE, or why the other side's HELLO is refused: PROTOCOL for wrong magic, set reserved bits,
 * unknown values, or a key that is of small order or not canonical; VERSION for a version range
 * that is empty. */
kith_reason kith_hello_decode(const uint8_t *body, size_t length, struct kith_hello *out);

/* Tag of a session name under a nonce, and of a wanted peer id under a nonce. */
kith_err kith_hello_session_tag(const struct kith_crypto *crypto, const uint8_t *nonce,
                                const char *session_name, uint8_t out[KITH_TAG_BYTES]);
kith_err kith_hello_want_tag(const struct kith_crypto *crypto, const uint8_t *nonce,
                             const kith_id *id, uint8_t out[KITH_TAG_BYTES]);

/* The id of a public key. */
kith_err kith_id_of_key(const struct kith_crypto *crypto, const uint8_t key[KITH_ED25519_KEY_BYTES],
                        kith_id *out);

/* Do the two roles fit: star with star, server with client. */
int kith_roles_fit(unsigned ours, unsigned theirs);

/* 0 for encodings of points of small order and for those that are not canonical (RFC 8032 §5.1.3):
 * with them one signature could be valid for many texts. */
int kith_public_key_ok(const uint8_t key[KITH_ED25519_KEY_BYTES]);

#endif
