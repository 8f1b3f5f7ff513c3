/* SPDX-License-Identifier: MIT
 *
 * endpoint.c: the lws context and vhost of one session, with its TLS contexts. What is configured
 * here is security: an option that is missing makes lws serve plain text without a word, so link.c
 * checks every link again.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "transports/websocket/ws.h"

/* Making and destroying contexts touches variables that lws shares between threads. */
static pthread_mutex_t lws_lock = PTHREAD_MUTEX_INITIALIZER;

/* lws indexes by descriptor, in tables as long as the system's limit, when that is at most this;
 * beyond, in tables of this length that it searches. */
#define DESCRIPTORS_MAX 65536

static const lws_retry_bo_t no_pings; /* the core asks for signs of life itself */

static void wakeup_ready(struct kith_watch *watch, unsigned events)
{
    kith__ws_service(KITH_CONTAINER(watch, struct kith__ws_socket, watch), events);
}

/* The wsi of a TLS object, by its socket: lws links the two only in a private way. */
static struct kith__tls_handshake *handshake_of(struct kith_endpoint *base, WOLFSSL *ssl)
{
    struct kith__ws_endpoint *endpoint = (struct kith__ws_endpoint *)(void *)base;
    int fd = wolfSSL_get_fd(ssl);
    struct lws *wsi = fd >= 0 ? wsi_from_fd(endpoint->context, fd) : NULL;
    struct kith__ws_link *link = wsi != NULL ? lws_get_opaque_user_data(wsi) : NULL;
    return link != NULL ? &link->tls : NULL;
}

int kith__ws_server_tls(struct kith__ws_way *way, WOLFSSL_CTX *context)
{
    if (kith__tls_server_setup(context, &way->keys) != KITH_OK) {
        return -1;
    }
    kith__ws_records_setup(context);
    /* lws would pick a vhost by the name that a stranger sends; the listener decides. */
    wolfSSL_CTX_set_servername_callback(context, NULL);
    return 0;
}

/* The core's deadline comes first, everywhere; this is the net below it. */
static unsigned net_seconds(const struct kith__ws_endpoint *endpoint)
{
    return endpoint->base.handshake_ms / 1000 + 2;
}

static struct lws_context *make_context(struct kith__ws_endpoint *endpoint)
{
    struct lws_context_creation_info info;
    void *loops[] = {endpoint};
    long limit = sysconf(_SC_OPEN_MAX);
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME;
    info.user = endpoint;
    info.event_lib_custom = &kith__ws_event_library;
    info.foreign_loops = loops;
    info.log_cx = &endpoint->log;
    info.pt_serv_buf_size = KITH__WS_SERVICE_BYTES;
    info.timeout_secs = net_seconds(endpoint);
    info.fd_limit_per_thread = limit > 0 && limit <= DESCRIPTORS_MAX ? 0 : DESCRIPTORS_MAX;
    info.server_string = "-"; /* lws does not do without one */
    return lws_create_context(&info);
}

static struct lws_vhost *make_vhost(struct kith__ws_way *way)
{
    static const char *const names[KITH__WS_WAYS] = {"kith", "kith-tls12", "kith-only-tls12"};
    struct kith__ws_endpoint *endpoint = way->endpoint;
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER; /* it gets its connections from port.c */
    info.vhost_name = names[way - endpoint->ways];
    info.protocols = kith__ws_protocols;
    info.user = way;
    info.log_cx = &endpoint->log;
    info.retry_and_idle_policy = &no_pings;
    info.timeout_secs_ah_idle = net_seconds(endpoint);
    info.connect_timeout_secs = net_seconds(endpoint);
    if (endpoint->secure) {
        info.options =
            LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
            LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS | LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE;
        info.provided_client_ssl_ctx = way->client_tls;
    }
    return lws_create_vhost(endpoint->context, &info);
}

