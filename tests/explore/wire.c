/* SPDX-License-Identifier: MIT
 *
 * wire.c: the driver of the explored world. What a core sends is cut into its frames, which wait in
 * a queue until a step delivers them. PING and PONG are left out: they tell a core only that time
 * has passed, and here none does. It must not decide anything.
 */
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"
#include "explore.h"

enum { TURN_BYTES = 8192 };

static struct end *end_of(struct kith_link *base)
{
    return (struct end *)base;
}

/* ---- queues -----------------------------------------------------------------------------------
 */

static void post(struct queue *queue, const uint8_t *bytes, size_t count)
{
    CHECK(queue->count < FRAMES_MAX && queue->used + count <= QUEUE_BYTES,
          "a queue is full: it talks without end");
    if (count > 0) {
        memcpy(queue->bytes + queue->used, bytes, count);
    }
    queue->used = (uint16_t)(queue->used + count);
    queue->bytes_of[queue->count++] = (uint16_t)count;
}

static void end_turn(struct queue *queue)
{
    if (queue->count > 0) {
        queue->ends_turn[queue->count - 1] = 1;
    }
}

/* Takes the first entry out: its bytes are copied to out. */
static size_t pop(struct queue *queue, uint8_t *out, int *ends_turn)
{
    size_t count = queue->bytes_of[0];
    memcpy(out, queue->bytes, count);
    *ends_turn = queue->ends_turn[0];
    queue->count--;
    queue->used = (uint16_t)(queue->used - count);
    memmove(queue->bytes, queue->bytes + count, queue->used);
    memset(queue->bytes + queue->used, 0, count); /* what is not used is always alike */
    memmove(queue->bytes_of, queue->bytes_of + 1, queue->count * sizeof queue->bytes_of[0]);
    memmove(queue->ends_turn, queue->ends_turn + 1, queue->count);
    queue->bytes_of[queue->count] = queue->ends_turn[queue->count] = 0;
    return count;
}

/* ---- calls down -------------------------------------------------------------------------------
 */

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
    (void)port;
    kith_text_copy(url, url_bytes, address->scheme);
    return KITH_OK;
}

static void port_close(struct kith_port *port)
{
    (void)port;
}

static kith_err dial(struct kith_link *base, const struct kith_address *address)
{
    struct end *end = end_of(base);
    struct wire *wire = &world.wires[world.wire_count];
    int side = base->endpoint->env == &world.sides[0].env ? 0 : 1;
    (void)address;
    if (world.wire_count >= config.links) {
        return KITH_ERR_ADDRESS;
    }
    end->slot = world.wire_count++;
    end->side = (uint8_t)side;
    wire->ends[side] = end;
    wire->is_dialled = 1;
    wire->dialler = (uint8_t)side;
    wire->rank = (uint8_t)base->endpoint->driver->rank;
    return KITH_OK;
}

static void close_end(struct kith_link *base, unsigned code, int flush)
{
    struct end *end = end_of(base);
    (void)code;
    if (!end->is_closing) {
        const struct wire *wire = &world.wires[end->slot];
        const struct kith_conn *conn = base->conn;
        int works = wire->ends[0] != NULL && wire->ends[1] != NULL && !wire->is_cut[0] &&
                    !wire->is_cut[1] && !wire->ends[1 - end->side]->is_closing;
        const struct kith_peer *peer =
            conn->authenticated ? kith_peer_by_key(conn->session, conn->hello.key) : NULL;
        CHECK(!works || conn->reason != KITH_REASON_DUPLICATE || peer == NULL ||
                  peer->conn == NULL || peer->is_confirmed ||
                  !kith_peer_is_link_of(peer, conn) || /* of newcomers one waits */
                  !kith_peer_we_arbitrate(conn->session, conn),
              "the arbiter closes a link that works while none is confirmed");
        CHECK(!works || conn->reason != KITH_REASON_LOST || world.forgets > 0 || world.is_ending,
              "a link is closed as lost, and it works");
        end->is_flushing = (uint8_t)flush;
    }
    end->is_closing = 1;
    end->is_flushing = end->is_flushing && flush;
}

static void tx_ready(struct kith_link *base)
{
    end_of(base)->wants = 1;
}

static void info(struct kith_link *base, struct kith_link_info *out)
{
    (void)base;
    memset(out, 0, sizeof *out);
    out->channel = KITH_CHANNEL_PLAIN;
    out->transport = "wire";
    out->cipher = out->psk_identity = out->remote_address = "";
}

static kith_err exporter(struct kith_link *base, const char *label, uint8_t *out, size_t out_bytes)
{
    (void)base, (void)label, (void)out, (void)out_bytes;
    return KITH_ERR_UNSUPPORTED;
}

