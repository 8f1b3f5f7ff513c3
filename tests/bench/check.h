/* SPDX-License-Identifier: MIT
 *
 * check.h: messages whose every byte can be checked at the other end for next to nothing: a number,
 * a time, then a piece of a fixed pattern from a place that differs from message to message. The
 * pattern's period is a prime, so that chunks put together in a wrong order show.
 */
#ifndef BENCH_CHECK_H
#define BENCH_CHECK_H

#include <stddef.h>
#include <stdint.h>

enum { CHECK_HEAD_BYTES = 16 /* the smallest message */ };

/* ---- making them */

struct maker {
    size_t size;
    uint64_t next;  /* number of the next message; the caller counts on once it is sent */
    uint8_t *base;  /* the pattern, one period longer than a message */
    uint8_t *dirty; /* where a head was written over it */
};

void maker_open(struct maker *maker, size_t size);
void maker_close(struct maker *maker);
/* Message `number`, good until the next call. stamp is handed to the other end as it is. */
const uint8_t *maker_message(struct maker *maker, uint64_t number, uint64_t stamp, int is_last);

/* A block to lend out: the pattern from a place of its own; only its head changes. */
void lent_fill(uint8_t *block, size_t size, unsigned place);
void lent_number(uint8_t *block, uint64_t number, unsigned place, int is_last);

/* ---- checking them */

struct check {
    size_t size;
    uint64_t next;  /* number expected next */
    uint64_t stamp; /* of the message that came last */
    int is_over;    /* the last message came */
    int may_skip;   /* datagrams: messages may be missing, not come twice */
    size_t at;      /* bytes of the present message that came */
    size_t place;   /* of the present one in the pattern */
    uint64_t head[2];
};

void check_open(struct check *check, size_t size);
/* Bytes of the stream of messages, cut anywhere. Gives how many messages are complete now; the
 * process ends when something is wrong. */
uint64_t check_take(struct check *check, const void *bytes, size_t count);

#endif
