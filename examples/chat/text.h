/* SPDX-License-Identifier: MIT
 *
 * text.h: text that came from others, made safe to show. What a peer sends may be no UTF-8 at all,
 * may hold escape sequences that rewrite a terminal, or line ends that forge a line of somebody
 * else. Pure but for writing to the stream that it is given.
 */
#ifndef CHAT_TEXT_H
#define CHAT_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_REPLACEMENT 0xFFFDu /* stands for what is no UTF-8 */

/* Decodes the character at the start of bytes (count > 0). Gives how many bytes it took; *code is
 * TEXT_REPLACEMENT for the longest start of a character that turns out to be none (Unicode §3.9,
 * "substitution of maximal subparts", what most decoders do). */
size_t text_decode(const void *bytes, size_t count, uint32_t *code);

/* Writes a character as UTF-8. Gives how many bytes that took. */
size_t text_encode(uint32_t code, char out[4]);

/* 1 for what must not get to a terminal: control characters (C0, DEL, C1) but for the tab, line and
 * paragraph separators, and the marks that turn the writing direction around, with which one line
 * can be made to look like another. Letters that are written from right to left are none of these,
 * nor are the marks which only say that such a letter could stand here. */
int text_is_unsafe(uint32_t code);

/* 1 when the text is UTF-8 without control characters. */
int text_is_clean(const char *text);

/* Writes text as the inside of a JSON string (RFC 8259 §7), replacing what is no UTF-8. */
void text_put_json(FILE *out, const void *bytes, size_t count);

/* Writes text for a terminal: no control characters, no reversal of the writing direction, and
 * every further line indented, so that it cannot be taken for a line of this program. */
void text_put_safe(FILE *out, const void *bytes, size_t count);

/* Overwrites memory that held a key's text, in a way that the compiler keeps. */
void text_wipe(void *bytes, size_t count);

#endif
