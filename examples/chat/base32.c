/* SPDX-License-Identifier: MIT
 *
 * base32.c: see base32.h.
 */
#include "base32.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void base32_write(const uint8_t *bytes, size_t count, size_t group, char *out)
{
    const size_t characters = BASE32_CHARACTERS(count);
    uint32_t bits = 0;
    unsigned bits_count = 0;
    for (size_t i = 0, at = 0; i < characters; i++) {
        if (bits_count < 5) {
            bits = bits << 8 | (at < count ? bytes[at] : 0u);
            at++;
            bits_count += 8;
        }
        if (group > 0 && i > 0 && i % group == 0) {
            *out++ = '-';
        }
        bits_count -= 5;
        *out++ = alphabet[bits >> bits_count & 31];
    }
    *out = '\0';
}

/* The value of a character, or -1. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a';
    }
    if (c >= '2' && c <= '7') {
        return c - '2' + 26;
    }
    switch (c) {
    case '0':
        return 'O' - 'A';
    case '1':
        return 'I' - 'A';
    case '8':
        return 'B' - 'A';
    default:
        return -1;
    }
}

long base32_read(const char *text, uint8_t *out, size_t room)
{
    uint32_t bits = 0;
    unsigned bits_count = 0;
    size_t used = 0;
    for (; *text != '\0'; text++) {
        if (*text == '-' || *text == ' ' || *text == '\t' || *text == '\r' || *text == '\n') {
            continue;
        }
        const int value = value_of(*text);
        if (value < 0) {
            return -1;
        }
        bits = bits << 5 | (uint32_t)value;
        bits_count += 5;
        if (bits_count >= 8) {
            if (used == room) {
                return -1;
            }
            bits_count -= 8;
            out[used++] = (uint8_t)(bits >> bits_count);
        }
    }
    const int is_rest_empty = bits_count < 5 && (bits & ((1u << bits_count) - 1)) == 0;
    return is_rest_empty ? (long)used : -1;
}
