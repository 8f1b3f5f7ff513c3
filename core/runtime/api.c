/* SPDX-License-Identifier: MIT
 *
 * api.c: the public entry points of sessions, listeners, dials and peers: right thread, arguments
 * present and in range, then the session layer. Decides nothing itself.
 */
#include <string.h>

#include "base/err.h"
#include "bounds.h"
#include "discovery.h"
#include "runtime/runtime.h"
#include "session/session.h"
#include "transport.h"

/* ---- structs with a size ----------------------------------------------------------------------
 */

kith_err kith_take_sized(const char *name, void *out, size_t known, const void *given)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size || size > 65536) {
        return kith_fail(KITH_ERR_INVALID, "%s.size: is %zu; set it to sizeof(%s)", name, size,
                         name);
    }
    for (size_t i = known; i < size; i++) {
        if (((const unsigned char *)given)[i] != 0) {
            return kith_fail(KITH_ERR_UNSUPPORTED,
                             "%s: byte %zu is set, which this library (%s) does not know", name, i,
                             kith_version());
        }
    }
    memset(out, 0, known);
    memcpy(out, given, size < known ? size : known);
    memcpy(out, &known, sizeof known);
    return KITH_OK;
}

kith_err kith_give_sized(const char *name, const void *filled, size_t known, void *out)
{
    size_t size;
    memcpy(&size, out, sizeof size);
    if (size < sizeof size) {
        return kith_fail(KITH_ERR_INVALID, "%s.size: is %zu; set it to sizeof(%s)", name, size,
                         name);
    }
    memcpy(out, filled, size < known ? size : known);
    memcpy(out, &size, sizeof size);
    return KITH_OK;
}

/* ---- checks -----------------------------------------------------------------------------------
 */

static kith_err missing(const char *name)
{
    return kith_fail(KITH_ERR_INVALID, "%s: is NULL", name);
}

/* What is told to the other side beside a reason. */
kith_err kith_check_text(const char **text)
{
    *text = *text == NULL ? "" : *text;
    return kith_text_ok(*text, strlen(*text), 0, KITH_REASON_TEXT_BYTES_MAX)
               ? KITH_OK
               : kith_fail(KITH_ERR_INVALID,
                           "text: must be at most %d bytes of UTF-8 without control characters",
                           KITH_REASON_TEXT_BYTES_MAX);
}

/* Every call on a session begins here. */
static kith_err enter(const kith_session *session)
{
    kith_detail_clear();
    if (session == NULL) {
        return missing("session");
    }
    return kith_loop_is_mine(session->owner) ? KITH_OK : KITH_ERR_THREAD;
}

static kith_err enter_open(const kith_session *session)
{
    kith_err err = enter(session);
    if (err == KITH_OK && session->state != KITH_SESSION_OPEN) {
        err = kith_fail(KITH_ERR_CLOSED, "the session is closing");
    }
    return err;
}

/* NOT_CONNECTED once it departed or is about to. */
static kith_err check_peer(const kith_peer *peer)
{
    kith_detail_clear();
    if (peer == NULL) {
        return missing("peer");
    }
    if (peer->session != NULL && !kith_loop_is_this_thread(peer->owner)) {
        return KITH_ERR_THREAD;
    }
    if ((peer->state != KITH_PEER_CONNECTED && peer->state != KITH_PEER_INTERRUPTED) ||
        peer->leave.waiting) {
        return kith_fail(KITH_ERR_NOT_CONNECTED, "%s has departed", peer->name);
    }
    return KITH_OK;
}

/* Every call on a peer begins here but those that only queue a message: to look at the clock costs
 * as much as all they do. */
static kith_err enter_peer(const kith_peer *peer)
{
    kith_err err = check_peer(peer);
    return err == KITH_OK && !kith_loop_is_mine(peer->owner) ? KITH_ERR_THREAD : err;
}

/* ---- sessions ---------------------------------------------------------------------------------
 */

static void session_ended(struct kith_session *session)
{
    if (session->callbacks.on_closed != NULL) {
        session->callbacks.on_closed(session, session->user);
    }
    kith_list_remove(&session->owner_node);
    kith_session_destroy(session);
}

