/* Feature check: is this wolfSSL one that Kith can stand on, and does it keep its secrets?
 * Compiled, linked and run by cmake/deps; exit 0 means yes. One handshake in memory, no socket.
 * Must not use anything of Kith.
 * SPDX-License-Identifier: MIT */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/quic.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/curve25519.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <stdio.h>
#include <string.h>

#if LIBWOLFSSL_VERSION_HEX < 0x05009002
#error "it is older than 5.9.2"
#endif
#if defined(HAVE_KEYLOG_EXPORT) || defined(SHOW_SECRETS) || defined(WOLFSSL_SSLKEYLOGFILE)
#error "it writes the secrets of every session to a file (--enable-keylog-export)"
#endif
#if defined(NO_PSK) || !defined(WOLFSSL_TLS13) || !defined(HAVE_ALPN) || !defined(HAVE_SNI)
#error "it lacks TLS 1.3, pre-shared keys, ALPN or SNI"
#endif
#ifndef WOLFSSL_STATIC_PSK
#error "it lacks plain PSK for TLS 1.2 (WOLFSSL_STATIC_PSK)"
#endif
#ifndef WOLFSSL_QUIC
#error "it lacks QUIC"
#endif
#if !defined(WOLFSSL_DTLS13) || !defined(WOLFSSL_DTLS_CID) || !defined(WOLFSSL_DTLS_CH_FRAG) || \
    !defined(WOLFSSL_DTLS_MTU) || !defined(WOLFSSL_SEND_HRR_COOKIE)
#error "it lacks DTLS 1.3 or its connection ids, fragments, MTU or cookies"
#endif
#ifndef HAVE_KEYING_MATERIAL
#error "it lacks the keying material exporter"
#endif
#if !defined(HAVE_ED25519) || !defined(HAVE_CURVE25519) || !defined(HAVE_AES_ECB) || !defined(HAVE_AESGCM)
#error "it lacks Ed25519, X25519, AES-GCM or AES-ECB"
#endif
#if !defined(OPENSSL_EXTRA) || !defined(HAVE_EX_DATA_CRYPTO) || !defined(HAVE_SESSION_TICKET)
#error "it lacks what libwebsockets and ngtcp2 link to (OPENSSL_EXTRA, HAVE_EX_DATA_CRYPTO, tickets)"
#endif

static const char suite[] = "TLS13-AES128-GCM-SHA256";

struct pipe {
    char bytes[32768];
    int length;
};

/* One direction each: [0] to the server, [1] to the client. */
static struct pipe pipes[2];

static int fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

static int io_send(WOLFSSL *ssl, char *bytes, int length, void *context)
{
    struct pipe *pipe = context;
    (void)ssl;
    if (pipe->length + length > (int)sizeof pipe->bytes)
        return WOLFSSL_CBIO_ERR_GENERAL;
    memcpy(pipe->bytes + pipe->length, bytes, (size_t)length);
    pipe->length += length;
    return length;
}

static int io_recv(WOLFSSL *ssl, char *bytes, int length, void *context)
{
    struct pipe *pipe = context;
    (void)ssl;
    if (pipe->length == 0)
        return WOLFSSL_CBIO_ERR_WANT_READ;
    if (length > pipe->length)
        length = pipe->length;
    memcpy(bytes, pipe->bytes, (size_t)length);
    pipe->length -= length;
    memmove(pipe->bytes, pipe->bytes + length, (size_t)pipe->length);
    return length;
}

static unsigned server_key(WOLFSSL *ssl, const char *identity, unsigned char *key, unsigned max,
                           const char **ciphersuite)
{
    (void)ssl;
    if (strcmp(identity, "probe") != 0 || max < 32)
        return 0;
    memset(key, 7, 32);
    *ciphersuite = suite;
    return 32;
}

static unsigned client_key(WOLFSSL *ssl, const char *hint, char *identity, unsigned identity_max,
                           unsigned char *key, unsigned max, const char **ciphersuite)
{
    (void)ssl;
    (void)hint;
    if (identity_max < 6 || max < 32)
        return 0;
    strcpy(identity, "probe");
    memset(key, 7, 32);
    *ciphersuite = suite;
    return 32;
}

static WOLFSSL *endpoint(WOLFSSL_CTX *ctx, struct pipe *in, struct pipe *out)
{
    int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1};
    WOLFSSL *ssl;
    wolfSSL_SetIORecv(ctx, io_recv);
    wolfSSL_SetIOSend(ctx, io_send);
    wolfSSL_CTX_no_ticket_TLSv13(ctx);
    if (wolfSSL_CTX_set_cipher_list(ctx, suite) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_set_groups(ctx, groups, 2) != WOLFSSL_SUCCESS || wolfSSL_CTX_only_dhe_psk(ctx) != 0)
        return NULL;
    ssl = wolfSSL_new(ctx);
    if (ssl) {
        wolfSSL_SetIOReadCtx(ssl, in);
        wolfSSL_SetIOWriteCtx(ssl, out);
        wolfSSL_KeepArrays(ssl);
    }
    return ssl;
}

