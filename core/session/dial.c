/* SPDX-License-Identifier: MIT
 *
 * dial.c: reaching an address: name, one attempt per numeric address, pauses that double, until
 * connected or hopeless. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"
#include "session/session.h"

static void tell(struct kith_dial *dial, kith_dial_event_kind kind, kith_reason reason,
                 const char *detail, uint32_t retry_in_ms)
{
    struct kith_session *session = dial->session;
    kith_dial_event event = {sizeof event, kind,       dial->text,  reason,
                             detail,       dial->peer, retry_in_ms, dial->tag};
    if (session->callbacks.on_dial != NULL && !dial->hidden) {
        session->callbacks.on_dial(session, dial, &event, session->user);
    }
}

void kith_dial_destroy(struct kith_dial *dial)
{
    struct kith_session *session = dial->session;
    if (dial->conn != NULL) {
        dial->conn->dial = NULL;
    }
    if (session->env->io != NULL) {
        session->env->io->lookup_cancel(session->env, &dial->lookup);
    }
    kith_timer_stop(session->env, &dial->retry_timer);
    kith_timer_stop(session->env, &dial->give_up_timer);
    kith_undefer(&dial->start);
    kith_list_remove(&dial->node);
    session->dial_count--;
    if (dial->leader != NULL) {
        dial->leader->followers--;
    }
    kith_free(session->env, dial->context);
    kith_free(session->env, dial);
}

/* Ends every address of a dial that has several. */
static void end_followers(struct kith_dial *leader)
{
    struct kith_session *session = leader->session;
    for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        struct kith_dial *dial = KITH_CONTAINER(at, struct kith_dial, node);
        if (dial->leader == leader) {
            dial->leader = NULL;
            leader->followers--;
            kith_dial_end(dial);
        }
    }
}

static void finish(struct kith_dial *dial, kith_dial_event_kind kind, kith_reason reason,
                   const char *detail)
{
    struct kith_session *session = dial->session;
    struct kith_dial *leader = dial->leader;
    end_followers(dial);
    if (kind == KITH_DIAL_FAILED) {
        kith_log(session->env, dial->hidden ? KITH_LOG_DEBUG : KITH_LOG_INFO,
                 "dial %s failed: %s%s%s", dial->text, kith_reason_text(reason),
                 detail[0] != '\0' ? ": " : "", detail);
    }
    dial->cancelled = 1; /* a cancel inside the final event finds nothing to do */
    dial->peer = NULL;
    kith_introduce_dial_over(dial, 0);
    kith_meet_dial_over(dial, NULL, reason);
    tell(dial, kind, reason, detail, 0);
    if (kith_mutant(TWO_ENDS)) {
        tell(dial, kind, reason, detail, 0);
    }
    kith_dial_destroy(dial);
    if (leader != NULL && leader->followers == 0 && !leader->cancelled) {
        finish(leader, kind, reason, detail); /* that was its last address */
    }
    kith_session_poke(session);
}

/* Would the same attempt give the same answer again? */
static int is_hopeless(kith_reason reason)
{
    switch (reason) {
    case KITH_REASON_NONE:
    case KITH_REASON_LEFT:
    case KITH_REASON_LOST:
    case KITH_REASON_TIMEOUT:
    case KITH_REASON_RESTARTED:
    case KITH_REASON_FULL:
    case KITH_REASON_LOCAL:
    case KITH_REASON_DUPLICATE:
    case KITH_REASON_REFUSED:
    case KITH_REASON_UNREACHABLE:
    case KITH_REASON_NAME:
    case KITH_REASON_INTERNAL:
        return 0;
    case KITH_REASON_KICKED:
    case KITH_REASON_BANNED:
    case KITH_REASON_REJECTED:
    case KITH_REASON_PROTOCOL:
    case KITH_REASON_VERSION:
    case KITH_REASON_AUTH:
    case KITH_REASON_SELF:
    case KITH_REASON_ID_IN_USE:
    case KITH_REASON_SESSION:
    case KITH_REASON_ROLE:
    case KITH_REASON_NOT_KITH:
    case KITH_REASON_UNTRUSTED:
    case KITH_REASON_COUNT:
        break;
    }
    return 1;
}

