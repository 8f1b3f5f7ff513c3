/* SPDX-License-Identifier: MIT
 *
 * frame_test.c: the decoder on streams of frames cut anywhere, and on streams that are no frames.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bounds.h"
#include "protocol/frame.h"

enum { LOG_BYTES = 1 << 20, STREAM_BYTES = 1 << 19 };

/* What a decoder told its sink, in a form that does not depend on where the stream was cut. */
struct log {
    uint8_t bytes[LOG_BYTES];
    size_t count;
    unsigned heads, frames, datas, fins;
    uint64_t data_next; /* offset at which the next part must begin */
    int stop_at;        /* the so many-th call; 0 = never */
    unsigned calls;
};

static struct log logs[2];
static uint8_t stream[STREAM_BYTES];
static size_t stream_count;
static struct bench bench;

static void write_down(struct log *log, const void *bytes, size_t count)
{
    cr_assert_leq(log->count + count, LOG_BYTES);
    if (count > 0) {
        memcpy(log->bytes + log->count, bytes, count);
    }
    log->count += count;
}

static int stops(struct log *log)
{
    return ++log->calls == (unsigned)log->stop_at ? 77 : 0;
}

static int on_head(void *user, uint64_t type, uint64_t length, int *skip)
{
    struct log *log = user;
    log->heads++;
    write_down(log, &type, sizeof type);
    write_down(log, &length, sizeof length);
    if (!kith_frame_known(type)) {
        if (type % 2 == 0) {
            return 5;
        }
        *skip = 1;
    } else if (!kith_frame_length_ok(type, length)) {
        return 6;
    }
    log->data_next = UINT64_MAX;
    return stops(log);
}

static int on_frame(void *user, uint64_t type, const uint8_t *body, size_t length)
{
    struct log *log = user;
    log->frames++;
    cr_assert_neq(type, KITH_FRAME_DATA);
    cr_assert(kith_frame_length_ok(type, length));
    write_down(log, body, length);
    return stops(log);
}

static int on_data(void *user, uint64_t lane, uint64_t offset, const uint8_t *bytes, size_t count,
                   int fin)
{
    struct log *log = user;
    if (log->data_next == UINT64_MAX) {
        write_down(log, &lane, sizeof lane);
        write_down(log, &offset, sizeof offset);
    } else {
        cr_assert_eq(offset, log->data_next, "parts of a frame must follow each other");
        cr_assert_gt(count, 0);
    }
    log->data_next = offset + count;
    log->datas++;
    log->fins += fin != 0;
    write_down(log, bytes, count);
    return stops(log);
}

static const struct kith_frame_sink sink = {on_head, on_frame, on_data};

static void add(uint64_t type, const void *body, size_t length)
{
    struct kith_writer to = kith_writer_of(stream + stream_count, STREAM_BYTES - stream_count);
    kith_write_frame(&to, type, body, length);
    cr_assert(!to.broken);
    stream_count += kith_written(&to);
}

static void add_random_frame(void)
{
    static const uint64_t types[] = {0x02, 0x04, 0x06, 0x08, 0x0a,   0x10,   0x12,
                                     0x18, 0x1a, 0x1c, 0x23, 0x2023, 0x4001, 0x10000001};
    static uint8_t body[70000];
    uint64_t type = types[bench_below(&bench.random, 14)];
    size_t length = 0, at;
    bench_fill(&bench.random, body, 300);
    if (type == KITH_FRAME_DATA) {
        struct kith_writer to = kith_writer_of(body, sizeof body);
        size_t bytes = bench_below(&bench.random, 3) == 0 ? 0 : bench_below(&bench.random, 3000);
        kith_write_varint(&to, bench_below(&bench.random, 70));
        kith_write_varint(&to, bench_next(&bench.random) >> (2 + bench_below(&bench.random, 62)));
        kith_write_uint(&to, bench_below(&bench.random, 2), 1);
        length = kith_written(&to) + bytes;
    } else if (kith_frame_known(type)) {
        do {
            length = bench_below(&bench.random, 2) ? bench_below(&bench.random, 40)
                                                   : bench_below(&bench.random, 5000);
            length = type == 0x02 ? 136 : type == 0x1a || type == 0x1c ? 8 : length;
        } while (!kith_frame_length_ok(type, length));
    } else {
        length = bench_below(&bench.random, 200);
    }
    at = stream_count;
    add(type, body, length);
    cr_assert_gt(stream_count, at);
}

