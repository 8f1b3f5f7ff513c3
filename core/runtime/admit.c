/* SPDX-License-Identifier: MIT
 *
 * admit.c: the public functions about who may come in: answers to questions, and bans. Checks
 * arguments; decides nothing.
 */
#include <string.h>

#include "base/err.h"
#include "bounds.h"
#include "runtime/runtime.h"
#include "session/session.h"

kith_err kith_ask_answer(kith_ask *ask, int accept, const char *text)
{
    kith_err err;
    kith_detail_clear();
    if (ask == NULL) {
        return kith_fail(KITH_ERR_INVALID, "ask: is NULL");
    }
    if (!kith_loop_is_mine(ask->conn->session->owner)) {
        return KITH_ERR_THREAD;
    }
    err = kith_check_text(&text);
    if (err != KITH_OK) {
        return err;
    }
    if (ask->answer != KITH_ASK_OPEN) {
        return kith_fail(KITH_ERR_STATE, "it is answered already, or over");
    }
    kith_ask_decide(ask, accept, text);
    return KITH_OK;
}

/* ---- bans -------------------------------------------------------------------------------------
 */

static kith_err take_ban(const kith_ban *given, struct kith_ban_entry *out)
{
    kith_ban ban;
    kith_err err = kith_take_sized("kith_ban", &ban, sizeof ban, given);
    memset(out, 0, sizeof *out);
    if (err != KITH_OK) {
        return err;
    }
    out->kind = ban.kind;
    switch (ban.kind) {
    case KITH_BAN_ID:
        out->id = ban.id;
        return KITH_OK;
    case KITH_BAN_KEY:
        if (ban.psk_identity == NULL || ban.psk_identity[0] == '\0' ||
            strlen(ban.psk_identity) > KITH_KEY_IDENTITY_BYTES_MAX) {
            return kith_fail(KITH_ERR_INVALID, "psk_identity: must be 1 to %d bytes",
                             KITH_KEY_IDENTITY_BYTES_MAX);
        }
        strcpy(out->psk_identity, ban.psk_identity);
        return KITH_OK;
    case KITH_BAN_CERTIFICATE:
        if (ban.sha256 == NULL) {
            return kith_fail(KITH_ERR_INVALID, "sha256: is NULL");
        }
        memcpy(out->sha256, ban.sha256, sizeof out->sha256);
        return KITH_OK;
    }
    return kith_fail(KITH_ERR_INVALID, "kind: %d is no kith_ban_kind", (int)ban.kind);
}

static kith_err enter(const kith_session *session, const kith_ban *ban, struct kith_ban_entry *out)
{
    kith_detail_clear();
    if (session == NULL || ban == NULL) {
        return kith_fail(KITH_ERR_INVALID, "%s: is NULL", session == NULL ? "session" : "ban");
    }
    if (!kith_loop_is_mine(session->owner)) {
        return KITH_ERR_THREAD;
    }
    if (session->state != KITH_SESSION_OPEN) {
        return kith_fail(KITH_ERR_CLOSED, "the session is closing");
    }
    return take_ban(ban, out);
}

kith_err kith_session_ban(kith_session *session, const kith_ban *ban, const char *text)
{
    struct kith_ban_entry entry;
    kith_err err = enter(session, ban, &entry);
    if (err == KITH_OK) {
        err = kith_check_text(&text);
    }
    return err != KITH_OK ? err : kith_admission_ban(session, &entry, text);
}

kith_err kith_session_unban(kith_session *session, const kith_ban *ban)
{
    struct kith_ban_entry entry;
    kith_err err = enter(session, ban, &entry);
    return err != KITH_OK ? err : kith_admission_unban(session, &entry);
}
