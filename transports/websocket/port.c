/* SPDX-License-Identifier: MIT
 *
 * port.c: listening sockets. They are ours, not lws's, so that errors can be told apart, several
 * can share one vhost, and the core is asked before a stranger costs anything.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "transports/websocket/ws.h"

/* ---- listening -------------------------------------------------------------------------- */

static int open_listener(const struct kith_address *address)
{
    int fd = kith__net_bind(address, SOCK_STREAM), error;
    if (fd < 0 || listen(fd, KITH__WS_BACKLOG) == 0) {
        return fd;
    }
    error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

static void accept_ready(struct kith_watch *watch, unsigned events);
static void accept_again(struct kith_timer *timer);

kith_err kith__ws_listen(struct kith_port *base, const struct kith_address *address, char *url,
                         size_t url_bytes)
{
    struct kith__ws_port *port = (struct kith__ws_port *)(void *)base;
    struct kith__ws_endpoint *endpoint = (struct kith__ws_endpoint *)(void *)base->endpoint;
    struct kith_env *env = base->endpoint->env;
    kith_err err;
    if (strcmp(address->scheme, kith__ws_scheme(endpoint)) != 0) {
        return kith_fail(KITH_ERR_CONFIG, "%s:// does not fit the session's security; use %s://",
                         address->scheme, kith__ws_scheme(endpoint));
    }
    err = kith__ws_way_of(endpoint, address->tls12, &port->way);
    if (err != KITH_OK) {
        return err;
    }
    port->fd = open_listener(address);
    if (port->fd < 0) {
        return kith__net_bind_failed(address, errno);
    }
    port->watch.on_ready = accept_ready;
    port->pause.fire = accept_again;
    err = kith__net_bound_url(port->fd, address, url, url_bytes);
    if (err == KITH_OK) {
        err = env->io->watch(env, &port->watch, port->fd, KITH_READABLE);
    }
    if (err != KITH_OK) {
        kith__ws_port_close(base);
    }
    return err;
}

void kith__ws_port_close(struct kith_port *base)
{
    struct kith__ws_port *port = (struct kith__ws_port *)(void *)base;
    struct kith__ws_endpoint *endpoint = (struct kith__ws_endpoint *)(void *)base->endpoint;
    struct kith_env *env = base->endpoint->env;
    if (port->fd >= 0) {
        env->io->unwatch(env, &port->watch);
        kith_timer_stop(env, &port->pause);
        (void)close(port->fd);
        port->fd = -1;
        endpoint->ports_closed++;
    }
}

/* ---- accepting -------------------------------------------------------------------------- */

static void hand_to_lws(struct kith__ws_link *link, int fd)
{
    struct kith__ws_endpoint *endpoint = kith__ws_endpoint_of(link);
    lws_adopt_desc_t adopt;
    memset(&adopt, 0, sizeof adopt);
    adopt.vh = link->way->vhost;
    adopt.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | (endpoint->secure ? LWS_ADOPT_ALLOW_SSL : 0);
    adopt.fd.sockfd = fd;
    adopt.opaque = link;
    link->stage = KITH__WS_HANDSHAKE;
    /* From here on lws closes the socket, also when it does not take it. */
    if (lws_adopt_descriptor_vhost_via_info(&adopt) == NULL) {
        kith__ws_link_over(link);
    }
    kith_defer(endpoint->base.env, &endpoint->chores);
}

/* The core takes the link or not; a link that it took is from now on the driver's to end. */
static void welcome(struct kith__ws_port *port, int fd, const struct sockaddr_storage *peer,
                    socklen_t peer_bytes)
{
    struct kith__ws_way *way = port->way; /* the core may close the port */
    struct kith__ws_link *link;
    char remote[KITH__NET_ADDRESS_BYTES];
    kith__net_address_format((const struct sockaddr *)(const void *)peer, peer_bytes, remote);
    kith__ws_tcp_connected(fd);
    link = (struct kith__ws_link *)(void *)kith_up_accepted(&port->base, remote);
    if (link == NULL) {
        (void)close(fd);
        return;
    }
    link->way = way;
    kith_text_copy(link->remote, sizeof link->remote, remote);
    if (kith__ws_link_init(link) != KITH_OK) {
        kith__ws_link_fail(link, KITH_REASON_INTERNAL, "out of memory");
        kith__ws_link_over(link);
        (void)close(fd);
    } else if (link->closing || !kith__ws_link_hear(link, fd)) {
        kith__ws_link_over(link);
        (void)close(fd);
    } else {
        hand_to_lws(link, fd);
    }
}

static int is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

/* Looks away for a moment: the socket stays readable, and what waits keeps its place outside. */
static void pause_accepting(struct kith__ws_port *port, uint32_t pause_ms)
{
    struct kith_env *env = port->base.endpoint->env;
    if (kith_timer_set(env, &port->pause, env->now_us + pause_ms * UINT64_C(1000)) == KITH_OK) {
        (void)env->io->watch(env, &port->watch, port->fd, 0);
    }
}

static void cannot_accept(struct kith__ws_port *port, int error)
{
    char reason[80];
    kith_log(port->base.endpoint->env, KITH_LOG_WARN, "a connection cannot be accepted now: %s",
             kith__net_errno_text(error, reason, sizeof reason));
    pause_accepting(port, KITH__WS_ACCEPT_PAUSE_MS);
}

static void accept_again(struct kith_timer *timer)
{
    struct kith__ws_port *port = KITH_CONTAINER(timer, struct kith__ws_port, pause);
    struct kith_env *env = port->base.endpoint->env;
    if (env->io->watch(env, &port->watch, port->fd, KITH_READABLE) != KITH_OK) {
        kith_log(env, KITH_LOG_ERROR, "the event loop does not take a listening socket any more");
    }
}

static void accept_ready(struct kith_watch *watch, unsigned events)
{
    struct kith__ws_port *port = KITH_CONTAINER(watch, struct kith__ws_port, watch);
    struct kith__ws_endpoint *endpoint = (struct kith__ws_endpoint *)(void *)port->base.endpoint;
    unsigned closed = endpoint->ports_closed;
    (void)events;
    kith__ws_enter(endpoint);
    /* An up-call may close the port, and then it is no longer ours to look at. */
    for (int i = 0; i < KITH__WS_ACCEPTS_PER_TURN && endpoint->ports_closed == closed; i++) {
        struct sockaddr_storage peer;
        socklen_t bytes = sizeof peer;
        uint32_t after_ms = kith_up_accept_after_ms(&port->base);
        int fd;
        if (after_ms > 0) {
            pause_accepting(port, after_ms);
            return;
        }
        fd = kith__net_accept(port->fd, &peer, &bytes);
        if (fd >= 0) {
            welcome(port, fd, &peer, bytes);
        } else if (is_shortage(errno)) {
            cannot_accept(port, errno);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* everything else concerns one connection that is gone already */
    }
}
