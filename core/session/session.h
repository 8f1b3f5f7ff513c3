/* SPDX-License-Identifier: MIT
 *
 * session.h: the structs of the session layer and what its files call of each other. Pure: time,
 * randomness and sockets come in through the env and the drivers. Nothing here may be called from
 * another thread than the loop's.
 *
 *   session.c    opening, keys, closing
 *   listener.c   addresses where links come in
 *   dial.c       attempts to reach an address, with pauses
 *   network.c    the network changes, the machine sleeps, the application rests
 *   conn.c       one link: bytes to frames, closing, liveness
 *   gate.c       which links that come in may begin their handshake
 *   suspects.c   the addresses whose links failed lately
 *   handshake.c  HELLO, AUTH, INFO on a link
 *   trust.c      certificates on a link, and what the application thinks of them
 *   ask.c        a question to the application about a link
 *   admission.c  who may come in: bans, and what the application says of a newcomer
 *   restart.c    a peer that comes back while its old links look alive
 *   places.c     where peers listen
 *   introduce.c  members of a star tell each other who is there
 *   invite.c     invitations as text
 *   discover.c   peers nearby: what is put on the air, what is looked for; finder.c, found.c,
 * meet.c: discover.h has more pki.c        the certificates that the session shows and trusts
 *   revoke.c     a key that is taken out of use at once
 *   association.c  which of a peer's links is used, and what happens without one
 *   peer.c       who is there: messages, departure
 *   lanes.c      a link whose transport carries each lane apart
 *   datagrams.c  best-effort messages that wait to go
 *   scheduler.c  which bytes a link sends next
 */
#ifndef KITH_SESSION_SESSION_H
#define KITH_SESSION_SESSION_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/url.h"
#include "protocol/adopt.h"
#include "protocol/auth.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "protocol/info.h"
#include "protocol/lane.h"
#include "protocol/peers.h"
#include "session/suspects.h"
#include "transport.h"

enum { KITH_DRIVERS_MAX = 8, KITH_ADDRESS_TEXT_BYTES = 80 };

struct kith_key_entry {
    struct kith_node node;
    kith_key key;
    int dial;
};

enum kith_ask_answer { KITH_ASK_OPEN, KITH_ASK_YES, KITH_ASK_NO, KITH_ASK_LATE };

/* The application is asked whether a link may go on. */
struct kith_ask {
    struct kith_conn *conn;
    struct kith_timer timer;
    struct kith_deferred turn;
    void (*decided)(struct kith_conn *conn, enum kith_ask_answer answer, const char *text);
    enum kith_ask_answer answer;
    char text[KITH_REASON_TEXT_BYTES_MAX + 1]; /* for the other side, with NO */
};

/* Who is not let in; one of id, psk_identity, sha256 is set. */
struct kith_ban_entry {
    struct kith_node node;
    kith_ban_kind kind;
    kith_id id;
    char psk_identity[KITH_KEY_IDENTITY_BYTES_MAX + 1];
    uint8_t sha256[KITH_SHA256_BYTES];
};

/* Where a peer listens: a URL with a numeric host, and its NUL. */
enum { KITH_PLACE_BYTES = KITH_ENDPOINT_BYTES_MAX + 1 };
struct kith_place {
    char url[KITH_PLACE_BYTES];
    int is_any;  /* it listens on all addresses of its machine */
    int is_near; /* it is where its link comes from, and no router is likely in between */
};

/* Why an authenticated link is not looked at yet. */
enum {
    KITH_GATE_PROBE = 1, /* an earlier incarnation may still be there */
    KITH_GATE_ASK = 2    /* the application has not let it in */
};

struct kith_discovery_driver;

struct kith_session {
    struct kith_env *env;
    const struct kith_driver *const *drivers;          /* ends with NULL */
    struct kith_endpoint *endpoints[KITH_DRIVERS_MAX]; /* NULL = not opened yet */
    void *owner;                                       /* the runtime's */
    struct kith_node owner_node;                       /* likewise */
    void (*shut)(struct kith_peer *peer); /* NULL, or: no other thread may send to it any more, and
                                             what they sent is put in its lanes */
    void (*ended)(struct kith_session *session); /* the owner tells on_closed, then destroys */

    kith_session_config config; /* defaults filled in; the two names point into the arrays below */
    char display_name[KITH_NAME_BYTES_MAX + 1], session_name[KITH_NAME_BYTES_MAX + 1];
    uint8_t context[KITH_CONTEXT_BYTES_MAX]; /* config.context_bytes of them */
    kith_callbacks callbacks;
    void *user;

