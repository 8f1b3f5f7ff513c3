/* SPDX-License-Identifier: MIT
 *
 * identity.c: identities that outlive a session, as values and as lines of text. Knows no session
 * and no loop.
 */
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "session/session.h"
#include "transport.h"

static const char prefix[] = "kith-identity-1:";

kith_err kith_identity_generate(kith_identity *out)
{
    const struct kith_crypto *crypto = &kith_default_crypto;
    kith_detail_clear();
    if (out == NULL) {
        return kith_fail(KITH_ERR_INVALID, "out: is NULL");
    }
    return crypto->random(crypto->user, out->bytes, sizeof out->bytes) == KITH_OK
               ? KITH_OK
               : kith_fail(KITH_ERR_CRYPTO, "no randomness");
}

static kith_err unusable(void)
{
    return kith_fail(KITH_ERR_KEY, "is no identity: %s and 64 hex digits, not all zero", prefix);
}

kith_err kith_identity_format(const kith_identity *identity, char out[KITH_IDENTITY_TEXT_BYTES])
{
    kith_detail_clear();
    if (identity == NULL || out == NULL) {
        return kith_fail(KITH_ERR_INVALID, "%s: is NULL", identity == NULL ? "identity" : "out");
    }
    if (!kith_identity_usable(identity)) {
        return unusable();
    }
    memcpy(out, prefix, sizeof prefix);
    kith_to_hex(identity->bytes, sizeof identity->bytes, out + sizeof prefix - 1);
    return KITH_OK;
}

static int parse(const char *line, size_t length, kith_identity *out)
{
    const char *at = line + sizeof prefix - 1;
    if (length != KITH_IDENTITY_TEXT_BYTES - 1 || memcmp(line, prefix, sizeof prefix - 1) != 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof out->bytes; i++) {
        int high = kith_hex_digit(at[2 * i]), low = kith_hex_digit(at[2 * i + 1]);
        if (high < 0 || low < 0) {
            return 0;
        }
        out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return kith_identity_usable(out);
}

kith_err kith_identity_parse(const char *line, kith_identity *out)
{
    size_t length;
    kith_detail_clear();
    if (line == NULL || out == NULL) {
        return kith_fail(KITH_ERR_INVALID, "%s: is NULL", line == NULL ? "line" : "out");
    }
    length = strlen(line);
    while (length > 0 && strchr(" \t\r\n", line[length - 1]) != NULL) {
        length--;
    }
    if (!parse(line, length, out)) {
        kith_identity_wipe(out);
        return unusable();
    }
    return KITH_OK;
}

kith_err kith_identity_id(const kith_identity *identity, kith_id *out)
{
    const struct kith_crypto *crypto = &kith_default_crypto;
    uint8_t key[KITH_ED25519_KEY_BYTES];
    kith_err err;
    kith_detail_clear();
    if (identity == NULL || out == NULL) {
        return kith_fail(KITH_ERR_INVALID, "%s: is NULL", identity == NULL ? "identity" : "out");
    }
    err = crypto->ed25519_public(identity->bytes, key);
    return err != KITH_OK ? err : kith_id_of_key(crypto, key, out);
}

void kith_identity_wipe(kith_identity *identity)
{
    if (identity != NULL) {
        kith_default_crypto.wipe(identity, sizeof *identity);
    }
}
