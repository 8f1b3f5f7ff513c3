/* SPDX-License-Identifier: MIT
 *
 * link.c: the life of a link of the memory hub. Everything that calls up happens in a link's turn:
 * at the end of the loop's, or when its timer fires.
 *
 *   dial ──> DIALLING ──> SHAKING ──> UP ──> OVER
 *   accept ──────────────────^
 *
 * From every stage it can go to OVER.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "transports/memory/inside.h"

enum { STARVED_US = 1000 }; /* when memory is asked for again */

static void take_turn(struct kith__mem_link *link);

/* ---- turns ------------------------------------------------------------------------------- */

static void on_work(struct kith_deferred *deferred)
{
    take_turn(KITH_CONTAINER(deferred, struct kith__mem_link, work));
}

static void on_timer(struct kith_timer *timer)
{
    take_turn(KITH_CONTAINER(timer, struct kith__mem_link, timer));
}

void kith__mem_wake(struct kith__mem_link *link)
{
    if (link->stage != KITH__MEM_NEW && link->stage != KITH__MEM_OVER) {
        kith_defer(link->hub->env, &link->work);
    }
}

static struct kith__mem_packet *first_packet(struct kith__mem_link *link)
{
    return kith_list_empty(&link->queue)
               ? NULL
               : KITH_CONTAINER(link->queue.next, struct kith__mem_packet, node);
}

static uint64_t next_us(struct kith__mem_link *link)
{
    struct kith__mem_packet *packet = first_packet(link);
    uint64_t at_us = KITH_TIME_NEVER;
    if (link->stage < KITH__MEM_UP) {
        return link->ready_us < link->deadline_us ? link->ready_us : link->deadline_us;
    }
    if (packet != NULL && !link->is_stalled) {
        at_us = packet->at_us;
    }
    if (link->is_starved && at_us > link->hub->env->now_us + STARVED_US) {
        at_us = link->hub->env->now_us + STARVED_US;
    }
    return at_us;
}

void kith__mem_schedule(struct kith__mem_link *link)
{
    struct kith_env *env = link->hub->env;
    uint64_t at_us = next_us(link);
    if (at_us <= env->now_us) {
        kith__mem_wake(link);
    } else if (at_us != KITH_TIME_NEVER &&
               (!kith_timer_is_set(&link->timer) || link->timer.at_us > at_us) &&
               kith_timer_set(env, &link->timer, at_us) != KITH_OK) {
        /* No memory for a delay: then there is none. */
        struct kith__mem_packet *packet = first_packet(link);
        if (packet != NULL) {
            packet->at_us = env->now_us;
        }
        link->ready_us = env->now_us;
        link->is_starved = 0;
        kith__mem_wake(link);
    }
}

/* ---- the end ----------------------------------------------------------------------------- */

void kith__mem_cut(struct kith__mem_link *link, kith_reason reason, const char *detail)
{
    if (!link->is_cut && link->stage != KITH__MEM_OVER) {
        link->is_cut = 1;
        link->reason = reason;
        link->detail = detail;
        kith__mem_wake(link);
    }
}

void kith__mem_part(struct kith__mem_link *link)
{
    struct kith__mem_link *ends[] = {link, link->other};
    for (int i = 0; i < 2 && ends[i] != NULL; i++) {
        kith__mem_unlend(ends[i]);
    }
    for (int i = 0; i < 2 && ends[i] != NULL; i++) {
        kith__mem_drop_queue(ends[i]);
        ends[i]->other = NULL;
    }
}

/* The one way out. */
static void down(struct kith__mem_link *link, kith_reason reason, const char *detail)
{
    struct kith_memory_hub *hub = link->hub;
    kith__mem_unlend(link);
    kith__mem_post_end(link, 1);
    kith__mem_drop_queue(link);
    kith_timer_stop(hub->env, &link->timer);
    kith_undefer(&link->work);
    kith_list_remove(&link->node);
    kith_free(hub->env, link->lanes);
    link->lanes = NULL;
    link->lane_count = 0;
    link->stage = KITH__MEM_OVER;
    if (kith_list_empty(&hub->links)) {
        kith_free(hub->env, hub->spare);
        hub->spare = NULL;
    }
    kith_up_down(&link->base, link->is_closing ? KITH_REASON_LOCAL : reason,
                 link->is_closing ? "closed by this side" : detail);
}

