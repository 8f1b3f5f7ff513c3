/* SPDX-License-Identifier: MIT
 *
 * key_test.c: pre-shared keys as values and as lines of text: what is taken, what is refused and
 * why.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "kith/kith.h"

#define HEX16 "00112233445566778899aabbccddeeff"

enum { LINE_BYTES = KITH_KEY_IDENTITY_BYTES_MAX + 2 * KITH_KEY_BYTES_MAX + 2 };

Test(key, parsed_and_written)
{
    kith_key key;
    char line[LINE_BYTES];
    cr_assert_eq(kith_key_parse("gro\xc3\x9f 1:" HEX16, &key), KITH_OK);
    cr_assert_str_eq(key.identity, "groß 1");
    cr_assert_eq(key.bytes_count, 16);
    cr_assert_eq(key.bytes[0], 0x00);
    cr_assert_eq(key.bytes[15], 0xff);
    cr_assert_eq(kith_key_format(&key, line, sizeof line), KITH_OK);
    cr_assert_str_eq(line, "groß 1:" HEX16);
    cr_assert_eq(kith_key_parse("a:00112233445566778899AABBCCDDEEFF \t\r\n\n", &key), KITH_OK);
    cr_assert_eq(kith_key_format(&key, line, sizeof line), KITH_OK);
    cr_assert_str_eq(line, "a:" HEX16);
    cr_assert_str_empty(kith_detail());
}

Test(key, longest_and_shortest)
{
    char line[2 * LINE_BYTES], again[LINE_BYTES];
    kith_key key;
    for (int identity = 0; identity <= 130; identity++) {
        for (int bytes = 0; bytes <= 70; bytes++) {
            int good = identity >= 1 && identity <= 128 && bytes >= 16 && bytes <= 64;
            memset(line, 'i', (size_t)identity);
            line[identity] = ':';
            memset(line + identity + 1, 'e', 2 * (size_t)bytes);
            line[identity + 1 + 2 * bytes] = '\0';
            cr_assert_eq(kith_key_parse(line, &key), good ? KITH_OK : KITH_ERR_KEY, "%d and %d",
                         identity, bytes);
            if (good) {
                cr_assert_eq(kith_key_format(&key, again, sizeof again), KITH_OK);
                cr_assert_str_eq(again, line);
                cr_assert_eq(kith_key_format(&key, again, strlen(line)), KITH_ERR_TOO_BIG);
                cr_assert_eq(kith_key_format(&key, again, strlen(line) + 1), KITH_OK);
            }
        }
    }
}

static void refuse(const char *line, const char *why)
{
    kith_key key, zeros;
    memset(&key, 0xff, sizeof key);
    memset(&zeros, 0, sizeof zeros);
    cr_assert_eq(kith_key_parse(line, &key), KITH_ERR_KEY, "\"%s\" was taken", line);
    cr_assert_not_null(strstr(kith_detail(), why), "\"%s\": %s", line, kith_detail());
    cr_assert_arr_eq(&key, &zeros, sizeof key, "something of a refused key is left");
}

Test(key, refused_and_why)
{
    refuse("", "identity:hexkey");
    refuse(HEX16, "identity:hexkey");
    refuse(":" HEX16, "identity");
    refuse("a:", "16 bytes");
    refuse("a:0011", "16 bytes");
    refuse("a:0011223344556677889900aabbccdd", "16 bytes");
    refuse("a:" HEX16 "0", "odd");
    refuse("a:0x112233445566778899aabbccddeeff", "hex");
    refuse("a:" HEX16 " 00", "hex");
    refuse("a: " HEX16 "0", "hex");
    refuse("a:b:" HEX16, "hex");
    refuse("a\tb:" HEX16, "identity");
    refuse("a\xff:" HEX16, "identity");
    refuse("a\xc2\x85:" HEX16, "identity");
}

/* The mistake of somebody who takes the identity for the secret. */
Test(key, equal_to_its_identity)
{
    refuse("sixteen letters!:7369787465656e206c65747465727321", "identity");
    refuse("0123456789abcdef:30313233343536373839616263646566", "identity");
}

Test(key, details_tell_nothing_of_the_key)
{
    kith_key key;
    cr_assert_eq(kith_key_parse("a:5ec3e75ec3e75ec3e75ec3e7zz", &key), KITH_ERR_KEY);
    cr_assert_null(strstr(kith_detail(), "5ec3e7"));
    cr_assert_eq(kith_key_parse("5ec3e75ec3e75ec3e75ec3e75ec3e75ec3e7", &key), KITH_ERR_KEY);
    cr_assert_null(strstr(kith_detail(), "5ec3e7"));
}

Test(key, generated)
{
    kith_key key, other;
    char line[LINE_BYTES];
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    cr_assert_eq(kith_key_generate(&other), KITH_OK);
    cr_assert_eq(key.bytes_count, 32);
    cr_assert_eq(strlen(key.identity), 21);
    cr_assert_eq(strncmp(key.identity, "kith-", 5), 0);
    cr_assert_str_neq(key.identity, other.identity);
    cr_assert_neq(memcmp(key.bytes, other.bytes, 32), 0);
    cr_assert_eq(kith_key_format(&key, line, sizeof line), KITH_OK);
    cr_assert_eq(kith_key_parse(line, &other), KITH_OK);
    cr_assert_arr_eq(&key, &other, sizeof key);
}

Test(key, wiped)
{
    kith_key key, zeros;
    memset(&zeros, 0, sizeof zeros);
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    kith_key_wipe(&key);
    cr_assert_arr_eq(&key, &zeros, sizeof key);
    kith_key_wipe(NULL);
}

Test(key, made_by_hand_and_unusable)
{
    kith_key key;
    char line[LINE_BYTES];
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    key.bytes_count = 15;
    cr_assert_eq(kith_key_format(&key, line, sizeof line), KITH_ERR_KEY);
    key.bytes_count = 65;
    cr_assert_eq(kith_key_format(&key, line, sizeof line), KITH_ERR_KEY);
    key.bytes_count = 32;
    memset(key.identity, 'x', sizeof key.identity); /* no NUL */
    cr_assert_eq(kith_key_format(&key, line, sizeof line), KITH_ERR_KEY);
    strcpy(key.identity, "a:b");
    cr_assert_eq(kith_key_format(&key, line, sizeof line), KITH_ERR_KEY);
    key.identity[0] = '\0';
    cr_assert_eq(kith_key_format(&key, line, sizeof line), KITH_ERR_KEY);
}

Test(key, arguments_that_are_missing)
{
    kith_key key;
    char line[LINE_BYTES];
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    cr_assert_eq(kith_key_generate(NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_key_parse(NULL, &key), KITH_ERR_INVALID);
    cr_assert_eq(kith_key_parse("a:" HEX16, NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_key_format(NULL, line, sizeof line), KITH_ERR_INVALID);
    cr_assert_eq(kith_key_format(&key, NULL, 100), KITH_ERR_INVALID);
    cr_assert_not_null(strstr(kith_detail(), "out"));
}
