# Which system is built for. Where systems do one job in different ways, it has one file for each:
# STEM_linux.c with what only Linux has, STEM_posix.c for all others.
# SPDX-License-Identifier: MIT
include_guard(GLOBAL)

set(KITH_PLATFORMS linux posix)
if(CMAKE_SYSTEM_NAME MATCHES "^(Linux|Android)$")
    set(kith_platform linux)
else()
    set(kith_platform posix)
endif()
set(KITH_PLATFORM ${kith_platform} CACHE STRING
    "Whose own calls are used: linux, or posix for those that every POSIX system has")
set_property(CACHE KITH_PLATFORM PROPERTY STRINGS ${KITH_PLATFORMS})
mark_as_advanced(KITH_PLATFORM)
if(NOT KITH_PLATFORM IN_LIST KITH_PLATFORMS)
    list(JOIN KITH_PLATFORMS ", " kith_choices)
    message(FATAL_ERROR " kith: KITH_PLATFORM is ${KITH_PLATFORM} and should be one of: ${kith_choices}")
endif()

# kith_for_platform(list): takes the files of other systems out of a list of sources.
function(kith_for_platform variable)
    list(JOIN KITH_PLATFORMS "|" names)
    set(kept)
    foreach(file IN LISTS ${variable})
        set(wanted TRUE)
        if(file MATCHES "^(.*)_(${names})\\.c$" AND NOT CMAKE_MATCH_2 STREQUAL KITH_PLATFORM)
            # posix is what a system takes that has no file of its own.
            set(own ${CMAKE_MATCH_1}_${KITH_PLATFORM}.c)
            if(NOT CMAKE_MATCH_2 STREQUAL "posix" OR own IN_LIST ${variable})
                set(wanted FALSE)
            endif()
        endif()
        if(wanted)
            list(APPEND kept ${file})
        endif()
    endforeach()
    set(${variable} ${kept} PARENT_SCOPE)
endfunction()
