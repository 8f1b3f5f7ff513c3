/* SPDX-License-Identifier: MIT
 *
 * seal_quic_test.c: what protects packets, as it was built (cmake/patches/ngtcp2), against the
 * examples of RFC 9001, Appendix A. Both ends of every other test would be wrong alike.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "transports/quic/inside.h"
#include <wolfssl/openssl/evp.h>

/* The helper's own, and in none of its headers. */
int ngtcp2_crypto_cipher_ctx_encrypt_init(ngtcp2_crypto_cipher_ctx *context,
                                          const ngtcp2_crypto_cipher *cipher, const uint8_t *key);
void ngtcp2_crypto_cipher_ctx_free(ngtcp2_crypto_cipher_ctx *context);

enum { ROOM = 256, MASK_BYTES = 5 };

static size_t hex(const char *text, uint8_t *out)
{
    size_t count = strlen(text) / 2;
    for (size_t i = 0; i < count; i++) {
        unsigned value;
        cr_assert_eq(sscanf(text + 2 * i, "%2x", &value), 1);
        out[i] = (uint8_t)value;
    }
    return count;
}

struct example {
    const WOLFSSL_EVP_CIPHER *aead, *mask;
    const char *key, *nonce, *hp;
    const char *head, *plain, *sealed, *sample, *mask_bytes;
};

static void check_mask(const struct example *example)
{
    ngtcp2_crypto_cipher cipher = {(void *)(uintptr_t)example->mask};
    ngtcp2_crypto_cipher_ctx context = {0};
    uint8_t key[ROOM], sample[ROOM], wanted[ROOM], got[ROOM];
    hex(example->hp, key);
    hex(example->sample, sample);
    hex(example->mask_bytes, wanted);
    cr_assert_eq(ngtcp2_crypto_cipher_ctx_encrypt_init(&context, &cipher, key), 0);
    for (int i = 0; i < 2; i++) { /* the key is used again */
        cr_assert_eq(ngtcp2_crypto_hp_mask(got, &cipher, &context, sample), 0);
        cr_assert_arr_eq(got, wanted, MASK_BYTES);
    }
    ngtcp2_crypto_cipher_ctx_free(&context);
}

static void check_open(const struct example *example, const ngtcp2_crypto_aead *aead,
                       const uint8_t *key, const uint8_t *nonce)
{
    ngtcp2_crypto_aead_ctx context = {0};
    uint8_t head[ROOM], plain[ROOM], sealed[ROOM], got[ROOM];
    size_t head_bytes = hex(example->head, head), plain_bytes = hex(example->plain, plain);
    size_t sealed_bytes = hex(example->sealed, sealed);
    cr_assert_eq(ngtcp2_crypto_aead_ctx_decrypt_init(&context, aead, key, 12), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(ngtcp2_crypto_decrypt(got, aead, &context, sealed, sealed_bytes, nonce, 12,
                                           head, head_bytes),
                     0);
        cr_assert_arr_eq(got, plain, plain_bytes);
        /* Whatever is changed is refused, and the next one still opens. */
        for (size_t at = 0; at < sealed_bytes; at++) {
            sealed[at] ^= 1;
            cr_assert_neq(ngtcp2_crypto_decrypt(got, aead, &context, sealed, sealed_bytes, nonce,
                                                12, head, head_bytes),
                          0);
            sealed[at] ^= 1;
        }
        cr_assert_neq(ngtcp2_crypto_decrypt(got, aead, &context, sealed, sealed_bytes, nonce, 12,
                                            head, head_bytes - 1),
                      0);
    }
    /* Shorter than a tag. */
    cr_assert_neq(
        ngtcp2_crypto_decrypt(got, aead, &context, sealed, 15, nonce, 12, head, head_bytes), 0);
    ngtcp2_crypto_aead_ctx_free(&context);
}

