/* SPDX-License-Identifier: MIT
 *
 * inside.h: what the files of this module share. Nothing outside the module includes it but its
 * tests.
 *
 * ngtcp2 does packets, loss and congestion, wolfSSL the handshake inside. Who owns what:
 *   endpoint  the TLS contexts, the sockets, one buffer for sending and one for receiving, the
 *             table of connection ids, one secret from which Retry tokens are made
 *   socket    one UDP socket: a port's, or the one for dialling of an address family. It lives as
 *             long as its port or a link on it
 *   port      a socket's permission to take strangers
 *   link      one ngtcp2_conn with its WOLFSSL
 *
 * A packet is read at once, which calls up. Nothing is written then: each link that something
 * happened to takes a turn when the loop's turn ends, in which it writes once, and may end. So the
 * core may call anything from inside an up-call, and no ngtcp2_conn is freed below its own feet.
 */
#ifndef KITH_TRANSPORTS_QUIC_INSIDE_H
#define KITH_TRANSPORTS_QUIC_INSIDE_H

#include <wolfssl/options.h>

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <stddef.h>
#include <stdint.h>
#include <wolfssl/ssl.h>

#include "base/env.h"
#include "base/err.h"
#include "bounds.h"
#include "transport.h"
#include "transports/net/net.h"
#include "transports/tls/tls.h"
#include "transports/udp/udp.h"

#define KITH__QUIC_ALPN "kith/1"

enum {
    KITH__QUIC_CID_BYTES = 16,      /* ours: nobody guesses one */
    KITH__QUIC_SECRET_BYTES = 32,   /* of an endpoint */
    KITH__QUIC_PREAMBLE_BYTES = 16, /* lane and offset, as varints */
    KITH__QUIC_BLOCK_BYTES = 4096,  /* of control bytes */
    KITH__QUIC_PULL_BYTES_MIN = 2048,
    KITH__QUIC_SPARE_BLOCKS = 16,
    KITH__QUIC_BYTES_PER_TURN = 512 * 1024, /* of one link before others have their turn */
    KITH__QUIC_VECTORS_MAX = KITH_LANE_SLICES_MAX + 1,
    KITH__QUIC_DETAIL_BYTES = 400
};

struct kith__quic_link;
struct kith__quic_port;
struct kith__quic_grave;

/* ---- connection ids and reset tokens: ids.c */

struct kith__quic_id {
    struct kith__quic_id *next; /* of the bucket */
    struct kith_node node;      /* of the link or grave */
    struct kith__quic_link *link;
    struct kith__quic_grave *grave; /* when it has ended; then link is NULL */
    uint8_t is_token, count;
    uint8_t bytes[NGTCP2_MAX_CIDLEN];
};

struct kith__quic_ids {
    struct kith__quic_id **buckets;
    size_t bucket_count, count; /* the first is a power of two, or 0 */
    uint64_t salt;
};

/* What is left of a link for a while: its ids, and its last packet, which is said again to whoever
 * goes on sending (RFC 9000 §10.2.1). */
struct kith__quic_grave {
    struct kith_node node; /* of the endpoint, oldest first */
    struct kith_node ids;
    struct kith__quic_socket *socket;
    struct kith__udp_path path;
    uint64_t until_us;
    unsigned heard;
    size_t count;
    uint8_t bytes[];
};

/* ---- strangers */

/* A first packet, and what was proved with it. */
struct kith__quic_first {
    ngtcp2_pkt_hd head;
    ngtcp2_cid original; /* from a Retry token; or its count is 0 */
};

/* One who waits for a place. */
struct kith__quic_waiting {
    struct kith_node node; /* of the endpoint, in the order in which they came */
    struct kith__quic_socket *socket;
    struct kith__udp_path path;
    ngtcp2_cid original; /* from its Retry token */
    uint64_t since_us;
    size_t count;
    uint8_t bytes[]; /* its first packet */
};

/* ---- an endpoint */

/* What strangers did, since the endpoint was opened. */
struct kith__quic_counts {
    uint64_t malformed, stray, version, resets, retries, refused, put_off, invalid_tokens;
};

/* So many of something in a second. */
struct kith__quic_rate {
    uint64_t second;
    unsigned count;
};

