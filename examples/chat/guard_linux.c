/* SPDX-License-Identifier: MIT
 *
 * guard_linux.c: see guard.h; prctl() is Linux's own.
 */
#define _XOPEN_SOURCE 700 /* RLIMIT_CORE */

#include <sys/prctl.h>
#include <sys/resource.h>

#include "guard.h"

/* The leak sanitizer looks at its own process in the very way that the guard forbids. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARD_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define GUARD_SANITIZED 1
#endif

void guard_process(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
#if !defined(GUARD_SANITIZED)
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}
