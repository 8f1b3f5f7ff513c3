/* SPDX-License-Identifier: MIT
 *
 * pem.c: certificates out of bytes, PEM or DER one behind the other, as DER each. Must not judge
 * what is in them.
 */
#include <wolfssl/options.h>

#include <stdlib.h>
#include <string.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include "bounds.h"
#include "transports/tls/tls.h"

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

/* memmem() is not everywhere. */
static const char *find(const char *in, size_t count, const char *what)
{
    size_t length = strlen(what);
    for (; count >= length; in++, count--) {
        if (memcmp(in, what, length) == 0) {
            return in;
        }
    }
    return NULL;
}

int kith__tls_is_pem(struct kith_slice bytes)
{
    return bytes.count > 0 && find(bytes.bytes, bytes.count, "-----BEGIN ") != NULL;
}

/* Bytes of the DER value at the front: a SEQUENCE with a length of at most three bytes. 0: none. */
static size_t der_length(const uint8_t *at, size_t count)
{
    size_t length = 0, extra;
    if (count < 2 || at[0] != 0x30) {
        return 0;
    }
    extra = at[1] < 0x80 ? 0 : at[1] & 0x7fu;
    if (extra > 3 || (at[1] == 0x80) || count < 2 + extra) {
        return 0;
    }
    for (size_t i = 0; i < extra; i++) {
        length = length << 8 | at[2 + i];
    }
    length = (extra == 0 ? at[1] : length) + 2 + extra;
    return length <= count ? length : 0;
}

static int add(struct kith__tls_list *list, const uint8_t *der, size_t count)
{
    uint8_t *copy;
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 8 : list->room * 2;
        kith_certificate *grown = realloc(list->at, room * sizeof *grown);
        if (grown == NULL) {
            return 0;
        }
        list->at = grown;
        list->room = room;
    }
    copy = malloc(count);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, der, count);
    list->at[list->count++] = (kith_certificate){copy, count};
    return 1;
}

/* One PEM block; *from moves behind it. 1: added; 0: there is none; -1: it cannot be read. */
static int add_pem(struct kith__tls_list *list, struct kith_slice *from)
{
    const char *text = from->bytes;
    const char *begin = find(text, from->count, begin_line);
    const char *end =
        begin != NULL ? find(begin, from->count - (size_t)(begin - text), end_line) : NULL;
    uint8_t *der;
    size_t count;
    int length, added;
    if (begin == NULL) {
        return 0;
    }
    if (end == NULL) {
        return -1;
    }
    count = (size_t)(end - begin) + sizeof end_line - 1;
    der = malloc(count);
    if (der == NULL) {
        return -1;
    }
    length = wc_CertPemToDer((const unsigned char *)begin, (int)count, der, (int)count, CERT_TYPE);
    added = length > 0 && add(list, der, (size_t)length) ? 1 : -1;
    free(der);
    from->count -= (size_t)(begin - text) + count;
    from->bytes = begin + count;
    return added;
}

static int add_der(struct kith__tls_list *list, struct kith_slice *from)
{
    size_t length = der_length(from->bytes, from->count);
    if (from->count == 0) {
        return 0;
    }
    if (length == 0 || !add(list, from->bytes, length)) {
        return -1;
    }
    from->bytes = (const uint8_t *)from->bytes + length;
    from->count -= length;
    return 1;
}

int kith__tls_list_read(struct kith__tls_list *list, struct kith_slice bytes, size_t most)
{
    size_t before = list->count;
    int pem = kith__tls_is_pem(bytes), added;
    do {
        added = pem ? add_pem(list, &bytes) : add_der(list, &bytes);
    } while (added > 0 && list->count - before <= most);
    return added == 0 && list->count > before;
}

void kith__tls_list_free(struct kith__tls_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((void *)(uintptr_t)list->at[i].der);
    }
    free(list->at);
    *list = (struct kith__tls_list){NULL, 0, 0};
}
