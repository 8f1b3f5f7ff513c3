/* SPDX-License-Identifier: MIT
 *
 * backpressure_wss_test.c: readers that stop, over real sockets: one whose loop stands still, so
 * that nobody reads the socket, and applications that hold whatever comes. Neither side takes more
 * memory than its budget, in whichever library; and when the reader goes on, all comes, once and in
 * order.
 *
 * Each side has a loop of its own, in one thread: who is not stepped stands still.
 */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bounds.h"
#include "party.h"

enum {
    BUDGET_BYTES = 4 * 1024 * 1024,
    MESSAGE_BYTES = 20000,
    CHANNELS = 8,
    DATAGRAM_BYTES = 1200,
    HELD_MAX = 4096,
    QUIET_TURNS = 200,        /* without anything new: then nothing moves any more */
    SLACK_BYTES = 1024 * 1024 /* what a connection takes in all libraries, and then some */
};

struct side {
    kith_loop *loop;
    kith_session *session;
    kith_peer *peer;
    char url[300];
    int holds;
    uint32_t sent[CHANNELS], came[CHANNELS], writable[CHANNELS];
    uint64_t datagrams, datagrams_taken;
    kith_held *held[HELD_MAX];
    size_t held_count;
};

static struct side ada, bob;
static size_t heap_before;

/* Bytes of all that was allocated in this process, whoever did. A sanitizer's allocator says 0. */
static size_t heap(void)
{
    struct mallinfo2 all = mallinfo2();
    return all.uordblks + all.hblkhd;
}

/* ---- sides -------------------------------------------------------------------------------- */

static void on_peer(kith_session *session, kith_peer *peer, kith_peer_state state,
                    kith_reason reason, const char *text, void *user)
{
    struct side *side = user;
    (void)session, (void)reason, (void)text;
    side->peer = state == KITH_PEER_CONNECTED ? peer : NULL;
}

/* The next one of its channel, and whole. */
static void check_message(struct side *side, const kith_message *message)
{
    uint32_t number;
    cr_assert_eq(message->data_bytes, MESSAGE_BYTES);
    memcpy(&number, message->data, sizeof number);
    cr_assert_eq(number, side->came[message->channel]);
    side->came[message->channel]++;
}

static void on_message(kith_session *session, kith_peer *peer, const kith_message *message,
                       void *user)
{
    struct side *side = user;
    (void)session;
    check_message(side, message);
    if (side->holds) {
        cr_assert_lt(side->held_count, HELD_MAX);
        cr_assert_eq(kith_message_hold(peer, message, &side->held[side->held_count++]), KITH_OK,
                     "%s", kith_detail());
    }
}

static void on_datagram(kith_session *session, kith_peer *peer, const void *data, size_t count,
                        void *user)
{
    struct side *side = user;
    (void)session, (void)peer, (void)data;
    cr_assert_eq(count, DATAGRAM_BYTES);
    side->datagrams++;
}

static void on_writable(kith_session *session, kith_peer *peer, unsigned channel, void *user)
{
    struct side *side = user;
    (void)session, (void)peer;
    side->writable[channel]++;
}

static void on_listener(kith_session *session, kith_listener *listener,
                        const kith_listener_event *event, void *user)
{
    struct side *side = user;
    (void)session, (void)listener;
    cr_assert_neq(event->kind, KITH_LISTENER_FAILED, "%s", event->detail);
    if (event->kind == KITH_LISTENER_READY) {
        strcpy(side->url, event->url);
    }
}

static void open_side(struct side *side, const char *name, int secure)
{
    static const kith_key key = {
        "side", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, 16};
    const kith_callbacks on = {.size = sizeof on,
                               .on_peer = on_peer,
                               .on_message = on_message,
                               .on_datagram = on_datagram,
                               .on_writable = on_writable,
                               .on_listener = on_listener};
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    config.display_name = name;
    config.session_name = "sides";
    config.security = secure ? KITH_SECURITY_PSK : KITH_SECURITY_NONE;
    config.budget_bytes = BUDGET_BYTES;
    config.handshake_ms = PARTY_HANDSHAKE_MS;
    config.idle_ping_ms = PARTY_IDLE_PING_MS;
    memset(side, 0, sizeof *side);
    side->loop = party_loop();
    cr_assert_eq(kith_session_open(side->loop, &config, &on, side, &side->session), KITH_OK);
    if (secure) {
        cr_assert_eq(kith_session_add_key(side->session, &key, KITH_KEY_DIAL), KITH_OK);
    }
}

static void turn(struct side *side)
{
    cr_assert_eq(kith_loop_step(side->loop, 0), KITH_OK);
}

static void connect_sides(int secure)
{
    kith_listener *listener;
    kith_dial *dial;
    uint64_t end_ms = party_deadline_ms();
    open_side(&ada, "Ada", secure);
    open_side(&bob, "Bob", secure);
    cr_assert_eq(kith_listen(ada.session, secure ? "wss://127.0.0.1:0" : "ws://127.0.0.1:0", NULL,
                             &listener),
                 KITH_OK);
    while (ada.url[0] == '\0') {
        turn(&ada);
    }
    cr_assert_eq(kith_dial_open(bob.session, ada.url, NULL, &dial), KITH_OK);
    while (ada.peer == NULL || bob.peer == NULL) {
        cr_assert_lt(party_now_ms(), end_ms);
        turn(&ada);
        turn(&bob);
    }
    heap_before = heap();
}

static void close_sides(void)
{
    kith_loop_free(&bob.loop);
    party_loop_free(&ada.loop);
}

