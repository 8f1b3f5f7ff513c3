/* SPDX-License-Identifier: MIT
 *
 * association_test.c: what outlives a link: cuts, half-open links, better links, windows that end,
 * one side that forgets. Nothing is lost, doubled or out of order (world.c checks that), and the
 * application hears of it only what it must.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "world.h"

enum { ONE = KITH_DRIVER_ONE_LANE, MANY = KITH_DRIVER_MANY_LANES | KITH_DRIVER_DATAGRAMS };

static struct world world;
static struct actor *ada, *bob;

static kith_session_config resuming(const char *name)
{
    kith_session_config config = world_config(name);
    config.resume_window_ms = 0;
    return config;
}

/* Ada listens, Bob dials; who of them is the arbiter depends on the seed. */
static void open_pair(uint64_t seed, unsigned capabilities)
{
    kith_session_config config = resuming("x");
    world_open(&world, seed);
    world.hub.seed = seed;
    world.hub.driver.capabilities = capabilities;
    ada = world_join(&world, &config);
    bob = world_join(&world, &config);
    actor_listen(ada);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_CONNECTED] + bob->count[ACTOR_CONNECTED], 2);
}

static unsigned delivered(const struct actor *actor)
{
    return actor->fate_count[KITH_FATE_DELIVERED];
}

static void expect_one_association(void)
{
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(bob->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 0);
    cr_assert_eq(bob->count[ACTOR_DEPARTED], 0);
}

/* ---- cuts -------------------------------------------------------------------------------------
 */

/* Both talk on every channel while the network breaks again and again. */
static void talk_through_cuts(uint64_t seed, unsigned capabilities, enum kith_memory_fault fault)
{
    struct bench_random random = {seed};
    unsigned said[2] = {0, 0};
    open_pair(seed, capabilities);
    world.hub.delay_us = 2000;
    world.hub.jitter_us = seed % 3 * 3000;
    world.hub.bytes_per_s = seed % 2 ? 3000000 : 0;
    world.hub.done_delay_us = seed % 5 * 2000;
    world.hub.piece_bytes = seed % 4 ? 0 : 300;
    for (int i = 0; i < 150; i++) {
        struct actor *actor = i % 2 ? ada : bob;
        size_t bytes = bench_below(&random, 10) == 0 ? 200000 : bench_below(&random, 4000);
        said[i % 2] +=
            actor_say(actor, actor->last, (unsigned)bench_below(&random, 8), bytes, 1) == KITH_OK;
        world_run_us(&world, bench_below(&random, 8000));
        if (bench_below(&random, 12) == 0) {
            (void)kith_memory_hub_fault(&world.hub, world.hub.link_count, fault,
                                        (int)bench_below(&random, 2));
        }
    }
    world_run(&world, 60000);
    expect_one_association();
    cr_assert_eq(delivered(ada), said[1], "seed %u", (unsigned)seed);
    cr_assert_eq(delivered(bob), said[0], "seed %u", (unsigned)seed);
    actor_expect(ada, 1, 1);
    actor_expect(bob, 1, 1);
    world_close(&world);
}

Test(association, talk_through_cuts)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        talk_through_cuts(seed, seed % 2 ? ONE : MANY, KITH_MEMORY_CUT);
    }
}

Test(association, talk_through_half_open_links)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        talk_through_cuts(seed, seed % 2 ? ONE : MANY, KITH_MEMORY_HALF_OPEN);
    }
}

/* A slow network and one cut, at every moment of the conversation. */
Test(association, a_cut_at_every_moment)
{
    for (uint64_t us = 0; us < 60000; us += 650) {
        open_pair(us, us % 1300 ? ONE : MANY);
        world.hub.delay_us = 1000;
        world.hub.bytes_per_s = 2000000;
        for (unsigned i = 0; i < 8; i++) {
            cr_assert_eq(actor_say(ada, ada->last, i, 3000 * i, 1), KITH_OK);
            cr_assert_eq(actor_say(bob, bob->last, i, 1000 * i, 1), KITH_OK);
        }
        world_run_us(&world, us);
        kith_memory_hub_cut(&world.hub);
        world_run(&world, 3000);
        expect_one_association();
        cr_assert_eq(delivered(ada) + delivered(bob), 16);
        cr_assert_eq(ada->count[ACTOR_INTERRUPTED] + bob->count[ACTOR_INTERRUPTED], 0,
                     "a short break is nothing to speak of");
        world_close(&world);
    }
}

