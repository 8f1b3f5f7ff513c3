/* SPDX-License-Identifier: MIT
 *
 * board.h: who is around, as a list that changes in place: what --browse shows on a terminal. The
 * cursor stands above the list, so that everything from there on is ours, also after a terminal
 * that changed its width has broken rows in two. Knows nothing of discovery.
 */
#ifndef CHAT_BOARD_H
#define CHAT_BOARD_H

#include <stddef.h>
#include <stdint.h>

#define BOARD_LINE_BYTES 512

struct board_entry {
    uint64_t number;
    char line[BOARD_LINE_BYTES];
};

struct board {
    int is_on; /* there is a terminal */
    int is_coloured;
    size_t rows; /* that stand on the screen */
    struct board_entry *entries;
    size_t count, room;
    char trouble[256]; /* why nobody is found; "": all is well */
};

void board_open(struct board *board, int is_coloured);
/* The list stays where it is, and what is written next stands below it. */
void board_close(struct board *board);

/* Says what there is to say of that number; text of others in it need not be safe. */
void board_put(struct board *board, uint64_t number, const char *line);
void board_remove(struct board *board, uint64_t number);
void board_set_trouble(struct board *board, const char *text);

#endif
