/* SPDX-License-Identifier: MIT
 *
 * party.c: see party.h.
 */
#include "party.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const kith_key shared_key = {
    "party", {7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9, 0, 4, 5, 2, 3, 5, 3, 6, 0, 2, 8, 7}, 24};
static atomic_size_t blocks;

size_t party_blocks(void)
{
    return blocks;
}

static void *counted_realloc(void *user, void *block, size_t bytes)
{
    void *made;
    cr_assert_eq(user, &blocks);
    if (bytes == 0) {
        blocks -= block != NULL;
        free(block);
        return NULL;
    }
    made = realloc(block, bytes);
    blocks += block == NULL && made != NULL;
    return made;
}

static void drop_log(void *user, kith_log_level level, const char *text)
{
    (void)user;
    (void)level;
    (void)text;
}

kith_loop *party_loop(void)
{
    kith_loop_config config = KITH_LOOP_CONFIG_INIT;
    kith_loop *loop = NULL;
    config.log = drop_log;
    config.log_level = KITH_LOG_DEBUG;
    config.realloc = counted_realloc;
    config.realloc_user = &blocks;
    cr_assert_eq(kith_loop_new(&config, &loop), KITH_OK, "%s", kith_detail());
    return loop;
}

void party_loop_free(kith_loop **loop)
{
    kith_loop_free(loop);
    cr_assert_null(*loop);
    cr_assert_eq(blocks, 0, "%zu blocks are left", (size_t)blocks);
}

/* ---- callbacks --------------------------------------------------------------------------------
 */

static void after(struct party *party)
{
    if (party->hook != NULL) {
        party->hook(party);
    }
}

static void on_peer(kith_session *session, kith_peer *peer, kith_peer_state state,
                    kith_reason reason, const char *text, void *user)
{
    struct party *party = user;
    cr_assert_eq(session, party->session);
    (void)text;
    /* Out of reach for a moment is what a busy machine makes of any change of links. */
    if (state == KITH_PEER_INTERRUPTED || (state == KITH_PEER_CONNECTED && kith_peer_user(peer))) {
        return;
    }
    if (state == KITH_PEER_CONNECTED) {
        kith_peer_set_user(peer, party);
        party->connected++;
        party->peer = peer;
    } else {
        party->departed++;
        party->departed_reason = reason;
        party->peer = party->peer == peer ? NULL : party->peer;
    }
    after(party);
}

static void on_message(kith_session *session, kith_peer *peer, const kith_message *message,
                       void *user)
{
    struct party *party = user;
    (void)session;
    (void)peer;
    party->messages++;
    party->bytes += message->data_bytes;
    after(party);
}

static void on_fate(kith_session *session, kith_peer *peer, uint64_t ticket, kith_fate fate,
                    void *user)
{
    struct party *party = user;
    (void)session;
    (void)peer;
    (void)ticket;
    party->fates++;
    party->fate = fate;
    after(party);
}

static void on_listener(kith_session *session, kith_listener *listener,
                        const kith_listener_event *event, void *user)
{
    struct party *party = user;
    (void)session;
    (void)listener;
    party->listening += event->kind == KITH_LISTENER_READY;
    party->listener_failed += event->kind == KITH_LISTENER_FAILED;
    party->listener_closed += event->kind == KITH_LISTENER_CLOSED;
    if (event->kind == KITH_LISTENER_READY) {
        snprintf(party->url, sizeof party->url, "%s", event->url);
    } else if (event->kind == KITH_LISTENER_FAILED) {
        snprintf(party->detail, sizeof party->detail, "%s", event->detail);
    }
    after(party);
}

static void on_dial(kith_session *session, kith_dial *dial, const kith_dial_event *event,
                    void *user)
{
    struct party *party = user;
    (void)session;
    (void)dial;
    party->waiting += event->kind == KITH_DIAL_WAITING;
    party->ready += event->kind == KITH_DIAL_READY;
    party->failed += event->kind == KITH_DIAL_FAILED;
    party->dial_closed += event->kind == KITH_DIAL_CLOSED;
    party->dial_reason = event->reason;
    if (event->detail[0] != '\0') {
        snprintf(party->detail, sizeof party->detail, "%s", event->detail);
    }
    after(party);
}

static void on_datagram(kith_session *session, kith_peer *peer, const void *data, size_t count,
                        void *user)
{
    struct party *party = user;
    (void)session;
    (void)peer;
    (void)data;
    (void)count;
    party->datagrams++;
    after(party);
}

static void pour(struct party *party)
{
    static const uint8_t bytes[1000];
    while (party->poured < party->to_pour) {
        kith_err err = kith_send_datagram(party->peer, bytes, sizeof bytes, NULL);
        if (err == KITH_ERR_AGAIN) {
            party->refused++;
            return;
        }
        cr_assert_eq(err, KITH_OK, "%s", kith_detail());
        party->poured++;
    }
}

static void on_datagram_writable(kith_session *session, kith_peer *peer, void *user)
{
    struct party *party = user;
    (void)session;
    cr_assert_eq(peer, party->peer);
    party->told_of_room++;
    cr_assert_leq(party->told_of_room, party->refused);
    pour(party);
}

void party_pour(kith_loop *loop, struct party *from, unsigned count)
{
    kith_peer_stats stats = {.size = sizeof stats};
    from->to_pour = count;
    pour(from);
    party_until(loop, &from->poured, count);
    for (uint64_t end_ms = party_deadline_ms();;) {
        cr_assert_eq(kith_peer_get_stats(from->peer, &stats), KITH_OK);
        if (stats.datagrams_sent + stats.datagrams_dropped == count + from->refused) {
            return;
        }
        cr_assert_lt(party_now_ms(), end_ms);
        cr_assert_eq(kith_loop_step(loop, 1), KITH_OK);
    }
}

