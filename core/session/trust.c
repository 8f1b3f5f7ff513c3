/* SPDX-License-Identifier: MIT
 *
 * trust.c: the certificates of a link that is up, and what the application thinks of them. While it
 * thinks, the link stands still before HELLO, so neither side has said who it is; WAIT tells the
 * other side not to give up. Judges no certificate itself: the driver has. Pure.
 */
#include <string.h>

#include "base/err.h"
#include "base/wire.h"
#include "bounds.h"
#include "session/session.h"

/* ---- the end of a question --------------------------------------------------------------------
 */

/* Takes the ask off its link and tells the application that it is over. */
static void finish(struct kith_ask *ask, kith_reason reason)
{
    struct kith_session *session = ask->conn->session;
    ask->conn->ask = NULL;
    kith_timer_stop(session->env, &ask->timer);
    kith_undefer(&ask->turn);
    if (ask->answer == KITH_ASK_OPEN) {
        ask->answer = KITH_ASK_NO; /* too late to answer from inside the callback */
    }
    if (session->callbacks.on_ask_over != NULL) {
        session->callbacks.on_ask_over(session, ask, reason, session->user);
    }
    kith_free(session->env, ask);
}

static void refuse(struct kith_conn *conn, const char *detail, const char *text)
{
    if (conn->state >= KITH_CONN_CLOSING) {
        return;
    }
    kith_text_copy(conn->detail, sizeof conn->detail, detail);
    kith_session_refused(conn->session, conn->remote_address, KITH_REASON_UNTRUSTED, detail);
    kith_conn_close(conn, KITH_REASON_UNTRUSTED, KITH_REASON_UNTRUSTED, text);
}

/* At the end of a turn: it was answered, or its link is closing. */
static void run_turn(struct kith_deferred *deferred)
{
    struct kith_ask *ask = KITH_CONTAINER(deferred, struct kith_ask, turn);
    struct kith_conn *conn = ask->conn;
    int accepted = ask->answer == KITH_ASK_YES;
    char text[sizeof ask->text];
    if (conn->state >= KITH_CONN_CLOSING) {
        finish(ask, ask->answer == KITH_ASK_OPEN ? conn->reason : KITH_REASON_NONE);
        return;
    }
    memcpy(text, ask->text, sizeof text);
    finish(ask, KITH_REASON_NONE);
    if (!accepted) {
        refuse(conn, "the application here does not trust the certificate", text);
    } else if (conn->state == KITH_CONN_HELLO) {
        kith_conn_set_deadline(conn);
        kith_handshake_go_on(conn);
    }
}

static void too_late(struct kith_timer *timer)
{
    struct kith_ask *ask = KITH_CONTAINER(timer, struct kith_ask, timer);
    struct kith_conn *conn = ask->conn;
    finish(ask, KITH_REASON_TIMEOUT);
    refuse(conn, "the application here did not say in time whether it trusts the certificate",
           "nobody said in time whether the certificate is trusted");
}

void kith_trust_withdraw(struct kith_conn *conn, int at_once)
{
    if (conn->ask != NULL && at_once) {
        finish(conn->ask, conn->ask->answer == KITH_ASK_OPEN ? conn->reason : KITH_REASON_NONE);
    } else if (conn->ask != NULL) {
        kith_timer_stop(conn->session->env, &conn->ask->timer);
        kith_defer(conn->session->env, &conn->ask->turn);
    }
}

