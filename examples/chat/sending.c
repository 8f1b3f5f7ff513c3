/* SPDX-License-Identifier: MIT
 *
 * sending.c: from the outbox to the peers. One line at a time: the next begins when everyone's
 * queue has taken the one before, so that a full queue stops the reading, not the order.
 */
#include <stdio.h>
#include <string.h>

#include "chat.h"

void chat_settle(struct chat *chat, const struct person *person, uint64_t line, kith_fate fate)
{
    if (fate != KITH_FATE_DELIVERED) {
        chat->exit_status = EXIT_FAILED;
    }
    report_fate(&chat->report, person, line, fate);
}

void chat_give_up_lines(struct chat *chat)
{
    while (chat->outbox.first != NULL) {
        if (!chat->outbox.first->is_begun) { /* else each of its recipients has had its fate */
            chat_settle(chat, NULL, chat->outbox.first->number, KITH_FATE_UNSENT);
        }
        outbox_drop(&chat->outbox);
    }
}

void chat_forget_recipient(struct chat *chat, struct person *person)
{
    if (person->is_owed) {
        person->is_owed = 0;
        chat_settle(chat, person, chat->outbox.first->number, KITH_FATE_UNSENT);
    }
}

/* Says why a name names nobody, and which ones would. */
static void say_no_such_name(struct chat *chat, const struct outbox_line *line, int is_ambiguous)
{
    char hint[512];
    size_t used =
        (size_t)snprintf(hint, sizeof hint, is_ambiguous ? "say one of:" : "connected are:");
    for (const struct person *person = chat->people.first; person != NULL && used < sizeof hint;
         person = person->next) {
        if (!is_ambiguous || people_could_be(person, line->text)) {
            used += (size_t)snprintf(hint + used, sizeof hint - used, " %s",
                                     report_label(&chat->report, person));
        }
    }
    report_error(&chat->report, is_ambiguous ? "AMBIGUOUS" : "NOT_FOUND", hint, "/to %.80s: %s",
                 line->text, is_ambiguous ? "more than one has this name" : "nobody has this name");
}

/* Decides who gets a line. Gives 0, or -1 when nobody does, which is said. */
static int begin(struct chat *chat, struct outbox_line *line)
{
    line->is_begun = 1;
    if (!line->is_to_one) {
        for (struct person *person = chat->people.first; person != NULL; person = person->next) {
            person->is_owed = 1;
        }
        return 0;
    }
    int is_ambiguous;
    const char *rest;
    struct person *const person = people_find(&chat->people, line->text, &rest, &is_ambiguous);
    if (person == NULL) {
        say_no_such_name(chat, line, is_ambiguous);
        return -1;
    }
    line->skip = (size_t)(rest - line->text);
    person->is_owed = 1;
    report_said(&chat->report, person, rest, line->bytes - line->skip);
    return 0;
}

/* Hands the line to one person's queue. */
static void send_one(struct chat *chat, const struct outbox_line *line, struct person *person)
{
    kith_send_options how = KITH_SEND_OPTIONS_INIT;
    const unsigned channel = line->is_to_one ? CHANNEL_ONE : CHANNEL_ALL;
    if (person->on_the_way > 0 && person->channel != channel) {
        return; /* channels do not wait for each other; what was said first is to be heard first */
    }
    how.ticket = line->number;
    const kith_err err =
        kith_send(person->peer, channel, line->text + line->skip, line->bytes - line->skip, &how);
    if (err == KITH_ERR_AGAIN) {
        person->is_waiting = 1; /* on_writable follows */
        return;
    }
    person->is_owed = 0;
    if (err == KITH_OK) {
        chat->unsettled++;
        person->on_the_way++;
        person->channel = channel;
        return;
    }
    report_kith_error(&chat->report, err, report_label(&chat->report, person));
    chat_settle(chat, person, line->number, KITH_FATE_UNSENT);
}

/* Gives 1 when everyone who gets the line has it in the queue. */
static int send_line(struct chat *chat, const struct outbox_line *line)
{
    int is_done = 1;
    for (struct person *person = chat->people.first; person != NULL; person = person->next) {
        if (person->is_owed && !person->is_waiting) {
            send_one(chat, line, person);
        }
        is_done = is_done && !person->is_owed;
    }
    return is_done;
}

void chat_send_lines(struct chat *chat, int may_begin)
{
    while (chat->outbox.first != NULL && (may_begin || chat->outbox.first->is_begun)) {
        struct outbox_line *const line = chat->outbox.first;
        if (!line->is_begun && begin(chat, line) != 0) {
            chat_settle(chat, NULL, line->number, KITH_FATE_UNSENT);
        } else if (!send_line(chat, line)) {
            return;
        }
        outbox_drop(&chat->outbox);
    }
}
