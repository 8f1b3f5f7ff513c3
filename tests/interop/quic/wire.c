/* SPDX-License-Identifier: MIT
 *
 * wire.c: see wire.h.
 */
#define _GNU_SOURCE
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ALPN "kith/1"
#define COMMON_PRIORITY                                                                            \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:"                     \
    "%DISABLE_TLS13_COMPAT_MODE"

enum { CID_BYTES = 12, LANES = 16, ARRIVALS = 64, PACKET_BYTES = 65536, LINE_BYTES = 1 << 20 };

/* What was ever written to a stream: ngtcp2 reads it again where a packet is lost. */
struct piece {
    struct piece *next, *before;
    size_t count;
    uint8_t bytes[];
};

struct out {
    int64_t stream;           /* -1: not open */
    struct piece *last, *now; /* now: the one that is being sent; NULL: all are */
    size_t at;                /* of its bytes */
    uint64_t queued, acked;
};

/* A lane's stream that comes. */
struct arrival {
    int64_t stream;
    uint8_t head[16];
    size_t head_bytes;
    int is_known;
    uint64_t lane, offset;
};

static struct wire_options options;
static int fd;
static struct sockaddr_in local, remote;
static struct piece *kept; /* all of them, by `before` */
static gnutls_psk_server_credentials_t psk_server;
static gnutls_psk_client_credentials_t psk_client;
static gnutls_certificate_credentials_t certificates;
static ngtcp2_conn *conn;
static ngtcp2_crypto_conn_ref ref;
static gnutls_session_t session;
static char psk_identity[256];
static gnutls_datum_t psk;
static uint8_t psk_bytes[64];
static struct out control = {.stream = -1}, lanes[LANES];
static struct arrival arrivals[ARRIVALS];
static size_t arrival_count;
static int is_up, is_closing, is_over, status;
static uint64_t close_code;

static ngtcp2_tstamp now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (ngtcp2_tstamp)now.tv_sec * NGTCP2_SECONDS + (ngtcp2_tstamp)now.tv_nsec;
}

static void over(const char *kind, uint64_t code, int exit_status)
{
    is_over = 1;
    status = exit_status;
    on_down(kind, code);
}

/* ---- TLS --------------------------------------------------------------------------------- */

static void try_tls(int rv, const char *what)
{
    CHECK(rv >= 0, "%s: %s", what, gnutls_strerror(rv));
}

/* Section 2.4: one line, identity:hex. */
static void read_key(void)
{
    char line[512];
    FILE *file = fopen(options.key_file, "r");
    size_t bytes = sizeof psk_bytes;
    char *colon;
    CHECK(file != NULL && fgets(line, sizeof line, file) != NULL, "cannot read the key");
    fclose(file);
    line[strcspn(line, "\r\n")] = '\0';
    colon = strchr(line, ':');
    CHECK(colon != NULL && (size_t)(colon - line) < sizeof psk_identity, "that is no key");
    memcpy(psk_identity, line, (size_t)(colon - line));
    try_tls(gnutls_hex2bin(colon + 1, strlen(colon + 1), psk_bytes, &bytes), "the key");
    psk.data = psk_bytes;
    psk.size = (unsigned)bytes;
}

static int find_key(gnutls_session_t from, const char *identity, gnutls_datum_t *out)
{
    (void)from;
    if (strcmp(identity, psk_identity) != 0) {
        return -1;
    }
    out->data = gnutls_malloc(psk.size);
    CHECK(out->data != NULL, "out of memory");
    memcpy(out->data, psk.data, psk.size);
    out->size = psk.size;
    return 0;
}

static void use_key(void)
{
    read_key();
    if (options.listens) {
        try_tls(gnutls_psk_allocate_server_credentials(&psk_server), "credentials");
        gnutls_psk_set_server_credentials_function(psk_server, find_key);
        try_tls(gnutls_credentials_set(session, GNUTLS_CRD_PSK, psk_server), "credentials");
    } else {
        try_tls(gnutls_psk_allocate_client_credentials(&psk_client), "credentials");
        try_tls(
            gnutls_psk_set_client_credentials(psk_client, psk_identity, &psk, GNUTLS_PSK_KEY_RAW),
            "the key");
        try_tls(gnutls_credentials_set(session, GNUTLS_CRD_PSK, psk_client), "credentials");
    }
}

