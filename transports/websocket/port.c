/* SPDX-License-Identifier: MIT
 *
 * port.c: listening sockets. They are ours, not lws's, so that errors can be told apart, several
 * can share one vhost, and the core is asked before a stranger costs anything.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transports/websocket/ws.h"

/* ---- listening -------------------------------------------------------------------------- */

static kith_err error_of(int error)
{
    switch (error) {
    case EADDRINUSE:
        return KITH_ERR_IN_USE;
    case EACCES:
    case EPERM:
        return KITH_ERR_PERMISSION;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return KITH_ERR_ADDRESS;
    case ENOMEM:
    case ENOBUFS:
        return KITH_ERR_NOMEM;
    default:
        return KITH_ERR_IO;
    }
}

static const char *advice(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program, or another listener here, has it; choose another port, or 0 for "
               "any that is free";
    case EACCES:
    case EPERM:
        return "ports below 1024 are reserved; choose a higher one";
    case EADDRNOTAVAIL:
        return "this machine has no such address; choose one of its own, or * for all";
    case EAFNOSUPPORT:
        return "this machine does not have that kind of address; choose another, or * for all";
    case EMFILE:
    case ENFILE:
        return "there are no file descriptors left; raise the limit (ulimit -n)";
    default:
        return "the system does not permit it";
    }
}

static kith_err refuse(const struct kith_address *address, int error)
{
    int six = strchr(address->host, ':') != NULL;
    char reason[80];
    return kith_fail(error_of(error), "%s://%s%s%s:%u cannot be listened on: %s: %s",
                     address->scheme, six ? "[" : "", address->host, six ? "]" : "", address->port,
                     kith__ws_errno_text(error, reason, sizeof reason), advice(error));
}

/* The descriptor, or -1 and errno. dual: an IPv6 socket takes IPv4 as well. */
static int open_socket(const struct sockaddr_storage *address, socklen_t bytes, int dual)
{
    int on = 1, v6only = !dual, error;
    int fd = kith__ws_socket(address->ss_family, SOCK_STREAM);
    if (fd < 0) {
        return -1;
    }
    /* Or a restarted program waits for minutes until its old connections are forgotten. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if ((address->ss_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only) == 0) &&
        bind(fd, (const struct sockaddr *)(const void *)address, bytes) == 0 &&
        listen(fd, KITH__WS_BACKLOG) == 0) {
        return fd;
    }
    error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

/* "*": all of IPv6 and IPv4 with one socket, or all of IPv4 where there is no IPv6. */
static int open_any(uint16_t port)
{
    struct sockaddr_storage address;
    socklen_t bytes;
    int fd = -1;
    errno = EAFNOSUPPORT;
    if (kith__ws_address_parse("::", port, &address, &bytes)) {
        fd = open_socket(&address, bytes, 1);
    }
    if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) &&
        kith__ws_address_parse("0.0.0.0", port, &address, &bytes)) {
        fd = open_socket(&address, bytes, 0);
    }
    return fd;
}

/* Where others connect to: what the socket is bound to, or for all addresses the best one. */
static kith_err write_url(int fd, const struct kith_address *address, char *url, size_t url_bytes)
{
    struct sockaddr_storage bound;
    socklen_t bytes = sizeof bound;
    char where[KITH__WS_ADDRESS_BYTES], machine[KITH__WS_ADDRESS_BYTES];
    const char *host = where;
    const char *port;
    if (getsockname(fd, (struct sockaddr *)(void *)&bound, &bytes) != 0) {
        return refuse(address, errno);
    }
    kith__ws_address_format((const struct sockaddr *)(const void *)&bound, bytes, where);
    port = strrchr(where, ':');
    if (port == NULL) {
        return KITH_ERR_IO;
    }
    if (strcmp(address->host, "*") == 0) {
        kith__ws_address_of_machine(machine);
        host = machine;
    }
    if (snprintf(url, url_bytes, "%s://%.*s%s", address->scheme,
                 host == where ? (int)(port - where) : (int)strlen(host), host,
                 port) >= (int)url_bytes) {
        return KITH_ERR_IO;
    }
    return KITH_OK;
}

static int open_listener(const struct kith_address *address)
{
    struct sockaddr_storage bind_to;
    socklen_t bytes;
    if (strcmp(address->host, "*") == 0) {
        return open_any(address->port);
    }
    if (!kith__ws_address_parse(address->host, address->port, &bind_to, &bytes)) {
        errno = EINVAL;
        return -1;
    }
    return open_socket(&bind_to, bytes, 0);
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
        return errno == EINVAL ? kith_fail(KITH_ERR_ADDRESS,
                                           "\"%s\" is not an IP address; to listen, use one of "
                                           "this machine's, or * for all",
                                           address->host)
                               : refuse(address, errno);
    }
    port->watch.on_ready = accept_ready;
    port->pause.fire = accept_again;
    err = write_url(port->fd, address, url, url_bytes);
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
    char remote[KITH__WS_ADDRESS_BYTES];
    kith__ws_address_format((const struct sockaddr *)(const void *)peer, peer_bytes, remote);
    kith__ws_socket_connected(fd);
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
             kith__ws_errno_text(error, reason, sizeof reason));
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
        fd = kith__ws_accept(port->fd, &peer, &bytes);
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
