/* SPDX-License-Identifier: MIT
 *
 * kith-test-relay KEYFILE LISTENPORT TARGETPORT: a man in the middle who has the key.
 *
 * Accepts TLS 1.3 with the pre-shared key on 127.0.0.1:LISTENPORT (0: any free port) and, for each
 * connection, opens another with the same key to 127.0.0.1:TARGETPORT and copies the decrypted
 * bytes both ways. Two Kith peers that talk through it have the right key on both links, and still
 * must not accept each other: each signs the keying material of its own link.
 *
 * It says on standard output, one line each: "listening PORT", "spliced" when both TLS links
 * stand, "upgraded" when the answer to a WebSocket upgrade passes, "bytes UP DOWN" at the end of a
 * connection (UP: from the one who dialled). One connection at a time. It ends when it is killed or
 * when its standard input ends.
 *
 * For tests only: it stands on wolfSSL directly, not on Kith.
 */
#define _GNU_SOURCE

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SUITE "TLS13-AES128-GCM-SHA256"

enum { HANDSHAKE_S = 60, COPY_BYTES = 16 * 1024 };

static char psk_identity[256];
static unsigned char psk_key[64];
static unsigned psk_bytes;

static void die(const char *what)
{
    fprintf(stderr, "kith-test-relay: %s\n", what);
    exit(1);
}

static void say(const char *line)
{
    puts(line);
    fflush(stdout);
}

/* Reads "identity:hexkey" from the first line of a file. */
static void read_key(const char *path)
{
    char line[512];
    FILE *const file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof line, file) == NULL) {
        die("cannot read the key file");
    }
    fclose(file);
    char *const colon = strchr(line, ':');
    if (colon == NULL || (size_t)(colon - line) >= sizeof psk_identity) {
        die("not a key file");
    }
    memcpy(psk_identity, line, (size_t)(colon - line));
    unsigned value;
    for (const char *hex = colon + 1; psk_bytes < sizeof psk_key && sscanf(hex, "%2x", &value) == 1;
         hex += 2) {
        psk_key[psk_bytes++] = (unsigned char)value;
    }
}

/* The callbacks' types are wolfSSL's. */
static unsigned server_psk(WOLFSSL *ssl, const char *identity, unsigned char *key, unsigned key_max,
                           const char **suite)
{
    (void)ssl;
    if (strcmp(identity, psk_identity) != 0 || key_max < psk_bytes) {
        return 0;
    }
    memcpy(key, psk_key, psk_bytes);
    *suite = SUITE;
    return psk_bytes;
}

static unsigned client_psk(WOLFSSL *ssl, const char *hint, char *identity, unsigned identity_max,
                           unsigned char *key, unsigned key_max, const char **suite)
{
    (void)ssl;
    (void)hint;
    if (strlen(psk_identity) >= identity_max || key_max < psk_bytes) {
        return 0;
    }
    memcpy(identity, psk_identity, strlen(psk_identity) + 1);
    memcpy(key, psk_key, psk_bytes);
    *suite = SUITE;
    return psk_bytes;
}

static WOLFSSL_CTX *new_context(WOLFSSL_METHOD *method)
{
    WOLFSSL_CTX *const context = wolfSSL_CTX_new(method);
    if (context == NULL || wolfSSL_CTX_set_cipher_list(context, SUITE) != WOLFSSL_SUCCESS) {
        die("no TLS context");
    }
    return context;
}

static struct sockaddr_in local(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int listen_on(unsigned port)
{
    struct sockaddr_in address = local(port);
    socklen_t bytes = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const void *)&address, sizeof address) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (void *)&address, &bytes) != 0) {
        die("cannot listen");
    }
    printf("listening %u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* Nothing that the other side does or leaves undone may hold up a test for ever. */
static void limit(int fd)
{
    const struct timeval at_most = {HANDSHAKE_S, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &at_most, sizeof at_most);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &at_most, sizeof at_most);
}

static WOLFSSL *secure(WOLFSSL_CTX *context, int fd)
{
    WOLFSSL *const ssl = wolfSSL_new(context);
    limit(fd);
    if (ssl == NULL || wolfSSL_set_fd(ssl, fd) != WOLFSSL_SUCCESS) {
        die("no TLS connection");
    }
    return ssl;
}

/* Copies what is there from one link to the other. Gives the number of bytes, which is 0 where only
 * TLS itself had something to say (a session ticket), or -1 at the end. */
