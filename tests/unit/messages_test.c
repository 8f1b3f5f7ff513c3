/* SPDX-License-Identifier: MIT
 *
 * messages_test.c: the ways to send and receive beyond one copied message to one peer: holding,
 * lending, many receivers, datagrams, urgency, statistics. Under virtual time.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "world.h"

enum { KEPT_MAX = 64 };

static struct world world;
static struct actor *ada, *bob;
static kith_held *kept[KEPT_MAX];
static size_t kept_count, came_count, came_bytes;
static unsigned order[4096];
static uint8_t last[KITH_DATAGRAM_BYTES_MAX];

static void keep(kith_session *session, kith_peer *peer, const kith_message *message, void *user)
{
    const void *bytes;
    size_t count;
    (void)session;
    (void)user;
    cr_assert_lt(kept_count, KEPT_MAX);
    cr_assert_eq(kith_message_hold(peer, message, &kept[kept_count]), KITH_OK);
    bytes = kith_held_data(kept[kept_count], &count);
    cr_assert_eq(count, message->data_bytes);
    cr_assert_eq(memcmp(bytes, message->data, count), 0);
    cr_assert_eq(kith_message_hold(peer, message, &kept[kept_count]), KITH_ERR_STATE);
    kept_count++;
}

static void note(kith_session *session, kith_peer *peer, const kith_message *message, void *user)
{
    (void)session;
    (void)peer;
    (void)user;
    order[came_count++ % 4096] = message->channel;
    came_bytes += message->data_bytes;
}

static void note_datagram(kith_session *session, kith_peer *peer, const void *data, size_t count,
                          void *user)
{
    (void)session;
    (void)peer;
    (void)user;
    cr_assert_leq(count, sizeof last);
    memcpy(last, data, count);
    came_count++;
    came_bytes = count;
}

static void open_pair(void)
{
    world_open(&world, 7);
    world_pair(&world, &ada, &bob);
    bob->session->callbacks.on_message = note;
    bob->session->callbacks.on_datagram = note_datagram;
}

static unsigned delivered(void)
{
    return ada->fate_count[KITH_FATE_DELIVERED];
}

/* ---- holding ----------------------------------------------------------------------------------
 */

Test(messages, held_in_order_of_release)
{
    open_pair();
    bob->session->callbacks.on_message = keep;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(actor_say(ada, ada->last, 0, 100, 1), KITH_OK);
    }
    cr_assert_eq(actor_say(ada, ada->last, 1, 100, 1), KITH_OK);
    world_settle(&world);
    cr_assert_eq(kept_count, 4);
    cr_assert_eq(delivered(), 0);
    kith_held_release(kept[1]); /* the second of channel 0: memory, but no receipt */
    world_settle(&world);
    cr_assert_eq(delivered(), 0);
    kith_held_release(kept[3]); /* the other channel does not wait */
    world_settle(&world);
    cr_assert_eq(delivered(), 1);
    kith_held_release(kept[0]);
    world_settle(&world);
    cr_assert_eq(delivered(), 3);
    kith_held_release(kept[2]);
    world_settle(&world);
    cr_assert_eq(delivered(), 4);
    world_close(&world);
}

Test(messages, only_the_one_at_hand_can_be_held)
{
    kith_message stranger = {sizeof stranger, 0, "x", 1};
    kith_held *held;
    open_pair();
    cr_assert_eq(kith_message_hold(bob->last->peer, &stranger, &held), KITH_ERR_STATE);
    cr_assert_eq(kith_message_hold(NULL, &stranger, &held), KITH_ERR_INVALID);
    cr_assert_eq(kith_message_hold(bob->last->peer, NULL, &held), KITH_ERR_INVALID);
    kith_held_release(NULL);
    world_close(&world);
}

/* A reader that keeps everything stops its sender within the budget, and lets it go on afterwards.
 */
