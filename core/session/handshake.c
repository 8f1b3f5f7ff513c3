/* SPDX-License-Identifier: MIT
 *
 * handshake.c: who is at the other end of a link: HELLO, AUTH, INFO. The dialer speaks first; the
 * acceptor answers only a HELLO that fits, so that a stranger learns nothing. Pure.
 */
#include <string.h>

#include "base/err.h"
#include "session/session.h"

static const uint8_t no_tag[KITH_TAG_BYTES];

/* What the channel proves, given that the signatures over its binding will verify. */
static kith_level level_of(const struct kith_conn *conn)
{
    if (conn->link_info.channel == KITH_CHANNEL_PLAIN) {
        return KITH_LEVEL_NONE;
    }
    return (conn->link_info.channel == KITH_CHANNEL_TLS13_PSK ||
            conn->link_info.channel == KITH_CHANNEL_TLS13_CERT) &&
                   conn->binding_type == KITH_BINDING_EXPORTER
               ? KITH_LEVEL_IDENTITY
               : KITH_LEVEL_GROUP;
}

/* The best channel that this side could have had. */
static enum kith_channel best_channel(const struct kith_conn *conn)
{
    switch (conn->session->config.security) {
    case KITH_SECURITY_PSK:
        return conn->only_tls12 ? KITH_CHANNEL_TLS12_PSK : KITH_CHANNEL_TLS13_PSK;
    case KITH_SECURITY_PKI:
        return KITH_CHANNEL_TLS13_CERT;
    case KITH_SECURITY_UNSET:
    case KITH_SECURITY_NONE:
        break;
    }
    return KITH_CHANNEL_PLAIN;
}

static int rank(unsigned channel)
{
    switch ((enum kith_channel)channel) {
    case KITH_CHANNEL_TLS13_PSK:
    case KITH_CHANNEL_TLS13_CERT:
        return 2;
    case KITH_CHANNEL_TLS12_PSK:
    case KITH_CHANNEL_TLS12_CERT:
        return 1;
    case KITH_CHANNEL_PLAIN:
    case KITH_CHANNEL_NOT_VISIBLE:
        break;
    }
    return 0;
}

/* Both sides could have had a better channel. They will both sign that they could, so whoever made
 * them settle for less cannot hide it. */
static int is_downgraded(const struct kith_conn *conn)
{
    int ours = rank(best_channel(conn)), theirs = rank(conn->hello.channel_best);
    return (ours < theirs ? ours : theirs) > rank(conn->link_info.channel);
}

static kith_err send_hello(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    const struct kith_crypto *crypto = &session->env->crypto;
    struct kith_hello hello = {0};
    kith_err err = crypto->random(crypto->user, hello.nonce, sizeof hello.nonce);
    if (err == KITH_OK) {
        err = kith_hello_session_tag(crypto, hello.nonce, session->session_name, hello.session_tag);
    }
    if (err == KITH_OK && conn->dial != NULL && conn->dial->has_want) {
        err = kith_hello_want_tag(crypto, hello.nonce, &conn->dial->want, hello.want_tag);
    }
    if (err != KITH_OK) {
        return err;
    }
    hello.version_min = KITH_PROTOCOL_VERSION_MIN;
    hello.version_max = KITH_PROTOCOL_VERSION_MAX;
    hello.role = (uint8_t)session->config.role;
    hello.channel = (uint8_t)conn->link_info.channel;
    hello.channel_best = (uint8_t)best_channel(conn);
    hello.bindings = conn->binding_type == KITH_BINDING_EXPORTER ? KITH_BINDING_EXPORTER_BIT : 0;
    hello.level_min = (uint8_t)session->config.min_level;
    hello.tls_version = conn->link_info.tls_version;
    hello.cipher_suite = conn->link_info.cipher_suite;
    memcpy(hello.key, session->key, sizeof hello.key);
    memcpy(hello.incarnation, session->incarnation, sizeof hello.incarnation);
    kith_hello_encode(&hello, conn->hello_sent);
    kith_conn_send(conn, KITH_FRAME_HELLO, conn->hello_sent, KITH_HELLO_BYTES);
    return KITH_OK;
}

