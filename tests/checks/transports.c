/* SPDX-License-Identifier: MIT
 *
 * transports.c: prints, for each URL, the name of what kith_listen() says to it. For the check
 * beside it.
 */
#include <kith/kith.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    kith_session_config config = KITH_SESSION_CONFIG_INIT;
    kith_callbacks callbacks = KITH_CALLBACKS_INIT;
    kith_loop *loop = NULL;
    kith_session *session;
    config.display_name = "Ada";
    config.session_name = "check";
    config.security = KITH_SECURITY_NONE;
    if (kith_loop_new(NULL, &loop) != KITH_OK ||
        kith_session_open(loop, &config, &callbacks, NULL, &session) != KITH_OK) {
        fprintf(stderr, "%s\n", kith_detail());
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        puts(kith_err_name(kith_listen(session, argv[i], NULL, NULL)));
    }
    kith_loop_free(&loop);
    return 0;
}
