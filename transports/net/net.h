/* SPDX-License-Identifier: MIT
 *
 * net.h: what every driver with sockets of its own needs: addresses as text and back, sockets that
 * never block and that no child inherits, and errors of the system as errors of ours. Must not know
 * what the sockets are for; looks no names up.
 */
#ifndef KITH_TRANSPORTS_NET_H
#define KITH_TRANSPORTS_NET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "transport.h"

enum { KITH__NET_ADDRESS_BYTES = 80 }; /* "[IPv6%interface]:port" */

/* ---- address.c: addresses as text */

/* "192.0.2.1:80", "[2001:db8::1]:80"; an IPv4 address inside an IPv6 one as IPv4. */
void kith__net_address_format(const struct sockaddr *address, socklen_t bytes,
                              char out[KITH__NET_ADDRESS_BYTES]);
/* A numeric address and a port. 1 when it is one. */
int kith__net_address_parse(const char *ip, uint16_t port, struct sockaddr_storage *out,
                            socklen_t *out_bytes);
/* The address, with some port, that packets to there leave from, as far as the system knows without
 * sending one. 1 when it does. */
int kith__net_local_towards(const struct sockaddr *remote, socklen_t bytes,
                            struct sockaddr_storage *out, socklen_t *out_bytes);
/* 1 when this machine has the address, on an interface that is switched off. */
int kith__net_address_is_down(const struct sockaddr_storage *address);
/* Host part for a URL of a socket that is bound to all addresses. */
void kith__net_address_of_machine(char out[KITH__NET_ADDRESS_BYTES]);

/* ---- socket_linux.c or socket_posix.c */

/* A new socket; -1 and errno. */
int kith__net_socket(int family, int type);
/* The next connection of a listening socket, and where it came from; -1 and errno. */
int kith__net_accept(int fd, struct sockaddr_storage *peer, socklen_t *peer_bytes);

/* ---- bind.c */

/* A socket bound to where an address says to listen; "*" is all of IPv6 and IPv4 in one, or all of
 * IPv4 where there is no IPv6. -1 and errno, which is EINVAL where that is no address. */
int kith__net_bind(const struct kith_address *address, int type);
/* Where others connect to: what the socket is bound to, or for all addresses the best one. */
KITH_MUST_USE kith_err kith__net_bound_url(int fd, const char *scheme, int is_all, char *url,
                                           size_t url_bytes);
/* The same for a socket that was bound before the network changed: NETWORK, with a detail, when
 * nobody reaches it there now. */
KITH_MUST_USE kith_err kith__net_bound_check(int fd, int type, const char *scheme, int is_all,
                                             char *url, size_t url_bytes);
/* The error of listen() in transport.h for an errno, with its detail. */
KITH_MUST_USE kith_err kith__net_bind_failed(const struct kith_address *address, int error);

/* ---- errors.c */

/* The text of an errno, safe on any thread. */
const char *kith__net_errno_text(int error, char *out, size_t out_bytes);
/* What the user of the application can do about an errno of reaching somebody; "" or ": …". */
const char *kith__net_advice(int error);
/* What an errno says about reaching somebody. */
kith_reason kith__net_reason_of(int error);

#endif
