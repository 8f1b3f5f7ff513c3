/* SPDX-License-Identifier: MIT
 *
 * pki_wss_test.c: sessions with certificates over real TLS: who is let in, who is refused and why,
 * and what an application is asked.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge.h"
#include "party.h"
#include "session/session.h"

static kith_loop *loop;
static struct party ada, bob, cyd;
static struct forge_certificate root, stranger_root, ada_leaf, bob_leaf;

/* What a party shows and trusts. */
struct papers {
    const struct forge_certificate *own, *trusted;
    kith_client_certificates clients;
};

static void begin(void)
{
    forge_root(&root, "Root");
    forge_root(&stranger_root, "Stranger");
    forge_leaf(&ada_leaf, "Ada", &root);
    forge_leaf(&bob_leaf, "Bob", &root);
    loop = party_loop();
}

static void end(void)
{
    party_loop_free(&loop);
}

TestSuite(pki_wss, .init = begin, .fini = end);

static kith_err give(struct party *party, const struct papers *papers)
{
    kith_certificates certificates = KITH_CERTIFICATES_INIT;
    if (papers->own != NULL) {
        certificates.chain = papers->own->der;
        certificates.chain_bytes = papers->own->der_bytes;
        certificates.key = papers->own->key;
        certificates.key_bytes = sizeof papers->own->key;
    }
    if (papers->trusted != NULL) {
        certificates.trusted = papers->trusted->der;
        certificates.trusted_bytes = papers->trusted->der_bytes;
    }
    certificates.client_certificates = papers->clients;
    return kith_session_set_certificates(party->session, &certificates);
}

static void open_one(struct party *party, const char *name, int asks, const struct papers *papers)
{
    party_open_pki(party, loop, name, asks);
    cr_assert_eq(give(party, papers), KITH_OK, "%s", kith_detail());
}

/* Ada listens, Bob dials; neither has an opinion of its own. */
static void meet(const struct papers *of_ada, const struct papers *of_bob)
{
    open_one(&ada, "Ada", 0, of_ada);
    open_one(&bob, "Bob", 0, of_bob);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(ada.listening, 1, "%s", ada.detail);
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK, "%s", kith_detail());
}

static void expect_connected(void)
{
    while (bob.ready + bob.failed == 0) {
        cr_assert_eq(kith_loop_step(loop, 100), KITH_OK);
    }
    cr_assert_eq(bob.ready, 1, "%s: %s", kith_reason_name(bob.dial_reason), bob.detail);
    party_until(loop, &ada.connected, 1);
}

static void expect_refused(kith_reason reason, const char *why)
{
    party_until(loop, &bob.failed, 1);
    cr_assert_eq(bob.dial_reason, reason, "%s: %s", kith_reason_name(bob.dial_reason), bob.detail);
    cr_assert_not_null(strstr(bob.detail, why), "\"%s\" is not in: %s", why, bob.detail);
    cr_assert_eq(ada.connected, 0);
    cr_assert_eq(bob.connected, 0);
}

/* ---- let in ----------------------------------------------------------------------------- */

Test(pki_wss, both_show_certificates)
{
    const struct papers papers = {&ada_leaf, &root, 0}, papers_of_bob = {&bob_leaf, &root, 0};
    const struct kith_slice leaf = {bob_leaf.der, bob_leaf.der_bytes};
    kith_peer_info info = {.size = sizeof info};
    uint8_t hash[32];
    meet(&papers, &papers_of_bob);
    expect_connected();
    cr_assert_eq(kith_peer_get_info(ada.peer, &info), KITH_OK);
    cr_assert_eq(kith_default_crypto.sha256(&leaf, 1, hash), KITH_OK);
    cr_assert_arr_eq(info.sha256, hash, sizeof hash);
    cr_assert_eq(info.level, KITH_LEVEL_IDENTITY);
    cr_assert_eq(info.tls_version, 0x0304);
    cr_assert_eq(info.doubts, 0);
    cr_assert_eq(info.chain_count, 1);
    cr_assert_eq(info.chain[0].der_bytes, bob_leaf.der_bytes);
    cr_assert_arr_eq(info.chain[0].der, bob_leaf.der, bob_leaf.der_bytes);
    cr_assert_str_empty(info.psk_identity);
    cr_assert_eq(kith_peer_get_info(bob.peer, &info), KITH_OK);
    cr_assert_arr_eq(info.chain[0].der, ada_leaf.der, ada_leaf.der_bytes);
    cr_assert_eq(kith_send(ada.peer, 0, "hello", 5, NULL), KITH_OK);
    party_until(loop, &bob.messages, 1);
}

