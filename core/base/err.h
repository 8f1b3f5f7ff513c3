/* SPDX-License-Identifier: MIT
 *
 * err.h: how a function returns an error together with its detail text. The text is thread-local:
 * the one piece of state in the core that is not handed in. It only ever flows to kith_detail(),
 * never back into a decision.
 */
#ifndef KITH_BASE_ERR_H
#define KITH_BASE_ERR_H

#include <stddef.h>

#include "base/format.h"
#include "kith/kith.h"

/* Remembers a detail text and returns err: `return kith_fail(KITH_ERR_ADDRESS, "url: ...")`. */
kith_err kith_fail(kith_err err, const char *format, ...) KITH_PRINTF(2, 3);

/* Forgets the detail text; every public function starts with it. */
void kith_detail_clear(void);

/* Reasons on the wire: some are only for the application. A code from the network that is one of
 * those, or unknown, is LOST; sent in their place is the nearest one that may be. */
kith_reason kith_reason_from_wire(unsigned long long code);
kith_reason kith_reason_to_wire(kith_reason reason);

/* 1 when text is UTF-8 (RFC 3629) of min to max bytes without control characters (C0, DEL, C1). */
int kith_text_ok(const char *text, size_t bytes, size_t min, size_t max);

/* Copies text into out, cut where it does not fit. */
void kith_text_copy(char *out, size_t out_bytes, const char *text);

/* Copies bytes from the network into out as printable text: control characters and bad UTF-8 become
 * '?', too long is cut. */
void kith_printable(const void *text, size_t bytes, char *out, size_t out_bytes);

#endif
