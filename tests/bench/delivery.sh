#!/bin/sh
#
# delivery.sh - how fast a backlog leaves when nothing limits it
#
# Of many people, in batches of one event and of ten; the agent is started
# with the backlog, and the sink tells when the first and the last arrived.

. "$(dirname "$0")/lib.sh"

# shape NAME EVENTS-A-BATCH
shape() {
	run=0
	: > "$work/rates"
	while [ "$run" -lt "$runs" ]; do
		fresh_agent
		fill "$events" 10000 "$2"
		stop_agent
		start_sink
		make_config "$sink"
		start_agent
		wait_for 300 has_arrived "$events" || fail 'it stands still'
		calc "$events * 1000 / ($(sink_stat '.last_ms - .first_ms') \
		    + 1)" '%.0f\n' >> "$work/rates"
		stop_agent
		stop_sink
		run=$((run + 1))
	done
	rate=$(median < "$work/rates")
	keep "delivery.$1" "$rate"
	printf '%-32s %8d events/s\n' "$1" "$rate"
}

say "delivery of $events events, windows wide open"
shape one 1
shape ten 10
