/* SPDX-License-Identifier: MIT
 *
 * dial_test.c: dialling: who is refused and why, pauses and giving up, names with several
 * addresses, and cancelling at every moment.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

static struct world world;
static struct actor *ada, *bob;

static void open_two(const kith_session_config *first, const kith_session_config *second)
{
    world_open(&world, 1);
    ada = world_join(&world, first);
    bob = world_join(&world, second);
    actor_listen(ada);
    cr_assert_eq(ada->count[ACTOR_LISTENING], 1);
}

/* Bob dials Ada, and both learn the same reason; nobody connects, and it is final. */
static void expect_refusal(kith_reason reason)
{
    kith_session_stats stats = {.size = sizeof stats};
    uint64_t refused;
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_run(&world, 100);
    cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
    cr_assert_eq(bob->dial_reason, reason, "%s", kith_reason_name(bob->dial_reason));
    cr_assert_eq(bob->count[ACTOR_CONNECTED] + ada->count[ACTOR_CONNECTED], 0);
    cr_assert_eq(kith_session_get_stats(ada->session, &stats), KITH_OK);
    refused = stats.refused_auth + stats.refused_other + stats.refused_protocol;
    /* The transport itself told the dialer of NOT_KITH. */
    cr_assert_eq(refused > 0, reason != KITH_REASON_NOT_KITH);
    actor_expect(ada, 0, 0);
    actor_expect(bob, 0, 0);
    world_close(&world);
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

Test(dial, self)
{
    kith_session_config config = world_config("Ada");
    world_open(&world, 1);
    ada = bob = world_join(&world, &config);
    actor_listen(ada);
    expect_refusal(KITH_REASON_SELF);
}

Test(dial, another_session_name)
{
    kith_session_config one = world_config("Ada"), two = world_config("Bob");
    two.session_name = "worlds";
    open_two(&one, &two);
    expect_refusal(KITH_REASON_SESSION);
}

Test(dial, roles_that_clash)
{
    static const int fits[3][3] = {{1, 0, 0}, {0, 0, 1}, {0, 1, 0}};
    for (int i = 0; i < 9; i++) {
        kith_session_config one = world_config("Ada"), two = world_config("Bob");
        one.role = (kith_role)(i / 3);
        two.role = (kith_role)(i % 3);
        open_two(&one, &two);
        if (fits[i / 3][i % 3]) {
            cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
            world_settle(&world);
            actor_expect(ada, 1, 1);
            actor_expect(bob, 1, 1);
            cr_assert_eq(actor_say(ada, ada->last, 0, 10, 1), KITH_OK);
            cr_assert_eq(actor_say(bob, bob->last, 0, 10, 1), KITH_OK);
            world_settle(&world);
            cr_assert_eq(ada->count[ACTOR_MESSAGE] + bob->count[ACTOR_MESSAGE], 2);
            world_close(&world);
        } else {
            expect_refusal(KITH_REASON_ROLE);
        }
    }
}

Test(dial, plain_towards_secure)
{
    kith_session_config one = world_secure_config("Ada"), two = world_config("Bob");
    char url[64];
    open_two(&one, &two);
    snprintf(url, sizeof url, "mem%s", strchr(ada->url, ':'));
    cr_assert_eq(actor_dial_url(bob, ada->url, NULL), KITH_ERR_CONFIG);
    strcpy(ada->url, url);
    expect_refusal(KITH_REASON_NOT_KITH);
}

Test(dial, a_wanted_peer)
{
    kith_session_config config = world_config("x");
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    kith_id id;
    open_two(&config, &config);
    id = ada->session->id;
    options.want = &id;
    cr_assert_eq(actor_dial(bob, ada, &options), KITH_OK);
    id.bytes[15] ^= 1; /* options were copied */
    world_settle(&world);
    cr_assert_eq(bob->count[ACTOR_DIAL_READY], 1);
    world_close(&world);

    open_two(&config, &config);
    id = bob->session->id; /* somebody, but not who listens there */
    cr_assert_eq(actor_dial(bob, ada, &options), KITH_OK);
    world_settle(&world);
    cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_AUTH);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 0);
    world_close(&world);
}

