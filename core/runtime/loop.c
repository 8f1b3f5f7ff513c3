/* SPDX-License-Identifier: MIT
 *
 * loop.c: time, sockets, names and threads, from libuv. Beside netwatch.c the only file of the
 * core that includes it. Knows sessions only to count them and to cut them off when the loop is
 * freed.
 *
 * One turn: timers that are due; deferred work until none is left; wait; sockets; deferred work
 * again.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/err.h"
#include "bounds.h"
#include "runtime/clock.h"
#include "runtime/netwatch.h"
#include "runtime/runtime.h"
#include "session/session.h"
#include "transport.h"

enum { CUT_MS_MAX = 3 * KITH_LINK_CLOSE_MS }; /* what freeing a loop waits for links at most */

struct post {
    struct kith_node node;
    void (*fn)(void *user);
    void *user;
};

struct watch_handle {
    uv_poll_t poll;
    struct kith_node node;    /* of those that libuv has yet to be told of */
    int wanted;               /* UV_READABLE and UV_WRITABLE */
    int told;                 /* likewise, as libuv knows it */
    struct kith_watch *watch; /* NULL once unwatched */
    kith_loop *loop;
};

struct lookup_request {
    uv_getaddrinfo_t request;
    struct kith_lookup *lookup; /* NULL once cancelled */
    kith_loop *loop;
    struct addrinfo *known; /* of a numeric address, which asks nobody */
    struct kith_deferred answer;
};

struct kith_loop {
    struct kith_env env;
    struct kith_clock clock;
    struct kith_netwatch netwatch; /* from the first session on */
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t timer;
    uv_async_t wake;
    uv_mutex_t mutex; /* guards posts, post_count and inbox */
    struct kith_node posts;
    struct kith_inbox inbox;
    size_t post_count;
    atomic_int stopping;
    atomic_uintptr_t thread;
    uv_thread_t own_thread;
    int has_own_thread;
    atomic_int own_thread_ended;
    atomic_int running;        /* a run or a step is under way, on whatever thread */
    int freeing;               /* no new sessions */
    int until_empty;           /* a run ends with the last session */
    struct kith_node changed;  /* watches */
    int dirty;                 /* a watch changed: libuv tells the kernel at its next turn */
    uint64_t step_until_us;    /* a step waits no longer */
    struct kith_node sessions; /* open ones */
};

/* ---- time and turns ---------------------------------------------------------------------------
 */

static void update_now(kith_loop *loop)
{
    uint64_t now_us =
        kith_clock_now_us(&loop->clock, uv_hrtime() / 1000, kith_timers_next_us(&loop->env.timers));
    if (now_us > loop->env.now_us) {
        loop->env.now_us = now_us;
    }
}

static void tell_sessions(kith_loop *loop, unsigned due)
{
    for (struct kith_node *at = loop->sessions.next; at != &loop->sessions; at = at->next) {
        kith_session_network(KITH_CONTAINER(at, struct kith_session, owner_node), due);
    }
}

/* Time goes on, and may have stood still before: 1 when it has. */
static int take_sleep(kith_loop *loop)
{
    uv_timeval64_t wall;
    update_now(loop);
    if (uv_gettimeofday(&wall) == 0) {
        kith_clock_compare(&loop->clock, uv_hrtime() / 1000,
                           (uint64_t)wall.tv_sec * 1000000 + (uint64_t)wall.tv_usec);
    }
    if (!loop->clock.has_slept) {
        return 0;
    }
    loop->clock.has_slept = 0;
    kith_log(&loop->env, KITH_LOG_INFO, "time stood still: links are looked at");
    tell_sessions(loop, KITH_NETWORK_DUE_WAKE | KITH_NETWORK_DUE_TELL_WOKE);
    return 1;
}

static void on_network(struct kith_netwatch *watch)
{
    tell_sessions(KITH_CONTAINER(watch, kith_loop, netwatch),
                  KITH_NETWORK_DUE_LOOK | KITH_NETWORK_DUE_TELL);
}

/* It ends libuv's wait; on_check() runs what is due. */
static void on_timer(uv_timer_t *timer)
{
    (void)timer;
}

static uint64_t wait_ms_until(const kith_loop *loop, uint64_t at_us)
{
    return at_us <= loop->env.now_us ? 0 : (at_us - loop->env.now_us + 999) / 1000;
}

