/* Feature check: is this libwebsockets built on wolfSSL, can it run on an event loop of ours, and does
 * it leave the environment out of its connections? Compiled, linked and run by cmake/deps; exit 0
 * means yes. Must not open a connection.
 * SPDX-License-Identifier: MIT */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>

#if LWS_LIBRARY_VERSION_MAJOR < 4 || (LWS_LIBRARY_VERSION_MAJOR == 4 && \
    (LWS_LIBRARY_VERSION_MINOR < 3 || (LWS_LIBRARY_VERSION_MINOR == 3 && LWS_LIBRARY_VERSION_PATCH < 5)))
#error "it is older than 4.3.5"
#endif
#if !defined(USE_WOLFSSL) || !defined(LWS_WITH_TLS)
#error "it is not built on wolfSSL"
#endif
#if !defined(LWS_ROLE_WS) || !defined(LWS_WITH_CLIENT) || !defined(LWS_WITH_SERVER)
#error "it lacks the WebSocket client or server"
#endif
#ifndef LWS_WITH_IPV6
#error "it lacks IPv6"
#endif
#if defined(LWS_CLIENT_HTTP_PROXYING) || defined(LWS_WITH_SOCKS5)
#error "it obeys the proxy variables of the environment"
#endif

static int started, watched;

static int loop_start(struct lws_context *context, void *loop, int thread)
{
    (void)context;
    (void)thread;
    started += loop == &started;
    return 0;
}

static int loop_accept(struct lws *wsi)
{
    (void)wsi;
    return 0;
}

static void loop_io(struct lws *wsi, unsigned int flags)
{
    (void)wsi;
    watched += (flags & LWS_EV_START) != 0;
}

static const struct lws_event_loop_ops loop_ops = {
    .name = "probe",
    .init_pt = loop_start,
    .init_vhost_listen_wsi = loop_accept,
    .sock_accept = loop_accept,
    .io = loop_io,
    .evlib_size_pt = sizeof(int),
};

static const lws_plugin_evlib_t loop = {
    .hdr = {"probe", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC},
    .ops = &loop_ops,
};

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    if (length > 1u << 30)
        lws_rx_flow_control(wsi, 0); /* never: it has to link */
    return lws_callback_http_dummy(wsi, reason, user, in, length);
}

int main(void)
{
    static const struct lws_protocols protocols[] = {
        {.name = "probe", .callback = callback},
        LWS_PROTOCOL_LIST_TERM,
    };
    void *loops[] = {&started};
    struct lws_context_creation_info info;
    struct lws_context *context;

    lws_set_log_level(0, NULL);
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    info.event_lib_custom = &loop;
    info.foreign_loops = loops;
    context = lws_create_context(&info);
    if (!context) {
        fputs("no context\n", stderr);
        return 1;
    }
    lws_context_destroy(context);
    if (!started || !watched) {
        fputs("it does not use the event loop it was given\n", stderr);
        return 1;
    }
    return 0;
}
