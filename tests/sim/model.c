/* SPDX-License-Identifier: MIT
 *
 * model.c: see model.h. Calls nothing that changes anything.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "inspect.h"

static const char *name_of(const struct sim_half *half)
{
    return half->actor->name;
}

/* ---- who is there -----------------------------------------------------------------------------
 */

static struct sim_assoc *find_assoc(struct sim *sim, uint32_t arbiter, uint64_t since)
{
    for (struct sim_assoc *at = sim->assocs; at != NULL; at = at->next) {
        if (at->arbiter == arbiter && at->since == since) {
            return at;
        }
    }
    return NULL;
}

static struct sim_assoc *new_assoc(struct sim *sim, uint32_t arbiter, uint64_t since)
{
    struct sim_assoc *assoc = sim_alloc(sim, sizeof *assoc);
    assoc->next = sim->assocs;
    sim->assocs = assoc;
    assoc->number = sim->assoc_count++;
    assoc->arbiter = arbiter;
    assoc->since = since;
    for (size_t i = 0; i < 2; i++) {
        assoc->halves[i].assoc = assoc;
        assoc->halves[i].other = &assoc->halves[1 - i];
    }
    return assoc;
}

static const struct sim_was *who_was(struct sim *sim, uint64_t incarnation)
{
    const struct sim_was *at = sim_actors_of(sim)->was;
    while (at != NULL && at->incarnation != incarnation) {
        at = at->next;
    }
    return at;
}

/* Whether another session with this one's identity was ever opened after it, or beside it. */
static int has_namesake(struct sim *sim, uint32_t session)
{
    const struct sim_was *own = sim_actors_of(sim)->was, *at = own;
    while (own != NULL && own->number != session) {
        own = own->next;
    }
    while (at != NULL && own != NULL &&
           (!kith_id_equal(&at->id, &own->id) || at->number == session ||
            (at->number < session && sim->plan.clones == 0))) {
        at = at->next;
    }
    return own != NULL && at != NULL;
}

struct sim_half *sim_model_connected(struct sim *sim, struct sim_actor *actor, kith_peer *peer)
{
    kith_id id = kith_peer_id(peer);
    const struct sim_was *theirs = who_was(sim, sim_inspect_peer_incarnation(peer));
    int arbiter = sim_inspect_is_arbiter(peer);
    uint64_t since = sim_inspect_since(peer);
    struct sim_assoc *assoc;
    struct sim_half *half;
    SIM_CHECK(sim, theirs != NULL && kith_id_equal(&theirs->id, &id),
              "%s: connected to an id that no session has", actor->name);
    SIM_CHECK(sim, theirs->number != actor->number, "%s: connected to itself", actor->name);
    for (half = actor->halves; half != NULL; half = half->next) {
        kith_id known = kith_peer_id(half->peer);
        SIM_CHECK(sim, !kith_id_equal(&known, &id), "%s: connected twice to one id", actor->name);
    }
    assoc = find_assoc(sim, arbiter ? actor->number : theirs->number, since);
    /* A follower may have lost its link, and with it the association, before the arbiter heard of
     * it: that one offers it anew over another link, and both begin at zero. */
    if (assoc == NULL || (!arbiter && assoc->halves[1].state == SIM_HALF_DEPARTED &&
                          assoc->halves[0].state == SIM_HALF_UNKNOWN)) {
        assoc = new_assoc(sim, arbiter ? actor->number : theirs->number, since);
    }
    half = &assoc->halves[arbiter ? 0 : 1];
    SIM_CHECK(sim, half->state == SIM_HALF_UNKNOWN, "%s: one association began twice", actor->name);
    half->state = SIM_HALF_CONNECTED;
    half->actor = actor;
    half->session = actor->number;
    half->other->actor = theirs->actor;
    half->other->session = theirs->number;
    half->peer = peer;
    half->next = actor->halves;
    half->link = &actor->halves;
    if (half->next != NULL) {
        half->next->link = &half->next;
    }
    actor->halves = half;
    return half;
}

