/* SPDX-License-Identifier: MIT
 *
 * tls.h: TLS on wolfSSL, for every driver that has TLS: with external pre-shared keys, or with
 * certificates, never both in one context. A driver brings the sockets and the WOLFSSL objects;
 * this module sets the contexts up, finds the keys, judges certificates, checks afterwards that
 * what was asked for was really negotiated, and says in words why it was not. Must not know of
 * sockets, HTTP or WebSocket.
 *
 * With keys there is one suite and one pair of groups, on purpose: a pre-shared key is bound to the
 * hash of one suite (RFC 8446 §4.2.11), so a choice would only add handshakes that fail.
 */
#ifndef KITH_TRANSPORTS_TLS_H
#define KITH_TRANSPORTS_TLS_H

#include <stddef.h>
#include <stdint.h>

#include "transport.h"

struct WOLFSSL;
struct WOLFSSL_CTX;
struct WOLFSSL_X509;
struct kith__tls_pki;

#define KITH__TLS_DETAIL_BYTES 256 /* room for one sentence that quotes an identity */

/* Why a chain of certificates is none to have doubts about: it is refused, whatever else. */
enum kith__tls_flaw {
    KITH__TLS_FINE = 0,
    KITH__TLS_MALFORMED,
    KITH__TLS_TOO_LONG,
    KITH__TLS_UNFIT, /* made for another use */
    KITH__TLS_NO_MEMORY
};

/* What is remembered of one handshake: part of the driver's link, zero at first;
 * kith__tls_forget() when the link is over. */
struct kith__tls_handshake {
    char identity[KITH_KEY_IDENTITY_BYTES_MAX + 1]; /* that a key was asked for; printable */
    uint8_t asked;                                  /* the other side named a key, or we did */
    uint8_t known;                                  /* and it is one of ours */
    uint8_t ems;                   /* TLS 1.2: the extended master secret is agreed on */
    uint8_t alert_got, alert_sent; /* by the driver, where alerts are not TLS's to carry (QUIC); 0:
                                      none */
    /* With certificates. */
    const char *name; /* the driver's, lives as long: that it must be made out to; NULL: any */
    kith_certificate *chain; /* the other side's, its own first */
    size_t chain_count;
    unsigned doubts; /* bits of kith_doubt */
    uint8_t flaw;    /* enum kith__tls_flaw */
    uint8_t judged;  /* a chain came */
    uint8_t showed;  /* ours was asked for, or is always shown */
};

/* Certificates out of PEM or DER. Zero is an empty list. */
struct kith__tls_list {
    kith_certificate *at;
    size_t count, room;
};

/* What is trusted. */
struct kith__tls_anchor {
    unsigned long subject; /* hash of the name */
    int may_sign;
};
struct kith__tls_anchors {
    struct kith__tls_list list;
    struct kith__tls_anchor *facts; /* of each in the list */
    size_t usable;                  /* of them could be parsed */
};

