/* SPDX-License-Identifier: MIT
 *
 * ip.h: what kind of place a numeric address is. Pure; resolves nothing, connects to nothing.
 */
#ifndef KITH_BASE_IP_H
#define KITH_BASE_IP_H

#include <stddef.h>

/* From the nearest to the farthest; who may be told which follows from that order. */
enum kith_ip_scope {
    KITH_IP_NOT_NUMERIC = 0,
    KITH_IP_UNUSABLE,   /* nobody's: unspecified, multicast, broadcast, reserved */
    KITH_IP_LOOPBACK,   /* this machine: 127/8, ::1 */
    KITH_IP_LINK_LOCAL, /* this wire: 169.254/16 (RFC 3927), fe80::/10 (RFC 4291 §2.5.6) */
    KITH_IP_PRIVATE,    /* this network: RFC 1918, 100.64/10 (RFC 6598), fc00::/7 (RFC 4193) */
    KITH_IP_GLOBAL
};

/* Of "192.0.2.1" or "2001:db8::1", which may end in %scope where it is link-local. */
enum kith_ip_scope kith_ip_scope(const char *text);

/* The address in "192.0.2.1:4242" or "[2001:db8::1]:4242"; "" when there is none or no room. */
void kith_ip_without_port(const char *text, char *out, size_t room);

#endif