static int is_leaving(const struct sim_half *half)
{
    return half->state == SIM_HALF_DEPARTED || half->kicked || half->actor->closing ||
           half->actor->number != half->session;
}

/* Also one that gave the association up before it was confirmed, as a short window may have it. */
static int went_away(const struct sim *sim, const struct sim_half *half)
{
    return half->state == SIM_HALF_UNKNOWN ? !sim->plan.steady || sim->phase > SIM_BUSY
                                           : is_leaving(half);
}

/* Whoever departs for another one with its identity must be gone, be put out by the other end, or
 * have been out of reach when it was asked. */
static int is_replaced(struct sim *sim, const struct sim_half *half, int broken)
{
    const struct sim_half *other = half->other;
    if (has_namesake(sim, half->session) && other->state == SIM_HALF_DEPARTED &&
        other->reason == KITH_REASON_RESTARTED) {
        return 1;
    }
    return (has_namesake(sim, other->session) &&
            (other->actor->number != other->session || (sim->plan.clones > 0 && broken))) ||
           (has_namesake(sim, half->session) && sim->plan.clones > 0 && broken);
}

/* The first of the two ends to go must have a cause, and one that fits. */
static void check_reason(struct sim *sim, const struct sim_half *half, kith_reason reason)
{
    int mine = half->kicked || half->actor->closing;
    int theirs = went_away(sim, half->other);
    int broken = sim->plan.faults || sim->links_broken || sim->clock_jumped || sim->memory_failed;
    const char *text = kith_reason_name(reason);
    SIM_CHECK(sim, !sim->plan.lasting || mine || theirs,
              "%s: departed with %s, and would have been waited for", name_of(half), text);
    switch ((int)reason) {
    case KITH_REASON_LOCAL:
        SIM_CHECK(sim, mine, "%s: departed with LOCAL, but did nothing to end it", name_of(half));
        return;
    case KITH_REASON_INTERNAL:
        SIM_CHECK(sim, sim->memory_failed, "%s: departed with INTERNAL", name_of(half));
        return;
    case KITH_REASON_KICKED:
        SIM_CHECK(sim, half->other->kicked, "%s: KICKED, but nobody did", name_of(half));
        return;
    case KITH_REASON_RESTARTED:
        SIM_CHECK(sim, is_replaced(sim, half, broken),
                  "%s: departed with RESTARTED, and it was there all the time", name_of(half));
        return;
    case KITH_REASON_ID_IN_USE:
        SIM_CHECK(sim, sim->plan.clones > 0 && has_namesake(sim, half->session),
                  "%s: departed with ID_IN_USE, and nobody else has its identity", name_of(half));
        return;
    case KITH_REASON_LEFT:
    case KITH_REASON_LOST:
    case KITH_REASON_TIMEOUT:
        SIM_CHECK(sim, theirs || broken, "%s: departed with %s, but nothing happened",
                  name_of(half), text);
        return;
    default:
        sim_fail(sim, "%s: departed with %s, which nobody here gives cause for", name_of(half),
                 text);
    }
}

/* Waiting for a peer makes sense to both sides, and only for one that was there. */
void sim_model_interrupted(struct sim *sim, struct sim_half *half, kith_reason reason)
{
    int broken = sim->plan.faults || sim->links_broken || sim->clock_jumped || sim->memory_failed;
    SIM_CHECK(sim, !half->is_interrupted, "%s: interrupted twice", name_of(half));
    SIM_CHECK(sim, !sim->plan.smooth || sim->phase == SIM_LEAVING,
              "%s: hears of an interruption, and another link was there", name_of(half));
    SIM_CHECK(sim, half->actor->config.resume_window_ms != KITH_RESUME_OFF,
              "%s: interrupted, and it does not resume", name_of(half));
    SIM_CHECK(sim, broken || went_away(sim, half->other),
              "%s: interrupted with %s, but nothing happened", name_of(half),
              kith_reason_name(reason));
    half->is_interrupted = 1;
}

