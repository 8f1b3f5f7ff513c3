/* SPDX-License-Identifier: MIT
 *
 * poll.c: avahi's sockets and timers, on the loop of the session. avahi names moments by the wall
 * clock; they are taken as spans of time when they are set, so that a clock that is put right
 * neither stops nor hurries anything.
 */
#include <sys/time.h>

#include "discovery/shared/multicast.h"

struct AvahiWatch {
    struct kith_watch watch;
    struct kith_env *env;
    int fd;
    AvahiWatchEvent came;
    AvahiWatchCallback callback;
    void *user;
};

struct AvahiTimeout {
    struct kith_timer timer;
    struct kith_env *env;
    AvahiTimeoutCallback callback;
    void *user;
};

static unsigned events_of(AvahiWatchEvent event)
{
    return ((event & AVAHI_WATCH_IN) != 0 ? KITH_READABLE : 0u) |
           ((event & AVAHI_WATCH_OUT) != 0 ? KITH_WRITABLE : 0u);
}

static void on_ready(struct kith_watch *base, unsigned events)
{
    AvahiWatch *watch = KITH_CONTAINER(base, struct AvahiWatch, watch);
    watch->came = (AvahiWatchEvent)(((events & KITH_READABLE) != 0 ? AVAHI_WATCH_IN : 0) |
                                    ((events & KITH_WRITABLE) != 0 ? AVAHI_WATCH_OUT : 0));
    watch->callback(watch, watch->fd, watch->came, watch->user); /* may free it */
}

static AvahiWatch *watch_new(const AvahiPoll *poll, int fd, AvahiWatchEvent event,
                             AvahiWatchCallback callback, void *user)
{
    struct kith_env *env = poll->userdata;
    AvahiWatch *watch = kith_alloc(env, sizeof *watch);
    if (watch == NULL) {
        return NULL;
    }
    watch->watch.on_ready = on_ready;
    watch->env = env;
    watch->fd = fd;
    watch->callback = callback;
    watch->user = user;
    if (env->io->watch(env, &watch->watch, fd, events_of(event)) != KITH_OK) {
        kith_free(env, watch);
        return NULL;
    }
    return watch;
}

static void watch_update(AvahiWatch *watch, AvahiWatchEvent event)
{
    if (watch->env->io->watch(watch->env, &watch->watch, watch->fd, events_of(event)) != KITH_OK) {
        kith_log(watch->env, KITH_LOG_ERROR, "mdns: a socket cannot be watched");
    }
}

static AvahiWatchEvent watch_get_events(AvahiWatch *watch)
{
    return watch->came;
}

static void watch_free(AvahiWatch *watch)
{
    watch->env->io->unwatch(watch->env, &watch->watch);
    kith_free(watch->env, watch);
}

static void fire(struct kith_timer *timer)
{
    AvahiTimeout *timeout = KITH_CONTAINER(timer, struct AvahiTimeout, timer);
    timeout->callback(timeout, timeout->user); /* may free it */
}

static int set(AvahiTimeout *timeout, const struct timeval *at)
{
    struct timeval now;
    int64_t wait_us;
    kith_timer_stop(timeout->env, &timeout->timer);
    if (at == NULL) {
        return 1;
    }
    (void)gettimeofday(&now, NULL);
    wait_us = ((int64_t)at->tv_sec - now.tv_sec) * 1000000 + (at->tv_usec - now.tv_usec);
    return kith_timer_set(timeout->env, &timeout->timer,
                          timeout->env->now_us + (wait_us > 0 ? (uint64_t)wait_us : 0)) == KITH_OK;
}

static AvahiTimeout *timeout_new(const AvahiPoll *poll, const struct timeval *at,
                                 AvahiTimeoutCallback callback, void *user)
{
    struct kith_env *env = poll->userdata;
    AvahiTimeout *timeout = kith_alloc(env, sizeof *timeout);
    if (timeout == NULL) {
        return NULL;
    }
    timeout->timer.fire = fire;
    timeout->env = env;
    timeout->callback = callback;
    timeout->user = user;
    if (!set(timeout, at)) {
        kith_free(env, timeout);
        return NULL;
    }
    return timeout;
}

static void timeout_update(AvahiTimeout *timeout, const struct timeval *at)
{
    if (!set(timeout, at)) {
        kith_log(timeout->env, KITH_LOG_ERROR, "mdns: no memory for a timer");
    }
}

static void timeout_free(AvahiTimeout *timeout)
{
    kith_timer_stop(timeout->env, &timeout->timer);
    kith_free(timeout->env, timeout);
}

void kith__mdns_poll_init(AvahiPoll *poll, struct kith_env *env)
{
    *poll = (AvahiPoll){.userdata = env,
                        .watch_new = watch_new,
                        .watch_update = watch_update,
                        .watch_get_events = watch_get_events,
                        .watch_free = watch_free,
                        .timeout_new = timeout_new,
                        .timeout_update = timeout_update,
                        .timeout_free = timeout_free};
}
