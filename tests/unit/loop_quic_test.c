/* SPDX-License-Identifier: MIT
 *
 * loop_quic_test.c: sessions over QUIC in one loop, through kith.h: what they exchange, who is let
 * in, and why others are not.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "forge.h"
#include "party.h"
#include "session/session.h"

static kith_loop *loop;
static struct party ada, bob;

static void meet(void)
{
    party_open(&ada, loop, "Ada", 1);
    party_open(&bob, loop, "Bob", 1);
    party_listen(&ada, "quic://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK, "%s", kith_detail());
    party_until(loop, &ada.connected, 1);
    party_until(loop, &bob.connected, 1);
}

Test(loop_quic, two_talk)
{
    kith_peer_info info = {.size = sizeof info};
    const kith_send_options options = {.size = sizeof options, .ticket = 1};
    char *large = malloc(4 << 20);
    memset(large, 'x', 4 << 20);
    loop = party_loop();
    meet();
    cr_assert_eq(kith_peer_get_info(ada.peer, &info), KITH_OK);
    cr_assert_eq(info.level, KITH_LEVEL_IDENTITY);
    cr_assert_eq(info.tls_version, 0x0304);
    cr_assert_str_eq(info.cipher, "TLS_AES_128_GCM_SHA256");
    cr_assert_str_eq(info.psk_identity, "party");
    cr_assert_str_eq(info.transport, "quic");
    cr_assert_eq(strncmp(info.remote_address, "127.0.0.1:", 10), 0, "%s", info.remote_address);
    cr_assert_eq(kith_send(ada.peer, 0, "hello", 5, &options), KITH_OK);
    cr_assert_eq(kith_send(bob.peer, 7, large, 4 << 20, &options), KITH_OK);
    party_until(loop, &ada.fates, 1);
    party_until(loop, &bob.fates, 1);
    cr_assert_eq(ada.fate, KITH_FATE_DELIVERED);
    cr_assert_eq(bob.fate, KITH_FATE_DELIVERED);
    cr_assert_eq(ada.bytes, 4 << 20);
    cr_assert_eq(bob.bytes, 5);
    cr_assert_eq(kith_session_close(ada.session, PARTY_WAIT_MS), KITH_OK);
    party_until(loop, &bob.departed, 1);
    cr_assert_eq(bob.departed_reason, KITH_REASON_LEFT);
    party_until(loop, &ada.closed, 1);
    party_loop_free(&loop);
    free(large);
}

/* Each one waits for nothing, so one of a few may find no room. */
Test(loop_quic, datagrams)
{
    uint64_t end_ms = party_deadline_ms();
    loop = party_loop();
    meet();
    cr_assert_geq(kith_peer_datagram_max(ada.peer), 1000);
    while (bob.datagrams < 20) {
        kith_err err = kith_send_datagram(ada.peer, "now", 3, NULL);
        cr_assert(err == KITH_OK || err == KITH_ERR_AGAIN, "%s", kith_detail());
        cr_assert_lt(party_now_ms(), end_ms, "%u came", bob.datagrams);
        cr_assert_eq(kith_loop_step(loop, 1), KITH_OK);
    }
    party_loop_free(&loop);
}

/* Many more than are taken at a time. */
Test(loop_quic, datagrams_without_end)
{
    loop = party_loop();
    meet();
    party_pour(loop, &ada, 20000);
    cr_assert_gt(ada.told_of_room, 100);
    cr_assert_gt(bob.datagrams, 0);
    party_loop_free(&loop);
}

/* The exporter is not zero, the same at both ends, and another one on each link. */
Test(loop_quic, the_channel_binding)
{
    static const uint8_t zeros[KITH_BINDING_BYTES];
    uint8_t seen[3][KITH_BINDING_BYTES];
    loop = party_loop();
    for (int i = 0; i < 3; i++) {
        const struct kith_conn *here, *there;
        meet();
        here = ada.peer->conn;
        there = bob.peer->conn;
        cr_assert_eq(here->binding_type, KITH_BINDING_EXPORTER);
        cr_assert_arr_neq(here->binding, zeros, sizeof zeros);
        cr_assert_arr_eq(here->binding, there->binding, sizeof zeros);
        memcpy(seen[i], here->binding, sizeof zeros);
        for (int k = 0; k < i; k++) {
            cr_assert_arr_neq(seen[k], seen[i], sizeof zeros);
        }
        cr_assert_eq(kith_session_close(ada.session, 0), KITH_OK);
        cr_assert_eq(kith_session_close(bob.session, 0), KITH_OK);
        party_until(loop, &ada.closed, 1);
        party_until(loop, &bob.closed, 1);
    }
    party_loop_free(&loop);
}

/* ---- keys -------------------------------------------------------------------------------- */

Test(loop_quic, another_key_of_the_same_identity)
{
    kith_key key;
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    strcpy(key.identity, "party");
    party_refuse_key("quic://127.0.0.1:0", &key);
}

