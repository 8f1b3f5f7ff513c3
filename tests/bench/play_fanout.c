/* SPDX-License-Identifier: MIT
 *
 * play_fanout.c: a hub broadcasts to everyone. Who has no room for a message gets it when there is;
 * the next one waits until all have it, so every guest hears every message.
 */
#include <stdlib.h>

#include "meter.h"
#include "plays.h"

static const uint8_t *present(struct party *hub)
{
    return maker_message(&hub->maker, hub->maker.next, 0, hub->is_over);
}

static void note_debts(struct party *hub, const kith_send_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_sent(results[i].err, "a broadcast")) {
            struct contact *contact = kith_peer_user(results[i].peer);
            contact->owed = 1;
            hub->owed++;
        }
    }
}

static void broadcast(struct party *hub)
{
    static kith_send_result results[4096];
    size_t count = sizeof results / sizeof *results;
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    kith_err err;
    hub->is_over = now_ns() >= hub->until_ns;
    options.ticket = (uint64_t)hub->is_over;
    err = kith_broadcast(hub->sessions[0], 0, present(hub), hub->job->size, &options, results,
                         &count);
    if (err == KITH_ERR_PARTIAL) {
        note_debts(hub, results, count);
    } else if (!is_sent(err, "a broadcast") || count != hub->job->peers) {
        die("a broadcast reached %zu peers", count);
    }
}

static void pump(struct party *hub)
{
    while (hub->owed == 0 && !hub->is_over) {
        broadcast(hub);
        hub->maker.next += hub->owed == 0;
    }
}

static void begin(struct party *hub)
{
    meter_start(hub->side);
    hub->until_ns = hub->side->begin_ns + hub->job->span_ns;
    pump(hub);
}

static void pay(struct contact *contact, unsigned channel)
{
    struct party *hub = contact->party;
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    options.ticket = (uint64_t)hub->is_over;
    if (contact->owed && is_sent(kith_send(contact->peer, channel, present(hub), hub->job->size,
                                           hub->is_over ? &options : NULL),
                                 "sending")) {
        contact->owed = 0;
        hub->owed--;
        hub->maker.next += hub->owed == 0;
        pump(hub);
    }
}

/* One guest has the last message. */
static void heard_all(struct contact *contact)
{
    struct party *hub = contact->party;
    if (++hub->side->delivered == hub->job->peers) {
        meter_stop(hub->side);
        hub->side->sent = hub->maker.next * hub->job->peers;
        party_leave(hub);
    }
}

const struct play play_fanout_hub = {
    .everyone = begin,
    .writable = pay,
    .fate = heard_all,
};

/* ---- guests ------------------------------------------------------------------------------- */

static void begin_listening(struct party *guests)
{
    meter_start(guests->side);
    guests->side->begin_ns = 0; /* the hub's counts */
}

static void hear(struct contact *contact, const kith_message *message)
{
    struct party *guests = contact->party;
    guests->side->delivered += check_take(&contact->check, message->data, message->data_bytes);
    guests->side->bytes += message->data_bytes;
    if (contact->check.is_over && ++guests->owed == guests->job->peers) {
        meter_stop(guests->side);
        guests->is_over = 1;
    }
}

/* Who left first would leave the hub in doubt whether the last message was heard. */
static void hub_left(struct contact *contact)
{
    struct party *guests = contact->party;
    if (!guests->is_over) {
        die("the hub left too early");
    }
    if (guests->connected == 0) {
        party_leave(guests);
    }
}

const struct play play_fanout_guest = {
    .everyone = begin_listening,
    .message = hear,
    .departed = hub_left,
};
