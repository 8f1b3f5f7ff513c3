/* SPDX-License-Identifier: MIT
 *
 * tls12_wss_test.c: TLS 1.2 with a pre-shared key over real sockets: only where both sides said so
 * by name, never more than GROUP, and never where both have better.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "party.h"
#include "session/session.h"
#include "transports/tls/tls.h"

static kith_loop *loop;
static struct party ada, bob;

static void open_group(struct party *party, const char *name)
{
    party_open(party, loop, name, 1);
    party->session->config.min_level = KITH_LEVEL_GROUP;
}

static void listen_with(kith_tls12 tls12)
{
    kith_listen_options options = KITH_LISTEN_OPTIONS_INIT;
    options.tls12 = tls12;
    cr_assert_eq(kith_listen_open(ada.session, "wss://127.0.0.1:0", &options, NULL), KITH_OK, "%s",
                 kith_detail());
    party_until(loop, &ada.listening, 1);
}

static kith_err dial_with(kith_tls12 tls12)
{
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    options.tls12 = tls12;
    return kith_dial_open(bob.session, ada.url, &options, &bob.dial);
}

static void meet(kith_tls12 listener, kith_tls12 dialer)
{
    loop = party_loop();
    open_group(&ada, "Ada");
    open_group(&bob, "Bob");
    listen_with(listener);
    cr_assert_eq(dial_with(dialer), KITH_OK, "%s", kith_detail());
    while (bob.ready + bob.failed == 0) {
        cr_assert_eq(kith_loop_step(loop, 100), KITH_OK);
    }
}

static kith_peer_info info_of(const kith_peer *peer)
{
    kith_peer_info info = {.size = sizeof info};
    cr_assert_eq(kith_peer_get_info(peer, &info), KITH_OK);
    return info;
}

Test(tls12_wss, where_both_say_so)
{
    kith_peer_info info;
    meet(KITH_TLS12_PSK, KITH_TLS12_PSK_ONLY);
    cr_assert_eq(bob.ready, 1, "%s: %s", kith_reason_name(bob.dial_reason), bob.detail);
    party_until(loop, &ada.connected, 1);
    info = info_of(ada.peer);
    cr_assert_eq(info.tls_version, 0x0303);
    cr_assert_str_eq(info.cipher, "TLS_PSK_WITH_AES_128_GCM_SHA256");
    cr_assert_eq(info.level, KITH_LEVEL_GROUP);
    cr_assert_str_eq(info.psk_identity, "party");
    info = info_of(bob.peer);
    cr_assert_eq(info.level, KITH_LEVEL_GROUP);
    cr_assert_eq(ada.peer->conn->binding_type, KITH_BINDING_EXPORTER);
    cr_assert_arr_eq(ada.peer->conn->binding, bob.peer->conn->binding, KITH_BINDING_BYTES);
    cr_assert_eq(kith_send(ada.peer, 0, "hello", 5, NULL), KITH_OK);
    party_until(loop, &bob.messages, 1);
    party_loop_free(&loop);
}

/* The same port, and whoever has TLS 1.3 gets it. */
Test(tls12_wss, better_where_both_have_it)
{
    for (int i = 0; i < 3; i++) {
        meet(i == 2 ? KITH_TLS12_NEVER : KITH_TLS12_PSK,
             i == 0 ? KITH_TLS12_PSK : KITH_TLS12_NEVER);
        cr_assert_eq(bob.ready, 1, "%s", bob.detail);
        cr_assert_eq(info_of(bob.peer).tls_version, 0x0304);
        cr_assert_eq(info_of(bob.peer).level, KITH_LEVEL_IDENTITY);
        party_loop_free(&loop);
    }
}

Test(tls12_wss, not_where_the_listener_did_not_say_so)
{
    meet(KITH_TLS12_NEVER, KITH_TLS12_PSK_ONLY);
    cr_assert_eq(bob.failed, 1);
    cr_assert_eq(bob.dial_reason, KITH_REASON_NOT_KITH, "%s", bob.detail);
    cr_assert_not_null(strstr(bob.detail, "TLS 1.2"), "%s", bob.detail);
    cr_assert_eq(ada.connected, 0);
    party_loop_free(&loop);
}

