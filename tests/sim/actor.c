/* SPDX-License-Identifier: MIT
 *
 * actor.c: see actor.h. The callbacks check that each event fits what went before, and hand it to
 * the model.
 */
#include "actor.h"

#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "inspect.h"
#include "model.h"

enum { PORT_FIRST = 1000 }; /* of those that are always found at the same place */

static const kith_key shared_key = {"sim", {1, 2, 3, 4, 5, 6, 7, 8}, 16};

static struct sim_actors actors;

struct sim_actors *sim_actors_of(struct sim *sim)
{
    (void)sim;
    return &actors;
}

/* ---- callbacks --------------------------------------------------------------------------------
 */

static struct sim_actor *enter(kith_session *session, void *user)
{
    struct sim_actor *actor = user;
    struct sim *sim = actor->sim;
    SIM_CHECK(sim, session == actor->session, "%s: an event of a session that is closed",
              actor->name);
    SIM_CHECK(sim, !sim->in_call, "%s: a callback inside the call that caused it", actor->name);
    SIM_CHECK(sim, sim->depth == 0, "%s: a callback inside a callback", actor->name);
    sim->depth++;
    return actor;
}

/* Anything may be done inside a callback. */
static void leave(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    if (sim->phase == SIM_BUSY && sim_chance(&sim->ops, sim->plan.inside_permille)) {
        sim_op(sim, actor);
    }
    sim->depth--;
}

static struct sim_half *half_of(struct sim_actor *actor, kith_peer *peer)
{
    struct sim_half *half = kith_peer_user(peer);
    SIM_CHECK(actor->sim, half != NULL, "%s: news of a peer that was never connected", actor->name);
    SIM_CHECK(actor->sim, half->peer == peer && half->actor == actor,
              "%s: news of a peer that has departed", actor->name);
    return half;
}

/* Dials go on where the peer is there again, as if they had never been ready. */
static void begin_anew(struct sim_actor *actor, const struct sim_half *half)
{
    for (struct sim_handle *at = actor->handles; at != NULL; at = at->next) {
        if (at->half == half) {
            at->half = NULL;
            at->is_ready = 0;
        }
    }
}

static void on_peer(kith_session *session, kith_peer *peer, kith_peer_state state,
                    kith_reason reason, const char *text, void *user)
{
    struct sim_actor *actor = enter(session, user);
    struct sim *sim = actor->sim;
    struct sim_half *half;
    SIM_CHECK(sim, kith_peer_get_state(peer) == state, "%s: a peer is in another state than told",
              actor->name);
    SIM_CHECK(sim, strlen(text) <= KITH_REASON_TEXT_BYTES_MAX, "%s: a text too long", actor->name);
    if (state == KITH_PEER_CONNECTED && kith_peer_user(peer) != NULL) {
        half = half_of(actor, peer);
        sim_note(sim, SIM_RESUMED, actor->index, half->assoc->number, 0, 0);
        sim_model_resumed(sim, half);
    } else if (state == KITH_PEER_INTERRUPTED) {
        half = half_of(actor, peer);
        sim_note(sim, SIM_INTERRUPTED, actor->index, half->assoc->number, (uint64_t)reason, 0);
        sim_model_interrupted(sim, half, reason);
    } else if (state == KITH_PEER_CONNECTED) {
        half = sim_model_connected(sim, actor, peer);
        kith_peer_set_user(peer, half);
        sim_note(sim, SIM_CONNECTED, actor->index, half->assoc->number,
                 (uint64_t)half->other->actor->index, 0);
        SIM_CHECK(sim, strcmp(kith_peer_name(peer), half->other->actor->name) == 0,
                  "%s: a peer goes by the name of %s", actor->name, kith_peer_name(peer));
        if (sim_chance(&sim->ops, 200)) {
            half->kept = kith_peer_retain(peer);
        }
    } else {
        SIM_CHECK(sim, state == KITH_PEER_DEPARTED, "%s: peer state %d", actor->name, (int)state);
        half = half_of(actor, peer);
        sim_note(sim, SIM_DEPARTED, actor->index, half->assoc->number, (uint64_t)reason, 0);
        sim_model_departed(sim, half, reason);
        if (reason == KITH_REASON_RESTARTED) {
            begin_anew(actor, half);
        }
    }
    leave(actor);
}

