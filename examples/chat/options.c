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
    OPTION_CERT,
    OPTION_CERT_KEY,
    OPTION_CA,
    OPTION_SYSTEM_CA,
    OPTION_TRUST,
    OPTION_KNOWN,
    OPTION_CLIENT_CERTS,
    OPTION_TLS12,
    OPTION_NO_DISCOVERY,
    OPTION_SERVICE,
    OPTION_INTERFACES,
    OPTION_SYSTEM_DISCOVERY,
    OPTION_BROWSE,
    OPTION_TOPOLOGY,
    OPTION_IDENTITY,
    OPTION_ASK,
    OPTION_CONTEXT,
    OPTION_MAX_PEERS,
    OPTION_NO_INTRODUCTIONS,
    OPTION_DEADLINE,
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
    {"cert", required_argument, NULL, OPTION_CERT},
    {"cert-key", required_argument, NULL, OPTION_CERT_KEY},
    {"ca", required_argument, NULL, OPTION_CA},
    {"system-ca", no_argument, NULL, OPTION_SYSTEM_CA},
    {"trust", required_argument, NULL, OPTION_TRUST},
    {"known", required_argument, NULL, OPTION_KNOWN},
    {"client-certs", required_argument, NULL, OPTION_CLIENT_CERTS},
    {"tls12", no_argument, NULL, OPTION_TLS12},
    {"no-discovery", no_argument, NULL, OPTION_NO_DISCOVERY},
    {"service", required_argument, NULL, OPTION_SERVICE},
    {"interfaces", required_argument, NULL, OPTION_INTERFACES},
    {"system-discovery", no_argument, NULL, OPTION_SYSTEM_DISCOVERY},
    {"browse", no_argument, NULL, OPTION_BROWSE},
    {"topology", required_argument, NULL, OPTION_TOPOLOGY},
    {"identity", required_argument, NULL, OPTION_IDENTITY},
    {"ask", no_argument, NULL, OPTION_ASK},
    {"context", required_argument, NULL, OPTION_CONTEXT},
    {"max-peers", required_argument, NULL, OPTION_MAX_PEERS},
    {"no-introductions", no_argument, NULL, OPTION_NO_INTRODUCTIONS},
    {"deadline", required_argument, NULL, OPTION_DEADLINE},
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

/* A whole number of the range, into *number. */
static int read_number(const char *option, const char *text, long min, long max, const char *hint,
                       long *number, struct options_problem *problem)
{
    char *end;
    *number = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || *number < min || *number > max) {
        return wrong(problem, hint, "%s: not %.40s", option, text);
    }
    return 0;
}

static int set_resume_window(struct options *options, const char *text,
                             struct options_problem *problem)
{
    long seconds;
    if (read_number("--resume-window", text, 0, 3600, "give seconds, 0 to 3600; 0 is not to wait",
                    &seconds, problem) != 0) {
        return -1;
    }
    options->resume_window_s = (int)seconds;
    return 0;
}

static int set_deadline(struct options *options, const char *text, struct options_problem *problem)
{
    long seconds;
    if (read_number("--deadline", text, 1, 2400, "give seconds, 1 to 2400", &seconds, problem) !=
        0) {
        return -1;
    }
    options->deadline_s = (unsigned)seconds;
    return 0;
}

static int set_max_peers(struct options *options, const char *text, struct options_problem *problem)
{
    long count;
    if (read_number("--max-peers", text, 1, 65536, "give a number, 1 to 65536", &count, problem) !=
        0) {
        return -1;
    }
    options->max_peers = (unsigned)count;
    return 0;
}

static int set_context(struct options *options, const char *text, struct options_problem *problem)
{
    if (strlen(text) > KITH_CONTEXT_BYTES_MAX) {
        return wrong(problem, "say less", "--context: at most %d bytes, and this has %zu",
                     KITH_CONTEXT_BYTES_MAX, strlen(text));
    }
    if (!text_is_clean(text)) {
        return wrong(problem, "say it in letters of UTF-8",
                     "--context: this is no UTF-8, or there are control characters in it");
    }
    options->context = text;
    return 0;
}

