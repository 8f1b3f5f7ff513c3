/* SPDX-License-Identifier: MIT
 *
 * choice_test.c: which link is used when there are several, and links that somebody in between has
 * spliced or changed: two sides never disagree about who is connected, and nobody in between gets
 * in.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "world.h"

static struct world world;
static struct actor *ada, *bob;

static void open_two(uint64_t seed)
{
    kith_session_config config = world_config("Ada");
    world_open(&world, seed);
    ada = world_join(&world, &config);
    config.display_name = "Bob";
    bob = world_join(&world, &config);
    actor_listen(ada);
    actor_listen(bob);
}

/* One adopted link, one CONNECTED each, every dial READY once, and messages pass. */
static void expect_one_link(unsigned dials)
{
    actor_expect(ada, 1, 1);
    actor_expect(bob, 1, 1);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(bob->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(ada->count[ACTOR_DEPARTED] + bob->count[ACTOR_DEPARTED], 0);
    cr_assert_eq(ada->count[ACTOR_DIAL_READY] + bob->count[ACTOR_DIAL_READY], dials);
    cr_assert_eq(actor_say(ada, ada->last, 0, 10, 1), KITH_OK);
    cr_assert_eq(actor_say(bob, bob->last, 0, 10, 1), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 1);
    cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], 1);
    world_run(&world, 60000); /* and it stays so */
    actor_expect(ada, 1, 1);
    actor_expect(bob, 1, 1);
}

Test(choice, two_dials_the_same_way)
{
    for (uint64_t seed = 1; seed < 9; seed++) {
        open_two(seed); /* the seed decides who is the arbiter */
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        world_run(&world, 5000);
        /* The link that is not needed ends as a duplicate: no dial has to try again. */
        cr_assert_eq(ada->count[ACTOR_DIAL_WAITING] + bob->count[ACTOR_DIAL_WAITING], 0);
        expect_one_link(2);
        world_close(&world);
    }
}

Test(choice, both_dial_at_the_same_moment)
{
    for (uint64_t seed = 1; seed < 9; seed++) {
        open_two(seed);
        world.hub.delay_us = seed % 2 * 5000;
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        cr_assert_eq(actor_dial(ada, bob, NULL), KITH_OK);
        world_run(&world, 5000);
        /* The link that is not needed ends as a duplicate: no dial has to try again. */
        cr_assert_eq(ada->count[ACTOR_DIAL_WAITING] + bob->count[ACTOR_DIAL_WAITING], 0);
        expect_one_link(2);
        world_close(&world);
    }
}

Test(choice, a_second_dial_long_after)
{
    for (uint64_t seed = 1; seed < 9; seed++) {
        open_two(seed);
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        world_run(&world, 60000);
        cr_assert_eq(actor_dial(seed % 2 ? ada : bob, seed % 2 ? bob : ada, NULL), KITH_OK);
        world_run(&world, 5000);
        /* The link that is not needed ends as a duplicate: no dial has to try again. */
        cr_assert_eq(ada->count[ACTOR_DIAL_WAITING] + bob->count[ACTOR_DIAL_WAITING], 0);
        expect_one_link(2);
        world_close(&world);
    }
}

/* Every packet takes another time. */
static void delay_randomly(void *user, int from_dialer, uint8_t *bytes, size_t count)
{
    struct world *here = user;
    (void)from_dialer;
    (void)bytes;
    (void)count;
    here->hub.delay_us = bench_below(&here->bench.random, 40000);
}

Test(choice, several_dials_with_random_delays)
{
    for (uint64_t seed = 1; seed <= bench_rounds(400); seed++) {
        unsigned dials;
        open_two(seed);
        dials = 2 + (unsigned)bench_below(&world.bench.random, 5);
        world.hub.tap = delay_randomly;
        world.hub.tap_user = &world;
        for (unsigned i = 0; i < dials; i++) {
            int other = (int)bench_below(&world.bench.random, 2);
            cr_assert_eq(actor_dial(other ? ada : bob, other ? bob : ada, NULL), KITH_OK);
            world_run_us(&world, bench_below(&world.bench.random, 60000));
        }
        world_run(&world, 20000);
        expect_one_link(dials);
        world_close(&world);
    }
}

/* Links that break at any moment of that: what is left agrees, and the ones that wait try again. */
Test(choice, several_dials_with_breaks)
{
    for (uint64_t seed = 1; seed <= bench_rounds(400); seed++) {
        open_two(seed);
        world.hub.tap = delay_randomly;
        world.hub.tap_user = &world;
        for (unsigned i = 0; i < 4; i++) {
            int other = (int)bench_below(&world.bench.random, 2);
            cr_assert_eq(actor_dial(other ? ada : bob, other ? bob : ada, NULL), KITH_OK);
            world_run_us(&world, bench_below(&world.bench.random, 60000));
            if (bench_below(&world.bench.random, 2)) {
                kith_memory_hub_cut(&world.hub);
            }
        }
        world_run(&world, 60000);
        cr_assert_eq(ada->count[ACTOR_CONNECTED] - ada->count[ACTOR_DEPARTED],
                     bob->count[ACTOR_CONNECTED] - bob->count[ACTOR_DEPARTED]);
        if (ada->count[ACTOR_CONNECTED] > ada->count[ACTOR_DEPARTED]) {
            actor_expect(ada, 1, 1);
            actor_expect(bob, 1, 1);
        } else {
            actor_expect(ada, 0, 0);
            actor_expect(bob, 0, 0);
        }
        world_close(&world);
    }
}