    uint8_t seed[KITH_ED25519_SEED_BYTES], key[KITH_ED25519_KEY_BYTES];
    uint8_t incarnation[KITH_INCARNATION_BYTES];
    kith_id id;
    uint64_t
        generation; /* of the last ADOPT this session issued, over all peers; never goes back */

    struct kith_pki pki; /* copies of its own */
    int has_pki;
    struct kith_node keys, bans, listeners, dials, conns, peers;
    uint64_t last_conn_number;
    struct kith_node peers_by_key[KITH_PEER_RINGS];
    struct kith_node pending; /* conns, oldest first */
    struct kith_suspects suspects;
    size_t key_count, ban_count, listener_count, dial_count, pending_count, peer_count, ask_count;
    struct kith_node candidates; /* introduce.c */
    size_t candidate_count, introduced_dials;
    struct kith_timer introduce_timer;
    const struct kith_discovery_driver *const
        *discovery_drivers;                /* ends with NULL; or NULL: none */
    struct kith_node discoveries, finders; /* discover.c */
    size_t discovery_count, met_dials;
    struct kith_window_pool window_pool;
    kith_session_stats stats;
    uint64_t refusal_second; /* of log lines about refusals */
    uint32_t refusal_lines;

    struct kith_deferred network_turn; /* something is to be done about what follows */
    unsigned network_due;              /* bits of kith_network_due */
    int is_suspended;
    uint64_t suspended_us; /* since when */

    enum {
        KITH_SESSION_OPEN,
        KITH_SESSION_FLUSHING,
        KITH_SESSION_LEAVING,
        KITH_SESSION_ENDED
    } state;
    struct kith_timer flush_timer;
    uint64_t flush_until_us;
    struct kith_deferred closing;
};

/* What a listener has of one transport. */
struct kith_listening {
    const char *scheme;     /* of the driver; NULL = the listener is not for this transport */
    struct kith_port *port; /* NULL = none is open */
    char url[KITH_URL_BYTES_MAX];
    int is_cut_off; /* the machine does not have the port's address now */
    int is_told;    /* READY, with this url */
};

struct kith_listener {
    struct kith_node node;
    struct kith_session *session;
    void *tag;
    char text[KITH_URL_BYTES_MAX];
    struct kith_url url;
    kith_tls12 tls12;
    struct kith_listening at[KITH_DRIVERS_MAX]; /* as session->drivers */
    int closing;
    kith_err failed;  /* for ever */
    int is_waiting;   /* at least one transport is not ready, for a reason that may pass */
    int is_wait_told; /* with this detail */
    char detail[256]; /* of failed, or why it waits */
    uint32_t pause_ms;
    struct kith_timer retry_timer;
    struct kith_deferred events;
};

struct kith_dial {
    struct kith_node node;
    struct kith_session *session;
    void *tag;
    char text[KITH_URL_BYTES_MAX];
    struct kith_url url;
    const struct kith_driver *driver;
    size_t driver_index;
    int has_want, cancelled;
    kith_id want;
    char certificate_name[KITH_URL_BYTES_MAX];
    kith_tls12 tls12;
    uint8_t *context; /* for the other side's on_invitation */
    size_t context_bytes;
    uint32_t give_up_ms; /* UINT32_MAX: never */
    uint64_t give_up_us;
    uint32_t pause_ms;
    struct kith_lookup lookup;
    char ips[KITH_ADDRESSES_PER_NAME_MAX][KITH_IP_TEXT_BYTES];
    size_t ip_count, ip_next;
    int hidden;                       /* the session's own: the application hears nothing of it */
    struct kith_dial *leader;         /* hidden: one of its addresses */
    size_t followers;                 /* of a leader, which dials nothing itself */
    int is_back;                      /* hidden: to a peer that had dialled us */
    int is_near;                      /* hidden: a refusal there means that nobody is left */
    struct kith_candidate *candidate; /* hidden: on hearsay, once; NULL: a known peer */
    struct kith_found_peer *found;    /* hidden: of discovery; NULL: not any more */
    int is_once;                      /* of discovery: one try only */
    struct kith_conn *conn;           /* the attempt under way */
    struct kith_peer *peer;           /* READY was told */
    struct kith_timer retry_timer, give_up_timer;
    int is_held; /* it would try again, but the session is suspended */
    struct kith_deferred start;
    uint64_t refused_since_us; /* redialling: nobody listens there since; 0 = not so */
    kith_reason last_reason;   /* of the last round that failed; NONE = none has */
    char last_detail[256];
};

/* The bit behind those of the channels: a datagram was refused. */
enum { KITH_DATAGRAMS_BIT = KITH_CHANNEL_COUNT };

