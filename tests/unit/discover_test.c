/* SPDX-License-Identifier: MIT
 *
 * discover_test.c: peers that find each other on an air in memory, under virtual time: merged,
 * found once, lost late, dialled few at a time; and an air that lies and floods.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "discovery/memory/memory.h"
#include "discovery/static/static.h"
#include "protocol/service.h"
#include "session/discover.h"
#include "world.h"

enum { WATCHED_MAX = WORLD_ACTORS_MAX };

/* What one session was told of discovery. */
struct watched {
    unsigned count[KITH_DISCOVERY_CLOSED + 1];
    uint64_t number; /* of the last found */
    char instance[64], url[100], info[64], advertised[64], detail[128];
    size_t url_count, info_count;
    kith_err err;
    kith_discovery *close_at_found;
};

static struct world world;
static struct kith_memory_air air;
static const struct kith_discovery_driver *drivers[] = {&air.driver, &kith_static_driver, NULL};
static struct watched seen[WATCHED_MAX];
static struct actor *actors[WATCHED_MAX];

static void on_discovery(kith_session *session, kith_discovery *discovery,
                         const kith_discovery_event *event, void *user)
{
    struct watched *to = &seen[(struct actor *)user - world.actors];
    cr_assert_eq(event->size, sizeof *event);
    cr_assert_eq(event->tag, to);
    cr_assert_not_null(session);
    to->count[event->kind]++;
    cr_assert_eq(event->found != NULL,
                 event->kind >= KITH_DISCOVERY_FOUND && event->kind <= KITH_DISCOVERY_LOST);
    if (event->kind == KITH_DISCOVERY_DOWN) {
        to->err = event->err;
        snprintf(to->detail, sizeof to->detail, "%s", event->detail);
    }
    if (event->kind == KITH_DISCOVERY_ADVERTISED) {
        snprintf(to->advertised, sizeof to->advertised, "%s", event->instance);
    }
    if (event->found != NULL) {
        to->number = event->found->number;
        to->url_count = event->found->url_count;
        to->info_count = event->found->info_count;
        snprintf(to->instance, sizeof to->instance, "%s", event->found->instance);
        snprintf(to->url, sizeof to->url, "%s", to->url_count > 0 ? event->found->urls[0] : "");
        snprintf(to->info, sizeof to->info, "%s=%.*s",
                 to->info_count > 0 ? event->found->info[0].key : "",
                 to->info_count > 0 ? (int)event->found->info[0].value_bytes : 0,
                 to->info_count > 0 ? (const char *)event->found->info[0].value : "");
        if (to->close_at_found != NULL) {
            cr_assert_eq(kith_discovery_close(to->close_at_found), KITH_OK);
            to->close_at_found = NULL;
        }
    }
    cr_assert_not_null(discovery);
}

static void begin(uint64_t seed)
{
    memset(seen, 0, sizeof seen);
    world_open(&world, seed);
    world.hub.seed = seed;
    world.hub.has_addresses = 1;
    kith_memory_air_init(&air, &world.bench.env);
}

static struct actor *join(const kith_session_config *config)
{
    struct actor *actor = world_join(&world, config);
    actors[actor - world.actors] = actor;
    actor->session->discovery_drivers = drivers;
    actor->session->callbacks.on_discovery = on_discovery;
    return actor;
}

static struct watched *watched_of(const struct actor *actor)
{
    return &seen[actor - world.actors];
}

static kith_discovery *advertise(struct actor *actor, const char *instance)
{
    kith_advertise_options options = KITH_ADVERTISE_OPTIONS_INIT;
    kith_discovery *discovery = NULL;
    options.instance = instance;
    options.tag = watched_of(actor);
    cr_assert_eq(kith_advertise(actor->session, &options, &discovery), KITH_OK, "%s",
                 kith_detail());
    return discovery;
}

static kith_discovery *browse(struct actor *actor, kith_auto_connect auto_connect)
{
    kith_browse_options options = KITH_BROWSE_OPTIONS_INIT;
    kith_discovery *discovery = NULL;
    options.auto_connect = auto_connect;
    options.tag = watched_of(actor);
    cr_assert_eq(kith_browse(actor->session, &options, &discovery), KITH_OK, "%s", kith_detail());
    return discovery;
}

static void end(void)
{
    for (size_t i = 0; i < world.actor_count; i++) {
        if (world.actors[i].session != NULL) {
            cr_assert_eq(kith_session_close(world.actors[i].session, 0), KITH_OK);
        }
    }
    world_run(&world, 2 * KITH_LINK_CLOSE_MS);
    kith_memory_air_fini(&air);
    world_close(&world);
}

