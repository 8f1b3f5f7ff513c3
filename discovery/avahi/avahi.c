/* SPDX-License-Identifier: MIT
 *
 * avahi.c: Avahi's daemon, asked over D-Bus, as a stack of discovery/shared/multicast.h. The daemon
 * has a name for this machine and may publish it; adverts of ours do not mention it, they have
 * random ones as everywhere.
 *
 * Not with libavahi-client: it and libavahi-core have a function of one name, and a process with
 * both calls the wrong one.
 */
#include "discovery/avahi/avahi.h"

#include <string.h>

#include <avahi-common/address.h>
#include <avahi-common/error.h>

#include "base/err.h"
#include "discovery/avahi/bus.h"
#include "discovery/shared/multicast.h"

#define AVAHI "org.freedesktop.Avahi"

/* What is the daemon's, and ours: a group, a browser, a resolver. */
struct object {
    struct kith_node node;
    struct server *server;
    const char *interface; /* the D-Bus name of what it is */
    char path[64];
    void *owner;
};

struct server {
    struct kith__bus bus;
    struct kith__mdns_finder *finder;
    struct kith_node objects;
    int error; /* Avahi's, of the last call */
};

/* ---- calls ------------------------------------------------------------------------------------
 */

static int number_of(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } known[] = {
        {"", AVAHI_OK},
        {AVAHI ".CollisionError", AVAHI_ERR_COLLISION},
        {AVAHI ".TooManyClientsError", AVAHI_ERR_TOO_MANY_CLIENTS},
        {AVAHI ".TooManyObjectsError", AVAHI_ERR_TOO_MANY_OBJECTS},
        {AVAHI ".TooManyEntriesError", AVAHI_ERR_TOO_MANY_ENTRIES},
        {AVAHI ".NotPermittedError", AVAHI_ERR_NOT_PERMITTED},
        {DBUS_ERROR_ACCESS_DENIED, AVAHI_ERR_ACCESS_DENIED},
        {DBUS_ERROR_NO_MEMORY, AVAHI_ERR_NO_MEMORY},
        {DBUS_ERROR_DISCONNECTED, AVAHI_ERR_DISCONNECTED},
        {DBUS_ERROR_NO_REPLY, AVAHI_ERR_TIMEOUT},
        {DBUS_ERROR_SERVICE_UNKNOWN, AVAHI_ERR_NO_DAEMON},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i].name) == 0) {
            return known[i].number;
        }
    }
    return AVAHI_ERR_DBUS_ERROR;
}

static DBusMessage *message_to(const char *path, const char *interface, const char *method)
{
    return dbus_message_new_method_call(AVAHI, path, interface, method);
}

/* Frees the message, which may be NULL. Gives Avahi's error. */
static int call(struct server *server, DBusMessage *message)
{
    DBusMessage *reply = kith__bus_call(&server->bus, message);
    server->error = number_of(server->bus.error);
    if (reply != NULL) {
        dbus_message_unref(reply);
    }
    return server->error;
}

/* A call that makes something, of which the answer is the path. */
static struct object *object_new(struct server *server, DBusMessage *message, const char *interface,
                                 void *owner)
{
    struct kith_env *env = server->finder->base.env;
    struct object *object = kith_alloc(env, sizeof *object);
    DBusMessage *reply = kith__bus_call(&server->bus, message);
    const char *path = NULL;
    server->error = number_of(server->bus.error);
    if (reply != NULL && object != NULL &&
        dbus_message_get_args(reply, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID) &&
        strlen(path) < sizeof object->path) {
        object->server = server;
        object->interface = interface;
        object->owner = owner;
        strcpy(object->path, path);
        kith_list_append(&server->objects, &object->node);
    } else {
        server->error = server->error != AVAHI_OK ? server->error : AVAHI_ERR_NO_MEMORY;
        kith_free(env, object);
        object = NULL;
    }
    if (reply != NULL) {
        dbus_message_unref(reply);
    }
    return object;
}

