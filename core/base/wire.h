/* SPDX-License-Identifier: MIT
 *
 * wire.h: reading and writing bytes with a bound that cannot be forgotten. A cursor that ran over
 * its end stays broken and reads as zero, so a parser checks once, at its end. Pure; allocates
 * nothing.
 *
 * Fixed-size integers are big-endian; variable ones are those of RFC 9000 §16 (1, 2, 4 or 8 bytes,
 * below 2^62).
 */
#ifndef KITH_BASE_WIRE_H
#define KITH_BASE_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KITH_VARINT_MAX ((UINT64_C(1) << 62) - 1)

struct kith_reader {
    const uint8_t *at;
    size_t left;
    int broken;
};

struct kith_writer {
    uint8_t *start, *at;
    size_t left;
    int broken;
};

static inline struct kith_reader kith_reader_of(const void *bytes, size_t count)
{
    struct kith_reader reader = {bytes, count, 0};
    return reader;
}

/* The next count bytes, or NULL (and broken). */
static inline const uint8_t *kith_read_bytes(struct kith_reader *reader, size_t count)
{
    const uint8_t *at = reader->at;
    if (count > reader->left || reader->broken) {
        reader->broken = 1;
        reader->left = 0;
        return NULL;
    }
    reader->at += count;
    reader->left -= count;
    return at;
}

/* count is 1 to 8. */
static inline uint64_t kith_read_uint(struct kith_reader *reader, size_t count)
{
    const uint8_t *at = kith_read_bytes(reader, count);
    uint64_t value = 0;
    for (size_t i = 0; at != NULL && i < count; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static inline uint64_t kith_read_varint(struct kith_reader *reader)
{
    size_t count;
    uint64_t value;
    if (reader->left == 0) {
        reader->broken = 1;
        return 0;
    }
    count = (size_t)1 << (reader->at[0] >> 6);
    value = kith_read_uint(reader, count);
    return value & (UINT64_MAX >> (66 - 8 * count));
}

/* Copies count bytes to out; zeros when broken. */
static inline void kith_read_copy(struct kith_reader *reader, void *out, size_t count)
{
    const uint8_t *at = kith_read_bytes(reader, count);
    if (at != NULL) {
        memcpy(out, at, count);
    } else {
        memset(out, 0, count);
    }
}

/* 1 when everything was there and nothing is left. */
static inline int kith_read_all(const struct kith_reader *reader)
{
    return !reader->broken && reader->left == 0;
}

static inline struct kith_writer kith_writer_of(void *bytes, size_t room)
{
    struct kith_writer writer = {bytes, bytes, room, 0};
    return writer;
}

static inline size_t kith_written(const struct kith_writer *writer)
{
    return (size_t)(writer->at - writer->start);
}

static inline void kith_write_bytes(struct kith_writer *writer, const void *bytes, size_t count)
{
    if (count > writer->left || writer->broken) {
        writer->broken = 1;
        return;
    }
    if (count > 0) {
        memcpy(writer->at, bytes, count);
    }
    writer->at += count;
    writer->left -= count;
}

static inline void kith_write_uint(struct kith_writer *writer, uint64_t value, size_t count)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(value >> (8 * (count - 1 - i)));
    }
    kith_write_bytes(writer, bytes, count);
}

/* Bytes that value takes; value is at most KITH_VARINT_MAX. */
static inline size_t kith_varint_bytes(uint64_t value)
{
    return value < 64 ? 1 : value < 16384 ? 2 : value < (1u << 30) ? 4 : 8;
}

static inline void kith_write_varint(struct kith_writer *writer, uint64_t value)
{
    size_t count = kith_varint_bytes(value);
    uint64_t tag = count == 1 ? 0 : count == 2 ? 1 : count == 4 ? 2 : 3;
    if (value > KITH_VARINT_MAX) {
        writer->broken = 1;
        return;
    }
    kith_write_uint(writer, value | tag << (8 * count - 2), count);
}

#endif
