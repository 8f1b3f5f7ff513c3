/* SPDX-License-Identifier: MIT
 *
 * plays.c: see plays.h.
 */
#include "plays.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "meter.h"

const struct play *play_of(const struct job *job, int listens)
{
    int sends = job->dialler_sends == !listens;
    switch (job->mode) {
    case MODE_BULK:
    case MODE_MESSAGES:
        return sends ? &play_stream_sender : &play_stream_receiver;
    case MODE_RTT:
    case MODE_IDLE:
        return listens ? &play_rtt_echo : &play_rtt_pinger;
    case MODE_FANOUT:
        return listens ? &play_fanout_hub : &play_fanout_guest;
    case MODE_MIXED:
        return sends ? &play_mixed_sender : &play_mixed_receiver;
    case MODE_HANDSHAKES:
        return listens ? &play_handshakes_hub : &play_handshakes_guest;
    case MODE_RESUME:
        return listens ? &play_resume_echo : &play_resume_pinger;
    default:
        return sends ? &play_datagrams_sender : &play_datagrams_receiver;
    }
}

static kith_loop *open_loop(void)
{
    kith_loop *loop;
    if (kith_loop_new(NULL, &loop) != KITH_OK) {
        die("no loop: %s", kith_detail());
    }
    return loop;
}

/* Whoever dials goes by it, the first time and again. */
static void put_relay_between(struct party *party)
{
    enum transport transport = party->job->transport;
    char *colon = strrchr(party->url, ':');
    uint16_t port;
    party->relay =
        relay_open(transport == TRANSPORT_QUIC, (uint16_t)strtoul(colon + 1, NULL, 10), &port);
    snprintf(colon, 7, ":%u", port);
}

static void run_one(const struct job *job, struct line *line, int listens, struct side *side)
{
    kith_loop *loop = open_loop();
    struct party party, *all[] = {&party};
    party_open(&party, job, play_of(job, listens), listens, loop, NULL, side);
    party.line = line;
    if (listens) {
        party_listen(&party);
    } else {
        line_hear(line, party.url);
        if (job->mode == MODE_RESUME) {
            put_relay_between(&party);
        }
        party_dial(&party);
    }
    parties_run(all, 1);
    kith_loop_free(&loop);
    party_close(&party);
}

void kith_listen_side(const struct job *job, struct line *line, struct side sides[2])
{
    run_one(job, line, 1, &sides[LISTENS]);
}

void kith_dial_side(const struct job *job, struct line *line, struct side sides[2])
{
    run_one(job, line, 0, &sides[DIALS]);
}

void kith_both_sides(const struct job *job, struct line *line, struct side sides[2])
{
    kith_loop *loop = open_loop();
    struct mem *mem = mem_open(loop);
    struct party hub, guest, *all[] = {&hub, &guest};
    (void)line;
    party_open(&hub, job, play_of(job, 1), 1, loop, mem, &sides[LISTENS]);
    party_open(&guest, job, play_of(job, 0), 0, loop, mem, &sides[DIALS]);
    hub.dialer = &guest;
    party_listen(&hub);
    parties_run(all, 2);
    kith_loop_free(&loop);
    party_close(&hub);
    party_close(&guest);
    mem_close(mem);
}
