/* SPDX-License-Identifier: MIT
 *
 * publish.c: adverts. The system finds another name where one is taken.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "discovery/dnssd/inside.h"

static struct kith__dnssd_finder *finder_of(const struct kith__dnssd_advert *advert)
{
    return (struct kith__dnssd_finder *)advert->base.finder;
}

static void DNSSD_API on_registered(DNSServiceRef ref, DNSServiceFlags flags,
                                    DNSServiceErrorType error, const char *name, const char *type,
                                    const char *domain, void *user)
{
    struct kith__dnssd_advert *advert = user;
    (void)ref, (void)flags, (void)type, (void)domain;
    if (error == kDNSServiceErr_NoError) {
        kith_text_copy(advert->instance, sizeof advert->instance, name);
        kith_up_advertised(&advert->base, advert->instance);
    } else {
        kith_err err = kith__dnssd_fail("publishing", error);
        kith_up_finder_down(advert->base.finder, err, kith_detail());
        kith_detail_clear();
    }
}

static kith_err register_on(struct kith__dnssd_advert *advert, uint32_t interface)
{
    DNSServiceRef ref = NULL;
    DNSServiceErrorType error;
    kith_err err;
    if (advert->request_count == KITH_DNSSD_INTERFACES_MAX) {
        return KITH_OK; /* so many will do to be found */
    }
    error = DNSServiceRegister(&ref, 0, interface, advert->instance, advert->type, NULL, NULL,
                               htons(advert->port), (uint16_t)advert->txt_bytes, advert->txt,
                               on_registered, advert);
    if (error != kDNSServiceErr_NoError) {
        return kith__dnssd_fail("publishing", error);
    }
    err = kith__dnssd_started(&advert->requests[advert->request_count], finder_of(advert), ref);
    advert->request_count += err == KITH_OK;
    return err;
}

static int is_bound_to(const struct kith__dnssd_advert *advert,
                       const struct kith__own_address *address)
{
    char text[KITH_IP_TEXT_BYTES], host[KITH_IP_TEXT_BYTES];
    if (strcmp(advert->host, "*") == 0) {
        return 1;
    }
    kith_text_copy(host, sizeof host, advert->host);
    host[strcspn(host, "%")] = '\0';
    return inet_ntop(address->is_six ? AF_INET6 : AF_INET, address->bytes, text, sizeof text) !=
               NULL &&
           strcmp(text, host) == 0;
}

static void unpublish(struct kith__dnssd_advert *advert)
{
    while (advert->request_count > 0) {
        kith__dnssd_stop_request(&advert->requests[--advert->request_count]);
    }
}

kith_err kith__dnssd_publish(struct kith__dnssd_advert *advert)
{
    const struct kith__own_addresses *addresses = &finder_of(advert)->addresses;
    uint32_t last = 0;
    kith_err err = KITH_OK;
    unpublish(advert);
    if (strcmp(advert->host, "*") == 0 && !addresses->is_limited) {
        return register_on(advert, kDNSServiceInterfaceIndexAny);
    }
    for (size_t i = 0; i < addresses->count && err == KITH_OK; i++) {
        const struct kith__own_address *own = &addresses->list[i];
        uint32_t interface = own->is_loopback ? (uint32_t)kDNSServiceInterfaceIndexLocalOnly
                                              : (uint32_t)own->interface;
        int is_first = kith__own_interface(addresses, own->interface) == own;
        if (is_bound_to(advert, own) && interface != last &&
            (is_first || strcmp(advert->host, "*") != 0)) {
            last = interface;
            err = register_on(advert, interface);
        }
    }
    return err;
}

/* ---- the driver's calls -----------------------------------------------------------------------
 */

kith_err kith__dnssd_advertise(struct kith_advert *base, const struct kith_service *service)
{
    struct kith__dnssd_advert *advert = (struct kith__dnssd_advert *)base;
    kith_err err;
    size_t length = (size_t)snprintf(advert->type, sizeof advert->type, "_%s._%s", service->name,
                                     service->protocol);
    for (size_t i = 0; i < service->subtype_count; i++) {
        length += (size_t)snprintf(advert->type + length, sizeof advert->type - length, ",_%s",
                                   service->subtypes[i]);
    }
    kith_text_copy(advert->instance, sizeof advert->instance, service->instance);
    kith_text_copy(advert->host, sizeof advert->host, service->host);
    advert->port = service->port;
    memcpy(advert->txt, service->txt, service->txt_bytes);
    advert->txt_bytes = service->txt_bytes;
    kith_list_append(&finder_of(advert)->adverts, &advert->node);
    err = kith__dnssd_publish(advert);
    if (err != KITH_OK) {
        kith__dnssd_withdraw(base);
    }
    return err;
}

kith_err kith__dnssd_update(struct kith_advert *base, const uint8_t *txt, size_t txt_bytes)
{
    struct kith__dnssd_advert *advert = (struct kith__dnssd_advert *)base;
    memcpy(advert->txt, txt, txt_bytes);
    advert->txt_bytes = txt_bytes;
    for (size_t i = 0; i < advert->request_count; i++) {
        DNSServiceErrorType error = DNSServiceUpdateRecord(advert->requests[i].ref, NULL, 0,
                                                           (uint16_t)txt_bytes, advert->txt, 0);
        if (error != kDNSServiceErr_NoError) {
            return kith__dnssd_fail("publishing", error);
        }
    }
    return KITH_OK;
}

void kith__dnssd_withdraw(struct kith_advert *base)
{
    struct kith__dnssd_advert *advert = (struct kith__dnssd_advert *)base;
    unpublish(advert);
    kith_list_remove(&advert->node);
}
