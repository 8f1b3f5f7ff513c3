/* SPDX-License-Identifier: MIT
 *
 * main.c: kith-sim. Options, many seeds, the report. What a run is stands in run.c.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mutant.h"
#include "sim.h"

enum { SEED_S_MAX = 120, FAILURES_SHOWN = 10, USAGE_EXIT = 2 };

struct options {
    uint64_t first, count, cut_at_byte;
    const struct sim_scenario *scenario; /* NULL: all */
    const char *file;                    /* NULL: none */
    int trace, stop, verify, quiet, every_byte;
    unsigned long jobs;
};

static const char usage[] =
    "kith-sim [OPTIONS]\n"
    "\n"
    "Runs sessions against each other in virtual time, over a network that does its worst, and\n"
    "checks at every step what must always hold. Everything follows from one number, the seed:\n"
    "a seed that fails once fails for ever.\n"
    "\n"
    "  --file FILE      the runs that a file names instead, a line each: SCENARIO SEED\n"
    "  --seeds N        how many seeds (default 1)\n"
    "  --seed X         the first one (default 1)\n"
    "  --scenario NAME  only this one; else each seed is run in all of them\n"
    "  --mutant NAME    with a deliberate fault in the core, which must be found\n"
    "  --list           names the scenarios and mutants\n"
    "  --trace          one line for each event; for one seed of one scenario\n"
    "  --verify         runs each seed twice, and fails where the two runs differ\n"
    "  --cut N          the network breaks behind the N-th byte that arrives, wherever the\n"
    "                   scenario would have it do so first\n"
    "  --every-byte     runs each seed once for every byte of it, cut behind that one\n"
    "  --stop           ends with the first failure\n"
    "  --jobs N         as many processes at once (default 1)\n"
    "  --quiet          no line but the failures and the last\n"
    "  --help           this text\n"
    "  --version        the version of Kith\n"
    "\n"
    "The last line says \"N passed, M failed\". The exit code is 0 when nothing failed, 1 when\n"
    "something did, 2 when the options make no sense. For each failure it tells the seed, the\n"
    "scenario, what was violated, and the command that runs it again.\n";

/* ---- what fails -------------------------------------------------------------------------------
 */

static const char *own_name = "kith-sim", *mutant = "";

static uint64_t cut_at; /* of the run under way; 0: as planned */

static void report(const struct sim *sim, const char *violation)
{
    char cut[32] = "";
    if (cut_at != 0) {
        snprintf(cut, sizeof cut, " --cut %" PRIu64, cut_at);
    }
    printf("FAILED seed %" PRIu64 ", scenario %s, at %.6f s: %s\n"
           "  again: %s --scenario %s --seed %" PRIu64 "%s%s%s --trace\n",
           sim->seed, sim->scenario->name, (double)sim->now_us / 1e6, violation, own_name,
           sim->scenario->name, sim->seed, cut, mutant[0] != '\0' ? " --mutant " : "", mutant);
    fflush(stdout);
}

/* A failed assertion, a crash, a sanitizer's report, a run without end. The seed is all that
 * matters now. */
static void dying(const char *how)
{
    report(&sim_only, how);
    printf("0 passed, 1 failed\n");
    fflush(stdout);
}

