/* SPDX-License-Identifier: MIT
 *
 * upgrade.c: the opening handshake: what a client has to ask for (RFC 6455 §4.2.1) and the answer
 * to one that asks for something else; what a server has to answer (§4.1). lws takes more than
 * that, and hangs up without a word on what it does not take. Must not keep anything of a header.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "transports/websocket/ws.h"

/* The largest that still means anything; lws has bounded all headers together before. */
enum { HEADER_BYTES = 256, ANSWER_BYTES = 256 };

enum { KEY_CHARS = 24 }; /* 16 bytes in base64 (RFC 6455 §4.1) */

struct objection {
    const char *status;  /* of the answer */
    const char *headers; /* more for it, each with its end of line */
    const char *detail;  /* what the other side did, for our log */
};

/* Empty where there is no such header, or it is too long. */
static void copy(struct lws *wsi, enum lws_token_indexes header, char out[HEADER_BYTES])
{
    if (lws_hdr_copy(wsi, out, HEADER_BYTES, header) < 0) {
        out[0] = '\0';
    }
}

/* Whether a list in a header, separated by commas (RFC 9110 §5.6.1), has that word. */
static int lists(const char *list, const char *word,
                 int (*differ)(const char *, const char *, size_t))
{
    size_t length = strlen(word);
    while (*list != '\0') {
        list += strspn(list, ", \t");
        if (strcspn(list, ", \t") == length && differ(list, word, length) == 0) {
            return 1;
        }
        list += strcspn(list, ",");
    }
    return 0;
}

/* ---- as the server ---------------------------------------------------------------------- */

static int is_key(const char *key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return strlen(key) == KEY_CHARS && strspn(key, digits) == KEY_CHARS - 2 &&
           strcmp(key + KEY_CHARS - 2, "==") == 0;
}

static const struct objection *to_line(struct lws *wsi)
{
    static const struct objection method = {"405 Method Not Allowed", "Allow: GET\r\n",
                                            "used another method than GET"};
    static const struct objection path = {"404 Not Found", "", "asked for another path than /"};
    static const struct objection version = {"505 HTTP Version Not Supported", "",
                                             "speaks an HTTP older than 1.1"};
    char text[HEADER_BYTES];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) == 0) {
        return &method;
    }
    copy(wsi, WSI_TOKEN_HTTP, text);
    if (strncmp(text, "HTTP/1.0", 8) == 0 || strncmp(text, "HTTP/0", 6) == 0) {
        return &version;
    }
    copy(wsi, WSI_TOKEN_GET_URI, text);
    return strcmp(text, "/") == 0 ? NULL : &path;
}

static const struct objection *to_headers(struct lws *wsi, const char *upgrade)
{
    static const struct objection none = {"426 Upgrade Required",
                                          "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
                                          "did not ask for a WebSocket"};
    static const struct objection version = {"426 Upgrade Required",
                                             "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
                                             "speaks another version of WebSocket"};
    static const struct objection body = {"400 Bad Request", "", "sent a request with a body"};
    static const struct objection host = {"400 Bad Request", "", "did not name a host"};
    static const struct objection key = {"400 Bad Request", "", "sent no proper Sec-WebSocket-Key"};
    static const struct objection protocol = {"400 Bad Request", "",
                                              "did not ask for " KITH__WS_SUBPROTOCOL};
    char text[HEADER_BYTES];
    copy(wsi, WSI_TOKEN_CONNECTION, text);
    if (strcasecmp(upgrade, "websocket") != 0 || !lists(text, "upgrade", strncasecmp)) {
        return &none;
    }
    copy(wsi, WSI_TOKEN_VERSION, text);
    if (strcmp(text, "13") != 0) {
        return &version;
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0) {
        return &body;
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HOST) == 0) {
        return &host;
    }
    copy(wsi, WSI_TOKEN_KEY, text);
    if (!is_key(text)) {
        return &key;
    }
    copy(wsi, WSI_TOKEN_PROTOCOL, text);
    return lists(text, KITH__WS_SUBPROTOCOL, strncmp) ? NULL : &protocol;
}

static void answer(struct lws *wsi, const struct objection *objection)
{
    uint8_t out[LWS_PRE + ANSWER_BYTES];
    int count = snprintf((char *)out + LWS_PRE, ANSWER_BYTES,
                         "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n%s\r\n",
                         objection->status, objection->headers);
    (void)lws_write(wsi, out + LWS_PRE, (size_t)count, LWS_WRITE_HTTP_HEADERS);
}

int kith__ws_take_request(struct kith__ws_link *link, struct lws *wsi, const char *upgrade)
{
    const struct objection *objection = to_line(wsi);
    if (objection == NULL) {
        objection = to_headers(wsi, upgrade);
    }
    if (objection == NULL) {
        return 0;
    }
    kith__ws_link_fail(link, KITH_REASON_NOT_KITH, "the other side %s", objection->detail);
    answer(wsi, objection);
    return -1;
}

/* ---- as the client ---------------------------------------------------------------------- */

/* lws has looked at the status, the accept key and where it upgrades to. */
int kith__ws_take_response(struct kith__ws_link *link, struct lws *wsi)
{
    char text[HEADER_BYTES];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP1_0) > 0) {
        kith__ws_link_fail(link, KITH_REASON_NOT_KITH, "%s speaks an HTTP older than 1.1",
                           link->remote);
        return -1;
    }
    copy(wsi, WSI_TOKEN_PROTOCOL, text);
    if (strcmp(text, KITH__WS_SUBPROTOCOL) != 0) {
        kith__ws_link_fail(link, KITH_REASON_NOT_KITH,
                           "%s speaks WebSocket, but not " KITH__WS_SUBPROTOCOL, link->remote);
        return -1;
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_EXTENSIONS) > 0) {
        kith__ws_link_fail(link, KITH_REASON_NOT_KITH,
                           "%s uses an extension of WebSocket that nobody asked for", link->remote);
        return -1;
    }
    return 0;
}