kith_err kith__ws_way_of(struct kith__ws_endpoint *endpoint, kith_tls12 tls12,
                         struct kith__ws_way **out)
{
    struct kith__ws_way *way = &endpoint->ways[tls12];
    *out = way;
    if (way->vhost != NULL) {
        return KITH_OK;
    }
    way->endpoint = endpoint;
    way->keys.endpoint = &endpoint->base;
    way->keys.handshake_of = handshake_of;
    way->keys.pki = endpoint->pki;
    way->keys.tls12 = tls12;
    if (endpoint->secure && way->client_tls == NULL) {
        kith_err err = kith__tls_client_new(&way->keys, &way->client_tls);
        if (err != KITH_OK) {
            return err;
        }
        kith__ws_records_setup(way->client_tls);
    }
    kith__ws_enter(endpoint);
    (void)pthread_mutex_lock(&lws_lock);
    way->vhost = make_vhost(way);
    (void)pthread_mutex_unlock(&lws_lock);
    return way->vhost != NULL ? KITH_OK
                              : kith_fail(KITH_ERR_IO, "websocket: the library does not start; are "
                                                       "there descriptors and memory left?");
}

/* lws ignores SIGPIPE for the whole process, which is the application's to decide. Nothing below
 * needs it: lws sends with MSG_NOSIGNAL, and so does records.c. */
static int make_lws(struct kith__ws_endpoint *endpoint)
{
    struct sigaction before;
    int known = sigaction(SIGPIPE, NULL, &before) == 0;
    kith__ws_log_start(endpoint);
    endpoint->context = make_context(endpoint);
    if (known) {
        (void)sigaction(SIGPIPE, &before, NULL);
    }
    return endpoint->context != NULL;
}

static void free_tls(struct kith__ws_endpoint *endpoint)
{
    for (size_t i = 0; i < KITH__WS_WAYS; i++) {
        if (endpoint->ways[i].client_tls != NULL) {
            wolfSSL_CTX_free(endpoint->ways[i].client_tls);
        }
    }
    kith__tls_pki_free(endpoint->pki);
}

kith_err kith__ws_endpoint_open(struct kith_endpoint *base)
{
    struct kith__ws_endpoint *endpoint = (struct kith__ws_endpoint *)(void *)base;
    struct kith__ws_way *way;
    kith_err err = KITH_OK;
    int made;
    if (base->env->io == NULL) {
        return kith_fail(KITH_ERR_UNSUPPORTED, "websocket: this loop has no sockets");
    }
    endpoint->secure = base->security != KITH_SECURITY_NONE;
    if (base->security == KITH_SECURITY_PKI) {
        err = kith__tls_pki_new(base->pki, &endpoint->pki);
    }
    if (err != KITH_OK) {
        return err;
    }
    kith__ws_socket_init(&endpoint->wakeup, endpoint, wakeup_ready);
    kith__ws_chores_start(endpoint);
    endpoint->buffer = kith_resize(base->env, NULL, KITH__WS_FRAME_BYTES + KITH__WS_OWN_BYTES);
    if (endpoint->buffer == NULL) {
        free_tls(endpoint);
        return KITH_ERR_NOMEM;
    }
    kith__ws_enter(endpoint);
    (void)pthread_mutex_lock(&lws_lock);
    made = make_lws(endpoint);
    (void)pthread_mutex_unlock(&lws_lock);
    err = made ? kith__ws_way_of(endpoint, KITH_TLS12_NEVER, &way)
               : kith_fail(KITH_ERR_IO, "websocket: the library does not start; are there "
                                        "descriptors and memory left?");
    if (err != KITH_OK) {
        kith__ws_endpoint_close(base);
        return err;
    }
    kith_defer(base->env, &endpoint->chores);
    return KITH_OK;
}

void kith__ws_endpoint_close(struct kith_endpoint *base)
{
    struct kith__ws_endpoint *endpoint = (struct kith__ws_endpoint *)(void *)base;
    kith__ws_enter(endpoint);
    (void)pthread_mutex_lock(&lws_lock);
    lws_context_destroy(endpoint->context);
    (void)pthread_mutex_unlock(&lws_lock);
    endpoint->context = NULL;
    free_tls(endpoint);
    kith__ws_chores_stop(endpoint);
    kith_free(base->env, endpoint->buffer);
    kith__ws_enter(NULL);
}
