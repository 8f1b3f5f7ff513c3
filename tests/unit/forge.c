/* SPDX-License-Identifier: MIT
 *
 * forge.c: see forge.h.
 */
#include "forge.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "transport.h"

/* ---- DER (X.690) ------------------------------------------------------------------------ */

struct piece {
    uint8_t bytes[FORGE_DER_MAX];
    size_t count;
};

static void put(struct piece *to, const void *bytes, size_t count)
{
    cr_assert_leq(to->count + count, sizeof to->bytes);
    memcpy(to->bytes + to->count, bytes, count);
    to->count += count;
}

static void put_value(struct piece *to, uint8_t tag, const void *bytes, size_t count)
{
    uint8_t head[4] = {tag, (uint8_t)count};
    size_t head_bytes = 2;
    if (count > 0xff) {
        head[1] = 0x82, head[2] = (uint8_t)(count >> 8), head[3] = (uint8_t)count;
        head_bytes = 4;
    } else if (count > 0x7f) {
        head[1] = 0x81, head[2] = (uint8_t)count;
        head_bytes = 3;
    }
    put(to, head, head_bytes);
    put(to, bytes, count);
}

static void put_piece(struct piece *to, uint8_t tag, const struct piece *value)
{
    put_value(to, tag, value->bytes, value->count);
}

static struct piece *fresh(void)
{
    struct piece *made = calloc(1, sizeof *made);
    cr_assert_not_null(made);
    return made;
}

/* Puts a piece that was made for this, and frees it. */
static void put_and_free(struct piece *to, uint8_t tag, struct piece *value)
{
    put_piece(to, tag, value);
    free(value);
}

/* ---- the parts of a certificate (RFC 5280 §4.1) ----------------------------------------- */

static const uint8_t oid_ed25519[] = {0x2b, 0x65, 0x70};

static void put_algorithm(struct piece *to)
{
    struct piece *algorithm = fresh();
    put_value(algorithm, 0x06, oid_ed25519, sizeof oid_ed25519);
    put_and_free(to, 0x30, algorithm);
}

static void put_name(struct piece *to, const char *name)
{
    static const uint8_t oid_cn[] = {0x55, 0x04, 0x03};
    struct piece *pair = fresh(), *set = fresh(), *names = fresh();
    put_value(pair, 0x06, oid_cn, sizeof oid_cn);
    put_value(pair, 0x0c, name, strlen(name));
    put_and_free(set, 0x30, pair);
    put_and_free(names, 0x31, set);
    put_and_free(to, 0x30, names);
}

static void put_time(struct piece *to, long from_now_s)
{
    time_t at = time(NULL) + from_now_s;
    struct tm parts;
    char text[32];
    cr_assert_not_null(gmtime_r(&at, &parts));
    strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &parts);
    if (parts.tm_year + 1900 < 2050) {
        put_value(to, 0x17, text + 2, strlen(text + 2)); /* UTCTime */
    } else {
        put_value(to, 0x18, text, strlen(text));
    }
}

static void put_validity(struct piece *to, const struct forge_spec *spec)
{
    struct piece *validity = fresh();
    int preset = spec->from_s == 0 && spec->until_s == 0;
    put_time(validity, preset ? -3600L : spec->from_s);
    put_time(validity, preset ? 10 * 365 * 86400L : spec->until_s);
    put_and_free(to, 0x30, validity);
}

static void put_public_key(struct piece *to, const uint8_t key[32])
{
    struct piece *info = fresh();
    uint8_t bits[33] = {0};
    memcpy(bits + 1, key, 32);
    put_algorithm(info);
    put_value(info, 0x03, bits, sizeof bits);
    put_and_free(to, 0x30, info);
}

static void put_extension(struct piece *to, const void *oid, size_t oid_bytes, int critical,
                          struct piece *value)
{
    static const uint8_t yes = 0xff;
    struct piece *extension = fresh();
    put_value(extension, 0x06, oid, oid_bytes);
    if (critical) {
        put_value(extension, 0x01, &yes, 1);
    }
    put_and_free(extension, 0x04, value);
    put_and_free(to, 0x30, extension);
}

static void put_constraints(struct piece *to, const struct forge_spec *spec)
{
    static const uint8_t oid[] = {0x55, 0x1d, 0x13}, yes = 0xff;
    struct piece *fields = fresh(), *value = fresh();
    if (spec->is_ca) {
        uint8_t length = (uint8_t)(spec->path_len_plus_1 - 1);
        put_value(fields, 0x01, &yes, 1);
        if (spec->path_len_plus_1 > 0) {
            put_value(fields, 0x02, &length, 1);
        }
    }
    put_and_free(value, 0x30, fields);
    put_extension(to, oid, sizeof oid, 1, value);
}

static void put_usages(struct piece *to, const struct forge_spec *spec)
{
    static const uint8_t oid_usage[] = {0x55, 0x1d, 0x0f}, oid_extended[] = {0x55, 0x1d, 0x25};
    if (spec->usage != 0) {
        uint8_t bits[2] = {0, (uint8_t)spec->usage};
        struct piece *value = fresh();
        put_value(value, 0x03, bits, sizeof bits);
        put_extension(to, oid_usage, sizeof oid_usage, 1, value);
    }
    if (spec->extended != 0) {
        uint8_t purpose[] = {0x2b, 6, 1, 5, 5, 7, 3, (uint8_t)spec->extended};
        struct piece *list = fresh(), *value = fresh();
        put_value(list, 0x06, purpose, sizeof purpose);
        put_and_free(value, 0x30, list);
        put_extension(to, oid_extended, sizeof oid_extended, 0, value);
    }
}

