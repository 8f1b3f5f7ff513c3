/* SPDX-License-Identifier: MIT
 *
 * link_quic_test.c: what no application sees of QUIC: the handshakes that must fail whatever the
 * other side does, Retry, resets, key update, silence. Looks into the driver.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "party.h"
#include "session/session.h"
#include "transports/quic/inside.h"
#include "transports/quic/quic.h"

static kith_loop *loop;
static struct party ada, bob;

/* The session's endpoint, which a listener or a dial has opened. */
static struct kith__quic_endpoint *endpoint_of(const struct party *party)
{
    for (size_t i = 0; party->session->drivers[i] != NULL; i++) {
        if (party->session->drivers[i] == &kith_quic_driver) {
            cr_assert_not_null(party->session->endpoints[i]);
            return (struct kith__quic_endpoint *)(void *)party->session->endpoints[i];
        }
    }
    cr_assert_fail("no endpoint");
    return NULL;
}

static struct kith__quic_link *link_of(const struct party *party)
{
    return (struct kith__quic_link *)(void *)party->peer->conn->link;
}

/* Ada listens; so does Bob, for his endpoint to be there before he dials. */
static void open_both(void)
{
    loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    party_open(&bob, loop, "Bob", 1);
    party_listen(&bob, "quic://127.0.0.1:0");
    party_listen(&ada, "quic://127.0.0.1:0");
}

static void dial(void)
{
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK, "%s", kith_detail());
}

static void expect_connected(void)
{
    party_until(loop, &ada.connected, 1);
    party_until(loop, &bob.connected, 1);
}

static void expect_failure(kith_reason reason)
{
    party_until(loop, &bob.failed, 1);
    cr_assert_eq(bob.dial_reason, reason, "%s: %s", kith_reason_name(bob.dial_reason), bob.detail);
    cr_assert_eq(ada.connected + bob.connected, 0);
    party_loop_free(&loop);
}

static void exchange(void)
{
    unsigned before = ada.messages;
    cr_assert_eq(kith_send(bob.peer, 0, "hello", 5, NULL), KITH_OK);
    party_until(loop, &ada.messages, before + 1);
}

/* ---- handshakes that must fail ----------------------------------------------------------- */

Test(link_quic, a_key_without_forward_secrecy)
{
    open_both();
    cr_assert_eq(wolfSSL_CTX_no_dhe_psk(endpoint_of(&bob)->client_tls), 0);
    dial();
    expect_failure(KITH_REASON_AUTH);
}

Test(link_quic, another_protocol)
{
    open_both();
    endpoint_of(&bob)->protocol = "other/1";
    dial();
    expect_failure(KITH_REASON_NOT_KITH);
}

Test(link_quic, no_protocol_at_all)
{
    open_both();
    endpoint_of(&bob)->protocol = NULL;
    dial();
    expect_failure(KITH_REASON_NOT_KITH);
}

Test(link_quic, a_listener_of_another_protocol)
{
    open_both();
    endpoint_of(&ada)->protocol = "other/1";
    dial();
    expect_failure(KITH_REASON_NOT_KITH);
}

Test(link_quic, a_listener_without_a_protocol)
{
    open_both();
    endpoint_of(&ada)->protocol = NULL;
    dial();
    expect_failure(KITH_REASON_NOT_KITH);
}

/* No more of TLS comes than the handshake. */
Test(link_quic, no_ticket)
{
    open_both();
    dial();
    expect_connected();
    exchange();
    cr_assert_eq(endpoint_of(&bob)->counts.late, 0);
    party_loop_free(&loop);
}

/* A ticket, say: its type, its length, and too little. */
static void say_late(const struct party *party)
{
    static const uint8_t late[] = {4, 0, 0, 200, 1, 2, 3};
    struct kith__quic_link *link = link_of(party);
    cr_assert_eq(
        ngtcp2_conn_submit_crypto_data(link->conn, NGTCP2_ENCRYPTION_LEVEL_1RTT, late, sizeof late),
        0);
    kith__quic_link_wake(link);
}

Test(link_quic, tls_goes_when_its_work_is_done)
{
    kith_peer_info info = {.size = sizeof info};
    const struct kith_conn *before;
    open_both();
    dial();
    expect_connected();
    exchange();
    cr_assert_null(link_of(&ada)->ssl);
    cr_assert_null(link_of(&bob)->ssl);
    cr_assert_eq(kith_peer_get_info(bob.peer, &info), KITH_OK);
    cr_assert_str_eq(info.cipher, "TLS_AES_128_GCM_SHA256");
    before = bob.peer->conn;
    say_late(&ada);
    exchange();
    exchange();
    cr_assert_eq(endpoint_of(&bob)->counts.late, 1);
    cr_assert_eq(bob.peer->conn, before, "what a server says late is nothing");
    party_loop_free(&loop);
}

