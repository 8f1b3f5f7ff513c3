/* SPDX-License-Identifier: MIT
 *
 * ip.c: reads numeric addresses as RFC 4291 section 2.2 writes them. Pure.
 */
#include "base/ip.h"

#include <stdint.h>
#include <string.h>

#include "base/hex.h"

/* Four numbers of 0 to 255 without leading zeros, to the end of the text or a '%'. */
static int parse_v4(const char *at, uint8_t out[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned value = 0, digits = 0;
        while (*at >= '0' && *at <= '9' && digits < 3) {
            value = value * 10 + (unsigned)(*at++ - '0');
            digits++;
        }
        if (digits == 0 || value > 255 || (digits > 1 && value < (digits == 2 ? 10u : 100u)) ||
            *at != (i < 3 ? '.' : '\0')) {
            return 0;
        }
        out[i] = (uint8_t)value;
        at++;
    }
    return 1;
}

static enum kith_ip_scope scope_v4(const uint8_t *ip)
{
    if (ip[0] == 0 || ip[0] >= 224) {
        return KITH_IP_UNUSABLE;
    }
    if (ip[0] == 127) {
        return KITH_IP_LOOPBACK;
    }
    if (ip[0] == 169 && ip[1] == 254) {
        return KITH_IP_LINK_LOCAL;
    }
    return ip[0] == 10 || (ip[0] == 172 && ip[1] >> 4 == 1) || (ip[0] == 192 && ip[1] == 168) ||
                   (ip[0] == 100 && ip[1] >> 6 == 1)
               ? KITH_IP_PRIVATE
               : KITH_IP_GLOBAL;
}

/* One group of hex digits at *at; 0 when there is none. */
static int parse_group(const char **at, unsigned *out)
{
    int count = 0;
    *out = 0;
    while (count < 5 && kith_hex_digit(**at) >= 0) {
        *out = *out << 4 | (unsigned)kith_hex_digit(*(*at)++);
        count++;
    }
    return count >= 1 && count <= 4;
}

/* Groups into out from *count on, until the end or "::". 0: no address. */
static int parse_groups(const char **at, uint8_t out[16], size_t *count)
{
    while (**at != '\0') {
        const char *start = *at;
        unsigned group;
        if (*count > 14 || !parse_group(at, &group)) {
            return 0;
        }
        if (**at == '.') { /* the last 32 bits in decimal */
            *count += 4;
            *at = start + strlen(start);
            return *count <= 16 && parse_v4(start, out + *count - 4);
        }
        out[(*count)++] = (uint8_t)(group >> 8);
        out[(*count)++] = (uint8_t)group;
        if (**at == '\0' || strncmp(*at, "::", 2) == 0) {
            return 1;
        }
        if (*(*at)++ != ':' || **at == '\0') {
            return 0;
        }
    }
    return 1;
}

static int parse_v6(const char *at, uint8_t out[16])
{
    uint8_t head[16] = {0}, tail[16] = {0};
    size_t head_count = 0, tail_count = 0;
    memset(out, 0, 16);
    if (strncmp(at, "::", 2) != 0 && !parse_groups(&at, head, &head_count)) {
        return 0;
    }
    if (strncmp(at, "::", 2) != 0) {
        memcpy(out, head, 16);
        return *at == '\0' && head_count == 16;
    }
    at += 2;
    if (!parse_groups(&at, tail, &tail_count) || *at != '\0' || head_count + tail_count > 14) {
        return 0;
    }
    memcpy(out, head, head_count);
    memcpy(out + 16 - tail_count, tail, tail_count);
    return 1;
}

static enum kith_ip_scope scope_v6(const uint8_t *ip)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t zeros[15] = {0};
    if (memcmp(ip, mapped, sizeof mapped) == 0) {
        return scope_v4(ip + 12);
    }
    if (memcmp(ip, zeros, sizeof zeros) == 0) {
        return ip[15] == 1 ? KITH_IP_LOOPBACK : KITH_IP_UNUSABLE;
    }
    if (ip[0] == 0xfe && ip[1] >> 6 == 2) {
        return KITH_IP_LINK_LOCAL;
    }
    if (ip[0] == 0xff || ip[0] == 0) {
        return KITH_IP_UNUSABLE;
    }
    return ip[0] >> 1 == 0x7e ? KITH_IP_PRIVATE : KITH_IP_GLOBAL;
}

enum kith_ip_scope kith_ip_scope(const char *text)
{
    char bare[64];
    size_t count = strcspn(text, "%");
    enum kith_ip_scope scope;
    uint8_t ip[16];
    if (count >= sizeof bare || (text[count] == '%' && text[count + 1] == '\0')) {
        return KITH_IP_NOT_NUMERIC;
    }
    memcpy(bare, text, count);
    bare[count] = '\0';
    scope = parse_v4(bare, ip)   ? scope_v4(ip)
            : parse_v6(bare, ip) ? scope_v6(ip)
                                 : KITH_IP_NOT_NUMERIC;
    return text[count] == '%' && scope != KITH_IP_LINK_LOCAL ? KITH_IP_NOT_NUMERIC : scope;
}

void kith_ip_without_port(const char *text, char *out, size_t room)
{
    int has_brackets = text[0] == '[';
    const char *end = has_brackets ? strchr(text, ']') : strrchr(text, ':');
    const char *start = text + has_brackets;
    size_t count = end != NULL ? (size_t)(end - start) : 0;
    count = count < room ? count : 0;
    memcpy(out, start, count);
    out[count] = '\0';
}
