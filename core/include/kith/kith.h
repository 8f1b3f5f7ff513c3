/* SPDX-License-Identifier: MIT
 *
 * kith.h: the whole public interface of Kith, peer-to-peer messaging.
 *
 * Handles, one rule for all of them
 * ---------------------------------
 * 1. A handle (kith_loop, kith_session, kith_listener, kith_dial, kith_peer, kith_ask,
 * kith_discovery) is opaque. Kith allocates it and frees it; the caller never does, except
 * kith_loop with kith_loop_free().
 * 2. Every handle but the loop has exactly one *final event*. It stays valid until that event's
 *    callback returns, and is gone after. The final events are:
 *      kith_session   on_closed
 *      kith_listener  on_listener with KITH_LISTENER_FAILED or KITH_LISTENER_CLOSED
 *      kith_dial      on_dial with KITH_DIAL_FAILED or KITH_DIAL_CLOSED
 *      kith_peer      on_peer with KITH_PEER_DEPARTED
 *      kith_ask       on_ask_over
 *      kith_discovery on_discovery with KITH_DISCOVERY_CLOSED
 *    kith_held has none: it is the application's until kith_held_release().
 * 3. A kith_peer can be kept longer with kith_peer_retain(). After the final event every call on it
 *    is still legal until kith_peer_release(), and sending gives KITH_ERR_NOT_CONNECTED.
 * 4. Every function and every callback runs on the *loop thread*: the thread inside
 * kith_loop_run(), the thread kith_loop_start() made, or the one that calls kith_loop_step().
 * Before the loop first runs, that is the thread which called kith_loop_new(). Exceptions say
 * "@thread any". A call from a wrong thread changes nothing and gives KITH_ERR_THREAD where the
 * function returns a kith_err.
 * 5. Closing or cancelling anything is legal inside every callback. No callback runs inside the
 * call that caused it, with one exception that says so (kith_loop_free).
 * 6. No function blocks, except kith_loop_run(), kith_loop_free() and kith_loop_step() with a wait.
 *
 * Structs that start with `size`: set every byte to zero, then `size = sizeof the_struct` (the
 * *_init macros do both). A library that knows more fields than the caller takes the rest as
 * default; one that knows fewer refuses a non-zero rest with KITH_ERR_UNSUPPORTED. Zero always
 * means "default".
 *
 * Ownership words in the comments: *borrows* = for the duration of the call; *gives* = the caller
 * must release it. Text is UTF-8 and ends with NUL. Sizes end in _bytes, times in _ms or _us.
 */
#ifndef KITH_KITH_H
#define KITH_KITH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define KITH_MUST_USE __attribute__((warn_unused_result))
#ifndef KITH_API
#define KITH_API __attribute__((visibility("default")))
#endif
#else
#define KITH_MUST_USE
#ifndef KITH_API
#define KITH_API
#endif
#endif

#define KITH_VERSION_MAJOR 0
#define KITH_VERSION_MINOR 1
#define KITH_VERSION_PATCH 0

/* Sizes that are part of the interface; every other limit is a default of kith_session_config. */
#define KITH_NAME_BYTES_MAX           63 /* display and session name: bytes of UTF-8, without the NUL */
#define KITH_KEY_BYTES_MIN            16 /* pre-shared key: shorter ones can be searched (RFC 9257 §6) */
#define KITH_KEY_BYTES_MAX            64   /* pre-shared key: what the TLS library takes */
#define KITH_KEY_IDENTITY_BYTES_MAX   128  /* pre-shared key identity, without the NUL */
#define KITH_IDENTITY_TEXT_BYTES      81   /* kith_identity_format(), with the NUL */
#define KITH_CONTEXT_BYTES_MAX        1024 /* what a dial tells the other side's on_invitation */
#define KITH_INVITATION_BYTES         1024 /* an invitation as text, with its NUL */
#define KITH_INVITATION_ENDPOINTS_MAX 4    /* addresses in it */
#define KITH_CHANNEL_COUNT            8    /* message channels of a peer: 0 to 7 */
#define KITH_CHANNEL_PRIORITY_MAX     7    /* most urgent */
#define KITH_SERVICE_BYTES_MAX        15   /* name of a service (RFC 6335 §5.1) */
#define KITH_DISCOVERY_PAIR_BYTES_MAX 255  /* "key=value" on the air (RFC 6763 §6.1) */
#define KITH_DISCOVERY_INFO_BYTES_MAX 400  /* all pairs together, with a length byte each */
#define KITH_RESUME_OFF               UINT32_MAX /* resume_window_ms: do not */
#define KITH_REASON_TEXT_BYTES_MAX                                                                 \
    123 /* text beside a reason; what a WebSocket close frame holds (RFC 6455 §5.5) */

/* ---------------------------------------------------------------------------------------------- */
/* Errors, reasons, versions */

/* Every error of this library: name, value, text. Values never change; 0 is success, errors are
 * negative. */
#define KITH_ERR_MAP(X)                                                                            \
    X(OK, 0, "success")                                                                            \
    X(INVALID, -1, "an argument is out of its range")                                              \
    X(NOMEM, -2, "out of memory")                                                                  \
    X(AGAIN, -3, "the queue is full; on_writable tells when to go on")                             \
    X(TOO_BIG, -4, "larger than this peer takes in one message")                                   \
    X(NOT_CONNECTED, -5, "the peer is not connected")                                              \
    X(CLOSED, -6, "the handle is closing or closed")                                               \
    X(STATE, -7, "not possible in the present state")                                              \
    X(THREAD, -8, "called from a thread that is not the loop's")                                   \
    X(CONFIG, -9, "the configuration does not fit together")                                       \
    X(ADDRESS, -10, "not an address Kith understands")                                             \
    X(IN_USE, -11, "the address is already in use")                                                \
    X(PERMISSION, -12, "the system does not permit it")                                            \
    X(UNSUPPORTED, -13, "not supported by this build")                                             \
    X(NOT_FOUND, -14, "there is no such thing")                                                    \
    X(EXISTS, -15, "there is one already")                                                         \
    X(LIMIT, -16, "a limit is reached")                                                            \
    X(CRYPTO, -17, "the cryptographic library refused")                                            \
    X(IO, -18, "the system reported an error")                                                     \
    X(KEY, -19, "the key is unusable")                                                             \
    X(PROTOCOL, -20, "the other side broke the protocol")                                          \
    X(INTERNAL, -21, "a bug in Kith")                                                              \
    X(PARTIAL, -22, "some receivers did not take it; see the results")                             \
    X(NETWORK, -23, "the network does not allow it now")

typedef enum kith_err {
#define KITH_ERR_ENUM(name, value, text) KITH_ERR_##name = value,
    KITH_ERR_MAP(KITH_ERR_ENUM)
#undef KITH_ERR_ENUM
        KITH_OK = 0
} kith_err;

/* Why a peer departed, a dial failed or a link was refused: name, value (also its code on the
 * wire), text. */
#define KITH_REASON_MAP(X)                                                                         \
    X(NONE, 0, "no reason")                                                                        \
    X(LEFT, 1, "left the session")                                                                 \
    X(LOST, 2, "the connection was lost")                                                          \
    X(TIMEOUT, 3, "no answer in time")                                                             \
    X(RESTARTED, 4, "restarted as a new participant")                                              \
    X(KICKED, 5, "disconnected by the other side")                                                 \
    X(BANNED, 6, "banned by the other side")                                                       \
    X(REJECTED, 7, "the other side rejected the invitation")                                       \
    X(PROTOCOL, 8, "broke the protocol")                                                           \
    X(VERSION, 9, "no common protocol version")                                                    \
    X(AUTH, 10, "authentication failed")                                                           \
    X(SELF, 11, "that is this very session")                                                       \
    X(ID_IN_USE, 12, "another live participant uses this identity")                                \
    X(SESSION, 13, "takes part in a session of another name")                                      \
    X(ROLE, 14, "the roles do not fit together")                                                   \
    X(FULL, 15, "no more peers are taken")                                                         \
    X(LOCAL, 16, "closed by this side")                                                            \
    X(DUPLICATE, 17, "another connection to the same peer is in use")                              \
    X(REFUSED, 18, "the connection was refused")                                                   \
    X(UNREACHABLE, 19, "the address cannot be reached")                                            \
    X(NAME, 20, "the host name is not known")                                                      \
    X(NOT_KITH, 21, "the other side is no Kith peer")                                              \
    X(INTERNAL, 22, "an internal error")                                                           \
    X(UNTRUSTED, 23, "a certificate is not trusted")

typedef enum kith_reason {
#define KITH_REASON_ENUM(name, value, text) KITH_REASON_##name = value,
    KITH_REASON_MAP(KITH_REASON_ENUM)
#undef KITH_REASON_ENUM
        KITH_REASON_COUNT /* one more than the last */
} kith_reason;

/* The version of the library that runs, as text: "0.1.0".
 * @thread any  @errors none */
KITH_API const char *kith_version(void);

/* An error's name without prefix ("AGAIN") or its one-sentence text. Never NULL; "?" for an unknown
 * value.
 * @thread any  @errors none */
KITH_API const char *kith_err_name(kith_err err);
KITH_API const char *kith_err_text(kith_err err);

