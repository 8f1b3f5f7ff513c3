/* SPDX-License-Identifier: MIT
 *
 * psk.c: TLS 1.3 contexts with external pre-shared keys (RFC 8446 §2.2, §4.2.11) and nothing else:
 * no certificate, no ticket, no early data, no key exchange without forward secrecy. Where it was
 * asked for by name, TLS 1.2 with the one suite of RFC 5487 that Apple speaks as well. Must not
 * remember a key: the session is asked each time, so that a removed key is refused at once.
 */
#include <wolfssl/options.h>

#include <string.h>
#include <wolfssl/ssl.h>

#include "base/err.h"
#include "transports/tls/tls.h"

/* The library's name of TLS_AES_128_GCM_SHA256: the suite that every TLS 1.3 implementation has
 * (RFC 8446 §9.1), with the hash that an external key without one is bound to (§4.2.11). */
static const char suite_name[] = "TLS13-AES128-GCM-SHA256";
/* TLS_PSK_WITH_AES_128_GCM_SHA256 (RFC 5487 §3). */
static const char suites_with_tls12[] = "TLS13-AES128-GCM-SHA256:PSK-AES128-GCM-SHA256";

/* ---- the keys: callbacks of wolfSSL, run one to five times in one handshake ------------- */

static struct kith__tls_handshake *begin(WOLFSSL *ssl, struct kith__tls_keys **keys)
{
    struct kith__tls_handshake *handshake;
    *keys = wolfSSL_get_psk_callback_ctx(ssl);
    handshake = *keys != NULL ? (*keys)->handshake_of((*keys)->endpoint, ssl) : NULL;
    if (handshake != NULL) {
        /* Without this the exporter finds its secrets freed, gives 0 and writes nothing. */
        wolfSSL_KeepArrays(ssl);
        handshake->asked = 1;
        handshake->known = 0;
    }
    return handshake;
}

static unsigned hand_over(const kith_key *key, unsigned char *out, unsigned room,
                          struct kith__tls_handshake *handshake, const char **suite)
{
    if (key == NULL || key->bytes_count == 0 || key->bytes_count > room) {
        return 0;
    }
    memcpy(out, key->bytes, key->bytes_count);
    handshake->known = 1;
    *suite = suite_name;
    return (unsigned)key->bytes_count;
}

static unsigned server_key(WOLFSSL *ssl, const char *identity, unsigned char *out, unsigned room,
                           const char **suite)
{
    struct kith__tls_keys *keys;
    struct kith__tls_handshake *handshake = begin(ssl, &keys);
    if (handshake == NULL || identity == NULL) {
        return 0;
    }
    kith_printable(identity, strlen(identity), handshake->identity, sizeof handshake->identity);
    return hand_over(kith_up_key_find(keys->endpoint, identity), out, room, handshake, suite);
}

static unsigned client_key(WOLFSSL *ssl, const char *hint, char *identity, unsigned identity_room,
                           unsigned char *out, unsigned room, const char **suite)
{
    struct kith__tls_keys *keys;
    struct kith__tls_handshake *handshake = begin(ssl, &keys);
    const kith_key *key = handshake != NULL ? kith_up_key_dial(keys->endpoint) : NULL;
    (void)hint;
    *suite = suite_name; /* the library reads it even when it gets no key */
    if (key == NULL || strlen(key->identity) >= identity_room) {
        return 0;
    }
    kith_text_copy(identity, identity_room, key->identity);
    kith_printable(identity, strlen(identity), handshake->identity, sizeof handshake->identity);
    return hand_over(key, out, room, handshake, suite);
}

/* TLS 1.2 tells an unknown identity from a wrong key by its alert. So an unknown one gets a key
 * that nobody has, and fails where a wrong one does. */
static unsigned server_key_tls12(WOLFSSL *ssl, const char *identity, unsigned char *out,
                                 unsigned room)
{
    const struct kith_crypto *crypto = &kith_default_crypto;
    const char *suite;
    unsigned count = server_key(ssl, identity, out, room, &suite);
    if (count == 0 && room >= 32 && crypto->random(crypto->user, out, 32) == KITH_OK) {
        count = 32;
    }
    return count;
}

static unsigned client_key_tls12(WOLFSSL *ssl, const char *hint, char *identity,
                                 unsigned identity_room, unsigned char *out, unsigned room)
{
    const char *suite;
    return client_key(ssl, hint, identity, identity_room, out, room, &suite);
}

/* ---- the contexts ----------------------------------------------------------------------- */

/* What client and server have in common. X25519MLKEM768, which the library would offer first, makes
 * the ClientHello two packets long. */
static int restrict_context(WOLFSSL_CTX *context, struct kith__tls_keys *keys)
{
    int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1};
    (void)wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);
    int with_tls12 = keys->tls12 != KITH_TLS12_NEVER;
    return wolfSSL_CTX_SetMinVersion(context, with_tls12 ? WOLFSSL_TLSV1_2 : WOLFSSL_TLSV1_3) ==
               WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_cipher_list(context, with_tls12 ? suites_with_tls12 : suite_name) ==
               WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_groups(context, groups, 2) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_only_dhe_psk(context) == 0 &&
           (!with_tls12 || kith__tls_watch_ems(context, keys)) &&
           wolfSSL_CTX_set_psk_callback_ctx(context, keys) == WOLFSSL_SUCCESS;
}

kith_err kith__tls_psk_setup(WOLFSSL_CTX *context, struct kith__tls_keys *keys, int is_server)
{
    int with_tls12 = keys->tls12 != KITH_TLS12_NEVER;
    if (!restrict_context(context, keys) ||
        (keys->tls12 == KITH_TLS12_PSK_ONLY && !is_server &&
         wolfSSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) != WOLFSSL_SUCCESS)) {
        return kith_fail(KITH_ERR_CRYPTO, "the TLS library refuses TLS with pre-shared keys; was "
                                          "it built with --enable-psk?");
    }
    if (!is_server) {
        /* Nobody is trusted by certificate. Without this line a server that has any certificate,
         * and does not know the key, would be taken. */
        wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER, NULL);
        wolfSSL_CTX_set_psk_client_tls13_callback(context, client_key);
        if (with_tls12) {
            wolfSSL_CTX_set_psk_client_callback(context, client_key_tls12);
        }
        return KITH_OK;
    }
    wolfSSL_CTX_set_psk_server_tls13_callback(context, server_key);
    if (with_tls12) {
        wolfSSL_CTX_set_psk_server_callback(context, server_key_tls12);
    }
    return KITH_OK;
}
