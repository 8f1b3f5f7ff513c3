/* SPDX-License-Identifier: MIT
 *
 * suspects.h: the addresses whose connections failed before they proved anything, and how often
 * lately. So many addresses and no more; the least suspicious is forgotten for a new one. Knows no
 * link and decides nothing about one. Pure.
 *
 * An origin is what one owner usually has: an IPv4 address, or the first half of an IPv6 address.
 */
#ifndef KITH_SESSION_SUSPECTS_H
#define KITH_SESSION_SUSPECTS_H

#include <stdint.h>

#include "bounds.h"

struct kith_suspect {
    uint64_t origin;   /* 0: no entry */
    uint64_t faded_us; /* until when fading was counted */
    uint64_t second;   /* of the connections taken */
    uint32_t failures; /* that are not forgotten yet */
    uint32_t taken;    /* connections, in that second */
};

struct kith_suspects {
    struct kith_suspect entries[KITH_SUSPECTS_MAX];
};

/* Of "192.0.2.1:80" or "[2001:db8::1%eth0]:80"; 0 for what is no such address. */
uint64_t kith_origin_of(const char *remote_address);

/* A connection of that origin ended without having proved anything; 0 is no origin. */
void kith_suspects_failed(struct kith_suspects *suspects, uint64_t origin, uint64_t now_us);

/* One became a peer's: nothing is held against that origin any more. */
void kith_suspects_forgive(struct kith_suspects *suspects, uint64_t origin);

/* 1 when so many failed lately that not every connection of that origin is taken. */
int kith_suspects_has(struct kith_suspects *suspects, uint64_t origin, uint64_t now_us);

/* Counts one more connection of a suspect. 0 when it is one too many for this second. */
int kith_suspects_take(struct kith_suspects *suspects, uint64_t origin, uint64_t now_us);

#endif
