/* SPDX-License-Identifier: MIT
 *
 * dnssd.h: peers on the local network, by Apple's dns_sd.h: mDNSResponder on macOS, and wherever
 * else there is a library of that name. The machine goes by the name that the system has for it,
 * because that interface knows no other way that all implementations have.
 */
#ifndef KITH_DISCOVERY_DNSSD_H
#define KITH_DISCOVERY_DNSSD_H

#include "discovery.h"

extern const struct kith_discovery_driver kith_dnssd_driver;

#endif