/* What also a network may say in a peer's place: a portal that wants a password, half of a
 * handshake. It says nothing about a peer that was there before. */
static int is_hearsay(kith_reason reason)
{
    return reason == KITH_REASON_NOT_KITH || reason == KITH_REASON_PROTOCOL;
}

/* Its peer is without a connection, and this dial is to bring it back. */
static int is_redialling(const struct kith_dial *dial)
{
    return dial->peer != NULL && dial->peer->active == NULL;
}

/* Whether a refusal there means something: not where a router may be what answers. */
static int counts(const struct kith_dial *dial)
{
    return dial->followers == 0 && (!dial->hidden || dial->is_near);
}

/* 1 when nobody has listened at any address of the peer for long enough: it is gone. */
static int is_gone(struct kith_dial *dial, kith_reason reason)
{
    const struct kith_session *session = dial->session;
    uint64_t now_us = session->env->now_us;
    if (reason != KITH_REASON_REFUSED) {
        dial->refused_since_us = 0;
        return is_hopeless(reason) && !is_hearsay(reason) &&
               (!dial->hidden || dial->leader != NULL);
    }
    if (!counts(dial)) {
        return 0;
    }
    dial->refused_since_us = dial->refused_since_us == 0 ? now_us : dial->refused_since_us;
    for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        const struct kith_dial *other = KITH_CONTAINER(at, struct kith_dial, node);
        if (other->peer == dial->peer && counts(other) &&
            (other->refused_since_us == 0 ||
             now_us - other->refused_since_us < (uint64_t)KITH_REFUSED_MS * 1000)) {
            return 0;
        }
    }
    return 1;
}

/* A pause that has doubled must not put off the attempt that decides whether the peer is gone. */
static uint32_t until_decided(const struct kith_dial *dial, uint32_t pause_ms)
{
    uint64_t since_us = dial->refused_since_us, now_us = dial->session->env->now_us;
    uint64_t decided_us = since_us + (uint64_t)KITH_REFUSED_MS * 1000;
    if (since_us == 0 || now_us >= decided_us || now_us + (uint64_t)pause_ms * 1000 <= decided_us) {
        return pause_ms;
    }
    return (uint32_t)((decided_us - now_us + 999) / 1000);
}

/* Likewise for a peer that is to come back: what cannot be mended ends it. */
static void redial_failed(struct kith_dial *dial, kith_reason reason, const char *detail,
                          uint32_t pause_ms)
{
    struct kith_env *env = dial->session->env;
    const int gone = is_gone(dial, reason);
    pause_ms = until_decided(dial, pause_ms);
    if (gone || kith_timer_set(env, &dial->retry_timer, env->now_us + (uint64_t)pause_ms * 1000) !=
                    KITH_OK) {
        kith_peer_depart(dial->peer, KITH_REASON_LOST, "", KITH_REASON_LOST);
    } else {
        tell(dial->leader != NULL ? dial->leader : dial, KITH_DIAL_WAITING, reason, detail,
             pause_ms);
    }
}

