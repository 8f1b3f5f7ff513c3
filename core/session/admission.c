/* SPDX-License-Identifier: MIT
 *
 * admission.c: whether a peer that is not here may come in: bans first, then, where it came by
 * itself, the application's on_invitation. Until it has answered the peer's links are kept and
 * nothing is adopted. Knows no links but the one in hand. Pure.
 */
#include <string.h>

#include "base/err.h"
#include "bounds.h"
#include "session/session.h"

/* ---- bans -------------------------------------------------------------------------------------
 */

static int is_banned_by(const struct kith_ban_entry *entry, const struct kith_conn *conn)
{
    const char *identity = conn->link_info.psk_identity;
    switch (entry->kind) {
    case KITH_BAN_ID:
        return kith_id_equal(&entry->id, &conn->id);
    case KITH_BAN_KEY:
        return identity != NULL && strcmp(entry->psk_identity, identity) == 0;
    case KITH_BAN_CERTIFICATE:
        return conn->link_info.chain_count > 0 &&
               memcmp(entry->sha256, conn->certificate_there, sizeof entry->sha256) == 0;
    }
    return 0;
}

int kith_admission_is_banned(const struct kith_conn *conn)
{
    const struct kith_session *session = conn->session;
    for (struct kith_node *at = session->bans.next; at != &session->bans; at = at->next) {
        if (is_banned_by(KITH_CONTAINER(at, struct kith_ban_entry, node), conn)) {
            return 1;
        }
    }
    return 0;
}

static struct kith_ban_entry *find(struct kith_session *session, const struct kith_ban_entry *ban)
{
    for (struct kith_node *at = session->bans.next; at != &session->bans; at = at->next) {
        struct kith_ban_entry *entry = KITH_CONTAINER(at, struct kith_ban_entry, node);
        if (entry->kind == ban->kind && kith_id_equal(&entry->id, &ban->id) &&
            strcmp(entry->psk_identity, ban->psk_identity) == 0 &&
            memcmp(entry->sha256, ban->sha256, sizeof ban->sha256) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* Every link that the new ban means ends, and the peer with it. */
static void turn_out(struct kith_session *session, const struct kith_ban_entry *entry,
                     const char *text)
{
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn->state != KITH_CONN_AUTHENTICATED || !is_banned_by(entry, conn)) {
            continue;
        }
        if (conn->peer != NULL && conn->peer->state != KITH_PEER_CONNECTING) {
            kith_peer_turn_out(conn->peer, KITH_REASON_BANNED, text);
        } else {
            kith_conn_fail(conn, KITH_REASON_BANNED, "");
        }
    }
    for (struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
        struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
        if (entry->kind == KITH_BAN_ID && kith_id_equal(&entry->id, &peer->id)) {
            kith_peer_turn_out(peer, KITH_REASON_BANNED, text);
        }
    }
}

kith_err kith_admission_ban(struct kith_session *session, const struct kith_ban_entry *ban,
                            const char *text)
{
    struct kith_ban_entry *entry;
    if (find(session, ban) != NULL) {
        return kith_fail(KITH_ERR_EXISTS, "it is banned already");
    }
    if (session->ban_count >= KITH_BANS_MAX) {
        return kith_fail(KITH_ERR_LIMIT, "a session has at most %d bans", KITH_BANS_MAX);
    }
    entry = kith_alloc(session->env, sizeof *entry);
    if (entry == NULL) {
        return KITH_ERR_NOMEM;
    }
    *entry = *ban;
    kith_list_append(&session->bans, &entry->node);
    session->ban_count++;
    turn_out(session, entry, text);
    return KITH_OK;
}

static void free_ban(struct kith_session *session, struct kith_ban_entry *entry)
{
    kith_list_remove(&entry->node);
    session->ban_count--;
    kith_free(session->env, entry);
}

kith_err kith_admission_unban(struct kith_session *session, const struct kith_ban_entry *ban)
{
    struct kith_ban_entry *entry = find(session, ban);
    if (entry == NULL) {
        return kith_fail(KITH_ERR_NOT_FOUND, "it is not banned");
    }
    free_ban(session, entry);
    return KITH_OK;
}

void kith_admission_fini(struct kith_session *session)
{
    while (!kith_list_empty(&session->bans)) {
        free_ban(session, KITH_CONTAINER(session->bans.next, struct kith_ban_entry, node));
    }
}

/* ---- the application's word -------------------------------------------------------------------
 */

int kith_admission_asks(const struct kith_conn *conn)
{
    const struct kith_session *session = conn->session;
    return !conn->dialled && !conn->admitted && session->callbacks.on_invitation != NULL &&
           kith_peer_by_key(session, conn->hello.key) == NULL;
}

static int is_same(const struct kith_conn *one, const struct kith_conn *other)
{
    return memcmp(one->hello.key, other->hello.key, sizeof one->hello.key) == 0 &&
           memcmp(one->hello.incarnation, other->hello.incarnation,
                  sizeof one->hello.incarnation) == 0;
}

static void refuse(struct kith_conn *conn, const char *detail, const char *text)
{
    kith_text_copy(conn->detail, sizeof conn->detail, detail);
    kith_session_refused(conn->session, conn->remote_address, KITH_REASON_REJECTED, detail);
    kith_conn_close(conn, KITH_REASON_REJECTED, KITH_REASON_REJECTED, text);
}

/* The answer holds for every link of that incarnation. */
static void decided(struct kith_conn *asked, enum kith_ask_answer answer, const char *text)
{
    struct kith_session *session = asked->session;
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn->state != KITH_CONN_AUTHENTICATED || (conn->gates & KITH_GATE_ASK) == 0 ||
            !is_same(conn, asked)) {
            continue;
        }
        if (answer == KITH_ASK_YES) {
            conn->admitted = 1;
            kith_conn_set_deadline(conn);
            kith_association_open_gate(conn, KITH_GATE_ASK);
        } else if (answer == KITH_ASK_LATE) {
            refuse(conn, "the application here did not answer in time", "nobody answered in time");
        } else {
            refuse(conn, "the application here rejected it", text);
        }
    }
}

