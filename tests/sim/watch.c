/* SPDX-License-Identifier: MIT
 *
 * watch.c: stands between the hub and the core, holds both to the driver contract
 * (core/transport.h) and has the core's accounts checked after every up-call. The hub is compiled
 * with its up-calls renamed to sim_up_…; its own record of a link stands behind the hub's.
 */
#include <string.h>

#include "actor.h"
#include "inspect.h"
#include "model.h"
#include "sim.h"
#include "watch.h"

struct watched {
    struct sim *sim;
    int who;
    int is_up, is_closed, is_down;
};

static struct {
    struct kith_driver inner; /* the hub's own functions */
    size_t record_at;
    uint64_t begun, ended;
} watch;

static struct watched *record_of(const struct kith_link *link)
{
    return (struct watched *)(void *)((char *)(uintptr_t)link + watch.record_at);
}

static struct watched *begin(struct kith_link *link)
{
    struct watched *record = record_of(link);
    const kith_loop *loop = KITH_CONTAINER(link->endpoint->env, struct kith_loop, env);
    record->sim = loop->sim;
    record->who = loop->index - 1;
    watch.begun++;
    return record;
}

/* ---- down-calls -------------------------------------------------------------------------------
 */

static kith_err dial(struct kith_link *link, const struct kith_address *address)
{
    kith_err err = watch.inner.dial(link, address);
    if (err == KITH_OK) {
        struct watched *record = begin(link);
        sim_note(record->sim, SIM_LINK_DIALLED, record->who, address->port, 0, 0);
    }
    return err;
}

static void close_link(struct kith_link *link, unsigned code, int flush)
{
    struct watched *record = record_of(link);
    sim_note(record->sim, SIM_LINK_CLOSE, record->who, code, (uint64_t)flush, 0);
    record->is_closed = 1;
    watch.inner.close(link, code, flush);
}

void sim_watch_init(struct sim *sim)
{
    memset(&watch, 0, sizeof watch);
    watch.inner = sim->hubs[0].driver; /* that of all of them */
    watch.record_at = (watch.inner.link_bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) *
                      sizeof(max_align_t);
    for (size_t i = 0; i < SIM_TRANSPORTS_MAX; i++) {
        struct kith_driver *driver = &sim->hubs[i].driver;
        driver->link_bytes = watch.record_at + sizeof(struct watched);
        driver->dial = dial;
        driver->close = close_link;
    }
}

void sim_watch_done(struct sim *sim)
{
    SIM_CHECK(sim, watch.begun == watch.ended, "%llu links began, and %llu went down",
              (unsigned long long)watch.begun, (unsigned long long)watch.ended);
}

/* ---- up-calls ---------------------------------------------------------------------------------
 */

static uint64_t digest_of(const uint8_t *bytes, size_t count)
{
    uint64_t first = 0, last = 0;
    size_t part = count < sizeof first ? count : sizeof first;
    if (part > 0) {
        memcpy(&first, bytes, part);
        memcpy(&last, bytes + count - part, part);
    }
    return sim_mix(first) ^ last;
}

/* Every up-call about a link begins here. */
static struct watched *enter(struct kith_link *link, const char *what)
{
    struct watched *record = record_of(link);
    SIM_CHECK(record->sim, !record->is_down, "%s for a link that is down", what);
    SIM_CHECK(record->sim, !record->sim->in_call, "%s inside a call down", what);
    record->sim->loops[record->who + 1].was_busy = 1;
    return record;
}

struct kith_link *sim_up_accepted(struct kith_port *port, const char *remote_address)
{
    struct kith_link *link = kith_up_accepted(port, remote_address);
    if (link != NULL) {
        struct watched *record = begin(link);
        sim_note(record->sim, SIM_LINK_ACCEPTED, record->who, 0, 0, 0);
    }
    return link;
}

void sim_up_link(struct kith_link *link)
{
    struct watched *record = enter(link, "kith_up_link()");
    SIM_CHECK(record->sim, !record->is_up, "a link came up twice");
    record->is_up = 1;
    sim_note(record->sim, SIM_LINK_UP, record->who, 0, 0, 0);
    sim_network_came_up(record->sim, link);
    kith_up_link(link);
}

size_t sim_up_pull(struct kith_link *link, uint8_t *out, size_t room)
{
    struct watched *record = enter(link, "kith_up_pull()");
    size_t count = kith_up_pull(link, out, room);
    SIM_CHECK(record->sim, count <= room, "more was pulled than there was room");
    if (count > 0) {
        sim_note(record->sim, SIM_PULL, record->who, count, digest_of(out, count), 0);
        sim_inspect_link(record->sim, link);
    }
    return count;
}

void sim_up_pull_slices(struct kith_link *link, uint8_t *out, size_t room, size_t most,
                        struct kith_pulled *pulled)
{
    struct watched *record = enter(link, "kith_up_pull_slices()");
    uint64_t digest = 0;
    size_t count = 0;
    kith_up_pull_slices(link, out, room, most, pulled);
    for (size_t i = 0; i < pulled->slice_count; i++) {
        count += pulled->slices[i].count;
        digest = sim_mix(digest) ^ digest_of(pulled->slices[i].bytes, pulled->slices[i].count);
    }
    SIM_CHECK(record->sim, pulled->count <= most, "more was pulled than there was room");
    SIM_CHECK(record->sim, pulled->count == count, "the pieces are not what they are together");
    if (count > 0) {
        sim_note(record->sim, SIM_PULL, record->who, count, digest, 0);
    }
}

