# packages.sh - Debian packages that heaprelay needs; sourced
#
# install_packages PACKAGE...: those that are missing, with sudo unless root.

packages_build='build-essential autoconf automake pkg-config gawk
libsqlite3-dev libcurl4-openssl-dev libcjson-dev libevent-dev libinih-dev
libssl-dev zlib1g-dev ca-certificates'
packages_show='curl jq sqlite3'
packages_test='libcmocka-dev git mandoc xz-utils procps openssl strace systemd zsh
clang libclang-rt-14-dev openjdk-17-jre-headless libxml2-utils valgrind'
packages_browser='chromium'

install_packages() {
	missing=
	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
		    grep -q 'ok installed' || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	echo "Installing:$missing"
	$sudo apt-get -qq update
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq -y \
	    --no-install-recommends install $missing > /dev/null
}

# unpack_package PACKAGE DIRECTORY: a program without what installing it would
# start; it is DIRECTORY/usr/bin/... then
unpack_package() {
	mkdir -p "$2"
	(
		cd "$2"
		apt-get -qq download "$1" > /dev/null
		dpkg-deb -x "$1"_*.deb .
		rm -f "$1"_*.deb
	)
}
