/* SPDX-License-Identifier: MIT
 *
 * drivers.c: the one list of what this build can connect through, best first. A new driver is its
 * lines here and its name in cmake/Transports.cmake, which also defines the macros.
 */
#include "transport.h"
#ifdef KITH_HAS_QUIC
#include "transports/quic/quic.h"
#endif
#ifdef KITH_HAS_WEBSOCKET
#include "transports/websocket/websocket.h"
#endif

const struct kith_driver *const kith_drivers[] = {
#ifdef KITH_HAS_QUIC
    &kith_quic_driver,
#endif
#ifdef KITH_HAS_WEBSOCKET
    &kith_websocket_driver,
#endif
    NULL,
};
