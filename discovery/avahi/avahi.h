/* SPDX-License-Identifier: MIT
 *
 * avahi.h: peers on the local network, by the system's Avahi daemon, which is asked over D-Bus.
 * Calls to it wait for its answer.
 */
#ifndef KITH_DISCOVERY_AVAHI_H
#define KITH_DISCOVERY_AVAHI_H

#include "discovery.h"

extern const struct kith_discovery_driver kith_avahi_driver;

#endif
