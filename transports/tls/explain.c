/* SPDX-License-Identifier: MIT
 *
 * explain.c: why a TLS handshake failed, as a kith_reason and one sentence for a person. Must not
 * tell the other side anything: alerts (RFC 8446 §6.2) are the library's business, and it sends the
 * same one for an unknown identity and for a wrong key.
 */
#include <wolfssl/options.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "base/err.h"
#include "transports/tls/tls.h"

/* One failed handshake, looked at from here. */
struct failure {
    const struct kith__tls_handshake *handshake;
    const struct kith__tls_pki *pki; /* NULL: pre-shared keys */
    kith_tls12 tls12;
    int error;          /* the library's, or one of the few that it translates */
    int got, sent;      /* fatal alert, or -1 */
    int dialled, heard; /* see kith__tls_explain() */
    char *detail;
};

static kith_reason say(const struct failure *failure, kith_reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static kith_reason say(const struct failure *failure, kith_reason reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->detail, KITH__TLS_DETAIL_BYTES, format, arguments);
    va_end(arguments);
    return reason;
}

static int about_certificates(int alert)
{
    return (alert >= no_certificate && alert <= certificate_unknown) || alert == unknown_ca ||
           alert == certificate_required;
}

/* The alerts with which implementations answer a key that they do not have or that does not fit. */
static int about_keys(int alert)
{
    return alert == handshake_failure || alert == illegal_parameter || alert == decrypt_error ||
           alert == bad_record_mac || alert == access_denied || alert == unknown_psk_identity ||
           alert == missing_extension || alert == insufficient_security;
}

/* What the other side has against our certificate. */
static const char *about_ours(int alert)
{
    switch (alert) {
    case certificate_expired:
        return "the other side says that this side's certificate has expired";
    case certificate_revoked:
        return "the other side says that this side's certificate is revoked";
    case unknown_ca:
        return "the other side does not trust this side's certificate";
    case no_certificate:
    case certificate_required:
        return "the other side wants to see a certificate, and this side has none";
    default:
        return "the other side does not accept this side's certificate";
    }
}

static kith_reason from_their_alert(const struct failure *failure)
{
    if (failure->pki != NULL && about_certificates(failure->got)) {
        return say(failure, KITH_REASON_UNTRUSTED, "%s", about_ours(failure->got));
    }
    if (failure->pki != NULL && failure->got == handshake_failure) {
        return say(failure, KITH_REASON_AUTH,
                   "the other side does not take certificates; does it expect a pre-shared key?");
    }
    if (failure->got == wolfssl_alert_protocol_version) {
        return say(failure, KITH_REASON_NOT_KITH,
                   failure->tls12 == KITH_TLS12_PSK_ONLY
                       ? "the other side does not take TLS 1.2; a listener does only where its "
                         "options say so"
                       : "the other side does not take TLS 1.3");
    }
    if (failure->dialled && (about_keys(failure->got) || about_certificates(failure->got))) {
        return say(failure, KITH_REASON_AUTH,
                   "the other side does not accept the key \"%s\", or it has another key under "
                   "that identity",
                   failure->handshake->identity);
    }
    return say(failure, KITH_REASON_PROTOCOL, "the other side ended the TLS handshake (alert %d)",
               failure->got);
}

/* Of a record that was cut off the library finds in the end that its checksum is wrong, and says so
 * to nobody. */
static int is_closed(const struct failure *failure)
{
    return (failure->sent < 0 || failure->sent == bad_record_mac) &&
           (failure->error == WOLFSSL_ERROR_SYSCALL ||
            failure->error == WOLFSSL_ERROR_ZERO_RETURN || failure->error == SOCKET_PEER_CLOSED_E ||
            failure->error == SOCKET_ERROR_E);
}

static int is_gibberish(const struct failure *failure)
{
    return failure->error == UNKNOWN_RECORD_TYPE || failure->error == PARSE_ERROR ||
           failure->error == LENGTH_ERROR || failure->error == UNKNOWN_HANDSHAKE_TYPE ||
           failure->error == BUFFER_ERROR;
}