static void open_two(uint64_t seed)
{
    kith_session_config config = world_config("Ada");
    begin(seed);
    join(&config);
    config.display_name = "Bob";
    join(&config);
    actor_listen(actors[0]);
}

/* ---- names and texts --------------------------------------------------------------------------
 */

Test(discover, names_of_services)
{
    static const char *const good[] = {"a", "kith", "my-game", "x2", "2x", "abcdefghijklmno"};
    static const char *const bad[] = {"",         "-a", "a-",  "a--b", "12",
                                      "1-2",      "A",  "a_b", "a b",  "abcdefghijklmnop",
                                      "\xc3\xa4", "a.b"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert(kith_service_name_ok(good[i]), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not(kith_service_name_ok(bad[i]), "%s", bad[i]);
    }
}

Test(discover, labels_are_base32)
{
    /* RFC 4648 section 10 has "foobar" as MZXW6YTBOI; five bytes are eight letters. */
    char label[KITH_LABEL_BYTES];
    kith_label((const uint8_t *)"foobafooba", label);
    cr_assert_str_eq(label, "mzxw6ytbmzxw6ytb");
}

Test(discover, info_has_limits)
{
    static char value[300];
    kith_discovery_info info[40];
    uint8_t txt[KITH_TXT_BYTES_MAX];
    struct kith_txt read;
    memset(value, 'x', sizeof value);
    info[0] = (kith_discovery_info){"room", "blue", 4};
    info[1] = (kith_discovery_info){"empty", NULL, 0};
    cr_assert_eq(kith_info_check(info, 2), KITH_OK);
    cr_assert(kith_txt_read(txt, kith_txt_write("abcdefghijklmnop", "wss", info, 2, txt), &read));
    cr_assert_str_eq(read.tag, "abcdefghijklmnop");
    cr_assert_str_eq(read.scheme, "wss");
    cr_assert_eq(read.info_count, 2);
    cr_assert_eq(read.info[0].count, 9);
    cr_assert_eq(memcmp(read.info[0].bytes, "room=blue", 9), 0);
    info[1].key = "ROOM";
    cr_assert_eq(kith_info_check(info, 2), KITH_ERR_INVALID);
    info[1].key = "a=b";
    cr_assert_eq(kith_info_check(info, 2), KITH_ERR_INVALID);
    info[1].key = ".t";
    cr_assert_eq(kith_info_check(info, 2), KITH_ERR_INVALID);
    info[1].key = "";
    cr_assert_eq(kith_info_check(info, 2), KITH_ERR_INVALID);
    info[1].key = NULL;
    cr_assert_eq(kith_info_check(info, 2), KITH_ERR_INVALID);
    info[0] = (kith_discovery_info){"k", value, 253};
    cr_assert_eq(kith_info_check(info, 1), KITH_OK);
    info[0].value_bytes = 254;
    cr_assert_eq(kith_info_check(info, 1), KITH_ERR_TOO_BIG);
    info[0].value_bytes = SIZE_MAX;
    cr_assert_eq(kith_info_check(info, 1), KITH_ERR_TOO_BIG);
    info[0].value_bytes = 253;
    info[1] = (kith_discovery_info){"l", value, 141};
    cr_assert_eq(kith_info_check(info, 2), KITH_OK);
    cr_assert_leq(kith_txt_write("abcdefghijklmnop", "wss", info, 2, txt), sizeof txt);
    info[1].value_bytes = 142;
    cr_assert_eq(kith_info_check(info, 2), KITH_ERR_TOO_BIG);
    cr_assert_eq(kith_info_check(info, 40), KITH_ERR_INVALID);
}

/* Every byte of a record changed, and every shorter one: nothing is read beyond it, and what is
 * taken is what it should be. */
Test(discover, records_that_are_damaged)
{
    kith_discovery_info info = {"room", "blue", 4};
    uint8_t txt[KITH_TXT_BYTES_MAX];
    size_t length = kith_txt_write("abcdefghijklmnop", "wss", &info, 1, txt);
    for (size_t cut = 0; cut <= length; cut++) {
        uint8_t *exact = malloc(cut + (cut == 0));
        struct kith_txt read;
        cr_assert_not_null(exact);
        memcpy(exact, txt, cut);
        (void)kith_txt_read(exact, cut, &read);
        for (size_t i = 0; i < cut; i++) {
            for (unsigned value = 0; value < 256; value++) {
                uint8_t was = exact[i];
                exact[i] = (uint8_t)value;
                if (kith_txt_read(exact, cut, &read)) {
                    cr_assert_eq(strspn(read.tag, "abcdefghijklmnopqrstuvwxyz234567"), 16);
                }
                exact[i] = was;
            }
        }
        free(exact);
    }
}

/* ---- found, updated, lost ---------------------------------------------------------------------
 */

Test(discover, one_finds_the_other)
{
    kith_discovery *ad;
    kith_discovery_info info = {"room", "blue", 4};
    open_two(1);
    browse(actors[1], KITH_AUTO_CONNECT_OFF);
    world_run(&world, 1000);
    ad = advertise(actors[0], NULL);
    world_run(&world, 1000);
    cr_assert_eq(seen[0].count[KITH_DISCOVERY_ADVERTISED], 1);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 1);
    cr_assert_str_eq(seen[1].url, actors[0]->url);
    cr_assert_str_eq(seen[1].instance, seen[0].advertised);
    cr_assert_eq(seen[1].info_count, 0);
    cr_assert_null(strstr(seen[1].instance, "Ada"));

    cr_assert_eq(kith_advertise_update(ad, &info, 1), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_UPDATED], 1);
    cr_assert_str_eq(seen[1].info, "room=blue");

    cr_assert_eq(kith_discovery_close(ad), KITH_OK);
    world_run(&world, KITH_FOUND_LOST_MS - 100);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_LOST], 0);
    world_run(&world, 200);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_LOST], 1);
    cr_assert_eq(seen[0].count[KITH_DISCOVERY_CLOSED], 1);
    actor_expect(actors[1], 0, 0); /* nobody was dialled */
    end();
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_CLOSED], 1);
}

