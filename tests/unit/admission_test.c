/* SPDX-License-Identifier: MIT
 *
 * admission_test.c: who may come in: what on_invitation is asked and what its answer does, and
 * bans.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bounds.h"
#include "world.h"

static struct world world;
static struct actor *ada, *bob;
static kith_ask *open_ask;
static unsigned asked, over;
static kith_reason over_reason;
static int answer_at_once; /* 1 yes, 2 no */
static char context[64];
static kith_id asked_about;

static void on_invitation(kith_session *session, const kith_invitation *invitation, void *user)
{
    (void)session;
    (void)user;
    asked++;
    open_ask = invitation->ask;
    asked_about = invitation->id;
    cr_assert_str_eq(invitation->name, "Bob");
    cr_assert_lt(invitation->context_bytes, sizeof context);
    memset(context, 0, sizeof context);
    if (invitation->context_bytes > 0) {
        memcpy(context, invitation->context, invitation->context_bytes);
    }
    cr_assert_eq(invitation->timeout_ms, KITH_ASK_MS_DEFAULT);
    if (answer_at_once != 0) {
        cr_assert_eq(kith_ask_answer(open_ask, answer_at_once == 1, "not now"), KITH_OK);
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

static void open_pair(uint64_t seed)
{
    kith_session_config config = world_config("Ada");
    config.resume_window_ms = 0;
    world_open(&world, seed);
    world.hub.seed = seed;
    ada = world_join(&world, &config);
    config.display_name = "Bob";
    bob = world_join(&world, &config);
    ada->session->callbacks.on_invitation = on_invitation;
    ada->session->callbacks.on_ask_over = on_ask_over;
    actor_listen(ada);
    actor_listen(bob);
    open_ask = NULL;
    asked = over = 0;
    answer_at_once = 0;
}

static void close_world(void)
{
    world_close(&world);
    cr_assert_eq(asked, over);
}

static void dial_with(const char *text)
{
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    options.context = text;
    options.context_bytes = text != NULL ? strlen(text) : 0;
    cr_assert_eq(actor_dial(bob, ada, &options), KITH_OK, "%s", kith_detail());
    world_run(&world, 500);
}

/* Both orders of ids: the one who is asked is the arbiter, or the follower. */
#define FOR_BOTH(seed) for (uint64_t seed = 1; seed <= 6; seed++)

Test(admission, yes)
{
    FOR_BOTH(seed)
    {
        open_pair(seed);
        dial_with("let me in");
        cr_assert_eq(asked, 1);
        cr_assert_str_eq(context, "let me in");
        cr_assert(kith_id_equal(&asked_about, &bob->session->id));
        cr_assert_eq(ada->count[ACTOR_CONNECTED] + bob->count[ACTOR_CONNECTED], 0);
        world_run(&world, 45000); /* longer than a handshake may take */
        cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 0);
        cr_assert_eq(kith_ask_answer(open_ask, 1, NULL), KITH_OK);
        world_settle(&world);
        cr_assert_eq(over_reason, KITH_REASON_NONE);
        cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
        cr_assert_eq(bob->count[ACTOR_DIAL_READY], 1);
        /* Who comes back within the window is not asked about again. */
        cr_assert_eq(actor_say(bob, bob->last, 0, 500, 1), KITH_OK);
        kith_memory_hub_cut(&world.hub);
        world_run(&world, 3000);
        cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], 1);
        cr_assert_eq(asked, 1);
        close_world();
    }
}

Test(admission, at_once)
{
    FOR_BOTH(seed)
    {
        open_pair(seed);
        answer_at_once = 1;
        dial_with(NULL);
        cr_assert_eq(context[0], '\0');
        cr_assert_eq(bob->count[ACTOR_DIAL_READY], 1);
        close_world();
    }
}

Test(admission, no)
{
    FOR_BOTH(seed)
    {
        open_pair(seed);
        answer_at_once = 2;
        dial_with("x");
        cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
        cr_assert_eq(bob->dial_reason, KITH_REASON_REJECTED);
        cr_assert_str_eq(bob->dial_detail, "not now");
        cr_assert_eq(ada->count[ACTOR_CONNECTED] + bob->count[ACTOR_CONNECTED], 0);
        cr_assert_eq(over_reason, KITH_REASON_NONE);
        close_world();
    }
}

Test(admission, nobody_answers)
{
    FOR_BOTH(seed)
    {
        open_pair(seed);
        dial_with("x");
        world_run(&world, KITH_ASK_MS_DEFAULT);
        cr_assert_eq(over_reason, KITH_REASON_TIMEOUT);
        cr_assert_eq(bob->dial_reason, KITH_REASON_REJECTED);
        close_world();
    }
}

Test(admission, the_link_ends_first)
{
    FOR_BOTH(seed)
    {
        open_pair(seed);
        dial_with("x");
        cr_assert_not_null(open_ask);
        cr_assert_eq(kith_dial_cancel(bob->dial), KITH_OK);
        world_run(&world, 100);
        cr_assert_null(open_ask);
        cr_assert_neq(over_reason, KITH_REASON_NONE);
        cr_assert_eq(ada->count[ACTOR_CONNECTED], 0);
        close_world();
    }
}

