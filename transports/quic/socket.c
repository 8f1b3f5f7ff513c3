/* SPDX-License-Identifier: MIT
 *
 * socket.c: the UDP sockets of an endpoint: how long each lives, and what it could not send yet.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "transports/quic/inside.h"

/* ---- what the socket tells --------------------------------------------------------------- */

static struct kith__quic_socket *socket_of(struct kith__udp *udp)
{
    return KITH_CONTAINER(udp, struct kith__quic_socket, udp);
}

/* What waited goes first, then every link has its turn: most have nothing. */
static void writable(struct kith__udp *udp)
{
    struct kith__quic_socket *socket = socket_of(udp);
    size_t count = socket->unsent_count;
    int error;
    if (count > 0) {
        size_t sent = kith__udp_send(udp, &socket->unsent_path, socket->unsent + socket->unsent_at,
                                     count, socket->unsent_segment, &error);
        sent = error != 0 ? count : sent; /* what cannot go is lost */
        socket->unsent_at += sent;
        socket->unsent_count -= sent;
    }
    if (kith__quic_socket_is_full(socket)) {
        return;
    }
    for (struct kith_node *at = socket->links.next; at != &socket->links; at = at->next) {
        kith__quic_link_wake(KITH_CONTAINER(at, struct kith__quic_link, node));
    }
}

static void unreachable(struct kith__udp *udp, const struct kith__udp_address *remote, int error)
{
    struct kith__quic_socket *socket = socket_of(udp);
    for (struct kith_node *at = socket->links.next; at != &socket->links; at = at->next) {
        struct kith__quic_link *link = KITH_CONTAINER(at, struct kith__quic_link, node);
        if (kith__udp_same(&link->path.remote, remote)) {
            kith__quic_dial_unreachable(link, error);
        }
    }
}

/* ---- life -------------------------------------------------------------------------------- */

kith_err kith__quic_socket_new(struct kith__quic_endpoint *endpoint, int fd, int is_for_dialling,
                               struct kith__quic_socket **out)
{
    struct kith_env *env = endpoint->base.env;
    struct kith__quic_socket *socket = kith_alloc(env, sizeof *socket);
    kith_err err;
    if (socket == NULL) {
        (void)close(fd);
        return KITH_ERR_NOMEM;
    }
    socket->endpoint = endpoint;
    socket->is_for_dialling = is_for_dialling;
    kith_list_init(&socket->links);
    socket->udp.env = env;
    socket->udp.buffer = endpoint->received;
    socket->udp.tells_local = !is_for_dialling;
    socket->udp.on_packet = kith__quic_route;
    socket->udp.on_writable = writable;
    socket->udp.on_unreachable = unreachable;
    err = kith__udp_open(&socket->udp, fd);
    if (err != KITH_OK) {
        kith_free(env, socket);
        return err;
    }
    kith_list_append(&endpoint->sockets, &socket->node);
    *out = socket;
    return KITH_OK;
}

void kith__quic_socket_free(struct kith__quic_socket *socket)
{
    struct kith_env *env = socket->endpoint->base.env;
    kith_list_remove(&socket->node);
    kith_free(env, socket->unsent);
    kith_free(env, socket);
}

void kith__quic_socket_release(struct kith__quic_socket *socket)
{
    if (socket->udp.fd < 0 || socket->port != NULL || socket->holds > 0 ||
        !kith_list_empty(&socket->links)) {
        return;
    }
    if (!socket->is_for_dialling) { /* somebody may want its address */
        socket->holds++;
        kith__quic_graves_clear(socket->endpoint, socket);
        socket->holds--;
    }
    if (socket->grave_count == 0) {
        kith__udp_close(&socket->udp);
        kith_defer(socket->endpoint->base.env, &socket->endpoint->sweep);
    }
}

struct kith__quic_socket *kith__quic_socket_find(struct kith__quic_endpoint *endpoint,
                                                 const struct kith_address *address)
{
    struct kith__udp_address wanted;
    int is_any = strcmp(address->host, "*") == 0;
    if (address->port == 0) {
        return NULL;
    }
    for (struct kith_node *at = endpoint->sockets.next; at != &endpoint->sockets; at = at->next) {
        struct kith__quic_socket *socket = KITH_CONTAINER(at, struct kith__quic_socket, node);
        const char *host = !is_any                                           ? address->host
                           : socket->udp.bound.storage.ss_family == AF_INET6 ? "::"
                                                                             : "0.0.0.0";
        if (socket->port == NULL && !socket->is_for_dialling && socket->udp.fd >= 0 &&
            kith__net_address_parse(host, address->port, &wanted.storage, &wanted.bytes) &&
            kith__udp_same(&wanted, &socket->udp.bound)) {
            return socket;
        }
    }
    return NULL;
}

int kith__quic_socket_for(struct kith__quic_endpoint *endpoint, int family,
                          struct kith__quic_socket **out)
{
    struct kith_address any = {.host = family == AF_INET6 ? "::" : "0.0.0.0"};
    int fd;
    for (struct kith_node *at = endpoint->sockets.next; at != &endpoint->sockets; at = at->next) {
        struct kith__quic_socket *socket = KITH_CONTAINER(at, struct kith__quic_socket, node);
        if (socket->is_for_dialling && socket->udp.fd >= 0 &&
            socket->udp.bound.storage.ss_family == family) {
            *out = socket;
            return 0;
        }
    }
    fd = kith__net_bind(&any, SOCK_DGRAM);
    if (fd < 0) {
        return -1;
    }
    if (kith__quic_socket_new(endpoint, fd, 1, out) != KITH_OK) {
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

/* ---- sending ----------------------------------------------------------------------------- */

/* Without memory they are lost, as they may be anywhere. */
static void keep(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                 const uint8_t *bytes, size_t count, size_t segment)
{
    if (socket->unsent == NULL) {
        socket->unsent = kith_resize(socket->endpoint->base.env, NULL, KITH__UDP_BATCH_BYTES);
    }
    if (socket->unsent != NULL) {
        memcpy(socket->unsent, bytes, count);
        socket->unsent_at = 0;
        socket->unsent_count = count;
        socket->unsent_segment = segment;
        socket->unsent_path = *path;
    }
}

int kith__quic_socket_send(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                           const uint8_t *bytes, size_t count, size_t segment)
{
    int error;
    size_t sent;
    if (kith__quic_socket_is_full(socket)) {
        /* An answer to a stranger, or a packet that was made before this was known and fitted no
         * batch: no queue for those. */
        return 0;
    }
    sent = kith__udp_send(&socket->udp, path, bytes, count, segment, &error);
    if (error == 0 && sent < count) {
        keep(socket, path, bytes + sent, count - sent, segment);
    }
    return error;
}