/* A reason's name without prefix ("LEFT") or its text. Never NULL; "?" for an unknown value.
 * @thread any  @errors none */
KITH_API const char *kith_reason_name(kith_reason reason);
KITH_API const char *kith_reason_text(kith_reason reason);

/* What exactly was wrong in the last call of this thread that returned an error: which field or
 * peer, which value, what to do. Never NULL, "" when there is nothing to add. Valid until this
 * thread's next call into Kith. Never contains key material.
 * @thread any (each thread has its own)  @errors none */
KITH_API const char *kith_detail(void);

/* ---------------------------------------------------------------------------------------------- */
/* The loop */

typedef struct kith_loop kith_loop;
typedef struct kith_session kith_session;
typedef struct kith_listener kith_listener;
typedef struct kith_dial kith_dial;
typedef struct kith_peer kith_peer;
typedef struct kith_held kith_held;
typedef struct kith_ask kith_ask;
typedef struct kith_discovery kith_discovery;

typedef enum kith_log_level {
    KITH_LOG_DEFAULT = 0, /* warnings and errors */
    KITH_LOG_OFF = 1,
    KITH_LOG_ERROR = 2, /* something does not work */
    KITH_LOG_WARN = 3,  /* a peer or the network misbehaved; Kith coped */
    KITH_LOG_INFO = 4,  /* connections come and go */
    KITH_LOG_DEBUG = 5  /* everything else; still no key material and no message contents */
} kith_log_level;

/* How a loop logs and allocates. Zero is a good default: warnings go to stderr, memory comes from
 * malloc. */
typedef struct kith_loop_config {
    size_t size; /* sizeof(kith_loop_config) */

    /* Called for each line of log at or above log_level, without a line end. Borrows text. May not
     * call Kith. NULL: lines go to stderr. @thread the loop's, or the one inside the call that logs
     */
    void (*log)(void *log_user, kith_log_level level, const char *text);
    void *log_user;           /* handed to log */
    kith_log_level log_level; /* KITH_LOG_DEFAULT is KITH_LOG_WARN */

    /* realloc() semantics: block NULL allocates, bytes 0 frees and returns NULL. Must be
     * thread-safe. NULL: the C library's. The libraries below Kith (TLS, QUIC, WebSocket) keep
     * using the C library's. */
    void *(*realloc)(void *realloc_user, void *block, size_t bytes);
    void *realloc_user; /* handed to realloc */
} kith_loop_config;

#define KITH_LOOP_CONFIG_INIT                                                                      \
    {                                                                                              \
        sizeof(kith_loop_config), NULL, NULL, KITH_LOG_DEFAULT, NULL, NULL                         \
    }

/* Makes an event loop. It runs any number of sessions. config may be NULL (all defaults); borrows
 * it. Gives *out.
 * @thread any
 * @errors INVALID out is NULL or a field is out of range; UNSUPPORTED config->size is larger than
 * this library knows and the rest is not zero; NOMEM; IO no file descriptors left */
KITH_API KITH_MUST_USE kith_err kith_loop_new(const kith_loop_config *config, kith_loop **out);

/* Frees a loop and sets *loop to NULL. Stops and joins a thread made by kith_loop_start(). Sessions
 * that are still open are cut off without flushing, and their last callbacks, on_closed included,
 * run inside this call; posts that wait are dropped. NULL
 * and *NULL are ignored.
 * @thread the one that called kith_loop_new(), outside callbacks  @errors none */
KITH_API void kith_loop_free(kith_loop **loop);

/* Runs the loop on the calling thread until kith_loop_stop(), or until its last session has closed
 * (at once when there is none).
 * @thread any one, which becomes the loop thread
 * @errors STATE the loop runs already; IO the system's poll failed */
KITH_API KITH_MUST_USE kith_err kith_loop_run(kith_loop *loop);

/* Runs the loop on a thread of its own until kith_loop_stop() or kith_loop_free(), with or without
 * sessions. Open sessions from that thread: kith_post() a function that does.
 * @thread the one that called kith_loop_new()
 * @errors STATE the loop runs already; IO no thread could be made */
KITH_API KITH_MUST_USE kith_err kith_loop_start(kith_loop *loop);

/* Makes kith_loop_run() return, or the thread of kith_loop_start() end, once the loop's turn in
 * hand is done (which may still run callbacks). Sessions stay open; the loop can be run again.
 * @thread any  @errors none */
KITH_API void kith_loop_stop(kith_loop *loop);

/* Runs fn(user) once on the loop thread, soon, in the order of the posts. A post that the loop is
 * freed before running is dropped.
 * @thread any
 * @errors INVALID fn is NULL; AGAIN 4096 posts are waiting; NOMEM */
KITH_API KITH_MUST_USE kith_err kith_post(kith_loop *loop, void (*fn)(void *user), void *user);

/* For embedding in a loop of one's own: wait until fd is readable or timeout_ms has passed, then
 * call step. The descriptor belongs to Kith; it stays the same while the loop lives.
 * @thread loop  @errors none (-1 where the system has no such descriptor) */
KITH_API int kith_loop_fd(const kith_loop *loop);

/* How long to wait at most before kith_loop_step(), in milliseconds: 0 = not at all, -1 = until fd
 * is readable. Ask before every wait: every call into Kith may change it.
 * @thread loop  @errors none */
KITH_API int kith_loop_timeout_ms(const kith_loop *loop);

/* Does what is ready now, then, where wait_ms is not 0, waits up to that long (-1: any time) for
 * one thing more. The calling thread becomes the loop thread.
 * @thread any one at a time
 * @errors STATE called inside a callback, or the loop runs already; IO the system's poll failed */
KITH_API KITH_MUST_USE kith_err kith_loop_step(kith_loop *loop, int wait_ms);

/* ---------------------------------------------------------------------------------------------- */
/* Identifiers and keys */

/* Who a peer is: the first 16 bytes of SHA-256 of its public key, as a version 8 UUID (RFC 9562
 * §5.8). A plain value: copy it, compare it, use it as a dictionary key. Unforgeable at
 * KITH_LEVEL_IDENTITY. */
typedef struct kith_id {
    uint8_t bytes[16];
} kith_id;

/* Writes the id as 36 lower-case characters and a NUL: "01234567-89ab-8def-8123-456789abcdef".
 * @thread any  @errors none */
KITH_API void kith_id_format(const kith_id *id, char out[37]);

/* Reads what kith_id_format() wrote; upper case is taken as well.
 * @thread any
 * @errors INVALID not exactly that form */
KITH_API KITH_MUST_USE kith_err kith_id_parse(const char *text, kith_id *out);

/* 1 when both are the same, else 0.
 * @thread any  @errors none */
KITH_API int kith_id_equal(const kith_id *a, const kith_id *b);

/* A pre-shared key. Whoever holds it can join. Treat the struct as a secret and wipe it with
 * kith_key_wipe(). */
typedef struct kith_key {
    char identity[KITH_KEY_IDENTITY_BYTES_MAX +
                  1]; /* travels in clear (RFC 8446 §4.2.11); no ':' and no control characters */
    uint8_t bytes[KITH_KEY_BYTES_MAX];
    size_t bytes_count; /* KITH_KEY_BYTES_MIN to KITH_KEY_BYTES_MAX */
} kith_key;

/* Makes a key of 32 random bytes with a random identity ("kith-" and 16 hex digits).
 * @thread any
 * @errors INVALID out is NULL; CRYPTO no randomness */
KITH_API KITH_MUST_USE kith_err kith_key_generate(kith_key *out);

/* Reads one line "identity:hexkey" (the psktool format); white space at its end is ignored.
 * @thread any
 * @errors INVALID an argument is NULL; KEY no ':', an empty, too long or unprintable identity, not
 * hex, fewer than 16 or more than 64 bytes, or a key equal to its identity (which travels in
 * clear): kith_detail() says which */
KITH_API KITH_MUST_USE kith_err kith_key_parse(const char *line, kith_key *out);

/* Writes a key as "identity:hexkey" and a NUL, without a line end. out_bytes of
 * KITH_KEY_IDENTITY_BYTES_MAX + 2 * KITH_KEY_BYTES_MAX + 2 always suffice.
 * @thread any
 * @errors INVALID an argument is NULL; TOO_BIG does not fit out; KEY as kith_key_parse() */
KITH_API KITH_MUST_USE kith_err kith_key_format(const kith_key *key, char *out, size_t out_bytes);

/* Overwrites a key in memory, in a way the compiler keeps. NULL is ignored.
 * @thread any  @errors none */
KITH_API void kith_key_wipe(kith_key *key);

/* What makes a peer the same peer after a restart: the secret behind its id. Without one every
 * session is somebody new. Treat it like a key, and never use one in two programs at once: the
 * second is refused with ID_IN_USE as long as the first answers. */
typedef struct kith_identity {
    uint8_t bytes[32];
} kith_identity;

/* Makes a new identity.
 * @thread any
 * @errors INVALID out is NULL; CRYPTO no randomness */
KITH_API KITH_MUST_USE kith_err kith_identity_generate(kith_identity *out);

/* Writes an identity as one line of text without its end ("kith-identity-1:" and 64 hex digits), to
 * be kept where only its owner can read it; and reads it again: white space at its end is ignored.
 * @thread any
 * @errors INVALID an argument is NULL; KEY not exactly that form, or all zeros */