Test(dial, full)
{
    for (uint64_t seed = 1; seed <= 8; seed++) { /* who arbitrates comes from the seed */
        kith_session_config config = world_config("x");
        struct actor *cyd;
        config.max_peers = 1;
        world_open(&world, seed);
        ada = world_join(&world, &config);
        bob = world_join(&world, &config);
        cyd = world_join(&world, &config);
        actor_listen(ada);
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        world_settle(&world);
        cr_assert_eq(actor_dial(cyd, ada, NULL), KITH_OK);
        world_run(&world, 1000);
        cr_assert_geq(cyd->count[ACTOR_DIAL_WAITING], 1);
        cr_assert_eq(cyd->dial_reason, KITH_REASON_FULL);
        cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
        cr_assert_eq(cyd->count[ACTOR_CONNECTED], 0);
        actor_expect(ada, 1, 1);
        /* And when there is room again, it gets in. */
        cr_assert_eq(kith_session_close(bob->session, 0), KITH_OK);
        world_run(&world, 10000);
        cr_assert_eq(cyd->count[ACTOR_DIAL_READY], 1);
        actor_expect(ada, 1, 1);
        world_close(&world);
    }
}

Test(dial, a_dialer_that_is_full_itself)
{
    kith_session_config config = world_config("x");
    struct actor *cyd;
    config.max_peers = 1;
    open_two(&config, &config);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    config.max_peers = 5;
    cyd = world_join(&world, &config);
    actor_listen(cyd);
    cr_assert_eq(actor_dial(bob, cyd, NULL), KITH_OK);
    world_run(&world, 40000);
    cr_assert_eq(bob->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(cyd->count[ACTOR_CONNECTED], cyd->count[ACTOR_DEPARTED]);
    cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_FULL);
    actor_expect(bob, 1, 1);
    actor_expect(cyd, 0, 0);
    world_close(&world);
}

Test(dial, urls_that_cannot_be_dialled)
{
    kith_session_config config = world_config("x");
    open_two(&config, &config);
    cr_assert_eq(actor_dial_url(bob, "mem://hub:0", NULL), KITH_ERR_ADDRESS);
    cr_assert_eq(actor_dial_url(bob, "mem://*:1", NULL), KITH_ERR_ADDRESS);
    cr_assert_eq(actor_dial_url(bob, "any://hub:1", NULL), KITH_ERR_ADDRESS);
    cr_assert_eq(actor_dial_url(bob, "nix://hub:1", NULL), KITH_ERR_UNSUPPORTED);
    cr_assert_eq(actor_dial_url(bob, "mems://hub:1", NULL), KITH_ERR_CONFIG);
    cr_assert_eq(actor_dial_url(bob, "hub:1", NULL), KITH_ERR_ADDRESS);
    bob->dial = NULL;
    for (int i = 0; i < KITH_DIALS_MAX; i++) {
        cr_assert_eq(actor_dial_url(bob, "mem://hub:99", NULL), KITH_OK);
    }
    cr_assert_eq(actor_dial_url(bob, "mem://hub:99", NULL), KITH_ERR_LIMIT);
    world_close(&world);
    cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], KITH_DIALS_MAX);
}

/* ---- trying again -----------------------------------------------------------------------------
 */

Test(dial, waits_until_somebody_listens)
{
    kith_session_config config = world_config("x");
    world_open(&world, 1);
    ada = world_join(&world, &config);
    bob = world_join(&world, &config);
    cr_assert_eq(actor_dial_url(bob, "mem://hub:1", NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_REFUSED);
    cr_assert(bob->retry_in_ms >= 75 && bob->retry_in_ms <= 125, "%u", bob->retry_in_ms);
    world_run(&world, 126);
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], 2);
    cr_assert(bob->retry_in_ms >= 150 && bob->retry_in_ms <= 250);
    world_run(&world, 15000);
    cr_assert(bob->retry_in_ms >= 3750 && bob->retry_in_ms <= 6250);
    actor_listen(ada);
    world_run(&world, 6250);
    cr_assert_eq(bob->count[ACTOR_DIAL_READY], 1);
    cr_assert_eq(bob->dial_peer, bob->last->peer);
    world_close(&world);
}

