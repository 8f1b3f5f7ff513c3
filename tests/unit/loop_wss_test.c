/* SPDX-License-Identifier: MIT
 *
 * loop_wss_test.c: sessions over real sockets and real TLS, in one loop: what TLS negotiated, the
 * channel binding, listeners and dials that cannot work, other keys.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "party.h"
#include "session/session.h"

static kith_loop *loop;
static struct party ada, bob, cyd;

/* Runs the loop until as many datagrams have come or were dropped: where the machine is busy a turn
 * may take longer than the time there is for "now". */
static void settle_datagrams(const struct party *from, const struct party *to, unsigned count)
{
    kith_peer_stats stats = {.size = sizeof stats};
    for (uint64_t end_ms = party_deadline_ms();;) {
        cr_assert_eq(kith_peer_get_stats(from->peer, &stats), KITH_OK);
        if (stats.datagrams_sent + stats.datagrams_dropped == count &&
            to->datagrams == stats.datagrams_sent) {
            return;
        }
        cr_assert_lt(party_now_ms(), end_ms, "%u of %u came", to->datagrams, count);
        cr_assert_eq(kith_loop_step(loop, 1), KITH_OK);
    }
}

/* From a callback. */
static void send_one_back(struct party *party)
{
    if (party->peer != NULL && ada.datagrams == 0 && party->datagrams > 0) {
        kith_err err = kith_send_datagram(party->peer, "back", 4, NULL);
        cr_assert(err == KITH_OK || err == KITH_ERR_AGAIN, "%s", kith_detail());
    }
}

/* An idle connection takes a datagram that will not wait, from a callback or from outside. */
Test(loop_wss, datagrams_that_will_not_wait)
{
    uint64_t end_ms = party_deadline_ms();
    loop = party_loop();
    party_pair(loop, &ada, &bob, 1);
    bob.hook = send_one_back;
    for (unsigned count = 1; bob.datagrams < 20 || ada.datagrams == 0; count++) {
        kith_err err = kith_send_datagram(ada.peer, "now", 3, NULL);
        cr_assert(err == KITH_OK || err == KITH_ERR_AGAIN, "%s", kith_detail());
        cr_assert_lt(party_now_ms(), end_ms, "%u of %u came", bob.datagrams, count);
        settle_datagrams(&ada, &bob, count);
    }
    party_loop_free(&loop);
}

/* Many more than are taken at a time, over a stream that loses none. */
Test(loop_wss, datagrams_without_end)
{
    for (int secure = 0; secure < 2; secure++) {
        kith_peer_stats stats = {.size = sizeof stats};
        loop = party_loop();
        party_pair(loop, &ada, &bob, secure);
        party_pour(loop, &ada, 20000);
        cr_assert_gt(ada.told_of_room, 100);
        cr_assert_eq(kith_peer_get_stats(ada.peer, &stats), KITH_OK);
        party_until(loop, &bob.datagrams, (unsigned)stats.datagrams_sent);
        party_pour(loop, &bob, 20000); /* a client masks */
        cr_assert_gt(bob.told_of_room, 100);
        party_loop_free(&loop);
    }
}

