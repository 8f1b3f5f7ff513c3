/* SPDX-License-Identifier: MIT
 *
 * invite_test.c: invitations as text, and following them: several addresses that are one dial.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "world.h"

static struct world world;
static struct actor *ada, *bob;
static char text[KITH_INVITATION_BYTES];

static void open_pair(uint64_t seed)
{
    kith_session_config config = world_config("x");
    config.resume_window_ms = 0;
    config.session_name = "family & friends/ä?";
    world_open(&world, seed);
    world.hub.seed = seed;
    ada = world_join(&world, &config);
    bob = world_join(&world, &config);
    actor_listen(ada);
    cr_assert_eq(kith_session_invite(ada->session, text), KITH_OK, "%s", kith_detail());
}

static uint32_t crc32_of(const char *bytes, size_t count)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < count; i++) {
        crc ^= (uint8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
        }
    }
    return ~crc;
}

/* With the addresses given, and a sum that is right. */
static void write_with(const char *addresses)
{
    char id[37];
    kith_id_format(&ada->session->id, id);
    snprintf(text, sizeof text, "kith:family%%20%%26%%20friends/%%C3%%A4%%3F?id=%s&security=none%s",
             id, addresses);
    snprintf(text + strlen(text), 20, "&sum=%08x", (unsigned)crc32_of(text, strlen(text)));
}

static kith_err follow(uint32_t give_up_ms)
{
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    options.tag = bob;
    options.give_up_ms = give_up_ms;
    return kith_dial_invitation(bob->session, text, &options, &bob->dial);
}

Test(invite, text_and_back)
{
    kith_invitation_info info = {.size = sizeof info};
    char line[KITH_INVITATION_BYTES + 4];
    open_pair(1);
    cr_assert_eq(strncmp(text, "kith:family%20%26%20friends/%C3%A4%3F?id=", 40), 0, "%s", text);
    snprintf(line, sizeof line, "%s \r\n", text);
    cr_assert_eq(kith_invitation_parse(line, &info), KITH_OK, "%s", kith_detail());
    cr_assert_str_eq(info.session_name, "family & friends/ä?");
    cr_assert_eq(info.security, KITH_SECURITY_NONE);
    cr_assert(kith_id_equal(&info.id, &ada->session->id));
    cr_assert_eq(info.endpoint_count, 1);
    cr_assert_str_eq(info.endpoints[0], ada->url);
    world_close(&world);
}

Test(invite, one_that_listens_nowhere)
{
    open_pair(1);
    cr_assert_eq(kith_session_invite(bob->session, text), KITH_ERR_STATE);
    cr_assert_eq(kith_session_invite(bob->session, NULL), KITH_ERR_INVALID);
    world_close(&world);
}

/* Any byte changed, any end: never taken for another invitation. */
Test(invite, damaged)
{
    kith_invitation_info info = {.size = sizeof info};
    char copy[KITH_INVITATION_BYTES];
    open_pair(1);
    for (size_t i = 0; i < strlen(text); i++) {
        strcpy(copy, text);
        copy[i] ^= 1;
        cr_assert_eq(kith_invitation_parse(copy, &info), KITH_ERR_ADDRESS, "%zu", i);
        strcpy(copy, text);
        copy[i] = '\0';
        cr_assert_eq(kith_invitation_parse(copy, &info), KITH_ERR_ADDRESS, "%zu", i);
    }
    cr_assert_eq(kith_invitation_parse(NULL, &info), KITH_ERR_INVALID);
    cr_assert_eq(kith_invitation_parse(text, NULL), KITH_ERR_INVALID);
    info.size--;
    cr_assert_eq(kith_invitation_parse(text, &info), KITH_ERR_INVALID);
    world_close(&world);
}

Test(invite, whole_but_wrong)
{
    static const char *const wrong[] = {
        "",                          /* no address */
        "&at=mem",                   /* none that can be read */
        "&at=mem%3A//hub%3A0",       /* port 0 */
        "&at=mem://*:1",             /* everywhere is nowhere */
        "&at=mem://224.0.0.1:1",     /* multicast */
        "&at=mem://hub:1%00",        /* a NUL */
        "&at=mem://hub:1%4",         /* half a code */
        "&at=mem://hub:1&id=nobody", /* another id that is none */
        "&at=mem://hub:1&security=rot13",
    };
    kith_invitation_info info = {.size = sizeof info};
    open_pair(1);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_with(wrong[i]);
        cr_assert_eq(kith_invitation_parse(text, &info), KITH_ERR_ADDRESS, "%s", wrong[i]);
    }
    write_with(
        "&at=mem://hub:1&colour=blue&at=mem://hub:2&at=mem://hub:3&at=mem://hub:4&at=mem://hub:5");
    cr_assert_eq(kith_invitation_parse(text, &info), KITH_OK, "%s", kith_detail());
    cr_assert_eq(info.endpoint_count, KITH_INVITATION_ENDPOINTS_MAX);
    world_close(&world);
}