void sim_model_resumed(struct sim *sim, struct sim_half *half)
{
    SIM_CHECK(sim, half->is_interrupted, "%s: connected again, and was not interrupted",
              name_of(half));
    half->is_interrupted = 0;
}

int sim_model_is_there(const struct sim_half *half)
{
    kith_peer_state state = kith_peer_get_state(half->peer);
    return state == KITH_PEER_CONNECTED || state == KITH_PEER_INTERRUPTED;
}

/* Leaving with time to flush means that all was delivered, or the time was over. */
static void check_flushed(struct sim *sim, const struct sim_half *half, kith_reason reason)
{
    const struct sim_actor *actor = half->actor;
    if (reason != KITH_REASON_LOCAL || half->kicked || !actor->closing ||
        actor->loop->env.now_us >= actor->flush_until_us || sim->memory_failed) {
        return;
    }
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        const struct sim_stream *out = &half->out[i];
        SIM_CHECK(sim, out->consumed == out->count,
                  "%s: left before its time with %zu messages of channel %u not delivered",
                  name_of(half), out->count - out->consumed, i);
    }
}

void sim_model_departed(struct sim *sim, struct sim_half *half, kith_reason reason)
{
    check_reason(sim, half, reason);
    check_flushed(sim, half, reason);
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        struct sim_stream *out = &half->out[i];
        half->received[i] = sim_inspect_received(half->peer, i);
        while (out->owed < out->count) {
            const struct sim_message *message = &out->messages[out->owed++];
            SIM_CHECK(sim, message->ticket == 0 || message->fate != 0,
                      "%s: departed, and message %zu of channel %u has no fate", name_of(half),
                      out->owed - 1, i);
        }
    }
    half->state = SIM_HALF_DEPARTED;
    half->is_interrupted = 0;
    half->reason = reason;
    half->peer = NULL;
    *half->link = half->next;
    if (half->next != NULL) {
        half->next->link = half->link;
    }
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static uint64_t record_bytes(size_t bytes)
{
    return bytes + (bytes < 64 ? 1 : bytes < 16384 ? 2 : 4);
}

void sim_model_sent(struct sim *sim, struct sim_half *half, unsigned channel, size_t bytes,
                    uint32_t key, uint64_t ticket, struct sim_lent *lent)
{
    struct sim_stream *out = &half->out[channel];
    struct sim_message *message;
    out->messages = sim_grow(sim, out->messages, out->count, &out->room, sizeof *out->messages);
    message = &out->messages[out->count];
    memset(message, 0, sizeof *message);
    message->ticket = ticket;
    message->start = out->count == 0 ? 0 : message[-1].end;
    message->end = message->start + record_bytes(bytes);
    message->bytes = (uint32_t)bytes;
    message->key = key;
    message->lent = lent;
    if (lent != NULL) {
        lent->to = sim_grow(sim, lent->to, lent->to_count, &lent->to_room, sizeof *lent->to);
        lent->to[lent->to_count++] = (struct sim_lent_to){half, channel, out->count};
    }
    out->count++;
    half->messages_sent++;
    half->bytes_sent += bytes;
}

void sim_model_thread_sent(struct sim *sim, struct sim_half *half, unsigned channel, size_t bytes,
                           uint32_t key, uint64_t ticket, struct sim_lent *lent)
{
    struct sim_actor *actor = half->actor;
    struct sim_pending *pending = sim_alloc(sim, sizeof *pending);
    *pending = (struct sim_pending){NULL, half, channel, ticket, bytes, key, lent};
    *actor->pending_end = pending;
    actor->pending_end = &pending->next;
}

