# What Kith is built on: versions, checksums, and where the source archives are. Nothing else says so.
# Must not name a package mirror (apt is asked for the one in use) nor hold build flags (they are in
# the recipes beside this file).
# SPDX-License-Identifier: MIT
#
# SHA256 decides, wherever an archive comes from. POOL is its path below the root of a Debian mirror.
# URL is upstream's release archive of the same tag; it serves as long as it has the same bytes.
# To move to another version change its lines here; the next configure run fetches and builds it.

kith_dependency(wolfssl
    TITLE   wolfSSL
    VERSION 5.9.2
    SHA256  2f4ef3d4fd387a9b3191d36a6316d69116c46ff69bb9583b6c82b36d7b8ca114
    POOL    pool/main/w/wolfssl/wolfssl_5.9.2.orig.tar.gz
    URL     https://github.com/wolfSSL/wolfssl/archive/refs/tags/v5.9.2-stable.tar.gz)

kith_dependency(websockets
    TITLE   libwebsockets
    VERSION 4.3.5
    SHA256  87f99ad32803ed325fceac5327aae1f5c1b417d54ee61ad36cffc8df5f5ab276
    POOL    pool/main/libw/libwebsockets/libwebsockets_4.3.5.orig.tar.gz
    URL     https://github.com/warmcat/libwebsockets/archive/refs/tags/v4.3.5.tar.gz)

kith_dependency(ngtcp2
    TITLE   ngtcp2
    VERSION 1.24.0
    SHA256  7fa5ec2be0f0cbed8bc4ec89c0787dfa9d8ce678f1ed9477c52f30eb1a591207
    POOL    pool/main/n/ngtcp2/ngtcp2_1.24.0.orig.tar.xz
    URL     https://github.com/ngtcp2/ngtcp2/releases/download/v1.24.0/ngtcp2-1.24.0.tar.xz)

# Never built here: the system's own, of at least this version.
set(KITH_UV_MINIMUM 1.44)
