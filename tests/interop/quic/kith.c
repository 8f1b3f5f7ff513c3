/* SPDX-License-Identifier: MIT
 *
 * kith-test-quic-peer URL SESSION NAME [--listen] [--key FILE] [--cert FILE --cert-key FILE]
 *                     [--ca FILE] [--above ID | --below ID]
 *
 * A peer of the Kith protocol over QUIC, in C on ngtcp2 and GnuTLS, written from core/PROTOCOL.md
 * alone: nothing of Kith's is in it. It dials quic://ADDRESS:PORT or listens there, goes through
 * the whole handshake, and talks. Each line of standard input is sent as a message; its end is the
 * end of the session. What happens stands on standard output, an object of JSON per line. --above
 * and --below choose an id of its own that is greater or less than another one, which decides who
 * is the arbiter (section 7).
 *
 * For tests only: it has one link, no resumption, and ends on every surprise. This file is the
 * frames and the handshake; wire.c is QUIC.
 */
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

enum {
    HELLO = 0x02,
    AUTH = 0x04,
    INFO = 0x06,
    ADOPT = 0x08,
    ADOPTED = 0x0a,
    CREDIT = 0x12,
    CLOSE = 0x18,
    PING = 0x1a,
    PONG = 0x1c,
    BLOCKED = 0x1f,
    WAIT = 0x20,
    PEERS = 0x21,
    OPEN = 0x100 /* no frame is awaited in particular */
};
enum {
    HELLO_BYTES = 136,
    SIGNATURE_BYTES = 64,
    KEY_BYTES = 32,
    ID_BYTES = 16,
    LANES = 8,
    WINDOW = 65536,
    FRAME_BYTES = 70000,
    RECORD_BYTES = 2 * WINDOW,
    REASON_LEFT = 1
};

struct bytes {
    size_t count;
    uint8_t at[FRAME_BYTES];
};

static const char *session_name, *own_name;
static int listens, is_arbiter, is_used;
static int awaited = HELLO;
static gnutls_privkey_t secret;
static uint8_t key[KEY_BYTES], id[ID_BYTES], their_key[KEY_BYTES], their_id[ID_BYTES];
static uint8_t hello[HELLO_BYTES], their_hello[HELLO_BYTES];
static struct wire_channel channel;
static struct bytes incoming; /* of the control stream, not a whole frame yet */
static struct {
    uint64_t received, consumed;
    size_t count;
    uint8_t record[RECORD_BYTES]; /* not a whole one yet */
} lanes[LANES];
static uint64_t sent, limit; /* of lane 0 */
static struct message {
    struct message *next;
    size_t count;
    uint8_t record[];
} * waiting; /* for credit, or for an adopted link */

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("kith-test-quic-peer: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void report(const char *event, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void report(const char *event, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("{\"event\":\"%s\"", event);
    vprintf(format, arguments);
    puts("}");
    va_end(arguments);
    fflush(stdout);
}

static void report_text(const char *event, const char *name, const uint8_t *text, size_t count)
{
    printf("{\"event\":\"%s\",\"%s\":\"", event, name);
    for (size_t i = 0; i < count; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            putchar('\\');
        }
        putchar(text[i]);
    }
    puts("\"}");
    fflush(stdout);
}

/* ---- section 1: integers ----------------------------------------------------------------- */

static void put(struct bytes *out, const void *from, size_t count)
{
    CHECK(count <= sizeof out->at - out->count, "a frame is too long");
    memcpy(out->at + out->count, from, count);
    out->count += count;
}

static void put_number(struct bytes *out, uint64_t value, int size)
{
    while (size-- > 0) {
        uint8_t byte = (uint8_t)(value >> 8 * size);
        put(out, &byte, 1);
    }
}

static void put_varint(struct bytes *out, uint64_t value)
{
    int power = value < 1u << 6 ? 0 : value < 1u << 14 ? 1 : value < 1u << 30 ? 2 : 3;
    put_number(out, value | (uint64_t)power << ((8 << power) - 2), 1 << power);
}