void sim_up_pulled(struct kith_link *link)
{
    struct watched *record = enter(link, "kith_up_pulled()");
    kith_up_pulled(link);
    sim_inspect_link(record->sim, link);
}

size_t sim_up_rx_place(struct kith_link *link, uint8_t **place)
{
    struct watched *record = enter(link, "kith_up_rx_place()");
    SIM_CHECK(record->sim, record->is_up, "a place was asked for before the link was up");
    return kith_up_rx_place(link, place);
}

void sim_up_rx(struct kith_link *link, const uint8_t *bytes, size_t count)
{
    struct watched *record = enter(link, "kith_up_rx()");
    SIM_CHECK(record->sim, record->is_up, "bytes came before the link was up");
    sim_note(record->sim, SIM_RX, record->who, count, digest_of(bytes, count), 0);
    count = sim_carry(record->sim, count);
    if (count == 0) {
        return; /* they are lost with their link */
    }
    kith_up_rx(link, bytes, count);
    sim_inspect_link(record->sim, link);
}

void sim_up_down(struct kith_link *link, kith_reason reason, const char *detail)
{
    struct watched *record = enter(link, "kith_up_down()");
    SIM_CHECK(record->sim, reason != KITH_REASON_LOCAL || record->is_closed,
              "a link went down as if this side had closed it");
    record->is_down = 1;
    watch.ended++;
    sim_note(record->sim, SIM_LINK_DOWN, record->who, (uint64_t)reason, 0, 0);
    kith_up_down(link, reason, detail);
}

/* ---- lanes ------------------------------------------------------------------------------------
 */

/* What was peeked last. */
static struct {
    const struct kith_link *link;
    uint64_t lane;
    size_t count;
} peeked;

int sim_up_lane_peek(struct kith_link *link, struct kith_lane_bytes *out)
{
    struct watched *record = enter(link, "kith_up_lane_peek()");
    int some = kith_up_lane_peek(link, out);
    peeked.link = some ? link : NULL;
    peeked.lane = out->lane;
    peeked.count = out->count;
    SIM_CHECK(record->sim, !some || (out->slice_count <= KITH_LANE_SLICES_MAX && out->count > 0),
              "kith_up_lane_peek() lends %zu bytes in %zu slices", out->count, out->slice_count);
    return some;
}

void sim_up_lane_took(struct kith_link *link, uint64_t lane, size_t count)
{
    struct watched *record = enter(link, "kith_up_lane_took()");
    SIM_CHECK(record->sim, peeked.link == link && peeked.lane == lane && count <= peeked.count,
              "kith_up_lane_took() takes what was not lent");
    peeked.link = NULL;
    sim_note(record->sim, SIM_LANE_TOOK, record->who, lane, count, 0);
    kith_up_lane_took(link, lane, count);
    sim_inspect_link(record->sim, link);
}

void sim_up_lane_blocked(struct kith_link *link, uint64_t lane)
{
    struct watched *record = enter(link, "kith_up_lane_blocked()");
    sim_note(record->sim, SIM_LANE_BLOCKED, record->who, lane, 0, 0);
    kith_up_lane_blocked(link, lane);
}

void sim_up_lane_writable(struct kith_link *link, uint64_t lane)
{
    struct watched *record = enter(link, "kith_up_lane_writable()");
    sim_note(record->sim, SIM_LANE_WRITABLE, record->who, lane, 0, 0);
    kith_up_lane_writable(link, lane);
}

void sim_up_lane_done(struct kith_link *link, uint64_t lane, uint64_t upto)
{
    struct watched *record = enter(link, "kith_up_lane_done()");
    SIM_CHECK(record->sim, !record->is_closed, "lent bytes are done after close()");
    sim_note(record->sim, SIM_LANE_DONE, record->who, lane, upto, 0);
    kith_up_lane_done(link, lane, upto);
    sim_inspect_link(record->sim, link);
}

void sim_up_lane_rx(struct kith_link *link, uint64_t lane, uint64_t offset, const uint8_t *bytes,
                    size_t count)
{
    struct watched *record = enter(link, "kith_up_lane_rx()");
    sim_note(record->sim, SIM_LANE_RX, record->who, lane << 56 | offset, count,
             digest_of(bytes, count));
    count = sim_carry(record->sim, count);
    if (count == 0) {
        return;
    }
    kith_up_lane_rx(link, lane, offset, bytes, count);
    sim_inspect_link(record->sim, link);
}

/* ---- datagrams --------------------------------------------------------------------------------
 */

int sim_up_datagram_peek(struct kith_link *link, size_t room, struct kith_slice *out)
{
    struct watched *record = enter(link, "kith_up_datagram_peek()");
    int some = kith_up_datagram_peek(link, room, out);
    SIM_CHECK(record->sim, !some || out->count <= room, "a datagram larger than asked for");
    if (some) {
        sim_note(record->sim, SIM_DATAGRAM_OUT, record->who, out->count,
                 digest_of(out->bytes, out->count), 0);
        sim_model_datagram_goes(record->sim, kith_peer_user(sim_inspect_peer(link)), out->bytes,
                                out->count);
    }
    return some;
}

void sim_up_datagram_took(struct kith_link *link)
{
    enter(link, "kith_up_datagram_took()");
    kith_up_datagram_took(link);
}

void sim_up_datagram_rx(struct kith_link *link, const uint8_t *bytes, size_t count)
{
    struct watched *record = enter(link, "kith_up_datagram_rx()");
    sim_note(record->sim, SIM_DATAGRAM_RX, record->who, count, digest_of(bytes, count), 0);
    kith_up_datagram_rx(link, bytes, count);
}
