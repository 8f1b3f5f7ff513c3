/* SPDX-License-Identifier: MIT
 *
 * attack_test.c: every byte from an attacker: garbage, handshakes with something wrong somewhere,
 * and authenticated peers that send whatever they like. From seeds, thousands of them. Nothing may
 * crash, leak, hang, or take more memory than one peer has a right to; the world's own checks see
 * to the rest.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "protocol/frame.h"
#include "stranger.h"

static struct world world;
static struct strangers strangers;
static struct stranger eve;
static struct actor *ada;

static size_t below(size_t bound)
{
    return bench_below(&world.bench.random, bound);
}

static void open_world(uint64_t seed, int secure)
{
    kith_session_config config = secure ? world_secure_config("Ada") : world_config("Ada");
    config.budget_bytes = KITH_BUDGET_BYTES_MIN;
    world_open(&world, seed);
    world.is_tampered = 1;
    strangers_open(&strangers, &world);
    ada = world_join(&world, &config);
    cr_assert_eq(
        kith_listen(ada->session, secure ? "raws://*:1" : "raw://*:1", ada, &ada->listener),
        KITH_OK);
    world_settle(&world);
}

static void close_world(void)
{
    stranger_end(&eve);
    world_run(&world, 12000);
    cr_assert_eq(kith_list_empty(&ada->session->conns), 1);
    cr_assert_leq(world.bench.peak_bytes, 2 * KITH_BUDGET_BYTES_MIN + 512 * 1024, "%zu",
                  world.bench.peak_bytes);
    world_close(&world);
}

/* ---- garbage ----------------------------------------------------------------------------------
 */

Test(attack, garbage)
{
    for (uint64_t seed = 1; seed <= bench_rounds(3000); seed++) {
        uint8_t bytes[600];
        open_world(seed, seed % 2 == 0);
        stranger_make(&eve, &strangers, ada, 0);
        if (seed % 3 == 0) {
            stranger_is_dialled(&eve, ada);
        } else {
            cr_assert(stranger_connect(&eve));
        }
        for (int i = 0; i < 10; i++) {
            size_t count = below(sizeof bytes);
            bench_fill(&world.bench.random, bytes, count);
            stranger_say(&eve, bytes, count);
            stranger_hear(&eve);
        }
        cr_assert_eq(ada->count[ACTOR_CONNECTED], 0);
        close_world();
    }
}

/* ---- mutated ----------------------------------------------------------------------------------
 */

static unsigned mutate_one_in; /* frames; 0 = none */

static size_t change(uint8_t *bytes, size_t count, size_t room)
{
    size_t at = below(count);
    switch (below(7)) {
    case 0: /* a bit */
        bytes[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1: /* a byte */
        bytes[at] = (uint8_t)below(256);
        break;
    case 2: /* cut off */
        return at;
    case 3: /* a byte less */
        memmove(bytes + at, bytes + at + 1, count - at - 1);
        return count - 1;
    case 4: /* a byte more */
        if (count < room) {
            memmove(bytes + at + 1, bytes + at, count - at);
            return count + 1;
        }
        break;
    case 5: /* some bytes of random */
        bench_fill(&world.bench.random, bytes + at, below(count - at) + 1);
        break;
    default: /* the largest number */
        memset(bytes + at, 0xff, count - at < 8 ? count - at : 8);
        break;
    }
    return count;
}

/* Sends a frame, mostly as it should be, in one piece or in several. */
static void send(uint64_t type, const uint8_t *body, size_t length)
{
    static uint8_t bytes[80000];
    struct kith_writer to = kith_writer_of(bytes, sizeof bytes - 1);
    size_t count, at = 0;
    kith_write_frame(&to, type, body, length);
    cr_assert(!to.broken);
    count = kith_written(&to);
    if (mutate_one_in != 0 && below(mutate_one_in) == 0) {
        count = change(bytes, count, sizeof bytes);
    }
    while (at < count) {
        size_t part = below(3) == 0 ? below(count - at) + 1 : count - at;
        stranger_say(&eve, bytes + at, part);
        at += part;
    }
    if (below(2) == 0) {
        stranger_hear(&eve);
    }
}

static uint64_t some_number(void)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     7,
                                     8,
                                     63,
                                     64,
                                     16383,
                                     1 << 20,
                                     1 << 30,
                                     KITH_VARINT_MAX - 1,
                                     16384,
                                     65536,
                                     (1u << 20) + 1,
                                     32768,
                                     KITH_VARINT_MAX};
    return below(3) == 0 ? below(100) : edges[below(sizeof edges / sizeof edges[0])];
}