/* Which of the words text is; -1 with *problem filled for none. */
static int choose(const char *option, const char *text, const char *const *words, const char *hint,
                  struct options_problem *problem)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            return i;
        }
    }
    return wrong(problem, hint, "%s: not %.40s", option, text);
}

static int set_colour(struct options *options, const char *when, struct options_problem *problem)
{
    static const char *const words[] = {"auto", "always", "never", NULL};
    const int chosen = choose("--color", when, words, "say auto, always or never", problem);
    options->colour = chosen >= 0 ? (enum options_colour)chosen : options->colour;
    return chosen < 0 ? -1 : 0;
}

static int set_trust(struct options *options, const char *how, struct options_problem *problem)
{
    static const char *const words[] = {"ask", "never", NULL};
    const int chosen = choose("--trust", how, words, "say ask or never", problem);
    options->trust = chosen >= 0 ? (enum options_trust)chosen : options->trust;
    options->trust_is_given = 1;
    return chosen < 0 ? -1 : 0;
}

static int set_topology(struct options *options, const char *what, struct options_problem *problem)
{
    static const char *const words[] = {"star", "server", "client", NULL}; /* as in kith_role */
    const int chosen = choose("--topology", what, words, "say star, server or client", problem);
    options->topology = chosen >= 0 ? (kith_role)chosen : options->topology;
    return chosen < 0 ? -1 : 0;
}

static int set_client_certs(struct options *options, const char *how,
                            struct options_problem *problem)
{
    static const char *const words[] = {"required", "wanted", "none", NULL};
    const int chosen =
        choose("--client-certs", how, words, "say required, wanted or none", problem);
    options->client_certs = chosen >= 0 ? (kith_client_certificates)chosen : options->client_certs;
    options->client_certs_are_given = 1;
    return chosen < 0 ? -1 : 0;
}

/* A file that is named once. */
static int set_file(const char **file, const char *option, struct options_problem *problem)
{
    if (*file != NULL) {
        return wrong(problem, "name one file; it may hold several", "%s was given twice", option);
    }
    *file = optarg;
    return 0;
}

/* The options about certificates. Gives 1 when it is none of them. */
static int take_certificates(struct options *options, int option, struct options_problem *problem)
{
    switch (option) {
    case OPTION_CERT:
        return set_file(&options->cert_file, "--cert", problem);
    case OPTION_CERT_KEY:
        return set_file(&options->cert_key_file, "--cert-key", problem);
    case OPTION_CA:
        return set_file(&options->ca_file, "--ca", problem);
    case OPTION_KNOWN:
        return set_file(&options->known_file, "--known", problem);
    case OPTION_SYSTEM_CA:
        options->system_ca = 1;
        return 0;
    case OPTION_TRUST:
        return set_trust(options, optarg, problem);
    case OPTION_CLIENT_CERTS:
        return set_client_certs(options, optarg, problem);
    default:
        return 1;
    }
}

/* The options about discovery, and then those about certificates. Gives 1 when it is none of them.
 */
static int take_discovery(struct options *options, int option, struct options_problem *problem)
{
    switch (option) {
    case OPTION_NO_DISCOVERY:
        options->no_discovery = 1;
        return 0;
    case OPTION_SERVICE:
        options->service = optarg;
        return 0;
    case OPTION_SYSTEM_DISCOVERY:
        options->system_discovery = 1;
        return 0;
    case OPTION_INTERFACES:
        options->interfaces = optarg;
        return 0;
    case OPTION_BROWSE:
        options->browse = 1;
        return 0;
    default:
        return take_certificates(options, option, problem);
    }
}

