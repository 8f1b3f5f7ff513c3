/* SPDX-License-Identifier: MIT
 *
 * keyfile.h: key files, one "identity:hexkey" per line, and the care they need. Never shows,
 * logs or leaves behind a key: what held one is overwritten.
 */
#ifndef CHAT_KEYFILE_H
#define CHAT_KEYFILE_H

#include <stddef.h>

#include <kith/kith.h>

#define KEYFILE_KEYS_MAX 64 /* what a session takes */

struct keyfile {
    kith_key keys[KEYFILE_KEYS_MAX]; /* the first is the one to dial with */
    size_t count;
    int is_shared; /* others on this machine can read the file */
};

/* What went wrong, and what to do about it. Holds nothing of the file's contents. */
struct keyfile_problem {
    char text[512];
    char hint[256];
};

/* Reads every key of a file. Empty lines and lines that start with '#' are skipped. Gives 0, or -1
 * with *problem filled; keyfile is wiped then. */
int keyfile_read(struct keyfile *keyfile, const char *path, struct keyfile_problem *problem);

/* Overwrites the keys. */
void keyfile_wipe(struct keyfile *keyfile);

/* Makes a key and writes it to a new file, readable by its owner only; never overwrites one.
 * identity gives the key's identity. Gives 0, or -1 with *problem filled. */
int keyfile_create(const char *path, char identity[KITH_KEY_IDENTITY_BYTES_MAX + 1],
                   struct keyfile_problem *problem);

/* Adds a key at the end of a file, which is made where there is none, and then, as before, readable
 * by its owner only. Gives 0, 1 when the key is in the file already, or -1 with *problem filled. */
int keyfile_add(const char *path, const kith_key *key, struct keyfile_problem *problem);

#endif
