/* SPDX-License-Identifier: MIT
 *
 * stranger.c: see stranger.h.
 */
#include "stranger.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "protocol/frame.h"

struct raw_link {
    struct kith_link base;
    struct stranger *stranger;
    int closing, secure;
    struct kith_deferred work; /* up or down, at the end of the turn */
};

/* ---- the driver -------------------------------------------------------------------------------
 */

static struct strangers *strangers_of(const struct kith_endpoint *endpoint)
{
    return KITH_CONTAINER(endpoint->driver, struct strangers, driver);
}

static kith_err endpoint_open(struct kith_endpoint *endpoint)
{
    (void)endpoint;
    return KITH_OK;
}

static void endpoint_close(struct kith_endpoint *endpoint)
{
    (void)endpoint;
}

static kith_err listen_on(struct kith_port *port, const struct kith_address *address, char *url,
                          size_t url_bytes)
{
    (void)address;
    (void)url_bytes;
    strangers_of(port->endpoint)->port = port;
    strcpy(url, "raw://here:1");
    return KITH_OK;
}

static void port_close(struct kith_port *port)
{
    strangers_of(port->endpoint)->port = NULL;
}

static void go_down(struct raw_link *link, kith_reason reason)
{
    kith_undefer(&link->work);
    if (link->stranger != NULL) {
        link->stranger->link = NULL;
    }
    kith_up_down(&link->base, reason, "");
}

static void work(struct kith_deferred *deferred)
{
    struct raw_link *link = KITH_CONTAINER(deferred, struct raw_link, work);
    if (link->stranger == NULL) {
        go_down(link, KITH_REASON_REFUSED);
    } else if (link->closing) {
        stranger_hear(link->stranger);
        go_down(link, KITH_REASON_LOCAL);
    } else {
        kith_up_link(&link->base);
    }
}

static void begin(struct raw_link *link, struct stranger *stranger)
{
    link->stranger = stranger;
    link->work.run = work;
    if (stranger != NULL) {
        stranger->link = &link->base;
    }
    if (stranger == NULL || !stranger->all->stays_down) {
        kith_defer(link->base.endpoint->env, &link->work);
    }
}

static kith_err dial(struct kith_link *base, const struct kith_address *address)
{
    struct raw_link *link = (struct raw_link *)base;
    struct strangers *all = strangers_of(base->endpoint);
    link->secure = strcmp(address->scheme, "raws") == 0;
    begin(link, all->next);
    all->next = NULL;
    return KITH_OK;
}

static void close_link(struct kith_link *base, unsigned code, int flush)
{
    struct raw_link *link = (struct raw_link *)base;
    if (link->stranger != NULL) {
        link->stranger->was_closed = 1;
        link->stranger->close_code = code;
    }
    link->closing = 1;
    if (!flush || !strangers_of(base->endpoint)->keeps_closing) {
        kith_defer(base->endpoint->env, &link->work);
    }
}

static void tx_ready(struct kith_link *base)
{
    (void)base;
}

static void info(struct kith_link *base, struct kith_link_info *out)
{
    const struct raw_link *link = (const struct raw_link *)base;
    memset(out, 0, sizeof *out);
    out->channel = link->secure ? strangers_of(base->endpoint)->channel : KITH_CHANNEL_PLAIN;
    out->tls_version = link->secure ? 0x0304 : 0;
    out->cipher_suite = link->secure ? 0x1301 : 0;
    out->transport = link->secure ? "raws" : "raw";
    out->cipher = out->psk_identity = out->remote_address = "";
    out->own = strangers_of(base->endpoint)->own;
    out->chain = &strangers_of(base->endpoint)->theirs;
    out->chain_count = out->chain->der != NULL;
    out->doubts = strangers_of(base->endpoint)->doubts;
}

static kith_err check_pki(const struct kith_pki *pki)
{
    (void)pki;
    return KITH_OK;
}

static kith_err exporter(struct kith_link *base, const char *label, uint8_t *out, size_t out_bytes)
{
    const struct raw_link *link = (const struct raw_link *)base;
    const struct strangers *all = strangers_of(base->endpoint);
    cr_assert_str_eq(label, "EXPORTER-kith-link-v1");
    cr_assert_eq(out_bytes, sizeof all->binding);
    if (!link->secure) {
        return KITH_ERR_UNSUPPORTED;
    }
    if (all->exporter == KITH_OK) {
        memcpy(out, all->binding, out_bytes);
    }
    return all->exporter;
}

static int can_write(struct kith_link *base)
{
    (void)base;
    return 1;
}

