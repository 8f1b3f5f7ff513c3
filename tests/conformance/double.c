/* SPDX-License-Identifier: MIT
 *
 * double.c: cores, ports and links of the double, and the up-calls about them and about control
 * bytes. Lanes and datagrams are in double_lanes.c.
 */
#include "double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/url.h"
#include "check.h"
#include "inside.h"

enum { HANDSHAKE_MS = 60 * 1000, PATTERN_PERIOD = 65521, PATTERN_SPARE = 128 * 1024 };

const kith_key double_key = {
    "conformance", {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4}, 20};
const kith_key double_other_key = {
    "somebody else", {2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9, 0, 4, 5, 2, 3, 5, 3}, 20};

/* ---- who is inside what ------------------------------------------------------------------ */

static unsigned calls_down, calls_up;

void down_enter(void)
{
    calls_down++;
}

void down_leave(void)
{
    calls_down--;
}

static void enter(const char *what)
{
    CHECK(calls_down == 0, "%s inside a call of the core", what);
    CHECK(calls_up == 0, "%s inside another up-call", what);
    calls_up++;
}

struct conn *up_enter(struct kith_link *link, const char *what)
{
    struct conn *conn = link->conn;
    enter(what);
    CHECK(conn->link == link, "%s about a link that is freed", what);
    CHECK(conn->downs == 0, "%s after kith_up_down()", what);
    conn->placed = 0; /* it was for the very next thing */
    return conn;
}

void up_leave(struct conn *conn, enum moment moment)
{
    if (conn->core->hook != NULL) {
        conn->core->hook(conn, moment);
    }
    calls_up--;
}

/* ---- the pattern ------------------------------------------------------------------------- */

static const uint8_t *pattern(void)
{
    static uint8_t bytes[PATTERN_PERIOD + PATTERN_SPARE];
    if (bytes[1] == 0) {
        uint32_t state = 12345;
        for (size_t i = 0; i < PATTERN_PERIOD; i++) {
            state = state * 1664525 + 1013904223; /* Numerical Recipes */
            bytes[i] = (uint8_t)(state >> 24) | 1;
        }
        for (size_t i = PATTERN_PERIOD; i < sizeof bytes; i++) {
            bytes[i] = bytes[i - PATTERN_PERIOD];
        }
    }
    return bytes;
}

void pattern_write(uint64_t from, uint8_t *out, size_t count)
{
    while (count > 0) {
        size_t some = count < PATTERN_SPARE ? count : PATTERN_SPARE;
        memcpy(out, pattern() + from % PATTERN_PERIOD, some);
        from += some;
        out += some;
        count -= some;
    }
}

int pattern_is(uint64_t from, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        size_t some = count < PATTERN_SPARE ? count : PATTERN_SPARE;
        if (memcmp(bytes, pattern() + from % PATTERN_PERIOD, some) != 0) {
            return 0;
        }
        from += some;
        bytes += some;
        count -= some;
    }
    return 1;
}

static uint64_t control_pattern(int from_dialler, uint64_t offset)
{
    return offset + (from_dialler ? 0 : 31337);
}

uint64_t lane_pattern(int from_dialler, uint64_t lane, uint64_t offset)
{
    return control_pattern(from_dialler, offset) + (lane + 1) * 977;
}

/* What a driver does not ask for never fails. */
static void *own_alloc(struct place *place, size_t bytes)
{
    void *block;
    place->spared = 1;
    block = kith_alloc(place->env, bytes);
    place->spared = 0;
    CHECK(block != NULL, "out of memory");
    return block;
}

/* ---- cores ------------------------------------------------------------------------------- */

kith_err core_try_open(struct core *core, struct place *place, kith_security security,
                       uint32_t handshake_ms)
{
    kith_err err;
    memset(core, 0, sizeof *core);
    core->place = place;
    kith_list_init(&core->ports);
    kith_list_init(&core->conns);
    if (security != KITH_SECURITY_NONE) {
        core->keys[core->key_count++] = double_key;
        core->dial_key = &core->keys[0];
    }
    core->endpoint = own_alloc(place, place->driver->endpoint_bytes);
    core->endpoint->driver = place->driver;
    core->endpoint->env = place->env;
    core->endpoint->session = core;
    core->endpoint->security = security;
    core->endpoint->handshake_ms = handshake_ms;
    for (size_t i = 0; i < sizeof core->endpoint->secret; i++) {
        core->endpoint->secret[i] = (uint8_t)place_random(place);
    }
    down_enter();
    err = place->driver->endpoint_open(core->endpoint);
    down_leave();
    CHECK((place->driver->datagram_max != NULL) == place_can(place, KITH_DRIVER_DATAGRAMS) &&
              (place->driver->lanes_end != NULL) == place_can(place, KITH_DRIVER_MANY_LANES),
          "the driver's table does not fit its capabilities");
    if (err != KITH_OK) {
        kith_free(place->env, core->endpoint);
    }
    return err;
}

