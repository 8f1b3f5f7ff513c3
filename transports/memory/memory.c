/* SPDX-License-Identifier: MIT
 *
 * memory.c: the in-process driver. What one end pulls becomes a packet that the other receives
 * after the hub's delay, in order. It must do nothing that a transport with sockets could not.
 */
#include "transports/memory/memory.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/wire.h"

enum { PACKET_BYTES = 4096, IN_FLIGHT_MAX = 16 };

struct packet {
    struct kith_node node;
    uint64_t at_us;
    int end; /* the sender closed */
    size_t count;
    uint8_t bytes[PACKET_BYTES];
};

struct memory_endpoint {
    struct kith_endpoint base;
};

struct memory_port {
    struct kith_port base;
    struct kith_node node;
    uint16_t number;
    int secure;
};

struct memory_link {
    struct kith_link base;
    struct kith_node node;
    struct memory_link *other; /* NULL: gone, or refused */
    struct kith_memory_hub *hub;
    uint64_t number;
    int dialled, secure, spliced, is_up, closing, flush, ended;
    uint16_t port; /* to connect to; 0 = done */
    kith_reason down_reason;
    struct kith_node queue; /* packets on their way to this end */
    size_t in_flight;
    struct kith_timer timer;
    struct kith_deferred work;
};

static const struct kith_scheme schemes[] = {{"mem", 0}, {"mems", 1}, {NULL, 0}};

static struct kith_memory_hub *hub_of(const struct kith_endpoint *endpoint)
{
    return KITH_CONTAINER(endpoint->driver, struct kith_memory_hub, driver);
}

static void wake(struct memory_link *link)
{
    kith_defer(link->hub->env, &link->work);
}

static void unqueue(struct memory_link *link, struct packet *packet)
{
    kith_list_remove(&packet->node);
    link->in_flight--;
}

static void drop_packet(struct memory_link *link, struct packet *packet)
{
    unqueue(link, packet);
    kith_free(link->hub->env, packet);
}

/* The one way out. */
static void down(struct memory_link *link, kith_reason reason)
{
    if (link->ended) {
        return;
    }
    link->ended = 1;
    while (!kith_list_empty(&link->queue)) {
        drop_packet(link, KITH_CONTAINER(link->queue.next, struct packet, node));
    }
    if (link->other != NULL) {
        link->other->other = NULL;
        wake(link->other);
        link->other = NULL;
    }
    kith_timer_stop(link->hub->env, &link->timer);
    kith_undefer(&link->work);
    kith_list_remove(&link->node);
    kith_up_down(&link->base, reason, "");
}

/* Looks at a packet again when it has arrived: at the end of this turn or by the timer. */
static void wait_for(struct memory_link *to, struct packet *packet)
{
    struct kith_env *env = to->hub->env;
    if (packet->at_us > env->now_us && !kith_timer_is_set(&to->timer) &&
        kith_timer_set(env, &to->timer, packet->at_us) != KITH_OK) {
        packet->at_us = env->now_us; /* no memory for a delay */
    }
    if (packet->at_us <= env->now_us) {
        wake(to);
    }
}

static void post(struct memory_link *to, struct packet *packet)
{
    packet->at_us = to->hub->env->now_us + to->hub->delay_us;
    kith_list_append(&to->queue, &packet->node);
    to->in_flight++;
    wait_for(to, packet);
}

/* Sends what the core has. 1 when there may be more. */
static int pump(struct memory_link *link)
{
    while (link->other != NULL && link->other->in_flight < IN_FLIGHT_MAX) {
        struct packet *packet = kith_alloc(link->hub->env, sizeof *packet);
        if (packet == NULL) {
            return 0;
        }
        packet->count = kith_up_pull(&link->base, packet->bytes, sizeof packet->bytes);
        if (packet->count == 0) {
            kith_free(link->hub->env, packet);
            return 0;
        }
        if (link->hub->tap != NULL) {
            link->hub->tap(link->hub->tap_user, link->dialled, packet->bytes, packet->count);
        }
        post(link->other, packet);
    }
    return link->other != NULL;
}

