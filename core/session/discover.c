/* SPDX-License-Identifier: MIT
 *
 * discover.c: what a session puts on the air and looks for, in its own name: ports, random tags
 * that change, and a subtype that stands for the session. Opens no driver (finder.c), believes
 * nothing and dials nothing by itself (found.c, meet.c). Pure.
 *
 * Every change is made in a step at the end of a turn, which compares what should be with what is.
 */
#include "session/discover.h"

#include <string.h>

#include "base/err.h"

/* ---- what stands for the session --------------------------------------------------------------
 */

static kith_err random_label(struct kith_env *env, char out[KITH_LABEL_BYTES])
{
    uint8_t bytes[10];
    kith_err err = env->crypto.random(env->crypto.user, bytes, sizeof bytes);
    kith_label(bytes, out);
    return err;
}

/* With a key only its holders can make it, or tell two sessions' apart from two groups'. */
static kith_err subtype_of(const struct kith_session *session, const kith_key *key,
                           char out[KITH_LABEL_BYTES])
{
    static const char context[] = "kith discovery";
    const struct kith_slice pieces[2] = {{context, sizeof context},
                                         {session->session_name, strlen(session->session_name)}};
    const struct kith_crypto *crypto = &session->env->crypto;
    uint8_t hash[KITH_SHA256_BYTES];
    kith_err err = key != NULL ? crypto->hmac_sha256(key->bytes, key->bytes_count, pieces, 2, hash)
                               : crypto->sha256(pieces, 2, hash);
    kith_label(hash, out);
    return err;
}

/* One for each key that lets others in, the one that they most likely dial with first. */
static size_t subtypes_of(const struct kith_session *session,
                          char out[KITH_SUBTYPES_MAX][KITH_LABEL_BYTES])
{
    const kith_key *first = kith_session_dial_key(session);
    size_t count = 0;
    if (session->config.security != KITH_SECURITY_PSK) {
        return subtype_of(session, NULL, out[0]) == KITH_OK;
    }
    if (first != NULL) {
        count += subtype_of(session, first, out[count]) == KITH_OK;
    }
    for (struct kith_node *at = session->keys.prev; at != &session->keys; at = at->prev) {
        const struct kith_key_entry *entry = KITH_CONTAINER(at, struct kith_key_entry, node);
        if (&entry->key != first && count < KITH_SUBTYPES_MAX) {
            count += subtype_of(session, &entry->key, out[count]) == KITH_OK;
        }
    }
    return count;
}

int kith_discovery_is_own(const struct kith_session *session, const char *tag)
{
    for (struct kith_node *at = session->discoveries.next; at != &session->discoveries;
         at = at->next) {
        const struct kith_discovery *discovery = KITH_CONTAINER(at, struct kith_discovery, node);
        if (strcmp(discovery->now.tag, tag) == 0 || strcmp(discovery->before.tag, tag) == 0 ||
            strcmp(discovery->last_tag, tag) == 0) {
            return 1;
        }
    }
    return 0;
}

int kith_discovery_yields(const struct kith_session *session, const char *tag)
{
    for (struct kith_node *at = session->discoveries.next; at != &session->discoveries;
         at = at->next) {
        const struct kith_discovery *discovery = KITH_CONTAINER(at, struct kith_discovery, node);
        if (discovery->now.count > 0 && discovery->now.ports[0].instance[0] != '\0' &&
            strcmp(discovery->now.tag, tag) < 0) {
            return 1;
        }
    }
    return 0;
}

void kith_discovery_tell(struct kith_discovery *discovery, const kith_discovery_event *event)
{
    struct kith_session *session = discovery->session;
    if (session->callbacks.on_discovery != NULL) {
        session->callbacks.on_discovery(session, discovery, event, session->user);
    }
}

static void tell(struct kith_discovery *discovery, kith_discovery_event_kind kind,
                 const char *instance, kith_err err, const char *detail)
{
    const kith_discovery_event event = {sizeof event, kind,   NULL,          instance,
                                        err,          detail, discovery->tag};
    kith_discovery_tell(discovery, &event);
}

