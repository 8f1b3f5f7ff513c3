/* SPDX-License-Identifier: MIT
 *
 * session_test.c: what two or more sessions promise each other when nobody misbehaves: they
 * connect, messages of every size arrive whole and in order, every ticket has its fate, and
 * everyone learns why the other left.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "world.h"

static struct world world;
static struct actor *ada, *bob;

static void open_pair(void)
{
    world_open(&world, 1);
    world_pair(&world, &ada, &bob);
}

/* ---- connecting -------------------------------------------------------------------------------
 */

Test(session, two_connect)
{
    open_pair();
    cr_assert_str_eq(kith_peer_name(ada->last->peer), "Bob");
    cr_assert_str_eq(kith_peer_name(bob->last->peer), "Ada");
    cr_assert(kith_id_equal(&ada->last->id, &bob->session->id));
    cr_assert(kith_id_equal(&bob->last->id, &ada->session->id));
    cr_assert_eq(kith_peer_find(ada->session, &bob->session->id), ada->last->peer);
    cr_assert_null(kith_peer_find(ada->session, &ada->session->id));
    actor_expect(ada, 1, 1);
    actor_expect(bob, 1, 1);
    world_close(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENER_CLOSED], 1);
}

Test(session, info_of_a_peer)
{
    kith_peer_info info = {.size = sizeof info};
    open_pair();
    world_run(&world, 1);
    cr_assert_eq(kith_peer_get_info(ada->last->peer, &info), KITH_OK);
    cr_assert_eq(info.level, KITH_LEVEL_NONE);
    cr_assert_str_eq(info.transport, "mem");
    cr_assert_eq(info.dialled, 0);
    cr_assert_gt(info.rtt_us, 0);
    cr_assert_eq(info.max_message_bytes, 4 << 20);
    cr_assert_eq(kith_peer_get_info(bob->last->peer, &info), KITH_OK);
    cr_assert_eq(info.dialled, 1);
    world_close(&world);
}

Test(session, secure_links_prove_identity)
{
    kith_session_config config = world_secure_config("Ada");
    kith_peer_info info = {.size = sizeof info};
    world_open(&world, 2);
    ada = world_join(&world, &config);
    config.display_name = "Bob";
    bob = world_join(&world, &config);
    actor_listen(ada);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(kith_peer_get_info(ada->last->peer, &info), KITH_OK);
    cr_assert_eq(info.level, KITH_LEVEL_IDENTITY);
    cr_assert_eq(info.tls_version, 0x0304);
    cr_assert_eq(actor_say(ada, ada->last, 0, 100, 1), KITH_OK);
    world_settle(&world);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 1);
    world_close(&world);
}

/* ---- messages ---------------------------------------------------------------------------------
 */

Test(session, messages_both_ways_on_all_channels)
{
    open_pair();
    for (unsigned channel = 0; channel < KITH_CHANNEL_COUNT; channel++) {
        for (size_t bytes = 0; bytes < 300; bytes += 37) {
            cr_assert_eq(actor_say(ada, ada->last, channel, bytes, 1), KITH_OK);
            cr_assert_eq(actor_say(bob, bob->last, channel, bytes + 1, 1), KITH_OK);
        }
    }
    world_settle(&world);
    for (unsigned channel = 0; channel < KITH_CHANNEL_COUNT; channel++) {
        cr_assert_eq(bob->last->came[channel], ada->last->sent[channel]);
        cr_assert_eq(ada->last->came[channel], bob->last->sent[channel]);
    }
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], ada->tickets);
    cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], bob->tickets);
    world_close(&world);
}

Test(session, sizes_around_every_edge)
{
    static const size_t sizes[] = {0,     1,     62,    63,    64,    65,     16383,
                                   16384, 16385, 65535, 65536, 65537, 1 << 20};
    open_pair();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        cr_assert_eq(actor_say(ada, ada->last, 3, sizes[i], 1), KITH_OK);
    }
    world_settle(&world);
    cr_assert_eq(bob->last->came[3], sizeof sizes / sizeof sizes[0]);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], ada->tickets);
    world_close(&world);
}

