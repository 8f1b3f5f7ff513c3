/* SPDX-License-Identifier: MIT
 *
 * floor_fanout.c: one hub, many subscribers in one process. The hub collects a record's worth of
 * messages and writes it to each in turn; they are read in the same turn, so nobody needs to ask
 * which connection is ready.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "floor.h"
#include "meter.h"
#include "wire.h"

static struct wire *open_all(const struct job *job, struct wires *wires)
{
    struct wire *all = need(job->peers * sizeof *all);
    for (unsigned i = 0; i < job->peers; i++) {
        wire_open(wires, &all[i]);
    }
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

/* Messages that go together, a record or one message. */
static size_t batch_of(const struct job *job)
{
    return job->size < WIRE_RECORD_BYTES ? WIRE_RECORD_BYTES / job->size : 1;
}

void floor_fanout_listen(const struct job *job, struct line *line, struct side sides[2])
{
    struct side *side = &sides[LISTENS];
    size_t batch = batch_of(job);
    uint8_t *buffer = need(batch * job->size), end;
    struct maker maker;
    struct wires wires;
    struct wire *all;
    int last = 0;
    wires_listen(&wires, is_secure(job), line);
    all = open_all(job, &wires);
    maker_open(&maker, job->size);
    meter_start(side);
    while (!last) {
        last = now_ns() >= side->begin_ns + job->span_ns;
        for (size_t i = 0; i < batch; i++, maker.next++) {
            const uint8_t *message = maker_message(&maker, maker.next, 0, last && i + 1 == batch);
            memcpy(buffer + i * job->size, message, job->size);
        }
        for (unsigned i = 0; i < job->peers; i++) {
            wire_write(&all[i], buffer, batch * job->size);
        }
    }
    wire_read_all(&all[0], &end, 1);
    meter_stop(side);
    side->sent = maker.next * job->peers;
    maker_close(&maker);
    close_all(job, &wires, all);
    free(buffer);
}

void floor_fanout_dial(const struct job *job, struct line *line, struct side sides[2])
{
    struct side *side = &sides[DIALS];
    size_t bytes = batch_of(job) * job->size;
    uint8_t *buffer = need(bytes);
    struct check *checks = need(job->peers * sizeof *checks);
    struct wires wires;
    struct wire *all;
    wires_dial(&wires, is_secure(job), line);
    all = open_all(job, &wires);
    for (unsigned i = 0; i < job->peers; i++) {
        check_open(&checks[i], job->size);
    }
    meter_start(side);
    while (!checks[job->peers - 1].is_over) {
        for (unsigned i = 0; i < job->peers; i++) {
            wire_read_all(&all[i], buffer, bytes);
            side->delivered += check_take(&checks[i], buffer, bytes);
        }
    }
    meter_stop(side);
    side->begin_ns = 0;
    side->bytes = side->delivered * job->size;
    wire_write(&all[0], "!", 1);
    close_all(job, &wires, all);
    free(checks);
    free(buffer);
}