/* ---- what the application hears ---------------------------------------------------------------
 */

/* They are nobody's to send once more. */
Test(association, datagrams_that_wait_when_a_link_breaks_are_dropped)
{
    kith_datagram_options options = KITH_DATAGRAM_OPTIONS_INIT;
    kith_peer_stats stats;
    stats.size = sizeof stats;
    options.lifetime_ms = 60000;
    open_pair(1, ONE);
    cr_assert_eq(kith_send_datagram(ada->last->peer, "x", 1, &options), KITH_OK);
    cr_assert_eq(kith_send_datagram(ada->last->peer, "y", 1, &options), KITH_OK);
    kith_memory_hub_cut(&world.hub); /* before the turn in which they would go */
    world_run(&world, 1000);
    expect_one_association();
    cr_assert_eq(kith_peer_get_stats(ada->last->peer, &stats), KITH_OK);
    cr_assert_eq(stats.datagrams_sent, 0);
    cr_assert_eq(stats.datagrams_dropped, 2);
    world_close(&world);
}

Test(association, a_long_break_is_told)
{
    kith_peer_info info;
    kith_peer_stats stats;
    info.size = sizeof info;
    stats.size = sizeof stats;
    open_pair(1, ONE);
    world.hub.unreachable = 1;
    kith_memory_hub_cut(&world.hub);
    world_run(&world, KITH_INTERRUPT_MS - 1);
    cr_assert_eq(ada->count[ACTOR_INTERRUPTED] + bob->count[ACTOR_INTERRUPTED], 0);
    world_run(&world, 2);
    cr_assert_eq(ada->count[ACTOR_INTERRUPTED], 1);
    cr_assert_eq(bob->count[ACTOR_INTERRUPTED], 1);
    cr_assert_eq(kith_peer_get_state(ada->last->peer), KITH_PEER_INTERRUPTED);
    cr_assert_eq(kith_peer_get_info(ada->last->peer, &info), KITH_OK);
    cr_assert_str_eq(info.transport, "");
    cr_assert_eq(actor_say(ada, ada->last, 0, 100, 1), KITH_OK);
    cr_assert_eq(kith_send_datagram(ada->last->peer, "x", 1, NULL), KITH_ERR_AGAIN);
    cr_assert_eq(kith_peer_get_stats(ada->last->peer, &stats), KITH_OK);
    cr_assert_eq(stats.datagrams_dropped, 1);
    cr_assert_eq(kith_peer_next(ada->session, NULL), ada->last->peer);
    world_run(&world, 10000);
    cr_assert_gt(bob->count[ACTOR_DIAL_WAITING], 0);
    world.hub.unreachable = 0;
    world_run(&world, 8000);
    expect_one_association();
    cr_assert_eq(ada->count[ACTOR_RESUMED], 1);
    cr_assert_eq(bob->count[ACTOR_RESUMED], 1);
    cr_assert_eq(bob->count[ACTOR_DIAL_READY], 1);
    cr_assert_eq(delivered(ada), 1);
    world_close(&world);
}

Test(association, a_full_queue_waits_for_the_link)
{
    unsigned taken = 0;
    open_pair(2, ONE);
    world.hub.unreachable = 1;
    kith_memory_hub_cut(&world.hub);
    while (actor_say(ada, ada->last, 3, 1 << 20, 1) == KITH_OK) {
        taken++;
    }
    cr_assert_gt(taken, 5);
    world_run(&world, 5000);
    cr_assert_eq(ada->count[ACTOR_WRITABLE], 0);
    world.hub.unreachable = 0;
    world_run(&world, 8000);
    cr_assert_eq(ada->count[ACTOR_WRITABLE], 1);
    cr_assert_eq(delivered(ada), taken);
    world_close(&world);
}

