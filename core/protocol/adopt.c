/* SPDX-License-Identifier: MIT
 *
 * adopt.c: encoding and checking of ADOPT, ADOPTED, CREDIT, BLOCKED, FORGOTTEN and CLOSE. Pure.
 */
#include "protocol/adopt.h"

#include <string.h>

#include "base/err.h"
#include "base/wire.h"

static void write_credit(struct kith_writer *to, const struct kith_credit *credit)
{
    kith_write_varint(to, credit->lane);
    kith_write_varint(to, credit->received);
    kith_write_varint(to, credit->consumed);
    kith_write_varint(to, credit->limit);
}

static int read_credit(struct kith_reader *from, struct kith_credit *credit)
{
    credit->lane = kith_read_varint(from);
    credit->received = kith_read_varint(from);
    credit->consumed = kith_read_varint(from);
    credit->limit = kith_read_varint(from);
    return !from->broken && credit->consumed <= credit->received &&
           credit->received <= credit->limit;
}

size_t kith_adopt_encode(const struct kith_adopt *adopt, int with_fresh,
                         uint8_t out[KITH_ADOPT_BYTES_MAX])
{
    struct kith_writer to = kith_writer_of(out, KITH_ADOPT_BYTES_MAX);
    kith_write_varint(&to, adopt->generation);
    kith_write_varint(&to, adopt->since);
    if (with_fresh) {
        kith_write_uint(&to, adopt->fresh, 1);
    }
    kith_write_varint(&to, adopt->next_lane);
    kith_write_varint(&to, adopt->lane_count);
    for (size_t i = 0; i < adopt->lane_count; i++) {
        write_credit(&to, &adopt->lanes[i]);
    }
    return kith_written(&to);
}

int kith_adopt_decode(const uint8_t *body, size_t length, int with_fresh, struct kith_adopt *out)
{
    struct kith_reader from = kith_reader_of(body, length);
    uint64_t lanes;
    out->generation = kith_read_varint(&from);
    out->since = kith_read_varint(&from);
    out->fresh = with_fresh ? (uint8_t)kith_read_uint(&from, 1) : 0;
    out->next_lane = kith_read_varint(&from);
    lanes = kith_read_varint(&from);
    if (from.broken || out->fresh > 1 || out->since == 0 || out->since > out->generation ||
        out->next_lane < KITH_CHANNEL_COUNT || lanes > KITH_CHANNEL_COUNT) {
        return 0;
    }
    out->lane_count = (size_t)lanes;
    for (size_t i = 0; i < out->lane_count; i++) {
        if (!read_credit(&from, &out->lanes[i]) || out->lanes[i].lane >= KITH_CHANNEL_COUNT ||
            (i > 0 && out->lanes[i].lane <= out->lanes[i - 1].lane)) {
            return 0;
        }
    }
    return kith_read_all(&from);
}

size_t kith_credit_encode(const struct kith_credit *credit, uint8_t out[KITH_CREDIT_BYTES_MAX])
{
    struct kith_writer to = kith_writer_of(out, KITH_CREDIT_BYTES_MAX);
    write_credit(&to, credit);
    return kith_written(&to);
}

int kith_credit_decode(const uint8_t *body, size_t length, struct kith_credit *out)
{
    struct kith_reader from = kith_reader_of(body, length);
    return read_credit(&from, out) && kith_read_all(&from);
}

size_t kith_blocked_encode(uint64_t lane, uint64_t limit, uint8_t out[KITH_BLOCKED_BYTES_MAX])
{
    struct kith_writer to = kith_writer_of(out, KITH_BLOCKED_BYTES_MAX);
    kith_write_varint(&to, lane);
    kith_write_varint(&to, limit);
    return kith_written(&to);
}

int kith_blocked_decode(const uint8_t *body, size_t length, uint64_t *lane, uint64_t *limit)
{
    struct kith_reader from = kith_reader_of(body, length);
    *lane = kith_read_varint(&from);
    *limit = kith_read_varint(&from);
    return kith_read_all(&from) && *lane < KITH_CHANNEL_COUNT;
}

size_t kith_forgotten_encode(uint64_t since, uint8_t out[KITH_FORGOTTEN_BYTES_MAX])
{
    struct kith_writer to = kith_writer_of(out, KITH_FORGOTTEN_BYTES_MAX);
    kith_write_varint(&to, since);
    return kith_written(&to);
}

int kith_forgotten_decode(const uint8_t *body, size_t length, uint64_t *since)
{
    struct kith_reader from = kith_reader_of(body, length);
    *since = kith_read_varint(&from);
    return kith_read_all(&from) && *since > 0;
}

size_t kith_close_encode(unsigned code, const char *text, uint8_t out[KITH_CLOSE_BODY_BYTES_MAX])
{
    struct kith_writer to = kith_writer_of(out, KITH_CLOSE_BODY_BYTES_MAX);
    kith_write_varint(&to, code);
    kith_write_bytes(&to, text, strlen(text));
    return kith_written(&to);
}

int kith_close_decode(const uint8_t *body, size_t length, struct kith_close *out)
{
    struct kith_reader from = kith_reader_of(body, length);
    out->code = kith_read_varint(&from);
    if (from.broken || from.left > KITH_REASON_TEXT_BYTES_MAX) {
        return 0;
    }
    kith_printable(from.at, from.left, out->text, sizeof out->text);
    return 1;
}
