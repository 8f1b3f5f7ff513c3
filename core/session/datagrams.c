/* SPDX-License-Identifier: MIT
 *
 * datagrams.c: best-effort messages that wait to go, as the transport's own datagrams or as frames
 * of a stream. They go when the link takes bytes now, or within their lifetime, or are dropped and
 * counted; never are they queued behind messages. Whoever is refused is told when there is room.
 * Pure.
 */
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"
#include "bounds.h"
#include "session/session.h"

size_t kith_datagram_max(const struct kith_peer *peer)
{
    const struct kith_conn *conn = peer->active;
    size_t path = conn == NULL || (conn->driver->capabilities & KITH_DRIVER_DATAGRAMS) == 0
                      ? KITH_DATAGRAM_BYTES_MAX
                      : conn->driver->datagram_max(conn->link);
    return path < KITH_DATAGRAM_BYTES_MAX ? path : KITH_DATAGRAM_BYTES_MAX;
}

/* ---- the queue --------------------------------------------------------------------------------
 */

struct kith_datagram *kith_datagram_new(struct kith_env *env, const void *data, size_t count,
                                        uint32_t lifetime_ms)
{
    struct kith_datagram *datagram = kith_resize(env, NULL, kith_datagram_cost(count));
    if (datagram != NULL) {
        datagram->peer = NULL;
        datagram->lifetime_ms = lifetime_ms;
        datagram->count = count;
        if (count > 0) {
            memcpy(datagram->bytes, data, count);
        }
    }
    return datagram;
}

/* Of no queue any more. */
static void end(struct kith_env *env, struct kith_datagram *datagram)
{
    struct kith_peer *peer = datagram->peer;
    if (peer != NULL) {
        atomic_fetch_sub(&peer->datagrams_reserved, kith_datagram_cost(datagram->count));
        kith_peer_unref(peer);
    }
    kith_free(env, datagram);
}

static void drop(struct kith_conn *conn, struct kith_datagram *datagram)
{
    kith_list_remove(&datagram->node);
    if (datagram->peer == NULL) {
        conn->datagram_bytes -= kith_datagram_cost(datagram->count);
    }
    end(conn->session->env, datagram);
}

static void append(struct kith_conn *conn, struct kith_datagram *datagram)
{
    datagram->expires_us = conn->session->env->now_us +
                           ((uint64_t)datagram->lifetime_ms + KITH_DATAGRAM_GRACE_MS) * 1000;
    kith_list_append(&conn->datagrams, &datagram->node);
    if (datagram->peer == NULL) {
        conn->datagram_bytes += kith_datagram_cost(datagram->count);
    }
    conn->driver->tx_ready(conn->link);
}

static kith_err refuse(struct kith_peer *peer)
{
    peer->stats.datagrams_dropped++;
    peer->datagrams_wait = 1;
    kith_peer_wake(peer); /* the driver asks when it can write, and then there may be room */
    return kith_fail(KITH_ERR_AGAIN, "the connection takes nothing now: the datagram is dropped");
}

kith_err kith_datagram_put(struct kith_peer *peer, const void *data, size_t count,
                           uint32_t lifetime_ms)
{
    struct kith_conn *conn = peer->active;
    struct kith_datagram *datagram;
    size_t most = kith_datagram_max(peer);
    if (count > most) {
        return kith_fail(KITH_ERR_TOO_BIG, "data_bytes: is %zu, a datagram has at most %zu", count,
                         most);
    }
    if (conn == NULL ||
        conn->datagram_bytes + kith_datagram_cost(count) > KITH_DATAGRAM_QUEUE_BYTES_MAX ||
        (lifetime_ms == 0 && !conn->driver->can_write(conn->link))) {
        return refuse(peer);
    }
    datagram = kith_datagram_new(peer->env, data, count, lifetime_ms);
    if (datagram == NULL) {
        return KITH_ERR_NOMEM;
    }
    append(conn, datagram);
    return KITH_OK;
}

/* Its sender could not know whether the link takes it at this moment: it waits for that as long as
 * for a turn of the loop. */
void kith_datagram_take(struct kith_datagram *datagram)
{
    struct kith_peer *peer = datagram->peer;
    if (peer->active != NULL && datagram->count <= kith_datagram_max(peer)) {
        append(peer->active, datagram);
        return;
    }
    if (peer->active == NULL) {
        atomic_store(&peer->datagrams_barred, 1);
    }
    peer->stats.datagrams_dropped++;
    end(peer->env, datagram);
}

