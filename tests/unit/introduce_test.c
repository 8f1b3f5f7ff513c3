/* SPDX-License-Identifier: MIT
 *
 * introduce_test.c: stars that fill themselves, hearsay that is not believed, and dialling back
 * where nobody here had dialled.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "protocol/frame.h"
#include "protocol/peers.h"
#include "stranger.h"

static struct world world;
static struct actor *actors[WORLD_ACTORS_MAX];

static kith_session_config config_of(const char *name)
{
    kith_session_config config = world_config(name);
    config.introductions = KITH_INTRODUCTIONS_ON;
    config.resume_window_ms = 0;
    return config;
}

static void open_members(uint64_t seed, size_t count, unsigned listening)
{
    kith_session_config config = config_of("x");
    world_open(&world, seed);
    world.hub.seed = seed;
    world.hub.has_addresses = 1;
    for (size_t i = 0; i < count; i++) {
        actors[i] = world_join(&world, &config);
        if ((listening >> i & 1) != 0) {
            actor_listen(actors[i]);
        }
    }
}

static void expect_full(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        actor_expect(actors[i], count - 1, count - 1);
        cr_assert_eq(actors[i]->count[ACTOR_CONNECTED], count - 1);
        cr_assert_eq(actors[i]->count[ACTOR_DEPARTED], 0);
        cr_assert_eq(actors[i]->session->candidate_count, 0);
    }
}

/* Each knows one who was there before. */
Test(introduce, a_chain_becomes_a_star)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        open_members(seed, 8, 0xff);
        world.hub.delay_us = seed % 3 * 1000;
        for (size_t i = 1; i < 8; i++) {
            cr_assert_eq(actor_dial(actors[i], actors[i - 1], NULL), KITH_OK);
            if (seed % 2 == 0) {
                world_run(&world, 50);
            }
        }
        world_run(&world, 8000);
        expect_full(8);
        /* The application hears of its own dials only. */
        cr_assert_eq(actors[0]->count[ACTOR_DIAL_READY], 0);
        cr_assert_eq(actors[7]->count[ACTOR_DIAL_READY], 1);
        world_close(&world);
    }
}

/* Who does not listen is told of the newcomer, and dials. */
Test(introduce, some_do_not_listen)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        open_members(seed, 5, 0x15); /* 0, 2, 4 listen */
        for (size_t i = 1; i < 5; i++) {
            cr_assert_eq(actor_dial(actors[i], actors[0], NULL), KITH_OK);
            world_run(&world, 100);
        }
        world_run(&world, 5000);
        actor_expect(actors[0], 4, 4);
        actor_expect(actors[1], 3, 3); /* not to 3: neither listens */
        actor_expect(actors[2], 4, 4);
        actor_expect(actors[4], 4, 4);
        world_close(&world);
    }
}

Test(introduce, one_that_stays_out_of_it)
{
    kith_session_config config = config_of("x");
    open_members(1, 3, 7);
    config.introductions = KITH_INTRODUCTIONS_OFF;
    actors[3] = world_join(&world, &config);
    actor_listen(actors[3]);
    cr_assert_eq(actor_dial(actors[3], actors[0], NULL), KITH_OK);
    world_run(&world, 100);
    cr_assert_eq(actor_dial(actors[1], actors[0], NULL), KITH_OK);
    cr_assert_eq(actor_dial(actors[2], actors[3], NULL), KITH_OK);
    world_run(&world, 5000);
    /* 1 does not hear of 3, which has not said where it listens; 3 tells 2 of nobody. It is told of
     * them, as one that does not listen, and does not dial. */
    actor_expect(actors[3], 2, 2);
    actor_expect(actors[0], 2, 2);
    cr_assert_eq(actors[3]->session->stats.links_dialled, 1);
    world_close(&world);
}

static unsigned invited;
static void on_invitation(kith_session *session, const kith_invitation *invitation, void *user)
{
    (void)session;
    (void)user;
    invited++;
    cr_assert_eq(kith_ask_answer(invitation->ask, invited == 1, "no"), KITH_OK);
}

/* Each member lets in whom it wants. */
Test(introduce, every_member_decides_for_itself)
{
    open_members(1, 4, 0xf);
    invited = 1; /* no to everybody */
    actors[1]->session->callbacks.on_invitation = on_invitation;
    cr_assert_eq(actor_dial(actors[1], actors[0], NULL), KITH_OK);
    world_run(&world, 100);
    cr_assert_eq(actor_dial(actors[2], actors[0], NULL), KITH_OK);
    world_run(&world, 20000);
    actor_expect(actors[0], 2, 2);
    actor_expect(actors[1], 1, 1);
    cr_assert_eq(actors[2]->session->candidate_count, 1, "it is remembered, and left alone");
    cr_assert_leq(actors[2]->session->stats.links_dialled, 1 + KITH_INTRODUCED_TRIES_MAX);
    world_close(&world);
}

