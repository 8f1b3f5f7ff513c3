/* SPDX-License-Identifier: MIT
 *
 * keytext_test.c: keys as text and back, and that every slip of a single letter is noticed.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "examples/chat/keytext.h"

static kith_key make(const char *identity, size_t bytes)
{
    kith_key key = {.bytes_count = bytes};
    snprintf(key.identity, sizeof key.identity, "%s", identity);
    for (size_t i = 0; i < bytes; i++) {
        key.bytes[i] = (uint8_t)(i * 7 + 1);
    }
    return key;
}

static void check_round(const char *identity, size_t bytes, size_t group, size_t characters)
{
    char text[KEYTEXT_CHARACTERS_MAX + 1];
    const kith_key key = make(identity, bytes);
    kith_key read;
    keytext_write(&key, group, text);
    cr_assert_eq(keytext_read(text, &read), KEYTEXT_OK, "%s", text);
    cr_assert_str_eq(read.identity, identity);
    cr_assert_eq(read.bytes_count, bytes);
    cr_assert_eq(memcmp(read.bytes, key.bytes, bytes), 0);
    if (characters > 0) {
        cr_assert_eq(strlen(text), characters, "%s", text);
    }
}

Test(keytext, round)
{
    char longest[KITH_KEY_IDENTITY_BYTES_MAX + 1];
    check_round("kith-0123456789abcdef", 32, 0, 72);
    check_round("kith-0123456789abcdef", 32, 4, 72 + 17);
    check_round("kith-0123456789abcdeF", 32, 4, 0); /* not quite the form that Kith makes */
    check_round("kith-0123", KITH_KEY_BYTES_MIN, 4, 0);
    check_round("team", KITH_KEY_BYTES_MAX, 1, 0);
    memset(longest, 'x', sizeof longest);
    longest[KITH_KEY_IDENTITY_BYTES_MAX] = '\0';
    check_round(longest, KITH_KEY_BYTES_MAX, 1, 0);
}

/* What two kith-chats of different versions must agree on. */
Test(keytext, stays_as_it_is)
{
    kith_key key = make("team", 16), read;
    char text[KEYTEXT_CHARACTERS_MAX + 1];
    keytext_write(&key, 4, text);
    cr_assert_str_eq(text, "AICH-IZLB-NUAQ-QDYW-DUSC-WMRZ-IBDU-4VK4-MNVE-RINY-64", "%s", text);
    cr_assert_eq(keytext_read(text, &read), KEYTEXT_OK);
}

Test(keytext, slips)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char text[KEYTEXT_CHARACTERS_MAX + 1];
    const kith_key key = make("kith-0123456789abcdef", 32);
    keytext_write(&key, 0, text);
    const size_t count = strlen(text);
    for (size_t at = 0; at < count; at++) {
        const char right = text[at];
        for (const char *c = letters; *c != '\0'; c++) {
            kith_key read;
            text[at] = *c;
            cr_assert_eq(keytext_read(text, &read) == KEYTEXT_OK, *c == right, "%s", text);
        }
        text[at] = right;
        if (at > 0 && text[at - 1] != right) { /* two that changed places */
            kith_key read;
            text[at] = text[at - 1];
            text[at - 1] = right;
            cr_assert_neq(keytext_read(text, &read), KEYTEXT_OK, "%s", text);
            text[at - 1] = text[at];
            text[at] = right;
        }
    }
}

Test(keytext, refused)
{
    kith_key read;
    cr_assert_eq(keytext_read("", &read), KEYTEXT_OTHER);
    cr_assert_eq(keytext_read("MZXW6", &read), KEYTEXT_OTHER);
    cr_assert_eq(keytext_read("team:00112233445566778899aabbccddeeff", &read), KEYTEXT_OTHER);
    cr_assert_eq(keytext_read("MZXW6YTBMZXW6YTB", &read), KEYTEXT_CHECKSUM);
    const kith_key shortest = make("team", 8); /* right in form, and too short for Kith */
    char text[KEYTEXT_CHARACTERS_MAX + 1];
    keytext_write(&shortest, 0, text);
    cr_assert_eq(keytext_read(text, &read), KEYTEXT_OTHER);
}