/* ---- on the air -------------------------------------------------------------------------------
 */

static void port_end(struct kith_discovery *discovery, struct kith_air *air, size_t index)
{
    struct kith_advert *advert = air->ports[index].advert;
    discovery->slot->driver->withdraw(advert);
    kith_free(discovery->session->env, advert);
    air->ports[index] = air->ports[--air->count];
}

static void air_end(struct kith_discovery *discovery, struct kith_air *air)
{
    while (air->count > 0) {
        port_end(discovery, air, air->count - 1);
    }
    if (air->tag[0] != '\0') { /* some cache may still have it */
        strcpy(discovery->last_tag, air->tag);
    }
    air->tag[0] = '\0';
}

static const char *protocol_of(const struct kith_session *session, const char *scheme)
{
    for (size_t i = 0; session->drivers[i] != NULL; i++) {
        const struct kith_scheme *at = session->drivers[i]->schemes;
        for (; at->name != NULL; at++) {
            if (strcmp(at->name, scheme) == 0) {
                return (session->drivers[i]->capabilities & KITH_DRIVER_DATAGRAMS) != 0 ? "udp"
                                                                                        : "tcp";
            }
        }
    }
    return "tcp";
}

/* Where this session listens now. */
static size_t ports_of(const struct kith_session *session, struct kith_air_port *out)
{
    size_t count = 0;
    for (struct kith_node *at = session->listeners.next; at != &session->listeners; at = at->next) {
        const struct kith_listener *listener = KITH_CONTAINER(at, struct kith_listener, node);
        const char *host = listener->url.host;
        int is_any =
            strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
        if (listener->closing) {
            continue;
        }
        for (size_t i = 0; i < KITH_DRIVERS_MAX && count < KITH_ENDPOINTS_MAX; i++) {
            const char *text = kith_listening_url(&listener->at[i]);
            struct kith_url url;
            if (text != NULL && kith_url_parse(text, &url) == KITH_OK &&
                strlen(url.host) < sizeof out->host) {
                memset(&out[count], 0, sizeof *out);
                strcpy(out[count].scheme, url.scheme);
                strcpy(out[count].host, is_any ? "*" : url.host);
                out[count++].port = url.port;
            }
        }
    }
    return count;
}

static int same_port(const struct kith_air_port *a, const struct kith_air_port *b)
{
    return a->port == b->port && strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0;
}

static kith_err advertise(struct kith_discovery *discovery, const struct kith_air_port *port)
{
    struct kith_session *session = discovery->session;
    const struct kith_discovery_driver *driver = discovery->slot->driver;
    char subtypes[KITH_SUBTYPES_MAX][KITH_LABEL_BYTES], name[KITH_LABEL_BYTES];
    uint8_t txt[KITH_TXT_BYTES_MAX];
    struct kith_air *air = &discovery->now;
    struct kith_service service = {
        .name = discovery->service,
        .protocol = protocol_of(session, port->scheme),
        .instance = discovery->instance[0] != '\0' ? discovery->instance : name,
        .subtypes = (const char(*)[KITH_LABEL_BYTES])subtypes,
        .subtype_count = subtypes_of(session, subtypes),
        .host = port->host,
        .port = port->port,
        .txt = txt,
        .txt_bytes =
            kith_txt_write(air->tag, port->scheme, discovery->info, discovery->info_count, txt),
    };
    struct kith_advert *advert;
    kith_err err = random_label(session->env, name);
    if (err != KITH_OK) {
        return err;
    }
    advert = kith_alloc(session->env, driver->advert_bytes);
    if (advert == NULL) {
        return KITH_ERR_NOMEM;
    }
    advert->finder = discovery->slot->finder;
    advert->owner = discovery;
    air->ports[air->count] = *port;
    air->ports[air->count].advert = advert;
    air->count++;
    err = driver->advertise(advert, &service);
    if (err != KITH_OK) {
        air->count--;
        kith_free(session->env, advert);
    }
    return err;
}

