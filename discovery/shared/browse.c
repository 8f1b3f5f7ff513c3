/* SPDX-License-Identifier: MIT
 *
 * browse.c: queries. A service is asked for its details on each interface and in each family by
 * itself, and for as long as it is there: so changes come by themselves. Services without number
 * are asked for no more details than there is room for.
 */
#include <stdio.h>
#include <string.h>

#include <avahi-common/error.h>

#include "base/err.h"
#include "discovery/shared/multicast.h"

static void unsee(struct kith__mdns_resolver *resolver)
{
    if (resolver->is_told) {
        resolver->is_told = 0;
        kith_up_unsighted(&resolver->query->base, resolver->number);
    }
}

static void resolver_free(struct kith__mdns_resolver *resolver)
{
    struct kith__mdns_finder *finder = kith__mdns_finder_of_query(resolver->query);
    if (resolver->resolver != NULL) {
        finder->stack->resolver_free(resolver->resolver);
    }
    kith_list_remove(&resolver->node);
    finder->resolver_count--;
    kith_free(finder->base.env, resolver);
}

/* ---- details ----------------------------------------------------------------------------------
 */

static void see(struct kith__mdns_resolver *resolver, const AvahiAddress *address, uint16_t port,
                AvahiStringList *txt)
{
    const struct kith__mdns_finder *finder = kith__mdns_finder_of_query(resolver->query);
    uint8_t bytes[KITH_TXT_BYTES_MAX];
    char host[KITH_IP_TEXT_BYTES];
    struct kith_sighting sighting = {
        .number = resolver->number,
        .protocol = resolver->query->protocol,
        .instance = resolver->name,
        .instance_bytes = strlen(resolver->name),
        .port = port,
        .txt = bytes,
    };
    if (avahi_string_list_serialize(txt, NULL, 0) > sizeof bytes) {
        unsee(resolver);
        return; /* no peer of ours says that much */
    }
    sighting.txt_bytes = avahi_string_list_serialize(txt, bytes, sizeof bytes);
    kith__own_addresses_place(&finder->addresses, resolver->interface,
                              address->proto == AVAHI_PROTO_INET6, address->data.data, host,
                              &sighting);
    resolver->is_told = 1;
    kith_up_sighted(&resolver->query->base, &sighting);
}

void kith__mdns_on_resolved(struct kith__mdns_resolver *resolver, AvahiResolverEvent event,
                            const AvahiAddress *address, uint16_t port, AvahiStringList *txt)
{
    if (event == AVAHI_RESOLVER_FOUND && address != NULL) {
        see(resolver, address, port, txt);
        return;
    }
    /* It does not answer any more, or not yet: its details have run out before its name does. What
     * comes later is heard, unless others need the room. */
    unsee(resolver);
    if (kith__mdns_finder_of_query(resolver->query)->resolver_count > KITH_MDNS_RESOLVERS_MAX / 2) {
        resolver_free(resolver);
    }
}

/* ---- names ------------------------------------------------------------------------------------
 */

static struct kith__mdns_resolver *find(const struct kith__mdns_query *query,
                                        AvahiIfIndex interface, AvahiProtocol protocol,
                                        const char *name)
{
    for (struct kith_node *at = query->resolvers.next; at != &query->resolvers; at = at->next) {
        struct kith__mdns_resolver *resolver = KITH_CONTAINER(at, struct kith__mdns_resolver, node);
        if (resolver->interface == interface && resolver->protocol == protocol &&
            strcmp(resolver->name, name) == 0) {
            return resolver;
        }
    }
    return NULL;
}