static kith_reason as_client(const struct failure *failure)
{
    const char *identity = failure->handshake->identity;
    if (about_certificates(failure->sent)) {
        return say(failure, KITH_REASON_AUTH,
                   "the other side shows a certificate and does not know the key \"%s\"", identity);
    }
    if (failure->error == PSK_KEY_ERROR || failure->error == EXT_MISSING) {
        return say(failure, KITH_REASON_AUTH,
                   failure->handshake->known
                       ? "the other side takes the key \"%s\" only without forward secrecy"
                       : "there is no key to dial with%s",
                   failure->handshake->known ? identity : "");
    }
    if (failure->error == VERSION_ERROR) {
        return say(failure, KITH_REASON_NOT_KITH,
                   failure->tls12 == KITH_TLS12_NEVER
                       ? "the other side does not speak TLS 1.3; TLS 1.2 is spoken only where the "
                         "options say so"
                       : "the other side speaks no version of TLS that is taken here");
    }
    return KITH_REASON_NONE;
}

static kith_reason as_server(const struct failure *failure)
{
    const char *identity = failure->handshake->identity;
    if (failure->error == VERSION_ERROR || failure->error == UNSUPPORTED_PROTO_VERSION) {
        return say(failure, KITH_REASON_NOT_KITH,
                   failure->tls12 == KITH_TLS12_NEVER
                       ? "the other side does not offer TLS 1.3; TLS 1.2 is taken only where the "
                         "options say so"
                       : "the other side offers no version of TLS that is taken here");
    }
    if (!failure->handshake->asked) {
        return say(failure, KITH_REASON_NOT_KITH, "the other side offers no pre-shared key");
    }
    if (!failure->handshake->known) {
        return say(failure, KITH_REASON_AUTH, "no key of the identity \"%s\" is known here",
                   identity);
    }
    if (failure->error == BAD_BINDER ||
        (failure->error == VERIFY_MAC_ERROR && failure->tls12 != KITH_TLS12_NEVER)) {
        return say(failure, KITH_REASON_AUTH,
                   "the other side has another key under the identity \"%s\"", identity);
    }
    if (failure->error == PSK_KEY_ERROR) {
        return say(failure, KITH_REASON_AUTH,
                   "the other side offers the key \"%s\" only without forward secrecy", identity);
    }
    return KITH_REASON_NONE;
}

/* All doubts in one sentence. */
static void list_doubts(const struct failure *failure, char *out, size_t room)
{
    static const struct {
        unsigned bit;
        const char *text;
    } texts[] = {{KITH_DOUBT_SELF_SIGNED, "nobody but itself vouches for it"},
                 {KITH_DOUBT_EXPIRED, "it has expired"},
                 {KITH_DOUBT_NOT_YET_VALID, "it is not valid yet; are the clocks right?"}};
    unsigned doubts = failure->handshake->doubts;
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if ((doubts & texts[i].bit) != 0) {
            used += (size_t)snprintf(out + used, room - used, "%s%s", used > 0 ? ", " : "",
                                     texts[i].text);
        }
    }
    if ((doubts & KITH_DOUBT_UNTRUSTED) != 0 && (doubts & KITH_DOUBT_SELF_SIGNED) == 0) {
        used += (size_t)snprintf(out + used, room - used, "%sno trusted CA vouches for it",
                                 used > 0 ? ", " : "");
    }
    if ((doubts & KITH_DOUBT_WRONG_NAME) != 0) {
        char name[80];
        kith_printable(failure->handshake->name, strlen(failure->handshake->name), name,
                       sizeof name);
        (void)snprintf(out + used, room - used, "%sit is not made out to \"%s\"",
                       used > 0 ? ", " : "", name);
    }
}