KITH_API KITH_MUST_USE kith_err kith_identity_format(const kith_identity *identity,
                                                     char out[KITH_IDENTITY_TEXT_BYTES]);
KITH_API KITH_MUST_USE kith_err kith_identity_parse(const char *line, kith_identity *out);

/* The id that sessions of this identity have.
 * @thread any
 * @errors INVALID an argument is NULL; CRYPTO the cryptographic library refused */
KITH_API KITH_MUST_USE kith_err kith_identity_id(const kith_identity *identity, kith_id *out);

/* Overwrites an identity in memory, in a way the compiler keeps. NULL is ignored.
 * @thread any  @errors none */
KITH_API void kith_identity_wipe(kith_identity *identity);

/* ---------------------------------------------------------------------------------------------- */
/* Sessions */

typedef enum kith_security {
    KITH_SECURITY_UNSET = 0, /* refused: security is always chosen, never assumed */
    KITH_SECURITY_NONE =
        1, /* no encryption and no proof of anything: anyone on the path reads and rewrites */
    KITH_SECURITY_PSK =
        2,                /* TLS 1.3 with pre-shared keys and (EC)DHE: see kith_session_add_key() */
    KITH_SECURITY_PKI = 3 /* TLS 1.3 with certificates: see kith_session_set_certificates() */
} kith_security;

typedef enum kith_role {
    KITH_ROLE_STAR = 0,   /* all are equal, and each pair is connected, see kith_introductions;
                             nobody forwards for others */
    KITH_ROLE_SERVER = 1, /* clients connect to this session */
    KITH_ROLE_CLIENT = 2  /* this session connects to servers */
} kith_role;

/* Whether the members of a star bring each other together: who is connected to one of them is told
 * where the others listen, and connects to them. Every member still decides for itself whom it lets
 * in (on_invitation, bans), and max_peers is the end of it. */
typedef enum kith_introductions {
    KITH_INTRODUCTIONS_ON = 0,
    KITH_INTRODUCTIONS_OFF = 1 /* this session neither tells nor is told, and nobody hears from it
                                  where it listens, to pass that on or to dial back: each pair
                                  needs a dial */
} kith_introductions;

/* What a peer's link proves. Compare with <. */
typedef enum kith_level {
    KITH_LEVEL_DEFAULT = 0, /* as a minimum: IDENTITY with keys or certificates, NONE with
                               KITH_SECURITY_NONE. Never reported */
    KITH_LEVEL_NONE = 1,    /* nothing: no encryption */
    KITH_LEVEL_GROUP =
        2, /* a holder of the key, but any holder on the path could pose as another */
    KITH_LEVEL_IDENTITY = 3 /* this very peer: signature bound to the encrypted channel */
} kith_level;

typedef enum kith_peer_state {
    KITH_PEER_CONNECTING =
        1, /* authenticated, the link is not in use yet. Not reported by on_peer */
    KITH_PEER_CONNECTED = 2,
    KITH_PEER_INTERRUPTED = 3, /* without a connection; it may come back, see resume_window_ms */
    KITH_PEER_DEPARTED = 4     /* final */
} kith_peer_state;

/* What became of a message sent with a ticket. */
typedef enum kith_fate {
    KITH_FATE_DELIVERED = 1, /* the peer's application has taken it */
    KITH_FATE_UNSENT = 2,    /* it never left this machine */
    KITH_FATE_UNKNOWN = 3    /* it was sent, and the peer departed before it confirmed */
} kith_fate;

typedef enum kith_listener_event_kind {
    KITH_LISTENER_READY =
        1,                    /* once for each port: url is where others connect. Again when it is
                                 ready after WAITING, and when its url has changed with the network */
    KITH_LISTENER_FAILED = 2, /* final: err and detail say why */
    KITH_LISTENER_CLOSED = 3, /* final: kith_listener_close() or the session's end */
    KITH_LISTENER_WAITING = 4 /* it cannot listen now, or not any more, for a reason that may pass:
                                 this machine does not have the address. Tried again by itself, see
                                 kith_retry(); told once, and again when the reason changes */
} kith_listener_event_kind;

typedef struct kith_listener_event {
    size_t size;                   /* sizeof(kith_listener_event) as the library knows it */
    kith_listener_event_kind kind; /* which event */
    const char *url;    /* READY: with its real port; else as given. Borrowed for the callback */
    kith_err err;       /* FAILED: what went wrong; WAITING: NETWORK; else KITH_OK */
    const char *detail; /* FAILED, WAITING: which address and what to do, else "" */
    void *tag;          /* as given to kith_listen() */
} kith_listener_event;

typedef enum kith_dial_event_kind {
    KITH_DIAL_WAITING = 1, /* an attempt failed with reason; the next follows in retry_in_ms. Also
                              after READY, while the peer is INTERRUPTED */
    KITH_DIAL_READY = 2, /* connected to peer, once; it connects again by itself when that breaks */
    KITH_DIAL_FAILED = 3, /* final: no further attempt makes sense, or the time to try is over */
    KITH_DIAL_CLOSED =
        4 /* final: the peer departed with reason, or kith_dial_cancel() (reason LOCAL) */
} kith_dial_event_kind;

typedef struct kith_dial_event {
    size_t size;               /* sizeof(kith_dial_event) as the library knows it */
    kith_dial_event_kind kind; /* which event */
    const char *url;           /* as given to kith_dial_open(); borrowed for the callback */
    kith_reason reason;        /* WAITING, FAILED, CLOSED */
    const char *detail;        /* WAITING, FAILED: what happened and what to do; else "" */
    kith_peer *peer;      /* READY; WAITING when the peer of this dial was interrupted; else NULL */
    uint32_t retry_in_ms; /* WAITING */
    void *tag;            /* as given in kith_dial_options */
} kith_dial_event;

/* One certificate as its owner sent it: X.509, DER. Untrusted bytes. */
typedef struct kith_certificate {
    const void *der;
    size_t der_bytes;
} kith_certificate;

/* What speaks against a chain of certificates: bits; none of them set means that it is trusted.
 * What is no certificate at all, or not made for this use, is refused without asking. */
typedef enum kith_doubt {
    KITH_DOUBT_UNTRUSTED = 1,     /* no trusted CA vouches for it */
    KITH_DOUBT_SELF_SIGNED = 2,   /* and only its own key does */
    KITH_DOUBT_EXPIRED = 4,       /* one of the chain, by this machine's clock */
    KITH_DOUBT_NOT_YET_VALID = 8, /* likewise */
    KITH_DOUBT_WRONG_NAME = 16,   /* it is not the dialled host's */
    KITH_DOUBT_MISSING = 32       /* a client showed none where one is optional */
} kith_doubt;

/* A link waits for the application's decision about a certificate. */
typedef struct kith_trust_question {
    size_t size;                   /* sizeof(kith_trust_question) as the library knows it */
    kith_ask *ask;                 /* to answer with kith_ask_answer() */
    unsigned doubts;               /* bits of kith_doubt */
    const kith_certificate *chain; /* as sent, the peer's own first. Lives until on_ask_over */
    size_t chain_count;            /* 0 with KITH_DOUBT_MISSING */
    const uint8_t *sha256;         /* 32 bytes: fingerprint of the peer's own one; NULL without one.
                                      Lives as long as the chain */
    const char *name; /* dialled: the name or address that was looked for in it; else "" */
    const char *remote_address; /* "192.0.2.1:4242" */
    kith_dial *dial;            /* NULL when the other side dialled */
    uint32_t timeout_ms;        /* without an answer for so long, the answer is no */
} kith_trust_question;

/* A peer that is not here wants to come in. */
typedef struct kith_invitation {
    size_t size;         /* sizeof(kith_invitation) as the library knows it */
    kith_ask *ask;       /* to answer with kith_ask_answer() */
    kith_id id;          /* who it is */
    const char *name;    /* its display name, untrusted text. Borrowed, as what follows */
    const void *context; /* what it gave its dial to show here, untrusted bytes; NULL without any */
    size_t context_bytes;
    const char *remote_address; /* "192.0.2.1:4242" */
    const char *psk_identity;   /* of the key it came with, "" without */
    kith_level level;           /* what its link proves */
    uint32_t timeout_ms;        /* without an answer for so long, the answer is no */
} kith_invitation;

typedef enum kith_network_event_kind {
    KITH_NETWORK_CHANGED = 1, /* this machine has other addresses, interfaces or routes than before.
                                 What waited is being tried again, and every connection is asked for
                                 a sign of life: one that has none is lost after 6 s */
    KITH_NETWORK_WOKE = 2,    /* the machine slept, or this program was not run when it had to be,
                                 for more than 5 s: likewise. That time counts for none of Kith's
                                 time-outs */
    KITH_NETWORK_PATH = 3 /* peer goes on over another connection, or over the same one from another
                             address (QUIC), without having been INTERRUPTED: kith_peer_get_info()
                             tells the transport and address, and what it proves */
} kith_network_event_kind;

typedef struct kith_network_event {
    size_t size;                  /* sizeof(kith_network_event) as the library knows it */
    kith_network_event_kind kind; /* which event */
    kith_peer *peer;              /* PATH: whose connection; else NULL */
} kith_network_event;

