/* SPDX-License-Identifier: MIT
 *
 * suspects.c: see suspects.h. Failures fade one after the other, so whoever stops is forgiven.
 */
#include "session/suspects.h"

#include <stddef.h>
#include <string.h>

/* ---- origins ----------------------------------------------------------------------------------
 */

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* A number below bound in front of *at, which is moved behind it; bound where there is none. */
static uint32_t number(const char **at, int base, uint32_t bound)
{
    uint32_t value = 0;
    if (digit(**at) >= base) {
        return bound;
    }
    for (; digit(**at) < base && value < bound; (*at)++) {
        value = value * (uint32_t)base + (uint32_t)digit(**at);
    }
    return value < bound ? value : bound;
}

static uint64_t origin_of_four(const char *at)
{
    uint64_t origin = 1; /* so that it is none of the others', and not 0 */
    for (int i = 0; i < 4; i++) {
        uint32_t part = number(&at, 10, 256);
        if (part == 256 || *at != (i < 3 ? '.' : ':')) {
            return 0;
        }
        at++;
        origin = origin << 8 | part;
    }
    return origin;
}

/* Of eight groups the first four. "::" stands for as many zeros as are missing (RFC 4291 §2.2), so
 * what is behind it has to be counted. A dotted tail is at the end, and counts as two groups. */
static uint64_t origin_of_six(const char *at)
{
    uint16_t groups[8] = {0}, placed[8] = {0};
    size_t count = 0, gap = 8; /* gap: groups before "::", 8: there is none */
    uint64_t origin = 0;
    if (at[0] == ':' && at[1] == ':') {
        gap = 0;
        at += 2;
    }
    while (*at != ']' && *at != '%' && *at != '.') {
        uint32_t group = count < 8 ? number(&at, 16, 0x10000) : 0x10000;
        if (group == 0x10000) {
            return 0;
        }
        groups[count++] = (uint16_t)group;
        if (at[0] == ':' && at[1] == ':' && gap == 8) {
            gap = count;
            at++;
        }
        at += *at == ':';
    }
    count += *at == '.';
    if (gap == 8 ? count != 8 : count >= 8) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        placed[i < gap ? i : i + 8 - count] = groups[i];
    }
    for (int i = 0; i < 4; i++) {
        origin = origin << 16 | placed[i];
    }
    return origin != 0 ? origin : 1;
}

uint64_t kith_origin_of(const char *remote_address)
{
    return remote_address[0] == '[' ? origin_of_six(remote_address + 1)
                                    : origin_of_four(remote_address);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static void fade(struct kith_suspect *entry, uint64_t now_us)
{
    const uint64_t step_us = KITH_SUSPECT_FADE_MS * UINT64_C(1000);
    uint64_t steps = (now_us - entry->faded_us) / step_us;
    entry->failures = steps < entry->failures ? entry->failures - (uint32_t)steps : 0;
    entry->faded_us += steps * step_us;
    if (entry->failures == 0) {
        memset(entry, 0, sizeof *entry);
    }
}

static struct kith_suspect *find(struct kith_suspects *suspects, uint64_t origin)
{
    for (size_t i = 0; origin != 0 && i < KITH_SUSPECTS_MAX; i++) {
        if (suspects->entries[i].origin == origin) {
            return &suspects->entries[i];
        }
    }
    return NULL;
}

/* A free place, or that of the one with the fewest failures. */
static struct kith_suspect *make_room(struct kith_suspects *suspects, uint64_t now_us)
{
    struct kith_suspect *least = &suspects->entries[0];
    for (size_t i = 0; i < KITH_SUSPECTS_MAX; i++) {
        struct kith_suspect *entry = &suspects->entries[i];
        fade(entry, now_us);
        if (entry->failures < least->failures) {
            least = entry;
        }
    }
    return least;
}

void kith_suspects_failed(struct kith_suspects *suspects, uint64_t origin, uint64_t now_us)
{
    struct kith_suspect *entry = find(suspects, origin);
    if (origin == 0) {
        return;
    }
    if (entry == NULL) {
        entry = make_room(suspects, now_us);
        memset(entry, 0, sizeof *entry);
    } else {
        fade(entry, now_us);
    }
    if (entry->failures == 0) {
        entry->origin = origin;
        entry->faded_us = now_us;
    }
    entry->failures += entry->failures < KITH_SUSPECT_FAILURES_MAX;
}

void kith_suspects_forgive(struct kith_suspects *suspects, uint64_t origin)
{
    struct kith_suspect *entry = find(suspects, origin);
    if (entry != NULL) {
        memset(entry, 0, sizeof *entry);
    }
}

int kith_suspects_has(struct kith_suspects *suspects, uint64_t origin, uint64_t now_us)
{
    struct kith_suspect *entry = find(suspects, origin);
    if (entry == NULL) {
        return 0;
    }
    fade(entry, now_us);
    return entry->failures >= KITH_SUSPECT_FAILURES;
}

int kith_suspects_take(struct kith_suspects *suspects, uint64_t origin, uint64_t now_us)
{
    struct kith_suspect *entry = find(suspects, origin);
    if (entry == NULL) {
        return 1;
    }
    if (entry->second != now_us / 1000000) {
        entry->second = now_us / 1000000;
        entry->taken = 0;
    }
    return entry->taken++ < KITH_SUSPECT_LINKS_PER_S_MAX;
}
