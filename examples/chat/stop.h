/* SPDX-License-Identifier: MIT
 *
 * stop.h: the signals that end the program, as a descriptor to poll. SIGPIPE is ignored, so that a
 * reader of standard output who has gone shows as a failed write.
 */
#ifndef CHAT_STOP_H
#define CHAT_STOP_H

/* Catches SIGINT, SIGTERM and SIGHUP. Gives the descriptor, readable when one came, or -1. */
int stop_open(void);

/* How many came since the last call; at least 0. */
int stop_take(int fd);

#endif
