/* SPDX-License-Identifier: MIT
 *
 * crowd_wss_test.c: more peers than have a place in the handshake come at the same moment, as after
 * a restart of the one they all dial. None is in another's way.
 */
#include <criterion/criterion.h>

#include "bench.h"
#include "bounds.h"
#include "party.h"

enum { CROWD = 3 * KITH_LINKS_PENDING_MAX };

static struct party ada, crowd[CROWD];

static void all_get_in(int secure)
{
    kith_session_stats stats = {.size = sizeof stats};
    kith_loop *loop = party_loop();
    uint64_t began_ms;
    unsigned count = (unsigned)bench_rounds(CROWD);
    party_open(&ada, loop, "Ada", secure);
    party_listen(&ada, secure ? "wss://127.0.0.1:0" : "ws://127.0.0.1:0");
    for (unsigned i = 0; i < count; i++) {
        party_open(&crowd[i], loop, "One", secure);
    }
    began_ms = party_now_ms();
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(party_dial(&crowd[i], ada.url), KITH_OK, "%s", kith_detail());
    }
    party_until(loop, &ada.connected, count);
    cr_assert_eq(kith_session_get_stats(ada.session, &stats), KITH_OK);
    if (party_now_ms() - began_ms < KITH_EVICT_MS) { /* else some may have been too slow */
        cr_assert_eq(stats.links_accepted, count, "%u came", (unsigned)stats.links_accepted);
        cr_assert_eq(stats.refused_auth + stats.refused_protocol + stats.refused_other, 0);
    }
    party_loop_free(&loop);
}

Test(crowd_wss, all_get_in_secure)
{
    all_get_in(1);
}

Test(crowd_wss, all_get_in_plain)
{
    all_get_in(0);
}
