/* SPDX-License-Identifier: MIT
 *
 * job.c: see job.h.
 */
#include "job.h"

const char *transport_name(enum transport transport)
{
    static const char *const names[TRANSPORTS] = {"mem", "ws", "wss", "quic"};
    return names[transport];
}

const char *mode_name(enum mode mode)
{
    static const char *const names[MODES] = {
        "bulk", "messages", "rtt", "fanout", "mixed", "handshakes", "idle", "datagrams", "resume"};
    return names[mode];
}
