/* SPDX-License-Identifier: MIT
 *
 * cases_core.c: the other side of the contract. The memory hub ends the process of a core that does
 * not keep it; here is one that does not.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "check.h"
#include "double.h"

static struct core ada, bob;
static struct conn *at_ada, *at_bob;

/* Lent bytes are overwritten at that moment, as if they had been freed and used again. */
static enum moment when;

static void spoil(struct conn *conn, enum moment moment)
{
    if (moment == when && at_ada->lane_count > 0) {
        struct lane *lane = &at_ada->lanes[0];
        (void)conn;
        for (struct kith_node *at = lane->chunks.next; at != &lane->chunks; at = at->next) {
            struct chunk *chunk = KITH_CONTAINER(at, struct chunk, node);
            memset(chunk->bytes, 0xdd, chunk->count);
        }
    }
}

/* Sends what was sent already. */
static void jump_back(struct conn *conn, enum moment moment)
{
    if (conn == at_ada && moment == AT_LANE_TOOK && conn->lanes[0].sent > 100) {
        conn->lanes[0].sent--;
    }
}

static void misbehave(struct place *place, void (*hook)(struct conn *conn, enum moment moment))
{
    core_open(&ada, place);
    core_open(&bob, place);
    place->hub.delay_us = 1000;
    place->hub.done_delay_us = 10000;
    core_pair(&ada, &bob, &at_ada, &at_bob);
    ada.hook = bob.hook = hook;
    lane_offer(at_ada, 1, 50000);
    UNTIL(place, at_ada->lanes[0].done == 50000);
}

/* In a process of its own, which has to die of it. */
static void expect_death(struct place *place, void (*hook)(struct conn *conn, enum moment moment))
{
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0, "no process");
    if (pid == 0) {
        (void)close(STDERR_FILENO);
        misbehave(place, hook);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid, "no process");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "it goes unnoticed (%x)", status);
}

static void lent_bytes_change(struct place *place)
{
    static const enum moment moments[] = {AT_LANE_TOOK, AT_LANE_RX, AT_LANE_DONE};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        when = moments[i];
        expect_death(place, spoil);
    }
}

static void a_lane_jumps(struct place *place)
{
    expect_death(place, jump_back);
}

const struct test_case core_cases[] = {
    {"a_core_whose_lent_bytes_change", NEEDS_MANY_LANES | NEEDS_HUB, lent_bytes_change},
    {"a_core_whose_lane_jumps", NEEDS_MANY_LANES | NEEDS_HUB, a_lane_jumps},
    {NULL, 0, NULL},
};
