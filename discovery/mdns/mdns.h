/* SPDX-License-Identifier: MIT
 *
 * mdns.h: peers on the local network, by multicast DNS (RFC 6762, RFC 6763). avahi-core runs inside
 * the process, on the loop of the session: no daemon, no root, and any number of stacks on a
 * machine.
 */
#ifndef KITH_DISCOVERY_MDNS_H
#define KITH_DISCOVERY_MDNS_H

#include "discovery.h"

extern const struct kith_discovery_driver kith_mdns_driver;

#endif