Test(session, the_largest_message_on_every_channel_at_once)
{
    kith_peer_info info = {.size = sizeof info};
    open_pair();
    cr_assert_eq(kith_peer_get_info(ada->last->peer, &info), KITH_OK);
    cr_assert_eq(actor_say(ada, ada->last, 0, info.max_message_bytes + 1, 0), KITH_ERR_TOO_BIG);
    for (unsigned channel = 0; channel < KITH_CHANNEL_COUNT; channel++) {
        kith_err err = actor_say(ada, ada->last, channel, info.max_message_bytes, 1);
        cr_assert(err == KITH_OK || (err == KITH_ERR_AGAIN && channel > 0));
        cr_assert_eq(actor_say(bob, bob->last, channel, 1000, 1), KITH_OK);
    }
    world_settle(&world);
    cr_assert_geq(ada->fate_count[KITH_FATE_DELIVERED], 2);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], ada->tickets);
    cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], KITH_CHANNEL_COUNT);
    cr_assert_eq(bob->largest_came, info.max_message_bytes);
    world_close(&world);
}

Test(session, budgets_of_different_size)
{
    kith_session_config config = world_config("small");
    kith_peer_info info = {.size = sizeof info};
    config.budget_bytes = 1 << 20;
    world_open(&world, 3);
    ada = world_join(&world, &config);
    config.display_name = "large";
    config.budget_bytes = 1 << 30;
    bob = world_join(&world, &config);
    actor_listen(ada);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    for (int side = 0; side < 2; side++) {
        struct actor *actor = side ? ada : bob;
        cr_assert_eq(kith_peer_get_info(actor->last->peer, &info), KITH_OK);
        /* The small one takes a quarter of its budget, and sends no more than that either. */
        cr_assert_leq(info.max_message_bytes, 1 << 18);
        for (unsigned channel = 0; channel < KITH_CHANNEL_COUNT; channel++) {
            (void)actor_say(actor, actor->last, channel, info.max_message_bytes, 1);
        }
    }
    world_settle(&world);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], ada->tickets);
    cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], bob->tickets);
    world_close(&world);
}

Test(session, a_hundred_messages_of_random_size_with_random_delays)
{
    open_pair();
    for (int i = 0; i < 100; i++) {
        struct actor *actor = bench_below(&world.bench.random, 2) ? ada : bob;
        size_t bytes = bench_below(&world.bench.random, 1u << bench_below(&world.bench.random, 20));
        unsigned channel = (unsigned)bench_below(&world.bench.random, KITH_CHANNEL_COUNT);
        world.hub.delay_us = bench_below(&world.bench.random, 50000);
        (void)actor_say(actor, actor->last, channel, bytes, 1);
        world_run_us(&world, bench_below(&world.bench.random, 20000));
    }
    world_run(&world, 60000);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], ada->tickets);
    cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], bob->tickets);
    cr_assert_geq(ada->tickets + bob->tickets, 80);
    world_close(&world);
}

/* ---- back pressure and fates ------------------------------------------------------------------
 */

static void say_on_when_writable(struct actor *actor, enum actor_event event)
{
    if (event == ACTOR_WRITABLE) {
        cr_assert_eq(actor_say(actor, actor->last, 0, 100000, 1), KITH_OK);
    }
}

Test(session, again_then_writable)
{
    unsigned queued = 0;
    open_pair();
    world.hub.delay_us = 1000000;
    while (actor_say(ada, ada->last, 0, 100000, 1) == KITH_OK) {
        cr_assert_lt(++queued, 1000);
    }
    cr_assert_gt(queued, 10);
    cr_assert_eq(actor_say(ada, ada->last, 0, 100000, 1), KITH_ERR_AGAIN);
    /* The other channels go on. */
    cr_assert_eq(actor_say(ada, ada->last, 1, 100000, 1), KITH_OK);
    ada->hook = say_on_when_writable;
    world.hub.delay_us = 1000;
    world_run(&world, 60000);
    cr_assert_eq(ada->count[ACTOR_WRITABLE], 1);
    cr_assert_eq(bob->last->came[0], queued + 1);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], ada->tickets);
    world_close(&world);
}

