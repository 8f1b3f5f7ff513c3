/* SPDX-License-Identifier: MIT
 *
 * cases_hostile.c: strangers on plain sockets who do not speak the transport, or stop to.
 */
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "check.h"
#include "double.h"
#include "path.h"

static struct core ada, bob;

static void fill(struct place *place, uint8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint8_t)place_random(place);
    }
}

/* Random bytes, those that begin like something, and things of others. */
static size_t nonsense(struct place *place, int number, uint8_t *out, size_t room)
{
    static const char *const known[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\x16\x03\x01\xff\xff\x01",
        "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
        "\x15\x03\x03\x00\x02\x02\x28",
        "\x17\x03\x03\x40\x01zzzz",
    };
    const size_t known_count = sizeof known / sizeof *known;
    size_t count = 1 + place_below(place, room);
    if ((size_t)number < known_count) {
        /* Some of them have zeros inside: more than enough of each. */
        count = strlen(known[number]);
        memcpy(out, known[number], count);
        return count;
    }
    fill(place, out, count);
    if (number % 3 == 1) {
        out[0] = 0x16;
    } else if (number % 3 == 2) {
        memcpy(out, "GET / HTTP/1.1\r\n", count < 16 ? count : 16);
    }
    return count;
}

enum { NONSENSES = 60, NONSENSE_BYTES = 3000, PATIENCE_MS = 300 };

static void open_impatient(struct core *core, struct place *place)
{
    core_open_with(core, place, place->transport->secure ? KITH_SECURITY_PSK : KITH_SECURITY_NONE,
                   PATIENCE_MS);
}