Test(loop_wss, two_talk)
{
    kith_peer_info info = {.size = sizeof info};
    const kith_send_options options = {.size = sizeof options, .ticket = 1};
    char *large = malloc(4 << 20);
    memset(large, 'x', 4 << 20);
    loop = party_loop();
    party_pair(loop, &ada, &bob, 1);
    cr_assert_eq(kith_peer_get_info(ada.peer, &info), KITH_OK);
    cr_assert_eq(info.level, KITH_LEVEL_IDENTITY);
    cr_assert_eq(info.tls_version, 0x0304);
    cr_assert_str_eq(info.cipher, "TLS_AES_128_GCM_SHA256");
    cr_assert_str_eq(info.psk_identity, "party");
    cr_assert_str_eq(info.transport, "wss");
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

/* The exporter is not zero, the same at both ends, and another one on each link. */
Test(loop_wss, the_channel_binding)
{
    static const uint8_t zeros[KITH_BINDING_BYTES];
    uint8_t seen[4][KITH_BINDING_BYTES];
    loop = party_loop();
    for (int i = 0; i < 4; i++) {
        const struct kith_conn *here, *there;
        party_pair(loop, &ada, &bob, 1);
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

Test(loop_wss, another_key_of_the_same_identity)
{
    kith_key key;
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    strcpy(key.identity, "party");
    party_refuse_key("wss://127.0.0.1:0", &key);
}

Test(loop_wss, an_unknown_identity)
{
    kith_key key;
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    party_refuse_key("wss://127.0.0.1:0", &key);
}

Test(loop_wss, without_a_key)
{
    loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    cr_assert_eq(kith_session_remove_key(ada.session, "party"), KITH_OK);
    cr_assert_eq(kith_listen(ada.session, "wss://127.0.0.1:0", NULL, NULL), KITH_ERR_CONFIG);
    cr_assert_eq(kith_dial_open(ada.session, "wss://127.0.0.1:1", NULL, NULL), KITH_ERR_CONFIG);
    cr_assert_not_null(strstr(kith_detail(), "key"));
    party_loop_free(&loop);
}

Test(loop_wss, plain_and_secure_do_not_mix)
{
    loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    party_open(&bob, loop, "Bob", 0);
    cr_assert_eq(kith_listen(ada.session, "ws://127.0.0.1:0", NULL, NULL), KITH_ERR_CONFIG);
    cr_assert_eq(kith_dial_open(ada.session, "ws://127.0.0.1:1", NULL, NULL), KITH_ERR_CONFIG);
    cr_assert_eq(kith_listen(bob.session, "wss://127.0.0.1:0", NULL, NULL), KITH_ERR_CONFIG);
    cr_assert_eq(kith_dial_open(bob.session, "wss://127.0.0.1:1", NULL, NULL), KITH_ERR_CONFIG);
    cr_assert_eq(kith_listen(bob.session, "mem://127.0.0.1:0", NULL, NULL), KITH_ERR_UNSUPPORTED);
    party_loop_free(&loop);
}

/* Each speaks to the other's port: refused, and not for long. */
Test(loop_wss, plain_towards_a_secure_port_and_the_reverse)
{
    char url[300];
    loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    party_open(&bob, loop, "Bob", 0);
    party_listen(&ada, "wss://127.0.0.1:0");
    party_listen(&bob, "ws://127.0.0.1:0");
    snprintf(url, sizeof url, "ws%s", strchr(ada.url, ':'));
    cr_assert_eq(party_dial(&bob, url), KITH_OK, "%s", kith_detail());
    snprintf(url, sizeof url, "wss%s", strchr(bob.url, ':'));
    cr_assert_eq(party_dial(&ada, url), KITH_OK, "%s", kith_detail());
    party_until(loop, &bob.failed, 1);
    party_until(loop, &ada.failed, 1);
    cr_assert_eq(bob.dial_reason, KITH_REASON_NOT_KITH, "%s: %s", kith_reason_name(bob.dial_reason),
                 bob.detail);
    cr_assert_eq(ada.dial_reason, KITH_REASON_NOT_KITH, "%s: %s", kith_reason_name(ada.dial_reason),
                 ada.detail);
    cr_assert_eq(ada.connected + bob.connected, 0);
    party_loop_free(&loop);
}

Test(loop_wss, an_address_that_is_taken)
{
    loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    party_open(&bob, loop, "Bob", 1);
    party_listen(&ada, "wss://127.0.0.1:0");
    party_listen(&bob, ada.url);
    cr_assert_eq(bob.listening, 0);
    cr_assert_eq(bob.listener_failed, 1);
    cr_assert_not_null(strstr(bob.detail, strrchr(ada.url, ':') + 1), "%s", bob.detail);
    party_loop_free(&loop);
}

Test(loop_wss, every_transport_there_is)
{
    loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    party_open(&bob, loop, "Bob", 1);
    party_listen(&ada, "any://127.0.0.1:0");
    cr_assert_geq(ada.listening, 1, "%s", ada.detail);
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    party_until(loop, &bob.ready, 1);
    party_loop_free(&loop);
}

/* It is refused, and tried again until we have enough of it. */
Test(loop_wss, nobody_there)
{
    loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(kith_listener_close(ada.listener), KITH_OK);
    party_until(loop, &ada.listener_closed, 1);
    cr_assert_eq(party_dial(&ada, ada.url), KITH_OK);
    for (unsigned times = 1; times <= 2; times++) {
        party_until(loop, &ada.waiting, times);
        cr_assert_eq(ada.dial_reason, KITH_REASON_REFUSED, "%s", kith_reason_name(ada.dial_reason));
    }
    cr_assert_eq(kith_dial_cancel(ada.dial), KITH_OK);
    party_until(loop, &ada.dial_closed, 1);
    cr_assert_eq(ada.failed, 0);
    party_loop_free(&loop);
}

/* Three in one loop, each connected with both others. */
Test(loop_wss, three_of_them)
{
    struct party *const all[] = {&ada, &bob, &cyd};
    loop = party_loop();
    for (int i = 0; i < 3; i++) {
        party_open(all[i], loop, "x", 1);
        party_listen(all[i], "wss://127.0.0.1:0");
    }
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(party_dial(all[i], all[(i + 1) % 3]->url), KITH_OK);
        cr_assert_eq(party_dial(all[i], all[(i + 2) % 3]->url), KITH_OK);
    }
    for (int i = 0; i < 3; i++) {
        party_until(loop, &all[i]->ready, 2);
        cr_assert_eq(all[i]->connected, 2);
    }
    for (int i = 0; i < 3; i++) {
        kith_peer *peer = NULL;
        while ((peer = kith_peer_next(all[i]->session, peer)) != NULL) {
            cr_assert_eq(kith_send(peer, 0, "x", 1, NULL), KITH_OK);
        }
    }
    for (int i = 0; i < 3; i++) {
        party_until(loop, &all[i]->messages, 2);
        cr_assert_eq(all[i]->connected, 2);
        cr_assert_eq(all[i]->departed, 0);
    }
    party_loop_free(&loop);
}

/* ---- keys that change while everybody talks ------------------------------------------------ */

static kith_key first_key, second_key;
static struct party dan;

/* Each message taken is answered by the next one: traffic without an end. */
static void go_on_talking(struct party *party)
{
    if (party->peer != NULL && party->messages > party->fates) {
        party->fates = party->messages;
        cr_assert_eq(kith_send(party->peer, 0, "and you?", 8, NULL), KITH_OK);
    }
}

static void open_with(struct party *party, const char *name, const kith_key *key)
{
    party_open(party, loop, name, 1);
    cr_assert_eq(kith_session_remove_key(party->session, "party"), KITH_OK);
    cr_assert_eq(kith_session_add_key(party->session, key, KITH_KEY_DIAL), KITH_OK);
    party->hook = go_on_talking;
}

/* Joins Ada, who has no hook of her own but answers everyone from on_message. */
static void join_ada(struct party *party)
{
    unsigned connected = ada.connected;
    cr_assert_eq(party_dial(party, ada.url), KITH_OK, "%s", kith_detail());
    party_until(loop, &ada.connected, connected + 1);
    party_until(loop, &party->ready, 1);
    cr_assert_eq(kith_send(ada.peer, 0, "hello", 5, NULL), KITH_OK);
}

static void open_ada(void)
{
    cr_assert_eq(kith_key_generate(&first_key), KITH_OK);
    cr_assert_eq(kith_key_generate(&second_key), KITH_OK);
    loop = party_loop();
    open_with(&ada, "Ada", &first_key);
    ada.hook = NULL;
    party_listen(&ada, "wss://127.0.0.1:0");
}

/* Ada says so much to everybody, and everybody has it. */
static void talk_on(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        unsigned before = ada.messages;
        size_t reached = 0;
        cr_assert_eq(kith_broadcast(ada.session, 0, "news", 4, NULL, NULL, &reached), KITH_OK);
        party_until(loop, &ada.messages, before + (unsigned)reached);
    }
}

Test(loop_wss, keys_rotate_under_traffic)
{
    kith_peer_info info = {.size = sizeof info};
    open_ada();
    open_with(&bob, "Bob", &first_key);
    open_with(&cyd, "Cyd", &first_key);
    join_ada(&bob);
    join_ada(&cyd);
    talk_on(20);
    cr_assert_eq(kith_session_add_key(ada.session, &second_key, KITH_KEY_DIAL), KITH_OK);
    open_with(&dan, "Dan", &second_key);
    join_ada(&dan);
    cr_assert_eq(kith_peer_get_info(ada.peer, &info), KITH_OK);
    cr_assert_str_eq(info.psk_identity, second_key.identity);
    talk_on(20);
    /* The old key goes: those who are here stay, others do not get in. */
    cr_assert_eq(kith_session_remove_key(ada.session, first_key.identity), KITH_OK);
    talk_on(20);
    cr_assert_eq(ada.connected, 3);
    cr_assert_eq(ada.departed, 0);
    cr_assert_eq(kith_session_close(cyd.session, 0), KITH_OK);
    party_until(loop, &ada.departed, 1);
    party_until(loop, &cyd.closed, 1);
    open_with(&cyd, "Cyd", &first_key);
    cr_assert_eq(party_dial(&cyd, ada.url), KITH_OK);
    party_until(loop, &cyd.failed, 1);
    cr_assert_eq(cyd.dial_reason, KITH_REASON_AUTH);
    talk_on(20);
    party_loop_free(&loop);
}

Test(loop_wss, a_revoked_key_puts_its_peers_out)
{
    open_ada();
    cr_assert_eq(kith_session_add_key(ada.session, &second_key, 0), KITH_OK);
    open_with(&bob, "Bob", &first_key);
    open_with(&dan, "Dan", &second_key);
    join_ada(&bob);
    join_ada(&dan);
    talk_on(10);
    cr_assert_eq(kith_session_revoke_key(ada.session, "nobody", NULL), KITH_ERR_NOT_FOUND);
    cr_assert_eq(kith_session_revoke_key(ada.session, first_key.identity, "\n"), KITH_ERR_INVALID);
    cr_assert_eq(kith_session_revoke_key(ada.session, NULL, NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_session_revoke_key(ada.session, first_key.identity, "new key"), KITH_OK);
    cr_assert_eq(ada.departed, 0, "not inside the call");
    party_until(loop, &bob.departed, 1);
    cr_assert_eq(bob.departed_reason, KITH_REASON_KICKED);
    cr_assert_eq(ada.departed, 1);
    cr_assert_eq(ada.departed_reason, KITH_REASON_LOCAL);
    talk_on(10);
    cr_assert_eq(dan.departed, 0);
    party_loop_free(&loop);
}

/* Bob is on his way in when the key is revoked, and one of the same name takes its place: he must
 * not arrive on the old one, whatever stage he has reached. */
Test(loop_wss, revoked_on_the_way_in)
{
    for (int steps = 1; steps < 12; steps++) {
        open_ada();
        open_with(&bob, "Bob", &first_key);
        bob.hook = NULL;
        cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
        for (int i = 0; i < steps; i++) {
            cr_assert_eq(kith_loop_step(loop, 1), KITH_OK);
        }
        strcpy(second_key.identity, first_key.identity);
        cr_assert_eq(kith_session_revoke_key(ada.session, first_key.identity, NULL), KITH_OK);
        cr_assert_eq(kith_session_add_key(ada.session, &second_key, KITH_KEY_DIAL), KITH_OK);
        while (bob.failed + bob.departed == 0) {
            cr_assert_eq(kith_loop_step(loop, 100), KITH_OK);
        }
        cr_assert_eq(ada.connected, ada.departed);
        party_loop_free(&loop);
    }
}
