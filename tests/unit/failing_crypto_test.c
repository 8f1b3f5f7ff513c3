/* SPDX-License-Identifier: MIT
 *
 * failing_crypto_test.c: sessions whose cryptographic library refuses now and then. A whole talk is
 * run again and again, and each time another call fails: nobody connects whose proof could not be
 * made or checked, nothing crashes, and everything ends in good order.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "transport.h"
#include "world.h"

static struct world world;
static unsigned calls, fail_at; /* the call that fails; 0 = none */
static unsigned verified;

static int fails(void)
{
    return ++calls == fail_at;
}

static kith_err no(uint8_t *out, size_t count)
{
    memset(out, 0, count);
    return KITH_ERR_CRYPTO;
}

static kith_err sometimes_random(void *user, uint8_t *out, size_t count)
{
    if (fails()) {
        return no(out, count);
    }
    bench_fill(user, out, count);
    return KITH_OK;
}

static kith_err sometimes_sha256(const struct kith_slice *pieces, size_t count, uint8_t out[32])
{
    return fails() ? no(out, 32) : kith_default_crypto.sha256(pieces, count, out);
}

static kith_err sometimes_public(const uint8_t *seed, uint8_t *out)
{
    return fails() ? no(out, 32) : kith_default_crypto.ed25519_public(seed, out);
}

static kith_err sometimes_sign(const uint8_t *seed, const uint8_t *key, const uint8_t *text,
                               size_t count, uint8_t *out)
{
    return fails() ? no(out, 64) : kith_default_crypto.ed25519_sign(seed, key, text, count, out);
}

static kith_err sometimes_verify(const uint8_t *key, const uint8_t *text, size_t count,
                                 const uint8_t *signature)
{
    kith_err err =
        fails() ? KITH_ERR_CRYPTO : kith_default_crypto.ed25519_verify(key, text, count, signature);
    verified += err == KITH_OK;
    return err;
}

static unsigned talk(unsigned fail_this)
{
    kith_session_config config = world_secure_config("Ada");
    kith_dial_options options = KITH_DIAL_OPTIONS_INIT;
    struct actor *ada, *bob;
    kith_id want;
    calls = verified = 0;
    fail_at = fail_this;
    world_open(&world, 1);
    world.bench.fail_from = UINT64_MAX; /* the world expects errors */
    world.bench.env.crypto.random = sometimes_random;
    world.bench.env.crypto.sha256 = sometimes_sha256;
    world.bench.env.crypto.ed25519_public = sometimes_public;
    world.bench.env.crypto.ed25519_sign = sometimes_sign;
    world.bench.env.crypto.ed25519_verify = sometimes_verify;
    ada = world_join(&world, &config);
    bob = world_join(&world, &config);
    if (ada != NULL && bob != NULL) {
        actor_listen(ada);
        want = ada->session->id;
        options.want = &want;
        options.give_up_ms = 50; /* one attempt only */
        (void)actor_dial(bob, ada, &options);
        world_run(&world, 1000);
        /* No link was authenticated by one whose verification had failed. */
        cr_assert_eq(ada->session->stats.links_authenticated +
                         bob->session->stats.links_authenticated,
                     verified);
        cr_assert_eq(ada->count[ACTOR_CONNECTED] - ada->count[ACTOR_DEPARTED],
                     bob->count[ACTOR_CONNECTED] - bob->count[ACTOR_DEPARTED]);
        if (bob->count[ACTOR_CONNECTED] > 0) {
            cr_assert_eq(verified, 2);
        }
        world_run(&world, 20000);
    }
    world_close(&world);
    return calls;
}

Test(failing_crypto, one_call_fails)
{
    unsigned total = talk(0);
    cr_assert_eq(verified, 2);
    cr_assert_gt(total, 20);
    for (unsigned n = 1; n <= total; n++) {
        (void)talk(n);
    }
}
