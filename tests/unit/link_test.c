/* SPDX-License-Identifier: MIT
 *
 * link_test.c: a session against an authenticated peer that breaks the rules on a link in use, asks
 * too much, or falls silent; and strangers who hold links without proving anything.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/wire.h"
#include "protocol/frame.h"
#include "stranger.h"

static struct world world;
static struct strangers strangers;
static struct stranger eve;
static struct actor *ada;

static void open_world(const kith_session_config *config)
{
    world_open(&world, 1);
    strangers_open(&strangers, &world);
    ada = world_join(&world, config);
    cr_assert_eq(kith_listen(ada->session, "raw://*:1", ada, &ada->listener), KITH_OK);
    world_settle(&world);
}

/* A stranger whose link is in use. */
static void open_shaken(void)
{
    kith_session_config config = world_config("Ada");
    open_world(&config);
    stranger_make(&eve, &strangers, ada, 1);
    cr_assert(stranger_connect(&eve));
    stranger_shake(&eve);
    cr_assert_eq(ada->count[ACTOR_CONNECTED], 1);
}

static void close_world(void)
{
    stranger_end(&eve);
    world_close(&world);
}

static void expect_departure(kith_reason reason)
{
    kith_reason have = stranger_expect_end(&eve);
    cr_assert_eq(have, reason, "%s, not %s", kith_reason_name(have), kith_reason_name(reason));
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    cr_assert_eq(ada->last->reason, reason);
    close_world();
}

/* ---- DATA -------------------------------------------------------------------------------------
 */

/* Records as world.c expects them: message 0 of channel 0 is one byte 0, and so on. */
Test(link, data_in_frames_of_one_byte)
{
    open_shaken();
    stranger_data(&eve, 0, 0, "\x02", 1);
    cr_assert_eq(ada->count[ACTOR_MESSAGE], 0);
    stranger_data(&eve, 0, 1, "\x00", 1);
    stranger_data(&eve, 0, 2, "\x0d", 1);
    cr_assert_eq(ada->count[ACTOR_MESSAGE], 1);
    cr_assert_eq(ada->largest_came, 2);
    close_world();
}

Test(link, data_that_was_received_already)
{
    open_shaken();
    stranger_data(&eve, 0, 0, "\x01\x00", 2);
    stranger_data(&eve, 0, 0, "\x01\x00", 2);
    stranger_data(&eve, 0, 0, "\x01\x00\x01\x07", 4);
    stranger_data(&eve, 0, 1, "\x00\x01", 2);
    cr_assert_eq(ada->count[ACTOR_MESSAGE], 2);
    cr_assert(!eve.was_closed);
    close_world();
}

Test(link, data_with_a_gap)
{
    open_shaken();
    stranger_data(&eve, 0, 1, "x", 1);
    expect_departure(KITH_REASON_PROTOCOL);
}

Test(link, data_of_an_unknown_lane)
{
    open_shaken();
    stranger_data(&eve, 8, 0, "x", 1);
    expect_departure(KITH_REASON_PROTOCOL);
}

Test(link, data_that_ends_a_channel)
{
    open_shaken();
    stranger_say(&eve, "\x10\x03\x00\x00\x01", 5);
    expect_departure(KITH_REASON_PROTOCOL);
}

Test(link, data_with_unknown_flags)
{
    open_shaken();
    stranger_say(&eve, "\x10\x03\x00\x00\x02", 5);
    expect_departure(KITH_REASON_PROTOCOL);
}

Test(link, a_message_larger_than_allowed)
{
    open_shaken();
    stranger_data(&eve, 0, 0, "\x80\x40\x00\x01", 4); /* 4 MiB and one byte */
    expect_departure(KITH_REASON_PROTOCOL);
}

Test(link, data_beyond_the_limit)
{
    static uint8_t bytes[65536];
    uint64_t offset = 0;
    open_shaken();
    memset(bytes, 0, sizeof bytes);
    stranger_data(&eve, 0, 0, "\x80\x3f\xff\xff", 4);
    /* One that is not large enough for a grant of its own, but is never finished: 16 windows of
     * records cannot all be granted, and nobody waited for CREDIT. */
    for (uint64_t lane = 1; lane < 8; lane++) {
        stranger_data(&eve, lane, 0, "\x80\x3f\xff\xff", 4);
    }
    for (offset = 4; !eve.was_closed && offset < (UINT64_C(1) << 23); offset += sizeof bytes) {
        stranger_data(&eve, 7, offset, bytes, sizeof bytes);
    }
    /* A window is 1 MiB at the default budget; the frame that crosses it is the last. */
    cr_assert_leq(offset, (1 << 20) + 4, "%d bytes were taken", (int)offset);
    expect_departure(KITH_REASON_PROTOCOL);
}

