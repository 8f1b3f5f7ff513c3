/* SPDX-License-Identifier: MIT
 *
 * quic.h: the QUIC driver (RFC 9000), the only thing this module shows.
 */
#ifndef KITH_TRANSPORTS_QUIC_H
#define KITH_TRANSPORTS_QUIC_H

#include "transport.h"

/* Scheme quic, always encrypted; ALPN "kith/1". Control frames go over one bidirectional stream
 * that the dialler opens, each lane direction over a unidirectional one, datagrams in DATAGRAM
 * frames (RFC 9221). */
extern const struct kith_driver kith_quic_driver;

#endif
