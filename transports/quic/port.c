/* SPDX-License-Identifier: MIT
 *
 * port.c: listening, and the first packet of a stranger. The core is asked before a stranger costs
 * more than that packet; under load, only strangers who have shown that they are where they say.
 */
#include <errno.h>
#include <string.h>

#include "transports/quic/inside.h"

/* ---- listening --------------------------------------------------------------------------- */

kith_err kith__quic_listen(struct kith_port *base, const struct kith_address *address, char *url,
                           size_t url_bytes)
{
    struct kith__quic_port *port = (struct kith__quic_port *)(void *)base;
    struct kith__quic_endpoint *endpoint = (struct kith__quic_endpoint *)(void *)base->endpoint;
    kith_err err;
    int fd;
    if (base->endpoint->security == KITH_SECURITY_NONE) {
        return kith_fail(KITH_ERR_CONFIG,
                         "quic:// is always encrypted, but the session has KITH_SECURITY_NONE");
    }
    /* Where links of an earlier port still use the socket it is taken up again. */
    port->socket = kith__quic_socket_find(endpoint, address);
    if (port->socket == NULL) {
        fd = kith__net_bind(address, SOCK_DGRAM);
        if (fd < 0) {
            return kith__net_bind_failed(address, errno);
        }
        err = kith__quic_socket_new(endpoint, fd, 0, &port->socket);
        if (err != KITH_OK) {
            return err;
        }
    }
    port->socket->port = port;
    port->is_all = strcmp(address->host, "*") == 0;
    err = kith__net_bound_url(port->socket->udp.fd, address->scheme, port->is_all, url, url_bytes);
    if (err != KITH_OK) {
        kith__quic_port_close(base);
    }
    return err;
}

kith_err kith__quic_port_check(struct kith_port *base, char *url, size_t url_bytes)
{
    const struct kith__quic_port *port = (const struct kith__quic_port *)(const void *)base;
    return kith__net_bound_check(port->socket->udp.fd, SOCK_DGRAM, "quic", port->is_all, url,
                                 url_bytes);
}

void kith__quic_port_close(struct kith_port *base)
{
    struct kith__quic_port *port = (struct kith__quic_port *)(void *)base;
    if (port->socket != NULL) {
        kith__quic_backlog_clear(port->socket->endpoint, port->socket);
        port->socket->port = NULL;
        kith__quic_socket_release(port->socket);
        port->socket = NULL;
    }
}

/* ---- strangers --------------------------------------------------------------------------- */

/* Ends what a stranger began, with an error of QUIC (RFC 9000 §20.1), and keeps nothing. */
static void turn_away(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                      const ngtcp2_pkt_hd *head, uint64_t error)
{
    struct kith__quic_endpoint *endpoint = socket->endpoint;
    uint8_t answer[256];
    ngtcp2_ssize bytes;
    if (!kith__quic_rate_allows(endpoint->base.env, &endpoint->answers,
                                KITH_QUIC_STRAY_ANSWERS_PER_S_MAX)) {
        return;
    }
    bytes = ngtcp2_crypto_write_connection_close(answer, sizeof answer, head->version, &head->scid,
                                                 &head->dcid, error, NULL, 0);
    if (bytes > 0) {
        endpoint->counts.refused++;
        (void)kith__quic_socket_send(socket, path, answer, (size_t)bytes, (size_t)bytes);
    }
}

/* RFC 9000 §8.1.2: "come again, and bring this". */
static void send_retry(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                       const ngtcp2_pkt_hd *head)
{
    struct kith__quic_endpoint *endpoint = socket->endpoint;
    struct kith_env *env = endpoint->base.env;
    uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2], answer[512];
    ngtcp2_cid cid = {.datalen = KITH__QUIC_CID_BYTES};
    ngtcp2_ssize bytes;
    if (!kith__quic_rate_allows(env, &endpoint->retries, KITH_QUIC_RETRIES_PER_S_MAX) ||
        env->crypto.random(env->crypto.user, cid.data, cid.datalen) != KITH_OK) {
        return;
    }
    bytes = ngtcp2_crypto_generate_retry_token2(
        token, endpoint->secret, sizeof endpoint->secret, head->version,
        (const ngtcp2_sockaddr *)(const void *)&path->remote.storage, path->remote.bytes, &cid,
        &head->dcid, kith__quic_now(env));
    if (bytes <= 0) {
        return;
    }
    bytes = ngtcp2_crypto_write_retry(answer, sizeof answer, head->version, &head->scid, &cid,
                                      &head->dcid, token, (size_t)bytes);
    if (bytes > 0) {
        endpoint->counts.retries++;
        kith_up_stray(&endpoint->base, KITH_STRAY_ASKED);
        (void)kith__quic_socket_send(socket, path, answer, (size_t)bytes, (size_t)bytes);
    }
}

