/* SPDX-License-Identifier: MIT
 *
 * bus.h: a connection to the system's D-Bus, on the loop of the session. Knows nothing of Avahi.
 * Calls wait for their answer, KITH_BUS_CALL_MS at the longest; signals come from the loop.
 */
#ifndef KITH_DISCOVERY_AVAHI_BUS_H
#define KITH_DISCOVERY_AVAHI_BUS_H

#include <dbus/dbus.h>

#include "base/env.h"

struct kith__bus {
    struct kith_env *env;
    DBusConnection *connection; /* NULL: not open */
    struct kith_watch watch;
    struct kith_deferred turn;
    char error[96]; /* the D-Bus name of what the last call came to; "": it was answered */
    int is_down;
    /* Calls are legal inside. */
    void (*on_signal)(struct kith__bus *bus, DBusMessage *signal);
    void (*on_down)(struct kith__bus *bus); /* nothing can be called any more */
};

/* Fill in the two callbacks first. 0: error says why. */
int kith__bus_open(struct kith__bus *bus, struct kith_env *env);
void kith__bus_close(struct kith__bus *bus);

/* Whether somebody has that name; and on_signal hears of NameOwnerChanged. */
int kith__bus_watch_name(struct kith__bus *bus, const char *name);

/* Frees call, which may be NULL for want of memory. Gives the answer, to be unreferenced; NULL:
 * error says why. */
DBusMessage *kith__bus_call(struct kith__bus *bus, DBusMessage *call);
/* The same without waiting for an answer. */
void kith__bus_send(struct kith__bus *bus, DBusMessage *call);

#endif