struct kith__quic_block {
    struct kith__quic_block *next;
    size_t used;
    uint8_t bytes[KITH__QUIC_BLOCK_BYTES - 2 * sizeof(size_t)];
};

struct kith__quic_endpoint {
    struct kith_endpoint base;
    struct kith__tls_pki *pki;
    struct kith__tls_keys keys;
    WOLFSSL_CTX *client_tls, *server_tls;
    uint8_t secret[KITH__QUIC_SECRET_BYTES]; /* of Retry tokens; that of resets is the core's */
    uint8_t *received, *sending;             /* buffers */
    uint8_t datagram[KITH_DATAGRAM_BYTES_MAX];
    struct kith_node sockets;
    struct kith_deferred sweep; /* frees closed sockets */
    struct kith__quic_ids ids;
    struct kith_node graves;
    size_t grave_count;
    struct kith_timer grave_timer;
    struct kith_node waiting;
    size_t waiting_count;
    struct kith_timer backlog_timer;
    struct kith__quic_block *spare; /* blocks */
    size_t spare_count;
    unsigned shaking; /* links that came in and are not up */
    struct kith__quic_rate answers, retries, unproved;
    struct kith__quic_counts counts;
    /* Of links made from now on. Constants, but for tests: they have less time than bounds.h gives,
     * and speak other protocols. */
    uint32_t idle_ms, keep_alive_ms;
    unsigned retry_links;
    const char *protocol; /* ALPN; NULL: none */
};

struct kith__quic_socket {
    struct kith_node node;
    struct kith__udp udp;
    struct kith__quic_endpoint *endpoint;
    struct kith__quic_port *port; /* NULL: takes no strangers */
    int is_for_dialling;
    unsigned holds; /* it may not close: the core is being asked */
    struct kith_node links;
    size_t grave_count; /* of links that were on it */
    /* Packets that the socket did not take, in a buffer of their own. */
    uint8_t *unsent;
    size_t unsent_at, unsent_count, unsent_segment;
    struct kith__udp_path unsent_path;
};

struct kith__quic_port {
    struct kith_port base;
    struct kith__quic_socket *socket;
    int is_all; /* it listens on all addresses */
};

/* ---- a link */

/* In this order; only forwards. */
enum kith__quic_stage {
    KITH__QUIC_NEW = 0, /* inside kith_up_accepted(), or dialled in this turn */
    KITH__QUIC_SHAKING,
    KITH__QUIC_UP,
    KITH__QUIC_OVER /* the core has been told */
};

/* Control bytes, from the first that is not confirmed. */
struct kith__quic_control {
    int64_t stream; /* -1: not open */
    struct kith__quic_block *first, *last;
    uint64_t first_offset;        /* of the first block's first byte */
    uint64_t pulled, sent, acked; /* offsets in the stream */
    uint8_t is_announced;         /* the other side hears of the stream */
    uint8_t is_dry;               /* the core had nothing */
    uint8_t is_blocked;           /* by the other side's window */
};

/* A lane that this side sends. */
struct kith__quic_lane {
    struct kith_node node;
    uint64_t number, first; /* first: the lane's offset where the stream begins */
    uint64_t sent;          /* lane's offset */
    int64_t stream;         /* -1: none yet */
    uint8_t is_blocked;
    uint8_t is_told_blocked; /* the core knows */
    uint8_t preamble_bytes, preamble_sent;
    uint8_t preamble[KITH__QUIC_PREAMBLE_BYTES];
};

/* A stream that brings a lane. */
struct kith__quic_arrival {
    struct kith_node node;
    int64_t stream;
    uint64_t number, next; /* the lane, and the offset of the next byte */
    uint8_t is_known;      /* the preamble is read */
    uint8_t is_stale;      /* the lane has begun anew */
    uint8_t preamble_bytes;
    uint8_t preamble[KITH__QUIC_PREAMBLE_BYTES];
};

/* A chunk that was peeked and is being sent. */
struct kith__quic_chunk {
    struct kith__quic_lane *lane; /* NULL: none */
    struct kith_lane_bytes lent;
    size_t used;
};