/* One that waits to go. */
struct kith_datagram {
    struct kith_node node;
    struct kith_peer
        *peer; /* another thread sent it, reserved room and keeps a reference; or NULL */
    uint64_t expires_us;
    uint32_t lifetime_ms;
    size_t count;
    uint8_t bytes[];
};

/* What came on a lane before the frame that puts its link in use. */
struct kith_early {
    uint8_t *bytes;
    uint64_t offset;
    size_t count, room;
};

struct kith_conn {
    struct kith_node node;
    struct kith_session *session;
    struct kith_link *link; /* the driver's half */
    const struct kith_driver *driver;
    struct kith_dial *dial; /* NULL when the other side dialled, or the dial was cancelled */
    int dialled;
    enum {
        KITH_CONN_TRANSPORT,     /* the driver is shaking hands */
        KITH_CONN_HELLO,         /* waits for HELLO */
        KITH_CONN_AUTH,          /* waits for AUTH */
        KITH_CONN_AUTHENTICATED, /* a candidate, or in use when peer->conn is this */
        KITH_CONN_CLOSING,
        KITH_CONN_DOWN
    } state;
    struct kith_decoder decoder;
    uint8_t *control; /* control frames that wait, from control_start */
    size_t control_start, control_count, control_room;
    struct kith_node datagrams; /* that wait to go */
    size_t datagram_bytes;      /* of those that the loop's own thread sent */
    struct kith_early early[KITH_CHANNEL_COUNT];
    unsigned lanes_blocked; /* bits: the transport takes nothing of that channel now */
    int up, authenticated;  /* once true they stay */
    int pending;            /* came in, and is no connected peer's link: counts against a limit */
    struct kith_node pending_node;
    uint64_t came_us, origin; /* where pending: since when; of its address */
    int evicted;              /* made room for a newer one */

    uint8_t hello_sent[KITH_HELLO_BYTES], hello_came[KITH_HELLO_BYTES];
    struct kith_hello hello; /* theirs */
    kith_id id;              /* theirs, proved once state is AUTHENTICATED */
    uint8_t version, binding_type;
    uint8_t binding[KITH_BINDING_BYTES];
    kith_level level;
    struct kith_auth auth; /* theirs */
    struct kith_info info; /* theirs; name "" until it came */
    struct kith_link_info link_info;
    uint8_t certificate_here[KITH_SHA256_BYTES],
        certificate_there[KITH_SHA256_BYTES]; /* of the leaf; zero = none */
    struct kith_ask *ask;                     /* the application is thinking */
    int hello_waits;                          /* hello_came was not looked at for that */
    int waits_told;                           /* WAITs that came */
    unsigned gates;                           /* what it waits for before it may be adopted */
    struct kith_adopt *adopt_waits;           /* came while a gate was closed */
    struct kith_place *places;                /* where it says that it listens */
    size_t place_count;
    uint8_t *context; /* what it has to say to on_invitation */
    size_t context_bytes;
    int admitted;           /* the application has let it in */
    int only_tls12;         /* this side says that it has nothing better */
    uint64_t wait_until_us; /* the other side's application is thinking so long at most */

    struct kith_peer *peer;  /* set while this is the peer's conn or active */
    int was_chosen;          /* this was its peer's conn once */
    uint32_t tried_round;    /* the peer's, when this was adopted */
    uint64_t confirmed_then; /* its confirmed generation when AUTH was sent; 0 = none */
    struct kith_credit told[KITH_CHANNEL_COUNT]; /* in this link's ADOPT */
    struct kith_timer timer, ping_timer;
    int is_doubted;  /* the network has changed, and no PING sent since was answered */
    uint64_t number; /* of the session's links, from 1 */
    uint64_t heard_us, ping_sent_us;
    uint8_t ping_nonce[KITH_PING_BYTES];
    uint32_t pings_unanswered, rtt_us;
    uint64_t rate_second;
    uint32_t rate_idle, rate_pings;
    uint64_t repeats_left_bytes; /* that count for nothing */

    kith_reason reason; /* why it ends, as this side's application is told */
    char detail[160];   /* likewise, for a person */
    char remote_address[KITH_ADDRESS_TEXT_BYTES];
    struct kith_deferred release;
};

