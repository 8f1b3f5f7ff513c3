/* SPDX-License-Identifier: MIT
 *
 * browse.c: queries. A name is asked for its port and its machine, and the machine for its
 * addresses, each for as long as it is there: so changes come by themselves. Names without number
 * are asked no more than there is room for.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "discovery/dnssd/inside.h"

enum { ADDRESSES_MAX = 8, RECORD_A = 1, RECORD_AAAA = 28, CLASS_IN = 1 };

struct address {
    uint64_t number; /* 0: none */
    int is_six;
    uint8_t bytes[16];
};

/* One name on one interface. */
struct service {
    struct kith_node node;
    struct kith__dnssd_query *query;
    struct kith__dnssd_request resolve, four, six;
    uint32_t interface;
    char name[256], machine[kDNSServiceMaxDomainName];
    struct address addresses[ADDRESSES_MAX];
    uint16_t port;
    uint8_t txt[KITH_TXT_BYTES_MAX];
    size_t txt_bytes;
};

static struct kith__dnssd_finder *finder_of(const struct kith__dnssd_query *query)
{
    return (struct kith__dnssd_finder *)query->base.finder;
}

/* ---- addresses --------------------------------------------------------------------------------
 */

/* Services of this machine alone are on its loopback interface. */
static int interface_of(const struct service *service)
{
    const struct kith__own_addresses *addresses = &finder_of(service->query)->addresses;
    for (size_t i = 0; i < addresses->count; i++) {
        if (service->interface == (uint32_t)kDNSServiceInterfaceIndexLocalOnly &&
            addresses->list[i].is_loopback) {
            return addresses->list[i].interface;
        }
    }
    return (int)service->interface;
}

static void see(struct service *service, const struct address *address)
{
    char host[KITH_IP_TEXT_BYTES];
    struct kith_sighting sighting = {
        .number = address->number,
        .protocol = service->query->protocol,
        .instance = service->name,
        .instance_bytes = strlen(service->name),
        .port = service->port,
        .txt = service->txt,
        .txt_bytes = service->txt_bytes,
    };
    kith__own_addresses_place(&finder_of(service->query)->addresses, interface_of(service),
                              address->is_six, address->bytes, host, &sighting);
    kith_up_sighted(&service->query->base, &sighting);
}

static void unsee(struct service *service, struct address *address)
{
    if (address->number != 0) {
        kith_up_unsighted(&service->query->base, address->number);
        address->number = 0;
    }
}

static void unsee_all(struct service *service)
{
    for (size_t i = 0; i < ADDRESSES_MAX; i++) {
        unsee(service, &service->addresses[i]);
    }
}

/* NULL: there is no such address, or with is_new no room for it. */
static struct address *address_of(struct service *service, int is_six, const uint8_t *bytes,
                                  int is_new)
{
    struct address *room = NULL;
    for (size_t i = 0; i < ADDRESSES_MAX; i++) {
        struct address *at = &service->addresses[i];
        if (at->number == 0) {
            room = room == NULL ? at : room;
        } else if (at->is_six == is_six && memcmp(at->bytes, bytes, is_six ? 16 : 4) == 0) {
            return at;
        }
    }
    if (!is_new || room == NULL) {
        return NULL;
    }
    room->number = ++finder_of(service->query)->last_number;
    room->is_six = is_six;
    memcpy(room->bytes, bytes, is_six ? 16 : 4);
    return room;
}

static void DNSSD_API on_address(DNSServiceRef ref, DNSServiceFlags flags, uint32_t interface,
                                 DNSServiceErrorType error, const char *name, uint16_t type,
                                 uint16_t class, uint16_t bytes_count, const void *bytes,
                                 uint32_t ttl, void *user)
{
    struct service *service = user;
    int is_six = type == RECORD_AAAA, is_new = (flags & kDNSServiceFlagsAdd) != 0;
    struct address *address;
    (void)ref, (void)interface, (void)name, (void)class, (void)ttl;
    if (error != kDNSServiceErr_NoError || bytes_count != (is_six ? 16 : 4)) {
        return; /* it has none of that family */
    }
    address = address_of(service, is_six, bytes, is_new);
    if (address != NULL && is_new) {
        see(service, address);
    } else if (address != NULL) {
        unsee(service, address);
    }
}

/* ---- details ----------------------------------------------------------------------------------
 */

static kith_err ask_address(struct service *service, struct kith__dnssd_request *request,
                            uint16_t type)
{
    DNSServiceRef ref = NULL;
    DNSServiceErrorType error;
    kith__dnssd_stop_request(request);
    error = DNSServiceQueryRecord(&ref, 0, service->interface, service->machine, type, CLASS_IN,
                                  on_address, service);
    return error == kDNSServiceErr_NoError
               ? kith__dnssd_started(request, finder_of(service->query), ref)
               : kith__dnssd_fail("resolving", error);
}

