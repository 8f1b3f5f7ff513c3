/* SPDX-License-Identifier: MIT
 *
 * ops.c: what applications do at random. Each call's answer is checked against what
 * may be answered then.
 */
#include <stdlib.h>
#include <string.h>

#include "actor.h"
#include "bounds.h"
#include "inspect.h"
#include "model.h"

/* ---- who and how much -------------------------------------------------------------------------
 */

static struct sim_actor *any_actor(struct sim *sim)
{
    for (int tries = 0; tries < 4; tries++) {
        struct sim_actor *actor = &sim->actors[sim_below(&sim->ops, sim->actor_count)];
        if (actor->session != NULL) {
            return actor;
        }
    }
    return NULL;
}

static struct sim_half *any_half(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    struct sim_half *half = actor->halves;
    size_t count = 0;
    for (struct sim_half *at = half; at != NULL; at = at->next) {
        count++;
    }
    for (size_t skip = sim_below(&sim->ops, count); skip > 0; skip--) {
        half = half->next;
    }
    return half;
}

static uint32_t max_message(const struct sim_half *half)
{
    kith_peer_info info = {.size = sizeof info};
    return kith_peer_get_info(half->peer, &info) == KITH_OK ? info.max_message_bytes : 0;
}

static unsigned any_of(struct sim *sim, const unsigned *weights, unsigned count)
{
    uint64_t sum = 0, at;
    for (unsigned i = 0; i < count; i++) {
        sum += weights[i];
    }
    at = sim_below(&sim->ops, sum);
    for (unsigned i = 0; i < count; i++) {
        if (at < weights[i]) {
            return i;
        }
        at -= weights[i];
    }
    return 0;
}

/* The sizes that break things are those around a window, a chunk, a length's next byte. */
static size_t any_size(struct sim_half *half)
{
    struct sim *sim = half->actor->sim;
    struct sim_random *random = &sim->ops;
    size_t most = max_message(half), window = (size_t)half->actor->config.budget_bytes / 64;
    size_t size = 0;
    window = window < KITH_WINDOW_BYTES_FIRST ? window : KITH_WINDOW_BYTES_FIRST;
    switch (any_of(sim, sim->plan.sizes, SIM_SIZE_COUNT)) {
    case SIM_TINY:
        size = sim_below(random, 70);
        break;
    case SIM_SMALL:
        size = sim_below(random, 2000);
        break;
    case SIM_WINDOW:
        size = sim_chance(random, 500) ? window - 40 + sim_below(random, 60)
                                       : 16 * 1024 - 40 + sim_below(random, 60);
        break;
    case SIM_LARGE:
        size = sim_scale(random, 2000, most > 2000 ? most : 2000);
        break;
    default:
        size = most;
        break;
    }
    return size < most ? size : most;
}

/* ---- messages ---------------------------------------------------------------------------------
 */

/* The bytes of a message that is copied. */
static uint8_t *scratch(size_t bytes)
{
    static uint8_t *block;
    static size_t room;
    if (bytes + 1 > room) {
        free(block);
        room = bytes + 1 < 65536 ? 65536 : bytes + 1;
        block = malloc(room);
        if (block == NULL) {
            abort();
        }
    }
    return block;
}

static uint32_t new_key(struct sim *sim)
{
    return (uint32_t)sim_mix(sim->seed + ++sim_actors_of(sim)->key_count);
}

static uint64_t maybe_ticket(struct sim *sim)
{
    return sim_chance(&sim->ops, sim->plan.ticket_permille) ? ++sim_actors_of(sim)->ticket_count
                                                            : 0;
}

/* Is that an answer kith_send() may give now? */
static void check_answer(const struct sim_half *half, const char *what, size_t bytes, kith_err err)
{
    struct sim *sim = half->actor->sim;
    const char *name = half->actor->name;
    int departed = !sim_model_is_there(half);
    int gone = half->kicked || departed;
    int fits = 0;
    switch ((int)err) {
    case KITH_OK:
        /* Another thread cannot know that the peer is about to depart. */
        fits = sim->other_thread ? !departed : !gone && !half->actor->closing;
        break;
    case KITH_ERR_AGAIN:
        fits = sim->other_thread ? !departed : !gone;
        break;
    case KITH_ERR_NOT_CONNECTED:
        fits = gone || (sim->other_thread && half->actor->closing);
        break;
    case KITH_ERR_CLOSED:
        fits = half->actor->closing;
        break;
    case KITH_ERR_NOMEM:
        fits = sim->memory_failed;
        break;
    case KITH_ERR_TOO_BIG:
        fits = bytes > max_message(half) ||
               (sim->other_thread && bytes > half->actor->config.budget_bytes / 32);
        break;
    default:
        break;
    }
    SIM_CHECK(sim, fits, "%s: %s of %zu bytes gives %s: %s", name, what, bytes, kith_err_name(err),
              kith_detail());
}

