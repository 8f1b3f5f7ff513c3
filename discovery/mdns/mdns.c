/* SPDX-License-Identifier: MIT
 *
 * mdns.c: the server, one for each session and choice of interfaces; and the table of the driver.
 * It publishes nothing of the machine by itself: no name, no addresses, no kind of hardware.
 */
#include "discovery/mdns/mdns.h"

#include <stdio.h>
#include <string.h>

#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-core/log.h>

#include "base/err.h"
#include "discovery/mdns/inside.h"

kith_err kith__mdns_fail(const char *what, int error)
{
    kith_err err = error == AVAHI_ERR_NO_MEMORY       ? KITH_ERR_NOMEM
                   : error == AVAHI_ERR_ACCESS_DENIED ? KITH_ERR_PERMISSION
                                                      : KITH_ERR_IO;
    return kith_fail(err, "multicast DNS, %s: %s", what, avahi_strerror(error));
}

/* avahi's only log goes to a function for the whole process, which knows no session. */
static void no_log(AvahiLogLevel level, const char *text)
{
    (void)level;
    (void)text;
}

/* ---- the server -------------------------------------------------------------------------------
 */

static void random_name(struct kith_env *env, char out[32])
{
    snprintf(out, 32, "%08x%08x", kith_random_below(env, UINT32_MAX),
             kith_random_below(env, UINT32_MAX));
}

static void on_server(AvahiServer *server, AvahiServerState state, void *user)
{
    struct kith__mdns_finder *finder = user;
    char name[32];
    switch (state) {
    case AVAHI_SERVER_COLLISION: /* of a name that nobody uses */
        random_name(finder->base.env, name);
        (void)avahi_server_set_host_name(server, name);
        break;
    case AVAHI_SERVER_FAILURE:
        kith_up_finder_down(&finder->base, KITH_ERR_IO, avahi_strerror(avahi_server_errno(server)));
        break;
    case AVAHI_SERVER_INVALID:
    case AVAHI_SERVER_REGISTERING:
    case AVAHI_SERVER_RUNNING:
        break;
    }
}

/* Where some are chosen, the server must know them by name. */
static int name_interfaces(const struct kith__mdns_finder *finder, AvahiServerConfig *config)
{
    if (finder->base.interfaces[0] == '\0') {
        return 1;
    }
    for (size_t i = 0; i < finder->addresses.count; i++) {
        AvahiStringList *longer =
            avahi_string_list_add(config->allow_interfaces, finder->addresses.list[i].name);
        if (longer == NULL) {
            return 0;
        }
        config->allow_interfaces = longer;
    }
    if (config->allow_interfaces == NULL) { /* none: an empty list would be all */
        config->allow_interfaces = avahi_string_list_new("none", NULL);
    }
    return config->allow_interfaces != NULL;
}

static kith_err server_open(struct kith__mdns_finder *finder)
{
    AvahiServerConfig config;
    char name[32];
    int error = AVAHI_ERR_NO_MEMORY;
    if (avahi_server_config_init(&config) == NULL) {
        return KITH_ERR_NOMEM;
    }
    random_name(finder->base.env, name);
    avahi_free(config.host_name);
    config.host_name = avahi_strdup(name);
    config.publish_hinfo = 0;
    config.publish_addresses = 0; /* or the machine's own stack and this one fight over them */
    config.publish_workstation = 0;
    config.publish_domain = 0;
    config.add_service_cookie = 0;
    config.enable_wide_area = 0;
    config.enable_reflector = 0;
    config.disallow_other_stacks = 0;
    if (config.host_name != NULL && name_interfaces(finder, &config)) {
        finder->server = avahi_server_new(&finder->poll, &config, on_server, finder, &error);
    }
    avahi_server_config_free(&config);
    return finder->server != NULL ? KITH_OK : kith__mdns_fail("starting", error);
}

static void server_close(struct kith__mdns_finder *finder)
{
    if (finder->server != NULL) {
        avahi_server_free(finder->server);
        finder->server = NULL;
    }
}