/* All addresses have been tried: wait and begin again, or give up. */
static void round_failed(struct kith_dial *dial, kith_reason reason, const char *detail)
{
    struct kith_env *env = dial->session->env;
    dial->last_reason = reason;
    kith_text_copy(dial->last_detail, sizeof dial->last_detail, detail);
    uint32_t pause_ms = dial->pause_ms - dial->pause_ms / 4;
    pause_ms += kith_random_below(env, dial->pause_ms / 2 + 1);
    if (dial->peer != NULL && dial->peer->active != NULL) {
        return; /* it has come back over another link */
    }
    dial->pause_ms =
        dial->pause_ms * 2 > KITH_DIAL_RETRY_MS_MAX ? KITH_DIAL_RETRY_MS_MAX : dial->pause_ms * 2;
    if (dial->peer != NULL) {
        redial_failed(dial, reason, detail, pause_ms);
        return;
    }
    if (reason == KITH_REASON_LOCAL) {
        finish(dial, KITH_DIAL_CLOSED, reason, ""); /* this side ended it, and means it */
        return;
    }
    if (is_hopeless(reason) || dial->candidate != NULL || dial->is_once ||
        (env->now_us + (uint64_t)pause_ms * 1000 > dial->give_up_us &&
         !dial->session->is_suspended) ||
        kith_timer_set(env, &dial->retry_timer, env->now_us + (uint64_t)pause_ms * 1000) !=
            KITH_OK) {
        finish(dial, KITH_DIAL_FAILED, reason, detail);
        return;
    }
    tell(dial->leader != NULL ? dial->leader : dial, KITH_DIAL_WAITING, reason, detail, pause_ms);
}

static void try_next(struct kith_dial *dial, kith_reason reason, const char *detail)
{
    while (dial->ip_next < dial->ip_count) {
        const struct kith_address address = {dial->url.scheme,           dial->url.host,
                                             dial->ips[dial->ip_next++], dial->url.port,
                                             dial->certificate_name,     dial->tls12};
        kith_err err;
        dial->conn = kith_conn_dial(dial, &address, &err);
        if (dial->conn != NULL) {
            return;
        }
        reason = KITH_REASON_INTERNAL;
        detail = kith_err_text(err);
    }
    round_failed(dial, reason, detail);
}

static void looked_up(struct kith_lookup *lookup, const char (*ips)[KITH_IP_TEXT_BYTES],
                      size_t count)
{
    struct kith_dial *dial = KITH_CONTAINER(lookup, struct kith_dial, lookup);
    char detail[300];
    if (dial->peer != NULL && !is_redialling(dial)) {
        return;
    }
    dial->ip_next = 0;
    dial->ip_count = count;
    memcpy(dial->ips, ips, count * sizeof dial->ips[0]);
    snprintf(detail, sizeof detail,
             lookup->not_now
                 ? "%.200s cannot be looked up now: is this machine online, and does "
                   "its name server answer?"
                 : "%.200s is not known: check the name, and that this machine is online",
             dial->url.host);
    try_next(dial, KITH_REASON_NAME, detail);
}

static void begin_round(struct kith_dial *dial)
{
    struct kith_env *env = dial->session->env;
    if (env->io == NULL) {
        char own[1][KITH_IP_TEXT_BYTES] = {""};
        kith_text_copy(own[0], sizeof own[0], dial->url.host);
        looked_up(&dial->lookup, (const char(*)[KITH_IP_TEXT_BYTES])own, 1);
        return;
    }
    if (env->io->lookup(env, &dial->lookup, dial->url.host) != KITH_OK) {
        round_failed(dial, KITH_REASON_NAME, "the name could not be looked up");
    }
}

static void retry(struct kith_timer *timer)
{
    struct kith_dial *dial = KITH_CONTAINER(timer, struct kith_dial, retry_timer);
    if (dial->session->is_suspended) {
        dial->is_held = 1;
    } else if (dial->peer == NULL || is_redialling(dial)) {
        begin_round(dial);
    }
}

/* Ends the attempt under way. A peer that is not confirmed yet goes with it, without a word to the
 * application. */
static void abandon(struct kith_dial *dial)
{
    struct kith_conn *conn = dial->conn;
    if (conn == NULL) {
        return;
    }
    dial->conn = NULL;
    conn->dial = NULL;
    if (conn->peer == NULL) {
        /* The other side may use this very link for an association that lives, or that begins over
         * another link before it hears of this: LEFT would end that. */
        kith_conn_close(conn, KITH_REASON_LOCAL, KITH_REASON_LOST, "");
    } else if (conn->peer->state == KITH_PEER_CONNECTING) {
        /* LOST: other dials to the same peer are to go on. */
        kith_peer_depart(conn->peer, KITH_REASON_LOST, "", KITH_REASON_LEFT);
    }
}