static void object_free(void *user)
{
    struct object *object = user;
    struct server *server = object->server;
    kith__bus_send(&server->bus, message_to(object->path, object->interface, "Free"));
    kith_list_remove(&object->node);
    kith_free(server->finder->base.env, object);
}

static struct object *object_of(struct server *server, DBusMessage *signal)
{
    const char *path = dbus_message_get_path(signal);
    for (struct kith_node *at = server->objects.next; path != NULL && at != &server->objects;
         at = at->next) {
        struct object *object = KITH_CONTAINER(at, struct object, node);
        if (strcmp(object->path, path) == 0 &&
            dbus_message_has_interface(signal, object->interface)) {
            return object;
        }
    }
    return NULL;
}

/* ---- TXT --------------------------------------------------------------------------------------
 */

static int append_txt(DBusMessage *message, AvahiStringList *txt)
{
    DBusMessageIter at, list, text;
    dbus_message_iter_init_append(message, &at);
    if (!dbus_message_iter_open_container(&at, DBUS_TYPE_ARRAY, "ay", &list)) {
        return 0;
    }
    for (AvahiStringList *one = txt; one != NULL; one = one->next) {
        const uint8_t *bytes = one->text;
        if (!dbus_message_iter_open_container(&list, DBUS_TYPE_ARRAY, "y", &text) ||
            !dbus_message_iter_append_fixed_array(&text, DBUS_TYPE_BYTE, &bytes, (int)one->size) ||
            !dbus_message_iter_close_container(&list, &text)) {
            return 0;
        }
    }
    return dbus_message_iter_close_container(&at, &list);
}

static AvahiStringList *read_txt(DBusMessageIter *list)
{
    AvahiStringList *txt = NULL;
    for (; dbus_message_iter_get_arg_type(list) == DBUS_TYPE_ARRAY; dbus_message_iter_next(list)) {
        DBusMessageIter text;
        const uint8_t *bytes = NULL;
        int count = 0;
        dbus_message_iter_recurse(list, &text);
        dbus_message_iter_get_fixed_array(&text, &bytes, &count);
        txt = avahi_string_list_add_arbitrary(txt, bytes, (size_t)count);
    }
    return txt;
}

/* ---- publishing -------------------------------------------------------------------------------
 */

static void *group_new(struct kith__mdns_finder *finder, struct kith__mdns_advert *advert)
{
    return object_new(finder->server, message_to("/", AVAHI ".Server", "EntryGroupNew"),
                      AVAHI ".EntryGroup", advert);
}

static int group_call(void *group, const char *method)
{
    struct object *object = group;
    return call(object->server, message_to(object->path, object->interface, method));
}

static void group_reset(void *group)
{
    (void)group_call(group, "Reset");
}

static int group_commit(void *group)
{
    return group_call(group, "Commit");
}

/* A message to the group that begins with these three. */
static DBusMessage *group_message(const struct kith__mdns_advert *advert, const char *method,
                                  AvahiIfIndex interface, AvahiPublishFlags publish)
{
    const struct object *group = advert->group;
    DBusMessage *message = message_to(group->path, group->interface, method);
    dbus_int32_t where = interface, protocol = AVAHI_PROTO_UNSPEC;
    dbus_uint32_t flags = publish;
    if (message != NULL &&
        !dbus_message_append_args(message, DBUS_TYPE_INT32, &where, DBUS_TYPE_INT32, &protocol,
                                  DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID)) {
        dbus_message_unref(message);
        return NULL;
    }
    return message;
}

/* Sends what was filled, or frees it. */
static int finish(const struct kith__mdns_advert *advert, DBusMessage *message, int is_whole)
{
    const struct object *group = advert->group;
    if (message != NULL && !is_whole) {
        dbus_message_unref(message);
        message = NULL;
    }
    return call(group->server, message);
}

