/* SPDX-License-Identifier: MIT
 *
 * options.c: see options.h.
 */
#define _GNU_SOURCE /* getopt_long */

#include "options.h"

#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char help_text[] =
    "Usage: kith-chat [--name NAME] [--session NAME] (--key FILE | --insecure)\n"
    "                 [--listen URL]... [--connect URL]... [--json] [--verbose]\n"
    "       kith-chat --new-key FILE\n"
    "\n"
    "A chat among peers, without a server. Lines typed go to everyone who is connected;\n"
    "nobody forwards them, so each two who are to talk need a --connect between them.\n"
    "\n"
    "  --name NAME      how others see you (default: your login name)\n"
    "  --session NAME   only chats of the same session meet (default: kith-chat)\n"
    "  --key FILE       encrypt, and talk only with those who have the same key file\n"
    "  --insecure       no encryption: anyone on the way can read and change everything\n"
    "  --listen URL     where others can connect, once or more: wss://192.0.2.1:4242,\n"
    "                   wss://*:4242 (all addresses), port 0 = any free port\n"
    "                   (default: any://*:0, every transport there is)\n"
    "  --connect URL    connect to a peer, once or more: wss://host.example:4242\n"
    "  --resume-window SECONDS\n"
    "                   wait so long for a peer whose connection breaks: lines to it are kept,\n"
    "                   and none is lost or doubled (default: 30; 0 = do not wait)\n"
    "  --json           one event per line on standard output, for programs: EVENTS.md\n"
    "  --verbose        say what happens underneath; twice: everything\n"
    "  --new-key FILE   make a key file; give a copy to everyone who may join\n"
    "  --help           this text\n"
    "  --version        version of the program\n"
    "\n"
    "While it runs:\n"
    "  TEXT             say it to everyone (//TEXT says a text that starts with a slash)\n"
    "  /to NAME TEXT    say it to one; NAME#1a2b tells people of the same name apart\n"
    "  /peers           who is connected, and how\n"
    "  /help            the commands\n"
    "  /quit            leave\n"
    "\n"
    "At the end of its input it waits until what was typed is delivered, then leaves.\n"
    "Input that does not come from a terminal is kept until the first peer is connected\n"
    "and each --connect has been tried once.\n"
    "\n"
    "Exit status:\n"
    "  0  all went well, or a signal ended it\n"
    "  1  it could not listen, nobody could be reached, something typed was not delivered,\n"
    "     or another failure\n"
    "  2  the command line or the key file is wrong\n";

const char *options_help(void)
{
    return help_text;
}

/* Notes what is wrong; always -1, so that it can be returned. */
__attribute__((format(printf, 3, 4))) static int wrong(struct options_problem *problem,
                                                       const char *hint, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    problem->hint = hint;
    return -1;
}

static int set_name(struct options *options, const char *name)
{
    const size_t bytes = strlen(name);
    if (bytes == 0 || bytes > KITH_NAME_BYTES_MAX) {
        return -1;
    }
    memcpy(options->name, name, bytes + 1);
    return 0;
}

/* The login name, or what comes next to it. */
static void default_name(struct options *options)
{
    const char *login = getlogin();
    if (login != NULL && set_name(options, login) == 0) {
        return;
    }
    const struct passwd *user = getpwuid(getuid());
    if (user != NULL && user->pw_name != NULL && set_name(options, user->pw_name) == 0) {
        return;
    }
    (void)set_name(options, "user");
}

enum {
    OPTION_NAME = 1,
    OPTION_SESSION,
    OPTION_KEY,
    OPTION_INSECURE,
    OPTION_LISTEN,
    OPTION_CONNECT,
    OPTION_JSON,
    OPTION_VERBOSE,
    OPTION_NEW_KEY,
    OPTION_RESUME_WINDOW,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option known[] = {
    {"name", required_argument, NULL, OPTION_NAME},
    {"session", required_argument, NULL, OPTION_SESSION},
    {"key", required_argument, NULL, OPTION_KEY},
    {"insecure", no_argument, NULL, OPTION_INSECURE},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"connect", required_argument, NULL, OPTION_CONNECT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"new-key", required_argument, NULL, OPTION_NEW_KEY},
    {"resume-window", required_argument, NULL, OPTION_RESUME_WINDOW},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static int add_url(const char **urls, size_t *count, const char *url, const char *option,
                   struct options_problem *problem)
{
    if (*count == OPTIONS_URLS_MAX) {
        return wrong(problem, "use fewer", "more than %d times %s", OPTIONS_URLS_MAX, option);
    }
    urls[(*count)++] = url;
    return 0;
}

static int set_resume_window(struct options *options, const char *text,
                             struct options_problem *problem)
{
    char *end;
    const long seconds = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || seconds > 3600) {
        return wrong(problem, "give seconds, 0 to 3600; 0 is not to wait",
                     "--resume-window: not %.40s", text);
    }
    options->resume_window_s = (int)seconds;
    return 0;
}

