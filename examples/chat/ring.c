/* SPDX-License-Identifier: MIT
 *
 * ring.c: see ring.h.
 */
#include "ring.h"

#include <stdio.h>
#include <string.h>

#include "chat.h"

static void put_name(struct ring *ring, const char *name, int is_to_dial)
{
    if (is_to_dial) {
        ring->dial = ring->count;
    }
    snprintf(ring->names[ring->count++], sizeof ring->names[0], "%s", name);
}

static void remove_name(struct ring *ring, size_t at)
{
    ring->count--;
    memmove(ring->names[at], ring->names[at + 1], (ring->count - at) * sizeof ring->names[0]);
    ring->dial -= ring->dial > at;
}

/* Where a name stands; ring->count for nowhere. */
static size_t find(const struct ring *ring, const char *name)
{
    size_t at = 0;
    while (at < ring->count && strcmp(ring->names[at], name) != 0) {
        at++;
    }
    return at;
}

int ring_open(struct chat *chat, const struct keyfile *keyfile)
{
    for (size_t i = 0; i < keyfile->count; i++) {
        const kith_err err =
            kith_session_add_key(chat->session, &keyfile->keys[i], i == 0 ? KITH_KEY_DIAL : 0);
        if (err != KITH_OK) {
            char what[64];
            snprintf(what, sizeof what, "key %zu of the key file", i + 1);
            chat->exit_status = EXIT_USAGE;
            report_kith_error(&chat->report, err, what);
            return -1;
        }
        put_name(&chat->ring, keyfile->keys[i].identity, i == 0);
    }
    return 0;
}

/* ---- /key ---- */

static void fail(struct chat *chat, const char *code, const char *hint, const char *text)
{
    report_error(&chat->report, code, hint, "/key: %s", text);
    chat->exit_status = EXIT_FAILED;
}

/* One that is there already lets others in already. To connect with it, it is put in anew: whoever
 * is here with it stays. */
static int take(struct chat *chat, const kith_key *key, int is_to_dial)
{
    struct ring *const ring = &chat->ring;
    const size_t at = find(ring, key->identity);
    kith_err err = KITH_OK;
    if (at < ring->count && !is_to_dial) {
        return 0;
    }
    if (at < ring->count) {
        err = kith_session_remove_key(chat->session, key->identity);
    }
    if (err == KITH_OK) {
        err = kith_session_add_key(chat->session, key, is_to_dial ? KITH_KEY_DIAL : 0);
    }
    if (err != KITH_OK) {
        report_kith_error(&chat->report, err, key->identity);
        chat->exit_status = EXIT_FAILED;
        return -1;
    }
    if (at < ring->count) {
        ring->dial = at;
    } else {
        put_name(ring, key->identity, is_to_dial);
    }
    return 0;
}

static void take_file(struct chat *chat, const char *path, int is_to_dial)
{
    static struct keyfile keyfile; /* too large for some stacks */
    struct keyfile_problem problem;
    if (keyfile_read(&keyfile, path, &problem) != 0) {
        fail(chat, "KEY", problem.hint, problem.text);
        return;
    }
    for (size_t i = 0; i < keyfile.count; i++) {
        if (take(chat, &keyfile.keys[i], is_to_dial && i == 0) != 0) {
            break;
        }
    }
    keyfile_wipe(&keyfile);
    report_keys(&chat->report, &chat->ring);
}

static void remove_key(struct chat *chat, const char *name, int is_revoked)
{
    static const char text[] = "this key is not in use any more";
    struct ring *const ring = &chat->ring;
    const size_t at = find(ring, name);
    if (at == ring->count) {
        fail(chat, "NOT_FOUND", "/key tells which there are", "there is no key of that name");
        return;
    }
    if (at == ring->dial) {
        fail(chat, "STATE", "say /key use FILE with another one first",
             "this key is the one to connect with");
        return;
    }
    const kith_err err = is_revoked ? kith_session_revoke_key(chat->session, name, text)
                                    : kith_session_remove_key(chat->session, name);
    if (err != KITH_OK) {
        report_kith_error(&chat->report, err, "/key remove");
        chat->exit_status = EXIT_FAILED;
        return;
    }
    remove_name(ring, at);
    report_keys(&chat->report, ring);
}

/* Is the next word this one? *text is then what follows it. */
static int takes_word(const char **text, const char *word)
{
    const size_t bytes = strlen(word);
    if (strncmp(*text, word, bytes) != 0 || strchr(" \t\r", (*text)[bytes]) == NULL) {
        return 0;
    }
    *text += bytes + strspn(*text + bytes, " \t\r");
    return 1;
}

void ring_command(struct chat *chat, const char *text)
{
    char rest[1024]; /* of the line, without blanks and options behind */
    if (chat->options->security != KITH_SECURITY_PSK) {
        fail(chat, "STATE", "it is for chats with --key", "no keys are in use here");
        return;
    }
    const int is_add = takes_word(&text, "add");
    const int is_use = !is_add && takes_word(&text, "use");
    const int is_remove = !is_add && !is_use && takes_word(&text, "remove");
    int is_revoked = is_remove && takes_word(&text, "--disconnect");
    const int is_whole = (size_t)snprintf(rest, sizeof rest, "%s", text) < sizeof rest;
    size_t bytes = strlen(rest);
    while (bytes > 0 && strchr(" \t\r", rest[bytes - 1]) != NULL) {
        rest[--bytes] = '\0';
    }
    static const char last[] = " --disconnect";
    if (is_remove && bytes >= sizeof last && strcmp(rest + bytes - (sizeof last - 1), last) == 0) {
        bytes -= sizeof last - 1;
        rest[bytes] = '\0';
        is_revoked = 1;
    }
    if ((is_add || is_use) && bytes > 0 && is_whole) {
        take_file(chat, rest, is_use);
    } else if (is_remove && bytes > 0 && is_whole) {
        remove_key(chat, rest, is_revoked);
    } else if (*text == '\0' && !is_add && !is_use && !is_remove) {
        report_keys(&chat->report, &chat->ring);
    } else {
        fail(chat, "USAGE", "/key, /key add FILE, /key use FILE, /key remove NAME [--disconnect]",
             "that is none of its forms");
    }
}