static void note_pause(struct actor *actor, enum actor_event event)
{
    uint32_t *longest = actor->hook_user;
    if (event == ACTOR_DIAL_WAITING && actor->retry_in_ms > *longest) {
        *longest = actor->retry_in_ms;
    }
}

Test(dial, pauses_have_a_largest_length)
{
    kith_session_config config = world_config("x");
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    uint32_t longest = 0;
    options.give_up_ms = UINT32_MAX;
    world_open(&world, 1);
    bob = world_join(&world, &config);
    bob->hook = note_pause;
    bob->hook_user = &longest;
    cr_assert_eq(actor_dial_url(bob, "mem://hub:1", &options), KITH_OK);
    world_run(&world, 1000000);
    cr_assert(longest > 5500 && longest <= 6250, "%u", longest);
    cr_assert(bob->count[ACTOR_DIAL_WAITING] > 160 && bob->count[ACTOR_DIAL_WAITING] < 280);
    world_close(&world);
}

Test(dial, gives_up_in_time)
{
    kith_session_config config = world_config("x");
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    uint64_t begin_us;
    options.give_up_ms = 3000;
    world_open(&world, 1);
    bob = world_join(&world, &config);
    begin_us = world.bench.env.now_us;
    cr_assert_eq(actor_dial_url(bob, "mem://hub:1", &options), KITH_OK);
    world_run(&world, 3001);
    cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
    cr_assert_leq(bob->event_us - begin_us, 3000000);
    options.give_up_ms = UINT32_MAX;
    cr_assert_eq(actor_dial_url(bob, "mem://hub:1", &options), KITH_OK);
    world_run(&world, 1000000);
    cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
    cr_assert_not_null(bob->dial);
    world_close(&world);
}

Test(dial, gives_up_in_the_middle_of_an_attempt)
{
    kith_session_config config = world_config("x");
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    for (uint32_t ms = 1; ms < 70; ms += 3) {
        open_two(&config, &config);
        options.give_up_ms = ms;
        world.hub.delay_us = 10000;
        cr_assert_eq(actor_dial(bob, ada, &options), KITH_OK);
        world_run(&world, 20000);
        cr_assert_eq(bob->count[ACTOR_DIAL_FAILED] + bob->count[ACTOR_DIAL_READY], 1);
        cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], 0);
        cr_assert_eq(ada->count[ACTOR_CONNECTED] - ada->count[ACTOR_DEPARTED],
                     bob->count[ACTOR_CONNECTED] - bob->count[ACTOR_DEPARTED]);
        cr_assert_eq(bob->count[ACTOR_CONNECTED], bob->count[ACTOR_DIAL_READY]);
        world_close(&world);
    }
}

/* The last attempt hangs, the one before it was refused: that is the news. */
Test(dial, giving_up_tells_what_an_earlier_attempt_met)
{
    kith_session_config config = world_config("x");
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    world_open(&world, 1);
    bob = world_join(&world, &config);
    options.give_up_ms = 5000;
    cr_assert_eq(actor_dial_url(bob, "mem://hub:1", &options), KITH_OK);
    world_run(&world, 50);
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], 1);
    ada = world_join(&world, &config);
    actor_listen(ada); /* at the first port there is: 1 */
    world.hub.delay_us = 3600000000;
    world_run(&world, 5000);
    cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_REFUSED, "%s", kith_reason_name(bob->dial_reason));
    world_close(&world);
}

Test(dial, a_silent_listener_times_out)
{
    kith_session_config config = world_config("x");
    config.handshake_ms = 2000;
    open_two(&config, &config);
    world.hub.delay_us = 3600000000;
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_run(&world, 1999);
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], 0);
    actor_expect(ada, 1, 0);
    world_run(&world, 2 + KITH_LINK_CLOSE_MS);
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_TIMEOUT);
    world_close(&world);
}

