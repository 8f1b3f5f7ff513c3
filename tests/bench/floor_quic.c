/* SPDX-License-Identifier: MIT
 *
 * floor_quic.c: ngtcp2 and wolfSSL with nothing above them: one connection with a pre-shared key,
 * one stream, the settings and batches that Kith's driver has. What Kith adds to QUIC is the
 * difference. Must not be a good program: it knows its other side, and ends at the first surprise.
 */
#include <wolfssl/options.h>

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_wolfssl.h>
#include <stdlib.h>
#include <string.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/random.h>

#include "check.h"
#include "dgram.h"
#include "floor.h"
#include "meter.h"
#include "wire.h"

enum {
    CID_BYTES = 16,
    KEPT_BYTES = 8 * 1024 * 1024, /* sent and not confirmed; a power of two */
    RECEIVES_PER_TURN = 4
};

struct quic {
    const struct job *job;
    struct side *side;
    struct dgram dgram;
    WOLFSSL_CTX *tls;
    WOLFSSL *ssl;
    WC_RNG random;
    ngtcp2_crypto_conn_ref ref;
    ngtcp2_conn *conn;
    uint64_t now_ns; /* of this turn */
    uint8_t *received, *batch;
    int server, sends, is_up, is_over;
    /* sending: offsets in the stream */
    int64_t stream;
    uint8_t *kept;
    uint64_t made, sent, acked;
    struct maker maker;
    size_t at; /* bytes of the present message that were made */
    int is_last;
    /* receiving */
    struct check check;
};

/* ---- callbacks ----------------------------------------------------------------------------- */

static ngtcp2_conn *conn_of(ngtcp2_crypto_conn_ref *ref)
{
    return ((struct quic *)ref->user_data)->conn;
}

static void fill_random(struct quic *quic, uint8_t *out, size_t count)
{
    if (wc_RNG_GenerateBlock(&quic->random, out, (word32)count) != 0) {
        die("floor: no randomness");
    }
}

static void random_bytes(uint8_t *out, size_t count, const ngtcp2_rand_ctx *context)
{
    fill_random(context->native_handle, out, count);
}

static int new_id(ngtcp2_conn *conn, ngtcp2_cid *cid, ngtcp2_stateless_reset_token *token,
                  size_t count, void *user)
{
    (void)conn;
    cid->datalen = count;
    fill_random(user, cid->data, count);
    fill_random(user, token->data, sizeof token->data);
    return 0;
}

/* Which the server may take for confirmed, and the client not yet. */
static int completed(ngtcp2_conn *conn, void *user)
{
    struct quic *quic = user;
    (void)conn;
    quic->is_up = quic->server;
    return 0;
}

static int confirmed(ngtcp2_conn *conn, void *user)
{
    struct quic *quic = user;
    (void)conn;
    quic->is_up = 1;
    return 0;
}

static int stream_data(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t offset,
                       const uint8_t *bytes, size_t count, void *user, void *stream_user)
{
    struct quic *quic = user;
    (void)flags, (void)offset, (void)stream_user;
    (void)ngtcp2_conn_extend_max_stream_offset(conn, stream, count);
    ngtcp2_conn_extend_max_offset(conn, count);
    quic->side->delivered += check_take(&quic->check, bytes, count);
    quic->side->bytes += count;
    if (quic->check.is_over && quic->check.at == 0 && quic->side->end_ns == 0) {
        meter_stop(quic->side);
    }
    return 0;
}

static int stream_acked(ngtcp2_conn *conn, int64_t stream, uint64_t offset, uint64_t count,
                        void *user, void *stream_user)
{
    struct quic *quic = user;
    (void)conn, (void)stream, (void)stream_user;
    quic->acked = offset + count;
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
    .handshake_completed = completed,
    .handshake_confirmed = confirmed,
    .recv_stream_data = stream_data,
    .acked_stream_data_offset = stream_acked,
};

