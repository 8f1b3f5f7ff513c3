/* SPDX-License-Identifier: MIT
 *
 * network_test.c: waiting is not failing: listeners and dials that cannot work now, and when they
 * are tried again; links that are doubted when the network changes; sessions that rest.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bounds.h"
#include "world.h"

static struct world world;
static struct actor *ada, *bob;

static void open_world(uint64_t seed)
{
    kith_session_config config = world_config("x");
    config.resume_window_ms = 0;
    world_open(&world, seed);
    ada = world_join(&world, &config);
    bob = world_join(&world, &config);
}

static void open_pair(uint64_t seed)
{
    open_world(seed);
    actor_listen(ada);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_CONNECTED] + bob->count[ACTOR_CONNECTED], 2);
}

/* What the runtime does when the system tells of a change. */
static void change_network(void)
{
    for (size_t i = 0; i < world.actor_count; i++) {
        kith_session_network(world.actors[i].session,
                             KITH_NETWORK_DUE_LOOK | KITH_NETWORK_DUE_TELL);
    }
    world_settle(&world);
}

static void listen_at(const char *url)
{
    unsigned told = ada->count[ACTOR_LISTENER_WAITING] + ada->count[ACTOR_LISTENING];
    cr_assert_eq(kith_listen(ada->session, url, ada, &ada->listener), KITH_OK);
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING] + ada->count[ACTOR_LISTENING], told,
                 "not inside the call");
    world_settle(&world);
}

/* ---- listeners --------------------------------------------------------------------------------
 */

Test(network, a_listener_without_an_address_waits)
{
    open_world(1);
    world.hub.no_address = 1;
    listen_at("mem://*:7");
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING], 1);
    cr_assert_str_eq(ada->listener_detail, "the hub has no address now");
    world_run(&world, 3600000);
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING], 1, "the same news again");
    cr_assert_eq(ada->count[ACTOR_LISTENING] + ada->count[ACTOR_LISTENER_FAILED], 0);
    world.hub.no_address = 0;
    world_run(&world, KITH_LISTEN_RETRY_MS_MAX);
    cr_assert_eq(ada->count[ACTOR_LISTENING], 1);
    cr_assert_str_eq(ada->url, "mem://hub:7");
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(bob->count[ACTOR_DIAL_READY], 1);
    world_close(&world);
}

Test(network, a_change_is_not_waited_for)
{
    open_world(1);
    world.hub.no_address = 1;
    listen_at("mem://*:7");
    world_run(&world, 60000);
    world.hub.no_address = 0;
    change_network();
    cr_assert_eq(ada->count[ACTOR_LISTENING], 1);
    cr_assert_eq(ada->count[ACTOR_NETWORK_CHANGED], 1);
    cr_assert_eq(bob->count[ACTOR_NETWORK_CHANGED], 1);
    world_close(&world);
}

Test(network, the_application_asks)
{
    open_world(1);
    world.hub.no_address = 1;
    listen_at("mem://*:7");
    world_run(&world, 60000);
    cr_assert_eq(kith_retry(ada->session), KITH_OK);
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING], 1, "not inside the call");
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING], 2, "who asks gets an answer");
    world.hub.no_address = 0;
    cr_assert_eq(kith_retry(ada->session), KITH_OK);
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENING], 1);
    cr_assert_eq(kith_retry(ada->session), KITH_OK); /* nothing waits */
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENING], 1);
    cr_assert_eq(ada->count[ACTOR_NETWORK_CHANGED], 0);
    world_close(&world);
}

/* The port stays its own, and who is in stays in. */
Test(network, an_address_that_goes_and_comes_back)
{
    open_pair(1);
    world.hub.no_address = 1;
    change_network();
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING], 1);
    change_network();
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING], 1);
    cr_assert_eq(kith_listen(bob->session, ada->url, bob, &bob->listener), KITH_OK);
    world.hub.no_address = 0;
    change_network();
    cr_assert_eq(ada->count[ACTOR_LISTENING], 2);
    cr_assert_eq(bob->count[ACTOR_LISTENER_FAILED], 1, "the port was given to another");
    actor_expect(ada, 1, 1);
    cr_assert_eq(ada->count[ACTOR_INTERRUPTED], 0);
    change_network();
    cr_assert_eq(ada->count[ACTOR_LISTENING], 2, "nothing new");
    world_close(&world);
}

