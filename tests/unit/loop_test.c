/* SPDX-License-Identifier: MIT
 *
 * loop_test.c: the loop and the public entry points: running, stopping, stepping, threads, sized
 * structs, and arguments that are refused by name.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "party.h"
#include "runtime/runtime.h"
#include "session/session.h"

static kith_loop *loop;
static struct party ada, bob;

static void expect_detail(const char *part)
{
    cr_assert_not_null(strstr(kith_detail(), part), "\"%s\" says nothing of %s", kith_detail(),
                       part);
}

/* ---- making -----------------------------------------------------------------------------------
 */

Test(loop, made_and_freed)
{
    cr_assert_eq(kith_loop_new(NULL, &loop), KITH_OK);
    kith_loop_free(&loop);
    cr_assert_null(loop);
    kith_loop_free(&loop);
    kith_loop_free(NULL);
    cr_assert_eq(kith_loop_new(NULL, NULL), KITH_ERR_INVALID);
    loop = party_loop();
    party_loop_free(&loop);
}

Test(loop, config_of_another_size)
{
    union {
        kith_loop_config config;
        unsigned char bytes[sizeof(kith_loop_config) + 64];
    } large;
    memset(&large, 0, sizeof large);
    large.config.size = sizeof large;
    cr_assert_eq(kith_loop_new(&large.config, &loop), KITH_OK, "a rest of zeros is fine");
    kith_loop_free(&loop);
    large.bytes[sizeof large - 1] = 1;
    cr_assert_eq(kith_loop_new(&large.config, &loop), KITH_ERR_UNSUPPORTED);
    expect_detail("kith_loop_config");
    large.config.size = sizeof large - 1;
    cr_assert_eq(kith_loop_new(&large.config, &loop), KITH_OK);
    kith_loop_free(&loop);
    /* One from before log_level was there: the rest is not looked at. */
    memset(&large, 0xff, sizeof large);
    large.config.log = NULL;
    large.config.size = offsetof(kith_loop_config, log_user);
    cr_assert_eq(kith_loop_new(&large.config, &loop), KITH_OK);
    kith_loop_free(&loop);
    large.config.size = 0;
    cr_assert_eq(kith_loop_new(&large.config, &loop), KITH_ERR_INVALID);
    expect_detail("size");
    memset(&large, 0, sizeof large);
    large.config.size = sizeof large.config;
    large.config.log_level = (kith_log_level)6;
    cr_assert_eq(kith_loop_new(&large.config, &loop), KITH_ERR_INVALID);
    expect_detail("log_level");
}

/* ---- sockets and names ------------------------------------------------------------------------
 */

static char looked_up_ip[KITH_IP_TEXT_BYTES];
static size_t looked_up_count;
static int looked_up;

static void on_lookup(struct kith_lookup *lookup, const char (*ips)[KITH_IP_TEXT_BYTES],
                      size_t count)
{
    (void)lookup;
    looked_up++;
    looked_up_count = count;
    if (count > 0) {
        memcpy(looked_up_ip, ips[0], sizeof looked_up_ip);
    }
}

/* An address asks nobody: it is there when the turn ends, not before. */
Test(loop, numeric_addresses_are_known)
{
    static const char *const texts[][2] = {{"127.0.0.1", "127.0.0.1"}, {"0:0::1", "::1"}};
    struct kith_lookup lookup = {.done = on_lookup};
    struct kith_env *env;
    loop = party_loop();
    env = kith_loop_env(loop);
    for (size_t i = 0; i < 2; i++) {
        looked_up = 0;
        cr_assert_eq(env->io->lookup(env, &lookup, texts[i][0]), KITH_OK);
        cr_assert_eq(looked_up, 0);
        cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
        cr_assert_eq(looked_up, 1);
        cr_assert_eq(looked_up_count, 1);
        cr_assert_str_eq(looked_up_ip, texts[i][1]);
        cr_assert_null(lookup.impl);
    }
    cr_assert_eq(env->io->lookup(env, &lookup, "127.0.0.1"), KITH_OK);
    env->io->lookup_cancel(env, &lookup);
    env->io->lookup_cancel(env, &lookup);
    cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
    cr_assert_eq(looked_up, 1);
    party_loop_free(&loop);
}