/* Feeds the whole stream in pieces of `step` bytes, of random size where step is 0. */
static int feed(struct log *log, size_t step)
{
    struct kith_decoder decoder = {0};
    int stop = 0;
    for (size_t at = 0; at < stream_count && stop == 0;) {
        size_t count = step != 0 ? step : bench_below(&bench.random, 100) + 1;
        uint8_t *copy;
        count = count < stream_count - at ? count : stream_count - at;
        copy = malloc(count); /* exactly so large: a sanitizer sees a read beyond */
        memcpy(copy, stream + at, count);
        stop = kith_decoder_feed(&decoder, &bench.env, copy, count, &sink, log);
        free(copy);
        at += count;
    }
    kith_decoder_fini(&decoder, &bench.env);
    return stop;
}

static void open_bench(void)
{
    bench_open(&bench, 1);
    stream_count = 0;
}

Test(frame, the_same_however_the_stream_is_cut)
{
    open_bench();
    for (int round = 0; round < 30; round++) {
        stream_count = 0;
        for (int i = 0; i < 40; i++) {
            add_random_frame();
        }
        memset(&logs[0], 0, sizeof logs[0]);
        cr_assert_eq(feed(&logs[0], STREAM_BYTES), 0);
        cr_assert_eq(logs[0].heads, 40);
        for (size_t step = 0; step < 40; step += step < 19 ? 1 : 7) {
            memset(&logs[1], 0, sizeof logs[1]);
            cr_assert_eq(feed(&logs[1], step), 0);
            cr_assert_eq(logs[1].heads, logs[0].heads);
            cr_assert_eq(logs[1].frames, logs[0].frames);
            cr_assert_eq(logs[1].fins, logs[0].fins, "fin comes once");
            cr_assert_eq(logs[1].count, logs[0].count, "in pieces of %zu", step);
            cr_assert_arr_eq(logs[1].bytes, logs[0].bytes, logs[0].count);
        }
    }
    bench_close(&bench);
}

/* Wherever a sink stops, nothing comes after it, and the same in every cut. */
Test(frame, stopped_by_its_sink)
{
    open_bench();
    for (int i = 0; i < 30; i++) {
        add_random_frame();
    }
    for (int stop_at = 1; stop_at < 24; stop_at++) {
        struct kith_decoder decoder = {0};
        memset(&logs[0], 0, sizeof logs[0]);
        logs[0].stop_at = stop_at;
        cr_assert_eq(feed(&logs[0], STREAM_BYTES), 77);
        cr_assert_eq(logs[0].calls, stop_at);
        memset(&logs[1], 0, sizeof logs[1]);
        logs[1].stop_at = stop_at;
        (void)kith_decoder_feed(&decoder, &bench.env, stream, stream_count, &sink, &logs[1]);
        cr_assert_eq(kith_decoder_feed(&decoder, &bench.env, stream, stream_count, &sink, &logs[1]),
                     0);
        cr_assert_eq(logs[1].calls, stop_at, "a stopped decoder stays stopped");
        kith_decoder_fini(&decoder, &bench.env);
    }
    bench_close(&bench);
}