/* ---- other addresses --------------------------------------------------------------------------
 */

/* Other interfaces are to be used than the server was told. */
static kith_err server_change(struct kith__mdns_finder *finder)
{
    kith_err err;
    for (struct kith_node *at = finder->adverts.next; at != &finder->adverts; at = at->next) {
        kith__mdns_unpublish(KITH_CONTAINER(at, struct kith__mdns_advert, node));
    }
    for (struct kith_node *at = finder->queries.next; at != &finder->queries; at = at->next) {
        kith__mdns_unsearch(KITH_CONTAINER(at, struct kith__mdns_query, node), 1);
    }
    server_close(finder);
    err = server_open(finder);
    for (struct kith_node *at = finder->queries.next; at != &finder->queries && err == KITH_OK;
         at = at->next) {
        err = kith__mdns_search(KITH_CONTAINER(at, struct kith__mdns_query, node));
    }
    return err;
}

static void look_at_addresses(struct kith_timer *timer)
{
    struct kith__mdns_finder *finder =
        KITH_CONTAINER(timer, struct kith__mdns_finder, addresses_timer);
    struct kith_env *env = finder->base.env;
    struct kith__mdns_addresses now;
    kith_err err = KITH_OK;
    if (kith__mdns_addresses_read(finder->base.interfaces, &now) &&
        memcmp(&now, &finder->addresses, sizeof now) != 0) {
        int is_same = kith__mdns_same_interfaces(&now, &finder->addresses);
        finder->addresses = now;
        if (!is_same && finder->base.interfaces[0] != '\0') {
            err = server_change(finder);
        }
        for (struct kith_node *at = finder->adverts.next; at != &finder->adverts && err == KITH_OK;
             at = at->next) {
            err = kith__mdns_publish(KITH_CONTAINER(at, struct kith__mdns_advert, node));
        }
    }
    if (err == KITH_OK) {
        err = kith_timer_set(env, timer, env->now_us + (uint64_t)KITH_MDNS_ADDRESSES_MS * 1000);
    }
    if (err != KITH_OK) {
        kith_up_finder_down(&finder->base, err, kith_detail());
    }
    kith_detail_clear();
}

/* ---- the driver's calls -----------------------------------------------------------------------
 */

static kith_err finder_open(struct kith_finder *base)
{
    struct kith__mdns_finder *finder = (struct kith__mdns_finder *)base;
    struct kith_env *env = base->env;
    kith_err err;
    avahi_set_log_function(no_log);
    kith__mdns_poll_init(&finder->poll, env);
    kith_list_init(&finder->adverts);
    kith_list_init(&finder->queries);
    finder->addresses_timer.fire = look_at_addresses;
    if (!kith__mdns_addresses_read(base->interfaces, &finder->addresses)) {
        return kith_fail(KITH_ERR_IO, "the system does not tell its addresses");
    }
    err = kith_timer_set(env, &finder->addresses_timer,
                         env->now_us + (uint64_t)KITH_MDNS_ADDRESSES_MS * 1000);
    if (err == KITH_OK) {
        err = server_open(finder);
    }
    if (err != KITH_OK) {
        kith_timer_stop(env, &finder->addresses_timer);
    }
    return err;
}

static void finder_close(struct kith_finder *base)
{
    struct kith__mdns_finder *finder = (struct kith__mdns_finder *)base;
    kith_timer_stop(base->env, &finder->addresses_timer);
    server_close(finder);
}

const struct kith_discovery_driver kith_mdns_driver = {
    .name = "mdns",
    .finder_bytes = sizeof(struct kith__mdns_finder),
    .advert_bytes = sizeof(struct kith__mdns_advert),
    .query_bytes = sizeof(struct kith__mdns_query),
    .open = finder_open,
    .close = finder_close,
    .advertise = kith__mdns_advertise,
    .update = kith__mdns_update,
    .withdraw = kith__mdns_withdraw,
    .browse = kith__mdns_browse,
    .stop = kith__mdns_stop,
};