typedef struct kith_message {
    size_t size;       /* sizeof(kith_message) as the library knows it */
    unsigned channel;  /* 0 to 7 */
    const void *data;  /* borrowed for the callback; not NULL even when empty */
    size_t data_bytes; /* 0 to the session's max_message_bytes */
} kith_message;

/* One pair of what is said beside a name on the air, "key=value". */
typedef struct kith_discovery_info {
    const char *key;    /* printable ASCII without '='; does not begin with '.' */
    const void *value;  /* any bytes; NULL with value_bytes 0 */
    size_t value_bytes; /* key, '=' and value have at most KITH_DISCOVERY_PAIR_BYTES_MAX */
} kith_discovery_info;

/* A peer that was seen on the network. Nothing of it is proved: anyone on the network can say
 * anything. Who it is, is known when it is connected. */
typedef struct kith_found {
    size_t size;             /* sizeof(kith_found) as the library knows it */
    uint64_t number;         /* for kith_dial_found(), until it is LOST; not used again after */
    const char *instance;    /* the name that it goes by on the air, often a random one; untrusted
                                text without control characters */
    const char *const *urls; /* where it listens, nearest first */
    size_t url_count;
    const kith_discovery_info *info; /* what it says beside; untrusted */
    size_t info_count;
} kith_found;

typedef enum kith_discovery_event_kind {
    KITH_DISCOVERY_ADVERTISED = 1, /* on the air as instance; again when that changes */
    KITH_DISCOVERY_FOUND = 2,      /* found is there */
    KITH_DISCOVERY_UPDATED = 3,    /* something of found has changed */
    KITH_DISCOVERY_LOST = 4,  /* found is not seen any more. A hint: who is connected stays so */
    KITH_DISCOVERY_DOWN = 5,  /* nothing can be found or made known now: err and detail say why;
                                 it is tried again by itself */
    KITH_DISCOVERY_UP = 6,    /* it works again */
    KITH_DISCOVERY_CLOSED = 7 /* final: kith_discovery_close() or the session's end */
} kith_discovery_event_kind;

typedef struct kith_discovery_event {
    size_t size;                    /* sizeof(kith_discovery_event) as the library knows it */
    kith_discovery_event_kind kind; /* which event */
    const kith_found *found; /* FOUND, UPDATED, LOST; else NULL. Borrowed for the callback, with all
                                in it */
    const char *instance;    /* ADVERTISED, else "" */
    kith_err err;            /* DOWN, else KITH_OK */
    const char *detail;      /* DOWN: what is wrong and what to do, else "" */
    void *tag;               /* as given in the options */
} kith_discovery_event;

/* What happens in a session. Every member may be NULL. All run on the loop thread, never inside the
 * call that caused them, never two at once. user is what kith_session_open() was given. */
typedef struct kith_callbacks {
    size_t size; /* sizeof(kith_callbacks) */

    /* A peer is CONNECTED (reason NONE); INTERRUPTED: its connection is lost (reason) and has not
     * been replaced for a quarter of a second; CONNECTED again; or DEPARTED (final: peer is gone
     * when this returns, unless retained; text is what the other side said beside its reason,
     * untrusted UTF-8 without control characters, often ""). */
    void (*on_peer)(kith_session *session, kith_peer *peer, kith_peer_state state,
                    kith_reason reason, const char *text, void *user);

    /* A whole message came, exactly once, in the order of its channel. Returning from here is what
     * the sender sees as DELIVERED. Borrows message. */
    void (*on_message)(kith_session *session, kith_peer *peer, const kith_message *message,
                       void *user);

    /* What became of a message sent with a ticket: exactly one call for each such message, at the
     * latest right before its peer's DEPARTED. */
    void (*on_fate)(kith_session *session, kith_peer *peer, uint64_t ticket, kith_fate fate,
                    void *user);

    /* kith_send() on this channel gave KITH_ERR_AGAIN, and now there is room: called once for it.
     */
    void (*on_writable)(kith_session *session, kith_peer *peer, unsigned channel, void *user);

    /* A listener waits, is ready, failed or closed. Borrows event. */
    void (*on_listener)(kith_session *session, kith_listener *listener,
                        const kith_listener_event *event, void *user);

    /* A dial waits, is ready, failed or closed. Borrows event. */
    void (*on_dial)(kith_session *session, kith_dial *dial, const kith_dial_event *event,
                    void *user);

    /* The session is closed: the last callback, session is gone when this returns. */
    void (*on_closed)(kith_session *session, void *user);

    /* A datagram came: at most once, in any order. Borrows data, which is not NULL even when empty.
     */
    void (*on_datagram)(kith_session *session, kith_peer *peer, const void *data, size_t data_bytes,
                        void *user);

    /* KITH_SECURITY_PKI: a link's certificates have been looked at, and whether to go on is for the
     * application to say, here or later, with kith_ask_answer(). Called for every link where the
     * other side is to show a certificate, trusted or not, before either side has said who it is;
     * everything else goes on meanwhile. So also for a peer that comes back after a lost
     * connection, and its resume_window_ms does not stand still: remember the fingerprints that
     * were accepted. NULL: what leaves no doubt is taken, all else refused. Borrows question; the
     * ask lives until on_ask_over. */
    void (*on_trust)(kith_session *session, const kith_trust_question *question, void *user);

    /* A question is over, and ask gone when this returns: answered (NONE), not answered in time
     * (TIMEOUT), or its link ended first (any other reason). */
    void (*on_ask_over)(kith_session *session, kith_ask *ask, kith_reason reason, void *user);

    /* A peer that is not here has dialled this session and proved who it is: whether it may come in
     * is for the application to say, here or later, with kith_ask_answer(). Asked once for each
     * participant, however many connections it makes meanwhile; not for one that this side has
     * dialled, nor for one that comes back within the resume window. No: it sees REJECTED and the
     * answer's text. NULL: everyone who has the key or certificate comes in. Borrows invitation. */
    void (*on_invitation)(kith_session *session, const kith_invitation *invitation, void *user);

    /* The network of this machine has changed, or a peer's way through it. Nothing need be done:
     * Kith has begun what there is to do. Borrows event. */
    void (*on_network)(kith_session *session, const kith_network_event *event, void *user);

    /* What kith_advertise() and kith_browse() have to tell. Borrows event. */
    void (*on_discovery)(kith_session *session, kith_discovery *discovery,
                         const kith_discovery_event *event, void *user);

    /* kith_send_datagram() to this peer gave KITH_ERR_AGAIN, on whatever thread, and now there is
     * room: a connection that takes bytes at this moment, and half of the queue. Called once for
     * it; what is sent inside goes with the packets that are being made. NULL: nobody waits. */
    void (*on_datagram_writable)(kith_session *session, kith_peer *peer, void *user);
} kith_callbacks;

/* How a session takes part. Only display_name, session_name and security must be set. */
typedef struct kith_session_config {
    size_t size; /* sizeof(kith_session_config) */
    const char
        *display_name; /* shown to peers after both sides are authenticated; 1 to 63 bytes of UTF-8
                          without control characters. Names need not be unique: ids are */
    const char *session_name; /* only sessions of the same name meet; 1 to 63 bytes of UTF-8 without
                                 control characters */
    kith_security security;   /* must be chosen */
    kith_role role;           /* default STAR */
    kith_level min_level;     /* links that prove less are refused */
    uint32_t max_peers;       /* more are refused with FULL; 1 to 65536, default 256 */
    uint64_t budget_bytes; /* memory per peer for queues of both directions; 1 MiB to 1 GiB, default
                              32 MiB */
    uint32_t max_message_bytes; /* largest message taken from a peer; 1 to budget_bytes / 4, default
                                   4 MiB or that */
    uint32_t handshake_ms;      /* from connection to authenticated; 100 to 120000, default 10000 */
    uint32_t idle_ping_ms; /* silence after which a peer is asked for a sign of life; 100 to 600000,
                              default 5000 */
    uint32_t idle_ping_count; /* unanswered questions after which its link is dead; 1 to 100,
                                 default 3 */
    /* Urgency of each channel, 0 (default) to KITH_CHANNEL_PRIORITY_MAX: what is more urgent goes
     * first, channels of the same urgency take turns. Concerns what this side sends. */
    uint8_t channel_priority[KITH_CHANNEL_COUNT];
    /* Memory over all peers that lets the receive windows of busy channels grow beyond their first
     * size (64 KiB, or budget_bytes / 64 where that is less) up to budget_bytes / 16 each; at most
     * 1 TiB, default 256 MiB. When it is used up, further windows keep their first size. */
    uint64_t window_pool_bytes;
    /* How long a peer without a connection is waited for: until then it is INTERRUPTED, messages to
     * it queue up, and when it is back nothing is lost or doubled. Of the two sides' the longer one
     * counts. Up to 3600000, default 30000; KITH_RESUME_OFF (of either side): a peer departs with
     * its connection. */
    uint32_t resume_window_ms;
    uint32_t ask_ms; /* how long a question to the application may stay open; 1000 to 600000,
                        default 60000 */
    /* Who this session is, kept from an earlier run; NULL: somebody new, whom nobody can link to
     * any other session. Borrowed during kith_session_open(). A peer that restarts with the same
     * one departs at the others with RESTARTED and connects anew. */
    const kith_identity *identity;
    kith_introductions introductions; /* KITH_ROLE_STAR: default ON */
    /* Shown to the other side's on_invitation by each dial without a context of its own, as those
     * are that Kith makes by itself: to members it was told of, to peers that it found. Borrowed
     * during kith_session_open(). */
    const void *context;
    size_t context_bytes; /* at most KITH_CONTEXT_BYTES_MAX */
} kith_session_config;

