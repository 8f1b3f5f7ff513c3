/* SPDX-License-Identifier: MIT
 *
 * keys.c: see keys.h. Sequences are those of ECMA-48 §5.4 as xterm uses them: ESC [ parameters
 * final, ESC O final, and ESC before a character for Alt.
 */
#include "keys.h"

#include <string.h>

#include "text.h"

enum { ESCAPE = 0x1B };

static size_t give(struct key *out, enum key_name name)
{
    *out = (struct key){name, 0};
    return 1;
}

/* A control character that stands alone. 0: it means nothing here. */
static size_t take_control(unsigned char byte, struct key *out)
{
    static const struct {
        unsigned char byte;
        enum key_name name;
    } known[] = {
        {0x01, KEY_HOME},
        {0x02, KEY_LEFT},
        {0x03, KEY_INTERRUPT},
        {0x04, KEY_END_INPUT},
        {0x05, KEY_END},
        {0x06, KEY_RIGHT},
        {0x08, KEY_BACKSPACE},
        {0x09, KEY_TAB},
        {0x0A, KEY_ENTER},
        {0x0B, KEY_DELETE_TO_END},
        {0x0C, KEY_CLEAR},
        {0x0D, KEY_ENTER},
        {0x0E, KEY_DOWN},
        {0x10, KEY_UP},
        {0x14, KEY_SWAP},
        {0x15, KEY_DELETE_TO_START},
        {0x17, KEY_DELETE_WORD_LEFT},
        {0x19, KEY_YANK},
        {0x1A, KEY_SUSPEND},
        {0x7F, KEY_BACKSPACE},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].byte == byte) {
            return give(out, known[i].name);
        }
    }
    return 0;
}

/* How many bytes a character has that begins with this one; 1 also where none begins so. */
static size_t length_of(unsigned char first)
{
    if (first < 0xC2 || first > 0xF4) {
        return 1;
    }
    return first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
}

/* A byte of a character of several. */
static size_t take_text(struct keys *keys, unsigned char byte, struct key *out)
{
    uint32_t code;
    keys->was_return = 0;
    keys->partial[keys->partial_bytes++] = (char)byte;
    const size_t wanted = length_of((unsigned char)keys->partial[0]);
    const size_t taken = text_decode(keys->partial, keys->partial_bytes, &code);
    if (code == TEXT_REPLACEMENT && taken == keys->partial_bytes && taken < wanted) {
        return 0; /* right so far, and not whole */
    }
    size_t count = 0;
    out[count++] = (struct key){KEY_TEXT, code};
    const size_t rest = keys->partial_bytes - taken; /* 1 where this byte does not go on */
    keys->partial_bytes = 0;
    if (rest > 0) {
        count += keys_take(keys, byte, out + count);
    }
    return count;
}

static size_t take_pasted_control(struct keys *keys, unsigned char byte, struct key *out)
{
    const int is_second_half = byte == '\n' && keys->was_return;
    keys->was_return = byte == '\r';
    if (is_second_half || (byte != '\r' && byte != '\n' && byte != '\t')) {
        return 0;
    }
    *out = (struct key){KEY_TEXT, byte == '\t' ? '\t' : '\n'};
    return 1;
}

/* ESC [ ... final, with its parameters in keys->sequence. */
static size_t take_sequence(struct keys *keys, unsigned char final, struct key *out)
{
    static const struct {
        const char *parameters;
        unsigned char final;
        enum key_name name;
    } known[] = {
        {"", 'A', KEY_UP},           {"", 'B', KEY_DOWN},
        {"", 'C', KEY_RIGHT},        {"", 'D', KEY_LEFT},
        {"", 'H', KEY_HOME},         {"", 'F', KEY_END},
        {"1", '~', KEY_HOME},        {"7", '~', KEY_HOME},
        {"4", '~', KEY_END},         {"8", '~', KEY_END},
        {"3", '~', KEY_DELETE},      {"1;5", 'C', KEY_WORD_RIGHT},
        {"1;5", 'D', KEY_WORD_LEFT}, {"1;3", 'C', KEY_WORD_RIGHT},
        {"1;3", 'D', KEY_WORD_LEFT}, {"3;5", '~', KEY_DELETE_WORD_RIGHT},
    };
    keys->sequence[keys->sequence_bytes] = '\0';
    if (final == '~' && strcmp(keys->sequence, "200") == 0) {
        keys->is_pasting = 1;
        keys->was_return = 0;
    } else if (final == '~' && strcmp(keys->sequence, "201") == 0) {
        keys->is_pasting = 0;
    }
    for (size_t i = 0; !keys->is_pasting && i < sizeof known / sizeof known[0]; i++) {
        if (known[i].final == final && strcmp(known[i].parameters, keys->sequence) == 0) {
            return give(out, known[i].name);
        }
    }
    return 0;
}

/* ESC and a character: Alt. */
static size_t take_alt(struct keys *keys, unsigned char byte, struct key *out)
{
    if (keys->is_pasting) {
        return 0;
    }
    switch (byte) {
    case 'b':
        return give(out, KEY_WORD_LEFT);
    case 'f':
        return give(out, KEY_WORD_RIGHT);
    case 'd':
        return give(out, KEY_DELETE_WORD_RIGHT);
    case 0x7F:
    case 0x08:
        return give(out, KEY_DELETE_WORD_LEFT);
    default:
        return 0;
    }
}

/* Inside ESC [. */
static size_t take_parameter(struct keys *keys, unsigned char byte, struct key *out)
{
    if (byte == '[' && keys->sequence_bytes == 0) {
        keys->state = KEYS_CONSOLE; /* the function keys of Linux's console: one more follows */
        return 0;
    }
    if (byte >= 0x20 && byte < 0x40) {
        if (keys->sequence_bytes < sizeof keys->sequence - 1) {
            keys->sequence[keys->sequence_bytes++] = (char)byte;
        }
        return 0; /* what is too long matches nothing, and is swallowed to its end */
    }
    keys->state = KEYS_TEXT;
    if (byte < 0x40 || byte >= 0x7F) { /* broken off */
        return keys_take(keys, byte, out);
    }
    return take_sequence(keys, byte, out);
}

static size_t take_escaped(struct keys *keys, unsigned char byte, struct key *out)
{
    keys->sequence_bytes = 0;
    if (byte == '[' || byte == 'O') {
        keys->state = byte == '[' ? KEYS_SEQUENCE : KEYS_SS3;
        return 0;
    }
    if (byte == ESCAPE) {
        return 0; /* the one before meant nothing */
    }
    keys->state = KEYS_TEXT;
    return take_alt(keys, byte, out);
}

size_t keys_take(struct keys *keys, unsigned char byte, struct key *out)
{
    switch (keys->state) {
    case KEYS_TEXT:
        break;
    case KEYS_ESCAPE:
        return take_escaped(keys, byte, out);
    case KEYS_SEQUENCE:
        return take_parameter(keys, byte, out);
    case KEYS_SS3:
        keys->state = KEYS_TEXT;
        return take_sequence(keys, byte, out);
    case KEYS_CONSOLE:
        keys->state = KEYS_TEXT;
        return 0;
    }
    if (keys->partial_bytes > 0 || byte >= 0x80) {
        return take_text(keys, byte, out);
    }
    if (byte == ESCAPE) {
        keys->state = KEYS_ESCAPE;
        return 0;
    }
    if (byte < 0x20 || byte == 0x7F) {
        return keys->is_pasting ? take_pasted_control(keys, byte, out) : take_control(byte, out);
    }
    keys->was_return = 0;
    *out = (struct key){KEY_TEXT, byte};
    return 1;
}
