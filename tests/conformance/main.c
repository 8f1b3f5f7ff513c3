/* SPDX-License-Identifier: MIT
 *
 * main.c: the conformance suite: every case with every transport it fits, each in a process of its
 * own, as many at a time as there are processors. A new transport is a line in the table.
 *
 *   kith-test-conformance [--list] [PART...]   cases whose "transport.case" contains all parts
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "check.h"
#ifdef KITH_HAS_QUIC
#include "transports/quic/quic.h"
#endif
#ifdef KITH_HAS_WEBSOCKET
#include "transports/websocket/websocket.h"
#endif

static const struct transport transports[] = {
    {"mem-one", NULL, KITH_DRIVER_ONE_LANE, "mem", 0, "mems", 0},
    {"mem-one-datagrams", NULL, KITH_DRIVER_ONE_LANE | KITH_DRIVER_DATAGRAMS, "mems", 1, "mem", 0},
    {"mem-many", NULL, KITH_DRIVER_MANY_LANES, "mems", 1, "mem", 0},
    {"mem-many-datagrams", NULL, KITH_DRIVER_MANY_LANES | KITH_DRIVER_DATAGRAMS, "mem", 0, "mems",
     0},
#ifdef KITH_HAS_QUIC
    {"quic", &kith_quic_driver, 0, "quic", 1, NULL, 1},
#endif
#ifdef KITH_HAS_WEBSOCKET
    {"ws", &kith_websocket_driver, 0, "ws", 0, "wss", 0},
    {"wss", &kith_websocket_driver, 0, "wss", 1, "ws", 0},
#endif
};

static const struct test_case *const lists[] = {
    address_cases, exchange_cases, closing_cases,  fault_cases,    secure_cases, hostile_cases,
    crowd_cases,   lane_cases,     datagram_cases, scarcity_cases, core_cases,   packet_cases,
};

enum {
    JOBS_MAX = 8,
    CASE_S_MAX = 120, /* a case that hangs where no case looks at the time */
    NAME_BYTES = 96
};

struct job {
    pid_t pid;
    uint64_t begin_ms;
    FILE *said;
    char name[NAME_BYTES];
};

static struct job jobs[JOBS_MAX];
static size_t job_count, jobs_at_once;
static unsigned passed, failed;

void check_failed(const char *file, int line, const char *expression, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr,
            "%s:%d: not so: %s: ", strrchr(file, '/') != NULL ? strrchr(file, '/') + 1 : file, line,
            expression);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static int fits(const struct test_case *one, const struct transport *transport)
{
    unsigned capabilities =
        transport->driver != NULL ? transport->driver->capabilities : transport->capabilities;
    unsigned has = (transport->secure ? NEEDS_SECURE : NEEDS_PLAIN) |
                   (transport->driver != NULL ? NEEDS_SOCKETS : NEEDS_HUB);
    has |= transport->packets          ? NEEDS_PACKETS
           : transport->driver != NULL ? NEEDS_TCP | NEEDS_NEWS
                                       : NEEDS_NEWS;
    has |= transport->other_scheme != NULL ? NEEDS_OTHER : 0;
    has |= (capabilities & KITH_DRIVER_MANY_LANES) != 0 ? NEEDS_MANY_LANES : 0;
    has |= (capabilities & KITH_DRIVER_DATAGRAMS) != 0 ? NEEDS_DATAGRAMS : 0;
    return (one->needs & ~has) == 0;
}

/* ---- one case ---------------------------------------------------------------------------- */

static void run_here(const struct test_case *one, const struct transport *transport)
{
    static struct place place;
    uint64_t seed = 1;
    for (const char *at = one->name; *at != '\0'; at++) {
        seed = seed * 31 + (unsigned char)*at;
    }
    (void)alarm(CASE_S_MAX);
    place_open(&place, transport, seed);
    one->run(&place);
    place_close(&place);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void show(FILE *said)
{
    char line[1024];
    rewind(said);
    while (fgets(line, sizeof line, said) != NULL) {
        printf("     | %s", line);
    }
}

static void finish_one(void)
{
    int status = 0;
    pid_t pid = wait(&status);
    for (size_t i = 0; i < job_count; i++) {
        struct job *job = &jobs[i];
        if (job->pid == pid) {
            int good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            printf("%s %s (%llu ms)\n", good ? "ok  " : "FAIL", job->name,
                   (unsigned long long)(now_ms() - job->begin_ms));
            if (!good) {
                show(job->said);
                if (WIFSIGNALED(status)) {
                    printf("     | ended by signal %d\n", WTERMSIG(status));
                }
            }
            passed += good != 0;
            failed += good == 0;
            (void)fclose(job->said);
            *job = jobs[--job_count];
            return;
        }
    }
}

static void start(const struct test_case *one, const struct transport *transport, const char *name)
{
    struct job *job;
    while (job_count >= jobs_at_once) {
        finish_one();
    }
    job = &jobs[job_count];
    (void)fflush(stdout);
    job->said = tmpfile();
    job->begin_ms = now_ms();
    job->pid = job->said != NULL ? fork() : -1;
    if (job->pid < 0) {
        perror("kith-test-conformance");
        exit(2);
    }
    if (job->pid == 0) {
        (void)dup2(fileno(job->said), STDOUT_FILENO);
        (void)dup2(fileno(job->said), STDERR_FILENO);
        run_here(one, transport);
        exit(0);
    }
    snprintf(job->name, sizeof job->name, "%s", name);
    job_count++;
}

/* ---- all of them ------------------------------------------------------------------------- */

static int wanted(const char *name, char **parts, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(parts[i], "--list") != 0 && strstr(name, parts[i]) == NULL) {
            return 0;
        }
    }
    return 1;
}

/* A crowd of links takes two descriptors each. */
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int only_list = argc > 1 && strcmp(argv[1], "--list") == 0;
    jobs_at_once = processors < 1 ? 1 : processors > JOBS_MAX ? JOBS_MAX : (size_t)processors;
    raise_limits();
    for (size_t t = 0; t < sizeof transports / sizeof *transports; t++) {
        for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
            for (const struct test_case *one = lists[l]; one->name != NULL; one++) {
                char name[NAME_BYTES];
                snprintf(name, sizeof name, "%s.%s", transports[t].name, one->name);
                if (!fits(one, &transports[t]) || !wanted(name, argv + 1, argc - 1)) {
                    continue;
                }
                if (only_list) {
                    puts(name);
                } else {
                    start(one, &transports[t], name);
                }
            }
        }
    }
    while (job_count > 0) {
        finish_one();
    }
    if (!only_list) {
        printf("%u passed, %u failed\n", passed, failed);
    }
    return only_list || (passed > 0 && failed == 0) ? 0 : 1;
}
