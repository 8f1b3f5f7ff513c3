/* SPDX-License-Identifier: MIT
 *
 * pieces.c: frames of a link whose bytes go out as they are, without TLS and without a mask:
 * written from where the core has them. lws has nothing to do with it as long as the socket takes
 * them all; the rest is lws's to keep, as always. Must not be used while lws keeps something.
 */
#include <errno.h>
#include <string.h>

#include "transports/websocket/ws.h"

enum {
    FIN_BINARY = 0x82, /* RFC 6455 §5.2: the last fragment, opcode 2 */
    LENGTH_IN_2 = 126,
    LENGTH_HERE_MAX = 125
};

int kith__ws_can_piece(const struct kith__ws_link *link)
{
    return !link->dialled && !kith__ws_endpoint_of(link)->secure;
}

/* The head of a frame of so many bytes; its length. */
static size_t write_head(uint8_t head[4], size_t count)
{
    head[0] = FIN_BINARY;
    if (count <= LENGTH_HERE_MAX) {
        head[1] = (uint8_t)count;
        return 2;
    }
    head[1] = LENGTH_IN_2;
    head[2] = (uint8_t)(count >> 8);
    head[3] = (uint8_t)count;
    return 4;
}

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
    return lws_write(link->wsi, rest, count, LWS_WRITE_RAW) < 0 ? -1 : 0;
}

ssize_t kith__ws_write_pieces(struct kith__ws_link *link, size_t room)
{
    struct kith__ws_endpoint *endpoint = kith__ws_endpoint_of(link);
    uint8_t *own = endpoint->buffer + LWS_PRE + KITH__WS_PULL_BYTES + KITH__WS_HEAD_BYTES, head[4];
    struct iovec parts[1 + KITH_PULL_SLICES_MAX];
    struct kith_pulled pulled;
    int failed = 0;
    kith_up_pull_slices(&link->base, own, KITH__WS_OWN_BYTES, room, &pulled);
    if (pulled.count > 0) {
        parts[0] = (struct iovec){head, write_head(head, pulled.count)};
        for (size_t i = 0; i < pulled.slice_count; i++) {
            parts[1 + i] =
                (struct iovec){(void *)(uintptr_t)pulled.slices[i].bytes, pulled.slices[i].count};
        }
        failed = write_parts(link, parts, 1 + pulled.slice_count, parts[0].iov_len + pulled.count);
    }
    kith_up_pulled(&link->base);
    return failed ? -1 : (ssize_t)pulled.count;
}
