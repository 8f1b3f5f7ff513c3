/* SPDX-License-Identifier: MIT
 *
 * discovery.h: the contract between the core and a discovery driver. A driver puts services on the
 * air and says which ones it sees; it knows no peer, no session and no key, and merges nothing. The
 * core knows no multicast and no daemon. Everything runs on the loop thread.
 *
 * Words
 *   finder    one driver opened for one session
 *   advert    one service on the air: a port of one transport
 *   query     a search for services of one type
 *   sighting  one service, seen over one interface at one address. A peer with three of those in
 *             two transports is six sightings; that they are one peer is the core's to find out
 *
 * Memory: the core allocates the driver's state of the first three, zeroed, as many bytes as the
 * driver's *_bytes say; the public part below stands first in it. It frees an advert after
 * withdraw, a query after stop, a finder after close. A driver keeps no pointer beyond that.
 *
 * Re-entrancy: calls down never call up inline, and up-calls never call down: the core only takes
 * note, and acts later in the turn.
 */
#ifndef KITH_CORE_DISCOVERY_H
#define KITH_CORE_DISCOVERY_H

#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "bounds.h"
#include "kith/kith.h"

struct kith_discovery_driver;

/* A DNS label of RFC 4648 base32 in small letters: 80 bits, and the NUL. */
enum { KITH_LABEL_BYTES = 17 };

/* What is put on the air. Texts are borrowed for the call. */
struct kith_service {
    const char *name;     /* RFC 6335 section 5.1, without the underscore: "kith" */
    const char *protocol; /* "tcp" or "udp" */
    const char *instance; /* 1 to 63 bytes of UTF-8 without control characters */
    const char (*subtypes)[KITH_LABEL_BYTES];
    size_t subtype_count;
    const char *host; /* the address that is listened on, "*" for all */
    uint16_t port;
    const uint8_t *txt; /* as in the record: RFC 6763 section 6.1 */
    size_t txt_bytes;
};

/* What is seen. The driver vouches for number, host and the two flags; everything else is as it
 * came from the network. */
struct kith_sighting {
    uint64_t number;      /* the driver's, for this sighting as long as it lasts */
    const char *protocol; /* "tcp" or "udp"; "" where scheme is told */
    const char *scheme;   /* KITH_DISCOVERY_TRUSTED: of the URL; else NULL, TXT tells it */
    const void *instance;
    size_t instance_bytes;
    const char *host; /* numeric, link-local IPv6 with %interface; with TRUSTED a name, too */
    uint16_t port;
    int is_here; /* heard from this machine: over its loopback interface */
    int is_near; /* the address belongs to the network of the interface it was heard on */
    const uint8_t *txt;
    size_t txt_bytes;
};

struct kith_finder {
    const struct kith_discovery_driver *driver;
    struct kith_env *env;
    void *owner;             /* the core's */
    const char *interfaces;  /* which may be used, as in kith.h; "" = all. Lives as long */
    const char *const *urls; /* of kith_browse_options; lives as long */
    size_t url_count;
};

struct kith_advert {
    struct kith_finder *finder;
    void *owner; /* the core's */
};

struct kith_query {
    struct kith_finder *finder;
    void *owner; /* the core's */
};

/* What a driver is. */
enum {
    KITH_DISCOVERY_TRUSTED = 1, /* what it tells was told by the application, not by a network */
    KITH_DISCOVERY_SYSTEM = 2,  /* it asks a service of the system's, which may not run */
};

struct kith_discovery_driver {
    const char *name;
    unsigned flags;
    size_t finder_bytes, advert_bytes, query_bytes;

    /* Opens it. On an error nothing is left behind and kith_detail() says why; the core tries again
     * later. PERMISSION where the system forbids it. */
    kith_err (*open)(struct kith_finder *finder);

    /* Frees what open made, all at once if need be: adverts are withdrawn and queries stopped
     * before. Others hear of the withdrawals, where that is possible without waiting. */
    void (*close)(struct kith_finder *finder);

    /* Puts a service on the air; kith_up_advertised() follows when it is there. Where the name is
     * taken the driver takes one like it. Errors: NOMEM, INVALID, IO. NULL: a driver that only
     * looks. */
    kith_err (*advertise)(struct kith_advert *advert, const struct kith_service *service);
    /* Only TXT has changed. */
    kith_err (*update)(struct kith_advert *advert, const uint8_t *txt, size_t txt_bytes);
    void (*withdraw)(struct kith_advert *advert);

    /* Looks for services of this name and protocol, until stop: those with that subtype alone, or
     * all where it is "". What is seen is told again whenever something of it changes. */
    kith_err (*browse)(struct kith_query *query, const char *name, const char *protocol,
                       const char *subtype);
    void (*stop)(struct kith_query *query);

    /* The network has changed, or time stood still: what is on the air is announced anew and what
     * is looked for is asked for anew, soon. NULL: there is no need. */
    void (*refresh)(struct kith_finder *finder);
};

/* ---- up-calls --------------------------------------------------------------------------------
 */

/* A service is there, or has changed. Borrows sighting. */
void kith_up_sighted(struct kith_query *query, const struct kith_sighting *sighting);

/* It is not there any more; numbers that were never told are ignored. */
void kith_up_unsighted(struct kith_query *query, uint64_t number);

/* The advert is on the air, under that instance name; again when it had to change. */
void kith_up_advertised(struct kith_advert *advert, const char *instance);

/* The driver can do nothing any more, until it is opened anew: the core closes it, later in this
 * turn. detail: one sentence for a person. */
void kith_up_finder_down(struct kith_finder *finder, kith_err err, const char *detail);

/* ---- what is compiled in (discovery/drivers.c) ------------------------------------------------
 */

/* The drivers of this build, ended by NULL: what looks at the network by default first, then those
 * that are named by what they are given. */
extern const struct kith_discovery_driver *const kith_discovery_drivers[];

#endif
