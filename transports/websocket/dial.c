/* SPDX-License-Identifier: MIT
 *
 * dial.c: outgoing connections up to TCP. lws connects, but only says "failed": the reason is read
 * from the socket before lws looks at it. Looks no names up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transports/websocket/ws.h"

/* What goes into an HTTP header must not end it. */
static int host_ok(const char *host)
{
    for (const char *at = host; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f) {
            return 0;
        }
    }
    return *host != '\0';
}

kith_err kith__ws_dial(struct kith_link *base, const struct kith_address *address)
{
    struct kith__ws_link *link = (struct kith__ws_link *)(void *)base;
    struct kith__ws_endpoint *endpoint = kith__ws_endpoint_of(link);
    int six = strchr(address->host, ':') != NULL;
    kith_err err;
    if (strcmp(address->scheme, kith__ws_scheme(endpoint)) != 0) {
        return kith_fail(KITH_ERR_CONFIG, "%s:// does not fit the session's security; use %s://",
                         address->scheme, kith__ws_scheme(endpoint));
    }
    if (!host_ok(address->host) || address->port == 0 ||
        !kith__net_address_parse(address->ip, address->port, &link->peer, &link->peer_bytes) ||
        snprintf(link->authority, sizeof link->authority, six ? "[%s]:%u" : "%s:%u", address->host,
                 address->port) >= (int)sizeof link->authority) {
        char host[KITH__NET_ADDRESS_BYTES];
        kith_printable(address->host, strlen(address->host), host, sizeof host);
        return kith_fail(KITH_ERR_ADDRESS, "\"%s\" port %u cannot be dialled", host, address->port);
    }
    kith__net_address_format((const struct sockaddr *)(const void *)&link->peer, link->peer_bytes,
                             link->remote);
    kith_text_copy(link->name, sizeof link->name, address->name);
    link->tls.name = link->name;
    link->dialled = 1;
    err = kith__ws_way_of(endpoint, address->tls12, &link->way);
    if (err == KITH_OK) {
        err = kith__ws_link_init(link);
    }
    if (err == KITH_OK) {
        kith_defer(endpoint->base.env, &link->turn);
    }
    return err;
}

/* "ip:port" or "[ip]:port", taken apart: the port, and the ip in out. */
static int split(const char *remote, char out[KITH__NET_ADDRESS_BYTES])
{
    const char *colon = strrchr(remote, ':');
    int bracket = remote[0] == '[';
    size_t count = colon != NULL ? (size_t)(colon - remote) : strlen(remote);
    if (bracket && count >= 2) {
        remote++;
        count -= 2;
    }
    memcpy(out, remote, count);
    out[count] = '\0';
    return colon != NULL ? (int)strtoul(colon + 1, NULL, 10) : 0;
}

static struct lws *connect_lws(struct kith__ws_link *link)
{
    struct kith__ws_endpoint *endpoint = kith__ws_endpoint_of(link);
    struct lws_client_connect_info info;
    char ip[KITH__NET_ADDRESS_BYTES];
    memset(&info, 0, sizeof info);
    info.context = endpoint->context;
    info.vhost = link->way->vhost;
    info.port = split(link->remote, ip);
    info.address = ip;
    info.host = link->authority;
    info.path = "/";
    info.protocol = kith__ws_protocols[0].name;
    info.local_protocol_name = kith__ws_protocols[0].name;
    info.opaque_user_data = link;
    info.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
    if (endpoint->secure) {
        /* Whoever has the key is the other side; names in certificates are checked with them. */
        info.ssl_connection |= LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
    }
    return lws_client_connect_via_info(&info);
}

void kith__ws_dial_begin(struct kith__ws_link *link)
{
    struct kith__ws_endpoint *endpoint = kith__ws_endpoint_of(link);
    if (endpoint->base.security == KITH_SECURITY_PSK && kith_up_key_dial(&endpoint->base) == NULL) {
        kith__ws_link_fail(link, KITH_REASON_AUTH,
                           "there is no key to dial with; add one with KITH_KEY_DIAL");
        kith__ws_link_over(link);
        return;
    }
    link->stage = KITH__WS_CONNECT;
    if (connect_lws(link) == NULL) {
        if (link->stage == KITH__WS_CONNECT) {
            kith__ws_dial_explain(link);
        }
        kith__ws_link_over(link);
    }
}

static void fail_to_connect(struct kith__ws_link *link, int error)
{
    char reason[80];
    if (error == ECONNREFUSED) {
        kith__ws_link_fail(link, KITH_REASON_REFUSED,
                           "%s refuses the connection: nobody listens there", link->remote);
    } else {
        kith__ws_link_fail(link, kith__net_reason_of(error), "%s cannot be reached: %s",
                           link->remote, kith__net_errno_text(error, reason, sizeof reason));
    }
}

int kith__ws_dial_connected(struct kith__ws_link *link)
{
    struct sockaddr_storage peer;
    socklen_t bytes = sizeof peer;
    int error = 0;
    socklen_t error_bytes = sizeof error;
    if (getsockopt(link->socket.fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes) != 0) {
        error = errno;
    }
    if (error != 0) {
        fail_to_connect(link, error);
        kith__ws_link_cut(link);
        return 0;
    }
    if (getpeername(link->socket.fd, (struct sockaddr *)(void *)&peer, &bytes) != 0) {
        return 0;
    }
    kith__ws_tcp_connected(link->socket.fd);
    link->stage = KITH__WS_HANDSHAKE;
    return 1;
}

/* connect() failed at once, and lws keeps the reason to itself. A datagram socket finds the same
 * lack of a route without sending anything. */
void kith__ws_dial_explain(struct kith__ws_link *link)
{
    int error = ECONNREFUSED;
    int fd = kith__net_socket(link->peer.ss_family, SOCK_DGRAM);
    if (fd < 0 ||
        connect(fd, (const struct sockaddr *)(const void *)&link->peer, link->peer_bytes) != 0) {
        error = errno;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    fail_to_connect(link, error);
}
