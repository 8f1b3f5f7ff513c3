/* SPDX-License-Identifier: MIT
 *
 * history.c: see history.h.
 */
#include "history.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

static void drop_oldest(struct history *history)
{
    struct history_line *const oldest = &history->lines[0];
    text_wipe(oldest->text, oldest->bytes);
    free(oldest->text);
    history->bytes -= oldest->bytes;
    history->count--;
    memmove(history->lines, history->lines + 1, history->count * sizeof history->lines[0]);
}

void history_add(struct history *history, const char *text, size_t bytes)
{
    const struct history_line *const last = history_get(history, 1);
    if (bytes == 0 ||
        (last != NULL && last->bytes == bytes && memcmp(last->text, text, bytes) == 0)) {
        return;
    }
    char *const copy = malloc(bytes);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, text, bytes);
    while (history->count > 0 &&
           (history->count == HISTORY_LINES_MAX || history->bytes + bytes > HISTORY_BYTES_MAX)) {
        drop_oldest(history);
    }
    history->lines[history->count++] = (struct history_line){bytes, copy};
    history->bytes += bytes;
}

const struct history_line *history_get(const struct history *history, size_t back)
{
    return back > 0 && back <= history->count ? &history->lines[history->count - back] : NULL;
}

void history_free(struct history *history)
{
    while (history->count > 0) {
        drop_oldest(history);
    }
}
