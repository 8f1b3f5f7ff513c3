/* SPDX-License-Identifier: MIT
 *
 * play_mixed.c: mixed: bulk that saturates channel 0, and every 10 ms a small message on channel 1,
 * which is more urgent. Its time counts from when it was due, not from when the busy sender came to
 * send it, to when it was handed out at the other end. Without job->urgent it is bulk alone, which
 * shows what the small messages cost it.
 */
#include "meter.h"
#include "plays.h"

enum { EVERY_NS = 10 * 1000 * 1000, URGENT_BYTES = 64 };

/* ---- sending ------------------------------------------------------------------------------ */

/* Sends the urgent messages that are due. */
static void send_urgent(struct party *party)
{
    kith_peer *peer = party->contacts[0].peer;
    uint64_t now = now_ns();
    for (; party->due_ns <= now; party->due_ns += EVERY_NS) {
        if (!party->job->urgent) {
            continue; /* woken all the same, for a fair comparison */
        }
        const uint8_t *message =
            maker_message(&party->urgent, party->urgent.next, party->due_ns, 0);
        if (!is_sent(kith_send(peer, 1, message, URGENT_BYTES, NULL), "an urgent message")) {
            die("no room for an urgent message");
        }
        party->urgent.next++;
    }
}

static void pump(struct contact *contact)
{
    struct party *party = contact->party;
    while (!party->is_over) {
        uint64_t now = now_ns();
        int last = now >= party->until_ns;
        kith_send_options options = KITH_SEND_OPTIONS_INIT;
        options.ticket = (uint64_t)last;
        if (now >= party->due_ns) {
            send_urgent(party);
        }
        if (!is_sent(kith_send(contact->peer, 0,
                               maker_message(&party->maker, party->maker.next, 0, last),
                               party->job->size, &options),
                     "sending")) {
            return;
        }
        party->maker.next++;
        party->is_over = last;
    }
}

static void begin(struct party *party)
{
    maker_open(&party->urgent, URGENT_BYTES);
    meter_start(party->side);
    party->until_ns = party->side->begin_ns + party->job->span_ns;
    party->due_ns = party->side->begin_ns + EVERY_NS;
    pump(&party->contacts[0]);
}

static void writable(struct contact *contact, unsigned channel)
{
    if (channel == 0) {
        pump(contact);
    }
}

static uint64_t turn(struct party *party)
{
    send_urgent(party);
    return party->due_ns;
}

static void all_delivered(struct contact *contact)
{
    struct party *party = contact->party;
    meter_stop(party->side);
    party->side->sent = party->maker.next + party->urgent.next;
    party_leave(party);
}

const struct play play_mixed_sender = {
    .everyone = begin,
    .writable = writable,
    .fate = all_delivered,
    .turn = turn,
};

/* ---- receiving ---------------------------------------------------------------------------- */

static void begin_receiving(struct party *party)
{
    check_open(&party->urgent_check, URGENT_BYTES);
    meter_start(party->side);
    party->side->begin_ns = 0; /* the sender's counts */
}

static void receive(struct contact *contact, const kith_message *message)
{
    struct party *party = contact->party;
    struct check *check = message->channel == 0 ? &contact->check : &party->urgent_check;
    party->side->delivered += check_take(check, message->data, message->data_bytes);
    party->side->bytes += message->data_bytes;
    if (message->channel == 1) {
        samples_add(&party->samples, now_ns() - check->stamp);
    } else if (check->is_over) {
        meter_stop(party->side);
        party->is_over = 1;
    }
}

static void sender_left(struct contact *contact)
{
    struct party *party = contact->party;
    if (!party->is_over) {
        die("the sender left too early");
    }
    samples_close(&party->samples, party->side);
    party_leave(party);
}

const struct play play_mixed_receiver = {
    .everyone = begin_receiving,
    .message = receive,
    .departed = sender_left,
};
