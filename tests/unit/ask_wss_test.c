/* SPDX-License-Identifier: MIT
 *
 * ask_wss_test.c: applications that are asked about certificates over real TLS: answers at once,
 * later and never, while others go on talking.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "forge.h"
#include "party.h"
#include "session/session.h"

static kith_loop *loop;
static struct party ada, bob, cyd;
static struct forge_certificate root, ada_leaf, bob_leaf, cyd_leaf;

static void begin(void)
{
    forge_root(&root, "Root");
    forge_leaf(&ada_leaf, "Ada", &root);
    forge_leaf(&bob_leaf, "Bob", NULL); /* nobody vouches for him */
    forge_leaf(&cyd_leaf, "Cyd", &root);
    loop = party_loop();
}

static void end(void)
{
    party_loop_free(&loop);
}

TestSuite(ask_wss, .init = begin, .fini = end);

static void open_as(struct party *party, const char *name, int asks, uint32_t ask_ms,
                    const struct forge_certificate *own)
{
    kith_certificates certificates = KITH_CERTIFICATES_INIT;
    certificates.chain = own->der;
    certificates.chain_bytes = own->der_bytes;
    certificates.key = own->key;
    certificates.key_bytes = sizeof own->key;
    certificates.trusted = root.der;
    certificates.trusted_bytes = root.der_bytes;
    party_open_pki(party, loop, name, asks);
    party->session->config.ask_ms = ask_ms;
    cr_assert_eq(kith_session_set_certificates(party->session, &certificates), KITH_OK, "%s",
                 kith_detail());
}

/* Ada listens and has an opinion; Bob, whom nobody vouches for, dials. */
static void meet(uint32_t ask_ms)
{
    open_as(&ada, "Ada", 1, ask_ms, &ada_leaf);
    open_as(&bob, "Bob", 0, 60000, &bob_leaf);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(ada.listening, 1, "%s", ada.detail);
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
}

static void run_ms(long ms)
{
    struct timespec from, now;
    cr_assert_eq(clock_gettime(CLOCK_MONOTONIC, &from), 0);
    do {
        cr_assert_eq(kith_loop_step(loop, 10), KITH_OK);
        cr_assert_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    } while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < ms);
}

/* Until it was told to wait: from then on its own deadline ends nothing. Where that was over
 * before, on a busy machine, the dial goes on by itself. */
static void until_told(const struct party *party)
{
    const struct kith_node *conns = &party->session->conns;
    for (uint64_t end_ms = party_deadline_ms();
         kith_list_empty(conns) ||
         KITH_CONTAINER(conns->next, struct kith_conn, node)->waits_told == 0;) {
        cr_assert_lt(party_now_ms(), end_ms, "it was not told");
        cr_assert_eq(kith_loop_step(loop, 10), KITH_OK);
    }
}

Test(ask_wss, what_is_shown)
{
    const struct kith_slice leaf = {bob_leaf.der, bob_leaf.der_bytes};
    uint8_t hash[32];
    kith_peer_info info = {.size = sizeof info};
    meet(60000);
    party_until(loop, &ada.asked, 1);
    cr_assert_eq(ada.doubts, KITH_DOUBT_UNTRUSTED | KITH_DOUBT_SELF_SIGNED);
    cr_assert_eq(ada.chain_count, 1);
    cr_assert_eq(ada.question.chain[0].der_bytes, bob_leaf.der_bytes);
    cr_assert_arr_eq(ada.question.chain[0].der, bob_leaf.der, bob_leaf.der_bytes);
    cr_assert_eq(kith_default_crypto.sha256(&leaf, 1, hash), KITH_OK);
    cr_assert_arr_eq(ada.question.sha256, hash, sizeof hash);
    cr_assert_null(ada.question.dial);
    cr_assert_str_empty(ada.question.name);
    cr_assert_eq(ada.question.timeout_ms, 60000);
    cr_assert_eq(strncmp(ada.question.remote_address, "127.0.0.1:", 10), 0);
    cr_assert_eq(kith_ask_answer(ada.ask, 1, NULL), KITH_OK);
    cr_assert_eq(ada.asks_over, 0, "not inside the call");
    party_until(loop, &ada.connected, 1);
    cr_assert_eq(ada.asks_over, 1);
    cr_assert_eq(ada.ask_reason, KITH_REASON_NONE);
    cr_assert_eq(kith_peer_get_info(ada.peer, &info), KITH_OK);
    cr_assert_eq(info.doubts, KITH_DOUBT_UNTRUSTED | KITH_DOUBT_SELF_SIGNED);
    cr_assert_eq(info.level, KITH_LEVEL_IDENTITY);
}

