# How libwebsockets is built: on the wolfSSL chosen before it, patched, with as little in it as serves
# a WebSocket client and server.
# Must not let the surroundings into a connection: no proxy from the environment, no CA folder of the
# system, no look at the routing table.
# SPDX-License-Identifier: MIT

set(KITH_RECIPE_websockets_TOOLS make patch)
set(KITH_RECIPE_websockets_LIBRARY libwebsockets.a)
set(KITH_RECIPE_websockets_LICENCES LICENSE)
set(KITH_RECIPE_websockets_TAKES "about 20 seconds")

set(KITH_RECIPE_websockets_FLAGS
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR=lib
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DLWS_STATIC_PIC=ON
    -DLWS_WITH_STATIC=ON -DLWS_WITH_SHARED=OFF
    -DLWS_WITH_WOLFSSL=ON
    # With a wolfSSL this function exists but libwebsockets does not call it: the name in a certificate
    # would go unchecked in silence. Absent, such a dial fails; ours check the name themselves.
    -DLWS_HAVE_X509_VERIFY_PARAM_set1_host=OFF -DLWS_HAVE_X509_VERIFY_PARAM_set1_host_sym=OFF
    -DLWS_IPV6=ON -DLWS_UNIX_SOCK=OFF -DLWS_WITH_UDP=OFF -DLWS_WITH_NETLINK=OFF
    -DLWS_CLIENT_HTTP_PROXYING=OFF -DLWS_WITH_SOCKS5=OFF -DLWS_SSL_CLIENT_USE_OS_CA_CERTS=OFF
    -DLWS_WITH_TLS_SESSIONS=OFF
    -DLWS_WITH_HTTP2=OFF -DLWS_WITHOUT_EXTENSIONS=ON -DLWS_WITH_ZLIB=OFF
    -DLWS_ROLE_RAW_FILE=OFF -DLWS_WITH_HTTP_BASIC_AUTH=OFF -DLWS_WITH_HTTP_UNCOMMON_HEADERS=OFF
    -DLWS_WITH_EVLIB_PLUGINS=OFF -DLWS_WITH_PLUGINS=OFF -DLWS_WITHOUT_DAEMONIZE=ON
    -DLWS_WITH_SYS_STATE=OFF -DLWS_WITH_SYS_SMD=OFF -DLWS_WITH_CONMON=OFF
    -DLWS_WITH_CACHE_NSCOOKIEJAR=OFF -DLWS_WITH_CBOR_FLOAT=OFF
    -DLWS_LOGS_TIMESTAMP=OFF -DLWS_LOG_TAG_LIFECYCLE=OFF
    -DLWS_WITHOUT_TESTAPPS=ON -DLWS_HAVE_LIBCAP=OFF -DDISABLE_WERROR=ON
    # Else it asks git about the folder the cache lies in, and puts the answer into its version.
    -DCMAKE_DISABLE_FIND_PACKAGE_Git=ON)
set(KITH_RECIPE_websockets_CFLAGS -ffunction-sections -fdata-sections)

function(kith_build_websockets source out stage)
    list(JOIN KITH_RECIPE_websockets_CFLAGS " " cflags)
    set(includes ${KITH_WOLFSSL_INCLUDE_DIRS})
    set(cross)
    if(CMAKE_CROSSCOMPILING)
        set(cross -DCMAKE_SYSTEM_NAME=${CMAKE_SYSTEM_NAME}
            -DCMAKE_SYSTEM_PROCESSOR=${CMAKE_SYSTEM_PROCESSOR})
    endif()
    if(NOT includes)
        set(includes /usr/include)
    endif()
    # In a file and as STRING: given on the command line these become paths, CMake turns -lm into a
    # file of the build folder, and every feature check in libwebsockets fails to link, in silence.
    file(WRITE ${out}/first.cmake
        "set(LWS_WOLFSSL_LIBRARIES \"${KITH_WOLFSSL_LIBRARIES};-lm\" CACHE STRING \"\")\n"
        "set(LWS_WOLFSSL_INCLUDE_DIRS \"${includes}\" CACHE STRING \"\")\n"
        "set(CMAKE_C_FLAGS_RELEASE \"-O2 -DNDEBUG\" CACHE STRING \"\")\n")
    kith_deps_step("cmake" ${out} ${CMAKE_COMMAND} -C ${out}/first.cmake
        -S ${source} -B ${out} -G "Unix Makefiles" ${KITH_RECIPE_websockets_FLAGS} ${cross}
        -DCMAKE_C_COMPILER=${KITH_DEPS_CC}
        "-DCMAKE_C_FLAGS=${cflags} ${KITH_DEPS_C_FLAGS}")
    kith_deps_step("make" ${out} make -j${KITH_DEPS_JOBS})
    kith_deps_step("make install" ${out} make install DESTDIR=${stage})
endfunction()
