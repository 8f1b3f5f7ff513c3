/* SPDX-License-Identifier: MIT
 *
 * info_test.c: INFO and its extensions.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bench.h"
#include "protocol/frame.h"
#include "protocol/info.h"

Test(info, sizes)
{
    uint8_t body[KITH_INFO_BYTES_MAX];
    struct kith_info info;
    memset(body, 'n', sizeof body);
    body[0] = 63;
    cr_assert(kith_info_decode(body, 64, &info));
    body[0] = 64; /* one too many */
    cr_assert(!kith_info_decode(body, 65, &info));
    body[0] = 0;
    cr_assert(!kith_info_decode(body, 1, &info));
    body[0] = 2;
    body[3] = 127; /* an extension that may not be skipped */
    body[4] = body[5] = 0;
    cr_assert(!kith_info_decode(body, 6, &info));
    body[3] = 128;
    cr_assert(kith_info_decode(body, 6, &info));
    cr_assert_str_eq(info.name, "nn");
    body[5] = 1; /* longer than there is */
    cr_assert(!kith_info_decode(body, 6, &info));
}

Test(info, there_and_back)
{
    uint8_t body[KITH_INFO_OWN_BYTES_MAX], context[KITH_CONTEXT_BYTES_MAX] = "why not";
    char endpoint[KITH_ENDPOINT_BYTES_MAX];
    struct kith_info info = {.name = "Ada", .claim = {3, 4, 1}}, came;
    size_t length;
    memset(endpoint, 'e', sizeof endpoint);
    info.context = (struct kith_slice){context, sizeof context};
    info.endpoint_count = KITH_ENDPOINTS_MAX;
    for (size_t i = 0; i < KITH_ENDPOINTS_MAX; i++) {
        info.endpoints[i] = (struct kith_slice){endpoint, 1 + i * (sizeof endpoint - 1) / 7};
    }
    memset(info.name, 'n', KITH_NAME_BYTES_MAX);
    length = kith_info_encode(&info, body);
    cr_assert(kith_frame_length_ok(KITH_FRAME_INFO, length));
    cr_assert(kith_info_decode(body, length, &came));
    cr_assert_str_eq(came.name, info.name);
    cr_assert_eq(came.claim.generation, 4);
    cr_assert_eq(came.context.count, sizeof context);
    cr_assert_arr_eq(came.context.bytes, context, sizeof context);
    cr_assert_eq(came.endpoint_count, KITH_ENDPOINTS_MAX);
    cr_assert_eq(came.endpoints[7].count, sizeof endpoint);
    for (size_t i = 0; i < length; i++) {
        (void)kith_info_decode(body, i, &came); /* under valgrind and ASan: reads no further */
    }
}

Test(info, extensions_that_are_wrong)
{
    static const uint8_t wrong[][40] = {
        {1, 'n', 129, 0, 16},                 /* a claim that is too short */
        {1, 'n', 130, 0, 0},                  /* an empty context */
        {1, 'n', 130, 0, 1, 1, 130, 0, 1, 1}, /* two */
        {1, 'n', 131, 0, 0},                  /* an empty endpoint */
    };
    static const size_t lengths[] = {21, 5, 10, 5};
    static uint8_t body[KITH_INFO_BYTES_MAX] = {1, 'n', 131, 0, KITH_ENDPOINT_BYTES_MAX + 1};
    struct kith_info info;
    for (size_t i = 0; i < 4; i++) {
        cr_assert(!kith_info_decode(wrong[i], lengths[i], &info), "%zu", i);
    }
    cr_assert(!kith_info_decode(body, 5 + KITH_ENDPOINT_BYTES_MAX + 1, &info));
    body[2] = 130;
    body[3] = (KITH_CONTEXT_BYTES_MAX + 1) >> 8;
    body[4] = (KITH_CONTEXT_BYTES_MAX + 1) & 255;
    cr_assert(!kith_info_decode(body, 5 + KITH_CONTEXT_BYTES_MAX + 1, &info));
}

Test(info, more_endpoints_than_are_kept)
{
    uint8_t body[100] = {1, 'n'};
    struct kith_info info;
    for (size_t i = 0; i < 20; i++) {
        memcpy(body + 2 + 4 * i, (uint8_t[]){131, 0, 1, 'x'}, 4);
    }
    cr_assert(kith_info_decode(body, 82, &info));
    cr_assert_eq(info.endpoint_count, KITH_ENDPOINTS_MAX);
}

Test(info, random_bytes)
{
    struct bench_random random = {1};
    for (int i = 0; i < 200000; i++) {
        uint8_t body[60];
        size_t length = bench_below(&random, sizeof body);
        struct kith_info info;
        bench_fill(&random, body, length);
        if (i % 2 == 0 && length > 8) {
            memcpy(body, (uint8_t[]){1, 'n', 128}, 3);
            body[2] |= body[5] & 3;
            body[3] = 0;
            body[4] &= 7;
        }
        if (kith_info_decode(body, length, &info)) {
            cr_assert_leq(strlen(info.name), 63);
            cr_assert_leq(info.endpoint_count, KITH_ENDPOINTS_MAX);
        }
    }
}
