/* SPDX-License-Identifier: MIT
 *
 * found.c: what discovery drivers see becomes peers that are found, updated and lost. Nothing here
 * is believed: records decide only what is shown and which addresses are tried. Dials nothing, and
 * tells the application only from a timer. Pure.
 *
 * Records of one tag are one peer, whatever their names, interfaces and transports. Tables are
 * bounded; where one is full, those make room that could not be reached.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/ip.h"
#include "base/mutant.h"
#include "session/discover.h"

/* Beyond the full table, until the timer has told of those who made room. */
enum { FOUND_SPARE = 64 };

/* ---- addresses --------------------------------------------------------------------------------
 */

/* Whether an address may be dialled on the word of a record, and how far away it is: 0 = not. */
static unsigned distance_of(const struct kith_env *env, const struct kith_sighting *sighting)
{
    switch (kith_ip_scope(sighting->host)) {
    case KITH_IP_NOT_NUMERIC:
        return env->io == NULL ? 1 : 0; /* where nothing is looked up names are addresses */
    case KITH_IP_UNUSABLE:
        return 0;
    case KITH_IP_LOOPBACK:
        return sighting->is_here ? 1 : 0;
    case KITH_IP_LINK_LOCAL:
        return sighting->is_here ? 0 : 4;
    case KITH_IP_PRIVATE:
    case KITH_IP_GLOBAL:
        /* Multicast stays on the link, so what is announced there is there as well. Else one packet
         * could make a whole network dial somebody's server. */
        return sighting->is_near ? (strchr(sighting->host, ':') == NULL ? 2 : 3) : 0;
    }
    return 0;
}

static int write_url(char out[KITH_PLACE_BYTES], const char *scheme, const char *host,
                     uint16_t port)
{
    int length = snprintf(out, KITH_PLACE_BYTES,
                          strchr(host, ':') != NULL ? "%.15s://[%.64s]:%u" : "%.15s://%.64s:%u",
                          scheme, host, (unsigned)port);
    struct kith_url url;
    return length > 0 && length < KITH_PLACE_BYTES && kith_url_parse(out, &url) == KITH_OK;
}

/* Of two schemes the one whose links are preferred. */
static unsigned rank_of(const struct kith_session *session, const char *scheme)
{
    for (size_t i = 0; session->drivers[i] != NULL; i++) {
        const struct kith_scheme *at = session->drivers[i]->schemes;
        for (; at->name != NULL; at++) {
            if (strcmp(at->name, scheme) == 0) {
                return session->drivers[i]->rank;
            }
        }
    }
    return 0;
}

static const struct kith_seen *seen_of(const char *url)
{
    return (const struct kith_seen *)(const void *)(url - offsetof(struct kith_seen, url));
}

static int is_before(const struct kith_seen *a, const struct kith_seen *b)
{
    return a->distance != b->distance ? a->distance < b->distance : a->rank > b->rank;
}

size_t kith_found_urls(const struct kith_found_peer *found, const char **out)
{
    size_t count = 0;
    for (struct kith_node *at = found->seen.next; at != &found->seen; at = at->next) {
        const struct kith_seen *seen = KITH_CONTAINER(at, struct kith_seen, node);
        size_t i = 0, place = 0;
        while (i < count && strcmp(out[i], seen->url) != 0) {
            i++;
        }
        if (i < count) {
            continue;
        }
        while (place < count && !is_before(seen, seen_of(out[place]))) {
            place++;
        }
        memmove(&out[place + 1], &out[place], (count - place) * sizeof out[0]);
        out[place] = seen->url;
        count++;
    }
    return count;
}

/* ---- the table --------------------------------------------------------------------------------
 */

static void look_at(struct kith_found_peer *found, uint64_t at_us)
{
    struct kith_discovery *discovery = found->discovery;
    struct kith_timer *timer = &discovery->look_timer;
    found->due_us = at_us;
    if (!kith_timer_is_set(timer) || timer->at_us > at_us) {
        /* Without memory: with the next one. */
        (void)!kith_timer_set(discovery->session->env, timer, at_us);
    }
}

static void note_change(struct kith_found_peer *found)
{
    uint64_t now_us = found->discovery->session->env->now_us;
    found->is_changed = 1;
    if (!found->is_told) {
        if (found->due_us == KITH_TIME_NEVER) {
            look_at(found, now_us + KITH_FOUND_MS * 1000);
        }
    } else {
        uint64_t at_us = found->told_us + KITH_FOUND_UPDATE_MS * 1000;
        look_at(found,
                at_us > now_us + KITH_FOUND_MS * 1000 ? at_us : now_us + KITH_FOUND_MS * 1000);
    }
    kith_meet_consider(found);
}