/* Makes what is on the air what should be. */
static kith_err put_on_air(struct kith_discovery *discovery)
{
    struct kith_air *air = &discovery->now;
    struct kith_air_port wanted[KITH_ENDPOINTS_MAX];
    size_t count = ports_of(discovery->session, wanted);
    kith_err err = KITH_OK;
    for (size_t i = air->count; i > 0; i--) {
        size_t j = 0;
        while (j < count && !same_port(&air->ports[i - 1], &wanted[j])) {
            j++;
        }
        if (j == count) {
            port_end(discovery, air, i - 1);
        }
    }
    if (count > 0 && air->tag[0] == '\0') {
        err = random_label(discovery->session->env, air->tag);
    }
    for (size_t j = 0; j < count && err == KITH_OK; j++) {
        size_t i = 0;
        while (i < air->count && !same_port(&air->ports[i], &wanted[j])) {
            i++;
        }
        if (i == air->count) {
            err = advertise(discovery, &wanted[j]);
        }
    }
    return err;
}

void kith_up_advertised(struct kith_advert *advert, const char *instance)
{
    struct kith_discovery *discovery = advert->owner;
    for (size_t i = 0; i < discovery->now.count; i++) {
        struct kith_air_port *port = &discovery->now.ports[i];
        if (port->advert == advert) {
            kith_text_copy(port->instance, sizeof port->instance, instance);
            kith_defer(discovery->session->env, &discovery->step);
        }
    }
}

/* The old tag has been there long enough beside the new one; or it is time for a new one. A name
 * that was chosen tells who it is anyway, and stays. */
static void rotate(struct kith_timer *timer)
{
    struct kith_discovery *discovery = KITH_CONTAINER(timer, struct kith_discovery, rotate_timer);
    struct kith_env *env = discovery->session->env;
    uint64_t wait_ms = KITH_TAG_MS;
    if (discovery->before.tag[0] != '\0') {
        air_end(discovery, &discovery->before);
        wait_ms = KITH_TAG_MS - KITH_TAG_OLD_MS;
    } else if (discovery->now.count > 0) {
        discovery->before = discovery->now;
        memset(&discovery->now, 0, sizeof discovery->now);
        kith_defer(env, &discovery->step);
        wait_ms = KITH_TAG_OLD_MS;
    }
    (void)!kith_timer_set(env, timer, env->now_us + wait_ms * 1000); /* else this tag stays */
}

/* ---- looking ----------------------------------------------------------------------------------
 */

static void queries_end(struct kith_discovery *discovery)
{
    for (size_t i = 0; i < 2; i++) {
        if (discovery->queries[i] != NULL) {
            discovery->slot->driver->stop(discovery->queries[i]);
            kith_found_forget(discovery, discovery->queries[i]);
            kith_free(discovery->session->env, discovery->queries[i]);
            discovery->queries[i] = NULL;
        }
    }
}

static kith_err query(struct kith_discovery *discovery, size_t index, const char *protocol,
                      const char *subtype)
{
    const struct kith_discovery_driver *driver = discovery->slot->driver;
    struct kith_query *query = kith_alloc(discovery->session->env, driver->query_bytes);
    kith_err err;
    if (query == NULL) {
        return KITH_ERR_NOMEM;
    }
    query->finder = discovery->slot->finder;
    query->owner = discovery;
    err = driver->browse(query, discovery->service, protocol, subtype);
    if (err != KITH_OK) {
        kith_free(discovery->session->env, query);
        return err;
    }
    discovery->queries[index] = query;
    return KITH_OK;
}

void kith_discovery_stop(struct kith_discovery *discovery)
{
    air_end(discovery, &discovery->before);
    air_end(discovery, &discovery->now);
    queries_end(discovery);
}

