/* SPDX-License-Identifier: MIT
 *
 * cases_packets.c: transports over datagrams: whoever can send one can send it to them, and the
 * network loses, repeats, changes and delays what it likes.
 */
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "check.h"
#include "double.h"
#include "path.h"

static struct core ada, bob;
static struct conn *at_ada, *at_bob;
static struct path path;

static void open_path(struct place *place)
{
    core_open(&ada, place);
    core_open(&bob, place);
    path_pair(&path, &ada, &bob, &at_ada, &at_bob);
}

static void close_path(void)
{
    core_close(&bob);
    core_close(&ada);
    path_close(&path);
}

static int all_came(void)
{
    return at_ada->came == at_bob->offered && at_bob->came == at_ada->offered;
}

enum { PACKET_BYTES = 1500, PATIENCE_MS = 300, NONSENSES = 2000 };

static size_t nonsense(struct place *place, uint8_t *out, size_t room)
{
    size_t count = place_below(place, room);
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint8_t)place_random(place);
    }
    switch (place_below(place, 4)) {
    case 0: /* looks like a first packet of version 1 (RFC 9000 §17.2.2) */
        if (count > 24) {
            static const uint8_t head[] = {0xc3, 0, 0, 0, 1, 8};
            memcpy(out, head, sizeof head);
            out[14] = 8;
            out[23] = 0;
        }
        break;
    case 1: /* of a version that there is not */
        if (count > 6) {
            out[0] |= 0x80;
        }
        break;
    case 2: /* a version negotiation */
        if (count > 6) {
            memset(out + 1, 0, 4);
            out[0] |= 0x80;
        }
        break;
    default:
        break;
    }
    return count;
}