Test(network, an_address_that_becomes_another)
{
    open_world(1);
    listen_at("mem://*:7");
    world.hub.name = "elsewhere";
    change_network();
    cr_assert_eq(ada->count[ACTOR_LISTENING], 2);
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING], 0);
    cr_assert_str_eq(ada->url, "mem://elsewhere:7");
    world_close(&world);
}

/* Where the network is only looked at now and then, the one who watches it may see neither that an
 * address came nor that it went. */
Test(network, an_address_that_stays_for_a_moment)
{
    open_world(1);
    world.hub.no_address = 1;
    listen_at("mem://*:7");
    world.hub.no_address = 0;
    world_run(&world, KITH_LISTEN_RETRY_MS_MIN);
    cr_assert_eq(ada->count[ACTOR_LISTENING], 1);
    world.hub.no_address = 1;
    world_run(&world, KITH_LISTEN_RETRY_MS_MAX);
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING], 2);
    world_close(&world);
}

/* Gone and back within one look: there is nothing to tell. */
Test(network, a_flicker)
{
    open_world(1);
    listen_at("mem://*:7");
    world.hub.no_address = 1;
    kith_listener_look(ada->listener);
    world.hub.no_address = 0;
    kith_listener_look(ada->listener);
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_LISTENING], 1);
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING], 0);
    world_close(&world);
}

Test(network, what_can_never_work_fails_also_later)
{
    open_world(1);
    world.hub.no_address = 1;
    listen_at("mem://*:7");
    world.hub.no_address = 0;
    cr_assert_eq(kith_listen(bob->session, "mem://*:7", bob, &bob->listener), KITH_OK);
    change_network();
    cr_assert_eq(bob->count[ACTOR_LISTENING], 1);
    cr_assert_eq(ada->count[ACTOR_LISTENER_FAILED], 1);
    cr_assert_null(ada->listener);
    world_close(&world);
}

Test(network, a_listener_that_waits_can_be_closed)
{
    open_world(1);
    world.hub.no_address = 1;
    listen_at("mem://*:7");
    cr_assert_eq(kith_listener_close(ada->listener), KITH_OK);
    change_network();
    cr_assert_eq(ada->count[ACTOR_LISTENER_CLOSED], 1);
    listen_at("mem://*:7");
    world_close(&world); /* and so can its session */
    cr_assert_eq(ada->count[ACTOR_LISTENER_CLOSED], 2);
}

static kith_err close_inside(struct actor *actor)
{
    return kith_listener_close(actor->listener);
}

static void on_waiting(struct actor *actor, enum actor_event event)
{
    if (event == ACTOR_LISTENER_WAITING || event == ACTOR_LISTENING) {
        cr_assert_eq(((kith_err(*)(struct actor *))actor->hook_user)(actor), KITH_OK);
    }
}

static kith_err retry_inside(struct actor *actor)
{
    return actor->count[ACTOR_LISTENER_WAITING] < 5 ? kith_retry(actor->session) : KITH_OK;
}

Test(network, calls_inside_its_events)
{
    open_world(1);
    world.hub.no_address = 1;
    ada->hook = on_waiting;
    ada->hook_user = (void *)close_inside;
    listen_at("mem://*:7");
    cr_assert_eq(ada->count[ACTOR_LISTENER_CLOSED], 1);
    ada->hook_user = (void *)retry_inside;
    listen_at("mem://*:7");
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING], 5);
    world_close(&world);
}

/* ---- dials ------------------------------------------------------------------------------------
 */

static void open_waiting_dial(uint64_t seed)
{
    open_world(seed);
    actor_listen(ada);
    world.hub.unreachable = 1;
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_run(&world, 20000);
    cr_assert_eq(bob->dial_reason, KITH_REASON_UNREACHABLE);
    cr_assert_gt(bob->retry_in_ms, 1000);
    world_run(&world, 100);
}

