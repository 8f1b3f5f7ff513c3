/* SPDX-License-Identifier: MIT
 *
 * keytext.c: see keytext.h.
 */
#include "keytext.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

enum { FORM_MADE = 1, FORM_ANY = 2, MADE_BYTES = 8, CHECKSUM_BYTES = 4 };

static const char made_prefix[] = "kith-";

static uint32_t crc32_of(const uint8_t *bytes, size_t count)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
        }
    }
    return ~crc;
}

/* The value of 16 lower-case hex digits behind the prefix, as 8 bytes. Gives 0, or -1 for another
 * identity. */
static int read_made(const char *identity, uint8_t out[MADE_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    const size_t prefix = sizeof made_prefix - 1;
    if (strlen(identity) != prefix + 2 * MADE_BYTES ||
        strncmp(identity, made_prefix, prefix) != 0) {
        return -1;
    }
    for (size_t i = 0; i < 2 * MADE_BYTES; i++) {
        const char *const found = strchr(digits, identity[prefix + i]);
        if (found == NULL) {
            return -1;
        }
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (found - digits));
    }
    return 0;
}

static void write_made(const uint8_t *bytes, char *identity)
{
    size_t used = (size_t)sprintf(identity, "%s", made_prefix);
    for (size_t i = 0; i < MADE_BYTES; i++) {
        used += (size_t)sprintf(identity + used, "%02x", bytes[i]);
    }
}

void keytext_write(const kith_key *key, size_t group, char out[KEYTEXT_CHARACTERS_MAX + 1])
{
    uint8_t bytes[KEYTEXT_BYTES_MAX] = {0};
    const size_t identity = strlen(key->identity);
    size_t used;
    if (read_made(key->identity, bytes + 1) == 0) {
        bytes[0] = FORM_MADE;
        used = 1 + MADE_BYTES;
    } else {
        bytes[0] = FORM_ANY;
        bytes[1] = (uint8_t)identity;
        memcpy(bytes + 2, key->identity, identity);
        used = 2 + identity;
    }
    memcpy(bytes + used, key->bytes, key->bytes_count);
    used += key->bytes_count;
    const uint32_t crc = crc32_of(bytes, used);
    for (int i = 0; i < CHECKSUM_BYTES; i++) {
        bytes[used++] = (uint8_t)(crc >> (24 - 8 * i));
    }
    base32_write(bytes, used, group, out);
    text_wipe(bytes, sizeof bytes);
}

/* Takes the bytes apart, of which the checksum is right and gone. Gives 0, or -1. */
static int take_apart(const uint8_t *bytes, size_t count, kith_key *out)
{
    size_t used;
    if (bytes[0] == FORM_MADE && count > 1 + MADE_BYTES) {
        write_made(bytes + 1, out->identity);
        used = 1 + MADE_BYTES;
    } else if (bytes[0] == FORM_ANY && bytes[1] <= KITH_KEY_IDENTITY_BYTES_MAX &&
               count > 2u + bytes[1]) {
        memcpy(out->identity, bytes + 2, bytes[1]);
        out->identity[bytes[1]] = '\0';
        used = 2u + bytes[1];
    } else {
        return -1;
    }
    if (count - used > KITH_KEY_BYTES_MAX) {
        return -1;
    }
    memcpy(out->bytes, bytes + used, count - used);
    out->bytes_count = count - used;
    return 0;
}

/* Whether Kith takes it: the rules for identities and lengths are Kith's. */
static int is_usable(const kith_key *key)
{
    char line[KITH_KEY_IDENTITY_BYTES_MAX + 2 * KITH_KEY_BYTES_MAX + 2];
    const kith_err err = kith_key_format(key, line, sizeof line);
    text_wipe(line, sizeof line);
    return err == KITH_OK;
}

enum keytext_result keytext_read(const char *text, kith_key *out)
{
    uint8_t bytes[KEYTEXT_BYTES_MAX];
    enum keytext_result result = KEYTEXT_OTHER;
    memset(out, 0, sizeof *out);
    const long count = base32_read(text, bytes, sizeof bytes);
    if (count >= 2 + CHECKSUM_BYTES) {
        const size_t rest = (size_t)count - CHECKSUM_BYTES;
        uint32_t crc = 0;
        for (size_t i = rest; i < (size_t)count; i++) {
            crc = crc << 8 | bytes[i];
        }
        result = crc == crc32_of(bytes, rest) ? KEYTEXT_OK : KEYTEXT_CHECKSUM;
        if (result == KEYTEXT_OK && (take_apart(bytes, rest, out) != 0 || !is_usable(out))) {
            result = KEYTEXT_OTHER;
        }
    }
    text_wipe(bytes, sizeof bytes);
    if (result != KEYTEXT_OK) {
        kith_key_wipe(out);
    }
    return result;
}
