/* SPDX-License-Identifier: MIT
 *
 * kith-chat: a chat among peers, and the first example of how Kith is used from a program with a
 * loop of its own (poll() over standard input, signals and kith_loop_fd()). main.c puts the parts
 * together; chat.h says what they are.
 */
#define _GNU_SOURCE /* O_CLOEXEC and friends */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chat.h"
#include "files.h"
#include "guard.h"
#include "identityfile.h"
#include "keytool.h"
#include "signals.h"

enum { POLL_WITHOUT_FD_MS = 20 }; /* where Kith has no descriptor to wait for */

/* A program started with a closed standard stream would find a socket or the key file in its
 * place, and write its messages there. */
static void fill_standard_streams(void)
{
    while (fcntl(STDERR_FILENO, F_GETFD) < 0 || fcntl(STDOUT_FILENO, F_GETFD) < 0 ||
           fcntl(STDIN_FILENO, F_GETFD) < 0) {
        if (open("/dev/null", O_RDWR) < 0) {
            return;
        }
    }
}

static int make_key(const struct options *options)
{
    struct report report;
    struct keyfile_problem problem;
    char identity[KITH_KEY_IDENTITY_BYTES_MAX + 1];
    report_init(&report, options);
    guard_process();
    if (keyfile_create(options->new_key, identity, &problem) != 0) {
        report_error(&report, "KEY", problem.hint, "%s", problem.text);
        return EXIT_FAILED;
    }
    printf("A new key with the identity %s is in %s.\n"
           "Whoever has this file can join and read along. Give it to the others over a safe\n"
           "channel, for example:\n"
           "    scp %s their-machine:\n"
           "Then everyone starts:\n"
           "    kith-chat --key %s\n",
           identity, options->new_key, options->new_key, options->new_key);
    return EXIT_OK;
}

/* Fills keyfile where a key is asked for. Gives an exit status. */
static int load_keys(const struct options *options, struct keyfile *keyfile)
{
    const char *const secret =
        options->key_file != NULL ? options->key_file : options->cert_key_file;
    struct report report;
    struct keyfile_problem problem;
    if (secret == NULL) {
        return EXIT_OK;
    }
    report_init(&report, options);
    guard_process();
    if (options->key_file != NULL && keyfile_read(keyfile, options->key_file, &problem) != 0) {
        report_error(&report, "KEY", problem.hint, "%s", problem.text);
        return EXIT_USAGE;
    }
    if (options->key_file != NULL ? keyfile->is_shared : files_is_shared(secret)) {
        fprintf(stderr, "kith-chat: warning: others can read %s: say `chmod 600 %s`\n", secret,
                secret);
    }
    return EXIT_OK;
}

/* Fills identity where one is asked for. Gives an exit status. */
static int load_identity(const struct options *options, kith_identity *identity)
{
    struct report report;
    struct identityfile_problem problem;
    if (options->identity_file == NULL) {
        return EXIT_OK;
    }
    report_init(&report, options);
    guard_process();
    if (identityfile_load(options->identity_file, identity, &problem) != 0) {
        report_error(&report, "IDENTITY", problem.hint, "%s", problem.text);
        return EXIT_USAGE;
    }
    return EXIT_OK;
}

/* Standard output takes nothing more. A reader who has gone is no failure: go quietly. */
static void leave_unheard(struct chat *chat)
{
    if (chat->report.broken != EPIPE) {
        chat->exit_status = EXIT_FAILED;
        report_error(&chat->report, "IO", "is the disk full?",
                     "cannot write to standard output: %s", strerror(chat->report.broken));
    }
    chat_leave(chat, CHAT_FLUSH_SIGNAL_MS);
}

