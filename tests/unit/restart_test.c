/* SPDX-License-Identifier: MIT
 *
 * restart_test.c: a key that comes back with another incarnation: the old one is asked, and is put
 * out only when it does not answer.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bounds.h"
#include "protocol/frame.h"
#include "stranger.h"

static struct world world;
static struct strangers strangers;
static struct stranger eve, twin;
static struct actor *ada;
static int order; /* 1: the stranger is the arbiter, -1: the session is */

static void open_world(uint32_t resume_window_ms)
{
    kith_session_config config = world_config("Ada");
    config.resume_window_ms = resume_window_ms;
    world_open(&world, 1);
    strangers_open(&strangers, &world);
    ada = world_join(&world, &config);
    cr_assert_eq(kith_listen(ada->session, "raw://*:1", ada, &ada->listener), KITH_OK);
    world_settle(&world);
    stranger_make(&eve, &strangers, ada, order);
    eve.auth.resume_window_ms = resume_window_ms == KITH_RESUME_OFF ? 0 : 30000;
    cr_assert(stranger_connect(&eve));
    stranger_shake(&eve);
    stranger_hear(&eve);
}

static void close_world(void)
{
    stranger_end(&twin);
    stranger_end(&eve);
    world_close(&world);
}

/* The same key, another incarnation. */
static void make_twin(struct stranger *out, uint8_t number)
{
    *out = eve;
    out->heard = NULL;
    out->heard_count = out->heard_room = out->read_count = 0;
    out->link = NULL;
    out->was_closed = 0;
    out->hello.incarnation[0] ^= number;
}

static void come(struct stranger *stranger)
{
    cr_assert(stranger_connect(stranger));
    stranger_authenticate(stranger);
    if (order > 0 && stranger->link != NULL) { /* it is the arbiter, and does what that does */
        uint8_t out[KITH_ADOPT_BYTES_MAX];
        stranger->adopt = eve.adopt;
        stranger->adopt.generation = stranger->adopt.since = 1;
        stranger->adopt.fresh = 1;
        stranger_frame(stranger, KITH_FRAME_ADOPT, out,
                       kith_adopt_encode(&stranger->adopt, 1, out));
    }
}

/* ADOPT or ADOPTED came to it, and it does its part. 1 when it is in use. */
static int is_let_in(struct stranger *stranger)
{
    uint8_t out[KITH_ADOPT_BYTES_MAX];
    const uint8_t *body;
    size_t length;
    stranger_hear(stranger);
    if (order > 0) {
        return stranger_find(stranger, KITH_FRAME_ADOPTED, &body, &length);
    }
    if (!stranger_find(stranger, KITH_FRAME_ADOPT, &body, &length)) {
        return 0;
    }
    cr_assert(kith_adopt_decode(body, length, 1, &stranger->adopt));
    cr_assert_eq(stranger->adopt.fresh, 1);
    stranger_frame(stranger, KITH_FRAME_ADOPTED, out, kith_adopt_encode(&stranger->adopt, 0, out));
    return 1;
}

/* Answers every PING that came to the old one; gives how many. */
static unsigned answer(struct stranger *stranger)
{
    const uint8_t *body;
    size_t length;
    unsigned count = 0;
    stranger_hear(stranger);
    while (stranger_find(stranger, KITH_FRAME_PING, &body, &length)) {
        uint8_t nonce[KITH_PING_BYTES];
        memcpy(nonce, body, sizeof nonce);
        stranger_frame(stranger, KITH_FRAME_PONG, nonce, sizeof nonce);
        count++;
    }
    return count;
}

static void expect_replaced(void)
{
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    cr_assert_eq(ada->friends[0].reason, KITH_REASON_RESTARTED);
    cr_assert(is_let_in(&twin));
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 2);
    actor_expect(ada, 1, 1);
}

TestSuite(restart);

