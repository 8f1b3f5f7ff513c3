/* SPDX-License-Identifier: MIT
 *
 * conn.c: the ngtcp2_conn of a link: what it is told to be, and what it tells. Its callbacks run
 * inside kith__quic_link_read(), so that what they hand up comes straight from the packet; none of
 * them writes.
 */
#include <netinet/in.h>
#include <string.h>

#include "transports/quic/inside.h"

/* ---- callbacks: connection --------------------------------------------------------------- */

static ngtcp2_conn *conn_of(ngtcp2_crypto_conn_ref *ref)
{
    return ((struct kith__quic_link *)ref->user_data)->conn;
}

static void random_bytes(uint8_t *out, size_t count, const ngtcp2_rand_ctx *context)
{
    (void)context;
    (void)kith_default_crypto.random(kith_default_crypto.user, out,
                                     count); /* zeros where it fails */
}

static int new_id(ngtcp2_conn *conn, ngtcp2_cid *cid, ngtcp2_stateless_reset_token *token,
                  size_t count, void *user)
{
    struct kith__quic_link *link = user;
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    const struct kith_crypto *crypto = &endpoint->base.env->crypto;
    (void)conn;
    cid->datalen = count;
    if (crypto->random(crypto->user, cid->data, count) != KITH_OK ||
        ngtcp2_crypto_generate_stateless_reset_token(token->data, endpoint->base.secret,
                                                     sizeof endpoint->base.secret, cid) != 0 ||
        kith__quic_id_add(link, 0, cid->data, count) == NULL) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int drop_id(ngtcp2_conn *conn, const ngtcp2_cid *cid, void *user)
{
    struct kith__quic_link *link = user;
    struct kith__quic_id *id =
        kith__quic_id_find(kith__quic_endpoint_of(link), 0, cid->data, cid->datalen);
    (void)conn;
    if (id != NULL && id->link == link) {
        link->first_id = id == link->first_id ? NULL : link->first_id;
        kith__quic_id_drop(kith__quic_endpoint_of(link), id);
    }
    return 0;
}

/* The other side's ids come with tokens, by which its stateless resets are known. Without memory
 * for one its reset goes unheard, and silence ends the link instead. */
static int note_token(ngtcp2_conn *conn, ngtcp2_connection_id_status_type type, uint64_t number,
                      const ngtcp2_cid *cid, const ngtcp2_stateless_reset_token *token, void *user)
{
    struct kith__quic_link *link = user;
    struct kith__quic_id *id;
    (void)conn;
    (void)number;
    (void)cid;
    if (token == NULL) {
        return 0;
    }
    if (type == NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE) {
        (void)kith__quic_id_add(link, 1, token->data, sizeof token->data);
        return 0;
    }
    id = kith__quic_id_find(kith__quic_endpoint_of(link), 1, token->data, sizeof token->data);
    if (id != NULL && id->link == link) {
        kith__quic_id_drop(kith__quic_endpoint_of(link), id);
    }
    return 0;
}

/* wolfSSL refuses a foreign protocol, but takes a client that names none at all. */
static int speaks_kith(WOLFSSL *ssl)
{
    char *name = NULL;
    unsigned short count = 0;
    return wolfSSL_ALPN_GetProtocol(ssl, &name, &count) == WOLFSSL_SUCCESS &&
           count == sizeof KITH__QUIC_ALPN - 1 && memcmp(name, KITH__QUIC_ALPN, count) == 0;
}

static int handshake_completed(ngtcp2_conn *conn, void *user)
{
    struct kith__quic_link *link = user;
    if (!speaks_kith(link->ssl)) {
        kith__quic_link_fail(link, KITH_REASON_NOT_KITH, "%s speaks QUIC, but not " KITH__QUIC_ALPN,
                             kith__quic_who(link));
        ngtcp2_conn_set_tls_alert(conn, 120); /* no_application_protocol (RFC 7301 §3.2) */
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

/* A client hears so from the server. The server itself goes by the client's first stream. */
static int handshake_confirmed(ngtcp2_conn *conn, void *user)
{
    struct kith__quic_link *link = user;
    (void)conn;
    return link->dialled ? kith__quic_link_up(link) : 0;
}

/* Once TLS is gone nothing of it may come to a server any more, and to a client only tickets
 * (RFC 8446 §4.6.1; RFC 9001 §6 knows no KeyUpdate), which nobody of ours uses. */
static int crypto_data(ngtcp2_conn *conn, ngtcp2_encryption_level level, uint64_t offset,
                       const uint8_t *bytes, size_t count, void *user)
{
    struct kith__quic_link *link = user;
    kith__quic_endpoint_of(link)->counts.late += level == NGTCP2_ENCRYPTION_LEVEL_1RTT;
    if (link->ssl != NULL) {
        return ngtcp2_crypto_recv_crypto_data_cb(conn, level, offset, bytes, count, user);
    }
    if (link->dialled) {
        return 0;
    }
    kith__quic_link_fail(link, KITH_REASON_PROTOCOL, "%s goes on with a handshake that is over",
                         kith__quic_who(link));
    ngtcp2_conn_set_tls_alert(conn, 10); /* unexpected_message */
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

/* ---- callbacks: streams ------------------------------------------------------------------ */

static int stream_open(ngtcp2_conn *conn, int64_t stream, void *user)
{
    struct kith__quic_link *link = user;
    int rv = 0;
    (void)conn;
    if (!link->dialled && link->stage == KITH__QUIC_SHAKING) {
        rv = kith__quic_link_up(link);
    }
    if (rv != 0) {
        return rv;
    }
    if (ngtcp2_is_bidi_stream(stream)) {
        link->control.stream = stream; /* the only one that we let it open */
        return 0;
    }
    return kith__quic_arrival_open(link, stream);
}

static int break_protocol(struct kith__quic_link *link, const char *what)
{
    kith__quic_link_fail(link, KITH_REASON_PROTOCOL, "%s %s", kith__quic_who(link), what);
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

static int stream_data(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t offset,
                       const uint8_t *bytes, size_t count, void *user, void *stream_user)
{
    struct kith__quic_link *link = user;
    int rv = 0;
    (void)offset;
    /* Room for more at once: what came is the core's, and its credit is what bounds. */
    (void)ngtcp2_conn_extend_max_stream_offset(conn, stream, count);
    ngtcp2_conn_extend_max_offset(conn, count);
    if (link->stage != KITH__QUIC_UP || link->cut) {
        return 0;
    }
    if (stream != link->control.stream) {
        rv = count > 0 && stream_user != NULL
                 ? kith__quic_arrival_take(link, stream_user, bytes, count)
                 : 0;
    } else if (count > 0) {
        kith_up_rx(&link->base, bytes, count);
    }
    if (rv == 0 && (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0 && !kith__quic_is_ending(link)) {
        return break_protocol(link, "finished a stream that has no end");
    }
    return rv;
}

static int stream_acked(ngtcp2_conn *conn, int64_t stream, uint64_t offset, uint64_t count,
                        void *user, void *stream_user)
{
    struct kith__quic_link *link = user;
    (void)conn;
    if (stream == link->control.stream) {
        kith__quic_control_acked(link, offset + count);
    } else if (stream_user != NULL) {
        kith__quic_lane_acked(link, stream_user, offset + count);
    }
    return 0;
}

/* The other side's lanes have left, or begin anew on another stream. */
static int stream_reset(ngtcp2_conn *conn, int64_t stream, uint64_t size, uint64_t code, void *user,
                        void *stream_user)
{
    struct kith__quic_link *link = user;
    (void)conn;
    (void)size;
    (void)code;
    (void)stream_user;
    return stream == link->control.stream ? break_protocol(link, "broke the control stream off")
                                          : 0;
}

static int stop_sending(ngtcp2_conn *conn, int64_t stream, uint64_t code, void *user,
                        void *stream_user)
{
    struct kith__quic_link *link = user;
    (void)conn;
    (void)code;
    /* Of a lane that has begun anew that is nothing; of one that goes on it is no lane of ours. */
    return stream == link->control.stream || stream_user != NULL
               ? break_protocol(link, "does not want a stream that it needs")
               : 0;
}

static int stream_close(ngtcp2_conn *conn, uint32_t flags, int64_t stream, uint64_t code,
                        void *user, void *stream_user)
{
    struct kith__quic_link *link = user;
    (void)flags;
    (void)code;
    if (!ngtcp2_is_bidi_stream(stream) && !ngtcp2_conn_is_local_stream2(conn, stream)) {
        if (stream_user != NULL) {
            kith__quic_arrival_over(link, stream_user);
        }
        ngtcp2_conn_extend_max_streams_uni(conn, 1);
    }
    return 0;
}

static int more_streams(ngtcp2_conn *conn, uint64_t most, void *user)
{
    struct kith__quic_link *link = user;
    (void)conn;
    (void)most;
    link->streams_are_out = 0;
    return 0;
}

static int more_room(ngtcp2_conn *conn, int64_t stream, uint64_t most, void *user,
                     void *stream_user)
{
    struct kith__quic_link *link = user;
    (void)conn;
    (void)most;
    if (stream == link->control.stream) {
        link->control.is_blocked = 0;
    } else if (stream_user != NULL) {
        kith__quic_lane_unblock(link, stream_user);
    }
    return 0;
}

static int datagram(ngtcp2_conn *conn, uint32_t flags, const uint8_t *bytes, size_t count,
                    void *user)
{
    struct kith__quic_link *link = user;
    static const uint8_t nothing[1];
    (void)conn;
    (void)flags;
    if (link->stage == KITH__QUIC_UP && !kith__quic_is_ending(link)) {
        kith_up_datagram_rx(&link->base, count > 0 ? bytes : nothing, count);
    }
    return 0;
}

/* ---- making one -------------------------------------------------------------------------- */

static const ngtcp2_callbacks callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = crypto_data,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .rand = random_bytes,
    .get_new_connection_id2 = new_id,
    .remove_connection_id = drop_id,
    .update_key = ngtcp2_crypto_update_key_cb,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .get_path_challenge_data2 = ngtcp2_crypto_get_path_challenge_data2_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    .begin_path_validation = kith__quic_path_begins,
    .path_validation = kith__quic_path_ends,
    .handshake_completed = handshake_completed,
    .handshake_confirmed = handshake_confirmed,
    .dcid_status2 = note_token,
    .stream_open = stream_open,
    .recv_stream_data = stream_data,
    .acked_stream_data_offset = stream_acked,
    .stream_reset = stream_reset,
    .recv_stop_sending = stop_sending,
    .stream_close = stream_close,
    .extend_max_local_streams_uni = more_streams,
    .extend_max_stream_data = more_room,
    .recv_datagram = datagram,
};

/* Packet sizes that a path is tried with, in this order, and smaller ones where one does not
 * arrive: what tunnels leave, Ethernet with IPv6; then loopback. */
enum { ETHERNET_BYTES = 1452 };
static const uint16_t probes[] = {1406, 1342, 1232, ETHERNET_BYTES, KITH_QUIC_PACKET_BYTES_MAX};

static int is_loopback(const struct kith__udp_address *address)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    if (address->storage.ss_family == AF_INET) {
        memcpy(&four, &address->storage, sizeof four);
        return ntohl(four.sin_addr.s_addr) >> 24 == 127;
    }
    memcpy(&six, &address->storage, sizeof six);
    return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
}

static void fill_settings(const struct kith__quic_link *link, ngtcp2_settings *settings)
{
    ngtcp2_settings_default(settings);
    settings->initial_ts = kith__quic_now(link->base.endpoint->env);
    settings->cc_algo = NGTCP2_CC_ALGO_CUBIC;
    settings->max_window = KITH_QUIC_WINDOW_BYTES_MAX;
    settings->max_stream_window = KITH_QUIC_STREAM_BYTES_MAX;
    settings->ack_thresh = 2;
    /* Elsewhere a large one that does not arrive would take up most of the first window until that
     * is known; and where the system cuts packets it would arrive, and be worse than none. */
    settings->max_tx_udp_payload_size =
        link->socket->udp.is_whole && is_loopback(&link->path.remote) ? KITH_QUIC_PACKET_BYTES_MAX
                                                                      : ETHERNET_BYTES;
    settings->pmtud_probes = probes;
    settings->pmtud_probeslen = sizeof probes / sizeof *probes;
    settings->handshake_timeout = UINT64_MAX; /* link.c has the deadline */
}

static void fill_params(const struct kith__quic_link *link, ngtcp2_transport_params *params)
{
    ngtcp2_transport_params_default(params);
    params->initial_max_data = KITH_QUIC_WINDOW_BYTES_FIRST;
    params->initial_max_stream_data_bidi_local = KITH_QUIC_CONTROL_BYTES_MAX;
    params->initial_max_stream_data_bidi_remote = KITH_QUIC_CONTROL_BYTES_MAX;
    params->initial_max_stream_data_uni = KITH_QUIC_STREAM_BYTES_FIRST;
    params->initial_max_streams_bidi = link->dialled ? 0 : 1;
    params->initial_max_streams_uni = KITH_QUIC_STREAMS_MAX;
    params->max_idle_timeout =
        kith__quic_endpoint_of(link)->idle_ms * (ngtcp2_duration)NGTCP2_MILLISECONDS;
    params->active_connection_id_limit = 4;
    /* Type and length stand before the bytes (RFC 9221 §4). */
    params->max_datagram_frame_size = KITH_DATAGRAM_BYTES_MAX + 3;
    params->grease_quic_bit = 1;
}

static kith_err make_tls(struct kith__quic_link *link)
{
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    char name[16];
    link->ssl = wolfSSL_new(link->dialled ? endpoint->client_tls : endpoint->server_tls);
    if (link->ssl == NULL) {
        return KITH_ERR_NOMEM;
    }
    link->ref.get_conn = conn_of;
    link->ref.user_data = link;
    (void)wolfSSL_set_app_data(link->ssl, &link->ref);
    if (link->dialled) {
        wolfSSL_set_connect_state(link->ssl);
    } else {
        wolfSSL_set_accept_state(link->ssl);
    }
    wolfSSL_set_quic_transport_version(link->ssl, 0x39); /* RFC 9001 §8.2 */
    if (endpoint->protocol == NULL) {
        return KITH_OK;
    }
    kith_text_copy(name, sizeof name, endpoint->protocol);
    return wolfSSL_UseALPN(link->ssl, name, (unsigned)strlen(name),
                           WOLFSSL_ALPN_FAILED_ON_MISMATCH) == WOLFSSL_SUCCESS
               ? KITH_OK
               : KITH_ERR_CRYPTO;
}

static kith_err finish(struct kith__quic_link *link)
{
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    ngtcp2_conn_set_tls_native_handle(link->conn, link->ssl);
    ngtcp2_conn_set_keep_alive_timeout(link->conn, endpoint->keep_alive_ms *
                                                       (ngtcp2_duration)NGTCP2_MILLISECONDS);
    return KITH_OK;
}

static kith_err own_id(struct kith__quic_link *link, ngtcp2_cid *out)
{
    const struct kith_crypto *crypto = &link->base.endpoint->env->crypto;
    out->datalen = KITH__QUIC_CID_BYTES;
    return crypto->random(crypto->user, out->data, out->datalen) == KITH_OK &&
                   kith__quic_id_add(link, 0, out->data, out->datalen) != NULL
               ? KITH_OK
               : KITH_ERR_NOMEM;
}

kith_err kith__quic_conn_dial(struct kith__quic_link *link)
{
    ngtcp2_path path = kith__quic_path(&link->path);
    ngtcp2_cid theirs = {.datalen = KITH__QUIC_CID_BYTES}, ours;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    kith_err err = make_tls(link);
    if (err == KITH_OK) {
        err = own_id(link, &ours);
    }
    if (err != KITH_OK) {
        return err;
    }
    random_bytes(theirs.data, theirs.datalen, NULL);
    fill_settings(link, &settings);
    fill_params(link, &params);
    return ngtcp2_conn_client_new(&link->conn, &theirs, &ours, &path, NGTCP2_PROTO_VER_V1,
                                  &callbacks, &settings, &params, NULL, link) == 0
               ? finish(link)
               : KITH_ERR_NOMEM;
}

kith_err kith__quic_conn_accept(struct kith__quic_link *link, const struct kith__quic_first *first)
{
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    const ngtcp2_pkt_hd *head = &first->head;
    ngtcp2_path path = kith__quic_path(&link->path);
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid ours;
    kith_err err = make_tls(link);
    if (err == KITH_OK) {
        err = own_id(link, &ours);
    }
    if (err != KITH_OK) {
        return err;
    }
    link->first_id = kith__quic_id_add(link, 0, head->dcid.data, head->dcid.datalen);
    if (link->first_id == NULL) {
        return KITH_ERR_NOMEM;
    }
    fill_settings(link, &settings);
    fill_params(link, &params);
    params.original_dcid = head->dcid;
    params.original_dcid_present = 1;
    if (first->original.datalen > 0) {
        params.original_dcid = first->original;
        params.retry_scid = head->dcid;
        params.retry_scid_present = 1;
        /* Not so settings.token: ngtcp2 1.24 would then ignore the goodbye of a client that gives
         * up, since its own leaves the token out there. */
    }
    params.stateless_reset_token_present = 1;
    if (ngtcp2_crypto_generate_stateless_reset_token(params.stateless_reset_token,
                                                     endpoint->base.secret,
                                                     sizeof endpoint->base.secret, &ours) != 0) {
        return KITH_ERR_CRYPTO;
    }
    return ngtcp2_conn_server_new(&link->conn, &head->scid, &ours, &path, head->version, &callbacks,
                                  &settings, &params, NULL, link) == 0
               ? finish(link)
               : KITH_ERR_NOMEM;
}

void kith__quic_conn_settle(struct kith__quic_link *link)
{
    struct kith_link_info info;
    memset(&info, 0, sizeof info);
    kith__tls_info(link->ssl, &kith__quic_endpoint_of(link)->keys, &link->tls, &info);
    link->settled = info;
    ngtcp2_conn_set_tls_native_handle(link->conn, NULL);
    wolfSSL_free(link->ssl);
    link->ssl = NULL;
}

void kith__quic_conn_free(struct kith__quic_link *link)
{
    while (!kith_list_empty(&link->ids)) {
        kith__quic_id_drop(kith__quic_endpoint_of(link),
                           KITH_CONTAINER(link->ids.next, struct kith__quic_id, node));
    }
    link->first_id = NULL;
    ngtcp2_conn_del(link->conn);
    link->conn = NULL;
    memset(&link->settled, 0, sizeof link->settled);
    wolfSSL_free(link->ssl);
    link->ssl = NULL;
}