/* 1 when the model hears of the message's return from elsewhere. */
static int hold(struct sim_half *half, const kith_message *message, size_t number)
{
    struct sim_actor *actor = half->actor;
    struct sim *sim = actor->sim;
    struct sim_held *held;
    kith_held *handle = NULL;
    kith_err err;
    SIM_CALL(sim, err = kith_message_hold(half->peer, message, &handle));
    if (err != KITH_OK) {
        SIM_CHECK(sim,
                  err == KITH_ERR_LIMIT || (err == KITH_ERR_NOT_CONNECTED && half->kicked) ||
                      (err == KITH_ERR_NOMEM && sim->memory_failed),
                  "%s: kith_message_hold() gives %s", actor->name, kith_err_name(err));
        return 0;
    }
    held = sim_alloc(sim, sizeof *held);
    *held = (struct sim_held){actor->held, &actor->held, half, message->channel, number, handle};
    if (held->next != NULL) {
        held->next->link = &held->next;
    }
    actor->held = held;
    actor->held_count++;
    sim_note(sim, SIM_HOLD, actor->index, message->channel, message->data_bytes, 0);
    if (sim_chance(&sim->ops, 30)) {
        sim_actor_release(held); /* at once, inside the callback */
    }
    return 1;
}

void sim_actor_release(struct sim_held *held)
{
    struct sim_actor *actor = held->half->actor;
    struct sim *sim = actor->sim;
    const struct sim_message *message = sim_model_message(held->half, held->channel, held->number);
    size_t count;
    const uint8_t *bytes = kith_held_data(held->held, &count);
    SIM_CHECK(sim,
              bytes != NULL && count == message->bytes &&
                  sim_content_wrong(bytes, count, message->key) == count,
              "%s: a held message has changed", actor->name);
    sim_note(sim, SIM_RELEASE, actor->index, held->channel, count, 0);
    *held->link = held->next;
    if (held->next != NULL) {
        held->next->link = held->link;
    }
    actor->held_count--;
    sim_model_back(held->half, held->channel, held->number);
    SIM_CALL(sim, kith_held_release(held->held));
}

static void on_message(kith_session *session, kith_peer *peer, const kith_message *message,
                       void *user)
{
    struct sim_actor *actor = enter(session, user);
    struct sim *sim = actor->sim;
    struct sim_half *half = half_of(actor, peer);
    size_t number;
    int is_held = 0;
    SIM_CHECK(sim, message->channel < KITH_CHANNEL_COUNT && message->data != NULL,
              "%s: a message that cannot be", actor->name);
    SIM_CHECK(sim, !half->kicked, "%s: a message after kith_peer_disconnect()", actor->name);
    number = sim_model_came(sim, half, message->channel, message->data, message->data_bytes);
    sim_note(sim, SIM_MESSAGE, actor->index, half->assoc->number, message->channel,
             message->data_bytes);
    if (sim->phase == SIM_BUSY && sim_chance(&sim->ops, sim->plan.hold_permille)) {
        is_held = hold(half, message, number);
    }
    if (sim->phase == SIM_BUSY && sim_chance(&sim->ops, sim->plan.reply_permille)) {
        (void)sim_send(half, message->channel, message->data_bytes, SIM_OP_SEND);
    }
    leave(actor);
    if (!is_held) {
        sim_model_back(half, message->channel, number);
    }
}

static void on_fate(kith_session *session, kith_peer *peer, uint64_t ticket, kith_fate fate,
                    void *user)
{
    struct sim_actor *actor = enter(session, user);
    struct sim_half *half = half_of(actor, peer);
    sim_note(actor->sim, SIM_FATE, actor->index, half->assoc->number, ticket, (uint64_t)fate);
    sim_model_fate(actor->sim, half, ticket, fate);
    leave(actor);
}

static void on_writable(kith_session *session, kith_peer *peer, unsigned channel, void *user)
{
    struct sim_actor *actor = enter(session, user);
    struct sim_half *half = half_of(actor, peer);
    sim_note(actor->sim, SIM_WRITABLE, actor->index, half->assoc->number, channel, 0);
    sim_model_writable(actor->sim, half, channel);
    leave(actor);
}

