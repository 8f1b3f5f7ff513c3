# Which transports are built. Afterwards KITH_TRANSPORTS is a list of names that all exist, and
#   KITH_TRANSPORT_FOLDERS    their folders below transports/, what they share, and what is in every build
#   KITH_TRANSPORT_NEEDS      the dependencies (cmake/deps) that they bring
#   KITH_TRANSPORT_MACROS     what tells transports/drivers.c of them
# A new one takes a folder, its name in KITH_TRANSPORTS_KNOWN, what it needs, and its place in
# transports/drivers.c.
# SPDX-License-Identifier: MIT
include_guard(GLOBAL)

# memory connects sessions of one process. It is in every build, for tests and simulations, and never
# in the list that applications get: alone, it stands for a library without any network.
set(KITH_TRANSPORTS_KNOWN quic websocket memory)
set(kith_quic_needs ngtcp2)
set(kith_quic_folders udp net)
set(kith_websocket_needs websockets)
set(kith_websocket_folders net)

set(KITH_TRANSPORTS "quic;websocket" CACHE STRING
    "What is built to connect through, separated by semicolons: ${KITH_TRANSPORTS_KNOWN}")

set(KITH_TRANSPORT_FOLDERS tls memory) # tls: also the cryptography of the core
set(KITH_TRANSPORT_NEEDS)
set(KITH_TRANSPORT_MACROS)
list(JOIN KITH_TRANSPORTS_KNOWN ", " kith_choices)
if(NOT KITH_TRANSPORTS)
    message(FATAL_ERROR " kith: KITH_TRANSPORTS is empty; name one or more of: ${kith_choices}")
endif()
foreach(kith_name IN LISTS KITH_TRANSPORTS)
    if(NOT kith_name IN_LIST KITH_TRANSPORTS_KNOWN)
        message(FATAL_ERROR " kith: KITH_TRANSPORTS names \"${kith_name}\", which is none of: "
            "${kith_choices} (a list is separated by semicolons)")
    endif()
    list(APPEND KITH_TRANSPORT_FOLDERS ${kith_name} ${kith_${kith_name}_folders})
    list(APPEND KITH_TRANSPORT_NEEDS ${kith_${kith_name}_needs})
    string(TOUPPER ${kith_name} kith_name)
    list(APPEND KITH_TRANSPORT_MACROS KITH_HAS_${kith_name})
endforeach()
list(REMOVE_DUPLICATES KITH_TRANSPORT_FOLDERS)
