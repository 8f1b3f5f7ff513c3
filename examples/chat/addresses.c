/* SPDX-License-Identifier: MIT
 *
 * addresses.c: see addresses.h.
 */
#define _GNU_SOURCE /* getifaddrs, IFF_UP */

#include "addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A URL taken apart: "scheme" "host" "port". */
struct parts {
    int scheme_bytes, host_bytes;
    const char *scheme, *host, *port;
};

static int split(const char *url, struct parts *parts)
{
    const char *const slashes = strstr(url, "://");
    const char *const colon = strrchr(url, ':');
    if (slashes == NULL || colon < slashes + 3) {
        return -1;
    }
    parts->scheme = url;
    parts->scheme_bytes = (int)(slashes - url);
    parts->host = slashes + 3;
    parts->host_bytes = (int)(colon - parts->host);
    parts->port = colon + 1;
    return 0;
}

static int host_is(const struct parts *parts, const char *host)
{
    return parts->host_bytes == (int)strlen(host) &&
           strncmp(parts->host, host, (size_t)parts->host_bytes) == 0;
}

/* Writes an interface's address as it stands in a URL. Gives 0, or -1 when it is of no use. */
static int write_host(const struct sockaddr *address, char *out, size_t room)
{
    char text[INET6_ADDRSTRLEN];
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *const in = (const void *)address;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        snprintf(out, room, "%s", text);
        return 0;
    }
    const struct sockaddr_in6 *const in6 = (const void *)address;
    if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) {
        return -1;
    }
    inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
    snprintf(out, room, "[%s]", text);
    return 0;
}

/* Adds the addresses of one family, of loopback interfaces or of the others. */
static void add_family(struct addresses *addresses, const struct ifaddrs *all, int family,
                       int is_loopback, const struct parts *parts)
{
    for (const struct ifaddrs *i = all; i != NULL && addresses->count < ADDRESSES_MAX;
         i = i->ifa_next) {
        char host[INET6_ADDRSTRLEN + 2];
        if (i->ifa_addr == NULL || i->ifa_addr->sa_family != family ||
            (i->ifa_flags & IFF_UP) == 0 || ((i->ifa_flags & IFF_LOOPBACK) != 0) != is_loopback ||
            write_host(i->ifa_addr, host, sizeof host) != 0) {
            continue;
        }
        snprintf(addresses->urls[addresses->count++], ADDRESSES_URL_BYTES_MAX, "%.*s://%s:%s",
                 parts->scheme_bytes, parts->scheme, host, parts->port);
    }
}

void addresses_of(struct addresses *addresses, const char *url, const char *asked)
{
    struct parts parts, wanted;
    struct ifaddrs *all = NULL;
    addresses->count = 0;
    if (split(url, &parts) == 0 && split(asked, &wanted) == 0) {
        const int is_any = host_is(&wanted, "*");
        const int is_v4 = is_any || host_is(&wanted, "0.0.0.0");
        const int is_v6 = is_any || host_is(&wanted, "[::]");
        if ((is_v4 || is_v6) && getifaddrs(&all) == 0) {
            for (int is_loopback = 0; is_loopback <= 1; is_loopback++) {
                if (is_v4) {
                    add_family(addresses, all, AF_INET, is_loopback, &parts);
                }
                if (is_v6) {
                    add_family(addresses, all, AF_INET6, is_loopback, &parts);
                }
            }
            freeifaddrs(all);
        }
    }
    if (addresses->count == 0) {
        snprintf(addresses->urls[addresses->count++], ADDRESSES_URL_BYTES_MAX, "%s", url);
    }
}
