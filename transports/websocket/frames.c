/* SPDX-License-Identifier: MIT
 *
 * frames.c: data frames (RFC 6455 §5.2) that we make ourselves, of bytes that lie with the core:
 * written from there where they go out as they are, copied and masked in one pass where a mask is
 * due. lws has nothing to do with it as long as the socket takes them all; the rest, TLS records
 * and control frames are lws's, as always. Must not be used while lws keeps something.
 */
#include <errno.h>
#include <string.h>

#include "base/wire.h"
#include "transports/websocket/ws.h"

enum {
    FIN_BINARY = 0x82, /* the last fragment, opcode 2 */
    MASKED = 0x80,
    LENGTH_HERE_MAX = 125,
    LENGTH_IN_2 = 126,
    LENGTH_IN_8 = 127,
    MASK_BYTES = 4
};

/* A frame's head without its mask; its length. */
static size_t write_head(uint8_t head[KITH__WS_HEAD_BYTES], size_t count, unsigned masked)
{
    struct kith_writer to = kith_writer_of(head, KITH__WS_HEAD_BYTES);
    kith_write_uint(&to, FIN_BINARY, 1);
    if (count <= LENGTH_HERE_MAX) {
        kith_write_uint(&to, masked | count, 1);
    } else if (count <= UINT16_MAX) {
        kith_write_uint(&to, masked | LENGTH_IN_2, 1);
        kith_write_uint(&to, count, 2);
    } else {
        kith_write_uint(&to, masked | LENGTH_IN_8, 1);
        kith_write_uint(&to, count, 8);
    }
    return kith_written(&to);
}

/* Through lws, which keeps what the socket does not take. 0, or -1: the connection is gone. */
static int write_bytes(struct kith__ws_link *link, uint8_t *bytes, size_t count)
{
    int written;
    kith__ws_records_begin(link, count);
    written = lws_write(link->wsi, bytes, count, LWS_WRITE_RAW);
    kith__ws_records_end(link);
    return written < 0 ? -1 : 0;
}

/* ---- as they are -------------------------------------------------------------------------- */

/* What was not written, in one piece. */
static size_t collect(const struct iovec *parts, size_t part_count, size_t written, uint8_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < part_count; i++) {
        size_t skip = written < parts[i].iov_len ? written : parts[i].iov_len;
        memcpy(out + count, (const uint8_t *)parts[i].iov_base + skip, parts[i].iov_len - skip);
        count += parts[i].iov_len - skip;
        written -= skip;
    }
    return count;
}

/* 0, or -1: the connection is gone. */
static int write_parts(struct kith__ws_link *link, struct iovec *parts, size_t part_count,
                       size_t count)
{
    uint8_t *rest = kith__ws_endpoint_of(link)->buffer + LWS_PRE;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = part_count};
    ssize_t written = sendmsg(link->socket.fd, &message, MSG_NOSIGNAL);
    if (written < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        return -1;
    }
    if (written >= 0 && (size_t)written == count) {
        return 0;
    }
    count = collect(parts, part_count, written > 0 ? (size_t)written : 0, rest);
    return write_bytes(link, rest, count);
}

static int write_lent(struct kith__ws_link *link, const struct kith_pulled *pulled)
{
    struct iovec parts[1 + KITH_PULL_SLICES_MAX];
    uint8_t head[KITH__WS_HEAD_BYTES];
    parts[0] = (struct iovec){head, write_head(head, pulled->count, 0)};
    for (size_t i = 0; i < pulled->slice_count; i++) {
        parts[1 + i] =
            (struct iovec){(void *)(uintptr_t)pulled->slices[i].bytes, pulled->slices[i].count};
    }
    return write_parts(link, parts, 1 + pulled->slice_count, parts[0].iov_len + pulled->count);
}

/* ---- masked ------------------------------------------------------------------------------- */

/* Unpredictable, each frame's own (RFC 6455 §5.3). 0, or -1: there is no randomness. */
static int next_mask(struct kith__ws_endpoint *endpoint, uint8_t mask[MASK_BYTES])
{
    const struct kith_crypto *crypto = &endpoint->base.env->crypto;
    if (endpoint->mask_bytes_left == 0) {
        if (crypto->random(crypto->user, endpoint->masks, sizeof endpoint->masks) != KITH_OK) {
            return -1;
        }
        endpoint->mask_bytes_left = sizeof endpoint->masks;
    }
    endpoint->mask_bytes_left -= MASK_BYTES;
    memcpy(mask, endpoint->masks + endpoint->mask_bytes_left, MASK_BYTES);
    return 0;
}

