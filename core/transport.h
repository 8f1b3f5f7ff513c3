/* SPDX-License-Identifier: MIT
 *
 * transport.h: the contract between the core and a transport driver. A driver moves bytes of links;
 * it knows no frame, no peer and no session. The core knows no socket and no TLS library.
 * Everything runs on the loop thread.
 *
 * Words
 *   endpoint  one driver opened for one session: TLS contexts, sockets that are shared
 *   port      one bound address of an endpoint, where links come in
 *   link      one transport connection; the core sees two byte streams of frames
 *
 * Memory: the core allocates the driver's state of each of the three, zeroed, as many bytes as the
 * driver's *_bytes say; the public part below stands first in it. It frees a link at the end of the
 * turn in which kith_up_down() was called, a port after port_close, an endpoint after
 * endpoint_close. A driver keeps no pointer beyond that.
 *
 * Re-entrancy: calls down never call up inline; a driver puts the consequence off with kith_defer()
 * or waits for its socket. Up-calls may call down inline (an up-call may close the link it is
 * about), but never come inside another up-call; kith_up_key_find(), kith_up_key_dial(),
 * kith_up_accept_after_ms() and kith_up_is_suspect(), which only ask, may come anywhere, as may
 * kith_up_stray().
 *
 * What a link carries, by the driver's capabilities
 *   control    always: one reliable ordered byte stream each way; kith_up_pull(), kith_up_rx()
 *   lanes      with ONE_LANE the core cuts them into frames of the control stream. With MANY_LANES
 *              each is a stream of its own, so that no lane waits for another's lost packet, and
 *              its bytes are lent, not copied: kith_up_lane_peek() and what follows it
 *   datagrams  with DATAGRAMS, of the transport's own; else they too are frames of the control
 *              stream
 *
 * A driver that can write serves them in that order: control until there is none, then datagrams,
 * then lanes; and looks at control again after each lane chunk. Behind KITH_DATAGRAM_RUN_BYTES of
 * datagrams lanes that can go have a chunk first.
 *
 * On a link with MANY_LANES control and lanes do not wait for each other, nor do two lanes: bytes
 * of a lane may come before the control frame that was sent before them. The core copes.
 */
#ifndef KITH_CORE_TRANSPORT_H
#define KITH_CORE_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "kith/kith.h"

struct kith_driver;

/* What the transport proved about the channel; the numbers travel in HELLO. */
enum kith_channel {
    KITH_CHANNEL_PLAIN = 0,
    KITH_CHANNEL_TLS13_PSK = 1, /* with (EC)DHE */
    KITH_CHANNEL_TLS12_PSK = 2,
    KITH_CHANNEL_TLS13_CERT = 3,
    KITH_CHANNEL_TLS12_CERT = 4,
    KITH_CHANNEL_NOT_VISIBLE = 5
};

/* Where to listen or dial. Texts are borrowed for the call. */
struct kith_address {
    const char *scheme; /* one of the driver's */
    const char *host;   /* listening: an IP address or "*"; dialling: as the user wrote it, without
                           brackets */
    const char *ip;     /* dialling: the numeric address to connect to; listening: same as host */
    uint16_t port;      /* listening: 0 = the system chooses */
    const char *name;   /* dialling: what the other side's certificate must be made out to */
    kith_tls12 tls12; /* as the user chose; a driver without such a thing has something better, and
                         ignores it */
};

/* What a session of KITH_SECURITY_PKI shows and trusts, for every driver with certificates. Each is
 * PEM or DER, count 0 where there is none. Unchanged while an endpoint is open. */
struct kith_pki {
    struct kith_slice chain, key, trusted, system; /* the last two are trusted alike */
    kith_client_certificates clients;              /* of ports */
    int asks; /* the core decides about doubts: the handshake goes on whatever they are. Else a
                 driver ends it for any doubt but MISSING */
};

struct kith_endpoint {
    const struct kith_driver *driver;
    struct kith_env *env;
    void *session;          /* the core's */
    kith_security security; /* of the session */
    uint32_t handshake_ms;  /* deadline of the transport's own handshake, both sides */
    uint8_t secret[32];     /* nobody else knows it; the same whenever the session's identity is:
                               for what a program that was restarted says to those who knew it
                               before (RFC 9000 §10.3.2) */
    const struct kith_pki *pki; /* with KITH_SECURITY_PKI; else NULL */
};

struct kith_port {
    struct kith_endpoint *endpoint;
    void *listener; /* the core's */
};

struct kith_link {
    struct kith_endpoint *endpoint;
    void *conn; /* the core's */
};