static void remove_seen(struct kith_found_peer *found, struct kith_seen *seen)
{
    struct kith_discovery *discovery = found->discovery;
    kith_list_remove(&seen->node);
    kith_free(discovery->session->env, seen);
    found->seen_count--;
    discovery->sighting_count--;
    if (found->seen_count == 0) {
        uint64_t wait_us = found->is_told ? (uint64_t)KITH_FOUND_LOST_MS * 1000 : 0;
        look_at(found, discovery->session->env->now_us + wait_us);
    } else {
        note_change(found);
    }
}

static void remove_found(struct kith_found_peer *found)
{
    struct kith_discovery *discovery = found->discovery;
    struct kith_env *env = discovery->session->env;
    while (!kith_list_empty(&found->seen)) {
        struct kith_seen *seen = KITH_CONTAINER(found->seen.next, struct kith_seen, node);
        kith_list_remove(&seen->node);
        kith_free(env, seen);
        discovery->sighting_count--;
    }
    kith_meet_forget(found);
    kith_list_remove(&found->node);
    discovery->found_count--;
    kith_free(env, found->txt);
    kith_free(env, found);
}

/* The table is full: the one that failed most often goes, at the timer's next turn. 0: none has. */
static int make_room(struct kith_discovery *discovery)
{
    struct kith_found_peer *worst = NULL;
    for (struct kith_node *at = discovery->found.next; at != &discovery->found; at = at->next) {
        struct kith_found_peer *found = KITH_CONTAINER(at, struct kith_found_peer, node);
        if (found->seen_count > 0 && found->rounds > (worst != NULL ? worst->rounds : 0) &&
            !found->has_peer && found->dial_count == 0) {
            worst = found;
        }
    }
    if (worst != NULL) {
        while (worst->seen_count > 0) {
            remove_seen(worst, KITH_CONTAINER(worst->seen.next, struct kith_seen, node));
        }
        look_at(worst, discovery->session->env->now_us);
    }
    return worst != NULL;
}

static struct kith_found_peer *found_of_tag(struct kith_discovery *discovery, const char *tag)
{
    struct kith_found_peer *found;
    for (struct kith_node *at = discovery->found.next; at != &discovery->found; at = at->next) {
        found = KITH_CONTAINER(at, struct kith_found_peer, node);
        if (strcmp(found->tag, tag) == 0) {
            return found;
        }
    }
    if (discovery->found_count >= KITH_FOUND_MAX &&
        (discovery->found_count >= KITH_FOUND_MAX + FOUND_SPARE || !make_room(discovery))) {
        return NULL;
    }
    found = kith_alloc(discovery->session->env, sizeof *found);
    if (found == NULL) {
        return NULL;
    }
    found->discovery = discovery;
    found->number = ++discovery->last_number;
    found->due_us = found->meet_us = KITH_TIME_NEVER;
    kith_text_copy(found->tag, sizeof found->tag, tag);
    kith_list_init(&found->seen);
    kith_list_append(&discovery->found, &found->node);
    discovery->found_count++;
    return found;
}

struct kith_found_peer *kith_found_by_number(const struct kith_discovery *discovery,
                                             uint64_t number)
{
    for (struct kith_node *at = discovery->found.next; at != &discovery->found; at = at->next) {
        struct kith_found_peer *found = KITH_CONTAINER(at, struct kith_found_peer, node);
        if (found->number == number && found->is_told) {
            return found;
        }
    }
    return NULL;
}

/* ---- what drivers say -------------------------------------------------------------------------
 */

static struct kith_seen *find_seen(const struct kith_discovery *discovery,
                                   const struct kith_query *query, uint64_t number,
                                   struct kith_found_peer **out)
{
    for (struct kith_node *at = discovery->found.next; at != &discovery->found; at = at->next) {
        struct kith_found_peer *found = KITH_CONTAINER(at, struct kith_found_peer, node);
        for (struct kith_node *one = found->seen.next; one != &found->seen; one = one->next) {
            struct kith_seen *seen = KITH_CONTAINER(one, struct kith_seen, node);
            if (seen->query == query && seen->number == number) {
                *out = found;
                return seen;
            }
        }
    }
    return NULL;
}

/* The name and what is said beside it: the last record counts. 1 when something is new. */
static int take_texts(struct kith_found_peer *found, const struct kith_sighting *sighting)
{
    struct kith_env *env = found->discovery->session->env;
    char instance[KITH_NAME_BYTES_MAX + 1];
    uint8_t *txt;
    int is_new;
    kith_printable(sighting->instance, sighting->instance_bytes, instance, sizeof instance);
    is_new = strcmp(instance, found->instance) != 0;
    strcpy(found->instance, instance);
    if (found->txt_bytes == sighting->txt_bytes &&
        (found->txt_bytes == 0 || memcmp(found->txt, sighting->txt, found->txt_bytes) == 0)) {
        return is_new;
    }
    txt = kith_resize(env, NULL, sighting->txt_bytes);
    if (txt == NULL) {
        return is_new; /* without memory: as it was */
    }
    memcpy(txt, sighting->txt, sighting->txt_bytes);
    kith_free(env, found->txt);
    found->txt = txt;
    found->txt_bytes = sighting->txt_bytes;
    return 1;
}