Test(messages, holding_is_back_pressure)
{
    kith_session_config config = world_config("Ada");
    kith_peer_stats stats = {.size = sizeof stats};
    unsigned sent = 0;
    config.budget_bytes = 1 << 20;
    world_open(&world, 3);
    ada = world_join(&world, &config);
    config.display_name = "Bob";
    bob = world_join(&world, &config);
    actor_listen(ada);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    bob->session->callbacks.on_message = keep;
    while (actor_say(ada, ada->last, 0, 100000, 1) == KITH_OK) {
        cr_assert_lt(++sent, 40);
        world_settle(&world);
    }
    cr_assert_gt(kept_count, 0);
    cr_assert_eq(kith_peer_get_stats(bob->last->peer, &stats), KITH_OK);
    cr_assert_leq(stats.held_bytes, config.budget_bytes / 2);
    cr_assert_geq(stats.held_bytes, kept_count * 100000);
    for (size_t i = 0; i < kept_count; i++) {
        kith_held_release(kept[i]);
        world_settle(&world);
    }
    cr_assert_eq(ada->count[ACTOR_WRITABLE], 1);
    cr_assert_eq(delivered(), sent);
    world_close(&world);
}

/* Eight channels, each with a message of the largest size, all held and given back in the worst
 * order. */
Test(messages, held_large_ones_never_deadlock)
{
    kith_peer_info info = {.size = sizeof info};
    open_pair();
    bob->session->callbacks.on_message = keep;
    cr_assert_eq(kith_peer_get_info(ada->last->peer, &info), KITH_OK);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned channel = 0; channel < KITH_CHANNEL_COUNT; channel++) {
            (void)actor_say(ada, ada->last, channel, info.max_message_bytes, 1);
        }
    }
    world_settle(&world);
    for (size_t done = 0; done < kept_count;) {
        kith_held_release(kept[--kept_count]); /* the newest first */
        world_settle(&world);
    }
    cr_assert_eq(delivered(), ada->tickets);
    cr_assert_eq(bob->last->peer->receive_share.records_free,
                 bob->last->peer->receive_share.budget / 2);
    world_close(&world);
}

Test(messages, held_beyond_the_departure)
{
    size_t count;
    open_pair();
    bob->session->callbacks.on_message = keep;
    cr_assert_eq(actor_say(ada, ada->last, 0, 5000, 1), KITH_OK);
    cr_assert_eq(actor_say(ada, ada->last, 0, 200000, 1), KITH_OK);
    world_settle(&world);
    kith_held_release(kept[1]);
    cr_assert_eq(kith_session_close(ada->session, 0), KITH_OK);
    world_run(&world, 2000);
    cr_assert_eq(bob->count[ACTOR_DEPARTED], 1);
    cr_assert_eq(ada->fate_count[KITH_FATE_UNKNOWN], 2);
    (void)kith_held_data(kept[0], &count);
    cr_assert_eq(count, 5000);
    kith_held_release(kept[0]);
    world_close(&world);
}

static void keep_and_release(kith_session *session, kith_peer *peer, const kith_message *message,
                             void *user)
{
    keep(session, peer, message, user);
    kith_held_release(kept[--kept_count]);
}

Test(messages, released_while_handed_out)
{
    open_pair();
    bob->session->callbacks.on_message = keep_and_release;
    cr_assert_eq(actor_say(ada, ada->last, 0, 100000, 1), KITH_OK);
    cr_assert_eq(actor_say(ada, ada->last, 0, 0, 1), KITH_OK);
    world_settle(&world);
    cr_assert_eq(delivered(), 2);
    world_close(&world);
}

static void keep_release_and_read(kith_session *session, kith_peer *peer,
                                  const kith_message *message, void *user)
{
    unsigned sum = 0;
    keep_and_release(session, peer, message, user);
    for (size_t i = 0; i < message->data_bytes; i++) {
        sum += ((const uint8_t *)message->data)[i]; /* borrowed until this returns, held or not */
    }
    came_bytes += sum;
}

