/* SPDX-License-Identifier: MIT
 *
 * auth.h: AUTH, by which each side signs the whole conversation so far (both HELLOs, the channel it
 * ran over, its own limits), so that nobody in between can splice, reflect or downgrade. Pure.
 */
#ifndef KITH_PROTOCOL_AUTH_H
#define KITH_PROTOCOL_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "crypto.h"
#include "kith/kith.h"

enum { KITH_BINDING_BYTES = 32, KITH_AUTH_FIXED_BYTES = 41 };

struct kith_auth {
    uint64_t since,
        generation;  /* the claim: association and last ADOPT obeyed or issued; zero = none */
    uint8_t alive;   /* the claim's link still works as far as the sender knows */
    uint8_t version; /* chosen */
    uint8_t binding_type;
    uint32_t resume_window_ms; /* 0 = does not resume */
    uint32_t max_message_bytes;
    uint64_t receive_budget_bytes;
    uint16_t lanes_allowed;
    uint32_t features; /* bits; 0 in this version */
};

/* What both signatures cover besides the signer's AUTH: gathered raw, never re-encoded. */
struct kith_transcript {
    const uint8_t *hello_dialer, *hello_acceptor; /* KITH_HELLO_BYTES each, as on the wire */
    uint8_t version, binding_type;
    const uint8_t *binding; /* KITH_BINDING_BYTES; none for KITH_BINDING_NONE */
    size_t binding_bytes;
    uint8_t certificate_dialer[KITH_SHA256_BYTES],
        certificate_acceptor[KITH_SHA256_BYTES]; /* of the leaf; zero = none */
};

/* Writes a signed AUTH body; *length is its length. dialer: 1 when the signer dialled. */
kith_err kith_auth_sign(const struct kith_auth *auth, const struct kith_transcript *transcript,
                        int dialer, const struct kith_crypto *crypto, const uint8_t *seed,
                        const uint8_t *key, uint8_t out[KITH_AUTH_BYTES_MAX], size_t *length);

/* NONE, or why the body is refused: PROTOCOL malformed; AUTH the signature is not the key's over
 * this very transcript, or version or binding type are not the transcript's. Fields are to be used
 * only after NONE. */
kith_reason kith_auth_verify(const uint8_t *body, size_t length,
                             const struct kith_transcript *transcript, int signer_dialled,
                             const struct kith_crypto *crypto, const uint8_t *key,
                             struct kith_auth *out);

/* Skips TLV extensions (u8 type, u16 length): 1 when well formed and every unknown one may be
 * skipped (type 128 and up). */
int kith_extensions_ok(const uint8_t *bytes, size_t count);

#endif
