/* SPDX-License-Identifier: MIT
 *
 * session.c: opening a session, its keys and transports, and leaving it in good order. Pure.
 *
 * Leaving: FLUSHING until everything sent is consumed or the time is over; LEAVING until every link
 * is down; ENDED.
 */
#include "session/session.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "bounds.h"

/* ---- configuration ----------------------------------------------------------------------------
 */

static kith_err check_name(const char *field, const char *name)
{
    if (name == NULL || !kith_text_ok(name, strlen(name), 1, KITH_NAME_BYTES_MAX)) {
        return kith_fail(KITH_ERR_INVALID,
                         "%s: must be 1 to %d bytes of UTF-8 without control characters", field,
                         KITH_NAME_BYTES_MAX);
    }
    return KITH_OK;
}

/* A field that was left 0 becomes its default; anything else must be in range. */
static kith_err fill(const char *field, uint64_t *value, uint64_t preset, uint64_t min,
                     uint64_t max)
{
    *value = *value == 0 ? preset : *value;
    if (*value < min || *value > max) {
        return kith_fail(KITH_ERR_INVALID, "%s: is %llu, must be %llu to %llu (0 for the default)",
                         field, (unsigned long long)*value, (unsigned long long)min,
                         (unsigned long long)max);
    }
    return KITH_OK;
}

static kith_err fill32(const char *field, uint32_t *value, uint32_t preset, uint32_t min,
                       uint32_t max)
{
    uint64_t wide = *value;
    kith_err err = fill(field, &wide, preset, min, max);
    *value = (uint32_t)wide;
    return err;
}

static kith_err fill_limits(kith_session_config *config)
{
    kith_err err = fill32("max_peers", &config->max_peers, KITH_PEERS_DEFAULT, 1, KITH_PEERS_MAX);
    if (err == KITH_OK) {
        err = fill("budget_bytes", &config->budget_bytes, KITH_BUDGET_BYTES_DEFAULT,
                   KITH_BUDGET_BYTES_MIN, KITH_BUDGET_BYTES_MAX);
    }
    if (err == KITH_OK) {
        uint32_t most = (uint32_t)(config->budget_bytes / 4);
        err =
            fill32("max_message_bytes", &config->max_message_bytes,
                   most < KITH_MESSAGE_BYTES_DEFAULT ? most : KITH_MESSAGE_BYTES_DEFAULT, 1, most);
    }
    if (err == KITH_OK) {
        err = fill("window_pool_bytes", &config->window_pool_bytes, KITH_WINDOW_POOL_BYTES_DEFAULT,
                   1, KITH_WINDOW_POOL_BYTES_MAX);
    }
    if (err == KITH_OK && config->resume_window_ms != KITH_RESUME_OFF) {
        err = fill32("resume_window_ms", &config->resume_window_ms, KITH_RESUME_WINDOW_MS_DEFAULT,
                     1, KITH_RESUME_WINDOW_MS_MAX);
    }
    if (err == KITH_OK) {
        err = fill32("handshake_ms", &config->handshake_ms, KITH_HANDSHAKE_MS_DEFAULT,
                     KITH_HANDSHAKE_MS_MIN, KITH_HANDSHAKE_MS_MAX);
    }
    if (err == KITH_OK) {
        err = fill32("idle_ping_ms", &config->idle_ping_ms, KITH_IDLE_PING_MS_DEFAULT,
                     KITH_IDLE_PING_MS_MIN, KITH_IDLE_PING_MS_MAX);
    }
    if (err == KITH_OK) {
        err = fill32("ask_ms", &config->ask_ms, KITH_ASK_MS_DEFAULT, KITH_ASK_MS_MIN,
                     KITH_ASK_MS_MAX);
    }
    if (err == KITH_OK) {
        err = fill32("idle_ping_count", &config->idle_ping_count, KITH_IDLE_PING_COUNT_DEFAULT, 1,
                     KITH_IDLE_PING_COUNT_MAX);
    }
    return err;
}

/* All zeros is what a struct that was never filled has. */
int kith_identity_usable(const kith_identity *identity)
{
    uint8_t any = 0;
    for (size_t i = 0; i < sizeof identity->bytes; i++) {
        any |= identity->bytes[i];
    }
    return any != 0;
}