static int take(struct options *options, int option, struct options_problem *problem)
{
    switch (option) {
    case OPTION_NAME:
        if (set_name(options, optarg) != 0) {
            return wrong(problem, "choose another --name", "a name has 1 to %d bytes",
                         KITH_NAME_BYTES_MAX);
        }
        break;
    case OPTION_SESSION:
        options->session = optarg;
        break;
    case OPTION_KEY:
        if (options->key_file != NULL) {
            return wrong(problem, "put all keys into one file, the one to dial with first",
                         "--key was given twice");
        }
        options->key_file = optarg;
        break;
    case OPTION_INSECURE:
        options->insecure = 1;
        break;
    case OPTION_LISTEN:
        return add_url(options->listen, &options->listen_count, optarg, "--listen", problem);
    case OPTION_CONNECT:
        return add_url(options->connect, &options->connect_count, optarg, "--connect", problem);
    case OPTION_JSON:
        options->json = 1;
        break;
    case OPTION_VERBOSE:
        options->verbose += options->verbose < 2;
        break;
    case OPTION_NEW_KEY:
        options->new_key = optarg;
        break;
    case OPTION_RESUME_WINDOW:
        return set_resume_window(options, optarg, problem);
    case OPTION_HELP:
        options->help = 1;
        break;
    case OPTION_VERSION:
        options->version = 1;
        break;
    }
    return 0;
}

/* A transport without encryption and a key contradict each other, and so do the reverse. Kith
 * refuses both; here the answer can name the options. */
static int check_scheme(const struct options *options, const char *url,
                        struct options_problem *problem)
{
    if (!options->insecure && strncasecmp(url, "ws:", 3) == 0) {
        return wrong(problem, "write wss://, or --insecure instead of --key to talk in clear",
                     "%.200s is not encrypted, and --key asks for encryption", url);
    }
    if (options->insecure && strncasecmp(url, "wss:", 4) == 0) {
        return wrong(problem, "write ws://, or --key FILE instead of --insecure",
                     "%.200s is encrypted, and --insecure asks for no encryption", url);
    }
    return 0;
}

static int check(const struct options *options, int is_more, struct options_problem *problem)
{
    if (is_more) {
        return wrong(problem, "see kith-chat --help",
                     "an argument too many: it takes options only");
    }
    if (options->help || options->version) {
        return 0;
    }
    if (options->new_key != NULL) {
        return options->key_file == NULL && !options->insecure && options->connect_count == 0
                   ? 0
                   : wrong(problem, "make the key first, then start the chat with --key FILE",
                           "--new-key stands alone");
    }
    if (options->key_file != NULL && options->insecure) {
        return wrong(problem, "choose one of them", "--key and --insecure contradict each other");
    }
    if (options->key_file == NULL && !options->insecure) {
        return wrong(
            problem,
            "make one with `kith-chat --new-key FILE` and say --key FILE, or say --insecure "
            "(anyone on the way can then read and change everything)",
            "no key");
    }
    for (size_t i = 0; i < options->listen_count; i++) {
        if (check_scheme(options, options->listen[i], problem) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < options->connect_count; i++) {
        if (check_scheme(options, options->connect[i], problem) != 0) {
            return -1;
        }
    }
    return 0;
}

int options_read(struct options *options, int argc, char **argv, struct options_problem *problem)
{
    memset(options, 0, sizeof *options);
    options->session = "kith-chat";
    options->resume_window_s = -1;
    default_name(options);
    opterr = 0; /* we say it ourselves, in one form */
    for (;;) {
        const int at = optind;
        const int option = getopt_long(argc, argv, ":", known, NULL);
        if (option == -1) {
            break;
        }
        if (option == ':') {
            return wrong(problem, "see kith-chat --help", "%.60s needs a value", argv[at]);
        }
        if (option == '?') {
            return wrong(problem, "see kith-chat --help", "there is no option %.60s", argv[at]);
        }
        if (take(options, option, problem) != 0) {
            return -1;
        }
    }
    if (options->listen_count == 0) {
        options->listen[options->listen_count++] = "any://*:0";
    }
    return check(options, optind < argc, problem);
}