void kith_ask_decide(struct kith_ask *ask, int accept, const char *text)
{
    struct kith_env *env = ask->conn->session->env;
    ask->answer = accept ? KITH_ASK_YES : KITH_ASK_NO;
    kith_text_copy(ask->text, sizeof ask->text, text);
    kith_timer_stop(env, &ask->timer);
    kith_defer(env, &ask->turn);
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static void tell_to_wait(struct kith_conn *conn)
{
    uint8_t body[KITH_WAIT_BYTES];
    struct kith_writer to = kith_writer_of(body, sizeof body);
    kith_write_uint(&to, conn->session->config.ask_ms, KITH_WAIT_BYTES);
    kith_conn_send(conn, KITH_FRAME_WAIT, body, sizeof body);
}

static void ask(struct kith_conn *conn, unsigned doubts)
{
    struct kith_session *session = conn->session;
    struct kith_env *env = session->env;
    const struct kith_link_info *info = &conn->link_info;
    struct kith_ask *made = kith_alloc(env, sizeof *made);
    kith_trust_question question = {
        .size = sizeof question,
        .ask = made,
        .doubts = doubts,
        .chain = info->chain,
        .chain_count = info->chain_count,
        .sha256 = info->chain_count > 0 ? conn->certificate_there : NULL,
        .name = conn->dial != NULL ? conn->dial->certificate_name : "",
        .remote_address = conn->remote_address,
        .dial = conn->dial,
        .timeout_ms = session->config.ask_ms,
    };
    if (made != NULL) {
        made->conn = conn;
        made->timer.fire = too_late;
        made->turn.run = run_turn;
    }
    if (made == NULL ||
        kith_timer_set(env, &made->timer, env->now_us + (uint64_t)question.timeout_ms * 1000) !=
            KITH_OK) {
        kith_free(env, made);
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
        return;
    }
    conn->ask = made;
    kith_timer_stop(env, &conn->timer);
    session->callbacks.on_trust(session, &question, session->user);
    if (conn->ask != NULL && conn->ask->answer == KITH_ASK_OPEN) {
        tell_to_wait(conn);
    }
}

/* ---- looking at a link ------------------------------------------------------------------------
 */

/* What both AUTHs sign about the certificates. */
static kith_err hash_leaves(struct kith_conn *conn)
{
    const struct kith_crypto *crypto = &conn->session->env->crypto;
    const struct kith_link_info *info = &conn->link_info;
    kith_err err = KITH_OK;
    if (info->own.der != NULL) {
        const struct kith_slice own = {info->own.der, info->own.der_bytes};
        err = crypto->sha256(&own, 1, conn->certificate_here);
    }
    if (err == KITH_OK && info->chain_count > 0) {
        const struct kith_slice leaf = {info->chain[0].der, info->chain[0].der_bytes};
        err = crypto->sha256(&leaf, 1, conn->certificate_there);
    }
    return err;
}

/* The driver has promised all of this. */
static const char *objection(const struct kith_conn *conn)
{
    const struct kith_session *session = conn->session;
    const struct kith_link_info *info = &conn->link_info;
    if (info->channel != KITH_CHANNEL_TLS13_CERT && info->channel != KITH_CHANNEL_TLS12_CERT) {
        return "the channel rests on no certificate";
    }
    if (info->chain_count == 0 &&
        (conn->dialled || session->pki.clients == KITH_CLIENT_CERTIFICATES_REQUIRED)) {
        return "the other side showed no certificate";
    }
    if (info->doubts != 0 && session->callbacks.on_trust == NULL) {
        return "the certificate leaves doubts, and nobody is there to decide";
    }
    return NULL;
}

int kith_trust_begin(struct kith_conn *conn)
{
    const struct kith_session *session = conn->session;
    const char *wrong;
    if (session->config.security != KITH_SECURITY_PKI) {
        return 1;
    }
    wrong = objection(conn);
    if (wrong != NULL) {
        kith_conn_fail(conn, KITH_REASON_UNTRUSTED, wrong);
        return 0;
    }
    if (hash_leaves(conn) != KITH_OK) {
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "no hash of a certificate");
        return 0;
    }
    if (session->callbacks.on_trust == NULL ||
        (!conn->dialled && session->pki.clients == KITH_CLIENT_CERTIFICATES_NONE)) {
        return 1;
    }
    if (conn->link_info.chain_count == 0) {
        conn->link_info.doubts |= KITH_DOUBT_MISSING;
    }
    ask(conn, conn->link_info.doubts);
    return 0;
}

/* ---- the other side's application thinks ------------------------------------------------------
 */

void kith_trust_wait(struct kith_conn *conn, const uint8_t *body)
{
    struct kith_reader from = kith_reader_of(body, KITH_WAIT_BYTES);
    uint64_t ms = kith_read_uint(&from, KITH_WAIT_BYTES);
    if (conn->session->config.security != KITH_SECURITY_PKI || conn->was_told_to_wait ||
        conn->hello_waits) {
        kith_conn_fail(conn, KITH_REASON_PROTOCOL, "a WAIT out of turn");
        return;
    }
    ms = ms < KITH_ASK_MS_MAX ? ms : KITH_ASK_MS_MAX;
    conn->was_told_to_wait = 1;
    conn->wait_until_us = conn->session->env->now_us + ms * 1000;
    if (conn->ask == NULL) {
        kith_conn_set_deadline(conn);
    }
}

uint64_t kith_trust_until_us(const struct kith_conn *conn)
{
    uint64_t ours_us =
        conn->ask != NULL && kith_timer_is_set(&conn->ask->timer) ? conn->ask->timer.at_us : 0;
    return ours_us > conn->wait_until_us ? ours_us : conn->wait_until_us;
}
