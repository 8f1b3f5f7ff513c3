/* SPDX-License-Identifier: MIT
 *
 * info.h: INFO, what a side says of itself once the other has proved who it is. Pure; does not know
 * what becomes of it.
 */
#ifndef KITH_PROTOCOL_INFO_H
#define KITH_PROTOCOL_INFO_H

#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "crypto.h"
#include "kith/kith.h"

/* What a follower believes to have with this arbiter: the association, the last ADOPT obeyed in it,
 * and whether its link still works as far as it knows. All zero: nothing. */
struct kith_claim {
    uint64_t since, generation;
    uint8_t alive;
};

/* The display name (with its NUL in the struct), and as extensions the claim, bytes for the
 * application that decides about an invitation, and addresses where the sender listens: URLs with a
 * numeric host. Other extensions are skipped. */
enum {
    KITH_INFO_OWN_BYTES_MAX = 1 + KITH_NAME_BYTES_MAX + 3 + 17 + 3 + KITH_CONTEXT_BYTES_MAX +
                              KITH_ENDPOINTS_MAX * (3 + KITH_ENDPOINT_BYTES_MAX)
};
struct kith_info {
    char name[KITH_NAME_BYTES_MAX + 1];
    struct kith_claim claim;
    struct kith_slice context;                       /* lent */
    struct kith_slice endpoints[KITH_ENDPOINTS_MAX]; /* lent; not yet read as URLs */
    size_t endpoint_count;
};
size_t kith_info_encode(const struct kith_info *info, uint8_t out[KITH_INFO_OWN_BYTES_MAX]);
/* What it gives is lent from body. */
int kith_info_decode(const uint8_t *body, size_t length, struct kith_info *out);

#endif
