/* SPDX-License-Identifier: MIT
 *
 * watch.h: the up-calls as the hub makes them here; each does what the kith_up_… of its name does.
 */
#ifndef KITH_SIM_WATCH_H
#define KITH_SIM_WATCH_H

#include "transport.h"

struct kith_link *sim_up_accepted(struct kith_port *port, const char *remote_address);
void sim_up_link(struct kith_link *link);
size_t sim_up_pull(struct kith_link *link, uint8_t *out, size_t room);
void sim_up_rx(struct kith_link *link, const uint8_t *bytes, size_t count);
void sim_up_down(struct kith_link *link, kith_reason reason, const char *detail);

#endif