/* Waits for whatever comes first. Gives 0, or -1 when waiting is not possible. */
static int wait_for_work(struct chat *chat, struct pollfd fds[3])
{
    int timeout_ms = console_show(chat, kith_loop_timeout_ms(chat->loop));
    const int input_fd = chat_wants_input(chat) ? chat->input.fd : -1;
    fds[0] = (struct pollfd){chat->console.is_used ? console_fd(chat) : input_fd, POLLIN, 0};
    fds[1].fd = kith_loop_fd(chat->loop);
    if (fds[1].fd < 0 && (timeout_ms < 0 || timeout_ms > POLL_WITHOUT_FD_MS)) {
        timeout_ms = POLL_WITHOUT_FD_MS;
    }
    if (poll(fds, 3, timeout_ms) < 0 && errno != EINTR) {
        report_error(&chat->report, "IO", "", "poll: %s", strerror(errno));
        return -1;
    }
    return 0;
}

/* Takes what was typed and the signals that came. Gives how often somebody has asked to leave. */
static int take_wishes(struct chat *chat, int signals_fd, const struct pollfd fds[3])
{
    int ends = 0;
    if (fds[2].revents != 0) {
        const struct signals seen = signals_take(signals_fd);
        ends = seen.ends;
        console_take_signals(chat, &seen);
    }
    if (fds[0].revents != 0 && chat->console.is_used) {
        ends += console_read(chat);
    } else if (fds[0].revents != 0) {
        input_fill(&chat->input);
        chat_read_lines(chat);
    }
    return ends;
}

/* Runs until the session is closed. Gives how often somebody asked for that. */
static int run(struct chat *chat, int signals_fd)
{
    int ends = 0;
    while (chat->session != NULL && ends < 2) {
        struct pollfd fds[3] = {{-1, 0, 0}, {-1, POLLIN, 0}, {signals_fd, POLLIN, 0}};
        if (wait_for_work(chat, fds) != 0) {
            chat->exit_status = EXIT_FAILED;
            break;
        }
        const int wishes = take_wishes(chat, signals_fd, fds);
        if (wishes > 0) {
            ends += wishes;
            chat_end(chat, ends);
        }
        const kith_err err = kith_loop_step(chat->loop, 0);
        if (err != KITH_OK) {
            report_kith_error(&chat->report, err, "the event loop");
            chat->exit_status = EXIT_FAILED;
            break;
        }
        if (chat->report.broken != 0 && !chat->is_leaving) {
            leave_unheard(chat);
        }
        chat_turn(chat);
    }
    return ends;
}

static int chat_main(const struct options *options)
{
    static struct keyfile keyfile; /* static: too large for some stacks */
    static struct chat chat;
    kith_identity identity;
    int ends = 0;
    int status = load_keys(options, &keyfile);
    if (status == EXIT_OK) {
        status = load_identity(options, &identity);
    }
    if (status != EXIT_OK) {
        keyfile_wipe(&keyfile);
        return status;
    }
    const int signals_fd = signals_open(console_is_wanted(options));
    const int is_open =
        chat_open(&chat, options, &keyfile, options->identity_file != NULL ? &identity : NULL) == 0;
    keyfile_wipe(&keyfile);
    kith_identity_wipe(&identity);
    if (is_open) {
        ends = run(&chat, signals_fd);
    }
    chat_free(&chat);
    status = ends > 0 ? EXIT_OK : chat.exit_status;
    if (is_open) {
        report_closed(&chat.report, status);
    }
    return status;
}

int main(int argc, char **argv)
{
    static struct options options;
    struct options_problem problem;
    fill_standard_streams();
    if (options_read(&options, argc, argv, &problem) != 0) {
        struct report report;
        report_init(&report, &options);
        report_error(&report, "USAGE", problem.hint, "%s", problem.text);
        return EXIT_USAGE;
    }
    if (options.help) {
        fputs(options_help(), stdout);
        return EXIT_OK;
    }
    if (options.version) {
        printf("kith-chat %s\n", kith_version());
        return EXIT_OK;
    }
    if (options.show_key || options.add_key) {
        return options.show_key ? keytool_show(&options) : keytool_add(&options);
    }
    return options.new_key != NULL ? make_key(&options) : chat_main(&options);
}