/* ---- one connection ------------------------------------------------------------------------ */

static void fill(struct quic *quic, ngtcp2_settings *settings, ngtcp2_transport_params *params)
{
    static const uint16_t probes[] = {1452, DGRAM_JUMBO_BYTES};
    ngtcp2_settings_default(settings);
    settings->initial_ts = quic->now_ns;
    settings->cc_algo = NGTCP2_CC_ALGO_CUBIC;
    settings->max_window = 6 * 1024 * 1024;
    settings->max_stream_window = 4 * 1024 * 1024;
    settings->ack_thresh = 2;
    settings->max_tx_udp_payload_size = DGRAM_JUMBO_BYTES;
    settings->pmtud_probes = probes;
    settings->pmtud_probeslen = sizeof probes / sizeof *probes;
    settings->rand_ctx.native_handle = quic;
    ngtcp2_transport_params_default(params);
    params->initial_max_data = 1024 * 1024;
    params->initial_max_stream_data_uni = 512 * 1024;
    params->initial_max_streams_uni = 1;
}

static ngtcp2_path path_of(struct quic *quic)
{
    struct dgram *dgram = &quic->dgram;
    ngtcp2_path path = {{(ngtcp2_sockaddr *)(void *)&dgram->local, sizeof dgram->local},
                        {(ngtcp2_sockaddr *)(void *)&dgram->remote, sizeof dgram->remote},
                        NULL};
    return path;
}

static void make_tls(struct quic *quic)
{
    quic->tls = wires_tls(quic->server);
    if (wc_InitRng(&quic->random) != 0 ||
        (quic->server ? ngtcp2_crypto_wolfssl_configure_server_context
                      : ngtcp2_crypto_wolfssl_configure_client_context)(quic->tls) != 0 ||
        (quic->ssl = wolfSSL_new(quic->tls)) == NULL) {
        die("floor: the TLS library refuses QUIC");
    }
    quic->ref.get_conn = conn_of;
    quic->ref.user_data = quic;
    (void)wolfSSL_set_app_data(quic->ssl, &quic->ref);
    (quic->server ? wolfSSL_set_accept_state : wolfSSL_set_connect_state)(quic->ssl);
    wolfSSL_set_quic_transport_version(quic->ssl, 0x39); /* RFC 9001 §8.2 */
}

static void make_conn(struct quic *quic, const ngtcp2_pkt_hd *first)
{
    ngtcp2_cid ours = {.datalen = CID_BYTES}, theirs = {.datalen = CID_BYTES};
    ngtcp2_path path = path_of(quic);
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    int rv;
    fill_random(quic, ours.data, ours.datalen);
    fill_random(quic, theirs.data, theirs.datalen);
    fill(quic, &settings, &params);
    if (first != NULL) {
        params.original_dcid = first->dcid;
        params.original_dcid_present = 1;
        rv = ngtcp2_conn_server_new(&quic->conn, &first->scid, &ours, &path, first->version,
                                    &callbacks, &settings, &params, NULL, quic);
    } else {
        rv = ngtcp2_conn_client_new(&quic->conn, &theirs, &ours, &path, NGTCP2_PROTO_VER_V1,
                                    &callbacks, &settings, &params, NULL, quic);
    }
    if (rv != 0) {
        die("floor: no QUIC connection: %s", ngtcp2_strerror(rv));
    }
    ngtcp2_conn_set_tls_native_handle(quic->conn, quic->ssl);
}

/* ---- sending ------------------------------------------------------------------------------- */

