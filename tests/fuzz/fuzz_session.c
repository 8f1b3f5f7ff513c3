/* SPDX-License-Identifier: MIT
 *
 * fuzz_session.c: fuzzes a whole session by a script. Up to three strangers come, or are dialled,
 * get as far in the handshake as they like, and send whatever they like, then and in between; the
 * application sends, disconnects and leaves; time passes; memory fails. Nothing crashes, hangs or
 * leaks, every event has its counterpart (the world of the unit tests sees to that), memory and
 * counters keep within their bounds, and at the end everything is closed.
 *
 * Input: how the session is (1), how far the first stranger gets at once (1), then steps: what and
 * who (1), and what that step reads.
 */
#include "tests/fuzz/fuzz.h"

#include "protocol/frame.h"
#include "tests/fuzz/intruder.h"

enum { SCRIPT_BYTES_MAX = 4096, STEPS_MAX = 400, HOLDS_MAX = 8, DONE_MS = 12000 };

static struct world world;
static struct intruders all;
static struct actor *ada;
static kith_held *holds[HOLDS_MAX + 1];
static size_t hold_count;
static int holds_next;
static void (*worlds_on_message)(kith_session *session, kith_peer *peer,
                                 const kith_message *message, void *user);

static size_t number(size_t bytes)
{
    return intruder_number(&all, bytes);
}

/* The world has a place for each peer that ever connected: those that departed give theirs up. */
static void make_room(struct actor *actor, enum actor_event event)
{
    if (event == ACTOR_CONNECTED) {
        struct actor_friend *last = &actor->friends[actor->friend_count - 1], *free = last;
        while (free > actor->friends && free[-1].peer == NULL) {
            free--;
        }
        *free = *last;
        kith_peer_set_user(free->peer, free);
        actor->last = free;
        actor->friend_count = (size_t)(free + 1 - actor->friends);
    }
}

static void on_message(kith_session *session, kith_peer *peer, const kith_message *message,
                       void *user)
{
    static const kith_message other;
    if (holds_next && hold_count < HOLDS_MAX &&
        kith_message_hold(peer, message, &holds[hold_count]) == KITH_OK) {
        MUST(kith_message_hold(peer, message, &holds[hold_count + 1]) == KITH_ERR_STATE);
        hold_count++;
    }
    MUST(kith_message_hold(peer, &other, &holds[hold_count]) != KITH_OK);
    worlds_on_message(session, peer, message, user);
}

static void release_one(size_t which)
{
    if (hold_count > 0) {
        size_t at = which % hold_count, bytes;
        MUST(kith_held_data(holds[at], &bytes) != NULL && bytes <= KITH_BUDGET_BYTES_MIN);
        kith_held_release(holds[at]);
        holds[at] = holds[--hold_count];
    }
}

/* ---- the application ----------------------------------------------------------------------------
 */

static void no_longer_lent(void *user, const void *bytes)
{
    (void)user;
    free((void *)(uintptr_t)bytes);
}

/* To everyone. Where nobody was tried the bytes stay ours. */
static void lend(size_t size)
{
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    size_t tried = SIZE_MAX;
    void *bytes = calloc(size + 1, 1);
    MUST(bytes != NULL);
    options.free_fn = no_longer_lent;
    if (kith_broadcast(ada->session, (unsigned)(size % 8), bytes, size, &options, NULL, &tried) !=
            KITH_OK &&
        tried == SIZE_MAX) {
        free(bytes);
    }
}

static void act(unsigned how)
{
    struct actor_friend *friend = ada->last;
    if (ada->session == NULL) {
        return;
    }
    if (how % 8 < 4) {
        size_t bytes = number(2) * (how & 8 ? 4 : 1);
        if (friend != NULL && friend->peer != NULL && ada->tickets < 2000) {
            (void)actor_say(ada, friend, how / 16 % 8, bytes, how & 128);
        }
    } else if (how % 8 == 4 && friend != NULL && friend->peer != NULL) {
        (void)kith_peer_disconnect(friend->peer, how & 128 ? "go" : NULL);
    } else if (how % 8 == 5 && ada->dial != NULL) {
        (void)kith_dial_cancel(ada->dial);
    } else if (how % 8 == 6 && ada->listener != NULL) {
        (void)kith_listener_close(ada->listener);
    } else if (how == 7 + 128) {
        (void)kith_session_close(ada->session, (uint32_t)number(2));
    } else if (how % 8 == 7 && how & 64) {
        holds_next = how >> 5 & 1;
        release_one(number(1));
    } else if (how % 8 == 7 && how & 32) {
        lend(number(2));
    } else if (how % 8 == 7 && friend != NULL && friend->peer != NULL) {
        kith_datagram_options options = {sizeof options, (uint32_t)number(1)};
        static const uint8_t bytes[KITH_DATAGRAM_BYTES_MAX];
        (void)kith_send_datagram(friend->peer, bytes, number(2) % sizeof bytes, &options);
    }
    world_settle(&world);
}

