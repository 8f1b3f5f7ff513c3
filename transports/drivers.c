/* SPDX-License-Identifier: MIT
 *
 * drivers.c: the one list of what this build can connect through. A new driver is one line here.
 */
#include "transport.h"
#include "transports/websocket/websocket.h"

const struct kith_driver *const kith_drivers[] = {
    &kith_websocket_driver,
    NULL,
};