/* For each protocol that some transport here speaks. */
static kith_err look_for(struct kith_discovery *discovery)
{
    static const char *const protocols[] = {"tcp", "udp"};
    struct kith_session *session = discovery->session;
    char subtypes[KITH_SUBTYPES_MAX][KITH_LABEL_BYTES] = {""};
    kith_err err = KITH_OK;
    if (!discovery->all_sessions && subtypes_of(session, subtypes) == 0) {
        return KITH_OK; /* no key yet, or any more */
    }
    for (size_t i = 0; i < 2 && err == KITH_OK; i++) {
        int is_spoken = 0;
        for (size_t j = 0; session->drivers[j] != NULL; j++) {
            is_spoken |=
                ((session->drivers[j]->capabilities & KITH_DRIVER_DATAGRAMS) != 0) == (i == 1);
        }
        if (is_spoken && discovery->queries[i] == NULL) {
            err = query(discovery, i, protocols[i], discovery->all_sessions ? "" : subtypes[0]);
        }
        if ((discovery->slot->driver->flags & KITH_DISCOVERY_TRUSTED) != 0 &&
            discovery->queries[i] != NULL) {
            break; /* it knows no protocols: once */
        }
    }
    return err;
}

/* ---- handles ----------------------------------------------------------------------------------
 */

static void destroy(struct kith_discovery *discovery)
{
    struct kith_session *session = discovery->session;
    kith_meet_fini(discovery);
    kith_found_fini(discovery);
    kith_timer_stop(session->env, &discovery->rotate_timer);
    kith_undefer(&discovery->step);
    kith_finder_release(discovery->slot);
    kith_list_remove(&discovery->node);
    session->discovery_count--;
    kith_free(session->env, discovery->info);
    kith_free(session->env, discovery);
}

static void finish(struct kith_discovery *discovery)
{
    struct kith_session *session = discovery->session;
    tell(discovery, KITH_DISCOVERY_CLOSED, "", KITH_OK, "");
    destroy(discovery);
    kith_session_poke(session);
}

static void tell_advertised(struct kith_discovery *discovery)
{
    for (size_t i = 0; i < discovery->now.count; i++) {
        const char *instance = discovery->now.ports[i].instance;
        if (instance[0] != '\0') {
            if (strcmp(instance, discovery->told_instance) != 0) {
                strcpy(discovery->told_instance, instance);
                tell(discovery, KITH_DISCOVERY_ADVERTISED, discovery->told_instance, KITH_OK, "");
            }
            return;
        }
    }
}

static void step(struct kith_deferred *deferred)
{
    struct kith_discovery *discovery = KITH_CONTAINER(deferred, struct kith_discovery, step);
    struct kith_finder_slot *slot = discovery->slot;
    kith_err err;
    if (discovery->closing) {
        finish(discovery);
        return;
    }
    if (discovery->session->is_suspended) {
        return; /* waking opens the driver, which comes back here */
    }
    if (slot->finder == NULL || slot->failed) {
        if (slot->failed && !discovery->told_down) {
            discovery->told_down = 1;
            tell(discovery, KITH_DISCOVERY_DOWN, "", slot->err, slot->detail);
        }
        return;
    }
    if (discovery->keys_changed) {
        discovery->keys_changed = 0;
        while (discovery->now.count > 0) {
            port_end(discovery, &discovery->now, discovery->now.count - 1);
        }
        queries_end(discovery);
    }
    kith_detail_clear();
    err = discovery->is_browser ? look_for(discovery) : put_on_air(discovery);
    if (err != KITH_OK) {
        kith_finder_failed(slot, err, kith_detail());
        return;
    }
    if (discovery->told_down) {
        discovery->told_down = 0;
        tell(discovery, KITH_DISCOVERY_UP, "", KITH_OK, "");
    }
    if (!discovery->closing) {
        tell_advertised(discovery);
    }
}

static kith_err check_stack(kith_stack stack)
{
    return (unsigned)stack <= KITH_STACK_SYSTEM
               ? KITH_OK
               : kith_fail(KITH_ERR_INVALID, "stack: %u is none of enum kith_stack",
                           (unsigned)stack);
}

static kith_err check_service(const char **service)
{
    *service = *service == NULL ? "kith" : *service;
    return kith_service_name_ok(*service)
               ? KITH_OK
               : kith_fail(
                     KITH_ERR_INVALID,
                     "service: must be 1 to %d of a-z, 0-9 and '-', with a letter, and no '-' "
                     "at an end or beside another (RFC 6335)",
                     KITH_SERVICE_BYTES_MAX);
}

