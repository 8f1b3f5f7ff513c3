/* SPDX-License-Identifier: MIT
 *
 * route.c: whose a packet is, and what is said to packets that are nobody's: always less than came,
 * and only so often (RFC 9000 §5.2, §6, §10.3). Must keep nothing of them.
 */
#include <string.h>

#include "transports/quic/inside.h"

enum {
    ANSWER_BYTES = 256,
    /* RFC 9000 §10.3: below that, it could not be told from a packet with the shortest id. */
    RESET_BYTES_MIN = 41,
    FIRST_BYTES_MIN = 1200 /* §14.1: who comes with less gets no answer */
};

static int may_answer(struct kith__quic_endpoint *endpoint)
{
    return kith__quic_rate_allows(endpoint->base.env, &endpoint->answers,
                                  KITH_QUIC_STRAY_ANSWERS_PER_S_MAX);
}

static uint8_t random_byte(struct kith__quic_endpoint *endpoint)
{
    return (uint8_t)kith_random_below(endpoint->base.env, 256);
}

static void offer_version(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                          const ngtcp2_version_cid *ids, size_t count)
{
    static const uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
    struct kith__quic_endpoint *endpoint = socket->endpoint;
    uint8_t answer[ANSWER_BYTES + 2 * UINT8_MAX];
    ngtcp2_ssize bytes;
    kith__quic_ignored(endpoint, &endpoint->counts.version);
    if (socket->port == NULL || count < FIRST_BYTES_MIN || !may_answer(endpoint)) {
        return;
    }
    bytes = ngtcp2_pkt_write_version_negotiation(answer, sizeof answer, random_byte(endpoint),
                                                 ids->scid, ids->scidlen, ids->dcid, ids->dcidlen,
                                                 versions, 1);
    if (bytes > 0) {
        (void)kith__quic_socket_send(socket, path, answer, (size_t)bytes, (size_t)bytes);
    }
}

/* "I know nothing of that any more". Shorter than what it answers, so that two who both know
 * nothing do not go on for ever. */
static void reset(struct kith__quic_socket *socket, const struct kith__udp_path *path,
                  const ngtcp2_version_cid *ids, size_t count)
{
    struct kith__quic_endpoint *endpoint = socket->endpoint;
    const struct kith_crypto *crypto = &endpoint->base.env->crypto;
    uint8_t noise[NGTCP2_MIN_STATELESS_RESET_RANDLEN + 16], answer[ANSWER_BYTES];
    size_t room = count - 1 < sizeof noise + NGTCP2_STATELESS_RESET_TOKENLEN
                      ? count - 1
                      : sizeof noise + NGTCP2_STATELESS_RESET_TOKENLEN;
    ngtcp2_stateless_reset_token token;
    ngtcp2_cid cid;
    ngtcp2_ssize bytes;
    kith__quic_ignored(endpoint, &endpoint->counts.stray);
    if (count <= RESET_BYTES_MIN || !may_answer(endpoint)) {
        return;
    }
    ngtcp2_cid_init(&cid, ids->dcid, ids->dcidlen);
    if (ngtcp2_crypto_generate_stateless_reset_token(token.data, endpoint->base.secret,
                                                     sizeof endpoint->base.secret, &cid) != 0 ||
        crypto->random(crypto->user, noise, sizeof noise) != KITH_OK) {
        return;
    }
    bytes = ngtcp2_pkt_write_stateless_reset2(answer, room, &token, noise,
                                              room - NGTCP2_STATELESS_RESET_TOKENLEN);
    if (bytes > 0) {
        endpoint->counts.resets++;
        (void)kith__quic_socket_send(socket, path, answer, (size_t)bytes, (size_t)bytes);
    }
}

/* The link whose other side has forgotten it, if that is what a packet says. */
static struct kith__quic_link *reset_by(struct kith__quic_endpoint *endpoint, const uint8_t *bytes,
                                        size_t count)
{
    struct kith__quic_id *id =
        count < NGTCP2_STATELESS_RESET_TOKENLEN
            ? NULL
            : kith__quic_id_find(endpoint, 1, bytes + count - NGTCP2_STATELESS_RESET_TOKENLEN,
                                 NGTCP2_STATELESS_RESET_TOKENLEN);
    return id != NULL ? id->link : NULL;
}

void kith__quic_route(struct kith__udp *udp, const struct kith__udp_path *path,
                      const uint8_t *bytes, size_t count)
{
    struct kith__quic_socket *socket = KITH_CONTAINER(udp, struct kith__quic_socket, udp);
    struct kith__quic_endpoint *endpoint = socket->endpoint;
    int is_short = (bytes[0] & 0x80) == 0;
    struct kith__quic_link *link = NULL;
    struct kith__quic_id *id = endpoint->last;
    ngtcp2_version_cid ids;
    int rv;
    if (is_short && id != NULL && id->link != NULL && id->link->socket == socket &&
        count > id->count && memcmp(bytes + 1, id->bytes, id->count) == 0) {
        kith__quic_link_read(id->link, path, bytes, count); /* most come behind their like */
        return;
    }
    rv = ngtcp2_pkt_decode_version_cid(&ids, bytes, count, KITH__QUIC_CID_BYTES);
    if (rv == NGTCP2_ERR_VERSION_NEGOTIATION) {
        offer_version(socket, path, &ids, count);
        return;
    }
    if (rv != 0) {
        kith__quic_ignored(endpoint, &endpoint->counts.malformed);
        return;
    }
    id = kith__quic_id_find(endpoint, 0, ids.dcid, ids.dcidlen);
    endpoint->last = id != NULL && id->count == KITH__QUIC_CID_BYTES ? id : NULL;
    link = id != NULL ? id->link : is_short ? reset_by(endpoint, bytes, count) : NULL;
    if (id != NULL && id->grave != NULL) {
        kith__quic_grave_heard(id->grave, path);
    } else if (link != NULL) {
        if (link->socket == socket) { /* links do not wander between our sockets */
            kith__quic_link_read(link, path, bytes, count);
        }
    } else if (is_short) {
        reset(socket, path, &ids, count);
    } else if (ids.version != 0) { /* 0: a version negotiation; for nobody, then */
        kith__quic_accept(socket, path, bytes, count);
    } else {
        kith__quic_ignored(endpoint, &endpoint->counts.stray);
    }
}
