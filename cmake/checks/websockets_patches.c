/* Do the patches to libwebsockets hold that no connection of ours would show? That no CA is looked for
 * which nobody named (patches/websockets/0003), that nothing is called an error which is none (0004), and
 * that the socket of a connection for which there is no memory is closed once (0010). Exit 0: they do. 1:
 * one does not. 77: cannot be tried here.
 * Must not open a connection, nor read a file of the system.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <libwebsockets.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int errors, searches, bad_closes, no_memory;

/* In place of the C library's, for all that is linked in: only whoever looks for CAs reads a folder. */
DIR *opendir(const char *name)
{
    searches++;
    printf("looked for CAs in %s\n", name);
    errno = ENOENT;
    return NULL;
}

int close(int fd)
{
    int result = (int)syscall(SYS_close, fd);
    bad_closes += result != 0 && errno == EBADF;
    return result;
}

static void *limited_malloc(size_t size)
{
    return no_memory ? NULL : malloc(size);
}

static void limited_free(void *block)
{
    free(block);
}

static void *limited_realloc(void *block, size_t size)
{
    return no_memory ? NULL : realloc(block, size);
}

static void count_errors(int level, const char *line)
{
    if (level == LLL_ERR && !no_memory) {
        errors++;
        printf("called an error: %s", line);
    }
}

static int cannot(const char *what)
{
    printf("cannot be tried here: %s\n", what);
    return 77;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    (void)wsi, (void)reason, (void)user, (void)in, (void)length;
    return 0;
}

int main(void)
{
    static const struct lws_protocols protocols[] = {
        {.name = "probe", .callback = callback},
        LWS_PROTOCOL_LIST_TERM,
    };
    struct lws_context_creation_info info;
    struct lws_context *context;
    struct lws_vhost *vhost;
    int pair[2];
    char byte;

    if (wolfSSL_SetAllocators(limited_malloc, limited_free, limited_realloc) != 0)
        return cannot("the allocator cannot be replaced");
    lws_set_log_level(LLL_ERR, count_errors);
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    context = lws_create_context(&info);
    if (!context)
        return cannot("no context");
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = protocols;
    info.vhost_name = "both";
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
                   LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
    vhost = lws_create_vhost(context, &info);
    if (!vhost || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return cannot("no vhost");

    no_memory = 1;
    if (lws_adopt_socket_vhost(vhost, pair[0]) != NULL)
        return cannot("a connection without memory");
    no_memory = 0;
    if (recv(pair[1], &byte, 1, MSG_DONTWAIT) != 0) {
        printf("a socket was not closed\n");
        return 1;
    }
    lws_context_destroy(context);
    if (searches > 0 || errors > 0 || bad_closes > 0) {
        printf("closed twice: %d\n", bad_closes);
        return 1;
    }
    printf("no CA looked for, nothing called an error, sockets closed once\n");
    return 0;
}