#define KITH_SESSION_CONFIG_INIT                                                                   \
    {                                                                                              \
        sizeof(kith_session_config), NULL, NULL, KITH_SECURITY_UNSET, KITH_ROLE_STAR,              \
            KITH_LEVEL_DEFAULT, 0, 0, 0, 0, 0, 0, {0}, 0, 0, 0, NULL, KITH_INTRODUCTIONS_ON, NULL, \
            0                                                                                      \
    }
#define KITH_CALLBACKS_INIT                                                                        \
    {                                                                                              \
        sizeof(kith_callbacks), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,  \
            NULL, NULL, NULL                                                                       \
    }

/* Opens a session. Nothing listens or dials yet. Borrows config and callbacks (copies both).
 * @thread loop
 * @errors INVALID an argument or a field is missing or out of range; CONFIG fields contradict each
 * other, security unset; UNSUPPORTED a size is larger than this library knows; NOMEM; CRYPTO no
 * randomness; THREAD */
KITH_API KITH_MUST_USE kith_err kith_session_open(kith_loop *loop,
                                                  const kith_session_config *config,
                                                  const kith_callbacks *callbacks, void *user,
                                                  kith_session **out);

/* Leaves: stops listening and dialling, waits up to flush_ms until everything sent is delivered,
 * tells every peer LEFT, then on_closed. Peers still connected depart with LOCAL first. Calling
 * again can only shorten the wait.
 * @thread loop
 * @errors INVALID session is NULL; THREAD */
KITH_API kith_err kith_session_close(kith_session *session, uint32_t flush_ms);

/* Tries at once what would otherwise be tried later: listeners and dials that wait, and connecting
 * again to peers that are INTERRUPTED; pauses begin small again. Listeners that still wait say so
 * (KITH_LISTENER_WAITING). What is advertised is announced anew, what is browsed for is asked for
 * anew, and who was found and could not be reached is tried again. For a button "try again": when
 * the network of this machine changes, Kith does so by itself.
 * @thread loop
 * @errors INVALID session is NULL; STATE the session is suspended; CLOSED; THREAD */
KITH_API kith_err kith_retry(kith_session *session);

/* The application goes to the background, where the system may stop the program at any moment.
 * Until kith_session_wake() nothing is tried again, no connection is asked for a sign of life or
 * given up for want of one, and neither give_up_ms nor resume_window_ms run out. What comes is
 * taken as always, as far as the program still runs: listeners stay open, and connections are kept
 * as they are, because most rests are short and then nobody notices. A peer whose connection is
 * silent for longer than *its* idle pings allow waits for this one, as long as the resume window of
 * both says. What is opened meanwhile is tried once. What is advertised is taken off the air, and
 * nobody is looked for, found or lost. Calling again changes nothing.
 * @thread loop
 * @errors INVALID session is NULL; CLOSED; THREAD */
KITH_API kith_err kith_session_suspend(kith_session *session);

/* The application is back. At once every connection is asked for a sign of life (one that has none
 * is lost after 6 s), listeners are looked at and opened anew where the system took them away, and
 * all is tried again as by kith_retry(); peers that are INTERRUPTED have their whole
 * resume_window_ms. What is advertised is on the air again, by another random name and tag where
 * none was chosen, and who was found has 3 s to be seen again. Without kith_session_suspend()
 * before, nothing happens: where the machine slept, or the program was stopped, Kith notices by
 * itself (KITH_NETWORK_WOKE).
 * @thread loop
 * @errors INVALID session is NULL; CLOSED; THREAD */
KITH_API kith_err kith_session_wake(kith_session *session);

/* This session's own id.
 * @thread loop  @errors none */
KITH_API kith_id kith_session_id(const kith_session *session);

/* The user pointer given to kith_session_open(), and the loop the session runs on.
 * @thread loop  @errors none */
KITH_API void *kith_session_user(const kith_session *session);
KITH_API kith_loop *kith_session_loop(const kith_session *session);

/* Counters of a session since it opened. */
typedef struct kith_session_stats {
    size_t size;                  /* set by the caller: sizeof(kith_session_stats) */
    uint64_t links_accepted;      /* transport connections that came in, before any handshake */
    uint64_t links_dialled;       /* attempts that went out */
    uint64_t links_authenticated; /* links that passed the whole handshake */
    uint64_t refused_auth;        /* wrong or unknown key, certificate not trusted, bad signature,
                                     spliced connection, too low a level */
    uint64_t refused_protocol;    /* bytes that are not this protocol */
    uint64_t refused_other;       /* session name, role, version, full, self, time-outs */
    uint64_t frames_ignored;      /* frames of an unknown kind that may be skipped */
    uint64_t peers_connected;     /* connected at this moment */
    uint64_t refused_slow;        /* of refused_other: the handshake was not finished in time */
    uint64_t refused_evicted;     /* of refused_other: in its handshake for long enough to make room
                                     when there were too many */
    uint64_t refused_suspect;     /* of refused_other: too many from an address whose connections
                                     failed lately */
    uint64_t accepts_delayed;     /* times that connections were left waiting because too many were
                                     in their handshake */
    uint64_t packets_ignored;     /* QUIC: packets that belong to no connection and begin none:
                                     garbage, forged ones, and some that were long on their way */
    uint64_t addresses_asked;     /* QUIC: times that a stranger had to show that it is where it
                                     says, because many were in their handshake */
} kith_session_stats;

/* Fills the counters that stats->size has room for.
 * @thread loop
 * @errors INVALID an argument is NULL or size is smaller than its own field; THREAD */
KITH_API kith_err kith_session_get_stats(const kith_session *session, kith_session_stats *stats);

enum {
    KITH_KEY_DIAL =
        1 /* connections that this session opens use this key; the last one added with it wins */
};

/* Adds a pre-shared key to the session's table, at any time; the first one must come before
 * kith_listen() or kith_dial_open(). Copies it. Keys of peers already connected are not looked at
 * again.
 * @thread loop
 * @errors INVALID an argument is NULL or unknown flags; CONFIG the session's security is not PSK;
 * KEY as kith_key_parse(); EXISTS a key of this identity is in the table; LIMIT the table is full
 * (64); NOMEM; CLOSED; THREAD */
KITH_API KITH_MUST_USE kith_err kith_session_add_key(kith_session *session, const kith_key *key,
                                                     unsigned flags);

/* Removes a key: from now on nobody new gets in with it. Peers already connected stay; see
 * kith_session_revoke_key().
 * @thread loop
 * @errors INVALID an argument is NULL; NOT_FOUND no key of this identity; CLOSED; THREAD */
KITH_API KITH_MUST_USE kith_err kith_session_remove_key(kith_session *session,
                                                        const char *identity);

/* Removes a key, and disconnects every peer that is here with it: they see KICKED and text (at most
 * 123 bytes, NULL for none); here they depart with LOCAL. Connections that are just being made are
 * begun again. A peer that is INTERRUPTED comes back with another key or not at all.
 * @thread loop
 * @errors INVALID an argument is NULL, or text too long or no UTF-8; NOT_FOUND no key of this
 * identity; CLOSED; THREAD */
KITH_API KITH_MUST_USE kith_err kith_session_revoke_key(kith_session *session, const char *identity,
                                                        const char *text);

/* Whether listeners want to see a client's certificate. */
typedef enum kith_client_certificates {
    KITH_CLIENT_CERTIFICATES_REQUIRED = 0, /* no certificate, no connection */
    KITH_CLIENT_CERTIFICATES_OPTIONAL = 1, /* one that is shown must be trusted; without one: see
                                              KITH_DOUBT_MISSING; with no on_trust it is taken */
    KITH_CLIENT_CERTIFICATES_NONE = 2 /* not asked for: who dials is known by its own key only */
} kith_client_certificates;

/* What a session shows and trusts. Certificates are X.509: in memory PEM, or DER one behind the
 * other; keys PEM without a password, or DER. Of each pair name the bytes or the file, not both. */
typedef struct kith_certificates {
    size_t size;            /* sizeof(kith_certificates) */
    const void *chain;      /* this side's own certificate first, then those that vouch for it */
    size_t chain_bytes;     /* at most 64 KiB */
    const char *chain_file; /* likewise, to be read */
    const void *key;        /* the private key of the first one */
    size_t key_bytes;       /* at most 16 KiB */
    const char *key_file;   /* likewise, to be read */
    const void *trusted;    /* CAs that are trusted, and single certificates that are themselves */
    size_t trusted_bytes;   /* at most 4 MiB */
    const char *trusted_file;                     /* likewise, to be read */
    uint8_t trust_system;                         /* 1: trust the CAs of this machine as well */
    kith_client_certificates client_certificates; /* of listeners: default REQUIRED */
} kith_certificates;

