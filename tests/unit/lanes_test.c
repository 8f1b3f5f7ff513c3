/* SPDX-License-Identifier: MIT
 *
 * lanes_test.c: sessions over a transport that carries each lane apart and has datagrams of its
 * own: what overtakes, what is lent and for how long, what a stranger may not do. And the mix that
 * must never come to a halt, over every kind of link.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bounds.h"
#include "stranger.h"
#include "world.h"

enum { MANY = KITH_DRIVER_MANY_LANES, MANY_AND_DATAGRAMS = MANY | KITH_DRIVER_DATAGRAMS };

static struct world world;
static struct actor *ada, *bob;
static struct strangers strangers;
static struct stranger eve;
static unsigned datagrams;
static size_t datagram_bytes;

static void open_pair(unsigned capabilities)
{
    world_open(&world, 11);
    world.hub.driver.capabilities = capabilities;
    world_pair(&world, &ada, &bob);
}

static void note_datagram(kith_session *session, kith_peer *peer, const void *data, size_t count,
                          void *user)
{
    (void)session;
    (void)peer;
    (void)data;
    (void)user;
    datagrams++;
    datagram_bytes = count;
}

/* ---- lanes ------------------------------------------------------------------------------------
 */

Test(lanes, every_channel_both_ways)
{
    open_pair(MANY);
    world.hub.delay_us = 1000;
    world.hub.jitter_us = 20000;
    world.hub.done_delay_us = 50000;
    world.hub.piece_bytes = 700;
    for (unsigned i = 0; i < 200; i++) {
        cr_assert_eq(actor_say(ada, ada->last, i % 8, i * 97 % 3000, 1), KITH_OK);
        cr_assert_eq(actor_say(bob, bob->last, i % 8, i * 31 % 5000, 1), KITH_OK);
        world_run_us(&world, 500);
    }
    world_run(&world, 3000);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 200);
    cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], 200);
    cr_assert_eq(ada->count[ACTOR_MESSAGE] + bob->count[ACTOR_MESSAGE], 400);
    world_close(&world);
}

/* What the application sends inside on_peer, on a link whose ADOPTED comes later than its lanes. */
static void talk_at_once(struct actor *actor, enum actor_event event)
{
    if (event == ACTOR_CONNECTED) {
        for (unsigned i = 0; i < 8; i++) {
            cr_assert_eq(actor_say(actor, actor->last, i, 10 + 5000 * i, 0), KITH_OK);
            cr_assert_eq(actor_say(actor, actor->last, i, 10, 0), KITH_OK);
        }
    }
}

Test(lanes, bytes_overtake_the_frame_that_puts_the_link_in_use)
{
    unsigned early = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        kith_session_config config = world_config("x");
        world_open(&world, seed);
        world.hub.driver.capabilities = MANY;
        world.hub.seed = seed;
        world.hub.delay_us = 10;
        world.hub.jitter_us = 100000;
        world.hub.piece_bytes = seed % 2 ? 100 : 0;
        ada = world_join(&world, &config);
        bob = world_join(&world, &config);
        ada->hook = bob->hook = talk_at_once;
        actor_listen(ada);
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        for (int i = 0; i < 2000; i++) {
            world_run_us(&world, 500);
            for (struct kith_node *at = ada->session->conns.next; at != &ada->session->conns;
                 at = at->next) {
                early += KITH_CONTAINER(at, struct kith_conn, node)->early[7].count > 0;
            }
        }
        cr_assert_eq(ada->count[ACTOR_MESSAGE], 16, "seed %u", (unsigned)seed);
        cr_assert_eq(bob->count[ACTOR_MESSAGE], 16, "seed %u", (unsigned)seed);
        world_close(&world);
    }
    cr_assert_gt(early, 0, "it never happened");
}

/* The other side has received and consumed it long before the transport lets go. */
Test(lanes, memory_stays_while_the_transport_reads_it)
{
    const struct kith_lane_tx *lane;
    open_pair(MANY);
    world.hub.done_delay_us = 1000000;
    cr_assert_eq(actor_say(ada, ada->last, 0, 5000, 1), KITH_OK);
    world_run(&world, 500);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 1);
    lane = &ada->last->peer->tx[0];
    cr_assert_eq(lane->received, lane->end);
    cr_assert_gt(lane->held_bytes, 5000);
    world_run(&world, 600);
    cr_assert_eq(lane->held_bytes, 0);
    world_close(&world);
}