static void put_zeros(struct bytes *out, size_t count)
{
    static const uint8_t zeros[64];
    put(out, zeros, count);
}

struct reader {
    const uint8_t *at, *end;
};

static const uint8_t *take(struct reader *from, size_t count)
{
    CHECK((size_t)(from->end - from->at) >= count, "a body is too short");
    from->at += count;
    return from->at - count;
}

static uint64_t take_number(struct reader *from, int size)
{
    const uint8_t *bytes = take(from, (size_t)size);
    uint64_t value = 0;
    for (int i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* 0: it is not all there. */
static int try_varint(struct reader *from, uint64_t *out)
{
    size_t left = (size_t)(from->end - from->at);
    int size = left > 0 ? 1 << (*from->at >> 6) : 1;
    if (left < (size_t)size) {
        return 0;
    }
    *out = take_number(from, size) & (UINT64_MAX >> (64 - 8 * size + 2));
    return 1;
}

static uint64_t take_varint(struct reader *from)
{
    uint64_t value;
    CHECK(try_varint(from, &value), "a body is too short");
    return value;
}

/* ---- keys -------------------------------------------------------------------------------- */

static void sha256(const void *from, size_t count, uint8_t out[32])
{
    CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA256, from, count, out) == 0, "SHA-256");
}

/* Section 5.1. */
static void make_id(const uint8_t from[KEY_BYTES], uint8_t out[ID_BYTES])
{
    uint8_t hash[32];
    sha256(from, KEY_BYTES, hash);
    memcpy(out, hash, ID_BYTES);
    out[6] = (uint8_t)((out[6] & 0x0f) | 0x80);
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

static void format_id(const uint8_t from[ID_BYTES], char out[37])
{
    char *at = out;
    for (int i = 0; i < ID_BYTES; i++) {
        at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", from[i]);
    }
}

/* sign: 1 for one above other, -1 below, 0 any. */
static void make_identity(int sign, const uint8_t other[ID_BYTES])
{
    int difference;
    do {
        gnutls_ecc_curve_t curve;
        gnutls_datum_t x = {NULL, 0}, y = {NULL, 0}, k = {NULL, 0};
        CHECK(gnutls_privkey_init(&secret) == 0 &&
                  gnutls_privkey_generate(secret, GNUTLS_PK_EDDSA_ED25519, 0, 0) == 0 &&
                  gnutls_privkey_export_ecc_raw(secret, &curve, &x, &y, &k) == 0 &&
                  x.size == KEY_BYTES,
              "no key");
        memcpy(key, x.data, KEY_BYTES);
        gnutls_free(x.data);
        gnutls_free(y.data);
        gnutls_free(k.data);
        make_id(key, id);
        difference = memcmp(id, other, ID_BYTES);
        if (sign != 0 && (difference > 0) != (sign > 0)) {
            gnutls_privkey_deinit(secret);
        }
    } while (sign != 0 && (difference > 0) != (sign > 0));
}

/* ---- section 4: frames ------------------------------------------------------------------- */

static void send_frame(uint64_t type, const void *body, size_t count)
{
    static struct bytes out;
    out.count = 0;
    put_varint(&out, type);
    put_varint(&out, count);
    put(&out, body, count);
    wire_control(out.at, out.count);
}

/* Section 5.1. */
static void tag_of(const uint8_t nonce[32], uint8_t out[16])
{
    static const char label[] = "kith session"; /* with its zero byte */
    uint8_t hash[32];
    struct bytes *text = calloc(1, sizeof *text);
    CHECK(text != NULL, "out of memory");
    put(text, label, sizeof label);
    put(text, nonce, 32);
    put(text, session_name, strlen(session_name));
    sha256(text->at, text->count, hash);
    memcpy(out, hash, 16);
    free(text);
}

static void send_hello(void)
{
    static struct bytes out;
    uint8_t random[40], tag[16]; /* incarnation, nonce */
    CHECK(gnutls_rnd(GNUTLS_RND_RANDOM, random, sizeof random) == 0, "random numbers");
    tag_of(random + 8, tag);
    put(&out, "KITH", 4);
    put_number(&out, 1, 1); /* versions */
    put_number(&out, 1, 1);
    put_number(&out, 0, 1);              /* star */
    put_number(&out, channel.number, 1); /* as seen; at best */
    put_number(&out, channel.number, 1);
    put_number(&out, 1, 1); /* exporter */
    put_number(&out, 3, 1); /* the lowest level: identity */
    put_number(&out, 0, 1);
    put_number(&out, 0x0304, 2);
    put_number(&out, channel.suite, 2);
    put(&out, key, sizeof key);
    put(&out, random, sizeof random);
    put(&out, tag, sizeof tag);
    put_zeros(&out, 16 + 16);
    CHECK(out.count == HELLO_BYTES, "my HELLO has %zu bytes", out.count);
    memcpy(hello, out.at, HELLO_BYTES);
    send_frame(HELLO, hello, HELLO_BYTES);
}

/* Section 5.2: what is signed. */
static void signed_text(int by_dialler, const uint8_t *body, size_t count, struct bytes *out)
{
    const char *label = by_dialler ? "Kith link AUTH v1 dialer" : "Kith link AUTH v1 acceptor";
    uint8_t hash[32], space = 0x20;
    struct bytes *text = calloc(1, sizeof *text);
    CHECK(text != NULL, "out of memory");
    put_number(text, HELLO_BYTES, 2);
    put(text, listens ? their_hello : hello, HELLO_BYTES);
    put_number(text, HELLO_BYTES, 2);
    put(text, listens ? hello : their_hello, HELLO_BYTES);
    put_number(text, 1, 1); /* version, binding */
    put_number(text, 1, 1);
    put_number(text, sizeof channel.binding, 2);
    put(text, channel.binding, sizeof channel.binding);
    put(text, channel.leaves, sizeof channel.leaves);
    put_number(text, count, 2);
    put(text, body, count);
    sha256(text->at, text->count, hash);
    free(text);
    out->count = 0;
    for (int i = 0; i < 64; i++) {
        put(out, &space, 1);
    }
    put(out, label, strlen(label) + 1);
    put(out, hash, sizeof hash);
}

static void send_auth(void)
{
    static struct bytes body, text;
    gnutls_datum_t from, signature = {NULL, 0};
    body.count = 0;
    put_zeros(&body, 17);
    put_number(&body, 1, 1); /* version, binding */
    put_number(&body, 1, 1);
    put_number(&body, 0, 4); /* no association without a link */
    put_number(&body, WINDOW, 4);
    put_number(&body, LANES * WINDOW, 8);
    put_number(&body, LANES, 2);
    put_number(&body, 0, 4);
    signed_text(!listens, body.at, body.count, &text);
    from.data = text.at;
    from.size = (unsigned)text.count;
    CHECK(gnutls_privkey_sign_data(secret, GNUTLS_DIG_SHA512, 0, &from, &signature) == 0 &&
              signature.size == SIGNATURE_BYTES,
          "no signature");
    put(&body, signature.data, signature.size);
    gnutls_free(signature.data);
    send_frame(AUTH, body.at, body.count);
}

static void send_info(void)
{
    static struct bytes body;
    put_number(&body, strlen(own_name), 1);
    put(&body, own_name, strlen(own_name));
    send_frame(INFO, body.at, body.count);
}

static void put_table(struct bytes *out)
{
    put_varint(out, LANES);
    put_varint(out, LANES);
    for (uint64_t i = 0; i < LANES; i++) {
        put_varint(out, i);
        put_varint(out, lanes[i].received);
        put_varint(out, lanes[i].consumed);
        put_varint(out, lanes[i].consumed + WINDOW);
    }
}

/* ---- sections 5 and 7: what comes -------------------------------------------------------- */

static void take_hello(struct reader *from, const uint8_t *body, size_t count)
{
    const uint8_t *fields;
    uint8_t tag[16];
    char text[37];
    CHECK(count == HELLO_BYTES && memcmp(take(from, 4), "KITH", 4) == 0, "no HELLO");
    fields = take(from, 8);
    CHECK(fields[0] <= 1 && fields[1] >= 1 && fields[2] == 0 && fields[7] == 0,
          "version, role or flags");
    CHECK(fields[3] == channel.number && (fields[5] & 1) == 1 && fields[6] >= 1 && fields[6] <= 3,
          "the channel is %d", fields[3]);
    CHECK(take_number(from, 2) == 0x0304 && take_number(from, 2) == channel.suite,
          "TLS version or suite");
    memcpy(their_key, take(from, KEY_BYTES), KEY_BYTES);
    make_id(their_key, their_id);
    take(from, 8);
    tag_of(take(from, 32), tag);
    CHECK(memcmp(take(from, 16), tag, sizeof tag) == 0, "another session");
    for (int i = 0; i < 32; i++) {
        CHECK(take_number(from, 1) == 0, "somebody else is wanted, or reserved bytes are set");
    }
    memcpy(their_hello, body, HELLO_BYTES);
    format_id(their_id, text);
    report("hello", ",\"id\":\"%s\"", text);
    if (listens) {
        send_hello();
        send_auth();
    }
    awaited = AUTH;
}

static void take_auth(struct reader *from, const uint8_t *body, size_t count)
{
    static struct bytes text;
    gnutls_pubkey_t public;
    gnutls_datum_t x = {their_key, KEY_BYTES}, signature, data;
    CHECK(count >= 105, "AUTH is too short");
    signed_text(listens, body, count - SIGNATURE_BYTES, &text);
    data.data = text.at;
    data.size = (unsigned)text.count;
    signature.data = (uint8_t *)(uintptr_t)body + count - SIGNATURE_BYTES;
    signature.size = SIGNATURE_BYTES;
    CHECK(gnutls_pubkey_init(&public) == 0 &&
              gnutls_pubkey_import_ecc_raw(public, GNUTLS_ECC_CURVE_ED25519, &x, NULL) == 0 &&
              gnutls_pubkey_verify_data2(public, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &signature) >=
                  0,
          "the signature does not verify");
    gnutls_pubkey_deinit(public);
    take(from, 17);
    CHECK(take_number(from, 1) == 1 && take_number(from, 1) == 1, "version or binding");
    take(from, 4);
    CHECK(take_number(from, 4) >= 1, "the largest message");
    take(from, 8);
    CHECK(take_number(from, 2) >= LANES, "too few lanes");
    if (!listens) {
        send_auth();
    }
    send_info();
    awaited = INFO;
}

static void take_info(struct reader *from)
{
    static struct bytes body;
    size_t count = (size_t)take_number(from, 1);
    const uint8_t *name = take(from, count);
    is_arbiter = memcmp(id, their_id, ID_BYTES) > 0;
    awaited = OPEN;
    report("info", ",\"name\":\"%.*s\",\"arbiter\":%s", (int)count, (const char *)name,
           is_arbiter ? "true" : "false");
    if (is_arbiter) {
        put_varint(&body, 1); /* generation, since, fresh */
        put_varint(&body, 1);
        put_number(&body, 1, 1);
        put_table(&body);
        send_frame(ADOPT, body.at, body.count);
    }
}

static void flush_messages(void)
{
    while (is_used && waiting != NULL && sent + waiting->count <= limit) {
        struct message *first = waiting;
        wire_lane(0, first->record, first->count);
        sent += first->count;
        waiting = first->next;
        free(first);
    }
}

/* Section 5.7. */
static void take_credit(struct reader *from)
{
    uint64_t lane = take_varint(from), received = take_varint(from), consumed = take_varint(from),
             most = take_varint(from);
    CHECK(consumed <= received && received <= most, "CREDIT out of order");
    if (lane != 0) {
        return;
    }
    CHECK(received <= sent, "credit for what was never sent");
    limit = most > limit ? most : limit;
    if (consumed == sent && sent > 0) {
        report("delivered", ",\"bytes\":%llu", (unsigned long long)consumed);
    }
    flush_messages();
}

static void take_table(struct reader *from)
{
    uint64_t count;
    CHECK(take_varint(from) >= LANES, "the next lane");
    for (count = take_varint(from); count > 0; count--) {
        take_credit(from);
    }
    CHECK(from->at == from->end, "bytes behind the table");
    is_used = 1;
    report("connected", "%s", "");
    flush_messages();
}

static void take_adopt(struct reader *from)
{
    static struct bytes body;
    uint64_t generation = take_varint(from), since = take_varint(from);
    CHECK(!is_arbiter && take_number(from, 1) == 1 && since >= 1 && generation >= since,
          "a first ADOPT is fresh, and the arbiter's");
    put_varint(&body, generation);
    put_varint(&body, since);
    put_table(&body);
    send_frame(ADOPTED, body.at, body.count);
    take_table(from);
}

static void take_open(uint64_t type, struct reader *from, const uint8_t *body, size_t count)
{
    switch (type) {
    case ADOPT:
        take_adopt(from);
        break;
    case ADOPTED:
        CHECK(is_arbiter && take_varint(from) == 1 && take_varint(from) == 1, "the generation");
        take_table(from);
        break;
    case CREDIT:
        take_credit(from);
        break;
    case PING:
        send_frame(PONG, body, count);
        break;
    default: /* section 4: the extension rule; and those that need no answer */
        CHECK(type == WAIT || type % 2 == 1, "a frame of type 0x%llx", (unsigned long long)type);
        break;
    }
}

static void take_frame(uint64_t type, const uint8_t *body, size_t count)
{
    struct reader from = {body, body + count};
    if (type == CLOSE) {
        report("close", ",\"reason\":%llu", (unsigned long long)take_varint(&from));
    } else if (type == WAIT && awaited == HELLO && channel.number == 3) {
        report("wait", ",\"ms\":%llu", (unsigned long long)take_number(&from, 4));
    } else if (awaited == OPEN) {
        take_open(type, &from, body, count);
    } else {
        CHECK(type == (uint64_t)awaited, "a frame of type 0x%llx instead of 0x%x",
              (unsigned long long)type, awaited);
        if (type == HELLO) {
            take_hello(&from, body, count);
        } else if (type == AUTH) {
            take_auth(&from, body, count);
        } else {
            take_info(&from);
        }
    }
}

/* ---- what the wire tells ----------------------------------------------------------------- */

void on_up(void)
{
    wire_channel(&channel);
    if (!listens) {
        send_hello();
    }
}

void on_control(const uint8_t *bytes, size_t count)
{
    struct reader from;
    uint64_t type, length;
    put(&incoming, bytes, count);
    for (;;) {
        from.at = incoming.at;
        from.end = incoming.at + incoming.count;
        if (!try_varint(&from, &type) || !try_varint(&from, &length) ||
            (uint64_t)(from.end - from.at) < length) {
            return;
        }
        take_frame(type, from.at, (size_t)length);
        from.at += length;
        incoming.count = (size_t)(from.end - from.at);
        memmove(incoming.at, from.at, incoming.count);
    }
}

void on_lane(uint64_t lane, uint64_t offset, const uint8_t *bytes, size_t count)
{
    static struct bytes credit;
    uint64_t length;
    struct reader from;
    CHECK(lane < LANES && offset == lanes[lane].received, "bytes of lane %llu out of place",
          (unsigned long long)lane);
    CHECK(count <= RECORD_BYTES - lanes[lane].count, "more than was allowed");
    memcpy(lanes[lane].record + lanes[lane].count, bytes, count);
    lanes[lane].count += count;
    lanes[lane].received += count;
    for (;;) {
        from.at = lanes[lane].record;
        from.end = from.at + lanes[lane].count;
        if (!try_varint(&from, &length) || (uint64_t)(from.end - from.at) < length) {
            break;
        }
        report_text("message", "text", take(&from, (size_t)length), (size_t)length);
        lanes[lane].count = (size_t)(from.end - from.at);
        memmove(lanes[lane].record, from.at, lanes[lane].count);
    }
    lanes[lane].consumed = lanes[lane].received - lanes[lane].count;
    credit.count = 0;
    put_varint(&credit, lane);
    put_varint(&credit, lanes[lane].received);
    put_varint(&credit, lanes[lane].consumed);
    put_varint(&credit, lanes[lane].consumed + WINDOW);
    send_frame(CREDIT, credit.at, credit.count);
}

void on_line(const char *line, size_t count)
{
    static struct bytes out;
    struct message *one, **last = &waiting;
    out.count = 0;
    if (line == NULL) { /* section 5.11 */
        put_varint(&out, REASON_LEFT);
        put(&out, "bye", 3);
        send_frame(CLOSE, out.at, out.count);
        wire_close(REASON_LEFT);
        return;
    }
    put_varint(&out, count);
    put(&out, line, count);
    one = malloc(sizeof *one + out.count);
    CHECK(one != NULL, "out of memory");
    one->next = NULL;
    one->count = out.count;
    memcpy(one->record, out.at, out.count);
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = one;
    flush_messages();
}

void on_down(const char *kind, uint64_t code)
{
    report(kind, ",\"code\":%llu", (unsigned long long)code);
}

/* ---- the command line -------------------------------------------------------------------- */

static void read_id(const char *text, uint8_t out[ID_BYTES])
{
    for (int i = 0; i < ID_BYTES; i++) {
        unsigned value;
        text += *text == '-';
        CHECK(sscanf(text, "%2x", &value) == 1, "that is no id");
        out[i] = (uint8_t)value;
        text += 2;
    }
}

int main(int argc, char **argv)
{
    struct wire_options options = {0};
    static char ip[64];
    uint8_t other[ID_BYTES] = {0};
    int sign = 0;
    unsigned port;
    CHECK(argc >= 4 && sscanf(argv[1], "quic://%63[0-9.]:%u", ip, &port) == 2,
          "usage: kith-test-quic-peer quic://ADDRESS:PORT SESSION NAME [OPTION...]");
    options.ip = ip;
    options.port = (uint16_t)port;
    session_name = argv[2];
    own_name = argv[3];
    for (int i = 4; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--listen") == 0) {
            options.listens = listens = 1;
            continue;
        }
        if (strcmp(argv[i], "--key") == 0) {
            options.key_file = value;
        } else if (strcmp(argv[i], "--cert") == 0) {
            options.cert = value;
        } else if (strcmp(argv[i], "--cert-key") == 0) {
            options.cert_key = value;
        } else if (strcmp(argv[i], "--ca") == 0) {
            options.ca = value;
        } else if (strcmp(argv[i], "--above") == 0 || strcmp(argv[i], "--below") == 0) {
            sign = strcmp(argv[i], "--above") == 0 ? 1 : -1;
            read_id(value, other);
        } else {
            fail("no such option: %s", argv[i]);
        }
        i++;
    }
    CHECK((options.key_file != NULL) != (options.ca != NULL), "a key, or certificates");
    make_identity(sign, other);
    report("listening", ",\"port\":%u", (unsigned)wire_open(&options));
    return wire_run();
}