Test(messages, readable_after_its_release)
{
    open_pair();
    bob->session->callbacks.on_message = keep_release_and_read;
    cr_assert_eq(actor_say(ada, ada->last, 0, 100000, 1), KITH_OK);
    cr_assert_eq(actor_say(ada, ada->last, 0, 10, 1), KITH_OK);
    world_settle(&world);
    cr_assert_eq(delivered(), 2);
    world_close(&world);
}

static kith_held *many[KITH_HELD_PER_CHANNEL_MAX];

static void keep_up_to_the_limit(kith_session *session, kith_peer *peer,
                                 const kith_message *message, void *user)
{
    kith_held *held;
    kith_err err = kith_message_hold(peer, message, &held);
    (void)session;
    (void)user;
    cr_assert_eq(err, kept_count < KITH_HELD_PER_CHANNEL_MAX ? KITH_OK : KITH_ERR_LIMIT);
    if (err == KITH_OK) {
        many[kept_count++] = held;
    }
}

Test(messages, held_ones_are_bounded)
{
    open_pair();
    bob->session->callbacks.on_message = keep_up_to_the_limit;
    for (int i = 0; i < KITH_HELD_PER_CHANNEL_MAX + 5; i++) {
        cr_assert_eq(actor_say(ada, ada->last, 0, 1, 1), KITH_OK);
        world_settle(&world);
    }
    cr_assert_eq(kept_count, KITH_HELD_PER_CHANNEL_MAX);
    for (size_t i = kept_count; i-- > 0;) {
        kith_held_release(many[i]);
    }
    world_settle(&world);
    cr_assert_eq(delivered(), KITH_HELD_PER_CHANNEL_MAX + 5);
    world_close(&world);
}

/* ---- lending and many -------------------------------------------------------------------------
 */

static unsigned freed;
static int inside_call;

static void give_back(void *user, const void *data)
{
    cr_assert_eq(user, &freed);
    cr_assert_not_null(data);
    cr_assert_not(inside_call);
    freed++;
}

static kith_send_options lending(void)
{
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    options.free_fn = give_back;
    options.free_user = &freed;
    return options;
}

Test(messages, lent_bytes_come_back_once)
{
    static const uint8_t bytes[70000];
    kith_send_options options = lending();
    open_pair();
    options.ticket = ++ada->tickets;
    cr_assert_eq(kith_send(ada->last->peer, 0, bytes, sizeof bytes, &options), KITH_OK);
    cr_assert_eq(freed, 0);
    cr_assert_eq(kith_send(ada->last->peer, 9, bytes, sizeof bytes, &options), KITH_ERR_INVALID);
    cr_assert_eq(kith_send(ada->last->peer, 0, bytes, SIZE_MAX, &options), KITH_ERR_TOO_BIG);
    world_settle(&world);
    cr_assert_eq(freed, 1);
    cr_assert_eq(came_bytes, sizeof bytes);
    cr_assert_eq(delivered(), 1);
    /* A peer that departs gives them back as well. */
    world.hub.delay_us = 1000;
    options.ticket = 0;
    cr_assert_eq(kith_send(ada->last->peer, 0, bytes, 10, &options), KITH_OK);
    kith_memory_hub_cut(&world.hub);
    world_run(&world, 10);
    cr_assert_eq(freed, 2);
    world_close(&world);
}

Test(messages, a_full_queue_keeps_lent_bytes_with_the_caller)
{
    static const uint8_t bytes[1 << 20];
    kith_send_options options = lending();
    unsigned taken = 0;
    open_pair();
    while (kith_send(ada->last->peer, 0, bytes, sizeof bytes, &options) == KITH_OK) {
        cr_assert_lt(++taken, 100);
    }
    world_settle(&world);
    cr_assert_eq(freed, taken);
    world_close(&world);
}

static unsigned fates;

