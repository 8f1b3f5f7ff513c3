/* SPDX-License-Identifier: MIT
 *
 * standalone.c: a main() in libFuzzer's place: runs the harness once with each file that is named,
 * and with each file in each folder that is named. So any compiler's build replays the corpora, and
 * a debugger replays a finding.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static unsigned replayed;

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL, *exact;
    size_t count = 0, room = 0, got;
    if (file == NULL) {
        perror(path);
        return 1;
    }
    do {
        room = room == 0 ? 8192 : 2 * room;
        bytes = realloc(bytes, room);
        MUST(bytes != NULL);
        got = fread(bytes + count, 1, room - count, file);
        count += got;
    } while (count == room);
    fclose(file);
    exact = fuzz_copy(bytes, count);
    free(bytes);
    (void)LLVMFuzzerTestOneInput(exact, count);
    free(exact);
    replayed++;
    return 0;
}

static int replay(const char *path)
{
    struct stat found;
    struct dirent *entry;
    DIR *folder;
    int bad = 0;
    if (stat(path, &found) != 0 || !S_ISDIR(found.st_mode)) {
        return replay_file(path);
    }
    folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return 1;
    }
    while ((entry = readdir(folder)) != NULL) {
        size_t room = strlen(path) + strlen(entry->d_name) + 2;
        char *inner = malloc(room);
        MUST(inner != NULL);
        snprintf(inner, room, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.') {
            /* Which one it was, should the harness not come back. */
            fprintf(stderr, "%s\n", inner);
            bad |= replay(inner);
        }
        free(inner);
    }
    closedir(folder);
    return bad;
}

int main(int argc, char **argv)
{
    int bad = 0;
    for (int i = 1; i < argc; i++) {
        bad |= replay(argv[i]);
    }
    printf("%u inputs replayed\n", replayed);
    return bad || replayed == 0;
}