Test(discover, the_application_chooses)
{
    kith_discovery *browser;
    kith_dial *dial;
    open_two(1);
    browser = browse(actors[1], KITH_AUTO_CONNECT_OFF);
    advertise(actors[0], "Ada's desk");
    world_run(&world, 1000);
    cr_assert_str_eq(seen[1].instance, "Ada's desk");
    cr_assert_eq(kith_dial_found(browser, 77, NULL, &dial), KITH_ERR_NOT_FOUND);
    {
        kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
        options.tag = actors[1];
        cr_assert_eq(kith_dial_found(browser, seen[1].number, &options, &actors[1]->dial), KITH_OK);
    }
    world_run(&world, 1000);
    cr_assert_eq(actors[1]->count[ACTOR_DIAL_READY], 1);
    actor_expect(actors[0], 1, 1);
    end();
}

Test(discover, only_its_own_session)
{
    kith_session_config config = world_config("Cem");
    kith_browse_options options = KITH_BROWSE_OPTIONS_INIT;
    open_two(1);
    config.session_name = "elsewhere";
    join(&config);
    actor_listen(actors[2]);
    advertise(actors[2], NULL);
    browse(actors[1], KITH_AUTO_CONNECT_ON);
    world_run(&world, 1000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 0);
    options.all_sessions = 1;
    options.tag = &seen[0];
    cr_assert_eq(kith_browse(actors[0]->session, &options, NULL), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(seen[0].count[KITH_DISCOVERY_FOUND], 1);
    end();
}

/* Who does not have the key cannot look for the session. */
Test(discover, keys_are_changed_while_it_is_on_the_air)
{
    static const kith_key other = {"other", {9, 9, 9}, 16};
    kith_session_config config = world_secure_config("Ada");
    begin(1);
    join(&config);
    config.display_name = "Bob";
    join(&config);
    actor_listen(actors[0]);
    advertise(actors[0], NULL);
    cr_assert_eq(kith_session_remove_key(actors[1]->session, "memory"), KITH_OK);
    cr_assert_eq(kith_session_add_key(actors[1]->session, &other, KITH_KEY_DIAL), KITH_OK);
    browse(actors[1], KITH_AUTO_CONNECT_ON);
    world_run(&world, 5000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 0);
    cr_assert_eq(actors[1]->session->stats.links_dialled, 0);
    cr_assert_eq(kith_session_add_key(actors[0]->session, &other, 0), KITH_OK);
    world_run(&world, 5000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 1);
    actor_expect(actors[1], 1, 1);
    end();
}

Test(discover, names_that_are_taken)
{
    open_two(1);
    actor_listen(actors[1]);
    advertise(actors[0], "desk");
    advertise(actors[1], "desk");
    world_run(&world, 1000);
    cr_assert_str_eq(seen[0].advertised, "desk");
    cr_assert_str_eq(seen[1].advertised, "desk #2");
    end();
}

/* Two listeners are two records and one peer; without a listener there is nothing to say. */
Test(discover, ports_come_and_go)
{
    open_two(1);
    browse(actors[1], KITH_AUTO_CONNECT_OFF);
    cr_assert_eq(kith_listener_close(actors[0]->listener), KITH_OK);
    advertise(actors[0], NULL);
    world_run(&world, 1000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 0);
    actor_listen(actors[0]);
    world_run(&world, 1000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 1);
    cr_assert_eq(seen[1].url_count, 1);
    actor_listen(actors[0]);
    world_run(&world, 1000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 1);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_UPDATED], 1);
    cr_assert_eq(seen[1].url_count, 2);
    cr_assert_eq(kith_listener_close(actors[0]->listener), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(seen[1].url_count, 1);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_LOST], 0);
    end();
}