Test(loop_quic, an_unknown_identity)
{
    kith_key key;
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    party_refuse_key("quic://127.0.0.1:0", &key);
}

Test(loop_quic, a_session_without_security)
{
    kith_listener *listener;
    kith_dial *dial;
    loop = party_loop();
    party_open(&ada, loop, "Ada", 0);
    cr_assert_eq(kith_listen(ada.session, "quic://127.0.0.1:0", NULL, &listener), KITH_ERR_CONFIG);
    cr_assert_eq(kith_dial_open(ada.session, "quic://127.0.0.1:1", NULL, &dial), KITH_ERR_CONFIG);
    party_loop_free(&loop);
}

/* ---- certificates ------------------------------------------------------------------------ */

static struct forge_certificate root, stranger_root, ada_leaf, bob_leaf;

static void open_with(struct party *party, const char *name, int asks,
                      const struct forge_certificate *own, const struct forge_certificate *trusted)
{
    kith_certificates certificates = KITH_CERTIFICATES_INIT;
    party_open_pki(party, loop, name, asks);
    certificates.chain = own->der;
    certificates.chain_bytes = own->der_bytes;
    certificates.key = own->key;
    certificates.key_bytes = sizeof own->key;
    certificates.trusted = trusted->der;
    certificates.trusted_bytes = trusted->der_bytes;
    cr_assert_eq(kith_session_set_certificates(party->session, &certificates), KITH_OK, "%s",
                 kith_detail());
}

static void begin_pki(int bob_asks, const struct forge_certificate *bob_trusts)
{
    forge_root(&root, "Root");
    forge_root(&stranger_root, "Stranger");
    forge_leaf(&ada_leaf, "Ada", &root);
    forge_leaf(&bob_leaf, "Bob", &root);
    loop = party_loop();
    open_with(&ada, "Ada", 0, &ada_leaf, &root);
    open_with(&bob, "Bob", bob_asks, &bob_leaf, bob_trusts);
    party_listen(&ada, "quic://127.0.0.1:0");
    cr_assert_eq(ada.listening, 1, "%s", ada.detail);
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK, "%s", kith_detail());
}

Test(loop_quic, certificates_on_both_sides)
{
    kith_peer_info info = {.size = sizeof info};
    begin_pki(0, &root);
    party_until(loop, &ada.connected, 1);
    party_until(loop, &bob.connected, 1);
    cr_assert_eq(kith_peer_get_info(ada.peer, &info), KITH_OK);
    cr_assert_eq(info.level, KITH_LEVEL_IDENTITY);
    cr_assert_eq(info.chain_count, 1);
    cr_assert_arr_eq(info.chain[0].der, bob_leaf.der, bob_leaf.der_bytes);
    cr_assert_eq(kith_send(ada.peer, 0, "hello", 5, NULL), KITH_OK);
    party_until(loop, &bob.messages, 1);
    party_loop_free(&loop);
}

Test(loop_quic, a_certificate_that_nobody_vouches_for)
{
    begin_pki(0, &stranger_root);
    party_until(loop, &bob.failed, 1);
    cr_assert_eq(bob.dial_reason, KITH_REASON_UNTRUSTED, "%s", bob.detail);
    cr_assert_eq(ada.connected + bob.connected, 0);
    party_loop_free(&loop);
}

/* The handshake goes on meanwhile; the application answers when it likes. */
Test(loop_quic, a_question_about_a_certificate)
{
    begin_pki(1, &stranger_root);
    party_until(loop, &bob.asked, 1);
    cr_assert_neq(bob.doubts & KITH_DOUBT_UNTRUSTED, 0);
    cr_assert_eq(bob.connected, 0);
    cr_assert_eq(kith_ask_answer(bob.ask, 1, NULL), KITH_OK);
    party_until(loop, &bob.connected, 1);
    party_until(loop, &ada.connected, 1);
    party_loop_free(&loop);
}

/* A key on one side, certificates on the other. */
static void expect_no_common_ground(int bob_has_key)
{
    forge_root(&root, "Root");
    forge_leaf(&ada_leaf, "Ada", &root);
    loop = party_loop();
    party_open(bob_has_key ? &bob : &ada, loop, "Key", 1);
    open_with(bob_has_key ? &ada : &bob, "Certificate", 0, &ada_leaf, &root);
    party_listen(&ada, "quic://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK, "%s", kith_detail());
    party_until(loop, &bob.failed, 1);
    cr_assert(bob.dial_reason == KITH_REASON_AUTH || bob.dial_reason == KITH_REASON_UNTRUSTED,
              "%s: %s", kith_reason_name(bob.dial_reason), bob.detail);
    cr_assert_eq(ada.connected + bob.connected, 0);
    party_loop_free(&loop);
}

Test(loop_quic, a_key_where_certificates_are_expected)
{
    expect_no_common_ground(1);
}

Test(loop_quic, certificates_where_a_key_is_expected)
{
    expect_no_common_ground(0);
}
