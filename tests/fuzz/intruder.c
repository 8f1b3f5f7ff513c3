/* SPDX-License-Identifier: MIT
 *
 * intruder.c: see intruder.h.
 */
#include "tests/fuzz/intruder.h"

#include "protocol/frame.h"
#include "tests/fuzz/fuzz.h"

size_t intruder_number(struct intruders *all, size_t bytes)
{
    return (size_t)kith_read_uint(&all->script, bytes);
}

static int is_secure(const struct intruders *all)
{
    return all->ada->session->config.security != KITH_SECURITY_NONE;
}

void intruder_arrive(struct intruders *all, struct stranger *eve, unsigned how)
{
    if (eve->all != NULL) {
        stranger_end(eve);
    }
    if (all->ada->session == NULL) {
        return;
    }
    stranger_make(eve, &all->strangers, all->ada, how & 1 ? 1 : -1);
    if (how & 2 && all->eves[0].all != NULL) {
        memcpy(eve->seed, all->eves[0].seed, sizeof eve->seed);
        memcpy(eve->hello.key, all->eves[0].hello.key, sizeof eve->hello.key);
        if (how & 4) {
            memcpy(eve->hello.incarnation, all->eves[0].hello.incarnation,
                   sizeof eve->hello.incarnation);
        }
    }
    eve->auth.binding_type = is_secure(all) ? KITH_BINDING_EXPORTER : KITH_BINDING_NONE;
    eve->auth.max_message_bytes = how & 8 ? 1 : 1 << 20;
    eve->hello.role =
        (uint8_t)(all->ada->session->config.role == KITH_ROLE_STAR     ? KITH_ROLE_STAR
                  : all->ada->session->config.role == KITH_ROLE_SERVER ? KITH_ROLE_CLIENT
                                                                       : KITH_ROLE_SERVER);
    if (how & 16) {
        eve->hello.channel = eve->hello.channel_best = is_secure(all) ? KITH_CHANNEL_TLS13_PSK : 0;
        all->strangers.next = eve;
        (void)actor_dial_url(all->ada, is_secure(all) ? "raws://there:1" : "raw://there:1", NULL);
        world_settle(all->ada->world);
        all->strangers.next = NULL; /* the first attempt only */
    } else if (all->strangers.port != NULL) {
        (void)stranger_connect(eve);
    }
}

size_t intruder_table(struct intruders *all, int with_fresh, uint8_t out[KITH_ADOPT_BYTES_MAX])
{
    struct kith_adopt adopt = {0};
    unsigned lanes = (unsigned)intruder_number(all, 1);
    adopt.generation = intruder_number(all, 1);
    adopt.since = intruder_number(all, 1);
    adopt.fresh = (uint8_t)(intruder_number(all, 1) % 4);
    adopt.next_lane = KITH_CHANNEL_COUNT;
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        if (lanes >> i & 1) {
            uint64_t received = intruder_number(all, 1) % 4 == 0 ? intruder_number(all, 1) : 0;
            adopt.lanes[adopt.lane_count++] =
                (struct kith_credit){i, received, received, received + intruder_number(all, 2)};
        }
    }
    return kith_adopt_encode(&adopt, with_fresh, out);
}

