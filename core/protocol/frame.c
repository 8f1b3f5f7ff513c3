/* SPDX-License-Identifier: MIT
 *
 * frame.c: the table of frames and the decoder. Pure; every length is checked here before a byte of
 * the body is stored.
 */
#include "protocol/frame.h"

#include <string.h>

#include "bounds.h"

static const struct {
    uint64_t type;
    const char *name;
    uint32_t min, max; /* bytes of the body */
} frames[] = {
    {KITH_FRAME_HELLO, "HELLO", 136, 136},
    {KITH_FRAME_AUTH, "AUTH", 105, KITH_AUTH_BYTES_MAX},
    {KITH_FRAME_INFO, "INFO", 2, KITH_INFO_BYTES_MAX},
    {KITH_FRAME_ADOPT, "ADOPT", 5, KITH_FRAME_BODY_BYTES_MAX},
    {KITH_FRAME_ADOPTED, "ADOPTED", 4, KITH_FRAME_BODY_BYTES_MAX},
    {KITH_FRAME_FORGOTTEN, "FORGOTTEN", 1, 8},
    {KITH_FRAME_DATA, "DATA", 3, KITH_DATA_BODY_BYTES_MAX},
    {KITH_FRAME_CREDIT, "CREDIT", 4, 32},
    {KITH_FRAME_CLOSE, "CLOSE", 1, KITH_CLOSE_BODY_BYTES_MAX},
    {KITH_FRAME_PING, "PING", KITH_PING_BYTES, KITH_PING_BYTES},
    {KITH_FRAME_DATAGRAM, "DATAGRAM", 0, KITH_DATAGRAM_BYTES_MAX},
    {KITH_FRAME_PONG, "PONG", KITH_PING_BYTES, KITH_PING_BYTES},
    {KITH_FRAME_BLOCKED, "BLOCKED", 2, 16},
    {KITH_FRAME_WAIT, "WAIT", KITH_WAIT_BYTES, KITH_WAIT_BYTES},
    {KITH_FRAME_PEERS, "PEERS", 20, KITH_PEERS_BODY_BYTES_MAX},
};

static int find(uint64_t type)
{
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        if (frames[i].type == type) {
            return (int)i;
        }
    }
    return -1;
}

const char *kith_frame_name(uint64_t type)
{
    int index = find(type);
    return index < 0 ? "?" : frames[index].name;
}

int kith_frame_known(uint64_t type)
{
    return find(type) >= 0;
}

int kith_frame_length_ok(uint64_t type, uint64_t length)
{
    int index = find(type);
    return index >= 0 && length >= frames[index].min && length <= frames[index].max;
}

/* Takes input into decoder->head until `parse` is content with it. Gives how many bytes of input
 * were used. */
static size_t gather(struct kith_decoder *decoder, const uint8_t *bytes, size_t count, size_t max,
                     int (*parse)(struct kith_decoder *, struct kith_reader *), int *done)
{
    size_t used = 0;
    *done = 0;
    if (decoder->head_count == 0 && count >= max) {
        /* All of it is here: no copy. */
        struct kith_reader reader = kith_reader_of(bytes, count);
        *done = parse(decoder, &reader);
        return count - reader.left;
    }
    while (used < count && !*done && decoder->head_count < max) {
        struct kith_reader reader;
        decoder->head[decoder->head_count++] = bytes[used++];
        reader = kith_reader_of(decoder->head, decoder->head_count);
        *done = parse(decoder, &reader);
    }
    if (*done) {
        decoder->head_count = 0;
    }
    return used;
}

static int parse_head(struct kith_decoder *decoder, struct kith_reader *reader)
{
    decoder->type = kith_read_varint(reader);
    decoder->left = kith_read_varint(reader);
    return !reader->broken;
}

static int parse_data_head(struct kith_decoder *decoder, struct kith_reader *reader)
{
    decoder->lane = kith_read_varint(reader);
    decoder->offset = kith_read_varint(reader);
    decoder->fin = (int)kith_read_uint(reader, 1);
    return !reader->broken;
}

static int step_head(struct kith_decoder *decoder, const uint8_t *bytes, size_t count, size_t *used,
                     const struct kith_frame_sink *sink, void *user)
{
    int done, stop;
    *used = gather(decoder, bytes, count, KITH_FRAME_HEAD_BYTES_MAX, parse_head, &done);
    if (!done) {
        return 0;
    }
    decoder->skip = 0;
    decoder->body_count = 0;
    stop = sink->head(user, decoder->type, decoder->left, &decoder->skip);
    if (stop != 0) {
        return stop;
    }
    decoder->state = decoder->type == KITH_FRAME_DATA && !decoder->skip ? KITH_DECODE_DATA_HEAD
                                                                        : KITH_DECODE_BODY;
    return 0;
}

static int finish_body(struct kith_decoder *decoder, struct kith_env *env, const uint8_t *body,
                       size_t length, const struct kith_frame_sink *sink, void *user)
{
    int stop = decoder->skip ? 0 : sink->frame(user, decoder->type, body, length);
    kith_free(env, decoder->body);
    decoder->body = NULL;
    decoder->state = KITH_DECODE_HEAD;
    return stop;
}

