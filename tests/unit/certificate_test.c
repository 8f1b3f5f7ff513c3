/* SPDX-License-Identifier: MIT
 *
 * certificate_test.c: what kith-chat tells of certificates: good ones, and ones that are broken at
 * every place.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "examples/chat/certificate.h"
#include "examples/chat/text.h"
#include "forge.h"

static struct forge_certificate root, leaf;

static void begin(void)
{
    forge_root(&root, "Root");
    forge_leaf(&leaf, "Leaf", &root);
}

TestSuite(certificate, .init = begin);

Test(certificate, what_it_says)
{
    struct certificate shown;
    uint8_t hash[SHA256_BYTES];
    certificate_read(leaf.der, leaf.der_bytes, &shown);
    cr_assert_str_eq(shown.subject, "CN=Leaf");
    cr_assert_str_eq(shown.common_name, "Leaf");
    cr_assert_str_eq(shown.issuer, "CN=Root");
    cr_assert_str_eq(shown.names, "localhost 127.0.0.1");
    cr_assert_eq(strlen(shown.not_before), 20, "%s", shown.not_before);
    cr_assert_eq(strlen(shown.not_after), 20, "%s", shown.not_after);
    cr_assert_lt(strcmp(shown.not_before, shown.not_after), 0);
    cr_assert_eq(memcmp(shown.not_before, "20", 2), 0);
    sha256(leaf.der, leaf.der_bytes, hash);
    cr_assert_arr_eq(shown.sha256, hash, sizeof hash);
}

/* A NUL, commas and line ends in names, and names too long for us. */
Test(certificate, odd_names)
{
    char dns[400];
    struct forge_certificate odd;
    struct certificate shown;
    memset(dns, 'd', sizeof dns);
    memcpy(dns, "a\0b\nc d,e", 9);
    const struct forge_spec spec = {
        .subject = "x,O=Bank\\ \"y\"\n\033[31m", .dns = dns, .dns_bytes = sizeof dns};
    forge(&odd, &spec);
    certificate_read(odd.der, odd.der_bytes, &shown);
    cr_assert_str_eq(shown.subject, "CN=x\\,O\\=Bank\\\\ \\\"y\\\"\xEF\xBF\xBD\xEF\xBF\xBD[31m",
                     "%s", shown.subject);
    cr_assert_str_eq(shown.common_name, "x,O=Bank\\ \"y\"\xEF\xBF\xBD\xEF\xBF\xBD[31m");
    cr_assert_eq(memcmp(shown.names,
                        "a\xEF\xBF\xBD"
                        "b\xEF\xBF\xBD"
                        "c d\\,eddd",
                        16),
                 0, "%s", shown.names);
    cr_assert_leq(strlen(shown.names), CERTIFICATE_NAME_BYTES_MAX);
}

static void check_texts(const struct certificate *shown)
{
    const char *const texts[] = {shown->subject,     shown->issuer,     shown->names,
                                 shown->common_name, shown->not_before, shown->not_after};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cr_assert(text_is_clean(texts[i]), "text %zu: %s", i, texts[i]);
    }
}

/* Cut at every place, and with every byte changed in some ways: never more than garbage is told.
 * The copy ends where the certificate ends, so that a sanitizer sees what is read behind it. */
Test(certificate, broken)
{
    struct certificate shown;
    for (size_t count = 0; count < leaf.der_bytes; count++) {
        uint8_t *const cut = malloc(count + 1);
        cr_assert_not_null(cut);
        memcpy(cut + 1, leaf.der, count);
        certificate_read(cut + 1, count, &shown);
        check_texts(&shown);
        free(cut);
    }
    for (size_t at = 0; at < leaf.der_bytes; at++) {
        static const uint8_t values[] = {0,    1,    0x1e, 0x30, 0x7f, 0x80,
                                         0x81, 0x82, 0x83, 0x84, 0xff};
        for (size_t i = 0; i < sizeof values; i++) {
            uint8_t *const changed = malloc(leaf.der_bytes);
            cr_assert_not_null(changed);
            memcpy(changed, leaf.der, leaf.der_bytes);
            changed[at] = values[i];
            certificate_read(changed, leaf.der_bytes, &shown);
            check_texts(&shown);
            free(changed);
        }
    }
}

static int load(const char *path, const void *bytes, size_t count, struct certificate *shown)
{
    FILE *const file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, count, file), count);
    cr_assert_eq(fclose(file), 0);
    return certificate_load(path, shown);
}

Test(certificate, files)
{
    char path[] = "/tmp/kith-certificate-XXXXXX";
    struct certificate shown, expected;
    size_t both_bytes;
    const struct forge_certificate *const both[] = {&leaf, &root};
    uint8_t *const joined = forge_join(both, 2, &both_bytes);
    char *const pem = forge_pem("CERTIFICATE", leaf.der, leaf.der_bytes);
    const int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    certificate_read(leaf.der, leaf.der_bytes, &expected);
    cr_assert_eq(load(path, pem, strlen(pem), &shown), 0);
    cr_assert_eq(memcmp(&shown, &expected, sizeof shown), 0);
    cr_assert_eq(load(path, joined, both_bytes, &shown), 0, "the first of two");
    cr_assert_eq(memcmp(&shown, &expected, sizeof shown), 0);
    cr_assert_eq(load(path, "", 0, &shown), -1);
    cr_assert_eq(load(path, "no certificate", 14, &shown), -1);
    cr_assert_eq(load(path, "-----BEGIN CERTIFICATE-----", 27, &shown), -1);
    cr_assert_eq(remove(path), 0);
    cr_assert_eq(certificate_load(path, &shown), -1, "there is no file");
    free(joined), free(pem);
}