void intruder_shake(struct stranger *eve, unsigned which, size_t at, unsigned change)
{
    static const struct kith_info own = {.name = "Eve"};
    uint8_t body[KITH_INFO_OWN_BYTES_MAX];
    const uint8_t *came;
    static const uint64_t types[] = {KITH_FRAME_HELLO, KITH_FRAME_AUTH, KITH_FRAME_INFO,
                                     KITH_FRAME_ADOPT};
    uint64_t type = types[which % 4];
    size_t length = 0;
    switch (which % 4) {
    case 0:
        kith_hello_encode(&eve->hello, body);
        length = KITH_HELLO_BYTES;
        break;
    case 1:
        if (stranger_find(eve, KITH_FRAME_HELLO, &came, &length)) {
            memcpy(eve->hello_came, came, KITH_HELLO_BYTES);
        }
        length = stranger_sign_auth(eve, body);
        break;
    case 2:
        length = kith_info_encode(&own, body);
        break;
    default:
        if (stranger_find(eve, KITH_FRAME_ADOPT, &came, &length)) {
            MUST(kith_adopt_decode(came, length, 1, &eve->adopt));
            type = KITH_FRAME_ADOPTED;
        } else {
            struct kith_adopt fresh = {
                ++eve->adopt.generation, eve->adopt.generation, 1, 8, 0, {{0}}};
            eve->adopt = fresh;
        }
        eve->adopt.lane_count = KITH_CHANNEL_COUNT;
        for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
            eve->adopt.lanes[i] = (struct kith_credit){i, 0, 0, 1 << 20};
        }
        length = kith_adopt_encode(&eve->adopt, type == KITH_FRAME_ADOPT, body);
        break;
    }
    body[at % length] ^= (uint8_t)change;
    if (which % 4 == 0) {
        memcpy(eve->hello_sent, body, KITH_HELLO_BYTES);
    }
    stranger_frame(eve, type, body, length);
}

static const kith_peer *peer_of(const struct intruders *all, const struct stranger *eve)
{
    const struct kith_session *session = all->ada->session;
    return session == NULL ? NULL : kith_peer_by_key(session, eve->hello.key);
}

void intruder_data(struct intruders *all, struct stranger *eve)
{
    unsigned where = (unsigned)intruder_number(all, 1);
    size_t length = intruder_number(all, 2) % 40000 + (where & 128 ? 260000 : 0),
           count = intruder_number(all, 2), skew = 0;
    const struct kith_peer *peer = peer_of(all, eve);
    unsigned lane = where % KITH_CHANNEL_COUNT;
    static uint8_t room[1 << 17];
    struct kith_writer to = kith_writer_of(room, sizeof room);
    if (where & 64) {
        skew = intruder_number(all, 1);
    }
    memset(room, where & 64 ? 0 : 0x41, sizeof room); /* empty messages, or of 321 bytes */
    if (!(where & 32)) {
        kith_write_varint(&to, length);
    }
    count = (where & 16 ? length % 65000 : count % 65000) + kith_written(&to);
    skew = (peer == NULL ? 0 : peer->rx[lane].received) + (skew & 1 ? skew : -skew);
    stranger_data(eve, lane, skew & KITH_VARINT_MAX, room, count);
}

void intruder_credit(struct intruders *all, struct stranger *eve)
{
    unsigned where = (unsigned)intruder_number(all, 1);
    const struct kith_peer *peer = peer_of(all, eve);
    uint64_t highest = peer == NULL ? 0 : peer->tx[where % 8].highest;
    uint64_t received = where & 8 ? highest : intruder_number(all, 2),
             consumed = where & 16 ? received : intruder_number(all, 2);
    struct kith_credit credit = {where % 8, received, consumed,
                                 where & 32 ? KITH_VARINT_MAX : received + intruder_number(all, 2)};
    uint8_t body[KITH_CREDIT_BYTES_MAX];
    stranger_frame(eve, KITH_FRAME_CREDIT, body, kith_credit_encode(&credit, body));
}

void intruder_frame(struct intruders *all, struct stranger *eve)
{
    static const uint8_t types[] = {0x02, 0x04, 0x06, 0x08, 0x0a, 0x10, 0x12, 0x18,
                                    0x1a, 0x1c, 0x1f, 0x21, 0x20, 0x1d, 0x01, 0x00};
    uint64_t type = types[intruder_number(all, 1) % 16];
    size_t count = intruder_number(all, 1), times = 1;
    uint8_t *body;
    count = count < all->script.left ? count : all->script.left;
    body = fuzz_copy(kith_read_bytes(&all->script, count), count);
    if (type == KITH_FRAME_PING || type == KITH_FRAME_BLOCKED) {
        times = intruder_number(all, 1); /* up to more than anyone takes in a second */
        times = times >= 0xf0 ? 1100 : 1 + times % 64;
    }
    while (times-- > 0) {
        stranger_frame(eve, type, body, count);
    }
    free(body);
}
