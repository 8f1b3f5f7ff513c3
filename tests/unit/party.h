/* SPDX-License-Identifier: MIT
 *
 * party.h: sessions on a real loop with real transports, through kith.h alone; each writes down
 * what it was told.
 */
#ifndef KITH_TESTS_PARTY_H
#define KITH_TESTS_PARTY_H

#include <stddef.h>
#include <stdint.h>

#include "kith/kith.h"

enum {
    /* No wait takes that long unless something hangs, however busy the machine is. */
    PARTY_WAIT_MS = 60000,
    /* Time that passes must decide nothing: each is far above PARTY_WAIT_MS, or as far as it can
       be. */
    PARTY_GIVE_UP_MS = 600000,
    PARTY_HANDSHAKE_MS = 120000,
    PARTY_IDLE_PING_MS = 600000,
};

struct party {
    kith_session *session; /* NULL once closed */
    kith_peer *peer;       /* the last one connected, NULL once it departed */
    kith_listener *listener;
    kith_dial *dial;
    char url[300];
    unsigned connected, departed, messages, fates, listening, listener_failed, listener_closed,
        waiting, ready, failed, dial_closed, closed, datagrams;
    size_t bytes;
    kith_fate fate;
    kith_reason departed_reason, dial_reason;
    char detail[512]; /* of the last failure */
    /* Questions about certificates. */
    unsigned asked, asks_over;
    kith_ask *ask; /* the last one, NULL once it is over */
    unsigned doubts;
    size_t chain_count;
    kith_reason ask_reason;
    kith_trust_question question; /* as it came; chain and texts only until it is over */
    int answer;                   /* given at once: 1 yes, 2 no; 0: later */
    void (*hook)(struct party *party);
    unsigned to_pour, poured, refused, told_of_room; /* see party_pour() */
};

/* A loop whose memory is counted, and that logs to nowhere. */
kith_loop *party_loop(void);
/* Frees it and fails when memory is left. */
void party_loop_free(kith_loop **loop);
/* Blocks held at this moment. */
size_t party_blocks(void);

/* Opens a session; secure: with a key that all parties share, to be dialled with. Its time-outs are
 * those above. */
void party_open(struct party *party, kith_loop *loop, const char *name, int secure);
/* With certificates, which are still to be set; asks: it has an opinion of its own. */
void party_open_pki(struct party *party, kith_loop *loop, const char *name, int asks);
kith_err party_open_config(struct party *party, kith_loop *loop, const kith_session_config *config);
/* Listens, and runs the loop until the outcome is known. */
void party_listen(struct party *party, const char *url);
/* Dials for PARTY_GIVE_UP_MS. */
kith_err party_dial(struct party *party, const char *url);
/* Two parties that are connected over SCHEME://127.0.0.1. */
void party_pair(kith_loop *loop, struct party *a, struct party *b, int secure);
/* One listens at url, and one who has another key dials: it is told AUTH, and nobody sees a peer.
 */
void party_refuse_key(const char *url, const kith_key *key);

/* Steps the loop until *count is at least want; fails when that takes longer than PARTY_WAIT_MS. */
#define party_until(loop, count, want) party_wait(loop, count, want, #count, __FILE__, __LINE__)
void party_wait(kith_loop *loop, const unsigned *count, unsigned want, const char *what,
                const char *file, int line);

/* Sends so many datagrams of 1000 bytes, as fast as the connection takes them: whenever one is
 * refused it waits to be told. Then waits until each has gone or was dropped. */
void party_pour(kith_loop *loop, struct party *from, unsigned count);

/* For waits of another kind: now, and when to give up. */
uint64_t party_now_ms(void);
uint64_t party_deadline_ms(void);

#endif