/* What became of a dial with several addresses is what became of one of them. */
static void take_last_reason(struct kith_dial *leader)
{
    struct kith_session *session = leader->session;
    for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        const struct kith_dial *dial = KITH_CONTAINER(at, struct kith_dial, node);
        if (dial->leader == leader && dial->last_reason != KITH_REASON_NONE) {
            leader->last_reason = dial->last_reason;
            kith_text_copy(leader->last_detail, sizeof leader->last_detail, dial->last_detail);
        }
    }
}

/* Until when somebody thinks about a link of this dial. */
static uint64_t think_until_us(const struct kith_dial *dial)
{
    const struct kith_session *session = dial->session;
    uint64_t until_us = dial->conn != NULL ? kith_ask_until_us(dial->conn) : 0;
    for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        const struct kith_dial *other = KITH_CONTAINER(at, struct kith_dial, node);
        if (other->leader == dial && other->conn != NULL &&
            kith_ask_until_us(other->conn) > until_us) {
            until_us = kith_ask_until_us(other->conn);
        }
    }
    return until_us;
}

/* The time to try is over, whatever is under way. What an earlier attempt met says more than that
 * this one took too long. */
static void give_up(struct kith_timer *timer)
{
    struct kith_dial *dial = KITH_CONTAINER(timer, struct kith_dial, give_up_timer);
    uint64_t until_us = think_until_us(dial);
    if (dial->session->is_suspended) {
        until_us = KITH_TIME_NEVER; /* that time does not count: waking sets the timer anew */
    }
    if (until_us > dial->session->env->now_us &&
        kith_timer_set(dial->session->env, timer, until_us) == KITH_OK) {
        return; /* somebody has answered, and is thinking */
    }
    abandon(dial);
    take_last_reason(dial);
    if (dial->last_reason != KITH_REASON_NONE) {
        finish(dial, KITH_DIAL_FAILED, dial->last_reason, dial->last_detail);
    } else {
        finish(dial, KITH_DIAL_FAILED, KITH_REASON_TIMEOUT, "nobody answered in the time given");
    }
}

static void start(struct kith_deferred *deferred)
{
    struct kith_dial *dial = KITH_CONTAINER(deferred, struct kith_dial, start);
    if (dial->cancelled) {
        finish(dial, KITH_DIAL_CLOSED, KITH_REASON_LOCAL, "");
    } else if (dial->followers == 0) {
        begin_round(dial);
    }
}

static kith_err check(struct kith_session *session, const char *text, struct kith_url *url,
                      size_t *index)
{
    kith_err err = kith_url_parse(text, url);
    if (err != KITH_OK) {
        return err;
    }
    if (url->port == 0 || strcmp(url->host, "*") == 0) {
        return kith_fail(KITH_ERR_ADDRESS, "url \"%s\": %s", text,
                         url->port == 0 ? "port 0 cannot be dialled; use the one that the "
                                          "listener reported"
                                        : "* cannot be dialled; name a host");
    }
    if (strcmp(url->scheme, "any") == 0) {
        return kith_fail(KITH_ERR_ADDRESS,
                         "url \"%s\": any:// is only for listening; name the transport", text);
    }
    err = kith_session_driver(session, url->scheme, index);
    if (err != KITH_OK) {
        return err;
    }
    if (session->dial_count >= KITH_DIALS_MAX) {
        return kith_fail(KITH_ERR_LIMIT, "a session has at most %d dials", KITH_DIALS_MAX);
    }
    if (session->config.security == KITH_SECURITY_PSK && kith_session_dial_key(session) == NULL) {
        return kith_fail(KITH_ERR_CONFIG, "no key to dial with: give one key KITH_KEY_DIAL");
    }
    return KITH_OK;
}

