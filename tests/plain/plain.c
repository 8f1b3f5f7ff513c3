/* SPDX-License-Identifier: MIT
 *
 * plain.c: runs unit tests in Criterion's place: one after another, each in a fork of this process.
 * Criterion executes the program anew for each test, which costs valgrind a start each time and
 * does not work under ThreadSanitizer; both follow a fork.
 *
 * The object files are those that are linked with Criterion as well. Its macros leave a list of the
 * tests in a section, and call the few functions that stand here. What no test of ours uses
 * (parameters, expected signals) is refused rather than run wrong.
 *
 *     unit_plain [--file FILE] [--part K/N] [NAME]
 *
 * runs the tests whose "suite.name" contains NAME, or all; those of one file, or of all; and of
 * these each Nth, from the Kth on. Ends with "N passed, M failed".
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "transport.h"

/* The linker's, around the sections that Test() and TestSuite() fill. */
extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
extern struct criterion_suite *__start_cr_sts[] __attribute__((weak));
extern struct criterion_suite *__stop_cr_sts[] __attribute__((weak));

static const struct criterion_test *current;

/* ---- what the macros call ---------------------------------------------------------------------
 */

struct criterion_options criterion_options;

static void (*fixture(int after, const struct criterion_test_extra_data *data))(void)
{
    return data == NULL ? NULL : after ? data->fini : data->init;
}

static void run_fixtures(int after)
{
    void (*fixtures[2])(void) = {NULL, fixture(after, current->data)};
    for (struct criterion_suite **at = __start_cr_sts; at != __stop_cr_sts; at++) {
        if (strcmp((*at)->name, current->category) == 0) {
            fixtures[0] = fixture(after, (*at)->data);
        }
    }
    for (int i = 0; i < 2; i++) {
        void (*run)(void) = fixtures[after ? 1 - i : i];
        if (run != NULL) {
            run();
        }
    }
}

void criterion_internal_test_setup(void)
{
    run_fixtures(0);
}

void criterion_internal_test_main(void (*body)(void))
{
    body();
}

void criterion_internal_test_teardown(void)
{
    run_fixtures(1);
}

int cr_asprintf(char **out, const char *format, ...)
{
    va_list arguments;
    int count;
    va_start(arguments, format);
    count = vasprintf(out, format, arguments);
    va_end(arguments);
    return count;
}

void cr_asprintf_free(char *text)
{
    free(text);
}

/* What an assertion says that has no text of its own; the condition comes first. */
char *cr_translate_assert_msg(int kind, ...)
{
    char *text = NULL;
    va_list arguments;
    const char *condition;
    va_start(arguments, kind);
    condition = va_arg(arguments, const char *);
    if (kind == CRITERION_ASSERT_MSG_EXPR_AS_STRINGS_FALSE) {
        const char *actual = va_arg(arguments, const char *);
        const char *expected = va_arg(arguments, const char *);
        (void)cr_asprintf(&text, "%s does not hold: \"%s\", \"%s\"", condition,
                          actual != NULL ? actual : "(NULL)",
                          expected != NULL ? expected : "(NULL)");
    } else {
        (void)cr_asprintf(&text, "%s%s", condition,
                          kind == CRITERION_ASSERT_MSG_EXPR_FALSE     ? " does not hold"
                          : kind == CRITERION_ASSERT_MSG_IS_NULL      ? " is NULL"
                          : kind == CRITERION_ASSERT_MSG_IS_NOT_NULL  ? " is not NULL"
                          : kind == CRITERION_ASSERT_MSG_IS_EMPTY     ? " is empty"
                          : kind == CRITERION_ASSERT_MSG_IS_NOT_EMPTY ? " is not empty"
                                                                      : " (assertion)");
    }
    va_end(arguments);
    return text;
}

void criterion_send_assert(struct criterion_assert_stats *made)
{
    if (!made->passed) {
        const char *slash = strrchr(made->file, '/');
        fprintf(stderr, "%s:%u: assertion failed: %s\n", slash != NULL ? slash + 1 : made->file,
                made->line, made->message != NULL ? made->message : "");
    }
}

void criterion_abort_test(void)
{
    _exit(1);
}

