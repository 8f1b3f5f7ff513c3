# How peers find each other. Afterwards
#   KITH_DISCOVERY_FOLDERS   the folders below discovery/ that are built
#   KITH_DISCOVERY_NEEDS     the targets they are linked with
#   KITH_DISCOVERY_SHARED    the same as names of libraries
#   KITH_DISCOVERY_PC        the same as names of pkg-config, and
#   KITH_DISCOVERY_PC_LIBS   those that must not go by their names there
#   KITH_DISCOVERY_MACROS    what tells discovery/drivers.c of them
# mdns is built on avahi-core, which runs inside the process: no daemon. Debian's archive of it is not
# position independent, so it is the one library that stays beside libkith.
# avahi asks the system's daemon over D-Bus; it comes along where D-Bus' library is there too.
# dnssd asks macOS' own service. Elsewhere it is only built to be tested, with Avahi's library of that
# name, into a kith-chat of its own: that library calls libavahi-client, which cannot be in one program with
# libavahi-core.
# SPDX-License-Identifier: MIT
include_guard(GLOBAL)

set(KITH_MDNS AUTO CACHE STRING "Finding peers with multicast DNS, built on avahi-core: AUTO, ON or OFF")
set_property(CACHE KITH_MDNS PROPERTY STRINGS AUTO ON OFF)
string(TOUPPER "${KITH_MDNS}" kith_mdns)
if(NOT kith_mdns MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR " kith: KITH_MDNS is ${KITH_MDNS} and should be one of: AUTO, ON, OFF")
endif()

set(KITH_AVAHI AUTO CACHE STRING "Finding peers with the system's Avahi too, where a program asks for it: AUTO, ON or OFF")
set_property(CACHE KITH_AVAHI PROPERTY STRINGS AUTO ON OFF)
string(TOUPPER "${KITH_AVAHI}" kith_avahi_wanted)
if(NOT kith_avahi_wanted MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR " kith: KITH_AVAHI is ${KITH_AVAHI} and should be one of: AUTO, ON, OFF")
endif()

set(KITH_DISCOVERY_FOLDERS memory static)
set(KITH_DISCOVERY_NEEDS)
set(KITH_DISCOVERY_SHARED)
set(KITH_DISCOVERY_PC)
set(KITH_DISCOVERY_PC_LIBS)
set(KITH_DISCOVERY_MACROS)
if(NOT kith_mdns STREQUAL OFF)
    pkg_check_modules(kith_avahi QUIET IMPORTED_TARGET GLOBAL avahi-core>=0.8)
    if(kith_avahi_FOUND)
        list(APPEND KITH_DISCOVERY_FOLDERS shared mdns)
        list(APPEND KITH_DISCOVERY_NEEDS PkgConfig::kith_avahi)
        list(APPEND KITH_DISCOVERY_SHARED ${kith_avahi_LIBRARIES})
        set(KITH_DISCOVERY_PC avahi-core)
        list(APPEND KITH_DISCOVERY_MACROS KITH_HAS_MDNS)
    elseif(kith_mdns STREQUAL ON)
        message(FATAL_ERROR " kith: KITH_MDNS is ON, and avahi-core 0.8 or newer is missing; on Debian, as "
            "root: apt-get install libavahi-core-dev")
    endif()
endif()
if(kith_avahi_wanted STREQUAL ON AND NOT KITH_DISCOVERY_MACROS)
    message(FATAL_ERROR " kith: KITH_AVAHI is ON, and takes KITH_MDNS")
endif()
set(kith_stacks)
if(KITH_DISCOVERY_MACROS AND NOT kith_avahi_wanted STREQUAL OFF)
    pkg_check_modules(kith_dbus QUIET IMPORTED_TARGET GLOBAL dbus-1>=1.12)
    if(kith_dbus_FOUND)
        list(APPEND KITH_DISCOVERY_FOLDERS avahi)
        list(APPEND KITH_DISCOVERY_NEEDS PkgConfig::kith_dbus)
        list(APPEND KITH_DISCOVERY_SHARED ${kith_dbus_LIBRARIES})
        list(REMOVE_DUPLICATES KITH_DISCOVERY_SHARED)
        # By its name `pkg-config --static` would ask for all that a static libdbus takes, and it is shared.
        set(KITH_DISCOVERY_PC_LIBS -ldbus-1)
        list(APPEND KITH_DISCOVERY_MACROS KITH_HAS_AVAHI)
        set(kith_stacks ", and the system's daemon where it is asked for")
    elseif(kith_avahi_wanted STREQUAL ON)
        message(FATAL_ERROR " kith: KITH_AVAHI is ON, and libdbus 1.12 or newer is missing; on Debian, as "
            "root: apt-get install libdbus-1-dev")
    endif()
endif()
if(APPLE)
    list(APPEND KITH_DISCOVERY_FOLDERS shared dnssd)
    list(REMOVE_DUPLICATES KITH_DISCOVERY_FOLDERS)
    list(APPEND KITH_DISCOVERY_MACROS KITH_HAS_DNSSD)
else()
    pkg_check_modules(kith_dnssd QUIET IMPORTED_TARGET GLOBAL avahi-compat-libdns_sd)
endif()
if("KITH_HAS_DNSSD" IN_LIST KITH_DISCOVERY_MACROS)
    message(STATUS "kith: discovery: the system's DNS-SD")
elseif(KITH_DISCOVERY_MACROS)
    message(STATUS "kith: discovery: multicast DNS, with the system's avahi-core ${kith_avahi_VERSION}${kith_stacks}")
else()
    message(STATUS "kith: discovery: none on the network, peers need addresses (libavahi-core-dev)")
endif()