static uint64_t give_up_at(const struct kith_dial *dial)
{
    return dial->give_up_ms == UINT32_MAX
               ? KITH_TIME_NEVER
               : dial->session->env->now_us + (uint64_t)dial->give_up_ms * 1000;
}

static int copy_context(struct kith_env *env, struct kith_dial *dial,
                        const kith_dial_options *options)
{
    if (options->context_bytes == 0) {
        return 1;
    }
    dial->context = kith_resize(env, NULL, options->context_bytes);
    if (dial->context != NULL) {
        memcpy(dial->context, options->context, options->context_bytes);
        dial->context_bytes = options->context_bytes;
    }
    return dial->context != NULL;
}

kith_err kith_dial_begin(struct kith_session *session, const char *text,
                         const kith_dial_options *options, struct kith_dial **out)
{
    uint32_t give_up_ms = options->give_up_ms;
    struct kith_dial *dial;
    struct kith_url url;
    size_t index;
    kith_err err = check(session, text, &url, &index);
    if (err == KITH_OK) {
        err = kith_session_check_tls12(session, options->tls12, KITH_TLS12_PSK_ONLY);
    }
    if (err == KITH_OK && options->certificate_name != NULL &&
        !kith_text_ok(options->certificate_name, strlen(options->certificate_name), 1,
                      sizeof dial->certificate_name - 1)) {
        err = kith_fail(KITH_ERR_INVALID, "certificate_name: must be a host name or an address");
    }
    if (err == KITH_OK && (options->context_bytes > KITH_CONTEXT_BYTES_MAX ||
                           (options->context == NULL && options->context_bytes > 0))) {
        err = kith_fail(KITH_ERR_INVALID, "context_bytes: is %zu, must be 0 to %d with a context",
                        options->context_bytes, KITH_CONTEXT_BYTES_MAX);
    }
    if (err != KITH_OK) {
        return err;
    }
    dial = kith_alloc(session->env, sizeof *dial);
    if (dial == NULL || !copy_context(session->env, dial, options)) {
        kith_free(session->env, dial);
        return KITH_ERR_NOMEM;
    }
    give_up_ms = give_up_ms == 0 ? KITH_DIAL_GIVE_UP_MS_DEFAULT : give_up_ms;
    dial->session = session;
    dial->tag = options->tag;
    dial->url = url;
    dial->driver_index = index;
    dial->tls12 = options->tls12;
    dial->pause_ms = KITH_DIAL_RETRY_MS_MIN;
    dial->give_up_ms = give_up_ms;
    dial->give_up_us = give_up_at(dial);
    if (dial->give_up_us != KITH_TIME_NEVER &&
        kith_timer_set(session->env, &dial->give_up_timer, dial->give_up_us) != KITH_OK) {
        kith_free(session->env, dial->context);
        kith_free(session->env, dial);
        return KITH_ERR_NOMEM;
    }
    strcpy(dial->text, text);
    strcpy(dial->certificate_name,
           options->certificate_name != NULL ? options->certificate_name : url.host);
    if (options->want != NULL) {
        dial->has_want = 1;
        dial->want = *options->want;
    }
    dial->lookup.done = looked_up;
    dial->retry_timer.fire = retry;
    dial->give_up_timer.fire = give_up;
    dial->start.run = start;
    kith_list_append(&session->dials, &dial->node);
    session->dial_count++;
    kith_defer(session->env, &dial->start);
    *out = dial;
    return KITH_OK;
}

void kith_dial_end(struct kith_dial *dial)
{
    struct kith_env *env = dial->session->env;
    if (dial->cancelled) {
        return;
    }
    dial->cancelled = 1;
    kith_timer_stop(env, &dial->retry_timer);
    kith_timer_stop(env, &dial->give_up_timer);
    if (env->io != NULL) {
        env->io->lookup_cancel(env, &dial->lookup);
    }
    abandon(dial);
    end_followers(dial);
    kith_defer(env, &dial->start); /* tells CLOSED */
}

