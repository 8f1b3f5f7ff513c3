/* SPDX-License-Identifier: MIT
 *
 * tls.h: TLS 1.3 with external pre-shared keys on wolfSSL, for every driver that has TLS. A driver
 * brings the sockets and the WOLFSSL objects; this module sets the contexts up, finds the keys,
 * checks afterwards that what was asked for was really negotiated, and says in words why it was
 * not. Must not know of sockets, HTTP or WebSocket.
 *
 * One suite and one pair of groups, on purpose: a pre-shared key is bound to the hash of one suite
 * (RFC 8446 §4.2.11), so a choice would only add handshakes that fail.
 */
#ifndef KITH_TRANSPORTS_TLS_H
#define KITH_TRANSPORTS_TLS_H

#include <stddef.h>
#include <stdint.h>

#include "transport.h"

struct WOLFSSL;
struct WOLFSSL_CTX;

#define KITH__TLS_DETAIL_BYTES 256 /* room for one sentence that quotes an identity */

/* What is remembered of one handshake: part of the driver's link, zero at first. */
struct kith__tls_handshake {
    char identity[KITH_KEY_IDENTITY_BYTES_MAX + 1]; /* that a key was asked for; printable */
    uint8_t asked;                                  /* the other side named a key, or we did */
    uint8_t known;                                  /* and it is one of ours */
};

/* What the callbacks of a context need; lives at least as long as the context. */
struct kith__tls_keys {
    struct kith_endpoint *endpoint;
    /* The handshake that a TLS object belongs to; NULL makes the handshake fail. */
    struct kith__tls_handshake *(*handshake_of)(struct kith_endpoint *endpoint,
                                                struct WOLFSSL *ssl);
};

/* Starts the library once per process. Safe on any thread, as often as wanted. */
kith_err kith__tls_start(void);

/* Makes a context that somebody else allocated a server's, or makes a client's; the caller frees it
 * with wolfSSL_CTX_free(). CRYPTO with a detail, or NOMEM. */
KITH_MUST_USE kith_err kith__tls_server_setup(struct WOLFSSL_CTX *context,
                                              struct kith__tls_keys *keys);
KITH_MUST_USE kith_err kith__tls_client_new(struct kith__tls_keys *keys, struct WOLFSSL_CTX **out);

/* Whether the finished handshake is TLS 1.3, used the pre-shared key that `handshake` names, with
 * (EC)DHE and without a certificate. NULL when it is; else a sentence that says what is wrong. */
const char *kith__tls_objection(struct WOLFSSL *ssl, const struct kith__tls_handshake *handshake);

/* The part of a link's info that TLS knows. */
void kith__tls_info(struct WOLFSSL *ssl, const struct kith__tls_handshake *handshake,
                    struct kith_link_info *info);

/* See exporter in transport.h. Only between the end of the handshake and kith__tls_settle(). */
KITH_MUST_USE kith_err kith__tls_export(struct WOLFSSL *ssl, const char *label, uint8_t *out,
                                        size_t out_bytes);

/* Drops the secrets that were kept for the exporter. */
void kith__tls_settle(struct WOLFSSL *ssl);

/* Why a handshake failed, as a reason and a sentence about "the other side". dialled: this side
 * opened the connection. heard: bytes came in at all. */
kith_reason kith__tls_explain(struct WOLFSSL *ssl, const struct kith__tls_handshake *handshake,
                              int dialled, int heard, char detail[KITH__TLS_DETAIL_BYTES]);

#endif