void sim_model_drained(struct sim *sim, int index)
{
    struct sim_actor *actor = &sim->actors[index];
    for (struct sim_pending *at = actor->pending; at != NULL; at = at->next) {
        sim_model_sent(sim, at->half, at->channel, at->bytes, at->key, at->ticket, at->lent);
    }
    actor->pending = NULL;
    actor->pending_end = &actor->pending;
}

/* The next message of a stream that has a ticket and no fate; NULL: none. */
static struct sim_message *next_owed(struct sim_stream *out)
{
    while (out->owed < out->count) {
        struct sim_message *message = &out->messages[out->owed];
        if (message->ticket != 0 && message->fate == 0) {
            return message;
        }
        out->owed++;
    }
    return NULL;
}

void sim_model_refused(struct sim *sim, struct sim_half *half, unsigned channel, size_t bytes,
                       int by_thread)
{
    struct sim_stream *out = &half->out[channel];
    kith_peer_info info = {.size = sizeof info};
    int idle = half->actor->pending == NULL &&
               (sim->plan.capabilities & KITH_DRIVER_MANY_LANES) == 0 &&
               kith_peer_get_info(half->peer, &info) == KITH_OK && info.queued_bytes == 0;
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT && idle; i++) {
        idle = next_owed(&half->out[i]) == NULL;
    }
    SIM_CHECK(sim, !idle, "%s: AGAIN for %zu bytes, and nothing is under way", name_of(half),
              bytes);
    out->refused[by_thread] = SIM_REFUSED;
}

void sim_model_writable(struct sim *sim, struct sim_half *half, unsigned channel)
{
    struct sim_stream *out = &half->out[channel];
    int both = out->refused[0] != SIM_TOLD && out->refused[1] != SIM_TOLD;
    SIM_CHECK(sim, out->refused[0] != SIM_TOLD || out->refused[1] != SIM_TOLD,
              "%s: on_writable of channel %u, which refused nothing", name_of(half), channel);
    /* Where both wait, one call can be for either or for both. */
    out->refused[0] = out->refused[1] = both ? SIM_MAYBE_TOLD : SIM_TOLD;
}

uint64_t sim_model_to_come(const struct sim_half *half)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        const struct sim_stream *out = &half->out[i];
        if (out->came < out->count) {
            bytes += out->messages[out->count - 1].end - out->messages[out->came].start;
        }
    }
    return bytes;
}

/* ---- lending ----------------------------------------------------------------------------------
 */

struct sim_lent *sim_model_lend(struct sim *sim, size_t count, uint32_t key)
{
    struct sim_lent *lent = sim_alloc(sim, sizeof *lent);
    lent->sim = sim;
    lent->bytes = malloc(count + 1); /* a block of its own, so that a sanitizer sees its end */
    if (lent->bytes == NULL) {
        abort();
    }
    lent->count = count;
    lent->key = key;
    sim_content_fill(lent->bytes, count, key);
    return lent;
}

/* Whoever reads them after this reads rubbish. */
static void wipe(struct sim_lent *lent)
{
    memset(lent->bytes, 0xdd, lent->count);
    free(lent->bytes);
    lent->bytes = NULL;
    lent->is_back = 1;
}

void sim_model_not_lent(struct sim_lent *lent)
{
    wipe(lent);
}

/* How far the other end of half has received a channel. */
static uint64_t received_by_other(const struct sim_half *half, unsigned channel)
{
    switch (half->other->state) {
    case SIM_HALF_CONNECTED:
        return sim_inspect_received(half->other->peer, channel);
    case SIM_HALF_DEPARTED:
        return half->other->received[channel];
    case SIM_HALF_UNKNOWN:
        break;
    }
    return 0;
}