static int add_address(struct kith__mdns_advert *advert, AvahiIfIndex interface,
                       const AvahiAddress *address)
{
    DBusMessage *message = group_message(advert, "AddAddress", interface, AVAHI_PUBLISH_NO_REVERSE);
    char text[AVAHI_ADDRESS_STR_MAX];
    const char *host = advert->machine, *at = avahi_address_snprint(text, sizeof text, address);
    return finish(advert, message,
                  message != NULL &&
                      dbus_message_append_args(message, DBUS_TYPE_STRING, &host, DBUS_TYPE_STRING,
                                               &at, DBUS_TYPE_INVALID));
}

/* Name, type and domain of the service, which is the daemon's own. */
static int append_names(DBusMessage *message, const struct kith__mdns_advert *advert)
{
    const char *name = advert->instance, *type = advert->type, *domain = "";
    return message != NULL &&
           dbus_message_append_args(message, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &type,
                                    DBUS_TYPE_STRING, &domain, DBUS_TYPE_INVALID);
}

static int add_service(struct kith__mdns_advert *advert, AvahiIfIndex interface)
{
    DBusMessage *message = group_message(advert, "AddService", interface, 0);
    const char *host = advert->machine;
    dbus_uint16_t port = advert->port;
    return finish(advert, message,
                  append_names(message, advert) &&
                      dbus_message_append_args(message, DBUS_TYPE_STRING, &host, DBUS_TYPE_UINT16,
                                               &port, DBUS_TYPE_INVALID) &&
                      append_txt(message, advert->txt));
}

static int add_subtype(struct kith__mdns_advert *advert, AvahiIfIndex interface,
                       const char *subtype)
{
    DBusMessage *message = group_message(advert, "AddServiceSubtype", interface, 0);
    return finish(
        advert, message,
        append_names(message, advert) &&
            dbus_message_append_args(message, DBUS_TYPE_STRING, &subtype, DBUS_TYPE_INVALID));
}

static int update(struct kith__mdns_advert *advert, AvahiIfIndex interface)
{
    DBusMessage *message = group_message(advert, "UpdateServiceTxt", interface, 0);
    return finish(advert, message,
                  append_names(message, advert) && append_txt(message, advert->txt));
}

static void group_signal(struct kith__mdns_advert *advert, DBusMessage *signal)
{
    dbus_int32_t state;
    const char *error;
    if (dbus_message_has_member(signal, "StateChanged") &&
        dbus_message_get_args(signal, NULL, DBUS_TYPE_INT32, &state, DBUS_TYPE_STRING, &error,
                              DBUS_TYPE_INVALID) &&
        state >= AVAHI_ENTRY_GROUP_UNCOMMITED && state <= AVAHI_ENTRY_GROUP_FAILURE) {
        kith__mdns_on_group(advert, (AvahiEntryGroupState)state);
    }
}

/* ---- looking ----------------------------------------------------------------------------------
 */

static void *browser_new(struct kith__mdns_finder *finder, struct kith__mdns_query *query)
{
    DBusMessage *message = message_to("/", AVAHI ".Server", "ServiceBrowserNew");
    dbus_int32_t interface = AVAHI_IF_UNSPEC, protocol = AVAHI_PROTO_UNSPEC;
    dbus_uint32_t flags = 0;
    const char *type = query->searched, *domain = "";
    if (message != NULL &&
        !dbus_message_append_args(message, DBUS_TYPE_INT32, &interface, DBUS_TYPE_INT32, &protocol,
                                  DBUS_TYPE_STRING, &type, DBUS_TYPE_STRING, &domain,
                                  DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID)) {
        dbus_message_unref(message);
        message = NULL;
    }
    return object_new(finder->server, message, AVAHI ".ServiceBrowser", query);
}