Test(association, the_window_ends)
{
    open_pair(3, ONE);
    cr_assert_eq(actor_say(ada, ada->last, 0, 100, 1), KITH_OK);
    world_settle(&world);
    world.hub.unreachable = 1;
    kith_memory_hub_cut(&world.hub);
    cr_assert_eq(actor_say(ada, ada->last, 0, 100, 1), KITH_OK);
    world_run(&world, KITH_RESUME_WINDOW_MS_DEFAULT - 1);
    cr_assert_eq(ada->count[ACTOR_DEPARTED] + bob->count[ACTOR_DEPARTED], 0);
    world_run(&world, 2);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    cr_assert_eq(bob->count[ACTOR_DEPARTED], 1);
    cr_assert_eq(ada->friends[0].reason, KITH_REASON_LOST);
    cr_assert_eq(delivered(ada), 1);
    cr_assert_eq(ada->fate_count[KITH_FATE_UNSENT], 1);
    cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1);
    world_close(&world);
}

/* The longer window counts for both; where one side has none there is none. */
Test(association, whose_window)
{
    for (int i = 0; i < 4; i++) {
        kith_session_config one = resuming("one"), other = resuming("other");
        one.resume_window_ms = i == 3 ? KITH_RESUME_OFF : 5000;
        other.resume_window_ms = i == 0 ? 9000 : i == 1 ? 2000 : i == 2 ? KITH_RESUME_OFF : 9000;
        world_open(&world, 4);
        ada = world_join(&world, &one);
        bob = world_join(&world, &other);
        actor_listen(ada);
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        world_settle(&world);
        world.hub.unreachable = 1;
        kith_memory_hub_cut(&world.hub);
        world_run(&world, i == 0 ? 8999 : i == 1 ? 4999 : 0);
        cr_assert_eq(ada->count[ACTOR_DEPARTED], i >= 2);
        cr_assert_eq(bob->count[ACTOR_DEPARTED], i >= 2);
        world_run(&world, 2);
        cr_assert_eq(ada->count[ACTOR_DEPARTED] + bob->count[ACTOR_DEPARTED], 2);
        world_close(&world);
    }
}

/* Nobody listens there any more: it is gone, not its network. */
Test(association, refused_for_two_seconds)
{
    open_pair(5, ONE);
    cr_assert_eq(kith_listener_close(ada->listener), KITH_OK);
    world_settle(&world);
    kith_memory_hub_cut(&world.hub);
    world_run(&world, KITH_REFUSED_MS - 100);
    cr_assert_eq(bob->count[ACTOR_DEPARTED], 0);
    world_run(&world, 300); /* the first attempt takes a moment, and so does the last */
    cr_assert_eq(bob->count[ACTOR_DEPARTED], 1);
    cr_assert_eq(bob->friends[0].reason, KITH_REASON_LOST);
    world_close(&world);
}

/* A portal that wants a password answers for a while where the peer was: that says nothing about
 * the peer, which is still there when the portal lets through. */
Test(association, a_portal_in_between)
{
    kith_session_config config = world_secure_config("portal");
    char portal_url[80], real_url[64];
    kith_listener *again;
    struct actor *portal;
    open_pair(6, ONE);
    strcpy(real_url, ada->url);
    snprintf(portal_url, sizeof portal_url, "mems%s", strchr(real_url, ':'));
    cr_assert_eq(kith_listener_close(ada->listener), KITH_OK);
    world_settle(&world);
    portal = world_join(&world, &config);
    cr_assert_eq(kith_listen(portal->session, portal_url, portal, &portal->listener), KITH_OK);
    world_settle(&world);
    kith_memory_hub_cut(&world.hub);
    cr_assert_eq(actor_say(ada, ada->last, 0, 100, 1), KITH_OK);
    world_run(&world, 10000);
    cr_assert_gt(bob->count[ACTOR_DIAL_WAITING], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_NOT_KITH);
    cr_assert_eq(kith_listener_close(portal->listener), KITH_OK);
    world_settle(&world);
    cr_assert_eq(kith_listen(ada->session, real_url, ada, &again), KITH_OK);
    world_run(&world, 8000);
    expect_one_association();
    cr_assert_eq(bob->count[ACTOR_RESUMED], 1);
    cr_assert_eq(delivered(ada), 1);
    world_close(&world);
}