Test(frame, lengths_of_bodies)
{
    static const struct {
        uint64_t type, min, max;
    } rules[] = {{0x02, 136, 136}, {0x04, 105, 1024}, {0x06, 2, 4096}, {0x08, 5, 32768},
                 {0x0a, 4, 32768}, {0x10, 3, 65553},  {0x12, 4, 32},   {0x18, 1, 131},
                 {0x1a, 8, 8},     {0x1c, 8, 8},      {0x1f, 2, 16},   {0x0e, 1, 8}};
    static const uint64_t unknown[] = {0x00, 0x01, 0x03, 0x0c, 0x14, 0x23, 0x2023};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        cr_assert(kith_frame_known(rules[i].type));
        cr_assert_str_neq(kith_frame_name(rules[i].type), "?");
        cr_assert(!kith_frame_length_ok(rules[i].type, rules[i].min - 1));
        cr_assert(kith_frame_length_ok(rules[i].type, rules[i].min));
        cr_assert(kith_frame_length_ok(rules[i].type, rules[i].max));
        cr_assert(!kith_frame_length_ok(rules[i].type, rules[i].max + 1));
        cr_assert(!kith_frame_length_ok(rules[i].type, KITH_VARINT_MAX));
        cr_assert(!kith_frame_length_ok(rules[i].type, rules[i].max + (UINT64_C(1) << 32)));
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        cr_assert(!kith_frame_known(unknown[i]), "0x%x", (unsigned)unknown[i]);
        cr_assert(!kith_frame_length_ok(unknown[i], 8));
    }
    cr_assert_str_eq(kith_frame_name(0x0c), "?");
    cr_assert(!kith_frame_known(0x100000002)); /* not HELLO, whatever its low bits say */
}

/* A head that the sink refuses costs no memory, whatever length it tells. */
Test(frame, a_refused_head_stores_nothing)
{
    uint64_t before;
    open_bench();
    before = bench.requests;
    for (uint64_t length = 1025; length < UINT64_C(1) << 61; length *= 7) {
        struct kith_decoder decoder = {0};
        struct kith_writer to = kith_writer_of(stream, STREAM_BYTES);
        memset(&logs[0], 0, sizeof logs[0]);
        kith_write_varint(&to, KITH_FRAME_AUTH);
        kith_write_varint(&to, length);
        cr_assert_eq(
            kith_decoder_feed(&decoder, &bench.env, stream, kith_written(&to), &sink, &logs[0]), 6);
        kith_decoder_fini(&decoder, &bench.env);
    }
    cr_assert_eq(bench.requests, before);
    bench_close(&bench);
}

Test(frame, skipped_of_any_length)
{
    struct kith_decoder decoder = {0};
    struct kith_writer to = kith_writer_of(stream, STREAM_BYTES);
    open_bench();
    memset(&logs[0], 0, sizeof logs[0]);
    kith_write_varint(&to, 0x7fffffff);
    kith_write_varint(&to, 1000000);
    kith_write_varint(&to, 0x7fffffff); /* is body */
    cr_assert_eq(kith_decoder_feed(&decoder, &bench.env, stream, kith_written(&to), &sink, logs),
                 0);
    memset(stream, 0x02, 100000);
    for (int i = 0; i < 9; i++) {
        cr_assert_eq(kith_decoder_feed(&decoder, &bench.env, stream, 100000, &sink, logs), 0);
    }
    cr_assert_eq(kith_decoder_feed(&decoder, &bench.env, stream, 99992, &sink, logs), 0);
    cr_assert_eq(logs[0].heads, 1);
    cr_assert_eq(bench.requests, 0);
    /* It is over now: a frame without body, then a PING. */
    cr_assert_eq(kith_decoder_feed(&decoder, &bench.env,
                                   (const uint8_t *)"\x60\x21\0\x1a\x08pingping", 13, &sink, logs),
                 0);
    cr_assert_eq(logs[0].heads, 3);
    cr_assert_eq(logs[0].frames, 1);
    kith_decoder_fini(&decoder, &bench.env);
    bench_close(&bench);
}

Test(frame, the_largest_number_skipped)
{
    struct kith_decoder decoder = {0};
    struct kith_writer to = kith_writer_of(stream, STREAM_BYTES);
    open_bench();
    memset(&logs[0], 0, sizeof logs[0]);
    kith_write_varint(&to, KITH_VARINT_MAX);
    kith_write_varint(&to, KITH_VARINT_MAX);
    cr_assert_eq(kith_decoder_feed(&decoder, &bench.env, stream, STREAM_BYTES, &sink, logs), 0);
    cr_assert_eq(logs[0].heads, 1);
    kith_decoder_fini(&decoder, &bench.env);
    bench_close(&bench);
}

