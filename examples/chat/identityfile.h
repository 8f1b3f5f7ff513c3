/* SPDX-License-Identifier: MIT
 *
 * identityfile.h: the file of --identity, one line, which makes this chat the same peer after a
 * restart. Made where it is missing; never shown, logged or left behind in memory.
 */
#ifndef CHAT_IDENTITYFILE_H
#define CHAT_IDENTITYFILE_H

#include <kith/kith.h>

/* What went wrong, and what to do about it. Holds nothing of the file's contents. */
struct identityfile_problem {
    char text[320];
    char hint[320];
};

/* Reads the identity, or makes one and the file, whole or not at all and for its owner only. A file
 * that others can read is refused: whoever copies it can pose as this chat. Gives 0, or -1 with
 * *problem filled and identity wiped. */
int identityfile_load(const char *path, kith_identity *identity,
                      struct identityfile_problem *problem);

#endif
