/* SPDX-License-Identifier: MIT
 *
 * transports.c: prints, for each URL, the name of what kith_listen() says to it. "--key" stands for
 * a session with a pre-shared key, from there on. For the check beside it.
 */
#include <kith/kith.h>
#include <stdio.h>
#include <string.h>

static kith_err open_session(kith_loop *loop, kith_security security, kith_session **out)
{
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    kith_callbacks callbacks = KITH_CALLBACKS_INIT;
    kith_key key;
    kith_err err;
    config.display_name = "Ada";
    config.session_name = "check";
    config.security = security;
    err = kith_session_open(loop, &config, &callbacks, NULL, out);
    if (err == KITH_OK && security == KITH_SECURITY_PSK) {
        err = kith_key_generate(&key);
        err = err == KITH_OK ? kith_session_add_key(*out, &key, 0) : err;
    }
    return err;
}

int main(int argc, char **argv)
{
    kith_loop *loop = NULL;
    kith_session *session = NULL;
    kith_err err = kith_loop_new(NULL, &loop);
    if (err == KITH_OK) {
        err = open_session(loop, KITH_SECURITY_NONE, &session);
    }
    for (int i = 1; i < argc && err == KITH_OK; i++) {
        if (strcmp(argv[i], "--key") == 0) {
            err = open_session(loop, KITH_SECURITY_PSK, &session);
            continue;
        }
        puts(kith_err_name(kith_listen(session, argv[i], NULL, NULL)));
    }
    if (err != KITH_OK) {
        fprintf(stderr, "%s\n", kith_detail());
    }
    kith_loop_free(&loop);
    return err != KITH_OK;
}
