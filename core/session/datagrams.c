/* SPDX-License-Identifier: MIT
 *
 * datagrams.c: best-effort messages that wait to go, as the transport's own datagrams or as frames
 * of a stream. They go when the link takes bytes now, or within their lifetime, or are dropped and
 * counted; never are they queued behind messages. Pure.
 */
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"
#include "bounds.h"
#include "session/session.h"

struct datagram {
    struct kith_node node;
    uint64_t expires_us;
    size_t count;
    uint8_t bytes[];
};

static void drop(struct kith_conn *conn, struct datagram *datagram)
{
    kith_list_remove(&datagram->node);
    conn->datagram_bytes -= sizeof *datagram + datagram->count;
    kith_free(conn->session->env, datagram);
}

size_t kith_datagram_max(const struct kith_peer *peer)
{
    const struct kith_conn *conn = peer->active;
    size_t path = conn == NULL || (conn->driver->capabilities & KITH_DRIVER_DATAGRAMS) == 0
                      ? KITH_DATAGRAM_BYTES_MAX
                      : conn->driver->datagram_max(conn->link);
    return path < KITH_DATAGRAM_BYTES_MAX ? path : KITH_DATAGRAM_BYTES_MAX;
}

kith_err kith_datagram_put(struct kith_peer *peer, const void *data, size_t count,
                           uint32_t lifetime_ms)
{
    struct kith_conn *conn = peer->active;
    struct datagram *datagram;
    if (count > kith_datagram_max(peer)) {
        return kith_fail(KITH_ERR_TOO_BIG, "data_bytes: is %zu, a datagram has at most %zu", count,
                         kith_datagram_max(peer));
    }
    if (conn == NULL || (lifetime_ms == 0 && !conn->driver->can_write(conn->link)) ||
        conn->datagram_bytes + sizeof *datagram + count > KITH_DATAGRAM_QUEUE_BYTES_MAX) {
        peer->stats.datagrams_dropped++;
        return kith_fail(KITH_ERR_AGAIN,
                         "the connection takes nothing now: the datagram is dropped");
    }
    datagram = kith_resize(peer->env, NULL, sizeof *datagram + count);
    if (datagram == NULL) {
        return KITH_ERR_NOMEM;
    }
    datagram->count = count;
    datagram->expires_us =
        peer->env->now_us + ((uint64_t)lifetime_ms + KITH_DATAGRAM_GRACE_MS) * 1000;
    if (count > 0) {
        memcpy(datagram->bytes, data, count);
    }
    kith_list_append(&conn->datagrams, &datagram->node);
    conn->datagram_bytes += sizeof *datagram + count;
    conn->driver->tx_ready(conn->link);
    return KITH_OK;
}

/* The next one that is not too late; the others are dropped. */
static struct datagram *next_of(struct kith_conn *conn)
{
    while (!kith_list_empty(&conn->datagrams)) {
        struct datagram *first = KITH_CONTAINER(conn->datagrams.next, struct datagram, node);
        if (first->expires_us >= conn->session->env->now_us || kith_mutant(DATAGRAM_STALE)) {
            return first;
        }
        conn->peer->stats.datagrams_dropped++;
        drop(conn, first);
    }
    return NULL;
}

void kith_datagrams_write(struct kith_conn *conn, struct kith_writer *to)
{
    struct datagram *next;
    while ((next = next_of(conn)) != NULL && to->left >= next->count + KITH_FRAME_HEAD_BYTES_MAX) {
        kith_write_frame(to, KITH_FRAME_DATAGRAM, next->bytes, next->count);
        conn->peer->stats.datagrams_sent++;
        drop(conn, next);
    }
}

int kith_up_datagram_pull(struct kith_link *link, uint8_t *out, size_t room, size_t *count)
{
    struct kith_conn *conn = link->conn;
    struct datagram *next;
    while (kith_conn_is_in_use(conn) && (next = next_of(conn)) != NULL) {
        if (next->count <= room) {
            memcpy(out, next->bytes, next->count);
            *count = next->count;
            conn->peer->stats.datagrams_sent++;
            drop(conn, next);
            return 1;
        }
        conn->peer->stats.datagrams_dropped++; /* the path has become narrower meanwhile */
        drop(conn, next);
    }
    return 0;
}

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

void kith_datagrams_drop(struct kith_conn *conn)
{
    while (!kith_list_empty(&conn->datagrams)) {
        drop(conn, KITH_CONTAINER(conn->datagrams.next, struct datagram, node));
    }
}