static void on_datagram_writable(kith_session *session, kith_peer *peer, void *user)
{
    struct sim_actor *actor = enter(session, user);
    struct sim_half *half = half_of(actor, peer);
    sim_note(actor->sim, SIM_DATAGRAM_WRITABLE, actor->index, half->assoc->number, 0, 0);
    sim_model_datagram_writable(actor->sim, half);
    leave(actor);
}

static void on_datagram(kith_session *session, kith_peer *peer, const void *data, size_t data_bytes,
                        void *user)
{
    struct sim_actor *actor = enter(session, user);
    struct sim_half *half = half_of(actor, peer);
    SIM_CHECK(actor->sim, data != NULL && !half->kicked, "%s: a datagram that cannot be",
              actor->name);
    sim_note(actor->sim, SIM_DATAGRAM, actor->index, half->assoc->number, data_bytes, 0);
    sim_model_datagram_came(actor->sim, half, data, data_bytes);
    leave(actor);
}

const char *sim_actor_url(const struct sim_actor *actor, unsigned transport)
{
    return actor->urls[transport];
}

void sim_actor_forget_urls(struct sim_actor *actor)
{
    memset(actor->urls, 0, sizeof actor->urls);
}

static void on_listener(kith_session *session, kith_listener *listener,
                        const kith_listener_event *event, void *user)
{
    struct sim_actor *actor = enter(session, user);
    struct sim *sim = actor->sim;
    struct sim_handle *handle = event->tag;
    SIM_CHECK(sim, handle->handle == listener && handle->session == actor->number,
              "%s: an event of an unknown listener", actor->name);
    SIM_CHECK(sim, !handle->is_over, "%s: a listener's event after its final one", actor->name);
    sim_note(sim, SIM_LISTENER, actor->index, event->kind, (uint64_t)(unsigned)event->err, 0);
    if (event->kind == KITH_LISTENER_WAITING) {
        SIM_CHECK(sim, sim->was_offline, "%s: a listener waits: %s", actor->name, event->detail);
        handle->is_ready = 0;
        leave(actor);
        return;
    }
    if (event->kind == KITH_LISTENER_READY) {
        SIM_CHECK(sim, handle->is_ready < (int)sim->plan.transports,
                  "%s: a listener is ready twice", actor->name);
        if (actor->listener == handle) {
            snprintf(actor->urls[handle->is_ready], sizeof actor->urls[0], "%s", event->url);
        }
        handle->is_ready++;
    } else {
        SIM_CHECK(sim, event->kind == KITH_LISTENER_CLOSED || sim->memory_failed,
                  "%s: a listener failed: %s", actor->name, event->detail);
        handle->is_over = 1;
        if (actor->listener == handle) {
            actor->listener = NULL;
            sim_actor_forget_urls(actor);
        }
    }
    leave(actor);
}

static void on_network(kith_session *session, const kith_network_event *event, void *user)
{
    struct sim_actor *actor = enter(session, user);
    struct sim *sim = actor->sim;
    struct sim_half *half = event->peer != NULL ? kith_peer_user(event->peer) : NULL;
    sim_note(sim, SIM_NETWORK, actor->index, event->kind, half != NULL ? half->assoc->number : 0,
             0);
    SIM_CHECK(sim, (event->kind == KITH_NETWORK_PATH) == (half != NULL),
              "%s: an event of the network that names %s", actor->name,
              half != NULL ? "a peer" : "nobody");
    SIM_CHECK(sim, half == NULL || kith_peer_get_state(event->peer) == KITH_PEER_CONNECTED,
              "%s: a new way to a peer that is not connected", actor->name);
    SIM_CHECK(sim, half != NULL || !actor->is_suspended, "%s: rests, and is told of the network",
              actor->name);
    leave(actor);
}

