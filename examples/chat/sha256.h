/* SPDX-License-Identifier: MIT
 *
 * sha256.h: SHA-256 (FIPS 180-4), for the fingerprints of certificates, which are no secrets. Not
 * for keys: what it leaves on the stack is not wiped. Pure.
 */
#ifndef CHAT_SHA256_H
#define CHAT_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES     32
#define SHA256_HEX_BYTES 64 /* in hex, without the NUL */

void sha256(const void *bytes, size_t count, uint8_t out[SHA256_BYTES]);

/* Writes a hash as 64 hex digits. */
void sha256_hex(const uint8_t hash[SHA256_BYTES], char out[SHA256_HEX_BYTES + 1]);

/* Writes half of a hash (0: the first, 1: the second) as eight groups of four hex digits, which can
 * be read aloud and compared. */
enum { SHA256_HALF_CHARACTERS = 8 * 4 + 7 };
void sha256_groups(const uint8_t hash[SHA256_BYTES], int half,
                   char out[SHA256_HALF_CHARACTERS + 1]);

/* Reads 64 hex digits at the start of text. Gives 0, or -1 when they are not there. */
int sha256_parse(const char *text, uint8_t out[SHA256_BYTES]);

#endif
