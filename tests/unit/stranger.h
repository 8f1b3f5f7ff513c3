/* SPDX-License-Identifier: MIT
 *
 * stranger.h: a session's counterpart that the test plays byte by byte: a driver without a network,
 * and a peer that knows the handshake but need not keep to it.
 */
#ifndef KITH_TESTS_STRANGER_H
#define KITH_TESTS_STRANGER_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/adopt.h"
#include "protocol/info.h"
#include "protocol/auth.h"
#include "protocol/hello.h"
#include "world.h"

struct stranger;

/* The driver: schemes raw (plain) and raws (claims what `channel` says). */
struct strangers {
    struct kith_driver driver;
    struct world *world;
    struct kith_port *port;    /* the last one opened, NULL when closed */
    struct stranger *next;     /* whom the session's next dial meets; NULL: nobody */
    enum kith_channel channel; /* of raws */
    kith_err exporter;         /* what the exporter returns */
    uint8_t binding[KITH_BINDING_BYTES];
    kith_certificate own, theirs; /* that the session and the stranger showed; der NULL: none */
    unsigned doubts;              /* about the stranger's */
    int keeps_closing;            /* a closing link is not down before it is closed without flush */
    int stays_down;               /* links made now never come up */
};

struct stranger {
    const char *address; /* where it connects from; NULL: nowhere in particular */
    struct strangers *all;
    struct kith_link *link; /* NULL before and after */
    int dials;              /* the stranger is the dialer */
    int was_closed;         /* by the session */
    unsigned close_code;

    uint8_t seed[KITH_ED25519_SEED_BYTES];
    struct kith_hello hello; /* what it says of itself; may be changed before it is sent */
    uint8_t hello_sent[KITH_HELLO_BYTES], hello_came[KITH_HELLO_BYTES];
    struct kith_auth auth;
    struct kith_claim claim; /* in its INFO */
    struct kith_hello their_hello;
    struct kith_adopt adopt; /* the one that came, or went */

    uint8_t *heard; /* all bytes of the session, and how far they were read as frames */
    size_t heard_count, heard_room, read_count;
};

/* Gives the world's sessions the driver. Before world_join(). */
void strangers_open(struct strangers *strangers, struct world *world);

/* A stranger with an identity of its own; order > 0: its id is above the session's, < 0: below. */
void stranger_make(struct stranger *stranger, struct strangers *strangers,
                   const struct actor *actor, int order);
/* Ends the link, if it is still there, and frees what was heard. */
void stranger_end(struct stranger *stranger);

/* Connects to the session's listener. 0 when the session refused at once. */
int stranger_connect(struct stranger *stranger);
/* The session dials this stranger: its link is up when this returns. */
void stranger_is_dialled(struct stranger *stranger, struct actor *actor);

/* The transport breaks. */
void stranger_hang_up(struct stranger *stranger, kith_reason reason);

/* Bytes to the session, as one piece; ignored when the link is gone. */
void stranger_say(struct stranger *stranger, const void *bytes, size_t count);
void stranger_frame(struct stranger *stranger, uint64_t type, const void *body, size_t length);
void stranger_data(struct stranger *stranger, uint64_t lane, uint64_t offset, const void *bytes,
                   size_t count);

/* Pulls everything the session has to send. */
void stranger_hear(struct stranger *stranger);
/* The next whole frame heard, or 0. The body lives until the next call. */
int stranger_next(struct stranger *stranger, uint64_t *type, const uint8_t **body, size_t *length);
/* Reads on to the next frame of that type: 1 and its body, or 0. */
int stranger_find(struct stranger *stranger, uint64_t type, const uint8_t **body, size_t *length);
/* The session ended the link: the reason of its CLOSE; NONE without one; fails when it did not. */
kith_reason stranger_expect_end(struct stranger *stranger);

/* Steps of the handshake, as either side. Each fails when the session did not do its part. */
void stranger_send_hello(struct stranger *stranger);
void stranger_take_hello(struct stranger *stranger);
/* A signed AUTH, and the same sent. */
size_t stranger_sign_auth(struct stranger *stranger, uint8_t out[KITH_AUTH_BYTES_MAX]);
void stranger_send_auth(struct stranger *stranger);
void stranger_send_info(struct stranger *stranger);
/* Up to and including both AUTHs and INFOs. */
void stranger_authenticate(struct stranger *stranger);
/* And ADOPT, ADOPTED: the link is in use. */
void stranger_shake(struct stranger *stranger);

#endif