/* Tag and name change together; for a while both are there, then the old one goes. */
Test(discover, tags_change)
{
    char first[64];
    open_two(1);
    browse(actors[1], KITH_AUTO_CONNECT_ON);
    advertise(actors[0], NULL);
    world_run(&world, 1000);
    actor_expect(actors[1], 1, 1);
    strcpy(first, seen[0].advertised);
    world_run(&world, KITH_TAG_MS);
    cr_assert_str_neq(first, seen[0].advertised);
    cr_assert_eq(kith_memory_air_count(&air), 2);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 2);
    world_run(&world, KITH_TAG_OLD_MS + KITH_FOUND_LOST_MS + 1000);
    cr_assert_eq(kith_memory_air_count(&air), 1);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_LOST], 1);
    /* The new tag was dialled, and led to the peer that is there. */
    actor_expect(actors[1], 1, 1);
    cr_assert_eq(actors[1]->count[ACTOR_CONNECTED], 1);
    cr_assert_eq(actors[1]->count[ACTOR_DEPARTED], 0);
    end();
}

Test(discover, a_browser_that_closes_in_its_own_callback)
{
    kith_session_config config = world_config("Cem");
    open_two(1);
    join(&config);
    actor_listen(actors[2]);
    advertise(actors[0], NULL);
    advertise(actors[2], NULL);
    seen[1].close_at_found = browse(actors[1], KITH_AUTO_CONNECT_ON);
    world_run(&world, 5000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 1);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_CLOSED], 1);
    end();
}

/* ---- drivers that fail ------------------------------------------------------------------------
 */

Test(discover, an_air_that_is_not_there_yet)
{
    open_two(1);
    air.is_down = 1;
    browse(actors[1], KITH_AUTO_CONNECT_ON);
    advertise(actors[0], NULL);
    world_run(&world, 3 * KITH_FINDER_RETRY_MS);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_DOWN], 1);
    cr_assert_eq(seen[1].err, KITH_ERR_PERMISSION);
    cr_assert_str_not_empty(seen[1].detail);
    cr_assert_eq(seen[0].count[KITH_DISCOVERY_DOWN], 1);
    air.is_down = 0;
    world_run(&world, KITH_FINDER_RETRY_MS + 1000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_UP], 1);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 1);
    actor_expect(actors[1], 1, 1);
    kith_memory_air_fail(&air);
    world_run(&world, KITH_FINDER_RETRY_MS + 5000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_DOWN], 2);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_UP], 2);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_LOST], seen[1].count[KITH_DISCOVERY_FOUND] - 1);
    actor_expect(actors[1], 1, 1); /* lost is a hint */
    cr_assert_eq(actors[1]->count[ACTOR_DEPARTED], 0);
    end();
}

/* Each request for memory fails once: nothing leaks, nothing hangs, the session still closes. */
Test(discover, without_memory)
{
    for (uint64_t fail = 1; fail < 400; fail += bench_step()) {
        kith_advertise_options ad = KITH_ADVERTISE_OPTIONS_INIT;
        kith_browse_options look = KITH_BROWSE_OPTIONS_INIT;
        kith_discovery_info info = {"a", "b", 1};
        uint64_t before;
        open_two(fail);
        before = world.bench.requests;
        world.bench.fail_from = before + fail;
        ad.tag = &seen[0];
        ad.info = &info;
        ad.info_count = 1;
        look.tag = &seen[1];
        look.auto_connect = KITH_AUTO_CONNECT_ON;
        (void)!kith_advertise(actors[0]->session, &ad, NULL);
        (void)!kith_browse(actors[1]->session, &look, NULL);
        world_run(&world, 20000);
        world.bench.fail_from = 0;
        end();
    }
}

/* ---- meeting ----------------------------------------------------------------------------------
 */

static kith_discovery *ads[WATCHED_MAX];

static void meet_all(uint64_t seed, size_t count, uint64_t delay_us)
{
    kith_session_config config = world_config("x");
    begin(seed);
    world.hub.delay_us = delay_us;
    air.delay_us = delay_us * 3;
    for (size_t i = 0; i < count; i++) {
        join(&config);
        actor_listen(actors[i]);
        ads[i] = advertise(actors[i], NULL);
        browse(actors[i], KITH_AUTO_CONNECT_ON);
        if (seed % 2 == 0) {
            world_run(&world, 100);
        }
    }
}

