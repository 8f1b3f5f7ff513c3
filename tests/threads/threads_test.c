/* SPDX-License-Identifier: MIT
 *
 * threads_test.c: what other threads may do while a loop runs on its own: post, retain, send
 * messages and datagrams. A program of its own, because Criterion's processes do not work under
 * ThreadSanitizer. Ends with "N passed, M failed".
 */
#define _POSIX_C_SOURCE 200809L
#include <kith/kith.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SENDERS = 4, MESSAGES = 4000, WAIT_S = 60 };

#define CHECK(condition)                                                                           \
    ((condition)                                                                                   \
         ? (void)0                                                                                 \
         : (fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, kith_detail()),     \
            exit(1)))

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Guarded by mutex. */
static kith_peer *target; /* retained for the senders */
static unsigned writable, datagram_room, posted, closed, departed;
static uint64_t came[SENDERS], fates[SENDERS], lost[SENDERS];
static int out_of_order;
static unsigned small, datagrams, asked; /* messages of other sizes; datagrams; statistics */
static kith_peer_stats stats;

static atomic_uint freed;
static kith_session *listening, *dialling;
static char url[128];

struct message {
    uint32_t sender, number;
    uint8_t rest[56];
};

/* ---- on the loop thread -----------------------------------------------------------------------
 */

