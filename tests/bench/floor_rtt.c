/* SPDX-License-Identifier: MIT
 *
 * floor_rtt.c: one message there and back, again and again, over the first of any number of
 * connections; the others are idle, and cost memory.
 */
#include <stdlib.h>

#include "check.h"
#include "floor.h"
#include "meter.h"
#include "samples.h"
#include "wire.h"

static struct wire *open_all(const struct job *job, struct wires *wires, struct side *side)
{
    struct wire *all = need(job->peers * sizeof *all);
    double before = rss_now();
    for (unsigned i = 0; i < job->peers; i++) {
        wire_open(wires, &all[i]);
    }
    side->rss_bytes = rss_now() - before;
    return all;
}

static void close_all(const struct job *job, struct wires *wires, struct wire *all)
{
    for (unsigned i = 0; i < job->peers; i++) {
        wire_close(&all[i]);
    }
    wires_close(wires);
    free(all);
}

void floor_rtt_listen(const struct job *job, struct line *line, struct side sides[2])
{
    struct side *side = &sides[LISTENS];
    uint8_t *buffer = need(job->size);
    struct check check;
    struct wires wires;
    struct wire *all;
    wires_listen(&wires, is_secure(job), line);
    all = open_all(job, &wires, side);
    check_open(&check, job->size);
    meter_start(side);
    while (!check.is_over) {
        wire_read_all(&all[0], buffer, job->size);
        side->delivered += check_take(&check, buffer, job->size);
        wire_write(&all[0], buffer, job->size);
    }
    meter_stop(side);
    side->begin_ns = side->end_ns = 0; /* the dialler's count */
    close_all(job, &wires, all);
    free(buffer);
}

static void ping(const struct job *job, struct wire *wire, struct side *side)
{
    uint8_t *buffer = need(job->size);
    struct samples samples = {NULL, 0, 0};
    struct maker maker;
    struct check check;
    maker_open(&maker, job->size);
    check_open(&check, job->size);
    meter_start(side);
    for (uint64_t now = side->begin_ns; !check.is_over; maker.next++) {
        int last = now >= side->begin_ns + job->span_ns;
        uint64_t then = now;
        wire_write(wire, maker_message(&maker, maker.next, 0, last), job->size);
        wire_read_all(wire, buffer, job->size);
        side->delivered += check_take(&check, buffer, job->size);
        now = now_ns();
        samples_add(&samples, now - then);
    }
    meter_stop(side);
    side->sent = maker.next;
    side->bytes = side->delivered * job->size;
    samples_close(&samples, side);
    maker_close(&maker);
    free(buffer);
}

void floor_rtt_dial(const struct job *job, struct line *line, struct side sides[2])
{
    struct wires wires;
    struct wire *all;
    wires_dial(&wires, is_secure(job), line);
    all = open_all(job, &wires, &sides[DIALS]);
    ping(job, &all[0], &sides[DIALS]);
    close_all(job, &wires, all);
}