Test(network, a_dial_is_hastened)
{
    for (int change = 0; change < 2; change++) {
        unsigned waits;
        open_waiting_dial(1);
        waits = bob->count[ACTOR_DIAL_WAITING];
        if (change) {
            change_network();
        } else {
            cr_assert_eq(kith_retry(bob->session), KITH_OK);
        }
        world_run_us(&world, 0);
        cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], waits + 1, "in vain, but at once");
        cr_assert_leq(bob->retry_in_ms, 125, "pauses begin small again");
        world_run(&world, 5000);
        world.hub.unreachable = 0;
        cr_assert_eq(kith_retry(bob->session), KITH_OK);
        world_run_us(&world, 0);
        cr_assert_eq(bob->count[ACTOR_DIAL_READY], 1);
        world_close(&world);
    }
}

Test(network, a_dial_that_is_cancelled_stays_so)
{
    open_waiting_dial(1);
    cr_assert_eq(kith_retry(bob->session), KITH_OK);
    cr_assert_eq(kith_dial_cancel(bob->dial), KITH_OK);
    world_run(&world, 10000);
    cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1);
    world_close(&world);
}

/* An interrupted peer is dialled at once when the network is back. */
Test(network, a_redial_is_hastened)
{
    open_pair(1);
    world.hub.unreachable = 1;
    kith_memory_hub_cut(&world.hub);
    world_run(&world, 20000);
    cr_assert_eq(bob->count[ACTOR_INTERRUPTED], 1);
    cr_assert_gt(bob->retry_in_ms, 1000);
    world.hub.unreachable = 0;
    change_network();
    world_run_us(&world, 0);
    cr_assert_eq(bob->count[ACTOR_RESUMED], 1);
    cr_assert_eq(ada->count[ACTOR_RESUMED], 1);
    world_close(&world);
}

/* ---- links that are doubted -------------------------------------------------------------------
 */

static void swallow_both_ways(void)
{
    for (int i = 0; i < 2; i++) {
        cr_assert(kith_memory_hub_fault(&world.hub, world.hub.link_count, KITH_MEMORY_SWALLOW, i));
    }
}

/* Without a change that takes 20 s. */
Test(network, a_dead_link_is_noticed_in_seconds)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        open_pair(seed);
        world_run(&world, 60000);
        swallow_both_ways();
        change_network();
        world_run(&world, KITH_PROBE_MS * KITH_PROBE_COUNT - 1);
        actor_expect(ada, 1, 1);
        world_run(&world, KITH_PROBE_MS * 2 + 2 * KITH_LINK_CLOSE_MS);
        actor_expect(ada, 1, 1);
        actor_expect(bob, 1, 1);
        cr_assert_eq(world.hub.link_count, 2, "it was dialled again");
        cr_assert_eq(ada->count[ACTOR_DEPARTED] + bob->count[ACTOR_DEPARTED], 0);
        world_close(&world);
    }
}

/* An answer that was on its way when the network changed proves nothing. */
Test(network, an_old_answer_does_not_count)
{
    open_pair(1);
    world.hub.delay_us = 300000;
    world_run(&world, 5350); /* a PING has gone out, its PONG is on its way */
    change_network();
    world_run(&world, 350);
    cr_assert(KITH_CONTAINER(bob->session->conns.next, struct kith_conn, node)->is_doubted);
    world_run(&world, 700);
    cr_assert(!KITH_CONTAINER(bob->session->conns.next, struct kith_conn, node)->is_doubted);
    world_close(&world);
}

/* Links that are slow, or busy, or both, outlive any number of changes. */
static void change_under(uint64_t delay_us, uint64_t bytes_per_s, size_t in_flight_bytes,
                         unsigned messages)
{
    open_pair(1);
    world.hub.delay_us = delay_us;
    world.hub.bytes_per_s = bytes_per_s;
    world.hub.in_flight_bytes = in_flight_bytes;
    for (unsigned i = 0; i < messages; i++) {
        cr_assert_eq(actor_say(bob, bob->last, 0, 100000, 1), KITH_OK);
    }
    for (int i = 0; i < 100; i++) {
        world_run(&world, 777);
        change_network();
    }
    world_run(&world, 600000);
    cr_assert_eq(world.hub.link_count, 1, "a healthy link was given up");
    cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], messages);
    world_close(&world);
}

