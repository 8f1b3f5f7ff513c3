/* SPDX-License-Identifier: MIT
 *
 * names.c: is a certificate made out to the host that was dialled (RFC 9525)? Only the subject
 * alternative names count: an address must be there as an address, a name as a DNS name. A "*"
 * stands for exactly one whole first label, and never right before a top-level domain. Must not
 * look at the common name, which nobody promises to be a host.
 */
#include <wolfssl/options.h>

#include <arpa/inet.h>
#include <string.h>
#include <wolfssl/openssl/asn1.h>
#include <wolfssl/openssl/x509v3.h>
#include <wolfssl/ssl.h>

#include "transports/tls/tls.h"

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Compares ignoring case. A NUL inside a name of the certificate is a byte as any other, which no
 * host has. */
static int same(const char *a, const char *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (lower((unsigned char)a[i]) != lower((unsigned char)b[i])) {
            return 0;
        }
    }
    return 1;
}

int kith__tls_pattern_fits(const char *pattern, size_t count, const char *host)
{
    size_t host_count = strlen(host);
    if (host_count > 0 && host[host_count - 1] == '.') {
        host_count--; /* the root's dot, which certificates leave out */
    }
    if (count > 2 && pattern[0] == '*' && pattern[1] == '.') {
        const char *dot = memchr(host, '.', host_count);
        if (dot == NULL || dot == host || memchr(pattern + 2, '.', count - 2) == NULL) {
            return 0;
        }
        pattern++, count--;
        host_count -= (size_t)(dot - host);
        host = dot;
    }
    return count > 0 && count == host_count && memchr(pattern, '*', count) == NULL &&
           same(pattern, host, count);
}

/* The bytes of a numeric address, as a certificate has them; 0 when it is a name. */
static size_t address_of(const char *host, uint8_t out[16])
{
    char text[INET6_ADDRSTRLEN];
    size_t count = strcspn(host, "%"); /* an interface is this machine's affair */
    if (count >= sizeof text) {
        return 0;
    }
    memcpy(text, host, count);
    text[count] = '\0';
    return inet_pton(AF_INET, text, out) == 1 ? 4 : inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

static int entry_fits(const WOLFSSL_GENERAL_NAME *entry, const char *host, const uint8_t *address,
                      size_t address_bytes)
{
    const WOLFSSL_ASN1_STRING *value;
    if (entry->type == WOLFSSL_GEN_IPADD && address_bytes > 0) {
        value = entry->d.iPAddress;
        return value != NULL && (size_t)value->length == address_bytes &&
               memcmp(value->data, address, address_bytes) == 0;
    }
    if (entry->type == WOLFSSL_GEN_DNS && address_bytes == 0) {
        value = entry->d.dNSName;
        return value != NULL && value->length > 0 &&
               kith__tls_pattern_fits(value->data, (size_t)value->length, host);
    }
    return 0;
}

int kith__tls_name_fits(WOLFSSL_X509 *certificate, const char *host)
{
    uint8_t address[16];
    size_t address_bytes = address_of(host, address);
    WOLFSSL_STACK *names =
        wolfSSL_X509_get_ext_d2i(certificate, WC_NID_subject_alt_name, NULL, NULL);
    int found = 0;
    for (int i = 0; names != NULL && i < wolfSSL_sk_GENERAL_NAME_num(names) && !found; i++) {
        const WOLFSSL_GENERAL_NAME *entry = wolfSSL_sk_GENERAL_NAME_value(names, i);
        found = entry != NULL && entry_fits(entry, host, address, address_bytes);
    }
    wolfSSL_GENERAL_NAMES_free(names);
    return found;
}
