/* SPDX-License-Identifier: MIT
 *
 * cases_scarcity.c: no memory, no descriptors. Links and ports may fail for it, in good order; what
 * is left over is well afterwards.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cases.h"
#include "check.h"
#include "double.h"

static struct core ada, bob;

/* ---- memory ------------------------------------------------------------------------------ */

enum { BYTES = 100000, IMPATIENT_MS = 200 };

static kith_err open_one(struct core *core, struct place *place)
{
    return core_try_open(core, place,
                         place->transport->secure ? KITH_SECURITY_PSK : KITH_SECURITY_NONE,
                         IMPATIENT_MS);
}

static int is_settled(const struct conn *conn)
{
    return conn_is_down(conn) || (ada.newest != NULL && conn_is_down(ada.newest)) ||
           (conn->came == BYTES && ada.newest != NULL && ada.newest->came == BYTES);
}

/* Bytes both ways, or an end. */
static void talk(struct place *place)
{
    kith_err err;
    struct conn *conn = NULL;
    struct port *port = core_listen(&ada, "127.0.0.1", 0, &err);
    CHECK(port != NULL || err == KITH_ERR_NOMEM || err == KITH_ERR_IO, "%s", kith_err_name(err));
    if (port != NULL) {
        conn = core_dial_address(&bob, place->transport->scheme, port->host, port->number, &err);
        CHECK(conn != NULL || err == KITH_ERR_NOMEM, "%s", kith_err_name(err));
    }
    if (conn != NULL) {
        UNTIL(place, conn->ups + conn->downs > 0);
        conn->offered = BYTES;
        UNTIL(place, conn_is_down(conn) || ada.newest != NULL);
        if (!conn_is_down(conn)) {
            conn_offer(conn, 0);
        }
        UNTIL(place, conn_is_down(conn) || ada.newest->ups + ada.newest->downs > 0);
        if (ada.newest != NULL && !conn_is_down(ada.newest)) {
            conn_offer(ada.newest, BYTES);
        }
        UNTIL(place, is_settled(conn));
    }
}

/* 1 when there was a request of that number. */
static int talk_without(struct place *place, uint64_t request)
{
    uint64_t first = place->requests;
    kith_err err;
    place->fail_at = first + request;
    err = open_one(&ada, place);
    CHECK(err == KITH_OK || err == KITH_ERR_NOMEM || err == KITH_ERR_IO, "%s", kith_err_name(err));
    if (err == KITH_OK) {
        err = open_one(&bob, place);
        if (err == KITH_OK) {
            talk(place);
            core_close(&bob);
        }
        core_close(&ada);
    }
    return place->requests >= place->fail_at;
}

static void no_memory_once(struct place *place)
{
    uint64_t request = 1;
    place->hub.delay_us = 100;
    while (talk_without(place, request)) {
        CHECK(++request < 10000, "no end of requests for memory");
    }
    CHECK(request > 2, "the driver asks for no memory");
}

/* ---- descriptors ------------------------------------------------------------------------- */

/* So many more can be opened. */
static void leave_descriptors(rlim_t count)
{
    struct rlimit limit;
    int next = open("/dev/null", O_RDONLY);
    CHECK(next >= 0, "no descriptor");
    (void)close(next);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0, "no limit");
    limit.rlim_cur = (rlim_t)next + count;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "no limit");
}

static void take_descriptors_back(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0, "no limit");
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "no limit");
}

/* Who cannot accept looks away for a while, and comes back. */
static void no_descriptor_to_accept_with(struct place *place)
{
    struct conn *conn;
    struct port *port;
    core_open(&ada, place);
    core_open(&bob, place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    leave_descriptors(1);
    conn = core_dial(&bob, port);
    for (int i = 0; i < 5; i++) {
        place_idle(place);
    }
    CHECK(ada.accepted == 0 && conn->ups == 0 && !conn_is_down(conn), "%s", conn->detail);
    take_descriptors_back();
    UNTIL(place, conn->ups == 1 && ada.ups == 1);
    core_close(&bob);
    core_close(&ada);
}

static void no_descriptor_to_dial_or_listen_with(struct place *place)
{
    struct conn *conn;
    struct port *port;
    kith_err err;
    core_open(&ada, place);
    core_open(&bob, place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    leave_descriptors(0);
    conn = core_dial(&bob, port);
    UNTIL(place, conn_is_down(conn));
    CHECK(conn->reason == KITH_REASON_INTERNAL, "%s: %s", kith_reason_name(conn->reason),
          conn->detail);
    CHECK(core_listen(&ada, "127.0.0.1", 0, &err) == NULL && err == KITH_ERR_IO, "%s",
          kith_err_name(err));
    take_descriptors_back();
    conn = core_dial(&bob, port);
    UNTIL(place, conn->ups == 1 && ada.ups == 1);
    core_close(&bob);
    core_close(&ada);
}

/* ---- room -------------------------------------------------------------------------------- */

/* Where the core has no room yet, connections wait outside; then they come, in their order. */
static void no_room_to_accept(struct place *place)
{
    struct conn *conns[5];
    struct port *port;
    core_open(&ada, place);
    core_open(&bob, place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    ada.accept_after_ms = 1;
    for (int i = 0; i < 5; i++) {
        conns[i] = core_dial(&bob, port);
    }
    UNTIL(place, ada.asked >= 10);
    CHECK(ada.accepted == 0 && bob.ups + bob.downs == 0, "%s", conns[0]->detail);
    ada.accept_after_ms = 0;
    UNTIL(place, bob.ups == 5 && ada.ups == 5);
    /* A port that is closed meanwhile asks no more. */
    ada.accept_after_ms = 1;
    conns[0] = core_dial(&bob, port);
    ada.asked = 0;
    UNTIL(place, ada.asked >= 2);
    port_end(port);
    UNTIL(place, conn_is_down(conns[0]));
    core_close(&bob);
    core_close(&ada);
}

const struct test_case scarcity_cases[] = {
    {"no_room_to_accept", NEEDS_SOCKETS, no_room_to_accept},
    {"no_memory_once", 0, no_memory_once},
    {"no_descriptor_to_accept_with", NEEDS_TCP, no_descriptor_to_accept_with},
    {"no_descriptor_to_dial_or_listen_with", NEEDS_SOCKETS, no_descriptor_to_dial_or_listen_with},
    {NULL, 0, NULL},
};
