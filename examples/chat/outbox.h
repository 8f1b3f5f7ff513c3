/* SPDX-License-Identifier: MIT
 *
 * outbox.h: lines that were typed and are not yet handed to Kith, oldest first. Its size bounds how
 * far the program reads ahead of what it can send.
 */
#ifndef CHAT_OUTBOX_H
#define CHAT_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#define OUTBOX_BYTES_MAX 1048576u /* when it holds more, nothing more is read */

struct outbox_line {
    struct outbox_line *next;
    uint64_t number; /* of the line in the input; the ticket it is sent with */
    int is_to_one;   /* text begins with the name of the one it is for */
    int is_begun;    /* who gets it is decided */
    size_t bytes;
    size_t skip; /* bytes at the start that are not sent: the name */
    char text[]; /* ends with a NUL */
};

struct outbox {
    struct outbox_line *first, *last;
    size_t bytes; /* memory held */
};

/* Appends a copy. Gives 0, or -1 when memory is out. */
int outbox_add(struct outbox *outbox, uint64_t number, int is_to_one, const char *text,
               size_t bytes);

/* Removes and frees the first line. */
void outbox_drop(struct outbox *outbox);

#endif
