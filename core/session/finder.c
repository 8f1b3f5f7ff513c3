/* SPDX-License-Identifier: MIT
 *
 * finder.c: the drivers of discovery that a session uses: chosen, opened, closed while it rests,
 * opened again when they failed, and asked to begin anew when the network changed. Says nothing of
 * services and knows no peer: what its users have on the air and look for is theirs (discover.c).
 * Pure.
 *
 * Where the system's stack is preferred and does not run, Kith's own stands in for it, and makes
 * room when it is back.
 */
#include <string.h>

#include "base/err.h"
#include "base/mutant.h"
#include "session/discover.h"

static void step_all(struct kith_finder_slot *slot)
{
    struct kith_session *session = slot->session;
    for (struct kith_node *at = session->discoveries.next; at != &session->discoveries;
         at = at->next) {
        struct kith_discovery *discovery = KITH_CONTAINER(at, struct kith_discovery, node);
        if (discovery->slot == slot) {
            kith_defer(session->env, &discovery->step);
        }
    }
}

/* ---- which driver -----------------------------------------------------------------------------
 */

/* The next of the drivers that look at the network, or of those for a list of addresses, from
 * there on. */
static const struct kith_discovery_driver *
driver_from(const struct kith_discovery_driver *const *at, int is_list, int is_system)
{
    while (at != NULL && *at != NULL &&
           (((*at)->advertise == NULL) != is_list ||
            (((*at)->flags & KITH_DISCOVERY_SYSTEM) != 0) != is_system)) {
        at++;
    }
    return at != NULL ? *at : NULL;
}

/* In the order of preference; NULL: no more. */
static const struct kith_discovery_driver *driver_of(const struct kith_session *session,
                                                     kith_stack stack, int is_list, unsigned choice)
{
    const struct kith_discovery_driver *own = driver_from(session->discovery_drivers, is_list, 0);
    const struct kith_discovery_driver *system =
        driver_from(session->discovery_drivers, is_list, 1);
    const struct kith_discovery_driver *order[2] = {own, NULL};
    if (own == NULL) {
        order[0] = system;
    } else if (stack == KITH_STACK_SYSTEM && system != NULL) {
        order[0] = system;
        order[1] = own;
    }
    return choice < 2 ? order[choice] : NULL;
}

/* ---- opening and closing ----------------------------------------------------------------------
 */

/* NULL: err and the detail say why. */
static struct kith_finder *finder_new(struct kith_finder_slot *slot,
                                      const struct kith_discovery_driver *driver, kith_err *err)
{
    struct kith_env *env = slot->session->env;
    struct kith_finder *finder = kith_alloc(env, driver->finder_bytes);
    kith_detail_clear();
    *err = KITH_ERR_NOMEM;
    if (finder == NULL) {
        return NULL;
    }
    finder->driver = driver;
    finder->env = env;
    finder->owner = slot;
    finder->interfaces = slot->interfaces;
    finder->urls = (const char *const *)slot->urls;
    finder->url_count = slot->url_count;
    *err = driver->open(finder);
    if (*err != KITH_OK) {
        kith_free(env, finder);
        return NULL;
    }
    return finder;
}

static void slot_close(struct kith_finder_slot *slot)
{
    struct kith_session *session = slot->session;
    if (slot->finder == NULL) {
        return;
    }
    for (struct kith_node *at = session->discoveries.next; at != &session->discoveries;
         at = at->next) {
        struct kith_discovery *discovery = KITH_CONTAINER(at, struct kith_discovery, node);
        if (discovery->slot == slot) {
            kith_discovery_stop(discovery);
        }
    }
    slot->driver->close(slot->finder);
    kith_free(session->env, slot->finder);
    slot->finder = NULL;
}

static void slot_retry_in(struct kith_finder_slot *slot, uint64_t wait_ms)
{
    struct kith_env *env = slot->session->env;
    if (kith_timer_set(env, &slot->retry_timer, env->now_us + wait_ms * 1000) != KITH_OK) {
        kith_log(env, KITH_LOG_ERROR, "no memory to try discovery again");
    }
}

