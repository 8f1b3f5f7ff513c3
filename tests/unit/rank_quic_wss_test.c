/* SPDX-License-Identifier: MIT
 *
 * rank_quic_wss_test.c: two transports to one peer: the better one is used, though it came later.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "party.h"
#include "session/session.h"
#include "transports/quic/quic.h"
#include "transports/websocket/websocket.h"

static kith_loop *loop;
static struct party ada, bob;

static const char *transport_of(const struct party *party)
{
    return party->peer->conn != NULL ? party->peer->conn->driver->name : "none";
}

static void until_both_use(const char *name)
{
    for (uint64_t end_ms = party_deadline_ms();
         strcmp(transport_of(&ada), name) != 0 || strcmp(transport_of(&bob), name) != 0;) {
        cr_assert_lt(party_now_ms(), end_ms, "%s and %s are used", transport_of(&ada),
                     transport_of(&bob));
        cr_assert_eq(kith_loop_step(loop, 100), KITH_OK);
    }
}

Test(rank_quic_wss, the_better_one)
{
    char quic[sizeof ada.url];
    cr_assert_gt(kith_quic_driver.rank, kith_websocket_driver.rank);
    loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    party_open(&bob, loop, "Bob", 1);
    party_listen(&ada, "quic://127.0.0.1:0");
    strcpy(quic, ada.url);
    ada.listening = 0;
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK, "%s", kith_detail());
    party_until(loop, &ada.connected, 1);
    party_until(loop, &bob.connected, 1);
    until_both_use("websocket");
    cr_assert_eq(kith_send(bob.peer, 0, "one", 3, NULL), KITH_OK);
    cr_assert_eq(party_dial(&bob, quic), KITH_OK, "%s", kith_detail());
    cr_assert_eq(kith_send(bob.peer, 0, "two", 3, NULL), KITH_OK);
    until_both_use("quic");
    cr_assert_eq(kith_send(bob.peer, 0, "three", 5, NULL), KITH_OK);
    party_until(loop, &ada.messages, 3);
    cr_assert_eq(ada.departed + bob.departed, 0);
    party_loop_free(&loop);
}