static void send_end(struct memory_link *link)
{
    struct packet *packet = kith_alloc(link->hub->env, sizeof *packet);
    if (packet != NULL) {
        packet->end = 1;
        post(link->other, packet);
    } else {
        wake(link->other); /* it finds nobody there */
    }
    link->other->other = NULL;
    link->other = NULL;
}

/* Takes what has arrived. */
static void take(struct memory_link *link)
{
    while (!link->ended && !kith_list_empty(&link->queue)) {
        struct packet *packet = KITH_CONTAINER(link->queue.next, struct packet, node);
        int end = packet->end;
        if (packet->at_us > link->hub->env->now_us) {
            wait_for(link, packet);
            return;
        }
        unqueue(link, packet); /* the core may have the queue emptied while it reads */
        if (!end && !link->closing) {
            kith_up_rx(&link->base, packet->bytes, packet->count);
        }
        kith_free(link->hub->env, packet);
        if (end) {
            down(link, link->closing ? KITH_REASON_LOCAL : KITH_REASON_LOST);
            return;
        }
        if (link->other != NULL) {
            wake(link->other); /* there is room again */
        }
    }
}

static void work(struct kith_deferred *deferred);
static void arrived(struct kith_timer *timer);

static struct memory_port *find_port(struct kith_memory_hub *hub, uint16_t number)
{
    for (struct kith_node *at = hub->ports.next; at != &hub->ports; at = at->next) {
        struct memory_port *port = KITH_CONTAINER(at, struct memory_port, node);
        if (port->number == number) {
            return port;
        }
    }
    return NULL;
}

static void begin(struct memory_link *link, struct kith_memory_hub *hub, int dialled, int secure)
{
    link->hub = hub;
    link->dialled = dialled;
    link->secure = secure;
    link->spliced = hub->spliced;
    link->number = hub->link_count;
    link->down_reason = KITH_REASON_REFUSED;
    link->timer.fire = arrived;
    link->work.run = work;
    kith_list_init(&link->queue);
    kith_list_append(&hub->links, &link->node);
    wake(link);
}

/* The other session is asked at the end of the turn, as a socket would be. */
static void connect_to_port(struct memory_link *link)
{
    struct memory_port *port = find_port(link->hub, link->port);
    struct memory_link *other;
    link->port = 0;
    if (port == NULL) {
        return;
    }
    if (port->secure != link->secure) {
        link->down_reason = KITH_REASON_NOT_KITH;
        return;
    }
    other = (struct memory_link *)kith_up_accepted(&port->base, "memory");
    if (other != NULL) {
        begin(other, link->hub, 0, link->secure);
        other->number = link->number;
        other->spliced = link->spliced;
        link->other = other;
        other->other = link;
    }
}

static void work(struct kith_deferred *deferred)
{
    struct memory_link *link = KITH_CONTAINER(deferred, struct memory_link, work);
    if (link->port != 0 && !link->closing) {
        connect_to_port(link);
    }
    if (!link->is_up && link->other == NULL && !link->closing) {
        down(link, link->down_reason);
        return;
    }
    if (!link->is_up && !link->closing) {
        link->is_up = 1;
        kith_up_link(&link->base);
    }
    take(link);
    if (link->ended) {
        return;
    }
    if (link->closing && (!link->flush || !pump(link))) {
        if (link->other != NULL && link->flush) {
            send_end(link);
        }
        down(link, KITH_REASON_LOCAL);
        return;
    }
    if (!link->closing) {
        (void)pump(link);
        if (link->other == NULL && kith_list_empty(&link->queue)) {
            down(link, KITH_REASON_LOST);
        }
    }
}

static void arrived(struct kith_timer *timer)
{
    work(&KITH_CONTAINER(timer, struct memory_link, timer)->work);
}

static kith_err endpoint_open(struct kith_endpoint *endpoint)
{
    (void)endpoint;
    return KITH_OK;
}

static void endpoint_close(struct kith_endpoint *endpoint)
{
    (void)endpoint;
}

