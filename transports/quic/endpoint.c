/* SPDX-License-Identifier: MIT
 *
 * endpoint.c: what the links of one session share: TLS contexts, buffers, sockets, the secret.
 */
#include "transports/quic/inside.h"

#include <ngtcp2/ngtcp2_crypto_wolfssl.h>
#include <string.h>

static struct kith__tls_handshake *handshake_of(struct kith_endpoint *base, WOLFSSL *ssl)
{
    ngtcp2_crypto_conn_ref *ref = wolfSSL_get_app_data(ssl);
    struct kith__quic_link *link = ref != NULL ? ref->user_data : NULL;
    (void)base;
    return link != NULL ? &link->tls : NULL;
}

static kith_err refused(void)
{
    return kith_fail(KITH_ERR_CRYPTO, "the TLS library refuses QUIC; was it built with "
                                      "--enable-quic?");
}

static kith_err make_contexts(struct kith__quic_endpoint *endpoint)
{
    kith_err err = kith__tls_client_new(&endpoint->keys, &endpoint->client_tls);
    if (err != KITH_OK) {
        return err;
    }
    endpoint->server_tls = wolfSSL_CTX_new(wolfTLSv1_3_server_method());
    if (endpoint->server_tls == NULL) {
        return KITH_ERR_NOMEM;
    }
    err = kith__tls_server_setup(endpoint->server_tls, &endpoint->keys);
    if (err != KITH_OK) {
        return err;
    }
    return ngtcp2_crypto_wolfssl_configure_client_context(endpoint->client_tls) == 0 &&
                   ngtcp2_crypto_wolfssl_configure_server_context(endpoint->server_tls) == 0
               ? KITH_OK
               : refused();
}

static kith_err make_secrets(struct kith__quic_endpoint *endpoint)
{
    const struct kith_crypto *crypto = &endpoint->base.env->crypto;
    kith_err err = crypto->random(crypto->user, endpoint->secret, sizeof endpoint->secret);
    if (err == KITH_OK) {
        err =
            crypto->random(crypto->user, (uint8_t *)&endpoint->ids.salt, sizeof endpoint->ids.salt);
    }
    return err;
}

static kith_err make_buffers(struct kith__quic_endpoint *endpoint)
{
    struct kith_env *env = endpoint->base.env;
    endpoint->received = kith_resize(env, NULL, KITH__UDP_BUFFER_BYTES);
    endpoint->sending = kith_resize(env, NULL, KITH__UDP_BATCH_BYTES);
    return endpoint->received != NULL && endpoint->sending != NULL ? KITH_OK : KITH_ERR_NOMEM;
}

/* Sockets are closed in the middle of a turn, and forgotten at its end. */
static void sweep(struct kith_deferred *deferred)
{
    struct kith__quic_endpoint *endpoint =
        KITH_CONTAINER(deferred, struct kith__quic_endpoint, sweep);
    struct kith_node *at = endpoint->sockets.next;
    while (at != &endpoint->sockets) {
        struct kith__quic_socket *socket = KITH_CONTAINER(at, struct kith__quic_socket, node);
        at = at->next;
        if (socket->udp.fd < 0) {
            kith__quic_socket_free(socket);
        }
    }
}

kith_err kith__quic_endpoint_open(struct kith_endpoint *base)
{
    struct kith__quic_endpoint *endpoint = (struct kith__quic_endpoint *)(void *)base;
    kith_err err = KITH_OK;
    if (base->env->io == NULL) {
        return kith_fail(KITH_ERR_UNSUPPORTED, "quic: this loop has no sockets");
    }
    kith_list_init(&endpoint->sockets);
    endpoint->sweep.run = sweep;
    kith__quic_graves_start(endpoint);
    kith__quic_backlog_start(endpoint);
    endpoint->idle_ms = KITH_QUIC_IDLE_MS;
    endpoint->keep_alive_ms = KITH_QUIC_KEEP_ALIVE_MS;
    endpoint->retry_links = KITH_QUIC_RETRY_LINKS;
    endpoint->protocol = KITH__QUIC_ALPN;
    if (base->security == KITH_SECURITY_NONE) {
        return KITH_OK; /* it can do nothing, and says so where it is asked to */
    }
    if (base->security == KITH_SECURITY_PKI) {
        err = kith__tls_pki_new(base->pki, &endpoint->pki);
    }
    endpoint->keys.endpoint = base;
    endpoint->keys.handshake_of = handshake_of;
    endpoint->keys.pki = endpoint->pki;
    if (err == KITH_OK) {
        err = make_secrets(endpoint);
    }
    if (err == KITH_OK) {
        err = make_buffers(endpoint);
    }
    if (err == KITH_OK) {
        err = make_contexts(endpoint);
    }
    if (err != KITH_OK) {
        kith__quic_endpoint_close(base);
    }
    return err;
}

void kith__quic_endpoint_close(struct kith_endpoint *base)
{
    struct kith__quic_endpoint *endpoint = (struct kith__quic_endpoint *)(void *)base;
    kith__quic_graves_clear(endpoint, NULL);
    kith__quic_backlog_clear(endpoint, NULL);
    kith_undefer(&endpoint->sweep);
    while (!kith_list_empty(&endpoint->sockets)) {
        struct kith__quic_socket *socket =
            KITH_CONTAINER(endpoint->sockets.next, struct kith__quic_socket, node);
        kith__udp_close(&socket->udp);
        kith__quic_socket_free(socket);
    }
    while (endpoint->spare != NULL) {
        struct kith__quic_block *block = endpoint->spare;
        endpoint->spare = block->next;
        kith_free(base->env, block);
    }
    kith__quic_ids_free(base->env, &endpoint->ids);
    wolfSSL_CTX_free(endpoint->client_tls);
    wolfSSL_CTX_free(endpoint->server_tls);
    kith__tls_pki_free(endpoint->pki);
    kith_free(base->env, endpoint->received);
    kith_free(base->env, endpoint->sending);
    base->env->crypto.wipe(endpoint->secret, sizeof endpoint->secret);
}

int kith__quic_rate_allows(struct kith_env *env, struct kith__quic_rate *rate, unsigned most)
{
    uint64_t second = env->now_us / 1000000;
    if (rate->second != second) {
        rate->second = second;
        rate->count = 0;
    }
    return rate->count < most && ++rate->count > 0;
}