kith_err sim_send(struct sim_half *half, unsigned channel, size_t bytes, enum sim_op how)
{
    struct sim *sim = half->actor->sim;
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    uint32_t key = new_key(sim);
    int lend = how == SIM_OP_LEND || (how == SIM_OP_THREAD && sim_chance(&sim->ops, 300));
    struct sim_lent *lent = lend ? sim_model_lend(sim, bytes, key) : NULL;
    uint8_t *data = lend ? lent->bytes : scratch(bytes);
    kith_err err;
    if (lend) {
        options.free_fn = sim_model_lent_back;
        options.free_user = lent;
    } else {
        sim_content_fill(data, bytes, key);
    }
    options.ticket = maybe_ticket(sim);
    sim->other_thread = how == SIM_OP_THREAD;
    SIM_CALL(sim, err = kith_send(half->peer, channel, bytes > 0 || lend ? data : NULL, bytes,
                                  &options));
    sim_note(sim, how == SIM_OP_THREAD ? SIM_THREAD_SEND : SIM_SEND, half->actor->index,
             half->assoc->number << 4 | channel, bytes, (uint64_t)(unsigned)err);
    check_answer(half, "kith_send()", bytes, err);
    sim->other_thread = 0;
    if (err == KITH_OK && how == SIM_OP_THREAD) {
        sim_model_thread_sent(sim, half, channel, bytes, key, options.ticket, lent);
    } else if (err == KITH_OK) {
        sim_model_sent(sim, half, channel, bytes, key, options.ticket, lent);
    } else if (lend) {
        sim_model_not_lent(lent);
    }
    if (err == KITH_ERR_AGAIN) {
        sim_model_refused(sim, half, channel, bytes, how == SIM_OP_THREAD);
    }
    if (!lend && bytes > 0) {
        memset(data, 0xee, bytes < 256 ? bytes : 256); /* it was copied, or it was not */
    }
    return err;
}

static int is_full(const struct sim_half *half)
{
    return sim_model_to_come(half) >= half->actor->sim->plan.queue_bytes_max;
}

static void send_one(struct sim_actor *actor, enum sim_op how)
{
    struct sim *sim = actor->sim;
    struct sim_half *half = any_half(actor);
    size_t bytes;
    if (half == NULL || is_full(half)) {
        return;
    }
    bytes = any_size(half);
    if (how == SIM_OP_THREAD && bytes > actor->config.budget_bytes / 32) {
        bytes = (size_t)(actor->config.budget_bytes / 32);
    }
    (void)sim_send(half, (unsigned)sim_below(&sim->ops, sim->plan.channels), bytes, how);
}

/* ---- messages to many -------------------------------------------------------------------------
 */

/* What became of one message to several. */
static void many_sent(struct sim *sim, const kith_send_result *results, size_t count,
                      unsigned channel, size_t bytes, uint32_t key, uint64_t ticket,
                      struct sim_lent *lent, kith_err outcome)
{
    kith_err expected = KITH_OK;
    for (size_t i = 0; i < count; i++) {
        struct sim_half *half = kith_peer_user(results[i].peer);
        expected = results[i].err == KITH_OK ? expected : KITH_ERR_PARTIAL;
        if (results[i].err == KITH_ERR_TOO_BIG) {
            continue; /* what one takes another may not */
        }
        check_answer(half, "a message to many", bytes, results[i].err);
        if (results[i].err == KITH_OK) {
            sim_model_sent(sim, half, channel, bytes, key, ticket, lent);
        } else if (results[i].err == KITH_ERR_AGAIN) {
            sim_model_refused(sim, half, channel, bytes, 0);
        }
    }
    SIM_CHECK(sim, outcome == expected, "a message to many gives %s, and the results say %s",
              kith_err_name(outcome), kith_err_name(expected));
}

