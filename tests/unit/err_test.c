/* SPDX-License-Identifier: MIT
 *
 * err_test.c: names and texts, the detail text of a thread, and the checks of text from outside.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bench.h"

Test(err, every_error_has_a_name_and_a_text)
{
#define CHECK(name, value, text)                                                                   \
    cr_assert_eq((int)KITH_ERR_##name, value);                                                     \
    cr_assert_str_eq(kith_err_name(KITH_ERR_##name), #name);                                       \
    cr_assert_str_eq(kith_err_text(KITH_ERR_##name), text);
    KITH_ERR_MAP(CHECK)
#undef CHECK
    cr_assert_eq((int)KITH_OK, 0);
    cr_assert_str_eq(kith_err_name((kith_err)1), "?");
    cr_assert_str_eq(kith_err_text((kith_err)-24), "?");
}

Test(err, every_reason_has_a_name_and_a_text)
{
    int count = 0;
#define CHECK(name, value, text)                                                                   \
    cr_assert_eq((int)KITH_REASON_##name, value);                                                  \
    cr_assert_str_eq(kith_reason_name(KITH_REASON_##name), #name);                                 \
    cr_assert_str_eq(kith_reason_text(KITH_REASON_##name), text);                                  \
    count++;
    KITH_REASON_MAP(CHECK)
#undef CHECK
    cr_assert_eq((int)KITH_REASON_COUNT, count);
    cr_assert_str_eq(kith_reason_name(KITH_REASON_COUNT), "?");
    cr_assert_str_eq(kith_reason_text((kith_reason)-1), "?");
}

Test(err, version)
{
    cr_assert_str_eq(kith_version(), "0.1.0");
}

/* Reasons from the wire: PROTOCOL.md section 6. */
Test(err, reasons_from_the_wire)
{
    for (unsigned long long code = 0; code < 300; code++) {
        int for_us = code == 0 || code == 2 || code == 16 || (code >= 18 && code <= 21);
        kith_reason expected =
            for_us || code >= KITH_REASON_COUNT ? KITH_REASON_LOST : (kith_reason)code;
        cr_assert_eq(kith_reason_from_wire(code), expected, "%d", (int)code);
    }
    cr_assert_eq(kith_reason_from_wire(~0ull), KITH_REASON_LOST);
    cr_assert_eq(kith_reason_from_wire(1ull << 32 | 1), KITH_REASON_LOST);
}

/* ---- the detail text --------------------------------------------------------------------------
 */

static void *in_another_thread(void *user)
{
    (void)user;
    cr_assert_str_empty(kith_detail());
    (void)kith_fail(KITH_ERR_IO, "there");
    cr_assert_str_eq(kith_detail(), "there");
    return NULL;
}

