/* SPDX-License-Identifier: MIT
 *
 * lane.h: one reliable ordered byte sequence between two peers, as its sender (tx) and as its
 * receiver (rx) see it. A message is a record on it: length (varint), bytes. Pure; knows no link:
 * that is why it can outlive one.
 *
 * Invariants
 *   tx      consumed <= received <= highest <= end; sent <= highest; sent <= limit; a record is
 *           freed when it is received by the other side, released by the transport and behind the
 *           cursor, not before. received may be above sent after a link was replaced: what the
 * other side got over the old one is sent again, and skipped there rx      consumed <= received <=
 * limit; limit never goes back shares  the sum over lanes of (limit - consumed) never exceeds the
 * receive budget (asserted at every grant)
 */
#ifndef KITH_PROTOCOL_LANE_H
#define KITH_PROTOCOL_LANE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/list.h"
#include "protocol/adopt.h"

/* A block of bytes that several records may share: encoded and copied once, or lent by the
 * application. */
struct kith_payload {
    struct kith_env *env;
    size_t references, count;
    const uint8_t *bytes;
    void (*free_fn)(void *user,
                    const void *bytes); /* NULL: the bytes are copied, behind this struct */
    void *user;
    struct kith_deferred release; /* the last reference goes at the end of the turn */
    atomic_size_t *reservation;   /* NULL, or where `reserved` is taken off when it is freed */
    size_t reserved;
    uint8_t copy[];
};

/* A copy of bytes, or with free_fn the bytes themselves, with one reference; NULL without memory.
 */
struct kith_payload *kith_payload_new(struct kith_env *env, const void *bytes, size_t count,
                                      void (*free_fn)(void *user, const void *bytes), void *user);
/* The last one frees it, and gives lent bytes back. */
void kith_payload_unref(struct kith_payload *payload);
/* Likewise, but not before the end of the turn. */
void kith_payload_unref_later(struct kith_payload *payload);
/* Ends a payload that nobody took: the caller keeps lent bytes. */
void kith_payload_disown(struct kith_payload *payload);

/* ---- sending ----------------------------------------------------------------------------------
 */

/* Bytes of memory that all lanes to one peer may hold. Half is split evenly among the channels and
 * is always theirs; half is for whoever needs it, so that one full channel does not stop the
 * others. */
struct kith_send_share {
    size_t own_max;            /* of each lane */
    size_t common_max, common; /* limit and use of the rest */
};

struct kith_record;
struct kith_receipt;

struct kith_lane_tx {
    struct kith_env *env;
    struct kith_send_share *share;
    struct kith_node records;           /* queued or not yet confirmed as received, in order */
    struct kith_node receipts;          /* tickets not yet settled, in order */
    struct kith_record *next;           /* the record that `sent` lies in, NULL = all sent */
    uint64_t end;                       /* offset behind the last record */
    uint64_t sent, highest;             /* cursor; the furthest it ever was */
    uint64_t released;                  /* the transport reads nothing below it any more */
    uint64_t received, consumed, limit; /* what the other side told */
    uint64_t blocked, blocked_step;     /* the last limit it was told we stand at; see _blocked() */
    size_t held_bytes;                  /* memory of the records */
    size_t refused_bytes; /* not 0: the last one was refused for room, and wants to hear of it */
};

/* Shares out budget_bytes for sending. */
void kith_send_share_init(struct kith_send_share *share, uint64_t budget_bytes);

void kith_lane_tx_init(struct kith_lane_tx *lane, struct kith_env *env,
                       struct kith_send_share *share);
void kith_lane_tx_fini(struct kith_lane_tx *lane);

/* Queues a copy of a message. AGAIN (remembered for kith_lane_tx_writable()), NOMEM. */
kith_err kith_lane_tx_put(struct kith_lane_tx *lane, const void *bytes, size_t count,
                          uint64_t ticket);

/* Likewise, but shares a payload instead of copying: takes a reference on KITH_OK. */
kith_err kith_lane_tx_share(struct kith_lane_tx *lane, struct kith_payload *payload,
                            uint64_t ticket);

