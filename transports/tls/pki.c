/* SPDX-License-Identifier: MIT
 *
 * pki.c: TLS 1.3 contexts with certificates and nothing else: no pre-shared key, no ticket, no
 * early data. wolfSSL proves that the other side has the key of its certificate; whether that
 * certificate is worth anything is judged by verify.c, whose word alone counts.
 */
#include <wolfssl/options.h>

#include <stdlib.h>
#include <string.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "base/err.h"
#include "bounds.h"
#include "transports/tls/tls.h"

/* RFC 8446 §9.1 and what mobile processors without AES instructions like. */
static const char suite_names[] =
    "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256";

struct kith__tls_pki {
    const struct kith_pki *settings;
    struct kith__tls_list own; /* ours, the leaf first */
    struct kith__tls_anchors anchors;
};

const struct kith_pki *kith__tls_pki_settings(const struct kith__tls_pki *pki)
{
    return pki->settings;
}

const kith_certificate *kith__tls_pki_own(const struct kith__tls_pki *pki)
{
    static const kith_certificate none;
    return pki->own.count > 0 ? &pki->own.at[0] : &none;
}

/* ---- the session's certificates --------------------------------------------------------- */

static kith_err unusable(const char *what)
{
    return kith_fail(KITH_ERR_KEY, "%s", what);
}

/* The chain as one piece, as the library takes it. */
static uint8_t *joined(const struct kith__tls_list *list, size_t *count)
{
    uint8_t *all, *to;
    *count = 0;
    for (size_t i = 0; i < list->count; i++) {
        *count += list->at[i].der_bytes;
    }
    all = to = malloc(*count + 1);
    for (size_t i = 0; all != NULL && i < list->count; i++) {
        memcpy(to, list->at[i].der, list->at[i].der_bytes);
        to += list->at[i].der_bytes;
    }
    return all;
}

static kith_err load_own(WOLFSSL_CTX *context, const struct kith__tls_pki *pki)
{
    struct kith_slice key = pki->settings->key;
    size_t count;
    uint8_t *chain;
    int loaded;
    if (pki->own.count == 0) {
        return KITH_OK;
    }
    chain = joined(&pki->own, &count);
    if (chain == NULL) {
        return KITH_ERR_NOMEM;
    }
    loaded = wolfSSL_CTX_use_certificate_chain_buffer_format(context, chain, (long)count,
                                                             WOLFSSL_FILETYPE_ASN1);
    free(chain);
    if (loaded != WOLFSSL_SUCCESS) {
        return unusable("chain: one of its certificates cannot be used");
    }
    if (wolfSSL_CTX_use_PrivateKey_buffer(context, key.bytes, (long)key.count,
                                          kith__tls_is_pem(key)
                                              ? WOLFSSL_FILETYPE_PEM
                                              : WOLFSSL_FILETYPE_ASN1) != WOLFSSL_SUCCESS) {
        return unusable("key: is no private key in PEM or DER, or it has a password");
    }
    if (wolfSSL_CTX_check_private_key(context) != WOLFSSL_SUCCESS) {
        return unusable("key: does not belong to the first certificate of chain");
    }
    return KITH_OK;
}

static kith_err read_all(struct kith__tls_pki *pki)
{
    const struct kith_pki *settings = pki->settings;
    if (settings->chain.count > 0 &&
        !kith__tls_list_read(&pki->own, settings->chain, KITH_CHAIN_COUNT_MAX)) {
        return unusable("chain: is not one or more certificates in PEM or DER");
    }
    if (pki->own.count > KITH_CHAIN_COUNT_MAX) {
        return unusable("chain: has more certificates than the other side takes (8)");
    }
    if (!kith__tls_anchors_read(&pki->anchors, settings->trusted) ||
        (settings->trusted.count > 0 && pki->anchors.usable == 0)) {
        return unusable("trusted: is not one or more certificates in PEM or DER");
    }
    if (!kith__tls_anchors_read(&pki->anchors, settings->system)) {
        return unusable("trust_system: this machine's list of CAs cannot be read");
    }
    return KITH_OK;
}