static void use_certificates(void)
{
    try_tls(gnutls_certificate_allocate_credentials(&certificates), "credentials");
    try_tls(gnutls_certificate_set_x509_trust_file(certificates, options.ca, GNUTLS_X509_FMT_PEM),
            options.ca);
    if (options.cert != NULL) {
        try_tls(gnutls_certificate_set_x509_key_file(certificates, options.cert, options.cert_key,
                                                     GNUTLS_X509_FMT_PEM),
                options.cert);
    }
    try_tls(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, certificates), "credentials");
    if (options.listens) {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
    }
    /* Who dials is known by its chain alone, who listens by its name as well. */
    gnutls_session_set_verify_cert(session, options.listens ? NULL : options.ip, 0);
}

static void open_tls(void)
{
    gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)ALPN, sizeof ALPN - 1};
    const char *priority = options.key_file != NULL ? COMMON_PRIORITY
                               ":-KX-ALL:+ECDHE-PSK:+DHE-PSK:-CIPHER-ALL:+AES-128-GCM"
                                                    : COMMON_PRIORITY
                               ":-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:+CHACHA20-POLY1305";
    try_tls(gnutls_init(&session, (options.listens ? GNUTLS_SERVER : GNUTLS_CLIENT) |
                                      GNUTLS_NO_AUTO_SEND_TICKET),
            "TLS");
    CHECK((options.listens ? ngtcp2_crypto_gnutls_configure_server_session(session)
                           : ngtcp2_crypto_gnutls_configure_client_session(session)) == 0,
          "TLS for QUIC");
    try_tls(gnutls_priority_set_direct(session, priority, NULL), "priorities");
    gnutls_session_set_ptr(session, &ref);
    if (options.key_file != NULL) {
        use_key();
    } else {
        use_certificates();
    }
    try_tls(gnutls_alpn_set_protocols(session, &protocol, 1, GNUTLS_ALPN_MANDATORY), "ALPN");
}

/* Section 5.2: zeros stand for one that was not shown. */
static void hash_leaf(const gnutls_datum_t *leaf, uint8_t *out)
{
    memset(out, 0, 32);
    if (leaf != NULL && leaf->data != NULL) {
        try_tls(gnutls_hash_fast(GNUTLS_DIG_SHA256, leaf->data, leaf->size, out), "SHA-256");
    }
}

void wire_channel(struct wire_channel *out)
{
    static const char label[] = "EXPORTER-kith-link-v1";
    unsigned count = 0;
    int theirs = options.listens ? 0 : 32;
    gnutls_cipher_algorithm_t cipher = gnutls_cipher_get(session);
    memset(out, 0, sizeof *out);
    out->number = options.key_file != NULL ? 1 : 3;
    out->suite = cipher == GNUTLS_CIPHER_AES_128_GCM   ? 0x1301
                 : cipher == GNUTLS_CIPHER_AES_256_GCM ? 0x1302
                                                       : 0x1303;
    try_tls(gnutls_prf_rfc5705(session, sizeof label - 1, label, 0, NULL, sizeof out->binding,
                               (char *)out->binding),
            "the exporter");
    if (out->number == 3) {
        hash_leaf(gnutls_certificate_get_peers(session, &count), out->leaves + theirs);
        hash_leaf(gnutls_certificate_get_ours(session), out->leaves + 32 - theirs);
    }
}

/* ---- streams ----------------------------------------------------------------------------- */

static void push(struct out *out, const uint8_t *bytes, size_t count)
{
    struct piece *piece = malloc(sizeof *piece + count);
    CHECK(piece != NULL, "out of memory");
    piece->next = NULL;
    piece->before = kept;
    kept = piece;
    piece->count = count;
    memcpy(piece->bytes, bytes, count);
    if (out->last != NULL) {
        out->last->next = piece;
    }
    if (out->now == NULL) {
        out->now = piece;
        out->at = 0;
    }
    out->last = piece;
    out->queued += count;
}

