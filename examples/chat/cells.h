/* SPDX-License-Identifier: MIT
 *
 * cells.h: how much room text takes on a terminal, and where one letter ends for whoever moves a
 * cursor. The C library's tables say it; terminals do not all agree with them, so nothing may break
 * where they do not. Pure.
 */
#ifndef CHAT_CELLS_H
#define CHAT_CELLS_H

#include <stddef.h>
#include <stdint.h>

/* Columns that a character takes: 0 (it joins the one before), 1 or 2. Knows most without the
 * locale that wcwidth() needs, and the rest with it. */
int cells_of(uint32_t code);

/* Where the letter that begins at offset at ends: a character and all that join it (accents, skin
 * colours, what a zero width joiner holds together, the two halves of a flag). */
size_t cells_next(const char *text, size_t bytes, size_t at);

/* Where the letter before offset at begins; 0 at the start. */
size_t cells_previous(const char *text, size_t bytes, size_t at);

#endif