Test(discover, everyone_meets)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t dialled = 0;
        meet_all(seed, 8, seed % 3 * 1000);
        world_run(&world, 8000);
        for (size_t i = 0; i < 8; i++) {
            actor_expect(actors[i], 7, 7);
            cr_assert_eq(actors[i]->count[ACTOR_CONNECTED], 7);
            cr_assert_eq(actors[i]->count[ACTOR_DEPARTED], 0);
            cr_assert_eq(seen[i].count[KITH_DISCOVERY_FOUND], 7);
            cr_assert_eq(actors[i]->count[ACTOR_DIAL_READY], 0, "the application has not dialled");
            cr_assert_eq(actors[i]->session->met_dials, 0);
            dialled += actors[i]->session->stats.links_dialled;
        }
        cr_assert_leq(dialled, 2 * 28, "%d dials for 28 pairs", (int)dialled);
        end();
    }
}

/* Its records stay, and it is dialled few times; then it comes back as somebody else. */
Test(discover, a_crash_leaves_records)
{
    uint64_t dialled;
    open_two(3);
    advertise(actors[0], NULL);
    browse(actors[1], KITH_AUTO_CONNECT_ON);
    world_run(&world, 3000);
    actor_expect(actors[1], 1, 1);
    air.is_silent = 1;
    world.hub.unreachable = 1;
    kith_memory_hub_cut(&world.hub);
    cr_assert_eq(kith_session_close(actors[0]->session, 0), KITH_OK);
    world_run(&world, 60000);
    dialled = actors[1]->session->stats.links_dialled;
    cr_assert_leq(dialled, 2 + KITH_MEET_TRIES_MAX);
    world_run(&world, 300000);
    cr_assert_eq(actors[1]->session->stats.links_dialled, dialled);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_LOST], 0);
    {
        kith_session_config config = world_config("Ada");
        world.hub.unreachable = 0;
        join(&config);
        actor_listen(actors[2]);
        advertise(actors[2], NULL);
    }
    world_run(&world, 5000);
    actor_expect(actors[1], 1, 1);
    end();
}

/* Whom this side has turned out is not dialled again, and does not dial. */
Test(discover, who_was_turned_out_stays_out)
{
    for (size_t by = 0; by < 2; by++) {
        uint64_t dialled;
        meet_all(2 + by, 2, 0);
        world_run(&world, 5000);
        actor_expect(actors[0], 1, 1);
        dialled = actors[0]->session->stats.links_dialled + actors[1]->session->stats.links_dialled;
        cr_assert_eq(kith_peer_disconnect(actors[by]->last->peer, "no"), KITH_OK);
        world_run(&world, 5000);
        for (size_t i = 0; i < 2; i++) { /* nor when there is something new to say */
            cr_assert_eq(kith_advertise_update(ads[i], &(kith_discovery_info){"news", "yes", 3}, 1),
                         KITH_OK);
        }
        world_run(&world, 60000);
        actor_expect(actors[0], 0, 0);
        cr_assert_eq(actors[0]->session->stats.links_dialled +
                         actors[1]->session->stats.links_dialled,
                     dialled);
        end();
    }
}

Test(discover, a_list_of_addresses)
{
    kith_browse_options options = KITH_BROWSE_OPTIONS_INIT;
    const char *urls[2] = {"mem://hub:9", NULL};
    open_two(1);
    urls[1] = actors[0]->url;
    options.urls = urls;
    options.url_count = 2;
    options.auto_connect = KITH_AUTO_CONNECT_ON;
    options.tag = &seen[1];
    cr_assert_eq(kith_browse(actors[1]->session, &options, NULL), KITH_OK);
    world_run(&world, 5000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 2);
    actor_expect(actors[1], 1, 1);
    options.urls = (const char *const[]){"mem://hub"};
    options.url_count = 1;
    cr_assert_eq(kith_browse(actors[1]->session, &options, NULL), KITH_ERR_ADDRESS);
    end();
}

