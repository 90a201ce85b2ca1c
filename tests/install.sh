#!/bin/sh
#
# install.sh - `make install` installs all that there is, where it is looked
# for, and `make uninstall` takes it away

set -eu
build=${HEAPRELAY_BUILDDIR:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain() {
	echo "install.sh: $*" >&2
	status=1
}

setting() {
	sed -n "s/^$1 = //p" "$build/Makefile" | head -n 1
}
prefix=$(setting prefix)

# As the make that runs this does, but not with its options.
run_make() {
	MAKEFLAGS= MAKELEVEL= "${MAKE:-make}" -s -C "$build" \
	    DESTDIR="$work/root" "$@" > "$work/made" 2>&1 || {
		cat "$work/made" >&2
		complain "make $* fails"
		exit 1
	}
}

run_make install
(cd "$work/root$prefix" && find . -type f) | sed 's|^\./||' | sort \
    > "$work/installed"
sort > "$work/wanted" <<'END'
bin/heaprelay-load
bin/heaprelay-sink
bin/heaprelayctl
lib/systemd/system/heaprelay.service
lib/sysusers.d/heaprelay.conf
lib/tmpfiles.d/heaprelay.conf
sbin/heaprelayd
share/bash-completion/completions/heaprelayctl.bash
share/doc/heaprelay/ChangeLog
share/doc/heaprelay/DESIGN
share/doc/heaprelay/LICENSE
share/doc/heaprelay/OPERATIONS
share/doc/heaprelay/README
share/doc/heaprelay/RELIABILITY
share/doc/heaprelay/SENDERS
share/doc/heaprelay/credentials.conf.sample
share/doc/heaprelay/heaprelay.conf.sample
share/doc/heaprelay/openapi.yaml
share/doc/heaprelay/paths.conf.sample
share/doc/heaprelay/ports.conf.sample
share/heaprelay/grafana/heaprelay.json
share/heaprelay/nginx/heaprelay.conf
share/heaprelay/prometheus/heaprelay.rules.test.yml
share/heaprelay/prometheus/heaprelay.rules.yml
share/heaprelay/sqlite/busiest.sql
share/heaprelay/sqlite/conservation.sql
share/heaprelay/sqlite/history.sql
share/heaprelay/sqlite/init.sql
share/heaprelay/sqlite/isolation.sql
share/heaprelay/sqlite/oldest.sql
share/heaprelay/sqlite/person.sql
share/heaprelay/sqlite/requests.sql
share/heaprelay/sqlite/skipped.sql
share/heaprelay/sqlite/stuck.sql
share/heaprelay/sqlite/windows.sql
share/man/man1/heaprelay-load.1
share/man/man1/heaprelay-sink.1
share/man/man1/heaprelayctl.1
share/man/man5/heaprelay.conf.5
share/man/man7/heaprelay-schema.7
share/man/man8/heaprelayd.8
share/zsh/site-functions/_heaprelayctl
END
diff "$work/wanted" "$work/installed" >&2 ||
    complain 'what is wanted (<) and what is installed (>) differ'

# Files that name others name those that were installed.
top=$work/root$prefix
! grep -rl '@[a-z]*dir@' "$top/lib" "$top/share" >&2 ||
    complain 'a name of a directory was not filled in'
daemon=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' \
    "$top/lib/systemd/system/heaprelay.service")
[ -x "$work/root$daemon" ] || complain "the unit starts $daemon, not there"
queries=$(sed -n 's/^\.cd //p' "$top/share/heaprelay/sqlite/init.sql")
[ -f "$work/root$queries/stuck.sql" ] ||
    complain "init.sql looks for queries in $queries"
[ "$("$work/root$daemon" -V)" = "heaprelayd $(setting PACKAGE_VERSION)" ] ||
    complain 'the installed agent does not run'

# Nothing that an administrator wrote is overwritten: there is no live
# configuration, and no directory for a queue.
left=$(find "$work/root" -type f | grep -v "^$top/" || true)
[ -z "$left" ] || complain "installed elsewhere: $left"

run_make uninstall
left=$(find "$work/root" -type f)
[ -z "$left" ] || complain "uninstall leaves $left"

exit $status
