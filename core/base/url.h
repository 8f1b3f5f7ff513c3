/* SPDX-License-Identifier: MIT
 *
 * url.h: reads "SCHEME://HOST:PORT". Pure; does not look names up.
 */
#ifndef KITH_BASE_URL_H
#define KITH_BASE_URL_H

#include <stdint.h>

#include "bounds.h"
#include "kith/kith.h"

struct kith_url {
    char scheme[16];
    char host[KITH_URL_BYTES_MAX]; /* without brackets */
    uint16_t port;
};

/* ADDRESS with a detail that shows the right form. */
KITH_MUST_USE kith_err kith_url_parse(const char *text, struct kith_url *out);

#endif
