/* SPDX-License-Identifier: MIT
 *
 * peers.h: PEERS, by which members of a star tell each other who else is there. Pure; what is said
 * is hearsay, and does not become true here.
 */
#ifndef KITH_PROTOCOL_PEERS_H
#define KITH_PROTOCOL_PEERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/wire.h"
#include "bounds.h"
#include "crypto.h"
#include "kith/kith.h"

/* A member, and URLs with numeric hosts where it listens. */
struct kith_introduction {
    kith_id id;
    struct kith_slice endpoints[KITH_ENDPOINTS_MAX]; /* lent */
    size_t endpoint_count;                           /* 1 or more */
};

enum { KITH_INTRODUCTION_BYTES_MAX = 17 + KITH_ENDPOINTS_MAX * (1 + KITH_ENDPOINT_BYTES_MAX) };

size_t kith_introduction_encode(const struct kith_introduction *introduction,
                                uint8_t out[KITH_INTRODUCTION_BYTES_MAX]);
/* The next one of a body: 1; 0 at its end; -1 when it cannot be read. */
int kith_introduction_next(struct kith_reader *from, struct kith_introduction *out);

#endif
