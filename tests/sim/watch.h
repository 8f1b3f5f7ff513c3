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
void sim_up_pull_slices(struct kith_link *link, uint8_t *out, size_t room, size_t most,
                        struct kith_pulled *pulled);
void sim_up_pulled(struct kith_link *link);
size_t sim_up_rx_place(struct kith_link *link, uint8_t **place);
void sim_up_rx(struct kith_link *link, const uint8_t *bytes, size_t count);
void sim_up_down(struct kith_link *link, kith_reason reason, const char *detail);
int sim_up_lane_peek(struct kith_link *link, struct kith_lane_bytes *out);
void sim_up_lane_took(struct kith_link *link, uint64_t lane, size_t count);
void sim_up_lane_blocked(struct kith_link *link, uint64_t lane);
void sim_up_lane_writable(struct kith_link *link, uint64_t lane);
void sim_up_lane_done(struct kith_link *link, uint64_t lane, uint64_t upto);
void sim_up_lane_rx(struct kith_link *link, uint64_t lane, uint64_t offset, const uint8_t *bytes,
                    size_t count);
int sim_up_datagram_peek(struct kith_link *link, size_t room, struct kith_slice *out);
void sim_up_datagram_took(struct kith_link *link);
void sim_up_datagram_rx(struct kith_link *link, const uint8_t *bytes, size_t count);

#endif
