/* SPDX-License-Identifier: MIT
 *
 * terminal.h: the terminal on standard input and output: key by key instead of line by line, and
 * back again whatever happens. What is drawn on it is the matter of screen.h.
 */
#ifndef CHAT_TERMINAL_H
#define CHAT_TERMINAL_H

/* 1 when standard input and output are a terminal that knows the usual sequences. */
int terminal_is_there(void);

/* From now on keys come as they are pressed, unseen, and Ctrl-C and Ctrl-Z as bytes; a paste is
 * marked as one. Gives 0, or -1 where that is not possible now, as in the background. A crash, or
 * exit(), undoes it. */
int terminal_enter(void);

/* As it was before. Does nothing when it is. */
void terminal_leave(void);

/* 1 when we are the job in the foreground: whom the terminal's input is for. */
int terminal_is_ours(void);

/* Its size, 80 by 24 where it does not tell. */
void terminal_size(int *columns, int *rows);

/* What is typed at standard input is no longer shown, until terminal_leave() or until a signal ends
 * this process; lines stay lines. Gives 0, or -1. */
int terminal_hide_typing(void);

#endif
