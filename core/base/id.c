/* SPDX-License-Identifier: MIT
 *
 * id.c: peer ids as values and as text (RFC 9562). Pure. Does not know how an id is made.
 */
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "kith/kith.h"

void kith_id_format(const kith_id *id, char out[37])
{
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *out++ = '-';
        }
        kith_to_hex(&id->bytes[i], 1, out);
        out += 2;
    }
}

kith_err kith_id_parse(const char *text, kith_id *out)
{
    const char *at = text;
    kith_detail_clear();
    if (text == NULL || out == NULL) {
        return kith_fail(KITH_ERR_INVALID, "%s: is NULL", text == NULL ? "text" : "out");
    }
    for (size_t i = 0; i < 16; i++) {
        int high, low;
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *at++ != '-') {
            return kith_fail(KITH_ERR_INVALID, "text: is no id");
        }
        high = kith_hex_digit(at[0]);
        low = high < 0 ? -1 : kith_hex_digit(at[1]);
        if (low < 0) {
            return kith_fail(KITH_ERR_INVALID, "text: is no id");
        }
        out->bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return *at == '\0' ? KITH_OK : kith_fail(KITH_ERR_INVALID, "text: is longer than an id");
}

int kith_id_equal(const kith_id *a, const kith_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