void sim_model_lent_back(void *user, const void *bytes)
{
    struct sim_lent *lent = user;
    struct sim *sim = lent->sim;
    SIM_CHECK(sim, !sim->in_call, "lent bytes come back inside the call that lent them");
    SIM_CHECK(sim, !lent->is_back, "lent bytes come back twice");
    SIM_CHECK(sim, bytes == lent->bytes, "other bytes come back than were lent");
    SIM_CHECK(sim, sim_content_wrong(lent->bytes, lent->count, lent->key) == lent->count,
              "lent bytes were changed");
    for (size_t i = 0; i < lent->to_count; i++) {
        const struct sim_lent_to *to = &lent->to[i];
        const struct sim_message *message = &to->half->out[to->channel].messages[to->index];
        SIM_CHECK(sim,
                  to->half->state == SIM_HALF_DEPARTED ||
                      received_by_other(to->half, to->channel) >= message->end,
                  "%s: lent bytes of message %zu of channel %u come back, but they have not been "
                  "received",
                  name_of(to->half), to->index, to->channel);
    }
    sim_note(sim, SIM_FREED, SIM_WORLD, lent->count, lent->to_count, 0);
    wipe(lent);
}

/* ---- receiving --------------------------------------------------------------------------------
 */

size_t sim_model_came(struct sim *sim, struct sim_half *half, unsigned channel, const void *data,
                      size_t bytes)
{
    struct sim_stream *in = &half->other->out[channel];
    struct sim_message *message;
    size_t number = in->came, right;
    SIM_CHECK(sim, number < in->count,
              "%s: a message came on channel %u (%zu bytes), but only %zu were sent", name_of(half),
              channel, bytes, in->count);
    message = &in->messages[number];
    SIM_CHECK(sim, bytes == message->bytes,
              "%s: message %zu of channel %u has %zu bytes, and %u were sent", name_of(half),
              number, channel, bytes, (unsigned)message->bytes);
    right = sim_content_wrong(data, bytes, message->key);
    SIM_CHECK(sim, right == bytes,
              "%s: message %zu of channel %u (%zu bytes) is not what was sent, from byte %zu on",
              name_of(half), number, channel, bytes, right);
    SIM_CHECK(sim, message->fate != KITH_FATE_UNSENT,
              "%s: message %zu of channel %u comes, and its sender was told UNSENT", name_of(half),
              number, channel);
    in->came++;
    half->messages_came++;
    half->bytes_came += bytes;
    return number;
}

const struct sim_message *sim_model_message(const struct sim_half *half, unsigned channel,
                                            size_t number)
{
    return &half->other->out[channel].messages[number];
}

void sim_model_back(struct sim_half *half, unsigned channel, size_t number)
{
    struct sim_stream *in = &half->other->out[channel];
    if (half->state != SIM_HALF_CONNECTED) {
        return; /* too late to be told to anyone */
    }
    in->messages[number].is_back = 1;
    while (in->consumed < in->came && in->messages[in->consumed].is_back) {
        in->consumed++;
    }
}

/* The stream whose next fate this is: a ticket may be anywhere, but each channel tells in order. */
static struct sim_stream *find_owing(struct sim *sim, struct sim_half *half, uint64_t ticket)
{
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        const struct sim_message *message = next_owed(&half->out[i]);
        if (message != NULL && message->ticket == ticket) {
            return &half->out[i];
        }
    }
    sim_fail(sim, "%s: a fate of ticket %llu: a second one, out of order, or never asked for",
             name_of(half), (unsigned long long)ticket);
}

void sim_model_fate(struct sim *sim, struct sim_half *half, uint64_t ticket, kith_fate fate)
{
    struct sim_stream *out = find_owing(sim, half, ticket);
    struct sim_message *message = &out->messages[out->owed];
    unsigned channel = (unsigned)(out - half->out);
    size_t number = out->owed;
    uint64_t highest = sim_inspect_highest(half->peer, channel);
    switch ((int)fate) {
    case KITH_FATE_DELIVERED:
        SIM_CHECK(sim, number < out->consumed,
                  "%s: message %zu of channel %u is DELIVERED, but the other application has not "
                  "given it back",
                  name_of(half), number, channel);
        break;
    case KITH_FATE_UNSENT:
        SIM_CHECK(sim, number >= out->came && highest <= message->start,
                  "%s: message %zu of channel %u is UNSENT, but it was on its way", name_of(half),
                  number, channel);
        break;
    case KITH_FATE_UNKNOWN:
        SIM_CHECK(sim, highest > message->start,
                  "%s: message %zu of channel %u is UNKNOWN, but it never left", name_of(half),
                  number, channel);
        break;
    default:
        sim_fail(sim, "%s: fate %d is none", name_of(half), (int)fate);
    }
    message->fate = (uint8_t)fate;
}