static void answer_at_once(int answer)
{
    open_as(&ada, "Ada", 1, 60000, &ada_leaf);
    ada.answer = answer;
    open_as(&bob, "Bob", 0, 60000, &bob_leaf);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    party_until(loop, &ada.asks_over, 1);
}

Test(ask_wss, yes_at_once)
{
    answer_at_once(1);
    party_until(loop, &ada.connected, 1);
}

Test(ask_wss, no_at_once)
{
    answer_at_once(2);
    party_until(loop, &bob.failed, 1);
    cr_assert_eq(bob.dial_reason, KITH_REASON_UNTRUSTED);
    cr_assert_str_eq(bob.detail, "no, thank you");
    cr_assert_eq(ada.connected, 0);
    cr_assert_eq(ada.ask_reason, KITH_REASON_NONE);
    cr_assert_eq(ada.session->stats.refused_auth, 1);
}

/* A second passes before the answer; Ada and Cyd talk all the while, and Bob, who has a handshake
 * deadline of his own, waits because he is told to. */
Test(ask_wss, an_answer_one_second_later)
{
    unsigned waiting, connected;
    open_as(&ada, "Ada", 1, 60000, &ada_leaf);
    ada.answer = 1;
    open_as(&cyd, "Cyd", 0, 60000, &cyd_leaf);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(party_dial(&cyd, ada.url), KITH_OK);
    party_until(loop, &ada.connected, 1);
    cr_assert_eq(ada.doubts, 0, "asked about everyone, doubts or not");
    ada.answer = 0;
    open_as(&bob, "Bob", 0, 60000, &bob_leaf);
    bob.session->config.handshake_ms = bench_deadline_ms(500);
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    until_told(&bob);
    waiting = bob.waiting;
    connected = ada.connected;
    for (unsigned i = 1; i <= 10; i++) {
        run_ms(bench_deadline_ms(100));
        cr_assert_eq(kith_send(ada.peer, 0, "tick", 4, NULL), KITH_OK);
        party_until(loop, &cyd.messages, i);
    }
    cr_assert_eq(bob.ready + bob.failed, 0);
    cr_assert_eq(bob.waiting, waiting);
    cr_assert_eq(ada.connected, connected);
    cr_assert_eq(kith_ask_answer(ada.ask, 1, NULL), KITH_OK);
    party_until(loop, &bob.ready, 1);
    party_until(loop, &ada.connected, 2);
}

Test(ask_wss, the_dialer_asks)
{
    unsigned waiting;
    open_as(&ada, "Ada", 0, 60000, &bob_leaf); /* nobody vouches for the listener */
    ada.session->config.handshake_ms = bench_deadline_ms(2000);
    open_as(&bob, "Bob", 1, 60000, &cyd_leaf);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    until_told(&ada);
    waiting = bob.waiting;
    cr_assert_geq(bob.asked, 1);
    cr_assert_eq(bob.question.dial, bob.dial);
    cr_assert_str_eq(bob.question.name, "127.0.0.1");
    cr_assert_eq(bob.doubts, KITH_DOUBT_UNTRUSTED | KITH_DOUBT_SELF_SIGNED);
    run_ms(bench_deadline_ms(2100)); /* longer than the listener would wait by itself */
    cr_assert_eq(kith_ask_answer(bob.ask, 1, NULL), KITH_OK);
    party_until(loop, &bob.ready, 1);
    party_until(loop, &ada.connected, 1);
    cr_assert_eq(bob.waiting, waiting);
}