/* Eight lengths cost nothing but what comes with them. */
Test(link, headers_allocate_nothing)
{
    size_t before;
    open_shaken();
    before = world.bench.bytes;
    world.bench.peak_bytes = before;
    for (uint64_t lane = 0; lane < 8; lane++) {
        stranger_data(&eve, lane, 0, "\x80\x3f\xff\xff\x00", 5);
    }
    cr_assert_leq(world.bench.peak_bytes - before, 8 * 4096 + 8192, "%zu",
                  world.bench.peak_bytes - before);
    close_world();
}

/* ---- CREDIT -----------------------------------------------------------------------------------
 */

static void send_credit(uint64_t lane, uint64_t received, uint64_t consumed, uint64_t limit)
{
    const struct kith_credit credit = {lane, received, consumed, limit};
    uint8_t body[KITH_CREDIT_BYTES_MAX];
    stranger_frame(&eve, KITH_FRAME_CREDIT, body, kith_credit_encode(&credit, body));
}

Test(link, credit_settles)
{
    open_shaken();
    cr_assert_eq(actor_say(ada, ada->last, 2, 9, 1), KITH_OK); /* 10 bytes of lane 2 */
    stranger_hear(&eve);
    send_credit(2, 9, 9, 1 << 20);
    cr_assert_eq(ada->fates[1], 0);
    send_credit(2, 10, 0, 1 << 20);
    cr_assert_eq(ada->fates[1], 0);
    send_credit(2, 10, 10, 1 << 20);
    cr_assert_eq(ada->fates[1], KITH_FATE_DELIVERED);
    send_credit(2, 4, 4, 100); /* older news */
    cr_assert(!eve.was_closed);
    close_world();
}

Test(link, credit_for_what_was_never_sent)
{
    open_shaken();
    cr_assert_eq(actor_say(ada, ada->last, 2, 9, 1), KITH_OK);
    /* Queued, but no byte of it was pulled. */
    send_credit(2, 1, 0, 1 << 20);
    cr_assert_eq(ada->fates[1], KITH_FATE_UNSENT);
    expect_departure(KITH_REASON_PROTOCOL);
}

Test(link, credit_that_contradicts_itself)
{
    for (int i = 0; i < 3; i++) {
        open_shaken();
        cr_assert_eq(actor_say(ada, ada->last, 2, 9, 1), KITH_OK);
        stranger_hear(&eve);
        send_credit(i == 2 ? 8 : 2, 5, i == 0 ? 6 : 5, i == 1 ? 4 : 1 << 20);
        expect_departure(KITH_REASON_PROTOCOL);
    }
}

/* A limit bounds what is sent, to the byte. */
Test(link, nothing_is_sent_beyond_the_limit)
{
    open_shaken();
    cr_assert_eq(actor_say(ada, ada->last, 2, 1 << 20, 1), KITH_OK);
    stranger_hear(&eve);
    send_credit(2, 1 << 20, 0, (1 << 20) + 3);
    stranger_hear(&eve);
    send_credit(2, (1 << 20) + 3, 0, (1 << 20) + 3);
    cr_assert(!eve.was_closed);
    send_credit(2, (1 << 20) + 4, 0, (1 << 20) + 4);
    expect_departure(KITH_REASON_PROTOCOL);
}

/* What a peer has received but never takes costs memory too, and its channel comes to a halt. */
Test(link, receipts_count_as_memory)
{
    uint64_t sent = 0;
    size_t before;
    open_shaken();
    before = world.bench.bytes;
    for (int i = 0; i < 1000000; i++) {
        kith_send_options options = KITH_SEND_OPTIONS_INIT;
        options.ticket = 1;
        if (kith_send(ada->last->peer, 0, "", 0, &options) == KITH_ERR_AGAIN) {
            break;
        }
        sent++;
        if (sent % 1000 == 0) {
            stranger_hear(&eve);
            eve.heard_count = eve.read_count = 0;
            send_credit(0, sent, 0, sent + 1000000);
            world_run(&world, 1000);
        }
    }
    cr_assert(!eve.was_closed);
    cr_assert_leq(world.bench.bytes - before, 17u << 20, "%zu bytes for %d receipts",
                  world.bench.bytes - before, (int)sent);
    /* The fates of tickets that the world did not hand out are not looked at. */
    ada->session->callbacks.on_fate = NULL;
    close_world();
}

/* ---- frames that move nothing -----------------------------------------------------------------
 */