void wire_control(const uint8_t *bytes, size_t count)
{
    push(&control, bytes, count);
}

void wire_lane(uint64_t lane, const uint8_t *bytes, size_t count)
{
    CHECK(lane < LANES, "there is no such lane");
    if (lanes[lane].queued == 0) {
        /* Section 2.2: the lane, and the offset of what follows; both fit into one byte. */
        uint8_t head[2] = {(uint8_t)lane, 0};
        push(&lanes[lane], head, sizeof head);
    }
    push(&lanes[lane], bytes, count);
}

static struct out *out_of(int64_t stream)
{
    for (size_t i = 0; i < LANES; i++) {
        if (lanes[i].stream == stream) {
            return &lanes[i];
        }
    }
    return stream == control.stream ? &control : NULL;
}

void wire_close(uint64_t code)
{
    is_closing = 1;
    close_code = code;
}

static struct arrival *arrival_of(int64_t stream)
{
    for (size_t i = 0; i < arrival_count; i++) {
        if (arrivals[i].stream == stream) {
            return &arrivals[i];
        }
    }
    CHECK(arrival_count < ARRIVALS, "too many streams");
    arrivals[arrival_count] = (struct arrival){.stream = stream};
    return &arrivals[arrival_count++];
}

/* RFC 9000 section 16. 0: it is not all there. */
static size_t read_varint(const uint8_t *bytes, size_t count, uint64_t *out)
{
    size_t size = count > 0 ? (size_t)1 << (bytes[0] >> 6) : 1;
    if (count < size) {
        return 0;
    }
    *out = bytes[0] & 0x3f;
    for (size_t i = 1; i < size; i++) {
        *out = *out << 8 | bytes[i];
    }
    return size;
}

static void take_lane(struct arrival *arrival, const uint8_t *bytes, size_t count)
{
    while (!arrival->is_known && count > 0) {
        size_t first, second;
        CHECK(arrival->head_bytes < sizeof arrival->head, "the stream's head is too long");
        arrival->head[arrival->head_bytes++] = *bytes++;
        count--;
        first = read_varint(arrival->head, arrival->head_bytes, &arrival->lane);
        second = first == 0 ? 0
                            : read_varint(arrival->head + first, arrival->head_bytes - first,
                                          &arrival->offset);
        arrival->is_known = second != 0;
    }
    if (count > 0) {
        on_lane(arrival->lane, arrival->offset, bytes, count);
        arrival->offset += count;
    }
}

/* ---- what ngtcp2 calls ------------------------------------------------------------------- */

static ngtcp2_conn *conn_of(ngtcp2_crypto_conn_ref *from)
{
    (void)from;
    return conn;
}

static void random_bytes(uint8_t *out, size_t count, const ngtcp2_rand_ctx *context)
{
    (void)context;
    try_tls(gnutls_rnd(GNUTLS_RND_RANDOM, out, count), "random numbers");
}

static int new_id(ngtcp2_conn *from, ngtcp2_cid *id, ngtcp2_stateless_reset_token *token,
                  size_t count, void *user)
{
    (void)from;
    (void)user;
    id->datalen = count;
    random_bytes(id->data, count, NULL);
    random_bytes(token->data, sizeof token->data, NULL);
    return 0;
}

static void up(void)
{
    gnutls_datum_t protocol = {NULL, 0};
    if (!is_up) {
        is_up = 1;
        try_tls(gnutls_alpn_get_selected_protocol(session, &protocol), "no protocol was agreed on");
        on_up();
    }
}

/* Section 2.3: the dialler begins when the handshake is confirmed, the acceptor with the dialler's
 * control stream. */
static int confirmed(ngtcp2_conn *from, void *user)
{
    (void)from;
    (void)user;
    if (!options.listens) {
        up();
    }
    return 0;
}

