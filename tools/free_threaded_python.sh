#!/bin/sh
# Prints the path of a free-threaded CPython: FREE_THREADED_PYTHON, one on PATH, or one that it
# builds from Debian's sources in .cache/free-threaded. Building takes about five minutes, once.
set -eu

cd "$(dirname "$0")/.."
. tools/debian_mirror.sh
cache=$PWD/.cache/free-threaded
archives=/usr/share/keyrings/debian-archive-keyring.gpg

exec 3>&2 # messages go to the original stderr, also where that of a command is redirected
say() { echo "free-threaded Python: $*" >&3; }

fail() {
    say "$*"
    say "or set FREE_THREADED_PYTHON to a free-threaded interpreter, version 3.13 or later"
    exit 1
}

is_free_threaded() {
    "$1" -c 'import sys, ssl, sqlite3, ctypes, zlib; sys.exit(sys._is_gil_enabled())' 2>/dev/null
}

find_python() {
    for python in ${FREE_THREADED_PYTHON:-python3.14t python3.13t "$cache/bin/python3"}; do
        is_free_threaded "$python" && command -v "$python" && return
    done
    return 1
}

# Runs apt-get with package lists of its own, so that those of the machine stay as they are.
apt() {
    apt-get --quiet --quiet -o APT::Sandbox::User="$(id -un)" \
        -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State="$cache/apt" -o Dir::State::status=/var/lib/dpkg/status \
        -o Dir::Cache="$cache/apt" "$@" >&2
}

fetch() {
    mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
    for release in python3.14/forky python3.13/trixie; do
        suite=${release#*/}
        echo "deb-src [signed-by=$archives] $1 $suite main" >"$cache/apt/sources.list"
        say "fetching the source of $release"
        apt update && (cd "$cache/apt" && apt source --download-only "$release") && return
        say "$release is not available"
    done
    return 1
}

build() {
    for tool in apt-get gcc make; do
        command -v "$tool" >/dev/null || fail "$tool is missing"
    done
    for header in openssl/ssl.h zlib.h ffi.h sqlite3.h; do
        echo "#include <$header>" | gcc -E - >/dev/null 2>&1 ||
            fail "$header is missing: apt-get install libssl-dev zlib1g-dev libffi-dev libsqlite3-dev"
    done
    mirror=$(mirror)
    [ -n "$mirror" ] || fail "apt has no mirror of Debian's main archive"
    rm -rf "$cache"
    fetch "$mirror" || fail "no source of a CPython came from $mirror"
    mkdir "$cache/build"
    tar -x -f "$cache"/apt/python3.*.orig.tar.?z -C "$cache/build" --strip-components=1
    (
        cd "$cache/build" && say "configuring" &&
            ./configure --quiet --disable-gil --disable-test-modules --prefix="$cache" &&
            say "building, about five minutes" && make -j"$(nproc)" &&
            say "installing" && make install
    ) >"$cache/build.log" 2>&1 || { tail -n 20 "$cache/build.log" >&3; fail "see $cache/build.log"; }
    rm -rf "$cache/build" "$cache/apt"
}

find_python && exit
[ -z "${FREE_THREADED_PYTHON:-}" ] || fail "$FREE_THREADED_PYTHON is not one, or lacks modules"
build
find_python || fail "what was built is not free-threaded, or lacks modules: see $cache/build.log"