/* ---- one side forgets -------------------------------------------------------------------------
 */

static void one_forgets(uint64_t seed, int dialler)
{
    struct actor *forgetful;
    open_pair(seed, seed % 2 ? ONE : MANY);
    forgetful = dialler ? bob : ada;
    cr_assert_eq(actor_say(ada, ada->last, 0, 100, 1), KITH_OK);
    world_settle(&world);
    world.hub.unreachable = 1;
    kith_memory_hub_cut(&world.hub);
    cr_assert_eq(actor_say(ada, ada->last, 0, 100, 1), KITH_OK);
    cr_assert_eq(actor_say(bob, bob->last, 0, 100, 1), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(kith_peer_disconnect(forgetful->last->peer, "enough"), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(forgetful->count[ACTOR_DEPARTED], 1);
    world.hub.unreachable = 0;
    if (dialler) {
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    }
    world_run(&world, 10000);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    cr_assert_eq(bob->count[ACTOR_DEPARTED], 1);
    if (dialler) {
        cr_assert_eq(ada->count[ACTOR_CONNECTED], 2);
        cr_assert_eq(ada->friends[0].reason, KITH_REASON_TIMEOUT);
        cr_assert_eq(actor_say(ada, ada->last, 0, 100, 1), KITH_OK);
        world_run(&world, 100);
        cr_assert_eq(bob->count[ACTOR_MESSAGE], 2, "seed %u", (unsigned)seed);
    }
    world_close(&world);
}

Test(association, one_side_forgets)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        one_forgets(seed, 0);
        one_forgets(seed, 1);
    }
}

/* ---- several links ----------------------------------------------------------------------------
 */

/* Both dial at once, twice each, over a slow network: one association, whatever comes first. */
Test(association, everybody_dials)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        kith_session_config config = resuming("x");
        world_open(&world, seed);
        world.hub.seed = seed;
        world.hub.driver.capabilities = seed % 2 ? ONE : MANY;
        world.hub.delay_us = 3000;
        world.hub.jitter_us = 20000;
        ada = world_join(&world, &config);
        bob = world_join(&world, &config);
        actor_listen(ada);
        actor_listen(bob);
        for (int i = 0; i < 2; i++) {
            cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
            cr_assert_eq(actor_dial(ada, bob, NULL), KITH_OK);
        }
        for (int i = 0; i < 400; i++) {
            world_run_us(&world, 1000);
            for (int k = 0; k < 2; k++) {
                struct actor *actor = k ? ada : bob;
                if (actor->last != NULL) {
                    (void)actor_say(actor, actor->last, (unsigned)i % 8, 500, 1);
                }
            }
            if (seed % 3 == 0 && i % 90 == 60) {
                (void)kith_memory_hub_fault(&world.hub, 1 + seed % world.hub.link_count,
                                            KITH_MEMORY_CUT, 0);
            }
        }
        world_run(&world, 20000);
        expect_one_association();
        actor_expect(ada, 1, 1);
        actor_expect(bob, 1, 1);
        cr_assert_eq(delivered(ada), ada->tickets, "seed %u", (unsigned)seed);
        cr_assert_eq(delivered(bob), bob->tickets, "seed %u", (unsigned)seed);
        world_close(&world);
    }
}