static void put_names(struct piece *to, const struct forge_spec *spec)
{
    static const uint8_t oid[] = {0x55, 0x1d, 0x11};
    struct piece *names = fresh(), *value = fresh();
    if (spec->dns == NULL && spec->ip == NULL) {
        free(names);
        free(value);
        return;
    }
    if (spec->dns != NULL) {
        put_value(names, 0x82, spec->dns,
                  spec->dns_bytes > 0 ? spec->dns_bytes : strlen(spec->dns));
    }
    if (spec->ip != NULL) {
        put_value(names, 0x87, spec->ip, 4);
    }
    put_and_free(value, 0x30, names);
    put_extension(to, oid, sizeof oid, 0, value);
}

static void put_padding(struct piece *to, size_t count)
{
    static const uint8_t oid[] = {0x2b, 6, 1, 4, 1, 0x83, 0xff, 0x7f, 1};
    struct piece *value = fresh();
    uint8_t *bytes = calloc(1, count + 1);
    put_value(value, 0x04, bytes, count);
    put_extension(to, oid, sizeof oid, 0, value);
    free(bytes);
}

static void put_extensions(struct piece *to, const struct forge_spec *spec)
{
    struct piece *list = fresh(), *sequence = fresh();
    put_constraints(list, spec);
    put_usages(list, spec);
    put_names(list, spec);
    if (spec->padding > 0) {
        put_padding(list, spec->padding);
    }
    put_and_free(sequence, 0x30, list);
    put_and_free(to, 0xa3, sequence);
}

static struct piece *body_of(const struct forge_certificate *out, const struct forge_spec *spec)
{
    static const uint8_t version[] = {0xa0, 3, 2, 1, 2};
    struct piece *fields = fresh(), *body = fresh();
    uint8_t serial[8];
    cr_assert_eq(kith_default_crypto.random(NULL, serial, sizeof serial), KITH_OK);
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
    put(fields, version, sizeof version);
    put_value(fields, 0x02, serial, sizeof serial);
    put_algorithm(fields);
    put_name(fields, spec->by != NULL ? spec->by->subject : out->subject);
    put_validity(fields, spec);
    put_name(fields, out->subject);
    put_public_key(fields, out->public_key);
    put_extensions(fields, spec);
    put_and_free(body, 0x30, fields);
    return body;
}

/* ---- whole certificates ----------------------------------------------------------------- */

static void make_key(struct forge_certificate *out)
{
    static const uint8_t head[] = {0x30, 0x2e, 2,    1,    0, 0x30, 5, 6,
                                   3,    0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20};
    cr_assert_eq(kith_default_crypto.random(NULL, out->seed, sizeof out->seed), KITH_OK);
    cr_assert_eq(kith_default_crypto.ed25519_public(out->seed, out->public_key), KITH_OK);
    memcpy(out->key, head, sizeof head);
    memcpy(out->key + sizeof head, out->seed, sizeof out->seed);
}

void forge(struct forge_certificate *out, const struct forge_spec *spec)
{
    const struct forge_certificate *by = spec->by != NULL ? spec->by : out;
    struct piece *body, *whole = fresh(), *all = fresh();
    uint8_t signature[65] = {0};
    memset(out, 0, sizeof *out);
    snprintf(out->subject, sizeof out->subject, "%s", spec->subject);
    make_key(out);
    body = body_of(out, spec);
    cr_assert_eq(kith_default_crypto.ed25519_sign(by->seed, by->public_key, body->bytes,
                                                  body->count, signature + 1),
                 KITH_OK);
    signature[10] ^= (uint8_t)(spec->is_spoiled != 0);
    put(whole, body->bytes, body->count);
    free(body);
    put_algorithm(whole);
    put_value(whole, 0x03, signature, sizeof signature);
    put_and_free(all, 0x30, whole);
    memcpy(out->der, all->bytes, all->count);
    out->der_bytes = all->count;
    free(all);
}

void forge_root(struct forge_certificate *out, const char *name)
{
    struct forge_spec spec = {.subject = name, .is_ca = 1, .usage = 0x06};
    forge(out, &spec);
}

void forge_leaf(struct forge_certificate *out, const char *name, const struct forge_certificate *by)
{
    static const uint8_t here[] = {127, 0, 0, 1};
    struct forge_spec spec = {
        .subject = name, .by = by, .dns = "localhost", .ip = here, .usage = 0x80};
    forge(out, &spec);
}

uint8_t *forge_join(const struct forge_certificate *const *certificates, size_t count,
                    size_t *bytes)
{
    uint8_t *all = malloc(count * FORGE_DER_MAX + 1);
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(all + *bytes, certificates[i]->der, certificates[i]->der_bytes);
        *bytes += certificates[i]->der_bytes;
    }
    return all;
}

char *forge_pem(const char *label, const void *der, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *at = der;
    char *text = malloc(bytes * 2 + 200), *to = text;
    to += sprintf(to, "-----BEGIN %s-----\n", label);
    for (size_t i = 0; i < bytes; i += 3) {
        uint32_t three = (uint32_t)at[i] << 16 | (i + 1 < bytes ? (uint32_t)at[i + 1] << 8 : 0) |
                         (i + 2 < bytes ? at[i + 2] : 0u);
        *to++ = digits[three >> 18 & 63];
        *to++ = digits[three >> 12 & 63];
        *to++ = i + 1 < bytes ? digits[three >> 6 & 63] : '=';
        *to++ = i + 2 < bytes ? digits[three & 63] : '=';
        if (i % 48 == 45 && i + 3 < bytes) {
            *to++ = '\n';
        }
    }
    sprintf(to, "\n-----END %s-----\n", label);
    return text;
}
