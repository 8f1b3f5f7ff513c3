/* SPDX-License-Identifier: MIT
 *
 * portability.c: everything below the runtime at work, for machines where nothing else of Kith runs
 * yet: two sessions meet over the memory hub in virtual time, plain and secure, talk and leave.
 * Needs C11 and its library alone; the cryptography stands in for one and protects nothing.
 *
 * Prints a digest of every byte on the wire, and of when what was told: it must be the same on
 * every machine. For the check beside it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "session/session.h"
#include "transports/memory/memory.h"

#define MUST(condition)                                                                            \
    ((condition) ? (void)0                                                                         \
                 : (fprintf(stderr, "line %d: %s does not hold: %s\n", __LINE__, #condition,       \
                            kith_detail()),                                                        \
                    exit(1)))

/* ---- stand-ins for what the runtime brings ----------------------------------------------------
 */

/* Four streams of FNV-1a, far from a secure hash. */
struct digest {
    uint64_t lanes[4];
};

static struct digest digest_of(uint8_t purpose)
{
    struct digest digest;
    for (size_t i = 0; i < 4; i++) {
        digest.lanes[i] = (UINT64_C(0xcbf29ce484222325) + i) ^ purpose;
    }
    return digest;
}

static void absorb(struct digest *digest, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < count; i++) {
        uint64_t *lane = &digest->lanes[i % 4];
        *lane = (*lane ^ at[i]) * UINT64_C(0x100000001b3);
        digest->lanes[(i + 1) % 4] += *lane >> 29;
    }
}

static void squeeze(const struct digest *digest, uint8_t out[32])
{
    for (size_t i = 0; i < 32; i++) {
        out[i] = (uint8_t)(digest->lanes[i / 8] >> (8 * (i % 8)));
    }
}

static void absorb_pieces(struct digest *digest, const struct kith_slice *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < pieces[i].count; at++) {
            absorb(digest, (const uint8_t *)pieces[i].bytes + at, 1);
        }
    }
}

static kith_err toy_random(void *user, uint8_t *out, size_t count)
{
    uint64_t *state = user;
    for (size_t i = 0; i < count; i++) {
        *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
        out[i] = (uint8_t)(*state >> 56);
    }
    return KITH_OK;
}

static kith_err toy_sha256(const struct kith_slice *pieces, size_t piece_count,
                           uint8_t out[KITH_SHA256_BYTES])
{
    struct digest digest = digest_of('H');
    absorb_pieces(&digest, pieces, piece_count);
    squeeze(&digest, out);
    return KITH_OK;
}

static kith_err toy_hmac(const uint8_t *key, size_t key_count, const struct kith_slice *pieces,
                         size_t piece_count, uint8_t out[KITH_SHA256_BYTES])
{
    struct digest digest = digest_of('M');
    absorb(&digest, key, key_count);
    absorb_pieces(&digest, pieces, piece_count);
    squeeze(&digest, out);
    return KITH_OK;
}

static kith_err toy_public(const uint8_t seed[KITH_ED25519_SEED_BYTES],
                           uint8_t out[KITH_ED25519_KEY_BYTES])
{
    struct digest digest = digest_of('K');
    absorb(&digest, seed, KITH_ED25519_SEED_BYTES);
    squeeze(&digest, out);
    out[31] &= 0x3f; /* a canonical encoding */
    return KITH_OK;
}

static kith_err toy_sign(const uint8_t seed[KITH_ED25519_SEED_BYTES],
                         const uint8_t key[KITH_ED25519_KEY_BYTES], const uint8_t *text,
                         size_t count, uint8_t out[KITH_ED25519_SIGNATURE_BYTES])
{
    (void)seed;
    for (uint8_t half = 0; half < 2; half++) {
        struct digest digest = digest_of(half);
        absorb(&digest, key, KITH_ED25519_KEY_BYTES);
        absorb(&digest, text, count);
        squeeze(&digest, out + 32 * half);
    }
    return KITH_OK;
}