/* ---- datagrams --------------------------------------------------------------------------------
 */

static uint32_t datagram_key(const struct sim_half *half, uint32_t number)
{
    uint64_t end = half->assoc->number * 2 + (half == half->assoc->halves ? 0 : 1);
    return (uint32_t)(sim_mix(end << 32 | number) >> 33);
}

uint32_t sim_model_datagram_number(const struct sim_half *half)
{
    return (uint32_t)half->datagram_count;
}

void sim_model_datagram_fill(const struct sim_half *half, uint32_t number, uint8_t *out,
                             size_t bytes)
{
    sim_content_fill(out, bytes, datagram_key(half, number));
    if (bytes >= sizeof number) {
        memcpy(out, &number, sizeof number);
    }
}

void sim_model_datagram_sent(struct sim *sim, struct sim_half *half, size_t bytes,
                             uint32_t lifetime_ms, kith_err err)
{
    struct sim_datagram *datagram;
    half->datagrams = sim_grow(sim, half->datagrams, half->datagram_count, &half->datagram_room,
                               sizeof *half->datagrams);
    datagram = &half->datagrams[half->datagram_count++];
    *datagram = (struct sim_datagram){half->actor->loop->env.now_us, (uint32_t)bytes, lifetime_ms,
                                      err != KITH_OK, 0};
    half->datagrams_refused += err == KITH_ERR_AGAIN;
    half->datagrams_wait |= err == KITH_ERR_AGAIN;
}

void sim_model_datagram_writable(struct sim *sim, struct sim_half *half)
{
    SIM_CHECK(sim, half->datagrams_wait, "%s: on_datagram_writable, and none was refused",
              name_of(half));
    half->datagrams_wait = 0;
}

void sim_model_datagram_goes(struct sim *sim, struct sim_half *half, const uint8_t *bytes,
                             size_t count)
{
    const struct sim_datagram *datagram;
    uint64_t late_us;
    uint32_t number;
    if (count < sizeof number) {
        return;
    }
    memcpy(&number, bytes, sizeof number);
    SIM_CHECK(sim, number < half->datagram_count, "%s: a datagram goes that nobody sent",
              name_of(half));
    datagram = &half->datagrams[number];
    late_us = half->actor->loop->env.now_us - datagram->sent_us;
    SIM_CHECK(sim, late_us <= ((uint64_t)datagram->lifetime_ms + KITH_DATAGRAM_GRACE_MS) * 1000,
              "%s: datagram %u goes after %llu us, and was to live for %u ms", name_of(half),
              (unsigned)number, (unsigned long long)late_us, (unsigned)datagram->lifetime_ms);
}

/* What was too small to carry its number can only be counted. */
static void check_numbered(struct sim *sim, const struct sim_half *half, const uint8_t *bytes,
                           size_t count)
{
    const struct sim_half *from = half->other;
    struct sim_datagram *datagram;
    uint32_t number;
    size_t right;
    memcpy(&number, bytes, sizeof number);
    SIM_CHECK(sim, number < from->datagram_count, "%s: a datagram came that nobody sent",
              name_of(half));
    datagram = &from->datagrams[number];
    SIM_CHECK(sim, count == datagram->bytes, "%s: datagram %u has %zu bytes, and %u were sent",
              name_of(half), (unsigned)number, count, (unsigned)datagram->bytes);
    right = sim_content_wrong(bytes + 4, count - 4, datagram_key(from, number) + 4);
    SIM_CHECK(sim, right == count - 4, "%s: datagram %u is not what was sent, from byte %zu on",
              name_of(half), (unsigned)number, right + 4);
    SIM_CHECK(sim, !datagram->refused, "%s: datagram %u came, but its sender was told AGAIN",
              name_of(half), (unsigned)number);
    SIM_CHECK(sim, !datagram->came, "%s: datagram %u came twice", name_of(half), (unsigned)number);
    datagram->came = 1;
}

