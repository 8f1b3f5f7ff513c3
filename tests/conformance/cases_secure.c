/* SPDX-License-Identifier: MIT
 *
 * cases_secure.c: keys, channels that do not fit, and what binds a proof to a channel.
 */
#include <string.h>

#include "base/err.h"
#include "cases.h"
#include "check.h"
#include "double.h"

static struct core ada, bob;

/* A dials b's key table against its own; both ends must end without having been up. */
static void expect_both_fail(struct place *place, kith_reason at_dialler, kith_reason at_acceptor)
{
    struct conn *conn = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
    UNTIL(place, conn_is_down(conn) && ada.newest != NULL && conn_is_down(ada.newest));
    CHECK(ada.ups == 0 && bob.ups == 0, "it came up");
    CHECK(conn->reason == at_dialler, "%s: %s", kith_reason_name(conn->reason), conn->detail);
    CHECK(ada.newest->reason == at_acceptor, "%s: %s", kith_reason_name(ada.newest->reason),
          ada.newest->detail);
}

static void close_both(void)
{
    core_close(&bob);
    core_close(&ada);
}

static void open_both(struct place *place)
{
    core_open(&ada, place);
    core_open(&bob, place);
}

static void the_wrong_key(struct place *place)
{
    open_both(place);
    bob.keys[0].bytes[0] ^= 1;
    expect_both_fail(place, KITH_REASON_AUTH, KITH_REASON_AUTH);
    close_both();
}

static void an_unknown_identity(struct place *place)
{
    open_both(place);
    bob.keys[0] = double_other_key;
    expect_both_fail(place, KITH_REASON_AUTH, KITH_REASON_AUTH);
    close_both();
}

static void an_acceptor_without_keys(struct place *place)
{
    open_both(place);
    ada.key_count = 0;
    expect_both_fail(place, KITH_REASON_AUTH, KITH_REASON_AUTH);
    close_both();
}

static void no_key_to_dial_with(struct place *place)
{
    struct conn *conn;
    open_both(place);
    bob.dial_key = NULL;
    conn = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
    UNTIL(place, conn_is_down(conn));
    CHECK(conn->reason == KITH_REASON_AUTH && ada.accepted == 0, "%s", conn->detail);
    close_both();
}

static void one_of_several_keys(struct place *place)
{
    struct conn *conn;
    open_both(place);
    ada.keys[ada.key_count++] = double_other_key;
    bob.keys[bob.key_count] = double_other_key;
    bob.dial_key = &bob.keys[bob.key_count++];
    conn = core_dial(&bob, core_listen(&ada, "127.0.0.1", 0, NULL));
    UNTIL(place, conn->ups == 1 && ada.ups == 1);
    CHECK(strcmp(conn->identity, double_other_key.identity) == 0, "%s", conn->identity);
    CHECK(strcmp(ada.newest->identity, double_other_key.identity) == 0, "%s", conn->identity);
    close_both();
}

