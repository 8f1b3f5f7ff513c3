/* SPDX-License-Identifier: MIT
 *
 * text.c: see text.h.
 */
#include "text.h"

#include <string.h>

/* What the first byte of a character says: its length, and between which values the second byte
 * must lie (that excludes overlong forms, surrogates and codes above 10FFFF: Unicode table 3-7). */
struct lead {
    size_t bytes;
    unsigned char low, high;
};

static struct lead lead_of(unsigned char first)
{
    if (first < 0x80) {
        return (struct lead){1, 0, 0};
    }
    if (first >= 0xC2 && first <= 0xDF) {
        return (struct lead){2, 0x80, 0xBF};
    }
    if (first >= 0xE0 && first <= 0xEF) {
        return (struct lead){3, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF};
    }
    if (first >= 0xF0 && first <= 0xF4) {
        return (struct lead){4, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF};
    }
    return (struct lead){0, 0, 0};
}

size_t text_decode(const void *bytes, size_t count, uint32_t *code)
{
    const unsigned char *b = bytes;
    const struct lead lead = lead_of(b[0]);
    *code = TEXT_REPLACEMENT;
    if (lead.bytes <= 1) {
        if (lead.bytes == 1) {
            *code = b[0];
        }
        return 1;
    }
    uint32_t value = b[0] & (0x7Fu >> lead.bytes);
    for (size_t i = 1; i < lead.bytes; i++) {
        const unsigned char low = i == 1 ? lead.low : 0x80;
        const unsigned char high = i == 1 ? lead.high : 0xBF;
        if (i >= count || b[i] < low || b[i] > high) {
            return i;
        }
        value = value << 6 | (b[i] & 0x3Fu);
    }
    *code = value;
    return lead.bytes;
}

size_t text_encode(uint32_t code, char out[4])
{
    const size_t bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = bytes; i > 1; i--) {
        out[i - 1] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)(leads[bytes] | code);
    return bytes;
}

int text_is_clean(const char *text)
{
    const size_t bytes = strlen(text);
    for (size_t at = 0; at < bytes;) {
        uint32_t code;
        const size_t taken = text_decode(text + at, bytes - at, &code);
        /* One that was typed as such has three bytes; one that stands for broken text may too. */
        const int is_broken = code == TEXT_REPLACEMENT &&
                              (taken != 3 || memcmp(text + at, "\xEF\xBF\xBD", taken) != 0);
        if (is_broken || code < 0x20 || (code >= 0x7F && code < 0xA0)) {
            return 0;
        }
        at += taken;
    }
    return 1;
}

void text_put_json(FILE *out, const void *bytes, size_t count)
{
    const char *b = bytes;
    for (size_t at = 0; at < count;) {
        uint32_t code;
        const size_t taken = text_decode(b + at, count - at, &code);
        if (code == '"' || code == '\\') {
            fprintf(out, "\\%c", (int)code);
        } else if (code == '\n') {
            fputs("\\n", out);
        } else if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
            fprintf(out, "\\u%04x", (unsigned)code);
        } else if (code == TEXT_REPLACEMENT) {
            fputs("\xEF\xBF\xBD", out);
        } else {
            fwrite(b + at, 1, taken, out);
        }
        at += taken;
    }
}

int text_is_unsafe(uint32_t code)
{
    return (code < 0x20 && code != '\t') || (code >= 0x7F && code < 0xA0) ||
           (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

void text_put_safe(FILE *out, const void *bytes, size_t count)
{
    const char *b = bytes;
    for (size_t at = 0; at < count;) {
        uint32_t code;
        const size_t taken = text_decode(b + at, count - at, &code);
        if (code == '\n') {
            fputs("\n    ", out);
        } else if (code == TEXT_REPLACEMENT || text_is_unsafe(code)) {
            fputs("\xEF\xBF\xBD", out);
        } else {
            fwrite(b + at, 1, taken, out);
        }
        at += taken;
    }
}

void text_wipe(void *bytes, size_t count)
{
    volatile unsigned char *b = bytes;
    while (count > 0) {
        b[--count] = 0;
    }
}
