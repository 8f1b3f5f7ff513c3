/* SPDX-License-Identifier: MIT
 *
 * ring.h: the pre-shared keys that are in use, by name only, and how they change while everybody
 * talks: /key. The keys themselves go from the file to Kith, and nothing is left of them here.
 */
#ifndef CHAT_RING_H
#define CHAT_RING_H

#include "keyfile.h"

struct ring {
    char names[KEYFILE_KEYS_MAX][KITH_KEY_IDENTITY_BYTES_MAX + 1];
    size_t count;
    size_t dial; /* which one is used to connect */
};

struct chat;

/* Puts every key of a file into the session; the first is the one to connect with. Gives 0, or -1
 * when all was said and the exit status is set. */
int ring_open(struct chat *chat, const struct keyfile *keyfile);

/* /key: what follows it. */
void ring_command(struct chat *chat, const char *text);

#endif