struct kith_peer {
    struct kith_node node, key_node;
    struct kith_env *env;         /* not to be used once departed: the loop may be gone */
    struct kith_session *session; /* NULL once departed */
    void *(*realloc)(void *user, void *block, size_t bytes); /* to free it with, even then */
    void *realloc_user;
    atomic_size_t references;
    void *owner; /* the session's, for other threads */
    /* What other threads may look at: whether they may send (guarded by the owner), how many bytes
     * they have reserved of how many, which channels refused them. */
    int is_open;
    size_t reserved_max;
    atomic_size_t reserved;
    atomic_uint refused_channels;
    atomic_size_t datagrams_reserved;
    atomic_size_t datagrams_refused; /* no wider: many 32-bit machines have no such atomics */
    atomic_int datagrams_barred;     /* there is no link that could take any */
    int datagrams_wait;              /* the loop's own thread was refused one, and is to be told */
    int is_told_of_room;             /* it is being told, in the turn whose time is known */
    void *user;
    kith_id id;
    uint8_t key[KITH_ED25519_KEY_BYTES], incarnation[KITH_INCARNATION_BYTES];
    char name[KITH_NAME_BYTES_MAX + 1];
    kith_peer_state state;
    uint64_t since, generation; /* the association, and its last ADOPT issued or obeyed */
    struct kith_conn *conn;     /* the link of that ADOPT; NULL = it is lost, and there is none */
    struct kith_conn *active;   /* the link that carries lanes; another than conn while an arbiter
                                   waits for ADOPTED; NULL = none */
    int is_confirmed, was_confirmed; /* arbiter: ADOPTED came for conn; for any link at all */
    uint32_t round;                  /* of adoptions without an ADOPTED */
    uint32_t resume_window_ms;       /* in force; 0 = the association ends with its link */
    struct kith_timer adopt_timer, interrupt_timer, window_timer;
    kith_reason lost_reason;         /* of the last link */
    const struct kith_driver *shaky; /* its link died soon after it was adopted */
    uint64_t told_link; /* the number of that over which the application knows it to be connected */
    uint64_t shaky_until_us, adopted_us; /* how long it is not preferred; of active */
    struct kith_place *places;           /* where it listens, as it told with its last link */
    size_t place_count;
    uint32_t max_message_bytes; /* what we may send */
    struct kith_send_share send_share;
    struct kith_receive_share receive_share;
    struct kith_lane_tx tx[KITH_CHANNEL_COUNT];
    struct kith_lane_rx rx[KITH_CHANNEL_COUNT];
    unsigned next_channel; /* round robin */
    const kith_message *handing_out;
    kith_peer_stats stats;
    struct kith_deferred leave;
    kith_reason leave_code;
    char leave_text[KITH_REASON_TEXT_BYTES_MAX + 1];
    struct {
        struct kith_timer timer;
        uint8_t nonce[KITH_PING_BYTES];
        uint64_t answered_us;       /* the last one; 0 = never */
        struct kith_conn *newcomer; /* a link of another incarnation; NULL = none waits */
    } probe;                        /* restart.c */
};

/* ---- session.c ---- */
kith_err kith_session_create(struct kith_env *env, const struct kith_driver *const *drivers,
                             const kith_session_config *config, const kith_callbacks *callbacks,
                             void *user, struct kith_session **out);
/* Frees a session whose `ended` was called; nothing of it is left then but keys. */
void kith_session_destroy(struct kith_session *session);
void kith_session_leave(struct kith_session *session, uint32_t flush_ms);
/* Drops every link at once, whatever is unsent. */
void kith_session_abort(struct kith_session *session);
kith_err kith_session_put_key(struct kith_session *session, const kith_key *key, unsigned flags);
/* The key to dial with, or NULL. */
const kith_key *kith_session_dial_key(const struct kith_session *session);
kith_err kith_session_drop_key(struct kith_session *session, const char *identity);
/* Which driver serves a scheme ("any": the first that fits), and opens its endpoint. */
kith_err kith_session_driver(struct kith_session *session, const char *scheme, size_t *index);
kith_err kith_session_endpoint(struct kith_session *session, size_t index,
                               struct kith_endpoint **out);
/* Whether the session's choices allow TLS 1.2. */
kith_err kith_session_check_tls12(const struct kith_session *session, kith_tls12 tls12,
                                  kith_tls12 most);
/* Something that closing waits for has changed. */
void kith_session_poke(struct kith_session *session);
/* Counts a refusal and logs it with the address. */
void kith_session_refused(struct kith_session *session, const char *remote, kith_reason reason,
                          const char *detail);
int kith_key_usable(const kith_key *key, const char **why);
int kith_identity_usable(const kith_identity *identity);

/* ---- revoke.c ---- */
kith_err kith_session_revoke(struct kith_session *session, const char *identity, const char *text);

