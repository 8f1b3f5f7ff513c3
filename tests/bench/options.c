/* SPDX-License-Identifier: MIT
 *
 * options.c: see options.h.
 */
#define _GNU_SOURCE /* getopt_long */
#include "options.h"

#include <getopt.h>
#include <kith/kith.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "measure.h"

enum { SIZE_MAX_BYTES = 4 * 1024 * 1024, DATAGRAM_MAX_BYTES = 1200, PEERS_MAX = 5000 };

static const char help_text[] =
    "Usage: kith-bench self --transport mem|ws|wss|quic --mode MODE [OPTION]...\n"
    "\n"
    "Measures Kith over one transport on this machine, and in the same run its floors: the same\n"
    "work with blocking TCP sockets (ws), wolfSSL over them (wss), or plain UDP and ngtcp2 alone\n"
    "(quic), the same cipher suite and nothing in between. Kith and floors take turns; the round\n"
    "of the median ratio to the first floor is shown. The two sides are processes of their own;\n"
    "with mem both sessions share one loop in one process.\n"
    "Every byte that arrives is checked.\n"
    "\n"
    "  --mode bulk        large messages, as fast as the queue takes them (1 MiB)\n"
    "         messages    small messages, one kith_send() each (64 bytes)\n"
    "         rtt         a message there and back (64 bytes); with --peers all but one are idle,\n"
    "                     and the floor is Kith with that one alone\n"
    "         fanout      kith_broadcast() to --peers peers (100, 1 KiB)\n"
    "         mixed       64 bytes every 10 ms on an urgent channel beside saturating bulk (64\n"
    "                     KiB); the floor is Kith's own bulk alone\n"
    "         handshakes  connect, authenticate, leave; --peers at a time (8)\n"
    "         idle        memory of each of --peers (500), and rtt of one of them\n"
    "         datagrams   best-effort messages (1200 bytes)\n"
    "         resume      from a break of the connection to the next message there and back (64\n"
    "                     bytes); not with mem. QUIC: its packets come from another port\n"
    "  --size BYTES       of a message, 16 to 4194304\n"
    "  --seconds S        how long one run sends (2)\n"
    "  --peers N          connections, 1 to 5000\n"
    "  --runs N           pairs of runs, 1 to 99 (3)\n"
    "  --direction D      dialler, listener (sends) or both: the worse is reported (both)\n"
    "  --lend             lend messages to Kith instead of having them copied (bulk, messages)\n"
    "  --no-floor         only Kith\n"
    "  --vs-plain         the floor is Kith whose peers depart with their connections\n"
    "                     (KITH_RESUME_OFF); not for resume\n"
    "  --json             one line of JSON\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 measured; 1 something failed, was lost or came out wrong; 2 wrong usage\n";

