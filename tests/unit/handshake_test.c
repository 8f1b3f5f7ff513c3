/* SPDX-License-Identifier: MIT
 *
 * handshake_test.c: a session against a stranger who knows the protocol and does not keep to it,
 * from the first byte until the link is in use.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/wire.h"
#include "bounds.h"
#include "protocol/frame.h"
#include "stranger.h"
#include "vectors.h"

static struct world world;
static struct strangers strangers;
static struct stranger eve;
static struct actor *ada;

static void open_world(const kith_session_config *config)
{
    world_open(&world, 1);
    strangers_open(&strangers, &world);
    ada = world_join(&world, config);
    cr_assert_eq(kith_listen(ada->session,
                             config->security == KITH_SECURITY_NONE ? "raw://*:1" : "raws://*:1",
                             ada, &ada->listener),
                 KITH_OK);
    world_settle(&world);
}

static void open_plain(void)
{
    kith_session_config config = world_config("Ada");
    open_world(&config);
}

static void close_world(void)
{
    stranger_end(&eve);
    world_close(&world);
}

/* A new stranger who is connected; order as for stranger_make(). */
static void meet(int order)
{
    stranger_make(&eve, &strangers, ada, order);
    cr_assert(stranger_connect(&eve));
}

/* The session ended the link with that reason, and nobody connected. */
static void expect_end(kith_reason reason)
{
    kith_reason have = stranger_expect_end(&eve);
    cr_assert_eq(have, reason, "%s, not %s", kith_reason_name(have), kith_reason_name(reason));
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 0);
    stranger_end(&eve);
    cr_assert_eq(ada->session->pending_count, 0);
    actor_expect(ada, 0, 0);
}

/* ---- the whole way ----------------------------------------------------------------------------
 */

Test(handshake, as_acceptor_and_dialer_arbiter_and_follower)
{
    for (int i = 0; i < 4; i++) {
        open_plain();
        stranger_make(&eve, &strangers, ada, i % 2 ? 1 : -1);
        if (i / 2) {
            cr_assert(stranger_connect(&eve));
        } else {
            stranger_is_dialled(&eve, ada);
        }
        stranger_shake(&eve);
        actor_expect(ada, 1, 1);
        cr_assert_str_eq(kith_peer_name(ada->last->peer), "Stranger");
        cr_assert_eq(ada->count[ACTOR_DIAL_READY], i / 2 ? 0 : 1);
        close_world();
    }
}

Test(handshake, secure)
{
    kith_session_config config = world_secure_config("Ada");
    kith_peer_info info = {.size = sizeof info};
    open_world(&config);
    meet(1);
    stranger_shake(&eve);
    cr_assert_eq(kith_peer_get_info(ada->last->peer, &info), KITH_OK);
    cr_assert_eq(info.level, KITH_LEVEL_IDENTITY);
    close_world();
}

/* A stranger who knows neither name nor key learns nothing: not a byte but CLOSE. */
Test(handshake, the_acceptor_says_nothing_first)
{
    open_plain();
    meet(0);
    stranger_hear(&eve);
    cr_assert_eq(eve.heard_count, 0);
    eve.hello.session_tag[0] ^= 1;
    stranger_send_hello(&eve);
    stranger_hear(&eve);
    cr_assert_leq(eve.heard_count, 4);
    expect_end(KITH_REASON_SESSION);
    world_close(&world);
}

/* ---- HELLO ------------------------------------------------------------------------------------
 */

static kith_reason end_of_hello(size_t at, uint8_t value)
{
    kith_reason reason;
    meet(0);
    kith_hello_encode(&eve.hello, eve.hello_sent);
    eve.hello_sent[at] = value;
    stranger_frame(&eve, KITH_FRAME_HELLO, eve.hello_sent, KITH_HELLO_BYTES);
    reason = stranger_expect_end(&eve);
    cr_assert_leq(eve.heard_count, 4);
    stranger_end(&eve);
    return reason;
}

