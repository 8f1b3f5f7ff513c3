/* SPDX-License-Identifier: MIT
 *
 * floor_copy.c: inside one process the least there is to do: each message is copied once, and
 * checked.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "floor.h"
#include "meter.h"

void floor_copy(const struct job *job, struct line *line, struct side sides[2])
{
    struct side *side = &sides[LISTENS];
    uint8_t *copy = need(job->size);
    struct maker maker;
    struct check check;
    (void)line;
    maker_open(&maker, job->size);
    check_open(&check, job->size);
    meter_start(side);
    while (!check.is_over) {
        int last = maker.next % 64 == 63 && now_ns() >= side->begin_ns + job->span_ns;
        memcpy(copy, maker_message(&maker, maker.next, 0, last), job->size);
        side->delivered += check_take(&check, copy, job->size);
        maker.next++;
    }
    meter_stop(side);
    side->sent = maker.next;
    side->bytes = side->delivered * job->size;
    sides[DIALS] = *side; /* it was both */
    maker_close(&maker);
    free(copy);
}