/* A list of patterns: letters that names of interfaces have, and ",*!". */
static kith_err check_interfaces(const char **interfaces)
{
    *interfaces = *interfaces == NULL ? "" : *interfaces;
    if (strlen(*interfaces) > 255) {
        return kith_fail(KITH_ERR_INVALID, "interfaces: has more than 255 bytes");
    }
    for (const char *at = *interfaces; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~' || (*at == '!' && at != *interfaces && at[-1] != ',')) {
            return kith_fail(KITH_ERR_INVALID, "interfaces: names with '*', separated by ',', with "
                                               "'!' before one that is not to be used");
        }
    }
    return KITH_OK;
}

static kith_err make(struct kith_session *session, const char *service, kith_stack stack,
                     const char *interfaces, const char *const *urls, size_t url_count,
                     struct kith_discovery **out)
{
    struct kith_discovery *discovery;
    kith_err err;
    if (session->discovery_count >= KITH_DISCOVERIES_MAX) {
        return kith_fail(KITH_ERR_LIMIT, "a session advertises and browses at most %d times",
                         KITH_DISCOVERIES_MAX);
    }
    discovery = kith_alloc(session->env, sizeof *discovery);
    if (discovery == NULL) {
        return KITH_ERR_NOMEM;
    }
    err = kith_finder_use(session, stack, interfaces, urls, url_count, &discovery->slot);
    if (err != KITH_OK) {
        kith_free(session->env, discovery);
        return err;
    }
    discovery->session = session;
    strcpy(discovery->service, service);
    discovery->step.run = step;
    discovery->rotate_timer.fire = rotate;
    kith_found_init(discovery);
    kith_meet_init(discovery);
    kith_list_append(&session->discoveries, &discovery->node);
    session->discovery_count++;
    kith_defer(session->env, &discovery->step);
    *out = discovery;
    return KITH_OK;
}

/* One block: the pairs, then what they point to. */
static kith_err copy_info(struct kith_env *env, const kith_discovery_info *info, size_t count,
                          kith_discovery_info **out)
{
    size_t bytes = count * sizeof *info;
    char *at;
    *out = NULL;
    if (count == 0) {
        return KITH_OK;
    }
    for (size_t i = 0; i < count; i++) {
        bytes += strlen(info[i].key) + 1 + info[i].value_bytes;
    }
    *out = kith_resize(env, NULL, bytes);
    if (*out == NULL) {
        return KITH_ERR_NOMEM;
    }
    at = (char *)(*out + count);
    for (size_t i = 0; i < count; i++) {
        (*out)[i].key = strcpy(at, info[i].key);
        at += strlen(at) + 1;
        (*out)[i].value = at;
        (*out)[i].value_bytes = info[i].value_bytes;
        if (info[i].value_bytes > 0) {
            memcpy(at, info[i].value, info[i].value_bytes);
        }
        at += info[i].value_bytes;
    }
    return KITH_OK;
}

kith_err kith_discover_advertise(struct kith_session *session,
                                 const kith_advertise_options *options, struct kith_discovery **out)
{
    const char *service = options->service, *interfaces = options->interfaces;
    kith_discovery_info *info = NULL;
    kith_err err = check_service(&service);
    if (err == KITH_OK) {
        err = check_interfaces(&interfaces);
    }
    if (err == KITH_OK) {
        err = check_stack(options->stack);
    }
    if (err == KITH_OK && options->instance != NULL &&
        !kith_text_ok(options->instance, strlen(options->instance), 1, KITH_NAME_BYTES_MAX)) {
        err = kith_fail(KITH_ERR_INVALID,
                        "instance: must be 1 to %d bytes of UTF-8 without control characters",
                        KITH_NAME_BYTES_MAX);
    }
    if (err == KITH_OK) {
        err = kith_info_check(options->info, options->info_count);
    }
    if (err == KITH_OK) {
        err = copy_info(session->env, options->info, options->info_count, &info);
    }
    if (err == KITH_OK) {
        err = make(session, service, options->stack, interfaces, NULL, 0, out);
        if (err != KITH_OK) {
            kith_free(session->env, info);
        }
    }
    if (err != KITH_OK) {
        return err;
    }
    (*out)->tag = options->tag;
    (*out)->info = info;
    (*out)->info_count = options->info_count;
    if (options->instance != NULL) {
        strcpy((*out)->instance, options->instance);
    } else if (kith_timer_set(session->env, &(*out)->rotate_timer,
                              session->env->now_us + (uint64_t)KITH_TAG_MS * 1000) != KITH_OK) {
        destroy(*out);
        return KITH_ERR_NOMEM;
    }
    return KITH_OK;
}

