/* SPDX-License-Identifier: MIT
 *
 * world.c: see world.h.
 */
#include "world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const kith_key shared_key = {"memory", {1, 2, 3, 4, 5, 6, 7, 8}, 16};

/* The public functions ask a loop for the right thread; it never runs. */
static kith_loop *loop_of_this_thread(void)
{
    static kith_loop *loop;
    if (loop == NULL) {
        cr_assert_eq(kith_loop_new(NULL, &loop), KITH_OK);
    }
    return loop;
}

/* ---- what callbacks write down ----------------------------------------------------------------
 */

static struct actor *enter(void *user)
{
    struct actor *actor = user;
    cr_assert_eq(actor->world->depth++, 0, "a callback inside a callback");
    return actor;
}

static void leave(struct actor *actor, enum actor_event event)
{
    actor->count[event]++;
    actor->event_us = actor->world->bench.env.now_us;
    if (actor->hook != NULL) {
        actor->hook(actor, event);
    }
    actor->world->depth--;
}

static struct actor_friend *friend_of(struct actor *actor, kith_peer *peer)
{
    struct actor_friend *friend = kith_peer_user(peer);
    cr_assert_not_null(friend, "news of a peer that was never connected");
    cr_assert_eq(friend->peer, peer, "news of a peer that departed");
    cr_assert_eq(kith_peer_session(peer), actor->session);
    return friend;
}

static void on_peer(kith_session *session, kith_peer *peer, kith_peer_state state,
                    kith_reason reason, const char *text, void *user)
{
    struct actor *actor = enter(user);
    struct actor_friend *friend;
    cr_assert_eq(session, actor->session);
    cr_assert_eq(kith_peer_get_state(peer), state);
    if (state == KITH_PEER_INTERRUPTED || (state == KITH_PEER_CONNECTED && kith_peer_user(peer))) {
        friend = friend_of(actor, peer);
        cr_assert_eq(friend->is_interrupted, state == KITH_PEER_CONNECTED);
        cr_assert_eq(reason == KITH_REASON_NONE, state == KITH_PEER_CONNECTED);
        friend->is_interrupted = !friend->is_interrupted;
        leave(actor, friend->is_interrupted ? ACTOR_INTERRUPTED : ACTOR_RESUMED);
    } else if (state == KITH_PEER_CONNECTED) {
        cr_assert_null(kith_peer_user(peer));
        cr_assert_lt(actor->friend_count, WORLD_FRIENDS_MAX);
        friend = &actor->friends[actor->friend_count++];
        friend->peer = peer;
        friend->id = kith_peer_id(peer);
        kith_peer_set_user(peer, friend);
        cr_assert_eq(reason, KITH_REASON_NONE);
        cr_assert_str_not_empty(kith_peer_name(peer));
        actor->last = friend;
        leave(actor, ACTOR_CONNECTED);
    } else {
        cr_assert_eq(state, KITH_PEER_DEPARTED);
        friend = friend_of(actor, peer);
        friend->reason = reason;
        cr_assert_leq(strlen(text), KITH_REASON_TEXT_BYTES_MAX);
        strcpy(friend->text, text);
        leave(actor, ACTOR_DEPARTED);
        friend->peer = NULL;
    }
}

static uint8_t byte_of(unsigned channel, unsigned number, size_t at)
{
    return (uint8_t)(channel * 31 + number * 7 + at * 13 + (at >> 8));
}

static void on_message(kith_session *session, kith_peer *peer, const kith_message *message,
                       void *user)
{
    struct actor *actor = enter(user);
    struct actor_friend *friend = friend_of(actor, peer);
    const uint8_t *bytes = message->data;
    unsigned number;
    cr_assert_eq(session, actor->session);
    cr_assert_lt(message->channel, KITH_CHANNEL_COUNT);
    cr_assert_not_null(message->data);
    number = friend->came[message->channel]++;
    for (size_t i = 0; i < message->data_bytes && !actor->world->is_tampered; i++) {
        cr_assert_eq(bytes[i], byte_of(message->channel, number, i),
                     "message %u of channel %u, byte %zu", number, message->channel, i);
    }
    actor->bytes_came += message->data_bytes;
    if (message->data_bytes > actor->largest_came) {
        actor->largest_came = message->data_bytes;
    }
    leave(actor, ACTOR_MESSAGE);
}

