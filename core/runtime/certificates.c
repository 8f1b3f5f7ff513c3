/* SPDX-License-Identifier: MIT
 *
 * certificates.c: the public functions about certificates: arguments, files, and where this machine
 * keeps its CAs. Parses nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bounds.h"
#include "runtime/runtime.h"
#include "session/session.h"

/* ---- files ------------------------------------------------------------------------------------
 */

/* Reads a whole file into *out, which the caller frees, also after an error. */
static kith_err read_file(const char *path, size_t most, struct kith_slice *out)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(most + 1);
    size_t count = 0;
    int failed = file == NULL;
    out->bytes = bytes;
    if (file != NULL && bytes != NULL) {
        (void)setvbuf(file, NULL, _IONBF, 0); /* no second copy of a key */
        count = fread(bytes, 1, most + 1, file);
        failed = ferror(file);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    if (bytes == NULL) {
        return KITH_ERR_NOMEM;
    }
    out->count = count;
    if (failed) {
        return kith_fail(KITH_ERR_NOT_FOUND, "%s cannot be read; is it there, and permitted?",
                         path);
    }
    if (count == 0 || count > most) {
        return kith_fail(KITH_ERR_INVALID, "%s is %s", path,
                         count == 0 ? "empty" : "too large to be what it should be");
    }
    return KITH_OK;
}

/* The systems' own lists, as their packages place them: Debian, Arch and Alpine; Fedora; openSUSE;
 * the BSDs. SSL_CERT_FILE comes first, as it does for OpenSSL. */
static kith_err read_system(struct kith_slice *out)
{
    const char *const paths[] = {getenv("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt",
                                 "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                                 "/etc/ssl/cert.pem"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        kith_err err;
        if (paths[i] == NULL) {
            continue;
        }
        err = read_file(paths[i], KITH_TRUSTED_BYTES_MAX, out);
        if (err == KITH_OK || err == KITH_ERR_NOMEM) {
            return err;
        }
        free((void *)(uintptr_t)out->bytes);
        *out = (struct kith_slice){NULL, 0};
    }
    return kith_fail(KITH_ERR_NOT_FOUND,
                     "trust_system: this machine's CAs are nowhere to be found; "
                     "install them (ca-certificates), or name a file");
}

/* ---- arguments --------------------------------------------------------------------------------
 */

/* One of the pairs: bytes that are lent, or a file that is read. *owned is to be freed. */
static kith_err take(const char *field, const void *bytes, size_t count, const char *file,
                     size_t most, struct kith_slice *out, struct kith_slice *owned)
{
    kith_err err;
    if (bytes != NULL && file != NULL) {
        return kith_fail(KITH_ERR_INVALID, "%s: name the bytes or the file, not both", field);
    }
    if (file != NULL) {
        err = read_file(file, most, owned);
        *out = *owned;
        return err;
    }
    if ((bytes == NULL) != (count == 0) || count > most) {
        return kith_fail(KITH_ERR_INVALID, "%s_bytes: is %zu, must be %s%zu", field, count,
                         bytes == NULL ? "0 without " : "1 to ", bytes == NULL ? (size_t)0 : most);
    }
    *out = (struct kith_slice){bytes, count};
    return KITH_OK;
}

static kith_err gather(const kith_certificates *from, struct kith_pki *out,
                       struct kith_slice owned[4])
{
    kith_err err = take("chain", from->chain, from->chain_bytes, from->chain_file,
                        KITH_OWN_CHAIN_BYTES_MAX, &out->chain, &owned[0]);
    if (err == KITH_OK) {
        err = take("key", from->key, from->key_bytes, from->key_file, KITH_OWN_KEY_BYTES_MAX,
                   &out->key, &owned[1]);
    }
    if (err == KITH_OK) {
        err = take("trusted", from->trusted, from->trusted_bytes, from->trusted_file,
                   KITH_TRUSTED_BYTES_MAX, &out->trusted, &owned[2]);
    }
    if (err == KITH_OK && from->trust_system) {
        err = read_system(&owned[3]);
        out->system = owned[3];
    }
    out->clients = from->client_certificates;
    return err;
}

/* ---- the functions ----------------------------------------------------------------------------
 */

kith_err kith_session_set_certificates(kith_session *session, const kith_certificates *certificates)
{
    struct kith_slice owned[4] = {{NULL, 0}};
    struct kith_pki pki = {0};
    kith_certificates known;
    kith_err err;
    kith_detail_clear();
    if (session == NULL || certificates == NULL) {
        return kith_fail(KITH_ERR_INVALID, "%s: is NULL",
                         session == NULL ? "session" : "certificates");
    }
    if (!kith_loop_is_mine(session->owner)) {
        return KITH_ERR_THREAD;
    }
    if (session->state != KITH_SESSION_OPEN) {
        return kith_fail(KITH_ERR_CLOSED, "the session is closing");
    }
    err = kith_take_sized("kith_certificates", &known, sizeof known, certificates);
    if (err == KITH_OK) {
        err = gather(&known, &pki, owned);
    }
    if (err == KITH_OK) {
        err = kith_session_put_pki(session, &pki);
    }
    for (size_t i = 0; i < 4; i++) {
        if (owned[i].bytes != NULL) {
            session->env->crypto.wipe((void *)(uintptr_t)owned[i].bytes, owned[i].count);
            free((void *)(uintptr_t)owned[i].bytes);
        }
    }
    return err;
}