static void tell_changes(kith_loop *loop);

/* Before libuv waits: nothing deferred is left, and the timer is set for what comes next. */
static void on_prepare(uv_prepare_t *prepare)
{
    kith_loop *loop = prepare->data;
    int more;
    uint64_t next_us;
    (void)take_sleep(loop);
    more = kith_deferred_run(&loop->env);
    tell_changes(loop);
    next_us = kith_timers_next_us(&loop->env.timers);
    next_us = next_us < loop->step_until_us ? next_us : loop->step_until_us;
    if (more || atomic_load(&loop->stopping) ||
        (loop->until_empty && kith_list_empty(&loop->sessions))) {
        next_us = 0;
    }
    if (next_us == KITH_TIME_NEVER) {
        uv_timer_stop(&loop->timer);
    } else {
        uv_update_time(&loop->uv);
        uv_timer_start(&loop->timer, on_timer, wait_ms_until(loop, next_us), 0);
    }
}

/* After libuv waited, and what came was read: nobody is given up whose answer is there, however
 * late it is looked at. After sleep no link is given up before it was asked again: that comes
 * first. */
static void on_check(uv_check_t *check)
{
    kith_loop *loop = check->data;
    int has_slept = take_sleep(loop);
    (void)kith_deferred_run(&loop->env);
    if (!has_slept) {
        kith_timers_run(&loop->env);
        (void)kith_deferred_run(&loop->env);
    }
}

/* ---- posts ------------------------------------------------------------------------------------
 */

static void on_wake(uv_async_t *wake)
{
    kith_loop *loop = wake->data;
    struct kith_node batch;
    update_now(loop);
    kith_inbox_drain(loop);
    uv_mutex_lock(&loop->mutex);
    kith_list_move(&loop->posts, &batch);
    loop->post_count = 0;
    uv_mutex_unlock(&loop->mutex);
    while (!kith_list_empty(&batch)) {
        struct post *post = KITH_CONTAINER(batch.next, struct post, node);
        kith_list_remove(&post->node);
        post->fn(post->user);
        kith_free(&loop->env, post);
    }
}

kith_err kith_post(kith_loop *loop, void (*fn)(void *user), void *user)
{
    struct post *post;
    kith_detail_clear();
    if (loop == NULL || fn == NULL) {
        return kith_fail(KITH_ERR_INVALID, "%s: is NULL", loop == NULL ? "loop" : "fn");
    }
    post = kith_alloc(&loop->env, sizeof *post);
    if (post == NULL) {
        return KITH_ERR_NOMEM;
    }
    post->fn = fn;
    post->user = user;
    uv_mutex_lock(&loop->mutex);
    if (loop->post_count >= KITH_POSTS_MAX) {
        uv_mutex_unlock(&loop->mutex);
        kith_free(&loop->env, post);
        return kith_fail(KITH_ERR_AGAIN, "%d posts are waiting already", KITH_POSTS_MAX);
    }
    loop->post_count++;
    kith_list_append(&loop->posts, &post->node);
    uv_mutex_unlock(&loop->mutex);
    uv_async_send(&loop->wake);
    return KITH_OK;
}

/* ---- sockets ----------------------------------------------------------------------------------
 */

static void on_poll(uv_poll_t *poll, int status, int events);