Test(handshake, hello_with_one_wrong_byte)
{
    static const struct {
        size_t at;
        uint8_t value;
        kith_reason reason;
    } cases[] = {{0, 'k', KITH_REASON_PROTOCOL},  {3, 'X', KITH_REASON_PROTOCOL},
                 {4, 0, KITH_REASON_VERSION},     {4, 2, KITH_REASON_VERSION},
                 {5, 0, KITH_REASON_VERSION},     {6, 1, KITH_REASON_ROLE},
                 {6, 2, KITH_REASON_ROLE},        {6, 3, KITH_REASON_PROTOCOL},
                 {7, 1, KITH_REASON_AUTH},        {7, 5, KITH_REASON_AUTH},
                 {7, 6, KITH_REASON_PROTOCOL},    {8, 5, KITH_REASON_PROTOCOL},
                 {10, 0, KITH_REASON_PROTOCOL},   {10, 4, KITH_REASON_PROTOCOL},
                 {11, 1, KITH_REASON_PROTOCOL},   {87, 0x55, KITH_REASON_SESSION},
                 {90, 0x55, KITH_REASON_SESSION}, {104, 1, KITH_REASON_AUTH},
                 {120, 1, KITH_REASON_PROTOCOL},  {135, 1, KITH_REASON_PROTOCOL}};
    open_plain();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kith_reason reason = end_of_hello(cases[i].at, cases[i].value);
        cr_assert_eq(reason, cases[i].reason, "byte %zu = %u: %s, not %s", cases[i].at,
                     cases[i].value, kith_reason_name(reason), kith_reason_name(cases[i].reason));
    }
    world_close(&world);
}

Test(handshake, hello_of_a_wider_version_range_is_taken)
{
    open_plain();
    meet(1);
    eve.hello.version_max = 9;
    stranger_shake(&eve);
    actor_expect(ada, 1, 1);
    close_world();
}

Test(handshake, hello_with_a_refused_key)
{
    open_plain();
    for (size_t i = 0; i < sizeof vector_refused_keys / sizeof vector_refused_keys[0]; i++) {
        meet(0);
        memcpy(eve.hello.key, vector_refused_keys[i], sizeof eve.hello.key);
        stranger_send_hello(&eve);
        expect_end(KITH_REASON_PROTOCOL);
    }
    world_close(&world);
}

Test(handshake, hello_with_our_own_key)
{
    open_plain();
    meet(0);
    memcpy(eve.hello.key, ada->session->key, sizeof eve.hello.key);
    stranger_send_hello(&eve);
    expect_end(KITH_REASON_ID_IN_USE);
    meet(0);
    memcpy(eve.hello.key, ada->session->key, sizeof eve.hello.key);
    memcpy(eve.hello.incarnation, ada->session->incarnation, sizeof eve.hello.incarnation);
    stranger_send_hello(&eve);
    expect_end(KITH_REASON_SELF);
    world_close(&world);
}

/* Sends the session's own HELLO and AUTH back to it. */
Test(handshake, reflected)
{
    const uint8_t *body;
    size_t length;
    open_plain();
    stranger_make(&eve, &strangers, ada, 0);
    stranger_is_dialled(&eve, ada);
    cr_assert(stranger_find(&eve, KITH_FRAME_HELLO, &body, &length));
    stranger_frame(&eve, KITH_FRAME_HELLO, body, length);
    expect_end(KITH_REASON_SELF);
    world_close(&world);
}

Test(handshake, the_wanted_peer_and_nobody_else)
{
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    kith_id want;
    open_plain();
    for (int i = 0; i < 2; i++) {
        stranger_make(&eve, &strangers, ada, 0);
        cr_assert_eq(kith_id_of_key(&kith_default_crypto, eve.hello.key, &want), KITH_OK);
        want.bytes[0] ^= (uint8_t)i;
        options.want = &want;
        strangers.next = &eve;
        cr_assert_eq(actor_dial_url(ada, "raw://there:1", &options), KITH_OK);
        world_settle(&world);
        if (i == 0) {
            stranger_shake(&eve);
            actor_expect(ada, 1, 1);
            stranger_end(&eve);
            ada->count[ACTOR_CONNECTED] = ada->count[ACTOR_DEPARTED] = 0;
        } else {
            stranger_take_hello(&eve);
            stranger_send_hello(&eve);
            /* Not even AUTH for one who is not wanted. */
            expect_end(KITH_REASON_AUTH);
            cr_assert_eq(ada->dial_reason, KITH_REASON_AUTH);
        }
    }
    world_close(&world);
}

