/* SPDX-License-Identifier: MIT
 *
 * memory_test.c: sessions without memory. A whole talk is run again and again, and each time
 * another request for memory fails: a session may lose its peers over it, but nothing crashes,
 * every handle gets its final event, every ticket its fate, and nothing is left.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "world.h"

static struct world world;

/* Every step may fail; the world's own checks tell whether it failed in good order. Gives the
 * number of requests for memory made. */
static uint64_t talk(int secure, uint64_t fail_from, uint64_t fail_count)
{
    kith_session_config config = secure ? world_secure_config("Ada") : world_config("Ada");
    struct actor *ada, *bob;
    world_open(&world, 1);
    world.bench.fail_from = fail_from;
    world.bench.fail_count = fail_count;
    ada = world_join(&world, &config);
    config.display_name = "Bob";
    bob = world_join(&world, &config);
    if (ada != NULL && bob != NULL) {
        kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
        options.give_up_ms = 1000;
        actor_listen(ada);
        (void)actor_dial_url(bob, "mem://hub:9", &options);
        if (ada->url[0] != '\0') {
            (void)actor_dial(bob, ada, &options);
            (void)actor_dial(bob, ada, &options);
        }
        world_run(&world, 500);
        for (int i = 0; i < 6; i++) {
            struct actor *actor = i % 2 ? ada : bob;
            if (actor->last != NULL && actor->last->peer != NULL) {
                (void)actor_say(actor, actor->last, (unsigned)i, (size_t)i * 5000, 1);
            }
        }
        world_run(&world, 8000); /* pings, and dials that end */
        if (ada->last != NULL && ada->last->peer != NULL) {
            (void)kith_peer_disconnect(ada->last->peer, "enough");
        }
        world_run(&world, 500);
        (void)kith_session_close(bob->session, 1000);
        world_run(&world, 1500);
    }
    world_close(&world);
    return world.bench.requests;
}

static void fail_each(int secure, uint64_t fail_count)
{
    uint64_t requests = talk(secure, 0, 0);
    cr_assert_gt(requests, 50);
    for (uint64_t n = 1; n <= requests; n += bench_step()) {
        (void)talk(secure, n, fail_count);
    }
}

Test(memory, one_request_fails)
{
    fail_each(0, 0);
}

Test(memory, one_request_fails_in_a_secure_session)
{
    fail_each(1, 0);
}

Test(memory, three_in_a_row_fail)
{
    fail_each(0, 2);
}

Test(memory, twenty_in_a_row_fail)
{
    fail_each(1, 19);
}

/* Sessions can be closed without any memory at all. */
Test(memory, none_is_left)
{
    fail_each(0, UINT64_MAX);
}

/* The heap of timers grows in large steps; here it is as good as full already, and cannot grow. */
static void never(struct kith_timer *timer)
{
    (void)timer;
    cr_assert_fail("a timer that is far away fired");
}

Test(memory, no_more_timers)
{
    static struct kith_timer ballast[64];
    for (size_t count = 48; count <= 64; count++) {
        kith_session_config config = world_config("Ada");
        struct actor *ada, *bob;
        world_open(&world, 1);
        world.bench.fail_from = UINT64_MAX; /* the world expects errors */
        for (size_t i = 0; i < count; i++) {
            ballast[i] = (struct kith_timer){0, 0, 0, never};
            cr_assert_eq(kith_timer_set(&world.bench.env, &ballast[i], UINT64_MAX - 1), KITH_OK);
        }
        world.bench.fail_bytes = 128 * sizeof(struct kith_timer *);
        ada = world_join(&world, &config);
        bob = world_join(&world, &config);
        actor_listen(ada);
        for (int i = 0; i < 4; i++) {
            (void)actor_dial(bob, ada, NULL);
            (void)actor_dial_url(bob, "mem://hub:99", NULL);
            world_run_us(&world, 100);
            world.hub.delay_us = 1000;
        }
        world_run(&world, 30000);
        (void)kith_session_close(bob->session, 1000);
        world_run(&world, 3000);
        (void)kith_session_close(ada->session, 0);
        world_run(&world, 3000);
        for (size_t i = 0; i < count; i++) {
            kith_timer_stop(&world.bench.env, &ballast[i]);
        }
        world_close(&world);
    }
}

/* The same with large messages under way, which grow buffers on both sides. */
Test(memory, none_for_a_large_message)
{
    for (uint64_t n = 1; n <= bench_rounds(40); n++) {
        struct actor *ada, *bob;
        world_open(&world, 1);
        world_pair(&world, &ada, &bob);
        world.hub.delay_us = 100;
        cr_assert_eq(actor_say(ada, ada->last, 0, 3000000, 1), KITH_OK);
        world.bench.fail_from = world.bench.requests + n * 7;
        world_run(&world, 60000); /* the hub, when it had no memory, waits for the next PING */
        if (ada->fate_count[KITH_FATE_DELIVERED] == 0) {
            cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
            cr_assert_eq(bob->count[ACTOR_DEPARTED], 1);
        } else {
            cr_assert_eq(bob->largest_came, 3000000);
        }
        world_close(&world);
    }
}
