/* SPDX-License-Identifier: MIT
 *
 * certificate.c: see certificate.h. DER is read by walking: a piece of it is a range of bytes, and
 * every element is checked to end inside the piece that it stands in.
 */
#include "certificate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "text.h"

enum {
    FILE_BYTES_MAX = 64 * 1024, /* what kith_session_set_certificates() takes of a chain */
    TAG_OID = 0x06,
    TAG_UTF8 = 0x0c,
    TAG_BMP = 0x1e,
    TAG_SEQUENCE = 0x30,
    TAG_SET = 0x31,
    TAG_UTC_TIME = 0x17,
    TAG_LONG_TIME = 0x18,
    TAG_OCTETS = 0x04,
    TAG_BOOLEAN = 0x01,
    TAG_VERSION = 0xa0,    /* [0] of TBSCertificate */
    TAG_EXTENSIONS = 0xa3, /* [3] */
    TAG_DNS_NAME = 0x82,   /* [2] of GeneralName */
    TAG_IP_ADDRESS = 0x87  /* [7] */
};

struct piece {
    const uint8_t *at, *end;
};

/* Takes the next element off a piece. Gives its tag, or -1 at the end and where it is broken. */
static int take(struct piece *from, struct piece *inside)
{
    size_t left = (size_t)(from->end - from->at);
    if (left < 2) {
        return -1;
    }
    const int tag = from->at[0];
    size_t bytes = from->at[1];
    size_t head = 2;
    if (bytes >= 0x80) {
        const size_t count = bytes & 0x7f;
        if (count < 1 || count > 3 || left < 2 + count) {
            return -1;
        }
        for (bytes = 0; head < 2 + count; head++) {
            bytes = bytes << 8 | from->at[head];
        }
    }
    left -= head;
    if (bytes > left) {
        return -1;
    }
    inside->at = from->at + head;
    inside->end = inside->at + bytes;
    from->at = inside->end;
    return tag;
}

/* The same for an element that must have this tag; empty where it has not. */
static struct piece take_one(struct piece *from, int tag)
{
    struct piece inside = {from->at, from->at};
    struct piece found;
    return take(from, &found) == tag ? found : inside;
}

static int is_bytes(struct piece piece, const char *bytes, size_t count)
{
    return (size_t)(piece.end - piece.at) == count && memcmp(piece.at, bytes, count) == 0;
}

/* ---- names ---- */

struct text {
    char *out;
    size_t room, used;
};

static void add_character(struct text *text, uint32_t code, int is_escaped)
{
    char bytes[4];
    if (text_is_unsafe(code) || code == '\t') {
        code = TEXT_REPLACEMENT;
    }
    const size_t count = text_encode(code, bytes);
    const size_t needed = count + (is_escaped ? 1 : 0);
    if (text->used + needed >= text->room) {
        text->room = text->used + 1; /* nothing shorter may stand behind what was cut */
        return;
    }
    if (is_escaped) {
        text->out[text->used++] = '\\';
    }
    memcpy(text->out + text->used, bytes, count);
    text->used += count;
    text->out[text->used] = '\0';
}

static void add_plain(struct text *text, const char *plain)
{
    for (; *plain != '\0'; plain++) {
        add_character(text, (unsigned char)*plain, 0);
    }
}

/* A value of any kind of string. With escapes, so that a value cannot look like two attributes. */
static void add_value(struct text *text, int tag, struct piece value, int has_escapes)
{
    while (value.at < value.end) {
        uint32_t code;
        if (tag == TAG_BMP) {
            if (value.end - value.at < 2) {
                return;
            }
            code = (uint32_t)value.at[0] << 8 | value.at[1];
            code = code >= 0xD800 && code <= 0xDFFF ? TEXT_REPLACEMENT : code;
            value.at += 2;
        } else {
            value.at += text_decode(value.at, (size_t)(value.end - value.at), &code);
        }
        add_character(text, code,
                      has_escapes && code != 0 && code < 0x80 &&
                          strchr(",+\"\\<>;=", (int)code) != NULL);
    }
}