/* CLOSE DUPLICATE says "we are connected already". From one who only claims to be a peer of ours,
 * that is no proof of having met it. */
Test(handshake, a_claimed_duplicate_is_no_peer)
{
    static struct stranger mallory;
    uint8_t body[KITH_CLOSE_BODY_BYTES_MAX];
    open_plain();
    stranger_make(&eve, &strangers, ada, 0);
    strangers.next = &eve;
    cr_assert_eq(actor_dial_url(ada, "raw://there:1", NULL), KITH_OK);
    world_settle(&world);
    stranger_shake(&eve);
    cr_assert_eq(ada->count[ACTOR_DIAL_READY], 1);
    stranger_make(&mallory, &strangers, ada, 0);
    mallory.hello = eve.hello; /* the key is public */
    strangers.next = &mallory;
    cr_assert_eq(actor_dial_url(ada, "raw://there:2", NULL), KITH_OK);
    world_settle(&world);
    stranger_take_hello(&mallory);
    stranger_send_hello(&mallory);
    stranger_frame(&mallory, KITH_FRAME_CLOSE, body,
                   kith_close_encode(KITH_REASON_DUPLICATE, "", body));
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_DIAL_READY], 1);
    cr_assert_eq(ada->count[ACTOR_DIAL_WAITING], 1);
    actor_expect(ada, 1, 1);
    cr_assert_eq(kith_dial_cancel(ada->dial), KITH_OK);
    stranger_end(&mallory);
    stranger_end(&eve);
    world_close(&world);
}

/* ---- order of frames --------------------------------------------------------------------------
 */

enum { NOT_CLOSED = -1 };

/* What a session says to a frame of some type in a state: each may be long enough to be possible.
 */
static int answer_to(uint64_t type)
{
    uint8_t body[256] = {0};
    size_t length = 0;
    while (!kith_frame_length_ok(type, length) && length < sizeof body) {
        length++;
    }
    stranger_frame(&eve, type, body, kith_frame_known(type) ? length : 5);
    return eve.was_closed ? (int)stranger_expect_end(&eve) : NOT_CLOSED;
}

static const uint64_t every_type[] = {0x00, 0x01, 0x02, 0x04, 0x06, 0x08, 0x0a, 0x0c, 0x0e,  0x10,
                                      0x12, 0x14, 0x16, 0x1a, 0x1c, 0x1f, 0x40, 0x41, 0x3fff};

Test(handshake, before_hello_only_hello_and_close)
{
    open_plain();
    for (size_t i = 0; i < sizeof every_type / sizeof every_type[0]; i++) {
        meet(0);
        cr_assert_eq(answer_to(every_type[i]), KITH_REASON_PROTOCOL, "0x%x",
                     (unsigned)every_type[i]);
        stranger_end(&eve);
    }
    meet(0);
    stranger_frame(&eve, KITH_FRAME_CLOSE, "\x01", 1);
    expect_end(KITH_REASON_NONE);
    world_close(&world);
}

Test(handshake, before_auth_only_auth_and_close)
{
    open_plain();
    for (size_t i = 0; i < sizeof every_type / sizeof every_type[0]; i++) {
        int answer;
        meet(0);
        stranger_send_hello(&eve);
        answer = answer_to(every_type[i]);
        cr_assert_eq(answer, every_type[i] == 0x04 ? KITH_REASON_AUTH : KITH_REASON_PROTOCOL,
                     "0x%x: %d", (unsigned)every_type[i], answer);
        stranger_end(&eve);
    }
    meet(0);
    stranger_send_hello(&eve);
    stranger_frame(&eve, KITH_FRAME_CLOSE, "\x01", 1);
    expect_end(KITH_REASON_NONE);
    world_close(&world);
}