static int step_body(struct kith_decoder *decoder, struct kith_env *env, const uint8_t *bytes,
                     size_t count, size_t *used, const struct kith_frame_sink *sink, void *user)
{
    *used = count < decoder->left ? count : (size_t)decoder->left;
    if (decoder->skip) {
        decoder->left -= *used;
        return decoder->left > 0 ? 0 : finish_body(decoder, env, NULL, 0, sink, user);
    }
    if (decoder->body == NULL && *used == decoder->left) {
        return finish_body(decoder, env, bytes, *used, sink, user);
    }
    if (decoder->body == NULL) {
        decoder->body = kith_alloc(env, (size_t)decoder->left);
        if (decoder->body == NULL) {
            return KITH_DECODER_NOMEM;
        }
    }
    memcpy(decoder->body + decoder->body_count, bytes, *used);
    decoder->body_count += *used;
    decoder->left -= *used;
    if (decoder->left > 0) {
        return 0;
    }
    return finish_body(decoder, env, decoder->body, decoder->body_count, sink, user);
}

static int step_data_head(struct kith_decoder *decoder, const uint8_t *bytes, size_t count,
                          size_t *used, const struct kith_frame_sink *sink, void *user)
{
    int done;
    size_t before = decoder->head_count;
    size_t max = decoder->left < KITH_DATA_HEAD_BYTES_MAX - before ? (size_t)decoder->left + before
                                                                   : KITH_DATA_HEAD_BYTES_MAX;
    *used = gather(decoder, bytes, count, max, parse_data_head, &done);
    if (*used > decoder->left) {
        return KITH_DECODER_BROKEN;
    }
    decoder->left -= *used;
    if (!done) {
        return decoder->left == 0 ? KITH_DECODER_BROKEN : 0;
    }
    if ((decoder->fin & ~KITH_DATA_FLAG_FIN) != 0) {
        return KITH_DECODER_BROKEN;
    }
    if (decoder->left == 0) {
        decoder->state = KITH_DECODE_HEAD;
        return sink->data(user, decoder->lane, decoder->offset, bytes, 0, decoder->fin);
    }
    decoder->state = KITH_DECODE_DATA;
    decoder->is_begun = 0;
    return 0;
}

static int step_data(struct kith_decoder *decoder, const uint8_t *bytes, size_t count, size_t *used,
                     const struct kith_frame_sink *sink, void *user)
{
    uint64_t offset = decoder->offset;
    int stop;
    *used = count < decoder->left ? count : (size_t)decoder->left;
    decoder->left -= *used;
    decoder->offset += *used;
    if (decoder->left == 0) {
        decoder->state = KITH_DECODE_HEAD;
    }
    stop = sink->data(user, decoder->lane, offset, bytes, *used,
                      decoder->left == 0 ? decoder->fin : 0);
    decoder->is_begun = 1;
    return stop;
}

int kith_decoder_feed(struct kith_decoder *decoder, struct kith_env *env, const uint8_t *bytes,
                      size_t count, const struct kith_frame_sink *sink, void *user)
{
    /* A body of no bytes must be finished without waiting for more. */
    while (!decoder->stopped &&
           (count > 0 || (decoder->state == KITH_DECODE_BODY && decoder->left == 0))) {
        size_t used = 0;
        int stop = 0;
        switch (decoder->state) {
        case KITH_DECODE_HEAD:
            stop = step_head(decoder, bytes, count, &used, sink, user);
            break;
        case KITH_DECODE_BODY:
            stop = step_body(decoder, env, bytes, count, &used, sink, user);
            break;
        case KITH_DECODE_DATA_HEAD:
            stop = step_data_head(decoder, bytes, count, &used, sink, user);
            break;
        case KITH_DECODE_DATA:
            stop = step_data(decoder, bytes, count, &used, sink, user);
            break;
        }
        bytes += used;
        count -= used;
        if (stop != 0) {
            decoder->stopped = 1;
            return stop;
        }
    }
    return 0;
}

void kith_decoder_fini(struct kith_decoder *decoder, struct kith_env *env)
{
    kith_free(env, decoder->body);
    decoder->body = NULL;
    decoder->stopped = 1;
}

void kith_write_frame(struct kith_writer *writer, uint64_t type, const void *body, size_t length)
{
    kith_write_varint(writer, type);
    kith_write_varint(writer, length);
    kith_write_bytes(writer, body, length);
}

void kith_write_data_head(struct kith_writer *writer, uint64_t lane, uint64_t offset, int fin,
                          size_t count)
{
    size_t head = kith_varint_bytes(lane) + kith_varint_bytes(offset) + 1;
    kith_write_varint(writer, KITH_FRAME_DATA);
    kith_write_varint(writer, head + count);
    kith_write_varint(writer, lane);
    kith_write_varint(writer, offset);
    kith_write_uint(writer, fin ? KITH_DATA_FLAG_FIN : 0, 1);
}
