/* SPDX-License-Identifier: MIT
 *
 * liveness_test.c: links on which nothing comes: handshakes that are not finished, idle links that
 * live, and dead ones that nobody reported; and how many unproved links a session carries.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/wire.h"
#include "protocol/frame.h"
#include "stranger.h"

static struct world world;
static struct strangers strangers;
enum { CROWD = 3 * KITH_LINKS_PENDING_MAX };
static struct stranger crowd[CROWD];
static struct actor *ada, *bob;

static void open_world(void)
{
    kith_session_config config = world_config("Ada");
    config.handshake_ms = 4000;
    world_open(&world, 1);
    strangers_open(&strangers, &world);
    ada = world_join(&world, &config);
    cr_assert_eq(kith_listen(ada->session, "raw://*:1", ada, &ada->listener), KITH_OK);
    world_settle(&world);
}

/* ---- the handshake's deadline -----------------------------------------------------------------
 */

/* Whatever step a stranger stops at, it is gone when its time is over. */
Test(liveness, a_handshake_has_a_deadline_at_every_step)
{
    for (int step = 0; step < 4; step++) {
        for (int order = -1; order <= 1; order += 2) {
            open_world();
            stranger_make(&crowd[0], &strangers, ada, order);
            cr_assert(stranger_connect(&crowd[0]));
            if (step == 1) {
                stranger_send_hello(&crowd[0]);
                stranger_take_hello(&crowd[0]);
            } else if (step == 2) {
                stranger_say(&crowd[0], "\x02\x40\x88KIT", 6); /* the beginning of a HELLO */
            } else if (step == 3) {
                stranger_authenticate(&crowd[0]); /* but then neither ADOPT nor ADOPTED */
            }
            world_run(&world, 3999);
            cr_assert(!crowd[0].was_closed);
            world_run(&world, 100);
            cr_assert_eq(stranger_expect_end(&crowd[0]), KITH_REASON_TIMEOUT, "step %d", step);
            cr_assert_eq(ada->count[ACTOR_CONNECTED], 0);
            actor_expect(ada, 0, 0);
            stranger_end(&crowd[0]);
            world_close(&world);
        }
    }
}

/* A byte now and then does not put the deadline off. */
Test(liveness, trickling_does_not_help)
{
    uint8_t hello[3 + KITH_HELLO_BYTES] = {0x02, 0x40, 0x88};
    open_world();
    stranger_make(&crowd[0], &strangers, ada, 0);
    cr_assert(stranger_connect(&crowd[0]));
    kith_hello_encode(&crowd[0].hello, hello + 3);
    for (int i = 0; i < 80; i++) {
        stranger_say(&crowd[0], hello + i, 1);
        world_run(&world, 100);
    }
    cr_assert_eq(stranger_expect_end(&crowd[0]), KITH_REASON_TIMEOUT);
    stranger_end(&crowd[0]);
    world_close(&world);
}

Test(liveness, a_deadline_for_a_transport_that_never_comes_up)
{
    kith_session_config config = world_config("Ada");
    world_open(&world, 1);
    strangers_open(&strangers, &world);
    ada = world_join(&world, &config);
    stranger_make(&crowd[0], &strangers, ada, 0);
    strangers.next = &crowd[0];
    strangers.stays_down = 1;
    cr_assert_eq(actor_dial_url(ada, "raw://there:1", NULL), KITH_OK);
    world_run(&world, 10060);
    cr_assert_eq(ada->count[ACTOR_DIAL_WAITING], 1);
    cr_assert_eq(ada->dial_reason, KITH_REASON_TIMEOUT);
    cr_assert(crowd[0].was_closed);
    cr_assert_eq(kith_dial_cancel(ada->dial), KITH_OK);
    stranger_end(&crowd[0]);
    world_close(&world);
}

/* ---- strangers in numbers ---------------------------------------------------------------------
 */

static size_t links(void)
{
    size_t count = 0;
    for (struct kith_node *at = ada->session->conns.next; at != &ada->session->conns;
         at = at->next) {
        count++;
    }
    return count;
}

Test(liveness, so_many_unproved_links_and_no_more)
{
    size_t before;
    open_world();
    before = world.bench.bytes;
    for (int i = 0; i < CROWD; i++) {
        stranger_make(&crowd[i], &strangers, ada, 0);
        cr_assert(stranger_connect(&crowd[i]), "the %dth", i);
        stranger_say(&crowd[i], "\x02", 1);
        cr_assert_leq(links(), KITH_LINKS_PENDING_MAX);
    }
    /* The oldest made room. */
    for (int i = 0; i < CROWD; i++) {
        cr_assert_eq(crowd[i].was_closed, i < CROWD - KITH_LINKS_PENDING_MAX, "the %dth", i);
    }
    cr_assert_leq(world.bench.bytes - before, KITH_LINKS_PENDING_MAX * 16 * 1024u);
    world_run(&world, 4100);
    for (int i = 0; i < CROWD; i++) {
        cr_assert(crowd[i].was_closed);
        stranger_end(&crowd[i]);
    }
    cr_assert_eq(ada->session->pending_count, 0);
    actor_expect(ada, 0, 0);
    world_close(&world);
}

