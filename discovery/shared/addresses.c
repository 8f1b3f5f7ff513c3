/* SPDX-License-Identifier: MIT
 *
 * addresses.c: see addresses.h.
 */
#define _DEFAULT_SOURCE /* IFF_UP */
#include "discovery/shared/addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"

/* ---- which interfaces -------------------------------------------------------------------------
 */

/* '*' stands for any characters. */
static int is_like(const char *name, const char *pattern, size_t count)
{
    const char *star = NULL, *resume = NULL, *end = pattern + count;
    while (*name != '\0') {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            resume = name;
        } else if (pattern < end && *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star;
            name = ++resume;
        } else {
            return 0;
        }
    }
    while (pattern < end && *pattern == '*') {
        pattern++;
    }
    return pattern == end;
}

/* Of what belongs to two machines alone and does not say so: names that wpa_supplicant (Wi-Fi
 * Direct) and macOS (AWDL and its like) give. */
static int is_direct(const char *name)
{
    static const char *const patterns[] = {"p2p-*", "awdl*", "llw*"};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        if (is_like(name, patterns[i], strlen(patterns[i]))) {
            return 1;
        }
    }
    return 0;
}

/* What is excluded is out; where something is named, everything else is; else what is for two
 * machines alone. */
static int may_use(const char *name, const char *interfaces, int is_for_two)
{
    int is_named = 0, has_names = 0;
    while (*interfaces != '\0') {
        size_t count = strcspn(interfaces, ",");
        int is_not = interfaces[0] == '!';
        int is_it = is_like(name, interfaces + is_not, count - (size_t)is_not);
        if (is_not && is_it) {
            return 0;
        }
        has_names |= !is_not && count > 0;
        is_named |= !is_not && is_it;
        interfaces += count + (interfaces[count] == ',');
    }
    return is_named || (!has_names && !is_for_two);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static unsigned bits_of(const uint8_t *mask, size_t count)
{
    unsigned bits = 0;
    while (bits < count * 8 && (mask[bits / 8] >> (7 - bits % 8) & 1) != 0) {
        bits++;
    }
    return bits;
}

static int take(const struct ifaddrs *one, struct kith__own_address *out)
{
    struct sockaddr_in four, four_mask = {0};
    struct sockaddr_in6 six, six_mask = {0};
    memset(out, 0, sizeof *out);
    if (one->ifa_addr == NULL || (one->ifa_flags & IFF_UP) == 0 ||
        strlen(one->ifa_name) >= sizeof out->name) {
        return 0;
    }
    strcpy(out->name, one->ifa_name);
    out->interface = (int)if_nametoindex(one->ifa_name);
    out->is_loopback = (one->ifa_flags & IFF_LOOPBACK) != 0;
    out->is_point_to_point = (one->ifa_flags & IFF_POINTOPOINT) != 0;
    if (one->ifa_addr->sa_family == AF_INET) {
        memcpy(&four, one->ifa_addr, sizeof four);
        if (one->ifa_netmask != NULL) {
            memcpy(&four_mask, one->ifa_netmask, sizeof four_mask);
        }
        memcpy(out->bytes, &four.sin_addr, 4);
        out->prefix = bits_of((const uint8_t *)&four_mask.sin_addr, 4);
        return out->interface > 0;
    }
    if (one->ifa_addr->sa_family == AF_INET6) {
        memcpy(&six, one->ifa_addr, sizeof six);
        if (one->ifa_netmask != NULL) {
            memcpy(&six_mask, one->ifa_netmask, sizeof six_mask);
        }
        out->is_six = 1;
        memcpy(out->bytes, &six.sin6_addr, 16);
        out->prefix = bits_of((const uint8_t *)&six_mask.sin6_addr, 16);
        return out->interface > 0;
    }
    return 0;
}

int kith__own_addresses_read(const char *interfaces, struct kith__own_addresses *out)
{
    struct ifaddrs *all = NULL;
    memset(out, 0, sizeof *out);
    out->is_limited = interfaces[0] != '\0';
    if (getifaddrs(&all) != 0) {
        return 0;
    }
    for (const struct ifaddrs *one = all; one != NULL && out->count < KITH_MDNS_ADDRESSES_MAX;
         one = one->ifa_next) {
        struct kith__own_address *at = &out->list[out->count];
        if (!take(one, at)) {
            continue;
        }
        if (may_use(at->name, interfaces, at->is_point_to_point || is_direct(at->name))) {
            out->count++;
        } else {
            out->is_limited |= !at->is_point_to_point;
        }
    }
    if (out->count < KITH_MDNS_ADDRESSES_MAX) { /* what a refused one left */
        memset(&out->list[out->count], 0, sizeof out->list[0]);
    }
    freeifaddrs(all);
    return 1;
}

static int has_interface(const struct kith__own_addresses *addresses, const char *name)
{
    for (size_t i = 0; i < addresses->count; i++) {
        if (strcmp(addresses->list[i].name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

int kith__own_addresses_same_interfaces(const struct kith__own_addresses *a,
                                        const struct kith__own_addresses *b)
{
    for (size_t i = 0; i < a->count; i++) {
        if (!has_interface(b, a->list[i].name)) {
            return 0;
        }
    }
    for (size_t i = 0; i < b->count; i++) {
        if (!has_interface(a, b->list[i].name)) {
            return 0;
        }
    }
    return 1;
}

const struct kith__own_address *kith__own_interface(const struct kith__own_addresses *addresses,
                                                    int interface)
{
    for (size_t i = 0; i < addresses->count; i++) {
        if (addresses->list[i].interface == interface) {
            return &addresses->list[i];
        }
    }
    return NULL;
}

static int same_network(const uint8_t *x, const uint8_t *y, unsigned prefix)
{
    for (unsigned bit = 0; bit < prefix; bit++) {
        if (((x[bit / 8] ^ y[bit / 8]) >> (7 - bit % 8) & 1) != 0) {
            return 0;
        }
    }
    return prefix > 0;
}

int kith__own_addresses_near(const struct kith__own_addresses *addresses, int interface, int is_six,
                             const uint8_t *bytes)
{
    for (size_t i = 0; i < addresses->count; i++) {
        const struct kith__own_address *own = &addresses->list[i];
        if (own->interface == interface && own->is_six == is_six &&
            same_network(own->bytes, bytes, own->prefix)) {
            return 1;
        }
    }
    return 0;
}

void kith__own_addresses_place(const struct kith__own_addresses *addresses, int interface,
                               int is_six, const uint8_t *bytes, char *host,
                               struct kith_sighting *out)
{
    const struct kith__own_address *own = kith__own_interface(addresses, interface);
    host[0] = '\0';
    (void)inet_ntop(is_six ? AF_INET6 : AF_INET, bytes, host, KITH_IP_TEXT_BYTES);
    if (own != NULL && kith_ip_scope(host) == KITH_IP_LINK_LOCAL && is_six) {
        size_t length = strlen(host);
        snprintf(host + length, KITH_IP_TEXT_BYTES - length, "%%%s", own->name);
    }
    out->host = host;
    out->is_here = own != NULL && own->is_loopback;
    out->is_near = kith__own_addresses_near(addresses, interface, is_six, bytes);
}
