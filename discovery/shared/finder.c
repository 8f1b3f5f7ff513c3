/* SPDX-License-Identifier: MIT
 *
 * finder.c: a server of Avahi's, one for each session and choice of interfaces: opened, looked
 * after when addresses change, closed. Publishes nothing and looks for nothing by itself.
 */
#include <string.h>

#include <avahi-common/error.h>

#include "base/err.h"
#include "discovery/shared/multicast.h"

kith_err kith__mdns_fail(const char *what, int error)
{
    kith_err err = error == AVAHI_ERR_NO_MEMORY       ? KITH_ERR_NOMEM
                   : error == AVAHI_ERR_ACCESS_DENIED ? KITH_ERR_PERMISSION
                   : error == AVAHI_ERR_NOT_PERMITTED ? KITH_ERR_PERMISSION
                                                      : KITH_ERR_IO;
    return kith_fail(err, "multicast DNS, %s: %s", what, avahi_strerror(error));
}

/* ---- other addresses --------------------------------------------------------------------------
 */

static kith_err search_all(struct kith__mdns_finder *finder)
{
    kith_err err = KITH_OK;
    for (struct kith_node *at = finder->queries.next; at != &finder->queries && err == KITH_OK;
         at = at->next) {
        err = kith__mdns_search(KITH_CONTAINER(at, struct kith__mdns_query, node));
    }
    return err;
}

static void unsearch_all(struct kith__mdns_finder *finder)
{
    for (struct kith_node *at = finder->queries.next; at != &finder->queries; at = at->next) {
        kith__mdns_unsearch(KITH_CONTAINER(at, struct kith__mdns_query, node), 1);
    }
}

static kith_err publish_all(struct kith__mdns_finder *finder)
{
    kith_err err = KITH_OK;
    for (struct kith_node *at = finder->adverts.next; at != &finder->adverts && err == KITH_OK;
         at = at->next) {
        err = kith__mdns_publish(KITH_CONTAINER(at, struct kith__mdns_advert, node));
    }
    return err;
}

/* Other interfaces are to be used than the server was told. */
static kith_err change_server(struct kith__mdns_finder *finder)
{
    for (struct kith_node *at = finder->adverts.next; at != &finder->adverts; at = at->next) {
        kith__mdns_unpublish(KITH_CONTAINER(at, struct kith__mdns_advert, node));
    }
    finder->stack->close(finder);
    return finder->stack->open(finder);
}

static kith_err look(struct kith__mdns_finder *finder)
{
    struct kith__own_addresses now;
    int is_stale = finder->is_stale, is_other;
    kith_err err = KITH_OK;
    finder->is_stale = 0;
    if (!kith__own_addresses_read(finder->base.interfaces, &now)) {
        now = finder->addresses;
    }
    is_other = memcmp(&now, &finder->addresses, sizeof now) != 0;
    if (!is_other && !is_stale) {
        return KITH_OK;
    }
    if (is_other && finder->stack->is_bound && (now.is_limited || finder->addresses.is_limited) &&
        !kith__own_addresses_same_interfaces(&now, &finder->addresses)) {
        finder->addresses = now;
        unsearch_all(finder);
        err = change_server(finder);
        if (err == KITH_OK) {
            err = search_all(finder);
        }
    } else if (is_stale) {
        finder->addresses = now;
        unsearch_all(finder);
        err = search_all(finder);
    }
    finder->addresses = now;
    return err == KITH_OK ? publish_all(finder) : err;
}

static kith_err look_in(struct kith__mdns_finder *finder, uint64_t wait_ms)
{
    struct kith_env *env = finder->base.env;
    return kith_timer_set(env, &finder->addresses_timer, env->now_us + wait_ms * 1000);
}

static void look_again(struct kith_timer *timer)
{
    struct kith__mdns_finder *finder =
        KITH_CONTAINER(timer, struct kith__mdns_finder, addresses_timer);
    kith_err err = look(finder);
    if (err == KITH_OK) {
        err = look_in(finder, KITH_MDNS_ADDRESSES_MS);
    }
    if (err != KITH_OK) {
        kith_up_finder_down(&finder->base, err, kith_detail());
    }
    kith_detail_clear();
}

/* ---- the driver's calls -----------------------------------------------------------------------
 */

kith_err kith__mdns_finder_open(struct kith_finder *base, const struct kith__mdns_stack *stack)
{
    struct kith__mdns_finder *finder = (struct kith__mdns_finder *)base;
    kith_err err;
    finder->stack = stack;
    kith__mdns_poll_init(&finder->poll, base->env);
    kith_list_init(&finder->adverts);
    kith_list_init(&finder->queries);
    finder->addresses_timer.fire = look_again;
    if (!kith__own_addresses_read(base->interfaces, &finder->addresses)) {
        return kith_fail(KITH_ERR_IO, "the system does not tell its addresses");
    }
    err = look_in(finder, KITH_MDNS_ADDRESSES_MS);
    if (err == KITH_OK) {
        err = stack->open(finder);
    }
    if (err != KITH_OK) {
        kith_timer_stop(base->env, &finder->addresses_timer);
    }
    return err;
}

void kith__mdns_finder_close(struct kith_finder *base)
{
    struct kith__mdns_finder *finder = (struct kith__mdns_finder *)base;
    kith_timer_stop(base->env, &finder->addresses_timer);
    finder->stack->close(finder);
}

void kith__mdns_finder_refresh(struct kith_finder *base)
{
    struct kith__mdns_finder *finder = (struct kith__mdns_finder *)base;
    finder->is_stale = 1;
    (void)!look_in(finder, 0); /* without memory: when the timer fires */
}
