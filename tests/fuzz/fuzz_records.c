/* SPDX-License-Identifier: MIT
 *
 * fuzz_records.c: fuzzes discovery: an air that says anything, takes it back, fails and comes
 * again, while two sessions advertise, browse and meet on it. What is told is well-formed and in
 * order (found, updated, lost); tables are bounded and their counts right; the session closes.
 *
 * Input: steps: what (1), and what it needs: say() below.
 */
#include "tests/fuzz/fuzz.h"

#include "base/err.h"
#include "base/url.h"
#include "base/wire.h"
#include "discovery/memory/memory.h"
#include "session/discover.h"
#include "tests/unit/world.h"

enum { NUMBERS = 64, TOLD_MAX = 4096, STEPS_MAX = 400 };

static struct world world;
static struct kith_memory_air air;
static struct kith_reader script;
static struct actor *actors[2];
static kith_discovery *ad, *browser;
static uint8_t told[TOLD_MAX]; /* by number: 1 is there, 2 was lost */

static uint64_t number(size_t bytes)
{
    return kith_read_uint(&script, bytes);
}

/* ---- what must hold ---------------------------------------------------------------------------
 */

static void check_found(const kith_found *found)
{
    MUST(kith_text_ok(found->instance, strlen(found->instance), 0, KITH_NAME_BYTES_MAX));
    MUST(found->url_count <= KITH_SIGHTINGS_PER_PEER_MAX);
    for (size_t i = 0; i < found->url_count; i++) {
        struct kith_url url;
        MUST(kith_url_parse(found->urls[i], &url) == KITH_OK && url.port != 0);
        for (size_t j = 0; j < i; j++) {
            MUST(strcmp(found->urls[i], found->urls[j]) != 0);
        }
    }
    MUST(found->info_count <= KITH_INFO_PAIRS_MAX);
    for (size_t i = 0; i < found->info_count; i++) {
        const uint8_t *value = found->info[i].value;
        uint8_t sum = 0;
        MUST(kith_text_ok(found->info[i].key, strlen(found->info[i].key), 1, 255));
        MUST(found->info[i].key[0] != '.' && found->info[i].value_bytes < 255);
        for (size_t j = 0; j < found->info[i].value_bytes; j++) {
            sum ^= value[j]; /* a sanitizer looks on */
        }
        (void)sum;
    }
}

static void on_discovery(kith_session *session, kith_discovery *discovery,
                         const kith_discovery_event *event, void *user)
{
    (void)session;
    (void)user;
    if (event->found == NULL) {
        MUST(event->kind < KITH_DISCOVERY_FOUND || event->kind > KITH_DISCOVERY_LOST);
        return;
    }
    check_found(event->found);
    MUST(event->found->url_count > 0 || event->kind == KITH_DISCOVERY_LOST);
    if (discovery == browser && event->found->number < TOLD_MAX) {
        uint8_t *state = &told[event->found->number];
        MUST(*state == (event->kind != KITH_DISCOVERY_FOUND));
        *state = event->kind == KITH_DISCOVERY_LOST ? 2 : 1;
    }
}

static void check(void)
{
    size_t found_count = 0, seen_count = 0, dial_count = 0;
    if (browser == NULL) {
        return;
    }
    for (struct kith_node *at = browser->found.next; at != &browser->found; at = at->next) {
        const struct kith_found_peer *found = KITH_CONTAINER(at, struct kith_found_peer, node);
        size_t count = 0;
        for (struct kith_node *one = found->seen.next; one != &found->seen; one = one->next) {
            count++;
        }
        MUST(count == found->seen_count && count <= KITH_SIGHTINGS_PER_PEER_MAX);
        MUST(count > 0 || found->due_us != KITH_TIME_NEVER);
        MUST(strcmp(found->tag, ad == NULL ? "" : ad->now.tag) != 0 ||
             ad->session != browser->session);
        found_count++;
        seen_count += count;
        dial_count += found->dial_count;
    }
    MUST(found_count == browser->found_count && found_count <= KITH_FOUND_MAX + 64);
    MUST(seen_count == browser->sighting_count && seen_count <= KITH_SIGHTINGS_MAX);
    MUST(dial_count <= browser->session->met_dials &&
         browser->session->met_dials <= KITH_MEET_DIALS_MAX);
}

/* ---- steps ------------------------------------------------------------------------------------
 */

