/* SPDX-License-Identifier: MIT
 *
 * drivers.c: the one list of how this build finds peers. A new driver is its lines here and its
 * name in cmake/Discovery.cmake, which also defines the macros.
 */
#include "discovery.h"
#include "discovery/static/static.h"
#ifdef KITH_HAS_AVAHI
#include "discovery/avahi/avahi.h"
#endif
#ifdef KITH_HAS_DNSSD
#include "discovery/dnssd/dnssd.h"
#endif
#ifdef KITH_HAS_MDNS
#include "discovery/mdns/mdns.h"
#endif

const struct kith_discovery_driver *const kith_discovery_drivers[] = {
#ifdef KITH_HAS_MDNS
    &kith_mdns_driver,
#endif
#ifdef KITH_HAS_AVAHI
    &kith_avahi_driver,
#endif
#ifdef KITH_HAS_DNSSD
    &kith_dnssd_driver,
#endif
    &kith_static_driver,
    NULL,
};
