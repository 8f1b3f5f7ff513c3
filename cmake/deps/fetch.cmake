# Finds the source archive of a dependency: a folder of the user's, the download cache, the Debian
# mirror that apt is configured with, upstream's release page, in this order.
# Must not use an archive whose SHA-256 is not the pinned one, whatever it is called and wherever it
# came from; must not touch the network when KITH_OFFLINE is on.
# SPDX-License-Identifier: MIT

# Downloads from apt's mirrors to target. why: what came of it, if nothing did.
function(kith_fetch_apt name target why)
    find_program(apt_get apt-get NO_CACHE)
    find_program(apt_helper apt-helper PATHS /usr/lib/apt /usr/libexec/apt NO_CACHE)
    if(NOT apt_get OR NOT apt_helper)
        set(${why} "no apt here" PARENT_SCOPE)
        return()
    endif()
    # Without release info: the package lists may never have been fetched.
    execute_process(
        COMMAND ${apt_get} indextargets --no-release-info --format "$(COMPONENT) $(REPO_URI)"
        OUTPUT_VARIABLE targets ERROR_QUIET)
    string(REGEX MATCHALL "main [^\n]+" targets "${targets}")
    list(REMOVE_DUPLICATES targets)
    set(reason "apt has no repository with a main component")
    foreach(line IN LISTS targets)
        string(REGEX REPLACE "^main (.*[^/])/*$" "\\1" uri "${line}")
        execute_process(
            COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C ${apt_helper}
                -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20
                download-file ${uri}/${KITH_DEP_${name}_POOL} ${target}
                SHA256:${KITH_DEP_${name}_SHA256}
            TIMEOUT 900 RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
        file(APPEND ${KITH_DEPS_LOG} "\n==== download with apt\n${output}")
        if(result EQUAL 0)
            set(${why} "" PARENT_SCOPE)
            return()
        endif()
        file(REMOVE ${target} ${target}.FAILED)
        if(output MATCHES "404 ")
            set(reason "apt's mirror no longer has it")
        elseif(output MATCHES "Hash Sum mismatch")
            set(reason "what apt's mirror sent has another SHA-256")
        else()
            set(reason "apt's mirror cannot be reached")
        endif()
    endforeach()
    set(${why} "${reason}" PARENT_SCOPE)
endfunction()

function(kith_fetch_upstream name target why)
    file(DOWNLOAD ${KITH_DEP_${name}_URL} ${target}
        INACTIVITY_TIMEOUT 20 TLS_VERIFY ON STATUS status)
    file(APPEND ${KITH_DEPS_LOG} "\n==== download ${KITH_DEP_${name}_URL}\n${status}\n")
    list(POP_FRONT status code text)
    if(NOT code EQUAL 0)
        set(reason "${KITH_DEP_${name}_URL}: ${text}")
    else()
        set(reason "")
        file(SHA256 ${target} sum)
        if(NOT sum STREQUAL KITH_DEP_${name}_SHA256)
            set(reason "${KITH_DEP_${name}_URL} has another SHA-256 than the pinned one, so it is refused")
        endif()
    endif()
    if(reason)
        file(REMOVE ${target})
    endif()
    set(${why} "${reason}" PARENT_SCOPE)
endfunction()

# kith_fetch(name var): var is the path of the archive, checked. Call it with the lock held.
function(kith_fetch name variable)
    get_filename_component(file ${KITH_DEP_${name}_POOL} NAME)
    get_filename_component(upstream_file ${KITH_DEP_${name}_URL} NAME)
    set(sha ${KITH_DEP_${name}_SHA256})

    if(KITH_ARCHIVES_DIR)
        get_filename_component(folder "${KITH_ARCHIVES_DIR}" ABSOLUTE BASE_DIR ${CMAKE_BINARY_DIR})
        foreach(candidate ${file} ${upstream_file})
            if(EXISTS ${folder}/${candidate})
                file(SHA256 ${folder}/${candidate} sum)
                if(NOT sum STREQUAL sha)
                    kith_deps_fail("${folder}/${candidate} is not ${KITH_DEPS_NAME}: its SHA-256 is "
                        "${sum} and should be ${sha}; replace it or take it away")
                endif()
                set(${variable} ${folder}/${candidate} PARENT_SCOPE)
                return()
            endif()
        endforeach()
        set(tried "not in ${folder}")
    else()
        set(tried "KITH_ARCHIVES_DIR not given")
    endif()

    set(cached ${KITH_CACHE_DIR}/archives/${file})
    if(EXISTS ${cached})
        file(SHA256 ${cached} sum)
        if(sum STREQUAL sha)
            set(${variable} ${cached} PARENT_SCOPE)
            return()
        endif()
        message(STATUS "kith: ${KITH_DEPS_NAME}: ${cached} is damaged, fetching it again")
        file(REMOVE ${cached})
    endif()
    string(APPEND tried "; not in ${KITH_CACHE_DIR}/archives")

    if(KITH_OFFLINE)
        string(APPEND tried "; KITH_OFFLINE is on")
    else()
        # Before a download of many megabytes rather than after it.
        kith_deps_tools(${KITH_RECIPE_${name}_TOOLS})
        message(STATUS "kith: ${KITH_DEPS_NAME}: downloading ${file}")
        set(part ${KITH_CACHE_DIR}/build/${file})
        foreach(source apt upstream)
            cmake_language(CALL kith_fetch_${source} ${name} ${part} why)
            if(NOT why)
                file(RENAME ${part} ${cached})
                set(${variable} ${cached} PARENT_SCOPE)
                return()
            endif()
            string(APPEND tried "; ${why}")
        endforeach()
    endif()
    kith_deps_fail("no source archive of ${KITH_DEPS_NAME} (${tried}); put ${file} (SHA-256 ${sha}) into a "
        "folder and pass -DKITH_ARCHIVES_DIR=FOLDER")
endfunction()
