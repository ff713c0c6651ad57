#!/bin/sh
# Runs a command in this working tree on Debian sid, which has CPython 3.14 and 3.15:
#     tools/on_debian_sid.sh make test PYTHON=python3.15 VENV=.venv-3.15
# The first run installs the system in .cache/debian-sid: 2 GB, a few minutes. It needs root.
set -eu

cd "$(dirname "$0")/.."
. tools/debian_mirror.sh
tree=$PWD
root=$tree/.cache/debian-sid
packages=gcc,g++,libc6-dev,libcrypt-dev,make,git,ca-certificates,locales-all
for version in 3.14 3.15; do
    packages=$packages,python$version,python$version-dev,python$version-venv
done

say() { echo "Debian sid: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

make_system() {
    command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
    mirror=$(mirror)
    [ -n "$mirror" ] || fail "apt has no mirror of Debian's main archive"
    say "installing it from $mirror"
    rm -rf "$root.new"
    mkdir -p "$root.new"
    debootstrap --variant=minbase --include="$packages" sid "$root.new" "$mirror" \
        >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; fail "see $root.log"; }
    mkdir -p "$root.new$tree"
    mv "$root.new" "$root"
}

# Copies the settings of the network and of pip from this machine.
copy_settings() {
    for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt \
        /etc/pip.conf "$HOME/.config/pip/pip.conf"; do
        [ -e "$file" ] || continue
        mkdir -p "$root$(dirname "$file")"
        cp "$file" "$root$file"
    done
}

[ $# -gt 0 ] || fail "usage: $0 COMMAND [ARGUMENT...]"
[ "$(id -u)" = 0 ] || fail "only root can install it and run commands in it"
[ -d "$root" ] || make_system
copy_settings
# in a mount namespace of its own, so that all mounts are gone when the command ends
exec unshare --mount --propagation private sh -euc '
    root=$1 tree=$2
    shift 2
    for place in /proc /sys /dev; do mount --rbind "$place" "$root$place"; done
    mount --bind "$tree" "$root$tree"
    exec chroot "$root" env --chdir="$tree" PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"
' sh "$root" "$tree" "$@"