/* Found once, then updated, then lost; and while it rests it is told nothing. */
static void on_discovery(kith_session *session, kith_discovery *discovery,
                         const kith_discovery_event *event, void *user)
{
    struct sim_actor *actor = enter(session, user);
    struct sim *sim = actor->sim;
    uint64_t number = event->found != NULL ? event->found->number : 0;
    size_t at = 0;
    (void)discovery;
    sim_note(sim, SIM_DISCOVERY, actor->index, event->kind, number, 0);
    SIM_CHECK(sim, event->kind == KITH_DISCOVERY_CLOSED || !actor->is_suspended,
              "%s: rests, and is told of discovery", actor->name);
    SIM_CHECK(sim, event->kind != KITH_DISCOVERY_DOWN || sim->air_failed || sim->memory_failed,
              "%s: discovery is down: %s", actor->name, event->detail);
    while (at < actor->found_count && actor->found[at] != number) {
        at++;
    }
    if (event->kind == KITH_DISCOVERY_FOUND) {
        SIM_CHECK(sim, at == actor->found_count, "%s: found one twice", actor->name);
        actor->found = sim_grow(sim, actor->found, actor->found_count, &actor->found_room,
                                sizeof *actor->found);
        actor->found[actor->found_count++] = number;
    } else if (event->found != NULL) {
        SIM_CHECK(sim, at < actor->found_count, "%s: news of one who was never found", actor->name);
        if (event->kind == KITH_DISCOVERY_LOST) {
            actor->found[at] = actor->found[--actor->found_count];
        }
    }
    leave(actor);
}

/* A dial that fails needs a cause. */
static void check_dial(struct sim *sim, const struct sim_handle *dial, const kith_dial_event *event)
{
    int broken = sim->plan.faults || sim->links_broken || sim->memory_failed || sim->clock_jumped;
    SIM_CHECK(sim, event->kind != KITH_DIAL_FAILED || !sim->plan.steady || broken,
              "%s: a dial failed with %s: %s", dial->actor->name, kith_reason_name(event->reason),
              event->detail);
    switch ((int)event->reason) {
    case KITH_REASON_PROTOCOL:
    case KITH_REASON_VERSION:
    case KITH_REASON_SESSION:
    case KITH_REASON_ROLE:
    case KITH_REASON_NOT_KITH:
    case KITH_REASON_NAME:
    case KITH_REASON_AUTH:
        sim_fail(sim, "%s: a dial ends with %s, which nobody here gives cause for: %s",
                 dial->actor->name, kith_reason_name(event->reason), event->detail);
    case KITH_REASON_RESTARTED: /* it is there again: the dial goes on */
        SIM_CHECK(sim, sim->plan.has_identities, "%s: a dial ends with RESTARTED",
                  dial->actor->name);
        break;
    case KITH_REASON_ID_IN_USE: /* the dead past of one that restarted keeps nobody out */
        SIM_CHECK(sim, sim->plan.clones > 0, "%s: a dial ends with ID_IN_USE, and nobody has it",
                  dial->actor->name);
        break;
    case KITH_REASON_SELF:
        SIM_CHECK(sim, dial->is_self, "%s: a dial ends with SELF", dial->actor->name);
        break;
    case KITH_REASON_INTERNAL:
        SIM_CHECK(sim, sim->memory_failed, "%s: a dial ends with INTERNAL: %s", dial->actor->name,
                  event->detail);
        break;
    default:
        break;
    }
}

static void dial_is_over(struct sim_handle *handle)
{
    struct sim *sim = handle->actor->sim;
    handle->is_over = 1;
    if (handle->edge != NULL && handle->edge->dial == handle) {
        handle->edge->dial = NULL;
        handle->edge->not_before_us = sim->now_us + sim_between(&sim->ops, 1000, 300000);
    }
}