Test(restart, one_that_answers_stays)
{
    for (order = -1; order <= 1; order += 2) {
        const uint8_t *body;
        size_t length;
        open_world(KITH_RESUME_OFF);
        (void)answer(&eve);
        make_twin(&twin, 1);
        come(&twin);
        cr_assert(!is_let_in(&twin));
        cr_assert(stranger_find(&twin, KITH_FRAME_WAIT, &body, &length) || twin.read_count > 0);
        cr_assert_eq(answer(&eve), 1);
        cr_assert_eq(stranger_expect_end(&twin), KITH_REASON_ID_IN_USE);
        cr_assert_eq(ada->count[ACTOR_DEPARTED], 0);
        cr_assert(!eve.was_closed);
        stranger_end(&twin);
        /* Another one at once is refused without asking. */
        make_twin(&twin, 2);
        come(&twin);
        cr_assert_eq(answer(&eve), 0);
        cr_assert_eq(stranger_expect_end(&twin), KITH_REASON_ID_IN_USE);
        close_world();
    }
}

Test(restart, one_that_does_not_answer_goes)
{
    for (order = -1; order <= 1; order += 2) {
        open_world(0);
        make_twin(&twin, 1);
        come(&twin);
        world_run(&world, KITH_PROBE_MS_MIN - 1);
        cr_assert_eq(ada->count[ACTOR_DEPARTED], 0);
        cr_assert(!is_let_in(&twin));
        world_run(&world, 2);
        cr_assert_eq(stranger_expect_end(&eve), KITH_REASON_RESTARTED);
        expect_replaced();
        close_world();
    }
}

/* Any other sign of life is none: the bytes may have been under way for long. */
Test(restart, only_the_answer_counts)
{
    order = -1;
    open_world(0);
    make_twin(&twin, 1);
    come(&twin);
    world.is_tampered = 1;
    stranger_data(&eve, 0, 0, "\1x", 2);
    stranger_frame(&eve, KITH_FRAME_PONG, "12345678", KITH_PING_BYTES);
    world_run(&world, KITH_PROBE_MS_MIN + 1);
    cr_assert_eq(ada->count[ACTOR_MESSAGE], 1);
    expect_replaced();
    close_world();
}

Test(restart, the_last_old_link_dies_meanwhile)
{
    for (order = -1; order <= 1; order += 2) {
        open_world(0);
        make_twin(&twin, 1);
        come(&twin);
        world_run(&world, 100);
        stranger_hang_up(&eve, KITH_REASON_LOST);
        world_run(&world, 1);
        expect_replaced();
        close_world();
    }
}

Test(restart, there_is_no_old_link)
{
    for (order = -1; order <= 1; order += 2) {
        open_world(0);
        stranger_hang_up(&eve, KITH_REASON_LOST);
        world_run(&world, 400);
        cr_assert_eq(ada->count[ACTOR_INTERRUPTED], 1);
        make_twin(&twin, 1);
        come(&twin);
        expect_replaced();
        close_world();
    }
}

Test(restart, the_newcomer_leaves)
{
    order = -1;
    open_world(0);
    make_twin(&twin, 1);
    come(&twin);
    stranger_hang_up(&twin, KITH_REASON_LOST);
    world_run(&world, 10);
    (void)answer(&eve); /* too late */
    /* Nobody has answered in time so far: the next one is not refused unasked. */
    stranger_end(&twin);
    make_twin(&twin, 2);
    come(&twin);
    cr_assert_eq(answer(&eve), 1);
    cr_assert_eq(stranger_expect_end(&twin), KITH_REASON_ID_IN_USE);
    world_run(&world, KITH_PROBE_MS_MIN + 1);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 0);
    cr_assert(!eve.was_closed);
    close_world();
}

static void send_adopt(struct stranger *stranger)
{
    uint8_t out[KITH_ADOPT_BYTES_MAX];
    stranger->adopt.generation = stranger->adopt.since = 1;
    stranger->adopt.fresh = 1;
    stranger->adopt.next_lane = KITH_CHANNEL_COUNT;
    stranger_frame(stranger, KITH_FRAME_ADOPT, out, kith_adopt_encode(&stranger->adopt, 1, out));
}

/* Two with one key prove themselves before either is chosen; the one that chooses later is the
 * newcomer. */
