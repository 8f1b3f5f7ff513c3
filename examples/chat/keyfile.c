/* SPDX-License-Identifier: MIT
 *
 * keyfile.c: see keyfile.h. Files are read with read(), not stdio, whose buffers could not be
 * wiped.
 */
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

enum {
    FILE_BYTES_MAX = 64 * 1024, /* 64 keys of at most 257 characters, and comments */
    LINE_BYTES_MAX = KITH_KEY_IDENTITY_BYTES_MAX + 2 * KITH_KEY_BYTES_MAX + 2
};

/* Notes what went wrong; always -1, so that it can be returned. */
__attribute__((format(printf, 3, 4))) static int wrong(struct keyfile_problem *problem,
                                                       const char *hint, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    snprintf(problem->hint, sizeof problem->hint, "%s", hint);
    return -1;
}

static int cannot_open(const char *path, int error, struct keyfile_problem *problem)
{
    if (error == ENOENT && strchr(path, ':') != NULL) { /* may well be a key: do not repeat it */
        return wrong(problem,
                     "put it into a file and name that; other users could see it already, so "
                     "better make a new one with `kith-chat --new-key FILE`",
                     "--key takes the name of a file, not the key itself");
    }
    return wrong(problem,
                 error == ENOENT ? "make one with `kith-chat --new-key FILE`"
                                 : "check the name and who may read it",
                 "cannot open the key file %.200s: %s", path, strerror(error));
}

/* Reads a whole file. Gives its size, or -1 with *problem filled. */
static ssize_t read_all(const char *path, char *out, size_t room, int *is_shared,
                        struct keyfile_problem *problem)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return cannot_open(path, errno, problem);
    }
    struct stat status;
    *is_shared = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 077) != 0;
    size_t used = 0;
    ssize_t got = 1;
    while (used < room && (got = read(fd, out + used, room - used)) != 0) {
        if (got < 0 && errno != EINTR) {
            break;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    const int error = errno;
    close(fd);
    if (got < 0) {
        return wrong(problem, "name a key file", "cannot read %.200s: %s", path, strerror(error));
    }
    if (used == room) {
        return wrong(problem, "name a key file", "%.200s is too large to be a key file", path);
    }
    return (ssize_t)used;
}

/* Takes one line, which ends with a NUL. */
static int take_line(struct keyfile *keyfile, const char *line, const char *path, unsigned number,
                     struct keyfile_problem *problem)
{
    static const char form[] = "a key is a line IDENTITY:HEXDIGITS; `kith-chat --new-key FILE` "
                               "makes one";
    if (line[0] == '#' || line[strspn(line, " \t\r")] == '\0') {
        return 0;
    }
    if (keyfile->count == KEYFILE_KEYS_MAX) {
        return wrong(problem, "remove some", "%.200s has more than %d keys", path,
                     KEYFILE_KEYS_MAX);
    }
    if (kith_key_parse(line, &keyfile->keys[keyfile->count]) != KITH_OK) {
        return wrong(problem, form, "line %u of %.200s: %s", number, path, kith_detail());
    }
    keyfile->count++;
    return 0;
}

/* Splits the text into lines and takes each. text is changed and has room for one byte more. */
static int take_lines(struct keyfile *keyfile, char *text, size_t bytes, const char *path,
                      struct keyfile_problem *problem)
{
    unsigned number = 0;
    text[bytes] = '\0';
    if (memchr(text, '\0', bytes) != NULL) {
        return wrong(problem, "name a key file", "%.200s is not a text file", path);
    }
    for (char *line = text; *line != '\0';) {
        char *const end = line + strcspn(line, "\n");
        const int is_last = *end == '\0';
        *end = '\0';
        if (take_line(keyfile, line, path, ++number, problem) != 0) {
            return -1;
        }
        line = is_last ? end : end + 1;
    }
    return 0;
}

/* Reads a file that may have no key in it. Gives 0, or -1 with *problem filled. */
static int read_keys(struct keyfile *keyfile, const char *path, struct keyfile_problem *problem)
{
    char text[FILE_BYTES_MAX + 1];
    keyfile->count = 0;
    const ssize_t bytes = read_all(path, text, FILE_BYTES_MAX, &keyfile->is_shared, problem);
    int result = -1;
    if (bytes >= 0) {
        result = take_lines(keyfile, text, (size_t)bytes, path, problem);
    }
    text_wipe(text, sizeof text);
    if (result != 0) {
        keyfile_wipe(keyfile);
    }
    return result;
}

int keyfile_read(struct keyfile *keyfile, const char *path, struct keyfile_problem *problem)
{
    if (read_keys(keyfile, path, problem) != 0) {
        return -1;
    }
    if (keyfile->count == 0) {
        return wrong(problem, "make one with `kith-chat --new-key FILE`",
                     "there is no key in %.200s", path);
    }
    return 0;
}

void keyfile_wipe(struct keyfile *keyfile)
{
    for (size_t i = 0; i < KEYFILE_KEYS_MAX; i++) {
        kith_key_wipe(&keyfile->keys[i]);
    }
    keyfile->count = 0;
}

/* Writes and closes a file that is then readable by its owner only. Gives 0 or an errno. */
static int write_and_close(int fd, const char *line, size_t bytes)
{
    /* A umask may have taken from the mode, never added to it. */
    int error = fchmod(fd, 0600) == 0 ? 0 : errno;
    for (size_t done = 0; error == 0 && done < bytes;) {
        const ssize_t written = write(fd, line + done, bytes - done);
        if (written > 0) {
            done += (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            error = written == 0 ? EIO : errno;
        }
    }
    if (error == 0 && fsync(fd) != 0 && errno != EINVAL && errno != EROFS) {
        error = errno;
    }
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    return error;
}

/* Writes a line to a new file. Gives 0 or an errno. */
static int write_new(const char *path, const char *line, size_t bytes)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return errno;
    }
    const int error = write_and_close(fd, line, bytes);
    if (error != 0) {
        unlink(path);
    }
    return error;
}

