/* SPDX-License-Identifier: MIT
 *
 * fuzz_packets.c: fuzzes what a QUIC port does with packets before any key protects it: whose they
 * are, what is said to those that are nobody's, first packets of strangers; beside a link that
 * stands, where the input says so. It stays up and works, nothing is kept of the others but within
 * bounds, and closing leaves nothing behind.
 *
 * Input: flags (1; bit 0: a link stands), then steps: kind (1), sender (1), length (2), bytes.
 */
#include "tests/fuzz/fuzz.h"

#include "base/wire.h"
#include "session/session.h"
#include "tests/unit/party.h"
#include "transports/quic/inside.h"
#include "transports/quic/quic.h"

enum { PACKET_BYTES_MAX = 2048, FIRST_BYTES = 1200, STEPS_MAX = 200 };

static kith_loop *loop;
static struct party ada, bob;

static struct kith__quic_endpoint *endpoint_of(const struct party *party)
{
    for (size_t i = 0; party->session->drivers[i] != NULL; i++) {
        if (party->session->drivers[i] == &kith_quic_driver) {
            return (struct kith__quic_endpoint *)(void *)party->session->endpoints[i];
        }
    }
    return NULL;
}

/* Some id that the endpoint has given to its link, lest only guesses come near it. */
static size_t put_id(const struct kith__quic_socket *socket, uint8_t *out)
{
    const struct kith__quic_link *link;
    const struct kith__quic_id *id;
    if (kith_list_empty(&socket->links)) {
        return 0;
    }
    link = KITH_CONTAINER(socket->links.next, struct kith__quic_link, node);
    if (kith_list_empty(&link->ids)) {
        return 0;
    }
    id = KITH_CONTAINER(link->ids.next, struct kith__quic_id, node);
    memcpy(out, id->bytes, id->count);
    return id->count;
}

/* The packet as it is, or behind a beginning that leads it somewhere. */
static size_t make(unsigned kind, const struct kith__quic_socket *socket, const uint8_t *bytes,
                   size_t count, uint8_t out[PACKET_BYTES_MAX])
{
    static const uint8_t first[] = {0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    size_t used = 0;
    memset(out, 0, PACKET_BYTES_MAX);
    switch (kind % 5) {
    case 0:
        break;
    case 1: /* as long as a first packet has to be (RFC 9000 §14.1) */
        memcpy(out, bytes, count);
        return count > FIRST_BYTES ? count : FIRST_BYTES;
    case 2: /* one of a stranger */
        memcpy(out, first, sizeof first);
        memcpy(out + sizeof first, bytes, count);
        return FIRST_BYTES;
    case 3: /* to a link */
        out[0] = count > 0 ? (uint8_t)(0x40 | (bytes[0] & 0x3f)) : 0x40;
        used = 1 + put_id(socket, out + 1);
        break;
    default: /* likewise, with a long header */
        memcpy(out, first, 5);
        out[0] = count > 0 ? (uint8_t)(0xc0 | bytes[0]) : 0xc0;
        out[5] = KITH__QUIC_CID_BYTES;
        used = 6 + put_id(socket, out + 6);
        break;
    }
    memcpy(out + used, bytes, count);
    return used + count;
}

static void step(struct kith_reader *script)
{
    struct kith__quic_endpoint *endpoint = endpoint_of(&ada);
    struct kith__quic_socket *socket =
        KITH_CONTAINER(endpoint->sockets.next, struct kith__quic_socket, node);
    unsigned kind = (unsigned)kith_read_uint(script, 1),
             sender = (unsigned)kith_read_uint(script, 1);
    size_t count = (size_t)kith_read_uint(script, 2), bytes;
    uint8_t packet[PACKET_BYTES_MAX], *exact;
    struct kith__udp_path path;
    count = count < script->left ? count : script->left;
    count = count < FIRST_BYTES ? count : FIRST_BYTES;
    bytes = make(kind, socket, script->at, count, packet);
    (void)kith_read_bytes(script, count);
    /* Answers go back to the port itself, which has to bear them as well. */
    path.local = path.remote = socket->udp.bound;
    if (sender % 4 == 1 && !kith_list_empty(&socket->links)) {
        path = KITH_CONTAINER(socket->links.next, struct kith__quic_link, node)->path;
    }
    if (bytes > 0) { /* as udp.h has it */
        exact = fuzz_copy(packet, bytes);
        kith__quic_route(&socket->udp, &path, exact, bytes);
        free(exact);
    }
    if (sender % 8 >= 6) {
        MUST(kith_loop_step(loop, 0) == KITH_OK);
    }
    MUST(endpoint->shaking <= KITH_LINKS_PENDING_MAX);
    MUST(endpoint->grave_count <= KITH_QUIC_GRAVES_MAX);
    MUST(endpoint->ids.count <= 16 * (size_t)KITH_LINKS_PENDING_MAX + KITH_QUIC_GRAVES_MAX);
}

static void expect_message(void)
{
    unsigned before = ada.messages;
    MUST(ada.departed + bob.departed == 0);
    MUST(kith_send(bob.peer, 0, "hello", 5, NULL) == KITH_OK);
    party_until(loop, &ada.messages, before + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct kith_reader script = kith_reader_of(bytes, count);
    int stands = (int)kith_read_uint(&script, 1) & 1;
    loop = party_loop();
    party_open(&ada, loop, "Ada", 1);
    party_open(&bob, loop, "Bob", 1);
    party_listen(&ada, "quic://127.0.0.1:0");
    if (stands) {
        MUST(party_dial(&bob, ada.url) == KITH_OK);
        party_until(loop, &ada.connected, 1);
        party_until(loop, &bob.connected, 1);
    }
    for (int i = 0; i < STEPS_MAX && script.left > 0; i++) {
        step(&script);
    }
    if (stands) {
        expect_message();
    }
    party_loop_free(&loop);
    return 0;
}
