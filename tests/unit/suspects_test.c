/* SPDX-License-Identifier: MIT
 *
 * suspects_test.c: addresses taken apart, and the table of those whose connections failed.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "session/suspects.h"

#define SECOND_US UINT64_C(1000000)

static struct kith_suspects table;

static void fail(uint64_t origin, unsigned times, uint64_t now_us)
{
    while (times-- > 0) {
        kith_suspects_failed(&table, origin, now_us);
    }
}

Test(suspects, origins)
{
    static const struct {
        const char *text;
        uint64_t origin;
    } cases[] = {
        {"192.0.2.1:4242", 0x1c0000201},
        {"0.0.0.0:1", 0x100000000},
        {"255.255.255.255:65535", 0x1ffffffff},
        {"[2001:db8:1:2:3:4:5:6]:1", 0x20010db800010002},
        {"[2001:db8::1]:4242", 0x20010db800000000},
        {"[2001:DB8::1%eth0]:4242", 0x20010db800000000},
        {"[fe80::1%eth0]:1", 0xfe80000000000000},
        {"[2001:db8:0:1::]:1", 0x20010db800000001},
        {"[1:2:3:4:5:6:7::]:1", 0x0001000200030004},
        {"[::2:3:4:5:6:7:8]:1", 0x0000000200030004},
        {"[1::4:5:6:7:8]:1", 0x0001000000000004},
        {"[64:ff9b::192.0.2.33]:1", 0x0064ff9b00000000},
        {"[::1]:80", 1}, /* 0 is none */
        /* What is no address is nobody's. */
        {"", 0},
        {"memory", 0},
        {"1.2.3:4", 0},
        {"1.2.3.256:4", 0},
        {"1.2.3.4", 0},
        {"99999999999999999999.2.3.4:5", 0},
        {"[", 0},
        {"[]:1", 0},
        {"[1:2:3]:1", 0},
        {"[1:2:3:4:5:6:7:8:9]:1", 0},
        {"[12345::1]:1", 0},
        {"[2001:db8::1", 0},
        {"[::1::2]:1", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_eq(kith_origin_of(cases[i].text), cases[i].origin, "%s: %llx", cases[i].text,
                     (unsigned long long)kith_origin_of(cases[i].text));
    }
}

Test(suspects, so_many_failures_and_no_fewer)
{
    fail(7, KITH_SUSPECT_FAILURES - 1, SECOND_US);
    cr_assert_not(kith_suspects_has(&table, 7, SECOND_US));
    fail(7, 1, SECOND_US);
    cr_assert(kith_suspects_has(&table, 7, SECOND_US));
    cr_assert_not(kith_suspects_has(&table, 8, SECOND_US));
    cr_assert_not(kith_suspects_has(&table, 0, SECOND_US));
}

/* However often it failed, it is forgotten at the same time. */
Test(suspects, failures_fade)
{
    const uint64_t fade_us = KITH_SUSPECT_FADE_MS * UINT64_C(1000);
    const uint64_t last = KITH_SUSPECT_FAILURES_MAX - KITH_SUSPECT_FAILURES;
    fail(7, 1000000, SECOND_US);
    cr_assert(kith_suspects_has(&table, 7, SECOND_US + fade_us * last));
    cr_assert_not(kith_suspects_has(&table, 7, SECOND_US + fade_us * (last + 1)));
    /* One every now and then is none. */
    for (uint64_t i = 0; i < 1000; i++) {
        fail(9, 1, i * 2 * fade_us);
        cr_assert_not(kith_suspects_has(&table, 9, i * 2 * fade_us));
    }
}

Test(suspects, forgiven)
{
    fail(7, KITH_SUSPECT_FAILURES_MAX, SECOND_US);
    kith_suspects_forgive(&table, 7);
    kith_suspects_forgive(&table, 8);
    kith_suspects_forgive(&table, 0);
    cr_assert_not(kith_suspects_has(&table, 7, SECOND_US));
}

Test(suspects, so_many_in_a_second)
{
    fail(7, KITH_SUSPECT_FAILURES, SECOND_US);
    for (uint64_t second = 1; second < 4; second++) {
        for (int i = 0; i < 3 * KITH_SUSPECT_LINKS_PER_S_MAX; i++) {
            cr_assert_eq(kith_suspects_take(&table, 7, second * SECOND_US),
                         i < KITH_SUSPECT_LINKS_PER_S_MAX);
        }
    }
    cr_assert(kith_suspects_take(&table, 8, SECOND_US), "it is no suspect");
}

/* Whoever has addresses without number does not push out those who fail most. */
Test(suspects, a_table_that_is_full)
{
    for (uint64_t origin = 1; origin <= KITH_SUSPECTS_MAX / 2; origin++) {
        fail(origin, KITH_SUSPECT_FAILURES + 1, SECOND_US);
    }
    for (uint64_t origin = 1000; origin < 100000; origin++) {
        fail(origin, 1, SECOND_US);
    }
    for (uint64_t origin = 1; origin <= KITH_SUSPECTS_MAX / 2; origin++) {
        cr_assert(kith_suspects_has(&table, origin, SECOND_US));
    }
    fail(100000, KITH_SUSPECT_FAILURES, SECOND_US);
    cr_assert(kith_suspects_has(&table, 100000, SECOND_US));
}
