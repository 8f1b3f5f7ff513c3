/* SPDX-License-Identifier: MIT
 *
 * verify.c: what speaks against a chain of certificates (RFC 5280 §6). Each chain is looked at on
 * its own, in a certificate manager made for it that holds only the CAs it could rest on: what one
 * peer shows can never help another. wolfSSL checks signatures, dates, path lengths and name
 * constraints; who may sign whom is decided here. Must not ask, send or remember anything.
 */
#include <wolfssl/options.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/openssl/x509v3.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "bounds.h"
#include "transports/tls/tls.h"

/* One chain being judged. */
struct judgement {
    const struct kith__tls_anchors *anchors;
    const kith_certificate *chain;
    size_t count;
    WOLFSSL_X509 *parsed[KITH_CHAIN_COUNT_MAX];
    WOLFSSL_CERT_MANAGER *manager;
    uint8_t is_signer[KITH_CHAIN_COUNT_MAX]; /* it is in the manager */
};

static int is_date_error(int result)
{
    return result == ASN_BEFORE_DATE_E || result == ASN_AFTER_DATE_E;
}

/* RFC 5280 §4.2.1.9 and §4.2.1.3: a CA says so, and where its key's uses are named, signing
 * certificates is one. */
static int may_sign(WOLFSSL_X509 *certificate)
{
    return wolfSSL_X509_get_isCA(certificate) == 1 &&
           (wolfSSL_X509_ext_isSet_by_NID(certificate, WC_NID_key_usage) == 0 ||
            (wolfSSL_X509_get_keyUsage(certificate) & KEYUSE_KEY_CERT_SIGN) != 0);
}

/* Signatures with hashes that can be forged prove nothing (RFC 8446 §4.4.2.4). */
static int has_weak_signature(WOLFSSL_X509 *certificate)
{
    int kind = wolfSSL_X509_get_signature_type(certificate);
    return kind == CTC_MD5wRSA || kind == CTC_SHAwRSA || kind == CTC_SHAwECDSA ||
           kind == CTC_MD2wRSA || kind == CTC_SHAwDSA;
}

/* ---- anchors ---------------------------------------------------------------------------- */

int kith__tls_anchors_read(struct kith__tls_anchors *anchors, struct kith_slice bytes)
{
    size_t before = anchors->list.count;
    struct kith__tls_anchor *facts;
    if (bytes.count == 0) {
        return 1;
    }
    if (!kith__tls_list_read(&anchors->list, bytes, KITH_TRUSTED_COUNT_MAX)) {
        return 0;
    }
    facts = realloc(anchors->facts, anchors->list.count * sizeof *facts);
    if (facts == NULL) {
        return 0;
    }
    anchors->facts = facts;
    for (size_t i = before; i < anchors->list.count; i++) {
        const kith_certificate *one = &anchors->list.at[i];
        WOLFSSL_X509 *parsed =
            wolfSSL_X509_load_certificate_buffer(one->der, (int)one->der_bytes, SSL_FILETYPE_ASN1);
        facts[i] = (struct kith__tls_anchor){0, 0};
        if (parsed != NULL) {
            facts[i].subject = wolfSSL_X509_subject_name_hash(parsed);
            facts[i].may_sign = may_sign(parsed);
            anchors->usable++;
        }
        wolfSSL_X509_free(parsed);
    }
    return 1;
}

void kith__tls_anchors_free(struct kith__tls_anchors *anchors)
{
    kith__tls_list_free(&anchors->list);
    free(anchors->facts);
    anchors->facts = NULL;
    anchors->usable = 0;
}

/* The hash only says which anchors are worth looking at. */
static int could_rest_on(const struct judgement *j, const struct kith__tls_anchor *anchor)
{
    for (size_t i = 0; i < j->count; i++) {
        if (wolfSSL_X509_issuer_name_hash(j->parsed[i]) == anchor->subject) {
            return 1;
        }
    }
    return 0;
}

static void load_anchors(struct judgement *j)
{
    for (size_t i = 0; i < j->anchors->list.count; i++) {
        const kith_certificate *one = &j->anchors->list.at[i];
        if (j->anchors->facts[i].may_sign && could_rest_on(j, &j->anchors->facts[i])) {
            (void)wolfSSL_CertManagerLoadCABuffer(j->manager, one->der, (long)one->der_bytes,
                                                  SSL_FILETYPE_ASN1);
        }
    }
}

/* A certificate that the session trusts as such, CA or not. */
static int is_anchor(const struct judgement *j)
{
    for (size_t i = 0; i < j->anchors->list.count; i++) {
        const kith_certificate *one = &j->anchors->list.at[i];
        if (one->der_bytes == j->chain[0].der_bytes &&
            memcmp(one->der, j->chain[0].der, one->der_bytes) == 0) {
            return 1;
        }
    }
    return 0;
}

/* ---- the chain -------------------------------------------------------------------------- */

static int verify_one(const struct judgement *j, size_t i)
{
    return wolfSSL_CertManagerVerifyBuffer(j->manager, j->chain[i].der, (long)j->chain[i].der_bytes,
                                           SSL_FILETYPE_ASN1);
}

/* Lets those of the chain sign that are signed themselves, until there is no more to add; they may
 * come in any order. old: dates do not matter. */