static void send_many(struct sim_actor *actor, int everyone)
{
    struct sim *sim = actor->sim;
    kith_send_result results[SIM_ACTORS_MAX] = {{NULL, KITH_OK}};
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    size_t count = everyone ? SIM_ACTORS_MAX : 0, connected = 0, bytes;
    unsigned channel = (unsigned)sim_below(&sim->ops, sim->plan.channels);
    uint32_t key = new_key(sim);
    struct sim_lent *lent;
    kith_err err;
    if (actor->halves == NULL || actor->closing) {
        return;
    }
    for (struct sim_half *half = actor->halves; half != NULL; half = half->next) {
        if (is_full(half)) {
            return;
        }
        connected += sim_model_is_there(half);
        if (!everyone && sim_chance(&sim->ops, 600)) {
            results[count++].peer = half->peer;
        }
    }
    bytes = any_size(actor->halves);
    lent = sim_chance(&sim->ops, 500) ? sim_model_lend(sim, bytes, key) : NULL;
    if (lent != NULL) {
        options.free_fn = sim_model_lent_back;
        options.free_user = lent;
    } else {
        sim_content_fill(scratch(bytes), bytes, key);
    }
    options.ticket = maybe_ticket(sim);
    SIM_CALL(sim, err = everyone ? kith_broadcast(actor->session, channel,
                                                  lent != NULL ? lent->bytes : scratch(bytes),
                                                  bytes, &options, results, &count)
                                 : kith_send_many(actor->session, results, count, channel,
                                                  lent != NULL ? lent->bytes : scratch(bytes),
                                                  bytes, &options));
    sim_note(sim, SIM_SEND_MANY, actor->index, count, bytes, (uint64_t)(unsigned)err);
    if (err != KITH_OK && err != KITH_ERR_PARTIAL) {
        SIM_CHECK(sim, err == KITH_ERR_NOMEM && sim->memory_failed,
                  "%s: a message to many gives %s", actor->name, kith_err_name(err));
        if (lent != NULL) {
            sim_model_not_lent(lent);
        }
        return;
    }
    SIM_CHECK(sim, !everyone || count == connected, "%s: a broadcast tried %zu peers, of %zu",
              actor->name, count, connected);
    many_sent(sim, results, count, channel, bytes, key, options.ticket, lent, err);
}

static void send_datagram(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    struct sim_half *half = any_half(actor);
    kith_datagram_options options = KITH_DATAGRAM_OPTIONS_INIT;
    uint8_t bytes[2048];
    uint32_t number;
    size_t most, count;
    kith_err err;
    if (half == NULL) {
        return;
    }
    most = kith_peer_datagram_max(half->peer);
    SIM_CHECK(sim, most <= sizeof bytes, "%s: datagrams of %zu bytes", actor->name, most);
    count = sim_chance(&sim->ops, 200) ? most : sim_below(&sim->ops, most + 1);
    options.lifetime_ms = (uint32_t)sim_below(&sim->ops, sim->plan.lifetime_ms + 1);
    number = sim_model_datagram_number(half);
    sim_model_datagram_fill(half, number, bytes, count);
    SIM_CALL(sim, err = kith_send_datagram(half->peer, bytes, count, &options));
    sim_note(sim, SIM_SEND_DATAGRAM, actor->index, number, count, (uint64_t)(unsigned)err);
    check_answer(half, "kith_send_datagram()", count, err);
    if (err == KITH_OK || err == KITH_ERR_AGAIN) {
        sim_model_datagram_sent(sim, half, count, options.lifetime_ms, err);
    }
}

static void release_one(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    struct sim_held *held = actor->held;
    if (held == NULL || (actor->keeps && sim->phase == SIM_BUSY)) {
        return;
    }
    for (size_t skip = sim_below(&sim->ops, actor->held_count); skip > 0; skip--) {
        held = held->next;
    }
    sim_actor_release(held);
}

/* ---- comings and goings -----------------------------------------------------------------------
 */

static void disconnect(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    struct sim_half *half = any_half(actor);
    kith_err err;
    if (half == NULL || half->kicked || !sim_model_is_there(half)) {
        return;
    }
    half->kicked = actor->has_kicked = 1;
    sim_note(sim, SIM_DISCONNECT, actor->index, half->assoc->number, 0, 0);
    SIM_CALL(sim, err = kith_peer_disconnect(half->peer, "enough"));
    SIM_CHECK(sim, err == KITH_OK, "%s: kith_peer_disconnect() gives %s", actor->name,
              kith_err_name(err));
}