Test(network, healthy_links_are_not_given_up)
{
    change_under(0, 0, 65536, 10);
    change_under(2000000, 0, 65536, 0);
    change_under(2000000, 100000, 65536, 30);
    change_under(300000, 20000, 65536, 30);
    change_under(10000, 20000, 200000, 30);
}

/* Where the configured time is shorter, it stays. */
Test(network, probing_never_takes_longer)
{
    kith_session_config config = world_config("x");
    config.idle_ping_ms = 500;
    config.idle_ping_count = 1;
    world_open(&world, 1);
    ada = world_join(&world, &config);
    bob = world_join(&world, &config);
    actor_listen(ada);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    swallow_both_ways();
    change_network();
    world_run(&world, 1001);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    world_close(&world);
}

/* ---- another way to the same peer -------------------------------------------------------------
 */

Test(network, a_link_that_is_replaced_is_told)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        open_pair(seed);
        world_run(&world, 1000);
        kith_memory_hub_cut(&world.hub);
        world_run(&world, 1000);
        cr_assert_eq(ada->count[ACTOR_INTERRUPTED], 0);
        cr_assert_eq(ada->count[ACTOR_NETWORK_PATH], 1);
        cr_assert_eq(bob->count[ACTOR_NETWORK_PATH], 1);
        world.hub.unreachable = 1;
        kith_memory_hub_cut(&world.hub);
        world_run(&world, 1000);
        world.hub.unreachable = 0;
        world_run(&world, 10000);
        cr_assert_eq(ada->count[ACTOR_RESUMED], 1);
        cr_assert_eq(ada->count[ACTOR_NETWORK_PATH], 1, "CONNECTED says it already");
        world_close(&world);
    }
}

/* ---- resting ----------------------------------------------------------------------------------
 */

static void suspend(struct actor *actor)
{
    cr_assert_eq(kith_session_suspend(actor->session), KITH_OK);
    cr_assert_eq(kith_session_suspend(actor->session), KITH_OK);
    world_settle(&world);
}

static void wake(struct actor *actor)
{
    cr_assert_eq(kith_session_wake(actor->session), KITH_OK);
    cr_assert_eq(kith_session_wake(actor->session), KITH_OK);
    world_settle(&world);
}

static void count_packets(void *user, int from_dialer, uint8_t *bytes, size_t count)
{
    unsigned *packets = user;
    (void)bytes, (void)count;
    packets[from_dialer]++;
}

Test(network, nothing_is_done_at_rest)
{
    unsigned packets[2] = {0, 0};
    open_pair(1);
    suspend(ada);
    suspend(bob);
    world_run(&world, 6000);
    world.hub.tap = count_packets;
    world.hub.tap_user = packets;
    world_run(&world, 3600000);
    cr_assert_eq(packets[0] + packets[1], 0);
    actor_expect(ada, 1, 1);
    cr_assert_eq(kith_retry(ada->session), KITH_ERR_STATE);
    wake(ada);
    cr_assert_gt(packets[0], 0, "it asks at once");
    cr_assert_gt(packets[1], 0, "and is answered, resting or not");
    wake(bob);
    world_run(&world, 100000);
    actor_expect(bob, 1, 1);
    cr_assert_eq(ada->count[ACTOR_INTERRUPTED] + bob->count[ACTOR_INTERRUPTED], 0);
    cr_assert_eq(ada->count[ACTOR_NETWORK_CHANGED] + ada->count[ACTOR_NETWORK_WOKE], 0);
    world_close(&world);
}