#define KITH_CERTIFICATES_INIT                                                                     \
    {                                                                                              \
        sizeof(kith_certificates), NULL, 0, NULL, NULL, 0, NULL, NULL, 0, NULL, 0,                 \
            KITH_CLIENT_CERTIFICATES_REQUIRED                                                      \
    }

/* Gives a session of KITH_SECURITY_PKI its certificates, once, before kith_listen() and
 * kith_dial_open(). Listeners need a chain and its key; a session that only dials needs them where
 * the listener asks. Without on_trust something must be trusted. Copies everything; reads the files
 * now, which may block.
 * @thread loop
 * @errors INVALID an argument is NULL, bytes and file are both given or too many; CONFIG the
 * session's security is not PKI, a chain without its key or the reverse, nothing is trusted; KEY a
 * certificate or key cannot be used, or the two do not belong together: kith_detail() says which;
 * NOT_FOUND a file, or the system's CAs, cannot be read; STATE they are set already; UNSUPPORTED no
 * transport here has certificates; NOMEM; CLOSED; THREAD */
KITH_API KITH_MUST_USE kith_err
kith_session_set_certificates(kith_session *session, const kith_certificates *certificates);

/* Answers a question, once. accept not 0: go on. Else the link is closed: the other side sees
 * UNTRUSTED (on_trust) or REJECTED (on_invitation), and text (at most 123 bytes, NULL for none).
 * on_ask_over follows.
 * @thread loop
 * @errors INVALID ask is NULL, or text too long or no UTF-8; STATE answered already; THREAD */
KITH_API kith_err kith_ask_answer(kith_ask *ask, int accept, const char *text);

/* Whether TLS 1.2 with a pre-shared key is taken as well (TLS_PSK_WITH_AES_128_GCM_SHA256, RFC
 * 5487, with the extended master secret of RFC 7627). It is what Apple's Network framework speaks,
 * has no key exchange of its own, and so proves no more than KITH_LEVEL_GROUP: whoever has the key
 * and is on the path reads, changes, and poses as others; whoever gets the key later reads what was
 * recorded. Needs KITH_SECURITY_PSK and min_level KITH_LEVEL_GROUP. Two sides that both have
 * TLS 1.3 refuse anything less. */
typedef enum kith_tls12 {
    KITH_TLS12_NEVER = 0,
    KITH_TLS12_PSK = 1,     /* where the other side has nothing better */
    KITH_TLS12_PSK_ONLY = 2 /* dialling: as if this side had nothing better, to try that out */
} kith_tls12;

/* How to listen. Zero is a good default. */
typedef struct kith_listen_options {
    size_t size;      /* sizeof(kith_listen_options) */
    void *tag;        /* handed back in every event */
    kith_tls12 tls12; /* whether TLS 1.2 is taken, beside TLS 1.3 on the same port */
} kith_listen_options;

#define KITH_LISTEN_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(kith_listen_options), NULL, KITH_TLS12_NEVER                                        \
    }

/* Listens. url is "SCHEME://HOST:PORT": quic (QUIC, over UDP), wss (WebSocket over TLS) or ws
 * (plain WebSocket, only with KITH_SECURITY_NONE), or any (every transport that this build has and
 * the session's security allows); HOST an IP address, IPv6 in brackets, or * for all interfaces;
 * PORT 0 lets the system choose. The outcome comes as on_listener. What this machine cannot do now
 * only, because it does not have the address or its network is down, is no failure: the listener is
 * WAITING, is tried again after 250 ms, doubling to 5 s, and at once when the network changes; one
 * that was READY and lost its address waits likewise, and keeps its port. Copies url. out may be
 * NULL.
 * @thread loop
 * @errors INVALID session or url is NULL; ADDRESS url cannot be read; UNSUPPORTED no such transport
 * here; CONFIG a plain transport in a secure session or the reverse, no key added or no certificate
 * set yet; LIMIT 64 listeners; CLOSED; NOMEM; THREAD */
KITH_API KITH_MUST_USE kith_err kith_listen(kith_session *session, const char *url, void *tag,
                                            kith_listener **out);

/* kith_listen() with options, which may be NULL.
 * @thread loop
 * @errors as kith_listen(); INVALID an option is out of range; CONFIG tls12 does not fit the
 * session's security or min_level */
KITH_API KITH_MUST_USE kith_err kith_listen_open(kith_session *session, const char *url,
                                                 const kith_listen_options *options,
                                                 kith_listener **out);

/* Stops listening; connections already made stay. With quic they use the listener's port, which
 * only this session can listen at again before they have ended. Ends in KITH_LISTENER_CLOSED.
 * @thread loop
 * @errors INVALID listener is NULL; THREAD */
KITH_API kith_err kith_listener_close(kith_listener *listener);

/* How to dial. Zero is a good default. */
typedef struct kith_dial_options {
    size_t size;         /* sizeof(kith_dial_options) */
    void *tag;           /* handed back in every event */
    uint32_t give_up_ms; /* try again for so long when nobody answers; default 30000, UINT32_MAX =
                            for ever */
    const kith_id *want; /* accept only this peer; NULL = whoever is there */
    const char *certificate_name; /* KITH_SECURITY_PKI: the host name or address that the other
                                     side's certificate must have; NULL = HOST of url */
    kith_tls12 tls12;             /* whether TLS 1.2 is spoken with a listener that has only that */
    const void *context;  /* shown to the other side's on_invitation, once it has proved who it is;
                             without any, the session's */
    size_t context_bytes; /* at most KITH_CONTEXT_BYTES_MAX */
} kith_dial_options;

#define KITH_DIAL_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(kith_dial_options), NULL, 0, NULL, NULL, KITH_TLS12_NEVER, NULL, 0                  \
    }

/* Connects to the peer at url, and again when that connection breaks, until the peer has departed:
 * as for kith_listen(), but HOST may be a name and PORT must not be 0.
 * Tries again after refusals and time-outs, and while this machine has no network, waiting 100 ms,
 * doubling to 5 s, each ±25 %, and at once when the network changes (kith_retry()); a failure that
 * trying again cannot mend (AUTH, UNTRUSTED, SESSION, VERSION, ROLE, SELF, NOT_KITH …) is final at
 * once. Where the peer restarts with the identity it had, the dial goes on and tells READY again.
 * options and out may be NULL. Copies url and options.
 * @thread loop
 * @errors as kith_listen_open(); LIMIT 1024 dials */
KITH_API KITH_MUST_USE kith_err kith_dial_open(kith_session *session, const char *url,
                                               const kith_dial_options *options, kith_dial **out);

/* Stops dialling. A peer already connected stays. Ends in KITH_DIAL_CLOSED with reason LOCAL.
 * @thread loop
 * @errors INVALID dial is NULL; THREAD */
KITH_API kith_err kith_dial_cancel(kith_dial *dial);

/* What an invitation says. */
typedef struct kith_invitation_info {
    size_t size; /* set by the caller: sizeof(kith_invitation_info) */
    char session_name[KITH_NAME_BYTES_MAX + 1];
    kith_security security;                            /* what the session asks for */
    kith_id id;                                        /* who is to be met */
    char endpoints[KITH_INVITATION_ENDPOINTS_MAX][97]; /* URLs where */
    size_t endpoint_count;
} kith_invitation_info;

/* Writes an invitation to this session, to be sent by other means (mail, a QR code): a line of text
 * "kith:…" with the session's name, this session's id, and where it listens now. It holds no key
 * and grants nothing: whoever follows it needs the key or certificate as ever.
 * @thread loop
 * @errors INVALID an argument is NULL; STATE the session listens nowhere; CLOSED; THREAD */
KITH_API KITH_MUST_USE kith_err kith_session_invite(kith_session *session,
                                                    char out[KITH_INVITATION_BYTES]);

/* Reads an invitation without following it, to show it or to open the session it names. White space
 * at its end is ignored. The text may come from anybody: ask a person before following one.
 * @thread any
 * @errors INVALID an argument is NULL or size is not that of this library's struct; ADDRESS it is
 * damaged, not whole, or none */
KITH_API KITH_MUST_USE kith_err kith_invitation_parse(const char *text, kith_invitation_info *out);

/* Follows an invitation: kith_dial_open() to all its addresses, a quarter of a second after each
 * other (RFC 8305), to that peer and nobody else. The dial's events name the first address. With
 * KITH_SECURITY_PKI no name is looked for in the certificate: the id says who it must be.
 * options->want and certificate_name are not looked at.
 * @thread loop
 * @errors as kith_dial_open(); ADDRESS as kith_invitation_parse(), or no transport here fits;
 * CONFIG it is for a session of another name or security; INVALID it is this session's own */
KITH_API KITH_MUST_USE kith_err kith_dial_invitation(kith_session *session, const char *text,
                                                     const kith_dial_options *options,
                                                     kith_dial **out);

/* ---------------------------------------------------------------------------------------------- */
/* Finding each other */

/* Who speaks multicast DNS for this program. */
typedef enum kith_stack {
    KITH_STACK_OWN = 0,   /* Kith does, in this process: no daemon, nothing of this machine is told.
                             In a build that cannot, as KITH_STACK_SYSTEM */
    KITH_STACK_SYSTEM = 1 /* the system's service (Avahi), so that there is one for all programs;
                             Kith's own while that does not run or takes no requests. Calls to it
                             wait for its answer, so choose it where it is trusted to give one */
} kith_stack;