static void cancel(struct sim_actor *actor)
{
    for (struct sim_handle *at = actor->handles; at != NULL; at = at->next) {
        if (!at->is_over && at != actor->listener && !at->is_cancelled &&
            sim_chance(&actor->sim->ops, 500)) {
            sim_actor_cancel(at);
            return;
        }
    }
}

static void twin(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    struct sim_actors *all = sim_actors_of(sim);
    struct sim_edge *edge = &all->edges[sim_below(&sim->ops, all->edge_count)];
    if (edge->from->session != NULL && !edge->from->closing &&
        sim_actor_url(edge->to, sim->plan.transports - 1)[0] != '\0') {
        sim_actor_dial(edge->from, edge->to, NULL);
    }
}

static void key(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    kith_key other = {"other", {9, 9, 9}, 20};
    kith_err err;
    if (!sim->plan.secure || actor->closing) {
        return;
    }
    if (sim_chance(&sim->ops, 500)) {
        SIM_CALL(sim, err = kith_session_add_key(actor->session, &other, 0));
        SIM_CHECK(sim,
                  err == (actor->keys ? KITH_ERR_EXISTS : KITH_OK) ||
                      (err == KITH_ERR_NOMEM && sim->memory_failed),
                  "%s: kith_session_add_key() gives %s", actor->name, kith_err_name(err));
        actor->keys |= err == KITH_OK;
    } else {
        SIM_CALL(sim, err = kith_session_remove_key(actor->session, other.identity));
        SIM_CHECK(sim, err == (actor->keys ? KITH_OK : KITH_ERR_NOT_FOUND),
                  "%s: kith_session_remove_key() gives %s", actor->name, kith_err_name(err));
        actor->keys = 0;
    }
    sim_note(sim, SIM_KEY, actor->index, (uint64_t)actor->keys, 0, 0);
}

static void stats(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    struct sim_half *half = any_half(actor);
    if (half != NULL && sim->depth == 0) {
        sim_note(sim, SIM_STATS, actor->index, half->assoc->number, 0, 0);
        sim_model_check_stats(sim, half);
    }
}

/* Calls that must be refused, and change nothing. */
static void stray(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    struct sim_half *half = any_half(actor);
    kith_err err;
    for (struct sim_assoc *at = sim->assocs; at != NULL; at = at->next) {
        for (size_t i = 0; i < 2; i++) {
            if (at->halves[i].kept != NULL && at->halves[i].state == SIM_HALF_DEPARTED) {
                SIM_CALL(sim, err = kith_send(at->halves[i].kept, 0, "", 0, NULL));
                SIM_CHECK(sim, err == KITH_ERR_NOT_CONNECTED,
                          "sending to a peer that departed gives %s", kith_err_name(err));
                kith_peer_release(at->halves[i].kept);
                at->halves[i].kept = NULL;
                return;
            }
        }
    }
    if (half == NULL) {
        return;
    }
    SIM_CALL(sim, err = kith_send(half->peer, KITH_CHANNEL_COUNT, "", 0, NULL));
    SIM_CHECK(sim, err == KITH_ERR_INVALID, "sending on channel 8 gives %s", kith_err_name(err));
    if (max_message(half) > 0 && !actor->closing) {
        size_t bytes = (size_t)max_message(half) + 1;
        SIM_CALL(sim, err = kith_send(half->peer, 0, scratch(bytes), bytes, NULL));
        SIM_CHECK(sim, err == KITH_ERR_TOO_BIG, "sending a byte more than allowed gives %s",
                  kith_err_name(err));
    }
}

static void close_session(struct sim_actor *actor)
{
    struct sim_random *random = &actor->sim->ops;
    sim_actor_close(actor, sim_chance(random, 400) ? 0 : (uint32_t)sim_scale(random, 1, 60000));
}

/* ---- the machine -------------------------------------------------------------------------------
 */

static void famine(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    struct sim_memory *memory = &actor->loop->memory;
    memory->fail_permille =
        memory->fail_permille != 0 ? 0 : (unsigned)sim_scale(&sim->ops, 1, 1000);
    sim->memory_failed = 1;
    sim_note(sim, SIM_FAMINE, actor->index, memory->fail_permille, 0, 0);
}

static void jump(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    uint64_t us = sim_scale(&sim->ops, 1000, 100000000);
    sim->clock_jumped = 1;
    actor->loop->skew_us += us;
    sim_note(sim, SIM_JUMP, actor->index, us, 0, 0);
    sim_loop_set_time(actor->loop);
}

