/* SPDX-License-Identifier: MIT
 *
 * names.h: names in quotes, where they would not be clear without: with blanks in them, or signs
 * that stand around names and texts on the screen. Pure.
 */
#ifndef CHAT_NAMES_H
#define CHAT_NAMES_H

#include <stddef.h>

#include <kith/kith.h>

#define NAMES_QUOTED_BYTES_MAX (2 * KITH_NAME_BYTES_MAX + 2)

/* Writes a name (at most KITH_NAME_BYTES_MAX bytes) as it is shown: in quotes, with a backslash
 * before those inside, where it needs them, else as it is. */
void names_quote(const char *name, char out[NAMES_QUOTED_BYTES_MAX + 1]);

/* Reads a name in quotes at the start of text. Gives how many bytes it takes there, quotes
 * included; 0 where there is none, or none that fits. */
size_t names_unquote(const char *text, char *out, size_t room);

#endif
