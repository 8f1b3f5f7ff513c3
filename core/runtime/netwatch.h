/* SPDX-License-Identifier: MIT
 *
 * netwatch.h: tells when the network of this machine has changed: other addresses, interfaces that
 * came or went, other routes. One for each loop. It says that, not what: whoever wants to know
 * tries again what did not work before. Knows no session.
 */
#ifndef KITH_RUNTIME_NETWATCH_H
#define KITH_RUNTIME_NETWATCH_H

#include "base/env.h"

struct kith_netwatch {
    struct kith_env *env;
    void (*changed)(struct kith_netwatch *watch); /* calls of the session layer are legal inside */
    int is_started;
    int fd; /* where the system tells of changes; -1: it does not, and is asked now and then */
    struct kith_watch news;
    struct kith_timer timer; /* until the news have settled; or until it is asked again */
    int has_new_routes;
    uint64_t addresses; /* a digest of what there was */
};

/* Fill in changed first. What cannot be watched is logged, and not watched. */
void kith_netwatch_start(struct kith_netwatch *watch, struct kith_env *env);
/* Legal for one that was never started. */
void kith_netwatch_stop(struct kith_netwatch *watch);

/* ---- netwatch_linux.c or netwatch_posix.c: what the system tells by itself */

/* What the news are about. Addresses may only have been confirmed: look. */
enum { KITH_NEWS_ADDRESSES = 1, KITH_NEWS_ROUTES = 2 };

/* A descriptor that becomes readable when there are news; -1: this system has none. */
int kith_netwatch_open(void);
/* Reads the news that there are; gives bits of what they are about, 0 for nothing that matters. */
unsigned kith_netwatch_read(int fd);

#endif