static void on_dial(kith_session *session, kith_dial *dial, const kith_dial_event *event,
                    void *user)
{
    struct sim_actor *actor = enter(session, user);
    struct sim *sim = actor->sim;
    struct sim_handle *handle = event->tag;
    SIM_CHECK(sim, handle->handle == dial && handle->session == actor->number,
              "%s: an event of an unknown dial", actor->name);
    SIM_CHECK(sim, !handle->is_over, "%s: a dial's event after its final one", actor->name);
    sim_note(sim, SIM_DIAL, actor->index, event->kind, (uint64_t)event->reason, 0);
    switch (event->kind) {
    case KITH_DIAL_READY:
        SIM_CHECK(sim, !handle->is_ready && !handle->is_cancelled && !handle->is_self,
                  "%s: a dial is ready that was so or was cancelled", actor->name);
        handle->half = half_of(actor, event->peer);
        handle->is_ready = 1;
        break;
    case KITH_DIAL_WAITING:
        if (event->peer != NULL) {
            SIM_CHECK(sim, handle->is_ready, "%s: a dial names a peer, and was not ready",
                      actor->name);
            (void)half_of(actor, event->peer);
        }
        check_dial(sim, handle, event);
        break;
    case KITH_DIAL_FAILED:
        SIM_CHECK(sim, !handle->is_ready && !handle->is_cancelled,
                  "%s: a dial failed that was ready or cancelled", actor->name);
        check_dial(sim, handle, event);
        dial_is_over(handle);
        break;
    case KITH_DIAL_CLOSED:
        SIM_CHECK(sim,
                  handle->is_ready || handle->is_cancelled || actor->closing ||
                      (event->reason == KITH_REASON_LOCAL && actor->has_kicked),
                  "%s: a dial closed with %s that was neither ready nor cancelled", actor->name,
                  kith_reason_name(event->reason));
        dial_is_over(handle);
        break;
    }
    leave(actor);
}

static void on_closed(kith_session *session, void *user)
{
    struct sim_actor *actor = enter(session, user);
    struct sim *sim = actor->sim;
    sim_note(sim, SIM_CLOSED, actor->index, actor->number, 0, 0);
    SIM_CHECK(sim, actor->closing, "%s: closed without being asked", actor->name);
    SIM_CHECK(sim, actor->halves == NULL, "%s: closed, and a peer has not departed", actor->name);
    for (struct sim_handle *at = actor->handles; at != NULL; at = at->next) {
        SIM_CHECK(sim, at->is_over, "%s: closed, and a dial or listener has no final event",
                  actor->name);
    }
    actor->session = NULL;
    actor->number = 0;
    actor->handles = NULL;
    actor->closing = actor->is_suspended = 0;
    actor->found_count = 0;
    actor->open_at_us = sim->now_us + sim_between(&sim->ops, 1000, 300000);
    sim->depth--;
}

/* ---- sessions ---------------------------------------------------------------------------------
 */

static void draw_config(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    const struct sim_plan *plan = &sim->plan;
    kith_session_config *config = &actor->config;
    struct sim_random *random = &sim->ops;
    *config = (kith_session_config)KITH_SESSION_CONFIG_INIT;
    config->resume_window_ms =
        sim_chance(random, plan->resume_permille)
            ? (uint32_t)sim_scale(random, plan->resume_ms, plan->resume_ms_max)
            : KITH_RESUME_OFF;
    config->display_name = actor->name;
    config->session_name = "sim";
    if (plan->discovery && sim_chance(random, 700)) { /* else members tell of each other, too */
        config->introductions = KITH_INTRODUCTIONS_OFF;
    }
    config->security = plan->secure ? KITH_SECURITY_PSK : KITH_SECURITY_NONE;
    if (plan->shape == SIM_SERVERS) {
        config->role = (unsigned)actor->index < plan->servers ? KITH_ROLE_SERVER : KITH_ROLE_CLIENT;
    }
    config->budget_bytes = sim_scale(random, plan->budget_min, plan->budget_max);
    config->max_message_bytes = sim_chance(random, plan->max_message_permille)
                                    ? (uint32_t)(config->budget_bytes / 4)
                                    : (uint32_t)sim_scale(random, 16, config->budget_bytes / 4);
    config->identity = plan->has_identities ? &actor->identity : NULL;
    config->max_peers = sim->actor_count > KITH_PEERS_DEFAULT ? SIM_ACTORS_MAX : 0;
    config->idle_ping_ms = plan->ping_ms;
    config->idle_ping_count = plan->ping_count;
    config->window_pool_bytes = sim_chance(random, 700) ? 0 : sim_scale(random, 1, 1 << 22);
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        config->channel_priority[i] = (uint8_t)(sim_chance(random, 500) ? 0 : sim_below(random, 8));
    }
}

