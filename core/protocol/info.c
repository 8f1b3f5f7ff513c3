/* SPDX-License-Identifier: MIT
 *
 * info.c: encoding and checking of INFO. Pure.
 */
#include "protocol/info.h"

#include <string.h>

#include "base/err.h"
#include "base/wire.h"
#include "protocol/auth.h"

enum { EXTENSION_CLAIM = 129, EXTENSION_CONTEXT = 130, EXTENSION_ENDPOINT = 131, CLAIM_BYTES = 17 };

static void write_extension(struct kith_writer *to, unsigned type, const struct kith_slice *bytes)
{
    kith_write_uint(to, type, 1);
    kith_write_uint(to, bytes->count, 2);
    kith_write_bytes(to, bytes->bytes, bytes->count);
}

size_t kith_info_encode(const struct kith_info *info, uint8_t out[KITH_INFO_OWN_BYTES_MAX])
{
    struct kith_writer to = kith_writer_of(out, KITH_INFO_OWN_BYTES_MAX);
    size_t name_bytes = strlen(info->name);
    kith_write_uint(&to, name_bytes, 1);
    kith_write_bytes(&to, info->name, name_bytes);
    if (info->claim.since != 0) {
        kith_write_uint(&to, EXTENSION_CLAIM, 1);
        kith_write_uint(&to, CLAIM_BYTES, 2);
        kith_write_uint(&to, info->claim.since, 8);
        kith_write_uint(&to, info->claim.generation, 8);
        kith_write_uint(&to, info->claim.alive, 1);
    }
    if (info->context.count > 0) {
        write_extension(&to, EXTENSION_CONTEXT, &info->context);
    }
    for (size_t i = 0; i < info->endpoint_count; i++) {
        write_extension(&to, EXTENSION_ENDPOINT, &info->endpoints[i]);
    }
    return kith_written(&to);
}

static int read_claim(const struct kith_slice *bytes, struct kith_claim *out)
{
    struct kith_reader from = kith_reader_of(bytes->bytes, bytes->count);
    if (bytes->count != CLAIM_BYTES || out->since != 0) {
        return 0;
    }
    out->since = kith_read_uint(&from, 8);
    out->generation = kith_read_uint(&from, 8);
    out->alive = (uint8_t)kith_read_uint(&from, 1);
    return out->since != 0 && out->since <= out->generation && out->alive <= 1;
}

/* One extension, of whatever type. */
static int take(struct kith_info *out, unsigned type, const struct kith_slice *bytes)
{
    switch (type) {
    case EXTENSION_CLAIM:
        return read_claim(bytes, &out->claim);
    case EXTENSION_CONTEXT:
        if (out->context.bytes != NULL || bytes->count == 0 ||
            bytes->count > KITH_CONTEXT_BYTES_MAX) {
            return 0;
        }
        out->context = *bytes;
        return 1;
    case EXTENSION_ENDPOINT:
        if (bytes->count == 0 || bytes->count > KITH_ENDPOINT_BYTES_MAX) {
            return 0;
        }
        if (out->endpoint_count < KITH_ENDPOINTS_MAX) { /* more are the sender's trouble */
            out->endpoints[out->endpoint_count++] = *bytes;
        }
        return 1;
    default:
        return 1;
    }
}

int kith_info_decode(const uint8_t *body, size_t length, struct kith_info *out)
{
    struct kith_reader from = kith_reader_of(body, length);
    size_t name_bytes = (size_t)kith_read_uint(&from, 1);
    const uint8_t *name = kith_read_bytes(&from, name_bytes);
    memset(out, 0, sizeof *out);
    if (name == NULL || !kith_text_ok((const char *)name, name_bytes, 1, KITH_NAME_BYTES_MAX)) {
        return 0;
    }
    memcpy(out->name, name, name_bytes);
    if (!kith_extensions_ok(from.at, from.left)) {
        return 0;
    }
    while (from.left > 0) {
        unsigned type = (unsigned)kith_read_uint(&from, 1);
        struct kith_slice bytes = {NULL, (size_t)kith_read_uint(&from, 2)};
        bytes.bytes = kith_read_bytes(&from, bytes.count);
        if (!take(out, type, &bytes)) {
            return 0;
        }
    }
    return 1;
}