kith_err kith_session_open(kith_loop *loop, const kith_session_config *config,
                           const kith_callbacks *callbacks, void *user, kith_session **out)
{
    kith_session_config known_config;
    kith_callbacks known_callbacks;
    kith_err err;
    kith_detail_clear();
    if (loop == NULL || config == NULL || callbacks == NULL || out == NULL) {
        return missing(loop == NULL        ? "loop"
                       : config == NULL    ? "config"
                       : callbacks == NULL ? "callbacks"
                                           : "out");
    }
    if (!kith_loop_is_mine(loop)) {
        return KITH_ERR_THREAD;
    }
    if (kith_loop_is_freeing(loop)) {
        return kith_fail(KITH_ERR_CLOSED, "the loop is being freed");
    }
    err = kith_take_sized("kith_session_config", &known_config, sizeof known_config, config);
    if (err == KITH_OK) {
        err =
            kith_take_sized("kith_callbacks", &known_callbacks, sizeof known_callbacks, callbacks);
    }
    if (err == KITH_OK) {
        err = kith_session_create(kith_loop_env(loop), kith_drivers, &known_config,
                                  &known_callbacks, user, out);
    }
    if (err == KITH_OK) {
        (*out)->owner = loop;
        (*out)->ended = session_ended;
        (*out)->shut = kith_inbox_shut;
        (*out)->discovery_drivers = kith_discovery_drivers;
        kith_loop_session_opened(loop, *out);
    }
    return err;
}

kith_err kith_session_close(kith_session *session, uint32_t flush_ms)
{
    kith_err err = enter(session);
    if (err == KITH_OK) {
        kith_session_leave(session, flush_ms);
    }
    return err;
}

kith_err kith_retry(kith_session *session)
{
    kith_err err = enter_open(session);
    if (err == KITH_OK && session->is_suspended) {
        err =
            kith_fail(KITH_ERR_STATE, "the session is suspended: kith_session_wake() tries again");
    }
    if (err == KITH_OK) {
        kith_session_network(session, KITH_NETWORK_DUE_RETRY);
    }
    return err;
}

kith_err kith_session_suspend(kith_session *session)
{
    kith_err err = enter_open(session);
    if (err == KITH_OK) {
        kith_session_suspend_now(session);
    }
    return err;
}

kith_err kith_session_wake(kith_session *session)
{
    kith_err err = enter_open(session);
    if (err == KITH_OK) {
        kith_session_wake_now(session);
    }
    return err;
}

kith_id kith_session_id(const kith_session *session)
{
    return session->id;
}

void *kith_session_user(const kith_session *session)
{
    return session->user;
}

kith_loop *kith_session_loop(const kith_session *session)
{
    return session->owner;
}

kith_err kith_session_get_stats(const kith_session *session, kith_session_stats *stats)
{
    kith_err err = enter(session);
    if (err == KITH_OK && stats == NULL) {
        err = missing("stats");
    }
    return err != KITH_OK ? err
                          : kith_give_sized("kith_session_stats", &session->stats,
                                            sizeof session->stats, stats);
}

kith_err kith_session_add_key(kith_session *session, const kith_key *key, unsigned flags)
{
    kith_err err = enter_open(session);
    if (err == KITH_OK && key == NULL) {
        err = missing("key");
    }
    if (err == KITH_OK && (flags & ~(unsigned)KITH_KEY_DIAL) != 0) {
        err = kith_fail(KITH_ERR_INVALID, "flags: 0x%x has unknown bits", flags);
    }
    return err != KITH_OK ? err : kith_session_put_key(session, key, flags);
}

kith_err kith_session_remove_key(kith_session *session, const char *identity)
{
    kith_err err = enter_open(session);
    if (err == KITH_OK && identity == NULL) {
        err = missing("identity");
    }
    return err != KITH_OK ? err : kith_session_drop_key(session, identity);
}

kith_err kith_session_revoke_key(kith_session *session, const char *identity, const char *text)
{
    kith_err err = enter_open(session);
    if (err == KITH_OK && identity == NULL) {
        err = missing("identity");
    }
    if (err == KITH_OK) {
        err = kith_check_text(&text);
    }
    return err != KITH_OK ? err : kith_session_revoke(session, identity, text);
}

