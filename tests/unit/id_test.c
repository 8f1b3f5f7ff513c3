/* SPDX-License-Identifier: MIT
 *
 * id_test.c: peer ids as values and as text.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bench.h"
#include "kith/kith.h"

static const kith_id id = {{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x8d, 0xef, 0x81, 0x23, 0x45, 0x67,
                            0x89, 0xab, 0xcd, 0xef}};
static const char text[] = "01234567-89ab-8def-8123-456789abcdef";

Test(id, written_and_read)
{
    char out[38];
    kith_id came = {{0}};
    memset(out, 'x', sizeof out);
    kith_id_format(&id, out);
    cr_assert_str_eq(out, text);
    cr_assert_eq(out[37], 'x');
    cr_assert_eq(kith_id_parse(text, &came), KITH_OK);
    cr_assert(kith_id_equal(&came, &id));
    cr_assert_eq(kith_id_parse("01234567-89AB-8DEF-8123-456789ABCDEF", &came), KITH_OK);
    cr_assert(kith_id_equal(&came, &id));
}

Test(id, random_ones)
{
    struct bench_random random = {1};
    for (int i = 0; i < 1000; i++) {
        char out[37];
        kith_id one, came;
        bench_fill(&random, &one, sizeof one);
        kith_id_format(&one, out);
        cr_assert_eq(strlen(out), 36);
        cr_assert_eq(kith_id_parse(out, &came), KITH_OK);
        cr_assert(kith_id_equal(&one, &came));
        came.bytes[i % 16] ^= (uint8_t)(1u << i % 8);
        cr_assert(!kith_id_equal(&one, &came));
    }
}

/* Every text that differs from a good one in one place. */
Test(id, refused)
{
    kith_id came;
    for (size_t at = 0; at < sizeof text; at++) {
        for (int c = 1; c < 256; c++) {
            char wrong[sizeof text + 1] = {0};
            int dash = at == 8 || at == 13 || at == 18 || at == 23;
            int hex = strchr("0123456789abcdefABCDEF", c) != NULL;
            memcpy(wrong, text, sizeof text);
            wrong[at] = (char)c;
            cr_assert_eq(kith_id_parse(wrong, &came) == KITH_OK, at < 36 && (dash ? c == '-' : hex),
                         "%s", wrong);
        }
    }
    for (size_t length = 0; length < 36; length++) {
        char cut[sizeof text];
        memcpy(cut, text, length);
        cut[length] = '\0';
        cr_assert_eq(kith_id_parse(cut, &came), KITH_ERR_INVALID);
    }
    cr_assert_eq(kith_id_parse(NULL, &came), KITH_ERR_INVALID);
    cr_assert_eq(kith_id_parse(text, NULL), KITH_ERR_INVALID);
    cr_assert_str_not_empty(kith_detail());
}