void sim_model_datagram_came(struct sim *sim, struct sim_half *half, const uint8_t *bytes,
                             size_t count)
{
    half->datagrams_came++;
    SIM_CHECK(sim,
              half->datagrams_came + half->other->datagrams_refused <= half->other->datagram_count,
              "%s: more datagrams came than were sent", name_of(half));
    if (count >= 4) {
        check_numbered(sim, half, bytes, count);
    }
}

/* ---- the whole --------------------------------------------------------------------------------
 */

void sim_model_check_stats(struct sim *sim, struct sim_half *half)
{
    kith_peer_stats stats = {.size = sizeof stats};
    kith_peer_info info = {.size = sizeof info};
    uint64_t sent = 0, received = 0, held = 0;
    if (half->peer == NULL || half->kicked) {
        return;
    }
    SIM_CHECK(sim,
              kith_peer_get_stats(half->peer, &stats) == KITH_OK &&
                  kith_peer_get_info(half->peer, &info) == KITH_OK,
              "%s: no statistics: %s", name_of(half), kith_detail());
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        const struct sim_stream *out = &half->out[i], *in = &half->other->out[i];
        sent += out->count > 0 ? out->messages[out->count - 1].end : 0;
        received += received_by_other(half, i);
        held += (in->came > 0 ? in->messages[in->came - 1].end : 0) -
                (in->consumed > 0 ? in->messages[in->consumed - 1].end : 0);
    }
    SIM_CHECK(sim,
              stats.messages_sent == half->messages_sent &&
                  stats.message_bytes_sent == half->bytes_sent,
              "%s: statistics say %llu messages sent, and it was %llu", name_of(half),
              (unsigned long long)stats.messages_sent, (unsigned long long)half->messages_sent);
    SIM_CHECK(sim,
              stats.messages_received == half->messages_came &&
                  stats.message_bytes_received == half->bytes_came,
              "%s: statistics say %llu messages received, and it was %llu", name_of(half),
              (unsigned long long)stats.messages_received, (unsigned long long)half->messages_came);
    SIM_CHECK(sim, stats.datagrams_received == half->datagrams_came,
              "%s: statistics of datagrams received are wrong", name_of(half));
    SIM_CHECK(sim,
              stats.datagrams_sent + stats.datagrams_dropped <= half->datagram_count &&
                  stats.datagrams_dropped >= half->datagrams_refused &&
                  stats.datagrams_sent >= half->other->datagrams_came,
              "%s: statistics of datagrams sent are wrong", name_of(half));
    SIM_CHECK(sim, stats.unsent_bytes + stats.retained_bytes == info.queued_bytes,
              "%s: unsent and retained bytes are not those queued", name_of(half));
    SIM_CHECK(sim, info.queued_bytes <= sent && info.queued_bytes >= sent - received,
              "%s: %llu bytes are queued, of %llu sent and %llu received", name_of(half),
              (unsigned long long)info.queued_bytes, (unsigned long long)sent,
              (unsigned long long)received);
    SIM_CHECK(sim, stats.held_bytes == held,
              "%s: statistics say %llu bytes are held, and it is %llu", name_of(half),
              (unsigned long long)stats.held_bytes, (unsigned long long)held);
}

static int is_refused(const struct sim_stream *out)
{
    return out->refused[0] == SIM_REFUSED || out->refused[1] == SIM_REFUSED;
}

