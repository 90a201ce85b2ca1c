#!/bin/sh
#
# build.sh - a Debian package of this tree
#
# Exports the tree to a scratch directory, where debian/ stands at the top,
# and leaves the .deb in build/debian, or in the directory that is named.
# Installs what is missing to build it (with sudo unless root).  The tests are
# not run unless --check is given: contrib/check.sh does that, and more.
#
# usage: sh contrib/debian/build.sh [--check] [DIRECTORY]

set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=contrib/packages.sh
. contrib/packages.sh

options=nocheck
if [ "${1:-}" = --check ]; then
	options=
	shift
fi
case ${1:-} in
-*) echo "usage: sh contrib/debian/build.sh [--check] [DIRECTORY]" >&2
    exit 64 ;;
esac
result=${1:-build/debian}
mkdir -p "$result"
result=$(cd "$result" && pwd)

# shellcheck disable=SC2086
install_packages $packages_build debhelper
if [ -z "$options" ]; then
	# shellcheck disable=SC2086
	install_packages $packages_show $packages_test
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
tree=$work/heaprelay
mkdir "$tree"
if [ -e .git ]; then
	git ls-files -z --cached --others --exclude-standard |
	    tar -c --null -T - | tar -x -C "$tree"
else
	tar -c --exclude='./build*/' --exclude=./build . | tar -x -C "$tree"
fi
cp -R "$tree/contrib/debian" "$tree/debian"
rm "$tree/debian/build.sh"

cd "$tree"
DEB_BUILD_OPTIONS="$options parallel=$(nproc)" \
    dpkg-buildpackage --build=binary --no-sign --no-check-builddeps
mv "$work"/heaprelay*.deb "$work"/*.changes "$work"/*.buildinfo "$result"
echo
ls "$result"/heaprelay_*.deb
