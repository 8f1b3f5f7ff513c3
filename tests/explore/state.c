/* SPDX-License-Identifier: MIT
 *
 * state.c: a state as a number, made of all that can make a difference to what happens later and of
 * nothing else: neither addresses nor times. What is forgotten here makes two different states look
 * alike; search.c compares what follows from states that do. And a state as a few thousand bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "explore.h"

/* ---- as a number ------------------------------------------------------------------------------
 */

static uint64_t sum;

static void put(uint64_t value)
{
    sum = (sum ^ value) * UINT64_C(0xff51afd7ed558ccd);
    sum ^= sum >> 32;
    sum *= UINT64_C(0xc4ceb9fe1a85ec53);
    sum ^= sum >> 29;
}

static void put_bytes(const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    put(count);
    for (; count >= 8; count -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        put(word);
    }
    if (count > 0) {
        uint64_t word = 0;
        memcpy(&word, at, count);
        put(word);
    }
}

static void put_key(const uint8_t *key)
{
    uint64_t word;
    memcpy(&word, key, sizeof word);
    put(word);
}

static uint64_t slot_of(const struct kith_conn *conn)
{
    return conn == NULL ? 99 : ((const struct end *)conn->link)->slot;
}

static uint64_t number_in(const struct kith_node *list, const struct kith_node *node)
{
    uint64_t number = 0;
    const struct kith_node *at = list->next;
    for (; at != list && at != node; at = at->next) {
        number++;
    }
    return at == list ? 99 : number;
}

static void put_credit(const struct kith_credit *credit)
{
    put(credit->received << 40 ^ credit->consumed << 20 ^ credit->limit);
}

static void put_conn(const struct kith_session *session, const struct kith_conn *conn)
{
    put(slot_of(conn) << 32 | (uint64_t)conn->state << 8 | (uint64_t)conn->authenticated << 4 |
        (uint64_t)conn->pending << 3 | (uint64_t)kith_timer_is_set(&conn->timer) << 2 |
        (uint64_t)(conn->info.name[0] != '\0') << 1 | (uint64_t)conn->info.claim.alive);
    put(conn->dial == NULL ? 99 : number_in(&session->dials, &conn->dial->node));
    put(conn->peer == NULL ? 99 : number_in(&session->peers, &conn->peer->node));
    put(conn->info.claim.since << 32 ^ conn->info.claim.generation);
    put(conn->confirmed_then << 32 ^ conn->tried_round);
    put(conn->state == KITH_CONN_CLOSING ? conn->reason : 0);
    put_key(conn->hello.key);
    put_key(conn->hello.incarnation);
    put(conn->gates);
    if (conn->adopt_waits != NULL) {
        put(conn->adopt_waits->since << 32 ^ conn->adopt_waits->generation << 1 ^
            conn->adopt_waits->fresh);
    }
    for (size_t i = 0; i < 2; i++) { /* the other channels are as the second */
        put_credit(&conn->told[i]);
        put(conn->early[i].count << 32 ^ conn->early[i].offset);
        put_bytes(conn->early[i].bytes, conn->early[i].count);
    }
    put_bytes(conn->control + conn->control_start, conn->control_count - conn->control_start);
}

static void put_dial(const struct kith_session *session, const struct kith_dial *dial)
{
    put(slot_of(dial->conn) << 32 | (uint64_t)dial->driver_index << 8 |
        (uint64_t)dial->cancelled << 2 | (uint64_t)dial->has_want << 1 |
        (uint64_t)kith_timer_is_set(&dial->retry_timer));
    put(dial->peer == NULL ? 99 : number_in(&session->peers, &dial->peer->node));
    put_key(dial->want.bytes);
    put(dial->refused_since_us != 0);
}

static void put_lanes(const struct kith_peer *peer)
{
    for (size_t i = 0; i < 2; i++) {
        const struct kith_lane_tx *tx = &peer->tx[i];
        const struct kith_lane_rx *rx = &peer->rx[i];
        put(tx->end << 48 ^ tx->sent << 32 ^ tx->highest << 16 ^ tx->released);
        put(tx->received << 48 ^ tx->consumed << 32 ^ tx->limit);
        put(rx->received << 48 ^ rx->consumed << 32 ^ rx->limit);
        put_credit(&rx->announced);
        put(rx->window);
    }
}

static void put_peer(const struct side *side, const struct kith_peer *peer)
{
    put(slot_of(peer->conn) << 16 | slot_of(peer->active) << 8 | (uint64_t)peer->is_confirmed << 5 |
        (uint64_t)peer->was_confirmed << 4 | (uint64_t)kith_timer_is_set(&peer->adopt_timer) << 2 |
        (uint64_t)kith_timer_is_set(&peer->interrupt_timer) << 1 |
        (uint64_t)kith_timer_is_set(&peer->window_timer));
    put(peer->state);
    put(peer->since << 32 ^ peer->generation);
    put(peer->round);
    put(slot_of(peer->probe.newcomer) << 2 | (uint64_t)kith_timer_is_set(&peer->probe.timer) << 1 |
        (uint64_t)(peer->probe.answered_us != 0));
    put(peer->lost_reason);
    put(peer->shaky == NULL || side->env.now_us >= peer->shaky_until_us ? 0
                                                                        : peer->shaky->rank + 1);
    put(side->env.now_us - peer->adopted_us < 60000000);
    put(peer->next_channel);
    put_key(peer->key);
    put_key(peer->incarnation);
    put(peer->user == NULL ? 99 : (uint64_t)((struct speaker *)peer->user - side->speakers));
    put_lanes(peer);
}

