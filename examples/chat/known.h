/* SPDX-License-Identifier: MIT
 *
 * known.h: what was decided about certificates, by fingerprint: for as long as the program runs,
 * and in a file where one is given. Decides nothing, asks nobody.
 *
 * What was accepted is accepted again for the same host and for nothing worse than what was seen
 * then; what is refused is refused everywhere. The file has a line for each:
 *     accept SHA256 DOUBTS HOST      HOST is * for whoever connects to us
 *     refuse SHA256
 */
#ifndef CHAT_KNOWN_H
#define CHAT_KNOWN_H

#include <stddef.h>
#include <stdint.h>

#include "sha256.h"

#define KNOWN_MAX            4096 /* certificates; a file of them takes less than 2 MiB */
#define KNOWN_HOST_BYTES_MAX 255  /* what a URL has room for (RFC 1035 §2.3.4) */

enum known_verdict { KNOWN_NOTHING, KNOWN_ACCEPTED, KNOWN_REFUSED };

struct known_entry {
    uint8_t sha256[SHA256_BYTES];
    enum known_verdict verdict;
    int is_kept;                         /* belongs into the file */
    unsigned doubts;                     /* ACCEPTED: in spite of these */
    char host[KNOWN_HOST_BYTES_MAX + 1]; /* ACCEPTED: "" where the other side dialled */
};

struct known {
    const char *path; /* NULL: no file */
    struct known_entry *entries;
    size_t count;
};

/* What is wrong, and what to do about it. */
struct known_problem {
    char text[512];
    char hint[128];
};

/* Reads the file at path, which may be missing or NULL. Gives 0, or -1 with *problem filled. */
int known_open(struct known *known, const char *path, struct known_problem *problem);
void known_free(struct known *known);

/* What was decided about a certificate that is shown with these doubts, where host was dialled. */
enum known_verdict known_judge(const struct known *known, const uint8_t sha256[SHA256_BYTES],
                               const char *host, unsigned doubts);

/* Notes a verdict in place of earlier ones. A kept one is written to the file, with what others
 * have written there meanwhile. Gives 0, or -1 with *problem filled; it holds in this run even
 * then, unless memory is out. */
int known_accept(struct known *known, const uint8_t sha256[SHA256_BYTES], const char *host,
                 unsigned doubts, struct known_problem *problem);
int known_refuse(struct known *known, const uint8_t sha256[SHA256_BYTES], int is_kept,
                 struct known_problem *problem);

#endif