void core_open_with(struct core *core, struct place *place, kith_security security,
                    uint32_t handshake_ms)
{
    kith_err err = core_try_open(core, place, security, handshake_ms);
    CHECK(err == KITH_OK, "%s: %s", kith_err_name(err), kith_detail());
}

void core_open(struct core *core, struct place *place)
{
    core_open_with(core, place, place->transport->secure ? KITH_SECURITY_PSK : KITH_SECURITY_NONE,
                   HANDSHAKE_MS);
}

size_t core_alive(const struct core *core)
{
    size_t count = 0;
    for (struct kith_node *at = core->conns.next; at != &core->conns; at = at->next) {
        count += KITH_CONTAINER(at, struct conn, node)->link != NULL;
    }
    return count;
}

void core_close_all(struct core *core)
{
    for (struct kith_node *at = core->conns.next; at != &core->conns; at = at->next) {
        struct conn *conn = KITH_CONTAINER(at, struct conn, node);
        if (conn->state != CONN_DOWN) {
            conn_close(conn, KITH_REASON_LOCAL, 0);
        }
    }
}

void core_close(struct core *core)
{
    core->hook = NULL;
    while (!kith_list_empty(&core->ports)) {
        struct port *port = KITH_CONTAINER(core->ports.next, struct port, node);
        port_end(port);
        kith_list_remove(&port->node);
        free(port);
    }
    core_close_all(core);
    UNTIL(core->place, core_alive(core) == 0);
    down_enter();
    core->place->driver->endpoint_close(core->endpoint);
    down_leave();
    kith_free(core->place->env, core->endpoint);
    while (!kith_list_empty(&core->conns)) {
        struct conn *conn = KITH_CONTAINER(core->conns.next, struct conn, node);
        CHECK(conn->downs == 1, "%u times down", conn->downs);
        kith_list_remove(&conn->node);
        free(conn);
    }
}

/* ---- ports ------------------------------------------------------------------------------- */

/* What was announced must be an address to dial. */
static void read_url(struct port *port)
{
    struct kith_url url;
    CHECK(kith_url_parse(port->url, &url) == KITH_OK, "\"%s\": %s", port->url, kith_detail());
    CHECK(strcmp(url.scheme, port->core->place->transport->scheme) == 0, "%s", port->url);
    CHECK(url.port != 0 && strcmp(url.host, "*") != 0, "nobody can dial %s", port->url);
    port->number = url.port;
    kith_text_copy(port->host, sizeof port->host, url.host);
}

struct port *core_listen(struct core *core, const char *host, uint16_t number, kith_err *err)
{
    struct place *place = core->place;
    struct kith_address address = {place->transport->scheme, host, host, number, "",
                                   KITH_TLS12_NEVER};
    struct port *port = calloc(1, sizeof *port);
    kith_err unasked;
    CHECK(port != NULL, "out of memory");
    port->core = core;
    port->port = own_alloc(place, place->driver->port_bytes);
    port->port->endpoint = core->endpoint;
    port->port->listener = port;
    down_enter();
    unasked = place->driver->listen(port->port, &address, port->url, sizeof port->url);
    down_leave();
    if (err != NULL) {
        *err = unasked;
    } else {
        CHECK(unasked == KITH_OK, "%s: %s", kith_err_name(unasked), kith_detail());
    }
    if (unasked != KITH_OK) {
        kith_free(place->env, port->port);
        free(port);
        return NULL;
    }
    kith_list_append(&core->ports, &port->node);
    read_url(port);
    return port;
}

kith_err port_look(struct port *port)
{
    kith_err err;
    down_enter();
    kith_detail_clear();
    err = port->core->place->driver->port_check(port->port, port->url, sizeof port->url);
    CHECK(err == KITH_OK || kith_detail()[0] != '\0', "%s without a detail", kith_err_name(err));
    down_leave();
    return err;
}

void port_end(struct port *port)
{
    if (port->port != NULL) {
        struct place *place = port->core->place;
        down_enter();
        place->driver->port_close(port->port);
        down_leave();
        kith_free(place->env, port->port);
        port->port = NULL;
    }
}