/* ---- pki.c ---- */
kith_err kith_session_put_pki(struct kith_session *session, const struct kith_pki *pki);
void kith_session_free_pki(struct kith_session *session);

/* ---- listener.c ---- */
kith_err kith_listener_open(struct kith_session *session, const char *url,
                            const kith_listen_options *options, struct kith_listener **out);
void kith_listener_end(struct kith_listener *listener);
/* Where others connect now; NULL: nowhere. */
static inline const char *kith_listening_url(const struct kith_listening *at)
{
    return at->port != NULL && !at->is_cut_off ? at->url : NULL;
}
/* The network has changed: looks whether its ports are still good, and tries those that wait. */
void kith_listener_look(struct kith_listener *listener);
/* Likewise, because the application asks: says anew what it waits for. */
void kith_listener_retry(struct kith_listener *listener);
/* Frees without events. */
void kith_listener_destroy(struct kith_listener *listener);

/* ---- dial.c ---- */
kith_err kith_dial_begin(struct kith_session *session, const char *url,
                         const kith_dial_options *options, struct kith_dial **out);
void kith_dial_end(struct kith_dial *dial);
void kith_dial_destroy(struct kith_dial *dial);
/* The attempt's link ended before its peer was connected. */
void kith_dial_conn_down(struct kith_dial *dial, struct kith_conn *conn, kith_reason reason,
                         const char *detail);
void kith_dial_ready(struct kith_dial *dial, struct kith_peer *peer);
/* The peer has no link: every dial that led to it tries again until it has, or has departed. */
void kith_dials_peer_lost(struct kith_session *session, struct kith_peer *peer);
/* Every dial that led to peer ends. */
void kith_dials_peer_departed(struct kith_session *session, struct kith_peer *peer,
                              kith_reason reason);

/* Several addresses of one peer, as one dial. */
kith_err kith_dial_group(struct kith_session *session, const char *const *urls, size_t count,
                         const kith_dial_options *options, struct kith_dial **out);

/* ---- network.c ---- */
enum kith_network_due {
    KITH_NETWORK_DUE_RETRY = 1,     /* the application asks: what waits tries again */
    KITH_NETWORK_DUE_LOOK = 2,      /* the network changed: likewise; links are asked for a sign */
    KITH_NETWORK_DUE_WAKE = 4,      /* likewise; nothing that was asked before counts */
    KITH_NETWORK_DUE_TELL = 8,      /* the application hears that the network changed */
    KITH_NETWORK_DUE_TELL_WOKE = 16 /* or that time stood still */
};
void kith_session_network_init(struct kith_session *session);
/* Something of this is to be done when the turn ends. */
void kith_session_network(struct kith_session *session, unsigned due);
void kith_session_suspend_now(struct kith_session *session);
void kith_session_wake_now(struct kith_session *session);
/* The application knows that its peer is connected over this link, and over no other. */
void kith_network_path_told(struct kith_conn *conn);
/* The application hears that its peer goes on over this link, once while it does. */
void kith_network_tell_path(struct kith_conn *conn);
/* The other side of the connection is at another address. */
void kith_network_moved(struct kith_conn *conn);

/* A dial of the session's own, to that peer alone, or with want NULL to whoever it is. NULL: not
 * possible now. */
struct kith_dial *kith_dial_hidden(struct kith_session *session, const char *url,
                                   const kith_id *want);

/* ---- invite.c ---- */
kith_err kith_invite_write(const struct kith_session *session, char *out, size_t room);
/* out is zeroed but for its size. */
kith_err kith_invite_read(const char *text, kith_invitation_info *out);

/* ---- places.c ---- */
/* URLs for INFO; "*" stands for every address of this machine. At most KITH_ENDPOINTS_MAX. */
size_t kith_places_own(const struct kith_session *session, char out[][KITH_PLACE_BYTES]);
/* Those of the told ones that may be dialled on the word of whoever is at conn's other end. */
size_t kith_places_read(struct kith_conn *conn, const struct kith_slice *endpoints, size_t count,
                        struct kith_place out[KITH_ENDPOINTS_MAX]);
/* INFO came. */
void kith_places_learn(struct kith_conn *conn, const struct kith_info *info);
/* The link is its peer's now. */
void kith_places_use(struct kith_peer *peer, struct kith_conn *conn);
/* The link in use comes from another address: where it listens has moved along. */
void kith_places_move(struct kith_conn *conn);
/* Where to, as seen from its end, can reach subject. */
size_t kith_places_pass_on(const struct kith_peer *subject, const struct kith_conn *to,
                           char out[][KITH_PLACE_BYTES]);