static void browser_signal(struct kith__mdns_query *query, DBusMessage *signal)
{
    dbus_int32_t interface, protocol;
    dbus_uint32_t flags;
    const char *name, *type, *domain;
    AvahiBrowserEvent event = AVAHI_BROWSER_NEW;
    if (dbus_message_has_member(signal, "Failure")) {
        kith__mdns_on_browser(query, 0, 0, AVAHI_BROWSER_FAILURE, NULL, NULL);
        return;
    }
    if (dbus_message_has_member(signal, "ItemRemove")) {
        event = AVAHI_BROWSER_REMOVE;
    } else if (!dbus_message_has_member(signal, "ItemNew")) {
        return;
    }
    if (dbus_message_get_args(signal, NULL, DBUS_TYPE_INT32, &interface, DBUS_TYPE_INT32, &protocol,
                              DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &type, DBUS_TYPE_STRING,
                              &domain, DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID)) {
        kith__mdns_on_browser(query, interface, protocol, event, name, domain);
    }
}

static void *resolver_new(struct kith__mdns_finder *finder, struct kith__mdns_resolver *resolver,
                          const char *domain)
{
    DBusMessage *message = message_to("/", AVAHI ".Server", "ServiceResolverNew");
    dbus_int32_t interface = resolver->interface, protocol = resolver->protocol;
    dbus_uint32_t flags = 0;
    const char *name = resolver->name, *type = resolver->query->type;
    if (message != NULL &&
        !dbus_message_append_args(message, DBUS_TYPE_INT32, &interface, DBUS_TYPE_INT32, &protocol,
                                  DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &type,
                                  DBUS_TYPE_STRING, &domain, DBUS_TYPE_INT32, &protocol,
                                  DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID)) {
        dbus_message_unref(message);
        message = NULL;
    }
    return object_new(finder->server, message, AVAHI ".ServiceResolver", resolver);
}

/* The message has been checked to be iissssisqaayu. */
static void resolver_found(struct kith__mdns_resolver *resolver, DBusMessage *signal)
{
    DBusMessageIter at, list;
    AvahiStringList *txt;
    AvahiAddress address;
    dbus_uint16_t port;
    const char *text;
    dbus_message_iter_init(signal, &at);
    for (int i = 0; i < 7; i++) {
        dbus_message_iter_next(&at);
    }
    dbus_message_iter_get_basic(&at, &text);
    dbus_message_iter_next(&at);
    dbus_message_iter_get_basic(&at, &port);
    dbus_message_iter_next(&at);
    dbus_message_iter_recurse(&at, &list);
    if (avahi_address_parse(text, AVAHI_PROTO_UNSPEC, &address) != NULL) {
        txt = read_txt(&list);
        kith__mdns_on_resolved(resolver, AVAHI_RESOLVER_FOUND, &address, port, txt);
        avahi_string_list_free(txt);
    }
}

static void resolver_signal(struct kith__mdns_resolver *resolver, DBusMessage *signal)
{
    if (dbus_message_has_member(signal, "Failure")) {
        kith__mdns_on_resolved(resolver, AVAHI_RESOLVER_FAILURE, NULL, 0, NULL);
    } else if (dbus_message_has_member(signal, "Found") &&
               dbus_message_has_signature(signal, "iissssisqaayu")) {
        resolver_found(resolver, signal);
    }
}

/* ---- the daemon -------------------------------------------------------------------------------
 */

static void on_down(struct kith__bus *bus)
{
    struct server *server = KITH_CONTAINER(bus, struct server, bus);
    server->error = AVAHI_ERR_DISCONNECTED;
    kith_up_finder_down(&server->finder->base, KITH_ERR_IO, "the system's D-Bus is gone");
}