static kith_err check_choices(const kith_session_config *config)
{
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        if (config->channel_priority[i] > KITH_CHANNEL_PRIORITY_MAX) {
            return kith_fail(KITH_ERR_INVALID, "channel_priority[%zu]: is %u, must be 0 to %d", i,
                             config->channel_priority[i], KITH_CHANNEL_PRIORITY_MAX);
        }
    }
    if (config->identity != NULL && !kith_identity_usable(config->identity)) {
        return kith_fail(KITH_ERR_INVALID, "identity: is all zeros; kith_identity_generate() makes "
                                           "one, NULL is for somebody new");
    }
    switch (config->security) {
    case KITH_SECURITY_UNSET:
        return kith_fail(KITH_ERR_CONFIG,
                         "security: is not set; choose KITH_SECURITY_PSK or KITH_SECURITY_PKI, or "
                         "KITH_SECURITY_NONE where anyone may read and write");
    case KITH_SECURITY_NONE:
        if (config->min_level > KITH_LEVEL_NONE) {
            return kith_fail(KITH_ERR_CONFIG, "min_level: cannot be reached with "
                                              "KITH_SECURITY_NONE; leave it KITH_LEVEL_DEFAULT");
        }
        break;
    case KITH_SECURITY_PSK:
    case KITH_SECURITY_PKI:
        break;
    default:
        return kith_fail(KITH_ERR_INVALID, "security: %d is no kith_security",
                         (int)config->security);
    }
    if ((unsigned)config->role > KITH_ROLE_CLIENT) {
        return kith_fail(KITH_ERR_INVALID, "role: %d is no kith_role", (int)config->role);
    }
    if ((unsigned)config->introductions > KITH_INTRODUCTIONS_OFF) {
        return kith_fail(KITH_ERR_INVALID, "introductions: %d is no kith_introductions",
                         (int)config->introductions);
    }
    if (config->context_bytes > KITH_CONTEXT_BYTES_MAX ||
        (config->context == NULL && config->context_bytes > 0)) {
        return kith_fail(KITH_ERR_INVALID, "context_bytes: is %zu, must be 0 to %d with a context",
                         config->context_bytes, KITH_CONTEXT_BYTES_MAX);
    }
    if ((unsigned)config->min_level > KITH_LEVEL_IDENTITY) {
        return kith_fail(KITH_ERR_INVALID, "min_level: %d is no kith_level",
                         (int)config->min_level);
    }
    return KITH_OK;
}