struct seen {
    struct kith_watch watch;
    unsigned events, calls;
};

static void on_ready(struct kith_watch *watch, unsigned events)
{
    struct seen *seen = KITH_CONTAINER(watch, struct seen, watch);
    seen->events = events;
    seen->calls++;
}

static void step_until_called(const struct seen *seen, unsigned calls)
{
    while (seen->calls < calls) {
        cr_assert_eq(kith_loop_step(loop, 60000), KITH_OK);
    }
    cr_assert_eq(seen->calls, calls);
}

/* What is changed and changed back within a turn, what is changed for good, and what is no more. */
Test(loop, watches_change_within_a_turn)
{
    struct seen seen = {{.on_ready = on_ready}, 0, 0};
    struct kith_env *env;
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    loop = party_loop();
    env = kith_loop_env(loop);
    cr_assert_eq(env->io->watch(env, &seen.watch, ends[0], KITH_READABLE), KITH_OK);
    cr_assert_eq(write(ends[1], "!", 1), 1);
    cr_assert_eq(env->io->watch(env, &seen.watch, ends[0], 0), KITH_OK);
    cr_assert_eq(env->io->watch(env, &seen.watch, ends[0], KITH_READABLE), KITH_OK);
    step_until_called(&seen, 1);
    cr_assert_eq(seen.events, KITH_READABLE);
    cr_assert_eq(env->io->watch(env, &seen.watch, ends[0], KITH_WRITABLE), KITH_OK);
    step_until_called(&seen, 2);
    cr_assert_eq(seen.events, KITH_WRITABLE);
    cr_assert_eq(env->io->watch(env, &seen.watch, ends[0], 0), KITH_OK);
    cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
    cr_assert_eq(env->io->watch(env, &seen.watch, ends[0], KITH_READABLE), KITH_OK);
    env->io->unwatch(env, &seen.watch);
    cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
    cr_assert_eq(seen.calls, 2);
    party_loop_free(&loop);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* ---- running ----------------------------------------------------------------------------------
 */

Test(loop, run_without_sessions_returns_at_once)
{
    loop = party_loop();
    cr_assert_eq(kith_loop_run(loop), KITH_OK);
    cr_assert_eq(kith_loop_run(loop), KITH_OK);
    cr_assert_eq(kith_loop_run(NULL), KITH_ERR_INVALID);
    party_loop_free(&loop);
}

static void close_session(struct party *party)
{
    cr_assert_eq(kith_loop_run(loop), KITH_ERR_STATE);
    cr_assert_eq(kith_loop_start(loop), KITH_ERR_STATE);
    cr_assert_eq(kith_loop_step(loop, 0), KITH_ERR_STATE);
    if (party->listening > 0 && party->closed == 0) {
        cr_assert_eq(kith_session_close(party->session, 0), KITH_OK);
    }
}

Test(loop, runs_until_its_last_session_has_closed)
{
    loop = party_loop();
    party_open(&ada, loop, "Ada", 0);
    ada.hook = close_session;
    cr_assert_eq(kith_listen(ada.session, "ws://127.0.0.1:0", NULL, NULL), KITH_OK);
    cr_assert_eq(kith_loop_run(loop), KITH_OK);
    cr_assert_eq(ada.closed, 1);
    cr_assert_eq(ada.listener_closed, 1);
    party_loop_free(&loop);
}

static void stop_loop(struct party *party)
{
    (void)party;
    kith_loop_stop(loop);
}

Test(loop, stopped_and_run_again)
{
    loop = party_loop();
    party_open(&ada, loop, "Ada", 0);
    ada.hook = stop_loop;
    cr_assert_eq(kith_listen(ada.session, "ws://127.0.0.1:0", NULL, NULL), KITH_OK);
    cr_assert_eq(kith_loop_run(loop), KITH_OK);
    cr_assert_eq(ada.listening, 1);
    cr_assert_eq(ada.closed, 0);
    cr_assert_eq(kith_session_close(ada.session, 0), KITH_OK);
    ada.hook = NULL;
    cr_assert_eq(kith_loop_run(loop), KITH_OK);
    cr_assert_eq(ada.closed, 1);
    party_loop_free(&loop);
}

Test(loop, freed_with_open_sessions)
{
    loop = party_loop();
    party_pair(loop, &ada, &bob, 0);
    cr_assert_eq(kith_send(ada.peer, 0, "unread", 6, NULL), KITH_OK);
    cr_assert_eq(kith_dial_open(ada.session, "ws://localhost:1", NULL, NULL), KITH_OK);
    party_loop_free(&loop);
    cr_assert_eq(ada.closed, 1);
    cr_assert_eq(bob.closed, 1);
    cr_assert_eq(ada.departed, 1);
    cr_assert_eq(bob.departed, 1);
    cr_assert_eq(ada.dial_closed, 1);
}

/* ---- stepping ---------------------------------------------------------------------------------
 */

static void count_up(void *user)
{
    ++*(unsigned *)user;
}

Test(loop, embedded_in_another_loop)
{
    struct pollfd watched;
    unsigned posts = 0;
    int fd;
    loop = party_loop();
    fd = kith_loop_fd(loop);
    cr_assert_geq(fd, 0);
    cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
    cr_assert_eq(kith_loop_timeout_ms(loop), -1, "nothing to wait for");
    watched = (struct pollfd){fd, POLLIN, 0};
    cr_assert_eq(poll(&watched, 1, 0), 0);
    cr_assert_eq(kith_post(loop, count_up, &posts), KITH_OK);
    cr_assert_eq(poll(&watched, 1, PARTY_WAIT_MS), 1, "a post makes the descriptor readable");
    cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
    cr_assert_eq(posts, 1);

    party_open(&ada, loop, "Ada", 0);
    party_open(&bob, loop, "Bob", 0);
    cr_assert_eq(kith_listen(ada.session, "ws://127.0.0.1:0", NULL, NULL), KITH_OK);
    cr_assert_eq(kith_loop_timeout_ms(loop), 0, "the event waits");
    for (uint64_t end_ms = party_deadline_ms(); bob.ready == 0;) {
        int timeout_ms = kith_loop_timeout_ms(loop);
        cr_assert_lt(party_now_ms(), end_ms, "it did not happen");
        cr_assert_geq(timeout_ms, -1);
        cr_assert_geq(poll(&watched, 1, timeout_ms), 0);
        cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
        if (ada.listening == 1 && bob.dial == NULL) {
            cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
        }
        cr_assert_eq(kith_loop_fd(loop), fd, "it stays the same");
    }
    party_loop_free(&loop);
}

Test(loop, a_step_waits_no_longer_than_told)
{
    loop = party_loop();
    party_open(&ada, loop, "Ada", 0);
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(kith_loop_step(loop, 1), KITH_OK);
        cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
    }
    cr_assert_eq(kith_session_close(ada.session, 0), KITH_OK);
    cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
    cr_assert_eq(ada.closed, 1);
    party_loop_free(&loop);
}