/* ---- listeners and dials ----------------------------------------------------------------------
 */

kith_err kith_listen(kith_session *session, const char *url, void *tag, kith_listener **out)
{
    kith_listen_options options = KITH_LISTEN_OPTIONS_INIT;
    options.tag = tag;
    return kith_listen_open(session, url, &options, out);
}

kith_err kith_listen_open(kith_session *session, const char *url,
                          const kith_listen_options *options, kith_listener **out)
{
    kith_listen_options known = KITH_LISTEN_OPTIONS_INIT;
    kith_listener *listener = NULL;
    kith_err err = enter_open(session);
    if (err == KITH_OK && url == NULL) {
        err = missing("url");
    }
    if (err == KITH_OK && options != NULL) {
        err = kith_take_sized("kith_listen_options", &known, sizeof known, options);
    }
    if (err == KITH_OK) {
        err = kith_listener_open(session, url, &known, &listener);
    }
    if (err == KITH_OK && out != NULL) {
        *out = listener;
    }
    return err;
}

kith_err kith_listener_close(kith_listener *listener)
{
    kith_err err;
    kith_detail_clear();
    if (listener == NULL) {
        return missing("listener");
    }
    err = enter(listener->session);
    if (err == KITH_OK) {
        kith_listener_end(listener);
    }
    return err;
}

kith_err kith_dial_open(kith_session *session, const char *url, const kith_dial_options *options,
                        kith_dial **out)
{
    kith_dial_options known = KITH_DIAL_OPTIONS_INIT;
    kith_dial *dial = NULL;
    kith_err err = enter_open(session);
    if (err == KITH_OK && url == NULL) {
        err = missing("url");
    }
    if (err == KITH_OK && options != NULL) {
        err = kith_take_sized("kith_dial_options", &known, sizeof known, options);
    }
    if (err == KITH_OK) {
        err = kith_dial_begin(session, url, &known, &dial);
    }
    if (err == KITH_OK && out != NULL) {
        *out = dial;
    }
    return err;
}

kith_err kith_session_invite(kith_session *session, char out[KITH_INVITATION_BYTES])
{
    kith_err err = enter_open(session);
    if (err == KITH_OK && out == NULL) {
        err = missing("out");
    }
    return err != KITH_OK ? err : kith_invite_write(session, out, KITH_INVITATION_BYTES);
}

kith_err kith_invitation_parse(const char *text, kith_invitation_info *out)
{
    kith_invitation_info read = {.size = sizeof read};
    kith_err err;
    kith_detail_clear();
    if (text == NULL || out == NULL) {
        return missing(text == NULL ? "text" : "out");
    }
    if (out->size != sizeof *out) {
        return kith_fail(KITH_ERR_INVALID, "size: is not that of a kith_invitation_info");
    }
    err = kith_invite_read(text, &read);
    if (err == KITH_OK) {
        *out = read;
    }
    return err;
}

static kith_err check_invitation(const kith_session *session, const kith_invitation_info *to)
{
    if (strcmp(to->session_name, session->session_name) != 0) {
        return kith_fail(KITH_ERR_CONFIG,
                         "the invitation is for the session \"%s\", and this one is \"%s\"",
                         to->session_name, session->session_name);
    }
    if (to->security != session->config.security) {
        return kith_fail(KITH_ERR_CONFIG,
                         "the invitation is for another kind of security than this session has");
    }
    if (kith_id_equal(&to->id, &session->id)) {
        return kith_fail(KITH_ERR_INVALID, "the invitation is this session's own");
    }
    return KITH_OK;
}

kith_err kith_dial_invitation(kith_session *session, const char *text,
                              const kith_dial_options *options, kith_dial **out)
{
    kith_dial_options known = KITH_DIAL_OPTIONS_INIT;
    kith_invitation_info to = {.size = sizeof to};
    struct kith_dial *dial;
    kith_err err = enter_open(session);
    if (err == KITH_OK && text == NULL) {
        err = missing("text");
    }
    if (err == KITH_OK && options != NULL) {
        err = kith_take_sized("kith_dial_options", &known, sizeof known, options);
    }
    if (err == KITH_OK) {
        err = kith_invite_read(text, &to);
    }
    if (err == KITH_OK) {
        err = check_invitation(session, &to);
    }
    if (err == KITH_OK) {
        const char *urls[KITH_INVITATION_ENDPOINTS_MAX];
        for (size_t i = 0; i < to.endpoint_count; i++) {
            urls[i] = to.endpoints[i];
        }
        known.want = &to.id;
        err = kith_dial_group(session, urls, to.endpoint_count, &known, &dial);
    }
    if (err == KITH_OK && out != NULL) {
        *out = dial;
    }
    return err;
}

