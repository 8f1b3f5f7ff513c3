# What Kith is built on. Afterwards there are the targets kith::wolfssl, kith::uv and, where a transport
# needs them, kith::websockets and kith::ngtcp2 (each brings kith::wolfssl), and
#   KITH_PRIVATE_ARCHIVES   the static libraries among them, full paths in link order
#   KITH_PRIVATE_SHARED     the shared ones among them (empty unless the system's or your own are used)
#   KITH_DEPS_SUMMARY       one line per dependency, for people
#   KITH_DEPS_SELFTEST      the command that tests this builder
# Must not put anything into the tree or the build folder that is needed at run time: what it builds
# lives in the cache, under a name that stands for its version, flags, patches and compiler.
# SPDX-License-Identifier: MIT
include_guard(GLOBAL)

set(KITH_DEPS_FOLDER ${CMAKE_CURRENT_LIST_DIR}/deps)
set(KITH_DEPS_CHECKS ${CMAKE_CURRENT_LIST_DIR}/checks)
include(${CMAKE_CURRENT_LIST_DIR}/Transports.cmake)
include(${KITH_DEPS_FOLDER}/common.cmake)
include(${KITH_DEPS_FOLDER}/versions.cmake)
include(${KITH_DEPS_FOLDER}/fetch.cmake)
include(${KITH_DEPS_FOLDER}/provide.cmake)

# ---- choices -------------------------------------------------------------------------------------