/* ---- links ------------------------------------------------------------------------------- */

static void release(struct kith_deferred *deferred)
{
    struct conn *conn = KITH_CONTAINER(deferred, struct conn, release);
    kith_free(conn->core->place->env, conn->link);
    conn->link = NULL;
}

static struct conn *conn_new(struct core *core, int dialled)
{
    struct conn *conn = calloc(1, sizeof *conn);
    CHECK(conn != NULL, "out of memory");
    conn->core = core;
    conn->dialled = dialled;
    conn->release.run = release;
    conn->link = own_alloc(core->place, core->place->driver->link_bytes);
    conn->link->endpoint = core->endpoint;
    conn->link->conn = conn;
    kith_list_append(&core->conns, &conn->node);
    return conn;
}

struct conn *core_dial_address(struct core *core, const char *scheme, const char *ip,
                               uint16_t number, kith_err *err)
{
    struct kith_address address = {scheme, ip, ip, number, ip, KITH_TLS12_NEVER};
    struct conn *conn = conn_new(core, 1);
    kith_err unasked;
    down_enter();
    unasked = core->place->driver->dial(conn->link, &address);
    down_leave();
    if (err != NULL) {
        *err = unasked;
    } else {
        CHECK(unasked == KITH_OK, "%s: %s", kith_err_name(unasked), kith_detail());
    }
    if (unasked == KITH_OK) {
        return conn;
    }
    kith_list_remove(&conn->node);
    kith_free(core->place->env, conn->link);
    free(conn);
    return NULL;
}

struct conn *core_dial(struct core *core, const struct port *port)
{
    return core_dial_address(core, core->place->transport->scheme, port->host, port->number, NULL);
}

void core_pair(struct core *a, struct core *b, struct conn **at_a, struct conn **at_b)
{
    struct port *port = core_listen(a, "127.0.0.1", 0, NULL);
    *at_b = core_dial(b, port);
    UNTIL(a->place, a->newest != NULL && a->newest->ups + a->newest->downs > 0 &&
                        (*at_b)->ups + (*at_b)->downs > 0);
    *at_a = a->newest;
    CHECK((*at_a)->ups == 1 && (*at_b)->ups == 1, "%s; %s", (*at_a)->detail, (*at_b)->detail);
}

/* ---- calls down -------------------------------------------------------------------------- */

void conn_close(struct conn *conn, kith_reason code, int flush)
{
    conn->flushing = flush && (!conn->closing || conn->flushing);
    conn->closing = 1;
    down_enter();
    conn->core->place->driver->close(conn->link, (unsigned)code, flush);
    down_leave();
    lanes_take_back(conn);
}

void conn_offer(struct conn *conn, uint64_t count)
{
    conn->offered += count;
    down_enter();
    conn->core->place->driver->tx_ready(conn->link);
    down_leave();
}

int conn_can_write(struct conn *conn)
{
    int can;
    down_enter();
    can = conn->core->place->driver->can_write(conn->link);
    down_leave();
    CHECK(can == 0 || can == 1, "can_write gives %d", can);
    return can;
}

/* ---- up-calls ---------------------------------------------------------------------------- */

uint32_t kith_up_accept_after_ms(struct kith_port *base)
{
    struct port *port = base->listener;
    CHECK(port->port == base, "asked for a port that is closed");
    port->core->asked++;
    return port->core->accept_after_ms;
}

struct kith_link *kith_up_accepted(struct kith_port *base, const char *remote_address)
{
    struct port *port = base->listener;
    struct core *core = port->core;
    struct conn *conn;
    enter("kith_up_accepted()");
    CHECK(port->port == base, "accepted at a port that is closed");
    CHECK(remote_address != NULL && remote_address[0] != '\0', "an address of nobody");
    core->accepted++;
    if (core->refuses) {
        calls_up--;
        return NULL;
    }
    conn = conn_new(core, 0);
    snprintf(conn->remote, sizeof conn->remote, "%s", remote_address);
    core->newest = conn;
    up_leave(conn, AT_ACCEPTED);
    return conn->link;
}

static void copy_text(const char *text, char *out, size_t out_bytes, const char *what)
{
    CHECK(text != NULL, "info without %s", what);
    CHECK(strlen(text) < out_bytes, "%s is too long", what);
    strcpy(out, text);
}