kith_err kith_dial_cancel(kith_dial *dial)
{
    kith_err err;
    kith_detail_clear();
    if (dial == NULL) {
        return missing("dial");
    }
    err = enter(dial->session);
    if (err == KITH_OK) {
        kith_dial_end(dial);
    }
    return err;
}

/* ---- discovery --------------------------------------------------------------------------------
 */

kith_err kith_advertise(kith_session *session, const kith_advertise_options *options,
                        kith_discovery **out)
{
    kith_advertise_options known = KITH_ADVERTISE_OPTIONS_INIT;
    struct kith_discovery *discovery = NULL;
    kith_err err = enter_open(session);
    if (err == KITH_OK && options != NULL) {
        err = kith_take_sized("kith_advertise_options", &known, sizeof known, options);
    }
    if (err == KITH_OK) {
        err = kith_discover_advertise(session, &known, &discovery);
    }
    if (err == KITH_OK && out != NULL) {
        *out = discovery;
    }
    return err;
}

kith_err kith_browse(kith_session *session, const kith_browse_options *options,
                     kith_discovery **out)
{
    kith_browse_options known = KITH_BROWSE_OPTIONS_INIT;
    struct kith_discovery *discovery = NULL;
    kith_err err = enter_open(session);
    if (err == KITH_OK && options != NULL) {
        err = kith_take_sized("kith_browse_options", &known, sizeof known, options);
    }
    if (err == KITH_OK) {
        err = kith_discover_browse(session, &known, &discovery);
    }
    if (err == KITH_OK && out != NULL) {
        *out = discovery;
    }
    return err;
}

static kith_err enter_discovery(const kith_discovery *discovery)
{
    kith_detail_clear();
    return discovery == NULL ? missing("discovery") : enter(kith_discover_session(discovery));
}

kith_err kith_advertise_update(kith_discovery *discovery, const kith_discovery_info *info,
                               size_t info_count)
{
    kith_err err = enter_discovery(discovery);
    return err != KITH_OK ? err : kith_discover_update(discovery, info, info_count);
}

kith_err kith_discovery_close(kith_discovery *discovery)
{
    kith_err err = enter_discovery(discovery);
    if (err == KITH_OK) {
        kith_discover_end(discovery);
    }
    return err;
}

kith_err kith_dial_found(kith_discovery *browser, uint64_t number, const kith_dial_options *options,
                         kith_dial **out)
{
    kith_dial_options known = KITH_DIAL_OPTIONS_INIT;
    struct kith_dial *dial = NULL;
    kith_err err = enter_discovery(browser);
    if (err == KITH_OK) {
        err = enter_open(kith_discover_session(browser));
    }
    if (err == KITH_OK && options != NULL) {
        err = kith_take_sized("kith_dial_options", &known, sizeof known, options);
    }
    if (err == KITH_OK) {
        err = kith_discover_dial(browser, number, &known, &dial);
    }
    if (err == KITH_OK && out != NULL) {
        *out = dial;
    }
    return err;
}

/* ---- peers ------------------------------------------------------------------------------------
 */

kith_peer *kith_peer_next(const kith_session *session, const kith_peer *prev)
{
    const struct kith_node *at;
    if (session == NULL) {
        return NULL;
    }
    at = prev == NULL ? session->peers.next : prev->node.next;
    for (; at != &session->peers; at = at->next) {
        kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
        if (peer->state != KITH_PEER_CONNECTING) {
            return peer;
        }
        if (at == at->next) {
            break; /* prev has departed: there is nothing to walk on */
        }
    }
    return NULL;
}

