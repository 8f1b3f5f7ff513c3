/* SPDX-License-Identifier: MIT
 *
 * listener.c: addresses where links come in. One handle may stand for several ports, one a
 * transport. Pure.
 */
#include <string.h>

#include "base/err.h"
#include "session/session.h"

static void tell(struct kith_listener *listener, kith_listener_event_kind kind, const char *url,
                 kith_err err, const char *detail)
{
    struct kith_session *session = listener->session;
    kith_listener_event event = {sizeof event, kind, url, err, detail, listener->tag};
    if (session->callbacks.on_listener != NULL) {
        session->callbacks.on_listener(session, listener, &event, session->user);
    }
}

void kith_listener_destroy(struct kith_listener *listener)
{
    struct kith_session *session = listener->session;
    for (size_t i = 0; i < listener->port_count; i++) {
        struct kith_port *port = listener->ports[i];
        port->endpoint->driver->port_close(port);
        kith_free(session->env, port);
    }
    kith_undefer(&listener->events);
    kith_list_remove(&listener->node);
    session->listener_count--;
    kith_free(session->env, listener);
}

/* Tells, at the end of a turn, what became of kith_listen() and kith_listener_close(). */
static void run_events(struct kith_deferred *deferred)
{
    struct kith_listener *listener = KITH_CONTAINER(deferred, struct kith_listener, events);
    struct kith_session *session = listener->session;
    while (!listener->closing && listener->announced < (int)listener->port_count) {
        const char *url = listener->port_urls[listener->announced++];
        kith_log(session->env, KITH_LOG_INFO, "listening on %s", url);
        tell(listener, KITH_LISTENER_READY, url, KITH_OK, "");
    }
    if (listener->failed != KITH_OK && !listener->closing) {
        tell(listener, KITH_LISTENER_FAILED, listener->url, listener->failed, listener->detail);
    } else if (listener->closing) {
        tell(listener, KITH_LISTENER_CLOSED, listener->url, KITH_OK, "");
    } else {
        return;
    }
    kith_listener_destroy(listener);
    kith_session_poke(session);
}

static kith_err open_port(struct kith_listener *listener, size_t index,
                          const struct kith_address *address)
{
    struct kith_session *session = listener->session;
    const struct kith_driver *driver = session->drivers[index];
    struct kith_endpoint *endpoint;
    struct kith_port *port;
    kith_err err = kith_session_endpoint(session, index, &endpoint);
    if (err != KITH_OK) {
        return err;
    }
    port = kith_alloc(session->env, driver->port_bytes);
    if (port == NULL) {
        return KITH_ERR_NOMEM;
    }
    port->endpoint = endpoint;
    port->listener = listener;
    err = driver->listen(port, address, listener->port_urls[listener->port_count],
                         sizeof listener->port_urls[0]);
    if (err != KITH_OK) {
        kith_free(session->env, port);
        return err;
    }
    listener->ports[listener->port_count++] = port;
    return KITH_OK;
}

static const char *secure_scheme(const struct kith_driver *driver, int secure)
{
    const struct kith_scheme *scheme = driver->schemes;
    while (scheme->name != NULL && scheme->secure != secure) {
        scheme++;
    }
    return scheme->name;
}

/* "any": every driver with a scheme that fits the session's security. */
static kith_err open_all(struct kith_listener *listener, const struct kith_url *url,
                         kith_tls12 tls12)
{
    struct kith_session *session = listener->session;
    int secure = session->config.security != KITH_SECURITY_NONE;
    for (size_t i = 0; session->drivers[i] != NULL; i++) {
        struct kith_address address = {
            secure_scheme(session->drivers[i], secure), url->host, url->host, url->port, "", tls12};
        kith_err err = address.scheme == NULL ? KITH_OK : open_port(listener, i, &address);
        if (err != KITH_OK) {
            return err;
        }
    }
    return KITH_OK;
}

kith_err kith_listener_open(struct kith_session *session, const char *text,
                            const kith_listen_options *options, struct kith_listener **out)
{
    struct kith_listener *listener;
    struct kith_url url;
    size_t index;
    kith_err err = kith_url_parse(text, &url);
    if (err == KITH_OK) {
        err = kith_session_driver(session, url.scheme, &index);
    }
    if (err == KITH_OK) {
        err = kith_session_check_tls12(session, options->tls12, KITH_TLS12_PSK);
    }
    if (err != KITH_OK) {
        return err;
    }
    if (session->has_pki && session->pki.chain.count == 0) {
        return kith_fail(KITH_ERR_CONFIG, "a listener shows a certificate: give "
                                          "kith_session_set_certificates() a chain and its key");
    }
    if (session->listener_count >= KITH_LISTENERS_MAX) {
        return kith_fail(KITH_ERR_LIMIT, "a session has at most %d listeners", KITH_LISTENERS_MAX);
    }
    listener = kith_alloc(session->env, sizeof *listener);
    if (listener == NULL) {
        return KITH_ERR_NOMEM;
    }
    listener->session = session;
    listener->tag = options->tag;
    listener->events.run = run_events;
    strcpy(listener->url, text);
    kith_list_append(&session->listeners, &listener->node);
    session->listener_count++;
    kith_detail_clear();
    if (strcmp(url.scheme, "any") == 0) {
        listener->failed = open_all(listener, &url, options->tls12);
    } else {
        const struct kith_address address = {url.scheme, url.host, url.host,
                                             url.port,   "",       options->tls12};
        listener->failed = open_port(listener, index, &address);
    }
    kith_text_copy(listener->detail, sizeof listener->detail, kith_detail());
    kith_detail_clear(); /* the call succeeds: its event tells */
    kith_defer(session->env, &listener->events);
    kith_discover_again(session, 0);
    *out = listener;
    return KITH_OK;
}

void kith_listener_end(struct kith_listener *listener)
{
    listener->closing = 1;
    for (size_t i = 0; i < listener->port_count; i++) {
        listener->ports[i]->endpoint->driver->port_close(listener->ports[i]);
        kith_free(listener->session->env, listener->ports[i]);
    }
    listener->port_count = 0;
    kith_defer(listener->session->env, &listener->events);
    kith_discover_again(listener->session, 0);
}