static kith_err toy_verify(const uint8_t key[KITH_ED25519_KEY_BYTES], const uint8_t *text,
                           size_t count, const uint8_t signature[KITH_ED25519_SIGNATURE_BYTES])
{
    uint8_t expected[KITH_ED25519_SIGNATURE_BYTES];
    (void)toy_sign(NULL, key, text, count, expected);
    return memcmp(expected, signature, sizeof expected) == 0 ? KITH_OK : KITH_ERR_CRYPTO;
}

static void toy_wipe(void *bytes, size_t count)
{
    memset(bytes, 0, count);
}

static void *counted_realloc(void *user, void *block, size_t bytes)
{
    size_t *blocks = user;
    if (bytes == 0) {
        *blocks -= block != NULL;
        free(block);
        return NULL;
    }
    *blocks += block == NULL;
    return realloc(block, bytes);
}

/* ---- two sessions -----------------------------------------------------------------------------
 */

enum { MESSAGES = 6 };
static const size_t sizes[MESSAGES] = {0, 1, 999, 16384, 70000, 300000};
static uint8_t bytes_to_send[300000];

struct side {
    struct kith_session *session;
    struct kith_peer *peer;
    size_t came, delivered;
    int departed, closed;
};

static struct kith_env env;
static struct digest wire;
static size_t wire_bytes;

static void on_wire(void *user, int from_dialer, uint8_t *bytes, size_t count)
{
    uint8_t head = (uint8_t)from_dialer;
    (void)user;
    absorb(&wire, &head, 1);
    absorb(&wire, bytes, count);
    wire_bytes += count;
}

/* What an application was told, and when, belongs to the digest. */
static void note(uint8_t what)
{
    uint8_t bytes[9];
    struct kith_writer writer = kith_writer_of(bytes, sizeof bytes);
    kith_write_uint(&writer, what, 1);
    kith_write_uint(&writer, env.now_us, 8);
    absorb(&wire, bytes, sizeof bytes);
}

static void on_peer(kith_session *session, kith_peer *peer, kith_peer_state state,
                    kith_reason reason, const char *text, void *user)
{
    struct side *side = user;
    (void)session;
    (void)reason;
    (void)text;
    note('P');
    side->peer = state == KITH_PEER_CONNECTED ? peer : NULL;
    side->departed += state == KITH_PEER_DEPARTED;
}

/* Channel i carries message i. */
static void on_message(kith_session *session, kith_peer *peer, const kith_message *message,
                       void *user)
{
    struct side *side = user;
    (void)session;
    (void)peer;
    MUST(message->channel < MESSAGES && message->data_bytes == sizes[message->channel]);
    MUST(memcmp(message->data, bytes_to_send, message->data_bytes) == 0);
    note((uint8_t)message->channel);
    side->came++;
}

static void on_fate(kith_session *session, kith_peer *peer, uint64_t ticket, kith_fate fate,
                    void *user)
{
    struct side *side = user;
    (void)session;
    (void)peer;
    MUST(ticket >= 1 && ticket <= MESSAGES && fate == KITH_FATE_DELIVERED);
    note('F');
    side->delivered++;
}

static void on_closed(kith_session *session, void *user)
{
    struct side *side = user;
    (void)session;
    side->closed++;
}

static void ended(struct kith_session *session)
{
    session->callbacks.on_closed(session, session->user);
    kith_session_destroy(session);
}

static void settle(void)
{
    while (kith_deferred_run(&env)) {
    }
}

/* Time goes on, from timer to timer. */
static void run_ms(uint64_t ms)
{
    uint64_t until_us = env.now_us + ms * 1000;
    settle();
    while (kith_timers_next_us(&env.timers) <= until_us) {
        uint64_t next_us = kith_timers_next_us(&env.timers);
        env.now_us = next_us > env.now_us ? next_us : env.now_us;
        kith_timers_run(&env);
        settle();
    }
    env.now_us = until_us;
}

