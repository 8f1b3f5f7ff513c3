/* SPDX-License-Identifier: MIT
 *
 * publish.c: adverts. Each has a random name of a machine of its own, with the addresses that are
 * listened on and no way back from an address to a name: so it says nothing of the machine it is
 * on, fights with no other stack there, and two adverts cannot be told to be of one machine by
 * their names.
 */
#include <stdio.h>
#include <string.h>

#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>

#include "base/err.h"
#include "discovery/shared/multicast.h"

/* ---- what is in it ----------------------------------------------------------------------------
 */

static int is_bound_to(const struct kith__mdns_advert *advert, const AvahiAddress *address)
{
    char text[AVAHI_ADDRESS_STR_MAX], host[KITH_IP_TEXT_BYTES];
    if (strcmp(advert->host, "*") == 0) {
        return 1;
    }
    kith_text_copy(host, sizeof host, advert->host);
    host[strcspn(host, "%")] = '\0';
    avahi_address_snprint(text, sizeof text, address);
    return strcmp(text, host) == 0;
}

static void add_interface(struct kith__mdns_advert *advert, int interface)
{
    for (size_t i = 0; i < advert->interface_count; i++) {
        if (advert->interfaces[i] == interface) {
            return;
        }
    }
    advert->interfaces[advert->interface_count++] = interface;
}

static int add_addresses(struct kith__mdns_advert *advert)
{
    const struct kith__mdns_finder *finder = kith__mdns_finder_of_advert(advert);
    int error = AVAHI_OK;
    advert->interface_count = 0;
    for (size_t i = 0; i < finder->addresses.count && error >= 0; i++) {
        const struct kith__own_address *own = &finder->addresses.list[i];
        AvahiAddress address = {.proto = own->is_six ? AVAHI_PROTO_INET6 : AVAHI_PROTO_INET};
        memcpy(address.data.data, own->bytes, own->is_six ? 16 : 4);
        if (is_bound_to(advert, &address)) {
            error = finder->stack->add_address(advert, own->interface, &address);
            add_interface(advert, own->interface);
        }
    }
    return error;
}

static int add_service(struct kith__mdns_advert *advert, int interface)
{
    const struct kith__mdns_stack *stack = kith__mdns_finder_of_advert(advert)->stack;
    int error = stack->add_service(advert, interface);
    for (size_t i = 0; i < advert->subtype_count && error >= 0; i++) {
        char subtype[80];
        snprintf(subtype, sizeof subtype, "_%s._sub.%s", advert->subtypes[i], advert->type);
        error = stack->add_subtype(advert, interface, subtype);
    }
    return error;
}

/* Another name like it. 0: no memory. */
static int rename_instance(struct kith__mdns_advert *advert)
{
    char *other = avahi_alternative_service_name(advert->instance);
    if (other == NULL) {
        return 0;
    }
    kith_text_copy(advert->instance, sizeof advert->instance, other);
    avahi_free(other);
    return 1;
}

/* On all interfaces as one: of records that are alike on several, Avahi 0.8 takes back only the
 * last one's when they are withdrawn, and everybody else would think it is still there. */
static int is_everywhere(const struct kith__mdns_advert *advert)
{
    const struct kith__mdns_finder *finder = kith__mdns_finder_of_advert(advert);
    return strcmp(advert->host, "*") == 0 &&
           (finder->stack->is_bound || !finder->addresses.is_limited);
}

static int fill(struct kith__mdns_advert *advert)
{
    int error = add_addresses(advert);
    if (advert->interface_count > 0 && is_everywhere(advert)) {
        advert->interfaces[0] = AVAHI_IF_UNSPEC;
        advert->interface_count = 1;
    }
    for (size_t i = 0; i < advert->interface_count && error >= 0; i++) {
        error = add_service(advert, advert->interfaces[i]);
    }
    return error;
}

kith_err kith__mdns_publish(struct kith__mdns_advert *advert)
{
    struct kith__mdns_finder *finder = kith__mdns_finder_of_advert(advert);
    const struct kith__mdns_stack *stack = finder->stack;
    int error = AVAHI_OK;
    if (advert->group == NULL) {
        advert->group = stack->group_new(finder, advert);
        if (advert->group == NULL) {
            return kith__mdns_fail("publishing", stack->error(finder));
        }
    }
    do { /* a name that another one of this very server has is refused at once */
        stack->group_reset(advert->group);
        error = fill(advert);
    } while (error == AVAHI_ERR_COLLISION && rename_instance(advert));
    if (error >= 0 && advert->interface_count > 0) {
        error = stack->group_commit(advert->group);
    }
    return error >= 0 ? KITH_OK : kith__mdns_fail("publishing", error);
}