/* on_writable waits for the transport as well. */
Test(lanes, room_comes_back_when_the_transport_lets_go)
{
    unsigned taken = 0;
    open_pair(MANY);
    world.hub.done_delay_us = 1000000;
    while (actor_say(ada, ada->last, 0, 1 << 20, 0) == KITH_OK) {
        taken++;
    }
    world_run(&world, 900);
    cr_assert_eq(ada->count[ACTOR_WRITABLE], 0);
    world_run(&world, 1200);
    cr_assert_eq(ada->count[ACTOR_WRITABLE], 1);
    cr_assert_eq(bob->count[ACTOR_MESSAGE], taken);
    world_close(&world);
}

Test(lanes, a_peer_is_put_out_while_its_bytes_are_lent)
{
    for (uint64_t us = 0; us < 12000; us += 700) {
        open_pair(MANY);
        world.hub.delay_us = 3000;
        world.hub.done_delay_us = 5000;
        for (unsigned i = 0; i < 8; i++) {
            cr_assert_eq(actor_say(ada, ada->last, i, 200000, 1), KITH_OK);
        }
        world_run_us(&world, us);
        cr_assert_eq(kith_peer_disconnect(us % 1400 ? ada->last->peer : bob->last->peer, ""),
                     KITH_OK);
        world_run(&world, 3000);
        actor_expect(ada, 0, 0);
        actor_expect(bob, 0, 0);
        world_close(&world);
    }
}

/* ---- datagrams --------------------------------------------------------------------------------
 */

Test(lanes, datagrams_of_the_transport)
{
    uint8_t bytes[KITH_DATAGRAM_BYTES_MAX] = {0};
    kith_peer_stats stats;
    open_pair(MANY_AND_DATAGRAMS);
    bob->session->callbacks.on_datagram = note_datagram;
    stats.size = sizeof stats;
    cr_assert_eq(kith_peer_datagram_max(ada->last->peer), KITH_DATAGRAM_BYTES_MAX);
    cr_assert_eq(kith_send_datagram(ada->last->peer, bytes, sizeof bytes, NULL), KITH_OK);
    cr_assert_eq(kith_send_datagram(ada->last->peer, NULL, 0, NULL), KITH_OK);
    world_run(&world, 10);
    cr_assert_eq(datagrams, 2);
    cr_assert_eq(datagram_bytes, 0);
    world.hub.datagram_bytes = 500; /* the path is narrower now */
    cr_assert_eq(kith_peer_datagram_max(ada->last->peer), 500);
    cr_assert_eq(kith_send_datagram(ada->last->peer, bytes, 501, NULL), KITH_ERR_TOO_BIG);
    cr_assert_eq(kith_send_datagram(ada->last->peer, bytes, 500, NULL), KITH_OK);
    world.hub.datagram_bytes = 400; /* and narrower before it went */
    cr_assert_eq(kith_send_datagram(ada->last->peer, bytes, 400, NULL), KITH_OK);
    world_run(&world, 10);
    cr_assert_eq(datagrams, 3);
    cr_assert_eq(datagram_bytes, 400);
    cr_assert_eq(kith_peer_get_stats(ada->last->peer, &stats), KITH_OK);
    cr_assert_eq(stats.datagrams_sent, 3);
    cr_assert_eq(stats.datagrams_dropped, 1);
    world_close(&world);
}

/* They are on their own: lost ones are gone, and messages go on without them. */
Test(lanes, datagrams_get_lost_and_messages_do_not)
{
    uint8_t bytes[100] = {0};
    open_pair(MANY_AND_DATAGRAMS);
    bob->session->callbacks.on_datagram = note_datagram;
    world.hub.loss_ppm = 300000;
    world.hub.loss_delay_us = 2000;
    world.hub.reorder_ppm = 100000;
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(kith_send_datagram(ada->last->peer, bytes, sizeof bytes, NULL), KITH_OK);
        cr_assert_eq(actor_say(ada, ada->last, 0, 50, 0), KITH_OK);
        world_run_us(&world, 100);
    }
    world_run(&world, 1000);
    cr_assert_eq(bob->count[ACTOR_MESSAGE], 1000);
    cr_assert(datagrams > 500 && datagrams < 900, "%u", datagrams);
    world_close(&world);
}

/* ---- a stranger -------------------------------------------------------------------------------
 */

static void open_shaken(void)
{
    kith_session_config config = world_config("Ada");
    world_open(&world, 3);
    strangers_open(&strangers, &world);
    strangers.driver.capabilities = MANY_AND_DATAGRAMS;
    ada = world_join(&world, &config);
    strcpy(ada->scheme, "raw");
    actor_listen(ada);
    stranger_make(&eve, &strangers, ada, 1);
    cr_assert(stranger_connect(&eve));
}

static void expect_protocol(void)
{
    cr_assert_eq(stranger_expect_end(&eve), KITH_REASON_PROTOCOL);
    stranger_end(&eve);
    world_close(&world);
}

