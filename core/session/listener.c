/* SPDX-License-Identifier: MIT
 *
 * listener.c: addresses where links come in. One handle may stand for several ports, one a
 * transport. What cannot listen only for now waits, and is tried again; a port whose address is
 * gone stays open, so that its number is still its own when the address is back. It watches nothing
 * itself (network.c tells it). Pure.
 */
#include <string.h>

#include "base/err.h"
#include "bounds.h"
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

static void close_port(struct kith_listening *at, struct kith_env *env)
{
    if (at->port != NULL) {
        at->port->endpoint->driver->port_close(at->port);
        kith_free(env, at->port);
        at->port = NULL;
        at->is_cut_off = 0;
        at->is_told = 0;
    }
}

static void close_all(struct kith_listener *listener)
{
    struct kith_env *env = listener->session->env;
    for (size_t i = 0; i < KITH_DRIVERS_MAX; i++) {
        close_port(&listener->at[i], env);
    }
    kith_timer_stop(env, &listener->retry_timer);
}

void kith_listener_destroy(struct kith_listener *listener)
{
    struct kith_session *session = listener->session;
    close_all(listener);
    kith_undefer(&listener->events);
    kith_list_remove(&listener->node);
    session->listener_count--;
    kith_free(session->env, listener);
}

/* ---- events -----------------------------------------------------------------------------------
 */

static void tell_ready(struct kith_listener *listener)
{
    for (size_t i = 0; i < KITH_DRIVERS_MAX && !listener->closing; i++) {
        struct kith_listening *at = &listener->at[i];
        if (at->port != NULL && !at->is_cut_off && !at->is_told) {
            at->is_told = 1;
            kith_log(listener->session->env, KITH_LOG_INFO, "listening on %s", at->url);
            tell(listener, KITH_LISTENER_READY, at->url, KITH_OK, "");
        }
    }
}

static void tell_waiting(struct kith_listener *listener)
{
    listener->is_wait_told = 1;
    for (size_t i = 0; i < KITH_DRIVERS_MAX; i++) {
        listener->at[i].is_told &= !listener->at[i].is_cut_off; /* READY is news again */
    }
    kith_log(listener->session->env, KITH_LOG_INFO, "%s waits: %s", listener->text,
             listener->detail);
    tell(listener, KITH_LISTENER_WAITING, listener->text, KITH_ERR_NETWORK, listener->detail);
}

/* Tells, at the end of a turn, what became of the ports, and of kith_listener_close(). */
static void run_events(struct kith_deferred *deferred)
{
    struct kith_listener *listener = KITH_CONTAINER(deferred, struct kith_listener, events);
    struct kith_session *session = listener->session;
    if (listener->failed == KITH_OK) {
        tell_ready(listener);
    }
    if (listener->closing) {
        tell(listener, KITH_LISTENER_CLOSED, listener->text, KITH_OK, "");
    } else if (listener->failed != KITH_OK) {
        tell(listener, KITH_LISTENER_FAILED, listener->text, listener->failed, listener->detail);
    } else {
        if (listener->is_waiting && !listener->is_wait_told) {
            tell_waiting(listener);
        }
        return;
    }
    kith_listener_destroy(listener);
    kith_session_poke(session);
}

/* ---- ports ------------------------------------------------------------------------------------
 */

static kith_err open_port(struct kith_listener *listener, size_t index)
{
    struct kith_session *session = listener->session;
    struct kith_listening *at = &listener->at[index];
    const struct kith_address address = {
        at->scheme, listener->url.host, listener->url.host, listener->url.port,
        "",         listener->tls12};
    struct kith_endpoint *endpoint;
    struct kith_port *port;
    kith_err err = kith_session_endpoint(session, index, &endpoint);
    if (err != KITH_OK) {
        return err;
    }
    port = kith_alloc(session->env, endpoint->driver->port_bytes);
    if (port == NULL) {
        return KITH_ERR_NOMEM;
    }
    port->endpoint = endpoint;
    port->listener = listener;
    err = endpoint->driver->listen(port, &address, at->url, sizeof at->url);
    if (err != KITH_OK) {
        kith_free(session->env, port);
        return err;
    }
    at->port = port;
    return KITH_OK;
}

/* Is an open port still good? Where it is not, and never will be, it is closed. */
static kith_err check_port(struct kith_listening *at, struct kith_env *env)
{
    const struct kith_driver *driver = at->port->endpoint->driver;
    char url[KITH_URL_BYTES_MAX];
    kith_err err;
    if (driver->port_check == NULL) {
        return KITH_OK;
    }
    err = driver->port_check(at->port, url, sizeof url);
    at->is_cut_off = err == KITH_ERR_NETWORK;
    if (err == KITH_OK && strcmp(url, at->url) != 0) {
        strcpy(at->url, url);
        at->is_told = 0;
    } else if (err != KITH_OK && err != KITH_ERR_NETWORK) {
        close_port(at, env);
    }
    return err;
}

