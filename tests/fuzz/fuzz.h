/* SPDX-License-Identifier: MIT
 *
 * fuzz.h: what all harnesses share: the entry point that libFuzzer and standalone.c call, and MUST,
 * which ends the process with a report where something that must hold does not.
 */
#ifndef KITH_TESTS_FUZZ_H
#define KITH_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs one input; gives 0. Keeps nothing from one call to the next. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

_Noreturn static inline void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, what);
    abort();
}

#define MUST(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

/* A copy in a block of exactly that size, to be freed: a sanitizer sees who reads beyond it. */
static inline uint8_t *fuzz_copy(const void *bytes, size_t count)
{
    uint8_t *copy = malloc(count);
    MUST(copy != NULL || count == 0);
    if (count > 0) {
        memcpy(copy, bytes, count);
    }
    return copy;
}

#endif
