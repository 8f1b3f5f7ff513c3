/* SPDX-License-Identifier: MIT
 *
 * ws.h: what the files of this module share. Nothing outside the module includes it.
 *
 * libwebsockets ("lws") does TLS records, HTTP and frames; a wsi is its name for a connection. Who
 * owns what:
 *   endpoint  one lws context and vhost, the TLS contexts, one buffer for sending
 *   port      one listening socket of ours; what it accepts is handed to lws
 *   link      one wsi, from the moment lws has it until lws reports it destroyed
 * lws is only ever entered from a wake-up of a socket, a timer or a deferred turn, never from a
 * call of the core; so the core may call anything from inside an up-call.
 */
#ifndef KITH_TRANSPORTS_WEBSOCKET_WS_H
#define KITH_TRANSPORTS_WEBSOCKET_WS_H

#include <wolfssl/options.h>

#include <libwebsockets.h>
#include <sys/socket.h>

#include "base/env.h"
#include "base/err.h"
#include "bounds.h"
#include "transport.h"
#include "transports/net/net.h"
#include "transports/tls/tls.h"

enum {
    /* Payload of one message that we send. With its header it is four TLS records, or one segment
     * of a loopback or an offloading network card; of a little more the rest would go on its own.
     */
    KITH__WS_PULL_BYTES = 64 * 1024 - 128,
    KITH__WS_PULL_BYTES_MIN = 16 * 1024, /* for less, waiting is better: a TLS record */
    KITH__WS_LEND_BYTES =
        256 * 1024,                 /* the same where bytes go out as they lie: it costs no cache */
    KITH__WS_OWN_BYTES = 64 * 1024, /* of these, what the core writes itself, lending the rest */
    KITH__WS_HEAD_BYTES = 10,       /* of a frame, without a mask, at most (RFC 6455 §5.2) */
    KITH__WS_FRAME_BYTES = LWS_PRE + KITH__WS_LEND_BYTES + 64, /* the largest, whole */
    KITH__WS_PULLS_PER_TURN = 4,   /* frames of one link before others have their turn */
    KITH__WS_READS_PER_TURN = 8,   /* TLS records, or buffers, of one link before others */
    KITH__WS_RX_BYTES = 64 * 1024, /* one TLS record must fit, or its rest waits unseen */
    KITH__WS_RX_MORE_BYTES = 8192, /* after less, looking for more is seldom worth it */
    KITH__WS_SERVICE_BYTES = 64 * 1024,
    /* Of frames, WebSocket's and ours, and small frames of ours, where a large message is under
       way; so many reads, when there is no more of it. */
    KITH__WS_HEADS_BYTES = 1024,
    KITH__WS_HEADS_MAX = 3,
    KITH__WS_RECORD_BYTES = 16 * 1024,  /* of plain text: TLS's own limit (RFC 8446 §5.1) */
    KITH__WS_UNSENT_BYTES = 128 * 1024, /* in the kernel, beyond what is on the network */
    KITH__WS_AHEAD_BYTES = 256, /* of each link; a short message whole, or the head of a record */
    KITH__WS_ACCEPTS_PER_TURN = 16, /* handshakes cost time; established links have their turn */
    KITH__WS_BACKLOG = 512, /* connections that the system holds until we accept them; those behind
                               would wait longer than a handshake may take */
    KITH__WS_ACCEPT_PAUSE_MS = 100, /* no descriptors left: asking again at once would spin */
    KITH__WS_DETAIL_BYTES = 400     /* one sentence with an address and an identity */
};

#define KITH__WS_SUBPROTOCOL "kith.v1"

struct kith__ws_endpoint;

/* A socket of lws, watched through kith_io. */
struct kith__ws_socket {
    struct kith_watch watch;
    struct kith__ws_endpoint *endpoint;
    int fd; /* -1: not watched */
    unsigned events;
};

/* One way to set TLS up: by kith_tls12. The first is there from the beginning, the others are made
 * where they are asked for, so that nobody gets TLS 1.2 who did not. */
struct kith__ws_way {
    struct kith__ws_endpoint *endpoint;
    struct lws_vhost *vhost; /* NULL: not made yet */
    struct WOLFSSL_CTX *client_tls;
    struct kith__tls_keys keys;
};

enum { KITH__WS_WAYS = KITH_TLS12_PSK_ONLY + 1 };

struct kith__ws_endpoint {
    struct kith_endpoint base;
    int secure; /* TLS on every link; else on none */
    struct lws_context *context;
    struct lws_log_cx log;
    struct kith__tls_pki *pki;
    struct kith__ws_way ways[KITH__WS_WAYS];
    struct kith__ws_socket wakeup; /* lws's own */
    struct kith_deferred chores;   /* what lws wants done without a socket being ready */
    struct kith_timer alarm;       /* when it next has such */
    uint8_t *buffer;               /* FRAME and OWN_BYTES, for all links */
    uint8_t masks[256];            /* randomness for masks of frames; the first so many */
    unsigned mask_bytes_left;
    unsigned ports_closed;
};

