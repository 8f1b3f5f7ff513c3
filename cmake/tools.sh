# tools.sh: finds the tools that building and testing Kith take, and installs what is missing.
# Sourced by examples/demo and tests/run; does nothing by itself.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the lists are used by name

# A tool is there when it works, wherever it came from; apt is asked only for what does not. The names
# are those of Debian's packages.
kith_tools_build="gcc libc6-dev cmake ninja-build make pkg-config autoconf automake libtool patch
    ca-certificates libuv1-dev libavahi-core-dev"
kith_tools_test="g++ libcriterion-dev libqrencode-dev mandoc python3 openssl gnutls-bin libgnutls28-dev
    nodejs node-ws python3-websockets python3-zeroconf iproute2 libdbus-1-dev
    libavahi-compat-libdnssd-dev"
# For tests/checks/portability: compilers for other machines, and what runs their programs.
kith_tools_cross="gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-powerpc-linux-gnu
    libc6-dev-powerpc-cross gcc-mingw-w64-x86-64-win32 musl-tools qemu-user"
kith_tools_valgrind="valgrind"

kith_tool_works() {
    case $1 in
    gcc) command -v "${CC:-cc}" ;;
    g++) command -v "${CXX:-c++}" ;;
    libc6-dev) printf '#include <stdio.h>\n' | "${CC:-cc}" -E -x c - ;;
    ninja-build) command -v ninja ;;
    libtool) command -v libtoolize ;;
    ca-certificates) [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -d /etc/pki/tls/certs ] ;;
    libuv1-dev) pkg-config --exists libuv ;;
    libavahi-compat-libdnssd-dev) pkg-config --exists avahi-compat-libdns_sd ;;
    libdbus-1-dev) pkg-config --exists dbus-1 ;;
    libavahi-core-dev) pkg-config --exists avahi-core ;;
    python3-zeroconf) python3 -c 'import zeroconf' || /usr/bin/python3 -c 'import zeroconf' ;;
    libcriterion-dev) pkg-config --exists criterion ;;
    iproute2) command -v ip ;;
    gnutls-bin) command -v gnutls-cli ;;
    libgnutls28-dev) pkg-config --exists gnutls ;;
    nodejs) node -e 'process.exit(parseInt(process.versions.node) < 16 ? 1 : 0)' ;;
    node-ws) NODE_PATH=${NODE_PATH:-}:/usr/share/nodejs node -e 'require("ws")' ;;
    gcc-aarch64-linux-gnu) command -v aarch64-linux-gnu-gcc ;;
    libc6-dev-arm64-cross) printf '#include <stdio.h>\n' | aarch64-linux-gnu-gcc -E -x c - ;;
    gcc-powerpc-linux-gnu) command -v powerpc-linux-gnu-gcc ;;
    libc6-dev-powerpc-cross) printf '#include <stdio.h>\n' | powerpc-linux-gnu-gcc -E -x c - ;;
    gcc-mingw-w64-x86-64-win32)
        command -v x86_64-w64-mingw32-gcc-win32 || command -v x86_64-w64-mingw32-gcc
        ;;
    musl-tools) command -v musl-gcc ;;
    qemu-user)
        { command -v qemu-aarch64 || command -v qemu-aarch64-static; } &&
            { command -v qemu-ppc || command -v qemu-ppc-static; }
        ;;
    python3-websockets)
        python3 -c 'import websockets' || /usr/bin/python3 -c 'import websockets'
        ;;
    libqrencode-dev) pkg-config --exists libqrencode ;;
    python3) python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' ;;
    *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

# kith_tools_missing build|test|cross|valgrind...: prints what is not there, as words.
kith_tools_missing() {
    local group variable tool
    local -a missing=()
    for group in "$@"; do
        variable=kith_tools_$group
        for tool in ${!variable}; do
            kith_tool_works "$tool" || missing+=("$tool")
        done
    done
    printf '%s\n' "${missing[*]}"
}

# kith_tools_need build|test|cross|valgrind...: returns when everything is there, else exits with 2 after saying the
# one line that installs it.
kith_tools_need() {
    local tool command log
    local -a missing as_root=()
    read -ra missing < <(kith_tools_missing "$@")
    [ ${#missing[@]} -gt 0 ] || return 0

    command="apt-get install --yes --no-install-recommends ${missing[*]}"
    if ! command -v apt-get >/dev/null 2>&1; then
        printf 'These tools are missing (by their Debian names): %s\n' "${missing[*]}" >&2
        printf 'Install them with the package manager of this system, then run this again.\n' >&2
        exit 2
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if sudo -n true >/dev/null 2>&1; then
            as_root=(sudo -n)
        else
            printf 'Some tools are missing. This line installs them; then run this again:\n\n' >&2
            if command -v sudo >/dev/null 2>&1; then
                printf '    sudo apt-get update && sudo %s\n\n' "$command" >&2
            else
                printf "    su -c 'apt-get update && %s'\n\n" "$command" >&2
            fi
            exit 2
        fi
    fi

    printf 'Installing with apt: %s\n' "${missing[*]}"
    log=$(mktemp)
    # Stale package lists give packages that are gone, so they are read anew first; a failure there is
    # told only when the installation fails too.
    "${as_root[@]}" apt-get update >"$log" 2>&1 || :
    # shellcheck disable=SC2086 # word splitting is wanted
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $command \
        -o DPkg::Lock::Timeout=300 >>"$log" 2>&1 </dev/null; then
        tail -n 25 "$log" >&2
        rm -f "$log"
        printf '\napt could not install them. Mend what it says above, or install by hand:\n    %s\n' \
            "$command" >&2
        exit 2
    fi
    rm -f "$log"
    for tool in "${missing[@]}"; do
        if ! kith_tool_works "$tool"; then
            printf 'apt installed %s, but it does not work; look at PATH, CC, CXX.\n' "$tool" >&2
            exit 2
        fi
    done
}