static kith_err check_browse(const struct kith_session *session, const kith_browse_options *options)
{
    if ((unsigned)options->auto_connect > KITH_AUTO_CONNECT_ON || options->all_sessions > 1) {
        return kith_fail(KITH_ERR_INVALID, "all_sessions and auto_connect: must be 0 or 1");
    }
    if ((options->urls == NULL) != (options->url_count == 0) || options->url_count > 64) {
        return kith_fail(KITH_ERR_INVALID, "url_count: is %zu, must be 1 to 64 with urls",
                         options->url_count);
    }
    for (size_t i = 0; i < options->url_count; i++) {
        struct kith_url url;
        kith_err err = kith_url_parse(options->urls[i], &url);
        if (err == KITH_OK && (url.port == 0 || strcmp(url.host, "*") == 0 ||
                               strlen(options->urls[i]) >= KITH_PLACE_BYTES)) {
            err = kith_fail(KITH_ERR_ADDRESS, "urls[%zu]: name a host and a port, in %d bytes", i,
                            KITH_ENDPOINT_BYTES_MAX);
        }
        if (err != KITH_OK) {
            return err;
        }
    }
    if (options->auto_connect == KITH_AUTO_CONNECT_OFF) {
        return KITH_OK;
    }
    if (options->all_sessions || session->config.role == KITH_ROLE_SERVER) {
        return kith_fail(KITH_ERR_CONFIG, "auto_connect: %s",
                         options->all_sessions ? "not together with all_sessions"
                                               : "a server is dialled, and dials nobody");
    }
    return session->config.security == KITH_SECURITY_PSK && kith_session_dial_key(session) == NULL
               ? kith_fail(KITH_ERR_CONFIG, "no key to dial with: give one key KITH_KEY_DIAL")
               : KITH_OK;
}

kith_err kith_discover_browse(struct kith_session *session, const kith_browse_options *options,
                              struct kith_discovery **out)
{
    const char *service = options->service, *interfaces = options->interfaces;
    kith_err err = check_service(&service);
    if (err == KITH_OK) {
        err = check_interfaces(&interfaces);
    }
    if (err == KITH_OK) {
        err = check_stack(options->stack);
    }
    if (err == KITH_OK) {
        err = check_browse(session, options);
    }
    if (err == KITH_OK) {
        err = make(session, service, options->stack, interfaces, options->urls, options->url_count,
                   out);
    }
    if (err == KITH_OK) {
        (*out)->tag = options->tag;
        (*out)->is_browser = 1;
        (*out)->all_sessions = options->all_sessions;
        (*out)->auto_connect = options->auto_connect == KITH_AUTO_CONNECT_ON;
    }
    return err;
}

static kith_err update_air(struct kith_discovery *discovery, const struct kith_air *air)
{
    uint8_t txt[KITH_TXT_BYTES_MAX];
    kith_err err = KITH_OK;
    for (size_t i = 0; i < air->count && err == KITH_OK; i++) {
        size_t bytes = kith_txt_write(air->tag, air->ports[i].scheme, discovery->info,
                                      discovery->info_count, txt);
        err = discovery->slot->driver->update(air->ports[i].advert, txt, bytes);
    }
    return err;
}

