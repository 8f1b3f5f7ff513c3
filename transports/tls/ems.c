/* SPDX-License-Identifier: MIT
 *
 * ems.c: whether a TLS 1.2 handshake has the extended master secret (RFC 7627). wolfSSL negotiates
 * it and does not tell; but the ServerHello, which both sides see, does. Must not decide anything.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "base/wire.h"
#include "transports/tls/tls.h"

enum {
    RECORD_HEAD_BYTES = 5, /* the library shows what it sends with that, what comes without */
    HANDSHAKE = 22,        /* RFC 5246 §6.2.1 */
    SERVER_HELLO = 2,      /* RFC 5246 §7.4 */
    EXTENSION_EMS = 23     /* RFC 7627 §5.1 */
};

/* Reads a field that begins with its own length. */
static void skip_field(struct kith_reader *from, size_t length_bytes)
{
    size_t count = (size_t)kith_read_uint(from, length_bytes);
    (void)kith_read_bytes(from, count);
}

int kith__tls_hello_has_ems(const uint8_t *message, size_t count)
{
    struct kith_reader from = kith_reader_of(message, count);
    (void)kith_read_bytes(&from, 1 + 3 + 2 + 32); /* type, length, version, random */
    skip_field(&from, 1);                         /* session id */
    (void)kith_read_bytes(&from, 3);              /* suite, compression */
    (void)kith_read_uint(&from, 2);               /* length of all extensions */
    while (!from.broken && from.left > 0) {
        uint64_t extension = kith_read_uint(&from, 2);
        skip_field(&from, 2);
        if (extension == EXTENSION_EMS && !from.broken) {
            return 1;
        }
    }
    return 0;
}

static void look(int is_ours, int version, int content, const void *bytes, size_t count,
                 WOLFSSL *ssl, void *user)
{
    struct kith__tls_keys *keys = user;
    const uint8_t *message = bytes;
    size_t head = is_ours ? RECORD_HEAD_BYTES : 0;
    struct kith__tls_handshake *handshake;
    (void)version;
    if (content != HANDSHAKE || count <= head || message[head] != SERVER_HELLO ||
        is_ours != wolfSSL_is_server(ssl)) {
        return;
    }
    handshake = keys->handshake_of(keys->endpoint, ssl);
    if (handshake != NULL) {
        handshake->ems = (uint8_t)kith__tls_hello_has_ems(message + head, count - head);
    }
}

int kith__tls_watch_ems(WOLFSSL_CTX *context, struct kith__tls_keys *keys)
{
    return wolfSSL_CTX_set_msg_callback(context, look) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_msg_callback_arg(context, keys) == WOLFSSL_SUCCESS;
}
