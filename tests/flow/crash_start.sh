#!/bin/sh
# crash_start.sh - kill -9 before the nth call of a first start: the database,
# the token and the lock may be there, or not, or be empty; the next start works
#
# HEAPRELAY_LONG=1 tries each call, HEAPRELAY_NTH=n only that one.
. "${srcdir:-.}/tests/flow/lib.sh"
. "${srcdir:-.}/tests/fault/trial.sh"

rightly() {
	[ "$1" = 137 ]
}

trial_setup
trial_begin
launch FAULT_PLAN='crash 0'
all=$(counted)
judge
[ "$all" -ge 20 ] || fail "only $all calls were seen"

# The last are those that make the token and the listeners.
points=12
last=10
[ -z "${HEAPRELAY_LONG:-}" ] || points=$all last=0
list=$(awk -v n="$points" -v last="$last" -v all="$all" 'BEGIN {
	for (i = 0; i < n; i++)
		print 1 + int(i * all / n)
	for (i = 1; i <= last; i++)
		print all - last + i
}')
tried=0
for nth in ${HEAPRELAY_NTH:-$list}; do
	trial_begin
	launch FAULT_PLAN="crash $nth"
	revive
	judge
	tried=$((tried + 1))
done
echo "$tried starts of about $all calls, $deaths of them cut short"
[ "$deaths" -ge $((tried - 1)) ] || fail "only $deaths of $tried died"