static int tell_libuv(struct watch_handle *handle)
{
    handle->told = handle->wanted;
    return uv_poll_start(&handle->poll, handle->wanted, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch_handle *handle = poll->data;
    unsigned ready = 0;
    if (handle->watch == NULL) {
        return;
    }
    update_now(handle->loop);
    if (status < 0) {
        ready = KITH_READABLE | KITH_WRITABLE; /* the driver finds the error when it reads */
    } else {
        events &= handle->wanted;
        ready |= (events & UV_READABLE) != 0 ? KITH_READABLE : 0;
        ready |= (events & UV_WRITABLE) != 0 ? KITH_WRITABLE : 0;
    }
    if (ready == 0) {
        return; /* not wanted any more, since a moment */
    }
    handle->watch->on_ready(handle->watch, ready);
    if (status < 0 && handle->watch != NULL) {
        /* libuv stops a handle that reports an error, but the driver may not have found it yet. */
        (void)tell_libuv(handle);
    }
}

/* Each change costs two system calls, and most are taken back in the same turn. */
static void tell_changes(kith_loop *loop)
{
    while (!kith_list_empty(&loop->changed)) {
        struct watch_handle *handle = KITH_CONTAINER(loop->changed.next, struct watch_handle, node);
        kith_list_remove(&handle->node);
        if (handle->told != handle->wanted && tell_libuv(handle) != 0) {
            kith_log(&loop->env, KITH_LOG_ERROR, "a socket cannot be watched any more");
        }
    }
}

static void free_handle(uv_handle_t *handle)
{
    struct watch_handle *watch = handle->data;
    kith_free(&watch->loop->env, watch);
}

static kith_err io_watch(struct kith_env *env, struct kith_watch *watch, int fd, unsigned events)
{
    kith_loop *loop = KITH_CONTAINER(env, kith_loop, env);
    struct watch_handle *handle = watch->impl;
    int wanted = ((events & KITH_READABLE) != 0 ? UV_READABLE : 0) |
                 ((events & KITH_WRITABLE) != 0 ? UV_WRITABLE : 0);
    loop->dirty = 1;
    if (handle == NULL) {
        handle = kith_alloc(env, sizeof *handle);
        if (handle == NULL) {
            return KITH_ERR_NOMEM;
        }
        handle->loop = loop;
        handle->watch = watch;
        if (uv_poll_init(&loop->uv, &handle->poll, fd) != 0) {
            kith_free(env, handle);
            return kith_fail(KITH_ERR_IO, "a socket cannot be watched");
        }
        kith_list_init(&handle->node);
        handle->poll.data = handle;
        watch->impl = handle;
        handle->wanted = wanted;
        return tell_libuv(handle) == 0 ? KITH_OK : KITH_ERR_IO;
    }
    handle->wanted = wanted;
    kith_list_remove(&handle->node);
    kith_list_append(&loop->changed, &handle->node);
    return KITH_OK;
}

static void io_unwatch(struct kith_env *env, struct kith_watch *watch)
{
    struct watch_handle *handle = watch->impl;
    (void)env;
    if (handle != NULL) {
        watch->impl = NULL;
        handle->watch = NULL;
        handle->loop->dirty = 1;
        kith_list_remove(&handle->node);
        uv_close((uv_handle_t *)&handle->poll, free_handle);
    }
}

/* ---- names ------------------------------------------------------------------------------------
 */

static size_t collect(const struct addrinfo *list, char ips[][KITH_IP_TEXT_BYTES])
{
    size_t count = 0;
    for (; list != NULL && count < KITH_ADDRESSES_PER_NAME_MAX; list = list->ai_next) {
        if (getnameinfo(list->ai_addr, list->ai_addrlen, ips[count], KITH_IP_TEXT_BYTES, NULL, 0,
                        NI_NUMERICHOST) == 0) {
            count++;
        }
    }
    return count;
}

static void finish_lookup(struct lookup_request *mine, struct addrinfo *list, int not_now)
{
    struct kith_lookup *lookup = mine->lookup;
    char ips[KITH_ADDRESSES_PER_NAME_MAX][KITH_IP_TEXT_BYTES];
    size_t count = collect(list, ips);
    uv_freeaddrinfo(list);
    kith_free(&mine->loop->env, mine);
    if (lookup != NULL) {
        lookup->impl = NULL;
        lookup->not_now = not_now;
        lookup->done(lookup, (const char(*)[KITH_IP_TEXT_BYTES])ips, count);
    }
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct lookup_request *mine = request->data;
    update_now(mine->loop);
    finish_lookup(mine, list, status == UV_EAI_AGAIN); /* after an error the list is empty */
}

static void on_numeric(struct kith_deferred *answer)
{
    struct lookup_request *mine = KITH_CONTAINER(answer, struct lookup_request, answer);
    finish_lookup(mine, mine->known, 0);
}

/* A numeric address needs no thread, which costs more than all else until the connection begins. */
static kith_err io_lookup(struct kith_env *env, struct kith_lookup *lookup, const char *host)
{
    kith_loop *loop = KITH_CONTAINER(env, kith_loop, env);
    struct addrinfo hints = {0};
    struct lookup_request *mine = kith_alloc(env, sizeof *mine);
    if (mine == NULL) {
        return KITH_ERR_NOMEM;
    }
    hints.ai_socktype = SOCK_STREAM;
    mine->loop = loop;
    mine->lookup = lookup;
    mine->request.data = mine;
    mine->answer.run = on_numeric;
    hints.ai_flags = AI_NUMERICHOST;
    if (getaddrinfo(host, NULL, &hints, &mine->known) == 0) {
        kith_defer(env, &mine->answer);
        lookup->impl = mine;
        return KITH_OK;
    }
    hints.ai_flags = 0;
    if (uv_getaddrinfo(&loop->uv, &mine->request, on_looked_up, host, NULL, &hints) != 0) {
        kith_free(env, mine);
        return KITH_ERR_IO;
    }
    lookup->impl = mine;
    return KITH_OK;
}

static void io_lookup_cancel(struct kith_env *env, struct kith_lookup *lookup)
{
    struct lookup_request *mine = lookup->impl;
    (void)env;
    if (mine == NULL) {
        return;
    }
    lookup->impl = NULL;
    mine->lookup = NULL;
    if (mine->answer.waiting) {
        kith_undefer(&mine->answer);
        finish_lookup(mine, mine->known, 0);
    } else {
        (void)uv_cancel((uv_req_t *)&mine->request);
    }
}

static const struct kith_io loop_io = {io_watch, io_unwatch, io_lookup, io_lookup_cancel};

/* ---- making and freeing -----------------------------------------------------------------------
 */

static void log_to_stderr(void *user, kith_log_level level, const char *text)
{
    static const char *const names[] = {"", "", "error", "warning", "info", "debug"};
    (void)user;
    fprintf(stderr, "kith: %s: %s\n", names[level], text);
}

static void take_config(struct kith_env *env, const kith_loop_config *config)
{
    env->log = config->log != NULL ? config->log : log_to_stderr;
    env->log_user = config->log_user;
    env->log_level = config->log_level == KITH_LOG_DEFAULT ? KITH_LOG_WARN : config->log_level;
    if (config->realloc != NULL) {
        env->realloc = config->realloc;
        env->realloc_user = config->realloc_user;
    }
    env->crypto = kith_default_crypto;
    env->io = &loop_io;
}

static void start_handles(kith_loop *loop)
{
    /* None of these can fail on a fresh loop but the async, which was made before. */
    (void)uv_prepare_init(&loop->uv, &loop->prepare);
    (void)uv_check_init(&loop->uv, &loop->check);
    (void)uv_timer_init(&loop->uv, &loop->timer);
    loop->prepare.data = loop->check.data = loop->timer.data = loop->wake.data = loop;
    (void)uv_prepare_start(&loop->prepare, on_prepare);
    (void)uv_check_start(&loop->check, on_check);
}

static uintptr_t this_thread(void)
{
    return (uintptr_t)uv_thread_self();
}

static int open_uv(kith_loop *loop)
{
    if (uv_loop_init(&loop->uv) != 0) {
        return 0;
    }
    if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) {
        (void)uv_loop_close(&loop->uv);
        return 0;
    }
    if (uv_mutex_init(&loop->mutex) != 0) {
        uv_close((uv_handle_t *)&loop->wake, NULL);
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
        (void)uv_loop_close(&loop->uv);
        return 0;
    }
    return 1;
}