static void slot_take(struct kith_finder_slot *slot, struct kith_finder *finder, unsigned choice)
{
    slot_close(slot);
    slot->finder = finder;
    slot->driver = finder->driver;
    slot->choice = choice;
    slot->opened_us = slot->session->env->now_us;
    slot->failed = 0;
    kith_timer_stop(slot->session->env, &slot->retry_timer);
    if (choice > 0) {
        slot_retry_in(slot, KITH_FINDER_BETTER_MS);
    }
    step_all(slot);
}

static void set_failed(struct kith_finder_slot *slot, kith_err err, const char *detail)
{
    slot->failed = 1;
    slot->err = err;
    kith_text_copy(slot->detail, sizeof slot->detail,
                   detail[0] != '\0' ? detail : kith_err_text(err));
    kith_log(slot->session->env, KITH_LOG_WARN, "%s: %s", slot->driver->name, slot->detail);
}

/* The first that can be opened, of those from that choice on. */
static void slot_open(struct kith_finder_slot *slot, unsigned choice)
{
    const struct kith_discovery_driver *driver;
    if (slot->failed && kith_mutant(NO_REOPEN)) {
        return;
    }
    while ((driver = driver_of(slot->session, slot->stack, slot->urls != NULL, choice)) != NULL) {
        kith_err err;
        struct kith_finder *finder = finder_new(slot, driver, &err);
        if (finder != NULL) {
            slot_take(slot, finder, choice);
            break;
        }
        slot->driver = driver;
        set_failed(slot, err, kith_detail());
        choice++;
    }
    if (slot->finder == NULL) {
        slot_retry_in(slot, KITH_FINDER_RETRY_MS);
        step_all(slot); /* they tell */
    }
    kith_detail_clear(); /* nobody called */
}

/* Of those that are preferred to what is in use. */
static void look_for_better(struct kith_finder_slot *slot)
{
    for (unsigned choice = 0; choice < slot->choice; choice++) {
        kith_err err;
        struct kith_finder *finder = finder_new(
            slot, driver_of(slot->session, slot->stack, slot->urls != NULL, choice), &err);
        if (finder != NULL) {
            slot_take(slot, finder, choice);
            return;
        }
    }
    kith_detail_clear();
    slot_retry_in(slot, KITH_FINDER_BETTER_MS);
}

static void retry(struct kith_timer *timer)
{
    struct kith_finder_slot *slot = KITH_CONTAINER(timer, struct kith_finder_slot, retry_timer);
    if (slot->finder == NULL) {
        slot_open(slot, 0);
    } else if (!slot->failed) {
        look_for_better(slot);
    }
}

/* It failed, or is to be opened for the first time. */
static void slot_step(struct kith_deferred *deferred)
{
    struct kith_finder_slot *slot = KITH_CONTAINER(deferred, struct kith_finder_slot, step);
    if (slot->session->is_suspended) {
        return; /* waking opens it */
    }
    if (slot->failed && slot->finder != NULL) {
        slot_close(slot);
        slot_open(slot, slot->choice + 1);
    } else if (slot->finder == NULL) {
        slot_open(slot, 0);
    }
}

void kith_finder_failed(struct kith_finder_slot *slot, kith_err err, const char *detail)
{
    set_failed(slot, err, detail);
    kith_defer(slot->session->env, &slot->step);
}

void kith_up_finder_down(struct kith_finder *finder, kith_err err, const char *detail)
{
    kith_finder_failed(finder->owner, err, detail);
}

/* ---- resting, and beginning anew --------------------------------------------------------------
 */

void kith_finders_rest(struct kith_session *session)
{
    for (struct kith_node *at = session->finders.next; at != &session->finders; at = at->next) {
        struct kith_finder_slot *slot = KITH_CONTAINER(at, struct kith_finder_slot, node);
        slot_close(slot);
        slot->failed = 0;
        kith_timer_stop(session->env, &slot->retry_timer);
    }
}