static const struct {
    const char *name;
    const char *oid;
    size_t bytes;
} attributes[] = {
    {"CN", "\x55\x04\x03", 3},
    {"C", "\x55\x04\x06", 3},
    {"L", "\x55\x04\x07", 3},
    {"ST", "\x55\x04\x08", 3},
    {"O", "\x55\x04\x0a", 3},
    {"OU", "\x55\x04\x0b", 3},
    {"serialNumber", "\x55\x04\x05", 3},
    {"DC", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10},
    {"emailAddress", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9},
};

static const char *attribute_name(struct piece oid)
{
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        if (is_bytes(oid, attributes[i].oid, attributes[i].bytes)) {
            return attributes[i].name;
        }
    }
    return "?";
}

/* RFC 5280 §4.1.2.4. common_name may be NULL; the last one counts. */
static void read_name(struct piece name, char *out, size_t room, char *common_name,
                      size_t common_room)
{
    struct text text = {out, room, 0};
    struct piece set;
    while (take(&name, &set) == TAG_SET) {
        struct piece pair;
        while (take(&set, &pair) == TAG_SEQUENCE) {
            struct piece value;
            const char *const attribute = attribute_name(take_one(&pair, TAG_OID));
            const int tag = take(&pair, &value);
            if (tag < 0) {
                break;
            }
            add_plain(&text, text.used > 0 ? "," : "");
            add_plain(&text, attribute);
            add_plain(&text, "=");
            add_value(&text, tag, value, 1);
            if (common_name != NULL && strcmp(attribute, "CN") == 0) {
                struct text cn = {common_name, common_room, 0};
                common_name[0] = '\0';
                add_value(&cn, tag, value, 0);
            }
        }
    }
}

/* ---- validity ---- */

/* RFC 5280 §4.1.2.5: YYMMDDHHMMSSZ before 2050, or with four digits of the year. */
static void read_time(int tag, struct piece time, char out[21])
{
    const size_t year = tag == TAG_UTC_TIME ? 2 : 4;
    const size_t bytes = (size_t)(time.end - time.at);
    const char *const text = (const char *)time.at;
    if ((tag != TAG_UTC_TIME && tag != TAG_LONG_TIME) || bytes != year + 11 ||
        text[bytes - 1] != 'Z') {
        return;
    }
    for (size_t i = 0; i + 1 < bytes; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return;
        }
    }
    const char *const rest = text + year;
    snprintf(out, 21, "%s%.*s-%.2s-%.2sT%.2s:%.2s:%.2sZ",
             year == 4        ? ""
             : text[0] >= '5' ? "19"
                              : "20",
             (int)year, text, rest, rest + 2, rest + 4, rest + 6, rest + 8);
}

static void read_validity(struct piece validity, struct certificate *out)
{
    struct piece time;
    int tag = take(&validity, &time);
    if (tag >= 0) {
        read_time(tag, time, out->not_before);
        tag = take(&validity, &time);
    }
    if (tag >= 0) {
        read_time(tag, time, out->not_after);
    }
}

/* ---- the hosts it is for ---- */

static void add_address(struct text *text, struct piece address)
{
    char part[16];
    const size_t bytes = (size_t)(address.end - address.at);
    for (size_t i = 0; bytes == 4 && i < 4; i++) {
        snprintf(part, sizeof part, "%s%u", i > 0 ? "." : "", address.at[i]);
        add_plain(text, part);
    }
    for (size_t i = 0; bytes == 16 && i < 16; i += 2) {
        snprintf(part, sizeof part, "%s%x", i > 0 ? ":" : "",
                 (unsigned)address.at[i] << 8 | address.at[i + 1]);
        add_plain(text, part);
    }
}