kith_err kith_loop_new(const kith_loop_config *config, kith_loop **out)
{
    kith_loop_config known = KITH_LOOP_CONFIG_INIT;
    struct kith_env env;
    kith_loop *loop;
    kith_err err;
    kith_detail_clear();
    if (out == NULL) {
        return kith_fail(KITH_ERR_INVALID, "out: is NULL");
    }
    err = config == NULL ? KITH_OK
                         : kith_take_sized("kith_loop_config", &known, sizeof known, config);
    if (err != KITH_OK) {
        return err;
    }
    if ((unsigned)known.log_level > KITH_LOG_DEBUG) {
        return kith_fail(KITH_ERR_INVALID, "log_level: %d is no kith_log_level",
                         (int)known.log_level);
    }
    kith_env_init(&env);
    take_config(&env, &known);
    loop = kith_alloc(&env, sizeof *loop);
    if (loop == NULL) {
        return KITH_ERR_NOMEM;
    }
    loop->env = env;
    kith_list_init(&loop->env.deferred);
    kith_list_init(&loop->posts);
    kith_list_init(&loop->inbox.messages);
    kith_list_init(&loop->inbox.datagrams);
    kith_list_init(&loop->changed);
    kith_list_init(&loop->sessions);
    loop->step_until_us = KITH_TIME_NEVER;
    atomic_store(&loop->thread, this_thread());
    if (!open_uv(loop)) {
        kith_free(&env, loop);
        return kith_fail(KITH_ERR_IO, "no event loop: out of file descriptors? (ulimit -n)");
    }
    start_handles(loop);
    update_now(loop);
    *out = loop;
    return KITH_OK;
}