/* Time goes on between the loop's last turn and a call. */
static void dial_later(void *user)
{
    uint64_t before_us;
    (void)user;
    do {
        before_us = uv_hrtime() / 1000;
    } while (before_us <= kith_loop_env(loop)->now_us);
    cr_assert_eq(party_dial(&ada, "ws://127.0.0.1:1"), KITH_OK);
    cr_assert_geq(ada.dial->give_up_us, before_us + PARTY_GIVE_UP_MS * UINT64_C(1000));
}

/* A program with a loop of its own, or a callback that takes long: what they ask for begins when
 * they ask, so that a dial has all its time and a datagram is not late before it was sent. */
Test(loop, time_begins_with_the_call)
{
    loop = party_loop();
    party_open(&ada, loop, "Ada", 0);
    dial_later(NULL);
    cr_assert_eq(kith_post(loop, dial_later, NULL), KITH_OK);
    cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
    party_loop_free(&loop);
}

/* ---- posts ------------------------------------------------------------------------------------
 */

static unsigned order[8192];
static unsigned order_count;

static void note_order(void *user)
{
    order[order_count++ % 8192] = (unsigned)(uintptr_t)user;
}

Test(loop, posts_come_in_order_and_are_bounded)
{
    unsigned posts = 0;
    loop = party_loop();
    cr_assert_eq(kith_post(loop, NULL, NULL), KITH_ERR_INVALID);
    expect_detail("fn");
    cr_assert_eq(kith_post(NULL, note_order, NULL), KITH_ERR_INVALID);
    while (kith_post(loop, note_order, (void *)(uintptr_t)posts) == KITH_OK) {
        posts++;
        cr_assert_leq(posts, 4096);
    }
    cr_assert_eq(posts, 4096);
    cr_assert_eq(kith_post(loop, note_order, NULL), KITH_ERR_AGAIN);
    cr_assert_eq(order_count, 0);
    cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
    cr_assert_eq(order_count, 4096);
    for (unsigned i = 0; i < 4096; i++) {
        cr_assert_eq(order[i], i);
    }
    cr_assert_eq(kith_post(loop, note_order, NULL), KITH_OK);
    party_loop_free(&loop); /* this one is dropped */
    cr_assert_eq(order_count, 4096);
}

