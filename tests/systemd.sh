#!/bin/sh
#
# systemd.sh - the unit is sound and shut tight, the user can be made
#
# Judged by systemd-analyze, which needs no running systemd.

set -eu
srcdir=${srcdir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain() {
	echo "systemd.sh: $*" >&2
	status=1
}

skip() {
	echo "skipped: $*"
	exit 77
}

command -v systemd-analyze > /dev/null || skip 'there is no systemd-analyze'
systemd-analyze --help | grep -q offline ||
    skip 'this systemd-analyze cannot judge a file'

# What it starts has to be there.
daemon=${HEAPRELAY_BUILDDIR:-.}/heaprelayd
sed "s|@sbindir@/heaprelayd|$(realpath "$daemon")|; s|@sysconfdir@|/etc|" \
    "$srcdir/contrib/systemd/heaprelay.service.in" > "$work/heaprelay.service"
for sample in '' credentials ports paths; do
	mkdir -p "$work/heaprelay.service.d"
	rm -f "$work"/heaprelay.service.d/*
	[ -z "$sample" ] || cp "$srcdir/contrib/systemd/$sample.conf.sample" \
	    "$work/heaprelay.service.d/$sample.conf"
	systemd-analyze verify --man=no "$work/heaprelay.service" \
	    2> "$work/said" || complain "with '$sample': verify fails"
	# Other units of this machine may have faults of their own.
	! grep 'heaprelay' "$work/said" >&2 ||
	    complain "with '$sample': verify has something to say"
done

rm -f "$work"/heaprelay.service.d/*
if ! systemd-analyze security --offline=true --no-pager --threshold=15 \
    "$work/heaprelay.service" > "$work/said" 2>&1; then
	cat "$work/said" >&2
	complain 'the unit is more exposed than 1.5'
fi
grep -q 'Overall exposure' "$work/said" || complain 'nothing was judged'

# Settings by which the agent keeps its promises.
for line in Type=notify StateDirectory=heaprelay User=heaprelay \
    Restart=on-failure 'RestartPreventExitStatus=64 77 78' \
    'ExecReload=/bin/kill -HUP $MAINPID' ProcSubset=all; do
	grep -qxF "$line" "$work/heaprelay.service" ||
	    complain "the unit lacks $line"
done

if command -v systemd-sysusers > /dev/null; then
	mkdir "$work/root"
	mkdir "$work/root/etc"
	systemd-sysusers --root="$work/root" \
	    "$srcdir/contrib/sysusers.d/heaprelay.conf" 2> "$work/said" ||
	    complain "sysusers: $(cat "$work/said")"
	grep -q '^heaprelay:.*:/var/lib/heaprelay:.*nologin$' \
	    "$work/root/etc/passwd" || complain 'no user was made'
fi

# The directories of both are the same.
for directory in var/lib run; do
	grep -q "^d /$directory/heaprelay 0750 heaprelay heaprelay -" \
	    "$srcdir/contrib/tmpfiles.d/heaprelay.conf" ||
	    complain "tmpfiles.d lacks the directory under $directory"
done

exit $status