static int stream_open(ngtcp2_conn *from, int64_t stream, void *user)
{
    (void)from;
    (void)user;
    if (ngtcp2_is_bidi_stream(stream)) {
        CHECK(options.listens && control.stream < 0, "another control stream");
        control.stream = stream;
        up();
    }
    return 0;
}

static int stream_data(ngtcp2_conn *from, uint32_t flags, int64_t stream, uint64_t offset,
                       const uint8_t *bytes, size_t count, void *user, void *stream_user)
{
    (void)offset;
    (void)user;
    (void)stream_user;
    CHECK((flags & NGTCP2_STREAM_DATA_FLAG_FIN) == 0, "a stream was finished");
    ngtcp2_conn_extend_max_stream_offset(from, stream, count);
    ngtcp2_conn_extend_max_offset(from, count);
    if (stream == control.stream) {
        on_control(bytes, count);
    } else {
        take_lane(arrival_of(stream), bytes, count);
    }
    return 0;
}

static int acked(ngtcp2_conn *from, int64_t stream, uint64_t offset, uint64_t count, void *user,
                 void *stream_user)
{
    struct out *out = out_of(stream);
    (void)from;
    (void)user;
    (void)stream_user;
    if (out != NULL) {
        out->acked = offset + count;
    }
    return 0;
}

static const ngtcp2_callbacks callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .rand = random_bytes,
    .get_new_connection_id2 = new_id,
    .update_key = ngtcp2_crypto_update_key_cb,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .get_path_challenge_data2 = ngtcp2_crypto_get_path_challenge_data2_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    .handshake_confirmed = confirmed,
    .stream_open = stream_open,
    .recv_stream_data = stream_data,
    .acked_stream_data_offset = acked,
};

/* ---- the connection ---------------------------------------------------------------------- */

static ngtcp2_path path(void)
{
    ngtcp2_path out = {{(ngtcp2_sockaddr *)(void *)&local, sizeof local},
                       {(ngtcp2_sockaddr *)(void *)&remote, sizeof remote},
                       NULL};
    return out;
}

static void fill(ngtcp2_settings *settings, ngtcp2_transport_params *params)
{
    ngtcp2_settings_default(settings);
    settings->initial_ts = now_ns();
    ngtcp2_transport_params_default(params);
    params->initial_max_data = 1 << 20;
    params->initial_max_stream_data_bidi_local = 1 << 18;
    params->initial_max_stream_data_bidi_remote = 1 << 18;
    params->initial_max_stream_data_uni = 1 << 18;
    params->initial_max_streams_bidi = options.listens ? 1 : 0;
    params->initial_max_streams_uni = 32;
    params->max_idle_timeout = 60 * NGTCP2_SECONDS;
    params->max_datagram_frame_size = 1203;
}

static ngtcp2_cid new_cid(void)
{
    ngtcp2_cid out = {.datalen = CID_BYTES};
    random_bytes(out.data, out.datalen, NULL);
    return out;
}

static void dial(void)
{
    ngtcp2_cid theirs = new_cid(), ours = new_cid();
    ngtcp2_path ends = path();
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    fill(&settings, &params);
    CHECK(ngtcp2_conn_client_new(&conn, &theirs, &ours, &ends, NGTCP2_PROTO_VER_V1, &callbacks,
                                 &settings, &params, NULL, NULL) == 0,
          "no connection");
    ngtcp2_conn_set_tls_native_handle(conn, session);
}

/* 0: that is no first packet. */
static int answer(const uint8_t *bytes, size_t count)
{
    ngtcp2_pkt_hd head;
    ngtcp2_cid ours = new_cid();
    ngtcp2_path ends = path();
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    if (ngtcp2_accept(&head, bytes, count) != 0) {
        return 0;
    }
    fill(&settings, &params);
    params.original_dcid = head.dcid;
    params.original_dcid_present = 1;
    CHECK(ngtcp2_conn_server_new(&conn, &head.scid, &ours, &ends, head.version, &callbacks,
                                 &settings, &params, NULL, NULL) == 0,
          "no connection");
    ngtcp2_conn_set_tls_native_handle(conn, session);
    return 1;
}

