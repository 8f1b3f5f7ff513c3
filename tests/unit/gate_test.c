/* SPDX-License-Identifier: MIT
 *
 * gate_test.c: which links that come in may begin their handshake: so many at a time, fewer
 * from where they do nothing but fail; and what the counters say about it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "stranger.h"

enum { CROWD = 2 * KITH_LINKS_PENDING_MAX };

static struct world world;
static struct strangers strangers;
static struct stranger crowd[CROWD];
static struct actor *ada;
static size_t came;

static const char *const bad = "192.0.2.66:1", *const good = "192.0.2.1:1";

static void open_world(void)
{
    const kith_session_config config = world_config("Ada");
    world_open(&world, 1);
    strangers_open(&strangers, &world);
    ada = world_join(&world, &config);
    cr_assert_eq(kith_listen(ada->session, "raw://*:1", ada, &ada->listener), KITH_OK);
    world_settle(&world);
    came = 0;
}

static void close_world(void)
{
    for (size_t i = 0; i < came; i++) {
        stranger_end(&crowd[i]);
    }
    cr_assert_eq(ada->session->pending_count, 0);
    cr_assert(kith_list_empty(&ada->session->pending));
    world_close(&world);
}

/* The next of the crowd comes: whether it was let in. */
static int comes(const char *address)
{
    struct stranger *next = &crowd[came++];
    cr_assert_leq(came, CROWD);
    stranger_make(next, &strangers, ada, 0);
    next->address = address;
    return stranger_connect(next);
}

static void fails(const char *address)
{
    cr_assert(comes(address));
    stranger_say(&crowd[came - 1], "nonsense", 8);
    cr_assert(crowd[came - 1].was_closed);
    stranger_end(&crowd[--came]);
}

static kith_session_stats stats(void)
{
    kith_session_stats all = {.size = sizeof all};
    cr_assert_eq(kith_session_get_stats(ada->session, &all), KITH_OK);
    return all;
}

/* ---- places ------------------------------------------------------------------------------- */

/* While everybody is new there is no room for another; then the oldest makes some. */
Test(gate, others_wait_outside)
{
    open_world();
    for (int i = 0; i < KITH_LINKS_PENDING_MAX; i++) {
        cr_assert_eq(kith_up_accept_after_ms(strangers.port), 0);
        cr_assert(comes(good));
    }
    cr_assert_eq(stats().accepts_delayed, 0);
    cr_assert_eq(kith_up_accept_after_ms(strangers.port), KITH_ACCEPT_ASK_MS);
    world_run(&world, KITH_EVICT_MS - 1);
    cr_assert_eq(kith_up_accept_after_ms(strangers.port), KITH_ACCEPT_ASK_MS);
    cr_assert_eq(stats().accepts_delayed, 2);
    world_run(&world, 1);
    cr_assert_eq(kith_up_accept_after_ms(strangers.port), 0);
    cr_assert(comes(good));
    cr_assert(crowd[0].was_closed && !crowd[1].was_closed);
    cr_assert_eq(stats().refused_evicted, 1);
    cr_assert_eq(stats().refused_other, 1);
    cr_assert_eq(stats().refused_slow, 0);
    close_world();
}

/* Whoever gets through makes room at once. */
Test(gate, who_gets_through_makes_room)
{
    open_world();
    for (int i = 0; i < KITH_LINKS_PENDING_MAX; i++) {
        cr_assert(comes(good));
    }
    cr_assert_gt(kith_up_accept_after_ms(strangers.port), 0);
    stranger_shake(&crowd[3]);
    cr_assert_eq(kith_up_accept_after_ms(strangers.port), 0);
    cr_assert(comes(good));
    for (size_t i = 0; i < came; i++) {
        cr_assert_not(crowd[i].was_closed);
    }
    close_world();
}

Test(gate, slow_ones_are_counted)
{
    open_world();
    cr_assert(comes(good));
    world_run(&world, KITH_HANDSHAKE_MS_DEFAULT + 100);
    cr_assert(crowd[0].was_closed);
    cr_assert_eq(stats().refused_slow, 1);
    cr_assert_eq(stats().refused_other, 1);
    close_world();
}

/* ---- suspects ----------------------------------------------------------------------------- */

