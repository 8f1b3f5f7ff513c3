/* SPDX-License-Identifier: MIT
 *
 * memory.h: a transport inside one process, for tests and simulation: no socket, no thread, no
 * clock. Deterministic. Not in the list of drivers that applications get.
 *
 * A hub is the network: sessions whose driver is &hub->driver reach each other by port number. Set
 * its knobs at any time.
 */
#ifndef KITH_TRANSPORTS_MEMORY_H
#define KITH_TRANSPORTS_MEMORY_H

#include "transport.h"

struct kith_memory_hub {
    struct kith_driver
        driver; /* schemes: mem (plain), mems (claims TLS 1.3 PSK with an exporter) */
    struct kith_env *env;
    struct kith_node ports;
    struct kith_node links; /* every link that is not down */
    uint16_t last_port;
    uint64_t link_count; /* made so far */

    uint64_t delay_us; /* from one end to the other; 0 = within the turn */
    int spliced; /* links made now give each end another exporter, as a relay in between would */
    /* Sees, and may change, bytes on their way. */
    void (*tap)(void *tap_user, int from_dialer, uint8_t *bytes, size_t count);
    void *tap_user;
};

void kith_memory_hub_init(struct kith_memory_hub *hub, struct kith_env *env);

/* Breaks every link without a word: both ends see LOST. */
void kith_memory_hub_cut(struct kith_memory_hub *hub);

#endif
