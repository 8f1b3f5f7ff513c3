/* SPDX-License-Identifier: MIT
 *
 * files.c: see files.h.
 */
#define _GNU_SOURCE /* mkstemp, O_CLOEXEC */

#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_shared_file(const struct stat *about)
{
    return S_ISREG(about->st_mode) && (about->st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

int files_read(const char *path, void *out, size_t room, size_t *bytes)
{
    int ignored;
    return files_read_private(path, out, room, bytes, &ignored);
}

int files_read_private(const char *path, void *out, size_t room, size_t *bytes, int *is_shared)
{
    char one_more;
    struct stat about;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int error = fd < 0 ? errno : fstat(fd, &about) != 0 ? errno : 0;
    *bytes = 0;
    *is_shared = error == 0 && is_shared_file(&about);
    if (error == 0 && S_ISDIR(about.st_mode)) {
        error = EISDIR;
    }
    while (error == 0) {
        char *const at = *bytes < room ? (char *)out + *bytes : &one_more;
        const ssize_t got = read(fd, at, *bytes < room ? room - *bytes : 1);
        if (got == 0) {
            break;
        }
        if (got < 0) {
            error = errno == EINTR ? 0 : errno;
        } else if (at == &one_more) {
            error = EFBIG;
        } else {
            *bytes += (size_t)got;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static int write_all(int fd, const char *contents, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        const ssize_t written = write(fd, contents + done, bytes - done);
        if (written < 0 && errno != EINTR) {
            return errno;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return fsync(fd) == 0 || errno == EINVAL || errno == EROFS ? 0 : errno;
}

/* Writes a file beside path, and puts it there with place(), rename() or link(). */
static int write_beside(const char *path, const void *contents, size_t bytes,
                        int (*place)(const char *from, const char *to))
{
    const size_t room = strlen(path) + sizeof ".XXXXXX";
    char *const other = malloc(room);
    if (other == NULL) {
        return ENOMEM;
    }
    snprintf(other, room, "%s.XXXXXX", path);
    const int fd = mkstemp(other); /* for its owner only, as POSIX wants it */
    int error = fd < 0 ? errno : write_all(fd, contents, bytes);
    if (fd >= 0 && close(fd) != 0 && error == 0) {
        error = errno;
    }
    if (error == 0 && place(other, path) != 0) {
        error = errno;
    }
    if (fd >= 0 && (error != 0 || place == link)) {
        unlink(other);
    }
    free(other);
    return error;
}

int files_create(const char *path, const void *contents, size_t bytes)
{
    return write_beside(path, contents, bytes, link);
}

int files_replace(const char *path, const void *contents, size_t bytes)
{
    return write_beside(path, contents, bytes, rename);
}

int files_is_shared(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && is_shared_file(&about);
}
