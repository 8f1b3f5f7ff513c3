/* SPDX-License-Identifier: MIT
 *
 * trust_test.c: the core's part of certificates, in virtual time: what is signed, who is asked and
 * when, WAIT, and a driver that does not keep its promises.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/wire.h"
#include "protocol/frame.h"
#include "stranger.h"

static struct world world;
static struct strangers strangers;
static struct stranger eve;
static struct actor *ada;
static kith_ask *open_ask;
static unsigned asked, over;
static unsigned doubts;
static kith_reason over_reason;
static int answer_at_once; /* 1 yes, 2 no */

static const kith_certificate hers = {"Eve's certificate", 17}, ours = {"Ada's certificate", 17};

static void on_trust(kith_session *session, const kith_trust_question *question, void *user)
{
    (void)session;
    (void)user;
    asked++;
    doubts = question->doubts;
    open_ask = question->ask;
    if (answer_at_once != 0) {
        cr_assert_eq(kith_ask_answer(open_ask, answer_at_once == 1, "go away"), KITH_OK);
    }
}

static void on_ask_over(kith_session *session, kith_ask *ask, kith_reason reason, void *user)
{
    (void)session;
    (void)user;
    cr_assert_eq(ask, open_ask);
    open_ask = NULL;
    over_reason = reason;
    over++;
}

static void open_world(int asks, kith_client_certificates clients)
{
    static const struct kith_slice bytes = {"x", 1};
    kith_session_config config = world_config("Ada");
    struct kith_pki pki = {.chain = bytes, .key = bytes, .trusted = bytes, .clients = clients};
    config.security = KITH_SECURITY_PKI;
    world_open(&world, 1);
    strangers_open(&strangers, &world);
    strangers.channel = KITH_CHANNEL_TLS13_CERT;
    strangers.own = ours;
    strangers.theirs = hers;
    ada = world_join(&world, &config);
    if (asks) {
        ada->session->callbacks.on_trust = on_trust;
        ada->session->callbacks.on_ask_over = on_ask_over;
    }
    cr_assert_eq(kith_session_put_pki(ada->session, &pki), KITH_OK, "%s", kith_detail());
    cr_assert_eq(kith_listen(ada->session, "raws://*:1", ada, &ada->listener), KITH_OK, "%s",
                 kith_detail());
    world_settle(&world);
}

static void close_world(void)
{
    stranger_end(&eve);
    world_close(&world);
    cr_assert_eq(asked, over);
}

static void meet(void)
{
    stranger_make(&eve, &strangers, ada, 1);
    cr_assert(stranger_connect(&eve));
}

static void expect_end(kith_reason reason)
{
    kith_reason have = stranger_expect_end(&eve);
    cr_assert_eq(have, reason, "%s, not %s", kith_reason_name(have), kith_reason_name(reason));
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 0);
}

static void say_wait(uint32_t ms)
{
    uint8_t body[KITH_WAIT_BYTES];
    struct kith_writer to = kith_writer_of(body, sizeof body);
    kith_write_uint(&to, ms, KITH_WAIT_BYTES);
    stranger_frame(&eve, KITH_FRAME_WAIT, body, sizeof body);
}

/* Both hashes are signed: with either of them another, AUTH does not verify. */
Test(trust, certificates_are_signed)
{
    for (int i = 0; i < 3; i++) {
        open_world(0, KITH_CLIENT_CERTIFICATES_REQUIRED);
        meet();
        if (i == 0) {
            stranger_shake(&eve);
            actor_expect(ada, 1, 1);
        } else {
            stranger_send_hello(&eve);
            stranger_take_hello(&eve);
            eve.auth.binding_type = KITH_BINDING_EXPORTER;
            *(i == 1 ? &strangers.own : &strangers.theirs) = (kith_certificate){"another", 7};
            stranger_send_auth(&eve);
            expect_end(KITH_REASON_AUTH);
        }
        close_world();
    }
}

Test(trust, the_level_is_identity)
{
    kith_peer_info info = {.size = sizeof info};
    open_world(0, KITH_CLIENT_CERTIFICATES_REQUIRED);
    meet();
    stranger_shake(&eve);
    cr_assert_eq(kith_peer_get_info(ada->last->peer, &info), KITH_OK);
    cr_assert_eq(info.level, KITH_LEVEL_IDENTITY);
    close_world();
    open_world(0, KITH_CLIENT_CERTIFICATES_REQUIRED);
    strangers.exporter = KITH_ERR_UNSUPPORTED;
    meet();
    expect_end(KITH_REASON_AUTH);
    close_world();
}

