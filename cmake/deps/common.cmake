# Helpers of the dependency builder: one-sentence failures, logged steps, the compiler's identity, the
# feature checks, the lock.
# Must not know any single dependency.
# SPDX-License-Identifier: MIT

# kith_dependency(name TITLE t VERSION v SHA256 s POOL p URL u): one row of versions.cmake.
function(kith_dependency name)
    cmake_parse_arguments(PARSE_ARGV 1 row "" "TITLE;VERSION;SHA256;POOL;URL" "")
    foreach(field TITLE VERSION SHA256 POOL URL)
        set(KITH_DEP_${name}_${field} ${row_${field}} PARENT_SCOPE)
    endforeach()
    set(KITH_DEP_${name}_NAME "${row_TITLE} ${row_VERSION}" PARENT_SCOPE)
endfunction()

# Ends the configure run. A leading blank keeps CMake from wrapping the sentence, so that commands in
# it can be copied.
function(kith_deps_fail)
    set(text)
    math(EXPR last "${ARGC} - 1")
    foreach(i RANGE ${last})
        string(APPEND text "${ARGV${i}}")
    endforeach()
    message(FATAL_ERROR " kith: ${text}")
endfunction()

# kith_deps_step(what folder command...): runs one step of a build with its output in the log
# (KITH_DEPS_LOG). What the caller's environment says about compiling has no part in it: it is not in
# the key under which the result is kept.
function(kith_deps_step what folder)
    set(clean)
    foreach(variable CC CFLAGS CPPFLAGS CXXFLAGS LDFLAGS LIBS AR RANLIB CPATH C_INCLUDE_PATH LIBRARY_PATH
            CONFIG_SITE DESTDIR MAKEFLAGS MFLAGS MAKELEVEL GNUMAKEFLAGS CMAKE_TOOLCHAIN_FILE
            CMAKE_GENERATOR CMAKE_BUILD_TYPE CMAKE_INSTALL_MODE VERBOSE)
        list(APPEND clean --unset=${variable})
    endforeach()
    file(APPEND ${KITH_DEPS_LOG} "\n==== ${what}\n")
    execute_process(
        COMMAND ${CMAKE_COMMAND} -E env ${clean} LC_ALL=C
            sh -c "log=$1; shift; exec \"$@\" >>\"$log\" 2>&1 </dev/null" step ${KITH_DEPS_LOG} ${ARGN}
        WORKING_DIRECTORY ${folder}
        RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
        execute_process(COMMAND tail -n 15 ${KITH_DEPS_LOG} OUTPUT_VARIABLE tail)
        string(REPLACE "\n" "\n   | " tail "${tail}")
        kith_deps_fail("building ${KITH_DEPS_NAME} failed at \"${what}\" (${result}); the log is "
            "${KITH_DEPS_LOG} and ends with\n   | ${tail}")
    endif()
endfunction()

# kith_deps_tools(tool...): fails with one line naming all that are missing.
function(kith_deps_tools)
    set(missing)
    set(packages)
    foreach(tool IN LISTS ARGN)
        # PATH alone: the steps of the build look nowhere else.
        find_program(found ${tool} NO_CACHE NO_DEFAULT_PATH PATHS ENV PATH)
        if(NOT found)
            list(APPEND missing ${tool})
            string(REPLACE "libtoolize" "libtool" package ${tool})
            list(APPEND packages ${package})
        endif()
        unset(found)
    endforeach()
    if(missing)
        list(JOIN missing ", " missing)
        list(JOIN packages " " packages)
        kith_deps_fail("building ${KITH_DEPS_NAME} takes ${missing}, not found in PATH; on Debian, as "
            "root: apt-get install ${packages}")
    endif()
endfunction()

# Which compiler builds the dependencies, and what tells it from others.
macro(kith_deps_compiler)
    if(NOT CMAKE_C_COMPILER)
        kith_deps_fail("cmake/Dependencies.cmake has to be included after project(... LANGUAGES C)")
    endif()
    if(NOT KITH_DEPS_CC)
        set(KITH_DEPS_CC ${CMAKE_C_COMPILER})
    endif()
    execute_process(COMMAND ${KITH_DEPS_CC} -dumpmachine
        OUTPUT_VARIABLE KITH_DEPS_MACHINE OUTPUT_STRIP_TRAILING_WHITESPACE
        RESULT_VARIABLE kith_result ERROR_QUIET)
    execute_process(COMMAND ${KITH_DEPS_CC} --version
        OUTPUT_VARIABLE KITH_DEPS_CC_VERSION ERROR_QUIET)
    if(NOT kith_result EQUAL 0)
        kith_deps_fail("the compiler ${KITH_DEPS_CC} does not run; pass -DKITH_DEPS_CC=gcc or another")
    endif()
    string(REGEX MATCH "^[^\n]*" KITH_DEPS_CC_VERSION "${KITH_DEPS_CC_VERSION}")
    set(KITH_DEPS_JOBS $ENV{CMAKE_BUILD_PARALLEL_LEVEL})
    if(NOT KITH_DEPS_JOBS)
        cmake_host_system_information(RESULT KITH_DEPS_JOBS QUERY NUMBER_OF_LOGICAL_CORES)
    endif()
endmacro()

# kith_deps_check(program INCLUDES dir... LIBRARIES lib... RESULT var OUTPUT var): compiles, links and
# runs cmake/checks/<program>.c. RESULT: its exit code, or "does not compile". Not try_run: the flags
# of the project (sanitizers, say) are none of its business.
function(kith_deps_check program)
    cmake_parse_arguments(PARSE_ARGV 1 check "" "RESULT;OUTPUT" "INCLUDES;LIBRARIES")
    set(folder ${CMAKE_BINARY_DIR}/CMakeFiles/kith-checks)
    file(MAKE_DIRECTORY ${folder})
    separate_arguments(flags UNIX_COMMAND "${KITH_DEPS_C_FLAGS}")
    foreach(include IN LISTS check_INCLUDES)
        list(APPEND flags -isystem ${include})
    endforeach()
    set(rpath)
    foreach(library IN LISTS check_LIBRARIES)
        if(library MATCHES "^(/.*)/[^/]*\\.so[.0-9]*$")
            list(APPEND rpath -Wl,-rpath,${CMAKE_MATCH_1})
        endif()
    endforeach()
    list(REMOVE_DUPLICATES rpath)
    execute_process(
        COMMAND ${KITH_DEPS_CC} -std=gnu11 -O1 ${flags} ${KITH_DEPS_CHECKS}/${program}.c
            -o ${folder}/${program} ${check_LIBRARIES} ${rpath} -lm -lpthread
        RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
        set(result "does not compile")
        if(output MATCHES "#error \"?([^\n]*[^\"\n])\"?")
            set(output "${CMAKE_MATCH_1}")
        elseif(output MATCHES "(undefined reference to [^\n]*|error: [^\n]*)")
            set(output "${CMAKE_MATCH_1}")
        endif()
    elseif(NOT CMAKE_CROSSCOMPILING)
        execute_process(
            COMMAND ${CMAKE_COMMAND} -E env ASAN_OPTIONS=detect_leaks=0 ${folder}/${program} TIMEOUT 30
            RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    endif()
    string(STRIP "${output}" output)
    set(${check_RESULT} "${result}" PARENT_SCOPE)
    set(${check_OUTPUT} "${output}" PARENT_SCOPE)
endfunction()

# One configure run at a time works in the cache: whatever lies in its build folder while we hold the
# lock was left by a run that was killed.
function(kith_deps_lock)
    execute_process(COMMAND ${CMAKE_COMMAND} -E make_directory
            ${KITH_CACHE_DIR}/archives ${KITH_CACHE_DIR}/logs ${KITH_CACHE_DIR}/build
        RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
    if(result EQUAL 0)
        file(LOCK ${KITH_CACHE_DIR}/lock GUARD PROCESS TIMEOUT 0 RESULT_VARIABLE locked)
        if(NOT locked EQUAL 0)
            message(STATUS "kith: waiting for another configure run that uses ${KITH_CACHE_DIR}")
            file(LOCK ${KITH_CACHE_DIR}/lock GUARD PROCESS TIMEOUT 1800 RESULT_VARIABLE locked)
        endif()
    endif()
    if(NOT result EQUAL 0 OR NOT locked EQUAL 0)
        kith_deps_fail("cannot write into or lock the cache folder ${KITH_CACHE_DIR}; pass "
            "-DKITH_CACHE_DIR=FOLDER to use another")
    endif()
    file(REMOVE_RECURSE ${KITH_CACHE_DIR}/build)
    file(MAKE_DIRECTORY ${KITH_CACHE_DIR}/build)
endfunction()

function(kith_deps_unlock)
    file(LOCK ${KITH_CACHE_DIR}/lock RELEASE)
endfunction()
