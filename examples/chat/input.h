/* SPDX-License-Identifier: MIT
 *
 * input.h: lines from a descriptor, whole and of bounded length. Reads only when told to, so that
 * whoever does not want more simply does not ask.
 */
#ifndef CHAT_INPUT_H
#define CHAT_INPUT_H

#include <stddef.h>
#include <stdint.h>

#define INPUT_LINE_BYTES_MAX 65536u /* without the line end */

struct input {
    int fd;
    int is_ended;    /* nothing more will come; what is buffered may still hold lines */
    int is_skipping; /* inside a line that is too long */
    size_t start, end;
    uint64_t line_number; /* of the line given last; the first is 1 */
    char buffer[INPUT_LINE_BYTES_MAX + 2];
};

enum input_result {
    INPUT_NONE, /* no whole line is there */
    INPUT_LINE,
    INPUT_TOO_LONG /* the line of line_number was dropped */
};

void input_init(struct input *input, int fd);

/* Reads once what is there; blocks when nothing is. */
void input_fill(struct input *input);

/* Takes the next line: *line ends with a NUL instead of its line end and is good until the next
 * call on this input. The last line needs no line end. */
enum input_result input_next(struct input *input, const char **line, size_t *bytes);

#endif