static void on_fate(kith_session *session, kith_peer *peer, uint64_t ticket, kith_fate fate,
                    void *user)
{
    struct actor *actor = enter(user);
    cr_assert_eq(session, actor->session);
    (void)friend_of(actor, peer);
    cr_assert(ticket >= 1 && ticket <= actor->tickets);
    cr_assert(fate >= KITH_FATE_DELIVERED && fate <= KITH_FATE_UNKNOWN);
    cr_assert_eq(actor->fates[ticket], 0, "ticket %d has two fates", (int)ticket);
    actor->fates[ticket] = (uint8_t)fate;
    actor->fate_count[fate]++;
    leave(actor, ACTOR_FATE);
}

static void on_writable(kith_session *session, kith_peer *peer, unsigned channel, void *user)
{
    struct actor *actor = enter(user);
    cr_assert_eq(session, actor->session);
    (void)friend_of(actor, peer);
    cr_assert_lt(channel, KITH_CHANNEL_COUNT);
    leave(actor, ACTOR_WRITABLE);
}

static void on_datagram_writable(kith_session *session, kith_peer *peer, void *user)
{
    struct actor *actor = enter(user);
    cr_assert_eq(session, actor->session);
    (void)friend_of(actor, peer);
    leave(actor, ACTOR_DATAGRAM_WRITABLE);
}

static void on_listener(kith_session *session, kith_listener *listener,
                        const kith_listener_event *event, void *user)
{
    struct actor *actor = enter(user);
    cr_assert_eq(session, actor->session);
    cr_assert_eq(event->size, sizeof *event);
    cr_assert_eq(event->tag, actor);
    if (event->kind == KITH_LISTENER_READY) {
        cr_assert_lt(strlen(event->url), sizeof actor->url);
        strcpy(actor->url, event->url);
        leave(actor, ACTOR_LISTENING);
        return;
    }
    cr_assert_eq(event->err == KITH_OK, event->kind == KITH_LISTENER_CLOSED);
    cr_assert_eq(event->err == KITH_ERR_NETWORK, event->kind == KITH_LISTENER_WAITING);
    snprintf(actor->listener_detail, sizeof actor->listener_detail, "%s", event->detail);
    if (event->kind == KITH_LISTENER_WAITING) {
        leave(actor, ACTOR_LISTENER_WAITING);
        return;
    }
    if (listener == actor->listener) {
        actor->listener = NULL;
    }
    leave(actor,
          event->kind == KITH_LISTENER_FAILED ? ACTOR_LISTENER_FAILED : ACTOR_LISTENER_CLOSED);
}

static void on_dial(kith_session *session, kith_dial *dial, const kith_dial_event *event,
                    void *user)
{
    static const enum actor_event events[] = {0, ACTOR_DIAL_WAITING, ACTOR_DIAL_READY,
                                              ACTOR_DIAL_FAILED, ACTOR_DIAL_CLOSED};
    struct actor *actor = enter(user);
    cr_assert_eq(session, actor->session);
    cr_assert_eq(event->size, sizeof *event);
    cr_assert_eq(event->tag, actor);
    cr_assert(event->kind >= KITH_DIAL_WAITING && event->kind <= KITH_DIAL_CLOSED);
    cr_assert(event->peer != NULL ? event->kind <= KITH_DIAL_READY
                                  : event->kind != KITH_DIAL_READY);
    cr_assert_not_null(event->detail);
    if (event->kind == KITH_DIAL_READY) {
        (void)friend_of(actor, event->peer);
        actor->dial_peer = event->peer;
    } else {
        actor->dial_reason = event->reason;
        actor->retry_in_ms = event->retry_in_ms;
        snprintf(actor->dial_detail, sizeof actor->dial_detail, "%s", event->detail);
    }
    leave(actor, events[event->kind]);
    if (event->kind >= KITH_DIAL_FAILED && actor->dial == dial) {
        actor->dial = NULL;
    }
}

