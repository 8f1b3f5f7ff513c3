/* SPDX-License-Identifier: MIT
 *
 * double.h: the stand-in for the core: it answers every up-call of transport.h as the contract has
 * it, checks in each that the driver may make it now, and writes down what it was told. Cases talk
 * to drivers through the functions here, so that calls down are watched as well.
 *
 * Bytes are those of one long pattern, so that both ends know them without storing them: control
 * bytes by direction and offset, those of a lane by its number too.
 */
#ifndef KITH_CONFORMANCE_DOUBLE_H
#define KITH_CONFORMANCE_DOUBLE_H

#include "base/env.h"
#include "bounds.h"
#include "place.h"
#include "transport.h"

enum { DOUBLE_LANES_MAX = 64, DOUBLE_EXPORT_BYTES = 32, DOUBLE_KEYS_MAX = 4 };

struct conn;
struct port;

/* Where a hook can run: inside the up-call, after the double has done its part. */
enum moment {
    AT_ACCEPTED,
    AT_LINK,
    AT_MOVED,
    AT_PULL,
    AT_RX,
    AT_LANE_PEEK,
    AT_LANE_TOOK,
    AT_LANE_BLOCKED,
    AT_LANE_WRITABLE,
    AT_LANE_DONE,
    AT_LANE_RX,
    AT_DATAGRAM_PEEK,
    AT_DATAGRAM_TOOK,
    AT_DATAGRAM_RX,
    AT_DOWN
};

/* One endpoint of the driver, and what a session would hold. */
struct core {
    struct place *place;
    struct kith_endpoint *endpoint;
    struct kith_node ports, conns;
    kith_key keys[DOUBLE_KEYS_MAX];
    size_t key_count;
    const kith_key *dial_key; /* NULL = none */
    int refuses;              /* takes no connection */
    uint32_t accept_after_ms; /* not 0: none may be accepted now */
    size_t asked;             /* whether one may be */
    int suspects_all;         /* of having failed too often */
    int content_free;         /* what comes is not the pattern */
    int lanes_jump;           /* the other side may end its lanes, and begin them elsewhere */
    size_t accepted, ups, downs, strays;
    struct conn *newest; /* the last one accepted */
    void (*hook)(struct conn *conn, enum moment moment);
    void *hook_user;
};

struct port {
    struct kith_node node;
    struct core *core;
    struct kith_port *port; /* NULL once closed */
    uint16_t number;
    char url[KITH_URL_BYTES_MAX], host[KITH_URL_BYTES_MAX];
};

/* Bytes that are lent: each block an allocation of its own, given back the moment the driver may
 * not read it any more. */
struct chunk {
    struct kith_node node;
    uint64_t offset;
    size_t count;
    uint8_t bytes[];
};

struct lane {
    uint64_t number, first;
    uint64_t offered, made, sent, done; /* offsets: to be sent up to, in chunks up to, ... */
    uint64_t came;                      /* offset of the next byte that comes */
    int blocked, has_come;
    int begun; /* bytes were taken since the lanes were last ended */
    unsigned times_blocked, dones;
    struct kith_node chunks;
};

struct conn {
    struct kith_node node;
    struct core *core;
    struct kith_link *link; /* NULL once its memory was given back */
    struct kith_deferred release;
    int dialled;
    enum { CONN_SHAKING, CONN_UP, CONN_DOWN } state;
    int closing, flushing; /* close() was called */
    unsigned ups, downs;
    kith_reason reason;
    char detail[512], remote[128];

    /* From inside kith_up_link(). */
    struct kith_link_info info;
    char transport[32], cipher[64], identity[KITH_KEY_IDENTITY_BYTES_MAX + 1], address[128];
    kith_err exported;
    uint8_t binding[DOUBLE_EXPORT_BYTES], other_binding[DOUBLE_EXPORT_BYTES];

    uint64_t offered, pulled, came; /* of the control stream */
    int lends;                      /* until kith_up_pulled() */
    unsigned asked_place;           /* how often */
    size_t placed;                  /* where the last thing was to give a place: how much of it */
    size_t bite;                    /* given per pull at most, 0 = what there is room for */
    int asked_writable;             /* for what datagrams go with, when it could write */

    struct lane lanes[DOUBLE_LANES_MAX];
    size_t lane_count, next_lane;
    struct lane *peeked; /* by the last peek, until something else happens */
    size_t peeked_count;

    unsigned moves; /* of the other side, that were told */
    unsigned datagrams_sent, datagrams_dropped, datagrams_came; /* sent: taken */
    int datagram_is_lent;                                       /* by the last peek */
    size_t datagram_sizes[64], datagram_first, datagram_last;   /* those that wait: a ring */
    size_t datagram_largest, datagram_bytes_came;
};

/* ---- a core */

/* With one key, to be dialled with, where the transport is a secure one. */
void core_open(struct core *core, struct place *place);
void core_open_with(struct core *core, struct place *place, kith_security security,
                    uint32_t handshake_ms);
/* May fail; then there is nothing to close. */
kith_err core_try_open(struct core *core, struct place *place, kith_security security,
                       uint32_t handshake_ms);
/* Closes what is open without flushing, waits until all is down, closes the endpoint. */
void core_close(struct core *core);
/* Every link at once, without flushing. Legal inside an up-call. */
void core_close_all(struct core *core);
/* Links that are not down. */
size_t core_alive(const struct core *core);
extern const kith_key double_key, double_other_key;

/* NULL: *err says why. err may be NULL where it must work. */
struct port *core_listen(struct core *core, const char *host, uint16_t number, kith_err *err);
void port_end(struct port *port);
/* What the driver says of it now; url may be another one after KITH_OK. */
kith_err port_look(struct port *port);
/* Dials the port at its own address, which for all addresses is this machine's. */
struct conn *core_dial(struct core *core, const struct port *port);
/* NULL: *err says why. */
struct conn *core_dial_address(struct core *core, const char *scheme, const char *ip,
                               uint16_t number, kith_err *err);
/* A listens, b dials; both ends are up. */
void core_pair(struct core *a, struct core *b, struct conn **at_a, struct conn **at_b);

/* ---- a conn */

void conn_close(struct conn *conn, kith_reason code, int flush);
/* So many more control bytes are to be sent. */
void conn_offer(struct conn *conn, uint64_t count);
/* The lane of that number, begun at offset first when it is new. */
struct lane *conn_lane(struct conn *conn, uint64_t number, uint64_t first);
void lane_offer(struct conn *conn, uint64_t number, uint64_t count);
/* Ends the lanes; each goes on, when it is offered more, where the last one left off. */
void conn_lanes_end(struct conn *conn);
void conn_datagram(struct conn *conn, size_t count);
int conn_can_write(struct conn *conn);
size_t conn_datagram_max(struct conn *conn);
/* The far end of an accepted or dialled one, where there are just two cores. */
static inline int conn_is_down(const struct conn *conn)
{
    return conn->state == CONN_DOWN;
}

#endif