static void on_trust(kith_session *session, const kith_trust_question *question, void *user)
{
    struct party *party = user;
    (void)session;
    party->asked++;
    party->ask = question->ask;
    party->doubts = question->doubts;
    party->chain_count = question->chain_count;
    party->question = *question;
    if (party->answer != 0) {
        cr_assert_eq(kith_ask_answer(question->ask, party->answer == 1, "no, thank you"), KITH_OK);
    }
    after(party);
}

static void on_ask_over(kith_session *session, kith_ask *ask, kith_reason reason, void *user)
{
    struct party *party = user;
    (void)session;
    cr_assert_not_null(ask);
    cr_assert_eq(kith_ask_answer(ask, 1, NULL), KITH_ERR_STATE);
    party->asks_over++;
    party->ask_reason = reason;
    party->ask = party->ask == ask ? NULL : party->ask;
    after(party);
}

static void on_closed(kith_session *session, void *user)
{
    struct party *party = user;
    cr_assert_eq(session, party->session);
    party->closed++;
    after(party);
    party->session = NULL;
}

/* ---- sessions ---------------------------------------------------------------------------------
 */

static kith_err open_session(struct party *party, kith_loop *loop,
                             const kith_session_config *config, int asks)
{
    kith_callbacks callbacks = {
        .size = sizeof callbacks,
        .on_peer = on_peer,
        .on_message = on_message,
        .on_fate = on_fate,
        .on_listener = on_listener,
        .on_dial = on_dial,
        .on_closed = on_closed,
        .on_datagram = on_datagram,
        .on_datagram_writable = on_datagram_writable,
    };
    if (asks) {
        callbacks.on_trust = on_trust;
        callbacks.on_ask_over = on_ask_over;
    }
    memset(party, 0, sizeof *party);
    return kith_session_open(loop, config, &callbacks, party, &party->session);
}

kith_err party_open_config(struct party *party, kith_loop *loop, const kith_session_config *config)
{
    return open_session(party, loop, config, 0);
}

void party_open_pki(struct party *party, kith_loop *loop, const char *name, int asks)
{
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    config.display_name = name;
    config.session_name = "party";
    config.security = KITH_SECURITY_PKI;
    config.handshake_ms = PARTY_HANDSHAKE_MS;
    cr_assert_eq(open_session(party, loop, &config, asks), KITH_OK, "%s", kith_detail());
}

void party_open(struct party *party, kith_loop *loop, const char *name, int secure)
{
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    config.display_name = name;
    config.session_name = "party";
    config.security = secure ? KITH_SECURITY_PSK : KITH_SECURITY_NONE;
    config.handshake_ms = PARTY_HANDSHAKE_MS;
    config.idle_ping_ms = PARTY_IDLE_PING_MS;
    cr_assert_eq(party_open_config(party, loop, &config), KITH_OK, "%s", kith_detail());
    if (secure) {
        cr_assert_eq(kith_session_add_key(party->session, &shared_key, KITH_KEY_DIAL), KITH_OK);
    }
}

void party_listen(struct party *party, const char *url)
{
    kith_loop *loop = kith_session_loop(party->session);
    cr_assert_eq(kith_listen(party->session, url, NULL, &party->listener), KITH_OK, "%s",
                 kith_detail());
    for (uint64_t end_ms = party_deadline_ms(); party->listening + party->listener_failed == 0;) {
        cr_assert_lt(party_now_ms(), end_ms, "neither listening nor failed");
        cr_assert_eq(kith_loop_step(loop, 100), KITH_OK);
    }
}

kith_err party_dial(struct party *party, const char *url)
{
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    options.give_up_ms = PARTY_GIVE_UP_MS;
    return kith_dial_open(party->session, url, &options, &party->dial);
}

void party_pair(kith_loop *loop, struct party *a, struct party *b, int secure)
{
    party_open(a, loop, "Ada", secure);
    party_open(b, loop, "Bob", secure);
    party_listen(a, secure ? "wss://127.0.0.1:0" : "ws://127.0.0.1:0");
    cr_assert_eq(a->listening, 1, "%s", a->detail);
    cr_assert_eq(party_dial(b, a->url), KITH_OK, "%s", kith_detail());
    party_until(loop, &b->ready, 1);
    party_until(loop, &a->connected, 1);
}

void party_refuse_key(const char *url, const kith_key *key)
{
    static struct party ada, bob; /* freeing the loop still tells them */
    kith_loop *loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    party_open(&bob, loop, "Bob", 1);
    cr_assert_eq(kith_session_remove_key(bob.session, "party"), KITH_OK);
    cr_assert_eq(kith_session_add_key(bob.session, key, KITH_KEY_DIAL), KITH_OK);
    party_listen(&ada, url);
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    party_until(loop, &bob.failed, 1);
    cr_assert_eq(bob.dial_reason, KITH_REASON_AUTH, "%s", bob.detail);
    cr_assert_str_not_empty(bob.detail);
    cr_assert_eq(ada.connected, 0);
    cr_assert_eq(bob.connected, 0);
    party_loop_free(&loop);
}

uint64_t party_now_ms(void)
{
    struct timespec now;
    cr_assert_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t party_deadline_ms(void)
{
    return party_now_ms() + PARTY_WAIT_MS;
}

void party_wait(kith_loop *loop, const unsigned *count, unsigned want, const char *what,
                const char *file, int line)
{
    for (uint64_t end_ms = party_deadline_ms(); *count < want;) {
        cr_assert_lt(party_now_ms(), end_ms, "%s:%d: %s is %u, not %u, after %d ms", file, line,
                     what, *count, want, PARTY_WAIT_MS);
        cr_assert_eq(kith_loop_step(loop, 100), KITH_OK);
    }
}
