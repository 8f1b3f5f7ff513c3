/* SPDX-License-Identifier: MIT
 *
 * identityfile.c: see identityfile.h.
 */
#include "identityfile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "text.h"

enum { FILE_BYTES_MAX = 1024 }; /* one line, and white space behind it */

/* Notes what went wrong; always -1, so that it can be returned. */
__attribute__((format(printf, 2, 3))) static int wrong(struct identityfile_problem *problem,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    return -1;
}

static int take(const char *path, const char *text, size_t bytes, kith_identity *identity,
                struct identityfile_problem *problem)
{
    if (memchr(text, '\0', bytes) != NULL || kith_identity_parse(text, identity) != KITH_OK) {
        snprintf(problem->hint, sizeof problem->hint,
                 "name another file, or one that is not there, to have it made");
        return wrong(problem, "there is no identity in %.200s", path);
    }
    return 0;
}

/* Gives 0, -1 with *problem filled, or 1 where there is no such file. */
static int read_file(const char *path, kith_identity *identity,
                     struct identityfile_problem *problem)
{
    char text[FILE_BYTES_MAX + 1];
    size_t bytes;
    int is_shared = 0;
    int result;
    const int error = files_read_private(path, text, FILE_BYTES_MAX, &bytes, &is_shared);
    if (error == ENOENT) {
        return 1;
    }
    text[bytes] = '\0';
    if (error != 0) {
        snprintf(problem->hint, sizeof problem->hint, "name a file made by --identity");
        result = wrong(problem, "cannot read %.200s: %s", path, strerror(error));
    } else if (is_shared) {
        snprintf(problem->hint, sizeof problem->hint,
                 "say `chmod 600 %.200s`, or make a new one if somebody may have copied it", path);
        result = wrong(problem, "others can read %.200s", path);
    } else {
        result = take(path, text, bytes, identity, problem);
    }
    text_wipe(text, sizeof text);
    return result;
}

/* Gives 0, or -1 with *problem filled; EEXIST too: somebody else has just made it. */
static int make_file(const char *path, kith_identity *identity,
                     struct identityfile_problem *problem)
{
    char line[KITH_IDENTITY_TEXT_BYTES + 1];
    kith_err err = kith_identity_generate(identity);
    if (err == KITH_OK) {
        err = kith_identity_format(identity, line);
    }
    if (err != KITH_OK) {
        snprintf(problem->hint, sizeof problem->hint, "%s", kith_detail());
        return wrong(problem, "no identity could be made: %s", kith_err_text(err));
    }
    const size_t bytes = strlen(line);
    line[bytes] = '\n';
    const int error = files_create(path, line, bytes + 1);
    text_wipe(line, sizeof line);
    if (error == EEXIST) {
        return 1;
    }
    if (error != 0) {
        snprintf(problem->hint, sizeof problem->hint, "choose a folder where you may write");
        return wrong(problem, "cannot write %.200s: %s", path, strerror(error));
    }
    return 0;
}

int identityfile_load(const char *path, kith_identity *identity,
                      struct identityfile_problem *problem)
{
    int result = read_file(path, identity, problem);
    if (result > 0) {
        result = make_file(path, identity, problem);
        if (result > 0) { /* another program was quicker: its identity is the one that counts */
            result = read_file(path, identity, problem);
        }
    }
    if (result > 0) { /* a link to nowhere */
        snprintf(problem->hint, sizeof problem->hint, "remove it, or name another file");
        result = wrong(problem, "%.200s is there, and cannot be opened", path);
    }
    if (result != 0) {
        kith_identity_wipe(identity);
    }
    return result;
}
