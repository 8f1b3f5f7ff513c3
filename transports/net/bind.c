/* SPDX-License-Identifier: MIT
 *
 * bind.c: sockets to be reached at: bound, described, and why that fails.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "transports/net/net.h"

static kith_err error_of(int error)
{
    switch (error) {
    case EADDRINUSE:
        return KITH_ERR_IN_USE;
    case EACCES:
    case EPERM:
        return KITH_ERR_PERMISSION;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return KITH_ERR_ADDRESS;
    case ENOMEM:
    case ENOBUFS:
        return KITH_ERR_NOMEM;
    default:
        return KITH_ERR_IO;
    }
}

static const char *advice(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program, or another listener here, has it; choose another port, or 0 for "
               "any that is free";
    case EACCES:
    case EPERM:
        return "ports below 1024 are reserved; choose a higher one";
    case EADDRNOTAVAIL:
        return "this machine has no such address; choose one of its own, or * for all";
    case EAFNOSUPPORT:
        return "this machine does not have that kind of address; choose another, or * for all";
    case EMFILE:
    case ENFILE:
        return "there are no file descriptors left; raise the limit (ulimit -n)";
    default:
        return "the system does not permit it";
    }
}

kith_err kith__net_bind_failed(const struct kith_address *address, int error)
{
    int six = strchr(address->host, ':') != NULL;
    char reason[80];
    if (error == EINVAL) {
        return kith_fail(KITH_ERR_ADDRESS,
                         "\"%s\" is not an IP address; to listen, use one of this machine's, or * "
                         "for all",
                         address->host);
    }
    return kith_fail(error_of(error), "%s://%s%s%s:%u cannot be listened on: %s: %s",
                     address->scheme, six ? "[" : "", address->host, six ? "]" : "", address->port,
                     kith__net_errno_text(error, reason, sizeof reason), advice(error));
}

/* The descriptor, or -1 and errno. dual: an IPv6 socket takes IPv4 as well. */
static int bound(const struct sockaddr_storage *address, socklen_t bytes, int type, int dual)
{
    int on = 1, v6only = !dual, error;
    int fd = kith__net_socket(address->ss_family, type);
    if (fd < 0) {
        return -1;
    }
    if (type == SOCK_STREAM) {
        /* Or a restarted program waits for minutes until its old connections are forgotten. With
         * datagrams it would let two programs have the same address. */
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    }
    if ((address->ss_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only) == 0) &&
        bind(fd, (const struct sockaddr *)(const void *)address, bytes) == 0) {
        return fd;
    }
    error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

static int bound_to_all(uint16_t port, int type)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    int fd = -1;
    errno = EAFNOSUPPORT;
    if (kith__net_address_parse("::", port, &address, &bytes)) {
        fd = bound(&address, bytes, type, 1);
    }
    if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) &&
        kith__net_address_parse("0.0.0.0", port, &address, &bytes)) {
        fd = bound(&address, bytes, type, 0);
    }
    return fd;
}

kith_err kith__net_bound_url(int fd, const struct kith_address *address, char *url,
                             size_t url_bytes)
{
    struct sockaddr_storage here;
    socklen_t bytes = sizeof here;
    char where[KITH__NET_ADDRESS_BYTES], machine[KITH__NET_ADDRESS_BYTES];
    const char *host = where;
    const char *port;
    if (getsockname(fd, (struct sockaddr *)(void *)&here, &bytes) != 0) {
        return kith__net_bind_failed(address, errno);
    }
    kith__net_address_format((const struct sockaddr *)(const void *)&here, bytes, where);
    port = strrchr(where, ':');
    if (port == NULL) {
        return KITH_ERR_IO;
    }
    if (strcmp(address->host, "*") == 0) {
        kith__net_address_of_machine(machine);
        host = machine;
    }
    if (snprintf(url, url_bytes, "%s://%.*s%s", address->scheme,
                 host == where ? (int)(port - where) : (int)strlen(host), host,
                 port) >= (int)url_bytes) {
        return KITH_ERR_IO;
    }
    return KITH_OK;
}

int kith__net_bind(const struct kith_address *address, int type)
{
    struct sockaddr_storage bind_to;
    socklen_t bytes;
    if (strcmp(address->host, "*") == 0) {
        return bound_to_all(address->port, type);
    }
    if (!kith__net_address_parse(address->host, address->port, &bind_to, &bytes)) {
        errno = EINVAL;
        return -1;
    }
    return bound(&bind_to, bytes, type, 0);
}
