#!/bin/sh
#
# peers.sh - how much of what is possible, and of what others do
#
# One-event batches of 600 bytes on 64 connections, each answered once it is
# on disk: by the agent; by raw, which has the agent's loop without its work;
# by SQLite alone, 64 rows a commit; and by PostgreSQL, as inserts of the same
# size into a table.  They take turns, since a machine has good and bad
# minutes, and ratios are those of a turn.  On the disk as it is, and with an
# fsync that takes 2 ms longer.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/postgres.sh"

# note_cpu WHAT PID: microseconds of processor for each event of the last load.
note_cpu() {
	calc "1e6 * $(cpu_seconds "$2") / ($(loaded .events_per_s) * \
	    $(loaded .seconds))" '%.1f\n' >> "$work/$name.cpu.$1"
}

measure_agent() {
	fresh_agent
	load --connections 64 --duration "$seconds" --padding "$padding"
	note_cpu agent "$agent_pid"
	stop_agent
	loaded .events_per_s
}

measure_raw() {
	rm -f "$work"/raw.*
	become "$build/tests/bench/raw" "$work/raw.db" > "$work/raw.port" &
	other_pid=$!
	wait_for 20 test -s "$work/raw.port" || fail 'raw did not start'
	to=$(cat "$work/raw.port")
	load --connections 64 --duration "$seconds" --padding "$padding"
	to=
	note_cpu raw "$other_pid"
	end "$other_pid"
	other_pid=
	loaded .events_per_s
}

measure_rawsql() {
	rm -f "$work"/rawsql.db*
	(become "$build/tests/bench/rawsql" "$work/rawsql.db" "$seconds")
}

# A measurement's figure goes through a file: in $(...) it would start its
# programs out of the trap's sight.
turn() {
	for what in $all; do
		"measure_$what" > "$work/figure"
		cat "$work/figure" >> "$work/$name.$what"
	done
}

# ratio WHAT: the agent's figure by that one's, the median of turns.
ratio() {
	paste "$work/$name.agent" "$work/$name.$1" |
	    awk '{ printf "%.3f\n", $1 / $2 }' | median
}

# compare NAME MICROSECONDS
compare() {
	name=$1
	slow_fsync "$2"
	run=0
	while [ "$run" -lt "$runs" ]; do
		turn
		run=$((run + 1))
	done
	for what in $all; do
		figure=$(median < "$work/$name.$what")
		keep "$name.$what" "$figure"
		printf '%-12s %-12s %8.0f/s' "$name" "$what" "$figure"
		if [ -f "$work/$name.cpu.$what" ]; then
			cpu=$(median < "$work/$name.cpu.$what")
			keep "$name.cpu.$what" "$cpu"
			printf '   %5.1f us CPU' "$cpu"
		fi
		if [ "$what" != agent ]; then
			keep "$name.ratio.$what" "$(ratio "$what")"
			printf '   the agent has %s of it' "$(ratio "$what")"
		fi
		echo
	done
}

say "600 bytes, 64 connections, durable; the median of $runs"
all='agent raw rawsql'
if postgres_is_there; then
	all="$all postgres"
else
	say "PostgreSQL's server or pgbench is missing, and left out"
fi
compare peers 0
compare peers_slow 2000
