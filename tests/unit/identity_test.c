/* SPDX-License-Identifier: MIT
 *
 * identity_test.c: identities as values, as text, and as what a session is.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

Test(identity, text_and_back)
{
    kith_identity identity, again;
    char text[KITH_IDENTITY_TEXT_BYTES], line[KITH_IDENTITY_TEXT_BYTES + 4];
    cr_assert_eq(kith_identity_generate(&identity), KITH_OK);
    cr_assert_eq(kith_identity_format(&identity, text), KITH_OK);
    cr_assert_eq(strlen(text), KITH_IDENTITY_TEXT_BYTES - 1);
    cr_assert_eq(strncmp(text, "kith-identity-1:", 16), 0);
    snprintf(line, sizeof line, "%s \r\n", text);
    cr_assert_eq(kith_identity_parse(line, &again), KITH_OK);
    cr_assert_arr_eq(again.bytes, identity.bytes, sizeof identity.bytes);
    cr_assert_eq(kith_identity_generate(&again), KITH_OK);
    cr_assert(memcmp(again.bytes, identity.bytes, sizeof identity.bytes) != 0);
    kith_identity_wipe(&again);
    cr_assert_eq(kith_identity_format(&again, text), KITH_ERR_KEY, "wiped");
    kith_identity_wipe(NULL);
}

Test(identity, text_that_is_none)
{
    static const char zeros[] =
        "kith-identity-1:0000000000000000000000000000000000000000000000000000000000000000";
    kith_identity identity;
    char text[128];
    cr_assert_eq(kith_identity_parse(NULL, &identity), KITH_ERR_INVALID);
    cr_assert_eq(kith_identity_parse("", NULL), KITH_ERR_INVALID);
    cr_assert_eq(kith_identity_parse("", &identity), KITH_ERR_KEY);
    cr_assert_eq(kith_identity_parse(zeros, &identity), KITH_ERR_KEY);
    for (size_t i = 0; i < sizeof zeros - 1; i++) {
        strcpy(text, zeros);
        text[40] = 'a';
        cr_assert_eq(kith_identity_parse(text, &identity), KITH_OK);
        text[i] = '\x7f';
        cr_assert_eq(kith_identity_parse(text, &identity), KITH_ERR_KEY);
        text[i] = '\0';
        cr_assert_eq(kith_identity_parse(text, &identity), KITH_ERR_KEY);
    }
    strcpy(text, zeros);
    text[40] = 'A';
    strcat(text, "0");
    cr_assert_eq(kith_identity_parse(text, &identity), KITH_ERR_KEY);
}

Test(identity, is_what_the_session_is)
{
    struct world world;
    kith_session_config config = world_config("Ada");
    kith_identity identity = {{1, 2, 3}}, none = {{0}};
    kith_session *session;
    kith_callbacks callbacks = KITH_CALLBACKS_INIT;
    struct actor *ada;
    kith_id id;
    world_open(&world, 1);
    config.identity = &none;
    cr_assert_eq(
        kith_session_create(&world.bench.env, world.drivers, &config, &callbacks, NULL, &session),
        KITH_ERR_INVALID);
    config.identity = &identity;
    ada = world_join(&world, &config);
    cr_assert_eq(kith_identity_id(&identity, &id), KITH_OK);
    cr_assert(kith_id_equal(&id, &ada->session->id));
    cr_assert_null(ada->session->config.identity, "it was lent");
    cr_assert_eq(kith_identity_id(&identity, NULL), KITH_ERR_INVALID);
    world_close(&world);
}
