/* SPDX-License-Identifier: MIT
 *
 * pki.c: the certificates that a session shows and trusts: copies of the bytes, looked at by every
 * driver that will use them. Reads no file and parses nothing itself. Pure.
 */
#include <string.h>

#include "base/err.h"
#include "bounds.h"
#include "session/session.h"

static void drop(struct kith_session *session, struct kith_slice *slice)
{
    if (slice->bytes != NULL) {
        session->env->crypto.wipe((void *)(uintptr_t)slice->bytes, slice->count);
        kith_free(session->env, (void *)(uintptr_t)slice->bytes);
    }
    *slice = (struct kith_slice){NULL, 0};
}

void kith_session_free_pki(struct kith_session *session)
{
    drop(session, &session->pki.chain);
    drop(session, &session->pki.key);
    drop(session, &session->pki.trusted);
    drop(session, &session->pki.system);
}

static kith_err copy(struct kith_session *session, struct kith_slice *to, struct kith_slice from)
{
    void *bytes;
    if (from.count == 0) {
        return KITH_OK;
    }
    bytes = kith_alloc(session->env, from.count);
    if (bytes == NULL) {
        return KITH_ERR_NOMEM;
    }
    memcpy(bytes, from.bytes, from.count);
    *to = (struct kith_slice){bytes, from.count};
    return KITH_OK;
}

static kith_err check(const struct kith_session *session, const struct kith_pki *pki)
{
    if (session->config.security != KITH_SECURITY_PKI) {
        return kith_fail(KITH_ERR_CONFIG, "the session's security is not KITH_SECURITY_PKI, so it "
                                          "takes no certificates");
    }
    if (session->has_pki) {
        return kith_fail(KITH_ERR_STATE, "this session has its certificates already");
    }
    if ((pki->chain.count == 0) != (pki->key.count == 0)) {
        return kith_fail(KITH_ERR_CONFIG, "%s: is missing; a chain and its key go together",
                         pki->chain.count == 0 ? "chain" : "key");
    }
    if ((unsigned)pki->clients > KITH_CLIENT_CERTIFICATES_NONE) {
        return kith_fail(KITH_ERR_INVALID, "client_certificates: %d is none of them",
                         (int)pki->clients);
    }
    if (pki->trusted.count == 0 && pki->system.count == 0 && session->callbacks.on_trust == NULL) {
        return kith_fail(KITH_ERR_CONFIG, "trusted: is missing; name the CAs to trust, set "
                                          "trust_system, or decide in on_trust");
    }
    return KITH_OK;
}

static kith_err check_with_drivers(const struct kith_session *session, const struct kith_pki *pki)
{
    int asked = 0;
    for (size_t i = 0; session->drivers[i] != NULL; i++) {
        if (session->drivers[i]->check_pki != NULL) {
            kith_err err = session->drivers[i]->check_pki(pki);
            if (err != KITH_OK) {
                return err;
            }
            asked = 1;
        }
    }
    return asked ? KITH_OK
                 : kith_fail(KITH_ERR_UNSUPPORTED, "this build has no transport with certificates");
}

kith_err kith_session_put_pki(struct kith_session *session, const struct kith_pki *given)
{
    struct kith_pki pki = *given;
    kith_err err = check(session, &pki);
    pki.asks = session->callbacks.on_trust != NULL;
    if (err == KITH_OK) {
        err = check_with_drivers(session, &pki);
    }
    if (err != KITH_OK) {
        return err;
    }
    session->pki.clients = pki.clients;
    session->pki.asks = pki.asks;
    err = copy(session, &session->pki.chain, pki.chain);
    if (err == KITH_OK) {
        err = copy(session, &session->pki.key, pki.key);
    }
    if (err == KITH_OK) {
        err = copy(session, &session->pki.trusted, pki.trusted);
    }
    if (err == KITH_OK) {
        err = copy(session, &session->pki.system, pki.system);
    }
    if (err != KITH_OK) {
        kith_session_free_pki(session);
        return err;
    }
    session->has_pki = 1;
    return KITH_OK;
}