/* ---- introduce.c ---- */
void kith_introduce_init(struct kith_session *session);
void kith_introduce_fini(struct kith_session *session);
/* Somebody new is connected. */
void kith_introduce_connected(struct kith_peer *newcomer);
/* PEERS came. */
void kith_introduce_came(struct kith_conn *conn, const uint8_t *body, size_t length);
/* A dial on hearsay is over, or has led to its peer. */
void kith_introduce_dial_over(struct kith_dial *over, int is_ready);

/* ---- discover.c ---- */
void kith_discover_init(struct kith_session *session);
kith_err kith_discover_advertise(struct kith_session *session,
                                 const kith_advertise_options *options,
                                 struct kith_discovery **out);
kith_err kith_discover_browse(struct kith_session *session, const kith_browse_options *options,
                              struct kith_discovery **out);
kith_err kith_discover_update(struct kith_discovery *discovery, const kith_discovery_info *info,
                              size_t count);
void kith_discover_end(struct kith_discovery *discovery);
void kith_discover_end_all(struct kith_session *session);
kith_session *kith_discover_session(const struct kith_discovery *discovery);
/* The session listens elsewhere, or has other keys. */
void kith_discover_again(struct kith_session *session, int keys_changed);
/* Resting, see network.c; and when the network changed, or the application asks. */
void kith_discover_rest(struct kith_session *session);
void kith_discover_wake(struct kith_session *session);
void kith_discover_refresh(struct kith_session *session);
kith_err kith_discover_dial(struct kith_discovery *discovery, uint64_t number,
                            const kith_dial_options *options, struct kith_dial **out);

/* ---- meet.c ---- */
/* A dial has led to peer, or (NULL) is over. */
void kith_meet_dial_over(struct kith_dial *dial, struct kith_peer *peer, kith_reason reason);
void kith_meet_peer_departed(struct kith_session *session, const struct kith_peer *peer,
                             kith_reason reason);

/* ---- conn.c ---- */
struct kith_conn *kith_conn_dial(struct kith_dial *dial, const struct kith_address *address,
                                 kith_err *err);
/* Queues a control frame and wakes the driver. */
void kith_conn_send(struct kith_conn *conn, uint64_t type, const void *body, size_t length);
/* Ends a link that is nobody's current one. reason is for this side's application; the other side
 * is told code and text. Idempotent. */
void kith_conn_close(struct kith_conn *conn, kith_reason reason, kith_reason code,
                     const char *text);
/* Something came: it is alive. */
void kith_conn_heard(struct kith_conn *conn);
/* Ends a link because of what came over it; its peer, if it has one, departs. detail is for our
 * log. */
void kith_conn_fail(struct kith_conn *conn, kith_reason reason, const char *detail);
/* Frames that move nothing are cheap to send and not free to read: they have a rate. 0 to go on;
 * else the link was ended. */
int kith_conn_count_idle(struct kith_conn *conn);
/* Likewise a piece of a lane that says nothing new. After a change of links all that was granted
 * may come once more, in pieces as small as the transport likes: so much is free, each time. */
int kith_conn_count_repeat(struct kith_conn *conn, size_t count);
/* The link is in use from now on: looks after its liveness. */
void kith_conn_watch(struct kith_conn *conn);
/* A link in use may have died without a word: asks at once, and soon again. anew: what was asked
 * before does not count. */
void kith_conn_probe(struct kith_conn *conn, int anew);
void kith_conn_destroy(struct kith_conn *conn);
/* Until when the handshake must be done, from now on. */
void kith_conn_set_deadline(struct kith_conn *conn);
/* WAIT: this side needs so long at most. */
void kith_conn_tell_wait(struct kith_conn *conn, uint32_t wait_ms);

/* ---- gate.c ---- */
/* Whether one more link from there may begin its handshake; the oldest may have to make room. */
int kith_gate_open(struct kith_session *session, const char *remote_address);
/* It has begun: it counts until it has become a peer's link, or ended. */
void kith_gate_entered(struct kith_conn *conn);
void kith_gate_passed(struct kith_conn *conn, int is_peers);

/* ---- handshake.c ---- */
void kith_handshake_start(struct kith_conn *conn);
/* The application has nothing against the link's certificates. */
void kith_handshake_go_on(struct kith_conn *conn);
void kith_handshake_hello(struct kith_conn *conn, const uint8_t *body, size_t length);
void kith_handshake_auth(struct kith_conn *conn, const uint8_t *body, size_t length);
void kith_handshake_info(struct kith_conn *conn, const uint8_t *body, size_t length);

