/* SPDX-License-Identifier: MIT
 *
 * verify_test.c: chains of certificates and what speaks against them, without a connection.
 */
#include <wolfssl/options.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "forge.h"
#include "transports/tls/tls.h"

static struct forge_certificate root, other, middle, leaf;
static struct kith__tls_anchors anchors;

static void trust(const struct forge_certificate *certificate)
{
    const struct kith_slice bytes = {certificate->der, certificate->der_bytes};
    cr_assert_eq(kith__tls_start(), KITH_OK);
    cr_assert(kith__tls_anchors_read(&anchors, bytes));
}

static void begin(void)
{
    forge_root(&root, "Root");
    forge_root(&other, "Other");
    trust(&root);
}

static unsigned judge_for(const char *name, size_t count, const struct forge_certificate *a,
                          const struct forge_certificate *b, const struct forge_certificate *c)
{
    kith_certificate chain[3] = {{a->der, a->der_bytes}};
    unsigned doubts;
    if (count > 1) {
        chain[1] = (kith_certificate){b->der, b->der_bytes};
    }
    if (count > 2) {
        chain[2] = (kith_certificate){c->der, c->der_bytes};
    }
    cr_assert_eq(kith__tls_judge(&anchors, chain, count, name, 1, &doubts), KITH__TLS_FINE);
    return doubts;
}

static unsigned judge_one(const struct forge_certificate *a)
{
    return judge_for("", 1, a, NULL, NULL);
}

static unsigned judge_two(const struct forge_certificate *a, const struct forge_certificate *b)
{
    return judge_for("", 2, a, b, NULL);
}

static void end(void)
{
    kith__tls_anchors_free(&anchors);
}

TestSuite(verify, .init = begin, .fini = end);

Test(verify, a_leaf_of_the_root)
{
    forge_leaf(&leaf, "Leaf", &root);
    cr_assert_eq(judge_one(&leaf), 0);
    cr_assert_eq(judge_two(&leaf, &root), 0, "with the root behind it");
    cr_assert_eq(judge_two(&leaf, &other), 0, "with one too many behind it");
}

Test(verify, a_leaf_of_nobody_known)
{
    forge_leaf(&leaf, "Leaf", &other);
    cr_assert_eq(judge_one(&leaf), KITH_DOUBT_UNTRUSTED);
    cr_assert_eq(judge_two(&leaf, &other), KITH_DOUBT_UNTRUSTED);
    /* And it stays so: what a chain brings along is forgotten. */
    cr_assert_eq(judge_one(&leaf), KITH_DOUBT_UNTRUSTED);
}

Test(verify, a_root_of_the_same_name)
{
    forge_root(&other, "Root");
    forge_leaf(&leaf, "Leaf", &other);
    cr_assert_eq(judge_one(&leaf), KITH_DOUBT_UNTRUSTED);
    cr_assert_eq(judge_two(&leaf, &other), KITH_DOUBT_UNTRUSTED);
}

Test(verify, a_leaf_that_vouches_for_itself)
{
    forge_leaf(&leaf, "Leaf", NULL);
    cr_assert_eq(judge_one(&leaf), KITH_DOUBT_UNTRUSTED | KITH_DOUBT_SELF_SIGNED);
    trust(&leaf);
    cr_assert_eq(judge_one(&leaf), 0, "trusted as such");
}

/* Trusting Bob does not mean that Bob says who Carol is. */
Test(verify, a_trusted_leaf_vouches_for_nobody)
{
    struct forge_certificate bob, carol;
    forge_leaf(&bob, "Bob", NULL);
    forge_leaf(&carol, "Carol", &bob);
    trust(&bob);
    cr_assert_eq(judge_one(&bob), 0);
    cr_assert_eq(judge_one(&carol), KITH_DOUBT_UNTRUSTED);
    cr_assert_eq(judge_two(&carol, &bob), KITH_DOUBT_UNTRUSTED);
}

Test(verify, through_the_middle)
{
    struct forge_spec spec = {.subject = "Middle", .by = &root, .is_ca = 1, .usage = 0x06};
    forge(&middle, &spec);
    forge_leaf(&leaf, "Leaf", &middle);
    cr_assert_eq(judge_two(&leaf, &middle), 0);
    cr_assert_eq(judge_one(&leaf), KITH_DOUBT_UNTRUSTED, "the middle is missing");
    cr_assert_eq(judge_for("", 3, &leaf, &root, &middle), 0, "in another order");
    cr_assert_eq(judge_for("", 3, &leaf, &middle, &root), 0);
}

