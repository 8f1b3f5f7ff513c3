/* SPDX-License-Identifier: MIT
 *
 * inside.h: what the files of the driver share.
 *
 *   mdns.c       the server: opened, closed, and opened anew where other interfaces are to be used
 *   poll.c       avahi's sockets and timers on the loop
 *   addresses.c  the interfaces and addresses of this machine
 *   publish.c    adverts
 *   browse.c     queries
 */
#ifndef KITH_DISCOVERY_MDNS_INSIDE_H
#define KITH_DISCOVERY_MDNS_INSIDE_H

#include <avahi-common/watch.h>
#include <avahi-core/core.h>
#include <avahi-core/lookup.h>
#include <avahi-core/publish.h>

#include "discovery.h"

/* One address of this machine. Filled with memset() first: compared as bytes. */
struct kith__mdns_address {
    AvahiIfIndex interface;
    char name[32];
    int is_loopback;
    unsigned prefix; /* bits of the network */
    AvahiAddress address;
};

struct kith__mdns_addresses {
    struct kith__mdns_address list[KITH_MDNS_ADDRESSES_MAX];
    size_t count;
};

struct kith__mdns_finder {
    struct kith_finder base;
    AvahiPoll poll;
    AvahiServer *server;
    struct kith_node adverts, queries;
    struct kith__mdns_addresses addresses;
    struct kith_timer addresses_timer;
    uint64_t last_number;
    size_t resolver_count;
};

struct kith__mdns_advert {
    struct kith_advert base;
    struct kith_node node;
    AvahiSEntryGroup *group;
    char type[32]; /* "_kith._tcp" */
    char instance[KITH_NAME_BYTES_MAX + 1], machine[48], host[KITH_IP_TEXT_BYTES];
    char subtypes[KITH_SUBTYPES_MAX][KITH_LABEL_BYTES];
    size_t subtype_count;
    uint16_t port;
    AvahiStringList *txt;
    AvahiIfIndex
        interfaces[KITH_MDNS_ADDRESSES_MAX]; /* where it is; AVAHI_IF_UNSPEC alone: on all */
    size_t interface_count;
};

struct kith__mdns_query {
    struct kith_query base;
    struct kith_node node;
    AvahiSServiceBrowser *browser;
    struct kith_node resolvers;
    char type[32], protocol[4];
    char searched[80]; /* with the subtype */
};

/* What an error of avahi's is to us, with its text as the detail. */
kith_err kith__mdns_fail(const char *what, int error);

/* ---- poll.c ---- */
void kith__mdns_poll_init(AvahiPoll *poll, struct kith_env *env);

/* ---- addresses.c ---- */
/* Those of the interfaces that may be used. 0 when the system does not tell. */
int kith__mdns_addresses_read(const char *interfaces, struct kith__mdns_addresses *out);
/* 1 when both have the same interfaces. */
int kith__mdns_same_interfaces(const struct kith__mdns_addresses *a,
                               const struct kith__mdns_addresses *b);
const struct kith__mdns_address *kith__mdns_interface(const struct kith__mdns_addresses *addresses,
                                                      AvahiIfIndex interface);
/* 1 when the address is in a network of that interface. */
int kith__mdns_is_near(const struct kith__mdns_addresses *addresses, AvahiIfIndex interface,
                       const AvahiAddress *address);

/* ---- publish.c ---- */
kith_err kith__mdns_advertise(struct kith_advert *base, const struct kith_service *service);
kith_err kith__mdns_update(struct kith_advert *base, const uint8_t *txt, size_t txt_bytes);
void kith__mdns_withdraw(struct kith_advert *base);
/* The server is new, or the addresses are others. */
kith_err kith__mdns_publish(struct kith__mdns_advert *advert);
/* The server is about to go. */
void kith__mdns_unpublish(struct kith__mdns_advert *advert);

/* ---- browse.c ---- */
kith_err kith__mdns_browse(struct kith_query *base, const char *name, const char *protocol,
                           const char *subtype);
void kith__mdns_stop(struct kith_query *base);
kith_err kith__mdns_search(struct kith__mdns_query *query);
void kith__mdns_unsearch(struct kith__mdns_query *query, int tell);

#endif