static unsigned frames_until_closed(const char *bytes, size_t count)
{
    for (unsigned i = 1; i < 3000; i++) {
        stranger_say(&eve, bytes, count);
        stranger_hear(&eve);
        if (eve.was_closed) {
            return i;
        }
    }
    return 0;
}

static void expect_rate(const char *frame, size_t count, unsigned allowed)
{
    unsigned frames;
    open_shaken();
    world_run(&world, 1000); /* a new second */
    for (unsigned second = 0; second < 3; second++) {
        for (unsigned i = 0; i < allowed - 1; i++) {
            stranger_say(&eve, frame, count);
            stranger_hear(&eve);
        }
        cr_assert(!eve.was_closed, "within what is allowed");
        world_run(&world, 1000);
    }
    frames = frames_until_closed(frame, count);
    cr_assert(frames >= allowed && frames <= allowed + 2, "after %u", frames);
    expect_departure(KITH_REASON_PROTOCOL);
}

Test(link, pings_have_a_rate)
{
    expect_rate("\x1a\x08pingping", 10, KITH_PING_PER_S_MAX);
}

Test(link, pongs_have_a_rate)
{
    expect_rate("\x1c\x08pongpong", 10, KITH_IDLE_FRAMES_PER_S_MAX);
}

Test(link, skipped_frames_have_a_rate)
{
    expect_rate("\x23\x02xx", 4, KITH_IDLE_FRAMES_PER_S_MAX);
    expect_rate("\x60\x21\x00", 3, KITH_IDLE_FRAMES_PER_S_MAX);
}

Test(link, empty_data_has_a_rate)
{
    expect_rate("\x10\x03\x00\x00\x00", 5, KITH_IDLE_FRAMES_PER_S_MAX);
}

/* Bytes known already move nothing either, however many they are. */
Test(link, repeated_data_has_a_rate)
{
    open_shaken();
    stranger_data(&eve, 0, 0, "\x01\x00", 2);
    world_run(&world, 1000);
    cr_assert_neq(frames_until_closed("\x10\x05\x00\x00\x00\x01\x00", 7), 0,
                  "3000 frames in a second that moved nothing");
    close_world();
}

/* A large frame that comes once more comes in as many parts as the network makes of it. */
Test(link, parts_of_repeated_data_count_once)
{
    static uint8_t record[8192], frame[sizeof record + 16];
    struct kith_writer to = kith_writer_of(record, sizeof record);
    open_shaken();
    kith_write_varint(&to, 4 * sizeof record); /* the beginning of a message */
    stranger_data(&eve, 0, 0, record, sizeof record);
    world_run(&world, 1000);
    to = kith_writer_of(frame, sizeof frame);
    kith_write_data_head(&to, 0, 0, 0, sizeof record);
    kith_write_bytes(&to, record, sizeof record);
    for (size_t i = 0; i < kith_written(&to); i++) {
        stranger_say(&eve, frame + i, 1);
    }
    world_run(&world, 1000);
    cr_assert(!eve.was_closed);
    close_world();
}

Test(link, credit_without_news_has_a_rate)
{
    expect_rate("\x12\x04\x00\x00\x00\x00", 6, KITH_IDLE_FRAMES_PER_S_MAX);
}

Test(link, late_adopts_have_a_rate)
{
    /* A generation that is not above the last one: ignored, but not for nothing. */
    open_shaken();
    world_run(&world, 1000);
    cr_assert_neq(frames_until_closed("\x08\x05\x01\x01\x01\x08\x00", 7), 0,
                  "3000 frames in a second that moved nothing");
    close_world();
}

Test(link, pings_that_nobody_reads_the_answers_of)
{
    open_shaken();
    stranger_hear(&eve);
    for (unsigned second = 0; second < 1000 && !eve.was_closed; second++) {
        for (unsigned i = 0; i < KITH_PING_PER_S_MAX; i++) {
            stranger_say(&eve, "\x1a\x08pingping", 10);
        }
        world_run(&world, 1000);
    }
    cr_assert(eve.was_closed);
    cr_assert_eq(ada->last->reason, KITH_REASON_PROTOCOL);
    close_world();
}

/* The same by one who reads, but never to the end. */
Test(link, control_frames_stay_bounded_for_a_slow_reader)
{
    uint8_t few[256];
    size_t before;
    open_shaken();
    stranger_hear(&eve);
    for (unsigned i = 0; i < 40; i++) {
        stranger_say(&eve, "\x1a\x08pingping", 10);
    }
    before = world.bench.bytes;
    for (unsigned second = 0; second < 5000 && !eve.was_closed; second++) {
        world_run(&world, 1000);
        for (unsigned i = 0; i < 25; i++) {
            stranger_say(&eve, "\x1a\x08pingping", 10);
        }
        cr_assert_eq(kith_up_pull(eve.link, few, 250), 250);
    }
    cr_assert_leq(world.bench.bytes - before, 2 * KITH_CONTROL_BYTES_MAX, "%zu",
                  world.bench.bytes - before);
    close_world();
}