static void a_dialler_talks_nonsense(struct place *place)
{
    uint8_t bytes[NONSENSE_BYTES];
    int strangers[NONSENSES];
    struct port *port;
    open_impatient(&ada, place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    for (int i = 0; i < NONSENSES; i++) {
        strangers[i] = stranger_connect(port->number);
        stranger_say(strangers[i], bytes, nonsense(place, i, bytes, sizeof bytes));
        if (i % 4 == 3) { /* the others wait to be thrown out */
            (void)close(strangers[i]);
            strangers[i] = -1;
        }
    }
    UNTIL(place, ada.accepted == NONSENSES && core_alive(&ada) == 0);
    CHECK(ada.ups == 0, "it came up");
    for (int i = 0; i < NONSENSES; i++) {
        UNTIL(place, strangers[i] < 0 || stranger_has_ended(strangers[i]));
        (void)(strangers[i] < 0 ? 0 : close(strangers[i]));
    }
    core_close(&ada);
}

static void an_acceptor_talks_nonsense(struct place *place)
{
    uint8_t bytes[NONSENSE_BYTES];
    uint16_t number;
    int listener = stranger_listen(&number);
    open_impatient(&bob, place);
    for (int i = 0; i < NONSENSES / 2; i++) {
        struct conn *conn =
            core_dial_address(&bob, place->transport->scheme, "127.0.0.1", number, NULL);
        int stranger;
        UNTIL(place, (stranger = stranger_accept(listener)) >= 0);
        stranger_say(stranger, bytes, nonsense(place, i, bytes, sizeof bytes));
        if (i % 2 == 0) {
            (void)close(stranger);
        }
        UNTIL(place, conn_is_down(conn));
        CHECK(conn->ups == 0, "it came up");
        if (i % 2 != 0) {
            (void)close(stranger);
        }
    }
    (void)close(listener);
    core_close(&bob);
}

/* ---- real beginnings, cut short ---------------------------------------------------------- */

static uint8_t spoken[PATH_RECORD_BYTES];

/* What the dialler says in a real handshake, and for TLS so in answers to others. */
static size_t overhear(struct place *place)
{
    struct conn *at_ada, *at_bob;
    struct path path;
    size_t count;
    core_open(&ada, place);
    core_open(&bob, place);
    path_pair(&path, &ada, &bob, &at_ada, &at_bob);
    count = path.ends[AT_DIALLER].recorded;
    memcpy(spoken, path.ends[AT_DIALLER].record, count);
    core_close(&bob);
    core_close(&ada);
    path_close(&path);
    return count;
}

static void a_handshake_that_breaks_off(struct place *place)
{
    int silent[100];
    size_t count = overhear(place), tried = 0, silent_count = 0;
    struct port *port;
    CHECK(count > 50, "%zu bytes", count);
    open_impatient(&ada, place);
    ada.content_free = 1;
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    for (size_t at = 1; at <= count; at += 1 + count / 50) {
        int stranger = stranger_connect(port->number);
        stranger_say(stranger, spoken, at);
        tried++;
        UNTIL(place, ada.accepted == tried);
        place_idle(place);
        if (tried % 3 == 0 && at < count / 2) {
            silent[silent_count++] = stranger; /* until it is thrown out */
        } else {
            (void)close(stranger);
        }
    }
    UNTIL(place, core_alive(&ada) == 0);
    while (silent_count > 0) {
        UNTIL(place, stranger_has_ended(silent[--silent_count]));
        (void)close(silent[silent_count]);
    }
    CHECK(!place->transport->secure || ada.ups == 0, "a record of a handshake was good again");
    core_close(&ada);
}

/* One bit at a time. */
static void a_handshake_with_an_error(struct place *place)
{
    size_t count = overhear(place);
    struct port *port;
    size_t tried = 0;
    open_impatient(&ada, place);
    ada.content_free = 1;
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    for (size_t at = 0; at < count; at += 1 + count / 50) {
        int stranger = stranger_connect(port->number);
        spoken[at] ^= (uint8_t)(1u << place_below(place, 8));
        stranger_say(stranger, spoken, count);
        tried++;
        UNTIL(place, ada.accepted == tried);
        place_idle(place);
        (void)close(stranger);
    }
    UNTIL(place, core_alive(&ada) == 0);
    core_close(&ada);
}

/* ---- on a link that stands --------------------------------------------------------------- */

static int is_a_stranger_s_end(const struct conn *conn)
{
    return conn->reason == KITH_REASON_PROTOCOL || conn->reason == KITH_REASON_LOST;
}

static void nonsense_on_a_link(struct place *place)
{
    uint8_t bytes[NONSENSE_BYTES];
    for (int i = 0; i < 20; i++) {
        struct conn *at_ada, *at_bob;
        struct path path;
        size_t count = sizeof bytes;
        core_open(&ada, place);
        core_open(&bob, place);
        ada.content_free = bob.content_free = 1;
        path_pair(&path, &ada, &bob, &at_ada, &at_bob);
        fill(place, bytes, count);
        path_inject(&path, i % 2, bytes, count);
        /* As a frame it may be the beginning of a long one; then its end is not waited for. */
        for (int turns = 0; turns < 10 && !conn_is_down(i % 2 ? at_bob : at_ada); turns++) {
            place_idle(place);
        }
        if (!conn_is_down(i % 2 ? at_bob : at_ada)) {
            CHECK(!place->transport->secure || count < 20000, "nonsense passes for a TLS record");
            path_cut(&path);
        }
        UNTIL(place, conn_is_down(at_ada) && conn_is_down(at_bob));
        CHECK(is_a_stranger_s_end(at_ada), "%s", at_ada->detail);
        CHECK(is_a_stranger_s_end(at_bob), "%s", at_bob->detail);
        core_close(&bob);
        core_close(&ada);
        path_close(&path);
    }
}

/* An open port does not suffer from who comes and goes. */
static void after_all_that_the_port_is_well(struct place *place)
{
    uint8_t bytes[NONSENSE_BYTES];
    struct port *port;
    struct conn *conn;
    core_open(&ada, place);
    core_open(&bob, place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    for (int i = 0; i < 100; i++) {
        int stranger = stranger_connect(port->number);
        if (i % 2 == 0) {
            stranger_say(stranger, bytes, nonsense(place, i, bytes, sizeof bytes));
        }
        (void)close(stranger);
    }
    conn = core_dial(&bob, port);
    conn_offer(conn, 10000);
    UNTIL(place, ada.ups == 1 && ada.newest->came == 10000);
    core_close(&bob);
    core_close(&ada);
}

const struct test_case hostile_cases[] = {
    {"a_dialler_talks_nonsense", NEEDS_TCP, a_dialler_talks_nonsense},
    {"an_acceptor_talks_nonsense", NEEDS_TCP, an_acceptor_talks_nonsense},
    {"a_handshake_that_breaks_off", NEEDS_TCP, a_handshake_that_breaks_off},
    {"a_handshake_with_an_error", NEEDS_TCP, a_handshake_with_an_error},
    {"nonsense_on_a_link", NEEDS_TCP, nonsense_on_a_link},
    {"after_all_that_the_port_is_well", NEEDS_TCP, after_all_that_the_port_is_well},
    {NULL, 0, NULL},
};