static void turn(kith_loop *loop, uv_run_mode mode)
{
    loop->dirty = 0;
    (void)uv_run(&loop->uv, mode);
}

/* Lets every session leave without waiting for deliveries or for the other sides. */
static void cut_sessions(kith_loop *loop)
{
    uint64_t until_us;
    update_now(loop);
    until_us = loop->env.now_us + (uint64_t)CUT_MS_MAX * 1000;
    for (struct kith_node *at = loop->sessions.next; at != &loop->sessions; at = at->next) {
        kith_session_leave(KITH_CONTAINER(at, struct kith_session, owner_node), 0);
    }
    loop->step_until_us = until_us;
    loop->until_empty = 1;
    turn(loop, UV_RUN_NOWAIT); /* time for a last word, not for an answer */
    for (struct kith_node *at = loop->sessions.next; at != &loop->sessions; at = at->next) {
        kith_session_abort(KITH_CONTAINER(at, struct kith_session, owner_node));
    }
    while (!kith_list_empty(&loop->sessions) && loop->env.now_us < until_us) {
        turn(loop, UV_RUN_ONCE);
    }
    if (!kith_list_empty(&loop->sessions)) {
        kith_log(&loop->env, KITH_LOG_ERROR, "a session did not close: its memory is lost");
    }
}

static void close_any(uv_handle_t *handle, void *user)
{
    (void)user;
    if (!uv_is_closing(handle)) {
        uv_close(handle, handle->type == UV_POLL ? free_handle : NULL);
    }
}

static void close_handles(kith_loop *loop)
{
    uv_walk(&loop->uv, close_any, NULL);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop->uv);
    uv_mutex_destroy(&loop->mutex);
}

static void drop_posts(kith_loop *loop)
{
    while (!kith_list_empty(&loop->posts)) {
        struct post *post = KITH_CONTAINER(loop->posts.next, struct post, node);
        kith_list_remove(&post->node);
        kith_free(&loop->env, post);
    }
    loop->post_count = 0;
}

void kith_loop_free(kith_loop **handle)
{
    kith_loop *loop = handle != NULL ? *handle : NULL;
    struct kith_env env;
    if (loop == NULL) {
        return;
    }
    if (loop->has_own_thread) {
        kith_loop_stop(loop);
        (void)uv_thread_join(&loop->own_thread);
    }
    atomic_store(&loop->stopping, 0);
    atomic_store(&loop->thread, this_thread());
    loop->freeing = 1;
    drop_posts(loop);
    cut_sessions(loop);
    kith_inbox_drain(loop); /* what nobody takes is given back */
    (void)kith_deferred_run(&loop->env);
    drop_posts(loop);
    kith_netwatch_stop(&loop->netwatch);
    close_handles(loop);
    kith_env_fini(&loop->env);
    env = loop->env;
    kith_free(&env, loop);
    *handle = NULL;
}

/* ---- running ----------------------------------------------------------------------------------
 */

static void run_until(kith_loop *loop, int until_empty)
{
    atomic_store(&loop->thread, this_thread());
    loop->until_empty = until_empty;
    while (!atomic_exchange(&loop->stopping, 0) &&
           (!until_empty || !kith_list_empty(&loop->sessions))) {
        turn(loop, UV_RUN_ONCE);
    }
    loop->until_empty = 0;
}

/* Takes the loop for one run or step. */
static kith_err begin_running(kith_loop *loop)
{
    if (loop == NULL) {
        return kith_fail(KITH_ERR_INVALID, "loop: is NULL");
    }
    if (loop->has_own_thread && atomic_load(&loop->own_thread_ended)) {
        (void)uv_thread_join(&loop->own_thread);
        loop->has_own_thread = 0;
    }
    if (atomic_exchange(&loop->running, 1)) {
        return kith_fail(KITH_ERR_STATE, "the loop runs already");
    }
    return KITH_OK;
}