/* A message that is ready for a lane. Another thread makes it, while it can still be refused for
 * want of memory; putting it in cannot fail. */
struct kith_outgoing {
    struct kith_record *record;
    struct kith_receipt *receipt; /* NULL: no ticket */
};

/* The caller's reference to payload becomes the message's when it is put in. NOMEM. @thread any */
kith_err kith_outgoing_make(struct kith_env *env, struct kith_payload *payload, uint64_t ticket,
                            struct kith_outgoing *out);
/* Ends one that no lane took; the payload stays the caller's. */
void kith_outgoing_free(struct kith_env *env, struct kith_outgoing *outgoing);
/* Queues it, and empties *outgoing. Its room was reserved elsewhere: it is taken even where the
 * lane is full. */
void kith_lane_tx_append(struct kith_lane_tx *lane, struct kith_outgoing *outgoing);

/* Bytes that may be sent now. */
uint64_t kith_lane_tx_ready(const struct kith_lane_tx *lane);

/* Copies up to room of them to out, moves the cursor, gives how many. */
size_t kith_lane_tx_take(struct kith_lane_tx *lane, uint8_t *out, size_t room);

/* Lends up to room of them in at most slice_max slices; gives how many bytes, and in *slice_count
 * how many slices. */
size_t kith_lane_tx_peek(const struct kith_lane_tx *lane, struct kith_slice *slices,
                         size_t slice_max, size_t room, size_t *slice_count);
/* The first count of the bytes last lent are on their way: moves the cursor. They stay lent. */
void kith_lane_tx_took(struct kith_lane_tx *lane, size_t count);
/* The transport reads nothing below upto any more. 0 when that was never sent. */
int kith_lane_tx_release(struct kith_lane_tx *lane, uint64_t upto);
/* Likewise all that was ever lent. */
void kith_lane_tx_take_back(struct kith_lane_tx *lane);

/* 1 and *limit when the other side should hear that there is more than it allows: once for a limit,
 * and the further the lane has come the more seldom, as it is a hint to widen the window. */
int kith_lane_tx_blocked(struct kith_lane_tx *lane, uint64_t *limit);

/* What the other side told. 0 when it claims what was never sent (the caller ends the link). Older
 * news than known is fine. settled(user, ticket) for each message now consumed. */
int kith_lane_tx_credit(struct kith_lane_tx *lane, const struct kith_credit *credit,
                        void (*settled)(void *user, uint64_t ticket), void *user);

/* Another link is used from now on, and the transport of the old one reads nothing any more: takes
 * the other side's table, and goes back to what it has. 0 when it claims what was never sent. */
int kith_lane_tx_resume(struct kith_lane_tx *lane, const struct kith_credit *credit,
                        void (*settled)(void *user, uint64_t ticket), void *user);

/* 1 when a put that was refused would fit now; forgets the refusal. */
int kith_lane_tx_writable(struct kith_lane_tx *lane);

/* Takes out the next ticket that is not settled: 1 and *ticket, *unsent (not a byte of it left), or
 * 0. */
int kith_lane_tx_next_ticket(struct kith_lane_tx *lane, uint64_t *ticket, int *unsent);

/* ---- receiving --------------------------------------------------------------------------------
 */

/* What windows of all peers of a session may have beyond their first size. */
struct kith_window_pool {
    uint64_t free;
};

/* What a peer may make us hold, in three fixed parts:
 *   a quarter  first windows, one for each lane, always granted
 *   a quarter  wider windows, for lanes whose sender says that it is blocked; not taken back
 *              before the association ends, hence never taken from the third part
 *   a half     messages that do not fit a window: granted whole or not at all, by priority, then
 *              first come first served (one half granted could wait for ever for another) */
struct kith_receive_share {
    uint64_t budget, promised;      /* promised: sum of limit - consumed */
    uint64_t window;                /* a lane's first */
    uint64_t wider_free, wider_max; /* of the second part; most for one lane */
    struct kith_window_pool *pool;
    uint64_t records_free;
    struct kith_node waiting; /* lanes that want a grant */
};

