/* Does libwebsockets on wolfSSL close the sockets of its TLS clients, and the descriptor that wakes a
 * context? Stock 4.3.5 closes neither; see patches/websockets/0001 and 0009. Dials itself over loopback,
 * again and again, half the time with a wrong key, and counts open descriptors. Exit 0: none leak. 1:
 * some leak. 77: cannot be tried here.
 * Must not leave the machine: it listens on and dials 127.0.0.1 only.
 * SPDX-License-Identifier: MIT */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <libwebsockets.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DIALS = 40 };

static int established, gone, wrong_key;

static int open_descriptors(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return -1;
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static unsigned server_key(WOLFSSL *ssl, const char *identity, unsigned char *key, unsigned max,
                           const char **suite)
{
    (void)ssl, (void)identity, (void)max;
    memset(key, 1, 32);
    *suite = "TLS13-AES128-GCM-SHA256";
    return 32;
}

static unsigned client_key(WOLFSSL *ssl, const char *hint, char *identity, unsigned identity_max,
                           unsigned char *key, unsigned max, const char **suite)
{
    (void)ssl, (void)hint, (void)identity_max, (void)max;
    strcpy(identity, "probe");
    memset(key, wrong_key ? 2 : 1, 32);
    *suite = "TLS13-AES128-GCM-SHA256";
    return 32;
}

static void prepare(WOLFSSL_CTX *ctx, int server)
{
    wolfSSL_CTX_SetMinVersion(ctx, WOLFSSL_TLSV1_3);
    wolfSSL_CTX_set_cipher_list(ctx, "TLS13-AES128-GCM-SHA256");
    wolfSSL_CTX_no_ticket_TLSv13(ctx);
    if (server)
        wolfSSL_CTX_set_psk_server_tls13_callback(ctx, server_key);
    else
        wolfSSL_CTX_set_psk_client_tls13_callback(ctx, client_key);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    (void)in, (void)length;
    switch ((int)reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        prepare((WOLFSSL_CTX *)user, 1);
        break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        established += lws_get_ssl(wsi) != NULL;
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
        break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_CLIENT_CLOSED:
        gone++;
        break;
    }
    return 0;
}

static int cannot(const char *what)
{
    printf("cannot be tried here: %s\n", what);
    return 77;
}

static struct lws_context *new_context(void)
{
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    return lws_create_context(&info);
}

int main(void)
{
    static const struct lws_protocols protocols[] = {
        {.name = "probe", .callback = callback},
        LWS_PROTOCOL_LIST_TERM,
    };
    const uint64_t options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
                             LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE | LWS_SERVER_OPTION_DISABLE_IPV6;
    struct lws_context_creation_info info;
    struct lws_context *context;
    struct lws_vhost *server, *client;
    WOLFSSL_CTX *client_ctx;
    time_t start = time(NULL);
    int i, before, after;

    lws_set_log_level(0, NULL);
    context = new_context();
    if (!context)
        return cannot("no context");

    memset(&info, 0, sizeof info);
    info.port = 0;
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    info.vhost_name = "server";
    info.options = options | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
    server = lws_create_vhost(context, &info);

    client_ctx = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
    prepare(client_ctx, 0);
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.vhost_name = "client";
    info.options = options;
    info.provided_client_ssl_ctx = (SSL_CTX *)client_ctx;
    client = lws_create_vhost(context, &info);
    if (!server || !client || lws_get_vhost_listen_port(server) <= 0)
        return cannot("no listener on 127.0.0.1");

    before = open_descriptors();
    if (before < 0)
        return cannot("no /proc/self/fd");
    for (i = 0; i < DIALS; i++) {
        struct lws_client_connect_info dial;
        wrong_key = i & 1;
        memset(&dial, 0, sizeof dial);
        dial.context = context;
        dial.vhost = client;
        dial.address = dial.host = "127.0.0.1";
        dial.port = lws_get_vhost_listen_port(server);
        dial.path = "/";
        dial.protocol = dial.local_protocol_name = "probe";
        dial.ssl_connection = LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
        lws_client_connect_via_info(&dial);
        while (gone <= i && time(NULL) - start < 15)
            lws_service(context, -1);
    }
    /* The server's ends take a few more turns. */
    for (i = 0; i < 500 && open_descriptors() > before; i++) {
        struct timespec pause = {0, 2000000};
        lws_service(context, -1);
        nanosleep(&pause, NULL);
    }
    after = open_descriptors();
    lws_context_destroy(context);
    wolfSSL_CTX_free(client_ctx);
    if (established != DIALS / 2)
        return cannot("not every dial was established");
    if (after > before) {
        printf("%d dials left %d descriptors open\n", DIALS, after - before);
        return 1;
    }
    before = open_descriptors();
    context = new_context();
    if (!context)
        return cannot("no second context");
    lws_context_destroy(context);
    after = open_descriptors();
    if (after > before) {
        printf("a context left %d descriptors open\n", after - before);
        return 1;
    }
    printf("%d dials, no descriptor left open\n", DIALS);
    return 0;
}