static void rest(struct sim_actor *actor, int is_suspended)
{
    struct sim *sim = actor->sim;
    kith_err err;
    SIM_CALL(sim, err = is_suspended ? kith_session_suspend(actor->session)
                                     : kith_session_wake(actor->session));
    sim_note(sim, SIM_SUSPEND, actor->index, (uint64_t)is_suspended, 0, 0);
    SIM_CHECK(sim, err == (actor->closing ? KITH_ERR_CLOSED : KITH_OK), "%s: resting gives %s",
              actor->name, kith_err_name(err));
    actor->is_suspended = is_suspended && err == KITH_OK;
}

void sim_wake_all(struct sim *sim)
{
    for (size_t i = 0; i < sim->actor_count; i++) {
        if (sim->actors[i].session != NULL && sim->actors[i].is_suspended) {
            rest(&sim->actors[i], 0);
        }
    }
}

static void retry(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    kith_err err, expected = actor->closing        ? KITH_ERR_CLOSED
                             : actor->is_suspended ? KITH_ERR_STATE
                                                   : KITH_OK;
    SIM_CALL(sim, err = kith_retry(actor->session));
    sim_note(sim, SIM_RETRY, actor->index, (uint64_t)(unsigned)err, 0, 0);
    SIM_CHECK(sim, err == expected, "%s: kith_retry() gives %s", actor->name, kith_err_name(err));
}

static void change(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    int has_slept = sim_chance(&sim->ops, 300);
    sim_note(sim, SIM_CHANGE, actor->index, (uint64_t)has_slept, 0, 0);
    SIM_CALL(sim, sim_inspect_change(actor->session, has_slept));
}

void sim_op(struct sim *sim, struct sim_actor *actor)
{
    enum sim_op op = (enum sim_op)any_of(sim, sim->plan.weights, SIM_OP_COUNT);
    int inside = actor != NULL;
    actor = inside ? actor : any_actor(sim);
    if (actor == NULL || actor->session == NULL) {
        return;
    }
    switch (op) {
    case SIM_OP_SEND:
    case SIM_OP_LEND:
    case SIM_OP_THREAD:
        send_one(actor, op);
        break;
    case SIM_OP_MANY:
    case SIM_OP_BROADCAST:
        send_many(actor, op == SIM_OP_BROADCAST);
        break;
    case SIM_OP_DATAGRAM:
        send_datagram(actor);
        break;
    case SIM_OP_RELEASE:
        release_one(actor);
        break;
    case SIM_OP_DISCONNECT:
        disconnect(actor);
        break;
    case SIM_OP_CANCEL:
        cancel(actor);
        break;
    case SIM_OP_TWIN:
        twin(actor);
        break;
    case SIM_OP_SELF:
        if (!actor->closing && sim_actor_url(actor, sim->plan.transports - 1)[0] != '\0') {
            sim_actor_dial(actor, actor, NULL);
        }
        break;
    case SIM_OP_UNLISTEN:
        if (actor->listener != NULL && !actor->listener->is_cancelled) {
            sim_actor_unlisten(actor);
        }
        break;
    case SIM_OP_KEY:
        key(actor);
        break;
    case SIM_OP_CLOSE:
        close_session(actor);
        break;
    case SIM_OP_STATS:
        stats(actor);
        break;
    case SIM_OP_STRAY:
        stray(actor);
        break;
    case SIM_OP_JUMP:
        if (!inside) {
            jump(actor);
        }
        break;
    case SIM_OP_FAMINE:
        famine(actor);
        break;
    case SIM_OP_RETRY:
        retry(actor);
        break;
    case SIM_OP_SUSPEND:
        rest(actor, !actor->is_suspended);
        break;
    case SIM_OP_CHANGE:
        change(actor);
        break;
    case SIM_OP_CRASH:
        if (!inside) {
            sim_crash(actor);
        }
        break;
    case SIM_OP_CLONE:
        if (!inside) {
            sim_clone(sim);
        }
        break;
    case SIM_OP_CUT:
    case SIM_OP_FAULT:
    case SIM_OP_HEAL:
    case SIM_OP_OFFLINE:
    case SIM_OP_AIR:
    case SIM_OP_STRANGER:
    case SIM_OP_FLAP:
    case SIM_OP_PARTITION:
    case SIM_OP_WEATHER:
    case SIM_OP_COUNT:
        if (!inside) {
            sim_happen(sim, (int)op);
        }
        break;
    }
}