static int can_write(struct kith_link *base)
{
    return !end_of(base)->is_closing;
}

/* What is on its way stays so. */
static void lanes_end(struct kith_link *base)
{
    (void)base;
}

static const struct kith_scheme schemes[2][2] = {{{"w0", 0}, {NULL, 0}}, {{"w1", 0}, {NULL, 0}}};

#define WIRE_DRIVER(n, lanes)                                                                      \
    {                                                                                              \
        .name = "wire", .capabilities = (lanes) ? KITH_DRIVER_MANY_LANES : KITH_DRIVER_ONE_LANE,   \
        .rank = (n), .schemes = schemes[n], .endpoint_bytes = sizeof(struct kith_endpoint),        \
        .port_bytes = sizeof(struct kith_port), .link_bytes = sizeof(struct end),                  \
        .endpoint_open = endpoint_open, .endpoint_close = endpoint_close, .listen = listen_on,     \
        .port_close = port_close, .dial = dial, .close = close_end, .tx_ready = tx_ready,          \
        .info = info, .exporter = exporter, .can_write = can_write, .lanes_end = lanes_end         \
    }
static struct kith_driver drivers[2] = {WIRE_DRIVER(0, 0), WIRE_DRIVER(1, 0)};
const struct kith_driver *const wire_drivers[] = {&drivers[0], &drivers[1], NULL};

void wire_choose(int streams)
{
    for (size_t i = 0; i < 2; i++) {
        drivers[i].capabilities = streams ? KITH_DRIVER_MANY_LANES : KITH_DRIVER_ONE_LANE;
    }
}

/* ---- a turn -----------------------------------------------------------------------------------
 */

static int is_time_only(uint64_t type)
{
    return type == KITH_FRAME_PING || type == KITH_FRAME_PONG;
}

/* Whole frames, because nothing is pulled in smaller pieces than a core writes. */
static void post_frames(struct queue *queue, const uint8_t *bytes, size_t count)
{
    struct kith_reader all = kith_reader_of(bytes, count);
    while (all.left > 0) {
        const uint8_t *start = all.at;
        uint64_t type = kith_read_varint(&all), length = kith_read_varint(&all);
        const uint8_t *body = kith_read_bytes(&all, (size_t)length);
        CHECK(!all.broken, "a frame that was pulled in part");
        if (!is_time_only(type)) {
            post(queue, start, (size_t)(body + length - start));
        }
    }
}

static void pull_lanes(struct end *end)
{
    struct wire *wire = &world.wires[end->slot];
    struct kith_lane_bytes lent;
    uint8_t bytes[TURN_BYTES];
    while (!end->is_closing && kith_up_lane_peek(&end->base, &lent)) {
        struct kith_writer to = kith_writer_of(bytes, sizeof bytes);
        kith_write_uint(&to, lent.lane, 1);
        kith_write_uint(&to, lent.offset, 8);
        for (size_t i = 0; i < lent.slice_count; i++) {
            kith_write_bytes(&to, lent.slices[i].bytes, lent.slices[i].count);
        }
        if (!wire->is_cut[end->side]) {
            post(&wire->lane[end->side], bytes, kith_written(&to));
        }
        kith_up_lane_took(&end->base, lent.lane, lent.count);
        kith_up_lane_done(&end->base, lent.lane, lent.offset + lent.count);
    }
}

static void pull(struct end *end)
{
    struct wire *wire = &world.wires[end->slot];
    uint8_t bytes[TURN_BYTES];
    size_t count;
    end->wants = 0;
    while ((count = kith_up_pull(&end->base, bytes, sizeof bytes)) > 0) {
        if (!wire->is_cut[end->side]) {
            post_frames(&wire->of[end->side], bytes, count);
        }
    }
    if (config.streams) {
        pull_lanes(end);
    }
}

static void drop(struct queue *queue)
{
    memset(queue, 0, sizeof *queue);
}

/* This side sees nothing of the link any more, and what it would send goes nowhere. */
static void part(struct wire *wire, int side)
{
    wire->ends[side] = NULL;
    wire->is_cut[0] = wire->is_cut[1] = 1;
    drop(&wire->of[1 - side]);
    drop(&wire->lane[1 - side]);
}

void wire_down(int slot, int side)
{
    struct wire *wire = &world.wires[slot];
    struct end *end = wire->ends[side];
    part(wire, side);
    kith_up_down(&end->base, KITH_REASON_LOCAL, "closed by this side");
    wire_turn(side);
}

