/* SPDX-License-Identifier: MIT
 *
 * dial.c: how a link to somebody begins. Looks no names up.
 */
#include <errno.h>
#include <string.h>

#include "transports/quic/inside.h"

kith_err kith__quic_dial(struct kith_link *base, const struct kith_address *address)
{
    struct kith__quic_link *link = (struct kith__quic_link *)(void *)base;
    kith_err err;
    if (base->endpoint->security == KITH_SECURITY_NONE) {
        return kith_fail(KITH_ERR_CONFIG,
                         "quic:// is always encrypted, but the session has KITH_SECURITY_NONE");
    }
    if (address->port == 0 ||
        !kith__net_address_parse(address->ip, address->port, &link->path.remote.storage,
                                 &link->path.remote.bytes)) {
        char host[KITH__NET_ADDRESS_BYTES];
        kith_printable(address->host, strlen(address->host), host, sizeof host);
        return kith_fail(KITH_ERR_ADDRESS, "\"%s\" port %u cannot be dialled", host, address->port);
    }
    kith__net_address_format((const struct sockaddr *)(const void *)&link->path.remote.storage,
                             link->path.remote.bytes, link->remote);
    kith_text_copy(link->name, sizeof link->name, address->name);
    link->tls.name = link->name;
    link->dialled = 1;
    err = kith__quic_link_init(link);
    if (err == KITH_OK) {
        kith__quic_link_wake(link);
    }
    return err;
}

static void fail(struct kith__quic_link *link, kith_reason reason, const char *what)
{
    kith__quic_link_fail(link, reason, "%s", what);
    kith__quic_link_cut(link);
}

/* Counts only where nothing else can be known: for a dial that nobody has answered. A link that
 * stands does not care, since anybody on the way can say so (RFC 9000 §14.2.1). */
void kith__quic_dial_unreachable(struct kith__quic_link *link, int error)
{
    char reason[80];
    if (!link->dialled || link->heard || error == EMSGSIZE) {
        return;
    }
    if (error == ECONNREFUSED) {
        kith__quic_link_fail(link, KITH_REASON_REFUSED,
                             "%s refuses the connection: nobody listens there", link->remote);
    } else {
        kith__quic_link_fail(link, kith__net_reason_of(error), "%s cannot be reached: %s%s",
                             link->remote, kith__net_errno_text(error, reason, sizeof reason),
                             kith__net_advice(error));
    }
    link->mute = 1;
    kith__quic_link_cut(link);
}

static void nobody_is_there(struct kith__udp_feeler *feeler, int error)
{
    kith__quic_dial_unreachable(KITH_CONTAINER(feeler, struct kith__quic_link, feeler), error);
}

void kith__quic_dial_begin(struct kith__quic_link *link)
{
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    struct kith__quic_socket *socket;
    char reason[80];
    kith_err err;
    if (endpoint->base.security == KITH_SECURITY_PSK && kith_up_key_dial(&endpoint->base) == NULL) {
        fail(link, KITH_REASON_AUTH, "there is no key to dial with; add one with KITH_KEY_DIAL");
        return;
    }
    if (kith__quic_socket_for(endpoint, link->path.remote.storage.ss_family, &socket) != 0) {
        int error = errno;
        kith__quic_link_fail(link, kith__net_reason_of(error), "%s cannot be reached: %s%s",
                             link->remote, kith__net_errno_text(error, reason, sizeof reason),
                             kith__net_advice(error));
        kith__quic_link_cut(link);
        return;
    }
    link->path.local = socket->udp.bound;
    kith__quic_link_place(link, socket);
    link->stage = KITH__QUIC_SHAKING;
    err = kith__quic_conn_dial(link);
    if (err == KITH_OK) {
        link->feeler.env = endpoint->base.env;
        link->feeler.on_unreachable = nobody_is_there;
        kith__udp_feel(&link->feeler, &link->path.remote);
        return;
    }
    fail(link, KITH_REASON_INTERNAL,
         err == KITH_ERR_NOMEM ? "out of memory" : "the TLS library does not take a connection");
}
