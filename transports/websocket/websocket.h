/* SPDX-License-Identifier: MIT
 *
 * websocket.h: the WebSocket driver (RFC 6455), the only thing this module shows.
 */
#ifndef KITH_TRANSPORTS_WEBSOCKET_H
#define KITH_TRANSPORTS_WEBSOCKET_H

#include "transport.h"

/* Schemes ws (plain) and wss (TLS 1.3 with a pre-shared key). One lane: every frame goes through
 * one ordered byte stream, the concatenated payloads of the binary messages of subprotocol
 * "kith.v1"; where one message ends means nothing. */
extern const struct kith_driver kith_websocket_driver;

#endif
