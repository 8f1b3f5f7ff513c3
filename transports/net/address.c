/* SPDX-License-Identifier: MIT
 *
 * address.c: numeric addresses as text and back. Asks no name server.
 */
#define _DEFAULT_SOURCE /* IFF_UP */
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "transports/net/net.h"

int kith__net_address_parse(const char *ip, uint16_t port, struct sockaddr_storage *out,
                            socklen_t *out_bytes)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(ip, service, &hints, &found) != 0) {
        return 0;
    }
    memset(out, 0, sizeof *out);
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *out_bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return 1;
}

/* A dual-stack socket sees IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). */
static int unmap(const struct sockaddr *address, struct sockaddr_in *out)
{
    struct sockaddr_in6 six;
    if (address->sa_family != AF_INET6) {
        return 0;
    }
    memcpy(&six, address, sizeof six);
    if (!IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
        return 0;
    }
    memset(out, 0, sizeof *out);
    out->sin_family = AF_INET;
    out->sin_port = six.sin6_port;
    memcpy(&out->sin_addr, &six.sin6_addr.s6_addr[12], 4);
    return 1;
}

void kith__net_address_format(const struct sockaddr *address, socklen_t bytes,
                              char out[KITH__NET_ADDRESS_BYTES])
{
    char host[KITH__NET_ADDRESS_BYTES - 10], port[8];
    struct sockaddr_in four;
    if (unmap(address, &four)) {
        address = (const struct sockaddr *)(const void *)&four;
        bytes = sizeof four;
    }
    if (getnameinfo(address, bytes, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        kith_text_copy(out, KITH__NET_ADDRESS_BYTES, "?");
        return;
    }
    snprintf(out, KITH__NET_ADDRESS_BYTES, address->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
             host, port);
}

int kith__net_local_towards(const struct sockaddr *remote, socklen_t bytes,
                            struct sockaddr_storage *out, socklen_t *out_bytes)
{
    int fd = kith__net_socket(remote->sa_family, SOCK_DGRAM);
    int known;
    memset(out, 0, sizeof *out);
    *out_bytes = sizeof *out;
    known = fd >= 0 && connect(fd, remote, bytes) == 0 &&
            getsockname(fd, (struct sockaddr *)(void *)out, out_bytes) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return known;
}

static int is_same(const struct sockaddr *one, const struct sockaddr_storage *other)
{
    struct sockaddr_in four, other_four;
    struct sockaddr_in6 six, other_six;
    if (one == NULL || one->sa_family != other->ss_family) {
        return 0;
    }
    if (one->sa_family == AF_INET) {
        memcpy(&four, one, sizeof four);
        memcpy(&other_four, other, sizeof other_four);
        return four.sin_addr.s_addr == other_four.sin_addr.s_addr;
    }
    memcpy(&six, one, sizeof six);
    memcpy(&other_six, other, sizeof other_six);
    return memcmp(&six.sin6_addr, &other_six.sin6_addr, sizeof six.sin6_addr) == 0;
}

int kith__net_address_is_down(const struct sockaddr_storage *address)
{
    struct ifaddrs *all = NULL;
    int is_down = 0;
    if ((address->ss_family != AF_INET && address->ss_family != AF_INET6) ||
        getifaddrs(&all) != 0) {
        return 0;
    }
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        if (is_same(one->ifa_addr, address)) {
            is_down = (one->ifa_flags & IFF_UP) == 0;
            if (!is_down) {
                break;
            }
        }
    }
    freeifaddrs(all);
    return is_down;
}

/* How useful an address is to others: 0 not at all. */
static int usefulness(const struct ifaddrs *interface)
{
    const struct sockaddr *address = interface->ifa_addr;
    if (address == NULL || (interface->ifa_flags & IFF_UP) == 0 ||
        (interface->ifa_flags & IFF_LOOPBACK) != 0) {
        return 0;
    }
    if (address->sa_family == AF_INET) {
        return 2;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, address, sizeof six);
        return !IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr);
    }
    return 0;
}

void kith__net_address_of_machine(char out[KITH__NET_ADDRESS_BYTES])
{
    struct ifaddrs *all = NULL;
    const struct ifaddrs *best = NULL;
    kith_text_copy(out, KITH__NET_ADDRESS_BYTES, "127.0.0.1");
    if (getifaddrs(&all) != 0) {
        return;
    }
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        if (usefulness(one) > (best != NULL ? usefulness(best) : 0)) {
            best = one;
        }
    }
    if (best != NULL) {
        int six = best->ifa_addr->sa_family == AF_INET6;
        char host[KITH__NET_ADDRESS_BYTES - 2];
        if (getnameinfo(best->ifa_addr,
                        six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in), host,
                        sizeof host, NULL, 0, NI_NUMERICHOST) == 0) {
            snprintf(out, KITH__NET_ADDRESS_BYTES, six ? "[%s]" : "%s", host);
        }
    }
    freeifaddrs(all);
}