static void check(const struct example *example)
{
    ngtcp2_crypto_aead aead = {(void *)(uintptr_t)example->aead, 16};
    ngtcp2_crypto_aead_ctx context = {0};
    uint8_t key[ROOM], nonce[ROOM], head[ROOM], plain[ROOM], sealed[ROOM], got[ROOM];
    size_t head_bytes = hex(example->head, head), plain_bytes = hex(example->plain, plain);
    size_t sealed_bytes = hex(example->sealed, sealed);
    hex(example->key, key);
    hex(example->nonce, nonce);
    cr_assert_eq(sealed_bytes, plain_bytes + aead.max_overhead);
    cr_assert_eq(ngtcp2_crypto_aead_ctx_encrypt_init(&context, &aead, key, 12), 0);
    for (int i = 0; i < 2; i++) {
        memcpy(got, plain, plain_bytes); /* in place, as ngtcp2 does */
        cr_assert_eq(ngtcp2_crypto_encrypt(got, &aead, &context, got, plain_bytes, nonce, 12, head,
                                           head_bytes),
                     0);
        cr_assert_arr_eq(got, sealed, sealed_bytes);
    }
    ngtcp2_crypto_aead_ctx_free(&context);
    check_open(example, &aead, key, nonce);
    check_mask(example);
}

/* A.3: a server's first packet, AES-128-GCM. The nonce is the IV, the packet number 1 in it. */
Test(seal_quic, aes)
{
    const struct example example = {
        .aead = wolfSSL_EVP_aes_128_gcm(),
        .mask = wolfSSL_EVP_aes_128_ecb(),
        .key = "cf3a5331653c364c88f0f379b6067e37",
        .nonce = "0ac1493ca1905853b0bba03f",
        .hp = "c206b8d9b9f0f37644430b490eeaa314",
        .head = "c1000000010008f067a5502a4262b50040750001",
        .plain =
            "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5"
            "430b9a045a1200130100002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081"
            "287c834d5311bcf32bb9da1a002b00020304",
        .sealed = "5a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec249"
                  "3a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4"
                  "cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee",
        .sample = "2cd0991cd25b0aac406a5816b6394100",
        .mask_bytes = "2ec0d8356a",
    };
    check(&example);
}

/* A.5: a short packet, ChaCha20-Poly1305, which nobody of ours uses but may be offered. */
Test(seal_quic, chacha20)
{
    const struct example example = {
        .aead = wolfSSL_EVP_chacha20_poly1305(),
        .mask = wolfSSL_EVP_chacha20(),
        .key = "c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8",
        .nonce = "e0459b3474bdd0e46d417eb0",
        .hp = "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
        .head = "4200bff4",
        .plain = "01",
        .sealed = "655e5cd55c41f69080575d7999c25a5bfb",
        .sample = "5e5cd55c41f69080575d7999c25a5bfb",
        .mask_bytes = "aefefe7d03",
    };
    check(&example);
}

/* A.1: the secret of a client's first packets, step by step and at once. */
Test(seal_quic, keys)
{
    enum { SECRET_BYTES = 32 };
    ngtcp2_crypto_md sha256 = {(void *)(uintptr_t)wolfSSL_EVP_sha256()};
    uint8_t salt[ROOM], id[ROOM], info[ROOM], first[ROOM], client[ROOM], got[ROOM];
    size_t salt_bytes = hex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", salt);
    size_t id_bytes = hex("8394c8f03e515708", id);
    size_t info_bytes = hex("00200f746c73313320636c69656e7420696e00", info);
    hex("7db5df06e7a69e432496adedb00851923595221596ae2ae9fb8115c1e9ed0a44", first);
    hex("c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea", client);
    cr_assert_eq(ngtcp2_crypto_hkdf_extract(got, &sha256, id, id_bytes, salt, salt_bytes), 0);
    cr_assert_arr_eq(got, first, SECRET_BYTES);
    cr_assert_eq(ngtcp2_crypto_hkdf_expand(got, SECRET_BYTES, &sha256, first, SECRET_BYTES, info,
                                           info_bytes),
                 0);
    cr_assert_arr_eq(got, client, SECRET_BYTES);
    cr_assert_eq(ngtcp2_crypto_hkdf(got, SECRET_BYTES, &sha256, id, id_bytes, salt, salt_bytes,
                                    info, info_bytes),
                 0);
    cr_assert_arr_eq(got, client, SECRET_BYTES);
}