Test(choice, six_all_dial_each_other)
{
    kith_session_config config = world_config("x");
    world_open(&world, 7);
    for (int i = 0; i < 6; i++) {
        actor_listen(world_join(&world, &config));
    }
    world.hub.tap = delay_randomly;
    world.hub.tap_user = &world;
    for (int i = 0; i < 36; i++) {
        if (i / 6 != i % 6) {
            cr_assert_eq(actor_dial(&world.actors[i / 6], &world.actors[i % 6], NULL), KITH_OK);
        }
    }
    world_run(&world, 20000);
    for (int i = 0; i < 6; i++) {
        actor_expect(&world.actors[i], 5, 5);
        cr_assert_eq(world.actors[i].count[ACTOR_CONNECTED], 5);
        for (size_t to = 0; to < 5; to++) {
            cr_assert_eq(actor_say(&world.actors[i], &world.actors[i].friends[to], 0, 10, 1),
                         KITH_OK);
        }
    }
    world_run(&world, 2000);
    for (int i = 0; i < 6; i++) {
        cr_assert_eq(world.actors[i].fate_count[KITH_FATE_DELIVERED], 5);
        cr_assert_eq(world.actors[i].count[ACTOR_MESSAGE], 5);
    }
    world_close(&world);
}

/* ---- spliced and changed ----------------------------------------------------------------------
 */

Test(choice, spliced_links_authenticate_nobody)
{
    for (uint64_t seed = 1; seed < 5; seed++) {
        kith_session_config config = world_secure_config("x");
        kith_session_stats stats = {.size = sizeof stats};
        world_open(&world, seed);
        world.hub.spliced = 1;
        world.hub.delay_us = seed % 2 * 1000;
        ada = world_join(&world, &config);
        bob = world_join(&world, &config);
        actor_listen(ada);
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        world_run(&world, 5000);
        cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
        cr_assert_eq(bob->dial_reason, KITH_REASON_AUTH);
        cr_assert_eq(ada->count[ACTOR_CONNECTED] + bob->count[ACTOR_CONNECTED], 0);
        cr_assert_eq(kith_session_get_stats(ada->session, &stats), KITH_OK);
        cr_assert_geq(stats.refused_auth, 1);
        cr_assert_eq(stats.links_authenticated, 0);
        cr_assert_eq(kith_session_get_stats(bob->session, &stats), KITH_OK);
        cr_assert_geq(stats.refused_auth, 1);
        cr_assert_eq(stats.links_authenticated, 0);
        world_close(&world);
        /* The same without a relay in between works: it was the relay. */
        world_open(&world, seed);
        ada = world_join(&world, &config);
        bob = world_join(&world, &config);
        actor_listen(ada);
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        world_run(&world, 5000);
        actor_expect(bob, 1, 1);
        world_close(&world);
    }
}

struct tamper {
    int from_dialer;
    size_t at, seen; /* the byte to change, and how many went by */
    uint8_t mask;
};

static void tamper(void *user, int from_dialer, uint8_t *bytes, size_t count)
{
    struct tamper *one = user;
    if (from_dialer != one->from_dialer) {
        return;
    }
    if (one->at >= one->seen && one->at - one->seen < count) {
        bytes[one->at - one->seen] ^= one->mask;
    }
    one->seen += count;
}

/* Runs a whole talk with one byte changed. Gives how many bytes the tampered direction has. */
static size_t talk_tampered(int from_dialer, size_t at, uint8_t mask, uint64_t seed)
{
    struct tamper one = {from_dialer, at, 0, mask};
    open_two(seed);
    world.is_tampered = 1;
    world.hub.tap = tamper;
    world.hub.tap_user = &one;
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    for (size_t i = 0; i < 3; i++) {
        if (ada->last != NULL && ada->last->peer != NULL) {
            (void)actor_say(ada, ada->last, (unsigned)i, 20 * i, 1);
        }
        if (bob->last != NULL && bob->last->peer != NULL) {
            (void)actor_say(bob, bob->last, (unsigned)i, 20 * i, 1);
        }
        world_settle(&world);
    }
    world_run(&world, 100);
    /* The handshake is signed: a change in HELLO or AUTH connects nobody over that link. */
    if (at >= 3 && at < 139) {
        cr_assert_eq(ada->count[ACTOR_MESSAGE] + bob->count[ACTOR_MESSAGE], 0, "byte %zu", at);
    }
    world_close(&world);
    return one.seen;
}

Test(choice, one_byte_changed_never_crashes)
{
    struct bench_random random = {5};
    for (int from_dialer = 0; from_dialer < 2; from_dialer++) {
        size_t total = talk_tampered(from_dialer, SIZE_MAX, 0, 1);
        cr_assert_gt(total, 400);
        for (size_t at = 0; at < total; at += bench_step()) {
            (void)talk_tampered(from_dialer, at, 0xff, 1 + at % 2);
            (void)talk_tampered(from_dialer, at, (uint8_t)(1u << bench_below(&random, 8)), 1);
            (void)talk_tampered(from_dialer, at, (uint8_t)(1u << bench_below(&random, 8)), 2);
        }
    }
}