/* ---- ask.c ---- */
/* Opens a question about a link, whose deadline stands still meanwhile; decided() is told how it
 * ended, unless the link did first. NULL: the link was ended. */
struct kith_ask *kith_ask_new(struct kith_conn *conn,
                              void (*decided)(struct kith_conn *conn, enum kith_ask_answer answer,
                                              const char *text));
/* The link is closing, or down: nobody need answer any more. at_once: not inside a call of the
 * application. */
void kith_ask_withdraw(struct kith_conn *conn, int at_once);
void kith_ask_decide(struct kith_ask *ask, int accept, const char *text);
/* Until when somebody thinks about this link at most, on either side; 0: nobody does. */
uint64_t kith_ask_until_us(const struct kith_conn *conn);

/* ---- trust.c ---- */
/* Looks at the certificates of a link that is up. 1: go on; 0: the application is asked, or the
 * link was ended. */
int kith_trust_begin(struct kith_conn *conn);

/* ---- admission.c ---- */
int kith_admission_is_banned(const struct kith_conn *conn);
kith_err kith_admission_ban(struct kith_session *session, const struct kith_ban_entry *ban,
                            const char *text);
kith_err kith_admission_unban(struct kith_session *session, const struct kith_ban_entry *ban);
void kith_admission_fini(struct kith_session *session);
/* Whether the application is to be asked about an authenticated link. */
int kith_admission_asks(const struct kith_conn *conn);
/* Asks, once INFO has told whom it is asked about. */
void kith_admission_ask(struct kith_conn *conn);
/* The peer of this link has come in: no question about it is left. */
void kith_admission_settled(struct kith_conn *conn);

/* ---- restart.c ---- */
void kith_restart_init(struct kith_peer *peer);
/* A link of peer's key and of another incarnation: it waits while the old one is looked for. */
void kith_restart_begin(struct kith_peer *peer, struct kith_conn *newcomer);
/* One more link of the old incarnation, which may be asked as well. */
void kith_restart_also(struct kith_peer *peer, struct kith_conn *conn);
/* A PONG came: 1 when it was the answer to a probe. */
int kith_restart_answered(struct kith_conn *conn, const uint8_t *nonce);
/* A link is closing or gone. */
void kith_restart_lost(struct kith_conn *conn);
/* The peer departs: who waited for that, or NULL. */
struct kith_conn *kith_restart_end(struct kith_peer *peer);

/* ---- association.c ---- */
/* This side decides which links are used. */
int kith_peer_we_arbitrate(const struct kith_session *session, const struct kith_conn *conn);
/* A new association over a link. */
void kith_association_init(struct kith_peer *peer, struct kith_conn *conn);
/* It ends: its links are nobody's. */
void kith_association_fini(struct kith_peer *peer);
int kith_peer_is_link_of(const struct kith_peer *peer, const struct kith_conn *conn);
/* A gate of an authenticated link opens. */
void kith_association_open_gate(struct kith_conn *conn, unsigned gate);
/* The other side said when it will go on: conn->wait_until_us. */
void kith_association_wait(struct kith_conn *conn);
/* A link has proved who is there; INFO came on it. */
void kith_association_authenticated(struct kith_conn *conn);
void kith_association_info(struct kith_conn *conn);
void kith_association_adopt(struct kith_conn *conn, const uint8_t *body, size_t length);
void kith_association_adopted(struct kith_conn *conn, const uint8_t *body, size_t length);
void kith_association_forgotten(struct kith_conn *conn, const uint8_t *body, size_t length);
/* A link is closing or gone, and its driver reads nothing of the core any more. */
void kith_association_lost(struct kith_conn *conn, kith_reason reason);
/* What this side believes to have with the peer of a link; zero when that is for the other to say.
 */
void kith_association_claim(const struct kith_conn *conn, struct kith_claim *out);

/* ---- peer.c ---- */
/* NULL without memory. */
struct kith_peer *kith_peer_new(struct kith_conn *conn);
/* Closes every link that has proved a key, but one, and one of another incarnation that waits. One
 * that is closing already as a duplicate shares the fate. */
void kith_peer_close_links(struct kith_session *session, const uint8_t *key,
                           const struct kith_conn *but, kith_reason reason, kith_reason code,
                           const char *text);
/* As kith_peer_depart(); but: a link to the same key that stays. */
void kith_peer_depart_but(struct kith_peer *peer, kith_reason reason, const char *text,
                          kith_reason code, const struct kith_conn *but);