/* The oldest hole of all: a leaf that signs. */
Test(verify, through_what_is_no_ca)
{
    struct forge_spec spec = {.subject = "Middle", .by = &root};
    forge(&middle, &spec);
    forge_leaf(&leaf, "Leaf", &middle);
    cr_assert_eq(judge_two(&leaf, &middle), KITH_DOUBT_UNTRUSTED);
    spec.usage = 0x80;
    forge(&middle, &spec);
    forge_leaf(&leaf, "Leaf", &middle);
    cr_assert_eq(judge_two(&leaf, &middle), KITH_DOUBT_UNTRUSTED);
    spec.is_ca = 1; /* but its key may not sign certificates */
    forge(&middle, &spec);
    forge_leaf(&leaf, "Leaf", &middle);
    cr_assert_eq(judge_two(&leaf, &middle), KITH_DOUBT_UNTRUSTED);
    spec.usage = 0; /* nothing is said: everything is allowed */
    forge(&middle, &spec);
    forge_leaf(&leaf, "Leaf", &middle);
    cr_assert_eq(judge_two(&leaf, &middle), 0);
}

Test(verify, a_path_that_is_too_long)
{
    struct forge_certificate lower;
    struct forge_spec spec = {
        .subject = "Middle", .by = &root, .is_ca = 1, .path_len_plus_1 = 1, .usage = 0x06};
    forge(&middle, &spec);
    forge_leaf(&leaf, "Leaf", &middle);
    cr_assert_eq(judge_two(&leaf, &middle), 0);
    spec = (struct forge_spec){.subject = "Lower", .by = &middle, .is_ca = 1, .usage = 0x06};
    forge(&lower, &spec);
    forge_leaf(&leaf, "Leaf", &lower);
    cr_assert_eq(judge_for("", 3, &leaf, &lower, &middle), KITH_DOUBT_UNTRUSTED);
}

Test(verify, a_signature_that_is_wrong)
{
    struct forge_spec spec = {.subject = "Leaf", .by = &root, .is_spoiled = 1};
    forge(&leaf, &spec);
    cr_assert_eq(judge_one(&leaf), KITH_DOUBT_UNTRUSTED);
    spec = (struct forge_spec){
        .subject = "Middle", .by = &root, .is_ca = 1, .usage = 0x06, .is_spoiled = 1};
    forge(&middle, &spec);
    forge_leaf(&leaf, "Leaf", &middle);
    cr_assert_eq(judge_two(&leaf, &middle), KITH_DOUBT_UNTRUSTED);
}

Test(verify, dates)
{
    struct forge_spec spec = {
        .subject = "Leaf", .by = &root, .from_s = -7 * 86400, .until_s = -2 * 86400};
    forge(&leaf, &spec);
    cr_assert_eq(judge_one(&leaf), KITH_DOUBT_EXPIRED);
    spec.from_s = 2 * 86400, spec.until_s = 7 * 86400;
    forge(&leaf, &spec);
    cr_assert_eq(judge_one(&leaf), KITH_DOUBT_NOT_YET_VALID);
    spec.by = &other;
    forge(&leaf, &spec);
    cr_assert_eq(judge_one(&leaf), KITH_DOUBT_NOT_YET_VALID | KITH_DOUBT_UNTRUSTED);
    spec.by = NULL;
    spec.from_s = -7 * 86400, spec.until_s = -2 * 86400;
    forge(&leaf, &spec);
    cr_assert_eq(judge_one(&leaf),
                 KITH_DOUBT_EXPIRED | KITH_DOUBT_UNTRUSTED | KITH_DOUBT_SELF_SIGNED);
    trust(&leaf);
    cr_assert_eq(judge_one(&leaf), KITH_DOUBT_EXPIRED, "trusted, and yet it has expired");
}

