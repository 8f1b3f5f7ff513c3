/* SPDX-License-Identifier: MIT
 *
 * pairs.h: for fuzz_lane.c: three senders and receivers of lanes that keep to the rules, what they
 * were told to do, and the checks of each step: messages come once, in order and whole.
 */
#ifndef KITH_TESTS_FUZZ_PAIRS_H
#define KITH_TESTS_FUZZ_PAIRS_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/lane.h"
#include "tests/unit/bench.h"

enum {
    LANES = 3,
    PUTS_MAX = 400,
    LATE_MAX = 8,
    HELD_MAX = 16,
    STREAM_BYTES_MAX = 1 << 16,
    LENT_MAX = 64
};

struct lent {
    struct kith_slice slice;
    size_t offset; /* in the stream */
};

struct pair {
    int lends; /* the transport borrows the bytes of this lane */
    struct lent lent[LENT_MAX];
    size_t lent_count;
    struct kith_lane_tx tx;
    struct kith_lane_rx rx;
    size_t sizes[PUTS_MAX]; /* of the messages put */
    int ticketed[PUTS_MAX];
    size_t put, came, settled;
    uint8_t stream[STREAM_BYTES_MAX]; /* what was taken from tx */
    size_t taken;
    struct kith_credit late[LATE_MAX];
    size_t late_count;
};

struct hold {
    struct kith_held *held; /* NULL: free */
    struct pair *pair;
    size_t index; /* of the message */
};

extern struct pair pairs[LANES];
extern struct bench sender, receiver;
extern struct kith_send_share send_share;
extern struct kith_receive_share receive_share;
extern struct hold holds[HELD_MAX];
extern int stops_next;      /* the callback of a message stops */
extern unsigned holds_next; /* it holds: 1 for longer, 2 and gives back at once */
extern size_t shares_made, holds_made;

/* All of it anew, for so much memory in each direction. */
void pairs_open(size_t budget);
void pairs_close(void);

/* Puts a message; lends: it is lent, not copied; fails: so many requests for memory later one
 * fails. */
void pair_put(struct pair *pair, size_t size, int ticketed, int fails, int lends);
/* Takes bytes into the stream. */
size_t pair_take(struct pair *pair, size_t count);
/* The transport of a lane that lends lets go of what lies below upto. */
void pair_let_go(struct pair *pair, uint64_t upto);
/* What is lent is what it was. */
void pair_check_lent(const struct pair *pair);
/* The sender says that it is blocked, if it wants to. */
void pair_say_blocked(struct pair *pair);
/* Hands over bytes of the stream that begin `back` before what is known. */
void pair_deliver(struct pair *pair, size_t back, size_t count, int fails, int stops);
void pair_give_back(size_t which);
/* News, and all that the receiver knows. */
void pair_credit(struct pair *pair, const struct kith_credit *news);
void pair_credit_all(struct pair *pair);

#endif