Test(handshake, after_auth_everything_but_hello_and_auth)
{
    open_plain();
    for (size_t i = 0; i < sizeof every_type / sizeof every_type[0]; i++) {
        uint64_t type = every_type[i];
        int answer, skipped = type % 2 == 1, ignored;
        meet(-1);
        stranger_authenticate(&eve);
        answer = answer_to(type);
        /* Lane frames on a link that is not in use are dropped; a PING has its PONG; PONGs are
         * only counted. */
        ignored = type == 0x10 || type == 0x12 || type == 0x1a || type == 0x1c;
        cr_assert_eq(answer, skipped || ignored ? NOT_CLOSED : KITH_REASON_PROTOCOL, "0x%x: %d",
                     (unsigned)type, answer);
        stranger_end(&eve);
    }
    world_close(&world);
}

/* ---- AUTH -------------------------------------------------------------------------------------
 */

Test(handshake, auth_of_another)
{
    open_plain();
    meet(0);
    stranger_send_hello(&eve);
    stranger_take_hello(&eve);
    eve.seed[0] ^= 1; /* signs with a key that is not the one in HELLO */
    stranger_send_auth(&eve);
    expect_end(KITH_REASON_AUTH);
    cr_assert_eq(ada->session->stats.refused_auth, 1);
    world_close(&world);
}

Test(handshake, auth_as_the_other_side)
{
    open_plain();
    meet(0);
    stranger_send_hello(&eve);
    stranger_take_hello(&eve);
    eve.dials = 0; /* the acceptor's label, and the HELLOs in the other order */
    stranger_send_auth(&eve);
    expect_end(KITH_REASON_AUTH);
    world_close(&world);
}

Test(handshake, auth_without_the_binding_that_is_there)
{
    kith_session_config config = world_secure_config("Ada");
    open_world(&config);
    meet(0);
    stranger_send_hello(&eve);
    stranger_take_hello(&eve);
    eve.auth.binding_type = KITH_BINDING_NONE;
    stranger_send_auth(&eve);
    expect_end(KITH_REASON_AUTH);
    world_close(&world);
}

Test(handshake, auth_with_a_binding_where_there_is_none)
{
    open_plain();
    meet(0);
    stranger_send_hello(&eve);
    stranger_take_hello(&eve);
    eve.auth.binding_type = KITH_BINDING_EXPORTER;
    stranger_send_auth(&eve);
    expect_end(KITH_REASON_AUTH);
    world_close(&world);
}

Test(handshake, a_channel_without_exporter_is_no_identity)
{
    kith_session_config config = world_secure_config("Ada");
    open_world(&config);
    strangers.exporter = KITH_ERR_UNSUPPORTED;
    meet(0);
    expect_end(KITH_REASON_AUTH);
    strangers.exporter = KITH_ERR_CRYPTO;
    meet(0);
    expect_end(KITH_REASON_AUTH);
    strangers.exporter = KITH_OK;
    strangers.channel = KITH_CHANNEL_TLS12_PSK;
    meet(0);
    expect_end(KITH_REASON_AUTH);
    world_close(&world);
}

Test(handshake, a_plain_channel_in_a_secure_session)
{
    kith_session_config config = world_secure_config("Ada");
    config.min_level = KITH_LEVEL_NONE; /* even then */
    open_world(&config);
    strangers.channel = KITH_CHANNEL_PLAIN;
    meet(0);
    (void)stranger_expect_end(&eve);
    cr_assert_eq(eve.hello.channel, KITH_CHANNEL_PLAIN);
    stranger_end(&eve);
    world_close(&world);
}

/* ---- a weaker channel than both could have ------------------------------------------------
 */

static void open_for_group(void)
{
    kith_session_config config = world_secure_config("Ada");
    config.min_level = KITH_LEVEL_GROUP;
    open_world(&config);
    strangers.channel = KITH_CHANNEL_TLS12_PSK;
}

/* A stranger comes, or is dialled, and could do that. */
static void meet_one_with(int is_dialled, const kith_dial_options *options, enum kith_channel best)
{
    stranger_make(&eve, &strangers, ada, 1);
    if (is_dialled) {
        eve.dials = 0;
        eve.hello.channel = (uint8_t)strangers.channel;
        strangers.next = &eve;
        cr_assert_eq(actor_dial_url(ada, "raws://there:1", options), KITH_OK, "%s", kith_detail());
        world_settle(&world);
    } else {
        cr_assert(stranger_connect(&eve));
    }
    eve.hello.channel_best = (uint8_t)best;
}

