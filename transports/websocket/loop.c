/* SPDX-License-Identifier: MIT
 *
 * loop.c: lws on the event loop of the runtime: its sockets become watches of kith_io, its timers
 * one kith_timer, its log lines ours. lws's own poll() is never called. Must not know what a link
 * is about.
 */
#include <poll.h>
#include <string.h>

#include "transports/websocket/ws.h"

#define LWS_LINE_BYTES 256 /* lws's own buffer for one line */

/* lws may want nothing for hours; then it is asked again after this. */
#define CHORES_MS_MAX 60000

/* lws logs some lines without saying for which context. Each thread runs one loop, so what it last
 * entered is what speaks. */
static _Thread_local struct kith__ws_endpoint *speaking;

void kith__ws_enter(struct kith__ws_endpoint *endpoint)
{
    speaking = endpoint;
}

/* ---- log -------------------------------------------------------------------------------- */

/* lws calls many things errors that any stranger can cause: all of it is debugging. */
static void write_log(struct kith__ws_endpoint *endpoint, const char *line, size_t count)
{
    char text[LWS_LINE_BYTES];
    while (count > 0 && (line[count - 1] == '\n' || line[count - 1] == ' ')) {
        count--;
    }
    if (endpoint != NULL && count > 0) {
        kith_printable(line, count, text, sizeof text);
        kith_log(endpoint->base.env, KITH_LOG_DEBUG, "lws: %s", text);
    }
}

static void log_of_context(struct lws_log_cx *log, int level, const char *line, size_t count)
{
    (void)level;
    write_log(log->opaque, line, count);
}

static void log_of_nobody(int level, const char *line)
{
    (void)level;
    write_log(speaking, line, strnlen(line, LWS_LINE_BYTES - 1));
}

/* lws writes every line into one buffer of the process, from whatever thread. Where nobody debugs,
 * that never happens; where somebody does, lines may mix, and are read with care. */
void kith__ws_log_start(struct kith__ws_endpoint *endpoint)
{
    static int started; /* the caller holds the lock */
    int wanted = endpoint->base.env->log_level >= KITH_LOG_DEBUG;
    int levels = wanted ? LLL_ERR | LLL_WARN | LLL_NOTICE : 0;
    if (wanted || !started) {
        lws_set_log_level(levels, log_of_nobody);
        started = 1;
    }
    endpoint->log.u.emit_cx = log_of_context;
    endpoint->log.opaque = endpoint;
    endpoint->log.lll_flags = LLLF_LOG_CONTEXT_AWARE | (uint32_t)levels;
}

/* ---- sockets ---------------------------------------------------------------------------- */

void kith__ws_socket_init(struct kith__ws_socket *socket, struct kith__ws_endpoint *endpoint,
                          void (*on_ready)(struct kith_watch *watch, unsigned events))
{
    socket->watch.on_ready = on_ready;
    socket->endpoint = endpoint;
    socket->fd = -1;
}

void kith__ws_service(struct kith__ws_socket *socket, unsigned events)
{
    struct kith__ws_endpoint *endpoint = socket->endpoint;
    struct lws_pollfd ready = {.fd = socket->fd, .events = POLLIN | POLLOUT};
    if ((events & KITH_READABLE) != 0) {
        ready.revents |= POLLIN;
    }
    if ((events & KITH_WRITABLE) != 0) {
        ready.revents |= POLLOUT;
    }
    kith__ws_enter(endpoint);
    (void)lws_service_fd(endpoint->context, &ready);
    kith_defer(endpoint->base.env, &endpoint->chores);
}

static struct kith__ws_endpoint *endpoint_of(struct lws *wsi)
{
    struct kith__ws_endpoint *endpoint;
    memcpy(&endpoint, lws_evlib_wsi_to_evlib_pt(wsi), sizeof endpoint);
    return endpoint;
}

static int evlib_start(struct lws_context *context, void *loop, int thread)
{
    struct kith__ws_endpoint *endpoint = loop;
    memcpy(lws_evlib_tsi_to_evlib_pt(context, thread), &endpoint, sizeof endpoint);
    return 0;
}

static int evlib_nothing(struct lws *wsi)
{
    (void)wsi;
    return 0;
}

static void watch_socket(struct kith__ws_socket *socket, struct kith__ws_link *link,
                         unsigned events)
{
    struct kith_env *env = socket->endpoint->base.env;
    if (events == socket->events) {
        return;
    }
    socket->events = events;
    if (env->io->watch(env, &socket->watch, socket->fd, events) == KITH_OK) {
        return;
    }
    kith_log(env, KITH_LOG_ERROR, "the event loop does not take a socket");
    if (link != NULL) {
        kith__ws_link_fail(link, KITH_REASON_INTERNAL, "the event loop does not take the socket");
        kith__ws_link_cut(link);
    }
}

