# How ngtcp2 is built: on the wolfSSL chosen before it, the library and its helper for wolfSSL in one
# archive, without examples and tests.
# Must not look for another TLS library, nor take a wolfSSL other than that one.
# SPDX-License-Identifier: MIT

set(KITH_RECIPE_ngtcp2_TOOLS make)
set(KITH_RECIPE_ngtcp2_LIBRARY libngtcp2.a)
set(KITH_RECIPE_ngtcp2_LICENCES COPYING)
set(KITH_RECIPE_ngtcp2_TAKES "about 20 seconds")
# Installed by others they are two libraries: the helper, and what it needs.
set(KITH_RECIPE_ngtcp2_STEMS ngtcp2_crypto_wolfssl ngtcp2)
set(KITH_RECIPE_ngtcp2_MODULES libngtcp2_crypto_wolfssl libngtcp2)

set(KITH_RECIPE_ngtcp2_FLAGS
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR=lib
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON
    -DENABLE_LIB_ONLY=ON -DENABLE_STATIC_LIB=ON -DENABLE_SHARED_LIB=OFF -DBUILD_TESTING=OFF
    -DENABLE_WOLFSSL=ON -DENABLE_OPENSSL=OFF)
set(KITH_RECIPE_ngtcp2_CFLAGS -ffunction-sections -fdata-sections)

function(kith_build_ngtcp2 source out stage)
    list(JOIN KITH_RECIPE_ngtcp2_CFLAGS " " cflags)
    set(includes ${KITH_WOLFSSL_INCLUDE_DIRS})
    set(cross)
    if(CMAKE_CROSSCOMPILING)
        set(cross -DCMAKE_SYSTEM_NAME=${CMAKE_SYSTEM_NAME}
            -DCMAKE_SYSTEM_PROCESSOR=${CMAKE_SYSTEM_PROCESSOR})
    endif()
    if(NOT includes)
        set(includes /usr/include)
    endif()
    list(GET KITH_WOLFSSL_LIBRARIES 0 wolfssl)
    # Assertions stay on, as in our own code: NDEBUG is not among the flags.
    file(WRITE ${out}/first.cmake
        "set(WOLFSSL_INCLUDE_DIR \"${includes}\" CACHE STRING \"\")\n"
        "set(WOLFSSL_LIBRARY \"${wolfssl}\" CACHE STRING \"\")\n"
        "set(CMAKE_C_FLAGS_RELEASE \"-O3\" CACHE STRING \"\")\n")
    kith_deps_step("cmake" ${out} ${CMAKE_COMMAND} -C ${out}/first.cmake
        -S ${source} -B ${out}/build -G "Unix Makefiles" ${KITH_RECIPE_ngtcp2_FLAGS} ${cross}
        -DCMAKE_C_COMPILER=${KITH_DEPS_CC}
        "-DCMAKE_C_FLAGS=${cflags} ${KITH_DEPS_C_FLAGS}")
    kith_deps_step("make" ${out}/build make -j${KITH_DEPS_JOBS})
    kith_deps_step("make install" ${out}/build make install DESTDIR=${stage})
    # The helper becomes part of the one archive.
    file(MAKE_DIRECTORY ${out}/helper)
    kith_deps_step("ar x" ${out}/helper ${CMAKE_AR} x ${stage}/usr/lib/libngtcp2_crypto_wolfssl.a)
    file(GLOB objects ${out}/helper/*.o)
    kith_deps_step("ar r" ${out}/helper ${CMAKE_AR} rs ${stage}/usr/lib/libngtcp2.a ${objects})
endfunction()