/* The other side's own pings are answered: it notices nothing. */
Test(network, who_rests_is_still_there)
{
    open_pair(1);
    suspend(ada);
    cr_assert_eq(actor_say(bob, bob->last, 0, 100000, 1), KITH_OK);
    world_run(&world, 600000);
    cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], 1);
    cr_assert_eq(bob->count[ACTOR_INTERRUPTED], 0);
    world_close(&world); /* while it rests */
}

/* The link dies meanwhile. */
Test(network, a_link_that_died_at_rest)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        open_pair(seed);
        suspend(bob);
        swallow_both_ways();
        world_run(&world, 10000);
        wake(bob);
        world_run(&world, KITH_PROBE_MS * (KITH_PROBE_COUNT + 2) + 2 * KITH_LINK_CLOSE_MS);
        cr_assert_eq(world.hub.link_count, 2);
        actor_expect(ada, 1, 1);
        actor_expect(bob, 1, 1);
        cr_assert_eq(bob->count[ACTOR_DEPARTED], 0);
        world_close(&world);
    }
}

/* A peer that is interrupted is neither dialled nor given up. */
Test(network, windows_do_not_run_out_at_rest)
{
    open_pair(1);
    world.hub.unreachable = 1;
    kith_memory_hub_cut(&world.hub);
    world_run(&world, 1000);
    suspend(ada);
    suspend(bob);
    world_run(&world, 1000);
    bob->count[ACTOR_DIAL_WAITING] = 0;
    world_run(&world, 3600000);
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], 0);
    cr_assert_eq(ada->count[ACTOR_DEPARTED] + bob->count[ACTOR_DEPARTED], 0);
    world.hub.unreachable = 0;
    wake(ada);
    wake(bob);
    world_run(&world, 0);
    cr_assert_eq(ada->count[ACTOR_RESUMED], 1);
    cr_assert_eq(bob->count[ACTOR_RESUMED], 1);
    world.hub.unreachable = 1;
    kith_memory_hub_cut(&world.hub);
    world_run(&world, KITH_RESUME_WINDOW_MS_DEFAULT + 1);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    world_close(&world);
}

Test(network, dials_do_not_run_out_at_rest)
{
    unsigned waits;
    open_waiting_dial(1); /* 20.1 of 30 s are gone */
    suspend(bob);
    waits = bob->count[ACTOR_DIAL_WAITING];
    world_run(&world, 3600000);
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], waits);
    wake(bob);
    world_run_us(&world, 0);
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], waits + 1);
    world_run(&world, 3000);
    cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 0);
    world_run(&world, 7000);
    cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
    world_close(&world);
}

/* What is opened at rest is tried once. */
Test(network, opened_at_rest)
{
    open_world(1);
    world.hub.no_address = world.hub.unreachable = 1;
    suspend(ada);
    listen_at("mem://*:7");
    cr_assert_eq(ada->count[ACTOR_LISTENER_WAITING], 1);
    cr_assert_eq(actor_dial_url(ada, "mem://hub:9", NULL), KITH_OK);
    world_run(&world, 60000);
    cr_assert_eq(ada->count[ACTOR_DIAL_WAITING], 1);
    world.hub.no_address = 0;
    change_network();
    cr_assert_eq(ada->count[ACTOR_LISTENING] + ada->count[ACTOR_NETWORK_CHANGED], 0);
    wake(ada);
    cr_assert_eq(ada->count[ACTOR_LISTENING], 1);
    world_run_us(&world, 0);
    cr_assert_eq(ada->count[ACTOR_DIAL_WAITING], 2);
    world_close(&world);
}

/* Time stood still: every answer that was missed before may be waiting to be read. */
Test(network, sleeping_kills_no_link)
{
    open_pair(1);
    world.hub.delay_us = 900000;
    KITH_CONTAINER(bob->session->conns.next, struct kith_conn, node)->pings_unanswered = 3;
    kith_session_network(bob->session, KITH_NETWORK_DUE_WAKE | KITH_NETWORK_DUE_TELL_WOKE);
    world_run(&world, 60000);
    cr_assert_eq(bob->count[ACTOR_NETWORK_WOKE], 1);
    cr_assert_eq(world.hub.link_count, 1);
    actor_expect(bob, 1, 1);
    world_close(&world);
}

