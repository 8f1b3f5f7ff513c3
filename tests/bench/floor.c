/* SPDX-License-Identifier: MIT
 *
 * floor.c: which floors belong to a job.
 */
#include "floor.h"

#include <stddef.h>

#include "plays.h"

/* Of one packet on any path, with its headers. */
enum { SMALL_BYTES = 1200 };

static unsigned inside(const struct job *job, struct floor *out)
{
    const struct floor copy = {"one copy in memory", floor_copy, NULL, 0};
    const struct floor bulk = {"bulk alone", kith_both_sides, NULL, 0};
    if (job->mode != MODE_BULK && job->mode != MODE_MESSAGES && job->mode != MODE_MIXED) {
        return 0;
    }
    *out = job->mode == MODE_MIXED ? bulk : copy;
    return 1;
}

/* Over TCP. */
static struct floor wired(const struct job *job)
{
    struct floor floor = {is_encrypted(job->transport) ? "TLS over TCP" : "TCP", NULL, NULL, 0};
    switch (job->mode) {
    case MODE_RTT:
    case MODE_IDLE:
        floor.listen = floor_rtt_listen;
        floor.dial = floor_rtt_dial;
        break;
    case MODE_FANOUT:
        floor.listen = floor_fanout_listen;
        floor.dial = floor_fanout_dial;
        break;
    case MODE_HANDSHAKES:
        floor.listen = floor_handshakes_listen;
        floor.dial = floor_handshakes_dial;
        break;
    default:
        floor.listen = floor_stream_listen;
        floor.dial = floor_stream_dial;
    }
    return floor;
}

static unsigned over_udp(const struct job *job, struct floor *out)
{
    const struct floor udp = {"UDP", floor_udp_listen, floor_udp_dial, 1};
    unsigned count = 0;
    if (job->mode == MODE_BULK || job->mode == MODE_MESSAGES) {
#ifdef KITH_HAS_QUIC
        out[count++] = (struct floor){"ngtcp2", floor_quic_listen, floor_quic_dial, 0};
#endif
        out[count++] = udp;
        out[count++] = (struct floor){"TCP", floor_stream_listen, floor_stream_dial, 1};
    } else if (job->mode == MODE_DATAGRAMS || (job->mode == MODE_RTT && job->size <= SMALL_BYTES)) {
        out[count++] = udp;
        out[count++] = wired(job);
    } else {
        out[count++] = wired(job);
    }
    return count;
}

unsigned floors_of(const struct job *job, struct floor out[FLOORS_MAX])
{
    if (job->vs_plain) {
        *out = (struct floor){"Kith, resume off", kith_listen_side, kith_dial_side, 0};
        return 1;
    }
    if (job->transport == TRANSPORT_MEM) {
        return inside(job, out);
    }
    if (job->mode == MODE_RTT && job->peers > 1) {
        *out = (struct floor){"one peer alone", kith_listen_side, kith_dial_side, 0};
        return 1;
    }
    if (job->mode == MODE_RESUME) {
        return 0;
    }
    if (job->mode == MODE_MIXED) {
        *out = (struct floor){"bulk alone", kith_listen_side, kith_dial_side, 0};
        return 1;
    }
    if (job->mode == MODE_RTT && job->peers > 1) {
        *out = (struct floor){"one peer alone", kith_listen_side, kith_dial_side, 0};
        return 1;
    }
    if (job->transport == TRANSPORT_QUIC) {
        return over_udp(job, out);
    }
    *out = wired(job);
    return 1;
}
