/* SPDX-License-Identifier: MIT
 *
 * keytext.h: a key as a text to read aloud, to type and to put into a QR code: base32 with a
 * checksum over all of it, so that a slip is noticed before the key is tried. Pure.
 *
 * The bytes: 1, then the 8 bytes of an identity that Kith made ("kith-" and their 16 hex digits);
 * or 2, then the length of the identity in a byte, and the identity. Then the key, and the CRC-32
 * of all before (ISO 3309, as in PNG and zip; most significant byte first).
 */
#ifndef CHAT_KEYTEXT_H
#define CHAT_KEYTEXT_H

#include <kith/kith.h>

#include "base32.h"

#define KEYTEXT_BYTES_MAX      (2 + KITH_KEY_IDENTITY_BYTES_MAX + KITH_KEY_BYTES_MAX + 4)
#define KEYTEXT_CHARACTERS_MAX (2 * BASE32_CHARACTERS(KEYTEXT_BYTES_MAX)) /* with dashes */

/* Writes a key, in groups of so many characters (0: without). The caller wipes out. */
void keytext_write(const kith_key *key, size_t group, char out[KEYTEXT_CHARACTERS_MAX + 1]);

enum keytext_result {
    KEYTEXT_OK,
    KEYTEXT_OTHER,    /* that is something else */
    KEYTEXT_CHECKSUM, /* it has the form, and a slip in it */
};

enum keytext_result keytext_read(const char *text, kith_key *out);

#endif
