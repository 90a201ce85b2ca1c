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

if [ -z "${HEAPRELAY_SHARED:-}" ] && [ -d ../shared/spec ]; then
	HEAPRELAY_SHARED=$(cd ../shared && pwd)
fi
export HEAPRELAY_SHARED="${HEAPRELAY_SHARED:-}"

autoreconf -i > /dev/null 2>&1 || autoreconf -i
top=$(pwd)

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
	make -s -j"$(nproc)" all
	make -s -j"$(nproc)" check > check.out 2>&1 ||
	    { cat check.out; cat test-suite.log 2> /dev/null; exit 1; }
	grep -E '^# (TOTAL|PASS|SKIP|FAIL|ERROR)' check.out
	passed=$(sed -n 's/^# PASS: *//p' check.out)
	skipped=$(sed -n 's/^# SKIP: *//p' check.out)
	echo "$passed passed, 0 failed, $skipped skipped"
	cd "$top"
}

check sanitized '-O1 -g' --enable-sanitizers
check plain '-O2 -g'

echo '== fuzz'
HEAPRELAY_BUILDDIR=build/sanitized sh tests/fuzz/run.sh ||
    [ $? = 77 ] || exit 1

echo '== distcheck'
make -s -C build/plain distcheck \
    DISTCHECK_CONFIGURE_FLAGS='--quiet' > build/distcheck.out 2>&1 ||
    { tail -n 100 build/distcheck.out; exit 1; }
tail -n 4 build/distcheck.out
