/* SPDX-License-Identifier: MIT
 *
 * names_test.c: names in quotes, and back.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "examples/chat/names.h"

static void check(const char *name, const char *shown)
{
    char quoted[NAMES_QUOTED_BYTES_MAX + 1];
    char read[KITH_NAME_BYTES_MAX + 1];
    names_quote(name, quoted);
    cr_assert_str_eq(quoted, shown);
    if (shown[0] == '"') {
        cr_assert_eq(names_unquote(quoted, read, sizeof read), strlen(shown));
        cr_assert_str_eq(read, name);
    }
}

Test(names, quotes)
{
    char longest[KITH_NAME_BYTES_MAX + 1];
    char shown[NAMES_QUOTED_BYTES_MAX + 1];
    check("bob", "bob");
    check("b\xC3\xB6"
          "b-2.0",
          "b\xC3\xB6"
          "b-2.0");
    check("bob the great", "\"bob the great\"");
    check("a\"b\\c", "\"a\\\"b\\\\c\"");
    check("bob> I agree", "\"bob> I agree\"");
    check("you", "\"you\"");
    check("a->b", "\"a->b\"");
    memset(longest, '"', sizeof longest);
    longest[KITH_NAME_BYTES_MAX] = '\0';
    names_quote(longest, shown);
    cr_assert_eq(strlen(shown), NAMES_QUOTED_BYTES_MAX);
    check(longest, shown);
}

Test(names, no_quotes)
{
    char read[8];
    cr_assert_eq(names_unquote("bob", read, sizeof read), 0);
    cr_assert_eq(names_unquote("\"bob", read, sizeof read), 0, "no end");
    cr_assert_eq(names_unquote("\"bob\\", read, sizeof read), 0, "no end");
    cr_assert_eq(names_unquote("\"12345678\"", read, sizeof read), 0, "no room");
    cr_assert_eq(names_unquote("\"1234567\" x", read, sizeof read), 9);
    cr_assert_eq(names_unquote("\"\"", read, sizeof read), 2, "empty");
}
