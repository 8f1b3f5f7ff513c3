/* SPDX-License-Identifier: MIT
 *
 * url.c: the grammar of the addresses that people type. Pure.
 */
#include "base/url.h"

#include <string.h>

#include "base/err.h"

static kith_err bad(const char *text, const char *why)
{
    char shown[201];
    kith_printable(text, strlen(text), shown, sizeof shown);
    return kith_fail(KITH_ERR_ADDRESS,
                     "url \"%s\": %s; write SCHEME://HOST:PORT, such as wss://192.0.2.7:4000",
                     shown, why);
}

/* Copies what matches `allowed`, 1 to room - 1 bytes; gives the place behind or NULL. */
static const char *span(const char *at, const char *allowed, char *out, size_t room)
{
    size_t count = strspn(at, allowed);
    if (count == 0 || count >= room) {
        return NULL;
    }
    memcpy(out, at, count);
    out[count] = '\0';
    return at + count;
}

static int parse_port(const char *at, uint16_t *out)
{
    unsigned long value = 0;
    if (*at == '\0' || strlen(at) > 5) {
        return 0;
    }
    for (; *at != '\0'; at++) {
        if (*at < '0' || *at > '9') {
            return 0;
        }
        value = value * 10 + (unsigned long)(*at - '0');
    }
    *out = (uint16_t)value;
    return value <= 65535;
}

static const char *parse_host(const char *at, struct kith_url *out)
{
    if (*at == '*') {
        out->host[0] = '*';
        out->host[1] = '\0';
        return at + 1;
    }
    if (*at == '[') {
        /* An IPv6 address, with a scope such as %eth0 where it is link-local. */
        at = span(at + 1, "0123456789abcdefABCDEF:.%_-ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ",
                  out->host, sizeof out->host);
        return at != NULL && *at == ']' ? at + 1 : NULL;
    }
    return span(at, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_", out->host,
                sizeof out->host);
}

kith_err kith_url_parse(const char *text, struct kith_url *out)
{
    const char *at;
    memset(out, 0, sizeof *out);
    if (strlen(text) >= KITH_URL_BYTES_MAX) {
        return bad(text, "too long");
    }
    at = span(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", out->scheme,
              sizeof out->scheme);
    for (char *c = out->scheme; *c != '\0'; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c); /* RFC 3986 §3.1 */
    }
    if (at == NULL || strncmp(at, "://", 3) != 0) {
        return bad(text, "it does not begin with a scheme");
    }
    at = parse_host(at + 3, out);
    if (at == NULL) {
        return bad(text, "the host cannot be read (an IPv6 address stands in brackets)");
    }
    if (*at != ':') {
        return bad(text, *at == '@' ? "there is no place for a user name"
                                    : "the port is missing, or the host has an odd character");
    }
    if (!parse_port(at + 1, &out->port)) {
        return bad(text, "what follows the host is not a port from 0 to 65535 and nothing else");
    }
    return KITH_OK;
}
