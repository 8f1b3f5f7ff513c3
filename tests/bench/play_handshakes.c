/* SPDX-License-Identifier: MIT
 *
 * play_handshakes.c: as many sessions as there are peers connect, prove who they are, leave, and
 * connect again. The last time each says so, or the hub would not know when it is over.
 */
#include "meter.h"
#include "plays.h"

/* ---- guests ------------------------------------------------------------------------------- */

static void say_goodbye(struct contact *contact)
{
    struct party *guests = contact->party;
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    options.ticket = 1;
    if (!is_sent(kith_send(contact->peer, 0, maker_message(&guests->maker, 0, 0, 1),
                           guests->job->size, &options),
                 "goodbye")) {
        die("no room for one message");
    }
}

static void in(struct contact *contact)
{
    struct party *guests = contact->party;
    kith_peer_info info = {.size = sizeof info};
    int secure = is_encrypted(guests->job->transport);
    if (guests->side->begin_ns == 0) {
        meter_start(guests->side);
        guests->until_ns = guests->side->begin_ns + guests->job->span_ns;
    }
    if (kith_peer_get_info(contact->peer, &info) != KITH_OK ||
        info.level != (secure ? KITH_LEVEL_IDENTITY : KITH_LEVEL_NONE)) {
        die("a peer that proves nothing");
    }
    guests->side->delivered++;
    if (now_ns() >= guests->until_ns) {
        say_goodbye(contact);
    } else if (kith_peer_disconnect(contact->peer, NULL) != KITH_OK) {
        die("leaving: %s", kith_detail());
    }
}

static void out(struct contact *contact)
{
    struct party *guests = contact->party;
    kith_session *session = kith_peer_session(contact->peer);
    if (!contact->owed) {
        party_dial_from(guests, session);
    }
}

static void goodbye_was_heard(struct contact *contact)
{
    struct party *guests = contact->party;
    contact->owed = 1;
    if (++guests->owed == guests->job->peers) {
        meter_stop(guests->side);
        guests->side->sent = guests->side->delivered;
        party_leave(guests);
    }
}

const struct play play_handshakes_guest = {
    .connected = in,
    .departed = out,
    .fate = goodbye_was_heard,
};

/* ---- the hub ------------------------------------------------------------------------------ */

static void came(struct contact *contact)
{
    struct side *side = contact->party->side;
    if (side->delivered++ == 0) {
        meter_start(side);
    }
}

static void take_goodbye(struct contact *contact, const kith_message *message)
{
    struct party *hub = contact->party;
    (void)check_take(&contact->check, message->data, message->data_bytes);
    if (++hub->owed == hub->job->peers) {
        meter_stop(hub->side);
        hub->side->begin_ns = hub->side->end_ns = 0; /* the guests' count */
    }
}

static void went(struct contact *contact)
{
    struct party *hub = contact->party;
    if (hub->owed == hub->job->peers) {
        party_leave(hub);
    }
}

const struct play play_handshakes_hub = {
    .connected = came,
    .message = take_goodbye,
    .departed = went,
};
