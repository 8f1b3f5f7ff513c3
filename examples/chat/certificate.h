/* SPDX-License-Identifier: MIT
 *
 * certificate.h: what an X.509 certificate (RFC 5280) says of itself, as text for people: whose it
 * is, who made it, how long it is good. Believes and checks nothing of it: that is Kith's work.
 * The bytes may come from anybody. Pure but for certificate_load(), which reads a file.
 */
#ifndef CHAT_CERTIFICATE_H
#define CHAT_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include "sha256.h"

#define CERTIFICATE_NAME_BYTES_MAX 255

/* Texts are untrusted, without control characters, cut where they are longer, "" where nothing can
 * be read. */
struct certificate {
    uint8_t sha256[SHA256_BYTES];                 /* the fingerprint */
    char subject[CERTIFICATE_NAME_BYTES_MAX + 1]; /* "CN=bob,O=Example", as in RFC 4514 but in the
                                                     order in which it stands there */
    char issuer[CERTIFICATE_NAME_BYTES_MAX + 1];
    char names[CERTIFICATE_NAME_BYTES_MAX + 1]; /* hosts it is for: "bob.example 192.0.2.1" */
    char common_name[64 + 1];                   /* the CN alone */
    char not_before[20 + 1];                    /* "2026-01-01T12:00:00Z" */
    char not_after[20 + 1];
};

/* Reads DER. What cannot be read stays empty; the fingerprint is there in any case. */
void certificate_read(const void *der, size_t der_bytes, struct certificate *out);

/* Reads the first certificate of a file, PEM or DER. Gives 0, or -1 when there is none. */
int certificate_load(const char *path, struct certificate *out);

#endif