Test(restart, both_prove_themselves_first)
{
    for (int answers = 0; answers <= 1; answers++) {
        kith_session_config config = world_config("Ada");
        order = 1;
        world_open(&world, 1);
        strangers_open(&strangers, &world);
        ada = world_join(&world, &config);
        cr_assert_eq(kith_listen(ada->session, "raw://*:1", ada, &ada->listener), KITH_OK);
        world_settle(&world);
        stranger_make(&eve, &strangers, ada, order);
        make_twin(&twin, 1);
        cr_assert(stranger_connect(&eve));
        cr_assert(stranger_connect(&twin));
        stranger_authenticate(&eve);
        stranger_authenticate(&twin);
        send_adopt(&eve);
        cr_assert(is_let_in(&eve));
        (void)answer(&eve); /* what every link is asked */
        send_adopt(&twin);
        cr_assert(!is_let_in(&twin));
        if (answers) {
            cr_assert_eq(answer(&eve), 1);
            cr_assert_eq(stranger_expect_end(&twin), KITH_REASON_ID_IN_USE);
            cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
        } else {
            world_run(&world, KITH_PROBE_MS_MIN + 1);
            expect_replaced();
        }
        close_world();
    }
}

Test(restart, one_newcomer_waits_for_a_key)
{
    struct stranger third;
    order = -1;
    open_world(0);
    make_twin(&third, 2);
    come(&third);
    make_twin(&twin, 1);
    come(&twin);
    cr_assert_eq(stranger_expect_end(&third), KITH_REASON_DUPLICATE);
    world_run(&world, KITH_PROBE_MS_MIN + 1);
    expect_replaced();
    stranger_end(&third);
    close_world();
}

/* The old one leaves in good order while the newcomer waits. */
Test(restart, the_old_one_says_goodbye)
{
    uint8_t body[KITH_CLOSE_BODY_BYTES_MAX];
    order = -1;
    open_world(0);
    make_twin(&twin, 1);
    come(&twin);
    stranger_frame(&eve, KITH_FRAME_CLOSE, body, kith_close_encode(KITH_REASON_LEFT, "", body));
    cr_assert_eq(ada->friends[0].reason, KITH_REASON_LEFT);
    cr_assert(is_let_in(&twin));
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 2);
    close_world();
}

/* Answers all there is to answer. */
static void live_on(struct stranger *stranger)
{
    const uint8_t *body;
    uint64_t type;
    size_t length;
    stranger_hear(stranger);
    while (stranger_next(stranger, &type, &body, &length)) {
        uint8_t out[KITH_ADOPT_BYTES_MAX];
        memcpy(out, body, length < sizeof out ? length : sizeof out);
        if (type == KITH_FRAME_PING) {
            stranger_frame(stranger, KITH_FRAME_PONG, out, length);
        } else if (type == KITH_FRAME_ADOPT) {
            cr_assert(kith_adopt_decode(body, length, 1, &stranger->adopt));
            stranger_frame(stranger, KITH_FRAME_ADOPTED, out,
                           kith_adopt_encode(&stranger->adopt, 0, out));
        }
    }
}

/* Two links of one incarnation. What the second one brings may be of an association before: it ends
 * that link, and the other one is asked for a sign of life. */
Test(restart, a_goodbye_beside_the_link_in_use)
{
    for (int is_there = 0; is_there <= 1; is_there++) {
        uint8_t body[KITH_CLOSE_BODY_BYTES_MAX];
        const uint8_t *adopt;
        size_t length;
        order = -1;
        open_world(KITH_RESUME_OFF);
        (void)answer(&eve);
        make_twin(&twin, 0);
        twin.claim = (struct kith_claim){eve.adopt.since, eve.adopt.generation, 0};
        come(&twin);
        stranger_hear(&twin);
        cr_assert(stranger_find(&twin, KITH_FRAME_ADOPT, &adopt, &length));
        stranger_frame(&twin, KITH_FRAME_CLOSE, body,
                       kith_close_encode(KITH_REASON_LEFT, "", body));
        cr_assert_eq(ada->count[ACTOR_DEPARTED], 0);
        if (is_there) {
            cr_assert_eq(answer(&eve), 1, "it was not asked at once");
            eve.read_count = 0;
        }
        for (int i = 0; i <= KITH_PROBE_COUNT; i++) {
            if (is_there) {
                live_on(&eve);
            }
            world_run(&world, KITH_PROBE_MS);
        }
        cr_assert_eq(ada->count[ACTOR_DEPARTED], !is_there);
        close_world();
    }
}

