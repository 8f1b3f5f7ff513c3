/* SPDX-License-Identifier: MIT
 *
 * guard.h: keeps what is in this process's memory in it. guard_linux.c or guard_posix.c.
 */
#ifndef CHAT_GUARD_H
#define CHAT_GUARD_H

/* From now on this process leaves no core dump and, where the system can do that, cannot be looked
 * into by others of the same user. */
void guard_process(void);

#endif
