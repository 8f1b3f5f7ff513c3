/* SPDX-License-Identifier: MIT
 *
 * gate.c: which links that come in may begin their handshake, while they have proved nothing. So
 * many at a time, and no more than their share from addresses that do nothing but fail; the oldest
 * makes room. Looks at no byte of a link. Pure.
 */
#include "bounds.h"
#include "session/session.h"

static struct kith_conn *conn_of(struct kith_node *node)
{
    return KITH_CONTAINER(node, struct kith_conn, pending_node);
}

/* The oldest that has proved nothing, of one origin, or of any for 0. count: of all such. */
static struct kith_conn *oldest(const struct kith_session *session, uint64_t origin, size_t *count)
{
    struct kith_conn *first = NULL;
    *count = 0;
    for (struct kith_node *at = session->pending.next; at != &session->pending; at = at->next) {
        struct kith_conn *conn = conn_of(at);
        if (!conn->authenticated && !conn->evicted && (origin == 0 || conn->origin == origin)) {
            first = first != NULL ? first : conn;
            (*count)++;
        }
    }
    return first;
}

static uint64_t age_ms(const struct kith_conn *conn)
{
    return (conn->session->env->now_us - conn->came_us) / 1000;
}

/* A stranger must not keep others out by waiting. */
static void evict(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    conn->evicted = 1;
    session->stats.refused_evicted++;
    kith_session_refused(session, conn->remote_address, KITH_REASON_FULL,
                         "made room for a newer connection");
    kith_conn_close(conn, KITH_REASON_TIMEOUT, KITH_REASON_TIMEOUT, "");
    conn->driver->close(conn->link, KITH_REASON_TIMEOUT, 0);
}

/* A suspect has places of its own, few, and others cannot take them. */
static int admit_suspect(struct kith_session *session, uint64_t origin)
{
    size_t count;
    struct kith_conn *first = oldest(session, origin, &count);
    if (!kith_suspects_take(&session->suspects, origin, session->env->now_us)) {
        return 0;
    }
    if (count >= KITH_SUSPECT_PENDING_MAX) {
        if (age_ms(first) < KITH_EVICT_MS) {
            return 0;
        }
        evict(first);
    }
    return 1;
}

int kith_gate_open(struct kith_session *session, const char *remote_address)
{
    uint64_t origin = kith_origin_of(remote_address);
    struct kith_conn *first;
    size_t count;
    if (kith_suspects_has(&session->suspects, origin, session->env->now_us) &&
        !admit_suspect(session, origin)) {
        session->stats.refused_suspect++;
        kith_session_refused(session, remote_address, KITH_REASON_FULL,
                             "too many connections from there failed lately");
        return 0;
    }
    if (session->pending_count < KITH_LINKS_PENDING_MAX) {
        return 1;
    }
    first = oldest(session, 0, &count);
    if (first == NULL) {
        kith_session_refused(session, remote_address, KITH_REASON_FULL,
                             "too many connections are in their handshake");
        return 0;
    }
    evict(first);
    return 1;
}

int kith_up_is_suspect(struct kith_port *port, const char *remote_address)
{
    struct kith_session *session = port->endpoint->session;
    return kith_suspects_has(&session->suspects, kith_origin_of(remote_address),
                             session->env->now_us);
}

uint32_t kith_up_accept_after_ms(struct kith_port *port)
{
    struct kith_session *session = port->endpoint->session;
    struct kith_conn *first;
    size_t count;
    if (session->state != KITH_SESSION_OPEN || session->pending_count < KITH_LINKS_PENDING_MAX) {
        return 0;
    }
    first = oldest(session, 0, &count);
    if (first != NULL && age_ms(first) >= KITH_EVICT_MS) {
        return 0;
    }
    session->stats.accepts_delayed++;
    return KITH_ACCEPT_ASK_MS;
}

void kith_gate_entered(struct kith_conn *conn)
{
    struct kith_session *session = conn->session;
    conn->pending = 1;
    conn->came_us = session->env->now_us;
    conn->origin = kith_origin_of(conn->remote_address);
    kith_list_append(&session->pending, &conn->pending_node);
    session->pending_count++;
}

void kith_gate_passed(struct kith_conn *conn, int is_peers)
{
    struct kith_session *session = conn->session;
    if (!conn->pending) {
        return;
    }
    conn->pending = 0;
    kith_list_remove(&conn->pending_node);
    session->pending_count--;
    if (is_peers) {
        kith_suspects_forgive(&session->suspects, conn->origin);
    } else if (!conn->authenticated) {
        kith_suspects_failed(&session->suspects, conn->origin, session->env->now_us);
    }
}
