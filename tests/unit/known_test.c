/* SPDX-License-Identifier: MIT
 *
 * known_test.c: what kith-chat remembers of certificates: which verdict counts, and what becomes of
 * the file.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "examples/chat/doubts.h"
#include "examples/chat/known.h"

static const uint8_t one[SHA256_BYTES] = {1}, two[SHA256_BYTES] = {2};
static char folder[] = "/tmp/kith-known-XXXXXX";
static char path[64];
static struct known known;
static struct known_problem problem;

enum { SELF = KITH_DOUBT_UNTRUSTED | KITH_DOUBT_SELF_SIGNED };

static void begin(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/known", folder);
}

static void end(void)
{
    known_free(&known);
    (void)remove(path);
    cr_assert_eq(rmdir(folder), 0, "files were left behind");
}

TestSuite(known, .init = begin, .fini = end);

static void expect(const uint8_t *sha256, const char *host, unsigned doubts,
                   enum known_verdict verdict)
{
    cr_assert_eq(known_judge(&known, sha256, host, doubts), verdict, "%d %s %u", sha256[0], host,
                 doubts);
}

Test(known, without_a_file)
{
    cr_assert_eq(known_open(&known, NULL, &problem), 0);
    expect(one, "h", SELF, KNOWN_NOTHING);
    cr_assert_eq(known_accept(&known, one, "h", SELF, &problem), 0);
    expect(one, "h", SELF, KNOWN_ACCEPTED);
    expect(one, "h", KITH_DOUBT_UNTRUSTED, KNOWN_ACCEPTED);
    expect(one, "h", 0, KNOWN_ACCEPTED);
    expect(one, "h", SELF | KITH_DOUBT_EXPIRED, KNOWN_NOTHING);
    expect(one, "", SELF, KNOWN_NOTHING);
    expect(two, "h", SELF, KNOWN_NOTHING);
    cr_assert_eq(known_accept(&known, one, "", SELF, &problem), 0);
    expect(one, "", SELF, KNOWN_ACCEPTED);
    expect(one, "h", SELF, KNOWN_ACCEPTED);
    cr_assert_eq(known_refuse(&known, one, 0, &problem), 0);
    expect(one, "h", SELF, KNOWN_REFUSED);
    expect(one, "", 0, KNOWN_REFUSED);
    cr_assert_eq(known_accept(&known, one, "h", SELF, &problem), 0);
    expect(one, "h", SELF, KNOWN_ACCEPTED);
    expect(one, "", SELF, KNOWN_NOTHING);
}

Test(known, in_a_file)
{
    struct stat about;
    cr_assert_eq(known_open(&known, path, &problem), 0);
    cr_assert_neq(stat(path, &about), 0, "made before there is something to keep");
    cr_assert_eq(known_accept(&known, one, "h", SELF, &problem), 0);
    cr_assert_eq(known_refuse(&known, two, 1, &problem), 0);
    cr_assert_eq(stat(path, &about), 0);
    cr_assert_eq(about.st_mode & 07777, 0600);
    known_free(&known);
    cr_assert_eq(known_open(&known, path, &problem), 0, "%s", problem.text);
    expect(one, "h", SELF, KNOWN_ACCEPTED);
    expect(one, "h", SELF | KITH_DOUBT_EXPIRED, KNOWN_NOTHING);
    expect(two, "", 0, KNOWN_REFUSED);
}

/* Two programs with one file: neither loses what the other has written. */
Test(known, two_writers)
{
    struct known other;
    cr_assert_eq(known_open(&known, path, &problem), 0);
    cr_assert_eq(known_open(&other, path, &problem), 0);
    cr_assert_eq(known_accept(&known, one, "", SELF, &problem), 0);
    cr_assert_eq(known_refuse(&other, two, 1, &problem), 0);
    known_free(&other);
    known_free(&known);
    cr_assert_eq(known_open(&known, path, &problem), 0);
    expect(one, "", SELF, KNOWN_ACCEPTED);
    expect(two, "", 0, KNOWN_REFUSED);
}

/* What is refused for this run stays so whatever the file says, and is not written there. */
Test(known, refused_for_now)
{
    cr_assert_eq(known_open(&known, path, &problem), 0);
    cr_assert_eq(known_accept(&known, one, "", SELF, &problem), 0);
    cr_assert_eq(known_refuse(&known, one, 0, &problem), 0);
    cr_assert_eq(known_accept(&known, two, "", SELF, &problem), 0);
    expect(one, "", SELF, KNOWN_REFUSED);
    known_free(&known);
    cr_assert_eq(known_open(&known, path, &problem), 0);
    expect(one, "", SELF, KNOWN_NOTHING);
    expect(two, "", SELF, KNOWN_ACCEPTED);
}

/* A file that cannot be read is left as it is; the verdict holds all the same. */
Test(known, spoiled_file)
{
    char text[32] = "";
    cr_assert_eq(known_open(&known, path, &problem), 0);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs("nonsense\n", file), 0);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(known_accept(&known, one, "", SELF, &problem), -1);
    cr_assert_not_null(strstr(problem.text, "line 1"), "%s", problem.text);
    expect(one, "", SELF, KNOWN_ACCEPTED);
    file = fopen(path, "r");
    cr_assert_not_null(fgets(text, sizeof text, file));
    cr_assert_eq(fclose(file), 0);
    cr_assert_str_eq(text, "nonsense\n");
}

Test(known, limit)
{
    uint8_t many[SHA256_BYTES] = {9};
    cr_assert_eq(known_open(&known, NULL, &problem), 0);
    for (unsigned i = 0; i < KNOWN_MAX; i++) {
        many[1] = (uint8_t)(i >> 8), many[2] = (uint8_t)i;
        cr_assert_eq(known_refuse(&known, many, 0, &problem), 0);
    }
    cr_assert_eq(known_refuse(&known, one, 0, &problem), -1);
    cr_assert_eq(known_refuse(&known, many, 0, &problem), 0, "one that is there may change");
}

Test(known, doubts_as_text)
{
    char text[DOUBTS_BYTES_MAX + 1];
    for (unsigned doubts = 0; doubts < 1u << DOUBTS_COUNT; doubts++) {
        unsigned read = 99;
        doubts_write(doubts, text);
        cr_assert_eq(doubts_read(text, &read), 0, "%s", text);
        cr_assert_eq(read, doubts);
    }
    unsigned read;
    cr_assert_eq(doubts_read("", &read), -1);
    cr_assert_eq(doubts_read("UNTRUSTED,", &read), -1);
    cr_assert_eq(doubts_read("untrusted", &read), -1);
}