static char shown[64];
static void on_context(kith_session *session, const kith_invitation *invitation, void *user)
{
    (void)session;
    (void)user;
    cr_assert_lt(invitation->context_bytes, sizeof shown);
    memcpy(shown, invitation->context, invitation->context_bytes);
    shown[invitation->context_bytes] = '\0';
    cr_assert_eq(kith_ask_answer(invitation->ask, 1, NULL), KITH_OK);
}

/* Who is asked about somebody that came by introduction is shown what it says of itself. */
Test(introduce, the_context_of_the_session_goes_along)
{
    kith_session_config config = config_of("x");
    kith_session *none;
    char text[] = "from the choir";
    open_members(1, 2, 3);
    config.context = text;
    config.context_bytes = strlen(text);
    actors[2] = world_join(&world, &config);
    memset(text, 0, sizeof text); /* it was lent */
    actors[1]->session->callbacks.on_invitation = on_context;
    cr_assert_eq(actor_dial(actors[1], actors[0], NULL), KITH_OK);
    world_run(&world, 100);
    cr_assert_eq(actor_dial(actors[2], actors[0], NULL), KITH_OK);
    world_run(&world, 5000);
    expect_full(3);
    cr_assert_str_eq(shown, "from the choir");
    config.context_bytes = KITH_CONTEXT_BYTES_MAX + 1;
    cr_assert_eq(kith_session_create(&world.bench.env, world.drivers, &config,
                                     &actors[2]->session->callbacks, NULL, &none),
                 KITH_ERR_INVALID);
    config.context = NULL;
    config.context_bytes = 1;
    cr_assert_eq(kith_session_create(&world.bench.env, world.drivers, &config,
                                     &actors[2]->session->callbacks, NULL, &none),
                 KITH_ERR_INVALID);
    world_close(&world);
}

/* ---- dialling back ----------------------------------------------------------------------------
 */

Test(introduce, the_one_that_was_dialled_dials_back)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        open_members(seed, 2, 3);
        cr_assert_eq(actor_dial(actors[0], actors[1], NULL), KITH_OK);
        world_run(&world, 100);
        cr_assert_eq(kith_dial_cancel(actors[0]->dial), KITH_OK); /* it will not come back itself */
        world_run(&world, 100);
        cr_assert_eq(actor_say(actors[0], actors[0]->last, 0, 1000, 1), KITH_OK);
        kith_memory_hub_cut(&world.hub);
        world_run(&world, 3000);
        cr_assert_eq(actors[0]->fate_count[KITH_FATE_DELIVERED], 1);
        cr_assert_eq(actors[0]->count[ACTOR_DEPARTED], 0);
        actor_expect(actors[0], 1, 1);
        actor_expect(actors[1], 1, 1);
        world_close(&world);
    }
}

/* ---- a stranger -------------------------------------------------------------------------------
 */

static struct strangers strangers;
static struct stranger eve;

static void meet_eve(void)
{
    kith_session_config config = config_of("x");
    world_open(&world, 1);
    world.hub.has_addresses = 1;
    strangers_open(&strangers, &world);
    actors[0] = world_join(&world, &config);
    cr_assert_eq(kith_listen(actors[0]->session, "raw://*:1", actors[0], &actors[0]->listener),
                 KITH_OK);
    world_settle(&world);
    stranger_make(&eve, &strangers, actors[0], 1);
    cr_assert(stranger_connect(&eve));
    stranger_shake(&eve);
}

static void say_peers(uint64_t number, const char *url)
{
    uint8_t body[KITH_INTRODUCTION_BYTES_MAX];
    struct kith_introduction introduction = {.endpoint_count = 1};
    memcpy(introduction.id.bytes, &number, sizeof number);
    introduction.endpoints[0] = (struct kith_slice){url, strlen(url)};
    stranger_frame(&eve, KITH_FRAME_PEERS, body, kith_introduction_encode(&introduction, body));
}

Test(introduce, hearsay_is_bounded)
{
    uint64_t dialled;
    meet_eve();
    for (uint64_t i = 1; i <= 900; i++) {
        say_peers(i, "mem://hub:77"); /* nobody is there */
        if (i % 100 == 0) {
            world_run(&world, 1000);
        }
        cr_assert_leq(actors[0]->session->introduced_dials, KITH_INTRODUCED_BY_ONE_MAX);
        cr_assert_leq(actors[0]->session->candidate_count, KITH_CANDIDATES_MAX);
    }
    world_run(&world, 60000);
    dialled = actors[0]->session->stats.links_dialled;
    cr_assert_leq(dialled, 900 * KITH_INTRODUCED_TRIES_MAX);
    world_run(&world, 60000);
    cr_assert_eq(actors[0]->session->stats.links_dialled, dialled, "and then not for a while");
    cr_assert_eq(actors[0]->count[ACTOR_DIAL_FAILED], 0, "the application hears nothing of it");
    stranger_end(&eve);
    world_close(&world);
}