/* Who has proved itself is not driven out by a crowd that has not. */
Test(liveness, a_crowd_displaces_nobody_who_proved_itself)
{
    open_world();
    stranger_make(&crowd[0], &strangers, ada, 0);
    cr_assert(stranger_connect(&crowd[0]));
    stranger_shake(&crowd[0]);
    stranger_make(&crowd[1], &strangers, ada, 1);
    cr_assert(stranger_connect(&crowd[1]));
    stranger_authenticate(&crowd[1]); /* an arbiter that has not decided yet */
    for (int i = 2; i < CROWD; i++) {
        stranger_make(&crowd[i], &strangers, ada, 0);
        cr_assert(stranger_connect(&crowd[i]));
    }
    cr_assert(!crowd[0].was_closed && !crowd[1].was_closed);
    for (int i = 0; i < CROWD; i++) {
        stranger_end(&crowd[i]);
    }
    world_close(&world);
}

/* One key has so many links at a time, whatever its owner does not decide. */
Test(liveness, so_many_links_to_one_key_and_no_more)
{
    open_world();
    stranger_make(&crowd[0], &strangers, ada, 1);
    for (int i = 0; i <= KITH_LINKS_PER_KEY_MAX; i++) {
        crowd[i] = crowd[0];
        crowd[i].heard = NULL;
        crowd[i].heard_count = crowd[i].heard_room = crowd[i].read_count = 0;
        crowd[i].link = NULL;
        crowd[i].was_closed = 0;
        cr_assert(stranger_connect(&crowd[i]));
        stranger_authenticate(&crowd[i]);
        cr_assert_eq(crowd[i].was_closed, i == KITH_LINKS_PER_KEY_MAX, "link %d", i);
    }
    cr_assert_eq(stranger_expect_end(&crowd[KITH_LINKS_PER_KEY_MAX]), KITH_REASON_DUPLICATE);
    for (int i = 0; i <= KITH_LINKS_PER_KEY_MAX; i++) {
        stranger_end(&crowd[i]);
    }
    world_close(&world);
}

/* Those that dial do not count: they are our own doing. */
Test(liveness, our_own_dials_keep_nobody_out)
{
    open_world();
    strangers.stays_down = 1;
    for (int i = 0; i < KITH_LINKS_PENDING_MAX; i++) {
        stranger_make(&crowd[i], &strangers, ada, 0);
        strangers.next = &crowd[i];
        cr_assert_eq(actor_dial_url(ada, "raw://there:1", NULL), KITH_OK);
        world_settle(&world);
    }
    strangers.stays_down = 0;
    stranger_make(&crowd[KITH_LINKS_PENDING_MAX], &strangers, ada, 0);
    cr_assert(stranger_connect(&crowd[KITH_LINKS_PENDING_MAX]));
    stranger_shake(&crowd[KITH_LINKS_PENDING_MAX]);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
    cr_assert(!crowd[0].was_closed);
    for (int i = 0; i <= KITH_LINKS_PENDING_MAX; i++) {
        stranger_end(&crowd[i]);
    }
    world_close(&world);
}

/* AUTH may be 1 KiB, HELLO is 136 bytes: nobody makes us hold more before it has proved who it is.
 */
Test(liveness, an_unproved_link_holds_little)
{
    uint8_t out[16];
    static const uint64_t types[] = {0x02, 0x04, 0x06, 0x08, 0x10, 0x18, 0x41};
    open_world();
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (uint64_t length = 0; length < UINT64_C(1) << 61; length = length * 3 + 1) {
            struct kith_writer to = kith_writer_of(out, sizeof out);
            size_t before;
            stranger_make(&crowd[0], &strangers, ada, 0);
            cr_assert(stranger_connect(&crowd[0]));
            stranger_hear(&crowd[0]);
            before = world.bench.peak_bytes = world.bench.bytes;
            kith_write_varint(&to, types[i]);
            kith_write_varint(&to, length);
            kith_write_uint(&to, 0, 1);
            stranger_say(&crowd[0], out, kith_written(&to) < 16 ? kith_written(&to) : 16);
            cr_assert_leq(world.bench.peak_bytes - before, 2048);
            stranger_end(&crowd[0]);
        }
    }
    world_close(&world);
}

/* ---- links in use -----------------------------------------------------------------------------
 */

Test(liveness, an_idle_link_is_kept_alive)
{
    kith_peer_info info = {.size = sizeof info};
    world_open(&world, 1);
    world_pair(&world, &ada, &bob);
    world.hub.delay_us = 30000;
    world_run(&world, 3600000);
    actor_expect(ada, 1, 1);
    actor_expect(bob, 1, 1);
    cr_assert_eq(kith_peer_get_info(ada->last->peer, &info), KITH_OK);
    cr_assert(info.rtt_us == 0 || info.rtt_us >= 1);
    cr_assert_eq(actor_say(ada, ada->last, 0, 5, 1), KITH_OK);
    world_run(&world, 100);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 1);
    world_close(&world);
}

