/* SPDX-License-Identifier: MIT
 *
 * invite.c: invitations as text: which session, who, and where. An invitation is an address, not a
 * permission: it holds no key. Knows no dial. Pure.
 *
 *   kith:SESSION?id=UUID&security=psk&at=URL&at=URL&sum=CRC
 *
 * SESSION and URL are percent-encoded (RFC 3986 section 2.1); CRC is that of ISO 3309 over
 * everything before "&sum=", because half an invitation is what mail programs and tired eyes make.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/ip.h"
#include "session/session.h"

static const char *const securities[] = {"", "none", "psk", "pki"};

static uint32_t crc32_of(const char *text, size_t count)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < count; i++) {
        crc ^= (uint8_t)text[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
        }
    }
    return ~crc;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

struct text {
    char *out;
    size_t count, room;
};

static void add(struct text *to, const char *text)
{
    size_t length = strlen(text);
    if (to->count + length < to->room) {
        memcpy(to->out + to->count, text, length + 1);
    }
    to->count += length;
}

static int is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~:/*", c) != NULL);
}

static void add_encoded(struct text *to, const char *text)
{
    for (; *text != '\0'; text++) {
        char piece[4] = {*text, '\0'};
        if (!is_plain(*text)) {
            snprintf(piece, sizeof piece, "%%%02X", (unsigned)(uint8_t)*text);
        }
        add(to, piece);
    }
}

/* Where a listener is reached from elsewhere, or at least from this machine. */
static size_t add_endpoints(const struct kith_session *session, struct text *to)
{
    size_t count = 0;
    for (struct kith_node *at = session->listeners.next; at != &session->listeners; at = at->next) {
        const struct kith_listener *listener = KITH_CONTAINER(at, struct kith_listener, node);
        for (size_t i = 0; i < KITH_DRIVERS_MAX && count < KITH_INVITATION_ENDPOINTS_MAX; i++) {
            const char *url = kith_listening_url(&listener->at[i]);
            if (url != NULL && strlen(url) <= KITH_ENDPOINT_BYTES_MAX) {
                add(to, "&at=");
                add_encoded(to, url);
                count++;
            }
        }
    }
    return count;
}

kith_err kith_invite_write(const struct kith_session *session, char *out, size_t room)
{
    struct text to = {out, 0, room};
    char id[37], sum[16];
    kith_id_format(&session->id, id);
    add(&to, "kith:");
    add_encoded(&to, session->session_name);
    add(&to, "?id=");
    add(&to, id);
    add(&to, "&security=");
    add(&to, securities[session->config.security]);
    if (add_endpoints(session, &to) == 0) {
        return kith_fail(KITH_ERR_STATE, "nobody could follow it: this session listens nowhere; "
                                         "kith_listen() first");
    }
    if (to.count >= room) {
        return kith_fail(KITH_ERR_INTERNAL, "an invitation of %zu bytes", to.count);
    }
    snprintf(sum, sizeof sum, "&sum=%08x", (unsigned)crc32_of(out, to.count));
    add(&to, sum);
    return to.count < room ? KITH_OK : kith_fail(KITH_ERR_INTERNAL, "an invitation too long");
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static kith_err bad(const char *why)
{
    return kith_fail(KITH_ERR_ADDRESS, "the invitation %s", why);
}

/* Decodes count bytes to out with a NUL. */
static int decode(const char *text, size_t count, char *out, size_t room)
{
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        int c = (uint8_t)text[i];
        if (c == '%') {
            int high = i + 2 < count ? kith_hex_digit(text[i + 1]) : -1;
            int low = high < 0 ? -1 : kith_hex_digit(text[i + 2]);
            if (low < 0) {
                return 0;
            }
            c = high << 4 | low;
            i += 2;
        }
        if (c == 0 || done + 1 >= room) {
            return 0;
        }
        out[done++] = (char)c;
    }
    out[done] = '\0';
    return 1;
}

static int take_security(const char *text, size_t count, kith_invitation_info *out)
{
    for (int i = KITH_SECURITY_NONE; i <= KITH_SECURITY_PKI; i++) {
        if (strlen(securities[i]) == count && memcmp(securities[i], text, count) == 0) {
            out->security = (kith_security)i;
            return 1;
        }
    }
    return 0;
}

/* One "name=value" of the query. Unknown names are skipped: a later version may have more. */
static kith_err take(const char *text, size_t count, kith_invitation_info *out)
{
    char id[37];
    struct kith_url url;
    if (count > 3 && memcmp(text, "id=", 3) == 0) {
        return decode(text + 3, count - 3, id, sizeof id) && kith_id_parse(id, &out->id) == KITH_OK
                   ? KITH_OK
                   : bad("names nobody: its id cannot be read");
    }
    if (count > 9 && memcmp(text, "security=", 9) == 0) {
        return take_security(text + 9, count - 9, out) ? KITH_OK
                                                       : bad("asks for a security unknown here");
    }
    if (count > 3 && memcmp(text, "at=", 3) == 0 &&
        out->endpoint_count < KITH_INVITATION_ENDPOINTS_MAX) {
        char *to = out->endpoints[out->endpoint_count++];
        return decode(text + 3, count - 3, to, sizeof out->endpoints[0]) &&
                       kith_url_parse(to, &url) == KITH_OK && url.port != 0 &&
                       kith_ip_scope(url.host) != KITH_IP_UNUSABLE && strcmp(url.host, "*") != 0
                   ? KITH_OK
                   : bad("has an address that cannot be read");
    }
    return KITH_OK;
}

/* The end is "&sum=" and 8 digits; gives where that begins. */
static size_t check_sum(const char *text, size_t length)
{
    char sum[16];
    if (length < 13) {
        return 0;
    }
    snprintf(sum, sizeof sum, "&sum=%08x", (unsigned)crc32_of(text, length - 13));
    return memcmp(text + length - 13, sum, 13) == 0 ? length - 13 : 0;
}

kith_err kith_invite_read(const char *text, kith_invitation_info *out)
{
    size_t length = strlen(text), end, at, stop;
    kith_err err = KITH_OK;
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL) {
        length--;
    }
    if (length < 5 || memcmp(text, "kith:", 5) != 0) {
        return bad("does not begin with kith:");
    }
    if (length >= KITH_INVITATION_BYTES) {
        return bad("is too long to be one");
    }
    end = check_sum(text, length);
    if (end == 0) {
        return bad("is damaged or not whole: copy it again from \"kith:\" to the end");
    }
    for (at = 5; at < end && text[at] != '?';) {
        at++;
    }
    if (!decode(text + 5, at - 5, out->session_name, sizeof out->session_name) ||
        !kith_text_ok(out->session_name, strlen(out->session_name), 1, KITH_NAME_BYTES_MAX)) {
        return bad("names no session");
    }
    for (; at < end && err == KITH_OK; at = stop) {
        for (stop = at + 1; stop < end && text[stop] != '&';) {
            stop++;
        }
        err = take(text + at + 1, stop - at - 1, out);
    }
    if (err == KITH_OK && (out->endpoint_count == 0 || out->security == KITH_SECURITY_UNSET ||
                           kith_id_equal(&out->id, &(kith_id){{0}}))) {
        err = bad("lacks an id, a security or an address");
    }
    return err;
}
