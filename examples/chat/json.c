/* SPDX-License-Identifier: MIT
 *
 * json.c: see json.h.
 */
#include "json.h"

#include <inttypes.h>
#include <string.h>

#include "text.h"

void json_begin(struct json *json, FILE *out)
{
    *json = (struct json){out, 1};
    putc('{', out);
}

void json_end(struct json *json)
{
    fputs("}\n", json->out);
}

/* The comma and the key that stand before a value. */
static void before_value(struct json *json, const char *key)
{
    if (!json->is_first) {
        putc(',', json->out);
    }
    json->is_first = 0;
    if (key != NULL) {
        fprintf(json->out, "\"%s\":", key);
    }
}

void json_bytes(struct json *json, const char *key, const void *bytes, size_t count)
{
    before_value(json, key);
    putc('"', json->out);
    text_put_json(json->out, bytes, count);
    putc('"', json->out);
}

void json_text(struct json *json, const char *key, const char *text)
{
    json_bytes(json, key, text, strlen(text));
}

void json_number(struct json *json, const char *key, uint64_t number)
{
    before_value(json, key);
    fprintf(json->out, "%" PRIu64, number);
}

void json_open(struct json *json, const char *key, char bracket)
{
    before_value(json, key);
    putc(bracket, json->out);
    json->is_first = 1;
}

void json_close(struct json *json, char bracket)
{
    putc(bracket, json->out);
    json->is_first = 0;
}
