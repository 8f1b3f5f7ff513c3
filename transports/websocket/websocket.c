/* SPDX-License-Identifier: MIT
 *
 * websocket.c: the driver's table.
 */
#include "transports/websocket/websocket.h"

#include "transports/websocket/ws.h"

static const struct kith_scheme schemes[] = {
    {"wss", 1},
    {"ws", 0},
    {NULL, 0},
};

const struct kith_driver kith_websocket_driver = {
    .name = "websocket",
    .capabilities = KITH_DRIVER_ONE_LANE,
    .rank = 20,
    .schemes = schemes,
    .endpoint_bytes = sizeof(struct kith__ws_endpoint),
    .port_bytes = sizeof(struct kith__ws_port),
    .link_bytes = sizeof(struct kith__ws_link),
    .endpoint_open = kith__ws_endpoint_open,
    .endpoint_close = kith__ws_endpoint_close,
    .listen = kith__ws_listen,
    .port_check = kith__ws_port_check,
    .port_close = kith__ws_port_close,
    .dial = kith__ws_dial,
    .close = kith__ws_close,
    .tx_ready = kith__ws_tx_ready,
    .info = kith__ws_info,
    .exporter = kith__ws_exporter,
    .can_write = kith__ws_can_write,
    .check_pki = kith__tls_check_pki,
};
