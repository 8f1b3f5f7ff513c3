/* SPDX-License-Identifier: MIT
 *
 * play_resume.c: who dialled sends a message and waits for it to come back, again and again, over a
 * relay that breaks the way now and then: between two messages, or in the midst of one. What is
 * measured is the time from the break until the next message, or that one, is back.
 */
#include "meter.h"
#include "plays.h"

enum { ROUNDS_BETWEEN = 4 };

static void ping(struct contact *contact)
{
    struct party *party = contact->party;
    int last = party->ping_ns >= party->until_ns && party->samples.count > 0;
    const uint8_t *message = maker_message(&party->maker, party->maker.next, 0, last);
    if (!is_sent(kith_send(contact->peer, 0, message, party->job->size, NULL), "sending")) {
        die("no room for one message");
    }
    party->maker.next++;
}

static void begin(struct party *party)
{
    meter_start(party->side);
    party->ping_ns = party->side->begin_ns;
    party->until_ns = party->ping_ns + party->job->span_ns;
    ping(&party->contacts[0]);
}

/* The one under way was on its way when the way broke, or was sent after that. */
static void take_sample(struct party *party, uint64_t now)
{
    uint64_t cut_ns = relay_was_cut_ns(party->relay);
    if (!party->is_cut || cut_ns == 0) {
        return; /* it has not broken yet */
    }
    party->is_cut = 0;
    samples_add(&party->samples, now - cut_ns);
}

static void back(struct contact *contact, const kith_message *message)
{
    struct party *party = contact->party;
    uint64_t now = now_ns();
    take_sample(party, now);
    party->ping_ns = now;
    party->side->delivered += check_take(&contact->check, message->data, message->data_bytes);
    if (contact->check.is_over) {
        meter_stop(party->side);
        party->side->sent = party->maker.next;
        samples_close(&party->samples, party->side);
        party_leave(party);
        return;
    }
    if (!party->is_cut && party->maker.next % ROUNDS_BETWEEN == 0 && now < party->until_ns) {
        party->is_cut = 1;
        relay_cut(party->relay, party->maker.next / ROUNDS_BETWEEN % 2 == 0);
    }
    ping(contact);
}

const struct play play_resume_pinger = {
    .everyone = begin,
    .message = back,
    .may_break = 1,
};

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

static void start_meter(struct party *party)
{
    meter_start(party->side);
}

const struct play play_resume_echo = {
    .everyone = start_meter,
    .message = echo,
    .may_break = 1,
};