static void on_signal(struct kith__bus *bus, DBusMessage *signal)
{
    struct server *server = KITH_CONTAINER(bus, struct server, bus);
    struct object *object;
    if (dbus_message_is_signal(signal, DBUS_INTERFACE_DBUS, "NameOwnerChanged")) {
        kith_up_finder_down(&server->finder->base, KITH_ERR_IO, "Avahi's daemon has ended");
        return;
    }
    object = object_of(server, signal);
    if (object == NULL) {
        return;
    }
    if (strcmp(object->interface, AVAHI ".EntryGroup") == 0) {
        group_signal(object->owner, signal);
    } else if (strcmp(object->interface, AVAHI ".ServiceBrowser") == 0) {
        browser_signal(object->owner, signal);
    } else {
        resolver_signal(object->owner, signal);
    }
}

/* A group of the daemon's has 32 calls, of which each address is one and each interface at least
 * two: a machine with more is not for it. */
static int has_room(const struct kith__own_addresses *addresses)
{
    size_t calls = addresses->count;
    for (size_t i = 0; i < addresses->count; i++) {
        const struct kith__own_address *own = &addresses->list[i];
        calls += kith__own_interface(addresses, own->interface) == own ? 2 : 0;
    }
    return calls <= 32;
}

static void server_close(struct kith__mdns_finder *finder)
{
    struct server *server = finder->server;
    if (server != NULL) {
        while (!kith_list_empty(&server->objects)) {
            object_free(KITH_CONTAINER(server->objects.next, struct object, node));
        }
        kith__bus_close(&server->bus);
        kith_free(finder->base.env, server);
        finder->server = NULL;
    }
}

static kith_err server_open(struct kith__mdns_finder *finder)
{
    struct server *server;
    if (!has_room(&finder->addresses)) {
        return kith_fail(KITH_ERR_LIMIT, "this machine has more addresses than Avahi's daemon "
                                         "takes for one service: name interfaces");
    }
    server = kith_alloc(finder->base.env, sizeof *server);
    if (server == NULL) {
        return KITH_ERR_NOMEM;
    }
    server->finder = finder;
    server->bus.on_signal = on_signal;
    server->bus.on_down = on_down;
    kith_list_init(&server->objects);
    finder->server = server;
    if (!kith__bus_open(&server->bus, finder->base.env) ||
        !kith__bus_watch_name(&server->bus, AVAHI)) {
        int error = number_of(server->bus.error);
        server_close(finder);
        return kith__mdns_fail("Avahi's daemon", error == AVAHI_OK ? AVAHI_ERR_NO_DAEMON : error);
    }
    return KITH_OK;
}

static int server_error(const struct kith__mdns_finder *finder)
{
    return ((const struct server *)finder->server)->error;
}

/* ---- the driver -------------------------------------------------------------------------------
 */

static kith_err finder_open(struct kith_finder *base)
{
    static const struct kith__mdns_stack stack = {
        .name = "avahi-daemon",
        .open = server_open,
        .close = server_close,
        .error = server_error,
        .group_new = group_new,
        .group_free = object_free,
        .group_reset = group_reset,
        .group_commit = group_commit,
        .add_address = add_address,
        .add_service = add_service,
        .add_subtype = add_subtype,
        .update = update,
        .browser_new = browser_new,
        .browser_free = object_free,
        .resolver_new = resolver_new,
        .resolver_free = object_free,
    };
    return kith__mdns_finder_open(base, &stack);
}

const struct kith_discovery_driver kith_avahi_driver = {
    .name = "avahi",
    .flags = KITH_DISCOVERY_SYSTEM,
    .finder_bytes = sizeof(struct kith__mdns_finder),
    .advert_bytes = sizeof(struct kith__mdns_advert),
    .query_bytes = sizeof(struct kith__mdns_query),
    .open = finder_open,
    .close = kith__mdns_finder_close,
    .advertise = kith__mdns_advertise,
    .update = kith__mdns_update,
    .withdraw = kith__mdns_withdraw,
    .browse = kith__mdns_browse,
    .stop = kith__mdns_stop,
    .refresh = kith__mdns_finder_refresh,
};