/* Makes messages as far as there is room to keep them. */
static void make_bytes(struct quic *quic)
{
    struct maker *maker = &quic->maker;
    uint64_t every = maker->size < 4096 ? 64 : 1;
    while (quic->made - quic->acked < KEPT_BYTES) {
        size_t place = quic->made % KEPT_BYTES, room = KEPT_BYTES - (quic->made - quic->acked);
        size_t some = maker->size - quic->at;
        if (quic->at == 0) {
            if (quic->is_last) {
                return;
            }
            quic->is_last = maker->next % every == every - 1 &&
                            now_ns() >= quic->side->begin_ns + quic->job->span_ns;
        }
        some = some < room ? some : room;
        some = some < KEPT_BYTES - place ? some : KEPT_BYTES - place;
        memcpy(quic->kept + place, maker_message(maker, maker->next, 0, quic->is_last) + quic->at,
               some);
        quic->made += some;
        quic->at += some;
        if (quic->at == maker->size) {
            quic->at = 0;
            maker->next++;
        }
    }
}

static ngtcp2_ssize write_packet(ngtcp2_conn *conn, ngtcp2_path *path, ngtcp2_pkt_info *info,
                                 uint8_t *out, size_t room, ngtcp2_tstamp now, void *user)
{
    struct quic *quic = user;
    ngtcp2_vec vectors[2];
    ngtcp2_ssize went, rv = NGTCP2_ERR_STREAM_DATA_BLOCKED;
    size_t left = quic->made - quic->sent, place = quic->sent % KEPT_BYTES, count = 0;
    size_t whole = left < KEPT_BYTES - place ? left : KEPT_BYTES - place;
    vectors[count++] = (ngtcp2_vec){quic->kept + place, whole};
    if (left > whole) {
        vectors[count++] = (ngtcp2_vec){quic->kept, left - whole};
    }
    if (quic->stream >= 0 && left > 0) {
        rv = ngtcp2_conn_writev_stream(conn, path, info, out, room, &went,
                                       NGTCP2_WRITE_STREAM_FLAG_NONE, quic->stream, vectors, count,
                                       now);
        quic->sent += went > 0 ? (size_t)went : 0;
    }
    if (rv != NGTCP2_ERR_STREAM_DATA_BLOCKED) {
        return rv;
    }
    return ngtcp2_conn_writev_stream(conn, path, info, out, room, NULL,
                                     NGTCP2_WRITE_STREAM_FLAG_NONE, -1, NULL, 0, now);
}

static void write_all(struct quic *quic)
{
    ngtcp2_tstamp now = quic->now_ns;
    ngtcp2_ssize bytes;
    do {
        ngtcp2_path_storage path;
        ngtcp2_pkt_info info;
        size_t segment;
        if (quic->stream >= 0) {
            make_bytes(quic);
        }
        ngtcp2_path_storage_zero(&path);
        bytes =
            ngtcp2_conn_write_aggregate_pkt2(quic->conn, &path.path, &info, quic->batch,
                                             DGRAM_BATCH_BYTES, &segment, write_packet, 64, now);
        if (bytes < 0) {
            die("floor: writing QUIC: %s", ngtcp2_strerror((int)bytes));
        }
        if (bytes > 0) {
            dgram_send(&quic->dgram, quic->batch, (size_t)bytes, segment);
        }
    } while (bytes > 0);
    ngtcp2_conn_update_pkt_tx_time(quic->conn, now);
}

/* ---- turns --------------------------------------------------------------------------------- */

static void read_packets(struct quic *quic, size_t count, size_t segment)
{
    ngtcp2_path path = path_of(quic);
    ngtcp2_pkt_info info = {0};
    for (size_t at = 0; at < count && !quic->is_over; at += segment) {
        size_t some = count - at < segment ? count - at : segment;
        int rv;
        if (quic->conn == NULL) {
            ngtcp2_pkt_hd first;
            if (ngtcp2_accept(&first, quic->received, count) != 0) {
                die("floor: that was not the beginning of a QUIC connection");
            }
            make_conn(quic, &first);
        }
        rv =
            ngtcp2_conn_read_pkt(quic->conn, &path, &info, quic->received + at, some, quic->now_ns);
        quic->is_over = rv == NGTCP2_ERR_DRAINING;
        if (rv != 0 && !quic->is_over) {
            die("floor: reading QUIC: %s", ngtcp2_strerror(rv));
        }
    }
}

