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

#include "text.h"

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

/* What Kith takes as a name of anything; said here, where the answer can name the option. */
static int check_name(const char *option, const char *what, const char *name,
                      struct options_problem *problem)
{
    static const char hint[] = "choose another one, in letters of UTF-8";
    const size_t bytes = strlen(name);
    if (bytes == 0) {
        return wrong(problem, hint, "%s: %s cannot be empty", option, what);
    }
    if (bytes > KITH_NAME_BYTES_MAX) {
        return wrong(problem, hint, "%s: %s has at most %d bytes, and this one has %zu", option,
                     what, KITH_NAME_BYTES_MAX, bytes);
    }
    if (!text_is_clean(name)) {
        return wrong(problem, hint, "%s: this is no UTF-8, or there are control characters in it",
                     option);
    }
    return 0;
}

static int set_name(struct options *options, const char *name, struct options_problem *problem)
{
    if (check_name("--name", "a name", name, problem) != 0) {
        return -1;
    }
    memcpy(options->name, name, strlen(name) + 1);
    return 0;
}

/* The login name, or what comes next to it. */
static void default_name(struct options *options)
{
    struct options_problem ignored;
    const char *login = getlogin();
    if (login != NULL && set_name(options, login, &ignored) == 0) {
        return;
    }
    const struct passwd *user = getpwuid(getuid());
    if (user != NULL && user->pw_name != NULL && set_name(options, user->pw_name, &ignored) == 0) {
        return;
    }
    (void)set_name(options, "user", &ignored);
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
    OPTION_SHOW_KEY,
    OPTION_ADD_KEY,
    OPTION_COLOUR,
    OPTION_REDIAL,
    OPTION_NO_REDIAL,
    OPTION_VERSION,
    OPTION_HELP = 'h'
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
    {"show-key", no_argument, NULL, OPTION_SHOW_KEY},
    {"add-key", no_argument, NULL, OPTION_ADD_KEY},
    {"color", required_argument, NULL, OPTION_COLOUR},
    {"redial", no_argument, NULL, OPTION_REDIAL},
    {"no-redial", no_argument, NULL, OPTION_NO_REDIAL},
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

static int set_colour(struct options *options, const char *when, struct options_problem *problem)
{
    static const char *const known_times[] = {"auto", "always", "never"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(when, known_times[i]) == 0) {
            options->colour = (enum options_colour)i;
            return 0;
        }
    }
    return wrong(problem, "say auto, always or never", "--color: not %.40s", when);
}

static int take(struct options *options, int option, struct options_problem *problem)
{
    switch (option) {
    case OPTION_NAME:
        return set_name(options, optarg, problem);
    case OPTION_SESSION:
        options->session = optarg;
        return check_name("--session", "the name of a session", optarg, problem);
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
    case OPTION_SHOW_KEY:
        options->show_key = 1;
        break;
    case OPTION_ADD_KEY:
        options->add_key = 1;
        break;
    case OPTION_COLOUR:
        return set_colour(options, optarg, problem);
    case OPTION_REDIAL:
        options->redial = OPTIONS_REDIAL_YES;
        break;
    case OPTION_NO_REDIAL:
        options->redial = OPTIONS_REDIAL_NO;
        break;
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

/* What concerns a key file and starts no chat. */
static int check_alone(const struct options *options, struct options_problem *problem)
{
    const char *const option = options->show_key ? "--show-key" : "--add-key";
    if (options->key_file == NULL || options->insecure) {
        return wrong(problem, "say --key FILE", "%s needs to know which key file", option);
    }
    if ((options->show_key && options->add_key) || options->connect_count > 0 || options->json) {
        return wrong(problem, "do this first, then start the chat", "%s stands alone with --key",
                     option);
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
        return options->key_file == NULL && !options->insecure && options->connect_count == 0 &&
                       !options->show_key && !options->add_key
                   ? 0
                   : wrong(problem, "make the key first, then start the chat with --key FILE",
                           "--new-key stands alone");
    }
    if (options->show_key || options->add_key) {
        return check_alone(options, problem);
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
        const int option = getopt_long(argc, argv, ":h", known, NULL);
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