Test(err, detail_belongs_to_its_thread)
{
    pthread_t thread;
    cr_assert_eq(kith_fail(KITH_ERR_ADDRESS, "%s is %d", "port", 7), KITH_ERR_ADDRESS);
    cr_assert_eq(pthread_create(&thread, NULL, in_another_thread, NULL), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_str_eq(kith_detail(), "port is 7");
    kith_detail_clear();
    cr_assert_str_empty(kith_detail());
}

Test(err, detail_is_cut_where_it_is_too_long)
{
    char text[3000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    (void)kith_fail(KITH_ERR_IO, "%s", text);
    cr_assert(strlen(kith_detail()) > 100 && strlen(kith_detail()) < 1000);
}

/* ---- text from outside ------------------------------------------------------------------------
 */

/* Copied to the end of a block, where a sanitizer sees a read beyond. */
static int text_ok(const char *text, size_t count)
{
    char *copy = malloc(count + 1);
    int ok;
    cr_assert_not_null(copy);
    memcpy(copy + 1, text, count);
    ok = kith_text_ok(copy + 1, count, 1, 63);
    free(copy);
    return ok;
}

Test(err, good_text)
{
    static const char *const good[] = {"a",
                                       " ",
                                       "~",
                                       "\xc2\xa0",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "Löwe 走開 🦁"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert(text_ok(good[i], strlen(good[i])), "text %zu", i);
    }
}

Test(err, bad_text)
{
    static const char *const bad[] = {"\x01",
                                      "\n",
                                      "\x1f",
                                      "a\x7f",
                                      "\xc2\x80",
                                      "\xc2\x9f", /* control characters */
                                      "\x80",
                                      "\xbf",
                                      "a\xff",
                                      "\xfe", /* no first byte */
                                      "\xc2",
                                      "\xe0\xa0",
                                      "\xf0\x90\x80",
                                      "\xc2"
                                      "a",
                                      "\xe1\x80"
                                      "a", /* cut */
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xf0\x8f\xbf\xbf", /* overlong */
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf", /* surrogates */
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf8\x88\x80\x80\x80"}; /* beyond U+10FFFF */
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert(!text_ok(bad[i], strlen(bad[i])), "text %zu", i);
    }
    cr_assert(!text_ok("a\0b", 3));
}

/* Every sequence of up to three bytes, against a decoder written the other way round. */
static int valid_point(const uint8_t *at, size_t count)
{
    for (uint32_t point = 0x80; point < 0x10000; point++) {
        uint8_t out[3];
        size_t length = point < 0x800 ? 2 : 3;
        if (length != count || (point >= 0xd800 && point < 0xe000)) {
            continue;
        }
        out[0] = (uint8_t)(length == 2 ? 0xc0 | point >> 6 : 0xe0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (length == 2 ? point & 0x3f : point >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (point & 0x3f));
        if (memcmp(out, at, count) == 0) {
            return point >= 0xa0;
        }
    }
    return 0;
}

Test(err, two_byte_sequences)
{
    for (size_t pair = 0x8000; pair < 0x10000; pair += bench_step()) {
        const uint8_t text[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        int expected = text[0] >= 0xc2 && text[0] < 0xe0 ? valid_point(text, 2) : 0;
        cr_assert_eq(text_ok((const char *)text, 2), expected, "%04zx", pair);
    }
}

Test(err, length_of_text)
{
    char text[70];
    memset(text, 'x', sizeof text);
    cr_assert(!kith_text_ok(text, 0, 1, 63));
    cr_assert(kith_text_ok(text, 0, 0, 63));
    cr_assert(kith_text_ok(text, 63, 1, 63));
    cr_assert(!kith_text_ok(text, 64, 1, 63));
    /* 63 bytes that end in the middle of a character. */
    text[62] = '\xc3';
    text[63] = '\xa4';
    cr_assert(!kith_text_ok(text, 63, 1, 63));
}

static void check_printable(const char *text, size_t count, size_t room, const char *expected)
{
    char *out = malloc(room);
    cr_assert_not_null(out);
    kith_printable(text, count, out, room);
    cr_assert_str_eq(out, expected);
    cr_assert(kith_text_ok(out, strlen(out), 0, room));
    free(out);
}

Test(err, printable)
{
    check_printable("plain", 5, 100, "plain");
    check_printable("", 0, 1, "");
    check_printable("a\n\x1b[2J\x7f", 7, 100, "a??[2J?");
    check_printable("\xc2\x9b"
                    "31m",
                    5, 100, "?31m");
    check_printable("\xc3\xa4\xff\xc3", 4, 100, "ä??");
    check_printable("a\0b", 3, 100, "a?b");
    /* Cut, but never inside a character. */
    check_printable("abcdef", 6, 4, "abc");
    check_printable("ab\xc3\xa4", 4, 4, "ab");
    check_printable("ab\xc3\xa4", 4, 5, "abä");
    check_printable("abc", 3, 1, "");
}

Test(err, text_copied_and_cut)
{
    char out[6];
    kith_text_copy(out, sizeof out, "abc");
    cr_assert_str_eq(out, "abc");
    kith_text_copy(out, sizeof out, "abcdefgh");
    cr_assert_str_eq(out, "abcde");
}
