# Chooses where a dependency comes from (a prefix of the user's, the system, the cache) and builds it
# into the cache when it is not there yet.
# Must not leave anything half done under a final name: a library appears in the cache by one rename,
# after it has passed its feature check.
# SPDX-License-Identifier: MIT

# Builds what KITH_DEP_<name>_* and KITH_RECIPE_<name>_* describe; prefix: where it is to appear.
# manifest: text that says what went into it. Call it with the lock held.
function(kith_deps_build name prefix manifest)
    string(TIMESTAMP start "%s")
    file(WRITE ${KITH_DEPS_LOG} "${manifest}")
    kith_fetch(${name} archive)
    kith_deps_tools(${KITH_RECIPE_${name}_TOOLS})
    message(STATUS "kith: ${KITH_DEPS_NAME}: building, ${KITH_RECIPE_${name}_TAKES} (log ${KITH_DEPS_LOG})")

    string(RANDOM LENGTH 8 random)
    set(work ${KITH_CACHE_DIR}/build/${name}-${random})
    file(MAKE_DIRECTORY ${work}/source ${work}/out ${work}/stage ${work}/result/lib)
    kith_deps_step("unpack" ${work}/source ${CMAKE_COMMAND} -E tar xf ${archive})
    file(GLOB source LIST_DIRECTORIES true ${work}/source/*)
    foreach(patch IN LISTS KITH_DEPS_PATCHES)
        kith_deps_step("patch ${patch}" ${source} patch -p1 --fuzz=0 --forward -i ${patch})
    endforeach()
    cmake_language(CALL kith_build_${name} ${source} ${work}/out ${work}/stage)

    # Only what is used: the rest of an installation (.pc, .la, programs) would name the wrong folder.
    file(RENAME ${work}/stage/usr/include ${work}/result/include)
    set(library ${KITH_RECIPE_${name}_LIBRARY})
    file(RENAME ${work}/stage/usr/lib/${library} ${work}/result/lib/${library})
    list(TRANSFORM KITH_RECIPE_${name}_LICENCES PREPEND ${source}/ OUTPUT_VARIABLE licences)
    file(COPY ${licences} DESTINATION ${work}/result/share/licences)
    file(WRITE ${work}/result/kith-build.txt "${manifest}")

    kith_deps_check(${name}
        INCLUDES ${work}/result/include ${KITH_DEPS_BELOW_INCLUDES}
        LIBRARIES ${work}/result/lib/${library} ${KITH_DEPS_BELOW_LIBRARIES}
        RESULT result OUTPUT output)
    if(NOT result EQUAL 0)
        kith_deps_fail("the ${KITH_DEPS_NAME} just built does not pass its feature check "
            "cmake/checks/${name}.c (${result}): ${output}")
    endif()
    file(REMOVE_RECURSE ${prefix})
    file(RENAME ${work}/result ${prefix})
    file(REMOVE_RECURSE ${work})
    string(TIMESTAMP end "%s")
    math(EXPR seconds "${end} - ${start}")
    message(STATUS "kith: ${KITH_DEPS_NAME}: ready (${seconds} s)")
endfunction()

# Leaves found_INCLUDES, found_LIBRARIES and found_VERSION of a library under a prefix or, without one,
# of the system's; found_WHY when there is none.
macro(kith_deps_look name prefix)
    string(REGEX REPLACE "^lib" "" found_stem ${KITH_DEP_${name}_TITLE})
    string(TOLOWER ${found_stem} found_stem)
    set(found_WHY "")
    set(found_VERSION "")
    if(NOT "${prefix}" STREQUAL "")
        find_library(found_FILE ${found_stem} PATHS "${prefix}" NO_DEFAULT_PATH NO_CACHE
            PATH_SUFFIXES lib lib64 lib/${CMAKE_LIBRARY_ARCHITECTURE})
        set(found_LIBRARIES ${found_FILE})
        set(found_INCLUDES ${prefix}/include)
        if(NOT found_FILE)
            set(found_WHY "there is no lib${found_stem} in ${prefix}/lib")
        endif()
        unset(found_FILE)
    else()
        string(TOLOWER ${KITH_DEP_${name}_TITLE} found_module)
        pkg_check_modules(found_${name} QUIET ${found_module})
        set(found_LIBRARIES ${found_${name}_LINK_LIBRARIES})
        set(found_INCLUDES ${found_${name}_INCLUDE_DIRS})
        set(found_VERSION ${found_${name}_VERSION})
        if(NOT found_${name}_FOUND)
            set(found_WHY "pkg-config knows no ${found_module}")
        elseif(found_VERSION VERSION_LESS KITH_DEP_${name}_VERSION)
            set(found_WHY "it is ${found_VERSION}, older than ${KITH_DEP_${name}_VERSION}")
        endif()
    endif()
    if(NOT found_WHY)
        kith_deps_check(${name}
            INCLUDES ${found_INCLUDES} ${KITH_DEPS_BELOW_INCLUDES}
            LIBRARIES ${found_LIBRARIES} ${KITH_DEPS_BELOW_LIBRARIES}
            RESULT found_RESULT OUTPUT found_OUTPUT)
        if(NOT found_RESULT EQUAL 0)
            set(found_WHY "the feature check says: ${found_OUTPUT} (${found_RESULT})")
        endif()
    endif()
endmacro()

# kith_provide(name MODE AUTO|ON|OFF BELOW lower...): makes the target kith::<name> and sets, for the
# caller, KITH_<NAME>_INCLUDE_DIRS, KITH_<NAME>_LIBRARIES and KITH_<NAME>_USED (one line for people).
# BELOW: dependencies provided before that this one is built on.
function(kith_provide name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "MODE" "BELOW")
    string(TOUPPER ${name} NAME)
    set(KITH_DEPS_NAME ${KITH_DEP_${name}_NAME})
    set(title ${KITH_DEP_${name}_TITLE})
    set(KITH_DEPS_BELOW_INCLUDES)
    set(KITH_DEPS_BELOW_LIBRARIES)
    set(below_used)
    set(below_targets)
    foreach(lower IN LISTS arg_BELOW)
        list(APPEND below_targets kith::${lower})
        string(TOUPPER ${lower} lower)
        list(APPEND KITH_DEPS_BELOW_INCLUDES ${KITH_${lower}_INCLUDE_DIRS})
        list(APPEND KITH_DEPS_BELOW_LIBRARIES ${KITH_${lower}_LIBRARIES})
        string(APPEND below_used "${KITH_${lower}_ID}\n")
    endforeach()
    include(${KITH_DEPS_FOLDER}/${name}.cmake)

    set(from)
    if(KITH_${NAME}_PREFIX)
        get_filename_component(prefix "${KITH_${NAME}_PREFIX}" ABSOLUTE BASE_DIR ${CMAKE_BINARY_DIR})
        kith_deps_look(${name} "${prefix}")
        if(found_WHY)
            kith_deps_fail("KITH_${NAME}_PREFIX=${prefix} does not serve: ${found_WHY}; take the option "
                "away to have ${KITH_DEPS_NAME} built")
        endif()
        set(from "${title} from ${prefix}")
    elseif(NOT arg_MODE STREQUAL OFF)
        kith_deps_look(${name} "")
        if(NOT found_WHY)
            set(from "system ${title} ${found_VERSION}")
        elseif(arg_MODE STREQUAL ON)
            kith_deps_fail("KITH_SYSTEM_DEPS=ON, but the system's ${title} does not serve: ${found_WHY}; "
                "pass -DKITH_SYSTEM_DEPS=AUTO to have ${KITH_DEPS_NAME} built")
        elseif(found_VERSION)
            message(STATUS "kith: the system's ${title} does not serve: ${found_WHY}")
        endif()
    endif()

    if(from)
        set(includes ${found_INCLUDES})
        set(libraries ${found_LIBRARIES})
        # What is built on this one has to notice when it changes.
        set(id "${from} ${libraries}")
        foreach(file IN LISTS libraries)
            file(SHA256 ${file} sum)
            string(APPEND id " ${sum}")
        endforeach()
    else()
        # Patches and recipe decide what comes out, so they are in the key, the recipe without comments.
        file(GLOB KITH_DEPS_PATCHES CONFIGURE_DEPENDS ${KITH_DEPS_FOLDER}/../patches/${name}/*.patch)
        list(SORT KITH_DEPS_PATCHES)
        set(recipe ${KITH_DEPS_FOLDER}/${name}.cmake)
        set(check ${KITH_DEPS_CHECKS}/${name}.c)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${KITH_DEPS_PATCHES} ${check})
        file(READ ${recipe} text)
        string(REGEX REPLACE "(^|\n)[ \t]*#[^\n]*" "" text "${text}")
        string(SHA256 sum "${text}")
        set(manifest "${KITH_DEPS_NAME}\narchive ${KITH_DEP_${name}_SHA256}\nrecipe ${sum}\n")
        foreach(file IN LISTS KITH_DEPS_PATCHES check)
            get_filename_component(base ${file} NAME)
            file(SHA256 ${file} sum)
            string(APPEND manifest "${base} ${sum}\n")
        endforeach()
        list(JOIN KITH_RECIPE_${name}_FLAGS " " flags)
        list(JOIN KITH_RECIPE_${name}_CFLAGS " " cflags)
        string(APPEND manifest "compiler ${KITH_DEPS_MACHINE} ${KITH_DEPS_CC_VERSION}\n"
            "flags ${flags}\ncflags ${cflags} ${KITH_DEPS_C_FLAGS}\n${below_used}")
        string(SHA256 key "${manifest}")
        string(SUBSTRING ${key} 0 12 key)
        set(id "${KITH_DEPS_NAME} ${key}")

        set(prefix ${KITH_CACHE_DIR}/${name}-${KITH_DEP_${name}_VERSION}-${key})
        set(includes ${prefix}/include)
        set(libraries ${prefix}/lib/${KITH_RECIPE_${name}_LIBRARY})
        set(ready "${prefix}/kith-build.txt")
        if(NOT EXISTS ${ready} OR NOT EXISTS ${libraries} OR NOT IS_DIRECTORY ${includes})
            if(NOT KITH_CACHE_DIR MATCHES "^[-A-Za-z0-9_./+@%,=~]+$")
                kith_deps_fail("the path of the cache folder, ${KITH_CACHE_DIR}, has characters that "
                    "builds of others stumble over; pass -DKITH_CACHE_DIR=FOLDER with plain ones")
            endif()
            kith_deps_lock()
            set(waited TRUE)
        endif()
        # Again, because another run may have built it while this one waited.
        if(waited AND (NOT EXISTS ${ready} OR NOT EXISTS ${libraries} OR NOT IS_DIRECTORY ${includes}))
            set(KITH_DEPS_LOG ${KITH_CACHE_DIR}/logs/${name}-${KITH_DEP_${name}_VERSION}-${key}.log)
            kith_deps_build(${name} ${prefix} "${manifest}")
        else()
            message(STATUS "kith: ${KITH_DEPS_NAME}: ready (cached)")
        endif()
        if(waited)
            kith_deps_unlock()
        endif()
        # A cache that was emptied is noticed by the next build.
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ready})
        set(from "${KITH_DEPS_NAME} built here (cache ${prefix})")
    endif()

    add_library(kith::${name} INTERFACE IMPORTED GLOBAL)
    set_target_properties(kith::${name} PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${includes}"
        INTERFACE_LINK_LIBRARIES "${libraries};${below_targets};pthread;m")
    set(KITH_${NAME}_INCLUDE_DIRS ${includes} PARENT_SCOPE)
    set(KITH_${NAME}_LIBRARIES ${libraries} PARENT_SCOPE)
    set(KITH_${NAME}_USED ${from} PARENT_SCOPE)
    set(KITH_${NAME}_ID ${id} PARENT_SCOPE)
endfunction()