struct kith__ws_port {
    struct kith_port base;
    struct kith__ws_way *way;
    struct kith_watch watch;
    struct kith_timer pause;
    int fd;
    int is_all; /* it listens on all addresses */
};

/* In this order; only forwards. */
enum kith__ws_stage {
    KITH__WS_NEW = 0,   /* lws does not know of it */
    KITH__WS_CONNECT,   /* dialled: TCP connects */
    KITH__WS_HANDSHAKE, /* TLS and HTTP */
    KITH__WS_UP,
    KITH__WS_OVER,    /* lws has forgotten it; the core is told when this turn ends */
    KITH__WS_REPORTED /* the core has been told */
};

struct kith__ws_link {
    struct kith_link base;
    enum kith__ws_stage stage;
    struct kith__ws_way *way;
    struct lws *wsi; /* NULL before lws has it and after it is gone */
    struct kith__ws_socket socket;
    struct kith_deferred turn;
    struct kith_timer deadline; /* of the handshake */
    struct kith__tls_handshake tls;

    uint8_t dialled;
    uint8_t heard;        /* a byte came in */
    uint8_t tls_done;     /* TLS has finished its part of the handshake */
    uint8_t closing;      /* the core called close() */
    uint8_t cut;          /* end it when this turn ends, whatever is unsent */
    uint8_t mute;         /* nothing more may be written */
    uint8_t goodbye;      /* our close frame is on its way, the other side's is awaited */
    uint8_t pressed;      /* more than the socket took was there to be sent, lately */
    uint8_t choked;       /* the socket has no room, says the system */
    uint8_t more;         /* so much came at once that more is likely there */
    uint8_t heads_left;   /* reads of heads before much is read at once again */
    uint8_t no_ahead;     /* TLS gets what it asks for and no more is read */
    uint16_t close_code;  /* WebSocket's */
    kith_reason reason;   /* why it ends; NONE = not known yet */
    uint64_t idle_second; /* of frames that moved nothing */
    uint32_t idle_frames;
    unsigned records_left;             /* TLS records of what is being written; 0 = not known */
    unsigned asked;                    /* how often TLS asked for bytes */
    uint16_t ahead_start, ahead_count; /* read from the socket, not yet asked for by TLS */
    uint8_t ahead[KITH__WS_AHEAD_BYTES];
    struct sockaddr_storage peer;
    socklen_t peer_bytes;
    char remote[KITH__NET_ADDRESS_BYTES], local[KITH__NET_ADDRESS_BYTES];
    char authority[KITH_URL_BYTES_MAX]; /* dialled: "host:port" for the HTTP request */
    char name[KITH_URL_BYTES_MAX];      /* dialled: whom the certificate must be made out to */
    char detail[KITH__WS_DETAIL_BYTES];
};

static inline struct kith__ws_endpoint *kith__ws_endpoint_of(const struct kith__ws_link *link)
{
    return (struct kith__ws_endpoint *)(void *)link->base.endpoint;
}

static inline const char *kith__ws_scheme(const struct kith__ws_endpoint *endpoint)
{
    return endpoint->secure ? "wss" : "ws";
}

/* The subject of a sentence about the link; the core knows where a stranger came from. */
static inline const char *kith__ws_who(const struct kith__ws_link *link)
{
    return link->dialled || link->stage == KITH__WS_UP ? link->remote : "the other side";
}

/* ---- endpoint.c */

kith_err kith__ws_endpoint_open(struct kith_endpoint *base);
void kith__ws_endpoint_close(struct kith_endpoint *base);
/* lws made the context of the server side: sets it up. 0, or -1. */
int kith__ws_server_tls(struct kith__ws_way *way, struct WOLFSSL_CTX *context);
/* The way of that choice, made now where it is the first time. */
KITH_MUST_USE kith_err kith__ws_way_of(struct kith__ws_endpoint *endpoint, kith_tls12 tls12,
                                       struct kith__ws_way **out);

/* ---- loop.c: lws on kith_io */

extern const lws_plugin_evlib_t kith__ws_event_library;

/* Says on whose behalf this thread calls lws from now on; NULL: nobody's. */
void kith__ws_enter(struct kith__ws_endpoint *endpoint);
/* Sends the log lines of lws to where they belong. Under the lock of endpoint.c. */
void kith__ws_log_start(struct kith__ws_endpoint *endpoint);
void kith__ws_chores_start(struct kith__ws_endpoint *endpoint);
void kith__ws_chores_stop(struct kith__ws_endpoint *endpoint);
void kith__ws_socket_init(struct kith__ws_socket *socket, struct kith__ws_endpoint *endpoint,
                          void (*on_ready)(struct kith_watch *watch, unsigned events));
