/* SPDX-License-Identifier: MIT
 *
 * wire.h: one QUIC connection as sections 2.2 to 2.4 of core/PROTOCOL.md want it, on ngtcp2 and
 * GnuTLS: a control stream, a stream for each lane direction. Knows no frame. For tests only: it
 * keeps all that it ever sent, and ends the program on every surprise.
 */
#ifndef KITH_INTEROP_WIRE_H
#define KITH_INTEROP_WIRE_H

#include <stddef.h>
#include <stdint.h>

struct wire_options {
    const char *ip;
    uint16_t port;
    int listens;
    const char *key_file;             /* of a pre-shared key; or */
    const char *cert, *cert_key, *ca; /* files in PEM */
};

struct wire_channel {
    uint8_t number; /* section 5.1 */
    uint16_t suite; /* IANA */
    uint8_t binding[32];
    uint8_t leaves[64]; /* SHA-256 of both sides' certificates, the dialler's first */
};

/* Listens or begins to dial; gives the port. */
uint16_t wire_open(const struct wire_options *options);
/* Bytes of the control stream, of a lane; copied. */
void wire_control(const uint8_t *bytes, size_t count);
void wire_lane(uint64_t lane, const uint8_t *bytes, size_t count);
/* Ends it with a code once all is confirmed. */
void wire_close(uint64_t code);
void wire_channel(struct wire_channel *out);
/* Until the end of the connection; gives the exit status. */
int wire_run(void);

/* What the other file has. */
void on_up(void);
void on_control(const uint8_t *bytes, size_t count);
void on_lane(uint64_t lane, uint64_t offset, const uint8_t *bytes, size_t count);
void on_line(const char *line, size_t count); /* of standard input; NULL: its end */
void on_down(const char *kind, uint64_t code);

/* Says why, and ends the program with status 1. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define CHECK(condition, ...) ((condition) ? (void)0 : fail(__VA_ARGS__))

#endif