/* More links of one who is waiting are not asked about, and the answer holds for them too. */
Test(admission, once_for_each_participant)
{
    FOR_BOTH(seed)
    {
        open_pair(seed);
        dial_with("first");
        dial_with("second");
        cr_assert_eq(asked, 1);
        cr_assert_eq(kith_ask_answer(open_ask, 1, NULL), KITH_OK);
        world_run(&world, 2000);
        cr_assert_eq(bob->count[ACTOR_DIAL_READY], 2);
        cr_assert_eq(bob->count[ACTOR_CONNECTED], 1);
        actor_expect(ada, 1, 1);
        actor_expect(bob, 1, 1);
        close_world();
    }
}

/* The application here dials the one it is asked about: that is an answer. */
Test(admission, dialled_meanwhile)
{
    FOR_BOTH(seed)
    {
        open_pair(seed);
        dial_with("x");
        cr_assert_not_null(open_ask);
        cr_assert_eq(actor_dial(ada, bob, NULL), KITH_OK);
        world_run(&world, 2000);
        cr_assert_null(open_ask);
        cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
        cr_assert_eq(bob->count[ACTOR_DIAL_READY], 1);
        actor_expect(ada, 1, 1);
        actor_expect(bob, 1, 1);
        close_world();
    }
}

Test(admission, what_one_dials_is_not_asked_about)
{
    open_pair(1);
    cr_assert_eq(actor_dial(ada, bob, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(asked, 0);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
    close_world();
}

Test(admission, closing_with_a_question_open)
{
    open_pair(1);
    dial_with("x");
    cr_assert_eq(kith_session_close(ada->session, 0), KITH_OK);
    world_settle(&world);
    cr_assert_null(open_ask);
    close_world();
}

Test(admission, a_context_that_is_too_long)
{
    static char bytes[KITH_CONTEXT_BYTES_MAX + 1];
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    open_pair(1);
    options.context = bytes;
    options.context_bytes = sizeof bytes;
    cr_assert_eq(actor_dial(bob, ada, &options), KITH_ERR_INVALID);
    options.context = NULL;
    options.context_bytes = 1;
    cr_assert_eq(actor_dial(bob, ada, &options), KITH_ERR_INVALID);
    close_world();
}

/* ---- bans -------------------------------------------------------------------------------------
 */

Test(admission, a_banned_peer_goes_and_stays_out)
{
    FOR_BOTH(seed)
    {
        kith_ban ban = KITH_BAN_INIT;
        open_pair(seed);
        answer_at_once = 1;
        dial_with(NULL);
        ban.id = bob->session->id;
        cr_assert_eq(kith_session_ban(ada->session, &ban, "enough"), KITH_OK);
        cr_assert_eq(kith_session_ban(ada->session, &ban, NULL), KITH_ERR_EXISTS);
        world_run(&world, 100);
        cr_assert_eq(ada->last->reason, KITH_REASON_LOCAL);
        cr_assert_eq(bob->friends[0].reason, KITH_REASON_BANNED);
        cr_assert_str_eq(bob->friends[0].text, "enough");
        dial_with(NULL);
        cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
        cr_assert_eq(bob->dial_reason, KITH_REASON_BANNED);
        cr_assert_eq(kith_session_unban(ada->session, &ban), KITH_OK);
        cr_assert_eq(kith_session_unban(ada->session, &ban), KITH_ERR_NOT_FOUND);
        dial_with(NULL);
        cr_assert_eq(bob->count[ACTOR_CONNECTED], 2);
        close_world();
    }
}

Test(admission, a_ban_while_the_question_is_open)
{
    kith_ban ban = KITH_BAN_INIT;
    open_pair(1);
    dial_with("x");
    ban.id = bob->session->id;
    cr_assert_eq(kith_session_ban(ada->session, &ban, NULL), KITH_OK);
    world_run(&world, 100);
    cr_assert_null(open_ask);
    cr_assert_eq(bob->dial_reason, KITH_REASON_BANNED);
    close_world();
}

Test(admission, bans_that_make_no_sense)
{
    kith_ban ban = KITH_BAN_INIT;
    open_pair(1);
    cr_assert_eq(kith_session_ban(ada->session, NULL, NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_session_ban(NULL, &ban, NULL), KITH_ERR_INVALID);
    ban.kind = (kith_ban_kind)9;
    cr_assert_eq(kith_session_ban(ada->session, &ban, NULL), KITH_ERR_INVALID);
    ban.kind = KITH_BAN_KEY;
    cr_assert_eq(kith_session_ban(ada->session, &ban, NULL), KITH_ERR_INVALID);
    ban.kind = KITH_BAN_CERTIFICATE;
    cr_assert_eq(kith_session_ban(ada->session, &ban, NULL), KITH_ERR_INVALID);
    ban.kind = KITH_BAN_ID;
    for (int i = 0; i < KITH_BANS_MAX; i++) {
        ban.id.bytes[0] = (uint8_t)i;
        ban.id.bytes[1] = (uint8_t)(i >> 8);
        cr_assert_eq(kith_session_ban(ada->session, &ban, NULL), KITH_OK);
    }
    ban.id.bytes[2] = 1;
    cr_assert_eq(kith_session_ban(ada->session, &ban, NULL), KITH_ERR_LIMIT);
    close_world();
}