enum {
    OPTION_TRANSPORT = 1,
    OPTION_MODE,
    OPTION_SIZE,
    OPTION_SECONDS,
    OPTION_PEERS,
    OPTION_RUNS,
    OPTION_DIRECTION,
    OPTION_LEND,
    OPTION_NO_FLOOR,
    OPTION_VS_PLAIN,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option known[] = {
    {"transport", required_argument, NULL, OPTION_TRANSPORT},
    {"mode", required_argument, NULL, OPTION_MODE},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"peers", required_argument, NULL, OPTION_PEERS},
    {"runs", required_argument, NULL, OPTION_RUNS},
    {"direction", required_argument, NULL, OPTION_DIRECTION},
    {"lend", no_argument, NULL, OPTION_LEND},
    {"no-floor", no_argument, NULL, OPTION_NO_FLOOR},
    {"vs-plain", no_argument, NULL, OPTION_VS_PLAIN},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

__attribute__((format(printf, 1, 2))) static _Noreturn void wrong(const char *format, ...)
{
    va_list arguments;
    fputs("kith-bench: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("; see kith-bench --help\n", stderr);
    exit(EXIT_USAGE);
}

static double number(const char *option, double least, double most)
{
    char *end;
    double value = strtod(optarg, &end);
    if (end == optarg || *end != '\0' || !(value >= least && value <= most)) {
        wrong("--%s takes a number from %g to %.0f, not %.40s", option, least, most, optarg);
    }
    return value;
}

static int one_of(const char *option, int count, const char *(*name)(int))
{
    for (int i = 0; i < count; i++) {
        if (strcmp(optarg, name(i)) == 0) {
            return i;
        }
    }
    wrong("there is no --%s %.40s", option, optarg);
}

static const char *name_of_transport(int i)
{
    return transport_name((enum transport)i);
}

static const char *name_of_mode(int i)
{
    return mode_name((enum mode)i);
}

static const char *name_of_direction(int i)
{
    static const char *const names[] = {"", "dialler", "listener", "both"};
    return names[i];
}

static void take(struct options *options, int option)
{
    switch (option) {
    case OPTION_TRANSPORT:
        options->job.transport = (enum transport)one_of("transport", TRANSPORTS, name_of_transport);
        break;
    case OPTION_MODE:
        options->job.mode = (enum mode)one_of("mode", MODES, name_of_mode);
        break;
    case OPTION_SIZE:
        options->job.size = (size_t)number("size", CHECK_HEAD_BYTES, SIZE_MAX_BYTES);
        break;
    case OPTION_SECONDS:
        options->job.span_ns = (uint64_t)(number("seconds", 0.001, 3600) * 1e9);
        break;
    case OPTION_PEERS:
        options->job.peers = (unsigned)number("peers", 1, PEERS_MAX);
        break;
    case OPTION_RUNS:
        options->runs = (unsigned)number("runs", 1, RUNS_MAX);
        break;
    case OPTION_DIRECTION:
        options->directions = one_of("direction", 4, name_of_direction);
        break;
    case OPTION_LEND:
        options->job.lend = 1;
        break;
    case OPTION_NO_FLOOR:
        options->with_floor = 0;
        break;
    case OPTION_VS_PLAIN:
        options->job.vs_plain = 1;
        break;
    case OPTION_JSON:
        options->json = 1;
        break;
    case OPTION_HELP:
        fputs(help_text, stdout);
        exit(EXIT_OK);
    case OPTION_VERSION:
        printf("kith-bench %s\n", kith_version());
        exit(EXIT_OK);
    }
}

static void set_defaults(struct job *job)
{
    static const size_t sizes[MODES] = {1048576, 64, 64, 1024, 65536, 16, 64, 1200, 64};
    static const unsigned peers[MODES] = {1, 1, 1, 100, 1, 8, 500, 1, 1};
    job->size = job->size != 0 ? job->size : sizes[job->mode];
    job->peers = job->peers != 0 ? job->peers : peers[job->mode];
    job->urgent = job->mode == MODE_MIXED;
    job->dialler_sends = job->mode != MODE_FANOUT;
}

static void check_together(const struct options *options)
{
    const struct job *job = &options->job;
    int many = job->mode == MODE_FANOUT || job->mode == MODE_HANDSHAKES || job->mode == MODE_IDLE ||
               job->mode == MODE_RTT;
    if (!many && job->peers != 1) {
        wrong("--peers is for rtt, fanout, handshakes and idle");
    }
    if (job->lend && job->mode != MODE_BULK && job->mode != MODE_MESSAGES) {
        wrong("--lend is for bulk and messages");
    }
    if (job->mode == MODE_RESUME && (job->transport == TRANSPORT_MEM || job->vs_plain)) {
        wrong("resume takes a transport that can break, and a session that resumes");
    }
    if (job->vs_plain && job->transport == TRANSPORT_MEM) {
        wrong("--vs-plain is for two processes, not for mem");
    }
    if (job->mode == MODE_DATAGRAMS && job->size > DATAGRAM_MAX_BYTES) {
        wrong("a datagram has at most %d bytes", DATAGRAM_MAX_BYTES);
    }
}

void options_read(struct options *options, int argc, char **argv)
{
    int option, is_given[OPTION_VERSION + 1] = {0};
    memset(options, 0, sizeof *options);
    options->job.span_ns = 2000000000;
    options->runs = 3;
    options->directions = 3;
    options->with_floor = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == '?') {
            wrong("%.60s is no option, or lacks its value", argv[optind - 1]);
        }
        is_given[option] = 1;
        take(options, option);
    }
    if (optind + 1 != argc || strcmp(argv[optind], "self") != 0) {
        wrong("the first word is self");
    }
    if (!is_given[OPTION_TRANSPORT] || !is_given[OPTION_MODE]) {
        wrong("--transport and --mode are needed");
    }
    set_defaults(&options->job);
    check_together(options);
}