Test(verify, an_expired_middle)
{
    struct forge_spec spec = {.subject = "Middle",
                              .by = &root,
                              .is_ca = 1,
                              .usage = 0x06,
                              .from_s = -7 * 86400,
                              .until_s = -2 * 86400};
    forge(&middle, &spec);
    forge_leaf(&leaf, "Leaf", &middle);
    cr_assert_eq(judge_two(&leaf, &middle), KITH_DOUBT_EXPIRED);
    /* One that is not needed does no harm. */
    forge_leaf(&leaf, "Leaf", &root);
    cr_assert_eq(judge_two(&leaf, &middle), 0);
}

Test(verify, names)
{
    static const uint8_t address[] = {192, 0, 2, 7};
    struct forge_spec spec = {
        .subject = "cn.example", .by = &root, .dns = "host.example", .ip = address};
    forge(&leaf, &spec);
    cr_assert_eq(judge_for("host.example", 1, &leaf, NULL, NULL), 0);
    cr_assert_eq(judge_for("HOST.Example", 1, &leaf, NULL, NULL), 0);
    cr_assert_eq(judge_for("192.0.2.7", 1, &leaf, NULL, NULL), 0);
    cr_assert_eq(judge_for("192.0.2.8", 1, &leaf, NULL, NULL), KITH_DOUBT_WRONG_NAME);
    cr_assert_eq(judge_for("2001:db8::1", 1, &leaf, NULL, NULL), KITH_DOUBT_WRONG_NAME);
    cr_assert_eq(judge_for("cn.example", 1, &leaf, NULL, NULL), KITH_DOUBT_WRONG_NAME);
    cr_assert_eq(judge_for("host.example.net", 1, &leaf, NULL, NULL), KITH_DOUBT_WRONG_NAME);
    cr_assert_eq(judge_for("xhost.example", 1, &leaf, NULL, NULL), KITH_DOUBT_WRONG_NAME);
    /* An address written as a name is none. */
    spec.dns = "192.0.2.9";
    spec.ip = NULL;
    forge(&leaf, &spec);
    cr_assert_eq(judge_for("192.0.2.9", 1, &leaf, NULL, NULL), KITH_DOUBT_WRONG_NAME);
}

/* "host.example\0.evil.example": whoever reads it as C text sees another name. wolfSSL does not
 * take it for a certificate at all; if it ever does, it is not made out to the host. */
Test(verify, a_name_with_a_nul)
{
    static const char names[] = "host.example\0.evil.example";
    static const size_t lengths[] = {13, 26};
    for (size_t i = 0; i < 2; i++) {
        struct forge_spec spec = {
            .subject = "Leaf", .by = &root, .dns = names, .dns_bytes = lengths[i]};
        kith_certificate chain;
        unsigned doubts;
        forge(&leaf, &spec);
        chain = (kith_certificate){leaf.der, leaf.der_bytes};
        cr_assert(kith__tls_judge(&anchors, &chain, 1, "host.example", 1, &doubts) ==
                      KITH__TLS_MALFORMED ||
                  doubts == KITH_DOUBT_WRONG_NAME);
        cr_assert_not(kith__tls_pattern_fits(names, lengths[i], "host.example"));
    }
}