Test(session, a_full_queue_stays_within_its_budget)
{
    size_t before;
    open_pair();
    world.hub.delay_us = 3600000000;
    before = world.bench.bytes;
    for (int i = 0; i < 20000; i++) {
        (void)actor_say(ada, ada->last, (unsigned)i % KITH_CHANNEL_COUNT, 5000, 0);
    }
    cr_assert_leq(world.bench.bytes - before, 17u << 20, "%zu", world.bench.bytes - before);
    world_close(&world);
}

Test(session, each_of_the_three_fates)
{
    open_pair();
    cr_assert_eq(actor_say(ada, ada->last, 0, 10, 1), KITH_OK);
    world_settle(&world);
    cr_assert_eq(ada->fates[1], KITH_FATE_DELIVERED);
    /* Sent, but the answer stays on its way; and behind it one that no byte of was sent. */
    world.hub.delay_us = 3600000000;
    cr_assert_eq(actor_say(ada, ada->last, 0, 10, 1), KITH_OK);
    world_settle(&world);
    cr_assert_eq(actor_say(ada, ada->last, 1, 10, 1), KITH_OK);
    kith_memory_hub_cut(&world.hub);
    world_settle(&world);
    cr_assert_eq(ada->fates[2], KITH_FATE_UNKNOWN);
    cr_assert_eq(ada->fates[3], KITH_FATE_UNSENT);
    cr_assert_eq(ada->last->reason, KITH_REASON_LOST);
    cr_assert_eq(bob->last->reason, KITH_REASON_LOST);
    world_close(&world);
}

/* ---- leaving ----------------------------------------------------------------------------------
 */

Test(session, closing_flushes)
{
    open_pair();
    world.hub.delay_us = 20000;
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(actor_say(ada, ada->last, (unsigned)i % 8, 40000, 1), KITH_OK);
    }
    cr_assert_eq(kith_session_close(ada->session, 10000), KITH_OK);
    cr_assert_eq(actor_say(ada, ada->last, 0, 1, 0), KITH_ERR_CLOSED);
    world_run(&world, 9000);
    cr_assert_eq(ada->count[ACTOR_CLOSED], 1);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 50);
    cr_assert_eq(bob->count[ACTOR_MESSAGE], 50);
    cr_assert_eq(ada->last->reason, KITH_REASON_LOCAL);
    cr_assert_eq(bob->last->reason, KITH_REASON_LEFT);
    cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_LEFT);
    world_close(&world);
}

Test(session, closing_waits_no_longer_than_asked)
{
    uint64_t begin_us;
    open_pair();
    world.hub.delay_us = 3600000000;
    cr_assert_eq(actor_say(ada, ada->last, 0, 10, 1), KITH_OK);
    world_settle(&world);
    begin_us = world.bench.env.now_us;
    cr_assert_eq(kith_session_close(ada->session, 5000), KITH_OK);
    world_run(&world, 4900);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 0);
    world_run(&world, 200);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    cr_assert_eq(ada->fates[1], KITH_FATE_UNKNOWN);
    world_run(&world, KITH_LINK_CLOSE_MS);
    cr_assert_eq(ada->count[ACTOR_CLOSED], 1);
    cr_assert_leq(ada->event_us - begin_us, 6100000);
    world_close(&world);
}

Test(session, closing_again_only_shortens)
{
    open_pair();
    world.hub.delay_us = 3600000000;
    cr_assert_eq(actor_say(ada, ada->last, 0, 10, 1), KITH_OK);
    cr_assert_eq(kith_session_close(ada->session, 5000), KITH_OK);
    cr_assert_eq(kith_session_close(ada->session, 50000), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 0);
    cr_assert_eq(kith_session_close(ada->session, 100), KITH_OK);
    world_run(&world, 110);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    world_close(&world);
}

Test(session, closing_at_once)
{
    open_pair();
    cr_assert_eq(actor_say(ada, ada->last, 0, 10, 1), KITH_OK);
    cr_assert_eq(kith_session_close(ada->session, 0), KITH_OK);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 0, "no callback inside the call that caused it");
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_CLOSED], 1);
    cr_assert_eq(bob->last->reason, KITH_REASON_LEFT);
    world_close(&world);
}