void kith_handshake_start(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    kith_err err = conn->driver->exporter(conn->link, "EXPORTER-kith-link-v1", conn->binding,
                                          sizeof conn->binding);
    conn->binding_type = err == KITH_OK ? KITH_BINDING_EXPORTER : KITH_BINDING_NONE;
    if (err != KITH_OK && err != KITH_ERR_UNSUPPORTED) {
        kith_conn_fail(conn, KITH_REASON_AUTH, "the TLS library gave no channel binding");
        return;
    }
    /* Never plain where secure was asked: the driver promises it, and here it is checked. */
    if (session->config.security != KITH_SECURITY_NONE &&
        conn->link_info.channel == KITH_CHANNEL_PLAIN) {
        kith_log(session->env, KITH_LOG_ERROR, "a plain channel in a secure session: refused");
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "plain where secure was asked");
        return;
    }
    if (conn->link_info.psk_identity != NULL && conn->link_info.psk_identity[0] != '\0' &&
        kith_up_key_find(conn->link->endpoint, conn->link_info.psk_identity) == NULL) {
        kith_conn_fail(conn, KITH_REASON_AUTH, "its key was removed during the handshake");
        return;
    }
    conn->level = level_of(conn);
    if (conn->level < session->config.min_level) {
        kith_conn_fail(conn, KITH_REASON_AUTH, "the channel proves less than min_level asks for");
        return;
    }
    if (kith_trust_begin(conn)) {
        kith_handshake_go_on(conn);
    }
}

void kith_handshake_go_on(struct kith_conn *conn)
{
    if (conn->state != KITH_CONN_HELLO) {
        return;
    }
    if (conn->dialled && send_hello(conn) != KITH_OK) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "no randomness for HELLO");
    } else if (conn->hello_waits) {
        conn->hello_waits = 0;
        kith_handshake_hello(conn, conn->hello_came, KITH_HELLO_BYTES);
    }
}

/* Does their HELLO fit this session and this link? NONE, or why not. */
static kith_reason judge(const struct kith_conn *conn, const char **detail)
{
    const struct kith_session *session = conn->session;
    const struct kith_hello *theirs = &conn->hello;
    const struct kith_crypto *crypto = &session->env->crypto;
    uint8_t tag[KITH_TAG_BYTES];
    *detail = "";
    if (memcmp(theirs->key, session->key, sizeof session->key) == 0) {
        return memcmp(theirs->incarnation, session->incarnation, sizeof session->incarnation) == 0
                   ? KITH_REASON_SELF
                   : KITH_REASON_ID_IN_USE;
    }
    if (kith_hello_session_tag(crypto, theirs->nonce, session->session_name, tag) != KITH_OK) {
        return KITH_REASON_INTERNAL;
    }
    if (memcmp(theirs->session_tag, tag, sizeof tag) != 0) {
        *detail = "both sides must name the same session";
        return KITH_REASON_SESSION;
    }
    if (!kith_roles_fit(session->config.role, theirs->role)) {
        return KITH_REASON_ROLE;
    }
    if (theirs->channel != (uint8_t)conn->link_info.channel) {
        *detail = "the two sides do not see the same kind of channel: something in between "
                  "ends the encryption";
        return KITH_REASON_AUTH;
    }
    if (is_downgraded(conn)) {
        *detail = "both sides have better encryption than this: something in between weakened it";
        return KITH_REASON_AUTH;
    }
    if (memcmp(theirs->want_tag, no_tag, sizeof no_tag) != 0 &&
        (kith_hello_want_tag(crypto, theirs->nonce, &session->id, tag) != KITH_OK ||
         memcmp(theirs->want_tag, tag, sizeof tag) != 0)) {
        *detail = "looks for another peer";
        return KITH_REASON_AUTH;
    }
    return KITH_REASON_NONE;
}

static void transcript_of(const struct kith_conn *conn, struct kith_transcript *out)
{
    memset(out, 0, sizeof *out);
    out->hello_dialer = conn->dialled ? conn->hello_sent : conn->hello_came;
    out->hello_acceptor = conn->dialled ? conn->hello_came : conn->hello_sent;
    out->version = conn->version;
    out->binding_type = conn->binding_type;
    out->binding = conn->binding;
    out->binding_bytes = conn->binding_type == KITH_BINDING_NONE ? 0 : sizeof conn->binding;
    memcpy(out->certificate_dialer,
           conn->dialled ? conn->certificate_here : conn->certificate_there, KITH_SHA256_BYTES);
    memcpy(out->certificate_acceptor,
           conn->dialled ? conn->certificate_there : conn->certificate_here, KITH_SHA256_BYTES);
}

static kith_err send_auth(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    struct kith_transcript transcript;
    uint8_t body[KITH_AUTH_BYTES_MAX];
    size_t length;
    kith_err err;
    const struct kith_peer *peer = kith_peer_by_key(session, conn->hello.key);
    struct kith_auth auth = {
        0}; /* what this side claims stands in INFO, for a peer that is proved */
    auth.version = conn->version;
    auth.binding_type = conn->binding_type;
    auth.max_message_bytes = session->config.max_message_bytes;
    auth.receive_budget_bytes = session->config.budget_bytes / 2;
    auth.lanes_allowed = KITH_CHANNEL_COUNT;
    auth.resume_window_ms =
        session->config.resume_window_ms == KITH_RESUME_OFF ? 0 : session->config.resume_window_ms;
    conn->confirmed_then = peer != NULL && peer->is_confirmed ? peer->generation : 0;
    transcript_of(conn, &transcript);
    err = kith_auth_sign(&auth, &transcript, conn->dialled, &session->env->crypto, session->seed,
                         session->key, body, &length);
    if (err == KITH_OK) {
        kith_conn_send(conn, KITH_FRAME_AUTH, body, length);
    }
    return err;
}