Test(discover, what_cannot_be)
{
    kith_browse_options look = KITH_BROWSE_OPTIONS_INIT;
    kith_advertise_options ad = KITH_ADVERTISE_OPTIONS_INIT;
    kith_session_config config = world_config("Cem");
    kith_discovery *discovery;
    open_two(1);
    look.all_sessions = 1;
    look.auto_connect = KITH_AUTO_CONNECT_ON;
    cr_assert_eq(kith_browse(actors[0]->session, &look, NULL), KITH_ERR_CONFIG);
    look.all_sessions = 0;
    look.service = "No";
    cr_assert_eq(kith_browse(actors[0]->session, &look, NULL), KITH_ERR_INVALID);
    look.service = NULL;
    look.interfaces = "eth0,wl!an";
    cr_assert_eq(kith_browse(actors[0]->session, &look, NULL), KITH_ERR_INVALID);
    ad.instance = "a\nb";
    cr_assert_eq(kith_advertise(actors[0]->session, &ad, NULL), KITH_ERR_INVALID);
    config.role = KITH_ROLE_SERVER;
    join(&config);
    look.interfaces = NULL;
    cr_assert_eq(kith_browse(actors[2]->session, &look, NULL), KITH_ERR_CONFIG);
    discovery = browse(actors[0], KITH_AUTO_CONNECT_OFF);
    cr_assert_eq(kith_advertise_update(discovery, NULL, 0), KITH_ERR_STATE);
    cr_assert_eq(kith_discovery_close(discovery), KITH_OK);
    cr_assert_eq(kith_discovery_close(discovery), KITH_OK); /* until the turn ends */
    actors[0]->session->discovery_drivers = NULL;
    cr_assert_eq(kith_advertise(actors[0]->session, NULL, NULL), KITH_ERR_UNSUPPORTED);
    cr_assert_eq(kith_advertise(NULL, NULL, NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_discovery_close(NULL), KITH_ERR_INVALID);
    end();
}

/* ---- an air that lies -------------------------------------------------------------------------
 */

static struct kith_sighting fake(uint64_t number, const char *tag, uint8_t *txt)
{
    struct kith_sighting sighting = {.number = (1ull << 32) + number,
                                     .protocol = "tcp",
                                     .instance = "fake",
                                     .instance_bytes = 4,
                                     .host = "hub",
                                     .port = (uint16_t)(20000 + number % 40000),
                                     .is_near = 1,
                                     .txt = txt};
    sighting.txt_bytes = kith_txt_write(tag, "mem", NULL, 0, txt);
    return sighting;
}

static void tag_of(uint64_t number, char out[KITH_LABEL_BYTES])
{
    uint8_t bytes[10] = {0};
    memcpy(bytes, &number, sizeof number);
    kith_label(bytes, out);
}

/* Ten thousand who are not there: bounded memory, few dials at a time, and the true one is met. */
Test(discover, a_flood)
{
    uint8_t txt[KITH_TXT_BYTES_MAX];
    char tag[KITH_LABEL_BYTES];
    size_t before;
    open_two(1);
    browse(actors[1], KITH_AUTO_CONNECT_ON);
    world_run(&world, 100);
    before = world.bench.bytes;
    for (uint64_t i = 0; i < 10000; i++) {
        tag_of(i + 1, tag);
        struct kith_sighting sighting = fake(i, tag, txt);
        kith_memory_air_say(&air, &sighting);
        cr_assert_leq(actors[1]->session->met_dials, KITH_MEET_DIALS_MAX);
        cr_assert_lt(world.bench.bytes - before, 3u * KITH_MIB);
        if (i % 100 == 0) {
            world_run(&world, 20);
        }
    }
    cr_assert_lt(world.bench.bytes - before, 3u * KITH_MIB);
    world_run(&world, 60000);
    advertise(actors[0], NULL);
    world_run(&world, 10000);
    actor_expect(actors[1], 1, 1);
    end();
}

/* Addresses that a record may not name, names that drive terminals, records of others. */
Test(discover, records_that_lie)
{
    static const struct {
        const char *host;
        int is_here, is_near, is_taken;
    } cases[] = {
        {"127.0.0.1", 0, 1, 0}, {"127.0.0.1", 1, 0, 1},   {"::1", 0, 1, 0},
        {"10.0.0.1", 0, 0, 0},  {"10.0.0.1", 0, 1, 1},    {"8.8.8.8", 0, 0, 0},
        {"8.8.8.8", 0, 1, 1},   {"224.0.0.251", 0, 1, 0}, {"0.0.0.0", 1, 1, 0},
        {"fe80::1%3", 0, 0, 1}, {"fe80::1%lo", 1, 0, 0},  {"2001:db8::1", 0, 1, 1},
    };
    uint8_t txt[KITH_TXT_BYTES_MAX];
    char tag[KITH_LABEL_BYTES];
    size_t expected = 0;
    open_two(1);
    browse(actors[1], KITH_AUTO_CONNECT_OFF);
    world_run(&world, 100);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tag_of(i + 1, tag);
        struct kith_sighting sighting = fake(i, tag, txt);
        sighting.host = cases[i].host;
        sighting.is_here = cases[i].is_here;
        sighting.is_near = cases[i].is_near;
        sighting.instance = "a\x1b[2Jb\xff";
        sighting.instance_bytes = 7;
        expected += (size_t)cases[i].is_taken;
        kith_memory_air_say(&air, &sighting);
        world_run(&world, 1000);
        cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], expected, "%s", cases[i].host);
    }
    cr_assert_str_eq(seen[1].instance, "a?[2Jb?");
    {
        struct kith_sighting sighting = fake(99, "abcdefghijklmnop", txt);
        sighting.txt_bytes = 5; /* only .v=1 */
        kith_memory_air_say(&air, &sighting);
        sighting.txt_bytes = 0;
        kith_memory_air_say(&air, &sighting);
        sighting = fake(99, "abcdefghijklmnop", txt);
        sighting.port = 0;
        kith_memory_air_say(&air, &sighting);
        world_run(&world, 1000);
        cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], expected);
    }
    end();
}