void kith_dial_conn_down(struct kith_dial *dial, struct kith_conn *conn, kith_reason reason,
                         const char *detail)
{
    struct kith_peer *peer = reason == KITH_REASON_DUPLICATE && conn->authenticated
                                 ? kith_peer_by_key(dial->session, conn->hello.key)
                                 : NULL;
    dial->conn = NULL;
    if (peer != NULL && peer->state == KITH_PEER_CONNECTED && peer->active != NULL) {
        kith_dial_ready(dial, peer);
        return;
    }
    /* Another address of the same host would most likely be the same peer: only go on where nobody
     * answered. */
    if (reason == KITH_REASON_REFUSED || reason == KITH_REASON_UNREACHABLE ||
        reason == KITH_REASON_TIMEOUT) {
        try_next(dial, reason, detail);
    } else {
        round_failed(dial, reason, detail);
    }
}

/* One address has led to the peer: the others are ways to it as well, for another time. */
static void group_ready(struct kith_dial *leader, const struct kith_dial *winner,
                        struct kith_peer *peer)
{
    struct kith_session *session = leader->session;
    for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        struct kith_dial *dial = KITH_CONTAINER(at, struct kith_dial, node);
        if (dial->leader == leader && dial != winner) {
            kith_timer_stop(session->env, &dial->retry_timer);
            kith_undefer(&dial->start);
            abandon(dial);
            dial->peer = peer;
        }
    }
    if (leader->peer != peer) {
        kith_dial_ready(leader, peer);
    }
}

void kith_dial_ready(struct kith_dial *dial, struct kith_peer *peer)
{
    int is_back = dial->peer == peer;
    struct kith_dial *leader = dial->leader;
    dial->conn = NULL;
    dial->peer = peer;
    dial->has_want = 1; /* nobody else will do from now on */
    dial->want = peer->id;
    kith_introduce_dial_over(dial, 1);
    kith_meet_dial_over(dial, peer, KITH_REASON_NONE);
    kith_timer_stop(dial->session->env, &dial->retry_timer);
    if (!kith_mutant(LATE_GIVE_UP)) {
        kith_timer_stop(dial->session->env, &dial->give_up_timer);
    }
    if (!is_back) {
        tell(dial, KITH_DIAL_READY, KITH_REASON_NONE, "", 0);
    }
    if (leader != NULL) {
        group_ready(leader, dial, peer);
    }
}

struct kith_dial *kith_dial_hidden(struct kith_session *session, const char *url,
                                   const kith_id *want)
{
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    struct kith_dial *dial;
    options.want = want;
    if (kith_dial_begin(session, url, &options, &dial) != KITH_OK) {
        return NULL;
    }
    dial->hidden = 1;
    dial->certificate_name[0] =
        '\0'; /* whoever it is has to be the wanted one, whatever its name */
    return dial;
}

static void try_in(struct kith_dial *dial, uint64_t delay_us);

kith_err kith_dial_group(struct kith_session *session, const char *const *urls, size_t count,
                         const kith_dial_options *options, struct kith_dial **out)
{
    kith_dial_options own = *options;
    struct kith_dial *leader;
    kith_err err;
    size_t first = 0;
    own.certificate_name = NULL;
    do { /* an address of a transport that is not here does not hinder the others */
        err = kith_dial_begin(session, urls[first], &own, &leader);
    } while (err != KITH_OK && err != KITH_ERR_NOMEM && ++first < count);
    if (err != KITH_OK) {
        return err;
    }
    kith_undefer(&leader->start);
    for (size_t i = first; i < count; i++) {
        struct kith_dial *dial = kith_dial_hidden(session, urls[i], options->want);
        if (dial != NULL) {
            kith_undefer(&dial->start);
            kith_timer_stop(session->env, &dial->give_up_timer); /* the leader's counts */
            dial->give_up_us = leader->give_up_us;
            dial->give_up_ms = leader->give_up_ms;
            dial->tls12 = leader->tls12;
            dial->is_near = 1; /* as good as the application's own word */
            dial->leader = leader;
            leader->followers++;
            try_in(dial, (uint64_t)(i - first) * KITH_RACE_MS * 1000);
        }
    }
    if (leader->followers == 0) {
        kith_dial_destroy(leader);
        return KITH_ERR_NOMEM;
    }
    *out = leader;
    return KITH_OK;
}

