/* SPDX-License-Identifier: MIT
 *
 * memory.c: see memory.h.
 */
#include "discovery/memory/memory.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

struct finder {
    struct kith_finder base;
    struct kith_node node;
};

struct service {
    struct kith_node node;
    struct kith_advert *advert; /* NULL: a ghost */
    uint64_t number;
    int is_told, is_gone;
    char name[KITH_SERVICE_BYTES_MAX + 1], protocol[4], instance[KITH_NAME_BYTES_MAX + 1];
    char subtypes[KITH_SUBTYPES_MAX][KITH_LABEL_BYTES];
    size_t subtype_count;
    uint16_t port;
    uint8_t txt[KITH_TXT_BYTES_MAX];
    size_t txt_bytes;
};

struct advert {
    struct kith_advert base;
    struct service *service;
};

struct query {
    struct kith_query base;
    struct kith_node node;
    char name[KITH_SERVICE_BYTES_MAX + 1], protocol[4], subtype[KITH_LABEL_BYTES];
};

static struct kith_memory_air *air_of(const struct kith_finder *finder)
{
    return KITH_CONTAINER((struct kith_discovery_driver *)(uintptr_t)finder->driver,
                          struct kith_memory_air, driver);
}

static kith_err changed(struct kith_memory_air *air)
{
    return kith_timer_set(air->env, &air->timer, air->env->now_us + air->delay_us);
}

enum { AGAIN_US = 1000000 };

static int is_lost(struct kith_memory_air *air)
{
    if (air->loss_ppm == 0 || kith_random_below(air->env, 1000000) >= air->loss_ppm) {
        return 0;
    }
    air->has_lost = 1;
    return 1;
}

/* ---- telling ----------------------------------------------------------------------------------
 */

static int matches(const struct query *query, const struct service *service)
{
    if (strcmp(query->name, service->name) != 0 ||
        strcmp(query->protocol, service->protocol) != 0) {
        return 0;
    }
    for (size_t i = 0; i < service->subtype_count; i++) {
        if (strcmp(query->subtype, service->subtypes[i]) == 0) {
            return 1;
        }
    }
    return query->subtype[0] == '\0';
}

static void free_service(struct kith_memory_air *air, struct service *service)
{
    kith_list_remove(&service->node);
    kith_free(air->env, service);
}

static void tell_one(struct kith_memory_air *air, const struct service *service)
{
    const struct kith_sighting sighting = {.number = service->number,
                                           .protocol = service->protocol,
                                           .instance = service->instance,
                                           .instance_bytes = strlen(service->instance),
                                           .host = "hub",
                                           .port = service->port,
                                           .is_near = 1,
                                           .txt = service->txt,
                                           .txt_bytes = service->txt_bytes};
    for (struct kith_node *at = air->queries.next; at != &air->queries; at = at->next) {
        struct query *query = KITH_CONTAINER(at, struct query, node);
        if (service->is_gone) {
            kith_up_unsighted(&query->base, service->number);
        } else if (matches(query, service) && !is_lost(air)) {
            kith_up_sighted(&query->base, &sighting);
        }
    }
}

static void tell_all(struct kith_timer *timer)
{
    struct kith_memory_air *air = KITH_CONTAINER(timer, struct kith_memory_air, timer);
    struct kith_node *at = air->services.next, *next;
    air->has_lost = 0;
    for (; at != &air->services; at = next) {
        struct service *service = KITH_CONTAINER(at, struct service, node);
        next = at->next;
        tell_one(air, service);
        if (!service->is_told && service->advert != NULL) {
            service->is_told = 1;
            kith_up_advertised(service->advert, service->instance);
        }
        if (service->is_gone) {
            free_service(air, service);
        }
    }
    if (air->has_lost) {
        (void)!kith_timer_set(air->env, timer, air->env->now_us + AGAIN_US);
    }
}

/* ---- the driver -------------------------------------------------------------------------------
 */

static kith_err air_open(struct kith_finder *base)
{
    struct finder *finder = (struct finder *)base;
    if (air_of(base)->is_down) {
        return kith_fail(KITH_ERR_PERMISSION, "the air may not be used");
    }
    kith_list_append(&air_of(base)->finders, &finder->node);
    return KITH_OK;
}

static void air_close(struct kith_finder *base)
{
    kith_list_remove(&((struct finder *)base)->node);
}

static int is_taken(const struct kith_memory_air *air, const char *instance)
{
    for (struct kith_node *at = air->services.next; at != &air->services; at = at->next) {
        const struct service *service = KITH_CONTAINER(at, struct service, node);
        if (!service->is_gone && strcmp(service->instance, instance) == 0) {
            return 1;
        }
    }
    return 0;
}

