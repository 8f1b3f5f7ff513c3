/* SPDX-License-Identifier: MIT
 *
 * explore.h: every run of two sessions and a few links, one step at a time. The sessions are the
 * core's own code; around them stands a world small enough to be copied: all that can change lies
 * in one struct at one address, so that a state is a copy of it, and going back is copying it back.
 *
 *   main.c     options, configurations, the report
 *   search.c   breadth first over all states; the way to the one that is wrong
 *   state.c    a state as a number, equal for states that behave alike; states packed and unpacked
 *   steps.c    what can happen next, and what makes it happen
 *   wire.c     the driver: frames in queues, delivered one at a time
 *   side.c     one side: memory, randomness, cryptography that costs nothing, its session
 *   book.c     the application, and what it must and must not see
 *   quiet.c    what must hold when nothing more happens by itself
 *
 * Time stands still: a timer fires when it is chosen to, in any order, because how long each takes
 * is for users and networks to say.
 */
#ifndef KITH_EXPLORE_H
#define KITH_EXPLORE_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include "session/session.h"

enum {
    SIDES = 2,
    LINKS_MAX = 3,
    DIALS_MAX = 4,   /* of one side's session */
    FRAMES_MAX = 40, /* of one direction of a link, under way */
    QUEUE_BYTES = 1024,
    HEAP_BYTES = 64 * 1024, /* of one side */
    SPEAKERS_MAX = 16,      /* conversations of one side's applications, over all incarnations */
    MESSAGES_MAX = 4,
    GENERATION_MAX = 24,
    WHY_BYTES = 400
};

/* ---- what is explored --------------------------------------------------------------------------
 */

struct config {
    int links;               /* all that there ever are */
    int rank[LINKS_MAX];     /* which of two transports each takes: 0 or 1 */
    int messages[SIDES];     /* that each side sends */
    int breaks;              /* links that break, one way or both, or time out in their handshake */
    int forgets;             /* resume windows that run out */
    int kicks;               /* kith_peer_disconnect() */
    int crashes;             /* sides that vanish, and begin anew */
    int identities;          /* they come back as who they were */
    int impatience;          /* the arbiter's timer, for each link */
    int streams;             /* each lane apart from control: KITH_DRIVER_MANY_LANES */
    int slow_close;          /* an end that closes is told that it is down some time later */
    int packets;             /* what is sent in one turn on a link comes at once */
    int ages;                /* the time passes in which a shaky transport is not preferred */
    int dialler;             /* 0, 1: only that side dials; 2: both */
    size_t depth_max;        /* steps; 0: as many as there are */
    uint64_t states_max;     /* 0: as many as there are */
    size_t frontier_max_mib; /* memory of the states that are still to be looked at */
};

extern struct config config;

/* ---- the world ---------------------------------------------------------------------------------
 */

/* Bytes of whole frames, in order; a turn's frames end where ends_turn says. The end of a
 * connection is a frame of no bytes. */
struct queue {
    uint16_t count, used;
    uint16_t bytes_of[FRAMES_MAX];
    uint8_t ends_turn[FRAMES_MAX];
    uint8_t bytes[QUEUE_BYTES];
};

/* One end of a link; lives in its side's heap, behind the driver's public part. */
struct end {
    struct kith_link base;
    uint8_t slot, side;
    uint8_t wants, is_closing, is_flushing;
};

struct wire {
    struct end *ends[SIDES]; /* NULL: not there, or the core has been told that it is down */
    uint8_t is_dialled, dialler, is_up, rank;
    uint8_t is_cut[SIDES];  /* what that side sends vanishes */
    uint8_t impatient;      /* how often the arbiter's timer fired on it */
    struct queue of[SIDES]; /* sent by that side, not yet delivered */
    struct queue lane[SIDES];
};

/* What the application of one side knows of a peer. */
struct speaker {
    struct kith_peer *peer; /* NULL: not in use, or departed */
    uint8_t state;          /* kith_peer_state as told; 0: never */
    uint8_t partner;        /* 1 + the other side's speaker that it hears, 0: nothing heard */
    uint8_t sent, heard, settled;
    uint8_t fate[MESSAGES_MAX];    /* of its messages; 0: not told */
    uint8_t arrived[MESSAGES_MAX]; /* the other side's application has had them */
};

struct side {
    struct kith_env env;
    struct kith_session *session;
    struct kith_port *ports[2];
    uint8_t incarnation;
    uint8_t sent; /* messages, over all speakers */
    uint8_t speaker_count;
    uint8_t dial_count;
    uint8_t is_over;
    struct speaker speakers[SPEAKERS_MAX];
    uint32_t heap_used, heap_blocks;
    uint32_t heap_free[64]; /* by size: offset of the first free block + 1 */
};

struct world {
    struct side sides[SIDES];
    struct wire wires[LINKS_MAX];
    uint8_t wire_count;
    uint8_t breaks, forgets, kicks, crashes, ages; /* that happened */
    uint8_t is_ending;                             /* the checks of the end are running */
    _Alignas(16) uint8_t heap[SIDES][HEAP_BYTES];
};

extern struct world world;

/* ---- failing -----------------------------------------------------------------------------------
 */

/* Set by whoever runs steps: where a violation goes. */
extern jmp_buf violated;
extern char why[WHY_BYTES];
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define CHECK(condition, ...) ((condition) ? (void)0 : fail(__VA_ARGS__))

/* ---- side.c ---- */
void side_open(int side);
/* Its process is gone, and with it all it knew. */
void side_crash(int side);
struct kith_peer *side_peer(int side); /* the peer that is the other side's session; NULL: none */

/* ---- wire.c ---- */
extern const struct kith_driver *const wire_drivers[];
/* Everything that a side does before it waits again. */
void wire_choose(int streams); /* the capabilities of both transports */
void wire_turn(int side);
void wire_deliver(int slot, int from);
void wire_deliver_lane(int slot, int from);
/* The end of a link is gone, and its side notices. */
void wire_notice(int slot, int side);
/* A closing end is gone at last. */
void wire_down(int slot, int side);
const char *wire_frame_name(const struct queue *queue);

/* ---- book.c ---- */
extern const kith_callbacks book_callbacks;
/* The speaker that can send; NULL: none. */
struct speaker *book_speaker(int side);
void book_send(int side);

/* ---- steps.c ---- */
struct step {
    uint8_t kind, who, link;
};
enum { STEPS_MAX = 64 };
/* All that can happen now; *fair: how many of them, the first, happen by themselves. */
size_t steps_of(struct step *out, size_t *fair);
void step_take(struct step step);
/* In words, before it is taken. */
void step_name(struct step step, char *out, size_t room);

/* ---- quiet.c ---- */
/* After each step. */
void check_always(void);
/* Where no fair step is left. Changes nothing. */
void check_quiet(void);
/* Lets every window run out and closes everything; the world is not to be used after. */
void check_end(void);

/* ---- state.c ---- */
uint64_t state_hash(void);
/* The state in as few bytes as is cheap; the caller frees it. */
uint8_t *state_pack(size_t *bytes);
void state_unpack(const uint8_t *packed);
/* Whatever state_pack() leaves out is as in the present state. */
void state_base(void);

/* ---- search.c ---- */
/* 1: every state was looked at, or as many as the bounds allow; 0: something does not hold. */
int search(const char *label);

#endif