kith_err kith__tls_pki_new(const struct kith_pki *settings, struct kith__tls_pki **out)
{
    struct kith__tls_pki *pki = calloc(1, sizeof *pki);
    kith_err err;
    if (kith__tls_start() != KITH_OK) {
        free(pki);
        return kith_fail(KITH_ERR_CRYPTO, "the TLS library does not start");
    }
    if (pki == NULL) {
        return KITH_ERR_NOMEM;
    }
    pki->settings = settings;
    err = read_all(pki);
    if (err != KITH_OK) {
        kith__tls_pki_free(pki);
        return err;
    }
    *out = pki;
    return KITH_OK;
}

void kith__tls_pki_free(struct kith__tls_pki *pki)
{
    if (pki != NULL) {
        kith__tls_list_free(&pki->own);
        kith__tls_anchors_free(&pki->anchors);
        free(pki);
    }
}

kith_err kith__tls_check_pki(const struct kith_pki *settings)
{
    struct kith__tls_pki *pki = NULL;
    WOLFSSL_CTX *context;
    kith_err err = kith__tls_pki_new(settings, &pki);
    if (err != KITH_OK) {
        return err;
    }
    context = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
    err = context != NULL ? load_own(context, pki) : KITH_ERR_NOMEM;
    wolfSSL_CTX_free(context);
    kith__tls_pki_free(pki);
    return err;
}

/* ---- the other side's certificates ------------------------------------------------------ */

void kith__tls_forget(struct kith__tls_handshake *handshake)
{
    for (size_t i = 0; i < handshake->chain_count; i++) {
        free((void *)(uintptr_t)handshake->chain[i].der);
    }
    free(handshake->chain);
    handshake->chain = NULL;
    handshake->chain_count = 0;
}

/* Keeps a copy of the chain for whoever has to decide, or wants to know later. */
static enum kith__tls_flaw keep(struct kith__tls_handshake *handshake,
                                const WOLFSSL_BUFFER_INFO *certificates, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += certificates[i].length;
    }
    if (count > KITH_CHAIN_COUNT_MAX || total > KITH_CHAIN_BYTES_MAX) {
        return KITH__TLS_TOO_LONG;
    }
    handshake->chain = calloc(count + 1, sizeof *handshake->chain);
    for (size_t i = 0; handshake->chain != NULL && i < count; i++) {
        uint8_t *der = malloc(certificates[i].length + 1);
        if (der == NULL) {
            return KITH__TLS_NO_MEMORY;
        }
        memcpy(der, certificates[i].buffer, certificates[i].length);
        handshake->chain[handshake->chain_count++] =
            (kith_certificate){der, certificates[i].length};
    }
    return handshake->chain != NULL ? KITH__TLS_FINE : KITH__TLS_NO_MEMORY;
}

static void judge(struct kith__tls_handshake *handshake, const struct kith__tls_pki *pki,
                  const WOLFSSL_X509_STORE_CTX *store, int of_server)
{
    enum kith__tls_flaw flaw = keep(handshake, store->certs, (size_t)store->totalCerts);
    handshake->judged = 1;
    if (flaw == KITH__TLS_FINE) {
        flaw = kith__tls_judge(&pki->anchors, handshake->chain, handshake->chain_count,
                               handshake->name != NULL ? handshake->name : "", of_server,
                               &handshake->doubts);
    }
    handshake->flaw = (uint8_t)flaw;
}

/* What the library cannot know, because its context has no CA: all that is verify.c's to judge.
 * Everything else that it has against a certificate stands. */