void kith_finders_refresh(struct kith_session *session)
{
    for (struct kith_node *at = session->finders.next; at != &session->finders; at = at->next) {
        struct kith_finder_slot *slot = KITH_CONTAINER(at, struct kith_finder_slot, node);
        if (slot->finder == NULL && !kith_mutant(STAYS_OFF_AIR)) {
            kith_defer(session->env, &slot->step);
        } else if (slot->finder != NULL && !slot->failed && slot->driver->refresh != NULL &&
                   slot->opened_us != session->env->now_us) {
            slot->driver->refresh(slot->finder);
        }
    }
}

/* ---- users ------------------------------------------------------------------------------------
 */

static void slot_free(struct kith_finder_slot *slot)
{
    struct kith_env *env = slot->session->env;
    for (size_t i = 0; slot->urls != NULL && i < slot->url_count; i++) {
        kith_free(env, slot->urls[i]);
    }
    kith_free(env, slot->urls);
    kith_free(env, slot->interfaces);
    kith_free(env, slot);
}

void kith_finder_release(struct kith_finder_slot *slot)
{
    if (--slot->users > 0) {
        return;
    }
    slot_close(slot);
    kith_timer_stop(slot->session->env, &slot->retry_timer);
    kith_undefer(&slot->step);
    kith_list_remove(&slot->node);
    slot_free(slot);
}

static char *copy_text(struct kith_env *env, const char *text)
{
    char *copy = kith_resize(env, NULL, strlen(text) + 1);
    return copy != NULL ? strcpy(copy, text) : NULL;
}

static struct kith_finder_slot *slot_new(struct kith_session *session, kith_stack stack,
                                         const char *interfaces, const char *const *urls,
                                         size_t url_count)
{
    struct kith_env *env = session->env;
    struct kith_finder_slot *slot = kith_alloc(env, sizeof *slot);
    int is_whole;
    if (slot == NULL) {
        return NULL;
    }
    slot->session = session;
    slot->stack = stack;
    slot->interfaces = copy_text(env, interfaces);
    slot->url_count = url_count;
    slot->urls = url_count > 0 ? kith_alloc(env, url_count * sizeof slot->urls[0]) : NULL;
    is_whole = slot->interfaces != NULL && (url_count == 0 || slot->urls != NULL);
    for (size_t i = 0; is_whole && i < url_count; i++) {
        slot->urls[i] = copy_text(env, urls[i]);
        is_whole = slot->urls[i] != NULL;
    }
    if (!is_whole) {
        slot_free(slot);
        return NULL;
    }
    slot->retry_timer.fire = retry;
    slot->step.run = slot_step;
    kith_list_append(&session->finders, &slot->node);
    kith_defer(env, &slot->step);
    return slot;
}

kith_err kith_finder_use(struct kith_session *session, kith_stack stack, const char *interfaces,
                         const char *const *urls, size_t url_count, struct kith_finder_slot **out)
{
    const struct kith_discovery_driver *driver = driver_of(session, stack, urls != NULL, 0);
    if (driver == NULL) {
        return kith_fail(KITH_ERR_UNSUPPORTED,
                         "this build finds nobody on the network: it was made without avahi-core; "
                         "give addresses");
    }
    for (struct kith_node *at = session->finders.next; urls == NULL && at != &session->finders;
         at = at->next) {
        struct kith_finder_slot *slot = KITH_CONTAINER(at, struct kith_finder_slot, node);
        if (slot->urls == NULL && slot->stack == stack &&
            strcmp(slot->interfaces, interfaces) == 0) {
            *out = slot;
            slot->users++;
            return KITH_OK;
        }
    }
    *out = slot_new(session, stack, interfaces, urls, url_count);
    if (*out == NULL) {
        return KITH_ERR_NOMEM;
    }
    (*out)->driver = driver;
    (*out)->users = 1;
    return KITH_OK;
}
