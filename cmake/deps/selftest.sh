#!/bin/sh
# Tests the dependency builder: what it says when it cannot build, and that the libraries in use are the
# ones we mean. Run through KITH_DEPS_SELFTEST.
# Must not download or build a dependency, nor touch the user's cache.
# SPDX-License-Identifier: MIT
#
# selftest.sh CMAKE CC IN_USE INCLUDE_DIRS LIBRARIES [FLAGS]    (lists separated by blanks)
set -u
cmake=$1 cc=$2 in_use=$3 includes=$4 libraries=$5 more_flags=${6-}
deps=$(cd "$(dirname "$0")" && pwd) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
unset KITH_ARCHIVES_DIR MAKEFLAGS DESTDIR
failures=0

# report NAME COMMAND...: ok when the command succeeds; else shows what was printed.
report() {
    name=$1
    shift
    if "$@"; then
        echo "ok $name"
    else
        echo "not ok $name"
        sed 's/^/    /' "$work/output"
        failures=$((failures + 1))
    fi
}

mkdir "$work/project" "$work/archives" "$work/bin"
printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(selftest C)' \
    "include(\"$deps/../Dependencies.cmake\")" >"$work/project/CMakeLists.txt"
archive=$(sed -n 's|.*POOL *.*/\(wolfssl_.*\)|\1|p' "$deps/versions.cmake")
echo 'not an archive' >"$work/archives/$archive"

# says TEXT OPTION...: a configure run with an empty cache fails, and its only sentence of ours that is
# no progress report contains TEXT.
says() {
    text=$1
    shift
    rm -rf "$work/build" "$work/cache"
    if timeout 60 "$cmake" -S "$work/project" -B "$work/build" -G "Unix Makefiles" \
        -DCMAKE_C_COMPILER="$cc" -DKITH_SYSTEM_DEPS=OFF -DKITH_CACHE_DIR="$work/cache" "$@" \
        >"$work/output" 2>&1; then
        echo 'the configure run succeeded' >>"$work/output"
        return 1
    fi
    [ "$(grep -c '^ *kith: ' "$work/output")" -eq 1 ] && grep -q "^ *kith: .*$text" "$work/output"
}

report 'a wrong checksum is refused' \
    says "$archive is not wolfSSL .*replace it" -DKITH_OFFLINE=ON -DKITH_ARCHIVES_DIR="$work/archives"
report 'no archive and no network says what to put where' \
    says "no source archive of wolfSSL .*put $archive .*KITH_ARCHIVES_DIR=FOLDER" -DKITH_OFFLINE=ON

# Every program but one.
old_path=$PATH
for folder in $(echo "$PATH" | tr : ' '); do
    ln -s "$folder"/* "$work/bin/" 2>/dev/null
done
rm -f "$work/bin/autoconf"
PATH=$work/bin
report 'a missing tool is named with its package' \
    says 'takes autoconf, not found.*apt-get install autoconf$'
PATH=$old_path

# passes CHECK FLAG...: the feature check compiles with these flags and succeeds.
passes() {
    check=$1
    shift
    flags=$more_flags
    for folder in $includes; do
        flags="$flags -isystem $folder"
    done
    for library in $libraries; do
        case $library in
        /*.so*) flags="$flags -Wl,-rpath,${library%/*}" ;;
        esac
    done
    # shellcheck disable=SC2086 # word splitting is wanted
    "$cc" -std=gnu11 "$@" $flags "$deps/../checks/$check.c" -o "$work/check" $libraries -lm -lpthread \
        >"$work/output" 2>&1 && ASAN_OPTIONS=detect_leaks=0 timeout 60 "$work/check" >>"$work/output" 2>&1
}
refuses() {
    passes "$@" && echo 'it passed' >>"$work/output" && return 1
    grep -q 'writes the secrets' "$work/output"
}

report 'the wolfSSL in use has what is needed and no key log' passes wolfssl
for macro in HAVE_KEYLOG_EXPORT SHOW_SECRETS WOLFSSL_SSLKEYLOGFILE; do
    report "a wolfSSL with $macro is refused" refuses wolfssl -D$macro
done
case $in_use in
*websockets*)
    report 'the libwebsockets in use has what is needed' passes websockets
    report 'the libwebsockets in use closes its sockets' passes websockets_fds
    report 'the libwebsockets in use has our patches' passes websockets_patches
    ;;
esac
case $in_use in
*ngtcp2*) report 'the ngtcp2 in use has what is needed' passes ngtcp2 ;;
esac

echo "$failures failed"
[ "$failures" -eq 0 ]
