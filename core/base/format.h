/* SPDX-License-Identifier: MIT
 *
 * format.h: tells compilers that can check it which functions take a format and arguments as printf
 * does. Others see nothing of it.
 */
#ifndef KITH_BASE_FORMAT_H
#define KITH_BASE_FORMAT_H

/* Behind a declaration: argument `text` is the format, what it names begins at `first`. C's own
 * printf is meant, which GCC for Windows has to be told. */
#if defined(__GNUC__) && !defined(__clang__)
#define KITH_PRINTF(text, first) __attribute__((format(gnu_printf, text, first)))
#elif defined(__clang__)
#define KITH_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define KITH_PRINTF(text, first)
#endif

#endif
