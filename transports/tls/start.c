/* SPDX-License-Identifier: MIT
 *
 * start.c: starts wolfSSL, once for the process. Must not know what it is for.
 */
#include <wolfssl/options.h>

#include <pthread.h>
#include <wolfssl/ssl.h>

#include "transports/tls/tls.h"

static int library_ready;
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void)
{
    library_ready = wolfSSL_Init() == WOLFSSL_SUCCESS;
}

kith_err kith__tls_start(void)
{
    return pthread_once(&library_once, start_library) == 0 && library_ready ? KITH_OK
                                                                            : KITH_ERR_CRYPTO;
}