static void look_around(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    kith_advertise_options ad = KITH_ADVERTISE_OPTIONS_INIT;
    kith_browse_options look = KITH_BROWSE_OPTIONS_INIT;
    kith_err err;
    ad.instance = sim_chance(&sim->ops, sim->plan.named_permille) ? "desk" : NULL;
    look.auto_connect = KITH_AUTO_CONNECT_ON;
    SIM_CALL(sim, err = kith_advertise(actor->session, &ad, NULL));
    SIM_CHECK(sim, err == KITH_OK, "%s: kith_advertise() gives %s: %s", actor->name,
              kith_err_name(err), kith_detail());
    SIM_CALL(sim, err = kith_browse(actor->session, &look, NULL));
    SIM_CHECK(sim, err == KITH_OK, "%s: kith_browse() gives %s: %s", actor->name,
              kith_err_name(err), kith_detail());
}

kith_err sim_actor_open(struct sim_actor *actor)
{
    static const kith_callbacks callbacks = {
        .size = sizeof callbacks,
        .on_peer = on_peer,
        .on_message = on_message,
        .on_fate = on_fate,
        .on_writable = on_writable,
        .on_listener = on_listener,
        .on_dial = on_dial,
        .on_closed = on_closed,
        .on_datagram = on_datagram,
        .on_network = on_network,
        .on_datagram_writable = on_datagram_writable,
        .on_discovery = on_discovery,
    };
    struct sim *sim = actor->sim;
    struct sim_was *was;
    kith_err err;
    draw_config(actor);
    SIM_CALL(sim, err = kith_session_open(actor->loop, &actor->config, &callbacks, actor,
                                          &actor->session));
    SIM_CHECK(sim, err == KITH_OK || (err == KITH_ERR_NOMEM && sim->memory_failed),
              "%s: kith_session_open() gives %s: %s", actor->name, kith_err_name(err),
              kith_detail());
    if (err != KITH_OK) {
        return err;
    }
    actor->number = ++sim->session_count;
    actor->keys = actor->has_kicked = 0;
    actor->id = kith_session_id(actor->session);
    was = sim_alloc(sim, sizeof *was);
    *was = (struct sim_was){actors.was, actor->id, sim_inspect_incarnation(actor->session),
                            actor->number, actor};
    actors.was = was;
    sim_note(sim, SIM_OPEN, actor->index, actor->config.budget_bytes,
             actor->config.max_message_bytes, 0);
    if (sim->plan.secure) {
        SIM_CALL(sim, err = kith_session_add_key(actor->session, &shared_key, KITH_KEY_DIAL));
        if (err != KITH_OK) {
            SIM_CHECK(sim, err == KITH_ERR_NOMEM && sim->memory_failed, "%s: no key: %s",
                      actor->name, kith_err_name(err));
            sim_actor_close(actor, 0);
        }
    }
    if (sim->plan.discovery && !actor->closing) {
        look_around(actor);
    }
    return KITH_OK;
}

void sim_actor_close(struct sim_actor *actor, uint32_t flush_ms)
{
    struct sim *sim = actor->sim;
    uint64_t until_us = actor->loop->env.now_us + (uint64_t)flush_ms * 1000;
    kith_err err;
    if (!actor->closing || until_us < actor->flush_until_us) {
        actor->flush_until_us = until_us;
    }
    actor->closing = 1;
    actor->is_suspended = 0; /* who leaves does not rest */
    for (struct sim_handle *at = actor->handles; at != NULL; at = at->next) {
        at->is_cancelled = 1;
    }
    sim_actor_forget_urls(actor);
    sim_note(sim, SIM_CLOSE, actor->index, actor->number, flush_ms, 0);
    SIM_CALL(sim, err = kith_session_close(actor->session, flush_ms));
    SIM_CHECK(sim, err == KITH_OK, "%s: kith_session_close() gives %s", actor->name,
              kith_err_name(err));
}

static struct sim_handle *new_handle(struct sim_actor *actor)
{
    struct sim_handle *handle = sim_alloc(actor->sim, sizeof *handle);
    handle->actor = actor;
    handle->session = actor->number;
    handle->next = actor->handles;
    return handle;
}

