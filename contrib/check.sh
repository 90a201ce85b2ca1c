#!/bin/sh
#
# check.sh - every test, on a fresh machine
#
# Installs what the tests need (Debian 12), builds with the sanitizers and
# runs everything, builds once more as it is shipped and runs everything
# again, and makes a distribution that can be built and tested by itself.
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

# check NAME CFLAGS CONFIGURE-OPTION...
check() {
	name=$1
	flags=$2
	shift 2
	echo "== $name"
	mkdir -p "build/$name"
	cd "build/$name"
	[ -f Makefile ] || "$top/configure" --quiet --enable-werror \
	    CFLAGS="$flags" "$@"
	make -s -j"$(nproc)" all || fail
	status=0
	make -s -j"$(nproc)" check > check.out 2>&1 || status=$?
	count check.out
	if [ "$status" -ne 0 ]; then
		cat check.out test-suite.log 2> /dev/null || :
		[ "$failed" -gt 0 ] || fail	# it did not even build
		finish
	fi
	grep -E '^# (TOTAL|PASS|SKIP|FAIL|ERROR)' check.out
	echo "Skipped so far: $skipped"
	cd "$top"
}

check sanitized '-O1 -g' --enable-sanitizers
check plain '-O2 -g'

echo '== fuzz'
HEAPRELAY_BUILDDIR=build/sanitized sh tests/fuzz/run.sh ||
    [ $? = 77 ] || fail

echo '== distcheck'
make -s -C build/plain distcheck \
    DISTCHECK_CONFIGURE_FLAGS='--quiet' > build/distcheck.out 2>&1 ||
    { tail -n 100 build/distcheck.out; fail; }
tail -n 4 build/distcheck.out
finish
