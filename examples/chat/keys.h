/* SPDX-License-Identifier: MIT
 *
 * keys.h: from the bytes of a terminal to keys. Knows the sequences of xterm and of all that follow
 * it, and bracketed paste, in which nothing but the paste's end is a key. Pure: a byte at a time.
 */
#ifndef CHAT_KEYS_H
#define CHAT_KEYS_H

#include <stddef.h>
#include <stdint.h>

enum key_name {
    KEY_TEXT, /* a character, in code; of a paste also line ends and tabs */
    KEY_ENTER,
    KEY_TAB,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_UP,
    KEY_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_WORD_LEFT,
    KEY_WORD_RIGHT,
    KEY_BACKSPACE,
    KEY_DELETE,
    KEY_DELETE_WORD_LEFT, /* to the blank, as Ctrl-W of a terminal does it */
    KEY_DELETE_WORD_RIGHT,
    KEY_DELETE_TO_START,
    KEY_DELETE_TO_END,
    KEY_YANK,
    KEY_SWAP,
    KEY_CLEAR,     /* Ctrl-L */
    KEY_INTERRUPT, /* Ctrl-C */
    KEY_END_INPUT, /* Ctrl-D: the end, or what KEY_DELETE does */
    KEY_SUSPEND    /* Ctrl-Z */
};

struct key {
    enum key_name name;
    uint32_t code;
};

enum keys_state { KEYS_TEXT, KEYS_ESCAPE, KEYS_SEQUENCE, KEYS_SS3, KEYS_CONSOLE };

struct keys {
    enum keys_state state;
    int is_pasting;
    int was_return; /* inside a paste: the byte before was a return, a newline belongs to it */
    char sequence[16];
    size_t sequence_bytes;
    char partial[4]; /* the begin of a character of several bytes */
    size_t partial_bytes;
};

/* Takes one byte. Gives how many keys it completed, into out: 0, 1, or 2 where the byte shows that
 * what came before was no character. */
size_t keys_take(struct keys *keys, unsigned char byte, struct key *out);

#endif