/* What is missing in one direction of an association whose two ends are connected. */
static const char *missing_of(struct sim_half *half)
{
    static char text[SIM_VIOLATION_BYTES + 200];
    for (unsigned i = 0; i < KITH_CHANNEL_COUNT; i++) {
        struct sim_stream *out = &half->out[i];
        const char *what = out->came < out->count       ? "not come"
                           : out->consumed < out->count ? "not back"
                           : next_owed(out) != NULL     ? "without a fate"
                           : is_refused(out)            ? "to be told writable"
                                                        : NULL;
        if (what != NULL) {
            char more[700];
            sim_inspect_stuck(half->peer, half->other->peer, more, sizeof more);
            snprintf(text, sizeof text,
                     "%s to %s, channel %u: %zu sent, %zu came, %zu back, %zu fates told: %s (%s)",
                     half->actor->name, half->other->actor->name, i, out->count, out->came,
                     out->consumed, out->owed, what, more);
            return text;
        }
    }
    if (half->datagrams_wait) {
        snprintf(text, sizeof text, "%s to %s: on_datagram_writable has not come",
                 half->actor->name, half->other->actor->name);
        return text;
    }
    return NULL;
}

/* All of it has arrived: then none is kept. */
static const char *kept_of(const struct sim_half *half)
{
    static char text[200];
    size_t bytes = sim_inspect_kept(half->peer);
    if (bytes == 0) {
        return NULL;
    }
    snprintf(text, sizeof text, "%s to %s: all has arrived, and %zu bytes are kept to send",
             half->actor->name, half->other->actor->name, bytes);
    return text;
}

const char *sim_model_missing(struct sim *sim)
{
    for (struct sim_assoc *at = sim->assocs; at != NULL; at = at->next) {
        struct sim_half *a = &at->halves[0], *b = &at->halves[1];
        const char *missing;
        if ((a->state == SIM_HALF_CONNECTED) != (b->state == SIM_HALF_CONNECTED) ||
            a->is_interrupted || b->is_interrupted) {
            return "one end of an association is connected and the other is not";
        }
        if (a->state != SIM_HALF_CONNECTED) {
            continue;
        }
        missing = missing_of(a);
        missing = missing == NULL ? missing_of(b) : missing;
        missing = missing == NULL ? kept_of(a) : missing;
        missing = missing == NULL ? kept_of(b) : missing;
        missing = missing == NULL ? sim_inspect_links(a->peer, b->peer) : missing;
        SIM_CHECK(sim,
                  !sim->plan.smooth || sim->actor_count > 2 ||
                      sim_inspect_generation(a->peer) <=
                          8 + 2 * sim->cuts + 4 * (sim->now_us / 1000 / KITH_SHAKY_MS),
                  "%s: %llu adoptions: the links flap", name_of(a),
                  (unsigned long long)sim_inspect_generation(a->peer));
        if (missing != NULL) {
            return missing;
        }
    }
    for (size_t i = 0; i < sim->actor_count; i++) {
        if (sim->actors[i].pending != NULL) {
            return "what another thread sent is not in its lane";
        }
    }
    return NULL;
}

void sim_model_done(struct sim *sim)
{
    for (struct sim_assoc *at = sim->assocs; at != NULL; at = at->next) {
        for (size_t i = 0; i < 2; i++) {
            struct sim_half *half = &at->halves[i];
            SIM_CHECK(sim, half->state != SIM_HALF_CONNECTED, "%s: a peer never departed",
                      name_of(half));
            for (unsigned c = 0; c < KITH_CHANNEL_COUNT; c++) {
                for (size_t m = 0; m < half->out[c].count; m++) {
                    const struct sim_message *message = &half->out[c].messages[m];
                    SIM_CHECK(sim, message->lent == NULL || message->lent->is_back,
                              "%s: lent bytes never came back", name_of(half));
                }
            }
        }
    }
}