static void ask_info(struct conn *conn)
{
    struct kith_link_info *info = &conn->info;
    memset(info, 0xa5, sizeof *info);
    conn->core->place->driver->info(conn->link, info);
    copy_text(info->transport, conn->transport, sizeof conn->transport, "transport");
    copy_text(info->cipher, conn->cipher, sizeof conn->cipher, "cipher");
    copy_text(info->psk_identity, conn->identity, sizeof conn->identity, "psk_identity");
    copy_text(info->remote_address, conn->address, sizeof conn->address, "remote_address");
}

static void ask_exporter(struct conn *conn)
{
    const struct kith_driver *driver = conn->core->place->driver;
    conn->exported = driver->exporter(conn->link, "EXPORTER-kith-conformance", conn->binding,
                                      sizeof conn->binding);
    CHECK(driver->exporter(conn->link, "EXPORTER-kith-other", conn->other_binding,
                           sizeof conn->other_binding) == conn->exported,
          "one label works, another does not");
}

void kith_up_moved(struct kith_link *link, const char *remote_address)
{
    struct conn *conn = up_enter(link, "kith_up_moved()");
    CHECK(conn->state == CONN_UP && !conn->closing, "kith_up_moved() of a link that is not up");
    CHECK(strcmp(conn->info.remote_address, remote_address) == 0, "info() says another address");
    conn->moves++;
    up_leave(conn, AT_MOVED);
}

void kith_up_link(struct kith_link *link)
{
    struct conn *conn = up_enter(link, "kith_up_link()");
    CHECK(conn->ups == 0, "kith_up_link() again");
    CHECK(!conn->closing, "kith_up_link() after close()");
    conn->ups = 1;
    conn->core->ups++;
    conn->state = CONN_UP;
    down_enter();
    ask_info(conn);
    ask_exporter(conn);
    down_leave();
    CHECK((conn->info.channel == KITH_CHANNEL_PLAIN) ==
              (conn->core->endpoint->security == KITH_SECURITY_NONE),
          "channel %d in a session of security %d", (int)conn->info.channel,
          (int)conn->core->endpoint->security);
    up_leave(conn, AT_LINK);
}

/* How much of the pattern to give. */
static size_t begin_pull(struct conn *conn, size_t room)
{
    uint64_t left = conn->offered - conn->pulled;
    size_t count = left < room ? (size_t)left : room;
    if (!place_can(conn->core->place, KITH_DRIVER_DATAGRAMS)) {
        conn->asked_writable += conn_can_write(conn);
    }
    CHECK(conn->state == CONN_UP, "kith_up_pull() before kith_up_link()");
    CHECK(!conn->closing || conn->flushing, "kith_up_pull() after close() without flush");
    CHECK(room >= 2048, "room for %zu bytes", room);
    return conn->bite != 0 && count > conn->bite ? conn->bite : count;
}

size_t kith_up_pull(struct kith_link *link, uint8_t *out, size_t room)
{
    struct conn *conn = up_enter(link, "kith_up_pull()");
    size_t count = begin_pull(conn, room);
    pattern_write(control_pattern(conn->dialled, conn->pulled), out, count);
    conn->pulled += count;
    up_leave(conn, AT_PULL);
    return count;
}

/* One core lends at a time. */
static uint8_t lent[256 * 1024];
static size_t lent_bytes;

void kith_up_pull_slices(struct kith_link *link, uint8_t *out, size_t room, size_t most,
                         struct kith_pulled *pulled)
{
    struct conn *conn = up_enter(link, "kith_up_pull_slices()");
    size_t count = begin_pull(conn, most < sizeof lent ? most : sizeof lent), at, part;
    CHECK(room >= 2048 && most >= room, "room for %zu bytes, %zu in all", room, most);
    CHECK(!conn->lends, "kith_up_pull_slices() before kith_up_pulled()");
    conn->lends = 1;
    lent_bytes = count;
    pattern_write(control_pattern(conn->dialled, conn->pulled), lent, count);
    memset(pulled, 0, sizeof *pulled);
    for (at = 0; at < count; at += part) { /* in pieces of all sizes, the first in out */
        uint8_t *bytes = at == 0 ? out : lent + at;
        size_t left = count - at;
        part = pulled->slice_count == KITH_PULL_SLICES_MAX - 1 ? left : 1 + (at * 7 + 11) % 9000;
        part = part < left ? part : left;
        if (at == 0) {
            memcpy(out, lent, part);
        }
        pulled->slices[pulled->slice_count++] = (struct kith_slice){bytes, part};
    }
    pulled->count = count;
    conn->pulled += count;
    calls_up--;
}