static void a_key_that_comes_and_goes(struct place *place)
{
    struct conn *conn;
    struct port *port;
    open_both(place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    for (int known = 1; known < 4; known++) {
        ada.key_count = (size_t)(known % 2);
        conn = core_dial(&bob, port);
        UNTIL(place, conn->ups + conn->downs == 1);
        CHECK(conn->ups == (unsigned)(known % 2), "%s", conn->detail);
    }
    close_both();
}

/* ---- encrypted against plain ------------------------------------------------------------- */

/* A core of the other kind of security has the other scheme. */
static struct transport other_transport;

static void open_other(struct core *core, struct place *place)
{
    other_transport = *place->transport;
    other_transport.scheme = place->transport->other_scheme;
    other_transport.other_scheme = place->transport->scheme;
    other_transport.secure = !place->transport->secure;
    core_open_with(core, place, other_transport.secure ? KITH_SECURITY_PSK : KITH_SECURITY_NONE,
                   60000);
}

static void a_dialler_of_the_other_kind(struct place *place)
{
    struct conn *conn;
    struct port *port;
    core_open(&ada, place);
    open_other(&bob, place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
    conn = core_dial_address(&bob, other_transport.scheme, port->host, port->number, NULL);
    UNTIL(place, conn_is_down(conn) && core_alive(&ada) == 0);
    CHECK(ada.ups == 0 && bob.ups == 0, "it came up");
    CHECK(conn->reason == KITH_REASON_NOT_KITH, "%s: %s", kith_reason_name(conn->reason),
          conn->detail);
    CHECK(ada.newest == NULL || ada.newest->reason == KITH_REASON_NOT_KITH, "%s",
          ada.newest->detail);
    close_both();
}

static void listening_on_the_other_kind(struct place *place)
{
    kith_err err;
    open_other(&ada, place);
    CHECK(core_listen(&ada, "127.0.0.1", 0, &err) == NULL, "it listens");
    CHECK(err == KITH_ERR_CONFIG, "%s", kith_err_name(err));
    core_close(&ada);
}

/* ---- what is proved ---------------------------------------------------------------------- */

static void the_exporter_binds(struct place *place)
{
    struct conn *at_ada[2], *at_bob[2];
    open_both(place);
    core_pair(&ada, &bob, &at_ada[0], &at_bob[0]);
    ada.newest = NULL;
    at_bob[1] = core_dial(&bob, KITH_CONTAINER(ada.ports.next, struct port, node));
    UNTIL(place, ada.ups == 2 && bob.ups == 2);
    at_ada[1] = ada.newest;
    for (int i = 0; i < 2; i++) {
        CHECK(at_ada[i]->exported == KITH_OK && at_bob[i]->exported == KITH_OK, "%s",
              kith_err_name(at_ada[i]->exported));
        CHECK(memcmp(at_ada[i]->binding, at_bob[i]->binding, DOUBLE_EXPORT_BYTES) == 0,
              "another one at each end");
        CHECK(memcmp(at_ada[i]->other_binding, at_bob[i]->other_binding, DOUBLE_EXPORT_BYTES) == 0,
              "another one at each end");
        CHECK(memcmp(at_ada[i]->binding, at_ada[i]->other_binding, DOUBLE_EXPORT_BYTES) != 0,
              "the same for each label");
    }
    CHECK(memcmp(at_ada[0]->binding, at_ada[1]->binding, DOUBLE_EXPORT_BYTES) != 0,
          "the same for each link");
    close_both();
}

static void a_plain_channel_exports_nothing(struct place *place)
{
    struct conn *at_ada, *at_bob;
    open_both(place);
    core_pair(&ada, &bob, &at_ada, &at_bob);
    CHECK(at_ada->exported == KITH_ERR_UNSUPPORTED && at_bob->exported == KITH_ERR_UNSUPPORTED,
          "%s", kith_err_name(at_ada->exported));
    close_both();
}

static void what_is_known_of_the_channel(struct place *place)
{
    struct conn *ends[2];
    open_both(place);
    core_pair(&ada, &bob, &ends[0], &ends[1]);
    for (int i = 0; i < 2; i++) {
        CHECK(ends[i]->info.channel == KITH_CHANNEL_TLS13_PSK, "%d", (int)ends[i]->info.channel);
        CHECK(ends[i]->info.tls_version == 0x0304, "%x", ends[i]->info.tls_version);
        CHECK(ends[i]->info.cipher_suite >> 8 == 0x13, "%x", ends[i]->info.cipher_suite);
        CHECK(strncmp(ends[i]->cipher, "TLS_", 4) == 0, "\"%s\"", ends[i]->cipher);
        CHECK(strcmp(ends[i]->identity, double_key.identity) == 0, "\"%s\"", ends[i]->identity);
    }
    close_both();
}

const struct test_case secure_cases[] = {
    {"the_wrong_key", NEEDS_SECURE, the_wrong_key},
    {"an_unknown_identity", NEEDS_SECURE, an_unknown_identity},
    {"an_acceptor_without_keys", NEEDS_SECURE, an_acceptor_without_keys},
    {"no_key_to_dial_with", NEEDS_SECURE, no_key_to_dial_with},
    {"one_of_several_keys", NEEDS_SECURE, one_of_several_keys},
    {"a_key_that_comes_and_goes", NEEDS_SECURE, a_key_that_comes_and_goes},
    {"a_dialler_of_the_other_kind", NEEDS_OTHER, a_dialler_of_the_other_kind},
    {"listening_on_the_other_kind", NEEDS_OTHER, listening_on_the_other_kind},
    {"the_exporter_binds", NEEDS_SECURE, the_exporter_binds},
    {"a_plain_channel_exports_nothing", NEEDS_PLAIN, a_plain_channel_exports_nothing},
    {"what_is_known_of_the_channel", NEEDS_SECURE, what_is_known_of_the_channel},
    {NULL, 0, NULL},
};
