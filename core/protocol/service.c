/* SPDX-License-Identifier: MIT
 *
 * service.c: see service.h. Keys that begin with a dot are Kith's own:
 *   .v=1      this form
 *   .t=LABEL  the tag: which records are of one peer; means nothing else and changes
 *   .e=wss    what is spoken at the port
 */
#include "protocol/service.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

int kith_service_name_ok(const char *name)
{
    size_t count = strlen(name);
    int letters = 0;
    if (count < 1 || count > KITH_SERVICE_BYTES_MAX || name[0] == '-' || name[count - 1] == '-') {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        int is_letter = name[i] >= 'a' && name[i] <= 'z';
        int is_digit = name[i] >= '0' && name[i] <= '9';
        if (!is_letter && !is_digit && (name[i] != '-' || name[i - 1] == '-')) {
            return 0;
        }
        letters += is_letter;
    }
    return letters > 0;
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

void kith_label(const uint8_t bytes[10], char out[KITH_LABEL_BYTES])
{
    for (size_t i = 0; i < 16; i++) {
        size_t bit = i * 5;
        unsigned pair = (unsigned)bytes[bit / 8] << 8 | (bit / 8 + 1 < 10 ? bytes[bit / 8 + 1] : 0);
        out[i] = letters[pair >> (11 - bit % 8) & 31];
    }
    out[16] = '\0';
}

/* ---- the application's pairs ------------------------------------------------------------------
 */

/* Letters of both sizes are one key (RFC 6763 section 6.4). */
static int same_key(const char *a, const char *b)
{
    for (;; a++, b++) {
        char x = (char)(*a >= 'A' && *a <= 'Z' ? *a - 'A' + 'a' : *a);
        char y = (char)(*b >= 'A' && *b <= 'Z' ? *b - 'A' + 'a' : *b);
        if (x != y || x == '\0') {
            return x == y;
        }
    }
}

static int key_ok(const char *key, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (key[i] < 0x20 || key[i] > 0x7e || key[i] == '=') {
            return 0;
        }
    }
    return count > 0 && key[0] != '.';
}

kith_err kith_info_check(const kith_discovery_info *info, size_t count)
{
    size_t total = 0;
    if (count > KITH_INFO_PAIRS_MAX || (info == NULL && count > 0)) {
        return kith_fail(KITH_ERR_INVALID, "info_count: is %zu, must be 0 to %d with info", count,
                         KITH_INFO_PAIRS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        size_t key_bytes = info[i].key != NULL ? strlen(info[i].key) : 0;
        if (!key_ok(info[i].key, key_bytes) || (info[i].value == NULL && info[i].value_bytes > 0)) {
            return kith_fail(KITH_ERR_INVALID,
                             "info[%zu]: a key is printable ASCII without '=', and does not begin "
                             "with '.'",
                             i);
        }
        for (size_t j = 0; j < i; j++) {
            if (same_key(info[i].key, info[j].key)) {
                return kith_fail(KITH_ERR_INVALID, "info[%zu]: the key of info[%zu] again", i, j);
            }
        }
        if (info[i].value_bytes > KITH_DISCOVERY_PAIR_BYTES_MAX ||
            key_bytes + 1 + info[i].value_bytes > KITH_DISCOVERY_PAIR_BYTES_MAX) {
            return kith_fail(KITH_ERR_TOO_BIG, "info[%zu]: \"key=value\" has more than %d bytes", i,
                             KITH_DISCOVERY_PAIR_BYTES_MAX);
        }
        total += 2 + key_bytes + info[i].value_bytes;
    }
    return total <= KITH_DISCOVERY_INFO_BYTES_MAX
               ? KITH_OK
               : kith_fail(KITH_ERR_TOO_BIG, "info: is %zu bytes in all, at most %d go on the air",
                           total, KITH_DISCOVERY_INFO_BYTES_MAX);
}

static size_t add(uint8_t *out, const char *key, const void *value, size_t value_bytes)
{
    size_t key_bytes = strlen(key);
    out[0] = (uint8_t)(key_bytes + 1 + value_bytes);
    memcpy(out + 1, key, key_bytes);
    out[1 + key_bytes] = '=';
    if (value_bytes > 0) {
        memcpy(out + 2 + key_bytes, value, value_bytes);
    }
    return 2 + key_bytes + value_bytes;
}

size_t kith_txt_write(const char *tag, const char *scheme, const kith_discovery_info *info,
                      size_t count, uint8_t *out)
{
    size_t length = add(out, ".v", "1", 1);
    length += add(out + length, ".t", tag, strlen(tag));
    length += add(out + length, ".e", scheme, strlen(scheme));
    for (size_t i = 0; i < count; i++) {
        length += add(out + length, info[i].key, info[i].value, info[i].value_bytes);
    }
    return length;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static int take_word(const char *value, size_t count, const char *allowed, char *out, size_t room)
{
    if (count == 0 || count >= room || out[0] != '\0') {
        return 0; /* of two the first counts */
    }
    for (size_t i = 0; i < count; i++) {
        if (value[i] == '\0' || strchr(allowed, value[i]) == NULL) {
            return 0;
        }
    }
    memcpy(out, value, count);
    out[count] = '\0';
    return 1;
}

int kith_txt_read(const uint8_t *txt, size_t txt_bytes, struct kith_txt *out)
{
    int is_ours = 0;
    memset(out, 0, sizeof *out);
    if (txt_bytes > KITH_TXT_BYTES_MAX) {
        return 0;
    }
    for (size_t at = 0; at < txt_bytes; at += 1 + (size_t)txt[at]) {
        const char *text = (const char *)txt + at + 1;
        size_t count = txt[at];
        const char *equals;
        if (count > txt_bytes - at - 1) {
            return 0;
        }
        equals = count > 0 ? memchr(text, '=', count) : NULL;
        if (equals == NULL) {
            continue; /* a key without a value, which we do not write */
        }
        if (count == 4 && memcmp(text, ".v=1", 4) == 0) {
            is_ours = 1;
        } else if (count > 3 && memcmp(text, ".t=", 3) == 0) {
            take_word(text + 3, count - 3, letters, out->tag, sizeof out->tag);
        } else if (count > 3 && memcmp(text, ".e=", 3) == 0) {
            take_word(text + 3, count - 3, "abcdefghijklmnopqrstuvwxyz0123456789", out->scheme,
                      sizeof out->scheme);
        } else if (key_ok(text, (size_t)(equals - text)) && out->info_count < KITH_INFO_PAIRS_MAX) {
            out->info[out->info_count++] = (struct kith_slice){text, count};
        }
    }
    return is_ours && strlen(out->tag) == KITH_LABEL_BYTES - 1;
}
