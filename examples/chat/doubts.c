/* SPDX-License-Identifier: MIT
 *
 * doubts.c: see doubts.h.
 */
#include "doubts.h"

#include <stdio.h>
#include <string.h>

static const struct {
    unsigned bit;
    const char *name, *words;
} all[DOUBTS_COUNT] = {
    {KITH_DOUBT_UNTRUSTED, "UNTRUSTED", "no CA that you trust vouches for it"},
    {KITH_DOUBT_SELF_SIGNED, "SELF_SIGNED", "it vouches for itself only"},
    {KITH_DOUBT_EXPIRED, "EXPIRED", "it has expired"},
    {KITH_DOUBT_NOT_YET_VALID, "NOT_YET_VALID", "it is not valid yet by this machine's clock"},
    {KITH_DOUBT_WRONG_NAME, "WRONG_NAME", "it was made for another host than the dialled one"},
    {KITH_DOUBT_MISSING, "MISSING", "none was shown"},
};

const char *doubts_name(unsigned i)
{
    return all[i].name;
}

const char *doubts_words(unsigned i)
{
    return all[i].words;
}

void doubts_write(unsigned doubts, char out[DOUBTS_BYTES_MAX + 1])
{
    size_t used = 0;
    snprintf(out, DOUBTS_BYTES_MAX + 1, "NONE");
    for (unsigned i = 0; i < DOUBTS_COUNT; i++) {
        if ((doubts & all[i].bit) != 0) {
            used += (size_t)snprintf(out + used, DOUBTS_BYTES_MAX + 1 - used, "%s%s",
                                     used > 0 ? "," : "", all[i].name);
        }
    }
}

int doubts_read(const char *text, unsigned *doubts)
{
    *doubts = 0;
    if (strcmp(text, "NONE") == 0) {
        return 0;
    }
    for (;;) {
        const size_t bytes = strcspn(text, ",");
        unsigned i = 0;
        while (i < DOUBTS_COUNT &&
               (strlen(all[i].name) != bytes || memcmp(all[i].name, text, bytes) != 0)) {
            i++;
        }
        if (i == DOUBTS_COUNT) {
            return -1;
        }
        *doubts |= all[i].bit;
        if (text[bytes] == '\0') {
            return 0;
        }
        text += bytes + 1;
    }
}
