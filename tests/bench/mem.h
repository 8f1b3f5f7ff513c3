/* SPDX-License-Identifier: MIT
 *
 * mem.h: sessions over the memory transport, which applications cannot choose. They run on an
 * ordinary loop in real time, both sides in one process; bytes arrive in the turn they are sent.
 */
#ifndef BENCH_MEM_H
#define BENCH_MEM_H

#include <kith/kith.h>

struct mem;

struct mem *mem_open(kith_loop *loop);
void mem_close(struct mem *mem);
/* As kith_session_open(). */
kith_err mem_session_open(struct mem *mem, kith_loop *loop, const kith_session_config *config,
                          const kith_callbacks *callbacks, void *user, kith_session **out);

#endif