static void say_lane(uint64_t lane, uint64_t offset, const char *bytes, size_t count)
{
    if (eve.link != NULL) {
        kith_up_lane_rx(eve.link, lane, offset, (const uint8_t *)bytes, count);
        world_settle(&world);
    }
}

Test(lanes, bytes_before_anything_is_proved)
{
    open_shaken();
    say_lane(0, 0, "\1x", 2);
    expect_protocol();
}

Test(lanes, bytes_of_a_lane_that_is_none)
{
    static const uint64_t wrong[] = {8, 1000, UINT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        open_shaken();
        stranger_shake(&eve);
        say_lane(wrong[i], 0, "\1x", 2);
        expect_protocol();
    }
}

Test(lanes, bytes_with_a_gap_and_beyond_the_limit)
{
    static const uint64_t wrong[] = {KITH_WINDOW_BYTES_FIRST - 1, KITH_WINDOW_BYTES_FIRST,
                                     UINT64_MAX - 1, UINT64_MAX};
    open_shaken();
    stranger_shake(&eve);
    say_lane(0, 1, "\0", 1); /* as if left over from an earlier use of the link */
    cr_assert(!eve.was_closed);
    cr_assert_eq(ada->count[ACTOR_MESSAGE], 0);
    stranger_end(&eve);
    world_close(&world);
    for (size_t i = 0; i < 4; i++) {
        open_shaken();
        stranger_shake(&eve);
        say_lane(0, wrong[i], "\1x", 2);
        expect_protocol();
    }
}

Test(lanes, a_frame_of_data_where_lanes_have_streams)
{
    open_shaken();
    stranger_shake(&eve);
    say_lane(0, 0, "\0", 1);
    cr_assert_eq(ada->count[ACTOR_MESSAGE], 1);
    stranger_data(&eve, 0, 1, "\0", 1);
    expect_protocol();
}

Test(lanes, early_bytes_have_the_same_limits)
{
    static const struct {
        uint64_t lane, offset;
    } wrong[] = {
        {8, 0}, {0, KITH_WINDOW_BYTES_FIRST - 1}, {0, UINT64_MAX}, {7, KITH_WINDOW_BYTES_FIRST}};
    static char bytes[KITH_WINDOW_BYTES_FIRST + 1] = "\1x";
    for (size_t i = 0; i < 5; i++) {
        open_shaken();
        stranger_make(&eve, &strangers, ada, -1); /* so that the session is the arbiter */
        cr_assert(stranger_connect(&eve));
        stranger_authenticate(&eve);
        if (i == 4) {
            say_lane(3, 0, bytes, KITH_WINDOW_BYTES_FIRST);
            cr_assert(!eve.was_closed, "that much was granted");
            say_lane(3, KITH_WINDOW_BYTES_FIRST, bytes, 1);
        } else {
            say_lane(wrong[i].lane, wrong[i].offset, bytes, 2);
        }
        cr_assert_eq(ada->count[ACTOR_CONNECTED], 0);
        expect_protocol();
    }
}

/* The other side has begun its lanes on this link twice, and what is left of the first time comes
 * among the bytes of the second. */
Test(lanes, early_bytes_of_two_beginnings)
{
    uint8_t body[KITH_ADOPT_BYTES_MAX];
    open_shaken();
    stranger_make(&eve, &strangers, ada, -1); /* so that the session is the arbiter */
    cr_assert(stranger_connect(&eve));
    stranger_authenticate(&eve);
    say_lane(2, 3, "d", 1); /* behind a gap */
    say_lane(2, 0, "\4a", 2);
    say_lane(2, 4, "d", 1);
    say_lane(2, 0, "\4", 1);
    say_lane(2, 1, "abc", 3);
    say_lane(2, 0, "\4ab", 3);
    say_lane(2, 6, "?", 1);
    say_lane(2, 4, "d\1e", 3);
    cr_assert_eq(ada->count[ACTOR_MESSAGE], 0);
    world.is_tampered = 1;
    stranger_hear(&eve);
    {
        const uint8_t *adopt;
        size_t length;
        cr_assert(stranger_find(&eve, KITH_FRAME_ADOPT, &adopt, &length));
        cr_assert(kith_adopt_decode(adopt, length, 1, &eve.adopt));
    }
    stranger_frame(&eve, KITH_FRAME_ADOPTED, body, kith_adopt_encode(&eve.adopt, 0, body));
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(ada->count[ACTOR_MESSAGE], 2);
    cr_assert_eq(ada->bytes_came, 5);
    cr_assert(!eve.was_closed);
    stranger_end(&eve);
    world_close(&world);
}

Test(lanes, lane_pieces_of_nothing_have_a_rate)
{
    open_shaken();
    stranger_shake(&eve);
    for (int i = 0; i < KITH_IDLE_FRAMES_PER_S_MAX + 10; i++) {
        say_lane(0, 0, "", 0);
    }
    expect_protocol();
}