/* One who has nothing better is taken, at the level that the channel proves. */
Test(handshake, tls12_with_one_who_has_nothing_better)
{
    kith_peer_info info = {.size = sizeof info};
    for (int i = 0; i < 2; i++) {
        open_for_group();
        meet_one_with(i, NULL, KITH_CHANNEL_TLS12_PSK);
        stranger_shake(&eve);
        cr_assert_eq(kith_peer_get_info(ada->last->peer, &info), KITH_OK);
        cr_assert_eq(info.level, KITH_LEVEL_GROUP);
        close_world();
    }
}

/* Both have TLS 1.3, and yet this is 1.2: somebody with the key sits in between. */
Test(handshake, downgraded)
{
    for (int i = 0; i < 2; i++) {
        open_for_group();
        meet_one_with(i, NULL, KITH_CHANNEL_TLS13_PSK);
        if (i == 1) {
            stranger_take_hello(&eve);
            cr_assert_eq(eve.their_hello.channel_best, KITH_CHANNEL_TLS13_PSK);
        }
        stranger_send_hello(&eve);
        expect_end(KITH_REASON_AUTH);
        world_close(&world);
    }
}

/* The one in between hides what the other side can: then AUTH does not fit what was sent. */
Test(handshake, downgraded_and_hidden)
{
    open_for_group();
    meet(1);
    eve.hello.channel_best = KITH_CHANNEL_TLS12_PSK;
    stranger_send_hello(&eve);
    stranger_take_hello(&eve);
    eve.hello.channel_best = KITH_CHANNEL_TLS13_PSK; /* what she signs */
    kith_hello_encode(&eve.hello, eve.hello_sent);
    eve.auth.binding_type = KITH_BINDING_EXPORTER;
    stranger_send_auth(&eve);
    expect_end(KITH_REASON_AUTH);
    world_close(&world);
}

/* A session that says it has only TLS 1.2 for this dial is not downgraded by it. */
Test(handshake, tls12_by_choice)
{
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    options.tls12 = KITH_TLS12_PSK_ONLY;
    open_for_group();
    meet_one_with(1, &options, KITH_CHANNEL_TLS13_PSK);
    stranger_shake(&eve);
    cr_assert_eq(eve.their_hello.channel_best, KITH_CHANNEL_TLS12_PSK);
    actor_expect(ada, 1, 1);
    close_world();
}

/* ---- INFO and adoption ------------------------------------------------------------------------
 */

Test(handshake, a_second_info)
{
    open_plain();
    meet(1);
    stranger_shake(&eve);
    stranger_send_info(&eve);
    cr_assert_eq(stranger_expect_end(&eve), KITH_REASON_PROTOCOL);
    cr_assert_eq(ada->last->reason, KITH_REASON_PROTOCOL);
    close_world();
}

Test(handshake, names_that_are_none)
{
    static const char *const bodies[] = {"\x01\n", "\x02\xc3(", "\x02\xc2\x85", "\x05half",
                                         "\x00x"};
    open_plain();
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        meet(0);
        stranger_send_hello(&eve);
        stranger_take_hello(&eve);
        stranger_send_auth(&eve);
        stranger_frame(&eve, KITH_FRAME_INFO, bodies[i], i == 4 ? 2 : strlen(bodies[i]));
        expect_end(KITH_REASON_PROTOCOL);
    }
    world_close(&world);
}

static void send_adopt(uint64_t type, const struct kith_adopt *adopt)
{
    uint8_t out[KITH_ADOPT_BYTES_MAX];
    stranger_frame(&eve, type, out, kith_adopt_encode(adopt, type == KITH_FRAME_ADOPT, out));
}

static const struct kith_adopt good_adopt = {5, 5, 1, 8, 1, {{0, 0, 0, 1000}}};

Test(handshake, adopt_from_the_follower)
{
    open_plain();
    meet(-1);
    stranger_authenticate(&eve);
    send_adopt(KITH_FRAME_ADOPT, &good_adopt);
    expect_end(KITH_REASON_PROTOCOL);
    world_close(&world);
}

Test(handshake, adopted_from_the_arbiter)
{
    open_plain();
    meet(1);
    stranger_authenticate(&eve);
    send_adopt(KITH_FRAME_ADOPTED, &good_adopt);
    expect_end(KITH_REASON_PROTOCOL);
    world_close(&world);
}