kith_peer *kith_peer_find(const kith_session *session, const kith_id *id)
{
    kith_peer *peer = kith_peer_next(session, NULL);
    while (peer != NULL && !kith_id_equal(&peer->id, id)) {
        peer = kith_peer_next(session, peer);
    }
    return peer;
}

kith_id kith_peer_id(const kith_peer *peer)
{
    return peer->id;
}

const char *kith_peer_name(const kith_peer *peer)
{
    return peer->name;
}

kith_peer_state kith_peer_get_state(const kith_peer *peer)
{
    return peer->state;
}

kith_session *kith_peer_session(const kith_peer *peer)
{
    return peer->session;
}

void kith_peer_set_user(kith_peer *peer, void *user)
{
    peer->user = user;
}

void *kith_peer_user(const kith_peer *peer)
{
    return peer->user;
}

kith_peer *kith_peer_retain(kith_peer *peer)
{
    atomic_fetch_add(&peer->references, 1);
    return peer;
}

void kith_peer_release(kith_peer *peer)
{
    kith_peer_unref(peer);
}

static uint64_t queued_bytes(const kith_peer *peer)
{
    uint64_t queued = 0;
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        queued += peer->tx[i].end - peer->tx[i].received;
    }
    return queued;
}

/* conn is NULL while the peer is without a connection. */
static void fill_link_info(const struct kith_conn *conn, kith_peer_info *filled)
{
    filled->transport = filled->cipher = filled->psk_identity = filled->remote_address = "";
    if (conn != NULL) {
        filled->level = conn->level;
        filled->transport = conn->link_info.transport;
        filled->cipher = conn->link_info.cipher;
        filled->psk_identity = conn->link_info.psk_identity;
        filled->remote_address = conn->remote_address;
        filled->tls_version = conn->link_info.tls_version;
        filled->dialled = (uint8_t)conn->dialled;
        filled->rtt_us = conn->rtt_us;
        filled->chain = conn->link_info.chain;
        filled->chain_count = conn->link_info.chain_count;
        filled->doubts = conn->link_info.doubts;
        filled->sha256 = conn->link_info.chain_count > 0 ? conn->certificate_there : NULL;
    }
}

kith_err kith_peer_get_info(const kith_peer *peer, kith_peer_info *info)
{
    kith_peer_info filled;
    kith_err err = enter_peer(peer);
    memset(&filled, 0, sizeof filled);
    if (err == KITH_OK && info == NULL) {
        err = missing("info");
    }
    if (err != KITH_OK) {
        return err;
    }
    fill_link_info(peer->active, &filled);
    filled.max_message_bytes = peer->max_message_bytes;
    filled.queued_bytes = queued_bytes(peer);
    return kith_give_sized("kith_peer_info", &filled, sizeof filled, info);
}

kith_err kith_peer_disconnect(kith_peer *peer, const char *text)
{
    kith_err err = enter_peer(peer);
    if (err != KITH_OK) {
        return err;
    }
    err = kith_check_text(&text);
    if (err == KITH_OK) {
        kith_peer_turn_out(peer, KITH_REASON_KICKED, text);
    }
    return err;
}

/* ---- messages ---------------------------------------------------------------------------------
 */

static kith_err take_send_options(const kith_send_options *given, kith_send_options *known)
{
    static const kith_send_options preset = KITH_SEND_OPTIONS_INIT;
    *known = preset;
    return given == NULL ? KITH_OK
                         : kith_take_sized("kith_send_options", known, sizeof *known, given);
}

static kith_err check_message(unsigned channel, const void *data, size_t data_bytes)
{
    if (data == NULL && data_bytes > 0) {
        return missing("data");
    }
    if (channel >= KITH_CHANNEL_COUNT) {
        return kith_fail(KITH_ERR_INVALID, "channel: is %u, must be 0 to %d", channel,
                         KITH_CHANNEL_COUNT - 1);
    }
    return KITH_OK;
}

static kith_err check_receiver(const kith_peer *peer, size_t data_bytes)
{
    if (peer->session->state != KITH_SESSION_OPEN) {
        return kith_fail(KITH_ERR_CLOSED, "the session is closing");
    }
    if (data_bytes > peer->max_message_bytes) {
        return kith_fail(KITH_ERR_TOO_BIG, "data_bytes: is %zu, and %s takes at most %u",
                         data_bytes, peer->name, (unsigned)peer->max_message_bytes);
    }
    return KITH_OK;
}

