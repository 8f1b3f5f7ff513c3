/* SPDX-License-Identifier: MIT
 *
 * chat.h: one run of the program: the session, the people in it, and the lines on their way to
 * them. chat.c opens, decides when to send and when to leave; callbacks.c hears from Kith;
 * sending.c hands lines over; commands.c reads what was typed; trust.c asks about certificates and
 * guests.c about who may come in; console.c is the terminal at which that happens, where there is
 * one.
 */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

#include <stdint.h>

#include <kith/kith.h>

#include "asks.h"
#include "board.h"
#include "editor.h"
#include "guests.h"
#include "input.h"
#include "keyfile.h"
#include "keys.h"
#include "options.h"
#include "outbox.h"
#include "people.h"
#include "report.h"
#include "ring.h"
#include "screen.h"
#include "signals.h"
#include "trust.h"

enum {
    CHAT_FLUSH_MS = 2000, /* to tell everyone that we leave; what was typed is delivered before */
    CHAT_FLUSH_SIGNAL_MS = 1000 /* somebody wants us gone */
};

/* One --connect. */
struct chat_dial {
    const char *url;                         /* or an invitation */
    char shown[OPTIONS_SHOWN_BYTES_MAX + 1]; /* for it: of an invitation the first address */
    int is_decided;                          /* an attempt has ended, one way or the other */
    int is_trying;                           /* the last attempt failed, and another will follow */
    int is_lost;                /* a connection was there and broke: to be dialled again */
    char why[REPORT_WHY_BYTES]; /* the last attempt failed */
};

/* One --listen. */
struct chat_listener {
    const char *url;
    int is_waiting;             /* it cannot listen now */
    char why[REPORT_WHY_BYTES]; /* it cannot */
};

/* Where a person types: from keys to lines, and the rows on the screen that show them. */
struct console {
    int is_used;
    int is_away;    /* the terminal is somebody else's: we are in the background */
    int is_refused; /* a key did nothing, which is not told yet */
    int is_full;    /* because the line has no room for more */
    struct keys keys;
    struct editor editor;
    struct screen screen;
};

struct chat {
    const struct options *options;
    struct report report;
    kith_loop *loop;
    kith_session *session; /* NULL before it is open and after it is closed */
    struct people people;
    struct people banned; /* whom /unban may name */
    struct asks asks;
    struct trust trust;
    struct ring ring;
    struct outbox outbox;
    struct input input;
    struct console console;
    struct board board; /* of --browse */
    struct chat_dial dials[OPTIONS_URLS_MAX];
    struct chat_listener listeners[OPTIONS_URLS_MAX];
    size_t dials_undecided; /* of which no attempt has ended yet */
    size_t dials_live;      /* that have not seen their final event */
    size_t dials_failed;
    size_t dials_turned_away; /* of which the other side did not want us */
    uint64_t unsettled;       /* messages of which the fate is not known */
    int had_company;          /* somebody was connected at some time */
    int is_interactive;       /* a person types */
    int may_redial;           /* lost connections are dialled again */
    int is_quitting;          /* no more input is wanted */
    int is_leaving;           /* the session closes */
    int is_blind;             /* discovery does not work now, which was said */
    int exit_status;
};

/* Opens the loop and the session and begins to listen and to dial. Takes the keys from keyfile, and
 * identity (NULL: a new one), which may be wiped after. Gives 0, or -1 when all was said about what
 * failed; chat_free() is due in both cases. */
int chat_open(struct chat *chat, const struct options *options, const struct keyfile *keyfile,
              const kith_identity *identity);
void chat_free(struct chat *chat);

/* After every turn of the loop: sends what can be sent, leaves when it is time. */
void chat_turn(struct chat *chat);

/* 1 when somebody may join to whom a held line could go. */
int chat_expects_company(const struct chat *chat);

/* 1 while another read from the input is welcome. */
int chat_wants_input(const struct chat *chat);

/* 1 while the lines that wait to be sent are not too many. */
int chat_has_room(const struct chat *chat);

/* Somebody wants the program to end: leaves; asked again, at once. count is how often so far. */
void chat_end(struct chat *chat, int count);

/* Closes the session, once; a second call can only shorten the wait. */
void chat_leave(struct chat *chat, uint32_t flush_ms);

/* ---- nearby.c ---- */

/* Lets others find us, and looks for them. Gives 0, or -1 when all was said about what failed. */
int nearby_open(struct chat *chat);
/* All was said at the beginning: from now on who is around is shown in place, at a terminal. */
void nearby_show(struct chat *chat);
void nearby_happened(struct chat *chat, const kith_discovery_event *event);

/* ---- callbacks.c ---- */
extern const kith_callbacks chat_callbacks;

/* ---- commands.c ---- */

/* Takes every whole line that the input holds. */
void chat_read_lines(struct chat *chat);

/* Takes one line, whose number is that of chat->input. It ends with a NUL. */
void chat_take_line(struct chat *chat, const char *line, size_t bytes);

/* ---- console.c ---- */

/* 1 where standard input and output are a terminal, and lines for people are asked for. */
int console_is_wanted(const struct options *options);

/* Takes the terminal over where that is wanted, and gives it back. */
void console_open(struct chat *chat);
void console_close(struct chat *chat);

/* Reads what was typed. Gives how often the person has asked to leave. */
int console_read(struct chat *chat);

/* The signals that concern the terminal. */
void console_take_signals(struct chat *chat, const struct signals *seen);

/* Before every wait: shows what is to be seen. Gives how long to wait at most, in milliseconds,
 * when otherwise it would be timeout_ms (-1: for ever). */
int console_show(struct chat *chat, int timeout_ms);

/* What to poll for keys; -1: nothing. */
int console_fd(const struct chat *chat);

/* ---- status.c ---- */

/* Who is connected, how, and who is not yet, in a line. */
void status_write(const struct chat *chat, char *out, size_t room);

/* ---- complete.c ---- */

/* The tabulator was pressed: completes a command, or the name behind one. Gives 0, or -1 where
 * there is nothing to complete, or too much. */
int complete_line(struct editor *editor, const struct people *people, const struct people *banned);

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
