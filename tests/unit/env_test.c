/* SPDX-License-Identifier: MIT
 *
 * env_test.c: deferred work, memory, log and jitter of an env.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "bench.h"
#include "bounds.h"

struct job {
    struct kith_deferred deferred;
    unsigned ran;
    struct job *again; /* put off when this one runs */
    struct job *undo;  /* taken back when this one runs */
};

static struct bench bench;
static struct job jobs[10];
static struct job *order[100];
static size_t order_count;

static void run(struct kith_deferred *deferred)
{
    struct job *job = KITH_CONTAINER(deferred, struct job, deferred);
    cr_assert(!deferred->waiting);
    job->ran++;
    order[order_count++ % 100] = job;
    if (job->again != NULL) {
        kith_defer(&bench.env, &job->again->deferred);
    }
    if (job->undo != NULL) {
        kith_undefer(&job->undo->deferred);
    }
}

static void open_bench(void)
{
    bench_open(&bench, 1);
    memset(jobs, 0, sizeof jobs);
    order_count = 0;
    for (size_t i = 0; i < 10; i++) {
        jobs[i].deferred.run = run;
    }
}

Test(env, deferred_in_order_and_once)
{
    open_bench();
    kith_defer(&bench.env, &jobs[2].deferred);
    kith_defer(&bench.env, &jobs[0].deferred);
    kith_defer(&bench.env, &jobs[2].deferred);
    kith_defer(&bench.env, &jobs[1].deferred);
    cr_assert_eq(order_count, 0, "nothing runs inside kith_defer()");
    cr_assert_eq(kith_deferred_run(&bench.env), 0);
    cr_assert_eq(order_count, 3);
    cr_assert_eq(order[0], &jobs[2]);
    cr_assert_eq(order[1], &jobs[0]);
    cr_assert_eq(order[2], &jobs[1]);
    cr_assert_eq(kith_deferred_run(&bench.env), 0);
    cr_assert_eq(order_count, 3);
    bench_close(&bench);
}

Test(env, undeferred)
{
    open_bench();
    kith_undefer(&jobs[0].deferred); /* legal: it does not wait */
    kith_defer(&bench.env, &jobs[0].deferred);
    kith_defer(&bench.env, &jobs[1].deferred);
    kith_undefer(&jobs[0].deferred);
    cr_assert_eq(kith_deferred_run(&bench.env), 0);
    cr_assert_eq(jobs[0].ran, 0);
    cr_assert_eq(jobs[1].ran, 1);
    bench_close(&bench);
}

/* What is put off while work runs comes after all that waited already. */
Test(env, put_off_inside_runs_in_the_next_round)
{
    open_bench();
    jobs[0].again = &jobs[1];
    jobs[2].again = &jobs[2];
    kith_defer(&bench.env, &jobs[0].deferred);
    kith_defer(&bench.env, &jobs[3].deferred);
    cr_assert_eq(kith_deferred_run(&bench.env), 0);
    cr_assert_eq(order[0], &jobs[0]);
    cr_assert_eq(order[1], &jobs[3]);
    cr_assert_eq(order[2], &jobs[1]);
    bench_close(&bench);
}

Test(env, undeferred_by_one_of_the_same_round)
{
    open_bench();
    jobs[0].undo = &jobs[1];
    jobs[2].undo = &jobs[3];
    for (size_t i = 0; i < 4; i++) {
        kith_defer(&bench.env, &jobs[i].deferred);
    }
    cr_assert_eq(kith_deferred_run(&bench.env), 0);
    cr_assert_eq(jobs[0].ran + jobs[2].ran, 2);
    cr_assert_eq(jobs[1].ran + jobs[3].ran, 0);
    bench_close(&bench);
}

Test(env, work_that_never_ends_lets_others_in)
{
    open_bench();
    jobs[0].again = &jobs[0];
    kith_defer(&bench.env, &jobs[0].deferred);
    cr_assert_eq(kith_deferred_run(&bench.env), 1);
    cr_assert_eq(jobs[0].ran, KITH_DEFERRED_ROUNDS_MAX);
    cr_assert_eq(kith_deferred_run(&bench.env), 1);
    kith_undefer(&jobs[0].deferred);
    cr_assert_eq(kith_deferred_run(&bench.env), 0);
    bench_close(&bench);
}

Test(env, memory)
{
    static const uint8_t zeros[100];
    uint8_t *block;
    open_bench();
    block = kith_alloc(&bench.env, 100);
    cr_assert_arr_eq(block, zeros, 100);
    memset(block, 7, 100);
    block = kith_resize(&bench.env, block, 300);
    cr_assert_eq(block[99], 7);
    kith_free(&bench.env, block);
    kith_free(&bench.env, NULL);
    bench.fail_from = bench.requests + 1;
    cr_assert_null(kith_alloc(&bench.env, 100));
    cr_assert_not_null(block = kith_alloc(&bench.env, 100));
    kith_free(&bench.env, block);
    bench_close(&bench);
}

Test(env, the_c_librarys_memory)
{
    struct kith_env env;
    char *block;
    kith_env_init(&env);
    block = kith_alloc(&env, 10);
    cr_assert_eq(block[9], 0);
    strcpy(block, "kept");
    block = kith_resize(&env, block, 10000);
    cr_assert_str_eq(block, "kept");
    kith_free(&env, block);
    kith_env_fini(&env);
}

Test(env, log_by_level)
{
    char long_text[2000];
    open_bench();
    bench.env.log_level = KITH_LOG_WARN;
    kith_log(&bench.env, KITH_LOG_INFO, "%d", 1);
    cr_assert_eq(bench.log_lines, 0);
    kith_log(&bench.env, KITH_LOG_WARN, "%d and %s", 2, "text");
    kith_log(&bench.env, KITH_LOG_ERROR, "%d", 3);
    cr_assert_eq(bench.log_lines, 2);
    cr_assert_str_eq(bench.log, "3");
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    kith_log(&bench.env, KITH_LOG_ERROR, "%s", long_text);
    cr_assert_eq(bench.log_lines, 3);
    bench.env.log = NULL;
    kith_log(&bench.env, KITH_LOG_ERROR, "to nowhere");
    bench_close(&bench);
}

static kith_err no_random(void *user, uint8_t *out, size_t count)
{
    (void)user;
    memset(out, 0, count);
    return KITH_ERR_CRYPTO;
}

Test(env, random_below)
{
    unsigned seen[7] = {0};
    open_bench();
    for (int i = 0; i < 7000; i++) {
        uint32_t value = kith_random_below(&bench.env, 7);
        cr_assert_lt(value, 7);
        seen[value]++;
    }
    for (int i = 0; i < 7; i++) {
        cr_assert(seen[i] > 800 && seen[i] < 1200, "%d came %u times", i, seen[i]);
    }
    cr_assert_eq(kith_random_below(&bench.env, 1), 0);
    bench.env.crypto.random = no_random;
    cr_assert_eq(kith_random_below(&bench.env, 1000), 0);
    bench_close(&bench);
}
