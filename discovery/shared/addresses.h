/* SPDX-License-Identifier: MIT
 *
 * addresses.h: the interfaces and addresses of this machine, as far as discovery may use them.
 * Sends nothing.
 */
#ifndef KITH_DISCOVERY_SHARED_ADDRESSES_H
#define KITH_DISCOVERY_SHARED_ADDRESSES_H

#include "discovery.h"

/* One address of this machine. Filled with memset() first: compared as bytes. */
struct kith__own_address {
    int interface; /* the system's number of it */
    char name[32];
    int is_loopback, is_point_to_point;
    unsigned prefix; /* bits of the network */
    int is_six;
    uint8_t bytes[16]; /* the first four for IPv4 */
};

struct kith__own_addresses {
    struct kith__own_address list[KITH_MDNS_ADDRESSES_MAX];
    size_t count;
    int is_limited; /* there are interfaces that may not be used, which an ordinary stack would */
};

/* Those of the interfaces that may be used: of what is between two machines alone, which is
 * point-to-point links and Wi-Fi Direct, only what is named. 0 when the system does not tell. */
int kith__own_addresses_read(const char *interfaces, struct kith__own_addresses *out);
/* 1 when both have the same interfaces. */
int kith__own_addresses_same_interfaces(const struct kith__own_addresses *a,
                                        const struct kith__own_addresses *b);
/* An address of that interface; NULL: it may not be used. */
const struct kith__own_address *kith__own_interface(const struct kith__own_addresses *addresses,
                                                    int interface);
/* 1 when the address is in a network of that interface. */
int kith__own_addresses_near(const struct kith__own_addresses *addresses, int interface, int is_six,
                             const uint8_t *bytes);

/* Fills in host, is_here and is_near for an address that was told over that interface. host has
 * KITH_IP_TEXT_BYTES. */
void kith__own_addresses_place(const struct kith__own_addresses *addresses, int interface,
                               int is_six, const uint8_t *bytes, char *host,
                               struct kith_sighting *out);

#endif