/* There may be bytes to send. */
void kith_peer_wake(struct kith_peer *peer);
void kith_peer_settle(void *peer, uint64_t ticket);
struct kith_peer *kith_peer_by_key(const struct kith_session *session, const uint8_t *key);
void kith_peer_data(struct kith_conn *conn, uint64_t lane, uint64_t offset, const uint8_t *bytes,
                    size_t count, int fin);
/* Where the next bytes of a DATA frame belong; see kith_lane_rx_place(). */
size_t kith_peer_place(struct kith_conn *conn, uint64_t lane, uint64_t offset, uint64_t count,
                       uint8_t **place);
void kith_peer_credit(struct kith_conn *conn, const uint8_t *body, size_t length);
void kith_peer_blocked(struct kith_conn *conn, const uint8_t *body, size_t length);
/* Memory of its lanes was freed: tells the application where it waits for that. */
void kith_peer_tell_writable(struct kith_peer *peer);
kith_err kith_peer_put(struct kith_peer *peer, unsigned channel, const void *data, size_t count,
                       uint64_t ticket);
/* Ends it now: fates, DEPARTED, and every link to its key is closed with code. Only where the
 * network caused it, or deferred. */
void kith_peer_depart(struct kith_peer *peer, kith_reason reason, const char *text,
                      kith_reason code);
/* The application's wish: departs at the end of the turn, with LOCAL; the other side hears code. */
void kith_peer_turn_out(struct kith_peer *peer, kith_reason code, const char *text);
/* 1 when all that was sent is consumed. */
int kith_peer_is_flushed(const struct kith_peer *peer);
void kith_peer_unref(struct kith_peer *peer);
void kith_peer_datagram(struct kith_conn *conn, const uint8_t *bytes, size_t count);
/* Queues a shared payload, or a copy where there is none. */
kith_err kith_peer_share(struct kith_peer *peer, unsigned channel, struct kith_payload *payload,
                         uint64_t ticket);
/* Queues what another thread made ready. */
void kith_peer_append(struct kith_peer *peer, unsigned channel, size_t count,
                      struct kith_outgoing *outgoing);
kith_err kith_peer_hold(struct kith_peer *peer, const kith_message *message, kith_held **out);
void kith_peer_unhold(kith_held *held);
void kith_peer_fill_stats(const struct kith_peer *peer, kith_peer_stats *out);

/* ---- lanes.c ---- */
/* 1 when data may go over this link: it is its peer's link, and confirmed. */
int kith_conn_is_in_use(const struct kith_conn *conn);
/* The link is in use from now on: bytes that came too early are looked at. */
void kith_lanes_begin(struct kith_conn *conn);
void kith_lanes_drop(struct kith_conn *conn);

/* ---- datagrams.c ---- */
/* The largest that the peer's link takes now. */
size_t kith_datagram_max(const struct kith_peer *peer);
kith_err kith_datagram_put(struct kith_peer *peer, const void *data, size_t count,
                           uint32_t lifetime_ms);
/* On any thread: one that is nobody's yet. NULL without memory. */
struct kith_datagram *kith_datagram_new(struct kith_env *env, const void *data, size_t count,
                                        uint32_t lifetime_ms);
/* What it takes of a queue's room. */
static inline size_t kith_datagram_cost(size_t count)
{
    return sizeof(struct kith_datagram) + count;
}
/* The loop has one that another thread sent. */
void kith_datagram_take(struct kith_datagram *datagram);
/* There is a link: no thread is refused at once any more. */
void kith_datagrams_begin(struct kith_peer *peer);
/* Tells the application where a datagram was refused and would be taken now; anything may happen to
 * the link then. Those larger than room, and the late ones, are in nobody's way. */
void kith_datagrams_tell(struct kith_conn *conn, size_t room);
/* Those that fit, as frames. */
void kith_datagrams_write(struct kith_conn *conn, struct kith_writer *to);
/* All that wait on a link that carries none any more; peer: whose they were, NULL: not known. */
void kith_datagrams_drop(struct kith_conn *conn, struct kith_peer *peer);

/* ---- scheduler.c ---- */
size_t kith_schedule(struct kith_conn *conn, uint8_t *out, size_t room);
/* Likewise, in pieces that are good until kith_schedule_done(); nobody is told of anything before.
 */
void kith_schedule_slices(struct kith_conn *conn, uint8_t *out, size_t room, size_t most,
                          struct kith_pulled *pulled);
void kith_schedule_done(struct kith_conn *conn);
/* The channel whose bytes go next, -1: none. */
int kith_schedule_channel(const struct kith_conn *conn);
/* How many bytes of that channel make a turn at most. */
size_t kith_schedule_chunk(const struct kith_conn *conn, unsigned channel);

#endif