static kith_err send_lent(kith_peer *peer, unsigned channel, const void *data, size_t data_bytes,
                          const kith_send_options *options)
{
    struct kith_payload *payload =
        kith_payload_new(peer->env, data, data_bytes, options->free_fn, options->free_user);
    kith_err err;
    if (payload == NULL) {
        return KITH_ERR_NOMEM;
    }
    err = kith_peer_share(peer, channel, payload, options->ticket);
    if (err != KITH_OK) {
        kith_payload_disown(payload);
    } else {
        kith_payload_unref(payload);
    }
    return err;
}

kith_err kith_send(kith_peer *peer, unsigned channel, const void *data, size_t data_bytes,
                   const kith_send_options *options)
{
    kith_send_options known;
    kith_err err;
    kith_detail_clear();
    if (peer == NULL) {
        return missing("peer");
    }
    err = take_send_options(options, &known);
    if (err == KITH_OK) {
        err = check_message(channel, data, data_bytes);
    }
    if (err == KITH_OK && !kith_loop_is_this_thread(peer->owner)) {
        kith_detail_clear();
        return kith_inbox_send(peer, channel, data, data_bytes, &known);
    }
    if (err == KITH_OK) {
        err = check_peer(peer);
    }
    if (err == KITH_OK) {
        err = check_receiver(peer, data_bytes);
    }
    if (err != KITH_OK) {
        return err;
    }
    return known.free_fn != NULL ? send_lent(peer, channel, data, data_bytes, &known)
                                 : kith_peer_put(peer, channel, data, data_bytes, known.ticket);
}

/* One of many: its own error, without ending the others'. */
static kith_err share_with(const kith_session *session, kith_peer *peer, unsigned channel,
                           struct kith_payload *payload, uint64_t ticket)
{
    kith_err err = check_peer(peer);
    if (err == KITH_OK && peer->session != session) {
        err = kith_fail(KITH_ERR_INVALID, "%s is a peer of another session", peer->name);
    }
    if (err == KITH_OK) {
        err = check_receiver(peer, payload->count);
    }
    return err != KITH_OK ? err : kith_peer_share(peer, channel, payload, ticket);
}

/* What kith_send_many() and kith_broadcast() check and make before they try anyone. */
static kith_err begin_many(const kith_session *session, unsigned channel, const void *data,
                           size_t data_bytes, const kith_send_options *options,
                           kith_send_options *known, struct kith_payload **payload)
{
    kith_err err = enter_open(session);
    if (err == KITH_OK) {
        err = take_send_options(options, known);
    }
    if (err == KITH_OK) {
        err = check_message(channel, data, data_bytes);
    }
    if (err == KITH_OK) {
        *payload =
            kith_payload_new(session->env, data, data_bytes, known->free_fn, known->free_user);
        err = *payload == NULL ? KITH_ERR_NOMEM : KITH_OK;
    }
    return err;
}

/* From another thread: the session is not looked at, which may be gone. */
static kith_err send_many_elsewhere(kith_send_result *to, size_t count, unsigned channel,
                                    const void *data, size_t data_bytes,
                                    const kith_send_options *options)
{
    kith_send_options known;
    kith_err err;
    kith_detail_clear();
    err = take_send_options(options, &known);
    if (err == KITH_OK) {
        err = check_message(channel, data, data_bytes);
    }
    return err != KITH_OK ? err
                          : kith_inbox_send_many(to, count, channel, data, data_bytes, &known);
}

kith_err kith_send_many(kith_session *session, kith_send_result *to, size_t count, unsigned channel,
                        const void *data, size_t data_bytes, const kith_send_options *options)
{
    struct kith_payload *payload;
    kith_send_options known;
    kith_err outcome = KITH_OK, err;
    if (to == NULL && count > 0) {
        return missing("to");
    }
    if (count > 0 && to[0].peer != NULL && !kith_loop_is_mine(to[0].peer->owner)) {
        return send_many_elsewhere(to, count, channel, data, data_bytes, options);
    }
    err = begin_many(session, channel, data, data_bytes, options, &known, &payload);
    if (err != KITH_OK) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        to[i].err = share_with(session, to[i].peer, channel, payload, known.ticket);
        outcome = to[i].err == KITH_OK ? outcome : KITH_ERR_PARTIAL;
    }
    kith_payload_unref_later(payload); /* free_fn may not run inside this call */
    return outcome;
}