Test(network, what_is_refused)
{
    open_world(1);
    cr_assert_eq(kith_retry(NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_session_suspend(NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_session_wake(NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_session_close(ada->session, 1000), KITH_OK);
    cr_assert_eq(kith_retry(ada->session), KITH_ERR_CLOSED);
    cr_assert_eq(kith_session_suspend(ada->session), KITH_ERR_CLOSED);
    cr_assert_eq(kith_session_wake(ada->session), KITH_ERR_CLOSED);
    world_close(&world);
}

/* Memory that runs out anywhere in this leaves nothing behind, and nothing hanging. */
Test(network, without_memory)
{
    for (uint64_t fail = 1; fail < 60; fail += bench_step()) {
        open_pair(1);
        world.bench.fail_from = world.bench.requests + fail;
        world.bench.fail_count = 3;
        world.hub.no_address = 1;
        change_network();
        world_run(&world, 1000);
        (void)kith_session_suspend(bob->session);
        world_run(&world, 1000);
        (void)kith_session_wake(bob->session);
        (void)kith_retry(ada->session);
        world.hub.no_address = 0;
        kith_memory_hub_cut(&world.hub);
        world_run(&world, 60000);
        world_close(&world);
    }
}

/* The same link, from another address: no link of the hub does that by itself. */
Test(network, a_peer_that_moves_is_told)
{
    kith_peer_info info = {.size = sizeof info};
    struct kith_peer *peer;
    open_pair(1);
    peer = KITH_CONTAINER(ada->session->peers.next, struct kith_peer, node);
    kith_up_moved(peer->active->link, "192.0.2.9:4242");
    cr_assert_eq(ada->count[ACTOR_NETWORK_PATH], 1);
    cr_assert_eq(bob->count[ACTOR_NETWORK_PATH], 0);
    cr_assert_eq(kith_peer_get_info(peer, &info), KITH_OK);
    cr_assert_str_eq(info.remote_address, "192.0.2.9:4242");
    world_close(&world);
}

/* Where it listens has moved along, and somebody else may be at the old address, who refuses. */
Test(network, a_peer_that_moves_listens_elsewhere)
{
    kith_session_config config = world_config("x");
    struct kith_peer *peer;
    config.role = KITH_ROLE_STAR;
    world_open(&world, 1);
    ada = world_join(&world, &config);
    bob = world_join(&world, &config);
    listen_at("mem://*:7");
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    peer = KITH_CONTAINER(bob->session->peers.next, struct kith_peer, node);
    cr_assert_eq(peer->place_count, 1);
    kith_up_moved(peer->active->link, "10.0.0.9:4242");
    cr_assert_str_eq(peer->places[0].url, "mem://10.0.0.9:7");
    cr_assert_eq(peer->places[0].is_near, 1);
    peer->places[0].is_any = 0; /* had it told this very address */
    kith_up_moved(peer->active->link, "10.0.0.8:4242");
    cr_assert_str_eq(peer->places[0].url, "mem://10.0.0.9:7");
    cr_assert_eq(peer->places[0].is_near, 0);
    world_close(&world);
}

/* Nor one whose peer the application does not know yet. */
Test(network, a_stranger_that_moves_is_not_told)
{
    struct kith_conn *conn;
    open_world(1);
    world.hub.delay_us = 10000;
    actor_listen(ada);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    for (int i = 0; i < 1000 && kith_list_empty(&ada->session->conns); i++) {
        world_run(&world, 1);
    }
    cr_assert(!kith_list_empty(&ada->session->conns));
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 0);
    conn = KITH_CONTAINER(ada->session->conns.next, struct kith_conn, node);
    kith_up_moved(conn->link, "192.0.2.9:4242");
    cr_assert_eq(ada->count[ACTOR_NETWORK_PATH], 0);
    cr_assert_str_eq(conn->remote_address, "192.0.2.9:4242");
    world_run(&world, 1000);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(ada->count[ACTOR_NETWORK_PATH], 0);
    world_close(&world);
}