Test(liveness, pings_are_as_rare_as_the_silence_is_long)
{
    uint64_t type;
    const uint8_t *body;
    size_t length;
    unsigned pings = 0;
    open_world();
    stranger_make(&crowd[0], &strangers, ada, 0);
    cr_assert(stranger_connect(&crowd[0]));
    stranger_shake(&crowd[0]);
    for (int i = 0; i < 100; i++) {
        world_run(&world, 1000);
        while (stranger_next(&crowd[0], &type, &body, &length)) {
            if (type == KITH_FRAME_PING) {
                uint8_t copy[8];
                memcpy(copy, body, 8);
                pings++;
                stranger_frame(&crowd[0], KITH_FRAME_PONG, copy, 8);
            }
        }
    }
    cr_assert(pings >= 15 && pings <= 22, "%u pings in 100 s", pings);
    cr_assert(!crowd[0].was_closed);
    stranger_end(&crowd[0]);
    world_close(&world);
}

/* One who only talks need not answer: any byte is a sign of life. */
Test(liveness, any_byte_is_a_sign_of_life)
{
    open_world();
    stranger_make(&crowd[0], &strangers, ada, 0);
    cr_assert(stranger_connect(&crowd[0]));
    stranger_shake(&crowd[0]);
    for (int i = 0; i < 100; i++) {
        world_run(&world, 4000);
        stranger_say(&crowd[0], "\x23\x00", 2);
        stranger_hear(&crowd[0]);
    }
    actor_expect(ada, 1, 1);
    stranger_end(&crowd[0]);
    world_close(&world);
}

/* Packets that are on their way for ever: neither end hears of the other's death. */
Test(liveness, a_dead_link_is_noticed)
{
    uint64_t begin_us;
    world_open(&world, 1);
    world_pair(&world, &ada, &bob);
    world_run(&world, 1000);
    cr_assert_eq(actor_say(bob, bob->last, 0, 5, 1), KITH_OK);
    world_run(&world, 1000);
    world.hub.delay_us = UINT64_C(1000) * 3600 * 1000000;
    begin_us = world.bench.env.now_us;
    cr_assert_eq(actor_say(ada, ada->last, 0, 5, 1), KITH_OK);
    world_run(&world, 14900);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 0);
    world_run(&world, 6000);
    cr_assert_eq(ada->last->reason, KITH_REASON_TIMEOUT);
    cr_assert_eq(bob->last->reason, KITH_REASON_TIMEOUT);
    cr_assert_eq(bob->dial_reason, KITH_REASON_TIMEOUT);
    cr_assert_eq(ada->fates[1], KITH_FATE_UNKNOWN);
    cr_assert_leq(ada->event_us - begin_us, 20000000);
    world_run(&world, 2000);
    actor_expect(ada, 0, 0);
    actor_expect(bob, 0, 0);
    world_close(&world);
}

/* One direction of a link is dead. */
static void delay_one_way(void *user, int from_dialer, uint8_t *bytes, size_t count)
{
    struct kith_memory_hub *hub = user;
    (void)bytes;
    (void)count;
    hub->delay_us = from_dialer ? UINT64_C(1000) * 3600 * 1000000 : 0;
}

Test(liveness, a_link_dead_one_way_is_noticed_by_both)
{
    world_open(&world, 1);
    world_pair(&world, &ada, &bob);
    world.hub.tap = delay_one_way;
    world.hub.tap_user = &world.hub;
    world_run(&world, 30000);
    cr_assert_eq(ada->last->reason, KITH_REASON_TIMEOUT);
    cr_assert_eq(bob->count[ACTOR_DEPARTED], 1); /* told by Ada's CLOSE, or by its own clock */
    world.hub.tap = NULL;
    world_close(&world);
}

/* The half that notices first dials anew, while the other still believes in the old link. */
Test(liveness, a_new_dial_over_a_dead_link_gets_through_in_the_end)
{
    for (uint64_t seed = 1; seed < 9; seed++) {
        kith_session_config config = world_config("Ada");
        kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
        options.give_up_ms = UINT32_MAX;
        world_open(&world, seed);
        config.idle_ping_ms = 1000;
        ada = world_join(&world, &config);
        config.idle_ping_ms = 10000; /* notices ten times later */
        bob = world_join(&world, &config);
        actor_listen(ada);
        actor_listen(bob);
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        world_settle(&world);
        world.hub.delay_us = UINT64_C(1000) * 3600 * 1000000;
        world_run(&world, 5000);
        cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
        cr_assert_eq(bob->count[ACTOR_DEPARTED], 0);
        world.hub.delay_us = 100;
        cr_assert_eq(actor_dial(ada, bob, &options), KITH_OK);
        world_run(&world, 60000);
        cr_assert_eq(bob->count[ACTOR_DEPARTED], 1);
        actor_expect(ada, 1, 1);
        actor_expect(bob, 1, 1);
        cr_assert_eq(actor_say(ada, ada->last, 0, 5, 1), KITH_OK);
        cr_assert_eq(actor_say(bob, bob->last, 0, 5, 1), KITH_OK);
        world_run(&world, 1000);
        cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 1);
        cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], 1);
        world_close(&world);
    }
}
