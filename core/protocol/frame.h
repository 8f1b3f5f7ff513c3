/* SPDX-License-Identifier: MIT
 *
 * frame.h: the frames of a link on the wire: their numbers, and a decoder that turns a byte stream
 * into frames without trusting any of it. Pure. What a frame means is decided above; PROTOCOL.md
 * has every byte.
 *
 * A frame is type (varint), length of its body (varint), body. Unknown odd types are skipped,
 * unknown even ones end the link.
 */
#ifndef KITH_PROTOCOL_FRAME_H
#define KITH_PROTOCOL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/wire.h"

enum kith_frame_type {
    KITH_FRAME_HELLO = 0x02,
    KITH_FRAME_AUTH = 0x04,
    KITH_FRAME_INFO = 0x06,
    KITH_FRAME_ADOPT = 0x08,
    KITH_FRAME_ADOPTED = 0x0a,
    KITH_FRAME_FORGOTTEN = 0x0e,
    KITH_FRAME_DATA = 0x10,
    KITH_FRAME_CREDIT = 0x12,
    KITH_FRAME_RESET = 0x14, /* reserved: streams */
    KITH_FRAME_STOP = 0x16,  /* reserved: streams */
    KITH_FRAME_CLOSE = 0x18,
    KITH_FRAME_PING = 0x1a,
    KITH_FRAME_PONG = 0x1c,
    KITH_FRAME_DATAGRAM = 0x1d,
    KITH_FRAME_BLOCKED = 0x1f,
    KITH_FRAME_WAIT = 0x20,
    KITH_FRAME_PEERS = 0x21
};

enum {
    KITH_FRAME_HEAD_BYTES_MAX = 16, /* two varints */
    KITH_DATA_HEAD_BYTES_MAX = 17,  /* lane, offset, flags */
    KITH_DATA_FLAG_FIN = 1,
    KITH_PING_BYTES = 8,
    KITH_WAIT_BYTES = 4
};

/* "HELLO" … or "?" */
const char *kith_frame_name(uint64_t type);

/* 1 when the type is known and used by this version. */
int kith_frame_known(uint64_t type);

/* 1 when a body of that many bytes is possible for a known type. */
int kith_frame_length_ok(uint64_t type, uint64_t length);

/* What a decoder finds, told to its owner. Each returns 0 to go on; anything else stops the decoder
 * for good and comes back from kith_decoder_feed(). */
struct kith_frame_sink {
    /* A head came. *skip = 1 lets the body go by unseen. Nothing of the body is stored before this
     * allows it. */
    int (*head)(void *user, uint64_t type, uint64_t length, int *skip);
    /* A whole frame other than DATA. */
    int (*frame)(void *user, uint64_t type, const uint8_t *body, size_t length);
    /* A part of a DATA frame as it came; fin only with its last part. A frame without bytes gives
     * one part of 0. */
    int (*data)(void *user, uint64_t lane, uint64_t offset, const uint8_t *bytes, size_t count,
                int fin);
};

struct kith_decoder {
    enum { KITH_DECODE_HEAD, KITH_DECODE_BODY, KITH_DECODE_DATA_HEAD, KITH_DECODE_DATA } state;
    uint8_t head[KITH_DATA_HEAD_BYTES_MAX];
    size_t head_count;
    uint64_t type, left; /* left: of the body, not yet seen */
    uint8_t *body;       /* only where a body came in pieces */
    size_t body_count;
    uint64_t lane, offset;
    int skip, fin, stopped;
    int is_begun; /* data: a part of the frame was handed over before */
};

enum { KITH_DECODER_BROKEN = -1, KITH_DECODER_NOMEM = -2 }; /* feed's own stops; sinks use others */

/* A zeroed decoder is ready. */
int kith_decoder_feed(struct kith_decoder *decoder, struct kith_env *env, const uint8_t *bytes,
                      size_t count, const struct kith_frame_sink *sink, void *user);
void kith_decoder_fini(struct kith_decoder *decoder, struct kith_env *env);

/* Writes a whole frame. */
void kith_write_frame(struct kith_writer *writer, uint64_t type, const void *body, size_t length);

/* Room a DATA frame's head takes at most before count bytes of data; writes the head. */
void kith_write_data_head(struct kith_writer *writer, uint64_t lane, uint64_t offset, int fin,
                          size_t count);

#endif
