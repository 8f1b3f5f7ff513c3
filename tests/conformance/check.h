/* SPDX-License-Identifier: MIT
 *
 * check.h: what a case says when a driver does not keep its word: where, what, and the end of the
 * case's process.
 */
#ifndef KITH_CONFORMANCE_CHECK_H
#define KITH_CONFORMANCE_CHECK_H

/* Prints a sentence and ends the process. */
_Noreturn void check_failed(const char *file, int line, const char *expression, const char *format,
                            ...) __attribute__((format(printf, 4, 5)));

/* CHECK(expression, format, arguments...): the sentence may be "". */
#define CHECK(expression, ...)                                                                     \
    do {                                                                                           \
        if (!(expression)) {                                                                       \
            check_failed(__FILE__, __LINE__, #expression, __VA_ARGS__);                            \
        }                                                                                          \
    } while (0)

#endif