Test(session, closing_a_session_that_did_nothing)
{
    kith_session_config config = world_config("idle");
    world_open(&world, 4);
    ada = world_join(&world, &config);
    cr_assert_eq(kith_session_close(ada->session, 60000), KITH_OK);
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_CLOSED], 1);
    world_close(&world);
}

Test(session, kicked_with_a_text)
{
    char long_text[KITH_REASON_TEXT_BYTES_MAX + 2];
    open_pair();
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    cr_assert_eq(kith_peer_disconnect(ada->last->peer, long_text), KITH_ERR_INVALID);
    cr_assert_eq(kith_peer_disconnect(ada->last->peer, "a\nb"), KITH_ERR_INVALID);
    cr_assert_eq(kith_peer_disconnect(ada->last->peer, long_text + 1), KITH_OK);
    cr_assert_eq(kith_peer_disconnect(ada->last->peer, ""), KITH_ERR_NOT_CONNECTED);
    cr_assert_eq(actor_say(ada, ada->last, 0, 1, 0), KITH_ERR_NOT_CONNECTED);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 0);
    world_settle(&world);
    cr_assert_eq(ada->last->reason, KITH_REASON_LOCAL);
    cr_assert_eq(bob->last->reason, KITH_REASON_KICKED);
    cr_assert_str_eq(bob->last->text, long_text + 1);
    cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_KICKED);
    actor_expect(ada, 0, 0);
    actor_expect(bob, 0, 0);
    world_close(&world);
}

Test(session, a_kick_settles_fates)
{
    open_pair();
    cr_assert_eq(actor_say(ada, ada->last, 0, 10, 1), KITH_OK);
    cr_assert_eq(kith_peer_disconnect(ada->last->peer, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_neq(ada->fates[1], 0);
    world_close(&world);
}

Test(session, a_retained_peer_outlives_its_session)
{
    kith_peer *peer;
    open_pair();
    peer = kith_peer_retain(ada->last->peer);
    cr_assert_eq(kith_session_close(ada->session, 0), KITH_OK);
    world_settle(&world);
    cr_assert_null(ada->session);
    cr_assert_eq(kith_peer_get_state(peer), KITH_PEER_DEPARTED);
    cr_assert_null(kith_peer_session(peer));
    cr_assert_str_eq(kith_peer_name(peer), "Bob");
    cr_assert_eq(kith_send(peer, 0, "x", 1, NULL), KITH_ERR_NOT_CONNECTED);
    cr_assert_eq(kith_peer_disconnect(peer, NULL), KITH_ERR_NOT_CONNECTED);
    kith_peer_release(peer);
    world_close(&world);
}

/* Whoever leaves while a handshake is under way, at whatever step: both sides agree in the end, and
 * nobody is told of a peer that it never had. */
Test(session, closing_at_every_moment_of_a_handshake)
{
    for (uint64_t us = 0; us < 60000; us += 2500) {
        for (unsigned i = 0; i < 8; i++) {
            kith_session_config config = world_config("x");
            struct actor *leaver;
            world_open(&world, 1 + i / 4); /* the arbiter dials, or does not */
            ada = world_join(&world, &config);
            bob = world_join(&world, &config);
            actor_listen(ada);
            world.hub.delay_us = 10000;
            cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
            if (us > 0) {
                world_run_us(&world, us - 2500);
            }
            leaver = i % 2 ? ada : bob;
            cr_assert_eq(kith_session_close(leaver->session, i / 2 % 2 ? 30 : 0), KITH_OK);
            world_run(&world, 1500);
            cr_assert_null(leaver->session);
            cr_assert_eq(ada->count[ACTOR_CONNECTED], ada->count[ACTOR_DEPARTED]);
            cr_assert_eq(bob->count[ACTOR_CONNECTED], bob->count[ACTOR_DEPARTED]);
            if (leaver == bob) {
                cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1);
            }
            world_close(&world);
        }
    }
}
