/* SPDX-License-Identifier: MIT
 *
 * interop_wss_test.c: other people's TLS against ours: openssl and gnutls-cli as programs. They
 * shake hands, upgrade to WebSocket by hand, exchange HELLO, and read how a session closes on one
 * who is no peer; and they take our dials. A whole handshake through others' TLS: tests/interop.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "forge.h"
#include "party.h"
#include "session/session.h"

/* party.c's key. */
#define KEY_HEX "070108020801080208040509000405020305030600020807"

static kith_loop *loop;
static struct party ada;
static struct forge_certificate root, ada_leaf, other_leaf, lone;
static char folder[] = "/tmp/kith-interop-XXXXXX";

/* ---- a program --------------------------------------------------------------------------- */

struct program {
    pid_t pid;
    int in, out; /* its input and output */
    unsigned char heard[65536];
    size_t count;
};

static struct program other;

static void start(const char *const *arguments)
{
    int in[2], out[2];
    cr_assert_eq(pipe(in), 0);
    cr_assert_eq(pipe(out), 0);
    memset(&other, 0, sizeof other);
    other.pid = fork();
    cr_assert_geq(other.pid, 0);
    if (other.pid == 0) {
        dup2(in[0], 0), dup2(out[1], 1), dup2(out[1], 2);
        for (int fd = 3; fd < 256; fd++) {
            close(fd);
        }
        execvp(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    close(in[0]), close(out[1]);
    other.in = in[1];
    other.out = out[0];
    cr_assert_eq(fcntl(other.out, F_SETFL, O_NONBLOCK), 0);
}

static void stop(void)
{
    close(other.in), close(other.out);
    kill(other.pid, SIGKILL);
    (void)waitpid(other.pid, NULL, 0);
}

/* Its output may hold any byte. */
static int heard(const void *what, size_t count)
{
    for (size_t i = 0; i + count <= other.count; i++) {
        if (memcmp(other.heard + i, what, count) == 0) {
            return 1;
        }
    }
    return 0;
}

static void listen_to_it(void)
{
    ssize_t count =
        read(other.out, other.heard + other.count, sizeof other.heard - other.count - 1);
    other.count += count > 0 ? (size_t)count : 0;
}

static void expect(const void *what, size_t count)
{
    for (uint64_t end_ms = party_deadline_ms(); !heard(what, count);) {
        cr_assert_lt(party_now_ms(), end_ms, "it said: %.3000s", (char *)other.heard);
        cr_assert_eq(kith_loop_step(loop, 10), KITH_OK);
        listen_to_it();
    }
}

static void expect_refused_auth(void)
{
    for (uint64_t end_ms = party_deadline_ms(); ada.session->stats.refused_auth == 0;) {
        cr_assert_lt(party_now_ms(), end_ms, "it said: %.2000s", (char *)other.heard);
        cr_assert_eq(kith_loop_step(loop, 10), KITH_OK);
        listen_to_it();
    }
    cr_assert_eq(ada.session->stats.refused_auth, 1);
}

static void say(const void *bytes, size_t count)
{
    cr_assert_eq(write(other.in, bytes, count), (ssize_t)count);
}

/* ---- the two ways ------------------------------------------------------------------------ */

static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Protocol: kith.v1\r\n\r\n";

/* What channel our side sees, so that the HELLO which goes through somebody else's TLS says so too.
 */
static const struct kith_link_info *seen(void)
{
    cr_assert_neq(ada.session->conns.next, &ada.session->conns, "there is no connection");
    return &KITH_CONTAINER(ada.session->conns.next, struct kith_conn, node)->link_info;
}

/* Says HELLO as a peer would, in a WebSocket frame with a mask of zeros, and reads Ada's: she says
 * it only to whom hers may be shown. */
static void say_hello(void)
{
    static const unsigned char head[] = {0x82, 0x80 | 126, 0,    3 + KITH_HELLO_BYTES, 0, 0, 0,
                                         0,    2,          0x40, KITH_HELLO_BYTES};
    static const unsigned char begin_of_theirs[] = {2, 0x40, KITH_HELLO_BYTES, 'K', 'I', 'T', 'H',
                                                    1, 1};
    unsigned char whole[sizeof head + KITH_HELLO_BYTES];
    uint8_t seed[32] = {7};
    struct kith_hello hello = {.version_min = 1,
                               .version_max = 1,
                               .channel = (uint8_t)seen()->channel,
                               .channel_best = (uint8_t)seen()->channel,
                               .bindings = KITH_BINDING_EXPORTER_BIT,
                               .level_min = KITH_LEVEL_NONE,
                               .tls_version = seen()->tls_version,
                               .cipher_suite = seen()->cipher_suite};
    cr_assert_eq(kith_default_crypto.ed25519_public(seed, hello.key), KITH_OK);
    cr_assert_eq(kith_hello_session_tag(&kith_default_crypto, hello.nonce,
                                        ada.session->config.session_name, hello.session_tag),
                 KITH_OK);
    memcpy(whole, head, sizeof head);
    kith_hello_encode(&hello, whole + sizeof head);
    say(whole, sizeof whole);
    expect(begin_of_theirs, sizeof begin_of_theirs);
    expect(ada.session->key, sizeof ada.session->key);
}

/* It is connected: upgrades, says HELLO and is answered, then says what no peer says, and reads how
 * it is turned away: a CLOSE frame with PROTOCOL (8), then WebSocket's close with 4008. */
static void upgrade_and_be_refused(void)
{
    static const unsigned char garbage[] = {0x82, 0x84, 0, 0, 0, 0, 'a', 'b', 'c', 'd'};
    static const unsigned char farewell[] = {0x82, 3, 0x18, 1, 8};
    static const unsigned char closed[] = {0x88, 2, 0x0f, 0xa8};
    say(request, sizeof request - 1);
    expect("HTTP/1.1 101", 12);
    expect("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28); /* RFC 6455 §1.3 */
    say_hello();
    say(garbage, sizeof garbage);
    expect(farewell, sizeof farewell);
    expect(closed, sizeof closed);
    cr_assert_eq(ada.session->stats.refused_protocol, 1);
    stop();
}

static void begin(void)
{
    loop = party_loop();
    (void)signal(SIGPIPE, SIG_IGN);
}

static void end(void)
{
    party_loop_free(&loop);
}

TestSuite(interop_wss, .init = begin, .fini = end);

static int is_there(const char *program)
{
    char command[100];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", program);
    return system(command) == 0;
}

/* tests/run installs them. */
#define NEEDS(program)                                                                             \
    do {                                                                                           \
        if (!is_there(program)) {                                                                  \
            fprintf(stderr, "not tested: %s is not installed\n", program);                         \
            return;                                                                                \
        }                                                                                          \
    } while (0)

static const char *port_of(const char *url)
{
    return strrchr(url, ':') + 1;
}

static const char *listen_with_keys(kith_tls12 tls12)
{
    static char where[32];
    kith_listen_options options = KITH_LISTEN_OPTIONS_INIT;
    party_open(&ada, loop, "Ada", 1);
    ada.session->config.min_level = KITH_LEVEL_GROUP;
    options.tls12 = tls12;
    cr_assert_eq(kith_listen_open(ada.session, "wss://127.0.0.1:0", &options, NULL), KITH_OK);
    party_until(loop, &ada.listening, 1);
    snprintf(where, sizeof where, "127.0.0.1:%s", port_of(ada.url));
    return where;
}

/* ---- they dial --------------------------------------------------------------------------- */

static void openssl_with_key(kith_tls12 tls12, const char *version)
{
    const char *const arguments[] = {
        "openssl", "s_client",      "-connect", listen_with_keys(tls12),
        version,   "-psk_identity", "party",    "-psk",
        KEY_HEX,   "-quiet",        NULL};
    start(arguments);
}

Test(interop_wss, openssl_dials_with_a_key)
{
    NEEDS("openssl");
    openssl_with_key(KITH_TLS12_NEVER, "-tls1_3");
    upgrade_and_be_refused();
}

Test(interop_wss, openssl_dials_with_tls12)
{
    NEEDS("openssl");
    openssl_with_key(KITH_TLS12_PSK, "-tls1_2");
    upgrade_and_be_refused();
}

/* Who offers both gets TLS 1.3 on the same port. */
Test(interop_wss, openssl_dials_with_both)
{
    static const char best[] = "Protocol version: TLSv1.3";
    NEEDS("openssl");
    openssl_with_key(KITH_TLS12_PSK, "-brief");
    expect(best, sizeof best - 1);
    upgrade_and_be_refused();
}

Test(interop_wss, openssl_with_tls12_where_nobody_said_so)
{
    NEEDS("openssl");
    openssl_with_key(KITH_TLS12_NEVER, "-tls1_2");
    expect("alert", 5);
    cr_assert_not(heard("HTTP", 4));
    stop();
    cr_assert_eq(ada.session->stats.refused_protocol, 1);
}

static void gnutls_with_key(kith_tls12 tls12, const char *priority)
{
    char port[16];
    const char *const arguments[] = {
        "gnutls-cli", "--port",     port,     "--pskusername",        "party",     "--pskkey",
        KEY_HEX,      "--priority", priority, "--no-ca-verification", "127.0.0.1", NULL};
    (void)listen_with_keys(tls12);
    snprintf(port, sizeof port, "%s", port_of(ada.url));
    start(arguments);
    expect("- Simple Client Mode", 20);
}

Test(interop_wss, gnutls_dials_with_a_key)
{
    NEEDS("gnutls-cli");
    gnutls_with_key(KITH_TLS12_NEVER, "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:+PSK");
    upgrade_and_be_refused();
}

Test(interop_wss, gnutls_dials_with_tls12)
{
    NEEDS("gnutls-cli");
    gnutls_with_key(KITH_TLS12_PSK, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK");
    upgrade_and_be_refused();
}

/* Without the extended master secret nobody gets in, whatever else fits. */
Test(interop_wss, gnutls_with_tls12_and_no_extended_master_secret)
{
    NEEDS("gnutls-cli");
    gnutls_with_key(KITH_TLS12_PSK, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK:%NO_SESSION_HASH");
    (void)!write(other.in, request, sizeof request - 1); /* it may have been refused, and gone */
    expect_refused_auth();
    stop();
}

/* ---- certificates ------------------------------------------------------------------------ */

static const char *in_folder(const char *name)
{
    static char paths[4][64];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *file_of(const char *name, const char *label, const void *der, size_t bytes)
{
    const char *path = in_folder(name);
    char *text = forge_pem(label, der, bytes);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fchmod(fileno(file), 0600), 0);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
    free(text);
    return path;
}

static void make_certificates(void)
{
    cr_assert_not_null(mkdtemp(folder));
    forge_root(&root, "Root");
    forge_leaf(&ada_leaf, "Ada", &root);
    forge_leaf(&other_leaf, "Other", &root);
}

static void remove_certificates(void)
{
    (void)remove(in_folder("root.pem"));
    (void)remove(in_folder("leaf.pem"));
    (void)remove(in_folder("key.pem"));
    (void)remove(folder);
}

static void open_ada_with_certificates(void)
{
    kith_certificates certificates = KITH_CERTIFICATES_INIT;
    certificates.chain = ada_leaf.der, certificates.chain_bytes = ada_leaf.der_bytes;
    certificates.key = ada_leaf.key, certificates.key_bytes = sizeof ada_leaf.key;
    certificates.trusted = root.der, certificates.trusted_bytes = root.der_bytes;
    party_open_pki(&ada, loop, "Ada", 0);
    cr_assert_eq(kith_session_set_certificates(ada.session, &certificates), KITH_OK);
}

Test(interop_wss, openssl_dials_with_a_certificate)
{
    char where[32];
    const char *arguments[] = {"openssl", "s_client",   "-connect",  where,
                               "-tls1_3", "-CAfile",    NULL,        "-cert",
                               NULL,      "-key",       NULL,        "-verify_return_error",
                               "-quiet",  "-verify_ip", "127.0.0.1", NULL};
    NEEDS("openssl");
    make_certificates();
    open_ada_with_certificates();
    party_listen(&ada, "wss://127.0.0.1:0");
    snprintf(where, sizeof where, "127.0.0.1:%s", port_of(ada.url));
    arguments[6] = file_of("root.pem", "CERTIFICATE", root.der, root.der_bytes);
    arguments[8] = file_of("leaf.pem", "CERTIFICATE", other_leaf.der, other_leaf.der_bytes);
    arguments[10] = file_of("key.pem", "PRIVATE KEY", other_leaf.key, sizeof other_leaf.key);
    start(arguments);
    upgrade_and_be_refused();
    remove_certificates();
}

/* Openssl shows what it is given; nothing of it gets in, and each time we say why. */
static void expect_not_let_in(const struct forge_certificate *leaf, size_t behind)
{
    char where[32];
    const char *arguments[14] = {"openssl", "s_client", "-connect", where, "-tls1_3", "-quiet"};
    make_certificates();
    open_ada_with_certificates();
    party_listen(&ada, "wss://127.0.0.1:0");
    snprintf(where, sizeof where, "127.0.0.1:%s", port_of(ada.url));
    if (leaf != NULL) {
        arguments[6] = "-cert";
        arguments[7] = file_of("leaf.pem", "CERTIFICATE", leaf->der, leaf->der_bytes);
        arguments[8] = "-key";
        arguments[9] = file_of("key.pem", "PRIVATE KEY", leaf->key, sizeof leaf->key);
    }
    if (behind > 0) {
        FILE *file = fopen(in_folder("root.pem"), "w");
        char *text = forge_pem("CERTIFICATE", root.der, root.der_bytes);
        cr_assert_not_null(file);
        for (size_t i = 0; i < behind; i++) {
            cr_assert_geq(fputs(text, file), 0);
        }
        cr_assert_eq(fclose(file), 0);
        free(text);
        arguments[10] = "-cert_chain";
        arguments[11] = in_folder("root.pem");
    }
    start(arguments);
    expect_refused_auth();
    cr_assert_eq(ada.connected, 0);
    stop();
    remove_certificates();
}

Test(interop_wss, no_certificate)
{
    NEEDS("openssl");
    expect_not_let_in(NULL, 0);
}

/* Nine is what the TLS library reads at most, eight what we do. */
Test(interop_wss, nine_certificates)
{
    NEEDS("openssl");
    forge_leaf(&lone, "Other", NULL);
    expect_not_let_in(&lone, 8);
}

Test(interop_wss, thirty_certificates)
{
    NEEDS("openssl");
    forge_leaf(&lone, "Other", NULL);
    expect_not_let_in(&lone, 29);
}

Test(interop_wss, a_certificate_with_a_nul_in_a_name)
{
    struct forge_certificate leaf;
    struct forge_spec spec = {.subject = "Other", .dns = "a.example\0b.example", .dns_bytes = 19};
    NEEDS("openssl");
    forge(&leaf, &spec);
    expect_not_let_in(&leaf, 0);
}

Test(interop_wss, a_certificate_of_many_kilobytes)
{
    struct forge_certificate leaf;
    struct forge_spec spec = {.subject = "Other", .padding = 20000};
    NEEDS("openssl");
    forge(&leaf, &spec);
    expect_not_let_in(&leaf, 0);
}

Test(interop_wss, gnutls_dials_with_a_certificate)
{
    char port[16];
    const char *arguments[] = {"gnutls-cli",
                               "--port",
                               port,
                               "--x509cafile",
                               NULL,
                               "--x509certfile",
                               NULL,
                               "--x509keyfile",
                               NULL,
                               "--verify-hostname=localhost",
                               "--priority=NORMAL:-VERS-ALL:+VERS-TLS1.3",
                               "127.0.0.1",
                               NULL};
    NEEDS("gnutls-cli");
    make_certificates();
    open_ada_with_certificates();
    party_listen(&ada, "wss://127.0.0.1:0");
    snprintf(port, sizeof port, "%s", port_of(ada.url));
    arguments[4] = file_of("root.pem", "CERTIFICATE", root.der, root.der_bytes);
    arguments[6] = file_of("leaf.pem", "CERTIFICATE", other_leaf.der, other_leaf.der_bytes);
    arguments[8] = file_of("key.pem", "PRIVATE KEY", other_leaf.key, sizeof other_leaf.key);
    start(arguments);
    expect("- Simple Client Mode", 20);
    upgrade_and_be_refused();
    remove_certificates();
}

/* ---- they listen ------------------------------------------------------------------------- */

static const char any_port[] = "127.0.0.1:0";

/* The one that the system gave it, which it tells first. */
static void port_it_has(char out[16])
{
    static const char before[] = "ACCEPT 127.0.0.1:";
    const uint64_t end_ms = party_deadline_ms();
    const char *at;
    expect(before, sizeof before - 1);
    at = strstr((char *)other.heard, before) + sizeof before - 1;
    while (strchr(at, '\n') == NULL) {
        cr_assert_lt(party_now_ms(), end_ms, "it said: %s", (char *)other.heard);
        listen_to_it();
    }
    snprintf(out, 16, "%.*s", (int)strcspn(at, "\r\n"), at);
}

/* It has taken the dial when it shows our request. */
static void dial_it(kith_tls12 tls12)
{
    char url[64], port[16];
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    options.tls12 = tls12;
    port_it_has(port);
    snprintf(url, sizeof url, "wss://127.0.0.1:%s", port);
    cr_assert_eq(kith_dial_open(ada.session, url, &options, &ada.dial), KITH_OK, "%s",
                 kith_detail());
    expect("Sec-WebSocket-Protocol: kith.v1", 31);
    cr_assert_eq(kith_dial_cancel(ada.dial), KITH_OK);
    stop();
}

static void openssl_listens_with_key(const char *version, kith_tls12 tls12)
{
    const char *const arguments[] = {"openssl",       "s_server", "-accept", any_port,
                                     "-nocert",       version,    "-psk",    KEY_HEX,
                                     "-psk_identity", "party",    NULL};
    NEEDS("openssl");
    party_open(&ada, loop, "Ada", 1);
    ada.session->config.min_level = KITH_LEVEL_GROUP;
    start(arguments);
    dial_it(tls12);
}

Test(interop_wss, openssl_listens_with_a_key)
{
    openssl_listens_with_key("-tls1_3", KITH_TLS12_NEVER);
}

Test(interop_wss, openssl_listens_with_tls12)
{
    openssl_listens_with_key("-tls1_2", KITH_TLS12_PSK);
}

Test(interop_wss, openssl_listens_with_a_certificate)
{
    const char *arguments[] = {
        "openssl", "s_server", "-accept", any_port, "-tls1_3", "-CAfile", NULL,
        "-cert",   NULL,       "-key",    NULL,     "-Verify", "1",       "-verify_return_error",
        NULL};
    NEEDS("openssl");
    make_certificates();
    open_ada_with_certificates();
    arguments[6] = file_of("root.pem", "CERTIFICATE", root.der, root.der_bytes);
    arguments[8] = file_of("leaf.pem", "CERTIFICATE", other_leaf.der, other_leaf.der_bytes);
    arguments[10] = file_of("key.pem", "PRIVATE KEY", other_leaf.key, sizeof other_leaf.key);
    start(arguments);
    dial_it(KITH_TLS12_NEVER);
    remove_certificates();
}
