/* SPDX-License-Identifier: MIT
 *
 * report_answers.c: the part of report.h that answers commands: who is connected, what has gone to
 * and fro, which commands there are.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "report_lines.h"

/* What changes while a peer is connected is asked for anew. */
static kith_peer_info ask(const struct person *person)
{
    kith_peer_info info = {.size = sizeof info};
    (void)kith_peer_get_info(person->peer, &info);
    return info;
}

static int is_out_of_reach(const struct person *person)
{
    return kith_peer_get_state(person->peer) == KITH_PEER_INTERRUPTED;
}

void report_peers(struct report *report, const struct people *people)
{
    if (report->json) {
        struct json json;
        report_begin(report, &json, "peers");
        json_open(&json, "peers", '[');
        for (const struct person *person = people->first; person != NULL; person = person->next) {
            json_open(&json, NULL, '{');
            report_put_person(&json, person);
            json_number(&json, "rtt_us", ask(person).rtt_us);
            json_text(&json, "state", is_out_of_reach(person) ? "interrupted" : "connected");
            json_close(&json, '}');
        }
        json_close(&json, ']');
        report_end(report, &json);
        return;
    }
    for (const struct person *person = people->first; person != NULL; person = person->next) {
        const uint32_t rtt_us = ask(person).rtt_us;
        char rtt[32] = "not measured yet";
        if (rtt_us > 0) {
            snprintf(rtt, sizeof rtt, "%.3f ms", rtt_us / 1000.0);
        }
        report_line(report, "%s  %.8s  %s %s  %s  %s  %s%s", report_label(report, person),
                    person->id, person->transport,
                    person->cipher[0] != '\0' ? person->cipher : "not encrypted",
                    people_level_name(person->level), person->address, rtt,
                    is_out_of_reach(person) ? "  OUT OF REACH" : "");
    }
    if (people->count == 0) {
        report_line(report, "nobody is connected");
    }
}

void report_retry(struct report *report, const struct report_wait *waits, size_t count)
{
    if (report->json) {
        struct json json;
        report_begin(report, &json, "retry");
        json_open(&json, "waits", '[');
        for (size_t i = 0; i < count; i++) {
            json_open(&json, NULL, '{');
            json_text(&json, "what", waits[i].what);
            json_text(&json, "url", waits[i].url);
            json_text(&json, "detail", waits[i].why);
            json_close(&json, '}');
        }
        json_close(&json, ']');
        report_end(report, &json);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        report_line(report, "trying at once: --%s %s (%s)", waits[i].what, waits[i].url,
                    waits[i].why);
    }
    if (count == 0) {
        report_line(report, "nothing waits");
    }
}

/* A counter of one of Kith's structs: its name, and where it stands. */
struct counter {
    const char *name;
    size_t offset;
};

#define OF_SESSION(name)                                                                           \
    {                                                                                              \
#name, offsetof(kith_session_stats, name)                                                  \
    }
#define OF_PEER(name)                                                                              \
    {                                                                                              \
#name, offsetof(kith_peer_stats, name)                                                     \
    }

static const struct counter session_counters[] = {
    OF_SESSION(links_accepted),  OF_SESSION(links_dialled),    OF_SESSION(links_authenticated),
    OF_SESSION(refused_auth),    OF_SESSION(refused_protocol), OF_SESSION(refused_other),
    OF_SESSION(refused_slow),    OF_SESSION(refused_evicted),  OF_SESSION(refused_suspect),
    OF_SESSION(accepts_delayed), OF_SESSION(packets_ignored),  OF_SESSION(addresses_asked),
    OF_SESSION(frames_ignored),
};
static const struct counter peer_counters[] = {
    OF_PEER(messages_sent),          OF_PEER(messages_received), OF_PEER(message_bytes_sent),
    OF_PEER(message_bytes_received), OF_PEER(unsent_bytes),      OF_PEER(retained_bytes),
    OF_PEER(window_bytes),           OF_PEER(times_blocked),
};

static void put_counters(struct json *json, const struct counter *counters, size_t count,
                         const void *from)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value;
        memcpy(&value, (const char *)from + counters[i].offset, sizeof value);
        json_number(json, counters[i].name, value);
    }
}

