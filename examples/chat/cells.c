/* SPDX-License-Identifier: MIT
 *
 * cells.c: see cells.h.
 */
#define _GNU_SOURCE /* wcwidth */

#include "cells.h"

#include <wchar.h>

#include "text.h"

enum { JOINER = 0x200D };

struct range {
    uint32_t first, last;
};

static int is_in(const struct range *ranges, size_t count, uint32_t code)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last) {
            return 1;
        }
    }
    return 0;
}

/* For what the C library does not know: in a locale without UTF-8 everything, else what is newer
 * than its tables. The large blocks (Unicode 15, EastAsianWidth.txt) are near enough. */
static int guess(uint32_t code)
{
    static const struct range none[] = {
        {0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x610, 0x61A},
        {0x64B, 0x65F},   {0x200B, 0x200F}, {0x2060, 0x2064}, {0x20D0, 0x20FF},
        {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF},
    };
    static const struct range wide[] = {
        {0x1100, 0x115F},   {0x2E80, 0xA4CF},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
        {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
        {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD},
    };
    if (is_in(none, sizeof none / sizeof none[0], code)) {
        return 0;
    }
    return is_in(wide, sizeof wide / sizeof wide[0], code) ? 2 : 1;
}

int cells_of(uint32_t code)
{
    if (code >= 0x20 && code < 0x7F) {
        return 1;
    }
    const int cells = wcwidth((wchar_t)code);
    return cells >= 0 ? cells : guess(code);
}

static int is_flag_half(uint32_t code)
{
    return code >= 0x1F1E6 && code <= 0x1F1FF;
}

static int is_skin_colour(uint32_t code)
{
    return code >= 0x1F3FB && code <= 0x1F3FF;
}

size_t cells_next(const char *text, size_t bytes, size_t at)
{
    uint32_t code, before;
    if (at >= bytes) {
        return bytes;
    }
    at += text_decode(text + at, bytes - at, &before);
    int may_be_flag = is_flag_half(before);
    while (at < bytes) {
        const size_t taken = text_decode(text + at, bytes - at, &code);
        const int is_flag = may_be_flag && is_flag_half(code);
        if (code < 0x80 || before < 0x20 ||
            (cells_of(code) > 0 && before != JOINER && !is_skin_colour(code) && !is_flag)) {
            break;
        }
        may_be_flag = 0;
        before = code;
        at += taken;
    }
    return at;
}

size_t cells_previous(const char *text, size_t bytes, size_t at)
{
    size_t found = at > 0 ? at - 1 : 0;
    while (found > 0 && (unsigned char)text[found] >= 0x80) {
        found--; /* to ASCII, with which a letter begins in any case */
    }
    for (size_t next = found; next < at; next = cells_next(text, bytes, next)) {
        found = next;
    }
    return found;
}