/* What is known of a link that is up. Texts live as long as the link; its addresses change with
 * kith_up_moved(). */
struct kith_link_info {
    enum kith_channel channel;
    uint16_t tls_version;       /* 0x0304; 0 = none */
    uint16_t cipher_suite;      /* IANA number; 0 = none */
    const char *transport;      /* the scheme: "wss" */
    const char *cipher;         /* IANA name, "" = none */
    const char *psk_identity;   /* "" = none */
    const char *remote_address; /* "192.0.2.1:4242", "[2001:db8::1]:4242" */
    const char *local_address;  /* likewise, this side's; NULL = not known */
    /* Certificates. The other side's as it sent them, its own first, parsed and found fit for this
     * use, its key proved; none where it showed none. */
    const kith_certificate *chain;
    size_t chain_count;
    unsigned doubts;      /* bits of kith_doubt; MISSING is the core's to add */
    kith_certificate own; /* the one that this side showed; der NULL: none */
};

/* A scheme of a driver, and whether its bytes are encrypted. The list ends with name NULL. */
struct kith_scheme {
    const char *name;
    int secure;
};

/* What a driver can do: one of the first two, with or without the third. */
enum {
    KITH_DRIVER_ONE_LANE = 1,
    KITH_DRIVER_MANY_LANES = 2,
    KITH_DRIVER_DATAGRAMS = 4,
};

/* Bytes of one lane that the core lends, in up to so many pieces (a message's length and its bytes
 * are two). */
enum { KITH_LANE_SLICES_MAX = 16 };
struct kith_lane_bytes {
    uint64_t lane, offset; /* of the first byte, counted from the lane's beginning */
    size_t count;          /* of all slices: 1 to 64 KiB */
    size_t slice_count;
    struct kith_slice slices[KITH_LANE_SLICES_MAX];
};

/* Bytes of the control stream in several pieces, one behind the other. */
enum { KITH_PULL_SLICES_MAX = 48 };
struct kith_pulled {
    size_t count; /* of all slices */
    size_t slice_count;
    struct kith_slice slices[KITH_PULL_SLICES_MAX];
};

struct kith_driver {
    const char *name;
    unsigned capabilities;
    unsigned rank; /* of two links to one peer the one of higher rank is used */
    const struct kith_scheme *schemes;
    size_t endpoint_bytes, port_bytes, link_bytes;

    /* Opens the endpoint; its public part is filled in. On an error nothing is left behind and
     * kith_detail() says why. */
    kith_err (*endpoint_open)(struct kith_endpoint *endpoint);

    /* Frees what endpoint_open made. The core calls it from the end of a turn, never inside an
     * up-call, when all ports are closed and all links down. */
    void (*endpoint_close)(struct kith_endpoint *endpoint);

    /* Binds and listens; on KITH_OK the address others can connect to, with its real port, is
     * written as a URL to url. From then on kith_up_accepted() may come, not before this returns.
     * Errors: ADDRESS, IN_USE, PERMISSION, IO, NOMEM, CRYPTO, or CONFIG where the scheme does not
     * fit the session's security, with a detail that names the address and the fix. NETWORK: only
     * not now, because the machine does not have the address or the network is down; the core tries
     * again. */
    kith_err (*listen)(struct kith_port *port, const struct kith_address *address, char *url,
                       size_t url_bytes);

    /* The network has changed: whether others still reach the port. KITH_OK: yes, at url, which may
     * be another one now. NETWORK: not now, with a detail as listen; the port stays open, and the
     * core asks again. Any other error: it is of no use any more; the core closes it, and listens
     * anew. Nobody is called up. NULL: the ports of this driver are always good. */
    kith_err (*port_check)(struct kith_port *port, char *url, size_t url_bytes);

    /* Stops listening at once; links that came in stay. Where they share the port's socket its
     * address is free again when the last of them is down, and for this endpoint at once. May come
     * inside kith_up_accepted() for this port, whose memory is freed as soon as this returns. */
    void (*port_close)(struct kith_port *port);

    /* Begins to connect. Ends in kith_up_link() or kith_up_down(), never inside this call. On an
     * error (ADDRESS, CONFIG, NOMEM) the link is not begun and the core frees it. */
    kith_err (*dial)(struct kith_link *link, const struct kith_address *address);

    /* Ends a link in whatever state it is; idempotent; one kith_up_down() follows later. With flush
     * the driver first pulls and writes the control bytes that the core still has, then closes in
     * the transport's way so that the other side reads them; the core bounds that with
     * KITH_LINK_CLOSE_MS and then calls again without flush. Without flush: at once, and nothing
     * more is pulled; a flush asked for later does not bring it back. In both cases datagrams and
     * lanes are over: bytes lent are the core's again, the driver reads none of them after this
     * call and says nothing more of lanes that it sends. code is the kith_reason as it goes over
     * the wire, for transports with close codes of their own (WebSocket: 4000 + code). */
    void (*close)(struct kith_link *link, unsigned code, int flush);

