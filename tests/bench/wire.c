/* SPDX-License-Identifier: MIT
 *
 * wire.c: see wire.h.
 */
#include "wire.h"

#include <wolfssl/options.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wolfssl/ssl.h>

#include "meter.h"

static const char suite[] = "TLS13-AES128-GCM-SHA256", identity[] = "bench";

/* ---- TLS ---------------------------------------------------------------------------------- */

static unsigned give_key(unsigned char *out, const char **name)
{
    memset(out, 0x5a, 32);
    *name = suite;
    return 32;
}

static unsigned server_key(WOLFSSL *ssl, const char *asked, unsigned char *out, unsigned room,
                           const char **name)
{
    (void)ssl, (void)room;
    return strcmp(asked, identity) == 0 ? give_key(out, name) : 0;
}

static unsigned client_key(WOLFSSL *ssl, const char *hint, char *asked, unsigned asked_room,
                           unsigned char *out, unsigned room, const char **name)
{
    (void)ssl, (void)hint, (void)room;
    snprintf(asked, asked_room, "%s", identity);
    return give_key(out, name);
}

WOLFSSL_CTX *wires_tls(int server)
{
    int groups[] = {WOLFSSL_ECC_X25519};
    WOLFSSL_CTX *tls;
    (void)wolfSSL_Init();
    tls = wolfSSL_CTX_new(server ? wolfTLSv1_3_server_method() : wolfTLSv1_3_client_method());
    if (tls == NULL || wolfSSL_CTX_set_cipher_list(tls, suite) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_set_groups(tls, groups, 1) != WOLFSSL_SUCCESS ||
        wolfSSL_CTX_only_dhe_psk(tls) != 0) {
        die("the TLS library refuses");
    }
    (void)wolfSSL_CTX_set_session_cache_mode(tls, WOLFSSL_SESS_CACHE_OFF);
    if (server) {
        (void)wolfSSL_CTX_no_ticket_TLSv13(tls);
        wolfSSL_CTX_set_psk_server_tls13_callback(tls, server_key);
    } else {
        wolfSSL_CTX_set_verify(tls, WOLFSSL_VERIFY_PEER, NULL);
        wolfSSL_CTX_set_psk_client_tls13_callback(tls, client_key);
    }
    return tls;
}

static WOLFSSL *shake_hands(struct wires *wires, int fd)
{
    WOLFSSL *ssl = wolfSSL_new(wires->tls);
    if (ssl == NULL || wolfSSL_set_fd(ssl, fd) != WOLFSSL_SUCCESS ||
        (wires->listener >= 0 ? wolfSSL_accept(ssl) : wolfSSL_connect(ssl)) != WOLFSSL_SUCCESS) {
        die("floor: the TLS handshake failed");
    }
    return ssl;
}

/* ---- sockets ------------------------------------------------------------------------------ */

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    return address;
}

void wires_listen(struct wires *wires, int secure, struct line *line)
{
    struct sockaddr_in address = loopback(0);
    socklen_t bytes = sizeof address;
    char port[8];
    wires->tls = secure ? wires_tls(1) : NULL;
    wires->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (wires->listener < 0 ||
        bind(wires->listener, (struct sockaddr *)(void *)&address, sizeof address) != 0 ||
        listen(wires->listener, 128) != 0 ||
        getsockname(wires->listener, (struct sockaddr *)(void *)&address, &bytes) != 0) {
        die("floor: cannot listen: %s", strerror(errno));
    }
    wires->port = ntohs(address.sin_port);
    snprintf(port, sizeof port, "%d", wires->port);
    line_tell(line, port);
}

void wires_dial(struct wires *wires, int secure, struct line *line)
{
    char port[LINE_TEXT_BYTES];
    wires->tls = secure ? wires_tls(0) : NULL;
    wires->listener = -1;
    line_hear(line, port);
    wires->port = (int)strtol(port, NULL, 10);
}

void wires_close(struct wires *wires)
{
    if (wires->listener >= 0) {
        (void)close(wires->listener);
    }
    wolfSSL_CTX_free(wires->tls);
}

static int connect_to(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)(void *)&address, sizeof address) != 0) {
        die("floor: cannot connect: %s", strerror(errno));
    }
    return fd;
}

void wire_open(struct wires *wires, struct wire *wire)
{
    int on = 1;
    wire->fd = wires->listener >= 0 ? accept(wires->listener, NULL, NULL) : connect_to(wires->port);
    if (wire->fd < 0) {
        die("floor: cannot accept: %s", strerror(errno));
    }
    (void)setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    wire->tls = wires->tls != NULL ? shake_hands(wires, wire->fd) : NULL;
}

void wire_close(struct wire *wire)
{
    wolfSSL_free(wire->tls);
    (void)close(wire->fd);
}

void wire_write(struct wire *wire, const void *data, size_t count)
{
    const uint8_t *bytes = data;
    while (count > 0) {
        ssize_t part = wire->tls != NULL ? wolfSSL_write(wire->tls, bytes, (int)count)
                                         : send(wire->fd, bytes, count, MSG_NOSIGNAL);
        if (part <= 0) {
            die("floor: the connection broke while sending");
        }
        bytes += part;
        count -= (size_t)part;
    }
}

size_t wire_read(struct wire *wire, void *out, size_t room)
{
    ssize_t count =
        wire->tls != NULL ? wolfSSL_read(wire->tls, out, (int)room) : recv(wire->fd, out, room, 0);
    return count > 0 ? (size_t)count : 0;
}

void wire_read_all(struct wire *wire, void *data, size_t count)
{
    uint8_t *out = data;
    while (count > 0) {
        size_t part = wire_read(wire, out, count);
        if (part == 0) {
            die("floor: the connection broke while receiving");
        }
        out += part;
        count -= part;
    }
}
