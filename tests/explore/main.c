/* SPDX-License-Identifier: MIT
 *
 * main.c: kith-explore. Options, what is explored by default, the report.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mutant.h"
#include "explore.h"

enum kith_mutant kith_mutant_on;

enum { USAGE_EXIT = 2, LINE_BYTES = 300 };

static const char usage[] =
    "kith-explore [OPTIONS] [NAME=NUMBER...]\n"
    "\n"
    "Takes two sessions and a few links through everything that can happen to them, one step at a\n"
    "time, and checks after each what must always hold.\n"
    "\n"
    "  NAME=NUMBER    what can happen; see below\n"
    "  --quick        fewer configurations, for builds that are slow\n"
    "  --mutant NAME  with a deliberate fault in the core, which must be found\n"
    "  --help         this text\n"
    "\n"
    "  links=1..3     that there ever are          breaks=N    links that break or time out\n"
    "  r0 r1 r2=0,1   the transport of each link   forgets=N   resume windows that run out\n"
    "  a=N, b=N       messages that A and B send   kicks=N     kith_peer_disconnect()\n"
    "  dialler=0,1,2  A, B, both                   crashes=N   sides that begin anew\n"
    "  patience=N     0: for ever                  ages=N      minutes that pass\n"
    "  streams=0,1    each lane by itself          slow=0,1    closing takes time\n"
    "  identities=0,1 who begins anew is who it was\n"
    "  packets=0,1    a turn's frames at once      depth=N, states=N, mib=N  where it stops\n"
    "\n"
    "Without any NAME=NUMBER: the configurations that are a test.\n";

/* ---- configurations ---------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    size_t at;
} fields[] = {
    {"links", offsetof(struct config, links)},
    {"r0", offsetof(struct config, rank)},
    {"r1", offsetof(struct config, rank) + sizeof(int)},
    {"r2", offsetof(struct config, rank) + 2 * sizeof(int)},
    {"a", offsetof(struct config, messages)},
    {"b", offsetof(struct config, messages) + sizeof(int)},
    {"breaks", offsetof(struct config, breaks)},
    {"forgets", offsetof(struct config, forgets)},
    {"kicks", offsetof(struct config, kicks)},
    {"crashes", offsetof(struct config, crashes)},
    {"identities", offsetof(struct config, identities)},
    {"patience", offsetof(struct config, impatience)},
    {"streams", offsetof(struct config, streams)},
    {"slow", offsetof(struct config, slow_close)},
    {"packets", offsetof(struct config, packets)},
    {"ages", offsetof(struct config, ages)},
    {"dialler", offsetof(struct config, dialler)},
};

static int set_field(const char *word)
{
    const char *value = strchr(word, '=');
    size_t length = value == NULL ? 0 : (size_t)(value - word);
    long long number = value == NULL ? 0 : atoll(value + 1);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && length > 0; i++) {
        if (strlen(fields[i].name) == length && strncmp(fields[i].name, word, length) == 0) {
            *(int *)(void *)((char *)&config + fields[i].at) = (int)number;
            return 1;
        }
    }
    if (length == 5 && strncmp(word, "depth", 5) == 0) {
        config.depth_max = (size_t)number;
    } else if (length == 6 && strncmp(word, "states", 6) == 0) {
        config.states_max = (uint64_t)number;
    } else if (length == 3 && strncmp(word, "mib", 3) == 0) {
        config.frontier_max_mib = (size_t)number;
    } else {
        return 0;
    }
    return 1;
}

static void default_config(void)
{
    memset(&config, 0, sizeof config);
    config.links = 2;
    config.messages[0] = config.messages[1] = 1;
    config.dialler = 2;
    config.frontier_max_mib = 1024;
}

static int run_line(const char *line)
{
    char copy[LINE_BYTES];
    default_config();
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        if (!set_field(word)) {
            fprintf(stderr, "kith-explore: %s\n\n%s", word, usage);
            exit(USAGE_EXIT);
        }
    }
    return search(line);
}

/* All of it takes a minute of one core. The first few are for builds that are slow. */
static const char *const lines[] = {
    "links=1 breaks=1 forgets=1 a=1 b=1",
    "links=2 kicks=1 a=1 b=0 packets=1",
    "links=2 breaks=1 r1=1 a=2 b=0 packets=1",
    "links=2 breaks=1 a=0 b=0 slow=1",
    NULL, /* --quick ends here */
    "links=1 breaks=2 forgets=1 a=2 b=2",
    "links=3 a=0 b=0",
    "links=3 r1=1 a=1 b=0 packets=1",
    "links=2 breaks=1 r1=1 forgets=1 a=1 b=0",
    "links=2 breaks=1 a=1 b=0 slow=1",
    "links=2 breaks=1 r1=1 streams=1 a=2 b=0 packets=1",
    "links=2 breaks=1 r1=1 a=0 b=2 packets=1",
    "links=2 breaks=2 a=1 b=0 packets=1",
    "links=2 breaks=1 r1=1 forgets=1 patience=1 ages=1 a=1 b=0 packets=1",
    "links=2 kicks=1 crashes=1 a=1 b=0 packets=1",
    "links=2 crashes=1 breaks=1 identities=1 a=1 b=0 packets=1",
    "links=2 crashes=2 identities=1 a=1 b=0 packets=1",
    "links=3 crashes=1 identities=1 dialler=0 a=0 b=0 packets=1",
};

static void run_all(int quick, int *passed, int *failed)
{
    for (size_t i = 0; i < sizeof lines / sizeof lines[0] && (lines[i] != NULL || !quick); i++) {
        if (lines[i] != NULL) {
            *(run_line(lines[i]) ? passed : failed) += 1;
        }
    }
}

/* ---- mutants ----------------------------------------------------------------------------------
 */

static enum kith_mutant mutant_of(const char *name)
{
    static const char *const names[] = {
#define MUTANT_NAME(constant, text, about) text,
        KITH_MUTANT_MAP(MUTANT_NAME)
#undef MUTANT_NAME
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum kith_mutant)(i + 1);
        }
    }
    fprintf(stderr, "kith-explore: there is no mutant %s\n", name);
    exit(USAGE_EXIT);
}

int main(int argc, char **argv)
{
    char line[LINE_BYTES] = "";
    int passed = 0, failed = 0, quick = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutant") == 0 && i + 1 < argc) {
            kith_mutant_on = mutant_of(argv[++i]);
        } else if (strcmp(argv[i], "--quick") == 0) {
            quick = 1;
        } else if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        } else {
            snprintf(line + strlen(line), sizeof line - strlen(line), "%s%s",
                     line[0] == '\0' ? "" : " ", argv[i]);
        }
    }
    if (line[0] == '\0') {
        run_all(quick, &passed, &failed);
    } else {
        *(run_line(line) ? &passed : &failed) += 1;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
