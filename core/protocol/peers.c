/* SPDX-License-Identifier: MIT
 *
 * peers.c: encoding and checking of PEERS. Pure.
 */
#include "protocol/peers.h"

size_t kith_introduction_encode(const struct kith_introduction *introduction,
                                uint8_t out[KITH_INTRODUCTION_BYTES_MAX])
{
    struct kith_writer to = kith_writer_of(out, KITH_INTRODUCTION_BYTES_MAX);
    kith_write_bytes(&to, introduction->id.bytes, sizeof introduction->id.bytes);
    kith_write_uint(&to, introduction->endpoint_count, 1);
    for (size_t i = 0; i < introduction->endpoint_count; i++) {
        kith_write_uint(&to, introduction->endpoints[i].count, 1);
        kith_write_bytes(&to, introduction->endpoints[i].bytes, introduction->endpoints[i].count);
    }
    return kith_written(&to);
}

int kith_introduction_next(struct kith_reader *from, struct kith_introduction *out)
{
    if (from->left == 0) {
        return 0;
    }
    kith_read_copy(from, out->id.bytes, sizeof out->id.bytes);
    out->endpoint_count = (size_t)kith_read_uint(from, 1);
    if (from->broken || out->endpoint_count == 0 || out->endpoint_count > KITH_ENDPOINTS_MAX) {
        return -1;
    }
    for (size_t i = 0; i < out->endpoint_count; i++) {
        struct kith_slice *endpoint = &out->endpoints[i];
        endpoint->count = (size_t)kith_read_uint(from, 1);
        endpoint->bytes = kith_read_bytes(from, endpoint->count);
        if (endpoint->bytes == NULL || endpoint->count == 0 ||
            endpoint->count > KITH_ENDPOINT_BYTES_MAX) {
            return -1;
        }
    }
    return 1;
}
