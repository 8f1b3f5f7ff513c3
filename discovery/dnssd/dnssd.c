/* SPDX-License-Identifier: MIT
 *
 * dnssd.c: requests to the system under way, each with a socket of its own; and the table of the
 * driver. Publishes nothing and looks for nothing by itself.
 */
#include "discovery/dnssd/dnssd.h"

#include <string.h>

#include "base/err.h"
#include "discovery/dnssd/inside.h"

kith_err kith__dnssd_fail(const char *what, DNSServiceErrorType error)
{
    switch (error) {
    case kDNSServiceErr_NoMemory:
        return KITH_ERR_NOMEM;
    case -65570: /* kDNSServiceErr_PolicyDenied, of newer systems: the user said no */
    case kDNSServiceErr_Refused:
        return kith_fail(KITH_ERR_PERMISSION,
                         "%s: the system forbids this program to use the local network", what);
    default:
        return kith_fail(KITH_ERR_IO, "%s: the system's DNS-SD says %d", what, (int)error);
    }
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static void on_ready(struct kith_watch *watch, unsigned events)
{
    struct kith__dnssd_request *request = KITH_CONTAINER(watch, struct kith__dnssd_request, watch);
    struct kith__dnssd_finder *finder = request->finder;
    DNSServiceErrorType error = DNSServiceProcessResult(request->ref);
    (void)events;
    if (error != kDNSServiceErr_NoError) {
        kith_err err = kith__dnssd_fail("discovery", error);
        kith_up_finder_down(&finder->base, err, kith_detail());
        kith_detail_clear();
    }
}

kith_err kith__dnssd_started(struct kith__dnssd_request *request, struct kith__dnssd_finder *finder,
                             DNSServiceRef ref)
{
    struct kith_env *env = finder->base.env;
    kith_err err;
    request->ref = ref;
    request->finder = finder;
    request->watch.on_ready = on_ready;
    err = env->io->watch(env, &request->watch, DNSServiceRefSockFD(ref), KITH_READABLE);
    if (err != KITH_OK) {
        DNSServiceRefDeallocate(ref);
        request->ref = NULL;
    }
    return err;
}

void kith__dnssd_stop_request(struct kith__dnssd_request *request)
{
    if (request->ref != NULL) {
        struct kith_env *env = request->finder->base.env;
        env->io->unwatch(env, &request->watch);
        DNSServiceRefDeallocate(request->ref);
        request->ref = NULL;
    }
}

/* ---- other addresses --------------------------------------------------------------------------
 */

static kith_err begin_anew(struct kith__dnssd_finder *finder)
{
    kith_err err = KITH_OK;
    for (struct kith_node *at = finder->queries.next; at != &finder->queries && err == KITH_OK;
         at = at->next) {
        struct kith__dnssd_query *query = KITH_CONTAINER(at, struct kith__dnssd_query, node);
        kith__dnssd_unsearch(query, 1);
        err = kith__dnssd_search(query);
    }
    for (struct kith_node *at = finder->adverts.next; at != &finder->adverts && err == KITH_OK;
         at = at->next) {
        err = kith__dnssd_publish(KITH_CONTAINER(at, struct kith__dnssd_advert, node));
    }
    return err;
}

static kith_err look_in(struct kith__dnssd_finder *finder, uint64_t wait_ms)
{
    struct kith_env *env = finder->base.env;
    return kith_timer_set(env, &finder->addresses_timer, env->now_us + wait_ms * 1000);
}

/* The system follows addresses by itself; what is near, and which interfaces are allowed, is ours.
 */
static void look(struct kith_timer *timer)
{
    struct kith__dnssd_finder *finder =
        KITH_CONTAINER(timer, struct kith__dnssd_finder, addresses_timer);
    struct kith__own_addresses now;
    int is_stale = finder->is_stale;
    kith_err err = KITH_OK;
    finder->is_stale = 0;
    if (kith__own_addresses_read(finder->base.interfaces, &now) &&
        memcmp(&now, &finder->addresses, sizeof now) != 0) {
        finder->addresses = now;
        is_stale = 1;
    }
    if (is_stale) {
        err = begin_anew(finder);
    }
    if (err == KITH_OK) {
        err = look_in(finder, KITH_MDNS_ADDRESSES_MS);
    }
    if (err != KITH_OK) {
        kith_up_finder_down(&finder->base, err, kith_detail());
    }
    kith_detail_clear();
}

/* ---- the driver -------------------------------------------------------------------------------
 */

/* Whether there is a service to ask shows with the first request. */
static kith_err finder_open(struct kith_finder *base)
{
    struct kith__dnssd_finder *finder = (struct kith__dnssd_finder *)base;
    kith_list_init(&finder->adverts);
    kith_list_init(&finder->queries);
    finder->addresses_timer.fire = look;
    if (!kith__own_addresses_read(base->interfaces, &finder->addresses)) {
        return kith_fail(KITH_ERR_IO, "the system does not tell its addresses");
    }
    return look_in(finder, KITH_MDNS_ADDRESSES_MS);
}

static void finder_close(struct kith_finder *base)
{
    struct kith__dnssd_finder *finder = (struct kith__dnssd_finder *)base;
    kith_timer_stop(base->env, &finder->addresses_timer);
}

static void finder_refresh(struct kith_finder *base)
{
    struct kith__dnssd_finder *finder = (struct kith__dnssd_finder *)base;
    finder->is_stale = 1;
    (void)!look_in(finder, 0); /* without memory: when the timer fires */
}

const struct kith_discovery_driver kith_dnssd_driver = {
    .name = "dnssd",
    .flags = KITH_DISCOVERY_SYSTEM,
    .finder_bytes = sizeof(struct kith__dnssd_finder),
    .advert_bytes = sizeof(struct kith__dnssd_advert),
    .query_bytes = sizeof(struct kith__dnssd_query),
    .open = finder_open,
    .close = finder_close,
    .advertise = kith__dnssd_advertise,
    .update = kith__dnssd_update,
    .withdraw = kith__dnssd_withdraw,
    .browse = kith__dnssd_browse,
    .stop = kith__dnssd_stop,
    .refresh = finder_refresh,
};
