/* SPDX-License-Identifier: MIT
 *
 * err.c: names and texts of errors and reasons, the thread's detail text, and the checks of text
 * that every layer shares.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char detail[512];

kith_err kith_fail(kith_err err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return err;
}

void kith_detail_clear(void)
{
    detail[0] = '\0';
}

const char *kith_detail(void)
{
    return detail;
}

const char *kith_version(void)
{
#define TEXT_OF(x)          #x
#define VERSION_OF(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)
    return VERSION_OF(KITH_VERSION_MAJOR, KITH_VERSION_MINOR, KITH_VERSION_PATCH);
}

#define NAME_CASE(name, value, text)                                                               \
    case value:                                                                                    \
        return #name;
#define TEXT_CASE(name, value, text)                                                               \
    case value:                                                                                    \
        return text;

const char *kith_err_name(kith_err err)
{
    switch ((int)err) {
        KITH_ERR_MAP(NAME_CASE)
    }
    return "?";
}

const char *kith_err_text(kith_err err)
{
    switch ((int)err) {
        KITH_ERR_MAP(TEXT_CASE)
    }
    return "?";
}

const char *kith_reason_name(kith_reason reason)
{
    switch ((int)reason) {
        KITH_REASON_MAP(NAME_CASE)
    }
    return "?";
}

const char *kith_reason_text(kith_reason reason)
{
    switch ((int)reason) {
        KITH_REASON_MAP(TEXT_CASE)
    }
    return "?";
}

kith_reason kith_reason_to_wire(kith_reason reason)
{
    switch (reason) {
    case KITH_REASON_NONE:
    case KITH_REASON_LOCAL:
        return KITH_REASON_LEFT;
    case KITH_REASON_LOST:
    case KITH_REASON_REFUSED:
    case KITH_REASON_UNREACHABLE:
    case KITH_REASON_NAME:
        return KITH_REASON_TIMEOUT;
    case KITH_REASON_NOT_KITH:
        return KITH_REASON_PROTOCOL;
    case KITH_REASON_COUNT:
        return KITH_REASON_INTERNAL;
    case KITH_REASON_LEFT:
    case KITH_REASON_TIMEOUT:
    case KITH_REASON_RESTARTED:
    case KITH_REASON_KICKED:
    case KITH_REASON_BANNED:
    case KITH_REASON_REJECTED:
    case KITH_REASON_PROTOCOL:
    case KITH_REASON_VERSION:
    case KITH_REASON_AUTH:
    case KITH_REASON_SELF:
    case KITH_REASON_ID_IN_USE:
    case KITH_REASON_SESSION:
    case KITH_REASON_ROLE:
    case KITH_REASON_FULL:
    case KITH_REASON_DUPLICATE:
    case KITH_REASON_INTERNAL:
    case KITH_REASON_UNTRUSTED:
        break;
    }
    return reason;
}

kith_reason kith_reason_from_wire(unsigned long long code)
{
    kith_reason reason = code < KITH_REASON_COUNT ? (kith_reason)code : KITH_REASON_LOST;
    return kith_reason_to_wire(reason) == reason ? reason : KITH_REASON_LOST;
}

/* Bytes of the UTF-8 sequence that starts at text, or 0 when it is none (RFC 3629 §4: no overlong
 * forms, no surrogates). */
static size_t sequence(const uint8_t *text, size_t left)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t point;
    size_t count = text[0] < 0x80             ? 1
                   : (text[0] & 0xe0) == 0xc0 ? 2
                   : (text[0] & 0xf0) == 0xe0 ? 3
                   : (text[0] & 0xf8) == 0xf0 ? 4
                                              : 0;
    if (count == 0 || count > left) {
        return 0;
    }
    if (count == 1) {
        return 1;
    }
    point = text[0] & (0x7fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (text[i] & 0x3f);
    }
    if (point < smallest[count] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
        return 0;
    }
    return count;
}

/* C0, DEL and C1: what could drive a terminal or a log. */
static int is_control(const uint8_t *text, size_t count)
{
    return (count == 1 && (text[0] < 0x20 || text[0] == 0x7f)) ||
           (count == 2 && text[0] == 0xc2 && text[1] < 0xa0);
}

int kith_text_ok(const char *text, size_t bytes, size_t min, size_t max)
{
    const uint8_t *at = (const uint8_t *)text;
    if (bytes < min || bytes > max) {
        return 0;
    }
    while (bytes > 0) {
        size_t count = sequence(at, bytes);
        if (count == 0 || is_control(at, count)) {
            return 0;
        }
        at += count;
        bytes -= count;
    }
    return 1;
}

void kith_text_copy(char *out, size_t out_bytes, const char *text)
{
    size_t count = strlen(text);
    if (count >= out_bytes) {
        count = out_bytes - 1;
        while (count > 0 && ((unsigned char)text[count] & 0xc0) == 0x80) {
            count--; /* not in the middle of a character */
        }
    }
    memcpy(out, text, count);
    out[count] = '\0';
}

void kith_printable(const void *text, size_t bytes, char *out, size_t out_bytes)
{
    const uint8_t *at = text;
    size_t used = 0;
    while (bytes > 0) {
        size_t count = sequence(at, bytes);
        int bad = count == 0 || is_control(at, count);
        size_t write = bad ? 1 : count;
        if (used + write + 1 > out_bytes) {
            break;
        }
        if (bad) {
            out[used] = '?';
        } else {
            memcpy(out + used, at, count);
        }
        used += write;
        count = count == 0 ? 1 : count;
        at += count;
        bytes -= count;
    }
    out[used] = '\0';
}