/* 1 when the stranger may go on. Tokens of any other kind are none of ours: who brings one has it
 * from somebody who had this address before, and is treated like one without. Who is suspected has
 * to prove it, since what made it suspect may have been somebody else's packets. */
static int check_address(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                         const char *remote, struct kith__quic_first *first)
{
    struct kith__quic_endpoint *endpoint = socket->endpoint;
    const ngtcp2_pkt_hd *head = &first->head;
    first->original.datalen = 0;
    if (head->tokenlen > 0 && head->token[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2) {
        if (ngtcp2_crypto_verify_retry_token2(
                &first->original, head->token, head->tokenlen, endpoint->secret,
                sizeof endpoint->secret, head->version,
                (const ngtcp2_sockaddr *)(const void *)&path->remote.storage, path->remote.bytes,
                &head->dcid, KITH_QUIC_RETRY_MS * NGTCP2_MILLISECONDS,
                kith__quic_now(endpoint->base.env)) == 0) {
            return 1;
        }
        kith__quic_ignored(endpoint, &endpoint->counts.invalid_tokens);
        turn_away(socket, path, head, NGTCP2_INVALID_TOKEN);
        return 0;
    }
    if (endpoint->shaking >= endpoint->retry_links ||
        kith_up_is_suspect(&socket->port->base, remote) ||
        !kith__quic_rate_allows(endpoint->base.env, &endpoint->unproved,
                                KITH_QUIC_UNPROVED_PER_S_MAX)) {
        send_retry(socket, path, head);
        return 0;
    }
    return 1;
}

/* The core took the link: from now on it is the driver's to end. */
static void begin(struct kith__quic_link *link, struct kith__quic_socket *socket,
                  const struct kith__udp_path *path, const char *remote,
                  const struct kith__quic_first *first)
{
    kith_err err = kith__quic_link_init(link);
    link->path = *path;
    kith_text_copy(link->remote, sizeof link->remote, remote);
    kith__quic_link_place(link, socket);
    if (err == KITH_OK && !link->closing) {
        link->stage = KITH__QUIC_SHAKING;
        link->is_shaking = 1;
        socket->endpoint->shaking++;
        err = kith__quic_conn_accept(link, first);
    }
    if (link->closing || err != KITH_OK) {
        turn_away(socket, path, &first->head, NGTCP2_CONNECTION_REFUSED);
        kith__quic_link_fail(link, KITH_REASON_INTERNAL, "%s",
                             err == KITH_ERR_NOMEM ? "out of memory"
                                                   : "the TLS library does not take a connection");
        link->mute = 1;
        kith__quic_link_cut(link);
    }
}

void kith__quic_admit(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                      const struct kith__quic_first *first, const uint8_t *bytes, size_t count)
{
    struct kith__quic_link *link;
    char remote[KITH__NET_ADDRESS_BYTES];
    kith__net_address_format((const struct sockaddr *)(const void *)&path->remote.storage,
                             path->remote.bytes, remote);
    socket->holds++; /* the port may be closed inside */
    link = (struct kith__quic_link *)(void *)kith_up_accepted(&socket->port->base, remote);
    socket->holds--;
    if (link == NULL) {
        turn_away(socket, path, &first->head, NGTCP2_CONNECTION_REFUSED);
        kith__quic_socket_release(socket);
        return;
    }
    begin(link, socket, path, remote, first);
    kith__quic_link_read(link, path, bytes, count);
}

void kith__quic_accept(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                       const uint8_t *bytes, size_t count)
{
    struct kith__quic_endpoint *endpoint = socket->endpoint;
    struct kith__quic_first first;
    char remote[KITH__NET_ADDRESS_BYTES];
    if (ngtcp2_accept(&first.head, bytes, count) != 0) {
        kith__quic_ignored(endpoint, &endpoint->counts.stray);
        return;
    }
    if (socket->port == NULL) {
        turn_away(socket, path, &first.head, NGTCP2_CONNECTION_REFUSED);
        return;
    }
    kith__net_address_format((const struct sockaddr *)(const void *)&path->remote.storage,
                             path->remote.bytes, remote);
    if (!check_address(socket, path, remote, &first)) {
        return;
    }
    if (endpoint->waiting_count == 0 && kith_up_accept_after_ms(&socket->port->base) == 0) {
        kith__quic_admit(socket, path, &first, bytes, count);
        return;
    }
    endpoint->counts.put_off++;
    if (first.original.datalen > 0) {
        kith__quic_backlog_put(socket, path, &first, bytes, count);
    } else {
        send_retry(socket, path, &first.head);
    }
}