/* Whatever is sent to a port, a link that stands and one that begins are well. */
static void nonsense_at_a_port(struct place *place)
{
    uint8_t bytes[PACKET_BYTES];
    uint16_t unused;
    int stranger = stranger_packets(&unused);
    struct port *port;
    struct conn *first, *second;
    core_open(&ada, place);
    core_open(&bob, place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    first = core_dial(&bob, port);
    UNTIL(place, first->ups == 1 && ada.ups == 1);
    for (int i = 0; i < NONSENSES; i++) {
        stranger_send(stranger, port->number, bytes, nonsense(place, bytes, sizeof bytes));
        if (i % 50 == 0) {
            conn_offer(first, 1000);
            place_turn(place);
        }
    }
    second = core_dial(&bob, port);
    conn_offer(second, 1000);
    UNTIL(place, second->ups == 1 && ada.ups == 2 && ada.newest->came == 1000);
    CHECK(ada.strays > 0, "nobody counted them");
    CHECK(!conn_is_down(first), "%s", first->detail);
    core_close(&bob);
    core_close(&ada);
    (void)close(stranger);
}

/* Answers are smaller than what they answer, and not to everything. */
static void answers_are_small(struct place *place)
{
    uint8_t bytes[PACKET_BYTES], answer[2 * PACKET_BYTES];
    uint16_t unused;
    int stranger = stranger_packets(&unused), count;
    struct port *port;
    core_open(&ada, place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    for (int i = 0; i < NONSENSES / 4; i++) {
        size_t sent = nonsense(place, bytes, sizeof bytes), came = 0;
        stranger_send(stranger, port->number, bytes, sent);
        place_turn(place);
        while ((count = stranger_receive(stranger, answer, sizeof answer)) >= 0) {
            came += (size_t)count;
        }
        CHECK(came <= 3 * sent, "%zu bytes are answered with %zu", sent, came);
    }
    core_close(&ada);
    (void)close(stranger);
}

/* A packet of somebody else, or of oneself from before, with a changed bit, or cut short. */
static void nonsense_on_a_link(struct place *place)
{
    uint8_t bytes[PACKET_BYTES];
    open_path(place);
    conn_offer(at_ada, 5000);
    conn_offer(at_bob, 5000);
    UNTIL(place, all_came());
    for (int i = 0; i < NONSENSES; i++) {
        int to = i % 2;
        struct wire *from = &path.ends[!to];
        size_t at = 0, which = place_below(place, from->packet_count), count;
        for (size_t k = 0; k < which; k++) {
            at += from->packets[k];
        }
        count = from->packets[which];
        if (count > sizeof bytes) {
            continue;
        }
        memcpy(bytes, from->record + at, count);
        switch (place_below(place, 4)) {
        case 0:
            bytes[place_below(place, count)] ^= (uint8_t)(1u << place_below(place, 8));
            break;
        case 1:
            count = place_below(place, count) + 1;
            break;
        case 2:
            count = nonsense(place, bytes, sizeof bytes);
            break;
        default: /* as it was */
            break;
        }
        path_inject(&path, to, bytes, count);
        if (i % 20 == 0) {
            place_turn(place);
        }
    }
    conn_offer(at_ada, 5000);
    conn_offer(at_bob, 5000);
    UNTIL(place, all_came());
    close_path();
}

/* The first packet of a dialler who never says more; and the same one again and again. */
static void a_dialler_that_breaks_off(struct place *place)
{
    uint8_t first[PACKET_BYTES];
    size_t count;
    uint16_t unused;
    int stranger = stranger_packets(&unused);
    struct port *port;
    open_path(place);
    count = path.ends[AT_DIALLER].packets[0];
    CHECK(count <= sizeof first, "%zu bytes", count);
    memcpy(first, path.ends[AT_DIALLER].record, count);
    close_path();
    core_open_with(&ada, place, KITH_SECURITY_PSK, PATIENCE_MS);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    for (int i = 0; i < 20; i++) {
        stranger_send(stranger, port->number, first, count);
        place_turn(place);
    }
    UNTIL(place, ada.accepted >= 1);
    UNTIL(place, core_alive(&ada) == 0);
    CHECK(ada.ups == 0, "it came up");
    CHECK(ada.newest->reason == KITH_REASON_TIMEOUT, "%s", ada.newest->detail);
    core_close(&ada);
    (void)close(stranger);
}

static void a_network_that_loses(struct place *place)
{
    open_path(place);
    path_spoil(&path, AT_DIALLER, 8);
    path_spoil(&path, AT_ACCEPTOR, 8);
    for (int i = 0; i < 20; i++) {
        conn_offer(at_ada, 5000);
        conn_offer(at_bob, 500);
        place_turn(place);
    }
    if (place_can(place, KITH_DRIVER_MANY_LANES)) {
        lane_offer(at_bob, 3, 300000);
        lane_offer(at_ada, 5, 100000);
        UNTIL(place, conn_lane(at_ada, 3, 0)->came == 300000 &&
                         conn_lane(at_bob, 3, 0)->done == 300000 &&
                         conn_lane(at_bob, 5, 0)->came == 100000);
    }
    UNTIL(place, all_came());
    close_path();
}

/* A handshake over it, too. */
static void shaking_hands_while_packets_are_lost(struct place *place)
{
    core_open(&ada, place);
    core_open(&bob, place);
    path_open(&path, &ada);
    path_spoil(&path, AT_DIALLER, 4);
    path_spoil(&path, AT_ACCEPTOR, 4);
    at_bob = path_dial(&path, &bob);
    conn_offer(at_bob, 1000);
    UNTIL(place, ada.ups == 1 && ada.newest->came == 1000);
    close_path();
}

/* A router gives the dialler another port: nothing is lost, and the link is the same. */
static void an_address_that_changes(struct place *place)
{
    open_path(place);
    for (int i = 0; i < 5; i++) {
        conn_offer(at_bob, 20000);
        conn_offer(at_ada, 20000);
        UNTIL(place, all_came());
        path_rebind(&path);
    }
    conn_offer(at_bob, 1);
    UNTIL(place, all_came());
    conn_offer(at_ada, 200000);
    UNTIL(place, all_came() && at_ada->moves > 0);
    CHECK(at_ada->moves <= 5 && at_bob->moves == 0, "%u and %u moves", at_ada->moves,
          at_bob->moves);
    close_path();
}

const struct test_case packet_cases[] = {
    {"nonsense_at_a_port", NEEDS_PACKETS, nonsense_at_a_port},
    {"answers_are_small", NEEDS_PACKETS, answers_are_small},
    {"packets_changed_and_repeated", NEEDS_PACKETS, nonsense_on_a_link},
    {"a_dialler_that_breaks_off", NEEDS_PACKETS, a_dialler_that_breaks_off},
    {"a_network_that_loses", NEEDS_PACKETS, a_network_that_loses},
    {"shaking_hands_while_packets_are_lost", NEEDS_PACKETS, shaking_hands_while_packets_are_lost},
    {"an_address_that_changes", NEEDS_PACKETS, an_address_that_changes},
    {NULL, 0, NULL},
};