static void on_network(kith_session *session, const kith_network_event *event, void *user)
{
    static const enum actor_event events[] = {0, ACTOR_NETWORK_CHANGED, ACTOR_NETWORK_WOKE,
                                              ACTOR_NETWORK_PATH};
    struct actor *actor = enter(user);
    cr_assert_eq(session, actor->session);
    cr_assert_eq(event->size, sizeof *event);
    cr_assert(event->kind >= KITH_NETWORK_CHANGED && event->kind <= KITH_NETWORK_PATH);
    cr_assert_eq(event->peer != NULL, event->kind == KITH_NETWORK_PATH);
    if (event->peer != NULL) {
        cr_assert_eq(friend_of(actor, event->peer)->is_interrupted, 0);
        cr_assert_eq(kith_peer_get_state(event->peer), KITH_PEER_CONNECTED);
    }
    leave(actor, events[event->kind]);
}

static void on_closed(kith_session *session, void *user)
{
    struct actor *actor = enter(user);
    cr_assert_eq(session, actor->session);
    leave(actor, ACTOR_CLOSED);
}

static void ended(struct kith_session *session)
{
    struct actor *actor = session->user;
    session->callbacks.on_closed(session, session->user);
    actor->session = NULL;
    kith_session_destroy(session);
}

/* ---- the world --------------------------------------------------------------------------------
 */

void world_open(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    bench_open(&world->bench, seed);
    kith_memory_hub_init(&world->hub, &world->bench.env);
    world->drivers[0] = &world->hub.driver;
}

void world_settle(struct world *world)
{
    for (int turns = 0; kith_deferred_run(&world->bench.env); turns++) {
        cr_assert_lt(turns, 1000, "deferred work that never ends");
    }
}

void world_run_us(struct world *world, uint64_t us)
{
    struct kith_env *env = &world->bench.env;
    uint64_t until_us = env->now_us + us;
    world_settle(world);
    for (int turns = 0; kith_timers_next_us(&env->timers) <= until_us; turns++) {
        uint64_t next_us = kith_timers_next_us(&env->timers);
        cr_assert_lt(turns, 1000000, "timers that never end");
        env->now_us = next_us > env->now_us ? next_us : env->now_us;
        kith_timers_run(env);
        world_settle(world);
    }
    env->now_us = until_us;
}

void world_run(struct world *world, uint64_t ms)
{
    world_run_us(world, ms * 1000);
}

/* What must be so when an actor is done: every event had its counterpart. */
static void check_done(const struct actor *actor)
{
    cr_assert_null(actor->session, "a session did not close");
    cr_assert_eq(actor->count[ACTOR_CLOSED], 1);
    cr_assert_eq(actor->count[ACTOR_CONNECTED], actor->count[ACTOR_DEPARTED]);
    cr_assert_null(actor->listener);
    cr_assert_null(actor->dial);
    for (uint64_t ticket = 1; ticket <= actor->tickets; ticket++) {
        cr_assert_neq(actor->fates[ticket], 0, "ticket %d has no fate", (int)ticket);
    }
}

void world_close(struct world *world)
{
    for (size_t i = 0; i < world->actor_count; i++) {
        if (world->actors[i].session != NULL) {
            cr_assert_eq(kith_session_close(world->actors[i].session, 0), KITH_OK);
        }
    }
    world->hub.delay_us = 0;
    world_run(world, 2 * KITH_LINK_CLOSE_MS);
    for (size_t i = 0; i < world->actor_count; i++) {
        check_done(&world->actors[i]);
    }
    bench_close(&world->bench);
}

kith_session_config world_config(const char *name)
{
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    config.display_name = name;
    config.session_name = "world";
    config.security = KITH_SECURITY_NONE;
    config.resume_window_ms = KITH_RESUME_OFF;
    return config;
}

kith_session_config world_secure_config(const char *name)
{
    kith_session_config config = world_config(name);
    config.security = KITH_SECURITY_PSK;
    return config;
}

/* ---- actors -----------------------------------------------------------------------------------
 */