    /* The core has bytes to send: pull soon, at the latest when this turn ends, and again whenever
     * the transport can write, until kith_up_pull() gives 0. Cheap; may be called often and in
     * every state: before the link is up it is for the moment when it will be. */
    void (*tx_ready)(struct kith_link *link);

    /* Fills info. Only after kith_up_link(). */
    void (*info)(struct kith_link *link, struct kith_link_info *info);

    /* RFC 8446 §7.5 / RFC 5705 keying material, empty context. Only inside kith_up_link(). KITH_OK:
     * out is filled. UNSUPPORTED: this channel has none (plain). CRYPTO: it should have one and has
     * not; the core closes the link. A driver must verify that out was really written. */
    kith_err (*exporter)(struct kith_link *link, const char *label, uint8_t *out, size_t out_bytes);

    /* 1 when bytes pulled now would go to the network at once, as far as is known without trying; 0
     * when they would wait. Legal in every state. Where it was 0 and tx_ready() has been called
     * since, the core is asked when it is 1 again, for control bytes and datagrams, also where it
     * has none: somebody may wait for that moment. */
    int (*can_write)(struct kith_link *link);

    /* The core uses another link for the lanes from now on: bytes lent are the core's again, and
     * the driver reads none of them after this call; what it had of them on the way may be lost. No
     * lane is blocked any more, and nothing more is said of what was taken before. Lanes may be
     * used again later, from other offsets. Legal in every state. NULL without
     * KITH_DRIVER_MANY_LANES. */
    void (*lanes_end)(struct kith_link *link);

    /* The largest datagram that can be sent now, in bytes; 0 = none. It may change with the path.
     * Legal in every state. NULL without KITH_DRIVER_DATAGRAMS. */
    size_t (*datagram_max)(struct kith_link *link);

    /* The network has changed: this side's way to the other may be another one now. A transport
     * whose links can move (QUIC) moves the link there, and nobody is called up for that; whether
     * it works, the core finds out by itself. Legal in every state, but never inside an up-call.
     * NULL: links of this driver stay where they are. */
    void (*look)(struct kith_link *link);

    /* Whether these certificates and keys can be used. KEY with a detail, NOMEM. NULL: a driver
     * without certificates. */
    kith_err (*check_pki)(const struct kith_pki *pki);
};

/* ---- up-calls: what a driver tells the core -------------------------------------------------- */

/* Whether a connection that waits outside may be accepted now: 0, or for how many ms it is to be
 * left where it is before asking again. For drivers whose system keeps connections until they are
 * accepted: there a crowd costs nothing, and keeps its order. */
uint32_t kith_up_accept_after_ms(struct kith_port *port);

/* Whether connections from an address failed lately, so often that few are taken from there. For
 * drivers whose strangers may forge their addresses: who is told so proves it first, or others
 * could have somebody kept out. */
int kith_up_is_suspect(struct kith_port *port, const char *remote_address);

/* A connection came in; nothing is known of it yet. Gives the link's zeroed driver state, public
 * part filled in, or NULL: then the driver closes the connection at once and forgets it. The core
 * may have called close() for the link when it gives it; then kith_up_down() is what follows. */
struct kith_link *kith_up_accepted(struct kith_port *port, const char *remote_address);

/* The transport's handshake is confirmed by both sides: from now on bytes may flow. Exactly once.
 * Never for a plain channel where endpoint->security is not NONE: that is the driver's duty, and
 * the core asserts it. */
void kith_up_link(struct kith_link *link);

/* Asks for the next bytes of the control stream: the core writes up to room bytes to out and gives
 * their number, 0 for none. The bytes are the driver's from then on. room is at least 2048. */
size_t kith_up_pull(struct kith_link *link, uint8_t *out, size_t room);

/* The same for a driver that can write from several places: up to most bytes, of which the core
 * writes those to out that it makes itself, and lends others where they lie. Before anything else
 * happens to the link, or another one is asked, the driver copies or writes them all, and says so
 * with the second call, also where there were none. room is at least 2048, most at least room. */
void kith_up_pull_slices(struct kith_link *link, uint8_t *out, size_t room, size_t most,
                         struct kith_pulled *pulled);
void kith_up_pulled(struct kith_link *link);

