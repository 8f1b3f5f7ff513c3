/* SPDX-License-Identifier: MIT
 *
 * trust.c: the certificates of a link that is up, and what the application thinks of them. While it
 * thinks, the link stands still before HELLO, so neither side has said who it is. Judges no
 * certificate itself: the driver has. Pure.
 */
#include <string.h>

#include "base/err.h"
#include "bounds.h"
#include "session/session.h"

/* ---- the answer -------------------------------------------------------------------------------
 */

static void refuse(struct kith_conn *conn, const char *detail, const char *text)
{
    kith_text_copy(conn->detail, sizeof conn->detail, detail);
    kith_session_refused(conn->session, conn->remote_address, KITH_REASON_UNTRUSTED, detail);
    kith_conn_close(conn, KITH_REASON_UNTRUSTED, KITH_REASON_UNTRUSTED, text);
}

static void decided(struct kith_conn *conn, enum kith_ask_answer answer, const char *text)
{
    if (answer == KITH_ASK_LATE) {
        refuse(conn, "the application here did not say in time whether it trusts the certificate",
               "nobody said in time whether the certificate is trusted");
    } else if (answer != KITH_ASK_YES) {
        refuse(conn, "the application here does not trust the certificate", text);
    } else if (conn->state == KITH_CONN_HELLO) {
        kith_conn_set_deadline(conn);
        kith_handshake_go_on(conn);
    }
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static void ask(struct kith_conn *conn, unsigned doubts)
{
    struct kith_session *session = conn->session;
    const struct kith_link_info *info = &conn->link_info;
    struct kith_ask *made = kith_ask_new(conn, decided);
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
    if (made == NULL) {
        return;
    }
    session->callbacks.on_trust(session, &question, session->user);
    if (conn->ask != NULL && conn->ask->answer == KITH_ASK_OPEN) {
        kith_conn_tell_wait(conn, session->config.ask_ms);
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
