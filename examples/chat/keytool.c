/* SPDX-License-Identifier: MIT
 *
 * keytool.c: see keytool.h. Keys go through buffers that are wiped: read() and write(), no stdio.
 */
#define _GNU_SOURCE /* isatty, dprintf */

#include "keytool.h"
#include "guard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keyfile.h"
#include "keytext.h"
#include "qr.h"
#include "report.h"
#include "terminal.h"
#include "text.h"

enum { GROUP = 4, INPUT_BYTES_MAX = 64 * 1024 };

/* ---- showing ---- */

static void put_code(const kith_key *key, const struct report *report)
{
    char text[KEYTEXT_CHARACTERS_MAX + 1];
    int columns, rows;
    terminal_size(&columns, &rows);
    keytext_write(key, 0, text);
    switch (qr_put(STDOUT_FILENO, text, columns, report->is_coloured)) {
    case QR_OK:
        break;
    case QR_MISSING:
        dprintf(STDOUT_FILENO, "(This kith-chat was built without QR codes.)\n");
        break;
    case QR_TOO_WIDE:
        dprintf(STDOUT_FILENO, "(This window is too narrow for the QR code.)\n");
        break;
    }
    text_wipe(text, sizeof text);
}

static int put_key(const kith_key *key, const struct report *report, int is_terminal)
{
    char text[KEYTEXT_CHARACTERS_MAX + 1];
    if (is_terminal) {
        dprintf(STDOUT_FILENO, "The key with the identity %s:\n\n", key->identity);
    }
    keytext_write(key, GROUP, text);
    const size_t bytes = strlen(text);
    text[bytes] = '\n'; /* in place of the NUL */
    const int is_written = write(STDOUT_FILENO, text, bytes + 1) == (ssize_t)(bytes + 1);
    text_wipe(text, sizeof text);
    if (is_terminal) {
        dprintf(STDOUT_FILENO, "\n");
        put_code(key, report);
        dprintf(STDOUT_FILENO, "\n");
    }
    return is_written ? 0 : -1;
}

int keytool_show(const struct options *options)
{
    static struct keyfile keyfile;
    const int is_terminal = isatty(STDOUT_FILENO);
    struct report report;
    struct keyfile_problem problem;
    int status = EXIT_OK;
    report_init(&report, options);
    guard_process();
    if (keyfile_read(&keyfile, options->key_file, &problem) != 0) {
        report_error(&report, "KEY", problem.hint, "%s", problem.text);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < keyfile.count && status == EXIT_OK; i++) {
        if (put_key(&keyfile.keys[i], &report, is_terminal) != 0) {
            report_error(&report, "IO", "", "cannot write to standard output: %s", strerror(errno));
            status = EXIT_FAILED;
        }
    }
    keyfile_wipe(&keyfile);
    if (is_terminal && status == EXIT_OK) {
        dprintf(STDOUT_FILENO, "Whoever sees this can join and read along: clear the screen after. "
                               "On the other machine:\n"
                               "    kith-chat --add-key --key FILE\n");
    }
    return status;
}

/* ---- adding ---- */

/* Reads a line at a terminal, or all there is elsewhere. Gives how many bytes, or -1. */
static ssize_t read_input(char *out, size_t room, int is_terminal)
{
    size_t used = 0;
    while (used < room) {
        const ssize_t got = read(STDIN_FILENO, out + used, room - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        used += (size_t)got;
        if (got == 0 || (is_terminal && memchr(out, '\n', used) != NULL)) {
            out[used] = '\0';
            return (ssize_t)used;
        }
    }
    errno = EFBIG;
    return -1;
}

/* Takes one line. Gives an exit status. */
static int add_line(const struct options *options, struct report *report, const char *line)
{
    struct keyfile_problem problem;
    kith_key key;
    const enum keytext_result result = keytext_read(line, &key);
    if (result == KEYTEXT_CHECKSUM) {
        report_error(report, "KEY", "type it again, group by group",
                     "there is a slip in this key: its checksum is wrong");
        return EXIT_USAGE;
    }
    if (result != KEYTEXT_OK && kith_key_parse(line, &key) != KITH_OK) {
        report_error(report, "KEY",
                     "`kith-chat --show-key --key FILE` shows one as it is read here",
                     "that is no key, neither letters in groups nor IDENTITY:HEXDIGITS");
        return EXIT_USAGE;
    }
    const int added = keyfile_add(options->key_file, &key, &problem);
    if (added >= 0) {
        printf(added == 0 ? "The key with the identity %s is now in %s.\n"
                          : "The key with the identity %s was in %s already.\n",
               key.identity, options->key_file);
    }
    kith_key_wipe(&key);
    if (added < 0) {
        report_error(report, "KEY", problem.hint, "%s", problem.text);
    }
    return added < 0 ? EXIT_FAILED : EXIT_OK;
}

static int add_lines(const struct options *options, struct report *report, char *text)
{
    int count = 0;
    int status = EXIT_OK;
    for (char *line = text; *line != '\0' && status == EXIT_OK;) {
        char *const end = line + strcspn(line, "\n");
        const int is_last = *end == '\0';
        *end = '\0';
        if (*line != '#' && line[strspn(line, " \t\r")] != '\0') {
            count++;
            status = add_line(options, report, line);
        }
        line = is_last ? end : end + 1;
    }
    if (count == 0) {
        report_error(report, "KEY", "give one on standard input", "there was no key to add");
        return EXIT_USAGE;
    }
    return status;
}

int keytool_add(const struct options *options)
{
    static char text[INPUT_BYTES_MAX + 1];
    const int is_terminal = isatty(STDIN_FILENO);
    struct report report;
    report_init(&report, options);
    guard_process();
    if (is_terminal) {
        if (terminal_hide_typing() != 0) {
            report_error(&report, "IO", "", "cannot hide what is typed: %s", strerror(errno));
            return EXIT_FAILED;
        }
        fputs("Key (it is not shown): ", stderr);
    }
    const ssize_t bytes = read_input(text, INPUT_BYTES_MAX, is_terminal);
    const int error = errno;
    if (is_terminal) {
        terminal_leave();
        putc('\n', stderr);
    }
    if (bytes < 0) {
        report_error(&report, "IO", "", "cannot read standard input: %s", strerror(error));
        text_wipe(text, sizeof text);
        return EXIT_FAILED;
    }
    const int status = add_lines(options, &report, text);
    text_wipe(text, sizeof text);
    return status;
}
