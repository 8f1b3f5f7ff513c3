/* SPDX-License-Identifier: MIT
 *
 * bench.h: what most unit tests stand on: an env whose memory is counted and can be made to fail,
 * whose time only moves when told to, and whose randomness comes from a seed.
 */
#ifndef KITH_TESTS_BENCH_H
#define KITH_TESTS_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

/* A small deterministic generator. */
struct bench_random {
    uint64_t state;
};

uint64_t bench_next(struct bench_random *random);
/* Below bound, which is 1 or more. */
size_t bench_below(struct bench_random *random, size_t bound);
void bench_fill(struct bench_random *random, void *out, size_t count);

/* How many of so many rounds to run: all, or a tenth of them where tests run under a slow tool
 * (KITH_TEST_SLOW is set under valgrind). */
uint64_t bench_rounds(uint64_t rounds);
/* A deadline that a handshake on this machine keeps easily: so many ms, or ten times that. */
uint32_t bench_deadline_ms(uint32_t deadline_ms);
/* The same for loops that look at every place of something: 1, or 9. */
size_t bench_step(void);

struct bench {
    struct kith_env env;
    struct bench_random random; /* behind env.crypto.random */
    size_t blocks, bytes;       /* held now */
    size_t peak_bytes;          /* most ever held; may be set back */
    uint64_t requests;          /* for memory so far, the failed ones included */
    uint64_t fail_from;         /* 0 = never; else the request of that number fails */
    uint64_t fail_count;        /* and so many more from there on; 0 = only that one */
    size_t fail_bytes;          /* requests of exactly that size fail; 0 = none do */
    char log[512];              /* the last line */
    unsigned log_lines;
};

/* Cryptography is the library's own but for the seeded randomness. The bench must not move. */
void bench_open(struct bench *bench, uint64_t seed);
/* Fails the test when memory, timers or deferred work are left. */
void bench_close(struct bench *bench);

#endif