/* Reads a sighting into its tag, and where it leads. */
static int read_sighting(const struct kith_discovery *discovery,
                         const struct kith_sighting *sighting, char tag[KITH_LABEL_BYTES],
                         struct kith_seen *out)
{
    struct kith_env *env = discovery->session->env;
    struct kith_txt txt;
    if (sighting->port == 0) {
        return 0;
    }
    if ((discovery->slot->driver->flags & KITH_DISCOVERY_TRUSTED) != 0) {
        snprintf(tag, KITH_LABEL_BYTES, "%llu", (unsigned long long)sighting->number);
        out->distance = 1;
        return write_url(out->url, sighting->scheme, sighting->host, sighting->port);
    }
    if (!kith_txt_read(sighting->txt, sighting->txt_bytes, &txt) || txt.scheme[0] == '\0' ||
        kith_discovery_is_own(discovery->session, txt.tag)) {
        return 0;
    }
    strcpy(tag, txt.tag);
    out->distance = distance_of(env, sighting);
    out->rank = rank_of(discovery->session, txt.scheme);
    return out->distance != 0 && write_url(out->url, txt.scheme, sighting->host, sighting->port);
}

void kith_up_sighted(struct kith_query *query, const struct kith_sighting *sighting)
{
    struct kith_discovery *discovery = query->owner;
    struct kith_found_peer *found = NULL;
    struct kith_seen *seen = find_seen(discovery, query, sighting->number, &found);
    struct kith_seen read = {.query = query, .number = sighting->number};
    char tag[KITH_LABEL_BYTES];
    int is_back;
    if (!read_sighting(discovery, sighting, tag, &read)) {
        if (seen != NULL) {
            remove_seen(found, seen); /* it has become something else */
        }
        return;
    }
    if (seen != NULL && (strcmp(found->tag, tag) != 0 || strcmp(seen->url, read.url) != 0)) {
        remove_seen(found, seen);
        seen = NULL;
    }
    if (seen == NULL) {
        found =
            discovery->sighting_count < KITH_SIGHTINGS_MAX ? found_of_tag(discovery, tag) : NULL;
        if (found == NULL || found->seen_count >= KITH_SIGHTINGS_PER_PEER_MAX) {
            return;
        }
        seen = kith_alloc(discovery->session->env, sizeof *seen);
        if (seen == NULL) {
            if (found->seen_count == 0) {
                look_at(found, discovery->session->env->now_us);
            }
            return;
        }
        is_back = found->seen_count == 0 && found->is_told;
        *seen = read;
        kith_list_append(&found->seen, &seen->node);
        found->seen_count++;
        discovery->sighting_count++;
        (void)take_texts(found, sighting);
        if (is_back) {
            found->due_us = KITH_TIME_NEVER; /* it was about to be lost */
        }
        note_change(found);
    } else if (take_texts(found, sighting)) {
        note_change(found);
    }
}

void kith_up_unsighted(struct kith_query *query, uint64_t number)
{
    struct kith_found_peer *found = NULL;
    struct kith_seen *seen = find_seen(query->owner, query, number, &found);
    if (seen != NULL) {
        remove_seen(found, seen);
    }
}

void kith_found_forget(struct kith_discovery *discovery, const struct kith_query *query)
{
    for (struct kith_node *at = discovery->found.next; at != &discovery->found; at = at->next) {
        struct kith_found_peer *found = KITH_CONTAINER(at, struct kith_found_peer, node);
        struct kith_node *one = found->seen.next, *next;
        for (; one != &found->seen; one = next) {
            struct kith_seen *seen = KITH_CONTAINER(one, struct kith_seen, node);
            next = one->next;
            if (seen->query == query) {
                remove_seen(found, seen);
            }
        }
    }
}

/* ---- telling ----------------------------------------------------------------------------------
 */

