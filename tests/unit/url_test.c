/* SPDX-License-Identifier: MIT
 *
 * url_test.c: the addresses that people type, right and wrong.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/url.h"

static void check(const char *text, const char *scheme, const char *host, unsigned port)
{
    struct kith_url url;
    cr_assert_eq(kith_url_parse(text, &url), KITH_OK, "%s: %s", text, kith_detail());
    cr_assert_str_eq(url.scheme, scheme);
    cr_assert_str_eq(url.host, host);
    cr_assert_eq(url.port, port);
}

Test(url, good)
{
    check("wss://192.0.2.7:4000", "wss", "192.0.2.7", 4000);
    check("ws://localhost:1", "ws", "localhost", 1);
    check("any://*:0", "any", "*", 0);
    check("wss://[::1]:65535", "wss", "::1", 65535);
    check("wss://[2001:db8::1]:4000", "wss", "2001:db8::1", 4000);
    check("wss://[fe80::1%eth0]:4000", "wss", "fe80::1%eth0", 4000);
    check("wss://[::ffff:192.0.2.1]:4000", "wss", "::ffff:192.0.2.1", 4000);
    check("wss://a-b.example.test:00080", "wss", "a-b.example.test", 80);
    check("mem://UPPER_case:7", "mem", "UPPER_case", 7);
}

static void refuse(const char *text)
{
    struct kith_url url;
    cr_assert_eq(kith_url_parse(text, &url), KITH_ERR_ADDRESS, "%s was taken", text);
    cr_assert_not_null(strstr(kith_detail(), "SCHEME://HOST:PORT"), "%s", kith_detail());
}

Test(url, bad)
{
    static const char *const bad[] = {"",
                                      "wss",
                                      "wss:",
                                      "wss:/h:1",
                                      "://h:1",
                                      "w s://h:1",
                                      "wss://",
                                      "wss://:1",
                                      "wss://h",
                                      "wss://h:",
                                      "wss://h:65536",
                                      "wss://h:99999",
                                      "wss://h:000080",
                                      "wss://h:-1",
                                      "wss://h:+1",
                                      "wss://h: 1",
                                      "wss://h:1 ",
                                      "wss://h:1/",
                                      "wss://h:1/path",
                                      "wss://h:0x10",
                                      "wss://u@h:1",
                                      "wss://h:1:2",
                                      "wss://::1:4000",
                                      "wss://[::1:4000",
                                      "wss://[::1]",
                                      "wss://[::1]4000",
                                      "wss://[]:1",
                                      "wss://*x:1",
                                      "wss://h%41:1",
                                      "wss://h\n:1",
                                      "wss://\xc3\xa4:1",
                                      "averyveryverylongscheme://h:1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse(bad[i]);
    }
}

/* What is quoted in the detail text is safe to print. */
Test(url, detail_is_printable)
{
    struct kith_url url;
    cr_assert_eq(kith_url_parse("wss://\x1b[2J\xff:1", &url), KITH_ERR_ADDRESS);
    cr_assert_null(strchr(kith_detail(), '\x1b'));
    cr_assert_null(strchr(kith_detail(), '\xff'));
}

Test(url, as_long_as_can_be)
{
    char text[KITH_URL_BYTES_MAX + 100];
    struct kith_url url;
    for (size_t length = KITH_URL_BYTES_MAX - 5; length < KITH_URL_BYTES_MAX + 50; length++) {
        memset(text, 'h', length);
        memcpy(text, "wss://", 6);
        memcpy(text + length - 2, ":1", 3);
        cr_assert_eq(kith_url_parse(text, &url),
                     length < KITH_URL_BYTES_MAX ? KITH_OK : KITH_ERR_ADDRESS, "%zu", length);
    }
}

/* RFC 3986 section 3.1: schemes have no case. */
Test(url, schemes_in_any_case)
{
    struct kith_url url;
    cr_assert_eq(kith_url_parse("WsS://h:1", &url), KITH_OK);
    cr_assert_str_eq(url.scheme, "wss");
}

Test(url, says_what_is_wrong)
{
    struct kith_url url;
    cr_assert_eq(kith_url_parse("wss://me@h:1", &url), KITH_ERR_ADDRESS);
    cr_assert_not_null(strstr(kith_detail(), "user name"));
    cr_assert_eq(kith_url_parse("wss://h:1/", &url), KITH_ERR_ADDRESS);
    cr_assert_not_null(strstr(kith_detail(), "nothing else"));
}