if(DEFINED ENV{XDG_CACHE_HOME} AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(kith_cache $ENV{XDG_CACHE_HOME}/kith)
elseif(DEFINED ENV{HOME})
    set(kith_cache $ENV{HOME}/.cache/kith)
else()
    set(kith_cache ${CMAKE_BINARY_DIR}/kith-cache)
endif()
set(KITH_CACHE_DIR ${kith_cache} CACHE PATH "Where downloaded and built dependencies are kept")
set(KITH_ARCHIVES_DIR "$ENV{KITH_ARCHIVES_DIR}" CACHE PATH "A folder with source archives, looked at first")
option(KITH_OFFLINE "Never download anything" OFF)

# AUTO takes the system's wolfSSL when it is new enough and passes cmake/checks/wolfssl.c, and never the
# system's libwebsockets or ngtcp2: the one has none of our patches, the other's helper is built on another
# wolfSSL. ON takes all of them and builds nothing.
set(KITH_SYSTEM_DEPS AUTO CACHE STRING "Installed wolfSSL, libwebsockets and ngtcp2: AUTO, ON or OFF")
set_property(CACHE KITH_SYSTEM_DEPS PROPERTY STRINGS AUTO ON OFF)
set(KITH_WOLFSSL_PREFIX "" CACHE PATH "Your own wolfSSL: the folder with its include and lib")
set(KITH_WEBSOCKETS_PREFIX "" CACHE PATH "Your own libwebsockets, built on that wolfSSL")
set(KITH_NGTCP2_PREFIX "" CACHE PATH "Your own ngtcp2 with its helper for wolfSSL, built on that wolfSSL")

set(KITH_DEPS_CC "" CACHE STRING "Compiler for the dependencies; empty: the project's")
set(KITH_DEPS_C_FLAGS "" CACHE STRING "More compiler flags for the dependencies (a sanitizer, say)")
option(KITH_DEPS_ASM "Assembly in wolfSSL where there is any for this CPU" ON)
option(KITH_DEPS_KEYLOG_CALLBACK "Debugging only: let a program ask wolfSSL for session secrets" OFF)
mark_as_advanced(KITH_DEPS_CC KITH_DEPS_C_FLAGS KITH_DEPS_ASM KITH_DEPS_KEYLOG_CALLBACK)

string(TOUPPER "${KITH_SYSTEM_DEPS}" kith_system)
if(NOT kith_system MATCHES "^(AUTO|ON|OFF)$")
    kith_deps_fail("KITH_SYSTEM_DEPS is ${KITH_SYSTEM_DEPS} and should be AUTO, ON or OFF")
endif()
kith_deps_compiler()
find_package(PkgConfig QUIET)
if(NOT PKG_CONFIG_FOUND)
    kith_deps_fail("pkg-config is missing; on Debian, as root: apt-get install pkg-config")
endif()

# ---- libuv ---------------------------------------------------------------------------------------

pkg_check_modules(kith_uv QUIET IMPORTED_TARGET GLOBAL libuv>=${KITH_UV_MINIMUM})
if(NOT kith_uv_FOUND)
    kith_deps_fail("libuv ${KITH_UV_MINIMUM} or newer with its headers is missing; on Debian, as root: "
        "apt-get install libuv1-dev")
endif()
add_library(kith::uv ALIAS PkgConfig::kith_uv)

# ---- wolfSSL, and what stands on it --------------------------------------------------------------

# wolfSSL in every build: it brings the cryptography of the core as well.
kith_provide(wolfssl MODE ${kith_system})

# Whether what is built on wolfSSL may be the system's. With a prefix of one's own it must stand on a wolfSSL
# of one's own: else there are two builds of it in one process, with structures of different shapes.
set(kith_above_system OFF)
if(kith_system STREQUAL ON)
    set(kith_above_system ON)
endif()
foreach(kith_name IN LISTS KITH_TRANSPORT_NEEDS)
    string(TOUPPER ${kith_name} kith_above)
    if(KITH_${kith_above}_PREFIX AND NOT kith_above_system AND KITH_WOLFSSL_USED MATCHES "built here")
        kith_deps_fail("KITH_${kith_above}_PREFIX needs KITH_WOLFSSL_PREFIX beside it: the wolfSSL that "
            "${KITH_DEP_${kith_name}_TITLE} was built on")
    endif()
endforeach()

if(ngtcp2 IN_LIST KITH_TRANSPORT_NEEDS)
    kith_provide(ngtcp2 MODE ${kith_above_system} BELOW wolfssl)
endif()

if(websockets IN_LIST KITH_TRANSPORT_NEEDS)
    kith_provide(websockets MODE ${kith_above_system} BELOW wolfssl)
    if(NOT KITH_WEBSOCKETS_USED MATCHES "built here")
        kith_deps_check(websockets_fds
            INCLUDES ${KITH_WEBSOCKETS_INCLUDE_DIRS} ${KITH_WOLFSSL_INCLUDE_DIRS}
            LIBRARIES ${KITH_WEBSOCKETS_LIBRARIES} ${KITH_WOLFSSL_LIBRARIES}
            RESULT kith_result OUTPUT kith_output)
        message(WARNING "kith: ${KITH_WEBSOCKETS_USED}: it may lack the fixes in cmake/patches/websockets "
            "(the check for leaking sockets says: ${kith_output})")
    endif()
endif()

# ---- for the top CMakeLists.txt ------------------------------------------------------------------

set(KITH_PRIVATE_ARCHIVES ${KITH_WEBSOCKETS_LIBRARIES} ${KITH_NGTCP2_LIBRARIES} ${KITH_WOLFSSL_LIBRARIES})
set(KITH_PRIVATE_SHARED ${KITH_PRIVATE_ARCHIVES})
list(FILTER KITH_PRIVATE_ARCHIVES INCLUDE REGEX "\\.a$")
list(FILTER KITH_PRIVATE_SHARED EXCLUDE REGEX "\\.a$")
list(JOIN KITH_TRANSPORT_NEEDS " " kith_line)
set(KITH_DEPS_SELFTEST
    sh ${KITH_DEPS_FOLDER}/selftest.sh ${CMAKE_COMMAND} ${KITH_DEPS_CC} "wolfssl ${kith_line}"
    "${KITH_WEBSOCKETS_INCLUDE_DIRS} ${KITH_NGTCP2_INCLUDE_DIRS} ${KITH_WOLFSSL_INCLUDE_DIRS}"
    "${KITH_WEBSOCKETS_LIBRARIES} ${KITH_NGTCP2_LIBRARIES} ${KITH_WOLFSSL_LIBRARIES}" "${KITH_DEPS_C_FLAGS}")
list(JOIN KITH_TRANSPORTS ", " kith_line)
set(KITH_DEPS_SUMMARY "transports: ${kith_line}"
    ${KITH_WOLFSSL_USED} ${KITH_WEBSOCKETS_USED} ${KITH_NGTCP2_USED} "system libuv ${kith_uv_VERSION}")
foreach(kith_line IN LISTS KITH_DEPS_SUMMARY)
    message(STATUS "kith: ${kith_line}")
endforeach()