static kith_err take_config(struct kith_session *session, const kith_session_config *config)
{
    kith_err err = check_name("display_name", config->display_name);
    if (err == KITH_OK) {
        err = check_name("session_name", config->session_name);
    }
    if (err == KITH_OK) {
        err = check_choices(config);
    }
    if (err != KITH_OK) {
        return err;
    }
    session->config = *config;
    strcpy(session->display_name, config->display_name);
    strcpy(session->session_name, config->session_name);
    session->config.display_name = session->display_name;
    session->config.session_name = session->session_name;
    session->config.context = session->context;
    if (config->context_bytes > 0) {
        memcpy(session->context, config->context, config->context_bytes);
    }
    if (config->min_level == KITH_LEVEL_DEFAULT) {
        session->config.min_level =
            config->security == KITH_SECURITY_NONE ? KITH_LEVEL_NONE : KITH_LEVEL_IDENTITY;
    }
    return fill_limits(&session->config);
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static void flush_over(struct kith_timer *timer)
{
    kith_session_poke(KITH_CONTAINER(timer, struct kith_session, flush_timer));
}

static void step_closing(struct kith_deferred *deferred);

static kith_err make_identity(struct kith_session *session)
{
    const struct kith_crypto *crypto = &session->env->crypto;
    const kith_identity *kept = session->config.identity;
    kith_err err = KITH_OK;
    session->config.identity = NULL; /* it was lent */
    if (kept != NULL) {
        memcpy(session->seed, kept->bytes, sizeof session->seed);
    } else {
        err = crypto->random(crypto->user, session->seed, sizeof session->seed);
    }
    if (err == KITH_OK) {
        err = crypto->random(crypto->user, session->incarnation, sizeof session->incarnation);
    }
    if (err == KITH_OK) {
        err = crypto->ed25519_public(session->seed, session->key);
    }
    if (err == KITH_OK) {
        err = kith_id_of_key(crypto, session->key, &session->id);
    }
    return err == KITH_OK ? KITH_OK : kith_fail(err, "no randomness for an identity");
}

kith_err kith_session_create(struct kith_env *env, const struct kith_driver *const *drivers,
                             const kith_session_config *config, const kith_callbacks *callbacks,
                             void *user, struct kith_session **out)
{
    struct kith_session *session = kith_alloc(env, sizeof *session);
    kith_err err;
    if (session == NULL) {
        return KITH_ERR_NOMEM;
    }
    session->env = env;
    session->drivers = drivers;
    session->callbacks = *callbacks;
    session->user = user;
    kith_list_init(&session->keys);
    kith_list_init(&session->bans);
    kith_introduce_init(session);
    kith_discover_init(session);
    kith_list_init(&session->listeners);
    kith_list_init(&session->dials);
    kith_list_init(&session->conns);
    kith_list_init(&session->pending);
    kith_list_init(&session->peers);
    session->flush_timer.fire = flush_over;
    session->closing.run = step_closing;
    kith_session_network_init(session);
    err = take_config(session, config);
    session->window_pool.free = session->config.window_pool_bytes;
    if (err == KITH_OK) {
        err = make_identity(session);
    }
    if (err != KITH_OK) {
        env->crypto.wipe(session->seed, sizeof session->seed);
        kith_free(env, session);
        return err;
    }
    *out = session;
    return KITH_OK;
}

/* ---- keys -------------------------------------------------------------------------------------
 */

int kith_key_usable(const kith_key *key, const char **why)
{
    const char *end = memchr(key->identity, '\0', sizeof key->identity);
    size_t identity_bytes = end != NULL ? (size_t)(end - key->identity) : sizeof key->identity;
    *why = NULL;
    if (identity_bytes > KITH_KEY_IDENTITY_BYTES_MAX ||
        !kith_text_ok(key->identity, identity_bytes, 1, KITH_KEY_IDENTITY_BYTES_MAX) ||
        memchr(key->identity, ':', identity_bytes) != NULL) {
        *why = "the identity must be 1 to 128 bytes of UTF-8 without ':' and control characters";
    } else if (key->bytes_count < KITH_KEY_BYTES_MIN) {
        *why = "the key is shorter than 16 bytes and could be guessed";
    } else if (key->bytes_count > KITH_KEY_BYTES_MAX) {
        *why = "the key is longer than 64 bytes";
    } else if (identity_bytes == key->bytes_count &&
               memcmp(key->identity, key->bytes, identity_bytes) == 0) {
        *why = "the key equals its identity, which travels in clear: anyone on the way could join";
    }
    return *why == NULL;
}

static struct kith_key_entry *find_key(struct kith_session *session, const char *identity)
{
    for (struct kith_node *at = session->keys.next; at != &session->keys; at = at->next) {
        struct kith_key_entry *entry = KITH_CONTAINER(at, struct kith_key_entry, node);
        if (strcmp(entry->key.identity, identity) == 0) {
            return entry;
        }
    }
    return NULL;
}

kith_err kith_session_put_key(struct kith_session *session, const kith_key *key, unsigned flags)
{
    struct kith_key_entry *entry;
    const char *why;
    if (session->config.security != KITH_SECURITY_PSK) {
        return kith_fail(KITH_ERR_CONFIG,
                         "the session's security is not KITH_SECURITY_PSK, so it takes no keys");
    }
    if (!kith_key_usable(key, &why)) {
        return kith_fail(KITH_ERR_KEY, "%s; kith_key_generate() makes a good one", why);
    }
    if (find_key(session, key->identity) != NULL) {
        return kith_fail(KITH_ERR_EXISTS, "a key of identity \"%s\" is there; remove it first",
                         key->identity);
    }
    if (session->key_count >= KITH_KEYS_MAX) {
        return kith_fail(KITH_ERR_LIMIT, "the table holds %d keys; remove one first",
                         KITH_KEYS_MAX);
    }
    entry = kith_alloc(session->env, sizeof *entry);
    if (entry == NULL) {
        return KITH_ERR_NOMEM;
    }
    entry->key = *key;
    entry->dial = (flags & KITH_KEY_DIAL) != 0;
    kith_list_append(&session->keys, &entry->node);
    session->key_count++;
    kith_discover_again(session, 1);
    return KITH_OK;
}

static void free_key(struct kith_session *session, struct kith_key_entry *entry)
{
    kith_list_remove(&entry->node);
    session->key_count--;
    session->env->crypto.wipe(entry, sizeof *entry);
    kith_free(session->env, entry);
}

kith_err kith_session_drop_key(struct kith_session *session, const char *identity)
{
    struct kith_key_entry *entry = find_key(session, identity);
    if (entry == NULL) {
        return kith_fail(KITH_ERR_NOT_FOUND, "there is no key of that identity");
    }
    free_key(session, entry);
    kith_discover_again(session, 1);
    return KITH_OK;
}

const kith_key *kith_up_key_find(struct kith_endpoint *endpoint, const char *identity)
{
    struct kith_key_entry *entry = find_key(endpoint->session, identity);
    return entry != NULL ? &entry->key : NULL;
}

void kith_up_stray(struct kith_endpoint *endpoint, enum kith_stray what)
{
    struct kith_session *session = endpoint->session;
    session->stats.packets_ignored += what == KITH_STRAY_IGNORED;
    session->stats.addresses_asked += what == KITH_STRAY_ASKED;
}

const kith_key *kith_session_dial_key(const struct kith_session *session)
{
    for (struct kith_node *at = session->keys.prev; at != &session->keys; at = at->prev) {
        struct kith_key_entry *entry = KITH_CONTAINER(at, struct kith_key_entry, node);
        if (entry->dial) {
            return &entry->key;
        }
    }
    return NULL;
}

const kith_key *kith_up_key_dial(struct kith_endpoint *endpoint)
{
    return kith_session_dial_key(endpoint->session);
}

/* ---- transports -------------------------------------------------------------------------------
 */

/* The scheme of a driver that fits: by name, or by security alone for "any". */
static const struct kith_scheme *find_scheme(const struct kith_driver *driver, const char *name,
                                             int secure)
{
    for (const struct kith_scheme *scheme = driver->schemes; scheme->name != NULL; scheme++) {
        if (strcmp(name, "any") == 0 ? scheme->secure == secure : strcmp(name, scheme->name) == 0) {
            return scheme;
        }
    }
    return NULL;
}

static kith_err check_credentials(const struct kith_session *session,
                                  const struct kith_driver *driver, const char *scheme_name)
{
    switch (session->config.security) {
    case KITH_SECURITY_PSK:
        return session->key_count > 0
                   ? KITH_OK
                   : kith_fail(KITH_ERR_CONFIG, "no key: call kith_session_add_key() first");
    case KITH_SECURITY_PKI:
        if (driver->check_pki == NULL) {
            return kith_fail(KITH_ERR_UNSUPPORTED, "%s:// has no certificates", scheme_name);
        }
        return session->has_pki
                   ? KITH_OK
                   : kith_fail(KITH_ERR_CONFIG,
                               "no certificates: call kith_session_set_certificates() first");
    case KITH_SECURITY_UNSET:
    case KITH_SECURITY_NONE:
        break;
    }
    return KITH_OK;
}

kith_err kith_session_driver(struct kith_session *session, const char *scheme_name, size_t *index)
{
    int secure = session->config.security != KITH_SECURITY_NONE;
    for (*index = 0; session->drivers[*index] != NULL; ++*index) {
        const struct kith_scheme *scheme =
            find_scheme(session->drivers[*index], scheme_name, secure);
        if (scheme == NULL) {
            continue;
        }
        if (scheme->secure != secure) {
            return kith_fail(KITH_ERR_CONFIG,
                             secure ? "%s:// is not encrypted, but the session's security is set; "
                                      "use an encrypted scheme such as wss://"
                                    : "%s:// is encrypted, but the session has "
                                      "KITH_SECURITY_NONE; use a plain scheme such as ws://",
                             scheme_name);
        }
        return check_credentials(session, session->drivers[*index], scheme_name);
    }
    return kith_fail(KITH_ERR_UNSUPPORTED, "this build has no transport for %s://", scheme_name);
}

kith_err kith_session_check_tls12(const struct kith_session *session, kith_tls12 tls12,
                                  kith_tls12 most)
{
    if ((unsigned)tls12 > (unsigned)most) {
        return kith_fail(KITH_ERR_INVALID, "tls12: %d cannot be chosen here", (int)tls12);
    }
    if (tls12 != KITH_TLS12_NEVER && session->config.security != KITH_SECURITY_PSK) {
        return kith_fail(KITH_ERR_CONFIG, "tls12: is for pre-shared keys, and the session's "
                                          "security is not KITH_SECURITY_PSK");
    }
    if (tls12 != KITH_TLS12_NEVER && session->config.min_level > KITH_LEVEL_GROUP) {
        return kith_fail(KITH_ERR_CONFIG, "tls12: proves no more than KITH_LEVEL_GROUP; if that is "
                                          "enough, set it as the session's min_level");
    }
    return KITH_OK;
}

/* From the identity, and nothing that could be taken back to it. */
static kith_err make_secret(const struct kith_session *session, struct kith_endpoint *endpoint)
{
    static const char context[] = "kith endpoint";
    const struct kith_slice piece = {context, sizeof context};
    kith_err err = session->env->crypto.hmac_sha256(session->seed, sizeof session->seed, &piece, 1,
                                                    endpoint->secret);
    return err == KITH_OK ? KITH_OK : kith_fail(err, "no secret for a transport");
}

kith_err kith_session_endpoint(struct kith_session *session, size_t index,
                               struct kith_endpoint **out)
{
    const struct kith_driver *driver = session->drivers[index];
    struct kith_endpoint *endpoint = session->endpoints[index];
    kith_err err;
    if (endpoint == NULL) {
        endpoint = kith_alloc(session->env, driver->endpoint_bytes);
        if (endpoint == NULL) {
            return KITH_ERR_NOMEM;
        }
        endpoint->driver = driver;
        endpoint->env = session->env;
        endpoint->session = session;
        endpoint->security = session->config.security;
        endpoint->handshake_ms = session->config.handshake_ms;
        endpoint->pki = session->has_pki ? &session->pki : NULL;
        err = make_secret(session, endpoint);
        if (err == KITH_OK) {
            err = driver->endpoint_open(endpoint);
        }
        if (err != KITH_OK) {
            kith_free(session->env, endpoint);
            return err;
        }
        session->endpoints[index] = endpoint;
    }
    *out = endpoint;
    return KITH_OK;
}

static void close_endpoints(struct kith_session *session)
{
    for (size_t i = 0; i < KITH_DRIVERS_MAX; i++) {
        if (session->endpoints[i] != NULL) {
            session->endpoints[i]->driver->endpoint_close(session->endpoints[i]);
            session->env->crypto.wipe(session->endpoints[i]->secret,
                                      sizeof session->endpoints[i]->secret);
            kith_free(session->env, session->endpoints[i]);
            session->endpoints[i] = NULL;
        }
    }
}

/* Strangers cause these lines, so they have a rate. */
static void log_refusal(struct kith_session *session, const char *remote, kith_reason reason,
                        const char *detail)
{
    uint64_t second = session->env->now_us / 1000000;
    if (second != session->refusal_second) {
        session->refusal_second = second;
        session->refusal_lines = 0;
    }
    if (session->refusal_lines++ < KITH_REFUSAL_LINES_PER_S_MAX) {
        kith_log(session->env, KITH_LOG_WARN, "%s refused: %s%s%s", remote,
                 kith_reason_text(reason), detail[0] != '\0' ? ": " : "", detail);
    } else if (session->refusal_lines == KITH_REFUSAL_LINES_PER_S_MAX + 1) {
        kith_log(session->env, KITH_LOG_WARN, "more are refused in this second");
    }
}

void kith_session_refused(struct kith_session *session, const char *remote, kith_reason reason,
                          const char *detail)
{
    switch (reason) {
    case KITH_REASON_AUTH:
    case KITH_REASON_UNTRUSTED:
        session->stats.refused_auth++;
        break;
    case KITH_REASON_PROTOCOL:
    case KITH_REASON_NOT_KITH:
        session->stats.refused_protocol++;
        break;
    case KITH_REASON_TIMEOUT:
        session->stats.refused_slow++;
        session->stats.refused_other++;
        break;
    default:
        session->stats.refused_other++;
        break;
    }
    log_refusal(session, remote, reason, detail);
}

/* ---- leaving ----------------------------------------------------------------------------------
 */

static int is_flushed(const struct kith_session *session)
{
    for (struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
        if (!kith_peer_is_flushed(KITH_CONTAINER(at, struct kith_peer, node))) {
            return 0;
        }
    }
    return 1;
}

static void depart_all(struct kith_session *session)
{
    while (!kith_list_empty(&session->peers)) {
        kith_peer_depart(KITH_CONTAINER(session->peers.next, struct kith_peer, node),
                         KITH_REASON_LOCAL, "", KITH_REASON_LEFT);
    }
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        kith_conn_close(KITH_CONTAINER(at, struct kith_conn, node), KITH_REASON_LOCAL,
                        KITH_REASON_LEFT, "");
    }
}