static kith_err listen_on(struct kith_port *base, const struct kith_address *address, char *url,
                          size_t url_bytes)
{
    struct memory_port *port = (struct memory_port *)base;
    struct kith_memory_hub *hub = hub_of(base->endpoint);
    port->number = address->port != 0 ? address->port : ++hub->last_port;
    if (find_port(hub, port->number) != NULL) {
        return kith_fail(KITH_ERR_IN_USE, "port %u is taken", port->number);
    }
    port->secure = strcmp(address->scheme, "mems") == 0;
    kith_list_append(&hub->ports, &port->node);
    snprintf(url, url_bytes, "%s://hub:%u", address->scheme, port->number);
    return KITH_OK;
}

static void port_close(struct kith_port *base)
{
    kith_list_remove(&((struct memory_port *)base)->node);
}

static kith_err dial(struct kith_link *base, const struct kith_address *address)
{
    struct memory_link *link = (struct memory_link *)base;
    struct kith_memory_hub *hub = hub_of(base->endpoint);
    hub->link_count++;
    link->port = address->port;
    begin(link, hub, 1, strcmp(address->scheme, "mems") == 0);
    return KITH_OK;
}

static void close_link(struct kith_link *base, unsigned code, int flush)
{
    struct memory_link *link = (struct memory_link *)base;
    (void)code;
    link->flush = flush && (!link->closing || link->flush);
    link->closing = 1;
    wake(link);
}

static void tx_ready(struct kith_link *base)
{
    wake((struct memory_link *)base);
}

static void info(struct kith_link *base, struct kith_link_info *out)
{
    const struct memory_link *link = (const struct memory_link *)base;
    memset(out, 0, sizeof *out);
    out->channel = link->secure ? KITH_CHANNEL_TLS13_PSK : KITH_CHANNEL_PLAIN;
    out->tls_version = link->secure ? 0x0304 : 0;
    out->cipher_suite = link->secure ? 0x1301 : 0;
    out->transport = link->secure ? "mems" : "mem";
    out->cipher = link->secure ? "TLS_AES_128_GCM_SHA256" : "";
    out->psk_identity = link->secure ? "memory" : "";
    out->remote_address = "";
}

static kith_err exporter(struct kith_link *base, const char *label, uint8_t *out, size_t out_bytes)
{
    const struct memory_link *link = (const struct memory_link *)base;
    struct kith_writer writer;
    if (!link->secure) {
        return KITH_ERR_UNSUPPORTED;
    }
    writer = kith_writer_of(out, out_bytes);
    memset(out, label[0], out_bytes);
    kith_write_uint(&writer, link->number, sizeof link->number);
    out[sizeof link->number] = link->spliced ? (uint8_t)link->dialled : 7;
    return KITH_OK;
}

static int can_write(struct kith_link *base)
{
    const struct memory_link *link = (const struct memory_link *)base;
    return link->other != NULL && !link->closing && link->other->in_flight < IN_FLIGHT_MAX;
}

void kith_memory_hub_init(struct kith_memory_hub *hub, struct kith_env *env)
{
    const struct kith_driver driver = {"memory",
                                       KITH_DRIVER_ONE_LANE,
                                       schemes,
                                       sizeof(struct memory_endpoint),
                                       sizeof(struct memory_port),
                                       sizeof(struct memory_link),
                                       endpoint_open,
                                       endpoint_close,
                                       listen_on,
                                       port_close,
                                       dial,
                                       close_link,
                                       tx_ready,
                                       info,
                                       exporter,
                                       can_write};
    memset(hub, 0, sizeof *hub);
    hub->driver = driver;
    hub->env = env;
    kith_list_init(&hub->ports);
    kith_list_init(&hub->links);
}

void kith_memory_hub_cut(struct kith_memory_hub *hub)
{
    struct kith_node *at = hub->links.next;
    while (at != &hub->links) {
        struct memory_link *link = KITH_CONTAINER(at, struct memory_link, node);
        at = at->next;
        if (link->other != NULL) {
            link->other->other = NULL;
            wake(link->other);
            link->other = NULL;
        }
        while (!kith_list_empty(&link->queue)) {
            drop_packet(link, KITH_CONTAINER(link->queue.next, struct packet, node));
        }
        wake(link);
    }
}
