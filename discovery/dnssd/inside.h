/* SPDX-License-Identifier: MIT
 *
 * inside.h: what the files of the driver share.
 *
 *   dnssd.c    opened, closed, looked after; requests under way
 *   publish.c  adverts
 *   browse.c   queries
 */
#ifndef KITH_DISCOVERY_DNSSD_INSIDE_H
#define KITH_DISCOVERY_DNSSD_INSIDE_H

#include <dns_sd.h>

#include "discovery.h"
#include "discovery/shared/addresses.h"

struct kith__dnssd_finder {
    struct kith_finder base;
    struct kith_node adverts, queries;
    struct kith__own_addresses addresses;
    struct kith_timer addresses_timer;
    int is_stale;
    uint64_t last_number;
    size_t service_count;
};

/* A request to the system that goes on until it is stopped. */
struct kith__dnssd_request {
    DNSServiceRef ref; /* NULL: none */
    struct kith_watch watch;
    struct kith__dnssd_finder *finder;
};

struct kith__dnssd_advert {
    struct kith_advert base;
    struct kith_node node;
    struct kith__dnssd_request requests[KITH_DNSSD_INTERFACES_MAX];
    size_t request_count;
    char instance[KITH_NAME_BYTES_MAX + 1], host[KITH_IP_TEXT_BYTES];
    char type[32 + KITH_SUBTYPES_MAX * (KITH_LABEL_BYTES + 1)]; /* "_kith._tcp,_subtype" */
    uint16_t port;
    uint8_t txt[KITH_TXT_BYTES_MAX];
    size_t txt_bytes;
};

struct kith__dnssd_query {
    struct kith_query base;
    struct kith_node node;
    struct kith__dnssd_request request;
    struct kith_node services;
    char type[32 + KITH_LABEL_BYTES + 1], protocol[4];
};

/* ---- dnssd.c ---- */
/* What an error of the system's is to us, with a detail. */
kith_err kith__dnssd_fail(const char *what, DNSServiceErrorType error);
/* Takes the reference of a call that worked. */
kith_err kith__dnssd_started(struct kith__dnssd_request *request, struct kith__dnssd_finder *finder,
                             DNSServiceRef ref);
/* Legal for one that was never started; not from its own callback. */
void kith__dnssd_stop_request(struct kith__dnssd_request *request);

/* ---- publish.c ---- */
kith_err kith__dnssd_advertise(struct kith_advert *base, const struct kith_service *service);
kith_err kith__dnssd_update(struct kith_advert *base, const uint8_t *txt, size_t txt_bytes);
void kith__dnssd_withdraw(struct kith_advert *base);
/* Anew: other interfaces, or others may have forgotten. */
kith_err kith__dnssd_publish(struct kith__dnssd_advert *advert);

/* ---- browse.c ---- */
kith_err kith__dnssd_browse(struct kith_query *base, const char *name, const char *protocol,
                            const char *subtype);
void kith__dnssd_stop(struct kith_query *base);
kith_err kith__dnssd_search(struct kith__dnssd_query *query);
void kith__dnssd_unsearch(struct kith__dnssd_query *query, int tell);

#endif
