/* SPDX-License-Identifier: MIT
 *
 * bus.c: see bus.h. The library's own way to a main loop takes several watches of one socket and
 * timers for calls under way; none is needed where calls wait and one socket is read.
 */
#include "discovery/avahi/bus.h"

#include <stdio.h>

#include "bounds.h"

/* ---- signals ----------------------------------------------------------------------------------
 */

static DBusHandlerResult filter(DBusConnection *connection, DBusMessage *message, void *user)
{
    struct kith__bus *bus = user;
    (void)connection;
    if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_SIGNAL) {
        bus->on_signal(bus, message);
    }
    return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

static void dispatch(struct kith_deferred *turn)
{
    struct kith__bus *bus = KITH_CONTAINER(turn, struct kith__bus, turn);
    while (dbus_connection_dispatch(bus->connection) == DBUS_DISPATCH_DATA_REMAINS) {
    }
    if (!bus->is_down && !dbus_connection_get_is_connected(bus->connection)) {
        bus->is_down = 1;
        bus->on_down(bus);
    }
}

static void on_ready(struct kith_watch *watch, unsigned events)
{
    struct kith__bus *bus = KITH_CONTAINER(watch, struct kith__bus, watch);
    (void)events;
    (void)dbus_connection_read_write(bus->connection, 0);
    if (!dbus_connection_get_is_connected(bus->connection)) {
        bus->env->io->unwatch(bus->env, &bus->watch); /* it would be readable for ever */
    }
    kith_defer(bus->env, &bus->turn);
}

/* ---- calls ------------------------------------------------------------------------------------
 */

static int set_error(struct kith__bus *bus, DBusError *error)
{
    bus->error[0] = '\0';
    if (dbus_error_is_set(error)) {
        snprintf(bus->error, sizeof bus->error, "%s", error->name);
        dbus_error_free(error);
    }
    return bus->error[0] == '\0';
}

DBusMessage *kith__bus_call(struct kith__bus *bus, DBusMessage *call)
{
    DBusError error = DBUS_ERROR_INIT;
    DBusMessage *reply;
    if (call == NULL) {
        snprintf(bus->error, sizeof bus->error, "%s", DBUS_ERROR_NO_MEMORY);
        return NULL;
    }
    dbus_message_set_auto_start(call, FALSE);
    reply =
        dbus_connection_send_with_reply_and_block(bus->connection, call, KITH_BUS_CALL_MS, &error);
    dbus_message_unref(call);
    (void)set_error(bus, &error);
    kith_defer(bus->env, &bus->turn); /* signals may have come on the way */
    return reply;
}

void kith__bus_send(struct kith__bus *bus, DBusMessage *call)
{
    if (call != NULL) {
        dbus_message_set_auto_start(call, FALSE);
        dbus_message_set_no_reply(call, TRUE);
        (void)dbus_connection_send(bus->connection, call, NULL);
        dbus_message_unref(call);
    }
}

int kith__bus_watch_name(struct kith__bus *bus, const char *name)
{
    DBusError error = DBUS_ERROR_INIT;
    char rule[200];
    dbus_bool_t has_owner;
    snprintf(rule, sizeof rule, "type='signal',sender='%s',member='NameOwnerChanged',arg0='%s'",
             DBUS_SERVICE_DBUS, name);
    dbus_bus_add_match(bus->connection, rule, NULL); /* without waiting */
    has_owner = dbus_bus_name_has_owner(bus->connection, name, &error);
    return set_error(bus, &error) && has_owner;
}

/* ---- opening and closing ----------------------------------------------------------------------
 */

int kith__bus_open(struct kith__bus *bus, struct kith_env *env)
{
    DBusError error = DBUS_ERROR_INIT;
    int fd;
    bus->env = env;
    bus->watch.on_ready = on_ready;
    bus->turn.run = dispatch;
    bus->is_down = 0;
    dbus_connection_set_change_sigpipe(FALSE); /* signals are the program's */
    bus->connection = dbus_bus_get_private(DBUS_BUS_SYSTEM, &error);
    if (bus->connection == NULL) {
        (void)set_error(bus, &error);
        return 0;
    }
    dbus_connection_set_exit_on_disconnect(bus->connection, FALSE);
    if (!dbus_connection_add_filter(bus->connection, filter, bus, NULL) ||
        !dbus_connection_get_unix_fd(bus->connection, &fd) ||
        env->io->watch(env, &bus->watch, fd, KITH_READABLE) != KITH_OK) {
        snprintf(bus->error, sizeof bus->error, "%s", DBUS_ERROR_NO_MEMORY);
        kith__bus_close(bus);
        return 0;
    }
    return 1;
}

void kith__bus_close(struct kith__bus *bus)
{
    if (bus->connection != NULL) {
        kith_undefer(&bus->turn);
        bus->env->io->unwatch(bus->env, &bus->watch);
        dbus_connection_close(bus->connection);
        dbus_connection_unref(bus->connection);
        bus->connection = NULL;
    }
}
