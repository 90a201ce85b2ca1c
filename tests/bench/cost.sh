#!/bin/sh
#
# cost.sh - what an event costs: processor and disk, on the way in and out

. "$(dirname "$0")/lib.sh"

# A stop empties the WAL.
bytes_an_event() {
	calc "$(stat -c %s "$work/queue.db") / $events" %.0f
}

# shape NAME LOAD-OPTION...: which has to send $events events.
shape() {
	name=$1
	shift
	fresh_agent
	before=$(cpu_seconds)
	load --duration 0 --padding "$padding" --identities 10000 "$@"
	in=$(calc "($(cpu_seconds) - $before) * 1e6 / $events" %.1f)
	stop_agent
	queued=$(bytes_an_event)
	start_sink
	make_config "$sink"
	start_agent
	wait_for 300 has_arrived "$events" || fail 'it stands still'
	out=$(calc "$(cpu_seconds) * 1e6 / $events" %.1f)
	stop_agent
	stop_sink
	keep "cost.$name.cpu_in" "$in"
	keep "cost.$name.cpu_out" "$out"
	keep "cost.$name.bytes" "$(bytes_an_event)"
	printf '%-32s %5.1f s CPU a million in, %5.1f out' "$name" "$in" \
	    "$out"
	printf '  %5d bytes an event queued, %5d delivered\n' "$queued" \
	    "$(bytes_an_event)"
}

say "cost of $events events"
shape one --connections 64 --requests "$events"
shape hundred_events --connections 16 --events 100 \
    --requests $((events / 100))
shape bulk_of_100 --connections 16 --bulk 100 --requests $((events / 100))
