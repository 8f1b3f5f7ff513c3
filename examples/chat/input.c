/* SPDX-License-Identifier: MIT
 *
 * input.c: see input.h. Between start and end the buffer holds what was read and not yet taken.
 */
#include "input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void input_init(struct input *input, int fd)
{
    memset(input, 0, sizeof *input);
    input->fd = fd;
}

void input_fill(struct input *input)
{
    memmove(input->buffer, input->buffer + input->start, input->end - input->start);
    input->end -= input->start;
    input->start = 0;
    /* One byte stays free for the NUL after a last line without a line end. */
    const size_t room = sizeof input->buffer - 1 - input->end;
    const ssize_t got = read(input->fd, input->buffer + input->end, room);
    if (got > 0) {
        input->end += (size_t)got;
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        input->is_ended = 1; /* an error ends it as well: a terminal that is gone gives EIO */
    }
}

enum input_result input_next(struct input *input, const char **line, size_t *bytes)
{
    char *const start = input->buffer + input->start;
    const size_t held = input->end - input->start;
    char *const line_end = memchr(start, '\n', held);
    const int is_last = line_end == NULL && input->is_ended && (held > 0 || input->is_skipping);
    if (line_end == NULL && !is_last) {
        if (held > INPUT_LINE_BYTES_MAX) {
            input->is_skipping = 1;
        }
        if (input->is_skipping) {
            input->start = input->end;
        }
        return INPUT_NONE;
    }
    *line = start;
    *bytes = line_end != NULL ? (size_t)(line_end - start) : held;
    start[*bytes] = '\0';
    input->start += *bytes + (line_end != NULL);
    input->line_number++;
    if (input->is_skipping || *bytes > INPUT_LINE_BYTES_MAX) {
        input->is_skipping = 0;
        return INPUT_TOO_LONG;
    }
    return INPUT_LINE;
}