/* The options about who takes part, and how long. Gives 1 when it is none of them. */
static int take_session(struct options *options, int option, struct options_problem *problem)
{
    switch (option) {
    case OPTION_NAME:
        return set_name(options, optarg, problem);
    case OPTION_SESSION:
        options->session = optarg;
        options->session_is_given = 1;
        return check_name("--session", "the name of a session", optarg, problem);
    case OPTION_TOPOLOGY:
        return set_topology(options, optarg, problem);
    case OPTION_IDENTITY:
        return set_file(&options->identity_file, "--identity", problem);
    case OPTION_ASK:
        options->ask = 1;
        return 0;
    case OPTION_CONTEXT:
        return set_context(options, optarg, problem);
    case OPTION_MAX_PEERS:
        return set_max_peers(options, optarg, problem);
    case OPTION_NO_INTRODUCTIONS:
        options->introductions = KITH_INTRODUCTIONS_OFF;
        return 0;
    case OPTION_DEADLINE:
        return set_deadline(options, optarg, problem);
    case OPTION_RESUME_WINDOW:
        return set_resume_window(options, optarg, problem);
    default:
        return take_discovery(options, option, problem);
    }
}

static int take(struct options *options, int option, struct options_problem *problem)
{
    switch (option) {
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
    case OPTION_TLS12:
        options->tls12 = 1;
        break;
    case OPTION_HELP:
        options->help = 1;
        break;
    case OPTION_VERSION:
        options->version = 1;
        break;
    default:
        return take_session(options, option, problem);
    }
    return 0;
}

/* A transport without encryption and a key contradict each other, and so do the reverse. Kith
 * refuses both; here the answer can name the options. */
static int check_scheme(const struct options *options, const char *url,
                        struct options_problem *problem)
{
    const int is_plain = options->security == KITH_SECURITY_NONE;
    if (!is_plain && strncasecmp(url, "ws:", 3) == 0) {
        return wrong(problem, "write wss:// or quic://, or --insecure alone to talk in clear",
                     "%.200s is not encrypted, and %s asks for encryption", url,
                     options->security == KITH_SECURITY_PSK ? "--key" : "a certificate");
    }
    if (is_plain && (strncasecmp(url, "wss:", 4) == 0 || strncasecmp(url, "quic:", 5) == 0)) {
        return wrong(problem, "write ws://, or --key FILE instead of --insecure",
                     "%.200s is encrypted, and --insecure asks for no encryption", url);
    }
    return 0;
}

int options_is_invitation(const char *url)
{
    return strncasecmp(url, "kith:", 5) == 0;
}

/* Whoever was invited need not be told the session's name as well. */
static int take_session_of_invitation(struct options *options, struct options_problem *problem)
{
    for (size_t i = 0; i < options->connect_count; i++) {
        if (!options_is_invitation(options->connect[i])) {
            continue;
        }
        options->invitation.size = sizeof options->invitation;
        if (kith_invitation_parse(options->connect[i], &options->invitation) != KITH_OK) {
            return wrong(problem, "put it in quotes, for the shell; or have it sent again",
                         "--connect kith:...: %s", kith_detail());
        }
        if (!options->session_is_given) {
            options->session = options->invitation.session_name;
        }
        break;
    }
    return 0;
}

