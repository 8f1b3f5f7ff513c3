/* SPDX-License-Identifier: MIT
 *
 * service.h: what a peer says of itself on the air: names of services and the TXT record (RFC 6763
 * section 6). Bytes from the network are checked here and nowhere else. Pure; puts nothing on the
 * air.
 */
#ifndef KITH_PROTOCOL_SERVICE_H
#define KITH_PROTOCOL_SERVICE_H

#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "crypto.h"
#include "discovery.h"
#include "kith/kith.h"

/* One TXT record as it came, checked; the slices point into it. */
struct kith_txt {
    char tag[KITH_LABEL_BYTES];
    char scheme[16]; /* small letters and digits; "" where it is not told */
    struct kith_slice info[KITH_INFO_PAIRS_MAX]; /* "key=value" of the application */
    size_t info_count;
};

/* RFC 6335 section 5.1: 1 to 15 of a-z, 0-9 and '-', at least one letter, no '-' at either end and
 * no two in a row. */
int kith_service_name_ok(const char *name);

/* Eighty bits as a label. */
void kith_label(const uint8_t bytes[10], char out[KITH_LABEL_BYTES]);

/* The application's pairs: INVALID or TOO_BIG with a detail that names the pair. */
KITH_MUST_USE kith_err kith_info_check(const kith_discovery_info *info, size_t count);

/* Writes a record of checked pairs; out has KITH_TXT_BYTES_MAX. Gives its length. */
size_t kith_txt_write(const char *tag, const char *scheme, const kith_discovery_info *info,
                      size_t count, uint8_t *out);

/* 1 when it is a Kith peer's record; what is odd in it beyond that is skipped. */
int kith_txt_read(const uint8_t *txt, size_t txt_bytes, struct kith_txt *out);

#endif
