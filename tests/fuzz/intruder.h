/* SPDX-License-Identifier: MIT
 *
 * intruder.h: strangers (tests/unit/stranger.h) who do what a script of bytes says, for
 * fuzz_session.c. Each step reads its numbers from the script; one that ran out reads as zeros.
 */
#ifndef KITH_TESTS_FUZZ_INTRUDER_H
#define KITH_TESTS_FUZZ_INTRUDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/wire.h"
#include "tests/unit/stranger.h"

enum { INTRUDERS = 3 };

struct intruders {
    struct strangers strangers;
    struct actor *ada; /* whom they visit */
    struct kith_reader script;
    struct stranger eves[INTRUDERS]; /* `all` is NULL before they first arrived */
};

/* The next number of the script, of so many bytes. */
size_t intruder_number(struct intruders *all, size_t bytes);

/* One who comes, or is dialled (16), with an id above the session's (1) or below; with the first
 * one's key (2) and incarnation (4); who takes no message above a byte (8). Whoever was there
 * before hangs up. Does nothing when the session is gone. */
void intruder_arrive(struct intruders *all, struct stranger *eve, unsigned how);

/* HELLO, AUTH, INFO, or ADOPT or ADOPTED, by which % 4, as it should be but for `change` in one
 * byte. */
void intruder_shake(struct stranger *eve, unsigned which, size_t at, unsigned change);

/* DATA where the lane stands, or nearly: a record's head and so much of it. */
void intruder_data(struct intruders *all, struct stranger *eve);
void intruder_credit(struct intruders *all, struct stranger *eve);
/* A frame of any type with bytes of the script; some many times. */
void intruder_frame(struct intruders *all, struct stranger *eve);
/* The body of an ADOPT or ADOPTED. */
size_t intruder_table(struct intruders *all, int with_fresh, uint8_t out[KITH_ADOPT_BYTES_MAX]);

#endif