struct kith__quic_link {
    struct kith_link base;
    enum kith__quic_stage stage;
    struct kith__quic_socket *socket;
    struct kith_node node; /* of the socket */
    ngtcp2_conn *conn;
    WOLFSSL *ssl;
    ngtcp2_crypto_conn_ref ref;
    struct kith_node ids;
    struct kith__quic_id *first_id; /* that the other side made up for its first packets */
    struct kith_deferred turn;
    struct kith_timer alarm, deadline;
    struct kith__udp_feeler feeler; /* until something was heard */
    struct kith__tls_handshake tls;

    uint8_t dialled, heard;
    uint8_t is_shaking; /* counted in endpoint->shaking */
    uint8_t closing, flushing;
    uint8_t cut;         /* end it in the next turn */
    uint8_t mute;        /* and say nothing of it */
    uint8_t lanes_ended; /* what is lent must not be looked at any more */
    uint8_t streams_are_out, datagrams_are_dry;
    uint8_t is_stale_alarm;
    unsigned code;                /* of close() */
    ngtcp2_ccerr error;           /* what the other side is told */
    kith_reason reason;           /* why it ends; NONE = not known yet */
    struct kith__udp_path path;   /* its ends, proved; a dialled one's own as ngtcp2 knows it */
    struct kith__udp_address own; /* this end's address; bytes 0: not known */
    uint8_t has_wandered;         /* packets come from another address, or did */
    uint8_t is_unproved;          /* ngtcp2 sends to where that is not proved yet */

    struct kith__quic_control control;
    struct kith_node lanes, old_lanes, arrivals; /* old: since the lanes were ended in this turn */
    struct kith__quic_chunk chunk;
    /* One that waits to be sent: in the endpoint's place, or since the turn ended in memory of its
     * own. */
    uint8_t *datagram;
    size_t datagram_bytes;
    uint8_t has_datagram;

    char remote[KITH__NET_ADDRESS_BYTES], local[KITH__NET_ADDRESS_BYTES];
    char name[KITH_URL_BYTES_MAX];
    char detail[KITH__QUIC_DETAIL_BYTES];
};

static inline struct kith__quic_endpoint *kith__quic_endpoint_of(const struct kith__quic_link *link)
{
    return (struct kith__quic_endpoint *)(void *)link->base.endpoint;
}

static inline ngtcp2_tstamp kith__quic_now(const struct kith_env *env)
{
    return env->now_us * 1000;
}

static inline ngtcp2_path kith__quic_path(const struct kith__udp_path *path)
{
    ngtcp2_path out = {{(ngtcp2_sockaddr *)(uintptr_t)&path->local.storage, path->local.bytes},
                       {(ngtcp2_sockaddr *)(uintptr_t)&path->remote.storage, path->remote.bytes},
                       NULL};
    return out;
}

/* The subject of a sentence about the link; the core knows where a stranger came from. */
static inline const char *kith__quic_who(const struct kith__quic_link *link)
{
    return link->dialled || link->stage == KITH__QUIC_UP ? link->remote : "the other side";
}

/* 1 when nothing more may be asked for or written but a goodbye. */
static inline int kith__quic_is_over(const struct kith__quic_link *link)
{
    return link->cut || (link->closing && !link->flushing);
}

/* 1 when lanes and datagrams of this link are over. */
static inline int kith__quic_is_ending(const struct kith__quic_link *link)
{
    return link->closing || link->cut;
}

/* ---- endpoint.c */

static inline void kith__quic_ignored(struct kith__quic_endpoint *endpoint, uint64_t *counter)
{
    ++*counter;
    kith_up_stray(&endpoint->base, KITH_STRAY_IGNORED);
}

kith_err kith__quic_endpoint_open(struct kith_endpoint *base);
void kith__quic_endpoint_close(struct kith_endpoint *base);
/* 1 when one more of them is allowed in this second. */
int kith__quic_rate_allows(struct kith_env *env, struct kith__quic_rate *rate, unsigned most);

/* ---- ids.c */

void kith__quic_ids_free(struct kith_env *env, struct kith__quic_ids *ids);
/* NULL without memory, or when it is another link's already. */
struct kith__quic_id *kith__quic_id_add(struct kith__quic_link *link, int is_token,
                                        const uint8_t *bytes, size_t count);
void kith__quic_id_drop(struct kith__quic_endpoint *endpoint, struct kith__quic_id *id);
struct kith__quic_id *kith__quic_id_find(struct kith__quic_endpoint *endpoint, int is_token,
                                         const uint8_t *bytes, size_t count);

