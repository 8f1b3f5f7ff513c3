/* SPDX-License-Identifier: MIT
 *
 * cases_address.c: where to listen and dial, and every way in which a link does not come about.
 */
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "check.h"
#include "double.h"
#include "path.h"

static struct core ada, bob;

static void open_both(struct place *place)
{
    core_open(&ada, place);
    core_open(&bob, place);
}

static void close_both(void)
{
    core_close(&bob);
    core_close(&ada);
}

/* A dial that comes to nothing, and how. */
static void expect_failure(struct conn *conn, kith_reason reason)
{
    UNTIL(conn->core->place, conn_is_down(conn));
    CHECK(conn->ups == 0, "it came up");
    CHECK(conn->reason == reason, "%s: %s", kith_reason_name(conn->reason), conn->detail);
}

static void any_port_is_a_real_one(struct place *place)
{
    struct port *one, *two;
    struct conn *conn;
    open_both(place);
    one = core_listen(&ada, "127.0.0.1", 0, NULL);
    two = core_listen(&ada, "127.0.0.1", 0, NULL);
    CHECK(one->number != two->number, "twice port %u", one->number);
    conn = core_dial(&bob, two);
    UNTIL(place, conn->ups == 1 && ada.ups == 1);
    close_both();
}

static void a_port_in_use(struct place *place)
{
    struct port *one;
    struct conn *conn;
    kith_err err;
    open_both(place);
    one = core_listen(&ada, "127.0.0.1", 0, NULL);
    CHECK(core_listen(&bob, "127.0.0.1", one->number, &err) == NULL, "both listen there");
    CHECK(err == KITH_ERR_IN_USE, "%s", kith_err_name(err));
    CHECK(kith_detail()[0] != '\0', "no detail");
    /* Also while a link that came in there still stands. */
    conn = core_dial(&bob, one);
    UNTIL(place, conn->ups == 1 && ada.ups == 1);
    port_end(one);
    if (place->transport->packets) {
        /* The link uses the port's socket; its own core may listen there again all the same. */
        CHECK(core_listen(&bob, "127.0.0.1", one->number, &err) == NULL && err == KITH_ERR_IN_USE,
              "%s", kith_err_name(err));
        port_end(core_listen(&ada, "127.0.0.1", one->number, NULL));
        conn_offer(conn, 1000);
        UNTIL(place, ada.newest->came == 1000);
        conn_close(conn, KITH_REASON_LEFT, 1);
        UNTIL(place, core_alive(&ada) == 0);
    }
    (void)core_listen(&bob, "127.0.0.1", one->number, NULL);
    place_idle(place);
    CHECK(place->transport->packets || !conn_is_down(conn), "the link ended with its port");
    close_both();
}

static void all_addresses(struct place *place)
{
    struct port *port;
    struct conn *conn;
    open_both(place);
    port = core_listen(&ada, "*", 0, NULL);
    conn = core_dial_address(&bob, place->transport->scheme, "127.0.0.1", port->number, NULL);
    UNTIL(place, conn->ups == 1 && ada.ups == 1);
    close_both();
}

static void ipv6(struct place *place)
{
    struct port *port;
    struct conn *conn;
    kith_err err;
    open_both(place);
    port = core_listen(&ada, "::1", 0, &err);
    if (port != NULL) {
        CHECK(strcmp(port->host, "::1") == 0, "%s", port->url);
        conn = core_dial(&bob, port);
        UNTIL(place, conn->ups == 1 && ada.ups == 1);
        CHECK(strncmp(conn->address, "[::1]:", 6) == 0, "%s", conn->address);
    } else {
        CHECK(err == KITH_ERR_ADDRESS, "%s", kith_err_name(err)); /* a machine without */
    }
    close_both();
}

static void no_such_address(struct place *place)
{
    kith_err err;
    core_open(&ada, place);
    CHECK(core_listen(&ada, "192.0.2.1", 0, &err) == NULL, "it listens");
    CHECK(err == KITH_ERR_ADDRESS, "%s", kith_err_name(err));
    CHECK(core_listen(&ada, "no address", 0, &err) == NULL, "it listens");
    CHECK(err == KITH_ERR_ADDRESS, "%s", kith_err_name(err));
    CHECK(core_dial_address(&ada, place->transport->scheme, "no address", 1, &err) == NULL,
          "it dials");
    CHECK(err == KITH_ERR_ADDRESS, "%s", kith_err_name(err));
    core_close(&ada);
}

static void the_other_kind_of_scheme(struct place *place)
{
    kith_err err;
    core_open(&ada, place);
    CHECK(core_dial_address(&ada, place->transport->other_scheme, "127.0.0.1", 1, &err) == NULL,
          "it dials");
    CHECK(err == KITH_ERR_CONFIG, "%s", kith_err_name(err));
    core_close(&ada);
}

