/* SPDX-License-Identifier: MIT
 *
 * criterion.h: stands in for Criterion's header where the world of the unit tests (bench.c,
 * stranger.c, world.c there) is built into a fuzzer: an assertion that fails ends the process.
 */
#ifndef KITH_TESTS_FUZZ_CRITERION_H
#define KITH_TESTS_FUZZ_CRITERION_H

#pragma GCC system_header /* as the real one is: no warnings about what is compared */

#include <stdarg.h>

#include "tests/fuzz/fuzz.h"

/* The last line of a report says more than the condition where the assertion does. */
__attribute__((format(printf, 1, 2))) static inline void fuzz_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

#define cr_assert(condition, ...)                                                                  \
    ((condition) ? (void)0 : (fuzz_say(" " __VA_ARGS__), fuzz_fail(__FILE__, __LINE__, #condition)))
#define cr_assert_eq(a, b, ...)         cr_assert((a) == (b), __VA_ARGS__)
#define cr_assert_neq(a, b, ...)        cr_assert((a) != (b), __VA_ARGS__)
#define cr_assert_lt(a, b, ...)         cr_assert((a) < (b), __VA_ARGS__)
#define cr_assert_leq(a, b, ...)        cr_assert((a) <= (b), __VA_ARGS__)
#define cr_assert_gt(a, b, ...)         cr_assert((a) > (b), __VA_ARGS__)
#define cr_assert_geq(a, b, ...)        cr_assert((a) >= (b), __VA_ARGS__)
#define cr_assert_null(a, ...)          cr_assert((a) == NULL, __VA_ARGS__)
#define cr_assert_not_null(a, ...)      cr_assert((a) != NULL, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)     cr_assert(strcmp((a), (b)) == 0, __VA_ARGS__)
#define cr_assert_str_not_empty(a, ...) cr_assert((a)[0] != '\0', __VA_ARGS__)

#endif
