/* SPDX-License-Identifier: MIT
 *
 * play_rtt.c: rtt and idle: when all are connected, the first who dialled sends a message and waits
 * for it to come back, again and again. The others are only there.
 */
#include "meter.h"
#include "plays.h"

static void ping(struct contact *contact)
{
    struct party *party = contact->party;
    int last = party->ping_ns >= party->until_ns;
    const uint8_t *message = maker_message(&party->maker, party->maker.next, 0, last);
    if (!is_sent(kith_send(contact->peer, 0, message, party->job->size, NULL), "sending")) {
        die("no room for one message");
    }
    party->maker.next++;
}

static void begin_pinging(struct party *party)
{
    meter_start(party->side);
    party->ping_ns = party->side->begin_ns;
    party->until_ns = party->ping_ns + party->job->span_ns;
    ping(&party->contacts[0]);
}

static void back(struct contact *contact, const kith_message *message)
{
    struct party *party = contact->party;
    uint64_t now = now_ns();
    samples_add(&party->samples, now - party->ping_ns);
    party->ping_ns = now;
    party->side->delivered += check_take(&contact->check, message->data, message->data_bytes);
    party->side->bytes += message->data_bytes;
    if (!contact->check.is_over) {
        ping(contact);
        return;
    }
    meter_stop(party->side);
    party->side->sent = party->maker.next;
    samples_close(&party->samples, party->side);
    party_leave(party);
}

const struct play play_rtt_pinger = {
    .everyone = begin_pinging,
    .message = back,
};

/* ---- the other side ----------------------------------------------------------------------- */

static void weigh(struct party *party)
{
    party->side->rss_bytes += rss_now();
    meter_start(party->side);
}

static void echo(struct contact *contact, const kith_message *message)
{
    struct party *party = contact->party;
    party->side->delivered += check_take(&contact->check, message->data, message->data_bytes);
    if (!is_sent(kith_send(contact->peer, 0, message->data, message->data_bytes, NULL), "echo")) {
        die("no room for one message");
    }
    if (contact->check.is_over) {
        meter_stop(party->side);
        party->side->begin_ns = party->side->end_ns = 0; /* the dialler's count */
    }
}

const struct play play_rtt_echo = {
    .everyone = weigh,
    .message = echo,
};
