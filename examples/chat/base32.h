/* SPDX-License-Identifier: MIT
 *
 * base32.h: bytes as letters and digits that people can read aloud and type (RFC 4648 §6), in
 * groups. Pure.
 */
#ifndef CHAT_BASE32_H
#define CHAT_BASE32_H

#include <stddef.h>
#include <stdint.h>

/* Characters for so many bytes, without dashes and NUL; there is no padding. */
#define BASE32_CHARACTERS(bytes) (((bytes)*8 + 4) / 5)

/* Writes the characters, with a dash after each group of so many (0: none), and a NUL. out has room
 * for twice BASE32_CHARACTERS() and one more. */
void base32_write(const uint8_t *bytes, size_t count, size_t group, char *out);

/* Reads them: case, dashes and white space do not matter, and the digits that are no part of the
 * alphabet are read as the letters they look like. Gives how many bytes, or -1 for something else
 * in between, more than room, or bits left over at the end that are not 0. */
long base32_read(const char *text, uint8_t *out, size_t room);

#endif