/* Writes a line to the end of a file. Gives 0 or an errno; then the file is as it was. */
static int append(const char *path, const char *line, size_t bytes)
{
    const int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return errno;
    }
    const off_t size = lseek(fd, 0, SEEK_END);
    char last = '\n';
    /* A last line without its end must not run into ours, which begins with one for that. */
    const int is_open_ended = size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
    const int error =
        write_and_close(fd, is_open_ended ? line : line + 1, is_open_ended ? bytes : bytes - 1);
    if (error != 0 && size >= 0 && truncate(path, size) != 0) {
        return errno;
    }
    return error;
}

/* Gives 0 when the key is new to the file, 1 when it is there, -1 where another one has its name.
 */
static int look_for(const struct keyfile *keyfile, const kith_key *key, const char *path,
                    struct keyfile_problem *problem)
{
    for (size_t i = 0; i < keyfile->count; i++) {
        const kith_key *const other = &keyfile->keys[i];
        if (strcmp(other->identity, key->identity) != 0) {
            continue;
        }
        if (other->bytes_count == key->bytes_count &&
            memcmp(other->bytes, key->bytes, key->bytes_count) == 0) {
            return 1;
        }
        return wrong(problem, "remove the one of them that is wrong",
                     "another key with the identity %s is in %.200s", key->identity, path);
    }
    if (keyfile->count == KEYFILE_KEYS_MAX) {
        return wrong(problem, "remove some", "%.200s has %d keys, which is all it can have", path,
                     KEYFILE_KEYS_MAX);
    }
    return 0;
}

int keyfile_add(const char *path, const kith_key *key, struct keyfile_problem *problem)
{
    static struct keyfile keyfile; /* too large for some stacks */
    char line[1 + LINE_BYTES_MAX + 1] = "\n";
    const int is_there = access(path, F_OK) == 0;
    keyfile.count = 0;
    int result = is_there ? read_keys(&keyfile, path, problem) : 0;
    if (result == 0) {
        result = look_for(&keyfile, key, path, problem);
    }
    keyfile_wipe(&keyfile);
    if (result != 0) {
        return result;
    }
    if (kith_key_format(key, line + 1, LINE_BYTES_MAX) != KITH_OK) {
        return wrong(problem, kith_detail(), "that is no key");
    }
    const size_t bytes = strlen(line);
    line[bytes] = '\n';
    const int error = is_there ? append(path, line, bytes + 1) : write_new(path, line + 1, bytes);
    text_wipe(line, sizeof line);
    if (error != 0) {
        return wrong(problem, "check the name and who may write it", "cannot write %.200s: %s",
                     path, strerror(error));
    }
    return 0;
}

int keyfile_create(const char *path, char identity[KITH_KEY_IDENTITY_BYTES_MAX + 1],
                   struct keyfile_problem *problem)
{
    kith_key key;
    char line[LINE_BYTES_MAX + 1];
    kith_err err = kith_key_generate(&key);
    if (err == KITH_OK) {
        err = kith_key_format(&key, line, LINE_BYTES_MAX);
    }
    if (err != KITH_OK) {
        kith_key_wipe(&key);
        return wrong(problem, kith_detail(), "no key could be made: %s", kith_err_text(err));
    }
    memcpy(identity, key.identity, sizeof key.identity);
    kith_key_wipe(&key);
    const size_t bytes = strlen(line);
    line[bytes] = '\n';
    const int error = write_new(path, line, bytes + 1);
    text_wipe(line, sizeof line);
    if (error == EEXIST) {
        return wrong(problem, "choose another name, or remove it first",
                     "%.200s exists already, and a key is never overwritten", path);
    }
    if (error != 0) {
        return wrong(problem, "choose a folder where you may write", "cannot write %.200s: %s",
                     path, strerror(error));
    }
    return 0;
}