/* It resumes what this side does not have: the answer says so, and a fresh one follows. */
Test(handshake, adopt_of_an_association_that_is_forgotten)
{
    struct kith_adopt adopt = good_adopt;
    const uint8_t *body;
    size_t length;
    uint64_t since;
    open_plain();
    meet(1);
    stranger_authenticate(&eve);
    adopt.fresh = 0;
    send_adopt(KITH_FRAME_ADOPT, &adopt);
    cr_assert(stranger_find(&eve, KITH_FRAME_FORGOTTEN, &body, &length));
    cr_assert(kith_forgotten_decode(body, length, &since));
    cr_assert_eq(since, adopt.since);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 0);
    adopt.fresh = 1;
    adopt.generation = adopt.since = 6;
    send_adopt(KITH_FRAME_ADOPT, &adopt);
    cr_assert(stranger_find(&eve, KITH_FRAME_ADOPTED, &body, &length));
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
    close_world();
}

/* Who ends an association closes the links to that key that are still in their handshake, too: on
 * one of them an ADOPT may be on its way that began the very association that ended. */
Test(handshake, a_late_adopt_of_an_association_that_ended)
{
    static struct stranger again;
    open_plain();
    meet(1);
    stranger_send_hello(&eve); /* and Ada waits for AUTH */
    stranger_make(&again, &strangers, ada, 0);
    again.hello = eve.hello;
    memcpy(again.seed, eve.seed, sizeof again.seed);
    cr_assert(stranger_connect(&again));
    stranger_shake(&again);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(kith_peer_disconnect(ada->last->peer, NULL), KITH_OK);
    world_settle(&world);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    cr_assert_eq(stranger_expect_end(&again), KITH_REASON_KICKED);
    cr_assert_eq(stranger_expect_end(&eve), KITH_REASON_TIMEOUT); /* this link alone */
    stranger_end(&again);
    close_world();
}

/* A link that breaks between ADOPT and ADOPTED: the follower may have obeyed, so the association
 * goes on over the next link, and its application hears of nothing. */
Test(handshake, the_first_link_breaks_before_adopted)
{
    kith_session_config config = world_config("Ada");
    struct kith_adopt first, second;
    static struct stranger again;
    const uint8_t *body;
    size_t length;
    config.resume_window_ms = 0; /* the default */
    open_world(&config);
    meet(-1);
    eve.auth.resume_window_ms = 1000;
    stranger_authenticate(&eve);
    cr_assert(stranger_find(&eve, KITH_FRAME_ADOPT, &body, &length));
    cr_assert(kith_adopt_decode(body, length, 1, &first));
    stranger_hang_up(&eve, KITH_REASON_LOST);
    world_run(&world, 1000);
    stranger_make(&again, &strangers, ada, 0);
    again.hello = eve.hello;
    again.auth.resume_window_ms = 1000;
    memcpy(again.seed, eve.seed, sizeof again.seed);
    cr_assert(stranger_connect(&again));
    stranger_authenticate(&again);
    cr_assert(stranger_find(&again, KITH_FRAME_ADOPT, &body, &length));
    cr_assert(kith_adopt_decode(body, length, 1, &second));
    cr_assert_eq(second.since, first.since);
    cr_assert_eq(second.generation, first.generation + 1);
    cr_assert_eq(second.fresh, 1);
    stranger_hang_up(&again, KITH_REASON_LOST);
    cr_assert_eq(ada->session->peer_count, 1);
    world_run(&world, KITH_RESUME_WINDOW_MS_DEFAULT + 1);
    cr_assert_eq(ada->session->peer_count, 0); /* without a word */
    cr_assert_eq(ada->count[ACTOR_CONNECTED] + ada->count[ACTOR_DEPARTED], 0);
    stranger_end(&again);
    close_world();
}

Test(handshake, adopt_that_claims_bytes)
{
    struct kith_adopt adopt = good_adopt;
    open_plain();
    meet(1);
    stranger_authenticate(&eve);
    adopt.lanes[0].received = 1;
    send_adopt(KITH_FRAME_ADOPT, &adopt);
    expect_end(KITH_REASON_PROTOCOL);
    world_close(&world);
}