void strangers_open(struct strangers *strangers, struct world *world)
{
    static const struct kith_scheme schemes[] = {{"raw", 0}, {"raws", 1}, {NULL, 0}};
    const struct kith_driver driver = {
        .name = "strangers",
        .capabilities = KITH_DRIVER_ONE_LANE,
        .schemes = schemes,
        .endpoint_bytes = sizeof(struct kith_endpoint),
        .port_bytes = sizeof(struct kith_port),
        .link_bytes = sizeof(struct raw_link),
        .endpoint_open = endpoint_open,
        .endpoint_close = endpoint_close,
        .listen = listen_on,
        .port_close = port_close,
        .dial = dial,
        .close = close_link,
        .tx_ready = tx_ready,
        .info = info,
        .exporter = exporter,
        .can_write = can_write,
        .check_pki = check_pki,
    };
    memset(strangers, 0, sizeof *strangers);
    strangers->driver = driver;
    strangers->world = world;
    strangers->channel = KITH_CHANNEL_TLS13_PSK;
    memset(strangers->binding, 0x42, sizeof strangers->binding);
    world->drivers[1] = &strangers->driver;
}

/* ---- coming and going -------------------------------------------------------------------------
 */

void stranger_make(struct stranger *stranger, struct strangers *strangers,
                   const struct actor *actor, int order)
{
    const struct kith_crypto *crypto = &kith_default_crypto;
    struct bench_random *random = &strangers->world->bench.random;
    kith_id id;
    int have;
    memset(stranger, 0, sizeof *stranger);
    stranger->all = strangers;
    do {
        bench_fill(random, stranger->seed, sizeof stranger->seed);
        cr_assert_eq(crypto->ed25519_public(stranger->seed, stranger->hello.key), KITH_OK);
        cr_assert_eq(kith_id_of_key(crypto, stranger->hello.key, &id), KITH_OK);
        have = memcmp(id.bytes, actor->session->id.bytes, sizeof id.bytes);
    } while ((order > 0 && have < 0) || (order < 0 && have > 0));
    bench_fill(random, stranger->hello.incarnation, sizeof stranger->hello.incarnation);
    bench_fill(random, stranger->hello.nonce, sizeof stranger->hello.nonce);
    stranger->hello.version_min = stranger->hello.version_max = 1;
    stranger->hello.level_min = KITH_LEVEL_NONE;
    cr_assert_eq(
        kith_hello_session_tag(crypto, stranger->hello.nonce, "world", stranger->hello.session_tag),
        KITH_OK);
    stranger->auth.version = 1;
    stranger->auth.max_message_bytes = 1 << 20;
    stranger->auth.receive_budget_bytes = 1 << 24;
    stranger->auth.lanes_allowed = 8;
}

void stranger_end(struct stranger *stranger)
{
    stranger_hang_up(stranger, KITH_REASON_LOST);
    world_settle(stranger->all->world);
    free(stranger->heard);
    stranger->heard = NULL;
}

int stranger_connect(struct stranger *stranger)
{
    struct raw_link *link;
    struct kith_link_info seen;
    cr_assert_not_null(stranger->all->port);
    stranger->dials = 1;
    link = (struct raw_link *)kith_up_accepted(
        stranger->all->port, stranger->address != NULL ? stranger->address : "a stranger");
    if (link == NULL) {
        return 0;
    }
    link->secure = link->base.endpoint->security != KITH_SECURITY_NONE;
    begin(link, stranger);
    info(&link->base, &seen);
    stranger->hello.channel = stranger->hello.channel_best = (uint8_t)seen.channel;
    world_settle(stranger->all->world);
    return 1;
}

void stranger_is_dialled(struct stranger *stranger, struct actor *actor)
{
    int secure = actor->session->config.security != KITH_SECURITY_NONE;
    stranger->all->next = stranger;
    stranger->dials = 0;
    stranger->hello.channel = stranger->hello.channel_best = secure ? 1 : 0;
    cr_assert_eq(actor_dial_url(actor, secure ? "raws://there:1" : "raw://there:1", NULL), KITH_OK);
    world_settle(stranger->all->world);
    cr_assert_not_null(stranger->link);
}

void stranger_hang_up(struct stranger *stranger, kith_reason reason)
{
    if (stranger->link != NULL) {
        go_down((struct raw_link *)stranger->link, reason);
    }
}

/* ---- bytes and frames -------------------------------------------------------------------------
 */

void stranger_say(struct stranger *stranger, const void *bytes, size_t count)
{
    /* A copy of exactly that size: a sanitizer sees who reads beyond it. */
    uint8_t *copy = malloc(count);
    cr_assert(copy != NULL || count == 0);
    if (count > 0) {
        memcpy(copy, bytes, count);
    }
    if (stranger->link != NULL && !((struct raw_link *)stranger->link)->closing) {
        kith_up_rx(stranger->link, copy, count);
    }
    free(copy);
    world_settle(stranger->all->world);
}