static void on_signal(int number)
{
    static volatile sig_atomic_t again;
    if (!again) {
        again = 1;
        dying(number == SIGALRM   ? "it does not end"
              : number == SIGABRT ? "an assertion failed"
                                  : "it crashed");
    }
    _exit(1);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
void __sanitizer_set_death_callback(void (*callback)(void));
static void on_death(void)
{
    dying("a sanitizer found an error");
}
#endif

static void catch_signals(void)
{
    const int numbers[] = {SIGABRT, SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    size_t count = sizeof numbers / sizeof numbers[0];
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    __sanitizer_set_death_callback(on_death);
    count = 2; /* the rest is the sanitizer's */
#endif
    for (size_t i = 0; i < count; i++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = on_signal;
        sigaction(numbers[i], &action, NULL);
    }
}

/* ---- seeds ------------------------------------------------------------------------------------
 */

struct tally {
    uint64_t passed, failed;
    uint64_t digest; /* of all runs, in whatever order */
};

static int run_one(const struct options *options, const struct sim_scenario *scenario,
                   uint64_t seed)
{
    struct sim *sim = &sim_only;
    uint64_t digest, events;
    alarm(scenario->is_large ? 5 * SEED_S_MAX : SEED_S_MAX);
    if (!sim_run(sim, scenario, seed, cut_at, options->trace)) {
        return 0;
    }
    digest = sim->digest;
    events = sim->events;
    if (options->verify) {
        if (!sim_run(sim, scenario, seed, cut_at, 0) || sim->digest != digest ||
            sim->events != events) {
            snprintf(sim->violation, sizeof sim->violation,
                     "two runs of one seed differ: %" PRIu64 " and %" PRIu64 " events", events,
                     sim->events);
            return 0;
        }
    }
    if (options->trace) {
        printf("digest %016" PRIx64 " of %" PRIu64 " events\n", digest, events);
    }
    return 1;
}

/* 1 when the run passed. */
static int tell(const struct options *options, struct tally *tally,
                const struct sim_scenario *scenario, uint64_t seed)
{
    if (run_one(options, scenario, seed)) {
        tally->passed++;
        tally->digest += sim_only.digest;
        return 1;
    }
    if (++tally->failed <= FAILURES_SHOWN) {
        report(&sim_only, sim_only.violation);
    }
    return 0;
}

/* The first run is cut behind no byte, and tells how many there are. */
static int tell_every_byte(const struct options *options, struct tally *tally,
                           const struct sim_scenario *scenario, uint64_t seed)
{
    uint64_t bytes;
    int passed;
    cut_at = UINT64_MAX;
    passed = tell(options, tally, scenario, seed);
    bytes = sim_only.carried_bytes;
    for (cut_at = 1; passed && cut_at <= bytes; cut_at++) {
        passed = tell(options, tally, scenario, seed);
    }
    return passed;
}

static int tell_seed(const struct options *options, struct tally *tally,
                     const struct sim_scenario *scenario, uint64_t seed)
{
    cut_at = options->cut_at_byte;
    return options->every_byte ? tell_every_byte(options, tally, scenario, seed)
                               : tell(options, tally, scenario, seed);
}

static struct tally run_seeds(const struct options *options, uint64_t first, uint64_t step,
                              uint64_t count)
{
    struct tally tally = {0, 0, 0};
    for (uint64_t i = first; i < count; i += step) {
        for (const struct sim_scenario *at = sim_scenarios; at->name != NULL; at++) {
            if (options->scenario != NULL ? at != options->scenario : at->is_large) {
                continue;
            }
            if (!tell_seed(options, &tally, at, options->first + i) && options->stop) {
                return tally;
            }
        }
    }
    return tally;
}

/* Each process takes every so many-th seed and tells its tally through a pipe. */
static struct tally run_jobs(const struct options *options)
{
    struct tally sum = {0, 0, 0};
    int ends[2];
    if (options->jobs <= 1) {
        return run_seeds(options, 0, 1, options->count);
    }
    if (pipe(ends) != 0) {
        perror("kith-sim");
        exit(USAGE_EXIT);
    }
    fflush(stdout);
    for (unsigned long i = 0; i < options->jobs; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct tally tally = run_seeds(options, i, options->jobs, options->count);
            _exit(write(ends[1], &tally, sizeof tally) == (ssize_t)sizeof tally ? 0 : 1);
        }
        sum.failed += pid < 0;
    }
    close(ends[1]);
    for (struct tally tally; read(ends[0], &tally, sizeof tally) == (ssize_t)sizeof tally;) {
        sum.passed += tally.passed;
        sum.failed += tally.failed;
        sum.digest += tally.digest;
    }
    for (int status; wait(&status) > 0;) {
        sum.failed += status != 0; /* it died, and said why */
    }
    return sum;
}

/* ---- options ----------------------------------------------------------------------------------
 */

_Noreturn static void fail_usage(const char *what, const char *text)
{
    fprintf(stderr, "kith-sim: %s%s\n\n%s", what, text, usage);
    exit(USAGE_EXIT);
}

static uint64_t number_of(const char *option, const char *text)
{
    char *end;
    uint64_t number;
    errno = 0;
    number = text == NULL ? 0 : strtoull(text, &end, 10);
    if (text == NULL || text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        fail_usage(option, " takes a number");
    }
    return number;
}

static const struct sim_scenario *scenario_of(const char *name)
{
    const struct sim_scenario *at = sim_scenarios;
    while (at->name != NULL && (name == NULL || strcmp(at->name, name) != 0)) {
        at++;
    }
    if (at->name == NULL) {
        fail_usage("there is no scenario ", name == NULL ? "without a name" : name);
    }
    return at;
}

static enum kith_mutant mutant_of(const char *name)
{
    static const char *const names[] = {
#define MUTANT_NAME(constant, text, about) text,
        KITH_MUTANT_MAP(MUTANT_NAME)
#undef MUTANT_NAME
    };
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum kith_mutant)(i + 1);
        }
    }
    fail_usage("there is no mutant ", name == NULL ? "without a name" : name);
}