/* What both sign: the exporter, and the hashes of both certificates. */
Test(pki_wss, what_is_signed)
{
    const struct papers papers = {&ada_leaf, &root, 0}, papers_of_bob = {&bob_leaf, &root, 0};
    const struct kith_slice leaf = {bob_leaf.der, bob_leaf.der_bytes};
    static const uint8_t zeros[32];
    uint8_t hash[32];
    const struct kith_conn *here, *there;
    meet(&papers, &papers_of_bob);
    expect_connected();
    here = ada.peer->conn;
    there = bob.peer->conn;
    cr_assert_eq(here->binding_type, KITH_BINDING_EXPORTER);
    cr_assert_arr_neq(here->binding, zeros, sizeof here->binding);
    cr_assert_arr_eq(here->binding, there->binding, sizeof here->binding);
    cr_assert_eq(kith_default_crypto.sha256(&leaf, 1, hash), KITH_OK);
    cr_assert_arr_eq(here->certificate_there, hash, sizeof hash);
    cr_assert_arr_eq(there->certificate_here, hash, sizeof hash);
    cr_assert_arr_eq(there->certificate_there, here->certificate_here, sizeof hash);
    cr_assert_arr_neq(here->certificate_here, zeros, sizeof hash);
}

Test(pki_wss, a_client_that_is_not_asked_for_a_certificate)
{
    const struct papers papers = {&ada_leaf, &root, KITH_CLIENT_CERTIFICATES_NONE};
    const struct papers papers_of_bob = {&bob_leaf, &root, 0};
    kith_peer_info info = {.size = sizeof info};
    static const uint8_t zeros[32];
    meet(&papers, &papers_of_bob);
    expect_connected();
    cr_assert_eq(kith_peer_get_info(ada.peer, &info), KITH_OK);
    cr_assert_eq(info.chain_count, 0);
    cr_assert_null(info.chain);
    cr_assert_null(info.sha256);
    cr_assert_eq(info.level, KITH_LEVEL_IDENTITY);
    /* Bob has one, and did not show it: that is what both sign. */
    cr_assert_arr_eq(bob.peer->conn->certificate_here, zeros, sizeof zeros);
}

Test(pki_wss, a_client_certificate_that_is_optional)
{
    const struct papers papers = {&ada_leaf, &root, KITH_CLIENT_CERTIFICATES_OPTIONAL};
    const struct papers papers_of_bob = {NULL, &root, 0};
    kith_peer_info info = {.size = sizeof info};
    meet(&papers, &papers_of_bob);
    expect_connected();
    cr_assert_eq(kith_peer_get_info(ada.peer, &info), KITH_OK);
    cr_assert_eq(info.chain_count, 0);
    open_one(&cyd, "Cyd", 0, &(struct papers){&bob_leaf, &root, 0});
    cr_assert_eq(party_dial(&cyd, ada.url), KITH_OK);
    party_until(loop, &ada.connected, 2);
    cr_assert_eq(kith_peer_get_info(ada.peer, &info), KITH_OK);
    cr_assert_eq(info.chain_count, 1);
}

Test(pki_wss, a_name_of_choice)
{
    const struct papers papers = {&ada_leaf, &root, KITH_CLIENT_CERTIFICATES_NONE};
    const struct papers papers_of_bob = {NULL, &root, 0};
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    open_one(&ada, "Ada", 0, &papers);
    open_one(&bob, "Bob", 0, &papers_of_bob);
    party_listen(&ada, "wss://127.0.0.1:0");
    options.certificate_name = "localhost";
    cr_assert_eq(kith_dial_open(bob.session, ada.url, &options, NULL), KITH_OK);
    expect_connected();
    options.certificate_name = "elsewhere.example";
    cr_assert_eq(kith_dial_open(bob.session, ada.url, &options, NULL), KITH_OK);
    party_until(loop, &bob.failed, 1);
    cr_assert_eq(bob.dial_reason, KITH_REASON_UNTRUSTED);
    cr_assert_not_null(strstr(bob.detail, "\"elsewhere.example\""), "%s", bob.detail);
}

/* A chain of PEM out of files, its key as well. */
static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

