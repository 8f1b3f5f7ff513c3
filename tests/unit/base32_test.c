/* SPDX-License-Identifier: MIT
 *
 * base32_test.c: the test vectors of RFC 4648 §10, and what people make of them when they type.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "examples/chat/base32.h"

static void check(const char *bytes, const char *text)
{
    char written[64];
    uint8_t read[32];
    base32_write((const uint8_t *)bytes, strlen(bytes), 0, written);
    cr_assert_str_eq(written, text);
    cr_assert_eq(base32_read(text, read, sizeof read), (long)strlen(bytes), "%s", text);
    cr_assert_eq(memcmp(read, bytes, strlen(bytes)), 0, "%s", text);
}

Test(base32, vectors)
{
    check("", "");
    check("f", "MY");
    check("fo", "MZXQ");
    check("foo", "MZXW6");
    check("foob", "MZXW6YQ");
    check("fooba", "MZXW6YTB");
    check("foobar", "MZXW6YTBOI");
}

Test(base32, groups)
{
    char written[64];
    base32_write((const uint8_t *)"foobar", 6, 4, written);
    cr_assert_str_eq(written, "MZXW-6YTB-OI");
    base32_write((const uint8_t *)"fooba", 5, 4, written);
    cr_assert_str_eq(written, "MZXW-6YTB");
}

Test(base32, typed)
{
    uint8_t read[32];
    cr_assert_eq(base32_read(" mzxw 6ytb-oi\r\n", read, sizeof read), 6);
    cr_assert_eq(memcmp(read, "foobar", 6), 0);
    cr_assert_eq(base32_read("MZXW6YT8O1", read, sizeof read), 6, "8 is B, 1 is I");
    cr_assert_eq(memcmp(read, "foobar", 6), 0);
}

Test(base32, refused)
{
    uint8_t read[4];
    cr_assert_eq(base32_read("MZ=Q", read, sizeof read), -1, "padding");
    cr_assert_eq(base32_read("MZXW9", read, sizeof read), -1, "a 9 looks like nothing");
    cr_assert_eq(base32_read("M", read, sizeof read), -1, "five bits");
    cr_assert_eq(base32_read("MZ", read, sizeof read), -1, "bits left over");
    cr_assert_eq(base32_read("MZXW6YTB", read, sizeof read), -1, "no room");
}