struct actor *world_join(struct world *world, const kith_session_config *config)
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
        .on_network = on_network,
        .on_datagram_writable = on_datagram_writable,
    };
    struct actor *actor = &world->actors[world->actor_count];
    int secure = config->security != KITH_SECURITY_NONE;
    kith_err err;
    cr_assert_lt(world->actor_count, WORLD_ACTORS_MAX);
    actor->world = world;
    strcpy(actor->scheme, secure ? "mems" : "mem");
    err = kith_session_create(&world->bench.env, world->drivers, config, &callbacks, actor,
                              &actor->session);
    if (err != KITH_OK) {
        cr_assert_neq(world->bench.fail_from, 0, "%s: %s", kith_err_name(err), kith_detail());
        return NULL;
    }
    world->actor_count++;
    actor->session->owner = loop_of_this_thread();
    actor->session->ended = ended;
    if (config->security == KITH_SECURITY_PSK) {
        err = kith_session_add_key(actor->session, &shared_key, KITH_KEY_DIAL);
        cr_assert(err == KITH_OK || world->bench.fail_from != 0);
    }
    return actor;
}

void actor_listen(struct actor *actor)
{
    char url[32];
    kith_err err;
    snprintf(url, sizeof url, "%s://*:0", actor->scheme);
    err = kith_listen(actor->session, url, actor, &actor->listener);
    cr_assert(err == KITH_OK || actor->world->bench.fail_from != 0, "%s", kith_detail());
    world_settle(actor->world);
}

kith_err actor_dial_url(struct actor *actor, const char *url, const kith_dial_options *options)
{
    kith_dial_options known = KITH_DIAL_OPTIONS_INIT;
    if (options != NULL) {
        known = *options;
    }
    known.tag = actor;
    return kith_dial_open(actor->session, url, &known, &actor->dial);
}

kith_err actor_dial(struct actor *actor, const struct actor *to, const kith_dial_options *options)
{
    return actor_dial_url(actor, to->url, options);
}

void world_pair(struct world *world, struct actor **a, struct actor **b)
{
    kith_session_config config = world_config("Ada");
    *a = world_join(world, &config);
    config.display_name = "Bob";
    *b = world_join(world, &config);
    actor_listen(*a);
    cr_assert_eq(actor_dial(*b, *a, NULL), KITH_OK);
    world_settle(world);
    cr_assert_eq((*a)->count[ACTOR_CONNECTED], 1);
    cr_assert_eq((*b)->count[ACTOR_CONNECTED], 1);
    cr_assert_eq((*b)->count[ACTOR_DIAL_READY], 1);
}

kith_err actor_say(struct actor *actor, struct actor_friend *to, unsigned channel, size_t bytes,
                   int with_ticket)
{
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    uint8_t *data = malloc(bytes + 1);
    kith_err err;
    cr_assert_not_null(data);
    cr_assert_lt(actor->tickets, WORLD_TICKETS_MAX);
    for (size_t i = 0; i < bytes; i++) {
        data[i] = byte_of(channel, to->sent[channel], i);
    }
    options.ticket = with_ticket ? actor->tickets + 1 : 0;
    err = kith_send(to->peer, channel, data, bytes, &options);
    if (err == KITH_OK) {
        to->sent[channel]++;
        actor->tickets += with_ticket != 0;
    }
    free(data);
    return err;
}

static size_t length_of(const struct kith_node *list)
{
    size_t count = 0;
    for (const struct kith_node *at = list->next; at != list; at = at->next) {
        count++;
    }
    return count;
}

void actor_expect(const struct actor *actor, size_t links, size_t peers)
{
    size_t connected = 0;
    kith_session_stats stats = {0};
    for (kith_peer *peer = kith_peer_next(actor->session, NULL); peer != NULL;
         peer = kith_peer_next(actor->session, peer)) {
        connected++;
    }
    stats.size = sizeof stats;
    cr_assert_eq(kith_session_get_stats(actor->session, &stats), KITH_OK);
    cr_assert_eq(length_of(&actor->session->conns), links, "%zu links, not %zu",
                 length_of(&actor->session->conns), links);
    cr_assert_eq(connected, peers, "%zu peers, not %zu", connected, peers);
    cr_assert_eq(stats.peers_connected, peers);
    cr_assert_eq(actor->session->peer_count, length_of(&actor->session->peers));
}