static size_t some_numbers(uint8_t *out, size_t room, size_t count)
{
    struct kith_writer to = kith_writer_of(out, room);
    while (count-- > 0) {
        kith_write_varint(&to, some_number());
    }
    return kith_written(&to);
}

/* A table, more or less. */
static size_t some_adopt(uint8_t *out, int with_fresh)
{
    struct kith_adopt adopt = {1 + below(4), 1 + below(4), (uint8_t)below(2), 8, below(9), {{0}}};
    for (size_t i = 0; i < adopt.lane_count; i++) {
        uint64_t limit = some_number() % KITH_VARINT_MAX;
        adopt.lanes[i] =
            (struct kith_credit){i, below(3) == 0 ? some_number() % (limit + 1) : 0, 0, limit};
    }
    return kith_adopt_encode(&adopt, with_fresh, out);
}

/* What an authenticated peer may send, with any numbers. offset: where its lane 0 stands. */
static void send_something(uint64_t *offset)
{
    static uint8_t body[70000];
    size_t count;
    memset(body, (int)below(4), 3000);
    switch (below(12)) {
    case 0: /* the next bytes of lane 0, a record's beginning among them */
    case 1:
    case 2:
    case 3: {
        struct kith_writer to = kith_writer_of(body, sizeof body);
        size_t bytes = below(2000);
        kith_write_varint(&to, 0);
        kith_write_varint(&to, *offset);
        kith_write_uint(&to, 0, 1);
        if (bytes > 8 && below(2) == 0) {
            struct kith_writer record = kith_writer_of(to.at, to.left);
            kith_write_varint(&record, below(3) == 0 ? below(200000) : bytes - 4);
        }
        send(KITH_FRAME_DATA, body, kith_written(&to) + bytes);
        *offset += bytes;
        break;
    }
    case 4: /* any DATA */
        count = some_numbers(body, sizeof body, 2);
        body[count++] = (uint8_t)(below(8) == 0);
        send(KITH_FRAME_DATA, body, count + below(50));
        break;
    case 5: /* credit that is true */
    case 6: {
        unsigned lane = (unsigned)below(8);
        uint64_t sent =
            ada->last != NULL && ada->last->peer != NULL ? ada->last->peer->tx[lane].highest : 0;
        uint64_t received = sent == 0 ? 0 : below((size_t)sent + 1);
        struct kith_credit credit = {lane, received, below((size_t)received + 1),
                                     received + some_number() % (1u << 30)};
        send(KITH_FRAME_CREDIT, body, kith_credit_encode(&credit, body));
        break;
    }
    case 7: /* any credit */
        send(KITH_FRAME_CREDIT, body, some_numbers(body, 32, 4));
        break;
    case 8:
        send(below(2) ? KITH_FRAME_PING : KITH_FRAME_PONG, body, 8);
        break;
    case 9:
        count = some_adopt(body, below(2) == 0);
        send(below(2) ? KITH_FRAME_ADOPT : KITH_FRAME_ADOPTED, body, count);
        break;
    case 10: /* one that may be skipped, or may not */
        send(0x21 + below(20), body, below(3000));
        break;
    default:
        if (below(10) == 0) {
            body[0] = (uint8_t)below(30);
            send(KITH_FRAME_CLOSE, body, 1 + below(100));
        }
        break;
    }
}

