/* SPDX-License-Identifier: MIT
 *
 * adopt.h: the bodies of ADOPT, ADOPTED, CREDIT, BLOCKED, FORGOTTEN and CLOSE. Pure: bytes to
 * structs and back, every bound checked here.
 */
#ifndef KITH_PROTOCOL_ADOPT_H
#define KITH_PROTOCOL_ADOPT_H

#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "kith/kith.h"

/* One lane as its receiver sees it: what has come, what the application took, how far the sender
 * may go. All offsets from the association's start; consumed <= received <= limit. */
struct kith_credit {
    uint64_t lane, received, consumed, limit;
};

/* ADOPT and ADOPTED. fresh only in ADOPT. */
struct kith_adopt {
    uint64_t generation, since;
    uint8_t fresh;
    uint64_t next_lane; /* the next lane id expected from the other side */
    size_t lane_count;
    struct kith_credit lanes[KITH_CHANNEL_COUNT]; /* this version opens no others */
};

/* Room that the encoded forms take at most. */
enum { KITH_ADOPT_BYTES_MAX = 26 + 32 * KITH_CHANNEL_COUNT, KITH_CREDIT_BYTES_MAX = 32 };

size_t kith_adopt_encode(const struct kith_adopt *adopt, int with_fresh,
                         uint8_t out[KITH_ADOPT_BYTES_MAX]);
int kith_adopt_decode(const uint8_t *body, size_t length, int with_fresh, struct kith_adopt *out);

size_t kith_credit_encode(const struct kith_credit *credit, uint8_t out[KITH_CREDIT_BYTES_MAX]);
int kith_credit_decode(const uint8_t *body, size_t length, struct kith_credit *out);

/* BLOCKED: a lane's sender has more than its limit lets it send. */
enum { KITH_BLOCKED_BYTES_MAX = 16 };
size_t kith_blocked_encode(uint64_t lane, uint64_t limit, uint8_t out[KITH_BLOCKED_BYTES_MAX]);
int kith_blocked_decode(const uint8_t *body, size_t length, uint64_t *lane, uint64_t *limit);

/* FORGOTTEN: the follower has no association that began with that ADOPT. */
enum { KITH_FORGOTTEN_BYTES_MAX = 8 };
size_t kith_forgotten_encode(uint64_t since, uint8_t out[KITH_FORGOTTEN_BYTES_MAX]);
int kith_forgotten_decode(const uint8_t *body, size_t length, uint64_t *since);

/* CLOSE: a reason and a text (NUL-terminated in the struct, made printable). */
struct kith_close {
    uint64_t code;
    char text[KITH_REASON_TEXT_BYTES_MAX + 1];
};
size_t kith_close_encode(unsigned code, const char *text, uint8_t out[KITH_CLOSE_BODY_BYTES_MAX]);
int kith_close_decode(const uint8_t *body, size_t length, struct kith_close *out);

#endif