void kith_datagrams_drop(struct kith_conn *conn, struct kith_peer *peer)
{
    while (!kith_list_empty(&conn->datagrams)) {
        if (peer != NULL) {
            peer->stats.datagrams_dropped++;
        }
        drop(conn, KITH_CONTAINER(conn->datagrams.next, struct kith_datagram, node));
    }
}

/* The next one that is not too late and fits; the others are dropped. */
static struct kith_datagram *next_of(struct kith_conn *conn, size_t room)
{
    while (kith_conn_is_in_use(conn) && !kith_list_empty(&conn->datagrams)) {
        struct kith_datagram *first =
            KITH_CONTAINER(conn->datagrams.next, struct kith_datagram, node);
        int is_late = first->expires_us < conn->session->env->now_us;
        if ((!is_late || kith_mutant(DATAGRAM_STALE)) && first->count <= room) {
            return first;
        }
        conn->peer->stats.datagrams_dropped++;
        drop(conn, first);
    }
    return NULL;
}

/* ---- room -------------------------------------------------------------------------------------
 */

void kith_datagrams_begin(struct kith_peer *peer)
{
    atomic_store(&peer->datagrams_barred, 0);
}

/* Who waits, here and on other threads, and would be taken. */
static int has_room(struct kith_conn *conn, size_t room)
{
    struct kith_peer *peer = conn->peer;
    const size_t low = KITH_DATAGRAM_QUEUE_BYTES_MAX / 2;
    const unsigned mark = 1u << KITH_DATAGRAMS_BIT;
    int here = peer->datagrams_wait, elsewhere = (atomic_load(&peer->refused_channels) & mark) != 0;
    if ((!here && !elsewhere) || kith_mutant(NO_ROOM)) {
        return 0;
    }
    if (peer->leave.waiting || conn->session->state != KITH_SESSION_OPEN) {
        return 0; /* nothing would be taken any more */
    }
    (void)next_of(conn, room);
    here = here && conn->datagram_bytes <= low;
    elsewhere = elsewhere && atomic_load(&peer->datagrams_reserved) <= low;
    if ((!here && !elsewhere) || !conn->driver->can_write(conn->link)) {
        return 0;
    }
    peer->datagrams_wait = peer->datagrams_wait && !here;
    if (elsewhere) {
        (void)atomic_fetch_and(&peer->refused_channels, ~mark);
    }
    return 1;
}

void kith_datagrams_tell(struct kith_conn *conn, size_t room)
{
    struct kith_session *session = conn->session;
    struct kith_peer *peer = conn->peer;
    if (kith_conn_is_in_use(conn) && has_room(conn, room) &&
        session->callbacks.on_datagram_writable != NULL) {
        peer->is_told_of_room = 1;
        session->callbacks.on_datagram_writable(session, peer, session->user);
        peer->is_told_of_room = 0;
    }
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static void sent(struct kith_conn *conn, struct kith_datagram *datagram)
{
    conn->peer->stats.datagrams_sent++;
    drop(conn, datagram);
}

void kith_datagrams_write(struct kith_conn *conn, struct kith_writer *to)
{
    struct kith_datagram *next;
    while ((next = next_of(conn, KITH_DATAGRAM_BYTES_MAX)) != NULL &&
           to->left >= next->count + KITH_FRAME_HEAD_BYTES_MAX) {
        kith_write_frame(to, KITH_FRAME_DATAGRAM, next->bytes, next->count);
        sent(conn, next);
    }
}

int kith_up_datagram_peek(struct kith_link *link, size_t room, struct kith_slice *out)
{
    struct kith_conn *conn = link->conn;
    struct kith_datagram *next;
    kith_datagrams_tell(conn, room);
    next = next_of(conn, room);
    if (next != NULL) {
        *out = (struct kith_slice){next->bytes, next->count};
    }
    return next != NULL;
}

void kith_up_datagram_took(struct kith_link *link)
{
    struct kith_conn *conn = link->conn;
    if (kith_conn_is_in_use(conn) && !kith_list_empty(&conn->datagrams)) {
        sent(conn, KITH_CONTAINER(conn->datagrams.next, struct kith_datagram, node));
    }
}

/* ---- receiving --------------------------------------------------------------------------------
 */

void kith_up_datagram_rx(struct kith_link *link, const uint8_t *bytes, size_t count)
{
    struct kith_conn *conn = link->conn;
    if (conn->state != KITH_CONN_AUTHENTICATED) {
        return; /* late, or a stranger's */
    }
    kith_conn_heard(conn);
    if (count > KITH_DATAGRAM_BYTES_MAX) {
        (void)kith_conn_count_idle(conn);
    } else {
        kith_peer_datagram(conn, bytes, count);
    }
}
