/* SPDX-License-Identifier: MIT
 *
 * places.c: where peers listen: what this side says of itself in INFO, what it believes of others,
 * and what it passes on. Dials nothing. Pure.
 *
 * A place is worth no more than who told it and over which link: nobody can make us dial our own
 * machine or our own network from outside it, and no name is looked up for anybody.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/ip.h"
#include "session/session.h"

/* ---- our own ----------------------------------------------------------------------------------
 */

static int is_any(const char *host)
{
    return strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static size_t write_url(char out[KITH_PLACE_BYTES], const struct kith_url *url, const char *host)
{
    int length = snprintf(out, KITH_PLACE_BYTES,
                          strchr(host, ':') != NULL ? "%.15s://[%.64s]:%u" : "%.15s://%.64s:%u",
                          url->scheme, host, (unsigned)url->port);
    return length > 0 && length < KITH_PLACE_BYTES ? (size_t)length : 0;
}

size_t kith_places_own(const struct kith_session *session, char out[][KITH_PLACE_BYTES])
{
    size_t count = 0;
    if (session->config.role != KITH_ROLE_STAR ||
        session->config.introductions == KITH_INTRODUCTIONS_OFF) {
        return 0; /* whoever hears of none can pass none on */
    }
    for (struct kith_node *at = session->listeners.next; at != &session->listeners; at = at->next) {
        const struct kith_listener *listener = KITH_CONTAINER(at, struct kith_listener, node);
        for (size_t i = 0; i < KITH_DRIVERS_MAX && count < KITH_ENDPOINTS_MAX; i++) {
            const char *text = kith_listening_url(&listener->at[i]);
            struct kith_url url;
            if (text != NULL && kith_url_parse(text, &url) == KITH_OK) {
                count +=
                    write_url(out[count], &url, is_any(listener->url.host) ? "*" : url.host) > 0;
            }
        }
    }
    return count;
}

/* ---- others' ----------------------------------------------------------------------------------
 */

/* Whether a host may be dialled on the word of somebody who is at `teller`. */
static int is_allowed(const struct kith_session *session, const char *host, const char *teller)
{
    enum kith_ip_scope scope = kith_ip_scope(host), from = kith_ip_scope(teller);
    switch (scope) {
    case KITH_IP_NOT_NUMERIC:
        return session->env->io == NULL; /* where nothing is looked up names are addresses */
    case KITH_IP_UNUSABLE:
        return 0;
    case KITH_IP_LOOPBACK:
        return from == KITH_IP_LOOPBACK;
    case KITH_IP_LINK_LOCAL:
        return from == KITH_IP_LOOPBACK || from == KITH_IP_LINK_LOCAL;
    case KITH_IP_PRIVATE:
        return from != KITH_IP_GLOBAL;
    case KITH_IP_GLOBAL:
        return 1;
    }
    return 0;
}

/* Reads one that was told by somebody at teller; "*" stands for that very place. */
static int take(struct kith_session *session, const struct kith_slice *text, const char *teller,
                struct kith_place *out)
{
    char bytes[KITH_PLACE_BYTES];
    struct kith_url url;
    size_t index;
    if (text->count >= sizeof bytes) {
        return 0;
    }
    memcpy(bytes, text->bytes, text->count);
    bytes[text->count] = '\0';
    if (strlen(bytes) != text->count || kith_url_parse(bytes, &url) != KITH_OK || url.port == 0 ||
        strcmp(url.scheme, "any") == 0 ||
        kith_session_driver(session, url.scheme, &index) != KITH_OK) {
        return 0;
    }
    out->is_any = is_any(url.host);
    if (out->is_any && teller[0] == '\0') {
        return 0;
    }
    if (out->is_any) {
        kith_text_copy(url.host, sizeof url.host, teller);
    }
    out->is_near = strcmp(url.host, teller) == 0 && kith_ip_scope(url.host) != KITH_IP_GLOBAL;
    return is_allowed(session, url.host, teller) && write_url(out->url, &url, url.host) > 0;
}

size_t kith_places_read(struct kith_conn *conn, const struct kith_slice *endpoints, size_t count,
                        struct kith_place out[KITH_ENDPOINTS_MAX])
{
    char teller[KITH_IP_TEXT_BYTES];
    size_t good = 0;
    kith_ip_without_port(conn->remote_address, teller, sizeof teller);
    for (size_t i = 0; i < count && good < KITH_ENDPOINTS_MAX; i++) {
        good += (size_t)take(conn->session, &endpoints[i], teller, &out[good]);
    }
    return good;
}

void kith_places_learn(struct kith_conn *conn, const struct kith_info *info)
{
    struct kith_place places[KITH_ENDPOINTS_MAX];
    size_t count = 0;
    if (conn->session->config.role == KITH_ROLE_STAR) {
        count = kith_places_read(conn, info->endpoints, info->endpoint_count, places);
    }
    if (count == 0) {
        return;
    }
    conn->places = kith_resize(conn->session->env, NULL, count * sizeof places[0]);
    if (conn->places != NULL) { /* without memory: not known */
        memcpy(conn->places, places, count * sizeof places[0]);
        conn->place_count = count;
    }
}

void kith_places_use(struct kith_peer *peer, struct kith_conn *conn)
{
    if (conn->places == NULL) {
        return;
    }
    kith_free(peer->env, peer->places);
    peer->places = conn->places;
    peer->place_count = conn->place_count;
    conn->places = NULL;
    conn->place_count = 0;
}

void kith_places_move(struct kith_conn *conn)
{
    struct kith_peer *peer = conn->peer;
    char now[KITH_IP_TEXT_BYTES];
    kith_ip_without_port(conn->remote_address, now, sizeof now);
    for (size_t i = 0; i < peer->place_count; i++) {
        struct kith_place *place = &peer->places[i];
        struct kith_url url;
        if (kith_url_parse(place->url, &url) != KITH_OK) {
            continue;
        }
        if (place->is_any && now[0] != '\0' && is_allowed(conn->session, now, now)) {
            kith_text_copy(url.host, sizeof url.host, now);
            (void)write_url(place->url, &url, url.host);
        }
        place->is_near = strcmp(url.host, now) == 0 && kith_ip_scope(now) != KITH_IP_GLOBAL;
    }
}

/* ---- passing on -------------------------------------------------------------------------------
 */

size_t kith_places_pass_on(const struct kith_peer *subject, const struct kith_conn *to,
                           char out[][KITH_PLACE_BYTES])
{
    char there[KITH_IP_TEXT_BYTES], here[KITH_IP_TEXT_BYTES];
    int is_here;
    size_t count = 0;
    kith_ip_without_port(to->remote_address, there, sizeof there);
    kith_ip_without_port(to->link_info.local_address != NULL ? to->link_info.local_address : "",
                         here, sizeof here);
    is_here = kith_ip_scope(there) == KITH_IP_LOOPBACK;
    for (size_t i = 0; i < subject->place_count; i++) {
        const struct kith_place *place = &subject->places[i];
        struct kith_url url;
        const char *host;
        if (kith_url_parse(place->url, &url) != KITH_OK) {
            continue;
        }
        host = url.host;
        if (kith_ip_scope(host) == KITH_IP_LOOPBACK && !is_here) {
            /* It is on this machine, and for the other one this machine is somewhere else. */
            if (!place->is_any || here[0] == '\0') {
                continue;
            }
            host = here;
        }
        count += write_url(out[count], &url, host) > 0;
    }
    return count;
}
