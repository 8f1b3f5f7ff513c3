/* SPDX-License-Identifier: MIT
 *
 * check.c: see check.h. A head is two words: number, place in the pattern and a mark for the last
 * message in one, the stamp in the other.
 */
#include "check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "meter.h"

#define LAST (UINT64_C(1) << 63)
enum { PERIOD = 4093, STRIDE = 61, RUN = 16384, NUMBER_BITS = 48, PLACE_MASK = 0x1fff };

static uint8_t pattern[PERIOD + RUN];

static const uint8_t *the_pattern(void)
{
    uint64_t state = 88172645463325252u;
    if (pattern[0] != 0) {
        return pattern;
    }
    for (size_t i = 0; i < PERIOD; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        pattern[i] = (uint8_t)(state >> 24 | 1);
    }
    for (size_t i = PERIOD; i < sizeof pattern; i++) {
        pattern[i] = pattern[i - PERIOD];
    }
    return pattern;
}

static void write_head(uint8_t *at, uint64_t number, size_t place, uint64_t stamp, int is_last)
{
    uint64_t head[2] = {number | (uint64_t)place << NUMBER_BITS | (is_last ? LAST : 0), stamp};
    memcpy(at, head, sizeof head);
}

static void fill(uint8_t *out, size_t count, size_t place)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = the_pattern()[(place + i) % PERIOD];
    }
}

void maker_open(struct maker *maker, size_t size)
{
    memset(maker, 0, sizeof *maker);
    maker->size = size;
    maker->base = need(size + PERIOD);
    maker->dirty = maker->base;
    fill(maker->base, size + PERIOD, 0);
}

void maker_close(struct maker *maker)
{
    free(maker->base);
}

const uint8_t *maker_message(struct maker *maker, uint64_t number, uint64_t stamp, int is_last)
{
    size_t place = (size_t)(number * STRIDE % PERIOD);
    memcpy(maker->dirty, pattern + (maker->dirty - maker->base), CHECK_HEAD_BYTES);
    maker->dirty = maker->base + place;
    write_head(maker->dirty, number, place, stamp, is_last);
    return maker->dirty;
}

void lent_fill(uint8_t *block, size_t size, unsigned place)
{
    fill(block, size, place % PERIOD);
}

void lent_number(uint8_t *block, uint64_t number, unsigned place, int is_last)
{
    write_head(block, number, place % PERIOD, 0, is_last);
}

/* ---- checking ----------------------------------------------------------------------------- */

void check_open(struct check *check, size_t size)
{
    memset(check, 0, sizeof *check);
    check->size = size;
    (void)the_pattern();
}

static void take_head(struct check *check)
{
    uint64_t number = check->head[0] & ((UINT64_C(1) << NUMBER_BITS) - 1);
    check->place = (size_t)(check->head[0] >> NUMBER_BITS & PLACE_MASK);
    if (check->place >= PERIOD || number < check->next ||
        (number > check->next && !check->may_skip)) {
        die("message %" PRIu64 " came where %" PRIu64 " was due", number, check->next);
    }
    check->next = number + 1;
    check->stamp = check->head[1];
    check->is_over = (check->head[0] & LAST) != 0;
}

static void take_body(struct check *check, const uint8_t *bytes, size_t count)
{
    size_t place = (check->place + check->at) % PERIOD;
    while (count > 0) {
        size_t run = count < RUN ? count : RUN;
        if (memcmp(bytes, pattern + place, run) != 0) {
            die("message %" PRIu64 " has a wrong byte behind byte %zu", check->next - 1, check->at);
        }
        bytes += run;
        count -= run;
        place = (place + run) % PERIOD;
    }
}

uint64_t check_take(struct check *check, const void *data, size_t count)
{
    const uint8_t *bytes = data;
    uint64_t complete = 0;
    while (count > 0) {
        size_t until = check->at < CHECK_HEAD_BYTES ? CHECK_HEAD_BYTES : check->size;
        size_t part = until - check->at < count ? until - check->at : count;
        if (check->at < CHECK_HEAD_BYTES) {
            memcpy((uint8_t *)check->head + check->at, bytes, part);
            if (check->at + part == CHECK_HEAD_BYTES) {
                take_head(check);
            }
        } else {
            take_body(check, bytes, part);
        }
        check->at += part;
        bytes += part;
        count -= part;
        if (check->at == check->size) {
            check->at = 0;
            complete++;
        }
    }
    return complete;
}