static void add_signers(struct judgement *j, int old)
{
    int added;
    do {
        added = 0;
        for (size_t i = j->count; i-- > 1;) {
            int result =
                j->is_signer[i] || !may_sign(j->parsed[i]) || has_weak_signature(j->parsed[i])
                    ? ASN_NO_SIGNER_E
                    : verify_one(j, i);
            if ((result == WOLFSSL_SUCCESS || (old && is_date_error(result))) &&
                wolfSSL_CertManagerLoadCABuffer_ex(
                    j->manager, j->chain[i].der, (long)j->chain[i].der_bytes, SSL_FILETYPE_ASN1, 0,
                    old ? WOLFSSL_LOAD_FLAG_DATE_ERR_OKAY : 0) == WOLFSSL_SUCCESS) {
                j->is_signer[i] = added = 1;
            }
        }
    } while (added);
}

static int leaf_is_vouched_for(const struct judgement *j)
{
    int result = has_weak_signature(j->parsed[0]) ? ASN_NO_SIGNER_E : verify_one(j, 0);
    return result == WOLFSSL_SUCCESS || is_date_error(result);
}

/* The dates of the leaf, which count also where nobody vouches for it. */
static unsigned doubts_of_dates(WOLFSSL_X509 *leaf)
{
    unsigned doubts = 0;
    if (wolfSSL_X509_cmp_current_time(wolfSSL_X509_get_notBefore(leaf)) >= 0) {
        doubts |= KITH_DOUBT_NOT_YET_VALID;
    }
    if (wolfSSL_X509_cmp_current_time(wolfSSL_X509_get_notAfter(leaf)) <= 0) {
        doubts |= KITH_DOUBT_EXPIRED;
    }
    return doubts;
}

static unsigned doubts_of_path(struct judgement *j)
{
    WOLFSSL_X509 *leaf = j->parsed[0];
    if (is_anchor(j)) {
        return 0;
    }
    load_anchors(j);
    add_signers(j, 0);
    if (leaf_is_vouched_for(j)) {
        return 0;
    }
    add_signers(j, 1);
    if (leaf_is_vouched_for(j)) {
        return KITH_DOUBT_EXPIRED; /* one in between */
    }
    return KITH_DOUBT_UNTRUSTED | (wolfSSL_X509_NAME_cmp(wolfSSL_X509_get_subject_name(leaf),
                                                         wolfSSL_X509_get_issuer_name(leaf)) == 0
                                       ? KITH_DOUBT_SELF_SIGNED
                                       : 0u);
}

/* RFC 5280 §4.2.1.3 and §4.2.1.12: a key whose uses are named must be for this one. */
static int is_fit(WOLFSSL_X509 *leaf, int of_server)
{
    unsigned wanted = WOLFSSL_XKU_ANYEKU;
    wanted |= of_server ? WOLFSSL_XKU_SSL_SERVER : WOLFSSL_XKU_SSL_CLIENT;
    return (wolfSSL_X509_ext_isSet_by_NID(leaf, WC_NID_key_usage) == 0 ||
            (wolfSSL_X509_get_keyUsage(leaf) & KEYUSE_DIGITAL_SIG) != 0) &&
           (wolfSSL_X509_ext_isSet_by_NID(leaf, WC_NID_ext_key_usage) == 0 ||
            (wolfSSL_X509_get_extended_key_usage(leaf) & wanted) != 0);
}

static int parse(struct judgement *j)
{
    for (size_t i = 0; i < j->count; i++) {
        j->parsed[i] = wolfSSL_X509_load_certificate_buffer(
            j->chain[i].der, (int)j->chain[i].der_bytes, SSL_FILETYPE_ASN1);
        if (j->parsed[i] == NULL) {
            return 0;
        }
    }
    return 1;
}

enum kith__tls_flaw kith__tls_judge(const struct kith__tls_anchors *anchors,
                                    const kith_certificate *chain, size_t count, const char *name,
                                    int of_server, unsigned *doubts)
{
    struct judgement j = {.anchors = anchors, .chain = chain, .count = count};
    enum kith__tls_flaw flaw = KITH__TLS_FINE;
    *doubts = 0;
    if (count == 0 || count > KITH_CHAIN_COUNT_MAX) {
        return count == 0 ? KITH__TLS_MALFORMED : KITH__TLS_TOO_LONG;
    }
    j.manager = wolfSSL_CertManagerNew();
    if (j.manager == NULL) {
        return KITH__TLS_NO_MEMORY;
    }
    if (parse(&j)) {
        *doubts = doubts_of_path(&j) | doubts_of_dates(j.parsed[0]);
        if (name[0] != '\0' && !kith__tls_name_fits(j.parsed[0], name)) {
            *doubts |= KITH_DOUBT_WRONG_NAME;
        }
        flaw = is_fit(j.parsed[0], of_server) ? KITH__TLS_FINE : KITH__TLS_UNFIT;
    } else {
        flaw = KITH__TLS_MALFORMED;
    }
    for (size_t i = 0; i < count; i++) {
        wolfSSL_X509_free(j.parsed[i]);
    }
    wolfSSL_CertManagerFree(j.manager);
    return flaw;
}
