/* SPDX-License-Identifier: MIT
 *
 * mdns.c: avahi-core as a stack of discovery/shared/multicast.h. It publishes nothing of the
 * machine by itself: no name, no addresses, no kind of hardware.
 */
#include "discovery/mdns/mdns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-core/core.h>
#include <avahi-core/log.h>
#include <avahi-core/lookup.h>
#include <avahi-core/publish.h>

#include "base/err.h"
#include "discovery/shared/multicast.h"

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
    if (!finder->addresses.is_limited) {
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

/* Avahi says "no network" whatever the reason. */
static int is_forbidden(void)
{
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(5353)};
    const int yes = 1;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), result = 0;
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
#ifdef SO_REUSEPORT
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
#endif
        result = bind(fd, (const struct sockaddr *)&at, sizeof at);
    }
    result = (fd < 0 || result != 0) && (errno == EACCES || errno == EPERM);
    if (fd >= 0) {
        (void)close(fd);
    }
    return result;
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
    for (size_t i = 0; i < finder->addresses.count; i++) { /* then it was named */
        config.allow_point_to_point |= finder->addresses.list[i].is_point_to_point;
    }
    if (config.host_name != NULL && name_interfaces(finder, &config)) {
        finder->server = avahi_server_new(&finder->poll, &config, on_server, finder, &error);
    }
    avahi_server_config_free(&config);
    if (finder->server == NULL && is_forbidden()) {
        return kith_fail(KITH_ERR_PERMISSION, "the system forbids this program multicast DNS: its "
                                              "sandbox or policy must allow UDP port 5353");
    }
    return finder->server != NULL ? KITH_OK : kith__mdns_fail("starting", error);
}

static void server_close(struct kith__mdns_finder *finder)
{
    if (finder->server != NULL) {
        avahi_server_free(finder->server);
        finder->server = NULL;
    }
}

static int server_error(const struct kith__mdns_finder *finder)
{
    return avahi_server_errno(finder->server);
}

/* ---- publishing -------------------------------------------------------------------------------
 */

static void on_group(AvahiServer *server, AvahiSEntryGroup *group, AvahiEntryGroupState state,
                     void *user)
{
    (void)server, (void)group;
    kith__mdns_on_group(user, state);
}

static void *group_new(struct kith__mdns_finder *finder, struct kith__mdns_advert *advert)
{
    return avahi_s_entry_group_new(finder->server, on_group, advert);
}

static void group_free(void *group)
{
    avahi_s_entry_group_free(group);
}

static void group_reset(void *group)
{
    avahi_s_entry_group_reset(group);
}

static int group_commit(void *group)
{
    return avahi_s_entry_group_commit(group);
}

static int add_address(struct kith__mdns_advert *advert, AvahiIfIndex interface,
                       const AvahiAddress *address)
{
    AvahiAddress copy = *address; /* it wants to write there */
    return avahi_server_add_address(kith__mdns_finder_of_advert(advert)->server, advert->group,
                                    interface, AVAHI_PROTO_UNSPEC, AVAHI_PUBLISH_NO_REVERSE,
                                    advert->machine, &copy);
}

static int add_service(struct kith__mdns_advert *advert, AvahiIfIndex interface)
{
    return avahi_server_add_service_strlst(
        kith__mdns_finder_of_advert(advert)->server, advert->group, interface, AVAHI_PROTO_UNSPEC,
        0, advert->instance, advert->type, NULL, advert->machine, advert->port, advert->txt);
}

static int add_subtype(struct kith__mdns_advert *advert, AvahiIfIndex interface,
                       const char *subtype)
{
    return avahi_server_add_service_subtype(kith__mdns_finder_of_advert(advert)->server,
                                            advert->group, interface, AVAHI_PROTO_UNSPEC, 0,
                                            advert->instance, advert->type, NULL, subtype);
}

static int update(struct kith__mdns_advert *advert, AvahiIfIndex interface)
{
    return avahi_server_update_service_txt_strlst(
        kith__mdns_finder_of_advert(advert)->server, advert->group, interface, AVAHI_PROTO_UNSPEC,
        0, advert->instance, advert->type, NULL, advert->txt);
}

/* ---- looking ----------------------------------------------------------------------------------
 */

static void on_browser(AvahiSServiceBrowser *browser, AvahiIfIndex interface,
                       AvahiProtocol protocol, AvahiBrowserEvent event, const char *name,
                       const char *type, const char *domain, AvahiLookupResultFlags flags,
                       void *user)
{
    (void)browser, (void)type, (void)flags;
    kith__mdns_on_browser(user, interface, protocol, event, name, domain);
}

static void *browser_new(struct kith__mdns_finder *finder, struct kith__mdns_query *query)
{
    return avahi_s_service_browser_new(finder->server, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
                                       query->searched, NULL, 0, on_browser, query);
}

static void browser_free(void *browser)
{
    avahi_s_service_browser_free(browser);
}

static void on_resolved(AvahiSServiceResolver *resolver, AvahiIfIndex interface,
                        AvahiProtocol protocol, AvahiResolverEvent event, const char *name,
                        const char *type, const char *domain, const char *host_name,
                        const AvahiAddress *address, uint16_t port, AvahiStringList *txt,
                        AvahiLookupResultFlags flags, void *user)
{
    (void)resolver, (void)interface, (void)protocol, (void)name, (void)type, (void)domain;
    (void)host_name, (void)flags;
    kith__mdns_on_resolved(user, event, address, port, txt);
}

static void *resolver_new(struct kith__mdns_finder *finder, struct kith__mdns_resolver *resolver,
                          const char *domain)
{
    return avahi_s_service_resolver_new(finder->server, resolver->interface, resolver->protocol,
                                        resolver->name, resolver->query->type, domain,
                                        resolver->protocol, 0, on_resolved, resolver);
}

static void resolver_free(void *resolver)
{
    avahi_s_service_resolver_free(resolver);
}

/* ---- the driver -------------------------------------------------------------------------------
 */

static kith_err finder_open(struct kith_finder *base)
{
    static const struct kith__mdns_stack stack = {
        .name = "avahi-core",
        .open = server_open,
        .close = server_close,
        .error = server_error,
        .is_bound = 1,
        .group_new = group_new,
        .group_free = group_free,
        .group_reset = group_reset,
        .group_commit = group_commit,
        .add_address = add_address,
        .add_service = add_service,
        .add_subtype = add_subtype,
        .update = update,
        .browser_new = browser_new,
        .browser_free = browser_free,
        .resolver_new = resolver_new,
        .resolver_free = resolver_free,
    };
    avahi_set_log_function(no_log);
    return kith__mdns_finder_open(base, &stack);
}

const struct kith_discovery_driver kith_mdns_driver = {
    .name = "mdns",
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