static int check_tls(void)
{
    unsigned char here[32] = {1}, there[32] = {2};
    WOLFSSL_CTX *server_ctx = wolfSSL_CTX_new(wolfTLSv1_3_server_method());
    WOLFSSL_CTX *client_ctx = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
    WOLFSSL *server, *client;
    int turn, done = 0;

    if (!server_ctx || !client_ctx)
        return fail("no TLS 1.3 context");
    wolfSSL_CTX_set_psk_server_tls13_callback(server_ctx, server_key);
    wolfSSL_CTX_set_psk_client_tls13_callback(client_ctx, client_key);
    server = endpoint(server_ctx, &pipes[0], &pipes[1]);
    client = endpoint(client_ctx, &pipes[1], &pipes[0]);
    if (!server || !client)
        return fail("TLS 1.3 cannot be set to the cipher suite, groups and PSK mode wanted");
    for (turn = 0; turn < 20 && done != 3; turn++) {
        if (!(done & 1) && wolfSSL_connect(client) == WOLFSSL_SUCCESS)
            done |= 1;
        if (!(done & 2) && wolfSSL_accept(server) == WOLFSSL_SUCCESS)
            done |= 2;
    }
    if (done != 3)
        return fail("no TLS 1.3 handshake with a pre-shared key");
    if (wolfSSL_export_keying_material(server, here, sizeof here, "EXPORTER-probe", 14, NULL, 0, 0) !=
            WOLFSSL_SUCCESS ||
        wolfSSL_export_keying_material(client, there, sizeof there, "EXPORTER-probe", 14, NULL, 0, 0) !=
            WOLFSSL_SUCCESS ||
        memcmp(here, there, sizeof here) != 0)
        return fail("the two ends export different keying material");
    wolfSSL_FreeArrays(server);
    wolfSSL_FreeArrays(client);
    wolfSSL_free(server);
    wolfSSL_free(client);
    wolfSSL_CTX_free(server_ctx);
    wolfSSL_CTX_free(client_ctx);
    return 0;
}

static int quic_secrets(WOLFSSL *ssl, WOLFSSL_ENCRYPTION_LEVEL level, const uint8_t *rx, const uint8_t *tx,
                        size_t length)
{
    (void)ssl, (void)level, (void)rx, (void)tx, (void)length;
    return 1;
}

static int quic_data(WOLFSSL *ssl, WOLFSSL_ENCRYPTION_LEVEL level, const uint8_t *data, size_t length)
{
    (void)ssl, (void)level, (void)data, (void)length;
    return 1;
}

static int quic_flush(WOLFSSL *ssl)
{
    (void)ssl;
    return 1;
}

static int quic_alert(WOLFSSL *ssl, WOLFSSL_ENCRYPTION_LEVEL level, uint8_t alert)
{
    (void)ssl, (void)level, (void)alert;
    return 1;
}

static int check_quic_and_dtls(void)
{
    static const WOLFSSL_QUIC_METHOD method = {quic_secrets, quic_data, quic_flush, quic_alert};
    WOLFSSL_CTX *quic_ctx = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
    WOLFSSL_CTX *dtls_ctx = wolfSSL_CTX_new(wolfDTLS_client_method());
    WOLFSSL *quic, *dtls;

    if (!quic_ctx || wolfSSL_CTX_set_quic_method(quic_ctx, &method) != WOLFSSL_SUCCESS)
        return fail("no QUIC");
    quic = wolfSSL_new(quic_ctx);
    if (!quic || !wolfSSL_is_quic(quic))
        return fail("no QUIC connection");
    if (!dtls_ctx || wolfSSL_CTX_SetMinVersion(dtls_ctx, WOLFSSL_DTLSV1_3) != WOLFSSL_SUCCESS)
        return fail("no DTLS 1.3");
    dtls = wolfSSL_new(dtls_ctx);
    if (!dtls || wolfSSL_dtls_cid_use(dtls) != WOLFSSL_SUCCESS ||
        wolfSSL_dtls_set_mtu(dtls, 1200) != WOLFSSL_SUCCESS)
        return fail("no DTLS connection with connection ids");
    wolfSSL_free(quic);
    wolfSSL_free(dtls);
    wolfSSL_CTX_free(quic_ctx);
    wolfSSL_CTX_free(dtls_ctx);
    return 0;
}

static int check_signature(void)
{
    unsigned char signature[ED25519_SIG_SIZE];
    word32 length = sizeof signature;
    int valid = 0;
    ed25519_key key;
    WC_RNG rng;

    if (wc_InitRng(&rng) != 0 || wc_ed25519_init(&key) != 0 ||
        wc_ed25519_make_key(&rng, ED25519_KEY_SIZE, &key) != 0 ||
        wc_ed25519_sign_msg((const byte *)"kin", 3, signature, &length, &key) != 0 ||
        wc_ed25519_verify_msg(signature, length, (const byte *)"kin", 3, &valid, &key) != 0 || !valid)
        return fail("no Ed25519");
    wc_ed25519_free(&key);
    wc_FreeRng(&rng);
    return 0;
}

int main(void)
{
    if (wolfSSL_Init() != WOLFSSL_SUCCESS)
        return fail("wolfSSL does not start");
    return check_tls() || check_quic_and_dtls() || check_signature();
}