enum { POSTERS = 4, POSTS_EACH = 3000 };
static unsigned last_of[POSTERS];
static unsigned posted;
static pthread_t loop_thread;

static void take_post(void *user)
{
    unsigned value = (unsigned)(uintptr_t)user;
    cr_assert(pthread_equal(pthread_self(), loop_thread));
    cr_assert_eq(last_of[value % POSTERS]++, value / POSTERS, "in the order of the posts");
    if (++posted == POSTERS * POSTS_EACH) {
        kith_loop_stop(loop);
    }
}

static void *post_many(void *user)
{
    unsigned me = (unsigned)(uintptr_t)user;
    for (unsigned i = 0; i < POSTS_EACH; i++) {
        kith_err err;
        do {
            err = kith_post(loop, take_post, (void *)(uintptr_t)(i * POSTERS + me));
        } while (err == KITH_ERR_AGAIN);
        cr_assert_eq(err, KITH_OK);
    }
    return NULL;
}

Test(loop, posts_from_other_threads)
{
    pthread_t threads[POSTERS];
    loop = party_loop();
    party_open(&ada, loop, "Ada", 0); /* so that it runs */
    loop_thread = pthread_self();
    for (uintptr_t i = 0; i < POSTERS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, post_many, (void *)i), 0);
    }
    cr_assert_eq(kith_loop_run(loop), KITH_OK);
    cr_assert_eq(posted, POSTERS * POSTS_EACH);
    for (int i = 0; i < POSTERS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
    party_loop_free(&loop);
}

/* ---- a thread of its own -----------------------------------------------------------------------
 */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int flag;

static void raise_flag(void)
{
    pthread_mutex_lock(&mutex);
    flag = 1;
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&mutex);
}

static void wait_for_flag(void)
{
    pthread_mutex_lock(&mutex);
    while (!flag) {
        pthread_cond_wait(&condition, &mutex);
    }
    flag = 0;
    pthread_mutex_unlock(&mutex);
}

static void open_there(void *user)
{
    (void)user;
    party_open(&ada, loop, "Ada", 0);
    raise_flag();
}

static void close_there(void *user)
{
    (void)user;
    cr_assert_eq(kith_session_close(ada.session, 0), KITH_OK);
    raise_flag();
}

Test(loop, on_a_thread_of_its_own)
{
    kith_session_stats stats = {.size = sizeof stats};
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    loop = party_loop();
    cr_assert_eq(kith_loop_start(loop), KITH_OK);
    cr_assert_eq(kith_loop_start(loop), KITH_ERR_STATE);
    cr_assert_eq(kith_loop_run(loop), KITH_ERR_STATE);
    cr_assert_eq(kith_loop_step(loop, 0), KITH_ERR_STATE);
    cr_assert_eq(kith_post(loop, open_there, NULL), KITH_OK);
    wait_for_flag();
    /* From here every call but a few is refused and changes nothing. */
    config.display_name = config.session_name = "x";
    config.security = KITH_SECURITY_NONE;
    cr_assert_eq(party_open_config(&bob, loop, &config), KITH_ERR_THREAD);
    cr_assert_null(bob.session);
    cr_assert_eq(kith_session_close(ada.session, 0), KITH_ERR_THREAD);
    expect_detail("kith_post");
    cr_assert_eq(kith_session_get_stats(ada.session, &stats), KITH_ERR_THREAD);
    cr_assert_eq(kith_listen(ada.session, "ws://127.0.0.1:0", NULL, NULL), KITH_ERR_THREAD);
    cr_assert_eq(kith_dial_open(ada.session, "ws://127.0.0.1:1", NULL, NULL), KITH_ERR_THREAD);
    cr_assert_eq(kith_session_remove_key(ada.session, "x"), KITH_ERR_THREAD);
    cr_assert_eq(kith_post(loop, close_there, NULL), KITH_OK);
    wait_for_flag();
    party_loop_free(&loop); /* stops and joins it */
    cr_assert_eq(ada.closed, 1);
}