Test(handshake, adopted_that_claims_bytes)
{
    const uint8_t *body;
    struct kith_adopt adopt;
    size_t length;
    open_plain();
    meet(-1);
    stranger_authenticate(&eve);
    cr_assert(stranger_find(&eve, KITH_FRAME_ADOPT, &body, &length));
    cr_assert(kith_adopt_decode(body, length, 1, &adopt));
    adopt.lanes[0].received = 1;
    send_adopt(KITH_FRAME_ADOPTED, &adopt);
    expect_end(KITH_REASON_PROTOCOL);
    world_close(&world);
}

Test(handshake, adopted_of_another_generation_is_ignored)
{
    struct kith_adopt adopt = good_adopt;
    open_plain();
    meet(-1);
    stranger_authenticate(&eve);
    adopt.generation = 99;
    send_adopt(KITH_FRAME_ADOPTED, &adopt);
    cr_assert(!eve.was_closed);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 0);
    close_world();
}

Test(handshake, a_second_adopt)
{
    struct kith_adopt adopt = good_adopt;
    open_plain();
    meet(1);
    stranger_authenticate(&eve);
    send_adopt(KITH_FRAME_ADOPT, &adopt);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
    send_adopt(KITH_FRAME_ADOPT, &adopt); /* not above: ignored */
    adopt.generation = 4;
    adopt.since = 4;
    send_adopt(KITH_FRAME_ADOPT, &adopt);
    cr_assert(!eve.was_closed);
    adopt.generation = 6;
    adopt.since = 5; /* the association it is in already */
    send_adopt(KITH_FRAME_ADOPT, &adopt);
    cr_assert_eq(stranger_expect_end(&eve), KITH_REASON_PROTOCOL);
    close_world();
}

/* The same identity, over a link of its own. */
static void twin_of_eve(struct stranger *twin)
{
    *twin = eve;
    twin->heard = NULL;
    twin->heard_count = twin->heard_room = twin->read_count = 0;
}

/* The arbiter gave up an association, and begins another on a new link. */
Test(handshake, a_fresh_adopt_over_an_association)
{
    struct kith_adopt adopt = good_adopt;
    uint8_t out[KITH_ADOPT_BYTES_MAX];
    struct stranger twin;
    const uint8_t *body;
    size_t length;
    open_plain();
    meet(1);
    stranger_authenticate(&eve);
    send_adopt(KITH_FRAME_ADOPT, &adopt);
    cr_assert(stranger_find(&eve, KITH_FRAME_ADOPTED, &body, &length));
    stranger_data(&eve, 0, 0, "\x01\x00", 2);
    cr_assert_eq(actor_say(ada, ada->last, 0, 5, 1), KITH_OK);
    twin_of_eve(&twin);
    cr_assert(stranger_connect(&twin));
    stranger_authenticate(&twin);
    adopt.generation = adopt.since = 6;
    stranger_frame(&twin, KITH_FRAME_ADOPT, out, kith_adopt_encode(&adopt, 1, out));
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    cr_assert_eq(ada->friends[0].reason, KITH_REASON_TIMEOUT);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 2);
    cr_assert_eq(stranger_expect_end(&eve), KITH_REASON_TIMEOUT);
    cr_assert(stranger_find(&twin, KITH_FRAME_ADOPTED, &body, &length));
    stranger_data(&twin, 0, 0, "\x01\x00", 2); /* from zero again */
    cr_assert_eq(ada->count[ACTOR_MESSAGE], 2);
    actor_expect(ada, 1, 1);
    stranger_end(&twin);
    close_world();
}

/* Not on the link of the old one: bytes of both would mix. */
Test(handshake, a_second_association_on_one_link)
{
    struct kith_adopt adopt = good_adopt;
    open_plain();
    meet(1);
    stranger_authenticate(&eve);
    send_adopt(KITH_FRAME_ADOPT, &adopt);
    adopt.generation = adopt.since = 6;
    send_adopt(KITH_FRAME_ADOPT, &adopt);
    cr_assert_eq(stranger_expect_end(&eve), KITH_REASON_PROTOCOL);
    close_world();
}