static void DNSSD_API on_resolved(DNSServiceRef ref, DNSServiceFlags flags, uint32_t interface,
                                  DNSServiceErrorType error, const char *full_name,
                                  const char *machine, uint16_t port, uint16_t txt_bytes,
                                  const unsigned char *txt, void *user)
{
    struct service *service = user;
    int is_elsewhere;
    (void)ref, (void)flags, (void)interface, (void)full_name;
    if (error != kDNSServiceErr_NoError || txt_bytes > sizeof service->txt ||
        strlen(machine) >= sizeof service->machine) {
        unsee_all(service);
        return; /* no peer of ours says that much */
    }
    is_elsewhere = strcmp(service->machine, machine) != 0;
    strcpy(service->machine, machine);
    service->port = ntohs(port);
    memcpy(service->txt, txt, txt_bytes);
    service->txt_bytes = txt_bytes;
    if (is_elsewhere) {
        unsee_all(service);
        if (ask_address(service, &service->four, RECORD_A) != KITH_OK ||
            ask_address(service, &service->six, RECORD_AAAA) != KITH_OK) {
            service->machine[0] = '\0'; /* with the next change */
        }
        kith_detail_clear();
    }
    for (size_t i = 0; i < ADDRESSES_MAX; i++) {
        if (service->addresses[i].number != 0) {
            see(service, &service->addresses[i]);
        }
    }
}

/* ---- names ------------------------------------------------------------------------------------
 */

static void service_free(struct service *service, int tell)
{
    struct kith__dnssd_finder *finder = finder_of(service->query);
    if (tell) {
        unsee_all(service);
    }
    kith__dnssd_stop_request(&service->resolve);
    kith__dnssd_stop_request(&service->four);
    kith__dnssd_stop_request(&service->six);
    kith_list_remove(&service->node);
    finder->service_count--;
    kith_free(finder->base.env, service);
}

static struct service *find(const struct kith__dnssd_query *query, uint32_t interface,
                            const char *name)
{
    for (struct kith_node *at = query->services.next; at != &query->services; at = at->next) {
        struct service *service = KITH_CONTAINER(at, struct service, node);
        if (service->interface == interface && strcmp(service->name, name) == 0) {
            return service;
        }
    }
    return NULL;
}

static void appeared(struct kith__dnssd_query *query, uint32_t interface, const char *name,
                     const char *type, const char *domain)
{
    struct kith__dnssd_finder *finder = finder_of(query);
    struct service *service;
    DNSServiceRef ref = NULL;
    if (finder->service_count >= KITH_DNSSD_SERVICES_MAX || strlen(name) >= sizeof service->name ||
        (interface != (uint32_t)kDNSServiceInterfaceIndexLocalOnly &&
         kith__own_interface(&finder->addresses, (int)interface) == NULL)) {
        return;
    }
    service = kith_alloc(finder->base.env, sizeof *service);
    if (service == NULL) {
        return;
    }
    service->query = query;
    service->interface = interface;
    strcpy(service->name, name);
    kith_list_append(&query->services, &service->node);
    finder->service_count++;
    if (DNSServiceResolve(&ref, 0, interface, name, type, domain, on_resolved, service) !=
            kDNSServiceErr_NoError ||
        kith__dnssd_started(&service->resolve, finder, ref) != KITH_OK) {
        service_free(service, 0);
        kith_detail_clear();
    }
}

static void DNSSD_API on_browsed(DNSServiceRef ref, DNSServiceFlags flags, uint32_t interface,
                                 DNSServiceErrorType error, const char *name, const char *type,
                                 const char *domain, void *user)
{
    struct kith__dnssd_query *query = user;
    struct service *service;
    (void)ref;
    if (error != kDNSServiceErr_NoError) {
        kith_err err = kith__dnssd_fail("browsing", error);
        kith_up_finder_down(query->base.finder, err, kith_detail());
        kith_detail_clear();
        return;
    }
    service = find(query, interface, name);
    if ((flags & kDNSServiceFlagsAdd) == 0) {
        if (service != NULL) {
            service_free(service, 1);
        }
    } else if (service == NULL) {
        appeared(query, interface, name, type, domain);
    }
}

/* ---- the driver's calls -----------------------------------------------------------------------
 */

kith_err kith__dnssd_search(struct kith__dnssd_query *query)
{
    DNSServiceRef ref = NULL;
    DNSServiceErrorType error = DNSServiceBrowse(&ref, 0, kDNSServiceInterfaceIndexAny, query->type,
                                                 NULL, on_browsed, query);
    return error == kDNSServiceErr_NoError
               ? kith__dnssd_started(&query->request, finder_of(query), ref)
               : kith__dnssd_fail("browsing", error);
}

void kith__dnssd_unsearch(struct kith__dnssd_query *query, int tell)
{
    while (!kith_list_empty(&query->services)) {
        service_free(KITH_CONTAINER(query->services.next, struct service, node), tell);
    }
    kith__dnssd_stop_request(&query->request);
}

kith_err kith__dnssd_browse(struct kith_query *base, const char *name, const char *protocol,
                            const char *subtype)
{
    struct kith__dnssd_query *query = (struct kith__dnssd_query *)base;
    kith_err err;
    snprintf(query->type, sizeof query->type, subtype[0] != '\0' ? "_%s._%s,_%s" : "_%s._%s", name,
             protocol, subtype);
    kith_text_copy(query->protocol, sizeof query->protocol, protocol);
    kith_list_init(&query->services);
    kith_list_append(&finder_of(query)->queries, &query->node);
    err = kith__dnssd_search(query);
    if (err != KITH_OK) {
        kith_list_remove(&query->node);
    }
    return err;
}

void kith__dnssd_stop(struct kith_query *base)
{
    struct kith__dnssd_query *query = (struct kith__dnssd_query *)base;
    kith__dnssd_unsearch(query, 0);
    kith_list_remove(&query->node);
}
