/* SPDX-License-Identifier: MIT
 *
 * addresses.h: from the URL of a listener to the URLs that others can dial. A listener on all
 * interfaces has an address nobody can dial; this machine's own addresses stand in for it.
 */
#ifndef CHAT_ADDRESSES_H
#define CHAT_ADDRESSES_H

#include <stddef.h>

#define ADDRESSES_MAX           16
#define ADDRESSES_URL_BYTES_MAX 320

struct addresses {
    char urls[ADDRESSES_MAX][ADDRESSES_URL_BYTES_MAX];
    size_t count; /* at least 1 */
};

/* Fills addresses for a listener at url that was asked for as asked: where the latter says "all
 * interfaces", one URL for each address of this machine that is up, loopback ones last and
 * link-local ones, which need a scope, left out; otherwise url itself. */
void addresses_of(struct addresses *addresses, const char *url, const char *asked);

#endif