/* A better transport comes along: it is used, and the application does not notice. */
Test(association, a_better_link_is_used)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        static struct kith_memory_hub better;
        kith_session_config config = resuming("x");
        kith_peer_info info;
        char url[32];
        info.size = sizeof info;
        world_open(&world, seed);
        world.hub.driver.capabilities = seed % 2 ? ONE : MANY;
        kith_memory_hub_init(&better, &world.bench.env);
        better.driver.capabilities = seed % 4 < 2 ? ONE : MANY;
        better.driver.rank = 9;
        better.driver.schemes = (const struct kith_scheme[]){{"best", 0}, {NULL, 0}};
        world.drivers[1] = &better.driver;
        ada = world_join(&world, &config);
        bob = world_join(&world, &config);
        actor_listen(ada);
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        world_settle(&world);
        cr_assert_eq(kith_listen(ada->session, "best://*:7", ada, NULL), KITH_OK);
        world.hub.delay_us = better.delay_us = 3000;
        better.done_delay_us = world.hub.done_delay_us = 4000;
        strcpy(url, "best://hub:7");
        for (int i = 0; i < 100; i++) {
            cr_assert_eq(actor_say(ada, ada->last, (unsigned)i % 8, 3000, 1), KITH_OK);
            cr_assert_eq(actor_say(bob, bob->last, (unsigned)i % 8, 3000, 1), KITH_OK);
            world_run_us(&world, 700);
            if (i == 30) {
                cr_assert_eq(actor_dial_url(bob, url, NULL), KITH_OK);
            }
        }
        world_run(&world, 3000);
        expect_one_association();
        actor_expect(ada, 1, 1);
        cr_assert_eq(ada->last->peer->active->driver, &better.driver);
        cr_assert_eq(bob->last->peer->active->driver, &better.driver);
        cr_assert_eq(delivered(ada) + delivered(bob), 200);
        cr_assert_eq(ada->count[ACTOR_INTERRUPTED] + bob->count[ACTOR_INTERRUPTED], 0);
        world_close(&world);
    }
}

/* The links over which the applications were last told that their peers are. */
static const struct kith_conn *told[2];

static void note_path(struct actor *actor, enum actor_event event)
{
    if (event == ACTOR_CONNECTED || event == ACTOR_RESUMED || event == ACTOR_NETWORK_PATH) {
        told[actor == ada] = actor->last->peer->active;
    }
}

/* It dies at any moment of its adoption. The link before goes on where the other side is, which may
 * have gone to the better one and dropped what came on this one meanwhile; and who was told of the
 * better one is told that it is over. */
Test(association, a_better_link_dies_at_every_moment)
{
    for (uint64_t us = 0; us < 40000; us += 370) {
        static struct kith_memory_hub better;
        kith_session_config config = resuming("x");
        world_open(&world, us);
        world.hub.driver.capabilities = us % 740 ? ONE : MANY;
        kith_memory_hub_init(&better, &world.bench.env);
        better.driver.capabilities = world.hub.driver.capabilities;
        better.driver.rank = 9;
        better.driver.schemes = (const struct kith_scheme[]){{"best", 0}, {NULL, 0}};
        world.drivers[1] = &better.driver;
        ada = world_join(&world, &config);
        bob = world_join(&world, &config);
        ada->hook = bob->hook = note_path;
        actor_listen(ada);
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        world_settle(&world);
        cr_assert_eq(kith_listen(ada->session, "best://*:7", ada, NULL), KITH_OK);
        world_settle(&world);
        world.hub.delay_us = better.delay_us = 4000;
        cr_assert_eq(actor_dial_url(bob, "best://hub:7", NULL), KITH_OK);
        for (uint64_t at_us = 0; at_us < 60000; at_us += 500) {
            cr_assert_eq(actor_say(ada, ada->last, 0, 30, 1), KITH_OK);
            cr_assert_eq(actor_say(bob, bob->last, 0, 30, 1), KITH_OK);
            world_run_us(&world, at_us <= us && us < at_us + 500 ? us - at_us : 500);
            if (at_us <= us && us < at_us + 500) {
                kith_memory_hub_cut(&better);
                better.unreachable = 1;
            }
        }
        world_run(&world, 3000);
        expect_one_association();
        cr_assert_eq(delivered(ada) + delivered(bob), 240);
        cr_assert_eq(told[0], bob->last->peer->active, "%u us", (unsigned)us);
        cr_assert_eq(told[1], ada->last->peer->active, "%u us", (unsigned)us);
        world_close(&world);
    }
}
