/* SPDX-License-Identifier: MIT
 *
 * party.h: one side of a measurement that runs Kith: its loop, its sessions (one that listens, or
 * as many that dial as there are peers), its contacts. What it does with them is a play's business.
 * Uses Kith as an application would; only the memory transport needs a door of its own (mem.h).
 */
#ifndef BENCH_PARTY_H
#define BENCH_PARTY_H

#include <kith/kith.h>

#include "check.h"
#include "relay.h"
#include "samples.h"
#include "sides.h"

struct party;

/* A peer, as this side sees it. */
struct contact {
    struct party *party;
    kith_peer *peer;    /* NULL: the place is free */
    struct check check; /* of what it says on channel 0 */
    int owed;           /* it has not yet taken the message that the others have */
};

/* What a side does. Every member may be NULL. */
struct play {
    void (*connected)(struct contact *contact);
    void (*everyone)(struct party *party); /* all are connected: begins, once */
    void (*message)(struct contact *contact, const kith_message *message);
    void (*datagram)(struct contact *contact, const void *data, size_t count);
    void (*writable)(struct contact *contact, unsigned channel);
    void (*datagram_writable)(struct contact *contact);
    void (*fate)(struct contact *contact);
    /* NULL: a peer that goes before this side or the peer has said that all is done is an error. */
    void (*departed)(struct contact *contact);
    /* Called before each turn of the loop; gives when to call it again at the latest. */
    uint64_t (*turn)(struct party *party);
    int may_break; /* connections; they are resumed */
};

struct party {
    const struct job *job;
    const struct play *play;
    struct side *side;
    int listens;
    kith_loop *loop;
    kith_session **sessions;
    unsigned session_count, open_count, dialled;
    struct contact *contacts;
    unsigned contact_count, connected, owed;
    int has_begun, is_over;

    struct line *line;    /* tells where this side listens, or */
    struct party *dialer; /* who is to know it */
    char url[LINE_TEXT_BYTES];
    struct mem *mem; /* the network inside the process, or NULL */

    /* What plays need. */
    struct maker maker, urgent;
    struct check urgent_check;
    struct samples samples;
    uint64_t until_ns, due_ns, ping_ns;
    void *spare_blocks; /* lent ones that came back */
    unsigned places;
    struct relay *relay; /* between the sides, or NULL */
    int is_cut;          /* it was told to break the way, and no message has come since */
};

/* Sessions are opened; the side that dials waits for party->url. */
void party_open(struct party *party, const struct job *job, const struct play *play, int listens,
                kith_loop *loop, struct mem *mem, struct side *side);
void party_listen(struct party *party);
void party_dial(struct party *party);
/* A session begins to dial, again. */
void party_dial_from(struct party *party, kith_session *session);
/* Every session leaves. */
void party_leave(struct party *party);
void party_close(struct party *party);

/* Runs the loop until the last session has closed. */
void parties_run(struct party *const *parties, size_t count);

/* The process ends unless err is OK or AGAIN; 1 when it is OK. */
int is_sent(kith_err err, const char *what);

#endif