kith_err kith_discover_update(struct kith_discovery *discovery, const kith_discovery_info *info,
                              size_t count)
{
    struct kith_env *env = discovery->session->env;
    kith_discovery_info *copy;
    kith_err err = KITH_OK;
    if (discovery->is_browser) {
        return kith_fail(KITH_ERR_STATE, "it browses: info is for what kith_advertise() gave");
    }
    if (discovery->closing) {
        return kith_fail(KITH_ERR_CLOSED, "it is closing");
    }
    err = kith_info_check(info, count);
    if (err == KITH_OK) {
        err = copy_info(env, info, count, &copy);
    }
    if (err != KITH_OK) {
        return err;
    }
    kith_free(env, discovery->info);
    discovery->info = copy;
    discovery->info_count = count;
    err = update_air(discovery, &discovery->now);
    if (err == KITH_OK) {
        err = update_air(discovery, &discovery->before);
    }
    if (err != KITH_OK) {
        kith_finder_failed(discovery->slot, err, ""); /* it is told when the driver works again */
    }
    return KITH_OK;
}

void kith_discover_end(struct kith_discovery *discovery)
{
    discovery->closing = 1;
    kith_defer(discovery->session->env, &discovery->step);
    kith_discovery_stop(discovery);
}

void kith_discover_end_all(struct kith_session *session)
{
    for (struct kith_node *at = session->discoveries.next; at != &session->discoveries;
         at = at->next) {
        kith_discover_end(KITH_CONTAINER(at, struct kith_discovery, node));
    }
}

void kith_discover_again(struct kith_session *session, int keys_changed)
{
    for (struct kith_node *at = session->discoveries.next; at != &session->discoveries;
         at = at->next) {
        struct kith_discovery *discovery = KITH_CONTAINER(at, struct kith_discovery, node);
        discovery->keys_changed |= keys_changed;
        kith_defer(session->env, &discovery->step);
    }
}

/* Everything is taken off the air and nothing is looked for; who was found stays so. */
void kith_discover_rest(struct kith_session *session)
{
    kith_finders_rest(session);
    for (struct kith_node *at = session->discoveries.next; at != &session->discoveries;
         at = at->next) {
        struct kith_discovery *discovery = KITH_CONTAINER(at, struct kith_discovery, node);
        kith_timer_stop(session->env, &discovery->rotate_timer);
        kith_found_rest(discovery);
        kith_meet_fini(discovery);
    }
}

void kith_discover_refresh(struct kith_session *session)
{
    kith_finders_refresh(session);
    for (struct kith_node *at = session->discoveries.next; at != &session->discoveries;
         at = at->next) {
        kith_meet_again(KITH_CONTAINER(at, struct kith_discovery, node));
    }
}

void kith_discover_wake(struct kith_session *session)
{
    struct kith_env *env = session->env;
    for (struct kith_node *at = session->discoveries.next; at != &session->discoveries;
         at = at->next) {
        struct kith_discovery *discovery = KITH_CONTAINER(at, struct kith_discovery, node);
        kith_found_wake(discovery);
        if (!discovery->is_browser && discovery->instance[0] == '\0') {
            (void)!kith_timer_set(env, &discovery->rotate_timer,
                                  env->now_us + (uint64_t)KITH_TAG_MS * 1000);
        }
    }
}

kith_session *kith_discover_session(const struct kith_discovery *discovery)
{
    return discovery->session;
}

kith_err kith_discover_dial(struct kith_discovery *discovery, uint64_t number,
                            const kith_dial_options *options, struct kith_dial **out)
{
    const char *urls[KITH_SIGHTINGS_PER_PEER_MAX];
    const struct kith_found_peer *found = kith_found_by_number(discovery, number);
    size_t count = found != NULL ? kith_found_urls(found, urls) : 0;
    if (count == 0) {
        return kith_fail(KITH_ERR_NOT_FOUND, "there is no such peer here any more");
    }
    return kith_dial_group(discovery->session, urls, count, options, out);
}

void kith_discover_init(struct kith_session *session)
{
    kith_list_init(&session->discoveries);
    kith_list_init(&session->finders);
}