static int is_about_trust(int error)
{
    switch (error) {
    case 0:
    case ASN_NO_SIGNER_E:
    case ASN_SELF_SIGNED_E:
    case ASN_SIG_CONFIRM_E:
    case ASN_SIG_KEY_E:
    case ASN_BEFORE_DATE_E:
    case ASN_AFTER_DATE_E:
    case ASN_PATHLEN_SIZE_E:
    case ASN_PATHLEN_INV_E:
    case ASN_NAME_INVALID_E:
        return 1;
    default:
        return 0;
    }
}

/* The library calls this for each certificate of the chain, the leaf last and twice, and once where
 * there is none. The first call judges them all. A chain that is let through leaves its CAs in the
 * context; they mean nothing here, but must not pile up. */
static int verify(int library_says, WOLFSSL_X509_STORE_CTX *store)
{
    struct kith__tls_keys *keys = store->userCtx;
    WOLFSSL *ssl =
        wolfSSL_X509_STORE_CTX_get_ex_data(store, wolfSSL_get_ex_data_X509_STORE_CTX_idx());
    struct kith__tls_handshake *handshake =
        keys != NULL && ssl != NULL ? keys->handshake_of(keys->endpoint, ssl) : NULL;
    (void)library_says;
    if (handshake == NULL || store->totalCerts == 0) {
        return handshake != NULL &&
               keys->pki->settings->clients != KITH_CLIENT_CERTIFICATES_REQUIRED;
    }
    if (!handshake->judged) {
        wolfSSL_KeepArrays(ssl); /* or the exporter has nothing to work with */
        (void)wolfSSL_CertManagerUnloadIntermediateCerts(
            wolfSSL_CTX_GetCertManager(wolfSSL_get_SSL_CTX(ssl)));
        judge(handshake, keys->pki, store, !wolfSSL_is_server(ssl));
    }
    return handshake->flaw == KITH__TLS_FINE && is_about_trust(store->error) &&
           (handshake->doubts == 0 || keys->pki->settings->asks);
}

/* A server: a ClientHello came. A client: the server wants to see a certificate. */
static int about_to_show(WOLFSSL *ssl, void *user)
{
    struct kith__tls_keys *keys = user;
    struct kith__tls_handshake *handshake = keys->handshake_of(keys->endpoint, ssl);
    if (handshake == NULL) {
        return 0;
    }
    wolfSSL_KeepArrays(ssl);
    handshake->showed = 1;
    return 1;
}

/* ---- the contexts ----------------------------------------------------------------------- */

static int verify_mode(const struct kith_pki *settings, int is_server)
{
    if (!is_server) {
        return WOLFSSL_VERIFY_PEER;
    }
    switch (settings->clients) {
    case KITH_CLIENT_CERTIFICATES_NONE:
        return WOLFSSL_VERIFY_NONE;
    case KITH_CLIENT_CERTIFICATES_OPTIONAL:
        return WOLFSSL_VERIFY_PEER;
    case KITH_CLIENT_CERTIFICATES_REQUIRED:
        break;
    }
    return WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

kith_err kith__tls_pki_setup(WOLFSSL_CTX *context, struct kith__tls_keys *keys, int is_server)
{
    int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1};
    kith_err err;
    (void)wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);
    if (wolfSSL_CTX_SetMinVersion(context, WOLFSSL_TLSV1_3) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_set_cipher_list(context, suite_names) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_set_groups(context, groups, 2) != WOLFSSL_SUCCESS) {
        return kith_fail(KITH_ERR_CRYPTO, "the TLS library refuses TLS 1.3 with certificates");
    }
    err = load_own(context, keys->pki);
    if (err != KITH_OK) {
        return err;
    }
    wolfSSL_CTX_set_verify(context, verify_mode(keys->pki->settings, is_server), verify);
    wolfSSL_CTX_SetCertCbCtx(context, keys);
    if (keys->pki->own.count > 0) {
        wolfSSL_CTX_set_cert_cb(context, about_to_show, keys);
    }
    return KITH_OK;
}
