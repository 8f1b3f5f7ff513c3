/* SPDX-License-Identifier: MIT
 *
 * discover.h: what the files of discovery share with each other, and nobody else needs.
 *
 *   discover.c  the handles: what is put on the air, what is looked for
 *   finder.c    the drivers: which, and what happens when they fail
 *   found.c     sightings become peers: merged, found, updated, lost
 *   meet.c      found peers that are dialled of the session's own accord
 */
#ifndef KITH_SESSION_DISCOVER_H
#define KITH_SESSION_DISCOVER_H

#include "discovery.h"
#include "protocol/service.h"
#include "session/session.h"

/* One driver, as this session uses it. */
struct kith_finder_slot {
    struct kith_node node;
    struct kith_session *session;
    kith_stack stack;                           /* which driver is preferred */
    const struct kith_discovery_driver *driver; /* that is open, or was tried last */
    unsigned choice;                            /* it is: 0 = the best */
    struct kith_finder *finder;                 /* NULL: not open */
    uint64_t opened_us;
    char *interfaces;
    char **urls; /* not NULL: one discovery's own */
    size_t url_count;
    unsigned users; /* discoveries */
    int failed;     /* err and detail say why; the timer runs, or the step will open another */
    kith_err err;
    char detail[256];
    struct kith_timer retry_timer;
    struct kith_deferred step;
};

/* A port of ours on the air. */
struct kith_air_port {
    struct kith_advert *advert;
    char scheme[16], host[KITH_IP_TEXT_BYTES];
    char instance[KITH_NAME_BYTES_MAX + 1]; /* "" until it is there */
    uint16_t port;
};

/* All ports of ours under one tag; the tag is "" where there are none yet. */
struct kith_air {
    char tag[KITH_LABEL_BYTES];
    struct kith_air_port ports[KITH_ENDPOINTS_MAX];
    size_t count;
};

struct kith_discovery {
    struct kith_node node;
    struct kith_session *session;
    struct kith_finder_slot *slot;
    void *tag; /* the application's */
    char service[KITH_SERVICE_BYTES_MAX + 1];
    int is_browser, closing, told_down, keys_changed;
    struct kith_deferred step;

    /* Advertising. */
    char instance[KITH_NAME_BYTES_MAX + 1]; /* "": random ones */
    char told_instance[KITH_NAME_BYTES_MAX + 1];
    kith_discovery_info *info; /* one block with all it points to */
    size_t info_count;
    struct kith_air now, before;
    char last_tag[KITH_LABEL_BYTES]; /* that was taken off the air */
    struct kith_timer rotate_timer;

    /* Browsing. */
    int all_sessions, auto_connect;
    struct kith_query *queries[2];
    struct kith_node found; /* oldest first */
    size_t found_count, sighting_count;
    uint64_t last_number;
    struct kith_timer look_timer, meet_timer;
};

/* A record that leads to a found peer. */
struct kith_seen {
    struct kith_node node;
    const struct kith_query *query;
    uint64_t number;         /* the driver's */
    unsigned distance, rank; /* nearest first; of those the best transport */
    char url[KITH_PLACE_BYTES];
};

struct kith_found_peer {
    struct kith_node node;
    struct kith_discovery *discovery;
    uint64_t number;
    char tag[KITH_LABEL_BYTES];
    char instance[KITH_NAME_BYTES_MAX + 1];
    uint8_t *txt;
    size_t txt_bytes;
    struct kith_node seen;
    size_t seen_count;
    int is_told, is_changed;
    uint64_t told_digest; /* of what was told */
    uint64_t due_us;      /* when there is something to tell, or KITH_TIME_NEVER */
    uint64_t told_us;

    /* meet.c */
    int is_done;  /* not to be dialled any more */
    int has_peer; /* it was connected: peer */
    int has_yielded;
    kith_id peer;
    unsigned rounds; /* that failed */
    size_t next_url; /* of this round */
    size_t dial_count;
    uint64_t meet_us; /* when to dial, or KITH_TIME_NEVER */
};

/* ---- finder.c ---- */
/* The slot for these, shared with others that use the same; urls: a slot of one's own. */
kith_err kith_finder_use(struct kith_session *session, kith_stack stack, const char *interfaces,
                         const char *const *urls, size_t url_count, struct kith_finder_slot **out);
void kith_finder_release(struct kith_finder_slot *slot);
/* What its driver was asked for did not work. detail may be "". */
void kith_finder_failed(struct kith_finder_slot *slot, kith_err err, const char *detail);
void kith_finders_rest(struct kith_session *session);
/* What failed is tried, what works begins anew; also after rest. */
void kith_finders_refresh(struct kith_session *session);

/* ---- discover.c ---- */
/* Nothing of it is on the air or looked for any more: the driver is about to be closed. */
void kith_discovery_stop(struct kith_discovery *discovery);
/* Tells the application. */
void kith_discovery_tell(struct kith_discovery *discovery, const kith_discovery_event *event);
/* The tag is one of this session's own. */
int kith_discovery_is_own(const struct kith_session *session, const char *tag);
/* Whether this session's tag is on the air and the lesser one, so that the other side will dial. */
int kith_discovery_yields(const struct kith_session *session, const char *tag);

/* ---- found.c ---- */
/* Its addresses, nearest and best first, each once. out has KITH_SIGHTINGS_PER_PEER_MAX. */
size_t kith_found_urls(const struct kith_found_peer *found, const char **out);
/* Everything that this query has told is gone. */
void kith_found_forget(struct kith_discovery *discovery, const struct kith_query *query);
void kith_found_init(struct kith_discovery *discovery);
void kith_found_fini(struct kith_discovery *discovery);
/* NULL: there is none of that number. */
struct kith_found_peer *kith_found_by_number(const struct kith_discovery *discovery,
                                             uint64_t number);

/* Nobody is told or lost until it wakes; then they have as long to be seen again as ever. */
void kith_found_rest(struct kith_discovery *discovery);
void kith_found_wake(struct kith_discovery *discovery);

/* ---- meet.c ---- */
/* A found peer is new, has changed, or is about to be freed. */
void kith_meet_consider(struct kith_found_peer *found);
void kith_meet_forget(struct kith_found_peer *found);
/* Those who could not be reached are tried as if they were new. */
void kith_meet_again(struct kith_discovery *discovery);
void kith_meet_init(struct kith_discovery *discovery);
void kith_meet_fini(struct kith_discovery *discovery);

#endif
