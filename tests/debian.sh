#!/bin/sh
#
# debian.sh - the Debian packaging is of this version, and in itself sound
#
# With HEAPRELAY_LONG=1 the package is built too, and lintian asked about it;
# then the tools for that have to be there.

set -eu
srcdir=${srcdir:-.}
debian=$srcdir/contrib/debian
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain() {
	echo "debian.sh: $*" >&2
	status=1
}

version=$(sed -n 's/^AC_INIT(\[heaprelay\], \[\(.*\)\])/\1/p' \
    "$srcdir/configure.ac")
packaged=$(sed -n '1s/^heaprelay (\(.*\)-[0-9]*) .*/\1/p' "$debian/changelog")
[ -n "$version" ] && [ "$packaged" = "$version" ] ||
    complain "the changelog is of $packaged, the program is $version"

for script in build.sh heaprelay.postinst heaprelay.prerm heaprelay.postrm; do
	sh -n "$debian/$script" || complain "$script is no shell script"
done
for script in heaprelay.postinst heaprelay.prerm heaprelay.postrm; do
	grep -qx '#DEBHELPER#' "$debian/$script" ||
	    complain "$script leaves out what debhelper adds"
done
[ -x "$debian/rules" ] || complain 'rules cannot be executed'

# Packages that configure asks for are built with.
sed -n 's/^HR_LIBRARY(.*, \[\([a-z0-9.-]*\)\])$/\1/p' "$srcdir/configure.ac" |
    sort -u > "$work/libraries"
[ "$(wc -l < "$work/libraries")" -ge 7 ] || complain 'no libraries were found'
while read -r library; do
	sed -n '/^Build-Depends:/,/^[^ B]/p' "$debian/control" |
	    grep -qw -e "$library" || complain "control lacks $library"
done < "$work/libraries"

# Only a purge may remove what is in the queue.
mkdir -p "$work/state"
sed 's|/var/lib/heaprelay|'"$work"'/state|; s|/run/heaprelay|'"$work"'/run|
    s/^#DEBHELPER#$//' "$debian/heaprelay.postrm" > "$work/postrm"
for action in remove upgrade disappear; do
	sh "$work/postrm" $action
	[ -d "$work/state" ] || complain "$action removes the queue"
done
sh "$work/postrm" purge
[ ! -d "$work/state" ] || complain 'purge leaves the queue'

[ "${HEAPRELAY_LONG:-0}" = 1 ] || exit $status
for tool in dpkg-buildpackage dh lintian; do
	if ! command -v $tool > /dev/null; then
		[ "$status" = 0 ] || exit 1
		echo "skipped: there is no $tool"
		exit 77
	fi
done
MAKEFLAGS= MAKELEVEL= sh "$debian/build.sh" "$work/built" \
    > "$work/out" 2>&1 || { tail -n 40 "$work/out" >&2; exit 1; }
deb=$(echo "$work"/built/heaprelay_*.deb)
dpkg-deb -c "$deb" > "$work/contents"
for file in ./etc/heaprelay/heaprelay.conf ./usr/sbin/heaprelayd \
    ./lib/systemd/system/heaprelay.service \
    ./usr/lib/sysusers.d/heaprelay.conf; do
	grep -q " $file\$" "$work/contents" || complain "the package lacks $file"
done
grep -q '^-rw-r----- .* ./etc/heaprelay/heaprelay.conf$' "$work/contents" ||
    complain 'everybody may read the settings'
[ "$(dpkg-deb --info "$deb" conffiles)" = /etc/heaprelay/heaprelay.conf ] ||
    complain 'the settings are no conffile'
lintian --fail-on error,warning --allow-root "$work"/built/*.changes \
    > "$work/out" 2>&1 || { cat "$work/out" >&2; complain lintian; }

exit $status