void kith__ws_socket_stop(struct kith__ws_socket *socket);
/* Lets lws look at a socket that is ready. */
void kith__ws_service(struct kith__ws_socket *socket, unsigned events);

/* ---- records.c: the socket below TLS */

/* Sets up what is common to all connections of a context. */
void kith__ws_records_setup(struct WOLFSSL_CTX *context);
/* From now on the records of a link that is up go through here; NULL: those of no link any more. */
void kith__ws_records_start(struct kith__ws_link *link, struct WOLFSSL *ssl);
/* So many bytes, and their heads, are written as one; and have been. */
void kith__ws_records_begin(struct kith__ws_link *link, size_t count);
void kith__ws_records_end(struct kith__ws_link *link);

/* ---- port.c */

kith_err kith__ws_listen(struct kith_port *base, const struct kith_address *address, char *url,
                         size_t url_bytes);
kith_err kith__ws_port_check(struct kith_port *base, char *url, size_t url_bytes);
void kith__ws_port_close(struct kith_port *base);

/* ---- tcp_linux.c or tcp_posix.c */

/* TCP is connected: nothing waits to be collected, and little to be sent. */
void kith__ws_tcp_connected(int fd);
/* How many bytes can be written now without some being left over, as far as the system tells; more
 * than most are of no use. */
size_t kith__ws_tcp_room(int fd, size_t most);

/* ---- dial.c */

kith_err kith__ws_dial(struct kith_link *base, const struct kith_address *address);
/* Hands the link to lws. */
void kith__ws_dial_begin(struct kith__ws_link *link);
/* 1 when TCP is connected; else it is under way, or has failed and the link ends. */
int kith__ws_dial_connected(struct kith__ws_link *link);
/* lws gave up before TCP was connected: finds out why. */
void kith__ws_dial_explain(struct kith__ws_link *link);

/* ---- link.c */

/* Starts the deadline. NOMEM: nothing was started. */
KITH_MUST_USE kith_err kith__ws_link_init(struct kith__ws_link *link);
/* Remembers why the link ends; only the first reason counts. */
void kith__ws_link_fail(struct kith__ws_link *link, kith_reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Ends the link when this turn ends, without writing what is left. */
void kith__ws_link_cut(struct kith__ws_link *link);
/* lws has no connection for the link, or no more. Idempotent. */
void kith__ws_link_over(struct kith__ws_link *link);
/* lws is about to close the connection, everything about it can still be asked. */
void kith__ws_link_explain(struct kith__ws_link *link, struct lws *wsi);
/* Both sides have finished the handshake. 0, or -1 for lws to close. */
int kith__ws_link_up(struct kith__ws_link *link, struct lws *wsi);
/* Looks at the first byte that comes in, before lws does. 0 when the link ends for it. */
int kith__ws_link_hear(struct kith__ws_link *link, int fd);

void kith__ws_close(struct kith_link *base, unsigned code, int flush);
void kith__ws_tx_ready(struct kith_link *base);
void kith__ws_info(struct kith_link *base, struct kith_link_info *info);
int kith__ws_can_write(struct kith_link *link);
kith_err kith__ws_exporter(struct kith_link *base, const char *label, uint8_t *out,
                           size_t out_bytes);

/* ---- stream.c: bytes of a link that is up, and the callback of lws */

extern const struct lws_protocols kith__ws_protocols[];

/* Pulls and writes until there is nothing left, the socket is full or the link had its share. 1:
 * all is written and the core wants the link closed: lws is to close it now. */
int kith__ws_pump(struct kith__ws_link *link);

/* ---- frames.c: data frames that we make */

/* Payload of one frame at most. */
size_t kith__ws_frame_room(const struct kith__ws_link *link);
/* Pulls and writes a frame of up to room bytes. Their number, or -1: the connection is gone. The
 * buffer is shared by all links, since lws copies what it keeps. */
ssize_t kith__ws_write_frame(struct kith__ws_link *link, size_t room);

/* ---- upgrade.c: the opening handshake */

/* Whether a request asks for what this is; upgrade: the header, "" where there is none. 0, or -1
 * for lws to close: it has been answered. */
int kith__ws_take_request(struct kith__ws_link *link, struct lws *wsi, const char *upgrade);
/* Whether an answer that lws takes for an upgrade is one to this. 0, or -1 for lws to close. */
int kith__ws_take_response(struct kith__ws_link *link, struct lws *wsi);

#endif
