/* SPDX-License-Identifier: MIT
 *
 * memory.c: the hub itself: ports, the driver's table, and what can go wrong on demand. It must do
 * nothing that a transport with sockets could not.
 */
#include "transports/memory/memory.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "transports/memory/inside.h"

enum { IN_FLIGHT_BYTES = 64 * 1024, DATAGRAM_BYTES = 1200 };

struct memory_endpoint {
    struct kith_endpoint base;
};

/* ---- endpoints and ports ----------------------------------------------------------------- */

static kith_err endpoint_open(struct kith_endpoint *endpoint)
{
    struct kith_memory_hub *hub = kith__mem_hub_of(endpoint);
    int datagrams = (hub->driver.capabilities & KITH_DRIVER_DATAGRAMS) != 0;
    int lanes = (hub->driver.capabilities & KITH_DRIVER_MANY_LANES) != 0;
    hub->driver.datagram_max = datagrams ? kith__mem_datagram_max : NULL;
    hub->driver.lanes_end = lanes ? kith__mem_lanes_end : NULL;
    return KITH_OK;
}

static void endpoint_close(struct kith_endpoint *endpoint)
{
    (void)endpoint;
}

int kith__mem_is_secure(const struct kith_memory_hub *hub, const char *scheme)
{
    const struct kith_scheme *at = hub->driver.schemes;
    while (at->name != NULL && strcmp(at->name, scheme) != 0) {
        at++;
    }
    return at->name != NULL && at->secure;
}

struct kith__mem_port *kith__mem_port_find(struct kith_memory_hub *hub, uint16_t number)
{
    for (struct kith_node *at = hub->ports.next; at != &hub->ports; at = at->next) {
        struct kith__mem_port *port = KITH_CONTAINER(at, struct kith__mem_port, node);
        if (port->number == number) {
            return port;
        }
    }
    return NULL;
}

static kith_err listen_on(struct kith_port *base, const struct kith_address *address, char *url,
                          size_t url_bytes)
{
    struct kith__mem_port *port = (struct kith__mem_port *)base;
    struct kith_memory_hub *hub = kith__mem_hub_of(base->endpoint);
    port->secure = kith__mem_is_secure(hub, address->scheme);
    if (port->secure != (base->endpoint->security != KITH_SECURITY_NONE)) {
        return kith_fail(KITH_ERR_CONFIG, "%s:// does not fit the session's security",
                         address->scheme);
    }
    port->number = address->port != 0 ? address->port : ++hub->last_port;
    if (kith__mem_port_find(hub, port->number) != NULL) {
        return kith_fail(KITH_ERR_IN_USE, "%s://%s:%u is taken; choose another port, or 0",
                         address->scheme, address->host, port->number);
    }
    kith_list_append(&hub->ports, &port->node);
    snprintf(url, url_bytes, "%s://hub:%u", address->scheme, port->number);
    return KITH_OK;
}

static void port_close(struct kith_port *base)
{
    kith_list_remove(&((struct kith__mem_port *)base)->node);
}

/* ---- the hub ----------------------------------------------------------------------------- */

static const struct kith_scheme schemes[] = {{"mem", 0}, {"mems", 1}, {NULL, 0}};

static const struct kith_driver memory_driver = {
    .name = "memory",
    .capabilities = KITH_DRIVER_ONE_LANE,
    .schemes = schemes,
    .endpoint_bytes = sizeof(struct memory_endpoint),
    .port_bytes = sizeof(struct kith__mem_port),
    .link_bytes = sizeof(struct kith__mem_link),
    .endpoint_open = endpoint_open,
    .endpoint_close = endpoint_close,
    .listen = listen_on,
    .port_close = port_close,
    .dial = kith__mem_dial,
    .close = kith__mem_close,
    .tx_ready = kith__mem_tx_ready,
    .info = kith__mem_info,
    .exporter = kith__mem_exporter,
    .can_write = kith__mem_can_write,
};

void kith_memory_hub_init(struct kith_memory_hub *hub, struct kith_env *env)
{
    memset(hub, 0, sizeof *hub);
    hub->driver = memory_driver;
    hub->env = env;
    hub->in_flight_bytes = IN_FLIGHT_BYTES;
    hub->datagram_bytes = DATAGRAM_BYTES;
    kith_list_init(&hub->ports);
    kith_list_init(&hub->links);
}

/* ---- what can go wrong ------------------------------------------------------------------- */

static const char broken[] = "the connection broke";

static void cut_both(struct kith__mem_link *link)
{
    struct kith__mem_link *other = link->other;
    kith__mem_part(link);
    kith__mem_cut(link, KITH_REASON_LOST, broken);
    if (other != NULL) {
        kith__mem_cut(other, KITH_REASON_LOST, broken);
    }
}

void kith_memory_hub_cut(struct kith_memory_hub *hub)
{
    for (struct kith_node *at = hub->links.next; at != &hub->links; at = at->next) {
        cut_both(KITH_CONTAINER(at, struct kith__mem_link, node));
    }
}

static struct kith__mem_link *find_link(struct kith_memory_hub *hub, uint64_t number,
                                        int is_dialled)
{
    for (struct kith_node *at = hub->links.next; at != &hub->links; at = at->next) {
        struct kith__mem_link *link = KITH_CONTAINER(at, struct kith__mem_link, node);
        if (link->number == number && link->is_dialled == is_dialled) {
            return link;
        }
    }
    return NULL;
}

/* The end that sends is well again, and so is the way to the other one. */
static void heal(struct kith__mem_link *end, struct kith__mem_link *far)
{
    if (end != NULL && end->swallows && end->has_swallowed) {
        cut_both(end);
        return;
    }
    if (end != NULL) {
        end->swallows = 0;
    }
    if (far != NULL) {
        far->is_stalled = 0;
        kith__mem_wake(far);
    }
}

int kith_memory_hub_fault(struct kith_memory_hub *hub, uint64_t number,
                          enum kith_memory_fault fault, int at_dialer)
{
    struct kith__mem_link *end = find_link(hub, number, at_dialer != 0);
    struct kith__mem_link *far = find_link(hub, number, at_dialer == 0);
    if (end == NULL && far == NULL) {
        return 0;
    }
    switch (fault) {
    case KITH_MEMORY_CUT:
        cut_both(end != NULL ? end : far);
        break;
    case KITH_MEMORY_HALF_OPEN:
        kith__mem_part(end != NULL ? end : far);
        if (end != NULL) {
            kith__mem_cut(end, KITH_REASON_LOST, broken);
        }
        break;
    case KITH_MEMORY_SWALLOW:
        if (end != NULL) {
            end->swallows = 1;
        }
        break;
    case KITH_MEMORY_STALL:
        if (far != NULL) {
            far->is_stalled = 1;
        }
        break;
    case KITH_MEMORY_HEAL:
        heal(end, far);
        break;
    }
    return 1;
}