/* What a vector register takes. In single words this would take longer than copying first and
 * masking then; so it costs hardly more than copying. */
typedef uint64_t wide __attribute__((vector_size(16)));

static inline void mask_wide(uint8_t *out, const uint8_t *in, wide mask)
{
    wide bytes;
    memcpy(&bytes, in, sizeof bytes);
    bytes ^= mask;
    memcpy(out, &bytes, sizeof bytes);
}

/* turned: the mask, so that its first byte is for in[0]. */
static void copy_masked(uint8_t *out, const uint8_t *in, size_t count,
                        const uint8_t turned[sizeof(wide)])
{
    wide mask;
    memcpy(&mask, turned, sizeof mask);
    for (; count >= 4 * sizeof mask; count -= 4 * sizeof mask) {
        mask_wide(out, in, mask);
        mask_wide(out + 16, in + 16, mask);
        mask_wide(out + 32, in + 32, mask);
        mask_wide(out + 48, in + 48, mask);
        out += 4 * sizeof mask;
        in += 4 * sizeof mask;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = in[i] ^ turned[i % MASK_BYTES];
    }
}

static int write_masked(struct kith__ws_link *link, const struct kith_pulled *pulled)
{
    struct kith__ws_endpoint *endpoint = kith__ws_endpoint_of(link);
    uint8_t *frame = endpoint->buffer + LWS_PRE, mask[MASK_BYTES], turned[sizeof(wide)];
    size_t head = write_head(frame, pulled->count, MASKED), at = 0;
    if (next_mask(endpoint, mask) != 0) {
        return -1;
    }
    memcpy(frame + head, mask, MASK_BYTES);
    head += MASK_BYTES;
    for (size_t i = 0; i < pulled->slice_count; i++) {
        for (size_t k = 0; k < sizeof turned; k++) {
            turned[k] = mask[(at + k) % MASK_BYTES];
        }
        copy_masked(frame + head + at, pulled->slices[i].bytes, pulled->slices[i].count, turned);
        at += pulled->slices[i].count;
    }
    return write_bytes(link, frame, head + at);
}

/* ---- the three ways ----------------------------------------------------------------------- */

static int is_lent(const struct kith__ws_link *link)
{
    return !link->dialled && !kith__ws_endpoint_of(link)->secure;
}

size_t kith__ws_frame_room(const struct kith__ws_link *link)
{
    return is_lent(link) ? KITH__WS_LEND_BYTES : KITH__WS_PULL_BYTES;
}

/* TLS copies the bytes anyway, so they may come from one place. */
static ssize_t write_whole(struct kith__ws_link *link, size_t room)
{
    uint8_t *payload = kith__ws_endpoint_of(link)->buffer + LWS_PRE + KITH__WS_HEAD_BYTES;
    uint8_t head[KITH__WS_HEAD_BYTES];
    size_t head_bytes, count = kith_up_pull(&link->base, payload, room);
    if (count == 0 || link->cut) {
        return 0;
    }
    head_bytes = write_head(head, count, 0);
    memcpy(payload - head_bytes, head, head_bytes);
    return write_bytes(link, payload - head_bytes, head_bytes + count) < 0 ? -1 : (ssize_t)count;
}

static ssize_t write_slices(struct kith__ws_link *link, size_t room)
{
    uint8_t *own = kith__ws_endpoint_of(link)->buffer + KITH__WS_FRAME_BYTES;
    struct kith_pulled pulled;
    int failed = 0;
    kith_up_pull_slices(&link->base, own, room < KITH__WS_OWN_BYTES ? room : KITH__WS_OWN_BYTES,
                        room, &pulled);
    if (pulled.count > 0 && !link->cut) {
        failed = (is_lent(link) ? write_lent : write_masked)(link, &pulled) != 0;
    }
    kith_up_pulled(&link->base);
    return failed ? -1 : (ssize_t)pulled.count;
}

ssize_t kith__ws_write_frame(struct kith__ws_link *link, size_t room)
{
    return link->dialled || is_lent(link) ? write_slices(link, room) : write_whole(link, room);
}
