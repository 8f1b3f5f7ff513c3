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
 * about).
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
};

struct kith_endpoint {
    const struct kith_driver *driver;
    struct kith_env *env;
    void *session;          /* the core's */
    kith_security security; /* of the session */
    uint32_t handshake_ms;  /* deadline of the transport's own handshake, both sides */
};

struct kith_port {
    struct kith_endpoint *endpoint;
    void *listener; /* the core's */
};

struct kith_link {
    struct kith_endpoint *endpoint;
    void *conn; /* the core's */
};

/* What is known of a link that is up. Texts live as long as the link. */
struct kith_link_info {
    enum kith_channel channel;
    uint16_t tls_version;       /* 0x0304; 0 = none */
    uint16_t cipher_suite;      /* IANA number; 0 = none */
    const char *transport;      /* the scheme: "wss" */
    const char *cipher;         /* IANA name, "" = none */
    const char *psk_identity;   /* "" = none */
    const char *remote_address; /* "192.0.2.1:4242", "[2001:db8::1]:4242" */
};

/* A scheme of a driver, and whether its bytes are encrypted. The list ends with name NULL. */
struct kith_scheme {
    const char *name;
    int secure;
};

enum {
    KITH_DRIVER_ONE_LANE =
        1 /* frames of everything share one ordered byte stream; the core multiplexes */
};

struct kith_driver {
    const char *name;
    unsigned capabilities;
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
     * Errors: ADDRESS, IN_USE, PERMISSION, IO, NOMEM, CRYPTO, with a detail that names the address
     * and the fix. */
    kith_err (*listen)(struct kith_port *port, const struct kith_address *address, char *url,
                       size_t url_bytes);

    /* Stops listening at once; links that came in stay. May come inside kith_up_accepted() for this
     * port, whose memory is freed as soon as this returns. */
    void (*port_close)(struct kith_port *port);

    /* Begins to connect. Ends in kith_up_link() or kith_up_down(), never inside this call. On an
     * error the link is not begun and the core frees it. */
    kith_err (*dial)(struct kith_link *link, const struct kith_address *address);

    /* Ends a link in whatever state it is; idempotent; one kith_up_down() follows later. With flush
     * the driver first pulls and writes what the core still has, then closes in the transport's way
     * so that the other side reads everything; the core bounds that with KITH_LINK_CLOSE_MS and
     * then calls again without flush. Without flush: at once. code is the kith_reason, for
     * transports with close codes of their own (WebSocket: 4000 + code). */
    void (*close)(struct kith_link *link, unsigned code, int flush);

    /* The core has bytes to send: pull soon, at the latest when this turn ends, and again whenever
     * the transport can write, until kith_up_pull() gives 0. Cheap; may be called often and in
     * every state. */
    void (*tx_ready)(struct kith_link *link);

    /* Fills info. Only after kith_up_link(). */
    void (*info)(struct kith_link *link, struct kith_link_info *info);

    /* RFC 8446 §7.5 / RFC 5705 keying material, empty context. Only inside kith_up_link(). KITH_OK:
     * out is filled. UNSUPPORTED: this channel has none (plain). CRYPTO: it should have one and has
     * not; the core closes the link. A driver must verify that out was really written. */
    kith_err (*exporter)(struct kith_link *link, const char *label, uint8_t *out, size_t out_bytes);

    /* 1 when bytes pulled now would go to the network at once, as far as is known without trying; 0
     * when they would wait. Legal in every state. */
    int (*can_write)(struct kith_link *link);
};

/* ---- up-calls: what a driver tells the core -------------------------------------------------- */

/* A connection came in; nothing is known of it yet. Gives the link's zeroed driver state, public
 * part filled in, or NULL: then the driver closes the connection at once and forgets it. */
struct kith_link *kith_up_accepted(struct kith_port *port, const char *remote_address);

/* The transport's handshake is confirmed by both sides: from now on bytes may flow. Exactly once.
 * Never for a plain channel where endpoint->security is not NONE: that is the driver's duty, and
 * the core asserts it. */
void kith_up_link(struct kith_link *link);

/* Asks for the next bytes to send: the core writes up to room bytes to out and gives their number,
 * 0 for none. The bytes are the driver's from then on. room is at least 2048. */
size_t kith_up_pull(struct kith_link *link, uint8_t *out, size_t room);

/* Bytes that came, in order. Borrowed for the call. After close() the core ignores them. */
void kith_up_rx(struct kith_link *link, const uint8_t *bytes, size_t count);

/* The link is gone, for whatever reason: exactly once for each link accepted or dialled, also after
 * close(). reason is one of LOST (or LOCAL after close()), TIMEOUT, REFUSED, UNREACHABLE, AUTH
 * (transport refused the key), NOT_KITH, PROTOCOL, INTERNAL. detail: one sentence for a person,
 * borrowed, never NULL, no secrets. */
void kith_up_down(struct kith_link *link, kith_reason reason, const char *detail);

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