/* A forged record with the tag of a true peer adds addresses that lead nowhere. */
Test(discover, a_borrowed_tag)
{
    uint8_t txt[KITH_TXT_BYTES_MAX];
    kith_discovery *ad;
    open_two(1);
    ad = advertise(actors[0], NULL);
    browse(actors[1], KITH_AUTO_CONNECT_ON);
    world_settle(&world);
    for (uint64_t i = 0; i < 10; i++) {
        struct kith_sighting sighting = fake(i, ad->now.tag, txt);
        kith_memory_air_say(&air, &sighting);
    }
    world_run(&world, 10000);
    actor_expect(actors[1], 1, 1);
    end();
}

/* Its own records, in whatever form they come back. */
Test(discover, never_oneself)
{
    uint8_t txt[KITH_TXT_BYTES_MAX];
    kith_discovery *ad;
    open_two(1);
    ad = advertise(actors[0], NULL);
    browse(actors[0], KITH_AUTO_CONNECT_ON);
    world_run(&world, 3000);
    {
        struct kith_sighting sighting = fake(1, ad->now.tag, txt);
        kith_memory_air_say(&air, &sighting);
    }
    world_run(&world, 3000);
    cr_assert_eq(seen[0].count[KITH_DISCOVERY_FOUND], 0);
    cr_assert_eq(actors[0]->session->stats.links_dialled, 0);
    end();
}

/* ---- resting, waking, trying again ------------------------------------------------------------
 */

Test(discover, who_rests_is_off_the_air)
{
    open_two(1);
    advertise(actors[0], NULL);
    browse(actors[1], KITH_AUTO_CONNECT_OFF);
    world_run(&world, 1000);
    cr_assert_eq(kith_session_suspend(actors[0]->session), KITH_OK);
    cr_assert_eq(kith_session_suspend(actors[1]->session), KITH_OK);
    advertise(actors[0], "second"); /* may be asked for, and waits */
    world_run(&world, 60000);
    cr_assert_eq(kith_memory_air_count(&air), 0);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_LOST], 0);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 1);
    cr_assert_eq(kith_session_wake(actors[0]->session), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(kith_memory_air_count(&air), 2);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 1);
    cr_assert_eq(kith_session_wake(actors[1]->session), KITH_OK);
    world_run(&world, KITH_FOUND_LOST_MS - 100);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 3); /* by a new tag, and the second */
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_LOST], 0);
    world_run(&world, 1000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_LOST], 1);
    cr_assert_eq(seen[0].count[KITH_DISCOVERY_DOWN] + seen[1].count[KITH_DISCOVERY_DOWN], 0);
    end();
}

/* Who is still there when it wakes is no news; nobody is dialled while it rests. */
Test(discover, a_rest_is_not_noticed)
{
    open_two(1);
    browse(actors[1], KITH_AUTO_CONNECT_ON);
    cr_assert_eq(kith_session_suspend(actors[1]->session), KITH_OK);
    advertise(actors[0], NULL);
    world_run(&world, 60000);
    cr_assert_eq(actors[1]->session->stats.links_dialled, 0);
    cr_assert_eq(kith_session_wake(actors[1]->session), KITH_OK);
    world_run(&world, 1000);
    actor_expect(actors[1], 1, 1);
    cr_assert_eq(kith_session_suspend(actors[1]->session), KITH_OK);
    world_run(&world, 20000);
    cr_assert_eq(kith_session_wake(actors[1]->session), KITH_OK);
    world_run(&world, 20000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 1);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_UPDATED], 0);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_LOST], 0);
    cr_assert_eq(actors[1]->session->stats.links_dialled, 1);
    end();
}