void cri_asserts_passed_incr(void)
{
}

/* ---- running ----------------------------------------------------------------------------------
 */

/* In the child. Ends by exit(), so that what looks for leaks then does. */
static void run_here(void)
{
    alarm(TEST_S_MAX);
    current->test();
    exit(0);
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Gives whether it passed, and says so or why not. */
static int run(void)
{
    const struct criterion_test_extra_data *data = current->data;
    const char *suite = current->category, *name = current->name;
    double start_s = now_s();
    int status = 0;
    pid_t pid;
    if (data->kind_ != CR_TEST_NORMAL || data->signal != 0 || data->exit_code != 0 ||
        data->disabled) {
        printf("not ok %s.%s: plain.c cannot run tests of this kind\n", suite, name);
        return 0;
    }
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        run_here();
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("fork");
        status = 1;
    }
    if (status == 0) {
        printf("ok %s.%s (%.2f s)\n", suite, name, now_s() - start_s);
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        printf("not ok %s.%s: not finished after %d s\n", suite, name, TEST_S_MAX);
    } else if (WIFSIGNALED(status)) {
        printf("not ok %s.%s: died of %s\n", suite, name, strsignal(WTERMSIG(status)));
    } else {
        printf("not ok %s.%s: exit status %d, the reason stands above\n", suite, name,
               WEXITSTATUS(status));
    }
    fflush(stdout);
    return status == 0;
}

/* Under valgrind code is translated when it first runs, and a fork has what its parent had; so the
 * parent runs once what nearly every test does, and what is longest. Keeps nothing. */
static void warm_up(void)
{
    const struct kith_crypto *crypto = &kith_default_crypto;
    uint8_t seed[KITH_ED25519_SEED_BYTES] = {1}, key[KITH_ED25519_KEY_BYTES];
    uint8_t signature[KITH_ED25519_SIGNATURE_BYTES], hash[KITH_SHA256_BYTES];
    struct kith_slice text = {seed, sizeof seed};
    (void)crypto->ed25519_public(seed, key);
    (void)crypto->ed25519_sign(seed, key, seed, sizeof seed, signature);
    (void)crypto->ed25519_verify(key, seed, sizeof seed, signature);
    (void)crypto->sha256(&text, 1, hash);
    (void)crypto->hmac_sha256(seed, sizeof seed, &text, 1, hash);
}

/* What to run, from the command line. */
struct wanted {
    const char *file, *name;
    unsigned part, parts;
};

static int read_options(struct wanted *wanted, int argc, char **argv)
{
    *wanted = (struct wanted){NULL, "", 1, 1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--file") == 0 && i + 1 < argc) {
            wanted->file = argv[++i];
        } else if (strcmp(argv[i], "--part") == 0 && i + 1 < argc) {
            if (sscanf(argv[++i], "%u/%u", &wanted->part, &wanted->parts) != 2 ||
                wanted->part < 1 || wanted->part > wanted->parts) {
                return 0;
            }
        } else if (argv[i][0] == '-') {
            return 0;
        } else {
            wanted->name = argv[i];
        }
    }
    return 1;
}

static int is_wanted(const struct wanted *wanted, const struct criterion_test *test)
{
    const char *slash = strrchr(test->data->file_, '/');
    char name[256];
    snprintf(name, sizeof name, "%s.%s", test->category, test->name);
    return strstr(name, wanted->name) != NULL &&
           (wanted->file == NULL ||
            strcmp(wanted->file, slash != NULL ? slash + 1 : test->data->file_) == 0);
}

int main(int argc, char **argv)
{
    unsigned count = 0, passed = 0, failed = 0;
    struct wanted wanted;
    if (!read_options(&wanted, argc, argv)) {
        fprintf(stderr, "usage: unit_plain [--file FILE] [--part K/N] [NAME]\n");
        return 2;
    }
    warm_up();
    for (struct criterion_test **at = __start_cr_tst; at != __stop_cr_tst; at++) {
        if (is_wanted(&wanted, *at) && count++ % wanted.parts == wanted.part - 1) {
            current = *at;
            if (run()) {
                passed++;
            } else {
                failed++;
            }
        }
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