kith_err kith_broadcast(kith_session *session, unsigned channel, const void *data,
                        size_t data_bytes, const kith_send_options *options,
                        kith_send_result *results, size_t *count)
{
    size_t room = results != NULL && count != NULL ? *count : 0, tried = 0;
    struct kith_payload *payload;
    kith_send_options known;
    kith_err outcome = KITH_OK;
    kith_err err = begin_many(session, channel, data, data_bytes, options, &known, &payload);
    if (err != KITH_OK) {
        return err;
    }
    for (kith_peer *peer = kith_peer_next(session, NULL); peer != NULL;
         peer = kith_peer_next(session, peer)) {
        err = share_with(session, peer, channel, payload, known.ticket);
        outcome = err == KITH_OK ? outcome : KITH_ERR_PARTIAL;
        if (tried < room) {
            results[tried] = (kith_send_result){peer, err};
        }
        tried++;
    }
    if (count != NULL) {
        *count = tried;
    }
    kith_payload_unref_later(payload); /* free_fn may not run inside this call */
    return outcome;
}

kith_err kith_message_hold(kith_peer *peer, const kith_message *message, kith_held **out)
{
    kith_err err = check_peer(peer);
    if (err == KITH_OK && (message == NULL || out == NULL)) {
        err = missing(message == NULL ? "message" : "out");
    }
    if (err == KITH_OK && message != peer->handing_out) {
        err = kith_fail(KITH_ERR_STATE, "message: is not the one that on_message was called for");
    }
    return err != KITH_OK ? err : kith_peer_hold(peer, message, out);
}

const void *kith_held_data(const kith_held *held, size_t *data_bytes)
{
    if (data_bytes != NULL) {
        *data_bytes = held->count;
    }
    return held->bytes;
}

void kith_held_release(kith_held *held)
{
    if (held != NULL) {
        kith_peer_unhold(held);
    }
}

/* ---- datagrams --------------------------------------------------------------------------------
 */

kith_err kith_send_datagram(kith_peer *peer, const void *data, size_t data_bytes,
                            const kith_datagram_options *options)
{
    kith_datagram_options known = KITH_DATAGRAM_OPTIONS_INIT;
    kith_err err;
    kith_detail_clear();
    if (peer == NULL) {
        return missing("peer");
    }
    err = options == NULL ? KITH_OK
                          : kith_take_sized("kith_datagram_options", &known, sizeof known, options);
    if (err == KITH_OK) {
        err = check_message(0, data, data_bytes);
    }
    if (err == KITH_OK && !kith_loop_is_this_thread(peer->owner)) {
        return kith_inbox_datagram(peer, data, data_bytes, known.lifetime_ms);
    }
    if (err == KITH_OK && !peer->is_told_of_room) {
        (void)kith_loop_is_mine(peer->owner); /* takes the time at which its life begins */
    }
    if (err == KITH_OK) {
        err = check_peer(peer);
    }
    if (err == KITH_OK && peer->session->state != KITH_SESSION_OPEN) {
        err = kith_fail(KITH_ERR_CLOSED, "the session is closing");
    }
    return err != KITH_OK ? err : kith_datagram_put(peer, data, data_bytes, known.lifetime_ms);
}

size_t kith_peer_datagram_max(const kith_peer *peer)
{
    return peer != NULL && peer->active != NULL && peer->state != KITH_PEER_DEPARTED
               ? kith_datagram_max(peer)
               : 0;
}

kith_err kith_peer_get_stats(const kith_peer *peer, kith_peer_stats *stats)
{
    kith_peer_stats filled;
    kith_err err = enter_peer(peer);
    if (err == KITH_OK && stats == NULL) {
        err = missing("stats");
    }
    if (err != KITH_OK) {
        return err;
    }
    kith_peer_fill_stats(peer, &filled);
    return kith_give_sized("kith_peer_stats", &filled, sizeof filled, stats);
}