/* ---- backlog.c */

void kith__quic_backlog_start(struct kith__quic_endpoint *endpoint);
/* All of them, or those of one socket. */
void kith__quic_backlog_clear(struct kith__quic_endpoint *endpoint,
                              const struct kith__quic_socket *socket);
/* Has one who brought a Retry token wait, as far as there is room. */
void kith__quic_backlog_put(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                            const struct kith__quic_first *first, const uint8_t *bytes,
                            size_t count);

/* ---- graves.c */

void kith__quic_graves_start(struct kith__quic_endpoint *endpoint);
/* All of them, or those of one socket. */
void kith__quic_graves_clear(struct kith__quic_endpoint *endpoint,
                             const struct kith__quic_socket *socket);
/* Leaves the goodbye of a link, which was just sent, and its ids. Without memory nothing is left.
 */
void kith__quic_bury(struct kith__quic_link *link, const struct kith__udp_path *path,
                     const uint8_t *bytes, size_t count);
void kith__quic_grave_heard(struct kith__quic_grave *grave, const struct kith__udp_path *path);

/* ---- socket.c */

/* A new one on that descriptor, which it takes over. NULL without memory: then it is closed. */
KITH_MUST_USE kith_err kith__quic_socket_new(struct kith__quic_endpoint *endpoint, int fd,
                                             int is_for_dialling, struct kith__quic_socket **out);
/* That listens at this very address, and has no port any more; or NULL. */
struct kith__quic_socket *kith__quic_socket_find(struct kith__quic_endpoint *endpoint,
                                                 const struct kith_address *address);
/* The one to dial that address with. -1 and errno. */
int kith__quic_socket_for(struct kith__quic_endpoint *endpoint, int family,
                          struct kith__quic_socket **out);
/* Closes it when nobody needs it any more. */
void kith__quic_socket_release(struct kith__quic_socket *socket);
void kith__quic_socket_free(struct kith__quic_socket *socket);
/* Sends packets for a link, NULL for nobody's. 0, or an errno. What the socket does not take waits.
 */
int kith__quic_socket_send(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                           const uint8_t *bytes, size_t count, size_t segment);
static inline int kith__quic_socket_is_full(const struct kith__quic_socket *socket)
{
    return socket->unsent_count > 0 || socket->udp.is_blocked;
}

/* ---- route.c: whose a packet is */

void kith__quic_route(struct kith__udp *udp, const struct kith__udp_path *path,
                      const uint8_t *bytes, size_t count);

/* ---- port.c */

kith_err kith__quic_listen(struct kith_port *base, const struct kith_address *address, char *url,
                           size_t url_bytes);
kith_err kith__quic_port_check(struct kith_port *base, char *url, size_t url_bytes);
void kith__quic_port_close(struct kith_port *base);
/* A packet that belongs to no link and is none's: perhaps a stranger's first. */
void kith__quic_accept(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                       const uint8_t *bytes, size_t count);
/* One who may come, and has a place. */
void kith__quic_admit(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                      const struct kith__quic_first *first, const uint8_t *bytes, size_t count);

/* ---- dial.c */

kith_err kith__quic_dial(struct kith_link *base, const struct kith_address *address);
void kith__quic_dial_begin(struct kith__quic_link *link);
/* The system heard that packets to a link's other side do not arrive; errno. */
void kith__quic_dial_unreachable(struct kith__quic_link *link, int error);

/* ---- conn.c: the ngtcp2_conn of a link */

/* The client's side of a dialled link. */
KITH_MUST_USE kith_err kith__quic_conn_dial(struct kith__quic_link *link);
/* The server's, for a first packet. */
KITH_MUST_USE kith_err kith__quic_conn_accept(struct kith__quic_link *link,
                                              const struct kith__quic_first *first);
void kith__quic_conn_free(struct kith__quic_link *link);

/* ---- link.c */

