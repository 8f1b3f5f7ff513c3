/* SPDX-License-Identifier: MIT
 *
 * options.h: what the user asked for on the command line. Reads nothing else and starts nothing.
 */
#ifndef CHAT_OPTIONS_H
#define CHAT_OPTIONS_H

#include <stddef.h>

#include <kith/kith.h>

#define OPTIONS_SHOWN_BYTES_MAX 200 /* of a --connect, to name it */
#define OPTIONS_URLS_MAX        64 /* each of --listen and --connect; a session takes 64 listeners */

/* Exit statuses, as --help tells them. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_TURNED_AWAY = 3 };

enum options_colour { OPTIONS_COLOUR_AUTO, OPTIONS_COLOUR_ALWAYS, OPTIONS_COLOUR_NEVER };
enum options_redial { OPTIONS_REDIAL_AUTO, OPTIONS_REDIAL_YES, OPTIONS_REDIAL_NO };
enum options_trust { OPTIONS_TRUST_ASK, OPTIONS_TRUST_NEVER }; /* a certificate with doubts */

struct options {
    char name[KITH_NAME_BYTES_MAX + 1]; /* as given, or the login name */
    const char *session;
    int session_is_given;
    kith_invitation_info invitation; /* the first --connect that is one; it names the session */
    kith_security security; /* which of the three ways: --insecure, --key, or certificates */
    const char *key_file;   /* NULL without --key */
    const char *new_key;    /* not NULL: make a key there and do nothing else */
    int show_key;           /* show the keys of key_file and do nothing else */
    int add_key;            /* add one to key_file and do nothing else */
    const char *listen[OPTIONS_URLS_MAX];
    size_t listen_count;
    const char *connect[OPTIONS_URLS_MAX];
    size_t connect_count;
    const char *cert_file;     /* our certificate, and those that vouch for it; NULL: none */
    const char *cert_key_file; /* its private key; not NULL with cert_file */
    const char *ca_file;       /* the CAs that are trusted; NULL: none */
    const char *known_file;    /* where verdicts about certificates are kept; NULL: nowhere */
    int system_ca;             /* trust the CAs of this machine */
    int trust_is_given;
    enum options_trust trust;
    int client_certs_are_given;
    kith_client_certificates client_certs;
    int tls12; /* take and dial TLS 1.2 where the other side has nothing better */
    kith_role topology;
    kith_introductions introductions;
    const char *identity_file; /* NULL: somebody new each time */
    int ask;                   /* before letting in whoever comes by itself */
    const char *context;       /* for whoever is asked about us; NULL: nothing */
    unsigned max_peers;        /* 0 = not given */
    unsigned deadline_s;       /* of silence, after which a connection is dead; 0 = not given */
    int resume_window_s;       /* -1 = not given, 0 = off */
    int insecure;
    int json;
    enum options_colour colour;
    enum options_redial redial; /* AUTO: where a person waits */
    int no_discovery;           /* nobody is looked for on the network, and we are not told of */
    int browse;                 /* show who is there, and do nothing else */
    const char *service;        /* of discovery; NULL: Kith's own */
    const char *interfaces;     /* likewise: which may be used; NULL: all */
    int system_discovery;       /* likewise: ask the system's daemon where it runs */
    int verbose;                /* 0, 1 (what Kith does) or 2 (everything it says) */
    int help;
    int version;
};

/* What is wrong with the command line: one sentence, and what to do. */
struct options_problem {
    char text[320];
    const char *hint;
};

/* Fills options from the arguments, which it keeps pointing to. Gives 0, or -1 with *problem
 * filled. options->json is right even then, as far as the arguments were read. */
int options_read(struct options *options, int argc, char **argv, struct options_problem *problem);

/* 1 when what was given to --connect is an invitation, to be followed, and not a URL. */
int options_is_invitation(const char *url);

/* ---- help.c ---- */

/* The text of --help. */
const char *options_help(void);

#endif