/* ---- names ------------------------------------------------------------------------------------
 */

/* A look-up that answers when the test says so. */
static struct kith_lookup *asked;
static unsigned cancelled, dialled;
static char dialled_ips[16][KITH_IP_TEXT_BYTES];
static kith_err (*hub_dial)(struct kith_link *, const struct kith_address *);

static kith_err look_up(struct kith_env *env, struct kith_lookup *lookup, const char *host)
{
    (void)env;
    cr_assert_str_eq(host, "example.test");
    cr_assert_null(asked);
    asked = lookup;
    return KITH_OK;
}

static void look_up_cancel(struct kith_env *env, struct kith_lookup *lookup)
{
    (void)env;
    if (lookup == asked) {
        asked = NULL;
        cancelled++;
    }
}

static void answer(size_t count)
{
    static const char ips[3][KITH_IP_TEXT_BYTES] = {"2001:db8::1", "192.0.2.1", "192.0.2.2"};
    struct kith_lookup *lookup = asked;
    cr_assert_not_null(lookup);
    asked = NULL;
    lookup->done(lookup, ips, count);
    world_settle(&world);
}

static kith_err note_and_dial(struct kith_link *link, const struct kith_address *address)
{
    strcpy(dialled_ips[dialled++ % 16], address->ip);
    cr_assert_str_eq(address->host, "example.test");
    return hub_dial(link, address);
}

static const struct kith_io fake_io = {NULL, NULL, look_up, look_up_cancel};

static void open_with_names(void)
{
    kith_session_config config = world_config("x");
    world_open(&world, 1);
    world.bench.env.io = &fake_io;
    hub_dial = world.hub.driver.dial;
    world.hub.driver.dial = note_and_dial;
    asked = NULL;
    cancelled = dialled = 0;
    bob = world_join(&world, &config);
    cr_assert_eq(actor_dial_url(bob, "mem://example.test:7", NULL), KITH_OK);
    world_settle(&world);
}

Test(dial, tries_every_address_of_a_name)
{
    open_with_names();
    answer(3);
    cr_assert_eq(dialled, 3);
    cr_assert_str_eq(dialled_ips[0], "2001:db8::1");
    cr_assert_str_eq(dialled_ips[1], "192.0.2.1");
    cr_assert_str_eq(dialled_ips[2], "192.0.2.2");
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_REFUSED);
    world_run(&world, 126);
    answer(1); /* looked up anew */
    cr_assert_eq(dialled, 4);
    world_close(&world);
}

Test(dial, a_name_that_is_not_known)
{
    open_with_names();
    answer(0);
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_NAME);
    cr_assert_str_not_empty(bob->dial_detail);
    world_close(&world);
}

Test(dial, a_name_that_cannot_be_looked_up_now)
{
    open_with_names();
    asked->not_now = 1;
    answer(0);
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_NAME);
    cr_assert_not_null(strstr(bob->dial_detail, "name server"), "%s", bob->dial_detail);
    cr_assert_eq(kith_retry(bob->session), KITH_OK); /* the network is back */
    world_run_us(&world, 0);
    asked->not_now = 0;
    answer(1);
    cr_assert_eq(dialled, 1);
    world_close(&world);
}

Test(dial, cancelled_while_looking_up)
{
    open_with_names();
    cr_assert_eq(kith_dial_cancel(bob->dial), KITH_OK);
    cr_assert_eq(cancelled, 1);
    world_settle(&world);
    cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_LOCAL);
    world_close(&world);
}

/* ---- cancelling -------------------------------------------------------------------------------
 */