Test(invite, of_another_session)
{
    kith_session_config config = world_config("x");
    struct actor *cyd;
    open_pair(1);
    cyd = world_join(&world, &config);
    cr_assert_eq(kith_dial_invitation(cyd->session, text, NULL, NULL), KITH_ERR_CONFIG);
    cr_assert_eq(kith_dial_invitation(ada->session, text, NULL, NULL), KITH_ERR_INVALID, "its own");
    cr_assert_eq(kith_dial_invitation(bob->session, "kith:", NULL, NULL), KITH_ERR_ADDRESS);
    cr_assert_eq(kith_dial_invitation(bob->session, NULL, NULL, NULL), KITH_ERR_INVALID);
    write_with("&at=nosuch://hub:1");
    cr_assert_neq(kith_dial_invitation(bob->session, text, NULL, NULL), KITH_OK);
    world_close(&world);
}

Test(invite, following_it)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        char addresses[256];
        open_pair(seed);
        /* Nobody at one, no such transport at the next; the order differs. */
        snprintf(addresses, sizeof addresses,
                 seed % 2 ? "&at=mem://hub:99&at=nosuch://hub:1&at=%s&at=%s"
                          : "&at=nosuch://hub:1&at=%s&at=mem://hub:99&at=%s",
                 ada->url, ada->url);
        write_with(addresses);
        cr_assert_eq(follow(0), KITH_OK, "%s", kith_detail());
        world_run(&world, 3000);
        cr_assert_eq(bob->count[ACTOR_DIAL_READY], 1);
        cr_assert_eq(bob->count[ACTOR_CONNECTED], 1);
        cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 0);
        actor_expect(bob, 1, 1);
        /* It comes back by any of them. */
        cr_assert_eq(actor_say(bob, bob->last, 0, 100, 1), KITH_OK);
        kith_memory_hub_cut(&world.hub);
        world_run(&world, 3000);
        cr_assert_eq(bob->fate_count[KITH_FATE_DELIVERED], 1);
        cr_assert_eq(bob->count[ACTOR_DEPARTED], 0);
        actor_expect(bob, 1, 1);
        if (seed % 4 < 2) {
            cr_assert_eq(kith_dial_cancel(bob->dial), KITH_OK);
            world_settle(&world);
            cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1);
            cr_assert_eq(bob->session->dial_count, 0);
            cr_assert_eq(bob->count[ACTOR_DEPARTED], 0);
        } else {
            cr_assert_eq(kith_peer_disconnect(ada->last->peer, "bye"), KITH_OK);
            world_run(&world, 100);
            cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1);
            cr_assert_eq(bob->dial_reason, KITH_REASON_KICKED);
            cr_assert_eq(bob->session->dial_count, 0);
        }
        world_close(&world);
    }
}

Test(invite, nobody_anywhere)
{
    open_pair(1);
    write_with("&at=mem://hub:98&at=mem://hub:99");
    cr_assert_eq(follow(4000), KITH_OK);
    world_run(&world, 3000);
    cr_assert_gt(bob->count[ACTOR_DIAL_WAITING], 1);
    world_run(&world, 2000);
    cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_REFUSED);
    cr_assert_eq(bob->session->dial_count, 0);
    world_close(&world);
}

/* Somebody else listens there now. */
Test(invite, another_than_the_invited_one)
{
    kith_session_config config = world_config("x");
    struct actor *cyd;
    char addresses[256];
    open_pair(1);
    config.session_name = "family & friends/ä?";
    cyd = world_join(&world, &config);
    actor_listen(cyd);
    snprintf(addresses, sizeof addresses, "&at=%s&at=%s", cyd->url, cyd->url);
    write_with(addresses);
    cr_assert_eq(follow(0), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(bob->count[ACTOR_DIAL_FAILED], 1);
    cr_assert_eq(bob->dial_reason, KITH_REASON_AUTH);
    cr_assert_eq(bob->count[ACTOR_CONNECTED], 0);
    world_close(&world);
}

Test(invite, cancelled_at_once)
{
    open_pair(1);
    write_with("&at=mem://hub:98&at=mem://hub:99");
    cr_assert_eq(follow(0), KITH_OK);
    cr_assert_eq(kith_dial_cancel(bob->dial), KITH_OK);
    world_settle(&world);
    cr_assert_eq(bob->count[ACTOR_DIAL_CLOSED], 1);
    cr_assert_eq(bob->session->dial_count, 0);
    world_close(&world);
}