/* Starts the deadline. NOMEM: nothing was started. */
KITH_MUST_USE kith_err kith__quic_link_init(struct kith__quic_link *link);
/* A socket has it, or no more (NULL). */
void kith__quic_link_place(struct kith__quic_link *link, struct kith__quic_socket *socket);
/* Remembers why the link ends; only the first reason counts. */
void kith__quic_link_fail(struct kith__quic_link *link, kith_reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Ends the link when this turn ends. */
void kith__quic_link_cut(struct kith__quic_link *link);
void kith__quic_link_wake(struct kith__quic_link *link);
void kith__quic_link_read(struct kith__quic_link *link, const struct kith__udp_path *path,
                          const uint8_t *bytes, size_t count);
/* The handshake is confirmed by both sides. 0, or an error of ngtcp2 for a callback to give. */
int kith__quic_link_up(struct kith__quic_link *link);

void kith__quic_close(struct kith_link *base, unsigned code, int flush);
void kith__quic_tx_ready(struct kith_link *base);
void kith__quic_info(struct kith_link *base, struct kith_link_info *info);
kith_err kith__quic_exporter(struct kith_link *base, const char *label, uint8_t *out,
                             size_t out_bytes);
int kith__quic_can_write(struct kith_link *base);
size_t kith__quic_datagram_max(struct kith_link *base);

/* ---- path.c: the ends of a link that stands */

/* ngtcp2 asks the other side to prove where it is, and knows. */
int kith__quic_path_begins(ngtcp2_conn *conn, uint32_t flags, const ngtcp2_path *path,
                           const ngtcp2_path *before, void *user);
int kith__quic_path_ends(ngtcp2_conn *conn, uint32_t flags, const ngtcp2_path *path,
                         const ngtcp2_path *before, ngtcp2_path_validation_result result,
                         void *user);
/* A packet of the link came, and has_wandered. Tells the core where the other side is. */
void kith__quic_path_wandered(struct kith__quic_link *link);
/* Fills link->own and link->local. */
void kith__quic_path_note(struct kith__quic_link *link);
void kith__quic_look(struct kith_link *base);

/* ---- explain.c: why a link ends */

/* An ngtcp2 function gave that error: fails and cuts the link. */
void kith__quic_explain(struct kith__quic_link *link, int error);

/* ---- write.c */

/* Writes what there is and the path takes. */
void kith__quic_write(struct kith__quic_link *link);
/* Says goodbye, with link->error. */
void kith__quic_write_close(struct kith__quic_link *link);

/* ---- control.c */

/* Bytes to send next, as vectors; their number. Asks the core where there are none. */
size_t kith__quic_control_next(struct kith__quic_link *link, ngtcp2_vec *out, size_t room);
void kith__quic_control_acked(struct kith__quic_link *link, uint64_t upto);
void kith__quic_control_free(struct kith__quic_link *link);
static inline int kith__quic_control_has_room(const struct kith__quic_control *control)
{
    return control->pulled - control->acked < KITH_QUIC_CONTROL_BYTES_MAX - KITH__QUIC_BLOCK_BYTES;
}

/* ---- lanes.c */

/* Makes link->chunk the next one. 0 when there is none. */
int kith__quic_lane_next(struct kith__quic_link *link);
/* The vectors of what is left of the chunk. */
size_t kith__quic_lane_vectors(struct kith__quic_link *link, ngtcp2_vec *out);
/* So many bytes of those went. */
void kith__quic_lane_went(struct kith__quic_link *link, size_t count);
/* The chunk is over: the core hears what of it was taken. */
void kith__quic_lane_settle(struct kith__quic_link *link);
/* The other side's window is full; it is wider. */
void kith__quic_lane_block(struct kith__quic_link *link);
void kith__quic_lane_unblock(struct kith__quic_link *link, struct kith__quic_lane *lane);
void kith__quic_lane_acked(struct kith__quic_link *link, struct kith__quic_lane *lane,
                           uint64_t upto);
/* Resets the streams of lanes that were ended. Before anything is written. */
void kith__quic_lanes_reset(struct kith__quic_link *link);
void kith__quic_lanes_end(struct kith_link *base);
/* A stream came, brought bytes, is gone. 0, or an error of ngtcp2 for a callback to give. */
int kith__quic_arrival_open(struct kith__quic_link *link, int64_t stream);
int kith__quic_arrival_take(struct kith__quic_link *link, struct kith__quic_arrival *arrival,
                            const uint8_t *bytes, size_t count);
void kith__quic_arrival_over(struct kith__quic_link *link, struct kith__quic_arrival *arrival);
void kith__quic_lanes_free(struct kith__quic_link *link);

#endif