/* It would be a fault of its TLS: the link ends, and another one takes its place. */
Test(link_quic, a_client_says_no_more_of_tls)
{
    struct kith__quic_id before;
    const struct kith__quic_id *after;
    open_both();
    dial();
    expect_connected();
    exchange();
    before = *KITH_CONTAINER(link_of(&ada)->ids.next, struct kith__quic_id, node);
    say_late(&bob);
    while (endpoint_of(&ada)->counts.late == 0) {
        exchange();
    }
    exchange();
    after = kith__quic_id_find(endpoint_of(&ada), 0, before.bytes, before.count);
    cr_assert(after == NULL || after->link == NULL);
    cr_assert_eq(endpoint_of(&ada)->counts.late, 1);
    party_loop_free(&loop);
}

/* ---- Retry ------------------------------------------------------------------------------- */

Test(link_quic, a_stranger_has_to_come_twice)
{
    open_both();
    endpoint_of(&ada)->retry_links = 0;
    dial();
    expect_connected();
    cr_assert_geq(endpoint_of(&ada)->counts.retries, 1);
    cr_assert_eq(endpoint_of(&ada)->counts.invalid_tokens, 0);
    exchange();
    party_loop_free(&loop);
}

/* Packets in Bob's name, as anybody can send them, do not keep Bob out: he is suspected, but he can
 * prove where he is. */
Test(link_quic, what_others_do_in_my_name)
{
    uint8_t packet[1200] = {0xc3, 0, 0, 0, 1, 16}; /* a first packet but for what is encrypted */
    kith_session_stats stats = {.size = sizeof stats};
    const uint64_t rounds = bench_rounds(1000);
    struct kith__quic_socket *socket;
    struct kith__udp_path path;
    open_both();
    socket = KITH_CONTAINER(endpoint_of(&ada)->sockets.next, struct kith__quic_socket, node);
    path.local = path.remote = socket->udp.bound;
    for (uint64_t i = 0; i < rounds; i++) {
        if (i == rounds / 2) {
            dial();
        }
        cr_assert_eq(kith_default_crypto.random(NULL, packet + 6, sizeof packet - 6), KITH_OK);
        packet[22] = 16; /* the other id's length; no token, and the rest of the packet's */
        packet[39] = 0;
        packet[40] = 0x44;
        packet[41] = (uint8_t)(sizeof packet - 42 - 0x400);
        kith__udp_set_port(&path.remote, htons((uint16_t)(10000 + i)));
        kith__quic_route(&socket->udp, &path, packet, sizeof packet);
        cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
    }
    expect_connected();
    exchange();
    cr_assert_eq(kith_session_get_stats(ada.session, &stats), KITH_OK);
    /* A few before anybody is suspected, and a few after Bob has come in, which forgives. */
    cr_assert_leq(stats.links_accepted, 4 * KITH_SUSPECT_FAILURES, "%u",
                  (unsigned)stats.links_accepted);
    cr_assert_geq(stats.addresses_asked, rounds / 2);
    party_loop_free(&loop);
}

/* ---- a link that stands ------------------------------------------------------------------ */

/* Ada forgets the link without a word; Bob hears of it with his next packet, and dials again. */
Test(link_quic, a_stateless_reset)
{
    struct kith__quic_link *link;
    open_both();
    dial();
    expect_connected();
    link = link_of(&ada);
    link->mute = 1;
    kith__quic_link_cut(link);
    cr_assert_eq(kith_send(bob.peer, 0, "hello", 5, NULL), KITH_OK);
    party_until(loop, &ada.messages, 1);
    cr_assert_geq(endpoint_of(&ada)->counts.resets, 1);
    party_loop_free(&loop);
}

/* Whoever knows no token cannot end a link. */
Test(link_quic, a_forged_reset)
{
    uint8_t packet[60];
    struct kith__quic_link *link;
    struct kith__quic_id *id;
    open_both();
    dial();
    expect_connected();
    link = link_of(&bob);
    id = KITH_CONTAINER(link->ids.next, struct kith__quic_id, node);
    for (int i = 0; i < 500; i++) {
        cr_assert_eq(kith_default_crypto.random(NULL, packet, sizeof packet), KITH_OK);
        packet[0] = (uint8_t)((packet[0] & 0x3f) | 0x40);
        if (i % 2 == 0) {
            memcpy(packet + 1, id->bytes, id->count); /* meant for this very link */
        }
        kith__quic_route(&link->socket->udp, &link->path, packet, sizeof packet);
    }
    exchange();
    cr_assert_eq(link_of(&bob), link);
    party_loop_free(&loop);
}

