/* SPDX-License-Identifier: MIT
 *
 * netwatch_test.c: changes of the network as the loop hears of them, in virtual time. That the
 * system tells of real ones is for tests/e2e, which has machines to change.
 */
#include <criterion/criterion.h>

#include "bench.h"
#include "bounds.h"
#include "runtime/netwatch.h"

static struct bench bench;
static struct kith_netwatch netwatch;
static unsigned changes, watched, unwatched;

static void note_change(struct kith_netwatch *watch)
{
    cr_assert_eq(watch, &netwatch);
    changes++;
}

static kith_err watch_fd(struct kith_env *env, struct kith_watch *watch, int fd, unsigned events)
{
    (void)env, (void)watch;
    cr_assert(fd >= 0 && events == KITH_READABLE);
    watched++;
    return KITH_OK;
}

static kith_err refuse_fd(struct kith_env *env, struct kith_watch *watch, int fd, unsigned events)
{
    (void)env, (void)watch, (void)fd, (void)events;
    return KITH_ERR_NOMEM;
}

static void unwatch_fd(struct kith_env *env, struct kith_watch *watch)
{
    (void)env, (void)watch;
    unwatched++;
}

static void open_watch(const struct kith_io *io)
{
    bench_open(&bench, 1);
    bench.env.io = io;
    netwatch = (struct kith_netwatch){.changed = note_change};
    changes = watched = unwatched = 0;
    kith_netwatch_start(&netwatch, &bench.env);
    kith_netwatch_start(&netwatch, &bench.env); /* every session asks for it */
}

static void run(uint64_t ms)
{
    uint64_t until_us = bench.env.now_us + ms * 1000;
    while (kith_timers_next_us(&bench.env.timers) <= until_us) {
        bench.env.now_us = kith_timers_next_us(&bench.env.timers);
        kith_timers_run(&bench.env);
    }
    bench.env.now_us = until_us;
}

static void close_watch(void)
{
    kith_netwatch_stop(&netwatch);
    kith_netwatch_stop(&netwatch);
    cr_assert_eq(watched, unwatched);
    bench_close(&bench);
}

/* A system that tells nothing is asked, as long as it takes. */
Test(netwatch, asks_where_nothing_is_told)
{
    static const struct kith_io io = {.watch = refuse_fd, .unwatch = unwatch_fd};
    open_watch(&io);
    cr_assert_lt(netwatch.fd, 0);
    for (unsigned i = 0; i < 5; i++) {
        netwatch.addresses ^= 1; /* there was something else */
        run(KITH_NETWORK_POLL_MS);
        cr_assert_eq(changes, i + 1);
        run(10 * KITH_NETWORK_POLL_MS);
        cr_assert_eq(changes, i + 1, "nothing has changed since");
    }
    close_watch();
}

/* Readable, and there is nothing to read: nothing happens, and no timer runs. */
Test(netwatch, no_news)
{
    static const struct kith_io io = {.watch = watch_fd, .unwatch = unwatch_fd};
    open_watch(&io);
    if (netwatch.fd >= 0) { /* a system that tells */
        cr_assert_eq(watched, 1);
        netwatch.news.on_ready(&netwatch.news, KITH_READABLE);
        cr_assert_eq(kith_timers_next_us(&bench.env.timers), KITH_TIME_NEVER);
    }
    close_watch();
}

Test(netwatch, stopped_before_it_was_started)
{
    struct kith_netwatch never = {0};
    kith_netwatch_stop(&never);
}

Test(netwatch, without_memory)
{
    static const struct kith_io io = {.watch = refuse_fd, .unwatch = unwatch_fd};
    bench_open(&bench, 1);
    bench.env.io = &io;
    bench.fail_from = bench.requests + 1;
    netwatch = (struct kith_netwatch){.changed = note_change};
    kith_netwatch_start(&netwatch, &bench.env);
    run(60000);
    cr_assert_eq(changes, 0);
    close_watch();
}