Test(loop, freed_with_sessions_on_a_thread_of_its_own)
{
    loop = party_loop();
    cr_assert_eq(kith_loop_start(loop), KITH_OK);
    cr_assert_eq(kith_post(loop, open_there, NULL), KITH_OK);
    wait_for_flag();
    party_loop_free(&loop);
    cr_assert_eq(ada.closed, 1);
}

Test(loop, stopped_started_and_run_by_turns)
{
    unsigned posts = 0;
    loop = party_loop();
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(kith_loop_start(loop), KITH_OK);
        kith_loop_stop(loop);
        /* The thread ends by itself; until then the loop is still running. */
        while (kith_loop_step(loop, 0) == KITH_ERR_STATE) {
        }
        cr_assert_eq(kith_post(loop, count_up, &posts), KITH_OK);
        cr_assert_eq(kith_loop_step(loop, 0), KITH_OK);
        cr_assert_eq(posts, (unsigned)i + 1);
    }
    party_loop_free(&loop);
}

/* ---- configurations ----------------------------------------------------------------------------
 */

static kith_session_config good_config(void)
{
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    config.display_name = "Ada";
    config.session_name = "party";
    config.security = KITH_SECURITY_PSK;
    return config;
}

static void refuse(const kith_session_config *config, kith_err err, const char *field)
{
    size_t before = party_blocks();
    cr_assert_eq(party_open_config(&ada, loop, config), err, "%s: %s", field, kith_detail());
    expect_detail(field);
    cr_assert_null(ada.session);
    cr_assert_eq(party_blocks(), before);
}

