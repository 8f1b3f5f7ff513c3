/* SPDX-License-Identifier: MIT
 *
 * hex.h: bytes as hex digits. Pure. Knows nothing of what the bytes are.
 */
#ifndef KITH_BASE_HEX_H
#define KITH_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* The value of a hex digit, or -1. */
static inline int kith_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Writes 2 * count lower-case digits and a NUL. */
static inline void kith_to_hex(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

#endif