/* A listener of the same session that did not say so does not take it either. */
Test(tls12_wss, each_listener_for_itself)
{
    meet(KITH_TLS12_PSK, KITH_TLS12_PSK_ONLY);
    cr_assert_eq(bob.ready, 1);
    party_listen(&ada, "wss://127.0.0.1:0");
    party_until(loop, &ada.listening, 2);
    cr_assert_eq(dial_with(KITH_TLS12_PSK_ONLY), KITH_OK);
    party_until(loop, &bob.failed, 1);
    cr_assert_eq(bob.dial_reason, KITH_REASON_NOT_KITH, "%s", bob.detail);
    party_loop_free(&loop);
}

/* Wrong key and unknown identity look alike from outside. */
static void expect_refused(const char *identity)
{
    kith_key key;
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    strcpy(key.identity, identity);
    loop = party_loop();
    open_group(&ada, "Ada");
    open_group(&bob, "Bob");
    cr_assert_eq(kith_session_remove_key(bob.session, "party"), KITH_OK);
    cr_assert_eq(kith_session_add_key(bob.session, &key, KITH_KEY_DIAL), KITH_OK);
    listen_with(KITH_TLS12_PSK);
    cr_assert_eq(dial_with(KITH_TLS12_PSK_ONLY), KITH_OK);
    party_until(loop, &bob.failed, 1);
    cr_assert_eq(bob.dial_reason, KITH_REASON_AUTH, "%s", bob.detail);
    cr_assert_eq(ada.connected, 0);
    cr_assert_eq(ada.session->stats.refused_auth, 1);
    party_loop_free(&loop);
}

Test(tls12_wss, another_key)
{
    static char of_the_wrong_key[sizeof bob.detail];
    expect_refused("party");
    strcpy(of_the_wrong_key, strchr(bob.detail, ' '));
    expect_refused("nobod");
    /* But for the identity, which is Bob's own. */
    cr_assert_eq(strncmp(strchr(bob.detail, ' '), of_the_wrong_key, 40), 0, "%s", bob.detail);
}

Test(tls12_wss, choices_that_do_not_fit)
{
    kith_listen_options listen = KITH_LISTEN_OPTIONS_INIT;
    loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    party_open(&bob, loop, "Bob", 0);
    listen.tls12 = KITH_TLS12_PSK;
    cr_assert_eq(kith_listen_open(ada.session, "wss://127.0.0.1:0", &listen, NULL),
                 KITH_ERR_CONFIG);
    cr_assert_not_null(strstr(kith_detail(), "min_level"), "%s", kith_detail());
    cr_assert_eq(kith_listen_open(bob.session, "ws://127.0.0.1:0", &listen, NULL), KITH_ERR_CONFIG);
    listen.tls12 = KITH_TLS12_PSK_ONLY;
    cr_assert_eq(kith_listen_open(ada.session, "wss://127.0.0.1:0", &listen, NULL),
                 KITH_ERR_INVALID);
    listen.tls12 = KITH_TLS12_NEVER;
    listen.size = 1;
    cr_assert_eq(kith_listen_open(ada.session, "wss://127.0.0.1:0", &listen, NULL),
                 KITH_ERR_INVALID);
    party_loop_free(&loop);
}

/* ---- the extended master secret ------------------------------------------------------------ */

Test(tls12_wss, server_hellos)
{
    uint8_t hello[] = {2, 0, 0,    48, 3, 3, [38] = 1, 7,  0, 0xa8, 0,
                       0, 8, 0xff, 1,  0, 0, 0,        23, 0, 0};
    cr_assert(kith__tls_hello_has_ems(hello, sizeof hello));
    for (size_t i = 0; i < sizeof hello; i++) {
        cr_assert_not(kith__tls_hello_has_ems(hello, i), "%zu", i);
    }
    hello[sizeof hello - 3] = 22; /* encrypt-then-MAC */
    cr_assert_not(kith__tls_hello_has_ems(hello, sizeof hello));
}