/* What once found a fault: "SCENARIO SEED", and behind a # what it was. */
static struct tally run_file(const struct options *options)
{
    struct tally tally = {0, 0, 0};
    FILE *file = fopen(options->file, "r");
    char line[300], name[40];
    uint64_t seed;
    if (file == NULL) {
        fail_usage("cannot read ", options->file);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] != '#' && sscanf(line, "%39s %" SCNu64, name, &seed) == 2) {
            (void)tell(options, &tally, scenario_of(name), seed);
        }
    }
    fclose(file);
    return tally;
}

static void list(void)
{
    printf("Scenarios:\n");
    for (const struct sim_scenario *at = sim_scenarios; at->name != NULL; at++) {
        printf("  %-14s %s\n", at->name, at->about);
    }
    printf("Mutants:\n");
#define MUTANT_LINE(constant, name, about) printf("  %-14s %s\n", name, about);
    KITH_MUTANT_MAP(MUTANT_LINE)
#undef MUTANT_LINE
}

/* An option without a value. 1 when it is one. */
static int take_flag(struct options *options, const char *name)
{
    const struct {
        const char *name;
        int *flag;
    } flags[] = {{"--trace", &options->trace},
                 {"--stop", &options->stop},
                 {"--verify", &options->verify},
                 {"--every-byte", &options->every_byte},
                 {"--quiet", &options->quiet}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(name, flags[i].name) == 0) {
            *flags[i].flag = 1;
            return 1;
        }
    }
    return 0;
}

static void take_options(struct options *options, char **argv)
{
    for (; *argv != NULL; argv++) {
        if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0) {
            fputs(usage, stdout);
            exit(0);
        } else if (strcmp(*argv, "--version") == 0) {
            printf("kith-sim %s\n", kith_version());
            exit(0);
        } else if (strcmp(*argv, "--list") == 0) {
            list();
            exit(0);
        } else if (take_flag(options, *argv)) {
            continue;
        } else if (strcmp(*argv, "--seeds") == 0) {
            options->count = number_of(*argv, argv[1]);
        } else if (strcmp(*argv, "--seed") == 0) {
            options->first = number_of(*argv, argv[1]);
        } else if (strcmp(*argv, "--cut") == 0) {
            options->cut_at_byte = number_of(*argv, argv[1]);
        } else if (strcmp(*argv, "--file") == 0) {
            options->file = argv[1];
        } else if (strcmp(*argv, "--jobs") == 0) {
            options->jobs = (unsigned long)number_of(*argv, argv[1]);
        } else if (strcmp(*argv, "--mutant") == 0) {
            kith_mutant_on = mutant_of(argv[1]);
            mutant = argv[1];
        } else if (strcmp(*argv, "--scenario") == 0) {
            options->scenario = scenario_of(argv[1]);
        } else {
            fail_usage("unknown option ", *argv);
        }
        argv++;
    }
    if (options->trace && (options->scenario == NULL || options->count != 1)) {
        fail_usage("--trace", " is for one seed of one --scenario");
    }
}

/* Of all processes' work: what else this machine does must not count. */
static double cpu_seconds(void)
{
    double sum = 0;
    for (int child = 0; child < 2; child++) {
        struct rusage used;
        getrusage(child ? RUSAGE_CHILDREN : RUSAGE_SELF, &used);
        sum += (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    }
    return sum;
}

int main(int argc, char **argv)
{
    struct options options = {.first = 1, .count = 1, .jobs = 1};
    struct tally tally;
    (void)argc;
    own_name = argv[0];
    take_options(&options, argv + 1);
    catch_signals();
    tally = options.file != NULL ? run_file(&options) : run_jobs(&options);
    if (!options.quiet && !options.trace) {
        double took = cpu_seconds();
        printf("%.1f s of one core, %.0f runs a minute\ndigest %016" PRIx64 "\n", took,
               (double)(tally.passed + tally.failed) * 60 / (took > 0 ? took : 1), tally.digest);
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", tally.passed, tally.failed);
    return tally.failed == 0 && tally.passed > 0 ? 0 : 1;
}
