/* SPDX-License-Identifier: MIT
 *
 * sha256_test.c: the chat's SHA-256 against published values and against the library's own.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "examples/chat/sha256.h"
#include "session/session.h"

static void check(const char *text, const char *hex)
{
    uint8_t hash[SHA256_BYTES];
    char shown[SHA256_HEX_BYTES + 1];
    sha256(text, strlen(text), hash);
    sha256_hex(hash, shown);
    cr_assert_str_eq(shown, hex);
}

/* FIPS 180-2 appendix B, and the empty one. */
Test(sha256, published)
{
    check("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Every length around the edges of blocks. */
Test(sha256, lengths)
{
    uint8_t bytes[300], hash[SHA256_BYTES], other[32];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 11 + 3);
    }
    for (size_t count = 0; count <= sizeof bytes; count++) {
        const struct kith_slice slice = {bytes, count};
        sha256(bytes, count, hash);
        cr_assert_eq(kith_default_crypto.sha256(&slice, 1, other), KITH_OK);
        cr_assert_arr_eq(hash, other, sizeof other, "%zu bytes", count);
    }
}

Test(sha256, shown_and_read)
{
    uint8_t hash[SHA256_BYTES], read[SHA256_BYTES];
    char hex[SHA256_HEX_BYTES + 1], half[SHA256_HALF_CHARACTERS + 1];
    sha256("abc", 3, hash);
    sha256_groups(hash, 0, half);
    cr_assert_str_eq(half, "ba78 16bf 8f01 cfea 4141 40de 5dae 2223");
    sha256_groups(hash, 1, half);
    cr_assert_str_eq(half, "b003 61a3 9617 7a9c b410 ff61 f200 15ad");
    sha256_hex(hash, hex);
    cr_assert_eq(sha256_parse(hex, read), 0);
    cr_assert_arr_eq(read, hash, sizeof hash);
    hex[0] = 'B';
    cr_assert_eq(sha256_parse(hex, read), 0);
    for (size_t i = 0; i < SHA256_HEX_BYTES; i++) {
        sha256_hex(hash, hex);
        hex[i] = i % 2 == 0 ? 'g' : '\0';
        cr_assert_eq(sha256_parse(hex, read), -1, "%zu", i);
    }
}
