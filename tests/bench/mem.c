/* SPDX-License-Identifier: MIT
 *
 * mem.c: see mem.h. The one file of this program that looks into the core.
 */
#include "mem.h"

#include <stdlib.h>

#include "meter.h"
#include "runtime/runtime.h"
#include "session/session.h"
#include "transports/memory/memory.h"

struct mem {
    struct kith_memory_hub hub;
    const struct kith_driver *drivers[2];
};

struct mem *mem_open(kith_loop *loop)
{
    struct mem *mem = need(sizeof *mem);
    kith_memory_hub_init(&mem->hub, kith_loop_env(loop));
    mem->drivers[0] = &mem->hub.driver;
    return mem;
}

void mem_close(struct mem *mem)
{
    free(mem);
}

static void ended(struct kith_session *session)
{
    session->callbacks.on_closed(session, session->user);
    kith_list_remove(&session->owner_node);
    kith_session_destroy(session);
}

kith_err mem_session_open(struct mem *mem, kith_loop *loop, const kith_session_config *config,
                          const kith_callbacks *callbacks, void *user, kith_session **out)
{
    kith_err err =
        kith_session_create(kith_loop_env(loop), mem->drivers, config, callbacks, user, out);
    if (err == KITH_OK) {
        (*out)->owner = loop;
        (*out)->ended = ended;
        kith_loop_session_opened(loop, *out);
    }
    return err;
}
