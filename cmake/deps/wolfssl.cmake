# How wolfSSL is built: flags, steps, and what has to be there before and after.
# Must not switch on --enable-keylog-export: it writes the secrets of every session to a file in the
# working directory. checks/wolfssl.c refuses a library built that way.
# SPDX-License-Identifier: MIT

set(KITH_RECIPE_wolfssl_TOOLS autoconf automake libtoolize make)
set(KITH_RECIPE_wolfssl_LIBRARY libwolfssl.a)
set(KITH_RECIPE_wolfssl_LICENCES COPYING LICENSING)
set(KITH_RECIPE_wolfssl_TAKES "about a minute")

# No --enable-libwebsockets: all it adds is the whole OpenSSL layer (OPENSSL_ALL), about 5 KiB more
# per connection and side; our patches make libwebsockets do without. Session tickets are there for
# ngtcp2, which does not link without; every context of ours switches them off.
set(KITH_RECIPE_wolfssl_FLAGS
    --prefix=/usr --libdir=/usr/lib
    --enable-static --disable-shared --with-pic
    --disable-examples --disable-crypttests --enable-jobserver=no
    --enable-quic --enable-psk --enable-alpn --enable-sni
    --enable-dtls --enable-dtls13 --enable-dtls-frag-ch --enable-dtlscid --enable-dtls-mtu
    --enable-opensslextra --enable-session-ticket --enable-keying-material
    --enable-aesecb --enable-ed25519 --enable-curve25519 --enable-sp)
if(NOT KITH_DEPS_ASM)
    list(APPEND KITH_RECIPE_wolfssl_FLAGS --disable-asm)
elseif(KITH_DEPS_MACHINE MATCHES "^x86_64-" AND NOT KITH_DEPS_MACHINE MATCHES "x32$")
    list(APPEND KITH_RECIPE_wolfssl_FLAGS --enable-aesni --enable-intelasm --enable-sp-asm)
elseif(KITH_DEPS_MACHINE MATCHES "^aarch64-")
    list(APPEND KITH_RECIPE_wolfssl_FLAGS --enable-armasm --enable-sp-asm)
endif()
if(CMAKE_CROSSCOMPILING)
    list(APPEND KITH_RECIPE_wolfssl_FLAGS --host=${KITH_DEPS_MACHINE})
endif()

# HAVE_EX_DATA_CRYPTO: libwebsockets keeps its pointer there. The DTLS values: the first retransmission
# may come after 100 ms, dropped records are counted, and reordering by up to 256 records is no loss.
set(KITH_RECIPE_wolfssl_CFLAGS
    -O3 -ffunction-sections -fdata-sections
    -DWOLFSSL_STATIC_PSK -DHAVE_EX_DATA_CRYPTO
    -DDTLS13_MIN_RTX_INTERVAL=100 -DWOLFSSL_DTLS_DROP_STATS -DWOLFSSL_DTLS_WINDOW_WORDS=8)
if(KITH_DEPS_KEYLOG_CALLBACK)
    list(APPEND KITH_RECIPE_wolfssl_CFLAGS -DHAVE_SECRET_CALLBACK)
endif()

function(kith_build_wolfssl source out stage)
    list(JOIN KITH_RECIPE_wolfssl_CFLAGS " " cflags)
    kith_deps_step("autogen.sh" ${source} sh ./autogen.sh)
    kith_deps_step("configure" ${source} sh ./configure ${KITH_RECIPE_wolfssl_FLAGS}
        CC=${KITH_DEPS_CC}
        "CFLAGS=${cflags} ${KITH_DEPS_C_FLAGS}")
    kith_deps_step("make" ${source} make -j${KITH_DEPS_JOBS})
    kith_deps_step("make install" ${source} make install DESTDIR=${stage})
endfunction()