static int copy(WOLFSSL *from, WOLFSSL *to)
{
    static const char upgraded[] = "HTTP/1.1 101 ";
    char bytes[COPY_BYTES];
    const int got = wolfSSL_read(from, bytes, sizeof bytes);
    if (got <= 0) {
        return wolfSSL_get_error(from, got) == WOLFSSL_ERROR_WANT_READ ? 0 : -1;
    }
    if (wolfSSL_write(to, bytes, got) != got) {
        return -1;
    }
    if ((size_t)got >= sizeof upgraded && memcmp(bytes, upgraded, sizeof upgraded - 1) == 0) {
        say("upgraded");
    }
    return got;
}

/* Copies both ways until either side ends. */
static void splice_links(WOLFSSL *dialler, WOLFSSL *target)
{
    WOLFSSL *const links[2] = {dialler, target};
    struct pollfd fds[2] = {{wolfSSL_get_fd(dialler), POLLIN, 0},
                            {wolfSSL_get_fd(target), POLLIN, 0}};
    long long copied[2] = {0, 0};
    for (int is_open = 1; is_open;) {
        /* What TLS has decrypted already does not make the socket readable. */
        if (wolfSSL_pending(dialler) == 0 && wolfSSL_pending(target) == 0 && poll(fds, 2, -1) < 0) {
            break;
        }
        for (int i = 0; i < 2 && is_open; i++) {
            if (wolfSSL_pending(links[i]) > 0 || fds[i].revents != 0) {
                const int bytes = copy(links[i], links[1 - i]);
                copied[i] += bytes > 0 ? bytes : 0;
                is_open = bytes >= 0;
            }
        }
    }
    printf("bytes %lld %lld\n", copied[0], copied[1]);
    fflush(stdout);
}

/* A signal (a debugger's, the shell's SIGSTOP) interrupts a call on a socket that has a time limit,
 * and wolfSSL takes that for nothing to read yet. */
static int finish_handshake(WOLFSSL *ssl, int (*step)(WOLFSSL *))
{
    const time_t end_s = time(NULL) + HANDSHAKE_S;
    int got, error;
    do {
        got = step(ssl);
        error = wolfSSL_get_error(ssl, got);
    } while (got != WOLFSSL_SUCCESS && time(NULL) < end_s &&
             (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE));
    return got == WOLFSSL_SUCCESS;
}

static void serve(int fd, unsigned target_port, WOLFSSL_CTX *server, WOLFSSL_CTX *client)
{
    const struct sockaddr_in address = local(target_port);
    const int target_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    WOLFSSL *const dialler = secure(server, fd);
    WOLFSSL *const target = secure(client, target_fd);
    if (!finish_handshake(dialler, wolfSSL_accept)) {
        say("refused by the dialler");
    } else if (connect(target_fd, (const void *)&address, sizeof address) != 0 ||
               !finish_handshake(target, wolfSSL_connect)) {
        say("refused by the target");
    } else {
        say("spliced");
        /* From here on only poll() waits: a record may hold nothing but TLS's own business. */
        wolfSSL_SetIOReadFlags(dialler, MSG_DONTWAIT);
        wolfSSL_SetIOReadFlags(target, MSG_DONTWAIT);
        splice_links(dialler, target);
    }
    wolfSSL_shutdown(dialler);
    wolfSSL_shutdown(target);
    wolfSSL_free(dialler);
    wolfSSL_free(target);
    close(target_fd);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        die("usage: kith-test-relay KEYFILE LISTENPORT TARGETPORT");
    }
    signal(SIGPIPE, SIG_IGN);
    read_key(argv[1]);
    wolfSSL_Init();
    WOLFSSL_CTX *const server = new_context(wolfTLSv1_3_server_method());
    WOLFSSL_CTX *const client = new_context(wolfTLSv1_3_client_method());
    wolfSSL_CTX_set_psk_server_tls13_callback(server, server_psk);
    wolfSSL_CTX_set_psk_client_tls13_callback(client, client_psk);
    const int listener = listen_on((unsigned)atoi(argv[2]));
    for (;;) {
        struct pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}};
        if (poll(fds, 2, -1) < 0 || fds[0].revents != 0) {
            break;
        }
        const int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            serve(fd, (unsigned)atoi(argv[3]), server, client);
            close(fd);
        }
    }
    wolfSSL_CTX_free(server);
    wolfSSL_CTX_free(client);
    wolfSSL_Cleanup();
    return 0;
}
