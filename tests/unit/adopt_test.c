/* SPDX-License-Identifier: MIT
 *
 * adopt_test.c: bodies of INFO, ADOPT, ADOPTED, CREDIT and CLOSE that break one rule each. The
 * right ones stand in vectors_test.c.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/wire.h"
#include "bench.h"
#include "protocol/adopt.h"
#include "protocol/auth.h"

static const struct kith_adopt good = {7, 5, 1, 8, 3, {{0, 1, 1, 9}, {3, 2, 0, 2}, {7, 5, 4, 5}}};

static int taken(const struct kith_adopt *adopt, int with_fresh)
{
    uint8_t body[KITH_ADOPT_BYTES_MAX];
    struct kith_adopt came;
    return kith_adopt_decode(body, kith_adopt_encode(adopt, with_fresh, body), with_fresh, &came);
}

Test(adopt, one_rule_broken)
{
    struct kith_adopt adopt = good;
    cr_assert(taken(&adopt, 1));
    cr_assert(taken(&adopt, 0));
    adopt.fresh = 2;
    cr_assert(!taken(&adopt, 1));
    adopt = good;
    adopt.since = 0;
    cr_assert(!taken(&adopt, 1));
    adopt = good;
    adopt.since = 8; /* above the generation */
    cr_assert(!taken(&adopt, 1));
    adopt = good;
    adopt.next_lane = 7;
    cr_assert(!taken(&adopt, 1));
    adopt = good;
    adopt.lanes[1].lane = 0; /* not rising */
    cr_assert(!taken(&adopt, 1));
    adopt = good;
    adopt.lanes[1].lane = 7;
    adopt.lanes[2].lane = 3;
    cr_assert(!taken(&adopt, 1));
    adopt = good;
    adopt.lanes[2].lane = 8; /* never opened */
    cr_assert(!taken(&adopt, 1));
    adopt = good;
    adopt.lanes[0].consumed = 2; /* above received */
    cr_assert(!taken(&adopt, 1));
    adopt = good;
    adopt.lanes[0].received = 10; /* above the limit */
    cr_assert(!taken(&adopt, 1));
}

Test(adopt, more_entries_than_lanes)
{
    uint8_t body[400];
    struct kith_writer to = kith_writer_of(body, sizeof body);
    struct kith_adopt came;
    kith_write_varint(&to, 1);
    kith_write_varint(&to, 1);
    kith_write_uint(&to, 1, 1);
    kith_write_varint(&to, 9);
    kith_write_varint(&to, 9);
    for (uint64_t lane = 0; lane < 9; lane++) {
        for (int i = 0; i < 4; i++) {
            kith_write_varint(&to, i == 0 ? lane : 0);
        }
    }
    cr_assert(!kith_adopt_decode(body, kith_written(&to), 1, &came));
    body[4] = 0x3f; /* and a count that nothing follows */
    cr_assert(!kith_adopt_decode(body, 5, 1, &came));
}

Test(adopt, bytes_behind_the_end)
{
    uint8_t body[KITH_ADOPT_BYTES_MAX + 1];
    struct kith_adopt came;
    size_t length = kith_adopt_encode(&good, 1, body);
    body[length] = 0;
    cr_assert(!kith_adopt_decode(body, length + 1, 1, &came));
    length = kith_credit_encode(&good.lanes[0], body);
    body[length] = 0;
    cr_assert(!kith_credit_decode(body, length + 1, &came.lanes[0]));
}

Test(adopt, the_largest_table_fits)
{
    struct kith_adopt adopt = {KITH_VARINT_MAX, KITH_VARINT_MAX, 1, 8, 8, {{0}}}, came;
    uint8_t body[KITH_ADOPT_BYTES_MAX];
    size_t length;
    for (uint64_t i = 0; i < 8; i++) {
        adopt.lanes[i] = (struct kith_credit){i, KITH_VARINT_MAX, KITH_VARINT_MAX, KITH_VARINT_MAX};
    }
    length = kith_adopt_encode(&adopt, 1, body);
    cr_assert(kith_adopt_decode(body, length, 1, &came));
    cr_assert_eq(came.lanes[7].limit, KITH_VARINT_MAX);
}

Test(adopt, random_bytes)
{
    struct bench_random random = {1};
    for (int i = 0; i < 200000; i++) {
        uint8_t body[60];
        size_t length = bench_below(&random, sizeof body);
        struct kith_adopt adopt;
        struct kith_close close;
        bench_fill(&random, body, length);
        if (i % 2 == 0 && length > 3) {
            memset(body, 1, 3);
            body[3] &= 0x0f;
        }
        if (kith_adopt_decode(body, length, i % 3 != 0, &adopt)) {
            cr_assert_leq(adopt.lane_count, 8);
            for (size_t k = 0; k < adopt.lane_count; k++) {
                cr_assert_leq(adopt.lanes[k].consumed, adopt.lanes[k].received);
                cr_assert_leq(adopt.lanes[k].received, adopt.lanes[k].limit);
            }
        }
        if (kith_credit_decode(body, length, &adopt.lanes[0])) {
            cr_assert_leq(adopt.lanes[0].received, adopt.lanes[0].limit);
        }
        if (kith_close_decode(body, length, &close)) {
            cr_assert_leq(strlen(close.text), KITH_REASON_TEXT_BYTES_MAX);
        }
    }
}

Test(adopt, close_texts)
{
    uint8_t body[200];
    struct kith_close close;
    memset(body, 'x', sizeof body);
    body[0] = 5;
    cr_assert(kith_close_decode(body, 1 + 123, &close));
    cr_assert_eq(strlen(close.text), 123);
    cr_assert(!kith_close_decode(body, 1 + 124, &close));
    memset(body, 0xc0, 8); /* a reason of 8 bytes */
    cr_assert(kith_close_decode(body, 8, &close));
    cr_assert_str_empty(close.text);
    body[1] = 1;
    body[0] = 5;
    body[2] = 0;
    cr_assert(kith_close_decode(body, 4, &close));
    cr_assert_str_eq(close.text, "???");
}

Test(adopt, extensions)
{
    static const struct {
        const char *bytes;
        size_t count;
        int ok;
    } cases[] = {{"", 0, 1},
                 {"\x80\x00\x00", 3, 1},
                 {"\xff\x00\x01x", 4, 1},
                 {"\x80\x00\x00\x81\x00\x02xy", 8, 1},
                 {"\x80", 1, 0},
                 {"\x80\x00", 2, 0},
                 {"\x80\x00\x01", 3, 0},
                 {"\x80\xff\xff", 3, 0},
                 {"\x7f\x00\x00", 3, 0},
                 {"\x00\x00\x00", 3, 0},
                 {"\x80\x00\x00\x01\x00\x00", 6, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_eq(kith_extensions_ok((const uint8_t *)cases[i].bytes, cases[i].count),
                     cases[i].ok, "case %zu", i);
    }
}
