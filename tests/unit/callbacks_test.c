/* SPDX-License-Identifier: MIT
 *
 * callbacks_test.c: what kith.h allows inside callbacks: closing, cancelling, disconnecting and
 * sending in every one of them. The world checks that no callback runs inside another, that every
 * handle gets its one final event, and that nothing is left.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "world.h"

static struct world world;
static struct actor *ada, *bob;

/* What to do, and in which callback. */
static enum actor_event when;
static void (*what)(struct actor *);
static unsigned done;

static void act(struct actor *actor, enum actor_event event)
{
    if (event == when) {
        done++;
        what(actor);
    }
}

static void tell_network(unsigned due)
{
    for (size_t i = 0; i < world.actor_count; i++) {
        if (world.actors[i].session != NULL) {
            kith_session_network(world.actors[i].session, due);
        }
    }
    world_settle(&world);
}

/* A talk in which every event comes at least once at one of the two. */
static void talk(void)
{
    static const char datagram[1000];
    kith_session_config config = world_config("Ada");
    config.budget_bytes = 1 << 20;
    config.resume_window_ms = 0;
    world_open(&world, 1);
    done = 0;
    ada = world_join(&world, &config);
    config.display_name = "Bob";
    bob = world_join(&world, &config);
    ada->hook = bob->hook = act;
    cr_assert_eq(actor_dial_url(bob, "mem://hub:1", NULL), KITH_OK); /* WAITING */
    world_settle(&world);
    if (ada->session != NULL) {
        world.hub.no_address = 1; /* WAITING */
        cr_assert_eq(kith_listen(ada->session, "mem://*:1", ada, &ada->listener), KITH_OK);
        world_settle(&world);
        world.hub.no_address = 0;
    }
    tell_network(KITH_NETWORK_DUE_LOOK | KITH_NETWORK_DUE_TELL);
    if (ada->session != NULL && ada->session->state == KITH_SESSION_OPEN) {
        cr_assert_eq(kith_listen(ada->session, "mem://*:1", ada, NULL), KITH_OK); /* is in use */
    }
    world_run(&world, 1000);
    for (int side = 0; side < 2; side++) {
        struct actor *actor = side ? ada : bob;
        while (actor->last != NULL && actor->last->peer != NULL &&
               actor_say(actor, actor->last, 0, 100000, 1) == KITH_OK) {
        }
        while (actor->last != NULL && actor->last->peer != NULL &&
               kith_send_datagram(actor->last->peer, datagram, sizeof datagram, NULL) == KITH_OK) {
        }
    }
    world_run(&world, 1000);
    kith_memory_hub_cut(&world.hub); /* another PATH */
    world_run(&world, 1000);
    tell_network(KITH_NETWORK_DUE_WAKE | KITH_NETWORK_DUE_TELL_WOKE);
    world.hub.unreachable = 1;
    kith_memory_hub_cut(&world.hub); /* INTERRUPTED */
    world_run(&world, 1000);
    world.hub.unreachable = 0; /* and CONNECTED again */
    world_run(&world, 6000);
    if (ada->listener != NULL) {
        cr_assert_eq(kith_listener_close(ada->listener), KITH_OK);
    }
    if (bob->session != NULL && actor_dial_url(bob, "mem://hub:9", NULL) == KITH_OK) {
        world_settle(&world);
        if (bob->dial != NULL) {
            cr_assert_eq(kith_dial_cancel(bob->dial), KITH_OK);
        }
    }
    world_run(&world, 1000);
    if (bob->session != NULL) {
        cr_assert_eq(kith_session_close(bob->session, 100), KITH_OK);
    }
    world_run(&world, 40000);
    world_close(&world);
}

static void in_every_callback(void (*action)(struct actor *))
{
    what = action;
    for (int event = ACTOR_CONNECTED; event < ACTOR_EVENTS; event++) {
        when = (enum actor_event)event;
        talk();
        /* DIAL_FAILED does not come here: Bob's dial gets through. */
        cr_assert(done > 0 || event == ACTOR_DIAL_FAILED, "event %d did not come", event);
    }
}

/* ---- actions ----------------------------------------------------------------------------------
 */

static void nothing(struct actor *actor)
{
    (void)actor;
}

static void close_at_once(struct actor *actor)
{
    cr_assert_eq(kith_session_close(actor->session, 0), KITH_OK);
}