Test(link, ping_is_answered)
{
    const uint8_t *body;
    size_t length;
    open_shaken();
    stranger_frame(&eve, KITH_FRAME_PING, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    cr_assert(stranger_find(&eve, KITH_FRAME_PONG, &body, &length));
    cr_assert_arr_eq(body, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    close_world();
}

Test(link, unknown_odd_frames_are_skipped_whole)
{
    static uint8_t junk[70000];
    uint8_t head[16];
    struct kith_writer to = kith_writer_of(head, sizeof head);
    open_shaken();
    memset(junk, 0x10, sizeof junk);
    kith_write_varint(&to, 0x123457);
    kith_write_varint(&to, 10 * sizeof junk);
    stranger_say(&eve, head, kith_written(&to));
    for (int i = 0; i < 10; i++) {
        stranger_say(&eve, junk, sizeof junk);
    }
    stranger_data(&eve, 0, 0, "\x01\x00", 2);
    cr_assert_eq(ada->count[ACTOR_MESSAGE], 1);
    cr_assert_eq(ada->session->stats.frames_ignored, 1);
    close_world();
}

/* ---- CLOSE ------------------------------------------------------------------------------------
 */

/* PROTOCOL.md section 6: those that are never sent, and unknown ones, count as lost. */
Test(link, reasons_in_close)
{
    for (unsigned code = 0; code < 70; code += code < 25 ? 1 : 13) {
        uint8_t body[KITH_CLOSE_BODY_BYTES_MAX];
        int is_ours = code == 0 || code == 2 || code == 16 || (code >= 18 && code <= 21);
        kith_reason expected =
            is_ours || code >= KITH_REASON_COUNT ? KITH_REASON_LOST : (kith_reason)code;
        open_shaken();
        stranger_frame(&eve, KITH_FRAME_CLOSE, body, kith_close_encode(code, "so", body));
        cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
        cr_assert_eq(ada->last->reason, expected, "%u came as %s", code,
                     kith_reason_name(ada->last->reason));
        cr_assert_str_eq(ada->last->text, "so");
        cr_assert(eve.was_closed);
        close_world();
    }
}

Test(link, the_text_of_close_is_made_printable)
{
    open_shaken();
    stranger_frame(&eve, KITH_FRAME_CLOSE,
                   "\x05"
                   "a\n\x1b[2Jb\xc2\x9b"
                   "c\xff",
                   12);
    cr_assert_str_eq(ada->last->text, "a??[2Jb?c?");
    close_world();
}

Test(link, a_close_that_cannot_be_read)
{
    open_shaken();
    stranger_frame(&eve, KITH_FRAME_CLOSE, "\x45", 1);
    expect_departure(KITH_REASON_PROTOCOL);
}

/* "The last frame of its sender; the receiver sends nothing more." */
Test(link, nothing_is_sent_after_their_close)
{
    size_t before;
    open_shaken();
    stranger_hear(&eve);
    before = eve.heard_count;
    cr_assert_eq(actor_say(ada, ada->last, 0, 10, 1), KITH_OK);
    stranger_say(&eve, "\x1a\x08pingping\x18\x01\x01", 13);
    cr_assert_eq(eve.heard_count, before, "%zu bytes more", eve.heard_count - before);
    cr_assert_eq(ada->last->reason, KITH_REASON_LEFT);
    close_world();
}

Test(link, nothing_is_taken_after_their_close)
{
    open_shaken();
    stranger_say(&eve, "\x18\x01\x01\x10\x05\x00\x00\x00\x01\x00", 10);
    cr_assert_eq(ada->count[ACTOR_MESSAGE], 0);
    close_world();
}

Test(link, a_closing_link_that_hangs_is_cut)
{
    open_shaken();
    strangers.keeps_closing = 1;
    cr_assert_eq(kith_session_close(ada->session, 0), KITH_OK);
    world_run(&world, KITH_LINK_CLOSE_MS - 10);
    cr_assert_eq(ada->count[ACTOR_CLOSED], 0);
    cr_assert_eq(ada->count[ACTOR_DEPARTED], 1);
    world_run(&world, 20);
    cr_assert_eq(ada->count[ACTOR_CLOSED], 1);
    close_world();
}