/* What this side has against the other's certificate; NONE: nothing. */
static kith_reason about_theirs(const struct failure *failure)
{
    char doubts[200];
    switch ((enum kith__tls_flaw)failure->handshake->flaw) {
    case KITH__TLS_MALFORMED:
        return say(failure, KITH_REASON_UNTRUSTED, "the other side shows what is no certificate");
    case KITH__TLS_TOO_LONG:
        return say(failure, KITH_REASON_UNTRUSTED,
                   "the other side shows more certificates than are looked at");
    case KITH__TLS_UNFIT:
        return say(failure, KITH_REASON_UNTRUSTED,
                   "the other side's certificate is not made for this use");
    case KITH__TLS_NO_MEMORY:
        return say(failure, KITH_REASON_INTERNAL, "out of memory");
    case KITH__TLS_FINE:
        break;
    }
    if (failure->handshake->doubts != 0 && !kith__tls_pki_settings(failure->pki)->asks) {
        list_doubts(failure, doubts, sizeof doubts);
        return say(failure, KITH_REASON_UNTRUSTED,
                   "the other side's certificate is not trusted: %s", doubts);
    }
    switch (failure->error) {
    case NO_PEER_CERT:
        return say(failure, KITH_REASON_UNTRUSTED, "the other side shows no certificate");
    case MAX_CHAIN_ERROR:
    case HANDSHAKE_SIZE_ERROR:
        return say(failure, KITH_REASON_UNTRUSTED,
                   "the other side shows more certificates than are looked at");
    default:
        break;
    }
    if (!failure->handshake->judged && failure->error <= ASN_PARSE_E &&
        failure->error >= ASN_ALT_NAME_E) {
        return say(failure, KITH_REASON_UNTRUSTED, "the other side shows what is no certificate");
    }
    if (about_certificates(failure->sent)) {
        return say(failure, KITH_REASON_UNTRUSTED,
                   "the other side's certificate cannot be used (error %d)", failure->error);
    }
    return KITH_REASON_NONE;
}

static int fatal(const WOLFSSL_ALERT *alert)
{
    return alert->level == alert_fatal && alert->code > close_notify ? alert->code : -1;
}

kith_reason kith__tls_explain(WOLFSSL *ssl, const struct kith__tls_keys *keys,
                              const struct kith__tls_handshake *handshake, int dialled, int heard,
                              char detail[KITH__TLS_DETAIL_BYTES])
{
    struct failure failure = {.handshake = handshake,
                              .pki = keys->pki,
                              .tls12 = keys->tls12,
                              .dialled = dialled,
                              .heard = heard};
    WOLFSSL_ALERT_HISTORY alerts = {{-1, -1}, {-1, -1}};
    kith_reason reason;
    (void)wolfSSL_get_alert_history(ssl, &alerts);
    failure.error = wolfSSL_get_error(ssl, WOLFSSL_FATAL_ERROR);
    failure.got = fatal(&alerts.last_rx);
    failure.sent = fatal(&alerts.last_tx);
    failure.got = handshake->alert_got != 0 ? handshake->alert_got : failure.got;
    failure.sent = handshake->alert_sent != 0 ? handshake->alert_sent : failure.sent;
    failure.detail = detail;
    if (failure.got >= 0) {
        return from_their_alert(&failure);
    }
    reason = failure.pki != NULL ? about_theirs(&failure) : KITH_REASON_NONE;
    if (reason != KITH_REASON_NONE) {
        return reason;
    }
    if (is_gibberish(&failure)) {
        return say(&failure, KITH_REASON_NOT_KITH, "the other side does not speak TLS");
    }
    if (is_closed(&failure)) {
        return say(&failure, KITH_REASON_LOST, "the other side closed the connection %s%s",
                   heard ? "during the TLS handshake" : "before it said anything",
                   failure.pki != NULL && dialled && !handshake->judged
                       ? "; does it expect a pre-shared key?"
                       : "");
    }
    if (failure.pki == NULL) {
        reason = dialled ? as_client(&failure) : as_server(&failure);
    } else if (failure.error == VERSION_ERROR || failure.error == UNSUPPORTED_PROTO_VERSION) {
        reason = say(&failure, KITH_REASON_NOT_KITH, "the other side does not speak TLS 1.3");
    }
    if (reason != KITH_REASON_NONE) {
        return reason;
    }
    return say(&failure, KITH_REASON_PROTOCOL, "the TLS handshake failed (error %d, alert %d)",
               failure.error, failure.sent);
}

int kith__tls_was_refused(WOLFSSL *ssl, char detail[KITH__TLS_DETAIL_BYTES])
{
    WOLFSSL_ALERT_HISTORY alerts = {{-1, -1}, {-1, -1}};
    int got;
    (void)wolfSSL_get_alert_history(ssl, &alerts);
    got = fatal(&alerts.last_rx);
    if (!about_certificates(got)) {
        return 0;
    }
    (void)snprintf(detail, KITH__TLS_DETAIL_BYTES, "%s", about_ours(got));
    return 1;
}
