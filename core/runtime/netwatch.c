/* SPDX-License-Identifier: MIT
 *
 * netwatch.c: see netwatch.h. News of the system come in bursts: they are collected for a moment
 * and looked at once. Many only confirm what there is (an IPv6 router does so all day): what counts
 * is that the addresses differ, or the routes.
 */
#include "runtime/netwatch.h"

#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "bounds.h"

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): nobody gains by a collision. */
static uint64_t mix(uint64_t digest, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        digest = (digest ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return digest;
}

static uint64_t digest_of(const uv_interface_address_t *one)
{
    uint64_t digest = mix(UINT64_C(0xcbf29ce484222325), one->name, strlen(one->name));
    if (one->address.address4.sin_family == AF_INET) {
        digest = mix(digest, &one->address.address4.sin_addr, 4);
        return mix(digest, &one->netmask.netmask4.sin_addr, 4);
    }
    digest = mix(digest, &one->address.address6.sin6_addr, 16);
    return mix(digest, &one->netmask.netmask6.sin6_addr, 16);
}

/* Of all addresses of interfaces that work, in whatever order. What cannot be asked is as before.
 */
static uint64_t look(const struct kith_netwatch *watch)
{
    uv_interface_address_t *all;
    uint64_t sum = 0;
    int count;
    if (uv_interface_addresses(&all, &count) != 0) {
        return watch->addresses;
    }
    for (int i = 0; i < count; i++) {
        sum += digest_of(&all[i]);
    }
    uv_free_interface_addresses(all, count);
    return sum;
}

static void wait_ms(struct kith_netwatch *watch, uint32_t ms)
{
    struct kith_env *env = watch->env;
    if (kith_timer_set(env, &watch->timer, env->now_us + (uint64_t)ms * 1000) != KITH_OK) {
        kith_log(env, KITH_LOG_WARN, "out of memory: changes of the network are not noticed");
    }
}

static void settled(struct kith_timer *timer)
{
    struct kith_netwatch *watch = KITH_CONTAINER(timer, struct kith_netwatch, timer);
    uint64_t addresses = look(watch);
    int has_changed = watch->has_new_routes || addresses != watch->addresses;
    watch->has_new_routes = 0;
    watch->addresses = addresses;
    if (watch->fd < 0) {
        wait_ms(watch, KITH_NETWORK_POLL_MS);
    }
    if (has_changed) {
        kith_log(watch->env, KITH_LOG_INFO, "the network of this machine has changed");
        watch->changed(watch);
    }
}

static void on_news(struct kith_watch *news, unsigned events)
{
    struct kith_netwatch *watch = KITH_CONTAINER(news, struct kith_netwatch, news);
    unsigned about = kith_netwatch_read(watch->fd);
    (void)events;
    watch->has_new_routes |= (about & KITH_NEWS_ROUTES) != 0;
    /* Not put off by news that follow: where they never end, it is looked now and then. */
    if (about != 0 && !kith_timer_is_set(&watch->timer)) {
        wait_ms(watch, KITH_NETWORK_SETTLE_MS);
    }
}

void kith_netwatch_start(struct kith_netwatch *watch, struct kith_env *env)
{
    if (watch->is_started) {
        return;
    }
    watch->is_started = 1;
    watch->env = env;
    watch->news.on_ready = on_news;
    watch->timer.fire = settled;
    watch->fd = kith_netwatch_open();
    if (watch->fd >= 0 && env->io->watch(env, &watch->news, watch->fd, KITH_READABLE) != KITH_OK) {
        (void)close(watch->fd);
        watch->fd = -1;
    }
    watch->addresses = look(watch);
    if (watch->fd < 0) {
        wait_ms(watch, KITH_NETWORK_POLL_MS);
    }
}

void kith_netwatch_stop(struct kith_netwatch *watch)
{
    if (!watch->is_started) {
        return;
    }
    watch->is_started = 0;
    kith_timer_stop(watch->env, &watch->timer);
    if (watch->fd >= 0) {
        watch->env->io->unwatch(watch->env, &watch->news);
        (void)close(watch->fd);
    }
}