static kith_err look_at(struct kith_listener *listener, size_t index)
{
    struct kith_listening *at = &listener->at[index];
    kith_err err = KITH_ERR_IO;
    if (at->scheme == NULL) {
        return KITH_OK;
    }
    if (at->port != NULL) {
        err = check_port(at, listener->session->env);
    }
    return at->port != NULL ? err : open_port(listener, index);
}

/* Waits on, for err, before the next attempt. */
static void wait_on(struct kith_listener *listener)
{
    struct kith_env *env = listener->session->env;
    if (!listener->is_waiting || strcmp(listener->detail, kith_detail()) != 0) {
        kith_text_copy(listener->detail, sizeof listener->detail, kith_detail());
        listener->is_wait_told = 0;
    }
    listener->is_waiting = 1;
    if (kith_timer_set(env, &listener->retry_timer,
                       env->now_us + (uint64_t)listener->pause_ms * 1000) != KITH_OK) {
        listener->failed = KITH_ERR_NOMEM; /* no memory to wait with */
    }
    listener->pause_ms = listener->pause_ms * 2 > KITH_LISTEN_RETRY_MS_MAX
                             ? KITH_LISTEN_RETRY_MS_MAX
                             : listener->pause_ms * 2;
}

/* All is well. An address that has just come may go again before whoever watches the network has
 * seen either, where that only looks now and then: one more look. */
static void recovered(struct kith_listener *listener)
{
    struct kith_env *env = listener->session->env;
    int was_waiting = listener->is_waiting;
    listener->is_waiting = 0;
    listener->pause_ms = KITH_LISTEN_RETRY_MS_MIN;
    if (!was_waiting ||
        kith_timer_set(env, &listener->retry_timer,
                       env->now_us + (uint64_t)KITH_LISTEN_RETRY_MS_MAX * 1000) != KITH_OK) {
        kith_timer_stop(env, &listener->retry_timer);
    }
}

/* Opens what is not open, looks at what is, and has told what came of it at the end of the turn. */
static void attempt(struct kith_listener *listener)
{
    int has_waiting = 0;
    if (listener->closing || listener->failed != KITH_OK) {
        return;
    }
    for (size_t i = 0; i < KITH_DRIVERS_MAX && listener->failed == KITH_OK; i++) {
        kith_err err;
        kith_detail_clear();
        err = look_at(listener, i);
        if (err == KITH_ERR_NETWORK && !has_waiting) {
            has_waiting = 1;
            wait_on(listener);
        } else if (err != KITH_OK && err != KITH_ERR_NETWORK) {
            listener->failed = err;
            kith_text_copy(listener->detail, sizeof listener->detail, kith_detail());
        }
    }
    if (listener->failed != KITH_OK) {
        close_all(listener);
    } else if (!has_waiting) {
        recovered(listener);
    }
    kith_detail_clear(); /* the call that led here succeeds: an event tells */
    kith_defer(listener->session->env, &listener->events);
    kith_discover_again(listener->session, 0);
}

static void try_again(struct kith_timer *timer)
{
    struct kith_listener *listener = KITH_CONTAINER(timer, struct kith_listener, retry_timer);
    if (!listener->session->is_suspended) {
        attempt(listener);
    }
}

void kith_listener_look(struct kith_listener *listener)
{
    listener->pause_ms = KITH_LISTEN_RETRY_MS_MIN;
    attempt(listener);
}

void kith_listener_retry(struct kith_listener *listener)
{
    if (listener->is_waiting) {
        listener->is_wait_told = 0;
        kith_listener_look(listener);
    }
}

/* ---- opening and closing ----------------------------------------------------------------------
 */

static const char *secure_scheme(const struct kith_driver *driver, int secure)
{
    const struct kith_scheme *scheme = driver->schemes;
    while (scheme->name != NULL && scheme->secure != secure) {
        scheme++;
    }
    return scheme->name;
}

/* Which transports it is for; "any": every one with a scheme that fits the session's security. */
static void choose(struct kith_listener *listener, size_t index)
{
    struct kith_session *session = listener->session;
    int secure = session->config.security != KITH_SECURITY_NONE;
    if (strcmp(listener->url.scheme, "any") != 0) {
        listener->at[index].scheme = listener->url.scheme;
        return;
    }
    for (size_t i = 0; session->drivers[i] != NULL; i++) {
        listener->at[i].scheme = secure_scheme(session->drivers[i], secure);
    }
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
    listener->url = url;
    listener->tls12 = options->tls12;
    listener->pause_ms = KITH_LISTEN_RETRY_MS_MIN;
    listener->retry_timer.fire = try_again;
    strcpy(listener->text, text);
    kith_list_append(&session->listeners, &listener->node);
    session->listener_count++;
    choose(listener, index);
    attempt(listener);
    *out = listener;
    return KITH_OK;
}

void kith_listener_end(struct kith_listener *listener)
{
    listener->closing = 1;
    close_all(listener);
    kith_defer(listener->session->env, &listener->events);
    kith_discover_again(listener->session, 0);
}
