/* SPDX-License-Identifier: MIT
 *
 * party.c: see party.h.
 */
#define _GNU_SOURCE /* ppoll */
#include "party.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mem.h"
#include "meter.h"

enum {
    DIALS_AT_ONCE = 16,                    /* a hub takes only so many strangers at a time */
    FLUSH_MS = 10000,                      /* for the last word */
    BUDGET_BYTES_FANOUT = 4 * 1024 * 1024, /* a hub with many peers keeps their queues short */
    PRIORITY_URGENT = 7
};

static const kith_key key = {"bench", {1, 2, 3, 4, 5, 6, 7, 8}, 32};

int is_sent(kith_err err, const char *what)
{
    if (err != KITH_OK && err != KITH_ERR_AGAIN) {
        die("%s: %s: %s", what, kith_err_text(err), kith_detail());
    }
    return err == KITH_OK;
}

static void must(kith_err err, const char *what)
{
    if (!is_sent(err, what)) {
        die("%s: %s", what, kith_err_text(err));
    }
}

/* ---- peers come and go -------------------------------------------------------------------- */

static struct contact *free_place(struct party *party)
{
    for (unsigned i = 0; i < party->contact_count; i++) {
        if (party->contacts[i].peer == NULL) {
            return &party->contacts[i];
        }
    }
    die("more peers than were asked for");
}

static void connected(struct party *party, kith_peer *peer)
{
    struct contact *contact = free_place(party);
    contact->party = party;
    contact->peer = peer;
    contact->owed = 0;
    check_open(&contact->check, party->job->size);
    kith_peer_set_user(peer, contact);
    party->connected++;
    if (party->play->connected != NULL) {
        party->play->connected(contact);
    }
    if (!party->listens && party->dialled < party->session_count) {
        party_dial_from(party, party->sessions[party->dialled++]);
    }
    if (party->connected == party->job->peers && !party->has_begun) {
        party->has_begun = 1;
        if (party->play->everyone != NULL) {
            party->play->everyone(party);
        }
    }
}

static void departed(struct party *party, kith_peer *peer, kith_reason reason)
{
    struct contact *contact = kith_peer_user(peer);
    party->connected--;
    if (party->play->departed != NULL) {
        party->play->departed(contact);
    } else if (!party->is_over && reason != KITH_REASON_LEFT) {
        die("a peer departed: %s", kith_reason_text(reason));
    } else if (party->listens && party->connected == 0) {
        party_leave(party);
    }
    contact->peer = NULL;
}

static void on_peer(kith_session *session, kith_peer *peer, kith_peer_state state,
                    kith_reason reason, const char *text, void *user)
{
    const struct party *party = user;
    (void)session, (void)text;
    if (party->play->may_break &&
        (state == KITH_PEER_INTERRUPTED ||
         (state == KITH_PEER_CONNECTED && kith_peer_user(peer) != NULL))) {
        return;
    }
    if (state == KITH_PEER_CONNECTED) {
        connected(user, peer);
    } else if (state == KITH_PEER_DEPARTED) {
        departed(user, peer, reason);
    } else {
        die("a connection broke: %s", kith_reason_text(reason)); /* figures of it mean nothing */
    }
}

/* ---- the other callbacks ------------------------------------------------------------------ */

static void on_message(kith_session *session, kith_peer *peer, const kith_message *message,
                       void *user)
{
    struct party *party = user;
    (void)session;
    party->play->message(kith_peer_user(peer), message);
}

static void on_datagram(kith_session *session, kith_peer *peer, const void *data, size_t count,
                        void *user)
{
    struct party *party = user;
    (void)session;
    party->play->datagram(kith_peer_user(peer), data, count);
}

static void on_writable(kith_session *session, kith_peer *peer, unsigned channel, void *user)
{
    struct party *party = user;
    (void)session;
    party->play->writable(kith_peer_user(peer), channel);
}

static void on_datagram_writable(kith_session *session, kith_peer *peer, void *user)
{
    struct party *party = user;
    (void)session;
    party->play->datagram_writable(kith_peer_user(peer));
}

static void on_fate(kith_session *session, kith_peer *peer, uint64_t ticket, kith_fate fate,
                    void *user)
{
    struct party *party = user;
    (void)session, (void)ticket;
    if (fate != KITH_FATE_DELIVERED) {
        die("a message was not delivered");
    }
    party->play->fate(kith_peer_user(peer));
}

static void on_listener(kith_session *session, kith_listener *listener,
                        const kith_listener_event *event, void *user)
{
    struct party *party = user;
    (void)session, (void)listener;
    if (event->kind == KITH_LISTENER_FAILED) {
        die("%s", event->detail);
    }
    if (event->kind == KITH_LISTENER_READY && party->line != NULL) {
        line_tell(party->line, event->url);
    } else if (event->kind == KITH_LISTENER_READY) {
        /* The network inside the process goes by ports alone, and has no names. */
        snprintf(party->dialer->url, sizeof party->dialer->url, "mem://127.0.0.1%s",
                 strrchr(event->url, ':'));
        party_dial(party->dialer);
    }
}

static void on_dial(kith_session *session, kith_dial *dial, const kith_dial_event *event,
                    void *user)
{
    (void)session, (void)dial, (void)user;
    if (event->kind == KITH_DIAL_FAILED) {
        die("%s", event->detail);
    }
}

static void on_closed(kith_session *session, void *user)
{
    struct party *party = user;
    for (unsigned i = 0; i < party->session_count; i++) {
        if (party->sessions[i] == session) {
            party->sessions[i] = NULL;
        }
    }
    party->open_count--;
}

