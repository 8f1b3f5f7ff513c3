/* SPDX-License-Identifier: MIT
 *
 * chat.c: see chat.h.
 */
#define _GNU_SOURCE /* isatty */

#include "chat.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void put_log(void *log_user, kith_log_level level, const char *text)
{
    report_log(log_user, level, text);
}

static int open_loop(struct chat *chat)
{
    static const kith_log_level levels[] = {KITH_LOG_WARN, KITH_LOG_INFO, KITH_LOG_DEBUG};
    kith_loop_config config = KITH_LOOP_CONFIG_INIT;
    config.log = put_log;
    config.log_user = &chat->report;
    config.log_level = levels[chat->options->verbose];
    const kith_err err = kith_loop_new(&config, &chat->loop);
    if (err != KITH_OK) {
        report_kith_error(&chat->report, err, "no event loop");
        return -1;
    }
    return 0;
}

/* Of the silence after which a connection is dead the last ones are asked for an answer. */
enum { PINGS = 3 };

static int open_session(struct chat *chat, const kith_identity *identity)
{
    kith_callbacks callbacks = chat_callbacks;
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    config.display_name = chat->options->name;
    config.session_name = chat->options->session;
    config.security = chat->options->security;
    config.role = chat->options->topology;
    config.introductions = chat->options->introductions;
    config.context = chat->options->context;
    config.context_bytes = config.context != NULL ? strlen(config.context) : 0;
    config.max_peers = chat->options->max_peers;
    config.identity = identity;
    if (chat->options->deadline_s > 0) {
        config.idle_ping_ms = 1000 * chat->options->deadline_s / (1 + PINGS);
        config.idle_ping_count = PINGS;
    }
    if (!chat->options->ask) {
        callbacks.on_invitation = NULL;
    }
    if (chat->options->tls12) {
        config.min_level = KITH_LEVEL_GROUP;
    }
    if (chat->options->resume_window_s >= 0) {
        config.resume_window_ms = chat->options->resume_window_s == 0
                                      ? KITH_RESUME_OFF
                                      : 1000 * (uint32_t)chat->options->resume_window_s;
    }
    const kith_err err = kith_session_open(chat->loop, &config, &callbacks, chat, &chat->session);
    if (err != KITH_OK) {
        chat->session = NULL;
        chat->exit_status = err == KITH_ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
        report_kith_error(&chat->report, err, "the session could not be opened");
        return -1;
    }
    return 0;
}

/* A URL that cannot be used is the user's mistake; anything else is a failure. */
static int cannot_use(struct chat *chat, kith_err err, const char *option, const char *url)
{
    char what[256];
    const int is_url = err == KITH_ERR_INVALID || err == KITH_ERR_ADDRESS ||
                       err == KITH_ERR_UNSUPPORTED || err == KITH_ERR_CONFIG;
    chat->exit_status = is_url ? EXIT_USAGE : EXIT_FAILED;
    snprintf(what, sizeof what, "%s %.200s", option, url);
    report_kith_error(&chat->report, err, what);
    return -1;
}

/* give_up_ms: as in kith_dial_options. */
static kith_err dial(struct chat *chat, struct chat_dial *entry, uint32_t give_up_ms)
{
    kith_dial *opened;
    kith_dial_options how = KITH_DIAL_OPTIONS_INIT;
    how.tag = entry;
    how.give_up_ms = give_up_ms;
    how.tls12 = chat->options->tls12 ? KITH_TLS12_PSK : KITH_TLS12_NEVER;
    const kith_err err = options_is_invitation(entry->url)
                             ? kith_dial_invitation(chat->session, entry->url, &how, &opened)
                             : kith_dial_open(chat->session, entry->url, &how, &opened);
    if (err == KITH_OK) {
        chat->dials_live++;
    }
    return err;
}

/* Dials again what was lost: where a person waits, until it is back, else as long as the first
 * time. What is typed meanwhile is kept. */
static void redial(struct chat *chat)
{
    for (size_t i = 0; i < chat->options->connect_count; i++) {
        struct chat_dial *const entry = &chat->dials[i];
        if (!entry->is_lost) {
            continue;
        }
        entry->is_lost = 0;
        report_redial(&chat->report, entry->shown);
        const kith_err err = dial(chat, entry, chat->is_interactive ? UINT32_MAX : 0);
        if (err != KITH_OK) {
            report_kith_error(&chat->report, err, entry->shown);
        }
    }
}

static void name_dial(struct chat_dial *entry, const char *url)
{
    kith_invitation_info info = {.size = sizeof info};
    const int is_read = options_is_invitation(url) && kith_invitation_parse(url, &info) == KITH_OK;
    entry->url = url;
    snprintf(entry->shown, sizeof entry->shown, "%.*s", OPTIONS_SHOWN_BYTES_MAX,
             is_read ? info.endpoints[0] : url);
}

