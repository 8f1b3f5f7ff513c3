/* SPDX-License-Identifier: MIT
 *
 * chat.h: one run of the program: the session, the people in it, and the lines on their way to
 * them. chat.c opens, decides when to send and when to leave; callbacks.c hears from Kith;
 * sending.c hands lines over; commands.c reads what was typed.
 */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

#include <stdint.h>

#include <kith/kith.h>

#include "input.h"
#include "keyfile.h"
#include "options.h"
#include "outbox.h"
#include "people.h"
#include "report.h"

enum {
    CHAT_FLUSH_MS = 2000, /* to tell everyone that we leave; what was typed is delivered before */
    CHAT_FLUSH_SIGNAL_MS = 1000 /* somebody wants us gone */
};

/* One --connect. */
struct chat_dial {
    struct chat *chat;
    int is_decided; /* an attempt has ended, one way or the other */
};

struct chat {
    const struct options *options;
    struct report report;
    kith_loop *loop;
    kith_session *session; /* NULL before it is open and after it is closed */
    struct people people;
    struct outbox outbox;
    struct input input;
    struct chat_dial dials[OPTIONS_URLS_MAX];
    size_t dials_undecided; /* of which no attempt has ended yet */
    size_t dials_live;      /* that have not seen their final event */
    size_t dials_failed;
    uint64_t unsettled; /* messages of which the fate is not known */
    int had_company;    /* somebody was connected at some time */
    int is_interactive; /* a person types */
    int is_quitting;    /* no more input is wanted */
    int is_leaving;     /* the session closes */
    int exit_status;
};

/* Opens the loop and the session and begins to listen and to dial. Takes the keys from keyfile,
 * which may be wiped after. Gives 0, or -1 when all was said about what failed; chat_free() is due
 * in both cases. */
int chat_open(struct chat *chat, const struct options *options, const struct keyfile *keyfile);
void chat_free(struct chat *chat);

/* After every turn of the loop: sends what can be sent, leaves when it is time. */
void chat_turn(struct chat *chat);

/* 1 when somebody may join to whom a held line could go. */
int chat_expects_company(const struct chat *chat);

/* 1 while another read from the input is welcome. */
int chat_wants_input(const struct chat *chat);

/* Closes the session, once; a second call can only shorten the wait. */
void chat_leave(struct chat *chat, uint32_t flush_ms);

/* ---- callbacks.c ---- */
extern const kith_callbacks chat_callbacks;

/* ---- commands.c ---- */

/* Takes every whole line that the input holds. */
void chat_read_lines(struct chat *chat);

/* ---- sending.c ---- */

/* Hands lines over in order until the outbox is empty or somebody's queue is full; without
 * may_begin only the one that some have already. */
void chat_send_lines(struct chat *chat, int may_begin);

/* The person leaves: the line that was being sent does not reach it. */
void chat_forget_recipient(struct chat *chat, struct person *person);

/* There is nobody, and nobody will come, to whom the lines could be sent. */
void chat_give_up_lines(struct chat *chat);

/* The fate of one message, or of a line that went to nobody (person NULL). */
void chat_settle(struct chat *chat, const struct person *person, uint64_t line, kith_fate fate);

#endif
