/* SPDX-License-Identifier: MIT
 *
 * context.c: TLS contexts, with keys or with certificates: what the two have in common. Must not
 * know a key or a certificate.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "base/err.h"
#include "transports/tls/tls.h"

static kith_err setup(WOLFSSL_CTX *context, struct kith__tls_keys *keys, int is_server)
{
    /* A flight of the handshake is one packet, not one for each message. */
    if (wolfSSL_CTX_set_group_messages(context) != WOLFSSL_SUCCESS) {
        return kith_fail(KITH_ERR_CRYPTO, "the TLS library refuses to collect messages");
    }
    return keys->pki != NULL ? kith__tls_pki_setup(context, keys, is_server)
                             : kith__tls_psk_setup(context, keys, is_server);
}

/* A ticket would resume without asking for the key or the certificate: a removed key would still
 * get in. */
kith_err kith__tls_server_setup(WOLFSSL_CTX *context, struct kith__tls_keys *keys)
{
    kith_err err = setup(context, keys, 1);
    if (err == KITH_OK && (wolfSSL_CTX_no_ticket_TLSv13(context) != 0 ||
                           wolfSSL_CTX_NoTicketTLSv12(context) != WOLFSSL_SUCCESS)) {
        err = kith_fail(KITH_ERR_CRYPTO, "the TLS library refuses to do without tickets");
    }
    return err;
}

kith_err kith__tls_client_new(struct kith__tls_keys *keys, WOLFSSL_CTX **out)
{
    WOLFSSL_CTX *context;
    kith_err err;
    if (kith__tls_start() != KITH_OK) {
        return kith_fail(KITH_ERR_CRYPTO, "the TLS library does not start");
    }
    context = wolfSSL_CTX_new(keys->tls12 == KITH_TLS12_NEVER ? wolfTLSv1_3_client_method()
                                                              : wolfTLS_client_method());
    if (context == NULL) {
        return KITH_ERR_NOMEM;
    }
    err = setup(context, keys, 0);
    if (err != KITH_OK) {
        wolfSSL_CTX_free(context);
        return err;
    }
    *out = context;
    return KITH_OK;
}
