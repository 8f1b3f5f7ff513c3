/* SPDX-License-Identifier: MIT
 *
 * play_stream.c: bulk and messages: one side sends until its queue is full, and again when there is
 * room; the other checks what comes.
 */
#include <stdlib.h>
#include <string.h>

#include "meter.h"
#include "plays.h"

/* ---- lent messages ------------------------------------------------------------------------ */

static void take_back(void *user, const void *data)
{
    struct party *party = user;
    void *block = (void *)data;
    memcpy(block, &party->spare_blocks, sizeof party->spare_blocks);
    party->spare_blocks = block;
}

/* A block that nobody reads. Its first bytes, which chain the spare ones, are the head's. */
static uint8_t *spare_block(struct party *party, uint64_t number, int is_last)
{
    uint8_t *block = party->spare_blocks;
    size_t size = party->job->size, tail = sizeof(unsigned);
    unsigned place;
    if (block == NULL) {
        block = need(size + tail);
        place = party->places++;
        lent_fill(block, size, place);
        memcpy(block + size, &place, tail);
    } else {
        memcpy(&party->spare_blocks, block, sizeof party->spare_blocks);
        memcpy(&place, block + size, tail);
    }
    lent_number(block, number, place, is_last);
    return block;
}

/* ---- sending ------------------------------------------------------------------------------ */

/* Looking at the clock costs as much as a small message. */
static int is_time(const struct party *party)
{
    uint64_t every = party->maker.size < 4096 ? 64 : 1;
    return party->maker.next % every == every - 1 && now_ns() >= party->until_ns;
}

static kith_err send_next(struct contact *contact, int last)
{
    struct party *party = contact->party;
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    const uint8_t *message;
    kith_err err;
    options.ticket = (uint64_t)last;
    if (!party->job->lend) {
        message = maker_message(&party->maker, party->maker.next, 0, last);
        return kith_send(contact->peer, 0, message, party->job->size, last ? &options : NULL);
    }
    options.free_fn = take_back;
    options.free_user = party;
    message = spare_block(party, party->maker.next, last);
    err = kith_send(contact->peer, 0, message, party->job->size, &options);
    if (err != KITH_OK) {
        take_back(party, message);
    }
    return err;
}

static void pump(struct contact *contact)
{
    struct party *party = contact->party;
    while (!party->is_over) {
        int last = is_time(party);
        if (!is_sent(send_next(contact, last), "sending")) {
            return;
        }
        party->maker.next++;
        party->is_over = last;
    }
}

static void begin(struct party *party)
{
    meter_start(party->side);
    party->until_ns = party->side->begin_ns + party->job->span_ns;
    pump(&party->contacts[0]);
}

static void writable(struct contact *contact, unsigned channel)
{
    (void)channel;
    pump(contact);
}

static void all_delivered(struct contact *contact)
{
    struct party *party = contact->party;
    meter_stop(party->side);
    party->side->sent = party->maker.next;
    party_leave(party);
}

const struct play play_stream_sender = {
    .everyone = begin,
    .writable = writable,
    .fate = all_delivered,
};

/* ---- receiving ---------------------------------------------------------------------------- */

static void begin_receiving(struct party *party)
{
    meter_start(party->side);
    party->side->begin_ns = 0; /* the sender's counts */
}

static void receive(struct contact *contact, const kith_message *message)
{
    struct party *party = contact->party;
    if (message->data_bytes != party->job->size) {
        die("a message of %zu bytes came", message->data_bytes);
    }
    party->side->delivered += check_take(&contact->check, message->data, message->data_bytes);
    party->side->bytes += message->data_bytes;
    if (contact->check.is_over) {
        meter_stop(party->side);
        party->is_over = 1;
    }
}

static void sender_left(struct contact *contact)
{
    if (!contact->party->is_over) {
        die("the sender left too early");
    }
    party_leave(contact->party);
}

const struct play play_stream_receiver = {
    .everyone = begin_receiving,
    .message = receive,
    .departed = sender_left,
};