static void step(void)
{
    unsigned what = (unsigned)number(1), how;
    struct stranger *eve = &all.eves[what / 64 % INTRUDERS];
    uint8_t table[KITH_ADOPT_BYTES_MAX];
    size_t count;
    how = (unsigned)(what % 16 >= 10 ? number(1) : 0);
    if (eve->all == NULL && what % 16 < 10) {
        intruder_arrive(&all, eve, what & 1);
    }
    if (eve->all == NULL && what % 16 < 10) {
        return; /* the session is gone */
    }
    switch (what % 16) {
    case 0:
        intruder_frame(&all, eve);
        break;
    case 1: /* bytes as they are */
        count = number(1);
        count = count < all.script.left ? count : all.script.left;
        stranger_say(eve, kith_read_bytes(&all.script, count), count);
        break;
    case 2:
    case 3:
        intruder_data(&all, eve);
        break;
    case 4:
        intruder_credit(&all, eve);
        break;
    case 5:
        how = (unsigned)number(1) % 2;
        count = intruder_table(&all, (int)how, table);
        stranger_frame(eve, how ? KITH_FRAME_ADOPT : KITH_FRAME_ADOPTED, table, count);
        break;
    case 6:
        stranger_hear(eve);
        break;
    case 7:
    case 8: /* as it should be */
        intruder_shake(eve, what / 16, 0, 0);
        break;
    case 9:
        count = number(2);
        intruder_shake(eve, (unsigned)count, count / 4, (unsigned)number(1));
        break;
    case 10:
        intruder_arrive(&all, eve, how);
        break;
    case 11:
        if (eve->all != NULL) {
            stranger_hang_up(eve, (kith_reason)(KITH_REASON_LOST + how % 2));
        }
        break;
    case 12:
        world_run(&world, how * how);
        break;
    case 13: /* memory fails once, soon */
        world.bench.fail_from = world.bench.requests + 1 + how % 32;
        break;
    default:
        act(how);
        break;
    }
}

static void check(void)
{
    struct kith_session_stats stats = {0};
    size_t live = ada->count[ACTOR_CONNECTED] - ada->count[ACTOR_DEPARTED];
    MUST(world.bench.bytes <= INTRUDERS * 2 * KITH_BUDGET_BYTES_MIN + 512 * 1024);
    if (ada->session != NULL) {
        stats.size = sizeof stats;
        MUST(kith_session_get_stats(ada->session, &stats) == KITH_OK);
        MUST(stats.peers_connected == live && live <= ada->session->peer_count);
        MUST(ada->session->peer_count <= ada->session->config.max_peers);
        MUST(stats.links_authenticated <= stats.links_accepted + stats.links_dialled);
        MUST(stats.refused_auth + stats.refused_protocol + stats.refused_other <=
             stats.links_accepted + stats.links_dialled);
        MUST(ada->session->pending_count <= KITH_LINKS_PENDING_MAX);
    }
}

static void begin(unsigned how)
{
    int is_secure = how & 1;
    kith_session_config config = is_secure ? world_secure_config("Ada") : world_config("Ada");
    config.budget_bytes = KITH_BUDGET_BYTES_MIN;
    config.max_peers = 2;
    config.role = (kith_role)(how / 2 % 4 % 3);
    holds_next = 0;
    world_open(&world, 1 + how / 8 % 4);
    world.is_tampered = 1;
    memset(&all.eves, 0, sizeof all.eves);
    strangers_open(&all.strangers, &world);
    all.ada = ada = world_join(&world, &config);
    ada->hook = make_room;
    worlds_on_message = ada->session->callbacks.on_message;
    ada->session->callbacks.on_message = on_message;
    MUST(kith_listen(ada->session, is_secure ? "raws://*:1" : "raw://*:1", ada, &ada->listener) ==
         KITH_OK);
    world_settle(&world);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count < 2 || count > SCRIPT_BYTES_MAX) {
        return 0;
    }
    all.script = kith_reader_of(bytes + 2, count - 2);
    begin(bytes[0]);
    intruder_arrive(&all, &all.eves[0], bytes[1] / 8);
    for (unsigned i = 0; i < bytes[1] % 8 && i < 4; i++) {
        intruder_shake(&all.eves[0], i, 0, 0);
    }
    for (int steps = 0; all.script.left > 0 && steps < STEPS_MAX; steps++) {
        step();
        check();
    }
    world.bench.fail_from = 0;
    for (size_t i = 0; i < INTRUDERS; i++) {
        if (all.eves[i].all != NULL) {
            stranger_end(&all.eves[i]);
        }
    }
    world_run(&world, DONE_MS);
    check();
    if (ada->session != NULL) {
        MUST(kith_list_empty(&ada->session->conns) && kith_list_empty(&ada->session->peers));
        MUST(ada->session->pending_count == 0 && ada->session->peer_count == 0);
    }
    while (hold_count > 0) {
        release_one(0);
    }
    world_close(&world);
    return 0;
}