static void put_speakers(const struct side *side)
{
    for (size_t i = 0; i < side->speaker_count; i++) {
        const struct speaker *speaker = &side->speakers[i];
        put((uint64_t)speaker->state << 32 ^ (uint64_t)speaker->partner << 24 ^
            (uint64_t)speaker->sent << 16 ^ (uint64_t)speaker->heard << 8 ^ speaker->settled);
        put_bytes(speaker->fate, sizeof speaker->fate);
        put_bytes(speaker->arrived, sizeof speaker->arrived);
    }
}

static void put_side(const struct side *side)
{
    const struct kith_session *session = side->session;
    put((uint64_t)side->incarnation << 24 ^ (uint64_t)side->sent << 16 ^
        (uint64_t)side->speaker_count << 8 ^ side->dial_count);
    put(session->generation);
    for (const struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        put_conn(session, KITH_CONTAINER(at, struct kith_conn, node));
    }
    put(1);
    for (const struct kith_node *at = session->dials.next; at != &session->dials; at = at->next) {
        put_dial(session, KITH_CONTAINER(at, struct kith_dial, node));
    }
    put(2);
    for (const struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
        put_peer(side, KITH_CONTAINER(at, struct kith_peer, node));
    }
    put_speakers(side);
}

static void put_queue(const struct queue *queue)
{
    put(queue->count);
    put_bytes(queue->bytes_of, queue->count * sizeof queue->bytes_of[0]);
    put_bytes(queue->bytes, queue->used);
    if (config.packets) {
        put_bytes(queue->ends_turn, queue->count);
    }
}

static void put_wire(const struct wire *wire)
{
    put((uint64_t)wire->is_up << 24 ^ (uint64_t)wire->is_cut[0] << 17 ^
        (uint64_t)wire->is_cut[1] << 16 ^ (uint64_t)wire->dialler << 12 ^
        (uint64_t)wire->rank << 8 ^ wire->impatient);
    for (size_t i = 0; i < SIDES; i++) {
        put(wire->ends[i] == NULL ? 9 : wire->ends[i]->is_closing);
        put_queue(&wire->of[i]);
        put_queue(&wire->lane[i]);
    }
}

uint64_t state_hash(void)
{
    sum = UINT64_C(0x9e3779b97f4a7c15);
    put((uint64_t)world.breaks << 32 ^ (uint64_t)world.forgets << 24 ^ (uint64_t)world.kicks << 16 ^
        (uint64_t)world.crashes << 8 ^ world.ages);
    for (size_t i = 0; i < SIDES; i++) {
        put_side(&world.sides[i]);
    }
    for (size_t i = 0; i < world.wire_count; i++) {
        put_wire(&world.wires[i]);
    }
    return sum == 0 ? 1 : sum;
}

/* ---- as bytes ---------------------------------------------------------------------------------
 */

/* Runs of words that differ from the base: where, how many, and the words. */
static struct world base;

struct run {
    uint32_t at, count; /* in words; count 0 ends */
};

static uint64_t *words_of(struct world *of)
{
    return (uint64_t *)(void *)of;
}

enum { HEAD_WORDS = offsetof(struct world, heap) / 8, HEAP_WORDS = HEAP_BYTES / 8 };

/* The three parts of a world that are in use: where each begins, and its end. */
static void parts_of(const struct world *of, uint32_t out[3][2])
{
    out[0][0] = 0;
    out[0][1] = HEAD_WORDS;
    for (uint32_t i = 0; i < SIDES; i++) {
        out[i + 1][0] = HEAD_WORDS + i * HEAP_WORDS;
        out[i + 1][1] = out[i + 1][0] + (of->sides[i].heap_used + 7) / 8;
    }
}

void state_base(void)
{
    memcpy(&base, &world, sizeof base);
}

uint8_t *state_pack(size_t *bytes)
{
    static uint64_t packed[sizeof(struct world) / 8 * 2 + 2];
    const uint64_t *now = words_of(&world), *then = words_of(&base);
    uint32_t parts[3][2];
    size_t count = 0;
    uint8_t *out;
    parts_of(&world, parts);
    for (size_t i = 0; i < 3; i++) {
        for (uint32_t at = parts[i][0]; at < parts[i][1];) {
            struct run run = {at, 0};
            if (now[at] == then[at]) {
                at++;
                continue;
            }
            while (at < parts[i][1] && now[at] != then[at]) {
                packed[++count] = now[at++];
                run.count++;
            }
            memcpy(&packed[count - run.count], &run, sizeof run);
            count++;
        }
    }
    packed[count++] = 0;
    *bytes = count * 8;
    out = malloc(*bytes);
    if (out == NULL) {
        abort();
    }
    return memcpy(out, packed, *bytes);
}

void state_unpack(const uint8_t *packed_bytes)
{
    const uint64_t *packed = (const uint64_t *)(const void *)packed_bytes;
    uint64_t *now = words_of(&world), *then = words_of(&base);
    uint32_t parts[3][2];
    struct run run;
    parts_of(&world, parts);
    for (size_t i = 0; i < 3; i++) {
        memcpy(now + parts[i][0], then + parts[i][0], (parts[i][1] - parts[i][0]) * sizeof *now);
    }
    for (memcpy(&run, packed, sizeof run); run.count > 0; memcpy(&run, packed, sizeof run)) {
        memcpy(now + run.at, packed + 1, run.count * sizeof *now);
        packed += 1 + run.count;
    }
}
