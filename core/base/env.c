/* SPDX-License-Identifier: MIT
 *
 * env.c: memory, log, deferred work, jitter. Pure: reads no clock, opens nothing; everything comes
 * in through the env.
 */
#include "base/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "bounds.h"

static void *default_realloc(void *user, void *block, size_t bytes)
{
    (void)user;
    if (bytes == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, bytes);
}

void kith_env_init(struct kith_env *env)
{
    memset(env, 0, sizeof *env);
    kith_list_init(&env->deferred);
    env->realloc = default_realloc;
    env->log_level = KITH_LOG_OFF;
}

void kith_env_fini(struct kith_env *env)
{
    kith_timers_fini(env);
}

void *kith_resize(struct kith_env *env, void *block, size_t bytes)
{
    return env->realloc(env->realloc_user, block, bytes);
}

void *kith_alloc(struct kith_env *env, size_t bytes)
{
    void *block = kith_resize(env, NULL, bytes);
    if (block != NULL) {
        memset(block, 0, bytes);
    }
    return block;
}

void kith_free(struct kith_env *env, void *block)
{
    if (block != NULL) {
        (void)kith_resize(env, block, 0);
    }
}

void kith_defer(struct kith_env *env, struct kith_deferred *deferred)
{
    if (!deferred->waiting) {
        deferred->waiting = 1;
        kith_list_append(&env->deferred, &deferred->node);
    }
}

void kith_undefer(struct kith_deferred *deferred)
{
    if (deferred->waiting) {
        deferred->waiting = 0;
        kith_list_remove(&deferred->node);
    }
}

int kith_deferred_run(struct kith_env *env)
{
    for (int round = 0; round < KITH_DEFERRED_ROUNDS_MAX; round++) {
        struct kith_node batch;
        if (kith_list_empty(&env->deferred)) {
            return 0;
        }
        /* What is put off from now on belongs to the next round. */
        kith_list_move(&env->deferred, &batch);
        while (!kith_list_empty(&batch)) {
            struct kith_deferred *one = KITH_CONTAINER(batch.next, struct kith_deferred, node);
            kith_undefer(one);
            one->run(one);
        }
    }
    return !kith_list_empty(&env->deferred);
}

void kith_log(struct kith_env *env, kith_log_level level, const char *format, ...)
{
    char text[512];
    va_list arguments;
    if (env->log == NULL || level > env->log_level) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    env->log(env->log_user, level, text);
}

uint32_t kith_random_below(struct kith_env *env, uint32_t bound)
{
    uint8_t raw[8] = {0};
    struct kith_reader reader = kith_reader_of(raw, sizeof raw);
    if (env->crypto.random(env->crypto.user, raw, sizeof raw) != KITH_OK) {
        return 0;
    }
    /* 64 bits over at most 32: the bias is below 2^-32, enough for jitter. The same number from the
     * same bytes on every machine. */
    return (uint32_t)(kith_read_uint(&reader, sizeof raw) % bound);
}