static void send_packet(const uint8_t *bytes, ngtcp2_ssize count)
{
    (void)!sendto(fd, bytes, (size_t)count, 0, (struct sockaddr *)(void *)&remote, sizeof remote);
}

static void say_goodbye(ngtcp2_ccerr *error)
{
    uint8_t bytes[1500];
    ngtcp2_ssize count =
        ngtcp2_conn_write_connection_close(conn, NULL, NULL, bytes, sizeof bytes, error, now_ns());
    if (count > 0) {
        send_packet(bytes, count);
    }
}

/* What an error of ngtcp2 means. */
static void explain(int rv)
{
    ngtcp2_ccerr error;
    ngtcp2_ccerr_default(&error);
    if (rv == NGTCP2_ERR_DRAINING) {
        const ngtcp2_ccerr *told = ngtcp2_conn_get_ccerr2(conn);
        int is_ours = told->type == NGTCP2_CCERR_TYPE_APPLICATION;
        over(is_ours ? "closed" : "refused", told->error_code, is_ours ? 0 : 1);
        return;
    }
    if (rv == NGTCP2_ERR_CRYPTO) {
        ngtcp2_ccerr_set_tls_alert(&error, ngtcp2_conn_get_tls_alert2(conn), NULL, 0);
    } else {
        ngtcp2_ccerr_set_liberr(&error, rv, NULL, 0);
    }
    say_goodbye(&error);
    fail("%s (alert %u)", ngtcp2_strerror(rv), ngtcp2_conn_get_tls_alert2(conn));
}

static void read_packets(void)
{
    static uint8_t bytes[PACKET_BYTES];
    for (int i = 0; i < 64 && !is_over; i++) {
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        ssize_t count = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT,
                                 (struct sockaddr *)(void *)&from, &length);
        ngtcp2_pkt_info info = {0};
        ngtcp2_path ends;
        int rv;
        if (count < 0) {
            return;
        }
        if (conn == NULL) {
            remote = from;
            if (!answer(bytes, (size_t)count)) {
                continue;
            }
        }
        ends = path();
        rv = ngtcp2_conn_read_pkt(conn, &ends, &info, bytes, (size_t)count, now_ns());
        if (rv != 0) {
            explain(rv);
        }
    }
}

/* One stream after the other, until none has anything, or the path takes no more. */
static struct out *next_out(void)
{
    if (!is_up) {
        return NULL;
    }
    if (control.stream < 0 && !options.listens) {
        CHECK(ngtcp2_conn_open_bidi_stream(conn, &control.stream, NULL) == 0, "no control stream");
    }
    if (control.now != NULL && control.stream >= 0) {
        return &control;
    }
    for (size_t i = 0; i < LANES; i++) {
        if (lanes[i].now != NULL) {
            CHECK(lanes[i].stream >= 0 ||
                      ngtcp2_conn_open_uni_stream(conn, &lanes[i].stream, NULL) == 0,
                  "no stream for a lane");
            return &lanes[i];
        }
    }
    return NULL;
}

static void write_packets(void)
{
    uint8_t bytes[1500];
    for (int i = 0; i < 1000 && conn != NULL && !is_over; i++) {
        struct out *out = next_out();
        ngtcp2_vec vector = {NULL, 0};
        ngtcp2_ssize count, went = -1;
        if (out != NULL) {
            vector.base = out->now->bytes + out->at;
            vector.len = out->now->count - out->at;
        }
        count = ngtcp2_conn_writev_stream(
            conn, NULL, NULL, bytes, sizeof bytes, &went,
            out != NULL ? NGTCP2_WRITE_STREAM_FLAG_MORE : NGTCP2_WRITE_STREAM_FLAG_NONE,
            out != NULL ? out->stream : -1, out != NULL ? &vector : NULL, out != NULL ? 1 : 0,
            now_ns());
        if (out != NULL && went > 0) {
            out->at += (size_t)went;
            if (out->at == out->now->count) {
                out->now = out->now->next;
                out->at = 0;
            }
        }
        if (count == NGTCP2_ERR_STREAM_DATA_BLOCKED) {
            count = ngtcp2_conn_writev_stream(conn, NULL, NULL, bytes, sizeof bytes, NULL,
                                              NGTCP2_WRITE_STREAM_FLAG_NONE, -1, NULL, 0, now_ns());
        }
        if (count == 0) {
            return;
        }
        if (count > 0) {
            send_packet(bytes, count);
        } else if (count != NGTCP2_ERR_WRITE_MORE) {
            explain((int)count);
        }
    }
}