/* Sends where there is room: how many were taken. */
static unsigned send_all(struct side *side)
{
    static char data[MESSAGE_BYTES];
    unsigned taken = 0;
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        kith_err err;
        memcpy(data, &side->sent[channel], sizeof side->sent[channel]);
        err = kith_send(side->peer, channel, data, sizeof data, NULL);
        cr_assert(err == KITH_OK || err == KITH_ERR_AGAIN, "%s", kith_detail());
        side->sent[channel] += err == KITH_OK;
        taken += err == KITH_OK;
    }
    return taken;
}

static int send_datagram(struct side *side)
{
    static const char data[DATAGRAM_BYTES];
    kith_err err = kith_send_datagram(side->peer, data, sizeof data, NULL);
    cr_assert(err == KITH_OK || err == KITH_ERR_AGAIN, "%s", kith_detail());
    side->datagrams_taken += err == KITH_OK;
    return err == KITH_OK;
}

static kith_peer_stats stats_of(const struct side *side)
{
    kith_peer_stats stats = {.size = sizeof stats};
    cr_assert_eq(kith_peer_get_stats(side->peer, &stats), KITH_OK);
    return stats;
}

/* sides: whose memory may be in use, in halves of budgets. */
static void check_memory(unsigned halves)
{
    const struct side *all[] = {&ada, &bob};
    for (size_t i = 0; i < 2; i++) {
        kith_peer_stats stats = stats_of(all[i]);
        cr_assert_leq(stats.unsent_bytes + stats.retained_bytes, BUDGET_BYTES / 2);
        cr_assert_leq(stats.held_bytes, BUDGET_BYTES / 2);
    }
    cr_assert_leq(heap(), heap_before + halves * (BUDGET_BYTES / 2) + SLACK_BYTES,
                  "%zu bytes before, %zu now", heap_before, heap());
}

static int all_came(const struct side *from, const struct side *to)
{
    return memcmp(from->sent, to->came, sizeof from->sent) == 0;
}

static void until_all_came(void)
{
    for (uint64_t end_ms = party_deadline_ms(); !all_came(&ada, &bob) || !all_came(&bob, &ada);) {
        cr_assert_lt(party_now_ms(), end_ms);
        turn(&ada);
        turn(&bob);
    }
}

/* ---- nobody reads the socket -------------------------------------------------------------- */

static void a_reader_that_stands_still(int secure)
{
    uint64_t end_ms = party_deadline_ms();
    unsigned refused = 0;
    kith_peer_stats stats;
    connect_sides(secure);
    /* Messages end with their windows; datagrams only when the system takes no byte more. */
    for (int quiet = 0; quiet < QUIET_TURNS;) {
        unsigned moved = send_all(&ada);
        cr_assert_lt(party_now_ms(), end_ms);
        for (int i = 0; i < 20; i++) {
            int taken = send_datagram(&ada);
            moved += (unsigned)taken;
            refused += !taken;
        }
        turn(&ada);
        quiet = moved > 0 ? 0 : quiet + 1;
        check_memory(1);
    }
    stats = stats_of(&ada);
    cr_assert_gt(refused, 0);
    cr_assert_gt(stats.datagrams_dropped, 0);
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        cr_assert_gt(ada.sent[channel], 0);
        cr_assert_eq(ada.writable[channel], 0);
    }
    /* It goes on. */
    until_all_came();
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        cr_assert_eq(ada.writable[channel], 1, "channel %u", channel);
    }
    cr_assert_eq(send_all(&ada), CHANNELS);
    cr_assert_eq(send_all(&bob), CHANNELS);
    until_all_came();
    stats = stats_of(&ada);
    cr_assert_eq(stats.datagrams_sent, bob.datagrams);
    cr_assert_eq(stats.datagrams_received, 0);
    check_memory(0);
    close_sides();
}

Test(backpressure_wss, a_reader_that_stands_still_plain)
{
    a_reader_that_stands_still(0);
}

Test(backpressure_wss, a_reader_that_stands_still_secure)
{
    a_reader_that_stands_still(1);
}

/* ---- nobody gives messages back ----------------------------------------------------------- */

static void let_go(struct side *side)
{
    side->holds = 0;
    while (side->held_count > 0) {
        kith_held_release(side->held[--side->held_count]); /* the last one first */
    }
}

/* Both sides send what they can, and hold what comes. */
static void applications_that_hold_all(int secure)
{
    uint64_t end_ms = party_deadline_ms();
    connect_sides(secure);
    ada.holds = bob.holds = 1;
    for (int quiet = 0; quiet < QUIET_TURNS;) {
        size_t held = ada.held_count + bob.held_count;
        unsigned moved = send_all(&ada) + send_all(&bob);
        cr_assert_lt(party_now_ms(), end_ms);
        turn(&ada);
        turn(&bob);
        quiet = moved > 0 || ada.held_count + bob.held_count != held ? 0 : quiet + 1;
        check_memory(4);
    }
    cr_assert(!all_came(&ada, &bob) && !all_came(&bob, &ada));
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        cr_assert_gt(bob.came[channel], 0);
        cr_assert_gt(ada.came[channel], 0);
    }
    cr_assert_gt(stats_of(&bob).held_bytes, BUDGET_BYTES / 32);
    /* Datagrams are nobody's to hold, and still go. */
    for (uint64_t came = bob.datagrams; bob.datagrams == came;) {
        cr_assert_lt(party_now_ms(), end_ms);
        (void)send_datagram(&ada);
        turn(&ada);
        turn(&bob);
    }
    let_go(&ada);
    let_go(&bob);
    until_all_came();
    cr_assert_eq(send_all(&ada) + send_all(&bob), 2 * CHANNELS);
    until_all_came();
    check_memory(0);
    close_sides();
}

Test(backpressure_wss, applications_that_hold_all_plain)
{
    applications_that_hold_all(0);
}

Test(backpressure_wss, applications_that_hold_all_secure)
{
    applications_that_hold_all(1);
}
