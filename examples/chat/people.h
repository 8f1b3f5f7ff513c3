/* SPDX-License-Identifier: MIT
 *
 * people.h: who is connected, under which label. Names need not be unique, so a label is the name
 * alone where that is clear, and the name with the first digits of the id ("bob#1a2b") where not.
 * What a terminal shows goes further: a name that could be taken for ours has digits as well, and
 * one with blanks or brackets in it stands in quotes, so that nobody's name forges a line.
 */
#ifndef CHAT_PEOPLE_H
#define CHAT_PEOPLE_H

#include <stddef.h>
#include <stdio.h>

#include <kith/kith.h>

#include "sha256.h"

#define PEOPLE_ADDRESS_BYTES_MAX 80
#define PEOPLE_CIPHER_BYTES_MAX  64
#define PEOPLE_LABEL_BYTES_MAX   (KITH_NAME_BYTES_MAX + 1 + 32)
#define PEOPLE_SHOWN_BYTES_MAX   (2 * KITH_NAME_BYTES_MAX + 2 + 1 + 32)

/* A connected peer: what is worth remembering of it, also for the moment when it has gone. */
struct person {
    struct person *next;
    kith_peer *peer; /* lives as long as the person; NULL: it is only remembered */
    kith_id kith_id;
    char id[37];     /* as text */
    char digits[33]; /* the id's hex digits alone */
    char name[KITH_NAME_BYTES_MAX + 1];
    char label[PEOPLE_LABEL_BYTES_MAX + 1];
    char shown[PEOPLE_SHOWN_BYTES_MAX + 1]; /* the label on a terminal */
    char transport[16];
    char cipher[PEOPLE_CIPHER_BYTES_MAX];
    char address[PEOPLE_ADDRESS_BYTES_MAX];
    kith_level level;
    int has_certificate;          /* it has shown one, */
    uint8_t sha256[SHA256_BYTES]; /* of this fingerprint */
    int is_owed;                  /* the line being sent has still to go to this one */
    int is_waiting;               /* its queue is full; on_writable will come */
    uint64_t on_the_way;          /* messages to it of which the fate is not known */
    unsigned channel;             /* the one on which they are */
};

struct people {
    struct person *first; /* in the order in which they came */
    size_t count;
    const char *own_name; /* ours */
};

/* Adds a connected peer and sets the peer's user pointer to its person. NULL: out of memory. */
struct person *people_add(struct people *people, kith_peer *peer);

/* Adds a copy of a person, without its peer: somebody to be remembered. NULL: out of memory. */
struct person *people_remember(struct people *people, const struct person *person);

/* Notes how the person is connected now, which is another way after a lost connection. */
void people_refresh(struct person *person);

/* Removes and frees. */
void people_remove(struct people *people, struct person *person);

/* The person whose label or id-qualified name text begins with, in quotes ("bob the great"#1a2b) or
 * bare, followed by a blank or the end; *rest is what follows the blanks. NULL: nobody, or
 * *is_ambiguous: more than one. */
struct person *people_find(const struct people *people, const char *text, const char **rest,
                           int *is_ambiguous);

/* 1 when text begins with what may name this person, as above; also where it may name others. */
int people_could_be(const struct person *person, const char *text);

/* Text of a level: "IDENTITY". */
const char *people_level_name(kith_level level);

#endif
