/* SPDX-License-Identifier: MIT
 *
 * wire.h: what a program could do at best with its bare hands: blocking TCP sockets, in clear or
 * with TLS 1.3 and a pre-shared key, the suite and the groups that Kith uses. No framing, no
 * thread, no queue of its own. Every failure ends the process.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "sides.h"

enum { WIRE_RECORD_BYTES = 16 * 1024 };

struct WOLFSSL;
struct WOLFSSL_CTX;

/* What all connections of one side share. */
struct wires {
    struct WOLFSSL_CTX *tls; /* NULL: in clear */
    int listener;            /* -1 on the dialling side */
    int port;
};

struct wire {
    struct WOLFSSL *tls;
    int fd;
};

/* A context with the key that both sides have, for one side. */
struct WOLFSSL_CTX *wires_tls(int server);

void wires_listen(struct wires *wires, int secure, struct line *line);
void wires_dial(struct wires *wires, int secure, struct line *line);
void wires_close(struct wires *wires);

/* With the handshake finished. Safe on several threads. */
void wire_open(struct wires *wires, struct wire *wire);
void wire_close(struct wire *wire);

void wire_write(struct wire *wire, const void *bytes, size_t count);
/* Some bytes; 0 at the end. */
size_t wire_read(struct wire *wire, void *out, size_t room);
void wire_read_all(struct wire *wire, void *out, size_t count);

#endif