void kith__mdns_unpublish(struct kith__mdns_advert *advert)
{
    if (advert->group != NULL) {
        kith__mdns_finder_of_advert(advert)->stack->group_free(advert->group);
        advert->group = NULL;
    }
}

void kith__mdns_on_group(struct kith__mdns_advert *advert, AvahiEntryGroupState state)
{
    struct kith__mdns_finder *finder = kith__mdns_finder_of_advert(advert);
    switch (state) {
    case AVAHI_ENTRY_GROUP_ESTABLISHED:
        kith_up_advertised(&advert->base, advert->instance);
        break;
    case AVAHI_ENTRY_GROUP_COLLISION:
        if (!rename_instance(advert) || kith__mdns_publish(advert) != KITH_OK) {
            kith_up_finder_down(&finder->base, KITH_ERR_NOMEM, "no other name was found");
        }
        break;
    case AVAHI_ENTRY_GROUP_FAILURE:
        kith_up_finder_down(&finder->base, KITH_ERR_IO,
                            avahi_strerror(finder->stack->error(finder)));
        break;
    case AVAHI_ENTRY_GROUP_UNCOMMITED:
    case AVAHI_ENTRY_GROUP_REGISTERING:
        break;
    }
}

/* ---- the driver's calls -----------------------------------------------------------------------
 */

static kith_err take_txt(struct kith__mdns_advert *advert, const uint8_t *txt, size_t txt_bytes)
{
    AvahiStringList *list = NULL;
    if (avahi_string_list_parse(txt, txt_bytes, &list) < 0) {
        return KITH_ERR_NOMEM;
    }
    avahi_string_list_free(advert->txt);
    advert->txt = list;
    return KITH_OK;
}

kith_err kith__mdns_advertise(struct kith_advert *base, const struct kith_service *service)
{
    struct kith__mdns_advert *advert = (struct kith__mdns_advert *)base;
    struct kith__mdns_finder *finder = (struct kith__mdns_finder *)base->finder;
    uint32_t parts[3];
    kith_err err;
    for (size_t i = 0; i < 3; i++) {
        parts[i] = kith_random_below(base->finder->env, UINT32_MAX);
    }
    snprintf(advert->machine, sizeof advert->machine, "%08x%08x%08x.local", parts[0], parts[1],
             parts[2]);
    snprintf(advert->type, sizeof advert->type, "_%s._%s", service->name, service->protocol);
    kith_text_copy(advert->instance, sizeof advert->instance, service->instance);
    kith_text_copy(advert->host, sizeof advert->host, service->host);
    memcpy(advert->subtypes, service->subtypes,
           service->subtype_count * sizeof service->subtypes[0]);
    advert->subtype_count = service->subtype_count;
    advert->port = service->port;
    kith_list_append(&finder->adverts, &advert->node);
    err = take_txt(advert, service->txt, service->txt_bytes);
    if (err == KITH_OK) {
        err = kith__mdns_publish(advert);
    }
    if (err != KITH_OK) {
        kith__mdns_withdraw(base);
    }
    return err;
}

kith_err kith__mdns_update(struct kith_advert *base, const uint8_t *txt, size_t txt_bytes)
{
    struct kith__mdns_advert *advert = (struct kith__mdns_advert *)base;
    int error = AVAHI_OK;
    kith_err err = take_txt(advert, txt, txt_bytes);
    if (err != KITH_OK) {
        return err;
    }
    for (size_t i = 0; i < advert->interface_count && error >= 0; i++) {
        error = kith__mdns_finder_of_advert(advert)->stack->update(advert, advert->interfaces[i]);
    }
    return error >= 0 ? KITH_OK : kith__mdns_fail("publishing", error);
}

void kith__mdns_withdraw(struct kith_advert *base)
{
    struct kith__mdns_advert *advert = (struct kith__mdns_advert *)base;
    kith__mdns_unpublish(advert);
    avahi_string_list_free(advert->txt);
    advert->txt = NULL;
    kith_list_remove(&advert->node);
}