Test(link_quic, keys_are_updated)
{
    const struct kith_conn *before;
    open_both();
    dial();
    expect_connected();
    exchange();
    before = bob.peer->conn;
    for (int i = 0; i < 3; i++) {
        struct kith__quic_link *link = link_of(i % 2 ? &ada : &bob);
        int rv;
        /* Not before the last one is confirmed (RFC 9001 section 6.1). */
        while ((rv = ngtcp2_conn_initiate_key_update(link->conn,
                                                     kith__quic_now(link->base.endpoint->env))) ==
               NGTCP2_ERR_INVALID_STATE) {
            exchange();
        }
        cr_assert_eq(rv, 0, "%s", ngtcp2_strerror(rv));
        exchange();
    }
    cr_assert_eq(bob.peer->conn, before);
    party_loop_free(&loop);
}

/* Loopback carries large packets, the driver finds that out, and then sends such. */
Test(link_quic, packets_grow_with_the_path)
{
    enum { BYTES = 4 << 20 };
    const kith_send_options options = {.size = sizeof options, .ticket = 1};
    char *large = calloc(1, BYTES);
    ngtcp2_conn_info before, after;
    struct kith__quic_link *link;
    open_both();
    dial();
    expect_connected();
    link = link_of(&bob);
    cr_assert(link->socket->udp.is_whole);
    while (ngtcp2_conn_get_path_max_tx_udp_payload_size2(link->conn) < KITH_QUIC_PACKET_BYTES_MAX) {
        exchange();
    }
    ngtcp2_conn_get_conn_info2(link->conn, &before);
    cr_assert_eq(kith_send(bob.peer, 0, large, BYTES, &options), KITH_OK);
    party_until(loop, &bob.fates, 1);
    ngtcp2_conn_get_conn_info2(link->conn, &after);
    cr_assert_lt(after.pkt_sent - before.pkt_sent, BYTES / 4096);
    party_loop_free(&loop);
    free(large);
}

/* As if this machine had had another address until now: the link goes on from the one it has, under
 * an id that was not seen before; and Ada sees nothing, since to her nothing is different. */
Test(link_quic, a_machine_that_moves)
{
    struct kith__quic_link *link;
    const struct kith_conn *before;
    ngtcp2_cid id;
    open_both();
    dial();
    expect_connected();
    exchange();
    before = bob.peer->conn;
    link = link_of(&bob);
    id = *ngtcp2_conn_get_dcid2(link->conn);
    kith__quic_look(&link->base);
    cr_assert(ngtcp2_cid_eq(&id, ngtcp2_conn_get_dcid2(link->conn)), "it moved to where it was");
    cr_assert(kith__net_address_parse("192.0.2.7", 0, &link->own.storage, &link->own.bytes));
    kith__quic_look(&link->base);
    cr_assert(!ngtcp2_cid_eq(&id, ngtcp2_conn_get_dcid2(link->conn)), "it did not move");
    cr_assert_eq(strncmp(link->local, "127.0.0.1:", 10), 0, "%s", link->local);
    for (int i = 0; i < 5; i++) {
        exchange();
    }
    cr_assert_eq(bob.peer->conn, before);
    cr_assert_eq(ada.departed + bob.departed, 0);
    party_loop_free(&loop);
}

/* Nothing is sent any more: the link ends by itself, and so does a peer that is not waited for. */
Test(link_quic, silence)
{
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    struct party *both[] = {&ada, &bob};
    kith_key key;
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    loop = party_loop();
    config.session_name = "party";
    config.security = KITH_SECURITY_PSK;
    config.handshake_ms = PARTY_HANDSHAKE_MS;
    config.idle_ping_ms = PARTY_IDLE_PING_MS;
    config.resume_window_ms = KITH_RESUME_OFF;
    for (int i = 0; i < 2; i++) {
        config.display_name = i == 0 ? "Ada" : "Bob";
        cr_assert_eq(party_open_config(both[i], loop, &config), KITH_OK, "%s", kith_detail());
        cr_assert_eq(kith_session_add_key(both[i]->session, &key, KITH_KEY_DIAL), KITH_OK);
        party_listen(both[i], "quic://127.0.0.1:0");
        endpoint_of(both[i])->idle_ms = 500;
        endpoint_of(both[i])->keep_alive_ms = 0;
    }
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK, "%s", kith_detail());
    party_until(loop, &ada.connected, 1);
    party_until(loop, &ada.departed, 1);
    cr_assert(ada.departed_reason == KITH_REASON_TIMEOUT || ada.departed_reason == KITH_REASON_LOST,
              "%s", kith_reason_name(ada.departed_reason));
    party_loop_free(&loop);
}
