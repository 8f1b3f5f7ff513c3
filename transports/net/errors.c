/* SPDX-License-Identifier: MIT
 *
 * errors.c: what the system says went wrong, in words and as reasons of ours.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transports/net/net.h"

const char *kith__net_errno_text(int error, char *out, size_t out_bytes)
{
    if (strerror_r(error, out, out_bytes) != 0) {
        snprintf(out, out_bytes, "error %d", error);
    }
    return out;
}

kith_reason kith__net_reason_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return KITH_REASON_REFUSED;
    case ETIMEDOUT:
        return KITH_REASON_TIMEOUT;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EINVAL:
    case EACCES:
    case EPERM:
        return KITH_REASON_UNREACHABLE;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
        return KITH_REASON_INTERNAL; /* nothing was sent: it says nothing of the other side */
    default:
        return KITH_REASON_LOST;
    }
}
