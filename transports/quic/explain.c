/* SPDX-License-Identifier: MIT
 *
 * explain.c: why a link ends, as a reason and a sentence; and what the other side is told of it.
 */
#include "transports/quic/inside.h"

enum {
    CRYPTO_ERROR_FIRST = 0x100, /* RFC 9000 §20.1: a TLS alert is in the lower byte */
    CRYPTO_ERROR_LAST = 0x1ff
};

/* TLS refused, here or there. */
static void explain_tls(struct kith__quic_link *link)
{
    struct kith__quic_endpoint *endpoint = kith__quic_endpoint_of(link);
    char text[KITH__TLS_DETAIL_BYTES];
    kith_reason reason =
        kith__tls_explain(link->ssl, &endpoint->keys, &link->tls, link->dialled, link->heard, text);
    if (link->dialled) {
        kith__quic_link_fail(link, reason, "%s: %s", link->remote, text);
    } else {
        kith__quic_link_fail(link, reason, "%s", text);
    }
}

/* The other side closed with an error of QUIC's own. */
static void explain_transport(struct kith__quic_link *link, uint64_t code)
{
    const char *who = kith__quic_who(link);
    if (code >= CRYPTO_ERROR_FIRST && code <= CRYPTO_ERROR_LAST) {
        link->tls.alert_got = (uint8_t)(code - CRYPTO_ERROR_FIRST);
        if (link->tls.alert_got == 120) {
            kith__quic_link_fail(link, KITH_REASON_NOT_KITH,
                                 "%s speaks QUIC, but not " KITH__QUIC_ALPN, who);
        }
        explain_tls(link);
    } else if (code == NGTCP2_CONNECTION_REFUSED) {
        kith__quic_link_fail(link, KITH_REASON_REFUSED, "%s takes no connection now", who);
    } else if (code == NGTCP2_INVALID_TOKEN) { /* it may begin again (RFC 9000 §8.1.2) */
        kith__quic_link_fail(link, KITH_REASON_TIMEOUT, "%s had no place in time", who);
    } else if (code == NGTCP2_NO_ERROR || code == NGTCP2_APPLICATION_ERROR) {
        kith__quic_link_fail(link, KITH_REASON_LOST, "%s closed the connection", who);
    } else {
        kith__quic_link_fail(link, KITH_REASON_PROTOCOL,
                             "%s ended the connection for an error in QUIC (code 0x%llx)", who,
                             (unsigned long long)code);
    }
}

static void explain_closed(struct kith__quic_link *link)
{
    const ngtcp2_ccerr *error = ngtcp2_conn_get_ccerr2(link->conn);
    link->mute = 1;
    switch (error->type) {
    case NGTCP2_CCERR_TYPE_APPLICATION:
        kith__quic_link_fail(link,
                             link->stage == KITH__QUIC_UP ? kith_reason_from_wire(error->error_code)
                                                          : KITH_REASON_LOST,
                             "%s closed the connection (code %llu)", kith__quic_who(link),
                             (unsigned long long)error->error_code);
        return;
    case NGTCP2_CCERR_TYPE_TRANSPORT:
        explain_transport(link, error->error_code);
        return;
    default: /* a stateless reset */
        kith__quic_link_fail(link, KITH_REASON_LOST, "%s knows nothing of this connection any more",
                             kith__quic_who(link));
        return;
    }
}

static void tell_alert(struct kith__quic_link *link)
{
    uint8_t alert = ngtcp2_conn_get_tls_alert2(link->conn);
    int error = ngtcp2_conn_get_tls_error2(link->conn);
    if (alert == 0 && error != 0) {
        ngtcp2_ccerr_set_liberr(&link->error, error, NULL, 0);
    } else {
        ngtcp2_ccerr_set_tls_alert(&link->error, alert != 0 ? alert : 40, NULL, 0);
    }
    link->tls.alert_sent = alert;
}

void kith__quic_explain(struct kith__quic_link *link, int error)
{
    const char *who = kith__quic_who(link);
    switch (error) {
    case NGTCP2_ERR_DRAINING:
    case NGTCP2_ERR_CLOSING:
        explain_closed(link);
        break;
    case NGTCP2_ERR_CRYPTO:
        tell_alert(link);
        explain_tls(link);
        break;
    case NGTCP2_ERR_IDLE_CLOSE:
        link->mute = 1;
        kith__quic_link_fail(link, KITH_REASON_TIMEOUT, "%s has not been heard of for too long",
                             who);
        break;
    case NGTCP2_ERR_DROP_CONN:
        link->mute = 1;
        kith__quic_link_fail(link, KITH_REASON_PROTOCOL, "%s does not speak QUIC", who);
        break;
    case NGTCP2_ERR_CALLBACK_FAILURE:
        if (ngtcp2_conn_get_tls_alert2(link->conn) != 0) {
            tell_alert(link);
        } else {
            ngtcp2_ccerr_set_liberr(&link->error, NGTCP2_ERR_INTERNAL, NULL, 0);
        }
        kith__quic_link_fail(link, KITH_REASON_INTERNAL, "out of memory"); /* if nobody knew more */
        break;
    case NGTCP2_ERR_NOMEM:
        ngtcp2_ccerr_set_liberr(&link->error, error, NULL, 0);
        kith__quic_link_fail(link, KITH_REASON_INTERNAL, "out of memory");
        break;
    default:
        ngtcp2_ccerr_set_liberr(&link->error, error, NULL, 0);
        kith__quic_link_fail(link, KITH_REASON_PROTOCOL, "%s broke the QUIC protocol (%s)", who,
                             ngtcp2_strerror(error));
        break;
    }
    kith__quic_link_cut(link);
}