Test(ask_wss, the_dialer_says_no)
{
    open_as(&ada, "Ada", 0, 60000, &bob_leaf);
    open_as(&bob, "Bob", 1, 60000, &cyd_leaf);
    bob.answer = 2;
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    party_until(loop, &bob.failed, 1);
    cr_assert_eq(bob.dial_reason, KITH_REASON_UNTRUSTED);
    cr_assert_not_null(strstr(bob.detail, "application here"), "%s", bob.detail);
}

Test(ask_wss, both_ask)
{
    open_as(&ada, "Ada", 1, 60000, &ada_leaf);
    open_as(&bob, "Bob", 1, 60000, &bob_leaf);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    party_until(loop, &ada.asked, 1);
    party_until(loop, &bob.asked, 1);
    cr_assert_eq(kith_ask_answer(bob.ask, 1, NULL), KITH_OK);
    party_until(loop, &bob.asks_over, 1);
    run_ms(50);
    cr_assert_eq(bob.ready, 0);
    cr_assert_eq(kith_ask_answer(ada.ask, 1, NULL), KITH_OK);
    party_until(loop, &bob.ready, 1);
    party_until(loop, &ada.connected, 1);
}

Test(ask_wss, nobody_answers)
{
    meet(300);
    party_until(loop, &ada.asks_over, 1);
    cr_assert_eq(ada.ask_reason, KITH_REASON_TIMEOUT);
    party_until(loop, &bob.failed, 1);
    cr_assert_eq(bob.dial_reason, KITH_REASON_UNTRUSTED);
    cr_assert_not_null(strstr(bob.detail, "in time"), "%s", bob.detail);
}

Test(ask_wss, the_link_goes_first)
{
    meet(60000);
    party_until(loop, &ada.asked, 1);
    cr_assert_eq(kith_dial_cancel(bob.dial), KITH_OK);
    party_until(loop, &ada.asks_over, 1);
    cr_assert_neq(ada.ask_reason, KITH_REASON_NONE);
    cr_assert_null(ada.ask);
    party_until(loop, &bob.dial_closed, 1);
}

/* The answer is given, and before it is acted upon everything ends. */
Test(ask_wss, the_session_closes)
{
    meet(60000);
    party_until(loop, &ada.asked, 1);
    cr_assert_eq(kith_session_close(ada.session, 0), KITH_OK);
    party_until(loop, &ada.closed, 1);
    cr_assert_eq(ada.asks_over, 1);
    cr_assert_eq(ada.ask_reason, KITH_REASON_LOCAL);
    party_until(loop, &bob.waiting, 1); /* it was told LEFT, and may come back */
}

Test(ask_wss, answered_and_closed_in_one_breath)
{
    meet(60000);
    party_until(loop, &ada.asked, 1);
    cr_assert_eq(kith_ask_answer(ada.ask, 1, NULL), KITH_OK);
    cr_assert_eq(kith_session_close(ada.session, 0), KITH_OK);
    party_until(loop, &ada.closed, 1);
    cr_assert_eq(ada.asks_over, 1);
    cr_assert_eq(ada.ask_reason, KITH_REASON_NONE);
    cr_assert_eq(ada.connected, 0);
}

static void close_it(struct party *party)
{
    if (party->asks_over == 1 && party->closed == 0) {
        party->hook = NULL;
        cr_assert_eq(kith_session_close(party->session, 0), KITH_OK);
    }
}

