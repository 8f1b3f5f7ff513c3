/* SPDX-License-Identifier: MIT
 *
 * job.h: what is to be measured, and what comes out. Plain data, no functions but the names.
 */
#ifndef BENCH_JOB_H
#define BENCH_JOB_H

#include <stddef.h>
#include <stdint.h>

enum transport { TRANSPORT_MEM, TRANSPORT_WS, TRANSPORT_WSS, TRANSPORT_QUIC, TRANSPORTS };
enum mode {
    MODE_BULK,
    MODE_MESSAGES,
    MODE_RTT,
    MODE_FANOUT,
    MODE_MIXED,
    MODE_HANDSHAKES,
    MODE_IDLE,
    MODE_DATAGRAMS,
    MODE_RESUME,
    MODES
};

const char *transport_name(enum transport transport);
static inline int is_encrypted(enum transport transport)
{
    return transport == TRANSPORT_WSS || transport == TRANSPORT_QUIC;
}
const char *mode_name(enum mode mode);

struct job {
    enum transport transport;
    enum mode mode;
    size_t size;      /* bytes of a message */
    uint64_t span_ns; /* how long the sender goes on */
    unsigned peers;   /* connections */
    int lend;         /* messages are lent, not copied */
    int dialler_sends;
    int urgent;   /* mixed: beside bulk there are urgent messages */
    int in_clear; /* a floor without encryption */
    int plain;    /* a peer departs with its connection: KITH_RESUME_OFF */
    int vs_plain; /* the floor is Kith like that */
};

static inline int is_secure(const struct job *job)
{
    return is_encrypted(job->transport) && !job->in_clear;
}

/* What one side knows when it is done. */
struct side {
    uint64_t begin_ns, end_ns; /* of what it did; 0 = the other side knows */
    uint64_t sent, delivered, bytes;
    double cpu_s;
    double rss_bytes; /* by which its memory grew with all its peers */
    double p50_us, p99_us, p999_us;
};

/* NAN stands for what a mode does not measure. */
struct figures {
    double gbit_s, messages_s;
    double p50_us, p99_us, p999_us;
    double cpu_s_per_gb_tx, cpu_s_per_gb_rx, cpu_us_per_message;
    double rss_bytes_per_peer;
    uint64_t delivered, lost;
};

#endif
