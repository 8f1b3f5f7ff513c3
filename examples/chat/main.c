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
#include "guard.h"
#include "stop.h"

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
    struct report report;
    struct keyfile_problem problem;
    if (options->key_file == NULL) {
        return EXIT_OK;
    }
    report_init(&report, options);
    guard_process();
    if (keyfile_read(keyfile, options->key_file, &problem) != 0) {
        report_error(&report, "KEY", problem.hint, "%s", problem.text);
        return EXIT_USAGE;
    }
    if (keyfile->is_shared) {
        fprintf(stderr, "kith-chat: warning: others can read %s: say `chmod 600 %s`\n",
                options->key_file, options->key_file);
    }
    return EXIT_OK;
}

/* A signal came: leave; a second one: at once. */
static void take_signals(struct chat *chat, int count)
{
    if (!chat->is_leaving && count == 1) {
        chat_give_up_lines(chat);
        chat_leave(chat, CHAT_FLUSH_SIGNAL_MS);
    } else if (count > 0) {
        chat_leave(chat, 0);
    }
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
    int timeout_ms = kith_loop_timeout_ms(chat->loop);
    fds[0] = (struct pollfd){chat_wants_input(chat) ? chat->input.fd : -1, POLLIN, 0};
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

/* Runs until the session is closed. Gives how many signals came. */
static int run(struct chat *chat, int stop_fd)
{
    int signals = 0;
    while (chat->session != NULL && signals < 2) {
        struct pollfd fds[3] = {{-1, 0, 0}, {-1, POLLIN, 0}, {stop_fd, POLLIN, 0}};
        if (wait_for_work(chat, fds) != 0) {
            chat->exit_status = EXIT_FAILED;
            break;
        }
        if (fds[2].revents != 0) {
            signals += stop_take(stop_fd);
            take_signals(chat, signals);
        }
        if (fds[0].revents != 0) {
            input_fill(&chat->input);
            chat_read_lines(chat);
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
    return signals;
}

static int chat_main(const struct options *options)
{
    static struct keyfile keyfile; /* static: too large for some stacks */
    static struct chat chat;
    int signals = 0;
    int status = load_keys(options, &keyfile);
    if (status != EXIT_OK) {
        return status;
    }
    const int stop_fd = stop_open();
    const int is_open = chat_open(&chat, options, &keyfile) == 0;
    keyfile_wipe(&keyfile);
    if (is_open) {
        signals = run(&chat, stop_fd);
    }
    chat_free(&chat);
    status = signals > 0 ? EXIT_OK : chat.exit_status;
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
    return options.new_key != NULL ? make_key(&options) : chat_main(&options);
}
