/* SPDX-License-Identifier: MIT
 *
 * fuzz_frame.c: fuzzes the frame decoder. A stream gives the same frames whole, in pieces of the
 * input's choice and byte by byte; nothing is read beyond a piece; what is held is never more than
 * the one body that was let through; and a decoder that stopped stays stopped.
 *
 * Input: options (1), event that stops the sink (1, 0 = none), number of piece sizes (1, up to 16),
 * piece sizes, stream.
 */
#include "tests/fuzz/fuzz.h"

#include "bounds.h"
#include "protocol/frame.h"
#include "tests/unit/bench.h"

enum { STREAM_BYTES_MAX = 1 << 16, SIZES_MAX = 16, STOPPED = 7, ANY_LENGTH_MAX = 300 };
enum { TAKES_ANY_LENGTH = 1, SKIPS_ODD = 2 };

struct input {
    unsigned options, stop_at;
    const uint8_t *sizes;
    size_t size_count;
    const uint8_t *stream;
    size_t count;
};

/* One way of feeding the stream, and what came of it. The log does not tell how DATA was cut. */
struct pass {
    const struct input *input;
    uint8_t *log;
    size_t log_count, log_room;
    unsigned events;
    size_t largest; /* body that was let through */
    int in_data, result;
    uint64_t lane, next; /* of DATA under way */
};

static void note(struct pass *pass, const void *bytes, size_t count)
{
    if (pass->log_count + count > pass->log_room) {
        pass->log_room = 2 * (pass->log_count + count) + 256;
        pass->log = realloc(pass->log, pass->log_room);
        MUST(pass->log != NULL);
    }
    if (count > 0) {
        memcpy(pass->log + pass->log_count, bytes, count);
    }
    pass->log_count += count;
}

static int event(struct pass *pass, char kind, uint64_t a, uint64_t b)
{
    note(pass, &kind, 1);
    note(pass, &a, sizeof a);
    note(pass, &b, sizeof b);
    MUST(pass->result == 0);
    pass->result = ++pass->events == pass->input->stop_at ? STOPPED : 0;
    return pass->result;
}

static int on_head(void *user, uint64_t type, uint64_t length, int *skip)
{
    struct pass *pass = user;
    MUST(type <= KITH_VARINT_MAX && length <= KITH_VARINT_MAX && *skip == 0);
    pass->in_data = 0;
    if (event(pass, 'h', type, length) != 0) {
        return STOPPED;
    }
    if ((pass->input->options & SKIPS_ODD) && type % 2 == 1) {
        *skip = 1;
        return 0;
    }
    if (pass->input->options & TAKES_ANY_LENGTH ? length > ANY_LENGTH_MAX
                                                : !kith_frame_length_ok(type, length)) {
        return pass->result = STOPPED;
    }
    if (type != KITH_FRAME_DATA && length > pass->largest) {
        pass->largest = (size_t)length;
    }
    return 0;
}

static int on_frame(void *user, uint64_t type, const uint8_t *body, size_t length)
{
    struct pass *pass = user;
    MUST(type != KITH_FRAME_DATA && length <= pass->largest);
    note(pass, body, length);
    return event(pass, 'f', type, length);
}

static int on_data(void *user, uint64_t lane, uint64_t offset, const uint8_t *bytes, size_t count,
                   int fin)
{
    struct pass *pass = user;
    MUST(lane <= KITH_VARINT_MAX && (fin == 0 || fin == 1));
    MUST(offset <= KITH_VARINT_MAX + STREAM_BYTES_MAX);
    if (!pass->in_data) {
        pass->in_data = 1;
        pass->lane = lane;
        pass->next = offset;
        if (event(pass, 'd', lane, offset) != 0) {
            return STOPPED;
        }
    } else {
        MUST(count > 0);
    }
    MUST(lane == pass->lane && offset == pass->next);
    pass->next += count;
    note(pass, bytes, count);
    return fin ? event(pass, 'e', 0, 0) : 0;
}

static const struct kith_frame_sink sink = {on_head, on_frame, on_data};

/* Feeds the stream in pieces of these sizes in turn. fail_from: the request for memory that fails.
 */
static void run(struct pass *pass, const struct input *input, const uint8_t *sizes,
                size_t size_count, uint64_t fail_from)
{
    struct bench bench;
    struct kith_decoder decoder;
    size_t at = 0, turn = 0;
    int stop = 0;
    memset(pass, 0, sizeof *pass);
    pass->input = input;
    memset(&decoder, 0, sizeof decoder);
    bench_open(&bench, 1);
    bench.fail_from = fail_from;
    while (stop == 0 && at < input->count) {
        size_t left = input->count - at;
        size_t part = size_count == 0 ? left : sizes[turn++ % size_count];
        uint8_t *piece;
        part = part > left || turn > 2 * input->count ? left : part;
        piece = fuzz_copy(input->stream + at, part);
        stop = kith_decoder_feed(&decoder, &bench.env, piece, part, &sink, pass);
        free(piece);
        at += part;
        MUST(bench.bytes <= pass->largest);
    }
    if (stop != 0) {
        unsigned events = pass->events;
        MUST(stop == pass->result || stop == KITH_DECODER_BROKEN || stop == KITH_DECODER_NOMEM);
        MUST(stop != KITH_DECODER_NOMEM || fail_from != 0);
        MUST(kith_decoder_feed(&decoder, &bench.env, input->stream, input->count, &sink, pass) ==
             0);
        MUST(events == pass->events);
    }
    pass->result = stop;
    MUST(bench.peak_bytes <= pass->largest && bench.blocks <= 1);
    kith_decoder_fini(&decoder, &bench.env);
    bench_close(&bench);
}

static int is_same(const struct pass *a, const struct pass *b)
{
    return a->result == b->result && a->log_count == b->log_count &&
           (a->log_count == 0 || memcmp(a->log, b->log, a->log_count) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const uint8_t one = 1;
    struct input input;
    struct pass whole, split;
    size_t size_count;
    if (count < 3 || count > STREAM_BYTES_MAX) {
        return 0;
    }
    size_count = bytes[2] % (SIZES_MAX + 1);
    size_count = size_count > count - 3 ? count - 3 : size_count;
    input.options = bytes[0];
    input.stop_at = bytes[1];
    input.sizes = bytes + 3;
    input.size_count = size_count;
    input.stream = bytes + 3 + size_count;
    input.count = count - 3 - size_count;

    run(&whole, &input, NULL, 0, 0);
    run(&split, &input, input.sizes, input.size_count, 0);
    MUST(is_same(&whole, &split));
    free(split.log);
    run(&split, &input, &one, 1, 0);
    MUST(is_same(&whole, &split));
    free(split.log);
    /* Out of memory it stops where it first needed some, and nothing is different before. */
    run(&split, &input, input.sizes, input.size_count, 1 + input.options / 64);
    MUST(is_same(&whole, &split) || split.result == KITH_DECODER_NOMEM);
    MUST(split.log_count <= whole.log_count &&
         (split.log_count == 0 || memcmp(whole.log, split.log, split.log_count) == 0));
    free(split.log);
    free(whole.log);
    return 0;
}
