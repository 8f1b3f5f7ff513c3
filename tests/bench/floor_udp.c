/* SPDX-License-Identifier: MIT
 *
 * floor_udp.c: the same bytes over plain UDP, in batches: a stream of messages, or datagrams of one
 * message each, with so many bytes on their way at most, and one answer for each call that
 * received; and one message there and back.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "dgram.h"
#include "floor.h"
#include "meter.h"
#include "samples.h"

enum { WINDOW_BYTES = 1024 * 1024 };
#define FOREVER UINT64_MAX

/* ---- one way ------------------------------------------------------------------------------- */

struct sender {
    struct dgram dgram;
    struct maker maker;
    uint8_t *batch, *answer;
    size_t filled, room, segment; /* of the batch */
    uint64_t sent, heard;         /* bytes */
};

static void hear(struct sender *sender)
{
    size_t segment, count = dgram_receive(&sender->dgram, sender->answer, &segment, FOREVER);
    if (count >= sizeof sender->heard) { /* the last of those that came */
        memcpy(&sender->heard, sender->answer + count - sizeof sender->heard, sizeof sender->heard);
    }
}

static void send_batch(struct sender *sender)
{
    while (sender->sent + sender->filled > sender->heard + WINDOW_BYTES) {
        hear(sender);
    }
    dgram_send(&sender->dgram, sender->batch, sender->filled, sender->segment);
    sender->sent += sender->filled;
    sender->filled = 0;
}

static void put(struct sender *sender, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        size_t some = sender->room - sender->filled < count ? sender->room - sender->filled : count;
        memcpy(sender->batch + sender->filled, bytes, some);
        sender->filled += some;
        bytes += some;
        count -= some;
        if (sender->filled == sender->room) {
            send_batch(sender);
        }
    }
}

static void send_all(const struct job *job, struct sender *sender, struct side *side)
{
    struct maker *maker = &sender->maker;
    uint64_t every = job->size < 4096 ? 64 : 1; /* the clock costs as much as a small message */
    int last;
    meter_start(side);
    do {
        last = maker->next % every == every - 1 && now_ns() >= side->begin_ns + job->span_ns;
        put(sender, maker_message(maker, maker->next, 0, last), maker->size);
        maker->next++;
    } while (!last);
    send_batch(sender);
    while (sender->heard < sender->sent) {
        hear(sender);
    }
    meter_stop(side);
    side->sent = maker->next;
}

static void run_sender(const struct job *job, struct sender *sender, struct side *side)
{
    size_t packets;
    sender->batch = need(DGRAM_BATCH_BYTES);
    sender->answer = need(DGRAM_ROOM_BYTES);
    sender->segment = job->mode == MODE_DATAGRAMS ? job->size : sender->dgram.packet;
    packets = DGRAM_BATCH_BYTES / sender->segment;
    sender->room = (packets < 64 ? packets : 64) * sender->segment;
    maker_open(&sender->maker, job->size);
    send_all(job, sender, side);
    maker_close(&sender->maker);
    free(sender->batch);
    free(sender->answer);
}

static void run_receiver(const struct job *job, struct dgram *dgram, struct side *side)
{
    uint8_t *bytes = need(DGRAM_ROOM_BYTES);
    struct check check;
    check_open(&check, job->size);
    meter_start(side);
    while (!check.is_over || check.at != 0) {
        size_t segment, count = dgram_receive(dgram, bytes, &segment, FOREVER);
        side->delivered += check_take(&check, bytes, count); /* ends the process if any was lost */
        side->bytes += count;
        dgram_send(dgram, &side->bytes, sizeof side->bytes, sizeof side->bytes);
    }
    meter_stop(side);
    side->begin_ns = 0; /* the sender's counts */
    free(bytes);
}

static void run(const struct job *job, const struct dgram *dgram, struct side *side, int sends)
{
    struct sender sender = {.dgram = *dgram};
    if (sends) {
        run_sender(job, &sender, side);
    } else {
        run_receiver(job, &sender.dgram, side);
    }
}

/* ---- there and back ------------------------------------------------------------------------ */

static void echo(const struct job *job, struct dgram *dgram, struct side *side)
{
    uint8_t *bytes = need(DGRAM_ROOM_BYTES);
    struct check check;
    check_open(&check, job->size);
    meter_start(side);
    while (!check.is_over) {
        size_t segment, count = dgram_receive(dgram, bytes, &segment, FOREVER);
        side->delivered += check_take(&check, bytes, count);
        dgram_send(dgram, bytes, count, count);
    }
    meter_stop(side);
    side->begin_ns = side->end_ns = 0; /* the dialler's count */
    free(bytes);
}

static void ping(const struct job *job, struct dgram *dgram, struct side *side)
{
    uint8_t *bytes = need(DGRAM_ROOM_BYTES);
    struct samples samples = {NULL, 0, 0};
    struct maker maker;
    struct check check;
    maker_open(&maker, job->size);
    check_open(&check, job->size);
    meter_start(side);
    for (uint64_t now = side->begin_ns; !check.is_over; maker.next++) {
        int last = now >= side->begin_ns + job->span_ns;
        uint64_t then = now;
        size_t segment, count;
        dgram_send(dgram, maker_message(&maker, maker.next, 0, last), job->size, job->size);
        count = dgram_receive(dgram, bytes, &segment, FOREVER);
        side->delivered += check_take(&check, bytes, count);
        now = now_ns();
        samples_add(&samples, now - then);
    }
    meter_stop(side);
    side->sent = maker.next;
    side->bytes = side->delivered * job->size;
    samples_close(&samples, side);
    maker_close(&maker);
    free(bytes);
}

/* ---- the sides ----------------------------------------------------------------------------- */

void floor_udp_listen(const struct job *job, struct line *line, struct side sides[2])
{
    struct dgram dgram;
    dgram_listen(&dgram, line);
    if (job->mode == MODE_RTT) {
        echo(job, &dgram, &sides[LISTENS]);
    } else {
        run(job, &dgram, &sides[LISTENS], !job->dialler_sends);
    }
    dgram_close(&dgram);
}

void floor_udp_dial(const struct job *job, struct line *line, struct side sides[2])
{
    struct dgram dgram;
    dgram_dial(&dgram, line);
    if (job->mode == MODE_RTT) {
        ping(job, &dgram, &sides[DIALS]);
    } else {
        run(job, &dgram, &sides[DIALS], job->dialler_sends);
    }
    dgram_close(&dgram);
}