void stranger_frame(struct stranger *stranger, uint64_t type, const void *body, size_t length)
{
    uint8_t *bytes = malloc(length + KITH_FRAME_HEAD_BYTES_MAX);
    struct kith_writer to = kith_writer_of(bytes, length + KITH_FRAME_HEAD_BYTES_MAX);
    cr_assert_not_null(bytes);
    kith_write_frame(&to, type, body, length);
    stranger_say(stranger, bytes, kith_written(&to));
    free(bytes);
}

void stranger_data(struct stranger *stranger, uint64_t lane, uint64_t offset, const void *bytes,
                   size_t count)
{
    uint8_t *body = malloc(count + 64);
    struct kith_writer to = kith_writer_of(body, count + 64);
    cr_assert_not_null(body);
    kith_write_data_head(&to, lane, offset, 0, count);
    kith_write_bytes(&to, bytes, count);
    stranger_say(stranger, body, kith_written(&to));
    free(body);
}

void stranger_hear(struct stranger *stranger)
{
    uint8_t bytes[4096];
    size_t count;
    while (stranger->link != NULL &&
           (count = kith_up_pull(stranger->link, bytes, sizeof bytes)) > 0) {
        if (stranger->heard_count + count > stranger->heard_room) {
            stranger->heard_room = 2 * (stranger->heard_count + count);
            stranger->heard = realloc(stranger->heard, stranger->heard_room);
            cr_assert_not_null(stranger->heard);
        }
        memcpy(stranger->heard + stranger->heard_count, bytes, count);
        stranger->heard_count += count;
    }
}

int stranger_next(struct stranger *stranger, uint64_t *type, const uint8_t **body, size_t *length)
{
    struct kith_reader from;
    stranger_hear(stranger);
    if (stranger->heard == NULL) {
        return 0;
    }
    from = kith_reader_of(stranger->heard + stranger->read_count,
                          stranger->heard_count - stranger->read_count);
    *type = kith_read_varint(&from);
    *length = (size_t)kith_read_varint(&from);
    *body = kith_read_bytes(&from, *length);
    if (from.broken) {
        return 0;
    }
    stranger->read_count = stranger->heard_count - from.left;
    cr_assert(kith_frame_known(*type), "frame 0x%x was sent", (unsigned)*type);
    cr_assert(kith_frame_length_ok(*type, *length));
    return 1;
}

int stranger_find(struct stranger *stranger, uint64_t type, const uint8_t **body, size_t *length)
{
    uint64_t have;
    while (stranger_next(stranger, &have, body, length)) {
        if (have == type) {
            return 1;
        }
    }
    return 0;
}

kith_reason stranger_expect_end(struct stranger *stranger)
{
    const uint8_t *body;
    struct kith_close close;
    size_t length;
    int found;
    world_settle(stranger->all->world);
    found = stranger_find(stranger, KITH_FRAME_CLOSE, &body, &length);
    cr_assert(stranger->was_closed, "the link was not ended");
    if (!found) {
        return KITH_REASON_NONE;
    }
    cr_assert(kith_close_decode(body, length, &close));
    cr_assert_eq(close.code, stranger->close_code);
    cr_assert_eq(stranger->read_count, stranger->heard_count, "CLOSE was not the last frame");
    return (kith_reason)close.code;
}

/* ---- the handshake ----------------------------------------------------------------------------
 */

void stranger_send_hello(struct stranger *stranger)
{
    kith_hello_encode(&stranger->hello, stranger->hello_sent);
    stranger_frame(stranger, KITH_FRAME_HELLO, stranger->hello_sent, KITH_HELLO_BYTES);
}

void stranger_take_hello(struct stranger *stranger)
{
    const uint8_t *body;
    uint64_t type;
    size_t length;
    cr_assert(stranger_next(stranger, &type, &body, &length), "no HELLO came");
    cr_assert_eq(type, KITH_FRAME_HELLO);
    memcpy(stranger->hello_came, body, KITH_HELLO_BYTES);
    cr_assert_eq(kith_hello_decode(body, length, &stranger->their_hello), KITH_REASON_NONE);
}

static void hash_of(const kith_certificate *certificate, uint8_t out[KITH_SHA256_BYTES])
{
    const struct kith_slice bytes = {certificate->der, certificate->der_bytes};
    if (certificate->der != NULL) {
        cr_assert_eq(kith_default_crypto.sha256(&bytes, 1, out), KITH_OK);
    }
}

