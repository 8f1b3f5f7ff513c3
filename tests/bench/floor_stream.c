/* SPDX-License-Identifier: MIT
 *
 * floor_stream.c: messages one way as fast as the connection takes them. Large ones are written as
 * they are, small ones are collected into a record's worth first.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "floor.h"
#include "meter.h"
#include "wire.h"

enum { READ_BYTES = 256 * 1024 };

/* Looking at the clock costs as much as a small message. */
static int is_time(const struct maker *maker, uint64_t until_ns)
{
    uint64_t every = maker->size < 4096 ? 64 : 1;
    return maker->next % every == every - 1 && now_ns() >= until_ns;
}

static void write_collected(struct wire *wire, struct maker *maker, uint64_t until_ns)
{
    uint8_t *buffer = need(WIRE_RECORD_BYTES);
    size_t filled = 0;
    int last;
    do {
        last = is_time(maker, until_ns);
        if (filled + maker->size > WIRE_RECORD_BYTES) {
            wire_write(wire, buffer, filled);
            filled = 0;
        }
        memcpy(buffer + filled, maker_message(maker, maker->next, 0, last), maker->size);
        filled += maker->size;
        maker->next++;
    } while (!last);
    wire_write(wire, buffer, filled);
    free(buffer);
}

static void write_whole(struct wire *wire, struct maker *maker, uint64_t until_ns)
{
    int last;
    do {
        last = is_time(maker, until_ns);
        wire_write(wire, maker_message(maker, maker->next, 0, last), maker->size);
        maker->next++;
    } while (!last);
}

static void send_all(const struct job *job, struct wire *wire, struct side *side)
{
    struct maker maker;
    uint8_t end;
    maker_open(&maker, job->size);
    meter_start(side);
    if (job->size < WIRE_RECORD_BYTES) {
        write_collected(wire, &maker, side->begin_ns + job->span_ns);
    } else {
        write_whole(wire, &maker, side->begin_ns + job->span_ns);
    }
    wire_read_all(wire, &end, 1); /* all has come */
    meter_stop(side);
    side->sent = maker.next;
    maker_close(&maker);
}

static void receive_all(const struct job *job, struct wire *wire, struct side *side)
{
    struct check check;
    size_t room = wire->tls != NULL ? WIRE_RECORD_BYTES : READ_BYTES;
    uint8_t *buffer = need(room);
    check_open(&check, job->size);
    meter_start(side);
    while (!check.is_over || check.at != 0) {
        size_t count = wire_read(wire, buffer, room);
        if (count == 0) {
            die("floor: the connection broke while receiving");
        }
        side->delivered += check_take(&check, buffer, count);
        side->bytes += count;
    }
    meter_stop(side);
    side->begin_ns = 0; /* the sender's counts */
    wire_write(wire, "!", 1);
    free(buffer);
}

static void run(const struct job *job, struct wires *wires, struct side *side, int sends)
{
    struct wire wire;
    wire_open(wires, &wire);
    (sends ? send_all : receive_all)(job, &wire, side);
    wire_close(&wire);
    wires_close(wires);
}

void floor_stream_listen(const struct job *job, struct line *line, struct side sides[2])
{
    struct wires wires;
    wires_listen(&wires, is_secure(job), line);
    run(job, &wires, &sides[LISTENS], !job->dialler_sends);
}

void floor_stream_dial(const struct job *job, struct line *line, struct side sides[2])
{
    struct wires wires;
    wires_dial(&wires, is_secure(job), line);
    run(job, &wires, &sides[DIALS], job->dialler_sends);
}
