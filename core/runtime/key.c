/* SPDX-License-Identifier: MIT
 *
 * key.c: pre-shared keys as values and as lines of text. Knows no session and no
 * loop.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "session/session.h"
#include "transport.h"

static kith_err unusable(const char *why)
{
    return kith_fail(KITH_ERR_KEY, "%s", why);
}

kith_err kith_key_generate(kith_key *out)
{
    const struct kith_crypto *crypto = &kith_default_crypto;
    uint8_t name[8];
    kith_detail_clear();
    if (out == NULL) {
        return kith_fail(KITH_ERR_INVALID, "out: is NULL");
    }
    memset(out, 0, sizeof *out);
    if (crypto->random(crypto->user, name, sizeof name) != KITH_OK ||
        crypto->random(crypto->user, out->bytes, 32) != KITH_OK) {
        return kith_fail(KITH_ERR_CRYPTO, "no randomness");
    }
    out->bytes_count = 32;
    strcpy(out->identity, "kith-");
    kith_to_hex(name, sizeof name, out->identity + 5);
    return KITH_OK;
}

static kith_err parse_hex(const char *at, size_t count, kith_key *out)
{
    if (count % 2 != 0 || count / 2 > KITH_KEY_BYTES_MAX) {
        return unusable(count % 2 != 0 ? "the key has an odd number of hex digits"
                                       : "the key is longer than 64 bytes");
    }
    for (size_t i = 0; i < count; i += 2) {
        int high = kith_hex_digit(at[i]), low = kith_hex_digit(at[i + 1]);
        if (high < 0 || low < 0) {
            return unusable("the key is not written in hex digits");
        }
        out->bytes[i / 2] = (uint8_t)(high << 4 | low);
    }
    out->bytes_count = count / 2;
    return KITH_OK;
}

kith_err kith_key_parse(const char *line, kith_key *out)
{
    const char *colon, *why;
    size_t length;
    kith_err err;
    kith_detail_clear();
    if (line == NULL || out == NULL) {
        return kith_fail(KITH_ERR_INVALID, "%s: is NULL", line == NULL ? "line" : "out");
    }
    memset(out, 0, sizeof *out);
    length = strlen(line);
    while (length > 0 && strchr(" \t\r\n", line[length - 1]) != NULL) {
        length--;
    }
    colon = memchr(line, ':', length);
    if (colon == NULL) {
        return unusable("the line is not of the form identity:hexkey");
    }
    if ((size_t)(colon - line) > KITH_KEY_IDENTITY_BYTES_MAX) {
        return unusable("the identity is longer than 128 bytes");
    }
    memcpy(out->identity, line, (size_t)(colon - line));
    err = parse_hex(colon + 1, length - (size_t)(colon + 1 - line), out);
    if (err == KITH_OK && !kith_key_usable(out, &why)) {
        err = unusable(why);
    }
    if (err != KITH_OK) {
        kith_key_wipe(out);
    }
    return err;
}

kith_err kith_key_format(const kith_key *key, char *out, size_t out_bytes)
{
    const char *why;
    size_t identity_bytes;
    kith_detail_clear();
    if (key == NULL || out == NULL) {
        return kith_fail(KITH_ERR_INVALID, "%s: is NULL", key == NULL ? "key" : "out");
    }
    if (!kith_key_usable(key, &why)) {
        return unusable(why);
    }
    identity_bytes = strlen(key->identity);
    if (identity_bytes + 2 * key->bytes_count + 2 > out_bytes) {
        return kith_fail(KITH_ERR_TOO_BIG, "out_bytes: %zu are needed",
                         identity_bytes + 2 * key->bytes_count + 2);
    }
    memcpy(out, key->identity, identity_bytes);
    out[identity_bytes] = ':';
    kith_to_hex(key->bytes, key->bytes_count, out + identity_bytes + 1);
    return KITH_OK;
}

void kith_key_wipe(kith_key *key)
{
    if (key != NULL) {
        kith_default_crypto.wipe(key, sizeof *key);
    }
}
