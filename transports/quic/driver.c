/* SPDX-License-Identifier: MIT
 *
 * driver.c: the driver's table.
 */
#include "transports/quic/inside.h"
#include "transports/quic/quic.h"

static const struct kith_scheme schemes[] = {{"quic", 1}, {NULL, 0}};

const struct kith_driver kith_quic_driver = {
    .name = "quic",
    .capabilities = KITH_DRIVER_MANY_LANES | KITH_DRIVER_DATAGRAMS,
    .rank = 30,
    .schemes = schemes,
    .endpoint_bytes = sizeof(struct kith__quic_endpoint),
    .port_bytes = sizeof(struct kith__quic_port),
    .link_bytes = sizeof(struct kith__quic_link),
    .endpoint_open = kith__quic_endpoint_open,
    .endpoint_close = kith__quic_endpoint_close,
    .listen = kith__quic_listen,
    .port_check = kith__quic_port_check,
    .port_close = kith__quic_port_close,
    .dial = kith__quic_dial,
    .close = kith__quic_close,
    .tx_ready = kith__quic_tx_ready,
    .info = kith__quic_info,
    .exporter = kith__quic_exporter,
    .can_write = kith__quic_can_write,
    .lanes_end = kith__quic_lanes_end,
    .datagram_max = kith__quic_datagram_max,
    .check_pki = kith__tls_check_pki,
    .look = kith__quic_look,
};