void kith_admission_settled(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        struct kith_conn *other = KITH_CONTAINER(at, struct kith_conn, node);
        if (other->ask != NULL && other->ask->answer == KITH_ASK_OPEN &&
            (other->gates & KITH_GATE_ASK) != 0 && is_same(other, conn)) {
            kith_ask_decide(other->ask, 1, "");
        }
    }
}

/* Another link of the same incarnation has been asked about. */
static int is_asked(const struct kith_conn *conn)
{
    const struct kith_session *session = conn->session;
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        const struct kith_conn *other = KITH_CONTAINER(at, struct kith_conn, node);
        if (other->ask != NULL && other->state == KITH_CONN_AUTHENTICATED && is_same(other, conn)) {
            return 1;
        }
    }
    return 0;
}

void kith_admission_ask(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    struct kith_ask *made;
    kith_conn_tell_wait(conn, session->config.ask_ms);
    if (conn->state != KITH_CONN_AUTHENTICATED) {
        return; /* it did not fit */
    }
    if (is_asked(conn)) {
        conn->wait_until_us = conn->session->env->now_us + (uint64_t)session->config.ask_ms * 1000;
        kith_conn_set_deadline(conn);
        return;
    }
    made = kith_ask_new(conn, decided);
    if (made != NULL) {
        const kith_invitation invitation = {
            .size = sizeof invitation,
            .ask = made,
            .id = conn->id,
            .name = conn->info.name,
            .context = conn->context,
            .context_bytes = conn->context_bytes,
            .remote_address = conn->remote_address,
            .psk_identity =
                conn->link_info.psk_identity != NULL ? conn->link_info.psk_identity : "",
            .level = conn->level,
            .timeout_ms = session->config.ask_ms,
        };
        session->callbacks.on_invitation(session, &invitation, session->user);
    }
}