Test(verify, patterns)
{
    static const struct {
        const char *pattern, *host;
        int fits;
    } cases[] = {
        {"a.example", "a.example", 1},
        {"a.example", "a.example.", 1},
        {"*.example.net", "a.example.net", 1},
        {"*.example.net", "a.b.example.net", 0},
        {"*.example.net", "example.net", 0},
        {"*.example.net", ".example.net", 0},
        {"*.net", "example.net", 0},
        {"*", "a", 0},
        {"*.", "a.", 0},
        {"a*.example.net", "ab.example.net", 0},
        {"*a.example.net", "ba.example.net", 0},
        {"a.*.net", "a.b.net", 0},
        {"", "", 0},
        {"*.*.net", "a.b.net", 0},
        {"xn--bcher-kva.example", "xn--bcher-kva.example", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_eq(
            kith__tls_pattern_fits(cases[i].pattern, strlen(cases[i].pattern), cases[i].host),
            cases[i].fits, "%s and %s", cases[i].pattern, cases[i].host);
    }
}

Test(verify, no_certificates_at_all)
{
    static const uint8_t garbage[] = {0x30, 0x82, 0x01, 0x00, 0x30, 0xff, 0xff, 0x00};
    kith_certificate chain[KITH_CHAIN_COUNT_MAX + 1];
    unsigned doubts = 77;
    forge_leaf(&leaf, "Leaf", &root);
    cr_assert_eq(kith__tls_judge(&anchors, chain, 0, "", 1, &doubts), KITH__TLS_MALFORMED);
    cr_assert_eq(doubts, 0);
    for (size_t i = 0; i <= KITH_CHAIN_COUNT_MAX; i++) {
        chain[i] = (kith_certificate){leaf.der, leaf.der_bytes};
    }
    cr_assert_eq(kith__tls_judge(&anchors, chain, KITH_CHAIN_COUNT_MAX, "", 1, &doubts),
                 KITH__TLS_FINE);
    cr_assert_eq(doubts, 0);
    cr_assert_eq(kith__tls_judge(&anchors, chain, KITH_CHAIN_COUNT_MAX + 1, "", 1, &doubts),
                 KITH__TLS_TOO_LONG);
    chain[1] = (kith_certificate){garbage, sizeof garbage};
    cr_assert_eq(kith__tls_judge(&anchors, chain, 2, "", 1, &doubts), KITH__TLS_MALFORMED);
    chain[0] = (kith_certificate){"", 0};
    cr_assert_eq(kith__tls_judge(&anchors, chain, 1, "", 1, &doubts), KITH__TLS_MALFORMED);
}

Test(verify, uses)
{
    static const struct {
        int usage, extended, server, client;
    } cases[] = {{0, 0, 1, 1}, {0x80, 0, 1, 1}, {0x20, 0, 0, 0}, {0, 1, 1, 0},
                 {0, 2, 0, 1}, {0, 3, 0, 0},    {0x80, 1, 1, 0}, {0x20, 1, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct forge_spec spec = {
            .subject = "Leaf", .by = &root, .usage = cases[i].usage, .extended = cases[i].extended};
        kith_certificate chain;
        unsigned doubts;
        forge(&leaf, &spec);
        chain = (kith_certificate){leaf.der, leaf.der_bytes};
        cr_assert_eq(kith__tls_judge(&anchors, &chain, 1, "", 1, &doubts),
                     cases[i].server ? KITH__TLS_FINE : KITH__TLS_UNFIT, "%zu", i);
        cr_assert_eq(kith__tls_judge(&anchors, &chain, 1, "", 0, &doubts),
                     cases[i].client ? KITH__TLS_FINE : KITH__TLS_UNFIT, "%zu", i);
    }
}

/* How many of the first bytes are what is signed (RFC 5280 section 4.1), and the heads before it. */
static size_t signed_bytes(const uint8_t *der)
{
    size_t at = 0, length = 0;
    for (int level = 0; level < 2; level++) {
        size_t more = der[at + 1] > 0x80 ? der[at + 1] - 0x80u : 0;
        length = more == 0 ? der[at + 1] : 0;
        for (size_t i = 0; i < more; i++) {
            length = length << 8 | der[at + 2 + i];
        }
        at += 2 + more;
    }
    return at + length;
}

/* Every byte of a good chain changed, and every length: never a crash, never trusted. (A signature
 * can be written in more ways than one: there a change may not matter.) */
Test(verify, damaged)
{
    uint8_t *copy = malloc(FORGE_DER_MAX);
    forge_leaf(&leaf, "Leaf", &root);
    cr_assert_lt(signed_bytes(leaf.der), leaf.der_bytes - 64);
    cr_assert_gt(signed_bytes(leaf.der), leaf.der_bytes / 2);
    for (size_t i = 0; i < leaf.der_bytes; i++) {
        kith_certificate chain = {copy, leaf.der_bytes};
        unsigned doubts;
        memcpy(copy, leaf.der, leaf.der_bytes);
        copy[i] ^= (uint8_t)(1 << i % 8);
        cr_assert(kith__tls_judge(&anchors, &chain, 1, "", 1, &doubts) != KITH__TLS_FINE ||
                      doubts != 0 || i >= signed_bytes(leaf.der),
                  "byte %zu of %zu", i, leaf.der_bytes);
        chain.der_bytes = i;
        cr_assert_neq(kith__tls_judge(&anchors, &chain, 1, "", 1, &doubts), KITH__TLS_FINE, "%zu",
                      i);
    }
    free(copy);
}
