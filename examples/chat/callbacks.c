/* SPDX-License-Identifier: MIT
 *
 * callbacks.c: what Kith tells, noted in struct chat and reported. Decides nothing: that is done
 * once per turn of the loop, in chat_turn().
 */
#include <stdio.h>

#include "chat.h"

static void on_peer(kith_session *session, kith_peer *peer, kith_peer_state state,
                    kith_reason reason, const char *text, void *user)
{
    struct chat *const chat = user;
    struct person *person = kith_peer_user(peer);
    (void)session;
    if (state == KITH_PEER_CONNECTED && person == NULL) {
        person = people_add(&chat->people, peer);
        if (person == NULL) {
            report_error(&chat->report, "NOMEM", "", "out of memory: a peer is turned away");
            (void)kith_peer_disconnect(peer, "out of memory");
            return;
        }
        chat->had_company = 1;
        report_joined(&chat->report, person);
    } else if (state == KITH_PEER_CONNECTED) {
        people_refresh(person);
        report_resumed(&chat->report, person);
    } else if (state == KITH_PEER_INTERRUPTED && person != NULL) {
        report_interrupted(&chat->report, person, reason);
    } else if (state == KITH_PEER_DEPARTED && person != NULL) {
        chat_forget_recipient(chat, person);
        report_departed(&chat->report, person, reason, text);
        people_remove(&chat->people, person);
    }
}

static void on_message(kith_session *session, kith_peer *peer, const kith_message *message,
                       void *user)
{
    struct chat *const chat = user;
    const struct person *const person = kith_peer_user(peer);
    (void)session;
    if (person != NULL) {
        report_message(&chat->report, person, message);
    }
}

static void on_fate(kith_session *session, kith_peer *peer, uint64_t ticket, kith_fate fate,
                    void *user)
{
    struct chat *const chat = user;
    struct person *const person = kith_peer_user(peer);
    (void)session;
    chat->unsettled--;
    if (person != NULL) {
        person->on_the_way--;
    }
    chat_settle(chat, person, ticket, fate);
}

static void on_writable(kith_session *session, kith_peer *peer, unsigned channel, void *user)
{
    struct person *const person = kith_peer_user(peer);
    (void)session;
    (void)channel;
    (void)user;
    if (person != NULL) {
        person->is_waiting = 0;
    }
}

static void on_listener(kith_session *session, kith_listener *listener,
                        const kith_listener_event *event, void *user)
{
    struct chat *const chat = user;
    struct chat_listener *const entry = event->tag;
    (void)session;
    (void)listener;
    entry->is_waiting = event->kind == KITH_LISTENER_WAITING;
    snprintf(entry->why, sizeof entry->why, "%s", event->detail);
    if (event->kind == KITH_LISTENER_READY) {
        report_listening(&chat->report, event->url, entry->url);
    } else if (event->kind == KITH_LISTENER_WAITING) {
        report_waiting(&chat->report, event->url, event->detail);
    } else if (event->kind == KITH_LISTENER_FAILED) {
        report_error(&chat->report, kith_err_name(event->err), event->detail,
                     "cannot listen on %s: %s", event->url, kith_err_text(event->err));
        chat_give_up_lines(chat);
        chat->exit_status = event->err == KITH_ERR_ADDRESS ? EXIT_USAGE : EXIT_FAILED;
        chat_leave(chat, 0);
    }
}

/* The other side has had a look at us, and wants us not. */
static int is_turned_away(kith_reason reason)
{
    return reason == KITH_REASON_REJECTED || reason == KITH_REASON_BANNED ||
           reason == KITH_REASON_KICKED;
}

/* Nobody wanted the connection to end. */
static int is_loss(kith_reason reason)
{
    return reason == KITH_REASON_LOST || reason == KITH_REASON_TIMEOUT ||
           reason == KITH_REASON_RESTARTED;
}

static void on_dial(kith_session *session, kith_dial *dial, const kith_dial_event *event,
                    void *user)
{
    struct chat *const chat = user;
    struct chat_dial *const entry = event->tag;
    const int is_first = !entry->is_decided;
    (void)session;
    (void)dial;
    if (is_first) {
        entry->is_decided = 1;
        chat->dials_undecided--;
    }
    if (event->kind == KITH_DIAL_FAILED || event->kind == KITH_DIAL_CLOSED) {
        chat->dials_live--;
    }
    entry->is_trying = event->kind == KITH_DIAL_WAITING;
    snprintf(entry->why, sizeof entry->why, "%s",
             event->detail[0] != '\0' ? event->detail : kith_reason_text(event->reason));
    entry->is_lost = event->kind == KITH_DIAL_CLOSED && chat->may_redial && !chat->is_leaving &&
                     is_loss(event->reason);
    /* A second way to somebody who is connected already is no failure. */
    if (event->kind == KITH_DIAL_FAILED && event->reason != KITH_REASON_DUPLICATE) {
        chat->dials_failed++;
        chat->dials_turned_away += is_turned_away(event->reason);
    }
    report_dial(&chat->report, event, is_first);
}

static void on_network(kith_session *session, const kith_network_event *event, void *user)
{
    struct chat *const chat = user;
    struct person *const person = event->peer != NULL ? kith_peer_user(event->peer) : NULL;
    (void)session;
    if (person != NULL) {
        people_refresh(person);
    }
    report_network(&chat->report, event->kind, person);
}

static void on_trust(kith_session *session, const kith_trust_question *question, void *user)
{
    (void)session;
    trust_asked(user, question);
}

static void on_ask_over(kith_session *session, kith_ask *ask, kith_reason reason, void *user)
{
    (void)session;
    asks_over(user, ask, reason);
}

static void on_invitation(kith_session *session, const kith_invitation *invitation, void *user)
{
    (void)session;
    guests_asked(user, invitation);
}

static void on_discovery(kith_session *session, kith_discovery *discovery,
                         const kith_discovery_event *event, void *user)
{
    (void)session;
    (void)discovery;
    nearby_happened(user, event);
}

static void on_closed(kith_session *session, void *user)
{
    struct chat *const chat = user;
    (void)session;
    chat->session = NULL;
}

const kith_callbacks chat_callbacks = {
    .size = sizeof(kith_callbacks),
    .on_peer = on_peer,
    .on_message = on_message,
    .on_fate = on_fate,
    .on_writable = on_writable,
    .on_listener = on_listener,
    .on_dial = on_dial,
    .on_closed = on_closed,
    .on_network = on_network,
    .on_trust = on_trust,
    .on_ask_over = on_ask_over,
    .on_invitation = on_invitation,
    .on_discovery = on_discovery,
};