/* What earlier attempts met says nothing any more. */
static void start_over(struct kith_dial *dial)
{
    dial->refused_since_us = 0;
    dial->pause_ms = KITH_DIAL_RETRY_MS_MIN;
}

static void try_in(struct kith_dial *dial, uint64_t delay_us)
{
    struct kith_env *env = dial->session->env;
    start_over(dial);
    if (kith_timer_set(env, &dial->retry_timer, env->now_us + delay_us) != KITH_OK) {
        kith_defer(env, &dial->start); /* no memory to wait with: do not wait */
    }
}

/* Nobody here has dialled the peer: where it listens, in case it cannot dial itself. */
static void dial_back(struct kith_session *session, struct kith_peer *peer)
{
    for (size_t i = 0; i < peer->place_count; i++) {
        struct kith_dial *dial = kith_dial_hidden(session, peer->places[i].url, &peer->id);
        if (dial != NULL) {
            kith_timer_stop(session->env, &dial->give_up_timer); /* the window bounds it */
            kith_undefer(&dial->start);
            dial->give_up_us = KITH_TIME_NEVER;
            dial->peer = peer;
            dial->is_back = 1;
            dial->is_near = peer->places[i].is_near;
            try_in(dial, (KITH_DIAL_BACK_MS + (uint64_t)i * KITH_RACE_MS) * 1000);
        }
    }
}

void kith_dials_peer_lost(struct kith_session *session, struct kith_peer *peer)
{
    uint64_t count = 0;
    for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        struct kith_dial *dial = KITH_CONTAINER(at, struct kith_dial, node);
        if (dial->peer == peer && !dial->cancelled && dial->conn == NULL && dial->followers == 0) {
            /* Others may have lost the same server at this moment. */
            try_in(dial,
                   kith_random_below(session->env, KITH_DIAL_RETRY_MS_MIN) * 500ull +
                       (count * KITH_RACE_MS + (dial->is_back ? KITH_DIAL_BACK_MS : 0)) * 1000ull);
        }
        count += dial->peer == peer && !dial->cancelled && dial->followers == 0;
    }
    if (count == 0) {
        dial_back(session, peer);
    }
}

/* Its peer has gone, and will be another: as if it had never been ready. */
static void begin_anew(struct kith_dial *dial)
{
    dial->peer = NULL;
    dial->give_up_us = give_up_at(dial);
    if (dial->conn == NULL && dial->followers == 0) {
        try_in(dial, (uint64_t)KITH_DIAL_RETRY_MS_MIN * 1000);
    } else {
        start_over(dial);
    }
}

void kith_dials_peer_departed(struct kith_session *session, struct kith_peer *peer,
                              kith_reason reason)
{
    struct kith_node *at = session->dials.next;
    while (at != &session->dials) {
        struct kith_dial *dial = KITH_CONTAINER(at, struct kith_dial, node);
        if (dial->peer == peer && !dial->cancelled && reason == KITH_REASON_RESTARTED &&
            (!dial->hidden || dial->leader != NULL)) {
            begin_anew(dial); /* whom it dials is there again */
            at = at->next;
        } else if (dial->peer == peer && !dial->cancelled) {
            finish(dial, KITH_DIAL_CLOSED, reason, "");
            at = session->dials.next; /* the callback may have changed the list: begin again */
        } else {
            at = at->next;
        }
    }
}