static void read_host_names(struct piece octets, struct certificate *out)
{
    struct text text = {out->names, sizeof out->names, 0};
    struct piece names = take_one(&octets, TAG_SEQUENCE);
    struct piece name;
    for (int tag = take(&names, &name); tag >= 0; tag = take(&names, &name)) {
        if (tag == TAG_DNS_NAME || tag == TAG_IP_ADDRESS) {
            add_plain(&text, text.used > 0 ? " " : "");
        }
        if (tag == TAG_DNS_NAME) {
            add_value(&text, TAG_UTF8, name, 1);
        } else if (tag == TAG_IP_ADDRESS) {
            add_address(&text, name);
        }
    }
}

static void read_extensions(struct piece tagged, struct certificate *out)
{
    struct piece extensions = take_one(&tagged, TAG_SEQUENCE);
    struct piece extension;
    while (take(&extensions, &extension) == TAG_SEQUENCE) {
        struct piece value;
        const struct piece oid = take_one(&extension, TAG_OID);
        int tag = take(&extension, &value);
        if (tag == TAG_BOOLEAN) { /* critical */
            tag = take(&extension, &value);
        }
        if (tag == TAG_OCTETS && is_bytes(oid, "\x55\x1d\x11", 3)) {
            read_host_names(value, out);
        }
    }
}

void certificate_read(const void *der, size_t der_bytes, struct certificate *out)
{
    struct piece all = {der, (const uint8_t *)der + der_bytes};
    memset(out, 0, sizeof *out);
    sha256(der, der_bytes, out->sha256);
    struct piece whole = take_one(&all, TAG_SEQUENCE);
    struct piece body = take_one(&whole, TAG_SEQUENCE);
    struct piece skipped;
    if (body.at < body.end && body.at[0] == TAG_VERSION && take(&body, &skipped) < 0) {
        return;
    }
    if (take(&body, &skipped) < 0 || take(&body, &skipped) < 0) { /* serial number, algorithm */
        return;
    }
    read_name(take_one(&body, TAG_SEQUENCE), out->issuer, sizeof out->issuer, NULL, 0);
    read_validity(take_one(&body, TAG_SEQUENCE), out);
    read_name(take_one(&body, TAG_SEQUENCE), out->subject, sizeof out->subject, out->common_name,
              sizeof out->common_name);
    struct piece rest;
    for (int tag = take(&body, &rest); tag >= 0; tag = take(&body, &rest)) {
        if (tag == TAG_EXTENSIONS) {
            read_extensions(rest, out);
        }
    }
}

/* ---- files ---- */

static int sextet_of(char c)
{
    static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *const found = c != '\0' ? strchr(signs, c) : NULL;
    return found != NULL ? (int)(found - signs) : -1;
}

/* Decodes base64 (RFC 7468) in place up to the first '-' or '='; gives how many bytes. */
static size_t decode(uint8_t *text, size_t count)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t used = 0;
    for (size_t i = 0; i < count && text[i] != '-' && text[i] != '='; i++) {
        const int sextet = sextet_of((char)text[i]);
        if (sextet < 0) {
            continue;
        }
        bits = bits << 6 | (uint32_t)sextet;
        held += 6;
        if (held >= 8) {
            held -= 8;
            text[used++] = (uint8_t)(bits >> held);
        }
    }
    return used;
}

int certificate_load(const char *path, struct certificate *out)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    uint8_t *const bytes = malloc(FILE_BYTES_MAX + 1);
    uint8_t *der = bytes;
    size_t count = 0;
    if (bytes == NULL || files_read(path, bytes, FILE_BYTES_MAX, &count) != 0) {
        free(bytes);
        return -1;
    }
    bytes[count] = '\0';
    uint8_t *const pem = (uint8_t *)strstr((char *)bytes, begin);
    if (pem != NULL) {
        der = pem + sizeof begin - 1;
        count = decode(der, (size_t)(bytes + count - der));
    } else { /* several may stand one behind the other: the first */
        struct piece all = {bytes, bytes + count};
        struct piece inside;
        count = take(&all, &inside) == TAG_SEQUENCE ? (size_t)(all.at - bytes) : 0;
    }
    certificate_read(der, count, out);
    free(bytes);
    return count > 0 ? 0 : -1;
}