static struct kith_transcript transcript_of(const struct stranger *stranger)
{
    const struct strangers *all = stranger->all;
    struct kith_transcript transcript = {0};
    hash_of(stranger->dials ? &all->theirs : &all->own, transcript.certificate_dialer);
    hash_of(stranger->dials ? &all->own : &all->theirs, transcript.certificate_acceptor);
    transcript.hello_dialer = stranger->dials ? stranger->hello_sent : stranger->hello_came;
    transcript.hello_acceptor = stranger->dials ? stranger->hello_came : stranger->hello_sent;
    transcript.version = 1;
    transcript.binding_type = stranger->auth.binding_type;
    transcript.binding = stranger->all->binding;
    transcript.binding_bytes =
        stranger->auth.binding_type == KITH_BINDING_NONE ? 0 : KITH_BINDING_BYTES;
    return transcript;
}

size_t stranger_sign_auth(struct stranger *stranger, uint8_t out[KITH_AUTH_BYTES_MAX])
{
    const struct kith_transcript transcript = transcript_of(stranger);
    uint8_t key[KITH_ED25519_KEY_BYTES];
    size_t length;
    cr_assert_eq(kith_default_crypto.ed25519_public(stranger->seed, key), KITH_OK);
    cr_assert_eq(kith_auth_sign(&stranger->auth, &transcript, stranger->dials, &kith_default_crypto,
                                stranger->seed, key, out, &length),
                 KITH_OK);
    return length;
}

void stranger_send_auth(struct stranger *stranger)
{
    uint8_t body[KITH_AUTH_BYTES_MAX];
    size_t length = stranger_sign_auth(stranger, body);
    stranger_frame(stranger, KITH_FRAME_AUTH, body, length);
}

static void take_auth(struct stranger *stranger)
{
    const struct kith_transcript transcript = transcript_of(stranger);
    struct kith_auth auth;
    const uint8_t *body;
    uint64_t type;
    size_t length;
    cr_assert(stranger_next(stranger, &type, &body, &length), "no AUTH came");
    cr_assert_eq(type, KITH_FRAME_AUTH);
    cr_assert_eq(kith_auth_verify(body, length, &transcript, !stranger->dials, &kith_default_crypto,
                                  stranger->their_hello.key, &auth),
                 KITH_REASON_NONE);
}

void stranger_send_info(struct stranger *stranger)
{
    const struct kith_info info = {.name = "Stranger", .claim = stranger->claim};
    uint8_t body[KITH_INFO_OWN_BYTES_MAX];
    stranger_frame(stranger, KITH_FRAME_INFO, body, kith_info_encode(&info, body));
}

void stranger_authenticate(struct stranger *stranger)
{
    const uint8_t *body;
    uint64_t type;
    size_t length;
    stranger->auth.binding_type =
        stranger->hello.channel == 0 ? KITH_BINDING_NONE : KITH_BINDING_EXPORTER;
    if (stranger->dials) {
        stranger_send_hello(stranger);
        stranger_take_hello(stranger);
    } else {
        stranger_take_hello(stranger);
        stranger_send_hello(stranger);
    }
    take_auth(stranger);
    stranger_send_auth(stranger);
    cr_assert(stranger_next(stranger, &type, &body, &length), "no INFO came");
    cr_assert_eq(type, KITH_FRAME_INFO);
    stranger_send_info(stranger);
}

/* A window of 1 MiB on every channel, nothing received yet. */
static void fill_table(struct kith_adopt *adopt)
{
    adopt->next_lane = adopt->lane_count = KITH_CHANNEL_COUNT;
    for (size_t i = 0; i < KITH_CHANNEL_COUNT; i++) {
        adopt->lanes[i] = (struct kith_credit){i, 0, 0, 1 << 20};
    }
}

void stranger_shake(struct stranger *stranger)
{
    uint8_t out[KITH_ADOPT_BYTES_MAX];
    const uint8_t *body;
    size_t length;
    stranger_authenticate(stranger);
    if (stranger_find(stranger, KITH_FRAME_ADOPT, &body, &length)) {
        cr_assert(kith_adopt_decode(body, length, 1, &stranger->adopt));
        fill_table(&stranger->adopt);
        stranger_frame(stranger, KITH_FRAME_ADOPTED, out,
                       kith_adopt_encode(&stranger->adopt, 0, out));
    } else {
        stranger->adopt.generation = stranger->adopt.since = 1;
        stranger->adopt.fresh = 1;
        fill_table(&stranger->adopt);
        stranger_frame(stranger, KITH_FRAME_ADOPT, out,
                       kith_adopt_encode(&stranger->adopt, 1, out));
        cr_assert(stranger_find(stranger, KITH_FRAME_ADOPTED, &body, &length), "no ADOPTED");
    }
}