/* ---- the handshake ----------------------------------------------------------------------- */

static void begin(struct kith__mem_link *link, struct kith_memory_hub *hub, int is_secure,
                  enum kith__mem_stage stage)
{
    uint64_t now_us = hub->env->now_us;
    link->hub = hub;
    link->is_secure = is_secure != 0;
    link->is_spliced = hub->spliced != 0;
    link->number = hub->link_count;
    link->stage = stage;
    link->ready_us = now_us + hub->handshake_us +
                     (hub->handshake_us != 0 ? kith__mem_below(hub, hub->handshake_us) : 0);
    link->deadline_us = now_us + (uint64_t)link->base.endpoint->handshake_ms * 1000;
    link->timer.fire = on_timer;
    link->work.run = on_work;
    kith_list_init(&link->queue);
    kith_list_append(&hub->links, &link->node);
    kith__mem_wake(link);
}

/* What TLS with a pre-shared key would find. */
static int key_fits(struct kith_endpoint *acceptor, const kith_key *key)
{
    const kith_key *known = kith_up_key_find(acceptor, key->identity);
    return known != NULL && known->bytes_count == key->bytes_count &&
           memcmp(known->bytes, key->bytes, key->bytes_count) == 0;
}

static void meet(struct kith__mem_link *link, struct kith__mem_port *port, const kith_key *key)
{
    const char *remote = link->hub->has_addresses ? "hub:0" : "memory";
    struct kith_endpoint *acceptor = port->base.endpoint; /* the port may be closed inside */
    struct kith__mem_link *other = (struct kith__mem_link *)kith_up_accepted(&port->base, remote);
    if (other == NULL) {
        kith__mem_cut(link, KITH_REASON_REFUSED, "the other side takes no connection now");
        return;
    }
    begin(other, link->hub, link->is_secure, KITH__MEM_SHAKING);
    other->number = link->number;
    other->is_spliced = link->is_spliced;
    kith_text_copy(other->remote, sizeof other->remote, remote);
    link->other = other;
    other->other = link;
    link->stage = KITH__MEM_SHAKING;
    if (link->is_secure && !key_fits(acceptor, key)) {
        kith__mem_cut(link, KITH_REASON_AUTH, "the other side does not know this key");
        kith__mem_cut(other, KITH_REASON_AUTH, "the other side has another key");
        return;
    }
    kith_text_copy(link->identity, sizeof link->identity, link->is_secure ? key->identity : "");
    kith_text_copy(other->identity, sizeof other->identity, link->identity);
}

static void connect_to_port(struct kith__mem_link *link)
{
    struct kith__mem_port *port = kith__mem_port_find(link->hub, link->port);
    const kith_key *known = link->is_secure ? kith_up_key_dial(link->base.endpoint) : NULL;
    kith_key key; /* the table may change in the up-calls that follow */
    memset(&key, 0, sizeof key);
    if (link->is_secure && known == NULL) {
        kith__mem_cut(link, KITH_REASON_AUTH,
                      "there is no key to dial with; add one with KITH_KEY_DIAL");
    } else if (link->hub->unreachable) {
        kith__mem_cut(link, KITH_REASON_UNREACHABLE, "the network is unreachable");
    } else if (port == NULL) {
        kith__mem_cut(link, KITH_REASON_REFUSED, "nobody listens there");
    } else if (port->secure != link->is_secure) {
        kith__mem_cut(link, KITH_REASON_NOT_KITH,
                      "one side wants a plain channel, the other one an encrypted one");
    } else {
        if (known != NULL) {
            key = *known;
        }
        meet(link, port, &key);
    }
    link->hub->env->crypto.wipe(&key, sizeof key);
}

/* A step of the handshake, where one is due. */
static void shake(struct kith__mem_link *link)
{
    uint64_t now_us = link->hub->env->now_us;
    if (now_us >= link->deadline_us && link->ready_us > link->deadline_us) {
        kith__mem_cut(link, KITH_REASON_TIMEOUT, "the other side did not answer in time");
    } else if (link->stage == KITH__MEM_DIALLING) {
        connect_to_port(link);
        kith__mem_wake(link); /* when the other end has had its turn, which may be its last */
    } else if (now_us >= link->ready_us) {
        link->stage = KITH__MEM_UP;
        kith_up_link(&link->base);
    }
}