static int all_is_confirmed(void)
{
    for (size_t i = 0; i < LANES; i++) {
        if (lanes[i].acked != lanes[i].queued) {
            return 0;
        }
    }
    return control.acked == control.queued;
}

static void close_when_done(void)
{
    ngtcp2_ccerr error;
    if (is_closing && !is_over && all_is_confirmed()) {
        ngtcp2_ccerr_set_application_error(&error, close_code, NULL, 0);
        say_goodbye(&error);
        over("left", close_code, 0);
    }
}

/* ---- the loop ---------------------------------------------------------------------------- */

/* 0 at its end. */
static int read_lines(void)
{
    static char line[LINE_BYTES];
    static size_t used;
    ssize_t count = read(STDIN_FILENO, line + used, sizeof line - used);
    char *end;
    if (count <= 0) {
        on_line(NULL, 0);
        return 0;
    }
    used += (size_t)count;
    while ((end = memchr(line, '\n', used)) != NULL) {
        size_t bytes = (size_t)(end - line);
        on_line(line, bytes);
        used -= bytes + 1;
        memmove(line, end + 1, used);
    }
    CHECK(used < sizeof line, "a line is too long");
    return 1;
}

static int until_expiry_ms(void)
{
    ngtcp2_tstamp expiry = conn != NULL ? ngtcp2_conn_get_expiry2(conn) : UINT64_MAX;
    ngtcp2_tstamp now = now_ns();
    if (expiry == UINT64_MAX) {
        return -1;
    }
    return expiry > now ? (int)((expiry - now) / NGTCP2_MILLISECONDS + 1) : 0;
}

int wire_run(void)
{
    int has_input = 1;
    while (!is_over) {
        struct pollfd fds[] = {{fd, POLLIN, 0},
                               {has_input && is_up ? STDIN_FILENO : -1, POLLIN, 0}};
        CHECK(poll(fds, 2, until_expiry_ms()) >= 0 || errno == EINTR, "poll");
        if (conn != NULL && ngtcp2_conn_get_expiry2(conn) <= now_ns()) {
            int rv = ngtcp2_conn_handle_expiry(conn, now_ns());
            if (rv != 0) {
                explain(rv);
            }
        }
        read_packets();
        if (!is_over && fds[1].revents != 0) {
            has_input = read_lines();
        }
        write_packets();
        close_when_done();
    }
    return status;
}

uint16_t wire_open(const struct wire_options *wanted)
{
    socklen_t bytes = sizeof local;
    options = *wanted;
    for (size_t i = 0; i < LANES; i++) {
        lanes[i].stream = -1;
    }
    ref.get_conn = conn_of;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    local.sin_family = remote.sin_family = AF_INET;
    CHECK(inet_pton(AF_INET, options.ip, options.listens ? &local.sin_addr : &remote.sin_addr) == 1,
          "%s is no address", options.ip);
    local.sin_port = htons(options.listens ? options.port : 0);
    remote.sin_port = htons(options.port);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)(void *)&local, sizeof local) == 0 &&
              getsockname(fd, (struct sockaddr *)(void *)&local, &bytes) == 0,
          "no socket: %s", strerror(errno));
    open_tls();
    if (!options.listens) {
        dial();
        write_packets();
    }
    return ntohs(local.sin_port);
}
