/* SPDX-License-Identifier: MIT
 *
 * no_sessions.c: what the runtime's loop asks of the layers above it, where there are none. The
 * suite uses the loop for its time, sockets and names.
 */
#include <string.h>

#include "check.h"
#include "runtime/runtime.h"
#include "session/session.h"

void kith_session_leave(struct kith_session *session, uint32_t flush_ms)
{
    (void)session;
    (void)flush_ms;
    CHECK(0, "there is no session");
}

void kith_session_abort(struct kith_session *session)
{
    (void)session;
    CHECK(0, "there is no session");
}

void kith_session_network(struct kith_session *session, unsigned due)
{
    (void)session;
    (void)due;
    CHECK(0, "there is no session");
}

void kith_inbox_drain(kith_loop *loop)
{
    (void)loop;
}

kith_err kith_take_sized(const char *name, void *out, size_t known, const void *given)
{
    (void)name;
    memcpy(out, given, known);
    return KITH_OK;
}
