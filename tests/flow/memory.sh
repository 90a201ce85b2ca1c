#!/bin/sh
# memory.sh - the nth request for memory fails, once and with all that follow:
# the agent refuses, or it ends with a status and says why; it does not crash,
# and nothing that was acknowledged is lost
#
# Whoever asks: the agent, SQLite, libevent, libcurl, OpenSSL or the C library.
# Points are spread evenly over all requests of a life; HEAPRELAY_LONG=1 tries
# more of them, HEAPRELAY_NTH=n only that one.
. "${srcdir:-.}/tests/flow/lib.sh"
. "${srcdir:-.}/tests/fault/trial.sh"

# 78 while the settings are read, 73 or 74 where a file could not be used for
# want of memory.
rightly() {
	case $1 in
	70 | 73 | 74 | 78) tail -n 1 "$work/agent.log" | grep -q \
	    ' error heaprelayd: \|Cannot allocate memory' ;;
	*) false ;;
	esac
}

# What counts lines writes them down at the end, and crashes without memory.
! grep -q __gcov_ "$build/heaprelayd" || skip 'gcov needs memory'

trial_setup
trial_begin
launch FAULT_PLAN='memory 0'
at_start=$(counted)
workload
judge
all=$calls
[ "$all" -gt 5000 ] || fail "only $all requests were seen"

# sweep PLAN FROM TO POINTS
sweep() {
	tried=0
	died=$deaths
	while [ "$tried" -lt "$4" ]; do
		nth=${HEAPRELAY_NTH:-$(($2 + tried * ($3 - $2) / $4))}
		trial_begin
		launch FAULT_PLAN="$1 $nth"
		workload
		judge
		tried=$((tried + 1))
		[ -z "${HEAPRELAY_NTH:-}" ] || break
	done
	echo "$1: $tried lives, $((deaths - died)) ended by it"
}

points=10
[ -z "${HEAPRELAY_LONG:-}" ] || points=500
echo "$at_start requests until it has started, $all in all"
for plan in memory famine; do
	sweep $plan 1 "$at_start" $((points / 2))
	sweep $plan "$at_start" "$all" "$points"
done