/* Which number (1), whose tag (1), at which address (1), flags (1), port (1), a name (1 and bytes),
 * a whole record or what stands behind a right beginning (1 and bytes). */
static void say(void)
{
    static const char *const hosts[] = {"hub",   "127.0.0.1", "10.0.0.1",    "fe80::1%eth0",
                                        "::1",   "224.0.0.1", "2001:db8::1", "8.8.8.8",
                                        "a%b%c", "",          "x y"};
    static const char *const schemes[] = {"mem", "wss", "mem", "nothing9"};
    struct kith_sighting sighting = {.number = (1ull << 32) + number(1) % NUMBERS,
                                     .protocol = "tcp"};
    uint64_t whose = number(1), flags;
    uint8_t bytes[10] = {(uint8_t)whose}, txt[2 * KITH_TXT_BYTES_MAX];
    char tag[KITH_LABEL_BYTES];
    uint8_t *instance, *record;
    size_t length = 0, more;
    sighting.host = hosts[number(1) % (sizeof hosts / sizeof hosts[0])];
    flags = number(1);
    sighting.port = (uint16_t)number(1);
    sighting.is_here = flags & 1;
    sighting.is_near = flags >> 1 & 1;
    kith_label(bytes, tag);
    if (whose == 255 && ad != NULL && ad->now.tag[0] != '\0') {
        strcpy(tag, ad->now.tag);
    }
    more = number(1);
    more = more < script.left ? more : script.left;
    instance = fuzz_copy(script.at, more);
    (void)kith_read_bytes(&script, more);
    sighting.instance = instance;
    sighting.instance_bytes = more;
    if ((flags & 8) == 0) {
        length = kith_txt_write(tag, schemes[flags >> 4 & 3], NULL, 0, txt);
    }
    more = number(1) * 8;
    more = more < script.left ? more : script.left;
    memcpy(txt + length, script.at, more);
    (void)kith_read_bytes(&script, more);
    record = fuzz_copy(txt, length + more);
    sighting.txt = record;
    sighting.txt_bytes = length + more;
    kith_memory_air_say(&air, &sighting);
    free(record);
    free(instance);
}

static void open_browser(void)
{
    kith_browse_options options = KITH_BROWSE_OPTIONS_INIT;
    memset(told, 0, sizeof told);
    options.auto_connect = KITH_AUTO_CONNECT_ON;
    MUST(kith_browse(actors[0]->session, &options, &browser) == KITH_OK);
}

static void step(void)
{
    uint64_t n;
    switch (number(1) % 10) {
    case 0:
    case 1:
    case 2:
    case 3:
        say();
        break;
    case 4:
        kith_memory_air_unsay(&air, (1ull << 32) + number(1) % NUMBERS);
        break;
    case 5:
        world_run(&world, number(2));
        break;
    case 6:
        air.is_down = (int)number(1) & 1;
        kith_memory_air_fail(&air);
        break;
    case 7:
        n = number(1);
        MUST(kith_discovery_close(browser) == KITH_OK);
        browser = NULL;
        world_run(&world, n);
        open_browser();
        break;
    case 8:
        n = number(1);
        MUST(kith_advertise_update(ad, &(kith_discovery_info){"n", &n, 1}, n & 1) == KITH_OK);
        break;
    default:
        air.delay_us = number(1) * 1000;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const struct kith_discovery_driver *drivers[] = {&air.driver, NULL};
    kith_session_config config = world_config("x");
    script = kith_reader_of(bytes, count);
    world_open(&world, 1);
    kith_memory_air_init(&air, &world.bench.env);
    for (size_t i = 0; i < 2; i++) {
        actors[i] = world_join(&world, &config);
        actors[i]->session->discovery_drivers = drivers;
        actors[i]->session->callbacks.on_discovery = on_discovery;
        actor_listen(actors[i]);
    }
    MUST(kith_advertise(actors[0]->session, NULL, &ad) == KITH_OK);
    MUST(kith_advertise(actors[1]->session, NULL, NULL) == KITH_OK);
    open_browser();
    for (size_t steps = 0; script.left > 0 && steps < STEPS_MAX; steps++) {
        step();
        check();
    }
    air.is_down = 0;
    for (size_t i = 0; i < 2; i++) {
        MUST(kith_session_close(actors[i]->session, 0) == KITH_OK);
    }
    browser = ad = NULL;
    world_run(&world, 5000);
    kith_memory_air_fini(&air);
    world_close(&world);
    return 0;
}