static void appeared(struct kith__mdns_query *query, AvahiIfIndex interface, AvahiProtocol protocol,
                     const char *name, const char *domain)
{
    struct kith__mdns_finder *finder = kith__mdns_finder_of_query(query);
    struct kith__mdns_resolver *resolver;
    if (finder->resolver_count >= KITH_MDNS_RESOLVERS_MAX ||
        strlen(name) >= sizeof resolver->name ||
        kith__own_interface(&finder->addresses, interface) == NULL ||
        find(query, interface, protocol, name) != NULL) {
        return;
    }
    resolver = kith_alloc(finder->base.env, sizeof *resolver);
    if (resolver == NULL) {
        return;
    }
    resolver->query = query;
    resolver->number = ++finder->last_number;
    resolver->interface = interface;
    resolver->protocol = protocol;
    strcpy(resolver->name, name);
    kith_list_append(&query->resolvers, &resolver->node);
    finder->resolver_count++;
    resolver->resolver = finder->stack->resolver_new(finder, resolver, domain);
    if (resolver->resolver == NULL) {
        resolver_free(resolver);
    }
}

void kith__mdns_on_browser(struct kith__mdns_query *query, AvahiIfIndex interface,
                           AvahiProtocol protocol, AvahiBrowserEvent event, const char *name,
                           const char *domain)
{
    struct kith__mdns_finder *finder = kith__mdns_finder_of_query(query);
    struct kith__mdns_resolver *resolver;
    switch (event) {
    case AVAHI_BROWSER_NEW:
        appeared(query, interface, protocol, name, domain);
        break;
    case AVAHI_BROWSER_REMOVE:
        resolver = find(query, interface, protocol, name);
        if (resolver != NULL) {
            unsee(resolver);
            resolver_free(resolver);
        }
        break;
    case AVAHI_BROWSER_FAILURE:
        kith_up_finder_down(&finder->base, KITH_ERR_IO,
                            avahi_strerror(finder->stack->error(finder)));
        break;
    case AVAHI_BROWSER_CACHE_EXHAUSTED:
    case AVAHI_BROWSER_ALL_FOR_NOW:
        break;
    }
}

/* ---- the driver's calls -----------------------------------------------------------------------
 */

kith_err kith__mdns_search(struct kith__mdns_query *query)
{
    struct kith__mdns_finder *finder = kith__mdns_finder_of_query(query);
    query->browser = finder->stack->browser_new(finder, query);
    return query->browser != NULL ? KITH_OK
                                  : kith__mdns_fail("browsing", finder->stack->error(finder));
}

void kith__mdns_unsearch(struct kith__mdns_query *query, int tell)
{
    while (!kith_list_empty(&query->resolvers)) {
        struct kith__mdns_resolver *resolver =
            KITH_CONTAINER(query->resolvers.next, struct kith__mdns_resolver, node);
        if (tell) {
            unsee(resolver);
        }
        resolver_free(resolver);
    }
    if (query->browser != NULL) {
        kith__mdns_finder_of_query(query)->stack->browser_free(query->browser);
        query->browser = NULL;
    }
}

kith_err kith__mdns_browse(struct kith_query *base, const char *name, const char *protocol,
                           const char *subtype)
{
    struct kith__mdns_query *query = (struct kith__mdns_query *)base;
    struct kith__mdns_finder *finder = (struct kith__mdns_finder *)base->finder;
    kith_err err;
    snprintf(query->type, sizeof query->type, "_%s._%s", name, protocol);
    kith_text_copy(query->protocol, sizeof query->protocol, protocol);
    if (subtype[0] != '\0') {
        snprintf(query->searched, sizeof query->searched, "_%s._sub.%s", subtype, query->type);
    } else {
        kith_text_copy(query->searched, sizeof query->searched, query->type);
    }
    kith_list_init(&query->resolvers);
    kith_list_append(&finder->queries, &query->node);
    err = kith__mdns_search(query);
    if (err != KITH_OK) {
        kith_list_remove(&query->node);
    }
    return err;
}

void kith__mdns_stop(struct kith_query *base)
{
    struct kith__mdns_query *query = (struct kith__mdns_query *)base;
    kith__mdns_unsearch(query, 0);
    kith_list_remove(&query->node);
}
