/* SPDX-License-Identifier: MIT
 *
 * crowd_quic_test.c: a thousand connections share the one socket of a listener: each packet finds
 * its own.
 */
#include <criterion/criterion.h>
#include <sys/resource.h>

#include "bench.h"
#include "party.h"

enum { CROWD = 1000, AT_ONCE = 32, DESCRIPTORS = 2 * CROWD + 100 };

static const kith_key key = {
    "crowd", {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4}, 20};
static struct party ada, crowd[CROWD];

/* Whoever dials has a socket of its own, and all of them are in this process. */
static unsigned crowd_of(void)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < DESCRIPTORS) {
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    cr_assert_geq(limit.rlim_cur, DESCRIPTORS, "too few descriptors for this test: %ju",
                  (uintmax_t)limit.rlim_cur);
    return (unsigned)bench_rounds(CROWD);
}

static void open_party(struct party *party, kith_loop *loop)
{
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    config.display_name = "One";
    config.session_name = "crowd";
    config.security = KITH_SECURITY_PSK;
    config.handshake_ms = PARTY_HANDSHAKE_MS;
    config.idle_ping_ms = PARTY_IDLE_PING_MS;
    config.max_peers = CROWD;
    cr_assert_eq(party_open_config(party, loop, &config), KITH_OK, "%s", kith_detail());
    cr_assert_eq(kith_session_add_key(party->session, &key, KITH_KEY_DIAL), KITH_OK);
}

/* Many take their time; what may not take that long is the next few. */
static void until(kith_loop *loop, const unsigned *count, unsigned want)
{
    for (unsigned some = AT_ONCE; some < want; some += AT_ONCE) {
        party_until(loop, count, some);
    }
    party_until(loop, count, want);
}

Test(crowd_quic, a_thousand_on_one_socket)
{
    kith_loop *loop = party_loop();
    unsigned count = crowd_of();
    open_party(&ada, loop);
    party_listen(&ada, "quic://127.0.0.1:0");
    for (unsigned i = 0; i < count; i++) {
        open_party(&crowd[i], loop);
        cr_assert_eq(party_dial(&crowd[i], ada.url), KITH_OK, "%s", kith_detail());
        if (i % AT_ONCE == AT_ONCE - 1) { /* the system keeps some hundred packets for a socket */
            cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
        }
    }
    until(loop, &ada.connected, count);
    for (unsigned i = 0; i < count; i++) {
        party_until(loop, &crowd[i].ready, 1);
        cr_assert_eq(kith_send(crowd[i].peer, 0, &i, sizeof i, NULL), KITH_OK);
    }
    until(loop, &ada.messages, count);
    cr_assert_eq(kith_broadcast(ada.session, 0, "to all", 6, NULL, NULL, NULL), KITH_OK);
    for (unsigned i = 0; i < count; i++) {
        party_until(loop, &crowd[i].messages, 1);
        cr_assert_eq(crowd[i].bytes, 6);
        cr_assert_eq(crowd[i].departed + crowd[i].failed, 0);
    }
    cr_assert_eq(ada.departed, 0);
    party_loop_free(&loop);
}