Test(introduce, what_cannot_be_read_or_dialled)
{
    static const char *const urls[] = {"mem://hub:0", "nosuch://hub:1", "any://hub:1", "mem://hub",
                                       "xx"};
    meet_eve();
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        say_peers(i + 1, urls[i]);
    }
    world_run(&world, 100);
    cr_assert_eq(actors[0]->session->candidate_count, 0);
    cr_assert(!eve.was_closed);
    stranger_frame(&eve, KITH_FRAME_PEERS, "0123456789abcdef\x09xxxxx", 22);
    cr_assert_eq(stranger_expect_end(&eve), KITH_REASON_PROTOCOL);
    stranger_end(&eve);
    world_close(&world);
}

/* ---- where one may be sent --------------------------------------------------------------------
 */

Test(introduce, whom_a_teller_may_name)
{
    static const struct {
        const char *teller, *url, *becomes;
    } cases[] = {
        {"127.0.0.1:9", "mem://127.0.0.1:5", "mem://127.0.0.1:5"},
        {"127.0.0.1:9", "mem://10.0.0.1:5", "mem://10.0.0.1:5"},
        {"127.0.0.1:9", "mem://*:5", "mem://127.0.0.1:5"},
        {"10.0.0.9:9", "mem://127.0.0.1:5", NULL},
        {"10.0.0.9:9", "mem://[::1]:5", NULL},
        {"10.0.0.9:9", "mem://169.254.1.1:5", NULL},
        {"10.0.0.9:9", "mem://192.168.1.1:5", "mem://192.168.1.1:5"},
        {"10.0.0.9:9", "mem://192.0.2.1:5", "mem://192.0.2.1:5"},
        {"10.0.0.9:9", "mem://*:5", "mem://10.0.0.9:5"},
        {"[2001:db8::9]:9", "mem://*:5", "mem://[2001:db8::9]:5"},
        {"192.0.2.9:9", "mem://10.0.0.1:5", NULL},
        {"192.0.2.9:9", "mem://[fd00::1]:5", NULL},
        {"192.0.2.9:9", "mem://[2001:db8::1]:5", "mem://[2001:db8::1]:5"},
        {"192.0.2.9:9", "mem://224.0.0.1:5", NULL},
        {"192.0.2.9:9", "mem://255.255.255.255:5", NULL},
        {"192.0.2.9:9", "mem://victim.example:5", NULL},
    };
    static const struct kith_io nothing;
    struct kith_conn conn = {0};
    meet_eve();
    conn.session = actors[0]->session;
    world.bench.env.io = &nothing;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct kith_slice url = {cases[i].url, strlen(cases[i].url)};
        struct kith_place out[KITH_ENDPOINTS_MAX];
        strcpy(conn.remote_address, cases[i].teller);
        cr_assert_eq(kith_places_read(&conn, &url, 1, out), cases[i].becomes != NULL, "%s of %s",
                     cases[i].teller, cases[i].url);
        if (cases[i].becomes != NULL) {
            cr_assert_str_eq(out[0].url, cases[i].becomes);
        }
    }
    world.bench.env.io = NULL;
    stranger_end(&eve);
    world_close(&world);
}

/* Somebody on this machine, introduced to somebody elsewhere. */
Test(introduce, loopback_means_another_machine_elsewhere)
{
    struct kith_place places[2] = {{"mem://127.0.0.1:5", 1, 1}, {"mem://127.0.0.1:6", 0, 1}};
    struct kith_peer subject = {.places = places, .place_count = 2};
    struct kith_conn to = {0};
    char urls[KITH_ENDPOINTS_MAX][KITH_PLACE_BYTES];
    strcpy(to.remote_address, "10.0.0.9:1");
    cr_assert_eq(kith_places_pass_on(&subject, &to, urls), 0);
    to.link_info.local_address = "10.0.0.1:2";
    cr_assert_eq(kith_places_pass_on(&subject, &to, urls), 1);
    cr_assert_str_eq(urls[0], "mem://10.0.0.1:5");
    strcpy(to.remote_address, "127.0.0.1:1");
    cr_assert_eq(kith_places_pass_on(&subject, &to, urls), 2);
    cr_assert_str_eq(urls[1], "mem://127.0.0.1:6");
}
