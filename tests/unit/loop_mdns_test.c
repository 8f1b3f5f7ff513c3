/* SPDX-License-Identifier: MIT
 *
 * loop_mdns_test.c: sessions that make themselves known by multicast DNS, over the loopback
 * interface: what only real answers from another one bring about. The rest of discovery has a
 * driver without a network (discover_test.c).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "party.h"

struct speaker {
    kith_session *session;
    unsigned listening, advertised, down, closed;
    char instance[64], detail[256];
};

static kith_loop *loop;
static kith_key group;
static char service[16]; /* nobody else's on this machine */

static void on_listener(kith_session *session, kith_listener *listener,
                        const kith_listener_event *event, void *user)
{
    struct speaker *speaker = user;
    (void)session, (void)listener;
    speaker->listening += event->kind == KITH_LISTENER_READY;
}

static void on_discovery(kith_session *session, kith_discovery *discovery,
                         const kith_discovery_event *event, void *user)
{
    struct speaker *speaker = user;
    (void)session, (void)discovery;
    speaker->advertised += event->kind == KITH_DISCOVERY_ADVERTISED;
    speaker->down += event->kind == KITH_DISCOVERY_DOWN;
    snprintf(speaker->instance, sizeof speaker->instance, "%s", event->instance);
    snprintf(speaker->detail, sizeof speaker->detail, "%s", event->detail);
}

static void on_closed(kith_session *session, void *user)
{
    (void)session;
    ((struct speaker *)user)->closed++;
}

/* 0: this build does not speak multicast DNS. */
static int speak(struct speaker *speaker, const char *instance)
{
    const kith_callbacks callbacks = {.size = sizeof callbacks,
                                      .on_listener = on_listener,
                                      .on_discovery = on_discovery,
                                      .on_closed = on_closed};
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    kith_advertise_options options = KITH_ADVERTISE_OPTIONS_INIT;
    kith_listener *listener;
    kith_discovery *discovery;
    kith_err err;
    memset(speaker, 0, sizeof *speaker);
    config.display_name = "speaker";
    config.session_name = "mdns";
    config.security = KITH_SECURITY_PSK;
    cr_assert_eq(kith_session_open(loop, &config, &callbacks, speaker, &speaker->session), KITH_OK,
                 "%s", kith_detail());
    cr_assert_eq(kith_session_add_key(speaker->session, &group, KITH_KEY_DIAL), KITH_OK);
    cr_assert_eq(kith_listen(speaker->session, "any://127.0.0.1:0", NULL, &listener), KITH_OK);
    options.service = service;
    options.instance = instance;
    options.interfaces = "lo";
    err = kith_advertise(speaker->session, &options, &discovery);
    if (err != KITH_ERR_UNSUPPORTED) {
        cr_assert_eq(err, KITH_OK, "%s", kith_detail());
        party_until(loop, &speaker->advertised, 1);
        cr_assert_eq(speaker->down, 0, "%s", speaker->detail);
    }
    return err == KITH_OK;
}

static void begin(void)
{
    loop = party_loop();
    cr_assert_eq(kith_key_generate(&group), KITH_OK);
    snprintf(service, sizeof service, "t%02x%02x%02x%02x%02x", group.bytes[0], group.bytes[1],
             group.bytes[2], group.bytes[3], group.bytes[4]);
}

static void end(void)
{
    party_loop_free(&loop);
}

TestSuite(loop_mdns, .init = begin, .fini = end);

/* RFC 6762 §9: whoever comes second takes another name, and says so; the first one keeps its own.
 */
Test(loop_mdns, a_name_that_is_taken)
{
    static struct speaker first, second, third; /* freeing the loop still tells them */
    if (!speak(&first, "Reading room")) {
        return;
    }
    cr_assert_str_eq(first.instance, "Reading room");
    cr_assert(speak(&second, "Reading room"));
    cr_assert_str_eq(second.instance, "Reading room #2");
    cr_assert(speak(&third, "Reading room"));
    cr_assert_str_eq(third.instance, "Reading room #3");
    cr_assert_eq(first.advertised, 1, "nor is the first one renamed: %s", first.instance);
    cr_assert_eq(kith_session_close(second.session, 0), KITH_OK);
    party_until(loop, &second.closed, 1);
}
