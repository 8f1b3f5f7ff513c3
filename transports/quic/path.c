/* SPDX-License-Identifier: MIT
 *
 * path.c: the two ends of a link that stands may change (RFC 9000 §9). The other side's does when
 * it moves, or when a router on the way forgets it: ngtcp2 follows it and asks it to prove that it
 * is there, and then the core is told. This side's does when this machine moves: a socket for
 * dialling is bound to no address, so packets leave from the new one by themselves; but the other
 * side's router, and whoever watches, is not to see ids that were used elsewhere (§9.5), and what
 * was learned of the old path says nothing of the new. Must not tell what is not proved.
 */
#include <string.h>

#include "transports/quic/inside.h"

/* ---- the other side's -------------------------------------------------------------------- */

static int is_remote(const struct kith__udp_address *address, const ngtcp2_addr *other)
{
    struct kith__udp_address copy;
    memcpy(&copy.storage, other->addr, other->addrlen);
    copy.bytes = other->addrlen;
    return kith__udp_same(address, &copy);
}

int kith__quic_path_begins(ngtcp2_conn *conn, uint32_t flags, const ngtcp2_path *path,
                           const ngtcp2_path *before, void *user)
{
    struct kith__quic_link *link = user;
    (void)flags;
    (void)before;
    /* Once the new one is proved the old one is asked as well, for whoever forges addresses. */
    link->is_unproved = ngtcp2_path_eq(path, ngtcp2_conn_get_path2(conn)) != 0;
    return 0;
}

int kith__quic_path_ends(ngtcp2_conn *conn, uint32_t flags, const ngtcp2_path *path,
                         const ngtcp2_path *before, ngtcp2_path_validation_result result,
                         void *user)
{
    struct kith__quic_link *link = user;
    (void)conn;
    (void)flags;
    (void)path;
    (void)before;
    (void)result; /* where it failed, the path is the one before again */
    link->is_unproved = 0;
    return 0;
}

void kith__quic_path_wandered(struct kith__quic_link *link)
{
    const ngtcp2_addr *remote = &ngtcp2_conn_get_path2(link->conn)->remote;
    if (link->dialled || link->is_unproved || link->stage != KITH__QUIC_UP ||
        kith__quic_is_ending(link)) {
        return;
    }
    link->has_wandered = 0;
    if (is_remote(&link->path.remote, remote)) {
        return;
    }
    memcpy(&link->path.remote.storage, remote->addr, remote->addrlen);
    link->path.remote.bytes = remote->addrlen;
    kith__net_address_format((const struct sockaddr *)(const void *)&link->path.remote.storage,
                             link->path.remote.bytes, link->remote);
    kith_up_moved(&link->base, link->remote);
}

/* ---- ours -------------------------------------------------------------------------------- */

void kith__quic_path_note(struct kith__quic_link *link)
{
    const struct kith__udp_address *remote = &link->path.remote;
    struct kith__udp_address *own = &link->own;
    own->bytes = 0;
    link->local[0] = '\0';
    if (!link->dialled) {
        *own = link->path.local;
    } else if (!kith__net_local_towards((const struct sockaddr *)(const void *)&remote->storage,
                                        remote->bytes, &own->storage, &own->bytes)) {
        own->bytes = 0;
        return;
    }
    kith__net_address_format((const struct sockaddr *)(const void *)&own->storage, own->bytes,
                             link->local);
}

/* The same host; the port is that of a socket that only asked. */
static int is_same_host(struct kith__udp_address a, struct kith__udp_address b)
{
    kith__udp_set_port(&a, 0);
    kith__udp_set_port(&b, 0);
    return kith__udp_same(&a, &b);
}

void kith__quic_look(struct kith_link *base)
{
    struct kith__quic_link *link = (struct kith__quic_link *)(void *)base;
    struct kith__udp_address before = link->own;
    struct kith__udp_path to = link->path;
    ngtcp2_path path;
    int rv;
    if (!link->dialled || link->stage != KITH__QUIC_UP || kith__quic_is_ending(link)) {
        return;
    }
    kith__quic_path_note(link);
    if (link->own.bytes == 0) {
        link->own = before; /* no way there now: once there is one, it may be the same */
        return;
    }
    if (before.bytes != 0 && is_same_host(before, link->own)) {
        return;
    }
    to.local = link->own;
    kith__udp_set_port(&to.local, kith__udp_port(&link->socket->udp.bound));
    path = kith__quic_path(&to);
    rv = ngtcp2_conn_initiate_immediate_migration(link->conn, &path,
                                                  kith__quic_now(base->endpoint->env));
    if (rv == 0) {
        link->path.local = to.local; /* from here on packets come to there */
        kith__quic_link_wake(link);
    } else if (rv == NGTCP2_ERR_NOMEM || rv == NGTCP2_ERR_CALLBACK_FAILURE) {
        kith__quic_explain(link, rv);
    } /* else without the other side's help, with the ids that there are */
}