static int listen_and_dial(struct chat *chat)
{
    const struct options *const options = chat->options;
    for (size_t i = 0; i < options->listen_count; i++) {
        chat->listeners[i].url = options->listen[i];
        kith_listen_options how = KITH_LISTEN_OPTIONS_INIT;
        how.tag = &chat->listeners[i];
        how.tls12 = options->tls12 ? KITH_TLS12_PSK : KITH_TLS12_NEVER;
        const kith_err err = kith_listen_open(chat->session, options->listen[i], &how, NULL);
        if (err != KITH_OK) {
            return cannot_use(chat, err, "--listen", options->listen[i]);
        }
    }
    for (size_t i = 0; i < options->connect_count; i++) {
        name_dial(&chat->dials[i], options->connect[i]);
        const kith_err err = dial(chat, &chat->dials[i], 0);
        if (err != KITH_OK) {
            return cannot_use(chat, err, "--connect", options->connect[i]);
        }
        chat->dials_undecided++;
    }
    return 0;
}

int chat_open(struct chat *chat, const struct options *options, const struct keyfile *keyfile,
              const kith_identity *identity)
{
    memset(chat, 0, sizeof *chat);
    chat->options = options;
    chat->exit_status = EXIT_FAILED; /* until it is open */
    chat->is_interactive = isatty(STDIN_FILENO);
    chat->may_redial =
        options->redial == OPTIONS_REDIAL_YES ||
        (options->redial == OPTIONS_REDIAL_AUTO && chat->is_interactive && !options->json);
    chat->people.own_name = options->name;
    chat->banned.own_name = options->name;
    report_init(&chat->report, options);
    console_open(chat);
    input_init(&chat->input, STDIN_FILENO);
    if (open_loop(chat) != 0 || open_session(chat, identity) != 0 ||
        ring_open(chat, keyfile) != 0 ||
        (options->security == KITH_SECURITY_PKI && trust_open(chat) != 0) ||
        listen_and_dial(chat) != 0 || nearby_open(chat) != 0) {
        return -1;
    }
    chat->exit_status = EXIT_OK;
    report_open(&chat->report, chat->session);
    trust_introduce(chat);
    nearby_show(chat);
    return 0;
}

void chat_free(struct chat *chat)
{
    kith_loop_free(&chat->loop); /* closes the session where it is still open */
    console_close(chat);
    board_close(&chat->board);
    asks_free(&chat->asks);
    trust_free(&chat->trust);
    while (chat->outbox.first != NULL) {
        outbox_drop(&chat->outbox);
    }
    while (chat->people.first != NULL) {
        people_remove(&chat->people, chat->people.first);
    }
    while (chat->banned.first != NULL) {
        people_remove(&chat->banned, chat->banned.first);
    }
}

/* A peer that has left need not come back; who was never there may still find us. */
int chat_expects_company(const struct chat *chat)
{
    if (chat->options->connect_count == 0) {
        return !chat->had_company;
    }
    return chat->dials_live > 0;
}

/* Nobody of those we were told to connect to could be reached, and nobody came. */
static int is_all_in_vain(const struct chat *chat)
{
    return chat->options->connect_count > 0 && !chat->had_company &&
           chat->dials_failed == chat->options->connect_count;
}

void chat_turn(struct chat *chat)
{
    if (chat->is_leaving) {
        return;
    }
    redial(chat);
    if (chat->is_quitting) {
        asks_give_up(chat);
    }
    if (is_all_in_vain(chat)) {
        const int is_turned_away = chat->dials_turned_away > 0;
        report_error(&chat->report, is_turned_away ? "TURNED_AWAY" : "NOBODY",
                     "see what is said about each of them",
                     is_turned_away ? "nobody let you in" : "nobody could be reached");
        chat_give_up_lines(chat);
        chat->exit_status = is_turned_away ? EXIT_TURNED_AWAY : EXIT_FAILED;
        chat_leave(chat, 0);
        return;
    }
    /* From a terminal, the end is now; from elsewhere, when all is done. */
    const int is_over = chat->is_quitting && chat->is_interactive;
    if (chat->people.count == 0 && (is_over || !chat_expects_company(chat))) {
        chat_give_up_lines(chat);
    } else {
        chat_send_lines(chat, chat->people.count > 0 &&
                                  (chat->is_interactive || chat->dials_undecided == 0));
    }
    if (chat->is_quitting && chat->outbox.first == NULL && chat->unsettled == 0) {
        chat_leave(chat, CHAT_FLUSH_MS);
    }
}

int chat_has_room(const struct chat *chat)
{
    return chat->outbox.bytes <= OUTBOX_BYTES_MAX;
}

void chat_end(struct chat *chat, int count)
{
    if (!chat->is_leaving && count == 1) {
        chat_give_up_lines(chat);
        chat_leave(chat, CHAT_FLUSH_SIGNAL_MS);
    } else if (count > 0) {
        chat_leave(chat, 0);
    }
}

int chat_wants_input(const struct chat *chat)
{
    if (chat->is_quitting || chat->is_leaving || chat->options->browse || !chat_has_room(chat)) {
        return 0;
    }
    for (const struct person *person = chat->people.first; person != NULL; person = person->next) {
        if (person->is_waiting) {
            return 0;
        }
    }
    return 1;
}

void chat_leave(struct chat *chat, uint32_t flush_ms)
{
    chat->is_leaving = 1;
    if (chat->session != NULL) {
        (void)kith_session_close(chat->session, flush_ms);
    }
}