/* ---- opening and closing ------------------------------------------------------------------ */

static kith_session_config config_of(const struct job *job)
{
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    config.display_name = "bench";
    config.session_name = "bench";
    config.security = is_encrypted(job->transport) ? KITH_SECURITY_PSK : KITH_SECURITY_NONE;
    config.max_peers = job->peers + 64;
    config.channel_priority[1] = PRIORITY_URGENT;
    config.resume_window_ms = job->plain ? KITH_RESUME_OFF : 0;
    if (job->mode == MODE_FANOUT) {
        config.budget_bytes = BUDGET_BYTES_FANOUT;
    }
    return config;
}

static void open_session(struct party *party, kith_session **out)
{
    kith_callbacks on = KITH_CALLBACKS_INIT;
    kith_session_config config = config_of(party->job);
    on.on_peer = on_peer;
    on.on_message = on_message;
    on.on_datagram = party->play->datagram != NULL ? on_datagram : NULL;
    on.on_writable = on_writable;
    on.on_datagram_writable = party->play->datagram_writable != NULL ? on_datagram_writable : NULL;
    on.on_fate = on_fate;
    on.on_listener = on_listener;
    on.on_dial = on_dial;
    on.on_closed = on_closed;
    must(party->mem != NULL ? mem_session_open(party->mem, party->loop, &config, &on, party, out)
                            : kith_session_open(party->loop, &config, &on, party, out),
         "opening a session");
    if (config.security == KITH_SECURITY_PSK) {
        must(kith_session_add_key(*out, &key, KITH_KEY_DIAL), "adding the key");
    }
    party->open_count++;
}

void party_open(struct party *party, const struct job *job, const struct play *play, int listens,
                kith_loop *loop, struct mem *mem, struct side *side)
{
    memset(party, 0, sizeof *party);
    party->job = job;
    party->play = play;
    party->listens = listens;
    party->loop = loop;
    party->mem = mem;
    party->side = side;
    party->session_count = listens ? 1 : job->peers;
    party->sessions = need(party->session_count * sizeof *party->sessions);
    party->contact_count = job->peers + 64; /* those that leave may be seen to go late */
    party->contacts = need(party->contact_count * sizeof *party->contacts);
    maker_open(&party->maker, job->size);
    for (unsigned i = 0; i < party->session_count; i++) {
        open_session(party, &party->sessions[i]);
    }
}

void party_listen(struct party *party)
{
    char url[32];
    snprintf(url, sizeof url, "%s://%s:0", transport_name(party->job->transport),
             party->mem != NULL ? "*" : "127.0.0.1");
    must(kith_listen(party->sessions[0], url, NULL, NULL), url);
    party->side->rss_bytes = -rss_now();
}

void party_dial_from(struct party *party, kith_session *session)
{
    must(kith_dial_open(session, party->url, NULL, NULL), party->url);
}

void party_dial(struct party *party)
{
    while (party->dialled < party->session_count && party->dialled < DIALS_AT_ONCE) {
        party_dial_from(party, party->sessions[party->dialled++]);
    }
}

void party_leave(struct party *party)
{
    party->is_over = 1;
    for (unsigned i = 0; i < party->session_count; i++) {
        if (party->sessions[i] != NULL) {
            must(kith_session_close(party->sessions[i], FLUSH_MS), "leaving");
        }
    }
}

void party_close(struct party *party)
{
    relay_close(party->relay);
    maker_close(&party->maker);
    if (party->urgent.base != NULL) {
        maker_close(&party->urgent);
    }
    while (party->spare_blocks != NULL) {
        void *block = party->spare_blocks;
        memcpy(&party->spare_blocks, block, sizeof party->spare_blocks);
        free(block);
    }
    free(party->sessions);
    free(party->contacts);
}

/* ---- running ------------------------------------------------------------------------------ */

/* Waits for the loop's sockets and timers, but not beyond a time. */
static void wait_until(kith_loop *loop, uint64_t until_ns)
{
    struct pollfd ready = {kith_loop_fd(loop), POLLIN, 0};
    int loop_ms = kith_loop_timeout_ms(loop);
    uint64_t now = now_ns(), wait_ns = until_ns > now ? until_ns - now : 0;
    struct timespec wait;
    if (loop_ms >= 0 && wait_ns > (uint64_t)loop_ms * 1000000) {
        wait_ns = (uint64_t)loop_ms * 1000000;
    }
    wait.tv_sec = (time_t)(wait_ns / 1000000000);
    wait.tv_nsec = (long)(wait_ns % 1000000000);
    if (wait_ns > 0) {
        (void)ppoll(&ready, 1, &wait, NULL);
    }
}

static uint64_t take_turns(struct party *const *parties, size_t count, unsigned *open)
{
    uint64_t until = now_ns() + 1000000000;
    *open = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t next = until;
        if (parties[i]->play->turn != NULL && parties[i]->has_begun && !parties[i]->is_over) {
            next = parties[i]->play->turn(parties[i]);
        }
        until = next < until ? next : until;
        *open += parties[i]->open_count;
    }
    return until;
}

void parties_run(struct party *const *parties, size_t count)
{
    int steps = 0;
    unsigned open = 1;
    for (size_t i = 0; i < count; i++) {
        steps |= parties[i]->play->turn != NULL;
    }
    if (!steps) {
        must(kith_loop_run(parties[0]->loop), "the loop");
        return;
    }
    while (open > 0) {
        wait_until(parties[0]->loop, take_turns(parties, count, &open));
        must(kith_loop_step(parties[0]->loop, 0), "the loop");
    }
}