/* Where the next bytes of the control stream belong: how many at most, 0 where it is all the same.
 * A driver that reads them there, and gives them to kith_up_rx() as the very next thing that
 * happens to the session, spares a copy. */
size_t kith_up_rx_place(struct kith_link *link, uint8_t **place);

/* Bytes of the control stream that came, in order, one or more. Borrowed for the call. After
 * close() the core ignores them. */
void kith_up_rx(struct kith_link *link, const uint8_t *bytes, size_t count);

/* KITH_DRIVER_MANY_LANES. Asks for the bytes of a lane to send next: 1 and *out, or 0 for none.
 * Legal in every state. The bytes are lent: the driver may read them until kith_up_lane_done() says
 * that it need not any more, close() takes them back, or kith_up_down() is called. Nothing has
 * happened yet: the next peek may give other bytes, unless kith_up_lane_took() comes first. Of each
 * lane the bytes go on where took ended, without gaps, until lanes_end() or the end of the link. */
int kith_up_lane_peek(struct kith_link *link, struct kith_lane_bytes *out);

/* The first count bytes of the last peek of this turn are on their way; another peek did not come
 * between. */
void kith_up_lane_took(struct kith_link *link, uint64_t lane, size_t count);

/* The transport takes no bytes of this lane for now: peeks pass it over, until the second call. */
void kith_up_lane_blocked(struct kith_link *link, uint64_t lane);
void kith_up_lane_writable(struct kith_link *link, uint64_t lane);

/* The transport will not read this lane's bytes below offset upto any more. Never goes back; may
 * come before or after the other side's core has confirmed them. */
void kith_up_lane_done(struct kith_link *link, uint64_t lane, uint64_t upto);

/* Bytes of a lane that came, in order within the lane, one or more; the first ones of a link need
 * not be at offset 0. After the other side's lanes_end() they begin anew at another offset, and
 * what was on its way before may still come among them. lane and offset are as the other side wrote
 * them, unchecked. Borrowed for the call. After close() the core ignores them. */
void kith_up_lane_rx(struct kith_link *link, uint64_t lane, uint64_t offset, const uint8_t *bytes,
                     size_t count);

/* KITH_DRIVER_DATAGRAMS. Asks for the next datagram: 1 and its bytes (none is a datagram too), or 0
 * for none. room is what datagram_max says; larger ones are dropped and counted. The bytes are lent
 * until the next call of the link, up or down. Nothing has happened yet: the next peek may give
 * another one, unless the second call says that this one is on its way. */
int kith_up_datagram_peek(struct kith_link *link, size_t room, struct kith_slice *out);
void kith_up_datagram_took(struct kith_link *link);

/* A datagram that came. Borrowed for the call. */
void kith_up_datagram_rx(struct kith_link *link, const uint8_t *bytes, size_t count);

/* The other side of a link that is up is at another address now, and has proved it. What info()
 * gives as remote_address is this text already. Never after close(). */
void kith_up_moved(struct kith_link *link, const char *remote_address);

/* The link is gone, for whatever reason: exactly once for each link accepted or dialled, also after
 * close(). All lent bytes are the core's again. Calls down are legal until the turn ends, and do
 * nothing. reason is one of LOST (or LOCAL after close()), TIMEOUT, REFUSED, UNREACHABLE (no way to
 * the address now, or the system lets nothing through; detail tells them apart), AUTH (transport
 * refused the key), UNTRUSTED (a certificate, either side's), NOT_KITH, PROTOCOL,
 * INTERNAL (no memory or descriptors, too);
 * or, where the other side closed with a code of ours and no bytes that say so may have come, what
 * kith_reason_from_wire() makes of it. detail: one sentence for a person, borrowed, never empty, no
 * secrets. */
void kith_up_down(struct kith_link *link, kith_reason reason, const char *detail);

/* For the session's counters: a packet that is nobody's, or a stranger that was asked where it is.
 * May come anywhere. */
enum kith_stray { KITH_STRAY_IGNORED, KITH_STRAY_ASKED };
void kith_up_stray(struct kith_endpoint *endpoint, enum kith_stray what);

/* The session's key of that identity, or NULL. Valid for the call. */
const kith_key *kith_up_key_find(struct kith_endpoint *endpoint, const char *identity);

/* The key to dial with, or NULL. Valid for the call. */
const kith_key *kith_up_key_dial(struct kith_endpoint *endpoint);

/* ---- what is compiled in (transports/drivers.c) -----------------------------------------------
 */

/* The drivers of this build, best first, ended by NULL; and the cryptography they bring. */
extern const struct kith_driver *const kith_drivers[];
extern const struct kith_crypto kith_default_crypto;

#endif