/* Heads of DATA that do not fit its body: the length of one byte too few for what they say. */
Test(frame, data_heads_that_are_cut)
{
    static const struct {
        const char *bytes;
        size_t count;
    } cases[] = {{"\x10\x03\x40\x01\x00\x00", 6}, /* lane in two bytes, no flags */
                 {"\x10\x03\x00\x40\x01\x00", 6}, /* offset in two bytes */
                 {"\x10\x03\x00\xc0\x00\x00\x00\x00\x00\x00\x00\x00", 12},
                 {"\x10\x10\xc0\0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0\0", 19},
                 {"\x10\x03\x00\x00\x02", 5}, /* unknown flags */
                 {"\x10\x03\x00\x00\xff", 5}};
    open_bench();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(stream, 0, 100); /* more follows */
        memcpy(stream, cases[i].bytes, cases[i].count);
        stream_count = cases[i].count + 40;
        for (size_t step = 0; step < 30; step++) {
            memset(&logs[0], 0, sizeof logs[0]);
            cr_assert_eq(feed(&logs[0], step == 29 ? STREAM_BYTES : step), KITH_DECODER_BROKEN,
                         "case %zu in pieces of %zu", i, step);
            cr_assert_eq(logs[0].datas, 0);
        }
    }
    bench_close(&bench);
}

Test(frame, data_heads_in_their_longest_form)
{
    static const uint8_t whole[] = {0xc0, 0,   0,   0,   0,    0,   0,   0x10, 0xc0, 0,   0,  0,
                                    0,    0,   0,   19,  0xc0, 0,   0,   0,    0,    0,   0,  7,
                                    0xff, 255, 255, 255, 255,  255, 255, 254,  1,    'a', 'b'};
    open_bench();
    memcpy(stream, whole, sizeof whole);
    stream_count = sizeof whole;
    for (size_t step = 0; step < 40; step++) {
        memset(&logs[0], 0, sizeof logs[0]);
        cr_assert_eq(feed(&logs[0], step), 0);
        cr_assert_eq(logs[0].fins, 1);
        cr_assert_eq(logs[0].count, 16 + 16 + 2);
    }
    bench_close(&bench);
}

Test(frame, without_memory)
{
    open_bench();
    add(KITH_FRAME_PING, "pingping", 8);
    add(KITH_FRAME_PING, "pingping", 8);
    memset(&logs[0], 0, sizeof logs[0]);
    bench.fail_from = 1;
    bench.fail_count = UINT64_MAX;
    cr_assert_eq(feed(&logs[0], STREAM_BYTES), 0, "a body in one piece needs none");
    memset(&logs[0], 0, sizeof logs[0]);
    cr_assert_eq(feed(&logs[0], 3), KITH_DECODER_NOMEM);
    bench_close(&bench);
}

Test(frame, garbage)
{
    open_bench();
    for (int round = 0; round < 20000; round++) {
        stream_count = bench_below(&bench.random, 300);
        bench_fill(&bench.random, stream, stream_count);
        logs[0].count = logs[0].heads = logs[0].frames = logs[0].datas = logs[0].fins = 0;
        (void)feed(&logs[0], bench_below(&bench.random, 20));
    }
    bench_close(&bench);
}

Test(frame, writing_without_room)
{
    for (size_t room = 0; room < 12; room++) {
        struct kith_writer to = kith_writer_of(stream, room);
        kith_write_frame(&to, KITH_FRAME_PING, "pingping", 8);
        cr_assert_eq(to.broken, room < 10);
        to = kith_writer_of(stream, room);
        kith_write_data_head(&to, 7, 16384, 0, 20);
        cr_assert_eq(to.broken, room < 8);
    }
}
