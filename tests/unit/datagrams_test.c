/* SPDX-License-Identifier: MIT
 *
 * datagrams_test.c: who was refused a datagram hears when there is room: once for it, on every kind
 * of transport, whatever it was that there was no room for. Under virtual time.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bounds.h"
#include "world.h"

enum {
    ONE = KITH_DRIVER_ONE_LANE,
    MANY = KITH_DRIVER_MANY_LANES,
    MANY_AND_DATAGRAMS = MANY | KITH_DRIVER_DATAGRAMS,
    BYTES = 1000
};

static struct world world;
static struct actor *ada, *bob;
static unsigned came, taken, wanted;

static void count_datagram(kith_session *session, kith_peer *peer, const void *data, size_t count,
                           void *user)
{
    (void)session, (void)peer, (void)data, (void)user;
    cr_assert_eq(count, BYTES);
    came++;
}

static void open_pair(unsigned capabilities)
{
    kith_session_config config = world_config("x");
    config.resume_window_ms = 0;
    world_open(&world, 7);
    world.hub.driver.capabilities = capabilities;
    came = taken = 0;
    wanted = UINT32_MAX;
    ada = world_join(&world, &config);
    bob = world_join(&world, &config);
    actor_listen(ada);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    bob->session->callbacks.on_datagram = count_datagram;
}

static kith_err send_one(uint32_t lifetime_ms)
{
    static const uint8_t bytes[BYTES];
    kith_datagram_options options = KITH_DATAGRAM_OPTIONS_INIT;
    options.lifetime_ms = lifetime_ms;
    return kith_send_datagram(ada->last->peer, bytes, sizeof bytes, &options);
}

static unsigned told(void)
{
    return ada->count[ACTOR_DATAGRAM_WRITABLE];
}

/* As many as are taken, or as are wanted. */
static void pour(void)
{
    while (taken < wanted) {
        kith_err err = send_one(0);
        if (err == KITH_ERR_AGAIN) {
            return;
        }
        cr_assert_eq(err, KITH_OK);
        taken++;
    }
}

static void pour_on(struct actor *actor, enum actor_event event)
{
    (void)actor;
    if (event == ACTOR_DATAGRAM_WRITABLE) {
        pour();
    }
}

static const int kinds[] = {ONE, MANY, MANY_AND_DATAGRAMS};

#define FOR_EACH_KIND                                                                              \
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; world_close(&world), kind++)

Test(datagrams, nobody_is_told_who_was_not_refused)
{
    FOR_EACH_KIND
    {
        open_pair((unsigned)kinds[kind]);
        for (int i = 0; i < 20; i++) {
            cr_assert_eq(send_one(0), KITH_OK);
            world_run(&world, 1);
        }
        cr_assert_eq(came, 20);
        cr_assert_eq(told(), 0);
    }
}

/* The queue is full at once: it is told of in the turn that empties it, once. */
Test(datagrams, a_full_queue)
{
    FOR_EACH_KIND
    {
        open_pair((unsigned)kinds[kind]);
        pour();
        cr_assert_gt(taken, KITH_DATAGRAM_QUEUE_BYTES_MAX / 2 / BYTES);
        cr_assert_leq(taken, KITH_DATAGRAM_QUEUE_BYTES_MAX / BYTES);
        cr_assert_eq(send_one(0), KITH_ERR_AGAIN);
        cr_assert_eq(told(), 0); /* never inside the call */
        world_run(&world, 10);
        cr_assert_eq(told(), 1);
        cr_assert_eq(came, taken);
        world_run(&world, 1000);
        cr_assert_eq(told(), 1);
    }
}

/* The connection takes nothing, and nothing waits. */
Test(datagrams, a_connection_that_is_full)
{
    for (size_t kind = 0; kind < 3; world_close(&world), kind++) {
        open_pair((unsigned)kinds[kind]);
        world.hub.delay_us = 50000;
        wanted = 200;
        ada->hook = pour_on;
        if (kinds[kind] != MANY_AND_DATAGRAMS) {
            cr_assert_eq(actor_say(ada, ada->last, 0, 200000, 1), KITH_OK);
            world_run_us(&world, 1000);
        }
        pour();
        cr_assert_lt(taken, wanted);
        world_run_us(&world, 20000);
        cr_assert_lt(taken, wanted);
        world_run(&world, 2000);
        cr_assert_eq(taken, wanted);
        cr_assert_gt(came, 0); /* and some were too late */
        cr_assert_gt(told(), 0);
    }
}

/* One that fills the queue and will wait is no reason to be told before it has gone, or is late. */
Test(datagrams, what_is_late_makes_room)
{
    open_pair(ONE);
    world.hub.delay_us = 100000;
    cr_assert_eq(actor_say(ada, ada->last, 0, 200000, 1), KITH_OK);
    world_run_us(&world, 1000);
    while (send_one(10) == KITH_OK) {
        taken++;
    }
    cr_assert_gt(taken, KITH_DATAGRAM_QUEUE_BYTES_MAX / 2 / BYTES);
    world_run(&world, 90);
    cr_assert_eq(told(), 0);
    world_run(&world, 1000);
    cr_assert_eq(came, 0); /* all were late by then */
    cr_assert_eq(told(), 1);
    world_close(&world);
}

Test(datagrams, a_connection_that_comes_back)
{
    FOR_EACH_KIND
    {
        open_pair((unsigned)kinds[kind]);
        world.hub.unreachable = 1;
        kith_memory_hub_cut(&world.hub);
        world_run(&world, 1000);
        cr_assert_eq(send_one(100000), KITH_ERR_AGAIN, "%zu: %s", kind, kith_detail());
        cr_assert_eq(send_one(0), KITH_ERR_AGAIN);
        world_run(&world, 5000);
        cr_assert_eq(told(), 0);
        wanted = 1;
        ada->hook = pour_on;
        world.hub.unreachable = 0;
        world_run(&world, 8000);
        cr_assert_eq(ada->count[ACTOR_RESUMED], 1);
        cr_assert_eq(told(), 1);
        cr_assert_eq(came, 1);
    }
}

/* Who never ceases still leaves messages a part. */
Test(datagrams, messages_beside_endless_datagrams)
{
    open_pair(ONE);
    world.hub.delay_us = 1000;
    ada->hook = pour_on;
    pour();
    cr_assert_eq(actor_say(ada, ada->last, 3, 500000, 1), KITH_OK);
    world_run(&world, 200);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 1);
    cr_assert_gt(came, 500);
    world_close(&world);
}

static void put_out(struct actor *actor, enum actor_event event)
{
    if (event == ACTOR_DATAGRAM_WRITABLE) {
        pour();
        cr_assert_eq(kith_peer_disconnect(actor->last->peer, "enough"), KITH_OK);
        cr_assert_eq(kith_session_close(actor->session, 0), KITH_OK);
    }
}

Test(datagrams, the_end_when_told)
{
    FOR_EACH_KIND
    {
        open_pair((unsigned)kinds[kind]);
        ada->hook = put_out;
        pour();
        world_run(&world, 5000);
        cr_assert_eq(told(), 1);
        cr_assert_eq(ada->count[ACTOR_CLOSED], 1);
        cr_assert_eq(bob->count[ACTOR_DEPARTED], 1);
    }
}
