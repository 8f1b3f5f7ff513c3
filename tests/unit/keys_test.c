/* SPDX-License-Identifier: MIT
 *
 * keys_test.c: bytes of a terminal as keys, whole, in pieces and broken.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "examples/chat/keys.h"

/* The keys of some bytes as a text: characters as they are, others as their number in brackets. */
static const char *keys_of(const char *bytes, size_t count)
{
    static char out[4096];
    struct keys keys = {0};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        struct key found[2];
        const size_t taken = keys_take(&keys, (unsigned char)bytes[i], found);
        cr_assert_leq(taken, 2);
        for (size_t j = 0; j < taken; j++) {
            used += (size_t)snprintf(out + used, sizeof out - used,
                                     found[j].name == KEY_TEXT ? "%c" : "[%d]",
                                     found[j].name == KEY_TEXT && found[j].code < 0x80
                                         ? (int)found[j].code
                                         : (found[j].name == KEY_TEXT ? '?' : (int)found[j].name));
            cr_assert_lt(used, sizeof out);
        }
    }
    return out;
}

#define KEYS_OF(bytes) keys_of(bytes, sizeof(bytes) - 1)

static const char *name(enum key_name key)
{
    static char out[8];
    snprintf(out, sizeof out, "[%d]", (int)key);
    return out;
}

Test(keys, sequences)
{
    cr_assert_str_eq(KEYS_OF("\033[A"), name(KEY_UP));
    cr_assert_str_eq(KEYS_OF("\033OA"), name(KEY_UP));
    cr_assert_str_eq(KEYS_OF("\033[3~"), name(KEY_DELETE));
    cr_assert_str_eq(KEYS_OF("\033[1;5D"), name(KEY_WORD_LEFT));
    cr_assert_str_eq(KEYS_OF("\033\033[H"), name(KEY_HOME));
    cr_assert_str_eq(KEYS_OF("\033d"), name(KEY_DELETE_WORD_RIGHT));
    cr_assert_str_eq(KEYS_OF("\r"), name(KEY_ENTER));
}

Test(keys, nothing)
{
    cr_assert_str_eq(KEYS_OF("\033[99Xa"), "a", "unknown");
    cr_assert_str_eq(KEYS_OF("\033[[Ba"), "a", "the console's function keys");
    cr_assert_str_eq(KEYS_OF("\033[1234567890123456789012345678901234567890~a"), "a", "too long");
    cr_assert_str_eq(KEYS_OF("\033[1\ra"), "[1]a", "broken off by a return, which counts");
    cr_assert_str_eq(KEYS_OF("\033qa"), "a", "an unknown Alt");
    cr_assert_str_eq(KEYS_OF("\x1c\x1d\x1e\x1f\x11\x13\0a"), "a", "control characters");
}

Test(keys, letters)
{
    cr_assert_str_eq(KEYS_OF("\xC3\xA9"), "?");
    cr_assert_str_eq(KEYS_OF("\xF0\x9F\x98\x80z"), "?z");
    cr_assert_str_eq(KEYS_OF("\xFFz"), "?z");
    cr_assert_str_eq(KEYS_OF("\xE2\x82z"), "?z", "not whole: one sign for it, and the next letter");
    cr_assert_str_eq(KEYS_OF("\xE2\033[Az"), "?[5]z", "not whole, and then a key");
    cr_assert_str_eq(KEYS_OF("\xED\xA0\x80z"), "???z", "half of a pair of UTF-16");
    cr_assert_str_eq(KEYS_OF("\x80z"), "?z");
}

Test(keys, paste)
{
    cr_assert_str_eq(KEYS_OF("\033[200~a\r\nb\rc\n\td\x03\x1a\033[A\033xe\033[201~\r"),
                     "a\nb\nc\n\tde[1]");
    cr_assert_str_eq(KEYS_OF("\033[200~\r\xC3\xA9\n\033[201~"), "\n?\n");
    cr_assert_str_eq(KEYS_OF("\033[201~a"), "a", "an end without a begin");
}
