/* SPDX-License-Identifier: MIT
 *
 * doubts.h: the bits of kith_doubt as names for programs and as words for people. Pure.
 */
#ifndef CHAT_DOUBTS_H
#define CHAT_DOUBTS_H

#include <stddef.h>

#include <kith/kith.h>

#define DOUBTS_COUNT     6
#define DOUBTS_BYTES_MAX 80 /* all names with commas between */

/* The name of the bit 1 << i ("SELF_SIGNED"), and what it means ("only its own key ..."). */
const char *doubts_name(unsigned i);
const char *doubts_words(unsigned i);

/* Writes the names with commas between, "NONE" without any; and reads that. Gives -1 for anything
 * else. */
void doubts_write(unsigned doubts, char out[DOUBTS_BYTES_MAX + 1]);
int doubts_read(const char *text, unsigned *doubts);

#endif