static void on_peer(kith_session *session, kith_peer *peer, kith_peer_state state,
                    kith_reason reason, const char *text, void *user)
{
    (void)reason;
    (void)text;
    (void)user;
    pthread_mutex_lock(&mutex);
    if (session == dialling && state == KITH_PEER_CONNECTED) {
        target = kith_peer_retain(peer);
    }
    departed += state == KITH_PEER_DEPARTED;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void on_message(kith_session *session, kith_peer *peer, const kith_message *message,
                       void *user)
{
    struct message it;
    (void)session;
    (void)peer;
    (void)user;
    pthread_mutex_lock(&mutex);
    if (message->data_bytes != sizeof it) {
        small++;
        pthread_mutex_unlock(&mutex);
        return;
    }
    memcpy(&it, message->data, sizeof it);
    out_of_order += it.number != came[it.sender];
    came[it.sender] = it.number + 1;
    pthread_mutex_unlock(&mutex);
}

static void on_fate(kith_session *session, kith_peer *peer, uint64_t ticket, kith_fate fate,
                    void *user)
{
    (void)session;
    (void)peer;
    (void)user;
    pthread_mutex_lock(&mutex);
    fates[ticket - 1]++;
    lost[ticket - 1] += fate != KITH_FATE_DELIVERED;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void on_writable(kith_session *session, kith_peer *peer, unsigned channel, void *user)
{
    (void)session;
    (void)peer;
    (void)channel;
    (void)user;
    pthread_mutex_lock(&mutex);
    writable++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void on_datagram_writable(kith_session *session, kith_peer *peer, void *user)
{
    (void)session;
    (void)peer;
    (void)user;
    pthread_mutex_lock(&mutex);
    datagram_room++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void on_datagram(kith_session *session, kith_peer *peer, const void *data, size_t data_bytes,
                        void *user)
{
    (void)session;
    (void)peer;
    (void)data;
    (void)user;
    CHECK(data_bytes == 100);
    pthread_mutex_lock(&mutex);
    datagrams++;
    pthread_mutex_unlock(&mutex);
}

static void on_listener(kith_session *session, kith_listener *listener,
                        const kith_listener_event *event, void *user)
{
    (void)session;
    (void)listener;
    (void)user;
    CHECK(event->kind != KITH_LISTENER_FAILED);
    if (event->kind == KITH_LISTENER_READY) {
        snprintf(url, sizeof url, "%s", event->url);
        CHECK(kith_dial_open(dialling, url, NULL, NULL) == KITH_OK);
    }
}

static void on_closed(kith_session *session, void *user)
{
    (void)session;
    (void)user;
    pthread_mutex_lock(&mutex);
    closed++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void begin(void *user)
{
    kith_callbacks on = KITH_CALLBACKS_INIT;
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    kith_loop *loop = user;
    on.on_peer = on_peer;
    on.on_message = on_message;
    on.on_fate = on_fate;
    on.on_writable = on_writable;
    on.on_datagram_writable = on_datagram_writable;
    on.on_listener = on_listener;
    on.on_closed = on_closed;
    on.on_datagram = on_datagram;
    config.display_name = "threads";
    config.session_name = "threads";
    config.security = KITH_SECURITY_NONE;
    config.budget_bytes = 1 << 20; /* small, so that AGAIN happens */
    CHECK(kith_session_open(loop, &config, &on, NULL, &listening) == KITH_OK);
    CHECK(kith_session_open(loop, &config, &on, NULL, &dialling) == KITH_OK);
    CHECK(kith_listen(listening, "ws://127.0.0.1:0", NULL, NULL) == KITH_OK);
}

static void end_dialling(void *user)
{
    (void)user;
    CHECK(kith_session_close(dialling, 60000) == KITH_OK);
}

static void end_listening(void *user)
{
    (void)user;
    CHECK(kith_session_close(listening, 0) == KITH_OK);
}

static void ask_stats(void *user)
{
    (void)user;
    pthread_mutex_lock(&mutex);
    stats.size = sizeof stats;
    CHECK(kith_peer_get_stats(target, &stats) == KITH_OK);
    asked++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void count_post(void *user)
{
    (void)user;
    pthread_mutex_lock(&mutex);
    posted++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

/* ---- on other threads -------------------------------------------------------------------------
 */

static void give_back(void *user, const void *data)
{
    (void)user;
    free((void *)data);
    atomic_fetch_add(&freed, 1);
}

static void wait_for(const unsigned *count, unsigned want)
{
    while (*count < want) {
        pthread_cond_wait(&changed, &mutex);
    }
}

/* Sends with a ticket, lends every other message, waits for on_writable when it is refused. Gives
 * how many were taken. */
static uint64_t send_all(uint32_t sender, uint64_t count, int until_departed)
{
    kith_send_options copied = KITH_SEND_OPTIONS_INIT, lent = KITH_SEND_OPTIONS_INIT;
    uint64_t taken = 0;
    copied.ticket = lent.ticket = sender + 1;
    lent.free_fn = give_back;
    while (taken < count) {
        struct message *message = calloc(1, sizeof *message);
        unsigned before;
        kith_err err;
        CHECK(message != NULL);
        message->sender = sender;
        message->number = (uint32_t)taken;
        pthread_mutex_lock(&mutex);
        before = writable;
        pthread_mutex_unlock(&mutex);
        err = kith_send(target, sender, message, sizeof *message, taken % 2 == 0 ? &copied : &lent);
        if (err != KITH_OK || taken % 2 == 0) {
            free(message);
        }
        if (err == KITH_ERR_AGAIN) {
            pthread_mutex_lock(&mutex);
            while (writable == before && departed == 0) {
                pthread_cond_wait(&changed, &mutex);
            }
            pthread_mutex_unlock(&mutex);
            continue;
        }
        if (err == KITH_ERR_NOT_CONNECTED && until_departed) {
            break;
        }
        CHECK(err == KITH_OK);
        taken++;
    }
    return taken;
}

static void *send_counted(void *user)
{
    (void)send_all((uint32_t)(uintptr_t)user, MESSAGES, 0);
    return NULL;
}

static uint64_t taken_until_departed[SENDERS];

static void *send_until_departed(void *user)
{
    uint32_t sender = (uint32_t)(uintptr_t)user;
    taken_until_departed[sender] = send_all(sender, UINT64_MAX, 1);
    return NULL;
}

/* One message to the same peer twice, lent, as often as MESSAGES are taken. */
static void *send_pairs(void *user)
{
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    uint32_t sender = (uint32_t)(uintptr_t)user;
    options.ticket = sender + 1;
    options.free_fn = give_back;
    for (uint64_t taken = 0; taken < MESSAGES;) {
        kith_send_result to[3] = {
            {target, KITH_OK}, {NULL, KITH_OK}, {target, KITH_OK}}; /* nobody is in between */
        unsigned before;
        uint64_t now;
        pthread_mutex_lock(&mutex);
        before = writable;
        pthread_mutex_unlock(&mutex);
        CHECK(kith_send_many(dialling, to, 3, sender, calloc(1, 16), 16, &options) ==
              KITH_ERR_PARTIAL);
        atomic_fetch_sub(&freed, 1); /* taken with PARTIAL: given back in any case */
        CHECK(to[1].err == KITH_ERR_INVALID);
        now = (uint64_t)(to[0].err == KITH_OK) + (uint64_t)(to[2].err == KITH_OK);
        CHECK(to[0].err == KITH_OK || to[0].err == KITH_ERR_AGAIN);
        CHECK(to[2].err == KITH_OK || to[2].err == KITH_ERR_AGAIN);
        taken += now;
        taken_until_departed[sender] = taken;
        pthread_mutex_lock(&mutex);
        while (now < 2 && writable == before) {
            pthread_cond_wait(&changed, &mutex);
        }
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static atomic_uint datagram_calls;

static void *send_datagrams(void *user)
{
    uint8_t bytes[100] = {0};
    (void)user;
    for (int taken = 0; taken < MESSAGES;) {
        unsigned before;
        kith_err err;
        pthread_mutex_lock(&mutex);
        before = datagram_room;
        pthread_mutex_unlock(&mutex);
        err = kith_send_datagram(target, bytes, sizeof bytes, NULL);
        CHECK(err == KITH_OK || err == KITH_ERR_AGAIN);
        atomic_fetch_add(&datagram_calls, 1);
        taken += err == KITH_OK;
        if (err == KITH_ERR_AGAIN) {
            pthread_mutex_lock(&mutex);
            wait_for(&datagram_room, before + 1);
            pthread_mutex_unlock(&mutex);
        }
    }
    return NULL;
}

static void *post_many(void *user)
{
    for (int i = 0; i < MESSAGES;) {
        kith_err err = kith_post(user, count_post, NULL);
        CHECK(err == KITH_OK || err == KITH_ERR_AGAIN);
        i += err == KITH_OK;
    }
    return NULL;
}

static void run_threads(void *(*body)(void *user), kith_loop *loop)
{
    pthread_t threads[SENDERS];
    for (uintptr_t i = 0; i < SENDERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, body, loop != NULL ? (void *)loop : (void *)i) ==
              0);
    }
    for (size_t i = 0; i < SENDERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

/* ---- the tests --------------------------------------------------------------------------------
 */

static kith_loop *start(void)
{
    kith_loop *loop;
    CHECK(kith_loop_new(NULL, &loop) == KITH_OK);
    CHECK(kith_loop_start(loop) == KITH_OK);
    target = NULL;
    writable = datagram_room = posted = closed = departed = 0;
    memset(came, 0, sizeof came);
    memset(fates, 0, sizeof fates);
    memset(lost, 0, sizeof lost);
    CHECK(kith_post(loop, begin, loop) == KITH_OK);
    pthread_mutex_lock(&mutex);
    while (target == NULL) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    return loop;
}

static void end(kith_loop *loop)
{
    CHECK(kith_post(loop, end_dialling, NULL) == KITH_OK);
    CHECK(kith_post(loop, end_listening, NULL) == KITH_OK);
    pthread_mutex_lock(&mutex);
    wait_for(&closed, 2);
    pthread_mutex_unlock(&mutex);
    CHECK(kith_send(target, 0, "x", 1, NULL) == KITH_ERR_NOT_CONNECTED);
    kith_peer_release(target);
    kith_loop_free(&loop);
    CHECK(loop == NULL);
}

/* Everything taken arrives once, in each thread's order, and has its fate. */
static void sends_from_many_threads(void)
{
    kith_loop *loop = start();
    run_threads(send_counted, NULL);
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < SENDERS; i++) {
        while (fates[i] < MESSAGES) {
            pthread_cond_wait(&changed, &mutex);
        }
        CHECK(fates[i] == MESSAGES && lost[i] == 0 && came[i] == MESSAGES);
    }
    CHECK(out_of_order == 0);
    pthread_mutex_unlock(&mutex);
    end(loop);
    CHECK(atomic_load(&freed) == SENDERS * MESSAGES / 2);
}

/* The peer goes away while they send: whatever was taken has exactly one fate. */
static void sends_while_the_peer_departs(void)
{
    pthread_t threads[SENDERS];
    kith_loop *loop = start();
    for (uintptr_t i = 0; i < SENDERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, send_until_departed, (void *)i) == 0);
    }
    pthread_mutex_lock(&mutex);
    while (fates[0] + fates[1] + fates[2] + fates[3] < 2000) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    CHECK(kith_post(loop, end_listening, NULL) == KITH_OK);
    for (size_t i = 0; i < SENDERS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    pthread_mutex_lock(&mutex);
    wait_for(&departed, 2);
    for (size_t i = 0; i < SENDERS; i++) {
        CHECK(fates[i] == taken_until_departed[i]);
    }
    wait_for(&closed, 1);
    pthread_mutex_unlock(&mutex);
    CHECK(kith_post(loop, end_dialling, NULL) == KITH_OK);
    pthread_mutex_lock(&mutex);
    wait_for(&closed, 2);
    pthread_mutex_unlock(&mutex);
    kith_peer_release(target);
    kith_loop_free(&loop);
}

/* Shared bytes come back once for each call, however many took them; every message taken has its
 * fate. */
static void send_many_from_many_threads(void)
{
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    kith_send_result to = {NULL, KITH_OK};
    kith_loop *loop = start();
    uint64_t all = 0;
    small = 0;
    atomic_store(&freed, 0);
    run_threads(send_pairs, NULL);
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < SENDERS; i++) {
        while (fates[i] < taken_until_departed[i]) {
            pthread_cond_wait(&changed, &mutex);
        }
        CHECK(fates[i] == taken_until_departed[i] && lost[i] == 0);
        all += fates[i];
    }
    CHECK(small == all);
    to.peer = target;
    pthread_mutex_unlock(&mutex);
    CHECK(kith_post(loop, end_listening, NULL) == KITH_OK);
    pthread_mutex_lock(&mutex);
    wait_for(&departed, 2);
    pthread_mutex_unlock(&mutex);
    options.free_fn = give_back;
    CHECK(kith_send_many(dialling, &to, 1, 0, calloc(1, 16), 16, &options) == KITH_ERR_PARTIAL);
    CHECK(to.err == KITH_ERR_NOT_CONNECTED);
    atomic_fetch_sub(&freed, 1);
    CHECK(kith_post(loop, end_dialling, NULL) == KITH_OK);
    pthread_mutex_lock(&mutex);
    wait_for(&closed, 2);
    pthread_mutex_unlock(&mutex);
    kith_peer_release(target);
    kith_loop_free(&loop);
    CHECK(atomic_load(&freed) == 0);
}

/* Each call is counted as sent or as dropped, no more arrive than were sent, and whoever was
 * refused is told. */
static void datagrams_from_many_threads(void)
{
    kith_loop *loop = start();
    asked = datagrams = 0;
    run_threads(send_datagrams, NULL);
    do {
        unsigned before = asked;
        CHECK(kith_post(loop, ask_stats, NULL) == KITH_OK);
        pthread_mutex_lock(&mutex);
        wait_for(&asked, before + 1);
        pthread_mutex_unlock(&mutex);
    } while (stats.datagrams_sent + stats.datagrams_dropped < atomic_load(&datagram_calls));
    CHECK(stats.datagrams_sent + stats.datagrams_dropped == atomic_load(&datagram_calls));
    CHECK(stats.datagrams_sent > 0 && stats.datagrams_sent <= SENDERS * MESSAGES);
    end(loop);
    CHECK(datagrams <= stats.datagrams_sent);
}

static void posts_from_many_threads(void)
{
    kith_loop *loop = start();
    run_threads(post_many, loop);
    pthread_mutex_lock(&mutex);
    wait_for(&posted, SENDERS * MESSAGES);
    pthread_mutex_unlock(&mutex);
    end(loop);
}

static void calls_from_a_wrong_thread(void)
{
    kith_peer_info info;
    kith_loop *loop = start();
    info.size = sizeof info;
    CHECK(kith_listen(listening, "ws://127.0.0.1:0", NULL, NULL) == KITH_ERR_THREAD);
    CHECK(kith_session_close(listening, 0) == KITH_ERR_THREAD);
    CHECK(kith_broadcast(listening, 0, "x", 1, NULL, NULL, NULL) == KITH_ERR_THREAD);
    CHECK(kith_loop_run(loop) == KITH_ERR_STATE);
    end(loop);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {{"sends_from_many_threads", sends_from_many_threads},
                 {"sends_while_the_peer_departs", sends_while_the_peer_departs},
                 {"send_many_from_many_threads", send_many_from_many_threads},
                 {"datagrams_from_many_threads", datagrams_from_many_threads},
                 {"posts_from_many_threads", posts_from_many_threads},
                 {"calls_from_a_wrong_thread", calls_from_a_wrong_thread}};
    size_t count = sizeof tests / sizeof tests[0];
    alarm(WAIT_S * (unsigned)count); /* a test that hangs ends by itself */
    for (size_t i = 0; i < count; i++) {
        tests[i].run();
        printf("ok %s\n", tests[i].name);
        fflush(stdout);
    }
    printf("%zu passed, 0 failed\n", count);
    return 0;
}