Test(pki_wss, out_of_files)
{
    struct forge_certificate middle, leaf;
    struct forge_spec spec = {.subject = "Middle", .by = &root, .is_ca = 1, .usage = 0x06};
    char folder[] = "/tmp/kith-pki-XXXXXX", chain[80], key[80], trusted[80], *text, *more;
    kith_certificates certificates = KITH_CERTIFICATES_INIT;
    kith_peer_info info = {.size = sizeof info};
    forge(&middle, &spec);
    forge_leaf(&leaf, "Ada", &middle);
    cr_assert_not_null(mkdtemp(folder));
    snprintf(chain, sizeof chain, "%s/chain.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(trusted, sizeof trusted, "%s/trusted.pem", folder);
    text = forge_pem("CERTIFICATE", leaf.der, leaf.der_bytes);
    more = forge_pem("CERTIFICATE", middle.der, middle.der_bytes);
    text = realloc(text, strlen(text) + strlen(more) + 1);
    strcat(text, more);
    write_file(chain, text);
    free(text), free(more);
    text = forge_pem("PRIVATE KEY", leaf.key, sizeof leaf.key);
    write_file(key, text);
    free(text);
    text = forge_pem("CERTIFICATE", root.der, root.der_bytes);
    write_file(trusted, text);
    free(text);
    certificates.chain_file = chain;
    certificates.key_file = key;
    certificates.trusted_file = trusted;
    party_open_pki(&ada, loop, "Ada", 0);
    party_open_pki(&bob, loop, "Bob", 0);
    cr_assert_eq(kith_session_set_certificates(ada.session, &certificates), KITH_OK, "%s",
                 kith_detail());
    cr_assert_eq(kith_session_set_certificates(bob.session, &certificates), KITH_OK);
    remove(chain), remove(key), remove(trusted), remove(folder);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    expect_connected();
    cr_assert_eq(kith_peer_get_info(bob.peer, &info), KITH_OK);
    cr_assert_eq(info.chain_count, 2, "the middle was shown as well");
}

/* What the machine trusts: here, a list of its CAs that holds the root among others. */
Test(pki_wss, the_cas_of_the_machine)
{
    char path[] = "/tmp/kith-cas-XXXXXX", *text, *more;
    kith_certificates certificates = KITH_CERTIFICATES_INIT;
    FILE *file = fdopen(mkstemp(path), "w");
    cr_assert_not_null(file);
    text = forge_pem("CERTIFICATE", stranger_root.der, stranger_root.der_bytes);
    more = forge_pem("CERTIFICATE", root.der, root.der_bytes);
    cr_assert_gt(fprintf(file, "# of this machine\n%s\n# and\n%s", text, more), 0);
    cr_assert_eq(fclose(file), 0);
    free(text), free(more);
    open_one(&ada, "Ada", 0, &(struct papers){&ada_leaf, &root, KITH_CLIENT_CERTIFICATES_NONE});
    party_open_pki(&bob, loop, "Bob", 0);
    certificates.trust_system = 1;
    cr_assert_eq(setenv("SSL_CERT_FILE", path, 1), 0);
    cr_assert_eq(kith_session_set_certificates(bob.session, &certificates), KITH_OK, "%s",
                 kith_detail());
    cr_assert_eq(unsetenv("SSL_CERT_FILE"), 0);
    cr_assert_eq(remove(path), 0);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    expect_connected();
}

/* ---- refused ---------------------------------------------------------------------------- */

Test(pki_wss, a_listener_nobody_vouches_for)
{
    const struct papers papers = {&ada_leaf, &root, 0},
                        papers_of_bob = {&bob_leaf, &stranger_root, 0};
    meet(&papers, &papers_of_bob);
    expect_refused(KITH_REASON_UNTRUSTED, "no trusted CA");
}

Test(pki_wss, a_listener_that_vouches_for_itself)
{
    struct forge_certificate self;
    struct papers papers = {&self, &root, 0}, papers_of_bob = {&bob_leaf, &root, 0};
    forge_leaf(&self, "Ada", NULL);
    meet(&papers, &papers_of_bob);
    expect_refused(KITH_REASON_UNTRUSTED, "nobody but itself");
}

Test(pki_wss, a_dialer_nobody_vouches_for)
{
    const struct papers papers = {&ada_leaf, &stranger_root, 0};
    const struct papers papers_of_bob = {&bob_leaf, &root, 0};
    meet(&papers, &papers_of_bob);
    expect_refused(KITH_REASON_UNTRUSTED, "this side's certificate");
    cr_assert_geq(ada.session->stats.refused_auth, 1);
}

Test(pki_wss, a_dialer_without_a_certificate)
{
    const struct papers papers = {&ada_leaf, &root, 0}, papers_of_bob = {NULL, &root, 0};
    meet(&papers, &papers_of_bob);
    expect_refused(KITH_REASON_UNTRUSTED, "wants to see a certificate");
}

static void expect_dates_refused(long from_s, long until_s, const char *why)
{
    static const uint8_t here[] = {127, 0, 0, 1};
    struct forge_certificate late;
    struct forge_spec spec = {
        .subject = "Ada", .by = &root, .ip = here, .from_s = from_s, .until_s = until_s};
    struct papers papers = {&late, &root, 0}, papers_of_bob = {&bob_leaf, &root, 0};
    forge(&late, &spec);
    meet(&papers, &papers_of_bob);
    expect_refused(KITH_REASON_UNTRUSTED, why);
}

Test(pki_wss, an_expired_certificate)
{
    expect_dates_refused(-7 * 86400, -2 * 86400, "has expired");
}

Test(pki_wss, a_certificate_of_tomorrow)
{
    expect_dates_refused(2 * 86400, 7 * 86400, "not valid yet");
}

Test(pki_wss, a_wrong_name)
{
    struct forge_certificate elsewhere;
    struct forge_spec spec = {.subject = "Ada", .by = &root, .dns = "elsewhere.example"};
    struct papers papers = {&elsewhere, &root, 0}, papers_of_bob = {&bob_leaf, &root, 0};
    forge(&elsewhere, &spec);
    meet(&papers, &papers_of_bob);
    expect_refused(KITH_REASON_UNTRUSTED, "not made out to \"127.0.0.1\"");
}

Test(pki_wss, a_certificate_for_another_use)
{
    static const uint8_t here[] = {127, 0, 0, 1};
    struct forge_certificate signer;
    struct forge_spec spec = {.subject = "Ada", .by = &root, .ip = here, .extended = 3};
    struct papers papers = {&signer, &root, 0}, papers_of_bob = {&bob_leaf, &root, 0};
    forge(&signer, &spec);
    meet(&papers, &papers_of_bob);
    expect_refused(KITH_REASON_UNTRUSTED, "not made for this use");
}

Test(pki_wss, a_chain_that_is_too_long)
{
    static const uint8_t here[] = {127, 0, 0, 1};
    struct forge_certificate fat;
    struct forge_spec spec = {.subject = "Ada", .by = &root, .ip = here, .padding = 20000};
    struct papers papers = {&fat, &root, 0}, papers_of_bob = {&bob_leaf, &root, 0};
    const struct forge_certificate *twice[2] = {&fat, &fat};
    kith_certificates certificates = KITH_CERTIFICATES_INIT;
    uint8_t *bytes;
    forge(&fat, &spec);
    party_open_pki(&ada, loop, "Ada", 0);
    bytes = forge_join(twice, 2, &certificates.chain_bytes);
    certificates.chain = bytes;
    certificates.key = fat.key;
    certificates.key_bytes = sizeof fat.key;
    certificates.trusted = root.der;
    certificates.trusted_bytes = root.der_bytes;
    cr_assert_eq(kith_session_set_certificates(ada.session, &certificates), KITH_OK, "%s",
                 kith_detail());
    free(bytes);
    open_one(&bob, "Bob", 0, &papers_of_bob);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(ada.listening, 1, "%s", ada.detail);
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    expect_refused(KITH_REASON_UNTRUSTED, "more certificates");
    (void)papers;
}

/* One with certificates and one with keys do not meet, and are told why. */
Test(pki_wss, keys_and_certificates_do_not_mix)
{
    const struct papers papers = {&ada_leaf, &root, 0}, papers_of_cyd = {&bob_leaf, &root, 0};
    open_one(&ada, "Ada", 0, &papers);
    party_open(&bob, loop, "Bob", 1);
    party_listen(&ada, "wss://127.0.0.1:0");
    cr_assert_eq(party_dial(&bob, ada.url), KITH_OK);
    expect_refused(KITH_REASON_AUTH, "");
    party_listen(&bob, "wss://127.0.0.1:0");
    open_one(&cyd, "Cyd", 0, &papers_of_cyd);
    cr_assert_eq(party_dial(&cyd, bob.url), KITH_OK);
    party_until(loop, &cyd.waiting, 1);
    cr_assert_not_null(strstr(cyd.detail, "pre-shared key"), "%s", cyd.detail);
}

/* ---- what cannot be set ----------------------------------------------------------------- */

static void expect_unusable(kith_err err, const kith_certificates *certificates, const char *why)
{
    kith_err have = kith_session_set_certificates(ada.session, certificates);
    cr_assert_eq(have, err, "%s: %s", kith_err_name(have), kith_detail());
    cr_assert_not_null(strstr(kith_detail(), why), "\"%s\" is not in: %s", why, kith_detail());
}

Test(pki_wss, certificates_that_cannot_be_used)
{
    kith_certificates good = KITH_CERTIFICATES_INIT, bad;
    good.chain = ada_leaf.der, good.chain_bytes = ada_leaf.der_bytes;
    good.key = ada_leaf.key, good.key_bytes = sizeof ada_leaf.key;
    good.trusted = root.der, good.trusted_bytes = root.der_bytes;
    party_open_pki(&ada, loop, "Ada", 0);
    cr_assert_eq(kith_listen(ada.session, "wss://127.0.0.1:0", NULL, NULL), KITH_ERR_CONFIG);
    bad = good, bad.key = bob_leaf.key;
    expect_unusable(KITH_ERR_KEY, &bad, "does not belong");
    bad = good, bad.key = "rubbish", bad.key_bytes = 7;
    expect_unusable(KITH_ERR_KEY, &bad, "key:");
    bad = good, bad.chain_bytes--;
    expect_unusable(KITH_ERR_KEY, &bad, "chain:");
    bad = good, bad.chain = "-----BEGIN CERTIFICATE-----\nAAAA\n", bad.chain_bytes = 33;
    expect_unusable(KITH_ERR_KEY, &bad, "chain:");
    bad = good, bad.trusted = "\x30\x03\x02\x01\x01", bad.trusted_bytes = 5;
    expect_unusable(KITH_ERR_KEY, &bad, "trusted:");
    bad = good, bad.trusted = NULL, bad.trusted_bytes = 0;
    expect_unusable(KITH_ERR_CONFIG, &bad, "trusted:");
    bad = good, bad.key = NULL, bad.key_bytes = 0;
    expect_unusable(KITH_ERR_CONFIG, &bad, "key: is missing");
    bad = good, bad.chain_bytes = 0;
    expect_unusable(KITH_ERR_INVALID, &bad, "chain_bytes");
    bad = good, bad.chain_bytes = 64 * 1024 + 1;
    expect_unusable(KITH_ERR_INVALID, &bad, "chain_bytes");
    bad = good, bad.chain_file = "somewhere";
    expect_unusable(KITH_ERR_INVALID, &bad, "not both");
    bad = good, bad.chain = NULL, bad.chain_bytes = 0, bad.chain_file = "/nonexistent/file";
    expect_unusable(KITH_ERR_NOT_FOUND, &bad, "/nonexistent/file");
    bad = good, bad.client_certificates = (kith_client_certificates)3;
    expect_unusable(KITH_ERR_INVALID, &bad, "client_certificates");
    cr_assert_eq(kith_session_set_certificates(ada.session, &good), KITH_OK, "%s", kith_detail());
    expect_unusable(KITH_ERR_STATE, &good, "already");
    party_open(&bob, loop, "Bob", 1);
    cr_assert_eq(kith_session_set_certificates(bob.session, &good), KITH_ERR_CONFIG);
    cr_assert_eq(kith_session_set_certificates(NULL, &good), KITH_ERR_INVALID);
    cr_assert_eq(kith_session_set_certificates(bob.session, NULL), KITH_ERR_INVALID);
}

Test(pki_wss, a_dialer_needs_no_certificate_and_a_listener_does)
{
    party_open_pki(&ada, loop, "Ada", 0);
    cr_assert_eq(give(&ada, &(struct papers){NULL, &root, 0}), KITH_OK);
    cr_assert_eq(kith_listen(ada.session, "wss://127.0.0.1:0", NULL, NULL), KITH_ERR_CONFIG);
    cr_assert_not_null(strstr(kith_detail(), "certificate"));
    cr_assert_eq(kith_dial_open(ada.session, "wss://127.0.0.1:1", NULL, NULL), KITH_OK);
}