/* What was granted may come once more after a change of links, in whatever pieces. More may not. */
Test(lanes, what_comes_again_is_free_up_to_a_budget)
{
    static char bytes[4096] = "\200\1"; /* a record of 64 KiB */
    size_t budget, came = 0;
    open_shaken();
    budget = ada->session->config.budget_bytes;
    stranger_shake(&eve);
    say_lane(0, 0, bytes, sizeof bytes);
    for (int i = 0; i < 4 * KITH_IDLE_FRAMES_PER_S_MAX; i++, came++) {
        say_lane(0, (uint64_t)i % 1000, bytes, 1);
    }
    say_lane(0, 6000, bytes, 100); /* behind a gap: of an earlier time */
    cr_assert(!eve.was_closed);
    for (; came + sizeof bytes <= budget - 100; came += sizeof bytes) {
        say_lane(0, 0, bytes, sizeof bytes);
    }
    cr_assert(!eve.was_closed);
    for (int i = 0; i < KITH_IDLE_FRAMES_PER_S_MAX + 10; i++) {
        say_lane(0, 0, bytes, sizeof bytes);
    }
    expect_protocol();
}

Test(lanes, blocked_at_a_limit_that_was_never_granted)
{
    uint8_t body[KITH_BLOCKED_BYTES_MAX];
    uint64_t granted = KITH_WINDOW_BYTES_FIRST;
    open_shaken();
    stranger_shake(&eve);
    stranger_frame(&eve, KITH_FRAME_BLOCKED, body, kith_blocked_encode(0, granted, body));
    cr_assert_eq(ada->last->peer->rx[0].window, 2 * granted);
    stranger_frame(&eve, KITH_FRAME_BLOCKED, body, kith_blocked_encode(0, granted, body));
    cr_assert_eq(ada->last->peer->rx[0].window, 2 * granted, "old news");
    cr_assert(!eve.was_closed);
    stranger_frame(&eve, KITH_FRAME_BLOCKED, body, kith_blocked_encode(0, 2 * granted + 1, body));
    expect_protocol();
}

/* ---- no halt ----------------------------------------------------------------------------------
 */

/* Gives back what it keeps, one at a time, the newest first, each a while after it came. */
static kith_held *kept[512];
static size_t kept_count;

static void keep(kith_session *session, kith_peer *peer, const kith_message *message, void *user)
{
    (void)session;
    (void)user;
    cr_assert_lt(kept_count, 512);
    cr_assert_eq(kith_message_hold(peer, message, &kept[kept_count++]), KITH_OK);
}

/* Eight channels with messages of the largest size each, both ways, the smallest budget, a slow
 * network, readers that hold everything for a while. */
static void everything_at_once(unsigned capabilities)
{
    kith_session_config config = world_config("x");
    unsigned left[2] = {24, 24}, next[2] = {0, 0};
    config.budget_bytes = KITH_BUDGET_BYTES_MIN;
    for (unsigned i = 0; i < 8; i++) {
        config.channel_priority[i] = (uint8_t)(i % 3);
    }
    world_open(&world, capabilities);
    world.hub.driver.capabilities = capabilities;
    ada = world_join(&world, &config);
    bob = world_join(&world, &config);
    actor_listen(ada);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    ada->session->callbacks.on_message = bob->session->callbacks.on_message = keep;
    world.hub.bytes_per_s = 20000000;
    world.hub.delay_us = 2000;
    world.hub.done_delay_us = 3000;
    kept_count = 0;
    for (int i = 0; left[0] + left[1] > 0 || kept_count > 0; i++) {
        struct actor *actor = i % 2 ? bob : ada;
        unsigned *mine = &left[i % 2];
        cr_assert_lt(i, 20000, "%u and %u messages left: a halt", left[0], left[1]);
        if (*mine > 0 && actor_say(actor, actor->last, next[i % 2] % 8, 256 << 10, 1) == KITH_OK) {
            --*mine;
        }
        next[i % 2]++;
        if (i % 5 == 0 && kept_count > 0) {
            kith_held_release(kept[--kept_count]);
        }
        world_run_us(&world, 1000);
    }
    for (int i = 0; i < 2000; i++) {
        while (kept_count > 0) {
            kith_held_release(kept[--kept_count]);
        }
        world_run(&world, 5);
    }
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 24);
    cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], 24);
    world_close(&world);
}

Test(lanes, no_halt_on_one_lane)
{
    everything_at_once(KITH_DRIVER_ONE_LANE);
}

Test(lanes, no_halt_on_many_lanes)
{
    everything_at_once(MANY_AND_DATAGRAMS);
}