static void turn(struct quic *quic)
{
    uint64_t until = ngtcp2_conn_get_expiry2(quic->conn);
    for (int i = 0; i < RECEIVES_PER_TURN && !quic->is_over; i++) {
        size_t segment, count = dgram_receive(&quic->dgram, quic->received, &segment, until);
        if (count == 0) {
            break;
        }
        quic->now_ns = until > 0 ? now_ns() : quic->now_ns;
        read_packets(quic, count, segment);
        until = 0; /* only what is there */
    }
    quic->now_ns = now_ns();
    if (!quic->is_over && ngtcp2_conn_get_expiry2(quic->conn) <= quic->now_ns &&
        ngtcp2_conn_handle_expiry(quic->conn, quic->now_ns) != 0) {
        die("floor: the QUIC connection is dead");
    }
    if (!quic->is_over) {
        write_all(quic);
    }
}

static void say_over(struct quic *quic)
{
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    ngtcp2_ccerr error;
    ngtcp2_ssize bytes;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_ccerr_default(&error);
    bytes = ngtcp2_conn_write_connection_close(quic->conn, &path.path, &info, quic->batch,
                                               DGRAM_BATCH_BYTES, &error, quic->now_ns);
    if (bytes > 0) {
        dgram_send(&quic->dgram, quic->batch, (size_t)bytes, (size_t)bytes);
    }
}

static void send_all(struct quic *quic)
{
    maker_open(&quic->maker, quic->job->size);
    quic->kept = need(KEPT_BYTES);
    while (!quic->is_up) {
        turn(quic);
    }
    meter_start(quic->side);
    if (ngtcp2_conn_open_uni_stream(quic->conn, &quic->stream, NULL) != 0) {
        die("floor: no stream");
    }
    write_all(quic);
    while (!quic->is_last || quic->at != 0 || quic->acked < quic->made) {
        turn(quic);
    }
    meter_stop(quic->side);
    quic->side->sent = quic->maker.next;
    say_over(quic);
    maker_close(&quic->maker);
    free(quic->kept);
}

static void receive_all(struct quic *quic)
{
    check_open(&quic->check, quic->job->size);
    while (!quic->is_up) {
        turn(quic);
    }
    meter_start(quic->side);
    while (!quic->is_over) {
        turn(quic);
    }
    quic->side->begin_ns = 0; /* the sender's counts */
}

static void run(struct quic *quic)
{
    quic->received = need(DGRAM_ROOM_BYTES);
    quic->batch = need(DGRAM_BATCH_BYTES);
    quic->stream = -1;
    make_tls(quic);
    if (quic->server) {
        size_t segment, count = dgram_receive(&quic->dgram, quic->received, &segment, UINT64_MAX);
        quic->now_ns = now_ns();
        read_packets(quic, count, segment);
    } else {
        quic->now_ns = now_ns();
        make_conn(quic, NULL);
    }
    write_all(quic);
    (quic->sends ? send_all : receive_all)(quic);
    ngtcp2_conn_del(quic->conn);
    wolfSSL_free(quic->ssl);
    wolfSSL_CTX_free(quic->tls);
    (void)wc_FreeRng(&quic->random);
    free(quic->received);
    free(quic->batch);
    dgram_close(&quic->dgram);
}

void floor_quic_listen(const struct job *job, struct line *line, struct side sides[2])
{
    struct quic quic = {
        .job = job, .side = &sides[LISTENS], .server = 1, .sends = !job->dialler_sends};
    dgram_listen(&quic.dgram, line);
    run(&quic);
}

void floor_quic_dial(const struct job *job, struct line *line, struct side sides[2])
{
    struct quic quic = {.job = job, .side = &sides[DIALS], .sends = job->dialler_sends};
    dgram_dial(&quic.dgram, line);
    run(&quic);
}
