#!/bin/sh
#
# check.sh - every test, on a fresh machine
#
# Installs what the tests need (Debian 12), builds with the sanitizers and
# runs everything; then makes the distribution, and builds that as it is
# shipped and runs everything again.
# HEAPRELAY_SHARED names a directory with further test material, if there is
# one; ../shared is looked for.

set -eu
cd "$(dirname "$0")/.."
# shellcheck source=contrib/packages.sh
. contrib/packages.sh

# shellcheck disable=SC2086
install_packages $packages_build $packages_show $packages_test
if ! command -v npm > /dev/null; then
	install_packages nodejs npm
fi
# shellcheck disable=SC2086
install_packages $packages_browser ||
    echo "No Chromium here: the test of the page is skipped."

if ! command -v promtool > /dev/null; then
	tools=$(pwd)/build/tools
	[ -x "$tools/usr/bin/promtool" ] ||
	    unpack_package prometheus "$tools" ||
	    echo "No promtool here: rules and metrics are checked without it."
	PATH=$PATH:$tools/usr/bin
fi

if [ -z "${HEAPRELAY_SHARED:-}" ] && [ -d ../shared/spec ]; then
	HEAPRELAY_SHARED=$(cd ../shared && pwd)
fi
export HEAPRELAY_SHARED="${HEAPRELAY_SHARED:-}"

autoreconf -i > /dev/null 2>&1 || autoreconf -i
top=$(pwd)

passed=0
skipped=0
failed=0

# count FILE: adds up what the summary of a test run in FILE says
count() {
	of() {
		sed -n "s/^# $1: *//p" "$2" | awk '{ n += $1 } END { print n + 0 }'
	}
	passed=$((passed + $(of PASS "$1")))
	skipped=$((skipped + $(of SKIP "$1")))
	failed=$((failed + $(of FAIL "$1") + $(of ERROR "$1")))
}

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}

fail() {
	failed=$((failed + 1))
	finish
}

# configure DIRECTORY OPTION...
configure() {
	build=build/$1
	shift
	mkdir -p "$build"
	[ -f "$build/Makefile" ] ||
	    (cd "$build" && "$top/configure" --quiet --enable-werror "$@") ||
	    fail
}

# run MAKE-ARGUMENT...: builds and tests there
run() {
	status=0
	make -s -j"$(nproc)" -C "$build" "$@" > "$build/check.out" 2>&1 ||
	    status=$?
	count "$build/check.out"
	if [ "$status" -ne 0 ]; then
		cat "$build/check.out"
		find "$build" -name test-suite.log -exec cat {} +
		[ "$failed" -gt 0 ] || fail	# it did not even build
		finish
	fi
	grep -E '^# (TOTAL|PASS|SKIP|FAIL|ERROR)' "$build/check.out"
}

echo '== with the sanitizers'
configure sanitized --enable-sanitizers CFLAGS='-O1 -g'
run check

echo '== as it is shipped, from the distribution'
configure plain
run distcheck DISTCHECK_CONFIGURE_FLAGS='--quiet --enable-werror'
tail -n 4 build/plain/check.out

echo '== fuzz'
HEAPRELAY_BUILDDIR=build/sanitized sh tests/fuzz/run.sh ||
    [ $? = 77 ] || fail

finish