static void count_fate(kith_session *session, kith_peer *peer, uint64_t ticket, kith_fate fate,
                       void *user)
{
    (void)session;
    (void)peer;
    (void)user;
    cr_assert_eq(ticket, 1);
    fates += fate == KITH_FATE_DELIVERED;
}

static void open_crowd(void)
{
    kith_session_config config = world_config("Ada");
    world_open(&world, 11);
    ada = world_join(&world, &config);
    actor_listen(ada);
    for (int i = 0; i < 4; i++) {
        struct actor *other = world_join(&world, &config);
        cr_assert_eq(actor_dial(other, ada, NULL), KITH_OK);
        other->session->callbacks.on_message = note;
        bob = other;
    }
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 4);
}

Test(messages, broadcast_reaches_everyone_with_one_copy)
{
    static const uint8_t bytes[100000];
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    kith_send_result results[2];
    size_t count = 2, before;
    open_crowd();
    options.ticket = 1;
    ada->session->callbacks.on_fate = count_fate;
    before = world.bench.bytes;
    cr_assert_eq(kith_broadcast(ada->session, 2, bytes, sizeof bytes, &options, results, &count),
                 KITH_OK);
    cr_assert_geq(world.bench.bytes - before, sizeof bytes);
    cr_assert_lt(world.bench.bytes - before, sizeof bytes + 4096, "it was copied more than once");
    cr_assert_eq(count, 4);
    cr_assert_eq(results[0].err, KITH_OK);
    cr_assert_neq(results[0].peer, results[1].peer);
    world_settle(&world);
    cr_assert_eq(came_count, 4);
    cr_assert_eq(came_bytes, 4 * sizeof bytes);
    cr_assert_eq(fates, 4); /* one for each */
    cr_assert_eq(kith_broadcast(ada->session, 8, bytes, 1, NULL, NULL, NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_broadcast(NULL, 0, bytes, 1, NULL, NULL, NULL), KITH_ERR_INVALID);
    world_close(&world);
}

Test(messages, many_each_with_its_own_result)
{
    static const uint8_t bytes[10];
    kith_send_options options = lending();
    kith_send_result to[4];
    kith_peer *peer = NULL;
    open_crowd();
    for (size_t i = 0; i < 4; i++) {
        peer = kith_peer_next(ada->session, peer);
        to[i] = (kith_send_result){peer, KITH_ERR_INTERNAL};
    }
    to[2].peer = bob->last->peer; /* of another session */
    to[3].peer = NULL;
    inside_call = 1;
    cr_assert_eq(kith_send_many(ada->session, to, 4, 0, bytes, sizeof bytes, &options),
                 KITH_ERR_PARTIAL);
    inside_call = 0;
    cr_assert_eq(to[0].err, KITH_OK);
    cr_assert_eq(to[1].err, KITH_OK);
    cr_assert_eq(to[2].err, KITH_ERR_INVALID);
    cr_assert_eq(to[3].err, KITH_ERR_INVALID);
    world_settle(&world);
    cr_assert_eq(came_count, 2);
    cr_assert_eq(freed, 1);
    world_close(&world);
}

Test(messages, lent_to_nobody_comes_back_later)
{
    kith_session_config config = world_config("Ada");
    kith_send_options options = lending();
    size_t count = 0;
    world_open(&world, 1);
    ada = world_join(&world, &config);
    inside_call = 1;
    cr_assert_eq(kith_broadcast(ada->session, 0, "x", 1, &options, NULL, &count), KITH_OK);
    inside_call = 0;
    cr_assert_eq(count, 0);
    cr_assert_eq(freed, 0);
    world_settle(&world);
    cr_assert_eq(freed, 1);
    world_close(&world);
}

/* ---- datagrams --------------------------------------------------------------------------------
 */

Test(messages, a_datagram_arrives)
{
    uint8_t bytes[KITH_DATAGRAM_BYTES_MAX];
    kith_peer_stats stats = {.size = sizeof stats};
    open_pair();
    memset(bytes, 0x5a, sizeof bytes);
    cr_assert_eq(kith_peer_datagram_max(ada->last->peer), sizeof bytes);
    cr_assert_eq(kith_send_datagram(ada->last->peer, bytes, sizeof bytes, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(came_count, 1);
    cr_assert_eq(came_bytes, sizeof bytes);
    cr_assert_eq(memcmp(last, bytes, sizeof bytes), 0);
    cr_assert_eq(kith_send_datagram(ada->last->peer, NULL, 0, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(came_count, 2);
    cr_assert_eq(came_bytes, 0);
    cr_assert_eq(kith_send_datagram(ada->last->peer, bytes, sizeof bytes + 1, NULL),
                 KITH_ERR_TOO_BIG);
    cr_assert_eq(kith_send_datagram(ada->last->peer, NULL, 1, NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_peer_get_stats(ada->last->peer, &stats), KITH_OK);
    cr_assert_eq(stats.datagrams_sent, 2);
    cr_assert_eq(stats.datagrams_dropped, 0);
    cr_assert_eq(kith_peer_get_stats(bob->last->peer, &stats), KITH_OK);
    cr_assert_eq(stats.datagrams_received, 2);
    world_close(&world);
}

/* Behind a message that fills the connection: now or never is never, a lifetime may be long enough.
 */
Test(messages, datagrams_do_not_wait_behind_messages)
{
    kith_peer_stats stats = {.size = sizeof stats};
    kith_datagram_options patient = KITH_DATAGRAM_OPTIONS_INIT;
    open_pair();
    world.hub.delay_us = 50000;
    cr_assert_eq(actor_say(ada, ada->last, 0, 1 << 20, 1), KITH_OK);
    world_run_us(&world, 1000); /* the hub's pipe is full now */
    cr_assert_eq(kith_send_datagram(ada->last->peer, "x", 1, NULL), KITH_ERR_AGAIN);
    patient.lifetime_ms = 10;
    cr_assert_eq(kith_send_datagram(ada->last->peer, "y", 1, &patient), KITH_OK);
    patient.lifetime_ms = 1000;
    cr_assert_eq(kith_send_datagram(ada->last->peer, "z", 1, &patient), KITH_OK);
    world_run(&world, 20000);
    cr_assert_eq(last[0], 'z');
    cr_assert_eq(kith_peer_get_stats(ada->last->peer, &stats), KITH_OK);
    cr_assert_eq(stats.datagrams_sent, 1);
    cr_assert_eq(stats.datagrams_dropped, 2);
    cr_assert_eq(delivered(), 1);
    world_close(&world);
}

Test(messages, waiting_datagrams_are_bounded)
{
    uint8_t bytes[KITH_DATAGRAM_BYTES_MAX] = {0};
    kith_datagram_options patient = KITH_DATAGRAM_OPTIONS_INIT;
    unsigned taken = 0;
    open_pair();
    world.hub.delay_us = 50000;
    cr_assert_eq(actor_say(ada, ada->last, 0, 1 << 20, 0), KITH_OK);
    world_run_us(&world, 1000);
    patient.lifetime_ms = 100000;
    while (kith_send_datagram(ada->last->peer, bytes, sizeof bytes, &patient) == KITH_OK) {
        cr_assert_lt(++taken, 60);
    }
    cr_assert_gt(taken, 40);
    world_close(&world); /* and nothing of them is left */
}

/* ---- urgency and statistics -------------------------------------------------------------------
 */

Test(messages, what_is_urgent_overtakes)
{
    kith_session_config config = world_config("Ada");
    config.channel_priority[5] = 3;
    config.channel_priority[6] = 7;
    world_open(&world, 5);
    ada = world_join(&world, &config);
    memset(config.channel_priority, 0, sizeof config.channel_priority);
    bob = world_join(&world, &config);
    actor_listen(ada);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    bob->session->callbacks.on_message = note;
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(actor_say(ada, ada->last, 0, 5000, 0), KITH_OK); /* less than a window */
        cr_assert_eq(actor_say(ada, ada->last, 5, 5000, 0), KITH_OK);
        cr_assert_eq(actor_say(ada, ada->last, 6, 5000, 0), KITH_OK);
    }
    world_settle(&world);
    cr_assert_eq(came_count, 30);
    for (int i = 0; i < 30; i++) {
        cr_assert_eq(order[i],
                     i < 10   ? 6
                     : i < 20 ? 5
                              : 0,
                     "message %d on channel %u", i, order[i]);
    }
    world_close(&world);
}

Test(messages, an_urgency_beyond_the_most_is_refused)
{
    kith_session_config config = world_config("Ada");
    kith_callbacks none = KITH_CALLBACKS_INIT;
    struct kith_session *session;
    world_open(&world, 1);
    config.channel_priority[3] = KITH_CHANNEL_PRIORITY_MAX + 1;
    cr_assert_eq(
        kith_session_create(&world.bench.env, world.drivers, &config, &none, NULL, &session),
        KITH_ERR_INVALID);
    cr_assert_not_null(strstr(kith_detail(), "channel_priority[3]"));
    world_close(&world);
}

Test(messages, statistics)
{
    kith_peer_stats stats = {.size = sizeof stats};
    open_pair();
    world.hub.delay_us = 10000;
    cr_assert_eq(actor_say(ada, ada->last, 0, 1000, 1), KITH_OK);
    cr_assert_eq(kith_peer_get_stats(ada->last->peer, &stats), KITH_OK);
    cr_assert_eq(stats.messages_sent, 1);
    cr_assert_eq(stats.message_bytes_sent, 1000);
    cr_assert_eq(stats.unsent_bytes, 1002); /* with its length */
    world_run_us(&world, 100);
    cr_assert_eq(kith_peer_get_stats(ada->last->peer, &stats), KITH_OK);
    cr_assert_eq(stats.unsent_bytes, 0);
    cr_assert_eq(stats.retained_bytes, 1002);
    world_run(&world, 100);
    cr_assert_eq(kith_peer_get_stats(ada->last->peer, &stats), KITH_OK);
    cr_assert_eq(stats.retained_bytes, 0);
    cr_assert_eq(kith_peer_get_stats(bob->last->peer, &stats), KITH_OK);
    cr_assert_eq(stats.messages_received, 1);
    cr_assert_eq(stats.message_bytes_received, 1000);
    stats.size = 0;
    cr_assert_eq(kith_peer_get_stats(bob->last->peer, &stats), KITH_ERR_INVALID);
    cr_assert_eq(kith_peer_get_stats(bob->last->peer, NULL), KITH_ERR_INVALID);
    world_close(&world);
}

/* ---- put out in the middle --------------------------------------------------------------------
 */

static void put_out(kith_session *session, kith_peer *peer, const kith_message *message, void *user)
{
    (void)session;
    (void)message;
    (void)user;
    cr_assert_eq(kith_peer_disconnect(peer, "enough"), KITH_OK);
}

/* What is on its way then, however many frames, is not held against it. */
Test(messages, a_flood_after_disconnect_is_no_offence)
{
    open_pair();
    bob->session->callbacks.on_message = put_out;
    for (int i = 0; i < 3000; i++) {
        cr_assert_eq(actor_say(ada, ada->last, (unsigned)i % 8, 1, 0), KITH_OK);
    }
    world_run(&world, 2000);
    cr_assert_eq(bob->friends[0].reason, KITH_REASON_LOCAL);
    cr_assert_eq(ada->friends[0].reason, KITH_REASON_KICKED);
    cr_assert_str_eq(ada->friends[0].text, "enough");
    world_close(&world);
}
