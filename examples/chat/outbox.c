/* SPDX-License-Identifier: MIT
 *
 * outbox.c: see outbox.h.
 */
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

int outbox_add(struct outbox *outbox, uint64_t number, int is_to_one, const char *text,
               size_t bytes)
{
    struct outbox_line *const line = malloc(sizeof *line + bytes + 1);
    if (line == NULL) {
        return -1;
    }
    *line = (struct outbox_line){.number = number, .is_to_one = is_to_one, .bytes = bytes};
    memcpy(line->text, text, bytes);
    line->text[bytes] = '\0';
    if (outbox->last != NULL) {
        outbox->last->next = line;
    } else {
        outbox->first = line;
    }
    outbox->last = line;
    outbox->bytes += sizeof *line + bytes + 1;
    return 0;
}

void outbox_drop(struct outbox *outbox)
{
    struct outbox_line *const line = outbox->first;
    outbox->first = line->next;
    if (outbox->first == NULL) {
        outbox->last = NULL;
    }
    outbox->bytes -= sizeof *line + line->bytes + 1;
    free(line);
}