Test(ask_wss, closed_from_inside_the_last_event)
{
    meet(60000);
    ada.hook = close_it;
    party_until(loop, &ada.asked, 1);
    cr_assert_eq(kith_ask_answer(ada.ask, 1, NULL), KITH_OK);
    party_until(loop, &ada.closed, 1);
    cr_assert_eq(ada.asks_over, 1);
}

/* The loop is freed under an open question. */
Test(ask_wss, the_loop_is_freed)
{
    meet(60000);
    party_until(loop, &ada.asked, 1);
}

Test(ask_wss, a_cancelled_dial)
{
    open_as(&ada, "Ada", 0, 60000, &bob_leaf);
    open_as(&bob, "Bob", 1, 60000, &cyd_leaf);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    party_until(loop, &bob.asked, 1);
    cr_assert_eq(kith_dial_cancel(bob.dial), KITH_OK);
    cr_assert_eq(bob.asks_over, 0, "not inside the call");
    party_until(loop, &bob.asks_over, 1);
    cr_assert_eq(bob.ask_reason, KITH_REASON_LOCAL);
    party_until(loop, &bob.dial_closed, 1);
}

/* The time to try is not over while somebody thinks. */
Test(ask_wss, longer_than_the_dial_would_try)
{
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    options.give_up_ms = bench_deadline_ms(2000);
    open_as(&ada, "Ada", 1, 60000, &ada_leaf);
    open_as(&bob, "Bob", 1, 60000, &bob_leaf);
    party_listen(&ada, "wss://127.0.0.1:0");
    /* Anew where a busy machine takes longer than that to ask. */
    for (unsigned failed = bob.failed; ada.ask == NULL || bob.ask == NULL; failed = bob.failed) {
        cr_assert_eq(kith_dial_open(bob.session, ada.url, &options, NULL), KITH_OK);
        while ((ada.ask == NULL || bob.ask == NULL) && bob.failed == failed) {
            cr_assert_eq(kith_loop_step(loop, 100), KITH_OK);
        }
    }
    run_ms(bench_deadline_ms(2100));
    cr_assert_eq(kith_ask_answer(bob.ask, 1, NULL), KITH_OK);
    run_ms(300);
    cr_assert_eq(kith_ask_answer(ada.ask, 1, NULL), KITH_OK);
    party_until(loop, &bob.ready, 1);
}

Test(ask_wss, a_missing_certificate_is_a_doubt)
{
    kith_certificates certificates = KITH_CERTIFICATES_INIT;
    certificates.trusted = root.der;
    certificates.trusted_bytes = root.der_bytes;
    open_as(&ada, "Ada", 1, 60000, &ada_leaf);
    ada.session->pki.clients = KITH_CLIENT_CERTIFICATES_OPTIONAL;
    party_open_pki(&bob, loop, "Bob", 0);
    cr_assert_eq(kith_session_set_certificates(bob.session, &certificates), KITH_OK);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    party_until(loop, &ada.asked, 1);
    cr_assert_eq(ada.doubts, KITH_DOUBT_MISSING);
    cr_assert_null(ada.question.chain);
    cr_assert_null(ada.question.sha256);
    cr_assert_eq(kith_ask_answer(ada.ask, 1, NULL), KITH_OK);
    party_until(loop, &ada.connected, 1);
}

Test(ask_wss, arguments)
{
    char text[125];
    memset(text, 'x', 124);
    text[124] = '\0';
    meet(60000);
    party_until(loop, &ada.asked, 1);
    cr_assert_eq(kith_ask_answer(NULL, 1, NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_ask_answer(ada.ask, 0, text), KITH_ERR_INVALID);
    cr_assert_eq(kith_ask_answer(ada.ask, 0, "\x1b"), KITH_ERR_INVALID);
    cr_assert_eq(kith_ask_answer(ada.ask, 0, text + 1), KITH_OK);
    cr_assert_eq(kith_ask_answer(ada.ask, 1, NULL), KITH_ERR_STATE);
    party_until(loop, &bob.failed, 1);
    cr_assert_str_eq(bob.detail, text + 1);
}