static void tell(struct kith_found_peer *found, kith_discovery_event_kind kind)
{
    const char *urls[KITH_SIGHTINGS_PER_PEER_MAX];
    kith_discovery_info info[KITH_INFO_PAIRS_MAX];
    struct kith_txt txt;
    char text[KITH_TXT_BYTES_MAX + KITH_INFO_PAIRS_MAX];
    size_t used = 0;
    kith_found known = {
        sizeof known, found->number, found->instance, urls, kith_found_urls(found, urls), info, 0};
    kith_discovery_event event = {sizeof event,         kind, &known, "", KITH_OK, "",
                                  found->discovery->tag};
    if (kith_txt_read(found->txt, found->txt_bytes, &txt)) {
        for (size_t i = 0; i < txt.info_count; i++) {
            const char *from = txt.info[i].bytes;
            size_t count = txt.info[i].count;
            char *key = text + used, *equals;
            memcpy(key, from, count);
            equals = memchr(key, '=', count);
            *equals = '\0';
            info[known.info_count].key = key;
            info[known.info_count].value = equals + 1;
            info[known.info_count++].value_bytes = count - (size_t)(equals + 1 - key);
            used += count;
        }
    }
    kith_discovery_tell(found->discovery, &event);
}

/* FNV-1a. */
static uint64_t digest(uint64_t hash, const void *bytes, size_t count)
{
    for (const uint8_t *at = bytes; count > 0; at++, count--) {
        hash = (hash ^ *at) * 0x100000001b3u;
    }
    return hash;
}

/* Of what is told: records that went and came back are no news. */
static uint64_t digest_of(const struct kith_found_peer *found)
{
    const char *urls[KITH_SIGHTINGS_PER_PEER_MAX];
    size_t count = kith_found_urls(found, urls);
    uint64_t hash = digest(0xcbf29ce484222325u, found->instance, strlen(found->instance) + 1);
    for (size_t i = 0; i < count; i++) {
        hash = digest(hash, urls[i], strlen(urls[i]) + 1);
    }
    return digest(hash, found->txt, found->txt_bytes);
}

static void look_at_one(struct kith_found_peer *found)
{
    found->due_us = KITH_TIME_NEVER;
    if (found->seen_count == 0) {
        if (kith_mutant(LOST_ENDS)) {
            for (struct kith_node *at = found->discovery->session->peers.next;
                 at != &found->discovery->session->peers; at = at->next) {
                kith_peer_turn_out(KITH_CONTAINER(at, struct kith_peer, node), KITH_REASON_KICKED,
                                   "");
            }
        }
        if (found->is_told) {
            tell(found, KITH_DISCOVERY_LOST);
        }
        remove_found(found);
        return;
    }
    if (!found->is_told || found->is_changed) {
        int was_told = found->is_told;
        uint64_t now_digest = digest_of(found);
        found->is_changed = 0;
        if (was_told && found->told_digest == now_digest) {
            return;
        }
        found->is_told = 1;
        found->told_digest = now_digest;
        found->told_us = found->discovery->session->env->now_us;
        tell(found, was_told ? KITH_DISCOVERY_UPDATED : KITH_DISCOVERY_FOUND);
    }
}

/* A callback may have begun to rest, or closed it. */
static int may_tell(const struct kith_discovery *discovery)
{
    return !discovery->closing && !discovery->session->is_suspended;
}

static void look(struct kith_timer *timer)
{
    struct kith_discovery *discovery = KITH_CONTAINER(timer, struct kith_discovery, look_timer);
    uint64_t now_us = discovery->session->env->now_us, next_us = KITH_TIME_NEVER;
    struct kith_node *at = discovery->found.next, *next;
    for (; at != &discovery->found && may_tell(discovery); at = next) {
        struct kith_found_peer *found = KITH_CONTAINER(at, struct kith_found_peer, node);
        next = at->next; /* a callback removes none */
        if (found->due_us <= now_us) {
            look_at_one(found);
        } else if (found->due_us < next_us) {
            next_us = found->due_us;
        }
    }
    if (next_us != KITH_TIME_NEVER && may_tell(discovery) &&
        (!kith_timer_is_set(timer) || timer->at_us > next_us)) {
        (void)!kith_timer_set(discovery->session->env, timer, next_us);
    }
}

void kith_found_rest(struct kith_discovery *discovery)
{
    kith_timer_stop(discovery->session->env, &discovery->look_timer);
}

void kith_found_wake(struct kith_discovery *discovery)
{
    for (struct kith_node *at = discovery->found.next; at != &discovery->found; at = at->next) {
        struct kith_found_peer *found = KITH_CONTAINER(at, struct kith_found_peer, node);
        if (found->due_us != KITH_TIME_NEVER) {
            uint64_t wait_ms = found->is_told ? KITH_FOUND_LOST_MS : KITH_FOUND_MS;
            look_at(found, discovery->session->env->now_us + wait_ms * 1000);
        }
    }
}

void kith_found_init(struct kith_discovery *discovery)
{
    kith_list_init(&discovery->found);
    discovery->look_timer.fire = look;
}

void kith_found_fini(struct kith_discovery *discovery)
{
    kith_timer_stop(discovery->session->env, &discovery->look_timer);
    while (!kith_list_empty(&discovery->found)) {
        remove_found(KITH_CONTAINER(discovery->found.next, struct kith_found_peer, node));
    }
}