void kith_up_pulled(struct kith_link *link)
{
    struct conn *conn = up_enter(link, "kith_up_pulled()");
    CHECK(conn->lends, "kith_up_pulled() of nothing");
    conn->lends = 0;
    memset(lent, 0x5a, lent_bytes); /* whoever still reads it reads something else */
    up_leave(conn, AT_PULL);
}

static uint8_t place_bytes[128 * 1024];

/* Of all sizes, and none each third time. */
size_t kith_up_rx_place(struct kith_link *link, uint8_t **place)
{
    struct conn *conn = up_enter(link, "kith_up_rx_place()");
    unsigned number = conn->asked_place++;
    CHECK(conn->state == CONN_UP, "kith_up_rx_place() before kith_up_link()");
    memset(place_bytes, 0x5a, sizeof place_bytes);
    calls_up--;
    conn->placed =
        number % 3 == 0 || conn->closing ? 0 : 1 + number * 7919 % (sizeof place_bytes - 1);
    *place = place_bytes + sizeof place_bytes - conn->placed;
    return conn->placed;
}

static int is_in_place(const uint8_t *bytes)
{
    return bytes >= place_bytes && bytes < place_bytes + sizeof place_bytes;
}

void kith_up_rx(struct kith_link *link, const uint8_t *bytes, size_t count)
{
    size_t placed = ((struct conn *)link->conn)->placed;
    struct conn *conn = up_enter(link, "kith_up_rx()");
    CHECK(conn->state == CONN_UP, "kith_up_rx() before kith_up_link()");
    CHECK(count > 0, "kith_up_rx() of nothing");
    CHECK(!is_in_place(bytes) ||
              (count <= placed && bytes == place_bytes + sizeof place_bytes - placed),
          "%zu bytes in a place for %zu, or in one that is not theirs any more", count, placed);
    if (!conn->closing) {
        CHECK(conn->core->content_free ||
                  pattern_is(control_pattern(!conn->dialled, conn->came), bytes, count),
              "%zu control bytes from %llu on are not what was sent", count,
              (unsigned long long)conn->came);
        conn->came += count;
    }
    up_leave(conn, AT_RX);
}

static int may_end_with(const struct conn *conn, kith_reason reason)
{
    switch ((int)reason) {
    case KITH_REASON_LOCAL:
        return conn->closing;
    case KITH_REASON_LOST:
    case KITH_REASON_TIMEOUT:
    case KITH_REASON_REFUSED:
    case KITH_REASON_UNREACHABLE:
    case KITH_REASON_AUTH:
    case KITH_REASON_NOT_KITH:
    case KITH_REASON_PROTOCOL:
    case KITH_REASON_INTERNAL:
        return 1;
    default: /* a code of ours */
        return conn->ups == 1 && kith_reason_from_wire((unsigned long long)reason) == reason;
    }
}

void kith_up_down(struct kith_link *link, kith_reason reason, const char *detail)
{
    struct conn *conn = up_enter(link, "kith_up_down()");
    CHECK(may_end_with(conn, reason), "the link ends with %s", kith_reason_name(reason));
    CHECK(detail != NULL, "the end has no detail");
    CHECK(kith_text_ok(detail, strlen(detail), 1, sizeof conn->detail - 1), "detail \"%s\"",
          detail);
    strcpy(conn->detail, detail);
    conn->reason = reason;
    conn->state = CONN_DOWN;
    lanes_take_back(conn);
    kith_defer(conn->core->place->env, &conn->release);
    up_leave(conn, AT_DOWN);
    conn->downs++;
    conn->core->downs++;
}

const kith_key *kith_up_key_find(struct kith_endpoint *endpoint, const char *identity)
{
    struct core *core = endpoint->session;
    for (size_t i = 0; i < core->key_count; i++) {
        if (strcmp(core->keys[i].identity, identity) == 0) {
            return &core->keys[i];
        }
    }
    return NULL;
}

int kith_up_is_suspect(struct kith_port *port, const char *remote_address)
{
    struct core *core = port->endpoint->session;
    CHECK(strchr(remote_address, ':') != NULL, "\"%s\" is no address", remote_address);
    return core->suspects_all;
}

void kith_up_stray(struct kith_endpoint *endpoint, enum kith_stray what)
{
    struct core *core = endpoint->session;
    core->strays += what == KITH_STRAY_IGNORED;
}

const kith_key *kith_up_key_dial(struct kith_endpoint *endpoint)
{
    return ((struct core *)endpoint->session)->dial_key;
}
