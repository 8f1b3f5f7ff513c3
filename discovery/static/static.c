/* SPDX-License-Identifier: MIT
 *
 * static.c: see static.h.
 */
#include "discovery/static/static.h"

#include <string.h>

#include "base/url.h"

struct query {
    struct kith_query base;
    struct kith_deferred turn;
};

static kith_err list_open(struct kith_finder *finder)
{
    (void)finder;
    return KITH_OK;
}

static void list_close(struct kith_finder *finder)
{
    (void)finder;
}

static void tell_all(struct kith_deferred *deferred)
{
    struct query *query = KITH_CONTAINER(deferred, struct query, turn);
    const struct kith_finder *finder = query->base.finder;
    for (size_t i = 0; i < finder->url_count; i++) {
        const char *text = finder->urls[i];
        struct kith_url url;
        if (kith_url_parse(text, &url) == KITH_OK) {
            const struct kith_sighting sighting = {.number = i + 1,
                                                   .protocol = "",
                                                   .scheme = url.scheme,
                                                   .instance = text,
                                                   .instance_bytes = strlen(text),
                                                   .host = url.host,
                                                   .port = url.port};
            kith_up_sighted(&query->base, &sighting);
        }
    }
}

static kith_err list_browse(struct kith_query *base, const char *name, const char *protocol,
                            const char *subtype)
{
    struct query *query = (struct query *)base;
    (void)name;
    (void)protocol;
    (void)subtype;
    query->turn.run = tell_all;
    kith_defer(base->finder->env, &query->turn);
    return KITH_OK;
}

static void list_stop(struct kith_query *base)
{
    kith_undefer(&((struct query *)base)->turn);
}

const struct kith_discovery_driver kith_static_driver = {
    .name = "static",
    .flags = KITH_DISCOVERY_TRUSTED,
    .finder_bytes = sizeof(struct kith_finder),
    .query_bytes = sizeof(struct query),
    .open = list_open,
    .close = list_close,
    .browse = list_browse,
    .stop = list_stop,
};