/* What the callbacks of a context need; lives at least as long as the context. */
struct kith__tls_keys {
    struct kith_endpoint *endpoint;
    struct kith__tls_pki *pki; /* NULL: pre-shared keys */
    kith_tls12 tls12;          /* with pre-shared keys */
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

/* Whether the finished handshake is what the context was made for. With keys: TLS 1.3, the
 * pre-shared key that `handshake` names, with (EC)DHE and without a certificate. With certificates:
 * TLS 1.3, and a certificate that was judged, where one is to be shown. NULL when it is; else a
 * sentence that says what is wrong. */
const char *kith__tls_objection(struct WOLFSSL *ssl, const struct kith__tls_keys *keys,
                                const struct kith__tls_handshake *handshake, int dialled);

/* The part of a link's info that TLS knows. */
void kith__tls_info(struct WOLFSSL *ssl, const struct kith__tls_keys *keys,
                    const struct kith__tls_handshake *handshake, struct kith_link_info *info);

/* Frees what a handshake holds. */
void kith__tls_forget(struct kith__tls_handshake *handshake);

/* See exporter in transport.h. Only between the end of the handshake and kith__tls_settle(). */
KITH_MUST_USE kith_err kith__tls_export(struct WOLFSSL *ssl, const char *label, uint8_t *out,
                                        size_t out_bytes);

/* Drops the secrets that were kept for the exporter. */
void kith__tls_settle(struct WOLFSSL *ssl);

/* Why a handshake failed, as a reason and a sentence about "the other side". dialled: this side
 * opened the connection. heard: bytes came in at all. */
kith_reason kith__tls_explain(struct WOLFSSL *ssl, const struct kith__tls_keys *keys,
                              const struct kith__tls_handshake *handshake, int dialled, int heard,
                              char detail[KITH__TLS_DETAIL_BYTES]);

/* Whether a TLS connection that looked finished was refused after all: in TLS 1.3 a client is done
 * before the server has seen its certificate. 1 and a sentence. */
int kith__tls_was_refused(struct WOLFSSL *ssl, char detail[KITH__TLS_DETAIL_BYTES]);

/* ---- pre-shared keys: psk.c */

/* Asks for keys as the session has them. */
KITH_MUST_USE kith_err kith__tls_psk_setup(struct WOLFSSL_CTX *context, struct kith__tls_keys *keys,
                                           int is_server);

/* ---- TLS 1.2: ems.c */

/* Has `ems` written down for every handshake of the context. 0: the library refuses. */
int kith__tls_watch_ems(struct WOLFSSL_CTX *context, struct kith__tls_keys *keys);
/* 1 when a ServerHello has the extension. */
int kith__tls_hello_has_ems(const uint8_t *message, size_t count);

/* ---- certificates: pki.c, verify.c, names.c, pem.c */

/* Parses what a session shows and trusts. KEY with a detail, NOMEM. The other is for a driver's
 * check_pki. */
KITH_MUST_USE kith_err kith__tls_pki_new(const struct kith_pki *pki, struct kith__tls_pki **out);
void kith__tls_pki_free(struct kith__tls_pki *pki);
KITH_MUST_USE kith_err kith__tls_check_pki(const struct kith_pki *pki);

/* The session's, for a context that rests on it. */
const struct kith_pki *kith__tls_pki_settings(const struct kith__tls_pki *pki);
const kith_certificate *kith__tls_pki_own(const struct kith__tls_pki *pki); /* der NULL: none */

/* Shows and asks for certificates as the session wants it. */
KITH_MUST_USE kith_err kith__tls_pki_setup(struct WOLFSSL_CTX *context, struct kith__tls_keys *keys,
                                           int is_server);

int kith__tls_is_pem(struct kith_slice bytes);
/* Adds every certificate. 0: something is none, or there is none, or more than most. */
int kith__tls_list_read(struct kith__tls_list *list, struct kith_slice bytes, size_t most);
void kith__tls_list_free(struct kith__tls_list *list);

/* Adds what is trusted; nothing to add is fine. 0: as kith__tls_list_read(). */
int kith__tls_anchors_read(struct kith__tls_anchors *anchors, struct kith_slice bytes);
void kith__tls_anchors_free(struct kith__tls_anchors *anchors);

/* Judges a chain, the leaf first. name: what it must be made out to, "" for anyone. of_server: it
 * is a server's, else a client's. */
enum kith__tls_flaw kith__tls_judge(const struct kith__tls_anchors *anchors,
                                    const kith_certificate *chain, size_t count, const char *name,
                                    int of_server, unsigned *doubts);

/* 1 when the certificate is made out to the host, a name or a numeric address. */
int kith__tls_name_fits(struct WOLFSSL_X509 *certificate, const char *host);
/* 1 when a DNS name of a certificate, of count bytes, stands for the host. */
int kith__tls_pattern_fits(const char *pattern, size_t count, const char *host);

#endif
