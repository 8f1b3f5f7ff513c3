/* SPDX-License-Identifier: MIT
 *
 * book.c: the applications of both sides, and what they must and must not see: each message once
 * and in order, from one partner alone, one CONNECTED until DEPARTED, a fate that is true. It must
 * not look at anything that an application could not know, but for the partner's own book.
 */
#include <string.h>

#include "explore.h"

static int side_of(const struct side *side)
{
    return (int)(side - world.sides);
}

static struct speaker *known(struct side *side, struct kith_peer *peer)
{
    struct speaker *speaker = peer->user;
    CHECK(speaker != NULL && speaker->peer == peer, "%c: news of a peer that is not there",
          'A' + side_of(side));
    return speaker;
}

static struct speaker *new_speaker(struct side *side, struct kith_peer *peer)
{
    struct speaker *speaker = &side->speakers[side->speaker_count];
    CHECK(side->speaker_count < SPEAKERS_MAX, "it connects again and again");
    for (size_t i = 0; i < side->speaker_count; i++) {
        const struct speaker *other = &side->speakers[i];
        CHECK(other->peer == NULL || !kith_id_equal(&other->peer->id, &peer->id),
              "%c: CONNECTED, and it was not DEPARTED", 'A' + side_of(side));
    }
    side->speaker_count++;
    speaker->peer = peer;
    peer->user = speaker;
    return speaker;
}

static void on_peer(kith_session *session, kith_peer *peer, kith_peer_state state,
                    kith_reason reason, const char *text, void *user)
{
    struct side *side = user;
    struct speaker *speaker = state == KITH_PEER_CONNECTED && peer->user == NULL
                                  ? new_speaker(side, peer)
                                  : known(side, peer);
    char name = (char)('A' + side_of(side));
    (void)session, (void)text;
    CHECK(speaker->state != state, "%c: is told the same twice", name);
    CHECK(state != KITH_PEER_INTERRUPTED || speaker->state == KITH_PEER_CONNECTED,
          "%c: INTERRUPTED, and was not connected", name);
    speaker->state = (uint8_t)state;
    if (state == KITH_PEER_DEPARTED) {
        CHECK(reason != KITH_REASON_PROTOCOL && reason != KITH_REASON_INTERNAL,
              "%c: DEPARTED with %s", name, kith_reason_name(reason));
        CHECK(world.is_ending || world.forgets + world.kicks + world.crashes > 0,
              "%c: DEPARTED with %s, and nobody left", name, kith_reason_name(reason));
        CHECK(speaker->settled == speaker->sent, "%c: DEPARTED, and a message has no fate", name);
        speaker->peer = NULL;
        peer->user = NULL;
    }
}

static void on_message(kith_session *session, kith_peer *peer, const kith_message *message,
                       void *user)
{
    struct side *side = user;
    struct speaker *speaker = known(side, peer), *partner;
    const uint8_t *bytes = message->data;
    char name = (char)('A' + side_of(side));
    (void)session;
    CHECK(message->data_bytes == 2 && bytes[0] >= 1 && bytes[0] <= SPEAKERS_MAX,
          "%c: a message that nobody sent", name);
    CHECK(speaker->partner == 0 || speaker->partner == bytes[0],
          "%c: a message of another conversation", name);
    CHECK(bytes[1] >= speaker->heard, "%c: a message comes twice", name);
    CHECK(bytes[1] == speaker->heard, "%c: a message was left out", name);
    speaker->partner = bytes[0];
    speaker->heard++;
    partner = &world.sides[1 - side_of(side)].speakers[bytes[0] - 1];
    CHECK(bytes[1] < partner->sent, "%c: a message that was not sent", name);
    CHECK(partner->fate[bytes[1]] != KITH_FATE_UNSENT, "%c: a message comes that is UNSENT", name);
    partner->arrived[bytes[1]] = 1;
}

static void on_fate(kith_session *session, kith_peer *peer, uint64_t ticket, kith_fate fate,
                    void *user)
{
    struct side *side = user;
    struct speaker *speaker = known(side, peer);
    char name = (char)('A' + side_of(side));
    (void)session;
    CHECK(ticket >= 1 && ticket <= speaker->sent && speaker->fate[ticket - 1] == 0,
          "%c: a fate that nobody waits for", name);
    CHECK(fate != KITH_FATE_DELIVERED || speaker->arrived[ticket - 1],
          "%c: DELIVERED, and it was not", name);
    CHECK(fate != KITH_FATE_UNSENT || !speaker->arrived[ticket - 1], "%c: UNSENT, and it was",
          name);
    speaker->fate[ticket - 1] = (uint8_t)fate;
    speaker->settled++;
}

const kith_callbacks book_callbacks = {
    .size = sizeof book_callbacks,
    .on_peer = on_peer,
    .on_message = on_message,
    .on_fate = on_fate,
};

struct speaker *book_speaker(int which)
{
    struct side *side = &world.sides[which];
    for (size_t i = side->speaker_count; i > 0; i--) {
        struct speaker *speaker = &side->speakers[i - 1];
        if (speaker->peer != NULL && speaker->sent < MESSAGES_MAX) {
            return speaker;
        }
    }
    return NULL;
}

void book_send(int which)
{
    struct side *side = &world.sides[which];
    struct speaker *speaker = book_speaker(which);
    uint8_t bytes[2] = {(uint8_t)(speaker - side->speakers + 1), speaker->sent};
    speaker->sent++;
    side->sent++;
    CHECK(kith_peer_put(speaker->peer, 0, bytes, sizeof bytes, speaker->sent) == KITH_OK,
          "%c: a message is refused", 'A' + which);
    wire_turn(which);
}
