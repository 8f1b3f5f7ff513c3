/* SPDX-License-Identifier: MIT
 *
 * MIGRATING.c: runs the C of docs/MIGRATING.md, all of it, and holds the page to what it says of
 * Kith's behaviour. tests/checks/snippets builds it. Uses kith.h alone.
 */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* What the page prints of a departure is all that is left to see where a peer came and went in one
 * turn. */
static char turned_away_by[64];

__attribute__((format(printf, 1, 2))) static int print_and_note(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (strstr(line, ": disconnected by the other side. the game has begun") != NULL) {
        snprintf(turned_away_by, sizeof turned_away_by, "%.*s", (int)strcspn(line, ":"), line);
    }
    return fputs(line, stdout);
}

#define printf print_and_note
#include "MIGRATING.snippets.c"
#undef printf

#include <stdatomic.h>

enum {
    PATIENCE_MS = 10000,
    STEP_MS = 10,
    KEY_LINE_BYTES = KITH_KEY_IDENTITY_BYTES_MAX + 2 * KITH_KEY_BYTES_MAX + 2
};

#define CHECK(what)                                                                                \
    ((what) ? (void)0                                                                              \
            : (fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #what, kith_detail()),       \
               exit(1)))
#define OK(call) CHECK((call) == KITH_OK)
/* Runs the loop until something is so. */
#define UNTIL(loop, what)                                                                          \
    do {                                                                                           \
        for (int left = PATIENCE_MS / STEP_MS; !(what); left--) {                                  \
            CHECK(left > 0 && #what);                                                              \
            OK(kith_loop_step(loop, STEP_MS));                                                     \
        }                                                                                          \
    } while (0)

static kith_peer *only_peer(const struct app *app)
{
    kith_peer *peer = kith_peer_next(app->session, NULL);
    CHECK(peer != NULL && kith_peer_next(app->session, peer) == NULL);
    return peer;
}

static void open_one(struct app *app, kith_loop *loop, const char *name, const char *key_line)
{
    kith_session_config config = configuration(name, KITH_ROLE_STAR);
    configure_connections(&config);
    memset(app, 0, sizeof *app);
    app->loop = loop;
    OK(open_app(app, &config, key_line));
}

static void listen_one(struct app *app)
{
    OK(be_reachable(app, "wss://127.0.0.1:0"));
    UNTIL(app->loop, app->url[0] != '\0');
}

/* ---- the page's program, from the key to the farewell ------------------------------------------
 */

static void talk(struct app *ada, struct app *bob)
{
    kith_loop *loop = ada->loop;
    kith_peer *to_ada = only_peer(bob), *to_bob = only_peer(ada);
    kith_peer_info info = {.size = sizeof info};
    kith_id id = kith_session_id(bob->session);
    char id_text[37];
    OK(kith_peer_get_info(to_ada, &info));
    CHECK(info.level == KITH_LEVEL_IDENTITY && info.tls_version == 0x0304);
    CHECK(info.max_message_bytes == 1024 * 1024);
    CHECK(kith_peer_datagram_max(to_ada) == 1200);
    kith_id_format(&id, id_text);
    CHECK(find_peer(ada->session, id_text) == to_bob);
    CHECK(find_peer(ada->session, "Bob") == NULL);

    OK(send_in_mode(to_ada, "in order", 8, 1));
    UNTIL(loop, strcmp(ada->heard, "in order") == 0);
    OK(send_in_mode(to_ada, "at once", 7, 0));
    UNTIL(loop, strcmp(ada->seen, "at once") == 0);
    OK(send_position(to_ada, "x 7 y 9", 7));
    UNTIL(loop, strcmp(ada->seen, "x 7 y 9") == 0);
    CHECK(send_position(to_ada, "", 1201) == KITH_ERR_TOO_BIG);
    OK(send_to(ada->session, &to_bob, 1, "your turn", 9));
    UNTIL(loop, strcmp(bob->heard, "your turn") == 0);
    OK(tell_everyone(ada, "a six", 5, 1));
    UNTIL(loop, ada->delivered == 1 && strcmp(bob->heard, "a six") == 0);
}

static void send_a_file(struct app *ada, struct app *bob)
{
    enum { FILE_BYTES = 7 * 1000 * 1000 };
    static struct outgoing out;
    struct outgoing second = {.to = only_peer(bob)};
    out.from = tmpfile();
    out.to = only_peer(bob);
    CHECK(out.from != NULL);
    for (int i = 0; i < FILE_BYTES; i++) {
        putc(i % 251, out.from);
    }
    rewind(out.from);
    CHECK(send_file(bob, &out, "board.bin") == KITH_ERR_AGAIN); /* more than a queue holds */
    CHECK(send_file(bob, &second, "second.bin") == KITH_ERR_STATE);
    OK(tell_everyone(bob, "meanwhile", 9, 2)); /* another channel has room */
    UNTIL(ada->loop, strcmp(ada->heard, "meanwhile") == 0);
    CHECK(ada->file_bytes == 0);
    UNTIL(ada->loop, ada->file_bytes != 0);
    CHECK(ada->file_bytes == FILE_BYTES && strcmp(ada->file_name, "board.bin") == 0 && out.is_done);
    fclose(out.from);
}

static void the_program(void)
{
    struct app ada, bob, carol;
    char line[KEY_LINE_BYTES], new_line[KEY_LINE_BYTES], identity[KITH_KEY_IDENTITY_BYTES_MAX + 1];
    kith_loop *loop;
    OK(new_group(line, sizeof line));
    OK(new_group(new_line, sizeof new_line));
    OK(kith_loop_new(NULL, &loop));
    open_one(&ada, loop, "Ada", line);
    listen_one(&ada);
    open_one(&bob, loop, "Bob", line);
    OK(connect_to(&bob, ada.url));
    UNTIL(loop, ada.peer_count == 1 && bob.peer_count == 1);
    talk(&ada, &bob);
    send_a_file(&ada, &bob);

    /* A new key: who is there stays, who has the old one alone gets nowhere. */
    snprintf(identity, sizeof identity, "%.*s", (int)strcspn(line, ":"), line);
    OK(change_key(ada.session, identity, new_line));
    open_one(&carol, loop, "Carol", line);
    OK(connect_to(&carol, ada.url));
    for (kith_session_stats stats = {.size = sizeof stats}; stats.refused_auth == 0;) {
        OK(kith_loop_step(loop, STEP_MS));
        OK(kith_session_get_stats(ada.session, &stats));
    }
    CHECK(ada.peer_count == 1 && carol.peer_count == 0);

    /* Turned away, with the words of the page. */
    ada.is_full = 1;
    OK(join_group(carol.session, new_line));
    OK(connect_to(&carol, ada.url));
    UNTIL(loop, strcmp(turned_away_by, "Ada") == 0);
    UNTIL(loop, carol.peer_count == 0 && ada.peer_count == 1);

    leave(&bob);
    leave(&carol);
    UNTIL(loop, ada.peer_count == 0);
    leave(&ada);
    OK(kith_loop_run(loop));
    kith_loop_free(&loop);
}

/* ---- on a thread of Kith's ------------------------------------------------------------------- */

static atomic_int is_there;

static void tell_whether_there(void *user)
{
    const struct app *app = user;
    atomic_store(&is_there, app->url[0] != '\0');
}

static void the_thread(void)
{
    static struct app app; /* outlives the loop */
    char line[KEY_LINE_BYTES];
    kith_session_config config = configuration("Dan", KITH_ROLE_SERVER);
    struct opening opening = {&app, &config, line, "wss://127.0.0.1:0"};
    OK(new_group(line, sizeof line));
    OK(start(&opening));
    while (!atomic_load(&is_there)) {
        kith_err err = kith_post(app.loop, tell_whether_there, &app);
        CHECK(err == KITH_OK || err == KITH_ERR_AGAIN);
    }
    kith_loop_free(&app.loop);
}

/* ---- what the page says of Kith ----------------------------------------------------------------
 */

struct witness {
    kith_session *session;
    kith_listener *listener;
    kith_dial *dial;
    char url[300], text[200];
    unsigned connected, departed, ready, waiting, failed, closed_dials, messages, closed_listeners;
    kith_reason reason, dial_reason;
    kith_err listener_err;
    kith_fate fate;
    int puts_out, talks;
};

static void witness_peer(kith_session *session, kith_peer *peer, kith_peer_state state,
                         kith_reason reason, const char *text, void *user)
{
    struct witness *self = user;
    kith_send_options options = KITH_SEND_OPTIONS_INIT;
    (void)session;
    self->connected += state == KITH_PEER_CONNECTED;
    self->departed += state == KITH_PEER_DEPARTED;
    CHECK(state == KITH_PEER_CONNECTED || state == KITH_PEER_DEPARTED);
    self->reason = reason;
    snprintf(self->text, sizeof self->text, "%s", text);
    options.ticket = 1;
    if (state == KITH_PEER_CONNECTED && self->talks) {
        OK(kith_send(peer, 0, "from inside", 11, &options));
    }
    if (state == KITH_PEER_CONNECTED && self->puts_out) {
        OK(kith_peer_disconnect(peer, "no"));
    }
}

static void witness_message(kith_session *session, kith_peer *peer, const kith_message *message,
                            void *user)
{
    struct witness *self = user;
    (void)session, (void)peer, (void)message;
    self->messages++;
}

static void witness_fate(kith_session *session, kith_peer *peer, uint64_t ticket, kith_fate fate,
                         void *user)
{
    struct witness *self = user;
    (void)session, (void)peer, (void)ticket;
    self->fate = fate;
}

static void witness_listener(kith_session *session, kith_listener *listener,
                             const kith_listener_event *event, void *user)
{
    struct witness *self = user;
    (void)session, (void)listener;
    self->closed_listeners += event->kind == KITH_LISTENER_CLOSED;
    self->listener_err = event->err;
    snprintf(self->url, sizeof self->url, "%s", event->url);
}

static void witness_dial(kith_session *session, kith_dial *dial, const kith_dial_event *event,
                         void *user)
{
    struct witness *self = user;
    (void)session, (void)dial;
    CHECK(event->kind != KITH_DIAL_READY || self->connected > 0); /* on_peer told already */
    self->ready += event->kind == KITH_DIAL_READY;
    self->waiting += event->kind == KITH_DIAL_WAITING;
    self->failed += event->kind == KITH_DIAL_FAILED;
    self->closed_dials += event->kind == KITH_DIAL_CLOSED;
    self->dial_reason = event->reason;
}

static void witness_closed(kith_session *session, void *user)
{
    struct witness *self = user;
    (void)session;
    self->session = NULL;
}

static const kith_callbacks witness_callbacks = {.size = sizeof witness_callbacks,
                                                 .on_peer = witness_peer,
                                                 .on_message = witness_message,
                                                 .on_fate = witness_fate,
                                                 .on_listener = witness_listener,
                                                 .on_dial = witness_dial,
                                                 .on_closed = witness_closed};

static kith_err open_witness(struct witness *self, kith_loop *loop,
                             const kith_session_config *config)
{
    memset(self, 0, sizeof *self);
    return kith_session_open(loop, config, &witness_callbacks, self, &self->session);
}

static kith_session_config plain(const char *name)
{
    kith_session_config config = configuration(name, KITH_ROLE_STAR);
    config.security = KITH_SECURITY_NONE;
    return config;
}

static void witness_open(struct witness *self, kith_loop *loop, const char *name)
{
    kith_session_config config = plain(name);
    OK(open_witness(self, loop, &config));
    OK(kith_listen(self->session, "ws://127.0.0.1:0", NULL, &self->listener));
    UNTIL(loop, self->url[0] != '\0');
}

static void witness_dials(struct witness *self, const char *url, uint32_t give_up_ms)
{
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    options.give_up_ms = give_up_ms;
    OK(kith_dial_open(self->session, url, &options, &self->dial));
}

static void meet(kith_loop *loop, struct witness *one, struct witness *other)
{
    unsigned connected = other->connected + 1, ready = one->ready + 1;
    witness_dials(one, other->url, 0);
    UNTIL(loop, one->ready == ready && other->connected == connected);
}

static void what_a_session_refuses(kith_loop *loop)
{
    char name[KITH_NAME_BYTES_MAX + 2];
    struct witness eve;
    kith_session_config config = plain("Eve");
    memset(name, 'n', sizeof name);
    name[KITH_NAME_BYTES_MAX + 1] = '\0';
    config.display_name = name;
    CHECK(open_witness(&eve, loop, &config) == KITH_ERR_INVALID);
    config.display_name = "";
    CHECK(open_witness(&eve, loop, &config) == KITH_ERR_INVALID);
    config.display_name = "line\nbreak";
    CHECK(open_witness(&eve, loop, &config) == KITH_ERR_INVALID);
    config.display_name = "Eve";
    config.security = KITH_SECURITY_UNSET;
    CHECK(open_witness(&eve, loop, &config) == KITH_ERR_CONFIG);
    CHECK(strstr(kith_detail(), "security") != NULL);
    config.security = KITH_SECURITY_NONE;
    name[KITH_NAME_BYTES_MAX] = '\0';
    config.display_name = name;
    OK(open_witness(&eve, loop, &config));
    CHECK(kith_listen(eve.session, "wss://127.0.0.1:0", NULL, NULL) == KITH_ERR_CONFIG);
    kith_session_close(eve.session, 0);
    UNTIL(loop, eve.session == NULL);
    config.security = KITH_SECURITY_PSK;
    OK(open_witness(&eve, loop, &config));
    CHECK(kith_listen(eve.session, "ws://127.0.0.1:0", NULL, NULL) == KITH_ERR_CONFIG);
    kith_session_close(eve.session, 0);
    UNTIL(loop, eve.session == NULL);
}

static void how_listeners_fail_and_peers_depart(kith_loop *loop)
{
    struct witness eve, finn;
    kith_loop *elsewhere;
    kith_peer *gone;
    kith_send_result late = {NULL, KITH_OK};
    witness_open(&eve, loop, "Eve");

    /* The same address again. */
    OK(kith_listen(eve.session, eve.url, NULL, NULL));
    UNTIL(loop, eve.listener_err != KITH_OK);
    CHECK(eve.listener_err == KITH_ERR_IN_USE);

    witness_open(&finn, loop, "Finn");
    meet(loop, &finn, &eve);
    gone = kith_peer_retain(kith_peer_next(eve.session, NULL));
    kith_session_close(finn.session, 1000);
    UNTIL(loop, finn.session == NULL && eve.departed == 1);
    CHECK(eve.reason == KITH_REASON_LEFT && finn.reason == KITH_REASON_LOCAL);
    CHECK(finn.dial_reason == KITH_REASON_LOCAL);
    CHECK(kith_send(gone, 0, "too late", 8, NULL) == KITH_ERR_NOT_CONNECTED);
    late.peer = gone;
    CHECK(kith_send_many(eve.session, &late, 1, 0, "too late", 8, NULL) == KITH_ERR_PARTIAL);
    CHECK(late.err == KITH_ERR_NOT_CONNECTED);
    kith_peer_release(gone);

    /* Put out at once: it was told that it is connected, and nothing it said was heard. */
    witness_open(&finn, loop, "Finn");
    eve.puts_out = 1;
    finn.talks = 1;
    witness_dials(&finn, eve.url, 0);
    UNTIL(loop, finn.departed == 1 && eve.departed == 2 && finn.closed_dials == 1);
    CHECK(finn.connected == 1 && finn.reason == KITH_REASON_KICKED && strcmp(finn.text, "no") == 0);
    CHECK(eve.reason == KITH_REASON_LOCAL && eve.messages == 0 && finn.fate != KITH_FATE_DELIVERED);
    eve.puts_out = 0;

    /* Heard, when it is not put out; and a listener that closes puts nobody out. */
    meet(loop, &finn, &eve);
    UNTIL(loop, eve.messages == 1 && finn.fate == KITH_FATE_DELIVERED);
    kith_listener_close(eve.listener);
    UNTIL(loop, eve.closed_listeners == 1);
    /* Nor does a dial that is cancelled. */
    kith_dial_cancel(finn.dial);
    UNTIL(loop, finn.closed_dials == 2);
    CHECK(finn.dial_reason == KITH_REASON_LOCAL && kith_peer_next(eve.session, NULL) != NULL);
    kith_session_close(finn.session, 0);
    UNTIL(loop, finn.session == NULL);

    /* A session is gone with its loop; the others are told. */
    OK(kith_loop_new(NULL, &elsewhere));
    witness_open(&finn, elsewhere, "Finn");
    witness_dials(&eve, finn.url, 0);
    for (int left = PATIENCE_MS / STEP_MS; eve.ready == 0 || finn.connected == 0; left--) {
        CHECK(left > 0);
        OK(kith_loop_step(loop, STEP_MS));
        OK(kith_loop_step(elsewhere, 0));
    }
    kith_loop_free(&elsewhere);
    CHECK(finn.session == NULL && finn.departed == 1);
    UNTIL(loop, eve.departed == eve.connected);
    kith_session_close(eve.session, 0);
    UNTIL(loop, eve.session == NULL);
}

static void how_dials_end(kith_loop *loop)
{
    struct witness eve, finn, gus;
    kith_session_config config = plain("Gus");
    witness_open(&eve, loop, "Eve");
    witness_open(&finn, loop, "Finn");

    witness_dials(&eve, eve.url, 0);
    UNTIL(loop, eve.failed == 1);
    CHECK(eve.dial_reason == KITH_REASON_SELF);

    /* Both dial at once, and one of them twice: they are connected once. */
    witness_dials(&eve, finn.url, 0);
    witness_dials(&finn, eve.url, 0);
    witness_dials(&finn, eve.url, 0);
    UNTIL(loop, eve.ready == 1 && finn.ready == 2);
    CHECK(eve.connected == 1 && finn.connected == 1 && eve.departed + finn.departed == 0);

    config.session_name = "chess";
    OK(open_witness(&gus, loop, &config));
    witness_dials(&gus, eve.url, 0);
    UNTIL(loop, gus.failed == 1);
    CHECK(gus.dial_reason == KITH_REASON_SESSION && gus.connected == 0);
    kith_session_close(gus.session, 0);
    UNTIL(loop, gus.session == NULL);

    config = plain("Gus");
    config.role = KITH_ROLE_CLIENT;
    OK(open_witness(&gus, loop, &config));
    witness_dials(&gus, eve.url, 0);
    UNTIL(loop, gus.failed == 1);
    CHECK(gus.dial_reason == KITH_REASON_ROLE);
    kith_session_close(gus.session, 0);
    UNTIL(loop, gus.session == NULL);

    /* max_peers does not count ourselves; who comes too late tries again while it may. */
    config = plain("Gus");
    config.max_peers = 1;
    OK(open_witness(&gus, loop, &config));
    OK(kith_listen(gus.session, "ws://127.0.0.1:0", NULL, NULL));
    UNTIL(loop, gus.url[0] != '\0');
    meet(loop, &eve, &gus);
    witness_dials(&finn, gus.url, 300);
    UNTIL(loop, finn.failed == 1);
    CHECK(finn.waiting > 0 && finn.dial_reason == KITH_REASON_FULL && gus.connected == 1);

    kith_session_close(eve.session, 0);
    kith_session_close(finn.session, 0);
    kith_session_close(gus.session, 0);
    UNTIL(loop, eve.session == NULL && finn.session == NULL && gus.session == NULL);
}

static void be_quiet(void *user, kith_log_level level, const char *text)
{
    (void)user, (void)level, (void)text;
}

/* ---- certificates --------------------------------------------------------------------------- */

static char *path_in(const char *folder, const char *name, const char *ending)
{
    static char paths[4][100];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s.%s", folder, name, ending);
    return path;
}

/* A certificate that vouches for itself, for 127.0.0.1. */
static void make_certificate(const char *folder, const char *name)
{
    char command[600];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=%s -keyout %s -out %s "
             "-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE "
             "2>/dev/null",
             name, path_in(folder, name, "key"), path_in(folder, name, "pem"));
    CHECK(system(command) == 0);
}

