/* SPDX-License-Identifier: MIT
 *
 * listener_test.c: listeners: their events, addresses that cannot be had, and closing them at any
 * moment.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "stranger.h"

static struct world world;
static struct strangers strangers;
static struct actor *ada, *bob;

static void open_world(int secure)
{
    kith_session_config config = secure ? world_secure_config("Ada") : world_config("Ada");
    world_open(&world, 1);
    ada = world_join(&world, &config);
    bob = world_join(&world, &config);
}

static kith_err listen_at(const char *url)
{
    return kith_listen(ada->session, url, ada, &ada->listener);
}

Test(listener, ready_then_closed)
{
    open_world(0);
    cr_assert_eq(listen_at("mem://*:7"), KITH_OK);
    cr_assert_eq(ada->count[ACTOR_LISTENING], 0, "not inside the call");
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENING], 1);
    cr_assert_str_eq(ada->url, "mem://hub:7");
    cr_assert_eq(kith_listener_close(ada->listener), KITH_OK);
    cr_assert_eq(kith_listener_close(ada->listener), KITH_OK);
    cr_assert_eq(ada->count[ACTOR_LISTENER_CLOSED], 0);
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENER_CLOSED], 1);
    world_close(&world);
}

Test(listener, closed_before_it_was_ready)
{
    open_world(0);
    cr_assert_eq(listen_at("mem://*:7"), KITH_OK);
    cr_assert_eq(kith_listener_close(ada->listener), KITH_OK);
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENING], 0);
    cr_assert_eq(ada->count[ACTOR_LISTENER_CLOSED], 1);
    world_close(&world);
}

/* Closed for newcomers at once; who is in stays. */
Test(listener, closed_for_newcomers_only)
{
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    options.give_up_ms = 500;
    open_world(0);
    actor_listen(ada);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(kith_listener_close(ada->listener), KITH_OK);
    cr_assert_eq(actor_dial(bob, ada, &options), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(bob->count[ACTOR_DIAL_READY], 1);
    cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_REFUSED);
    actor_expect(ada, 1, 1);
    cr_assert_eq(actor_say(ada, ada->last, 0, 5, 1), KITH_OK);
    world_settle(&world);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 1);
    world_close(&world);
}

Test(listener, an_address_that_is_taken)
{
    open_world(0);
    cr_assert_eq(listen_at("mem://*:7"), KITH_OK);
    cr_assert_eq(kith_listen(bob->session, "mem://*:7", bob, &bob->listener), KITH_OK);
    world_settle(&world);
    cr_assert_eq(bob->count[ACTOR_LISTENER_FAILED], 1);
    cr_assert_null(bob->listener);
    cr_assert_eq(kith_listener_close(ada->listener), KITH_OK);
    cr_assert_eq(kith_listen(bob->session, "mem://*:7", bob, &bob->listener), KITH_OK);
    world_settle(&world);
    cr_assert_eq(bob->count[ACTOR_LISTENING], 1);
    world_close(&world);
}

Test(listener, addresses_that_are_refused)
{
    open_world(0);
    cr_assert_eq(listen_at("7"), KITH_ERR_ADDRESS);
    cr_assert_eq(listen_at("nix://*:7"), KITH_ERR_UNSUPPORTED);
    cr_assert_eq(listen_at("mems://*:7"), KITH_ERR_CONFIG);
    cr_assert_eq(ada->session->listener_count, 0);
    world_close(&world);
    open_world(1);
    cr_assert_eq(listen_at("mem://*:7"), KITH_ERR_CONFIG);
    world_close(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENER_FAILED], 0);
}

/* One handle for every transport that fits the session's security. */
Test(listener, any_transport)
{
    for (int secure = 0; secure < 2; secure++) {
        kith_session_config config = secure ? world_secure_config("Ada") : world_config("Ada");
        world_open(&world, 1);
        strangers_open(&strangers, &world);
        ada = world_join(&world, &config);
        cr_assert_eq(listen_at("any://*:0"), KITH_OK);
        world_settle(&world);
        cr_assert_eq(ada->count[ACTOR_LISTENING], 2);
        cr_assert_not_null(strangers.port);
        cr_assert_eq(kith_listener_close(ada->listener), KITH_OK);
        cr_assert_null(strangers.port);
        world_settle(&world);
        cr_assert_eq(ada->count[ACTOR_LISTENER_CLOSED], 1);
        world_close(&world);
    }
}

/* When one of several transports cannot, the listener fails as a whole and leaves no port behind.
 */
Test(listener, any_transport_and_one_cannot)
{
    kith_session_config config = world_config("Ada");
    world_open(&world, 1);
    strangers_open(&strangers, &world);
    /* The strangers' driver comes first, the hub's port 7 is taken. */
    world.drivers[0] = &strangers.driver;
    world.drivers[1] = &world.hub.driver;
    bob = world_join(&world, &config);
    cr_assert_eq(kith_listen(bob->session, "mem://*:7", bob, &bob->listener), KITH_OK);
    ada = world_join(&world, &config);
    cr_assert_eq(listen_at("any://*:7"), KITH_OK);
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENER_FAILED], 1);
    cr_assert_null(strangers.port);
    cr_assert_eq(ada->session->listener_count, 0);
    world_close(&world);
}

Test(listener, so_many_and_no_more)
{
    open_world(0);
    for (int i = 0; i < KITH_LISTENERS_MAX; i++) {
        cr_assert_eq(listen_at("mem://*:0"), KITH_OK);
    }
    cr_assert_eq(kith_listen(ada->session, "mem://*:0", ada, NULL), KITH_ERR_LIMIT);
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENING], KITH_LISTENERS_MAX);
    world_close(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENER_CLOSED], KITH_LISTENERS_MAX);
}

/* Links that are in their handshake when the listener closes go on. */
Test(listener, closed_in_the_middle_of_a_handshake)
{
    for (uint64_t us = 0; us < 60000; us += 5000) {
        open_world(0);
        actor_listen(ada);
        world.hub.delay_us = 10000;
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        world_run_us(&world, us);
        cr_assert_eq(kith_listener_close(ada->listener), KITH_OK);
        world_run(&world, 1000);
        cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
        cr_assert_eq(bob->count[ACTOR_DIAL_READY], 1);
        world_close(&world);
    }
}