/* A message that the application keeps: it counts as received and not yet consumed, and with it all
 * that came later on its lane. */
struct kith_held {
    struct kith_node node;
    struct kith_lane_rx *lane; /* NULL once the association ended */
    void *owner;               /* the peer's business */
    uint64_t start, granted;
    int released;
    uint8_t *bytes;
    size_t count;
    void *(*realloc)(void *user, void *block, size_t bytes);
    void *realloc_user;
};

struct kith_lane_rx {
    struct kith_env *env;
    struct kith_receive_share *share;
    struct kith_node wait_node;
    unsigned priority; /* of its large messages among those that wait for a grant */
    uint64_t window;
    uint64_t gauge_limit, gauge_received, gauge_us; /* when the window was last looked at */
    uint64_t rate; /* what came, bytes a millisecond, when the window was last widened */
    uint64_t received, consumed, limit;
    uint64_t delivered;     /* end of the last message handed out; consumed unless some are held */
    struct kith_node held;  /* in order */
    size_t held_count;      /* of them, those given back out of order included */
    struct kith_held *now;  /* the message being handed out was held */
    const uint8_t *current; /* it, while it is */
    uint64_t granted;       /* from share->records for the message under way */
    uint8_t head[8];        /* the length varint, when it comes in pieces */
    size_t head_count;
    int in_record;
    uint64_t record_end; /* offset */
    size_t record_bytes, body_count, body_room;
    uint8_t *body; /* a message that came in pieces */
    uint32_t max_message_bytes;
    struct kith_credit announced; /* what the sender knows */
};

/* pool outlives the share, and is given back to with the second call, when every lane is ended. */
void kith_receive_share_init(struct kith_receive_share *share, uint64_t budget_bytes,
                             struct kith_window_pool *pool);
void kith_receive_share_fini(struct kith_receive_share *share);

void kith_lane_rx_init(struct kith_lane_rx *lane, struct kith_env *env,
                       struct kith_receive_share *share, uint32_t max_message_bytes,
                       unsigned priority);
void kith_lane_rx_fini(struct kith_lane_rx *lane);

enum kith_lane_verdict {
    KITH_LANE_OK = 0,
    KITH_LANE_VIOLATION, /* a gap, beyond the limit, or a message too large: the sender broke the
                            rules */
    KITH_LANE_NOMEM,
    KITH_LANE_STOPPED /* message() gave not 0 */
};

/* Bytes that came at offset; those known already are skipped. message(user, bytes, count) for each
 * whole message; it is consumed when that returns 0. */
enum kith_lane_verdict
kith_lane_rx_data(struct kith_lane_rx *lane, uint64_t offset, const uint8_t *bytes, size_t count,
                  int (*message)(void *user, const uint8_t *bytes, size_t count), void *user);

/* Where the next bytes, which begin at offset and of which so many come, belong: their number there,
 * 0 where they had better come as they are. Read there and given to kith_lane_rx_data() next they
 * need no copy; until then nothing else may be done with the lane. */
size_t kith_lane_rx_place(struct kith_lane_rx *lane, uint64_t offset, uint64_t count,
                          uint8_t **place);

/* Inside message(): keeps that message beyond its return. NULL without memory, or when it is held
 * already. */
struct kith_held *kith_lane_rx_hold(struct kith_lane_rx *lane);

/* Gives a held message back, in any order. The sender hears of it once all before it are back as
 * well. 1 when there is news for it. */
int kith_held_free(struct kith_held *held);

/* The sender stood at limit and had more. Widens the window where the application keeps up, there
 * is memory for it, and the window is less than what comes in two round trips: more would only let
 * urgent messages wait behind others. rtt_us 0: not known. 0 when that limit was never granted. */
int kith_lane_rx_blocked(struct kith_lane_rx *lane, uint64_t limit, uint32_t rtt_us);

/* 1 when the sender should hear news of this lane: *credit has them, and they count as announced.
 * `lane->announced.lane` is the lane's id. */
int kith_lane_rx_news(struct kith_lane_rx *lane, struct kith_credit *credit);

#endif
