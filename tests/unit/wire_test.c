/* SPDX-License-Identifier: MIT
 *
 * wire_test.c: cursors that read and write bytes, and above all their ends.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

Test(wire, integers_of_fixed_size)
{
    uint8_t out[36];
    struct kith_writer to = kith_writer_of(out, sizeof out);
    struct kith_reader from;
    for (size_t count = 1; count <= 8; count++) {
        kith_write_uint(&to, UINT64_C(0x0102030405060708), count);
    }
    cr_assert(!to.broken);
    cr_assert_eq(kith_written(&to), 36);
    cr_assert_eq(to.left, 0);
    cr_assert_eq(out[0], 0x08);
    cr_assert_arr_eq(out + 1, "\x07\x08", 2);
    cr_assert_arr_eq(out + 28, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    from = kith_reader_of(out, sizeof out);
    for (size_t count = 1; count <= 8; count++) {
        cr_assert_eq(kith_read_uint(&from, count),
                     UINT64_C(0x0102030405060708) & (UINT64_MAX >> (64 - 8 * count)));
    }
    cr_assert(kith_read_all(&from));
}

Test(wire, varints_at_every_edge)
{
    for (unsigned bit = 0; bit <= 62; bit++) {
        for (int off = -2; off <= 2; off++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)(int64_t)off;
            uint8_t out[8];
            struct kith_writer to = kith_writer_of(out, sizeof out);
            struct kith_reader from;
            kith_write_varint(&to, value);
            cr_assert_eq(to.broken, value > KITH_VARINT_MAX);
            if (to.broken) {
                cr_assert_eq(kith_written(&to), 0);
                continue;
            }
            cr_assert_eq(kith_written(&to), kith_varint_bytes(value));
            for (size_t count = 0; count < kith_written(&to); count++) {
                from = kith_reader_of(out, count);
                (void)kith_read_varint(&from);
                cr_assert(from.broken);
            }
            from = kith_reader_of(out, kith_written(&to));
            cr_assert_eq(kith_read_varint(&from), value);
            cr_assert(kith_read_all(&from));
        }
    }
}

/* Once over the end, a reader stays broken and reads as zero. */
Test(wire, a_broken_reader_stays_broken)
{
    uint8_t *bytes = malloc(3), copy[4] = {9, 9, 9, 9};
    struct kith_reader from = kith_reader_of(bytes, 3);
    memset(bytes, 0xff, 3);
    cr_assert_eq(kith_read_uint(&from, 2), 0xffff);
    cr_assert(!kith_read_all(&from), "one byte is left");
    cr_assert_eq(kith_read_uint(&from, 2), 0);
    cr_assert(from.broken);
    cr_assert_eq(kith_read_uint(&from, 1), 0);
    cr_assert_eq(kith_read_varint(&from), 0);
    cr_assert_null(kith_read_bytes(&from, 0));
    kith_read_copy(&from, copy, sizeof copy);
    cr_assert_arr_eq(copy, "\0\0\0\0", 4);
    cr_assert(!kith_read_all(&from));
    free(bytes);
}

Test(wire, reading_nothing)
{
    struct kith_reader from = kith_reader_of("", 0);
    cr_assert_not_null(kith_read_bytes(&from, 0));
    cr_assert(kith_read_all(&from));
    cr_assert_null(kith_read_bytes(&from, SIZE_MAX));
    cr_assert(from.broken);
}

Test(wire, a_broken_writer_stays_broken)
{
    uint8_t *bytes = malloc(3);
    struct kith_writer to = kith_writer_of(bytes, 3);
    kith_write_uint(&to, 0x0102, 2);
    kith_write_uint(&to, 0x0304, 2);
    cr_assert(to.broken);
    kith_write_uint(&to, 5, 1); /* would fit, but something is missing before it */
    cr_assert_eq(kith_written(&to), 2);
    cr_assert_arr_eq(bytes, "\x01\x02", 2);
    free(bytes);
}

Test(wire, writing_nothing)
{
    struct kith_writer to = kith_writer_of(NULL, 0);
    kith_write_bytes(&to, NULL, 0);
    cr_assert(!to.broken);
    kith_write_varint(&to, 0);
    cr_assert(to.broken);
}