/* ---- whole sessions ---------------------------------------------------------------------------
 */

/* Bob's machine loses power while he is connected, and he comes back with the identity he had; he
 * dials, or is dialled. */
static void restart_bob(uint64_t seed, int bob_dials)
{
    kith_session_config config = world_config("x");
    kith_identity identity;
    struct actor *bob, *again;
    config.resume_window_ms = 0;
    world_open(&world, seed);
    world.hub.seed = seed;
    ada = world_join(&world, &config);
    bench_fill(&(struct bench_random){seed + 1000}, identity.bytes, sizeof identity.bytes);
    config.identity = &identity;
    bob = world_join(&world, &config);
    actor_listen(bob_dials ? ada : bob);
    cr_assert_eq(actor_dial(bob_dials ? bob : ada, bob_dials ? ada : bob, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(actor_say(ada, ada->last, 1, 100, 1), KITH_OK);
    world_run(&world, 100);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 1);
    /* Nothing of him is heard any more, and nothing reaches him. */
    cr_assert_eq(
        kith_memory_hub_fault(&world.hub, world.hub.link_count, KITH_MEMORY_HALF_OPEN, bob_dials),
        1);
    cr_assert_eq(kith_session_close(bob->session, 0), KITH_OK);
    world_settle(&world);
    again = world_join(&world, &config);
    if (bob_dials) {
        cr_assert_eq(actor_dial(again, ada, NULL), KITH_OK);
    } else {
        cr_assert_eq(kith_listen(again->session, bob->url, again, &again->listener), KITH_OK);
    }
    world_run(&world, 3 * KITH_PROBE_MS_MIN + 60000);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    cr_assert_eq(ada->friends[0].reason, KITH_REASON_RESTARTED, "%s",
                 kith_reason_name(ada->friends[0].reason));
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 2);
    cr_assert_eq(again->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(ada->count[ACTOR_DIAL_READY], bob_dials ? 0 : 2);
    cr_assert_eq(actor_say(ada, ada->last, 1, 100, 1), KITH_OK);
    cr_assert_eq(actor_say(again, again->last, 1, 100, 1), KITH_OK);
    world_run(&world, 100);
    cr_assert_eq(ada->fate_count[KITH_FATE_DELIVERED], 2);
    cr_assert_eq(again->fate_count[KITH_FATE_DELIVERED], 1);
    world_close(&world);
}

Test(restart, whole_sessions)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        restart_bob(seed, 1);
    }
}

/* Two programs with one identity: the first stays, the second is told. */
Test(restart, a_clone)
{
    kith_session_config config = world_config("x");
    kith_identity identity = {{7}};
    struct actor *bob, *clone;
    world_open(&world, 3);
    ada = world_join(&world, &config);
    config.identity = &identity;
    bob = world_join(&world, &config);
    clone = world_join(&world, &config);
    actor_listen(ada);
    actor_listen(bob);
    cr_assert_eq(actor_dial(bob, ada, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(actor_dial(clone, ada, NULL), KITH_OK);
    world_run(&world, 5000);
    cr_assert_eq(clone->count[ACTOR_DIAL_FAILED], 1);
    cr_assert_eq(clone->dial_reason, KITH_REASON_ID_IN_USE);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 0);
    cr_assert_eq(actor_dial(clone, bob, NULL), KITH_OK);
    world_run(&world, 5000);
    cr_assert_eq(clone->dial_reason, KITH_REASON_ID_IN_USE, "not SELF");
    world_close(&world);
}
