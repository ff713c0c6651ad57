#!/bin/sh
# Prints the path of Chromium, which the tests of the live page run in. Where there is none, it
# installs Debian's, if it is root and apt-get has it; else it prints nothing and fails.
set -eu

find_browser() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

find_browser && exit
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "browser: installing Debian's chromium" >&2
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium; } >/dev/null 2>&1 || true
    find_browser && exit
fi
echo "browser: there is no chromium; to test the live page: apt-get install chromium" >&2
exit 1