Test(dial, cancelled_at_every_moment)
{
    /* Every packet takes 10 ms: a handshake takes 4 of them. */
    for (uint64_t us = 0; us < 70000; us += 2500) {
        kith_session_config config = world_config("x");
        unsigned was_ready;
        open_two(&config, &config);
        world.hub.delay_us = 10000;
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        if (us > 0) {
            world_run_us(&world, us - 2500);
        }
        was_ready = bob->count[ACTOR_DIAL_READY];
        cr_assert_eq(kith_dial_cancel(bob->dial), KITH_OK);
        cr_assert_eq(kith_dial_cancel(bob->dial), KITH_OK); /* idempotent */
        cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 0);
        world_settle(&world);
        cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1);
        cr_assert_eq(bob->dial_reason, KITH_REASON_LOCAL);
        cr_assert_eq(bob->count[ACTOR_DIAL_READY], was_ready);
        world_run(&world, 20000);
        /* Both agree afterwards, and a peer already connected stayed. */
        cr_assert_eq(ada->count[ACTOR_CONNECTED] - ada->count[ACTOR_DEPARTED],
                     bob->count[ACTOR_CONNECTED] - bob->count[ACTOR_DEPARTED]);
        if (was_ready) {
            actor_expect(bob, 1, 1);
            cr_assert_eq(bob->count[ACTOR_DEPARTED], 0);
        }
        cr_assert_eq(bob->count[ACTOR_DIAL_READY], was_ready);
        world_close(&world);
    }
}

/* A second dial to the same peer is none of the first one's business. */
Test(dial, cancelled_beside_another_to_the_same_peer)
{
    int arbiter = 0;
    for (uint64_t us = 0; us < 280000; us += 2500) {
        kith_session_config config = world_config("x");
        kith_dial *first;
        world_open(&world, us / 2500 % 4); /* Bob is the arbiter, or is not */
        ada = world_join(&world, &config);
        bob = world_join(&world, &config);
        arbiter += memcmp(bob->session->id.bytes, ada->session->id.bytes, 16) > 0;
        actor_listen(ada);
        world.hub.delay_us = 10000;
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        first = bob->dial;
        cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
        world_run_us(&world, us / 4);
        cr_assert_eq(kith_dial_cancel(first), KITH_OK);
        world_run(&world, 20000);
        cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1, "both dials ended, after %d us", (int)us);
        cr_assert_geq(bob->count[ACTOR_DIAL_READY], 1);
        actor_expect(bob, 1, 1);
        actor_expect(ada, 1, 1);
        world_close(&world);
    }
    cr_assert(arbiter > 20 && arbiter < 90, "%d of 112", arbiter);
}

Test(dial, cancelled_while_waiting)
{
    kith_session_config config = world_config("x");
    world_open(&world, 1);
    bob = world_join(&world, &config);
    cr_assert_eq(actor_dial_url(bob, "mem://hub:1", NULL), KITH_OK);
    world_run(&world, 50);
    cr_assert_eq(kith_dial_cancel(bob->dial), KITH_OK);
    world_run(&world, 10000);
    cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1);
    cr_assert_eq(bob->count[ACTOR_DIAL_WAITING], 1);
    world_close(&world);
}

static void look_for_close(void *user, int from_dialer, uint8_t *bytes, size_t count)
{
    unsigned *seen = user;
    /* The links of this test carry one CLOSE at the end of a packet and it has no text. */
    if (from_dialer && count >= 3 && bytes[count - 3] == 0x18 && bytes[count - 2] == 1) {
        *seen = bytes[count - 1];
    }
}

/* "0, 2, 16 and 18 to 21 are for the application only and are not sent" (PROTOCOL.md section 6). */
Test(dial, a_cancel_tells_no_local_reason)
{
    kith_session_config config = world_config("x");
    unsigned seen = 99;
    open_two(&config, &config);
    world.hub.tap = look_for_close;
    world.hub.tap_user = &seen;
    world.hub.delay_us = 10000;
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_run(&world, 15);
    cr_assert_eq(kith_dial_cancel(bob->dial), KITH_OK);
    world_settle(&world);
    cr_assert_neq(seen, 99, "no CLOSE at all");
    cr_assert(seen != KITH_REASON_NONE && seen != KITH_REASON_LOST && seen != KITH_REASON_LOCAL,
              "%s was sent", kith_reason_name((kith_reason)seen));
    world_close(&world);
}