void sim_actor_listen(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    struct sim_handle *handle = new_handle(actor);
    kith_listener *listener = NULL;
    kith_err err;
    char url[32];
    snprintf(url, sizeof url, "%s://*:%d",
             sim->plan.transports > 1 ? "any"
             : sim->plan.secure       ? "mems"
                                      : "mem",
             sim->plan.has_identities ? PORT_FIRST + actor->index : 0);
    SIM_CALL(sim, err = kith_listen(actor->session, url, handle, &listener));
    sim_note(sim, SIM_LISTEN, actor->index, (uint64_t)(unsigned)err, 0, 0);
    SIM_CHECK(sim, err == KITH_OK || (err == KITH_ERR_NOMEM && sim->memory_failed),
              "%s: kith_listen() gives %s: %s", actor->name, kith_err_name(err), kith_detail());
    if (err == KITH_OK) {
        handle->handle = listener;
        actor->handles = handle;
        actor->listener = handle;
    }
}

void sim_actor_unlisten(struct sim_actor *actor)
{
    struct sim_handle *handle = actor->listener;
    kith_err err;
    handle->is_cancelled = 1;
    sim_actor_forget_urls(actor);
    sim_note(actor->sim, SIM_UNLISTEN, actor->index, 0, 0, 0);
    SIM_CALL(actor->sim, err = kith_listener_close(handle->handle));
    SIM_CHECK(actor->sim, err == KITH_OK, "%s: kith_listener_close() gives %s", actor->name,
              kith_err_name(err));
}

void sim_actor_dial(struct sim_actor *from, struct sim_actor *to, struct sim_edge *edge)
{
    struct sim *sim = from->sim;
    struct sim_handle *handle = new_handle(from);
    unsigned transport = edge != NULL ? edge->transport : 0;
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    kith_dial *dial = NULL;
    kith_err err;
    options.tag = handle;
    if (!sim->plan.steady && !sim->plan.smooth && sim_chance(&sim->ops, 300)) {
        options.give_up_ms = (uint32_t)sim_scale(&sim->ops, 1, 40000);
    }
    if (sim->plan.steady && sim_chance(&sim->ops, 300)) {
        options.want = &to->id;
    }
    handle->edge = edge;
    handle->is_self = from == to;
    if (edge == NULL && sim->plan.transports > 1) {
        transport = (unsigned)sim_below(&sim->ops, sim->plan.transports);
    }
    SIM_CALL(sim,
             err = kith_dial_open(from->session, sim_actor_url(to, transport), &options, &dial));
    sim_note(sim, SIM_DIAL_OPEN, from->index, (uint64_t)to->index, (uint64_t)(unsigned)err, 0);
    SIM_CHECK(sim, err == KITH_OK || (err == KITH_ERR_NOMEM && sim->memory_failed),
              "%s: kith_dial_open() gives %s: %s", from->name, kith_err_name(err), kith_detail());
    if (err != KITH_OK) {
        return;
    }
    handle->handle = dial;
    from->handles = handle;
    if (edge != NULL) {
        edge->dial = handle;
    }
}

void sim_actor_cancel(struct sim_handle *dial)
{
    struct sim *sim = dial->actor->sim;
    kith_err err;
    dial->is_cancelled = 1;
    sim_note(sim, SIM_CANCEL, dial->actor->index, 0, 0, 0);
    SIM_CALL(sim, err = kith_dial_cancel(dial->handle));
    SIM_CHECK(sim, err == KITH_OK, "%s: kith_dial_cancel() gives %s", dial->actor->name,
              kith_err_name(err));
}

/* ---- all of them ------------------------------------------------------------------------------
 */

static void add_edge(struct sim *sim, struct sim_actor *from, struct sim_actor *to)
{
    for (unsigned i = 0; i < sim->plan.transports; i++) {
        actors.edges[actors.edge_count++] = (struct sim_edge){from, to, NULL, i, 0};
    }
    to->listens = 1;
}

/* Whom the i-th has to do with among those behind it. */
static void draw_edges_of(struct sim *sim, size_t i, size_t count)
{
    const struct sim_plan *plan = &sim->plan;
    for (size_t j = i + 1; j < count; j++) {
        struct sim_actor *a = &sim->actors[i], *b = &sim->actors[j];
        if (plan->shape == SIM_SERVERS) {
            if (i < plan->servers && j >= plan->servers) {
                add_edge(sim, b, a);
            }
            continue;
        }
        if (sim_chance(&sim->ops, plan->both_permille)) {
            add_edge(sim, a, b);
            add_edge(sim, b, a);
        } else if (sim_chance(&sim->ops, 500)) {
            add_edge(sim, a, b);
        } else {
            add_edge(sim, b, a);
        }
    }
}