void kith__ws_socket_stop(struct kith__ws_socket *socket)
{
    struct kith_env *env = socket->endpoint->base.env;
    env->io->unwatch(env, &socket->watch);
    socket->fd = -1;
    socket->events = 0;
}

/* lws starts and stops its interest in a socket; stopping both directions in one call is how it
 * says that the socket will be closed. */
static void evlib_io(struct lws *wsi, unsigned int flags)
{
    const unsigned both = LWS_EV_READ | LWS_EV_WRITE;
    struct kith__ws_endpoint *endpoint = endpoint_of(wsi);
    struct kith__ws_link *link = lws_get_opaque_user_data(wsi);
    struct kith__ws_socket *socket = link != NULL ? &link->socket : &endpoint->wakeup;
    unsigned events = ((flags & LWS_EV_READ) != 0 ? KITH_READABLE : 0u) |
                      ((flags & LWS_EV_WRITE) != 0 ? KITH_WRITABLE : 0u);
    if (link == NULL && socket->fd >= 0 && socket->fd != lws_get_socket_fd(wsi)) {
        return; /* of a link that the driver has given up */
    }
    if ((flags & LWS_EV_STOP) != 0 && (flags & both) == both) {
        kith__ws_socket_stop(socket);
        return;
    }
    if (socket->fd < 0) {
        socket->fd = lws_get_socket_fd(wsi);
        if (link != NULL) {
            link->wsi = wsi;
        }
    }
    watch_socket(socket, link,
                 (flags & LWS_EV_START) != 0 ? socket->events | events : socket->events & ~events);
}

static int evlib_closing(struct lws *wsi)
{
    struct kith__ws_link *link = lws_get_opaque_user_data(wsi);
    if (link != NULL) {
        kith__ws_link_explain(link, wsi);
    }
    return 0;
}

static const struct lws_event_loop_ops operations = {
    .name = "kith",
    .init_pt = evlib_start,
    .init_vhost_listen_wsi = evlib_nothing,
    .sock_accept = evlib_nothing,
    .io = evlib_io,
    .wsi_logical_close = evlib_closing,
    .evlib_size_pt = sizeof(struct kith__ws_endpoint *), /* zero would switch lws's timers off */
};

const lws_plugin_evlib_t kith__ws_event_library = {
    .hdr = {"kith", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC},
    .ops = &operations,
};

/* ---- chores: timers, and bytes that lws has read but not looked at ---------------------- */

static void set_alarm(struct kith__ws_endpoint *endpoint, int wait_ms)
{
    struct kith_env *env = endpoint->base.env;
    uint64_t at_us = env->now_us + (uint64_t)wait_ms * 1000;
    if (kith_timer_is_set(&endpoint->alarm) && endpoint->alarm.at_us <= at_us) {
        return; /* too early does no harm, and saves moving it for every packet */
    }
    if (kith_timer_set(env, &endpoint->alarm, at_us) != KITH_OK) {
        kith_log(env, KITH_LOG_ERROR, "websocket: out of memory for a timer");
    }
}

static void do_chores(struct kith_deferred *deferred)
{
    struct kith__ws_endpoint *endpoint = KITH_CONTAINER(deferred, struct kith__ws_endpoint, chores);
    int wait_ms;
    kith__ws_enter(endpoint);
    wait_ms = lws_service_adjust_timeout(endpoint->context, CHORES_MS_MAX, 0);
    if (wait_ms <= 0) {
        (void)_lws_plat_service_forced_tsi(endpoint->context, 0);
        wait_ms = 1;
    }
    set_alarm(endpoint, wait_ms);
}

static void ring(struct kith_timer *timer)
{
    struct kith__ws_endpoint *endpoint = KITH_CONTAINER(timer, struct kith__ws_endpoint, alarm);
    kith_defer(endpoint->base.env, &endpoint->chores);
}

void kith__ws_chores_start(struct kith__ws_endpoint *endpoint)
{
    endpoint->chores.run = do_chores;
    endpoint->alarm.fire = ring;
}

void kith__ws_chores_stop(struct kith__ws_endpoint *endpoint)
{
    kith_undefer(&endpoint->chores);
    kith_timer_stop(endpoint->base.env, &endpoint->alarm);
}