kith_err kith_loop_run(kith_loop *loop)
{
    kith_err err;
    kith_detail_clear();
    err = begin_running(loop);
    if (err == KITH_OK) {
        run_until(loop, 1);
        atomic_store(&loop->running, 0);
    }
    return err;
}

static void thread_main(void *user)
{
    kith_loop *loop = user;
    run_until(loop, 0);
    atomic_store(&loop->own_thread_ended, 1);
    atomic_store(&loop->running, 0);
}

kith_err kith_loop_start(kith_loop *loop)
{
    kith_err err;
    kith_detail_clear();
    err = begin_running(loop);
    if (err != KITH_OK) {
        return err;
    }
    loop->has_own_thread = 1;
    atomic_store(&loop->own_thread_ended, 0);
    if (uv_thread_create(&loop->own_thread, thread_main, loop) != 0) {
        loop->has_own_thread = 0;
        atomic_store(&loop->running, 0);
        return kith_fail(KITH_ERR_IO, "no thread could be made");
    }
    atomic_store(&loop->thread,
                 (uintptr_t)loop->own_thread); /* from now on, not from its first step */
    return KITH_OK;
}

void kith_loop_stop(kith_loop *loop)
{
    atomic_store(&loop->stopping, 1);
    uv_async_send(&loop->wake);
}

int kith_loop_fd(const kith_loop *loop)
{
    return uv_backend_fd(&loop->uv);
}

int kith_loop_timeout_ms(const kith_loop *loop)
{
    uint64_t next_us = kith_timers_next_us(&loop->env.timers), wait_ms;
    uint64_t now_us = uv_hrtime() / 1000 - loop->clock.lost_us;
    int uv_ms = uv_backend_timeout(&loop->uv);
    if (loop->dirty || uv_ms == 0 || !kith_list_empty(&loop->env.deferred)) {
        return 0;
    }
    if (next_us == KITH_TIME_NEVER) {
        return -1;
    }
    wait_ms = next_us <= now_us ? 0 : (next_us - now_us + 999) / 1000;
    return wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms;
}

kith_err kith_loop_step(kith_loop *loop, int wait_ms)
{
    kith_err err;
    kith_detail_clear();
    err = begin_running(loop);
    if (err != KITH_OK) {
        return err;
    }
    atomic_store(&loop->thread, this_thread());
    atomic_store(&loop->stopping, 0);
    update_now(loop);
    if (wait_ms == 0) {
        turn(loop, UV_RUN_NOWAIT);
    } else {
        loop->step_until_us =
            wait_ms < 0 ? KITH_TIME_NEVER : loop->env.now_us + (uint64_t)wait_ms * 1000;
        turn(loop, UV_RUN_ONCE);
        loop->step_until_us = KITH_TIME_NEVER;
    }
    atomic_store(&loop->running, 0);
    return KITH_OK;
}

/* ---- for the entry points ---------------------------------------------------------------------
 */

struct kith_env *kith_loop_env(kith_loop *loop)
{
    return &loop->env;
}

int kith_loop_is_this_thread(const kith_loop *loop)
{
    if (atomic_load(&((kith_loop *)loop)->thread) == this_thread()) {
        return 1;
    }
    (void)kith_fail(KITH_ERR_THREAD,
                    "call it on the loop's thread: kith_post() gets you there while the loop runs");
    return 0;
}

int kith_loop_is_mine(const kith_loop *loop)
{
    if (!kith_loop_is_this_thread(loop)) {
        return 0;
    }
    update_now((kith_loop *)loop);
    return 1;
}

struct kith_inbox *kith_loop_inbox(kith_loop *loop)
{
    return &loop->inbox;
}

void kith_loop_lock(kith_loop *loop)
{
    uv_mutex_lock(&loop->mutex);
}

void kith_loop_unlock(kith_loop *loop)
{
    uv_mutex_unlock(&loop->mutex);
}

void kith_loop_wake(kith_loop *loop)
{
    uv_async_send(&loop->wake);
}

int kith_loop_is_freeing(const kith_loop *loop)
{
    return loop->freeing;
}

void kith_loop_session_opened(kith_loop *loop, kith_session *session)
{
    kith_list_append(&loop->sessions, &session->owner_node);
    loop->netwatch.changed = on_network;
    kith_netwatch_start(&loop->netwatch, &loop->env);
}
