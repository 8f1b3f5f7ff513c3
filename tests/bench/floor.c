/* SPDX-License-Identifier: MIT
 *
 * floor.c: which floor belongs to a job.
 */
#include "floor.h"

#include <stddef.h>

#include "plays.h"

static const struct floor none = {NULL, NULL, NULL};

static struct floor inside(const struct job *job)
{
    const struct floor copy = {"one copy in memory", floor_copy, NULL};
    const struct floor bulk = {"bulk alone", kith_both_sides, NULL};
    return job->mode == MODE_BULK || job->mode == MODE_MESSAGES ? copy
           : job->mode == MODE_MIXED                            ? bulk
                                                                : none;
}

struct floor floor_of(const struct job *job)
{
    struct floor floor = none;
    if (job->vs_plain) {
        return (struct floor){"Kith, resume off", kith_listen_side, kith_dial_side};
    }
    if (job->transport == TRANSPORT_MEM) {
        return inside(job);
    }
    switch (job->mode) {
    case MODE_BULK:
    case MODE_MESSAGES:
    case MODE_DATAGRAMS:
        floor = (struct floor){NULL, floor_stream_listen, floor_stream_dial};
        break;
    case MODE_RTT:
    case MODE_IDLE:
        floor = (struct floor){NULL, floor_rtt_listen, floor_rtt_dial};
        break;
    case MODE_FANOUT:
        floor = (struct floor){NULL, floor_fanout_listen, floor_fanout_dial};
        break;
    case MODE_HANDSHAKES:
        floor = (struct floor){NULL, floor_handshakes_listen, floor_handshakes_dial};
        break;
    case MODE_RESUME:
        return none;
    default: /* mixed */
        return (struct floor){"bulk alone", kith_listen_side, kith_dial_side};
    }
    floor.name = is_encrypted(job->transport) ? "TLS over TCP" : "TCP";
    return floor;
}
