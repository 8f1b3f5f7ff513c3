/* Two peers of one process meet over TLS with a shared key.  SPDX-License-Identifier: MIT */
#include <kith/kith.h>
#include <stdio.h>
#include <stdlib.h>
#define DIE_IF(failed, why) ((failed) ? (fprintf(stderr, "%s\n", why), exit(1)) : (void)0)
static kith_session *alice, *bob;
static void listens(kith_session *s, kith_listener *l, const kith_listener_event *e, void *user)
{
    kith_dial *d;
    (void)s, (void)l, (void)user, DIE_IF(e->kind == KITH_LISTENER_FAILED, e->detail);
    DIE_IF(e->kind == KITH_LISTENER_READY && kith_dial_open(bob, e->url, NULL, &d), kith_detail());
}
static void dials(kith_session *s, kith_dial *d, const kith_dial_event *e, void *user)
{
    (void)s, (void)d, (void)user, DIE_IF(e->kind == KITH_DIAL_FAILED, e->detail);
    DIE_IF(e->kind == KITH_DIAL_READY && kith_send(e->peer, 0, "Hello!", 6, NULL), kith_detail());
}
static void hears(kith_session *s, kith_peer *peer, const kith_message *m, void *user)
{
    printf("%s says: %.*s\n", kith_peer_name(peer), (int)m->data_bytes, (const char *)m->data);
    (void)user, DIE_IF(s == alice && kith_send(peer, 0, "Hello, Bob!", 11, NULL), kith_detail());
    kith_session_close(s, 1000); /* leaves when all is delivered, after 1000 ms at the latest */
}
int main(void)
{
    kith_callbacks on = {sizeof on, .on_listener = listens, .on_dial = dials, .on_message = hears};
    kith_session_config a = {sizeof a, "Alice", "greetings", .security = KITH_SECURITY_PSK}, b = a;
    kith_loop *loop;
    kith_listener *listener;
    kith_key key;
    b.display_name = "Bob";
    if (kith_loop_new(NULL, &loop) || kith_key_generate(&key) || /* KITH_OK is 0 */
        kith_session_open(loop, &a, &on, NULL, &alice) || kith_session_add_key(alice, &key, 0) ||
        kith_session_open(loop, &b, &on, NULL, &bob) ||
        kith_session_add_key(bob, &key, KITH_KEY_DIAL) ||
        kith_listen(alice, "wss://127.0.0.1:0", NULL, &listener) || kith_loop_run(loop)) {
        DIE_IF(1, kith_detail());
    }
    kith_loop_free(&loop);
}
