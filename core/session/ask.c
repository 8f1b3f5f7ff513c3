/* SPDX-License-Identifier: MIT
 *
 * ask.c: a question to the application about a link: it stands open until it is answered, its time
 * is over or the link ends, and ends with on_ask_over. Knows neither what is asked (trust.c,
 * admission.c) nor what an answer does. Pure.
 */
#include <string.h>

#include "base/err.h"
#include "bounds.h"
#include "session/session.h"

/* Takes the ask off its link and tells the application that it is over. */
static void finish(struct kith_ask *ask, kith_reason reason)
{
    struct kith_session *session = ask->conn->session;
    ask->conn->ask = NULL;
    session->ask_count--;
    kith_timer_stop(session->env, &ask->timer);
    kith_undefer(&ask->turn);
    if (ask->answer == KITH_ASK_OPEN) {
        ask->answer = KITH_ASK_NO; /* too late to answer from inside the callback */
    }
    if (session->callbacks.on_ask_over != NULL) {
        session->callbacks.on_ask_over(session, ask, reason, session->user);
    }
    kith_free(session->env, ask);
}

/* At the end of a turn: it was answered, or its link is closing. */
static void run_turn(struct kith_deferred *deferred)
{
    struct kith_ask *ask = KITH_CONTAINER(deferred, struct kith_ask, turn);
    struct kith_conn *conn = ask->conn;
    void (*decided)(struct kith_conn *, enum kith_ask_answer, const char *) = ask->decided;
    enum kith_ask_answer answer = ask->answer;
    char text[sizeof ask->text];
    if (conn->state >= KITH_CONN_CLOSING) {
        finish(ask, answer == KITH_ASK_OPEN ? conn->reason : KITH_REASON_NONE);
        return;
    }
    memcpy(text, ask->text, sizeof text);
    finish(ask, KITH_REASON_NONE);
    if (conn->state < KITH_CONN_CLOSING) {
        decided(conn, answer, text);
    }
}

static void too_late(struct kith_timer *timer)
{
    struct kith_ask *ask = KITH_CONTAINER(timer, struct kith_ask, timer);
    struct kith_conn *conn = ask->conn;
    void (*decided)(struct kith_conn *, enum kith_ask_answer, const char *) = ask->decided;
    finish(ask, KITH_REASON_TIMEOUT);
    if (conn->state < KITH_CONN_CLOSING) {
        decided(conn, KITH_ASK_LATE, "");
    }
}

struct kith_ask *kith_ask_new(struct kith_conn *conn,
                              void (*decided)(struct kith_conn *conn, enum kith_ask_answer answer,
                                              const char *text))
{
    struct kith_session *session = conn->session;
    struct kith_env *env = session->env;
    struct kith_ask *ask;
    if (session->ask_count >= KITH_ASKS_MAX) {
        kith_conn_fail(conn, KITH_REASON_FULL, "too many questions are open");
        return NULL;
    }
    ask = kith_alloc(env, sizeof *ask);
    if (ask != NULL) {
        ask->conn = conn;
        ask->decided = decided;
        ask->timer.fire = too_late;
        ask->turn.run = run_turn;
    }
    if (ask == NULL ||
        kith_timer_set(env, &ask->timer, env->now_us + (uint64_t)session->config.ask_ms * 1000) !=
            KITH_OK) {
        kith_free(env, ask);
        kith_conn_fail(conn, KITH_REASON_INTERNAL, "out of memory");
        return NULL;
    }
    session->ask_count++;
    conn->ask = ask;
    kith_timer_stop(env, &conn->timer);
    return ask;
}

void kith_ask_withdraw(struct kith_conn *conn, int at_once)
{
    if (conn->ask != NULL && at_once) {
        finish(conn->ask, conn->ask->answer == KITH_ASK_OPEN ? conn->reason : KITH_REASON_NONE);
    } else if (conn->ask != NULL) {
        kith_timer_stop(conn->session->env, &conn->ask->timer);
        kith_defer(conn->session->env, &conn->ask->turn);
    }
}

void kith_ask_decide(struct kith_ask *ask, int accept, const char *text)
{
    struct kith_env *env = ask->conn->session->env;
    ask->answer = accept ? KITH_ASK_YES : KITH_ASK_NO;
    kith_text_copy(ask->text, sizeof ask->text, text);
    kith_timer_stop(env, &ask->timer);
    kith_defer(env, &ask->turn);
}

uint64_t kith_ask_until_us(const struct kith_conn *conn)
{
    uint64_t ours_us =
        conn->ask != NULL && kith_timer_is_set(&conn->ask->timer) ? conn->ask->timer.at_us : 0;
    /* What the other side decides at the last moment has yet to come here. */
    uint64_t theirs_us =
        conn->wait_until_us == 0
            ? 0
            : conn->wait_until_us + (uint64_t)conn->session->config.handshake_ms * 1000;
    return ours_us > theirs_us ? ours_us : theirs_us;
}