void kith_handshake_hello(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    const char *detail = "";
    kith_reason reason;
    if (conn->ask != NULL && !conn->dialled && !conn->hello_waits) {
        conn->hello_waits = 1; /* until the application has made up its mind */
        memcpy(conn->hello_came, body, KITH_HELLO_BYTES);
        return;
    }
    if (conn->ask != NULL) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "a HELLO out of turn");
        return;
    }
    reason = kith_hello_decode(body, length, &conn->hello);
    if (reason == KITH_REASON_NONE) {
        reason = judge(conn, &detail);
    }
    if (reason == KITH_REASON_NONE &&
        kith_id_of_key(&conn->session->env->crypto, conn->hello.key, &conn->id) != KITH_OK) {
        reason = KITH_REASON_INTERNAL;
    }
    if (reason == KITH_REASON_NONE && conn->dial != NULL && conn->dial->has_want &&
        !kith_id_equal(&conn->dial->want, &conn->id)) {
        reason = KITH_REASON_AUTH;
        detail = "another peer than the wanted one answers there";
    }
    if (reason != KITH_REASON_NONE) {
        kith_conn_fail(conn, reason, detail);
        return;
    }
    memmove(conn->hello_came, body, KITH_HELLO_BYTES);
    conn->version = conn->hello.version_max < KITH_PROTOCOL_VERSION_MAX ? conn->hello.version_max
                                                                        : KITH_PROTOCOL_VERSION_MAX;
    conn->state = KITH_CONN_AUTH;
    if ((!conn->dialled && send_hello(conn) != KITH_OK) || send_auth(conn) != KITH_OK) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "no signature could be made");
    }
}

void kith_handshake_auth(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    struct kith_session *session = conn->session;
    struct kith_transcript transcript;
    uint8_t own[KITH_INFO_OWN_BYTES_MAX];
    char places[KITH_ENDPOINTS_MAX][KITH_PLACE_BYTES];
    struct kith_info info;
    kith_reason reason;
    transcript_of(conn, &transcript);
    reason = kith_auth_verify(body, length, &transcript, !conn->dialled, &session->env->crypto,
                              conn->hello.key, &conn->auth);
    if (reason != KITH_REASON_NONE) {
        kith_conn_fail(conn, reason,
                       reason == KITH_REASON_AUTH
                           ? "the signature does not fit this connection: it may be spliced"
                           : "bad AUTH");
        return;
    }
    session->stats.links_authenticated++;
    conn->state = KITH_CONN_AUTHENTICATED;
    conn->authenticated = 1;
    memset(&info, 0, sizeof info);
    strcpy(info.name, session->display_name);
    kith_association_claim(conn, &info.claim);
    if (conn->dial != NULL) {
        const struct kith_dial *dial = conn->dial->leader != NULL ? conn->dial->leader : conn->dial;
        info.context = dial->context_bytes > 0
                           ? (struct kith_slice){dial->context, dial->context_bytes}
                           : (struct kith_slice){session->context, session->config.context_bytes};
    }
    info.endpoint_count = kith_places_own(session, places);
    for (size_t i = 0; i < info.endpoint_count; i++) {
        info.endpoints[i] = (struct kith_slice){places[i], strlen(places[i])};
    }
    kith_conn_send(conn, KITH_FRAME_INFO, own, kith_info_encode(&info, own));
    kith_association_authenticated(conn);
}

/* For the application, in case it is asked. */
static int keep_context(struct kith_conn *conn, const struct kith_slice *context)
{
    if (context->count == 0 || conn->dialled || conn->session->callbacks.on_invitation == NULL) {
        return 1;
    }
    conn->context = kith_resize(conn->session->env, NULL, context->count);
    if (conn->context == NULL) {
        return 0;
    }
    memcpy(conn->context, context->bytes, context->count);
    conn->context_bytes = context->count;
    return 1;
}

void kith_handshake_info(struct kith_conn *conn, const uint8_t *body, size_t length)
{
    struct kith_info info;
    if (conn->info.name[0] != '\0' || !kith_info_decode(body, length, &info)) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "bad or second INFO");
        return;
    }
    strcpy(conn->info.name, info.name);
    conn->info.claim = info.claim;
    kith_places_learn(conn, &info);
    if (!keep_context(conn, &info.context)) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
        return;
    }
    kith_association_info(conn);
}