/* Who rests while the new tag stands beside the old one: neither is left, and tags change on. */
Test(discover, a_rest_between_two_tags)
{
    char first[64];
    open_two(1);
    advertise(actors[0], NULL);
    world_run(&world, KITH_TAG_MS + 1000);
    cr_assert_eq(kith_memory_air_count(&air), 2);
    cr_assert_eq(kith_session_suspend(actors[0]->session), KITH_OK);
    world_run(&world, KITH_TAG_MS);
    cr_assert_eq(kith_memory_air_count(&air), 0);
    cr_assert_eq(kith_session_wake(actors[0]->session), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(kith_memory_air_count(&air), 1);
    strcpy(first, seen[0].advertised);
    world_run(&world, KITH_TAG_MS);
    cr_assert_str_neq(first, seen[0].advertised);
    end();
}

Test(discover, trying_again_is_at_once)
{
    uint64_t dialled;
    open_two(3);
    world.hub.unreachable = 1;
    air.is_down = 1;
    advertise(actors[0], NULL);
    browse(actors[1], KITH_AUTO_CONNECT_ON);
    world_run(&world, 1000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_DOWN], 1);
    air.is_down = 0;
    cr_assert_eq(kith_retry(actors[0]->session), KITH_OK);
    cr_assert_eq(kith_retry(actors[1]->session), KITH_OK);
    world_run(&world, 1000);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_UP], 1);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_FOUND], 1);
    cr_assert_eq(air.refresh_count, 0); /* it was opened just now */

    world_run(&world, 60000); /* given up for a while */
    dialled = actors[1]->session->stats.links_dialled;
    world_run(&world, 60000);
    cr_assert_eq(actors[1]->session->stats.links_dialled, dialled);
    world.hub.unreachable = 0;
    cr_assert_eq(kith_retry(actors[1]->session), KITH_OK);
    world_run(&world, 2000);
    actor_expect(actors[1], 1, 1);
    cr_assert_eq(air.refresh_count, 1);
    end();
}

/* The loop tells that the network changed, or that time stood still. */
Test(discover, another_network)
{
    open_two(1);
    advertise(actors[0], NULL);
    browse(actors[1], KITH_AUTO_CONNECT_ON);
    world_run(&world, 1000);
    kith_session_network(actors[0]->session, KITH_NETWORK_DUE_LOOK | KITH_NETWORK_DUE_TELL);
    world_run(&world, 1000);
    cr_assert_eq(air.refresh_count, 1);
    kith_session_network(actors[1]->session, KITH_NETWORK_DUE_WAKE | KITH_NETWORK_DUE_TELL_WOKE);
    world_run(&world, 5000);
    cr_assert_eq(air.refresh_count, 2);
    cr_assert_eq(seen[1].count[KITH_DISCOVERY_UPDATED], 0);
    actor_expect(actors[1], 1, 1);
    end();
}

/* ---- two stacks -------------------------------------------------------------------------------
 */

/* The system's is used while it is there, Kith's own else, and nobody hears of the change. */
Test(discover, the_systems_stack_goes_and_comes)
{
    static struct kith_memory_air system_air;
    static const struct kith_discovery_driver *two[] = {&air.driver, &system_air.driver, NULL};
    kith_advertise_options ad = KITH_ADVERTISE_OPTIONS_INIT;
    open_two(1);
    kith_memory_air_init(&system_air, &world.bench.env);
    system_air.driver.flags |= KITH_DISCOVERY_SYSTEM;
    actors[0]->session->discovery_drivers = two;
    ad.stack = KITH_STACK_SYSTEM;
    ad.tag = &seen[0];
    cr_assert_eq(kith_advertise(actors[0]->session, &ad, NULL), KITH_OK);
    ad.stack = (kith_stack)2;
    cr_assert_eq(kith_advertise(actors[0]->session, &ad, NULL), KITH_ERR_INVALID);
    world_run(&world, 1000);
    cr_assert_eq(kith_memory_air_count(&system_air), 1);
    cr_assert_eq(kith_memory_air_count(&air), 0);

    system_air.is_down = 1;
    kith_memory_air_fail(&system_air);
    world_run(&world, 1000);
    cr_assert_eq(kith_memory_air_count(&system_air), 0);
    cr_assert_eq(kith_memory_air_count(&air), 1);
    world_run(&world, 3 * KITH_FINDER_BETTER_MS);
    cr_assert_eq(kith_memory_air_count(&air), 1);

    system_air.is_down = 0;
    world_run(&world, KITH_FINDER_BETTER_MS + 1000);
    cr_assert_eq(kith_memory_air_count(&system_air), 1);
    cr_assert_eq(kith_memory_air_count(&air), 0);
    cr_assert_eq(seen[0].count[KITH_DISCOVERY_DOWN], 0);

    air.is_down = system_air.is_down = 1; /* both are gone */
    kith_memory_air_fail(&system_air);
    world_run(&world, 1000);
    cr_assert_eq(seen[0].count[KITH_DISCOVERY_DOWN], 1);
    system_air.is_down = 0;
    world_run(&world, KITH_FINDER_RETRY_MS);
    cr_assert_eq(seen[0].count[KITH_DISCOVERY_UP], 1);
    cr_assert_eq(kith_memory_air_count(&system_air), 1);
    end();
    kith_memory_air_fini(&system_air);
}