static void step_closing(struct kith_deferred *deferred)
{
    struct kith_session *session = KITH_CONTAINER(deferred, struct kith_session, closing);
    if (session->state == KITH_SESSION_FLUSHING &&
        (is_flushed(session) || session->env->now_us >= session->flush_until_us)) {
        session->state = KITH_SESSION_LEAVING;
        kith_timer_stop(session->env, &session->flush_timer);
        depart_all(session);
    }
    if (session->state == KITH_SESSION_LEAVING && kith_list_empty(&session->conns) &&
        kith_list_empty(&session->dials) && kith_list_empty(&session->listeners) &&
        kith_list_empty(&session->discoveries)) {
        session->state = KITH_SESSION_ENDED;
        close_endpoints(session);
        session->ended(session);
    }
}

void kith_session_poke(struct kith_session *session)
{
    if (session->state != KITH_SESSION_OPEN) {
        kith_defer(session->env, &session->closing);
    }
}

void kith_session_leave(struct kith_session *session, uint32_t flush_ms)
{
    uint64_t until = session->env->now_us + (uint64_t)flush_ms * 1000;
    if (session->state == KITH_SESSION_OPEN) {
        kith_session_wake_now(session);
        session->state = KITH_SESSION_FLUSHING;
        session->flush_until_us = until;
        for (struct kith_node *at = session->peers.next;
             session->shut != NULL && at != &session->peers; at = at->next) {
            session->shut(KITH_CONTAINER(at, struct kith_peer, node));
        }
        for (struct kith_node *at = session->listeners.next; at != &session->listeners;
             at = at->next) {
            kith_listener_end(KITH_CONTAINER(at, struct kith_listener, node));
        }
        for (struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
            kith_dial_end(KITH_CONTAINER(at, struct kith_dial, node));
        }
        kith_discover_end_all(session);
    }
    session->flush_until_us = until < session->flush_until_us ? until : session->flush_until_us;
    if (session->state == KITH_SESSION_FLUSHING &&
        kith_timer_set(session->env, &session->flush_timer, session->flush_until_us) != KITH_OK) {
        session->flush_until_us = session->env->now_us; /* no memory to wait with: do not wait */
    }
    kith_session_poke(session);
}

void kith_session_abort(struct kith_session *session)
{
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn->state != KITH_CONN_DOWN) {
            conn->driver->close(conn->link, KITH_REASON_LEFT, 0);
        }
    }
}

void kith_session_destroy(struct kith_session *session)
{
    struct kith_env *env = session->env;
    assert(session->state == KITH_SESSION_ENDED && kith_list_empty(&session->conns) &&
           kith_list_empty(&session->peers) && kith_list_empty(&session->dials) &&
           kith_list_empty(&session->listeners) && kith_list_empty(&session->discoveries) &&
           kith_list_empty(&session->finders));
    while (!kith_list_empty(&session->keys)) {
        free_key(session, KITH_CONTAINER(session->keys.next, struct kith_key_entry, node));
    }
    kith_admission_fini(session);
    kith_introduce_fini(session);
    kith_session_free_pki(session);
    kith_timer_stop(env, &session->flush_timer);
    kith_undefer(&session->closing);
    kith_undefer(&session->network_turn);
    env->crypto.wipe(session->seed, sizeof session->seed);
    kith_free(env, session);
}