static void nobody_listens(struct place *place)
{
    struct port *port;
    struct conn *conn;
    open_both(place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    port_end(port);
    conn = core_dial(&bob, port);
    expect_failure(conn, KITH_REASON_REFUSED);
    close_both();
}

static void no_route(struct place *place)
{
    struct conn *conn;
    core_open(&ada, place);
    place->hub.unreachable = 1;
    /* TCP has no use for the address of everybody. */
    conn = core_dial_address(&ada, place->transport->scheme, "255.255.255.255", 9, NULL);
    expect_failure(conn, KITH_REASON_UNREACHABLE);
    core_close(&ada);
}

static void a_core_that_takes_nobody(struct place *place)
{
    struct conn *conn;
    open_both(place);
    ada.refuses = 1;
    conn = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
    UNTIL(place, conn_is_down(conn));
    CHECK(conn->ups == 0 && ada.accepted == 1, "%zu accepted", ada.accepted);
    close_both();
}

/* ---- giving up --------------------------------------------------------------------------- */

/* Closes a dial that many turns after it began. 1 when it had come up already. */
static int cancel_after(struct place *place, int turns, int flush)
{
    struct port *port;
    struct conn *conn;
    int was_up;
    open_both(place);
    place->hub.handshake_us = 1000;
    place->hub.delay_us = 300;
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    conn = core_dial(&bob, port);
    for (int i = 0; i < turns && !conn_is_down(conn); i++) {
        place_step(place, "a turn of the handshake");
    }
    CHECK(!conn_is_down(conn), "%s: %s", kith_reason_name(conn->reason), conn->detail);
    was_up = conn->ups == 1;
    conn_close(conn, KITH_REASON_LOCAL, flush);
    conn_close(conn, KITH_REASON_LOCAL, flush);
    CHECK(conn->downs == 0, "down inside close()");
    UNTIL(place, conn_is_down(conn) && core_alive(&ada) == 0);
    CHECK(conn->reason == KITH_REASON_LOCAL, "%s", kith_reason_name(conn->reason));
    CHECK(conn->ups == (unsigned)was_up, "it came up after close()");
    close_both();
    return was_up;
}

static void given_up_at_every_step(struct place *place)
{
    int turns = 0;
    while (!cancel_after(place, turns, turns % 2)) {
        CHECK(++turns < 1000, "it never comes up");
    }
}

/* The acceptor gives up instead, as soon as it knows of the link and at every step after. */
static void given_up_by_the_acceptor(struct place *place)
{
    for (int turns = 0;; turns++) {
        int was_up;
        struct conn *conn;
        open_both(place);
        place->hub.handshake_us = 1000;
        conn = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
        UNTIL(place, ada.newest != NULL);
        for (int i = 0; i < turns && ada.newest->ups == 0; i++) {
            place_step(place, "a turn of the handshake");
        }
        was_up = ada.newest->ups == 1;
        CHECK(!conn_is_down(ada.newest), "%s", ada.newest->detail);
        conn_close(ada.newest, KITH_REASON_FULL, turns % 2);
        UNTIL(place, conn_is_down(conn) && conn_is_down(ada.newest));
        CHECK(ada.newest->reason == KITH_REASON_LOCAL, "%s", ada.newest->detail);
        CHECK(conn->reason != KITH_REASON_LOCAL, "%s", conn->detail);
        close_both();
        if (was_up) {
            return;
        }
        CHECK(turns < 1000, "it never comes up");
    }
}

static void close_the_port(struct conn *conn, enum moment moment)
{
    if (moment == AT_ACCEPTED) {
        port_end(conn->core->hook_user);
    }
}

static void port_closed_inside_accepted(struct place *place)
{
    struct conn *first, *second;
    open_both(place);
    ada.hook_user = core_listen(&ada, "127.0.0.1", 0, NULL);
    ada.hook = close_the_port;
    first = core_dial(&bob, ada.hook_user);
    second = core_dial(&bob, ada.hook_user);
    UNTIL(place,
          first->ups + second->ups == 1 && first->downs + second->downs == 1 && ada.ups == 1);
    CHECK(ada.accepted == 1, "%zu accepted", ada.accepted);
    close_both();
}

static void close_inside_accepted(struct conn *conn, enum moment moment)
{
    if (moment == AT_ACCEPTED) {
        conn_close(conn, KITH_REASON_FULL, 1);
    }
}

static void link_closed_inside_accepted(struct place *place)
{
    struct conn *conn;
    open_both(place);
    ada.hook = close_inside_accepted;
    conn = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
    UNTIL(place, conn_is_down(conn) && core_alive(&ada) == 0);
    CHECK(ada.newest->reason == KITH_REASON_LOCAL && conn->ups == 0, "%s", conn->detail);
    close_both();
}

/* ---- deadlines --------------------------------------------------------------------------- */

enum { SHORT_MS = 150 };

static void open_bounded(struct core *core, struct place *place, uint32_t handshake_ms)
{
    core_open_with(core, place, place->transport->secure ? KITH_SECURITY_PSK : KITH_SECURITY_NONE,
                   handshake_ms);
}

static void open_impatient(struct core *core, struct place *place)
{
    open_bounded(core, place, SHORT_MS);
}

static void a_handshake_that_takes_too_long(struct place *place)
{
    uint64_t begin_us;
    struct conn *conn;
    open_impatient(&ada, place);
    open_impatient(&bob, place);
    place->hub.handshake_us = 10 * SHORT_MS * 1000;
    begin_us = place->env->now_us;
    conn = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
    expect_failure(conn, KITH_REASON_TIMEOUT);
    CHECK(place->env->now_us - begin_us >= SHORT_MS * 1000, "too early");
    UNTIL(place, core_alive(&ada) == 0);
    close_both();
}

static void an_acceptor_that_says_nothing(struct place *place)
{
    struct conn *conn;
    uint16_t number;
    int listener = place->transport->packets ? stranger_packets(&number) : stranger_listen(&number);
    uint64_t begin_us = place->env->now_us;
    open_impatient(&bob, place);
    conn = core_dial_address(&bob, place->transport->scheme, "127.0.0.1", number, NULL);
    expect_failure(conn, KITH_REASON_TIMEOUT);
    CHECK(place->env->now_us - begin_us >= SHORT_MS * 1000, "too early");
    core_close(&bob);
    (void)close(listener);
}

static void a_dialler_that_says_nothing(struct place *place)
{
    int stranger;
    open_impatient(&ada, place);
    stranger = stranger_connect(core_listen(&ada, "127.0.0.1", 0, NULL)->number);
    UNTIL(place, ada.newest != NULL && conn_is_down(ada.newest));
    CHECK(ada.newest->reason == KITH_REASON_TIMEOUT, "%s", ada.newest->detail);
    UNTIL(place, stranger_has_ended(stranger));
    core_close(&ada);
    (void)close(stranger);
}

/* 1 when both ends were up in time. */
static int pair_within(struct place *place, uint32_t handshake_ms, struct conn **at_bob)
{
    open_bounded(&ada, place, handshake_ms);
    open_bounded(&bob, place, handshake_ms);
    *at_bob = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
    UNTIL(place, bob.downs > 0 || ada.downs > 0 || (bob.ups == 1 && ada.ups == 1));
    if (bob.downs + ada.downs == 0) {
        return 1;
    }
    close_both();
    return 0;
}

/* It bounds the handshake and nothing after. A machine that is busy needs more time. */
static void the_deadline_ends_with_the_handshake(struct place *place)
{
    uint64_t until_us;
    uint32_t handshake_ms = SHORT_MS;
    struct conn *at_bob;
    place->hub.delay_us = 1000;
    while (!pair_within(place, handshake_ms, &at_bob)) {
        handshake_ms *= 2;
    }
    until_us = place->env->now_us + 3000 * (uint64_t)handshake_ms;
    while (place->env->now_us <= until_us) {
        conn_offer(at_bob, 1);
        place_turn(place);
    }
    CHECK(bob.downs + ada.downs == 0, "%s; %s", at_bob->detail, ada.newest->detail);
    close_both();
}

const struct test_case address_cases[] = {
    {"any_port_is_a_real_one", 0, any_port_is_a_real_one},
    {"a_port_in_use", 0, a_port_in_use},
    {"all_addresses", 0, all_addresses},
    {"ipv6", NEEDS_SOCKETS, ipv6},
    {"no_such_address", NEEDS_SOCKETS, no_such_address},
    {"the_other_kind_of_scheme", NEEDS_OTHER, the_other_kind_of_scheme},
    {"nobody_listens", 0, nobody_listens},
    {"no_route", 0, no_route},
    {"a_core_that_takes_nobody", 0, a_core_that_takes_nobody},
    {"given_up_at_every_step", 0, given_up_at_every_step},
    {"given_up_by_the_acceptor", 0, given_up_by_the_acceptor},
    {"port_closed_inside_accepted", 0, port_closed_inside_accepted},
    {"link_closed_inside_accepted", 0, link_closed_inside_accepted},
    {"a_handshake_that_takes_too_long", NEEDS_HUB, a_handshake_that_takes_too_long},
    {"an_acceptor_that_says_nothing", NEEDS_SOCKETS, an_acceptor_that_says_nothing},
    {"a_dialler_that_says_nothing", NEEDS_TCP, a_dialler_that_says_nothing},
    {"the_deadline_ends_with_the_handshake", 0, the_deadline_ends_with_the_handshake},
    {NULL, 0, NULL},
};
