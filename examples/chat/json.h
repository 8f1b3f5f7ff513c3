/* SPDX-License-Identifier: MIT
 *
 * json.h: writes one JSON object per line, key by key, straight to a stream: no tree, no memory.
 */
#ifndef CHAT_JSON_H
#define CHAT_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    int is_first; /* no comma before the next member */
};

/* Begins and ends a line. Between them each call adds a member; a NULL key adds an element of the
 * list that is open. */
void json_begin(struct json *json, FILE *out);
void json_end(struct json *json);

void json_text(struct json *json, const char *key, const char *text);
void json_bytes(struct json *json, const char *key, const void *bytes, size_t count);
void json_number(struct json *json, const char *key, uint64_t number);

/* Begins and ends a list ('[') or an object ('{') inside. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

#endif