/* ---- a turn ------------------------------------------------------------------------------ */

/* 1 when the link is over. */
static int end_if_due(struct kith__mem_link *link)
{
    if (link->is_cut) {
        down(link, link->reason, link->detail);
        return 1;
    }
    if (link->is_closing &&
        (!link->is_flushing || link->stage != KITH__MEM_UP || !kith__mem_pump(link))) {
        if (link->is_flushing && link->stage == KITH__MEM_UP) {
            kith__mem_post_end(link, 0);
        }
        down(link, KITH_REASON_LOCAL, "");
        return 1;
    }
    return 0;
}

static void take_turn(struct kith__mem_link *link)
{
    if (end_if_due(link)) {
        return;
    }
    if (link->stage < KITH__MEM_UP) {
        shake(link);
    }
    if (link->stage == KITH__MEM_UP) {
        if (kith__mem_take(link)) {
            down(link, link->reason, link->detail);
            return;
        }
        if (link->is_unblocked) {
            kith__mem_unblock(link);
        }
        if (!link->is_closing && !link->is_cut) {
            (void)kith__mem_pump(link);
        }
    }
    if (!end_if_due(link)) {
        kith__mem_schedule(link);
    }
}

/* ---- calls of the core ------------------------------------------------------------------- */

kith_err kith__mem_dial(struct kith_link *base, const struct kith_address *address)
{
    struct kith__mem_link *link = (struct kith__mem_link *)base;
    struct kith_memory_hub *hub = kith__mem_hub_of(base->endpoint);
    int is_secure = kith__mem_is_secure(hub, address->scheme);
    if (is_secure != (base->endpoint->security != KITH_SECURITY_NONE)) {
        return kith_fail(KITH_ERR_CONFIG, "%s:// does not fit the session's security",
                         address->scheme);
    }
    hub->link_count++;
    link->port = address->port;
    link->is_dialled = 1;
    snprintf(link->remote, sizeof link->remote, "hub:%u", address->port);
    begin(link, hub, is_secure, KITH__MEM_DIALLING);
    return KITH_OK;
}

void kith__mem_close(struct kith_link *base, unsigned code, int flush)
{
    struct kith__mem_link *link = (struct kith__mem_link *)base;
    if (link->stage == KITH__MEM_OVER) {
        return;
    }
    if (!link->is_closing && link->stage != KITH__MEM_NEW) {
        kith__mem_unlend(link);
    }
    link->is_flushing = flush && (!link->is_closing || link->is_flushing);
    link->code = link->is_closing ? link->code : code;
    link->is_closing = 1;
    kith__mem_wake(link);
}

void kith__mem_tx_ready(struct kith_link *base)
{
    kith__mem_wake((struct kith__mem_link *)base);
}

void kith__mem_info(struct kith_link *base, struct kith_link_info *out)
{
    const struct kith__mem_link *link = (const struct kith__mem_link *)base;
    memset(out, 0, sizeof *out);
    out->channel = link->is_secure ? KITH_CHANNEL_TLS13_PSK : KITH_CHANNEL_PLAIN;
    out->tls_version = link->is_secure ? 0x0304 : 0;
    out->cipher_suite = link->is_secure ? 0x1301 : 0;
    out->transport = link->hub->driver.schemes[link->is_secure].name;
    out->cipher = link->is_secure ? "TLS_AES_128_GCM_SHA256" : "";
    out->psk_identity = link->identity;
    out->remote_address = link->remote;
    out->local_address = "hub:0";
}

/* The same at both ends, unless somebody sits in between; another one for each link and label. */
kith_err kith__mem_exporter(struct kith_link *base, const char *label, uint8_t *out,
                            size_t out_bytes)
{
    const struct kith__mem_link *link = (const struct kith__mem_link *)base;
    uint64_t chance;
    if (!link->is_secure) {
        return KITH_ERR_UNSUPPORTED;
    }
    chance = link->number * 4 + (link->is_spliced ? 1u + link->is_dialled : 0u);
    for (; *label != '\0'; label++) {
        chance = kith__mem_random(&chance) ^ (uint8_t)*label;
    }
    for (size_t i = 0; i < out_bytes; i++) {
        out[i] = (uint8_t)kith__mem_random(&chance);
    }
    return KITH_OK;
}
