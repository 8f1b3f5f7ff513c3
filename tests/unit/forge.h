/* SPDX-License-Identifier: MIT
 *
 * forge.h: X.509 certificates made by hand, good ones and impossible ones, with Ed25519 keys. Their
 * private keys are new in every run and never leave the process but in a test's own folder.
 */
#ifndef KITH_TESTS_FORGE_H
#define KITH_TESTS_FORGE_H

#include <stddef.h>
#include <stdint.h>

enum { FORGE_DER_MAX = 24 * 1024, FORGE_KEY_BYTES = 48 };

/* Who vouches, and for what. Zero is a leaf valid for ten years that vouches for itself. */
struct forge_spec {
    const char *subject;                /* common name */
    const struct forge_certificate *by; /* NULL: itself */
    long from_s, until_s;               /* from now; both 0: an hour ago, and ten years */
    int is_ca;
    int path_len_plus_1; /* 0: no limit */
    int usage;           /* key usage: bits of the first octet; 0: the extension is left out */
    int extended;        /* extended key usage: 1 server, 2 client, 3 signing code; 0: left out */
    const char *dns;     /* a name; dns_bytes of it, or all */
    size_t dns_bytes;
    const uint8_t *ip; /* 4 bytes, or NULL */
    size_t padding;    /* so many bytes of an extension that means nothing */
    int is_spoiled;    /* the signature is wrong */
};

struct forge_certificate {
    char subject[64];
    uint8_t seed[32], public_key[32];
    uint8_t key[FORGE_KEY_BYTES]; /* PKCS #8 */
    uint8_t der[FORGE_DER_MAX];
    size_t der_bytes;
};

void forge(struct forge_certificate *out, const struct forge_spec *spec);

/* A root called name. */
void forge_root(struct forge_certificate *out, const char *name);
/* A leaf for "localhost" and 127.0.0.1 that the root vouches for. */
void forge_leaf(struct forge_certificate *out, const char *name,
                const struct forge_certificate *by);

/* Several, one behind the other; the caller frees it. */
uint8_t *forge_join(const struct forge_certificate *const *certificates, size_t count,
                    size_t *bytes);
/* As PEM text, which the caller frees. */
char *forge_pem(const char *label, const void *der, size_t bytes);

#endif
