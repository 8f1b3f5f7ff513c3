/* SPDX-License-Identifier: MIT
 *
 * meter.c: see meter.h.
 */
#define _DEFAULT_SOURCE /* getpagesize */
#include "meter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double cpu_now(void)
{
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

double rss_now(void)
{
    unsigned long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu %lu", &total, &resident) != 2) {
        die("this system does not tell how much memory a process uses");
    }
    (void)fclose(file);
    return (double)resident * getpagesize();
}

void meter_start(struct side *side)
{
    side->begin_ns = now_ns();
    side->cpu_s = -cpu_now();
}

void meter_stop(struct side *side)
{
    side->end_ns = now_ns();
    side->cpu_s += cpu_now();
}

void die(const char *format, ...)
{
    va_list arguments;
    fputs("kith-bench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(1);
}

void *need(size_t bytes)
{
    void *block = calloc(1, bytes);
    if (block == NULL) {
        die("out of memory");
    }
    return block;
}
