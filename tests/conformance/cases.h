/* SPDX-License-Identifier: MIT
 *
 * cases.h: what a case is, and the lists of them.
 */
#ifndef KITH_CONFORMANCE_CASES_H
#define KITH_CONFORMANCE_CASES_H

#include "place.h"

/* What a case needs of a transport; others do not run it. */
enum {
    NEEDS_SECURE = 1,
    NEEDS_PLAIN = 2,
    NEEDS_SOCKETS = 4,
    NEEDS_HUB = 8,
    NEEDS_MANY_LANES = 16,
    NEEDS_DATAGRAMS = 32,
    NEEDS_TCP = 64,      /* sockets with a stream each */
    NEEDS_PACKETS = 128, /* sockets with packets of all links */
    NEEDS_NEWS = 256,    /* an end that dies is noticed by itself */
    NEEDS_OTHER = 512    /* there is an other_scheme */
};

struct test_case {
    const char *name;
    unsigned needs;
    void (*run)(struct place *place);
};

/* Each list ends with a name of NULL. */
extern const struct test_case address_cases[], exchange_cases[], closing_cases[], fault_cases[],
    secure_cases[], hostile_cases[], crowd_cases[], lane_cases[], datagram_cases[],
    scarcity_cases[], core_cases[], packet_cases[];

#endif
