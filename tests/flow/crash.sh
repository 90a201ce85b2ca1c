#!/bin/sh
# crash.sh - kill -9 before the nth call that writes, syncs or uses a socket:
# whichever it is, the agent goes on where it was
#
# Points are spread evenly over all calls of a life; HEAPRELAY_LONG=1 tries
# each, HEAPRELAY_NTH=n only that one.
. "${srcdir:-.}/tests/flow/lib.sh"
. "${srcdir:-.}/tests/fault/trial.sh"

rightly() {
	[ "$1" = 137 ]
}

trial_setup

# Nothing happens: how many calls there are.
trial_begin
launch FAULT_PLAN='crash 0'
workload
judge
all=$calls
[ "$all" -gt 500 ] || fail "only $all calls were seen"
[ "$deaths" = 0 ] || fail 'it ended without a fault'

points=50
[ -z "${HEAPRELAY_LONG:-}" ] || points=$all
tried=0
while [ "$tried" -lt "$points" ]; do
	nth=${HEAPRELAY_NTH:-$((1 + tried * all / points))}
	trial_begin
	launch FAULT_PLAN="crash $nth"
	workload
	judge
	tried=$((tried + 1))
	[ -z "${HEAPRELAY_NTH:-}" ] || break
done
echo "$tried lives of about $all calls, $deaths of them cut short"
# A life differs a little from another, and its last calls may not come.
[ "$deaths" -ge $((tried * 9 / 10)) ] || fail "only $deaths of $tried died"