static int check_schemes(const struct options *options, struct options_problem *problem)
{
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

/* One of the options that mean certificates, or NULL. */
static const char *certificate_option(const struct options *options)
{
    return options->cert_file != NULL        ? "--cert"
           : options->cert_key_file != NULL  ? "--cert-key"
           : options->ca_file != NULL        ? "--ca"
           : options->system_ca              ? "--system-ca"
           : options->known_file != NULL     ? "--known"
           : options->trust_is_given         ? "--trust"
           : options->client_certs_are_given ? "--client-certs"
                                             : NULL;
}

/* One way of three, or the reason why not. */
static int choose_security(struct options *options, struct options_problem *problem)
{
    static const char one[] = "choose one of them";
    const char *const certificate = certificate_option(options);
    if (options->key_file != NULL && options->insecure) {
        return wrong(problem, one, "--key and --insecure contradict each other");
    }
    if (certificate != NULL && (options->key_file != NULL || options->insecure)) {
        return wrong(problem, one, "%s and %s contradict each other", certificate,
                     options->insecure ? "--insecure" : "--key");
    }
    if (certificate == NULL && options->key_file == NULL && !options->insecure) {
        return wrong(
            problem,
            "make one with `kith-chat --new-key FILE` and say --key FILE, or say --cert and "
            "--cert-key, or --insecure (anyone on the way can then read and change everything)",
            "no key");
    }
    options->security = certificate != NULL ? KITH_SECURITY_PKI
                        : options->insecure ? KITH_SECURITY_NONE
                                            : KITH_SECURITY_PSK;
    if (options->tls12 && options->security != KITH_SECURITY_PSK) {
        return wrong(problem, "say --key FILE, or leave --tls12 out",
                     "--tls12 is for connections with a key");
    }
    return 0;
}

static int check_certificates(const struct options *options, struct options_problem *problem)
{
    if ((options->cert_file == NULL) != (options->cert_key_file == NULL)) {
        const int has_cert = options->cert_file != NULL;
        return wrong(problem, has_cert ? "say --cert-key FILE" : "say --cert FILE",
                     has_cert ? "--cert needs the private key that goes with it"
                              : "--cert-key is of no use without its certificate");
    }
    if (options->cert_file == NULL && options->listen_count > 0) {
        return wrong(problem, "say --cert FILE and --cert-key FILE, or only --connect",
                     "--listen needs a certificate to show");
    }
    if (options->cert_file == NULL && options->connect_count == 0 && options->no_discovery) {
        return wrong(problem, "say --connect URL, or --cert FILE and --cert-key FILE to listen",
                     "without a certificate of its own a chat can only connect to others");
    }
    if (options->trust == OPTIONS_TRUST_NEVER && options->ca_file == NULL && !options->system_ca &&
        options->known_file == NULL) {
        return wrong(problem, "say --ca FILE, --system-ca or --known FILE, or --trust ask",
                     "with --trust never something has to be trusted");
    }
    return 0;
}

static int check_topology(const struct options *options, struct options_problem *problem)
{
    if (options->topology == KITH_ROLE_CLIENT && options->listen_count == 0 &&
        options->connect_count == 0 && options->no_discovery) {
        return wrong(problem, "say --connect URL",
                     "a client has to know where its server is, and listens only where it is told");
    }
    if (options->topology != KITH_ROLE_STAR && options->introductions == KITH_INTRODUCTIONS_OFF) {
        return wrong(problem, "leave --no-introductions out",
                     "servers and clients are never introduced to each other");
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

/* --browse talks with nobody, and needs no key. */
static int check_browse(struct options *options, struct options_problem *problem)
{
    if (options->no_discovery || options->listen_count > 0 || options->connect_count > 0 ||
        options->key_file != NULL || certificate_option(options) != NULL) {
        return wrong(problem, "look first, then start the chat",
                     "--browse only looks around, at "
                     "all sessions");
    }
    options->security = KITH_SECURITY_NONE;
    return 0;
}

static int check(struct options *options, int is_more, struct options_problem *problem)
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
    if (options->browse) {
        return check_browse(options, problem);
    }
    if (choose_security(options, problem) != 0 ||
        (options->security == KITH_SECURITY_PKI && check_certificates(options, problem) != 0)) {
        return -1;
    }
    if (check_topology(options, problem) != 0) {
        return -1;
    }
    if (options->listen_count == 0 && options->topology != KITH_ROLE_CLIENT &&
        (options->security != KITH_SECURITY_PKI || options->cert_file != NULL)) {
        options->listen[options->listen_count++] = "any://*:0";
    }
    return take_session_of_invitation(options, problem) == 0 ? check_schemes(options, problem) : -1;
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
    return check(options, optind < argc, problem);
}
