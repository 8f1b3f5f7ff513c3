/* SPDX-License-Identifier: MIT
 *
 * vectors_frame_test.c: whole frames of vectors.h, written by our writers and read by our decoder.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/wire.h"
#include "bench.h"
#include "protocol/frame.h"
#include "vectors.h"

enum { FRAMES = sizeof vector_frames / sizeof vector_frames[0] };

/* What a decoder told, as frames again: DATA is put together from its parts. */
struct found {
    uint8_t bytes[4096];
    size_t count, frames;
    uint64_t data_left;
};

static int on_head(void *user, uint64_t type, uint64_t length, int *skip)
{
    struct found *found = user;
    struct kith_writer to =
        kith_writer_of(found->bytes + found->count, sizeof found->bytes - found->count);
    (void)skip;
    cr_assert(kith_frame_known(type));
    cr_assert(kith_frame_length_ok(type, length));
    kith_write_varint(&to, type);
    kith_write_varint(&to, length);
    found->count += kith_written(&to);
    found->data_left = length;
    return 0;
}

static int on_frame(void *user, uint64_t type, const uint8_t *body, size_t length)
{
    struct found *found = user;
    cr_assert_neq(type, KITH_FRAME_DATA);
    memcpy(found->bytes + found->count, body, length);
    found->count += length;
    found->frames++;
    return 0;
}

static int on_data(void *user, uint64_t lane, uint64_t offset, const uint8_t *bytes, size_t count,
                   int fin)
{
    struct found *found = user;
    struct kith_writer to =
        kith_writer_of(found->bytes + found->count, sizeof found->bytes - found->count);
    if (found->data_left > 303) { /* the first part: 302 bytes of record are in the vector */
        kith_write_varint(&to, lane);
        kith_write_varint(&to, offset);
        kith_write_uint(&to, (uint64_t)fin, 1);
        found->data_left = 302;
    }
    kith_write_bytes(&to, bytes, count);
    found->count += kith_written(&to);
    found->data_left -= count;
    found->frames += found->data_left == 0;
    return 0;
}

static const struct kith_frame_sink sink = {on_head, on_frame, on_data};

Test(vectors_frame, decoded)
{
    struct bench bench;
    bench_open(&bench, 1);
    for (size_t step = 1; step < 700; step += step < 20 ? 1 : 97) {
        struct kith_decoder decoder = {0};
        struct found found = {{0}, 0, 0, 0};
        size_t total = 0;
        for (size_t i = 0; i < FRAMES; i++) {
            for (size_t at = 0; at < vector_frames[i].count; at += step) {
                size_t left = vector_frames[i].count - at;
                cr_assert_eq(kith_decoder_feed(&decoder, &bench.env, vector_frames[i].bytes + at,
                                               left < step ? left : step, &sink, &found),
                             0);
            }
            cr_assert_eq(found.frames, i + 1, "%s in pieces of %zu", vector_frames[i].name, step);
            cr_assert_arr_eq(found.bytes + total, vector_frames[i].bytes, vector_frames[i].count);
            total += vector_frames[i].count;
            cr_assert_eq(found.count, total);
        }
        kith_decoder_fini(&decoder, &bench.env);
    }
    bench_close(&bench);
}

/* A frame that is not all there yet is never told. */
Test(vectors_frame, truncated)
{
    struct bench bench;
    bench_open(&bench, 1);
    for (size_t i = 0; i < FRAMES; i++) {
        for (size_t count = 0; count < vector_frames[i].count; count++) {
            struct kith_decoder decoder = {0};
            struct found found = {{0}, 0, 0, 0};
            cr_assert_eq(kith_decoder_feed(&decoder, &bench.env, vector_frames[i].bytes, count,
                                           &sink, &found),
                         0);
            cr_assert_eq(found.frames, 0);
            kith_decoder_fini(&decoder, &bench.env);
        }
    }
    bench_close(&bench);
}

Test(vectors_frame, written)
{
    const uint8_t ping[8] = {0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
    uint8_t out[64], record[302] = {0x41, 0x2c};
    struct kith_writer to = kith_writer_of(out, sizeof out);
    kith_write_frame(&to, KITH_FRAME_PING, ping, sizeof ping);
    cr_assert_eq(kith_written(&to), sizeof vector_frame_ping);
    cr_assert_arr_eq(out, vector_frame_ping, sizeof vector_frame_ping);
    to = kith_writer_of(out, sizeof out);
    kith_write_data_head(&to, 7, (UINT64_C(1) << 40) + 3, 0, sizeof record);
    cr_assert_eq(kith_written(&to) + sizeof record, sizeof vector_frame_data);
    cr_assert_arr_eq(out, vector_frame_data, kith_written(&to));
    cr_assert_arr_eq(record, vector_frame_data + kith_written(&to), sizeof record);
    to = kith_writer_of(out, sizeof out);
    kith_write_data_head(&to, 2, 5, 1, 0);
    cr_assert_arr_eq(out + 2, vector_data_end, sizeof vector_data_end);
    cr_assert_eq(kith_written(&to), 2 + sizeof vector_data_end);
}
