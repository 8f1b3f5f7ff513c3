/* SPDX-License-Identifier: MIT
 *
 * static.h: peers that the application names by their addresses, found as if they were nearby.
 * Looks at no network.
 */
#ifndef KITH_DISCOVERY_STATIC_H
#define KITH_DISCOVERY_STATIC_H

#include "discovery.h"

extern const struct kith_discovery_driver kith_static_driver;

#endif