/* A driver must not let these through; the core does not either. */
Test(trust, a_driver_that_lets_everybody_in)
{
    for (int i = 0; i < 4; i++) {
        open_world(0, KITH_CLIENT_CERTIFICATES_REQUIRED);
        switch (i) {
        case 0:
            strangers.doubts = KITH_DOUBT_EXPIRED;
            break;
        case 1:
            strangers.theirs = (kith_certificate){NULL, 0};
            break;
        case 2:
            strangers.channel = KITH_CHANNEL_TLS13_PSK;
            break;
        default:
            strangers.channel = KITH_CHANNEL_PLAIN;
            break;
        }
        meet();
        (void)stranger_expect_end(&eve);
        cr_assert_eq(ada->count[ACTOR_CONNECTED], 0);
        close_world();
    }
}

Test(trust, hello_waits_for_the_answer)
{
    uint64_t type;
    const uint8_t *body;
    size_t length;
    open_world(1, KITH_CLIENT_CERTIFICATES_REQUIRED);
    strangers.doubts = KITH_DOUBT_UNTRUSTED;
    meet();
    cr_assert_eq(asked, 1);
    cr_assert_eq(doubts, KITH_DOUBT_UNTRUSTED);
    stranger_hear(&eve);
    cr_assert(stranger_next(&eve, &type, &body, &length));
    cr_assert_eq(type, KITH_FRAME_WAIT);
    cr_assert_arr_eq(body, "\x00\x00\xea\x60", 4); /* 60000 */
    stranger_send_hello(&eve);
    world_run(&world, 30000); /* longer than the handshake may take */
    stranger_hear(&eve);
    cr_assert_not(stranger_next(&eve, &type, &body, &length), "an answer before the answer");
    cr_assert_eq(kith_ask_answer(open_ask, 1, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(over, 1);
    stranger_take_hello(&eve);
    close_world();
}

Test(trust, the_handshake_has_its_time_after_the_answer)
{
    open_world(1, KITH_CLIENT_CERTIFICATES_REQUIRED);
    meet();
    world_run(&world, 50000);
    cr_assert_eq(kith_ask_answer(open_ask, 1, NULL), KITH_OK);
    world_run(&world, 9000);
    cr_assert_not(eve.was_closed);
    world_run(&world, 2000);
    expect_end(KITH_REASON_TIMEOUT);
    close_world();
}

Test(trust, an_answer_at_once_sends_no_wait)
{
    open_world(1, KITH_CLIENT_CERTIFICATES_REQUIRED);
    answer_at_once = 1;
    meet();
    stranger_shake(&eve); /* fails when a WAIT comes first */
    actor_expect(ada, 1, 1);
    close_world();
}

Test(trust, refused)
{
    const uint8_t *body;
    size_t length;
    open_world(1, KITH_CLIENT_CERTIFICATES_REQUIRED);
    answer_at_once = 2;
    meet();
    world_settle(&world);
    stranger_hear(&eve);
    cr_assert(stranger_find(&eve, KITH_FRAME_CLOSE, &body, &length));
    cr_assert_eq(length, 8);
    cr_assert_arr_eq(body, "\x17go away", 8);
    cr_assert_eq(over_reason, KITH_REASON_NONE);
    close_world();
}

Test(trust, no_answer)
{
    open_world(1, KITH_CLIENT_CERTIFICATES_REQUIRED);
    meet();
    world_run(&world, 59000);
    cr_assert_eq(over, 0);
    world_run(&world, 2000);
    cr_assert_eq(over_reason, KITH_REASON_TIMEOUT);
    expect_end(KITH_REASON_UNTRUSTED);
    close_world();
}

Test(trust, the_link_breaks)
{
    open_world(1, KITH_CLIENT_CERTIFICATES_REQUIRED);
    meet();
    stranger_hang_up(&eve, KITH_REASON_LOST);
    cr_assert_eq(over, 1);
    cr_assert_eq(over_reason, KITH_REASON_LOST);
    close_world();
}

Test(trust, the_other_side_closes)
{
    open_world(1, KITH_CLIENT_CERTIFICATES_REQUIRED);
    meet();
    stranger_frame(&eve, KITH_FRAME_CLOSE, "\x01", 1);
    world_settle(&world);
    cr_assert_eq(over_reason, KITH_REASON_LEFT);
    close_world();
}

Test(trust, not_asked_where_none_is_shown)
{
    open_world(1, KITH_CLIENT_CERTIFICATES_NONE);
    strangers.theirs = (kith_certificate){NULL, 0};
    meet();
    stranger_shake(&eve);
    cr_assert_eq(asked, 0);
    close_world();
    open_world(1, KITH_CLIENT_CERTIFICATES_OPTIONAL);
    strangers.theirs = (kith_certificate){NULL, 0};
    meet();
    cr_assert_eq(doubts, KITH_DOUBT_MISSING);
    close_world();
}

/* ---- frames out of turn ------------------------------------------------------------------ */

Test(trust, a_second_hello_while_the_first_waits)
{
    open_world(1, KITH_CLIENT_CERTIFICATES_REQUIRED);
    meet();
    stranger_send_hello(&eve);
    stranger_send_hello(&eve);
    world_settle(&world);
    cr_assert_eq(over_reason, KITH_REASON_PROTOCOL);
    close_world();
}

Test(trust, wait_moves_the_deadline_once)
{
    open_world(0, KITH_CLIENT_CERTIFICATES_REQUIRED);
    meet();
    say_wait(30000);
    world_run(&world, 39000);
    cr_assert_not(eve.was_closed);
    world_run(&world, 2000);
    expect_end(KITH_REASON_TIMEOUT);
    stranger_end(&eve);
    meet();
    say_wait(30000);
    say_wait(30000);
    expect_end(KITH_REASON_PROTOCOL);
    close_world();
}

Test(trust, wait_for_ever_is_ten_minutes)
{
    open_world(0, KITH_CLIENT_CERTIFICATES_REQUIRED);
    meet();
    say_wait(UINT32_MAX);
    world_run(&world, 605000);
    cr_assert_not(eve.was_closed);
    world_run(&world, 10000);
    expect_end(KITH_REASON_TIMEOUT);
    close_world();
}

Test(trust, wait_after_hello)
{
    open_world(0, KITH_CLIENT_CERTIFICATES_REQUIRED);
    meet();
    stranger_send_hello(&eve);
    say_wait(1000);
    expect_end(KITH_REASON_PROTOCOL);
    close_world();
    open_world(1, KITH_CLIENT_CERTIFICATES_REQUIRED);
    meet();
    stranger_send_hello(&eve);
    say_wait(1000);
    world_settle(&world);
    cr_assert(eve.was_closed);
    close_world();
}

/* Where nobody has certificates nobody thinks about them. */
Test(trust, wait_without_certificates)
{
    kith_session_config config = world_config("Ada");
    world_open(&world, 1);
    strangers_open(&strangers, &world);
    ada = world_join(&world, &config);
    cr_assert_eq(kith_listen(ada->session, "raw://*:1", ada, &ada->listener), KITH_OK);
    world_settle(&world);
    meet();
    say_wait(1000);
    expect_end(KITH_REASON_PROTOCOL);
    close_world();
}

/* The acceptor speaks before the dialer has: it cannot have anything to say. */
Test(trust, hello_before_ours_as_dialer)
{
    open_world(1, KITH_CLIENT_CERTIFICATES_REQUIRED);
    stranger_make(&eve, &strangers, ada, 1);
    strangers.next = &eve;
    cr_assert_eq(actor_dial_url(ada, "raws://there:1", NULL), KITH_OK, "%s", kith_detail());
    world_settle(&world);
    cr_assert_eq(asked, 1);
    stranger_send_hello(&eve);
    world_settle(&world);
    cr_assert_eq(over_reason, KITH_REASON_PROTOCOL);
    close_world();
}

/* Every allocation on the way fails once. */
Test(trust, without_memory)
{
    for (unsigned i = 1; i < 40; i++) {
        open_world(1, KITH_CLIENT_CERTIFICATES_REQUIRED);
        stranger_make(&eve, &strangers, ada, 1);
        world.bench.fail_from = world.bench.requests + i;
        if (stranger_connect(&eve) && open_ask != NULL) {
            cr_assert_eq(kith_ask_answer(open_ask, 1, NULL), KITH_OK);
            world_settle(&world);
        }
        world.bench.fail_from = 0;
        close_world();
    }
}