/* One person's counters, all 0 when it is just leaving. */
static kith_peer_stats count(const struct person *person)
{
    kith_peer_stats stats = {.size = sizeof stats};
    (void)kith_peer_get_stats(person->peer, &stats);
    return stats;
}

static void put_stats(struct report *report, const kith_session_stats *all,
                      const struct people *people)
{
    struct json json;
    report_begin(report, &json, "stats");
    put_counters(&json, session_counters, sizeof session_counters / sizeof session_counters[0],
                 all);
    json_open(&json, "peers", '[');
    for (const struct person *person = people->first; person != NULL; person = person->next) {
        const kith_peer_stats stats = count(person);
        json_open(&json, NULL, '{');
        json_text(&json, "id", person->id);
        json_text(&json, "name", person->name);
        json_number(&json, "rtt_us", ask(person).rtt_us);
        put_counters(&json, peer_counters, sizeof peer_counters / sizeof peer_counters[0], &stats);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    report_end(report, &json);
}

void report_stats(struct report *report, const kith_session *session, const struct people *people)
{
    kith_session_stats all = {.size = sizeof all};
    (void)kith_session_get_stats(session, &all);
    if (report->json) {
        put_stats(report, &all, people);
        return;
    }
    report_line(report,
                "connections: %" PRIu64 " in, %" PRIu64 " out, %" PRIu64 " authenticated; refused: "
                "%" PRIu64 " for their key or certificate, %" PRIu64 " for what they sent, %" PRIu64
                " for other reasons",
                all.links_accepted, all.links_dialled, all.links_authenticated, all.refused_auth,
                all.refused_protocol, all.refused_other);
    for (const struct person *person = people->first; person != NULL; person = person->next) {
        const kith_peer_stats stats = count(person);
        report_line(report,
                    "%s: %" PRIu64 " messages (%" PRIu64 " bytes) sent, %" PRIu64 " (%" PRIu64
                    " bytes) received; %" PRIu64 " bytes wait, %" PRIu64 " on the way",
                    report_label(report, person), stats.messages_sent, stats.message_bytes_sent,
                    stats.messages_received, stats.message_bytes_received, stats.unsent_bytes,
                    stats.retained_bytes);
    }
}

void report_keys(struct report *report, const struct ring *ring)
{
    if (report->json) {
        struct json json;
        report_begin(report, &json, "keys");
        json_text(&json, "connect", ring->names[ring->dial]);
        json_open(&json, "names", '[');
        for (size_t i = 0; i < ring->count; i++) {
            json_text(&json, NULL, ring->names[i]);
        }
        json_close(&json, ']');
        report_end(report, &json);
        return;
    }
    for (size_t i = 0; i < ring->count; i++) {
        report_line(report, "key %s lets others in%s", ring->names[i],
                    i == ring->dial ? ", and is used to connect" : "");
    }
}

void report_help(struct report *report)
{
    static const char *const lines[] = {
        "TEXT           say it to everyone (//TEXT says a text that starts with a slash)",
        "/to NAME TEXT  say it to one; NAME#1a2b tells people of the same name apart",
        "/retry         what waits for the network, and why; tries it at once",
        "/peers         who is connected, and how",
        "/stats         what has gone to and fro",
        "/accept [N]    yes to question N: trust the certificate, or let in who asks",
        "/reject [N]    no",
        "/invite        an invitation as text, for others to give to --connect",
        "/kick NAME [TEXT]  put somebody out, who may come back",
        "/ban [NAME [TEXT]] put somebody out for good; alone: who is banned",
        "/unban NAME    let in again",
        "/distrust NAME refuse somebody's certificate from now on",
        "/key [...]     keys in use; add FILE, use FILE, remove NAME [--disconnect]",
        "/help          this",
        "/quit          leave",
    };
    if (report->json) {
        struct json json;
        report_begin(report, &json, "help");
        json_open(&json, "lines", '[');
        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
            json_text(&json, NULL, lines[i]);
        }
        json_close(&json, ']');
        report_end(report, &json);
        return;
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        report_line(report, "%s", lines[i]);
    }
}