#define REFUSE(field, value, err)                                                                  \
    do {                                                                                           \
        kith_session_config changed = good_config();                                               \
        changed.field = value;                                                                     \
        refuse(&changed, err, #field);                                                             \
    } while (0)

Test(loop, config_errors_name_their_field)
{
    static const char too_long[] =
        "0123456789012345678901234567890123456789012345678901234567890123";
    kith_session_config config = good_config();
    loop = party_loop();
    REFUSE(display_name, NULL, KITH_ERR_INVALID);
    REFUSE(display_name, "", KITH_ERR_INVALID);
    REFUSE(display_name, too_long, KITH_ERR_INVALID);
    REFUSE(display_name, "a\nb", KITH_ERR_INVALID);
    REFUSE(display_name, "\xff", KITH_ERR_INVALID);
    REFUSE(session_name, NULL, KITH_ERR_INVALID);
    REFUSE(session_name, "", KITH_ERR_INVALID);
    REFUSE(session_name, too_long, KITH_ERR_INVALID);
    REFUSE(security, KITH_SECURITY_UNSET, KITH_ERR_CONFIG);
    REFUSE(security, (kith_security)4, KITH_ERR_INVALID);
    REFUSE(role, (kith_role)3, KITH_ERR_INVALID);
    REFUSE(min_level, (kith_level)4, KITH_ERR_INVALID);
    REFUSE(max_peers, 65537, KITH_ERR_INVALID);
    REFUSE(budget_bytes, (1 << 20) - 1, KITH_ERR_INVALID);
    REFUSE(budget_bytes, (1 << 30) + 1, KITH_ERR_INVALID);
    REFUSE(max_message_bytes, (8 << 20) + 1, KITH_ERR_INVALID);
    REFUSE(handshake_ms, 99, KITH_ERR_INVALID);
    REFUSE(handshake_ms, 120001, KITH_ERR_INVALID);
    REFUSE(idle_ping_ms, 99, KITH_ERR_INVALID);
    REFUSE(idle_ping_ms, 600001, KITH_ERR_INVALID);
    REFUSE(idle_ping_count, 101, KITH_ERR_INVALID);
    REFUSE(size, 4, KITH_ERR_INVALID);
    config.security = KITH_SECURITY_NONE;
    config.min_level = KITH_LEVEL_GROUP;
    refuse(&config, KITH_ERR_CONFIG, "min_level");
    party_loop_free(&loop);
}

Test(loop, arguments_that_are_missing)
{
    kith_session_config config = good_config();
    kith_callbacks callbacks = KITH_CALLBACKS_INIT;
    kith_session_stats stats = {.size = 4};
    kith_key key;
    loop = party_loop();
    cr_assert_eq(kith_session_open(NULL, &config, &callbacks, NULL, &ada.session),
                 KITH_ERR_INVALID);
    cr_assert_eq(kith_session_open(loop, NULL, &callbacks, NULL, &ada.session), KITH_ERR_INVALID);
    expect_detail("config");
    cr_assert_eq(kith_session_open(loop, &config, NULL, NULL, &ada.session), KITH_ERR_INVALID);
    expect_detail("callbacks");
    cr_assert_eq(kith_session_open(loop, &config, &callbacks, NULL, NULL), KITH_ERR_INVALID);
    expect_detail("out");
    cr_assert_eq(kith_session_close(NULL, 0), KITH_ERR_INVALID);
    cr_assert_eq(kith_listener_close(NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_dial_cancel(NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_peer_disconnect(NULL, NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_send(NULL, 0, "", 0, NULL), KITH_ERR_INVALID);
    cr_assert_null(kith_peer_next(NULL, NULL));
    party_open(&ada, loop, "Ada", 1);
    cr_assert_eq(kith_listen(ada.session, NULL, NULL, NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_dial_open(ada.session, NULL, NULL, NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_session_get_stats(ada.session, NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_session_get_stats(ada.session, &stats), KITH_ERR_INVALID);
    expect_detail("size");
    cr_assert_eq(kith_session_add_key(ada.session, NULL, 0), KITH_ERR_INVALID);
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    cr_assert_eq(kith_session_add_key(ada.session, &key, 2), KITH_ERR_INVALID);
    expect_detail("flags");
    cr_assert_eq(kith_session_remove_key(ada.session, NULL), KITH_ERR_INVALID);
    party_loop_free(&loop);
}

/* ---- keys of a session -------------------------------------------------------------------------
 */

Test(loop, keys_of_a_session)
{
    kith_key key;
    loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    for (int i = 1; i < 64; i++) {
        cr_assert_eq(kith_key_generate(&key), KITH_OK);
        cr_assert_eq(kith_session_add_key(ada.session, &key, 0), KITH_OK);
    }
    cr_assert_eq(kith_session_add_key(ada.session, &key, 0), KITH_ERR_EXISTS);
    cr_assert_eq(kith_session_remove_key(ada.session, key.identity), KITH_OK);
    cr_assert_eq(kith_session_remove_key(ada.session, key.identity), KITH_ERR_NOT_FOUND);
    cr_assert_eq(kith_session_add_key(ada.session, &key, 0), KITH_OK);
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    cr_assert_eq(kith_session_add_key(ada.session, &key, 0), KITH_ERR_LIMIT);
    key.bytes_count = 3;
    cr_assert_eq(kith_session_add_key(ada.session, &key, 0), KITH_ERR_KEY);
    party_open(&bob, loop, "Bob", 0);
    cr_assert_eq(kith_key_generate(&key), KITH_OK);
    cr_assert_eq(kith_session_add_key(bob.session, &key, 0), KITH_ERR_CONFIG);
    cr_assert_eq(kith_session_close(ada.session, 0), KITH_OK);
    cr_assert_eq(kith_session_add_key(ada.session, &key, 0), KITH_ERR_CLOSED);
    cr_assert_eq(kith_listen(ada.session, "wss://127.0.0.1:0", NULL, NULL), KITH_ERR_CLOSED);
    party_loop_free(&loop);
}
