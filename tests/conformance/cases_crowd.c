/* SPDX-License-Identifier: MIT
 *
 * cases_crowd.c: a thousand links at once. They are dialled in waves, because a listening socket
 * holds only so many that wait to be accepted.
 */
#include "cases.h"
#include "check.h"
#include "double.h"

enum { CROWD = 1000, WAVE = 50, EACH = 2000 };

static struct core ada, bob;
static struct conn *crowd[CROWD];
static struct port *port;

static void open_both(struct place *place)
{
    core_open(&ada, place);
    core_open(&bob, place);
    port = core_listen(&ada, "127.0.0.1", 0, NULL);
}

static void close_both(void)
{
    core_close(&bob);
    core_close(&ada);
}

static void gather(struct place *place)
{
    for (size_t i = 0; i < CROWD; i++) {
        crowd[i] = core_dial(&bob, port);
        if (i % WAVE == WAVE - 1) {
            UNTIL(place, ada.ups == i + 1 && bob.ups == i + 1);
        }
    }
}

static uint64_t came_to(const struct core *core)
{
    uint64_t came = 0;
    for (struct kith_node *at = core->conns.next; at != &core->conns; at = at->next) {
        came += KITH_CONTAINER(at, struct conn, node)->came;
    }
    return came;
}

static void offer_all(struct core *core)
{
    for (struct kith_node *at = core->conns.next; at != &core->conns; at = at->next) {
        conn_offer(KITH_CONTAINER(at, struct conn, node), EACH);
    }
}

static void close_crowd(struct conn *conn, enum moment moment)
{
    if (moment == AT_RX) {
        conn->core->hook = NULL;
        core_close_all(&ada);
        core_close_all(&bob);
    }
}

static void all_exchange_then_end_inside_one_call(struct place *place)
{
    open_both(place);
    gather(place);
    offer_all(&ada);
    offer_all(&bob);
    UNTIL(place,
          came_to(&ada) == (uint64_t)CROWD * EACH && came_to(&bob) == (uint64_t)CROWD * EACH);
    ada.hook = close_crowd;
    conn_offer(crowd[CROWD / 2], 1);
    UNTIL(place, ada.downs == CROWD && bob.downs == CROWD);
    close_both();
}

/* Each is dialling, shaking hands, talking, or closing already. */
static void a_storm(struct place *place)
{
    open_both(place);
    place->hub.handshake_us = 3000;
    place->hub.delay_us = 500;
    for (size_t i = 0; i < CROWD; i++) {
        crowd[i] = core_dial(&bob, port);
        if (i % 2 == 0) {
            conn_offer(crowd[i], place_below(place, 100000));
        }
        if (i % WAVE == WAVE - 1) {
            if (i < CROWD - WAVE) {
                UNTIL(place, ada.ups >= i / 2);
            }
            for (size_t k = i + 1 - WAVE; k < i; k += 7) {
                if (!conn_is_down(crowd[k])) {
                    conn_close(crowd[k], KITH_REASON_LEFT, k % 2);
                }
            }
        }
    }
    for (size_t i = 0; i < CROWD; i++) {
        if (!conn_is_down(crowd[i])) {
            conn_close(crowd[i], KITH_REASON_LEFT, i % 3 == 0);
        }
    }
    port_end(port);
    UNTIL(place, bob.downs == CROWD && core_alive(&ada) == 0);
    close_both();
}

/* The one that accepts closes all of its own, from inside a call about one of them. */
static void a_storm_at_the_acceptor(struct place *place)
{
    open_both(place);
    gather(place);
    for (size_t i = 0; i < CROWD; i++) {
        conn_offer(crowd[i], 1000 * (i % 50));
    }
    ada.hook = close_crowd;
    UNTIL(place, ada.downs == CROWD && bob.downs == CROWD);
    close_both();
}

const struct test_case crowd_cases[] = {
    {"crowd_exchanges_then_ends_inside_one_call", 0, all_exchange_then_end_inside_one_call},
    {"crowd_ends_in_every_state", 0, a_storm},
    {"crowd_ends_at_the_acceptor", 0, a_storm_at_the_acceptor},
    {NULL, 0, NULL},
};
