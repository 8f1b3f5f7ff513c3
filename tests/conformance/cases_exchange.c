/* SPDX-License-Identifier: MIT
 *
 * cases_exchange.c: control bytes on a link that is well.
 */
#include <string.h>

#include "cases.h"
#include "check.h"
#include "double.h"
#include "path.h"

static struct core ada, bob;
static struct conn *at_ada, *at_bob;

static void open_pair(struct place *place)
{
    core_open(&ada, place);
    core_open(&bob, place);
    core_pair(&ada, &bob, &at_ada, &at_bob);
}

static void close_pair(void)
{
    core_close(&bob);
    core_close(&ada);
}

static int all_came(void)
{
    return at_ada->came == at_bob->offered && at_bob->came == at_ada->offered;
}

static void bytes_both_ways(struct place *place)
{
    open_pair(place);
    CHECK(conn_can_write(at_ada) && conn_can_write(at_bob), "an idle link is not writable");
    conn_offer(at_ada, 100000);
    conn_offer(at_bob, 300000);
    UNTIL(place, all_came());
    UNTIL(place, conn_can_write(at_ada) && conn_can_write(at_bob));
    close_pair();
}

/* What the acceptor says first, and what is offered before the link is up. */
static void offered_inside_link(struct conn *conn, enum moment moment)
{
    if (moment == AT_LINK) {
        conn_offer(conn, 5000);
    }
}

static void bytes_from_the_first_moment(struct place *place)
{
    struct conn *conn;
    core_open(&ada, place);
    core_open(&bob, place);
    place->hub.handshake_us = 5000;
    ada.hook = bob.hook = offered_inside_link;
    conn = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
    conn_offer(conn, 3000);
    UNTIL(place, ada.newest != NULL && ada.newest->came == 8000 && conn->came == 5000);
    close_pair();
}

static void with_a_network_that_is_bad(struct place *place)
{
    place->hub.delay_us = 20000;
    place->hub.jitter_us = 30000;
    place->hub.bytes_per_s = 2000000;
    place->hub.loss_ppm = 50000;
    place->hub.loss_delay_us = 100000;
    place->hub.piece_bytes = 700;
    open_pair(place);
    for (int i = 0; i < 30; i++) {
        conn_offer(at_ada, place_below(place, 30000));
        conn_offer(at_bob, place_below(place, 3000));
        place_turn(place);
    }
    UNTIL(place, all_came());
    close_pair();
}

static void many_tiny_ones(struct place *place)
{
    open_pair(place);
    for (int i = 0; i < 3000; i++) {
        conn_offer(at_ada, 1 + place_below(place, 50));
        conn_offer(at_bob, 1 + place_below(place, 5));
        if (i % 3 == 0) {
            place_turn(place);
        }
    }
    UNTIL(place, all_came());
    close_pair();
}

static void little_at_a_time(struct place *place)
{
    open_pair(place);
    at_ada->bite = 1;
    at_bob->bite = 777;
    conn_offer(at_ada, 2000);
    conn_offer(at_bob, 300000);
    UNTIL(place, all_came());
    close_pair();
}

/* However much goes, what is held below the core stays small. */
enum { HUGE_BYTES = 64 * 1024 * 1024, HELD_BYTES_MAX = 1024 * 1024 };

static size_t heap_before;

static void watch_memory(struct conn *conn, enum moment moment)
{
    (void)conn;
    if (moment == AT_RX && heap_before != 0) {
        size_t now = heap_bytes();
        CHECK(now < heap_before + HELD_BYTES_MAX, "%zu bytes are held", now - heap_before);
    }
}

static void huge(struct place *place)
{
    size_t before;
    open_pair(place);
    before = place->peak_bytes = place->bytes;
    heap_before = heap_bytes();
    ada.hook = watch_memory;
    conn_offer(at_bob, HUGE_BYTES);
    conn_offer(at_ada, 1000000);
    UNTIL(place, all_came());
    CHECK(place->peak_bytes - before < HELD_BYTES_MAX, "%zu bytes were held",
          place->peak_bytes - before);
    close_pair();
}

static void many_links_of_two_endpoints(struct place *place)
{
    struct conn *conns[20];
    struct port *port;
    uint64_t came = 0;
    core_open(&ada, place);
    core_open(&bob, place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    for (size_t i = 0; i < 20; i++) {
        conns[i] = core_dial(&bob, port);
    }
    UNTIL(place, ada.ups == 20 && bob.ups == 20);
    for (size_t i = 0; i < 20; i++) {
        conn_offer(conns[i], 1000 * (i + 1));
    }
    while (came != 210000) {
        came = 0;
        for (struct kith_node *at = ada.conns.next; at != &ada.conns; at = at->next) {
            came += KITH_CONTAINER(at, struct conn, node)->came;
        }
        CHECK(came <= 210000, "%llu", (unsigned long long)came);
        if (came != 210000) {
            place_step(place, "bytes of all links");
        }
    }
    close_pair();
}

/* One endpoint may listen and dial itself. */
static void both_ends_in_one_endpoint(struct place *place)
{
    core_open(&ada, place);
    at_bob = core_dial(&ada, core_listen(&ada, "127.0.0.1", 0, NULL));
    UNTIL(place, ada.ups == 2);
    at_ada = ada.newest;
    conn_offer(at_ada, 100000);
    conn_offer(at_bob, 100000);
    UNTIL(place, all_came());
    core_close(&ada);
}

static void one_endpoint_after_the_other(struct place *place)
{
    for (int i = 0; i < 10; i++) {
        open_pair(place);
        conn_offer(at_bob, 1000);
        UNTIL(place, all_came());
        close_pair();
    }
}

static void what_is_known_of_a_link(struct place *place)
{
    struct conn *ends[2];
    open_pair(place);
    ends[0] = at_ada;
    ends[1] = at_bob;
    for (int i = 0; i < 2; i++) {
        CHECK(strcmp(ends[i]->transport, place->transport->scheme) == 0, "%s", ends[i]->transport);
        CHECK(ends[i]->address[0] != '\0', "no address");
        if (!place->transport->secure) {
            CHECK(ends[i]->info.tls_version == 0 && ends[i]->info.cipher_suite == 0 &&
                      ends[i]->cipher[0] == '\0' && ends[i]->identity[0] == '\0',
                  "a plain channel has a cipher");
        }
    }
    CHECK(!place->has_sockets || strcmp(at_ada->remote, at_ada->address) == 0,
          "accepted from %s, then from %s", at_ada->remote, at_ada->address);
    CHECK(!place->has_sockets || strncmp(at_bob->address, "127.0.0.1:", 10) == 0, "%s",
          at_bob->address);
    close_pair();
}

const struct test_case exchange_cases[] = {
    {"bytes_both_ways", 0, bytes_both_ways},
    {"bytes_from_the_first_moment", 0, bytes_from_the_first_moment},
    {"with_a_network_that_is_bad", NEEDS_HUB, with_a_network_that_is_bad},
    {"many_tiny_ones", 0, many_tiny_ones},
    {"little_at_a_time", 0, little_at_a_time},
    {"huge", 0, huge},
    {"many_links_of_two_endpoints", 0, many_links_of_two_endpoints},
    {"both_ends_in_one_endpoint", 0, both_ends_in_one_endpoint},
    {"one_endpoint_after_the_other", 0, one_endpoint_after_the_other},
    {"what_is_known_of_a_link", 0, what_is_known_of_a_link},
    {NULL, 0, NULL},
};
