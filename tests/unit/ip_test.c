/* SPDX-License-Identifier: MIT
 *
 * ip_test.c: scopes of numeric addresses, and texts that are none; the same texts as the system's
 * inet_pton() takes.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "base/ip.h"
#include "bench.h"

Test(ip, scopes)
{
    static const struct {
        const char *text;
        enum kith_ip_scope scope;
    } cases[] = {
        {"127.0.0.1", KITH_IP_LOOPBACK},
        {"127.255.255.254", KITH_IP_LOOPBACK},
        {"::1", KITH_IP_LOOPBACK},
        {"::ffff:127.0.0.1", KITH_IP_LOOPBACK},
        {"169.254.1.1", KITH_IP_LINK_LOCAL},
        {"fe80::1", KITH_IP_LINK_LOCAL},
        {"fe80::1%eth0", KITH_IP_LINK_LOCAL},
        {"febf::1", KITH_IP_LINK_LOCAL},
        {"10.0.0.1", KITH_IP_PRIVATE},
        {"172.16.0.1", KITH_IP_PRIVATE},
        {"172.31.255.1", KITH_IP_PRIVATE},
        {"192.168.0.1", KITH_IP_PRIVATE},
        {"100.64.0.1", KITH_IP_PRIVATE},
        {"fd12:3456::1", KITH_IP_PRIVATE},
        {"172.32.0.1", KITH_IP_GLOBAL},
        {"192.0.2.1", KITH_IP_GLOBAL},
        {"2001:db8::1", KITH_IP_GLOBAL},
        {"::ffff:8.8.8.8", KITH_IP_GLOBAL},
        {"0.0.0.0", KITH_IP_UNUSABLE},
        {"::", KITH_IP_UNUSABLE},
        {"224.0.0.251", KITH_IP_UNUSABLE},
        {"255.255.255.255", KITH_IP_UNUSABLE},
        {"ff02::fb", KITH_IP_UNUSABLE},
        {"0.1.2.3", KITH_IP_UNUSABLE},
        {"", KITH_IP_NOT_NUMERIC},
        {"localhost", KITH_IP_NOT_NUMERIC},
        {"1.2.3", KITH_IP_NOT_NUMERIC},
        {"1.2.3.4.5", KITH_IP_NOT_NUMERIC},
        {"01.2.3.4", KITH_IP_NOT_NUMERIC},
        {"1.2.3.256", KITH_IP_NOT_NUMERIC},
        {"10.0.0.1%eth0", KITH_IP_NOT_NUMERIC},
        {"fe80::1%", KITH_IP_NOT_NUMERIC},
        {":::", KITH_IP_NOT_NUMERIC},
        {"1::2::3", KITH_IP_NOT_NUMERIC},
        {"1:2:3:4:5:6:7", KITH_IP_NOT_NUMERIC},
        {"1:2:3:4:5:6:7:8:9", KITH_IP_NOT_NUMERIC},
        {"12345::", KITH_IP_NOT_NUMERIC},
        {"*", KITH_IP_NOT_NUMERIC},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_eq(kith_ip_scope(cases[i].text), cases[i].scope, "%s", cases[i].text);
    }
}

/* Random texts of the characters that addresses are made of. */
Test(ip, takes_what_the_system_takes)
{
    static const char letters[] = "0123456789abcF:::::....";
    struct bench_random random = {1};
    unsigned taken = 0;
    for (int i = 0; i < 3000000; i++) {
        char text[24];
        uint8_t out[16];
        size_t count = bench_below(&random, sizeof text);
        int is_one;
        for (size_t k = 0; k < count; k++) {
            text[k] = letters[bench_below(&random, sizeof letters - 1)];
        }
        text[count] = '\0';
        is_one = inet_pton(AF_INET, text, out) == 1 || inet_pton(AF_INET6, text, out) == 1;
        cr_assert_eq(kith_ip_scope(text) != KITH_IP_NOT_NUMERIC, is_one, "%s", text);
        taken += (unsigned)is_one;
    }
    cr_assert_gt(taken, 1000);
}

Test(ip, without_port)
{
    char out[20];
    kith_ip_without_port("192.0.2.1:4242", out, sizeof out);
    cr_assert_str_eq(out, "192.0.2.1");
    kith_ip_without_port("[2001:db8::1]:4242", out, sizeof out);
    cr_assert_str_eq(out, "2001:db8::1");
    kith_ip_without_port("memory", out, sizeof out);
    cr_assert_str_eq(out, "");
    kith_ip_without_port("[2001:db8", out, sizeof out);
    cr_assert_str_eq(out, "");
    kith_ip_without_port("255.255.255.255:1", out, 15);
    cr_assert_str_eq(out, "");
    kith_ip_without_port("", out, sizeof out);
    cr_assert_str_eq(out, "");
}