static void close_with_flush(struct actor *actor)
{
    cr_assert_eq(kith_session_close(actor->session, 5000), KITH_OK);
}

static void close_both(struct actor *actor)
{
    (void)actor;
    if (ada->session != NULL) {
        cr_assert_eq(kith_session_close(ada->session, 0), KITH_OK);
    }
    if (bob->session != NULL) {
        cr_assert_eq(kith_session_close(bob->session, 0), KITH_OK);
    }
}

static void disconnect(struct actor *actor)
{
    kith_peer *peer = actor->last != NULL ? actor->last->peer : NULL;
    if (peer != NULL) {
        kith_err err = kith_peer_disconnect(peer, "enough");
        cr_assert(err == KITH_OK || err == KITH_ERR_NOT_CONNECTED);
    }
}

static void cancel_and_stop_listening(struct actor *actor)
{
    if (actor->dial != NULL) {
        cr_assert_eq(kith_dial_cancel(actor->dial), KITH_OK);
    }
    if (actor->listener != NULL) {
        cr_assert_eq(kith_listener_close(actor->listener), KITH_OK);
    }
}

static void dial_and_listen_more(struct actor *actor)
{
    kith_dial *dial = actor->dial;
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    options.give_up_ms = 1;
    options.tag = actor;
    if (done < 20) {
        kith_err err = kith_dial_open(actor->session, "mem://hub:1", &options, NULL);
        cr_assert(err == KITH_OK || err == KITH_ERR_CLOSED);
        err = kith_listen(actor->session, "mem://*:1", actor, NULL);
        cr_assert(err == KITH_OK || err == KITH_ERR_CLOSED);
    }
    actor->dial = dial;
}

static void send_more(struct actor *actor)
{
    if (actor->last != NULL && actor->last->peer != NULL && done < 200) {
        for (unsigned channel = 0; channel < KITH_CHANNEL_COUNT; channel++) {
            kith_err err = actor_say(actor, actor->last, channel, 1000, 1);
            cr_assert(err == KITH_OK || err == KITH_ERR_AGAIN || err == KITH_ERR_NOT_CONNECTED ||
                      err == KITH_ERR_CLOSED);
        }
    }
}

static void retain_and_release(struct actor *actor)
{
    if (actor->last != NULL && actor->last->peer != NULL) {
        kith_peer_release(kith_peer_retain(actor->last->peer));
    }
}

static void cut(struct actor *actor)
{
    kith_memory_hub_cut(&actor->world->hub);
}

/* ---- tests ------------------------------------------------------------------------------------
 */

Test(callbacks, all_events_come)
{
    in_every_callback(nothing);
}

Test(callbacks, closing)
{
    in_every_callback(close_at_once);
}

Test(callbacks, closing_with_flush)
{
    in_every_callback(close_with_flush);
}

Test(callbacks, closing_both_sessions)
{
    in_every_callback(close_both);
}

Test(callbacks, disconnecting)
{
    in_every_callback(disconnect);
}

Test(callbacks, cancelling)
{
    in_every_callback(cancel_and_stop_listening);
}

Test(callbacks, dialling_and_listening)
{
    in_every_callback(dial_and_listen_more);
}

Test(callbacks, sending)
{
    in_every_callback(send_more);
}

Test(callbacks, retaining_and_releasing)
{
    in_every_callback(retain_and_release);
}

Test(callbacks, cutting_every_link)
{
    in_every_callback(cut);
}

static void disconnect_then_close(struct actor *actor)
{
    disconnect(actor);
    close_at_once(actor);
    cancel_and_stop_listening(actor);
}

Test(callbacks, everything_at_once)
{
    in_every_callback(disconnect_then_close);
}

/* A message that came after the disconnect inside on_message is not told any more, nor is its
 * sender told that it was delivered. */
Test(callbacks, nothing_is_delivered_after_a_disconnect)
{
    world_open(&world, 1);
    world_pair(&world, &ada, &bob);
    what = disconnect;
    when = ACTOR_MESSAGE;
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(actor_say(ada, ada->last, 0, 10, 1), KITH_OK);
    }
    bob->hook = act;
    world_settle(&world);
    cr_assert_eq(bob->count[ACTOR_MESSAGE], 1);
    cr_assert_leq(ada->fate_count[KITH_FATE_DELIVERED], 1);
    cr_assert_eq(bob->last->reason, KITH_REASON_LOCAL);
    world_close(&world);
}
