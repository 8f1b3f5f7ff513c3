/* SPDX-License-Identifier: MIT
 *
 * channel.c: what is known of a TLS connection whose handshake is finished: whether it is what was
 * asked for, its keying material, its description. Must trust nothing that was only asked for:
 * everything is read back from the connection.
 */
#include <wolfssl/options.h>

#include <string.h>
#include <wolfssl/ssl.h>

#include "transports/tls/tls.h"

#define SUITE_AES_128_GCM_SHA256     0x1301 /* RFC 8446 §B.4 */
#define SUITE_PSK_AES_128_GCM_SHA256 0x00a8 /* RFC 5487 §3 */

static const char *objection_to_certificates(WOLFSSL *ssl, const struct kith__tls_keys *keys,
                                             const struct kith__tls_handshake *handshake,
                                             int dialled)
{
    const struct kith_pki *settings = kith__tls_pki_settings(keys->pki);
    if (wolfSSL_version(ssl) != TLS1_3_VERSION) {
        return "the channel is not TLS 1.3";
    }
    if (handshake->asked || (!dialled && !handshake->showed)) {
        return "the channel does not rest on certificates";
    }
    if (!handshake->judged && (dialled || settings->clients == KITH_CLIENT_CERTIFICATES_REQUIRED)) {
        return "the other side showed no certificate";
    }
    if (handshake->flaw != KITH__TLS_FINE || (handshake->doubts != 0 && !settings->asks)) {
        return "the other side's certificate was refused";
    }
    return NULL;
}

/* Without the extended master secret (RFC 7627) two connections can have the same keying material,
 * and what is bound to it is bound to nothing. */
static const char *objection_to_tls12(WOLFSSL *ssl, const struct kith__tls_handshake *handshake)
{
    if (wolfSSL_get_current_cipher_suite(ssl) != SUITE_PSK_AES_128_GCM_SHA256) {
        return "the channel is TLS 1.2, but not with TLS_PSK_WITH_AES_128_GCM_SHA256";
    }
    if (!handshake->asked || !handshake->known) {
        return "the channel does not rest on a pre-shared key of this session";
    }
    if (!handshake->ems) {
        return "the channel is TLS 1.2 without the extended master secret";
    }
    return NULL;
}

const char *kith__tls_objection(WOLFSSL *ssl, const struct kith__tls_keys *keys,
                                const struct kith__tls_handshake *handshake, int dialled)
{
    WOLFSSL_X509 *certificate;
    if (!wolfSSL_is_init_finished(ssl)) {
        return "the TLS handshake is not finished";
    }
    if (keys->pki != NULL) {
        return objection_to_certificates(ssl, keys, handshake, dialled);
    }
    if (wolfSSL_version(ssl) == TLS1_2_VERSION && keys->tls12 != KITH_TLS12_NEVER) {
        return objection_to_tls12(ssl, handshake);
    }
    if (wolfSSL_version(ssl) != TLS1_3_VERSION ||
        wolfSSL_get_current_cipher_suite(ssl) != SUITE_AES_128_GCM_SHA256) {
        return "the channel is not TLS 1.3 with TLS_AES_128_GCM_SHA256";
    }
    /* In TLS 1.3 a handshake is authenticated by a certificate or by a pre-shared key. */
    certificate = wolfSSL_get_peer_certificate(ssl);
    if (certificate != NULL) {
        wolfSSL_X509_free(certificate);
        return "the channel rests on a certificate, not on the pre-shared key";
    }
    if (!handshake->asked || !handshake->known) {
        return "the channel does not rest on a pre-shared key of this session";
    }
    if (wolfSSL_get_curve_name(ssl) == NULL) {
        return "the channel has no forward secrecy";
    }
    return NULL;
}

void kith__tls_info(WOLFSSL *ssl, const struct kith__tls_keys *keys,
                    const struct kith__tls_handshake *handshake, struct kith_link_info *info)
{
    int suite = wolfSSL_get_current_cipher_suite(ssl);
    const char *name = wolfSSL_get_cipher_name_iana_from_suite((unsigned char)(suite >> 8),
                                                               (unsigned char)(suite & 0xff));
    info->channel = keys->pki != NULL                        ? KITH_CHANNEL_TLS13_CERT
                    : wolfSSL_version(ssl) == TLS1_3_VERSION ? KITH_CHANNEL_TLS13_PSK
                                                             : KITH_CHANNEL_TLS12_PSK;
    info->tls_version = (uint16_t)wolfSSL_version(ssl);
    info->cipher_suite = (uint16_t)suite;
    info->cipher = name != NULL ? name : "";
    info->psk_identity = handshake->identity;
    info->chain = handshake->chain;
    info->chain_count = handshake->chain_count;
    info->doubts = handshake->doubts;
    if (keys->pki != NULL && handshake->showed) {
        info->own = *kith__tls_pki_own(keys->pki);
    }
}

/* 1 when every byte is zero; looks at all of them, the content is secret. */
static int is_zero(const uint8_t *bytes, size_t count)
{
    uint8_t any = 0;
    for (size_t i = 0; i < count; i++) {
        any = (uint8_t)(any | bytes[i]);
    }
    return any == 0;
}

/* The library can say no and leave the buffer alone, and it has been seen to say yes and do so:
 * both ends would then bind to the same nothing. So the buffer is filled with noise first. */
kith_err kith__tls_export(WOLFSSL *ssl, const char *label, uint8_t *out, size_t out_bytes)
{
    const struct kith_crypto *crypto = &kith_default_crypto;
    uint8_t prefill[64];
    int written;
    if (out_bytes < 16 || out_bytes > sizeof prefill ||
        crypto->random(crypto->user, prefill, out_bytes) != KITH_OK) {
        return KITH_ERR_CRYPTO;
    }
    memcpy(out, prefill, out_bytes);
    written = wolfSSL_export_keying_material(ssl, out, out_bytes, label, strlen(label), NULL, 0,
                                             0) == WOLFSSL_SUCCESS &&
              memcmp(out, prefill, out_bytes) != 0 && !is_zero(out, out_bytes);
    crypto->wipe(prefill, sizeof prefill);
    if (!written) {
        crypto->wipe(out, out_bytes);
        return KITH_ERR_CRYPTO;
    }
    return KITH_OK;
}

void kith__tls_settle(WOLFSSL *ssl)
{
    wolfSSL_FreeArrays(ssl);
}