Test(gate, an_address_that_fails_has_few_places)
{
    open_world();
    for (int i = 0; i < KITH_SUSPECT_FAILURES; i++) {
        fails(bad);
    }
    cr_assert_eq(stats().refused_protocol, KITH_SUSPECT_FAILURES);
    for (int i = 0; i < KITH_SUSPECT_PENDING_MAX; i++) {
        cr_assert(comes(bad));
    }
    cr_assert_not(comes(bad));
    cr_assert_eq(stats().refused_suspect, 1);
    cr_assert(comes(good), "the other addresses are not to blame");
    /* The oldest of its own makes room for it, nobody else's. */
    world_run(&world, KITH_EVICT_MS);
    cr_assert(comes(bad));
    cr_assert(crowd[0].was_closed && !crowd[1].was_closed);
    cr_assert_not(crowd[KITH_SUSPECT_PENDING_MAX + 1].was_closed);
    cr_assert_eq(stats().refused_evicted, 1);
    close_world();
}

/* One that has no places left takes none from others: it is sent away whatever its age. */
Test(gate, an_address_that_fails_takes_no_others_places)
{
    open_world();
    for (int i = 0; i < KITH_SUSPECT_FAILURES; i++) {
        fails(bad);
    }
    for (int i = 0; i < KITH_SUSPECT_PENDING_MAX; i++) {
        cr_assert(comes(bad));
    }
    while (ada->session->pending_count < KITH_LINKS_PENDING_MAX) {
        cr_assert(comes(good));
    }
    cr_assert_not(comes(bad));
    for (size_t i = 0; i + 1 < came; i++) {
        cr_assert_not(crowd[i].was_closed);
    }
    close_world();
}

/* Each fails at once, so no place is taken: their number in a second is what counts. */
Test(gate, an_address_that_fails_comes_so_often)
{
    int taken = 0;
    open_world();
    for (int i = 0; i < KITH_SUSPECT_FAILURES; i++) {
        fails(bad);
    }
    for (int i = 0; i < 100; i++) {
        if (comes(bad)) {
            stranger_hang_up(&crowd[came - 1], KITH_REASON_LOST);
            world_settle(&world);
            taken++;
        }
        stranger_end(&crowd[--came]);
    }
    cr_assert_eq(taken, KITH_SUSPECT_LINKS_PER_S_MAX);
    cr_assert_eq(stats().refused_suspect, 100 - KITH_SUSPECT_LINKS_PER_S_MAX);
    close_world();
}

/* An honest peer behind the same router clears its name. */
Test(gate, who_proves_itself_clears_the_address)
{
    open_world();
    for (int i = 0; i < KITH_SUSPECT_FAILURES; i++) {
        fails(bad);
    }
    cr_assert(comes(bad));
    stranger_shake(&crowd[0]);
    for (int i = 0; i < 2 * KITH_SUSPECT_PENDING_MAX; i++) {
        cr_assert(comes(bad));
    }
    cr_assert_eq(stats().refused_suspect, 0);
    close_world();
}

/* Whoever has the key and does not become a peer clears nothing, and is not to blame. */
Test(gate, who_only_proves_itself_clears_nothing)
{
    open_world();
    for (int i = 0; i < KITH_SUSPECT_FAILURES; i++) {
        fails(bad);
    }
    cr_assert(comes(bad));
    stranger_authenticate(&crowd[0]);
    stranger_end(&crowd[0]);
    for (int i = 1; i <= KITH_SUSPECT_PENDING_MAX; i++) {
        cr_assert(comes(bad));
    }
    cr_assert_not(comes(bad));
    for (int i = 0; i < 2 * KITH_SUSPECT_FAILURES; i++) {
        cr_assert(comes(good));
        stranger_authenticate(&crowd[came - 1]);
        stranger_end(&crowd[--came]);
    }
    for (int i = 0; i < 2 * KITH_SUSPECT_PENDING_MAX; i++) {
        cr_assert(comes(good));
    }
    close_world();
}

Test(gate, time_clears_the_address)
{
    open_world();
    for (int i = 0; i < KITH_SUSPECT_FAILURES; i++) {
        fails(bad);
    }
    world_run(&world, KITH_SUSPECT_FADE_MS);
    for (int i = 0; i < 2 * KITH_SUSPECT_PENDING_MAX; i++) {
        cr_assert(comes(bad));
    }
    cr_assert_eq(stats().refused_suspect, 0);
    close_world();
}