static void finish_close(struct end *end)
{
    struct wire *wire = &world.wires[end->slot];
    if (end->is_flushing && wire->is_up) {
        pull(end);
    }
    if (!wire->is_cut[end->side]) {
        post(&wire->of[end->side], NULL, 0);
        end_turn(&wire->of[end->side]);
    }
    wire->is_cut[0] = wire->is_cut[1] = 1;
    end->is_flushing = 0;
    end->is_closing = 2; /* all is said */
    if (!config.slow_close || world.is_ending) {
        part(wire, end->side);
        kith_up_down(&end->base, KITH_REASON_LOCAL, "closed by this side");
    }
}

/* Both ends come up at once: what a handshake of the transport can do wrong is a broken link. */
static void connect_wire(int slot)
{
    struct wire *wire = &world.wires[slot];
    int dialler = wire->dialler, other = 1 - dialler;
    struct kith_port *port = world.sides[other].ports[wire->rank];
    struct kith_link *link = world.sides[other].session == NULL || world.is_ending
                                 ? NULL
                                 : kith_up_accepted(port, "wire");
    if (link == NULL) {
        struct end *end = wire->ends[dialler];
        part(wire, dialler);
        kith_up_down(&end->base, KITH_REASON_REFUSED, "nobody listens there");
        return;
    }
    wire->ends[other] = end_of(link);
    wire->ends[other]->slot = (uint8_t)slot;
    wire->ends[other]->side = (uint8_t)other;
    wire->is_up = 1;
    kith_up_link(link);
    wire_turn(other);
    if (wire->ends[dialler] != NULL) {
        kith_up_link(&wire->ends[dialler]->base);
    }
}

/* One thing that a side's links have to do; 0: nothing. */
static int do_one(int side)
{
    for (int slot = 0; slot < world.wire_count; slot++) {
        struct wire *wire = &world.wires[slot];
        struct end *end = wire->ends[side];
        if (end == NULL) {
            continue;
        }
        if (end->is_closing == 1) {
            finish_close(end);
            return 1;
        }
        if (wire->is_up && end->wants && end->is_closing == 0) {
            pull(end);
            return 1;
        }
        if (!wire->is_up && wire->is_dialled && wire->dialler == side && end->is_closing == 0) {
            connect_wire(slot);
            return 1;
        }
    }
    return 0;
}

void wire_turn(int side)
{
    struct kith_env *env = &world.sides[side].env;
    do {
        while (kith_deferred_run(env)) {
        }
    } while (do_one(side) || !kith_list_empty(&env->deferred));
    for (int slot = 0; slot < world.wire_count; slot++) {
        end_turn(&world.wires[slot].of[side]);
    }
}

/* ---- what arrives -----------------------------------------------------------------------------
 */

void wire_notice(int slot, int side)
{
    struct wire *wire = &world.wires[slot];
    struct end *end = wire->ends[side];
    part(wire, side);
    kith_up_down(&end->base, KITH_REASON_LOST, "the connection broke");
    wire_turn(side);
}

void wire_deliver(int slot, int from)
{
    struct wire *wire = &world.wires[slot];
    struct queue *queue = &wire->of[from];
    struct end *end = wire->ends[1 - from];
    uint8_t bytes[QUEUE_BYTES];
    size_t count = 0;
    int ends_turn = 0;
    while (queue->count > 0 && queue->bytes_of[0] > 0 && !ends_turn) {
        count += pop(queue, bytes + count, &ends_turn);
        ends_turn = ends_turn || !config.packets;
    }
    if (count == 0) {
        wire_notice(slot, 1 - from);
        return;
    }
    if (end->is_closing == 0) {
        kith_up_rx(&end->base, bytes, count);
    }
    wire_turn(1 - from);
}

void wire_deliver_lane(int slot, int from)
{
    struct wire *wire = &world.wires[slot];
    struct end *end = wire->ends[1 - from];
    uint8_t bytes[QUEUE_BYTES];
    int ends_turn;
    size_t count = pop(&wire->lane[from], bytes, &ends_turn);
    struct kith_reader reader = kith_reader_of(bytes, count);
    uint64_t lane = kith_read_uint(&reader, 1), offset = kith_read_uint(&reader, 8);
    if (end->is_closing == 0) {
        kith_up_lane_rx(&end->base, lane, offset, bytes + 9, count - 9);
    }
    wire_turn(1 - from);
}

const char *wire_frame_name(const struct queue *queue)
{
    struct kith_reader reader = kith_reader_of(queue->bytes, queue->bytes_of[0]);
    return queue->bytes_of[0] == 0 ? "the end" : kith_frame_name(kith_read_varint(&reader));
}