static void open_at(struct door *door, kith_loop *loop, const char *folder, const char *name,
                    const char *trusted_file, kith_session **out)
{
    memset(door, 0, sizeof *door);
    OK(open_door(door, loop, name, path_in(folder, name, "pem"), path_in(folder, name, "key"),
                 trusted_file, out));
}

/* A URL whose port was free a moment ago. */
static void free_url(kith_loop *loop, char out[100])
{
    struct witness probe;
    witness_open(&probe, loop, "Probe");
    snprintf(out, 100, "wss://127.0.0.1%.20s", strrchr(probe.url, ':'));
    kith_session_close(probe.session, 0);
    UNTIL(loop, probe.session == NULL);
}

static void the_door(void)
{
    char url[100];
    char folder[] = "/tmp/kith-snippets-XXXXXX";
    const char *const names[] = {"Ada", "Bob", "Eve"};
    struct door ada, bob, eve;
    kith_session *sessions[3];
    kith_loop *loop;
    CHECK(mkdtemp(folder) != NULL);
    for (int i = 0; i < 3; i++) {
        make_certificate(folder, names[i]);
    }
    OK(kith_loop_new(NULL, &loop));
    free_url(loop, url);
    open_at(&ada, loop, folder, "Ada", NULL, &sessions[0]);
    open_at(&bob, loop, folder, "Bob", path_in(folder, "Ada", "pem"), &sessions[1]);
    open_at(&eve, loop, folder, "Eve", path_in(folder, "Ada", "pem"), &sessions[2]);
    for (int i = 0; i < 3; i++) {
        remove(path_in(folder, names[i], "pem"));
        remove(path_in(folder, names[i], "key"));
    }
    remove(folder);
    OK(kith_listen(sessions[0], url, NULL, NULL));
    OK(kith_dial_open(sessions[1], url, NULL, NULL));
    UNTIL(loop, ada.ask != NULL);
    CHECK(strlen(ada.fingerprint) == 64 && bob.ask == NULL);
    answer_door(&ada, 1);
    UNTIL(loop, ada.peer_count == 1 && bob.peer_count == 1 && ada.ask == NULL);
    OK(kith_dial_open(sessions[2], url, NULL, NULL));
    UNTIL(loop, ada.ask != NULL);
    answer_door(&ada, 0);
    UNTIL(loop, ada.ask == NULL);
    CHECK(eve.peer_count == 0 && ada.peer_count == 1);
    kith_loop_free(&loop);
}

int main(void)
{
    kith_loop_config config = KITH_LOOP_CONFIG_INIT;
    kith_loop *loop;
    the_program();
    the_door();
    the_thread();
    config.log = be_quiet;
    OK(kith_loop_new(&config, &loop));
    what_a_session_refuses(loop);
    how_listeners_fail_and_peers_depart(loop);
    how_dials_end(loop);
    kith_loop_free(&loop);
    return 0;
}
