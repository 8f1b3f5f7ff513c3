/* SPDX-License-Identifier: MIT
 *
 * guard_posix.c: see guard.h; for systems without a guard of their own. A debugger of the same user
 * can still look in.
 */
#define _XOPEN_SOURCE 700 /* RLIMIT_CORE */

#include <sys/resource.h>

#include "guard.h"

void guard_process(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
}