static void talk_to_ada(void)
{
    for (int i = 0; i < 2; i++) {
        if (ada->last != NULL && ada->last->peer != NULL && ada->tickets < 1000) {
            (void)actor_say(ada, ada->last, (unsigned)below(8), below(1u << below(18)), 1);
        }
    }
    world_run_us(&world, below(400000));
}

/* A whole handshake, as dialer or acceptor, then `frames` frames of anything. */
static void attack(uint64_t seed, unsigned one_in, int frames)
{
    const struct kith_info info = {.name = "Eve"};
    uint8_t body[KITH_INFO_OWN_BYTES_MAX], out[KITH_ADOPT_BYTES_MAX];
    const uint8_t *came;
    uint64_t offset = 0;
    size_t length;
    int secure = seed % 2 == 0;
    open_world(seed, secure);
    mutate_one_in = one_in;
    stranger_make(&eve, &strangers, ada, seed % 4 < 2 ? 1 : -1);
    if (seed % 3 == 0) {
        stranger_is_dialled(&eve, ada);
    } else {
            cr_assert(stranger_connect(&eve));
    }
    eve.auth.binding_type = secure ? KITH_BINDING_EXPORTER : KITH_BINDING_NONE;
    kith_hello_encode(&eve.hello, eve.hello_sent);
    send(KITH_FRAME_HELLO, eve.hello_sent, KITH_HELLO_BYTES);
    if (stranger_find(&eve, KITH_FRAME_HELLO, &came, &length)) {
        memcpy(eve.hello_came, came, KITH_HELLO_BYTES);
        send(KITH_FRAME_AUTH, body, stranger_sign_auth(&eve, body));
        send(KITH_FRAME_INFO, body, kith_info_encode(&info, body));
        if (stranger_find(&eve, KITH_FRAME_ADOPT, &came, &length) &&
            kith_adopt_decode(came, length, 1, &eve.adopt)) {
            send(KITH_FRAME_ADOPTED, out, kith_adopt_encode(&eve.adopt, 0, out));
        } else {
            send(KITH_FRAME_ADOPT, out, some_adopt(out, 1));
        }
        while (frames-- > 0 && !eve.was_closed) {
            send_something(&offset);
            talk_to_ada();
        }
    }
    close_world();
}

Test(attack, mutated_handshakes)
{
    for (uint64_t seed = 1; seed <= bench_rounds(2000); seed++) {
        attack(seed, 3, 3);
    }
}

Test(attack, peers_that_send_anything)
{
    unsigned connected = 0;
    for (uint64_t seed = 1; seed <= bench_rounds(2000); seed++) {
        attack(seed, 0, 40);
        connected += ada->count[ACTOR_CONNECTED];
    }
    cr_assert_geq(connected, bench_rounds(1000), "only %u got as far as that", connected);
}

Test(attack, peers_that_send_anything_mutated)
{
    for (uint64_t seed = 10000; seed < 10000 + bench_rounds(2000); seed++) {
        attack(seed, 10, 40);
    }
}

/* Somebody who closes and comes back, again and again, while others talk. */
Test(attack, coming_and_going)
{
    open_world(1, 0);
    for (uint64_t i = 0; i < bench_rounds(500); i++) {
        stranger_make(&eve, &strangers, ada, 0);
        cr_assert(stranger_connect(&eve));
        stranger_shake(&eve);
        cr_assert_eq(kith_send(ada->last->peer, 0, "x", 1, NULL), KITH_OK);
        stranger_hang_up(&eve, KITH_REASON_LOST);
        stranger_end(&eve);
        actor_expect(ada, 0, 0);
        ada->friend_count = 0;
    }
    cr_assert_leq(world.bench.peak_bytes, 64 * 1024);
    world_close(&world);
}
