/* SPDX-License-Identifier: MIT
 *
 * files.h: small files, whole: read, made, and replaced so that nobody ever finds half of one.
 * Keeps nothing of what is in them: wiping a secret is for whoever owns the bytes.
 */
#ifndef CHAT_FILES_H
#define CHAT_FILES_H

#include <stddef.h>

/* Reads a file of at most room bytes. Gives 0 and *bytes, or an errno; EFBIG: it is larger. */
int files_read(const char *path, void *out, size_t room, size_t *bytes);

/* Likewise; *is_shared becomes 1 when others on this machine can read what was read. */
int files_read_private(const char *path, void *out, size_t room, size_t *bytes, int *is_shared);

/* Makes a new file, readable by its owner only: all of it or nothing, and never in the place of
 * another. Gives 0 or an errno; EEXIST: there is something of that name. */
int files_create(const char *path, const void *contents, size_t bytes);

/* Puts a new file, readable by its owner only, in the place of path: all of it or nothing. A
 * symbolic link is replaced, not followed. Gives 0 or an errno. */
int files_replace(const char *path, const void *contents, size_t bytes);

/* 1 when others on this machine can read the file. */
int files_is_shared(const char *path);

#endif
