/* SPDX-License-Identifier: MIT
 *
 * bench.c: see bench.h.
 */
#include "bench.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "transport.h"

/* Every block is preceded by its size; the union keeps what follows aligned. */
union block_head {
    size_t bytes;
    max_align_t alignment;
};

uint64_t bench_next(struct bench_random *random)
{
    /* splitmix64 */
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t bench_below(struct bench_random *random, size_t bound)
{
    return (size_t)(bench_next(random) % bound);
}

void bench_fill(struct bench_random *random, void *out, size_t count)
{
    uint8_t *at = out;
    for (size_t i = 0; i < count; i++) {
        at[i] = (uint8_t)bench_next(random);
    }
}

static int is_slow(void)
{
    const char *slow = getenv("KITH_TEST_SLOW");
    return slow != NULL && slow[0] != '\0';
}

uint64_t bench_rounds(uint64_t rounds)
{
    return is_slow() ? rounds / 10 + 1 : rounds;
}

uint32_t bench_deadline_ms(uint32_t deadline_ms)
{
    return is_slow() ? deadline_ms * 10 : deadline_ms;
}

size_t bench_step(void)
{
    return is_slow() ? 9 : 1;
}

static kith_err random_bytes(void *user, uint8_t *out, size_t count)
{
    bench_fill(user, out, count);
    return KITH_OK;
}

static int must_fail(struct bench *bench, size_t bytes)
{
    bench->requests++;
    if (bench->fail_bytes == bytes) {
        return 1;
    }
    return bench->fail_from != 0 && bench->requests >= bench->fail_from &&
           bench->requests - bench->fail_from <= bench->fail_count;
}

/* Fresh memory is never zero and freed memory is overwritten, so that nothing passes by luck. */
/* memset() as the compiler cannot see through it: before free() it would be left out. */
static void *(*const volatile overwrite)(void *, int, size_t) = memset;

static void *counted_realloc(void *user, void *block, size_t bytes)
{
    struct bench *bench = user;
    union block_head *head = block == NULL ? NULL : (union block_head *)block - 1;
    size_t old = head == NULL ? 0 : head->bytes;
    union block_head *made = NULL;
    if (bytes > 0) {
        if (must_fail(bench, bytes)) {
            return NULL;
        }
        made = malloc(sizeof *made + bytes);
        cr_assert_not_null(made);
        made->bytes = bytes;
        memset(made + 1, 0xa5, bytes);
        if (head != NULL) {
            memcpy(made + 1, head + 1, old < bytes ? old : bytes);
        }
        bench->blocks++;
        bench->bytes += bytes;
    }
    if (head != NULL) {
        bench->blocks--;
        bench->bytes -= old;
        overwrite(head, 0xdd, sizeof *head + old);
        free(head);
    }
    bench->peak_bytes = bench->bytes > bench->peak_bytes ? bench->bytes : bench->peak_bytes;
    return made == NULL ? NULL : made + 1;
}

static void keep_log(void *user, kith_log_level level, const char *text)
{
    struct bench *bench = user;
    (void)level;
    bench->log_lines++;
    strncpy(bench->log, text, sizeof bench->log - 1);
}

void bench_open(struct bench *bench, uint64_t seed)
{
    memset(bench, 0, sizeof *bench);
    kith_env_init(&bench->env);
    bench->random.state = seed;
    bench->env.now_us = 1000000; /* not 0: code that takes 0 for "never" must not pass */
    bench->env.crypto = kith_default_crypto;
    bench->env.crypto.random = random_bytes;
    bench->env.crypto.user = &bench->random;
    bench->env.realloc = counted_realloc;
    bench->env.realloc_user = bench;
    bench->env.log = keep_log;
    bench->env.log_user = bench;
    bench->env.log_level = KITH_LOG_DEBUG;
}

void bench_close(struct bench *bench)
{
    cr_assert(kith_list_empty(&bench->env.deferred), "deferred work is left");
    cr_assert_eq(bench->env.timers.count, 0, "%zu timers are left", bench->env.timers.count);
    kith_env_fini(&bench->env);
    cr_assert_eq(bench->blocks, 0, "%zu blocks, %zu bytes are left", bench->blocks, bench->bytes);
}