static void join(struct side *side, const struct kith_memory_hub *hub, const char *name, int secure)
{
    static const kith_callbacks callbacks = {
        .size = sizeof callbacks,
        .on_peer = on_peer,
        .on_message = on_message,
        .on_fate = on_fate,
        .on_closed = on_closed,
    };
    static const kith_key key = {"check", {1, 2, 3, 4, 5, 6, 7, 8}, 16};
    static const struct kith_driver *drivers[2];
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    drivers[0] = &hub->driver;
    config.display_name = name;
    config.session_name = "portability";
    config.security = secure ? KITH_SECURITY_PSK : KITH_SECURITY_NONE;
    memset(side, 0, sizeof *side);
    MUST(kith_session_create(&env, drivers, &config, &callbacks, side, &side->session) == KITH_OK);
    side->session->ended = ended;
    if (secure) {
        MUST(kith_session_put_key(side->session, &key, KITH_KEY_DIAL) == KITH_OK);
    }
}

static void say_all(struct side *side)
{
    for (unsigned i = 0; i < MESSAGES; i++) {
        MUST(kith_peer_put(side->peer, i, bytes_to_send, sizes[i], i + 1) == KITH_OK);
    }
}

/* Over one stream, or over a bad network with a stream for each channel. */
static void talk(int secure, int streams)
{
    static const kith_listen_options listen = KITH_LISTEN_OPTIONS_INIT;
    const kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    struct kith_memory_hub hub;
    struct side ada, bob;
    struct kith_listener *listener;
    struct kith_dial *dial;
    kith_memory_hub_init(&hub, &env);
    hub.delay_us = 3000;
    hub.tap = on_wire;
    if (streams) {
        hub.driver.capabilities = KITH_DRIVER_MANY_LANES | KITH_DRIVER_DATAGRAMS;
        hub.seed = 7;
        hub.jitter_us = 2500;
        hub.bytes_per_s = 5000000;
        hub.loss_ppm = 20000;
        hub.loss_delay_us = 9000;
        hub.piece_bytes = 900;
    }
    join(&ada, &hub, "Ada", secure);
    join(&bob, &hub, "Bob", secure);
    /* Too early: Bob tries again after pauses whose length is drawn by lot. */
    MUST(kith_dial_begin(bob.session, secure ? "mems://hub:7" : "mem://hub:7", &options, &dial) ==
         KITH_OK);
    run_ms(150);
    MUST(kith_listener_open(ada.session, secure ? "mems://*:7" : "mem://*:7", &listen, &listener) ==
         KITH_OK);
    run_ms(2000);
    MUST(ada.peer != NULL && bob.peer != NULL);
    MUST(ada.peer->conn->level == (secure ? KITH_LEVEL_IDENTITY : KITH_LEVEL_NONE));
    say_all(&ada);
    say_all(&bob);
    run_ms(20000); /* the link is asked for a sign of life, too */
    MUST(ada.came == MESSAGES && bob.came == MESSAGES);
    MUST(ada.delivered == MESSAGES && bob.delivered == MESSAGES);
    kith_session_leave(bob.session, 1000);
    kith_session_leave(ada.session, 1000);
    run_ms(10000);
    MUST(ada.departed == 1 && bob.departed == 1 && ada.closed == 1 && bob.closed == 1);
}

int main(void)
{
    uint64_t seed = 1;
    size_t blocks = 0;
    uint8_t text[32];
    kith_env_init(&env);
    env.now_us = 1000000;
    env.realloc = counted_realloc;
    env.realloc_user = &blocks;
    env.crypto = (struct kith_crypto){toy_random, &seed,    toy_sha256, toy_hmac,
                                      toy_public, toy_sign, toy_verify, toy_wipe};
    wire = digest_of('W');
    (void)toy_random(&seed, bytes_to_send, sizeof bytes_to_send);
    talk(0, 0);
    talk(1, 0);
    talk(1, 1);
    kith_env_fini(&env);
    MUST(blocks == 0);
    squeeze(&wire, text);
    printf("%lu bytes on the wire, digest ", (unsigned long)wire_bytes);
    for (size_t i = 0; i < 8; i++) {
        printf("%02x", text[4 * i]);
    }
    putchar('\n');
    return 0;
}