/* How a session is made known on the local network. Zero is a good default. */
typedef struct kith_advertise_options {
    size_t size;         /* sizeof(kith_advertise_options) */
    void *tag;           /* handed back in every event */
    const char *service; /* the application: 1 to 15 of a-z, 0-9, '-', with a letter, without '-' at
                            the ends or twice in a row (RFC 6335 §5.1); default "kith" */
    const char *instance; /* the name to go by on the air, 1 to 63 bytes of UTF-8 without control
                             characters, seen by everyone; NULL: a random one that changes */
    const kith_discovery_info *info; /* said beside it, in clear, to everyone */
    size_t info_count;               /* KITH_DISCOVERY_INFO_BYTES_MAX bytes in all */
    const char *interfaces; /* which network interfaces, by name: words separated by ',', '*' stands
                               for any characters, '!' excludes: "eth*,wlan0" or "!docker*"; NULL:
                               all but those for two machines alone (point-to-point links, Wi-Fi
                               Direct, AWDL), which have to be named */
    kith_stack stack;       /* a program that both advertises and browses chooses the same */
} kith_advertise_options;

#define KITH_ADVERTISE_OPTIONS_INIT                                                                \
    {                                                                                              \
        sizeof(kith_advertise_options), NULL, NULL, NULL, NULL, 0, NULL, KITH_STACK_OWN            \
    }

/* Makes this session known to those nearby who look for sessions of its name: every port that it
 * listens on, now or later. On the air are the service, the instance name, a random tag, ports,
 * transports, addresses and info; no id, no display name, and instead of the session's name a hash
 * that only holders of its key can make (without a key everyone can guess it). What is random
 * changes at each start and every 15 minutes. Copies options. out may be NULL.
 * @thread loop
 * @errors INVALID session is NULL or an option is out of range; TOO_BIG info; UNSUPPORTED this
 * build has no discovery; LIMIT 16 of these; NOMEM; CLOSED; THREAD */
KITH_API KITH_MUST_USE kith_err kith_advertise(kith_session *session,
                                               const kith_advertise_options *options,
                                               kith_discovery **out);

/* Says something else beside the name. Copies info.
 * @thread loop
 * @errors INVALID discovery is NULL, or info out of range; TOO_BIG; STATE it browses; CLOSED;
 * NOMEM; THREAD */
KITH_API KITH_MUST_USE kith_err kith_advertise_update(kith_discovery *discovery,
                                                      const kith_discovery_info *info,
                                                      size_t info_count);

/* What to do with who is found. */
typedef enum kith_auto_connect {
    KITH_AUTO_CONNECT_OFF = 0, /* the application chooses: kith_dial_found() */
    KITH_AUTO_CONNECT_ON = 1 /* connect to everyone who is found, once each, a few at a time; tried
                                three times and then not for 10 minutes. The application hears of
                                peers, not of these dials */
} kith_auto_connect;

/* How to look for others. Zero is a good default. */
typedef struct kith_browse_options {
    size_t size;                    /* sizeof(kith_browse_options) */
    void *tag;                      /* handed back in every event */
    const char *service;            /* as in kith_advertise_options */
    const char *interfaces;         /* likewise */
    uint8_t all_sessions;           /* 1: sessions of every name and key, not only this one's */
    kith_auto_connect auto_connect; /* not together with all_sessions */
    const char *const *urls;        /* not NULL: instead of the network a list of addresses, as for
                                       kith_dial_open(); each is FOUND at once and never LOST */
    size_t url_count;               /* 1 to 64 with urls */
    kith_stack stack;               /* as in kith_advertise_options */
} kith_browse_options;

#define KITH_BROWSE_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(kith_browse_options), NULL, NULL, NULL, 0, KITH_AUTO_CONNECT_OFF, NULL, 0,          \
            KITH_STACK_OWN                                                                         \
    }

/* Looks for others nearby until it is closed. This session itself is never found. At most 1024 are
 * known at a time. Copies options. out may be NULL.
 * @thread loop
 * @errors INVALID session is NULL or an option is out of range; ADDRESS one of urls cannot be read;
 * CONFIG auto_connect with all_sessions, or in a session of KITH_ROLE_SERVER, or of
 * KITH_SECURITY_PSK without a key to dial with; UNSUPPORTED this build has no discovery; LIMIT 16
 * of these; NOMEM; CLOSED; THREAD */
KITH_API KITH_MUST_USE kith_err kith_browse(kith_session *session,
                                            const kith_browse_options *options,
                                            kith_discovery **out);

/* Stops advertising or browsing; peers who are connected stay. Ends in KITH_DISCOVERY_CLOSED.
 * @thread loop
 * @errors INVALID discovery is NULL; THREAD */
KITH_API kith_err kith_discovery_close(kith_discovery *discovery);

/* Connects to one that was found: kith_dial_open() to all its addresses, a quarter of a second
 * after each other (RFC 8305). The dial's events name the first address. With KITH_SECURITY_PKI no
 * name is looked for in the certificate, because none is known: whoever is trusted will do.
 * options->certificate_name is not looked at. options and out may be NULL.
 * @thread loop
 * @errors as kith_dial_open(); NOT_FOUND it is not there any more, or number is none of this
 * browser's; UNSUPPORTED no transport here fits */
KITH_API KITH_MUST_USE kith_err kith_dial_found(kith_discovery *browser, uint64_t number,
                                                const kith_dial_options *options, kith_dial **out);

/* ---------------------------------------------------------------------------------------------- */
/* Peers */

/* Walks the connected peers in no particular order: NULL gives the first, the last gives NULL.
 * Peers that connect or depart in between are safe to meet; prev itself must still be connected.
 * @thread loop  @errors none (NULL also for a NULL session) */
KITH_API kith_peer *kith_peer_next(const kith_session *session, const kith_peer *prev);

/* The connected peer of that id, or NULL.
 * @thread loop  @errors none */
KITH_API kith_peer *kith_peer_find(const kith_session *session, const kith_id *id);

/* A peer's id, display name (untrusted text of 1 to 63 bytes UTF-8 without control characters),
 * state, session. The name lives as long as the handle. The session is NULL once the peer departed.
 * @thread loop  @errors none */
KITH_API kith_id kith_peer_id(const kith_peer *peer);
KITH_API const char *kith_peer_name(const kith_peer *peer);
KITH_API kith_peer_state kith_peer_get_state(const kith_peer *peer);
KITH_API kith_session *kith_peer_session(const kith_peer *peer);

/* A pointer of the application's kept with the peer; NULL at first.
 * @thread loop  @errors none */
KITH_API void kith_peer_set_user(kith_peer *peer, void *user);
KITH_API void *kith_peer_user(const kith_peer *peer);

/* Keeps the handle beyond its final event, and gives it back. Calls nest. The first
 * kith_peer_retain() for another thread is called on the loop thread, before that event is over.
 * @thread any  @errors none */
KITH_API kith_peer *kith_peer_retain(kith_peer *peer);
KITH_API void kith_peer_release(kith_peer *peer);

/* What is known of a peer and its present link. The texts and certificates live until the peer's
 * next event. */
typedef struct kith_peer_info {
    size_t size;                /* set by the caller: sizeof(kith_peer_info) */
    kith_level level;           /* what the link proves */
    const char *transport;      /* "quic", "wss", "ws" … */
    const char *cipher;         /* TLS cipher suite (RFC 8446 §B.4 name), "" without encryption */
    const char *psk_identity;   /* identity of the pre-shared key, "" without */
    const char *remote_address; /* "192.0.2.1:4242", "[2001:db8::1]:4242" */
    uint16_t tls_version;       /* 0x0304 = TLS 1.3; 0 without encryption */
    uint8_t dialled;            /* 1 when this side opened the link */
    uint32_t rtt_us;            /* last measured round trip; 0 = not measured yet */
    uint32_t max_message_bytes; /* largest message the peer takes */
    uint64_t queued_bytes;      /* accepted by kith_send() and not yet confirmed as received */
    const kith_certificate *chain; /* certificates that the peer showed, its own first; NULL without
                                      any */
    size_t chain_count;            /* of them */
    unsigned doubts;               /* bits of kith_doubt that on_trust was asked about */
    const uint8_t *sha256; /* 32 bytes: SHA-256 of the DER of the peer's own certificate, to show,
                              to remember, or to ban it by; NULL without one. Lives as the chain */
} kith_peer_info;

/* Fills the fields that info->size has room for.
 * @thread loop
 * @errors INVALID an argument is NULL or size is smaller than its own field; NOT_CONNECTED; THREAD
 */
KITH_API kith_err kith_peer_get_info(const kith_peer *peer, kith_peer_info *info);

/* Ends the connection to one peer: it sees KICKED and text (at most 123 bytes, NULL for none); here
 * it departs with LOCAL. What was not yet delivered gets its fate.
 * @thread loop
 * @errors INVALID peer is NULL or text too long or no UTF-8; NOT_CONNECTED; THREAD */
KITH_API kith_err kith_peer_disconnect(kith_peer *peer, const char *text);

