/* SPDX-License-Identifier: MIT
 *
 * records.c: the socket below TLS. wolfSSL asks for a record in two steps, its head and the rest,
 * and gives each away as soon as it is made. Here one system call reads the rest of a record and
 * the head of the next (a small one whole), and the network is told of several records only when
 * the last is there. Must not look into a record.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "transports/websocket/ws.h"

static int error_of(int error, int waits)
{
    switch (error) {
    case EAGAIN:
        return waits;
    case EINTR:
        return WOLFSSL_CBIO_ERR_ISR;
    case ECONNRESET:
        return WOLFSSL_CBIO_ERR_CONN_RST;
    case EPIPE:
        return WOLFSSL_CBIO_ERR_CONN_CLOSE;
    default:
        return WOLFSSL_CBIO_ERR_GENERAL;
    }
}

/* ---- sending ---------------------------------------------------------------------------- */

/* A connection that is gone must not end the process with SIGPIPE. */
static int send_bytes(WOLFSSL *ssl, const char *bytes, int count, int flags)
{
    ssize_t sent = send(wolfSSL_get_fd(ssl), bytes, (size_t)count, MSG_NOSIGNAL | flags);
    return sent >= 0 ? (int)sent : error_of(errno, WOLFSSL_CBIO_ERR_WANT_WRITE);
}

static int send_record(WOLFSSL *ssl, char *bytes, int count, void *context)
{
    (void)context;
    return send_bytes(ssl, bytes, count, 0);
}

/* Of a link that is up. What the socket does not take is on its own later: then nobody knows any
 * more how many records there are. */
static int send_record_of_link(WOLFSSL *ssl, char *bytes, int count, void *context)
{
    struct kith__ws_link *link = context;
    int more = link != NULL && link->records_left > 1;
    if (more) {
        link->records_left--;
    }
    return send_bytes(ssl, bytes, count, more ? MSG_MORE : 0);
}

void kith__ws_records_begin(struct kith__ws_link *link, size_t count)
{
    link->records_left = (unsigned)((count + KITH__WS_RECORD_BYTES - 1) / KITH__WS_RECORD_BYTES);
}

void kith__ws_records_end(struct kith__ws_link *link)
{
    link->records_left = 0;
}

/* ---- receiving -------------------------------------------------------------------------- */

static int take_ahead(struct kith__ws_link *link, char *out, int room)
{
    int count = room < link->ahead_count ? room : link->ahead_count;
    memcpy(out, link->ahead + link->ahead_start, (size_t)count);
    link->ahead_start = (uint16_t)(link->ahead_start + count);
    link->ahead_count = (uint16_t)(link->ahead_count - count);
    return count;
}

static ssize_t read_bytes(int fd, const struct iovec *parts, int part_count)
{
    ssize_t count;
    do {
        count = readv(fd, parts, part_count);
    } while (count < 0 && errno == EINTR);
    return count;
}

/* Of a link that is up: what is left ahead is asked for in the same turn, see read_more(). */
static int receive_of_link(WOLFSSL *ssl, char *out, int room, void *context)
{
    struct kith__ws_link *link = context;
    struct iovec parts[2] = {{out, (size_t)room}, {NULL, 0}};
    ssize_t count;
    if (link != NULL) {
        parts[1] = (struct iovec){link->ahead, sizeof link->ahead};
        link->asked++;
        if (link->ahead_count > 0) {
            return take_ahead(link, out, room);
        }
    }
    count = read_bytes(wolfSSL_get_fd(ssl), parts, link != NULL && !link->no_ahead ? 2 : 1);
    if (count <= 0) {
        return count == 0 ? WOLFSSL_CBIO_ERR_CONN_CLOSE
                          : error_of(errno, WOLFSSL_CBIO_ERR_WANT_READ);
    }
    if (count > room) {
        link->ahead_start = 0;
        link->ahead_count = (uint16_t)(count - room);
        return room;
    }
    return (int)count;
}

void kith__ws_records_setup(WOLFSSL_CTX *context)
{
    wolfSSL_CTX_SetIOSend(context, send_record);
}

void kith__ws_records_start(struct kith__ws_link *link, WOLFSSL *ssl)
{
    wolfSSL_SSLSetIOSend(ssl, send_record_of_link);
    wolfSSL_SSLSetIORecv(ssl, receive_of_link);
    wolfSSL_SetIOWriteCtx(ssl, link);
    wolfSSL_SetIOReadCtx(ssl, link);
}