/* A copy dials whom its original may dial. */
static void add_edges_of_copy(struct sim *sim, struct sim_actor *copy)
{
    for (size_t i = 0; i < sim->actor_count - sim->plan.clones; i++) {
        if (&sim->actors[i] != copy->original) {
            add_edge(sim, copy, &sim->actors[i]);
        }
    }
}

static void draw_edges(struct sim *sim)
{
    const struct sim_plan *plan = &sim->plan;
    size_t count = sim->actor_count - plan->clones;
    actors.edges = sim_alloc(sim, (plan->shape == SIM_SERVERS ? plan->servers : sim->actor_count) *
                                      sim->actor_count * plan->transports * sizeof *actors.edges);
    actors.edge_count = 0;
    for (size_t i = 1; i < count && plan->is_introduced; i++) {
        add_edge(sim, &sim->actors[i], &sim->actors[sim_below(&sim->ops, i)]);
        sim->actors[i].listens = 1;
    }
    for (size_t i = count; i < sim->actor_count; i++) {
        add_edges_of_copy(sim, &sim->actors[i]);
    }
    for (size_t i = 0; i < count && !plan->is_introduced; i++) {
        draw_edges_of(sim, i, count);
    }
}

/* A copy has its original's. */
static void draw_identity(struct sim_actor *actor)
{
    struct sim *sim = actor->sim;
    size_t first_copy = sim->actor_count - sim->plan.clones;
    struct sim_random random;
    actor->original =
        (size_t)actor->index < first_copy ? NULL : &sim->actors[(size_t)actor->index - first_copy];
    actor->is_out = actor->original != NULL;
    random.state = sim->seed * 1000 + (uint64_t)(actor->is_out ? actor->original : actor)->index;
    sim_fill_random(&random, actor->identity.bytes, sizeof actor->identity.bytes);
}

void sim_actors_init(struct sim *sim)
{
    memset(&actors, 0, sizeof actors);
    sim->actor_count = sim->plan.actors;
    sim->actors = sim_alloc(sim, sim->actor_count * sizeof *sim->actors);
    for (size_t i = 0; i < sim->actor_count; i++) {
        struct sim_actor *actor = &sim->actors[i];
        actor->sim = sim;
        actor->index = (int)i;
        actor->loop = &sim->loops[i + 1];
        actor->pending_end = &actor->pending;
        actor->listens = sim->plan.discovery;
        actor->keeps = sim_chance(&sim->ops, sim->plan.keep_permille);
        draw_identity(actor);
        snprintf(actor->name, sizeof actor->name, "actor %zu", i);
    }
    draw_edges(sim);
    sim_actors_tend(sim);
}

int sim_half_connected(const struct sim_half *half)
{
    const struct sim_half *other = half->other;
    return other->session == other->actor->number && other->state == SIM_HALF_CONNECTED &&
           !half->is_interrupted && !other->is_interrupted;
}

int sim_actors_connected(const struct sim_actor *from, const struct sim_actor *to)
{
    for (const struct sim_half *half = from->halves; half != NULL; half = half->next) {
        if (half->other->session == to->number) {
            return sim_half_connected(half);
        }
    }
    return 0;
}

void sim_actors_tend(struct sim *sim)
{
    for (size_t i = 0; i < sim->actor_count; i++) {
        struct sim_actor *actor = &sim->actors[i];
        if (actor->session == NULL && !actor->is_out && actor->ghosts == 0 &&
            sim->now_us >= actor->open_at_us) {
            (void)sim_actor_open(actor);
        }
        if (actor->session != NULL && !actor->closing && actor->listens &&
            actor->listener == NULL) {
            sim_actor_listen(actor);
        }
    }
    for (size_t i = 0; !sim->plan.discovery && i < actors.edge_count; i++) {
        struct sim_edge *edge = &actors.edges[i];
        if (edge->dial == NULL && sim->now_us >= edge->not_before_us &&
            edge->from->session != NULL && !edge->from->closing &&
            sim_actor_url(edge->to, edge->transport)[0] != '\0' &&
            (sim->plan.transports > 1 || !sim_actors_connected(edge->from, edge->to))) {
            sim_actor_dial(edge->from, edge->to, edge);
        }
    }
}
