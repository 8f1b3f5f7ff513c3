/* Feature check: is this ngtcp2, with its helper for wolfSSL, one that Kith can stand on?
 * Compiled, linked and run by cmake/deps; exit 0 means yes. The first packet of a client in memory, no
 * socket. Must not use anything of Kith.
 * SPDX-License-Identifier: MIT */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/openssl/rand.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_wolfssl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#if NGTCP2_VERSION_NUM < 0x011800
#error "it is older than 1.24.0"
#endif

static ngtcp2_conn *conn;

static int fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

static ngtcp2_conn *get_conn(ngtcp2_crypto_conn_ref *ref)
{
    (void)ref;
    return conn;
}

static void take_random(uint8_t *out, size_t count, const ngtcp2_rand_ctx *context)
{
    (void)context;
    (void)wolfSSL_RAND_bytes(out, (int)count);
}

static int new_cid(ngtcp2_conn *of, ngtcp2_cid *cid, ngtcp2_stateless_reset_token *token, size_t count,
                   void *user)
{
    (void)of, (void)user;
    cid->datalen = count;
    return wolfSSL_RAND_bytes(cid->data, (int)count) == 1 &&
                   wolfSSL_RAND_bytes(token->data, sizeof token->data) == 1
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int make_conn(WOLFSSL *ssl)
{
    static struct sockaddr_in here, there;
    ngtcp2_path path = {{(ngtcp2_sockaddr *)&here, sizeof here},
                        {(ngtcp2_sockaddr *)&there, sizeof there},
                        NULL};
    ngtcp2_cid theirs = {.datalen = 16}, ours = {.datalen = 16};
    ngtcp2_callbacks callbacks;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    here.sin_family = there.sin_family = AF_INET;
    memset(&callbacks, 0, sizeof callbacks);
    callbacks.client_initial = ngtcp2_crypto_client_initial_cb;
    callbacks.recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb;
    callbacks.recv_retry = ngtcp2_crypto_recv_retry_cb;
    callbacks.encrypt = ngtcp2_crypto_encrypt_cb;
    callbacks.decrypt = ngtcp2_crypto_decrypt_cb;
    callbacks.hp_mask = ngtcp2_crypto_hp_mask_cb;
    callbacks.rand = take_random;
    callbacks.get_new_connection_id2 = new_cid;
    callbacks.update_key = ngtcp2_crypto_update_key_cb;
    callbacks.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
    callbacks.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
    callbacks.get_path_challenge_data2 = ngtcp2_crypto_get_path_challenge_data2_cb;
    callbacks.version_negotiation = ngtcp2_crypto_version_negotiation_cb;
    ngtcp2_settings_default(&settings);
    settings.initial_ts = 1;
    ngtcp2_transport_params_default(&params);
    if (ngtcp2_conn_client_new(&conn, &theirs, &ours, &path, NGTCP2_PROTO_VER_V1, &callbacks, &settings,
                               &params, NULL, NULL) != 0)
        return fail("no connection");
    ngtcp2_conn_set_tls_native_handle(conn, ssl);
    return 0;
}

int main(void)
{
    ngtcp2_crypto_conn_ref ref = {get_conn, NULL};
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    uint8_t packet[1500];
    WOLFSSL_CTX *ctx;
    WOLFSSL *ssl;
    ngtcp2_ssize count;

    if (wolfSSL_Init() != WOLFSSL_SUCCESS || ngtcp2_version(NGTCP2_VERSION_NUM) == NULL)
        return fail("the library is older than its header");
    ctx = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
    if (!ctx || ngtcp2_crypto_wolfssl_configure_client_context(ctx) != 0)
        return fail("wolfSSL cannot be set up for QUIC");
    ssl = wolfSSL_new(ctx);
    if (!ssl)
        return fail("no TLS object");
    wolfSSL_set_app_data(ssl, &ref);
    wolfSSL_set_connect_state(ssl);
    wolfSSL_set_quic_transport_version(ssl, 0x39); /* RFC 9001 section 8.2 */
    if (make_conn(ssl) != 0)
        return 1;
    ngtcp2_path_storage_zero(&path);
    count = ngtcp2_conn_write_pkt(conn, &path.path, &info, packet, sizeof packet, 2);
    if (count < 1200 || (packet[0] & 0xc0) != 0xc0)
        return fail("no first packet");
    ngtcp2_conn_del(conn);
    wolfSSL_free(ssl);
    wolfSSL_CTX_free(ctx);
    return 0;
}
