/* SPDX-License-Identifier: MIT
 *
 * multicast.h: what the two drivers share that speak with Avahi, in whichever process that runs.
 * They differ in a table of calls, the stack.
 *
 *   finder.c     opened, closed, and looked after when addresses change
 *   poll.c       Avahi's sockets and timers on the loop
 *   publish.c    adverts
 *   browse.c     queries
 */
#ifndef KITH_DISCOVERY_SHARED_MULTICAST_H
#define KITH_DISCOVERY_SHARED_MULTICAST_H

#include <avahi-common/address.h>
#include <avahi-common/defs.h>
#include <avahi-common/strlst.h>
#include <avahi-common/watch.h>

#include "discovery.h"
#include "discovery/shared/addresses.h"

struct kith__mdns_stack;

struct kith__mdns_finder {
    struct kith_finder base;
    const struct kith__mdns_stack *stack;
    AvahiPoll poll;
    void *server; /* the stack's; NULL: not open */
    struct kith_node adverts, queries;
    struct kith__own_addresses addresses;
    struct kith_timer addresses_timer;
    int is_stale; /* everything is to be announced and asked for anew */
    uint64_t last_number;
    size_t resolver_count;
};

struct kith__mdns_advert {
    struct kith_advert base;
    struct kith_node node;
    void *group;   /* the stack's */
    char type[32]; /* "_kith._tcp" */
    char instance[KITH_NAME_BYTES_MAX + 1], machine[48], host[KITH_IP_TEXT_BYTES];
    char subtypes[KITH_SUBTYPES_MAX][KITH_LABEL_BYTES];
    size_t subtype_count;
    uint16_t port;
    AvahiStringList *txt;
    int interfaces[KITH_MDNS_ADDRESSES_MAX]; /* where it is; AVAHI_IF_UNSPEC: on all */
    size_t interface_count;
};

struct kith__mdns_query {
    struct kith_query base;
    struct kith_node node;
    void *browser; /* the stack's */
    struct kith_node resolvers;
    char type[32], protocol[4];
    char searched[80]; /* with the subtype */
};

/* A service that is asked for its details. */
struct kith__mdns_resolver {
    struct kith_node node;
    struct kith__mdns_query *query;
    void *resolver; /* the stack's */
    uint64_t number;
    AvahiIfIndex interface;
    AvahiProtocol protocol;
    int is_told;
    char name[256];
};

/* Calls of Avahi's. Those that give an int give an error of Avahi's, or 0 and more. Those that make
 * something give NULL where they fail, and error() says why. */
struct kith__mdns_stack {
    const char *name;
    kith_err (*open)(struct kith__mdns_finder *finder);
    void (*close)(struct kith__mdns_finder *finder);
    int (*error)(const struct kith__mdns_finder *finder);
    /* Whether open() has to know which interfaces are to be used. */
    int is_bound;

    void *(*group_new)(struct kith__mdns_finder *finder, struct kith__mdns_advert *advert);
    void (*group_free)(void *group);
    void (*group_reset)(void *group);
    int (*group_commit)(void *group);
    int (*add_address)(struct kith__mdns_advert *advert, AvahiIfIndex interface,
                       const AvahiAddress *address);
    int (*add_service)(struct kith__mdns_advert *advert, AvahiIfIndex interface);
    int (*add_subtype)(struct kith__mdns_advert *advert, AvahiIfIndex interface,
                       const char *subtype);
    int (*update)(struct kith__mdns_advert *advert, AvahiIfIndex interface);

    void *(*browser_new)(struct kith__mdns_finder *finder, struct kith__mdns_query *query);
    void (*browser_free)(void *browser);
    void *(*resolver_new)(struct kith__mdns_finder *finder, struct kith__mdns_resolver *resolver,
                          const char *domain);
    void (*resolver_free)(void *resolver);
};

static inline struct kith__mdns_finder *
kith__mdns_finder_of_advert(const struct kith__mdns_advert *advert)
{
    return (struct kith__mdns_finder *)advert->base.finder;
}

static inline struct kith__mdns_finder *
kith__mdns_finder_of_query(const struct kith__mdns_query *query)
{
    return (struct kith__mdns_finder *)query->base.finder;
}

/* What an error of Avahi's is to us, with its text as the detail. */
kith_err kith__mdns_fail(const char *what, int error);

/* ---- finder.c: calls of the driver, once the stack is filled in ---- */
kith_err kith__mdns_finder_open(struct kith_finder *base, const struct kith__mdns_stack *stack);
void kith__mdns_finder_close(struct kith_finder *base);
void kith__mdns_finder_refresh(struct kith_finder *base);

/* ---- poll.c ---- */
void kith__mdns_poll_init(AvahiPoll *poll, struct kith_env *env);

/* ---- publish.c ---- */
kith_err kith__mdns_advertise(struct kith_advert *base, const struct kith_service *service);
kith_err kith__mdns_update(struct kith_advert *base, const uint8_t *txt, size_t txt_bytes);
void kith__mdns_withdraw(struct kith_advert *base);
/* The server is new, or the addresses are others. */
kith_err kith__mdns_publish(struct kith__mdns_advert *advert);
/* The server is about to go. */
void kith__mdns_unpublish(struct kith__mdns_advert *advert);
/* From the stack: what became of the group. */
void kith__mdns_on_group(struct kith__mdns_advert *advert, AvahiEntryGroupState state);

/* ---- browse.c ---- */
kith_err kith__mdns_browse(struct kith_query *base, const char *name, const char *protocol,
                           const char *subtype);
void kith__mdns_stop(struct kith_query *base);
kith_err kith__mdns_search(struct kith__mdns_query *query);
void kith__mdns_unsearch(struct kith__mdns_query *query, int tell);
/* From the stack: a name, and its details. */
void kith__mdns_on_browser(struct kith__mdns_query *query, AvahiIfIndex interface,
                           AvahiProtocol protocol, AvahiBrowserEvent event, const char *name,
                           const char *domain);
void kith__mdns_on_resolved(struct kith__mdns_resolver *resolver, AvahiResolverEvent event,
                            const AvahiAddress *address, uint16_t port, AvahiStringList *txt);

#endif