/* What a ban goes by. An identity costs nothing to make, and whoever holds the key of a room can
 * come back as somebody else: real exclusion is another key (kith_session_revoke_key()). */
typedef enum kith_ban_kind {
    KITH_BAN_ID = 1,         /* this id */
    KITH_BAN_KEY = 2,        /* everyone who comes with the pre-shared key of this identity */
    KITH_BAN_CERTIFICATE = 3 /* everyone who shows this very certificate */
} kith_ban_kind;

typedef struct kith_ban {
    size_t size;              /* sizeof(kith_ban) */
    kith_ban_kind kind;       /* which of the three below counts */
    kith_id id;               /* ID */
    const char *psk_identity; /* KEY; 1 to 128 bytes. Borrowed for the call */
    const uint8_t *sha256;    /* CERTIFICATE: 32 bytes of its DER's SHA-256, as in
                                 kith_trust_question. Borrowed for the call */
} kith_ban;

#define KITH_BAN_INIT                                                                              \
    {                                                                                              \
        sizeof(kith_ban), KITH_BAN_ID, {{0}}, NULL, NULL                                           \
    }

/* Refuses from now on whom the ban means, and puts out whoever is here: they see BANNED and text
 * (at most 123 bytes, NULL for none); here they depart with LOCAL. Lasts as long as the session.
 * @thread loop
 * @errors INVALID an argument is NULL or out of range, text no UTF-8; EXISTS it is banned already;
 * LIMIT 1024 bans; NOMEM; CLOSED; THREAD */
KITH_API KITH_MUST_USE kith_err kith_session_ban(kith_session *session, const kith_ban *ban,
                                                 const char *text);

/* Takes a ban back: from now on those it meant may come in again.
 * @thread loop
 * @errors INVALID as kith_session_ban(); NOT_FOUND there is no such ban; CLOSED; THREAD */
KITH_API KITH_MUST_USE kith_err kith_session_unban(kith_session *session, const kith_ban *ban);

/* How to send. */
typedef struct kith_send_options {
    size_t size; /* sizeof(kith_send_options) */
    uint64_t
        ticket; /* not 0: report this message's fate with this number; numbers need not be unique */
    /* Not NULL: data is lent, not copied. On KITH_OK Kith takes it, and calls this once, on the
     * loop thread, when the last peer has received it or departed; until then the bytes must not
     * change. May not call Kith. */
    void (*free_fn)(void *free_user, const void *data);
    void *free_user; /* handed to free_fn */
} kith_send_options;

#define KITH_SEND_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(kith_send_options), 0, NULL, NULL                                                   \
    }

/* Sends one message, reliably and in the order of its channel; channels do not wait for each other.
 * Copies data, unless options lend it. KITH_OK means queued: the fate tells of the rest. options
 * may be NULL; data may be NULL when data_bytes is 0. On another thread than the loop's: hold a
 * reference to peer (kith_peer_retain() on the loop thread), and do not call after kith_loop_free()
 * has begun. Messages of one thread keep their order; such messages are at most 1/32 of
 * budget_bytes each, 1/16 of it together on their way. on_writable comes on the loop thread, as
 * always.
 * @thread any
 * @errors INVALID peer or data is NULL, channel above 7; NOT_CONNECTED; TOO_BIG larger than the
 * peer takes (kith_peer_info.max_message_bytes); AGAIN the queue is full: on_writable follows;
 * CLOSED the session is closing; NOMEM. On any error nothing was queued, no fate follows, and lent
 * data stays the caller's */
KITH_API KITH_MUST_USE kith_err kith_send(kith_peer *peer, unsigned channel, const void *data,
                                          size_t data_bytes, const kith_send_options *options);

/* One receiver of kith_send_many() or kith_broadcast(), and what became of it there: the errors of
 * kith_send(). */
typedef struct kith_send_result {
    kith_peer *peer; /* kith_send_many(): set by the caller */
    kith_err err;    /* set by the call */
} kith_send_result;

/* Sends one message to several peers of a session; it is copied once (or lent). Each peer that
 * takes it is on its own: see to[i].err. A ticket is reported once for each of them. On KITH_OK and
 * PARTIAL all have been tried and lent data is Kith's; on any other error nobody was, and it stays
 * the caller's. On another thread: as for kith_send(), with a reference to each peer, to[0].peer
 * not NULL, all of one loop; session is not looked at.
 * @thread any
 * @errors PARTIAL at least one peer did not take it; INVALID an argument is NULL, channel above 7;
 * CLOSED; NOMEM; THREAD */
KITH_API KITH_MUST_USE kith_err kith_send_many(kith_session *session, kith_send_result *to,
                                               size_t count, unsigned channel, const void *data,
                                               size_t data_bytes, const kith_send_options *options);

/* Sends one message to everyone connected. results may be NULL, or have room for *count; *count
 * becomes the number of peers tried, which can be more than there was room for. count may be NULL
 * together with results. KITH_OK also when nobody is connected (lent data comes back at the end of
 * the turn).
 * @thread loop
 * @errors as kith_send_many() */
KITH_API KITH_MUST_USE kith_err kith_broadcast(kith_session *session, unsigned channel,
                                               const void *data, size_t data_bytes,
                                               const kith_send_options *options,
                                               kith_send_result *results, size_t *count);

/* Inside on_message: keeps the message beyond the callback. Until kith_held_release() it counts as
 * received but not as delivered, and so does what comes later on its channel. What is held takes
 * from the channel's window (64 KiB, or budget_bytes / 64 where that is less, unless traffic has
 * widened it): when that is full its sender gets no further, except for a message larger than the
 * rest of the window, which is taken as long as a quarter of budget_bytes, shared by all channels,
 * has room for it. So do not wait for more than a window of messages before giving any back. Gives
 * *out.
 * @thread loop
 * @errors INVALID an argument is NULL; STATE not the message being handed out, or held already;
 * NOMEM; THREAD */
KITH_API KITH_MUST_USE kith_err kith_message_hold(kith_peer *peer, const kith_message *message,
                                                  kith_held **out);

/* A held message's bytes; *data_bytes (may be NULL) their number. They live until
 * kith_held_release(). Never NULL.
 * @thread loop  @errors none */
KITH_API const void *kith_held_data(const kith_held *held, size_t *data_bytes);

/* Gives a held message back, in any order; the sender sees DELIVERED once all before it on its
 * channel are given back as well. Legal after the peer departed, and needed then too; not after
 * kith_loop_free(). NULL is ignored.
 * @thread loop  @errors none */
KITH_API void kith_held_release(kith_held *held);

/* How to send a datagram. */
typedef struct kith_datagram_options {
    size_t size; /* sizeof(kith_datagram_options) */
    uint32_t
        lifetime_ms; /* when it cannot go at once, it may wait so long; default 0: now or never */
} kith_datagram_options;

#define KITH_DATAGRAM_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(kith_datagram_options), 0                                                           \
    }

/* Sends one datagram: at most once, in any order, never behind messages. Copies data. options may
 * be NULL. What cannot go within its lifetime is dropped and counted
 * (kith_peer_stats.datagrams_dropped). Over a transport without datagrams of its own (WebSocket) it
 * goes only when the connection takes bytes at this moment. Datagrams go before messages. On
 * another thread: as for kith_send(); KITH_OK then means that the loop sends or drops it, within
 * its lifetime and some 20 ms.
 * @thread any
 * @errors INVALID peer or data is NULL; NOT_CONNECTED; TOO_BIG above kith_peer_datagram_max();
 * AGAIN dropped at once: the connection takes nothing now, or there is none, or 64 KiB of datagrams
 * wait: on_datagram_writable follows; CLOSED; NOMEM */
KITH_API kith_err kith_send_datagram(kith_peer *peer, const void *data, size_t data_bytes,
                                     const kith_datagram_options *options);

/* The largest datagram that can be sent to the peer now, in bytes; 0 when it is not connected.
 * Changes with the connection.
 * @thread loop  @errors none */
KITH_API size_t kith_peer_datagram_max(const kith_peer *peer);

/* Counters of a peer since it connected. */
typedef struct kith_peer_stats {
    size_t size;                 /* set by the caller: sizeof(kith_peer_stats) */
    uint64_t messages_sent;      /* accepted by kith_send() and the like */
    uint64_t messages_received;  /* handed to on_message */
    uint64_t message_bytes_sent; /* likewise, without any framing */
    uint64_t message_bytes_received;
    uint64_t unsent_bytes;       /* queued, not yet on the way; with framing, as the next two */
    uint64_t retained_bytes;     /* on the way, not yet confirmed as received */
    uint64_t held_bytes;         /* received, and not yet given back by the application */
    uint64_t datagrams_sent;     /* handed to the transport */
    uint64_t datagrams_dropped;  /* by this side, before that */
    uint64_t datagrams_received; /* handed to on_datagram */
    uint64_t window_bytes;       /* what the peer may send unasked, all channels together */
    uint64_t times_blocked;      /* the peer was told that its windows hold this side up */
} kith_peer_stats;

/* Fills the counters that stats->size has room for.
 * @thread loop
 * @errors INVALID an argument is NULL or size is smaller than its own field; NOT_CONNECTED; THREAD
 */
KITH_API kith_err kith_peer_get_stats(const kith_peer *peer, kith_peer_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