static kith_err air_advertise(struct kith_advert *base, const struct kith_service *said)
{
    struct kith_memory_air *air = air_of(base->finder);
    struct service *service = kith_alloc(air->env, sizeof *service);
    if (service == NULL || changed(air) != KITH_OK) {
        kith_free(air->env, service);
        return KITH_ERR_NOMEM;
    }
    service->advert = base;
    service->number = ++air->last_number;
    kith_text_copy(service->name, sizeof service->name, said->name);
    kith_text_copy(service->protocol, sizeof service->protocol, said->protocol);
    kith_text_copy(service->instance, sizeof service->instance, said->instance);
    for (unsigned other = 2; is_taken(air, service->instance); other++) {
        snprintf(service->instance, sizeof service->instance, "%.50s #%u", said->instance, other);
    }
    memcpy(service->subtypes, said->subtypes, said->subtype_count * sizeof said->subtypes[0]);
    service->subtype_count = said->subtype_count;
    service->port = said->port;
    memcpy(service->txt, said->txt, said->txt_bytes);
    service->txt_bytes = said->txt_bytes;
    kith_list_append(&air->services, &service->node);
    ((struct advert *)base)->service = service;
    return KITH_OK;
}

static kith_err air_update(struct kith_advert *base, const uint8_t *txt, size_t txt_bytes)
{
    struct service *service = ((struct advert *)base)->service;
    memcpy(service->txt, txt, txt_bytes);
    service->txt_bytes = txt_bytes;
    return changed(air_of(base->finder));
}

static void air_withdraw(struct kith_advert *base)
{
    struct kith_memory_air *air = air_of(base->finder);
    struct service *service = ((struct advert *)base)->service;
    service->advert = NULL;
    if (!air->is_silent) {
        service->is_gone = 1;
        if (changed(air) != KITH_OK) {
            free_service(air, service); /* no memory to tell it with: as after a crash */
        }
    }
}

static kith_err air_browse(struct kith_query *base, const char *name, const char *protocol,
                           const char *subtype)
{
    struct kith_memory_air *air = air_of(base->finder);
    struct query *query = (struct query *)base;
    kith_text_copy(query->name, sizeof query->name, name);
    kith_text_copy(query->protocol, sizeof query->protocol, protocol);
    kith_text_copy(query->subtype, sizeof query->subtype, subtype);
    if (changed(air) != KITH_OK) {
        return KITH_ERR_NOMEM;
    }
    kith_list_append(&air->queries, &query->node);
    return KITH_OK;
}

static void air_stop(struct kith_query *base)
{
    kith_list_remove(&((struct query *)base)->node);
}

static void air_refresh(struct kith_finder *base)
{
    air_of(base)->refresh_count++;
    (void)changed(air_of(base)); /* no memory for a timer: nothing has become less */
}

/* ---- for tests --------------------------------------------------------------------------------
 */

void kith_memory_air_init(struct kith_memory_air *air, struct kith_env *env)
{
    static const struct kith_discovery_driver driver = {
        .name = "memory",
        .finder_bytes = sizeof(struct finder),
        .advert_bytes = sizeof(struct advert),
        .query_bytes = sizeof(struct query),
        .open = air_open,
        .close = air_close,
        .advertise = air_advertise,
        .update = air_update,
        .withdraw = air_withdraw,
        .browse = air_browse,
        .stop = air_stop,
        .refresh = air_refresh,
    };
    memset(air, 0, sizeof *air);
    air->driver = driver;
    air->env = env;
    kith_list_init(&air->finders);
    kith_list_init(&air->services);
    kith_list_init(&air->queries);
    air->timer.fire = tell_all;
}

void kith_memory_air_fail(struct kith_memory_air *air)
{
    for (struct kith_node *at = air->finders.next; at != &air->finders; at = at->next) {
        kith_up_finder_down(&KITH_CONTAINER(at, struct finder, node)->base, KITH_ERR_IO,
                            "the air is gone");
    }
}

void kith_memory_air_say(struct kith_memory_air *air, const struct kith_sighting *sighting)
{
    for (struct kith_node *at = air->queries.next; at != &air->queries; at = at->next) {
        kith_up_sighted(&KITH_CONTAINER(at, struct query, node)->base, sighting);
    }
}

void kith_memory_air_unsay(struct kith_memory_air *air, uint64_t number)
{
    for (struct kith_node *at = air->queries.next; at != &air->queries; at = at->next) {
        kith_up_unsighted(&KITH_CONTAINER(at, struct query, node)->base, number);
    }
}

size_t kith_memory_air_count(const struct kith_memory_air *air)
{
    size_t count = 0;
    for (struct kith_node *at = air->services.next; at != &air->services; at = at->next) {
        count += !KITH_CONTAINER(at, struct service, node)->is_gone;
    }
    return count;
}

void kith_memory_air_fini(struct kith_memory_air *air)
{
    while (!kith_list_empty(&air->services)) {
        free_service(air, KITH_CONTAINER(air->services.next, struct service, node));
    }
    kith_timer_stop(air->env, &air->timer);
}
