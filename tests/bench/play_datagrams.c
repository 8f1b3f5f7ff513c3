/* SPDX-License-Identifier: MIT
 *
 * play_datagrams.c: datagrams as fast as the connection takes them: until one is refused, and again
 * when there is room. A message on channel 0 says that it is over.
 */
#include "meter.h"
#include "plays.h"

/* Looking at the clock costs as much as a small datagram. */
enum { DATAGRAMS_PER_LOOK = 32 };

static void say_over(struct party *party)
{
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    options.ticket = 1;
    party->is_over = 1;
    party->side->sent = party->maker.next;
    if (!is_sent(kith_send(party->contacts[0].peer, 0,
                           maker_message(&party->maker, party->maker.next, 0, 1), party->job->size,
                           &options),
                 "the end")) {
        die("no room for one message");
    }
}

static void pump(struct contact *contact)
{
    struct party *party = contact->party;
    while (!party->is_over) {
        const uint8_t *message = maker_message(&party->maker, party->maker.next, 0, 0);
        if (!is_sent(kith_send_datagram(contact->peer, message, party->job->size, NULL),
                     "a datagram")) {
            return;
        }
        party->maker.next++;
        if (party->maker.next % DATAGRAMS_PER_LOOK == 0 && now_ns() >= party->until_ns) {
            say_over(party);
        }
    }
}

static void begin(struct party *party)
{
    meter_start(party->side);
    party->until_ns = party->side->begin_ns + party->job->span_ns;
    pump(&party->contacts[0]);
}

static void all_delivered(struct contact *contact)
{
    meter_stop(contact->party->side);
    party_leave(contact->party);
}

const struct play play_datagrams_sender = {
    .everyone = begin,
    .datagram_writable = pump,
    .fate = all_delivered,
};

/* ---- receiving ---------------------------------------------------------------------------- */

static void begin_receiving(struct party *party)
{
    party->contacts[0].check.may_skip = 1;
    meter_start(party->side);
    party->side->begin_ns = 0; /* the sender's counts */
}

static void receive(struct contact *contact, const void *data, size_t count)
{
    struct party *party = contact->party;
    if (count != party->job->size) {
        die("a datagram of %zu bytes came", count);
    }
    party->side->delivered += check_take(&contact->check, data, count);
    party->side->bytes += count;
}

/* It may overtake the last datagrams, which still count. */
static void hear_over(struct contact *contact, const kith_message *message)
{
    struct party *party = contact->party;
    struct check check;
    check_open(&check, party->job->size);
    check.may_skip = 1;
    (void)check_take(&check, message->data, message->data_bytes);
    meter_stop(party->side);
    party->is_over = 1;
}

static void sender_left(struct contact *contact)
{
    party_leave(contact->party);
}

const struct play play_datagrams_receiver = {
    .everyone = begin_receiving,
    .message = hear_over,
    .datagram = receive,
    .departed = sender_left,
};
