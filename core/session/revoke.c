/* SPDX-License-Identifier: MIT
 *
 * revoke.c: taking a pre-shared key out of use at once: whoever is here with it goes. Pure.
 */
#include <string.h>

#include "session/session.h"

static int rests_on(const struct kith_conn *conn, const char *identity)
{
    return conn != NULL && conn->up && conn->link_info.psk_identity != NULL &&
           strcmp(conn->link_info.psk_identity, identity) == 0;
}

/* Links that have no peer yet. Of one whose transport is still shaking hands nobody knows the key:
 * it is dropped too, and whoever dialled tries again, with whatever key is there then. */
static void drop_links(struct kith_session *session, const char *identity, const char *text)
{
    for (struct kith_node *at = session->conns.next; at != &session->conns; at = at->next) {
        struct kith_conn *conn = KITH_CONTAINER(at, struct kith_conn, node);
        if (conn->peer == NULL &&
            (conn->state == KITH_CONN_TRANSPORT || rests_on(conn, identity))) {
            kith_conn_close(conn, KITH_REASON_LOST, KITH_REASON_KICKED, text);
        }
    }
}

kith_err kith_session_revoke(struct kith_session *session, const char *identity, const char *text)
{
    kith_err err = kith_session_drop_key(session, identity);
    if (err != KITH_OK) {
        return err;
    }
    for (struct kith_node *at = session->peers.next; at != &session->peers; at = at->next) {
        struct kith_peer *peer = KITH_CONTAINER(at, struct kith_peer, node);
        if (rests_on(peer->conn, identity) || rests_on(peer->active, identity)) {
            kith_peer_turn_out(peer, KITH_REASON_KICKED, text);
        }
    }
    drop_links(session, identity, text);
    return KITH_OK;
}
